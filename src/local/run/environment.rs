//! One execution environment: a task that gets its process ready, hands it one invocation after the
//! other, and ends it (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>).

use super::api::{Event, Work};
use super::code::{Packages, Unpacked};
use super::deployment::{Deployment, FunctionError, ImageCode, Invocation, LogSink, Options, Outcome, Refusal};
use super::failure::Failure;
use super::home::Home;
use super::image::{self, Engines};
use super::journal::{Destination, Journal};
use super::live::Live;
use super::pool::{Job, Seat, Vacancy};
use super::report::{self, Figures};
use super::runtime::{Launch, Runtimes};
use super::sandbox::Sandbox;
use bytes::Bytes;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What all environments of a runner share.
pub struct Core {
    pub options: Options,
    pub home: Arc<Home>,
    pub sandbox: Sandbox,
    pub packages: Packages,
    pub runtimes: Runtimes,
    pub engines: Engines,
    pub sink: Arc<dyn LogSink>,
    pub search_path: String,
    /// Folders that no function may see.
    pub hidden: Vec<PathBuf>,
}

/// One environment.
pub struct Environment {
    core: Arc<Core>,
    deployment: Arc<Deployment>,
    mailbox: mpsc::Receiver<Job>,
    token: CancellationToken,
    stream: String,
    journal: Journal,
    prepared: Option<Prepared>,
    live: Option<Live>,
    seat: Seat,
}

/// What a process is started from.
struct Prepared {
    code: Arc<Unpacked>,
    layers: Option<Arc<Unpacked>>,
    launch: Launch,
}

/// When the function's time began, and how it went until it asked for work.
struct Begun {
    at: Instant,
    /// Only for a cold start that succeeded at once.
    init: Option<Duration>,
    failure: Option<Failure>,
}

impl Environment {
    /// Starts the task of a new environment.
    pub fn spawn(core: Arc<Core>, deployment: Arc<Deployment>, vacancy: Vacancy) {
        let stream = stream_name(&deployment.version);
        let journal = Journal::open(Destination {
            sink: Arc::clone(&core.sink),
            region: deployment.region.clone(),
            group: deployment.log_group.clone(),
            stream: stream.clone(),
        });
        let Vacancy { seat, mailbox, token, .. } = vacancy;
        let environment = Self { core, deployment, mailbox, token, stream, journal, prepared: None, live: None, seat };
        tokio::spawn(environment.run());
    }

    async fn run(mut self) {
        let token = self.token.clone();
        while let Some(job) = self.next_job().await {
            tokio::select! {
                biased;
                () = self.serve(job) => {}
                () = token.cancelled() => break,
            }
            if self.live.is_none() || !self.seat.rest() {
                break;
            }
        }
        self.seat.leaving();
        if let Some(mut live) = self.live.take() {
            live.end().await;
        }
        let Self { mailbox, journal, seat, .. } = self;
        // Who sent work meanwhile learns at once that nothing becomes of it.
        drop(mailbox);
        journal.close().await;
        // Only now, so that whoever waits for the environments waits for their logs too.
        drop(seat);
    }

    async fn next_job(&mut self) -> Option<Job> {
        loop {
            tokio::select! {
                biased;
                job = self.mailbox.recv() => return job,
                () = self.token.cancelled() => return None,
                () = exit(self.live.as_mut()) => self.live = None,
                () = tokio::time::sleep(self.core.options.idle) => {}
            }
            if self.seat.leave_if_idle() {
                return None;
            }
        }
    }

    async fn serve(&mut self, job: Job) {
        if self.prepared.is_none() {
            match self.prepare().await {
                Ok(prepared) => self.prepared = Some(prepared),
                Err(refusal) => {
                    self.seat.leaving();
                    drop(job.permit);
                    // Whoever asked may have left.
                    let _ = job.reply.send(Err(refusal));
                    return;
                }
            }
        }
        let begun = if self.live.is_some() { Begun { at: Instant::now(), init: None, failure: None } } else { self.cold_start().await };
        self.journal.begin(report::start(&job.invocation.request_id, &self.deployment.version)).await;
        let until = begun.at + Duration::from_millis(self.deployment.timeout_ms);
        match self.answer(&job.invocation, &begun, until).await {
            Ok(answer) => self.answered(job, begun, answer, until).await,
            Err(failure) => self.failed(job, &begun, failure).await,
        }
    }

    async fn prepare(&self) -> Result<Prepared, Refusal> {
        let code = self.core.packages.get(&self.deployment).await?;
        let layers = self.core.packages.layers(&self.deployment).await?;
        let launch = match &self.deployment.image {
            Some(image) => self.launch(image, code.folder()).await?,
            None => self.core.runtimes.launch(&self.deployment, code.folder(), self.core.sandbox).await?,
        };
        Ok(Prepared { code, layers, launch })
    }

    async fn launch(&self, image: &ImageCode, root: &Path) -> Result<Launch, Refusal> {
        let Core { sandbox, engines, home, .. } = &*self.core;
        let container = if sandbox.is_private() { None } else { Some(engines.container(root, home).await?) };
        Ok(image::launch(&self.deployment, image, root, container))
    }

    /// Gets the process ready. What does not get ready in the init phase gets a second chance on the
    /// invocation's time.
    async fn cold_start(&mut self) -> Begun {
        self.journal.lines(self.first_lines()).await;
        let began = Instant::now();
        let Err(failure) = self.initialise(began + self.core.options.init_limit).await else {
            return Begun { at: Instant::now(), init: Some(began.elapsed()), failure: None };
        };
        self.journal.lines(vec![report::init_report(began.elapsed(), "init", &failure)]).await;
        let began = Instant::now();
        let failure = self.initialise(began + Duration::from_millis(self.deployment.timeout_ms)).await.err();
        if let Some(failure) = &failure {
            self.journal.lines(vec![report::init_report(began.elapsed(), "invoke", failure)]).await;
        }
        Begun { at: began, init: None, failure }
    }

    fn first_lines(&self) -> Vec<String> {
        let has_runtime = self.deployment.image.is_none();
        let mut lines: Vec<String> = has_runtime.then(|| report::init_start(&self.deployment.runtime)).into_iter().collect();
        lines.extend(self.prepared.iter().flat_map(|prepared| prepared.launch.notes.clone()));
        let foreign = self.deployment.layers.iter().filter(|layer| layer.package.is_none());
        let missing = |arn: &str| format!("The local cloud has no layers of other accounts: the function runs without `{arn}`\n");
        lines.extend(foreign.map(|layer| missing(&layer.arn)));
        if let Some(layers) = self.prepared.as_ref().and_then(|prepared| prepared.layers.as_ref()).filter(|_| !self.core.sandbox.has_opt())
        {
            let folder = layers.folder().display();
            lines.push(format!(
                "This machine cannot show the layers below `/opt`: they lie in `{folder}`, and the search paths lead there\n"
            ));
        }
        lines
    }

    async fn initialise(&mut self, until: Instant) -> Result<(), Failure> {
        let mut live = self.start().await?;
        loop {
            match live.next(until).await? {
                Event::Ready => break,
                Event::InitError { error_type, body } => {
                    live.end().await;
                    return Err(Failure::Reported { error_type, body });
                }
                // Nothing of that kind is accepted before there is work.
                Event::Response(_) | Event::Error(_) | Event::TooLarge => {}
            }
        }
        // So that there is a figure even if the process ends before it can be asked again.
        live.peak_bytes();
        self.live = Some(live);
        Ok(())
    }

    async fn start(&self) -> Result<Live, Failure> {
        let Some(Prepared { code, layers, launch }) = &self.prepared else {
            return Err(Failure::InvalidEntrypoint("the package is not unpacked".into()));
        };
        if let Some(problem) = &launch.problem {
            return Err(Failure::InvalidEntrypoint(problem.clone()));
        }
        let started = Live::start(&self.core, &self.deployment, (code, layers.as_deref()), launch, &self.stream, &self.journal).await;
        started.map_err(|error| Failure::InvalidEntrypoint(format!("fork/exec {}: {error}", launch.program.display())))
    }

    /// Hands the work out and waits for the answer; the second part is whether it is an error.
    async fn answer(&mut self, invocation: &Invocation, begun: &Begun, until: Instant) -> Result<Answer, Failure> {
        if let Some(failure) = &begun.failure {
            return Err(failure.clone());
        }
        let work = self.work(invocation, until);
        let Some(live) = &mut self.live else {
            return Err(Failure::InvalidEntrypoint("the process is gone".into()));
        };
        live.api.offer(work);
        loop {
            let (payload, is_error) = match live.next(until).await? {
                Event::Response(payload) => (payload, false),
                Event::Error(payload) => (payload, true),
                Event::TooLarge => (Failure::ResponseTooLarge.payload(&invocation.request_id), true),
                Event::Ready | Event::InitError { .. } => continue,
            };
            return Ok(Answer { payload, is_error });
        }
    }

    fn work(&self, invocation: &Invocation, until: Instant) -> Work {
        let left = until.saturating_duration_since(Instant::now());
        let deadline = jiff::Timestamp::now().as_millisecond() + i64::try_from(left.as_millis()).unwrap_or(0);
        let qualifier = invocation.qualifier.iter().map(|qualifier| format!(":{qualifier}"));
        Work {
            request_id: invocation.request_id.clone(),
            payload: invocation.payload.clone(),
            invoked_arn: std::iter::once(self.deployment.arn.clone()).chain(qualifier).collect(),
            trace_id: invocation.trace_id.clone().unwrap_or_else(trace_id),
            client_context: invocation.client_context.clone(),
            deadline_ms: deadline,
        }
    }

    /// The answer goes out first, unless the caller wants the log too; the function's time ends when it
    /// asks for more.
    async fn answered(&mut self, job: Job, begun: Begun, answer: Answer, until: Instant) {
        let Job { invocation, permit, reply } = job;
        let mut outcome =
            Outcome { payload: answer.payload, function_error: answer.is_error.then_some(FunctionError::Unhandled), log_tail: Vec::new() };
        drop(permit);
        self.seat.finishing();
        let waiting = if invocation.wants_tail {
            Some(reply)
        } else {
            // Whoever asked may have left.
            let _ = reply.send(Ok(std::mem::replace(&mut outcome, empty())));
            None
        };
        let failure = self.until_ready(until).await.err();
        let lines = self.last_lines(&invocation, &begun, failure.as_ref());
        if failure.is_some() {
            self.seat.leaving();
            self.live = None;
        }
        match waiting {
            None => self.journal.finish(lines).await,
            Some(reply) => {
                outcome.log_tail = self.journal.finish_with_tail(lines).await;
                let _ = reply.send(Ok(outcome));
            }
        }
    }

    async fn until_ready(&mut self, until: Instant) -> Result<(), Failure> {
        while let Some(live) = &mut self.live {
            if matches!(live.next(until).await?, Event::Ready) {
                break;
            }
        }
        Ok(())
    }

    async fn failed(&mut self, job: Job, begun: &Begun, failure: Failure) {
        let Job { invocation, permit, reply } = job;
        let lines = self.last_lines(&invocation, begun, Some(&failure));
        self.live = None;
        // Whoever sees a failure looks into the log next: it is complete by then.
        let tail = self.journal.finish_with_tail(lines).await;
        let log_tail = if invocation.wants_tail { tail } else { Vec::new() };
        self.seat.leaving();
        drop(permit);
        let outcome =
            Outcome { payload: failure.payload(&invocation.request_id), function_error: Some(FunctionError::Unhandled), log_tail };
        // Whoever asked may have left.
        let _ = reply.send(Ok(outcome));
    }

    fn last_lines(&mut self, invocation: &Invocation, begun: &Begun, failure: Option<&Failure>) -> Vec<String> {
        let most = Duration::from_millis(self.deployment.timeout_ms);
        let (duration, peak_bytes) = (begun.at.elapsed().min(most), self.peak_bytes(failure));
        let figures = Figures { request_id: &invocation.request_id, duration, init: begun.init, peak_bytes, failure };
        report::end(&self.deployment, &figures)
    }

    fn peak_bytes(&mut self, failure: Option<&Failure>) -> Option<u64> {
        if failure == Some(&Failure::OutOfMemory) {
            return Some(u64::from(self.deployment.memory_mb) * 1024 * 1024);
        }
        self.live.as_mut()?.peak_bytes()
    }
}

/// What a function answered.
struct Answer {
    payload: Bytes,
    is_error: bool,
}

fn empty() -> Outcome {
    Outcome { payload: Bytes::new(), function_error: None, log_tail: Vec::new() }
}

async fn exit(live: Option<&mut Live>) {
    match live {
        Some(live) => live.exit().await,
        None => std::future::pending().await,
    }
}

/// `2026/01/31/[$LATEST]` and 32 hexadecimal digits.
fn stream_name(version: &str) -> String {
    format!("{}/[{version}]{}", jiff::Timestamp::now().strftime("%Y/%m/%d"), random_hex(16))
}

/// A trace that is not sampled
/// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>).
fn trace_id() -> String {
    let now = jiff::Timestamp::now().as_second();
    format!("Root=1-{now:08x}-{};Parent={};Sampled=0", random_hex(12), random_hex(8))
}

fn random_hex(length_bytes: usize) -> String {
    let mut bytes = vec![0; length_bytes];
    // Without randomness the names are only less unique.
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

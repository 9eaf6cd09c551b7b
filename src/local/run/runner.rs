//! The entrance: invocations in, outcomes out.

use super::code::Packages;
use super::deployment::{Deployment, Invocation, Isolation, LogSink, Options, Outcome, Refusal};
use super::environment::{Core, Environment};
use super::home::Home;
use super::image::Engines;
use super::pool::{Decision, Job, Permit, Pool};
use super::runtime::Runtimes;
use super::sandbox::Sandbox;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OnceCell, mpsc, oneshot};
use tokio::time::Instant;

/// An environment that has answered asks for more within this, as a rule; after that a new one is made.
const PATIENCE: Duration = Duration::from_millis(50);

/// Runs functions. Must be used within one Tokio runtime. Everything ends when this is dropped;
/// [`Runner::shutdown`] also waits for it.
pub struct Runner {
    options: Options,
    sink: Arc<dyn LogSink>,
    pool: Arc<Pool>,
    /// Made for the first invocation, so that a cloud without one starts at once.
    core: OnceCell<Arc<Core>>,
}

impl Runner {
    /// A runner without environments; nothing is touched before the first invocation.
    pub fn new(options: Options, sink: Arc<dyn LogSink>) -> Self {
        let pool = Pool::new(options.most_environments);
        Self { options, sink, pool, core: OnceCell::new() }
    }

    /// Runs a function once. The invocation goes on when this is dropped.
    ///
    /// # Errors
    /// If nothing ran: throttled, or the function cannot run here. A function that fails is an outcome.
    pub async fn invoke(&self, deployment: &Deployment, invocation: Invocation) -> Result<Outcome, Refusal> {
        let core = self.core().await?;
        let (sender, permit) = self.environment(core, deployment).await?;
        let (reply, outcome) = oneshot::channel();
        // An environment that is being ended takes nothing and answers nothing.
        let _ = sender.send(Job { invocation, permit, reply }).await;
        outcome.await.unwrap_or(Err(Refusal::ShuttingDown))
    }

    /// Ends the environments of a function: the idle ones by the time this returns, the others after
    /// their invocation. For a function that was deleted; updates show in the generation.
    pub async fn retire(&self, arn: &str) {
        self.pool.retire(arn).await;
    }

    /// Ends everything, in the middle of what it does, and removes the runner's folder.
    pub async fn shutdown(&self) {
        self.pool.close().await;
        if let Some(core) = self.core.get() {
            let core = Arc::clone(core);
            // It takes long for large packages; a failure leaves it to the next runner's sweep.
            let _ = tokio::task::spawn_blocking(move || core.home.clear()).await;
        }
    }

    async fn environment(&self, core: &Arc<Core>, deployment: &Deployment) -> Result<(mpsc::Sender<Job>, Permit), Refusal> {
        let patient_until = Instant::now() + PATIENCE;
        loop {
            match self.pool.decide(deployment, Instant::now() < patient_until) {
                Decision::Use(sender, permit) => return Ok((sender, permit)),
                Decision::Make(vacancy, permit) => {
                    let sender = vacancy.sender.clone();
                    Environment::spawn(Arc::clone(core), Arc::new(deployment.clone()), vacancy);
                    return Ok((sender, permit));
                }
                Decision::Wait => {
                    // A change that comes before this waits is found a moment later.
                    let pause = patient_until.min(Instant::now() + Duration::from_millis(1));
                    let _ = tokio::time::timeout_at(pause, self.pool.change()).await;
                }
                Decision::Refuse(refusal) => return Err(refusal),
            }
        }
    }

    async fn core(&self) -> Result<&Arc<Core>, Refusal> {
        let made = self.core.get_or_try_init(|| self.make_core()).await;
        made.map_err(|error| Refusal::CannotRun {
            code: "ServiceException",
            message: format!("functions cannot run, since their folder cannot be made: {error}"),
        })
    }

    async fn home(&self) -> std::io::Result<Home> {
        let parent = self.options.folder.clone().unwrap_or_else(std::env::temp_dir);
        for parent in std::iter::once(&parent).chain(&self.options.spare_folder) {
            let home = Home::make(parent)?;
            if home.starts_programs().await {
                return Ok(home);
            }
        }
        let reason = "no program can be started there, as where a file system is mounted with `noexec`; set `TMPDIR` to a folder elsewhere";
        Err(std::io::Error::other(format!("`{}`: {reason}", parent.display())))
    }

    async fn make_core(&self) -> std::io::Result<Arc<Core>> {
        allow_many_files();
        let home = Arc::new(self.home().await?);
        let sandbox = match self.options.isolation {
            Isolation::WherePossible => Sandbox::probe(&home).await,
            Isolation::Plain => Sandbox::Plain,
        };
        // Only where interpreters are is taken over from the cloud's own environment.
        let search_path = self.options.search_path.clone().or_else(|| std::env::var("PATH").ok()).unwrap_or_default();
        Ok(Arc::new(Core {
            options: self.options.clone(),
            packages: Packages::new(home.path().to_owned()),
            home,
            sandbox,
            runtimes: Runtimes::new(search_path.clone()),
            engines: Engines::new(search_path.clone()),
            sink: Arc::clone(&self.sink),
            hidden: hidden(self.options.cloud_folder.as_deref(), std::env::var_os("HOME").as_deref().map(Path::new)),
            search_path,
        }))
    }
}

/// Where those who run clouds keep their keys, below their home.
const KEYS: [&str; 4] = [".aws", ".ssh", ".gnupg", ".docker"];

/// What functions must not see: where they are not `nobody` they could read it.
fn hidden(cloud_folder: Option<&Path>, home: Option<&Path>) -> Vec<PathBuf> {
    let keys = home.filter(|home| home.is_absolute()).into_iter().flat_map(|home| KEYS.map(|name| home.join(name)));
    cloud_folder.and_then(|folder| folder.canonicalize().ok()).into_iter().chain(keys).collect()
}

/// An environment has a handful of files and sockets open here, and as many environments as there may be
/// need more than most shells allow at first.
fn allow_many_files() {
    // What macOS grants at most.
    const ENOUGH: u64 = 10_240;
    let mut limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(ENOUGH, |most| most.min(ENOUGH));
    if limit.current.is_some_and(|current| current < most) {
        limit.current = Some(most);
        // Without them fewer environments fit.
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.pool.abandon();
    }
}

//! `lambdo invoke`: calls a function, prints its answer, and fails when the function fails.

use crate::aws::{Answer, AwsError, ErrorClass, Invocation};
use crate::cli::args::{Format, InvokeArguments};
use crate::cli::deployed;
use crate::cli::invocation::{FunctionFailure, Payload, Report};
use crate::cli::view::human::{self, InvocationView};
use crate::cli::view::{Title, json};
use crate::cli::workspace::{Config, Workspace};
use crate::diagnostic::Diagnostic;
use crate::model::{Address, Entry, Exit, Failure, State, Value};
use crate::spec::Header;
use crate::store::StateStore;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Calls one function.
pub async fn run(workspace: &Workspace, arguments: &InvokeArguments) -> Result<Exit, Failure> {
    let config = workspace.config()?;
    let header = workspace.header(&config)?;
    let out = arguments.out.as_ref().map(|path| workspace.path(path));
    check(workspace, &config, &header, arguments, out.as_deref()).await?;
    let is_sent = AtomicBool::new(false);
    let work = async {
        let payload = payload(workspace, arguments).await?;
        call(workspace, &header, arguments, payload, &is_sent).await
    };
    let called = tokio::select! {
        // What is done counts, even when a signal came in the same moment.
        biased;
        called = work => called,
        () = workspace.interrupt.drain.cancelled() => Err(interrupted(is_sent.load(Ordering::Relaxed), workspace.global.local)),
    };
    workspace.ui.end_live();
    tell(workspace, &called?, arguments.is_async, out.as_deref())
}

/// Everything that can be wrong before AWS is asked for anything.
async fn check(
    workspace: &Workspace,
    config: &Config,
    header: &Header,
    arguments: &InvokeArguments,
    out: Option<&Path>,
) -> Result<(), Failure> {
    let state = workspace.store(header).load().await?;
    let deployed: BTreeSet<&str> = state.iter().flat_map(|state| deployed::functions(state).into_keys()).collect();
    if !deployed.contains(arguments.name.as_str()) {
        if let Some(failure) = deployed::one_name_only(&arguments.name, &deployed) {
            return Err(failure);
        }
        let specified = deployed::specified(workspace, config);
        let failure = deployed::missing(&arguments.name, &deployed, &specified);
        return Err(deployed::or_local(failure, workspace, header).await);
    }
    // An answer that cannot be kept is better known before the function runs.
    out.and_then(misplaced).map_or(Ok(()), Err)
}

/// Why an answer cannot be written to this path, as far as that can be known before.
fn misplaced(out: &Path) -> Option<Failure> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let why = match folder {
        _ if out.is_dir() => "it is a folder".to_owned(),
        Some(folder) if !folder.is_dir() => format!("there is no folder `{}`", folder.display()),
        _ => return None,
    };
    let detail = format!("The answer cannot be written to `{}`: {why}. The function was not called.", out.display());
    Some(Failure::new(Exit::Usage, Diagnostic::error("out-file", "The answer cannot be written").detail(detail)))
}

/// The event; waiting for stdin must not keep Ctrl-C from being heard.
async fn payload(workspace: &Workspace, arguments: &InvokeArguments) -> Result<Vec<u8>, Failure> {
    let word = arguments.event.as_deref().or(arguments.payload.as_deref());
    let (payload, is_async) = (Payload::new(word, |path| workspace.path(path)), arguments.is_async);
    let lost = |error: tokio::task::JoinError| {
        Failure::new(Exit::Failed, Diagnostic::error("payload-unreadable", "The payload cannot be read").detail(error.to_string()))
    };
    tokio::task::spawn_blocking(move || payload.read(is_async)).await.map_err(lost)?
}

/// A call that Lambda answered.
struct Called {
    title: Title,
    address: Address,
    function_name: String,
    answer: Answer,
    elapsed_ms: u64,
}

async fn call(
    workspace: &Workspace,
    header: &Header,
    arguments: &InvokeArguments,
    payload: Vec<u8>,
    is_sent: &AtomicBool,
) -> Result<Called, Failure> {
    let engine = workspace.engine(header).await?;
    let state = engine.load(&header.project, header.stage.as_deref()).await?;
    let address = Address::new("function", &arguments.name);
    let Some(entry) = state.entries.get(&address) else {
        return Err(deployed::not_deployed("It was destroyed just now.", &[&arguments.name]));
    };
    let function_name = entry.physical_id.to_string();
    let invocation = Invocation { address: address.clone(), function_name: function_name.clone(), payload, is_async: arguments.is_async };
    let (started, name) = (Instant::now(), arguments.name.clone());
    workspace.ui.start_live(move |_, _| format!("{name} runs · {} s", started.elapsed().as_secs()));
    is_sent.store(true, Ordering::Relaxed);
    let answer = engine.invoker().invoke(&invocation).await.map_err(|error| refused(&error, &address, entry, workspace))?;
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Called { title: title(state), address, function_name, answer, elapsed_ms })
}

fn title(state: State) -> Title {
    Title { project: state.project, stage: state.stage, target: state.target, alias: None, endpoint: state.endpoint, serial: state.serial }
}

/// Why the function was not called, or why nobody knows whether it was.
fn refused(error: &AwsError, address: &Address, entry: &Entry, workspace: &Workspace) -> Failure {
    if error.class == ErrorClass::Interrupted {
        return interrupted(error.leaves_open(), workspace.global.local);
    }
    let diagnostic = error.diagnostic();
    let name = &address.name;
    let hints = match error.class {
        _ if error.leaves_open() => vec![
            "the function may have run all the same, so it was not called again".to_owned(),
            format!("`lambdo logs {name}` shows whether it ran"),
        ],
        ErrorClass::Throttled if entry.inputs.get("reserved_concurrent_executions").and_then(Value::as_integer) == Some(0) => {
            vec!["`reserved_concurrent_executions = 0` in its section means that nobody can call it".to_owned()]
        }
        ErrorClass::Throttled => {
            vec!["as many of it run as its `reserved_concurrent_executions` or the account's concurrency allows".to_owned()]
        }
        ErrorClass::NotFound => {
            vec![format!("`lambdo drift {name}` shows what became of it, `lambdo up {name}` brings it back")]
        }
        _ => diagnostic.hints.clone(),
    };
    Failure::new(Exit::Failed, Diagnostic { hints, ..diagnostic }.address(address))
}

fn interrupted(is_sent: bool, is_local: bool) -> Failure {
    let detail = match is_sent {
        true if is_local => "The function was called, and its answer is lost.",
        true => "The function was called. It goes on to its end in AWS, but its answer is lost.",
        false => "The function was not called.",
    };
    Failure::new(Exit::Interrupted, Diagnostic::error("interrupted", "Interrupted").detail(detail))
}

/// The log's end and what it took on stderr, the answer on stdout or in its file.
fn tell(workspace: &Workspace, called: &Called, is_async: bool, out: Option<&Path>) -> Result<Exit, Failure> {
    let (ui, answer) = (&workspace.ui, &called.answer);
    let logs = format!("lambdo logs {}", called.address.name);
    let view = InvocationView {
        logs: &logs,
        address: &called.address,
        function_name: &called.function_name,
        answer,
        report: answer.log_tail.as_deref().and_then(Report::find),
        elapsed_ms: called.elapsed_ms,
    };
    human::log_tail(&view).iter().for_each(|tail| ui.status(tail));
    let failure = answer.function_error.as_deref().map(|function_error| {
        let is_init_timeout = view.report.as_ref().is_some_and(|report| report.is_init_timeout);
        FunctionFailure { address: &called.address, function_error, payload: &answer.payload, logs: &logs, is_init_timeout }.diagnostic()
    });
    let errors: Vec<Diagnostic> = failure.into_iter().collect();
    let kept = match (ui.format(), is_async) {
        (Format::Json, _) => {
            let kept = out.map_or(Ok(()), |path| keep(path, &answer.payload));
            let has_payload = !is_async && (out.is_none() || kept.is_err());
            workspace.document(json::invoke(&called.title, &view, has_payload, &errors));
            kept
        }
        (Format::Human | Format::Markdown, true) => {
            ui.data(answer.request_id.as_deref().unwrap_or("accepted"));
            Ok(())
        }
        (Format::Human | Format::Markdown, false) => print(workspace, answer, out),
    };
    match is_async {
        true => ui.status(&format!("Lambda has taken the event; `{logs} -f` shows what the function does with it.")),
        false => ui.status(&human::invocation(&view)),
    }
    ui.diagnostics(&errors);
    kept?;
    Ok(if errors.is_empty() { Exit::Success } else { Exit::Failed })
}

/// The answer as it came; only a person gets it indented, and an error only once, since it is told in words.
fn print(workspace: &Workspace, answer: &Answer, out: Option<&Path>) -> Result<(), Failure> {
    let ui = &workspace.ui;
    let unkept = match out {
        Some(path) => match keep(path, &answer.payload) {
            Ok(()) => return Ok(()),
            Err(failure) => Some(failure),
        },
        None => None,
    };
    if ui.is_stdout_terminal() {
        if answer.function_error.is_none() {
            ui.data(&human::answer(&answer.payload));
        }
    } else if let Err(error) = ui.bytes(&answer.payload)
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        return Err(unwritten("stdout", &error, ""));
    }
    unkept.map_or(Ok(()), Err)
}

fn keep(path: &Path, payload: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, payload).map_err(|error| unwritten(&format!("`{}`", path.display()), &error, " It stands on stdout instead."))
}

fn unwritten(place: &str, error: &std::io::Error, instead: &str) -> Failure {
    let detail = format!("The function has run, but its answer cannot be written to {place}: {error}.{instead}");
    Failure::new(Exit::Failed, Diagnostic::error("out-file", "The answer cannot be written").detail(detail))
}

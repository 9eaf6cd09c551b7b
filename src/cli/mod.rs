//! The command line: arguments, one file per command, and `ui`, the only place that prints.

mod args;
mod board;
mod ci;
mod commands;
mod deployed;
mod help;
mod init;
mod invocation;
mod local;
mod lock_wait;
mod logs;
mod named_file;
mod policy;
mod post;
mod progress;
mod record;
mod render;
mod runs;
mod saved_plan;
mod signals;
mod transfers;
mod ui;
mod verbs;
pub(crate) mod view;
mod workspace;

use crate::diagnostic::Diagnostic;
use crate::model::{CallAccount, Exit, Failure};
use args::{Arguments, Command, Format};
use clap::FromArgMatches;
use std::ffi::OsString;
use std::sync::Arc;
use ui::Ui;
use workspace::Workspace;

/// A command line that makes sense.
pub struct Invocation(Arguments);

/// Reads the command line. Help, version, usage errors and strange verbs are answered right here.
///
/// # Errors
/// The exit code, when there is nothing left to do.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Invocation, Exit> {
    let words: Vec<OsString> = words.into_iter().collect();
    let format = sniffed_format(&words);
    let parsed = args::command().try_get_matches_from(words).and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = parsed.map_err(|error| answered(&error, format))?;
    match refused(&arguments) {
        Some(failure) => Err(failed(&Ui::new(&arguments.global), arguments.command.name(), &failure, None)),
        None => Ok(Invocation(arguments)),
    }
}

/// Does what the command line asks, and says how the process ends.
pub async fn main(invocation: Invocation) -> Exit {
    let arguments = invocation.0;
    let ui = Arc::new(Ui::new(&arguments.global));
    tell_of_bugs(&ui);
    let name = arguments.command.name().to_owned();
    // To the daemon SIGHUP means something else.
    let ends_with_terminal = !matches!(arguments.command, Command::Daemon(_));
    let workspace = match Workspace::new(&arguments, Arc::clone(&ui), signals::listen(ends_with_terminal)) {
        Ok(workspace) => workspace,
        Err(failure) => return failed(&ui, &name, &failure, None),
    };
    let result = commands::run(&workspace, &arguments.command).await;
    workspace.progress.rest();
    workspace.local.stop(&workspace.interrupt, &workspace.ui).await;
    let (exit, errors) = match result {
        Ok(exit) => (exit, Vec::new()),
        Err(failure) => (failed(&ui, &name, &failure, workspace.calls().as_ref()), failure.diagnostics),
    };
    workspace.tell_calls();
    let exit = ui.answered(exit);
    workspace.progress.record().iter().for_each(|record| record.end(exit, workspace.progress.elapsed_ms(), &errors));
    exit
}

/// What a panic says may have a secret in it, so it is told like everything else.
fn tell_of_bugs(ui: &Arc<Ui>) {
    let ui = Arc::clone(ui);
    std::panic::set_hook(Box::new(move |panic| ui.panicked(&panic.to_string())));
}

/// Says that the asynchronous runtime could not be started.
pub fn without_runtime(invocation: &Invocation, error: &std::io::Error) -> Exit {
    let detail = format!("The system refused the threads that lambdo needs: {error}.");
    let failure = Failure::new(Exit::Failed, Diagnostic::error("no-runtime", "The run cannot start").detail(detail));
    failed(&Ui::new(&invocation.0.global), invocation.0.command.name(), &failure, None)
}

/// Shows why a command could not do its work: on stderr, and as a document under `--format json`.
fn failed(ui: &Ui, command: &str, failure: &Failure, calls: Option<&CallAccount>) -> Exit {
    ui.diagnostics(&failure.diagnostics);
    if ui.format() == Format::Markdown && !verbs::refuses_markdown(command) {
        ui.data(&view::markdown::failure(command, &failure.diagnostics, &ui::sources(&failure.diagnostics)));
    }
    if ui.format() == Format::Json {
        let mut document = view::json::failure(command, &failure.diagnostics, &ui::sources(&failure.diagnostics));
        calls.iter().for_each(|calls| view::json_calls::with_calls(&mut document, calls));
        // What writes a document a line goes on doing so.
        if command == "logs" { ui.data(&document.to_string()) } else { ui.document(&document) }
    }
    failure.exit
}

fn refused(arguments: &Arguments) -> Option<Failure> {
    let strange = |words: &[OsString], refuse: fn(&str) -> Failure| words.first().map(|word| refuse(&word.to_string_lossy()));
    match &arguments.command {
        command if arguments.global.format == Format::Markdown && verbs::refuses_markdown(command.name()) => {
            Some(verbs::without_markdown(command.name()))
        }
        command if arguments.global.faults.is_some() && !arguments.global.local && !matches!(command, Command::Local(_)) => {
            Some(verbs::faults_without_local())
        }
        _ if arguments.global.local && is_given(&arguments.global.endpoint_url, "LAMBDO_ENDPOINT_URL") => {
            Some(verbs::endpoint_with_local())
        }
        Command::Other(words) => strange(words, verbs::unknown),
        Command::State(args::StateCommand::Other(words)) => strange(words, verbs::unknown_state),
        _ => None,
    }
}

/// Whether an option stands on the command line. What the environment says gives way to what was typed.
fn is_given(option: &Option<String>, variable: &str) -> bool {
    option.as_ref().is_some_and(|value| std::env::var(variable).as_ref() != Ok(value))
}

/// Help and version are data; everything else that clap says is bad usage.
fn answered(error: &clap::Error, format: Format) -> Exit {
    use clap::error::ErrorKind::{DisplayHelp, DisplayVersion};
    let ui = Ui::plain(format);
    let text = error.render().ansi().to_string();
    if matches!(error.kind(), DisplayHelp | DisplayVersion) {
        ui.data(text.trim_end());
        return ui.answered(Exit::Success);
    }
    ui.message(text.trim_end());
    if format == Format::Json {
        let text = error.render().to_string();
        let summary = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let diagnostic = Diagnostic::error("usage", summary).detail(text.trim_end());
        ui.document(&view::json::failure("lambdo", &[diagnostic], &render::Sources::new()));
    }
    Exit::Usage
}

/// The format that a command line asks for which could not be read as a whole.
fn sniffed_format(words: &[OsString]) -> Format {
    let is_set = std::env::var("LAMBDO_FORMAT").is_ok_and(|format| format == "json");
    let is_json = is_set
        || words.iter().any(|word| word == "--format=json")
        || words.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    if is_json { Format::Json } else { Format::Human }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(words: &[&str]) -> Option<u8> {
        parse(["lambdo"].iter().chain(words).map(OsString::from)).err().map(Exit::code)
    }

    #[test]
    fn usage_errors_end_with_six_and_help_with_zero() {
        for words in [
            &["--nonsense"][..],
            &["plan", "--target", "x"],
            &["deploy"],
            &["logs", "--since", "soon"],
            &["state", "move"],
            &["state", "rebuilt"],
            &["plan", "--local", "--endpoint-url", "http://localhost:4566"],
            &["runs", "-n", "0"],
        ] {
            assert_eq!(exit(words), Some(6), "{words:?}");
        }
        assert_eq!(exit(&["--version"]), Some(0));
        assert_eq!(exit(&["plan", "--help"]), Some(0));
        assert_eq!(exit(&["plan"]), None);
    }
}

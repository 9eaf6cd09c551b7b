//! One file per command. They wire; views show and the engine decides.

mod accept;
mod build;
mod check;
mod completions;
pub mod daemon;
mod deploy;
mod destroy;
mod diff;
mod drift;
mod gc;
mod import;
mod init;
mod invoke;
mod local;
mod log_groups;
mod logs;
mod notify;
mod output;
mod places;
mod plan;
mod policy;
mod premises;
mod run;
mod runs;
mod schema;
mod spec;
mod state;
mod status;
mod unlock;
mod up;
mod validate;

use super::args::{Command, LogGroupsCommand, NotifyCommand};
use super::workspace::Workspace;
use crate::model::{Exit, Failure};
use std::pin::Pin;

/// Does what `command` asks.
///
/// # Errors
/// Why it could not.
pub async fn run(workspace: &Workspace, command: &Command) -> Result<Exit, Failure> {
    // Boxed, since the layouts of the SDK's futures nest deeper than the compiler follows.
    let work: Pin<Box<dyn Future<Output = Result<Exit, Failure>> + '_>> = match command {
        Command::Validate => return validate::run(workspace),
        Command::Spec { names } => return spec::run(workspace, names),
        Command::Schema => return schema::run(workspace),
        Command::Completions { shell } => return completions::run(workspace, *shell),
        Command::Init(arguments) => Box::pin(init::run(workspace, arguments)),
        Command::Build(arguments) => match &arguments.check {
            Some(file) => return check::run(workspace, file, arguments),
            None => Box::pin(build::run(workspace, &arguments.names, arguments.keep_going)),
        },
        Command::Plan(arguments) => Box::pin(plan::run(workspace, arguments)),
        Command::Up(arguments) => Box::pin(up::run(workspace, arguments)),
        Command::Destroy(arguments) => Box::pin(destroy::run(workspace, arguments)),
        Command::Diff(arguments) => Box::pin(diff::run(workspace, arguments)),
        Command::Drift(arguments) => Box::pin(drift::run(workspace, arguments)),
        Command::Invoke(arguments) => Box::pin(invoke::run(workspace, arguments)),
        Command::Logs(arguments) => Box::pin(logs::run(workspace, arguments)),
        Command::LogGroups(LogGroupsCommand::Audit(arguments)) => Box::pin(log_groups::run(workspace, arguments)),
        Command::Notify(NotifyCommand::Test) => Box::pin(notify::test(workspace)),
        Command::Status => Box::pin(status::run(workspace)),
        Command::Output { name } => Box::pin(output::run(workspace, name.as_deref())),
        Command::Daemon(arguments) => Box::pin(daemon::run(workspace, arguments)),
        Command::Local(arguments) => Box::pin(local::run(workspace, arguments)),
        Command::Runs(arguments) => return runs::run(workspace, arguments),
        Command::Policy(arguments) => Box::pin(policy::run(workspace, arguments)),
        Command::Import { address, id } => Box::pin(import::run(workspace, address, id)),
        Command::Gc { remove, yes } => Box::pin(gc::run(workspace, *remove, *yes)),
        Command::Unlock => Box::pin(unlock::run(workspace)),
        Command::State(command) => Box::pin(state::run(workspace, command)),
        Command::Other(words) => return Err(super::verbs::unknown(&words.first().map(|word| word.to_string_lossy()).unwrap_or_default())),
    };
    work.await
}

//! The command line as data.

mod build;
mod daemon;
mod deploy;
mod log_groups;
mod policy;
mod run;
mod runs;
mod state;

pub use build::BuildArguments;
pub use daemon::DaemonArguments;
pub use deploy::{DestroyArguments, PlanArguments, UpArguments};
pub use log_groups::{AuditArguments, LogGroupsCommand, USUAL_RETENTION_DAYS};
pub use policy::PolicyArguments;
use policy::account;
pub use run::{InvokeArguments, LogsArguments};
pub use runs::{RunsArguments, RunsCommand};
pub use state::StateCommand;

use super::help::{COMPLETIONS, DAEMON, EXIT_CODES, GLOBAL_ORDER, LOCAL, POLICY, TEMPLATE, grouped};
use super::lock_wait::LockWait;
use super::ui::Color;
use crate::model::{Address, IgnorePattern};
use clap::builder::{FalseyValueParser, StyledStr};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Deploys AWS Lambda functions and all that belongs to them by calling AWS itself
#[derive(Clone, Debug, Parser)]
#[command(name = "lambdo", bin_name = "lambdo", version, after_help = EXIT_CODES, help_template = TEMPLATE)]
#[command(subcommand_required = true, arg_required_else_help = true, infer_subcommands = false)]
pub struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The options that every command takes.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Work as if started in DIR
    #[arg(short = 'C', long, value_name = "DIR", global = true, env = "LAMBDO_DIRECTORY", hide_env_values = true)]
    pub directory: Option<PathBuf>,
    /// The spec [default: config.toml here or in a folder above]
    #[arg(long, value_name = "FILE", global = true, env = "LAMBDO_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// The stage to work on
    #[arg(short, long, value_name = "NAME", global = true, env = "LAMBDO_STAGE", hide_env_values = true)]
    pub stage: Option<String>,
    /// Run against the embedded local cloud, in which functions really run
    #[arg(short, long, global = true, env = "LAMBDO_LOCAL", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub local: bool,
    /// Let the local cloud misbehave as FILE says
    #[arg(long, value_name = "FILE", global = true, env = "LAMBDO_FAULTS", hide_env_values = true, hide = true)]
    pub faults: Option<PathBuf>,
    /// The AWS region; beats the file
    #[arg(long, value_name = "REGION", global = true, env = "LAMBDO_REGION", hide_env_values = true)]
    pub region: Option<String>,
    /// The AWS profile; beats the file
    #[arg(long, value_name = "NAME", global = true, env = "LAMBDO_PROFILE", hide_env_values = true)]
    pub profile: Option<String>,
    /// Call this endpoint instead of AWS
    #[arg(long, value_name = "URL", global = true, env = "LAMBDO_ENDPOINT_URL", hide_env_values = true)]
    pub endpoint_url: Option<String>,
    /// Where the state files are [default: `state` beside the spec]
    #[arg(long, value_name = "DIR", global = true, env = "LAMBDO_STATE_DIR", hide_env_values = true)]
    pub state_dir: Option<PathBuf>,
    /// How results are written to stdout; markdown, for pull requests, is for `plan` and `drift`
    #[arg(
        long,
        value_enum,
        value_name = "human|json|markdown",
        hide_possible_values = true,
        default_value = "human",
        global = true,
        env = "LAMBDO_FORMAT",
        hide_env_values = true
    )]
    pub format: Format,
    /// When to colour
    #[arg(
        long,
        value_enum,
        value_name = "auto|always|never",
        hide_possible_values = true,
        default_value = "auto",
        global = true,
        env = "LAMBDO_COLOR",
        hide_env_values = true
    )]
    pub color: Color,
    /// Say nothing but results, warnings and errors
    #[arg(short, long, global = true, env = "LAMBDO_QUIET", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub quiet: bool,
    /// Say more: each operation and each wait
    #[arg(short, long, global = true, env = "LAMBDO_VERBOSE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub verbose: bool,
    /// Wait this long when somebody else works on the state, such as 10m [default: not at all]
    #[arg(long, value_name = "TIME", global = true, env = "LAMBDO_LOCK_WAIT", hide_env_values = true)]
    pub lock_wait: Option<LockWait>,
    /// Write progress as JSON lines to FILE
    #[arg(long, value_name = "FILE", global = true, env = "LAMBDO_EVENTS", hide_env_values = true)]
    pub events: Option<PathBuf>,
}

/// How results are written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON document.
    Json,
    /// A comment for a pull request.
    Markdown,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Look at a folder and write a config.toml for it
    Init(InitArguments),
    /// Check the spec without calling AWS
    Validate,
    /// Print the resolved spec, with the file and line behind each value
    Spec {
        /// Only these functions
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Print the JSON Schema of config.toml
    Schema,
    /// Build the packages and print what was built
    Build(BuildArguments),
    /// Print the least IAM policy that deploys this spec
    #[command(after_help = POLICY)]
    Policy(PolicyArguments),
    /// Show what would be done, and why
    Plan(PlanArguments),
    /// Make AWS what the spec asks for
    Up(UpArguments),
    /// Take down what was deployed
    Destroy(DestroyArguments),
    /// Find what was changed in AWS since it was applied
    Drift(DriftArguments),
    /// List the files that differ in packages since they were applied
    Diff(DiffArguments),
    /// Call a function and print its answer
    Invoke(InvokeArguments),
    /// Show what functions logged, times in UTC
    Logs(LogsArguments),
    /// Look at all log groups of the account, whoever made them
    #[command(subcommand)]
    LogGroups(LogGroupsCommand),
    /// Try the channels over which the daemon tells people
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Show what the state knows, without calling AWS
    Status,
    /// Print the outputs of the last `up`, or one bare value
    Output {
        /// The output's name, or ADDRESS.attribute such as function.hash.arn
        #[arg(value_name = "NAME")]
        name: Option<String>,
    },
    /// List what earlier runs did, or show one of them
    Runs(RunsArguments),
    /// Take over what exists in AWS: write it into the state, and change nothing
    Import {
        /// The address that the spec has for it, such as function.hash
        #[arg(value_name = "ADDRESS")]
        address: Address,
        /// Its name or its ARN in AWS
        #[arg(value_name = "ID")]
        id: String,
    },
    /// List what carries this project's tags and stands in no state
    Gc {
        /// Delete what this state has made and does not know any more
        #[arg(long)]
        remove: bool,
        /// Do not ask
        #[arg(short, long, requires = "remove")]
        yes: bool,
    },
    /// Show who holds the lock, and clear what a dead process left behind
    Unlock,
    /// Watch over specs on their schedules: say, propose or take back what was changed in AWS
    #[command(after_help = DAEMON)]
    Daemon(DaemonArguments),
    /// Serve the local cloud for any AWS client, until Ctrl-C
    #[command(after_help = LOCAL)]
    Local(LocalArguments),
    /// Print a script that completes lambdo's words in your shell
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// Your shell
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
    /// Look into the state
    #[command(subcommand)]
    State(StateCommand),
    /// Verbs of others, mistyped ones, and ours that are not built yet.
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

/// Which part of a project a command works on.
#[derive(Args, Clone, Debug, Default)]
pub struct Selection {
    /// Only these functions, as names or globs, and all that belongs to them
    #[arg(value_name = "NAME", value_parser = function_name)]
    pub names: Vec<String>,
    /// Only the resource with this address (repeatable)
    #[arg(long = "target", value_name = "ADDRESS")]
    pub targets: Vec<Address>,
}

/// The name of a function; plans print its address, which means the same.
fn function_name(text: &str) -> Result<String, std::convert::Infallible> {
    Ok(text.strip_prefix("function.").unwrap_or(text).to_owned())
}

/// What `init` takes.
#[derive(Args, Clone, Debug)]
pub struct InitArguments {
    /// The folder to look at and to write to; made if it is not there [default: this one]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// The project's name [default: the folder's]
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// Print the config.toml, and write nothing
    #[arg(long, visible_alias = "stdout")]
    pub dry_run: bool,
}

/// What `drift` takes.
#[derive(Args, Clone, Debug)]
pub struct DriftArguments {
    /// Which part of the project.
    #[command(flatten)]
    pub selection: Selection,
    /// Leave out the changes at PATH of ADDRESS; `*` stands for any text (repeatable)
    #[arg(long, value_name = "ADDRESS:PATH")]
    pub ignore: Vec<IgnorePattern>,
    /// Also read the settings that cost a call each
    #[arg(long)]
    pub deep: bool,
    /// Write what lives in AWS into the spec, after a question, so that it is no drift any more; all of it, or what ADDRESS:PATH covers
    #[arg(long, value_name = "ADDRESS:PATH", num_args = 0..=1, default_missing_value = "*:*", conflicts_with = "all_stages")]
    pub accept: Option<IgnorePattern>,
    /// With --accept, do not ask
    #[arg(short, long, requires = "accept")]
    pub yes: bool,
    /// Also find settings that the spec does not have and that left AWS's default
    #[arg(long)]
    pub undeclared: bool,
    /// Ask CloudTrail who changed what was found
    #[arg(long)]
    pub who: bool,
    /// Look at every stage that the spec declares, one after the other
    #[arg(long)]
    pub all_stages: bool,
}

/// What `diff` takes.
#[derive(Args, Clone, Debug)]
pub struct DiffArguments {
    /// Functions to compare, as names or globs [default: all]
    #[arg(value_name = "NAME", value_parser = function_name)]
    pub names: Vec<String>,
    /// Use the packages of the last build
    #[arg(long)]
    pub no_build: bool,
    /// Exit with 2 when something differs, 5 when something is not known
    #[arg(long)]
    pub exit_code: bool,
}

/// What can be done with channels.
#[derive(Clone, Debug, Subcommand)]
pub enum NotifyCommand {
    /// Send each channel of `[[notify]]` a message that shows that it works
    Test,
}

/// What `local` takes.
#[derive(Args, Clone, Debug)]
pub struct LocalArguments {
    /// The port on 127.0.0.1; 0 for any free one
    #[arg(long, value_name = "N", default_value_t = 4566)]
    pub port: u16,
    /// The account that the cloud is
    #[arg(long, value_name = "ID", value_parser = account, hide = true)]
    pub account: Option<String>,
}

impl Command {
    /// The verb, as JSON documents name it.
    pub fn name(&self) -> &str {
        match self {
            Self::Init(_) => "init",
            Self::Validate => "validate",
            Self::Spec { .. } => "spec",
            Self::Schema => "schema",
            Self::Build(_) => "build",
            Self::Plan(_) => "plan",
            Self::Up(_) => "up",
            Self::Destroy(_) => "destroy",
            Self::Drift(_) => "drift",
            Self::Diff(_) => "diff",
            Self::Invoke(_) => "invoke",
            Self::Logs(_) => "logs",
            Self::LogGroups(LogGroupsCommand::Audit(_)) => "log-groups audit",
            Self::Notify(NotifyCommand::Test) => "notify test",
            Self::Status => "status",
            Self::Output { .. } => "output",
            Self::Runs(runs) if runs.command.is_some() => "runs show",
            Self::Runs(_) => "runs",
            Self::Policy(_) => "policy",
            Self::Import { .. } => "import",
            Self::Gc { .. } => "gc",
            Self::Unlock => "unlock",
            Self::Daemon(_) => "daemon",
            Self::Local(_) => "local",
            Self::Completions { .. } => "completions",
            Self::State(state) => state.name(),
            Self::Other(words) => words.first().and_then(|word| word.to_str()).unwrap_or("lambdo"),
        }
    }
}

/// The whole command, its verbs in groups.
pub fn command() -> clap::Command {
    let last = |argument: clap::Arg| if argument.is_global_set() { argument.display_order(GLOBAL_ORDER) } else { argument };
    let command = Arguments::command().mut_args(last);
    let groups = grouped(&command);
    command.before_help(StyledStr::from(groups))
}

#[cfg(test)]
mod tests {
    use super::super::help::GROUPS;
    use super::*;
    use clap::FromArgMatches;

    fn parse(words: &[&str]) -> Result<Arguments, clap::Error> {
        let words = [&["lambdo"], words].concat();
        command().try_get_matches_from(words).and_then(|matches| Arguments::from_arg_matches(&matches))
    }

    #[test]
    fn clap_finds_no_contradiction() {
        command().debug_assert();
    }

    #[test]
    fn every_verb_stands_in_one_group_of_the_help() {
        let listed: Vec<&str> = GROUPS.iter().flat_map(|(_, verbs)| verbs.iter().copied()).collect();
        let mut verbs: Vec<String> = command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
        verbs.retain(|verb| !listed.contains(&verb.as_str()));
        assert_eq!(verbs, Vec::<String>::new());
        assert!(listed.iter().all(|verb| command().find_subcommand(verb).is_some()));
    }

    #[test]
    fn help_shows_groups_and_exit_codes() {
        let help = command().term_width(100).render_help().to_string();
        for text in ["Deploy:\n  plan", "130  interrupted", "--endpoint-url <URL>", "LAMBDO_STAGE"] {
            assert!(help.contains(text), "{text} is not in\n{help}");
        }
    }

    #[test]
    fn global_options_go_before_and_after_the_verb() {
        for words in [["--stage", "dev", "plan"], ["plan", "--stage", "dev"]] {
            assert_eq!(parse(&words).unwrap().global.stage.as_deref(), Some("dev"));
        }
    }

    #[test]
    fn bad_usage_is_refused() {
        for words in [
            &["plan", "--target", "nonsense"][..],
            &["up", "--parallel", "0"],
            &["up", "--plan", "x", "hash"],
            &["drift", "--ignore", "function.hash"],
            &["plan", "--format", "yaml"],
            &["invoke"],
            &["invoke", "hash", "{}", "--payload", "{}"],
            &["invoke", "hash", "--async", "--out", "x"],
            &["logs", "--since", "soon"],
            &["log-groups", "audit", "--retention", "100"],
            &["log-groups", "audit", "--delete-empty"],
            &[],
        ] {
            assert!(parse(words).is_err(), "{words:?}");
        }
    }

    #[test]
    fn a_strange_verb_is_taken_with_all_its_words() {
        let Command::Other(words) = parse(&["deploy", "--guided"]).unwrap().command else { panic!("not a strange verb") };
        assert_eq!(words, ["deploy", "--guided"]);
    }
}

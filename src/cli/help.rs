//! The texts of `--help` that are not said argument by argument.

use std::fmt::Write;

/// What stands below the options of `lambdo --help`.
pub const EXIT_CODES: &str = "\
Exit codes:
    0  done, or nothing to do; `drift` with pending changes only
    1  failed, nothing applied; `invoke` of a function that failed
    2  `plan --exit-code`, `diff --exit-code`: the spec or a package differs from what was applied
    3  drift, in `drift` and in `plan --exit-code`
    4  `plan --exit-code`: spec changes and drift
    5  nothing found, but something could not be read
    6  bad spec or bad usage, or a question asked without a terminal
    7  somebody else works on this state
    8  refused: account or region guard, protection, not ours, stale plan, answered no
    9  partly applied, the state is saved, run again to continue
  130  interrupted, the state is saved

Examples:
  lambdo --local up                    try it on this machine, without AWS
  lambdo plan                          what would be done, and why
  lambdo up                            do it, after a question
  lambdo up hash 'report-*' --yes      only these functions and what belongs to them
  lambdo drift --format json           what was changed behind lambdo's back
  arn=$(lambdo output function.hash.arn)
  lambdo invoke hash @event.json       call a function and print its answer
  lambdo logs -f hash 'report-*'       what these functions log, as it comes

Each global option can also be set by the environment variable shown with it.";

/// What stands below the options of `lambdo local --help`.
pub const LOCAL: &str = "\
It prints what to export, so that the AWS CLI, SDKs and Terraform find it. Commands with `--local`
in the same project join it. While it serves, functions stay warm and schedules fire. What it is told
stays in `state/local/`. `--faults FILE` lets it misbehave as AWS does; `docs/faults.md` has the form.";

/// What stands below the options of `lambdo policy --help`.
pub const POLICY: &str = "\
The policy is for `up` unless another is asked for. It lets go what a change of this spec takes away from its
resources, but not the resources themselves: a spec that drops or replaces one needs `--destroy` beside it.

  aws iam create-policy --policy-name deploy-demo --policy-document \"$(lambdo policy)\"";

/// What stands below the options of `lambdo log-groups audit --help`.
pub const LOG_GROUPS: &str = "\
It only looks, unless `--fix` is given; then it asks first. It needs no config.toml. What a state beside the spec or
another lambdo's tags manage is left alone. A log group is deleted only when no function writes to it and it holds no line.

It calls logs:DescribeLogGroups, logs:ListTagsForResource and lambda:ListFunctions; with --fix also
logs:PutRetentionPolicy; with --delete-empty also logs:FilterLogEvents and logs:DeleteLogGroup.";

/// What stands below the options of `lambdo daemon --help`.
pub const DAEMON: &str = "\
When it looks and what it may do stands in the spec: `[drift] schedule`, `[daemon] mode` (observe, propose, heal),
`apply`, `allow`, `max_changes`, `freeze`, `contested_after`. A spec is read again when it changes; while it is broken,
the last good one is used, and other specs are watched as before. SIGHUP looks at everything now, SIGUSR1 logs
everything or no more than before, and the first SIGTERM or Ctrl-C ends it when what is being applied is done.";

/// What stands below the options of `lambdo completions --help`.
pub const COMPLETIONS: &str = "\
To have them in every new shell:
  bash        lambdo completions bash > ~/.local/share/bash-completion/completions/lambdo
  zsh         lambdo completions zsh > \"${fpath[1]}/_lambdo\"
  fish        lambdo completions fish > ~/.config/fish/completions/lambdo.fish
  powershell  lambdo completions powershell >> $PROFILE
  elvish      lambdo completions elvish >> ~/.config/elvish/rc.elv";

/// The order of the help's parts; the groups of verbs stand before the options.
pub const TEMPLATE: &str = "{about-with-newline}\n{usage-heading} {usage}\n\n{before-help}Options:\n{options}{after-help}";

/// Where global options stand: behind a command's own in its help.
pub const GLOBAL_ORDER: usize = 500;

/// The verbs, in groups.
pub const GROUPS: &[(&str, &[&str])] = &[
    ("Deploy", &["plan", "up", "destroy", "drift", "diff"]),
    ("The spec", &["init", "validate", "spec", "schema", "build", "policy"]),
    ("Run", &["invoke", "logs", "log-groups", "notify", "local", "daemon"]),
    ("What is deployed", &["status", "output", "runs", "state", "import", "gc", "unlock"]),
    ("Your shell", &["completions"]),
];

/// The groups with what each verb does.
pub fn grouped(command: &clap::Command) -> String {
    let mut text = String::new();
    for (group, verbs) in GROUPS {
        let _ = writeln!(text, "{group}:");
        for verb in *verbs {
            let about = command.find_subcommand(verb).and_then(clap::Command::get_about);
            let _ = writeln!(text, "  {verb:<13}{}", about.map(ToString::to_string).unwrap_or_default());
        }
        text.push('\n');
    }
    text
}

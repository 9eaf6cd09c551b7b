//! `lambdo completions`: a script that teaches a shell lambdo's words.

use crate::cli::args;
use crate::cli::workspace::Workspace;
use crate::model::{Exit, Failure};
use clap_complete::Shell;

/// Prints the script. It is for a shell, so `--format json` does not change it.
pub fn run(workspace: &Workspace, shell: Shell) -> Result<Exit, Failure> {
    workspace.ui.data(script(shell).trim_end());
    Ok(Exit::Success)
}

fn script(shell: Shell) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut args::command(), "lambdo", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_script_knows_the_verbs_and_their_options() {
        for shell in Shell::value_variants() {
            let text = script(*shell);
            for word in ["destroy", "completions", "history", "parallel", "endpoint-url"] {
                assert!(text.contains(word), "{shell}: {word}");
            }
        }
    }
}

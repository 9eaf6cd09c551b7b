//! Under CI a state that git ignores is lost with the machine.

use crate::diagnostic::Diagnostic;
use std::path::Path;
use std::process::{Command, Stdio};

/// A warning when `CI` is set and git ignores the state file. Silent without git.
pub fn warning(state_file: &Path) -> Option<Diagnostic> {
    let is_ci = std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
    (is_ci && is_ignored_by_git(state_file)).then(|| ignored(state_file))
}

fn ignored(state_file: &Path) -> Diagnostic {
    Diagnostic::warning("state-ignored-in-ci", "The state will be lost with this machine")
        .detail(format!(
            "`CI` is set and git ignores `{}`. When the job ends, nothing remembers what was deployed, and the next job cannot change it.",
            state_file.display()
        ))
        .hint("keep the state folder between jobs and point to it with `--state-dir DIR`")
}

fn is_ignored_by_git(file: &Path) -> bool {
    let Ok(file) = std::path::absolute(file) else { return false };
    // The state's folder may not be there yet.
    let Some(folder) = file.ancestors().skip(1).find(|folder| folder.is_dir()) else { return false };
    let mut git = Command::new("git");
    git.arg("-C").arg(folder).args(["check-ignore", "-q", "--"]).arg(&file);
    git.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    git.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_says_what_it_ignores() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state/demo.json");
        assert!(!is_ignored_by_git(&file), "there is no repository");
        let is_made = Command::new("git").arg("-C").arg(folder.path()).args(["init", "-q"]).status().is_ok_and(|status| status.success());
        if is_made {
            assert!(!is_ignored_by_git(&file));
            std::fs::write(folder.path().join(".gitignore"), "state/\n").unwrap();
            assert!(is_ignored_by_git(&file));
        }
    }
}

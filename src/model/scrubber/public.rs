//! What is shown whatever the secrets are.

use std::collections::BTreeSet;

/// The words of our documents' closed sets, as the schemas have them.
#[rustfmt::skip]
const VOCABULARY: &[&str] = &[
    "10", "17", "2012", "Allow", "CDK", "CloudFormation", "SAM", "Serverless", "Terraform", "added", "adopt", "after", "and", "another",
    "applied", "apply", "audit", "away", "aws", "bad", "both", "broken", "build", "cannot", "changed", "changes", "check", "contested",
    "create", "credentials", "daemon", "deep", "delete", "denied", "dependency", "deploy", "destroy", "diff", "differs", "dockerfile", "done",
    "drift", "drifted", "empty", "error", "failed", "failing", "foreign", "forget", "garbage", "gc", "go", "gone", "groups", "heal",
    "healed", "history", "import", "in", "init", "inputs", "interrupted", "invoke", "keep", "killed", "list", "local", "locked", "log",
    "logs", "maybe", "missing", "move", "moved", "new", "no", "node", "not", "note", "notify", "observe", "of", "op", "opened", "order", "other",
    "output", "partly", "pending", "place", "plan", "policy", "prebuilt", "progress", "propagation", "propose", "proposed", "python",
    "quota", "readiness", "rebuild", "recovered", "refused", "removed", "reopened", "replace", "replaced", "requested", "resolved",
    "restore", "retention", "retry", "running", "runs", "rust", "same", "set", "show", "skipped", "source", "spec", "started", "starting",
    "state", "status", "stays", "stopped", "test", "throttled", "told", "typescript", "unchanged", "undeclared", "unknown", "unlock",
    "unread", "up", "update", "uploads", "usage", "usual", "validate", "wanted", "warning",
];

/// Names, and the words that they are made of.
#[derive(Default)]
pub(super) struct Public {
    names: BTreeSet<String>,
    words: BTreeSet<String>,
}

impl Public {
    pub(super) fn add(&mut self, name: &str) {
        self.words.extend(words(name).map(str::to_owned));
        self.names.insert(name.to_owned());
    }

    /// Whether it is one of the names.
    pub(super) fn has(&self, token: &str) -> bool {
        self.names.contains(token)
    }

    /// Whether a text is nothing but words that are shown anyway: hiding it would hide nothing.
    pub(super) fn says(&self, text: &str) -> bool {
        let is_known = |word: &str| self.words.contains(word) || VOCABULARY.contains(&word);
        self.has(text) || (text.chars().all(is_of_names) && words(text).all(is_known))
    }
}

fn is_of_names(character: char) -> bool {
    character.is_alphanumeric() || "-_./: ".contains(character)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty())
}

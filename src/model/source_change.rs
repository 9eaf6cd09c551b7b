//! Why a package is not what it was: what differs in what it is made from. It explains, it never decides.

use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// So many are named; the rest is counted.
const NAMED_MAX: usize = 5;
/// So many are named in a sentence.
const SENTENCE_MAX: usize = 3;

/// One difference in what a package is made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum SourceChange {
    /// It was not there before.
    Added {
        /// A file as the user calls it, or a fact such as `go`.
        name: String,
    },
    /// It is not there any more.
    Removed {
        /// A file or a fact.
        name: String,
    },
    /// It is another.
    Changed {
        /// A file or a fact.
        name: String,
    },
    /// A fact has another value that may be seen, such as a version. Where a tag leads is `@` and a digest, in which
    /// people see nothing but that it moved.
    Moved {
        /// The fact.
        name: String,
        /// Its value before.
        from: String,
        /// Its value now.
        to: String,
    },
}

impl SourceChange {
    /// What it is about.
    pub fn name(&self) -> &str {
        match self {
            Self::Added { name } | Self::Removed { name } | Self::Changed { name } | Self::Moved { name, .. } => name,
        }
    }
}

impl fmt::Display for SourceChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { name } => write!(formatter, "{name} added"),
            Self::Removed { name } => write!(formatter, "{name} removed"),
            Self::Changed { name } => write!(formatter, "{name} changed"),
            Self::Moved { name, from, to } if from.starts_with('@') && to.starts_with('@') => write!(formatter, "{name} moved"),
            Self::Moved { name, from, to } => write!(formatter, "{name} {from} → {to}"),
        }
    }
}

/// The differences: a few by name, the others by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceChanges {
    /// The first few.
    pub named: Vec<SourceChange>,
    /// How many there are besides them.
    pub more: usize,
}

impl SourceChanges {
    /// The first few of `all`, and the number of the others.
    pub fn of(all: impl IntoIterator<Item = SourceChange>) -> Self {
        // A file may lie in a package under two names; people know it by one.
        let mut known = BTreeSet::new();
        let mut all = all.into_iter().filter(|change| known.insert(change.to_string()));
        let named = all.by_ref().take(NAMED_MAX).collect();
        Self { named, more: all.count() }
    }

    /// Whether nothing is known to differ.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    /// In words: `src/main.rs changed, go 1.25.3 → 1.25.4, and 12 more`.
    pub fn sentence(&self) -> String {
        // One more takes no more room than to say that there is one more.
        let shown = if self.named.len() + self.more == SENTENCE_MAX + 1 { SENTENCE_MAX + 1 } else { SENTENCE_MAX };
        let named: Vec<String> = self.named.iter().take(shown).map(ToString::to_string).collect();
        match self.named.len().saturating_sub(shown) + self.more {
            0 => named.join(", "),
            more => format!("{}, and {more} more", named.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_named_and_the_rest_is_counted() {
        let changes = |number: usize| SourceChanges::of((0..number).map(|index| SourceChange::Changed { name: format!("f{index}") }));
        assert_eq!(changes(1).sentence(), "f0 changed");
        let same = SourceChange::Changed { name: "a".into() };
        assert_eq!(SourceChanges::of([same.clone(), same]).sentence(), "a changed");
        assert_eq!(changes(4).sentence(), "f0 changed, f1 changed, f2 changed, f3 changed");
        assert_eq!(changes(5).sentence(), "f0 changed, f1 changed, f2 changed, and 2 more");
        assert_eq!((changes(100).named.len(), changes(100).more), (5, 95));
        assert!(changes(100).sentence().ends_with("and 97 more"));
    }

    #[test]
    fn a_version_is_told_and_a_digest_only_moves() {
        let moved = |name: &str, from: &str, to: &str| SourceChange::Moved { name: name.into(), from: from.into(), to: to.into() };
        assert_eq!(moved("go", "1.25.3", "1.25.4").to_string(), "go 1.25.3 → 1.25.4");
        assert_eq!(moved("base image x:1", "@sha256:aa", "@sha256:bb").to_string(), "base image x:1 moved");
    }
}

//! What was found, and what is told of it.

use super::notify::Health;
use crate::model::{Address, Path};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// So many characters of a value stand in a line.
const LONGEST_VALUE: usize = 60;

/// One difference between AWS and what was applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Which resource.
    pub address: Address,
    /// The spec's key, such as `environment.LOG_LEVEL`; absent for the whole resource.
    #[serde(default, skip_serializing_if = "is_whole")]
    pub path: Path,
    /// What sort of difference.
    pub kind: FindingKind,
    /// What was applied; absent for a key that was unset. Secrets never stand here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<serde_json::Value>,
    /// What lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<serde_json::Value>,
    /// What it is in words, where there are no two values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Who did it, where AWS said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
}

fn is_whole(path: &Path) -> bool {
    path.0.is_empty()
}

impl Finding {
    /// The difference in one line: `memory_size: 128 -> 512`.
    pub fn line(&self) -> String {
        let path = if is_whole(&self.path) { String::new() } else { format!("{}: ", self.path) };
        match (&self.text, self.kind) {
            (Some(text), FindingKind::Undeclared) => {
                format!("{path}{} -> {} ({text})", shown(self.applied.as_ref()), shown(self.live.as_ref()))
            }
            (Some(text), _) => format!("{path}{text}"),
            (None, FindingKind::Missing) => "it is not there any more".to_owned(),
            (None, _) if is_secret(&self.applied) && is_secret(&self.live) => format!("{path}(secret, changed in AWS)"),
            (None, _) => format!("{path}{} -> {}", shown(self.applied.as_ref()), shown(self.live.as_ref())),
        }
    }
}

/// A secret stands in a finding by its mark only.
fn is_secret(value: &Option<serde_json::Value>) -> bool {
    value.as_ref().is_some_and(|value| value.get("$secret").is_some())
}

/// A value as short as it fits into a line.
fn shown(value: Option<&serde_json::Value>) -> String {
    let Some(value) = value else { return "(unset)".to_owned() };
    if value.get("$secret").is_some() {
        return "(secret)".to_owned();
    }
    let text = value.to_string();
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// What sort of difference it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A declared setting has another value.
    Changed,
    /// The resource is not there any more.
    Missing,
    /// Somebody attached something to what is ours.
    Foreign,
    /// A setting that nobody declared left AWS's default.
    Undeclared,
}

impl FindingKind {
    /// Whether healing could take it back: what others attached is theirs, and what nobody declared has no value to go back to.
    pub fn is_healable(self) -> bool {
        matches!(self, Self::Changed | Self::Missing)
    }
}

/// A finding that is open, and since when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FindingState {
    /// The difference, as the last check saw it.
    #[serde(flatten)]
    pub finding: Finding,
    /// Names this opening of it, also after a restart.
    pub id: String,
    /// When it was first seen.
    pub since: Timestamp,
    /// When it was last seen: a check that could not read it leaves it open.
    pub seen: Timestamp,
    /// When the daemon took it back, until a check has looked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healed: Option<Timestamp>,
    /// Why healing left it as it is, the last time it would have been its turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
    /// Whether people were told of it.
    pub is_told: bool,
    /// Since when healing gave in to somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contested: Option<Timestamp>,
    /// When it was last told that it is still open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded: Option<Timestamp>,
}

/// Something to tell people. The same `id` is never a second piece of news, also after a restart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Names it.
    pub id: String,
    /// What happened.
    pub kind: NoticeKind,
    /// When.
    pub at: Timestamp,
    /// The spec's name: `project` or `project.stage`.
    pub spec: String,
    /// The difference that it is about; absent where it is about none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Finding>,
    /// Since when it goes on.
    pub since: Timestamp,
    /// One line for people, without secrets.
    pub text: String,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// Something drifted.
    Opened,
    /// It is still open after a while.
    StillOpen,
    /// It does not differ any more, or is none of the findings any more.
    Resolved,
    /// Healing gave in to somebody else who wants it otherwise.
    Contested,
    /// A plan waits for a person.
    Proposed,
    /// Something does not work that the daemon should do: checking, reading, healing, planning.
    Failed,
    /// It works again.
    Recovered,
    /// Something about the account's log groups: some keep lines for ever or are empty, or were mended.
    LogGroups,
}

/// Whoever tells people. It keeps what it takes, so that taking is quick and nothing waits for a receiver.
#[async_trait]
pub trait Listener: Send + Sync {
    /// Takes the news of one check, which belong together. News that were taken before, by their ids, are taken and not told again.
    ///
    /// # Errors
    /// Why they were not taken; they are handed over again later.
    async fn take(&self, notices: &[Notice]) -> Result<(), String>;

    /// How each way to tell of a spec does.
    fn health(&self, spec: &str) -> Vec<Health>;
}

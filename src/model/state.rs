//! What was last applied. An index of what is ours, never the truth about AWS.

use super::{Address, Dependency, Identity, Path, PhysicalId, Record, Resource, Table, Target, Transition};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The format of state files that this version writes.
pub const STATE_FORMAT: u32 = 4;

/// The random id of a state, fixed at its birth; a tag on everything that it owns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lineage(pub String);

impl fmt::Display for Lineage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The state of one project and stage in one account, one region and at one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The file format's version.
    pub format: u32,
    /// Fixed at birth.
    pub lineage: Lineage,
    /// Raised by one with each save.
    pub serial: u64,
    /// The project's name.
    pub project: String,
    /// The stage, if there is one.
    pub stage: Option<String>,
    /// Where everything in it lives.
    #[serde(flatten)]
    pub target: Target,
    /// The endpoint, where it is not AWS's own.
    pub endpoint: Option<String>,
    /// What is ours.
    pub entries: BTreeMap<Address, Entry>,
    /// The outputs of the last `up`.
    #[serde(default)]
    pub outputs: Table,
    /// What was taken out with its tags still on: nobody's garbage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forgotten: Vec<Forgotten>,
    /// What was deleted and AWS may make anew by itself: log groups, with late lines of a function.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returning: Vec<Returning>,
    /// What runs began and did not end, and nobody could settle yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intents: Vec<Record>,
    /// Whether it says more than the file, because journal records were folded into it.
    #[serde(skip)]
    pub unsaved: bool,
}

/// A resource that was taken out of the state and left in AWS as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Its kind.
    pub kind: String,
    /// AWS's name for it.
    pub physical_id: PhysicalId,
}

/// A resource that was deleted and may come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returning {
    /// Its address.
    pub address: Address,
    /// AWS's name for it.
    pub physical_id: PhysicalId,
}

impl State {
    /// A state without entries; its serial 0 says that it was never saved.
    pub fn new(lineage: Lineage, project: &str, stage: Option<&str>, target: Target, endpoint: Option<String>) -> Self {
        Self {
            format: STATE_FORMAT,
            lineage,
            serial: 0,
            project: project.into(),
            stage: stage.map(Into::into),
            target,
            endpoint,
            entries: BTreeMap::new(),
            outputs: Table::new(),
            forgotten: Vec::new(),
            returning: Vec::new(),
            intents: Vec::new(),
            unsaved: false,
        }
    }
}

/// The last serial that a state may have: far above what runs lead to, and far below what a number can hold.
pub const LAST_SERIAL: u64 = (1 << 53) - 1;
/// Far above what runs number, and far below what a number can hold.
const LAST_OPERATION: u64 = (1 << 53) - 1;

impl State {
    /// Whether it was never saved and nothing was ever begun with it.
    pub fn is_newborn(&self) -> bool {
        self.serial == 0 && self.entries.is_empty() && self.intents.is_empty()
    }

    /// Whether a run began to make this, and nobody could settle yet whether it did.
    pub fn is_making(&self, address: &Address, physical_id: &PhysicalId) -> bool {
        self.intents.iter().any(|intent| match intent {
            Record::Begin { address: begun, physical_id: Some(id), transition: Transition::Create { adopted: false, .. }, .. } => {
                begun == address && id == physical_id
            }
            _ => false,
        })
    }

    /// What contradicts itself in a state that was read, in a sentence; lambdo writes no such state.
    pub fn contradiction(&self) -> Option<String> {
        if self.lineage.0.is_empty() {
            return Some("It has no lineage.".to_owned());
        }
        if self.serial == 0 {
            return Some("Its serial is 0, which no saved state has.".to_owned());
        }
        if self.serial > LAST_SERIAL {
            return Some(format!("Its serial is {}, which no number of runs leads to.", self.serial));
        }
        if let Some(number) = self.intents.iter().find_map(unreal_operation) {
            return Some(format!("Something that was begun has the number {number}, which no run leads to."));
        }
        self.entries.iter().find_map(|(address, entry)| Some(format!("`{address}` {}.", entry.contradiction()?)))
    }
}

/// The number of a record where no run has given it.
pub fn unreal_operation(record: &Record) -> Option<usize> {
    record.operation().filter(|number| *number as u64 > LAST_OPERATION)
}

/// One resource as it was applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// AWS's name for it.
    pub physical_id: PhysicalId,
    /// Its settings as applied.
    #[serde(default)]
    pub inputs: Table,
    /// What AWS answered and what was predicted: ARN, ids, hashes.
    #[serde(default)]
    pub attributes: Table,
    /// What it waited for when it was applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// The resource that it dies with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Address>,
    /// The folder that it came from, where nobody named it one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What is never written and never drift.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<Path>,
    /// Whether it was there before us; then `destroy` leaves it.
    #[serde(default)]
    pub adopted: bool,
    /// Whether a delete of it is refused.
    #[serde(default)]
    pub protect: bool,
    /// Whether it stays in AWS when it leaves the state.
    #[serde(default)]
    pub keep: bool,
    /// Whether its name in AWS was made for an earlier address of it: a name that the spec does not give is not made anew.
    pub keeps_name: bool,
    /// Predecessors that were replaced and still have to be deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deposed: Vec<Deposed>,
}

/// A predecessor that was replaced and still has to be deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deposed {
    /// AWS's name for it.
    pub physical_id: PhysicalId,
    /// Its settings as applied.
    pub inputs: Table,
    /// Its attributes.
    pub attributes: Table,
}

impl Entry {
    /// What it was made to need: what it depends on, and what it is a part of.
    pub fn needs(&self) -> impl Iterator<Item = &Address> {
        self.dependencies.iter().map(|dependency| &dependency.on).chain(&self.parent)
    }

    /// Whether this name is its own or that of one of its predecessors.
    pub fn has_name(&self, is_it: impl Fn(&PhysicalId) -> bool) -> bool {
        is_it(&self.physical_id) || self.deposed.iter().any(|deposed| is_it(&deposed.physical_id))
    }

    /// An entry of which nothing but the name is known to be applied.
    pub fn new(physical_id: PhysicalId) -> Self {
        Self {
            physical_id,
            inputs: Table::new(),
            attributes: Table::new(),
            dependencies: Vec::new(),
            parent: None,
            source: None,
            ignore: Vec::new(),
            adopted: false,
            protect: false,
            keep: false,
            keeps_name: false,
            deposed: Vec::new(),
        }
    }

    /// What contradicts itself in it, as the rest of a sentence about the entry.
    fn contradiction(&self) -> Option<&'static str> {
        let is_nameless = |id: &PhysicalId| id.as_str().is_empty();
        if is_nameless(&self.physical_id) {
            return Some("has no name in AWS");
        }
        self.deposed.iter().any(|deposed| is_nameless(&deposed.physical_id)).then_some("has a predecessor without a name in AWS")
    }

    /// The wish to have it as it was applied.
    pub fn as_resource(&self, address: &Address) -> Resource {
        Resource {
            address: address.clone(),
            identity: Identity::Known(self.physical_id.clone()),
            inputs: self.inputs.clone(),
            attributes: self.attributes.clone(),
            dependencies: self.dependencies.clone(),
            parent: self.parent.clone(),
            source: self.source.clone(),
            ignore: self.ignore.clone(),
            protect: self.protect,
            keep: self.keep,
            adopt_untagged: false,
        }
    }
}

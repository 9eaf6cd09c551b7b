//! The graph of resources that the spec asks for.

use super::{Address, Path, PhysicalId, State, Table, Value};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where a run deploys to, known from one STS call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// Twelve digits.
    pub account: String,
    /// Such as `eu-central-1`.
    pub region: String,
}

impl Target {
    /// The partition that a region is in (botocore's `partitions.json`).
    pub fn partition_of(region: &str) -> &'static str {
        const PARTITIONS: &[(&str, &str)] = &[
            ("cn-", "aws-cn"),
            ("us-gov-", "aws-us-gov"),
            ("us-iso-", "aws-iso"),
            ("us-isob-", "aws-iso-b"),
            ("eu-isoe-", "aws-iso-e"),
            ("us-isof-", "aws-iso-f"),
            ("eusc-", "aws-eusc"),
        ];
        PARTITIONS.iter().find(|(start, _)| region.starts_with(start)).map_or("aws", |(_, partition)| *partition)
    }

    /// What stands in for the target where AWS is not asked, as in `validate`.
    pub fn placeholder() -> Self {
        Self { partition: "aws".into(), account: "123456789012".into(), region: "us-east-1".into() }
    }
}

/// Everything the spec asks for, with AWS's default filled in for every field that a kind knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// The project's name.
    pub project: String,
    /// The stage, if there is one.
    pub stage: Option<String>,
    /// The resources by address.
    pub resources: BTreeMap<Address, Resource>,
    /// Where folders become resources without being named one by one, and what is there.
    pub folders: SeenFolders,
    /// What `lambdo output` shows, with references to attributes where AWS decides.
    pub outputs: Table,
}

/// The folders that were looked through for what becomes a resource. Paths begin at the spec's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenFolders {
    /// Where each look began.
    pub roots: BTreeSet<String>,
    /// Folders below them that are there.
    pub there: BTreeSet<String>,
    /// Those of them that were left out, with all that is in them.
    pub left_out: BTreeSet<String>,
}

impl SeenFolders {
    /// Whether it was looked for a folder, and it is gone.
    pub fn lack(&self, folder: &str) -> bool {
        let is_within = |outer: &String| {
            outer == "." || folder.strip_prefix(outer.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.roots.iter().any(is_within) && !self.there.contains(folder) && !self.left_out.iter().any(is_within)
    }
}

/// One wanted resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its stable name.
    pub address: Address,
    /// How AWS's counterpart is found.
    pub identity: Identity,
    /// Its settings, defaults filled in.
    pub inputs: Table,
    /// What is known of its attributes before AWS says so, such as a predicted ARN.
    pub attributes: Table,
    /// What it waits for.
    pub dependencies: Vec<Dependency>,
    /// The resource that it lives and dies with.
    pub parent: Option<Address>,
    /// The folder that it comes from, where nobody named it one by one.
    pub source: Option<String>,
    /// What is never written and never drift.
    pub ignore: Vec<Path>,
    /// Whether a delete or a replacement of it is refused.
    pub protect: bool,
    /// Whether it stays in AWS when it leaves the state.
    pub keep: bool,
    /// Whether an untagged one that exists is taken over unasked.
    pub adopt_untagged: bool,
}

impl Resource {
    /// What it needs: what it depends on, and what it is a part of.
    pub fn needs(&self) -> impl Iterator<Item = &Address> {
        self.dependencies.iter().map(|dependency| &dependency.on).chain(&self.parent)
    }

    /// A resource without settings, dependencies or wishes.
    pub fn new(address: Address, physical_id: impl Into<PhysicalId>) -> Self {
        Self {
            address,
            identity: Identity::Known(physical_id.into()),
            inputs: Table::new(),
            attributes: Table::new(),
            dependencies: Vec::new(),
            parent: None,
            source: None,
            ignore: Vec::new(),
            protect: false,
            keep: false,
            adopt_untagged: false,
        }
    }

    /// The input at `key`.
    pub fn input(&self, key: &str) -> Option<&Value> {
        self.inputs.get(key)
    }

    /// The physical id, where it is known before AWS makes the resource.
    pub fn physical_id(&self) -> Option<&PhysicalId> {
        match &self.identity {
            Identity::Known(id) => Some(id),
            Identity::Found(_) => None,
        }
    }
}

/// How the counterpart of a resource is found in AWS.
#[derive(Clone, Debug, PartialEq)]
pub enum Identity {
    /// Its name says it.
    Known(PhysicalId),
    /// AWS makes the id: it is in the state, or found by the kind's `read` with this key (a tag, or
    /// a natural key under the parent).
    Found(Table),
}

/// One resource waits for another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependency {
    /// What is waited for.
    pub on: Address,
    /// Whether its failure stops the one that waits.
    pub strength: Strength,
    /// How far it must have come.
    pub until: Until,
    /// The one operation that waits, such as `events:PutTargets`; all of them where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gates: Option<String>,
}

impl Dependency {
    /// Waits until everything of `on` is done; its failure stops the one that waits.
    pub fn hard(on: Address) -> Self {
        Self { on, strength: Strength::Hard, until: Until::Complete, gates: None }
    }

    /// Waits until `on` exists; its failure only ends the wait.
    pub fn soft(on: Address) -> Self {
        Self { on, strength: Strength::Soft, until: Until::Exists, gates: None }
    }

    /// The same, but only until `on` exists.
    #[must_use]
    pub fn until_exists(mut self) -> Self {
        self.until = Until::Exists;
        self
    }

    /// The same, but only one operation waits.
    #[must_use]
    pub fn gating(mut self, call: &str) -> Self {
        self.gates = Some(call.to_owned());
        self
    }
}

/// Whether a failure is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// A failure stops what waits.
    Hard,
    /// A failure only ends the wait.
    Soft,
}

/// How far a dependency must have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Its first operation is done: AWS knows it.
    Exists,
    /// All its operations are done.
    Complete,
}

/// What is left alone as a whole, by its empty path: that it is not there is left, too.
pub fn left_whole(leave: &[(Address, Path)]) -> BTreeSet<Address> {
    leave.iter().filter(|(_, path)| path.0.is_empty()).map(|(address, _)| address.clone()).collect()
}

impl Desired {
    /// Nothing at all: what `destroy` plans towards.
    pub fn nothing(project: &str, stage: Option<&str>) -> Self {
        Self {
            project: project.into(),
            stage: stage.map(Into::into),
            resources: BTreeMap::new(),
            folders: SeenFolders::default(),
            outputs: Table::new(),
        }
    }

    /// Lets others look after these paths. Those of [`left_whole`] are to be left out of a plan.
    pub fn leave_alone(&mut self, leave: &[(Address, Path)]) {
        for (address, path) in leave.iter().filter(|(_, path)| !path.0.is_empty()) {
            self.resources.get_mut(address).into_iter().for_each(|resource| resource.ignore.push(path.clone()));
        }
    }

    /// What the state says was applied: what `drift` plans towards.
    pub fn as_applied(state: &State) -> Self {
        let resources = state.entries.iter().map(|(address, entry)| (address.clone(), entry.as_resource(address))).collect();
        Self {
            project: state.project.clone(),
            stage: state.stage.clone(),
            resources,
            folders: SeenFolders::default(),
            outputs: state.outputs.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_that_was_looked_for_is_gone() {
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let seen = SeenFolders { roots: set(&["api"]), there: set(&["api", "api/a", "api/a/b"]), left_out: set(&["api/d"]) };
        for gone in ["api/c", "api/a/c", "api/dd"] {
            assert!(seen.lack(gone), "{gone}");
        }
        for there in ["api", "api/a/b", "api/d", "api/d/e", "apis/c", "web/c"] {
            assert!(!seen.lack(there), "{there}");
        }
        assert!(SeenFolders { roots: set(&["."]), ..SeenFolders::default() }.lack("a/b"));
        assert!(!SeenFolders::default().lack("a"));
    }
}

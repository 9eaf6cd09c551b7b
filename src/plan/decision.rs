//! The words of a decision.

use super::diff::Difference;
use crate::model::field::NAME_KEYS;
use crate::model::plan::{Adoption, EntryFacts};
use crate::model::{Action, Carry, Entry, Live, Path, Reason, Resource};

/// What operations a step needs.
#[derive(Clone, Debug)]
pub enum Work {
    /// None.
    Nothing,
    /// It is made. `discards` a predecessor that needs no delete.
    Create { discards: bool },
    /// It is changed; `adopts` when it becomes ours, saying whether it was there before us. What
    /// stood at its address before has to go.
    Update { live: Box<Live>, adopts: Option<bool>, old: Option<Box<Predecessor>> },
    /// It is made anew. A `squatter` is ours, has the wanted name and cannot be changed into what is
    /// wanted; it goes first.
    Replace { old: Option<Box<Predecessor>>, delete_first: bool, squatter: Option<Box<Predecessor>> },
    /// It is deleted, or dies with its parent.
    Delete { dies_with_parent: bool },
    /// It leaves the state only.
    Forget,
}

impl Work {
    /// How what exists becomes ours, where `kept` predecessors stay in AWS.
    pub fn adoption(&self, kept: usize) -> Option<Adoption> {
        let Self::Update { adopts: Some(adopted), old, .. } = self else { return None };
        let is_done_with = |old: &Predecessor| old.fate == Fate::Left || (old.fate == Fate::Deleted && kept == 0);
        Some(Adoption { adopted: *adopted, discards: old.as_deref().is_some_and(is_done_with) })
    }
}

/// The resource that a replacement replaces.
#[derive(Clone, Debug)]
pub struct Predecessor {
    /// Its entry.
    pub entry: Entry,
    /// What AWS shows of it.
    pub live: Option<Live>,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a predecessor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is deleted.
    Deleted,
    /// AWS deletes it together with its parent, whose own predecessor is deleted later on. Until then it is there.
    GoesWithParent,
    /// It is left alone: it is to be kept, is not ours any more, or is gone with its parent already.
    Left,
}

/// One resource, decided.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What is wanted, references filled in as far as they are known.
    pub desired: Option<Resource>,
    /// What operations it needs.
    pub work: Work,
}

impl Decision {
    /// Whether AWS gets a new thing under this address.
    pub fn remakes(&self) -> bool {
        matches!(self.work, Work::Create { .. } | Work::Replace { .. })
    }
}

/// What was found out about one resource.
pub struct Verdict {
    pub action: Action,
    pub reason: Reason,
    pub difference: Difference,
    pub work: Work,
}

impl Verdict {
    pub fn new(action: Action, reason: Reason, work: Work) -> Self {
        Self { action, reason, difference: Difference::default(), work }
    }

    pub fn nothing() -> Self {
        Self::new(Action::NoOp, Reason::Unchanged, Work::Nothing)
    }

    pub fn with(mut self, difference: Difference) -> Self {
        self.difference = difference;
        self
    }
}

/// What an entry says of a wanted resource besides its inputs; `entry` is the one so far.
pub fn facts(resource: &Resource, entry: Option<&Entry>) -> EntryFacts {
    EntryFacts {
        attributes: resource.attributes.clone(),
        dependencies: resource.dependencies.clone(),
        parent: resource.parent.clone(),
        source: resource.source.clone(),
        ignore: resource.ignore.clone(),
        protect: resource.protect,
        keep: resource.keep,
        keeps_name: entry.filter(|entry| entry.keeps_name).map(|entry| has_given_name(resource, entry)),
    }
}

/// Whether the wanted resource has the name that the entry's has. Physical ids say more than that: a version of a layer has
/// another one for each content.
fn has_given_name(resource: &Resource, entry: &Entry) -> bool {
    let names = NAME_KEYS.iter().filter_map(|key| Some((resource.inputs.get(*key)?, entry.inputs.get(*key)?)));
    names.into_iter().all(|(wanted, applied)| wanted == applied)
}

/// Whether the entry says so already.
pub fn is_recorded(facts: &EntryFacts, entry: &Entry) -> bool {
    facts.attributes.iter().all(|(key, value)| entry.attributes.get(key) == Some(value))
        && facts.dependencies == entry.dependencies
        && facts.parent == entry.parent
        && facts.source == entry.source
        && facts.ignore == entry.ignore
        && facts.protect == entry.protect
        && facts.keep == entry.keep
        && facts.keeps_name.is_none_or(|keeps_name| keeps_name == entry.keeps_name)
}

/// Every field of the wanted resource that none of its operations carries.
pub fn uncarried(desired: &Resource, carries: &[Carry]) -> Vec<Carry> {
    let carried = |key: &String| carries.iter().any(|carry| carry.path.first() == key);
    let rest = desired.inputs.iter().filter(|(key, _)| !carried(key));
    rest.map(|(key, value)| Carry::set(Path::key(key), value.clone())).collect()
}

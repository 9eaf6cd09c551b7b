//! The pure half of a kind, as [`crate::plan`] sees it.

use super::{Address, Carry, Change, Entry, Field, Live, PhysicalId, Resource, Table};
use std::collections::BTreeMap;

/// What is known about a kind without asking AWS.
pub trait Rules: Send + Sync {
    /// The kind's name, as in addresses.
    fn name(&self) -> &'static str;

    /// Its settings.
    fn fields(&self) -> &'static [Field];

    /// Settings that lambdo reads and never writes, each with what AWS makes it unless told otherwise.
    fn undeclared(&self) -> &'static [Field] {
        &[]
    }

    /// Under which keys drift tells of what others attached to it, besides those of the fields.
    fn attached(&self) -> &'static [&'static str] {
        &[]
    }

    /// What happens when it has to be made anew.
    fn replacement(&self) -> Replacement {
        Replacement::CreateFirst
    }

    /// How many of those that it has replaced stay in AWS, the youngest of them; the others are deleted.
    fn kept(&self, _desired: &Resource) -> usize {
        0
    }

    /// Attributes that AWS makes with the resource and never changes: where the state lost them, what AWS shows counts.
    fn lasting_attributes(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether AWS deletes it together with its parent.
    fn dies_with_parent(&self) -> bool {
        false
    }

    /// Whether a physical id names a part of the parent of this name, which AWS deletes together with it.
    fn is_part_of(&self, _physical_id: &PhysicalId, _parent: &PhysicalId) -> bool {
        false
    }

    /// Whether it can carry tags, so that ownership shows on it.
    fn is_taggable(&self) -> bool {
        true
    }

    /// Whether two physical ids name the same thing.
    fn is_same(&self, left: &PhysicalId, right: &PhysicalId) -> bool {
        left == right
    }

    /// Whether the one may be what is wanted under the other id, as long as nobody has looked at the packages: a hash of the
    /// content in an id is not known before.
    fn may_be(&self, found: &PhysicalId, wanted: &PhysicalId) -> bool {
        self.is_same(found, wanted)
    }

    /// What to do about one that others have made, where it cannot be taken over: nothing in AWS would say that it was.
    fn instead_of_adopting(&self) -> Option<&'static str> {
        None
    }

    /// Whether its name says that lambdo did not make it up. Of what carries no tags and stands in something that was there
    /// before us, nothing else tells whether it was there, too.
    fn is_given_name(&self, _physical_id: &PhysicalId) -> bool {
        false
    }

    /// One mutex's name, where AWS loses or refuses parallel writes to the same thing.
    fn serial_key(&self, physical_id: &PhysicalId) -> Option<String>;

    /// The operations that make `desired`, in order. The first one brings it into being.
    fn create(&self, desired: &Resource) -> Vec<Draft>;

    /// The operations that make `update.changes` true, in order.
    fn update(&self, update: &Update<'_>) -> Vec<Draft>;

    /// The operations that delete it, in order. The last one ends it.
    fn delete(&self, removal: &Removal<'_>) -> Vec<Draft>;

    /// What is worth knowing before something with these settings is deleted: a sentence without a period.
    fn farewell(&self, _inputs: &Table) -> Option<String> {
        None
    }
}

/// What an update is made from.
pub struct Update<'a> {
    /// What is wanted.
    pub desired: &'a Resource,
    /// What AWS has.
    pub live: &'a Live,
    /// The differences, all of them to be changed in place.
    pub changes: &'a [Change],
}

impl Update<'_> {
    /// The changes whose first key is `key`.
    pub fn of(&self, key: &str) -> Vec<&Change> {
        self.changes.iter().filter(|change| change.path.first() == key).collect()
    }

    /// Whether anything under `key` changes.
    pub fn touches(&self, key: &str) -> bool {
        self.changes.iter().any(|change| change.path.first() == key)
    }
}

/// What a delete is made from.
pub struct Removal<'a> {
    /// AWS's name for it.
    pub physical_id: &'a PhysicalId,
    /// Its settings as applied.
    pub inputs: &'a Table,
    /// Its attributes as recorded.
    pub attributes: &'a Table,
    /// What AWS has; `None` when it could not be read.
    pub live: Option<&'a Live>,
    /// All that the state has, this one too.
    pub entries: &'a BTreeMap<Address, Entry>,
    /// What depends on it, as applied.
    pub dependants: &'a [&'a Address],
}

/// An operation as its kind proposes it; the planner adds ids, waits and transitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The call, such as `lambda:CreateFunction`.
    pub call: &'static str,
    /// What the kind's `run` needs.
    pub arguments: Table,
    /// The paths that it carries.
    pub carries: Vec<Carry>,
    /// What should be gone before it is sent, if it goes in the same run.
    pub follows: Vec<Address>,
}

impl Draft {
    /// An operation that carries nothing.
    pub fn new(call: &'static str, arguments: Table) -> Self {
        Self { call, arguments, carries: Vec::new(), follows: Vec::new() }
    }

    /// The same with the paths that it carries.
    #[must_use]
    pub fn carrying(mut self, carries: Vec<Carry>) -> Self {
        self.carries = carries;
        self
    }
}

/// What happens when a resource has to be made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// The old one goes before the new one comes.
    DeleteFirst,
    /// The new one comes before the old one goes, unless both have the same name.
    CreateFirst,
}

/// Finds the pure half of a kind by its name.
pub trait RulesSet: Send + Sync {
    /// The rules of the kind called `kind`.
    fn rules(&self, kind: &str) -> Option<&dyn Rules>;
}

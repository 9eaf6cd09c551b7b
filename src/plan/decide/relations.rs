//! How a resource stands to its parent and to its own name.

use super::Decider;
use crate::model::plan::Refusal;
use crate::model::{Address, Entry, PhysicalId, Resource, Rules, Sighting};
use crate::plan::decision::{Decision, Fate, Work};
use crate::plan::together::Scene;
use crate::plan::{order, ownership, refusal};

impl Decider<'_> {
    pub(super) fn is_selected(&self, address: &Address) -> bool {
        self.options.only.as_ref().is_none_or(|only| only.contains(address))
    }

    pub(super) fn dies_with_parent(&self, address: &Address) -> bool {
        self.rules.rules(&address.kind).is_some_and(Rules::dies_with_parent)
    }

    pub(super) fn parent_is_replaced(&self, parent: Option<&Address>, child: &Address) -> bool {
        let replaced =
            parent.and_then(|parent| self.decisions.get(parent)).is_some_and(|parent| matches!(parent.work, Work::Replace { .. }));
        replaced && self.dies_with_parent(child)
    }

    /// What is made anew under its name while others that use it, and were not asked for, would go on using the old one.
    pub(super) fn left_behind(&self) -> Vec<Refusal> {
        let dependants = order::dependants(self.state);
        let of = |(address, decision): (&Address, &Decision)| {
            let is_deleted_first = matches!(decision.work, Work::Replace { delete_first: true, .. });
            let users: Vec<&Address> =
                dependants.get(address).into_iter().flatten().copied().filter(|user| !self.is_selected(user)).collect();
            (is_deleted_first && !users.is_empty()).then(|| refusal::left_behind(address, &users))
        };
        self.decisions.iter().filter_map(of).collect()
    }

    /// What becomes of a predecessor that nothing keeps in AWS.
    pub(super) fn fate_with_parent(&self, address: &Address, entry: &Entry) -> Fate {
        if !self.parent_is_replaced(entry.parent.as_ref(), address) {
            return Fate::Deleted;
        }
        let goes = self.scene().goes_along(address, &entry.physical_id);
        if goes { Fate::GoesWithParent } else { Fate::Left }
    }

    fn scene(&self) -> Scene<'_> {
        Scene { decisions: &self.decisions, state: self.state, rules: self.rules }
    }

    /// How many predecessors wait for a delete of their own.
    pub(super) fn deposed_of_its_own(&self, address: &Address, entry: &Entry) -> usize {
        let goes = |id: &PhysicalId| self.scene().goes_along(address, id);
        entry.deposed.iter().filter(|deposed| !goes(&deposed.physical_id)).count()
    }

    /// Whether the parent is deleted as well. For one that leaves, its entry tells and not its
    /// decision, since what is unwanted is decided in no particular order.
    pub(super) fn parent_is_deleted(&self, child: &Address, entry: &Entry) -> bool {
        let Some(parent) = &entry.parent else { return false };
        let decision = self.decisions.get(parent).map(|decision| &decision.work);
        if matches!(decision, Some(Work::Replace { delete_first: true, .. })) {
            return self.dies_with_parent(child);
        }
        let Some(parent_entry) = self.state.entries.get(parent) else { return false };
        let leaves = !self.desired.resources.contains_key(parent) && self.is_selected(parent);
        let is_deleted = !self.is_missing(parent, &parent_entry.physical_id) && !self.staying.contains_key(parent);
        let has_moved = || ownership::has_moved(parent, parent_entry, self.desired, self.state);
        leaves && is_deleted && !has_moved() && self.dies_with_parent(child)
    }

    /// Whether the parent that it dies with is not there any more.
    pub(super) fn parent_is_missing(&self, child: &Address, entry: &Entry) -> bool {
        let parent = entry.parent.as_ref().and_then(|parent| Some((parent, self.state.entries.get(parent)?)));
        parent.is_some_and(|(parent, entry)| self.is_missing(parent, &entry.physical_id)) && self.dies_with_parent(child)
    }

    /// Whether this state has deleted it before, and AWS has made it anew.
    pub(super) fn has_come_back(&self, address: &Address, physical_id: &PhysicalId) -> bool {
        self.state.returning.iter().any(|one| one.address.kind == address.kind && self.is_same(address, &one.physical_id, physical_id))
    }

    pub(super) fn is_taggable(&self, address: &Address) -> bool {
        self.rules.rules(&address.kind).is_some_and(Rules::is_taggable)
    }

    pub(super) fn is_missing(&self, address: &Address, physical_id: &PhysicalId) -> bool {
        matches!(self.observed.of(address, physical_id), Some(Sighting::Missing))
    }

    pub(super) fn has_same_name(&self, resource: &Resource, entry: &Entry) -> bool {
        resource.physical_id().is_none_or(|id| self.is_same(&resource.address, id, &entry.physical_id))
    }

    pub(super) fn is_same(&self, address: &Address, left: &PhysicalId, right: &PhysicalId) -> bool {
        self.rules.rules(&address.kind).map_or(left == right, |rules| rules.is_same(left, right))
    }
}

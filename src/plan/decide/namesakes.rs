//! Names that pass from one address to another.

use super::Decider;
use crate::model::{Address, Entry, Resource};
use crate::plan::lasting;

impl Decider<'_> {
    /// Another address that owns the thing of this name in the state and gives it up in this run.
    pub(super) fn leaving_namesake(&self, resource: &Resource) -> Option<(&Address, &Entry)> {
        let physical_id = resource.physical_id()?;
        self.state.entries.iter().find(|(address, entry)| {
            let is_namesake = **address != resource.address
                && address.kind == resource.address.kind
                && self.is_same(address, &entry.physical_id, physical_id);
            let wanted = self.desired.resources.get(*address).and_then(Resource::physical_id);
            is_namesake && wanted.is_none_or(|wanted| !self.is_same(address, wanted, physical_id)) && self.is_selected(address)
        })
    }

    /// Whether that one is deleted there, so that the name is free. What stays there is judged by whose it is.
    pub(super) fn is_being_deleted_elsewhere(&self, resource: &Resource) -> bool {
        let is_deleted = |(address, entry): (&Address, &Entry)| !entry.keep && !entry.adopted && !self.staying.contains_key(address);
        self.leaving_namesake(resource).is_some_and(is_deleted) || self.is_deposed_elsewhere(resource)
    }

    /// Whether it is a predecessor of another address that this run deletes.
    fn is_deposed_elsewhere(&self, resource: &Resource) -> bool {
        let Some(physical_id) = resource.physical_id() else { return false };
        self.state.entries.iter().any(|(address, entry)| {
            let is_of_kind = *address != resource.address && address.kind == resource.address.kind && self.is_selected(address);
            let wanted = self.desired.resources.get(address);
            let is_wanted = wanted.and_then(Resource::physical_id) == Some(physical_id);
            let is_kept = wanted.is_some_and(|wanted| lasting::kept(wanted, self.rules) > 0);
            is_of_kind && !is_wanted && !is_kept && entry.deposed.iter().any(|deposed| deposed.physical_id == *physical_id)
        })
    }
}

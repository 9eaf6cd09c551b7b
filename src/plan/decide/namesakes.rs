//! Names that pass from one address to another.

use super::Decider;
use crate::model::{Address, Entry, Resource};

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

    /// Whether that one is deleted there, so that the name is free.
    pub(super) fn is_being_deleted_elsewhere(&self, resource: &Resource) -> bool {
        self.leaving_namesake(resource).is_some_and(|(_, entry)| !entry.keep && !entry.adopted)
    }
}

//! Which calls make, mend and delete an object.

use super::split;
use crate::kinds::arguments::picked;
use crate::model::{Carry, Draft, PhysicalId, Removal, Resource, Table, Update};

/// The argument that tells that nobody's object is overwritten.
pub(super) const IS_NEW: &str = "is_new";

pub(super) fn create(desired: &Resource) -> Vec<Draft> {
    let mut arguments = desired.inputs.clone();
    arguments.insert(IS_NEW.to_owned(), true.into());
    vec![Draft::new("s3:PutObject", arguments).carrying(Carry::fields(&desired.inputs, &["bucket", "key", "content"]))]
}

/// What somebody has overwritten is sent again.
pub(super) fn update(update: &Update<'_>) -> Vec<Draft> {
    vec![Draft::new("s3:PutObject", update.desired.inputs.clone()).carrying(Carry::changes(update.changes))]
}

/// A version that is named is gone for good; without one a bucket that keeps versions would only hide the object.
pub(super) fn delete(removal: &Removal<'_>) -> Vec<Draft> {
    let mut arguments = place(removal.physical_id);
    let live = removal.live.map(|live| picked(&live.attributes, &["version_id"]));
    arguments.extend(live.unwrap_or_else(|| picked(removal.attributes, &["version_id"])));
    vec![Draft::new("s3:DeleteObject", arguments)]
}

fn place(id: &PhysicalId) -> Table {
    let (bucket, key) = split(id);
    Table::from_iter([("bucket".to_owned(), bucket.into()), ("key".to_owned(), key.into())])
}

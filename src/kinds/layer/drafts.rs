//! Which calls make and delete a version.

use super::split;
use crate::kinds::arguments::picked;
use crate::kinds::code_object;
use crate::model::{Carry, Draft, Removal, Resource, Table};

pub(super) fn create(desired: &Resource) -> Vec<Draft> {
    let mut arguments = desired.inputs.clone();
    arguments.extend(code_object::arguments(desired));
    let keys: Vec<&str> = desired.inputs.keys().map(String::as_str).collect();
    vec![Draft::new("lambda:PublishLayerVersion", arguments).carrying(Carry::fields(&desired.inputs, &keys))]
}

pub(super) fn delete(removal: &Removal<'_>) -> Vec<Draft> {
    let mut arguments = Table::from_iter([("layer_name".to_owned(), split(removal.physical_id).0.into())]);
    arguments.extend(picked(removal.attributes, &["version"]));
    arguments.extend(removal.live.map(|live| picked(&live.attributes, &["version"])).unwrap_or_default());
    vec![Draft::new("lambda:DeleteLayerVersion", arguments)]
}

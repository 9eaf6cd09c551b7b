//! Looking for all that a project owns, whether or not anybody still knows its name.

use crate::aws::AwsError;
use crate::model::observed::tag;
use crate::model::{Address, Desired, PhysicalId};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Whose resources are looked for.
pub struct Search<'a> {
    /// The project's name.
    pub project: &'a str,
    /// The stage, if there is one.
    pub stage: Option<&'a str>,
    /// What the spec asks for.
    pub desired: &'a Desired,
    /// What was found of the kinds before.
    pub found: &'a [Found],
    /// What may not be looked at and does not seem to be the project's.
    pub skipped: &'a Skipped,
}

/// What was not looked at, each with AWS's reason.
#[derive(Debug, Default)]
pub struct Skipped(Mutex<Vec<(String, String)>>);

impl Skipped {
    /// What and why, in the order in which it was met.
    pub fn into_inner(self) -> Vec<(String, String)> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A resource in AWS that says whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it says its address is.
    pub address: Address,
    /// AWS's name for it.
    pub physical_id: PhysicalId,
    /// The lineage of the state that made it.
    pub lineage: String,
    /// Whether it stays in AWS when nobody asks for it any more.
    pub stays: bool,
}

impl Search<'_> {
    /// Notes something that may not be looked at and does not seem to be the project's.
    pub fn skip(&self, what: String, error: &AwsError) {
        self.skipped.0.lock().unwrap_or_else(PoisonError::into_inner).push((what, error.to_string()));
    }

    /// A resource with these tags, if they say that it is the project's.
    pub fn found(&self, physical_id: impl Into<PhysicalId>, tags: &BTreeMap<String, String>) -> Option<Found> {
        let of = |key: &str| tags.get(key).map_or("", String::as_str);
        let is_ours = of(tag::PROJECT) == self.project && of(tag::STAGE) == self.stage.unwrap_or_default();
        let address = of(tag::ADDRESS).parse().ok().filter(|_| is_ours)?;
        Some(Found { address, physical_id: physical_id.into(), lineage: tags.get(tag::LINEAGE)?.clone(), stays: tag::stays(tags.keys()) })
    }

    /// Whether something whose tags may not be read has a name that the project gives, or gave. `name` is without what stands
    /// before it in the id.
    pub fn may_be_ours(&self, kind: &str, name: &str, id: &str) -> bool {
        name.starts_with(&format!("{}-", self.project)) || self.wanted(kind).any(|wanted| wanted.as_str() == id)
    }

    /// The names in AWS of what the spec asks for of one kind.
    pub fn wanted<'b>(&'b self, kind: &'b str) -> impl Iterator<Item = &'b PhysicalId> {
        let of_kind = self.desired.resources.values().filter(move |resource| resource.address.kind == kind);
        of_kind.filter_map(crate::model::Resource::physical_id)
    }

    /// What was found of one kind.
    pub fn found_of<'b>(&'b self, kind: &'b str) -> impl Iterator<Item = &'b Found> {
        self.found.iter().filter(move |found| found.address.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_tell_project_stage_address_and_lineage() {
        let desired = Desired::nothing("demo", Some("dev"));
        let search = Search { project: "demo", stage: Some("dev"), desired: &desired, found: &[], skipped: &Skipped::default() };
        let tags = |stage: &str, address: &str| {
            let tags = [(tag::PROJECT, "demo"), (tag::STAGE, stage), (tag::ADDRESS, address), (tag::LINEAGE, "l")];
            tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
        };
        let found = search.found("demo-dev-a", &tags("dev", "function.a")).unwrap();
        assert_eq!((found.address.to_string().as_str(), found.lineage.as_str()), ("function.a", "l"));
        assert!(!found.stays);
        for mark in [tag::ADOPTED, tag::KEPT] {
            let mut tags: BTreeMap<String, String> = tags("dev", "function.a");
            tags.insert(mark.to_owned(), "true".to_owned());
            assert!(search.found("demo-dev-a", &tags).unwrap().stays, "{mark}");
        }
        assert_eq!(search.found("demo-dev-a", &tags("", "function.a")), None, "of another stage");
        assert_eq!(search.found("demo-dev-a", &tags("dev", "nothing")), None);
        assert_eq!(search.found("demo-dev-a", &BTreeMap::new()), None);
    }
}

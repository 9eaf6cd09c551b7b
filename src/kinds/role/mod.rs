//! IAM roles: one per function without asking, or shared ones.
//!
//! A function may instead name a role that exists; then there is nothing to manage here.

mod document;
mod drafts;
mod fields;
mod find;
mod lower;
mod managed;
mod policy;
mod read;
mod run;
mod seen;
mod trust;

pub(crate) use document::aws_statement as statement_in_aws_words;
pub(crate) use trust::{Trust, trust};

use super::{Context, Done, Found, Kind, Lowered, Place, ReadTarget, RunContext, Search};
use crate::aws::{AwsError, Reader, Writer};
use crate::model::{Draft, Field, Operation, PhysicalId, Removal, Resource, Rules, Section, Sighting, Update};
use async_trait::async_trait;

/// The kind `role`.
pub struct Role;

impl Rules for Role {
    fn name(&self) -> &'static str {
        "role"
    }

    fn fields(&self) -> &'static [Field] {
        fields::FIELDS
    }

    /// IAM's names know no case.
    fn is_same(&self, left: &PhysicalId, right: &PhysicalId) -> bool {
        left.as_str().eq_ignore_ascii_case(right.as_str())
    }

    /// IAM answers parallel edits of one role with `ConcurrentModification`.
    fn serial_key(&self, physical_id: &PhysicalId) -> Option<String> {
        Some(format!("role:{}", physical_id.as_str().to_lowercase()))
    }

    fn create(&self, desired: &Resource) -> Vec<Draft> {
        drafts::create(desired)
    }

    fn update(&self, update: &Update<'_>) -> Vec<Draft> {
        drafts::update(update)
    }

    fn delete(&self, removal: &Removal<'_>) -> Vec<Draft> {
        drafts::delete(removal)
    }
}

#[async_trait]
impl Kind for Role {
    fn places(&self) -> &'static [Place] {
        &[Place::TopLevel, Place::One { always: true }]
    }

    fn shorthand(&self) -> Option<&'static str> {
        Some("reference")
    }

    fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("arn", "The role's ARN."),
            ("name", "The role's name."),
            ("unique_id", "The id that AWS makes; a role made anew under the same name has another."),
        ]
    }

    fn lower(&self, section: &Section, context: &Context<'_>) -> Lowered {
        lower::lower(section, context)
    }

    async fn read(&self, reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
        let names: Vec<read::Name<'_>> = targets
            .iter()
            .map(|target| read::Name { text: target.physical_id.as_str(), applied: target.applied.map(|entry| &entry.inputs) })
            .collect();
        read::read(reader, &names).await
    }

    async fn find(&self, reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
        find::find(reader, search).await
    }

    async fn run(&self, writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
        run::run(writer, operation, context.lineage).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_names_know_no_case() {
        let same = |left: &str, right: &str| Role.is_same(&left.into(), &right.into());
        assert!(same("Demo-Hash", "demo-hash") && !same("demo-hash", "demo-hush"));
    }
}

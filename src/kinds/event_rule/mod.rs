//! The kind `event_rule`: an EventBridge rule that invokes a function, by schedule or by event.

mod drafts;
mod fields;
mod find;
mod live;
mod lower;
mod matcher;
mod pattern;
mod read;
mod run;
pub(super) mod schedule;
mod target;

use super::{Context, Done, Found, Kind, Lowered, Place, ReadTarget, RunContext, Search};
use crate::aws::{AwsError, Reader, Writer};
use crate::model::{Draft, Field, Operation, PhysicalId, Removal, Resource, Rules, Section, Sighting, Update};
use async_trait::async_trait;

/// The kind's name.
const KIND: &str = "event_rule";

/// The id of the target that is ours; all others are left as they are.
const OUR_TARGET: &str = "lambdo";
/// Where the state of a rule stands that means more than enabled.
const STATE: &str = "state";

/// The kind `event_rule`.
pub struct EventRule;

/// Bus and rule name. A bus may have slashes in its name, a rule cannot.
fn split(id: &PhysicalId) -> (&str, &str) {
    id.as_str().rsplit_once('/').unwrap_or((fields::DEFAULT_BUS, id.as_str()))
}

impl Rules for EventRule {
    fn name(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        fields::FIELDS
    }

    fn attached(&self) -> &'static [&'static str] {
        &["targets"]
    }

    fn serial_key(&self, physical_id: &PhysicalId) -> Option<String> {
        Some(format!("events:{physical_id}"))
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
impl Kind for EventRule {
    fn places(&self) -> &'static [Place] {
        &[Place::Named]
    }

    fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[("arn", "Its ARN."), ("name", "Its name in AWS.")]
    }

    fn lower(&self, section: &Section, context: &Context<'_>) -> Lowered {
        lower::lower(section, context)
    }

    async fn read(&self, reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
        read::read(reader, targets).await
    }

    async fn find(&self, reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
        find::find(reader, search).await
    }

    async fn run(&self, writer: &Writer, operation: &Operation, _context: &RunContext<'_>) -> Result<Done, AwsError> {
        run::run(writer, operation).await
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::kinds::function::tests::{in_context, section};
    use crate::model::Value;

    /// What a section `monthly` of the function `hash` with these values becomes.
    pub(super) fn lowered(values: &[(&str, Value)]) -> Lowered {
        let function = section("function", None, &[]);
        in_context(&function, |context| EventRule.lower(&section(KIND, Some("monthly"), values), context))
    }

    #[test]
    fn a_bus_with_slashes_is_told_from_the_rule() {
        assert_eq!(split(&"aws.partner/x/y/rule".into()), ("aws.partner/x/y", "rule"));
        assert_eq!(split(&"default/rule".into()), ("default", "rule"));
    }
}

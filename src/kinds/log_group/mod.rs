//! CloudWatch log groups: one per function, made before it, so that retention holds from the first
//! line on.

mod drafts;
mod fields;
mod read;
mod run;

pub(super) use fields::check_name;

use super::lowering::settings;
use super::tagging;
use super::{Context, Done, Kind, Lowered, Place, ReadTarget, RunContext};
use crate::aws::{AwsError, Reader, Writer};
use crate::model::field::fill_defaults;
use crate::model::{Address, Draft, Field, Operation, PhysicalId, Removal, Resource, Rules, Section, Sighting, Table, Update};
use async_trait::async_trait;

/// The kind's name.
const KIND: &str = "log_group";

/// The kind `log_group`.
pub struct LogGroup;

impl Rules for LogGroup {
    fn name(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        fields::FIELDS
    }

    /// Parallel changes of one group end in `OperationAborted`.
    fn serial_key(&self, physical_id: &PhysicalId) -> Option<String> {
        Some(format!("log_group:{physical_id}"))
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
impl Kind for LogGroup {
    fn places(&self) -> &'static [Place] {
        &[Place::One { always: true }]
    }

    fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[("arn", "The group's ARN, without `:*`."), ("name", "The group's name.")]
    }

    fn lower(&self, section: &Section, context: &Context<'_>) -> Lowered {
        let Some(facts) = context.functions.get(&section.name) else { return Lowered::default() };
        let name = section.string("log_group_name").unwrap_or(&facts.log_group_name).to_owned();
        let target = context.target;
        let arn = format!("arn:{}:logs:{}:{}:log-group:{name}", target.partition, target.region, target.account);
        let mut resource = Resource::new(Address::new(KIND, &section.name), name.as_str());
        resource.adopt_untagged = name == format!("/aws/lambda/{}", facts.function_name);
        resource.keep = section.boolean("skip_destroy", false);
        resource.inputs = settings(section, fields::FIELDS);
        resource.inputs.insert("log_group_name".into(), name.as_str().into());
        fill_defaults(fields::FIELDS, &mut resource.inputs);
        resource.attributes = Table::from([("arn".to_owned(), arn.into()), ("name".to_owned(), name.into())]);
        let diagnostics = tagging::too_many(section, &resource.inputs).into_iter().collect();
        Lowered { resources: vec![resource], diagnostics }
    }

    async fn read(&self, reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
        read::read(reader, targets).await
    }

    async fn run(&self, writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
        run::run(writer, operation, context.lineage).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::FunctionFacts;
    use crate::model::{Artifact, Target, Value};
    use std::collections::BTreeMap;

    pub(super) fn lowered(values: Table) -> Resource {
        lowered_with_findings(values).resources.remove(0)
    }

    fn lowered_with_findings(values: Table) -> Lowered {
        let facts = FunctionFacts {
            name: "hash".into(),
            function_name: "demo-hash".into(),
            arn: String::new(),
            role: None,
            log_group_name: "/aws/lambda/demo-hash".into(),
            values: Table::new(),
        };
        let section = Section { kind: "log_group".into(), name: "hash".into(), part: None, values, spans: BTreeMap::new(), span: None };
        let (functions, artifacts) = (BTreeMap::from([("hash".to_owned(), facts)]), BTreeMap::<String, Artifact>::new());
        let target = Target::placeholder();
        let context = Context { project: "demo", stage: None, target: &target, functions: &functions, artifacts: &artifacts };
        LogGroup.lower(&section, &context)
    }

    pub(super) fn table(key: &str, value: Value) -> Table {
        Table::from([(key.to_owned(), value)])
    }

    #[test]
    fn more_tags_than_a_group_can_carry_are_refused() {
        let tags = (0..60).map(|number| (format!("t{number}"), "x".into())).collect::<Table>();
        let lowered = lowered_with_findings(table("tags", tags.into()));
        assert_eq!(lowered.diagnostics.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>(), ["too-many-tags"]);
    }

    #[test]
    fn another_name_is_made_before_the_old_one_goes() {
        assert_eq!(LogGroup.replacement(), crate::model::Replacement::CreateFirst);
    }

    #[test]
    fn a_group_with_another_name_is_not_taken_over_unasked() {
        assert!(!lowered(table("log_group_name", "/shop/logs".into())).adopt_untagged);
        assert!(lowered(table("skip_destroy", true.into())).keep);
    }
}

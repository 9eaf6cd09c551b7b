//! CloudWatch log groups: one per function, made before it, so that retention holds from the first
//! line on.

mod drafts;
mod fields;
mod find;
mod read;
mod run;

pub(super) use fields::check_name;

use super::arn;
use super::function;
use super::lowering::{finding, settings};
use super::tagging;
use super::{Context, Done, Found, FunctionFacts, Kind, Lowered, Place, ReadTarget, RunContext, Search};
use crate::aws::{AwsError, Reader, Writer};
use crate::diagnostic::Diagnostic;
use crate::model::field::fill_defaults;
use crate::model::{Address, Draft, Field, Operation, Path, PhysicalId, Removal, Resource, Rules, Section, Sighting, Table, Update};
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
        resource.protect = section.boolean("protect", false);
        resource.inputs = settings(section, fields::FIELDS);
        resource.inputs.insert("log_group_name".into(), name.as_str().into());
        fill_defaults(fields::FIELDS, &mut resource.inputs);
        resource.attributes = Table::from_iter([("arn".to_owned(), arn.into()), ("name".to_owned(), name.into())]);
        let found =
            [tagging::too_many(section, &resource.inputs), key_elsewhere(section, context), unused(section, facts), delivery(section)];
        let diagnostics = found.into_iter().flatten().collect();
        Lowered { resources: vec![resource], diagnostics }
    }

    async fn read(&self, reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
        read::read(reader, targets).await
    }

    async fn find(&self, reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
        find::find(reader, search).await
    }

    /// Lambda makes the usual group of a function that writes a line. Groups can have names that no function can have.
    fn maker(&self, physical_id: &PhysicalId) -> Option<(&'static str, PhysicalId)> {
        let name = physical_id.as_str().strip_prefix("/aws/lambda/")?;
        function::is_name(name).then(|| ("function", name.into()))
    }

    async fn run(&self, writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
        run::run(writer, operation, context.lineage).await
    }
}

/// A key works in its own region only.
fn key_elsewhere(section: &Section, context: &Context<'_>) -> Option<Diagnostic> {
    let problem = arn::elsewhere(section.string("kms_key_id")?, context)?;
    let found = Diagnostic::error("elsewhere", "Something lies in another region or partition")
        .detail(format!("{problem}; a log group takes keys of its own region only."));
    Some(finding(section, &Path::key("kms_key_id"), found))
}

/// Where the function is told to write elsewhere, its own group stays empty.
fn unused(section: &Section, facts: &FunctionFacts) -> Option<Diagnostic> {
    let name = section.string("log_group_name").filter(|name| *name != facts.log_group_name)?;
    let found = Diagnostic::warning("unused-log-group", "The function does not write to its log group")
        .detail(format!("`logging_config.log_group` sends the lines to `{}`, so nothing will come to `{name}`.", facts.log_group_name))
        .hint("give only one of the two names");
    Some(finding(section, &Path::key("log_group_name"), found))
}

/// Lines of the class DELIVERY are kept for a day, whatever is asked for.
fn delivery(section: &Section) -> Option<Diagnostic> {
    section.string("log_group_class").filter(|class| *class == "DELIVERY")?;
    let days = section.values.get("retention_in_days")?;
    let found = Diagnostic::warning("retention-of-delivery", "The retention will not hold").detail(format!(
        "Groups of the class `DELIVERY` keep lines for one day only, so `retention_in_days` cannot be {}.",
        days.to_json()
    ));
    Some(finding(section, &Path::key("retention_in_days"), found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::{Functions, Known};
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
            repository: None,
            values: Table::new(),
        };
        let section = Section { kind: "log_group".into(), name: "hash".into(), part: None, values, spans: BTreeMap::new(), span: None };
        let (functions, artifacts) = (Functions::from_iter([facts]), BTreeMap::<Address, Artifact>::new());
        let target = Target::placeholder();
        let context =
            Context { project: "demo", stage: None, target: &target, known: Known::Nothing, functions: &functions, artifacts: &artifacts };
        LogGroup.lower(&section, &context)
    }

    pub(super) fn table(key: &str, value: Value) -> Table {
        Table::from_iter([(key.to_owned(), value)])
    }

    #[test]
    fn more_tags_than_a_group_can_carry_are_refused() {
        let tags = (0..60).map(|number| (format!("t{number}"), "x".into())).collect::<Table>();
        let lowered = lowered_with_findings(table("tags", tags.into()));
        assert_eq!(lowered.diagnostics.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>(), ["too-many-tags"]);
    }

    #[test]
    fn what_would_have_no_effect_is_told() {
        let codes = |values: Table| lowered_with_findings(values).diagnostics.iter().map(|found| found.code).collect::<Vec<_>>();
        assert_eq!(codes(table("log_group_name", "/other".into())), ["unused-log-group"]);
        let class = |retention: Option<i64>| {
            let retention = retention.map(|days| ("retention_in_days".to_owned(), days.into()));
            table("log_group_class", "DELIVERY".into()).into_iter().chain(retention).collect()
        };
        assert_eq!(codes(class(Some(30))), ["retention-of-delivery"]);
        assert_eq!(codes(class(None)), [""; 0]);
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

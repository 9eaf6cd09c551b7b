//! The kind `ecr`: a repository for container images, one per function whose image is pushed, or shared.

mod check;
mod drafts;
mod fields;
mod find;
mod names;
mod policy;
mod read;
mod run;

pub use names::{REPOSITORY_NAME, of_function};

use super::image_uri::repository_uri;
use super::{Context, Done, Found, FunctionFacts, Kind, Lowered, Place, ReadTarget, RunContext, Search, lowering};
use crate::aws::{AwsError, Reader, Writer};
use crate::model::field::fill_defaults;
use crate::model::{
    Address, Draft, Field, Operation, PhysicalId, Removal, Replacement, Resource, Rules, Section, Sighting, Table, Update, Value,
};
use async_trait::async_trait;

/// The kind's name.
pub(super) const KIND: &str = "ecr";

/// The attribute that tells whether the repository goes together with what others have pushed.
const FORCE: &str = "force_delete";

/// The kind `ecr`.
pub struct Ecr;

impl Rules for Ecr {
    fn name(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        fields::FIELDS
    }

    fn replacement(&self) -> Replacement {
        Replacement::CreateFirst
    }

    /// Its policy is read and written in two calls.
    fn serial_key(&self, physical_id: &PhysicalId) -> Option<String> {
        Some(format!("ecr:{physical_id}"))
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
impl Kind for Ecr {
    fn places(&self) -> &'static [Place] {
        &[Place::TopLevel]
    }

    fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("arn", "Its ARN."),
            ("repository_name", "Its name in ECR."),
            ("repository_uri", "Its address, without a tag: `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME`."),
        ]
    }

    fn lower(&self, section: &Section, context: &Context<'_>) -> Lowered {
        let name = section.string("repository_name").map(str::to_owned);
        let name = name.unwrap_or_else(|| names::made_up(context.project, context.stage, &section.name));
        let resource = repository(section, &name, context);
        let diagnostics = check::all(section, &resource.inputs, context);
        Lowered { resources: vec![resource], diagnostics }
    }

    async fn read(&self, reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
        read::read(reader, targets).await
    }

    async fn find(&self, reader: &Reader, search: &Search<'_>) -> Result<Vec<Found>, AwsError> {
        find::find(reader, search).await
    }

    async fn run(&self, writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
        run::run(writer, operation, context.lineage).await
    }
}

/// The repository of a function's own that nobody declared; nothing where its image goes to one that somebody did.
pub(super) fn undeclared(facts: &FunctionFacts, section: &Section, context: &Context<'_>) -> Option<Resource> {
    let wanted = facts.repository.as_ref().filter(|repository| !repository.is_declared && repository.is_own)?;
    let own = Section {
        kind: KIND.to_owned(),
        name: section.name.clone(),
        part: None,
        values: Table::from_iter(section.values.get("tags").map(|tags| ("tags".to_owned(), tags.clone()))),
        spans: std::collections::BTreeMap::new(),
        span: None,
    };
    Some(repository(&own, &wanted.repository_name, context))
}

fn repository(section: &Section, name: &str, context: &Context<'_>) -> Resource {
    let target = context.target;
    let mut resource = Resource::new(Address::new(KIND, &section.name), name);
    let mut inputs = lowering::settings(section, fields::FIELDS);
    inputs.insert("repository_name".to_owned(), name.into());
    if let Some(lone) = inputs.get_mut("image_tag_mutability_exclusion_filters").filter(|value| value.as_list().is_none()) {
        *lone = Value::List(vec![lone.clone()]);
    }
    let given = inputs.get("repository_policy").and_then(Value::as_table).cloned().unwrap_or_default();
    inputs.insert("repository_policy".to_owned(), policy::wanted(&given).into());
    fill_defaults(fields::FIELDS, &mut inputs);
    fill_filters(&mut inputs);
    resource.inputs = inputs;
    resource.attributes = Table::from_iter([
        ("arn".to_owned(), format!("arn:{}:ecr:{}:{}:repository/{name}", target.partition, target.region, target.account).into()),
        ("repository_name".to_owned(), name.into()),
        ("repository_uri".to_owned(), repository_uri(target, name).into()),
        (FORCE.to_owned(), section.boolean(FORCE, false).into()),
    ]);
    resource.keep = section.boolean("skip_destroy", false);
    resource.protect = section.boolean("protect", false);
    resource
}

/// Defaults inside of lists are not filled in by anybody else.
fn fill_filters(inputs: &mut Table) {
    let Some(Value::List(filters)) = inputs.get_mut("image_tag_mutability_exclusion_filters") else { return };
    for filter in filters {
        if let Value::Table(filter) = filter {
            filter.entry("filter_type".to_owned()).or_insert_with(|| "WILDCARD".into());
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::kinds::{Functions, Known};
    use crate::model::Target;
    use std::collections::BTreeMap;

    /// What `[ecr.images]` with these values becomes in `eu-central-1`.
    pub(in crate::kinds) fn lowered(values: &[(&str, Value)]) -> Lowered {
        let values: Table = values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        let section = Section { kind: KIND.into(), name: "Images".into(), part: None, values, spans: BTreeMap::new(), span: None };
        let target = Target { region: "eu-central-1".into(), ..Target::placeholder() };
        let (functions, artifacts) = (Functions::default(), BTreeMap::new());
        let context =
            Context { project: "demo", stage: None, target: &target, known: Known::Region, functions: &functions, artifacts: &artifacts };
        Ecr.lower(&section, &context)
    }

    #[test]
    fn the_smallest_section_becomes_a_repository_as_it_should_be() {
        let lowered = lowered(&[]);
        assert_eq!(lowered.diagnostics, []);
        let resource = &lowered.resources[0];
        assert_eq!(resource.physical_id().unwrap().as_str(), "demo-images");
        insta::assert_snapshot!(Value::Table(resource.inputs.clone()).to_json(), @r#"{"encryption_configuration":{"encryption_type":"AES256"},"image_scanning_configuration":{"scan_on_push":true},"image_tag_mutability":"IMMUTABLE","image_tag_mutability_exclusion_filters":[],"lifecycle_policy":{"rules":[{"action":{"type":"expire"},"description":"images without a tag","rulePriority":1,"selection":{"countNumber":14,"countType":"sinceImagePushed","countUnit":"days","tagStatus":"untagged"}}]},"repository_name":"demo-images","repository_policy":{"LambdaECRImageRetrievalPolicy":{"Statement":[{"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}]}},"tags":{}}"#);
        insta::assert_snapshot!(Value::Table(resource.attributes.clone()).to_json(), @r#"{"arn":"arn:aws:ecr:eu-central-1:123456789012:repository/demo-images","force_delete":false,"repository_name":"demo-images","repository_uri":"123456789012.dkr.ecr.eu-central-1.amazonaws.com/demo-images"}"#);
    }
}

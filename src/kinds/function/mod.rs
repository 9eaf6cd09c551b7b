//! The kind `function`: a Lambda function made of a zip or of an image.

mod check;
mod code;
mod drafts;
mod environment;
mod fields;
mod find;
mod live;
mod lower;
mod moved_tags;
mod package_type;
mod read;
mod request;
mod resources;
mod run;
mod runtime;
mod settle;
mod steady;
mod strangers;

pub(super) use fields::{BUILD, CODE, is_name};
pub use package_type::forbidden;
pub(super) use resources::check_role;
pub(super) use runtime::check as check_runtime;
pub(crate) use runtime::{HANDLER_FORM, RUNTIME_DEPRECATED, is_newer as is_newer_runtime, judge as judge_runtime};

pub(crate) use read::absent;
pub(crate) use settle::wait_for_other;

use super::{Context, Done, Found, Kind, Lowered, Place, ReadTarget, RunContext, Search};
use crate::aws::{AwsError, Reader, Writer};
use crate::model::{Draft, Field, Operation, PhysicalId, Removal, Resource, Rules, Section, Sighting, Table, Update};
use async_trait::async_trait;

/// The kind's name.
pub(crate) const KIND: &str = "function";

/// The kind `function`.
pub struct Function;

impl Rules for Function {
    fn name(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        fields::FIELDS
    }

    fn undeclared(&self) -> &'static [Field] {
        strangers::UNDECLARED
    }

    fn attached(&self) -> &'static [&'static str] {
        strangers::ATTACHED
    }

    fn serial_key(&self, physical_id: &PhysicalId) -> Option<String> {
        Some(format!("lambda:{physical_id}"))
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

    /// Lambda takes up to 45 minutes to give its network interfaces back.
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>
    fn farewell(&self, inputs: &Table) -> Option<String> {
        let subnets = inputs.get("vpc_config")?.as_table()?.get("subnet_ids")?;
        let note = "AWS may keep its network interfaces for up to 45 minutes; until then its subnets and security groups cannot be deleted";
        (!subnets.strings().is_empty()).then(|| note.to_owned())
    }
}

#[async_trait]
impl Kind for Function {
    fn places(&self) -> &'static [Place] {
        &[Place::TopLevel]
    }

    fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("arn", "Its ARN, without a version."),
            ("function_name", "Its name in AWS."),
            ("role", "The ARN of the role that it runs as."),
            ("code_sha256", "The SHA-256 of the zip as Lambda has it, in Base64."),
            ("version", "The version that was last written, `$LATEST`."),
        ]
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

    async fn run(&self, writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
        run::run(writer, operation, context).await
    }

    async fn settle(&self, reader: &Reader, operation: &Operation) -> Result<(), AwsError> {
        let Some(name) = operation.physical_id.as_ref().filter(|_| operation.call != "lambda:DeleteFunction") else { return Ok(()) };
        settle::wait(reader, name.as_str(), &operation.address, settle::Until::Ready).await
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::kinds::facts::function_facts;
    use crate::kinds::{Functions, Known};
    use crate::model::{Address, Artifact, Form, Target, Value};
    use std::collections::BTreeMap;

    /// A table from pairs.
    pub(crate) fn table<const COUNT: usize>(pairs: [(&str, Value); COUNT]) -> Value {
        Value::Table(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// A section of the function `hash` without positions.
    pub(crate) fn section(kind: &str, part: Option<&str>, values: &[(&str, Value)]) -> Section {
        let values: Table = values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        Section { kind: kind.into(), name: "hash".into(), part: part.map(Into::into), values, spans: BTreeMap::new(), span: None }
    }

    /// Calls `with` with the context of a project `demo` that has one function, `hash`.
    pub(crate) fn in_context<T>(function: &Section, with: impl FnOnce(&Context<'_>) -> T) -> T {
        let target = Target::placeholder();
        let facts = function_facts(function, None, None, "demo", None, &target);
        let functions = Functions::from_iter([facts]);
        let artifact = Artifact { content_hash: "sha256:aa".into(), form: Form::Zip, unzipped_bytes: 1, files: 1 };
        let artifacts = BTreeMap::from([(Address::new(KIND, "hash"), artifact)]);
        with(&Context {
            project: "demo",
            stage: None,
            target: &target,
            known: Known::Nothing,
            functions: &functions,
            artifacts: &artifacts,
        })
    }

    /// What a function section with these values becomes where the region is known.
    pub(crate) fn lowered_in(region: &str, values: &[(&str, Value)]) -> Lowered {
        let section = section(KIND, None, values);
        let target = Target { region: region.into(), ..Target::placeholder() };
        let (functions, artifacts) = (Functions::default(), BTreeMap::new());
        let context =
            Context { project: "demo", stage: None, target: &target, known: Known::Region, functions: &functions, artifacts: &artifacts };
        Function.lower(&section, &context)
    }

    /// What a function section with these values becomes.
    pub(crate) fn lowered(values: &[(&str, Value)]) -> Lowered {
        let section = section(KIND, None, values);
        in_context(&section, |context| Function.lower(&section, context))
    }
}

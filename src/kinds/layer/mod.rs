//! The kind `layer`: versions of a Lambda layer.
//!
//! A version never changes: other content or other settings make another version, and the functions that refer to the
//! layer move on to it. AWS numbers the versions, so that their number is not known before; what is known is what goes
//! into them, and a hash of that stands behind the layer's name in the physical id. Layers carry no tags: whose a
//! version is stands at the end of its description.

mod drafts;
mod fields;
mod find;
mod live;
mod lower;
mod mark;
mod read;
mod run;

use super::{Context, Done, Found, Kind, Lowered, Place, ReadTarget, RunContext, Search};
use crate::aws::{AwsError, Reader, Writer};
use crate::model::{Draft, Field, Operation, PhysicalId, Removal, Resource, Rules, Section, Sighting, Update, Value};
use async_trait::async_trait;

/// The kind's name.
pub(crate) const KIND: &str = "layer";

/// The kind `layer`.
pub struct Layer;

/// The layer's name, and the hash of what is in the version.
fn split(id: &PhysicalId) -> (&str, &str) {
    id.as_str().rsplit_once('@').unwrap_or((id.as_str(), ""))
}

impl Rules for Layer {
    fn name(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        fields::FIELDS
    }

    /// The current version counts among those that are kept.
    fn kept(&self, desired: &Resource) -> usize {
        let kept = desired.input(fields::KEEP).and_then(Value::as_integer).and_then(|kept| usize::try_from(kept).ok());
        kept.unwrap_or(1).saturating_sub(1)
    }

    fn lasting_attributes(&self) -> &'static [&'static str] {
        &["arn", "code_sha256", "version"]
    }

    /// Its description says whose it is.
    fn is_taggable(&self) -> bool {
        false
    }

    /// Every version of a layer that is asked for: which of them has the wanted content shows its package.
    fn may_be(&self, found: &PhysicalId, wanted: &PhysicalId) -> bool {
        split(found).0 == split(wanted).0
    }

    fn instead_of_adopting(&self) -> Option<&'static str> {
        Some(
            "versions of others cannot be changed, and so not be taken over: give the layer another name with `layer_name`; what a lost \
             state has published, `lambdo state rebuild` finds",
        )
    }

    fn serial_key(&self, physical_id: &PhysicalId) -> Option<String> {
        Some(format!("layer:{}", split(physical_id).0))
    }

    fn create(&self, desired: &Resource) -> Vec<Draft> {
        drafts::create(desired)
    }

    /// Nothing of a version can be changed.
    fn update(&self, _update: &Update<'_>) -> Vec<Draft> {
        Vec::new()
    }

    fn delete(&self, removal: &Removal<'_>) -> Vec<Draft> {
        drafts::delete(removal)
    }
}

#[async_trait]
impl Kind for Layer {
    fn places(&self) -> &'static [Place] {
        &[Place::TopLevel]
    }

    fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("arn", "The ARN of its current version, as functions take it."),
            ("layer_arn", "The ARN of the layer, without a version."),
            ("layer_name", "Its name in AWS."),
            ("version", "The number of its current version."),
            ("code_sha256", "The SHA-256 of the zip as Lambda has it, in Base64."),
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
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::kinds::{Functions, Known};
    use crate::model::{Address, Artifact, Form, Table, Target};
    use std::collections::BTreeMap;

    /// What a section `tools` with these values becomes, made of a package with this hash.
    pub(super) fn lowered_of(content_hash: &str, values: &[(&str, Value)]) -> Lowered {
        let mut values: Table = values.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        values.entry("build".to_owned()).or_insert_with(|| "tools".into());
        let section = Section { kind: KIND.into(), name: "tools".into(), part: None, values, spans: BTreeMap::new(), span: None };
        let artifact = Artifact { content_hash: content_hash.into(), form: Form::Zip, unzipped_bytes: 1, files: 1 };
        let (functions, artifacts) = (Functions::default(), BTreeMap::from([(Address::new(KIND, "tools"), artifact)]));
        let target = Target::placeholder();
        let context =
            Context { project: "demo", stage: None, target: &target, known: Known::Nothing, functions: &functions, artifacts: &artifacts };
        Layer.lower(&section, &context)
    }

    /// What a section `tools` with these values becomes.
    pub(super) fn lowered(values: &[(&str, Value)]) -> Resource {
        lowered_of("sha256:aa", values).resources.remove(0)
    }

    #[test]
    fn every_version_of_the_same_layer_may_be_the_wanted_one() {
        let may_be = |found: &str, wanted: &str| Layer.may_be(&found.into(), &wanted.into());
        assert!(may_be("demo-t@aa", "demo-t@bb") && !may_be("demo-t2@aa", "demo-t@aa"));
        assert!(!Layer.is_same(&"demo-t@aa".into(), &"demo-t@bb".into()));
    }

    #[test]
    fn as_many_old_versions_stay_as_are_kept_besides_the_current_one() {
        assert_eq!([1, 3].map(|keep| Layer.kept(&lowered(&[("keep", keep.into())]))), [0, 2]);
        assert_eq!(Layer.kept(&lowered(&[])), 0);
    }
}

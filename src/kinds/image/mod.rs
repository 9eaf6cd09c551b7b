//! The kind `image`: an image that lambdo pushes to a repository, for one function.
//!
//! Nobody writes a section for it: it comes with a function whose `image` is made here. It is known by a tag of the
//! function's own, in which a part of its digest stands. Functions that are made of the same image have a tag each, and
//! ECR deletes an image with its last tag: one that something still uses stays.

mod read;
mod run;

pub(super) use read::digests;
pub(super) use run::delete;

use super::{Context, Done, FunctionFacts, Kind, Lowered, Place, ReadTarget, RepositoryFacts, RunContext};
use crate::aws::{AwsError, Reader, Writer};
use crate::kinds::arguments::picked;
use crate::kinds::image_uri::repository_uri;
use crate::model::field::ANY_STRING;
use crate::model::{
    Address, Carry, Default, Dependency, Draft, Entry, Field, Operation, PhysicalId, Removal, Resource, Rules, Section, Shape, Sighting,
    Table, Update, Value,
};
use async_trait::async_trait;
use aws_sdk_ecr::types::ImageIdentifier;
use std::collections::BTreeMap;

/// The kind's name.
pub(super) const KIND: &str = "image";

/// So many hex digits of the digest stand in the tag.
const DIGITS: usize = 16;

/// How many images of a function stay.
pub(super) const KEEP: &str = "keep";
/// How many those may be.
pub(super) const KEPT: Shape = Shape::Integer { min: 1, max: 100 };

const FIELDS: &[Field] = &[
    Field::new("repository", ANY_STRING, "The name of the repository in ECR.").replaces(),
    Field::new("tag", ANY_STRING, "Its tag.").replaces(),
    Field::new("digest", ANY_STRING, "The digest of its manifest."),
    // AWS knows nothing of it.
    Field::new(KEEP, KEPT, "How many images of the function stay, the current one among them.").default(Default::Integer(1)),
];

/// The kind `image`.
pub struct Image;

/// Repository and tag.
fn split(id: &PhysicalId) -> (&str, &str) {
    id.as_str().rsplit_once(':').unwrap_or((id.as_str(), ""))
}

fn tag_end(digest: &str) -> String {
    let hex = digest.rsplit(':').next().unwrap_or_default();
    format!("-{}", hex.get(..DIGITS).unwrap_or(hex))
}

/// The tag of a function's image. A tag has 128 characters at most, and a function's name 64.
fn tag(function_name: &str, digest: &str) -> String {
    format!("{function_name}{}", tag_end(digest))
}

/// Whether lambdo has given an image this tag: a part of its digest stands in it.
pub(super) fn is_of_lambdo(image: &ImageIdentifier) -> bool {
    let tag = image.image_tag().unwrap_or_default();
    image.image_digest().is_some_and(|digest| tag.ends_with(&tag_end(digest)))
}

/// The tags of all images that lambdo has pushed to a repository, those that are still to be deleted too.
pub(super) fn tags_in<'a>(entries: &'a BTreeMap<Address, Entry>, repository: &'a str) -> impl Iterator<Item = &'a str> {
    let images = entries.iter().filter(|(address, _)| address.kind == KIND).map(|(_, entry)| entry);
    let ids = images.flat_map(|entry| entry.deposed.iter().map(|deposed| &deposed.physical_id).chain([&entry.physical_id]));
    ids.map(split).filter(move |(name, _)| *name == repository).map(|(_, tag)| tag)
}

/// The image of a function, and the address that Lambda gets; nothing where it is not made yet.
pub(super) fn of_function(facts: &FunctionFacts, repository: &RepositoryFacts, context: &Context<'_>) -> Option<(Resource, String)> {
    let artifact = context.artifacts.get(&Address::new("function", &facts.name))?;
    let (digest, name) = (artifact.content_hash.as_str(), repository.repository_name.as_str());
    let tag = tag(&facts.function_name, digest);
    let mut resource = Resource::new(Address::new(KIND, &facts.name), format!("{name}:{tag}"));
    let uri = format!("{}@{digest}", repository_uri(context.target, name));
    resource.inputs = texts(&[("repository", name), ("tag", &tag), ("digest", digest)]);
    let keep = facts.values.get("image").and_then(Value::as_table).and_then(|image| image.get(KEEP)).cloned();
    resource.inputs.insert(KEEP.to_owned(), keep.unwrap_or(Value::Integer(1)));
    resource.attributes = texts(&[("uri", &uri), ("digest", digest)]);
    resource.parent = Some(repository.address.clone());
    resource.dependencies = vec![Dependency::hard(repository.address.clone()).until_exists()];
    Some((resource, uri))
}

/// A table of texts.
fn texts(pairs: &[(&str, &str)]) -> Table {
    pairs.iter().map(|(key, text)| ((*key).to_owned(), (*text).into())).collect()
}

impl Rules for Image {
    fn name(&self) -> &'static str {
        KIND
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    /// The current image counts among those that are kept.
    fn kept(&self, desired: &Resource) -> usize {
        let kept = desired.input(KEEP).and_then(Value::as_integer).and_then(|kept| usize::try_from(kept).ok());
        kept.unwrap_or(1).saturating_sub(1)
    }

    fn dies_with_parent(&self) -> bool {
        true
    }

    fn is_part_of(&self, physical_id: &PhysicalId, parent: &PhysicalId) -> bool {
        split(physical_id).0 == parent.as_str()
    }

    /// An image has tags, but not those that say whose something is.
    fn is_taggable(&self) -> bool {
        false
    }

    fn serial_key(&self, physical_id: &PhysicalId) -> Option<String> {
        Some(format!("image:{physical_id}"))
    }

    fn create(&self, desired: &Resource) -> Vec<Draft> {
        vec![push(desired).carrying(Carry::fields(&desired.inputs, &["repository", "tag", "digest", KEEP]))]
    }

    /// A tag that leads elsewhere is moved back.
    fn update(&self, update: &Update<'_>) -> Vec<Draft> {
        vec![push(update.desired).carrying(Carry::changes(update.changes))]
    }

    fn delete(&self, removal: &Removal<'_>) -> Vec<Draft> {
        let (repository, tag) = split(removal.physical_id);
        let tags = ("tags".to_owned(), Value::string_list([tag]));
        vec![Draft::new("ecr:BatchDeleteImage", Table::from_iter([("repository".to_owned(), repository.into()), tags]))]
    }
}

fn push(desired: &Resource) -> Draft {
    Draft::new("ecr:PutImage", picked(&desired.inputs, &["repository", "tag", "digest"]))
}

#[async_trait]
impl Kind for Image {
    fn places(&self) -> &'static [Place] {
        &[]
    }

    fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[("uri", "Its address, with the digest."), ("digest", "The digest of its manifest.")]
    }

    fn lower(&self, _section: &Section, _context: &Context<'_>) -> Lowered {
        Lowered::default()
    }

    async fn read(&self, reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
        read::read(reader, targets).await
    }

    async fn run(&self, writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
        run::run(writer, operation, context).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_shows_that_lambdo_gave_it() {
        let digest = "sha256:0123456789abcdef0123456789abcdef";
        assert_eq!(tag("demo-hash", digest), "demo-hash-0123456789abcdef");
        let image = |tag: Option<&str>| ImageIdentifier::builder().image_digest(digest).set_image_tag(tag.map(Into::into)).build();
        assert!(is_of_lambdo(&image(Some("demo-hash-0123456789abcdef"))));
        assert!(!is_of_lambdo(&image(Some("v1"))) && !is_of_lambdo(&image(None)));
    }

    #[test]
    fn a_repository_may_have_slashes_and_a_tag_has_no_colon() {
        assert_eq!(split(&"team/app:demo-hash-01".into()), ("team/app", "demo-hash-01"));
    }

    #[test]
    fn a_delete_takes_the_tag_away_and_with_the_last_one_ecr_deletes_the_image() {
        let id = PhysicalId::from("team/app:demo-hash-01");
        let (nothing, entries) = (Table::new(), BTreeMap::new());
        let removal = Removal { physical_id: &id, inputs: &nothing, attributes: &nothing, live: None, entries: &entries, dependants: &[] };
        let draft = Image.delete(&removal).remove(0);
        insta::assert_snapshot!(Value::Table(draft.arguments).to_json(), @r#"{"repository":"team/app","tags":["demo-hash-01"]}"#);
    }
}

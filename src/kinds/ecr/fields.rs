//! The settings of a repository, as data. Ranges follow the ECR API model.

use super::{names, policy};
use crate::kinds::{arn, tagging};
use crate::model::field::fill_defaults;
use crate::model::{Compare, Default, Field, Shape, Table, Value};

/// After how many days the default policy expires images without a tag: nothing that is deployed is without one.
const UNTAGGED_DAYS: i64 = 14;

pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "repository_name",
        Shape::checked(2, names::LONGEST, names::check),
        "Its name in ECR, instead of `<project>-<stage>-<name>` in lower case.",
    )
    .replaces(),
    Field::new(
        "image_tag_mutability",
        Shape::Choice(&["IMMUTABLE", "MUTABLE", "IMMUTABLE_WITH_EXCLUSION", "MUTABLE_WITH_EXCLUSION"]),
        "Whether a tag can be moved to another image.",
    )
    .default(Default::Text("IMMUTABLE")),
    Field::new(
        "image_tag_mutability_exclusion_filters",
        Shape::List { item: &Shape::Table(FILTER), max: 5 },
        "Tags for which the opposite holds; needs one of the values that end in `_WITH_EXCLUSION`.",
    )
    .default(Default::Texts(&[])),
    Field::new("image_scanning_configuration", Shape::Table(SCANNING), "How images are looked at for known weaknesses.")
        .default(Default::Made(scanning)),
    Field::new("encryption_configuration", Shape::Table(ENCRYPTION), "How images are encrypted; fixed when the repository is made.")
        .default(Default::Made(encryption))
        .replaces(),
    Field::new("lifecycle_policy", Shape::Document, "Which images expire; `{}` for none. Those without a tag after 14 days unless given.")
        .default(Default::Made(lifecycle))
        .compare(Compare::Json)
        .deep(),
    Field::new(
        "repository_policy",
        Shape::Map { value: &Shape::Document, check: Some(policy::check_sid) },
        "Statements of its policy by their `Sid`; those of others are kept. The one that lets Lambda fetch images comes unasked.",
    )
    .default(Default::Made(policy::of_lambda))
    .compare(Compare::Policy)
    .additive()
    .deep(),
    tagging::FIELD.deep(),
    Field::new("force_delete", Shape::Boolean, "Whether it is deleted with the images that lambdo did not push.").internal(),
    Field::new("skip_destroy", Shape::Boolean, "Whether it stays in AWS when it leaves the spec.").internal(),
    Field::new("protect", Shape::Boolean, "Refuses to delete or replace it.").internal(),
];

/// Keys of a filter of tags.
const FILTER: &[Field] = &[
    Field::new("filter", Shape::checked(1, 128, check_filter), "The tag, with `*` for any characters.").required(),
    Field::new("filter_type", Shape::Choice(&["WILDCARD"]), "How `filter` is read.").default(Default::Text("WILDCARD")),
];

const SCANNING: &[Field] =
    &[Field::new("scan_on_push", Shape::Boolean, "Whether an image is scanned when it is pushed.").default(Default::Boolean(true))];

const ENCRYPTION: &[Field] = &[
    Field::new("encryption_type", Shape::Choice(&["AES256", "KMS", "KMS_DSSE"]), "`AES256` with a key of S3, else with one of KMS.")
        .default(Default::Text("AES256")),
    Field::new("kms_key", Shape::checked(1, 2048, arn::check_kms_key), "The ARN of the key; AWS's own one for ECR unless given."),
];

/// Images without a tag are those that a tag was moved away from.
fn lifecycle() -> Value {
    let table = |pairs: Vec<(&str, Value)>| Value::Table(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect());
    let selection = table(vec![
        ("tagStatus", "untagged".into()),
        ("countType", "sinceImagePushed".into()),
        ("countUnit", "days".into()),
        ("countNumber", UNTAGGED_DAYS.into()),
    ]);
    let rule = table(vec![
        ("rulePriority", 1.into()),
        ("description", "images without a tag".into()),
        ("selection", selection),
        ("action", table(vec![("type", "expire".into())])),
    ]);
    table(vec![("rules", Value::List(vec![rule]))])
}

fn filled(fields: &[Field]) -> Value {
    let mut table = Table::new();
    fill_defaults(fields, &mut table);
    table.into()
}

fn scanning() -> Value {
    filled(SCANNING)
}

fn encryption() -> Value {
    filled(ENCRYPTION)
}

fn check_filter(text: &str) -> Result<(), String> {
    let is_fine = text.chars().all(|character| character.is_ascii_alphanumeric() || "._*-".contains(character));
    is_fine.then_some(()).ok_or_else(|| "may only have letters, digits, `.`, `_`, `-` and `*`".to_owned())
}

//! The settings of a layer, as data. Ranges follow the Lambda API model.

use super::mark;
use crate::kinds::function;
use crate::kinds::names::only;
use crate::model::field::ANY_STRING;
use crate::model::{Compare, Default, Field, Shape};

/// How many versions stay.
pub(super) const KEEP: &str = "keep";

pub(super) const FIELDS: &[Field] = &[
    Field::new("layer_name", Shape::checked(1, 64, check_name), "Its name in AWS, instead of `<project>-<stage>-<name>`.").replaces(),
    Field::new("description", Shape::text(0, mark::ROOM), "What is in it, for people; lambdo writes behind it whose it is.")
        .default(Default::Text(""))
        .replaces(),
    Field::new(
        "compatible_runtimes",
        Shape::List { item: &Shape::checked(1, 64, function::check_runtime), max: 15 },
        "The runtimes that it is made for; AWS only shows them.",
    )
    .default(Default::Texts(&[]))
    .compare(Compare::Set)
    .replaces(),
    Field::new(
        "compatible_architectures",
        Shape::List { item: &Shape::Choice(&["x86_64", "arm64"]), max: 2 },
        "The processors that it is made for; the first is the one that it is built for.",
    )
    .default(Default::Texts(&[]))
    .compare(Compare::Set)
    .replaces(),
    Field::new("license_info", Shape::text(0, 512), "Its license: an identifier, a URL or a text.").default(Default::Text("")).replaces(),
    Field::new("code", Shape::AnyOf(&[Shape::Table(function::CODE)]), "What is in it, made of files that are there already.").replaces(),
    Field::new(
        "build",
        Shape::AnyOf(&[ANY_STRING, Shape::Table(function::BUILD)]),
        "How it is made from sources. What is built as Python or Node.js comes into its folder `python` or `nodejs`, where runtimes look.",
    )
    .internal(),
    Field::new(
        KEEP,
        Shape::Integer { min: 1, max: 100 },
        "How many versions stay, the current one among them; older ones are deleted, which functions that run with them do not notice.",
    )
    .default(Default::Integer(1)),
    Field::new("protect", Shape::Boolean, "Refuses to delete or replace a version.").internal(),
];

fn check_name(text: &str) -> Result<(), String> {
    only(text, "-_")
}

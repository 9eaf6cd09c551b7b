//! The field table of `role`.

use super::document::default_trust;
use super::managed;
use crate::kinds::function::check_role;
use crate::kinds::names::only;
use crate::kinds::{arn, tagging};
use crate::model::field::ANY_STRING;
use crate::model::{Compare, Default, Field, Shape};

const TEXTS: Shape = Shape::List { item: &ANY_STRING, max: usize::MAX };

/// A statement of `allow`.
const STATEMENT: &[Field] = &[
    Field::new("action", TEXTS, "What is allowed, such as `s3:GetObject`.").required(),
    Field::new("resource", TEXTS, "The ARNs that it is allowed on, or `*`.").required(),
    Field::new("condition", Shape::Document, "IAM conditions; the keys are AWS's own."),
    Field::new("effect", Shape::Choice(&["Allow", "Deny"]), "`Allow` unless said otherwise."),
    Field::new("sid", Shape::checked(0, 128, sid), "The statement's id: letters and digits."),
];

/// The settings of a role.
pub(super) const FIELDS: &[Field] = &[
    Field::new(
        "reference",
        Shape::checked(0, 2048, reference),
        "A shared role's name, or the ARN of a role that exists; instead of all other keys.",
    )
    .internal(),
    Field::new("role_name", Shape::checked(1, 64, role_name), "The name; else the function's name and the region.").replaces(),
    Field::new("path", Shape::checked(1, 512, path), "The path in the ARN; `/lambdo/PROJECT/` unless given.").replaces(),
    Field::new("protect", Shape::Boolean, "Refuses to delete or replace it.").internal(),
    Field::new("description", Shape::checked(0, 1000, latin_1), "What the role is for.").default(Default::Text("")),
    Field::new("max_session_duration", Shape::Integer { min: 3600, max: 43200 }, "The longest session in seconds.")
        .default(Default::Integer(3600)),
    Field::new("trust_policy", Shape::Document, "Who may assume the role; Lambda unless given.")
        .default(Default::Made(default_trust))
        .compare(Compare::Policy),
    Field::new(
        "permissions_boundary",
        Shape::checked(1, 2048, arn::check_policy),
        "The ARN of the policy that bounds what the role may do.",
    ),
    // 25 is the most that AWS raises the quota to.
    Field::new(
        "managed_policies",
        Shape::List { item: &Shape::checked(1, 2048, managed::check), max: 25 },
        "ARNs of managed policies, or bare names of AWS's own. Others that are attached are detached.",
    )
    .default(Default::Texts(&[]))
    .compare(Compare::Set),
    Field::new(
        "inline_policy",
        Shape::Map { value: &Shape::Document, check: Some(policy_name) },
        "Policies of the role itself, by name. Others that it has are deleted.",
    )
    .default(Default::EmptyTable)
    .compare(Compare::Policy),
    Field::new(
        "allow",
        Shape::List { item: &Shape::Table(STATEMENT), max: usize::MAX },
        "Statements that become the inline policy `allow`.",
    )
    .internal(),
    tagging::FIELD,
];

/// What begins like an ARN must be one of a role; everything else is a name, which is looked up.
fn reference(text: &str) -> Result<(), String> {
    if text.starts_with("arn:") { check_role(text) } else { Ok(()) }
}

fn role_name(text: &str) -> Result<(), String> {
    only(text, "+=,.@_-")
}

fn policy_name(text: &str) -> Result<(), String> {
    if text.is_empty() || text.chars().count() > 128 {
        return Err("has not 1 to 128 characters, as names of policies have".into());
    }
    role_name(text)
}

fn path(text: &str) -> Result<(), String> {
    if !text.starts_with('/') || !text.ends_with('/') {
        return Err("does not begin and end with `/`, such as `/service/team/`".into());
    }
    if text == "//" {
        return Err("has nothing between its slashes; the root is `/` alone".into());
    }
    if text.starts_with("/aws-service-role") {
        return Err("is reserved for AWS's service-linked roles".into());
    }
    // U+0021 to U+007E, says IAM's API model.
    if text.bytes().all(|byte| (0x21..=0x7E).contains(&byte)) { Ok(()) } else { Err("has a space or a character outside ASCII".into()) }
}

/// IAM takes tab, line feed, carriage return, printable ASCII and U+00A1 to U+00FF.
fn latin_1(text: &str) -> Result<(), String> {
    match text.chars().find(|character| !matches!(character, '\t' | '\n' | '\r' | ' '..='~' | '\u{A1}'..='\u{FF}')) {
        None => Ok(()),
        Some(character) => Err(format!("has the character `{character}`, which IAM does not take (it takes Latin-1 only)")),
    }
}

fn sid(text: &str) -> Result<(), String> {
    only(text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_iam_refuses_are_refused() {
        assert!(role_name("demo-hash_eu+=,.@").is_ok());
        assert!(role_name("demo/hash").is_err());
        for bad in ["lambdo/", "/lambdo", "/aws-service-role/x/", "/a b/", "//"] {
            assert!(path(bad).is_err(), "{bad}");
        }
        assert!(path("/").is_ok() && path("/lambdo/demo/").is_ok());
        assert!(latin_1("Grüße, naïve").is_ok() && latin_1("it’s").is_err());
        assert!(sid("Read1").is_ok() && sid("read-1").is_err());
    }
}

//! The settings of a log group, as data.

use crate::kinds::arn::{self, Arn};
use crate::kinds::names::only;
use crate::kinds::tagging;
use crate::model::log_group::RETENTIONS_IN_DAYS;
use crate::model::{Default, Field, Shape, Value};

/// The word for logs that are kept for ever; AWS has no number for it.
pub(super) const NEVER: &str = "never";

pub(super) const FIELDS: &[Field] = &[
    Field::new("log_group_name", Shape::checked(1, 512, check_name), "The name; else `/aws/lambda/` and the function's name.").replaces(),
    Field::new(
        "retention_in_days",
        Shape::AnyOf(&[Shape::IntegerChoice(RETENTIONS_IN_DAYS), Shape::Choice(&[NEVER])]),
        "After how many days lines are deleted, or `never`.",
    )
    .default(Default::Integer(30)),
    Field::new(
        "log_group_class",
        Shape::Choice(&["STANDARD", "INFREQUENT_ACCESS", "ESSENTIALS", "DELIVERY"]),
        "What can be done with the lines.",
    )
    .default(Default::Text("STANDARD"))
    .replaces(),
    Field::new("kms_key_id", Shape::checked(1, 256, check_key), "The ARN of the key that encrypts the lines."),
    tagging::FIELD.deep(),
    Field::new("skip_destroy", Shape::Boolean, "Whether the group stays in AWS when the function goes.").internal(),
    Field::new("protect", Shape::Boolean, "Refuses to delete or replace it.").internal(),
];

/// What must hold for the name of a log group.
pub(in crate::kinds) fn check_name(text: &str) -> Result<(), String> {
    if text.starts_with("aws/") {
        return Err("must not begin with `aws/`, which belongs to AWS; `/aws/` may stand there".to_owned());
    }
    only(text, ".-_/#")
}

/// Logs takes a key itself, and none of its aliases.
fn check_key(text: &str) -> Result<(), String> {
    arn::check_kms_key(text)?;
    let is_alias = Arn::parse(text).is_some_and(|arn| arn.resource.starts_with("alias/"));
    if is_alias { Err("is the ARN of an alias; CloudWatch Logs takes the ARN of the key itself, `…:key/ID`".to_owned()) } else { Ok(()) }
}

/// Whether the lines are kept for ever.
pub(super) fn is_never(value: &Value) -> bool {
    value.as_str() == Some(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_aws_refuses_are_refused() {
        assert!(check_name("/aws/lambda/x#1").is_ok());
        assert!(check_name("aws/x").is_err() && check_name("a b").is_err());
    }

    #[test]
    fn a_key_is_given_by_its_own_arn() {
        let arn = |resource: &str| format!("arn:aws:kms:eu-central-1:123456789012:{resource}");
        assert!(check_key(&arn("key/x")).is_ok() && check_key("alias/x").is_err());
        insta::assert_snapshot!(check_key(&arn("alias/x")).unwrap_err(), @"is the ARN of an alias; CloudWatch Logs takes the ARN of the key itself, `…:key/ID`");
    }
}

//! The settings of a permission, as data. Patterns follow the Lambda API model (`AddPermissionRequest`).

use crate::kinds::arn::{Arn, is_account};
use crate::kinds::names::{is_service_principal, only};
use crate::model::{Default, Field, Shape};

pub(super) const FIELDS: &[Field] = &[
    Field::new("statement_id", Shape::checked(1, 100, check_statement_id), "The statement's id, instead of `lambdo-permission-<name>`.")
        .replaces(),
    Field::new("action", Shape::checked(1, 256, check_action), "What is permitted.")
        .default(Default::Text("lambda:InvokeFunction"))
        .replaces(),
    Field::new(
        "principal",
        Shape::checked(1, 2048, check_principal),
        "Who may: a service such as `s3.amazonaws.com`, an account, an ARN, or `*`.",
    )
    .required()
    .replaces(),
    Field::new("source_arn", Shape::checked(1, 10_000, check_source), "The resource on whose behalf a service invokes; may have `*`.")
        .replaces(),
    Field::new("source_account", Shape::checked(1, 64, check_account), "The account that the resource belongs to.").replaces(),
    Field::new("principal_org_id", Shape::checked(1, 64, check_organization), "The organisation whose accounts may.").replaces(),
    Field::new("event_source_token", Shape::checked(1, 256, check_token), "The token of an Alexa skill.").replaces(),
    Field::new("function_url_auth_type", Shape::Choice(&["NONE", "AWS_IAM"]), "For which sort of function URL it holds.").replaces(),
    Field::new("invoked_via_function_url", Shape::Boolean, "Whether it holds for invocations by URL only.").replaces(),
];

fn check_statement_id(id: &str) -> Result<(), String> {
    only(id, "-_")
}

fn check_action(action: &str) -> Result<(), String> {
    let is_word = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    let name = action.strip_prefix("lambda:");
    if action == "*" || name.is_some_and(|name| name == "*" || is_word(name)) {
        return Ok(());
    }
    let meant = if is_word(action) { action } else { "InvokeFunction" };
    Err(format!(
        "must be an action of Lambda in full, such as `lambda:{meant}`, or `lambda:*`; patterns such as `lambda:Invoke*` are not taken"
    ))
}

fn check_principal(principal: &str) -> Result<(), String> {
    if principal.chars().any(char::is_whitespace) {
        return Err("has a space".to_owned());
    }
    if principal == "*" || is_account(principal) || is_service_principal(principal) {
        return Ok(());
    }
    if principal.starts_with("arn:") {
        return check_identity(principal);
    }
    let meant = if principal.contains(|character: char| !character.is_ascii_alphabetic() && character != '-') { "s3" } else { principal };
    Err(format!("must be a service such as `{meant}.amazonaws.com`, twelve digits of an account, an ARN or `*`"))
}

/// Whether it exists only AWS knows.
fn check_identity(text: &str) -> Result<(), String> {
    let is_identity = Arn::parse(text).is_some_and(|arn| matches!(arn.service, "iam" | "sts") && arn.region.is_empty());
    if !is_identity {
        return Err("is not the ARN of an account, a user or a role, such as `arn:aws:iam::123456789012:role/NAME`; a resource on whose behalf a service invokes is the `source_arn`".to_owned());
    }
    if text.contains('*') { Err("has a `*`; names of principals are exact".to_owned()) } else { Ok(()) }
}

fn check_source(text: &str) -> Result<(), String> {
    let wanted = || {
        "must be an ARN, which may have `*` behind the account, such as `arn:aws:s3:::bucket` or `arn:aws:execute-api:eu-central-1:123456789012:API/*`".to_owned()
    };
    let arn = Arn::parse(text).ok_or_else(wanted)?;
    let is_place = (arn.region.is_empty() || !arn.region.contains(['*', '?'])) && (arn.account.is_empty() || is_account(arn.account));
    is_place
        .then_some(())
        .ok_or_else(|| "must name its region and account in full, or not at all; `*` can stand behind them only".to_owned())
}

fn check_account(text: &str) -> Result<(), String> {
    is_account(text)
        .then_some(())
        .ok_or_else(|| "must be twelve digits, the id of an account; in quotes, so that zeros in front stay".to_owned())
}

fn check_organization(text: &str) -> Result<(), String> {
    let is_id = |id: &str| (10..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_organization = text.strip_prefix("o-").is_some_and(is_id);
    is_organization.then_some(()).ok_or_else(|| "must be the id of an organisation: `o-` and 10 to 32 small letters and digits".to_owned())
}

fn check_token(text: &str) -> Result<(), String> {
    only(text, "._-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::field::Check;

    #[test]
    fn what_lambda_takes_passes_and_the_rest_does_not() {
        let role = "arn:aws:iam::123456789012:role/x";
        let cases: [(Check, &[&str], &[&str]); 7] = [
            (check_statement_id, &["a-B_1"], &["a.b", "a/b", "a b"]),
            (
                check_action,
                &["*", "lambda:*", "lambda:InvokeFunctionUrl"],
                &["lambda:Invoke*", "InvokeFunction", "s3:GetObject", "lambda:"],
            ),
            (
                check_principal,
                &["*", "123456789012", role, "arn:aws:iam::123456789012:root", "events.amazonaws.com", "alexa-appkit.amazon.com"],
                &["s3", "s3.example.com", "arn:aws:s3:::bucket", "arn:aws:iam::123456789012:role/*", "s3 .amazonaws.com", "12345"],
            ),
            (
                check_source,
                &["arn:aws:s3:::b", "arn:aws:sns:eu-central-1:123456789012:*"],
                &["bucket", "arn:aws:sns:*:123456789012:t", "arn:aws:sns:eu-central-1:*:t"],
            ),
            (check_account, &["012345678901"], &["12345", "123456789O12"]),
            (check_organization, &["o-a1b2c3d4e5"], &["a1b2c3d4e5", "o-short", "o-A1B2C3D4E5"]),
            (check_token, &["amzn1.ask.skill.0a-1_b"], &["a b"]),
        ];
        for (check, good, bad) in cases {
            good.iter().for_each(|text| assert_eq!(check(text), Ok(()), "{text}"));
            bad.iter().for_each(|text| assert!(check(text).is_err(), "{text}"));
        }
    }

    #[test]
    fn what_was_meant_is_told() {
        insta::assert_snapshot!(check_principal("s3").unwrap_err(), @"must be a service such as `s3.amazonaws.com`, twelve digits of an account, an ARN or `*`");
        insta::assert_snapshot!(check_principal("arn:aws:s3:::bucket").unwrap_err(), @"is not the ARN of an account, a user or a role, such as `arn:aws:iam::123456789012:role/NAME`; a resource on whose behalf a service invokes is the `source_arn`");
        insta::assert_snapshot!(check_action("InvokeFunction").unwrap_err(), @"must be an action of Lambda in full, such as `lambda:InvokeFunction`, or `lambda:*`; patterns such as `lambda:Invoke*` are not taken");
    }
}

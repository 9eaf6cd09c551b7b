//! What must hold between the settings of a permission.

use crate::diagnostic::Diagnostic;
use crate::kinds::Context;
use crate::kinds::arn;
use crate::kinds::lowering::finding;
use crate::kinds::names::is_service_principal;
use crate::model::{Path, Section, Table, Value};

/// The action that has a sort of function URL.
const URL_ACTION: &str = "lambda:InvokeFunctionUrl";
/// Whose buckets can be deleted, and made anew by someone else with the same ARN.
const S3: &str = "s3.amazonaws.com";

/// Everything that is wrong with a section beyond its field table.
pub(super) fn all(section: &Section, inputs: &Table, context: &Context<'_>) -> Vec<Diagnostic> {
    let text = |key: &str| inputs.get(key).and_then(Value::as_str);
    let at = |key: &str, diagnostic: Diagnostic| finding(section, &Path::key(key), diagnostic);
    let principal = text("principal").unwrap_or_default();
    let limits = Limits::of(inputs);
    [
        url_type(inputs).map(|found| at("function_url_auth_type", found)),
        anyone(principal, &limits).map(|found| at("principal", found)),
        any_customer(principal, &limits).map(|found| at("principal", found)),
        never_met(principal, &limits).map(|found| at("source_arn", found)),
        ["principal", "source_arn"].into_iter().find_map(|key| Some(at(key, other_partition(text(key)?, context)?))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What narrows a principal down. What is not known yet does.
struct Limits {
    source_arn: bool,
    source_account: bool,
    others: bool,
}

impl Limits {
    fn of(inputs: &Table) -> Self {
        let has = |key: &str| inputs.contains_key(key);
        let others = ["principal_org_id", "event_source_token", "function_url_auth_type", "invoked_via_function_url"];
        Self { source_arn: has("source_arn"), source_account: has("source_account"), others: others.into_iter().any(has) }
    }

    fn is_none(&self) -> bool {
        !self.source_arn && !self.source_account && !self.others
    }
}

/// Measured on AWS by cdk-preflight (`pf-lambda-perm-url-auth-action`).
fn url_type(inputs: &Table) -> Option<Diagnostic> {
    inputs.get("function_url_auth_type")?;
    let action = inputs.get("action")?.as_str().filter(|action| *action != URL_ACTION)?;
    let found = Diagnostic::error("url-type-without-url", "A sort of function URL needs the action for URLs")
        .detail(format!("`function_url_auth_type` goes with `{URL_ACTION}` only, and `action` is `{action}`."));
    Some(found.hint(format!("set `action = \"{URL_ACTION}\"`, or take `function_url_auth_type` away")))
}

fn anyone(principal: &str, limits: &Limits) -> Option<Diagnostic> {
    (principal == "*" && limits.is_none()).then(|| {
        Diagnostic::warning("public-function", "Anyone may invoke the function")
            .detail("`principal` is `*` and nothing limits it, so everybody with an AWS account may; AWS refuses that where the account blocks public access.")
            .hint("name who may, or limit it with `principal_org_id`, `source_account` or `source_arn`")
    })
}

/// A service acts for all its customers.
fn any_customer(principal: &str, limits: &Limits) -> Option<Diagnostic> {
    if principal == S3 && limits.source_arn && !limits.source_account {
        let found = Diagnostic::warning("any-customer", "Others may come to invoke the function")
            .detail("The ARN of a bucket does not say whose it is: when it is deleted, someone else can make one with its name.");
        return Some(found.hint("add `source_account = \"${aws.account_id}\"`"));
    }
    (is_service_principal(principal) && limits.is_none()).then(|| {
        Diagnostic::warning("any-customer", "Others may come to invoke the function")
            .detail(format!("`{principal}` may invoke the function on behalf of any of its customers, also of other accounts."))
            .hint("add `source_arn` with what invokes it, or `source_account = \"${aws.account_id}\"`")
    })
}

/// Only services say on whose behalf they come.
fn never_met(principal: &str, limits: &Limits) -> Option<Diagnostic> {
    (limits.source_arn && principal.starts_with("arn:")).then(|| {
        Diagnostic::warning("never-met", "The permission may never hold")
            .detail(format!(
                "`{principal}` invokes the function itself, and only services say on whose behalf they do: `source_arn` will not match."
            ))
            .hint("take `source_arn` away")
    })
}

fn other_partition(text: &str, context: &Context<'_>) -> Option<Diagnostic> {
    let problem = arn::other_partition(text, context)?;
    Some(
        Diagnostic::error("elsewhere", "Something lies in another region or partition")
            .detail(format!("{problem}; write `${{aws.partition}}` for the partition.")),
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::lowered_with_findings;
    use crate::model::{Address, Value};

    #[test]
    fn what_does_not_go_together_or_is_dangerous_is_told() {
        let (bucket, role) = ("arn:aws:s3:::b", "arn:aws:iam::123456789012:role/x");
        let open = || Value::reference(&Address::new("function", "hash"), "arn");
        let cases: [(&[(&str, Value)], &[&str]); 12] = [
            (&[("principal", "*".into())], &["public-function"]),
            (&[("principal", "*".into()), ("principal_org_id", "o-a1b2c3d4e5".into())], &[]),
            (&[("principal", "*".into()), ("source_arn", open())], &[]),
            (&[("principal", "s3.amazonaws.com".into())], &["any-customer"]),
            (&[("principal", "s3.amazonaws.com".into()), ("source_arn", bucket.into())], &["any-customer"]),
            (&[("principal", "s3.amazonaws.com".into()), ("source_arn", bucket.into()), ("source_account", "123456789012".into())], &[]),
            (&[("principal", "sns.amazonaws.com".into()), ("source_arn", "arn:aws:sns:eu-central-1:123456789012:t".into())], &[]),
            (&[("principal", role.into())], &[]),
            (&[("principal", role.into()), ("source_arn", bucket.into())], &["never-met"]),
            (&[("principal", "*".into()), ("function_url_auth_type", "NONE".into())], &["url-type-without-url"]),
            (&[("principal", "*".into()), ("function_url_auth_type", "NONE".into()), ("action", "lambda:InvokeFunctionUrl".into())], &[]),
            (&[("principal", open())], &[]),
        ];
        for (values, codes) in cases {
            let found: Vec<_> = lowered_with_findings(values).iter().map(|found| found.code).collect();
            assert_eq!(found, codes, "{values:?}");
        }
    }
}

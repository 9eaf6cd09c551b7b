//! What a denial says: who may not do what on what, which policy is to blame, and what would allow it.
//!
//! AWS names the sort of policy since 2021:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>

use super::actions::actions_of;
use serde_json::{Value as Json, json};

/// A message of AWS's, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denial {
    /// The principal's ARN.
    principal: Option<String>,
    /// The action, such as `lambda:GetPolicy`.
    action: Option<String>,
    /// What it was denied on, as a policy names it.
    resource: Option<String>,
    /// What was asked for, where AWS does not say what was denied.
    asked: Vec<String>,
    /// Why, as AWS says it, such as `with an explicit deny in a service control policy`.
    reason: Option<String>,
    /// Whether AWS says more to who may decode it.
    is_encoded: bool,
}

impl Denial {
    pub(super) fn of(message: &str) -> Self {
        let word = |mark: &str| message.split_once(mark).and_then(|(_, rest)| rest.split_whitespace().next());
        let trimmed = |word: &str| word.trim_matches(['"', '\'']).trim_end_matches([',', '.', '"', '\'']).to_owned();
        let from =
            |mark: &str| message.find(mark).map(|at| message[at..].lines().next().unwrap_or_default().trim_end_matches('.').to_owned());
        let principal = word("User: ").map(trimmed);
        let action = word("not authorized to perform: ").map(trimmed).map(|action| action.trim_end_matches(':').to_owned());
        let on = message.split_once("on resource: ").map(|(_, rest)| rest);
        Self {
            resource: on.and_then(|on| resource(on, principal.as_deref().unwrap_or_default(), action.as_deref().unwrap_or_default())),
            asked: Vec::new(),
            principal,
            action,
            reason: from("with an explicit deny").or_else(|| from("because no ")),
            is_encoded: message.contains("Encoded authorization failure message"),
        }
    }

    /// The same without what `clean` takes out.
    pub(super) fn cleaned(self, clean: impl Fn(&str) -> String) -> Self {
        let cleaned = |text: Option<String>| text.map(|text| clean(&text));
        let Self { principal, action, resource, asked, reason, is_encoded } = self;
        let (principal, action) = (cleaned(principal), cleaned(action));
        Self { principal, action, resource: cleaned(resource), asked, reason: cleaned(reason), is_encoded }
    }

    /// The same for a call that asked for these, as a policy names them.
    pub(super) fn of_what_was_asked(self, asked: Vec<String>) -> Self {
        Self { asked, ..self }
    }

    /// What to do about it.
    pub(super) fn hints(&self, operation: &str) -> Vec<String> {
        let action = self.action.as_deref().unwrap_or_else(|| actions_of(operation).first().copied().unwrap_or(operation));
        let to = self.principal.as_ref().map_or_else(|| "the principal that deploys".to_owned(), |arn| format!("`{arn}`"));
        let on = self
            .resource
            .as_ref()
            .or(self.asked.first())
            .filter(|on| *on != "*")
            .map_or_else(String::new, |resource| format!(" on `{resource}`"));
        let grant = || [format!("grant `{action}`{on} to {to}: {}", self.statement(operation, action)), whole()];
        let decode = self.is_encoded.then(|| "`aws sts decode-authorization-message` says more of why".to_owned());
        let Some(reason) = &self.reason else {
            let beaten = "an explicit deny, a service control policy or a permissions boundary beats every grant".to_owned();
            return grant().into_iter().chain([beaten]).chain(decode).collect();
        };
        let because = format!("`{action}`{on} was denied \"{reason}\"");
        match advice(reason, &to) {
            Some(advice) => vec![because, advice],
            None => [because].into_iter().chain(grant()).collect(),
        }
    }

    /// The statement that would allow it. Where AWS does not say what was denied, all that the operation needs.
    fn statement(&self, operation: &str, action: &str) -> Json {
        let needed = actions_of(operation);
        let actions = if self.action.is_some() || needed.is_empty() { vec![action] } else { needed };
        let resource = match (&self.resource, self.asked.as_slice()) {
            (Some(resource), _) => json!(resource),
            (None, []) => json!("*"),
            (None, asked) => json!(asked),
        };
        let mut statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resource });
        if actions.contains(&"iam:PassRole") {
            statement["Condition"] = passed_to_lambda();
        }
        statement
    }
}

/// What was denied, as a policy names it, from what follows `on resource: `. IAM writes `role NAME` and `policy NAME`
/// without their paths, CloudWatch Logs an ARN with an empty stream, and the Secrets Manager the name that it was asked for.
fn resource(on: &str, principal: &str, action: &str) -> Option<String> {
    let mut words = on.split_whitespace().map(|word| word.trim_matches(['"', '\'']).trim_end_matches([',', '.', '"', '\'']));
    let (first, second) = (words.next()?, words.next().unwrap_or_default());
    let mut owner = principal.split(':');
    let (partition, account) = (owner.nth(1).unwrap_or("aws"), owner.nth(2).unwrap_or("*"));
    match first {
        "*" => Some("*".to_owned()),
        arn if arn.starts_with("arn:") => {
            let group = arn.strip_suffix(":log-stream:").map(|group| format!("{}:*", group.trim_end_matches(':')));
            Some(group.unwrap_or_else(|| arn.trim_end_matches(':').to_owned()))
        }
        "role" | "policy" if action.starts_with("iam:") => Some(format!("arn:{partition}:iam::{account}:{first}/*{second}")),
        id if action.starts_with("secretsmanager:") => Some(format!("arn:{partition}:secretsmanager:*:{account}:secret:{id}-??????")),
        _ => None,
    }
}

/// The condition under which a role is passed to Lambda and to nobody else.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html>
pub fn passed_to_lambda() -> Json {
    json!({ "StringEquals": { "iam:PassedToService": "lambda.amazonaws.com" } })
}

fn whole() -> String {
    "`lambdo policy` prints all that this spec needs".to_owned()
}

/// What to do where a grant does not help.
fn advice(reason: &str, to: &str) -> Option<String> {
    let lower = reason.to_lowercase();
    if lower.contains("service control policy") || lower.contains("resource control policy") {
        Some("only who administers the organization can change that; no grant in the account helps".to_owned())
    } else if lower.contains("permissions boundary") {
        Some(format!("the boundary of {to} has to allow it; another policy that does is not enough"))
    } else if lower.contains("session policy") {
        Some("the session was made with a policy of its own that leaves it out: make one without it".to_owned())
    } else if lower.contains("explicit deny") {
        Some("a deny beats every grant: the statement that denies it has to go".to_owned())
    } else if lower.contains("vpc endpoint policy") {
        Some("the VPC endpoint that the call went through has a policy that has to allow it".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_denied_what_is_said_in_awss_own_words() {
        let say = |reason: &str| {
            let message = format!("User: arn:aws:iam::1:user/a is not authorized to perform: lambda:GetPolicy on resource: arn:x {reason}");
            Denial::of(&message).hints("lambda:GetPolicy").join("\n")
        };
        insta::assert_snapshot!(say("because no identity-based policy allows the lambda:GetPolicy action"), @r#"
        `lambda:GetPolicy` on `arn:x` was denied "because no identity-based policy allows the lambda:GetPolicy action"
        grant `lambda:GetPolicy` on `arn:x` to `arn:aws:iam::1:user/a`: {"Effect":"Allow","Action":["lambda:GetPolicy"],"Resource":"arn:x"}
        `lambdo policy` prints all that this spec needs
        "#);
        insta::assert_snapshot!(say("with an explicit deny in a service control policy"), @r#"
        `lambda:GetPolicy` on `arn:x` was denied "with an explicit deny in a service control policy"
        only who administers the organization can change that; no grant in the account helps
        "#);
        insta::assert_snapshot!(say("because no permissions boundary allows the lambda:GetPolicy action"), @r#"
        `lambda:GetPolicy` on `arn:x` was denied "because no permissions boundary allows the lambda:GetPolicy action"
        the boundary of `arn:aws:iam::1:user/a` has to allow it; another policy that does is not enough
        "#);
        insta::assert_snapshot!(say("with an explicit deny in an identity-based policy"), @r#"
        `lambda:GetPolicy` on `arn:x` was denied "with an explicit deny in an identity-based policy"
        a deny beats every grant: the statement that denies it has to go
        "#);
        insta::assert_snapshot!(say("because no session policy allows the lambda:GetPolicy action"), @r#"
        `lambda:GetPolicy` on `arn:x` was denied "because no session policy allows the lambda:GetPolicy action"
        the session was made with a policy of its own that leaves it out: make one without it
        "#);
        insta::assert_snapshot!(Denial::of("no").hints("iam:CreateRole").join("\n"), @r#"
        grant `iam:CreateRole` to the principal that deploys: {"Effect":"Allow","Action":["iam:CreateRole","iam:TagRole"],"Resource":"*"}
        `lambdo policy` prints all that this spec needs
        an explicit deny, a service control policy or a permissions boundary beats every grant
        "#);
        let asked = vec!["arn:aws:s3:::code/a.zip".to_owned(), "arn:aws:s3:::code".to_owned()];
        insta::assert_snapshot!(Denial::of("").of_what_was_asked(asked).hints("s3:HeadObject").join("\n"), @r#"
        grant `s3:GetObject` on `arn:aws:s3:::code/a.zip` to the principal that deploys: {"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::code/a.zip","arn:aws:s3:::code"]}
        `lambdo policy` prints all that this spec needs
        an explicit deny, a service control policy or a permissions boundary beats every grant
        "#);
        insta::assert_snapshot!(Denial::of("Access Denied").hints("s3:HeadObject").join("\n"), @r#"
        grant `s3:GetObject` to the principal that deploys: {"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":"*"}
        `lambdo policy` prints all that this spec needs
        an explicit deny, a service control policy or a permissions boundary beats every grant
        "#);
        let passed = "User: arn:aws:iam::1:user/a is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/x because no identity-based policy allows the iam:PassRole action";
        insta::assert_snapshot!(Denial::of(passed).hints("lambda:CreateFunction").join("\n"), @r#"
        `iam:PassRole` on `arn:aws:iam::1:role/x` was denied "because no identity-based policy allows the iam:PassRole action"
        grant `iam:PassRole` on `arn:aws:iam::1:role/x` to `arn:aws:iam::1:user/a`: {"Effect":"Allow","Action":["iam:PassRole"],"Resource":"arn:aws:iam::1:role/x","Condition":{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}}
        `lambdo policy` prints all that this spec needs
        "#);
        let encoded = "You are not authorized to perform this operation. Encoded authorization failure message: abc";
        insta::assert_snapshot!(Denial::of(encoded).hints("lambda:CreateFunction").join("\n"), @r#"
        grant `lambda:CreateFunction` to the principal that deploys: {"Effect":"Allow","Action":["lambda:CreateFunction","lambda:TagResource","iam:PassRole","lambda:GetLayerVersion","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:GetRepositoryPolicy","ecr:SetRepositoryPolicy","s3:GetObject","s3:GetObjectVersion"],"Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}}}
        `lambdo policy` prints all that this spec needs
        an explicit deny, a service control policy or a permissions boundary beats every grant
        `aws sts decode-authorization-message` says more of why
        "#);
    }

    #[test]
    fn what_services_call_a_resource_becomes_what_a_policy_calls_it() {
        for (action, on, expected) in [
            ("iam:PutRolePolicy", "role demo-a because", Some("arn:aws:iam::123456789012:role/*demo-a")),
            ("iam:CreateRole", "arn:aws:iam::123456789012:role/demo-a because", Some("arn:aws:iam::123456789012:role/demo-a")),
            (
                "logs:CreateLogGroup",
                "arn:aws:logs:r:1:log-group:/aws/lambda/a:log-stream: because",
                Some("arn:aws:logs:r:1:log-group:/aws/lambda/a:*"),
            ),
            ("logs:DescribeLogGroups", "arn:aws:logs:r:1:log-group::log-stream: because", Some("arn:aws:logs:r:1:log-group:*")),
            ("secretsmanager:GetSecretValue", "shop/db because", Some("arn:aws:secretsmanager:*:123456789012:secret:shop/db-??????")),
            ("s3:GetObject", "\"arn:aws:s3:::code/a.zip\" because", Some("arn:aws:s3:::code/a.zip")),
            ("lambda:ListFunctions", "* because", Some("*")),
            ("x:Y", "something else", None),
        ] {
            let message = format!("User: arn:aws:iam::123456789012:user/a is not authorized to perform: {action} on resource: {on} no");
            assert_eq!(Denial::of(&message).resource.as_deref(), expected, "{message}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_aws_says_there_is_advice(message in "(User: |not authorized to perform: |on resource: |because no |.){0,40}", operation in ".{0,30}") {
            let hints = Denial::of(&message).hints(&operation);
            proptest::prop_assert!(!hints.is_empty() && hints.iter().all(|hint| hint.len() < 2_000));
        }
    }
}

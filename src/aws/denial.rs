//! What a denial says: who may not do what, and which policy is to blame.
//!
//! AWS names the sort of policy since 2021:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>

/// A message of AWS's, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Denial<'a> {
    /// The principal's ARN.
    principal: Option<&'a str>,
    /// The action, such as `lambda:GetPolicy`.
    action: Option<&'a str>,
    /// Why, as AWS says it, such as `with an explicit deny in a service control policy`.
    reason: Option<&'a str>,
}

impl<'a> Denial<'a> {
    pub(super) fn of(message: &'a str) -> Self {
        let word = |mark: &str| message.split_once(mark).and_then(|(_, rest)| rest.split_whitespace().next());
        let trimmed = |word: &'a str| word.trim_end_matches([',', '.', ':']);
        let from = |mark: &str| message.find(mark).map(|at| message[at..].trim_end_matches('.'));
        Self {
            principal: word("User: ").map(trimmed),
            action: word("not authorized to perform: ").map(trimmed),
            reason: from("with an explicit deny").or_else(|| from("because no ")),
        }
    }

    /// What to do about it.
    pub(super) fn hints(&self, operation: &str) -> Vec<String> {
        let action = self.action.unwrap_or(operation);
        let to = self.principal.map_or_else(|| "the principal that deploys".to_owned(), |arn| format!("`{arn}`"));
        let Some(reason) = self.reason else {
            return vec![
                format!("grant `{action}` to {to}"),
                "an explicit deny, a service control policy or a permissions boundary beats every grant".to_owned(),
            ];
        };
        let because = format!("`{action}` was denied \"{reason}\"");
        let lower = reason.to_lowercase();
        let advice = if lower.contains("service control policy") || lower.contains("resource control policy") {
            "only who administers the organization can change that; no grant in the account helps".to_owned()
        } else if lower.contains("permissions boundary") {
            format!("the boundary of {to} has to allow it; another policy that does is not enough")
        } else if lower.contains("session policy") {
            "the session was made with a policy of its own that leaves it out: make one without it".to_owned()
        } else if lower.contains("explicit deny") {
            "a deny beats every grant: the statement that denies it has to go".to_owned()
        } else if lower.contains("vpc endpoint policy") {
            "the VPC endpoint that the call went through has a policy that has to allow it".to_owned()
        } else {
            format!("grant `{action}` to {to}")
        };
        vec![because, advice]
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
        `lambda:GetPolicy` was denied "because no identity-based policy allows the lambda:GetPolicy action"
        grant `lambda:GetPolicy` to `arn:aws:iam::1:user/a`
        "#);
        insta::assert_snapshot!(say("with an explicit deny in a service control policy"), @r#"
        `lambda:GetPolicy` was denied "with an explicit deny in a service control policy"
        only who administers the organization can change that; no grant in the account helps
        "#);
        insta::assert_snapshot!(say("because no permissions boundary allows the lambda:GetPolicy action"), @r#"
        `lambda:GetPolicy` was denied "because no permissions boundary allows the lambda:GetPolicy action"
        the boundary of `arn:aws:iam::1:user/a` has to allow it; another policy that does is not enough
        "#);
        insta::assert_snapshot!(say("with an explicit deny in an identity-based policy"), @r#"
        `lambda:GetPolicy` was denied "with an explicit deny in an identity-based policy"
        a deny beats every grant: the statement that denies it has to go
        "#);
        insta::assert_snapshot!(say("because no session policy allows the lambda:GetPolicy action"), @r#"
        `lambda:GetPolicy` was denied "because no session policy allows the lambda:GetPolicy action"
        the session was made with a policy of its own that leaves it out: make one without it
        "#);
        insta::assert_snapshot!(Denial::of("no").hints("iam:CreateRole").join("\n"), @r"
        grant `iam:CreateRole` to the principal that deploys
        an explicit deny, a service control policy or a permissions boundary beats every grant
        ");
    }
}

//! Managed policies: AWS's own by their bare names, and what can be told of them without asking IAM.

use crate::diagnostic::{Diagnostic, nearest};
use crate::kinds::Context;
use crate::kinds::arn;
use crate::kinds::lowering::finding;
use crate::model::{Path, Section, Value};

/// Write to one's own log group, and make it.
pub(super) const BASIC: &str = "AWSLambdaBasicExecutionRole";

/// How many can be attached to a role, unless the quota was raised. Measured on AWS by cdk-preflight
/// (`pf-iam-managed-policy-count`); AWS raises it to 25.
const USUAL_QUOTA: usize = 20;

/// AWS's policies that are not at the root of its names, with their paths, as of September 2026
/// (<https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>).
const WITH_PATH: &str = include_str!("managed_names.txt");

/// Policies at the root that functions have most often: candidates for what was meant.
const AT_ROOT: &[&str] = &[
    "AWSLambdaExecute",
    "AWSLambda_FullAccess",
    "AWSLambda_ReadOnlyAccess",
    "AWSStepFunctionsFullAccess",
    "AWSXRayDaemonWriteAccess",
    "AWSXrayFullAccess",
    "AWSXrayReadOnlyAccess",
    "AdministratorAccess",
    "AmazonAPIGatewayInvokeFullAccess",
    "AmazonBedrockFullAccess",
    "AmazonCognitoPowerUser",
    "AmazonDynamoDBFullAccess",
    "AmazonDynamoDBReadOnlyAccess",
    "AmazonEC2FullAccess",
    "AmazonEC2ReadOnlyAccess",
    "AmazonElasticFileSystemClientFullAccess",
    "AmazonElasticFileSystemClientReadWriteAccess",
    "AmazonEventBridgeFullAccess",
    "AmazonKinesisFullAccess",
    "AmazonKinesisReadOnlyAccess",
    "AmazonRDSDataFullAccess",
    "AmazonRDSFullAccess",
    "AmazonRDSReadOnlyAccess",
    "AmazonS3FullAccess",
    "AmazonS3ReadOnlyAccess",
    "AmazonSESFullAccess",
    "AmazonSNSFullAccess",
    "AmazonSNSReadOnlyAccess",
    "AmazonSQSFullAccess",
    "AmazonSQSReadOnlyAccess",
    "AmazonSSMFullAccess",
    "AmazonSSMReadOnlyAccess",
    "AmazonVPCFullAccess",
    "CloudWatchFullAccess",
    "CloudWatchLambdaApplicationSignalsExecutionRolePolicy",
    "CloudWatchLambdaInsightsExecutionRolePolicy",
    "CloudWatchLogsFullAccess",
    "CloudWatchLogsReadOnlyAccess",
    "CloudWatchReadOnlyAccess",
    "IAMReadOnlyAccess",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "SecretsManagerReadWrite",
];

/// What stands in the list must be an ARN of a policy, or a name that AWS may have.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.starts_with("arn:") {
        return arn::check_policy(text);
    }
    let is_name = text.chars().all(|character| character.is_ascii_alphanumeric() || "+=,.@_-/".contains(character));
    is_name
        .then_some(())
        .ok_or_else(|| "is neither the ARN of a policy nor the name of one of AWS's own, such as `AmazonS3ReadOnlyAccess`".to_owned())
}

fn names_with_path() -> impl Iterator<Item = (&'static str, &'static str)> {
    WITH_PATH.lines().filter_map(|line| Some((line, line.rsplit_once('/')?.1)))
}

/// The ARN behind what stands in the list: a bare name is one of AWS's own.
fn arn_of(value: &Value, partition: &str) -> Value {
    match value.as_str() {
        Some(name) if !name.starts_with("arn:") => {
            let full = names_with_path().find(|(_, known)| *known == name).map_or(name, |(full, _)| full);
            format!("arn:{partition}:iam::aws:policy/{full}").into()
        }
        _ => value.clone(),
    }
}

/// Full ARNs, each once, in the order of the spec.
pub(super) fn arns(given: Option<&Value>, partition: &str) -> Vec<Value> {
    let mut arns: Vec<Value> = Vec::new();
    for arn in given.and_then(Value::as_list).unwrap_or_default().iter().map(|value| arn_of(value, partition)) {
        if !arns.contains(&arn) {
            arns.push(arn);
        }
    }
    arns
}

/// What IAM would refuse, and what it may.
pub(super) fn diagnostics(section: &Section, context: &Context<'_>) -> Vec<Diagnostic> {
    let given = section.values.get("managed_policies").and_then(Value::as_list).unwrap_or_default();
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut seen: Vec<Value> = Vec::new();
    for (index, value) in given.iter().enumerate() {
        let path = Path::key("managed_policies").join(&index.to_string());
        let arn = arn_of(value, &context.target.partition);
        let text = value.as_str().unwrap_or_default();
        let of_one = [arn::other_partition(text, context).map(other_partition), unknown(text), seen.contains(&arn).then(|| twice(text))];
        found.extend(of_one.into_iter().flatten().map(|diagnostic| finding(section, &path, diagnostic)));
        seen.push(arn);
    }
    if given.len() > USUAL_QUOTA {
        let detail =
            format!("There are {} managed policies; unless the quota was raised, IAM attaches {USUAL_QUOTA} to one role.", given.len());
        let many = Diagnostic::warning("many-policies", "More managed policies than IAM's default quota").detail(detail);
        found.push(finding(
            section,
            &Path::key("managed_policies"),
            many.hint("put some of what they allow into `allow` or `inline_policy`"),
        ));
    }
    found
}

/// A permissions boundary of another partition.
pub(super) fn boundary(section: &Section, context: &Context<'_>) -> Option<Diagnostic> {
    let key = "permissions_boundary";
    let problem = arn::other_partition(section.string(key)?, context)?;
    Some(finding(section, &Path::key(key), other_partition(problem)))
}

fn other_partition(problem: String) -> Diagnostic {
    Diagnostic::error("elsewhere", "Something lies in another region or partition")
        .detail(format!("{problem}, where there is no such policy."))
        .hint("AWS's own policies can be named without an ARN; in an ARN `${aws.partition}` is always right")
}

fn twice(text: &str) -> Diagnostic {
    Diagnostic::warning("listed-twice", "Something is listed twice")
        .detail(format!("`managed_policies` has `{text}` twice; the second one changes nothing."))
}

/// A name that is not known here may be one that AWS made since, so it is told only if it looks like another.
fn unknown(text: &str) -> Option<Diagnostic> {
    if text.is_empty() || text.starts_with("arn:") || text.contains('/') {
        return None;
    }
    let names = || names_with_path().map(|(_, name)| name).chain(AT_ROOT.iter().copied());
    if names().any(|name| name == text) {
        return None;
    }
    let near = nearest(text, names()).filter(|near| is_like(text, near))?;
    let found = Diagnostic::warning("policy-unknown", "A managed policy may not exist")
        .detail(format!("No policy of AWS with the name `{text}` is known here."));
    Some(found.hint(format!("did you mean `{near}`?")))
}

/// Names of policies have many words in common, so that only a slip or two count as likeness.
fn is_like(text: &str, other: &str) -> bool {
    strsim::damerau_levenshtein(&text.to_lowercase(), &other.to_lowercase()) <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_names_become_arns_with_their_path() {
        let given = Value::string_list([BASIC, "AmazonS3ReadOnlyAccess", "arn:aws:iam::1:policy/x", BASIC]);
        insta::assert_snapshot!(arns(Some(&given), "aws-cn").iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"), @r"
        arn:aws-cn:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole
        arn:aws-cn:iam::aws:policy/AmazonS3ReadOnlyAccess
        arn:aws:iam::1:policy/x
        ");
        assert_eq!(arn_of(&"ViewOnlyAccess".into(), "aws"), "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess".into());
    }

    #[test]
    fn a_slip_in_a_name_is_told_and_a_stranger_passes() {
        assert_eq!(unknown("AWSLambdaBasicExecutionRol").unwrap().hints, ["did you mean `AWSLambdaBasicExecutionRole`?"]);
        assert_eq!(unknown("AmazonS3ReadonlyAccess").unwrap().hints, ["did you mean `AmazonS3ReadOnlyAccess`?"]);
        for text in [BASIC, "AmazonS3ReadOnlyAccess", "AmazonNewServiceFullAccess", "service-role/AWSLambdaRole", "arn:aws:iam::1:policy/x"]
        {
            assert_eq!(unknown(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        assert!(check("AmazonS3ReadOnlyAccess").is_ok() && check("arn:aws:iam::aws:policy/x").is_ok());
        assert!(check("read only").is_err() && check("arn:aws:iam::123456789012:role/x").is_err());
    }
}

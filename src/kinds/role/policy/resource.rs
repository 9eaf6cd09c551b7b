//! What IAM refuses in a resource (measured on AWS by cdk-preflight, `pf-iam-policy-resource-*`).

/// What an ARN of IAM's own may name.
const IAM_KINDS: &[&str] = &[
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

/// What is wrong, as the end of a sentence that begins with the statement. Parts that are left out at
/// the end mean `*`, as IAM reads them.
pub(super) fn problem(text: &str, partition: Option<&str>) -> Option<String> {
    // A variable of IAM may hold any of the parts.
    if text == "*" || text.starts_with("${") {
        return None;
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", given, rest @ ..] = &parts[..] else {
        return Some(format!("has the resource `{text}`; a resource is `*` or an ARN, such as `arn:aws:s3:::bucket/*`"));
    };
    let problem = of_partition(given, partition).or_else(|| of_parts(rest));
    problem.map(|problem| format!("has the resource `{text}`: {problem}"))
}

fn of_partition(given: &str, partition: Option<&str>) -> Option<String> {
    let is_known = partition.map_or_else(|| given.starts_with("aws"), |partition| given == partition);
    if given == "*" || is_known || given.contains("${") {
        return None;
    }
    let wanted = partition.map_or_else(|| "such as `aws`".to_owned(), |partition| format!("and this is deployed to `{partition}`"));
    Some(format!("its partition is `{given}`, {wanted}; `${{aws.partition}}` is always right"))
}

fn of_parts(rest: &[&str]) -> Option<String> {
    let [service, region, account, name] = [0, 1, 2, 3].map(|at| rest.get(at).copied());
    let service = service.filter(|service| !service.is_empty()).map_or_else(|| Err("it names no service".to_owned()), Ok);
    let service = match service {
        Ok(service) if service.contains(['*', '?']) => return Some("the service must be written out, without `*`".to_owned()),
        Ok(service) => service,
        Err(problem) => return Some(problem),
    };
    let is_set = |part: Option<&&str>| part.is_some_and(|part| !part.is_empty() && !part.chars().all(|character| "*?".contains(character)));
    // Access points, jobs and the like are in a region; buckets and objects are not.
    let is_bucket = service == "s3" && !name.unwrap_or_default().contains('/');
    if (is_bucket || matches!(service, "iam" | "route53")) && is_set(region.as_ref()) {
        let region = region.unwrap_or_default();
        return Some(format!(
            "`{region}` stands where the region would, and {service} has none: the part is left empty, as in `arn:aws:s3:::bucket`"
        ));
    }
    if is_bucket && is_set(account.as_ref()) {
        return Some("buckets have no account in their ARN: `arn:aws:s3:::bucket`".to_owned());
    }
    let is_of_iam = |name: &str| name == "*" || name.contains("${") || IAM_KINDS.iter().any(|kind| name.starts_with(kind));
    let is_odd = service == "iam" && name.is_some_and(|name| !is_of_iam(name));
    is_odd.then(|| "behind the account stands a kind and a name, such as `role/NAME`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_that_iam_takes_pass() {
        for text in [
            "*",
            "arn:aws:s3:::bucket/*",
            "arn:aws:s3:::*",
            "arn:*:s3:::b",
            "arn:aws:s3:us-east-1:123456789012:accesspoint/ap",
            "arn:aws:s3:us-east-1:123456789012:storage-lens/x",
            "arn:aws:sqs:*:*:q",
            "arn:aws:sqs",
            "arn:aws:iam::123456789012:role/*",
            "arn:aws:iam::*:*",
            "arn:aws:route53:::hostedzone/*",
            "arn:aws:cloudfront:us-east-1:123456789012:distribution/x",
            "arn:aws:s3:::${aws:username}",
            "${aws:ResourceTag/x}",
        ] {
            assert_eq!(problem(text, Some("aws")), None, "{text}");
        }
        assert_eq!(problem("arn:aws-cn:s3:::b", None), None);
    }

    #[test]
    fn resources_that_iam_refuses_are_explained() {
        let refused = [
            "my-bucket",
            "arn:aws-cn:s3:::b",
            "arn::s3:::b",
            "arn:aws:*:::b",
            "arn:aws:",
            "arn:aws:s3:my-bucket",
            "arn:aws:s3::123456789012:b",
            "arn:aws:iam:us-east-1:123456789012:role/r",
            "arn:aws:iam::123456789012:root",
        ];
        let lines: Vec<String> = refused.iter().map(|text| problem(text, Some("aws")).unwrap()).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        has the resource `my-bucket`; a resource is `*` or an ARN, such as `arn:aws:s3:::bucket/*`
        has the resource `arn:aws-cn:s3:::b`: its partition is `aws-cn`, and this is deployed to `aws`; `${aws.partition}` is always right
        has the resource `arn::s3:::b`: its partition is ``, and this is deployed to `aws`; `${aws.partition}` is always right
        has the resource `arn:aws:*:::b`: the service must be written out, without `*`
        has the resource `arn:aws:`: it names no service
        has the resource `arn:aws:s3:my-bucket`: `my-bucket` stands where the region would, and s3 has none: the part is left empty, as in `arn:aws:s3:::bucket`
        has the resource `arn:aws:s3::123456789012:b`: buckets have no account in their ARN: `arn:aws:s3:::bucket`
        has the resource `arn:aws:iam:us-east-1:123456789012:role/r`: `us-east-1` stands where the region would, and iam has none: the part is left empty, as in `arn:aws:s3:::bucket`
        has the resource `arn:aws:iam::123456789012:root`: behind the account stands a kind and a name, such as `role/NAME`
        ");
        assert!(problem("arn:AWS:s3:::b", None).is_some());
    }
}

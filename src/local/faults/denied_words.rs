//! What AWS calls the action and the resource of a call that it denies.
//!
//! Actions and resources are those of the service authorization reference; the forms in which services write them are
//! those of their own messages, such as `role NAME` of IAM and the empty `log-stream` of CloudWatch Logs.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

use super::facts::Facts;

/// The action: not always what the call is named.
pub(super) fn action(facts: &Facts) -> String {
    let name = match (facts.service.as_str(), facts.operation.as_str()) {
        ("lambda", "Invoke") => "InvokeFunction",
        ("lambda", "GetLayerVersionByArn") => "GetLayerVersion",
        ("s3", "HeadObject") => "GetObject",
        ("s3", "HeadBucket" | "ListObjectsV2") => "ListBucket",
        ("s3", "ListMultipartUploads") => "ListBucketMultipartUploads",
        ("s3", "DeleteObjects") => "DeleteObject",
        ("s3", "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload") => "PutObject",
        ("s3", "ListParts") => "ListMultipartUploadParts",
        (_, other) => other,
    };
    format!("{}:{name}", facts.service)
}

/// The resource, as the service writes it.
pub(super) fn resource(facts: &Facts, account: &str) -> String {
    let Facts { service, operation, resource, region, .. } = facts;
    let arn = |rest: &str| format!("arn:aws:{service}:{region}:{account}:{rest}");
    match (service.as_str(), resource.as_str()) {
        ("logs", name) => arn(&format!("log-group:{name}:log-stream:")),
        ("events", "") => arn("rule/*"),
        (_, "") => "*".to_owned(),
        ("lambda", name) if operation.contains("Layer") => arn(&format!("layer:{name}")),
        ("lambda", name) => arn(&format!("function:{name}")),
        ("iam", name) if operation.ends_with("Policy") && !operation.contains("Role") => format!("policy {name}"),
        ("iam", name) if operation == "CreateRole" => format!("arn:aws:iam::{account}:role/{name}"),
        ("iam", name) => format!("role {name}"),
        ("events", name) => arn(&format!("rule/{name}")),
        ("ecr" | "registry", name) => format!("arn:aws:ecr:{region}:{account}:repository/{name}"),
        ("ssm", name) => arn(&format!("parameter/{}", name.trim_start_matches('/'))),
        ("s3", path) => format!("\"arn:aws:s3:::{path}\""),
        (_, other) => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_says_it_in_its_own_way() {
        for (service, operation, name, expected) in [
            ("lambda", "Invoke", "a", "lambda:InvokeFunction on arn:aws:lambda:r:1:function:a"),
            ("lambda", "ListFunctions", "", "lambda:ListFunctions on *"),
            ("lambda", "GetLayerVersion", "a", "lambda:GetLayerVersion on arn:aws:lambda:r:1:layer:a"),
            ("iam", "CreateRole", "a", "iam:CreateRole on arn:aws:iam::1:role/a"),
            ("iam", "PutRolePolicy", "a", "iam:PutRolePolicy on role a"),
            ("logs", "CreateLogGroup", "/aws/lambda/a", "logs:CreateLogGroup on arn:aws:logs:r:1:log-group:/aws/lambda/a:log-stream:"),
            ("events", "ListRules", "", "events:ListRules on arn:aws:events:r:1:rule/*"),
            ("events", "PutRule", "a", "events:PutRule on arn:aws:events:r:1:rule/a"),
            ("ecr", "PutImage", "a/b", "ecr:PutImage on arn:aws:ecr:r:1:repository/a/b"),
            ("ssm", "GetParameter", "/a/b", "ssm:GetParameter on arn:aws:ssm:r:1:parameter/a/b"),
            ("secretsmanager", "GetSecretValue", "a", "secretsmanager:GetSecretValue on a"),
            ("s3", "HeadObject", "a/b.zip", "s3:GetObject on \"arn:aws:s3:::a/b.zip\""),
        ] {
            let facts = Facts {
                service: service.into(),
                operation: operation.into(),
                resource: name.into(),
                region: "r".into(),
                ..Facts::default()
            };
            assert_eq!(format!("{} on {}", action(&facts), resource(&facts, "1")), expected);
        }
    }
}

//! Which rights in IAM each of our operations needs, on what, and when we make it.
//!
//! Actions, resources and conditions are those of the service authorization reference:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

/// When an operation is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// In every run: it only looks.
    Look,
    /// When it is planned what is to be made: what is only taken down needs none of it.
    Plan,
    /// When drift is looked for: no plan needs to know.
    Drift,
    /// When something is made or changed.
    Make,
    /// When something is taken away that a change or a destroy does not want any more.
    Clear,
    /// When the whole resource is taken down.
    Destroy,
    /// When functions are called or their logs read.
    Use,
}

/// What an action is allowed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// The action knows no resources.
    Anything,
    /// The function.
    Function,
    /// The layer, without a version.
    Layer,
    /// Every version of the layer.
    LayerVersions,
    /// The layer versions that a function takes.
    UsedLayers,
    /// The role.
    Role,
    /// The role that a function runs as; Lambda alone may get it.
    PassedRole,
    /// The role, for the managed policies of the spec alone.
    RoleWithPolicies,
    /// The log group and what is in it.
    LogGroup,
    /// All log groups: listing them knows no single one.
    AllLogGroups,
    /// The rule.
    Rule,
    /// The repository of images.
    Repository,
    /// The repository that a function's image comes from.
    UsedRepository,
    /// The bucket for packages.
    Bucket,
    /// The packages in it.
    Object,
    /// The object that a function or a layer is made of.
    UsedObject,
    /// The same where its version is named, too.
    UsedObjectVersion,
    /// The key that encrypts.
    Key,
    /// The parameters that a function's secrets come from.
    Parameters,
    /// The secrets that a function's secrets come from.
    Secrets,
}

/// A right that an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The action, such as `iam:PassRole`.
    pub action: &'static str,
    /// What on.
    pub on: On,
    /// The setting without which it is not needed; one inside of another stands behind a dot.
    pub when: Option<&'static str>,
}

/// One operation of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Such as `lambda:CreateFunction`.
    pub operation: &'static str,
    /// The kind whose resources it is made for; empty where it is made whatever the spec has.
    pub kind: &'static str,
    /// When it is made.
    pub phase: Phase,
    /// What it needs.
    pub needs: &'static [Need],
    /// The setting without which it is not made.
    pub when: Option<&'static str>,
}

const fn row(operation: &'static str, kind: &'static str, phase: Phase, needs: &'static [Need]) -> Row {
    Row { operation, kind, phase, needs, when: None }
}

impl Row {
    const fn when(self, field: &'static str) -> Self {
        Self { when: Some(field), ..self }
    }
}

const fn need(action: &'static str, on: On) -> Need {
    Need { action, on, when: None }
}

const fn when(field: &'static str, action: &'static str, on: On) -> Need {
    Need { action, on, when: Some(field) }
}

/// What a call needs that names a function's role, layers, network or key.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>
const CONFIGURED: [Need; 10] = [
    need("iam:PassRole", On::PassedRole),
    need("lambda:GetLayerVersion", On::UsedLayers),
    when("vpc_config", "ec2:DescribeSecurityGroups", On::Anything),
    when("vpc_config", "ec2:DescribeSubnets", On::Anything),
    when("vpc_config", "ec2:DescribeVpcs", On::Anything),
    when("vpc_config", "ec2:GetSecurityGroupsForVpc", On::Anything),
    when("file_system_configs", "elasticfilesystem:DescribeMountTargets", On::Anything),
    when("kms_key_arn", "kms:CreateGrant", On::Key),
    when("kms_key_arn", "kms:Encrypt", On::Key),
    when("kms_key_arn", "kms:Decrypt", On::Key),
];

/// What a call needs that names a function's code where it lies in AWS.
/// <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>,
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
const CODE: [Need; 6] = [
    need("ecr:BatchGetImage", On::UsedRepository),
    need("ecr:GetDownloadUrlForLayer", On::UsedRepository),
    need("ecr:GetRepositoryPolicy", On::UsedRepository),
    need("ecr:SetRepositoryPolicy", On::UsedRepository),
    need("s3:GetObject", On::UsedObject),
    need("s3:GetObjectVersion", On::UsedObjectVersion),
];

const fn created() -> [Need; 18] {
    let [a, b, c, d, e, f, g, h, i, j] = CONFIGURED;
    let [k, l, m, n, o, p] = CODE;
    [need("lambda:CreateFunction", On::Function), need("lambda:TagResource", On::Function), a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

const fn configured() -> [Need; 11] {
    let [a, b, c, d, e, f, g, h, i, j] = CONFIGURED;
    [need("lambda:UpdateFunctionConfiguration", On::Function), a, b, c, d, e, f, g, h, i, j]
}

const fn updated() -> [Need; 7] {
    let [a, b, c, d, e, f] = CODE;
    [need("lambda:UpdateFunctionCode", On::Function), a, b, c, d, e, f]
}

macro_rules! needs {
    ($($action:literal $on:ident),*) => { &[$(need($action, On::$on)),*] };
}

/// The key that a repository's images are encrypted with.
const ECR_KEY: &str = "encryption_configuration.kms_key";

use Phase::{Clear, Destroy, Drift, Look, Make, Plan, Use};

/// Every operation.
pub const ROWS: &[Row] = &[
    // Who asks needs no right to be told who that is.
    row("sts:GetCallerIdentity", "", Look, needs![]),
    row("iam:ListAccountAliases", "", Look, needs!["iam:ListAccountAliases" Anything]),
    // The tags stand in the answer of GetFunction for who may list them.
    row(
        "lambda:GetFunction",
        "function",
        Look,
        &[
            need("lambda:GetFunction", On::Function),
            need("lambda:ListTags", On::Function),
            // Without it, the environment is left out of the answer.
            when("kms_key_arn", "kms:Decrypt", On::Key),
        ],
    ),
    // The lists of a kind are read for specs without it, too: whoever looks for all that a project has made (`state rebuild`,
    // `gc`) looks at each kind.
    row("lambda:ListFunctions", "", Look, needs!["lambda:ListFunctions" Anything]),
    row("lambda:GetPolicy", "function", Look, needs!["lambda:GetPolicy" Function]),
    row("lambda:GetFunctionUrlConfig", "function", Drift, needs!["lambda:GetFunctionUrlConfig" Function]),
    row("lambda:ListEventSourceMappings", "function", Drift, needs!["lambda:ListEventSourceMappings" Anything]),
    row("lambda:GetFunctionCodeSigningConfig", "function", Drift, needs!["lambda:GetFunctionCodeSigningConfig" Function]),
    row("lambda:GetFunctionEventInvokeConfig", "function", Drift, needs!["lambda:GetFunctionEventInvokeConfig" Function]),
    row("lambda:GetFunctionRecursionConfig", "function", Drift, needs!["lambda:GetFunctionRecursionConfig" Function]),
    row("lambda:GetRuntimeManagementConfig", "function", Drift, needs!["lambda:GetRuntimeManagementConfig" Function]),
    // Asked for by those alone who want to know who did it.
    row("cloudtrail:LookupEvents", "", Use, needs!["cloudtrail:LookupEvents" Anything]),
    // Whether a secret was rotated, a plan can only say by its value.
    row("ssm:GetParameter", "function", Plan, needs!["ssm:GetParameter" Parameters]),
    row("secretsmanager:GetSecretValue", "function", Plan, needs!["secretsmanager:GetSecretValue" Secrets]),
    row("lambda:CreateFunction", "function", Make, &created()),
    row("lambda:UpdateFunctionCode", "function", Make, &updated()),
    row("lambda:UpdateFunctionConfiguration", "function", Make, &configured()),
    row("lambda:PutFunctionConcurrency", "function", Make, needs!["lambda:PutFunctionConcurrency" Function])
        .when("reserved_concurrent_executions"),
    row("lambda:DeleteFunctionConcurrency", "function", Make, needs!["lambda:DeleteFunctionConcurrency" Function]),
    row("lambda:TagResource", "function", Make, needs!["lambda:TagResource" Function]),
    row("lambda:UntagResource", "function", Make, needs!["lambda:UntagResource" Function]),
    row("lambda:DeleteFunction", "function", Destroy, needs!["lambda:DeleteFunction" Function]),
    row("lambda:Invoke", "function", Use, needs!["lambda:InvokeFunction" Function]),
    row("lambda:AddPermission", "permission", Make, needs!["lambda:AddPermission" Function]),
    row("lambda:RemovePermission", "permission", Clear, needs!["lambda:RemovePermission" Function]),
    row("lambda:GetLayerVersion", "layer", Look, needs!["lambda:GetLayerVersion" LayerVersions]),
    row("lambda:ListLayers", "", Look, needs!["lambda:ListLayers" Anything]),
    row("lambda:ListLayerVersions", "layer", Look, needs!["lambda:ListLayerVersions" Layer]),
    row(
        "lambda:PublishLayerVersion",
        "layer",
        Make,
        needs!["lambda:PublishLayerVersion" Layer, "s3:GetObject" UsedObject, "s3:GetObjectVersion" UsedObjectVersion],
    ),
    row("lambda:DeleteLayerVersion", "layer", Clear, needs!["lambda:DeleteLayerVersion" LayerVersions]),
    // Without the right to list, what is not there is forbidden and not missing.
    row("s3:HeadObject", "code_object", Look, needs!["s3:GetObject" Object, "s3:ListBucket" Bucket]),
    row("s3:ListMultipartUploads", "code_object", Look, needs!["s3:ListBucketMultipartUploads" Bucket]),
    row("s3:PutObject", "code_object", Make, needs!["s3:PutObject" Object]),
    row("s3:CreateMultipartUpload", "code_object", Make, needs!["s3:PutObject" Object]),
    row("s3:UploadPart", "code_object", Make, needs!["s3:PutObject" Object]),
    row("s3:CompleteMultipartUpload", "code_object", Make, needs!["s3:PutObject" Object]),
    row("s3:AbortMultipartUpload", "code_object", Clear, needs!["s3:AbortMultipartUpload" Object]),
    row("s3:DeleteObject", "code_object", Clear, needs!["s3:DeleteObject" Object, "s3:DeleteObjectVersion" Object]),
    row("iam:GetAccountAuthorizationDetails", "", Look, needs!["iam:GetAccountAuthorizationDetails" Anything]),
    row("iam:ListRoles", "", Look, needs!["iam:ListRoles" Anything]),
    row("iam:GetRole", "role", Look, needs!["iam:GetRole" Role]),
    row("iam:ListRolePolicies", "role", Look, needs!["iam:ListRolePolicies" Role]),
    row("iam:GetRolePolicy", "role", Look, needs!["iam:GetRolePolicy" Role]),
    row("iam:ListAttachedRolePolicies", "role", Look, needs!["iam:ListAttachedRolePolicies" Role]),
    row("iam:CreateRole", "role", Make, needs!["iam:CreateRole" Role, "iam:TagRole" Role]),
    row("iam:UpdateRole", "role", Make, needs!["iam:UpdateRole" Role]),
    row("iam:UpdateAssumeRolePolicy", "role", Make, needs!["iam:UpdateAssumeRolePolicy" Role]),
    row("iam:PutRolePolicy", "role", Make, needs!["iam:PutRolePolicy" Role]),
    row("iam:AttachRolePolicy", "role", Make, needs!["iam:AttachRolePolicy" RoleWithPolicies]).when("managed_policies"),
    row("iam:PutRolePermissionsBoundary", "role", Make, needs!["iam:PutRolePermissionsBoundary" Role]).when("permissions_boundary"),
    row("iam:TagRole", "role", Make, needs!["iam:TagRole" Role]),
    row("iam:UntagRole", "role", Make, needs!["iam:UntagRole" Role]),
    row("iam:DeleteRolePolicy", "role", Clear, needs!["iam:DeleteRolePolicy" Role]),
    row("iam:DetachRolePolicy", "role", Clear, needs!["iam:DetachRolePolicy" Role]),
    row("iam:DeleteRolePermissionsBoundary", "role", Clear, needs!["iam:DeleteRolePermissionsBoundary" Role]),
    row("iam:ListInstanceProfilesForRole", "role", Destroy, needs!["iam:ListInstanceProfilesForRole" Role]),
    row("iam:DeleteRole", "role", Destroy, needs!["iam:DeleteRole" Role]),
    row("logs:DescribeLogGroups", "", Look, needs!["logs:DescribeLogGroups" AllLogGroups]),
    row("logs:ListTagsForResource", "log_group", Look, needs!["logs:ListTagsForResource" LogGroup]),
    row("logs:FilterLogEvents", "log_group", Use, needs!["logs:FilterLogEvents" LogGroup]),
    row("logs:CreateLogGroup", "log_group", Make, needs!["logs:CreateLogGroup" LogGroup, "logs:TagResource" LogGroup]),
    row("logs:PutRetentionPolicy", "log_group", Make, needs!["logs:PutRetentionPolicy" LogGroup]),
    row("logs:DeleteRetentionPolicy", "log_group", Make, needs!["logs:DeleteRetentionPolicy" LogGroup]),
    row("logs:AssociateKmsKey", "log_group", Make, needs!["logs:AssociateKmsKey" LogGroup]).when("kms_key_id"),
    row("logs:DisassociateKmsKey", "log_group", Make, needs!["logs:DisassociateKmsKey" LogGroup]),
    row("logs:TagResource", "log_group", Make, needs!["logs:TagResource" LogGroup]),
    row("logs:UntagResource", "log_group", Make, needs!["logs:UntagResource" LogGroup]),
    row("logs:DeleteLogGroup", "log_group", Destroy, needs!["logs:DeleteLogGroup" LogGroup]),
    row("events:ListRules", "", Look, needs!["events:ListRules" Anything]),
    row("events:DescribeRule", "event_rule", Look, needs!["events:DescribeRule" Rule]),
    row("events:ListTargetsByRule", "event_rule", Look, needs!["events:ListTargetsByRule" Rule]),
    row("events:ListTagsForResource", "event_rule", Look, needs!["events:ListTagsForResource" Rule]),
    row("events:PutRule", "event_rule", Make, needs!["events:PutRule" Rule, "events:TagResource" Rule]),
    row("events:PutTargets", "event_rule", Make, needs!["events:PutTargets" Rule]),
    row("events:TagResource", "event_rule", Make, needs!["events:TagResource" Rule]),
    row("events:UntagResource", "event_rule", Make, needs!["events:UntagResource" Rule]),
    row("events:RemoveTargets", "event_rule", Clear, needs!["events:RemoveTargets" Rule]),
    row("events:DeleteRule", "event_rule", Destroy, needs!["events:DeleteRule" Rule]),
    // Where a spec has the daemon tell its findings.
    row("sns:Publish", "", Use, needs!["sns:Publish" Anything]),
    row("events:PutEvents", "", Use, needs!["events:PutEvents" Anything]),
    // Of many, those that are not there are found faster in a list of all; who may not list asks for each.
    row("ecr:DescribeRepositories", "", Look, needs!["ecr:DescribeRepositories" Anything]),
    row("ecr:GetLifecyclePolicy", "ecr", Look, needs!["ecr:GetLifecyclePolicy" Repository]),
    row("ecr:GetRepositoryPolicy", "ecr", Look, needs!["ecr:GetRepositoryPolicy" Repository]),
    row("ecr:ListTagsForResource", "ecr", Look, needs!["ecr:ListTagsForResource" Repository]),
    row("ecr:ListImages", "ecr", Look, needs!["ecr:ListImages" Repository]),
    // <https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html>
    row(
        "ecr:CreateRepository",
        "ecr",
        Make,
        &[
            need("ecr:CreateRepository", On::Repository),
            need("ecr:TagResource", On::Repository),
            when(ECR_KEY, "kms:CreateGrant", On::Key),
            when(ECR_KEY, "kms:DescribeKey", On::Key),
            when(ECR_KEY, "kms:RetireGrant", On::Key),
        ],
    ),
    row("ecr:PutLifecyclePolicy", "ecr", Make, needs!["ecr:PutLifecyclePolicy" Repository]),
    row("ecr:SetRepositoryPolicy", "ecr", Make, needs!["ecr:SetRepositoryPolicy" Repository]),
    row("ecr:PutImageTagMutability", "ecr", Make, needs!["ecr:PutImageTagMutability" Repository]),
    row("ecr:PutImageScanningConfiguration", "ecr", Make, needs!["ecr:PutImageScanningConfiguration" Repository]),
    row("ecr:TagResource", "ecr", Make, needs!["ecr:TagResource" Repository]),
    row("ecr:UntagResource", "ecr", Make, needs!["ecr:UntagResource" Repository]),
    row("ecr:DeleteLifecyclePolicy", "ecr", Clear, needs!["ecr:DeleteLifecyclePolicy" Repository]),
    row("ecr:DeleteRepository", "ecr", Destroy, &[need("ecr:DeleteRepository", On::Repository), when(ECR_KEY, "kms:RetireGrant", On::Key)]),
    row("ecr:BatchGetImage", "image", Look, needs!["ecr:BatchGetImage" Repository]),
    row("ecr:GetAuthorizationToken", "image", Make, needs!["ecr:GetAuthorizationToken" Anything]),
    row("ecr:BatchCheckLayerAvailability", "image", Make, needs!["ecr:BatchCheckLayerAvailability" Repository]),
    // An upload is three requests of the registry, and a blob may be taken over from another repository.
    row(
        "ecr:UploadLayerPart",
        "image",
        Make,
        needs!["ecr:InitiateLayerUpload" Repository, "ecr:UploadLayerPart" Repository, "ecr:CompleteLayerUpload" Repository, "ecr:GetDownloadUrlForLayer" Repository],
    ),
    row("ecr:PutImage", "image", Make, needs!["ecr:PutImage" Repository]),
    row("ecr:BatchDeleteImage", "image", Clear, needs!["ecr:BatchDeleteImage" Repository]),
];

/// The actions that an operation needs, its own first; empty for one that needs none.
pub fn actions_of(operation: &str) -> Vec<&'static str> {
    let rows = ROWS.iter().filter(|row| row.operation == operation);
    rows.flat_map(|row| row.needs).filter(|need| need.when.is_none()).map(|need| need.action).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every text of the form `service:Operation` in a source.
    fn operations_in(source: &str) -> BTreeSet<&str> {
        let is_operation = |text: &&str| {
            let Some((service, name)) = text.split_once(':') else { return false };
            let services = ["sts", "iam", "lambda", "logs", "events", "ecr", "s3", "ssm", "secretsmanager", "cloudtrail", "sns"];
            services.contains(&service)
                && name.starts_with(|first: char| first.is_ascii_uppercase())
                && name.chars().all(char::is_alphanumeric)
        };
        source.split('"').filter(is_operation).collect()
    }

    #[test]
    fn every_operation_that_we_make_has_one_row() {
        let sources = [
            include_str!("reader.rs"),
            include_str!("writer.rs"),
            include_str!("invoker.rs"),
            include_str!("secrets.rs"),
            include_str!("trail.rs"),
            include_str!("notify.rs"),
            include_str!("registry/mod.rs"),
            include_str!("registry/upload.rs"),
        ];
        let made: BTreeSet<&str> = sources.iter().flat_map(|source| operations_in(source)).collect();
        let rows: Vec<&str> = ROWS.iter().map(|row| row.operation).collect();
        let listed: BTreeSet<&str> = rows.iter().copied().collect();
        assert_eq!((rows.len(), made.len() > 80), (listed.len(), true));
        assert_eq!(made, listed);
    }

    #[test]
    fn each_operation_needs_the_action_of_its_service() {
        for row in ROWS.iter().filter(|row| row.operation != "sts:GetCallerIdentity") {
            let service = row.operation.split(':').next();
            assert!(actions_of(row.operation).first().is_some_and(|action| action.split(':').next() == service), "{row:?}");
        }
        assert_eq!(actions_of("s3:HeadObject"), ["s3:GetObject", "s3:ListBucket"]);
        assert!(actions_of("lambda:CreateFunction").contains(&"iam:PassRole"));
    }
}

//! The least rights in IAM that a spec can be deployed with: what each operation needs, for each resource that there is.

use crate::aws::{Need, On, Phase, ROWS, actions_of, passed_to_lambda};
use crate::model::notify::Channel;
use crate::model::{Desired, Resource, SecretSource, StoredCode, Table, Target, TemplatePart, Value};
use crate::spec::Header;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a managed policy has at most, in characters that are no blanks.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const LARGEST: usize = 6_144;

/// What the rights are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `up`, and all that only looks.
    Up,
    /// `plan` and `drift`.
    Look,
    /// `destroy`.
    Destroy,
}

impl Purpose {
    fn makes(self, phase: Phase) -> bool {
        match self {
            Self::Up => matches!(phase, Phase::Look | Phase::Plan | Phase::Drift | Phase::Make | Phase::Clear),
            Self::Look => matches!(phase, Phase::Look | Phase::Plan | Phase::Drift),
            Self::Destroy => matches!(phase, Phase::Look | Phase::Clear | Phase::Destroy),
        }
    }
}

/// An operation that the daemon makes since the spec says so, and what on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watching {
    operation: &'static str,
    arn: String,
}

/// What `[[notify]]`, `[drift]` and `[daemon.log_groups]` make the daemon call.
pub fn watching(header: &Header, target: &Target) -> Vec<Watching> {
    let arn = |service: &str, rest: &str| format!("arn:{}:{service}:{}:{}:{rest}", target.partition, target.region, target.account);
    let told = header.notify.iter().filter_map(|notify| match &notify.channel {
        Channel::Sns(topic) => Some(("sns:Publish", topic.clone())),
        Channel::EventBus(bus) if bus.starts_with("arn:") => Some(("events:PutEvents", bus.clone())),
        Channel::EventBus(bus) => Some(("events:PutEvents", arn("events", &format!("event-bus/{bus}")))),
        Channel::Webhook { .. } | Channel::Command(_) => None,
    });
    let who = header.drift.who.then(|| ("cloudtrail:LookupEvents", "*".to_owned()));
    let groups = || arn("logs", "log-group:*");
    let of_groups = header.daemon.log_groups.iter().flat_map(|rule| {
        let looked =
            [("logs:DescribeLogGroups", groups()), ("logs:ListTagsForResource", groups()), ("lambda:ListFunctions", "*".to_owned())];
        let set = rule.fix.then(|| [("logs:PutRetentionPolicy", groups())]);
        let deleted = (rule.fix && rule.delete_empty).then(|| [("logs:DeleteLogGroup", groups()), ("logs:FilterLogEvents", groups())]);
        looked.into_iter().chain(set.into_iter().flatten()).chain(deleted.into_iter().flatten())
    });
    told.chain(who).chain(of_groups).map(|(operation, arn)| Watching { operation, arn }).collect()
}

impl Purpose {
    /// Whether the daemon makes an operation when it has these rights.
    fn lets_watch(self, operation: &str) -> bool {
        let phase = ROWS.iter().find(|row| row.operation == operation).map(|row| row.phase);
        match self {
            Self::Up => true,
            Self::Look => phase.is_some_and(|phase| matches!(phase, Phase::Look | Phase::Drift | Phase::Use)),
            Self::Destroy => false,
        }
    }
}

/// A policy, and whether it names groups of resources instead of each, since it would be too large otherwise.
pub struct Policy {
    /// The document.
    pub document: Json,
    /// Whether ARNs with `*` stand for several resources.
    pub is_folded: bool,
    /// How large it is, in characters that are no blanks.
    pub characters: usize,
}

/// The policy for what the spec asks for; `watching` is what the daemon calls besides.
pub fn policy(desired: &Desired, target: &Target, purpose: Purpose, watching: &[Watching]) -> Policy {
    let mut granted = granted(&Wanted { desired, target }, purpose);
    for Watching { operation, arn } in watching.iter().filter(|one| purpose.lets_watch(one.operation)) {
        granted.entry((None, BTreeSet::from([arn.clone()]))).or_default().extend(actions_of(operation));
    }
    let document = document(&granted, desired);
    let characters = characters(&document);
    if characters <= LARGEST {
        return Policy { document, is_folded: false, characters };
    }
    let fold =
        |((on, arns), actions): ((Option<On>, BTreeSet<String>), BTreeSet<&'static str>)| ((on, folded(arns, &desired.project)), actions);
    let document = self::document(&granted.into_iter().map(fold).collect(), desired);
    Policy { characters: self::characters(&document), document, is_folded: true }
}

fn characters(document: &Json) -> usize {
    document.to_string().chars().filter(|character| !character.is_whitespace()).count()
}

/// By the condition that it needs, if any, and by resources: what is allowed.
type Granted = BTreeMap<(Option<On>, BTreeSet<String>), BTreeSet<&'static str>>;

fn granted(wanted: &Wanted<'_>, purpose: Purpose) -> Granted {
    let mut by_action: BTreeMap<(Option<On>, &str), BTreeSet<String>> = BTreeMap::new();
    for row in ROWS.iter().filter(|row| purpose.makes(row.phase)) {
        let is_meant = |resource: &&Resource| resource.address.kind == row.kind && row.when.is_none_or(|field| is_set(resource, field));
        let resources: Vec<&Resource> = wanted.desired.resources.values().filter(is_meant).collect();
        for need in row.needs {
            let condition = Some(need.on).filter(|on| matches!(on, On::PassedRole | On::RoleWithPolicies));
            let arns = match row.kind {
                "" if need.on == On::AllLogGroups => BTreeSet::from([wanted.all_log_groups()]),
                "" => BTreeSet::from(["*".to_owned()]),
                _ => resources.iter().flat_map(|resource| wanted.arns(need, resource)).collect(),
            };
            by_action.entry((condition, need.action)).or_default().extend(arns);
        }
    }
    let mut granted = Granted::new();
    for ((condition, action), arns) in by_action {
        if !arns.is_empty() {
            granted.entry((condition, arns)).or_default().insert(action);
        }
    }
    granted
}

/// A setting, or one inside of it.
fn setting<'a>(resource: &'a Resource, path: &str) -> Option<&'a Value> {
    let (field, inner) = path.split_once('.').map_or((path, None), |(field, inner)| (field, Some(inner)));
    let value = resource.input(field)?;
    inner.map_or(Some(value), |inner| value.as_table()?.get(inner))
}

/// Whether a setting says anything.
fn is_set(resource: &Resource, field: &str) -> bool {
    fn says(value: &Value) -> bool {
        match value {
            Value::Null | Value::Boolean(false) => false,
            Value::String(text) => !text.is_empty(),
            Value::List(items) => items.iter().any(says),
            Value::Table(table) => table.values().any(says),
            _ => true,
        }
    }
    setting(resource, field).is_some_and(says)
}

/// What the spec asks for, and where.
struct Wanted<'a> {
    desired: &'a Desired,
    target: &'a Target,
}

impl Wanted<'_> {
    fn arns(&self, need: &Need, resource: &Resource) -> Vec<String> {
        if need.when.is_some_and(|field| !is_set(resource, field)) {
            return Vec::new();
        }
        let own = || attribute(resource, "arn").into_iter().collect::<Vec<_>>();
        match need.on {
            On::Anything => vec!["*".to_owned()],
            On::Function if resource.address.kind == "permission" => vec![self.function(resource)],
            On::Function | On::Rule | On::Role | On::RoleWithPolicies => own(),
            On::Layer => attribute(resource, "layer_arn").into_iter().collect(),
            On::LayerVersions => attribute(resource, "layer_arn").map(|arn| format!("{arn}:*")).into_iter().collect(),
            On::UsedLayers => self.layers(resource),
            On::PassedRole => resource.input("role").and_then(|role| self.resolved(role, "arn")).into_iter().collect(),
            On::LogGroup => own().into_iter().flat_map(|arn| [format!("{arn}:*"), arn]).collect(),
            On::AllLogGroups => vec![self.all_log_groups()],
            On::Repository => own().into_iter().chain(self.of_image(resource)).collect(),
            On::UsedRepository => self.used_repository(resource).into_iter().collect(),
            On::Bucket => bucket_and_key(resource).map(|(bucket, _)| self.s3(bucket)).into_iter().collect(),
            On::Object => bucket_and_key(resource).map(|(bucket, key)| self.s3(&format!("{bucket}/{}", beside(key)))).into_iter().collect(),
            On::UsedObject => self.used_objects(resource),
            On::UsedObjectVersion => self.named_object(resource, true).into_iter().collect(),
            On::Parameters | On::Secrets => secrets(resource).filter_map(|source| self.secret(need.on, source)).collect(),
            On::Key => setting(resource, need.when.unwrap_or_default()).and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
        }
    }

    fn arn(&self, service: &str, rest: &str) -> String {
        let Target { partition, account, region } = self.target;
        format!("arn:{partition}:{service}:{region}:{account}:{rest}")
    }

    fn all_log_groups(&self) -> String {
        self.arn("logs", "log-group:*")
    }

    fn s3(&self, rest: &str) -> String {
        format!("arn:{}:s3:::{rest}", self.target.partition)
    }

    /// What a secret comes from. AWS adds six characters to a secret's name in its ARN.
    fn secret(&self, on: On, source: &SecretSource) -> Option<String> {
        match source {
            SecretSource::Ssm(name) if on == On::Parameters && name.starts_with("arn:") => Some(name.clone()),
            SecretSource::Ssm(name) if on == On::Parameters => {
                Some(self.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/'))))
            }
            SecretSource::SecretsManager { id, .. } if on == On::Secrets && id.starts_with("arn:") => Some(id.clone()),
            SecretSource::SecretsManager { id, .. } if on == On::Secrets => {
                Some(self.arn("secretsmanager", &format!("secret:{id}-??????")))
            }
            _ => None,
        }
    }

    /// The function whose policy a permission is a part of.
    fn function(&self, permission: &Resource) -> String {
        let id = permission.physical_id().map_or("", |id| id.as_str());
        let function = id.split_once('/').map_or(id, |(function, _)| function);
        if function.starts_with("arn:") { function.to_owned() } else { self.arn("lambda", &format!("function:{function}")) }
    }

    /// A text, or what a reference to another resource of the spec stands for.
    fn resolved(&self, value: &Value, attribute_name: &str) -> Option<String> {
        match value {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Unresolved(parts) => match parts.as_slice() {
                [TemplatePart::Attribute { address, .. }] => attribute(self.desired.resources.get(address)?, attribute_name),
                _ => None,
            },
            _ => None,
        }
    }

    fn layers(&self, function: &Resource) -> Vec<String> {
        let layers = function.input("layers").and_then(Value::as_list).unwrap_or_default();
        let arn = |layer: &Value| match layer {
            Value::String(arn) => Some(arn.clone()),
            reference => self.resolved(reference, "layer_arn").map(|arn| format!("{arn}:*")),
        };
        layers.iter().filter_map(arn).collect()
    }

    /// The repository that an image of ours lies in.
    fn of_image(&self, resource: &Resource) -> Option<String> {
        let name = resource.input("repository").and_then(Value::as_str)?;
        (resource.address.kind == "image").then(|| self.arn("ecr", &format!("repository/{name}")))
    }

    /// The repository of the image that a function is made of: `ACCOUNT.dkr.ecr.REGION.DOMAIN/NAME@DIGEST`.
    fn used_repository(&self, function: &Resource) -> Option<String> {
        let of_ours =
            function.dependencies.iter().filter(|wait| wait.on.kind == "image").find_map(|wait| self.desired.resources.get(&wait.on));
        if let Some(image) = of_ours {
            return self.of_image(image);
        }
        let (host, rest) = function.input("code").and_then(Value::as_str)?.split_once('/')?;
        let mut parts = host.split('.');
        let (account, is_ecr, region) = (parts.next()?, parts.next() == Some("dkr") && parts.next() == Some("ecr"), parts.next()?);
        let name = rest.split(['@', ':']).next()?;
        is_ecr.then(|| format!("arn:{}:ecr:{region}:{account}:repository/{name}", self.target.partition))
    }

    /// The objects in S3 that a function or a layer may be made of.
    fn used_objects(&self, owner: &Resource) -> Vec<String> {
        let ours =
            owner.dependencies.iter().filter(|wait| wait.on.kind == "code_object").filter_map(|wait| self.desired.resources.get(&wait.on));
        let ours = ours.filter_map(bucket_and_key).map(|(bucket, key)| self.s3(&format!("{bucket}/{}", beside(key))));
        ours.chain(self.named_object(owner, false)).collect()
    }

    /// The object that the spec names. Who asks for one of its versions needs another right, and that one only.
    fn named_object(&self, owner: &Resource, with_version: bool) -> Option<String> {
        let code = StoredCode::parse(owner.input("code")?.as_str()?).filter(|code| code.version.is_some() == with_version)?;
        Some(self.s3(&format!("{}/{}", code.bucket, code.key)))
    }
}

/// Whether a function's secrets lie in AWS, where a key of their own may encrypt them.
pub fn has_secrets_of_aws(desired: &Desired) -> bool {
    let functions = desired.resources.values().filter(|resource| resource.address.kind == "function");
    functions.flat_map(secrets).any(|source| matches!(source, SecretSource::Ssm(_) | SecretSource::SecretsManager { .. }))
}

/// Where the secrets of a function come from.
fn secrets(function: &Resource) -> impl Iterator<Item = &SecretSource> {
    let variables = function.input("environment").and_then(Value::as_table).into_iter().flat_map(Table::values);
    variables.filter_map(|value| if let Value::Secret(secret) = value { Some(&secret.source) } else { None })
}

fn attribute(resource: &Resource, name: &str) -> Option<String> {
    resource.attributes.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn bucket_and_key(object: &Resource) -> Option<(&str, &str)> {
    Some((object.input("bucket")?.as_str()?, object.input("key")?.as_str()?))
}

/// All objects in the folder of this one: the next package has another name.
fn beside(key: &str) -> String {
    key.rsplit_once('/').map_or_else(|| "*".to_owned(), |(folder, _)| format!("{folder}/*"))
}

fn document(granted: &Granted, desired: &Desired) -> Json {
    let mut statements: Vec<Json> = granted
        .iter()
        .map(|((condition, arns), actions)| statement(condition.map(|on| self::condition(on, desired)), arns, actions))
        .collect();
    statements.sort_by_key(|statement| statement["Action"].to_string());
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn statement(condition: Option<Json>, arns: &BTreeSet<String>, actions: &BTreeSet<&'static str>) -> Json {
    let mut statement = json!({ "Effect": "Allow", "Action": actions, "Resource": arns });
    if let Some(condition) = condition {
        statement["Condition"] = condition;
    }
    statement
}

/// A role is passed to Lambda alone, and gets no managed policy but those of the spec: else who deploys could make an
/// administrator.
fn condition(on: On, desired: &Desired) -> Json {
    if on == On::PassedRole {
        return passed_to_lambda();
    }
    let roles = desired.resources.values().filter(|resource| resource.address.kind == "role");
    let managed: BTreeSet<&str> = roles.filter_map(|role| role.input("managed_policies")).flat_map(Value::strings).collect();
    json!({ "ArnEquals": { "iam:PolicyARN": managed } })
}

/// Names that begin alike as one with a `*`, where what they have in common still names the project.
fn folded(arns: BTreeSet<String>, project: &str) -> BTreeSet<String> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for arn in arns {
        let stem = arn.find(&format!("{project}-")).map_or_else(|| arn.clone(), |at| arn[..at + project.len() + 1].to_owned());
        groups.entry(stem).or_default().push(arn);
    }
    let one = |(stem, arns): (String, Vec<String>)| if arns.len() > 1 { vec![format!("{stem}*")] } else { arns };
    groups.into_iter().flat_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::notify::{Notify, OCCASIONS};
    use crate::model::{Dependency, LogGroupsRule};
    use std::fmt::Write;

    fn resource(kind: &str, name: &str, attributes: &[(&str, &str)], inputs: Json) -> Resource {
        let mut resource = Resource::new(crate::model::Address::new(kind, name), name);
        resource.attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        resource.inputs = Value::from_json(&inputs).as_table().cloned().unwrap_or_default();
        resource
    }

    fn desired(resources: Vec<Resource>) -> Desired {
        let mut desired = Desired::nothing("demo", None);
        desired.resources = resources.into_iter().map(|resource| (resource.address.clone(), resource)).collect();
        desired
    }

    fn small() -> Desired {
        let role = json!({ "managed_policies": ["arn:aws:iam::aws:policy/A"] });
        let function =
            json!({ "role": { "$unknown": "role.a.arn" }, "vpc_config": { "subnet_ids": [] }, "layers": [{ "$unknown": "layer.t.arn" }] });
        desired(vec![
            resource("role", "a", &[("arn", "arn:aws:iam::1:role/lambdo/demo/demo-a")], role),
            resource("function", "a", &[("arn", "arn:aws:lambda:r:1:function:demo-a")], function),
            resource("layer", "t", &[("layer_arn", "arn:aws:lambda:r:1:layer:demo-t")], json!({})),
        ])
    }

    fn lines(policy: &Policy) -> String {
        let mut text = String::new();
        for statement in policy.document["Statement"].as_array().unwrap() {
            let _ = writeln!(
                text,
                "{} on {} {}",
                statement["Action"],
                statement["Resource"],
                statement.get("Condition").unwrap_or(&Json::Null)
            );
        }
        text.replace('"', "")
    }

    fn target() -> Target {
        Target { partition: "aws".into(), account: "1".into(), region: "r".into() }
    }

    #[test]
    fn each_right_stands_for_its_resources_with_its_condition() {
        let up = policy(&small(), &target(), Purpose::Up, &[]);
        assert!(!up.is_folded && up.characters < LARGEST);
        insta::assert_snapshot!(lines(&up), @r"
        [ecr:DescribeRepositories,events:ListRules,iam:GetAccountAuthorizationDetails,iam:ListAccountAliases,iam:ListRoles,lambda:ListEventSourceMappings,lambda:ListFunctions,lambda:ListLayers] on [*] null
        [iam:AttachRolePolicy] on [arn:aws:iam::1:role/lambdo/demo/demo-a] {ArnEquals:{iam:PolicyARN:[arn:aws:iam::aws:policy/A]}}
        [iam:CreateRole,iam:DeleteRolePermissionsBoundary,iam:DeleteRolePolicy,iam:DetachRolePolicy,iam:GetRole,iam:GetRolePolicy,iam:ListAttachedRolePolicies,iam:ListRolePolicies,iam:PutRolePolicy,iam:TagRole,iam:UntagRole,iam:UpdateAssumeRolePolicy,iam:UpdateRole] on [arn:aws:iam::1:role/lambdo/demo/demo-a] null
        [iam:PassRole] on [arn:aws:iam::1:role/lambdo/demo/demo-a] {StringEquals:{iam:PassedToService:lambda.amazonaws.com}}
        [lambda:CreateFunction,lambda:DeleteFunctionConcurrency,lambda:GetFunction,lambda:GetFunctionCodeSigningConfig,lambda:GetFunctionEventInvokeConfig,lambda:GetFunctionRecursionConfig,lambda:GetFunctionUrlConfig,lambda:GetPolicy,lambda:GetRuntimeManagementConfig,lambda:ListTags,lambda:TagResource,lambda:UntagResource,lambda:UpdateFunctionCode,lambda:UpdateFunctionConfiguration] on [arn:aws:lambda:r:1:function:demo-a] null
        [lambda:DeleteLayerVersion,lambda:GetLayerVersion] on [arn:aws:lambda:r:1:layer:demo-t:*] null
        [lambda:ListLayerVersions,lambda:PublishLayerVersion] on [arn:aws:lambda:r:1:layer:demo-t] null
        [logs:DescribeLogGroups] on [arn:aws:logs:r:1:log-group:*] null
        ");
        insta::assert_snapshot!(lines(&policy(&small(), &target(), Purpose::Look, &[])), @r"
        [ecr:DescribeRepositories,events:ListRules,iam:GetAccountAuthorizationDetails,iam:ListAccountAliases,iam:ListRoles,lambda:ListEventSourceMappings,lambda:ListFunctions,lambda:ListLayers] on [*] null
        [iam:GetRole,iam:GetRolePolicy,iam:ListAttachedRolePolicies,iam:ListRolePolicies] on [arn:aws:iam::1:role/lambdo/demo/demo-a] null
        [lambda:GetFunction,lambda:GetFunctionCodeSigningConfig,lambda:GetFunctionEventInvokeConfig,lambda:GetFunctionRecursionConfig,lambda:GetFunctionUrlConfig,lambda:GetPolicy,lambda:GetRuntimeManagementConfig,lambda:ListTags] on [arn:aws:lambda:r:1:function:demo-a] null
        [lambda:GetLayerVersion] on [arn:aws:lambda:r:1:layer:demo-t:*] null
        [lambda:ListLayerVersions] on [arn:aws:lambda:r:1:layer:demo-t] null
        [logs:DescribeLogGroups] on [arn:aws:logs:r:1:log-group:*] null
        ");
        insta::assert_snapshot!(lines(&policy(&small(), &target(), Purpose::Destroy, &[])), @r"
        [ecr:DescribeRepositories,events:ListRules,iam:GetAccountAuthorizationDetails,iam:ListAccountAliases,iam:ListRoles,lambda:ListFunctions,lambda:ListLayers] on [*] null
        [iam:DeleteRole,iam:DeleteRolePermissionsBoundary,iam:DeleteRolePolicy,iam:DetachRolePolicy,iam:GetRole,iam:GetRolePolicy,iam:ListAttachedRolePolicies,iam:ListInstanceProfilesForRole,iam:ListRolePolicies] on [arn:aws:iam::1:role/lambdo/demo/demo-a] null
        [lambda:DeleteFunction,lambda:GetFunction,lambda:GetPolicy,lambda:ListTags] on [arn:aws:lambda:r:1:function:demo-a] null
        [lambda:DeleteLayerVersion,lambda:GetLayerVersion] on [arn:aws:lambda:r:1:layer:demo-t:*] null
        [lambda:ListLayerVersions] on [arn:aws:lambda:r:1:layer:demo-t] null
        [logs:DescribeLogGroups] on [arn:aws:logs:r:1:log-group:*] null
        ");
    }

    #[test]
    fn images_and_objects_need_rights_where_they_lie() {
        let image = resource("image", "b", &[], json!({ "repository": "demo-images" }));
        let mut ours = resource("function", "b", &[("arn", "f-b")], json!({}));
        ours.dependencies.push(Dependency::hard(image.address.clone()));
        let theirs = json!({ "code": "2.dkr.ecr.eu-west-1.amazonaws.com/team/tool@sha256:aa", "role": "arn:aws:iam::1:role/given" });
        let stored = json!({ "code": "s3://builds/a.zip" });
        let of_version = json!({ "code": "s3://builds/b.zip?version=7" });
        let object = resource("code_object", "x", &[], json!({ "bucket": "code", "key": "lambdo/demo/aa.zip" }));
        let mut large = resource("function", "e", &[("arn", "f-e")], json!({}));
        large.dependencies.push(Dependency::hard(object.address.clone()));
        let all = vec![
            image,
            ours,
            resource("function", "c", &[("arn", "f-c")], theirs),
            resource("function", "d", &[("arn", "f-d")], stored),
            resource("function", "g", &[("arn", "f-g")], of_version.clone()),
            resource("layer", "l", &[("layer_arn", "l-l")], of_version),
            object,
            large,
        ];
        let wanted = desired(all);
        let text = lines(&policy(&wanted, &target(), Purpose::Up, &[]));
        for line in [
            "[ecr:BatchGetImage] on [arn:aws:ecr:eu-west-1:2:repository/team/tool,arn:aws:ecr:r:1:repository/demo-images]",
            "[iam:PassRole] on [arn:aws:iam::1:role/given] {StringEquals:{iam:PassedToService:lambda.amazonaws.com}}",
            "[s3:GetObject] on [arn:aws:s3:::builds/a.zip,arn:aws:s3:::code/lambdo/demo/*]",
            "[s3:GetObjectVersion] on [arn:aws:s3:::builds/b.zip]",
            "[s3:ListBucket,s3:ListBucketMultipartUploads] on [arn:aws:s3:::code]",
        ] {
            let [actions, rest] = line.split("] on ").collect::<Vec<_>>()[..] else { panic!("{line}") };
            let actions = actions.trim_start_matches('[');
            assert!(text.lines().any(|found| found.contains(actions) && found.contains(rest)), "`{line}` is not in\n{text}");
        }
    }

    #[test]
    fn keys_need_rights_where_they_are_named() {
        let key = "arn:aws:kms:r:1:key/k";
        let kms = json!({ "encryption_configuration": { "encryption_type": "KMS", "kms_key": key } });
        let wanted = desired(vec![
            resource("ecr", "a", &[("arn", "repository-a")], kms),
            resource("ecr", "b", &[("arn", "repository-b")], json!({ "encryption_configuration": { "encryption_type": "AES256" } })),
            resource("function", "c", &[("arn", "f-c")], json!({ "kms_key_arn": format!("{key}c") })),
        ]);
        let rights = |purpose| {
            let all = lines(&policy(&wanted, &target(), purpose, &[]));
            all.lines().filter(|line| line.contains("kms")).collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(rights(Purpose::Up), @r"
        [kms:CreateGrant] on [arn:aws:kms:r:1:key/k,arn:aws:kms:r:1:key/kc] null
        [kms:Decrypt,kms:Encrypt] on [arn:aws:kms:r:1:key/kc] null
        [kms:DescribeKey,kms:RetireGrant] on [arn:aws:kms:r:1:key/k] null
        ");
        insta::assert_snapshot!(rights(Purpose::Look), @"[kms:Decrypt] on [arn:aws:kms:r:1:key/kc] null");
        insta::assert_snapshot!(rights(Purpose::Destroy), @r"
        [kms:Decrypt] on [arn:aws:kms:r:1:key/kc] null
        [kms:RetireGrant] on [arn:aws:kms:r:1:key/k] null
        ");
    }

    #[test]
    fn a_policy_that_would_be_too_large_names_the_project_instead_of_each_resource() {
        let functions = (0..200).map(|number| {
            let arn = format!("arn:aws:lambda:r:1:function:demo-function-{number}");
            resource("function", &format!("f{number}"), &[("arn", &arn)], json!({ "role": "arn:aws:iam::1:role/given" }))
        });
        let large = policy(&desired(functions.collect()), &target(), Purpose::Up, &[]);
        assert!(large.is_folded && large.characters < LARGEST, "{}", large.characters);
        assert!(lines(&large).contains("[arn:aws:lambda:r:1:function:demo-*]"), "{}", lines(&large));
    }

    #[test]
    fn what_the_daemon_calls_is_allowed_where_the_spec_says_so() {
        let mut header = Header::without_file(std::path::PathBuf::new());
        header.drift.who = true;
        header.daemon.log_groups = Some(LogGroupsRule { fix: true, ..LogGroupsRule::default() });
        let on = OCCASIONS.iter().map(|one| (*one).to_owned()).collect::<BTreeSet<_>>();
        let notify = |channel| Notify { channel, on: on.clone() };
        header.notify = vec![notify(Channel::Sns("arn:aws:sns:r:1:alarms".into())), notify(Channel::EventBus("default".into()))];
        let text = |purpose| lines(&policy(&desired(Vec::new()), &target(), purpose, &watching(&header, &target())));
        let up = text(Purpose::Up);
        for action in ["sns:Publish", "events:PutEvents", "cloudtrail:LookupEvents", "logs:PutRetentionPolicy", "logs:DescribeLogGroups"] {
            assert!(up.contains(action), "{action} is not in\n{up}");
        }
        assert!(up.contains("event-bus/default") && up.contains("arn:aws:sns:r:1:alarms") && !up.contains("logs:DeleteLogGroup"), "{up}");
        let look = text(Purpose::Look);
        assert!(look.contains("sns:Publish") && !look.contains("logs:PutRetentionPolicy"), "{look}");
        assert!(!text(Purpose::Destroy).contains("sns:Publish"));
    }
}

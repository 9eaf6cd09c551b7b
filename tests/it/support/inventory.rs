//! What exists, and all fields of it that come back, in one shape for both emulators.

use super::cloud::Cloud;
use aws_sdk_eventbridge::types::RetryPolicy;
use aws_sdk_iam::types::Role;
use aws_sdk_lambda::types::FunctionConfiguration;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Fields of everything that exists: `function.NAME`, `role.NAME`, `log_group.NAME`, `rule.NAME` → fields.
pub type Snapshot = BTreeMap<String, Map<String, Value>>;

fn fields(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("a snapshot is an object") };
    map.into_iter().filter(|(_, value)| !is_empty(value)).collect()
}

/// An emulator may leave out what is empty, or write it.
fn is_empty(value: &Value) -> bool {
    value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty)
}

fn document(text: &str) -> Value {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    serde_json::from_str(&decoded).unwrap_or_else(|_| Value::String(decoded.into_owned()))
}

/// What people wrote, without the mark behind it that says whose a layer is.
fn without_mark(description: Option<&str>) -> Option<String> {
    let (text, mark) = description?.split_once(" [lambdo:")?;
    Some(format!("{text} and a mark of {} letters", mark.len()))
}

fn sorted(map: Option<impl IntoIterator<Item = (String, String)>>) -> BTreeMap<String, String> {
    map.into_iter().flatten().collect()
}

fn names(snapshot: Snapshot) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (name, fields) in snapshot {
        for (field, prefix) in [("inline_policies", "inline"), ("targets", "target"), ("policy", "statement")] {
            let parts = fields.get(field).and_then(Value::as_object).into_iter().flatten();
            names.extend(parts.map(|(part, _)| format!("{name} {prefix} {part}")));
        }
        let attached = fields.get("managed_policies").and_then(Value::as_array).into_iter().flatten();
        names.extend(attached.map(|arn| format!("{name} attached {arn}")));
        names.insert(name);
    }
    names
}

impl Cloud {
    /// The names of everything that exists, with what hangs on it: nothing can be there twice unseen.
    pub fn names(&self) -> BTreeSet<String> {
        names(self.snapshot())
    }

    /// The same without the log groups, which can be many.
    pub fn names_without_groups(&self) -> BTreeSet<String> {
        let mut snapshot = Snapshot::new();
        self.functions(&mut snapshot);
        self.roles(&mut snapshot);
        self.rules(&mut snapshot);
        names(snapshot)
    }

    /// Everything that exists and what it is like.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::new();
        self.functions(&mut snapshot);
        self.roles(&mut snapshot);
        self.groups(&mut snapshot);
        self.rules(&mut snapshot);
        snapshot
    }

    /// What functions are made of: layers, repositories with their images, and objects of these buckets.
    pub fn parts(&self, buckets: &[&str]) -> Snapshot {
        let mut snapshot = Snapshot::new();
        self.published(&mut snapshot);
        self.repositories(&mut snapshot);
        buckets.iter().for_each(|bucket| self.objects(bucket, &mut snapshot));
        snapshot
    }

    fn published(&self, snapshot: &mut Snapshot) {
        let layers = self.done(self.lambda.list_layers().into_paginator().items().send().collect::<Result<Vec<_>, _>>());
        for layer in layers {
            let (name, newest) = (layer.layer_name.unwrap(), layer.latest_matching_version.unwrap());
            let version = self.done(self.lambda.get_layer_version().layer_name(&name).version_number(newest.version).send());
            let content = version.content.as_ref().unwrap();
            let all = json!({
                "arn": version.layer_version_arn,
                "layer_arn": version.layer_arn,
                "version": version.version,
                "description": without_mark(version.description.as_deref()),
                "runtimes": version.compatible_runtimes().iter().map(|runtime| runtime.as_str()).collect::<Vec<_>>(),
                "architectures": version.compatible_architectures().iter().map(|architecture| architecture.as_str()).collect::<Vec<_>>(),
                "license": version.license_info,
                "code_sha256": content.code_sha256,
                "code_size": content.code_size,
                "listed_arn": newest.layer_version_arn,
                "listed_description": without_mark(newest.description.as_deref()),
            });
            snapshot.insert(format!("layer.{name}"), fields(all));
        }
    }

    fn repositories(&self, snapshot: &mut Snapshot) {
        let repositories = self.done(self.ecr.describe_repositories().send()).repositories.unwrap_or_default();
        for repository in repositories {
            let (name, arn) = (repository.repository_name.unwrap(), repository.repository_arn.unwrap());
            let tags = self.done(self.ecr.list_tags_for_resource().resource_arn(&arn).send()).tags.unwrap_or_default();
            let text = |text: Option<String>| text.as_deref().map(document);
            let all = json!({
                "arn": arn,
                "uri": repository.repository_uri,
                "mutability": repository.image_tag_mutability.map(|it| it.as_str().to_owned()),
                "scan_on_push": repository.image_scanning_configuration.map(|it| it.scan_on_push),
                "encryption": repository.encryption_configuration.map(|it| it.encryption_type.as_str().to_owned()),
                "lifecycle": text(self.done(self.ecr.get_lifecycle_policy().repository_name(&name).send()).lifecycle_policy_text),
                "policy": text(self.done(self.ecr.get_repository_policy().repository_name(&name).send()).policy_text),
                "tags": sorted(Some(tags.into_iter().map(|tag| (tag.key, tag.value)))),
            });
            snapshot.insert(format!("repository.{name}"), fields(all));
            let images = self.done(self.ecr.describe_images().repository_name(&name).send()).image_details.unwrap_or_default();
            for image in images {
                let all = json!({
                    "digest": image.image_digest(),
                    "tags": image.image_tags().iter().collect::<BTreeSet<_>>(),
                    "size": image.image_size_in_bytes,
                    "media_type": image.image_manifest_media_type,
                    "artifact_type": image.artifact_media_type,
                });
                let other = snapshot.insert(format!("image.{name}"), fields(all));
                assert!(other.is_none(), "more than one image in {name}");
            }
        }
    }

    fn objects(&self, bucket: &str, snapshot: &mut Snapshot) {
        for key in self.keys(bucket) {
            let head = self.done(self.s3.head_object().bucket(bucket).key(&key).send());
            let metadata = sorted(head.metadata.map(|metadata| metadata.into_iter().filter(|(name, _)| !name.contains("lineage"))));
            let all =
                json!({"size": head.content_length, "content_type": head.content_type, "version": head.version_id, "metadata": metadata});
            snapshot.insert(format!("object.{bucket}.{key}"), fields(all));
        }
    }

    fn functions(&self, snapshot: &mut Snapshot) {
        let functions = self.done(self.lambda.list_functions().into_paginator().items().send().collect::<Result<Vec<_>, _>>());
        for name in functions.into_iter().filter_map(|function| function.function_name) {
            let function = self.done(self.lambda.get_function().function_name(&name).send());
            let mut all = configuration(&function.configuration.unwrap());
            all.insert("tags".into(), json!(sorted(function.tags)));
            all.insert(
                "reserved_concurrent_executions".into(),
                json!(function.concurrency.and_then(|it| it.reserved_concurrent_executions)),
            );
            all.insert("policy".into(), self.statements(&name));
            snapshot.insert(format!("function.{name}"), fields(Value::Object(all)));
        }
    }

    fn statements(&self, function: &str) -> Value {
        let policy = match self.wait(self.lambda.get_policy().function_name(function).send()) {
            Ok(output) => document(&output.policy.unwrap_or_default()),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => return Value::Null,
            Err(error) => panic!("GetPolicy: {error:?}"),
        };
        let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
        statements
            .into_iter()
            .map(|statement| (statement["Sid"].as_str().unwrap_or("?").to_owned(), statement))
            .collect::<Map<_, _>>()
            .into()
    }

    fn roles(&self, snapshot: &mut Snapshot) {
        let roles = self.done(self.iam.list_roles().into_paginator().items().send().collect::<Result<Vec<_>, _>>());
        for role in roles.into_iter().filter(|role| !role.path.starts_with("/aws-service-role/")) {
            let role = self.done(self.iam.get_role().role_name(&role.role_name).send()).role.unwrap();
            snapshot.insert(format!("role.{}", role.role_name), fields(self.role(&role)));
        }
    }

    fn role(&self, role: &Role) -> Value {
        let name = &role.role_name;
        let names = self.done(self.iam.list_role_policies().role_name(name).send()).policy_names;
        let inline = names.into_iter().map(|policy| {
            let text = self.done(self.iam.get_role_policy().role_name(name).policy_name(&policy).send()).policy_document;
            (policy, document(&text))
        });
        let attached = self.done(self.iam.list_attached_role_policies().role_name(name).send()).attached_policies.unwrap_or_default();
        let attached: BTreeSet<String> = attached.into_iter().filter_map(|policy| policy.policy_arn).collect();
        let tags = self.done(self.iam.list_role_tags().role_name(name).send()).tags;
        json!({
            "arn": role.arn,
            "path": role.path,
            "description": role.description,
            "max_session_duration": role.max_session_duration,
            "trust_policy": document(role.assume_role_policy_document.as_deref().unwrap_or_default()),
            "inline_policies": inline.collect::<Map<_, _>>(),
            "managed_policies": attached,
            "permissions_boundary": role.permissions_boundary.as_ref().and_then(|boundary| boundary.permissions_boundary_arn.clone()),
            "tags": sorted(Some(tags.into_iter().map(|tag| (tag.key, tag.value)))),
        })
    }

    fn groups(&self, snapshot: &mut Snapshot) {
        let groups = self.done(self.logs.describe_log_groups().into_paginator().items().send().collect::<Result<Vec<_>, _>>());
        for group in groups {
            let (name, arn) = (group.log_group_name.unwrap(), group.arn.unwrap());
            let tags = self.done(self.logs.list_tags_for_resource().resource_arn(arn.trim_end_matches(":*")).send()).tags;
            let class = group.log_group_class.map_or_else(|| "STANDARD".to_owned(), |class| class.as_str().to_owned());
            let all =
                json!({"retention_in_days": group.retention_in_days, "class": class, "kms_key_id": group.kms_key_id, "tags": sorted(tags)});
            snapshot.insert(format!("log_group.{name}"), fields(all));
        }
    }

    fn rules(&self, snapshot: &mut Snapshot) {
        let (mut rules, mut token) = (Vec::new(), None);
        loop {
            let page = self.done(self.events.list_rules().set_next_token(token).send());
            rules.extend(page.rules.unwrap_or_default());
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        for rule in rules {
            let name = rule.name.unwrap();
            let targets = self.done(self.events.list_targets_by_rule().rule(&name).send()).targets.unwrap_or_default();
            let policy = |policy: RetryPolicy| [policy.maximum_retry_attempts, policy.maximum_event_age_in_seconds];
            let targets = targets.into_iter().map(|target| {
                let queue = target.dead_letter_config.and_then(|config| config.arn);
                let policy = target.retry_policy.map(policy);
                (target.id, json!({"arn": target.arn, "input": target.input, "queue": queue, "retry_policy": policy}))
            });
            let tags = self.done(self.events.list_tags_for_resource().resource_arn(rule.arn.unwrap()).send()).tags.unwrap_or_default();
            let all = json!({
                "schedule_expression": rule.schedule_expression,
                "event_pattern": rule.event_pattern.as_deref().map(document),
                "state": rule.state.map(|state| state.as_str().to_owned()),
                "description": rule.description,
                "role_arn": rule.role_arn,
                "targets": targets.collect::<Map<_, _>>(),
                "tags": sorted(Some(tags.into_iter().map(|tag| (tag.key, tag.value)))),
            });
            snapshot.insert(format!("rule.{name}"), fields(all));
        }
    }
}

fn configuration(function: &FunctionConfiguration) -> Map<String, Value> {
    let environment = function.environment.as_ref().and_then(|environment| environment.variables.clone());
    let logging = function
        .logging_config
        .as_ref()
        .map(|logging| json!({"log_format": logging.log_format.as_ref().map(|format| format.as_str()), "log_group": logging.log_group}));
    let layers: Vec<_> = function.layers().iter().filter_map(|layer| layer.arn.clone()).collect();
    let all = json!({
        "arn": function.function_arn,
        "role": function.role,
        "runtime": function.runtime.as_ref().map(|runtime| runtime.as_str()),
        "handler": function.handler,
        "description": function.description,
        "memory_size": function.memory_size,
        "timeout": function.timeout,
        "code_sha256": function.code_sha256,
        "architectures": function.architectures().iter().map(|architecture| architecture.as_str()).collect::<Vec<_>>(),
        "environment": sorted(environment),
        "ephemeral_storage": function.ephemeral_storage.as_ref().map(|storage| storage.size),
        "tracing": function.tracing_config.as_ref().and_then(|tracing| tracing.mode.as_ref()).map(|mode| mode.as_str()),
        "dead_letter": function.dead_letter_config.as_ref().and_then(|letter| letter.target_arn.clone()),
        "kms_key_arn": function.kms_key_arn,
        "layers": layers,
        "logging_config": logging,
        "image_config": function.image_config_response.as_ref().and_then(|it| it.image_config.as_ref()).map(|it| {
            json!({"command": it.command(), "entry_point": it.entry_point(), "working_directory": it.working_directory})
        }),
        "package_type": function.package_type.as_ref().map(|kind| kind.as_str()),
    });
    fields(all)
}

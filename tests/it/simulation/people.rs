//! People who look at the cloud, and change things in it behind lambdo's back.

use super::scenario::Meddling;
use super::wish::{BUCKET, NAMES};
use aws_config::SdkConfig;
use aws_sdk_lambda::types::PackageType;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use std::collections::{BTreeMap, BTreeSet};

/// What strangers call what they add to things of ours.
const THEIRS: &str = "theirs";

/// People with a client for each service.
pub struct People {
    lambda: aws_sdk_lambda::Client,
    iam: aws_sdk_iam::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    events: aws_sdk_eventbridge::Client,
    ecr: aws_sdk_ecr::Client,
    s3: aws_sdk_s3::Client,
}

impl People {
    pub fn new(config: &SdkConfig) -> Self {
        Self {
            lambda: aws_sdk_lambda::Client::new(config),
            iam: aws_sdk_iam::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            events: aws_sdk_eventbridge::Client::new(config),
            ecr: aws_sdk_ecr::Client::new(config),
            s3: aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(true).build()),
        }
    }

    /// Makes things that belong to somebody else, and names them as [`People::names`] does.
    pub async fn strangers(&self) -> BTreeSet<String> {
        let trust = crate::support::cloud::trust("lambda.amazonaws.com");
        self.iam.create_role().role_name("stranger").assume_role_policy_document(trust).send().await.unwrap();
        self.group("/stranger").await;
        let place = BucketLocationConstraint::EuCentral1;
        let place = CreateBucketConfiguration::builder().location_constraint(place).build();
        self.s3.create_bucket().bucket(BUCKET).create_bucket_configuration(place).send().await.unwrap();
        self.events.put_rule().name("stranger").schedule_expression("rate(7 days)").send().await.unwrap();
        ["role.stranger", "log_group./stranger", "event_rule.stranger with 0"].map(str::to_owned).into()
    }

    pub async fn group(&self, name: &str) {
        self.logs.create_log_group().log_group_name(name).send().await.unwrap();
    }

    pub async fn delete_group(&self, name: &str) {
        self.logs.delete_log_group().log_group_name(name).send().await.unwrap();
    }

    /// Publishes a version of a layer that looks like the last one.
    pub async fn publish_layer(&self, name: &str) {
        let zip = crate::support::cloud::package("twin");
        let content = aws_sdk_lambda::types::LayerVersionContentInput::builder().zip_file(zip).build();
        self.lambda.publish_layer_version().layer_name(name).content(content).send().await.unwrap();
    }

    /// Asks so often at once that AWS's quotas refuse some of it.
    pub async fn hurry(&self, times: usize) {
        let asked = (0..times).map(|_| self.logs.describe_log_groups().send());
        futures::future::join_all(asked).await;
    }

    pub async fn functions(&self) -> Vec<String> {
        self.packed().await.into_keys().collect()
    }

    /// How each function is packed: what is packed otherwise is made anew, and its policy goes with it.
    async fn packed(&self) -> BTreeMap<String, Option<PackageType>> {
        let functions = self.lambda.list_functions().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        functions.into_iter().filter_map(|function| Some((function.function_name?, function.package_type))).collect()
    }

    async fn roles(&self) -> Vec<String> {
        let roles = self.iam.list_roles().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        roles.into_iter().map(|role| role.role_name).collect()
    }

    async fn groups(&self) -> Vec<String> {
        let groups = self.logs.describe_log_groups().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        groups.into_iter().filter_map(|group| group.log_group_name).collect()
    }

    async fn rules(&self) -> Vec<String> {
        let rules = self.events.list_rules().send().await.unwrap().rules.unwrap_or_default();
        rules.into_iter().filter_map(|rule| rule.name).collect()
    }

    async fn repositories(&self) -> Vec<String> {
        let repositories = self.ecr.describe_repositories().send().await.unwrap().repositories.unwrap_or_default();
        repositories.into_iter().filter_map(|repository| repository.repository_name).collect()
    }

    /// Images, by repository and tag.
    async fn images(&self) -> Vec<String> {
        let mut all = Vec::new();
        for repository in self.repositories().await {
            let images = self.ecr.list_images().repository_name(&repository).send().await.unwrap().image_ids.unwrap_or_default();
            all.extend(images.into_iter().map(|image| format!("{repository}:{}", image.image_tag.unwrap_or_default())));
        }
        all
    }

    /// Deletes the packages of a stage, and the images of both.
    pub async fn take_packages_away(&self, folder: &str) {
        for key in self.objects().await.iter().filter_map(|object| object.strip_prefix(&format!("{BUCKET}/"))) {
            if key.contains(folder) {
                self.s3.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
            }
        }
        for image in self.images().await {
            let (repository, tag) = image.rsplit_once(':').unwrap();
            let tag = aws_sdk_ecr::types::ImageIdentifier::builder().image_tag(tag).build();
            self.ecr.batch_delete_image().repository_name(repository).image_ids(tag).send().await.unwrap();
        }
    }

    async fn objects(&self) -> Vec<String> {
        let objects = self.s3.list_objects_v2().bucket(BUCKET).send().await.unwrap().contents.unwrap_or_default();
        objects.into_iter().map(|object| format!("{BUCKET}/{}", object.key.unwrap_or_default())).collect()
    }

    /// Layers, each as often as it has versions.
    async fn layers(&self) -> Vec<String> {
        let mut all = Vec::new();
        for layer in self.lambda.list_layers().send().await.unwrap().layers.unwrap_or_default() {
            let name = layer.layer_name.unwrap_or_default();
            let versions = self.lambda.list_layer_versions().layer_name(&name).send().await.unwrap().layer_versions.unwrap_or_default();
            all.extend(versions.iter().map(|_| name.clone()));
        }
        all
    }

    /// Deletes all versions of a layer.
    pub async fn delete_layer(&self, name: &str) {
        let versions = self.lambda.list_layer_versions().layer_name(name).send().await;
        for version in versions.ok().and_then(|answer| answer.layer_versions).unwrap_or_default() {
            self.lambda.delete_layer_version().layer_name(name).version_number(version.version).send().await.unwrap();
        }
    }

    /// The statements in a function's policy, by id.
    async fn statements(&self, function: &str) -> Vec<String> {
        let Ok(answer) = self.lambda.get_policy().function_name(function).send().await else { return Vec::new() };
        let document: serde_json::Value = serde_json::from_str(answer.policy().unwrap_or_default()).unwrap_or_default();
        let statements = document["Statement"].as_array().into_iter().flatten();
        statements.filter_map(|statement| Some(statement["Sid"].as_str()?.to_owned())).collect()
    }

    async fn targets(&self, rule: &str) -> Vec<String> {
        let Ok(answer) = self.events.list_targets_by_rule().rule(rule).send().await else { return Vec::new() };
        answer.targets.unwrap_or_default().into_iter().map(|target| target.id).collect()
    }

    /// Everything that there is, with how many of ours hang on it; what is there twice has a number.
    pub async fn names(&self) -> BTreeSet<String> {
        let mut counted: BTreeMap<String, usize> = BTreeMap::new();
        let mut add =
            |kind: &str, names: Vec<String>| names.iter().for_each(|name| *counted.entry(format!("{kind}.{name}")).or_default() += 1);
        add("role", self.roles().await);
        add("log_group", self.groups().await);
        add("ecr", self.repositories().await);
        add("image", self.images().await);
        add("code_object", self.objects().await);
        add("layer", self.layers().await);
        let ours = |parts: Vec<String>| parts.into_iter().filter(|part| part != THEIRS).count();
        for function in self.functions().await {
            let statements = ours(self.statements(&function).await);
            add("function", vec![format!("{function} with {statements}")]);
        }
        for rule in self.rules().await {
            let targets = ours(self.targets(&rule).await);
            add("event_rule", vec![format!("{rule} with {targets}")]);
        }
        counted.into_iter().map(|(name, count)| if count > 1 { format!("{name}, {count} times") } else { name }).collect()
    }

    /// What strangers have added to functions and to rules.
    pub async fn additions(&self) -> Additions {
        let mut additions = Additions::default();
        for (function, packed) in self.packed().await {
            if self.statements(&function).await.iter().any(|id| id == THEIRS) {
                additions.functions.insert(function, packed);
            }
        }
        for rule in self.rules().await {
            if self.targets(&rule).await.iter().any(|id| id == THEIRS) {
                additions.rules.insert(rule);
            }
        }
        additions
    }

    /// Whether what was added is still there, where what it was added to is; a rule with a target of others stays.
    pub async fn still_has(&self, before: &Additions) -> Result<(), String> {
        let (functions, now) = (self.packed().await, self.additions().await);
        let is_lost = |(name, packed): &(&String, &Option<PackageType>)| {
            !now.functions.contains_key(*name) && functions.get(*name).is_some_and(|now| now == *packed)
        };
        let lost = before.functions.iter().find(is_lost).map(|(name, _)| name);
        let lost = lost.map(|name| format!("the statement of others in the policy of {name} is lost"));
        let rule = before.rules.difference(&now.rules).next().map(|name| format!("the target of others of {name} is lost"));
        lost.or(rule).map_or(Ok(()), Err)
    }

    /// Strangers take their statements away.
    pub async fn take_statements_away(&self) {
        for function in self.additions().await.functions.into_keys() {
            self.lambda.remove_permission().function_name(function).statement_id(THEIRS).send().await.unwrap();
        }
    }

    /// Strangers take their targets away, so that the rules can go.
    pub async fn take_targets_away(&self) {
        for rule in self.additions().await.rules {
            self.events.remove_targets().rule(rule).ids(THEIRS).send().await.unwrap();
        }
    }

    /// The timeouts of functions, in seconds; what is packed otherwise is another function.
    pub async fn timeouts(&self) -> BTreeMap<(String, Option<PackageType>), i32> {
        let functions = self.lambda.list_functions().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        functions.into_iter().filter_map(|function| Some(((function.function_name?, function.package_type), function.timeout?))).collect()
    }

    /// Changes one of those that are there, if there is one. What cannot be done now is not done.
    pub async fn meddle(&self, meddling: Meddling) {
        let chosen = |names: Vec<String>, which: u64| {
            let ours: Vec<String> = names.into_iter().filter(|name| !name.contains("stranger")).collect();
            let index = usize::try_from(which).unwrap().checked_rem(ours.len());
            index.map(|index| ours[index].clone())
        };
        match meddling {
            Meddling::DeleteFunction(which) => {
                if let Some(name) = chosen(self.functions().await, which) {
                    let _ = self.lambda.delete_function().function_name(name).send().await;
                }
            }
            Meddling::ChangeFunction(which) => {
                if let Some(name) = chosen(self.functions().await, which) {
                    let _ = self.lambda.update_function_configuration().function_name(name).timeout(77).send().await;
                }
            }
            Meddling::RemoveStatement(which) => {
                if let Some(name) = chosen(self.functions().await, which) {
                    self.remove_statement(&name).await;
                }
            }
            Meddling::DeleteGroup(which) => {
                if let Some(name) = chosen(self.groups().await, which) {
                    let _ = self.logs.delete_log_group().log_group_name(name).send().await;
                }
            }
            Meddling::ChangeRetention(which) => {
                if let Some(name) = chosen(self.groups().await, which) {
                    let _ = self.logs.put_retention_policy().log_group_name(name).retention_in_days(3).send().await;
                }
            }
            Meddling::RemoveTargets(which) => {
                if let Some(name) = chosen(self.rules().await, which) {
                    self.remove_targets(&name).await;
                }
            }
            Meddling::DeleteRule(which) => {
                if let Some(name) = chosen(self.rules().await, which) {
                    self.remove_targets(&name).await;
                    let _ = self.events.delete_rule().name(name).send().await;
                }
            }
            Meddling::EmptyRole(which) => {
                if let Some(name) = chosen(self.roles().await, which) {
                    self.empty_role(&name).await;
                }
            }
            Meddling::AddStatement(which) => {
                if let Some(name) = chosen(self.functions().await, which) {
                    let call = self.lambda.add_permission().function_name(name).statement_id(THEIRS).action("lambda:InvokeFunction");
                    let _ = call.principal("sns.amazonaws.com").send().await;
                }
            }
            Meddling::AddTarget(which) => {
                if let Some(name) = chosen(self.rules().await, which) {
                    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:stranger";
                    let target = aws_sdk_eventbridge::types::Target::builder().id(THEIRS).arn(arn).build().unwrap();
                    let _ = self.events.put_targets().rule(name).targets(target).send().await;
                }
            }
            Meddling::Namesake(which) => self.namesake(which).await,
            // The life itself loses it.
            Meddling::LoseState => {}
        }
    }

    async fn namesake(&self, which: u64) {
        match namesake(which).split_once('.') {
            Some(("role", name)) => {
                let trust = crate::support::cloud::trust("lambda.amazonaws.com");
                // In another path it could not be taken over.
                let call = self.iam.create_role().role_name(name).path("/lambdo/demo/").assume_role_policy_document(trust);
                let _ = call.send().await;
            }
            Some((_, name)) => drop(self.logs.create_log_group().log_group_name(name).send().await),
            None => {}
        }
    }

    async fn remove_statement(&self, function: &str) {
        if let Some(id) = self.statements(function).await.first() {
            let _ = self.lambda.remove_permission().function_name(function).statement_id(id).send().await;
        }
    }

    async fn remove_targets(&self, rule: &str) {
        let ids = self.targets(rule).await;
        let _ = self.events.remove_targets().rule(rule).set_ids(Some(ids)).send().await;
    }

    async fn empty_role(&self, role: &str) {
        let inline = self.iam.list_role_policies().role_name(role).send().await.map(|answer| answer.policy_names).unwrap_or_default();
        for policy in inline {
            let _ = self.iam.delete_role_policy().role_name(role).policy_name(policy).send().await;
        }
    }
}

/// What strangers have added, by what they added it to.
#[derive(Debug, Default)]
pub struct Additions {
    pub functions: BTreeMap<String, Option<PackageType>>,
    pub rules: BTreeSet<String>,
}

/// The name of something that strangers make and that we may want.
pub fn namesake(which: u64) -> String {
    let name = NAMES[usize::try_from(which / 2).unwrap() % NAMES.len()];
    if which.is_multiple_of(2) { format!("role.demo-{name}-eu-central-1") } else { format!("log_group./aws/lambda/demo-{name}") }
}

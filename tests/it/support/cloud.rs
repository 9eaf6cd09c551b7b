//! The real AWS clients, straight to the emulator: what people do to a deployment behind lambdo's back.

use super::emulator::{ACCOUNT, REGION, raw};
use aws_config::{BehaviorVersion, Region};
use aws_sdk_cloudwatchlogs as logs;
use aws_sdk_ecr as ecr;
use aws_sdk_eventbridge as events;
use aws_sdk_iam as iam;
use aws_sdk_lambda as lambda;
use aws_sdk_s3 as s3;
use std::io::Write;
use tokio::runtime::Handle;

/// Clients for all services that lambdo uses.
pub struct Cloud {
    runtime: Handle,
    /// Lambda.
    pub lambda: lambda::Client,
    /// IAM.
    pub iam: iam::Client,
    /// CloudWatch Logs.
    pub logs: logs::Client,
    /// EventBridge.
    pub events: events::Client,
    /// ECR.
    pub ecr: ecr::Client,
    /// S3.
    pub s3: s3::Client,
}

/// A trust policy for one service.
pub fn trust(service: &str) -> String {
    let statement = serde_json::json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"});
    serde_json::json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

/// An inline policy that allows one action everywhere.
pub fn allow(action: &str) -> String {
    serde_json::json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}).to_string()
}

/// The ARN of an AWS managed policy.
pub fn managed(name: &str) -> String {
    format!("arn:aws:iam::aws:policy/{name}")
}

/// A function's ARN.
pub fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// A zip with a program called `bootstrap` in it.
pub fn package(mark: &str) -> lambda::primitives::Blob {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("bootstrap", zip::write::SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    writer.write_all(format!("#!/bin/sh\necho {mark}\n").as_bytes()).unwrap();
    lambda::primitives::Blob::new(writer.finish().unwrap().into_inner())
}

impl Cloud {
    /// Makes the clients; nothing is called.
    pub fn connect(runtime: Handle, url: &str) -> Self {
        let keys = lambda::config::Credentials::new("test", "test", None, None, "tests");
        let loader =
            aws_config::defaults(BehaviorVersion::latest()).endpoint_url(url).region(Region::new(REGION)).credentials_provider(keys);
        let config = runtime.block_on(loader.load());
        let (lambda, iam) = (lambda::Client::new(&config), iam::Client::new(&config));
        let s3 = s3::Client::from_conf(s3::config::Builder::from(&config).force_path_style(true).build());
        Self {
            runtime,
            lambda,
            iam,
            logs: logs::Client::new(&config),
            events: events::Client::new(&config),
            ecr: ecr::Client::new(&config),
            s3,
        }
    }

    /// Waits for a call.
    pub fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(call)
    }

    /// Waits for a call that must go through.
    #[track_caller]
    pub fn done<T, E: std::fmt::Debug>(&self, call: impl Future<Output = Result<T, E>>) -> T {
        self.wait(call).unwrap_or_else(|error| panic!("the emulator refuses an out-of-band call: {error:?}"))
    }

    /// The zip of a function, as `curl` would get it from the place that AWS names.
    pub fn package_of(&self, name: &str) -> Vec<u8> {
        let url = self.done(self.lambda.get_function().function_name(name).send()).code.unwrap().location.unwrap();
        let (authority, path) = url.trim_start_matches("http://").split_once('/').unwrap();
        let answer = raw(authority, &format!("GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n")).unwrap();
        let body = answer.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
        answer[body..].to_vec()
    }

    /// The names of the files in it.
    pub fn files_of(&self, name: &str) -> Vec<String> {
        let zip = zip::ZipArchive::new(std::io::Cursor::new(self.package_of(name))).unwrap();
        let mut names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
        names.sort();
        names
    }

    /// Changes a function's configuration, once it is ready for that.
    pub fn configure(&self, name: &str, change: impl Fn(Configure) -> Configure) {
        self.done(change(self.lambda.update_function_configuration().function_name(name)).send());
    }

    /// Makes a role that is none of ours.
    pub fn foreign_role(&self, name: &str, path: &str, tags: &[(&str, &str)]) -> String {
        let mut call = self.iam.create_role().role_name(name).path(path).assume_role_policy_document(trust("lambda.amazonaws.com"));
        for (key, value) in tags {
            call = call.tags(iam::types::Tag::builder().key(*key).value(*value).build().unwrap());
        }
        self.done(call.send()).role.unwrap().arn
    }

    /// Makes a function that is none of ours, with a role of its own.
    pub fn foreign_function(&self, name: &str, tags: &[(&str, &str)]) {
        let role = self.foreign_role("stranger", "/", &[]);
        let code = lambda::types::FunctionCode::builder().zip_file(package("foreign")).build();
        let mut call = self.lambda.create_function().function_name(name).role(role).code(code);
        call = call.runtime(lambda::types::Runtime::Providedal2023).handler("bootstrap");
        for (key, value) in tags {
            call = call.tags(*key, *value);
        }
        self.done(call.send());
        // A change of a function that is still Pending is refused.
        let is_pending = || {
            let function = self.done(self.lambda.get_function().function_name(name).send());
            function.configuration().and_then(|configuration| configuration.state()) == Some(&lambda::types::State::Pending)
        };
        while is_pending() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Makes a scheduled rule that is none of ours.
    pub fn foreign_rule(&self, name: &str, tags: &[(&str, &str)]) {
        let mut call = self.events.put_rule().name(name).schedule_expression("rate(7 days)");
        for (key, value) in tags {
            call = call.tags(events::types::Tag::builder().key(*key).value(*value).build().unwrap());
        }
        self.done(call.send());
    }

    /// Makes a log group that is none of ours.
    pub fn foreign_group(&self, name: &str, tags: &[(&str, &str)]) {
        let mut call = self.logs.create_log_group().log_group_name(name);
        for (key, value) in tags {
            call = call.tags(*key, *value);
        }
        self.done(call.send());
    }

    /// Makes a bucket in the region that all tests deploy to.
    pub fn bucket(&self, name: &str) {
        let place = s3::types::CreateBucketConfiguration::builder().location_constraint(REGION.into()).build();
        self.done(self.s3.create_bucket().bucket(name).create_bucket_configuration(place).send());
    }

    /// Puts an object into a bucket.
    pub fn object(&self, bucket: &str, key: &str, content: Vec<u8>) {
        self.done(self.s3.put_object().bucket(bucket).key(key).body(content.into()).send());
    }

    /// The keys in a bucket, and of what is still being uploaded to it.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let objects = self.done(self.s3.list_objects_v2().bucket(bucket).send()).contents.unwrap_or_default();
        let uploads = self.done(self.s3.list_multipart_uploads().bucket(bucket).send()).uploads.unwrap_or_default();
        let uploads = uploads.into_iter().filter_map(|upload| upload.key).map(|key| format!("{key} (being uploaded)"));
        objects.into_iter().filter_map(|object| object.key).chain(uploads).collect()
    }

    /// The numbers of a layer's versions, oldest first.
    pub fn layer_versions(&self, name: &str) -> Vec<i64> {
        let listed = self.wait(self.lambda.list_layer_versions().layer_name(name).send());
        let listed = listed.map(|page| page.layer_versions.unwrap_or_default()).unwrap_or_default();
        let mut numbers: Vec<i64> = listed.iter().map(lambda::types::LayerVersionsListItem::version).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The layers of a function, by ARN.
    pub fn layers_of(&self, function: &str) -> Vec<String> {
        let answer = self.done(self.lambda.get_function().function_name(function).send());
        answer.configuration.unwrap().layers().iter().filter_map(|layer| layer.arn.clone()).collect()
    }

    /// Deletes a role with all its policies.
    pub fn delete_role(&self, name: &str) {
        for policy in self.done(self.iam.list_role_policies().role_name(name).send()).policy_names {
            self.done(self.iam.delete_role_policy().role_name(name).policy_name(policy).send());
        }
        for policy in self.done(self.iam.list_attached_role_policies().role_name(name).send()).attached_policies.unwrap_or_default() {
            self.done(self.iam.detach_role_policy().role_name(name).policy_arn(policy.policy_arn.unwrap()).send());
        }
        self.done(self.iam.delete_role().role_name(name).send());
    }

    /// Removes all targets of a rule.
    pub fn remove_targets(&self, rule: &str) {
        let targets = self.done(self.events.list_targets_by_rule().rule(rule).send()).targets.unwrap_or_default();
        let ids: Vec<String> = targets.into_iter().map(|target| target.id).collect();
        self.done(self.events.remove_targets().rule(rule).set_ids(Some(ids)).send());
    }

    /// Deletes a rule with its targets.
    pub fn delete_rule(&self, rule: &str) {
        self.remove_targets(rule);
        self.done(self.events.delete_rule().name(rule).send());
    }
}

/// A call that changes a function's configuration.
pub type Configure = lambda::operation::update_function_configuration::builders::UpdateFunctionConfigurationFluentBuilder;

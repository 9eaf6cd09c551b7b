//! How a function is shown.

use super::Lambda;
use super::account::CONCURRENT_EXECUTIONS;
use super::images::ImageConfig;
use super::name::LATEST;
use super::packages::code_sha256;
use super::record::{Function, Progress};
use crate::local::server::CODE_PATH;
use serde_json::{Map, Value, json};

impl Lambda {
    /// The function's configuration, as most operations answer it.
    pub(super) fn configuration(&self, function: &Function) -> Value {
        let mut members = self.lasting(function);
        let now_ms = self.now_ms();
        match function.progress(now_ms) {
            Progress::Pending => members.extend(object(json!({
                "State": "Pending", "StateReason": "The function is being created.", "StateReasonCode": "Creating",
            }))),
            Progress::Updating => members.extend(object(json!({
                "State": "Active", "LastUpdateStatus": "InProgress",
                "LastUpdateStatusReason": "The function is being created.", "LastUpdateStatusReasonCode": "Creating",
            }))),
            Progress::Settled => members.extend(object(json!({ "State": "Active", "LastUpdateStatus": "Successful" }))),
        }
        if let Some(runtime) = function.settings.runtime.as_deref() {
            let arn = format!("arn:aws:lambda:{}::runtime:{}", function.region, runtime_version(runtime));
            members.insert("RuntimeVersionConfig".into(), json!({ "RuntimeVersionArn": arn }));
        }
        Value::Object(members)
    }

    /// Without what ListFunctions leaves out: the state, the last update, the runtime's version.
    pub(super) fn listed(&self, function: &Function) -> Value {
        Value::Object(self.lasting(function))
    }

    /// What GetFunction answers.
    pub(super) fn shown(&self, function: &Function) -> Value {
        let location = format!("{}{CODE_PATH}{}", self.endpoint_url, function.code_sha256);
        let code = match &function.image {
            Some(image) => json!({ "RepositoryType": "ECR", "ImageUri": image.uri, "ResolvedImageUri": image.resolved_uri }),
            None => json!({ "RepositoryType": "S3", "Location": location }),
        };
        let mut shown = json!({
            "Configuration": self.configuration(function),
            "Code": code,
        });
        if !function.tags.is_empty() {
            shown["Tags"] = json!(function.tags);
        }
        if let Some(count) = function.reserved_concurrency {
            shown["Concurrency"] = json!({ "ReservedConcurrentExecutions": count.min(CONCURRENT_EXECUTIONS) });
        }
        shown
    }

    fn lasting(&self, function: &Function) -> Map<String, Value> {
        let settings = &function.settings;
        let mut members = object(json!({
            "FunctionName": function.name,
            "FunctionArn": self.arn(&function.region, &function.name),
            "Runtime": settings.runtime,
            "Role": settings.role,
            "Handler": settings.handler,
            "CodeSize": function.code_size_bytes,
            "Description": settings.description,
            "Timeout": settings.timeout,
            "MemorySize": settings.memory_size,
            "LastModified": last_modified(function.modified_ms),
            "CodeSha256": shown_hash(function),
            "Version": LATEST,
            "KMSKeyArn": settings.kms_key_arn.as_deref().filter(|arn| !arn.is_empty()),
            "TracingConfig": settings.tracing_config,
            "RevisionId": function.revision(self.now_ms()),
            "PackageType": if function.image.is_some() { "Image" } else { "Zip" },
            "ImageConfigResponse": settings.image_config.as_ref().and_then(ImageConfig::given).map(|config| json!({ "ImageConfig": config })),
            "Architectures": function.architectures,
            "EphemeralStorage": settings.ephemeral_storage,
            "SnapStart": snap_start(settings.snap_start.as_ref()),
            "LoggingConfig": logging(function),
            "VpcConfig": vpc(settings.vpc_config.as_ref()),
            "DeadLetterConfig": settings.dead_letter_config.as_ref().filter(|config| has_text(config, "TargetArn")),
            "FileSystemConfigs": settings.file_system_configs.as_ref().filter(|configs| !configs.is_empty()),
        }));
        let variables = settings.variables();
        if !variables.is_empty() {
            members.insert("Environment".into(), json!({ "Variables": variables }));
        }
        let size = |arn: &String| function.layers.iter().find(|layer| layer.arn == *arn).map_or(0, |layer| layer.code_size_bytes);
        let layers: Vec<Value> = settings.layers.iter().flatten().map(|arn| json!({ "Arn": arn, "CodeSize": size(arn) })).collect();
        if !layers.is_empty() {
            members.insert("Layers".into(), layers.into());
        }
        members.retain(|_, value| !value.is_null());
        members
    }
}

/// Of a zip in base64, of an image in hex, as on AWS.
fn shown_hash(function: &Function) -> String {
    if function.image.is_some() { function.code_sha256.clone() } else { code_sha256(&function.code_sha256) }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn has_text(table: &Value, key: &str) -> bool {
    table.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty())
}

/// `2026-11-22T05:00:00.000+0000`, without a colon in the offset.
pub(super) fn last_modified(at_ms: i64) -> String {
    let timestamp = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    timestamp.strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

/// AWS names a version of the runtime by a hash; any stable one will do.
fn runtime_version(runtime: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(runtime.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn snap_start(config: Option<&Value>) -> Value {
    let apply_on = config.and_then(|config| config.get("ApplyOn")).and_then(Value::as_str).unwrap_or("None");
    json!({ "ApplyOn": apply_on, "OptimizationStatus": "Off" })
}

/// Levels appear with the JSON format only, and then always.
fn logging(function: &Function) -> Value {
    let config = function.settings.logging_config.as_ref();
    let text = |key: &str| config.and_then(|config| config.get(key)).and_then(Value::as_str);
    let format = text("LogFormat").unwrap_or("Text");
    let mut logging = json!({ "LogFormat": format, "LogGroup": function.log_group() });
    if format == "JSON" {
        logging["ApplicationLogLevel"] = text("ApplicationLogLevel").unwrap_or("INFO").into();
        logging["SystemLogLevel"] = text("SystemLogLevel").unwrap_or("INFO").into();
    }
    logging
}

/// Nobody knows the VPC of a made-up subnet: its id is made up too, and always the same.
fn vpc(config: Option<&Value>) -> Option<Value> {
    let mut config = config?.clone();
    let is_used = config.get("SubnetIds").and_then(Value::as_array).is_some_and(|subnets| !subnets.is_empty());
    config["VpcId"] = if is_used { "vpc-0local0local0loca".into() } else { "".into() };
    Some(config)
}

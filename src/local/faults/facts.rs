//! What a request asks for: service, operation, the thing that it names.

use super::operations::{Verb, verb};
use crate::local::ecr;
use crate::local::signature::Scope;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is known of a request before it is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub service: String,
    pub operation: String,
    /// The name of a function, role, log group, rule, repository, or an object's bucket and key; empty for lists.
    pub resource: String,
    /// The role that a function is to have.
    pub role: Option<String>,
    /// Which page of a list is asked for.
    pub page: Option<String>,
    pub region: String,
}

impl Facts {
    /// Whether the body must be read to know them; others may be large and are passed on as they come.
    pub fn need_body(parts: &Parts) -> bool {
        let service = Scope::of(&parts.headers).map(|scope| scope.service);
        !matches!(service.as_deref(), Some("s3") | None)
    }

    pub fn of(parts: &Parts, body: &[u8]) -> Self {
        let Some(Scope { service, region }) = Scope::of(&parts.headers) else { return of_registry(parts) };
        let facts = match service.as_str() {
            "iam" | "sts" => of_form(body),
            "lambda" => of_lambda(parts, body),
            "s3" => of_objects(parts),
            _ => of_document(parts, body),
        };
        Self { service, region, ..facts }
    }

    /// Whether it changes nothing.
    pub fn is_read(&self) -> bool {
        self.verb() == Verb::Read
    }

    /// What the operation does to the thing that it names.
    pub(super) fn verb(&self) -> Verb {
        verb(&self.operation)
    }
}

fn path_of(parts: &Parts) -> Vec<String> {
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    parts.uri.path().trim_matches('/').split('/').map(decoded).collect()
}

fn query_of(parts: &Parts) -> BTreeMap<String, String> {
    form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

/// The last part of an ARN that is a name: `arn:aws:events:REGION:ACCOUNT:rule/NAME`, `…:function:NAME`, `…:log-group:NAME`.
fn name_in(text: &str) -> String {
    let Some(rest) = text.strip_prefix("arn:").map(|rest| rest.splitn(5, ':').nth(4).unwrap_or_default()) else {
        return text.to_owned();
    };
    let (_, name) = rest.split_once([':', '/']).unwrap_or(("", rest));
    let name = name.trim_end_matches(":*");
    // Log groups and repositories have slashes of their own; roles and policies have paths.
    match rest.split([':', '/']).next() {
        Some("role" | "policy") => name.rsplit('/').next().unwrap_or(name).to_owned(),
        Some("function") => name.split(':').next().unwrap_or(name).to_owned(),
        _ => name.to_owned(),
    }
}

fn of_form(body: &[u8]) -> Facts {
    let form: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    let get = |name: &str| form.get(name).cloned();
    let named = get("RoleName").or_else(|| get("PolicyArn").map(|arn| name_in(&arn))).or_else(|| get("PolicyName"));
    Facts { operation: get("Action").unwrap_or_default(), resource: named.unwrap_or_default(), page: get("Marker"), ..Facts::default() }
}

fn of_document(parts: &Parts, body: &[u8]) -> Facts {
    let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit_once('.').map_or(target, |(_, operation)| operation).to_owned();
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: &[&str]| names.iter().find_map(|name| body.get(*name)?.as_str());
    let named = ["logGroupName", "repositoryName", "Rule", "Name", "resourceArn", "ResourceARN", "logGroupIdentifier", "SecretId"];
    let page = text(&["nextToken", "NextToken"]).map(str::to_owned);
    Facts { operation, resource: text(&named).map(name_in).unwrap_or_default(), page, ..Facts::default() }
}

fn of_lambda(parts: &Parts, body: &[u8]) -> Facts {
    let (path, query) = (path_of(parts), query_of(parts));
    let words: Vec<&str> = path.iter().skip(1).map(String::as_str).collect();
    let (operation, resource) = match (parts.method.as_str(), &words[..]) {
        ("POST", ["functions"]) => ("CreateFunction", ""),
        ("GET", ["functions"]) => ("ListFunctions", ""),
        ("GET", ["functions", name]) => ("GetFunction", *name),
        ("DELETE", ["functions", name]) => ("DeleteFunction", *name),
        ("PUT", ["functions", name, "code"]) => ("UpdateFunctionCode", *name),
        ("GET", ["functions", name, "configuration"]) => ("GetFunctionConfiguration", *name),
        ("PUT", ["functions", name, "configuration"]) => ("UpdateFunctionConfiguration", *name),
        ("GET", ["functions", name, "policy"]) => ("GetPolicy", *name),
        ("POST", ["functions", name, "policy"]) => ("AddPermission", *name),
        ("DELETE", ["functions", name, "policy", _]) => ("RemovePermission", *name),
        ("PUT", ["functions", name, "concurrency"]) => ("PutFunctionConcurrency", *name),
        ("DELETE", ["functions", name, "concurrency"]) => ("DeleteFunctionConcurrency", *name),
        ("GET", ["functions", name, "concurrency"]) => ("GetFunctionConcurrency", *name),
        ("POST", ["functions", name, "invocations"]) => ("Invoke", *name),
        ("GET", ["functions", name, "versions"]) => ("ListVersionsByFunction", *name),
        ("GET", ["functions", name, "aliases"]) => ("ListAliases", *name),
        ("GET", ["functions", name, "code-signing-config"]) => ("GetFunctionCodeSigningConfig", *name),
        ("GET", ["functions", name, "recursion-config"]) => ("GetFunctionRecursionConfig", *name),
        ("GET", ["functions", name, "runtime-management-config"]) => ("GetRuntimeManagementConfig", *name),
        ("GET", ["functions", name, "url"]) => ("GetFunctionUrlConfig", *name),
        ("GET", ["functions", name, "event-invoke-config"]) => ("GetFunctionEventInvokeConfig", *name),
        ("GET", ["tags", arn]) => ("ListTags", *arn),
        ("POST", ["tags", arn]) => ("TagResource", *arn),
        ("DELETE", ["tags", arn]) => ("UntagResource", *arn),
        ("GET", ["layers"]) if query.contains_key("Arn") => ("GetLayerVersionByArn", ""),
        ("GET", ["layers"]) => ("ListLayers", ""),
        ("POST", ["layers", name, "versions"]) => ("PublishLayerVersion", *name),
        ("GET", ["layers", name, "versions"]) => ("ListLayerVersions", *name),
        ("GET", ["layers", name, "versions", _]) => ("GetLayerVersion", *name),
        ("DELETE", ["layers", name, "versions", _]) => ("DeleteLayerVersion", *name),
        ("GET", ["account-settings"]) => ("GetAccountSettings", ""),
        ("GET", ["event-source-mappings"]) => ("ListEventSourceMappings", ""),
        _ => ("", ""),
    };
    // Of a zip in base64, only the beginning and the end are not the zip; it is parsed all the same, here and in the service.
    let is_told_more = matches!(operation, "CreateFunction" | "UpdateFunctionConfiguration");
    let body: Value = if is_told_more { serde_json::from_slice(body).unwrap_or_default() } else { Value::Null };
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let resource = if operation == "CreateFunction" { text("FunctionName").unwrap_or_default() } else { resource };
    Facts {
        operation: operation.to_owned(),
        resource: name_in(resource),
        role: text("Role").map(name_in),
        page: query.get("Marker").cloned(),
        ..Facts::default()
    }
}

fn of_objects(parts: &Parts) -> Facts {
    let query = query_of(parts);
    let has = |name: &str| query.contains_key(name);
    let path = percent_decode_str(parts.uri.path().trim_start_matches('/')).decode_utf8_lossy().into_owned();
    let is_bucket = path.split_once('/').is_none_or(|(_, key)| key.is_empty());
    let operation = match (parts.method.as_str(), is_bucket) {
        ("PUT", true) => "CreateBucket",
        ("HEAD", true) => "HeadBucket",
        ("DELETE", true) => "DeleteBucket",
        ("GET", true) if has("uploads") => "ListMultipartUploads",
        ("GET", true) => "ListObjectsV2",
        ("POST", true) => "DeleteObjects",
        ("POST", false) if has("uploads") => "CreateMultipartUpload",
        ("POST", false) => "CompleteMultipartUpload",
        ("PUT", false) if has("uploadId") => "UploadPart",
        ("PUT", false) => "PutObject",
        ("GET", false) if has("uploadId") => "ListParts",
        ("GET", false) => "GetObject",
        ("HEAD", false) => "HeadObject",
        ("DELETE", false) if has("uploadId") => "AbortMultipartUpload",
        ("DELETE", false) => "DeleteObject",
        _ => "",
    };
    Facts { operation: operation.to_owned(), resource: path, ..Facts::default() }
}

fn of_registry(parts: &Parts) -> Facts {
    let path = parts.uri.path();
    let Some(rest) = path.strip_prefix(ecr::PATH) else { return Facts::default() };
    let (name, is_blob) = match (rest.split_once("/blobs/"), rest.split_once("/manifests/")) {
        (Some((name, _)), _) => (name, true),
        (None, Some((name, _))) => (name, false),
        (None, None) => return Facts::default(),
    };
    let is_pull = matches!(parts.method.as_str(), "GET" | "HEAD");
    let operation = match (is_blob, is_pull) {
        (true, true) => "PullBlob",
        (true, false) => "PushBlob",
        (false, true) => "PullManifest",
        (false, false) => "PushManifest",
    };
    Facts { service: "registry".into(), operation: operation.into(), resource: name.to_owned(), ..Facts::default() }
}

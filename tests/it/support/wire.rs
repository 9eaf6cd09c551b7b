//! AWS's wire formats, as far as the proxy needs them: which operation a request is, and how each
//! protocol says no.

use hyper::body::Bytes;
use hyper::{HeaderMap, Method};
use serde_json::json;

/// How a service spells its requests and errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Lambda.
    RestJson,
    /// Logs, Events and ECR.
    Json,
    /// IAM and STS.
    Query,
    /// S3.
    RestXml,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// `lambda`, `iam`, `logs`, `events`, `ecr`, `s3` or `sts`.
    pub service: String,
    /// Such as `CreateFunction`.
    pub name: String,
    /// The wire format.
    pub protocol: Protocol,
}

impl Operation {
    /// Whether it changes something in AWS.
    pub fn is_mutating(&self) -> bool {
        !["Get", "List", "Describe", "Head", "BatchGet", "Simulate", "AssumeRole", "FilterLogEvents"]
            .iter()
            .any(|prefix| self.name.starts_with(prefix))
    }

    /// Recognises a request by what its protocol puts where.
    /// `path` is that of the request, with its query.
    pub fn recognise(method: &Method, path: &str, headers: &HeaderMap, body: &[u8]) -> Self {
        let signed = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        if signed.contains("/s3/aws4_request") {
            return Self { service: "s3".into(), name: s3_operation(method, path), protocol: Protocol::RestXml };
        }
        let path = path.split('?').next().unwrap_or(path);
        let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        if let Some((prefix, name)) = target.and_then(|target| target.split_once('.')) {
            let service = match prefix {
                logs if logs.starts_with("Logs") => "logs",
                ecr if ecr.starts_with("AmazonEC2ContainerRegistry") => "ecr",
                _ => "events",
            };
            return Self { service: service.into(), name: name.into(), protocol: Protocol::Json };
        }
        let form = String::from_utf8_lossy(body);
        if let Some(name) = form_value(&form, "Action") {
            let service = if form_value(&form, "Version") == Some("2011-06-15") { "sts" } else { "iam" };
            return Self { service: service.into(), name: name.into(), protocol: Protocol::Query };
        }
        Self { service: "lambda".into(), name: lambda_operation(method, path), protocol: Protocol::RestJson }
    }

    /// The headers and the body of a refusal in this operation's protocol.
    pub fn refusal(&self, code: &str, message: &str) -> (Vec<(&'static str, String)>, Bytes) {
        let request_id = ("x-amzn-requestid", "00000000-0000-0000-0000-00000000fa17".to_owned());
        match self.protocol {
            Protocol::RestJson => {
                let body = json!({"Type": "User", "Message": message, "message": message}).to_string();
                (vec![("content-type", "application/json".into()), ("x-amzn-errortype", code.into()), request_id], body.into())
            }
            Protocol::Json => {
                let body = json!({"__type": code, "message": message}).to_string();
                (vec![("content-type", "application/x-amz-json-1.1".into()), request_id], body.into())
            }
            Protocol::Query => {
                let error = format!("<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>");
                let body = format!("<ErrorResponse>{error}<RequestId>{}</RequestId></ErrorResponse>", request_id.1);
                (vec![("content-type", "text/xml".into()), request_id], body.into())
            }
            Protocol::RestXml => {
                let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
                (vec![("content-type", "application/xml".into()), request_id], body.into())
            }
        }
    }

    /// How this service says that there were too many calls: status, code, message.
    pub fn throttle(&self) -> (u16, &'static str, &'static str) {
        match (self.protocol, self.service.as_str()) {
            (Protocol::RestJson, _) => (429, "TooManyRequestsException", "Rate exceeded"),
            (Protocol::Json, _) => (400, "ThrottlingException", "Rate exceeded"),
            (Protocol::Query, _) => (400, "Throttling", "Rate exceeded"),
            (Protocol::RestXml, _) => (503, "SlowDown", "Please reduce your request rate."),
        }
    }
}

fn form_value<'a>(form: &'a str, key: &str) -> Option<&'a str> {
    form.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}

/// S3's: `/BUCKET/KEY?PARAMETERS`.
fn s3_operation(method: &Method, path: &str) -> String {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let is_bucket = !path.trim_start_matches('/').contains('/');
    let name = match (method.as_str(), is_bucket) {
        ("POST", false) if has("uploads") => "CreateMultipartUpload",
        ("POST", false) if has("uploadId") => "CompleteMultipartUpload",
        ("PUT", false) if has("uploadId") => "UploadPart",
        ("DELETE", false) if has("uploadId") => "AbortMultipartUpload",
        ("PUT", false) => "PutObject",
        ("HEAD", false) => "HeadObject",
        ("GET", false) => "GetObject",
        ("DELETE", false) => "DeleteObject",
        ("GET", true) if has("uploads") => "ListMultipartUploads",
        _ => return format!("{method} {path}"),
    };
    name.to_owned()
}

/// Lambda's REST paths: `/DATE/functions/NAME/THING/PART` and `/DATE/tags/ARN`.
fn lambda_operation(method: &Method, path: &str) -> String {
    let parts: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
    let name = match (method.as_str(), &parts[..]) {
        ("POST", ["functions"]) => "CreateFunction",
        ("GET", ["functions"]) => "ListFunctions",
        ("GET", ["functions", _]) => "GetFunction",
        ("DELETE", ["functions", _]) => "DeleteFunction",
        ("PUT", ["functions", _, "code"]) => "UpdateFunctionCode",
        ("GET", ["functions", _, "configuration"]) => "GetFunctionConfiguration",
        ("PUT", ["functions", _, "configuration"]) => "UpdateFunctionConfiguration",
        ("GET", ["functions", _, "concurrency"]) => "GetFunctionConcurrency",
        ("PUT", ["functions", _, "concurrency"]) => "PutFunctionConcurrency",
        ("DELETE", ["functions", _, "concurrency"]) => "DeleteFunctionConcurrency",
        ("GET", ["functions", _, "policy"]) => "GetPolicy",
        ("POST", ["functions", _, "policy"]) => "AddPermission",
        ("DELETE", ["functions", _, "policy", _]) => "RemovePermission",
        ("POST", ["functions", _, "invocations"]) => "Invoke",
        ("GET", ["functions", _, "url"]) => "GetFunctionUrlConfig",
        ("GET", ["functions", _, "event-invoke-config"]) => "GetFunctionEventInvokeConfig",
        ("GET", ["functions", _, "code-signing-config"]) => "GetFunctionCodeSigningConfig",
        ("GET", ["functions", _, "recursion-config"]) => "GetFunctionRecursionConfig",
        ("GET", ["functions", _, "runtime-management-config"]) => "GetRuntimeManagementConfig",
        ("GET", ["event-source-mappings"]) => "ListEventSourceMappings",
        ("GET", ["tags", ..]) => "ListTags",
        ("POST", ["tags", ..]) => "TagResource",
        ("DELETE", ["tags", ..]) => "UntagResource",
        ("POST", ["layers", _, "versions"]) => "PublishLayerVersion",
        ("GET", ["layers"]) => "ListLayers",
        ("GET", ["layers", _, "versions"]) => "ListLayerVersions",
        ("GET", ["layers", _, "versions", _]) => "GetLayerVersion",
        ("DELETE", ["layers", _, "versions", _]) => "DeleteLayerVersion",
        _ => return format!("{method} {path}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_every_protocol_are_recognised() {
        let mut headers = HeaderMap::new();
        let lambda = Operation::recognise(&Method::PUT, "/2015-03-31/functions/demo-a/code", &headers, b"{}");
        assert_eq!((lambda.service.as_str(), lambda.name.as_str()), ("lambda", "UpdateFunctionCode"));
        let iam = Operation::recognise(&Method::POST, "/", &headers, b"Action=GetRole&Version=2010-05-08&RoleName=x");
        assert_eq!((iam.service.as_str(), iam.name.as_str(), iam.is_mutating()), ("iam", "GetRole", false));
        let sts = Operation::recognise(&Method::POST, "/", &headers, b"Action=GetCallerIdentity&Version=2011-06-15");
        assert_eq!(sts.service, "sts");
        headers.insert("x-amz-target", "Logs_20140328.PutRetentionPolicy".parse().unwrap());
        let logs = Operation::recognise(&Method::POST, "/", &headers, b"{}");
        assert_eq!((logs.service.as_str(), logs.name.as_str(), logs.is_mutating()), ("logs", "PutRetentionPolicy", true));
    }
}

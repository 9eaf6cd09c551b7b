//! Which of AWS's operations a request is.

use hyper::http::request::Parts;
use std::fmt;

/// A service, as in the scope of a signature, and one of its operations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// Such as `lambda`.
    pub service: String,
    /// Such as `GetFunction`; what has no name that is known here goes by its method and path.
    pub name: String,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.name)
    }
}

impl Operation {
    /// Reads it from a header, a form or a path, wherever the service's protocol has it.
    pub fn of(request: &Parts, body: &[u8]) -> Self {
        let service = service(header(request, "authorization"));
        let name = match service {
            "lambda" => lambda(request.method.as_str(), request.uri.path()),
            "s3" => format!("{} {}", request.method, if request.uri.path().matches('/').count() > 1 { "object" } else { "bucket" }),
            _ => named(request, body).unwrap_or_else(|| format!("{} {}", request.method, request.uri.path())),
        };
        Self { service: service.to_owned(), name }
    }
}

fn header<'a>(request: &'a Parts, name: &str) -> &'a str {
    request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The fourth part of `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn service(authorization: &str) -> &str {
    let credential = authorization.split_once("Credential=").map_or("", |(_, rest)| rest);
    credential.split(',').next().and_then(|scope| scope.split('/').nth(3)).unwrap_or("unsigned")
}

/// The JSON protocols name the operation in a header, the query protocol in the form.
fn named(request: &Parts, body: &[u8]) -> Option<String> {
    if let Some((_, name)) = header(request, "x-amz-target").rsplit_once('.') {
        return Some(name.to_owned());
    }
    let form = std::str::from_utf8(body).ok()?;
    form.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(str::to_owned)
}

/// Lambda's REST protocol, whose paths are like `/2015-03-31/functions/NAME/policy`.
fn lambda(method: &str, path: &str) -> String {
    let parts: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
    let name = match (method, parts.as_slice()) {
        ("POST", ["functions"]) => "CreateFunction",
        ("GET", ["functions"]) => "ListFunctions",
        ("GET", ["functions", _]) => "GetFunction",
        ("DELETE", ["functions", _]) => "DeleteFunction",
        ("GET", ["functions", _, "configuration"]) => "GetFunctionConfiguration",
        ("PUT", ["functions", _, "configuration"]) => "UpdateFunctionConfiguration",
        ("PUT", ["functions", _, "code"]) => "UpdateFunctionCode",
        ("GET", ["functions", _, "policy"]) => "GetPolicy",
        ("POST", ["functions", _, "policy"]) => "AddPermission",
        ("DELETE", ["functions", _, "policy", ..]) => "RemovePermission",
        ("GET", ["functions", _, "versions"]) => "ListVersionsByFunction",
        ("GET", ["functions", _, "code-signing-config"]) => "GetFunctionCodeSigningConfig",
        _ => return format!("{method} {}", parts.join("/")),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
        let request =
            headers.iter().fold(hyper::Request::builder().method(method).uri(path), |request, (name, value)| request.header(*name, *value));
        Operation::of(&request.body(()).unwrap().into_parts().0, body.as_bytes()).to_string()
    }

    fn signed(service: &str) -> (&'static str, String) {
        (
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"),
        )
    }

    #[test]
    fn each_protocol_has_the_operation_elsewhere() {
        let (name, iam) = signed("iam");
        assert_eq!(named("POST", "/", &[(name, &iam)], "Action=GetRole&RoleName=a"), "iam:GetRole");
        let (name, logs) = signed("logs");
        let target = ("x-amz-target", "Logs_20140328.CreateLogGroup");
        assert_eq!(named("POST", "/", &[(name, &logs), target], "{}"), "logs:CreateLogGroup");
        let (name, lambda) = signed("lambda");
        assert_eq!(named("DELETE", "/2015-03-31/functions/a/policy/b", &[(name, &lambda)], ""), "lambda:RemovePermission");
        let (name, s3) = signed("s3");
        assert_eq!(named("PUT", "/bucket/key", &[(name, &s3)], ""), "s3:PUT object");
        assert_eq!(named("GET", "/a", &[], ""), "unsigned:GET /a");
    }
}

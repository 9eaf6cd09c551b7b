//! Which operation a request is, and how answers leave.

use super::S3;
use super::state::{Bucket, Saying};
use crate::local::common::Call;
use crate::local::error::ApiError;
use crate::local::wire::xml::Xml;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use percent_encoding::percent_decode_str;

pub(super) const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// A request, taken apart.
pub struct Ask {
    pub method: String,
    /// Empty where none is named.
    pub bucket: String,
    /// Empty where none is named.
    pub key: String,
    query: Vec<(String, String)>,
    pub headers: HeaderMap,
}

/// An answer.
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Body,
}

impl Ask {
    fn new(parts: &Parts) -> Self {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let path = parts.uri.path().trim_start_matches('/');
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        Self { method: parts.method.to_string(), bucket: decoded(bucket), key: decoded(key), query, headers: parts.headers.clone() }
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What it says of an object.
    pub fn saying(&self) -> Saying {
        let metadata = self.headers.iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-amz-meta-")?;
            Some((name.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        });
        Saying { content_type: self.header("content-type").map(str::to_owned), metadata: metadata.collect() }
    }

    /// A whole number among the parameters.
    pub fn number(&self, name: &str, most: usize) -> Result<usize, ApiError> {
        let Some(text) = self.parameter(name) else { return Ok(most) };
        let number: usize = text
            .parse()
            .map_err(|_| ApiError::new(400, "InvalidArgument", format!("Provided {name} not an integer or within integer range")))?;
        Ok(number.min(most))
    }
}

impl Reply {
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Body::empty() }
    }

    pub fn xml(name: &str, inside: &Xml) -> Self {
        Self { body: super::document(name, Some(NAMESPACE), inside).into(), ..Self::empty(200) }.with("content-type", "application/xml")
    }

    pub fn body(status: u16, body: Body) -> Self {
        Self { body, ..Self::empty(status) }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl S3 {
    /// Answers a request.
    pub async fn answer(&self, call: &Call, parts: &Parts, body: Body) -> Response<Body> {
        let ask = Ask::new(parts);
        let reply = match self.reply(call, &ask, body).await {
            Ok(reply) => reply,
            Err(error) => {
                // An answer to HEAD has no body, whatever it is.
                let body = if ask.method == "HEAD" { Body::empty() } else { super::refusal(&error, &call.request_id).into() };
                let reply = Reply::body(error.status, body).with("content-type", "application/xml");
                // What was refused before it was read still stands in the connection, which is of no use any more.
                let reply = if ask.method == "PUT" { reply.with("connection", "close") } else { reply };
                error.headers.into_iter().fold(reply, |reply, (name, value)| reply.with(name, value))
            }
        };
        let mut response = Response::new(reply.body);
        *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let own = [("x-amz-request-id".to_owned(), call.request_id.clone()), ("cache-control".to_owned(), "no-store".to_owned())];
        for (name, value) in reply.headers.into_iter().chain(own) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(&value)) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    async fn reply(&self, call: &Call, ask: &Ask, body: Body) -> Result<Reply, ApiError> {
        if ask.header("x-amz-expected-bucket-owner").is_some_and(|owner| owner != self.common.account) {
            return Err(ApiError::new(403, "AccessDenied", "Access Denied"));
        }
        let is = |name: &str| ask.parameter(name).is_some();
        let method = ask.method.as_str();
        if ask.bucket.is_empty() {
            return if method == "GET" { Ok(self.list_buckets()) } else { Err(unknown(ask)) };
        }
        if ask.key.is_empty() && method == "PUT" && ask.query.iter().all(|(name, _)| name == "x-id") {
            return self.create_bucket(call, ask, body).await;
        }
        refuse_elsewhere(self.locked().bucket(&ask.bucket)?, call)?;
        match (method, ask.key.is_empty()) {
            ("HEAD", true) => Ok(Reply::empty(200).with("x-amz-bucket-region", &call.region)),
            ("DELETE", true) => self.delete_bucket(&ask.bucket).await,
            ("GET", true) if is("location") => Ok(Self::location(&call.region)),
            ("GET", true) if is("versioning") => Ok(Reply::xml("VersioningConfiguration", &Xml::new())),
            ("GET", true) if is("uploads") => self.list_uploads(ask),
            ("GET", true) if ask.parameter("list-type") == Some("2") => self.list_objects(ask),
            ("POST", true) if is("delete") => self.delete_objects(ask, body).await,
            ("POST", false) if is("uploads") => self.begin_upload(ask).await,
            ("POST", false) if is("uploadId") => self.complete_upload(ask, body).await,
            ("PUT", false) if is("uploadId") => self.put_part(ask, body).await,
            ("GET", false) if is("uploadId") => self.list_parts(ask),
            ("DELETE", false) if is("uploadId") => self.abort_upload(ask).await,
            ("PUT", false) if ask.header("x-amz-copy-source").is_none() => self.put_object(ask, body).await,
            ("GET" | "HEAD", false) => self.get_object(ask),
            ("DELETE", false) => self.delete_object(ask).await,
            _ => Err(unknown(ask)),
        }
    }
}

fn refuse_elsewhere(bucket: &Bucket, call: &Call) -> Result<(), ApiError> {
    if bucket.region == call.region {
        return Ok(());
    }
    let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.";
    let mut error = ApiError::new(301, "PermanentRedirect", message);
    error.headers.push(("x-amz-bucket-region", bucket.region.clone()));
    Err(error)
}

fn unknown(ask: &Ask) -> ApiError {
    let names: Vec<&str> = ask.query.iter().map(|(name, _)| name.as_str()).collect();
    let message = format!("The local cloud's S3 has no such operation: {} with {names:?}", ask.method);
    ApiError::new(501, "NotImplemented", message)
}

//! The REST protocol, which Lambda speaks: the operation is the method and the path.

use crate::local::error::ApiError;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A request, taken apart.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path's parts, decoded.
    pub path: Vec<String>,
    /// The query's parameters; of several with one name, all, in their order.
    pub query: Vec<(String, String)>,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as it came.
    pub body: Bytes,
}

impl Request {
    /// The method, and the path's parts as they are matched.
    pub fn route(&self) -> (&str, Vec<&str>) {
        (&self.method, self.path.iter().map(String::as_str).collect())
    }

    /// The first query parameter of that name.
    pub fn parameter<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.parameters(name).next()
    }

    /// All query parameters of that name.
    pub fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header, its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body's members; an empty body has none.
    ///
    /// # Errors
    /// `SerializationException` where it is no JSON or a member has the wrong type.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let bytes: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        serde_json::from_slice(bytes)
            .map_err(|error| ApiError::new(400, "SerializationException", format!("Could not parse request body into json: {error}")))
    }
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Headers besides the request id.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// JSON with that status.
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status, headers, body: body.to_string().into() }
    }

    /// Nothing but a status.
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
}

/// A refusal's body.
pub fn refusal(error: &ApiError) -> Value {
    let mut members = Map::new();
    members.insert("Type".into(), if error.status < 500 { "User" } else { "Service" }.into());
    // Lambda writes one or the other, by the exception; clients read both.
    members.insert("Message".into(), error.message.clone().into());
    members.insert("message".into(), error.message.clone().into());
    members.extend(error.fields.clone());
    Value::Object(members)
}

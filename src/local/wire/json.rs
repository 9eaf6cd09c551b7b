//! The JSON protocols, which Logs and EventBridge speak: the operation in a header, JSON in and out.

use crate::local::error::ApiError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads the members that an operation knows; unknown ones are passed over, as AWS does.
///
/// # Errors
/// `SerializationException` where a member has the wrong type.
pub fn input<T: DeserializeOwned>(body: Value) -> Result<T, ApiError> {
    serde_json::from_value(body).map_err(|error| ApiError::new(400, "SerializationException", error.to_string()))
}

/// Reads a body; an empty one is an empty object.
///
/// # Errors
/// `SerializationException` where it is not a JSON object.
pub fn body(bytes: &[u8]) -> Result<Value, ApiError> {
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(members)) => Ok(Value::Object(members)),
        _ => Err(ApiError::new(400, "SerializationException", "The request's body is not a JSON object")),
    }
}

/// What is said to an operation that the cloud does not have.
pub fn unknown_operation(operation: &str) -> ApiError {
    ApiError::new(400, "UnknownOperationException", format!("The local cloud does not know the operation {operation}"))
}

/// A refusal's body.
pub fn refusal(error: &ApiError) -> Value {
    let mut members = Map::new();
    members.insert("__type".into(), error.code.clone().into());
    members.insert("message".into(), error.message.clone().into());
    members.extend(error.fields.clone());
    Value::Object(members)
}

//! Secrets of the Secrets Manager, each with its current version alone.

use super::Shelf;
use crate::local::common::{Call, Common, random_id};
use crate::local::disk::DiskError;
use crate::local::error::{ApiError, Constraints};
use crate::local::wire::json::{input, unknown_operation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const CURRENT: &str = "AWSCURRENT";
/// How long a secret can still be restored, unless it is said otherwise.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html>
const RECOVERY_DAYS: i64 = 30;
const DAY_SECONDS: i64 = 86_400;

/// The service.
pub struct Secrets(Shelf<Secret>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Secret {
    arn: String,
    name: String,
    text: Option<String>,
    /// In base64, as it came.
    binary: Option<String>,
    version: String,
    created_ms: i64,
    /// When it goes, in seconds since 1970, if somebody deleted it.
    goes_at: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    name: String,
    secret_id: String,
    secret_string: Option<String>,
    secret_binary: Option<String>,
    client_request_token: Option<String>,
    version_id: Option<String>,
    version_stage: Option<String>,
    force_delete_without_recovery: bool,
    recovery_window_in_days: Option<i64>,
}

impl Secrets {
    /// Reads the secrets from disk.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn open(common: Common) -> Result<Self, DiskError> {
        Shelf::open(common, "secretsmanager.secret").map(Self)
    }

    /// Answers a call; `operation` is what follows `secretsmanager.` in the header `X-Amz-Target`.
    ///
    /// # Errors
    /// Refusals as AWS's, and `UnknownOperationException` for operations that the cloud lacks.
    pub async fn call(&self, call: &Call, operation: &str, body: Value) -> Result<Value, ApiError> {
        let input: Input = input(body)?;
        match operation {
            "CreateSecret" => self.create(call, input).await,
            "PutSecretValue" => self.put(call, input).await,
            "GetSecretValue" => self.get(call, &input),
            "DeleteSecret" => self.delete(call, input).await,
            "RestoreSecret" => self.restore(call, input).await,
            other => Err(unknown_operation(other)),
        }
    }

    async fn create(&self, call: &Call, input: Input) -> Result<Value, ApiError> {
        let mut constraints = Constraints::new();
        constraints.length(&input.name, "name", 1, 512);
        constraints.check(400, "ValidationException")?;
        if !input.name.chars().all(|character| character.is_ascii_alphanumeric() || "/_+=.@-".contains(character)) {
            let message = "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!";
            return Err(ApiError::new(400, "ValidationException", message));
        }
        let suffix: String = random_id().chars().filter(|character| *character != '-').take(6).collect();
        let arn = format!("arn:aws:secretsmanager:{}:{}:secret:{}-{suffix}", call.region, self.0.common.account, input.name);
        let (name, created_ms) = (input.name.clone(), self.0.common.clock.now_ms());
        let change = |secret: &mut Option<Secret>| {
            if secret.is_some() {
                let message = format!("The operation failed because the secret {} already exists.", input.name);
                return Err(ApiError::new(400, "ResourceExistsException", message));
            }
            let Input { name, secret_string: text, secret_binary: binary, client_request_token, .. } = input;
            let version = client_request_token.unwrap_or_else(random_id);
            let answer = json!({ "ARN": arn, "Name": name, "VersionId": version });
            *secret = Some(Secret { arn, name, text, binary, version, created_ms, goes_at: None });
            Ok(answer)
        };
        self.0.change(&call.region, &name, change).await
    }

    async fn put(&self, call: &Call, input: Input) -> Result<Value, ApiError> {
        if input.secret_string.is_some() == input.secret_binary.is_some() {
            let message = "You must provide either SecretString or SecretBinary.";
            return Err(ApiError::new(400, "InvalidRequestException", message));
        }
        let (name, created_ms) = (self.name_in(call, &input.secret_id), self.0.common.clock.now_ms());
        let change = |secret: &mut Option<Secret>| {
            let secret = there(secret)?;
            secret.version = input.client_request_token.unwrap_or_else(random_id);
            (secret.text, secret.binary, secret.created_ms) = (input.secret_string, input.secret_binary, created_ms);
            Ok(json!({ "ARN": secret.arn, "Name": secret.name, "VersionId": secret.version, "VersionStages": [CURRENT] }))
        };
        self.0.change(&call.region, &name, change).await
    }

    fn get(&self, call: &Call, input: &Input) -> Result<Value, ApiError> {
        let mut secret = self.0.get(&call.region, &self.name_in(call, &input.secret_id));
        let secret = there(&mut secret)?;
        let no_value = |which: &str, of: &str| {
            let message = format!("Secrets Manager can't find the specified secret value for {which}: {of}");
            ApiError::new(400, "ResourceNotFoundException", message)
        };
        if let Some(stage) = input.version_stage.as_ref().filter(|stage| *stage != CURRENT) {
            return Err(no_value("staging label", stage));
        }
        if let Some(version) = input.version_id.as_ref().filter(|version| **version != secret.version) {
            return Err(no_value("VersionId", version));
        }
        if secret.text.is_none() && secret.binary.is_none() {
            return Err(no_value("staging label", CURRENT));
        }
        let mut answer = json!({
            "ARN": secret.arn, "Name": secret.name, "VersionId": secret.version, "VersionStages": [CURRENT],
            "CreatedDate": secret.created_ms / 1_000,
        });
        for (member, value) in [("SecretString", &secret.text), ("SecretBinary", &secret.binary)] {
            if let Some(value) = value {
                answer[member] = value.as_str().into();
            }
        }
        Ok(answer)
    }

    async fn delete(&self, call: &Call, input: Input) -> Result<Value, ApiError> {
        let days = input.recovery_window_in_days.unwrap_or(RECOVERY_DAYS);
        let now = self.0.common.clock.now_ms() / 1_000;
        let goes_at = if input.force_delete_without_recovery { now } else { now + days * DAY_SECONDS };
        let name = self.name_in(call, &input.secret_id);
        let change = |secret: &mut Option<Secret>| {
            let there = secret.as_mut().ok_or_else(not_found)?;
            there.goes_at = Some(goes_at);
            let answer = json!({ "ARN": there.arn, "Name": there.name, "DeletionDate": goes_at });
            if input.force_delete_without_recovery {
                *secret = None;
            }
            Ok(answer)
        };
        self.0.change(&call.region, &name, change).await
    }

    async fn restore(&self, call: &Call, input: Input) -> Result<Value, ApiError> {
        let change = |secret: &mut Option<Secret>| {
            let secret = secret.as_mut().ok_or_else(not_found)?;
            secret.goes_at = None;
            Ok(json!({ "ARN": secret.arn, "Name": secret.name }))
        };
        self.0.change(&call.region, &self.name_in(call, &input.secret_id), change).await
    }

    /// The name in an ARN, which may lack the six characters at its end.
    fn name_in(&self, call: &Call, asked: &str) -> String {
        let prefix = format!("arn:aws:secretsmanager:{}:{}:secret:", call.region, self.0.common.account);
        let Some(rest) = asked.strip_prefix(&prefix) else { return asked.to_owned() };
        let without = rest.rsplit_once('-').map_or(rest, |(name, _)| name);
        let is_its = |secret: Secret| secret.arn == asked;
        if self.0.get(&call.region, without).is_some_and(is_its) { without.to_owned() } else { rest.to_owned() }
    }
}

/// A secret that is there and stays.
fn there(secret: &mut Option<Secret>) -> Result<&mut Secret, ApiError> {
    let secret = secret.as_mut().ok_or_else(not_found)?;
    if secret.goes_at.is_some() {
        let message = "You can't perform this operation on the secret because it was marked for deletion.";
        return Err(ApiError::new(400, "InvalidRequestException", message));
    }
    Ok(secret)
}

fn not_found() -> ApiError {
    ApiError::new(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

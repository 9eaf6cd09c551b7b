//! Parameters of the Systems Manager.

use super::Shelf;
use crate::local::common::{Call, Common};
use crate::local::disk::DiskError;
use crate::local::error::{ApiError, Constraints};
use crate::local::wire::json::{input, unknown_operation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const VALIDATION: &str = "ValidationException";
const SECURE: &str = "SecureString";
/// What a standard parameter holds at most, in bytes, and an advanced one.
/// <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>
const LARGEST: [(&str, usize); 2] = [("Standard", 4_096), ("Advanced", 8_192)];

/// The service.
pub struct Parameters(Shelf<Parameter>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Parameter {
    kind: String,
    value: String,
    version: u64,
    modified_ms: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    name: String,
    names: Vec<String>,
    value: String,
    #[serde(rename = "Type")]
    kind: Option<String>,
    tier: Option<String>,
    overwrite: bool,
    with_decryption: bool,
}

impl Parameters {
    /// Reads the parameters from disk.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn open(common: Common) -> Result<Self, DiskError> {
        Shelf::open(common, "ssm.parameter").map(Self)
    }

    /// Answers a call; `operation` is what follows `AmazonSSM.` in the header `X-Amz-Target`.
    ///
    /// # Errors
    /// Refusals as AWS's, and `UnknownOperationException` for operations that the cloud lacks.
    pub async fn call(&self, call: &Call, operation: &str, body: Value) -> Result<Value, ApiError> {
        match operation {
            "PutParameter" => self.put(call, input(body)?).await,
            "GetParameter" => {
                let Input { name, with_decryption, .. } = input(body)?;
                let shown = self.shown(call, &name, with_decryption).ok_or_else(not_found)?;
                Ok(json!({ "Parameter": shown }))
            }
            "GetParameters" => self.get_many(call, input(body)?),
            "DeleteParameter" => self.delete(call, input(body)?).await,
            other => Err(unknown_operation(other)),
        }
    }

    async fn put(&self, call: &Call, input: Input) -> Result<Value, ApiError> {
        let name = self.name_in(call, &input.name).to_owned();
        check_name(&name)?;
        let tier = input.tier.as_deref().unwrap_or("Standard");
        check_value(&input, tier)?;
        let modified_ms = self.0.common.clock.now_ms();
        let change = |parameter: &mut Option<Parameter>| {
            if parameter.is_some() && !input.overwrite {
                let message = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
                return Err(ApiError::new(400, "ParameterAlreadyExists", message));
            }
            let kind = input.kind.clone().or_else(|| parameter.as_ref().map(|before| before.kind.clone()));
            let kind = kind.ok_or_else(|| invalid("A parameter type is required when you create a parameter."))?;
            let version = parameter.as_ref().map_or(0, |before| before.version) + 1;
            *parameter = Some(Parameter { kind, value: input.value, version, modified_ms });
            Ok(json!({ "Version": version, "Tier": tier }))
        };
        self.0.change(&call.region, &name, change).await
    }

    fn get_many(&self, call: &Call, input: Input) -> Result<Value, ApiError> {
        let (mut found, mut invalid) = (Vec::new(), Vec::new());
        for name in &input.names {
            match self.shown(call, name, input.with_decryption) {
                Some(shown) => found.push(shown),
                None => invalid.push(name),
            }
        }
        Ok(json!({ "Parameters": found, "InvalidParameters": invalid }))
    }

    async fn delete(&self, call: &Call, input: Input) -> Result<Value, ApiError> {
        let name = self.name_in(call, &input.name).to_owned();
        let change = |parameter: &mut Option<Parameter>| parameter.take().map(|_| json!({})).ok_or_else(not_found);
        self.0.change(&call.region, &name, change).await
    }

    /// A parameter as it is shown, by name or ARN, of its last version or of `NAME:VERSION` where that is the last.
    fn shown(&self, call: &Call, asked: &str, with_decryption: bool) -> Option<Value> {
        let named = self.name_in(call, asked);
        let (name, version) = named.rsplit_once(':').map_or((named, None), |(name, version)| (name, Some(version)));
        let parameter = self.0.get(&call.region, name)?;
        let Parameter { kind, value, version: last, modified_ms } = parameter;
        if version.is_some_and(|version| version != last.to_string()) {
            return None;
        }
        let value = if kind == SECURE && !with_decryption { format!("encrypted:{}", value.len()) } else { value };
        let modified = modified_ms / 1_000;
        Some(json!({
            "Name": name, "Type": kind, "Value": value, "Version": last, "LastModifiedDate": modified, "ARN": self.arn(call, name),
            "DataType": "text",
        }))
    }

    fn arn(&self, call: &Call, name: &str) -> String {
        format!("arn:aws:ssm:{}:{}:parameter/{}", call.region, self.0.common.account, name.trim_start_matches('/'))
    }

    /// The name in an ARN; a name with folders begins with a slash, which the ARN has only once.
    fn name_in<'a>(&self, call: &Call, asked: &'a str) -> &'a str {
        let Some(rest) = asked.strip_prefix(&self.arn(call, "")) else { return asked };
        let whole = &asked[asked.len() - rest.len() - 1..];
        if rest.contains('/') { whole } else { rest }
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let mut constraints = Constraints::new();
    constraints.length(name, "name", 1, 2048);
    constraints.check(400, VALIDATION)?;
    if !name.chars().all(|character| character.is_ascii_alphanumeric() || "_.-/".contains(character)) {
        return Err(invalid("Parameter name: only a mix of letters, numbers and the following 4 symbols .-_/ is allowed."));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    Ok(())
}

fn check_value(input: &Input, tier: &str) -> Result<(), ApiError> {
    let mut constraints = Constraints::new();
    constraints.length(&input.value, "value", 1, usize::MAX);
    let kind = input.kind.as_deref().unwrap_or(SECURE);
    constraints.one_of(kind, "type", &["SecureString", "StringList", "String"]);
    constraints.one_of(tier, "tier", &LARGEST.map(|(tier, _)| tier));
    constraints.check(400, VALIDATION)?;
    match LARGEST.iter().find(|(name, _)| *name == tier) {
        Some((_, most)) if input.value.len() > *most => {
            Err(invalid(format!("{tier} tier parameters support a maximum parameter value of {most} characters.")))
        }
        _ => Ok(()),
    }
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, VALIDATION, message)
}

fn not_found() -> ApiError {
    ApiError::new(400, "ParameterNotFound", "")
}

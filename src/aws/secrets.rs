//! Looking up secrets: one operation each of the Systems Manager and of the Secrets Manager.
//!
//! Both speak AWS's JSON protocol. The SDK's client of the Systems Manager is the second largest of all, and one operation
//! of it is needed; so requests are made here and signed by the SDK.
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html>

use super::error::{AwsError, ErrorClass};
use super::reader::Reader;
use super::refusal::{Refusal, Trouble};
use super::signed::Signer;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::Builder as ErrorMetadataBuilder;
use serde_json::{Value as Json, json};
use std::sync::Arc;

const TYPE: &str = "application/x-amz-json-1.1";

/// The way to services that the SDK brings no client for here.
pub(super) struct JsonServices {
    signer: Arc<Signer>,
}

/// A service, and what its operations are called.
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) target: &'static str,
    /// The one region that has it all, where that is not the one that is called.
    pub(super) region: Option<&'static str>,
}

const SSM: Service = Service { name: "ssm", target: "AmazonSSM", region: None };
const SECRETS_MANAGER: Service = Service { name: "secretsmanager", target: "secretsmanager", region: None };

impl JsonServices {
    pub(super) fn new(signer: Arc<Signer>) -> Self {
        Self { signer }
    }

    fn region<'a>(&'a self, service: &Service) -> &'a str {
        service.region.or(self.signer.config().region().map(AsRef::as_ref)).unwrap_or_default()
    }

    fn url(&self, service: &Service) -> String {
        let region = self.region(service);
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let usual = || format!("https://{}.{region}.{domain}/", service.name);
        self.signer.config().endpoint_url().map_or_else(usual, |url| format!("{}/", url.trim_end_matches('/')))
    }

    pub(super) async fn send(&self, service: &Service, operation: &str, input: &Json) -> Result<Json, Trouble> {
        let (url, target) = (self.url(service), format!("{}.{operation}", service.target));
        let headers = [("content-type", TYPE), ("x-amz-target", target.as_str())];
        let (response, body) = self.signer.ask((service.name, self.region(service)), &url, &headers, &input.to_string()).await?;
        let json: Json = serde_json::from_slice(&body).unwrap_or_default();
        if response.status().is_success() { Ok(json) } else { Err(SdkError::service_error(refusal(&json), response)) }
    }
}

fn refusal(json: &Json) -> Refusal {
    let text = |keys: [&str; 2]| keys.iter().find_map(|key| json[*key].as_str());
    let metadata = ErrorMetadata::builder().code(text(["__type", "code"]).unwrap_or_default());
    Refusal(text(["message", "Message"]).into_iter().fold(metadata, ErrorMetadataBuilder::message).build())
}

impl Reader {
    /// Calls `ssm:GetParameter` and gives the decrypted value.
    ///
    /// # Errors
    /// What AWS refused, or what went wrong on the way.
    pub async fn parameter(&self, name: &str) -> Result<String, AwsError> {
        const OPERATION: &str = "ssm:GetParameter";
        let input = json!({ "Name": name, "WithDecryption": true });
        let services = &self.clients().json;
        let answer = self.caller().call(OPERATION, 0, || services.send(&SSM, "GetParameter", &input)).await?;
        let value = answer["Parameter"]["Value"].as_str().map(str::to_owned);
        value.ok_or_else(|| AwsError::own(OPERATION, ErrorClass::Other, format!("the answer has no value of `{name}`")))
    }

    /// Calls `secretsmanager:GetSecretValue` and gives the value, where it is text.
    ///
    /// # Errors
    /// What AWS refused, or what went wrong on the way.
    pub async fn secret_value(&self, id: &str) -> Result<String, AwsError> {
        const OPERATION: &str = "secretsmanager:GetSecretValue";
        let input = json!({ "SecretId": id });
        let services = &self.clients().json;
        let answer = self.caller().call(OPERATION, 0, || services.send(&SECRETS_MANAGER, "GetSecretValue", &input)).await?;
        let value = answer["SecretString"].as_str().map(str::to_owned);
        value.ok_or_else(|| AwsError::own(OPERATION, ErrorClass::Other, format!("`{id}` is binary, and a variable is text")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::signed::LARGEST_ANSWER_BYTES;
    use crate::aws::testing::{Cloud, failure};

    #[tokio::test]
    async fn values_are_read_and_what_is_missing_is_told_from_what_is_too_large() {
        let cloud = Cloud::new(|request| match request {
            request if request.contains("AmazonSSM.GetParameter") && request.contains("/shop/key") => {
                (200, json!({ "Parameter": { "Value": "v" } }).to_string())
            }
            request if request.contains("secretsmanager.GetSecretValue") => {
                (200, json!({ "SecretString": "x".repeat(LARGEST_ANSWER_BYTES) }).to_string())
            }
            _ => (400, failure("ParameterNotFound", "")),
        });
        let reader = cloud.writer.reader();
        assert_eq!(reader.parameter("/shop/key").await.unwrap(), "v");
        assert_eq!(reader.parameter("/shop/other").await.unwrap_err().class, ErrorClass::NotFound);
        let error = reader.secret_value("shop/db").await.unwrap_err();
        assert!(error.message.contains("larger than 1 MiB"), "{error}");
        assert_eq!(cloud.sent("secretsmanager").len(), 1);
    }
}

//! Telling over AWS: events of EventBridge, and topics of SNS.
//!
//! One operation of SNS is needed, so its requests are made here, in AWS's query protocol, instead of by a client of the SDK.
//! <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>

use super::error::{AwsError, ErrorClass};
use super::refusal::{Refusal, Trouble};
use super::signed::Signer;
use super::writer::Writer;
use aws_sdk_eventbridge::operation::put_events::builders::PutEventsInputBuilder;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;
use form_urlencoded::Serializer;
use std::sync::Arc;

/// Who sends the events.
const SOURCE: &str = "lambdo";
const PUBLISH: &str = "sns:Publish";
/// The version of SNS's API, which never changes.
const VERSION: &str = "2010-03-31";
const TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// The way to SNS.
pub(super) struct Topics {
    signer: Arc<Signer>,
}

impl Topics {
    pub(super) fn new(signer: Arc<Signer>) -> Self {
        Self { signer }
    }

    fn url(&self, region: &str) -> String {
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let usual = || format!("https://sns.{region}.{domain}/");
        self.signer.config().endpoint_url().map_or_else(usual, |url| format!("{}/", url.trim_end_matches('/')))
    }

    /// A topic is published to in its own region.
    async fn publish(&self, topic_arn: &str, body: &str) -> Result<(), Trouble> {
        let region = topic_arn.split(':').nth(3).unwrap_or_default();
        let url = self.url(region);
        let (response, body) = self.signer.ask(("sns", region), &url, &[("content-type", TYPE)], body).await?;
        if response.status().is_success() {
            Ok(())
        } else {
            Err(SdkError::service_error(refusal(&String::from_utf8_lossy(&body)), response))
        }
    }
}

fn form(topic_arn: &str, subject: &str, message: &str) -> String {
    let mut form = Serializer::new(String::new());
    form.extend_pairs([("Action", "Publish"), ("Version", VERSION), ("TopicArn", topic_arn), ("Subject", subject)]);
    form.extend_pairs([("MessageStructure", "json"), ("Message", message)]).finish()
}

/// What stands in the XML of an error: <https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html>
fn refusal(xml: &str) -> Refusal {
    let between = |tag: &str| Some(xml.split_once(&format!("<{tag}>"))?.1.split_once(&format!("</{tag}>"))?.0.to_owned());
    // What is empty here is told by the status.
    let metadata = ErrorMetadata::builder().code(between("Code").unwrap_or_default());
    Refusal(metadata.message(between("Message").unwrap_or_default()).build())
}

impl Writer {
    /// Publishes to a topic: a subject for mails, and a message for each sort of receiver, `default` for those without.
    ///
    /// # Errors
    /// What AWS refused, or what went wrong on the way.
    pub async fn publish_to_topic(&self, topic_arn: &str, subject: &str, messages: &serde_json::Value) -> Result<(), AwsError> {
        let (body, topics) = (form(topic_arn, subject, &messages.to_string()), &self.reader().clients().topics);
        self.reader().caller().call(PUBLISH, 0, || topics.publish(topic_arn, &body)).await
    }

    /// Puts one event on a bus, by its name or ARN. `detail` is a JSON object.
    ///
    /// # Errors
    /// What AWS refused, also where only the entry was refused, or what went wrong on the way.
    pub async fn put_event(&self, bus: &str, detail_type: &str, detail: &str) -> Result<(), AwsError> {
        let entry = PutEventsRequestEntry::builder().source(SOURCE).detail_type(detail_type).detail(detail).event_bus_name(bus).build();
        let output = self.put_events(PutEventsInputBuilder::default().entries(entry)).await?;
        match output.entries().iter().find(|entry| entry.error_code().is_some()) {
            None => Ok(()),
            Some(entry) => {
                let why = [entry.error_code(), entry.error_message()].into_iter().flatten().collect::<Vec<_>>().join(": ");
                Err(AwsError::own("events:PutEvents", ErrorClass::Other, why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::error::metadata::ProvideErrorMetadata;

    #[test]
    fn a_refusal_of_sns_has_its_code_and_words() {
        let refusal = refusal(
            "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>Topic does not exist</Message></Error></ErrorResponse>",
        );
        assert_eq!((refusal.code(), refusal.message()), (Some("NotFound"), Some("Topic does not exist")));
    }
}

//! What telling people needs of AWS: values of secrets, and events.

use super::Engine;
use crate::aws::AwsError;
use crate::diagnostic::Diagnostic;
use crate::model::SecretSource;
use std::path::Path;

impl Engine {
    /// The value of a secret, which is told nowhere from then on. Paths of files begin in `folder`.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub async fn secret(&self, source: &SecretSource, folder: &Path) -> Result<String, Diagnostic> {
        let value = self.value_of(source, folder).await?;
        self.session.scrubber().learn(&value);
        Ok(value)
    }

    /// Puts one event on a bus of EventBridge. `detail` is a JSON object.
    ///
    /// # Errors
    /// What AWS refused.
    pub async fn put_event(&self, bus: &str, detail_type: &str, detail: &str) -> Result<(), AwsError> {
        self.session.writer().put_event(bus, detail_type, detail).await
    }

    /// Publishes to a topic of SNS: a subject for mails, and a message for each sort of receiver.
    ///
    /// # Errors
    /// What AWS refused.
    pub async fn publish_to_topic(&self, topic_arn: &str, subject: &str, messages: &serde_json::Value) -> Result<(), AwsError> {
        self.session.writer().publish_to_topic(topic_arn, subject, messages).await
    }
}

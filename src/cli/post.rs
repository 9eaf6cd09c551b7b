//! What telling people needs: an engine, once AWS is needed, and the folder of the spec.

use crate::aws::{AwsError, ErrorClass};
use crate::daemon::notify::{Outcome, Post, Refusal};
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, secret_here};
use crate::model::{Failure, SecretSource};
use async_trait::async_trait;
use futures::future::BoxFuture;
use std::path::PathBuf;
use tokio::sync::OnceCell;

/// Makes an engine.
pub type Connect<'a> = Box<dyn Fn() -> BoxFuture<'a, Result<Engine, Failure>> + Send + Sync + 'a>;

/// Connects to AWS with the first message that needs it.
pub struct EnginePost<'a> {
    engine: OnceCell<Engine>,
    connect: Connect<'a>,
    folder: PathBuf,
}

impl<'a> EnginePost<'a> {
    /// A post of the spec in `folder`.
    pub fn new(folder: PathBuf, connect: Connect<'a>) -> Self {
        Self { engine: OnceCell::new(), connect, folder }
    }

    async fn engine(&self) -> Result<&Engine, Refusal> {
        let connected = self.engine.get_or_try_init(|| (self.connect)()).await;
        connected.map_err(|failure| Refusal::for_now(failure.diagnostics.first().map(said).unwrap_or_default()))
    }
}

#[async_trait]
impl Post for EnginePost<'_> {
    async fn secret(&self, source: &SecretSource) -> Result<String, Refusal> {
        let found = match secret_here(source, &self.folder).await {
            Some(found) => found,
            None => self.engine().await?.secret(source, &self.folder).await,
        };
        found.map_err(|diagnostic| Refusal::for_now(said(&diagnostic)))
    }

    async fn publish(&self, topic_arn: &str, subject: &str, messages: &serde_json::Value) -> Result<(), Refusal> {
        self.engine().await?.publish_to_topic(topic_arn, subject, messages).await.map_err(refused)
    }

    async fn put_event(&self, bus: &str, detail_type: &str, detail: &str) -> Result<(), Refusal> {
        self.engine().await?.put_event(bus, detail_type, detail).await.map_err(refused)
    }

    fn folder(&self) -> PathBuf {
        self.folder.clone()
    }
}

fn said(diagnostic: &Diagnostic) -> String {
    if diagnostic.detail.is_empty() { diagnostic.summary.clone() } else { diagnostic.detail.clone() }
}

/// What is wrong and stays wrong is not sent for ever.
fn refused(error: AwsError) -> Refusal {
    let outcome = if error.class == ErrorClass::Invalid { Outcome::Refused } else { Outcome::Failed(None) };
    Refusal { text: error.to_string(), outcome }
}

//! Where people are told what the daemon finds, as data.

use super::SecretSource;
use std::collections::BTreeSet;

/// What can be told, as the spec calls it. The order is that of a finding's life.
pub const OCCASIONS: &[&str] = &["opened", "still_open", "resolved", "contested", "proposed", "failed", "recovered", "log_groups"];

/// One entry of `[[notify]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Where to.
    pub channel: Channel,
    /// What, out of [`OCCASIONS`].
    pub on: BTreeSet<String>,
}

/// Where something is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// An HTTP request.
    Webhook {
        /// Where to.
        url: Url,
        /// What it carries.
        format: WebhookFormat,
        /// Signs it.
        secret: Option<SecretSource>,
    },
    /// A topic of Amazon SNS, by its ARN.
    Sns(String),
    /// An event bus of Amazon EventBridge, by its name or ARN.
    EventBus(String),
    /// A program and its arguments.
    Command(Vec<String>),
}

/// The address of a webhook. That of a chat is a secret: whoever knows it can write there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Url {
    /// As it stands in the spec.
    Plain(String),
    /// Looked up when it is needed.
    Secret(SecretSource),
}

/// What a webhook is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookFormat {
    /// A document of lambdo's.
    #[default]
    Json,
    /// A message as Slack and those that speak like it take it.
    Slack,
}

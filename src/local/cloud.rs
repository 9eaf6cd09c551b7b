//! The cloud as a whole: its services, and who needs whom.

use super::clock::Clock;
use super::common::Common;
use super::disk::{Disk, DiskError};
use super::events::{Events, Functions};
use super::iam::Iam;
use super::lambda::Lambda;
use super::logs::Logs;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// How a cloud is set up.
pub struct Options {
    /// Where everything that it is told stays.
    pub folder: PathBuf,
    /// The account that it is, twelve digits.
    pub account: String,
    /// Where functions and code locations find it, such as `http://127.0.0.1:4566`.
    pub endpoint_url: String,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

/// A cloud, loaded from its folder.
pub struct Cloud {
    /// What all services share.
    pub common: Common,
    /// Roles and policies.
    pub iam: Arc<Iam>,
    /// Log groups and their events.
    pub logs: Arc<Logs>,
    /// Functions, and what runs of them.
    pub lambda: Arc<Lambda>,
    /// Rules, and the events that they match.
    pub events: Arc<Events>,
}

impl Cloud {
    /// Loads what the folder has; a new folder is an empty cloud.
    ///
    /// # Errors
    /// When the folder cannot be used, or holds another account.
    pub fn open(options: Options) -> Result<Self, DiskError> {
        let disk = Arc::new(Disk::open(&options.folder)?);
        let common = Common { account: options.account.clone(), clock: Arc::clone(&options.clock), disk };
        let iam = Arc::new(Iam::open(common.clone())?);
        let logs = Arc::new(Logs::open(common.clone())?);
        let lambda = Lambda::open(common.clone(), &options, Arc::clone(&iam), Arc::clone(&logs))?;
        let functions: Arc<dyn Functions> = Arc::<Lambda>::clone(&lambda);
        let events = Arc::new(Events::open(common.clone(), functions)?);
        Ok(Self { common, iam, logs, lambda, events })
    }

    /// What `GET /_lambdo/health` answers.
    pub fn health(&self) -> Value {
        json!({ "status": "running", "account": self.common.account, "version": env!("CARGO_PKG_VERSION") })
    }

    /// Fires schedules and works off what is queued, for as long as it is polled.
    pub async fn work(&self) {
        tokio::join!(self.events.run(), self.lambda.work());
    }

    /// Ends whatever runs; what is queued stays on disk.
    pub async fn shutdown(&self) {
        self.lambda.shutdown().await;
    }
}

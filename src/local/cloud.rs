//! The cloud as a whole: its services, and who needs whom.

use super::ACCOUNT;
use super::clock::Clock;
use super::common::Common;
use super::common::random_id;
use super::disk::{Batch, Disk, DiskError};
use super::ecr::Ecr;
use super::events::{Events, Functions};
use super::faults::Faults;
use super::iam::Iam;
use super::lambda::Lambda;
use super::logs::Logs;
use super::s3::S3;
use super::trail::Trail;
use super::vault::{Parameters, Secrets};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

/// How a cloud is set up.
pub struct Options {
    /// Where everything that it is told stays.
    pub folder: PathBuf,
    /// The account that it is to be, twelve digits; else the one that it was made with.
    pub account: Option<String>,
    /// Where functions and code locations find it, such as `http://127.0.0.1:4566`.
    pub endpoint_url: String,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where changes stay.
    pub keeping: Keeping,
}

/// Where a cloud keeps what it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// In its folder, for the next time.
    OnDisk,
    /// Nowhere but here, but for packages.
    InMemory,
}

/// A cloud, loaded from its folder.
pub struct Cloud {
    /// What all services share.
    pub common: Common,
    /// Roles and policies.
    pub iam: Arc<Iam>,
    /// Log groups and their events.
    pub logs: Arc<Logs>,
    /// Buckets and objects.
    pub s3: Arc<S3>,
    /// Repositories and images.
    pub ecr: Arc<Ecr>,
    /// Functions, and what runs of them.
    pub lambda: Arc<Lambda>,
    /// Rules, and the events that they match.
    pub events: Arc<Events>,
    /// Parameters of the Systems Manager.
    pub parameters: Parameters,
    /// Secrets of the Secrets Manager.
    pub secrets: Secrets,
    /// Who changed what.
    pub trail: Trail,
    /// What goes wrong on purpose.
    pub faults: Faults,
    /// Random: tells this process's cloud from another that got the same port later.
    pub instance: String,
}

impl Cloud {
    /// Loads what the folder has; a new folder is an empty cloud.
    ///
    /// # Errors
    /// When the folder cannot be used, or holds another account.
    pub fn open(options: Options) -> Result<Self, DiskError> {
        let disk = Arc::new(match options.keeping {
            Keeping::OnDisk => Disk::open(&options.folder)?,
            Keeping::InMemory => Disk::in_memory()?,
        });
        let account = account_of(&disk, options.account.as_deref())?;
        let common = Common { account, clock: Arc::clone(&options.clock), disk };
        let iam = Arc::new(Iam::open(common.clone())?);
        let logs = Arc::new(Logs::open(common.clone())?);
        let ecr = Arc::new(Ecr::open(common.clone(), &options.folder, &options.endpoint_url)?);
        let s3 = Arc::new(S3::open(common.clone(), &options.folder)?);
        let lambda = Lambda::open(common.clone(), &options, Arc::clone(&iam), Arc::clone(&logs), Arc::clone(&ecr), Arc::clone(&s3))?;
        let functions: Arc<dyn Functions> = Arc::<Lambda>::clone(&lambda);
        let events = Arc::new(Events::open(common.clone(), functions)?);
        let (parameters, secrets) = (Parameters::open(common.clone())?, Secrets::open(common.clone())?);
        ecr.blobs().collect_now();
        let (faults, trail, instance) = (Faults::default(), Trail::default(), random_id());
        Ok(Self { common, iam, logs, ecr, s3, lambda, events, parameters, secrets, trail, faults, instance })
    }

    /// What `GET /_lambdo/health` answers.
    pub fn health(&self) -> Value {
        json!({ "status": "running", "account": self.common.account, "instance": self.instance, "version": env!("CARGO_PKG_VERSION") })
    }

    /// Works off what is queued, and fires schedules if told so, for as long as it is polled.
    pub async fn work(&self, schedules: bool) {
        let fire = async {
            if schedules {
                self.events.run().await;
            }
        };
        tokio::join!(fire, self.lambda.work());
    }

    /// Ends whatever runs; what is queued stays on disk.
    pub async fn shutdown(&self) {
        self.lambda.shutdown().await;
    }

    /// Lets go of the folder. Whatever is still asked gets an error.
    pub async fn close(&self) {
        let disk = Arc::clone(&self.common.disk);
        // Its writer may be in the middle of an fsync.
        let _ = tokio::task::spawn_blocking(move || disk.close()).await;
    }
}

const ACCOUNT_TABLE: &str = "cloud";
const ACCOUNT_KEY: &str = "account";

/// ARNs have the account in them, so that a cloud keeps the one that it was made with.
fn account_of(disk: &Disk, wanted: Option<&str>) -> Result<String, DiskError> {
    let stored = disk.load::<String>(ACCOUNT_TABLE)?.into_iter().find(|(key, _)| key == ACCOUNT_KEY);
    match (stored, wanted) {
        (Some((_, stored)), Some(wanted)) if stored != wanted => Err(DiskError::OtherAccount { stored, wanted: wanted.to_owned() }),
        (Some((_, stored)), _) => Ok(stored),
        (None, wanted) => {
            let account = wanted.unwrap_or(ACCOUNT).to_owned();
            // The first change that is acknowledged comes after it.
            drop(disk.commit(Batch::new().put(ACCOUNT_TABLE, ACCOUNT_KEY, &account)));
            Ok(account)
        }
    }
}

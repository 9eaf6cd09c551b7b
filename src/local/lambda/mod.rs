//! AWS Lambda: functions, their policies, and what runs of them.
//!
//! A request is matched in `call`; `name` says which function is meant. What a function is stands in
//! `record`, what may be said of it in `settings` and `checks`, how it is shown in `render`. `functions`
//! creates, changes and deletes, and `layers` does so with versions of layers; `packages` keeps zips and `images` what runs
//! as an image; `policy`, `tags` and `concurrency` do what their names say; `invoke`
//! runs, now or through the queue in `asynchronous`.

mod account;
mod asynchronous;
mod call;
mod checks;
mod concurrency;
mod functions;
mod images;
mod invoke;
mod layers;
mod name;
mod packages;
mod policy;
mod record;
mod render;
mod settings;
mod tags;
#[cfg(test)]
mod tests;

use super::cloud::Options;
use super::common::Common;
use super::disk::{Batch, DiskError, Saved};
use super::ecr::Ecr;
use super::error::ApiError;
use super::iam::Iam;
use super::logs::Logs;
use super::run::{self, Runner};
use super::s3::S3;
use asynchronous::Queue;
use layers::Layers;
use packages::Packages;
use record::Function;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The table of functions on disk, by region and name.
const TABLE: &str = "lambda/function";

/// How long a new function is Pending. AWS takes a second or more; what counts is that callers must wait.
const PENDING_MS: i64 = 50;
/// How long an update is in progress.
const UPDATING_MS: i64 = 50;

/// The service.
pub struct Lambda {
    common: Common,
    endpoint_url: String,
    iam: Arc<Iam>,
    logs: Arc<Logs>,
    ecr: Arc<Ecr>,
    functions: Mutex<BTreeMap<(String, String), Function>>,
    layers: Mutex<Layers>,
    packages: Packages,
    s3: Arc<S3>,
    runner: Runner,
    queue: Arc<Queue>,
}

impl Lambda {
    /// Loads the functions, and the events that wait for them.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn open(
        common: Common,
        options: &Options,
        iam: Arc<Iam>,
        logs: Arc<Logs>,
        ecr: Arc<Ecr>,
        s3: Arc<S3>,
    ) -> Result<Arc<Self>, DiskError> {
        let functions: BTreeMap<_, _> =
            common.disk.load::<Function>(TABLE)?.into_iter().map(|(_, function)| (function.key(), function)).collect();
        let packages = Packages::open(&options.folder)?;
        let layers = Layers::load(&common.disk)?;
        packages.keep_only(functions.values().flat_map(Function::packages).chain(layers.hashes()));
        let queue = Arc::new(Queue::open(&common)?);
        let sink = Arc::new(invoke::Sink(Arc::clone(&logs)));
        let most_environments = usize::try_from(account::CONCURRENT_EXECUTIONS).unwrap_or(usize::MAX);
        let spare_folder = Some(options.folder.join("run"));
        let cloud_folder = Some(options.folder.clone());
        let runner = Runner::new(run::Options { most_environments, spare_folder, cloud_folder, ..run::Options::default() }, sink);
        let lambda = Self {
            endpoint_url: options.endpoint_url.clone(),
            functions: Mutex::new(functions),
            common,
            iam,
            logs,
            layers: Mutex::new(layers),
            packages,
            s3,
            runner,
            queue,
            ecr,
        };
        lambda.locked().values().for_each(|function| lambda.keep_image(function));
        Ok(Arc::new(lambda))
    }

    /// Ends whatever runs; its log is on disk by then. Queued events stay on disk.
    pub async fn shutdown(&self) {
        self.queue.stop();
        self.runner.shutdown().await;
        // A disk that refuses now has nobody left to tell.
        let _ = self.logs.flush().await;
    }

    /// A package by the SHA-256 of its zip, in hex.
    pub async fn package(&self, sha256: &str) -> Option<bytes::Bytes> {
        self.packages.read(sha256).await
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<(String, String), Function>> {
        self.functions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> i64 {
        self.common.clock.now_ms()
    }

    /// A function as it is now.
    fn find(&self, region: &str, name: &str) -> Result<Function, ApiError> {
        let key = (region.to_owned(), name.to_owned());
        self.locked().get(&key).cloned().ok_or_else(|| self.not_found(region, name))
    }

    fn not_found(&self, region: &str, name: &str) -> ApiError {
        ApiError::new(404, "ResourceNotFoundException", format!("Function not found: {}", self.arn(region, name)))
    }

    fn arn(&self, region: &str, name: &str) -> String {
        format!("arn:aws:lambda:{region}:{}:function:{name}", self.common.account)
    }

    /// Changes a function, and hands the change to the disk.
    ///
    /// # Errors
    /// Where there is no such function, and what `change` refuses: then nothing has changed.
    fn change<T>(
        &self,
        region: &str,
        name: &str,
        change: impl FnOnce(&mut Function) -> Result<T, ApiError>,
    ) -> Result<(T, Saved), ApiError> {
        let mut functions = self.locked();
        let key = (region.to_owned(), name.to_owned());
        let function = functions.get_mut(&key).ok_or_else(|| self.not_found(region, name))?;
        let mut changed = function.clone();
        let outcome = change(&mut changed)?;
        *function = changed;
        let saved = self.common.disk.commit(Batch::new().put(TABLE, &function.disk_key(), function));
        Ok((outcome, saved))
    }
}

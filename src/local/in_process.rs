//! The cloud inside of a program, without a port: for tests that hand it their own time and call it a thousand times.

use super::clock::Clock;
use super::cloud::{Cloud, Keeping, Options};
use super::disk::DiskError;
use super::faults::Plan;
use super::server;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use std::path::PathBuf;
use std::sync::Arc;

/// A cloud that forgets everything at its end.
#[derive(Clone)]
pub struct InProcess {
    cloud: Arc<Cloud>,
}

impl InProcess {
    /// An empty cloud. Packages lie in the folder; everything else is in memory only. Its endpoint is `http://localhost`.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(folder: PathBuf, account: &str, clock: Arc<dyn Clock>) -> Result<Self, DiskError> {
        let endpoint_url = "http://localhost".to_owned();
        let options = Options { folder, account: Some(account.to_owned()), endpoint_url, clock, keeping: Keeping::InMemory };
        Ok(Self { cloud: Arc::new(Cloud::open(options)?) })
    }

    /// Answers a request. A body that ends in an error is a connection that is cut.
    pub async fn answer(&self, request: Request<Body>) -> Response {
        server::answered(&self.cloud, request).await
    }

    /// Plays this plan from now on.
    pub fn misbehave(&self, plan: Plan) {
        self.cloud.faults.set(plan, self.cloud.common.clock.now_ms());
    }

    /// Behaves from now on, and says how often each rule has hit.
    pub fn behave(&self) -> serde_json::Value {
        let report = self.cloud.faults.report();
        self.cloud.faults.end();
        report
    }
}

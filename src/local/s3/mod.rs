//! S3: buckets and objects, by path (`http://HOST/BUCKET/KEY`), one by one or in parts.
//!
//! A request is matched in `call`. What there is stands in `state`, and on disk before it is acknowledged; the objects'
//! bytes are files of their own (`blobs`), written while they come in and read while they are sent. `body` undoes the
//! way in which SDKs stream and checks what they say of it. Buckets keep no versions.

mod blobs;
mod body;
mod buckets;
mod call;
mod objects;
mod parts;
mod state;
#[cfg(test)]
mod tests;

use super::common::Common;
use super::disk::DiskError;
use super::error::ApiError;
use super::wire::xml::Xml;
use blobs::Blobs;
use state::State;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The service.
pub struct S3 {
    common: Common,
    blobs: Blobs,
    state: Mutex<State>,
}

/// An object's bytes, as Lambda takes them.
pub struct Stored {
    /// The file that they lie in; it may go at any time.
    pub path: PathBuf,
}

impl S3 {
    /// Loads what there is.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn open(common: Common, folder: &Path) -> Result<Self, DiskError> {
        let state = State::load(&common.disk)?;
        let blobs = Blobs::open(folder)?;
        blobs.keep_only(state.blobs());
        Ok(Self { common, blobs, state: Mutex::new(state) })
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An object as a service of a region reads it that was told to.
    ///
    /// # Errors
    /// What S3 says, such as that there is none.
    pub fn stored(&self, region: &str, bucket: &str, key: &str, version: Option<&str>) -> Result<Stored, ApiError> {
        let state = self.locked();
        let found = state.bucket(bucket)?;
        if found.region != region {
            let message = format!("The bucket is in this region: {}. Please use this region to retry the request", found.region);
            return Err(ApiError::new(301, "PermanentRedirect", message));
        }
        if let Some(version) = version.filter(|version| *version != "null") {
            return Err(ApiError::new(404, "NoSuchVersion", format!("The specified version does not exist: {version}")));
        }
        Ok(Stored { path: self.blobs.path(&state.object(bucket, key)?.blob) })
    }
}

/// A refusal's body.
pub fn refusal(error: &ApiError, request_id: &str) -> String {
    let inside = Xml::new().text("Code", &error.code).text("Message", &error.message).text("RequestId", request_id);
    document("Error", None, &inside)
}

/// A whole document.
fn document(name: &str, namespace: Option<&str>, inside: &Xml) -> String {
    let namespace = namespace.map_or_else(String::new, |namespace| format!(" xmlns=\"{namespace}\""));
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{name}{namespace}>{}</{name}>", inside.as_str())
}

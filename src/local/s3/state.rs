//! What there is: buckets, objects, and uploads in parts that go on.

use crate::local::disk::{Batch, Disk, DiskError};
use crate::local::error::ApiError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const BUCKETS: &str = "s3/bucket";
const OBJECTS: &str = "s3/object";
const UPLOADS: &str = "s3/upload";

/// A bucket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bucket {
    pub name: String,
    pub region: String,
    pub created_ms: i64,
}

/// What is said of an object when it is put.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saying {
    pub content_type: Option<String>,
    /// What stands behind `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
}

/// An object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Object {
    pub bucket: String,
    pub key: String,
    /// The file with its bytes.
    pub blob: String,
    pub size_bytes: u64,
    /// Without quotes.
    pub etag: String,
    pub saying: Saying,
    pub modified_ms: i64,
}

/// A part of an object that is being uploaded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    pub blob: String,
    pub size_bytes: u64,
    pub etag: String,
}

/// An upload in parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Upload {
    pub id: String,
    pub bucket: String,
    pub key: String,
    pub saying: Saying,
    pub started_ms: i64,
    pub parts: BTreeMap<u32, Part>,
}

/// Everything.
#[derive(Default)]
pub struct State {
    pub buckets: BTreeMap<String, Bucket>,
    /// By bucket and key.
    pub objects: BTreeMap<(String, String), Object>,
    /// By their ids.
    pub uploads: BTreeMap<String, Upload>,
}

impl State {
    pub fn load(disk: &Disk) -> Result<Self, DiskError> {
        let objects = disk.load::<Object>(OBJECTS)?.into_iter().map(|(_, object)| (object.place(), object));
        Ok(Self {
            buckets: disk.load(BUCKETS)?.into_iter().collect(),
            objects: objects.collect(),
            uploads: disk.load(UPLOADS)?.into_iter().collect(),
        })
    }

    /// The files that are needed.
    pub fn blobs(&self) -> impl Iterator<Item = &str> {
        let parts = self.uploads.values().flat_map(|upload| upload.parts.values()).map(|part| part.blob.as_str());
        self.objects.values().map(|object| object.blob.as_str()).chain(parts)
    }

    pub fn bucket(&self, name: &str) -> Result<&Bucket, ApiError> {
        self.buckets.get(name).ok_or_else(|| ApiError::new(404, "NoSuchBucket", "The specified bucket does not exist"))
    }

    pub fn object(&self, bucket: &str, key: &str) -> Result<&Object, ApiError> {
        let missing = || ApiError::new(404, "NoSuchKey", "The specified key does not exist.");
        self.objects.get(&(bucket.to_owned(), key.to_owned())).ok_or_else(missing)
    }

    /// An upload of this object.
    pub fn upload(&self, bucket: &str, key: &str, id: &str) -> Result<&Upload, ApiError> {
        let missing = || {
            let message =
                "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
            ApiError::new(404, "NoSuchUpload", message)
        };
        self.uploads.get(id).filter(|upload| upload.bucket == bucket && upload.key == key).ok_or_else(missing)
    }

    /// The objects of a bucket with keys from `from` on that begin so.
    pub fn under<'a>(&'a self, bucket: &'a str, prefix: &'a str, from: &str) -> impl Iterator<Item = &'a Object> {
        let start = from.max(prefix).to_owned();
        let all = self.objects.range((bucket.to_owned(), start)..).map(|(_, object)| object);
        all.take_while(move |object| object.bucket == bucket && object.key.starts_with(prefix))
    }

    pub fn put_bucket(&mut self, bucket: Bucket) -> Batch {
        let batch = Batch::new().put(BUCKETS, &bucket.name, &bucket);
        self.buckets.insert(bucket.name.clone(), bucket);
        batch
    }

    /// Removes a bucket; gives the uploads that went on in it, which end with it.
    pub fn remove_bucket(&mut self, name: &str) -> (Batch, Vec<Upload>) {
        self.buckets.remove(name);
        let (ended, left) = std::mem::take(&mut self.uploads).into_iter().partition(|(_, upload)| upload.bucket == name);
        self.uploads = left;
        let ended: Vec<Upload> = BTreeMap::into_values(ended).collect();
        (ended.iter().fold(Batch::new().delete(BUCKETS, name), |batch, upload| batch.delete(UPLOADS, &upload.id)), ended)
    }

    /// Puts an object in; gives the one that stood there.
    ///
    /// # Errors
    /// When the bucket is not there any more.
    pub fn put_object(&mut self, batch: Batch, object: Object) -> Result<(Batch, Option<Object>), ApiError> {
        self.bucket(&object.bucket)?;
        let batch = batch.put(OBJECTS, &object.disk_key(), &object);
        Ok((batch, self.objects.insert(object.place(), object)))
    }

    /// Takes an object out, where there is one.
    pub fn remove_object(&mut self, bucket: &str, key: &str) -> Option<(Batch, Object)> {
        let object = self.objects.remove(&(bucket.to_owned(), key.to_owned()))?;
        Some((Batch::new().delete(OBJECTS, &object.disk_key()), object))
    }

    /// Puts an upload in, or what has become of it.
    ///
    /// # Errors
    /// When the bucket is not there any more.
    pub fn put_upload(&mut self, upload: Upload) -> Result<Batch, ApiError> {
        self.bucket(&upload.bucket)?;
        let batch = Batch::new().put(UPLOADS, &upload.id, &upload);
        self.uploads.insert(upload.id.clone(), upload);
        Ok(batch)
    }

    pub fn remove_upload(&mut self, id: &str) -> (Batch, Option<Upload>) {
        (Batch::new().delete(UPLOADS, id), self.uploads.remove(id))
    }
}

impl Object {
    fn place(&self) -> (String, String) {
        (self.bucket.clone(), self.key.clone())
    }

    fn disk_key(&self) -> String {
        format!("{}/{}", self.bucket, self.key)
    }
}

//! The temporary password of `docker login`: a region, until when it is good, and a hash that only this
//! cloud can make.

use super::Ecr;
use crate::local::common::random_id;
use crate::local::disk::{Batch, Disk, DiskError};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const TABLE: &str = "ecr/secret";
const KEY: &str = "secret";
const USER: &str = "AWS";
/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>
const VALID_MS: i64 = 12 * 3_600_000;

/// The cloud's secret, made with its first start.
pub(super) fn secret(disk: &Disk) -> Result<String, DiskError> {
    if let Some((_, secret)) = disk.load::<String>(TABLE)?.into_iter().next() {
        return Ok(secret);
    }
    let secret = random_id();
    // A token is good only if this reaches the disk; else a client asks for another one.
    drop(disk.commit(Batch::new().put(TABLE, KEY, &secret)));
    Ok(secret)
}

impl Ecr {
    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>
    pub(super) fn authorization_token(&self, region: &str) -> Value {
        let until_ms = self.now_ms() + VALID_MS;
        let password = BASE64_URL_SAFE_NO_PAD.encode(format!("{region} {until_ms} {}", self.seal(region, until_ms)));
        let token = BASE64_STANDARD.encode(format!("{USER}:{password}"));
        json!({ "authorizationData": [{
            "authorizationToken": token, "expiresAt": super::repositories::seconds(until_ms), "proxyEndpoint": self.endpoint_url,
        }] })
    }

    /// The region of who shows a token that is good, in an `Authorization` header.
    pub(super) fn region_of(&self, authorization: Option<&str>) -> Option<String> {
        let text = BASE64_STANDARD.decode(authorization?.strip_prefix("Basic ")?.trim()).ok()?;
        let text = String::from_utf8(text).ok()?;
        let password = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix(USER)?.strip_prefix(':')?).ok()?;
        let password = String::from_utf8(password).ok()?;
        let mut parts = password.splitn(3, ' ');
        let (region, until_ms, seal) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        (until_ms > self.now_ms() && seal == self.seal(region, until_ms)).then(|| region.to_owned())
    }

    fn seal(&self, region: &str, until_ms: i64) -> String {
        let hash = Sha256::digest(format!("{} {region} {until_ms} {}", self.secret, self.secret));
        BASE64_URL_SAFE_NO_PAD.encode(hash)
    }
}

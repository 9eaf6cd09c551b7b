//! Values that are looked up when they are needed, and of which only a keyed hash is ever written down.

use super::{Table, Value};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::fmt;

/// How a state writes down that a secret comes from nowhere.
const UNDECLARED: &str = "undeclared";

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretSource {
    /// A parameter of the Systems Manager.
    Ssm(String),
    /// A secret of the Secrets Manager, or what stands under a key of it.
    SecretsManager {
        /// Its name or ARN.
        id: String,
        /// The key, in a secret that is a JSON object.
        key: Option<String>,
    },
    /// An environment variable of the one who deploys.
    Env(String),
    /// A file beside the spec.
    File(String),
    /// Nobody says so: it lived in AWS when a lost state was made anew, and may be a secret of those who made it.
    Undeclared,
}

/// What secrets' hashes are keyed with, so that a short secret cannot be found by trying.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey([u8; 32]);

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretKey")
    }
}

impl SecretKey {
    /// One of these bytes, which must be random.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key that [`SecretKey::to_hex`] wrote.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits: Option<Vec<u8>> = text.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
        let bytes: Vec<u8> = digits?.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
        (text.len() == 64).then(|| bytes.try_into().ok().map(Self)).flatten()
    }

    /// The key as text.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A secret, known by where it comes from and by a hash of what it was.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Where it comes from.
    pub source: SecretSource,
    /// The keyed hash of its value, where that was looked up.
    pub digest: Option<String>,
}

/// Equal values are equal secrets. One that was not looked up is taken for what its source had before.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        match (&self.digest, &other.digest) {
            (Some(one), Some(other)) => one == other,
            _ => self.source == other.source,
        }
    }
}

impl SecretSource {
    /// Reads `{ ssm = "…" }` and its like.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence about the value.
    pub fn from_table(table: &Table) -> Result<Self, String> {
        let text = |key: &str| match table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Err(format!("has an empty `{key}`")),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Unresolved(_)) => Err(format!("has a `{key}` that only AWS knows: where a secret comes from must be known before")),
            Some(other) => Err(format!("has a `{key}` that is {}, and it must be a string", other.type_name())),
        };
        let (ssm, secretsmanager, env, file, key) = (text("ssm")?, text("secretsmanager")?, text("env")?, text("file")?, text("key")?);
        if key.is_some() && secretsmanager.is_none() {
            return Err("has a `key`, which only `secretsmanager` takes".to_owned());
        }
        let found =
            [ssm.map(Self::Ssm), secretsmanager.map(|id| Self::SecretsManager { id, key }), env.map(Self::Env), file.map(Self::File)];
        let mut sources: Vec<Self> = found.into_iter().flatten().collect();
        match (sources.pop(), sources.is_empty()) {
            (Some(source), true) => Ok(source),
            (None, _) => Err("is a table, which means a secret, and says nowhere where that comes from".to_owned()),
            _ => Err("names more than one source of the secret".to_owned()),
        }
    }

    /// The table that [`SecretSource::from_table`] reads.
    pub fn to_table(&self) -> Table {
        match Value::from_json(&self.to_json()) {
            Value::Table(table) => table,
            _ => Table::new(),
        }
    }

    fn to_json(&self) -> Json {
        match self {
            Self::Ssm(name) => json!({ "ssm": name }),
            Self::SecretsManager { id, key: None } => json!({ "secretsmanager": id }),
            Self::SecretsManager { id, key: Some(key) } => json!({ "secretsmanager": id, "key": key }),
            Self::Env(name) => json!({ "env": name }),
            Self::File(path) => json!({ "file": path }),
            Self::Undeclared => json!({ UNDECLARED: true }),
        }
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssm(name) => write!(formatter, "parameter `{name}` of the Systems Manager"),
            Self::SecretsManager { id, key: None } => write!(formatter, "secret `{id}` of the Secrets Manager"),
            Self::SecretsManager { id, key: Some(key) } => write!(formatter, "`{key}` in secret `{id}` of the Secrets Manager"),
            Self::Env(name) => write!(formatter, "environment variable `{name}`"),
            Self::File(path) => write!(formatter, "file `{path}`"),
            Self::Undeclared => formatter.write_str("value that no spec has declared"),
        }
    }
}

impl Secret {
    /// One that was not looked up.
    pub fn unknown(source: SecretSource) -> Self {
        Self { source, digest: None }
    }

    /// One with this value, which is not kept.
    pub fn of(source: SecretSource, value: &str, key: &SecretKey) -> Self {
        Self { source, digest: Some(format!("hmac-sha256:{}", hmac_sha256(&key.0, value.as_bytes()))) }
    }

    /// Whether it is what it was, but comes from elsewhere.
    pub fn has_moved(&self, before: &Self) -> bool {
        self == before && self.source != before.source
    }

    pub(super) fn to_json(&self) -> Json {
        let mut json = json!({ "source": self.source.to_json() });
        if let Some(digest) = &self.digest {
            json["digest"] = digest.as_str().into();
        }
        json!({ "$secret": json })
    }

    pub(super) fn from_json(json: &Json) -> Option<Self> {
        let Value::Table(source) = Value::from_json(json.get("source")?) else { return None };
        let digest = json.get("digest").and_then(Json::as_str).map(str::to_owned);
        let is_undeclared = source.get(UNDECLARED) == Some(&Value::Boolean(true));
        let source = if is_undeclared { SecretSource::Undeclared } else { SecretSource::from_table(&source).ok()? };
        Some(Self { source, digest })
    }
}

/// HMAC-SHA256 (RFC 2104), in hex.
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> String {
    const BLOCK: usize = 64;
    let key = if key.len() > BLOCK { Sha256::digest(key).to_vec() } else { key.to_vec() };
    let padded = |pad: u8| -> Vec<u8> { (0..BLOCK).map(|at| key.get(at).copied().unwrap_or_default() ^ pad).collect() };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    format!("{:x}", Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(json: Json) -> Table {
        Value::from_json(&json).as_table().cloned().unwrap()
    }

    #[test]
    fn the_hash_is_the_one_of_the_standard() {
        // RFC 4231, test cases 2 and 6.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hmac_sha256(b"Jefe", b"what do ya want for nothing?"), expected);
        let expected = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54";
        assert_eq!(hmac_sha256(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First"), expected);
    }

    #[test]
    fn sources_are_read_and_what_is_wrong_is_told() {
        for (json, expected) in [
            (json!({ "ssm": "/a" }), Ok("parameter `/a` of the Systems Manager")),
            (json!({ "secretsmanager": "db", "key": "password" }), Ok("`password` in secret `db` of the Secrets Manager")),
            (json!({ "env": "TOKEN" }), Ok("environment variable `TOKEN`")),
            (json!({ "file": "token.txt" }), Ok("file `token.txt`")),
            (json!({ "env": "A", "file": "b" }), Err("names more than one source of the secret")),
            (json!({ "env": "A", "key": "b" }), Err("has a `key`, which only `secretsmanager` takes")),
            (json!({ "ssm": "" }), Err("has an empty `ssm`")),
            (json!({ "ssm": 3 }), Err("has a `ssm` that is an integer, and it must be a string")),
            (json!({}), Err("is a table, which means a secret, and says nowhere where that comes from")),
        ] {
            let read = SecretSource::from_table(&table(json)).map(|source| source.to_string());
            assert_eq!(read, expected.map(str::to_owned).map_err(str::to_owned));
        }
    }

    #[test]
    fn a_secret_is_written_without_its_value_and_compared_by_it() {
        let key = SecretKey::new([1; 32]);
        assert_eq!(SecretKey::from_hex(&key.to_hex()), Some(key.clone()));
        for broken in ["", "01", &"0".repeat(63), &"x".repeat(64), &"0".repeat(66)] {
            assert_eq!(SecretKey::from_hex(broken), None, "{broken}");
        }
        let of = |name: &str, value: &str| Secret::of(SecretSource::Env(name.into()), value, &key);
        let secret = of("A", "hunter2");
        let json = secret.to_json();
        assert!(!json.to_string().contains("hunter2") && json.to_string().contains("hmac-sha256:"), "{json}");
        assert_eq!(Secret::from_json(&json["$secret"]).unwrap().digest, secret.digest);
        assert!(secret == of("B", "hunter2") && of("B", "hunter2").has_moved(&secret) && secret != of("A", "hunter3"));
        assert!(secret == Secret::unknown(SecretSource::Env("A".into())) && secret != Secret::unknown(SecretSource::Env("B".into())));
        assert_ne!(secret, Secret::of(SecretSource::Env("A".into()), "hunter2", &SecretKey::new([2; 32])));
        let undeclared = Secret::of(SecretSource::Undeclared, "x", &key);
        assert_eq!(Secret::from_json(&undeclared.to_json()["$secret"]).unwrap().source, SecretSource::Undeclared);
        assert!(SecretSource::from_table(&table(json!({ UNDECLARED: true }))).is_err(), "no spec says so");
        for broken in [json!(null), json!({ "source": {} }), json!({ "source": 1, "digest": "x" }), json!("changed")] {
            assert!(Secret::from_json(&broken).is_none(), "{broken}");
        }
    }
}

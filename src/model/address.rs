//! Names: the address is ours and stable, the physical id is AWS's. They are never the same type.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A stable logical name, `kind.name` or `kind.name.part`, such as `event_rule.log-cleanup.monthly`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    /// The kind's name, such as `function`.
    pub kind: String,
    /// The name in the spec.
    pub name: String,
    /// The trigger's name, for a resource that belongs to a function and is one of several.
    pub part: Option<String>,
}

impl Address {
    /// Makes `kind.name`.
    pub fn new(kind: &str, name: &str) -> Self {
        Self { kind: kind.into(), name: name.into(), part: None }
    }

    /// Makes `kind.name.part`.
    pub fn with_part(kind: &str, name: &str, part: &str) -> Self {
        Self { kind: kind.into(), name: name.into(), part: Some(part.into()) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.kind, self.name)?;
        self.part.as_ref().map_or(Ok(()), |part| write!(formatter, ".{part}"))
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pieces: Vec<&str> = text.split('.').collect();
        if pieces.iter().any(|piece| piece.is_empty()) {
            return Err(format!("`{text}` is not an address; an address is `kind.name` or `kind.name.part`"));
        }
        match pieces[..] {
            [kind, name] => Ok(Self::new(kind, name)),
            [kind, name, part] => Ok(Self::with_part(kind, name, part)),
            _ => Err(format!("`{text}` is not an address; an address is `kind.name` or `kind.name.part`")),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

/// AWS's own name for a resource: a name, an ARN, or for things inside another, `parent/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhysicalId(pub String);

impl PhysicalId {
    /// The text as AWS knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for PhysicalId {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for PhysicalId {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for PhysicalId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_is_written() {
        for text in ["function.hash", "event_rule.log-cleanup.monthly"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        for text in ["", "function", "function.", "a.b.c.d", ".x"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}

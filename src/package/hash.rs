//! What a package's contents are known by.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Read};

/// One file of a package, read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    /// Its name in the package, with `/`.
    pub name: String,
    /// Its normalised mode.
    pub mode: u32,
    /// Its length.
    pub bytes: u64,
    /// Its content's SHA-256.
    pub sha256: [u8; 32],
}

impl Item {
    /// Reads a file to its end, passing what it reads to `copy`.
    pub fn read(name: &str, mode: u32, mut from: impl Read, copy: &mut dyn io::Write) -> io::Result<Self> {
        let mut hasher = Sha256::new();
        let mut bytes = 0;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let length = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            hasher.update(&buffer[..length]);
            copy.write_all(&buffer[..length])?;
            bytes += length as u64;
        }
        Ok(Self { name: name.to_owned(), mode, bytes, sha256: hasher.finalize().into() })
    }
}

/// The content hash: SHA-256 over path, mode, length and content of each file, sorted by path. No
/// times, owners or zip bytes go in.
pub(super) fn content_hash(items: &[Item]) -> String {
    let mut sorted: Vec<&Item> = items.iter().collect();
    sorted.sort();
    let mut hasher = Sha256::new();
    for item in sorted {
        // A NUL cannot stand in a path, and what follows has a fixed form: no two lists look alike.
        hasher.update(item.name.as_bytes());
        hasher.update(format!("\0{:o} {} ", item.mode, item.bytes));
        hasher.update(item.sha256);
    }
    format!("sha256:{}", hex(&hasher.finalize()))
}

/// Two lower-case hex digits per byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(name: &str, mode: u32, content: &[u8]) -> Item {
        Item::read(name, mode, content, &mut io::sink()).unwrap()
    }

    #[test]
    fn the_hash_is_fixed_for_ever() {
        let items = [item("bootstrap", 0o755, b"#!/bin/sh\n"), item("a/b", 0o644, b"")];
        insta::assert_snapshot!(content_hash(&items), @"sha256:d2056471fae945d3c5a7c476fc7279a18da07d184b350a23218d56be7dd40ba3");
    }

    #[test]
    fn each_part_counts() {
        let base = content_hash(&[item("a", 0o644, b"x"), item("b", 0o644, b"")]);
        for other in [
            vec![item("a", 0o755, b"x"), item("b", 0o644, b"")],
            vec![item("c", 0o644, b"x"), item("b", 0o644, b"")],
            vec![item("a", 0o644, b"y"), item("b", 0o644, b"")],
            vec![item("a", 0o644, b""), item("b", 0o644, b"x")],
            vec![item("a", 0o644, b"x")],
        ] {
            assert_ne!(content_hash(&other), base, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn the_order_of_files_does_not_count(names in proptest::collection::btree_set("[a-z/]{1,8}", 1..8), seed in any::<u64>()) {
            let items: Vec<Item> = names.iter().map(|name| item(name, 0o644, name.as_bytes())).collect();
            let mut shuffled = items.clone();
            shuffled.sort_by_key(|item| item.sha256.map(|byte| u64::from(byte).wrapping_mul(seed | 1)));
            prop_assert_eq!(content_hash(&items), content_hash(&shuffled));
        }
    }
}

//! What all services of the cloud share.

use super::clock::Clock;
use super::disk::Disk;
use std::sync::Arc;

/// The account, the time, and the disk.
#[derive(Clone)]
pub struct Common {
    /// The account that everything belongs to, twelve digits.
    pub account: String,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where changes go.
    pub disk: Arc<Disk>,
}

#[cfg(test)]
impl Common {
    /// For tests: a fresh folder, and a clock that stands still until it is told otherwise.
    pub fn for_test() -> (Self, Arc<super::clock::ManualClock>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(super::clock::ManualClock::new(1_790_000_000_000));
        let disk = Arc::new(Disk::open(folder.path()).unwrap());
        let shared: Arc<dyn Clock> = Arc::<super::clock::ManualClock>::clone(&clock);
        (Self { account: "000000000000".into(), clock: shared, disk }, clock, folder)
    }
}

/// One call: who asks for what is known from its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The region that the request was signed for.
    pub region: String,
    /// Random, and told to the caller in a header.
    pub request_id: String,
}

/// A random id in the form of a UUID, version 4.
pub fn random_id() -> String {
    let mut bytes = [0u8; 16];
    // A system without randomness gives ids that are equal, not a cloud that is down.
    let _ = getrandom::fill(&mut bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

//! AWS as lambdo sees it: one session, a [`Reader`] that cannot write, a [`Writer`] that can.

mod error;

pub use error::{AwsError, ErrorClass};

/// Reads AWS and nothing else.
pub struct Reader;
/// Reads and changes AWS.
pub struct Writer;

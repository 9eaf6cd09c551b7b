//! What `drift --accept` has written.

use crate::model::{Address, Change, Path};

/// What was written and what was not.
pub struct AcceptView<'a> {
    /// What stands in the spec now.
    pub accepted: &'a [Accepted],
    /// What could not be written.
    pub refused: &'a [Refused],
    /// The spec, as short as it can be named.
    pub file: &'a str,
}

/// A value that stands in the spec now.
pub struct Accepted {
    /// Of which resource.
    pub address: Address,
    /// From what was applied to what lives.
    pub change: Change,
}

/// A value that could not be written.
pub struct Refused {
    /// Of which resource.
    pub address: Address,
    /// Of which setting; empty for the whole resource.
    pub path: Path,
    /// The end of a sentence without a period.
    pub why: String,
    /// Lines of TOML to write by hand; empty where there are none.
    pub lines: String,
}

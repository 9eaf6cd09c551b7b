//! What the calls of a run cost: how many, how long, and what they waited for.

use serde::Serialize;

/// The account of all calls of a run. Durations are in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CallAccount {
    /// Requests that were sent.
    pub total: u64,
    /// Requests that AWS answered with "too many calls".
    pub throttled: u64,
    /// Requests that came after a failed one.
    pub retried: u64,
    /// Calls that ended with an error; that something does not exist is an answer and no error.
    pub failed: u64,
    /// The size of the packages that were uploaded, in bytes; a package that was sent again counts again.
    pub uploaded_bytes: u64,
    /// By operation, the most frequent first.
    pub operations: Vec<OperationCalls>,
    /// What calls waited for, the longest first.
    pub waits: Vec<CallWait>,
    /// The calls that took longest, from the first attempt to the last answer, without the waits for quotas and pauses.
    pub longest: Vec<LongCall>,
}

/// The calls of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OperationCalls {
    /// Such as `lambda:CreateFunction`.
    pub operation: String,
    /// Requests that were sent.
    pub calls: u64,
    /// Requests that AWS answered with "too many calls".
    pub throttled: u64,
    /// Requests that came after a failed one.
    pub retried: u64,
    /// Calls that ended with an error.
    pub failed: u64,
    /// How long the answers took together.
    pub elapsed_ms: u64,
}

/// Time in which at least one call waited for the same thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallWait {
    /// The sort, such as `quota`.
    pub cause: &'static str,
    /// The same in words, to stand behind "waited for".
    pub text: String,
    /// How often something waited for it.
    pub waits: u64,
    /// How long, by the clock on the wall: ten calls that wait for the same second wait one second.
    pub elapsed_ms: u64,
}

/// A call that took long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LongCall {
    /// Such as `lambda:CreateFunction`.
    pub operation: String,
    /// How long.
    pub elapsed_ms: u64,
}

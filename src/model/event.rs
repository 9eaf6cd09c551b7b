//! What happens during a run, for whoever shows or records it.

use super::{Address, CallAccount};
use serde::Serialize;
use std::sync::Arc;

/// Takes events as they happen.
pub type EventSink = Arc<dyn Fn(Event) + Send + Sync>;

/// One thing that happened. Durations are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// Packages are being made.
    BuildStarted {
        /// How many.
        total: usize,
    },
    /// One package is being made.
    Building {
        /// The function.
        function: String,
        /// Its number, from 1.
        index: usize,
        /// How many.
        total: usize,
    },
    /// One package is ready.
    Built {
        /// The function.
        function: String,
        /// Size of its files in bytes.
        bytes: u64,
        /// Whether nothing had to be built: an earlier build still held, or the files were there.
        cached: bool,
        /// Whether something was built, and the package is one that was made before.
        as_before: bool,
        /// How long it took.
        elapsed_ms: u64,
    },
    /// One package cannot be made.
    BuildFailed {
        /// The function.
        function: String,
        /// How long it took.
        elapsed_ms: u64,
    },
    /// A blob of a base image is being fetched.
    Fetching {
        /// The base image.
        image: String,
        /// The blob.
        digest: String,
        /// How much of it is there.
        bytes_done: u64,
        /// How much it is.
        bytes: u64,
        /// What was there of it before, from where the fetching goes on.
        resumed_at: u64,
    },
    /// Blobs of an image are being sent.
    Sending {
        /// The image.
        address: Address,
        /// Blobs that are there by now.
        blobs_done: usize,
        /// Blobs that the repository lacked.
        blobs: usize,
        /// Bytes that were sent.
        bytes_done: u64,
        /// Bytes that were to be sent.
        bytes: u64,
        /// Bytes that had arrived before the connection broke, and were not sent again.
        resumed_bytes: u64,
    },
    /// AWS is being read.
    ReadStarted {
        /// How many resources.
        total: usize,
    },
    /// Some resources were read.
    Read {
        /// How many so far.
        done: usize,
        /// How many.
        total: usize,
    },
    /// Operations begin.
    ApplyStarted {
        /// How many.
        total: usize,
    },
    /// An operation is being sent.
    OperationStarted {
        /// Which resource.
        address: Address,
        /// The call.
        call: String,
    },
    /// An operation ended.
    OperationEnded {
        /// Which resource.
        address: Address,
        /// The call.
        call: String,
        /// How it ended.
        outcome: Outcome,
        /// How long it took.
        elapsed_ms: u64,
        /// Operations ended so far.
        done: usize,
        /// How many there are.
        total: usize,
    },
    /// A wait that costs time.
    Waiting {
        /// Which resource, where the wait belongs to one.
        address: Option<Address>,
        /// What for, such as `role demo-hash to be assumable`.
        cause: String,
        /// How many calls wait for it.
        calls: usize,
        /// How long so far.
        elapsed_ms: u64,
        /// How long at most, where there is a limit.
        limit_ms: Option<u64>,
    },
    /// A wait that was told is over.
    Waited {
        /// Which resource, where the wait belonged to one.
        address: Option<Address>,
        /// What for, in the same words.
        cause: String,
        /// How long it took.
        elapsed_ms: u64,
    },
    /// A request had its answer, or the news that there will be none. It stands in the record of the run.
    Called {
        /// The call, such as `lambda:CreateFunction`.
        operation: String,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// How long the answer took.
        elapsed_ms: u64,
        /// AWS's request id.
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
        /// The HTTP status of an error.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// AWS's code of an error.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// What went wrong, as AWS said it.
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// A call is sent again.
    Retried {
        /// The call, such as `lambda:CreateFunction`.
        operation: String,
        /// The number of the attempt that failed, from 1.
        attempt: u32,
        /// Why it failed, as AWS said it.
        cause: String,
        /// How long until then.
        pause_ms: u64,
    },
    /// The run is over; what its calls cost.
    Calls {
        /// The account.
        #[serde(flatten)]
        account: CallAccount,
    },
    /// The user asked to stop; running operations are finished.
    Draining,
}

/// How an operation or a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It went through.
    Done,
    /// It did not.
    Failed,
    /// It was not tried.
    Skipped,
}

//! What goes into the runner and what comes out of it.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What runs: one published state of a function's code and configuration.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The function's ARN without a qualifier.
    pub arn: String,
    /// The function's name.
    pub name: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// Differs after every update of code or configuration. Environments of another generation get no
    /// more work and end when they are idle.
    pub generation: String,
    /// The deployment package, a zip.
    pub code: PathBuf,
    /// The SHA-256 of the package; packages with the same one are unpacked once.
    pub code_sha256: String,
    /// The handler, as the function's configuration has it.
    pub handler: String,
    /// The runtime's identifier, `provided.al2023` for example.
    pub runtime: String,
    /// The most memory that the processes of an environment may hold, in MB.
    pub memory_mb: u32,
    /// The most time that an invocation may take, in ms.
    pub timeout_ms: u64,
    /// The size of `/tmp`, in MB.
    pub ephemeral_storage_mb: u32,
    /// The function's own environment variables.
    pub environment: BTreeMap<String, String>,
    /// How many invocations may run at once; nothing runs with 0.
    pub reserved_concurrency: Option<u32>,
    /// The log group that the function writes to.
    pub log_group: String,
    /// The region that the function believes to be in.
    pub region: String,
    /// Where AWS is, for the function's SDK: the local cloud itself.
    pub endpoint_url: String,
    /// Set if the code is an image; its layers stand for the package then.
    pub image: Option<ImageCode>,
    /// What lies over each other below `/opt`, the last one on top.
    pub layers: Vec<Layer>,
}

/// A version of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its ARN.
    pub arn: String,
    /// Its zip, and the SHA-256 of that. Without it the function runs without the layer, and its log says so.
    pub package: Option<(PathBuf, String)>,
}

/// An image, and how it is started.
#[derive(Debug, Clone)]
pub struct ImageCode {
    /// The files of its layers, the lowest first; uncompressed, or gzip.
    pub layers: Vec<PathBuf>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Where it is started, as it sees it.
    pub working_folder: String,
    /// The image's own environment variables; the function's win.
    pub environment: BTreeMap<String, String>,
    /// Whether it is for another architecture than the function's.
    pub is_foreign: bool,
}

/// One event for a function.
#[derive(Debug, Clone, Default)]
pub struct Invocation {
    /// The event, as the caller sent it.
    pub payload: Bytes,
    /// The request id, a UUID.
    pub request_id: String,
    /// An X-Ray trace header; one that is not sampled is made if there is none.
    pub trace_id: Option<String>,
    /// The client context, JSON in plain text.
    pub client_context: Option<String>,
    /// The version or alias that was asked for, as it stands in the invoked ARN.
    pub qualifier: Option<String>,
    /// Whether the outcome shall have the log's tail. The answer then waits until the log is complete.
    pub wants_tail: bool,
}

/// How an invocation ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The function's answer, or an error as a JSON document.
    pub payload: Bytes,
    /// Set if the function failed.
    pub function_error: Option<FunctionError>,
    /// The last 4 KB of the invocation's log if it was asked for, else empty.
    pub log_tail: Vec<u8>,
}

/// What AWS writes into `X-Amz-Function-Error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionError {
    /// All that runtimes report today is called so.
    Unhandled,
}

impl FunctionError {
    /// The header's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unhandled => "Unhandled",
        }
    }
}

/// Why nothing ran.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `TooManyRequestsException`, HTTP 429.
    #[error("Rate Exceeded.")]
    TooManyRequests(ThrottleReason),
    /// The function cannot run here; `code` is one of the errors that Invoke documents, HTTP 502 or 500
    /// (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors>).
    #[error("{message}")]
    CannotRun { code: &'static str, message: String },
    /// The cloud ends.
    #[error("the local cloud is shutting down")]
    ShuttingDown,
}

/// The `Reason` of a `TooManyRequestsException`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThrottleReason {
    /// As many invocations run as are reserved for the function.
    ReservedFunctionConcurrentInvocationLimitExceeded,
    /// As many environments exist as the cloud allows.
    ConcurrentInvocationLimitExceeded,
}

impl ThrottleReason {
    /// The name that AWS gives it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReservedFunctionConcurrentInvocationLimitExceeded => "ReservedFunctionConcurrentInvocationLimitExceeded",
            Self::ConcurrentInvocationLimitExceeded => "ConcurrentInvocationLimitExceeded",
        }
    }
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// Milliseconds since 1970, UTC.
    pub timestamp_ms: i64,
    /// The line with its line break.
    pub message: String,
}

/// Where logs go.
pub trait LogSink: Send + Sync {
    /// Takes events in their order; may block, and what it blocks is the function's log, not the cloud.
    fn append(&self, region: &str, group: &str, stream: &str, events: Vec<LogEvent>);
}

/// What functions present as their credentials. Never real ones.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
}

impl Default for Credentials {
    fn default() -> Self {
        Self { access_key_id: "ASIALOCALCLOUD000000".into(), secret_access_key: "local".into(), session_token: "local".into() }
    }
}

/// How functions are kept away from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// In namespaces where the machine allows it.
    #[default]
    WherePossible,
    /// Only by process groups and folders.
    #[cfg_attr(not(test), expect(dead_code, reason = "the cloud always takes the best that there is; tests try the other too"))]
    Plain,
}

/// How the runner behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder below which the runner makes its own; the system's temporary folder if none.
    pub folder: Option<PathBuf>,
    /// Another one, for where no program can be started in the first.
    pub spare_folder: Option<PathBuf>,
    /// Where the cloud keeps everything that it is told; functions do not see it.
    pub cloud_folder: Option<PathBuf>,
    /// How many environments may exist at once.
    pub most_environments: usize,
    /// How long an environment without work is kept.
    pub idle: Duration,
    /// How long the init phase may take before it is tried again within the invocation; 10 s on Lambda.
    pub init_limit: Duration,
    /// What functions present as their credentials.
    pub credentials: Credentials,
    /// How functions are kept away from the machine.
    pub isolation: Isolation,
    /// Where interpreters and container engines are sought; the cloud's own `PATH` if none.
    pub search_path: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            folder: None,
            spare_folder: None,
            cloud_folder: None,
            most_environments: 1000,
            idle: Duration::from_secs(5 * 60),
            init_limit: Duration::from_secs(10),
            credentials: Credentials::default(),
            isolation: Isolation::default(),
            search_path: None,
        }
    }
}

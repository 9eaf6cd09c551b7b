//! How invocations fail, in Lambda's words.

use super::process::Exit;
use bytes::Bytes;
use serde_json::json;

/// The largest answer of a function, in bytes
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
pub const LARGEST_RESPONSE_BYTES: usize = 6_291_556;

/// An end that the function did not choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The function's timeout is over.
    TimedOut { timeout_ms: u64 },
    /// The runtime's process ended without an answer.
    Exited(Exit),
    /// The processes held more memory than the function has, and were killed.
    OutOfMemory,
    /// The folder that stands for `/tmp` outgrew its limit, and the processes were killed.
    DiskFull { limit_mb: u32 },
    /// The bootstrap cannot be started; why, as the kernel would say it.
    InvalidEntrypoint(String),
    /// The runtime reported that it cannot initialise.
    Reported { error_type: String, body: Bytes },
    /// The answer is larger than Lambda takes.
    ResponseTooLarge,
}

impl Failure {
    /// Lambda's name for it.
    pub fn error_type(&self) -> &str {
        match self {
            Self::TimedOut { .. } => "Sandbox.Timedout",
            Self::Exited(_) | Self::DiskFull { .. } => "Runtime.ExitError",
            Self::OutOfMemory => "Runtime.OutOfMemory",
            Self::InvalidEntrypoint(_) => "Runtime.InvalidEntrypoint",
            Self::Reported { error_type, .. } => error_type,
            Self::ResponseTooLarge => "Function.ResponseSizeTooLarge",
        }
    }

    /// What the caller gets as the payload.
    pub fn payload(&self, request_id: &str) -> Bytes {
        let message = match self {
            Self::Reported { body, .. } => return body.clone(),
            Self::ResponseTooLarge => self.reason(),
            _ => format!("RequestId: {request_id} Error: {}", self.reason()),
        };
        json!({ "errorType": self.error_type(), "errorMessage": message }).to_string().into()
    }

    fn reason(&self) -> String {
        match self {
            Self::TimedOut { timeout_ms } => format!("Task timed out after {:.2} seconds", seconds(*timeout_ms)),
            Self::Exited(exit) => exit.reason(),
            Self::OutOfMemory | Self::DiskFull { .. } => Exit::KILLED.reason(),
            Self::InvalidEntrypoint(reason) => reason.clone(),
            Self::Reported { error_type, .. } => error_type.clone(),
            Self::ResponseTooLarge => {
                format!("Response payload size exceeded maximum allowed payload size ({LARGEST_RESPONSE_BYTES} bytes).")
            }
        }
    }

    /// The lines that the platform writes about it, before END.
    pub fn lines(&self, request_id: &str) -> Vec<String> {
        match self {
            Self::TimedOut { .. } => vec![format!("{:.3} {request_id} {}\n\n", jiff::Timestamp::now(), self.reason())],
            Self::Reported { .. } | Self::ResponseTooLarge => Vec::new(),
            Self::DiskFull { limit_mb } => {
                let full = format!("The function's temporary folder grew beyond {limit_mb} MB\n");
                vec![full, self.exit_lines(request_id)]
            }
            Self::Exited(_) | Self::OutOfMemory | Self::InvalidEntrypoint(_) => vec![self.exit_lines(request_id)],
        }
    }

    fn exit_lines(&self, request_id: &str) -> String {
        format!("RequestId: {request_id} Error: {}\n{}\n", self.reason(), self.error_type())
    }

    /// The status that REPORT and INIT_REPORT end with.
    pub fn status(&self) -> String {
        match self {
            Self::TimedOut { .. } => "Status: timeout".into(),
            _ => format!("Status: error\tError Type: {}", self.error_type()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a timeout is at most 900,000 ms")]
fn seconds(timeout_ms: u64) -> f64 {
    timeout_ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_read_as_on_lambda() {
        let table = [
            (
                Failure::TimedOut { timeout_ms: 3000 },
                r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r Error: Task timed out after 3.00 seconds"}"#,
            ),
            (
                Failure::Exited(Exit::Code(1)),
                r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r Error: Runtime exited with error: exit status 1"}"#,
            ),
            (
                Failure::Exited(Exit::Code(0)),
                r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r Error: Runtime exited without providing a reason"}"#,
            ),
            (
                Failure::OutOfMemory,
                r#"{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: r Error: Runtime exited with error: signal: killed"}"#,
            ),
            (
                Failure::ResponseTooLarge,
                r#"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}"#,
            ),
        ];
        for (failure, payload) in table {
            assert_eq!(String::from_utf8_lossy(&failure.payload("r")), payload);
        }
    }

    #[test]
    fn a_timeout_is_told_with_its_moment() {
        let lines = Failure::TimedOut { timeout_ms: 1500 }.lines("r");
        assert!(lines[0].ends_with("Z r Task timed out after 1.50 seconds\n\n"), "{lines:?}");
    }
}

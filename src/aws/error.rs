//! What AWS refused, and what that means.

use std::fmt;

/// What an error means for whoever made the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorClass {
    /// Too many calls: wait and try again.
    Throttled,
    /// The answer was lost or AWS had a fault: try again.
    Transient,
    /// Something just made is not seen everywhere yet: try again.
    NotYetConsistent,
    /// Something else is going on with the resource: try again when it has ended.
    InProgress,
    /// The name is taken.
    AlreadyExists,
    /// It is not there.
    NotFound,
    /// The credentials may not do this.
    Denied,
    /// The credentials are missing, wrong or expired.
    Credentials,
    /// A quota of the account is full.
    Quota,
    /// The request is wrong and stays wrong.
    Invalid,
    /// The run was interrupted while it waited.
    Interrupted,
    /// Anything else.
    Other,
}

/// An AWS call that failed, with everything a person needs to ask AWS about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    /// The call, such as `lambda:CreateFunction`.
    pub operation: String,
    /// What it means.
    pub class: ErrorClass,
    /// AWS's error code.
    pub code: Option<String>,
    /// AWS's message, or what went wrong before AWS answered.
    pub message: String,
    /// AWS's request id.
    pub request_id: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
}

impl fmt::Display for AwsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.operation)?;
        if let Some(code) = &self.code {
            write!(formatter, "{code}: ")?;
        }
        formatter.write_str(&self.message)?;
        self.request_id.as_ref().map_or(Ok(()), |id| write!(formatter, " (request id {id})"))
    }
}

impl std::error::Error for AwsError {}

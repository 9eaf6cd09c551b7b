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

impl CallAccount {
    /// What came since an earlier account of the same counter. Waits and the longest calls are left out: they are told for
    /// all of a run only.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let of_operation = |calls: &OperationCalls| {
            let none = OperationCalls::default();
            let earlier = before.operations.iter().find(|earlier| earlier.operation == calls.operation).unwrap_or(&none);
            OperationCalls {
                operation: calls.operation.clone(),
                calls: calls.calls - earlier.calls.min(calls.calls),
                throttled: calls.throttled - earlier.throttled.min(calls.throttled),
                retried: calls.retried - earlier.retried.min(calls.retried),
                failed: calls.failed - earlier.failed.min(calls.failed),
                elapsed_ms: calls.elapsed_ms - earlier.elapsed_ms.min(calls.elapsed_ms),
            }
        };
        let operations = self.operations.iter().map(of_operation).filter(|calls| calls.calls > 0).collect();
        Self {
            total: self.total - before.total.min(self.total),
            throttled: self.throttled - before.throttled.min(self.throttled),
            retried: self.retried - before.retried.min(self.retried),
            failed: self.failed - before.failed.min(self.failed),
            uploaded_bytes: self.uploaded_bytes - before.uploaded_bytes.min(self.uploaded_bytes),
            operations,
            waits: Vec::new(),
            longest: Vec::new(),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_since_is_the_difference() {
        let calls = |operation: &str, calls| OperationCalls { operation: operation.into(), calls, ..OperationCalls::default() };
        let account = |total, operations| CallAccount { total, operations, ..CallAccount::default() };
        let before = account(3, vec![calls("iam:GetRole", 3)]);
        let after = account(8, vec![calls("lambda:GetFunction", 4), calls("iam:GetRole", 4)]);
        assert_eq!(after.since(&before), account(5, vec![calls("lambda:GetFunction", 4), calls("iam:GetRole", 1)]));
        assert_eq!(after.since(&after), CallAccount::default());
    }
}

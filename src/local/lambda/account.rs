//! What Lambda says of the account as a whole.

use super::Lambda;
use serde_json::{Value, json};

/// How many invocations run at once in an account.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(super) const CONCURRENT_EXECUTIONS: u32 = 1000;
/// How many of them cannot be reserved. (same page)
pub(super) const UNRESERVED_AT_LEAST: u32 = 100;

impl Lambda {
    pub(super) fn account_settings(&self, region: &str) -> Value {
        let functions = self.locked();
        let ours = || functions.values().filter(|function| function.region == region);
        let reserved: u32 = ours().filter_map(|function| function.reserved_concurrency).sum();
        let code_bytes: u64 = ours().map(|function| function.code_size_bytes).sum();
        json!({
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800_u64, "CodeSizeUnzipped": 262_144_000, "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": CONCURRENT_EXECUTIONS,
                "UnreservedConcurrentExecutions": CONCURRENT_EXECUTIONS.saturating_sub(reserved),
            },
            "AccountUsage": { "TotalCodeSize": code_bytes, "FunctionCount": ours().count() },
        })
    }
}

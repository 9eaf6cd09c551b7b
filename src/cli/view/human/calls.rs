//! What the calls of a run cost.

use super::text::{BOLD, YELLOW, bytes, duration, fitted, hanging, styled};
use crate::model::CallAccount;
use crate::model::calls::{CallWait, OperationCalls};

/// A wait that is shorter is not worth a line to who did not ask, in milliseconds.
const SLOW_MS: u64 = 3_000;
const SLOWED: &str = "AWS slowed this run down";
/// How many waits are named to who did not ask.
const NAMED_WAITS: usize = 2;

/// All of it, in lines of at most `columns`.
pub fn calls(account: &CallAccount, columns: usize) -> String {
    let uploaded = (account.uploaded_bytes > 0).then(|| format!("{} uploaded", bytes(account.uploaded_bytes)));
    let total = troubles(account.throttled, account.retried, account.failed).into_iter().chain(uploaded);
    let head = [times(account.total)].into_iter().chain(total).collect::<Vec<_>>().join(", ");
    let mut lines = vec![styled(BOLD, &fitted(&format!("AWS was called {head}"), columns))];
    let widest = account.operations.iter().map(|calls| calls.operation.len()).max().unwrap_or_default();
    lines.extend(account.operations.iter().map(|calls| fitted(&operation(calls, widest), columns)));
    if !account.waits.is_empty() {
        lines.push(styled(BOLD, "Waited, by the clock"));
        lines.extend(account.waits.iter().map(|wait| fitted(&waited(wait), columns)));
    }
    let longest: Vec<String> = account.longest.iter().map(|long| format!("{} {}", long.operation, duration(long.elapsed_ms))).collect();
    lines.extend(hanging(&format!("Longest: {}", longest.join(", ")), 0, columns));
    lines.join("\n")
}

/// A sentence where AWS held the run up for seconds, in lines of at most `columns`.
pub fn slowed(account: &CallAccount, columns: usize) -> Option<String> {
    let waits: Vec<&CallWait> = account.waits.iter().filter(|wait| wait.elapsed_ms >= SLOW_MS).take(NAMED_WAITS).collect();
    if waits.is_empty() {
        return None;
    }
    let throttled = (account.throttled > 0).then(|| format!("{} of {} calls throttled", account.throttled, account.total));
    let waits = waits.iter().map(|wait| format!("{} waited for {}", duration(wait.elapsed_ms), wait.text));
    let parts: Vec<String> = throttled.into_iter().chain(waits).collect();
    let text = hanging(&format!("{SLOWED}: {}", parts.join(", ")), 0, columns).join("\n");
    Some(text.replacen(SLOWED, &styled(YELLOW, SLOWED), 1))
}

fn times(number: u64) -> String {
    if number == 1 { "once".to_owned() } else { format!("{number} times") }
}

fn troubles(throttled: u64, retried: u64, failed: u64) -> Vec<String> {
    let parts = [(throttled, "throttled"), (retried, "sent again"), (failed, "failed")];
    parts.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")).collect()
}

fn operation(calls: &OperationCalls, widest: usize) -> String {
    let mean = duration(calls.elapsed_ms / calls.calls.max(1));
    let troubles: String = troubles(calls.throttled, calls.retried, calls.failed).iter().map(|trouble| format!(", {trouble}")).collect();
    format!("{:>6}  {:<widest$}  {mean} each{troubles}", calls.calls, calls.operation)
}

fn waited(wait: &CallWait) -> String {
    format!("{:>10}  {} ({})", duration(wait.elapsed_ms), wait.text, times(wait.waits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::calls as account;

    #[test]
    fn the_account_is_aligned_and_fits_the_terminal() {
        let text = anstream::adapter::strip_str(&calls(&account(), 72)).to_string();
        insta::assert_snapshot!(text, @r"
        AWS was called 342 times, 41 throttled, 41 sent again, 11.7 MiB uploaded
           341  lambda:CreateFunction  85 ms each, 41 throttled, 41 sent again
             1  sts:GetCallerIdentity  85 ms each
        Waited, by the clock
            12.3 s  AWS's quota of 15 Lambda calls a second (288 times)
             1.1 s  AWS to accept what it throttled or lost (41 times)
        Longest: lambda:CreateFunction 1.8 s
        ");
        assert!(anstream::adapter::strip_str(&calls(&account(), 40)).to_string().lines().all(|line| line.chars().count() <= 40));
    }

    #[test]
    fn a_run_that_was_held_up_says_so_unasked() {
        let slow = slowed(&account(), 140).map(|text| anstream::adapter::strip_str(&text).to_string());
        insta::assert_snapshot!(slow.unwrap(), @"AWS slowed this run down: 41 of 342 calls throttled, 12.3 s waited for AWS's quota of 15 Lambda calls a second");
        let quick = CallAccount { waits: vec![], ..account() };
        assert_eq!(slowed(&quick, 72), None);
    }
}

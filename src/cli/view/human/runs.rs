//! What earlier runs did.

use super::text::{BOLD, GREEN, RED, YELLOW, counted, duration, fitted, hanging, styled};
use crate::cli::record::STATE_CHANGED;
use crate::cli::runs::{RunSummary, summary};
use crate::store::RunRecord;
use serde_json::Value as Json;

/// The runs as a table.
pub fn runs(runs: &[RunSummary]) -> Vec<String> {
    let head = ["WHEN (UTC)", "VERB", "RESULT", "CHANGES", "ELAPSED", "ID"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(runs.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..5).map(width).collect();
    let line = |(number, row): (usize, &[String; 6])| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            let padded = format!("{cell:<width$}");
            if number > 0 && column == 2 { styled(color(cell), &padded) } else { padded }
        });
        let text = cells.chain([row[5].clone()]).collect::<Vec<_>>().join("  ");
        if number == 0 { styled(BOLD, &text) } else { text }
    };
    rows.iter().enumerate().map(line).collect()
}

fn row(run: &RunSummary) -> [String; 6] {
    let elapsed = run.elapsed_ms.map_or_else(|| "-".to_owned(), duration);
    [when(&run.started_at), run.command.clone(), run.result.to_owned(), changes(run), elapsed, run.id.clone()]
}

/// Seconds are enough for people.
fn when(started_at: &str) -> String {
    started_at.split('.').next().unwrap_or_default().trim_end_matches('Z').replace('T', " ")
}

fn changes(run: &RunSummary) -> String {
    let done = match (run.done, run.planned) {
        (Some(done), _) => format!("{done} done"),
        (None, Some(planned)) => format!("{planned} planned"),
        (None, None) => return "-".to_owned(),
    };
    if run.failed > 0 { format!("{done}, {} failed", run.failed) } else { done }
}

fn color(result: &str) -> anstyle::Style {
    match result {
        "done" => GREEN,
        "failed" | "partly applied" | "killed" => RED,
        _ => YELLOW,
    }
}

/// One run: its head, steps, errors and calls; `is_full` shows each call.
pub fn run(record: &RunRecord, columns: usize, is_full: bool) -> String {
    let run = summary(record);
    let elapsed = run.elapsed_ms.map_or_else(String::new, |elapsed| format!(", {}", duration(elapsed)));
    let mut lines =
        vec![format!("{} {} at {} UTC{elapsed}", styled(BOLD, &run.command), styled(color(run.result), run.result), when(&run.started_at))];
    lines.extend(
        of(record, "connected")
            .map(|line| format!("account {} in {}, serial {}", text(line, "account"), text(line, "region"), line["serial"])),
    );
    section(&mut lines, "Steps", steps(record, columns));
    section(&mut lines, "In the state", state_changes(record, columns));
    section(&mut lines, "Errors", errors(record, columns));
    let calls: Vec<&Json> = of(record, "called").collect();
    let told = |call: &&&Json| is_full || went_wrong(call);
    let head = match (calls.len(), is_full) {
        (number, true) => counted(number, "call"),
        (number, false) => format!("{}, of which these went wrong (-v shows all)", counted(number, "call")),
    };
    let shown: Vec<String> = calls.iter().filter(told).map(|line| call(line, columns)).collect();
    match shown.is_empty() {
        true => lines.extend((!calls.is_empty()).then(|| format!("\n{}, none went wrong (-v shows all)", counted(calls.len(), "call")))),
        false => section(&mut lines, &head, shown),
    }
    if record.unreadable > 0 {
        lines.push(format!("\n{} of the record cannot be read", counted(record.unreadable, "line")));
    }
    lines.join("\n")
}

/// That something is not there is what a read is for.
fn went_wrong(call: &Json) -> bool {
    let verb = text(call, "operation").rsplit(':').next().unwrap_or_default();
    let is_read = ["Get", "List", "Describe", "Head", "Lookup"].iter().any(|read| verb.starts_with(read));
    let is_absent = ["NoSuch", "NotFound"].iter().any(|code| text(call, "code").contains(code));
    call.get("message").is_some() && !(is_read && is_absent)
}

fn section(lines: &mut Vec<String>, head: &str, body: Vec<String>) {
    if !body.is_empty() {
        lines.push(format!("\n{}", styled(BOLD, head)));
        lines.extend(body);
    }
}

fn of<'a>(record: &'a RunRecord, event: &'static str) -> impl Iterator<Item = &'a Json> {
    record.lines.iter().filter(move |line| line["event"] == event)
}

fn text<'a>(line: &'a Json, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_default()
}

fn steps(record: &RunRecord, columns: usize) -> Vec<String> {
    let step = |line: &Json| {
        let ended = of(record, "step_ended").find(|ended| ended["address"] == line["address"]);
        let result = ended.map_or("planned", |ended| text(ended, "result"));
        let paths: Vec<&str> = line["paths"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let paths = if text(line, "action") == "update" { format!(": {}", paths.join(", ")) } else { String::new() };
        let told = fitted(&format!("  {result:<7}  {:<7}  {}{paths}", text(line, "action"), text(line, "address")), columns);
        if result == "failed" { styled(RED, &told) } else { told }
    };
    of(record, "step_planned").map(step).collect()
}

fn state_changes(record: &RunRecord, columns: usize) -> Vec<String> {
    let change = |line: &Json| fitted(&format!("  {:<10}  {}", text(line, "change").replace('_', " "), text(line, "address")), columns);
    of(record, STATE_CHANGED).map(change).collect()
}

fn errors(record: &RunRecord, columns: usize) -> Vec<String> {
    let of_steps = of(record, "step_ended").filter_map(|line| Some((text(line, "address"), line.get("error")?)));
    let last = record.lines.last().and_then(|line| line["errors"].as_array()).into_iter().flatten();
    let all = of_steps.chain(last.map(|error| (error["address"].as_str().unwrap_or_default(), error)));
    let told = |(address, error): (&str, &Json)| {
        let address = if address.is_empty() { String::new() } else { format!("{address}: ") };
        hanging(&format!("{address}{}: {}", text(error, "summary"), text(error, "detail")), 2, columns)
    };
    all.filter(|(_, error)| text(error, "code") != "skipped").flat_map(told).collect()
}

fn call(line: &Json, columns: usize) -> String {
    let time = text(line, "timestamp").split('T').next_back().unwrap_or_default().get(..12).unwrap_or_default();
    let attempt =
        line["attempt"].as_u64().filter(|attempt| *attempt > 1).map_or_else(String::new, |attempt| format!(", attempt {attempt}"));
    let elapsed = duration(line["elapsed_ms"].as_u64().unwrap_or_default());
    let id = line["request_id"].as_str().map_or_else(String::new, |id| format!("  {id}"));
    let head = format!("  {time}  {}  {elapsed}{attempt}{id}", text(line, "operation"));
    let Some(message) = line["message"].as_str() else { return fitted(&head, columns) };
    let code = line["code"].as_str().map_or_else(String::new, |code| format!("{code}: "));
    let told = hanging(&format!("{code}{message}"), 6, columns).join("\n");
    format!("{}\n{}", fitted(&head, columns), styled(RED, &told))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn summary_of(result: &'static str, done: Option<u64>, failed: u64) -> RunSummary {
        RunSummary {
            id: format!("20261122-100000-{result}"),
            command: "up".into(),
            started_at: "2026-11-22T10:00:00.123Z".into(),
            result,
            exit: Some(0),
            planned: Some(4),
            done,
            failed,
            elapsed_ms: Some(1_250),
        }
    }

    #[test]
    fn runs_are_a_table() {
        let all = [
            summary_of("done", Some(4), 0),
            summary_of("partly applied", Some(3), 1),
            RunSummary { elapsed_ms: None, ..summary_of("running", None, 0) },
        ];
        let table = anstream::adapter::strip_str(&runs(&all).join("\n")).to_string();
        insta::assert_snapshot!(table, @r"
        WHEN (UTC)           VERB  RESULT          CHANGES           ELAPSED  ID
        2026-11-22 10:00:00  up    done            4 done            1.2 s    20261122-100000-done
        2026-11-22 10:00:00  up    partly applied  3 done, 1 failed  1.2 s    20261122-100000-partly applied
        2026-11-22 10:00:00  up    running         4 planned         -        20261122-100000-running
        ");
    }

    #[test]
    fn one_run_tells_steps_errors_and_the_calls_that_went_wrong() {
        let error =
            json!({ "code": "aws-invalid", "summary": "AWS refused the request", "detail": "lambda:CreateFunction: no (request id r-2)" });
        let lines = [
            json!({ "event": "run_started", "command": "up", "timestamp": "2026-11-22T10:00:00Z" }),
            json!({ "event": "connected", "account": "123456789012", "region": "eu-central-1", "serial": 3 }),
            json!({ "event": "step_planned", "address": "function.a", "action": "update", "paths": ["memory_size"] }),
            json!({ "event": "step_planned", "address": "function.b", "action": "create", "paths": [] }),
            json!({ "event": "called", "operation": "lambda:GetFunction", "attempt": 1, "elapsed_ms": 5, "request_id": "r-1", "timestamp": "2026-11-22T10:00:01.5Z" }),
            json!({ "event": "called", "operation": "iam:GetRole", "attempt": 1, "elapsed_ms": 5, "request_id": "r-3", "code": "NoSuchEntity", "message": "none", "timestamp": "2026-11-22T10:00:01.5Z" }),
            json!({ "event": "called", "operation": "lambda:CreateFunction", "attempt": 2, "elapsed_ms": 5, "request_id": "r-2", "timestamp": "2026-11-22T10:00:01.500123Z", "code": "Invalid", "message": "no" }),
            json!({ "event": "step_ended", "address": "function.b", "action": "create", "result": "failed", "error": error }),
            json!({ "event": "step_ended", "address": "function.a", "action": "update", "result": "done" }),
            json!({ "event": "run_ended", "exit": 9, "elapsed_ms": 4000, "changes": { "planned": 2, "done": 1, "failed": 1, "skipped": 0 }, "errors": [] }),
        ];
        let record = RunRecord { id: "x".into(), lines: lines.to_vec(), unreadable: 1, is_running: false };
        let shown = |is_full| anstream::adapter::strip_str(&run(&record, 90, is_full)).to_string();
        insta::assert_snapshot!(shown(false), @r"
        up partly applied at 2026-11-22 10:00:00 UTC, 4.0 s
        account 123456789012 in eu-central-1, serial 3

        Steps
          done     update   function.a: memory_size
          failed   create   function.b

        Errors
          function.b: AWS refused the request: lambda:CreateFunction: no (request id r-2)

        3 calls, of which these went wrong (-v shows all)
          10:00:01.500  lambda:CreateFunction  5 ms, attempt 2  r-2
              Invalid: no

        1 line of the record cannot be read
        ");
        assert!(shown(true).contains("lambda:GetFunction"));
    }
}

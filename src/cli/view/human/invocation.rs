//! How an invocation went.

use super::log::{log_line, printable};
use super::text::{DIM, GREEN, RED, YELLOW, duration, styled};
use crate::aws::Answer;
use crate::cli::invocation::Report;
use crate::model::Address;
use serde::de::IgnoredAny;

/// The length of the tail that Lambda hands out, in bytes.
const TAIL_BYTES: usize = 4_096;

/// Everything that is said about an invocation.
pub struct InvocationView<'a> {
    /// The function.
    pub address: &'a Address,
    /// Its name in AWS.
    pub function_name: &'a str,
    /// The command that shows its log.
    pub logs: &'a str,
    /// What Lambda answered.
    pub answer: &'a Answer,
    /// What it took, where Lambda said so.
    pub report: Option<Report>,
    /// How long it took as seen from here, in milliseconds.
    pub elapsed_ms: u64,
}

/// The end of the log, a line each; nothing when there is none.
pub fn log_tail(view: &InvocationView<'_>) -> Option<String> {
    let tail = view.answer.log_tail.as_deref().map(str::trim_end).filter(|tail| !tail.is_empty())?;
    let mut lines: Vec<String> = tail.lines().map(log_line).collect();
    if view.answer.log_tail.as_ref().is_some_and(|tail| tail.len() >= TAIL_BYTES) {
        let note = format!("… the last 4 KB; `{}` shows all", view.logs);
        lines.insert(0, styled(YELLOW, &note));
    }
    Some(lines.join("\n"))
}

/// One line: how long it ran, what is billed, its memory, whether it was cold.
pub fn invocation(view: &InvocationView<'_>) -> String {
    let (style, word) = if view.answer.function_error.is_some() { (RED, "failed") } else { (GREEN, "answered") };
    let mut parts = match &view.report {
        Some(report) => costs(report),
        None => vec![format!("in {} as seen from here", duration(view.elapsed_ms))],
    };
    if view.answer.attempts > 1 {
        parts.push(format!("{} attempts, since Lambda was not ready for more", view.answer.attempts));
    }
    parts.extend(view.answer.request_id.as_ref().map(|id| styled(DIM, &format!("request {id}"))));
    format!("{} {word} {}", styled(style.bold(), &view.address.name), parts.join(" · "))
}

fn costs(report: &Report) -> Vec<String> {
    let billed = report.billed_duration_ms.map(|billed| format!(", billed {billed} ms")).unwrap_or_default();
    let mut parts = vec![format!("in {} ms{billed}", report.duration_ms)];
    parts.extend(match (report.max_memory_used_mb, report.memory_size_mb) {
        (Some(used), Some(size)) => Some(format!("{used} of {size} MB")),
        (used, size) => used.or(size).map(|memory| format!("{memory} MB")),
    });
    parts.push(match report.init_duration_ms {
        _ if report.is_init_timeout => "init timed out".to_owned(),
        _ if report.is_init_error => "init failed".to_owned(),
        Some(init) => format!("cold start {init} ms"),
        None => "warm".to_owned(),
    });
    parts
}

/// The answer for a person: JSON indented, with its texts and numbers as they came.
pub fn answer(payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload);
    let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
    printable(&if is_json { indented(&text) } else { text.trim_end().to_owned() })
}

/// Breaks and indents JSON, token by token: reading it into values would round its numbers.
fn indented(json: &str) -> String {
    let (mut output, mut depth, mut characters) = (String::new(), 0_usize, json.chars().peekable());
    let line = |output: &mut String, depth: usize| output.push_str(&format!("\n{:1$}", "", 2 * depth));
    while let Some(character) = characters.next() {
        match character {
            '"' => take_text(&mut output, &mut characters),
            '{' | '[' => {
                output.push(character);
                while characters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    output.push(end);
                } else {
                    depth += 1;
                    line(&mut output, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut output, depth);
                output.push(character);
            }
            ',' => {
                output.push(',');
                line(&mut output, depth);
            }
            ':' => output.push_str(": "),
            character if character.is_ascii_whitespace() => {}
            character => output.push(character),
        }
    }
    output
}

/// Copies a text behind its first quote.
fn take_text(output: &mut String, characters: &mut impl Iterator<Item = char>) {
    output.push('"');
    while let Some(character) = characters.next() {
        output.push(character);
        match character {
            '"' => return,
            '\\' => output.extend(characters.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn said(answer: &Answer) -> (Option<String>, String) {
        let address = Address::new("function", "hash");
        let report = answer.log_tail.as_deref().and_then(Report::find);
        let view =
            InvocationView { address: &address, function_name: "demo-hash", logs: "lambdo logs hash", answer, report, elapsed_ms: 42 };
        (log_tail(&view).as_deref().map(plain), plain(&invocation(&view)))
    }

    #[test]
    fn one_line_tells_what_it_took() {
        let log = "hello\nREPORT RequestId: 8f5\tDuration: 3.25 ms\tBilled Duration: 153 ms\tMemory Size: 128 MB\tMax Memory Used: 34 MB\tInit Duration: 149.1 ms\t\n";
        let mut answer = Answer { log_tail: Some(log.into()), request_id: Some("8f5".into()), attempts: 1, ..Answer::default() };
        let (tail, line) = said(&answer);
        assert_eq!(line, "hash answered in 3.25 ms, billed 153 ms · 34 of 128 MB · cold start 149.1 ms · request 8f5");
        assert_eq!(tail.unwrap().lines().count(), 2);
        answer = Answer { log_tail: None, function_error: Some("Unhandled".into()), attempts: 3, ..answer };
        assert_eq!(
            said(&answer).1,
            "hash failed in 42 ms as seen from here · 3 attempts, since Lambda was not ready for more · request 8f5"
        );
    }

    #[test]
    fn a_tail_that_was_cut_says_so() {
        let cut = Answer { log_tail: Some("x\n".repeat(2_048)), ..Answer::default() };
        assert!(said(&cut).0.unwrap().starts_with("… the last 4 KB; `lambdo logs hash` shows all\nx\n"));
    }

    #[test]
    fn json_is_indented_and_keeps_its_numbers_and_texts() {
        insta::assert_snapshot!(answer(br#"{"a":[1.10,12345678901234567890123,{}],"b":"x\"{y}, z" , "c":[ ],"d":{"e":null}}"#), @r#"
        {
          "a": [
            1.10,
            12345678901234567890123,
            {}
          ],
          "b": "x\"{y}, z",
          "c": [],
          "d": {
            "e": null
          }
        }
        "#);
        assert_eq!((answer(b"{broken\n"), answer(b"\"hi\"")), ("{broken".into(), "\"hi\"".into()));
    }
}

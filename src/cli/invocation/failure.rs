//! The document in which a runtime says why its function failed, made readable.

use crate::diagnostic::Diagnostic;
use crate::model::Address;
use serde_json::{Map, Value};

/// The keys of traces: of most runtimes, and of Node.
const TRACES: [&str; 2] = ["stackTrace", "trace"];

/// Errors that Lambda itself makes, by a piece of their text, and what helps.
const ADVICE: [(&str, &str); 4] = [
    ("Task timed out", "give it more time with `timeout` in its section, 900 seconds at most"),
    ("Sandbox.Timedout", "give it more time with `timeout` in its section, 900 seconds at most"),
    ("Runtime.InvalidEntrypoint", "look at `handler` and `runtime`, and whether the program is built for the function's `architectures`"),
    ("Runtime.OutOfMemory", "give it more memory with `memory_size` in its section"),
];

/// What helps a function that never asked for an event.
const NEVER_ASKED: [&str; 2] = [
    "a program has to ask the Runtime API for each event, as the Lambda runtime of its language does: for Rust the crate `lambda_runtime`",
    "if it only takes long to start, do less before it asks for the first event, or give it more time with `timeout`",
];

/// Why a function failed.
pub struct FunctionFailure<'a> {
    /// The function.
    pub address: &'a Address,
    /// `Unhandled` or `Handled`.
    pub function_error: &'a str,
    /// What it answered.
    pub payload: &'a [u8],
    /// The command that shows its log.
    pub logs: &'a str,
    /// Whether it never asked for an event.
    pub is_init_timeout: bool,
}

impl FunctionFailure<'_> {
    /// The error for people: type, message and trace first, and everything else that the document has.
    pub fn diagnostic(&self) -> Diagnostic {
        let text = String::from_utf8_lossy(self.payload);
        let detail = match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(document)) if !document.is_empty() => described(&document).join("\n"),
            _ => format!("{}: {text}", self.function_error),
        };
        let mut hints: Vec<&str> = ADVICE.iter().filter(|(piece, _)| text.contains(piece)).map(|(_, advice)| *advice).collect();
        hints.dedup();
        let mut summary = "The function failed";
        if self.is_init_timeout {
            summary = "The function's init timed out: it never asked for an event";
            hints = NEVER_ASKED.to_vec();
        }
        let diagnostic = Diagnostic::error("function-failed", summary).address(self.address).detail(detail);
        let diagnostic = hints.into_iter().fold(diagnostic, Diagnostic::hint);
        diagnostic.hint(format!("its whole log: `{}`", self.logs))
    }
}

fn described(document: &Map<String, Value>) -> Vec<String> {
    let text = |key: &str| document.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let head = match (text("errorType"), text("errorMessage")) {
        (Some(kind), Some(message)) => Some(format!("{kind}: {message}")),
        (kind, message) => kind.or(message).map(str::to_owned),
    };
    let mut lines: Vec<String> = head.iter().cloned().collect();
    let trace = TRACES.iter().find_map(|key| document.get(*key)?.as_array()).map_or(&[][..], Vec::as_slice);
    // Node's trace begins with what was just said.
    let frames = trace.iter().enumerate().filter(|(number, frame)| *number > 0 || frame.as_str() != head.as_deref());
    lines.extend(frames.flat_map(|(_, frame)| frame_lines(frame)));
    if let Some(Value::Object(cause)) = document.get("cause") {
        lines.extend(described(cause).into_iter().enumerate().map(|(number, line)| match number {
            0 => format!("caused by {line}"),
            _ => line,
        }));
    }
    lines.extend(document.iter().filter(|(key, value)| !is_said(key, value)).map(|(key, value)| format!("{key}: {value}")));
    lines
}

/// A frame is a text, in Python of two lines; Ruby's and .NET's are one.
fn frame_lines(frame: &Value) -> Vec<String> {
    match frame.as_str() {
        Some(text) => text.trim_end().lines().map(|line| format!("  {}", line.trim_end())).collect(),
        None => vec![format!("  {frame}")],
    }
}

fn is_said(key: &str, value: &Value) -> bool {
    match key {
        "errorType" | "errorMessage" => value.is_string(),
        "stackTrace" | "trace" => value.is_array(),
        "cause" => value.is_object(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(payload: &str) -> String {
        let address = Address::new("function", "hash");
        FunctionFailure {
            address: &address,
            function_error: "Unhandled",
            payload: payload.as_bytes(),
            logs: "lambdo logs hash",
            is_init_timeout: false,
        }
        .diagnostic()
        .detail
    }

    #[test]
    fn pythons_trace_is_readable_and_its_request_id_stays() {
        let payload = r#"{"errorMessage": "bad input", "errorType": "ValueError", "requestId": "8f5", "stackTrace": ["  File \"/var/task/x.py\", line 3, in handler\n    raise ValueError(\"bad input\")\n"]}"#;
        insta::assert_snapshot!(detail(payload), @r#"
        ValueError: bad input
            File "/var/task/x.py", line 3, in handler
              raise ValueError("bad input")
        requestId: "8f5"
        "#);
    }

    #[test]
    fn nodes_trace_does_not_say_the_message_twice() {
        let payload = r#"{"errorType":"TypeError","errorMessage":"x is not a function","trace":["TypeError: x is not a function","    at handler (/var/task/index.js:2:3)"]}"#;
        insta::assert_snapshot!(detail(payload), @r"
        TypeError: x is not a function
              at handler (/var/task/index.js:2:3)
        ");
    }

    #[test]
    fn javas_cause_follows_its_error() {
        let payload = r#"{"errorMessage":"a","errorType":"A","stackTrace":["x.Y.z(Y.java:1)"],"cause":{"errorMessage":"b","errorType":"B","stackTrace":["x.Q.r(Q.java:9)"]}}"#;
        insta::assert_snapshot!(detail(payload), @r"
        A: a
          x.Y.z(Y.java:1)
        caused by B: b
          x.Q.r(Q.java:9)
        ");
    }

    #[test]
    fn nothing_that_a_runtime_says_is_lost() {
        assert_eq!(detail("not JSON"), "Unhandled: not JSON");
        assert_eq!(detail("{}"), "Unhandled: {}");
        assert_eq!(detail(r#"{"errorMessage":{"a":1},"trace":"odd"}"#), "errorMessage: {\"a\":1}\ntrace: \"odd\"");
    }

    #[test]
    fn what_lambda_itself_did_comes_with_advice() {
        let address = Address::new("function", "hash");
        let payload = br#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: 1 Error: Task timed out after 3.00 seconds"}"#;
        let hints =
            FunctionFailure { address: &address, function_error: "Unhandled", payload, logs: "lambdo logs hash", is_init_timeout: false }
                .diagnostic()
                .hints;
        assert!(hints.len() == 2 && hints[0].contains("`timeout`"), "{hints:?}");
    }
}

//! What functions logged, a line at a time.

use super::text::{CYAN, DIM, GREEN, YELLOW, styled};
use anstyle::{AnsiColor, Style};

/// The colours of functions, in this order; red is for errors.
const COLORS: [Style; 10] = [
    CYAN,
    GREEN,
    YELLOW,
    AnsiColor::Magenta.on_default(),
    AnsiColor::Blue.on_default(),
    AnsiColor::BrightCyan.on_default(),
    AnsiColor::BrightGreen.on_default(),
    AnsiColor::BrightYellow.on_default(),
    AnsiColor::BrightMagenta.on_default(),
    AnsiColor::BrightBlue.on_default(),
];

/// How lines that Lambda itself writes begin.
const PLATFORM: [&str; 9] = [
    "START RequestId: ",
    "END RequestId: ",
    "REPORT RequestId: ",
    "INIT_START ",
    "INIT_REPORT ",
    "XRAY TraceId: ",
    "RESTORE_START ",
    "RESTORE_REPORT ",
    "{\"time\":\"",
];

/// One event of a function's log.
pub struct LogView<'a> {
    /// When, as it is shown.
    pub time: &'a str,
    /// Whose it is.
    pub function: &'a str,
    /// The function's number among all of the project, which gives it its colour.
    pub number: usize,
    /// The columns of the longest name.
    pub column: usize,
    /// What it says.
    pub message: &'a str,
}

/// The event's lines, each with its time and its function, so that they can be sought with other tools.
pub fn log_event(view: &LogView<'_>) -> String {
    let LogView { time, function, number, column, message } = view;
    let name = styled(COLORS[number % COLORS.len()], &format!("{function:column$}"));
    let lines: Vec<&str> = if message.trim_end().is_empty() { vec![""] } else { message.trim_end().lines().collect() };
    let lines = lines.iter().map(|line| format!("{} {name}  {}", styled(DIM, time), log_line(line)).trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// A line of a log, safe for a terminal; what Lambda itself wrote is dimmed.
pub fn log_line(line: &str) -> String {
    let text = printable(line.trim_end());
    // Tabs would make its account of an invocation twice as wide as a terminal.
    if is_platform(line) { styled(DIM, text.replace('\t', "  ").trim_end()) } else { text }
}

fn is_platform(line: &str) -> bool {
    let is_document = line.starts_with('{');
    PLATFORM.iter().any(|start| line.starts_with(start)) && (!is_document || line.contains("\"type\":\"platform."))
}

/// The text without the control characters that would move the cursor or worse; colours stay, and end with it.
pub fn printable(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    let (mut rest, mut is_colored) = (text, false);
    while let Some(character) = rest.chars().next() {
        let length = color_length(rest).unwrap_or(character.len_utf8());
        let (head, tail) = rest.split_at(length);
        is_colored |= length > character.len_utf8();
        let is_shown = length > character.len_utf8() || !character.is_control() || matches!(character, '\t' | '\n');
        output.push_str(if is_shown { head } else { "\u{fffd}" });
        rest = tail;
    }
    if is_colored {
        output.push_str("\u{1b}[0m");
    }
    output
}

/// The length of the colour sequence (`ESC [ numbers m`) that the text begins with.
fn color_length(text: &str) -> Option<usize> {
    let numbers = text.strip_prefix("\u{1b}[")?;
    let end = numbers.find(|character: char| !character.is_ascii_digit() && character != ';')?;
    numbers[end..].starts_with('m').then_some(2 + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(message: &str) -> String {
        log_event(&LogView { time: "2026-11-22T10:00:00.000Z", function: "hash", number: 1, column: 6, message })
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn each_line_of_an_event_carries_time_and_name() {
        insta::assert_snapshot!(plain(&event("Traceback:\n  File x\n\n")), @r"
        2026-11-22T10:00:00.000Z hash    Traceback:
        2026-11-22T10:00:00.000Z hash      File x
        ");
        assert_eq!(plain(&event("\n")).trim_end(), "2026-11-22T10:00:00.000Z hash");
        assert!(event("x").contains("\u{1b}[32mhash  \u{1b}[0m"), "{:?}", event("x"));
    }

    #[test]
    fn what_lambda_writes_is_dimmed_and_what_functions_write_is_not() {
        for (line, is_dim) in [
            ("START RequestId: 1 Version: $LATEST\n", true),
            ("REPORT RequestId: 1\tDuration: 1 ms", true),
            (r#"{"time":"2026","type":"platform.start","record":{}}"#, true),
            (r#"{"time":"2026","level":"INFO"}"#, false),
            ("START of it", false),
        ] {
            assert_eq!(log_line(line).starts_with("\u{1b}[2m"), is_dim, "{line}");
        }
        assert_eq!(plain(&log_line("REPORT RequestId: 1\tDuration: 1 ms\t\n")), "REPORT RequestId: 1  Duration: 1 ms");
        assert_eq!(log_line("a\tb\n"), "a\tb");
    }

    #[test]
    fn colours_stay_and_other_controls_do_not() {
        assert_eq!(printable("a\u{1b}[1;31mred"), "a\u{1b}[1;31mred\u{1b}[0m");
        assert_eq!(printable("\u{1b}[2Jx\ry\tz\u{7}"), "\u{fffd}[2Jx\u{fffd}y\tz\u{fffd}");
        assert_eq!(printable("\u{1b}]0;title"), "\u{fffd}]0;title");
    }
}

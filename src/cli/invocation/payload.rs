//! The event that a function gets: from the command line, a file or stdin, and always JSON.

use crate::cli::named_file;
use crate::diagnostic::{Diagnostic, Span};
use crate::model::{Exit, Failure};
use serde::de::IgnoredAny;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a function gets that is called without a payload, as from SAM.
const WITHOUT: &str = "{}";
/// The largest event of a call that waits for the answer, in bytes.
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
const SYNC_LIMIT_BYTES: usize = 6 * 1_024 * 1_024;
/// The largest event that Lambda queues, in bytes; the same source.
const ASYNC_LIMIT_BYTES: usize = 1_024 * 1_024;
/// A text up to this length is shown and quoted in a message, in characters.
const SHOWN_MAX: usize = 60;

/// Where the event comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// It stands on the command line, or is what a call without a payload sends.
    Text(String),
    /// The content of a file.
    File(PathBuf),
    /// Whatever stdin has.
    Stdin,
}

impl Payload {
    /// Reads the word on the command line; files are found by `place`.
    pub fn new(word: Option<&str>, place: impl Fn(&Path) -> PathBuf) -> Self {
        match word {
            None => Self::Text(WITHOUT.to_owned()),
            Some("-") => Self::Stdin,
            Some(word) => match word.strip_prefix('@') {
                Some(file) => Self::File(place(Path::new(file))),
                None => Self::Text(word.to_owned()),
            },
        }
    }

    /// The event's bytes, checked. Reading stdin blocks.
    ///
    /// # Errors
    /// [`Exit::Usage`] when it cannot be read, is not JSON, or is larger than Lambda takes.
    pub fn read(&self, is_async: bool) -> Result<Vec<u8>, Failure> {
        let bytes = self.bytes().map_err(|error| self.unreadable(&error))?;
        // Some editors and shells put a mark before the text, which is no part of JSON.
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").map(<[u8]>::to_vec).unwrap_or(bytes);
        self.check_size(bytes.len(), is_async)?;
        self.check_json(&bytes)?;
        Ok(bytes)
    }

    fn bytes(&self) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::File(path) => named_file::read(path),
            Self::Stdin => named_file::whole(std::io::stdin().lock()),
        }
    }

    /// In words, to begin a sentence with.
    fn name(&self) -> String {
        match self {
            Self::Text(text) if text.chars().count() <= SHOWN_MAX => format!("The payload `{text}`"),
            Self::Text(_) => "The payload".to_owned(),
            Self::File(path) => format!("`{}`", path.display()),
            Self::Stdin => "What stdin has".to_owned(),
        }
    }

    fn unreadable(&self, error: &std::io::Error) -> Failure {
        let diagnostic = Diagnostic::error("payload-unreadable", "The payload cannot be read");
        usage(diagnostic.detail(format!("{} cannot be read: {error}.", self.name())))
    }

    fn check_size(&self, size: usize, is_async: bool) -> Result<(), Failure> {
        let (limit, kind) =
            if is_async { (ASYNC_LIMIT_BYTES, "an asynchronous call") } else { (SYNC_LIMIT_BYTES, "a call that waits for the answer") };
        if size <= limit {
            return Ok(());
        }
        let detail = format!("{} has {size} bytes; Lambda takes {limit} bytes in {kind}.", self.name());
        let hint = "put it into a bucket and send the function its place";
        Err(usage(Diagnostic::error("payload-too-large", "The payload is too large").detail(detail).hint(hint)))
    }

    fn check_json(&self, bytes: &[u8]) -> Result<(), Failure> {
        let diagnostic = Diagnostic::error("payload-not-json", "The payload is not JSON");
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(usage(diagnostic.detail(format!("{} is not UTF-8, and Lambda takes nothing but JSON.", self.name()))));
        };
        if text.trim().is_empty() {
            let detail = format!("{} is empty, and Lambda takes nothing but JSON.", self.name());
            return Err(usage(diagnostic.detail(detail).hint(format!("leave it away to send `{WITHOUT}`"))));
        }
        let Err(error) = serde_json::from_str::<IgnoredAny>(text) else { return Ok(()) };
        let detail = format!("{} is not JSON, and Lambda takes nothing else: {error}.", self.name());
        let diagnostic = diagnostic.detail(detail).span(self.span(text, error.line(), error.column()));
        Err(usage(self.hints(text).into_iter().fold(diagnostic, Diagnostic::hint)))
    }

    /// Where in a file it stops to be JSON.
    fn span(&self, text: &str, line: usize, column: usize) -> Option<Span> {
        let Self::File(path) = self else { return None };
        let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let start = (before + column.saturating_sub(1)).min(text.len());
        Some(Span { file: Arc::new(path.clone()), start, end: (start + 1).min(text.len()) })
    }

    /// What was probably meant: a text without its quotes, or a file.
    fn hints(&self, text: &str) -> Vec<String> {
        let is_structure = text.trim_start().starts_with(['{', '[', '"']);
        let Self::Text(word) = self else { return Vec::new() };
        let mut hints = Vec::new();
        if !is_structure && word.chars().count() <= SHOWN_MAX && !word.contains('\'') {
            hints
                .push(format!("to send it as a text, quote it for JSON and for the shell: `'{}'`", serde_json::Value::from(word.as_str())));
        }
        if !is_structure && Path::new(word).is_file() {
            hints.push(format!("to send the file's content: `@{word}`"));
        }
        hints
    }
}

fn usage(diagnostic: Diagnostic) -> Failure {
    Failure::new(Exit::Usage, diagnostic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(word: Option<&str>) -> Result<Vec<u8>, Diagnostic> {
        Payload::new(word, Path::to_path_buf).read(false).map_err(|failure| {
            assert_eq!(failure.exit, Exit::Usage);
            failure.diagnostics[0].clone()
        })
    }

    #[test]
    fn json_goes_as_it_is_and_nothing_goes_as_an_empty_object() {
        for text in ["null", "-5", "\"hello\"", " { \"b\" : 1e3, \"a\" : 12345678901234567890123 } "] {
            assert_eq!(read(Some(text)).unwrap(), text.as_bytes());
        }
        assert_eq!(read(None).unwrap(), b"{}");
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place_and_the_quotes_that_it_lacks() {
        let bare = read(Some("hello world")).unwrap_err();
        assert_eq!(bare.detail, "The payload `hello world` is not JSON, and Lambda takes nothing else: expected value at line 1 column 1.");
        assert_eq!(bare.hints, [r#"to send it as a text, quote it for JSON and for the shell: `'"hello world"'`"#]);
        let broken = read(Some("{\"a\":}")).unwrap_err();
        assert!(broken.detail.ends_with("expected value at line 1 column 6.") && broken.hints.is_empty(), "{broken:?}");
        assert!(read(Some(" ")).unwrap_err().hints[0].contains("`{}`"));
        assert!(read(Some("{} {}")).is_err());
    }

    #[test]
    fn a_file_is_read_without_its_mark_and_its_error_has_a_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event.json");
        std::fs::write(&path, b"\xEF\xBB\xBF{\"a\": 1}").unwrap();
        let word = format!("@{}", path.display());
        assert_eq!(read(Some(&word)).unwrap(), b"{\"a\": 1}");
        std::fs::write(&path, "{\n  \"a\": 1,\n  b\n}").unwrap();
        let span = read(Some(&word)).unwrap_err().span.unwrap();
        assert_eq!((span.start, span.end), (14, 15));
        assert_eq!(read(Some("@/nowhere/at/all")).unwrap_err().code, "payload-unreadable");
    }

    #[test]
    fn sizes_end_where_lambdas_end() {
        for (is_async, limit) in [(false, 6_291_456), (true, 1_048_576)] {
            let text = |length: usize| Payload::Text(format!("\"{}\"", "x".repeat(length - 2)));
            assert!(text(limit).read(is_async).is_ok());
            assert_eq!(text(limit + 1).read(is_async).unwrap_err().diagnostics[0].code, "payload-too-large");
        }
    }
}

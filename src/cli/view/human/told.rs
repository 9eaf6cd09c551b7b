//! Whether channels work.

use super::text::{GREEN, RED, styled, width};

/// The line for a channel, with what came back where it was no yes; `column` is how wide the longest channel is.
pub fn told(channel: &str, error: Option<&str>, column: usize) -> String {
    let gap = " ".repeat(column.saturating_sub(width(channel)));
    match error {
        None => format!("  {} {channel}{gap}  told", styled(GREEN, "+")),
        Some(error) => format!("  {} {channel}{gap}  {error}", styled(RED, "!")),
    }
}

//! Whether channels work.

use super::text::{GREEN, RED, styled, width};

/// A line for each channel, with what came back where it was no yes.
pub fn told(results: &[(String, Option<String>)]) -> String {
    let column = results.iter().map(|(channel, _)| width(channel)).max().unwrap_or_default();
    let line = |(channel, error): &(String, Option<String>)| match error {
        None => format!("  {} {channel:column$}  told", styled(GREEN, "+")),
        Some(error) => format!("  {} {channel:column$}  {error}", styled(RED, "!")),
    };
    results.iter().map(line).collect::<Vec<_>>().join("\n")
}

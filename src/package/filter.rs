//! Which files of a folder go into a package.

use super::contents::Entry;
use super::fingerprint::matcher;
use super::problem::strings;
use crate::diagnostic::Diagnostic;
use crate::model::{Table, Value};
use globset::GlobMatcher;

/// The keys that stand beside `code.dir`.
pub(super) const KEYS: [&str; 2] = ["include", "exclude"];

/// Patterns as they were written, relative to the folder; nothing in it means everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What is taken; everything where absent.
    include: Option<Vec<String>>,
    /// What of that is left out.
    exclude: Vec<String>,
}

impl Filter {
    /// Reads `include` and `exclude` of the table `code`.
    pub(super) fn parse(code: &Table) -> Result<Self, Diagnostic> {
        let include = code.get("include").map(|value| patterns("code.include", value)).transpose()?;
        let exclude = code.get("exclude").map(|value| patterns("code.exclude", value)).transpose()?;
        Ok(Self { include, exclude: exclude.unwrap_or_default() })
    }

    /// The entries that it lets through.
    ///
    /// # Errors
    /// When a pattern of `include` matches nothing: the package would lack what somebody asked for.
    pub(super) fn apply(&self, mut entries: Vec<Entry>, shown: &str) -> Result<Vec<Entry>, Diagnostic> {
        if let Some(include) = &self.include {
            let include = compiled(include);
            if let Some((pattern, _)) = include.iter().find(|(_, matcher)| !entries.iter().any(|entry| is_match(matcher, &entry.name))) {
                return Err(Diagnostic::error("no-such-files", "A pattern of the package matches no file")
                    .detail(format!("`{pattern}` in `code.include` matches no file in `{shown}`, so that the package would lack it."))
                    .hint("`*` stays within one folder: `**/*.json` matches at any depth, `data` and `data/**` all of a folder"));
            }
            entries.retain(|entry| include.iter().any(|(_, matcher)| is_match(matcher, &entry.name)));
        }
        let exclude = compiled(&self.exclude);
        entries.retain(|entry| !exclude.iter().any(|(_, matcher)| is_match(matcher, &entry.name)));
        Ok(entries)
    }
}

fn patterns(key: &str, value: &Value) -> Result<Vec<String>, Diagnostic> {
    let patterns = strings(key, value, "a list of patterns such as `[\"**/*.py\", \"data\"]`")?;
    let plain = |pattern: &String| pattern.strip_prefix("./").unwrap_or(pattern).trim_end_matches('/').to_owned();
    let patterns: Vec<String> = patterns.iter().map(plain).collect();
    for pattern in &patterns {
        matcher(pattern).map_err(|reason| {
            Diagnostic::error("bad-pattern", "A pattern cannot be understood").detail(format!("`{pattern}` in `{key}`: {reason}."))
        })?;
    }
    Ok(patterns)
}

/// All of them can be compiled: they were when they were read.
fn compiled(patterns: &[String]) -> Vec<(&String, GlobMatcher)> {
    patterns.iter().filter_map(|pattern| Some((pattern, matcher(pattern).ok()?))).collect()
}

/// Whether a pattern means this file, or a folder that it lies in.
fn is_match(matcher: &GlobMatcher, name: &str) -> bool {
    let folders = name.match_indices('/').map(|(at, _)| &name[..at]);
    folders.chain([name]).any(|part| matcher.is_match(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn kept(json: &str) -> Result<Vec<String>, Diagnostic> {
        let value = Value::from_json(&serde_json::from_str(json).unwrap());
        let filter = Filter::parse(value.as_table().unwrap())?;
        let names = ["data/a.json", "data/deep/b.json", "main.py", "tests/test_main.py", "ü.py"];
        let entry = |name: &str| Entry { name: name.into(), path: PathBuf::new(), mode: 0o644, bytes: 0 };
        Ok(filter.apply(names.map(entry).into(), "app")?.into_iter().map(|entry| entry.name).collect())
    }

    #[test]
    fn patterns_choose_files_and_folders() {
        let all = ["data/a.json", "data/deep/b.json", "main.py", "tests/test_main.py", "ü.py"];
        for (json, expected) in [
            ("{}", &all[..]),
            (r#"{"include":["*.py"]}"#, &["main.py", "ü.py"]),
            (r#"{"include":["**/*.py"]}"#, &["main.py", "tests/test_main.py", "ü.py"]),
            (r#"{"include":["data/","main.py"]}"#, &["data/a.json", "data/deep/b.json", "main.py"]),
            (r#"{"exclude":["tests","./data/deep/**"]}"#, &["data/a.json", "main.py", "ü.py"]),
            (r#"{"include":["data"],"exclude":["data/*.json"]}"#, &["data/deep/b.json"]),
            (r#"{"exclude":["nothing"]}"#, &all),
        ] {
            assert_eq!(kept(json).unwrap(), expected, "{json}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (json, code) in [
            (r#"{"include":["*.js"]}"#, "no-such-files"),
            (r#"{"include":[]}"#, "wrong-type"),
            (r#"{"include":"*.py"}"#, "wrong-type"),
            (r#"{"exclude":[3]}"#, "wrong-type"),
            (r#"{"exclude":["a[b"]}"#, "bad-pattern"),
        ] {
            assert_eq!(kept(json).unwrap_err().code, code, "{json}");
        }
    }
}

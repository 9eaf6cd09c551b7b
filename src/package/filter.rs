//! Which files of a folder go into a package.

use super::contents::Entry;
use super::fingerprint::matcher;
use super::problem::strings;
use super::walk::Walked;
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

    /// The same from patterns that were looked at before; without `include`, all is taken.
    pub(super) fn of(include: &[String], exclude: &[String]) -> Self {
        let include: Vec<String> = include.iter().map(|pattern| plain(pattern)).collect();
        Self {
            include: Some(include).filter(|include| !include.is_empty()),
            exclude: exclude.iter().map(|pattern| plain(pattern)).collect(),
        }
    }

    /// The files that it lets through.
    ///
    /// # Errors
    /// When something that no package can hold is among them.
    pub(super) fn choose(&self, mut walked: Walked) -> Result<Vec<Entry>, Diagnostic> {
        let compiled = Compiled { include: self.include.as_deref().map(compiled), exclude: compiled(&self.exclude) };
        if let Some(one) = walked.obstacles.into_iter().find(|one| compiled.takes(&one.name) || one.is_folder && compiled.enters(&one.name))
        {
            return Err(one.problem.hint(format!("or `exclude = [\"{}\"]`", one.name)));
        }
        walked.entries.retain(|entry| compiled.takes(&entry.name));
        Ok(walked.entries)
    }

    /// The same where each pattern is to match something.
    ///
    /// # Errors
    /// When a pattern of `include` matches nothing, too: the package would lack what somebody asked for.
    pub(super) fn apply(&self, walked: Walked, shown: &str) -> Result<Vec<Entry>, Diagnostic> {
        let idle = |(_, matcher): &(&String, GlobMatcher)| !walked.entries.iter().any(|entry| is_match(matcher, &entry.name));
        let idle = compiled(self.include.as_deref().unwrap_or_default()).into_iter().find(idle);
        let chosen = self.choose(walked)?;
        idle.map_or(Ok(chosen), |(pattern, _)| {
            Err(Diagnostic::error("no-such-files", "A pattern of the package matches no file")
                .detail(format!("`{pattern}` in `code.include` matches no file in `{shown}`, so that the package would lack it."))
                .hint("`*` stays within one folder: `**/*.json` matches at any depth, `data` and `data/**` all of a folder"))
        })
    }
}

/// Patterns that are ready to be asked.
struct Compiled<'a> {
    include: Option<Vec<(&'a String, GlobMatcher)>>,
    exclude: Vec<(&'a String, GlobMatcher)>,
}

impl Compiled<'_> {
    fn takes(&self, name: &str) -> bool {
        let is_any = |patterns: &[(&String, GlobMatcher)]| patterns.iter().any(|(_, matcher)| is_match(matcher, name));
        self.include.as_deref().is_none_or(is_any) && !is_any(&self.exclude)
    }

    /// Whether something below a folder may be taken.
    fn enters(&self, folder: &str) -> bool {
        let may_match = |patterns: &Vec<(&String, GlobMatcher)>| patterns.iter().any(|(pattern, _)| may_match_below(pattern, folder));
        self.include.as_ref().is_none_or(may_match) && !self.exclude.iter().any(|(_, matcher)| is_match(matcher, folder))
    }
}

/// Whether a pattern may match something below a folder: where its first parts match those of the folder.
fn may_match_below(pattern: &str, folder: &str) -> bool {
    let mut parts = pattern.split('/').peekable();
    for name in folder.split('/') {
        match parts.next() {
            Some("**") => return true,
            Some(part) if matcher(part).is_ok_and(|matcher| matcher.is_match(name)) => {}
            _ => return false,
        }
    }
    parts.peek().is_some()
}

fn patterns(key: &str, value: &Value) -> Result<Vec<String>, Diagnostic> {
    let patterns = strings(key, value, "a list of patterns such as `[\"**/*.py\", \"data\"]`")?;
    let patterns: Vec<String> = patterns.iter().map(|pattern| plain(pattern)).collect();
    for pattern in &patterns {
        matcher(pattern).map_err(|reason| {
            Diagnostic::error("bad-pattern", "A pattern cannot be understood").detail(format!("`{pattern}` in `{key}`: {reason}."))
        })?;
    }
    Ok(patterns)
}

fn plain(pattern: &str) -> String {
    pattern.strip_prefix("./").unwrap_or(pattern).trim_end_matches('/').to_owned()
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
        let walked = Walked { entries: names.map(entry).into(), ..Walked::default() };
        Ok(filter.apply(walked, "app")?.into_iter().map(|entry| entry.name).collect())
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

//! Reading the options of a build, the same way for every language.

use super::container::Mode;
use super::problem::{unknown_key, wrong_type};
use crate::diagnostic::Diagnostic;
use crate::model::value::scalar_text;
use crate::model::{Table, Value};
use std::collections::BTreeMap;

/// Reads the options of a build.
pub(super) struct Reader<'a> {
    options: &'a Table,
    problems: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    /// `keys` are all that there are, with those that each kind has.
    pub fn new(options: &'a Table, keys: &[&str]) -> Self {
        let unknown = options.keys().filter(|key| !keys.contains(&key.as_str()));
        Self { options, problems: unknown.map(|key| unknown_key("build", key, keys)).collect() }
    }

    /// A text that is not empty.
    pub fn text(&mut self, key: &str, wanted: &str) -> Option<String> {
        self.noted(text_of(self.options, key, wanted)).flatten()
    }

    /// One of a few words; whoever checked the settings has refused all others.
    pub fn choice(&mut self, key: &str, words: &[&str]) -> Option<String> {
        self.text(key, "a word").filter(|text| words.contains(&text.as_str()))
    }

    /// Texts; a lone one stands for a list of one.
    pub fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        self.noted(texts(self.options, key)).flatten()
    }

    /// Yes or no.
    pub fn boolean(&mut self, key: &str) -> bool {
        match self.options.get(key) {
            None => false,
            Some(Value::Boolean(is_set)) => *is_set,
            Some(other) => {
                self.note(wrong_type(&format!("build.{key}"), "`true` or `false`", other.type_name()));
                false
            }
        }
    }

    /// Variables of the environment; numbers and booleans become text.
    pub fn variables(&mut self) -> BTreeMap<String, String> {
        self.noted(variables(self.options.get("env"))).unwrap_or_default()
    }

    fn noted<T>(&mut self, read: Result<T, Diagnostic>) -> Option<T> {
        read.map_err(|problem| self.problems.push(problem)).ok()
    }

    /// Something that is wrong with the options besides.
    pub fn note(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    /// What was read, unless something is wrong.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn finish<T>(self, read: T) -> Result<T, Vec<Diagnostic>> {
        if self.problems.is_empty() { Ok(read) } else { Err(self.problems) }
    }
}

/// A name that is not empty.
pub(super) fn text(options: &Table, key: &str) -> Result<Option<String>, Diagnostic> {
    text_of(options, key, "a name")
}

fn text_of(options: &Table, key: &str, wanted: &str) -> Result<Option<String>, Diagnostic> {
    match options.get(key) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(Value::String(_)) => Err(wrong_type(&format!("build.{key}"), wanted, "empty")),
        Some(other) => Err(wrong_type(&format!("build.{key}"), wanted, other.type_name())),
    }
}

/// A list of texts; a lone text is a list of one.
pub(super) fn texts(options: &Table, key: &str) -> Result<Option<Vec<String>>, Diagnostic> {
    let wrong = |value: &Value| wrong_type(&format!("build.{key}"), "a list of strings", value.type_name());
    match options.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(vec![text.clone()])),
        Some(value) => match value.as_list() {
            Some(items) if value.strings().len() == items.len() => Ok(Some(value.strings().into_iter().map(str::to_owned).collect())),
            _ => Err(wrong(value)),
        },
    }
}

/// Variables of the tools' environment.
pub(super) fn variables(value: Option<&Value>) -> Result<BTreeMap<String, String>, Diagnostic> {
    let Some(value) = value else { return Ok(BTreeMap::new()) };
    let wrong = |given: &Value| wrong_type("build.env", "a table of variables and their texts", given.type_name());
    let table = value.as_table().ok_or_else(|| wrong(value))?;
    table.iter().map(|(name, value)| Ok((name.clone(), scalar_text(value).ok_or_else(|| wrong(value))?))).collect()
}

/// Whether a container builds.
pub(super) fn container(options: &Table) -> Result<Mode, Diagnostic> {
    match options.get("container") {
        None => Ok(Mode::default()),
        Some(Value::String(text)) => Mode::parse(text),
        Some(other) => Err(wrong_type("build.container", "`auto`, `never`, `always` or an engine's name", other.type_name())),
    }
}

/// A flag that is lambdo's to give.
pub(super) fn own_flag(tool: &str, flag: &str, own: &[(&str, &str)]) -> Option<Diagnostic> {
    let (name, why) = own.iter().find(|(name, _)| flag == *name || flag.starts_with(&format!("{name}=")))?;
    Some(
        Diagnostic::error("own-flag", format!("A flag of {tool} is lambdo's to give"))
            .detail(format!("`build.flags` has `{name}`; {why}.")),
    )
}

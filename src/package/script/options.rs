//! What `build` says, read key by key; what is wrong is collected.

use crate::diagnostic::Diagnostic;
use crate::model::value::scalar_text;
use crate::model::{Table, Value};
use crate::package::problem::{unknown_key, wrong_type};
use std::collections::BTreeMap;

/// Reads the options of a build.
pub(in crate::package) struct Reader<'a> {
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
        match self.options.get(key)? {
            Value::String(text) if !text.is_empty() => return Some(text.clone()),
            Value::String(_) => self.wrong(key, wanted, "empty"),
            other => self.wrong(key, wanted, other.type_name()),
        }
        None
    }

    /// One of a few words; whoever checked the settings has refused all others.
    pub fn choice(&mut self, key: &str, words: &[&str]) -> Option<String> {
        self.text(key, "a word").filter(|text| words.contains(&text.as_str()))
    }

    /// Texts; a lone one stands for a list of one.
    pub fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        match self.options.get(key)? {
            Value::String(text) => Some(vec![text.clone()]),
            value => match value.as_list() {
                Some(items) if value.strings().len() == items.len() => Some(value.strings().into_iter().map(str::to_owned).collect()),
                _ => {
                    self.wrong(key, "a list of strings", value.type_name());
                    None
                }
            },
        }
    }

    /// Yes or no.
    pub fn boolean(&mut self, key: &str) -> bool {
        match self.options.get(key) {
            None => false,
            Some(Value::Boolean(is_set)) => *is_set,
            Some(other) => {
                self.wrong(key, "`true` or `false`", other.type_name());
                false
            }
        }
    }

    /// Variables of the environment; numbers and booleans become text.
    pub fn variables(&mut self, key: &str) -> BTreeMap<String, String> {
        const WANTED: &str = "a table of variables and their texts";
        let Some(value) = self.options.get(key) else { return BTreeMap::new() };
        let Some(table) = value.as_table() else {
            self.wrong(key, WANTED, value.type_name());
            return BTreeMap::new();
        };
        let read = table.iter().map(|(name, value)| scalar_text(value).map(|text| (name.clone(), text)).ok_or(value));
        read.collect::<Result<_, _>>().unwrap_or_else(|value| {
            self.wrong(key, WANTED, value.type_name());
            BTreeMap::new()
        })
    }

    /// Something that is wrong with the options besides.
    pub fn note(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    fn wrong(&mut self, key: &str, wanted: &str, given: &str) {
        self.problems.push(wrong_type(&format!("build.{key}"), wanted, given));
    }

    /// What was read, unless something is wrong.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn finish<T>(self, read: T) -> Result<T, Vec<Diagnostic>> {
        if self.problems.is_empty() { Ok(read) } else { Err(self.problems) }
    }
}

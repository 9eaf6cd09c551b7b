//! The JSON paths that EventBridge knows: `$`, `.name`, `[index]`, and `*` in place of either.

use serde_json::Value;

/// A path into an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Index(usize),
    All,
}

impl Path {
    /// Reads a path; nothing where AWS refuses it: it must begin with `$`, and names stand behind a dot,
    /// never in brackets.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$')?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = if let Some(inner) = rest.strip_prefix('[') {
                let (index, after) = inner.split_once(']')?;
                (if index == "*" { Step::All } else { Step::Index(index.parse().ok()?) }, after)
            } else {
                let name = rest.strip_prefix('.')?;
                let (name, after) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
                (if name == "*" { Step::All } else { Step::Name(name.to_owned()) }, after)
            };
            if step == Step::Name(String::new()) {
                return None;
            }
            steps.push(step);
            rest = after;
        }
        Some(Self(steps))
    }

    /// What is there in the event. A path with `*` gives a list of all that it finds.
    pub(super) fn find(&self, event: &Value) -> Option<Value> {
        let mut found = vec![event];
        for step in &self.0 {
            found = found.into_iter().flat_map(|value| step.from(value)).collect();
        }
        if self.0.contains(&Step::All) {
            return Some(found.into_iter().cloned().collect());
        }
        found.first().copied().cloned()
    }
}

impl Step {
    fn from<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Name(name), _) => value.get(name).into_iter().collect(),
            (Self::Index(index), Value::Array(elements)) => elements.get(*index).into_iter().collect(),
            (Self::All, Value::Array(elements)) => elements.iter().collect(),
            (Self::All, Value::Object(members)) => members.values().collect(),
            _ => Vec::new(),
        }
    }
}

//! Which log groups belong to which functions, and whose an event is.

use crate::model::{Entry, State, Value};
use std::collections::{BTreeMap, BTreeSet};

/// A log group and the functions of the project that write to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Those that were asked for, as the spec calls them.
    pub selected: BTreeSet<String>,
    /// The names in AWS of all that write to it, and what the spec calls them.
    known: BTreeMap<String, String>,
}

/// The groups to be read, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(pub BTreeMap<String, Group>);

impl Sources {
    /// The groups of the functions that `is_selected` accepts.
    pub fn new(state: &State, is_selected: impl Fn(&str) -> bool) -> Self {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for (function, entry) in crate::cli::deployed::functions(state) {
            let group = groups.entry(group_of(entry)).or_default();
            group.known.insert(entry.physical_id.to_string(), function.to_owned());
            if is_selected(function) {
                group.selected.insert(function.to_owned());
            }
        }
        groups.retain(|_, group| !group.selected.is_empty());
        Self(groups)
    }

    /// All functions that were asked for.
    pub fn functions(&self) -> BTreeSet<&str> {
        self.0.values().flat_map(|group| group.selected.iter().map(String::as_str)).collect()
    }

    /// The function that wrote to `stream`; `None` for one that was not asked for. Lambda puts the function's name into
    /// the stream's where the group is not the function's own.
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html>
    pub fn owner(&self, group: &str, stream: &str) -> Option<String> {
        let group = self.0.get(group)?;
        match function_in(stream) {
            Some(name) => group.known.get(name).filter(|function| group.selected.contains(*function)).cloned(),
            None => Some(group.selected.iter().cloned().collect::<Vec<_>>().join("|")),
        }
    }
}

/// Where a function logs, as applied.
fn group_of(entry: &Entry) -> String {
    let logging = entry.inputs.get("logging_config").and_then(Value::as_table);
    let given = logging.and_then(|config| config.get("log_group")?.as_str()).filter(|name| !name.is_empty());
    given.map_or_else(|| format!("/aws/lambda/{}", entry.physical_id), str::to_owned)
}

/// The name in `2026/11/22/NAME[$LATEST]0123…`; none in `2026/11/22/[$LATEST]0123…` and in streams that are not Lambda's.
fn function_in(stream: &str) -> Option<&str> {
    let last = stream.rsplit('/').next()?;
    let (name, _) = last.split_once('[')?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Lineage, Table, Target};

    fn state(functions: &[(&str, Option<&str>)]) -> State {
        let mut state = State::new(Lineage("1".into()), "demo", None, Target::placeholder(), None);
        for (name, group) in functions {
            let mut entry = Entry::new(format!("demo-{name}").into());
            if let Some(group) = group {
                let config = Table::from_iter([("log_group".to_owned(), Value::from(*group))]);
                entry.inputs.insert("logging_config".into(), config.into());
            }
            state.entries.insert(Address::new("function", name), entry);
            state.entries.insert(Address::new("role", name), Entry::new("x".into()));
        }
        state
    }

    #[test]
    fn groups_are_those_of_the_functions_that_were_asked_for() {
        let state = state(&[("a", None), ("b", Some("/shared")), ("c", Some("/shared")), ("d", Some("/d"))]);
        let sources = Sources::new(&state, |name| name != "d");
        assert_eq!(sources.0.keys().collect::<Vec<_>>(), ["/aws/lambda/demo-a", "/shared"]);
        assert_eq!(sources.functions(), ["a", "b", "c"].into());
    }

    #[test]
    fn an_event_belongs_to_the_function_that_its_stream_names() {
        let state = state(&[("a", None), ("b", Some("/shared")), ("c", Some("/shared"))]);
        let (all, only_b) = (Sources::new(&state, |_| true), Sources::new(&state, |name| name == "b"));
        for (sources, group, stream, owner) in [
            (&all, "/aws/lambda/demo-a", "2026/11/22/[$LATEST]01", Some("a")),
            (&all, "/shared", "2026/11/22/demo-c[$LATEST]01", Some("c")),
            (&all, "/shared", "2026/11/22/[$LATEST]01", Some("b|c")),
            (&only_b, "/shared", "2026/11/22/demo-b[3]01", Some("b")),
            (&only_b, "/shared", "2026/11/22/demo-c[$LATEST]01", None),
            (&all, "/shared", "2026/11/22/stranger[$LATEST]01", None),
            (&only_b, "/shared", "by-hand", Some("b")),
        ] {
            assert_eq!(sources.owner(group, stream).as_deref(), owner, "{group} {stream}");
        }
    }
}

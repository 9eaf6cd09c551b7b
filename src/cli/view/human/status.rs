//! What the state knows.

use super::text::{BOLD, DIM, YELLOW, counted, styled, value, width};
use crate::cli::view::LockHolder;
use crate::model::{Address, Entry, Record, State, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that `status` shows.
pub struct StatusView<'a> {
    /// The state.
    pub state: &'a State,
    /// Where it is kept.
    pub place: &'a str,
    /// Who works on it now.
    pub holder: Option<&'a LockHolder>,
    /// Whether each resource has a line of its own, however many functions there are.
    pub is_full: bool,
}

/// Names up to which each resource has a line of its own.
const FULL_NAMES_MAX: usize = 10;

/// The state as a list of resources, and what else is known.
pub fn status(view: &StatusView<'_>) -> String {
    let state = view.state;
    let mut parts = vec![state.project.clone()];
    parts.extend(state.stage.clone());
    parts.extend([state.target.account.clone(), state.target.region.clone()]);
    parts.extend(state.endpoint.clone());
    parts.push(format!("state serial {}", state.serial));
    let mut lines =
        vec![styled(BOLD, &parts.join(" · ")), styled(DIM, &format!("{} · lineage {}", view.place, state.lineage)), String::new()];
    let names: BTreeSet<&str> = state.entries.keys().map(|address| address.name.as_str()).collect();
    let is_full = view.is_full || names.len() <= FULL_NAMES_MAX;
    lines.extend(if is_full { resources(state) } else { by_name(state) });
    lines.extend(view.holder.map(|holder| styled(YELLOW, &format!("locked by {}", holder.sentence()))));
    lines.extend(state.intents.iter().filter_map(intent).map(|line| styled(YELLOW, &line)));
    lines.push(styled(BOLD, &format!("{} in the state.", counted(state.entries.len(), "resource"))));
    lines.join("\n")
}

fn resources(state: &State) -> Vec<String> {
    let column = state.entries.keys().map(|address| width(&address.to_string())).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (address, entry) in &state.entries {
        let address = address.to_string();
        lines.push(format!("  {address:column$}  {}{}", entry.physical_id, styled(DIM, &marks(entry))));
        let arn = entry.attributes.get("arn").and_then(Value::as_str).filter(|arn| *arn != entry.physical_id.as_str());
        lines.extend(arn.map(|arn| format!("  {:column$}  {}", "", styled(DIM, arn))));
        for deposed in &entry.deposed {
            lines.push(format!("  {:column$}  {}", "", styled(YELLOW, &format!("{} (replaced, to be deleted)", deposed.physical_id))));
        }
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// One line for each function and what bears its name; what is special about one resource has a line of its own.
fn by_name(state: &State) -> Vec<String> {
    let mut names: BTreeMap<&str, Vec<(&Address, &Entry)>> = BTreeMap::new();
    state.entries.iter().for_each(|(address, entry)| names.entry(&address.name).or_default().push((address, entry)));
    let column = names.keys().map(|name| width(name)).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (name, entries) in names {
        let labels = entries.iter().map(|(address, _)| match &address.part {
            Some(part) => format!("{}.{part}", address.kind),
            None => address.kind.clone(),
        });
        lines.push(format!("  {name}{:1$}  {2}", "", column - width(name), labels.collect::<Vec<_>>().join(", ")));
        for (address, entry) in entries {
            let mut notes = vec![marks(entry)];
            notes.extend(entry.deposed.iter().map(|deposed| format!(" {} (replaced, to be deleted)", deposed.physical_id)));
            let notes = notes.concat();
            lines.extend((!notes.is_empty()).then(|| format!("  {:column$}  {}", "", styled(YELLOW, &format!("{address}{notes}")))));
        }
    }
    lines.extend([String::new(), styled(DIM, "`-v` shows each resource by itself, with its name in AWS."), String::new()]);
    lines
}

/// One line for each resource: its address and its name in AWS, in columns.
pub fn listing(entries: &BTreeMap<Address, Entry>) -> Vec<String> {
    let column = entries.keys().map(|address| width(&address.to_string())).max().unwrap_or_default();
    entries.iter().map(|(address, entry)| format!("{:column$}  {}", address.to_string(), entry.physical_id)).collect()
}

fn marks(entry: &Entry) -> String {
    let marks: Vec<&str> = [(entry.adopted, "adopted"), (entry.protect, "protected"), (entry.keep, "kept")]
        .into_iter()
        .filter_map(|(is_set, mark)| is_set.then_some(mark))
        .collect();
    if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) }
}

fn intent(record: &Record) -> Option<String> {
    let Record::Begin { address, call, .. } = record else { return None };
    Some(format!("begun and not ended: {call} of {address}; the next `lambdo up` settles it"))
}

/// One entry in whole, `path = value` a line.
pub fn entry(address: &Address, entry: &Entry) -> String {
    let mut lines = vec![styled(BOLD, &address.to_string()), format!("physical_id = {}{}", entry.physical_id, marks(entry))];
    for (heading, table) in [("inputs", &entry.inputs), ("attributes", &entry.attributes)] {
        lines.extend((!table.is_empty()).then(|| format!("\n{}", styled(BOLD, heading))));
        lines.extend(table.iter().map(|(key, one)| format!("  {key} = {}", value(Some(one)))));
    }
    if !entry.dependencies.is_empty() {
        lines.push(format!("\n{}", styled(BOLD, "depends on")));
        lines.extend(entry.dependencies.iter().map(|dependency| format!("  {}", dependency.on)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::state;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn status_lists_what_is_ours() {
        let holder =
            LockHolder { who: "ada".into(), pid: 42, host: "laptop".into(), operation: "up".into(), since: "2026-11-22T10:00:00Z".into() };
        let state = state();
        insta::assert_snapshot!(plain(&status(&StatusView { state: &state, place: "state/demo.json", holder: Some(&holder), is_full: false })), @r"
        demo · dev · 123456789012 · eu-central-1 · state serial 4
        state/demo.json · lineage 0123456789abcdef

          function.hash   demo-dev-hash
                          arn:aws:lambda:eu-central-1:123456789012:function:demo-dev-hash
          log_group.hash  /aws/lambda/demo-dev-hash (adopted)

        locked by ada on laptop (process 42), doing `up` since 2026-11-22T10:00:00Z
        begun and not ended: iam:CreateRole of role.hash; the next `lambdo up` settles it
        2 resources in the state.
        ");
    }

    #[test]
    fn many_functions_have_a_line_each() {
        let mut state = state();
        let (function, group) =
            (state.entries[&Address::new("function", "hash")].clone(), state.entries[&Address::new("log_group", "hash")].clone());
        for index in 0..10 {
            state.entries.insert(Address::new("function", &format!("f{index}")), function.clone());
            state.entries.insert(Address::with_part("event_rule", &format!("f{index}"), "daily"), function.clone());
        }
        state.entries.insert(Address::new("log_group", "f1"), group);
        insta::assert_snapshot!(plain(&by_name(&state).join("\n")), @r"
          f0    event_rule.daily, function
          f1    event_rule.daily, function, log_group
                log_group.f1 (adopted)
          f2    event_rule.daily, function
          f3    event_rule.daily, function
          f4    event_rule.daily, function
          f5    event_rule.daily, function
          f6    event_rule.daily, function
          f7    event_rule.daily, function
          f8    event_rule.daily, function
          f9    event_rule.daily, function
          hash  function, log_group
                log_group.hash (adopted)

        `-v` shows each resource by itself, with its name in AWS.
        ");
        let view = StatusView { state: &state, place: "x", holder: None, is_full: false };
        assert!(status(&view).lines().count() < status(&StatusView { is_full: true, ..view }).lines().count());
    }

    #[test]
    fn a_listing_has_two_columns() {
        insta::assert_snapshot!(listing(&state().entries).join("\n"), @r"
        function.hash   demo-dev-hash
        log_group.hash  /aws/lambda/demo-dev-hash
        ");
    }

    #[test]
    fn an_entry_is_shown_in_whole() {
        let state = state();
        let (address, one) = state.entries.iter().next().unwrap();
        insta::assert_snapshot!(plain(&entry(address, one)), @r#"
        function.hash
        physical_id = demo-dev-hash

        inputs
          memory_size = 128

        attributes
          arn = "arn:aws:lambda:eu-central-1:123456789012:function:demo-dev-hash"

        depends on
          role.hash
        "#);
    }
}

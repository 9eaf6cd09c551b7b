//! Names and globs on the command line: those functions and all that belongs to them.

use crate::model::{Address, Desired, Path, State};
use std::collections::{BTreeMap, BTreeSet};

/// What the user named.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Function names or globs.
    pub functions: Vec<String>,
    /// Exact addresses.
    pub targets: Vec<Address>,
}

/// A name on the command line that matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// What was looked for: `function` or `resource`.
    pub what: &'static str,
    /// The name as given.
    pub given: String,
    /// The names there are.
    pub known: Vec<String>,
}

/// The addresses that a selection means, closed over what they depend on and, where they are to be
/// deleted, over what depends on them. `None` when nothing was named: everything.
///
/// # Errors
/// Each name that matches nothing.
pub fn select(selection: &Selection, desired: &Desired, state: &State) -> Result<Option<BTreeSet<Address>>, Vec<Unmatched>> {
    Ok(named(selection, desired, state)?.map(|named| close(named, desired, state)))
}

/// The same without what belongs to them: exactly what the user named.
///
/// # Errors
/// Each name that matches nothing.
pub fn named(selection: &Selection, desired: &Desired, state: &State) -> Result<Option<BTreeSet<Address>>, Vec<Unmatched>> {
    if selection.functions.is_empty() && selection.targets.is_empty() {
        return Ok(None);
    }
    let known: BTreeSet<&Address> = desired.resources.keys().chain(state.entries.keys()).collect();
    let mut selected = BTreeSet::new();
    let mut unmatched = Vec::new();
    for name in &selection.functions {
        let functions: BTreeSet<&str> = known
            .iter()
            .filter(|address| address.kind == "function" && matches(name, &address.name))
            .map(|address| address.name.as_str())
            .collect();
        if functions.is_empty() {
            let names = known.iter().filter(|address| address.kind == "function").map(|address| address.name.clone());
            unmatched.push(Unmatched { what: "function", given: name.clone(), known: names.collect() });
        }
        selected.extend(functions.into_iter().flat_map(|function| belonging(function, &known, desired, state)));
    }
    for target in &selection.targets {
        if known.contains(target) {
            selected.insert(target.clone());
        } else {
            let names = known.iter().map(ToString::to_string);
            unmatched.push(Unmatched { what: "resource", given: target.to_string(), known: names.collect() });
        }
    }
    if unmatched.is_empty() { Ok(Some(selected)) } else { Err(unmatched) }
}

/// A function and all that was declared with it. What only has its name, or is used by others as well, stands for itself.
fn belonging(function: &str, known: &BTreeSet<&Address>, desired: &Desired, state: &State) -> BTreeSet<Address> {
    let needs = |user: &Address, on: &Address| {
        let wanted = desired.resources.get(user).is_some_and(|user| user.needs().any(|needed| needed == on));
        wanted || state.entries.get(user).is_some_and(|user| user.needs().any(|needed| needed == on))
    };
    let is_shared = |address: &Address| known.iter().any(|user| user.name != function && needs(user, address));
    let named = || known.iter().copied().filter(|address| address.name == function);
    let mut found = BTreeSet::from([Address::new("function", function)]);
    loop {
        let is_tied = |address: &&Address| {
            let mut tied = found.iter();
            address.part.is_some() || tied.any(|other| needs(address, other) || (needs(other, address) && !is_shared(address)))
        };
        let more: Vec<Address> = named().filter(|address| !found.contains(*address)).filter(is_tied).cloned().collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    Path::key(name).is_covered_by(&Path::key(pattern))
}

fn close(selected: BTreeSet<Address>, desired: &Desired, state: &State) -> BTreeSet<Address> {
    let mut dependants: BTreeMap<&Address, Vec<&Address>> = BTreeMap::new();
    for (address, entry) in &state.entries {
        for on in entry.needs() {
            dependants.entry(on).or_default().push(address);
        }
    }
    let mut open: Vec<Address> = selected.iter().cloned().collect();
    let mut closed = selected;
    while let Some(address) = open.pop() {
        let belongs: Vec<Address> = match desired.resources.get(&address) {
            Some(resource) => {
                let needed = resource.needs().cloned();
                // What gets another name must not go before those that use it have moved on.
                let before = state.entries.get(&address).map(|entry| &entry.physical_id);
                let is_renamed = before.is_some() && resource.physical_id().is_some() && before != resource.physical_id();
                let users = dependants.get(&address).into_iter().flatten().filter(|_| is_renamed).map(|user| (*user).clone());
                needed.chain(users).collect()
            }
            None => dependants.get(&address).into_iter().flatten().map(|dependant| (*dependant).clone()).collect(),
        };
        open.extend(belongs.into_iter().filter(|address| closed.insert(address.clone())));
    }
    closed
}

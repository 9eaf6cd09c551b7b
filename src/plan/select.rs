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
    let ties = Ties::of(desired, state);
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
        selected.extend(functions.into_iter().flat_map(|function| ties.belonging(function)));
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

/// Who stands under a name, and who needs whom: by the spec or by what was applied.
struct Ties<'a> {
    named: BTreeMap<&'a str, Vec<&'a Address>>,
    users: BTreeMap<&'a Address, BTreeSet<&'a Address>>,
}

impl<'a> Ties<'a> {
    fn of(desired: &'a Desired, state: &'a State) -> Self {
        let mut ties = Self { named: BTreeMap::new(), users: BTreeMap::new() };
        for address in desired.resources.keys().chain(state.entries.keys()) {
            ties.named.entry(&address.name).or_default().push(address);
        }
        let wanted = desired.resources.iter().flat_map(|(user, resource)| resource.needs().map(move |on| (on, user)));
        let applied = state.entries.iter().flat_map(|(user, entry)| entry.needs().map(move |on| (on, user)));
        for (on, user) in wanted.chain(applied) {
            ties.users.entry(on).or_default().insert(user);
        }
        ties
    }

    /// A function and all that was declared with it. What only has its name, or is used by others as well, stands for itself.
    fn belonging(&self, function: &str) -> BTreeSet<Address> {
        let users = |on: &Address| self.users.get(on).into_iter().flatten().copied();
        let is_shared = |address: &Address| users(address).any(|user| user.name != function);
        let needs = |user: &Address, on: &Address| users(on).any(|one| one == user);
        let named = || self.named.get(function).into_iter().flatten().copied();
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

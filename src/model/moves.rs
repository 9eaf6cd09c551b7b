//! Resources that have another address from now on, and what they take along.

use super::{Address, Deposed, Entry, Forgotten, Record, State, Transition};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What others live for: it takes its company along when it moves.
const FUNCTION: &str = "function";
/// Repositories are named after a function's address, and not after its name in AWS.
const REPOSITORY: &str = "ecr";

/// A resource that has another address from now on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Move {
    /// Its address before.
    pub from: Address,
    /// Its address now.
    pub to: Address,
}

impl Move {
    /// What a plan says of it, of which resource.
    pub fn note(self) -> (Address, String) {
        (self.to, format!("it was `{}` before, and keeps its name in AWS", self.from))
    }
}

impl State {
    /// What moves when `wish` is carried out: the resource, and for a function all that is its own. Nothing where the
    /// state has no such resource, or has one at the new address already. What `stays` accepts keeps its address.
    pub fn company(&self, wish: &Move, stays: &dyn Fn(&Address) -> bool) -> Vec<Move> {
        let Move { from, to } = wish;
        if !self.entries.contains_key(from) || self.entries.contains_key(to) {
            return Vec::new();
        }
        let mut moves = vec![wish.clone()];
        if from.kind == FUNCTION {
            let renamed = |address: &Address| Address { name: to.name.clone(), ..address.clone() };
            let known: BTreeSet<&Address> = self.entries.keys().chain(self.intents.iter().filter_map(created)).collect();
            let own = known.into_iter().filter(|address| self.belongs_to(address, from) && !stays(address));
            let own = own.map(|address| Move { from: address.clone(), to: renamed(address) });
            moves.extend(own.filter(|one| !self.entries.contains_key(&one.to) || self.is_left_over(&one.to)));
        }
        moves
    }

    /// Whether nothing needs what has this address any more, so that it may go when another takes the address.
    fn is_left_over(&self, address: &Address) -> bool {
        let stays = self.entries.get(address).is_none_or(|entry| entry.keep || entry.adopted || entry.protect);
        let needs = |entry: &Entry| entry.needs().any(|on| on == address);
        !stays && !self.entries.values().any(needs)
    }

    /// Whether a resource has a function's name and nobody else's resources need it.
    fn belongs_to(&self, address: &Address, function: &Address) -> bool {
        let needs = |entry: &Entry| entry.needs().any(|on| on == address);
        let is_shared = || self.entries.iter().any(|(other, entry)| other.name != function.name && needs(entry));
        address.name == function.name && address != function && !is_shared()
    }

    /// Gives resources their new addresses, wherever the state speaks of them. Their names in AWS stay.
    pub fn carry_out(&mut self, moves: &[Move]) {
        for Move { from, to } in moves {
            let Some(mut entry) = self.entries.remove(from) else { continue };
            self.unsaved = true;
            if let Some(Entry { physical_id, inputs, attributes, deposed, .. }) = self.entries.remove(to) {
                entry.deposed.extend(deposed);
                entry.deposed.push(Deposed { physical_id, inputs, attributes });
            }
            entry.keeps_name |= from.kind == REPOSITORY || moves.first().is_some_and(|first| first.from == *from);
            self.entries.insert(to.clone(), entry);
        }
        let now = |address: &mut Address| {
            if let Some(one) = moves.iter().find(|one| one.from == *address) {
                address.clone_from(&one.to);
            }
        };
        for entry in self.entries.values_mut() {
            entry.dependencies.iter_mut().for_each(|dependency| now(&mut dependency.on));
            entry.parent.iter_mut().for_each(now);
        }
        for intent in &mut self.intents {
            if let Record::Begin { address, .. } = intent {
                now(address);
            }
        }
    }

    /// Takes a resource out of the state, and with it whatever dies with it; their addresses and entries.
    pub fn forget(&mut self, address: &Address) -> Vec<(Address, Entry)> {
        let mut gone = BTreeSet::from([address.clone()]);
        loop {
            let is_child = |(_, entry): &(&Address, &Entry)| entry.parent.as_ref().is_some_and(|parent| gone.contains(parent));
            let children: Vec<Address> =
                self.entries.iter().filter(is_child).map(|(child, _)| child.clone()).filter(|child| !gone.contains(child)).collect();
            if children.is_empty() {
                break;
            }
            gone.extend(children);
        }
        let forgotten: Vec<(Address, Entry)> = gone.into_iter().filter_map(|one| Some((one.clone(), self.entries.remove(&one)?))).collect();
        self.unsaved |= !forgotten.is_empty();
        forgotten.iter().for_each(|(address, entry)| self.keep_in_mind(address, entry));
        forgotten
    }

    /// What leaves the state and stays in AWS is nobody's garbage.
    pub(super) fn keep_in_mind(&mut self, address: &Address, entry: &Entry) {
        let one = Forgotten { kind: address.kind.clone(), physical_id: entry.physical_id.clone() };
        if !self.forgotten.contains(&one) {
            self.forgotten.push(one);
        }
    }
}

/// What a run was making when it ended.
fn created(intent: &Record) -> Option<&Address> {
    match intent {
        Record::Begin { address, transition: Transition::Create { .. }, .. } => Some(address),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dependency, Lineage, Target};

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    /// Two functions; the second one uses the role of the first one.
    fn state() -> State {
        let mut state = State::new(Lineage("l".into()), "demo", None, Target::placeholder(), None);
        let mut add = |text: &str, needs: &[&str], parent: Option<&str>| {
            let mut entry = Entry::new(format!("aws-{text}").into());
            entry.dependencies = needs.iter().map(|on| Dependency::hard(address(on))).collect();
            entry.parent = parent.map(address);
            state.entries.insert(address(text), entry);
        };
        add("role.a", &[], None);
        add("log_group.a", &[], None);
        add("function.a", &["role.a", "log_group.a"], None);
        add("permission.a.daily", &["function.a"], Some("function.a"));
        add("event_rule.a.daily", &["function.a", "permission.a.daily"], None);
        add("function.b", &["role.a"], None);
        state
    }

    fn moved(state: &mut State, from: &str, to: &str, stays: &[&str]) -> Vec<String> {
        let wish = Move { from: address(from), to: address(to) };
        let moves = state.company(&wish, &|address| stays.contains(&address.to_string().as_str()));
        state.carry_out(&moves);
        moves.iter().map(|one| format!("{} {}", one.from, one.to)).collect()
    }

    #[test]
    fn a_function_takes_its_own_along_and_leaves_what_others_need() {
        let mut state = state();
        let moves = moved(&mut state, "function.a", "function.c", &[]);
        assert_eq!(
            moves,
            [
                "function.a function.c",
                "event_rule.a.daily event_rule.c.daily",
                "log_group.a log_group.c",
                "permission.a.daily permission.c.daily"
            ]
        );
        let rule = &state.entries[&address("event_rule.c.daily")];
        assert_eq!(rule.dependencies[1].on, address("permission.c.daily"));
        assert_eq!(state.entries[&address("permission.c.daily")].parent, Some(address("function.c")));
        assert_eq!(state.entries[&address("function.c")].physical_id.as_str(), "aws-function.a");
        assert!(state.entries[&address("function.c")].keeps_name && !state.entries[&address("log_group.c")].keeps_name);
        assert!(state.unsaved);
        assert_eq!(moved(&mut state, "function.a", "function.c", &[]), [""; 0], "it has moved already");
    }

    #[test]
    fn what_was_begun_moves_along_and_what_is_left_over_at_the_new_address_goes_later() {
        let mut state = state();
        state.intents.push(Record::Begin {
            operation: 0,
            address: address("permission.a.nightly"),
            physical_id: None,
            call: "lambda:AddPermission".into(),
            transition: Transition::Create { adopted: false, discards: false },
        });
        state.entries.insert(address("log_group.c"), Entry::new("left over".into()));
        let moves = moved(&mut state, "function.a", "function.c", &[]);
        assert!(moves.contains(&"permission.a.nightly permission.c.nightly".to_owned()), "{moves:?}");
        assert!(matches!(&state.intents[0], Record::Begin { address, .. } if address.to_string() == "permission.c.nightly"));
        let group = &state.entries[&address("log_group.c")];
        assert_eq!((group.physical_id.as_str(), group.deposed[0].physical_id.as_str()), ("aws-log_group.a", "left over"));
    }

    #[test]
    fn a_resource_that_the_spec_still_has_stays_and_nothing_is_overwritten() {
        assert_eq!(moved(&mut state(), "function.a", "function.c", &["log_group.a"]).len(), 3);
        assert_eq!(moved(&mut state(), "function.a", "function.b", &[]), [""; 0]);
        assert_eq!(moved(&mut state(), "event_rule.a.daily", "event_rule.a.nightly", &[]), ["event_rule.a.daily event_rule.a.nightly"]);
    }

    #[test]
    fn what_dies_with_a_resource_is_forgotten_with_it() {
        let mut state = state();
        let forgotten = state.forget(&address("function.a"));
        let names: Vec<String> = forgotten.iter().map(|(address, _)| address.to_string()).collect();
        assert_eq!(names, ["function.a", "permission.a.daily"]);
        assert_eq!(state.entries.len(), 4);
        assert!(state.forget(&address("function.zzz")).is_empty());
    }
}

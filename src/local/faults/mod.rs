//! The cloud that misbehaves on purpose, by a plan: what real AWS is known to do, and no emulator does.
//!
//! `table` lists the faults, `plan` reads a plan, `facts` finds out what a request asks for, `memory` knows what came before,
//! and `decide` says from these what happens to a request; these are pure. `refusals` and `answers` write what is said
//! instead. `act` stands where requests enter and answers leave.
//!
//! The same plan and the same requests give the same faults, in whatever order parallel requests arrive: chance is a hash of
//! the seed, the rule, the operation, the resource, and how often that rule met that operation on that resource before.

mod act;
mod answers;
mod decide;
mod denied_words;
mod facts;
mod memory;
mod operations;
mod plan;
mod quotas;
mod refusals;
mod table;
#[cfg(test)]
mod tests;

pub use act::answer;
pub use facts::Facts;
pub use plan::{Plan, PlanError};

use decide::Verdict;
use memory::{Change, Memory};
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The plan of a cloud, and what it remembers for it.
#[derive(Default)]
pub struct Faults(Mutex<Option<Played>>);

/// A plan, and what came since it was set.
struct Played {
    plan: Plan,
    memory: Memory,
}

impl Faults {
    /// Plays this plan from now on, and forgets the one before with all that it counted.
    pub fn set(&self, plan: Plan, now_ms: i64) {
        *self.locked() = Some(Played { memory: Memory::new(now_ms, plan.rules.len()), plan });
    }

    /// Behaves from now on. What was decided before, such as a log group that comes back, is forgotten.
    pub fn end(&self) {
        *self.locked() = None;
    }

    /// Whether there is a plan.
    pub fn are_on(&self) -> bool {
        self.locked().is_some()
    }

    /// What was played so far, rule by rule.
    pub fn report(&self) -> Value {
        let played = self.locked();
        let Some(Played { plan, memory }) = played.as_ref() else { return json!({ "seed": null, "rules": [] }) };
        let rules = plan.rules.iter().zip(memory.hits());
        let rules: Vec<Value> = rules.map(|(rule, hits)| json!({ "fault": rule.fault.name(), "hits": hits })).collect();
        json!({ "seed": plan.seed, "rules": rules })
    }

    fn enter(&self, facts: &Facts, now_ms: i64) -> Verdict {
        self.with(|Played { plan, memory }| decide::decide(plan, memory, facts, now_ms)).unwrap_or_default()
    }

    fn remember(&self, facts: &Facts, change: Change, now_ms: i64) {
        self.with(|played| played.memory.remember(facts, change, now_ms));
    }

    fn with<T>(&self, work: impl FnOnce(&mut Played) -> T) -> Option<T> {
        self.locked().as_mut().map(work)
    }

    fn locked(&self) -> MutexGuard<'_, Option<Played>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

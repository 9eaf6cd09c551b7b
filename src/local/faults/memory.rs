//! What came before: what was made, changed and deleted when, how often each rule met whom, and how full quotas are.

use super::facts::Facts;
use super::quotas::Tokens;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A thing, by the service that it belongs to and its name; IAM's names know no case.
type Thing = (String, String);

/// What a request did to the thing that it names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    Made,
    Changed,
    /// As it was shown before, where that is of use.
    Deleted(Option<Value>),
}

/// What is remembered of a thing.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    pub made_ms: Option<i64>,
    pub changed_ms: Option<i64>,
    pub deleted_ms: Option<i64>,
    /// As it was shown before it was deleted.
    pub ghost: Option<Value>,
}

/// Everything that is remembered since a plan was set.
pub(super) struct Memory {
    pub since_ms: i64,
    past: BTreeMap<Thing, Past>,
    seen: BTreeSet<String>,
    /// By rule, operation and resource: how often they met.
    met: BTreeMap<(usize, String, String), u64>,
    hits: Vec<u64>,
    pub tokens: BTreeMap<(usize, &'static str), Tokens>,
    /// Log groups that come back, with region, and when.
    returning: Vec<(i64, String, String)>,
    /// Functions, with how many changes of their policies are under way.
    statements: BTreeMap<String, usize>,
}

impl Memory {
    pub fn new(since_ms: i64, rules: usize) -> Self {
        Self {
            since_ms,
            past: BTreeMap::new(),
            seen: BTreeSet::new(),
            met: BTreeMap::new(),
            hits: vec![0; rules],
            tokens: BTreeMap::new(),
            returning: Vec::new(),
            statements: BTreeMap::new(),
        }
    }

    /// How often each rule hit.
    pub fn hits(&self) -> impl Iterator<Item = u64> {
        self.hits.iter().copied()
    }

    pub fn hits_of(&self, rule: usize) -> u64 {
        self.hits.get(rule).copied().unwrap_or_default()
    }

    pub fn hit(&mut self, rule: usize) {
        if let Some(hits) = self.hits.get_mut(rule) {
            *hits += 1;
        }
    }

    /// How often a rule met an operation on a resource before; this counts it.
    pub fn meet(&mut self, rule: usize, facts: &Facts) -> u64 {
        let met = self.met.entry((rule, facts.operation.clone(), facts.resource.clone())).or_default();
        *met += 1;
        *met - 1
    }

    /// Notes that an operation was called.
    pub fn see(&mut self, operation: &str) {
        if !self.seen.contains(operation) {
            self.seen.insert(operation.to_owned());
        }
    }

    pub fn has_seen(&self, is_it: impl Fn(&str) -> bool) -> bool {
        self.seen.iter().any(|operation| is_it(operation))
    }

    pub fn past(&self, service: &str, name: &str) -> Past {
        self.past.get(&(service.to_owned(), name.to_lowercase())).cloned().unwrap_or_default()
    }

    /// The names of a service's things that were made after that moment.
    pub fn made_after(&self, service: &str, at_ms: i64) -> Vec<String> {
        let young = |past: &Past| past.made_ms.is_some_and(|made_ms| made_ms > at_ms);
        self.past.iter().filter(|((of, _), past)| of == service && young(past)).map(|((_, name), _)| name.clone()).collect()
    }

    pub fn remember(&mut self, facts: &Facts, change: Change, now_ms: i64) {
        let past = self.past.entry((facts.service.clone(), facts.resource.to_lowercase())).or_default();
        match change {
            Change::Made => *past = Past { made_ms: Some(now_ms), ..Past::default() },
            Change::Changed => past.changed_ms = Some(now_ms),
            Change::Deleted(ghost) => *past = Past { deleted_ms: Some(now_ms), ghost, ..Past::default() },
        }
    }

    /// A change of a function's policy is under way; whether no other one is.
    pub fn begin_statement(&mut self, function: &str) -> bool {
        let count = self.statements.entry(function.to_owned()).or_default();
        *count += 1;
        *count == 1
    }

    pub fn end_statement(&mut self, function: &str) {
        if let Some(count) = self.statements.get_mut(function) {
            *count = count.saturating_sub(1);
        }
    }

    pub fn let_return(&mut self, at_ms: i64, region: &str, group: &str) {
        self.returning.push((at_ms, region.to_owned(), group.to_owned()));
    }

    /// The log groups that have come back by now, with their regions.
    pub fn returned(&mut self, now_ms: i64) -> Vec<(String, String)> {
        let due = self.returning.extract_if(.., |(at_ms, ..)| *at_ms <= now_ms);
        due.map(|(_, region, group)| (region, group)).collect()
    }
}

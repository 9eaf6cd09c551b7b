//! Which operation may start next. Pure: it is told what ended and says what that sets free.

use crate::model::{Action, Operation, OperationId, Step, Strength, Transition};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Something that it waits for has not ended, or nobody asked for it yet.
    Waiting,
    /// It was handed out.
    Running,
    /// It went through.
    Done,
    /// It did not.
    Failed,
    /// It will not be tried, since something that it waits hard for did not go through.
    Skipped,
}

/// The ready queue over a plan's operations.
pub struct Schedule<'a> {
    operations: &'a [Operation],
    status: Vec<Status>,
    open_waits: Vec<usize>,
    dependants: Vec<Vec<(usize, Strength)>>,
    /// The quota that each operation counts against.
    quotas: Vec<&'static str>,
    /// What may start, by quota: a slow one must not keep the others waiting. Within a quota the order is that of the
    /// plan, so that what is begun is brought to its end before the next is begun.
    ready: BTreeMap<&'static str, BTreeSet<usize>>,
    /// A call that counts against each quota.
    calls: BTreeMap<&'static str, &'a str>,
    running: BTreeMap<&'static str, usize>,
    /// Serial keys in use, each with those that wait for it.
    busy: BTreeMap<&'a str, VecDeque<usize>>,
    ended: usize,
}

impl<'a> Schedule<'a> {
    /// Everything waits; what has no waits is ready.
    pub fn new(operations: &'a [Operation], quota_of: impl Fn(&str) -> &'static str) -> Self {
        let mut dependants = vec![Vec::new(); operations.len()];
        for (index, operation) in operations.iter().enumerate() {
            operation.waits.iter().for_each(|wait| dependants[wait.on.0].push((index, wait.strength)));
        }
        let open_waits: Vec<usize> = operations.iter().map(|operation| operation.waits.len()).collect();
        let free: Vec<usize> = (0..operations.len()).filter(|index| open_waits[*index] == 0).collect();
        let status = vec![Status::Waiting; operations.len()];
        let (ready, running, busy) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let quotas: Vec<&'static str> = operations.iter().map(|operation| quota_of(&operation.call)).collect();
        let calls = quotas.iter().copied().zip(operations.iter().map(|operation| operation.call.as_str())).collect();
        let mut schedule = Self { operations, status, open_waits, dependants, quotas, ready, calls, running, busy, ended: 0 };
        free.into_iter().for_each(|index| schedule.free(index));
        schedule
    }

    fn free(&mut self, index: usize) {
        self.ready.entry(self.quotas[index]).or_default().insert(index);
    }

    /// Hands out the next operation, if one may start: of a quota that has room for the call, and never more than
    /// `limit` of one quota.
    pub fn next(&mut self, limit: usize, has_room: impl Fn(&str) -> bool) -> Option<OperationId> {
        let quotas: Vec<&'static str> = self.ready.iter().filter(|(_, ready)| !ready.is_empty()).map(|(quota, _)| *quota).collect();
        quotas.into_iter().find_map(|quota| self.next_of(quota, limit, &has_room))
    }

    fn next_of(&mut self, quota: &'static str, limit: usize, has_room: &impl Fn(&str) -> bool) -> Option<OperationId> {
        if self.running.get(quota).copied().unwrap_or(0) >= limit {
            return None;
        }
        let ready = self.ready.get_mut(quota)?;
        while let Some(index) = ready.first().copied().filter(|index| has_room(&self.operations[*index].call)) {
            ready.remove(&index);
            if let Some(key) = self.operations[index].serial_key.as_deref() {
                if let Some(parked) = self.busy.get_mut(key) {
                    parked.push_back(index);
                    continue;
                }
                self.busy.insert(key, VecDeque::new());
            }
            self.status[index] = Status::Running;
            *self.running.entry(quota).or_default() += 1;
            return Some(OperationId(index));
        }
        None
    }

    /// Operations that could start if their quota had room for them: each quota, a call that counts against it, and how
    /// many are held back.
    pub fn held_back(&self, has_room: impl Fn(&str) -> bool) -> Vec<(&'static str, &'a str, usize)> {
        let each = self.ready.iter().filter_map(|(quota, ready)| Some((*quota, *self.calls.get(quota)?, ready.len())));
        each.map(|(quota, call, number)| (quota, call, if number == 0 || has_room(call) { 0 } else { number })).collect()
    }

    /// Takes note that an operation ended; gives those that will not be tried because of it.
    pub fn end(&mut self, id: OperationId, went_through: bool) -> Vec<OperationId> {
        self.status[id.0] = if went_through { Status::Done } else { Status::Failed };
        if let Some(count) = self.running.get_mut(self.quotas[id.0]) {
            *count -= 1;
        }
        if let Some(key) = self.operations[id.0].serial_key.as_deref() {
            self.busy.remove(key).into_iter().flatten().for_each(|parked| self.free(parked));
        }
        let mut skipped = Vec::new();
        let mut ended = vec![id.0];
        while let Some(index) = ended.pop() {
            self.ended += 1;
            for (dependant, strength) in std::mem::take(&mut self.dependants[index]) {
                self.open_waits[dependant] -= 1;
                if self.status[dependant] != Status::Waiting {
                    continue;
                }
                if self.status[index] != Status::Done && strength == Strength::Hard {
                    self.status[dependant] = Status::Skipped;
                    skipped.push(OperationId(dependant));
                    ended.push(dependant);
                } else if self.open_waits[dependant] == 0 {
                    self.free(dependant);
                }
            }
        }
        skipped
    }

    /// Whether an operation went through.
    pub fn is_done(&self, id: OperationId) -> bool {
        self.status[id.0] == Status::Done
    }

    /// How many operations ended or will not be tried.
    pub fn ended(&self) -> usize {
        self.ended
    }

    /// Operations that were not handed out or did not end.
    pub fn unfinished(&self) -> impl Iterator<Item = OperationId> + '_ {
        let open = |status: &Status| matches!(status, Status::Waiting | Status::Running);
        self.status.iter().enumerate().filter(move |(_, status)| open(status)).map(|(index, _)| OperationId(index))
    }
}

/// The operation that completes the wanted resource; behind it only a predecessor is deleted.
pub fn finisher(step: &Step, operations: &[Operation]) -> Option<OperationId> {
    let makes = |operation: &Operation| matches!(operation.transition, Transition::Create { .. } | Transition::Update);
    let completes = |id: &&OperationId| makes(&operations[id.0]) && operations[id.0].physical_id == step.physical_id;
    step.operations.iter().rev().find(completes).copied().filter(|_| !matches!(step.action, Action::Delete | Action::Forget))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Table, Transition, Wait};

    fn operation(waits: &[(usize, Strength)], serial_key: Option<&str>) -> Operation {
        Operation {
            address: Address::new("function", "a"),
            physical_id: None,
            call: "lambda:CreateFunction".into(),
            arguments: Table::new(),
            carries: vec![],
            transition: Transition::Update,
            follows: vec![],
            waits: waits.iter().map(|(on, strength)| Wait { on: OperationId(*on), strength: *strength }).collect(),
            serial_key: serial_key.map(Into::into),
        }
    }

    fn scheduled(operations: &[Operation]) -> Schedule<'_> {
        Schedule::new(operations, |call| if call.starts_with("iam") { "iam" } else { "lambda" })
    }

    fn all_ready(schedule: &mut Schedule<'_>) -> Vec<usize> {
        std::iter::from_fn(|| schedule.next(usize::MAX, |_| true)).map(|id| id.0).collect()
    }

    #[test]
    fn an_operation_starts_when_its_own_waits_are_over() {
        let operations = [operation(&[], None), operation(&[(0, Strength::Hard)], None), operation(&[], None)];
        let mut schedule = scheduled(&operations);
        assert_eq!(all_ready(&mut schedule), [0, 2]);
        assert!(schedule.end(OperationId(0), true).is_empty());
        assert_eq!(all_ready(&mut schedule), [1]);
    }

    #[test]
    fn a_failure_skips_those_that_wait_hard_and_frees_those_that_wait_softly() {
        let operations = [
            operation(&[], None),
            operation(&[(0, Strength::Hard)], None),
            operation(&[(1, Strength::Hard)], None),
            operation(&[(0, Strength::Soft)], None),
            operation(&[(2, Strength::Soft)], None),
        ];
        let mut schedule = scheduled(&operations);
        assert_eq!(all_ready(&mut schedule), [0]);
        assert_eq!(schedule.end(OperationId(0), false), [OperationId(1), OperationId(2)]);
        assert_eq!(all_ready(&mut schedule), [3, 4]);
        assert_eq!(schedule.ended(), 3);
        assert_eq!(schedule.unfinished().count(), 2);
    }

    #[test]
    fn a_slow_quota_does_not_keep_another_waiting() {
        let mut operations = vec![operation(&[], None), operation(&[], None), operation(&[], None)];
        operations.push(Operation { call: "iam:CreateRole".into(), ..operation(&[], None) });
        let mut schedule = scheduled(&operations);
        let handed: Vec<usize> = std::iter::from_fn(|| schedule.next(2, |_| true)).map(|id| id.0).collect();
        assert_eq!(handed, [3, 0, 1]);
        schedule.end(OperationId(0), true);
        assert_eq!(schedule.next(2, |call| call.starts_with("iam")), None);
        assert_eq!(schedule.next(2, |_| true), Some(OperationId(2)));
    }

    #[test]
    fn what_is_begun_is_brought_to_its_end_before_the_next_is_begun() {
        let second = operation(&[(0, Strength::Hard)], None);
        let operations = [operation(&[], None), second, operation(&[], None), operation(&[], None)];
        let mut schedule = scheduled(&operations);
        assert_eq!(schedule.next(2, |_| true), Some(OperationId(0)));
        assert_eq!(schedule.next(2, |_| true), Some(OperationId(2)));
        schedule.end(OperationId(0), true);
        assert_eq!(schedule.next(2, |_| true), Some(OperationId(1)));
    }

    #[test]
    fn operations_with_one_serial_key_run_one_after_the_other() {
        let operations = [operation(&[], Some("k")), operation(&[], Some("k")), operation(&[], Some("other"))];
        let mut schedule = scheduled(&operations);
        assert_eq!(all_ready(&mut schedule), [0, 2]);
        schedule.end(OperationId(0), false);
        assert_eq!(all_ready(&mut schedule), [1]);
    }
}

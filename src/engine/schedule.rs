//! Which operation may start next. Pure: it is told what ended and says what that sets free.

use crate::model::{Operation, OperationId, Strength};
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
    /// What may start, by call: a call whose quota is slow must not keep the others waiting.
    ready: BTreeMap<&'a str, BTreeSet<usize>>,
    running: BTreeMap<&'a str, usize>,
    /// Serial keys in use, each with those that wait for it.
    busy: BTreeMap<&'a str, VecDeque<usize>>,
    ended: usize,
}

impl<'a> Schedule<'a> {
    /// Everything waits; what has no waits is ready.
    pub fn new(operations: &'a [Operation]) -> Self {
        let mut dependants = vec![Vec::new(); operations.len()];
        for (index, operation) in operations.iter().enumerate() {
            operation.waits.iter().for_each(|wait| dependants[wait.on.0].push((index, wait.strength)));
        }
        let open_waits: Vec<usize> = operations.iter().map(|operation| operation.waits.len()).collect();
        let free: Vec<usize> = (0..operations.len()).filter(|index| open_waits[*index] == 0).collect();
        let status = vec![Status::Waiting; operations.len()];
        let (ready, running) = (BTreeMap::new(), BTreeMap::new());
        let mut schedule = Self { operations, status, open_waits, dependants, ready, running, busy: BTreeMap::new(), ended: 0 };
        free.into_iter().for_each(|index| schedule.free(index));
        schedule
    }

    fn free(&mut self, index: usize) {
        self.ready.entry(self.operations[index].call.as_str()).or_default().insert(index);
    }

    /// Hands out the next operation, if one may start: of the call that has the fewest under way, and
    /// never more than `limit` of one call.
    pub fn next(&mut self, limit: usize) -> Option<OperationId> {
        loop {
            let under_way = |call: &str| self.running.get(call).copied().unwrap_or(0);
            let calls = self.ready.iter().filter(|(call, ready)| !ready.is_empty() && under_way(call) < limit);
            let call = calls.map(|(call, _)| *call).min_by_key(|call| under_way(call))?;
            let index = self.ready.get_mut(call)?.pop_first()?;
            if let Some(key) = self.operations[index].serial_key.as_deref() {
                if let Some(parked) = self.busy.get_mut(key) {
                    parked.push_back(index);
                    continue;
                }
                self.busy.insert(key, VecDeque::new());
            }
            self.status[index] = Status::Running;
            *self.running.entry(call).or_default() += 1;
            return Some(OperationId(index));
        }
    }

    /// Takes note that an operation ended; gives those that will not be tried because of it.
    pub fn end(&mut self, id: OperationId, went_through: bool) -> Vec<OperationId> {
        self.status[id.0] = if went_through { Status::Done } else { Status::Failed };
        if let Some(count) = self.running.get_mut(self.operations[id.0].call.as_str()) {
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
            waits: waits.iter().map(|(on, strength)| Wait { on: OperationId(*on), strength: *strength }).collect(),
            serial_key: serial_key.map(Into::into),
        }
    }

    fn all_ready(schedule: &mut Schedule<'_>) -> Vec<usize> {
        std::iter::from_fn(|| schedule.next(usize::MAX)).map(|id| id.0).collect()
    }

    #[test]
    fn an_operation_starts_when_its_own_waits_are_over() {
        let operations = [operation(&[], None), operation(&[(0, Strength::Hard)], None), operation(&[], None)];
        let mut schedule = Schedule::new(&operations);
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
        let mut schedule = Schedule::new(&operations);
        assert_eq!(all_ready(&mut schedule), [0]);
        assert_eq!(schedule.end(OperationId(0), false), [OperationId(1), OperationId(2)]);
        assert_eq!(all_ready(&mut schedule), [3, 4]);
        assert_eq!(schedule.ended(), 3);
        assert_eq!(schedule.unfinished().count(), 2);
    }

    #[test]
    fn a_slow_call_does_not_keep_another_waiting() {
        let mut operations = vec![operation(&[], None), operation(&[], None), operation(&[], None)];
        operations.push(Operation { call: "iam:CreateRole".into(), ..operation(&[], None) });
        let mut schedule = Schedule::new(&operations);
        let handed: Vec<usize> = std::iter::from_fn(|| schedule.next(2)).map(|id| id.0).collect();
        assert_eq!(handed, [3, 0, 1]);
        schedule.end(OperationId(0), true);
        assert_eq!(schedule.next(2), Some(OperationId(2)));
    }

    #[test]
    fn operations_with_one_serial_key_run_one_after_the_other() {
        let operations = [operation(&[], Some("k")), operation(&[], Some("k")), operation(&[], Some("other"))];
        let mut schedule = Schedule::new(&operations);
        assert_eq!(all_ready(&mut schedule), [0, 2]);
        schedule.end(OperationId(0), false);
        assert_eq!(all_ready(&mut schedule), [1]);
    }
}

//! What wakes the daemon up. A wake-up carries no data: it only says that it is time to look, and then everything is read anew.

use super::{Board, LogLine, Logs, Trouble, Watched};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// What a spec is shown to do while a plan is applied.
pub(super) const APPLYING: &str = "applying";

/// Why a spec is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WakeUp {
    /// Its schedule says so, or a pause is over.
    Time,
    /// Its files changed.
    SpecChanged,
    /// The process was asked by a signal.
    Signal,
    /// A person asked.
    Request,
}

/// Wakes one spec's loop. Rings that come while it works are kept, and equal ones are one.
#[derive(Debug, Default)]
pub struct Bell {
    rung: Mutex<BTreeSet<WakeUp>>,
    approved: Mutex<Option<String>>,
    notify: Notify,
}

impl Bell {
    /// Wakes the loop, now or as soon as it has ended what it does.
    pub fn ring(&self, why: WakeUp) {
        locked(&self.rung).insert(why);
        self.notify.notify_one();
    }

    /// Waits until somebody rings; answers with why, all at once.
    pub async fn wait(&self) -> BTreeSet<WakeUp> {
        loop {
            let rung = std::mem::take(&mut *locked(&self.rung));
            if !rung.is_empty() {
                return rung;
            }
            self.notify.notified().await;
        }
    }

    fn approve(&self, proposal: &str) {
        *locked(&self.approved) = Some(proposal.to_owned());
        self.ring(WakeUp::Request);
    }

    fn is_approved(&self) -> bool {
        locked(&self.approved).is_some()
    }

    /// The id of the plan that a person wants to be applied, once.
    pub fn approved(&self) -> Option<String> {
        locked(&self.approved).take()
    }
}

/// How others speak to the loops.
#[derive(Clone)]
pub struct Control {
    /// What is known.
    pub board: Arc<Board>,
    specs: Arc<BTreeMap<String, Party>>,
}

/// One spec.
#[derive(Clone)]
pub struct Party {
    /// Wakes its loop.
    pub bell: Arc<Bell>,
    /// The spec.
    pub watched: Arc<dyn Watched>,
    /// What its functions log.
    pub logs: Arc<dyn Logs>,
}

/// Why a request is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No spec has this id.
    Unknown,
    /// No plan with this id waits: it was applied, or another one took its place.
    NotWaiting,
    /// Nothing is applied during a freeze.
    Frozen,
    /// This plan is being applied, or will be as soon as what goes on has ended.
    Applying,
}

impl Control {
    /// Speaks to these specs, by id.
    pub fn new(board: Arc<Board>, specs: BTreeMap<String, Party>) -> Self {
        Self { board, specs: Arc::new(specs) }
    }

    /// The specs.
    pub fn specs(&self) -> &BTreeMap<String, Party> {
        &self.specs
    }

    /// Asks for a check as soon as possible.
    ///
    /// # Errors
    /// [`Refused::Unknown`].
    pub fn check(&self, id: &str) -> Result<(), Refused> {
        self.specs.get(id).ok_or(Refused::Unknown)?.bell.ring(WakeUp::Request);
        Ok(())
    }

    /// Asks for a check of everything.
    pub fn check_all(&self, why: WakeUp) {
        self.specs.values().for_each(|party| party.bell.ring(why));
    }

    /// Asks to apply the plan that waits, and that a person has seen under this id.
    ///
    /// # Errors
    /// All of [`Refused`].
    pub fn approve(&self, id: &str, proposal: &str) -> Result<(), Refused> {
        let party = self.specs.get(id).ok_or(Refused::Unknown)?;
        let view = self.board.get(id).ok_or(Refused::Unknown)?;
        if view.proposal.as_ref().is_none_or(|waiting| waiting.id != proposal) {
            return Err(Refused::NotWaiting);
        }
        if view.frozen.is_some() {
            return Err(Refused::Frozen);
        }
        if party.bell.is_approved() || view.activity.as_deref() == Some(APPLYING) {
            return Err(Refused::Applying);
        }
        party.bell.approve(proposal);
        Ok(())
    }

    /// The last lines that a function logged; `None` for a spec that is not there.
    ///
    /// # Errors
    /// Those of [`Logs::logs`].
    pub async fn logs(&self, id: &str, function: &str, since: Duration) -> Option<Result<Vec<LogLine>, Trouble>> {
        let logs = Arc::clone(&self.specs.get(id)?.logs);
        Some(logs.logs(function, since).await)
    }

    /// Whether every spec was looked at once, with whatever result.
    pub fn is_ready(&self) -> bool {
        let is_known = |id: &String| self.board.get(id).is_some_and(|view| view.last_check.is_some() || view.spec_trouble.is_some());
        self.specs.keys().all(is_known)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

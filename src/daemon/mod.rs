//! The daemon: checks on a schedule, remembers what it found, tells and heals.
//!
//! It has no logic of reconciling. Whatever touches a spec, a state or AWS goes through [`Watched`], which the command line
//! implements with the code of its own commands; here are only the questions of *when*, *what is new* and *may it*.
//!
//! [`Daemon::run`] starts one loop per spec (`watch.rs`). A loop waits for its schedule and its [`Bell`], then reads everything anew,
//! checks, writes down in its [`Ledger`] what is new, heals or proposes where the spec says so ([`decide`]), hands the news to the
//! [`Listener`] and shows the rest on the [`Board`]. Nothing in it ends the process: what fails is written down and tried again.

mod audit;
mod board;
mod heal;
pub mod http;
mod ledger;
mod notice;
pub mod notify;
mod pause;
mod schedule;
#[cfg(test)]
mod testing;
mod wake;
mod watch;
mod watched;

pub use audit::{Audited, LogGroupFinding, LogGroupProblem, LogGroups};
pub use board::{
    Attempt, Board, CallCount, Calls, Count, DURATION_LIMITS_MS, Durations, Moment, MomentKind, Proposal, Standing, Totals, Undone, View,
};
pub use heal::{Decision, decide, frozen};
pub use ledger::{Ledger, MOMENTS_KEPT, Topic};
pub use notice::{Finding, FindingKind, FindingState, Listener, Notice, NoticeKind};
pub use schedule::Schedule;
pub use wake::{Bell, Control, Party, Refused, WakeUp};
pub use watched::{
    Allowed, Check, Contest, Depth, Freeze, Healed, LogLine, Logs, Order, Resource, Settings, Trouble, TroubleKind, Unread, Watched,
};

pub use crate::model::Mode;

use crate::store::Shelf;
use futures::future::join_all;
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use watch::Watch;

/// So many specs are worked on at the same time.
const AT_A_TIME: usize = 4;

/// Tells the time of day, which jumps when a machine sleeps.
pub trait WallClock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The computer's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemTime;

impl WallClock for SystemTime {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Takes what happens, by the spec's id.
pub type Log = Arc<dyn Fn(&str, &Moment) + Send + Sync>;

/// What the loops share.
#[derive(Clone)]
pub struct Daemon {
    /// The specs and the board.
    pub control: Control,
    /// Who tells people.
    pub listener: Arc<dyn Listener>,
    /// The time.
    pub clock: Arc<dyn WallClock>,
    /// The file in which a spec's memory is kept, by its id.
    pub memory: Arc<dyn Fn(&str) -> PathBuf + Send + Sync>,
    /// Takes what happens, by the spec's id, for the log.
    pub log: Log,
    /// Ends the loops; what is being applied is finished first.
    pub stop: CancellationToken,
}

impl Daemon {
    /// Watches until [`Daemon::stop`].
    pub async fn run(&self) {
        let turns = Arc::new(Semaphore::new(AT_A_TIME));
        let loops = self.control.specs().iter().map(|(id, party)| self.watch(id, party, &turns).run());
        join_all(loops).await;
    }

    /// Looks at each spec once and ends.
    pub async fn once(&self) {
        let turns = Arc::new(Semaphore::new(AT_A_TIME));
        let loops = self.control.specs().iter().map(|(id, party)| self.watch(id, party, &turns).once());
        join_all(loops).await;
    }

    fn watch(&self, id: &str, party: &Party, turns: &Arc<Semaphore>) -> Watch {
        let shelf = Shelf::new((self.memory)(id));
        Watch::new(id, party.clone(), self.clone(), shelf, Arc::clone(turns))
    }
}

//! The daemon: checks on a schedule, remembers what it found, tells and heals.
//!
//! It has no logic of reconciling. Whatever touches a spec, a state or AWS goes through [`Watched`], which the command line
//! implements with the code of its own commands; here are only the questions of *when*, *what is new* and *may it*.

mod board;
mod notice;
mod wake;
mod watched;

pub use board::{Attempt, Board, CallCount, Calls, Count, Moment, MomentKind, Proposal, Standing, Totals, View};
pub use notice::{Finding, FindingKind, FindingState, Listener, Notice, NoticeKind};
pub use wake::{Bell, Control, Party, Refused, WakeUp};
pub use watched::{
    Allowed, Check, Contest, Depth, Freeze, Healed, LogLine, Mode, Order, Resource, Settings, Trouble, TroubleKind, Unread, Watched,
};

//! Which environments there are, and who gets which.

use super::deployment::{Deployment, Invocation, Outcome, Refusal, ThrottleReason};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// How long a function that is retired is waited for after its answer.
const LINGERING: Duration = Duration::from_secs(1);

/// An invocation on its way to an environment.
pub struct Job {
    pub invocation: Invocation,
    pub permit: Permit,
    pub reply: oneshot::Sender<Result<Outcome, Refusal>>,
}

/// What becomes of an invocation.
pub enum Decision {
    /// It goes to this environment.
    Use(mpsc::Sender<Job>, Permit),
    /// A new environment is to be made for it.
    Make(Vacancy, Permit),
    /// An environment has answered and will ask for more at any moment: ask again then.
    Wait,
    Refuse(Refusal),
}

/// A place for a new environment.
pub struct Vacancy {
    pub seat: Seat,
    pub sender: mpsc::Sender<Job>,
    pub mailbox: mpsc::Receiver<Job>,
    /// Cancelled when the environment shall end at once.
    pub token: CancellationToken,
}

/// The environments of a runner.
pub struct Pool {
    most: usize,
    members: Mutex<Members>,
    /// Rung whenever an environment gets idle or leaves.
    changed: Notify,
    token: CancellationToken,
}

#[derive(Default)]
struct Members {
    by_id: BTreeMap<u64, Member>,
    last_id: u64,
    /// Counts up with each environment that gets idle.
    clock: u64,
    /// Invocations that have no answer yet, by function.
    running: BTreeMap<String, u32>,
    is_closed: bool,
}

struct Member {
    arn: String,
    version: String,
    generation: String,
    stage: Stage,
    sender: mpsc::Sender<Job>,
    token: CancellationToken,
    /// Gets no more work.
    is_outdated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Busy,
    /// Has answered, and does not ask for more yet.
    Finishing,
    /// Since that moment of the clock.
    Idle(u64),
    Leaving,
}

impl Member {
    fn runs(&self, deployment: &Deployment) -> bool {
        self.arn == deployment.arn && self.version == deployment.version
    }

    fn dismiss(&mut self) {
        self.is_outdated = true;
        if matches!(self.stage, Stage::Idle(_)) {
            self.stage = Stage::Leaving;
            self.token.cancel();
        }
    }
}

impl Pool {
    /// A pool of at most so many environments.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, members: Mutex::default(), changed: Notify::new(), token: CancellationToken::new() })
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides about one invocation. Environments of other generations get no more work from now on.
    pub fn decide(self: &Arc<Self>, deployment: &Deployment, may_wait: bool) -> Decision {
        let mut members = self.members();
        if members.is_closed {
            return Decision::Refuse(Refusal::ShuttingDown);
        }
        members.dismiss_older(deployment);
        if members.is_reserved_used_up(deployment, false) {
            return refuse(ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded);
        }
        if let Some(member) = members.newest_idle(deployment) {
            member.stage = Stage::Busy;
            let sender = member.sender.clone();
            return Decision::Use(sender, self.permit(&mut members, deployment));
        }
        if may_wait && members.is_one_finishing(deployment) {
            return Decision::Wait;
        }
        if members.is_reserved_used_up(deployment, true) {
            return refuse(ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded);
        }
        if members.by_id.values().filter(|member| member.stage != Stage::Leaving).count() >= self.most && !members.dismiss_oldest_idle() {
            return refuse(ThrottleReason::ConcurrentInvocationLimitExceeded);
        }
        let vacancy = self.vacancy(&mut members, deployment);
        Decision::Make(vacancy, self.permit(&mut members, deployment))
    }

    fn permit(self: &Arc<Self>, members: &mut Members, deployment: &Deployment) -> Permit {
        *members.running.entry(deployment.arn.clone()).or_default() += 1;
        Permit { pool: Arc::clone(self), arn: deployment.arn.clone() }
    }

    fn vacancy(self: &Arc<Self>, members: &mut Members, deployment: &Deployment) -> Vacancy {
        let (sender, mailbox) = mpsc::channel(1);
        let token = self.token.child_token();
        members.last_id += 1;
        let id = members.last_id;
        let member = Member {
            arn: deployment.arn.clone(),
            version: deployment.version.clone(),
            generation: deployment.generation.clone(),
            stage: Stage::Busy,
            sender: sender.clone(),
            token: token.clone(),
            is_outdated: false,
        };
        members.by_id.insert(id, member);
        Vacancy { seat: Seat { pool: Arc::clone(self), id }, sender, mailbox, token }
    }

    /// Returns when an environment got idle or left after this was called.
    pub async fn change(&self) {
        self.changed.notified().await;
    }

    /// Ends a function's environments: those that have answered by the time this returns, unless they
    /// linger; the others after their invocation.
    pub async fn retire(&self, arn: &str) {
        self.members().by_id.values_mut().filter(|member| member.arn == arn).for_each(Member::dismiss);
        let is_going = |member: &Member| member.arn == arn && matches!(member.stage, Stage::Finishing | Stage::Leaving);
        let gone = self.until(|members| !members.by_id.values().any(is_going));
        // Who lingers after the answer ends all the same, later.
        let _ = tokio::time::timeout(LINGERING, gone).await;
    }

    /// Takes no more work and ends all environments, in the middle of what they do. What has answered is let
    /// finish first, if it does not linger: the end of its log is still to come.
    pub async fn close(&self) {
        self.members().close();
        let finished = self.until(|members| members.by_id.values().all(|member| member.stage != Stage::Finishing));
        let _ = tokio::time::timeout(LINGERING, finished).await;
        self.token.cancel();
        self.until(|members| members.by_id.is_empty()).await;
    }

    /// Asks everything to end, without waiting for it.
    pub fn abandon(&self) {
        self.members().is_closed = true;
        self.token.cancel();
    }

    async fn until(&self, is_reached: impl Fn(&Members) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            if is_reached(&self.members()) {
                return;
            }
            changed.await;
        }
    }
}

fn refuse(reason: ThrottleReason) -> Decision {
    Decision::Refuse(Refusal::TooManyRequests(reason))
}

impl Members {
    fn close(&mut self) {
        self.is_closed = true;
        for member in self.by_id.values_mut() {
            member.is_outdated = true;
            if member.stage != Stage::Finishing {
                member.token.cancel();
            }
        }
    }

    fn dismiss_older(&mut self, deployment: &Deployment) {
        let mine = self.by_id.values_mut().filter(|member| member.runs(deployment));
        mine.filter(|member| member.generation != deployment.generation).for_each(Member::dismiss);
    }

    /// Whether another invocation would be more than are reserved; what is finishing counts if asked.
    fn is_reserved_used_up(&self, deployment: &Deployment, with_finishing: bool) -> bool {
        let running = self.running.get(&deployment.arn).copied().unwrap_or(0);
        let is_finishing = |member: &&Member| member.arn == deployment.arn && member.stage == Stage::Finishing;
        let finishing = if with_finishing { self.by_id.values().filter(is_finishing).count() } else { 0 };
        deployment.reserved_concurrency.is_some_and(|most| running as usize + finishing >= most as usize)
    }

    fn newest_idle(&mut self, deployment: &Deployment) -> Option<&mut Member> {
        let idle = self.by_id.values_mut().filter(|member| member.runs(deployment) && !member.is_outdated);
        idle.filter_map(|member| if let Stage::Idle(since) = member.stage { Some((since, member)) } else { None })
            .max_by_key(|(since, _)| *since)
            .map(|(_, member)| member)
    }

    fn is_one_finishing(&self, deployment: &Deployment) -> bool {
        self.by_id.values().any(|member| member.runs(deployment) && !member.is_outdated && member.stage == Stage::Finishing)
    }

    fn dismiss_oldest_idle(&mut self) -> bool {
        let idle =
            self.by_id.values_mut().filter_map(|member| if let Stage::Idle(since) = member.stage { Some((since, member)) } else { None });
        let oldest = idle.min_by_key(|(since, _)| *since);
        oldest.map(|(_, member)| member.dismiss()).is_some()
    }
}

/// One invocation that has no answer yet.
pub struct Permit {
    pool: Arc<Pool>,
    arn: String,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut members = self.pool.members();
        if let Some(running) = members.running.get_mut(&self.arn) {
            *running -= 1;
            if *running == 0 {
                members.running.remove(&self.arn);
            }
        }
    }
}

/// An environment's place in the pool, given back when this is dropped.
pub struct Seat {
    pool: Arc<Pool>,
    id: u64,
}

impl Seat {
    /// The answer is there, the environment not yet back.
    pub fn finishing(&self) {
        self.set(Stage::Finishing);
    }

    /// The environment will end, and is no more reckoned with.
    pub fn leaving(&self) {
        self.set(Stage::Leaving);
    }

    fn set(&self, stage: Stage) {
        if let Some(member) = self.pool.members().by_id.get_mut(&self.id) {
            member.stage = stage;
        }
    }

    /// Ready for more; false if there will be no more.
    pub fn rest(&self) -> bool {
        let mut members = self.pool.members();
        members.clock += 1;
        let clock = members.clock;
        let Some(member) = members.by_id.get_mut(&self.id) else { return false };
        member.stage = if member.is_outdated { Stage::Leaving } else { Stage::Idle(clock) };
        let stays = !member.is_outdated;
        drop(members);
        self.pool.changed.notify_waiters();
        stays
    }

    /// Leaves unless work is on its way.
    pub fn leave_if_idle(&self) -> bool {
        let mut members = self.pool.members();
        let Some(member) = members.by_id.get_mut(&self.id) else { return true };
        if member.stage == Stage::Busy {
            return false;
        }
        member.stage = Stage::Leaving;
        true
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.pool.members().by_id.remove(&self.id);
        self.pool.changed.notify_waiters();
    }
}

//! One check for drift, as the command line and the daemon make it.

use super::left::{doubts, state_lost};
use super::{Engine, PlanOptions};
use crate::model::{Desired, DriftReport, DriftSettings, Exit, Failure, IgnorePattern, State};
use crate::plan;
use std::path::Path;

/// What is asked of a check.
pub struct DriftWish<'a> {
    /// `[drift]` of the spec, with what the command line adds to it.
    pub settings: &'a DriftSettings,
    /// What this one check leaves out.
    pub ignore: &'a [IgnorePattern],
    /// Which part of the project.
    pub plan: PlanOptions,
    /// Where the spec is, and secrets beside it.
    pub folder: &'a Path,
    /// What the spec asks for, to count what is pending; `None` where it is broken.
    pub wanted: Option<&'a Desired>,
    /// What the check before found: who did that is not asked again.
    pub before: Option<&'a DriftReport>,
}

impl Engine {
    /// Reads AWS and says what differs from what was applied. It changes nothing, not even the state's file.
    ///
    /// # Errors
    /// As [`Engine::plan`].
    pub async fn check(&self, state: &mut State, wish: &DriftWish<'_>) -> Result<DriftReport, Failure> {
        let deep = wish.plan.deep || wish.settings.deep;
        let undeclared = wish.settings.undeclared;
        if let Some(wanted) = wish.wanted.filter(|_| state.is_newborn()) {
            let unknown = self.unknown(wanted, state).await?.found;
            if !unknown.is_empty() {
                let lost = state_lost(&self.store.describe(), &unknown);
                return Err(Failure::new(
                    Exit::Refused,
                    lost.hint("if it is lost: `lambdo state rebuild` makes it anew from what is in AWS"),
                ));
            }
        }
        let options = PlanOptions { deep, undeclared, strangers: true, recreate: true, ..wish.plan.clone() };
        let applied = Desired::as_applied(state);
        let named = options.named(&applied, state)?;
        self.learn_here(&applied, wish.folder).await;
        let mut plan = self.plan(&applied, state, &options).await?;
        let doubts = doubts(state, &plan);
        if let Some(named) = &named {
            // What they depend on was read along with them, and nobody asked for it.
            plan.steps.retain(|step| named.contains(&step.address));
            plan.extras.retain(|(address, _)| named.contains(address));
            plan.unchecked.retain(|(address, _)| named.contains(address));
            plan.not_deep.retain(|left| named.contains(&left.address));
        }
        let now = self.clock.now();
        let looked = plan::Looked {
            settings: wish.settings,
            ignore: wish.ignore,
            today: now.split('T').next().unwrap_or_default(),
            is_deep: deep,
            wanted: wish.wanted,
            state,
            rules: self.registry.as_ref(),
        };
        let mut report = plan::report(plan, &looked);
        report.warnings.extend(doubts);
        if wish.settings.who {
            self.ask_who(&mut report, state, wish.before).await;
        }
        Ok(report)
    }

    /// The same without the lock; and whether a run changed things meanwhile, which look like drift and may be none.
    ///
    /// # Errors
    /// As [`Engine::check`], and when the state cannot be read again.
    pub async fn check_beside_runs(&self, state: &mut State, wish: &DriftWish<'_>) -> Result<(DriftReport, bool), Failure> {
        let loaded = state.clone();
        let report = self.check(state, wish).await?;
        let is_moving = report.is_drift() && self.is_being_changed(&loaded).await?;
        Ok((report, is_moving))
    }

    /// Whether a run has changed this state since it was loaded, or is in the middle of an operation: what AWS showed meanwhile
    /// is not what the state says.
    async fn is_being_changed(&self, loaded: &State) -> Result<bool, Failure> {
        let now = self.store.load().await.map_err(Failure::from)?;
        let is_same = |now: State| (now.serial, &now.entries, &now.intents) == (loaded.serial, &loaded.entries, &loaded.intents);
        let is_at_work = !loaded.intents.is_empty() && self.store.holder().await.map_err(Failure::from)?.is_some();
        Ok(is_at_work || now.is_some_and(|now| !is_same(now)))
    }
}

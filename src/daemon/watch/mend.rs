//! What a loop does about what it found: healing, plans that wait, and plans that a person wants applied.

use super::Watch;
use crate::daemon::heal::{decide, frozen, order};
use crate::daemon::ledger::Topic;
use crate::daemon::wake::APPLYING;
use crate::daemon::{Check, Depth, Healed, MomentKind, Settings, Trouble, TroubleKind};
use crate::model::Mode;

impl Watch {
    /// Takes back what may be, and looks again where something was done.
    pub(super) async fn heal(&mut self, settings: &Settings, depth: Depth, check: Check) -> Check {
        let now = self.now();
        let is_healing = settings.mode == Mode::Heal;
        if !is_healing || !check.findings.iter().any(|finding| finding.kind.is_healable()) {
            self.ledger.recovered(Topic::Heal, settings, now);
        }
        if !is_healing || !settings.apply || check.pending == Some(0) {
            self.ledger.recovered(Topic::Deploy, settings, now);
        }
        let decision = decide(settings, &self.ledger.findings, now);
        self.ledger.heal_begins();
        for (address, why) in &decision.waiting {
            self.ledger.left(address, why, now);
        }
        let mut changed = 0;
        if let Some(order) = decision.order.filter(|_| !self.is_stopped()) {
            self.show(|view| view.activity = Some("healing".to_owned()));
            let result = self.party.watched.heal(&order).await;
            changed += self.healed(Topic::Heal, settings, result);
        }
        let is_wish = is_healing && settings.apply && check.pending.is_some_and(|pending| pending > 0);
        if is_wish && frozen(settings, now).is_none() && self.ledger.spec_outage().is_none() && !self.is_stopped() {
            self.show(|view| view.activity = Some(APPLYING.to_owned()));
            let limits = order(settings, &self.ledger.findings, &[]);
            let result = self.party.watched.deploy(&limits).await;
            changed += self.healed(Topic::Deploy, settings, result);
        }
        if changed == 0 || self.is_stopped() {
            return check;
        }
        self.check(settings, depth).await.unwrap_or(check)
    }

    /// Writes down what a healing did, and tells where it failed; answers with how much it changed.
    fn healed(&mut self, topic: Topic, settings: &Settings, result: Result<Healed, Trouble>) -> usize {
        let now = self.now();
        match result {
            Ok(healed) => {
                self.ledger.healed(&healed, now);
                match healed.failed.first() {
                    Some((address, why)) => {
                        let more = healed.failed.len() - 1;
                        let more = if more == 0 { String::new() } else { format!(" ({more} more)") };
                        let text = format!("{address}: {why}{more}");
                        let trouble = Trouble { kind: TroubleKind::Refused, text, hints: Vec::new() };
                        self.ledger.out(topic, &trouble, &settings.name, now);
                    }
                    None if healed.changed > 0 => self.ledger.recovered(topic, settings, now),
                    None => {}
                }
                let done = u64::try_from(healed.done.len()).unwrap_or_default();
                self.show(|view| view.totals.healed += done);
                healed.changed
            }
            Err(trouble) => {
                // That somebody else works on the state is shown, and never told.
                if trouble.kind != TroubleKind::Stopped {
                    self.ledger.out(topic, &trouble, &settings.name, now);
                }
                0
            }
        }
    }

    /// Keeps a plan ready as long as there is something to do.
    pub(super) async fn propose(&mut self, settings: &Settings, check: &Check) {
        let is_wanted =
            !check.findings.iter().all(|finding| !finding.kind.is_healable()) || check.pending.is_some_and(|pending| pending > 0);
        let now = self.now();
        if settings.mode != Mode::Propose || !is_wanted || self.ledger.spec_outage().is_some() {
            self.proposal = None;
            if self.ledger.spec_outage().is_none() {
                self.ledger.proposed(None, settings, now);
                self.ledger.recovered(Topic::Plan, settings, now);
            }
            return;
        }
        self.show(|view| view.activity = Some("planning".to_owned()));
        match self.party.watched.propose().await {
            Ok(proposal) => {
                self.ledger.proposed(proposal.as_ref(), settings, now);
                self.ledger.recovered(Topic::Plan, settings, now);
                self.proposal = proposal;
            }
            Err(trouble) if trouble.kind == TroubleKind::Stopped => {}
            Err(trouble) => {
                self.proposal = None;
                self.ledger.out(Topic::Plan, &trouble, &settings.name, now);
            }
        }
    }

    /// Applies the plan that a person has seen.
    pub(super) async fn apply(&mut self, settings: &Settings, approved: &str) {
        let Some(proposal) = self.proposal.clone().filter(|proposal| proposal.id == approved) else {
            let text = "the plan was not applied: when its turn came, another one had taken its place";
            self.ledger.note(self.now(), MomentKind::NotHealed, None, text);
            return;
        };
        if let Some(why) = frozen(settings, self.now()) {
            self.ledger.note(self.now(), MomentKind::NotHealed, None, format!("the plan was not applied: {why}"));
            return;
        }
        self.show(|view| view.activity = Some(APPLYING.to_owned()));
        let result = self.party.watched.apply(&proposal).await;
        self.proposal = None;
        // Nobody shall ask for it again while the check after it goes on.
        self.show(|view| view.proposal = None);
        let now = self.now();
        match result {
            Ok(healed) => {
                let changed = if healed.changed == 1 { "1 resource was".to_owned() } else { format!("{} resources were", healed.changed) };
                let text = format!("a person applied the plan that waited; {changed} changed");
                self.ledger.note(now, MomentKind::Applied, None, text);
                for (address, why) in &healed.failed {
                    self.ledger.note(now, MomentKind::NotHealed, Some(address), why);
                }
                self.show(|view| view.totals.applied += 1);
            }
            Err(trouble) => self.ledger.note(now, MomentKind::NotHealed, None, format!("the plan was not applied: {}", trouble.text)),
        }
    }
}

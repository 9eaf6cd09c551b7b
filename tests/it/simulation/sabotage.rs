//! Lives in which a law is broken on purpose: what never fails proves nothing.

use super::life::{LONGEST, Life, SECRET};
use super::medium::JOURNAL;
use super::scenario::{KEPT_QUOTAS, Kill, Meddling, Round, Scenario, Verb};
use super::wish::{Function, Wish};
use super::world::Switch;
use lambdo::local::FaultPlan;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// When a law is broken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// Before the run of the last round.
    Start,
    /// After it, before anybody looks.
    Ran,
    /// Before the last `up`.
    Last,
    /// After it.
    Up,
    /// When all looked right, before the last `destroy`.
    Settled,
}

/// What breaks a law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sabotage {
    LeftOver,
    StrangerGone,
    Twin,
    Undone,
    Garbled,
    SecretKept,
    SecretTold,
    StatementTaken,
    TargetTaken,
    TimeoutTouched,
    Panic,
    Endless,
    AboveQuotas,
    Denied,
    DeniedAtLast,
    RefusedAndChanged,
    Interrupted,
}

/// Each with the words in which the law that it breaks is told.
pub const ALL: [(Sabotage, &str); 17] = [
    (Sabotage::LeftOver, "[\"log_group./left/over\"] is left"),
    (Sabotage::StrangerGone, "[\"log_group./stranger\"] is missing"),
    (Sabotage::Twin, "[\"layer.demo-deps, 2 times\"] is left"),
    (Sabotage::Undone, "the second plan is not empty: function.api Update"),
    (Sabotage::Garbled, "the state cannot be read any more"),
    (Sabotage::SecretKept, "the secret stands in demo.journal"),
    (Sabotage::SecretTold, "an event tells the secret"),
    (Sabotage::StatementTaken, "the statement of others in the policy of demo-api is lost"),
    (Sabotage::TargetTaken, "the target of others of demo-api-daily"),
    (Sabotage::TimeoutTouched, "the timeout of demo-api was to be left alone"),
    (Sabotage::Panic, "it panicked: on purpose"),
    (Sabotage::Endless, "it is not over after"),
    (Sabotage::AboveQuotas, "were above AWS's quotas"),
    (Sabotage::Denied, "round 2: it ended with"),
    (Sabotage::DeniedAtLast, "the last Up of None ended with"),
    (Sabotage::RefusedAndChanged, "it was refused, and something was changed"),
    (Sabotage::Interrupted, "it was interrupted and ended with Some(Success)"),
];

const ALL_DENIED: &str = "seed = 1\n[[rule]]\nfault = \"denied\"\n";
const CHANGES_DENIED: &str = "seed = 1\n[[rule]]\nfault = \"denied\"\noperation = \"Update*\"\n";

impl Sabotage {
    /// A life in which nothing but this goes wrong.
    pub fn life(self) -> Scenario {
        let mut function = Function { rules: BTreeMap::from([("daily".to_owned(), 1)]), ..Function::default() };
        function.ignores = self == Self::TimeoutTouched;
        let wish = Wish { functions: BTreeMap::from([("api".to_owned(), function)]), layer: Some(1), ..Wish::default() };
        let mut rounds = vec![Round::quiet(None, Verb::Up, &wish), Round::quiet(None, Verb::Up, &wish)];
        match self {
            Self::StatementTaken => rounds[1].meddling.push(Meddling::AddStatement(0)),
            Self::TargetTaken => rounds[1].meddling.push(Meddling::AddTarget(0)),
            Self::AboveQuotas => rounds[1].faults.push(KEPT_QUOTAS.to_owned()),
            Self::Interrupted => rounds[1].kill = Some(Kill::Interrupt(u64::MAX)),
            Self::Denied => drop(rounds[1].wish.functions.entry("api".to_owned()).and_modify(|function| function.timeout = Some(1))),
            // A role that others have made, under a name that is wanted.
            Self::RefusedAndChanged => (rounds.remove(0), rounds[0].meddling.push(Meddling::Namesake(0))).1,
            _ => {}
        }
        Scenario { seed: 0, rounds, sabotage: None }
    }

    fn moment(self) -> Moment {
        match self {
            Self::LeftOver | Self::StrangerGone => Moment::Settled,
            Self::Twin | Self::Undone => Moment::Up,
            Self::Denied => Moment::Start,
            Self::DeniedAtLast => Moment::Last,
            _ => Moment::Ran,
        }
    }
}

impl Life {
    /// Breaks the law, if this is the moment for it.
    pub async fn sabotage(&self, scenario: &Scenario, moment: Moment, switch: &Switch) {
        let Some(sabotage) = scenario.sabotage.filter(|sabotage| sabotage.moment() == moment) else { return };
        match sabotage {
            Sabotage::LeftOver | Sabotage::RefusedAndChanged => self.people.group("/left/over").await,
            Sabotage::StrangerGone => self.people.delete_group("/stranger").await,
            Sabotage::Twin => self.people.publish_layer("demo-deps").await,
            Sabotage::Undone | Sabotage::TimeoutTouched => self.people.meddle(Meddling::ChangeFunction(0)).await,
            Sabotage::Garbled => self.keep("demo.json", b"{"),
            Sabotage::SecretKept => self.keep(JOURNAL, SECRET.as_bytes()),
            Sabotage::SecretTold => self.is_told.store(true, Ordering::SeqCst),
            Sabotage::StatementTaken => self.people.take_statements_away().await,
            Sabotage::TargetTaken => self.people.take_targets_away().await,
            Sabotage::Panic => panic!("on purpose"),
            Sabotage::Endless => tokio::time::sleep(LONGEST + Duration::from_secs(1)).await,
            Sabotage::AboveQuotas => self.people.hurry(300).await,
            Sabotage::Denied => self.cloud.misbehave(FaultPlan::parse(CHANGES_DENIED).unwrap()),
            Sabotage::DeniedAtLast => self.cloud.misbehave(FaultPlan::parse(ALL_DENIED).unwrap()),
            Sabotage::Interrupted => switch.interrupt.drain.cancel(),
        }
    }

    fn keep(&self, file: &str, bytes: &[u8]) {
        let store = &self.stores[0];
        let mut picture = store.picture();
        picture.insert(file.to_owned(), bytes.to_vec());
        store.restore(&picture);
    }
}

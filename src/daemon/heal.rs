//! What healing may do. Pure: it reads the settings, what is open and the time, and orders.

use super::notice::{FindingKind, FindingState};
use super::watched::{Freeze, Order, Settings};
use crate::model::{Address, Mode};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// What is to be done about what is open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// What is taken back, if anything.
    pub order: Option<Order>,
    /// What would be, and is not: the resource and why.
    pub waiting: Vec<(Address, String)>,
}

/// Why nothing is healed or applied now; `None` outside of all freezes.
pub fn frozen(settings: &Settings, now: Timestamp) -> Option<String> {
    settings.freezes.iter().find_map(|freeze| end_of(freeze, now)).map(|(end, reason)| {
        let why = reason.map_or_else(String::new, |reason| format!(": {reason}"));
        format!("frozen until {end}{why}")
    })
}

/// When a freeze that holds now ends, and its reason.
fn end_of(freeze: &Freeze, now: Timestamp) -> Option<(Timestamp, Option<&str>)> {
    match freeze {
        Freeze::Once { from, until, reason } => (*from <= now && now < *until).then_some((*until, reason.as_deref())),
        Freeze::Recurring { schedule, lasts, reason } => {
            let lasts = SignedDuration::try_from(*lasts).ok()?;
            // The earliest window that has not ended yet.
            let begin = schedule.next(now.checked_sub(lasts).ok()?)?;
            (begin <= now).then_some((begin.checked_add(lasts).ok()?, reason.as_deref()))
        }
    }
}

/// Decides what of the open findings is taken back now.
pub fn decide(settings: &Settings, findings: &[FindingState], now: Timestamp) -> Decision {
    let addresses: BTreeSet<Address> = findings.iter().filter(is_open).map(|state| state.finding.address.clone()).collect();
    if settings.mode != Mode::Heal || addresses.is_empty() {
        return Decision::default();
    }
    if let Some(frozen) = frozen(settings, now) {
        return Decision {
            order: None,
            waiting: addresses.into_iter().map(|address| (address, format!("not taken back: {frozen}"))).collect(),
        };
    }
    let (now, later): (Vec<Address>, Vec<Address>) = {
        let mut addresses: Vec<Address> = addresses.into_iter().collect();
        let later = addresses.split_off(settings.max_changes.min(addresses.len()));
        (addresses, later)
    };
    let wait = |address| (address, format!("waits for the next check: `max_changes` allows {} at a time", settings.max_changes));
    let order = (!now.is_empty()).then(|| order(settings, findings, &now));
    Decision { order, waiting: later.into_iter().map(wait).collect() }
}

/// Whether healing could take it back, and may.
fn is_open(state: &&FindingState) -> bool {
    state.finding.kind.is_healable() && state.contested.is_none()
}

/// What may be done to these resources. What they need is taken back along with them, where it differs, too.
pub fn order(settings: &Settings, findings: &[FindingState], addresses: &[Address]) -> Order {
    let key = |state: &FindingState| (state.finding.address.clone(), state.finding.path.clone());
    let contested = || findings.iter().filter(|state| state.contested.is_some());
    let missing = contested().filter(|state| state.finding.kind == FindingKind::Missing);
    let missing = missing.map(|state| state.finding.address.clone()).collect();
    let (addresses, paths) = (addresses.iter().cloned().collect(), findings.iter().filter(is_open).map(key).collect());
    Order { addresses, paths, leave: contested().map(key).collect(), missing, allowed: settings.allowed, max_changes: settings.max_changes }
}

#[cfg(test)]
mod tests;

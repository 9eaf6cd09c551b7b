//! What a spec looks like on the board.

use crate::daemon::{Check, Settings, Standing, View};
use crate::model::Mode;
use jiff::Timestamp;

/// What a check that worked shows.
pub(super) fn show_check(view: &mut View, check: &Check) {
    view.account.clone_from(&check.account);
    view.region.clone_from(&check.region);
    view.serial = check.serial;
    view.pending = check.pending;
    view.warnings.clone_from(&check.warnings);
    view.unread.clone_from(&check.unread);
    view.left_out = check.left_out.len();
    view.resources.clone_from(&check.resources);
}

/// Settings that nothing will come of: schedules that are over, and a fight that can hardly be seen.
pub(super) fn doubts(settings: &Settings, now: Timestamp) -> Vec<String> {
    let deep = (settings.deep_schedule != settings.schedule).then_some(&settings.deep_schedule);
    let schedules = [
        ("drift.schedule", Some(&settings.schedule), "no check is due any more"),
        ("daemon.deep_schedule", deep, "no deep check is due any more"),
        ("daemon.log_groups.schedule", settings.log_groups.as_ref(), "log groups are not looked at any more"),
    ];
    let over = schedules.into_iter().filter(|(_, schedule, _)| schedule.is_some_and(|schedule| schedule.next(now).is_none()));
    let over = over.map(|(key, _, what)| format!("{what}: `{key}` names only times that have passed"));
    over.chain(too_seldom(settings)).collect()
}

/// Says that checks are so far apart that healing never takes something back as often as it would have to before it gives in.
fn too_seldom(settings: &Settings) -> Option<String> {
    let (reverts, within, apart) = (settings.contest.reverts, settings.contest.within, settings.schedule.interval()?);
    let needed = apart.saturating_mul(u32::try_from(reverts).ok()?);
    (settings.mode == Mode::Heal && within < needed).then(|| {
        let (within, apart) = (within.as_secs() / 60, apart.as_secs() / 60);
        format!(
            "healing hardly ever gives in: `daemon.contested_after` counts {reverts} reverts within {within} minutes, and checks are \
             up to {apart} minutes apart (`drift.schedule`)"
        )
    })
}

/// A spec at a glance: the worst of what is known.
pub(super) fn standing(view: &View) -> Standing {
    match view {
        View { trouble: Some(_), .. } => Standing::Failing,
        // Not even the last good spec is known to this process.
        View { spec_trouble: Some(_), schedule, .. } if schedule.is_empty() => Standing::Failing,
        View { last_check: None, .. } => Standing::Starting,
        View { findings, .. } if findings.iter().any(|state| state.contested.is_some()) => Standing::Contested,
        View { findings, .. } if !findings.is_empty() => Standing::Drifted,
        View { spec_trouble: Some(_), .. } => Standing::Broken,
        View { unread, .. } if !unread.is_empty() => Standing::Unread,
        View { pending, .. } if pending.is_none_or(|pending| pending > 0) => Standing::Pending,
        _ => Standing::InOrder,
    }
}

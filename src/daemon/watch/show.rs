//! What a spec looks like on the board.

use crate::daemon::{Check, Standing, View};

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

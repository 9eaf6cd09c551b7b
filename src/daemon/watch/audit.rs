//! The account's log groups, with the first check after they are due.

use super::Watch;
use crate::daemon::heal::frozen;
use crate::daemon::{Settings, TroubleKind};

impl Watch {
    /// Looks at them where it is time to.
    pub(super) async fn audit(&mut self, settings: &Settings) {
        let Some(schedule) = &settings.log_groups else {
            self.ledger.audits_no_more();
            return;
        };
        let (now, last) = (self.now(), self.ledger.log_groups.as_ref().map(|last| last.seen.at));
        if !schedule.is_due(last, now) || self.is_stopped() {
            return;
        }
        self.show(|view| view.activity = Some("auditing log groups".to_owned()));
        match self.party.watched.audit(frozen(settings, now).is_none()).await {
            Ok(audited) => {
                let now = self.now();
                self.ledger.audited(&audited, settings, now);
                let mended = u64::try_from(audited.mended.len()).unwrap_or_default();
                self.show(|view| view.totals.log_groups_mended += mended);
            }
            Err(trouble) if trouble.kind == TroubleKind::Stopped => {}
            Err(trouble) => self.ledger.audit_failed(&trouble, &settings.name, self.now()),
        }
    }
}

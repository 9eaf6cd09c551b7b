//! What makes schedules fire.

use super::Events;
use super::delivery::time_text;
use super::record::Record;
use crate::local::common::random_id;
use futures::future::{join_all, pending};
use serde_json::{Value, json};

/// What is later than this was missed: the cloud was down, or the machine slept. No schedule fires more
/// often than once in this time.
const MISSED_AFTER_MS: i64 = 60_000;

/// A rule whose time has come.
struct Due {
    record: Record,
    at_ms: i64,
}

impl Events {
    /// Fires schedules for as long as it is polled. What would have fired while it was not is not made up for.
    pub async fn run(&self) {
        let mut seen_ms = self.common.clock.now_ms();
        loop {
            let next_ms = self.next_ms(seen_ms);
            let time_comes = async {
                match next_ms {
                    Some(at_ms) => self.common.clock.sleep_until(at_ms).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = time_comes => {}
                () = self.changed.notified() => {}
            }
            let now_ms = self.common.clock.now_ms();
            let due = self.due(seen_ms.max(now_ms.saturating_sub(MISSED_AFTER_MS)), now_ms);
            // A clock that was set back a little fires nothing twice; one that was set back further begins anew.
            seen_ms = if now_ms < seen_ms - MISSED_AFTER_MS { now_ms } else { seen_ms.max(now_ms) };
            join_all(due.iter().map(|due| self.fire(due, now_ms))).await;
        }
    }

    /// When the next schedule fires.
    fn next_ms(&self, after_ms: i64) -> Option<i64> {
        let regions = self.lock();
        let rules = regions.values().flat_map(|rules| rules.values()).filter(|rule| rule.is_enabled());
        rules.filter_map(|rule| rule.schedule.as_ref()?.next_after(after_ms, rule.record.anchor_ms)).min()
    }

    /// The rules that fire later than `after_ms` and by `until_ms`, each once.
    fn due(&self, after_ms: i64, until_ms: i64) -> Vec<Due> {
        let regions = self.lock();
        let rules = regions.values().flat_map(|rules| rules.values()).filter(|rule| rule.is_enabled());
        let times = rules.filter_map(|rule| Some((rule, rule.schedule.as_ref()?.next_after(after_ms, rule.record.anchor_ms)?)));
        times.filter(|(_, at_ms)| *at_ms <= until_ms).map(|(rule, at_ms)| Due { record: rule.record.clone(), at_ms }).collect()
    }

    async fn fire(&self, due: &Due, now_ms: i64) {
        let event = self.scheduled_event(due);
        // Nobody asked, so nobody can be told; EventBridge promises no more either.
        let _ = self.deliver(&due.record, &event, now_ms).await;
    }

    /// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html>.
    fn scheduled_event(&self, due: &Due) -> Value {
        let Record { region, name, .. } = &due.record;
        json!({
            "version": "0",
            "id": random_id(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": self.common.account,
            "time": time_text(due.at_ms),
            "region": region,
            "resources": [self.rule_arn(region, name)],
            "detail": {}
        })
    }
}

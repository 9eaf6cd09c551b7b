//! From `[drift]` and `[daemon]` of a spec to what the daemon keeps to.

use crate::daemon::{Allowed, Contest, Freeze, Schedule, Settings};
use crate::diagnostic::Diagnostic;
use crate::model::{Exit, Failure, FreezeRule};
use crate::spec::Header;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::time::Duration;

/// How often is looked where the spec does not say.
const USUAL_SCHEDULE: &str = "rate(1 hour)";
/// The time in which reverts make a fight, at least.
const LEAST_WINDOW: Duration = Duration::from_secs(3_600);

/// Reads them.
///
/// # Errors
/// [`Exit::Usage`] for a schedule or a time zone that the daemon does not understand.
pub fn settings(header: &Header) -> Result<Settings, Failure> {
    let (daemon, drift) = (&header.daemon, &header.drift);
    let name = name(header);
    let zone = drift.timezone.as_deref().unwrap_or("UTC");
    let schedule_text = drift.schedule.clone().unwrap_or_else(|| USUAL_SCHEDULE.to_owned());
    let schedule = Schedule::new(&schedule_text, zone, &name).map_err(|problem| wrong("drift.schedule", &problem))?;
    let deep = if drift.deep { &schedule_text } else { &daemon.deep_schedule };
    let deep_schedule = Schedule::new(deep, zone, &name).map_err(|problem| wrong("daemon.deep_schedule", &problem))?;
    let freezes: Result<Vec<Freeze>, String> = daemon.freezes.iter().map(|rule| freeze(rule, zone)).collect();
    let rule = daemon.log_groups.as_ref();
    let log_groups = rule.map(|rule| Schedule::new(&rule.schedule, zone, &name)).transpose();
    let within = daemon.contest_within_ms.map_or_else(|| window(&schedule, daemon.contest_reverts), Duration::from_millis);
    let within_deep = within.max(window(&deep_schedule, daemon.contest_reverts));
    let contest = Contest { reverts: daemon.contest_reverts, within, within_deep };
    Ok(Settings {
        log_groups: log_groups.map_err(|problem| wrong("daemon.log_groups.schedule", &problem))?,
        name,
        project: header.project.clone(),
        stage: header.stage.clone(),
        schedule,
        schedule_text,
        deep_schedule,
        ignore: drift.ignore.clone(),
        mode: daemon.mode,
        apply: daemon.apply,
        allowed: Allowed { replace: daemon.may_replace, delete: daemon.may_delete },
        freezes: freezes.map_err(|problem| wrong("daemon.freeze", &problem))?,
        max_changes: daemon.max_changes,
        contest,
        remind_after: Duration::from_millis(daemon.remind_after_ms),
    })
}

/// In which time so many reverts make a fight, where the spec does not say: checks come one after the other, and what is set again
/// and again is taken back with each of them.
fn window(schedule: &Schedule, reverts: usize) -> Duration {
    let checks = u32::try_from(reverts.saturating_add(1)).unwrap_or(u32::MAX);
    schedule.interval().unwrap_or_default().saturating_mul(checks).max(LEAST_WINDOW)
}

/// `project`, or `project.stage`.
pub fn name(header: &Header) -> String {
    header.stage.as_ref().map_or_else(|| header.project.clone(), |stage| format!("{}.{stage}", header.project))
}

fn freeze(rule: &FreezeRule, zone: &str) -> Result<Freeze, String> {
    let reason = rule.reason.clone();
    match (&rule.from, &rule.until, &rule.schedule, rule.lasts_ms) {
        (Some(from), Some(until), ..) => Ok(Freeze::Once { from: moment(from, zone)?, until: moment(until, zone)?, reason }),
        (.., Some(schedule), Some(lasts)) => {
            Ok(Freeze::Recurring { schedule: Schedule::exact(schedule, zone)?, lasts: Duration::from_millis(lasts), reason })
        }
        _ => Err("says neither `from` and `until` nor `schedule` and `lasts`".to_owned()),
    }
}

/// A day, or a time on the clock of a zone.
fn moment(text: &str, zone: &str) -> Result<Timestamp, String> {
    let time: DateTime = text.parse().map_err(|_| format!("has `{text}`, which is no day and no time"))?;
    let zone = TimeZone::get(zone).map_err(|_| format!("is in a time zone that is not known: `{zone}`"))?;
    time.to_zoned(zone).map(|zoned| zoned.timestamp()).map_err(|error| format!("has `{text}`: {error}"))
}

fn wrong(key: &str, problem: &str) -> Failure {
    let diagnostic = Diagnostic::error("bad-schedule", "A schedule is not understood").detail(format!("`{key}` {problem}."));
    Failure::new(Exit::Usage, diagnostic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fight_is_seen_however_far_apart_checks_are() {
        for (expression, hours) in
            [("rate(5 minutes)", 1), (USUAL_SCHEDULE, 4), ("cron(0 8 ? * MON-FRI *)", 4 * 72), ("cron(0 0 1 1 ? 2020)", 1)]
        {
            let schedule = Schedule::exact(expression, "UTC").unwrap();
            assert_eq!(window(&schedule, 3).as_secs() / 3_600, hours, "{expression}");
        }
    }
}

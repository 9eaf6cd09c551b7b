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
        contest: Contest { reverts: daemon.contest_reverts, within: Duration::from_millis(daemon.contest_within_ms) },
        remind_after: Duration::from_millis(daemon.remind_after_ms),
    })
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

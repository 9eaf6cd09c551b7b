//! Schedule expressions of EventBridge rules.
//!
//! Rules and Scheduler have different grammars; this is the one of rules, as documented
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>), and as
//! deploys to real AWS corrected it. Where neither tells (names in lower case are taken, ranges that run
//! backwards and `LW` are not), it is strict: what runs here should run on AWS.

mod cron;

use cron::Cron;

const MINUTE_MS: i64 = 60_000;

/// When a rule fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Again and again, that many milliseconds apart.
    Rate {
        /// Milliseconds between two firings.
        period_ms: i64,
    },
    /// In the minutes that the six fields name, in UTC.
    Cron(Cron),
}

/// The text is no schedule expression; AWS says no more about it than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Parameter ScheduleExpression is not valid.")]
pub struct InvalidExpression;

impl Expression {
    /// Reads `rate(value unit)` or `cron(minutes hours day-of-month month day-of-week year)`.
    ///
    /// # Errors
    /// Whatever AWS refuses with `Parameter ScheduleExpression is not valid.`
    pub fn parse(text: &str) -> Result<Self, InvalidExpression> {
        let inner = |prefix| text.strip_prefix(prefix).and_then(|rest: &str| rest.strip_suffix(')'));
        let parsed = match (inner("rate("), inner("cron(")) {
            (Some(rate), _) => period_ms(rate).map(|period_ms| Self::Rate { period_ms }),
            (_, Some(fields)) => Cron::parse(fields).map(Self::Cron),
            _ => None,
        };
        parsed.ok_or(InvalidExpression)
    }

    /// The first firing later than `after_ms`; both are milliseconds since 1970 in UTC.
    ///
    /// A rate counts from `anchor_ms`, when the rule was made or enabled, and fires first one period
    /// later. A cron expression fires at full minutes and knows no anchor. Nothing, if it never fires again.
    #[must_use]
    pub fn next_after(&self, after_ms: i64, anchor_ms: i64) -> Option<i64> {
        match self {
            Self::Rate { period_ms } => {
                let elapsed_ms = after_ms.checked_sub(anchor_ms)?;
                let periods = elapsed_ms.div_euclid(*period_ms).checked_add(1)?.max(1);
                anchor_ms.checked_add(periods.checked_mul(*period_ms)?)
            }
            Self::Cron(cron) => cron.next_after(after_ms),
        }
    }
}

/// `value unit`: a whole number above zero, and a unit in the singular for 1 and in the plural for others.
fn period_ms(text: &str) -> Option<i64> {
    let (value, unit) = text.split_once(' ')?;
    let (singular, plural) = (value == "1", unit.ends_with('s'));
    let unit_ms = match unit.strip_suffix('s').unwrap_or(unit) {
        "minute" => MINUTE_MS,
        "hour" => 60 * MINUTE_MS,
        "day" => 24 * 60 * MINUTE_MS,
        _ => return None,
    };
    let value = number(value).filter(|value| *value > 0)?;
    (singular != plural).then(|| i64::from(value) * unit_ms)
}

/// Digits and nothing else: no sign, no blank.
fn number(text: &str) -> Option<u32> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;

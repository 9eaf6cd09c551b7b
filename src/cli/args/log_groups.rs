//! What `log-groups` takes.

use crate::model::log_group::RETENTIONS_IN_DAYS;
use clap::{Args, Subcommand};

/// What a log group without retention gets unless told otherwise.
pub const USUAL_RETENTION_DAYS: i64 = 365;

/// What can be done with an account's log groups.
#[derive(Clone, Debug, Subcommand)]
pub enum LogGroupsCommand {
    /// List log groups that keep lines for ever, and empty ones past their retention
    #[command(after_help = crate::cli::help::LOG_GROUPS)]
    Audit(AuditArguments),
}

/// What `log-groups audit` takes.
#[derive(Args, Clone, Debug)]
pub struct AuditArguments {
    /// Only log groups whose names begin with TEXT
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub prefix: String,
    /// What a log group without retention gets
    #[arg(long, value_name = "DAYS", default_value_t = USUAL_RETENTION_DAYS, value_parser = retention)]
    pub retention: i64,
    /// Set retentions where there are none
    #[arg(long)]
    pub fix: bool,
    /// With --fix, also delete what is empty and past its retention
    #[arg(long, requires = "fix")]
    pub delete_empty: bool,
    /// Do not ask
    #[arg(short, long, requires = "fix")]
    pub yes: bool,
}

/// One of the numbers of days that AWS takes.
fn retention(text: &str) -> Result<i64, String> {
    let days = text.strip_suffix('d').unwrap_or(text).parse::<i64>().map_err(|_| "must be a number of days, such as 30".to_owned())?;
    if RETENTIONS_IN_DAYS.contains(&days) {
        return Ok(days);
    }
    let nearest = RETENTIONS_IN_DAYS.iter().min_by_key(|allowed| allowed.abs_diff(days)).copied().unwrap_or_default();
    let all: Vec<String> = RETENTIONS_IN_DAYS.iter().map(ToString::to_string).collect();
    Err(format!("AWS keeps lines for {} days, not for {days}; {nearest} is nearest", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_is_one_that_aws_takes() {
        assert_eq!((retention("30"), retention("365d")), (Ok(30), Ok(365)));
        assert!(retention("100").unwrap_err().ends_with("not for 100; 90 is nearest"));
        assert!(retention("never").is_err() && retention("-5").is_err());
    }
}

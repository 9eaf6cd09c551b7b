//! The log groups of an account: what keeps lines for ever, and what is empty.

use super::text::{BOLD, DIM, GREEN, RED, bytes, counted, fitted, hanging, styled, width};
use crate::cli::args::USUAL_RETENTION_DAYS;
use crate::cli::init::text::shell;
use crate::model::Target;
use crate::model::log_group::{Audit, Ended, Finding, Kept, PRICE_REGION, PRICE_USD_PER_GB_MONTH, Remedy, Standard, usd_per_month};
use std::collections::BTreeMap;

/// So many groups are listed where nobody asked for all.
const LISTED_MAX: usize = 40;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// An audit, and how it was gone on with.
#[derive(Clone, Copy)]
pub struct LogGroupsView<'a> {
    /// The account and the region.
    pub target: &'a Target,
    /// What all names begin with.
    pub prefix: &'a str,
    /// What was found.
    pub audit: &'a Audit,
    /// How it was judged.
    pub standard: &'a Standard,
    /// How it ended with those that something was done about, by name.
    pub ends: Option<&'a BTreeMap<String, Ended>>,
    /// Whether something is done about it.
    pub is_fixing: bool,
    /// Whether every group is listed.
    pub is_full: bool,
}

/// One line for each finding, the largest group first, and what all of it costs.
pub fn log_groups(view: &LogGroupsView<'_>, columns: usize) -> String {
    let audit = view.audit;
    let place = format!("{} · {}", view.target.account, view.target.region);
    let mut lines = vec![styled(BOLD, &place), String::new()];
    let shown = if view.is_full { usize::MAX } else { LISTED_MAX };
    let rows: Vec<[String; 3]> = audit.findings.iter().take(shown).map(|finding| row(finding, view.standard)).collect();
    let widest = |column: usize| rows.iter().map(|row| width(&row[column])).max().unwrap_or_default();
    let (sizes, remarks) = (widest(0), widest(2));
    // The name gets what the size and the remark leave it.
    let names = columns.saturating_sub(sizes + remarks + 8).max(16);
    for (finding, [size, name, remark]) in audit.findings.iter().zip(&rows) {
        let (sign, style) = match finding.remedy {
            Remedy::SetRetention(_) => ("~", GREEN),
            Remedy::Delete => ("-", RED),
            Remedy::Keep(_) => (" ", DIM),
        };
        let name = fitted(name, names);
        let gap = " ".repeat(widest(1).min(names).saturating_sub(width(&name)));
        lines.push(fitted_line(&format!("{size:>sizes$}  {name}{gap}  "), remark, columns, sign, style));
    }
    if audit.findings.len() > rows.len() {
        lines.push(styled(DIM, &format!("    and {} smaller ones: see `-v`", audit.findings.len() - rows.len())));
    }
    if !rows.is_empty() {
        lines.push(String::new());
    }
    lines.extend(totals(view).iter().flat_map(|line| hanging(line, 0, columns)));
    lines.join("\n")
}

fn fitted_line(start: &str, remark: &str, columns: usize, sign: &str, style: anstyle::Style) -> String {
    let remark = fitted(remark, columns.saturating_sub(width(start) + 4).max(8));
    format!("  {} {start}{}", styled(style, sign), styled(DIM, &remark)).trim_end().to_owned()
}

fn row(finding: &Finding, standard: &Standard) -> [String; 3] {
    let days = (standard.now_ms - finding.group.created_ms) / DAY_MS;
    let state = match (finding.is_empty, finding.group.retention_in_days) {
        (true, Some(retention)) => format!("{} old, keeps {retention}", counted_days(days)),
        (true, None) => format!("{} old, keeps for ever", counted_days(days)),
        (false, _) => "keeps for ever".to_owned(),
    };
    let remark = match &finding.remedy {
        Remedy::SetRetention(days) => format!("{state} -> {}", counted_days(*days)),
        Remedy::Delete => format!("{state} -> deleted"),
        Remedy::Keep(kept) => format!("{state}; {}", kept.why()),
    };
    let size = if finding.is_empty { "empty".to_owned() } else { size(finding.group.stored_bytes) };
    [size, finding.group.name.clone(), remark]
}

fn counted_days(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// Gigabytes where there are some: it is they that cost.
fn size(stored_bytes: u64) -> String {
    const GIB: u64 = 1 << 30;
    if stored_bytes < GIB { bytes(stored_bytes) } else { format!("{}.{} GiB", stored_bytes / GIB, stored_bytes % GIB * 10 / GIB) }
}

/// What is said below the list, also without one.
pub fn totals(view: &LogGroupsView<'_>) -> Vec<String> {
    let (audit, standard) = (view.audit, view.standard);
    let (endless, endless_bytes) = audit.endless();
    let scope = if view.prefix.is_empty() { String::new() } else { format!(" that begin with `{}`", view.prefix) };
    let all = format!("{}{scope} with {}", counted(audit.groups, "log group"), size(audit.stored_bytes));
    let mut lines = match (endless, audit.empty()) {
        (0, 0) => vec![format!("All of {all} have a retention, and none is empty past it.")],
        (_, empty) => vec![format!(
            "Of {all}: {endless} without retention ({}), {empty} empty and past {}.",
            size(endless_bytes),
            if endless == 0 {
                "their retention".to_owned()
            } else {
                format!("their retention or {}", counted_days(standard.retention_in_days))
            },
        )],
    };
    lines.push(format!(
        "Stored, all of them cost about {:.2} USD a month, those without retention {:.2} USD: at {PRICE_USD_PER_GB_MONTH:.2} USD per GB and month, \
         the list price of {PRICE_REGION}.",
        usd_per_month(audit.stored_bytes),
        usd_per_month(endless_bytes),
    ));
    let same = asked(view);
    let has = |is: fn(&Remedy) -> bool| audit.findings.iter().any(|finding| is(&finding.remedy));
    if !view.is_fixing && has(|remedy| matches!(remedy, Remedy::SetRetention(_))) {
        lines.push(format!("`lambdo log-groups audit{same} --fix` sets {}.", counted_days(standard.retention_in_days)));
    }
    if !standard.delete_empty && has(|remedy| matches!(remedy, Remedy::Delete | Remedy::Keep(Kept::NotAsked))) {
        lines.push(format!("`lambdo log-groups audit{same} --fix --delete-empty` deletes empty ones that no function writes to."));
    }
    lines
}

/// The options that lead to the same groups and the same retention.
fn asked(view: &LogGroupsView<'_>) -> String {
    let prefix = if view.prefix.is_empty() { String::new() } else { format!(" --prefix {}", shell(view.prefix)) };
    let days = view.standard.retention_in_days;
    let retention = if days == USUAL_RETENTION_DAYS { String::new() } else { format!(" --retention {days}") };
    prefix + &retention
}

/// How it ended, in one line, and a line for each that was left alone.
pub fn mended(view: &LogGroupsView<'_>) -> String {
    let Some(ends) = view.ends else { return String::new() };
    let count = |is: fn(&Ended) -> bool| ends.values().filter(|ended| is(ended)).count();
    let (done, failed) = (count(|ended| *ended == Ended::Done), count(|ended| matches!(ended, Ended::Failed(_))));
    let skipped: Vec<(&String, &String)> = ends
        .iter()
        .filter_map(|(name, ended)| match ended {
            Ended::Skipped(why) => Some((name, why)),
            _ => None,
        })
        .collect();
    let listed = if view.is_full { usize::MAX } else { LISTED_MAX };
    let mut lines: Vec<String> = skipped.iter().take(listed).map(|(name, why)| format!("  left alone: {name} ({why})")).collect();
    if skipped.len() > lines.len() {
        lines.push(styled(DIM, &format!("  and {} more, which `-v` lists", skipped.len() - lines.len())));
    }
    let mut total = vec![format!("{} changed", counted(done, "log group"))];
    total.extend((!skipped.is_empty()).then(|| format!("{} left alone", skipped.len())));
    total.extend((failed > 0).then(|| format!("{failed} failed")));
    lines.push(styled(BOLD, &format!("{}.", total.join(", "))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::log_group::LogGroup;

    const NOW_MS: i64 = 500 * DAY_MS;

    fn finding(name: &str, stored_bytes: u64, retention_in_days: Option<i64>, remedy: Remedy) -> Finding {
        let group = LogGroup { name: name.into(), stored_bytes, retention_in_days, ..LogGroup::default() };
        Finding { group, is_empty: stored_bytes == 0, remedy }
    }

    fn shown(findings: Vec<Finding>, columns: usize) -> String {
        let audit = Audit { groups: 20_000, stored_bytes: 700 << 30, findings };
        let standard = Standard { now_ms: NOW_MS, retention_in_days: 365, ..Standard::default() };
        let target = Target { partition: "aws".into(), account: "123456789012".into(), region: "eu-central-1".into() };
        let view =
            LogGroupsView { target: &target, prefix: "", audit: &audit, standard: &standard, ends: None, is_fixing: false, is_full: false };
        anstream::adapter::strip_str(&log_groups(&view, columns)).to_string()
    }

    #[test]
    fn an_audit_is_a_line_each_and_what_it_costs() {
        let kept = |kept| Remedy::Keep(kept);
        insta::assert_snapshot!(shown(
            vec![
                finding("/aws/lambda/checkout", 20 << 30, None, Remedy::SetRetention(365)),
                finding(
                    "/ecs/a-service-with-a-very-long-name-that-fits-no-terminal-of-this-world",
                    5 << 20,
                    None,
                    Remedy::SetRetention(365)
                ),
                finding("/aws/lambda/ours", 10, None, kept(Kept::Managed("log_group.ours of demo".into()))),
                finding("/old", 0, Some(30), Remedy::Delete),
                finding("/aws/lambda/quiet", 0, Some(1), kept(Kept::Function("quiet".into()))),
            ],
            100
        ), @r"
        123456789012 · eu-central-1

          ~ 20.0 GiB  /aws/lambda/checkout              keeps for ever -> 365 days
          ~  5.0 MiB  /ecs/a-service-with-a-very-long…  keeps for ever -> 365 days
                10 B  /aws/lambda/ours                  keeps for ever; managed by `log_group.ours of demo`
          -    empty  /old                              500 days old, keeps 30 -> deleted
               empty  /aws/lambda/quiet                 500 days old, keeps 1; function `quiet` writes to it

        Of 20000 log groups with 700.0 GiB: 3 without retention (20.0 GiB), 2 empty and past their
          retention or 365 days.
        Stored, all of them cost about 21.00 USD a month, those without retention 0.60 USD: at 0.03 USD
          per GB and month, the list price of us-east-1.
        `lambdo log-groups audit --fix` sets 365 days.
        `lambdo log-groups audit --fix --delete-empty` deletes empty ones that no function writes to.
        ");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let many: Vec<Finding> =
            (0..100).map(|number| finding(&format!("/x/{number}{}", "y".repeat(300)), 0, None, Remedy::Delete)).collect();
        for columns in [40, 80, 160] {
            let text = shown(many.clone(), columns);
            assert!(text.lines().all(|line| width(line) <= columns), "{columns}:\n{text}");
            assert!(text.contains("and 60 smaller ones"), "{text}");
        }
    }
}

//! An audit of log groups as Markdown, for an issue or a summary of a job.

use super::human::{LogGroupsView, bytes, log_group_totals};
use crate::model::log_group::{Ended, Finding, Remedy};

/// Rows that are shown: a comment of GitHub's has room for them in any case.
const ROWS_MAX: usize = 100;

/// The totals, and a table of the largest log groups.
pub fn log_groups(view: &LogGroupsView<'_>) -> String {
    let place = format!("`{}` · `{}`", view.target.account, view.target.region);
    let mut lines = vec![format!("### lambdo log-groups audit: {place}"), String::new()];
    for total in log_group_totals(view) {
        lines.extend([total, String::new()]);
    }
    let findings = &view.audit.findings;
    if !findings.is_empty() {
        lines.extend(["| log group | stored | action |".to_owned(), "|---|---:|---|".to_owned()]);
        lines.extend(findings.iter().take(ROWS_MAX).map(|finding| row(finding, view)));
    }
    if findings.len() > ROWS_MAX {
        lines.extend([String::new(), format!("and {} smaller ones", findings.len() - ROWS_MAX)]);
    }
    lines.join("\n").trim_end().to_owned()
}

fn row(finding: &Finding, view: &LogGroupsView<'_>) -> String {
    let action = match &finding.remedy {
        Remedy::SetRetention(days) => format!("keep lines for {days} days"),
        Remedy::Delete => "delete".to_owned(),
        Remedy::Keep(kept) => kept.why(),
    };
    let ended = match view.ends.and_then(|ends| ends.get(&finding.group.name)) {
        None => String::new(),
        Some(Ended::Done) => ": done".to_owned(),
        Some(Ended::Skipped(why)) => format!(": left alone, {why}"),
        Some(Ended::Failed(why)) => format!(": failed, {why}"),
    };
    let text = format!("{action}{ended}").replace('|', "\\|").replace('\n', " ");
    format!("| `{}` | {} | {text} |", finding.group.name, bytes(finding.group.stored_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Target;
    use crate::model::log_group::{Audit, LogGroup, Standard};

    #[test]
    fn a_table_has_a_row_for_each_of_the_largest() {
        let one = |number: u64| Finding {
            group: LogGroup { name: format!("/x/{number}"), stored_bytes: 2_000 - number, ..LogGroup::default() },
            is_empty: false,
            remedy: Remedy::SetRetention(30),
        };
        let audit = Audit { groups: 150, stored_bytes: 9_000, findings: (0..150).map(one).collect() };
        let standard = Standard { retention_in_days: 30, ..Standard::default() };
        let target = Target::placeholder();
        let ends = std::collections::BTreeMap::from([("/x/1".to_owned(), Ended::Failed("no|\nno".into()))]);
        let view = LogGroupsView {
            target: &target,
            prefix: "/x",
            audit: &audit,
            standard: &standard,
            ends: Some(&ends),
            is_fixing: true,
            is_full: false,
        };
        let text = log_groups(&view);
        assert!(text.contains("| `/x/1` | 1.9 KiB | keep lines for 30 days: failed, no\\| no |"), "{text}");
        assert!(text.ends_with("and 50 smaller ones") && !text.contains("`/x/100`"), "{text}");
    }
}

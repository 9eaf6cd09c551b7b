//! The account's log groups, as `lambdo log-groups audit` looks at them and mends them.

use super::super::log_groups::managed;
use crate::cli::workspace::Workspace;
use crate::daemon::{Audited, LogGroupFinding, LogGroupProblem};
use crate::engine::Engine;
use crate::model::log_group::{Audit, Ended, Finding, Kept, Remedy, Standard};
use crate::model::{Failure, LogGroupsRule};
use crate::spec::Header;
use std::collections::BTreeMap;

/// Looks, and changes nothing.
///
/// # Errors
/// Whatever keeps log groups from being listed.
pub async fn look(workspace: &Workspace, header: &Header, rule: &LogGroupsRule) -> Result<Audited, Failure> {
    let (.., audit) = found(workspace, header, rule).await?;
    Ok(audited(&audit, &BTreeMap::new()))
}

/// Looks, and does about it what the rule says.
///
/// # Errors
/// Whatever keeps log groups from being listed.
pub async fn fix(workspace: &Workspace, header: &Header, rule: &LogGroupsRule) -> Result<Audited, Failure> {
    let (engine, standard, audit) = found(workspace, header, rule).await?;
    if audit.to_do().next().is_none() {
        return Ok(audited(&audit, &BTreeMap::new()));
    }
    workspace.begin_record(header);
    let record = workspace.progress.record();
    let told = |finding: &Finding, ended: &Ended| record.iter().for_each(|record| record.log_group(finding, ended));
    let ends = engine.mend_log_groups(&audit, &standard, told).await?;
    Ok(audited(&audit, &ends))
}

/// What is wrong with log groups, by which standard, and who can mend it.
async fn found(workspace: &Workspace, header: &Header, rule: &LogGroupsRule) -> Result<(Engine, Standard, Audit), Failure> {
    let engine = workspace.engine(header).await?;
    let place = (engine.target().account.clone(), engine.target().region.clone());
    let standard = Standard {
        now_ms: jiff::Timestamp::now().as_millisecond(),
        retention_in_days: rule.retention_in_days,
        delete_empty: rule.delete_empty,
        managed: managed(&workspace.state_folder(header), &place).await?,
    };
    let (audit, _) = engine.audit_log_groups(&rule.prefix, &standard, |_| {}).await?;
    Ok((engine, standard, audit))
}

/// What stays open is what could be mended: what somebody needs or manages is nothing to tell.
fn audited(audit: &Audit, ends: &BTreeMap<String, Ended>) -> Audited {
    let ended = |finding: &Finding| ends.get(&finding.group.name);
    let could_be = |finding: &&Finding| !matches!(finding.remedy, Remedy::Keep(ref kept) if *kept != Kept::NotAsked);
    let is_open = |finding: &&Finding| matches!(ended(finding), None | Some(Ended::Failed(_)));
    let failed = |finding: &Finding| match ended(finding)? {
        Ended::Failed(why) => Some((finding.group.name.clone(), why.clone())),
        Ended::Done | Ended::Skipped(_) => None,
    };
    Audited {
        groups: audit.groups,
        stored_bytes: audit.stored_bytes,
        without_retention: audit.endless().0,
        empty: audit.empty(),
        open: audit.findings.iter().filter(could_be).filter(is_open).map(shown).collect(),
        mended: audit.to_do().filter(|finding| ended(finding) == Some(&Ended::Done)).map(|finding| finding.group.name.clone()).collect(),
        refused: audit.to_do().filter_map(failed).collect(),
    }
}

fn shown(finding: &Finding) -> LogGroupFinding {
    LogGroupFinding {
        name: finding.group.name.clone(),
        problem: if finding.is_empty { LogGroupProblem::Empty } else { LogGroupProblem::NoRetention },
        stored_bytes: finding.group.stored_bytes,
        retention_in_days: finding.group.retention_in_days,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::log_group::LogGroup;

    fn finding(name: &str, remedy: Remedy) -> Finding {
        Finding { group: LogGroup { name: name.to_owned(), class: "STANDARD".to_owned(), ..LogGroup::default() }, is_empty: true, remedy }
    }

    #[test]
    fn what_somebody_needs_is_not_told_and_what_was_mended_is_not_open() {
        let findings = vec![
            finding("/set", Remedy::SetRetention(365)),
            finding("/failed", Remedy::Delete),
            finding("/theirs", Remedy::Delete),
            finding("/unasked", Remedy::Keep(Kept::NotAsked)),
            finding("/used", Remedy::Keep(Kept::Function("f".to_owned()))),
            finding("/ours", Remedy::Keep(Kept::Managed("log_group.a of demo".to_owned()))),
        ];
        let audit = Audit { groups: 9, stored_bytes: 0, findings };
        let names = |audited: &Audited| audited.open.iter().map(|group| group.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&audited(&audit, &BTreeMap::new())), ["/set", "/failed", "/theirs", "/unasked"]);
        let ends = [
            ("/set", Ended::Done),
            ("/failed", Ended::Failed("denied".to_owned())),
            ("/theirs", Ended::Skipped("Terraform seems to manage it".to_owned())),
        ];
        let ends = ends.map(|(name, ended)| (name.to_owned(), ended)).into();
        let after = audited(&audit, &ends);
        assert_eq!((names(&after), after.mended.as_slice()), (vec!["/failed".to_owned(), "/unasked".to_owned()], &["/set".to_owned()][..]));
        assert_eq!(after.refused, [("/failed".to_owned(), "denied".to_owned())]);
    }
}

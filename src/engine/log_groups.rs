//! The log groups of a whole account and region, whoever made them: finding those that keep lines for ever or are empty,
//! and doing something about it.

use super::Engine;
use crate::aws::{AwsError, ErrorClass, Writer};
use crate::diagnostic::Diagnostic;
use crate::model::log_group::{Audit, Ended, Finding, Kept, Remedy, Standard, Writers};
use crate::model::observed::tag;
use crate::model::{Exit, Failure};
use crate::plan::manager;
use futures::stream::{self, StreamExt as _};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_util::sync::CancellationToken;

/// Groups that are worked on at the same time; AWS's quotas set the pace.
const PARALLEL: usize = 16;
/// So many groups are asked for their owner when nothing is changed: a minute's worth of AWS's quota.
const ASKED_MAX: usize = 500;
/// So many refusals are a lack of rights, and nothing else is tried.
const DENIALS_MAX: usize = 20;

impl Engine {
    /// Looks at all log groups whose names begin with `prefix`. `count` is told how many were seen so far. Whoever may not
    /// list functions gets a warning, and empty groups that stay.
    ///
    /// # Errors
    /// [`Exit::Failed`] when log groups cannot be listed.
    pub async fn audit_log_groups(
        &self,
        prefix: &str,
        standard: &Standard,
        count: impl Fn(usize) + Send + Sync,
    ) -> Result<(Audit, Vec<Diagnostic>), Failure> {
        let reader = self.session.reader();
        let (mut audit, mut wrong) = (Audit::default(), Vec::new());
        let taken = reader.log_groups(prefix, |page| {
            audit.groups += page.len();
            audit.stored_bytes += page.iter().map(|group| group.stored_bytes).sum::<u64>();
            count(audit.groups);
            wrong.extend(page.into_iter().filter(|group| standard.is_wrong(group).is_some()));
        });
        taken.await.map_err(failed)?;
        let has_empty = wrong.iter().any(|group| standard.is_wrong(group) == Some(true));
        let (writers, mut warnings) = if has_empty { self.log_group_writers().await? } else { (None, Vec::new()) };
        audit.findings = wrong.iter().filter_map(|group| standard.judge(group, &writers)).collect();
        audit.findings.sort_by_cached_key(|finding| (Reverse(finding.group.stored_bytes), finding.group.name.clone()));
        warnings.extend(self.leave_those_of_others(&mut audit).await?);
        Ok((audit, warnings))
    }

    /// Finds out which groups another project of lambdo's manages, by their tags. Each costs a call, so only those are asked that
    /// something may be done about, the largest first; the rest is asked before it is changed.
    async fn leave_those_of_others(&self, audit: &mut Audit) -> Result<Option<Diagnostic>, Failure> {
        let reader = self.session.reader();
        let is_open = |finding: &&mut Finding| !matches!(&finding.remedy, Remedy::Keep(kept) if *kept != Kept::NotAsked);
        let mut open = audit.findings.iter_mut().filter(is_open);
        let asked: Vec<&mut Finding> = open.by_ref().take(ASKED_MAX).collect();
        let mut warning = open.next().is_some().then(not_all_asked);
        let ask = |finding| {
            let reader = &reader;
            Box::pin(async move {
                let finding: &mut Finding = finding;
                let tags = reader.log_group_tags(&finding.group.arn).await;
                (finding, tags)
            })
        };
        let mut answers = stream::iter(asked.into_iter().map(ask)).buffer_unordered(PARALLEL);
        while let Some((finding, tags)) = answers.next().await {
            match tags {
                Ok(tags) => finding.remedy = managed(&tags).map_or(finding.remedy.clone(), Remedy::Keep),
                Err(error) if error.is_not_found() => {}
                Err(error) if error.is_denied() => {
                    warning = Some(owners_unknown(&error));
                    break;
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(warning)
    }

    async fn log_group_writers(&self) -> Result<(Writers, Vec<Diagnostic>), Failure> {
        match self.session.reader().functions_by_log_group().await {
            Ok(writers) => Ok((Some(writers), Vec::new())),
            Err(error) if error.is_denied() => {
                let warning = Diagnostic::warning("functions-unknown", "Functions cannot be listed")
                    .detail(format!("{error}. So it is not known which empty log groups are still in use, and none is deleted."));
                Ok((None, vec![warning]))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Does what the audit says, after another look at each group and its tags. `told` gets each end as it comes.
    /// An interrupt ends it between two groups.
    ///
    /// # Errors
    /// [`Exit::Failed`] when functions cannot be listed any more.
    pub async fn mend_log_groups(
        &self,
        audit: &Audit,
        standard: &Standard,
        mut told: impl FnMut(&Finding, &Ended) + Send,
    ) -> Result<BTreeMap<String, Ended>, Failure> {
        let deletes = audit.to_do().any(|finding| finding.remedy == Remedy::Delete);
        let writers = if deletes { self.log_group_writers().await?.0 } else { None };
        let drain = self.interrupt.drain.clone();
        let mender = Mender { writer: self.session.writer(), standard, writers, denials: AtomicUsize::new(0), drain };
        let work = stream::iter(audit.to_do().map(|finding| {
            let mender = &mender;
            Box::pin(async move { (finding, mender.mend(finding).await) })
        }));
        let mut work = work.buffer_unordered(PARALLEL);
        let mut ends = BTreeMap::new();
        while let Some((finding, ended)) = work.next().await {
            told(finding, &ended);
            ends.insert(finding.group.name.clone(), ended);
        }
        Ok(ends)
    }
}

struct Mender<'a> {
    writer: Writer,
    standard: &'a Standard,
    writers: Writers,
    denials: AtomicUsize,
    drain: CancellationToken,
}

impl Mender<'_> {
    async fn mend(&self, finding: &Finding) -> Ended {
        const INTERRUPTED: &str = "not tried, since the run was interrupted";
        if self.drain.is_cancelled() {
            return Ended::Skipped(INTERRUPTED.to_owned());
        }
        if self.denials.load(Ordering::Relaxed) >= DENIALS_MAX {
            return Ended::Skipped(format!("not tried, since AWS has denied {DENIALS_MAX} calls"));
        }
        match self.tried(finding).await {
            Ok(ended) => ended,
            Err(error) if error.is_not_found() => Ended::Skipped("it is gone by now".to_owned()),
            Err(error) if error.class == ErrorClass::Interrupted => Ended::Skipped(INTERRUPTED.to_owned()),
            Err(error) => {
                if error.is_denied() {
                    self.denials.fetch_add(1, Ordering::Relaxed);
                }
                Ended::Failed(error.to_string())
            }
        }
    }

    async fn tried(&self, finding: &Finding) -> Result<Ended, AwsError> {
        let (reader, name) = (self.writer.reader(), &finding.group.name);
        let Some(now) = reader.log_group(name).await? else { return Ok(Ended::Skipped("it is gone by now".to_owned())) };
        match self.standard.judge(&now, &self.writers).map(|now| now.remedy) {
            Some(remedy) if remedy == finding.remedy => {}
            Some(Remedy::Keep(kept)) => return Ok(Ended::Skipped(kept.why())),
            _ => return Ok(Ended::Skipped("it is not as it was when it was listed".to_owned())),
        }
        let tags = reader.log_group_tags(&now.arn).await?;
        if let Some(kept) = managed(&tags) {
            return Ok(Ended::Skipped(kept.why()));
        }
        match finding.remedy {
            Remedy::SetRetention(days) => self.writer.retain_log_group(name, days).await?,
            Remedy::Delete => {
                if let Some((who, key)) = manager(&tags) {
                    return Ok(Ended::Skipped(format!("{who} seems to manage it, as its tag `{key}` says")));
                }
                if !self.holds_nothing(name).await? {
                    return Ok(Ended::Skipped("it holds lines".to_owned()));
                }
                self.writer.remove_log_group(name).await?;
            }
            Remedy::Keep(_) => {}
        }
        Ok(Ended::Done)
    }

    /// Groups of some classes cannot be looked into; they stay.
    async fn holds_nothing(&self, name: &str) -> Result<bool, AwsError> {
        match self.writer.reader().holds_no_line(name).await {
            Err(error) if error.class == ErrorClass::Invalid => Ok(false),
            other => other,
        }
    }
}

/// That a project of lambdo's manages it, if its tags say so.
fn managed(tags: &BTreeMap<String, String>) -> Option<Kept> {
    tags.get(tag::LINEAGE)?;
    let project = tags.get(tag::PROJECT).map_or("unknown", String::as_str);
    let stage = tags.get(tag::STAGE).filter(|stage| !stage.is_empty()).map_or_else(String::new, |stage| format!(", stage {stage}"));
    Some(Kept::Managed(format!("lambdo project {project}{stage}")))
}

fn not_all_asked() -> Diagnostic {
    Diagnostic::warning("owners-unknown", "Not all owners were looked up").detail(format!(
        "Whether another project manages it was looked up for the largest {ASKED_MAX} log groups, since each costs a call; the others are \
         looked at before anything is done to them."
    ))
}

fn owners_unknown(error: &AwsError) -> Diagnostic {
    Diagnostic::warning("owners-unknown", "Tags of log groups cannot be read")
        .detail(format!("{error}. So it is not known which of them other projects manage, and none can be changed."))
}

fn failed(error: AwsError) -> Failure {
    let exit = if error.class == ErrorClass::Interrupted { Exit::Interrupted } else { Exit::Failed };
    Failure::new(exit, error.diagnostic())
}

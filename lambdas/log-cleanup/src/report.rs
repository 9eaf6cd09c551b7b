//! What a run did: counted for the caller, in a sentence for the log, and as an error if anything failed.

use lambda_runtime::Diagnostic;
use serde::Serialize;

use crate::clean::Tally;
use crate::decide::Reason;

/// So many failures are told in the error; all are in the log.
const TOLD_FAILURES: usize = 3;

/// The answer. In a dry run `retention_set` and `deleted` count what would be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub groups: usize,
    pub retention_set: usize,
    pub deleted: usize,
    /// Left as they are, because that is right.
    pub kept: usize,
    /// Deleted by somebody else meanwhile.
    pub already_gone: usize,
    pub failed: usize,
    /// To be changed, and the time was over.
    pub left: usize,
    /// Another run would find work: groups were left, or not all were looked at.
    pub more_left: bool,
    pub dry_run: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub name: String,
    pub error: String,
}

#[derive(Debug)]
pub struct Report {
    summary: Summary,
    listed_all: bool,
    listing_error: Option<String>,
    failures: Vec<Failure>,
}

impl Report {
    pub fn new(dry_run: bool) -> Self {
        let summary = Summary { dry_run, more_left: true, ..Summary::default() };
        Self { summary, listed_all: false, listing_error: None, failures: Vec::new() }
    }

    pub fn listed(&mut self, groups: usize) {
        self.summary.groups = groups;
    }

    pub fn listed_all(&mut self) {
        self.listed_all = true;
        self.summary.more_left = false;
    }

    pub fn listing_failed(&mut self, error: String) {
        eprintln!("failed: the list of log groups: {error}");
        self.listing_error = Some(error);
    }

    pub fn kept(&mut self, name: &str, reason: Reason) {
        if let Some(why) = reason.spares_an_old_empty_group() {
            eprintln!("kept {name}, empty and older than its retention: {why}");
        }
        self.summary.kept += 1;
    }

    pub fn would(mut self, without_retention: &[&str], deletable: &[&str]) -> Self {
        for name in without_retention {
            eprintln!("would set a retention of 365 days on {name}");
        }
        for name in deletable {
            eprintln!("would delete {name}");
        }
        (self.summary.retention_set, self.summary.deleted) = (without_retention.len(), deletable.len());
        self
    }

    pub fn changed(mut self, set: Tally, deleted: Tally) -> Self {
        let summary = &mut self.summary;
        (summary.retention_set, summary.deleted) = (set.done, deleted.done);
        summary.already_gone = set.gone + deleted.gone;
        summary.left = set.left + deleted.left;
        summary.more_left |= summary.left > 0;
        self.failures = set.failures.into_iter().chain(deleted.failures).collect();
        summary.failed = self.failures.len();
        self
    }

    /// The log's last line.
    pub fn sentence(&self) -> String {
        let Summary { groups, retention_set, deleted, kept, already_gone, failed, left, dry_run, .. } = self.summary;
        let mut sentence = if dry_run { "dry run, nothing changed: " } else { "" }.to_string();
        sentence += &format!("{groups} log groups: retention set on {retention_set}, {deleted} deleted, {kept} kept");
        for (count, what) in [(already_gone, "already gone"), (failed, "failed"), (left, "left for the next run, as time is up")] {
            if count > 0 {
                sentence += &format!(", {count} {what}");
            }
        }
        if !self.listed_all {
            sentence += "; not all groups were looked at";
        }
        sentence
    }

    /// An error only if something failed; running out of time is none.
    pub fn answer(self) -> Result<Summary, Diagnostic> {
        let mut causes: Vec<String> =
            self.listing_error.iter().map(|error| format!("the log groups could not be listed: {error}")).collect();
        causes.extend(self.failures.iter().take(TOLD_FAILURES).map(|failure| format!("{}: {}", failure.name, failure.error)));
        if causes.is_empty() {
            return Ok(self.summary);
        }
        if self.failures.len() > TOLD_FAILURES {
            causes.push(format!("{} more, see the log", self.failures.len() - TOLD_FAILURES));
        }
        let error_message = format!("{} ({})", causes.join("; "), self.sentence());
        Err(Diagnostic { error_type: "LogCleanup.SomeFailed".into(), error_message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(done: usize, gone: usize, left: usize, failed: usize) -> Tally {
        let failures = (0..failed).map(|index| Failure { name: format!("/f{index}"), error: "Nope: no".into() }).collect();
        Tally { done, gone, left, failures }
    }

    fn report(listed_all: bool, set: Tally, deleted: Tally) -> Report {
        let mut report = Report::new(false);
        report.listed(20);
        if listed_all {
            report.listed_all();
        }
        report.kept("/a", Reason::NotEmpty);
        report.kept("/b", Reason::Protected);
        report.changed(set, deleted)
    }

    #[test]
    fn the_answer_counts_all_that_became_of_the_groups() {
        let answer = report(true, tally(3, 1, 0, 0), tally(2, 1, 0, 0)).answer().unwrap();
        let json = r#"{"groups":20,"retention_set":3,"deleted":2,"kept":2,"already_gone":2,"failed":0,"left":0,"more_left":false,"dry_run":false}"#;
        assert_eq!(serde_json::to_string(&answer).unwrap(), json);
    }

    #[test]
    fn time_that_ran_out_is_told_and_is_no_error() {
        for (listed_all, left, more_left) in [(true, 0, false), (true, 4, true), (false, 0, true), (false, 4, true)] {
            let report = report(listed_all, tally(1, 0, left, 0), tally(1, 0, 0, 0));
            assert_eq!(report.sentence().contains("not all groups were looked at"), !listed_all, "{}", report.sentence());
            assert_eq!(report.sentence().contains("4 left for the next run"), left > 0, "{}", report.sentence());
            let answer = report.answer().unwrap();
            assert_eq!((answer.left, answer.more_left), (left, more_left));
        }
    }

    #[test]
    fn one_failure_is_an_error_that_names_the_group_and_says_what_was_done_all_the_same() {
        let error = report(true, tally(3, 0, 0, 1), tally(2, 0, 0, 0)).answer().unwrap_err();
        assert_eq!(error.error_type, "LogCleanup.SomeFailed");
        assert_eq!(error.error_message, "/f0: Nope: no (20 log groups: retention set on 3, 2 deleted, 2 kept, 1 failed)");
    }

    #[test]
    fn of_many_failures_a_few_are_told() {
        let error = report(true, tally(0, 0, 0, 8), tally(0, 0, 0, 4)).answer().unwrap_err();
        assert!(error.error_message.starts_with("/f0: Nope: no; /f1: Nope: no; /f2: Nope: no; 9 more, see the log ("), "{error:?}");
    }

    #[test]
    fn a_list_that_failed_is_an_error_although_what_was_listed_was_done() {
        let mut report = report(false, tally(1, 0, 0, 0), tally(0, 0, 0, 0));
        report.listing_failed("Throttled: slow down".into());
        let error = report.answer().unwrap_err();
        assert!(error.error_message.starts_with("the log groups could not be listed: Throttled: slow down (20 log groups"), "{error:?}");
    }
}

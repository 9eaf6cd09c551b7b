//! What is to be done with a log group: pure, so that every rule is a line in a table of tests.

/// Twelve months, as AWS counts them (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>).
pub const RETENTION_DAYS: i32 = 365;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What AWS tells about a log group, as far as it matters here.
#[derive(Clone, Debug, Default)]
pub struct Group {
    pub name: String,
    /// Since 1970.
    pub created_ms: Option<i64>,
    /// `None`: events are kept for ever.
    pub retention_days: Option<i32>,
    pub stored_bytes: Option<i64>,
    /// Of a class whose retention can be set: standard or infrequent access.
    pub retention_is_settable: bool,
    /// A retention policy of the account decides, and a group's own setting has no effect.
    pub follows_account_policy: bool,
    pub is_deletion_protected: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The next run deletes the group if it is empty and old: one change per group and run.
    SetRetention,
    Delete,
    Keep(Reason),
}

/// Why a group stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A delivery group, whose retention is fixed, or a class that came after this program.
    OtherClass,
    /// The account's policy says that events never expire.
    NeverExpires,
    /// It holds events, or AWS did not say that it holds none.
    NotEmpty,
    /// Not older than its retention, or AWS did not say how old it is.
    Young,
    /// This function writes to it just now.
    Own,
    /// Named by `KEEP_PREFIXES`.
    Named,
    Protected,
}

impl Reason {
    /// For a group that would be deleted otherwise: the log's words for why it is not.
    pub fn spares_an_old_empty_group(self) -> Option<&'static str> {
        match self {
            Self::Own => Some("this function writes to it"),
            Self::Named => Some("KEEP_PREFIXES names it"),
            Self::Protected => Some("it is protected against deletion"),
            Self::OtherClass | Self::NeverExpires | Self::NotEmpty | Self::Young => None,
        }
    }
}

/// What the decisions of one run have in common.
#[derive(Clone, Debug)]
pub struct Rules {
    now_ms: i64,
    own_group: String,
    keep_prefixes: Vec<String>,
}

impl Rules {
    /// `keep_prefixes` is separated by commas, which no log group's name contains.
    pub fn new(now_ms: u64, own_group: &str, keep_prefixes: &str) -> Self {
        let prefixes = keep_prefixes.split(',').map(str::trim).filter(|prefix| !prefix.is_empty());
        Self { now_ms: now_ms as i64, own_group: own_group.into(), keep_prefixes: prefixes.map(Into::into).collect() }
    }

    pub fn decide(&self, group: &Group) -> Decision {
        if !group.retention_is_settable {
            return Decision::Keep(Reason::OtherClass);
        }
        let Some(days) = group.retention_days.filter(|&days| days > 0) else {
            return if group.follows_account_policy { Decision::Keep(Reason::NeverExpires) } else { Decision::SetRetention };
        };
        if group.stored_bytes != Some(0) {
            Decision::Keep(Reason::NotEmpty)
        } else if !self.is_older_than(group, days) {
            Decision::Keep(Reason::Young)
        } else if group.name == self.own_group {
            Decision::Keep(Reason::Own)
        } else if self.keep_prefixes.iter().any(|prefix| group.name.starts_with(prefix)) {
            Decision::Keep(Reason::Named)
        } else if group.is_deletion_protected {
            Decision::Keep(Reason::Protected)
        } else {
            Decision::Delete
        }
    }

    fn is_older_than(&self, group: &Group, days: i32) -> bool {
        group.created_ms.is_some_and(|created_ms| self.now_ms.saturating_sub(created_ms) > i64::from(days) * DAY_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn rules() -> Rules {
        Rules::new(NOW_MS as u64, "/aws/lambda/demo-log-cleanup", " /aws/lambda/demo-, /keep,, ")
    }

    /// Empty, 30 days of retention, 31 days old: to be deleted.
    fn old_and_empty() -> Group {
        Group {
            name: "/app".into(),
            created_ms: Some(NOW_MS - 31 * DAY_MS),
            retention_days: Some(30),
            stored_bytes: Some(0),
            retention_is_settable: true,
            follows_account_policy: false,
            is_deletion_protected: false,
        }
    }

    #[test]
    fn each_rule_decides_as_its_line_says() {
        use Decision::{Delete, Keep, SetRetention};
        type Change = fn(&mut Group);
        let table: [(&str, Change, Decision); 23] = [
            ("empty and older than its retention", |_| {}, Delete),
            ("one millisecond older", |group| group.created_ms = Some(NOW_MS - 30 * DAY_MS - 1), Delete),
            ("exactly as old as its retention", |group| group.created_ms = Some(NOW_MS - 30 * DAY_MS), Keep(Reason::Young)),
            ("made later than now", |group| group.created_ms = Some(NOW_MS + DAY_MS), Keep(Reason::Young)),
            ("of unknown age", |group| group.created_ms = None, Keep(Reason::Young)),
            ("made in 1970 with the longest retention", |group| (group.created_ms, group.retention_days) = (Some(0), Some(3653)), Delete),
            ("with one byte", |group| group.stored_bytes = Some(1), Keep(Reason::NotEmpty)),
            ("of unknown size", |group| group.stored_bytes = None, Keep(Reason::NotEmpty)),
            ("without retention", |group| group.retention_days = None, SetRetention),
            ("with zero days, an emulator's way of saying none", |group| group.retention_days = Some(0), SetRetention),
            ("without retention, with events", |group| (group.retention_days, group.stored_bytes) = (None, Some(9)), SetRetention),
            ("without retention, of unknown size", |group| (group.retention_days, group.stored_bytes) = (None, None), SetRetention),
            ("without retention, ancient", |group| (group.retention_days, group.created_ms) = (None, Some(0)), SetRetention),
            ("without retention, protected", |group| (group.retention_days, group.is_deletion_protected) = (None, true), SetRetention),
            ("without retention, our own", |group| set(group, "/aws/lambda/demo-log-cleanup", None), SetRetention),
            ("without retention, named", |group| set(group, "/keep/this", None), SetRetention),
            ("our own", |group| set(group, "/aws/lambda/demo-log-cleanup", Some(30)), Keep(Reason::Own)),
            ("named", |group| set(group, "/aws/lambda/demo-hello", Some(30)), Keep(Reason::Named)),
            ("named in the middle only", |group| set(group, "/not/keep", Some(30)), Delete),
            ("protected", |group| group.is_deletion_protected = true, Keep(Reason::Protected)),
            ("of the account's policy", |group| group.follows_account_policy = true, Delete),
            (
                "of the account's policy that keeps for ever",
                |group| (group.retention_days, group.follows_account_policy) = (None, true),
                Keep(Reason::NeverExpires),
            ),
            (
                "of a class without settable retention",
                |group| (group.retention_days, group.retention_is_settable) = (None, false),
                Keep(Reason::OtherClass),
            ),
        ];
        for (what, change, expected) in table {
            let mut group = old_and_empty();
            change(&mut group);
            assert_eq!(rules().decide(&group), expected, "a group {what}");
        }
    }

    fn set(group: &mut Group, name: &str, retention_days: Option<i32>) {
        (group.name, group.retention_days) = (name.into(), retention_days);
    }

    #[test]
    fn an_old_empty_group_of_another_class_is_left_alone() {
        let group = Group { retention_is_settable: false, ..old_and_empty() };
        assert_eq!(rules().decide(&group), Decision::Keep(Reason::OtherClass));
    }

    #[test]
    fn no_prefix_keeps_nothing_and_an_unknown_own_group_is_no_group() {
        let rules = Rules::new(NOW_MS as u64, "", "");
        assert_eq!(rules.decide(&old_and_empty()), Decision::Delete);
    }
}

//! Log groups of an account: which of them keep lines for ever, which are empty, and what shall be done about them.

use std::collections::BTreeMap;

/// The retentions that AWS takes, in days.
/// Source: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
pub const RETENTIONS_IN_DAYS: &[i64] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// What a gigabyte of stored lines costs in a month, in US dollars: the list price of [`PRICE_REGION`].
/// Source: <https://aws.amazon.com/cloudwatch/pricing/>
pub const PRICE_USD_PER_GB_MONTH: f64 = 0.03;
/// Where that price holds; those of other regions differ by up to a half.
pub const PRICE_REGION: &str = "us-east-1";

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// A class whose retention AWS sets itself.
const DELIVERY: &str = "DELIVERY";
/// What Lambda@Edge calls the groups of a function of us-east-1 in every region where it runs.
/// Source: <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/edge-functions-logs.html>
const AT_THE_EDGE: &str = "/aws/lambda/us-east-1.";

/// What AWS shows of a log group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// Its ARN, without `:*`.
    pub arn: String,
    /// Such as `STANDARD`.
    pub class: String,
    /// After how many days lines are deleted; absent where they are kept for ever.
    pub retention_in_days: Option<i64>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
    /// What is stored in it, as far as AWS has counted.
    pub stored_bytes: u64,
    /// Whether its deletion protection is on.
    pub is_protected: bool,
}

/// What is wrong with a log group, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The group.
    pub group: LogGroup,
    /// Whether it is empty and older than its retention, or than the one it would get.
    pub is_empty: bool,
    /// What is done about it.
    pub remedy: Remedy,
}

impl Finding {
    /// Whether its lines are kept for ever.
    pub fn has_no_retention(&self) -> bool {
        self.group.lacks_retention()
    }
}

/// What is done about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// It gets a retention, in days.
    SetRetention(i64),
    /// It is deleted.
    Delete,
    /// Nothing.
    Keep(Kept),
}

/// Why nothing is done about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A state of lambdo's manages it: which address of which project.
    Managed(String),
    /// It would be deleted if that was asked for.
    NotAsked,
    /// This function writes to it.
    Function(String),
    /// A function at the edge may write to it.
    AtTheEdge,
    /// Functions could not be listed, so one may write to it.
    FunctionsUnknown,
    /// Its deletion protection is on.
    Protected,
}

impl Kept {
    /// Why, as the end of a sentence that begins with the group.
    pub fn why(&self) -> String {
        match self {
            Self::Managed(by) => format!("managed by `{by}`"),
            Self::NotAsked => "stays unless `--delete-empty` is given".to_owned(),
            Self::Function(name) => format!("function `{name}` writes to it"),
            Self::AtTheEdge => "a function at the edge may write to it".to_owned(),
            Self::FunctionsUnknown => "functions cannot be listed, and one may write to it".to_owned(),
            Self::Protected => "its deletion protection is on".to_owned(),
        }
    }
}

/// By what log groups are judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standard {
    /// Now, in milliseconds since 1970.
    pub now_ms: i64,
    /// What a group without retention gets, in days.
    pub retention_in_days: i64,
    /// Whether empty groups are deleted.
    pub delete_empty: bool,
    /// What lambdo's states manage: names of groups, and the address with its project.
    pub managed: BTreeMap<String, String>,
}

/// Which function writes to a group, by the group's name; `None` where functions cannot be listed.
pub type Writers = Option<BTreeMap<String, String>>;

impl LogGroup {
    /// Whether its lines are kept for ever.
    pub fn lacks_retention(&self) -> bool {
        self.retention_in_days.is_none() && self.class != DELIVERY
    }

    fn is_empty_past(&self, standard: &Standard) -> bool {
        let days = self.retention_in_days.unwrap_or(standard.retention_in_days);
        self.stored_bytes == 0 && self.created_ms < standard.now_ms - days * DAY_MS
    }
}

impl Standard {
    /// Whether there is something wrong with a group, and whether it is that it is empty.
    pub fn is_wrong(&self, group: &LogGroup) -> Option<bool> {
        let is_empty = group.is_empty_past(self);
        (is_empty || group.lacks_retention()).then_some(is_empty)
    }

    /// What is wrong with a group and what is done about it; `None` where all is well.
    pub fn judge(&self, group: &LogGroup, writers: &Writers) -> Option<Finding> {
        let is_empty = self.is_wrong(group)?;
        let remedy = match self.managed.get(&group.name) {
            Some(by) => Remedy::Keep(Kept::Managed(by.clone())),
            None => self.remedy(group, is_empty, writers),
        };
        Some(Finding { group: group.clone(), is_empty, remedy })
    }

    fn remedy(&self, group: &LogGroup, is_empty: bool, writers: &Writers) -> Remedy {
        let kept = is_empty.then(|| self.stays(group, writers));
        match kept {
            Some(None) => Remedy::Delete,
            _ if group.lacks_retention() => Remedy::SetRetention(self.retention_in_days),
            Some(Some(kept)) => Remedy::Keep(kept),
            // What has a retention and is not empty is no finding.
            None => Remedy::Keep(Kept::NotAsked),
        }
    }

    /// Why an empty group is not deleted.
    fn stays(&self, group: &LogGroup, writers: &Writers) -> Option<Kept> {
        match writers {
            _ if group.is_protected => Some(Kept::Protected),
            _ if group.name.starts_with(AT_THE_EDGE) => Some(Kept::AtTheEdge),
            None => Some(Kept::FunctionsUnknown),
            Some(writers) => match writers.get(&group.name) {
                Some(function) => Some(Kept::Function(function.clone())),
                None => (!self.delete_empty).then_some(Kept::NotAsked),
            },
        }
    }
}

/// What an account's log groups are like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audit {
    /// How many groups there are.
    pub groups: usize,
    /// What is stored in all of them.
    pub stored_bytes: u64,
    /// Those with which something is wrong, the largest first.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// Those about which something is to be done.
    pub fn to_do(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| !matches!(finding.remedy, Remedy::Keep(_)))
    }

    /// How many groups keep lines for ever, and how many bytes are stored in them.
    pub fn endless(&self) -> (usize, u64) {
        let endless = self.findings.iter().filter(|finding| finding.has_no_retention());
        endless.fold((0, 0), |(groups, bytes), finding| (groups + 1, bytes + finding.group.stored_bytes))
    }

    /// How many groups are empty and past their retention.
    pub fn empty(&self) -> usize {
        self.findings.iter().filter(|finding| finding.is_empty).count()
    }
}

/// What that much costs a month in US dollars, at [`PRICE_USD_PER_GB_MONTH`].
#[expect(clippy::cast_precision_loss, reason = "an estimate of money")]
pub fn usd_per_month(stored_bytes: u64) -> f64 {
    stored_bytes as f64 / f64::from(1 << 30) * PRICE_USD_PER_GB_MONTH
}

/// How it ended with a group that something was to be done about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Done.
    Done,
    /// Left as it is, since something is not as it was, or since it is somebody's.
    Skipped(String),
    /// AWS refused.
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn standard() -> Standard {
        let managed = BTreeMap::from([("/aws/lambda/ours".to_owned(), "log_group.ours of demo".to_owned())]);
        Standard { now_ms: NOW_MS, retention_in_days: 365, delete_empty: true, managed }
    }

    fn group(name: &str, retention_in_days: Option<i64>, age_days: i64, stored_bytes: u64) -> LogGroup {
        let created_ms = NOW_MS - age_days * DAY_MS - 1;
        LogGroup { name: name.into(), class: "STANDARD".into(), retention_in_days, created_ms, stored_bytes, ..LogGroup::default() }
    }

    fn remedy(standard: &Standard, group: &LogGroup) -> Option<Remedy> {
        let writers = Some(BTreeMap::from([("/aws/lambda/live".to_owned(), "live".to_owned())]));
        standard.judge(group, &writers).map(|finding| finding.remedy)
    }

    #[test]
    fn lines_that_are_kept_for_ever_get_a_retention_and_old_empty_groups_go() {
        let judged = |group| remedy(&standard(), &group);
        assert_eq!(judged(group("/a", Some(30), 400, 1)), None);
        assert_eq!(judged(group("/a", Some(30), 29, 0)), None);
        assert_eq!(judged(group("/a", None, 1, 0)), Some(Remedy::SetRetention(365)));
        assert_eq!(judged(group("/a", None, 500, 7)), Some(Remedy::SetRetention(365)));
        assert_eq!(judged(group("/a", Some(30), 30, 0)), Some(Remedy::Delete));
        assert_eq!(judged(group("/a", None, 365, 0)), Some(Remedy::Delete));
    }

    #[test]
    fn what_somebody_may_need_is_not_deleted() {
        let judged = |group| remedy(&standard(), &group);
        let keep = |kept| Some(Remedy::Keep(kept));
        assert_eq!(judged(group("/aws/lambda/live", Some(1), 9, 0)), keep(Kept::Function("live".into())));
        assert_eq!(judged(group("/aws/lambda/live", None, 900, 0)), Some(Remedy::SetRetention(365)));
        assert_eq!(judged(group("/aws/lambda/us-east-1.x", Some(1), 9, 0)), keep(Kept::AtTheEdge));
        assert_eq!(judged(LogGroup { is_protected: true, ..group("/a", Some(1), 9, 0) }), keep(Kept::Protected));
        assert_eq!(judged(group("/aws/lambda/ours", None, 900, 0)), keep(Kept::Managed("log_group.ours of demo".into())));
        let unasked = Standard { delete_empty: false, ..standard() };
        assert_eq!(remedy(&unasked, &group("/a", Some(1), 9, 0)), keep(Kept::NotAsked));
        let unknown = standard().judge(&group("/a", Some(1), 9, 0), &None).unwrap();
        assert_eq!(unknown.remedy, Remedy::Keep(Kept::FunctionsUnknown));
    }

    #[test]
    fn aws_itself_sets_the_retention_of_what_is_delivered() {
        let delivered = LogGroup { class: DELIVERY.into(), ..group("/a", None, 1, 9) };
        assert_eq!(remedy(&standard(), &delivered), None);
    }

    #[test]
    fn what_is_stored_costs_by_the_gigabyte() {
        assert!((usd_per_month(100 << 30) - 3.0).abs() < 1e-9);
    }
}

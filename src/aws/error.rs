//! What AWS refused, and what that means.

use super::advice;
use super::denial::Denial;
use crate::diagnostic::Diagnostic;
use crate::model::Target;
use jiff::Timestamp;
use std::fmt;

/// How the message begins when a certificate is not trusted.
pub(super) const UNTRUSTED: &str = "the certificate of";
/// What is said of an endpoint that took up a connection and gave no answer.
pub(super) const BROKEN_OFF: &str = "closed the connection before it answered";

/// What an error means for whoever made the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorClass {
    /// Too many calls: wait and try again.
    Throttled,
    /// The answer was lost or AWS had a fault: try again.
    Transient,
    /// Something just made is not seen everywhere yet: try again.
    NotYetConsistent,
    /// Something else is going on with the resource: try again when it has ended.
    InProgress,
    /// The name is taken.
    AlreadyExists,
    /// It is not there.
    NotFound,
    /// The credentials may not do this.
    Denied,
    /// The credentials are missing, wrong or expired.
    Credentials,
    /// A quota of the account is full.
    Quota,
    /// The request is wrong and stays wrong.
    Invalid,
    /// The run was interrupted while it waited.
    Interrupted,
    /// Anything else.
    Other,
}

/// An AWS call that failed, with everything a person needs to ask AWS about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    /// The call, such as `lambda:CreateFunction`.
    pub operation: String,
    /// What it means.
    pub class: ErrorClass,
    /// AWS's error code.
    pub code: Option<String>,
    /// AWS's message, or what went wrong before AWS answered.
    pub message: String,
    /// AWS's request id.
    pub request_id: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// Whether an earlier attempt of the same change had no answer, so that AWS may have done it.
    pub uncertain: bool,
    /// What a denial says, read before anything was taken out of the message.
    pub denial: Option<Box<Denial>>,
    /// The time by this machine's clock and by AWS's, where AWS did not like a signature.
    pub clocks: Option<(Timestamp, Timestamp)>,
}

/// Clocks that are less apart than this agree, in seconds; AWS allows five minutes.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
const AGREE_SECONDS: i64 = 60;

/// Codes that AWS answers with when a signature's time is off, among other reasons.
const CLOCK: &[&str] = &["RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired", "AuthFailure"];

impl fmt::Display for AwsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.operation)?;
        if let Some(code) = &self.code {
            write!(formatter, "{code}: ")?;
        }
        formatter.write_str(&self.message)?;
        self.request_id.as_ref().map_or(Ok(()), |id| write!(formatter, " (request id {id})"))
    }
}

impl std::error::Error for AwsError {}

impl AwsError {
    /// An error that did not come from AWS.
    pub fn own(operation: impl Into<String>, class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            operation: operation.into(),
            class,
            code: None,
            message: message.into(),
            request_id: None,
            status: None,
            uncertain: false,
            denial: None,
            clocks: None,
        }
    }

    /// The same, for a change whose earlier attempt ended in `earlier`: what that one left open stays open.
    #[must_use]
    pub fn following(mut self, earlier: &Self) -> Self {
        self.uncertain |= earlier.leaves_open();
        self
    }

    /// The same for a call that asked for an object: answers without a body do not say what they deny.
    #[must_use]
    pub fn on_object(mut self, region: &str, bucket: &str, key: &str) -> Self {
        let bucket = format!("arn:{}:s3:::{bucket}", Target::partition_of(region));
        self.denial = self.denial.map(|denial| Box::new(denial.of_what_was_asked(vec![format!("{bucket}/{key}"), bucket])));
        self
    }

    /// Whether AWS may have done what was asked, although it did not say so.
    pub fn leaves_open(&self) -> bool {
        self.uncertain || self.class == ErrorClass::Transient
    }

    /// Whether a clock that is wrong may be the reason.
    pub fn may_be_the_clock(&self) -> bool {
        self.code.as_deref().is_some_and(|code| CLOCK.contains(&code))
    }

    /// Whether this machine's clock and AWS's differ by more than signatures allow for.
    pub(super) fn clocks_are_apart(&self) -> bool {
        self.clocks.is_some_and(|(here, there)| seconds_apart(here, there).abs() >= AGREE_SECONDS)
    }

    /// Whether it means that the thing is not there.
    pub fn is_not_found(&self) -> bool {
        self.class == ErrorClass::NotFound
    }

    /// Whether it means that the credentials may not do this.
    pub fn is_denied(&self) -> bool {
        self.class == ErrorClass::Denied
    }

    /// Whether somebody took up the connection, though no answer may have come.
    pub(super) fn is_reached(&self) -> bool {
        self.status.is_some() || self.message.ends_with(BROKEN_OFF)
    }

    /// Whether AWS's message has this fragment, whatever the case of its letters.
    pub fn says(&self, fragment: &str) -> bool {
        self.message.to_lowercase().contains(&fragment.to_lowercase())
    }

    /// The code and the message, without the call.
    pub fn cause(&self) -> String {
        self.code.as_ref().map_or_else(|| self.message.clone(), |code| format!("{code}: {}", self.message))
    }

    /// What a person is told: the call, the code and the request id, and what to do where that is known.
    pub fn diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.class.code(), self.class.summary()).detail(self.to_string());
        let hints = match self.class {
            ErrorClass::Denied => self.denial.clone().unwrap_or_else(|| Box::new(Denial::of(&self.message))).hints(&self.operation),
            class => class.advice().iter().map(ToString::to_string).collect(),
        };
        let certificate = self.message.starts_with(UNTRUSTED).then(|| {
            "a proxy that looks into TLS needs its certificate authority in the system's store, or in the file that `SSL_CERT_FILE` names"
                .to_owned()
        });
        let advice = advice::of(self).into_iter().map(str::to_owned);
        self.clock_hint().into_iter().chain(certificate).chain(advice).chain(hints).fold(diagnostic, Diagnostic::hint)
    }

    /// What the clocks say about a signature that AWS did not like.
    pub(super) fn clock_hint(&self) -> Option<String> {
        let (here, there) = match (self.may_be_the_clock(), self.clocks) {
            (true, Some(clocks)) => clocks,
            (true, None) => {
                return Some("check the clock of this machine: AWS refuses what is signed some minutes too early or too late".into());
            }
            _ => return None,
        };
        let apart = seconds_apart(here, there);
        if apart.abs() < AGREE_SECONDS {
            return Some("the clocks agree, so the secret access key is not the one of this access key id".into());
        }
        let word = if apart > 0 { "ahead" } else { "behind" };
        let (here, there) = (in_seconds(here), in_seconds(there));
        Some(format!("set the clock of this machine: it says {here}, AWS says {there}; it is {} min {word}", apart.abs() / 60))
    }
}

/// By how many seconds this machine's clock is ahead.
fn seconds_apart(here: Timestamp, there: Timestamp) -> i64 {
    here.as_second() - there.as_second()
}

impl ErrorClass {
    /// The class as a stable word, such as `access_denied`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Transient => "unreachable",
            Self::NotYetConsistent => "not_yet_consistent",
            Self::InProgress => "in_progress",
            Self::AlreadyExists => "already_exists",
            Self::NotFound => "not_found",
            Self::Denied => "access_denied",
            Self::Credentials => "credentials",
            Self::Quota => "quota",
            Self::Invalid => "invalid",
            Self::Interrupted => "interrupted",
            Self::Other => "error",
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Throttled => "aws-throttled",
            Self::Transient => "aws-unreachable",
            Self::NotYetConsistent => "aws-not-yet-consistent",
            Self::InProgress => "aws-in-progress",
            Self::AlreadyExists => "aws-already-exists",
            Self::NotFound => "aws-not-found",
            Self::Denied => "aws-access-denied",
            Self::Credentials => "aws-credentials",
            Self::Quota => "aws-quota",
            Self::Invalid => "aws-invalid",
            Self::Interrupted => "interrupted",
            Self::Other => "aws-error",
        }
    }

    fn summary(self) -> &'static str {
        match self {
            Self::Throttled => "AWS takes no more calls for now",
            Self::Transient => "AWS did not answer",
            Self::NotYetConsistent => "Something just made is still not seen everywhere in AWS",
            Self::InProgress => "AWS is still busy with the resource",
            Self::AlreadyExists => "The name is taken in AWS",
            Self::NotFound => "It does not exist in AWS",
            Self::Denied => "AWS denied the access",
            Self::Credentials => "The AWS credentials do not work",
            Self::Quota => "A quota of the AWS account is full",
            Self::Invalid => "AWS refused the request",
            Self::Interrupted => "Interrupted",
            Self::Other => "AWS answered with an error",
        }
    }

    fn advice(self) -> &'static [&'static str] {
        match self {
            Self::Throttled => &[
                "run the command again: it continues where it stopped",
                "something else may be using up the account's request quota, such as another deployment",
            ],
            Self::Transient => &["run the command again; one that changes something continues where it stopped"],
            Self::Credentials => &[
                "`aws sts get-caller-identity` shows whether the credentials work; `aws sso login` renews those of a single sign-on",
                "choose others with `--profile` or the variables `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`",
            ],
            Self::Quota => &["ask for more in the Service Quotas console, or delete what is not needed any more"],
            _ => &[],
        }
    }
}

fn in_seconds(time: Timestamp) -> String {
    time.round(jiff::Unit::Second).unwrap_or(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clocks_are_told_and_a_wrong_key_is_told_from_a_wrong_clock() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let hint = |here, there| {
            let error = AwsError::own("sts:GetCallerIdentity", ErrorClass::Credentials, "no");
            AwsError { code: Some("SignatureDoesNotMatch".into()), clocks: Some((at(here), at(there))), ..error }.clock_hint().unwrap()
        };
        insta::assert_snapshot!(hint("2026-11-22T10:00:00Z", "2026-11-22T10:07:12Z"), @"set the clock of this machine: it says 2026-11-22T10:00:00Z, AWS says 2026-11-22T10:07:12Z; it is 7 min behind");
        insta::assert_snapshot!(hint("2026-11-22T10:00:00Z", "2026-11-22T10:00:12Z"), @"the clocks agree, so the secret access key is not the one of this access key id");
    }

    #[test]
    fn a_denial_names_the_call_the_code_and_the_request() {
        let error = AwsError {
            code: Some("AccessDeniedException".into()),
            request_id: Some("7f2c".into()),
            status: Some(403),
            ..AwsError::own("lambda:GetPolicy", ErrorClass::Denied, "User: x is not authorized to perform: lambda:GetPolicy")
        };
        let diagnostic = error.diagnostic();
        assert_eq!(diagnostic.summary, "AWS denied the access");
        insta::assert_snapshot!(diagnostic.detail, @"lambda:GetPolicy: AccessDeniedException: User: x is not authorized to perform: lambda:GetPolicy (request id 7f2c)");
        assert!(diagnostic.hints[0].starts_with("grant `lambda:GetPolicy` to `x`: {"), "{:?}", diagnostic.hints);
    }
}

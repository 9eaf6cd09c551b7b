//! ARNs: their parts, and what must hold for those that settings take.

use super::Context;

/// The parts of `arn:partition:service:region:account:resource`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    /// `aws`, `aws-cn`, …
    pub partition: &'a str,
    /// Such as `sqs`.
    pub service: &'a str,
    /// Empty for what is in no region.
    pub region: &'a str,
    /// Empty for what has no owner in its ARN.
    pub account: &'a str,
    /// All behind the account; may have colons.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// The parts; nothing where the text is no ARN.
    pub fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts[..] else { return None };
        (is_partition(partition) && !service.is_empty() && !resource.is_empty()).then_some(Self {
            partition,
            service,
            region,
            account,
            resource,
        })
    }

    /// Whether it names a region and an account, as it must for what lives in one.
    pub fn is_regional(&self) -> bool {
        is_region(self.region) && is_account(self.account)
    }
}

fn is_partition(text: &str) -> bool {
    text.starts_with("aws") && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// Whether it has the form of a region, such as `eu-central-1`, `us-gov-west-1` or `eusc-de-east-1`.
fn is_region(text: &str) -> bool {
    let Some((head, number)) = text.rsplit_once('-') else { return false };
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    head.contains('-') && head.split('-').all(is_word) && number.len() == 1 && number.as_bytes()[0].is_ascii_digit()
}

/// Whether it has the form of an account's id.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Refuses what is no ARN of any kind.
///
/// # Errors
/// What it must be, as the end of the sentence "`x` …".
pub(crate) fn check(text: &str) -> Result<(), String> {
    Arn::parse(text).map(|_| ()).ok_or_else(|| "must be an ARN: `arn:aws:SERVICE:REGION:ACCOUNT:RESOURCE`".to_owned())
}

/// Refuses what is no ARN of a KMS key, and so also a key's bare id and an alias's bare name.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_kms_key(text: &str) -> Result<(), String> {
    let is_key =
        |arn: Arn<'_>| arn.service == "kms" && arn.is_regional() && ["key/", "alias/"].iter().any(|kind| arn.resource.starts_with(kind));
    match Arn::parse(text) {
        Some(arn) if is_key(arn) => Ok(()),
        _ => Err("must be the ARN of a KMS key, such as `arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab`"
            .to_owned()),
    }
}

/// Refuses what is no ARN of a managed policy. One under `aws-service-role/` cannot be attached to a role.
///
/// # Errors
/// As [`check`].
pub(crate) fn check_policy(text: &str) -> Result<(), String> {
    let wanted = "must be the ARN of a policy, such as `arn:aws:iam::123456789012:policy/NAME`";
    let Some(arn) = Arn::parse(text).filter(|arn| arn.service == "iam" && arn.region.is_empty()) else { return Err(wanted.to_owned()) };
    let Some(name) = arn.resource.strip_prefix("policy/").filter(|name| !name.is_empty() && !name.ends_with('/')) else {
        let kind = arn.resource.split('/').next().unwrap_or_default();
        return Err(format!("is the ARN of a `{kind}`; it {wanted}"));
    };
    if name.starts_with("aws-service-role/") {
        return Err("belongs to a service-linked role, and AWS attaches it to no other".to_owned());
    }
    if arn.account == "aws" || is_account(arn.account) { Ok(()) } else { Err(wanted.to_owned()) }
}

/// Why something cannot be used by what is deployed, since it lies in another partition or region. As
/// far as is known where that goes.
pub(crate) fn elsewhere(text: &str, context: &Context<'_>) -> Option<String> {
    let arn = Arn::parse(text)?;
    other_partition(text, context).or_else(|| {
        let region = context.region()?;
        let is_other = !arn.region.is_empty() && arn.region != region;
        is_other.then(|| format!("`{text}` is in the region `{}`, and this is deployed to `{region}`", arn.region))
    })
}

/// The same of the partition alone, for what is in no region.
pub(crate) fn other_partition(text: &str, context: &Context<'_>) -> Option<String> {
    let (arn, partition) = (Arn::parse(text)?, context.partition()?);
    (arn.partition != partition).then(|| format!("`{text}` is in the partition `{}`, and this is deployed to `{partition}`", arn.partition))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::{Functions, Known};
    use crate::model::Target;
    use std::collections::BTreeMap;

    #[test]
    fn an_arn_has_six_parts() {
        let arn = Arn::parse("arn:aws-us-gov:sqs:us-gov-west-1:123456789012:q:x").unwrap();
        assert_eq!((arn.partition, arn.service, arn.resource, arn.is_regional()), ("aws-us-gov", "sqs", "q:x", true));
        assert!(Arn::parse("arn:aws:s3:::bucket").is_some_and(|arn| !arn.is_regional()));
        for bad in ["", "arn", "arn:aws:s3:bucket", "arn::s3:::x", "arn:AWS:s3:::x", "arn:aws::::x", "arn:aws:s3:::", "my-queue"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(is_region("eusc-de-east-1") && is_region("us-isob-east-1") && !is_region("europe") && !is_region("eu-central-"));
    }

    #[test]
    fn keys_are_given_by_their_arn() {
        let arn = |resource: &str| format!("arn:aws:kms:eu-central-1:123456789012:{resource}");
        assert!(check_kms_key(&arn("key/x")).is_ok() && check_kms_key(&arn("alias/x")).is_ok());
        for bad in ["alias/x", "1234abcd-12ab-34cd-56ef-1234567890ab", "arn:aws:s3:::x", "arn:aws:kms:::key/x", &arn("x")] {
            assert!(check_kms_key(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_policy_is_one_of_aws_or_of_an_account() {
        for good in ["arn:aws:iam::aws:policy/service-role/X", "arn:aws-cn:iam::123456789012:policy/a/b"] {
            assert_eq!(check_policy(good), Ok(()), "{good}");
        }
        insta::assert_snapshot!(check_policy("arn:aws:iam::123456789012:role/x").unwrap_err(), @"is the ARN of a `role`; it must be the ARN of a policy, such as `arn:aws:iam::123456789012:policy/NAME`");
        insta::assert_snapshot!(check_policy("arn:aws:iam::aws:policy/aws-service-role/X").unwrap_err(), @"belongs to a service-linked role, and AWS attaches it to no other");
        for bad in ["arn:aws:iam::aws:policy/", "arn:aws:iam::1:policy/x", "arn:aws:iam:us-east-1:aws:policy/x", "x"] {
            assert!(check_policy(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_lies_elsewhere_is_found_as_far_as_the_target_is_known() {
        let target = Target { partition: "aws".into(), account: "123456789012".into(), region: "eu-central-1".into() };
        let (functions, artifacts) = (Functions::default(), BTreeMap::new());
        let told = |text: &str, known: Known| {
            let context = Context { project: "demo", stage: None, target: &target, known, functions: &functions, artifacts: &artifacts };
            elsewhere(text, &context).unwrap_or_default()
        };
        let queue = "arn:aws:sqs:us-east-1:123456789012:q";
        insta::assert_snapshot!(told(queue, Known::Region), @"`arn:aws:sqs:us-east-1:123456789012:q` is in the region `us-east-1`, and this is deployed to `eu-central-1`");
        insta::assert_snapshot!(told("arn:aws-cn:s3:::b", Known::All), @"`arn:aws-cn:s3:::b` is in the partition `aws-cn`, and this is deployed to `aws`");
        assert_eq!(told(queue, Known::Nothing), "");
        assert_eq!(told("arn:aws:s3:::b", Known::All), "");
        assert_eq!(told("arn:aws:sqs:eu-central-1:123456789012:q", Known::All), "");
    }
}

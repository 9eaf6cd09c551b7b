//! Addresses of images in registries: `HOST/REPOSITORY:TAG` and `HOST/REPOSITORY@DIGEST`.

use crate::model::{Target, is_loopback};

/// The address of an image, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ImageUri<'a> {
    /// The registry's host, with its port where it has one.
    pub host: &'a str,
    /// The repository's name.
    pub repository: &'a str,
    /// The tag, where there is one.
    pub tag: Option<&'a str>,
    /// `sha256:` and 64 hex digits, where there is one.
    pub digest: Option<&'a str>,
}

impl<'a> ImageUri<'a> {
    /// The parts; nothing where the text does not name a registry.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (host, rest) = text.split_once('/')?;
        let is_host = host.contains(['.', ':']) || host == "localhost";
        let (rest, digest) = rest.split_once('@').map_or((rest, None), |(rest, digest)| (rest, Some(digest)));
        let (repository, tag) = rest.rsplit_once(':').map_or((rest, None), |(repository, tag)| (repository, Some(tag)));
        (is_host && !repository.is_empty() && digest.is_none_or(is_digest) && tag.is_none_or(|tag| !tag.is_empty())).then_some(Self {
            host,
            repository,
            tag,
            digest,
        })
    }

    /// The account and the region of a private registry of ECR; nothing for any other registry.
    pub fn registry(&self) -> Option<(&'a str, &'a str)> {
        let (account, rest) = self.host.split_once(".dkr.ecr.")?;
        let (region, domain) = rest.split_once('.')?;
        (super::arn::is_account(account) && DOMAINS.iter().any(|(_, known)| *known == domain)).then_some((account, region))
    }

    /// Whether it is a registry on this machine, such as an emulator's.
    pub fn is_of_this_machine(&self) -> bool {
        is_loopback(self.host)
    }
}

/// The domains of AWS's partitions (botocore's `partitions.json`).
const DOMAINS: &[(&str, &str)] = &[
    ("aws", "amazonaws.com"),
    ("aws-us-gov", "amazonaws.com"),
    ("aws-cn", "amazonaws.com.cn"),
    ("aws-iso", "c2s.ic.gov"),
    ("aws-iso-b", "sc2s.sgov.gov"),
    ("aws-iso-e", "cloud.adc-e.uk"),
    ("aws-iso-f", "csp.hci.ic.gov"),
    ("aws-eusc", "amazonaws.eu"),
];

/// The address of a repository in the account's own registry, as ECR makes it.
/// Source: <https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html>
pub(crate) fn repository_uri(target: &Target, name: &str) -> String {
    let domain = DOMAINS.iter().find(|(partition, _)| *partition == target.partition).map_or("amazonaws.com", |(_, domain)| *domain);
    format!("{}.dkr.ecr.{}.{domain}/{name}", target.account, target.region)
}

/// Whether it has the form of a digest as registries have them.
pub(crate) fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn an_address_has_a_registry_a_repository_and_a_tag_or_a_digest() {
        let of = |text: &'static str| ImageUri::parse(text).map(|uri| (uri.host, uri.repository, uri.tag, uri.digest.is_some()));
        let ecr = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
        assert_eq!(of("123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/app:v1"), Some((ecr, "team/app", Some("v1"), false)));
        assert_eq!(of("123456789012.dkr.ecr.eu-central-1.amazonaws.com/app"), Some((ecr, "app", None, false)));
        assert_eq!(of("127.0.0.1:5000/app:v1"), Some(("127.0.0.1:5000", "app", Some("v1"), false)));
        let with_digest = format!("localhost/app:v1@{DIGEST}");
        assert_eq!(ImageUri::parse(&with_digest).unwrap().digest, Some(DIGEST));
        for bad in ["app", "team/app:v1", "h.o/app@sha256:12", "h.o/app:", "h.o/"] {
            assert_eq!(ImageUri::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn account_and_region_stand_in_the_name_of_a_private_registry() {
        let of = |host: &str| ImageUri::parse(&format!("{host}/x")).and_then(|uri| uri.registry().map(|(_, region)| region.to_owned()));
        assert_eq!(of("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn").as_deref(), Some("cn-north-1"));
        assert_eq!(of("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com"), None);
        assert_eq!(of("public.ecr.aws"), None);
        assert!(ImageUri::parse("127.0.0.1:4566/x").unwrap().is_of_this_machine());
        assert!(!ImageUri::parse("ghcr.io/x").unwrap().is_of_this_machine());
    }

    #[test]
    fn the_address_of_a_repository_follows_from_where_it_is() {
        let target = |partition: &str, region: &str| Target { partition: partition.into(), region: region.into(), ..Target::placeholder() };
        assert_eq!(repository_uri(&target("aws", "eu-central-1"), "a/b"), "123456789012.dkr.ecr.eu-central-1.amazonaws.com/a/b");
        assert_eq!(repository_uri(&target("aws-cn", "cn-north-1"), "a"), "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a");
    }
}

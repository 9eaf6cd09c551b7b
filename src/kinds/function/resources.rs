//! What must hold for the things in AWS that a function's settings name: layers, queues, keys,
//! networks, file systems.

use super::check::Report;
use crate::diagnostic::Diagnostic;
use crate::kinds::arn::{self, Arn};
use crate::model::field::Check;
use crate::model::{Path, Value};
use std::collections::BTreeMap;

/// The role of a function, by ARN.
const ROLE: &str = "arn:aws:iam::123456789012:role/NAME";

/// Refuses what is no ARN of a role (Lambda API model, `RoleArn`).
pub(in crate::kinds) fn check_role(text: &str) -> Result<(), String> {
    let Some(role) = Arn::parse(text).filter(|role| role.service == "iam") else {
        return Err(format!("is not the ARN of a role, such as `{ROLE}`"));
    };
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|character| character.is_ascii_alphanumeric() || "+=,.@-_/".contains(character));
    match role.resource.split_once('/') {
        Some(("role", name)) if is_name(name) && role.region.is_empty() && arn::is_account(role.account) => Ok(()),
        Some((kind, _)) if kind != "role" => Err(format!("is the ARN of a `{kind}`, and a function runs as a role, such as `{ROLE}`")),
        _ => Err(format!("is not the ARN of a role, such as `{ROLE}`")),
    }
}

/// Refuses what is no ARN of a layer's version (Lambda API model, `LayerVersionArn`).
pub(super) fn check_layer(text: &str) -> Result<(), String> {
    const EXAMPLE: &str = "such as `arn:aws:lambda:eu-central-1:123456789012:layer:NAME:1`, or `${layer.NAME.arn}` for one of this file";
    let layer = Arn::parse(text)
        .filter(|layer| layer.service == "lambda")
        .ok_or_else(|| format!("must be the ARN of a layer's version, {EXAMPLE}"))?;
    if layer.region.is_empty() && layer.resource.starts_with("awslayer:") {
        return Ok(());
    }
    match layer.resource.split(':').collect::<Vec<_>>()[..] {
        ["layer", name, version] if layer.is_regional() && !name.is_empty() && version.parse::<u64>().is_ok() => Ok(()),
        ["layer", _] => Err(format!("is the ARN of a layer without a version; add the version's number, such as `{text}:1`")),
        _ => Err(format!("must be the ARN of a layer's version, {EXAMPLE}")),
    }
}

/// Refuses what is no ARN of an access point of EFS or S3 Files (Lambda API model, `FileSystemArn`).
pub(super) fn check_access_point(text: &str) -> Result<(), String> {
    let is_hex = |id: &str| id.len() >= 17 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_point = |point: Option<&str>| point.is_some_and(is_hex);
    let found = Arn::parse(text).filter(Arn::is_regional);
    let is_fine = found.is_some_and(|arn| match arn.service {
        "elasticfilesystem" => is_point(arn.resource.strip_prefix("access-point/fsap-")),
        "s3files" => is_point(
            arn.resource.strip_prefix("file-system/fs-").and_then(|rest| rest.split_once("/access-point/fsap-")).map(|(_, point)| point),
        ),
        _ => false,
    });
    if is_fine {
        return Ok(());
    }
    let what = match found {
        Some(arn) if arn.resource.starts_with("file-system/") => "is the ARN of a file system; Lambda mounts an access point of it",
        _ => "must be the ARN of an access point",
    };
    Err(format!("{what}, such as `arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/fsap-0123456789abcdef0`"))
}

/// Refuses what is no id of a subnet.
pub(super) fn check_subnet(text: &str) -> Result<(), String> {
    check_id(text, "subnet-", "a subnet")
}

/// Refuses what is no id of a security group.
pub(super) fn check_security_group(text: &str) -> Result<(), String> {
    check_id(text, "sg-", "a security group")
}

fn check_id(text: &str, prefix: &str, what: &str) -> Result<(), String> {
    let is_id = text.strip_prefix(prefix).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    is_id.then_some(()).ok_or_else(|| format!("must be the id of {what}, such as `{prefix}0123456789abcdef0`; names are not taken"))
}

/// Lets an empty text through, which stands for none.
pub(super) const fn check_kms_key() -> Check {
    |text| if text.is_empty() { Ok(()) } else { arn::check_kms_key(text) }
}

impl Report<'_> {
    /// Lambda reads layers from its own region only, and takes one version of each.
    pub(super) fn layers(&self) -> Vec<Diagnostic> {
        let layers = self.inputs.get("layers").and_then(Value::as_list).unwrap_or_default();
        let mut first: BTreeMap<&str, &str> = BTreeMap::new();
        let mut found = Vec::new();
        for (index, layer) in layers.iter().enumerate().filter_map(|(index, layer)| Some((index, layer.as_str()?))) {
            let path = Path::key("layers").join(&index.to_string());
            found.extend(self.elsewhere(&path, layer, "Lambda loads layers of the function's own region only; publish the layer there"));
            let Some((name, _)) = layer.rsplit_once(':') else { continue };
            if let Some(other) = first.insert(name, layer) {
                let detail = format!("`{layer}` and `{other}` are versions of one layer, and a function can have one version of each.");
                found.push(
                    self.at(
                        Diagnostic::error("duplicate-layer", "A layer is listed twice").detail(detail).hint("keep one of the two"),
                        path,
                    ),
                );
            }
        }
        found
    }

    /// The key that encrypts the environment.
    pub(super) fn key(&self) -> Option<Diagnostic> {
        let key = self.text("kms_key_arn").filter(|key| !key.is_empty())?;
        self.elsewhere(
            &Path::key("kms_key_arn"),
            key,
            "a key works in its own region only; name one of there, or a replica of a multi-Region key",
        )
    }

    /// Lambda takes standard queues and topics of its own region.
    pub(super) fn dead_letter(&self) -> Option<Diagnostic> {
        let target = self.table("dead_letter_config")?.get("target_arn")?.as_str().filter(|target| !target.is_empty())?;
        let path = Path::key("dead_letter_config").join("target_arn");
        let why = match Arn::parse(target)?.service {
            "sqs" | "sns" if target.ends_with(".fifo") => {
                "is a FIFO queue or topic, which Lambda refuses as a dead-letter target; name a standard one"
            }
            "sqs" | "sns" => return self.elsewhere(&path, target, "a dead-letter target must be in the function's own region"),
            _ => "is neither an SQS queue nor an SNS topic, and Lambda sends dead letters nowhere else",
        };
        let found =
            Diagnostic::error("bad-dead-letter-target", "The dead-letter target cannot be used").detail(format!("`{target}` {why}."));
        Some(self.at(found, path))
    }

    /// Both lists or none, and nothing twice.
    pub(super) fn vpc(&self) -> Vec<Diagnostic> {
        let Some(config) = self.table("vpc_config") else { return Vec::new() };
        let has = |key: &str| config.get(key).is_some_and(|value| value.as_list().is_none_or(|items| !items.is_empty()));
        let missing = match (has("subnet_ids"), has("security_group_ids")) {
            (true, false) => Some(("subnet_ids", "security_group_ids")),
            (false, true) => Some(("security_group_ids", "subnet_ids")),
            _ => None,
        };
        let incomplete = missing.map(|(given, missing)| {
            let found = Diagnostic::error("vpc-incomplete", "The VPC settings are incomplete")
                .detail(format!("`vpc_config` has `{given}` but no `{missing}`; Lambda needs both, or neither."));
            self.at(found, Path::key("vpc_config"))
        });
        let twice = ["subnet_ids", "security_group_ids"].into_iter().filter_map(|key| self.listed_twice(key, config.get(key)?));
        incomplete.into_iter().chain(twice).collect()
    }

    fn listed_twice(&self, key: &str, list: &Value) -> Option<Diagnostic> {
        // The lists are sorted.
        let twice = list.strings().windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_owned())?;
        let found = Diagnostic::warning("listed-twice", "Something is listed twice")
            .detail(format!("`vpc_config.{key}` has `{twice}` twice; the second one changes nothing."));
        Some(self.at(found, Path::key("vpc_config").join(key)))
    }

    /// A file system is reached through a VPC.
    pub(super) fn file_systems(&self) -> Option<Diagnostic> {
        self.inputs.get("file_system_configs")?.as_list().filter(|items| !items.is_empty())?;
        let subnets = self.table("vpc_config")?.get("subnet_ids")?;
        subnets.as_list().filter(|items| items.is_empty())?;
        let found = Diagnostic::error("file-system-without-vpc", "A file system needs a VPC")
            .detail("`file_system_configs` mounts a file system over the network of a VPC, and the function has no `vpc_config`.")
            .hint("add `vpc_config` with subnets that have a mount target of the file system");
        Some(self.at(found, Path::key("file_system_configs")))
    }

    fn elsewhere(&self, path: &Path, text: &str, advice: &str) -> Option<Diagnostic> {
        let problem = arn::elsewhere(text, self.context)?;
        Some(self.at(
            Diagnostic::error("elsewhere", "Something lies in another region or partition").detail(format!("{problem}; {advice}.")),
            path.clone(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_has_the_form_that_lambda_takes() {
        let arn = |service: &str, resource: &str| format!("arn:aws:{service}:eu-central-1:123456789012:{resource}");
        let (hex, role) = ("0123456789abcdef0", "arn:aws:iam::123456789012:role");
        let cases: [(Check, &[&str], &[&str]); 6] = [
            (
                check_role,
                &[&format!("{role}/x"), &format!("{role}/service-role/a+=,.@-_b")],
                &["x", role, &format!("{role}/"), "arn:aws:iam::1:role/x", "arn:aws:s3:::role/x"],
            ),
            (
                check_layer,
                &[&arn("lambda", "layer:x:1"), "arn:aws:lambda:::awslayer:AmazonLinux1803"],
                &["x", &arn("lambda", "layer:x:latest"), &arn("lambda", "function:x:1"), &arn("s3", "layer:x:1")],
            ),
            (
                check_access_point,
                &[
                    &arn("elasticfilesystem", &format!("access-point/fsap-{hex}")),
                    &arn("s3files", &format!("file-system/fs-{hex}/access-point/fsap-{hex}")),
                ],
                &["x", &arn("elasticfilesystem", "access-point/fsap-1"), &arn("s3files", &format!("access-point/fsap-{hex}"))],
            ),
            (check_subnet, &["subnet-0a1b"], &["sg-1", "main", "subnet_1"]),
            (check_security_group, &["sg-0a1b"], &["subnet-1", "default"]),
            (check_kms_key(), &["", &arn("kms", "key/x")], &["x", "alias/x"]),
        ];
        for (check, good, bad) in cases {
            good.iter().for_each(|text| assert_eq!(check(text), Ok(()), "{text}"));
            bad.iter().for_each(|text| assert!(check(text).is_err(), "{text}"));
        }
    }

    #[test]
    fn what_was_probably_meant_is_told() {
        insta::assert_snapshot!(check_role("arn:aws:iam::123456789012:user/x").unwrap_err(), @"is the ARN of a `user`, and a function runs as a role, such as `arn:aws:iam::123456789012:role/NAME`");
        insta::assert_snapshot!(check_layer("arn:aws:lambda:eu-central-1:123456789012:layer:x").unwrap_err(), @"is the ARN of a layer without a version; add the version's number, such as `arn:aws:lambda:eu-central-1:123456789012:layer:x:1`");
        insta::assert_snapshot!(check_access_point("arn:aws:elasticfilesystem:eu-central-1:123456789012:file-system/fs-0123456789abcdef0").unwrap_err(), @"is the ARN of a file system; Lambda mounts an access point of it, such as `arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/fsap-0123456789abcdef0`");
        insta::assert_snapshot!(check_subnet("main").unwrap_err(), @"must be the id of a subnet, such as `subnet-0123456789abcdef0`; names are not taken");
    }
}

//! What must hold between the settings of a function.

use super::fields::FIELDS;
use super::{environment, runtime};
use crate::diagnostic::{Diagnostic, nearest};
use crate::kinds::lowering::finding;
use crate::kinds::tagging;
use crate::model::{Field, Path, Section, Shape, Table, Value};

/// The longest name of a function (Lambda API model; the 140 there are for ARNs).
const LONGEST_NAME: usize = 64;

/// Everything that is wrong with a section beyond its field table.
pub(super) fn all(section: &Section, inputs: &Table) -> Vec<Diagnostic> {
    let report = Report { section, inputs };
    [
        report.name(),
        report.role(),
        report.runtime(),
        report.handler(),
        report.secrets(),
        report.environment_size(),
        report.vpc(),
        report.file_systems(),
        report.dead_letter(),
        report.log_levels(),
        report.snap_start(),
        tagging::too_many(section, inputs),
    ]
    .into_iter()
    .flatten()
    .chain(report.ignored())
    .collect()
}

struct Report<'a> {
    section: &'a Section,
    inputs: &'a Table,
}

impl Report<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.inputs.get(key).and_then(Value::as_str)
    }

    fn table(&self, key: &str) -> Option<&Table> {
        self.inputs.get(key).and_then(Value::as_table)
    }

    fn at(&self, diagnostic: Diagnostic, path: Path) -> Diagnostic {
        finding(self.section, &path, diagnostic)
    }

    /// A pattern that names no setting, or a part of one that is compared as a whole, would do nothing.
    fn ignored(&self) -> Vec<Diagnostic> {
        let patterns = self.section.values.get("ignore").map(Value::strings).unwrap_or_default();
        patterns.into_iter().filter_map(|pattern| self.ignored_path(pattern)).collect()
    }

    fn ignored_path(&self, pattern: &str) -> Option<Diagnostic> {
        let path: Path = pattern.parse().ok()?;
        let key = path.first();
        let settings = || FIELDS.iter().filter(|field| !field.internal);
        let found = match settings().find(|field| field.key == key) {
            Some(Field { shape: Shape::Map { .. }, .. }) => return None,
            Some(_) if path.0.len() == 1 => return None,
            Some(_) => Diagnostic::error("cannot-ignore", "A part of a setting cannot be ignored")
                .detail(format!("`{key}` is compared and written as a whole, so `{pattern}` alone cannot be left out."))
                .hint(format!("ignore all of it with `{key}`")),
            None if key.contains('*') => return None,
            None => {
                let unknown = Diagnostic::error("cannot-ignore", "What is ignored is no setting")
                    .detail(format!("`ignore` names `{pattern}`, but a function has no setting `{key}`."));
                match nearest(key, settings().map(|field| field.key)) {
                    Some(near) => unknown.hint(format!("did you mean `{near}`?")),
                    None => unknown,
                }
            }
        };
        Some(self.at(found, Path::key("ignore")))
    }

    /// A name that is given is checked against the field table.
    fn name(&self) -> Option<Diagnostic> {
        if self.section.values.contains_key("function_name") {
            return None;
        }
        let name = self.text("function_name").filter(|name| name.chars().count() > LONGEST_NAME)?;
        let count = name.chars().count();
        let found = Diagnostic::error("name-too-long", "The function's name is too long")
            .detail(format!(
                "`{name}` has {count} characters and Lambda takes {LONGEST_NAME}. Names of functions are never cut, since callers use them."
            ))
            .hint("give a shorter one with `function_name`");
        Some(self.at(found, Path::key("function_name")))
    }

    fn role(&self) -> Option<Diagnostic> {
        self.text("role").filter(|role| role.is_empty())?;
        let found = Diagnostic::error("no-role", "The role is not known")
            .detail("`role` must be the name of a `[role.NAME]`, the ARN of an existing role, or a table for a role of its own.");
        Some(self.at(found, Path::key("role")))
    }

    fn runtime(&self) -> Option<Diagnostic> {
        let name = self.text("runtime")?;
        let successor = runtime::successor(name)?;
        let found = Diagnostic::warning("runtime-deprecated", "AWS has ended its support of the runtime")
            .detail(format!("`{name}` gets no more security updates, and AWS will refuse to make and later to update functions with it."))
            .hint(format!("use `{successor}`"));
        Some(self.at(found, Path::key("runtime")))
    }

    fn handler(&self) -> Option<Diagnostic> {
        let name = self.text("runtime").filter(|name| !runtime::is_custom(name) && !self.section.values.contains_key("handler"))?;
        let found = Diagnostic::error("no-handler", "The handler is missing")
            .detail(format!("`{name}` has to be told which function of the code it calls."))
            .hint(format!("add `handler = \"{}\"`", runtime::usual_handler(name)));
        Some(self.at(found, Path::key("runtime")))
    }

    fn secrets(&self) -> Option<Diagnostic> {
        let variables = self.table("environment")?;
        let name = environment::secrets(variables).next()?;
        let found = Diagnostic::error("not-supported-yet", "Not supported yet")
            .detail(format!("`environment.{name}` is a table, which means a secret that is fetched when it is applied. Secrets are not supported yet; a variable is text, a number or a boolean."));
        Some(self.at(found, Path::key("environment").join(name)))
    }

    fn environment_size(&self) -> Option<Diagnostic> {
        let bytes = environment::size_bytes(self.table("environment")?);
        let most = environment::MOST_BYTES;
        (bytes > most).then(|| {
            let found = Diagnostic::error("environment-too-large", "The environment is too large").detail(format!(
                "All variables together take {bytes} bytes and Lambda takes {most}: it counts names, values and six bytes for each."
            ));
            self.at(found, Path::key("environment"))
        })
    }

    fn vpc(&self) -> Option<Diagnostic> {
        let config = self.table("vpc_config")?;
        let has = |key: &str| config.get(key).is_some_and(|value| value.as_list().is_none_or(|items| !items.is_empty()));
        let (given, missing) = match (has("subnet_ids"), has("security_group_ids")) {
            (true, false) => ("subnet_ids", "security_group_ids"),
            (false, true) => ("security_group_ids", "subnet_ids"),
            _ => return None,
        };
        let found = Diagnostic::error("vpc-incomplete", "The VPC settings are incomplete")
            .detail(format!("`vpc_config` has `{given}` but no `{missing}`; Lambda needs both, or neither."));
        Some(self.at(found, Path::key("vpc_config")))
    }

    fn file_systems(&self) -> Option<Diagnostic> {
        self.inputs.get("file_system_configs")?.as_list().filter(|items| !items.is_empty())?;
        let subnets = self.table("vpc_config")?.get("subnet_ids")?;
        subnets.as_list().filter(|items| items.is_empty())?;
        let found = Diagnostic::error("file-system-without-vpc", "A file system needs a VPC")
            .detail("`file_system_configs` mounts a file system over the network of a VPC, and the function has no `vpc_config`.")
            .hint("add `vpc_config` with subnets that have a mount target of the file system");
        Some(self.at(found, Path::key("file_system_configs")))
    }

    fn dead_letter(&self) -> Option<Diagnostic> {
        let target = self.table("dead_letter_config")?.get("target_arn")?.as_str().filter(|target| !target.is_empty())?;
        let service = target.split(':').nth(2).unwrap_or_default();
        let why = match service {
            "sqs" | "sns" if target.ends_with(".fifo") => "is a FIFO queue or topic, which Lambda refuses as a dead-letter target",
            "sqs" | "sns" => return None,
            _ => "is neither an SQS queue nor an SNS topic",
        };
        let found =
            Diagnostic::error("bad-dead-letter-target", "The dead-letter target cannot be used").detail(format!("`{target}` {why}."));
        Some(self.at(found, Path::key("dead_letter_config").join("target_arn")))
    }

    fn log_levels(&self) -> Option<Diagnostic> {
        let config = self.table("logging_config")?;
        config.get("log_format").filter(|format| format.as_str() == Some("Text"))?;
        let level = ["application_log_level", "system_log_level"].into_iter().find(|key| config.contains_key(*key))?;
        let found = Diagnostic::error("log-level-without-json", "A log level needs JSON logs")
            .detail(format!("`{level}` filters by the level field of JSON lines, and `log_format` is `Text`."))
            .hint("add `log_format = \"JSON\"` to `logging_config`");
        Some(self.at(found, Path::key("logging_config").join(level)))
    }

    fn snap_start(&self) -> Option<Diagnostic> {
        self.table("snap_start")?.get("apply_on").filter(|mode| mode.as_str() == Some("PublishedVersions"))?;
        let found = Diagnostic::error("not-supported-yet", "Not supported yet").detail(
            "`snap_start.apply_on = \"PublishedVersions\"` works on published versions only, and publishing versions is not supported yet.",
        );
        Some(self.at(found, Path::key("snap_start").join("apply_on")))
    }
}

#[cfg(test)]
mod tests {
    use crate::kinds::function::tests::{lowered, table};
    use crate::model::{Table, Value};

    /// Settings, and the codes of what is wrong with them.
    type Case<'a> = (&'a [(&'a str, Value)], &'a [&'a str]);

    #[test]
    fn what_cannot_go_together_is_found_before_aws_is_asked() {
        let arn = |service: &str, name: &str| Value::from(format!("arn:aws:{service}:us-east-1:123456789012:{name}"));
        let mount = table([("arn", arn("elasticfilesystem", "access-point/fsap-1")), ("local_mount_path", "/mnt/x".into())]);
        let many: Table = (0..47).map(|number| (format!("t{number}"), "".into())).collect();
        let cases: [Case<'_>; 18] = [
            (&[("ignore", Value::string_list(["memory_size"]))], &[]),
            (&[("ignore", Value::string_list(["environment.FEATURE_*"]))], &[]),
            (&[("ignore", Value::string_list(["memory"]))], &["cannot-ignore"]),
            (&[("ignore", Value::string_list(["vpc_config.subnet_ids"]))], &["cannot-ignore"]),
            (&[("runtime", "python3.13".into())], &["no-handler"]),
            (&[("runtime", "python3.13".into()), ("handler", "a.b".into())], &[]),
            (&[("runtime", "provided.al2".into())], &["runtime-deprecated"]),
            (&[("environment", table([("TOKEN", table([("ssm", "/x".into())]))]))], &["not-supported-yet"]),
            (&[("environment", table([("AA", "x".repeat(4087).into())]))], &[]),
            (&[("environment", table([("AA", "x".repeat(4088).into())]))], &["environment-too-large"]),
            (&[("vpc_config", table([("subnet_ids", Value::string_list(["subnet-1"]))]))], &["vpc-incomplete"]),
            (&[("file_system_configs", Value::List(vec![mount]))], &["file-system-without-vpc"]),
            (&[("dead_letter_config", table([("target_arn", arn("sqs", "q.fifo"))]))], &["bad-dead-letter-target"]),
            (&[("dead_letter_config", table([("target_arn", arn("sqs", "q"))]))], &[]),
            (&[("dead_letter_config", table([("target_arn", arn("s3", "q"))]))], &["bad-dead-letter-target"]),
            (&[("logging_config", table([("system_log_level", "WARN".into())]))], &["log-level-without-json"]),
            (&[("snap_start", table([("apply_on", "PublishedVersions".into())]))], &["not-supported-yet"]),
            (&[("tags", many.into())], &["too-many-tags"]),
        ];
        for (values, codes) in cases {
            let found: Vec<_> = lowered(values).diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
            assert_eq!(found, codes, "{values:?}");
        }
    }

    #[test]
    fn a_handler_is_asked_for_with_an_example() {
        let found = lowered(&[("runtime", "nodejs24.x".into())]).diagnostics;
        assert_eq!(found[0].hints, ["add `handler = \"index.handler\"`"]);
    }
}

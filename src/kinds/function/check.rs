//! What must hold between the settings of a function.

use super::fields::{FIELDS, LONGEST_NAME};
use super::{environment, package_type, runtime};
use crate::diagnostic::{Diagnostic, nearest};
use crate::kinds::Context;
use crate::kinds::lowering::finding;
use crate::kinds::tagging;
use crate::model::{Field, Path, Section, Shape, Table, Value};

/// The `/tmp` of a function with SnapStart, in MB.
const SNAPSHOT_STORAGE: i64 = 512;

/// Everything that is wrong with a section beyond its field table.
pub(super) fn all(section: &Section, inputs: &Table, context: &Context<'_>) -> Vec<Diagnostic> {
    let report = Report { section, inputs, context };
    [
        report.name(),
        report.role(),
        report.runtime(),
        report.handler(),
        report.environment_size(),
        report.file_systems(),
        report.dead_letter(),
        report.key(),
        tagging::too_many(section, inputs),
    ]
    .into_iter()
    .flatten()
    .chain(report.secrets())
    .chain(report.ignored())
    .chain(report.vpc())
    .chain(report.layers())
    .chain(report.log_levels())
    .chain(report.snap_start())
    .chain(package_type::problems(section, context))
    .collect()
}

/// One section, and what is said of it.
pub(super) struct Report<'a> {
    section: &'a Section,
    /// The settings with their defaults.
    pub inputs: &'a Table,
    /// What is known besides.
    pub context: &'a Context<'a>,
}

impl Report<'_> {
    /// A setting that is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.inputs.get(key).and_then(Value::as_str)
    }

    /// A setting that is a table.
    pub fn table(&self, key: &str) -> Option<&Table> {
        self.inputs.get(key).and_then(Value::as_table)
    }

    /// The finding with its place.
    pub fn at(&self, diagnostic: Diagnostic, path: Path) -> Diagnostic {
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
        Some(self.at(runtime::warning(self.text("runtime")?)?, Path::key("runtime")))
    }

    fn handler(&self) -> Option<Diagnostic> {
        let name = self.text("runtime").filter(|name| !runtime::is_custom(name))?;
        match self.section.values.get("handler") {
            // Who builds it sees the files, and names what could be called.
            None if self.section.values.contains_key("build") => None,
            None => Some(self.no_handler(name)),
            Some(handler) => {
                let doubt = runtime::doubt_of_handler(name, handler.as_str()?)?;
                let found = doubt.told(self.section.values.contains_key("layers"));
                Some(self.at(with_handlers(found, name), Path::key("handler")))
            }
        }
    }

    fn no_handler(&self, runtime: &str) -> Diagnostic {
        let found = Diagnostic::error("no-handler", "The handler is missing")
            .detail(format!("`{runtime}` has to be told which function of the code it calls."));
        self.at(with_handlers(found, runtime), Path::key("runtime"))
    }

    fn secrets(&self) -> Vec<Diagnostic> {
        let bad = self.table("environment").into_iter().flat_map(environment::bad_secrets);
        let told = |(name, problem): (&str, String)| {
            let found = Diagnostic::error("bad-secret", "A secret has no source that makes sense")
                .detail(format!("`environment.{name}` {problem}."))
                .hint("one of `{ ssm = \"/NAME\" }`, `{ secretsmanager = \"NAME\", key = \"KEY\" }`, `{ env = \"NAME\" }` and `{ file = \"PATH\" }`");
            self.at(found, Path::key("environment").join(name))
        };
        bad.map(told).collect()
    }

    fn environment_size(&self) -> Option<Diagnostic> {
        let bytes = environment::size_bytes(self.table("environment")?);
        let most = environment::MOST_BYTES;
        (bytes > most).then(|| {
            let found = Diagnostic::error("environment-too-large", "The environment is too large")
                .detail(format!(
                    "All variables together take {bytes} bytes and Lambda takes {most}: it counts names, values and six bytes for each."
                ))
                .hint("put what is large into the package, or into a parameter or secret that the code reads");
            self.at(found, Path::key("environment"))
        })
    }

    fn log_levels(&self) -> Vec<Diagnostic> {
        let Some(config) = self.table("logging_config") else { return Vec::new() };
        if config.get("log_format").and_then(Value::as_str) != Some("Text") {
            return Vec::new();
        }
        let levels = ["application_log_level", "system_log_level"].into_iter().filter(|key| config.contains_key(*key));
        let told = |level: &str| {
            let found = Diagnostic::error("log-level-without-json", "A log level needs JSON logs")
                .detail(format!("`{level}` filters by the level field of JSON lines, and `log_format` is `Text`."))
                .hint("add `log_format = \"JSON\"` to `logging_config`");
            self.at(found, Path::key("logging_config").join(level))
        };
        levels.map(told).collect()
    }

    /// Lambda refuses snapshots together with what would not be the same after a restore
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html>).
    fn snap_start(&self) -> Vec<Diagnostic> {
        let mode = self.table("snap_start").and_then(|table| table.get("apply_on")).and_then(Value::as_str);
        if mode != Some("PublishedVersions") {
            return Vec::new();
        }
        let path = Path::key("snap_start").join("apply_on");
        let runtime = self.text("runtime").filter(|name| !runtime::has_snap_start(name));
        let storage = self.table("ephemeral_storage").and_then(|table| table.get("size")).and_then(Value::as_integer);
        let file_systems = self.inputs.get("file_system_configs").and_then(Value::as_list).is_some_and(|list| !list.is_empty());
        let refused = [
            runtime.map(|name| format!("`{name}` has no SnapStart; Java from 11 on, Python from 3.12 on and .NET from 8 on have it")),
            file_systems.then(|| "SnapStart does not work with `file_system_configs`".to_owned()),
            storage
                .filter(|size| *size > SNAPSHOT_STORAGE)
                .map(|size| format!("SnapStart works with {SNAPSHOT_STORAGE} MB of `/tmp` only, and `ephemeral_storage` is {size}")),
        ];
        let told = |problem: String| {
            let found = Diagnostic::error("snap-start", "SnapStart cannot be used here").detail(format!("{problem}."));
            self.at(found.hint("take `snap_start` away"), path.clone())
        };
        let unpublished = Diagnostic::warning("snap-start-unpublished", "SnapStart works on published versions only")
            .detail("Lambda makes a snapshot when a version is published, and lambdo does not publish versions yet: the function itself starts as without it.");
        refused.into_iter().flatten().map(told).chain([self.at(unpublished, path.clone())]).collect()
    }
}

/// Handlers that the runtime would find, as hints.
fn with_handlers(found: Diagnostic, runtime: &str) -> Diagnostic {
    runtime::usual_handlers(runtime)
        .iter()
        .fold(found, |found, (handler, what)| found.hint(format!("`handler = \"{handler}\"` calls {what}")))
}

#[cfg(test)]
mod tests {
    use crate::kinds::function::tests::{lowered, lowered_in, table};
    use crate::model::{Table, Value};

    /// Settings, and the codes of what is wrong with them.
    type Case<'a> = (&'a [(&'a str, Value)], &'a [&'a str]);

    #[test]
    fn what_cannot_go_together_is_found_before_aws_is_asked() {
        let arn = |service: &str, name: &str| Value::from(format!("arn:aws:{service}:us-east-1:123456789012:{name}"));
        let mount = table([("arn", arn("elasticfilesystem", "access-point/fsap-1")), ("local_mount_path", "/mnt/x".into())]);
        let many: Table = (0..47).map(|number| (format!("t{number}"), "".into())).collect();
        let layer = |name: &str| format!("arn:aws:lambda:us-east-1:123456789012:layer:{name}");
        let java = || (("runtime", Value::from("java21")), ("handler", Value::from("example.Handler")));
        let snap = || ("snap_start", table([("apply_on", "PublishedVersions".into())]));
        let cases: [Case<'_>; 25] = [
            (&[("ignore", Value::string_list(["memory_size"]))], &[]),
            (&[("ignore", Value::string_list(["environment.FEATURE_*"]))], &[]),
            (&[("ignore", Value::string_list(["memory"]))], &["cannot-ignore"]),
            (&[("ignore", Value::string_list(["vpc_config.subnet_ids"]))], &["cannot-ignore"]),
            (&[("runtime", "python3.13".into())], &["no-handler"]),
            (&[("runtime", "python3.13".into()), ("handler", "a.b".into())], &[]),
            (&[("runtime", "provided.al2".into())], &["runtime-deprecated"]),
            (&[("runtime", "provided.al2027".into())], &["runtime-not-known"]),
            (&[("environment", table([("TOKEN", table([("ssm", "/x".into())]))]))], &[]),
            (&[("environment", table([("TOKEN", table([("ssm", "/x".into()), ("env", "X".into())]))]))], &["bad-secret"]),
            (&[("environment", table([("AA", "x".repeat(4087).into())]))], &[]),
            (&[("environment", table([("AA", "x".repeat(4088).into())]))], &["environment-too-large"]),
            (&[("vpc_config", table([("subnet_ids", Value::string_list(["subnet-1"]))]))], &["vpc-incomplete"]),
            (&[("file_system_configs", Value::List(vec![mount]))], &["file-system-without-vpc"]),
            (&[("dead_letter_config", table([("target_arn", arn("sqs", "q.fifo"))]))], &["bad-dead-letter-target"]),
            (&[("dead_letter_config", table([("target_arn", arn("sqs", "q"))]))], &[]),
            (&[("dead_letter_config", table([("target_arn", arn("s3", "q"))]))], &["bad-dead-letter-target"]),
            (&[("logging_config", table([("system_log_level", "WARN".into())]))], &["log-level-without-json"]),
            (&[("snap_start", table([("apply_on", "PublishedVersions".into())]))], &["snap-start", "snap-start-unpublished"]),
            (&[java().0, java().1, snap()], &["snap-start-unpublished"]),
            (&[java().0, java().1, snap(), ("ephemeral_storage", 1024.into())], &["snap-start", "snap-start-unpublished"]),
            (&[("runtime", "python3.13".into()), ("handler", "handler".into())], &["handler-form"]),
            (&[("layers", Value::string_list([layer("x:1"), layer("x:2"), layer("y:1")]))], &["duplicate-layer"]),
            (
                &[("vpc_config", table([("subnet_ids", Value::string_list(["a", "a"])), ("security_group_ids", "b".into())]))],
                &["listed-twice"],
            ),
            (&[("tags", many.into())], &["too-many-tags"]),
        ];
        for (values, codes) in cases {
            let found: Vec<_> = lowered(values).diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
            assert_eq!(found, codes, "{values:?}");
        }
    }

    #[test]
    fn what_lies_in_another_region_is_no_use_to_the_function() {
        let arn = |service: &str, name: &str| Value::from(format!("arn:aws:{service}:us-east-1:123456789012:{name}"));
        for (key, value) in [
            ("layers", Value::List(vec![arn("lambda", "layer:x:1")])),
            ("dead_letter_config", table([("target_arn", arn("sqs", "q"))])),
            ("kms_key_arn", arn("kms", "key/x")),
        ] {
            let codes = |region: &str| {
                let found = lowered_in(region, &[(key, value.clone())]).diagnostics;
                found.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>()
            };
            assert_eq!((codes("eu-central-1"), codes("us-east-1")), (vec!["elsewhere"], vec![]), "{key}");
        }
    }

    #[test]
    fn a_handler_is_asked_for_with_an_example() {
        let found = lowered(&[("runtime", "nodejs24.x".into())]).diagnostics;
        assert_eq!(found[0].hints, ["`handler = \"index.handler\"` calls what `index.mjs` or `index.js` exports as `handler`"]);
    }
}

//! The way from the text to a [`Spec`].

use super::lower::{Lowering, lower_with_warnings};
use super::stages::{self, Elsewhere};
use super::tree::{Source, parse};
use super::variant::{File, Usage, Variant};
use super::{Header, LoadOptions, Other, Spec, header, later, stage, syntax, tidy};
use crate::diagnostic::Diagnostic;
use crate::kinds::Registry;
use crate::model::{Desired, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What another reading of the file may find only because this run is not made for it.
pub(crate) const OF_THE_RUN: &[&str] = &["missing-variable", "variable-type", "unreadable-file", "no-stage"];

/// A spec with which nothing is wrong that can be known without building and without AWS.
#[derive(Debug)]
pub struct Checked {
    /// The spec.
    pub spec: Spec,
    /// What it asks for, with placeholders for what only AWS knows.
    pub desired: Desired,
    /// What should be known about it.
    pub warnings: Vec<Diagnostic>,
}

/// Reads and resolves the file: the stage's patch, defaults, templates, `unset`, variables, and references to
/// what the file itself knows. `${aws.…}` and `${ADDRESS.attribute}` are left open for [`super::lower`].
///
/// # Errors
/// Everything that is wrong, sorted by place. Warnings alone do not fail: they are in the spec.
pub fn load(path: &Path, text: &str, options: &LoadOptions<'_>, registry: &Registry) -> Result<Spec, Vec<Diagnostic>> {
    let (spec, _) = read(path, text, options, registry)?;
    if !has_errors(&spec.diagnostics) {
        return Ok(spec);
    }
    let later = lower_with_warnings(&spec, &Target::placeholder(), &BTreeMap::new(), registry).err().unwrap_or_default();
    Err(together(&spec, later))
}

/// The same, and also everything that shows only when the sections are put together, in the stages that are
/// not chosen, and, by `packages`, in what the packages are made from.
///
/// # Errors
/// Everything that is wrong, and the warnings, sorted by place.
pub fn check(
    path: &Path,
    text: &str,
    options: &LoadOptions<'_>,
    registry: &Registry,
    packages: &dyn Fn(&Spec) -> Vec<Diagnostic>,
) -> Result<Checked, Vec<Diagnostic>> {
    let (spec, others) = read(path, text, options, registry)?;
    // One after the other, since a lowered spec is large.
    let elsewhere: Vec<Elsewhere> = others.into_iter().map(|other| Elsewhere::lower(other, registry)).collect();
    let (target, artifacts) = (Target::placeholder(), BTreeMap::new());
    let lowering = Lowering::run(&spec, &target, &artifacts, registry);
    let mut found = stages::findings(&spec, &lowering, &elsewhere);
    let desired = match lowering.finish() {
        Ok((desired, warnings)) => {
            found.extend(warnings);
            Some(desired)
        }
        Err(errors) => {
            found.extend(errors);
            None
        }
    };
    found.extend(packages(&spec));
    let found = together(&spec, found);
    match desired {
        Some(desired) if !has_errors(&found) => Ok(Checked { spec, desired, warnings: found }),
        _ => Err(found),
    }
}

/// All at once: also what shows later, unless it comes from what was wrong before.
fn together(spec: &Spec, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut findings = spec.diagnostics.clone();
    findings.extend(later::without_consequences(&spec.diagnostics, found));
    tidy(&mut findings);
    findings
}

fn has_errors(findings: &[Diagnostic]) -> bool {
    findings.iter().any(Diagnostic::is_error)
}

/// Everything that could be read, with what is wrong with it, and the same as other runs would read it.
fn read(path: &Path, text: &str, options: &LoadOptions<'_>, registry: &Registry) -> Result<(Spec, Vec<Other>), Vec<Diagnostic>> {
    let source = Source::new(path, text);
    let (root, mut findings) = parse(&source);
    if findings.iter().any(syntax::hides_the_rest) {
        return Err(findings);
    }
    let names = stage::declared(&root);
    // Without a stage that is meant, the first one shows what else is wrong.
    let chosen = stage::choose(&source, &root, options.stage).unwrap_or_else(|finding| {
        findings.push(finding);
        names.first().cloned()
    });
    let file = File { source: &source, root: &root, options, registry };
    let is_local = options.local.is_some();
    let mut main = file.read(chosen.as_deref(), is_local);
    let stages = names.iter().filter(|stage| Some(*stage) != chosen.as_ref()).map(|stage| file.read(Some(stage), is_local));
    // What a run under `--local` would meet, and the other way round.
    let overlay = root.get("local").map(|_| file.read(chosen.as_deref(), !is_local));
    let mut others: Vec<Variant> = stages.chain(overlay).collect();
    findings.extend(later::without_mistyped(std::mem::take(&mut main.findings)));
    findings.extend(stage::bad_names(&root));
    add_unset(&mut main, &mut others, &mut findings);
    for other in &others {
        let told = of_other(other, &findings);
        findings.extend(told);
    }
    if !has_errors(&findings) {
        findings.extend(Usage::unused(std::iter::once(&main.usage).chain(others.iter().map(|other| &other.usage))));
        findings.extend(nothing(&source, &main));
    }
    tidy(&mut findings);
    let others = others.into_iter().map(|other| Other::new(other, chosen.as_deref(), &source, registry)).collect();
    Ok((Spec::new(main, findings, &source, registry), others))
}

/// An item of an `unset` that removes nothing may remove something in another stage.
fn add_unset(main: &mut Variant, others: &mut [Variant], findings: &mut Vec<Diagnostic>) {
    let mut items = std::mem::take(&mut main.unset);
    for (span, item) in others.iter_mut().flat_map(|other| std::mem::take(&mut other.unset)) {
        items.entry(span).or_default().join(item);
    }
    findings.extend(items.iter().filter_map(|(span, item)| item.complaint(span)));
}

/// What is wrong with the file in another stage, unless this stage shows it, too.
fn of_other(other: &Variant, told: &[Diagnostic]) -> Vec<Diagnostic> {
    let told: BTreeSet<_> = told.iter().map(|finding| (finding.code, finding.span.clone())).collect();
    let is_new = |finding: &&Diagnostic| {
        finding.is_error() && !OF_THE_RUN.contains(&finding.code) && !told.contains(&(finding.code, finding.span.clone()))
    };
    let place = stages::place(other.stage.as_deref(), other.is_local);
    other.findings.iter().filter(is_new).map(|finding| finding.clone().hint(format!("this shows {place}"))).collect()
}

/// Reads only project, stage, `aws` and `state`: a broken function section cannot block it.
///
/// # Errors
/// What is wrong with those keys; syntax errors only where they can have hidden one of those keys.
pub fn load_header(path: &Path, text: &str, options: &LoadOptions<'_>) -> Result<Header, Vec<Diagnostic>> {
    let source = Source::new(path, text);
    let (root, findings) = parse(&source);
    if findings.iter().any(|finding| may_hide_header(&source, finding)) {
        return Err(findings);
    }
    let chosen = stage::choose(&source, &root, options.stage).map_err(|finding| vec![finding])?;
    let (header, mut findings) = header::read_alone(&source, &root, chosen.as_deref(), options);
    match header {
        Some(header) if !has_errors(&findings) => Ok(header),
        _ => {
            tidy(&mut findings);
            Err(findings)
        }
    }
}

/// What a broken file still says of where it lives and whom it tells, so that they can be told that it is broken; `None` where
/// not even the project's name can be made out. A guard may be missing in it, so nothing is looked at or changed by it.
pub fn salvage(path: &Path, text: &str, options: &LoadOptions<'_>) -> Option<Header> {
    let source = Source::new(path, text);
    let (root, _) = parse(&source);
    let chosen = stage::choose(&source, &root, options.stage).ok().flatten().or(options.stage.map(str::to_owned));
    // What is read of a name without a value is no name.
    header::read_alone(&source, &root, chosen.as_deref(), options).0.filter(|header| header::check_name(&header.project).is_ok())
}

/// The stages that can be made out in a file, however broken it is.
pub fn salvage_stages(path: &Path, text: &str) -> Vec<String> {
    stage::declared(&parse(&Source::new(path, text)).0)
}

/// The stages that the file declares.
///
/// # Errors
/// What keeps the file from being read at all.
pub fn stages(path: &Path, text: &str) -> Result<Vec<String>, Vec<Diagnostic>> {
    let (root, findings) = parse(&Source::new(path, text));
    if findings.iter().any(syntax::hides_the_rest) { Err(findings) } else { Ok(stage::declared(&root)) }
}

/// Whether a syntax error may have kept the parser from a key of the header: it stands in one of the
/// header's tables, or one of those comes after it.
fn may_hide_header(source: &Source, finding: &Diagnostic) -> bool {
    let Some(span) = &finding.span else { return true };
    let harmless = |path: &str| {
        matches!(path.split('.').next(), Some("function" | "role" | "outputs" | "defaults" | "log_group" | "template" | "discover"))
    };
    let mut before = None;
    for (at, path) in syntax::headers(&source.text) {
        if at <= span.start {
            before = Some(path);
        } else if !harmless(&path) {
            return true;
        }
    }
    !before.is_some_and(|path| harmless(&path))
}

fn nothing(source: &Source, main: &Variant) -> Option<Diagnostic> {
    main.sections.is_empty().then(|| {
        Diagnostic::warning("no-functions", "The file declares no function")
            .detail("Nothing is wanted, so that everything that was deployed before would be deleted.")
            .hint("declare one: `[function.hello]` with `build = \"hello\"`")
            .span(source.span(0..0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::testing::{environment, findings, load_stage, loaded, values};

    const HEAD: &str = "project = \"demo\"\n";

    fn told(text: &str) -> String {
        findings(&format!("{HEAD}{text}"), None)
    }

    fn function(text: &str) -> String {
        values(&loaded(&format!("{HEAD}{text}")), "function", "a")
    }

    #[test]
    fn the_smallest_file_is_a_function_with_a_role_and_a_log_group() {
        let spec = loaded("project = \"demo\"\n[function.hello]\nbuild = \"hello\"\n");
        let sections: Vec<_> = spec.sections.iter().map(|section| format!("{}.{}", section.kind, section.name)).collect();
        assert_eq!(sections, ["function.hello", "role.hello", "log_group.hello"]);
        assert_eq!(spec.diagnostics, []);
        let package = &spec.packages()[0];
        assert_eq!((package.address.name.as_str(), package.runtime.as_str()), ("hello", "provided.al2023"));
        assert_eq!((package.build.clone(), &package.architectures[..]), (Some("hello".into()), &["x86_64".to_owned()][..]));
    }

    #[test]
    fn all_errors_of_a_file_are_told_at_once_in_their_order() {
        insta::assert_snapshot!(told(r#"
[aws]
allowed_account_ids = ["1234"]
regoin = "eu-central-1"

[function.hash]
build = "lambdas/hash"
memory = 256
timeout = "60"
architectures = "arm46"
description = "far longer than twenty characters"
vpc_config = { subnet_ids = ["a", "b", "c"] }
environment = { A = 1, B = true, C = 1.5 }

[function.hash.log_group]
retention_in_days = 31

[function.hash.event_rule.monthly]
schedule_expression = "monthly"
timezone = "Europe/Berlin"

[function.hash.permission.monthly]

[function.1a]
build = "x"
code = { file = "y" }

[function.empty]

[rolle.x]
"#), @r#"
4:24 invalid-value: `aws.allowed_account_ids` must be an account id of twelve digits in quotes; it is `1234`.
5:1 unknown-key: `regoin` is no setting of `aws`. [did you mean `region`?]
9:1 unknown-key: `memory` is no setting of `function.hash`. [it is called `memory_size` here]
10:11 wrong-type: `timeout` of `function.hash` must be an integer; it is a string. [write it without quotes: `60`]
11:17 invalid-choice: `architectures` of `function.hash` is `arm46`; it can be `x86_64` or `arm64`. [did you mean `arm64`?]
12:15 too-long: `description` of `function.hash` has 33 characters; at most 20 are allowed.
13:29 too-many: `vpc_config.subnet_ids` of `function.hash` has 3 items; at most 2 are allowed.
14:38 wrong-type: `environment.C` of `function.hash` must be a string; it is a float. [write it in quotes: `"1.5"`]
17:21 invalid-choice: `retention_in_days` of `log_group.hash` is 31; it can be `1`, `7`, `30` or `365`. [the nearest is `30`] [`never` is possible, too]
20:23 invalid-value: `schedule_expression` of `event_rule.hash.monthly` must be `rate(…)` or `cron(…)`.
21:1 unknown-key: `timezone` is no setting of `event_rule.hash.monthly`. [rules run in UTC; only a `schedule`, which is not supported yet, has a time zone]
23:27 duplicate-trigger: `function.hash` has a trigger `monthly` of the kind `event_rule` already; names are unique among all of its triggers.
25:11 invalid-name: The name `1a` must be a letter and then letters, digits, `_` or `-`, 63 characters at most.
27:1 two-sources: `function.1a` has `build` and `code`; its code comes from one of them. [keep one of the two]
29:1 no-code: `function.empty` says neither what is built nor where its code lies. [to build it from source: `build = "FOLDER"`] [for code that is there: `code = { file = "…" }`, `{ files = { bootstrap = "…" } }`, `{ dir = "…" }` or `{ zip = "…" }`]
31:2 unknown-key: `rolle` is no setting of this file. [did you mean `role`?]
"#);
    }

    #[test]
    fn what_is_not_built_is_refused_and_never_ignored() {
        insta::assert_snapshot!(told(r#"
[drift]
schedule = "rate(1 hour)"
[state]
backend = "s3"
[vars]
secret = { ssm = "/x" }
[function.a]
build = "a"
schedule.nightly = { schedule_expression = "rate(1 day)" }
tags = { TOKEN = { env = "TOKEN" } }
description = "${var.secret}"
[function.b]
build = "b"
schedule = "rate(1 hour)"
"#), @r#"
6:1 not-supported-yet: `state.backend` is a word of the spec that this version does not build; it is refused so that nothing is left out in silence. [meanwhile the state is in files; `state.path` says where]
8:10 not-supported-yet: The variable `secret` asks for a parameter of SSM. [meanwhile take it from the environment: `secret = { env = "NAME" }`]
11:1 not-supported-yet: `schedule` is a word of the spec that this version does not build; it is refused so that nothing is left out in silence. [meanwhile `event_rule` takes `rate(…)` and `cron(…)`, in UTC]
12:10 secret-elsewhere: `tags.TOKEN` of `function.a` takes its value from `env`; secrets are looked up for the environment of functions alone. [`[vars]` takes `x = { env = "NAME" }` for `${var.x}`; such a value stands in plans, in the state and in AWS as it is]
16:1 unknown-key: `schedule` is no setting of `function.b`. [a schedule is an `event_rule` with a name: `[function.b.event_rule.NAME]` with `schedule_expression = "rate(1 hour)"`]
"#);
    }

    #[test]
    fn who_comes_from_another_tool_finds_the_way() {
        insta::assert_snapshot!(told(r#"
memory_size = 128
[globals]
[function.a]
build = "a"
env = { A = "1" }
events = []
retention = 3
policies = []
[function.a.role]
assume_role_policy = "x"
policies = []
[function.a.event_rule]
schedule_expression = "rate(1 hour)"
[function.b]
build = "b"
role = "shraed"
[role.shared]
"#), @r#"
3:1 unknown-key: `memory_size` is a setting of a function and stands at the top level. [write it below `[function.NAME]`, or below `[defaults]` for all functions]
4:2 unknown-key: `globals` is no setting of this file. [it is called `defaults` here]
7:1 unknown-key: `env` is no setting of `function.a`. [it is called `environment` here]
8:1 unknown-key: `events` is no setting of `function.a`. [triggers stand below the function, each with a name, such as `[function.NAME.event_rule.TRIGGER]`]
9:1 unknown-key: `retention` is no setting of `function.a`. [it is called `log_group.retention_in_days` here]
10:1 unknown-key: `policies` is no setting of `function.a`. [it is called `role.managed_policies` here]
12:1 unknown-key: `assume_role_policy` is no setting of `role.a`. [possible here: `role_name`, `allow`, `inline_policy`, `managed_policies`]
13:1 unknown-key: `policies` is no setting of `role.a`. [it is called `managed_policies` here]
15:1 unnamed-section: A function can have several of `event_rule`, so that each has a name. [write `[function.a.event_rule.NAME]`]
18:8 unknown-role: `role = "shraed"` names no `[role.shraed]`. [did you mean `shared`?]
"#);
    }

    #[test]
    fn a_setting_below_the_header_of_the_environment_is_pointed_out() {
        insta::assert_snapshot!(told("[function.a]\nbuild = \"a\"\n[function.a.environment]\nLOG = \"x\"\ntimeout = 60\n"), @"6:1 setting-in-map: `timeout` stands below the header `[function.a.environment]` of line 4, so that it is an environment variable and no setting. [for the setting, move it above that header, into `[function.a]`]");
        insta::assert_snapshot!(told("[function.a]\nbuild = \"a\"\nenvironment = { timeout = 60 }\n"), @"");
    }

    #[test]
    fn a_function_beats_the_defaults_and_a_stage_beats_both_files() {
        let text = "project = \"demo\"
[defaults]
memory_size = 256
architectures = \"arm64\"
environment = { LOG = \"info\", DEBUG = \"1\" }
[function.a]
build = \"a\"
timeout = 5
unset = [\"environment.DEBUG\"]
environment = { OWN = 7 }
[stage.dev]
[stage.prod.defaults]
memory_size = 512
timeout = 9
[stage.prod.function.a]
environment = { LOG = \"warn\" }
unset = [\"architectures\"]
";
        let of = |stage| values(&load_stage(text, Some(stage)).unwrap(), "function", "a");
        insta::assert_snapshot!(of("dev"), @r#"{"architectures":["arm64"],"build":"a","environment":{"LOG":"info","OWN":"7"},"memory_size":256,"timeout":5}"#);
        insta::assert_snapshot!(of("prod"), @r#"{"build":"a","environment":{"LOG":"warn","OWN":"7"},"memory_size":512,"timeout":5}"#);
    }

    #[test]
    fn a_wrong_default_is_told_once() {
        let text = "project = \"demo\"\n[defaults]\nmemroy_size = 1\n[function.a]\nbuild = \"a\"\n[function.b]\nbuild = \"b\"\n";
        insta::assert_snapshot!(findings(text, None), @"3:1 unknown-key: `memroy_size` is no setting of `defaults`. [did you mean `memory_size`?]");
    }

    #[test]
    fn the_local_overlay_is_merged_last_and_only_for_local_runs() {
        let text = "project = \"demo\"
[defaults]
architectures = \"arm64\"
[function.a]
build = \"a\"
[function.b]
code = { file = \"b\" }
[stage.dev.function.a]
timeout = 5
memory_size = 256
[local.function.a]
timeout = 60
unset = [\"memory_size\"]
";
        let environment = |_: &str| None;
        let of = |local, name: &str| {
            let options = LoadOptions { stage: Some("dev"), region: None, local, environment: &environment };
            values(&load(Path::new("config.toml"), text, &options, &crate::spec::testing::registry()).unwrap(), "function", name)
        };
        insta::assert_snapshot!(of(None, "a"), @r#"{"architectures":["arm64"],"build":"a","memory_size":256,"timeout":5}"#);
        insta::assert_snapshot!(of(Some("x86_64"), "a"), @r#"{"architectures":["x86_64"],"build":"a","timeout":60}"#);
        insta::assert_snapshot!(of(Some("x86_64"), "b"), @r#"{"architectures":["arm64"],"code":{"file":"b"}}"#);
    }

    #[test]
    fn the_stage_must_be_one_that_is_declared() {
        let staged = "project = \"demo\"\n[stage.dev]\n[stage.prod]\n[function.a]\nbuild = \"a\"\n";
        insta::assert_snapshot!(findings(staged, None), @"2:2 stage-needed: The file declares the stages `dev`, `prod`, and none was given. [give one, such as `--stage dev`]");
        insta::assert_snapshot!(findings(staged, Some("prdo")), @"2:2 unknown-stage: The stage `prdo` was asked for; the file declares `dev`, `prod`. [did you mean `prod`?]");
        insta::assert_snapshot!(findings("project = \"demo\"\n", Some("dev")), @"1:1 no-stages: The stage `dev` was asked for, and the file declares none. [declare it as `[stage.dev]`, or leave `--stage` out]");
        insta::assert_snapshot!(findings("project = \"demo\"\n[stage.\"a.b\"]\nstage.x = 1\n", Some("a.b")), @r#"
2:8 invalid-name: The name `a.b` must be a letter and then letters, digits, `_` or `-`, 63 characters at most. [for example `a-b`]
3:1 invalid-value: The stage `a.b` cannot declare stages.
"#);
    }

    #[test]
    fn references_keep_their_type_and_leave_open_what_aws_knows() {
        insta::assert_snapshot!(function(r#"
[vars]
memory = { env = "MEMORY", default = 128 }
level = { env = "LEVEL" }
missing = { env = "MISSING", default = "none" }
subnets = ["s1", "s2"]
bucket = "data-${var.level}-${aws.account_id}"
[function.a]
build = "lambdas/${name}"
memory_size = "${var.memory}"
vpc_config.subnet_ids = "${var.subnets}"
[function.a.environment]
BUCKET = "s3://${var.bucket}/x"
LITERAL = "$${name}"
IAM = "home/${aws:username}"
NAMES = "${project}/${ name }/${var.missing}"
OTHER = "${function.b.arn}"
[function.b]
build = "b"
"#), @r#"{"build":"lambdas/a","environment":{"BUCKET":{"$template":["s3://data-debug-",{"$unknown":"aws.account_id"},"/x"]},"IAM":"home/${aws:username}","LITERAL":"${name}","NAMES":"demo/a/none","OTHER":{"$unknown":"function.b.arn"}},"memory_size":512,"vpc_config":{"subnet_ids":["s1","s2"]}}"#);
    }

    #[test]
    fn what_a_reference_cannot_name_is_told_with_the_nearest() {
        insta::assert_snapshot!(told(r#"
[vars]
one = "${var.two}"
two = "${var.three}"
three = "x-${var.one}"
needed = { env = "NEEDED" }
list = [1]
[aws]
region = "${aws.region}"
[function.a]
build = "${nam}"
[function.a.environment]
A = "x ${stage} y"
B = "${var.lsit}"
C = "${functio.b.arn}"
D = "${function.b}"
E = "${unclosed"
F = "${var.needed}"
G = "x${var.list}"
H = "${var.one}"
I = "${function.a.event_rule.x.arn}"
"#), @r#"
4:7 variable-cycle: `one` → `two` → `three` → `one`. [`one` is in line 4] [`two` is in line 5] [`three` is in line 6]
7:10 missing-variable: `needed` takes its value from the environment variable `NEEDED`, which is not set. [set `NEEDED`, or give a default: `needed = { env = "NEEDED", default = … }`]
10:11 reference-not-here: `${aws.region}` is not known in what is needed to reach AWS.
12:10 unknown-reference: `${nam}` is none of `project`, `stage`, `name`, `aws.…`, `var.…` and no resource's attribute, such as `function.hash.arn`. [did you mean `${name}`?]
14:8 no-stage: `${stage}` stands in the file, and this run has no stage. [declare stages as `[stage.NAME]` and give one with `--stage`, or write the text without it]
15:6 unknown-variable: `${var.lsit}` names no variable of `[vars]`. [did you mean `${var.list}`?]
16:6 unknown-reference: `${functio.b.arn}` is none of `project`, `stage`, `name`, `aws.…`, `var.…` and no resource's attribute, such as `function.hash.arn`. [did you mean `${function.b.arn}`?]
17:6 unknown-reference: `${function.b}` does not say which attribute of the resource is meant. [add the attribute, as in `${function.b.arn}`]
18:6 unclosed-reference: `${` begins a reference and needs a `}`. [write `$${` for a literal `${`]
20:7 reference-in-text: `${var.list}` is a list; inside of a longer text only text, numbers and booleans can stand.
22:6 unknown-reference: `${function.a.event_rule.x.arn}` has too many parts: an address is `kind.name` or `kind.name.part`. [did you mean `${event_rule.a.x.arn}`?]
"#);
    }

    #[test]
    fn documents_are_tables_json_or_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("p.json"), r#"{"Resource": "${aws.region}", "Null": null}"#).unwrap();
        let text = r#"project = "demo"
[function.a]
build = "a"
[function.a.role.inline_policy]
table = { statement = [{ action = "s3:Get" }] }
json = '{"Resource": "arn:${aws.partition}:s3:::x"}'
file = { file = "p.json" }
"#;
        let options = LoadOptions { stage: None, region: None, local: None, environment: &environment };
        let registry = crate::spec::testing::registry();
        let spec = load(&folder.path().join("config.toml"), text, &options, &registry).unwrap();
        insta::assert_snapshot!(values(&spec, "role", "a"), @r#"{"inline_policy":{"file":{"Null":null,"Resource":{"$unknown":"aws.region"}},"json":{"Resource":{"$template":["arn:",{"$unknown":"aws.partition"},":s3:::x"]}},"table":{"statement":[{"action":"s3:Get"}]}}}"#);
        insta::assert_snapshot!(told("[function.a]\nbuild = \"a\"\nrole.inline_policy = { a = \"{\", b = 3 }\n"), @r#"
4:28 invalid-json: `inline_policy.a` of `role.a` holds text that is not JSON: EOF while parsing an object at line 1 column 1. [write it as a table, as a JSON string, or as `{ file = "p.json" }`]
4:37 wrong-type: `inline_policy.b` of `role.a` must be a table, a JSON string or `{ file = "…" }`; it is an integer.
"#);
        let missing = load(&folder.path().join("config.toml"), &text.replace("p.json", "q.json"), &options, &registry).unwrap_err();
        assert_eq!((missing.len(), missing[0].code), (1, "unreadable-file"));
        assert_eq!(missing[0].span.as_ref().map(|span| &text[span.start..span.end]), Some("\"p.json\""));
    }

    #[test]
    fn the_header_is_read_in_spite_of_a_broken_function() {
        let options = LoadOptions { stage: None, region: Some("us-east-1"), local: None, environment: &environment };
        let header = |text: &str| load_header(Path::new("x/config.toml"), text, &options);
        let good = "project = \"demo\"\n[aws]\nallowed_account_ids = [\"123456789012\"]\n[state]\npath = \"s\"\n";
        let expected = header(good).unwrap();
        assert_eq!((expected.project.as_str(), expected.folder.as_path()), ("demo", Path::new("x")));
        assert_eq!((expected.aws.region.as_deref(), expected.state_path.as_deref()), (Some("us-east-1"), Some("s")));
        for broken in
            ["[function.a]\nmemory = 1\n", "[function.a]\ntimeout = \n", "[function.a]\n[function.a]\n", "[vars]\na = \"${var.a}\"\n"]
        {
            assert_eq!(header(&format!("{good}{broken}")), Ok(expected.clone()), "{broken}");
        }
    }

    #[test]
    fn the_header_is_refused_where_a_guard_may_be_lost() {
        let options = LoadOptions { stage: None, region: None, local: None, environment: &environment };
        for text in [
            "project = \"demo\"\n[aws]\nallowed_account_ids = [\"123456789012\"\n",
            "project = \"demo\"\n[function.a]\nb = [\n[aws]\nallowed_account_ids = [\"123456789012\"]\n",
            "project = \"demo\"\n[aws]\nallowed_account_ids = [\"${var.x}\"]\n",
            "project = \"demo\"\n[aws]\nallowed_account_ids = [\"${var.a}\"]\n[vars]\na = \"${var.a}\"\n",
            "project = \"demo\"\n[aws]\nallowed_account_id = \"123456789012\"\n",
            "projekt = \"demo\"\n",
        ] {
            assert!(load_header(Path::new("config.toml"), text, &options).is_err(), "{text}");
        }
    }
}

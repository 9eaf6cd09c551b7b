//! From the spec to the graph of resources.

use super::{FUNCTION, Spec, outputs, tidy};
use crate::diagnostic::{Diagnostic, Span};
use crate::kinds::{Context, FunctionFacts, Functions, Known, Registry, function_facts, repository_facts, store};
use crate::model::field::NAME_KEYS;
use crate::model::value::resolve_table;
use crate::model::{
    AccountFact, Address, Artifact, Dependency, Desired, Identity, Path, Resource, Section, Table, Target, TemplatePart, Value,
};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

/// Turns the spec into what is wanted of AWS. What an attribute will be is filled in where it is
/// known before; the rest stays open.
///
/// # Errors
/// Everything that is wrong, sorted by place, warnings among it.
pub fn lower(
    spec: &Spec,
    target: &Target,
    artifacts: &BTreeMap<Address, Artifact>,
    registry: &Registry,
) -> Result<Desired, Vec<Diagnostic>> {
    lower_with_warnings(spec, target, artifacts, registry).map(|(desired, _)| desired)
}

/// The same, with the warnings of what succeeds.
///
/// # Errors
/// As [`lower`].
pub fn lower_with_warnings(
    spec: &Spec,
    target: &Target,
    artifacts: &BTreeMap<Address, Artifact>,
    registry: &Registry,
) -> Result<(Desired, Vec<Diagnostic>), Vec<Diagnostic>> {
    Lowering::run(spec, target, artifacts, registry).finish()
}

/// How many addresses that lead nowhere get a hint.
const HINTS_MAX: usize = 100;

/// A resource and the section that it comes from.
pub(crate) struct Placed {
    pub resource: Resource,
    /// Which of the sections.
    pub section: usize,
}

/// The work on one spec.
pub(crate) struct Lowering<'a> {
    pub spec: &'a Spec,
    pub target: Target,
    /// How much of the target is known.
    pub known: Known,
    pub registry: &'a Registry,
    /// The sections with the facts of the account filled in.
    pub sections: Vec<Section>,
    /// Where the functions stand, by name.
    function_spans: BTreeMap<String, Span>,
    /// How many addresses that lead nowhere still get a hint.
    pub hints_left: Cell<usize>,
    pub resources: BTreeMap<Address, Placed>,
    pub findings: Vec<Diagnostic>,
}

impl<'a> Lowering<'a> {
    fn new(spec: &'a Spec, target: &'a Target, registry: &'a Registry) -> Self {
        let (target, known) = settled(target, spec.header.aws.region.as_deref());
        let fill = |part: &TemplatePart| account_fact(part, &target);
        let filled = |section: &Section| Section { values: resolve_table(&section.values, &fill), ..section.clone() };
        let sections = spec.sections.iter().map(filled).collect();
        let functions = spec.sections.iter().rev().filter(|section| section.kind == FUNCTION);
        let function_spans = functions.filter_map(|function| Some((function.name.clone(), function.span.clone()?))).collect();
        Self {
            spec,
            target,
            known,
            registry,
            sections,
            function_spans,
            hints_left: Cell::new(HINTS_MAX),
            resources: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    /// Lowers all sections and checks what they are together.
    pub fn run(spec: &'a Spec, target: &'a Target, artifacts: &BTreeMap<Address, Artifact>, registry: &'a Registry) -> Self {
        let mut lowering = Self::new(spec, target, registry);
        lowering.lower_sections(artifacts);
        lowering.store_large_packages(artifacts);
        let mut of_sections = std::mem::take(&mut lowering.findings);
        lowering.check_references();
        lowering.add_dependencies();
        lowering.check_dependencies();
        lowering.check_cycles();
        // What goes round in a circle, or leads to nothing, cannot be filled in.
        if lowering.findings.is_empty() {
            lowering.fill_attributes();
            lowering.check_filled_values();
        }
        lowering.check_physical_names();
        lowering.check_moves();
        lowering.check_drift();
        lowering.findings.append(&mut of_sections);
        lowering
    }

    /// What is wanted, and warnings; or everything that is wrong.
    pub fn finish(self) -> Result<(Desired, Vec<Diagnostic>), Vec<Diagnostic>> {
        let is_wrong = self.findings.iter().any(Diagnostic::is_error);
        let outputs = if is_wrong { Table::new() } else { outputs::resolve(&self) };
        let Self { spec, resources, mut findings, .. } = self;
        tidy(&mut findings);
        if is_wrong {
            return Err(findings);
        }
        let resources = resources.into_iter().map(|(address, placed)| (address, placed.resource)).collect();
        let (project, stage) = (spec.header.project.clone(), spec.header.stage.clone());
        Ok((Desired { project, stage, resources, folders: spec.discovered.seen.clone(), outputs }, findings))
    }

    fn lower_sections(&mut self, artifacts: &BTreeMap<Address, Artifact>) {
        let header = &self.spec.header;
        let functions = all_facts(&self.sections, &header.project, header.stage.as_deref(), &self.target);
        let (project, stage) = (header.project.as_str(), header.stage.as_deref());
        let target = self.target.clone();
        let context = Context { project, stage, target: &target, known: self.known, functions: &functions, artifacts };
        for index in 0..self.sections.len() {
            let Some(kind) = self.registry.find(&self.sections[index].kind) else { continue };
            let lowered = kind.lower(&self.sections[index], &context);
            self.findings.extend(lowered.diagnostics);
            for resource in lowered.resources {
                self.add(resource, index);
            }
        }
    }

    /// What is too large to be sent with a call goes through S3, where the spec names a bucket: once, however many
    /// are made of it.
    fn store_large_packages(&mut self, artifacts: &BTreeMap<Address, Artifact>) {
        let header = &self.spec.header;
        let Some(bucket) = header.aws.code_bucket.as_deref() else { return };
        for (address, artifact) in artifacts {
            let Some(owner) = self.resources.get_mut(address) else { continue };
            if let Some(object) = store(&mut owner.resource, artifact, bucket, &header.project, header.stage.as_deref()) {
                let section = owner.section;
                self.resources.entry(object.address.clone()).or_insert(Placed { resource: object, section });
            }
        }
    }

    fn add(&mut self, mut resource: Resource, section: usize) {
        let address = resource.address.clone();
        // Other kinds are made anew with each change of their content.
        let lasts = self.registry.find(&address.kind).is_some_and(|kind| kind.is_taggable());
        resource.protect |= self.spec.header.protect && lasts;
        resource.source = self.spec.discovered.folders.get(&address.name).filter(|_| address.kind == FUNCTION).cloned();
        let Some(first) = self.resources.get(&address) else {
            self.resources.insert(address, Placed { resource, section });
            return;
        };
        let place =
            self.sections[first.section].span.as_ref().map_or_else(String::new, |span| format!(" in line {}", self.spec.source.line(span)));
        let shared = self.registry.find(&address.kind).is_some_and(|kind| kind.shorthand().is_some());
        let finding = Diagnostic::error("duplicate-address", "Two sections describe the same resource")
            .detail(format!("`{address}` is described{place} already."))
            .hint("rename one of the two")
            .span(self.span_of_section(section));
        let (kind, name) = (&address.kind, &address.name);
        let finding = if shared { finding.hint(format!("or share it: `{kind} = \"{name}\"` in `[function.{name}]`")) } else { finding };
        self.findings.push(finding.address(address));
    }

    /// Where a section says its name in AWS, if it does.
    pub fn span_of_given_name(&self, section: usize) -> Option<Span> {
        let spans = &self.sections[section].spans;
        NAME_KEYS.iter().find_map(|key| spans.get(&Path::key(key)).cloned())
    }

    /// Where a section stands, or for one that nobody wrote, its function.
    pub fn span_of_section(&self, section: usize) -> Option<Span> {
        let section = &self.sections[section];
        section.span.clone().or_else(|| self.function_spans.get(&section.name).cloned())
    }

    /// Who refers to a resource waits until it exists, unless the kind has said how long.
    fn add_dependencies(&mut self) {
        let known: BTreeSet<Address> = self.resources.keys().cloned().collect();
        for (address, placed) in &mut self.resources {
            let needed = references(&placed.resource);
            let dependencies = &mut placed.resource.dependencies;
            for on in needed {
                if on != *address && known.contains(&on) && !dependencies.iter().any(|dependency| dependency.on == on) {
                    dependencies.push(Dependency::hard(on).until_exists());
                }
            }
        }
    }

    /// Fills in what is known of the attributes. There are no circles any more.
    fn fill_attributes(&mut self) {
        let addresses: Vec<Address> = self.resources.keys().cloned().collect();
        for address in addresses {
            let filled = self.resources.get(&address).map(|placed| self.filled(&placed.resource));
            if let (Some(placed), Some(filled)) = (self.resources.get_mut(&address), filled) {
                placed.resource = filled;
            }
        }
    }

    fn filled(&self, resource: &Resource) -> Resource {
        let look_up = |part: &TemplatePart| self.look_up(part);
        let mut resource = resource.clone();
        resource.inputs = resolve_table(&resource.inputs, &look_up);
        resource.attributes = resolve_table(&resource.attributes, &look_up);
        if let Identity::Found(key) = &mut resource.identity {
            *key = resolve_table(key, &look_up);
        }
        resource
    }

    /// What a reference stands for, if that is known before AWS says so.
    pub fn look_up(&self, part: &TemplatePart) -> Option<Value> {
        let TemplatePart::Attribute { address, attribute } = part else { return account_fact(part, &self.target) };
        let value = self.resources.get(address)?.resource.attributes.get(attribute)?;
        let is_own = |part: &TemplatePart| matches!(part, TemplatePart::Attribute { address: other, .. } if other == address);
        let mut refers_to_itself = false;
        value.visit_parts(&mut |part| refers_to_itself |= is_own(part));
        if refers_to_itself {
            return None;
        }
        let value = value.resolve(&|part| self.look_up(part));
        (!value.is_unresolved()).then_some(value)
    }
}

/// The target with the region that the spec names, where AWS was not asked.
fn settled(target: &Target, region: Option<&str>) -> (Target, Known) {
    match region {
        _ if *target != Target::placeholder() => (target.clone(), Known::All),
        Some(region) => (Target { partition: Target::partition_of(region).into(), region: region.into(), ..target.clone() }, Known::Region),
        None => (target.clone(), Known::Nothing),
    }
}

fn account_fact(part: &TemplatePart, target: &Target) -> Option<Value> {
    let TemplatePart::Account(fact) = part else { return None };
    let text = match fact {
        AccountFact::AccountId => &target.account,
        AccountFact::Region => &target.region,
        AccountFact::Partition => &target.partition,
    };
    Some(Value::from(text.as_str()))
}

fn all_facts(sections: &[Section], project: &str, stage: Option<&str>, target: &Target) -> Functions {
    // Sections of the top level come first: the last one of this name is the function's own.
    let by_name: BTreeMap<(&str, &str), &Section> = sections
        .iter()
        .filter(|section| section.part.is_none())
        .map(|section| ((section.kind.as_str(), section.name.as_str()), section))
        .collect();
    let below = |kind: &'static str, name: &str| by_name.get(&(kind, name)).copied();
    let repositories = by_name.iter().filter(|((kind, _), _)| *kind == "ecr").map(|((_, name), section)| (*name, *section)).collect();
    let functions = sections.iter().filter(|section| section.kind == FUNCTION);
    let facts = functions.map(|section| {
        let (role, log_group) = (below("role", &section.name), below("log_group", &section.name));
        let facts = function_facts(section, role, log_group, project, stage, target);
        let repository = repository_facts(section, &repositories, project, stage);
        FunctionFacts { repository, ..facts }
    });
    facts.collect()
}

pub(crate) fn address_of(section: &Section) -> Address {
    Address { kind: section.kind.clone(), name: section.name.clone(), part: section.part.clone() }
}

/// The resources that a resource's settings refer to.
fn references(resource: &Resource) -> BTreeSet<Address> {
    let mut found = BTreeSet::new();
    let key = if let Identity::Found(key) = &resource.identity { Some(key) } else { None };
    for value in resource.inputs.values().chain(resource.attributes.values()).chain(key.into_iter().flat_map(Table::values)) {
        value.visit_parts(&mut |part| {
            if let TemplatePart::Attribute { address, .. } = part {
                found.insert(address.clone());
            }
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::testing::{load_stage, loaded, registry, told};

    fn lowered(text: &str) -> Desired {
        lower(&loaded(text), &Target::placeholder(), &BTreeMap::new(), &registry())
            .unwrap_or_else(|findings| panic!("{}", told(text, &findings)))
    }

    fn findings(text: &str, stage: Option<&str>) -> String {
        let spec = load_stage(text, stage).unwrap_or_else(|findings| panic!("{}", told(text, &findings)));
        told(text, &lower(&spec, &Target::placeholder(), &BTreeMap::new(), &registry()).expect_err(text))
    }

    #[test]
    fn references_are_filled_in_and_become_dependencies() {
        let desired = lowered(
            r#"project = "demo"
[function.a]
build = "a"
environment = { B = "${function.b.arn}", ID = "${function.b.id}", R = "${aws.region}", SELF = "${function.a.arn}" }
[function.b]
build = "b"
[outputs]
arn = "${function.b.arn}"
bare = "function.b"
attribute = "function.b.arn"
text = "not.an address"
"#,
        );
        let a = &desired.resources[&Address::new("function", "a")];
        insta::assert_snapshot!(a.inputs[&"environment".to_owned()].to_json(), @r#"{"B":"arn:aws:function:123456789012:demo-function.b","ID":{"$unknown":"function.b.id"},"R":"us-east-1","SELF":"arn:aws:function:123456789012:demo-function.a"}"#);
        let waits: Vec<_> = a.dependencies.iter().map(|wait| format!("{} {:?}", wait.on, wait.until)).collect();
        insta::assert_snapshot!(waits.join(", "), @"role.a Complete, function.b Exists");
        insta::assert_snapshot!(Value::Table(desired.outputs).to_json(), @r#"{"arn":{"$unknown":"function.b.arn"},"attribute":{"$unknown":"function.b.arn"},"bare":{"arn":{"$unknown":"function.b.arn"},"id":{"$unknown":"function.b.id"}},"text":"not.an address"}"#);
    }

    #[test]
    fn what_names_no_resource_is_told_with_the_nearest() {
        insta::assert_snapshot!(findings(r#"project = "demo"
[function.hash]
build = "a"
depends_on = ["function.hsah"]
description = "${event_rule.hash.mnth.id}"
tags = { T = "${function.hash.event_rule.month}" }
event_rule.month.schedule_expression = "rate(1 day)"
environment = { A = "${function.hahs.arn}", B = "x-${function.hash.anr}", C = "${function.hash.role.arn}" }
[outputs]
a = "${function.hashh.arn}"
b = "function.other"
"#, None), @r#"
4:15 unknown-address: `function.hsah` is the address of nothing in this file. [did you mean `function.hash`?]
5:16 unknown-address: `event_rule.hash.mnth` is the address of nothing in this file. [did you mean `event_rule.hash.month`?]
6:15 unknown-address: `function.hash.event_rule` is the address of nothing in this file. [did you mean `event_rule.hash.month`?]
8:22 unknown-address: `function.hahs` is the address of nothing in this file. [did you mean `function.hash`?]
8:52 unknown-attribute: `function.hash` has no attribute `anr`; it has `arn`, `id`. [did you mean `function.hash.arn`?]
8:80 unknown-address: `function.hash.role` is the address of nothing in this file. [did you mean `role.hash`?]
10:5 unknown-address: `function.hashh` is the address of nothing in this file. [did you mean `function.hash`?]
11:5 unknown-address: `function.other` is the address of nothing in this file.
"#);
    }

    #[test]
    fn a_circle_is_told_as_a_whole() {
        insta::assert_snapshot!(findings(r#"project = "demo"
[function.a]
build = "a"
environment.B = "${function.b.arn}"
[function.b]
build = "b"
role.allow = [{ action = "lambda:Invoke", resource = "${function.a.arn}" }]
"#, None), @"4:17 dependency-cycle: `function.a` → `function.b` → `role.b` → `function.a`. [break it: write one of the values out instead of referring to the other resource] [`function.a` refers to `function.b` in line 4] [`function.b` always needs `role.b`] [`role.b` refers to `function.a` in line 7]");
    }

    #[test]
    fn one_name_for_two_things_is_refused() {
        insta::assert_snapshot!(findings(r#"project = "demo"
[role.a]
role_name = "Same"
[function.a]
build = "a"
function_name = "same"
[function.b]
build = "b"
function_name = "same"
role.role_name = "same"
"#, None), @r#"
4:1 duplicate-address: `role.a` is described in line 2 already. [rename one of the two] [or share it: `role = "a"` in `[function.a]`]
9:17 duplicate-name: `function.b` and `function.a` (line 6) are both called `same`. [give one of them another name]
"#);
        insta::assert_snapshot!(findings(r#"project = "demo"
[role.x]
role_name = "Same"
[function.b]
build = "b"
role.role_name = "same"
"#, None), @"3:13 duplicate-name: `role.x` and `role.b` (line 6) are both called `Same`. [give one of them another name]");
    }

    #[test]
    fn a_name_must_fit_in_every_stage_and_differ_between_them() {
        let checked = |text: &str| {
            let options = crate::spec::LoadOptions { stage: Some("d"), region: None, local: None, environment: &|_| None };
            let found = crate::spec::check(std::path::Path::new("config.toml"), text, &options, &Registry::new(), &|_| vec![]);
            found.map_or_else(|findings| told(text, &findings), |_| "nothing".into())
        };
        let name = "n".repeat(50);
        let long = format!(
            "project = \"demo\"\n[stage.d]\n[stage.production]\n[stage.other.function.{name}]\nfunction_name = \"short\"\n[function.{name}]\nbuild = \"a\"\n"
        );
        insta::assert_snapshot!(checked(&long), @"6:1 name-too-long: `demo-production-nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn` has 66 characters and Lambda takes 64. Names of functions are never cut, since callers use them. [give a shorter one with `function_name`] [this shows in the stage `production`]");
        let same = "project = \"demo\"\n[stage.d]\n[stage.e]\n[stage.far.aws]\nregion = \"us-west-2\"\n[function.a]\nbuild = \"a\"\nfunction_name = \"x\"\n";
        insta::assert_snapshot!(checked(same), @r#"8:17 same-name-in-stages: `function.a` is called `x` in the stages `d` and `e`, which go to the same account and region: each would take it from the other. [let the name differ by stage, as in `"${project}-${name}-${stage}"`, or give the stages regions or accounts of their own]"#);
    }

    #[test]
    fn what_a_reference_becomes_is_checked() {
        insta::assert_snapshot!(findings(r#"project = "demo"
[function.a]
build = "a"
description = "${function.b.arn}"
memory_size = "${aws.region}"
[function.b]
build = "b"
"#, None), @r#"
4:15 too-long: `description` of `function.a` has 45 characters; at most 20 are allowed.
5:15 wrong-type: `memory_size` of `function.a` must be an integer; it is a string.
"#);
    }

    const PROGRAMS: &str = r#"project = "demo"

[aws]
region = "eu-central-1"
allowed_account_ids = ["123456789012"]

[defaults]
architectures = "arm64"

[role.shared]
managed_policies = "AWSXRayDaemonWriteAccess"

[function.hello]
build = "lambdas/hello"
role = "shared"

[function.hash]
build = "lambdas/hash"
environment = { LOG_LEVEL = "info", CLEANER = "${function.log-cleanup.arn}" }

[function.log-cleanup]
build = "lambdas/log-cleanup"
timeout = 60
role.allow = [{ action = ["logs:DescribeLogGroups", "logs:PutRetentionPolicy", "logs:DeleteLogGroup"], resource = "*" }]

[function.log-cleanup.event_rule.monthly]
description = "Triggers the log cleanup once a month"
schedule_expression = "cron(0 6 1 * ? *)"

[outputs]
lambda = "${function.hash.arn}"
"#;

    fn really_lowered(text: &str) -> (Spec, Desired) {
        let options = crate::spec::LoadOptions { stage: None, region: None, local: None, environment: &|_| None };
        let spec = crate::spec::load(std::path::Path::new("config.toml"), text, &options, &Registry::new());
        let spec = spec.unwrap_or_else(|findings| panic!("{}\n{text}", told(text, &findings)));
        let lowered = lower_with_warnings(&spec, &Target::placeholder(), &BTreeMap::new(), &Registry::new());
        let (desired, warnings) = lowered.unwrap_or_else(|findings| panic!("{}", told(text, &findings)));
        assert_eq!(warnings, []);
        (spec, desired)
    }

    #[test]
    fn the_programs_of_the_example_become_resources_that_wait_for_each_other() {
        let (_, desired) = really_lowered(PROGRAMS);
        let lines = desired.resources.values().map(|resource| {
            let waits = resource.dependencies.iter().map(|wait| format!(" {}", wait.on)).collect::<String>();
            format!("{} <-{waits}\n", resource.address)
        });
        insta::assert_snapshot!(lines.collect::<String>(), @r#"
event_rule.log-cleanup.monthly <- function.log-cleanup permission.log-cleanup.monthly
function.hash <- role.hash log_group.hash function.log-cleanup
function.hello <- role.shared log_group.hello
function.log-cleanup <- role.log-cleanup log_group.log-cleanup
log_group.hash <-
log_group.hello <-
log_group.log-cleanup <-
permission.log-cleanup.monthly <- function.log-cleanup
role.hash <-
role.log-cleanup <-
role.shared <-
"#);
        insta::assert_snapshot!(desired.resources[&Address::new("function", "hash")].inputs[&"environment".to_owned()].to_json(), @r#"{"CLEANER":"arn:aws:lambda:eu-central-1:123456789012:function:demo-log-cleanup","LOG_LEVEL":"info"}"#);
    }

    #[test]
    fn what_is_rendered_asks_for_the_same_resources() {
        let (spec, desired) = really_lowered(PROGRAMS);
        let text = crate::spec::render(&spec, &[]);
        insta::assert_snapshot!(crate::spec::render(&spec, &["log-cleanup".into()]), @r#"

[function.log-cleanup]
description = ""  # built-in
runtime = "provided.al2023"  # built-in
handler = "bootstrap"  # built-in
architectures = ["arm64"]  # config.toml:8
memory_size = 128  # built-in
timeout = 60  # config.toml:23
environment = {}  # built-in
ephemeral_storage.size = 512  # built-in
layers = []  # built-in
vpc_config.ipv6_allowed_for_dual_stack = false  # built-in
vpc_config.security_group_ids = []  # built-in
vpc_config.subnet_ids = []  # built-in
dead_letter_config.target_arn = ""  # built-in
tracing_config.mode = "PassThrough"  # built-in
kms_key_arn = ""  # built-in
file_system_configs = []  # built-in
snap_start.apply_on = "None"  # built-in
tags = {}  # built-in
build = "lambdas/log-cleanup"  # config.toml:22

[function.log-cleanup.role]
description = ""  # built-in
max_session_duration = 3600  # built-in
trust_policy.Statement = [{ Action = "sts:AssumeRole", Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" } }]  # built-in
trust_policy.Version = "2012-10-17"  # built-in
managed_policies = []  # built-in
inline_policy = {}  # built-in
allow = [{ action = ["logs:DescribeLogGroups", "logs:PutRetentionPolicy", "logs:DeleteLogGroup"], resource = ["*"] }]  # config.toml:24
tags = {}  # built-in

[function.log-cleanup.log_group]
retention_in_days = 30  # built-in
log_group_class = "STANDARD"  # built-in
tags = {}  # built-in

[function.log-cleanup.event_rule.monthly]
schedule_expression = "cron(0 6 1 * ? *)"  # config.toml:28
description = "Triggers the log cleanup once a month"  # config.toml:27
event_bus_name = "default"  # built-in
enabled = true  # built-in
tags = {}  # built-in
"#);
        assert_eq!(really_lowered(&text).1, desired, "{text}");
    }
}

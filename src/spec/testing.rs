//! A few small kinds, so that the spec is tried without the real ones, and helpers for the tests.

use super::{LoadOptions, Spec, load};
// For tests only, as all of this file: the spec itself knows nothing of AWS.
#[cfg(test)]
use crate::aws::{AwsError, Reader, Writer};
use crate::diagnostic::Diagnostic;
use crate::kinds::{Context, Done, Kind, Lowered, Place, ReadTarget, Registry, RunContext};
use crate::model::field::ANY_STRING;
use crate::model::{
    Address, Default, Dependency, Draft, Field, Operation, PhysicalId, Removal, Resource, Rules, Section, Shape, Sighting, Target, Update,
    Value,
};
use async_trait::async_trait;
use std::path::Path;

/// A kind that is only data.
pub(crate) struct Fake {
    name: &'static str,
    places: &'static [Place],
    shorthand: Option<&'static str>,
    fields: &'static [Field],
}

const TEXTS: Shape = Shape::List { item: &ANY_STRING, max: usize::MAX };

const VPC: &[Field] = &[Field::new("subnet_ids", Shape::List { item: &ANY_STRING, max: 2 }, "Its subnets.").default(Default::Texts(&[]))];

const FUNCTION: &[Field] = &[
    Field::new("function_name", Shape::text(1, 64), "Its name in AWS."),
    Field::new("description", Shape::text(0, 20), "What it does.").default(Default::Text("")),
    Field::new("runtime", ANY_STRING, "What runs it.").default(Default::Text("provided.al2023")),
    Field::new("role", ANY_STRING, "Its role."),
    Field::new("memory_size", Shape::Integer { min: 128, max: 10_240 }, "Memory in MB.").default(Default::Integer(128)),
    Field::new("timeout", Shape::Integer { min: 1, max: 900 }, "Seconds.").default(Default::Integer(3)),
    Field::new("environment", Shape::Map { value: &ANY_STRING, check: None }, "Variables.").default(Default::EmptyTable),
    Field::new("architectures", Shape::List { item: &Shape::Choice(&["x86_64", "arm64"]), max: 1 }, "Processor.")
        .default(Default::Texts(&["x86_64"])),
    Field::new("vpc_config", Shape::Table(VPC), "Its VPC."),
    Field::new("build", Shape::AnyOf(&[ANY_STRING, Shape::Map { value: &ANY_STRING, check: None }]), "Its source.").internal(),
    Field::new("code", Shape::Map { value: &ANY_STRING, check: None }, "Its code."),
    Field::new("protect", Shape::Boolean, "Whether it is kept.").internal(),
    Field::new("ignore", TEXTS, "What is never compared.").internal(),
    Field::new("depends_on", TEXTS, "What it waits for.").internal(),
    Field::new("tags", Shape::Map { value: &ANY_STRING, check: None }, "Tags.").default(Default::EmptyTable),
];

const ALLOW: &[Field] = &[Field::new("action", TEXTS, "Actions.").required(), Field::new("resource", TEXTS, "Resources.").required()];

const ROLE: &[Field] = &[
    Field::new("use", ANY_STRING, "The shared role.").internal(),
    Field::new("role_name", ANY_STRING, "Its name in AWS."),
    Field::new("allow", Shape::List { item: &Shape::Table(ALLOW), max: usize::MAX }, "What it may do."),
    Field::new("inline_policy", Shape::Map { value: &Shape::Document, check: None }, "Policies."),
    Field::new("managed_policies", TEXTS, "Managed policies.").default(Default::Texts(&[])),
];

const LOG_GROUP: &[Field] = &[Field::new(
    "retention_in_days",
    Shape::AnyOf(&[Shape::IntegerChoice(&[1, 7, 30, 365]), Shape::Choice(&["never"])]),
    "How long events are kept.",
)
.default(Default::Integer(30))];

const EVENT_RULE: &[Field] = &[
    Field::new("schedule_expression", Shape::checked(1, 256, check_schedule), "When.").required(),
    Field::new("event_pattern", Shape::Document, "Which events."),
    Field::new("description", ANY_STRING, "What for."),
];

const PERMISSION: &[Field] = &[Field::new("principal", ANY_STRING, "Who.").required()];

fn check_schedule(text: &str) -> Result<(), String> {
    if text.ends_with(')') { Ok(()) } else { Err("must be `rate(…)` or `cron(…)`".into()) }
}

const KINDS: &[Fake] = &[
    Fake { name: "function", places: &[Place::TopLevel], shorthand: None, fields: FUNCTION },
    Fake { name: "role", places: &[Place::TopLevel, Place::One { always: true }], shorthand: Some("use"), fields: ROLE },
    Fake { name: "log_group", places: &[Place::One { always: true }], shorthand: None, fields: LOG_GROUP },
    Fake { name: "event_rule", places: &[Place::Named], shorthand: None, fields: EVENT_RULE },
    Fake { name: "permission", places: &[Place::Named], shorthand: None, fields: PERMISSION },
];

impl Rules for Fake {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fields(&self) -> &'static [Field] {
        self.fields
    }

    fn serial_key(&self, _: &PhysicalId) -> Option<String> {
        None
    }

    fn create(&self, _: &Resource) -> Vec<Draft> {
        vec![]
    }

    fn update(&self, _: &Update<'_>) -> Vec<Draft> {
        vec![]
    }

    fn delete(&self, _: &Removal<'_>) -> Vec<Draft> {
        vec![]
    }
}

#[async_trait]
impl Kind for Fake {
    fn places(&self) -> &'static [Place] {
        self.places
    }

    fn shorthand(&self) -> Option<&'static str> {
        self.shorthand
    }

    fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[("arn", "Its ARN."), ("id", "What only AWS knows.")]
    }

    fn lower(&self, section: &Section, context: &Context<'_>) -> Lowered {
        if section.values.contains_key("use") {
            return Lowered::default();
        }
        let address = Address { kind: self.name.into(), name: section.name.clone(), part: section.part.clone() };
        let Target { partition, account, .. } = context.target;
        let usual = format!("{}-{}", context.project, address);
        let name = ["function_name", "role_name"].iter().find_map(|key| section.string(key)).unwrap_or(&usual);
        let mut resource = Resource::new(address, name);
        resource.inputs = section.values.clone();
        resource.attributes.insert("arn".into(), format!("arn:{partition}:{}:{account}:{name}", self.name).into());
        let role = context.functions.get(&section.name).and_then(|facts| facts.role.clone()).filter(|_| self.name == "function");
        resource.dependencies.extend(role.map(Dependency::hard));
        let waits = section.values.get("depends_on").map(Value::strings).unwrap_or_default();
        resource.dependencies.extend(waits.into_iter().filter_map(|text| text.parse().ok()).map(Dependency::hard));
        Lowered { resources: vec![resource], diagnostics: vec![] }
    }

    async fn read(&self, _: &Reader, _: &[ReadTarget<'_>]) -> Vec<Sighting> {
        vec![]
    }

    async fn run(&self, _: &Writer, _: &Operation, _: &RunContext<'_>) -> Result<Done, AwsError> {
        Ok(Done::default())
    }
}

pub(crate) fn registry() -> Registry {
    Registry::with_kinds(KINDS.iter().map(|kind| kind as &'static dyn Kind).collect())
}

/// The environment variables of all tests.
pub(crate) fn environment(name: &str) -> Option<String> {
    [("LEVEL", "debug"), ("MEMORY", "512")].iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
}

pub(crate) fn load_stage(text: &str, stage: Option<&str>) -> Result<Spec, Vec<Diagnostic>> {
    let options = LoadOptions { stage, region: None, local: None, environment: &environment };
    load(Path::new("config.toml"), text, &options, &registry())
}

pub(crate) fn loaded(text: &str) -> Spec {
    load_stage(text, None).unwrap_or_else(|findings| panic!("{}\n{text}", told(text, &findings)))
}

/// One line for each finding.
pub(crate) fn told(text: &str, findings: &[Diagnostic]) -> String {
    let lines = findings.iter().map(|finding| {
        let place = finding.span.as_ref().map_or("-".to_owned(), |span| {
            let (line, column) = super::line_column(text, span.start);
            format!("{line}:{column}")
        });
        let hints: String = finding.hints.iter().map(|hint| format!(" [{hint}]")).collect();
        format!("{place} {}: {}{hints}\n", finding.code, finding.detail)
    });
    lines.collect()
}

/// What is wrong with a file, or the warnings of one that is right.
pub(crate) fn findings(text: &str, stage: Option<&str>) -> String {
    match load_stage(text, stage) {
        Ok(spec) => told(text, &spec.diagnostics),
        Err(findings) => told(text, &findings),
    }
}

/// A section's values as JSON.
pub(crate) fn values(spec: &Spec, kind: &str, name: &str) -> String {
    let section = spec.sections.iter().rfind(|section| section.kind == kind && section.name == name);
    section.map_or_else(|| "none".into(), |section| Value::Table(section.values.clone()).to_json().to_string())
}

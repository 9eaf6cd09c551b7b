//! What is wrong with the file in the stages that are not chosen, and between stages.

use super::load::OF_THE_RUN;
use super::lower::{Lowering, address_of};
use super::{AwsSettings, FUNCTION, Header, LAYER, Other, Spec, later};
use crate::diagnostic::{Diagnostic, Span};
use crate::kinds::Registry;
use crate::model::Target;
use std::collections::{BTreeMap, BTreeSet};

/// Where something shows, as the end of a sentence.
pub(crate) fn place(stage: Option<&str>, is_local: bool) -> String {
    match (stage, is_local) {
        (Some(stage), true) => format!("in the stage `{stage}` with `[local]`"),
        (Some(stage), false) => format!("in the stage `{stage}`"),
        (None, true) => "under `--local`, with `[local]`".into(),
        (None, false) => "without `--local`".into(),
    }
}

/// What lowering found for another run.
pub(crate) struct Elsewhere {
    header: Header,
    is_local: bool,
    is_local_twin: bool,
    findings: Vec<Diagnostic>,
    places: Vec<NamePlace>,
}

impl Elsewhere {
    /// Lowers the spec, and keeps what is wrong with it and the names of its resources.
    pub fn lower(other: Other, registry: &Registry) -> Self {
        let Other { spec, is_local, is_local_twin } = other;
        let (target, artifacts) = (Target::placeholder(), BTreeMap::new());
        let lowering = Lowering::run(&spec, &target, &artifacts, registry);
        let places = lowering.places();
        // What this run does not have, such as a variable of another stage's environment, leaves gaps that mean nothing.
        let has_gaps = spec.diagnostics.iter().any(|finding| OF_THE_RUN.contains(&finding.code));
        let found = if has_gaps { Vec::new() } else { lowering.findings };
        let findings = later::without_consequences(&spec.diagnostics, found);
        Self { header: spec.header, is_local, is_local_twin, findings, places }
    }

    /// Errors that nothing else has told.
    fn errors<'a>(&'a self, told: &mut BTreeSet<(&'static str, Option<Span>)>) -> Vec<Diagnostic> {
        let is_new = |finding: &&'a Diagnostic| finding.is_error() && told.insert((finding.code, finding.span.clone()));
        let place = place(self.header.stage.as_deref(), self.is_local);
        self.findings.iter().filter(is_new).map(|finding| finding.clone().hint(format!("this shows {place}"))).collect()
    }
}

/// Errors that show in another stage only, and names that two stages would share.
pub(crate) fn findings(spec: &Spec, main: &Lowering<'_>, elsewhere: &[Elsewhere]) -> Vec<Diagnostic> {
    let mut told: BTreeSet<_> = main.findings.iter().map(|finding| (finding.code, finding.span.clone())).collect();
    let mut found: Vec<Diagnostic> = elsewhere.iter().flat_map(|other| other.errors(&mut told)).collect();
    let places = main.places();
    let others = elsewhere.iter().filter(|other| !other.is_local_twin).map(|other| (&other.header, &other.places[..]));
    found.extend(shared_names(std::iter::once((&spec.header, &places[..])).chain(others)));
    found
}

/// A resource's name in AWS and where the spec gives it.
pub(crate) struct NamePlace {
    /// The kind, and the name as AWS compares it.
    key: (String, String),
    address: String,
    /// The name of the section.
    owner: String,
    name: String,
    /// Whether the spec gives the name itself.
    is_given: bool,
    span: Option<Span>,
}

impl Lowering<'_> {
    /// The names of all resources, functions first.
    pub fn places(&self) -> Vec<NamePlace> {
        let mut places: Vec<NamePlace> = self
            .resources
            .iter()
            .filter_map(|(address, placed)| {
                let id = placed.resource.physical_id()?.as_str();
                // Behind a layer's name stands what is in its version.
                let id = id.split('@').next().filter(|_| address.kind == LAYER).unwrap_or(id).to_owned();
                // Names of roles differ in more than their case.
                let name = if address.kind == "role" { id.to_lowercase() } else { id.clone() };
                let owner = address_of(&self.sections[placed.section]).name;
                let given = self.span_of_given_name(placed.section);
                let is_given = given.is_some();
                let span = given.or_else(|| self.span_of_section(placed.section));
                Some(NamePlace { key: (address.kind.clone(), name), address: address.to_string(), owner, name: id, is_given, span })
            })
            .collect();
        // A name that was told to be wrong is empty, and so are the ends of the names that are made from it.
        let nameless: BTreeSet<String> = places.iter().filter(|place| place.name.is_empty()).map(|place| place.owner.clone()).collect();
        places.retain(|place| !nameless.contains(&place.owner));
        places.sort_by_key(|place| place.key.0 != FUNCTION);
        places
    }

    /// Two addresses must not mean one thing in AWS. Where two functions do, what belongs to them does, too.
    pub fn check_physical_names(&mut self) {
        let places = self.places();
        let mut names: BTreeMap<&(String, String), &NamePlace> = BTreeMap::new();
        let mut told = BTreeSet::new();
        let mut found = Vec::new();
        for place in &places {
            let Some(other) = names.get(&place.key) else {
                names.insert(&place.key, place);
                continue;
            };
            if told.insert((&place.owner, &other.owner)) {
                found.push(self.duplicate_name(place, other));
            }
        }
        self.findings.extend(found);
    }

    fn duplicate_name(&self, place: &NamePlace, other: &NamePlace) -> Diagnostic {
        let line = other.span.as_ref().map_or_else(String::new, |span| format!(" (line {})", self.spec.source.line(span)));
        Diagnostic::error("duplicate-name", "Two resources have the same name in AWS")
            .detail(format!("`{}` and `{}`{line} are both called `{}`.", place.address, other.address, place.name))
            .hint("give one of them another name")
            .address(&place.address)
            .span(place.span.clone())
    }
}

/// Two stages in one account and region whose resources would be the same thing.
fn shared_names<'a>(stages: impl Iterator<Item = (&'a Header, &'a [NamePlace])>) -> Vec<Diagnostic> {
    let mut names: BTreeMap<(&(String, String), String), &str> = BTreeMap::new();
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for (header, places) in stages {
        let Some(stage) = header.stage.as_deref() else { continue };
        for place in places {
            let Some(other) = names.insert((&place.key, cloud_of(&header.aws, place)), stage) else { continue };
            if told.insert(&place.owner) {
                found.push(shared_name(place, other, stage));
            }
        }
    }
    found
}

/// What tells two stages' accounts and regions apart. Roles know no region, but the names that are made for
/// them have one, and it is not known where the spec does not give it.
fn cloud_of(aws: &AwsSettings, place: &NamePlace) -> String {
    let AwsSettings { region, profile, allowed_account_ids, assume_role_arn, endpoint_url, .. } = aws;
    let region = if is_role(place) && place.is_given { &None } else { region };
    format!("{region:?} {profile:?} {allowed_account_ids:?} {assume_role_arn:?} {endpoint_url:?}")
}

fn is_role(place: &NamePlace) -> bool {
    place.key.0 == "role"
}

fn shared_name(place: &NamePlace, one: &str, other: &str) -> Diagnostic {
    Diagnostic::error("same-name-in-stages", "Two stages give a resource the same name in AWS")
        .detail(format!(
            "`{}` is called `{}` in the stages `{one}` and `{other}`, which go to the same {}: each would take it from the other.",
            place.address,
            place.name,
            if is_role(place) { "account" } else { "account and region" }
        ))
        .hint("let the name differ by stage, as in `\"${project}-${name}-${stage}\"`, or give the stages regions or accounts of their own")
        .address(&place.address)
        .span(place.span.clone())
}

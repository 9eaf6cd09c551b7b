//! Drift: what is looked for, what is left out, and what was found.

use super::{Address, Causes, Exit, Path, PhysicalId, Plan, Rules, Step, Value};
use crate::diagnostic::{Diagnostic, nearest};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// `[drift]` of the spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriftSettings {
    /// When the daemon looks: `rate(…)` or `cron(…)`.
    pub schedule: Option<String>,
    /// Where the clock stands that `cron(…)` goes by, as an IANA name; UTC where absent.
    pub timezone: Option<String>,
    /// Whether settings are read that cost a call each.
    pub deep: bool,
    /// Whether settings count that the spec does not know and that are not what AWS makes them.
    pub undeclared: bool,
    /// Whether CloudTrail is asked who changed what was found.
    pub who: bool,
    /// What is no drift, in the order of the file.
    pub ignore: Vec<IgnoreRule>,
}

/// One `[[drift.ignore]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoreRule {
    /// What it covers.
    pub pattern: IgnorePattern,
    /// Why, for people.
    pub reason: String,
    /// The last day on which it holds, in UTC, as `2026-12-31`; `None` for ever.
    pub until: Option<String>,
}

impl IgnoreRule {
    /// Whether it does not hold any more on the day `today`.
    pub fn is_expired(&self, today: &str) -> bool {
        self.until.as_deref().is_some_and(|until| until < today)
    }

    /// What there is to say of it on the day `today`, where these are the resources.
    pub fn warning(&self, today: &str, known: &[&Address]) -> Option<Diagnostic> {
        if self.is_expired(today) { Some(self.expired()) } else { self.about_nothing(known) }
    }

    fn expired(&self) -> Diagnostic {
        let until = self.until.as_deref().unwrap_or_default();
        Diagnostic::warning("drift-ignore-expired", "A rule that ignores drift has expired")
            .detail(format!(
                "`drift.ignore` leaves out `{}` until {until} ({}), and that day is over: what it covers is told again.",
                self.pattern, self.reason
            ))
            .hint("take the rule out, or give it another `until`")
    }

    /// Says that it is about none of the resources, with the nearest.
    pub fn about_nothing(&self, known: &[&Address]) -> Option<Diagnostic> {
        self.pattern.about_nothing("drift.ignore", known)
    }
}

/// `ADDRESS:PATH`, where `*` stands for any text in each part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnorePattern {
    /// Which resources.
    pub address: Path,
    /// Which of their settings; `*` for all, and for a resource that is gone.
    pub path: Path,
}

impl IgnorePattern {
    /// Says that it is about none of the resources, with the nearest. `place` is where it was given.
    pub fn about_nothing(&self, place: &str, known: &[&Address]) -> Option<Diagnostic> {
        if known.iter().any(|address| self.covers_address(address)) {
            return None;
        }
        let (given, names): (_, Vec<String>) = (self.address.to_string(), known.iter().map(ToString::to_string).collect());
        let found = Diagnostic::warning("drift-ignore-nothing", "A rule that ignores drift is about nothing")
            .detail(format!("`{place}` has the address `{given}`, and no resource is called so."));
        Some(match nearest(&given, names.iter().map(String::as_str)) {
            Some(near) => found.hint(format!("did you mean `{near}`?")),
            None => found.hint("`lambdo status` lists the addresses; take the rule out if the resource is gone for good"),
        })
    }

    /// Says that no kind that it is about has such a setting, with the nearest: it could never cover anything.
    pub fn about_no_setting(&self, place: &str, kinds: &[&dyn Rules]) -> Option<Diagnostic> {
        let (of_kind, given) = (Path::key(self.address.first()), Path::key(self.path.first()));
        let kinds = || kinds.iter().filter(|kind| Path::key(kind.name()).is_covered_by(&of_kind));
        let keys: BTreeSet<&str> = kinds().flat_map(|kind| settings(*kind)).collect();
        if keys.is_empty() || keys.iter().any(|key| Path::key(key).is_covered_by(&given)) {
            return None;
        }
        let names = kinds().map(|kind| format!("`{}`", kind.name())).collect::<Vec<_>>().join(", ");
        let found = Diagnostic::error("drift-ignore-setting", "No setting is called so")
            .detail(format!("`{place}` has the path `{}` for `{}`, and {names} has no such setting.", self.path, self.address));
        Some(match nearest(self.path.first(), keys.iter().copied()) {
            Some(near) => found.hint(format!("did you mean `{near}`?")),
            None => found.hint(format!("it can be {}", keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", "))),
        })
    }

    /// Whether it is about this resource.
    pub fn covers_address(&self, address: &Address) -> bool {
        let mut keys = vec![address.kind.clone(), address.name.clone()];
        keys.extend(address.part.clone());
        Path(keys).is_covered_by(&self.address)
    }

    /// Whether it is about everything of this resource, so that it may even be gone.
    pub fn covers_everything_of(&self, address: &Address) -> bool {
        self.path == Path::key("*") && self.covers_address(address)
    }

    /// Whether it is about this setting.
    pub fn covers(&self, address: &Address, path: &Path) -> bool {
        self.covers_address(address) && path.is_covered_by(&self.path)
    }
}

impl std::fmt::Display for IgnorePattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.address, self.path)
    }
}

impl FromStr for IgnorePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, path) =
            text.split_once(':').ok_or_else(|| format!("`{text}` is not ADDRESS:PATH, such as `function.hash:environment.*`"))?;
        Ok(Self { address: address.parse()?, path: path.parse()? })
    }
}

/// The first keys of all paths at which drift of a kind is told.
fn settings(kind: &dyn Rules) -> impl Iterator<Item = &'static str> {
    let fields = kind.fields().iter().filter(|field| !field.internal).chain(kind.undeclared()).map(|field| field.key);
    let tags = kind.is_taggable().then_some("tags");
    fields.chain(kind.attached().iter().copied()).chain(tags)
}

/// Something that lives with a resource of ours and that nobody declared; it is shown, and never removed.
#[derive(Clone, Debug, PartialEq)]
pub struct Extra {
    /// What sort of thing.
    pub class: ExtraClass,
    /// Where it would stand in the spec, such as `targets.theirs` or `statement.partner`.
    pub path: Path,
    /// What AWS shows of it, where that is a value.
    pub live: Option<Value>,
    /// What AWS makes it unless it is told otherwise.
    pub usual: Option<Value>,
    /// What it is, in words.
    pub text: String,
    /// Its name in AWS, where a resource of ours could have that name: then it is no extra.
    pub physical_id: Option<PhysicalId>,
    /// Whether it opens something to everybody.
    pub is_public: bool,
}

impl Extra {
    /// Something that others attached.
    pub fn foreign(path: Path, text: impl Into<String>) -> Self {
        Self { class: ExtraClass::Foreign, path, live: None, usual: None, text: text.into(), physical_id: None, is_public: false }
    }

    /// What it is, with a word before it where it opens something to everybody.
    pub fn marked(&self) -> String {
        if self.is_public { format!("PUBLIC: {}", self.text) } else { self.text.clone() }
    }

    /// The same, said to open something to everybody, if it `does`.
    #[must_use]
    pub fn public(mut self, does: bool) -> Self {
        self.is_public = does;
        self
    }

    /// The same, with the name that a resource of ours would have.
    #[must_use]
    pub fn called(mut self, physical_id: PhysicalId) -> Self {
        self.physical_id = Some(physical_id);
        self
    }
}

/// What sort of thing an [`Extra`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExtraClass {
    /// Others attached it: a policy statement, a target, a trigger.
    Foreign,
    /// A setting that the spec does not have and that is not what AWS makes it.
    Undeclared,
}

impl ExtraClass {
    /// The word in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Undeclared => "undeclared",
        }
    }
}

/// Who changed a resource last, as far as AWS tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The ARN of the identity, or a user's or a service's name.
    pub name: String,
    /// The AWS operation, such as `UpdateFunctionConfiguration20150331v2`.
    pub operation: String,
    /// When, as RFC 3339 in UTC.
    pub time: String,
    /// What the client said of itself, such as `console.amazonaws.com`.
    pub agent: Option<String>,
}

/// What one check found: what drifted, what is pending and what is not known are kept apart.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftReport {
    /// The plan towards what was applied; what was not read and what was left out are taken from it.
    pub plan: Plan,
    /// What differs from what was applied, without what is ignored.
    pub drifted: Vec<Step>,
    /// What nobody declared, without what is ignored.
    pub extras: Vec<(Address, Extra)>,
    /// How many findings were ignored.
    pub ignored: usize,
    /// Whether what costs a call for each resource was read, too.
    pub is_deep: bool,
    /// How many resources the next `up` would change; `None` where that is not known, since the spec is broken.
    pub pending: Option<usize>,
    /// How many values of the spec are secrets, whose sources only a plan reads: whether they are pending is not known.
    pub secrets: usize,
    /// Who changed what was found, as far as AWS tells; `None` where nobody asked.
    pub authors: Option<BTreeMap<Address, Author>>,
    /// What there is to say of the rules that ignore: expired ones, and those that are about nothing.
    pub warnings: Vec<Diagnostic>,
}

impl DriftReport {
    /// Whether something was found.
    pub fn is_drift(&self) -> bool {
        !self.drifted.is_empty() || !self.extras.is_empty()
    }

    /// How a check ends that found this.
    pub fn exit(&self) -> Exit {
        match (self.is_drift(), self.plan.unchecked.is_empty()) {
            (true, _) => Exit::Drift,
            (false, false) => Exit::Unchecked,
            (false, true) => Exit::Success,
        }
    }

    /// The resources of which something was found, each once, in order.
    pub fn addresses(&self) -> Vec<&Address> {
        let found = self.drifted.iter().map(|step| &step.address).chain(self.extras.iter().map(|(address, _)| address));
        found.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }
}

/// The steps of a plan towards what was applied that were changed behind our back.
pub fn drifted(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.steps.iter().filter(|step| Causes::of_step(step).is_drift)
}

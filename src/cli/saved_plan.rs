//! The file of `plan --out`: a versioned format of its own.

use super::args::{PlanArguments, Selection};
use super::named_file;
use super::render::file_name;
use crate::diagnostic::Diagnostic;
use crate::engine::{BUILT_KEYS, is_same_endpoint};
use crate::model::plan::{EntryFacts, Refusal};
use crate::model::{
    Address, Artifact, Carry, Change, Desired, Exit, Failure, Lineage, Operation, Plan, Scrubber, State, Step, Table, Target, Value,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// The format that this version writes and reads.
const FORMAT: u32 = 1;
/// The key under which the file says what the digest of the rest is.
const DIGEST: &str = "digest";
/// Resources that are named of those for which a saved plan does not hold any more.
const NAMED_MAX: usize = 5;
const PLAN_AGAIN: &str = "plan again: `lambdo plan --out FILE`";

/// A plan with everything that must not have moved when it is applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedPlan {
    format: u32,
    /// The lineage of the state that it builds on.
    pub lineage: Lineage,
    /// The serial of the state that it builds on.
    pub serial: u64,
    project: String,
    stage: Option<String>,
    #[serde(flatten)]
    target: Target,
    endpoint: Option<String>,
    config: String,
    /// What was asked for.
    pub wish: SavedWish,
    basis: Basis,
    steps: Vec<Step>,
    operations: Vec<Operation>,
    outputs: Table,
}

/// What was asked of `plan` besides the spec; the same is asked again when it is applied.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedWish {
    names: Vec<String>,
    targets: Vec<Address>,
    /// Whether settings that cost a call each were read.
    pub deep: bool,
    /// What is taken over.
    #[serde(default)]
    pub adopt: Vec<Address>,
    /// Whether what is missing in AWS is made again even where that is everything.
    #[serde(default)]
    pub recreate: bool,
}

impl SavedWish {
    /// What the command line asked for.
    pub fn new(arguments: &PlanArguments) -> Self {
        let PlanArguments { selection, deep, adopt, recreate, .. } = arguments.clone();
        Self { names: selection.names, targets: selection.targets, deep, adopt, recreate }
    }

    /// Which part of the project.
    pub fn selection(&self) -> Selection {
        Selection { names: self.names.clone(), targets: self.targets.clone() }
    }
}

/// What a plan was made from, as digests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// What the state said; the serial alone does not show what a killed run wrote to the journal.
    state: String,
    /// What the spec asked for, packages left out.
    spec: String,
    /// The content hash of each package, by the address of whose it is.
    artifacts: BTreeMap<String, String>,
}

/// A value with all that it says, other than for people: where a secret comes from included.
fn stored(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

impl Basis {
    /// From the state as it was read, before a plan settles anything in it.
    pub fn new(state: &State, desired: &Desired, artifacts: &BTreeMap<Address, Artifact>) -> Self {
        // Tables have keys of text in a stable order, so equal ones always become the same JSON.
        let entries = serde_json::to_string(&state.entries).unwrap_or_default();
        let mut spec = Sha256::new();
        for (address, resource) in &desired.resources {
            let inputs: Table = resource
                .inputs
                .iter()
                .filter(|(key, _)| !BUILT_KEYS.contains(&key.as_str()))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            spec.update(format!("{address} {} {}\n", resource.protect, stored(&Value::Table(inputs))));
        }
        spec.update(stored(&Value::Table(desired.outputs.clone())).to_string());
        let artifacts = artifacts.iter().map(|(address, artifact)| (address.to_string(), artifact.content_hash.clone())).collect();
        Self { state: digest(&entries), spec: format!("sha256:{:x}", spec.finalize()), artifacts }
    }
}

impl SavedPlan {
    /// What is saved of a plan: no secret, wherever it lives, since what is applied is planned anew and only compared with this.
    pub fn new(plan: &Plan, state: &State, basis: &Basis, config: &Path, wish: SavedWish, scrubber: &Scrubber) -> Self {
        let (steps, operations, outputs) = without_secrets(plan, scrubber);
        Self {
            format: FORMAT,
            lineage: state.lineage.clone(),
            serial: state.serial,
            project: plan.project.clone(),
            stage: plan.stage.clone(),
            target: plan.target.clone(),
            endpoint: state.endpoint.clone(),
            config: config.display().to_string(),
            wish,
            basis: basis.clone(),
            steps,
            operations,
            outputs,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Exit::Usage`] for what cannot be read or is not a saved plan of this format.
    pub fn read(file: &Path) -> Result<Self, Failure> {
        let bytes = named_file::read(file).map_err(|error| unreadable(file, format!("The system says: {error}.")))?;
        Self::parse(&String::from_utf8_lossy(&bytes)).map_err(|detail| unreadable(file, detail))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let json: serde_json::Value =
            serde_json::from_str(text).map_err(|error| format!("It is no JSON, or its end is missing: {error}."))?;
        match json.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => return Err(format!("Its format is {format}, but this version of lambdo reads {FORMAT}.")),
            None => return Err("It was not written by `lambdo plan --out`.".into()),
        }
        let serde_json::Value::Object(mut fields) = json else { return Err("It was not written by `lambdo plan --out`.".into()) };
        let written = fields.remove(DIGEST);
        let plan = serde_json::Value::Object(fields);
        if written.as_ref().and_then(serde_json::Value::as_str) != Some(&digest(&plan.to_string())) {
            return Err("It was changed since `lambdo plan --out` wrote it, so that nobody has seen what it would do.".into());
        }
        serde_json::from_value(plan).map_err(|error| format!("It is damaged: {error}."))
    }

    /// The file's text, with a digest of itself.
    ///
    /// # Errors
    /// A sentence of serde's; does not happen for plans that the planner makes.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let mut json = serde_json::to_value(self)?;
        let digest = digest(&json.to_string());
        if let serde_json::Value::Object(fields) = &mut json {
            fields.insert(DIGEST.into(), digest.into());
        }
        serde_json::to_string_pretty(&json)
    }

    /// Writes the file so that nobody else can read it: environments may hold what is not for everybody.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        let text = self.to_text()?;
        private(file)?.write_all(text.as_bytes())
    }

    /// Whether it was made before anything was deployed and `state` is still as empty: then each
    /// run makes up a lineage, and the plan's is the one to take.
    pub fn gives_lineage_to(&self, state: &State) -> bool {
        self.serial == 0 && state.serial == 0 && state.entries.is_empty() && state.intents.is_empty()
    }

    /// Refuses when anything that the plan builds on has moved, and names all of it.
    ///
    /// # Errors
    /// [`Exit::Refused`].
    pub fn check(&self, state: &State, basis: &Basis) -> Result<(), Failure> {
        let moved = self.moved(state, basis);
        if moved.is_empty() {
            return Ok(());
        }
        let hint = if state.intents.is_empty() { PLAN_AGAIN } else { "`lambdo up` without a saved plan settles them" };
        Err(stale(&moved.join("; "), hint))
    }

    /// Refuses when the same spec and the same state lead to another plan now, since AWS is not what it was.
    ///
    /// # Errors
    /// [`Exit::Refused`], with the resources concerned.
    pub fn check_plan(&self, plan: &Plan, scrubber: &Scrubber) -> Result<(), Failure> {
        let (steps, operations, outputs) = without_secrets(plan, scrubber);
        let then = Doings { steps: &self.steps, operations: &self.operations, outputs: &self.outputs };
        let now = Doings { steps: &steps, operations: &operations, outputs: &outputs };
        let Some(whom) = then.moved_to(&now, &plan.refusals) else { return Ok(()) };
        Err(stale(&format!("AWS was changed, so that another plan is needed for {whom}"), PLAN_AGAIN))
    }

    fn moved(&self, state: &State, basis: &Basis) -> Vec<String> {
        let name = |stage: &Option<String>| stage.clone().unwrap_or_else(|| "none".into());
        let endpoint = |endpoint: &Option<String>| endpoint.clone().unwrap_or_else(|| "AWS itself".into());
        let facts = [
            ("the project", self.project.clone(), state.project.clone()),
            ("the stage", name(&self.stage), name(&state.stage)),
            ("the state's lineage", self.lineage.to_string(), state.lineage.to_string()),
            ("the state's serial", self.serial.to_string(), state.serial.to_string()),
            ("the account", self.target.account.clone(), state.target.account.clone()),
            ("the region", self.target.region.clone(), state.target.region.clone()),
        ];
        let endpoints = (!is_same_endpoint(self.endpoint.as_deref(), state.endpoint.as_deref()))
            .then(|| ("the endpoint", endpoint(&self.endpoint), endpoint(&state.endpoint)));
        let different = facts.into_iter().chain(endpoints).filter(|(_, then, now)| then != now);
        let mut moved: Vec<String> = different.map(|(what, then, now)| format!("{what} went from `{then}` to `{now}`")).collect();
        // A serial that moved says it already.
        if self.serial == state.serial && self.lineage == state.lineage && self.basis.state != basis.state {
            moved.push("a run that was killed applied something".into());
        }
        let packages = self.basis.artifacts.iter().filter(|(address, hash)| basis.artifacts.get(*address) != Some(hash));
        moved.extend(packages.map(|(address, _)| format!("the package of `{address}` became another")));
        if self.basis.spec != basis.spec {
            moved.push("the spec came to ask for something else".into());
        }
        if !state.intents.is_empty() {
            moved.push("a run was killed and left operations open".into());
        }
        moved
    }
}

/// All that a plan would do.
#[derive(PartialEq)]
pub struct Doings<'a> {
    steps: &'a [Step],
    operations: &'a [Operation],
    outputs: &'a Table,
}

impl<'a> Doings<'a> {
    /// All that this plan would do.
    pub fn of(plan: &'a Plan) -> Self {
        Self { steps: &plan.steps, operations: &plan.operations, outputs: &plan.outputs }
    }

    /// For which resources a plan that was made later would do something else, or refuses anything.
    pub fn moved(&self, later: &Plan) -> Option<String> {
        self.moved_to(&Doings::of(later), &later.refusals)
    }

    fn moved_to(&self, later: &Doings<'_>, refusals: &[Refusal]) -> Option<String> {
        if self == later && refusals.is_empty() {
            return None;
        }
        let (then, now) = (self.by_address(), later.by_address());
        let addresses: BTreeSet<&Address> = then.keys().chain(now.keys()).copied().collect();
        let refused = refusals.iter().filter_map(|refusal| refusal.address.as_ref());
        let changed = addresses.into_iter().filter(|address| then.get(*address) != now.get(*address));
        let names: BTreeSet<String> = changed.chain(refused).map(|address| format!("`{address}`")).collect();
        let more = names.len().saturating_sub(NAMED_MAX);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let whom = names.into_iter().take(NAMED_MAX).collect::<Vec<_>>().join(", ");
        Some(if whom.is_empty() { "the order of the operations".to_owned() } else { whom + &more })
    }

    /// The step of each address, and what its operations send.
    fn by_address(&self) -> BTreeMap<&Address, (Option<&Step>, Vec<&Operation>)> {
        let mut all: BTreeMap<&Address, (Option<&Step>, Vec<&Operation>)> = BTreeMap::new();
        self.steps.iter().for_each(|step| all.entry(&step.address).or_default().0 = Some(step));
        self.operations.iter().for_each(|operation| all.entry(&operation.address).or_default().1.push(operation));
        all
    }
}

/// An empty file that only its owner can read, from before anything is written to it.
#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    const OWNER_ONLY: u32 = 0o600;
    let file = File::options().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(path)?;
    // One that was there keeps its mode otherwise; a pipe or a device is nobody's to change.
    if file.metadata()?.is_file() {
        file.set_permissions(std::fs::Permissions::from_mode(OWNER_ONLY))?;
    }
    Ok(file)
}

#[cfg(not(unix))]
fn private(path: &Path) -> std::io::Result<File> {
    File::create(path)
}

fn digest(text: &str) -> String {
    format!("sha256:{:x}", Sha256::digest(text))
}

/// The steps, operations and outputs of a plan as they may be kept: somebody may have copied a secret to where none is expected.
fn without_secrets(plan: &Plan, scrubber: &Scrubber) -> (Vec<Step>, Vec<Operation>, Table) {
    let clean = |value: &Option<Value>| value.as_ref().map(|value| scrubber.clean_value(value));
    let carry = |carry: &Carry| Carry { path: carry.path.clone(), value: clean(&carry.value) };
    let change = |change: &Change| Change {
        applied: clean(&change.applied),
        live: clean(&change.live),
        desired: clean(&change.desired),
        ..change.clone()
    };
    let facts = |facts: &EntryFacts| EntryFacts { attributes: scrubber.clean_table(&facts.attributes), ..facts.clone() };
    let step = |step: &Step| Step {
        changes: step.changes.iter().map(change).collect(),
        records: step.records.iter().map(carry).collect(),
        settles: step.settles.as_ref().map(facts),
        ..step.clone()
    };
    let operation = |operation: &Operation| Operation {
        arguments: scrubber.clean_table(&operation.arguments),
        carries: operation.carries.iter().map(carry).collect(),
        ..operation.clone()
    };
    let (steps, operations) = (plan.steps.iter().map(step).collect(), plan.operations.iter().map(operation).collect());
    (steps, operations, scrubber.clean_table(&plan.outputs))
}

fn stale(moved: &str, hint: &str) -> Failure {
    let diagnostic = Diagnostic::error("saved-plan-stale", "The saved plan is stale")
        .detail(format!("Since it was made, {moved}. Nothing was changed."))
        .hint(hint);
    Failure::new(Exit::Refused, diagnostic)
}

fn unreadable(file: &Path, detail: String) -> Failure {
    let diagnostic = Diagnostic::error("saved-plan-unreadable", "The saved plan cannot be read")
        .detail(format!("`{}`: {detail} Nothing was changed.", file_name(file)))
        .hint(PLAN_AGAIN);
    Failure::new(Exit::Usage, diagnostic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures;
    use crate::model::Form;

    fn artifacts(hash: &str) -> BTreeMap<Address, Artifact> {
        [(Address::new("function", "hash"), Artifact { content_hash: hash.into(), form: Form::Zip, unzipped_bytes: 1, files: 1 })].into()
    }

    fn desired(state: &State) -> Desired {
        Desired::as_applied(state)
    }

    fn basis(state: &State, hash: &str) -> Basis {
        Basis::new(state, &desired(state), &artifacts(hash))
    }

    fn saved() -> (SavedPlan, State) {
        let mut state = fixtures::state();
        state.intents.clear();
        let mut plan = fixtures::every_action();
        plan.stage = state.stage.clone();
        (SavedPlan::new(&plan, &state, &basis(&state, "a"), Path::new("config.toml"), SavedWish::default(), &Scrubber::default()), state)
    }

    #[test]
    fn a_saved_plan_reads_back_as_it_was() {
        let (saved, _) = saved();
        let back = SavedPlan::parse(&saved.to_text().unwrap()).unwrap();
        assert_eq!(back, saved);
        assert_eq!(back.check_plan(&fixtures::every_action(), &Scrubber::default()), Ok(()));
    }

    #[test]
    fn what_is_not_a_saved_plan_is_refused() {
        let text = saved().0.to_text().unwrap();
        let newer = text.replacen("\"format\": 1", "\"format\": 2", 1);
        let edited = text.replacen("eu-central-1", "eu-central-2", 1);
        let cut = &text[..text.len() / 2];
        for (text, sentence) in [
            ("x", "no JSON"),
            ("", "no JSON"),
            (cut, "its end is missing"),
            ("[]", "not written by"),
            ("{}", "not written by"),
            (r#"{"format_version":"1.2","terraform_version":"1.9.0"}"#, "not written by"),
            (newer.as_str(), "format is 2"),
            (edited.as_str(), "was changed since"),
            (r#"{"format":1}"#, "was changed since"),
        ] {
            let error = SavedPlan::parse(text).unwrap_err();
            assert!(error.contains(sentence), "{error}");
        }
        let failure = SavedPlan::read(Path::new("/nowhere/plan")).unwrap_err();
        assert!(failure.exit == Exit::Usage && failure.diagnostics[0].detail.contains("`/nowhere/plan`"), "{failure:?}");
    }

    #[test]
    fn anything_that_moved_makes_it_stale() {
        let (saved, state) = saved();
        assert_eq!(saved.check(&state, &basis(&state, "a")), Ok(()));
        type Move = fn(&mut State);
        let changes: [(&str, Move); 7] = [
            ("lineage", |state| state.lineage.0.push('x')),
            ("serial", |state| state.serial += 1),
            ("account", |state| state.target.account = "000000000000".into()),
            ("region", |state| state.target.region = "us-east-1".into()),
            ("endpoint", |state| state.endpoint = Some("http://localhost".into())),
            ("killed applied", |state| state.entries.clear()),
            ("killed", |state| state.intents = fixtures::state().intents),
        ];
        for (what, change) in changes {
            let mut moved = state.clone();
            change(&mut moved);
            let failure = saved.check(&moved, &basis(&moved, "a")).unwrap_err();
            assert!(failure.exit == Exit::Refused && failure.diagnostics[0].detail.contains(what), "{failure:?}");
        }
        assert!(saved.check(&state, &basis(&state, "b")).unwrap_err().diagnostics[0].detail.contains("package of `function.hash`"));
        assert!(saved.check(&state, &Basis::new(&state, &desired(&state), &BTreeMap::new())).is_err());
        let mut other = desired(&state);
        other.resources.values_mut().next().unwrap().inputs.insert("memory_size".into(), 4_096.into());
        let failure = saved.check(&state, &Basis::new(&state, &other, &artifacts("a"))).unwrap_err();
        assert!(failure.diagnostics[0].detail.contains("the spec came to ask for something else"), "{failure:?}");
    }

    #[test]
    fn another_plan_of_the_same_spec_and_state_means_that_aws_moved() {
        let (saved, _) = saved();
        let mut plan = fixtures::every_action();
        plan.steps[3].changes[0].live = Some(1_024.into());
        let failure = saved.check_plan(&plan, &Scrubber::default()).unwrap_err();
        insta::assert_snapshot!(failure.diagnostics[0].detail, @"Since it was made, AWS was changed, so that another plan is needed for `function.hash`. Nothing was changed.");
        assert_eq!(failure.exit, Exit::Refused);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_alone_also_where_one_stood_before() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plan.json");
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        saved().0.write(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(SavedPlan::read(&file), Ok(saved().0));
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_read_or_refused(at in proptest::prelude::any::<proptest::sample::Index>(), odd in ".{0,6}", length in 0_usize..20, is_cut: bool) {
            let text = saved().0.to_text().unwrap();
            let start = text.floor_char_boundary(at.index(text.len()));
            let end = if is_cut { text.len() } else { text.ceil_char_boundary((start + length).min(text.len())) };
            let (mut other, same) = (text.clone(), text[start..end] == odd);
            other.replace_range(start..end, &odd);
            // What was changed is refused, unless only the blanks between its words were.
            proptest::prop_assert!(same || SavedPlan::parse(&other).is_err() || SavedPlan::parse(&other) == Ok(saved().0));
        }
    }

    #[test]
    fn only_a_state_that_is_still_empty_takes_the_plans_lineage() {
        let (mut saved, mut state) = saved();
        (saved.serial, state.serial) = (0, 0);
        assert!(!saved.gives_lineage_to(&state));
        state.entries.clear();
        assert!(saved.gives_lineage_to(&state));
        state.serial = 1;
        assert!(!saved.gives_lineage_to(&state));
    }
}

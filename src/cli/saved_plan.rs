//! The file of `plan --out`: a versioned format of its own.

use crate::diagnostic::Diagnostic;
use crate::model::{Artifact, Exit, Failure, Lineage, Operation, Plan, State, Step, Table, Target};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// The format that this version writes and reads.
const FORMAT: u32 = 1;

/// A plan with everything that must not have moved when it is applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedPlan {
    format: u32,
    /// The lineage of the state that it builds on.
    pub lineage: Lineage,
    /// The serial of the state that it builds on.
    pub serial: u64,
    /// What the state said then; the serial alone does not show what a killed run wrote to the journal.
    state_digest: String,
    project: String,
    stage: Option<String>,
    #[serde(flatten)]
    target: Target,
    endpoint: Option<String>,
    config: String,
    /// The content hash of each package, by function.
    pub artifacts: BTreeMap<String, String>,
    steps: Vec<Step>,
    operations: Vec<Operation>,
    outputs: Table,
}

impl SavedPlan {
    /// What is saved of a plan.
    ///
    /// `state_digest` is the [`digest`] of the state as it was read, before the plan settled anything in it.
    pub fn new(plan: &Plan, state: &State, state_digest: &str, config: &Path, artifacts: &BTreeMap<String, Artifact>) -> Self {
        Self {
            format: FORMAT,
            lineage: state.lineage.clone(),
            serial: state.serial,
            state_digest: state_digest.to_owned(),
            project: plan.project.clone(),
            stage: plan.stage.clone(),
            target: plan.target.clone(),
            endpoint: state.endpoint.clone(),
            config: config.display().to_string(),
            artifacts: hashes(artifacts),
            steps: plan.steps.clone(),
            operations: plan.operations.clone(),
            outputs: plan.outputs.clone(),
        }
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// [`Exit::Usage`] for what is not a saved plan of this format.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let unreadable = |detail: String| {
            Failure::new(Exit::Usage, Diagnostic::error("saved-plan-unreadable", "The saved plan cannot be read").detail(detail))
        };
        let json: serde_json::Value = serde_json::from_str(text).map_err(|error| unreadable(format!("It is not JSON: {error}.")))?;
        match json.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => {
                return Err(unreadable(format!("Its format is {format}, but this version of lambdo reads {FORMAT}. Plan again.")));
            }
            None => return Err(unreadable("It was not written by `lambdo plan --out`.".into())),
        }
        serde_json::from_value(json).map_err(|error| unreadable(format!("It is damaged: {error}.")))
    }

    /// The file's text.
    ///
    /// # Errors
    /// A sentence of serde's; does not happen for plans that the planner makes.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }

    /// Writes the file so that nobody else can read it: environments may hold what is not for everybody.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        let text = self.to_text()?;
        private(file)?.write_all(text.as_bytes())
    }

    /// The plan to be applied.
    pub fn plan(&self) -> Plan {
        Plan {
            project: self.project.clone(),
            stage: self.stage.clone(),
            target: self.target.clone(),
            steps: self.steps.clone(),
            operations: self.operations.clone(),
            outputs: self.outputs.clone(),
            unchecked: Vec::new(),
            not_deep: Vec::new(),
            refusals: Vec::new(),
            notes: Vec::new(),
        }
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
    pub fn check(&self, state: &State, artifacts: &BTreeMap<String, Artifact>) -> Result<(), Failure> {
        let moved = self.moved(state, artifacts);
        if moved.is_empty() {
            return Ok(());
        }
        let diagnostic = Diagnostic::error("saved-plan-stale", "The saved plan is stale")
            .detail(format!("Since it was made, {}.", moved.join("; ")))
            .hint(if state.intents.is_empty() {
                "plan again: `lambdo plan --out FILE`"
            } else {
                "`lambdo up` without a saved plan settles them"
            });
        Err(Failure::new(Exit::Refused, diagnostic))
    }

    fn moved(&self, state: &State, artifacts: &BTreeMap<String, Artifact>) -> Vec<String> {
        let name = |stage: &Option<String>| stage.clone().unwrap_or_else(|| "none".into());
        let endpoint = |endpoint: &Option<String>| endpoint.clone().unwrap_or_else(|| "AWS itself".into());
        let facts = [
            ("the project", self.project.clone(), state.project.clone()),
            ("the stage", name(&self.stage), name(&state.stage)),
            ("the state's lineage", self.lineage.to_string(), state.lineage.to_string()),
            ("the state's serial", self.serial.to_string(), state.serial.to_string()),
            ("the account", self.target.account.clone(), state.target.account.clone()),
            ("the region", self.target.region.clone(), state.target.region.clone()),
            ("the endpoint", endpoint(&self.endpoint), endpoint(&state.endpoint)),
        ];
        let different = facts.into_iter().filter(|(_, then, now)| then != now);
        let mut moved: Vec<String> = different.map(|(what, then, now)| format!("{what} went from `{then}` to `{now}`")).collect();
        // A serial that moved says it already.
        if self.serial == state.serial && self.lineage == state.lineage && self.state_digest != digest(state) {
            moved.push("a run that was killed applied something".into());
        }
        let now = hashes(artifacts);
        let packages = self.artifacts.iter().filter(|(function, hash)| now.get(*function) != Some(hash));
        moved.extend(packages.map(|(function, _)| format!("the package of `{function}` became another")));
        if !state.intents.is_empty() {
            moved.push("a run was killed and left operations open".into());
        }
        moved
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

/// The SHA-256 of what the state says about its resources.
pub fn digest(state: &State) -> String {
    // Entries are maps with keys of text in a stable order, so they always become the same JSON.
    let text = serde_json::to_string(&state.entries).unwrap_or_default();
    format!("sha256:{:x}", Sha256::digest(text))
}

fn hashes(artifacts: &BTreeMap<String, Artifact>) -> BTreeMap<String, String> {
    artifacts.iter().map(|(function, artifact)| (function.clone(), artifact.content_hash.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures;

    fn artifacts(hash: &str) -> BTreeMap<String, Artifact> {
        [("hash".to_owned(), Artifact { content_hash: hash.into(), unzipped_bytes: 1, files: 1 })].into()
    }

    fn saved() -> (SavedPlan, State) {
        let mut state = fixtures::state();
        state.intents.clear();
        let mut plan = fixtures::every_action();
        plan.stage = state.stage.clone();
        (SavedPlan::new(&plan, &state, &digest(&state), Path::new("config.toml"), &artifacts("a")), state)
    }

    #[test]
    fn a_saved_plan_reads_back_as_it_was() {
        let (saved, _) = saved();
        let back = SavedPlan::parse(&saved.to_text().unwrap()).unwrap();
        assert_eq!(back, saved);
        assert_eq!(back.plan().operations, fixtures::every_action().operations);
    }

    #[test]
    fn what_is_not_a_saved_plan_is_refused() {
        let newer = saved().0.to_text().unwrap().replacen("\"format\": 1", "\"format\": 2", 1);
        for (text, sentence) in
            [("x", "not JSON"), ("{}", "not written by"), (newer.as_str(), "format is 2"), (r#"{"format":1}"#, "damaged")]
        {
            let failure = SavedPlan::parse(text).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(failure.diagnostics[0].detail.contains(sentence), "{failure:?}");
        }
    }

    #[test]
    fn anything_that_moved_makes_it_stale() {
        let (saved, state) = saved();
        assert_eq!(saved.check(&state, &artifacts("a")), Ok(()));
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
            let failure = saved.check(&moved, &artifacts("a")).unwrap_err();
            assert!(failure.exit == Exit::Refused && failure.diagnostics[0].detail.contains(what), "{failure:?}");
        }
        assert!(saved.check(&state, &artifacts("b")).unwrap_err().diagnostics[0].detail.contains("package of `hash`"));
        assert!(saved.check(&state, &BTreeMap::new()).is_err());
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
        assert_eq!(SavedPlan::parse(&std::fs::read_to_string(&file).unwrap()), Ok(saved().0));
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

//! What `plan` and `up` have in common: build, connect, lower, plan.

use super::places;
use super::premises::Premises;
use crate::cli::args::Selection;
use crate::cli::local;
use crate::cli::saved_plan::{Basis, SavedPlan};
use crate::cli::signals::unless_interrupted;
use crate::cli::workspace::{Config, Connection, Workspace};
use crate::diagnostic::{Diagnostic, Severity, nearest};
use crate::engine::{PlanOptions, not_looked_up};
use crate::kinds::{Kind, Place};
use crate::model::{
    Address, Change, Desired, Exit, Failure, Move, PackageRequest, Path, Plan, RulesSet, SourceChanges, State, Step, Value, left_whole,
};
use crate::package::{self, Own, Packages};
use crate::spec::{self, Checked, Header, Spec};
use crate::store::Lease;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use tokio::sync::Notify;

/// Where packages that were built are kept, below the state's folder.
const BUILD_FOLDER: &str = "build";

/// What the user asked of a deployment.
pub struct Wish<'a> {
    /// Which part of the project.
    pub selection: &'a Selection,
    /// Whether packages are built, or the last ones used.
    pub build: bool,
    /// Whether settings that cost a call each are read.
    pub deep: bool,
    /// What is taken over.
    pub adopt: &'a [Address],
    /// Whether what is missing in AWS is made again even where that is everything.
    pub recreate: bool,
    /// A plan that was saved before; nothing that it builds on may have moved.
    pub saved: Option<&'a SavedPlan>,
    /// Takes the lock for this command before the state is read; none for one that only looks.
    pub lock: Option<&'a str>,
    /// Settings that are left as they are, this time.
    pub leave: &'a [(Address, Path)],
}

/// A deployment, ready to be shown and applied.
pub struct Deployment {
    /// The engine.
    pub connection: Connection,
    /// The state that the plan builds on.
    pub state: State,
    /// What a saved plan of it must find unmoved.
    pub basis: Basis,
    /// How long packages were made, in milliseconds.
    pub built_ms: u64,
    /// What would be done.
    pub plan: Plan,
    /// What that was made from.
    pub premises: Premises,
    /// The packages.
    pub packages: Packages,
    /// The lock, until it is dropped.
    pub lease: Option<Box<dyn Lease>>,
}

impl Wish<'_> {
    /// Reads the spec and says whatever is wrong with it or with the sources, before anybody is called; warnings are shown.
    ///
    /// # Errors
    /// [`Exit::Usage`] with everything that is wrong.
    pub fn check(&self, workspace: &Workspace, config: &Config) -> Result<Spec, Failure> {
        let Checked { spec, warnings, .. } = checked(workspace, config, &|address| Packing::is_selected(self.selection, address), false)?;
        tell_warnings(workspace, &spec, self.selection, &warnings);
        Ok(spec)
    }

    /// Builds, asks AWS who we are, then plans.
    ///
    /// # Errors
    /// Whatever keeps the plan from being made; nothing was changed then.
    pub async fn prepare(&self, workspace: &Workspace, spec: &Spec) -> Result<Deployment, Failure> {
        let packing = Packing { workspace, spec, build: self.build, keep_going: false };
        workspace.progress.go();
        let deployment = unless_interrupted(&workspace.interrupt, self.plan(&packing)).await;
        workspace.progress.rest();
        deployment
    }

    async fn plan(&self, packing: &Packing<'_>) -> Result<Deployment, Failure> {
        let selected = |address: &Address| Packing::is_selected(self.selection, address);
        let (packages, (connection, lease, mut state)) = packing.resolve_and_open(&selected, self.lock).await?;
        let built_ms = packing.workspace.progress.elapsed_ms();
        if let Some(saved) = self.saved.filter(|saved| saved.gives_lineage_to(&state)) {
            state.lineage = saved.lineage.clone();
        }
        let moves = packing.spec.carry_out_moves(&mut state);
        let (desired, packages) = self.lower(packing, packages, &state)?;
        unknown_adoption(self.adopt, &desired).map_or(Ok(()), Err)?;
        impossible_adoption(self.adopt, packing.workspace.registry.as_ref()).map_or(Ok(()), Err)?;
        let options = PlanOptions {
            deep: self.deep,
            functions: self.selection.names.clone(),
            targets: self.selection.targets.clone(),
            adopt: self.adopt.iter().cloned().collect(),
            // The local cloud has one account, and nothing in it is dear.
            recreate: self.recreate || packing.workspace.global.local,
            protected: protected_as_whole(packing.workspace, &packing.spec.header, &state)
                .filter(|address| !desired.resources.contains_key(address))
                .collect(),
            without: left_whole(self.leave),
            ..PlanOptions::default()
        };
        let needed = unbuilt(options.select(&desired, &state)?, &desired, &packages);
        let (desired, packages) = match needed {
            needed if needed.is_empty() => (desired, packages),
            needed => {
                let is_needed = |address: &Address| selected(address) || needed.contains(address);
                let packages = packing.resolve(&is_needed, &Notify::new()).await?;
                self.lower(packing, packages, &state)?
            }
        };
        let mut desired = self.with_secrets(packing, &connection, desired, &state, &options).await?;
        let basis = Basis::new(&state, &desired, &packages.artifacts);
        self.saved.map_or(Ok(()), |saved| saved.check(&state, &basis))?;
        let premises = Premises { desired: desired.clone(), state: state.clone(), options: options.clone() };
        let mut plan = connection.engine.plan_with(&mut desired, &mut state, &options, Some(&packages)).await?;
        plan.source_changes = source_changes(&plan, &packages);
        plan.unchecked.extend(not_looked_up(&desired, options.select(&desired, &state)?.as_ref()));
        plan.notes.extend(moves.into_iter().map(Move::note));
        self.saved.map_or(Ok(()), |saved| saved.check_plan(&plan, packing.workspace.ui.scrubber()))?;
        Ok(Deployment { connection, state, basis, built_ms, plan, premises, packages, lease })
    }

    /// Looks up the secrets of what was asked for. A plan does without those that cannot be had: whoever plans need not
    /// be the one who may read them.
    async fn with_secrets(
        &self,
        packing: &Packing<'_>,
        connection: &Connection,
        mut desired: Desired,
        state: &State,
        options: &PlanOptions,
    ) -> Result<Desired, Failure> {
        let only = options.select(&desired, state)?;
        let folder = &packing.spec.header.folder;
        let told = connection.engine.look_up(&mut desired, only.as_ref(), folder).await;
        let (problems, warnings): (Vec<_>, Vec<_>) = places::of_secrets(packing.spec, told).into_iter().partition(Diagnostic::is_error);
        packing.workspace.ui.diagnostics(&warnings);
        if self.lock.is_some() && !problems.is_empty() {
            return Err(Failure { exit: Exit::Failed, diagnostics: problems });
        }
        let warning = |problem: Diagnostic| {
            let hint = "it is taken for what was applied; `lambdo up` has to look it up";
            Diagnostic { severity: Severity::Warning, ..problem }.hint(hint)
        };
        packing.workspace.ui.diagnostics(&problems.into_iter().map(warning).collect::<Vec<_>>());
        Ok(desired)
    }

    fn lower(&self, packing: &Packing<'_>, packages: Packages, state: &State) -> Result<(Desired, Packages), Failure> {
        let spec = packing.spec.keeping_names(state);
        let mut desired = spec::lower(&spec, &state.target, &packages.artifacts, &packing.workspace.registry).map_err(Failure::from)?;
        desired.leave_alone(self.leave);
        Ok((desired, packages))
    }
}

/// A mistyped address would leave the question of whose a resource is unanswered.
fn unknown_adoption(adopt: &[Address], desired: &Desired) -> Option<Failure> {
    let names: Vec<String> = desired.resources.keys().map(ToString::to_string).collect();
    let unknown = |address: &Address| {
        let unknown = Diagnostic::error("unknown-address", "Nothing to adopt")
            .detail(format!("`--adopt {address}` was given, but the spec has no `{address}`."));
        match nearest(&address.to_string(), names.iter().map(String::as_str)) {
            Some(near) => unknown.hint(format!("did you mean `{near}`?")),
            None => unknown.hint("`lambdo plan` lists the addresses of the spec"),
        }
    };
    let diagnostics: Vec<Diagnostic> = adopt.iter().filter(|address| !desired.resources.contains_key(*address)).map(unknown).collect();
    (!diagnostics.is_empty()).then_some(Failure { exit: Exit::Usage, diagnostics })
}

/// What cannot be marked as taken over would be somebody else's again for the next run.
fn impossible_adoption(adopt: &[Address], rules: &dyn RulesSet) -> Option<Failure> {
    let refused = |address: &Address| {
        let hint = rules.rules(&address.kind)?.instead_of_adopting()?;
        let told = Diagnostic::error("cannot-adopt", "It cannot be adopted");
        Some(told.detail(format!("`--adopt {address}` was given, but a {} is never taken over.", address.kind)).hint(hint))
    };
    let diagnostics: Vec<Diagnostic> = adopt.iter().filter_map(refused).collect();
    (!diagnostics.is_empty()).then_some(Failure { exit: Exit::Usage, diagnostics })
}

/// Why packages are not what was applied, as far as it is known.
fn source_changes(plan: &Plan, packages: &Packages) -> BTreeMap<Address, SourceChanges> {
    let of_step = |step: &Step| {
        let hash = packages.artifacts.get(&step.address)?.content_hash.as_str();
        let is_package = |change: &&Change| change.desired.as_ref().and_then(Value::as_str).map(content_hash) == Some(hash);
        let applied = step.changes.iter().find(is_package)?.applied.as_ref()?.as_str()?;
        let changes = packages.changes(&step.address, content_hash(applied));
        (!changes.is_empty()).then(|| (step.address.clone(), changes))
    };
    plan.steps.iter().filter_map(of_step).collect()
}

/// The content hash in what a function has as its code: an image is named with its repository before it.
pub fn content_hash(code: &str) -> &str {
    code.split_once('@').map_or(code, |(_, digest)| digest)
}

/// Whose packages the selection needs, though the user did not name them, and are not there yet.
fn unbuilt(only: Option<BTreeSet<Address>>, desired: &Desired, packages: &Packages) -> BTreeSet<Address> {
    let is_wanted = |address: &Address| ["function", "layer"].contains(&address.kind.as_str()) && desired.resources.contains_key(address);
    only.unwrap_or_default().into_iter().filter(is_wanted).filter(|address| !packages.artifacts.contains_key(address)).collect()
}

/// An engine, the lock where one was taken, and the state.
pub type Opened = (Connection, Option<Box<dyn Lease>>, State);

/// Asks AWS who we are, takes the lock and reads the state.
///
/// # Errors
/// Whatever keeps one of these from being done.
pub async fn open(workspace: &Workspace, header: &Header, lock: Option<&str>) -> Result<Opened, Failure> {
    let connection = workspace.connect(header).await?;
    let lease = match lock {
        Some(operation) => Some(connection.engine.lock(operation, workspace.lock_wait()).await?),
        None => None,
    };
    let state = connection.engine.load(&header.project, header.stage.as_deref()).await?;
    workspace.progress.record().iter().for_each(|record| record.connected(&state));
    Ok((connection, lease, state))
}

/// What lasts or has a section of its own and was applied, where the spec is protected as a whole: also what no section
/// describes any more, and what may be made anew, but not go.
pub fn protected_as_whole(workspace: &Workspace, header: &Header, state: &State) -> impl Iterator<Item = Address> {
    let is_meant = |kind: &dyn Kind| kind.is_taggable() || kind.places().contains(&Place::TopLevel);
    let is_kept = move |kind: &str| header.protect && workspace.registry.find(kind).is_some_and(is_meant);
    state.entries.keys().filter(move |address| is_kept(&address.kind)).cloned()
}

/// Reads the spec and checks everything that can be known without building and without AWS. Packages are
/// looked at for the functions that `is_wanted` accepts; `is_made_later` as in [`package::check`].
///
/// # Errors
/// [`Exit::Usage`] with everything that is wrong, and the warnings.
pub fn checked(
    workspace: &Workspace,
    config: &Config,
    is_wanted: &dyn Fn(&Address) -> bool,
    is_made_later: bool,
) -> Result<Checked, Failure> {
    workspace.checked(config, &|spec| {
        let requests = spec.packages().into_iter().filter(|request| is_wanted(&request.address)).collect();
        let (cache, own) = (cache(workspace, spec), own(workspace, spec));
        let checked = Notify::new();
        let options = options(workspace, spec, (&cache, &own), (false, false), &checked);
        places::of_packages(spec, package::check(requests, &options, is_made_later))
    })
}

fn cache(workspace: &Workspace, spec: &Spec) -> PathBuf {
    workspace.state_folder(&spec.header).join(BUILD_FOLDER)
}

/// What belongs to no package.
fn own(workspace: &Workspace, spec: &Spec) -> Own {
    package::own(workspace.state_folders(&spec.header), workspace.config_path(), spec.packages(), &spec.header.folder)
}

fn options<'a>(
    workspace: &Workspace,
    spec: &'a Spec,
    (cache, own): (&'a std::path::Path, &'a Own),
    (build, keep_going): (bool, bool),
    checked: &'a Notify,
) -> package::Options<'a> {
    package::Options {
        folder: &spec.header.folder,
        cache,
        own,
        build,
        keep_going,
        for_this_machine: workspace.global.local,
        has_code_bucket: spec.header.aws.code_bucket.is_some(),
        events: workspace.events(),
        checked,
    }
}

/// Shows the warnings of a spec, but not those that are about functions that are not selected.
pub fn tell_warnings(workspace: &Workspace, spec: &Spec, selection: &Selection, warnings: &[Diagnostic]) {
    let concerns = |one: &&Diagnostic| {
        let address = one.address.as_deref().and_then(|address| address.parse::<Address>().ok());
        let function = address.and_then(|address| spec.functions().find(|function| function.name == address.name));
        function.is_none_or(|function| Packing::is_selected(selection, &Address::new(&function.kind, &function.name)))
    };
    workspace.ui.diagnostics(&warnings.iter().filter(concerns).cloned().collect::<Vec<_>>());
}

/// Makes packages.
pub struct Packing<'a> {
    /// Events and folders.
    pub workspace: &'a Workspace,
    /// The spec that asks for them.
    pub spec: &'a Spec,
    /// Whether to build, or to use the last build.
    pub build: bool,
    /// Whether the other builds go on when one has failed.
    pub keep_going: bool,
}

impl Packing<'_> {
    /// The packages, and at the same time all of [`open`], from the moment on at which only builds are left: that
    /// nobody gets in is known before minutes of building, which then stops.
    ///
    /// # Errors
    /// Those of [`Packing::resolve`] and [`open`], whichever comes first.
    pub async fn resolve_and_open(&self, is_wanted: &dyn Fn(&Address) -> bool, lock: Option<&str>) -> Result<(Packages, Opened), Failure> {
        let checked = Notify::new();
        let opening = async {
            checked.notified().await;
            open(self.workspace, &self.spec.header, lock).await
        };
        tokio::try_join!(self.resolve(is_wanted, &checked), opening)
    }

    /// The packages of the functions that `is_wanted` accepts. `checked` is told when only builds are left to do.
    ///
    /// # Errors
    /// [`Exit::Usage`] or [`Exit::Failed`] with everything that went wrong.
    pub async fn resolve(&self, is_wanted: &dyn Fn(&Address) -> bool, checked: &Notify) -> Result<Packages, Failure> {
        let requests: Vec<_> = self.spec.packages().into_iter().filter(|request| is_wanted(&request.address)).collect();
        let built: Vec<(Address, String)> =
            requests.iter().filter(|request| request.is_built()).map(|request| (request.address.clone(), request.shown())).collect();
        let (cache, own) = (cache(self.workspace, self.spec), own(self.workspace, self.spec));
        let options = options(self.workspace, self.spec, (&cache, &own), (self.build, self.keep_going), checked);
        let made = package::resolve(requests, &options).await;
        let packages = made.map_err(|found| {
            let diagnostics = places::of_packages(self.spec, found);
            // A build that fails is the build's fault; everything else is a wrong word in the spec.
            let exit = if diagnostics.iter().any(package::is_build_failure) { Exit::Failed } else { Exit::Usage };
            Failure { exit, diagnostics }
        })?;
        let is_new = |address: &Address| packages.makings.get(address).is_some_and(|making| !making.is_cached);
        self.tell_of_this_machine(built.into_iter().filter(|(address, _)| is_new(address)).map(|(_, shown)| shown).collect());
        self.workspace.ui.diagnostics(&places::of_packages(self.spec, packages.diagnostics.clone()));
        Ok(packages)
    }

    /// Under `--local` what the spec says of processors does not hold for what is built, which is worth a line when it is.
    fn tell_of_this_machine(&self, names: Vec<String>) {
        if self.workspace.global.local && !names.is_empty() {
            self.workspace.ui.status(&format!("Built for this machine ({}): {}", local::architecture(), names.join(", ")));
        }
    }

    /// Whether the user means this function, or whatever else has a package.
    pub fn is_selected(selection: &Selection, address: &Address) -> bool {
        let is_everything = selection.names.is_empty() && selection.targets.is_empty();
        let is_match = |pattern: &String| Path::key(&address.name).is_covered_by(&Path::key(pattern));
        let is_function = address.kind == "function";
        let is_layer = |pattern: &String| address.kind == "layer" && *pattern == address.to_string();
        let is_named = selection.names.iter().any(|pattern| is_layer(pattern) || (is_function && is_match(pattern)));
        // A function's image is known once it is made.
        let is_target = |target: &Address| target == address || (is_function && *target == Address::new("image", &address.name));
        is_everything || is_named || selection.targets.iter().any(is_target)
    }

    /// Refuses `build` for names that no function and no layer has, before anything is built. A layer is named by its
    /// address.
    ///
    /// # Errors
    /// [`Exit::Usage`], with the nearest name.
    pub fn check_names(&self, selection: &Selection) -> Result<(), Failure> {
        let names: Vec<String> = self.spec.packages().iter().map(PackageRequest::shown).collect();
        unmatched(&selection.names, &names).map_or(Ok(()), Err)
    }
}

/// Says which names and globs no function has, with the nearest.
pub fn unmatched(patterns: &[String], functions: &[String]) -> Option<Failure> {
    let matches = |pattern: &str| functions.iter().any(|function| Path::key(function).is_covered_by(&Path::key(pattern)));
    let unknown = |pattern: &String| {
        let unknown = Diagnostic::error("unknown-name", "No such function").detail(format!("No function is called `{pattern}`."));
        match nearest(pattern, functions.iter().map(String::as_str)) {
            Some(near) => unknown.hint(format!("did you mean `{near}`?")),
            None => unknown,
        }
    };
    let diagnostics: Vec<Diagnostic> = patterns.iter().filter(|pattern| !matches(pattern)).map(unknown).collect();
    (!diagnostics.is_empty()).then_some(Failure { exit: Exit::Usage, diagnostics })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_globs_and_targets_select_functions() {
        let selection = |names: &[&str], targets: &[&str]| Selection {
            names: names.iter().map(ToString::to_string).collect(),
            targets: targets.iter().map(|target| target.parse().unwrap()).collect(),
        };
        for (names, targets, is_selected) in [
            (&[][..], &[][..], true),
            (&["hash"], &[], true),
            (&["h*"], &[], true),
            (&["other"], &[], false),
            (&[], &["function.hash"], true),
            (&[], &["image.hash"], true),
            (&[], &["image.other"], false),
            (&[], &["role.hash"], false),
        ] {
            assert_eq!(
                Packing::is_selected(&selection(names, targets), &Address::new("function", "hash")),
                is_selected,
                "{names:?} {targets:?}"
            );
        }
    }

    #[test]
    fn only_what_the_spec_has_is_adopted() {
        let mut desired = Desired::nothing("demo", None);
        let hash = Address::new("role", "hash");
        desired.resources.insert(hash.clone(), crate::model::Resource::new(hash.clone(), "demo-hash"));
        assert_eq!(unknown_adoption(&[hash], &desired), None);
        let failure = unknown_adoption(&[Address::new("role", "hahs"), Address::new("function", "x")], &desired).unwrap();
        assert_eq!((failure.exit, failure.diagnostics.len()), (Exit::Usage, 2));
        assert_eq!(failure.diagnostics[0].hints, ["did you mean `role.hash`?"]);
    }

    #[test]
    fn what_cannot_be_marked_is_not_adopted() {
        let registry = crate::kinds::Registry::new();
        assert_eq!(impossible_adoption(&[Address::new("role", "hash")], &registry), None);
        let failure = impossible_adoption(&[Address::new("role", "hash"), Address::new("layer", "t")], &registry).unwrap();
        assert_eq!((failure.exit, failure.diagnostics.len()), (Exit::Usage, 1));
        assert_eq!(failure.diagnostics[0].detail, "`--adopt layer.t` was given, but a layer is never taken over.");
        assert!(failure.diagnostics[0].hints[0].contains("`layer_name`"), "{failure:?}");
    }

    #[test]
    fn every_name_that_matches_nothing_is_reported_with_the_nearest() {
        let functions = ["hash".to_owned(), "log-cleanup".to_owned()];
        let failure = unmatched(&["hahs".to_owned(), "log-*".to_owned(), "x-*".to_owned()], &functions).unwrap();
        let hints: Vec<&[String]> = failure.diagnostics.iter().map(|one| one.hints.as_slice()).collect();
        assert_eq!(hints, [&["did you mean `hash`?".to_owned()][..], &[]]);
        assert_eq!(failure.exit, Exit::Usage);
    }
}

//! `lambdo drift --accept`: what lives in AWS becomes the wish. AWS is only read; the spec and the state are written.

use super::deploy::open;
use super::drift::{selected, settings};
use super::import::lowered;
use super::run::ask;
use crate::cli::args::{DriftArguments, Format};
use crate::cli::render::file_name;
use crate::cli::signals::unless_interrupted;
use crate::cli::view::{AcceptView, Accepted, Refused, human, json};
use crate::cli::workspace::{Config, Workspace};
use crate::diagnostic::Diagnostic;
use crate::engine::{DriftWish, save};
use crate::model::value::at;
use crate::model::{
    Address, Carry, Cause, Change, Compare, Desired, DriftReport, Effect, Exit, Extra, ExtraClass, Failure, IgnorePattern, Path, Reason,
    RulesSet, State, Step, field,
};
use crate::spec::Spec;
use std::io::{ErrorKind, Write as _};

/// Why nothing is taken from what another one has by now.
const SOMEBODY_ELSES: &str = "it is somebody else's by now, as `lambdo plan` says";
/// What locks say of it.
const VERB: &str = "drift --accept";

/// Writes the live values that `pattern` covers into the spec and into the state.
pub async fn run(workspace: &Workspace, config: &Config, arguments: &DriftArguments, pattern: &IgnorePattern) -> Result<Exit, Failure> {
    let spec = workspace.spec(config)?;
    workspace.begin_record(&spec.header);
    let settings = settings(&spec.header.drift, arguments);
    workspace.progress.go();
    let work = async {
        let (connection, lease, mut state) = open(workspace, &spec.header, Some(VERB)).await?;
        let wish = DriftWish {
            settings: &settings,
            ignore: &arguments.ignore,
            plan: selected(arguments),
            folder: &spec.header.folder,
            wanted: None,
            before: None,
        };
        let report = connection.engine.check(&mut state, &wish).await?;
        Ok((lease, state, report))
    };
    let checked = unless_interrupted(&workspace.interrupt, work).await;
    workspace.progress.rest();
    let (lease, mut state, report) = checked?;
    let mut draft = Draft::new(workspace, config, spec, &state)?;
    draft.take(&report, pattern);
    let left = draft.refused.len() + number_of_others(&report, pattern);
    let file = file_name(&config.path);
    if !draft.accepted.is_empty() {
        if !arguments.yes {
            workspace.ui.view(&human::to_accept(&draft.view(&file), workspace.ui.width()));
            let question = format!("Write {} into `{file}`?", human::counted(draft.accepted.len(), "value"));
            ask(workspace, VERB, &question).await?;
        }
        draft.write()?;
        draft.record(&mut state);
        save(&workspace.store(&draft.spec.header), &mut state).await?;
    }
    drop(lease);
    let view = draft.view(&file);
    match workspace.ui.format() {
        Format::Json => workspace.document(json::accepted(&view)),
        // What was asked about stands above already.
        _ if !view.accepted.is_empty() && !arguments.yes => workspace.ui.view(&human::accepted_total(&view)),
        Format::Human | Format::Markdown => workspace.ui.view(&human::accepted(&view, workspace.ui.width())),
    }
    Ok(if left == 0 { Exit::Success } else { Exit::Drift })
}

/// What drifted and was not meant. A resource that is gone, or somebody else's by now, counts as one: no single setting of it could
/// be accepted.
fn number_of_others(report: &DriftReport, pattern: &IgnorePattern) -> usize {
    let is_one =
        |step: &Step| step.changes.is_empty() || step.reason == Reason::MissingInAws || report.plan.is_somebody_elses(&step.address);
    let of_step = |step: &Step| match is_one(step) {
        true => usize::from(!pattern.covers_address(&step.address)),
        false => step.changes.iter().filter(|change| !pattern.covers(&step.address, &change.path)).count(),
    };
    let extras = report.extras.iter().filter(|(address, extra)| !pattern.covers(address, &extra.path));
    report.drifted.iter().map(of_step).sum::<usize>() + extras.count()
}

/// The spec as it becomes, one value after the other.
struct Draft<'a> {
    workspace: &'a Workspace,
    config: &'a Config,
    text: String,
    spec: Spec,
    desired: Desired,
    state: State,
    accepted: Vec<Accepted>,
    refused: Vec<Refused>,
}

impl<'a> Draft<'a> {
    fn new(workspace: &'a Workspace, config: &'a Config, spec: Spec, state: &State) -> Result<Self, Failure> {
        let desired = lowered(workspace, &spec, state)?;
        let (text, state) = (config.text.clone(), state.clone());
        Ok(Self { workspace, config, text, spec, desired, state, accepted: Vec::new(), refused: Vec::new() })
    }

    fn view<'b>(&'b self, file: &'b str) -> AcceptView<'b> {
        AcceptView { accepted: &self.accepted, refused: &self.refused, file }
    }

    fn take(&mut self, report: &DriftReport, pattern: &IgnorePattern) {
        for step in &report.drifted {
            let why = match step.reason {
                Reason::MissingInAws => Some("it is gone from AWS: take it out of the spec, or `lambdo up` makes it again"),
                _ if report.plan.is_somebody_elses(&step.address) => Some(SOMEBODY_ELSES),
                _ => None,
            };
            if let Some(why) = why {
                if pattern.covers_address(&step.address) {
                    self.refuse(&step.address, &Path::default(), why, "");
                }
                continue;
            }
            for change in step.changes.iter().filter(|change| pattern.covers(&step.address, &change.path)) {
                self.accept(&step.address, change);
            }
        }
        for (address, extra) in report.extras.iter().filter(|(address, extra)| pattern.covers(address, &extra.path)) {
            if report.plan.is_somebody_elses(address) {
                if !report.drifted.iter().any(|step| step.address == *address) {
                    self.refuse(address, &extra.path, SOMEBODY_ELSES, "");
                }
                continue;
            }
            let Some(live) = extra.live.as_ref().filter(|_| extra.class == ExtraClass::Undeclared) else {
                self.refuse(address, &extra.path, "no setting of the spec says so; a rule leaves it out", &rule(address, extra));
                continue;
            };
            let (path, live) = (extra.path.clone(), Some(live.clone()));
            let change = Change { path, applied: None, live, desired: None, effect: Effect::InPlace, cause: Cause::Drift };
            if let Err((why, _)) = self.accepted(address, &change) {
                self.refuse(address, &extra.path, &format!("{why}; a rule leaves it out"), &rule(address, extra));
            }
        }
    }

    fn accept(&mut self, address: &Address, change: &Change) {
        if let Err((why, lines)) = self.accepted(address, change) {
            self.refuse(address, &change.path, &why, &lines);
        }
    }

    /// Takes a value over, or says why not, and what to write by hand.
    fn accepted(&mut self, address: &Address, change: &Change) -> Result<(), (String, String)> {
        let path = &change.path;
        let scrubber = self.workspace.ui.scrubber();
        let written = match path.first() {
            _ if change.live.as_ref().is_some_and(|live| scrubber.knows(live)) || scrubber.knows(&path.to_string().into()) => {
                Err(("a secret stands in it, and those do not stand in the spec".to_owned(), String::new()))
            }
            "code" => Err(("the code comes from what the package is made of, and AWS does not tell that".to_owned(), String::new())),
            _ => self.spec.accepting(&self.text, address, path, change.live.as_ref()).map_err(|it| (it.why, it.lines)),
        };
        let text = written?;
        (self.spec, self.desired) = self.tried(&text, address, change)?;
        self.text = text;
        self.accepted.push(Accepted { address: address.clone(), change: change.clone() });
        Ok(())
    }

    /// The spec that a text is, where it differs from that of before in this one setting, which is as it lives.
    fn tried(&self, text: &str, address: &Address, change: &Change) -> Result<(Spec, Desired), (String, String)> {
        let config = Config { path: self.config.path.clone(), text: text.to_owned() };
        let spec = self.workspace.spec(&config);
        let read = spec.and_then(|spec| lowered(self.workspace, &spec, &self.state).map(|desired| (spec, desired)));
        let Ok((spec, desired)) = read else {
            return Err(("the spec would not be valid with it".to_owned(), String::new()));
        };
        let compare = self.compare(address, &change.path);
        let value = desired.resources.get(address).and_then(|resource| at(&resource.inputs, &change.path));
        if !compare.is_equal(value, change.live.as_ref()) {
            return Err(("another place of the spec has the last word on it".to_owned(), String::new()));
        }
        let without = |desired: &Desired| {
            let mut rest = desired.clone();
            let resource = rest.resources.get_mut(address);
            resource.into_iter().for_each(|resource| Carry::remove(change.path.clone()).apply(&mut resource.inputs));
            rest
        };
        if without(&desired) != without(&self.desired) {
            return Err(("it would change more than this in the spec".to_owned(), String::new()));
        }
        Ok((spec, desired))
    }

    fn compare(&self, address: &Address, path: &Path) -> Compare {
        let fields = self.workspace.registry.rules(&address.kind).map(crate::model::Rules::fields).unwrap_or_default();
        field::find(fields, path.first()).map_or(Compare::Exact, |field| field.compare)
    }

    fn refuse(&mut self, address: &Address, path: &Path, why: &str, lines: &str) {
        self.refused.push(Refused { address: address.clone(), path: path.clone(), why: why.to_owned(), lines: lines.to_owned() });
    }

    /// Writes the file, if it is what was read.
    fn write(&self) -> Result<(), Failure> {
        let path = &self.config.path;
        let name = file_name(path);
        let failed =
            |detail: String| Failure::new(Exit::Failed, Diagnostic::error("spec-not-written", "The spec was not written").detail(detail));
        let is_same = std::fs::read_to_string(path).is_ok_and(|now| now == self.config.text);
        if !is_same {
            return Err(failed(format!("`{name}` was changed while AWS was looked at. Nothing was written.")));
        }
        replace(path, &self.text).map_err(|error| failed(format!("`{name}` cannot be written: {error}. It is as it was.")))
    }

    /// What lives is what was applied, from now on.
    fn record(&self, state: &mut State) {
        for Accepted { address, change } in &self.accepted {
            let carry = Carry { path: change.path.clone(), value: change.live.clone() };
            state.entries.get_mut(address).into_iter().for_each(|entry| carry.apply(&mut entry.inputs));
        }
    }
}

/// Replaces a file in one piece, with its rights: on a full disk it stays as it is. A link leads to the file that is replaced.
fn replace(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.tmp"));
    let written = write_beside(&temporary, &path, text).and_then(|()| std::fs::rename(&temporary, &path));
    if written.is_err() {
        // It is of no use, and a full disk needs the room.
        let _ = std::fs::remove_file(&temporary);
    }
    match written {
        // A file that is mounted alone, or whose folder may not be written to, can only be written into.
        Err(error) if matches!(error.kind(), ErrorKind::ResourceBusy | ErrorKind::PermissionDenied) => std::fs::write(&path, text),
        other => other,
    }
}

fn write_beside(temporary: &std::path::Path, path: &std::path::Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::File::create(temporary)?;
    file.set_permissions(std::fs::metadata(path)?.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn rule(address: &Address, extra: &Extra) -> String {
    format!("[[drift.ignore]]\naddress = \"{address}\"\npath = {:?}\nreason = \"…\"", extra.path.to_string())
}

#[cfg(test)]
mod tests {
    use super::replace;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_is_replaced_in_one_piece_with_its_rights_or_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("config.toml"), folder.path().join("link.toml"));
        std::fs::write(&file, "before").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, "after").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "after");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(link.is_symlink() && std::fs::read_dir(folder.path()).unwrap().count() == 2);
        // What cannot be written beside it does not get into it.
        std::fs::create_dir(folder.path().join(".config.toml.tmp")).unwrap();
        assert!(replace(&file, "half").is_err());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "after");
    }
}

//! `lambdo build --check FILE`: whether an artifact will start, whoever made it.

use crate::cli::args::{BuildArguments, Format};
use crate::cli::commands::deploy::unmatched;
use crate::cli::local;
use crate::cli::ui::sources;
use crate::cli::view::human::{bytes, counted};
use crate::cli::view::json;
use crate::cli::workspace::Workspace;
use crate::diagnostic::{Diagnostic, Severity};
use crate::kinds::{RUNTIME_DEPRECATED, is_newer_runtime, judge_runtime};
use crate::model::{Address, Artifact, Exit, Failure, Form, PackageRequest};
use crate::package::{self, CheckedFile};
use std::path::Path;

/// What a function has that says nothing of it.
const USUAL_RUNTIME: &str = "provided.al2023";
const USUAL_ARCHITECTURE: &str = "x86_64";

/// Looks at the file, and says what keeps it from starting.
pub fn run(workspace: &Workspace, file: &Path, arguments: &BuildArguments) -> Result<Exit, Failure> {
    let (request, others) = request(workspace, arguments)?;
    let shown = file.display().to_string();
    let folder = workspace.path(Path::new(""));
    let checked = package::check_file(&folder, &shown, &request, &others, workspace.global.local);
    let mut checked = checked.map_err(|problem| Failure::new(Exit::Usage, problem))?;
    checked.findings.extend(judge_runtime(&request.runtime, &request.handler, request.has_layers()));
    if !arguments.names.is_empty() {
        checked.findings = checked.findings.into_iter().map(|finding| finding.address(&request.address)).collect();
    }
    if is_newer_runtime(&request.runtime) {
        checked.unseen.push(format!("what `{}` brings, which this lambdo does not know", request.runtime));
    }
    tell(workspace, &shown, &request, &checked);
    Ok(if Verdict::of(&checked) == Verdict::DoesNotStart { Exit::Failed } else { Exit::Success })
}

/// What can be said of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was looked at, and nothing is wrong.
    Starts,
    /// Nothing is wrong as far as it was looked at.
    MayStart,
    /// Something keeps it from starting.
    DoesNotStart,
}

impl Verdict {
    /// What follows from all that was found.
    pub fn of(checked: &CheckedFile) -> Self {
        let is_doubt = |finding: &Diagnostic| finding.severity == Severity::Warning && finding.code != RUNTIME_DEPRECATED;
        if checked.findings.iter().any(Diagnostic::is_error) {
            Self::DoesNotStart
        } else if checked.unseen.is_empty() && !checked.findings.iter().any(is_doubt) {
            Self::Starts
        } else {
            Self::MayStart
        }
    }
}

fn tell(workspace: &Workspace, shown: &str, request: &PackageRequest, checked: &CheckedFile) {
    workspace.ui.diagnostics(&checked.findings);
    let verdict = Verdict::of(checked);
    if workspace.ui.format() == Format::Json {
        let starts = match verdict {
            Verdict::Starts => Some(true),
            Verdict::MayStart => None,
            Verdict::DoesNotStart => Some(false),
        };
        workspace.ui.document(&json::check(shown, request, checked, starts, &sources(&checked.findings)));
        return;
    }
    let runs_on = match checked.artifact.as_ref().map(|artifact| artifact.form) {
        Some(Form::Image) => format!("Lambda as an image for {}", request.architectures.join(", ")),
        _ => format!("`{}` for {}", request.runtime, request.architectures.join(", ")),
    };
    let place = if workspace.global.local { "on this machine, as" } else { "on" };
    let size = |artifact: &Artifact| format!(": {} in {}", bytes(artifact.unzipped_bytes), counted(artifact.files, "file"));
    let size = checked.artifact.as_ref().map(size).unwrap_or_default();
    let verdict = match verdict {
        Verdict::Starts => "will start",
        Verdict::MayStart => "may start",
        Verdict::DoesNotStart => "will not start",
    };
    workspace.ui.data(&format!("{shown} {verdict} {place} {runs_on}{size}"));
    checked.unseen.iter().for_each(|unseen| workspace.ui.data(&format!("  not looked at: {unseen}")));
}

/// What the file has to fit: what the function of the spec says, and what the command line says instead. Then all that the
/// spec packs.
fn request(workspace: &Workspace, arguments: &BuildArguments) -> Result<(PackageRequest, Vec<PackageRequest>), Failure> {
    let (mut request, others) = match arguments.names.as_slice() {
        [] => (
            PackageRequest {
                address: Address::new("function", "check"),
                code: None,
                build: None,
                image: None,
                image_config: None,
                runtime: USUAL_RUNTIME.to_owned(),
                handler: String::new(),
                architectures: vec![if workspace.global.local { local::architecture() } else { USUAL_ARCHITECTURE }.to_owned()],
                layers: None,
                environment: None,
                span: None,
            },
            Vec::new(),
        ),
        [name] => of_function(workspace, name)?,
        _ => return Err(Failure::new(Exit::Usage, several())),
    };
    let set = |place: &mut String, given: &Option<String>| given.iter().for_each(|given| given.clone_into(place));
    set(&mut request.runtime, &arguments.runtime);
    set(&mut request.handler, &arguments.handler);
    if let Some(architecture) = &arguments.architecture {
        request.architectures = vec![architecture.clone()];
    }
    if request.architectures.is_empty() {
        request.architectures = vec![USUAL_ARCHITECTURE.to_owned()];
    }
    Ok((request, others))
}

fn of_function(workspace: &Workspace, name: &str) -> Result<(PackageRequest, Vec<PackageRequest>), Failure> {
    let spec = workspace.spec(&workspace.config()?)?;
    let requests = spec.packages();
    let names: Vec<String> = requests.iter().map(PackageRequest::shown).collect();
    let found = requests.iter().find(|request| request.shown() == name).cloned();
    found
        .map(|found| (found, requests))
        .ok_or_else(|| unmatched(&[name.to_owned()], &names).unwrap_or_else(|| Failure::new(Exit::Usage, several())))
}

fn several() -> Diagnostic {
    Diagnostic::error("usage", "One artifact is for one function")
        .detail("`--check FILE` takes at most one NAME, whose runtime, architecture and handler the file has to fit.")
}

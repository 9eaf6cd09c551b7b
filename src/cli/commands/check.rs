//! `lambdo build --check FILE`: whether an artifact will start, whoever made it.

use crate::cli::args::{BuildArguments, Format};
use crate::cli::commands::deploy::unmatched;
use crate::cli::local;
use crate::cli::ui::sources;
use crate::cli::view::human::{bytes, counted};
use crate::cli::view::json;
use crate::cli::workspace::Workspace;
use crate::diagnostic::Diagnostic;
use crate::model::{Address, Exit, Failure, Form, PackageRequest};
use crate::package::{self, CheckedFile};
use std::path::Path;

/// What a function has that says nothing of it.
const USUAL_RUNTIME: &str = "provided.al2023";
const USUAL_ARCHITECTURE: &str = "x86_64";

/// Looks at the file, and says what keeps it from starting.
pub fn run(workspace: &Workspace, file: &Path, arguments: &BuildArguments) -> Result<Exit, Failure> {
    let request = request(workspace, arguments)?;
    let shown = file.display().to_string();
    let folder = workspace.path(Path::new(""));
    let mut checked =
        package::check_file(&folder, &shown, &request, workspace.global.local).map_err(|problem| Failure::new(Exit::Usage, problem))?;
    if !arguments.names.is_empty() {
        checked.findings = checked.findings.into_iter().map(|finding| finding.address(&request.address)).collect();
    }
    tell(workspace, &shown, &request, &checked);
    Ok(if checked.findings.iter().any(Diagnostic::is_error) { Exit::Failed } else { Exit::Success })
}

fn tell(workspace: &Workspace, shown: &str, request: &PackageRequest, checked: &CheckedFile) {
    let CheckedFile { artifact, findings } = checked;
    workspace.ui.diagnostics(findings);
    if workspace.ui.format() == Format::Json {
        workspace.ui.document(&json::check(shown, request, checked, &sources(findings)));
        return;
    }
    let runs_on = match artifact.form {
        Form::Image => format!("Lambda as an image for {}", request.architectures.join(", ")),
        _ => format!("`{}` for {}", request.runtime, request.architectures.join(", ")),
    };
    let size = format!("{} in {}", bytes(artifact.unzipped_bytes), counted(artifact.files, "file"));
    let place = if workspace.global.local { "on this machine, as" } else { "on" };
    let verdict = if findings.iter().any(Diagnostic::is_error) { "will not start" } else { "will start" };
    workspace.ui.data(&format!("{shown} {verdict} {place} {runs_on}: {size}"));
}

/// What the file has to fit: what the function of the spec says, and what the command line says instead.
fn request(workspace: &Workspace, arguments: &BuildArguments) -> Result<PackageRequest, Failure> {
    let mut request = match arguments.names.as_slice() {
        [] => PackageRequest {
            address: Address::new("function", "check"),
            code: None,
            build: None,
            image: None,
            image_config: None,
            runtime: USUAL_RUNTIME.to_owned(),
            handler: String::new(),
            architectures: vec![if workspace.global.local { local::architecture() } else { USUAL_ARCHITECTURE }.to_owned()],
            layers: None,
            span: None,
        },
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
    Ok(request)
}

fn of_function(workspace: &Workspace, name: &str) -> Result<PackageRequest, Failure> {
    let spec = workspace.spec(&workspace.config()?)?;
    let requests = spec.packages();
    let names: Vec<String> = requests.iter().map(PackageRequest::shown).collect();
    let found = requests.into_iter().find(|request| request.shown() == name);
    found.ok_or_else(|| unmatched(&[name.to_owned()], &names).unwrap_or_else(|| Failure::new(Exit::Usage, several())))
}

fn several() -> Diagnostic {
    Diagnostic::error("usage", "One artifact is for one function")
        .detail("`--check FILE` takes at most one NAME, whose runtime, architecture and handler the file has to fit.")
}

//! `lambdo init`: a `config.toml` for what lies in a folder.

use crate::aws::{self, Settings};
use crate::cli::args::{Format, InitArguments};
use crate::cli::init::{self, Found, example, gitignore, ignore, seen, text, view};
use crate::cli::render::file_name;
use crate::cli::signals::unless_interrupted;
use crate::cli::workspace::{CONFIG_FILE, Workspace};
use crate::diagnostic::Diagnostic;
use crate::model::{Exit, Failure, Target};
use crate::spec::{self, LoadOptions};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Where to look and what to write.
struct Place {
    folder: PathBuf,
    config: PathBuf,
}

/// Looks at the folder, checks what comes of it as `lambdo validate` would, and writes it.
pub async fn run(workspace: &Workspace, arguments: &InitArguments) -> Result<Exit, Failure> {
    let place = place(workspace, arguments)?;
    if !arguments.dry_run && place.config.symlink_metadata().is_ok() {
        return Err(exists(&place.config));
    }
    let found = unless_interrupted(&workspace.interrupt, look(place.folder.clone(), arguments.project.clone())).await?;
    if found.functions.is_empty() && found.foreign.is_empty() && !found.unread.is_empty() && !found.is_cut {
        return Err(seen::nothing_found(&found.project, &found.unread, &found.passed_over));
    }
    let files = if found.has_room { example::files(is_below_a_crate(&place.folder)) } else { Vec::new() };
    let found = if found.has_room { example::with(found) } else { found };
    let region = region(workspace).await;
    let config = text::config(&found, region.as_deref());
    check(workspace, &place.config, &config)?;
    let mut files: Vec<(PathBuf, String)> = files.into_iter().map(|(name, text)| (place.folder.join(name), text)).collect();
    let ignored = gitignore::addition(&place.folder);
    files.extend(ignore::text(&place.folder, &found).map(|text| (place.folder.join(ignore::FILE), text)));
    // Last, so that a run that failed half-way can be repeated.
    files.push((place.config.clone(), config));
    if !arguments.dry_run {
        ignored.iter().try_for_each(gitignore::Addition::write)?;
        files.iter().try_for_each(|(path, text)| write_new(path, text))?;
    }
    tell(workspace, arguments, &place, &found, region.as_deref(), &files, ignored.as_ref());
    Ok(Exit::Success)
}

/// The folder is the spec's, since its paths begin there.
fn place(workspace: &Workspace, arguments: &InitArguments) -> Result<Place, Failure> {
    let here = workspace.path(Path::new(""));
    let here = if here.as_os_str().is_empty() { PathBuf::from(".") } else { here };
    let (folder, config) = match (&arguments.folder, &workspace.global.config) {
        (Some(folder), None) => (here.join(folder), here.join(folder).join(CONFIG_FILE)),
        (None, None) => (here.clone(), here.join(CONFIG_FILE)),
        (None, Some(config)) => {
            let config = workspace.path(config);
            let above = config.parent().filter(|folder| !folder.as_os_str().is_empty());
            (above.map_or_else(|| PathBuf::from("."), Path::to_path_buf), config)
        }
        (Some(_), Some(config)) => return Err(two_places(config)),
    };
    if folder.exists() && !folder.is_dir() {
        let detail = format!("`{}` is a file; a spec is made for a folder.", folder.display());
        return Err(Failure::new(Exit::Usage, Diagnostic::error("no-folder", "This is no folder").detail(detail)));
    }
    Ok(Place { folder, config })
}

async fn look(folder: PathBuf, project: Option<String>) -> Result<Found, Failure> {
    let looking = tokio::task::spawn_blocking(move || init::look(&folder, project.as_deref()));
    looking.await.map_err(|error| {
        let detail = format!("Looking at the folder broke off: {error}.");
        Failure::new(Exit::Failed, Diagnostic::error("folder-unreadable", "The folder cannot be looked at").detail(detail))
    })
}

async fn region(workspace: &Workspace) -> Option<String> {
    let given = |option: &Option<String>| option.clone().filter(|text| !text.is_empty());
    let settings = Settings { region: given(&workspace.global.region), profile: given(&workspace.global.profile), ..Settings::default() };
    aws::configured_region(&settings).await
}

/// Whatever is written must be a spec that `lambdo validate` accepts.
fn check(workspace: &Workspace, path: &Path, text: &str) -> Result<(), Failure> {
    let environment = |name: &str| std::env::var(name).ok();
    let options = LoadOptions { stage: None, region: None, local: None, environment: &environment };
    let lowered = spec::load(path, text, &options, &workspace.registry)
        .and_then(|spec| spec::lower_with_warnings(&spec, &Target::placeholder(), &BTreeMap::new(), &workspace.registry));
    // The places are in a file that is not there.
    let without_place = |diagnostic: Diagnostic| Diagnostic { span: None, ..diagnostic };
    lowered.map(|_| ()).map_err(|errors| Failure::from(errors.into_iter().map(without_place).collect::<Vec<_>>()))
}

/// Whether cargo would take a crate in this folder for a part of another one's workspace.
fn is_below_a_crate(folder: &Path) -> bool {
    std::path::absolute(folder).is_ok_and(|folder| folder.ancestors().any(|above| above.join("Cargo.toml").exists()))
}

/// Writes a file that must not be there yet.
fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let made = folder.map_or(Ok(()), std::fs::create_dir_all);
    let written = made.and_then(|()| std::fs::File::create_new(path)).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => exists(path),
        _ => {
            let detail = format!("`{}` cannot be written: {error}.", file_name(path));
            Failure::new(Exit::Failed, Diagnostic::error("not-written", "A file cannot be written").detail(detail))
        }
    })
}

fn tell(
    workspace: &Workspace,
    arguments: &InitArguments,
    place: &Place,
    found: &Found,
    region: Option<&str>,
    files: &[(PathBuf, String)],
    ignored: Option<&gitignore::Addition>,
) {
    let ui = &workspace.ui;
    let text = files.last().map(|(_, text)| text.as_str()).filter(|_| arguments.dry_run);
    let names: Vec<String> = files.iter().map(|(path, _)| file_name(path)).collect();
    let config = file_name(&place.config);
    let options = options(workspace, arguments);
    let ignored = ignored.map(|addition| (file_name(&addition.path), addition.lines.join(", ")));
    let ignored = ignored.as_ref().map(|(file, lines)| (file.as_str(), lines.as_str()));
    let view = view::View { found, region, config: &config, files: &names, text, ignored, options: &options };
    match (ui.format(), text) {
        (Format::Json, _) => ui.document(&view::document(&view)),
        (Format::Human | Format::Markdown, Some(text)) => {
            ui.status(&(view::human(&view, ui.width()) + "\n"));
            ui.data(text.trim_end());
        }
        (Format::Human | Format::Markdown, None) => ui.data(&view::human(&view, ui.width())),
    }
}

/// What later commands need to find the spec, as a person would type it.
fn options(workspace: &Workspace, arguments: &InitArguments) -> String {
    let folder = match (&workspace.global.directory, &arguments.folder) {
        (_, Some(folder)) => Some(workspace.path(folder)),
        (directory, None) => directory.clone(),
    };
    let folder = folder.map(|folder| file_name(&folder)).filter(|folder| !folder.is_empty() && folder != ".");
    let config = workspace.global.config.as_ref().map(|config| format!("--config {}", text::shell(&config.display().to_string())));
    folder.map(|folder| format!("-C {}", text::shell(&folder))).into_iter().chain(config).collect::<Vec<_>>().join(" ")
}

fn exists(path: &Path) -> Failure {
    let name = file_name(path);
    let diagnostic = Diagnostic::error("file-exists", "The file is there already")
        .detail(format!("`{name}` exists, and `lambdo init` overwrites nothing."))
        .hint("`lambdo init --dry-run` prints the spec instead of writing it")
        .hint("to start another project: `lambdo init DIR`, or `lambdo init --config FILE` beside this one");
    Failure::new(Exit::Usage, diagnostic)
}

fn two_places(config: &Path) -> Failure {
    let detail = format!(
        "Both a folder and the spec `{}` are given (`--config` or `LAMBDO_CONFIG`). The spec's own folder is the one that is looked at.",
        config.display()
    );
    let diagnostic = Diagnostic::error("two-places", "Two places for one spec").detail(detail).hint("leave one of them out");
    Failure::new(Exit::Usage, diagnostic)
}

//! Files on top of a base image.

use super::Made;
use super::beneath::{self, Beneath};
use super::document::{Settings, compose, texts};
use super::layer::{above, folders, layer};
use super::parse::Layered;
use super::pull::Base;
use super::store::Store;
use crate::diagnostic::Diagnostic;
use crate::package::BUILD_FAILED;
use crate::package::check::AWS_ENTRY_POINT;
use crate::package::contents::{self, BOOTSTRAP, Entry};
use crate::package::fingerprint::{Facts, Sources};
use crate::package::hash::Item;
use crate::package::index::Index;
use crate::package::own::Own;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where AWS's entry point looks for the program.
const AWS_BOOTSTRAP: &str = "var/runtime/bootstrap";
/// Folders of AWS's base images that are known, so that these need not be fetched to see what they are like.
const AWS_FOLDERS: [&str; 3] = ["var", "var/runtime", "var/task"];
/// Where they have nothing, so that all folders there are the image's own.
const AWS_EMPTY: &str = "var/task/";
/// Names the folder of a function's code in AWS's base images.
const TASK_ROOT: &str = "LAMBDA_TASK_ROOT=";

/// All that an image of files needs.
pub(super) struct Laying {
    pub layered: Layered,
    /// What the build made.
    pub output: Option<PathBuf>,
    /// What the build was made from, where that is known.
    pub built: Option<Sources>,
    pub base: Option<Base>,
    pub architecture: String,
    pub folder: PathBuf,
    pub cache: PathBuf,
    pub own: Own,
    pub index: Index,
}

/// The files that an image gets.
pub(super) struct Files {
    entries: Vec<Entry>,
    items: Vec<Item>,
    sources: Sources,
}

impl Laying {
    /// Reads the files of the image.
    ///
    /// # Errors
    /// What went wrong, without address and span.
    pub fn files(&mut self) -> Result<Files, Diagnostic> {
        let mut files = self.layered.files.clone();
        let own = Settings::clone(&self.layered.settings);
        let place = match self.output.take() {
            Some(output) => Some(self.place(&output, &mut files)?),
            None => None,
        };
        let entries = contents::placed(&self.folder, &files, &self.own)?;
        let items = self.read(&entries)?;
        let sources = self.sources(&own, place.as_deref(), &items);
        Ok(Files { entries, items, sources })
    }

    /// A place of which only the layers of the base tell what it is like there: a folder above a file, or where a file may take
    /// a folder's place. The image is the same wherever it is made, and refused everywhere or nowhere, so that neither may depend
    /// on whether these layers are at hand.
    pub fn unknown_place(&self, files: &Files) -> Option<String> {
        self.base.as_ref()?;
        let is_of_aws = self.is_of_aws();
        let is_known = |folder: &&str| is_of_aws && (AWS_FOLDERS.contains(folder) || folder.starts_with(AWS_EMPTY));
        // The name of a function's program is taken to be free, so that programs alone need no layer.
        let may_be_folder = |name: &&str| !name.contains('/') && *name != BOOTSTRAP || is_of_aws && AWS_FOLDERS.contains(name);
        let names = || files.entries.iter().map(|entry| entry.name.as_str());
        names().flat_map(above).find(|folder| !is_known(folder)).or_else(|| names().find(may_be_folder)).map(str::to_owned)
    }

    /// Makes the image; `beneath` is what is known of its base. What goes into the image follows it only where it is needed.
    ///
    /// # Errors
    /// What went wrong, without address and span.
    pub fn run(self, files: Files, beneath: Option<&Beneath>) -> Result<Made, Diagnostic> {
        let failed = |detail: String| Diagnostic::error(BUILD_FAILED, "A build failed").detail(detail);
        let below = beneath.map(|beneath| &beneath.listing).filter(|_| self.unknown_place(&files).is_some());
        let Files { mut entries, mut items, sources } = files;
        if let Some(below) = below {
            beneath::place(&mut entries, &mut items, below)?;
            beneath::check_places(&entries, below)?;
        }
        let layer = layer(&entries, &items, below, &self.cache).map_err(failed)?;
        let seen = beneath.filter(|beneath| beneath.has_layers).map(|beneath| beneath.listing.clone());
        let listing = seen.map(|seen| seen.under_files(&layer.blob().digest, &folders(&entries, below), &items));
        let base = self.base.as_ref().map(|base| (&base.manifest, &base.config));
        let store = Store::new(&self.cache);
        let image = compose(base, &layer, &self.architecture, &self.layered.settings, &store)
            .map_err(|error| failed(format!("The image's documents cannot be written: {error}.")))?;
        let warnings = self.base.iter().filter_map(|base| base.warning.clone()).chain(self.no_certificates(&entries)).collect();
        let is_whole = self.base.is_none();
        Ok(Made { image, entries, items, is_whole, listing, sources: Some(sources), is_cached: true, warnings })
    }

    fn is_of_aws(&self) -> bool {
        self.base.as_ref().is_some_and(|base| texts(&base.config, "Entrypoint").contains(&AWS_ENTRY_POINT))
    }

    fn read(&self, entries: &[Entry]) -> Result<Vec<Item>, Diagnostic> {
        let item = |entry: &Entry| {
            let held = self.index.held(&entry.path);
            let held = held.map_err(|error| crate::package::problem::unreadable(&entry.path.display().to_string(), &error))?;
            Ok(Item { name: entry.name.clone(), mode: entry.mode, bytes: held.bytes, sha256: held.sha256 })
        };
        entries.iter().map(item).collect()
    }

    /// What the image is made from: what its build was, its files besides what that made, and its base.
    fn sources(&self, settings: &Settings, place: Option<&str>, items: &[Item]) -> Sources {
        let is_built = |item: &&Item| {
            place.is_some_and(|place| item.name.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        };
        let items: Vec<Item> = items.iter().filter(|item| self.built.is_none() || !is_built(item)).cloned().collect();
        let facts = Facts::default().hidden("image", &format!("{settings:?}"));
        let base = self.base.as_ref().zip(self.layered.base.as_ref());
        // `SourceChange` tells by the sign that it is where a tag leads.
        let facts =
            base.into_iter().fold(facts, |facts, (base, name)| facts.shown(&format!("base image {name}"), &format!("@{}", base.digest)));
        self.built.clone().unwrap_or_default().with(facts, &items)
    }

    /// Puts what the build made where the base looks for it; answers with that place.
    fn place(&mut self, output: &Path, files: &mut BTreeMap<String, String>) -> Result<String, Diagnostic> {
        let shown = output.display().to_string();
        let is_of_aws = self.is_of_aws();
        let settings = &mut self.layered.settings;
        if output.is_dir() {
            let root =
                self.base.as_ref().and_then(|base| texts(&base.config, "Env").into_iter().find_map(|entry| entry.strip_prefix(TASK_ROOT)));
            let root = root.ok_or_else(no_task_root)?.trim_matches('/').to_owned();
            put(files, root, shown)
        } else if output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
            Err(Diagnostic::error("wrong-file-type", "A build made something that does not go into an image")
                .detail(format!("`{shown}` is a zip; an image takes the program itself, or a folder.")))
        } else if is_of_aws {
            start(settings, None, BOOTSTRAP);
            put(files, AWS_BOOTSTRAP.to_owned(), shown)
        } else {
            start(settings, Some("/bootstrap"), "");
            put(files, BOOTSTRAP.to_owned(), shown)
        }
    }

    /// Nothing below means that nothing there knows whom to trust.
    fn no_certificates(&self, entries: &[Entry]) -> Option<Diagnostic> {
        let has_any = entries.iter().any(|entry| ["etc/ssl/", "etc/pki/"].iter().any(|folder| entry.name.starts_with(folder)));
        let is_go = self.layered.build.as_ref().is_some_and(|build| build.kind == "go");
        (self.base.is_none() && is_go && !has_any).then(|| {
            Diagnostic::note("no-certificates", "The image has no certificates of authorities")
                .detail("An image without a base has nothing in it but the program, and Go looks for the certificates of the system when it calls anything over TLS.")
                .hint("`files = { \"/etc/ssl/certs/ca-certificates.crt\" = \"PATH\" }` brings them along")
        })
    }
}

/// Puts what a build made to its place, which the user must not have given to something else.
fn put(files: &mut BTreeMap<String, String>, place: String, shown: String) -> Result<String, Diagnostic> {
    let Some(other) = files.get(&place) else {
        files.insert(place.clone(), shown);
        return Ok(place);
    };
    Err(Diagnostic::error("bad-entry-name", "A file cannot have this name in a package")
        .detail(format!("`image.files` puts `{other}` at `/{place}`, where what the build makes goes.")))
}

/// What starts the program, unless the user has said what to start.
fn start(settings: &mut Settings, entry_point: Option<&str>, command: &str) {
    if settings.entry_point.is_some() {
        return;
    }
    settings.entry_point = entry_point.map(|path| vec![path.to_owned()]);
    if settings.command.is_none() && !command.is_empty() {
        settings.command = Some(vec![command.to_owned()]);
    }
}

fn no_task_root() -> Diagnostic {
    Diagnostic::error("no-task-root", "The base image does not say where code goes")
        .detail("The build made a folder, and the base image has no variable `LAMBDA_TASK_ROOT` that names the place of a function's code.")
        .hint("AWS's base images have it, such as `base = \"public.ecr.aws/lambda/python:3.13\"`")
        .hint("`files = { \"/PLACE\" = \"FOLDER\" }` puts a folder anywhere")
}

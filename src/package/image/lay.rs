//! Files on top of a base image.

use super::Made;
use super::document::{Settings, compose, texts};
use super::layer::layer;
use super::parse::Layered;
use super::pull::Base;
use super::store::Store;
use crate::diagnostic::Diagnostic;
use crate::package::BUILD_FAILED;
use crate::package::contents::{self, BOOTSTRAP, Entry};
use crate::package::hash::Item;
use crate::package::index::Index;
use crate::package::own::Own;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What AWS's own base images start: it runs the runtime's `bootstrap`, and takes the name of a handler.
/// <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>
const AWS_ENTRY_POINT: &str = "/lambda-entrypoint.sh";
/// Where AWS's entry point looks for the program.
const AWS_BOOTSTRAP: &str = "var/runtime/bootstrap";
/// Names the folder of a function's code in AWS's base images.
const TASK_ROOT: &str = "LAMBDA_TASK_ROOT=";

/// All that an image of files needs.
pub(super) struct Laying {
    pub layered: Layered,
    /// What the build made.
    pub output: Option<PathBuf>,
    pub base: Option<Base>,
    pub architecture: String,
    pub folder: PathBuf,
    pub cache: PathBuf,
    pub own: Own,
    pub index: Index,
}

impl Laying {
    /// Makes the image.
    ///
    /// # Errors
    /// What went wrong, without address and span.
    pub fn run(mut self) -> Result<Made, Diagnostic> {
        let mut files = self.layered.files.clone();
        if let Some(output) = self.output.take() {
            self.place(&output, &mut files)?;
        }
        let entries = contents::placed(&self.folder, &files, &self.own)?;
        let items = self.read(&entries)?;
        let failed = |detail: String| Diagnostic::error(BUILD_FAILED, "A build failed").detail(detail);
        let layer = layer(&entries, &items, self.base.is_some(), &self.cache).map_err(failed)?;
        let base = self.base.as_ref().map(|base| (&base.manifest, &base.config));
        let store = Store::new(&self.cache);
        let image = compose(base, &layer, &self.architecture, &self.layered.settings, &store)
            .map_err(|error| failed(format!("The image's documents cannot be written: {error}.")))?;
        let warnings = self.base.iter().filter_map(|base| base.warning.clone()).chain(self.no_certificates(&entries)).collect();
        Ok(Made { image, entries, items, is_whole: self.base.is_none(), sources: None, is_cached: true, warnings })
    }

    fn read(&self, entries: &[Entry]) -> Result<Vec<Item>, Diagnostic> {
        let item = |entry: &Entry| {
            let held = self.index.held(&entry.path);
            let held = held.map_err(|error| crate::package::problem::unreadable(&entry.path.display().to_string(), &error))?;
            Ok(Item { name: entry.name.clone(), mode: entry.mode, bytes: held.bytes, sha256: held.sha256 })
        };
        entries.iter().map(item).collect()
    }

    /// Puts what the build made where the base looks for it.
    fn place(&mut self, output: &Path, files: &mut BTreeMap<String, String>) -> Result<(), Diagnostic> {
        let shown = output.display().to_string();
        let is_of_aws = self.base.as_ref().is_some_and(|base| texts(&base.config, "Entrypoint").contains(&AWS_ENTRY_POINT));
        let settings = &mut self.layered.settings;
        if output.is_dir() {
            let root =
                self.base.as_ref().and_then(|base| texts(&base.config, "Env").into_iter().find_map(|entry| entry.strip_prefix(TASK_ROOT)));
            let root = root.ok_or_else(no_task_root)?.trim_matches('/').to_owned();
            files.insert(root, shown);
        } else if output.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
            return Err(Diagnostic::error("wrong-file-type", "A build made something that does not go into an image")
                .detail(format!("`{shown}` is a zip; an image takes the program itself, or a folder.")));
        } else if is_of_aws {
            files.insert(AWS_BOOTSTRAP.to_owned(), shown);
            start(settings, None, BOOTSTRAP);
        } else {
            files.insert(BOOTSTRAP.to_owned(), shown);
            start(settings, Some("/bootstrap"), "");
        }
        Ok(())
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

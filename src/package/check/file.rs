//! A look at one artifact, whoever made it.

use super::syntax::{self, Interpreters};
use super::{Subject, check, check_contents, elsewhere, is_provided, needs_syntax, secrets, too_large_with_layers, with_syntax};
use crate::diagnostic::Diagnostic;
use crate::model::{Artifact, Form, PackageRequest};
use crate::package::builder::Builders;
use crate::package::contents::{self, Contents};
use crate::package::filter::Filter;
use crate::package::hash::content_hash;
use crate::package::image::{self, Looked};
use crate::package::index::Index;
use crate::package::own::Own;
use crate::package::problem::missing;
use crate::package::source::{self, Source};
use std::path::Path;

/// What is known of an artifact that was looked at.
#[derive(Clone, Debug)]
pub struct CheckedFile {
    /// Its hash and size; `None` for what is no package at all.
    pub artifact: Option<Artifact>,
    /// What keeps it from starting, and what should be known.
    pub findings: Vec<Diagnostic>,
    /// What was not looked at, in words.
    pub unseen: Vec<String>,
}

/// Looks at a program, a zip or a folder as if it were the package of `request`; `shown` is its path below `folder`.
/// Where an interpreter of the handler's language is on this machine, that is asked about the syntax. Layers among `others`
/// count against its size, as far as they need not be built.
///
/// # Errors
/// It is not there.
pub fn check_file(
    folder: &Path,
    shown: &str,
    request: &PackageRequest,
    others: &[PackageRequest],
    for_this_machine: bool,
) -> Result<CheckedFile, Diagnostic> {
    let path = &folder.join(shown);
    let source = if path.is_dir() {
        Source::Directory(shown.to_owned(), Filter::default())
    } else if is_zip(path, shown)? || path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip")) {
        Source::Zip(shown.to_owned())
    } else {
        Source::File(shown.to_owned())
    };
    let looked = look_at_image(path, shown, request, for_this_machine).transpose();
    let looked = looked.unwrap_or_else(|| look(folder, &source, request, for_this_machine));
    let mut checked = looked.unwrap_or_else(|problem| CheckedFile { artifact: None, findings: vec![problem], unseen: Vec::new() });
    checked.findings.extend(checked.artifact.as_ref().and_then(|artifact| too_large(folder, artifact, request, others)));
    Ok(checked)
}

/// Refuses what is too large only together with its layers.
fn too_large(folder: &Path, artifact: &Artifact, request: &PackageRequest, others: &[PackageRequest]) -> Option<Diagnostic> {
    let used = request.layers_of_spec();
    let layers = others.iter().filter(|other| used.contains(&other.address));
    let of_layer = |layer: &PackageRequest| Some((layer.address.clone(), layer_artifact(folder, layer)?));
    let own = (request.address.clone(), artifact.clone());
    too_large_with_layers(request, &layers.filter_map(of_layer).chain([own]).collect())
}

/// The size of a layer that only has to be packed.
fn layer_artifact(folder: &Path, layer: &PackageRequest) -> Option<Artifact> {
    let source = source::parse(layer.code.as_ref(), None, folder, &Builders::new()).ok()?;
    let contents = contents::collect(folder, &source, false, &Own::default()).ok()?;
    let (unzipped_bytes, files) = match &contents {
        Contents::Files(entries) => (entries.iter().map(|entry| entry.bytes).sum(), entries.len()),
        Contents::Archive(_) => {
            let items = contents.read(&Index::default()).ok()?;
            (items.iter().map(|item| item.bytes).sum(), items.len())
        }
    };
    Some(Artifact { content_hash: String::new(), form: Form::Zip, unzipped_bytes, files })
}

/// Looks at it as an image, if it is one.
fn look_at_image(path: &Path, shown: &str, request: &PackageRequest, for_this_machine: bool) -> Result<Option<CheckedFile>, Diagnostic> {
    let looked = image::look(path, shown, request, Subject::of(request, for_this_machine).architecture)?;
    Ok(looked.map(|Looked { artifact, findings }| CheckedFile { artifact: Some(artifact), findings, unseen: Vec::new() }))
}

fn look(folder: &Path, source: &Source, request: &PackageRequest, for_this_machine: bool) -> Result<CheckedFile, Diagnostic> {
    let is_provided = is_provided(&request.runtime);
    let contents: Contents = contents::collect(folder, source, is_provided, &Own::default())?;
    let unreadable = |detail: String| Diagnostic::error("unreadable-package", "A package cannot be read").detail(detail);
    let items = contents.read(&Index::default()).map_err(unreadable)?;
    let mut findings: Vec<Diagnostic> = check_contents(&contents, &items, is_provided && !request.has_layers()).err().into_iter().collect();
    let subject = Subject::of(request, for_this_machine);
    findings.extend(check(&contents, &items, &subject));
    let mut unseen = elsewhere::unseen(request);
    if needs_syntax(&findings, &subject) {
        let of_code =
            syntax::of_handler(&contents, &items, &subject, &Interpreters::default()).map_err(|error| unreadable(format!("{error}.")))?;
        findings = with_syntax(findings, of_code.finding);
        unseen.extend(of_code.unseen);
    }
    findings.extend(secrets::check(&contents, &items).map_err(|error| unreadable(format!("{error}.")))?);
    let unzipped_bytes = items.iter().map(|item| item.bytes).sum();
    let artifact = Artifact { content_hash: content_hash(&items), form: Form::Zip, unzipped_bytes, files: items.len() };
    Ok(CheckedFile { artifact: Some(artifact), findings, unseen })
}

/// A jar is a zip too, and a zip may have any name.
fn is_zip(path: &Path, shown: &str) -> Result<bool, Diagnostic> {
    let mut head = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| std::io::Read::read(&mut file, &mut head));
    match read {
        Ok(length) => Ok(head[..length].starts_with(b"PK")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(missing(path, shown, "file")),
        Err(error) => Err(crate::package::problem::unreadable(shown, &error)),
    }
}

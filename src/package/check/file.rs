//! A look at one artifact, whoever made it.

use super::{Subject, check, check_contents, is_provided};
use crate::diagnostic::Diagnostic;
use crate::model::{Artifact, Form, PackageRequest};
use crate::package::contents::{self, Contents};
use crate::package::filter::Filter;
use crate::package::hash::content_hash;
use crate::package::image::{self, Looked};
use crate::package::index::Index;
use crate::package::problem::missing;
use crate::package::source::Source;
use std::path::Path;

/// What is known of an artifact that was looked at.
#[derive(Clone, Debug)]
pub struct CheckedFile {
    /// Its hash and size.
    pub artifact: Artifact,
    /// What keeps it from starting, and what should be known.
    pub findings: Vec<Diagnostic>,
}

/// Looks at a program, a zip or a folder as if it were the package of `request`; `shown` is its path below `folder`.
///
/// # Errors
/// It is not there, cannot be read, or is larger than anything that can be deployed.
pub fn check_file(folder: &Path, shown: &str, request: &PackageRequest, for_this_machine: bool) -> Result<CheckedFile, Diagnostic> {
    let path = &folder.join(shown);
    let is_provided = is_provided(&request.runtime);
    let subject = Subject::of(request, for_this_machine);
    if let Some(Looked { artifact, findings }) = image::look(path, shown, request, subject.architecture)? {
        return Ok(CheckedFile { artifact, findings });
    }
    let source = if path.is_dir() {
        Source::Directory(shown.to_owned(), Filter::default())
    } else if is_zip(path, shown)? {
        Source::Zip(shown.to_owned())
    } else {
        Source::File(shown.to_owned())
    };
    let contents: Contents = contents::collect(folder, &source, is_provided)?;
    let unreadable = |detail: String| Diagnostic::error("unreadable-package", "A package cannot be read").detail(detail);
    let items = contents.read(&Index::default()).map_err(unreadable)?;
    let mut findings: Vec<Diagnostic> = check_contents(&contents, &items, is_provided && !request.has_layers()).err().into_iter().collect();
    findings.extend(check(&contents, &items, &subject));
    let unzipped_bytes = items.iter().map(|item| item.bytes).sum();
    let artifact = Artifact { content_hash: content_hash(&items), form: Form::Zip, unzipped_bytes, files: items.len() };
    Ok(CheckedFile { artifact, findings })
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

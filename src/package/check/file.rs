//! A look at one artifact, whoever made it.

use super::syntax::{self, Syntax};
use super::tree::Tree;
use super::{Subject, check, check_contents, handler, is_provided};
use crate::diagnostic::Diagnostic;
use crate::model::{Artifact, Form, PackageRequest};
use crate::package::contents::{self, Contents};
use crate::package::filter::Filter;
use crate::package::hash::{Item, content_hash};
use crate::package::image::{self, Looked};
use crate::package::index::Index;
use crate::package::own::Own;
use crate::package::problem::missing;
use crate::package::source::Source;
use std::io;
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
/// Where an interpreter of the handler's language is on this machine, that is asked about the syntax.
///
/// # Errors
/// It is not there.
pub fn check_file(folder: &Path, shown: &str, request: &PackageRequest, for_this_machine: bool) -> Result<CheckedFile, Diagnostic> {
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
    Ok(looked.unwrap_or_else(|problem| CheckedFile { artifact: None, findings: vec![problem], unseen: Vec::new() }))
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
    let mut unseen: Vec<String> = subject.has_layers.then(|| "what its layers bring".to_owned()).into_iter().collect();
    if !findings.iter().any(Diagnostic::is_error) && !subject.is_layer && !is_provided {
        let of_code = code_of_handler(&contents, &items, &subject).map_err(|error| unreadable(format!("{error}.")))?;
        findings.extend(of_code.finding);
        unseen.extend(of_code.unseen);
    }
    let unzipped_bytes = items.iter().map(|item| item.bytes).sum();
    let artifact = Artifact { content_hash: content_hash(&items), form: Form::Zip, unzipped_bytes, files: items.len() };
    Ok(CheckedFile { artifact: Some(artifact), findings, unseen })
}

/// What the code of the handler is found to be, and what of it was not looked at.
fn code_of_handler(contents: &Contents, items: &[Item], subject: &Subject<'_>) -> io::Result<Syntax> {
    if subject.handler.is_empty() {
        return Ok(Syntax::unseen("the function that is called: no handler is given"));
    }
    let tree = Tree::new(contents, items)?;
    match handler::file(&tree, subject) {
        Some(file) => syntax::check(&tree, &file, subject),
        None => Ok(Syntax::unseen("the code of the handler")),
    }
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

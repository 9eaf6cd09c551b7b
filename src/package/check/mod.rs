//! Pre-flight: whether a package will start on Lambda, said before anything is uploaded.
//!
//! A finding is an error only where it is sure that the function, or a piece of it, cannot run; where code decides at
//! run time, nothing is said. Files are read only where a rule looks: headers of programs and libraries, and the file
//! of the handler.

mod bootstrap;
mod elf;
mod file;
mod format;
mod handler;
mod image;
mod layer;
mod native;
mod program;
mod system;
#[cfg(test)]
mod testing;
mod tree;

pub use file::{CheckedFile, check_file};
pub use image::{ImageFacts, ImageFile, check_image, check_media_type};

pub(super) use bootstrap::{check_contents, check_names, is_provided};

use super::contents::{BOOTSTRAP, Contents};
use super::hash::Item;
use super::packages::Packages;
use super::{Options, UNZIPPED_LIMIT_BYTES};
use crate::diagnostic::Diagnostic;
use crate::model::{Address, Artifact, PackageRequest, TemplatePart};
use program::Surroundings;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use tree::Tree;

const LAYER: &str = "layer";

/// What a package has to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject<'a> {
    /// Such as `provided.al2023`; empty for a layer that does not say.
    pub runtime: &'a str,
    /// What the runtime calls; empty where none is given.
    pub handler: &'a str,
    /// `arm64` or `x86_64`.
    pub architecture: &'a str,
    /// Whether layers bring files that nobody sees here.
    pub has_layers: bool,
    /// Whether it is a layer itself.
    pub is_layer: bool,
    /// Where it runs.
    pub place: Place,
}

/// Where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// On a runtime of Lambda.
    Lambda,
    /// On Lambda, with nothing around it but its image.
    Image,
    /// Here, under `--local`.
    ThisMachine,
}

impl<'a> Subject<'a> {
    fn of(request: &'a PackageRequest, for_this_machine: bool) -> Self {
        Self {
            runtime: &request.runtime,
            handler: &request.handler,
            architecture: request.architectures.first().map_or("x86_64", String::as_str),
            has_layers: request.has_layers(),
            is_layer: request.address.kind == LAYER,
            place: if for_this_machine { Place::ThisMachine } else { Place::Lambda },
        }
    }

    fn is_here(&self) -> bool {
        self.place == Place::ThisMachine
    }

    /// Who runs it, for people.
    fn runner(&self) -> &'static str {
        if self.is_here() { "this machine" } else { "Lambda" }
    }

    /// What is around it, for people.
    fn around(&self) -> String {
        match self.place {
            Place::Lambda => format!("the runtime `{}`", self.runtime),
            Place::Image => "the image".to_owned(),
            Place::ThisMachine => "this machine".to_owned(),
        }
    }
}

/// What is wrong with the packages of all requests, each told once, at the first that it concerns.
pub(super) fn check_all(packages: &Packages, requests: &[PackageRequest], options: &Options<'_>) -> Vec<Diagnostic> {
    let mut groups: BTreeMap<(&str, Subject<'_>), Vec<&PackageRequest>> = BTreeMap::new();
    for request in requests {
        if let Some(artifact) = packages.artifacts.get(&request.address) {
            let subject = Subject::of(request, options.for_this_machine);
            groups.entry((&artifact.content_hash, subject)).or_default().push(request);
        }
    }
    let mut findings = Vec::new();
    for ((content_hash, subject), requests) in groups {
        let Ok(planned) = packages.planned(content_hash) else { continue };
        let found = check(&planned.contents, &planned.items, &subject);
        findings.extend(found.into_iter().map(|one| super::work::shared_problem(one, &requests)));
    }
    findings.extend(requests.iter().filter_map(|request| too_large_with_layers(request, &packages.artifacts)));
    findings
}

/// What is wrong with one package, by the order of its files.
pub(super) fn check(contents: &Contents, items: &[Item], subject: &Subject<'_>) -> Vec<Diagnostic> {
    let found = Tree::new(contents, items).and_then(|tree| check_tree(&tree, subject));
    found.unwrap_or_else(|error| {
        vec![
            Diagnostic::error("unreadable-package", "A package cannot be read")
                .detail(format!("A file of it cannot be read any more: {error}.")),
        ]
    })
}

fn check_tree(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    let mut findings = Vec::new();
    if subject.is_layer {
        findings.extend(layer::check(tree, subject));
    } else if is_provided(subject.runtime) {
        if tree.has(BOOTSTRAP) {
            let found = program::check(BOOTSTRAP, &tree.format(BOOTSTRAP)?, subject, tree);
            findings.extend(found.into_iter().map(|one| program::with_advice(one, subject)));
        }
    } else {
        findings.extend(handler::check(tree, subject)?);
    }
    findings.extend(native::check(tree, subject)?);
    Ok(findings)
}

impl Surroundings for Tree<'_> {
    fn has(&self, path: &str) -> Option<bool> {
        path.strip_prefix("/var/task/").map(|name| Tree::has(self, name))
    }

    fn places(&self, file_name: &str) -> Vec<String> {
        self.names().filter(|name| name.rsplit('/').next() == Some(file_name)).map(str::to_owned).collect()
    }
}

/// The limit holds for a function and its layers together; those of others have a size that is not known here.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
fn too_large_with_layers(request: &PackageRequest, artifacts: &BTreeMap<Address, Artifact>) -> Option<Diagnostic> {
    let mut layers: BTreeSet<&Address> = BTreeSet::new();
    request.layers.as_ref()?.visit_parts(&mut |part| {
        if let TemplatePart::Attribute { address, .. } = part {
            layers.insert(address);
        }
    });
    let bytes = |address: &Address| artifacts.get(address).map_or(0, |artifact| artifact.unzipped_bytes);
    let own = bytes(&request.address);
    let total: u64 = own + layers.iter().map(|layer| bytes(layer)).sum::<u64>();
    if total <= UNZIPPED_LIMIT_BYTES || own > UNZIPPED_LIMIT_BYTES {
        return None;
    }
    let each: Vec<String> = layers.iter().map(|layer| format!("`{layer}` {}", bytes(layer))).collect();
    let detail = format!(
        "The function and its layers unzip to {total} bytes together, and AWS takes {UNZIPPED_LIMIT_BYTES}: the package {own}, {}.",
        each.join(", ")
    );
    let diagnostic = Diagnostic::error("package-too-large", "The package is too large").detail(detail);
    Some(diagnostic.hint("an image may have 10 GB").address(&request.address).span(request.span.clone()))
}

//! Pre-flight: whether a package will start on Lambda, said before anything is uploaded.
//!
//! A finding is an error only where it is sure that the function, or a piece of it, cannot run; where code decides at
//! run time, nothing is said. Files are read only where a rule looks: headers of programs and libraries, and the file
//! of the handler.

mod bootstrap;
mod elf;
mod elsewhere;
mod emulator;
mod file;
mod format;
mod handler;
mod image;
mod imports;
mod layer;
mod links;
mod modes;
mod native;
mod program;
mod remembered;
mod script;
mod secrets;
mod syntax;
mod system;
#[cfg(test)]
pub(super) mod testing;
mod tree;

pub use file::{CheckedFile, check_file};
pub(super) use format::{Format, HEAD_BYTES};
pub(super) use image::{AWS_ENTRY_POINT, led};
pub use image::{ImageFacts, ImageFile, check_image, check_media_type};

pub(super) use bootstrap::{check_contents, check_names, is_provided};

use super::UNZIPPED_LIMIT_BYTES;
use super::contents::{BOOTSTRAP, Contents};
use super::hash::Item;
use super::packages::{Packages, Planned};
use crate::diagnostic::Diagnostic;
use crate::model::{Address, Artifact, PackageRequest};
use program::{Surroundings, TASK_ROOT};
use remembered::Remembered;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use syntax::Interpreters;
use tree::Tree;

pub(super) const LAYER: &str = "layer";

/// The code of what is built for another processor.
pub(super) const WRONG_ARCHITECTURE: &str = "wrong-architecture";

/// What a package has to fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject<'a> {
    /// Such as `provided.al2023`; empty for a layer that does not say.
    pub runtime: &'a str,
    /// What the runtime calls; empty where none is given.
    pub handler: &'a str,
    /// `arm64` or `x86_64`.
    pub architecture: &'a str,
    /// Whether layers, or folders that variables name, bring files that nobody sees here.
    pub has_more: bool,
    /// Whether variables of the function change how its language loads code.
    pub has_options: bool,
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
            has_more: request.has_layers() || elsewhere::has_search_path(request),
            has_options: elsewhere::has_options(request),
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
pub(super) fn check_all(packages: &Packages, requests: &[PackageRequest], cache: &Path, for_this_machine: bool) -> Vec<Diagnostic> {
    let mut groups: BTreeMap<(&str, Subject<'_>), Vec<&PackageRequest>> = BTreeMap::new();
    for request in requests {
        let Some(artifact) = packages.artifacts.get(&request.address) else { continue };
        for subject in subjects(request, requests, for_this_machine) {
            groups.entry((&artifact.content_hash, subject)).or_default().push(request);
        }
    }
    let (remembered, interpreters) = (Remembered::new(cache), Interpreters::default());
    let looks: Vec<Look<'_>> = groups
        .into_iter()
        .filter_map(|((content_hash, subject), requests)| {
            // What runs around an image's program is in the image, which was looked at when it was made.
            let planned = packages.planned(content_hash).ok().filter(|planned| planned.image.is_none())?;
            Some(Look { content_hash, subject, requests, planned })
        })
        .collect();
    let found = in_parallel(&looks, |look| look.findings(&remembered, &interpreters));
    let mut findings: Vec<Diagnostic> = found.into_iter().flatten().collect();
    findings.extend(secrets_in(packages, requests));
    findings.extend(requests.iter().filter_map(|request| too_large_with_layers(request, &packages.artifacts)));
    findings
}

/// The secrets in packages. What a package has to fit makes no difference to them.
fn secrets_in(packages: &Packages, requests: &[PackageRequest]) -> Vec<Diagnostic> {
    let mut users: BTreeMap<&str, Vec<&PackageRequest>> = BTreeMap::new();
    for request in requests {
        let artifact = packages.artifacts.get(&request.address);
        artifact.into_iter().for_each(|artifact| users.entry(&artifact.content_hash).or_default().push(request));
    }
    let found = users.into_iter().filter_map(|(content_hash, requests)| {
        let planned = packages.planned(content_hash).ok().filter(|planned| planned.image.is_none())?;
        // A file that cannot be read is told of by the look at the whole.
        let found = secrets::check(&planned.contents, &planned.items).ok()??;
        Some(super::work::shared_problem(found, &requests))
    });
    found.collect()
}

/// One look at a package.
struct Look<'a> {
    content_hash: &'a str,
    subject: Subject<'a>,
    requests: Vec<&'a PackageRequest>,
    planned: Arc<Planned>,
}

impl Look<'_> {
    fn findings(&self, remembered: &Remembered, interpreters: &Interpreters) -> Vec<Diagnostic> {
        let (contents, items, subject) = (&self.planned.contents, &self.planned.items, &self.subject);
        // Of what is built few files are read, where they lie; but a zip would be unpacked each time, and code read.
        let is_costly = matches!(contents, Contents::Archive(_)) || !is_provided(subject.runtime);
        if is_costly && remembered.is_clean(self.content_hash, subject, Remembered::PACKAGE) {
            return Vec::new();
        }
        let mut found = check(contents, items, subject);
        if needs_syntax(&found, subject) {
            found = with_syntax(found, self.syntax(remembered, interpreters));
        }
        if is_costly && found.is_empty() {
            remembered.keep(self.content_hash, subject, Remembered::PACKAGE);
        }
        found.into_iter().map(|one| super::work::shared_problem(one, &self.requests)).collect()
    }

    /// What an interpreter says of the handler's file, asked once for each package: to start one takes its time.
    fn syntax(&self, remembered: &Remembered, interpreters: &Interpreters) -> Option<Diagnostic> {
        if remembered.is_clean(self.content_hash, &self.subject, Remembered::SYNTAX) {
            return None;
        }
        // Where no interpreter can be asked, the function itself will tell.
        let syntax = syntax::of_handler(&self.planned.contents, &self.planned.items, &self.subject, interpreters).ok()?;
        if syntax.finding.is_none() && syntax.unseen.is_none() {
            remembered.keep(self.content_hash, &self.subject, Remembered::SYNTAX);
        }
        syntax.finding
    }
}

/// Whether an interpreter is to be asked: where nothing is wrong, and where only reading the text says that something is.
fn needs_syntax(found: &[Diagnostic], subject: &Subject<'_>) -> bool {
    let is_read_off = |one: &Diagnostic| !one.is_error() || handler::READ_OFF.contains(&one.code);
    !is_provided(subject.runtime) && !subject.is_layer && found.iter().all(is_read_off)
}

/// Code that its language cannot read has no functions at all, so that nothing else is told of those.
fn with_syntax(mut found: Vec<Diagnostic>, syntax: Option<Diagnostic>) -> Vec<Diagnostic> {
    let is_wrong = found.iter().any(Diagnostic::is_error);
    match &syntax {
        Some(syntax) if syntax.is_error() => found.retain(|one| !handler::READ_OFF.contains(&one.code)),
        _ if is_wrong => return found,
        _ => {}
    }
    found.extend(syntax);
    found
}

/// Does the work for each, as many at a time as there are cores, and gives back what came of it in their order.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let work_off = || {
        while let Some((index, item)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|index| Some((index, items.get(index)?))) {
            let one = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).insert(index, one);
        }
    };
    thread::scope(|scope| (0..super::work::cores().min(items.len())).for_each(|_| drop(scope.spawn(work_off))));
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
}

/// What a package has to fit: of a layer the functions that use it, where there are any.
fn subjects<'a>(request: &'a PackageRequest, all: &'a [PackageRequest], for_this_machine: bool) -> BTreeSet<Subject<'a>> {
    let own = Subject::of(request, for_this_machine);
    if !own.is_layer {
        return BTreeSet::from([own]);
    }
    let users = all.iter().filter(|user| user.layers_of_spec().contains(&request.address));
    let of_user =
        |user: &'a PackageRequest| Subject { is_layer: true, has_more: false, handler: "", ..Subject::of(user, for_this_machine) };
    let used: BTreeSet<Subject<'_>> = users.map(of_user).collect();
    if used.is_empty() { BTreeSet::from([own]) } else { used }
}

/// What is wrong with one package, by the order of its files.
pub(super) fn check(contents: &Contents, items: &[Item], subject: &Subject<'_>) -> Vec<Diagnostic> {
    let found = Tree::new(contents, items).and_then(|tree| {
        let tree = if subject.is_layer { tree.of_layer() } else { tree };
        check_tree(&tree, subject)
    });
    found.unwrap_or_else(|error| {
        vec![
            Diagnostic::error("unreadable-package", "A package cannot be read")
                .detail(format!("A file of it cannot be read any more: {error}.")),
        ]
    })
}

fn check_tree(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    let mut findings = Vec::new();
    let is_provided = is_provided(subject.runtime);
    let needed = match is_provided {
        _ if subject.is_layer => None,
        true => Some(BOOTSTRAP.to_owned()).filter(|name| tree.has(name)),
        false => handler::file(tree, subject),
    };
    let astray = needed.as_ref().and_then(|name| tree.astray(name));
    let astray = needed.iter().zip(&astray).find_map(|(name, end)| program::astray(name, end, subject));
    if subject.is_layer {
        findings.extend(layer::check(tree, subject)?);
    } else if astray.is_some() {
        findings.extend(astray);
    } else if is_provided && needed.is_some() {
        let found = program::check(BOOTSTRAP, &tree.format(BOOTSTRAP)?, subject, tree);
        findings.extend(found.into_iter().map(|one| program::with_advice(one, subject)));
    } else if !is_provided {
        findings.extend(handler::check(tree, subject)?);
        // What the code loads is of interest once it is loaded itself.
        findings.extend(if findings.is_empty() { imports::check(tree, subject)? } else { Vec::new() });
    }
    findings.extend(links::check(tree).filter(|_| !findings.iter().any(Diagnostic::is_error)));
    findings.extend(modes::check(tree, needed.as_deref(), subject)?);
    findings.extend(native::check(tree, subject)?);
    Ok(findings)
}

impl Surroundings for Tree<'_> {
    fn has(&self, path: &str) -> Option<bool> {
        let end = Surroundings::end(self, path);
        end.strip_prefix(TASK_ROOT).map(|name| self.mode(name).is_some())
    }

    fn end(&self, path: &str) -> String {
        let Some(name) = path.strip_prefix(TASK_ROOT) else { return path.to_owned() };
        let end = Tree::end(self, name);
        if end.starts_with('/') { end.into_owned() } else { format!("{TASK_ROOT}{end}") }
    }

    fn file(&self, path: &str) -> Option<(u32, Format)> {
        let end = Surroundings::end(self, path);
        let name = end.strip_prefix(TASK_ROOT)?;
        self.mode(name).zip(self.format(name).ok())
    }

    fn places(&self, file_name: &str) -> Vec<String> {
        self.names().filter(|name| name.rsplit('/').next() == Some(file_name)).map(str::to_owned).collect()
    }
}

/// The limit holds for a function and its layers together; those of others have a size that is not known here.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
fn too_large_with_layers(request: &PackageRequest, artifacts: &BTreeMap<Address, Artifact>) -> Option<Diagnostic> {
    let layers = request.layers_of_spec();
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

#[cfg(test)]
mod tests {
    use super::testing::Program;
    use super::*;
    use crate::model::{Form, TemplatePart, Value};
    use crate::package::filter::Filter;
    use crate::package::index::Index;
    use crate::package::source::Source;

    pub(super) const ON_LAMBDA: Subject<'_> = Subject {
        runtime: "",
        handler: "",
        architecture: "x86_64",
        has_more: false,
        has_options: false,
        is_layer: false,
        place: Place::Lambda,
    };

    pub(super) fn told(files: &[(&str, &[u8])], subject: &Subject<'_>) -> String {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        told_of(folder.path(), &Source::Directory(".".into(), Filter::default()), subject)
    }

    /// The same of a zip, of which each entry has a mode, and the kind of a link in it where it is one.
    pub(super) fn told_of_zip(entries: &[(&str, u32, &[u8])], subject: &Subject<'_>) -> String {
        let folder = tempfile::tempdir().unwrap();
        let mut zip = zip::ZipWriter::new(std::fs::File::create(folder.path().join("x.zip")).unwrap());
        for (name, mode, bytes) in entries {
            let options = zip::write::SimpleFileOptions::default().unix_permissions(mode & 0o777);
            if mode & crate::package::zip::KIND == crate::package::zip::SYMLINK {
                zip.add_symlink(*name, std::str::from_utf8(bytes).unwrap(), options).unwrap();
            } else {
                zip.start_file(*name, options).unwrap();
                std::io::Write::write_all(&mut zip, bytes).unwrap();
            }
        }
        zip.finish().unwrap();
        told_of(folder.path(), &Source::Zip("x.zip".into()), subject)
    }

    fn told_of(folder: &Path, source: &Source, subject: &Subject<'_>) -> String {
        let contents = super::super::contents::collect(folder, source, false, &crate::package::own::Own::default()).unwrap();
        let items = contents.read(&Index::default()).unwrap();
        let found = check(&contents, &items, subject);
        found.iter().map(|one| format!("{:?} {}: {} {:?}", one.severity, one.code, one.detail, one.hints)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_layer_has_what_it_brings_where_runtimes_look() {
        let layer = Subject { is_layer: true, ..ON_LAMBDA };
        for good in ["python/requests/__init__.py", "lib/libx.so.1", "bootstrap", "nodejs/node_modules/x/index.js"] {
            assert_eq!(told(&[(good, b"x")], &layer), "", "{good}");
        }
        insta::assert_snapshot!(told(&[("requests/__init__.py", b""), ("urllib3/x.py", b"")], &layer), @r#"Warning layer-folders: The layer has `requests/`, `urllib3/`, but runtimes look only into its folders `bin`, `lib`, `extensions`, `python`, `nodejs`, `java`, `ruby`. What lies elsewhere is found only by code that reads `/opt` itself. ["put what it has into a folder `python/`"]"#);
        insta::assert_snapshot!(told(&[("node_modules/x/index.js", b"")], &layer), @r#"Warning layer-folders: The layer has `node_modules/`, but runtimes look only into its folders `bin`, `lib`, `extensions`, `python`, `nodejs`, `java`, `ruby`. What lies elsewhere is found only by code that reads `/opt` itself. ["put what it has into a folder `nodejs/`"]"#);
    }

    #[test]
    fn what_runs_here_is_measured_by_this_machine() {
        let here = Subject { runtime: "provided.al2", place: Place::ThisMachine, ..ON_LAMBDA };
        let newer = Program { versions: &[("GLIBC_2.99", 0)], interpreter: Some("/bin/sh"), ..Program::DYNAMIC };
        assert_eq!(told(&[("bootstrap", &newer.bytes())], &here), "");
        assert_eq!(told(&[("bootstrap", b"#!/usr/bin/env python3\n")], &here), "");
        let foreign = Program { machine: object::elf::EM_AARCH64, ..Program::STATIC }.bytes();
        assert!(
            told(&[("bootstrap", &foreign)], &here)
                .contains("wrong-architecture: `bootstrap` is built for arm64, and this machine has x86_64")
        );
        insta::assert_snapshot!(told(&[("bootstrap", b"#!/nowhere/sh\n")], &here), @"Error missing-interpreter: `bootstrap` is run by `/nowhere/sh`, which this machine does not have. []");
    }

    #[test]
    fn a_library_that_nobody_knows_is_only_warned_of() {
        let subject = Subject { runtime: "provided.al2023", ..ON_LAMBDA };
        let program = Program { needed: &["libmine.so"], ..Program::DYNAMIC }.bytes();
        insta::assert_snapshot!(told(&[("bootstrap", &program)], &subject), @r#"Warning missing-library: `bootstrap` needs `libmine.so`, which the package does not have, and most likely Amazon Linux 2023 has not either. ["what lies in the package as `lib/…` is found too"]"#);
        assert_eq!(told(&[("bootstrap", &program)], &Subject { has_more: true, ..subject }), "");
    }

    #[test]
    fn a_program_with_its_bytes_the_other_way_round_is_told_as_that() {
        let subject = Subject { runtime: "provided.al2023", ..ON_LAMBDA };
        let mut program = Program::STATIC.bytes();
        program[5] = 2;
        let found = told(&[("bootstrap", &program)], &subject);
        assert!(
            found.starts_with("Error wrong-architecture: `bootstrap` is built for a processor that has the highest byte first"),
            "{found}"
        );
    }

    #[test]
    fn a_name_that_is_deleted_is_no_handler() {
        let subject = Subject { runtime: "python3.13", handler: "app.handler", ..ON_LAMBDA };
        let found = told(&[("app.py", b"def handler(event, context):\n    return 1\ndel handler\n")], &subject);
        assert!(found.starts_with("Error no-handler-function") && found.contains("`del handler`"), "{found}");
        assert_eq!(told(&[("app.py", b"handler = 1\ndel handler\ndef handler(event, context): pass\n")], &subject), "");
    }

    #[test]
    fn layers_count_against_the_size() {
        let address = |kind: &str| Address::new(kind, "x");
        let layers = |address: Address| Value::Unresolved(vec![TemplatePart::Attribute { address, attribute: "arn".into() }]);
        let mut request = PackageRequest {
            address: address("function"),
            code: None,
            build: None,
            image: None,
            image_config: None,
            runtime: "python3.13".into(),
            handler: String::new(),
            architectures: Vec::new(),
            layers: Some(Value::List(vec![layers(address("layer"))])),
            environment: None,
            span: None,
        };
        let artifact = |unzipped_bytes| Artifact { content_hash: String::new(), form: Form::Zip, unzipped_bytes, files: 1 };
        let sizes = |own, layer| BTreeMap::from([(address("function"), artifact(own)), (address("layer"), artifact(layer))]);
        assert_eq!(too_large_with_layers(&request, &sizes(UNZIPPED_LIMIT_BYTES - 1, 1)), None);
        let found = too_large_with_layers(&request, &sizes(UNZIPPED_LIMIT_BYTES, 1)).unwrap();
        insta::assert_snapshot!(found.detail, @"The function and its layers unzip to 262144001 bytes together, and AWS takes 262144000: the package 262144000, `layer.x` 1.");
        request.layers = None;
        assert_eq!(too_large_with_layers(&request, &sizes(UNZIPPED_LIMIT_BYTES, 1)), None);
    }
}

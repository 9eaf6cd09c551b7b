//! Which packages a run makes, and which builds: equal ones once.

use super::builder::{Build, Builders, Built, Job};
use super::check::{LAYER, is_provided};
use super::image::ImageSource;
use super::index::Index;
use super::own::Own;
use super::source::{Source, parse_request};
use crate::diagnostic::Diagnostic;
use crate::model::PackageRequest;
use std::collections::BTreeMap;
use std::path::Path;
use tokio::sync::OnceCell;

pub(super) const DEFAULT_ARCHITECTURE: &str = "x86_64";

/// One package and the functions that share it.
pub(super) struct Package {
    pub source: Source,
    pub is_provided: bool,
    /// Whether its program may also come with a layer.
    pub has_layers: bool,
    /// The folder in which its files lie, of a layer that is built for a language.
    pub below: Option<&'static str>,
    /// Which of the builds makes it.
    pub build: Option<usize>,
    pub requests: Vec<PackageRequest>,
}

impl Package {
    /// Whether it must have its program itself
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>).
    pub fn needs_bootstrap(&self) -> bool {
        self.is_provided && !self.has_layers
    }

    /// Whether something is built or fetched for it.
    pub fn takes_time(&self) -> bool {
        self.build.is_some() || matches!(self.source, Source::Image(_))
    }
}

/// One build and what came of it.
pub(super) struct Work {
    /// Tells it apart from others in every run, also when its options were changed.
    pub name: String,
    pub build: Build,
    pub architecture: String,
    /// Of the function that needs it, or the first of several.
    pub request: PackageRequest,
    pub is_per_function: bool,
    pub done: OnceCell<Result<Built, Diagnostic>>,
}

impl Work {
    /// The build as it stands in the spec, which lies in `folder`; nothing runs.
    pub fn job<'a>(&'a self, folder: &'a Path, own: &'a Own, index: &'a Index) -> Job<'a> {
        Job {
            build: &self.build,
            function: &self.request.address.name,
            architecture: &self.architecture,
            runtime: &self.request.runtime,
            handler: &self.request.handler,
            is_layer: self.request.address.kind == LAYER,
            folder,
            cache: folder,
            own,
            index,
            may_run: false,
            for_this_machine: false,
        }
    }
}

/// Equal packages become one, and equal builds too.
pub(super) fn group(mut requests: Vec<PackageRequest>, folder: &Path, builders: &Builders) -> (Vec<Package>, Vec<Work>, Vec<Diagnostic>) {
    let (mut packages, mut works, mut problems) = (Vec::<Package>::new(), Works::default(), Vec::new());
    let mut known = BTreeMap::new();
    requests.sort_by(|one, other| one.address.cmp(&other.address));
    for request in requests {
        let source = match parse_request(&request, folder, builders) {
            Ok(source) => source,
            Err(found) => {
                problems.extend(found.into_iter().map(|problem| placed(problem, &request)));
                continue;
            }
        };
        // There is nothing to make.
        if source == Source::Image(ImageSource::Existing) {
            continue;
        }
        let build = source.build().map(|build| work_for(build, &request, builders, &mut works));
        let is_provided = is_provided(&request.runtime);
        if let Some(problem) = misfit(&source, &request, folder, builders) {
            problems.push(placed(problem, &request));
            continue;
        }
        // Every image is for one architecture, whatever is in it.
        let architecture = if matches!(source, Source::Image(_)) { architecture(&request) } else { "" };
        let has_layers = request.has_layers();
        let builder = source.build().filter(|_| request.address.kind == LAYER).and_then(|build| builders.find(&build.kind));
        let below = builder.and_then(|builder| builder.folder_in_layers());
        let key = format!("{source:?} {is_provided} {has_layers} {below:?} {build:?} {architecture}");
        match known.get(&key).and_then(|index: &usize| packages.get_mut(*index)) {
            Some(package) => package.requests.push(request),
            None => {
                known.insert(key, packages.len());
                packages.push(Package { source, is_provided, has_layers, below, build, requests: vec![request] });
            }
        }
    }
    (packages, works.list, problems)
}

pub(super) fn architecture(request: &PackageRequest) -> &str {
    request.architectures.first().map_or(DEFAULT_ARCHITECTURE, String::as_str)
}

/// Builds, each once; `known` has them by what tells them apart.
#[derive(Default)]
struct Works {
    list: Vec<Work>,
    known: BTreeMap<String, usize>,
}

fn work_for(build: &Build, request: &PackageRequest, builders: &Builders, works: &mut Works) -> usize {
    let architecture = architecture(request);
    let is_per_function = builders.find(&build.kind).is_some_and(|builder| builder.is_per_function(build));
    let owner = if is_per_function { request.address.name.as_str() } else { "" };
    let variant = builders.find(&build.kind).map(|builder| builder.variant(request)).unwrap_or_default();
    *works.known.entry(format!("{build:?} {architecture} {owner} {variant}")).or_insert_with(|| {
        let name = format!("{} {} {owner}", build.kind, build.path);
        let (build, architecture, request) = (build.clone(), architecture.to_owned(), request.clone());
        works.list.push(Work { name, build, architecture, request, is_per_function, done: OnceCell::new() });
        works.list.len() - 1
    })
}

/// A function that could not run what is built for it.
fn misfit(source: &Source, request: &PackageRequest, folder: &Path, builders: &Builders) -> Option<Diagnostic> {
    let Source::Build(build) = source else { return None };
    // A layer is not run by itself.
    builders.find(&build.kind).filter(|_| request.address.kind == "function")?.misfit(build, request, folder)
}

/// Errors are placed at the function that asked.
pub(super) fn placed(problem: Diagnostic, request: &PackageRequest) -> Diagnostic {
    problem.address(request.address.clone()).span(request.span.clone())
}

//! Makes all packages of a run.

use super::Options;
use super::builder::{Builders, Built, Job};
use super::cache;
use super::check::{WRONG_ARCHITECTURE, check_contents, check_names};
use super::contents::{self, Contents};
use super::fingerprint::Sources;
use super::group::{DEFAULT_ARCHITECTURE, Package, Work, architecture, group, placed};
use super::hash::content_hash;
use super::image::{self, ImageJob, ImageSource, Store};
use super::index::Index;
use super::manifest::Manifests;
use super::own::Own;
use super::packages::{Making, Packages, Planned};
use super::packed::{self, Packed};
use super::problem::{MISSING_FILE, blocking, brief, list, missing, told_once};
use super::source::Source;
use crate::diagnostic::{Diagnostic, Severity};
use crate::model::{Artifact, Event, Form, PackageRequest, StoredCode, Value};
use futures::StreamExt;
use futures::stream;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// A package that is ready.
struct Ready {
    planned: Planned,
    making: Making,
    sources: Option<Sources>,
    artifact: Artifact,
    warnings: Vec<Diagnostic>,
}

/// A package and what came of it.
type Outcome = (Package, Result<Ready, Diagnostic>);

struct Run<'a> {
    options: &'a Options<'a>,
    builders: &'a Builders,
    index: Index,
    works: Vec<Work>,
    started: AtomicUsize,
    total: usize,
}

/// Makes the packages, and tells what kept some from being made.
pub(super) async fn make(requests: Vec<PackageRequest>, options: &Options<'_>, builders: &Builders) -> (Packages, Vec<Diagnostic>) {
    let total = requests.len();
    let (packages, works, mut problems) = group(requests, options.folder, builders);
    let entered = enter(options.cache, !packages.is_empty()).await;
    let (user, index) = entered.unwrap_or_else(|problem| {
        problems.push(problem);
        (None, Index::default())
    });
    let run = Run { options, builders, index, works, started: AtomicUsize::new(0), total };
    let clashes = run.shared_outputs();
    let may_go_on = options.keep_going && clashes.is_empty();
    problems.extend(clashes);
    if total > 0 {
        (options.events)(Event::BuildStarted { total });
    }
    let (built, given): (Vec<Package>, Vec<Package>) = packages.into_iter().partition(Package::takes_time);
    let mut made = run.make_all(given, true).await;
    let is_sound = problems.is_empty() && made.iter().all(|(_, made)| made.is_ok());
    // A build takes its time: whoever waits for the end of the checks need not wait for it.
    if is_sound {
        options.checked.notify_one();
    }
    if is_sound || may_go_on {
        made.extend(run.make_all(built, options.keep_going).await);
    }
    let index = run.index.clone();
    let saved = blocking(move || {
        index.save();
        Ok(())
    });
    problems.extend(saved.await.err());
    run.finish(made, problems, user)
}

/// Reads what earlier runs left. Where nothing is made, nothing is written either.
async fn enter(cache: &Path, is_used: bool) -> Result<(Option<cache::User>, Index), Diagnostic> {
    let folder = cache.to_owned();
    let entered = blocking(move || Ok((if is_used { cache::enter(&folder) } else { None }, Index::load(&folder))));
    entered.await
}

/// What is wrong with the packages as far as it shows without a build and without reading what files hold.
pub(super) fn check(requests: Vec<PackageRequest>, options: &Options<'_>, builders: &Builders, is_made_later: bool) -> Vec<Diagnostic> {
    let requests: Vec<PackageRequest> = requests.into_iter().filter(is_readable).collect();
    let total = requests.len();
    let (packages, works, mut problems) = group(requests, options.folder, builders);
    let run = Run { options, builders, index: Index::default(), works, started: AtomicUsize::new(0), total };
    problems.extend(run.shared_outputs());
    for package in &packages {
        let Err(problem) = look(package, options) else { continue };
        let problem = shared_problem(problem, &package.requests);
        let may_come = is_made_later && package.build.is_none() && problem.code == MISSING_FILE;
        problems.push(if may_come { made_later(problem) } else { problem });
    }
    problems
}

/// What the builds of all these make, where that is the user's to say.
pub(super) fn outputs(requests: Vec<PackageRequest>, folder: &Path, builders: &Builders) -> Vec<PathBuf> {
    let (_, works, _) = group(requests.into_iter().filter(is_readable).collect(), folder, builders);
    let (index, own) = (Index::default(), Own::default());
    works.iter().filter_map(|work| builders.find(&work.build.kind)?.output(&work.job(folder, &own, &index))).collect()
}

/// Whether exactly one source is given, and could be read: everything else the spec has told already.
fn is_readable(request: &PackageRequest) -> bool {
    let is_broken = |value: &Value| matches!(value, Value::Unresolved(parts) if parts.is_empty());
    let given: Vec<&Value> = [&request.code, &request.build, &request.image].into_iter().flatten().collect();
    match given[..] {
        [value] => !is_broken(value) && !value.as_table().is_some_and(|table| table.values().any(is_broken)),
        _ => false,
    }
}

/// Looks at what is there already.
fn look(package: &Package, options: &Options<'_>) -> Result<(), Diagnostic> {
    let folder = options.folder;
    match &package.source {
        Source::Build(build) => {
            let path = folder.join(&build.path);
            if path.exists() { Ok(()) } else { Err(missing(&path, &build.path, "folder")) }
        }
        Source::Image(image) => image::check(image, folder),
        Source::Stored(_) => Ok(()),
        source => {
            let contents = contents::collect(folder, source, package.is_provided, options.own)?;
            check_names(&contents, package.needs_bootstrap())?;
            if options.has_code_bucket { Ok(()) } else { packed::check_given(&contents) }
        }
    }
}

/// A program that is only named may be made by a step before `up`.
fn made_later(problem: Diagnostic) -> Diagnostic {
    Diagnostic { severity: Severity::Warning, ..problem }.hint("`plan` and `up` need it: make it before")
}

/// Why an image must run on this machine, whatever the function says.
const HERE: &str = "with `--local`, images are made for this machine";

pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

impl Run<'_> {
    fn job<'a>(&'a self, work: &'a Work) -> Job<'a> {
        let Options { folder, cache, own, build, for_this_machine, .. } = *self.options;
        Job { cache, may_run: build, for_this_machine, ..work.job(folder, own, &self.index) }
    }

    /// Builds that differ and write to the same place: one of them would be deployed as the other.
    fn shared_outputs(&self) -> Vec<Diagnostic> {
        let mut writers: BTreeMap<PathBuf, Vec<&Work>> = BTreeMap::new();
        for work in &self.works {
            if let Some(output) = self.builders.find(&work.build.kind).and_then(|builder| builder.output(&self.job(work))) {
                writers.entry(output).or_default().push(work);
            }
        }
        writers.iter().filter(|(_, works)| works.len() > 1).map(|(output, works)| shared_output(output, works)).collect()
    }

    /// Makes packages, as many at a time as there are cores; unless it is to keep going, until one cannot be made:
    /// builds that still run then are ended.
    async fn make_all(&self, packages: Vec<Package>, keep_going: bool) -> Vec<Outcome> {
        let number = packages.len();
        let mut making = stream::iter(packages).map(|package| self.make(package)).buffer_unordered(cores());
        let mut made = Vec::with_capacity(number);
        while let Some(mut one) = making.next().await {
            let is_end = one.1.is_err() && !keep_going;
            let left_out = number - made.len() - 1;
            if let Err(problem) = &mut one.1
                && is_end
                && left_out > 0
            {
                problem.hints.push(format!("{} not built because of it; `lambdo build --keep-going` shows every error", others(left_out)));
            }
            made.push(one);
            if is_end {
                break;
            }
        }
        made
    }

    async fn make(&self, package: Package) -> Outcome {
        let started = Instant::now();
        for request in &package.requests {
            let index = self.started.fetch_add(1, Ordering::Relaxed) + 1;
            (self.options.events)(Event::Building { function: request.shown(), index, total: self.total });
        }
        let mut made = self.make_one(&package).await;
        let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        for function in package.requests.iter().map(PackageRequest::shown) {
            (self.options.events)(match &mut made {
                Ok(ready) => {
                    ready.making.elapsed_ms = elapsed_ms;
                    let (bytes, cached) = (ready.artifact.unzipped_bytes, ready.making.is_cached);
                    let as_before = !cached && Manifests::new(self.options.cache).has(&ready.artifact.content_hash);
                    Event::Built { function, bytes, cached, as_before, elapsed_ms }
                }
                Err(_) => Event::BuildFailed { function, elapsed_ms },
            });
        }
        (package, made)
    }

    async fn make_one(&self, package: &Package) -> Result<Ready, Diagnostic> {
        if let Source::Stored(code) = &package.source {
            return Ok(stored(code));
        }
        let built = self.build(package).await?;
        if let Source::Image(image) = &package.source {
            return self.image(package, image, built).await;
        }
        let folder = built.as_ref().map_or_else(|| self.options.folder.to_owned(), |built| built.output.clone());
        let mut ready = self.hash(package, folder).await?;
        if !self.options.has_code_bucket {
            ready = fitting(ready, Packed::new(self.options.cache)).await?;
        }
        ready.making.is_cached = built.as_ref().is_none_or(|built| built.is_cached);
        ready.warnings = Self::warnings(package, built.as_ref());
        ready.sources = built.and_then(|built| built.sources);
        Ok(ready)
    }

    /// Reads the files of a package, which lie in `folder`.
    async fn hash(&self, package: &Package, folder: PathBuf) -> Result<Ready, Diagnostic> {
        let (index, own, source) = (self.index.clone(), self.options.own.clone(), package.source.clone());
        let (is_provided, needs_bootstrap, below) = (package.is_provided, package.needs_bootstrap(), package.below);
        let collect = move || {
            let contents = contents::collect(&folder, &source, is_provided, &own)?;
            let contents = if let Some(below) = below { contents.below(below)? } else { contents };
            ready(&index, contents, needs_bootstrap)
        };
        blocking(collect).await
    }

    /// Makes an image, of what its build made where it has one.
    async fn image(&self, package: &Package, image: &ImageSource, built: Option<Built>) -> Result<Ready, Diagnostic> {
        let Options { folder, cache, own, build: may_run, for_this_machine, .. } = *self.options;
        let architecture = package.requests.first().map_or(DEFAULT_ARCHITECTURE, architecture);
        let (index, events) = (&self.index, &self.options.events);
        let job = ImageJob { architecture, folder, cache, own, index, may_run, for_this_machine, events };
        let made = self.builders.images().make(image, built.as_ref(), job).await?;
        let (requests, of, kept) = (package.requests.clone(), architecture.to_owned(), cache.to_owned());
        let made = blocking(move || made.verified(&requests, &of, &kept)).await;
        let is_of_use = |problem: &Diagnostic| for_this_machine && problem.code == WRONG_ARCHITECTURE;
        let made = made.map_err(|problem| if is_of_use(&problem) { problem.hint(HERE) } else { problem })?;
        let unzipped_bytes = made.image.blobs.iter().map(|blob| blob.bytes).sum();
        let artifact = Artifact { content_hash: made.image.digest(), form: Form::Image, unzipped_bytes, files: made.items.len() };
        // Files that are put together without a build are never news, the image of them is.
        let is_known = made.is_cached && Manifests::new(cache).has(&artifact.content_hash);
        let found = built.iter().flat_map(|built| built.warnings.clone()).chain(news(made.warnings, is_known));
        let warnings = package.requests.first().map(|first| found.map(|warning| placed(warning, first)).collect());
        Ok(Ready {
            planned: Planned { contents: Contents::Files(made.entries), items: made.items, image: Some(made.image) },
            making: Making { is_cached: made.is_cached, elapsed_ms: 0 },
            sources: made.sources,
            artifact,
            warnings: warnings.unwrap_or_default(),
        })
    }

    /// What should be known about what was built, at the first function that it concerns.
    fn warnings(package: &Package, built: Option<&Built>) -> Vec<Diagnostic> {
        let (Some(built), Some(first)) = (built, package.requests.first()) else { return Vec::new() };
        built.warnings.iter().map(|warning| placed(warning.clone(), first)).collect()
    }

    async fn build(&self, package: &Package) -> Result<Option<Built>, Diagnostic> {
        let Some(work) = package.build.and_then(|index| self.works.get(index)) else { return Ok(None) };
        // `parse` has found the builder before.
        let Some(builder) = self.builders.find(&work.build.kind) else { return Ok(None) };
        let built = work.done.get_or_init(|| async { builder.build(&self.job(work)).await }).await.clone()?;
        if let Some(kept) = built.output.strip_prefix(self.options.cache).ok().and_then(|inner| inner.components().next()) {
            cache::used(&self.options.cache.join(kept));
        }
        Ok(Some(built))
    }

    fn finish(&self, made: Vec<Outcome>, mut problems: Vec<Diagnostic>, user: Option<cache::User>) -> (Packages, Vec<Diagnostic>) {
        let cache = self.options.cache;
        let images = self.builders.images().clone();
        let mut packages = Packages::new(self.options.folder, Manifests::new(cache), images, Store::new(cache), user);
        for (package, made) in made {
            let name = package.build.and_then(|index| self.works.get(index)).map_or("", |work| work.name.as_str());
            match made {
                Ok(ready) => {
                    packages.diagnostics.extend(ready.warnings);
                    let addresses = package.requests.into_iter().map(|request| request.address);
                    packages.add(addresses, ready.artifact, ready.planned, ready.making, name, ready.sources.as_ref());
                }
                Err(problem) => problems.push(shared_problem(problem, &package.requests)),
            }
        }
        problems.sort_by(order);
        packages.diagnostics = told_once(std::mem::take(&mut packages.diagnostics));
        (packages, told_once(problems))
    }
}

/// A fact worth knowing is worth it when the image is new; warnings always are.
pub(super) fn news(warnings: Vec<Diagnostic>, is_cached: bool) -> impl Iterator<Item = Diagnostic> {
    warnings.into_iter().filter(move |warning| !is_cached || warning.severity != Severity::Note)
}

/// Problems come in the order in which the work ends.
pub(super) fn order(one: &Diagnostic, other: &Diagnostic) -> std::cmp::Ordering {
    (&one.address, one.code, &one.detail).cmp(&(&other.address, other.code, &other.detail))
}

/// The packages, if nothing kept one from being made; nobody has looked at what is in them.
#[cfg(test)]
pub(super) async fn resolve(
    requests: Vec<PackageRequest>,
    options: &Options<'_>,
    builders: &Builders,
) -> Result<Packages, Vec<Diagnostic>> {
    let (packages, problems) = make(requests, options, builders).await;
    if problems.is_empty() { Ok(packages) } else { Err(problems) }
}

/// `12 other packages were`
fn others(number: usize) -> String {
    if number == 1 { "one other package was".to_owned() } else { format!("{number} other packages were") }
}

fn shared_output(output: &Path, works: &[&Work]) -> Diagnostic {
    let functions: Vec<String> = works.iter().map(|work| work.request.shown()).collect();
    let functions: Vec<&str> = functions.iter().map(String::as_str).collect();
    let diagnostic = Diagnostic::error("shared-output", "Builds that differ write to the same place").detail(format!(
        "The builds of {} all make `{}`, so that one of them would be deployed in the place of another. Give each its own `output`.",
        list(&functions),
        brief(output)
    ));
    let diagnostic = works.first().map_or_else(|| diagnostic.clone(), |work| placed(diagnostic.clone(), &work.request));
    let architectures: Vec<&str> = works.iter().map(|work| work.architecture.as_str()).collect();
    if architectures.iter().any(|architecture| *architecture != architectures[0]) {
        diagnostic.hint(format!("they differ in their architectures: {}", list(&architectures)))
    } else if works.iter().any(|work| work.is_per_function) {
        diagnostic.hint("`output = \"bin/${name}/bootstrap\"` differs by function")
    } else {
        diagnostic
    }
}

/// The same package, if it fits into a call.
async fn fitting(ready: Ready, packed: Packed) -> Result<Ready, Diagnostic> {
    blocking(move || {
        packed.check(&ready.planned.contents, &ready.artifact)?;
        Ok(ready)
    })
    .await
}

fn ready(index: &Index, contents: Contents, needs_bootstrap: bool) -> Result<Ready, Diagnostic> {
    let items = contents.read(index).map_err(unreadable)?;
    check_contents(&contents, &items, needs_bootstrap)?;
    let unzipped_bytes = items.iter().map(|item| item.bytes).sum();
    let artifact = Artifact { content_hash: content_hash(&items), form: Form::Zip, unzipped_bytes, files: items.len() };
    let making = Making { is_cached: true, elapsed_ms: 0 };
    Ok(Ready { planned: Planned { contents, items, image: None }, making, sources: None, artifact, warnings: Vec::new() })
}

/// What lies in S3 already is only named.
fn stored(code: &StoredCode) -> Ready {
    let artifact = Artifact { content_hash: code.content_hash(), form: Form::Stored, unzipped_bytes: 0, files: 0 };
    let planned = Planned { contents: Contents::Files(Vec::new()), items: Vec::new(), image: None };
    Ready { planned, making: Making { is_cached: true, elapsed_ms: 0 }, sources: None, artifact, warnings: Vec::new() }
}

fn unreadable(detail: String) -> Diagnostic {
    Diagnostic::error("unreadable-package", "A package cannot be read").detail(detail)
}

/// A package is looked at once, so its problem is told once, at the first function that needs it.
pub(super) fn shared_problem<R: Borrow<PackageRequest>>(problem: Diagnostic, requests: &[R]) -> Diagnostic {
    let [first, others @ ..] = requests else { return problem };
    let problem = placed(problem, first.borrow());
    if others.is_empty() {
        return problem;
    }
    let names: Vec<String> = others.iter().map(|other| other.borrow().shown()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    problem.hint(format!("the same package is needed by {}", list(&names)))
}

//! From a function's `code` or `build` to a package: its files, known by their contents' hash, and
//! the zip of them when an operation uploads it.
//!
//! # How packages are made
//!
//! `group.rs` finds out which packages and builds there are, equal ones once; `work.rs` makes them. `index.rs`
//! remembers what files held, by size and times, so that what did not move is not read; `fingerprint.rs` what a
//! build was made from, so that it is not run again; `manifest.rs` what packages held, so that a plan can say why
//! one is another. `own.rs` says what never belongs to a package: states, and what builds make. `cache.rs` knows
//! who uses `state/build`, and what goes. `check/` judges packages that are ready: it runs no code (an interpreter
//! only reads the handler's file, once per package), and an error is sure. `image/` makes images: blobs named by
//! digest in `state/build/blobs`, base layers fetched only when they are pushed; `image/listing.rs` knows what lies
//! in layers, `image/froms.rs` what a Dockerfile begins with. `script/` is what Python and Node.js share.
//! `engine.rs` lists the container engines, and `container.rs` mounts folders under their own names, so that paths
//! mean the same inside. `spec/discover/` writes the functions that it finds into the tree before sections are
//! read.

mod builder;
mod cache;
mod call;
mod check;
mod command;
mod container;
mod contents;
mod engine;
mod environment;
mod filter;
mod fingerprint;
mod go;
mod group;
mod hash;
mod image;
mod index;
mod language;
mod manifest;
mod marks;
mod node;
mod option;
mod own;
mod packages;
mod packed;
mod problem;
mod process;
mod python;
mod rust;
mod script;
mod source;
#[cfg(all(test, unix))]
mod testing;
#[cfg(test)]
mod tests;
mod walk;
mod work;
mod zip;

pub use builder::{Build, Builder, Builders, Built, Job};
pub use check::{CheckedFile, ImageFacts, ImageFile, check_file, check_image, check_media_type};
pub use filter::Filter;
pub use node::NODE_RUNTIME;
pub use own::Own;
pub use packages::{Making, PackageDiff, Packages, PackedFile, PackedSize};
pub use python::PYTHON_RUNTIME;
pub use script::exported::{exported_functions, python_functions};
pub use script::handlers::{exports_handler, python as python_handler};
pub use source::{Source, parse};

use crate::diagnostic::Diagnostic;
use crate::model::{EventSink, PackageRequest};
use std::path::{Path, PathBuf};
use tokio::sync::Notify;

/// The code of the diagnostic for a build that did not go through, as opposed to a wrong spec.
pub const BUILD_FAILED: &str = "build-failed";
/// The code of a base image whose registry does not answer.
const BASE_UNREACHABLE: &str = "base-image-unreachable";

/// The code of the diagnostic for something that a build needs and the machine lacks.
pub const TOOL_MISSING: &str = "tool-missing";

/// Whether a diagnostic is about a build or the machine, and not about the spec.
pub fn is_build_failure(diagnostic: &Diagnostic) -> bool {
    [BUILD_FAILED, BASE_UNREACHABLE, TOOL_MISSING].contains(&diagnostic.code)
}

/// The most that the files of a function may weigh together, in bytes: 250 MB unzipped.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const UNZIPPED_LIMIT_BYTES: u64 = 262_144_000;

/// The most that a zip may weigh that is sent with the call itself, in bytes: 50 MB.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub const ZIP_LIMIT_BYTES: u64 = 52_428_800;

/// How packages are made.
pub struct Options<'a> {
    /// The folder of the spec; paths are relative to it.
    pub folder: &'a Path,
    /// Where fingerprints of earlier builds are kept; made when needed.
    pub cache: &'a Path,
    /// What belongs to no package: see [`own`](fn@own).
    pub own: &'a Own,
    /// Whether builds may run. Otherwise what they made last is used, or missed.
    pub build: bool,
    /// Whether the other builds go on when one has failed.
    pub keep_going: bool,
    /// Whether what is built runs on this machine, and not on Lambda. The requests then have this
    /// machine's architecture.
    pub for_this_machine: bool,
    /// Whether packages that are too large for a call can go through a bucket.
    pub has_code_bucket: bool,
    /// Told what happens.
    pub events: EventSink,
    /// Told when everything that needs no build was looked at, and nothing is wrong with it so far.
    pub checked: &'a Notify,
}

/// What belongs to no package: the folders of states, the spec, and what the builds of all requests make. A run for one
/// function must know of all, or its package would be another one than in a run for all.
pub fn own(states: Vec<PathBuf>, spec: Option<PathBuf>, requests: Vec<PackageRequest>, folder: &Path) -> Own {
    Own::new(states).and(work::outputs(requests, folder, &Builders::new()).into_iter().chain(spec))
}

/// What is wrong with the packages as far as it shows without building and without reading what files hold.
/// What `code` names and is not there is only a warning where `is_made_later`.
pub fn check(requests: Vec<PackageRequest>, options: &Options<'_>, is_made_later: bool) -> Vec<Diagnostic> {
    work::check(requests, options, &Builders::new(), is_made_later)
}

/// Makes the packages of all requests: builds in parallel, equal builds and equal packages once. Then looks at what
/// keeps them from starting on Lambda, or under `--local` on this machine.
///
/// # Errors
/// Everything that is wrong with any of them. While a section or a file is wrong, no build runs, unless it is to keep
/// going.
pub async fn resolve(requests: Vec<PackageRequest>, options: &Options<'_>) -> Result<Packages, Vec<Diagnostic>> {
    let (packages, mut problems) = work::make(requests.clone(), options, &Builders::new()).await;
    let (cache, for_this_machine) = (options.cache.to_owned(), options.for_this_machine);
    let checked = problem::blocking(move || {
        let found = check::check_all(&packages, &requests, &cache, for_this_machine);
        Ok((packages, found))
    });
    let (mut packages, found) = checked.await.map_err(|problem| vec![problem])?;
    let (errors, warnings): (Vec<_>, Vec<_>) = found.into_iter().partition(Diagnostic::is_error);
    problems.extend(errors);
    packages.diagnostics.extend(warnings);
    packages.diagnostics.sort_by(work::order);
    if problems.is_empty() {
        return Ok(packages);
    }
    problems.extend(packages.diagnostics);
    problems.sort_by(work::order);
    Err(problems)
}

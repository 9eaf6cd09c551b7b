//! A Rust in a container.

use super::options::Options;
use crate::diagnostic::Diagnostic;
use crate::package::cache;
use crate::package::call::Said;
use crate::package::container::{Containers, Room};
use crate::package::engine::Engines;
use crate::package::environment::Environment;
use crate::package::{BUILD_FAILED, Job};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Debian 12 is the newest one whose programs run on Amazon Linux 2023 as a rule: both have what glibc 2.34 has.
/// <https://hub.docker.com/_/rust>
const IMAGE: &str = "docker.io/library/rust";
const IMAGE_SUFFIX: &str = "-bookworm";
/// Where nothing says which version is wanted: the newest that keeps Rust's promise of compatibility.
const ANY_VERSION: &str = "1";
/// The beginnings of variables that cargo needs to fetch crates as it would outside.
const HANDED_IN: [&str; 6] = ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"];

/// Adds the target to what the container has, once for all builds, and chooses a linker where the usual one is another
/// processor's: a C compiler that is there, else Rust's own, which can do without a C library.
const SCRIPT: &str = r#"set -e
target=$1 other=$2 linker=$3 kept=$4
shift 4
setting() { echo "CARGO_TARGET_$(echo "$1" | tr 'a-z.-' 'A-Z__')_LINKER"; }
if [ -n "$linker" ]; then
    if command -v "$linker" >/dev/null; then
        export "$(setting "$target")=$linker"
    else
        target=$other
        export "$(setting "$target")=rust-lld"
    fi
fi
library=$(rustc --print sysroot)/lib/rustlib/$target
if [ ! -d "$library" ]; then
    kept=$kept/$(rustc --version | tr -c 'a-zA-Z0-9.\n' -)-$target
    if [ -d "$kept" ]; then
        cp -R "$kept" "$library"
    else
        rustup target add "$target" >&2
        mkdir -p "${kept%/*}"
        cp -R "$library" "$kept.$$"
        mv "$kept.$$" "$kept"
    fi
fi
export CARGO_BUILD_TARGET=$target
exec cargo "$@"
"#;

/// What a container builds for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aim {
    /// The target.
    pub target: String,
    /// Another one for the same processor, which Rust's own linker can link.
    pub other: String,
    /// The C compiler that links for it; empty where the usual one does.
    pub linker: String,
}

/// The container that builds.
#[derive(Debug)]
pub(super) struct Contained {
    containers: Containers,
    image: String,
    why: &'static str,
    room: Room,
    store: PathBuf,
    environment: Environment,
}

impl Contained {
    /// Finds an engine, and what it must be given.
    ///
    /// # Errors
    /// When there is no engine, or nothing says which image.
    pub fn new(
        job: &Job<'_>,
        options: &Options,
        (engines, environment): (&Engines, &Environment),
        missing: &'static str,
    ) -> Result<Self, Diagnostic> {
        let containers = Containers::required(options.container, engines, environment, &job.build.path)?;
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let folder = absolute(&job.path()).canonicalize().unwrap_or_else(|_| absolute(&job.path()));
        let image = image(options, &folder)?;
        let store = absolute(&job.cache.join("rust-in-container"));
        std::fs::create_dir_all(&store).map_err(|error| {
            let detail = format!("`{}`, where a container keeps what it compiled, cannot be made: {error}.", store.display());
            Diagnostic::error(BUILD_FAILED, "A build failed").detail(detail)
        })?;
        cache::used(&store);
        let room = Room {
            image: image.clone(),
            sources: crate::package::container::outermost(sources(&folder).into_iter().chain([absolute(job.folder)]).collect()),
            outputs: vec![store.clone()],
            variables: variables(&store, options, environment),
            folder,
        };
        let why = options.container.reason(missing);
        Ok(Self { containers, image, why, room, store, environment: environment.clone() })
    }

    /// The image.
    pub fn image(&self) -> &str {
        &self.image
    }

    /// What tells that a container builds.
    pub async fn note(&self) -> Option<Diagnostic> {
        self.containers.note(&self.image, self.why, &self.environment).await
    }

    /// Sets a variable of cargo's.
    pub fn set(&mut self, name: &str, value: &str) {
        self.room.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Lets cargo write its lock file.
    pub fn open(&mut self, folder: &Path) {
        self.room.outputs.push(folder.to_owned());
    }

    /// Runs cargo, for a target where one is given.
    ///
    /// # Errors
    /// When the engine cannot be started, or cannot make the container.
    pub async fn cargo(&self, aim: Option<&Aim>, arguments: &[&str], is_kept: impl Fn(&str) -> bool) -> Result<Said, Diagnostic> {
        let kept = self.store.join("targets").display().to_string();
        let mut words = match aim {
            Some(Aim { target, other, linker }) => vec!["sh", "-c", SCRIPT, "sh", target, other, linker, &kept],
            None => vec!["cargo"],
        };
        words.extend(arguments);
        self.containers.run(&self.room, &words, &self.environment, is_kept).await
    }
}

/// Nothing of the machine's own settings is among them: they are about another Rust, and another processor.
fn variables(store: &Path, options: &Options, environment: &Environment) -> BTreeMap<String, String> {
    let is_handed_in = |name: &str| HANDED_IN.iter().any(|beginning| name.starts_with(beginning));
    let handed_in = environment.all().filter(|(name, _)| is_handed_in(name));
    let mut variables: BTreeMap<String, String> =
        handed_in.filter_map(|(name, value)| Some((name.to_owned(), value.to_str()?.to_owned()))).collect();
    let text = |name: &str| store.join(name).display().to_string();
    variables.extend([
        ("HOME".to_owned(), "/tmp".to_owned()),
        ("CARGO_HOME".to_owned(), text("cargo")),
        ("CARGO_TARGET_DIR".to_owned(), text("target")),
        ("CARGO_TERM_COLOR".to_owned(), "never".to_owned()),
    ]);
    variables.extend(options.variables.clone());
    variables
}

/// The official image of the version that `rust-toolchain.toml` asks for.
fn image(options: &Options, folder: &Path) -> Result<String, Diagnostic> {
    if let Some(image) = &options.container_image {
        return Ok(image.clone());
    }
    let channel = channel(folder).unwrap_or_else(|| "stable".to_owned());
    match channel.as_str() {
        "stable" => Ok(format!("{IMAGE}:{ANY_VERSION}{IMAGE_SUFFIX}")),
        version if version.starts_with(|first: char| first.is_ascii_digit()) => Ok(format!("{IMAGE}:{version}{IMAGE_SUFFIX}")),
        other => Err(Diagnostic::error("no-image", "It is not clear which image has the toolchain")
            .detail(format!("`rust-toolchain` asks for `{other}`, and the official images of Rust have released versions only."))
            .hint("name one that has it: `container_image = \"IMAGE\"` in `build`")),
    }
}

/// The release that the nearest file asks for, without the machine that rustup would take it for.
/// <https://rust-lang.github.io/rustup/overrides.html#the-toolchain-file>
fn channel(folder: &Path) -> Option<String> {
    let files = folder.ancestors().flat_map(|folder| ["rust-toolchain", "rust-toolchain.toml"].map(|name| folder.join(name)));
    let text = files.into_iter().find_map(|file| std::fs::read_to_string(file).ok())?;
    let table = text.parse::<Table>().ok();
    let named = table.as_ref().and_then(|table| table.get("toolchain")?.get("channel")?.as_str());
    let name = named.unwrap_or_else(|| text.trim());
    Some(name.split("-x86_64").next().unwrap_or(name).split("-aarch64").next().unwrap_or(name).to_owned())
}

/// The folders with packages that a build may read: up to the outermost manifest above, and those named by path.
fn sources(folder: &Path) -> BTreeSet<PathBuf> {
    let mut waiting: Vec<PathBuf> = folder.ancestors().filter(|folder| folder.join("Cargo.toml").is_file()).map(Path::to_owned).collect();
    let mut found = BTreeSet::from([folder.to_owned()]);
    while let Some(package) = waiting.pop() {
        let text = std::fs::read_to_string(package.join("Cargo.toml")).unwrap_or_default();
        if found.insert(package.clone()) || package == folder {
            let named = text.parse::<Table>().map(|table| paths(&Value::Table(table))).unwrap_or_default();
            let named = named.into_iter().filter_map(|path| package.join(path).canonicalize().ok());
            waiting.extend(named.filter(|path| path.join("Cargo.toml").is_file() && !found.contains(path)));
        }
    }
    found
}

/// All values of keys called `path`.
fn paths(value: &Value) -> Vec<String> {
    match value {
        Value::Table(table) => table
            .iter()
            .flat_map(|(key, value)| match (key.as_str(), value) {
                ("path", Value::String(path)) => vec![path.clone()],
                _ => paths(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(paths).collect(),
        _ => Vec::new(),
    }
}

/// The variables that cargo sees besides the image's own, for those who ask what it is set to.
pub(super) fn environment(options: &Options) -> Environment {
    let mut environment = Environment::default();
    options.variables.iter().for_each(|(name, value)| environment.set(name, value));
    environment
}

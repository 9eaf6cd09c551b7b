//! Which Rust builds, as far as it shows without starting it.

use super::cargo::Tool;
use crate::package::builder::Job;
use crate::package::environment::{Environment, stamp};
use crate::package::hash::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Programs that take part, those included that would if they were there.
const PROGRAMS: [&str; 12] = [
    "cargo",
    "rustc",
    "rustup",
    "cc",
    "cargo-zigbuild",
    "zig",
    "aarch64-linux-gnu-gcc",
    "aarch64-linux-musl-gcc",
    "aarch64-unknown-linux-gnu-gcc",
    "x86_64-linux-gnu-gcc",
    "x86_64-linux-musl-gcc",
    "x86_64-unknown-linux-gnu-gcc",
];
/// Files of an installed Rust that move with every update, and with every target that is added.
const OF_SYSROOT: [&str; 4] = ["bin/rustc", "bin/cargo", "lib/rustlib/components", "lib/rustlib/multirust-channel-manifest.toml"];

/// A Rust, as it was when it built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Toolchain {
    /// What `rustc -vV` says, or the name of a container's image.
    version: String,
    /// Where it is installed.
    sysroot: PathBuf,
    /// The hash of all that [`trace`] looks at.
    trace: String,
    /// Whether a container built.
    pub is_contained: bool,
}

impl Toolchain {
    /// The machine's own.
    pub async fn of(job: &Job<'_>, environment: &Environment) -> Self {
        let version = version(job, environment).await;
        let said = match Tool::rustc(job, environment) {
            Ok(rustc) => rustc.run(&["--print", "sysroot"]).await.ok(),
            Err(_) => None,
        };
        let sysroot: PathBuf =
            said.filter(|said| said.status.success()).and_then(|said| said.output.into_iter().next()).unwrap_or_default().into();
        let trace = trace(environment, &sysroot);
        Self { version, sysroot, trace, is_contained: false }
    }

    /// That of an image.
    pub fn contained(image: &str, environment: &Environment) -> Self {
        let trace = trace(environment, Path::new(""));
        Self { version: image.to_owned(), sysroot: PathBuf::new(), trace, is_contained: true }
    }

    /// Its version for people.
    pub fn release(&self) -> &str {
        let release = self.version.lines().find_map(|line| line.strip_prefix("release: "));
        release.unwrap_or_else(|| self.version.lines().next().unwrap_or_default())
    }

    /// Whether nothing moved that decides which Rust would build now.
    pub async fn holds(&self, job: &Job<'_>, environment: &Environment) -> bool {
        if trace(environment, &self.sysroot) != self.trace {
            return false;
        }
        self.is_contained || self.is_sure(environment) || version(job, environment).await == self.version
    }

    /// Whether the program is this very Rust's, or rustup's, whose choice follows from files and variables that count as
    /// inputs; any other program may choose as it likes.
    fn is_sure(&self, environment: &Environment) -> bool {
        let named = environment.get("RUSTC").unwrap_or("rustc");
        let program = if Path::new(named).is_absolute() { Some(named.into()) } else { environment.find(named) };
        let Some(program) = program else { return false };
        let ends = |path: &Path| path.canonicalize().ok();
        let own = ends(&self.sysroot.join(OF_SYSROOT[0]));
        own.is_some() && (ends(&program) == own || is_rustup(&program))
    }
}

/// Rustup puts itself there under the names of all that it chooses, as links or as copies.
fn is_rustup(program: &Path) -> bool {
    let rustup = program.with_file_name(format!("rustup{}", std::env::consts::EXE_SUFFIX));
    let moves = |path: &Path| Some((path.metadata().ok()?.len(), path.metadata().ok()?.modified().ok()?));
    let is_link = program.canonicalize().is_ok_and(|end| rustup.canonicalize().is_ok_and(|rustup| rustup == end));
    is_link || moves(program).is_some_and(|program| moves(&rustup) == Some(program))
}

async fn version(job: &Job<'_>, environment: &Environment) -> String {
    let Ok(rustc) = Tool::rustc(job, environment) else { return String::new() };
    rustc.run(&["-vV"]).await.map(|said| said.output.join("\n")).unwrap_or_default()
}

/// Stamps of the programs that take part, and what rustup is set to.
fn trace(environment: &Environment, sysroot: &Path) -> String {
    let mut hasher = Sha256::new();
    for program in PROGRAMS {
        let found = environment.find(program).map(|path| path.canonicalize().unwrap_or(path));
        hasher.update(format!("{program} {}\n", found.as_deref().map(stamp).unwrap_or_default()));
    }
    let home = environment.get("RUSTUP_HOME").map(PathBuf::from).or_else(|| Some(Path::new(environment.get("HOME")?).join(".rustup")));
    hasher.update(home.and_then(|home| std::fs::read(home.join("settings.toml")).ok()).unwrap_or_default());
    for file in OF_SYSROOT {
        hasher.update(format!("\n{}", stamp(&sysroot.join(file))));
    }
    hex(&hasher.finalize())
}

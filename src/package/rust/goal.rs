//! What a program is built for, and what that takes.

use super::cargo::{Tool, failed};
use super::contained::{self, Aim};
use super::options::Options;
use super::settings::{Neutral, Settings, variable};
use crate::diagnostic::Diagnostic;
use crate::package::call::{shown_tail, tool_missing};
use crate::package::environment::Environment;
use crate::package::problem::{blocking, list};
use crate::package::{Job, TOOL_MISSING};
use std::collections::BTreeMap;
use std::path::Path;

/// How cargo is called for a target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Goal {
    /// `--target`, where it is not the host's own: without it, what the user has built already is used.
    pub target: Option<String>,
    /// What a container builds for, where one does.
    pub aim: Option<Aim>,
    /// Whether `cargo zigbuild` does it.
    pub is_zig: bool,
    /// Further arguments.
    pub arguments: Vec<String>,
    /// Further variables.
    pub variables: BTreeMap<String, String>,
    /// What the user should know.
    pub warnings: Vec<Diagnostic>,
}

/// A processor in the words of Lambda, of rustc's targets and of rustc's `target-cpu`.
struct Processor {
    lambda: &'static str,
    prefix: &'static str,
    common: &'static str,
}

const PROCESSORS: [Processor; 2] = [
    Processor { lambda: "x86_64", prefix: "x86_64", common: "x86-64" },
    Processor { lambda: "arm64", prefix: "aarch64", common: "generic" },
];
const ZIG: &str = "cargo-zigbuild";

/// Finds out what the job needs.
///
/// # Errors
/// When the machine lacks something, with the way to get it; when the wanted target does not fit.
pub(super) async fn of(job: &Job<'_>, options: &Options, environment: &Environment) -> Result<Goal, Diagnostic> {
    let folder = job.path();
    if job.for_this_machine {
        // Code for this very machine is right here, so that nothing is neutralised.
        let mut goal = Goal::default();
        if settings(environment, &folder, ("", ""), options).await?.has_default_target {
            goal.target = Some(host(job, environment).await?);
        }
        return Ok(goal);
    }
    let processor = PROCESSORS.iter().find(|processor| processor.lambda == job.architecture).unwrap_or(&PROCESSORS[0]);
    let usual = || format!("{}-unknown-linux-gnu", processor.prefix);
    let wanted = options.target.clone().unwrap_or_else(usual);
    check_fits(&wanted, processor)?;
    // cargo-zigbuild takes a version of glibc behind the target.
    let (triple, glibc) = wanted.split_once('.').map_or((wanted.as_str(), None), |(triple, glibc)| (triple, Some(glibc)));
    let host = host(job, environment).await?;
    let settings = settings(environment, &folder, (triple, processor.common), options).await?;
    let is_host = triple == host && glibc.is_none();
    let mut goal = Goal { target: (!is_host || settings.has_default_target).then(|| wanted.clone()), ..Goal::default() };
    if triple != host {
        check_installed(job, triple, environment).await?;
    }
    if glibc.is_some() {
        environment.find(ZIG).ok_or_else(|| no_zig(&wanted))?;
        goal.is_zig = true;
    } else if !settings.has_linker && is_foreign(&host, triple) {
        goal.link(triple, processor, environment)?;
    }
    goal.neutralise(settings.neutral, processor);
    Ok(goal)
}

async fn settings(
    environment: &Environment,
    folder: &Path,
    (target, processor): (&str, &'static str),
    options: &Options,
) -> Result<Settings, Diagnostic> {
    let (environment, folder, target, own) = (environment.clone(), folder.to_owned(), target.to_owned(), options.variables.clone());
    blocking(move || Ok(Settings::read(&environment, &folder, (&target, processor), &own))).await
}

/// The same for a container, in which every target can be added.
///
/// # Errors
/// When the wanted target does not fit, or a container makes nothing that runs here.
pub(super) fn in_container(job: &Job<'_>, options: &Options) -> Result<Goal, Diagnostic> {
    if job.for_this_machine && std::env::consts::OS != "linux" {
        return Err(tool_missing(format!("A container makes programs for Linux, and `{}` is to run on this machine.", job.build.path))
            .hint("Rust with cargo comes from <https://rustup.rs>"));
    }
    let processor = PROCESSORS.iter().find(|processor| processor.lambda == job.architecture).unwrap_or(&PROCESSORS[0]);
    let wanted = options.target.clone().unwrap_or_else(|| format!("{}-unknown-linux-gnu", processor.prefix));
    check_fits(&wanted, processor)?;
    if wanted.contains('.') {
        return Err(
            no_zig(&wanted).hint("a container's Debian decides about its glibc: another one is an image of its own, `container_image`")
        );
    }
    let settings = Settings::read(&contained::environment(options), &job.path(), (&wanted, processor.common), &options.variables);
    let is_foreign = processor.prefix != std::env::consts::ARCH && !settings.has_linker;
    let other = wanted.strip_suffix("-gnu").map_or_else(|| wanted.clone(), |rest| format!("{rest}-musl"));
    let linker = linkers(&wanted, processor).into_iter().next().filter(|_| is_foreign).unwrap_or_default();
    let mut goal = Goal { aim: Some(Aim { target: wanted, other, linker }), ..Goal::default() };
    goal.neutralise(settings.neutral, processor);
    Ok(goal)
}

impl Goal {
    fn neutralise(&mut self, neutral: Neutral, processor: &Processor) {
        if neutral.places.is_empty() {
            return;
        }
        let places: Vec<&str> = neutral.places.iter().map(String::as_str).collect();
        self.warnings.push(Diagnostic::note("native-code", "The program is not built for this machine's processor").detail(format!(
            "A `target-cpu` for this machine stands in {}. Lambda's processors may lack what this one has, so `{}` takes its place in what is uploaded.",
            list(&places),
            processor.common
        )).hint("one that is meant for Lambda's stands in the project's own `.cargo/config.toml`, or in `env` of `build`"));
        self.arguments.extend(neutral.arguments);
        self.variables.extend(neutral.variables);
    }

    /// Chooses a linker that can link for another machine, of those that are there.
    fn link(&mut self, triple: &str, processor: &Processor, environment: &Environment) -> Result<(), Diagnostic> {
        let names = linkers(triple, processor);
        if let Some(name) = names.iter().find(|name| environment.find(name).is_some()) {
            self.variables.insert(variable(triple, "LINKER"), name.clone());
        } else if triple.ends_with("-musl") {
            // Everything that it links comes with the target, and the linker with Rust.
            self.variables.insert(variable(triple, "LINKER"), "rust-lld".to_owned());
        } else if environment.find(ZIG).is_some() {
            self.is_zig = true;
        } else {
            return Err(no_linker(triple, processor, &names));
        }
        Ok(())
    }
}

fn linkers(triple: &str, processor: &Processor) -> Vec<String> {
    let library = triple.rsplit('-').next().unwrap_or("gnu");
    vec![format!("{}-linux-{library}-gcc", processor.prefix), format!("{triple}-gcc")]
}

/// Whether the machine's own linker cannot do it.
fn is_foreign(host: &str, triple: &str) -> bool {
    let processor = |triple: &str| triple.split('-').next().map(str::to_owned);
    processor(host) != processor(triple) || !host.contains("-linux-")
}

fn check_fits(wanted: &str, processor: &Processor) -> Result<(), Diagnostic> {
    let fits = wanted.starts_with(&format!("{}-", processor.prefix)) && wanted.contains("-linux-");
    if fits {
        return Ok(());
    }
    Err(Diagnostic::error("wrong-target", "The target does not fit the function")
        .detail(format!(
            "`build.target` is `{wanted}`, and the function runs on Linux on `{}`; its targets begin with `{}-` and have `-linux-` in them.",
            processor.lambda, processor.prefix
        ))
        .hint(format!("leave `target` out for `{}-unknown-linux-gnu`, or change `architectures`", processor.prefix)))
}

async fn host(job: &Job<'_>, environment: &Environment) -> Result<String, Diagnostic> {
    let said = Tool::rustc(job, environment)?.run(&["-vV"]).await?;
    let host = said.output.iter().find_map(|line| line.strip_prefix("host: "));
    match host {
        Some(host) if said.status.success() => Ok(host.trim().to_owned()),
        _ => Err(failed(&said, "`rustc -vV`", &job.build.path)),
    }
}

/// Whether the standard library for the target is there. It is never fetched unasked.
async fn check_installed(job: &Job<'_>, triple: &str, environment: &Environment) -> Result<(), Diagnostic> {
    let said = Tool::rustc(job, environment)?.run(&["--print", "target-libdir", "--target", triple]).await?;
    if !said.status.success() {
        return Err(Diagnostic::error("wrong-target", "Rust does not know the target")
            .detail(format!("`rustc` cannot build for `{triple}`. {}", shown_tail(&said.errors)))
            .hint("`rustc --print target-list` has those that it knows"));
    }
    if said.output.first().is_some_and(|folder| Path::new(folder.trim()).is_dir()) {
        return Ok(());
    }
    let diagnostic = Diagnostic::error(TOOL_MISSING, "A target of Rust is missing").detail(format!(
        "To build `{}` for `{}`, Rust needs its target `{triple}`, which is not installed.",
        job.build.path, job.architecture
    ));
    Err(if environment.find("rustup").is_some() {
        diagnostic.hint(format!("`rustup target add {triple}` adds it; run it in `{}`", job.build.path))
    } else {
        diagnostic
            .hint(format!("with Rust from <https://rustup.rs>: `rustup target add {triple}`"))
            .hint("a Rust that came with the system has other targets in packages of their own, if at all")
    })
}

fn no_zig(wanted: &str) -> Diagnostic {
    let (detail, how) = (format!("`build.target` is `{wanted}`; `{ZIG}` builds for an older glibc, and is not in the `PATH`."), get_zig());
    tool_missing(detail).hint(how)
}

fn get_zig() -> String {
    format!("`pip install {ZIG}`, or `cargo install --locked {ZIG}` beside a `zig`")
}

fn no_linker(triple: &str, processor: &Processor, names: &[String]) -> Diagnostic {
    let debian = processor.prefix.replace('_', "-");
    Diagnostic::error(TOOL_MISSING, "A linker for the target is missing")
        .detail(format!(
            "Rust can compile for `{triple}`, but nothing here can link for it: neither {} nor `{ZIG}` is in the `PATH`, and cargo's configuration names no linker.",
            list(names)
        ))
        .hint(format!("Debian and Ubuntu: `apt install gcc-{debian}-linux-gnu libc6-dev-{}-cross`", debian_name(processor)))
        .hint(format!("anywhere: {}", get_zig()))
        .hint(format!(
            "without a C library, where no C code is compiled: `target = \"{}-unknown-linux-musl\"` in `build`, which Rust's own linker can do",
            processor.prefix
        ))
}

fn debian_name(processor: &Processor) -> &'static str {
    if processor.lambda == "arm64" { "arm64" } else { "amd64" }
}

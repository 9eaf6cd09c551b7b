//! Whether Lambda starts a program: its format, its processor, what it needs of the system.

use super::elf::{Elf, Kind};
use super::emulator;
use super::format::Format;
use super::script;
use super::system::{LOADERS, Standing, System};
use super::tree::Astray;
use super::{Place, Subject, WRONG_ARCHITECTURE};
use crate::diagnostic::Diagnostic;
use crate::package::problem::list;
use std::collections::BTreeMap;
use std::path::Path;

/// Where a function's package and its layers lie
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).
pub(super) const TASK_ROOT: &str = "/var/task/";
pub(super) const LAYERS: &str = "/opt/";
/// Where functions mount file systems, in which nobody looks
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html>).
pub(super) const MOUNTS: &str = "/mnt/";

/// What is around a program, as far as rules ask for it.
pub(super) trait Surroundings {
    /// Whether the package, or the image, has a file at this absolute path; `None` where nobody can tell.
    fn has(&self, path: &str) -> Option<bool>;

    /// Where an absolute path leads once links of the package are followed.
    fn end(&self, path: &str) -> String {
        path.to_owned()
    }

    /// The mode of a file at this absolute path, and what it is; `None` where that is not known.
    fn file(&self, _path: &str) -> Option<(u32, Format)> {
        None
    }

    /// Files of this name that lie in the package, wherever.
    fn places(&self, file_name: &str) -> Vec<String>;
    /// Whether a program of this name is in the `PATH`; `None` where nobody can tell.
    fn finds(&self, _program: &str) -> Option<bool> {
        None
    }
}

/// Everything that keeps a program from being started. `shown` is what people call it.
pub(super) fn check(shown: &str, format: &Format, subject: &Subject<'_>, around: &dyn Surroundings) -> Vec<Diagnostic> {
    match format {
        Format::Elf(Some(elf)) => check_elf(shown, elf, subject, around),
        Format::Elf(None) => vec![cut_off(shown)],
        Format::Script(script) => script::check(shown, script, subject, around).into_iter().collect(),
        Format::Empty => vec![
            finding("empty-program", "A program is empty")
                .detail(format!("`{shown}` has no bytes in it. Most likely whatever makes it has failed; make it again.")),
        ],
        Format::Foreign(system) => vec![foreign(shown, system, subject)],
        Format::Text(what, what_to_do) => vec![
            finding("not-a-program", "A file is not a program that can be started").detail(format!("`{shown}` is {what}. {what_to_do}")),
        ],
        Format::Packed(how) => vec![packed(shown, how)],
        Format::Other => vec![
            finding("not-a-program", "A file is not a program that can be started")
                .detail(format!("`{shown}` is neither an ELF file, as compilers for Linux make them, nor a script: its first line does not begin with `#!`."))
                .hint("a shell script begins with the line `#!/bin/sh`"),
        ],
    }
}

fn packed(shown: &str, how: &str) -> Diagnostic {
    let found = finding("packed-program", "A program is packed").detail(format!("`{shown}` is {how}, and no program. Unpack it first."));
    if how == "a zip" { found.hint("a zip that is the package itself is given as `code = { zip = \"PATH\" }`") } else { found }
}

pub(super) fn finding(code: &'static str, summary: &str) -> Diagnostic {
    Diagnostic::error(code, summary)
}

fn cut_off(shown: &str) -> Diagnostic {
    finding("cut-off-program", "A program is cut off").detail(format!(
        "`{shown}` is shorter than its own headers say. Most likely it was being written, or the disk was full; make it again."
    ))
}

/// Folders of Lambda's own files, in which a link may end.
const OF_LAMBDA: [&str; 5] = ["/bin/", "/usr/", "/lib/", "/lib64/", "/var/"];

/// A link to nothing that could be started or called; `None` where it may lead to something that nobody sees here.
pub(super) fn astray(shown: &str, end: &Astray, subject: &Subject<'_>) -> Option<Diagnostic> {
    let detail = match end {
        Astray::InCircles => format!("`{shown}` is a link that leads back to itself."),
        Astray::ToFolder(folder) => format!("`{shown}` is a link to `{folder}`, which is a folder."),
        Astray::Elsewhere(end) if end.starts_with(LAYERS) && subject.has_more => return None,
        Astray::Elsewhere(end) if end.starts_with(MOUNTS) => return None,
        Astray::Elsewhere(end) if OF_LAMBDA.iter().any(|folder| end.starts_with(folder)) => return None,
        Astray::Elsewhere(end) => format!("`{shown}` is a link to `{end}`, which is not in the package."),
    };
    let how = "Zip the file that it leads to, or without `-y`, which keeps links.";
    Some(finding("dangling-link", "A link leads to nothing").detail(format!("{detail} {how}")))
}

/// A file for another system.
pub(super) fn foreign(shown: &str, system: &str, subject: &Subject<'_>) -> Diagnostic {
    let diagnostic = finding("foreign-system", "A program is built for another system")
        .detail(format!("`{shown}` is built for {system}, and {} runs Linux.", subject.runner()));
    match system {
        "Java" => diagnostic.hint("the runtimes `java…` run it; they call a handler and need no `bootstrap`"),
        "WebAssembly" => diagnostic.hint(format!("build it for Linux on {}", subject.architecture)),
        _ => with_targets(diagnostic, subject.architecture),
    }
}

fn with_targets(diagnostic: Diagnostic, architecture: &str) -> Diagnostic {
    let (goarch, processor) = if architecture == "arm64" { ("arm64", "aarch64") } else { ("amd64", "x86_64") };
    diagnostic
        .hint(format!("Go: `GOOS=linux GOARCH={goarch} go build`"))
        .hint(format!("Rust: `cargo build --target {processor}-unknown-linux-musl`"))
}

fn check_elf(shown: &str, elf: &Elf, subject: &Subject<'_>, around: &dyn Surroundings) -> Vec<Diagnostic> {
    // The numbers of a processor with the highest byte first may seem to promise more than there is.
    if elf.is_cut_off && elf.is_little_endian {
        return vec![cut_off(shown)];
    }
    if let Some(system) = elf.system.filter(|_| !subject.is_here()) {
        return vec![foreign(shown, system, subject)];
    }
    let mut findings: Vec<Diagnostic> = not_a_program(shown, elf.kind).into_iter().chain(wrong_processor(shown, elf, subject)).collect();
    if findings.is_empty() {
        findings.extend(no_entry(shown, elf));
    }
    if findings.is_empty() {
        findings.extend(check_interpreter(shown, elf, subject, around));
    }
    // Without the right loader nothing is loaded, so that what it would miss is of no interest.
    if findings.is_empty() && !subject.is_here() {
        findings.extend(check_glibc(shown, elf, subject));
        findings.extend(check_libraries(shown, elf, subject, around));
        findings.extend(lacks_sections(shown, elf));
    }
    findings
}

/// The system loads such a program, so that only whoever made it knows whether it is whole.
fn lacks_sections(shown: &str, elf: &Elf) -> Option<Diagnostic> {
    let detail = format!("`{shown}` says that it goes on where it ends. What Linux loads of it is there; still, it may have been cut off.");
    elf.lacks_sections.then(|| Diagnostic::warning("cut-off-program", "A program may be cut off").detail(detail))
}

pub(super) fn not_a_program(shown: &str, kind: Kind) -> Option<Diagnostic> {
    let (what, how) = match kind {
        Kind::Program => return None,
        Kind::Library => (
            "a shared library or a plugin",
            "Build a program: Go without `-buildmode=plugin` or `c-shared`, Rust with a `[[bin]]` and not a `cdylib`.",
        ),
        Kind::Object => ("an object file, as a compiler makes it before the linker", "Link it: leave out `-c`."),
        Kind::Other => ("an ELF file of another kind, such as a core dump", "Build a program."),
    };
    Some(finding("not-a-program", "A file is not a program that can be started").detail(format!("`{shown}` is {what}. {how}")))
}

/// Linux jumps to the address that a program names as its beginning, whatever is there.
pub(super) fn no_entry(shown: &str, elf: &Elf) -> Option<Diagnostic> {
    let detail = format!(
        "`{shown}` has no entry point: nothing of it is loaded at the address where its headers let it begin, so that it ends with a segmentation fault."
    );
    let found = || finding("no-entry-point", "A program begins nowhere").detail(detail);
    elf.lacks_entry.then(found).map(|found| {
        found
            .hint("a linker that finds no `_start` only warns of it: link with the C library's start files, without `-nostartfiles`")
            .hint("or name the function that it begins with: `-Wl,-e,NAME`")
    })
}

/// Refuses an ELF file for another processor. Under `--local` it is only warned of where an emulator runs it.
pub(super) fn wrong_processor(shown: &str, elf: &Elf, subject: &Subject<'_>) -> Option<Diagnostic> {
    if elf.is_for(subject.architecture) {
        return None;
    }
    let own = elf.processor();
    let (code, summary) = (WRONG_ARCHITECTURE, "A program is built for another processor");
    if subject.is_here() {
        return Some(not_for_here(shown, elf, subject, emulator::is_there(elf)));
    }
    let diagnostic = finding(code, summary);
    let detail = format!("`{shown}` is built for {own}, and {} runs it on {}.", subject.runner(), subject.architecture);
    let diagnostic = with_targets(diagnostic.detail(detail), subject.architecture);
    let other = ["arm64", "x86_64"].into_iter().find(|architecture| elf.is_for(architecture));
    Some(match other {
        Some(other) => diagnostic.hint(format!("or let the function run where it is built for: `architectures = \"{other}\"`")),
        None => diagnostic,
    })
}

/// What is said under `--local` of a program that was built elsewhere.
fn not_for_here(shown: &str, elf: &Elf, subject: &Subject<'_>, is_emulated: bool) -> Diagnostic {
    let (code, summary) = (WRONG_ARCHITECTURE, "A program is built for another processor");
    let what = format!("`{shown}` is built for {}, and this machine has {}", elf.processor(), subject.architecture);
    if is_emulated {
        return Diagnostic::warning(code, summary).detail(format!("{what}: it runs in an emulator, which is slower."));
    }
    let known = ["arm64", "x86_64"].into_iter().any(|architecture| elf.is_for(architecture));
    let diagnostic = finding(code, summary).detail(format!("{what}. The local cloud runs functions on this machine itself."));
    let diagnostic = if known {
        diagnostic.hint("install an emulator: `apt install qemu-user-static`, or your system's package of QEMU's user mode")
    } else {
        diagnostic
    };
    with_targets(diagnostic, subject.architecture)
        .hint("or let lambdo build it (`build` instead of `code`): under `--local` it does so for this machine")
}

fn check_interpreter(shown: &str, elf: &Elf, subject: &Subject<'_>, around: &dyn Surroundings) -> Option<Diagnostic> {
    let interpreter = elf.interpreter.as_deref()?;
    if is_there(interpreter, loaders(subject.architecture), subject, around)? {
        return None;
    }
    let what = if elf.is_for_musl() { "musl's loader" } else { "the loader of its libraries" };
    let how = match (elf.is_for_musl(), subject.place) {
        (_, Place::Image) => "Link the program statically, or take a base that has it.",
        (true, _) => "Amazon Linux has only the GNU C library. Link the program statically, which is what musl is good for.",
        (false, _) => "Link the program statically, or for the usual loader.",
    };
    let processor = if subject.architecture == "arm64" { "aarch64" } else { "x86_64" };
    let diagnostic = finding("missing-interpreter", "A program needs a loader that is not there")
        .detail(format!("`{shown}` is started by {what}, `{interpreter}`, which {} does not have. {how}", subject.around()));
    Some(if elf.is_for_musl() {
        diagnostic.hint("Rust: without `-C target-feature=-crt-static`; C: with `-static`; Go: `CGO_ENABLED=0`")
    } else {
        diagnostic
            .hint(format!("Rust: `--target {processor}-unknown-linux-musl`; Go: `CGO_ENABLED=0`"))
            .hint("a program of Nix: build it with `pkgsStatic`, or set the loader by `patchelf --set-interpreter`")
    })
}

fn loaders(architecture: &str) -> &'static [&'static str] {
    LOADERS.iter().find(|(name, _)| *name == architecture).map_or(&[], |(_, loaders)| *loaders)
}

/// Whether a path leads to something when the function runs; `None` where nobody can tell.
pub(super) fn is_there(path: &str, known: &[&str], subject: &Subject<'_>, around: &dyn Surroundings) -> Option<bool> {
    let end = around.end(path);
    let path = end.as_str();
    match (around.has(path), subject.place) {
        (Some(found), _) => Some(found),
        (None, Place::Image) => None,
        (None, Place::ThisMachine) => Some(Path::new(path).exists()),
        (None, Place::Lambda) if known.contains(&path) => Some(true),
        (None, Place::Lambda) if path.starts_with(MOUNTS) => None,
        (None, Place::Lambda) => (!path.starts_with(LAYERS) || !subject.has_more).then_some(false),
    }
}

/// Refuses an ELF file that needs a newer C library than the runtime has.
pub(super) fn check_glibc(shown: &str, elf: &Elf, subject: &Subject<'_>) -> Option<Diagnostic> {
    let (system, needed) = (System::of(subject.runtime)?, elf.glibc?);
    if needed <= system.glibc {
        return None;
    }
    let version = |(major, minor): (u32, u32)| format!("{major}.{minor}");
    let detail = format!(
        "`{shown}` was linked against a newer C library: it needs glibc {}, and {}, on which `{}` stands, has {}.",
        version(needed),
        system.name,
        subject.runtime,
        version(system.glibc)
    );
    Some(finding("newer-glibc", "A program needs a newer C library than Lambda has").detail(detail))
}

/// The same with what a build of a program can do about it.
fn with_older_glibc(diagnostic: Diagnostic, subject: &Subject<'_>) -> Diagnostic {
    let processor = if subject.architecture == "arm64" { "aarch64" } else { "x86_64" };
    let (major, minor) = System::of(subject.runtime).map_or((2, 34), |system| system.glibc);
    diagnostic
        .hint(format!("Rust, without a C library: `target = \"{processor}-unknown-linux-musl\"` in `build`"))
        .hint(format!(
            "Rust, for Lambda's: `target = \"{processor}-unknown-linux-gnu.{major}.{minor}\"` in `build`, which takes cargo-zigbuild"
        ))
        .hint("Go: `CGO_ENABLED=0`")
}

fn check_libraries(shown: &str, elf: &Elf, subject: &Subject<'_>, around: &dyn Surroundings) -> Vec<Diagnostic> {
    let Some(system) = System::of(subject.runtime).filter(|_| !subject.has_more) else { return Vec::new() };
    let mut missing: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
    for library in elf.needed.iter().filter(|library| !is_in_package(library, shown, elf, around)) {
        match system.standing(library) {
            Standing::There => {}
            Standing::Missing(what_to_do) => missing.entry(Some(what_to_do)).or_default().push(library),
            Standing::Unknown => missing.entry(None).or_default().push(library),
        }
    }
    missing.into_iter().map(|(what_to_do, libraries)| missing_libraries(shown, &libraries, what_to_do, system, around)).collect()
}

/// Lambda's `LD_LIBRARY_PATH` names the package's root and its `lib`
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>).
fn is_in_package(library: &str, shown: &str, elf: &Elf, around: &dyn Surroundings) -> bool {
    let own = shown.rsplit_once('/').map_or("", |(folder, _)| folder);
    let origin = format!("{TASK_ROOT}{own}");
    let searched = elf.search.iter().map(|path| path.replace("$ORIGIN", &origin).replace("${ORIGIN}", &origin));
    let mut folders = searched.chain([TASK_ROOT.to_owned(), format!("{TASK_ROOT}lib")]);
    folders.any(|folder| {
        let path = plain(&format!("{folder}/{library}"));
        // What a link leads to elsewhere may be there.
        around.has(&path).unwrap_or_else(|| around.end(&path) != path)
    })
}

/// A path without `.`, `..` and empty parts.
pub(super) fn plain(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    format!("/{}", parts.join("/"))
}

/// `what_to_do` is known for libraries that are surely not there; others are only warned of.
fn missing_libraries(shown: &str, libraries: &[&str], what_to_do: Option<&str>, system: &System, around: &dyn Surroundings) -> Diagnostic {
    let (code, summary) = ("missing-library", "A program needs a library that is not there");
    let diagnostic = match what_to_do {
        Some(what_to_do) => finding(code, summary)
            .detail(format!("`{shown}` needs {}, which neither {} nor the package has.", list(libraries), system.name))
            .hint(what_to_do),
        None => Diagnostic::warning(code, summary).detail(format!(
            "`{shown}` needs {}, which the package does not have, and most likely {} has not either.",
            list(libraries),
            system.name
        )),
    };
    match libraries.iter().find_map(|library| around.places(library).into_iter().next()) {
        Some(place) => diagnostic.hint(format!("`{place}` is in the package, but libraries are sought only in its root and in `lib/`")),
        None => diagnostic.hint("what lies in the package as `lib/…` is found too"),
    }
}

/// Adds what only a program that is built can be told to do.
pub(super) fn with_advice(diagnostic: Diagnostic, subject: &Subject<'_>) -> Diagnostic {
    if diagnostic.code == "newer-glibc" { with_older_glibc(diagnostic, subject) } else { diagnostic }
}

#[cfg(test)]
mod tests {
    use super::super::elf::read;
    use super::super::testing::Program;
    use super::*;

    #[test]
    fn what_was_built_elsewhere_runs_here_in_an_emulator_or_not_at_all() {
        let here = Subject {
            runtime: "provided.al2023",
            handler: "",
            architecture: "x86_64",
            has_more: false,
            has_options: false,
            is_layer: false,
            place: Place::ThisMachine,
        };
        let elf = |machine| read(&Program { machine, ..Program::STATIC }.bytes()[..]).unwrap();
        let told = |machine, is_emulated| {
            let found = not_for_here("bootstrap", &elf(machine), &here, is_emulated);
            format!("{:?}: {} {:?}", found.severity, found.detail, found.hints)
        };
        insta::assert_snapshot!(told(object::elf::EM_AARCH64, true), @"Warning: `bootstrap` is built for arm64, and this machine has x86_64: it runs in an emulator, which is slower. []");
        insta::assert_snapshot!(told(object::elf::EM_AARCH64, false), @r#"Error: `bootstrap` is built for arm64, and this machine has x86_64. The local cloud runs functions on this machine itself. ["install an emulator: `apt install qemu-user-static`, or your system's package of QEMU's user mode", "Go: `GOOS=linux GOARCH=amd64 go build`", "Rust: `cargo build --target x86_64-unknown-linux-musl`", "or let lambdo build it (`build` instead of `code`): under `--local` it does so for this machine"]"#);
        insta::assert_snapshot!(told(object::elf::EM_RISCV, false), @r#"Error: `bootstrap` is built for RISC-V, and this machine has x86_64. The local cloud runs functions on this machine itself. ["Go: `GOOS=linux GOARCH=amd64 go build`", "Rust: `cargo build --target x86_64-unknown-linux-musl`", "or let lambdo build it (`build` instead of `code`): under `--local` it does so for this machine"]"#);
    }
}

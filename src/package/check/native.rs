//! Native libraries inside packages of Python and Node, which are built for one system, processor and version.

use super::elf::Version;
use super::format::Format;
use super::program::{check_glibc, wrong_processor};
use super::tree::Tree;
use super::{Subject, WRONG_ARCHITECTURE};
use crate::diagnostic::Diagnostic;
use std::collections::BTreeMap;
use std::io;

/// Why a library cannot be loaded.
enum Misfit {
    Foreign(&'static str),
    Processor(&'static str),
    Musl,
    Glibc(Version),
    /// The version of Python that it is for.
    Python(String),
}

/// Looks at the native libraries of each package. Many bring them for several systems, so one that fits is enough.
pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    if subject.is_here() {
        return Ok(Vec::new());
    }
    let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in tree.names().filter(|name| is_native(name)) {
        owners.entry(owner(name)).or_default().push(name);
    }
    let mut findings = Vec::new();
    for (owner, names) in owners {
        findings.extend(misfits(tree, &names, subject)?.map(|misfit| told(owner, &names, &misfit, subject)));
    }
    Ok(findings)
}

fn is_native(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    let is_library = [".so", ".node", ".dylib", ".pyd"].iter().any(|ending| file.ends_with(ending)) || file.contains(".so.");
    // What a wheel brings for its own libraries lies in such a folder, and is as they are.
    is_library && !name.split('/').any(|part| part.ends_with(".libs"))
}

/// The package of Node or Python that a file belongs to; parts of one for several systems share a scope in Node.
fn owner(name: &str) -> &str {
    let inner = match name.rfind("node_modules/") {
        Some(at) => &name[at + "node_modules/".len()..],
        None => {
            let inner = name.strip_prefix("python/").unwrap_or(name);
            inner.find("site-packages/").map_or(inner, |at| &inner[at + "site-packages/".len()..])
        }
    };
    match inner.split_once('/') {
        Some((first, _)) => first,
        None => inner.split('.').next().unwrap_or(inner),
    }
}

/// Why none of these files can be loaded; `None` as soon as one can.
fn misfits(tree: &Tree<'_>, names: &[&str], subject: &Subject<'_>) -> io::Result<Option<Misfit>> {
    let mut first = None;
    for name in names {
        match misfit(tree, name, subject)? {
            None => return Ok(None),
            Some(found) => first = first.or(Some(found)),
        }
    }
    Ok(first)
}

fn misfit(tree: &Tree<'_>, name: &str, subject: &Subject<'_>) -> io::Result<Option<Misfit>> {
    Ok(match tree.format(name)? {
        // A module of `fsevents` is for macOS only, and it knows.
        Format::Foreign(_) if owner(name) == "fsevents" => None,
        Format::Foreign(system) => Some(Misfit::Foreign(system)),
        Format::Elf(Some(elf)) if wrong_processor(name, &elf, subject).is_some() => Some(Misfit::Processor(elf.processor())),
        Format::Elf(Some(elf)) if elf.is_for_musl() => Some(Misfit::Musl),
        Format::Elf(Some(elf)) if check_glibc(name, &elf, subject).is_some() => elf.glibc.map(Misfit::Glibc),
        _ => python_version(name).filter(|version| fits_not(version, subject)).map(Misfit::Python),
    })
}

/// `3.13` of `x.cpython-313-x86_64-linux-gnu.so` (<https://peps.python.org/pep-3149/>).
fn python_version(name: &str) -> Option<String> {
    let tag = name.split('.').find_map(|part| part.strip_prefix("cpython-3"))?;
    let minor: String = tag.chars().take_while(char::is_ascii_digit).collect();
    (!minor.is_empty()).then(|| format!("3.{minor}"))
}

fn fits_not(version: &str, subject: &Subject<'_>) -> bool {
    subject.runtime.strip_prefix("python").is_some_and(|own| own != version)
}

fn told(owner: &str, names: &[&str], misfit: &Misfit, subject: &Subject<'_>) -> Diagnostic {
    let first = names.first().copied().unwrap_or_default();
    let (shown, are) = match names.len() {
        1 => (format!("`{first}`"), "is"),
        many => (format!("`{first}` and {} more of `{owner}`", many - 1), "are"),
    };
    let (code, why) = match misfit {
        Misfit::Foreign(system) => ("foreign-system", format!("{shown} {are} built for {system}, and Lambda runs Linux.")),
        Misfit::Processor(processor) => {
            (WRONG_ARCHITECTURE, format!("{shown} {are} built for {processor}, and the function runs on {}.", subject.architecture))
        }
        Misfit::Musl => (
            "missing-interpreter",
            format!("{shown} {are} built for musl, as on Alpine Linux, and Amazon Linux has only the GNU C library."),
        ),
        Misfit::Glibc((major, minor)) => (
            "newer-glibc",
            format!("{shown} {are} linked against glibc {major}.{minor}, which is newer than that of `{}`.", subject.runtime),
        ),
        Misfit::Python(version) => {
            ("wrong-python", format!("{shown} {are} built for Python {version}, and the function has `{}`.", subject.runtime))
        }
    };
    let diagnostic = Diagnostic::error(code, "A native library cannot be loaded on Lambda").detail(format!("{why} Loading it fails."));
    diagnostic
        .hint(install(owner, first, subject))
        .hint(format!("if nothing uses it: leave it out with a line `{}` in `.lambdoignore`", folder(first)))
}

/// The command that gets the right one.
fn install(owner: &str, name: &str, subject: &Subject<'_>) -> String {
    let is_arm = subject.architecture == "arm64";
    if name.ends_with(".node") || name.contains("node_modules/") {
        let processor = if is_arm { "arm64" } else { "x64" };
        return format!("for Lambda: `npm install --os=linux --cpu={processor} --libc=glibc`");
    }
    if name.ends_with(".py") || subject.runtime.starts_with("python") {
        let processor = if is_arm { "aarch64" } else { "x86_64" };
        let version = subject.runtime.trim_start_matches("python");
        return format!(
            "for Lambda: `pip install --platform manylinux2014_{processor} --python-version {version} --only-binary=:all: --target DIR {owner}`"
        );
    }
    format!("build it on Amazon Linux for {}", subject.architecture)
}

fn folder(name: &str) -> String {
    let end = name.rfind("node_modules/").map_or(0, |at| at + "node_modules/".len());
    let inner = name[end..].split('/').next().unwrap_or_default();
    format!("/{}{inner}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_belong_to_the_package_that_brings_them() {
        for (name, expected) in [
            ("numpy/_core/x.cpython-313-x86_64-linux-gnu.so", "numpy"),
            ("_cffi_backend.cpython-313-x86_64-linux-gnu.so", "_cffi_backend"),
            ("python/lib/python3.13/site-packages/numpy/x.so", "numpy"),
            ("node_modules/@img/sharp-linux-x64/lib/sharp.node", "@img"),
            ("node_modules/a/node_modules/bcrypt/prebuilds/x.node", "bcrypt"),
        ] {
            assert_eq!(owner(name), expected);
            assert!(is_native(name));
        }
        for name in ["numpy.libs/libopenblas.so", "a/x.py", "so", "x.sock"] {
            assert!(!is_native(name), "{name}");
        }
    }

    #[test]
    fn the_version_of_python_stands_in_the_name() {
        for (name, expected) in [
            ("a/x.cpython-313-x86_64-linux-gnu.so", Some("3.13")),
            ("x.cpython-39-aarch64-linux-gnu.so", Some("3.9")),
            ("x.abi3.so", None),
            ("x.so", None),
        ] {
            assert_eq!(python_version(name).as_deref(), expected, "{name}");
        }
    }
}

//! Native libraries inside packages of Python and Node, which are built for one system, processor and version.

use super::elf::Version;
use super::format::Format;
use super::program::{check_glibc, wrong_processor};
use super::tree::Tree;
use super::{Subject, WRONG_ARCHITECTURE, imports};
use crate::diagnostic::Diagnostic;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

const SUMMARY: &str = "A native library cannot be loaded on Lambda";

/// Why a library cannot be loaded.
enum Misfit {
    Foreign(&'static str),
    Processor(&'static str),
    Musl,
    Glibc(Version),
    /// The version of Python that it is for.
    Python(String),
}

/// Packages that have Python beside their native modules, and are nothing without these.
const NOTHING_WITHOUT: [&str; 12] =
    ["numpy", "pandas", "scipy", "PIL", "lxml", "pyarrow", "cryptography", "pydantic_core", "psycopg2", "grpc", "orjson", "bcrypt"];

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
    let mut loaded = None;
    for (owner, names) in owners {
        let names = modules(names);
        let Some(misfit) = misfits(tree, &names, subject)? else { continue };
        let is_sure = !may_do_without(tree, &names) || NOTHING_WITHOUT.contains(&owner) || is_loaded(&mut loaded, tree, &names, subject)?;
        let found = told(owner, &names, &misfit, subject);
        findings.push(if is_sure { certain(found, owner, &names, subject) } else { doubtful(found, owner, &names, subject) });
    }
    Ok(findings)
}

/// Where a package has modules that Python knows by the tags in their names, those decide, and not the libraries beside.
fn modules(names: Vec<&str>) -> Vec<&str> {
    let tagged: Vec<&str> = names.iter().copied().filter(|name| is_tagged(name)).collect();
    if tagged.is_empty() { names } else { tagged }
}

/// Whether it is called as a module of one version of Python, or of all (<https://peps.python.org/pep-3149/>).
fn is_tagged(name: &str) -> bool {
    file_name(name).split('.').skip(1).any(|tag| tag.starts_with("cpython-3") || tag.starts_with("cp3") || tag == "abi3")
}

/// Whether the package may run without: Python lies beside that may catch it when the import fails, as of `markupsafe`,
/// or what JavaScript takes instead, as of `bufferutil`.
fn may_do_without(tree: &Tree<'_>, names: &[&str]) -> bool {
    names.iter().all(|name| {
        let package = format!("{}/", package(name));
        match name.contains("node_modules/") {
            true => tree.beginning(&package).any(|inner| file_name(&inner).starts_with("fallback.")),
            // Modules of mypyc lie beside the Python that they are made of (<https://mypyc.readthedocs.io/>).
            false => tree.has(&format!("{package}__init__.py")) || file_name(name).contains("__mypyc."),
        }
    })
}

/// Whether the handler's file imports one of them in any case, with nothing around that could catch it. What it imports is
/// sought once, when it is first asked for.
fn is_loaded(loaded: &mut Option<BTreeSet<String>>, tree: &Tree<'_>, names: &[&str], subject: &Subject<'_>) -> io::Result<bool> {
    let natives = match loaded.take() {
        Some(natives) => natives,
        None => imports::natives(tree, subject)?,
    };
    let natives = loaded.insert(natives);
    Ok(names.iter().any(|name| natives.contains(*name)))
}

fn is_native(name: &str) -> bool {
    let file = file_name(name);
    let is_library = [".so", ".node", ".dylib", ".pyd"].iter().any(|ending| file.ends_with(ending)) || file.contains(".so.");
    // What a wheel brings for its own libraries lies in such a folder, and is as they are.
    is_library && !name.split('/').any(|part| part.ends_with(".libs"))
}

fn file_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

/// A path from where packages of Node or Python are sought.
fn sought(name: &str) -> &str {
    match name.rfind("node_modules/") {
        Some(at) => &name[at + "node_modules/".len()..],
        None => {
            let inner = name.strip_prefix("python/").unwrap_or(name);
            inner.find("site-packages/").map_or(inner, |at| &inner[at + "site-packages/".len()..])
        }
    }
}

/// The package of Node or Python that a file belongs to; parts of one for several systems share a scope in Node.
fn owner(name: &str) -> &str {
    let inner = sought(name);
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
        // Python for the GNU C library does not look for modules with this ending.
        Format::Elf(Some(elf)) if elf.is_for_musl() || name.ends_with("-linux-musl.so") => Some(Misfit::Musl),
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
    Diagnostic::error(code, SUMMARY).detail(why)
}

fn certain(found: Diagnostic, owner: &str, names: &[&str], subject: &Subject<'_>) -> Diagnostic {
    let first = names.first().copied().unwrap_or_default();
    let detail = format!("{} Loading it fails.", found.detail);
    found
        .detail(detail)
        .hint(install(owner, first, subject))
        .hint(format!("if nothing uses it: leave it out with a line `/{}` in `.lambdoignore`", package(first)))
}

/// Of what is only there to make a package faster.
fn doubtful(found: Diagnostic, owner: &str, names: &[&str], subject: &Subject<'_>) -> Diagnostic {
    let first = names.first().copied().unwrap_or_default();
    let detail = format!("{} Loading it fails; `{owner}` has code beside it that may do without.", found.detail);
    Diagnostic::warning(found.code, SUMMARY)
        .detail(detail)
        .hint(install(owner, first, subject))
        .hint(format!("if `{owner}` does without: leave it out with a line `{}` in `.lambdoignore`", only_these(names)))
}

/// A pattern for the libraries of a package without the code beside them.
fn only_these(names: &[&str]) -> String {
    let first = names.first().copied().unwrap_or_default();
    if names.len() == 1 {
        return format!("/{first}");
    }
    let ending = file_name(first).split_once('.').map_or("", |(_, ending)| ending);
    format!("/{}/**/*.{ending}", package(first))
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

/// The folder of the package that a file belongs to; the file itself where it lies in none.
fn package(name: &str) -> &str {
    let inner = sought(name);
    inner.find('/').map_or(name, |end| &name[..name.len() - inner.len() + end])
}

#[cfg(test)]
mod tests {
    use super::super::testing::Program;
    use super::super::tests::{ON_LAMBDA, told};
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
        assert_eq!(package("python/lib/python3.13/site-packages/numpy/_core/x.so"), "python/lib/python3.13/site-packages/numpy");
        assert_eq!(package("node_modules/a/node_modules/bcrypt/prebuilds/x.node"), "node_modules/a/node_modules/bcrypt");
        assert_eq!(package("x.so"), "x.so");
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

    const PYTHON: Subject<'_> = Subject { runtime: "python3.13", handler: "app.handler", ..ON_LAMBDA };
    const APP: &str = "def handler(event, context):\n    return 1\n";

    fn library(needed: &[&str]) -> Vec<u8> {
        Program { interpreter: None, entry: 0, is_pie: false, needed, ..Program::DYNAMIC }.bytes()
    }

    #[test]
    fn a_package_that_may_do_without_its_library_is_only_warned_of() {
        let (library, init) = (library(&["libc.so.6"]), "try:\n    from ._speedups import x\nexcept ImportError:\n    x = 1\n");
        let app = format!("import markupsafe\n{APP}");
        let found = told(
            &[
                ("app.py", app.as_bytes()),
                ("markupsafe/__init__.py", init.as_bytes()),
                ("markupsafe/_speedups.cpython-312-x86_64-linux-gnu.so", &library),
            ],
            &PYTHON,
        );
        insta::assert_snapshot!(found, @r#"Warning wrong-python: `markupsafe/_speedups.cpython-312-x86_64-linux-gnu.so` is built for Python 3.12, and the function has `python3.13`. Loading it fails; `markupsafe` has code beside it that may do without. ["for Lambda: `pip install --platform manylinux2014_x86_64 --python-version 3.13 --only-binary=:all: --target DIR markupsafe`", "if `markupsafe` does without: leave it out with a line `/markupsafe/_speedups.cpython-312-x86_64-linux-gnu.so` in `.lambdoignore`"]"#);
        let macos = b"\xcf\xfa\xed\xfe\x0c\0\0\x01";
        let files = ["yaml/__init__.py", "yaml/a.cpython-313-darwin.so", "yaml/b.cpython-313-darwin.so"];
        let files = files.map(|name| (name, if name.ends_with(".so") { &macos[..] } else { b"" }));
        let found = told(&[&files[..], &[("app.py", APP.as_bytes())]].concat(), &PYTHON);
        assert!(found.starts_with("Warning foreign-system") && found.contains("`/yaml/**/*.cpython-313-darwin.so`"), "{found}");
        let node = Subject { runtime: "nodejs22.x", handler: "index.handler", architecture: "arm64", ..ON_LAMBDA };
        let bufferutil = ("node_modules/bufferutil/prebuilds/linux-x64/bufferutil.node", &library[..]);
        let index = ("index.js", &b"exports.handler = async () => 1;\n"[..]);
        let fallback = ("node_modules/bufferutil/fallback.js", &b""[..]);
        assert!(told(&[index, bufferutil, fallback], &node).starts_with("Warning wrong-architecture"));
        assert!(told(&[index, bufferutil], &node).starts_with("Error wrong-architecture"));
    }

    #[test]
    fn a_library_that_is_imported_in_any_case_is_needed() {
        let library = library(&["libc.so.6"]);
        for (app, init, owner) in [
            (format!("from speedy import fast\n{APP}"), "from ._speedy import fast\n", "speedy"),
            (format!("import speedy._speedy\n{APP}"), "", "speedy"),
            (APP.to_owned(), "", "numpy"),
        ] {
            let (package, module) = (format!("{owner}/__init__.py"), format!("{owner}/_speedy.cpython-312-x86_64-linux-gnu.so"));
            let found = told(&[("app.py", app.as_bytes()), (&package, init.as_bytes()), (&module, &library)], &PYTHON);
            assert!(found.starts_with("Error wrong-python") && !found.contains('\n'), "{app}: {found}");
        }
    }

    #[test]
    fn modules_for_musl_are_known_by_their_names() {
        let app = format!("import a._a\n{APP}");
        for (name, needed) in [("a/_a.cpython-313-x86_64-linux-musl.so", "libc.so.6"), ("a/_a.abi3.so", "libc.so")] {
            let found = told(&[("app.py", app.as_bytes()), ("a/__init__.py", b""), (name, &library(&[needed]))], &PYTHON);
            assert!(found.starts_with("Error missing-interpreter"), "{name}: {found}");
        }
    }

    #[test]
    fn a_library_beside_does_not_stand_for_modules() {
        let library = library(&["libc.so.6"]);
        let modules = [("app.py", APP.as_bytes()), ("pyarrow/__init__.py", b""), ("pyarrow/libarrow.so.2000", &library)];
        let old = ("pyarrow/lib.cpython-312-x86_64-linux-gnu.so", &library[..]);
        assert!(told(&[&modules[..], &[old]].concat(), &PYTHON).starts_with("Error wrong-python: `pyarrow/lib.cpython-312"));
        let own = ("pyarrow/lib.cpython-313-x86_64-linux-gnu.so", &library[..]);
        assert_eq!(told(&[&modules[..], &[own, old]].concat(), &PYTHON), "");
        assert_eq!(told(&modules, &PYTHON), "");
    }
}

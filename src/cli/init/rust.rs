//! Rust crates with binaries for Lambda.

use super::folder::{Folder, join, split};
use super::{Candidate, Code};
use toml::{Table, Value};

/// The crates that make a program a Lambda function.
const RUNTIMES: [&str; 2] = ["lambda_runtime", "lambda_http"];
/// Names of binaries that say nothing; the package's name says more.
const EMPTY_NAMES: [&str; 4] = ["bootstrap", "main", "lambda", "handler"];

struct Binary {
    name: String,
    file: String,
}

/// The binaries of all crates that depend on a runtime for Lambda.
pub fn candidates(folder: &Folder) -> Vec<Candidate> {
    folder.called("Cargo.toml").flat_map(|file| of_crate(folder, file)).collect()
}

fn of_crate(folder: &Folder, file: &str) -> Vec<Candidate> {
    // A manifest that cannot be understood is for cargo to complain about.
    let Ok(manifest) = folder.text(file).parse::<Table>() else { return Vec::new() };
    let place = split(file).0;
    let Some(package) = text(manifest.get("package"), "name").filter(|_| has_runtime(&manifest)) else { return Vec::new() };
    let all = binaries(folder, place, &manifest, &package);
    let is_several = all.len() > 1;
    let is_http = depends_on(&manifest, "lambda_http");
    let candidate = |binary: Binary| Candidate {
        wish: if EMPTY_NAMES.contains(&binary.name.as_str()) && !is_several { package.clone() } else { binary.name.clone() },
        folder: place.to_owned(),
        code: Code::Rust { binary: is_several.then_some(binary.name), is_http },
    };
    for_lambda(folder, all).into_iter().map(candidate).collect()
}

/// A crate may also have tools for the command line: where some binaries name the runtime, only those count.
fn for_lambda(folder: &Folder, all: Vec<Binary>) -> Vec<Binary> {
    let names_it = |binary: &Binary| {
        let text = folder.text(&binary.file);
        RUNTIMES.iter().any(|runtime| text.contains(runtime))
    };
    let (with, without): (Vec<Binary>, Vec<Binary>) = all.into_iter().partition(names_it);
    if with.is_empty() { without } else { with }
}

fn has_runtime(manifest: &Table) -> bool {
    RUNTIMES.iter().any(|runtime| depends_on(manifest, runtime))
}

fn depends_on(manifest: &Table, name: &str) -> bool {
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = targets.filter_map(Value::as_table).chain([manifest]).filter_map(|table| table.get("dependencies")?.as_table());
    tables.flatten().any(|(key, value)| text(Some(value), "package").as_ref().unwrap_or(key).replace('-', "_") == name)
}

/// The binaries as cargo finds them: those that the manifest names, and those that lie where cargo looks.
fn binaries(folder: &Folder, place: &str, manifest: &Table, package: &str) -> Vec<Binary> {
    let given = manifest.get("bin").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut all: Vec<Binary> = given.iter().filter_map(|bin| given_binary(folder, place, bin, package)).collect();
    let is_automatic = manifest.get("package").and_then(|package| package.get("autobins")?.as_bool()) != Some(false);
    for found in found_binaries(folder, place, package).into_iter().filter(|_| is_automatic) {
        if !all.iter().any(|one| one.name == found.name || one.file == found.file) {
            all.push(found);
        }
    }
    all
}

fn given_binary(folder: &Folder, place: &str, bin: &Value, package: &str) -> Option<Binary> {
    let name = text(Some(bin), "name")?;
    if let Some(path) = text(Some(bin), "path") {
        return Some(Binary { name, file: join(place, &path) });
    }
    let file = found_binaries(folder, place, package).into_iter().find(|found| found.name == name).map(|found| found.file);
    Some(Binary { file: file.unwrap_or_default(), name })
}

fn found_binaries(folder: &Folder, place: &str, package: &str) -> Vec<Binary> {
    let main = join(place, "src/main.rs");
    let prefix = join(place, "src/bin/");
    let of_package = folder.files.contains(&main).then(|| Binary { name: package.to_owned(), file: main });
    let named = folder.files.range(prefix.clone()..).take_while(|file| file.starts_with(&prefix)).filter_map(|file| {
        let rest = &file[prefix.len()..];
        let name = rest.strip_suffix("/main.rs").or_else(|| rest.strip_suffix(".rs")).filter(|name| !name.contains('/'))?;
        Some(Binary { name: name.to_owned(), file: file.clone() })
    });
    of_package.into_iter().chain(named).collect()
}

fn text(value: Option<&Value>, key: &str) -> Option<String> {
    Some(value?.get(key)?.as_str()?.to_owned())
}

//! Programs that were built already, Python, Node, Dockerfiles, and the files of other tools.

use super::folder::{Folder, below, join, split};
use super::{Candidate, Code, Script};
use crate::package;
use std::collections::{BTreeMap, BTreeSet};

/// Folders whose name says where sources lie or where a build puts things, not what they are.
const EMPTY_FOLDERS: [&str; 6] = ["bin", "build", "dist", "out", "release", "src"];
/// Names of handler files that say nothing; the folder's name says more.
const EMPTY_NAMES: [&str; 6] = ["app", "handler", "index", "lambda_function", "main", "__init__"];
/// Where Python and Node say what they need.
const PYTHON_PROJECT: &[&str] = &["requirements.txt", "pyproject.toml"];
const NODE_PROJECT: &[&str] = &["package.json"];
/// What Dockerfiles are called.
pub const DOCKERFILES: [&str; 2] = ["Dockerfile", "Containerfile"];
/// What a program that speaks to Lambda by itself cannot do without.
pub const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// `e_machine` of an ELF file: 183 is 64-bit ARM. <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>
const ELF_MACHINE_AT: usize = 18;
const ELF_ARM64: u8 = 183;

/// The programs called `bootstrap`. Autotools has scripts of this name, too: those do not ask the runtime API.
pub fn bootstraps(folder: &Folder) -> Vec<Candidate> {
    let candidate = |file: &str| {
        let bytes = folder.bytes(file);
        let is_elf = bytes.starts_with(b"\x7fELF");
        let is_script = || bytes.starts_with(b"#!") && String::from_utf8_lossy(&bytes).contains(RUNTIME_API);
        let is_arm64 = is_elf && bytes.get(ELF_MACHINE_AT) == Some(&ELF_ARM64);
        let place = split(file).0;
        let code = Code::Bootstrap { file: file.to_owned(), is_arm64 };
        (is_elf || is_script()).then(|| Candidate { wish: telling(place).to_owned(), folder: place.to_owned(), code })
    };
    folder.called("bootstrap").filter_map(candidate).collect()
}

/// The last part of a path that is more than `src` or `dist`.
pub fn telling(place: &str) -> &str {
    place.rsplit('/').find(|part| !EMPTY_FOLDERS.contains(part)).unwrap_or(".")
}

/// The Dockerfiles of folders in which nothing else was found; `taken` are the others' folders.
pub fn dockerfiles(folder: &Folder, taken: &BTreeSet<String>) -> Vec<Candidate> {
    let is_free = |place: &str| !taken.iter().any(|taken| is_around(place, taken));
    let candidate = |file: &str| {
        let place = split(file).0;
        let text = folder.text(file).to_lowercase();
        let is_for_lambda = text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains("lambda"));
        let code = Code::Dockerfile { file: file.to_owned(), is_for_lambda };
        is_free(place).then(|| Candidate { wish: telling(place).to_owned(), folder: place.to_owned(), code })
    };
    DOCKERFILES.iter().flat_map(|name| folder.called(name).filter_map(candidate).collect::<Vec<_>>()).collect()
}

/// Whether a folder is another one, or lies around it.
pub fn is_around(place: &str, other: &str) -> bool {
    other == place || place == "." || other.starts_with(&format!("{place}/"))
}

/// The handlers in Python and Node. Functions of other names count in projects that have none of a usual name: beside one
/// they may as well be its parts.
pub fn handlers(folder: &Folder) -> Vec<Candidate> {
    let sources = sources(folder);
    let usual = |(file, language): &(&str, Script)| {
        let text = folder.text(file);
        let is_node = *language != Script::Python;
        let name = if is_node { package::exports_handler(&text).then(|| "handler".to_owned()) } else { package::python_handler(&text) };
        handler(folder, file, *language, &name?)
    };
    let mut found: Vec<Candidate> = sources.iter().filter_map(usual).collect();
    let told: BTreeSet<String> = found.iter().map(|one| one.folder.clone()).collect();
    for (file, language) in sources.into_iter().filter(|(file, language)| !told.contains(project(folder, split(file).0, *language))) {
        let text = folder.text(file);
        let names = if language == Script::Python { package::python_functions(&text) } else { package::exported_functions(&text) };
        found.extend(names.iter().filter_map(|name| handler(folder, file, language, name)));
    }
    found
}

/// The files that handlers may be in.
fn sources(folder: &Folder) -> Vec<(&str, Script)> {
    let python = folder.ending(&["py"]).filter(|file| !split(file).1.starts_with("test_")).map(|file| (file, Script::Python));
    let is_test = |file: &&str| [".test.", ".spec.", ".d."].iter().any(|part| file.contains(part));
    let node = folder.ending(&["js", "mjs", "cjs", "ts", "mts"]).filter(|file| !is_test(file));
    python.chain(node.map(|file| (file, if file.ends_with("ts") { Script::Typed } else { Script::Node }))).collect()
}

/// The folder of the project that a folder belongs to.
fn project<'a>(folder: &Folder, own: &'a str, language: Script) -> &'a str {
    folder.nearest(own, if language == Script::Python { PYTHON_PROJECT } else { NODE_PROJECT }).unwrap_or(own)
}

fn handler(folder: &Folder, file: &str, language: Script, name: &str) -> Option<Candidate> {
    let (own, last) = split(file);
    let stem = last.rsplit_once('.')?.0;
    let place = project(folder, own, language);
    let inside = below(own, place);
    let module = if inside == "." { stem.to_owned() } else { join(inside, stem) };
    let wish = match (EMPTY_NAMES.contains(&stem), EMPTY_NAMES.contains(&name) || name.ends_with("handler")) {
        (_, false) => name,
        (true, true) => telling(own),
        (false, true) => stem,
    };
    let code = Code::Script { language, handler: format!("{module}.{name}") };
    Some(Candidate { wish: wish.to_owned(), folder: place.to_owned(), code })
}

/// The files of tools that describe a deployment, one for each tool and folder at most.
pub fn foreign(folder: &Folder) -> Vec<(&'static str, String)> {
    let mut found = BTreeMap::new();
    for file in &folder.files {
        let (place, name) = split(file);
        let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
        let tool = match name.split_once('.').unwrap_or((name, "")) {
            ("serverless", "yml" | "yaml" | "json" | "ts" | "js") => Some("Serverless"),
            ("cdk", "json") => Some("CDK"),
            ("template", "yaml" | "yml" | "json") => cloud_formation(&folder.text(file)),
            _ if name.ends_with(".tf") => Some("Terraform"),
            _ if is_yaml && name.starts_with("template") => cloud_formation(&folder.text(file)),
            _ => None,
        };
        if let Some(tool) = tool {
            found.entry((tool, place)).or_insert_with(|| file.clone());
        }
    }
    found.into_iter().map(|((tool, _), file)| (tool, file)).collect()
}

fn cloud_formation(text: &str) -> Option<&'static str> {
    match text {
        _ if text.contains("AWS::Serverless") => Some("SAM"),
        _ if text.contains("AWSTemplateFormatVersion") || text.contains("AWS::Lambda::") => Some("CloudFormation"),
        _ => None,
    }
}

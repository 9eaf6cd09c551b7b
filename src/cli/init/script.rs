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
const PYTHON_PROJECT: [&str; 2] = ["requirements.txt", "pyproject.toml"];
const NODE_PROJECT: [&str; 1] = ["package.json"];
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
    let is_free = |place: &str| !taken.iter().any(|taken| *taken == place || place == "." || taken.starts_with(&format!("{place}/")));
    let candidate = |file: &str| {
        let place = split(file).0;
        let text = folder.text(file).to_lowercase();
        let is_for_lambda = text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains("lambda"));
        let code = Code::Dockerfile { file: file.to_owned(), is_for_lambda };
        is_free(place).then(|| Candidate { wish: telling(place).to_owned(), folder: place.to_owned(), code })
    };
    ["Dockerfile", "Containerfile"].iter().flat_map(|name| folder.called(name).filter_map(candidate).collect::<Vec<_>>()).collect()
}

/// The handlers in Python and Node.
pub fn handlers(folder: &Folder) -> Vec<Candidate> {
    let python = folder.ending(&["py"]).filter(|file| !split(file).1.starts_with("test_"));
    let python =
        python.filter_map(|file| handler(folder, file, Script::Python, &PYTHON_PROJECT, &package::python_handler(&folder.text(file))?));
    let is_test = |file: &&str| [".test.", ".spec.", ".d."].iter().any(|part| file.contains(part));
    let node = folder.ending(&["js", "mjs", "cjs", "ts", "mts"]).filter(|file| !is_test(file));
    let node = node.filter(|file| package::exports_handler(&folder.text(file))).filter_map(|file| {
        let language = if file.ends_with("ts") { Script::Typed } else { Script::Node };
        handler(folder, file, language, &NODE_PROJECT, "handler")
    });
    python.chain(node).collect()
}

fn handler(folder: &Folder, file: &str, language: Script, projects: &[&str], name: &str) -> Option<Candidate> {
    let (own, last) = split(file);
    let stem = last.rsplit_once('.')?.0;
    let place = folder.nearest(own, projects).unwrap_or(own);
    let inside = below(own, place);
    let module = if inside == "." { stem.to_owned() } else { join(inside, stem) };
    let wish = if EMPTY_NAMES.contains(&stem) { telling(own) } else { stem };
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

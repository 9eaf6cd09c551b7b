//! What `lambdo init` knows: looking at a folder, and the `config.toml` that comes of it.
//!
//! [`look`] finds the functions, [`text`] writes the spec, [`view`] tells about both; writing files is
//! the business of the command.

pub mod example;
pub mod folder;
pub mod gitignore;
mod go;
pub mod ignore;
mod name;
mod rust;
mod script;
pub mod seen;
#[cfg(test)]
mod tests;
pub mod text;
pub mod view;

use folder::Folder;
use seen::PassedOver;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What a folder holds, as far as lambdo is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The project's name.
    pub project: String,
    /// The functions, ordered by where they lie.
    pub functions: Vec<Function>,
    /// Files of other tools, which are not read: the tool and the file.
    pub foreign: Vec<(&'static str, String)>,
    /// What may be a function and was not taken.
    pub passed_over: Vec<PassedOver>,
    /// Where no function was found: files that show that there is code all the same.
    pub unread: Vec<String>,
    /// Whether there were more files than lambdo looks at.
    pub is_cut: bool,
    /// Whether an example may be put here: nothing was found, and nothing is in its way.
    pub has_room: bool,
}

/// A function that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name in the spec.
    pub name: String,
    /// Its folder, relative to the spec's; `.` for this one.
    pub folder: String,
    /// Its code.
    pub code: Code,
}

/// What a function is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// A binary of a Rust crate.
    Rust {
        /// Its name, where the crate has several.
        binary: Option<String>,
        /// Whether it answers HTTP requests.
        is_http: bool,
    },
    /// A program that was built already.
    Bootstrap {
        /// Its path, relative to the spec's folder.
        file: String,
        /// Whether it was built for arm64.
        is_arm64: bool,
    },
    /// A Go program.
    Go {
        /// The folder of the discovery that finds it, where there is one.
        root: Option<String>,
    },
    /// An image.
    Dockerfile {
        /// Its path, relative to the spec's folder.
        file: String,
        /// Whether it names Lambda.
        is_for_lambda: bool,
    },
    /// A Python or Node handler.
    Script {
        /// Which of them.
        language: Script,
        /// Module and name, as AWS writes them.
        handler: String,
    },
}

/// A language that AWS has a runtime for, and whose code is files as they lie there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// `*.py`.
    Python,
    /// `*.js`, `*.mjs`, `*.cjs`.
    Node,
    /// TypeScript, `*.ts`: it must be compiled first.
    Typed,
}

impl Function {
    /// The language, as it is called.
    pub fn language(&self) -> &'static str {
        match &self.code {
            Code::Rust { .. } => "Rust",
            Code::Bootstrap { .. } => "prebuilt",
            Code::Go { .. } => "Go",
            Code::Dockerfile { .. } => "Dockerfile",
            Code::Script { language: Script::Python, .. } => "Python",
            Code::Script { language: Script::Node, .. } => "Node",
            Code::Script { language: Script::Typed, .. } => "TypeScript",
        }
    }

    /// Why it is commented out; `None` for what this version deploys.
    pub fn reason(&self) -> Option<&'static str> {
        match &self.code {
            Code::Dockerfile { is_for_lambda: false, .. } => Some("it does not say whether its program speaks to Lambda"),
            _ => None,
        }
    }

    /// What is shown of where it lies.
    pub fn place(&self) -> String {
        match &self.code {
            Code::Bootstrap { file, .. } | Code::Dockerfile { file, .. } => file.clone(),
            Code::Rust { binary: Some(binary), .. } if self.folder == "." => format!("binary {binary}"),
            Code::Rust { binary: Some(binary), .. } => format!("{} (binary {binary})", self.folder),
            Code::Script { handler, .. } if self.folder == "." => handler.clone(),
            Code::Script { handler, .. } => format!("{} ({handler})", self.folder),
            _ if self.folder == "." => "this folder".to_owned(),
            _ => self.folder.clone(),
        }
    }
}

/// A function before it has its final name.
pub(in crate::cli::init) struct Candidate {
    /// What it would like to be called.
    wish: String,
    folder: String,
    code: Code,
}

/// Looks at a folder. `project` beats the name that the folder suggests, and is taken as it is.
pub fn look(root: &Path, project: Option<&str>) -> Found {
    let folder = Folder::read(root);
    let suggested = root.canonicalize().ok().and_then(|root| Some(root.file_name()?.to_str()?.to_owned()));
    let suggested = suggested.or_else(|| Some(root.file_name()?.to_str()?.to_owned())).unwrap_or_default();
    let candidates = candidates(&folder, &suggested);
    let mut functions = named(candidates);
    go::discover(&mut functions, &folder);
    let longest = functions.iter().map(|function| function.name.len()).max().unwrap_or_default();
    let foreign = script::foreign(&folder);
    let unread = if functions.is_empty() { seen::code(&folder) } else { Vec::new() };
    Found {
        project: project.map_or_else(|| name::of_project(&suggested, longest), str::to_owned),
        has_room: functions.is_empty() && foreign.is_empty() && unread.is_empty() && !folder.is_cut && !root.join(example::TOP).exists(),
        passed_over: seen::passed_over(&folder, &functions),
        unread,
        functions,
        foreign,
        is_cut: folder.is_cut,
    }
}

/// All candidates; of two in one folder, what lambdo builds beats what was built, and everything beats a Dockerfile.
fn candidates(folder: &Folder, suggested: &str) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = rust::candidates(folder).into_iter().chain(go::candidates(folder)).collect();
    let sources: BTreeSet<String> = all.iter().map(|one| one.folder.clone()).collect();
    all.extend(script::bootstraps(folder).into_iter().filter(|one| !sources.contains(&one.folder)));
    all.extend(script::handlers(folder));
    let taken = all.iter().map(|one| one.folder.clone()).collect();
    all.extend(script::dockerfiles(folder, &taken));
    for one in all.iter_mut().filter(|one| one.wish == ".") {
        suggested.clone_into(&mut one.wish);
    }
    all.sort_by(|one, other| (&one.folder, &one.wish).cmp(&(&other.folder, &other.wish)));
    all
}

/// Gives each candidate a valid name of its own. IAM tells no upper from lower case.
fn named(candidates: Vec<Candidate>) -> Vec<Function> {
    let mut wishes: BTreeMap<String, usize> = BTreeMap::new();
    for one in &candidates {
        *wishes.entry(name::of_function(&one.wish).to_lowercase()).or_default() += 1;
    }
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut functions = Vec::new();
    for one in candidates {
        let wish = name::of_function(&one.wish);
        let is_alone = wishes.get(&wish.to_lowercase()) == Some(&1);
        let name = if is_alone { wish } else { name::of_function(&format!("{}-{}", parent(&one), one.wish)) };
        let name = name::free(name, |name| taken.contains(&name.to_lowercase()));
        taken.insert(name.to_lowercase());
        functions.push(Function { name, folder: one.folder, code: one.code });
    }
    functions
}

/// The folder that tells two functions of one name apart.
fn parent(candidate: &Candidate) -> &str {
    let (above, last) = candidate.folder.rsplit_once('/').unwrap_or(("", &candidate.folder));
    if last == candidate.wish { above } else { last }
}

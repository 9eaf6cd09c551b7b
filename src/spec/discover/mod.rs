//! `[discover.NAME]`: folders that become functions without being named one by one.

mod fields;
mod folders;

use super::header::{allowed_name, check_name};
use super::merge::{CODE_KEYS, Level, Merging, merge};
use super::references::Scope;
use super::shape::Checker;
use super::top::{invalid_name, unnamed};
use super::tree::{Data, Node, Nodes};
use super::wanted::{not_a_table, one_of};
use super::{FUNCTION, STATE_FOLDER};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::model::{Address, Path, SeenFolders, Table, Value, field};
pub(crate) use fields::FIELDS;
use fields::of_functions;
use folders::{Folders, Found, Pattern};
use std::collections::BTreeMap;

/// The key of the top level.
pub(crate) const DISCOVER: &str = "discover";
const DEFAULT_MATCH: &str = "main.go";

/// What all discoveries of a file have found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Discovered {
    /// The folder of each function, relative to the file, by the function's name.
    pub folders: BTreeMap<String, String>,
    /// Whether an error was in the way, so that a folder that was not found may be there.
    pub is_partial: bool,
    /// The names of the discoveries.
    pub discoveries: Vec<String>,
    /// What they looked through.
    pub seen: SeenFolders,
}

/// One discovery, read.
struct Discovery<'a> {
    name: &'a str,
    node: &'a Node,
    root: String,
    root_span: Option<Span>,
    wanted: Vec<Pattern>,
    shown_match: String,
    exclude: Vec<(String, Pattern)>,
}

/// A folder and what it becomes.
struct Candidate<'a> {
    name: String,
    found: Found,
    /// The folder relative to the file.
    path: String,
    discovery: &'a Discovery<'a>,
}

impl Discovered {
    /// Writes the functions that are found into the file, below what it says of them itself.
    pub fn expand(root: &mut Node, scope: &Scope<'_>, merging: &mut Merging) -> Self {
        let Some(section) = root.get(DISCOVER).cloned() else { return Self::default() };
        let Some(table) = section.table() else {
            merging.findings.push(not_a_table("`discover`", &section).hint("write `[discover.NAME]` with `root = \"FOLDER\"`"));
            return Self::default();
        };
        let before = merging.findings.len();
        let mut discovered = Self { discoveries: table.keys().cloned().collect(), ..Self::default() };
        if let Some((key, node)) = table.iter().find(|(key, node)| node.table().is_none() && field::find(FIELDS, key).is_some()) {
            merging.findings.push(unnamed(DISCOVER, key, node.key_span()));
            return discovered;
        }
        let discoveries: Vec<Discovery<'_>> =
            table.iter().filter_map(|(name, node)| Discovery::read(name, node, scope, &mut merging.findings)).collect();
        let state = state_folder(root, scope);
        let mut candidates = Vec::new();
        for discovery in &discoveries {
            candidates.extend(discovery.candidates(scope, &state, &mut discovered.seen, &mut merging.findings));
        }
        for candidate in unclashing(candidates, &mut merging.findings) {
            discovered.folders.insert(candidate.name.clone(), candidate.path.clone());
            candidate.add(root, merging);
        }
        discovered.is_partial = merging.findings[before..].iter().any(Diagnostic::is_error);
        discovered
    }

    /// Says of a function without code that no folder is called like it.
    pub fn no_folder(&self, name: &str, node: &Node) -> Option<Diagnostic> {
        if self.discoveries.is_empty() {
            return None;
        }
        let discoveries: Vec<String> = self.discoveries.iter().map(|name| format!("`[discover.{name}]`")).collect();
        let none = if let [only] = &discoveries[..] {
            format!("{only} finds no folder")
        } else {
            format!("none of {} finds a folder", discoveries.join(", "))
        };
        let finding = Diagnostic::error("no-folder", "A function has neither code nor a folder")
            .detail(format!("`function.{name}` says nothing of its code, and {none} of this name."))
            .span(node.span.clone())
            .address(Address::new(FUNCTION, name));
        let names: Vec<&str> = self.folders.keys().map(String::as_str).collect();
        Some(
            match nearest(name, names.iter().copied()) {
                Some(near) => finding.hint(format!("did you mean `{near}`, from `{}`?", self.folders[near])),
                None if names.is_empty() => finding,
                None => finding.hint(format!("found: {}", one_of(&names))),
            }
            .hint("a function that lies elsewhere says where: `build = \"FOLDER\"`"),
        )
    }
}

impl<'a> Discovery<'a> {
    fn read(name: &'a str, node: &'a Node, scope: &Scope<'_>, findings: &mut Vec<Diagnostic>) -> Option<Self> {
        if let Err(problem) = check_name(name) {
            findings.push(invalid_name(name, &problem, node.key_span()));
        }
        let label = format!("{DISCOVER}.{name}");
        let mut resolved = scope.resolve(node, findings);
        let Some(nodes) = resolved.table_mut() else {
            findings.push(not_a_table(&format!("`{label}`"), node).hint(format!("write `[{label}]`")));
            return None;
        };
        nodes.remove("unset");
        let mut checker = Checker::new(Some(scope), label);
        let values = checker.table(nodes, node.key_span(), FIELDS, &Path::default());
        let root_span = checker.spans.get(&Path::key("root")).cloned();
        let is_sound = checker.findings.is_empty();
        findings.extend(checker.findings.drain(..).map(of_functions));
        let root = values.get("root").and_then(Value::as_str).filter(|_| is_sound)?.trim_end_matches('/').to_owned();
        let given = texts(&values, "match");
        let wanted = if given.is_empty() { vec![DEFAULT_MATCH.to_owned()] } else { given };
        let patterns = |texts: &[String]| texts.iter().filter_map(|text| Pattern::new(text).ok()).collect::<Vec<_>>();
        let exclude = texts(&values, "exclude");
        Some(Self {
            name,
            node,
            root,
            root_span,
            shown_match: one_of(&wanted.iter().map(String::as_str).collect::<Vec<_>>()),
            wanted: patterns(&wanted),
            exclude: exclude.iter().cloned().zip(patterns(&exclude)).collect(),
        })
    }

    fn candidates(
        &'a self,
        scope: &Scope<'_>,
        state: &std::path::Path,
        seen: &mut SeenFolders,
        findings: &mut Vec<Diagnostic>,
    ) -> Vec<Candidate<'a>> {
        let folder = scope.source.folder.join(&self.root);
        let exclude: Vec<Pattern> = self.exclude.iter().map(|(_, pattern)| pattern.clone()).collect();
        let folders = match Folders::look(&folder, &self.wanted, &exclude, state) {
            Ok(folders) => folders,
            Err(_) if !folder.exists() => {
                findings.push(self.no_root(scope));
                return Vec::new();
            }
            Err(reason) => {
                findings.push(self.problem("unreadable-file", "A folder cannot be read", format!("{reason}.")));
                return Vec::new();
            }
        };
        seen.roots.insert(self.root.clone());
        seen.there.extend(folders.there.iter().map(|folder| self.path_of(folder)));
        seen.left_out.extend(folders.left_out.iter().map(|folder| self.path_of(folder)));
        if folders.found.is_empty() {
            findings.push(self.nothing(&folders));
        } else {
            findings.extend(self.excludes_nothing(&folders));
        }
        folders.found.into_iter().filter_map(|found| self.candidate(found, findings)).collect()
    }

    /// What a folder becomes: a function that is called like the path.
    fn candidate(&'a self, found: Found, findings: &mut Vec<Diagnostic>) -> Option<Candidate<'a>> {
        let path = self.path_of(&found.folder);
        let own = if found.folder.is_empty() { last_name(&self.root) } else { found.folder.replace('/', "-") };
        let name = match (&found.binary, own.is_empty() || found.folder.is_empty()) {
            (Some(binary), true) => binary.clone(),
            (Some(binary), false) => format!("{own}-{binary}"),
            (None, _) => own,
        };
        match check_name(&name) {
            Ok(()) => Some(Candidate { name, found, path, discovery: self }),
            Err(problem) => {
                findings.push(self.bad_name(&name, &problem, &path, &found));
                None
            }
        }
    }

    fn path_of(&self, folder: &str) -> String {
        match (self.root.as_str(), folder) {
            (root, "") => root.to_owned(),
            (".", folder) => folder.to_owned(),
            (root, folder) => format!("{root}/{folder}"),
        }
    }

    fn problem(&self, code: &'static str, summary: &str, detail: String) -> Diagnostic {
        Diagnostic::error(code, summary).detail(detail).span(self.root_span.clone())
    }

    fn no_root(&self, scope: &Scope<'_>) -> Diagnostic {
        let problem = self.problem(
            "missing-file",
            "A folder is not there",
            format!("`root` of `discover.{}` is `{}`, and there is no such folder.", self.name, self.root),
        );
        let folder = scope.source.folder.join(&self.root);
        let beside = folder.parent().and_then(|parent| std::fs::read_dir(parent).ok()).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            beside.filter(|entry| entry.path().is_dir()).filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        match nearest(&last_name(&self.root), names.iter().map(String::as_str)) {
            Some(near) => problem.hint(format!("`{near}` lies in the same folder; is it meant?")),
            None => problem.hint("the path begins at the folder of the spec"),
        }
    }

    fn nothing(&self, folders: &Folders<'_>) -> Diagnostic {
        let problem = self.problem(
            "nothing-discovered",
            "Nothing is found",
            format!(
                "`discover.{}` finds no {} below `{}`. It would be a wish for no function at all, which deletes those that are there.",
                self.name, self.shown_match, self.root
            ),
        );
        let problem = match folders.others.first() {
            Some(other) => problem.hint(format!("there is a `{other}`: `match = \"{other}\"` finds it")),
            None => problem,
        };
        let problem = match folders.passed_over.first() {
            Some(folder) => problem.hint(format!("`{folder}` is not looked into: its name begins with `_`")),
            None => problem,
        };
        problem.hint(format!("to have none, remove `[discover.{}]`", self.name))
    }

    fn excludes_nothing(&self, folders: &Folders<'_>) -> Vec<Diagnostic> {
        let unused = self.exclude.iter().enumerate().filter(|(at, _)| !folders.used.contains(at));
        let warning = |text: &String| {
            Diagnostic::warning("excludes-nothing", "A pattern excludes nothing")
                .detail(format!("`{text}` in `exclude` of `discover.{}` matches no folder below `{}`.", self.name, self.root))
                .hint("a pattern without `/` is the name of a folder anywhere, one with `/` a path below the root")
                .span(self.node.get("exclude").and_then(|node| node.span.clone()))
        };
        unused.map(|(_, (text, _))| warning(text)).collect()
    }

    fn bad_name(&self, name: &str, problem: &str, path: &str, found: &Found) -> Diagnostic {
        let detail = if name.is_empty() || name == "." || name == ".." {
            format!("`{path}` itself holds a function, and has no name below the root `{}`.", self.root)
        } else {
            format!("`{path}` gives the function the name `{name}`, which {problem}.")
        };
        let better = allowed_name(name).unwrap_or_else(|| "NAME".to_owned());
        let finding = self.problem("invalid-name", "A name is not allowed", detail);
        let finding = finding.hint(format!("name it in a section of its own: `[function.{better}]` with `build = \"{path}\"`"));
        if found.folder.is_empty() {
            finding.hint("and begin the discovery deeper")
        } else {
            finding.hint(format!("and leave it out here: `exclude = [\"{}\"]`", found.folder))
        }
    }
}

impl Candidate<'_> {
    /// Lays what the file says of the function over what the folder tells.
    fn add(&self, root: &mut Node, merging: &mut Merging) {
        let Some(file) = root.table_mut() else { return };
        let functions = file.entry(FUNCTION.to_owned()).or_insert_with(Node::empty);
        let Some(functions) = functions.table_mut() else { return };
        let Some(own) = functions.remove(&self.name) else {
            functions.insert(self.name.clone(), self.function(None));
            return;
        };
        if own.table().is_some() && !self.has_other_code(&own) {
            let mut function = self.function(Some(&own));
            merge(&mut function, own, Level::Section, merging);
            functions.insert(self.name.clone(), function);
            return;
        }
        if own.table().is_some() {
            merging.findings.push(self.two_codes(&own));
        }
        functions.insert(self.name.clone(), own);
    }

    fn function(&self, own: Option<&Node>) -> Node {
        let placed = |data: Data| Node { data, key: None, span: self.discovery.root_span.clone() };
        let mut build = Nodes::from([("path".to_owned(), placed(Data::String(self.path.clone())))]);
        build.extend(self.found.binary.iter().map(|binary| ("bin".to_owned(), placed(Data::String(binary.clone())))));
        let mut table = Nodes::from([("build".to_owned(), placed(Data::Table(build)))]);
        table.extend(self.discovery.node.get("use").map(|templates| ("use".to_owned(), templates.clone())));
        let Node { key, span, .. } = own.unwrap_or(self.discovery.node);
        Node { data: Data::Table(table), key: key.clone(), span: span.clone() }
    }

    /// Whether the section has code of its own; options of the build are none.
    fn has_other_code(&self, own: &Node) -> bool {
        CODE_KEYS.iter().any(|key| own.get(key).is_some_and(|node| *key != "build" || node.table().is_none() || node.get("path").is_some()))
    }

    fn two_codes(&self, own: &Node) -> Diagnostic {
        let key = CODE_KEYS.into_iter().find(|key| own.get(key).is_some()).unwrap_or("build");
        Diagnostic::error("two-sources", "A function has two sources of code")
            .detail(format!(
                "`function.{}` has `{key}`, and `discover.{}` finds `{}` for the same name.",
                self.name, self.discovery.name, self.path
            ))
            .hint(format!("take `{key}` out, or leave the folder out of the discovery: `exclude = [\"{}\"]`", self.found.folder))
            .address(Address::new(FUNCTION, &self.name))
            .span(own.get(key).and_then(Node::key_span))
    }
}

/// Those whose names and folders nobody else has; each clash is told.
fn unclashing<'a>(candidates: Vec<Candidate<'a>>, findings: &mut Vec<Diagnostic>) -> Vec<Candidate<'a>> {
    let mut kept: Vec<Candidate<'a>> = Vec::new();
    for candidate in candidates {
        let same_folder = |other: &&Candidate<'_>| other.path == candidate.path && other.found.binary == candidate.found.binary;
        let finding = if let Some(other) = kept.iter().find(same_folder) {
            Some(found_twice(&candidate, other))
        } else {
            kept.iter().find(|other| other.name == candidate.name).map(|other| same_name(&candidate, other))
        };
        match finding {
            Some(finding) => findings.push(finding),
            None => kept.push(candidate),
        }
    }
    kept
}

fn found_twice(candidate: &Candidate<'_>, other: &Candidate<'_>) -> Diagnostic {
    candidate
        .discovery
        .problem(
            "overlapping-discoveries",
            "A folder is found twice",
            format!("`{}` is found by `discover.{}` and by `discover.{}`.", candidate.path, other.discovery.name, candidate.discovery.name),
        )
        .hint(format!("leave it out of one of them with `exclude`, as in `[discover.{}]`", candidate.discovery.name))
}

fn same_name(candidate: &Candidate<'_>, other: &Candidate<'_>) -> Diagnostic {
    candidate
        .discovery
        .problem(
            "duplicate-name",
            "Two folders give the same name",
            format!("`{}` and `{}` would both be `function.{}`.", other.path, candidate.path, candidate.name),
        )
        .hint(format!(
            "leave one of them out with `exclude`, and give it a section of its own: `[function.NAME]` with `build = \"{}\"`",
            candidate.path
        ))
}

/// Where the state lies; what is wrong with that is told by whoever reads the header.
fn state_folder(root: &Node, scope: &Scope<'_>) -> std::path::PathBuf {
    let path = root.get("state").and_then(|state| state.get("path")).map(|path| scope.resolve(path, &mut Vec::new()));
    let path = match path.map(|path| path.data) {
        Some(Data::String(path)) => path,
        _ => STATE_FOLDER.to_owned(),
    };
    scope.source.folder.join(path)
}

fn texts(values: &Table, key: &str) -> Vec<String> {
    values.get(key).map(Value::strings).unwrap_or_default().into_iter().map(str::to_owned).collect()
}

/// The last name of a path, if it is one.
fn last_name(path: &str) -> String {
    path.rsplit('/').next().filter(|name| !matches!(*name, "." | "..")).unwrap_or_default().to_owned()
}

//! What Node loads when it loads a handler (<https://nodejs.org/api/modules.html#all-together>,
//! <https://nodejs.org/api/esm.html#resolution-algorithm>).

use super::node_text::{Load, loads};
use super::{FILES_MAX, Missing, Subject, Tree, add, deeper, hidden, known, names, told};
use crate::diagnostic::{Diagnostic, nearest};
use crate::package::check::handler::file;
use crate::package::check::handler::node::{is_loaded_as_module, is_script, version};
use std::collections::{BTreeSet, VecDeque};
use std::io;

const ENDINGS: [&str; 4] = ["", ".js", ".json", ".node"];
const SOURCES: [&str; 4] = [".ts", ".mts", ".cts", ".tsx"];
/// Code with one of these in it changes how modules are found.
const HOOKS: [&str; 4] = ["/register", "registerHooks", "require.extensions", "_resolveFilename"];

/// What was found so far.
struct Walk<'a> {
    tree: &'a Tree<'a>,
    version: u32,
    seen: BTreeSet<String>,
    waiting: VecDeque<String>,
    /// Packages that are not there.
    packages: Vec<Missing>,
    /// Files of the package itself that are not there, each with whether it was imported, and not required.
    files: Vec<(Missing, bool)>,
    is_hooked: bool,
}

pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    let (Some(file), Some(version)) = (file(tree, subject), version(subject.runtime)) else { return Ok(Vec::new()) };
    // Node takes a module by where it really lies.
    let file = tree.end(&file).into_owned();
    let mut walk = Walk {
        tree,
        version,
        seen: BTreeSet::from([file.clone()]),
        waiting: VecDeque::from([file]),
        packages: Vec::new(),
        files: Vec::new(),
        is_hooked: false,
    };
    while let Some(file) = walk.waiting.pop_front().filter(|_| walk.seen.len() <= FILES_MAX) {
        walk.read(&file)?;
    }
    if walk.is_hooked || subject.has_more {
        return Ok(Vec::new());
    }
    let missing = told(&walk.packages, subject);
    let missing = missing.map(|found| walk.advised(found)).transpose()?;
    Ok(walk.no_file().into_iter().chain(missing).collect())
}

impl Walk<'_> {
    fn read(&mut self, file: &str) -> io::Result<()> {
        let Some(text) = self.tree.text(file)? else { return Ok(()) };
        self.is_hooked |= HOOKS.iter().any(|hook| text.contains(hook));
        let is_module = is_loaded_as_module(self.tree, file)?;
        let names_itself = self.own_name(file)?;
        // In a module `require` is something that the code has made itself.
        for load in loads(&text).into_iter().filter(|load| load.is_import || !is_module) {
            if load.specifier.starts_with("./") || load.specifier.starts_with("../") {
                self.follow(file, &load)?;
            } else if let Some(package) = package(&load.specifier)
                && names_itself.as_deref() != Some(package)
                && !known::node(package, self.version)
                && !self.has_package(file, package)
            {
                add(&mut self.packages, Missing::new(package, file, load.line));
            }
        }
        Ok(())
    }

    fn follow(&mut self, file: &str, load: &Load) -> io::Result<()> {
        let Some(path) = joined(file, &load.specifier) else { return Ok(()) };
        match self.find(&path, load.is_import)? {
            Some(found) if is_script(&found) => {
                let found = self.tree.end(&found).into_owned();
                if self.seen.insert(found.clone()) {
                    self.waiting.push_back(found);
                }
            }
            Some(_) => {}
            None => {
                let missing = Missing::new(&load.specifier, file, load.line);
                self.files.push((missing, load.is_import));
            }
        }
        Ok(())
    }

    /// The file that a path leads to: an import names it whole, `require` seeks.
    fn find(&self, path: &str, is_import: bool) -> io::Result<Option<String>> {
        if is_import {
            return Ok(Some(path.to_owned()).filter(|path| self.tree.has(path)));
        }
        let found = ENDINGS.iter().map(|ending| format!("{path}{ending}")).find(|name| self.tree.has(name));
        let within = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        let found =
            found.or_else(|| ["index.js", "index.json", "index.node"].iter().map(|name| within(name)).find(|name| self.tree.has(name)));
        // What a `package.json` names is not followed.
        Ok(found.or_else(|| Some(within("package.json")).filter(|name| self.tree.has(name))))
    }

    fn has_package(&self, file: &str, package: &str) -> bool {
        let folders = file.rmatch_indices('/').map(|(at, _)| &file[..=at]).chain([""]);
        folders.map(|folder| format!("{folder}node_modules/{package}")).any(|place| {
            self.tree.has(&place) || self.tree.has_folder(&place) || ENDINGS.iter().any(|ending| self.tree.has(&format!("{place}{ending}")))
        })
    }

    fn json(&self, file: &str) -> io::Result<serde_json::Value> {
        Ok(serde_json::from_str(&self.tree.text(file)?.unwrap_or_default()).unwrap_or_default())
    }

    /// The name of the package that a file belongs to, by which it may load itself.
    fn own_name(&self, file: &str) -> io::Result<Option<String>> {
        let folders = file.rmatch_indices('/').map(|(at, _)| &file[..=at]).chain([""]);
        let Some(package) = folders.map(|folder| format!("{folder}package.json")).find(|name| self.tree.has(name)) else { return Ok(None) };
        Ok(self.json(&package)?["name"].as_str().map(str::to_owned))
    }

    /// The first file that is not there: what layers bring lies elsewhere, so that this is sure.
    fn no_file(&self) -> Option<Diagnostic> {
        let (Missing { name, file, line, .. }, is_import) = self.files.first()?;
        let detail =
            format!("`{file}` loads `{name}` in line {line}, and the package has no such file: the function fails when it starts.");
        let found = Diagnostic::error("missing-import", "The code loads a file that is not there").detail(detail);
        let path = joined(file, name).unwrap_or_default();
        let base = path.strip_suffix(".js").unwrap_or(&path);
        if let Some(whole) = self.find(&path, false).ok().flatten().filter(|_| *is_import) {
            let rest = whole.strip_prefix(&path).unwrap_or_default();
            return Some(found.hint(format!("an `import` names its file whole: `{name}{rest}`")));
        }
        if let Some(source) = SOURCES.iter().map(|ending| format!("{base}{ending}")).find(|source| self.tree.has(source)) {
            return Some(found.hint(format!("`{source}` is TypeScript, and not compiled")));
        }
        let scripts = self.tree.names().filter(|name| is_script(name) && !name.contains("node_modules/"));
        let wanted = format!("{base}.js");
        Some(match nearest(&wanted, scripts) {
            Some(near) => found.hint(format!("`{near}` is there; is it meant?")),
            None => found,
        })
    }

    fn advised(&self, found: Diagnostic) -> io::Result<Diagnostic> {
        let Some(first) = self.packages.first().map(|one| one.name.as_str()) else { return Ok(found) };
        if first == "aws-sdk" {
            return Ok(found.hint(
                "from Node.js 18 on Lambda has version 3 of the SDK: `@aws-sdk/client-…`; version 2 comes with the package, if at all",
            ));
        }
        if let Some(place) = hidden(self.tree, &format!("node_modules/{first}"), ".js") {
            return Ok(found
                .hint(deeper(place, "packages are sought in `node_modules` beside the code and above; a folder `nodejs/` is for layers")));
        }
        let json = if self.tree.has("package.json") { self.json("package.json")? } else { serde_json::Value::Null };
        let of = |key: &str| json[key].get(first).is_some();
        Ok(if of("dependencies") {
            found.hint(format!(
                "`package.json` names `{first}`, but it is not installed: `npm ci --omit=dev`, or let lambdo do it: `build = \"FOLDER\"`"
            ))
        } else if of("devDependencies") {
            found.hint(format!("`package.json` has `{first}` among `devDependencies`, which are left out: move it to `dependencies`"))
        } else {
            found.hint(format!(
                "`npm install` puts {} beside the code; `build = \"FOLDER\"` installs or bundles what `package.json` names",
                names(&self.packages)
            ))
        })
    }
}

/// The package that a bare specifier names; nothing for paths, URLs, and what a package maps itself.
fn package(specifier: &str) -> Option<&str> {
    if specifier.starts_with(['.', '/', '#']) || specifier.contains(':') {
        return None;
    }
    let parts = if specifier.starts_with('@') { 2 } else { 1 };
    let end = specifier.match_indices('/').nth(parts - 1).map_or(specifier.len(), |(at, _)| at);
    Some(&specifier[..end])
}

/// Where a relative path leads from a file; nothing where it leads out of the package.
fn joined(file: &str, specifier: &str) -> Option<String> {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in specifier.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_name_packages() {
        for (specifier, expected) in [
            ("express", Some("express")),
            ("lodash/fp/get", Some("lodash")),
            ("@aws-sdk/client-s3", Some("@aws-sdk/client-s3")),
            ("@middy/core/index.js", Some("@middy/core")),
            ("./x", None),
            ("..", None),
            ("/opt/x", None),
            ("#db", None),
            ("node:fs", None),
            ("https://x/y.js", None),
        ] {
            assert_eq!(package(specifier), expected, "{specifier}");
        }
    }

    #[test]
    fn relative_paths_start_at_their_file() {
        assert_eq!(joined("src/index.js", "../lib/db").as_deref(), Some("lib/db"));
        assert_eq!(joined("index.js", "./lib//db.js").as_deref(), Some("lib/db.js"));
        assert_eq!(joined("index.js", "../x"), None);
    }
}

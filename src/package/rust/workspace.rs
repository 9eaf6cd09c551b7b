//! What `cargo metadata` says, and the binary that is meant.

use super::options::Options;
use crate::diagnostic::{Diagnostic, nearest};
use crate::package::problem::list;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The parts of `cargo metadata --no-deps --format-version 1` that count here.
/// <https://doc.rust-lang.org/cargo/commands/cargo-metadata.html>
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Workspace {
    packages: Vec<Package>,
    /// Where its lock file lies.
    pub workspace_root: PathBuf,
    /// What cargo writes to, and locks while it does.
    pub target_directory: PathBuf,
}

#[derive(Clone, Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Clone, Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// A binary of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Binary {
    /// Its package's name.
    pub package: String,
    /// Its package's `Cargo.toml`.
    pub manifest: PathBuf,
    /// Its own name.
    pub name: String,
}

impl Workspace {
    /// The binary that a function means: the one that is asked for, else the only one, else the one
    /// that is called like the function.
    ///
    /// # Errors
    /// When there is none or more than one, with their names.
    pub fn binary(&self, folder: &Path, shown: &str, options: &Options, function: &str) -> Result<Binary, Diagnostic> {
        let packages = self.candidates(folder, shown, options)?;
        let mut binaries: Vec<Binary> = packages.iter().flat_map(|package| package.binaries()).collect();
        binaries.sort();
        if binaries.is_empty() {
            return Err(no_binary(&packages, shown));
        }
        if let Some(bin) = &options.bin {
            return named(bin, &binaries, shown);
        }
        if let [only] = &binaries[..] {
            return Ok(only.clone());
        }
        let exact: Vec<&Binary> = binaries.iter().filter(|binary| binary.name == function).collect();
        let alike: Vec<&Binary> = binaries.iter().filter(|binary| is_alike(&binary.name, function)).collect();
        match (&exact[..], &alike[..]) {
            ([one], _) | ([], [one]) => Ok((*one).clone()),
            _ => Err(several(&binaries, shown, function)),
        }
    }

    /// The package of the folder, or every member where the folder is only a workspace's root.
    fn candidates(&self, folder: &Path, shown: &str, options: &Options) -> Result<Vec<&Package>, Diagnostic> {
        if let Some(name) = &options.package {
            let found = self.packages.iter().find(|package| package.name == *name);
            return found.map(|package| vec![package]).ok_or_else(|| self.unknown_package(name, shown));
        }
        let here = folder.join("Cargo.toml").canonicalize().ok();
        let own = self.packages.iter().find(|package| here.is_some() && package.manifest_path.canonicalize().ok() == here);
        Ok(own.map_or_else(|| self.packages.iter().collect(), |package| vec![package]))
    }

    /// The folders of its packages.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.packages.iter().filter_map(|package| package.manifest_path.parent())
    }

    fn unknown_package(&self, name: &str, shown: &str) -> Diagnostic {
        let names: Vec<&str> = self.packages.iter().map(|package| package.name.as_str()).collect();
        let diagnostic = Diagnostic::error("no-such-package", "The workspace has no such package")
            .detail(format!("`build.package` is `{name}`; the workspace of `{shown}` has {}.", list(&names)));
        match nearest(name, names) {
            Some(near) => diagnostic.hint(format!("`{near}` is meant?")),
            None => diagnostic,
        }
    }
}

impl Package {
    fn binaries(&self) -> impl Iterator<Item = Binary> {
        let targets = self.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "bin"));
        targets.map(|target| Binary { package: self.name.clone(), manifest: self.manifest_path.clone(), name: target.name.clone() })
    }
}

/// Functions are seldom called with `_`, and binaries seldom with `-`.
fn is_alike(one: &str, other: &str) -> bool {
    one.replace('_', "-") == other.replace('_', "-")
}

fn named(bin: &str, binaries: &[Binary], shown: &str) -> Result<Binary, Diagnostic> {
    let found: Vec<&Binary> = binaries.iter().filter(|binary| binary.name == bin).collect();
    if let [one] = found[..] {
        return Ok(one.clone());
    }
    if let [first, ..] = found[..] {
        let packages: Vec<&str> = found.iter().map(|binary| binary.package.as_str()).collect();
        return Err(Diagnostic::error("several-binaries", "It is not clear which binary is meant")
            .detail(format!("`{bin}` is a binary of the packages {} in `{shown}`.", list(&packages)))
            .hint(format!("name the package, such as `package = \"{}\"` in `build`", first.package)));
    }
    let names = names(binaries);
    let diagnostic = Diagnostic::error("no-such-binary", "There is no such binary")
        .detail(format!("`build.bin` is `{bin}`; `{shown}` has {}.", list(&names)));
    Err(match nearest(bin, names) {
        Some(near) => diagnostic.hint(format!("`{near}` is meant?")),
        None => diagnostic,
    })
}

fn names(binaries: &[Binary]) -> Vec<&str> {
    let mut names: Vec<&str> = binaries.iter().map(|binary| binary.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn several(binaries: &[Binary], shown: &str, function: &str) -> Diagnostic {
    let names = names(binaries);
    Diagnostic::error("several-binaries", "It is not clear which binary is meant")
        .detail(format!("`{shown}` has the binaries {}, and none is called `{function}` like the function.", list(&names)))
        .hint(format!("name it, such as `build = {{ path = \"{shown}\", bin = \"{}\" }}`", names.first().copied().unwrap_or_default()))
}

fn no_binary(packages: &[&Package], shown: &str) -> Diagnostic {
    let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let detail = match &names[..] {
        [] => format!("The workspace of `{shown}` has no packages."),
        [only] => format!("The package `{only}` in `{shown}` is a library only; a function is a program."),
        _ => format!("The packages in `{shown}` are libraries only ({}); a function is a program.", list(&names)),
    };
    Diagnostic::error("no-binary", "There is no binary to deploy").detail(detail).hint("a `src/main.rs` makes one")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Table;

    fn workspace(packages: &[(&str, &[&str])]) -> Workspace {
        let package = |(name, bins): &(&str, &[&str])| {
            let targets: Vec<serde_json::Value> =
                bins.iter().map(|bin| serde_json::json!({ "name": bin, "kind": [if *bin == "lib" { "lib" } else { "bin" }] })).collect();
            serde_json::json!({ "name": name, "manifest_path": format!("/w/{name}/Cargo.toml"), "targets": targets })
        };
        let packages: Vec<serde_json::Value> = packages.iter().map(package).collect();
        let json = serde_json::json!({ "packages": packages, "workspace_root": "/w", "target_directory": "/w/target" });
        serde_json::from_value(json).unwrap()
    }

    fn chosen(packages: &[(&str, &[&str])], options: &[(&str, &str)], function: &str) -> String {
        let options: Table = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        match workspace(packages).binary(Path::new("/w"), "w", &Options::parse(&options).unwrap(), function) {
            Ok(binary) => format!("{}/{}", binary.package, binary.name),
            Err(problem) => format!("{}: {} [{}]", problem.code, problem.detail, problem.hints.join("; ")),
        }
    }

    #[test]
    fn the_binary_is_the_one_that_is_named_or_the_only_one_or_called_like_the_function() {
        let two: &[(&str, &[&str])] = &[("a", &["hash", "log_cleanup", "lib"])];
        let members: &[(&str, &[&str])] = &[("a", &["x"]), ("b", &["hash"]), ("c", &["x"]), ("d", &["lib"])];
        for (packages, options, function, expected) in [
            (&[("a", &["x", "lib"][..])][..], &[][..], "hash", "a/x"),
            (two, &[], "hash", "a/hash"),
            (two, &[], "log-cleanup", "a/log_cleanup"),
            (two, &[("bin", "hash")], "log-cleanup", "a/hash"),
            (members, &[], "hash", "b/hash"),
            (members, &[("package", "c")], "hash", "c/x"),
            (members, &[("package", "c"), ("bin", "x")], "hash", "c/x"),
        ] {
            assert_eq!(chosen(packages, options, function), expected, "{options:?} {function}");
        }
    }

    #[test]
    fn what_is_not_clear_is_asked_for_with_the_names() {
        let two: &[(&str, &[&str])] = &[("a", &["hash", "log_cleanup"])];
        let members: &[(&str, &[&str])] = &[("a", &["x"]), ("b", &["x"])];
        let told = [
            chosen(two, &[], "other"),
            chosen(two, &[("bin", "hahs")], "hash"),
            chosen(members, &[("bin", "x")], "hash"),
            chosen(members, &[("package", "bb")], "hash"),
            chosen(&[("a", &["lib"])], &[], "hash"),
            chosen(&[], &[], "hash"),
        ];
        insta::assert_snapshot!(told.join("\n"), @r#"
several-binaries: `w` has the binaries `hash`, `log_cleanup`, and none is called `other` like the function. [name it, such as `build = { path = "w", bin = "hash" }`]
no-such-binary: `build.bin` is `hahs`; `w` has `hash`, `log_cleanup`. [`hash` is meant?]
several-binaries: `x` is a binary of the packages `a`, `b` in `w`. [name the package, such as `package = "a"` in `build`]
no-such-package: `build.package` is `bb`; the workspace of `w` has `a`, `b`. []
no-binary: The package `a` in `w` is a library only; a function is a program. [a `src/main.rs` makes one]
no-binary: The workspace of `w` has no packages. [a `src/main.rs` makes one]
"#);
    }
}

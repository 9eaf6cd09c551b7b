//! What decides what a tool makes of a project, though it is not a source of it: settings and locks around it, packages
//! of the same workspace, the tool itself.

use super::Task;
use super::project::{LOCKS, MANIFEST, Project, above};
use crate::diagnostic::Diagnostic;
use crate::package::environment::Environment;
use crate::package::own::Own;
use crate::package::script::named;
use crate::package::script::sources::Selection;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const MODULES: &str = "node_modules";
/// Settings of compilers, which a bundler looks for in every folder upward
/// (<https://esbuild.github.io/content-types/#tsconfig-json>).
const COMPILER: [&str; 2] = ["tsconfig.json", "jsconfig.json"];
/// What else says beside a `package.json` which packages there are; installers note in `node_modules` what they put there.
const SAYING: [&str; 7] = [
    "pnpm-workspace.yaml",
    ".npmrc",
    ".yarnrc.yml",
    ".pnp.cjs",
    "node_modules/.package-lock.json",
    "node_modules/.modules.yaml",
    "node_modules/.yarn-state.yml",
];
/// Variables that tools for Node.js heed; those of npm begin with `npm_config_`, in small letters or capitals.
const VARIABLES: [&str; 3] = ["NODE_ENV", "NODE_OPTIONS", "NODE_PATH"];
const NPM_VARIABLES: &str = "npm_config_";

/// The files that the flags of a build name.
pub(super) fn flags(task: &Task<'_>) -> Vec<PathBuf> {
    named::by_flags(&task.options.flags, &task.project.folder).into_iter().filter(|path| path.is_file()).collect()
}

/// The files around a project, up to the folder of the repository, and what its flags name.
pub(super) fn around(project: &Project, flags: &[String]) -> BTreeSet<PathBuf> {
    let mut files: BTreeSet<PathBuf> = above(&project.folder).flat_map(beside).collect();
    files.extend(named::by_flags(flags, &project.folder).into_iter().filter(|path| path.is_file()));
    with_extended(files)
}

/// The files in one folder that say something of the packages in it.
fn beside(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let locks = LOCKS.iter().map(|(name, _)| *name);
    let names = [MANIFEST].into_iter().chain(COMPILER).chain(locks).chain(SAYING);
    names.map(|name| folder.join(name)).filter(|path| path.is_file())
}

/// The same, with what settings of compilers extend.
fn with_extended(mut files: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let is_settings = |path: &&PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.ends_with(".json") && name != MANIFEST && !LOCKS.iter().any(|(lock, _)| name == *lock) && !name.starts_with('.')
    };
    let mut left: Vec<PathBuf> = files.iter().filter(is_settings).cloned().collect();
    while let Some(file) = left.pop() {
        for found in extended(&file) {
            if files.insert(found.clone()) {
                left.push(found);
            }
        }
    }
    files
}

/// The settings that a file of settings names: every text in it that leads to a file is taken for one
/// (<https://www.typescriptlang.org/tsconfig/#extends>).
fn extended(file: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let folder = file.parent().unwrap_or(Path::new(""));
    let words = text.lines().flat_map(|line| line.split('"')).filter(|word| word.contains(['/', '.']) && !word.contains(['*', '{', '}']));
    words.filter_map(|word| settings_at(word.trim(), folder)).collect()
}

fn settings_at(word: &str, folder: &Path) -> Option<PathBuf> {
    let is_relative = word.starts_with('.') || word.starts_with('/');
    let roots: Vec<PathBuf> =
        if is_relative { vec![folder.to_owned()] } else { folder.ancestors().map(|folder| folder.join(MODULES)).collect() };
    let names = [word.to_owned(), format!("{word}.json"), format!("{word}/tsconfig.json")];
    let mut paths = roots.iter().flat_map(|root| names.iter().map(move |name| root.join(name)));
    paths.find(|path| path.is_file() && path.extension().is_some_and(|extension| extension == "json"))
}

/// What decides beside the files of a bundle how they are bundled.
pub(super) fn of_bundle(project: &Project, bundled: &[PathBuf]) -> BTreeSet<PathBuf> {
    let own = project.folder.canonicalize().unwrap_or_else(|_| project.folder.clone());
    let is_of_others = |path: &Path| path.components().any(|part| part.as_os_str() == MODULES);
    let folders: BTreeSet<&Path> =
        bundled.iter().filter_map(|path| path.parent()).filter(|folder| !folder.starts_with(&own) || is_of_others(folder)).collect();
    let mut files = BTreeSet::new();
    for folder in folders {
        if is_of_others(folder) {
            // The nearest says which file of the package is meant.
            files.extend(folder.ancestors().map(|folder| folder.join(MANIFEST)).find(|path| path.is_file()));
        } else {
            files.extend(above(folder).flat_map(beside));
            // A new file may be found in the place of another one.
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            files.extend(entries.map(|entry| entry.path()).filter(|path| path.is_file()));
        }
    }
    with_extended(files)
}

/// A program that is part of a package: itself, and the `package.json` with its version.
pub(super) fn of_program(program: &Path) -> BTreeSet<PathBuf> {
    let real = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    let manifest = real.ancestors().skip(1).take(4).map(|folder| folder.join(MANIFEST)).find(|path| path.is_file());
    [real].into_iter().chain(manifest).collect()
}

/// The files of other packages that are only linked to: they lie in the same repository, and change with it.
///
/// # Errors
/// When one cannot be read.
pub(super) fn linked(project: &Project, own: &Own) -> Result<BTreeSet<PathBuf>, Diagnostic> {
    let (mut files, mut seen, mut left) = (BTreeSet::new(), BTreeSet::from([project.folder.clone()]), vec![project.clone()]);
    while let Some(project) = left.pop() {
        for folder in project.packages.iter().filter_map(|name| project.find(name)?.canonicalize().ok()) {
            let is_installed = folder.components().any(|part| part.as_os_str() == MODULES);
            if is_installed || !folder.is_dir() || !seen.insert(folder.clone()) {
                continue;
            }
            let shown = folder.display().to_string();
            let selection =
                Selection { folder: folder.clone(), shown: shown.clone(), left_out: &[MODULES], own: own.clone(), ..Selection::default() };
            files.extend(selection.entries()?.into_iter().map(|entry| entry.path));
            left.push(Project::read(&folder, &shown)?);
        }
    }
    Ok(files)
}

/// What of the environment decides, as one text.
pub(super) fn variables(environment: &Environment) -> String {
    let counts =
        |name: &&str| VARIABLES.contains(name) || name.to_lowercase().starts_with(NPM_VARIABLES) && !name.to_lowercase().ends_with("cache");
    let mut values: Vec<String> =
        environment.names().filter(counts).map(|name| format!("{name}={}", environment.get(name).unwrap_or_default())).collect();
    values.sort();
    values.join("\0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn names(root: &Path, files: BTreeSet<PathBuf>) -> Vec<String> {
        let plain = |path: PathBuf| path.strip_prefix(root).map(|path| path.components().collect::<PathBuf>().display().to_string());
        files.into_iter().filter_map(|path| plain(path).ok()).collect()
    }

    #[test]
    fn settings_are_followed_wherever_they_extend_others() {
        let folder = folder(&[
            (".git/HEAD", ""),
            ("package.json", "{}"),
            ("package-lock.json", "{}"),
            ("tsconfig.json", "{}"),
            ("settings/base.json", "{ \"extends\": [\"@tsconfig/node22\", \"./strict.json\"] }"),
            ("settings/strict.json", "{}"),
            ("node_modules/@tsconfig/node22/tsconfig.json", "{}"),
            ("node_modules/.package-lock.json", "{}"),
            ("apps/web/package.json", "{}"),
            (
                "apps/web/tsconfig.json",
                "{\n  // of \"all\n  \"extends\": \"../../settings/base\",\n  \"include\": [\"src/**\"], \"files\": [\"./index.ts\"],\n}",
            ),
            ("apps/web/tsconfig.build.json", "{}"),
            ("apps/web/index.ts", ""),
            ("apps/other/package.json", "{}"),
        ]);
        let project = Project::read(&folder.path().join("apps/web"), "web").unwrap();
        let expected = [
            "apps/web/package.json",
            "apps/web/tsconfig.build.json",
            "apps/web/tsconfig.json",
            "node_modules/.package-lock.json",
            "node_modules/@tsconfig/node22/tsconfig.json",
            "package-lock.json",
            "package.json",
            "settings/base.json",
            "settings/strict.json",
            "tsconfig.json",
        ];
        let found = around(&project, &["--tsconfig=tsconfig.build.json".to_owned()]);
        let mut found: Vec<String> = found
            .into_iter()
            .map(|path| names(folder.path(), [std::path::absolute(path).unwrap()].into()).remove(0))
            .map(|name| name.replace("apps/web/../../", ""))
            .collect();
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_a_bundle_reads_elsewhere_counts_with_what_is_said_of_it() {
        let folder = folder(&[
            (".git/HEAD", ""),
            ("web/package.json", "{}"),
            ("shared/package.json", "{}"),
            ("shared/src/x.ts", ""),
            ("shared/src/new.ts", ""),
            ("web/node_modules/dep/package.json", "{}"),
            ("web/node_modules/dep/lib/a.js", ""),
            ("web/node_modules/dep/lib/b.js", ""),
        ]);
        let root = folder.path();
        let project = Project::read(&root.join("web"), "web").unwrap();
        let bundled = ["web/index.ts", "shared/src/x.ts", "web/node_modules/dep/lib/a.js"].map(|name| root.join(name));
        let expected = ["shared/package.json", "shared/src/new.ts", "shared/src/x.ts", "web/node_modules/dep/package.json"];
        assert_eq!(names(root, of_bundle(&project, &bundled)), expected);
        let expected = ["web/node_modules/dep/lib/a.js", "web/node_modules/dep/package.json"];
        assert_eq!(names(root, of_program(&root.join("web/node_modules/dep/lib/a.js"))), expected);
    }

    #[cfg(unix)]
    #[test]
    fn packages_of_the_same_workspace_are_sources_too() {
        let folder = folder(&[
            ("web/package.json", r#"{"dependencies":{"one":"*","far":"1"}}"#),
            ("one/package.json", r#"{"devDependencies":{"two":"workspace:*"}}"#),
            ("one/index.ts", ""),
            ("one/node_modules/x.js", ""),
            ("two/index.ts", ""),
            ("node_modules/far/index.js", ""),
        ]);
        for name in ["one", "two"] {
            std::os::unix::fs::symlink(format!("../{name}"), folder.path().join("node_modules").join(name)).unwrap();
        }
        let root = folder.path().canonicalize().unwrap();
        let project = Project::read(&root.join("web"), "web").unwrap();
        assert_eq!(names(&root, linked(&project, &Own::default()).unwrap()), ["one/index.ts", "one/package.json", "two/index.ts"]);
    }
}

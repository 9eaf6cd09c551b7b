//! What an engine is given: the context without what its ignore file leaves out.

use crate::diagnostic::Diagnostic;
use crate::package::fingerprint::{Excluded, tree};
use globset::{GlobBuilder, GlobMatcher};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What of the context the build can see.
#[derive(Debug, Default)]
pub(super) struct Context {
    /// The files by name, and the folders in which there is none, with a `/` behind their names.
    pub inputs: BTreeMap<String, PathBuf>,
    /// The modes of files and folders, all of which engines copy.
    pub modes: String,
}

/// Looks through the context as the build will.
///
/// # Errors
/// When a folder cannot be read.
pub(super) fn look(context: &Path, dockerfile: &Path, excluded: &Excluded) -> Result<Context, Diagnostic> {
    let ignored = Ignored::read(context, dockerfile);
    let [mut files, mut folders] = tree(context, excluded)?;
    files.retain(|name, _| !ignored.covers(name));
    folders.retain(|name, _| !ignored.covers(name));
    let modes = files.iter().chain(&folders).map(|(name, path)| format!("{name} {:o}\n", mode(path))).collect();
    let inner = |folder: &str| format!("{folder}/");
    let all: BTreeSet<String> = files.keys().chain(folders.keys()).cloned().collect();
    let is_empty = |below: String| all.range(below.clone()..).next().is_none_or(|next| !next.starts_with(&below));
    folders.retain(|name, _| is_empty(inner(name)));
    files.extend(folders.into_iter().map(|(name, path)| (inner(&name), path)));
    Ok(Context { inputs: files, modes })
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).map_or(0, |metadata| mode_of(&metadata))
}

#[cfg(unix)]
fn mode_of(metadata: &fs::Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions())
}

#[cfg(not(unix))]
fn mode_of(_: &fs::Metadata) -> u32 {
    0
}

/// A copy of the Dockerfile beside a file that says what is to be ignored, where engines look for that.
pub(super) struct Shadow {
    pub dockerfile: PathBuf,
    pub ignore: PathBuf,
}

/// Lets the engine ignore `unseen` in the context, besides what the user lets it ignore; nothing where all may be seen.
///
/// # Errors
/// When the copy cannot be written to `folder`.
pub(super) fn shadow(dockerfile: &Path, context: &Path, unseen: &[PathBuf], folder: &Path) -> io::Result<Option<Shadow>> {
    if unseen.is_empty() {
        return Ok(None);
    }
    let copy = folder.join(dockerfile.file_name().unwrap_or(OsStr::new("Dockerfile")));
    let mut ignore = copy.as_os_str().to_owned();
    ignore.push(IGNORE_ENDING);
    let ignore = PathBuf::from(ignore);
    // The last pattern that matches counts.
    let own: String = unseen.iter().map(|path| format!("\n{}", literal(path))).collect();
    fs::copy(dockerfile, &copy)?;
    fs::write(&ignore, ignore_text(context, dockerfile) + &own + "\n")?;
    Ok(Some(Shadow { dockerfile: copy, ignore }))
}

/// A path as a pattern that matches nothing else.
fn literal(path: &Path) -> String {
    let quote = |character: char| if "*?[\\".contains(character) { vec!['\\', character] } else { vec![character] };
    let parts = path.components().map(|part| part.as_os_str().to_string_lossy().chars().flat_map(quote).collect::<String>());
    parts.collect::<Vec<_>>().join("/")
}

const IGNORE_ENDING: &str = ".dockerignore";

/// What the user lets be ignored: a file of the Dockerfile's own beats that of the context.
fn ignore_text(context: &Path, dockerfile: &Path) -> String {
    let mut own = dockerfile.as_os_str().to_owned();
    own.push(IGNORE_ENDING);
    fs::read_to_string(own).or_else(|_| fs::read_to_string(context.join(IGNORE_ENDING))).unwrap_or_default()
}

/// The patterns of a `.dockerignore`; the last one that matches counts.
/// <https://docs.docker.com/build/concepts/context/#dockerignore-files>
struct Ignored(Vec<(GlobMatcher, bool)>);

impl Ignored {
    fn read(context: &Path, dockerfile: &Path) -> Self {
        Self::parse(&ignore_text(context, dockerfile))
    }

    /// A pattern that cannot be understood ignores nothing: the worst that follows is a build too many.
    fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(lines.filter_map(pattern).collect())
    }

    fn covers(&self, name: &str) -> bool {
        let folders = name.match_indices('/').map(|(at, _)| &name[..at]);
        let paths: Vec<&str> = folders.chain([name]).collect();
        let last = self.0.iter().rev().find(|(glob, _)| paths.iter().any(|path| glob.is_match(path)));
        last.is_some_and(|(_, is_ignored)| *is_ignored)
    }
}

fn pattern(line: &str) -> Option<(GlobMatcher, bool)> {
    let (line, is_ignored) = line.strip_prefix('!').map_or((line, true), |line| (line.trim(), false));
    let parts: Vec<&str> = line.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let glob = GlobBuilder::new(&parts.join("/")).literal_separator(true).build().ok()?;
    Some((glob.compile_matcher(), is_ignored))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::own::Own;

    #[test]
    fn the_last_pattern_that_matches_counts() {
        let ignored = Ignored::parse("# comment\n*.log\n/target/\n**/node_modules\ndocs/*\n!docs/keep.md\n./a/b\n[\n");
        for (name, expected) in [
            ("a.log", true),
            ("sub/a.log", false),
            ("target/x/y", true),
            ("sub/target/x", false),
            ("node_modules/x", true),
            ("sub/node_modules/x/y", true),
            ("docs/a.md", true),
            ("docs/keep.md", false),
            ("a/b/c", true),
            ("a/c", false),
            ("main.go", false),
        ] {
            assert_eq!(ignored.covers(name), expected, "{name}");
        }
    }

    #[test]
    fn what_the_engine_must_not_see_is_ignored_last() {
        let (folder, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let dockerfile = folder.path().join("Dockerfile.prod");
        fs::write(&dockerfile, "FROM scratch\n").unwrap();
        fs::write(folder.path().join(".dockerignore"), "*.log\n!state").unwrap();
        let unseen = ["state", "deploy/[a]/b"].map(PathBuf::from);
        assert!(shadow(&dockerfile, folder.path(), &[], scratch.path()).unwrap().is_none());
        let shadow = shadow(&dockerfile, folder.path(), &unseen, scratch.path()).unwrap().unwrap();
        assert_eq!(fs::read_to_string(&shadow.dockerfile).unwrap(), "FROM scratch\n");
        assert_eq!(shadow.ignore, scratch.path().join("Dockerfile.prod.dockerignore"));
        let text = fs::read_to_string(&shadow.ignore).unwrap();
        assert_eq!(text, "*.log\n!state\nstate\ndeploy/\\[a]/b\n");
        let ignored = Ignored::parse(&text);
        assert!(ignored.covers("state/demo.json") && ignored.covers("deploy/[a]/b/x") && !ignored.covers("deploy/a/b/x"));
    }

    #[test]
    fn a_dockerfile_may_have_an_ignore_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("a", ""), ("b", ""), (".dockerignore", "a"), ("Dockerfile.dockerignore", "b"), (".git/HEAD", "")] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let excluded = Excluded::new(folder.path(), Path::new("o"), &Own::default(), false);
        let names = |dockerfile: &str| -> Vec<String> {
            look(folder.path(), &folder.path().join(dockerfile), &excluded)
                .unwrap()
                .inputs
                .into_keys()
                .filter(|name| name.len() == 1)
                .collect()
        };
        assert_eq!((names("Dockerfile"), names("Other")), (vec!["a".to_owned()], vec!["b".to_owned()]));
    }

    #[cfg(unix)]
    #[test]
    fn folders_without_files_count_and_so_do_modes() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        for inner in ["empty/deep", "full/empty", "ignored/x", "only"] {
            fs::create_dir_all(folder.path().join(inner)).unwrap();
        }
        for (name, text) in [("full/a", ""), ("only/a.log", ""), (".dockerignore", "**/*.log\nignored\n")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let look = || super::look(folder.path(), &folder.path().join("Dockerfile"), &Excluded::default()).unwrap();
        let before = look();
        assert_eq!(before.inputs.keys().collect::<Vec<_>>(), [".dockerignore", "empty/deep/", "full/a", "full/empty/", "only/"]);
        fs::set_permissions(folder.path().join("full"), fs::Permissions::from_mode(0o700)).unwrap();
        assert_ne!(look().modes, before.modes);
    }
}

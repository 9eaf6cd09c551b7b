//! The files below a folder of a package, and what lies there that no package can hold.

use super::contents::{Entry, bad_name, inner_name, mode, not_a_file};
use super::own::Own;
use super::problem::{brief, missing, unreadable};
use crate::diagnostic::Diagnostic;
use ignore::gitignore::Gitignore;
use ignore::{DirEntry, Error, WalkBuilder};
use std::fs;
use std::io;
use std::path::Path;
use std::sync::mpsc;

/// Says what of a folder stays out of its package.
pub(super) const IGNORE_FILE: &str = ".lambdoignore";

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub entries: Vec<Entry>,
    pub obstacles: Vec<Obstacle>,
}

/// Something that cannot lie in a package, which only matters if it is to.
#[derive(Debug)]
pub(super) struct Obstacle {
    /// The name that it would have in the package.
    pub name: String,
    /// Whether files would lie below it.
    pub is_folder: bool,
    /// Why it cannot.
    pub problem: Diagnostic,
}

impl Walked {
    /// All files.
    ///
    /// # Errors
    /// When something cannot lie in a package.
    pub fn all(self) -> Result<Vec<Entry>, Diagnostic> {
        self.obstacles.into_iter().next().map_or(Ok(self.entries), |obstacle| Err(obstacle.problem))
    }
}

/// All files below `root`, but lambdo's own.
pub(super) fn walk(root: &Path, shown: &str, prefix: &str, own: &Own) -> Result<Walked, Diagnostic> {
    walk_but(root, shown, prefix, own, |_, _| false)
}

/// All files below `root` but what is lambdo's own, those whose path `is_left_out` accepts, and what lies in such folders,
/// which it is told. Links are followed, as long as they stay inside.
///
/// # Errors
/// When the folder cannot be read at all, or an ignore file is not understood.
pub(super) fn walk_but(
    root: &Path,
    shown: &str,
    prefix: &str,
    own: &Own,
    is_left_out: impl Fn(&Path, bool) -> bool + Clone + Send + Sync + 'static,
) -> Result<Walked, Diagnostic> {
    let fence = root.canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => missing(root, shown, "folder"),
        _ => unreadable(shown, &error),
    })?;
    let looking = Looking { root, shown, prefix };
    let (own, outer, outside) = (own.seen_from(root), is_left_out.clone(), fence);
    let (lead_out, leading_out) = mpsc::channel();
    let walker = WalkBuilder::new(root)
        .standard_filters(false)
        .follow_links(true)
        .add_custom_ignore_filename(IGNORE_FILE)
        .filter_entry(move |entry| {
            if entry.depth() == 0 {
                return true;
            }
            if is_unwanted(entry.path(), is_folder(entry), &outer) || own.covers(entry) {
                return false;
            }
            let is_outside = leads_out(entry, &outside);
            if is_outside {
                // Nobody listens only when nothing is walked any more.
                let _ = lead_out.send(entry.path().to_owned());
            }
            !is_outside
        })
        .build();
    let mut walked = Walked::default();
    for found in walker {
        match found {
            Ok(found) => looking.note(&found, &mut walked)?,
            Err(error) => walked.obstacles.extend(looking.obstacle(&error, &is_left_out)?),
        }
    }
    walked.obstacles.extend(leading_out.try_iter().map(|path| looking.obstacle_at(&path, looking.leading_out(&path))));
    walked.obstacles.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(walked)
}

fn is_folder(found: &DirEntry) -> bool {
    found.file_type().is_some_and(|kind| kind.is_dir())
}

fn is_unwanted(path: &Path, is_folder: bool, is_left_out: &impl Fn(&Path, bool) -> bool) -> bool {
    path.file_name().is_some_and(|name| name == ".git" || name == IGNORE_FILE) || is_left_out(path, is_folder)
}

fn leads_out(found: &DirEntry, fence: &Path) -> bool {
    found.path_is_symlink() && found.path().canonicalize().is_ok_and(|end| !end.starts_with(fence))
}

/// One look through a folder.
struct Looking<'a> {
    root: &'a Path,
    /// The folder as the user wrote it.
    shown: &'a str,
    /// What stands before the names in the package.
    prefix: &'a str,
}

impl Looking<'_> {
    fn note(&self, found: &DirEntry, walked: &mut Walked) -> Result<(), Diagnostic> {
        if let Some(error) = found.error() {
            return Err(self.unwalkable(error));
        }
        if !is_folder(found) {
            match self.entry(found.path()) {
                Ok(entry) => walked.entries.push(entry),
                Err(problem) => walked.obstacles.push(self.obstacle_at(found.path(), problem)),
            }
        }
        Ok(())
    }

    fn entry(&self, path: &Path) -> Result<Entry, Diagnostic> {
        let metadata = fs::metadata(path).map_err(|error| unreadable(&brief(path), &error))?;
        if !metadata.is_file() {
            return Err(self.leave_out(not_a_file(&brief(path), "file, folder or link"), path));
        }
        let Some(name) = inner_name(self.relative(path)) else {
            let problem = bad_name(format!("The name of `{}` is not UTF-8, or has a backslash in it.", brief(path)));
            return Err(problem.hint(format!("where it need not be there: a pattern in `{}` leaves it out", self.ignore_file())));
        };
        let name = if self.prefix.is_empty() { name } else { format!("{}/{name}", self.prefix) };
        Ok(Entry { mode: mode(&name, &metadata), name, path: path.to_owned(), bytes: metadata.len() })
    }

    /// What could not be walked, unless it is left out anyway.
    fn obstacle(&self, error: &Error, is_left_out: &impl Fn(&Path, bool) -> bool) -> Result<Option<Obstacle>, Diagnostic> {
        let Some(path) = path_of(error).filter(|path| *path != self.root) else { return Err(self.unwalkable(error)) };
        if is_unwanted(path, path.is_dir(), is_left_out) || self.is_ignored(path) {
            return Ok(None);
        }
        Ok(Some(self.obstacle_at(path, self.problem(path, error))))
    }

    fn obstacle_at(&self, path: &Path, problem: Diagnostic) -> Obstacle {
        let name = self.name(path);
        let name = if self.prefix.is_empty() { name } else { format!("{}/{name}", self.prefix) };
        Obstacle { name, is_folder: path.is_dir(), problem }
    }

    /// The walker leaves out what is ignored only where it could look.
    fn is_ignored(&self, path: &Path) -> bool {
        let folders = path.ancestors().skip(1).take_while(|folder| folder.starts_with(self.root));
        let matches = folders.map(|folder| Gitignore::new(folder.join(IGNORE_FILE)).0.matched(path, path.is_dir()).map(|_| ()));
        matches.into_iter().find(|matched| !matched.is_none()).is_some_and(|matched| matched.is_ignore())
    }

    fn problem(&self, path: &Path, error: &Error) -> Diagnostic {
        let Ok(to) = fs::read_link(path) else { return self.leave_out(unreadable(&brief(path), &cause(error)), path) };
        let (shown, end) = (brief(path), to.display());
        let (summary, why) = if matches!(innermost(error), Error::Loop { .. }) {
            (
                "A link leads back to where it lies",
                format!("`{shown}` is a link to `{end}`, a folder that it lies in itself, so that there would be no end to what it holds."),
            )
        } else if path.exists() {
            ("A link cannot be followed", format!("`{shown}` is a link to `{end}`, which cannot be read: {}.", cause(error)))
        } else if path.parent().is_some_and(|folder| folder.join(&to).is_symlink()) {
            ("A link leads nowhere", format!("`{shown}` is a link to `{end}`, a link that leads to nothing itself, or back to this one."))
        } else {
            ("A link leads nowhere", format!("`{shown}` is a link to `{end}`, which is not there."))
        };
        self.leave_out(Diagnostic::error("broken-link", summary).detail(why), path)
    }

    fn leading_out(&self, path: &Path) -> Diagnostic {
        let end = path.canonicalize().unwrap_or_default();
        let problem = Diagnostic::error("link-leads-out", "A link leads out of the package").detail(format!(
            "`{}` is a link to `{}`, which is not inside `{}`. What lies elsewhere is not taken along unasked: copy it, or name it in `code.files`.",
            brief(path),
            end.display(),
            self.shown
        ));
        self.leave_out(problem, path)
    }

    fn leave_out(&self, problem: Diagnostic, path: &Path) -> Diagnostic {
        let line = self.name(path);
        problem.hint(format!("where it need not be there: a line `/{line}` in `{}` leaves it out", self.ignore_file()))
    }

    fn ignore_file(&self) -> String {
        format!("{}/{IGNORE_FILE}", self.shown.trim_end_matches('/'))
    }

    fn unwalkable(&self, error: &Error) -> Diagnostic {
        unreadable(self.shown, &io::Error::other(error.to_string()))
    }

    fn relative<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(self.root).unwrap_or(path)
    }

    /// The path below the folder, whether or not it is a name for a package.
    fn name(&self, path: &Path) -> String {
        self.relative(path).to_string_lossy().into_owned()
    }
}

fn path_of(error: &Error) -> Option<&Path> {
    match error {
        Error::WithPath { path, .. } => Some(path),
        Error::WithDepth { err, .. } | Error::WithLineNumber { err, .. } => path_of(err),
        Error::Loop { child, .. } => Some(child),
        _ => None,
    }
}

fn innermost(error: &Error) -> &Error {
    match error {
        Error::WithPath { err, .. } | Error::WithDepth { err, .. } | Error::WithLineNumber { err, .. } => innermost(err),
        error => error,
    }
}

/// The error of the system, without the path that the sentence around it names.
fn cause(error: &Error) -> io::Error {
    match innermost(error) {
        Error::Io(error) => error.kind().into(),
        error => io::Error::other(error.to_string()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::package::filter::Filter;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    /// A folder with everything in it that no package can hold.
    fn odd() -> tempfile::TempDir {
        let top = tempfile::tempdir().unwrap();
        let app = top.path().join("app");
        for file in ["app/a.py", "app/lib/b.py", "beside/secret.py"] {
            fs::create_dir_all(top.path().join(file).parent().unwrap()).unwrap();
            fs::write(top.path().join(file), file).unwrap();
        }
        symlink("../gone", app.join("lib/dangling")).unwrap();
        symlink("..", app.join("lib/ring")).unwrap();
        symlink("../beside", app.join("out")).unwrap();
        fs::write(app.join(OsStr::from_bytes(b"latin-\xe4.txt")), "").unwrap();
        top
    }

    fn taken(folder: &Path, include: &[&str], exclude: &[&str]) -> Result<Vec<String>, Diagnostic> {
        let [include, exclude] = [include, exclude].map(|patterns| patterns.iter().map(ToString::to_string).collect::<Vec<_>>());
        let walked = walk(folder, "app", "", &Own::default())?;
        let mut names: Vec<String> = Filter::of(&include, &exclude).choose(walked)?.into_iter().map(|entry| entry.name).collect();
        names.sort();
        Ok(names)
    }

    #[test]
    fn a_link_to_a_broken_link_is_told_as_one() {
        let top = tempfile::tempdir().unwrap();
        symlink("b", top.path().join("a")).unwrap();
        symlink("a", top.path().join("b")).unwrap();
        let problem = taken(top.path(), &[], &["b"]).unwrap_err();
        assert!(problem.detail.ends_with("is a link to `b`, a link that leads to nothing itself, or back to this one."), "{problem:?}");
    }

    #[test]
    fn what_no_package_can_hold_is_told_unless_it_is_left_out() {
        let top = odd();
        let app = top.path().join("app");
        for (exclude, code, said) in [
            (&["lib/ring", "out", "latin*"][..], "broken-link", "lib/dangling` is a link to `../gone`, which is not there."),
            (&["lib/dangling", "out", "latin*"], "broken-link", "lib/ring` is a link to `..`, a folder that it lies in itself"),
            (&["lib", "latin*"], "link-leads-out", "out` is a link to `"),
            (&["lib", "out"], "bad-entry-name", "is not UTF-8"),
        ] {
            let problem = taken(&app, &[], exclude).unwrap_err();
            assert!(problem.code == code && problem.detail.contains(said), "{problem:?}");
            assert!(problem.hints.iter().any(|hint| hint.contains("app/.lambdoignore")), "{problem:?}");
        }
        assert_eq!(taken(&app, &[], &["lib/[dr]*", "out", "latin*"]).unwrap(), ["a.py", "lib/b.py"]);
        assert_eq!(taken(&app, &["*.py", "lib/*.py"], &[]).unwrap(), ["a.py", "lib/b.py"], "nothing else is asked for");
        assert_eq!(taken(&app, &["**/*.py"], &["lib"]).unwrap_err().code, "link-leads-out", "some may lie below it");
        assert_eq!(taken(&app, &["lib"], &[]).unwrap_err().code, "broken-link");
        fs::write(app.join(".lambdoignore"), "/lib/dangling\nring\nout\nlatin*\n").unwrap();
        assert_eq!(taken(&app, &[], &[]).unwrap(), ["a.py", "lib/b.py"]);
        fs::write(app.join("lib/.lambdoignore"), "!dangling\n").unwrap();
        assert_eq!(taken(&app, &[], &[]).unwrap_err().code, "broken-link", "the nearest file decides");
    }

    #[test]
    fn a_link_to_nowhere_may_be_what_is_left_out_by_its_name() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("a.py"), "").unwrap();
        symlink("/gone/environment", top.path().join(".venv")).unwrap();
        let walked = walk_but(top.path(), "app", "", &Own::default(), |path, _| path.ends_with(".venv")).unwrap();
        assert_eq!(walked.all().unwrap().len(), 1);
    }
}

//! The files of a package.

use super::UNZIPPED_LIMIT_BYTES;
use super::filter::Filter;
use super::hash::{Item, hex};
use super::index::Index;
use super::own::Own;
use super::problem::{brief, missing, unreadable};
use super::source::Source;
use super::walk::{IGNORE_FILE, walk};
use super::zip;
use crate::diagnostic::Diagnostic;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use tempfile::TempPath;

/// The program of a function whose runtime is its own.
pub(super) const BOOTSTRAP: &str = "bootstrap";

/// The longest name of a file or folder, in bytes
/// (<https://man7.org/linux/man-pages/man7/path_resolution.7.html>, `NAME_MAX`).
const NAME_MAX_BYTES: usize = 255;
/// The longest path below the folder of functions, in bytes, of those that end with a zero byte (`PATH_MAX`).
const PATH_MAX_BYTES: usize = 4096 - "/var/task/".len() - 1;

/// What a package is made from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Contents {
    /// Files, sorted by name.
    Files(Vec<Entry>),
    /// A zip that is uploaded as it is.
    Archive(PathBuf),
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Its name in the package, with `/`.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// 0755 or 0644.
    pub mode: u32,
    /// Its length when it was found.
    pub bytes: u64,
}

/// What a source consists of. Paths are relative to `folder`, which for a build is its output.
/// `is_provided` says that the runtime is the function's own.
pub(super) fn collect(folder: &Path, source: &Source, is_provided: bool, own: &Own) -> Result<Contents, Diagnostic> {
    match source {
        Source::File(path) => one_file(&folder.join(path), path, is_provided),
        Source::Files(files) => named_files(folder, files, own),
        Source::Directory(path, filter) => directory(&folder.join(path), path, filter, own),
        Source::Zip(path) => archive(&folder.join(path), path),
        // Nothing of it is on this machine.
        Source::Stored(_) => Ok(Contents::Files(Vec::new())),
        Source::Build(_) => output(folder, &folder.display().to_string(), is_provided, own),
        // Its layers are its package.
        Source::Image(_) => Ok(Contents::Files(Vec::new())),
    }
}

/// What a build's output consists of: a zip, a program, or what lies in a folder.
fn output(path: &Path, shown: &str, is_provided: bool, own: &Own) -> Result<Contents, Diagnostic> {
    if path.is_dir() {
        directory(path, shown, &Filter::default(), own)
    } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
        archive(path, shown)
    } else {
        one_file(path, shown, is_provided)
    }
}

fn archive(path: &Path, shown: &str) -> Result<Contents, Diagnostic> {
    let metadata = metadata(path, shown, "zip")?;
    if !metadata.is_file() {
        return Err(not_a_file(shown, "zip").hint("a folder is given as `code = { dir = \"PATH\" }`"));
    }
    if metadata.len() > UNZIPPED_LIMIT_BYTES {
        return Err(large(too_large()));
    }
    Ok(Contents::Archive(path.to_owned()))
}

fn one_file(path: &Path, shown: &str, is_provided: bool) -> Result<Contents, Diagnostic> {
    let metadata = metadata(path, shown, "file")?;
    if !metadata.is_file() {
        return Err(not_a_file(shown, "file").hint("a folder is given as `code = { dir = \"PATH\" }`"));
    }
    let base = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = if is_provided { BOOTSTRAP } else { base };
    finish(vec![Entry { name: name.to_owned(), path: path.to_owned(), mode: 0o755, bytes: metadata.len() }], shown)
}

fn named_files(folder: &Path, files: &BTreeMap<String, String>, own: &Own) -> Result<Contents, Diagnostic> {
    finish(named_entries(folder, files, own)?, "code.files")
}

/// The same for an image, which may weigh more.
pub(super) fn placed(folder: &Path, files: &BTreeMap<String, String>, own: &Own) -> Result<Vec<Entry>, Diagnostic> {
    let mut entries = named_entries(folder, files, own)?;
    entries.sort();
    check_clashes(&entries)?;
    Ok(entries)
}

fn named_entries(folder: &Path, files: &BTreeMap<String, String>, own: &Own) -> Result<Vec<Entry>, Diagnostic> {
    let mut entries = Vec::new();
    for (name, shown) in files {
        check_name(name).map_err(bad_name)?;
        let path = folder.join(shown);
        let metadata = metadata(&path, shown, "file")?;
        if metadata.is_dir() {
            entries.extend(walk(&path, shown, name, own)?.all()?);
        } else if !metadata.is_file() {
            return Err(not_a_file(shown, "file or folder"));
        } else {
            entries.push(Entry { name: name.clone(), mode: mode(name, &metadata), bytes: metadata.len(), path });
        }
    }
    Ok(entries)
}

fn directory(path: &Path, shown: &str, filter: &Filter, own: &Own) -> Result<Contents, Diagnostic> {
    if !metadata(path, shown, "folder")?.is_dir() {
        return Err(not_a_file(shown, "folder").hint("a single program is given as `code = { file = \"PATH\" }`"));
    }
    finish(filter.apply(walk(path, shown, "", own)?, shown)?, shown)
}

/// Sorts, and looks at what only the whole shows.
fn finish(mut entries: Vec<Entry>, shown: &str) -> Result<Contents, Diagnostic> {
    entries.sort();
    if entries.is_empty() {
        return Err(Diagnostic::error("empty-package", "The package is empty")
            .detail(format!("`{shown}` has no files in it that are not ignored, and AWS takes no empty package.")));
    }
    if entries.iter().map(|entry| entry.bytes).sum::<u64>() > UNZIPPED_LIMIT_BYTES {
        return Err(large(heaviest(&entries)));
    }
    check_clashes(&entries)?;
    Ok(Contents::Files(entries))
}

/// Names that cannot lie in one folder together. `entries` are sorted.
fn check_clashes(entries: &[Entry]) -> Result<(), Diagnostic> {
    if let Some(pair) = entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
        return Err(bad_name(format!("Two files would have the name `{}` in the package.", pair[0].name)));
    }
    clash(entries.iter().map(|entry| entry.name.as_str())).map_or(Ok(()), |detail| Err(bad_name(detail)))
}

/// A name that would have to be a file and a folder.
pub(super) fn clash<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: BTreeSet<&str> = names.collect();
    let folders = names.iter().flat_map(|name| name.match_indices('/').map(|(at, _)| (*name, &name[..at])));
    let (name, folder) = folders.into_iter().find(|(_, folder)| names.contains(folder))?;
    Some(format!("`{folder}` would be a file and, for `{name}`, also a folder in the package."))
}

fn heaviest(entries: &[Entry]) -> String {
    let mut by_weight: Vec<&Entry> = entries.iter().collect();
    by_weight.sort_by_key(|entry| std::cmp::Reverse(entry.bytes));
    let named = by_weight.iter().take(3).map(|entry| format!("`{}` ({} bytes)", entry.name, entry.bytes)).collect::<Vec<_>>();
    format!("{} The largest are {}.", too_large(), named.join(", "))
}

pub(super) fn too_large() -> String {
    format!(
        "The files have more than {UNZIPPED_LIMIT_BYTES} bytes together, which is the most that AWS takes. Leave files out with a `{IGNORE_FILE}`, or deploy an image."
    )
}

fn large(detail: String) -> Diagnostic {
    Diagnostic::error("package-too-large", "The package is too large").detail(detail)
}

pub(super) fn bad_name(detail: String) -> Diagnostic {
    Diagnostic::error("bad-entry-name", "A file cannot have this name in a package").detail(detail)
}

pub(super) fn not_a_file(shown: &str, wanted: &str) -> Diagnostic {
    Diagnostic::error("wrong-file-type", "A path of the package leads to something else").detail(format!("`{shown}` is not a {wanted}."))
}

fn metadata(path: &Path, shown: &str, what: &str) -> Result<Metadata, Diagnostic> {
    fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => missing(path, shown, what),
        _ => unreadable(shown, &error),
    })
}

/// A name inside a package: parts with `/` between them, none of which leads elsewhere.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let is_sound = !name.contains(['\\', '\0']) && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if let Some(part) = name.split('/').find(|part| part.len() > NAME_MAX_BYTES) {
        let start: String = part.chars().take(20).collect();
        return Err(format!(
            "`{start}…` is {} bytes long, and no file system of Linux has names of more than {NAME_MAX_BYTES} bytes.",
            part.len()
        ));
    }
    if name.len() > PATH_MAX_BYTES {
        let start: String = name.chars().take(20).collect();
        let long = format!(
            "`{start}…` is a path of {} bytes, and below `/var/task/` Linux opens none of more than {PATH_MAX_BYTES}. Give its folders shorter names.",
            name.len()
        );
        return Err(long);
    }
    if is_sound {
        return Ok(());
    }
    let windows =
        if name.contains('\\') { " Backslashes come from some zip programs of Windows; zip it again with another one." } else { "" };
    Err(format!(
        "`{name}` is not a name inside a package: names are relative, have `/` between their parts, and no part is empty, `.` or `..`.{windows}"
    ))
}

pub(super) fn mode(name: &str, metadata: &Metadata) -> u32 {
    if name == BOOTSTRAP || is_executable(metadata) { 0o755 } else { 0o644 }
}

#[cfg(unix)]
pub(super) fn is_executable(metadata: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
pub(super) fn is_executable(_metadata: &Metadata) -> bool {
    false
}

/// A relative path with `/` between its parts.
pub(super) fn inner_name(relative: &Path) -> Option<String> {
    let parts = relative.components().map(|part| match part {
        Component::Normal(part) => part.to_str().filter(|part| !part.contains('\\')),
        _ => None,
    });
    parts.collect::<Option<Vec<_>>>().map(|parts| parts.join("/"))
}

impl Contents {
    /// The same files in a folder, those besides that lie in one of this name.
    ///
    /// # Errors
    /// When two of them come to the same place.
    pub fn below(self, folder: &str) -> Result<Self, Diagnostic> {
        let Self::Files(mut entries) = self else { return Ok(self) };
        let inside = format!("{folder}/");
        for entry in entries.iter_mut().filter(|entry| !entry.name.starts_with(&inside)) {
            entry.name.insert_str(0, &inside);
        }
        entries.sort();
        check_clashes(&entries)?;
        Ok(Self::Files(entries))
    }

    /// What every file holds, as `index` knows it or as it is read.
    ///
    /// # Errors
    /// A sentence when something cannot be read.
    pub fn read(&self, index: &Index) -> Result<Vec<Item>, String> {
        match self {
            Self::Files(entries) => entries.iter().map(|entry| read_entry(index, entry)).collect(),
            Self::Archive(path) => read_archive(index, path),
        }
    }

    /// The zip, and what was read while making it.
    ///
    /// # Errors
    /// A sentence when something cannot be read or the zip is too large.
    pub fn zip(&self) -> Result<(Vec<u8>, Vec<Item>), String> {
        let (bytes, items) = match self {
            Self::Files(entries) => {
                let (bytes, items) = zip::write(io::Cursor::new(Vec::new()), entries)?;
                (bytes.into_inner(), items)
            }
            Self::Archive(path) => {
                let bytes = fs::read(path).map_err(|error| format!("`{}` cannot be read: {error}.", brief(path)))?;
                let items = zip::read(io::Cursor::new(&bytes), UNZIPPED_LIMIT_BYTES)?;
                (bytes, items)
            }
        };
        zip::check_size(bytes.len() as u64)?;
        Ok((bytes, items))
    }

    /// The same zip, of any size, in a file of its own.
    ///
    /// # Errors
    /// A sentence when something cannot be read or written.
    pub fn zip_file(&self) -> Result<(TempPath, Vec<Item>), String> {
        let unwritable = |error: io::Error| format!("The package cannot be zipped into a temporary file: {error}.");
        let mut file = tempfile::Builder::new().prefix("lambdo-").suffix(".zip").tempfile().map_err(unwritable)?;
        let items = match self {
            Self::Files(entries) => {
                let (mut to, items) = zip::write(io::BufWriter::new(file.as_file_mut()), entries)?;
                to.flush().map_err(unwritable)?;
                drop(to);
                items
            }
            Self::Archive(path) => {
                fs::copy(path, file.path()).map_err(|error| format!("`{}` cannot be copied: {error}.", brief(path)))?;
                zip::read(io::BufReader::new(file.as_file_mut()), UNZIPPED_LIMIT_BYTES)?
            }
        };
        Ok((file.into_temp_path(), items))
    }
}

/// What is in a zip, unpacked only where no zip with the same bytes was before.
fn read_archive(index: &Index, path: &Path) -> Result<Vec<Item>, String> {
    let shown = brief(path);
    let unreadable = |error: io::Error| format!("`{shown}` cannot be read: {error}.");
    let held = index.held(path).map_err(unreadable)?;
    let (manifests, hash) = (index.manifests(), hex(&held.sha256));
    if let Some(items) = manifests.as_ref().and_then(|manifests| manifests.items(&hash)) {
        return Ok(items);
    }
    let file = io::BufReader::new(File::open(path).map_err(unreadable)?);
    let items = zip::read(file, UNZIPPED_LIMIT_BYTES).map_err(|error| format!("`{shown}` cannot be deployed. {error}"))?;
    manifests.iter().for_each(|manifests| manifests.keep(&hash, &items));
    Ok(items)
}

fn read_entry(index: &Index, entry: &Entry) -> Result<Item, String> {
    let held = index.held(&entry.path).map_err(|error| format!("`{}` cannot be read: {error}.", brief(&entry.path)))?;
    Ok(Item { name: entry.name.clone(), mode: entry.mode, bytes: held.bytes, sha256: held.sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(folder: &Path, source: &Source, is_provided: bool) -> Result<Contents, Diagnostic> {
        super::collect(folder, source, is_provided, &Own::default())
    }
    use crate::package::hash::content_hash;
    use proptest::prelude::*;
    use std::time::{Duration, SystemTime};

    type Files = BTreeMap<String, (Vec<u8>, bool)>;

    fn write(folder: &Path, name: &str, content: &[u8], is_executable: bool) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        set_mode(&path, if is_executable { 0o700 } else { 0o600 });
    }

    #[cfg(unix)]
    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        names.iter().for_each(|name| write(folder.path(), name, name.as_bytes(), false));
        folder
    }

    fn of_folder(folder: &Path) -> Result<Contents, Diagnostic> {
        collect(folder, &Source::Directory(".".into(), Filter::default()), true)
    }

    fn names(contents: &Contents) -> Vec<String> {
        contents.read(&Index::default()).unwrap().into_iter().map(|item| item.name).collect()
    }

    fn hash(contents: &Contents) -> String {
        content_hash(&contents.read(&Index::default()).unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_same_contents_give_the_same_hash_and_zip_whatever_the_order_times_and_umask(
            files in proptest::collection::btree_map("[a-c]{1,2}(/[d-f]{1,2}){0,2}\\.x", (proptest::collection::vec(any::<u8>(), 0..200), any::<bool>()), 1..6),
        ) {
            let files: Files = files;
            let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            for (name, (content, is_executable)) in &files {
                write(one.path(), name, content, *is_executable);
            }
            for (name, (content, is_executable)) in files.iter().rev() {
                write(other.path(), name, content, *is_executable);
                let path = other.path().join(name);
                let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
                File::options().write(true).open(&path).unwrap().set_modified(long_ago).unwrap();
                set_mode(&path, if *is_executable { 0o575 } else { 0o664 });
            }
            let (one, other) = (of_folder(one.path()).unwrap(), of_folder(other.path()).unwrap());
            prop_assert_eq!(hash(&one), hash(&other));
            let (zip, read) = one.zip().unwrap();
            prop_assert_eq!(&zip, &other.zip().unwrap().0);
            prop_assert_eq!(content_hash(&read), hash(&one));
            let unzipped = zip::read(io::Cursor::new(&zip), UNZIPPED_LIMIT_BYTES).unwrap();
            prop_assert_eq!(content_hash(&unzipped), hash(&one));
        }
    }

    #[test]
    fn hidden_files_are_taken_and_git_is_not() {
        let folder = folder(&["b", ".env", ".git/HEAD", "deep/.git", "deep/.keep"]);
        assert_eq!(names(&of_folder(folder.path()).unwrap()), [".env", "b", "deep/.keep"]);
    }

    #[test]
    fn only_a_lambdoignore_leaves_files_out() {
        let folder = folder(&["a.py", "a.pyc", "deep/b.pyc", "deep/keep.pyc", "c"]);
        write(folder.path(), ".gitignore", b"*", false);
        write(folder.path(), ".lambdoignore", b"*.pyc\n!keep.pyc\n", false);
        assert_eq!(names(&of_folder(folder.path()).unwrap()), [".gitignore", "a.py", "c", "deep/keep.pyc"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_inside_and_refused_where_they_lead_out() {
        let outside = folder(&["secret"]);
        let inside = folder(&["real/a"]);
        std::os::unix::fs::symlink("real", inside.path().join("link")).unwrap();
        assert_eq!(names(&of_folder(inside.path()).unwrap()), ["link/a", "real/a"]);
        for end in [outside.path().join("secret"), outside.path().to_owned()] {
            let link = inside.path().join("out");
            std::os::unix::fs::symlink(&end, &link).unwrap();
            assert_eq!(of_folder(inside.path()).unwrap_err().code, "link-leads-out", "{}", end.display());
            fs::remove_file(link).unwrap();
        }
        std::os::unix::fs::symlink("..", inside.path().join("real/up")).unwrap();
        assert_eq!(of_folder(inside.path()).unwrap_err().code, "broken-link", "a loop ends");
    }

    /// Whoever opens a pipe waits for somebody to write to it.
    #[cfg(unix)]
    #[test]
    fn pipes_and_sockets_are_refused_and_not_opened() {
        let folder = folder(&["dir/a"]);
        let made = std::process::Command::new("mkfifo").arg(folder.path().join("dir/pipe")).status().unwrap();
        assert!(made.success());
        let named = BTreeMap::from([("pipe".to_owned(), "dir/pipe".to_owned())]);
        for source in [
            Source::Directory("dir".into(), Filter::default()),
            Source::File("dir/pipe".into()),
            Source::Files(named),
            Source::Zip("dir/pipe".into()),
        ] {
            assert_eq!(collect(folder.path(), &source, true).unwrap_err().code, "wrong-file-type", "{source:?}");
        }
        fs::remove_file(folder.path().join("dir/pipe")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("dir/socket")).unwrap();
        let problem = of_folder(&folder.path().join("dir")).unwrap_err();
        assert!(problem.code == "wrong-file-type" && problem.hints[0].contains(".lambdoignore"), "{problem:?}");
        write(folder.path(), "dir/.lambdoignore", b"socket", false);
        assert_eq!(names(&of_folder(&folder.path().join("dir")).unwrap()), ["a"]);
    }

    #[test]
    fn names_of_any_language_come_back_out_of_the_zip() {
        let all = ["Ünïcode/日本.txt", "a b", "emoji-🦀", "UPPER", "upper"];
        let folder = folder(&all);
        let (zip, _) = of_folder(folder.path()).unwrap().zip().unwrap();
        let items = zip::read(io::Cursor::new(&zip), UNZIPPED_LIMIT_BYTES).unwrap();
        let mut sorted = all;
        sorted.sort_unstable();
        assert_eq!(items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), sorted);
    }

    #[test]
    fn the_program_is_executable_and_called_as_the_runtime_wants_it() {
        let folder = folder(&["main"]);
        for (is_provided, name) in [(true, "bootstrap"), (false, "main")] {
            let contents = collect(folder.path(), &Source::File("main".into()), is_provided).unwrap();
            let items = contents.read(&Index::default()).unwrap();
            assert_eq!((items[0].name.as_str(), items[0].mode), (name, 0o755));
        }
    }

    #[test]
    fn what_is_built_for_a_language_lies_in_its_folder() {
        let files = folder(&["a.py", "lib/b.py", "python/c.py"]);
        let below = of_folder(files.path()).unwrap().below("python").unwrap();
        assert_eq!(names(&below), ["python/a.py", "python/c.py", "python/lib/b.py"]);
        let clash = folder(&["a.py", "python/a.py"]);
        assert_eq!(of_folder(clash.path()).unwrap().below("python").unwrap_err().code, "bad-entry-name");
    }

    #[test]
    fn named_files_may_be_folders() {
        let folder = folder(&["bin/main", "web/a", "web/b"]);
        let files = BTreeMap::from([("bootstrap".to_owned(), "bin/main".to_owned()), ("static".into(), "web".into())]);
        let contents = collect(folder.path(), &Source::Files(files), true).unwrap();
        let items = contents.read(&Index::default()).unwrap();
        let named: Vec<(&str, u32)> = items.iter().map(|item| (item.name.as_str(), item.mode)).collect();
        assert_eq!(named, [("bootstrap", 0o755), ("static/a", 0o644), ("static/b", 0o644)]);
    }

    #[test]
    fn names_that_lead_elsewhere_or_clash_are_refused() {
        let folder = folder(&["a"]);
        for names in [&["/etc/x"][..], &["../x"], &["a/../x"], &["a//b"], &["./a"], &[""], &["a\\b"], &["x", "x/y"]] {
            let files = names.iter().map(|name| ((*name).to_owned(), "a".to_owned())).collect();
            let problem = collect(folder.path(), &Source::Files(files), true).unwrap_err();
            assert_eq!(problem.code, "bad-entry-name", "{names:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named_with_its_neighbour() {
        let folder = folder(&["bin/bootstrap"]);
        for (path, detail, hint) in [
            ("bin/bootstap", "There is no file `bin/bootstap`.", "`bootstrap` lies in the same folder; is it meant?"),
            (
                "bim/bootstrap",
                "There is no file `bim/bootstrap`: already `bim` on the way to it is missing.",
                "`bin` lies in the same folder; is it meant?",
            ),
        ] {
            let problem = collect(folder.path(), &Source::File(path.into()), true).unwrap_err();
            assert_eq!((problem.detail.as_str(), problem.hints[0].as_str()), (detail, hint));
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_told_as_one() {
        let folder = folder(&["a"]);
        std::os::unix::fs::symlink("gone/x", folder.path().join("link")).unwrap();
        let problem = collect(folder.path(), &Source::File("link".into()), true).unwrap_err();
        assert_eq!(problem.detail, "There is no file `link`: `link` is a link to `gone/x`, which is not there.");
    }

    #[test]
    fn empty_and_wrong_places_are_refused() {
        let folder = folder(&["a", "only/.git/HEAD"]);
        for (source, code) in [
            (Source::Directory("only".into(), Filter::default()), "empty-package"),
            (Source::Directory("a".into(), Filter::default()), "wrong-file-type"),
            (Source::File("only".into()), "wrong-file-type"),
            (Source::Zip("only".into()), "wrong-file-type"),
        ] {
            assert_eq!(collect(folder.path(), &source, true).unwrap_err().code, code, "{source:?}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_read() {
        let folder = folder(&["small"]);
        File::create(folder.path().join("large")).unwrap().set_len(UNZIPPED_LIMIT_BYTES).unwrap();
        let problem = of_folder(folder.path()).unwrap_err();
        assert_eq!(problem.code, "package-too-large");
        assert!(problem.detail.contains("`large` (262144000 bytes), `small`"), "{}", problem.detail);
        File::create(folder.path().join("a.zip")).unwrap().set_len(UNZIPPED_LIMIT_BYTES + 1).unwrap();
        assert_eq!(collect(folder.path(), &Source::Zip("a.zip".into()), true).unwrap_err().code, "package-too-large");
    }
}

//! The files of a package, whether they lie in folders or in a zip, read only where a rule looks.

use super::elf;
use super::format::{Format, HEAD_BYTES};
use super::image::led;
use super::program::{LAYERS, MOUNTS, TASK_ROOT};
use crate::package::contents::Contents;
use crate::package::hash::Item;
use crate::package::zip::{KIND, SYMLINK};
use object::ReadCache;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::ops::Bound;
use std::path::Path;
use zip::ZipArchive;

/// The most that is read of a file with code, in bytes. What is larger is not judged.
const TEXT_LIMIT_BYTES: u64 = 64 << 20;

/// Where a link leads that does not end at a file of the package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Astray {
    /// To itself, through others or not.
    InCircles,
    /// To a folder of the package.
    ToFolder(String),
    /// To something that is not in the package.
    Elsewhere(String),
}

/// What a package consists of.
pub(super) struct Tree<'a> {
    files: BTreeMap<&'a str, Place<'a>>,
    archive: Option<RefCell<ZipArchive<BufReader<File>>>>,
    /// Files and folders of a zip with their modes, as far as they have one.
    modes: BTreeMap<String, u32>,
    /// Where links say that they lead; only in a zip.
    links: BTreeMap<&'a str, String>,
    /// Where it all lies on Lambda.
    root: &'static str,
}

/// One file.
struct Place<'a> {
    bytes: u64,
    mode: u32,
    /// Whether it leads to another; only in a zip.
    is_link: bool,
    /// Where it lies; `None` in a zip.
    path: Option<&'a Path>,
}

impl<'a> Tree<'a> {
    /// The files of a package that was read before.
    ///
    /// # Errors
    /// A zip that cannot be opened any more.
    pub fn new(contents: &'a Contents, items: &'a [Item]) -> io::Result<Self> {
        let paths: BTreeMap<&str, &Path> = match contents {
            Contents::Files(entries) => entries.iter().map(|entry| (entry.name.as_str(), entry.path.as_path())).collect(),
            Contents::Archive(_) => BTreeMap::new(),
        };
        let mut archive = match contents {
            Contents::Archive(path) => Some(ZipArchive::new(BufReader::new(File::open(path)?))?),
            Contents::Files(_) => None,
        };
        let modes = archive.as_mut().map_or(Ok(BTreeMap::new()), modes)?;
        let is_link = |item: &Item| item.mode & KIND == SYMLINK;
        let place = |item: &'a Item| Place {
            bytes: item.bytes,
            mode: item.mode,
            is_link: is_link(item),
            path: paths.get(item.name.as_str()).copied(),
        };
        let files = items.iter().map(|item| (item.name.as_str(), place(item))).collect();
        let mut tree = Self { files, archive: archive.map(RefCell::new), modes, links: BTreeMap::new(), root: TASK_ROOT };
        let links = tree.files.iter().filter(|(_, place)| place.is_link);
        let target = |name: &str, bytes| tree.bytes(name, bytes).map(|target| String::from_utf8_lossy(&target).into_owned());
        tree.links = links.map(|(name, place)| Ok((*name, target(name, place.bytes)?))).collect::<io::Result<_>>()?;
        Ok(tree)
    }

    /// The same as that of a layer, which lies elsewhere on Lambda.
    pub fn of_layer(self) -> Self {
        Self { root: LAYERS, ..self }
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.files.keys().copied()
    }

    /// Whether there is such a file, or a link of this name, wherever it leads.
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name) || self.files.contains_key(self.end(name).as_ref())
    }

    /// The mode of a file, through links; of one in a zip as it stands there.
    pub fn mode(&self, name: &str) -> Option<u32> {
        let end = self.end(name);
        let place = self.files.get(end.as_ref())?;
        Some(self.modes.get(end.as_ref()).copied().unwrap_or(place.mode))
    }

    /// Whether it has an execute bit.
    pub fn is_executable(&self, name: &str) -> bool {
        self.mode(name).is_some_and(|mode| mode & 0o111 != 0)
    }

    /// Whether there is something in such a folder.
    pub fn has_folder(&self, name: &str) -> bool {
        self.named(&self.within(&self.end(name))).next().is_some()
    }

    /// All names that begin so, sorted; those that lie behind a link to a folder are called as if that was the folder.
    pub fn beginning<'b>(&'b self, start: &'b str) -> impl Iterator<Item = Cow<'a, str>> + 'b {
        let (folder, first) = start.rsplit_once('/').unwrap_or(("", start));
        let end = self.end(folder);
        let moved = (end != folder).then(|| self.within(&end));
        let real = moved.as_ref().map_or_else(|| start.to_owned(), |within| format!("{within}{first}"));
        let called = move |name: &'a str| match &moved {
            Some(within) => Cow::Owned(format!("{folder}/{}", &name[within.len()..])),
            None => Cow::Borrowed(name),
        };
        self.named(&real).map(called).collect::<Vec<_>>().into_iter()
    }

    /// All names in the package itself that begin so, sorted.
    fn named<'b>(&'b self, start: &'b str) -> impl Iterator<Item = &'a str> + 'b {
        let following = self.files.range::<str, _>((Bound::Included(start), Bound::Unbounded));
        following.map(|(name, _)| *name).take_while(move |name| name.starts_with(start))
    }

    /// How names in the folder at this end of links begin.
    fn within(&self, end: &str) -> String {
        if end == self.root.trim_end_matches('/') { String::new() } else { format!("{end}/") }
    }

    /// Whether a path leads to a file system that a function mounts, in which nobody looks.
    pub fn is_mounted(&self, name: &str) -> bool {
        self.end(name).starts_with(MOUNTS)
    }

    /// Where a link leads to, if not to a file of the package.
    pub fn astray(&self, name: &str) -> Option<Astray> {
        let end = self.end(name);
        match self.files.get(end.as_ref()) {
            Some(place) => place.is_link.then_some(Astray::InCircles),
            None if self.has_folder(&end) => Some(Astray::ToFolder(end.into_owned())),
            None => Some(Astray::Elsewhere(end.into_owned())),
        }
    }

    /// Files and folders of a zip by name, with their modes; nothing of what lambdo zips itself, which everybody may read.
    pub fn modes(&self) -> impl Iterator<Item = (&str, u32)> {
        self.modes.iter().map(|(name, mode)| (name.as_str(), *mode))
    }

    /// Links, with where they say that they lead.
    pub fn links(&self) -> impl Iterator<Item = (&'a str, &str)> {
        self.links.iter().map(|(name, to)| (*name, to.as_str()))
    }

    /// Where a name leads once all links in it are followed: by its name in the package, or by its absolute path
    /// elsewhere. What leads in circles stays what it is.
    pub fn end<'b>(&self, name: &'b str) -> Cow<'b, str> {
        // Without a link nothing is made of a name, so that `.` and `..` in it lead nowhere.
        let is_plain = || name.split('/').all(|part| !["", ".", ".."].contains(&part));
        if self.links.is_empty() || !is_plain() {
            return Cow::Borrowed(name);
        }
        let target = |path: &str| self.links.get(format!("/{path}").strip_prefix(self.root)?).map(String::as_str);
        match led(&format!("{}{name}", self.root), target) {
            Some(end) => Cow::Owned(end.strip_prefix(self.root).unwrap_or(&end).to_owned()),
            None => Cow::Borrowed(name),
        }
    }

    /// What a file is, by its content.
    pub fn format(&self, name: &str) -> io::Result<Format> {
        let name = self.end(name);
        let Some(place) = self.files.get(name.as_ref()) else { return Ok(Format::Other) };
        let name = name.as_ref();
        let head = self.read(name, HEAD_BYTES)?;
        let format = Format::of(&head);
        if format != Format::Elf(None) {
            return Ok(format);
        }
        let found = match place.path {
            Some(path) => elf::read(&ReadCache::new(File::open(path)?)),
            None => elf::read(&self.read(name, place.bytes)?[..]),
        };
        Ok(Format::Elf(found))
    }

    /// The whole of a file with code; `None` where it is no text, or too long to be judged.
    pub fn text(&self, name: &str) -> io::Result<Option<String>> {
        Ok(self.whole(name)?.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// The whole of a file; `None` where it is too long to be judged.
    pub fn whole(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let name = self.end(name);
        let place = self.files.get(name.as_ref()).filter(|place| place.bytes <= TEXT_LIMIT_BYTES);
        place.map(|place| self.read(&name, place.bytes)).transpose()
    }

    /// The first bytes of a file.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        self.bytes(&self.end(name), limit)
    }

    /// The first bytes of a file, or where a link leads.
    fn bytes(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let Some(place) = self.files.get(name) else { return Err(io::ErrorKind::NotFound.into()) };
        let mut bytes = Vec::new();
        match (place.path, &self.archive) {
            (Some(path), _) => File::open(path)?.take(limit).read_to_end(&mut bytes)?,
            (None, Some(archive)) => archive.borrow_mut().by_name(name)?.take(limit).read_to_end(&mut bytes)?,
            (None, None) => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(bytes)
    }
}

/// The modes of what is in a zip, folders without the slash at their end.
fn modes(archive: &mut ZipArchive<BufReader<File>>) -> io::Result<BTreeMap<String, u32>> {
    let mut modes = BTreeMap::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        if let (Ok(name), Some(mode)) = (entry.name(), entry.unix_mode()) {
            modes.insert(name.trim_end_matches('/').to_owned(), mode & 0o7777);
        }
    }
    Ok(modes)
}

#[cfg(test)]
mod tests {
    use crate::package::check::Subject;
    use crate::package::check::testing::Program;
    use crate::package::check::tests::{ON_LAMBDA, told_of_zip};
    use std::fmt::Write as _;

    /// Names, modes and contents.
    type Files<'a> = &'a [(&'a str, u32, &'a [u8])];

    const PROVIDED: Subject<'_> = Subject { runtime: "provided.al2023", ..ON_LAMBDA };
    const NODE: Subject<'_> = Subject { runtime: "nodejs22.x", handler: "index.handler", ..ON_LAMBDA };
    const PYTHON: Subject<'_> = Subject { runtime: "python3.13", handler: "pkg.app.handler", ..ON_LAMBDA };
    const EXPORTS: &[u8] = b"exports.handler = async () => 1;\n";
    const DEFINES: &[u8] = b"from .inner import x\ndef handler(event, context): return x\n";

    /// A link, as an entry of a zip.
    fn link<'a>(name: &'a str, to: &'a str) -> (&'a str, u32, &'a [u8]) {
        (name, 0o120_777, to.as_bytes())
    }

    #[test]
    fn links_in_the_midst_of_a_path_are_followed() {
        let program = Program::STATIC.bytes();
        let interpreted = |line: &'static str| ("bootstrap", 0o755, line.as_bytes());
        let in_folder = Subject { handler: "src/index.handler", ..NODE };
        let sound: [(Files<'_>, Subject<'_>); 12] = [
            (&[link("bootstrap", "d/b"), link("d", "bin"), ("bin/b", 0o755, &program)], PROVIDED),
            (&[link("bootstrap", "/var/task/d/b"), link("d", "./a/../bin"), ("bin/b", 0o755, &program)], PROVIDED),
            (&[interpreted("#!/var/task/cur/interp\n"), link("cur", "v1"), ("v1/interp", 0o755, &program)], PROVIDED),
            (&[interpreted("#!/var/task/me/interp\n"), link("me", "."), ("interp", 0o755, &program)], PROVIDED),
            (&[link("src", "dist/lambda"), ("dist/lambda/index.js", 0o644, EXPORTS)], in_folder),
            (&[link("index.js", "cur/main.js"), link("cur", "v1"), ("v1/main.js", 0o644, EXPORTS)], NODE),
            (&[("index.js", 0o644, b"require('./lib/a'); exports.handler = 1 > 0"), link("lib", "dist"), ("dist/a.js", 0o644, b"")], NODE),
            (&[link("index.js", "v1/main.js"), ("v1/main.js", 0o644, b"exports.handler = require('./a')"), ("v1/a.js", 0o644, b"")], NODE),
            (&[link("src", "/mnt/code/src")], in_folder),
            (&[link("pkg", "src/pkg"), ("src/pkg/app.py", 0o644, DEFINES), ("src/pkg/inner.py", 0o644, b"x = 1\n")], PYTHON),
            (
                &[
                    ("app.py", 0o644, b"import pkg.inner\ndef handler(event, context): return 1\n"),
                    link("pkg", "src/pkg"),
                    ("src/pkg/__init__.py", 0o644, b""),
                    ("src/pkg/inner.py", 0o644, b""),
                ],
                Subject { handler: "app.handler", ..PYTHON },
            ),
            (&[link("python", "/opt/src/python"), ("src/python/m.py", 0o644, b"")], Subject { is_layer: true, handler: "", ..PYTHON }),
        ];
        for (entries, subject) in &sound {
            assert_eq!(told_of_zip(entries, subject), "", "{:?}", entries[0]);
        }
        let layer = [link("python", "src/python"), ("src/python/m.py", 0o644, b"")];
        assert_eq!(told_of_zip(&layer, &Subject { is_layer: true, handler: "", ..PYTHON }), "");
    }

    #[test]
    fn links_that_lead_nowhere_are_told_and_end() {
        let program = Program::STATIC.bytes();
        let wrong: [(Files<'_>, Subject<'_>); 6] = [
            (&[link("bootstrap", "d/b"), link("d", "d"), ("bin/b", 0o755, &program)], PROVIDED),
            (&[link("bootstrap", "d/b"), link("d", "e"), link("e", "d"), ("bin/b", 0o755, &program)], PROVIDED),
            (&[link("bootstrap", "d/c"), link("d", "bin"), ("bin/b", 0o755, &program)], PROVIDED),
            (&[link("bootstrap", "d"), link("d", "bin"), ("bin/b", 0o755, &program)], PROVIDED),
            (&[link("src", "dist"), ("dist/other.js", 0o644, EXPORTS)], Subject { handler: "src/index.handler", ..NODE }),
            (&[("bootstrap", 0o755, b"#!/var/task/cur/interp\n"), link("cur", "cur")], PROVIDED),
        ];
        let mut said = String::new();
        wrong.iter().for_each(|(entries, subject)| writeln!(said, "{}", told_of_zip(entries, subject)).unwrap());
        insta::assert_snapshot!(said, @r##"
        Error dangling-link: `bootstrap` is a link that leads back to itself. Zip the file that it leads to, or without `-y`, which keeps links. []
        Error dangling-link: `bootstrap` is a link that leads back to itself. Zip the file that it leads to, or without `-y`, which keeps links. []
        Error dangling-link: `bootstrap` is a link to `bin/c`, which is not in the package. Zip the file that it leads to, or without `-y`, which keeps links. []
        Error dangling-link: `bootstrap` is a link to `bin`, which is a folder. Zip the file that it leads to, or without `-y`, which keeps links. []
        Error no-handler-file: The handler `src/index.handler` makes `nodejs22.x` look for one of `src/index.js`, `src/index.mjs`, `src/index.cjs`, and the package has no such file. []
        Error missing-interpreter: `bootstrap` is run by `/var/task/cur/interp`, which the runtime `provided.al2023` does not have. ["the shells `/bin/sh` and `/bin/bash` are there; anything else comes with a layer or an image"]
        "##);
    }

    #[test]
    fn the_interpreter_of_a_script_must_start_itself() {
        let script = ("bootstrap", 0o755, &b"#!/var/task/interp\n"[..]);
        let program = Program::STATIC.bytes();
        let arm = Program { machine: object::elf::EM_AARCH64, ..Program::STATIC }.bytes();
        for good in [&program[..], b"#!/bin/sh\n"] {
            assert_eq!(told_of_zip(&[script, ("interp", 0o755, good)], &PROVIDED), "");
        }
        let mut said = String::new();
        for (mode, bytes) in [(0o644, &program[..]), (0o700, &program), (0o755, &arm), (0o755, b"text"), (0o755, b"")] {
            let told = told_of_zip(&[script, ("interp", mode, bytes)], &PROVIDED);
            writeln!(said, "{}", told.lines().next().unwrap_or_default()).unwrap();
        }
        insta::assert_snapshot!(said, @r##"
        Error not-executable: `bootstrap` is run by `/var/task/interp`, which has no execute bit. ["`chmod 755 interp`, and package it again"]
        Error not-executable: `bootstrap` is run by `/var/task/interp`, which only its owner may execute, and Lambda is another user. ["`chmod 755 interp`, and package it again"]
        Error wrong-architecture: `interp` is built for arm64, and Lambda runs it on x86_64. ["Go: `GOOS=linux GOARCH=amd64 go build`", "Rust: `cargo build --target x86_64-unknown-linux-musl`", "or let the function run where it is built for: `architectures = \"arm64\"`", "`bootstrap` is run by it: its first line is `#!/var/task/interp`"]
        Error not-a-program: `interp` is neither an ELF file, as compilers for Linux make them, nor a script: its first line does not begin with `#!`. ["a shell script begins with the line `#!/bin/sh`", "`bootstrap` is run by it: its first line is `#!/var/task/interp`"]
        Error empty-program: `interp` has no bytes in it. Most likely whatever makes it has failed; make it again. ["`bootstrap` is run by it: its first line is `#!/var/task/interp`"]
        "##);
    }
}

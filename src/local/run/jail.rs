//! Putting things into a folder under paths that strangers chose.

use super::inside::resolve;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

/// A folder into which packages and images are unpacked. Nothing is made, changed or removed outside of it: each
/// folder on the way to a thing is looked at, and the system is never left to follow a link.
///
/// Nobody else writes into the folder meanwhile.
pub struct Jail {
    root: PathBuf,
    links: Links,
}

/// What becomes of a link on the way to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// It leads to where it leads a process whose root the folder is, as in images.
    Followed,
    /// A folder takes its place, as where an upper layer of a file system has one.
    Replaced,
}

/// Where a thing is, or will be: in a folder that is reached without a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place(PathBuf);

impl Place {
    /// As others may look at it; whoever acts on it does so here.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Something else in the same folder.
    ///
    /// # Errors
    /// What is no name.
    pub fn beside(&self, name: &OsStr) -> io::Result<Self> {
        match Path::new(name).components().collect::<Vec<_>>().as_slice() {
            [Component::Normal(only)] if *only == name => Ok(Self(self.0.with_file_name(name))),
            _ => Err(io::Error::other("this is no name of a file")),
        }
    }

    /// The folder that it is in.
    pub fn folder(&self) -> Self {
        Self(self.0.parent().map_or_else(|| self.0.clone(), Path::to_path_buf))
    }

    /// Whether there is a folder, and no link to one.
    pub fn is_folder(&self) -> bool {
        self.0.symlink_metadata().is_ok_and(|details| details.is_dir())
    }

    /// What is in it, if it is a folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn children(&self) -> io::Result<Vec<Self>> {
        if !self.is_folder() {
            return Ok(Vec::new());
        }
        fs::read_dir(&self.0)?.map(|entry| Ok(Self(entry?.path()))).collect()
    }

    /// Removes whatever is there, if anything is.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        match self.0.symlink_metadata() {
            Ok(details) if details.is_dir() => fs::remove_dir_all(&self.0),
            Ok(_) => fs::remove_file(&self.0),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Makes a folder of whatever is there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_folder(&self) -> io::Result<()> {
        if self.is_folder() {
            return Ok(());
        }
        self.remove()?;
        fs::create_dir(&self.0)?;
        // Whatever the umask is, its own cloud must get in.
        fs::set_permissions(&self.0, PermissionsExt::from_mode(0o755))
    }

    /// Makes an empty file instead of whatever is there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_file(&self) -> io::Result<File> {
        self.remove()?;
        File::options().write(true).create_new(true).mode(0o600).open(&self.0)
    }

    /// Makes a link instead of whatever is there; it may lead anywhere.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn make_link(&self, target: &Path) -> io::Result<()> {
        self.remove()?;
        symlink(target, &self.0)
    }

    /// Makes another name of a file instead of whatever is there.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn make_hard_link(&self, target: &Self) -> io::Result<()> {
        if target == self {
            return Ok(());
        }
        target.0.symlink_metadata()?;
        self.remove()?;
        fs::hard_link(&target.0, &self.0)
    }
}

impl Jail {
    pub fn new(root: &Path, links: Links) -> Self {
        Self { root: root.to_owned(), links }
    }

    /// Where a path leads to, with the folders on its way made if they are not there; `made` hears of those. The
    /// root itself is nowhere.
    ///
    /// # Errors
    /// When the path leads out, or through what is no folder.
    pub fn reach(&self, path: &Path, made: &mut dyn FnMut(&Path)) -> io::Result<Option<Place>> {
        let Some((folders, name)) = taken_apart(path)? else { return Ok(None) };
        let mut folder = self.root.clone();
        for part in self.within(&folders)?.components() {
            folder.push(part);
            let is_there = match folder.symlink_metadata() {
                Ok(details) => details.is_dir() || self.links == Links::Followed,
                Err(_) => false,
            };
            if !is_there {
                Place(folder.clone()).make_folder()?;
                made(&folder);
            }
        }
        Ok(Some(Place(folder.join(name))))
    }

    /// Where a path leads to, if its folders are there.
    ///
    /// # Errors
    /// When the path leads out.
    pub fn find(&self, path: &Path) -> io::Result<Option<Place>> {
        let Some((folders, name)) = taken_apart(path)? else { return Ok(None) };
        let folder = self.within(&folders)?;
        Ok(self.has_folders(&folder).then(|| Place(self.root.join(folder).join(name))))
    }

    /// Sets what a folder that was made in here may be used for, unless a link or nothing stands there or before it by now.
    ///
    /// # Errors
    /// When it cannot be set.
    pub fn set_mode(&self, folder: &Path, mode: u32) -> io::Result<()> {
        match folder.strip_prefix(&self.root) {
            Ok(inside) if self.has_folders(inside) => fs::set_permissions(folder, PermissionsExt::from_mode(mode)),
            _ => Ok(()),
        }
    }

    /// A path of folders in the root, without links where those are followed.
    fn within(&self, folders: &Path) -> io::Result<PathBuf> {
        match self.links {
            Links::Replaced => Ok(folders.to_owned()),
            Links::Followed => {
                let found = resolve(&self.root, folders)?;
                found.strip_prefix(&self.root).map(Path::to_path_buf).map_err(io::Error::other)
            }
        }
    }

    /// Whether these are folders, each in the one before, and none of them is a link.
    fn has_folders(&self, inside: &Path) -> bool {
        let mut folder = self.root.clone();
        inside.components().all(|part| {
            folder.push(part);
            matches!(part, Component::Normal(_)) && Place(folder.clone()).is_folder()
        })
    }
}

/// The folders and the name of a path, as if the root were `/`; nothing for the root itself.
fn taken_apart(path: &Path) -> io::Result<Option<(PathBuf, OsString)>> {
    let mut inside = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => inside.push(part),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(io::Error::other("it points out of the folder that it is unpacked into"));
            }
        }
    }
    let Some(name) = inside.file_name().map(OsString::from) else { return Ok(None) };
    inside.pop();
    Ok(Some((inside, name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        _folder: tempfile::TempDir,
        root: PathBuf,
        outside: PathBuf,
    }

    /// A root beside a folder with a file, to which links in the root lead.
    fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
        for made in [&root, &outside, &root.join("real")] {
            fs::create_dir(made).unwrap();
        }
        fs::write(outside.join("kept"), "kept").unwrap();
        symlink(&outside, root.join("absolute")).unwrap();
        symlink("../outside", root.join("relative")).unwrap();
        symlink("real", root.join("near")).unwrap();
        symlink("absolute", root.join("twice")).unwrap();
        World { _folder: folder, root, outside }
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn whatever_is_done_through_a_link_is_done_inside() {
        for links in [Links::Followed, Links::Replaced] {
            for way in ["absolute", "relative", "twice", "near"] {
                let world = world();
                let jail = Jail::new(&world.root, links);
                let at = |name: &str| jail.reach(&Path::new(way).join(name), &mut |_| ()).unwrap().unwrap();
                at("file").make_file().unwrap();
                at("folder").make_folder().unwrap();
                at("link").make_link(&world.outside).unwrap();
                at("hard").make_hard_link(&at("file")).unwrap();
                at("kept").remove().unwrap();
                at("link").remove().unwrap();
                assert!(at("kept").children().unwrap().is_empty());
                assert_eq!(names(&world.outside), ["kept"], "{links:?} {way}");
                let near = world.root.join("near");
                assert_eq!(near.is_symlink(), links == Links::Followed || way != "near", "{links:?} {way}");
            }
        }
    }

    #[test]
    fn what_is_not_there_is_not_made_by_looking() {
        let world = world();
        for links in [Links::Followed, Links::Replaced] {
            let jail = Jail::new(&world.root, links);
            assert_eq!(jail.find(Path::new("no/such")).unwrap(), None);
            assert_eq!(jail.find(Path::new("relative/kept")).unwrap(), None, "the link leads to nothing inside");
            assert_eq!(jail.find(Path::new("/")).unwrap(), None);
            assert_eq!(jail.find(Path::new("real/x")).unwrap().unwrap().path(), world.root.join("real/x"));
        }
        assert_eq!(names(&world.root).len(), 5);
    }

    #[test]
    fn modes_are_set_where_folders_still_are() {
        let world = world();
        let jail = Jail::new(&world.root, Links::Followed);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let before = mode(&world.outside);
        for way in ["absolute", "relative", "twice", "absolute/kept", "no/such", "../outside", "near/x"] {
            jail.set_mode(&world.root.join(way), 0o100).unwrap();
        }
        jail.set_mode(&world.outside, 0o100).unwrap();
        assert_eq!((mode(&world.outside), mode(&world.outside.join("kept")) & 0o400), (before, 0o400));
        jail.set_mode(&world.root.join("real"), 0o711).unwrap();
        assert_eq!(mode(&world.root.join("real")), 0o711);
    }

    #[test]
    fn paths_and_names_that_are_none_are_refused() {
        let world = world();
        let jail = Jail::new(&world.root, Links::Followed);
        for path in ["..", "../outside", "real/../../outside/x", "real/.."] {
            assert!(jail.reach(Path::new(path), &mut |_| ()).is_err(), "{path}");
        }
        assert!(jail.reach(Path::new("nul\0/x"), &mut |_| ()).is_err());
        let place = jail.reach(Path::new("real/x"), &mut |_| ()).unwrap().unwrap();
        for name in ["", ".", "..", "a/b", "/", "/etc", "a/"] {
            assert!(place.beside(name.as_ref()).is_err(), "{name}");
        }
        assert_eq!(place.beside("y\n".as_ref()).unwrap().path(), world.root.join("real/y\n"));
    }
}

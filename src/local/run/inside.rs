//! Paths as a process sees them whose root is a folder: no symbolic link leads out of it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// As many links as Linux follows.
const MOST_LINKS: usize = 40;
/// How many folders and links are looked at for one path; links of links of links would take for ever.
const MOST_STEPS: usize = 4096;

/// Where a path below `root` really lies; links are followed as if `root` were `/`, also the last part. What
/// is not there is taken for a folder.
///
/// # Errors
/// When links go round in a circle, or cannot be read.
pub fn resolve(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut left = parts(path);
    let mut found = PathBuf::new();
    let (mut links, mut steps) = (0, 0);
    while let Some(part) = left.pop_front() {
        steps += 1;
        if steps > MOST_STEPS {
            return Err(io::Error::other("it leads through too many folders"));
        }
        if part == ".." {
            found.pop();
            continue;
        }
        let place = root.join(&found).join(&part);
        if !place.is_symlink() {
            found.push(part);
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(io::Error::other(format!("`{}`: too many levels of symbolic links", path.display())));
        }
        let target = std::fs::read_link(place)?;
        if target.is_absolute() {
            found.clear();
        }
        for part in parts(&target).into_iter().rev() {
            left.push_front(part);
        }
    }
    Ok(root.join(found))
}

fn parts(path: &Path) -> VecDeque<OsString> {
    let kept = |component: Component<'_>| match component {
        Component::Normal(part) => Some(part.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    };
    path.components().filter_map(kept).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn no_link_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("usr/lib")).unwrap();
        for (target, name) in
            [("usr/lib", "lib"), ("/usr/lib", "absolute"), ("../../../..", "up"), ("/etc", "etc"), ("round", "round"), ("up/up/usr", "far")]
        {
            symlink(target, root.join(name)).unwrap();
        }
        for (path, expected) in [
            ("/lib/x", "usr/lib/x"),
            ("absolute/x", "usr/lib/x"),
            ("up/x", "x"),
            ("/../../x", "x"),
            ("etc/passwd", "etc/passwd"),
            ("far/lib", "usr/lib"),
            ("usr/lib/../x", "usr/x"),
        ] {
            // `etc` points to a folder that is not in there, which is its own name.
            assert_eq!(resolve(root, Path::new(path)).ok(), (path != "etc/passwd").then(|| root.join(expected)), "{path}");
        }
        assert!(resolve(root, Path::new("round")).is_err());
    }
}

//! What installers leave that differs from one time to the next, or from one machine to another.

use crate::diagnostic::Diagnostic;
use crate::package::problem::unreadable;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// Notes of the installer about itself
/// (<https://packaging.python.org/en/latest/specifications/recording-installed-packages/>).
const NOTES: [&str; 5] = ["RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"];
/// What uv leaves in the folder that it installs into.
const AT_THE_TOP: [&str; 3] = [".lock", ".gitignore", "CACHEDIR.TAG"];
const SCRIPTS: &str = "bin";

/// Takes it away.
///
/// # Errors
/// When a file cannot be read or removed.
pub(super) fn installed(folder: &Path) -> Result<(), Diagnostic> {
    let tidied = AT_THE_TOP.iter().try_for_each(|name| remove(&folder.join(name))).and_then(|()| scripts(&folder.join(SCRIPTS)));
    tidied.and_then(|()| below(folder)).map_err(|error| unreadable(&folder.display().to_string(), &error))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Scripts begin with the path of this machine's interpreter; programs stay.
fn scripts(folder: &Path) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let mut head = [0; 2];
        let is_script = fs::File::open(&path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && &head == b"#!";
        if is_script {
            fs::remove_file(&path)?;
        }
    }
    // It fails where something is left.
    let _ = fs::remove_dir(folder);
    Ok(())
}

fn below(folder: &Path) -> io::Result<()> {
    let is_metadata = folder.extension().is_some_and(|extension| extension == "dist-info");
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_dir() {
            if name == "__pycache__" { fs::remove_dir_all(&path)? } else { below(&path)? }
        } else if is_metadata && NOTES.iter().any(|note| name == *note) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_bytecode_and_scripts_go_and_everything_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("a/__init__.py", ""),
            ("a/RECORD", ""),
            ("a/__pycache__/x.pyc", ""),
            ("a-1.dist-info/RECORD", ""),
            ("a-1.dist-info/INSTALLER", ""),
            ("a-1.dist-info/METADATA", ""),
            ("bin/a", "#!/usr/bin/python3\n"),
            ("bin/tool", "\x7fELF"),
            (".lock", ""),
        ];
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        installed(folder.path()).unwrap();
        let left: Vec<&str> = files.iter().map(|(name, _)| *name).filter(|name| folder.path().join(name).exists()).collect();
        assert_eq!(left, ["a/__init__.py", "a/RECORD", "a-1.dist-info/METADATA", "bin/tool"]);
    }
}

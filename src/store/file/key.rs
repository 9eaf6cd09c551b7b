//! The key of secrets' hashes, in a file of its own: whoever sees the state or a tag has no use of it.

use super::folder::{at, read_if_there, replace};
use crate::model::SecretKey;
use crate::store::StoreError;
use std::io;
use std::path::Path;

/// The key in the file, which its owner alone can read; where there is none, a new one is kept there.
pub(super) fn key(folder: &Path, path: &Path) -> Result<SecretKey, StoreError> {
    let kept = read_if_there(path)?.and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some(key) = kept.and_then(|text| SecretKey::from_hex(text.trim())) {
        return Ok(key);
    }
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| at("make", path)(io::Error::other(error.to_string())))?;
    let key = SecretKey::new(bytes);
    // Whoever only looks may not be allowed to write here; a run that changes something fails at its journal then.
    let _ = std::fs::create_dir_all(folder).is_ok_and(|()| replace(folder, path, format!("{}\n", key.to_hex()).as_bytes()).is_ok());
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_again_when_it_was_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/demo.key");
        let made = key(path.parent().unwrap(), &path).unwrap();
        assert_eq!(key(path.parent().unwrap(), &path).unwrap(), made);
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
        std::fs::write(&path, "torn").unwrap();
        let again = key(path.parent().unwrap(), &path).unwrap();
        assert_ne!(again, made);
        assert_eq!(std::fs::read_to_string(&path).unwrap().trim(), again.to_hex());
    }
}

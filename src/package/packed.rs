//! Whether packages fit into the calls that send them, told before anything is made of them.

use super::ZIP_LIMIT_BYTES;
use super::contents::Contents;
use super::marks::Marks;
use super::zip::write;
use crate::diagnostic::Diagnostic;
use crate::model::Artifact;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// What a zip may need for one file besides its contents, in bytes: its name, twice, and two headers.
const ENTRY_BYTES: u64 = 400;

/// The packages that were packed to see whether they fit, and did.
pub(super) struct Packed {
    marks: Marks,
}

impl Packed {
    /// What earlier runs left in the folder `cache`.
    pub fn new(cache: &Path) -> Self {
        Self { marks: Marks::new(cache.join("packed")) }
    }

    /// Refuses a package that is too large for a call. One whose files alone do not tell is packed, until it is too
    /// large, and that it is not is remembered.
    pub fn check(&self, contents: &Contents, artifact: &Artifact) -> Result<(), Diagnostic> {
        check_given(contents)?;
        let Contents::Files(entries) = contents else { return Ok(()) };
        let name = artifact.content_hash.rsplit(':').next().unwrap_or_default();
        if artifact.unzipped_bytes + artifact.files as u64 * ENTRY_BYTES <= ZIP_LIMIT_BYTES || self.marks.has(name) {
            return Ok(());
        }
        let mut scale = Scale::new(ZIP_LIMIT_BYTES);
        let fits = write(&mut scale, entries).map(|_| ());
        match fits {
            _ if scale.is_full => Err(too_large(&format!("Its files have {} bytes, and zipped still more than", artifact.unzipped_bytes))),
            Err(why) => Err(Diagnostic::error("unreadable-package", "A package cannot be read").detail(why)),
            Ok(()) => {
                self.marks.set(name);
                Ok(())
            }
        }
    }
}

/// Refuses a zip of others that is too large for a call; its size shows without reading it.
pub(super) fn check_given(contents: &Contents) -> Result<(), Diagnostic> {
    let Contents::Archive(path) = contents else { return Ok(()) };
    match path.metadata().map(|metadata| metadata.len()) {
        Ok(bytes) if bytes > ZIP_LIMIT_BYTES => Err(too_large(&format!("The zip has {bytes} bytes, more than"))),
        _ => Ok(()),
    }
}

fn too_large(what: &str) -> Diagnostic {
    Diagnostic::error("package-too-large", "The package is too large to be sent with a call")
        .detail(format!("{what} the {ZIP_LIMIT_BYTES} that AWS takes with the call itself. Larger packages go through S3."))
        .hint("name a bucket of the region that is deployed to: `code_bucket = \"NAME\"` in `[aws]`")
        .hint("or leave files out with a `.lambdoignore`, or strip the binary")
}

/// Where bytes go that are only counted, until there are too many.
struct Scale {
    at: u64,
    most: u64,
    is_full: bool,
}

impl Scale {
    fn new(most: u64) -> Self {
        Self { at: 0, most, is_full: false }
    }
}

impl Write for Scale {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.at += bytes.len() as u64;
        self.is_full |= self.at > self.most;
        if self.is_full { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A zip goes back to write the sizes of what it has packed.
impl Seek for Scale {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(_) => None,
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Form;
    use crate::package::contents::collect;
    use crate::package::filter::Filter;
    use crate::package::source::Source;
    use std::fs;

    fn artifact(unzipped_bytes: u64) -> Artifact {
        Artifact { content_hash: "sha256:aa".into(), form: Form::Zip, unzipped_bytes, files: 1 }
    }

    #[test]
    fn what_may_be_too_large_is_packed_once_to_see_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "x").unwrap();
        let contents = collect(folder.path(), &Source::Directory(".".into(), Filter::default()), false).unwrap();
        let packed = Packed::new(folder.path());
        assert!(packed.check(&contents, &artifact(1)).is_ok() && !packed.marks.has("aa"), "nothing is packed that fits in any case");
        assert!(packed.check(&contents, &artifact(ZIP_LIMIT_BYTES + 1)).is_ok() && packed.marks.has("aa"));
        fs::remove_file(folder.path().join("a")).unwrap();
        assert!(packed.check(&contents, &artifact(ZIP_LIMIT_BYTES + 1)).is_ok(), "it is not packed again");
    }

    #[test]
    fn packing_ends_as_soon_as_it_is_too_much() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), [7; 5_000]).unwrap();
        let contents = collect(folder.path(), &Source::Directory(".".into(), Filter::default()), false).unwrap();
        let Contents::Files(entries) = contents else { panic!("files") };
        for (most, is_full) in [(20, true), (100_000, false)] {
            let mut scale = Scale::new(most);
            assert_eq!((write(&mut scale, &entries).is_err(), scale.is_full), (is_full, is_full));
        }
    }

    #[test]
    fn a_zip_of_others_is_weighed_as_it_is() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (bytes, is_fine) in [(ZIP_LIMIT_BYTES, true), (ZIP_LIMIT_BYTES + 1, false)] {
            file.as_file().set_len(bytes).unwrap();
            assert_eq!(check_given(&Contents::Archive(file.path().to_owned())).is_ok(), is_fine);
        }
    }
}

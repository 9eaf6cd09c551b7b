//! Whether packages fit into the calls that send them, told before anything is made of them.

use super::ZIP_LIMIT_BYTES;
use super::contents::{Contents, Entry};
use super::marks::Marks;
use super::problem::{brief, unreadable};
use super::zip::LEVEL;
use crate::diagnostic::Diagnostic;
use crate::model::Artifact;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

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
        match contents {
            Contents::Files(entries) => self.check_files(entries, artifact, ZIP_LIMIT_BYTES),
            Contents::Archive(_) => Ok(()),
        }
    }

    fn check_files(&self, entries: &[Entry], artifact: &Artifact, most: u64) -> Result<(), Diagnostic> {
        // What cannot be packed grows a little.
        let largest: u64 = entries.iter().map(|entry| entry.bytes + entry.bytes / 1_000 + overhead_bytes(entry)).sum();
        let name = artifact.content_hash.rsplit(':').next().unwrap_or_default();
        if largest <= most || self.marks.has(name) {
            return Ok(());
        }
        if weigh(entries, most)? > most {
            return Err(too_large(&format!("Its files have {} bytes, and zipped still more than", artifact.unzipped_bytes)));
        }
        self.marks.set(name);
        Ok(())
    }
}

/// What a zip needs for a file besides its contents, in bytes: its name, twice, and two headers, with their extra fields
/// (<https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.3.7 and 4.3.12).
fn overhead_bytes(entry: &Entry) -> u64 {
    2 * entry.name.len() as u64 + 30 + 46 + 40
}

/// How many bytes a zip of these files has, as far as it is no more than `most`.
fn weigh(entries: &[Entry], most: u64) -> Result<u64, Diagnostic> {
    let mut bytes = 0;
    for entry in entries {
        let packed = File::open(&entry.path).and_then(|file| packed_bytes(file, most));
        bytes += packed.map_err(|error| unreadable(&brief(&entry.path), &error))? + overhead_bytes(entry);
        if bytes > most {
            break;
        }
    }
    Ok(bytes)
}

/// How many bytes a file has when it is packed, as far as it is not much more than `most`.
fn packed_bytes(mut file: File, most: u64) -> io::Result<u64> {
    let mut scale = DeflateEncoder::new(Scale(0), Compression::new(LEVEL));
    let mut buffer = vec![0; 1 << 16];
    while scale.get_ref().0 <= most {
        match file.read(&mut buffer)? {
            0 => return Ok(scale.finish()?.0),
            length => scale.write_all(&buffer[..length])?,
        }
    }
    Ok(scale.get_ref().0)
}

/// Where bytes go that are only counted.
struct Scale(u64);

impl Write for Scale {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Form;
    use crate::package::contents::collect;
    use crate::package::filter::Filter;
    use crate::package::own::Own;
    use crate::package::source::Source;
    use std::fs;

    #[test]
    fn what_may_be_too_large_is_packed_once_to_see_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "x".repeat(1_000)).unwrap();
        let contents = collect(folder.path(), &Source::Directory(".".into(), Filter::default()), false, &Own::default()).unwrap();
        let Contents::Files(entries) = &contents else { panic!("files") };
        let artifact = Artifact { content_hash: "sha256:aa".into(), form: Form::Zip, unzipped_bytes: 1_000, files: 1 };
        let packed = Packed::new(folder.path());
        assert!(packed.check_files(entries, &artifact, 2_000).is_ok() && !packed.marks.has("aa"), "it fits in any case");
        assert!(packed.check_files(entries, &artifact, 100).unwrap_err().detail.starts_with("Its files have 1000 bytes"));
        assert!(packed.check_files(entries, &artifact, 500).is_ok() && packed.marks.has("aa"));
        fs::remove_file(folder.path().join("a")).unwrap();
        assert!(packed.check_files(entries, &artifact, 500).is_ok(), "it is not packed again");
    }

    #[test]
    fn a_package_weighs_as_much_as_its_zip_unless_it_is_too_much() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), (0..50_000u32).flat_map(|number| (number * number).to_le_bytes()).collect::<Vec<u8>>()).unwrap();
        fs::write(folder.path().join("b"), "").unwrap();
        let contents = collect(folder.path(), &Source::Directory(".".into(), Filter::default()), false, &Own::default()).unwrap();
        let Contents::Files(entries) = &contents else { panic!("files") };
        let (weight, zip) = (weigh(entries, u64::MAX).unwrap(), contents.zip().unwrap().0.len() as u64);
        assert!(weight.abs_diff(zip) < 200, "{weight} {zip}");
        assert!((1_001..weight).contains(&weigh(entries, 1_000).unwrap()), "packing ends as soon as it is too much");
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

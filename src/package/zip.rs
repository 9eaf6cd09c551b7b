//! Zips: ours are the same bytes each time; those of others are read.

use super::ZIP_LIMIT_BYTES;
use super::contents::Entry;
use super::hash::Item;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use zip::read::ZipFile;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter};

const LEVEL: i64 = 6;
const SYMLINK: u32 = 0o120_000;
const KIND: u32 = 0o170_000;

/// Zips sorted entries, and says what was read while doing so.
///
/// # Errors
/// A sentence when a file cannot be read.
pub(super) fn write<W: Write + Seek>(to: W, entries: &[Entry]) -> Result<(W, Vec<Item>), String> {
    let mut zip = ZipWriter::new(to);
    let mut items = Vec::with_capacity(entries.len());
    for entry in entries {
        items.push(add(&mut zip, entry).map_err(|error| format!("`{}` cannot be put into the package: {error}.", entry.path.display()))?);
    }
    let to = zip.finish().map_err(|error| format!("The package cannot be zipped: {error}."))?;
    Ok((to, items))
}

fn add(zip: &mut ZipWriter<impl Write + Seek>, entry: &Entry) -> io::Result<Item> {
    let file = File::open(&entry.path)?;
    // Nothing of the machine goes in: no time, no owner, no other mode. 1980 is where zip's time begins.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(LEVEL))
        .last_modified_time(DateTime::default())
        .system(System::Unix)
        .unix_permissions(entry.mode);
    zip.start_file(&entry.name, options).map_err(io::Error::from)?;
    Item::read(&entry.name, entry.mode, file, zip)
}

/// Refuses a zip that is too large to be sent with the call.
pub(super) fn check_size(bytes: u64) -> Result<(), String> {
    if bytes <= ZIP_LIMIT_BYTES {
        return Ok(());
    }
    Err(format!(
        "The zip has {bytes} bytes; AWS takes up to {ZIP_LIMIT_BYTES} with the call itself. Larger packages go through S3: name a bucket of this region as `code_bucket` in `[aws]`. Or leave files out with a `.lambdoignore`, or strip the binary."
    ))
}

/// The files of a zip. Modes are normalised as in a folder, but what is not executable stays so:
/// the zip is uploaded as it is.
///
/// # Errors
/// A sentence when it is not a zip, or has names that lead out of the package.
pub(super) fn read(from: impl Read + Seek, limit_bytes: u64) -> Result<Vec<Item>, String> {
    let mut archive = ZipArchive::new(from).map_err(|error| format!("It is not a zip that can be read: {error}."))?;
    let mut items = Vec::new();
    let mut left = limit_bytes;
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|error| format!("Its entry number {} cannot be read: {error}.", index + 1))?;
        if file.is_dir() {
            continue;
        }
        let item = read_item(file, left)?;
        left -= item.bytes;
        items.push(item);
    }
    items.sort();
    Ok(items)
}

fn read_item(file: ZipFile<'_, impl Read>, left: u64) -> Result<Item, String> {
    let name = file.name().map_err(|error| format!("It has a name that cannot be read: {error}."))?.into_owned();
    super::contents::check_name(&name)?;
    let mode = match file.unix_mode() {
        Some(mode) if mode & KIND == SYMLINK => SYMLINK | 0o777,
        Some(mode) if mode & 0o111 != 0 => 0o755,
        _ => 0o644,
    };
    // What a header says about the length may be a lie: count what really comes out.
    let item = Item::read(&name, mode, file.take(left + 1), &mut io::sink())
        .map_err(|error| format!("`{name}` in it cannot be read: {error}."))?;
    if item.bytes > left { Err(super::contents::too_large()) } else { Ok(item) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn zip_with(name: &str, mode: u32, content: &[u8]) -> Cursor<Vec<u8>> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file(name, SimpleFileOptions::default().unix_permissions(mode)).unwrap();
        zip.write_all(content).unwrap();
        zip.finish().unwrap()
    }

    #[test]
    fn modes_in_a_zip_are_normalised_and_not_mended() {
        for (given, expected) in [(0o777, 0o755), (0o500, 0o755), (0o640, 0o644)] {
            let items = read(zip_with("bootstrap", given, b"x"), 10).unwrap();
            assert_eq!(items[0].mode, expected, "{given:o}");
        }
    }

    #[test]
    fn names_that_lead_out_of_a_zip_are_refused() {
        for name in ["../x", "/x", "a/../../x"] {
            assert!(read(zip_with(name, 0o644, b""), 10).unwrap_err().contains("not a name inside a package"), "{name}");
        }
    }

    #[test]
    fn a_zip_that_unpacks_to_too_much_is_refused() {
        assert!(read(zip_with("a", 0o644, &[0; 11]), 10).unwrap_err().contains("262144000"));
        assert!(read(zip_with("a", 0o644, &[0; 10]), 10).is_ok());
    }

    #[test]
    fn what_is_no_zip_is_refused() {
        assert!(read(Cursor::new(b"hello"), 10).unwrap_err().contains("not a zip"));
    }
}

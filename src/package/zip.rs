//! Zips: ours are the same bytes each time; those of others are read.

use super::ZIP_LIMIT_BYTES;
use super::check::{Format, HEAD_BYTES};
use super::contents::Entry;
use super::hash::Item;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use zip::read::ZipFile;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter};

/// How hard files are packed, from 1 to 9.
pub(super) const LEVEL: u32 = 6;
/// What a link's mode begins with; its content is where it leads.
pub(super) const SYMLINK: u32 = 0o120_000;
/// The part of a mode that says what kind of file it is.
pub(super) const KIND: u32 = 0o170_000;

/// What else than a file, a folder or a link a mode may say that an entry is
/// (<https://man7.org/linux/man-pages/man7/inode.7.html>).
const SPECIAL: [(u32, &str); 4] = [(0o010_000, "a named pipe"), (0o020_000, "a device"), (0o060_000, "a device"), (0o140_000, "a socket")];

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
        .compression_level(Some(i64::from(LEVEL)))
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
pub(super) fn read(mut from: impl Read + Seek, limit_bytes: u64) -> Result<Vec<Item>, String> {
    let head = head(&mut from).map_err(|error| format!("It cannot be read: {error}."))?;
    let mut archive = ZipArchive::new(from).map_err(|error| not_a_zip(&error, &head))?;
    let mut items = Vec::new();
    let mut left = limit_bytes;
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|error| unreadable(index, &error))?;
        if file.is_dir() {
            continue;
        }
        let item = read_item(file, left)?;
        left -= item.bytes;
        items.push(item);
    }
    let start = archive.central_directory_start();
    if let Some(name) = repeated(archive.into_inner(), start).map_err(|error| format!("It cannot be read: {error}."))? {
        return Err(format!("`{name}` is in it twice, and which of the two AWS takes is not known. Zip it again, into a new file."));
    }
    items.sort();
    super::contents::clash(items.iter().map(|item| item.name.as_str())).map_or(Ok(items), Err)
}

/// How a file begins.
fn head(from: &mut (impl Read + Seek)) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    from.take(HEAD_BYTES).read_to_end(&mut head)?;
    from.rewind()?;
    Ok(head)
}

/// What a zip holds is told at its end, so that one that is cut off is known by its beginning.
fn not_a_zip(error: &ZipError, head: &[u8]) -> String {
    if !matches!(error, ZipError::InvalidArchive(_)) {
        return format!("It is not a zip that can be read: {error}.");
    }
    if head.starts_with(b"PK") {
        return "It begins as a zip, and was cut off before its end. Most likely it was being written, or the disk was full.".to_owned();
    }
    match Format::of(head).told() {
        Some(what) => format!("It is {what}, and not a zip."),
        None if std::str::from_utf8(head).is_ok() => "It is a text, and not a zip.".to_owned(),
        None => "It is not a zip, whatever its name says.".to_owned(),
    }
}

fn unreadable(index: usize, error: &ZipError) -> String {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
            format!("Its entry number {} is encrypted, and AWS has no password. Zip it again without one.", index + 1)
        }
        error => format!("Its entry number {} cannot be read: {error}.", index + 1),
    }
}

/// The first name that two entries have; readers of zips show only one of them.
/// <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>, 4.3.12.
fn repeated(mut from: impl Read + Seek, start: u64) -> io::Result<Option<String>> {
    from.seek(io::SeekFrom::Start(start))?;
    let mut from = io::BufReader::new(from);
    let mut names = BTreeSet::new();
    let mut header = [0; 46];
    while from.read_exact(&mut header).is_ok() && header.starts_with(b"PK\x01\x02") {
        let length = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let mut name = vec![0; length(28) + length(30) + length(32)];
        from.read_exact(&mut name)?;
        name.truncate(length(28));
        if let Some(twice) = names.replace(name) {
            return Ok(Some(String::from_utf8_lossy(&twice).into_owned()));
        }
    }
    Ok(None)
}

fn read_item(file: ZipFile<'_, impl Read>, left: u64) -> Result<Item, String> {
    let name = file.name().map_err(|error| format!("It has a name that cannot be read: {error}."))?.into_owned();
    super::contents::check_name(&name)?;
    let kind = file.unix_mode().unwrap_or_default() & KIND;
    if let Some((_, what)) = SPECIAL.iter().find(|(special, _)| *special == kind) {
        return Err(format!("`{name}` in it is {what}, and a package has only files, folders and links. Zip it again without it."));
    }
    let mode = match file.unix_mode() {
        Some(mode) if mode & KIND == SYMLINK => SYMLINK | 0o777,
        Some(mode) if mode & 0o111 != 0 => 0o755,
        _ => 0o644,
    };
    // What a header says about the length may be a lie: count what really comes out.
    let item = Item::read(&name, mode, file.take(left + 1), &mut io::sink()).map_err(|error| damaged(&name, &error))?;
    if item.bytes > left { Err(super::contents::too_large()) } else { Ok(item) }
}

/// AWS documents no method of compression but those that every unzip knows
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-function-zip.html>).
fn damaged(name: &str, error: &io::Error) -> String {
    let why = error.to_string();
    match why.split_once("compression method not supported") {
        Some(_) => format!(
            "`{name}` in it is compressed in a way that few programs unpack, and that AWS does not promise to. Zip it again, with Deflate as its method."
        ),
        None => format!("`{name}` in it is damaged: {}. Make the zip again.", why.trim_end_matches('.')),
    }
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
    fn a_name_that_is_there_twice_is_refused() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["bootstrap", "bootstrbp"] {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(name.as_bytes()).unwrap();
        }
        let bytes = zip.finish().unwrap().into_inner();
        assert_eq!(read(Cursor::new(&bytes), 100).unwrap().len(), 2);
        let mut twice = bytes;
        let named: Vec<usize> = twice.windows(9).enumerate().filter(|(_, part)| part == b"bootstrbp").map(|(at, _)| at).collect();
        named.iter().for_each(|at| twice[at + 7] = b'a');
        assert!(read(Cursor::new(&twice), 100).unwrap_err().starts_with("`bootstrap` is in it twice"));
    }

    #[test]
    fn a_zip_that_unpacks_to_too_much_is_refused() {
        assert!(read(zip_with("a", 0o644, &[0; 11]), 10).unwrap_err().contains("262144000"));
        assert!(read(zip_with("a", 0o644, &[0; 10]), 10).is_ok());
    }

    #[test]
    fn what_cannot_be_unpacked_together_is_refused() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["a/b", "a"] {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
        }
        assert_eq!(read(zip.finish().unwrap(), 10).unwrap_err(), "`a` would be a file and, for `a/b`, also a folder in the package.");
        let long = format!("a/{}/b", "x".repeat(256));
        assert!(read(zip_with(&long, 0o644, b""), 10).unwrap_err().contains("no file system of Linux has names of more than 255 bytes"));
        let deep = |bytes: usize| zip_with(&format!("{}b", "a/".repeat(bytes / 2)), 0o644, b"");
        assert!(read(deep(4_085), 10).is_ok() && read(deep(4_087), 10).unwrap_err().contains("is a path of 4087 bytes"));
        assert!(read(zip_with(&long[1..].replacen('x', "", 1)[1..], 0o644, b""), 10).is_ok());
    }

    #[test]
    fn a_damaged_zip_is_told_as_such() {
        let mut bytes = zip_with("app.py", 0o644, &[b'a'; 100]).into_inner();
        let at = bytes.windows(4).position(|part| part == b"PK\x01\x02").unwrap() + 16;
        bytes[at] ^= 1;
        assert!(read(Cursor::new(bytes), 1000).unwrap_err().starts_with("`app.py` in it is damaged: "));
        let mut bytes = zip_with("app.py", 0o644, &[b'a'; 100]).into_inner();
        let at = bytes.windows(4).position(|part| part == b"PK\x01\x02").unwrap() + 10;
        (bytes[8], bytes[at]) = (14, 14);
        assert!(read(Cursor::new(bytes), 1000).unwrap_err().contains("with Deflate as its method"));
    }

    #[test]
    fn what_is_no_file_is_refused() {
        for (kind, what) in [(0o010_000, "a named pipe"), (0o020_000, "a device"), (0o060_000, "a device"), (0o140_000, "a socket")] {
            // The writer knows only files: the mode stands in the upper half of the attributes in the directory at the end.
            let mut bytes = zip_with("data", 0o644, b"").into_inner();
            let at = bytes.windows(4).position(|part| part == b"PK\x01\x02").unwrap() + 40;
            bytes[at..at + 2].copy_from_slice(&(kind as u16 | 0o644).to_le_bytes());
            assert!(read(Cursor::new(bytes), 10).unwrap_err().starts_with(&format!("`data` in it is {what}")), "{kind:o}");
        }
    }

    #[test]
    fn what_is_no_zip_is_refused() {
        assert!(read(Cursor::new(b"hello"), 10).unwrap_err().contains("not a zip"));
    }
}

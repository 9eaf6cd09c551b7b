//! Files that people name on the command line, which may be anything.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// No spec, plan, fault plan, token or payload is as large.
const MOST_BYTES: u64 = 64 << 20;

/// The whole file.
///
/// # Errors
/// What the system says, or that it is too large: some have no end.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    whole(File::open(path)?)
}

/// The same of a file that is a text.
///
/// # Errors
/// As [`read`], or that it is not UTF-8.
pub fn text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(io::Error::other)
}

/// All that comes.
///
/// # Errors
/// As [`read`].
pub fn whole(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("it has more than {} MiB", MOST_BYTES >> 20)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_not_read_for_ever() {
        assert_eq!(whole(&b"{}"[..]).unwrap(), b"{}");
        assert_eq!(whole(io::repeat(0)).unwrap_err().to_string(), "it has more than 64 MiB");
        assert_eq!(read(Path::new("/no/such/file")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}

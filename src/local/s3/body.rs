//! Bodies as SDKs send them: plain, or in chunks that are announced and may be signed, with checksums before or behind
//! them (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>).

use super::blobs::{Draft, refused};
use crate::local::error::ApiError;
use crate::local::stream::{Cut, fed};
use axum::body::Body;
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use flate2::Crc;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;

/// The largest object that one request can carry (S3 quotas).
const LARGEST_BYTES: u64 = 5 << 30;
/// A line between chunks is not longer than this.
const LONGEST_LINE: usize = 4096;

/// What came in.
pub struct Received {
    pub size_bytes: u64,
    /// In hex.
    pub sha256: String,
    /// The checksums that S3 answers with, by their headers.
    pub checksums: Vec<(&'static str, String)>,
}

/// Writes a request's content into a file as it comes in, and checks what is said of it.
pub async fn receive(headers: &HeaderMap, body: Body, draft: &Draft) -> Result<Received, ApiError> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let said = header("x-amz-content-sha256").unwrap_or_default();
    let is_chunked = said.starts_with("STREAMING-") || header("content-encoding").is_some_and(|coding| coding.contains("aws-chunked"));
    let content = Content { file: draft.file.try_clone().map_err(refused)?, size_bytes: 0, sha256: Sha256::new(), crc32: Crc::new() };
    let sink = (content, is_chunked.then(Chunks::default));
    let (sink, outcome) = fed(sink, body.into_data_stream(), |(content, chunks), bytes| match chunks {
        Some(chunks) => chunks.take(bytes, &mut |bytes| content.write(bytes)),
        None => content.write(bytes),
    })
    .await;
    outcome.map_err(|cut| match cut {
        Cut::BrokenOff(reason) => ApiError::new(400, "IncompleteBody", format!("The request broke off: {reason}")),
        Cut::Refused(error) => error,
        Cut::Lost(reason) => ApiError::internal(reason),
    })?;
    let (content, chunks) = sink.ok_or_else(|| ApiError::internal("The object is lost"))?;
    let is_cut = chunks.as_ref().is_some_and(|chunks| chunks.state != Chunked::Trailers);
    let trailers = chunks.map(|chunks| chunks.trailers).unwrap_or_default();
    if is_cut {
        return Err(ApiError::new(400, "IncompleteBody", "The request body terminated unexpectedly"));
    }
    let sum = |name: &str| header(name).or_else(|| trailers.get(name).cloned());
    let received = content.finish();
    for (name, ours) in &received.checksums {
        if sum(name).is_some_and(|theirs| theirs != *ours) {
            let message =
                format!("The {} you specified did not match the calculated checksum.", name.trim_start_matches("x-amz-checksum-"));
            return Err(ApiError::new(400, "BadDigest", message));
        }
    }
    if said.len() == 64 && said != received.sha256 {
        let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        return Err(ApiError::new(400, "XAmzContentSHA256Mismatch", message));
    }
    Ok(Received { checksums: received.checksums.into_iter().filter(|(name, _)| sum(name).is_some()).collect(), ..received })
}

struct Content {
    file: File,
    size_bytes: u64,
    sha256: Sha256,
    crc32: Crc,
}

impl Content {
    fn write(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        self.size_bytes += bytes.len() as u64;
        if self.size_bytes > LARGEST_BYTES {
            return Err(ApiError::new(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"));
        }
        self.sha256.update(bytes);
        self.crc32.update(bytes);
        self.file.write_all(bytes).map_err(refused)
    }

    fn finish(self) -> Received {
        let digest = self.sha256.finalize();
        let checksums =
            vec![("x-amz-checksum-crc32", BASE64.encode(self.crc32.sum().to_be_bytes())), ("x-amz-checksum-sha256", BASE64.encode(digest))];
        Received { size_bytes: self.size_bytes, sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(), checksums }
    }
}

/// Where in a chunked body the reader is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Chunked {
    /// At the line that announces a chunk.
    #[default]
    Size,
    /// In a chunk, with so many bytes to come.
    Data(u64),
    /// At the line break behind a chunk.
    End,
    /// Behind the last chunk.
    Trailers,
}

/// `SIZE;chunk-signature=…`, the chunk, and so on; a chunk of no bytes; then trailers like headers.
#[derive(Default)]
struct Chunks {
    state: Chunked,
    line: Vec<u8>,
    trailers: BTreeMap<String, String>,
}

impl Chunks {
    fn take(&mut self, mut bytes: &[u8], write: &mut dyn FnMut(&[u8]) -> Result<(), ApiError>) -> Result<(), ApiError> {
        while !bytes.is_empty() {
            if let Chunked::Data(left) = self.state {
                let length = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                write(&bytes[..length])?;
                bytes = &bytes[length..];
                let left = left - length as u64;
                self.state = if left == 0 { Chunked::End } else { Chunked::Data(left) };
                continue;
            }
            let byte = bytes[0];
            bytes = &bytes[1..];
            self.line.push(byte);
            if byte == b'\n' {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).trim().to_owned();
                self.line_ended(&line)?;
            } else if self.line.len() > LONGEST_LINE {
                return Err(malformed());
            }
        }
        Ok(())
    }

    fn line_ended(&mut self, line: &str) -> Result<(), ApiError> {
        self.state = match self.state {
            Chunked::Size => {
                let digits = line.split(';').next().unwrap_or_default();
                match u64::from_str_radix(digits, 16).map_err(|_| malformed())? {
                    0 => Chunked::Trailers,
                    length => Chunked::Data(length),
                }
            }
            Chunked::End => Chunked::Size,
            other => {
                let trailer = line.split_once(':').map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()));
                self.trailers.extend(trailer);
                other
            }
        };
        Ok(())
    }
}

fn malformed() -> ApiError {
    ApiError::new(400, "InvalidRequest", "The chunks of the request body cannot be told apart")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_told_from_what_stands_between_them_wherever_the_network_cuts() {
        let text = b"5;chunk-signature=aa\r\nhello\r\n7\r\n\r\nworld\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
        for size in [1, 3, text.len()] {
            let (mut chunks, mut content) = (Chunks::default(), Vec::new());
            for piece in text.chunks(size) {
                chunks
                    .take(piece, &mut |bytes| {
                        content.extend_from_slice(bytes);
                        Ok(())
                    })
                    .unwrap();
            }
            assert_eq!(String::from_utf8(content).unwrap(), "hello\r\nworld");
            assert_eq!((chunks.state, chunks.trailers["x-amz-checksum-crc32"].as_str()), (Chunked::Trailers, "AAAA"));
        }
        assert!(Chunks::default().take(b"zz\r\n", &mut |_| Ok(())).is_err());
    }
}

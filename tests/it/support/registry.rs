//! A registry's plain HTTP, one request at a time: what a test sends is what stands here.

use aws_sdk_ecr as ecr;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// The media type of an OCI manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// How a registry calls a content.
pub fn digest(content: &[u8]) -> String {
    let hex: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// That status, or the test ends.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, String::from_utf8_lossy(&self.body));
        self
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A registry, and who asks.
pub struct Registry {
    authority: String,
    authorization: String,
}

impl Registry {
    /// With the token that ECR gives.
    pub fn log_in(authority: &str, token: &ecr::types::AuthorizationData) -> Self {
        Self { authority: authority.to_owned(), authorization: format!("Basic {}", token.authorization_token().unwrap()) }
    }

    /// Without any; the header is whatever the test wants it to be.
    pub fn with(authority: &str, authorization: &str) -> Self {
        Self { authority: authority.to_owned(), authorization: authorization.to_owned() }
    }

    /// Sends a request, and of its body no more than `sent`, whatever its length says.
    pub fn cut(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8], sent: usize) -> TcpStream {
        let mut stream = TcpStream::connect(&self.authority).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n", self.authority, body.len());
        if !self.authorization.is_empty() {
            head += &format!("Authorization: {}\r\n", self.authorization);
        }
        head.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
        stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        // A server that has refused already reads no more.
        let _ = stream.write_all(&body[..sent]);
        stream
    }

    /// Sends a request, and gives the answer.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut stream = self.cut(method, path, headers, body, body.len());
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let _ = stream.shutdown(Shutdown::Both);
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
        Answer { status, head, body: bytes.get(end + 4..).unwrap_or_default().to_vec() }
    }

    /// Begins an upload; gives where it goes on.
    #[track_caller]
    pub fn begin(&self, repository: &str) -> String {
        let answer = self.ask("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"").expect(202);
        answer.header("location").unwrap().to_owned()
    }

    /// Uploads a layer in two pieces.
    #[track_caller]
    pub fn upload(&self, repository: &str, content: &[u8]) -> String {
        let (place, digest) = (self.begin(repository), digest(content));
        let (first, second) = content.split_at(content.len() / 2);
        let range = format!("0-{}", first.len().saturating_sub(1));
        self.ask("PATCH", &place, &[("content-range", &range)], first).expect(202);
        self.ask("PUT", &format!("{place}?digest={digest}"), &[], second).expect(201);
        digest
    }

    /// Pushes an image of these layers; gives its digest.
    #[track_caller]
    pub fn push(&self, repository: &str, tag: &str, configuration: &serde_json::Value, layers: &[Vec<u8>]) -> String {
        let described = |media_type: &str, content: &[u8]| {
            let digest = self.upload(repository, content);
            serde_json::json!({ "mediaType": media_type, "digest": digest, "size": content.len() })
        };
        let config = described("application/vnd.oci.image.config.v1+json", configuration.to_string().as_bytes());
        let layers: Vec<_> = layers.iter().map(|layer| described("application/vnd.oci.image.layer.v1.tar", layer)).collect();
        let manifest = serde_json::json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers }).to_string();
        let path = format!("/v2/{repository}/manifests/{tag}");
        let answer = self.ask("PUT", &path, &[("content-type", MANIFEST)], manifest.as_bytes()).expect(201);
        assert_eq!(answer.header("docker-content-digest"), Some(digest(manifest.as_bytes()).as_str()));
        digest(manifest.as_bytes())
    }
}

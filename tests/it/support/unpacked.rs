//! Images that others copy out of a registry, unpacked and started.

use super::engines::skopeo;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// What was copied out, with its layers laid over each other.
pub struct Unpacked {
    folder: TempDir,
    /// The image's manifest.
    pub manifest: Value,
    /// The image's configuration.
    pub config: Value,
}

impl Unpacked {
    /// Copies the image `AUTHORITY/REPOSITORY@DIGEST` out of a registry without TLS.
    pub fn copy(name: &str, credentials: Option<&str>) -> Self {
        let folder = TempDir::new().unwrap();
        let blobs = folder.path().join("blobs");
        let (from, to) = (format!("docker://{name}"), format!("dir:{}", blobs.display()));
        let mut arguments = vec!["copy", "--quiet", "--src-tls-verify=false"];
        arguments.extend(credentials.iter().flat_map(|credentials| ["--src-creds", credentials]));
        arguments.extend([from.as_str(), to.as_str()]);
        skopeo(&arguments);
        let json = |name: &str| serde_json::from_slice::<Value>(&fs::read(blobs.join(name)).unwrap()).unwrap();
        let manifest = json("manifest.json");
        let config = json(digest(&manifest["config"]));
        let root = folder.path().join("root");
        fs::create_dir(&root).unwrap();
        for layer in manifest["layers"].as_array().unwrap() {
            let file = File::open(blobs.join(digest(layer))).unwrap();
            tar::Archive::new(flate2::read::GzDecoder::new(file)).unpack(&root).unwrap();
        }
        Self { folder, manifest, config }
    }

    /// The image's root.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// What its program, which needs nothing around it, answers to an event.
    pub fn answer(&self, event: &str) -> String {
        let started = self.config["config"]["Entrypoint"][0].as_str().unwrap();
        answer(&self.root().join(started.trim_start_matches('/')), event)
    }
}

fn digest(descriptor: &Value) -> &str {
    descriptor["digest"].as_str().unwrap().trim_start_matches("sha256:")
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program with a Runtime API of the test's own, and gives what it answers to an event.
fn answer(program: &Path, event: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = Command::new(program);
    command.env_clear().env("AWS_LAMBDA_RUNTIME_API", listener.local_addr().unwrap().to_string());
    let running = Running(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        let (line, body) = request(&stream);
        let (status, header, content) = match line.split(' ').take(2).collect::<Vec<_>>()[..] {
            ["GET", path] if path.ends_with("/next") => {
                ("200 OK", "Lambda-Runtime-Aws-Request-Id: 1\r\nLambda-Runtime-Deadline-Ms: 99999999999999\r\n", event)
            }
            _ => ("202 Accepted", "", ""),
        };
        let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\n{header}");
        write!(stream, "{head}Content-Length: {}\r\n\r\n{content}", content.len()).unwrap();
        assert!(!line.contains("/error"), "{}: {body}", program.display());
        if line.contains("/1/response") {
            drop(running);
            return body;
        }
    }
}

/// The first line of a request, and its body.
fn request(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length, mut is_chunked) = (String::new(), 0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let lower = line.to_ascii_lowercase();
        match line.trim_end() {
            "" => break,
            head if first.is_empty() => first = head.to_owned(),
            _ => {}
        }
        length = lower.strip_prefix("content-length:").map_or(length, |text| text.trim().parse().unwrap());
        is_chunked |= lower.starts_with("transfer-encoding:");
    }
    assert!(!is_chunked, "{first}");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (first, String::from_utf8(body).unwrap())
}

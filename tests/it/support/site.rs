//! What a daemon serves, asked over plain HTTP.

use super::emulator::raw;
use super::sandbox::{Running, Sandbox};
use serde_json::Value;
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// The token of every daemon that [`Site::watch`] starts; every question brings it along.
const TOKEN: &str = "correct-horse-battery-staple";

/// The served part of a daemon.
pub struct Site {
    /// Where it listens, as `host:port`.
    pub authority: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP's status.
    pub status: u16,
    /// The first line and the headers.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Site {
    /// A port that is free now, for a daemon that is started with `--listen`.
    pub fn reserve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { authority: listener.local_addr().unwrap().to_string() }
    }

    /// Starts a daemon here that may be changed through its API.
    pub fn watch(&self, sandbox: &Sandbox, arguments: &[&str]) -> Running {
        sandbox.write("token", TOKEN);
        sandbox.start(&[&["daemon", "--listen", &self.authority, "--token-file", "token"], arguments].concat())
    }

    /// Asks, and waits for a daemon that is not there yet; a minute at most.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            self.authority,
            body.len()
        );
        let deadline = Instant::now() + Duration::from_secs(60);
        let bytes = loop {
            match raw(&self.authority, &request).filter(|bytes| !bytes.is_empty()) {
                Some(bytes) => break bytes,
                None => assert!(Instant::now() < deadline, "nobody answers at {}", self.authority),
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// What stands at an address of the API.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    /// Asks again and again until the answer is what is waited for; `limit` at most.
    #[track_caller]
    pub fn until(&self, path: &str, limit: Duration, is_so: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = Instant::now() + limit;
        loop {
            let answer = self.get(path);
            if is_so(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "waited at {path}: {} {}", answer.status, answer.body);
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

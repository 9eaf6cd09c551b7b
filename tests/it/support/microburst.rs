//! A proxy that others wrote, which lets calls fail in AWS's own forms. It stands before an emulator.

use super::emulator::{free_port, request};
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running microburst; it ends with this value.
pub struct Microburst {
    authority: String,
    child: Child,
    _folder: TempDir,
}

impl Microburst {
    /// Starts it before the emulator that answers at `upstream`, a `host:port`.
    pub fn start(upstream: &str) -> Self {
        (1..=3).find_map(|_| Self::attempt(upstream)).expect("microburst starts in one of three attempts")
    }

    fn attempt(upstream: &str) -> Option<Self> {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/microburst/bin/microburst");
        assert!(program.exists(), "{} is missing: run `scripts/test`, which installs it", program.display());
        let folder = TempDir::new().unwrap();
        let port = free_port().to_string();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--port", &port, "--no-resign", "--upstream"]).arg(format!("http://{upstream}"));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).current_dir(folder.path());
        let child = command.spawn().unwrap_or_else(|error| panic!("microburst cannot be started: {error}"));
        let mut started = Self { authority: format!("127.0.0.1:{port}"), child, _folder: folder };
        started.is_ready().then_some(started)
    }

    fn is_ready(&mut self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.child.try_wait().unwrap().is_none() {
            if request(&self.authority, "GET", "/_microburst/health", "").is_some_and(|answer| answer.contains(" 200 ")) {
                return true;
            }
            assert!(Instant::now() < deadline, "microburst did not answer within a minute");
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// Plays these rules from now on; the first one that matches a call decides.
    pub fn play(&self, rules: &Value) {
        let answer = request(&self.authority, "POST", "/_microburst/rules", &rules.to_string()).expect("microburst answers");
        assert!(answer.contains(" 200 ") || answer.contains(" 201 "), "{answer}");
    }

    /// How often each rule has hit so far.
    pub fn hits(&self) -> Vec<u64> {
        let answer = request(&self.authority, "GET", "/_microburst/rules", "").expect("microburst answers");
        let body = &answer[answer.find(['[', '{']).unwrap_or_else(|| panic!("no JSON: {answer}"))..];
        let answer: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        let rules = answer.as_array().or_else(|| answer["rules"].as_array()).unwrap_or_else(|| panic!("no rules: {answer}"));
        rules.iter().map(|rule| rule["fired_count"].as_u64().unwrap()).collect()
    }
}

impl Drop for Microburst {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

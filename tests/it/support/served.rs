//! A `lambdo local` in a project folder, as a person starts it.

use super::cloud::Cloud;
use super::process::signal;
use super::sandbox::{Output, Running, Sandbox};
use super::world::World;
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// It runs until it is ended, or killed.
pub struct Served {
    /// `127.0.0.1:PORT`.
    pub authority: String,
    running: Running,
}

/// Where a running cloud writes how it is found.
pub fn server_file(sandbox: &Sandbox) -> PathBuf {
    sandbox.path().join("state/local/cloud/server.json")
}

impl Served {
    /// Starts it on any free port, and waits until it answers.
    pub fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let words: Vec<&str> = ["local", "--port", "0"].iter().chain(arguments).copied().collect();
        let running = sandbox.start(&words);
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let written = std::fs::read(server_file(sandbox)).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
            // What a process that was killed wrote is none of this one's.
            if let Some(server) = written.filter(|server| server["pid"] == running.pid()) {
                let authority = server["endpoint_url"].as_str().unwrap().trim_start_matches("http://").to_owned();
                return Self { authority, running };
            }
            assert!(Instant::now() < deadline, "`lambdo local` does not start: {}", running.wait_at_most(Duration::ZERO));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Clients for it.
    pub fn connect(&self, world: &World) -> Cloud {
        world.connect_to(&self.authority)
    }

    /// Ctrl-C: it ends with 0, and does not wait for what runs.
    #[track_caller]
    pub fn end(self) -> Output {
        self.end_within(Duration::from_secs(10))
    }

    /// Ctrl-C: it ends with 0 within this time.
    #[track_caller]
    pub fn end_within(self, limit: Duration) -> Output {
        let asked = Instant::now();
        signal(self.pid(), "INT");
        let output = self.running.wait_at_most(Duration::from_secs(30)).expect(0);
        let took = asked.elapsed();
        assert!(took < limit, "it took {took:?} to end\n{output}");
        output
    }

    /// SIGKILL.
    pub fn kill(self) {
        signal(self.pid(), "KILL");
        assert_eq!(self.running.wait().signal, Some(9));
    }
}

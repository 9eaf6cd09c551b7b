//! One emulator process for one test: two that others wrote, and lambdo's own local cloud.

use super::process::signal;
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The account that both emulators are told to be.
pub const ACCOUNT: &str = "123456789012";
/// The region that all tests deploy to.
pub const REGION: &str = "eu-central-1";

/// Which emulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// lambdo's own, `lambdo local`.
    Local,
    /// Runs functions, is Pending before it is Active, accepts almost anything.
    Ministack,
    /// Stricter on roles and rules, runs nothing.
    Moto,
}

impl Backend {
    fn program(self) -> PathBuf {
        let (environment, program) = match self {
            Self::Local => return PathBuf::from(env!("CARGO_BIN_EXE_lambdo")),
            Self::Ministack => ("ministack", "ministack"),
            Self::Moto => ("moto", "moto_server"),
        };
        Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv").join(environment).join("bin").join(program)
    }

    fn command(self, port: u16, folder: &Path) -> Command {
        let mut command = Command::new(self.program());
        match self {
            Self::Local => {
                command.args(["local", "--port", &port.to_string(), "--account", ACCOUNT, "--state-dir"]).arg(folder.join("cloud"));
            }
            Self::Ministack => {
                // It writes its state when it is asked to end, and at no other time.
                command.env("PERSIST_STATE", "1").env("STATE_DIR", folder.join("ministack"));
                command.env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1");
                command.env("LOG_LEVEL", "WARNING").env("MINISTACK_ACCOUNT_ID", ACCOUNT);
            }
            Self::Moto => {
                // Without the variable moto does not know AWS's own managed policies.
                command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
            }
        }
        command
    }

    fn health(self) -> &'static str {
        match self {
            Self::Local => "/_lambdo/health",
            Self::Ministack => "/_ministack/health",
            Self::Moto => "/moto-api/data.json",
        }
    }

    /// The local cloud offers nobody on the network to forget everything: it is started anew.
    fn reset(self) -> Option<&'static str> {
        match self {
            Self::Local => None,
            Self::Ministack => Some("/_ministack/reset"),
            Self::Moto => Some("/moto-api/reset"),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Local => "local",
            Self::Ministack => "ministack",
            Self::Moto => "moto",
        })
    }
}

/// A running emulator; it ends with this value. It stays in the test's process group, so that a
/// test runner that kills the test kills it too.
pub struct Emulator {
    /// Which one.
    pub backend: Backend,
    /// `127.0.0.1:PORT`.
    pub authority: String,
    child: Mutex<Child>,
    folder: PathBuf,
    log: PathBuf,
}

impl Emulator {
    /// Starts one on a free port and waits until it answers.
    pub fn start(backend: Backend, folder: &Path) -> Self {
        let program = backend.program();
        assert!(program.exists(), "{} is missing: run `scripts/test`, which installs {backend} into .venv", program.display());
        (1..=3).find_map(|attempt| Self::attempt(backend, folder, attempt)).unwrap_or_else(|| panic!("{backend} did not start three times"))
    }

    /// Another process can take the free port before the emulator does; then the next attempt helps.
    fn attempt(backend: Backend, folder: &Path, attempt: u32) -> Option<Self> {
        let port = free_port();
        let log = folder.join(format!("{backend}-{attempt}.log"));
        let child = Mutex::new(spawned(backend, port, folder, &log));
        let emulator = Self { backend, authority: format!("127.0.0.1:{port}"), child, folder: folder.to_owned(), log };
        emulator.is_ready().then(|| emulator.configure())
    }

    fn is_ready(&self) -> bool {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if self.child().try_wait().unwrap().is_some() {
                eprintln!("{} ended by itself: {}", self.backend, std::fs::read_to_string(&self.log).unwrap_or_default());
                return false;
            }
            if request(&self.authority, "GET", self.backend.health(), "").is_some_and(|answer| answer.contains(" 200 ")) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{} did not answer within a minute: {}", self.backend, std::fs::read_to_string(&self.log).unwrap_or_default());
    }

    fn configure(self) -> Self {
        if self.backend == Backend::Moto {
            // Otherwise moto's Lambda looks for a container engine.
            request(&self.authority, "POST", "/moto-api/config", r#"{"lambda":{"use_docker":false}}"#)
                .expect("moto takes its configuration");
        }
        self
    }

    /// Forgets everything, as if it had just been started.
    pub fn reset(&self) {
        let Some(path) = self.backend.reset() else {
            self.kill();
            std::fs::remove_dir_all(self.folder.join("cloud")).unwrap();
            self.restart();
            return;
        };
        let answer = request(&self.authority, "POST", path, "").expect("the emulator answers its reset");
        assert!(answer.contains(" 200 "), "{answer}");
    }

    /// Ends the process at once, as SIGKILL does.
    pub fn kill(&self) {
        let mut child = self.child();
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Ends the process as SIGTERM does; it may keep what it has.
    pub fn stop(&self) {
        let mut child = self.child();
        signal(child.id(), "TERM");
        child.wait().unwrap();
    }

    /// Where it keeps what it has.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child().id()
    }

    /// Starts it again on the same port, with whatever it kept.
    pub fn restart(&self) {
        let port = self.authority.rsplit(':').next().unwrap().parse().unwrap();
        *self.child() = spawned(self.backend, port, &self.folder, &self.log);
        assert!(self.is_ready(), "{} does not start again", self.backend);
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn spawned(backend: Backend, port: u16, folder: &Path, log: &Path) -> Child {
    let output = File::options().create(true).append(true).open(log).unwrap();
    let mut command = backend.command(port, folder);
    command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output).current_dir(folder);
    for (key, value) in [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_DEFAULT_REGION", REGION)] {
        command.env(key, value);
    }
    command.env_remove("AWS_ENDPOINT_URL").env_remove("AWS_PROFILE").env("TMPDIR", folder);
    command.spawn().unwrap_or_else(|error| panic!("{backend} cannot be started: {error}"))
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on now; another process can take it any time.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The raw answer to a small HTTP request; `None` when nobody answers.
pub fn request(authority: &str, method: &str, path: &str, body: &str) -> Option<String> {
    let length = body.len();
    let text = format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    Some(String::from_utf8_lossy(&raw(authority, &text)?).into_owned())
}

/// Everything that comes back for these bytes until the connection is closed; `None` when nobody answers.
pub fn raw(authority: &str, request: &str) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(authority).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    Some(answer)
}

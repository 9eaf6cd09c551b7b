//! A project folder and the real lambdo in it.

use super::emulator::REGION;
use super::proxy::Proxy;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A project folder of its own, removed at the end.
pub struct Sandbox {
    folder: TempDir,
    proxy: Arc<Proxy>,
    variables: Vec<(String, String)>,
}

/// How a lambdo ended.
#[derive(Debug)]
pub struct Output {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    command: String,
}

/// A lambdo that is still at it.
pub struct Running {
    child: Child,
    proxy: Arc<Proxy>,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
    command: String,
}

impl Sandbox {
    /// A folder with this `config.toml` and a program called `bootstrap`.
    pub fn new(proxy: Arc<Proxy>, spec: &str) -> Self {
        let sandbox = Self { folder: TempDir::new().unwrap(), proxy, variables: Vec::new() };
        sandbox.write("config.toml", spec);
        sandbox.program("first");
        sandbox
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the state file of the project `demo` is.
    pub fn state_file(&self) -> PathBuf {
        self.path().join("state").join("demo.json")
    }

    /// The files of the state in which this text stands.
    pub fn holding(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.path().join("state")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                match std::fs::read(&path) {
                    _ if path.is_dir() => folders.push(path),
                    Ok(bytes) if String::from_utf8_lossy(&bytes).contains(text) => found.push(path.display().to_string()),
                    _ => {}
                }
            }
        }
        found
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Writes another spec.
    pub fn spec(&self, text: &str) {
        self.write("config.toml", text);
    }

    /// Replaces a piece of the spec that must be there.
    pub fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path().join("config.toml")).unwrap();
        assert!(text.contains(from), "the spec has no `{from}`:\n{text}");
        self.spec(&text.replace(from, to));
    }

    /// Writes the functions' program; another `mark` makes another program.
    pub fn program(&self, mark: &str) {
        self.executable("bootstrap", &format!("#!/bin/sh\necho {mark}\n"));
    }

    /// Writes a file that can be started.
    pub fn executable(&self, name: &str, text: &str) {
        self.write(name, text);
        std::fs::set_permissions(self.path().join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Sets a variable for each lambdo from now on.
    pub fn variable(&mut self, key: &str, value: &str) {
        self.variables.push((key.to_owned(), value.to_owned()));
    }

    /// Runs lambdo to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.start(arguments).wait()
    }

    /// Runs lambdo and asks for this exit code.
    #[track_caller]
    pub fn expect(&self, code: i32, arguments: &[&str]) -> Output {
        self.run(arguments).expect(code)
    }

    /// Runs lambdo where no file may become longer than so many blocks of 512 bytes: what is longer is refused in the
    /// middle of a write, as by a full disk.
    pub fn run_with_short_files(&self, blocks: usize, arguments: &[&str]) -> Output {
        self.start_with_short_files(blocks, arguments).wait()
    }

    /// The same without waiting for its end.
    pub fn start_with_short_files(&self, blocks: usize, arguments: &[&str]) -> Running {
        self.start_after(&format!("trap '' XFSZ; ulimit -f {blocks}"), arguments)
    }

    /// Starts lambdo in the place of a shell that has done this before.
    pub fn start_after(&self, shell: &str, arguments: &[&str]) -> Running {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{shell}; exec \"$0\" \"$@\"")).arg(env!("CARGO_BIN_EXE_lambdo"));
        self.start_command(command, arguments)
    }

    /// Runs lambdo at a terminal, does `meanwhile` once it asks, and then says yes.
    #[cfg(target_os = "linux")]
    pub fn agree(&self, arguments: &[&str], meanwhile: impl FnOnce()) -> Output {
        let (shown, answer) = (self.path().join("shown"), self.path().join("answer"));
        let mut command = Command::new("sh");
        let at_a_terminal = "(until [ -e answer ]; do sleep 0.02; done; cat answer) | COLUMNS=160 script -qefc \"$0 $*\" shown";
        command.args(["-c", at_a_terminal, env!("CARGO_BIN_EXE_lambdo")]);
        let running = self.start_command(command, arguments);
        let deadline = Instant::now() + Duration::from_secs(60);
        while !std::fs::read_to_string(&shown).unwrap_or_default().contains("[y/N]") && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        meanwhile();
        std::fs::write(&answer, "y\n").unwrap();
        let output = running.wait();
        [shown, answer].iter().for_each(|file| std::fs::remove_file(file).unwrap());
        output
    }

    /// Starts lambdo as somebody whom the modes of files hold back, as they do everybody but root.
    #[cfg(target_os = "linux")]
    pub fn start_without_rights(&self, arguments: &[&str]) -> Running {
        let is_root = std::fs::metadata(self.path()).is_ok_and(|folder| std::os::unix::fs::MetadataExt::uid(&folder) == 0);
        if !is_root {
            return self.start(arguments);
        }
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-dac_override,-dac_read_search", "--", env!("CARGO_BIN_EXE_lambdo")]);
        self.start_command(command, arguments)
    }

    /// Starts lambdo where the state lies on a disk that can only be read.
    #[cfg(target_os = "linux")]
    pub fn start_on_a_read_only_disk(&self, arguments: &[&str]) -> Running {
        let mut command = Command::new("unshare");
        let mount = "mount --bind state state && mount -o remount,ro,bind state state && exec \"$0\" \"$@\"";
        command.args(["-Urm", "sh", "-c", mount, env!("CARGO_BIN_EXE_lambdo")]);
        self.start_command(command, arguments)
    }

    /// Runs lambdo with limits of the system, as `prlimit` takes them.
    #[cfg(target_os = "linux")]
    pub fn run_with_limits(&self, limits: &[&str], arguments: &[&str]) -> Output {
        let mut command = Command::new("prlimit");
        command.args(limits).args(["--core=0", "--", env!("CARGO_BIN_EXE_lambdo")]);
        self.start_command(command, arguments).wait()
    }

    /// Starts lambdo; the proxy's signals go to it.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_command(Command::new(env!("CARGO_BIN_EXE_lambdo")), arguments)
    }

    fn start_command(&self, mut command: Command, arguments: &[&str]) -> Running {
        command.args(arguments).current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.path()).env("TMPDIR", std::env::temp_dir());
        let clean = [
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_REGION", REGION),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("LAMBDO_ENDPOINT_URL", &self.proxy.url),
            ("NO_COLOR", "1"),
        ];
        command.envs(clean).envs(self.variables.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("lambdo cannot be started: {error}"));
        self.proxy.watch(Some(child.id()));
        let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
        Running { child, proxy: Arc::clone(&self.proxy), stdout, stderr, command: arguments.join(" ") }
    }
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

impl Running {
    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end, three minutes at most.
    pub fn wait(self) -> Output {
        self.wait_at_most(Duration::from_secs(180))
    }

    /// Waits for its end, and ends it with the test when that does not come.
    pub fn wait_at_most(mut self, limit: Duration) -> Output {
        let deadline = Instant::now() + limit;
        let mut status = self.child.try_wait().unwrap();
        while status.is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
            status = self.child.try_wait().unwrap();
        }
        self.proxy.watch(None);
        if status.is_none() {
            self.child.kill().unwrap();
        }
        let output = self.output(status.unwrap_or_default());
        assert!(status.is_some(), "lambdo did not end within {limit:?}\n{output}");
        output
    }

    fn output(self, status: ExitStatus) -> Output {
        let (stdout, stderr) = (self.stdout.join().unwrap(), self.stderr.join().unwrap());
        Output { code: status.code(), signal: status.signal(), stdout, stderr, command: self.command }
    }
}

impl Output {
    /// Asks for this exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert!(self.code == Some(code), "expected exit code {code}\n{self}");
        self
    }

    /// Asks for this text in stdout or stderr.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text) || self.stderr.contains(text), "expected to read `{text}`\n{self}");
        self
    }

    /// The one JSON document on stdout.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        let json = serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("stdout is not one JSON document: {error}\n{self}"));
        let json: serde_json::Value = json;
        assert_eq!(json["version"], 1, "{self}");
        json
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { code, signal, stdout, stderr, command } = self;
        write!(formatter, "`lambdo {command}` ended with code {code:?}, signal {signal:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

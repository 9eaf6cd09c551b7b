//! The process of an environment: its start, its end, and the death of everything that it started.

use super::home::Home;
use super::image::Running;
use super::sandbox::{Room, Sandbox};
use super::usage;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::PipeReader;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::process::Child;

/// How many files a function may have open
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const OPEN_FILES: u32 = 1024;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

impl Exit {
    /// By SIGKILL.
    pub const KILLED: Self = Self::Signal(9);

    /// A shell that waited for the process tells of a signal by 128 and its number.
    fn of(status: ExitStatus, is_wrapped: bool) -> Self {
        match (status.code(), status.signal()) {
            (Some(code @ 129..=159), _) if is_wrapped => Self::Signal(code - 128),
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or(9)),
        }
    }

    /// In Lambda's words, which are Go's.
    pub fn reason(self) -> String {
        match self {
            Self::Code(0) => "Runtime exited without providing a reason".into(),
            Self::Code(code) => format!("Runtime exited with error: exit status {code}"),
            Self::Signal(signal) => format!("Runtime exited with error: signal: {}", signal_name(signal)),
        }
    }
}

fn signal_name(signal: i32) -> String {
    let known = [
        (1, "hangup"),
        (2, "interrupt"),
        (3, "quit"),
        (4, "illegal instruction"),
        (5, "trace/breakpoint trap"),
        (6, "aborted"),
        (7, "bus error"),
        (8, "floating point exception"),
        (9, "killed"),
        (11, "segmentation fault"),
        (13, "broken pipe"),
        (14, "alarm clock"),
        (15, "terminated"),
    ];
    let name = known.iter().find(|(number, _)| *number == signal);
    name.map_or_else(|| format!("signal {signal}"), |(_, name)| (*name).to_owned())
}

/// What is started, as the process itself sees it.
pub struct Program {
    pub path: PathBuf,
    pub arguments: Vec<String>,
    pub working_folder: PathBuf,
    pub variables: BTreeMap<String, String>,
}

/// A process that dies, with all that it started, when this is dropped.
pub struct Process {
    child: Child,
    group: u32,
    home: Arc<Home>,
    sandbox: Sandbox,
    /// The container that it waits for, where an engine runs it.
    container: Option<Running>,
    temporary_folder: PathBuf,
    has_ended: bool,
}

impl Process {
    /// Starts a program. The second part is the end of the pipe that both of its outputs go to, so that
    /// their order is kept.
    pub fn start(home: &Arc<Home>, sandbox: Sandbox, room: &Room<'_>, program: &Program) -> std::io::Result<(Self, PipeReader)> {
        let (reader, writer) = std::io::pipe()?;
        let temporary_folder = room.temporary_folder.to_owned();
        if let Some(container) = room.container {
            let (mut command, running) = container.begin(home, room, program)?;
            command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).kill_on_drop(true);
            let child = command.spawn()?;
            let group = child.id().unwrap_or_default();
            home.watch(group);
            let home = Arc::clone(home);
            return Ok((Self { child, group, home, sandbox, container: Some(running), temporary_folder, has_ended: false }, reader));
        }
        let mut command = sandbox.command(home, room);
        command.stdin(Stdio::piped()).stdout(writer).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let group = child.id().unwrap_or_default();
        home.watch(group);
        let script = script(sandbox, room, program);
        if let Some(mut stdin) = child.stdin.take() {
            // It starts nothing before it has read this: a cloud that dies in between leaves nothing.
            tokio::spawn(async move { stdin.write_all(script.as_bytes()).await });
        }
        Ok((Self { child, group, home: Arc::clone(home), sandbox, container: None, temporary_folder, has_ended: false }, reader))
    }

    /// The process that was started, a wrapper where there are namespaces.
    pub fn id(&self) -> u32 {
        self.group
    }

    pub fn sandbox(&self) -> Sandbox {
        self.sandbox
    }

    /// Returns when the process has ended; what it left behind is killed by then.
    pub async fn wait(&mut self) -> Exit {
        let status = self.child.wait().await;
        self.kill();
        // From now on the number may belong to somebody else.
        self.has_ended = true;
        let is_wrapped = self.sandbox.is_private() || self.container.is_some();
        status.map_or(Exit::KILLED, |status| Exit::of(status, is_wrapped))
    }

    /// Kills the process and all that it started; nothing of it can be ignored.
    pub fn kill(&mut self) {
        if self.has_ended {
            return;
        }
        if let Some(container) = &mut self.container {
            // Who waits for it ends with it.
            container.remove();
            return;
        }
        // The kernel ends a PID namespace before it lets go of its first process, and `unshare` waits for
        // that one: when `unshare` has ended, nothing is left.
        let first = if self.sandbox.is_private() { usage::children(self.group) } else { Vec::new() };
        if first.is_empty() {
            self.kill_group();
        }
        for process in first.into_iter().filter_map(pid) {
            // It may be gone already.
            let _ = kill_process(process, Signal::KILL);
        }
        if !self.sandbox.is_private() {
            kill_strays(&self.temporary_folder);
        }
    }

    fn kill_group(&self) {
        if let Some(group) = pid(self.group)
            && !self.has_ended
        {
            // It may be gone already.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        self.kill_group();
        self.home.forget(self.group);
    }
}

fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}

/// Kills what left the process group: it still has its temporary folder's name among its variables. Only
/// Linux tells them.
fn kill_strays(temporary_folder: &Path) {
    let mark = temporary_folder.as_os_str().as_encoded_bytes();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if environ.windows(mark.len()).any(|window| window == mark) {
            // It may be gone already.
            let _ = kill_process(id, Signal::KILL);
        }
    }
}

/// What the shell in the sandbox does: it takes the variables, which appear in no process's arguments,
/// and becomes the program. Its own variables are taken away again.
fn script(sandbox: Sandbox, room: &Room<'_>, program: &Program) -> String {
    let mut script = format!("exec 2>&1\nulimit -Sn {OPEN_FILES} 2>/dev/null\n");
    if room.is_image {
        // The image's variables tell where its own programs are.
        script += "unshare=$(command -v unshare)\n";
    }
    script += "unset PATH\n";
    for (name, value) in program.variables.iter().filter(|(name, _)| is_name(name)) {
        // Writing to a string cannot fail.
        let _ = writeln!(script, "export {name}={}", quoted(value));
    }
    if !sandbox.is_private() {
        // A file that outgrows the limit is an error for who writes it, and not its death.
        let blocks = u64::from(room.storage_mb) * 2048;
        let _ = writeln!(script, "trap '' XFSZ\nulimit -f {blocks}");
    }
    if !room.is_image {
        let _ = writeln!(script, "cd {} || exit 1", quoted(&program.working_folder.display().to_string()));
    }
    script += "exec /usr/bin/env";
    for own in ["PWD", "OLDPWD", "SHLVL", "_"] {
        if !program.variables.contains_key(own) {
            script += &format!(" -u {own}");
        }
    }
    if room.is_image {
        script += " \"$unshare\"";
        for word in sandbox.into_image(room.code, &program.working_folder) {
            script += &format!(" {}", quoted(&word));
        }
    }
    let words = std::iter::once(program.path.display().to_string()).chain(program.arguments.iter().cloned());
    for word in words {
        script += &format!(" {}", quoted(&word));
    }
    script + " </dev/null\n"
}

/// What Lambda and shells allow as the name of a variable.
fn is_name(name: &str) -> bool {
    let is_word = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_word && name.starts_with(|first: char| !first.is_ascii_digit())
}

/// Text as a word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_in_lambdas_words() {
        for (status, reason) in [
            (0, "Runtime exited without providing a reason"),
            (1 << 8, "Runtime exited with error: exit status 1"),
            (139 << 8, "Runtime exited with error: signal: segmentation fault"),
            (255 << 8, "Runtime exited with error: exit status 255"),
            (9, "Runtime exited with error: signal: killed"),
            (12, "Runtime exited with error: signal: signal 12"),
        ] {
            assert_eq!(Exit::of(ExitStatus::from_raw(status), true).reason(), reason);
        }
    }
}

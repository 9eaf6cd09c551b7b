//! Signals to a process that a test started.

use std::process::Command;
use std::time::{Duration, Instant};

/// Sends `KILL`, `INT`, … to one process. The shell's own `kill` is there on every machine.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).stderr(std::process::Stdio::null()).status();
    assert!(status.is_ok(), "the shell cannot be started");
}

/// What a function's processes are told in their environment or on their command line, and no other process is: the
/// command lines of those that have it. Only Linux tells.
pub fn marked(mark: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let is_process = entry.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok());
        let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
        let (environment, words) = (read("environ"), read("cmdline"));
        let has = |bytes: &[u8]| bytes.windows(mark.len()).any(|window| window == mark.as_bytes());
        if is_process && (has(&environment) || has(&words)) {
            found.push(format!("{} {}", entry.file_name().display(), String::from_utf8_lossy(&words).replace('\0', " ")));
        }
    }
    found
}

/// Waits until no process has the mark.
#[track_caller]
pub fn until_no_process_has(mark: &str, patience: Duration) {
    let deadline = Instant::now() + patience;
    while !marked(mark).is_empty() {
        assert!(Instant::now() < deadline, "these processes stay: {:#?}", marked(mark));
        std::thread::sleep(Duration::from_millis(20));
    }
}

//! Signals to a process that a test started.

use std::process::Command;

/// Sends `KILL`, `INT`, … to one process. The shell's own `kill` is there on every machine.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).stderr(std::process::Stdio::null()).status();
    assert!(status.is_ok(), "the shell cannot be started");
}

//! The `lambdo` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    share_memory();
    let invocation = match lambdo::cli::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(exit) => return ExitCode::from(exit.code()),
    };
    let exit = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let exit = runtime.block_on(lambdo::cli::main(invocation));
            // A thread that still waits for an answer on stdin must not hold up the end.
            runtime.shutdown_background();
            exit
        }
        Err(error) => lambdo::cli::without_runtime(&invocation, &error),
    };
    ExitCode::from(exit.code())
}

/// Lets all threads share one arena: glibc's own for each thread keep what was freed, up to half of the memory of a run.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
fn share_memory() {
    // SAFETY: it sets one number of the allocator, and no other thread has been started yet.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn share_memory() {}

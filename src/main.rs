//! The `lambdo` program.

use std::process::ExitCode;

fn main() -> ExitCode {
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

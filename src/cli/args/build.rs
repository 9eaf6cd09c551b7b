//! What `build` takes.

use clap::Args;
use std::path::PathBuf;

/// What `build` takes.
#[derive(Args, Clone, Debug)]
pub struct BuildArguments {
    /// Functions to build, as names or globs [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Go on when a build fails, and report all that do
    #[arg(short, long)]
    pub keep_going: bool,
    /// Build nothing: say whether FILE, a program, a zip or a folder, will start on Lambda; exit with 1 if not
    #[arg(long, value_name = "FILE")]
    pub check: Option<PathBuf>,
    /// The runtime that FILE is for [default: that of the function NAME, or provided.al2023]
    #[arg(long, value_name = "RUNTIME", requires = "check")]
    pub runtime: Option<String>,
    /// The processor that FILE is for, arm64 or x86_64 [default: that of the function NAME, or x86_64]
    #[arg(long, alias = "architectures", value_name = "ARCHITECTURE", requires = "check", value_parser = architecture)]
    pub architecture: Option<String>,
    /// The handler in FILE [default: that of the function NAME]
    #[arg(long, value_name = "HANDLER", requires = "check")]
    pub handler: Option<String>,
}

/// Lambda's names of processors are not everybody's.
fn architecture(given: &str) -> Result<String, String> {
    match given.to_lowercase().as_str() {
        "arm64" | "x86_64" => Ok(given.to_lowercase()),
        "amd64" | "x64" | "x86-64" | "intel" => Err("Lambda calls it `x86_64`".to_owned()),
        "aarch64" | "armv8" | "graviton" => Err("Lambda calls it `arm64`".to_owned()),
        _ => Err("it takes `arm64` or `x86_64`".to_owned()),
    }
}

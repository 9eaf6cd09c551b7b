//! What others wrote, on the local cloud: boto3, the AWS CLI and Terraform say whether it is AWS to them.
//!
//! The cases stand in `tests/clients`, in Python, since the clients are Python packages.

use crate::support::emulator::{Backend, Emulator};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Where lambdo names the operations that it calls: each must have gone through at least once.
const OPERATIONS: [&str; 3] = ["src/aws/reader.rs", "src/aws/writer.rs", "src/aws/secrets.rs"];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a program against a fresh local cloud; its endpoint is the last argument before `more`.
#[track_caller]
fn against_local_cloud(program: &Path, arguments: &[&str], more: &[PathBuf]) -> Output {
    let folder = TempDir::new().unwrap();
    let cloud = Emulator::start(Backend::Local, folder.path());
    let mut command = Command::new(program);
    command.args(arguments).arg(format!("http://{}", cloud.authority)).args(more);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("TMPDIR", folder.path()).env_remove("AWS_PROFILE");
    command.output().unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()))
}

#[track_caller]
fn passes(output: &Output) {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    print!("{stdout}");
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
}

fn python_client(client: &str) -> Output {
    let python = repository().join(".venv/clients/bin/python");
    assert!(python.exists(), "{} is missing: run `scripts/test`, which installs the clients into .venv", python.display());
    let main = repository().join("tests/clients/main.py");
    let sources = OPERATIONS.map(|source| repository().join(source));
    against_local_cloud(&python, &[&main.to_string_lossy(), client], &sources)
}

#[test]
fn boto3_gets_what_aws_gives_and_is_refused_what_aws_refuses() {
    passes(&python_client("boto3"));
}

#[test]
fn the_aws_cli_works_as_a_person_types_it() {
    passes(&python_client("cli"));
}

/// Where Terraform or its provider is not installed, the script says so and nothing is tested.
#[test]
fn terraform_applies_plans_empty_and_destroys() {
    passes(&against_local_cloud(&repository().join("scripts/terraform-on-local"), &[], &[]));
}

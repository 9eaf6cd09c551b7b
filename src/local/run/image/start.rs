//! How an image is started: which program, and what would keep it from starting.

use crate::local::run::deployment::{Deployment, ImageCode, Refusal};
use crate::local::run::entrypoint;
use crate::local::run::inside::resolve;
use crate::local::run::runtime::Launch;
use crate::local::run::sandbox::Sandbox;
use std::path::{Path, PathBuf};

/// What containers have as their search path when an image names none.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How the deployment's image is started.
///
/// # Errors
/// Where the machine cannot give a process a root of its own.
pub fn launch(deployment: &Deployment, image: &ImageCode, root: &Path, sandbox: Sandbox) -> Result<Launch, Refusal> {
    if !sandbox.is_private() {
        return Err(Refusal::CannotRun { code: "InvalidRuntimeException", message: impossible() });
    }
    let (program, arguments) = match image.command.split_first() {
        Some((program, arguments)) => (PathBuf::from(program), arguments.to_vec()),
        None => (PathBuf::new(), Vec::new()),
    };
    let problem = problem(deployment, image, root, &program);
    let launch = Launch { program, arguments, is_managed: false, as_owner: false, needs: Vec::new(), notes: Vec::new(), problem };
    Ok(launch)
}

fn impossible() -> String {
    let way = if cfg!(target_os = "linux") {
        "run the cloud as root, or let users have user namespaces (`sysctl kernel.unprivileged_userns_clone=1`), \
         and see that `unshare` and `setpriv` of util-linux are there"
    } else {
        "run the cloud on Linux, or in a virtual machine with Linux"
    };
    format!(
        "the local cloud runs container images in Linux namespaces, and none can be had here; {way}; or deploy the function to AWS to run it"
    )
}

/// In Lambda's words, which are Go's.
fn problem(deployment: &Deployment, image: &ImageCode, root: &Path, program: &Path) -> Option<String> {
    if program.as_os_str().is_empty() {
        return Some("the image has neither an entry point nor a command".to_owned());
    }
    let working = resolve(root, Path::new(&image.working_folder));
    if !working.as_ref().is_ok_and(|folder| folder.is_dir()) {
        return Some(format!("chdir {}: no such file or directory", image.working_folder));
    }
    let failed = |reason: &str| Some(format!("fork/exec {}: {reason}", program.display()));
    if image.is_foreign {
        return failed("exec format error");
    }
    let path = deployment.environment.get("PATH").or_else(|| image.environment.get("PATH")).map_or(SEARCH_PATH, String::as_str);
    let Some(place) = found(root, image, program, path) else { return failed("no such file or directory") };
    entrypoint::problem_inside(root, &place).and_then(failed)
}

/// Where the program lies on this machine.
fn found(root: &Path, image: &ImageCode, program: &Path, search_path: &str) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = match program.components().count() {
        _ if program.is_absolute() => vec!["/".into()],
        1 => search_path.split(':').map(PathBuf::from).collect(),
        _ => vec![image.working_folder.clone().into()],
    };
    folders.iter().find_map(|folder| resolve(root, &folder.join(program)).ok().filter(|place| place.exists()))
}

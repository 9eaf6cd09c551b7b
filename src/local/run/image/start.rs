//! How an image is started: which program, by whom, and what would keep it from starting.

use super::Container;
use crate::local::run::deployment::{Deployment, ImageCode};
use crate::local::run::entrypoint;
use crate::local::run::inside::resolve;
use crate::local::run::runtime::Launch;
use std::path::{Path, PathBuf};

/// What containers have as their search path when an image names none.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How the deployment's image is started, by an engine where one is given.
pub fn launch(deployment: &Deployment, image: &ImageCode, root: &Path, container: Option<Container>) -> Launch {
    let (program, arguments) = match image.command.split_first() {
        Some((program, arguments)) => (PathBuf::from(program), arguments.to_vec()),
        None => (PathBuf::new(), Vec::new()),
    };
    let (problem, notes) = (problem(deployment, image, root, &program), container.iter().map(Container::note).collect());
    Launch { program, arguments, is_managed: false, as_owner: false, needs: Vec::new(), notes, problem, container }
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

//! What a runtime's identifier starts on this machine.

use super::deployment::{Deployment, Refusal};
use super::emulator::Emulator;
use super::image::Container;
use super::inside::resolve;
use super::sandbox::{Sandbox, as_function, is_root};
use super::{emulator, entrypoint};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::process::Command;

const LARGEST_DESCRIPTION_BYTES: u64 = 1024 * 1024;

/// Interpreters answer what they are within this.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a function's process is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// As the process sees it.
    pub program: PathBuf,
    pub arguments: Vec<String>,
    /// Whether the runtime is one of AWS's own and not `provided`.
    pub is_managed: bool,
    /// Whether only the cloud's own user can run it.
    pub as_owner: bool,
    /// Folders that it needs beside the package.
    pub needs: Vec<PathBuf>,
    /// Said in the log at each cold start.
    pub notes: Vec<String>,
    /// What the kernel would say to it, in the words of Lambda; it is not started then.
    pub problem: Option<String>,
    /// What runs it where the machine itself cannot.
    pub container: Option<Container>,
}

/// Finds what runtimes start, and remembers it.
#[derive(Default)]
pub struct Runtimes {
    search_path: String,
    /// By runtime and package; what was not found is looked for again.
    found: Mutex<BTreeMap<(String, String), Launch>>,
}

impl Runtimes {
    pub fn new(search_path: String) -> Self {
        Self { search_path, found: Mutex::default() }
    }

    /// How the deployment is started, or why it cannot be.
    pub async fn launch(&self, deployment: &Deployment, code: &Path, sandbox: Sandbox) -> Result<Launch, Refusal> {
        let runtime = deployment.runtime.as_str();
        if runtime.starts_with("provided") {
            return Ok(bootstrap(code, &sandbox.task_root(code), &self.search_path));
        }
        let key = (deployment.runtime.clone(), deployment.code_sha256.clone());
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let mut launch = match known {
            Some(launch) => launch,
            None => self.managed(runtime, code, sandbox).await?,
        };
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(key, launch.clone());
        launch.arguments.push(deployment.handler.clone());
        Ok(launch)
    }

    async fn managed(&self, runtime: &str, code: &Path, sandbox: Sandbox) -> Result<Launch, Refusal> {
        let root = sandbox.task_root(code);
        if let Some(version) = runtime.strip_prefix("python") {
            self.python(version, code).await
        } else if let Some(major) = runtime.strip_prefix("nodejs").and_then(|version| version.strip_suffix(".x")) {
            self.node(major.parse().unwrap_or(0), code, &root).await
        } else {
            Err(refusal(format!(
                "the local cloud runs `provided.*`, `python3.*` and `nodejs*.x`, and not `{runtime}`; deploy the function to AWS to run it"
            )))
        }
    }

    /// The interpreter of the runtime's version, else whichever there is; with AWS's runtime client where it has that.
    async fn python(&self, version: &str, code: &Path) -> Result<Launch, Refusal> {
        let mut chosen: Option<(bool, Launch)> = None;
        for candidate in self.candidates(&[&format!("python{version}"), "python3", "python"]) {
            let Some((answer, as_owner)) = ask(&candidate, &["-c", PYTHON_QUESTION, &code.display().to_string()]).await else { continue };
            let [found, executable, client, needs @ ..] = answer.as_slice() else { continue };
            let (is_exact, has_client) = (found == version, client == "True");
            if chosen.is_none() || is_exact {
                let is_better = chosen.as_ref().is_none_or(|(is_exact, _)| !is_exact) || has_client;
                let launch = python_launch(Path::new(executable), (version, found), has_client, as_owner, needs, code);
                chosen = if is_better { Some((is_exact, launch)) } else { chosen };
            }
            if is_exact && has_client {
                break;
            }
        }
        chosen.map(|(_, launch)| launch).ok_or_else(|| {
            refusal(format!(
                "`python{version}` needs Python, and neither `python{version}` nor `python3` is on the PATH; \
                 install it (`pyenv install {version}`, or the system's package `python{version}`)"
            ))
        })
    }

    /// The first Node.js that is new enough, else the newest there is.
    async fn node(&self, wanted: u32, code: &Path, root: &Path) -> Result<Launch, Refusal> {
        let mut chosen: Option<(u32, Launch)> = None;
        for candidate in self.candidates(&["node", "nodejs"]) {
            let Some((answer, as_owner)) = ask(&candidate, &["-e", NODE_QUESTION]).await else { continue };
            let [version, executable] = answer.as_slice() else { continue };
            let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
            if chosen.as_ref().is_some_and(|(newest, _)| *newest >= major.min(wanted)) {
                continue;
            }
            let mut launch = node_launch(Path::new(executable), code, root, as_owner);
            launch.notes.extend((major != wanted).then(|| format!("`nodejs{wanted}.x` runs on Node.js {version} here\n")));
            chosen = Some((major, launch));
        }
        chosen.map(|(_, launch)| launch).ok_or_else(|| {
            refusal(format!("`nodejs{wanted}.x` needs Node.js on the PATH, and none is; install it (`nvm install {wanted}`)"))
        })
    }

    /// The programs of these names on the search path, by name first.
    fn candidates(&self, names: &[&str]) -> Vec<PathBuf> {
        let folders = self.search_path.split(':').chain(["/usr/local/bin", "/usr/bin"]).filter(|folder| folder.starts_with('/'));
        let folders: Vec<&str> = folders.collect();
        let mut found: Vec<PathBuf> = Vec::new();
        for path in names.iter().flat_map(|name| folders.iter().map(move |folder| Path::new(folder).join(name))) {
            if path.is_file() && !found.contains(&path) {
                found.push(path);
            }
        }
        found
    }
}

/// What stands in for AWS's runtime clients where those are not installed.
const PYTHON_CLIENT: &str = include_str!("clients/python.py");
const NODE_CLIENT: &str = include_str!("clients/node.js");

const PYTHON_QUESTION: &str = "import sys, importlib.util as u
sys.path.insert(0, sys.argv[1])
client = u.find_spec('awslambdaric')
needs = [sys.prefix, sys.base_prefix] + [folder for folder in sys.path[2:] if folder]
print('%d.%d' % sys.version_info[:2], sys.executable, client is not None, *needs, sep='\\n')";

const NODE_QUESTION: &str = "console.log(process.versions.node + '\\n' + process.execPath)";

fn refusal(message: String) -> Refusal {
    Refusal::CannotRun { code: "InvalidRuntimeException", message }
}

fn managed(program: &Path, arguments: Vec<String>, as_owner: bool) -> Launch {
    let note = format!("Only the cloud's own user can run `{}`, so the function does not run as `nobody`\n", program.display());
    let notes = as_owner.then_some(note).into_iter().collect();
    Launch { program: program.to_owned(), arguments, is_managed: true, as_owner, needs: Vec::new(), notes, problem: None, container: None }
}

/// A Python that runs the handler, with what it needs to be seen.
fn python_launch(
    executable: &Path,
    (wanted, found): (&str, &str),
    has_client: bool,
    as_owner: bool,
    needs: &[String],
    code: &Path,
) -> Launch {
    let arguments = if has_client { vec!["-m", "awslambdaric"] } else { vec!["-u", "-c", PYTHON_CLIENT] };
    let mut launch = managed(executable, arguments.into_iter().map(str::to_owned).collect(), as_owner);
    launch.needs = needs.iter().map(PathBuf::from).filter(|folder| folder.is_dir() && !folder.starts_with(code)).collect();
    launch.notes.extend((wanted != found).then(|| format!("`python{wanted}` runs on Python {found} here\n")));
    launch
}

fn node_launch(executable: &Path, code: &Path, root: &Path, as_owner: bool) -> Launch {
    let client = node_client(code, root, executable);
    let arguments = match &client {
        Some(client) => vec![client.display().to_string()],
        None => vec!["-e".to_owned(), NODE_CLIENT.to_owned(), "--".to_owned()],
    };
    let mut launch = managed(executable, arguments, as_owner);
    let foreign = client.filter(|client| !client.starts_with(root));
    launch.needs = [prefix(executable), foreign.and_then(|client| prefix(&client))].into_iter().flatten().collect();
    launch
}

/// The bootstrap of a package, and what the kernel would say to it. One for another processor is started by an
/// emulator, where there is one.
fn bootstrap(code: &Path, root: &Path, search_path: &str) -> Launch {
    let (program, place) = (root.join("bootstrap"), code.join("bootstrap"));
    let problem = if place.symlink_metadata().is_err() {
        Some(format!("Couldn't find valid bootstrap(s): [{} /opt/bootstrap]", program.display()))
    } else {
        match entrypoint::problem(&place) {
            Some(entrypoint::WRONG_FORMAT) => match emulator::find(&place, search_path) {
                Some(emulator) => return emulated(emulator, &program),
                None => Some(format!("fork/exec {}: {}", program.display(), entrypoint::WRONG_FORMAT)),
            },
            problem => problem.map(|problem| format!("fork/exec {}: {problem}", program.display())),
        }
    };
    Launch {
        program,
        arguments: Vec::new(),
        is_managed: false,
        as_owner: false,
        needs: Vec::new(),
        notes: Vec::new(),
        problem,
        container: None,
    }
}

fn emulated(emulator: Emulator, program: &Path) -> Launch {
    let note = format!("`bootstrap` is built for another processor, and runs in `{}` here\n", emulator.program.display());
    let arguments = emulator.arguments.into_iter().chain([program.display().to_string()]).collect();
    let needs = emulator.program.parent().map(Path::to_path_buf).into_iter().collect();
    Launch {
        program: emulator.program,
        arguments,
        is_managed: false,
        as_owner: false,
        needs,
        notes: vec![note],
        problem: None,
        container: None,
    }
}

/// Runs an interpreter as functions run, else as the cloud's own user: the lines that it prints, and
/// whether only the cloud's user can run it.
async fn ask(interpreter: &Path, arguments: &[&str]) -> Option<(Vec<String>, bool)> {
    for as_owner in [false, true] {
        let mut command = Command::new(interpreter);
        command.args(arguments).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").current_dir("/");
        command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        if !as_owner {
            as_function(&mut command);
        }
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        if let Ok(Ok(output)) = output
            && output.status.success()
        {
            let text = String::from_utf8_lossy(&output.stdout);
            return Some((text.lines().map(str::to_owned).collect(), as_owner));
        }
        if !is_root() {
            break;
        }
    }
    None
}

/// The start file of the runtime client, as the process sees it.
fn node_client(code: &Path, root: &Path, node: &Path) -> Option<PathBuf> {
    const NAME: &str = "node_modules/aws-lambda-ric";
    let own = resolve(code, Path::new(NAME)).ok()?;
    if let Some(start) = start_file(&own, code) {
        // What the package says of itself must not bring anything else of the machine into sight.
        let inside = resolve(code, &Path::new(NAME).join(start)).ok()?;
        return Some(root.join(inside.strip_prefix(code).ok()?));
    }
    let global = [prefix(node)?.join("lib"), "/usr/local/lib".into(), "/usr/lib".into(), "/usr/share".into()];
    global.iter().find_map(|folder| {
        let package = folder.join(NAME);
        start_file(&package, Path::new("/")).map(|start| package.join(start))
    })
}

/// The folder two above a program or a start file: where Node.js, or the package, was put.
fn prefix(file: &Path) -> Option<PathBuf> {
    Some(file.canonicalize().ok()?.parent()?.parent()?.to_owned())
}

/// What a Node.js package starts, from its description, which is looked for below `root`. A link could lead to what
/// never ends.
fn start_file(package: &Path, root: &Path) -> Option<String> {
    let description = resolve(root, package.strip_prefix(root).ok()?.join("package.json").as_path()).ok()?;
    let details = std::fs::metadata(&description).ok()?;
    if !details.is_file() || details.len() > LARGEST_DESCRIPTION_BYTES {
        return None;
    }
    let description: serde_json::Value = serde_json::from_slice(&std::fs::read(description).ok()?).ok()?;
    let start = match &description["bin"] {
        serde_json::Value::Object(programs) => programs.values().next()?.as_str()?,
        other => other.as_str()?,
    };
    Some(start.trim_start_matches("./").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_package_says_what_it_starts() {
        for (bin, expected) in [(r#""./bin/index.mjs""#, "bin/index.mjs"), (r#"{"aws-lambda-ric":"bin/index.js"}"#, "bin/index.js")] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("package.json"), format!(r#"{{"bin":{bin}}}"#)).unwrap();
            assert_eq!(start_file(folder.path(), folder.path()).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_a_package_says_of_itself_leads_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let (code, root) = (folder.path().join("code"), Path::new("/var/task"));
        let package = code.join("node_modules/aws-lambda-ric");
        std::fs::create_dir_all(&package).unwrap();
        let outside = folder.path().join("outside");
        std::fs::write(&outside, "x").unwrap();
        for bin in [outside.to_str().unwrap(), "../../../outside", "../../../../../../outside"] {
            std::fs::write(package.join("package.json"), format!(r#"{{"bin":"{bin}"}}"#)).unwrap();
            let launch = node_launch(Path::new("/usr/bin/node"), &code, root, false);
            assert!(launch.arguments[0].starts_with("/var/task/"), "{bin} {:?}", launch.arguments);
            assert!(launch.needs.iter().all(|folder| !folder.starts_with("/tmp")), "{bin} {:?}", launch.needs);
        }
        std::fs::remove_file(package.join("package.json")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", package.join("package.json")).unwrap();
        assert_eq!(start_file(&package, &code), None, "and it does not read for ever");
    }

    #[test]
    fn a_package_without_a_bootstrap_is_told_as_on_lambda() {
        let folder = tempfile::tempdir().unwrap();
        let launch = bootstrap(folder.path(), Path::new("/var/task"), "");
        assert_eq!(launch.problem.as_deref(), Some("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"));
    }
}

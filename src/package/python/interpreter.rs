//! Interpreters of Python that really start: what lies in the `PATH` may only choose one, and then has none of that version.

use super::platform::USUAL;
use crate::package::call;
use crate::package::environment::Environment;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// Interpreters answer what they are within this; one that does not is passed over.
const PATIENCE: Duration = Duration::from_secs(20);
const QUESTION: [&str; 2] = ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"];
/// Asks uv for an interpreter of its own; none is fetched (<https://docs.astral.sh/uv/reference/cli/#uv-python-find>).
const UV_QUESTION: [&str; 4] = ["python", "find", "--no-python-downloads", "--managed-python"];

/// An interpreter that starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interpreter {
    pub program: PathBuf,
    /// As `3.13`.
    pub version: String,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    pub interpreter: Option<Interpreter>,
    pub broken: Broken,
}

/// Those that are there and do not start, with the reason.
pub(super) type Broken = Vec<(PathBuf, String)>;

/// The interpreters of a machine, each asked once in a run.
#[derive(Default)]
pub(super) struct Interpreters {
    asked: Mutex<BTreeMap<(PathBuf, PathBuf), Asked>>,
}

/// The version, or why it does not start.
type Asked = Arc<OnceCell<Result<String, String>>>;

impl Interpreters {
    /// Of those with these names the first that has the wanted version, else the first that starts at all, else uv's own of
    /// that version.
    pub async fn choose(&self, names: &[&str], wanted: &str, folder: &Path, environment: &Environment) -> Choice {
        let mut choice = Choice::default();
        for program in names.iter().flat_map(|name| candidates(name, folder, environment)) {
            match self.version(&program, folder, environment).await {
                Ok(version) if version == wanted => return Choice { interpreter: Some(Interpreter { program, version }), ..choice },
                Ok(version) => choice.interpreter = choice.interpreter.or(Some(Interpreter { program, version })),
                Err(why) => choice.broken.push((program, why)),
            }
        }
        if choice.interpreter.is_none() {
            choice.interpreter = self.of_uv(wanted, folder, environment).await;
        }
        choice
    }

    /// The first of these names that starts, whatever its version.
    ///
    /// # Errors
    /// Those that do not start.
    pub async fn any(&self, names: &[&str], folder: &Path, environment: &Environment) -> Result<PathBuf, Broken> {
        let mut broken = Vec::new();
        for program in names.iter().flat_map(|name| candidates(name, folder, environment)) {
            match self.version(&program, folder, environment).await {
                Ok(_) => return Ok(program),
                Err(why) => broken.push((program, why)),
            }
        }
        Err(broken)
    }

    async fn of_uv(&self, wanted: &str, folder: &Path, environment: &Environment) -> Option<Interpreter> {
        let arguments: Vec<String> = UV_QUESTION.iter().chain([&wanted]).map(ToString::to_string).collect();
        let said = call::run(&environment.find(super::installer::UV)?, &arguments, folder, environment).await.ok()?;
        let program = PathBuf::from(said.output.first().filter(|_| said.status.success())?.trim());
        let version = self.version(&program, folder, environment).await.ok()?;
        Some(Interpreter { program, version })
    }

    /// Its name tells it of an interpreter; what only chooses one is asked, and may choose another one in another folder.
    async fn version(&self, program: &Path, folder: &Path, environment: &Environment) -> Result<String, String> {
        if let Some(version) = named_version(program) {
            return Ok(version);
        }
        let key = (program.to_owned(), if is_interpreter(program) { PathBuf::new() } else { folder.to_owned() });
        let cell = Arc::clone(self.asked.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        cell.get_or_init(|| ask(program, folder, environment)).await.clone()
    }
}

async fn ask(program: &Path, folder: &Path, environment: &Environment) -> Result<String, String> {
    let question = QUESTION.map(str::to_owned);
    let said = tokio::time::timeout(PATIENCE, call::run(program, &question, folder, environment)).await;
    let said = said.map_err(|_| format!("it said nothing for {} seconds", PATIENCE.as_secs()))?.map_err(|problem| problem.detail)?;
    let version = said.output.first().map(|line| line.trim().to_owned()).filter(|_| said.status.success());
    version.ok_or_else(|| match said.errors.iter().find(|line| !line.trim().is_empty()) {
        Some(line) => format!("it said: {}", line.trim()),
        None => format!("it ended with {}", said.status),
    })
}

/// All interpreters of a name, or the one at a path.
pub(super) fn candidates(name: &str, folder: &Path, environment: &Environment) -> Vec<PathBuf> {
    if name.contains('/') {
        Some(folder.join(name)).filter(|path| path.is_file()).into_iter().collect()
    } else {
        environment.find_all(name)
    }
}

/// `3.13` of `python3.13`, if it is an interpreter itself.
fn named_version(program: &Path) -> Option<String> {
    let real = program.canonicalize().ok()?;
    let minor = real.file_name()?.to_str()?.strip_prefix(USUAL)?.strip_prefix('.')?;
    let is_number = !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && is_interpreter(program)).then(|| format!("3.{minor}"))
}

/// Whether it is an interpreter itself, and no script or other program that chooses one.
fn is_interpreter(program: &Path) -> bool {
    let Ok(real) = program.canonicalize() else { return false };
    let is_called_so = real.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("python"));
    let mut head = [0; 2];
    is_called_so && File::open(&real).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head != *b"#!"
}

//! The container engines that builds can use.

use super::call;
use super::environment::Environment;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// A program that runs containers and makes images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// Docker; for Dockerfiles with its plugin buildx.
    Docker,
    /// Podman.
    Podman,
    /// AWS's Finch, which takes nerdctl's commands.
    Finch,
    /// The client of containerd.
    Nerdctl,
    /// Buildah.
    Buildah,
}

impl Engine {
    /// In the order in which they are sought.
    pub const ALL: [Self; 5] = [Self::Docker, Self::Podman, Self::Finch, Self::Nerdctl, Self::Buildah];

    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Finch => "finch",
            Self::Nerdctl => "nerdctl",
            Self::Buildah => "buildah",
        }
    }

    /// The engine of this name.
    pub fn called(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.name() == name)
    }

    /// The engines that are there, or the one that is wanted, with their programs.
    pub(super) fn there(wanted: Option<Self>, environment: &Environment) -> Vec<(Self, PathBuf)> {
        let sought = wanted.map_or(Self::ALL.to_vec(), |engine| vec![engine]);
        sought.into_iter().filter_map(|engine| Some((engine, environment.find(engine.name())?))).collect()
    }

    /// What it answers where it can do what it is needed for, without doing it.
    fn question(self, purpose: Purpose) -> Vec<String> {
        let words: &[&str] = match (self, purpose) {
            // It needs a plugin, and a builder that answers.
            (Self::Docker, Purpose::Dockerfile) => &["buildx", "inspect"],
            // It would speak of itself without its service.
            (Self::Docker, Purpose::Container) => &["version", "--format", "{{.Server.Version}}"],
            _ => &["info"],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}

/// What an engine is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// To build a Dockerfile.
    Dockerfile,
    /// To run a command in a container.
    Container,
}

/// Engines answer whether they work within this; one that does not is passed over.
const PATIENCE: Duration = Duration::from_secs(20);

/// The engines of a machine. Which of them works is found out once in a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Engines {
    known: Arc<Mutex<Known>>,
}

/// What each engine answered about each purpose, asked once.
type Known = BTreeMap<(Engine, Purpose), Arc<OnceCell<Answer>>>;

/// Nothing, or why it does not work.
type Answer = Result<(), String>;

/// Engines that are there and do not work, and why.
pub(super) type Broken = Vec<(Engine, String)>;

/// An engine that is taken.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub engine: Engine,
    pub program: PathBuf,
    /// Those that come before it.
    pub passed_over: Broken,
}

impl Engines {
    /// The engine that is wanted, or the first that works. Where there is no choice, nobody is asked: what it says when it
    /// is needed is said anyway.
    ///
    /// # Errors
    /// Those that are there, none of which works.
    pub async fn choose(&self, wanted: Option<Engine>, purpose: Purpose, environment: &Environment) -> Result<Chosen, Broken> {
        let there = Engine::there(wanted, environment);
        let is_only = there.len() == 1;
        let mut passed_over = Broken::new();
        for (engine, program) in there {
            let cell = Arc::clone(self.known.lock().unwrap_or_else(PoisonError::into_inner).entry((engine, purpose)).or_default());
            let answer = if is_only { &Ok(()) } else { cell.get_or_init(|| ask(engine, &program, purpose, environment)).await };
            match answer {
                Ok(()) => return Ok(Chosen { engine, program, passed_over }),
                Err(why) => passed_over.push((engine, why.clone())),
            }
        }
        Err(passed_over)
    }
}

/// What to say of an engine that does not work.
pub(super) fn does_not_work((engine, why): &(Engine, String)) -> String {
    format!("`{}` is there, but does not work: {}", engine.name(), why.trim_end_matches('.'))
}

async fn ask(engine: Engine, program: &Path, purpose: Purpose, environment: &Environment) -> Answer {
    let question = engine.question(purpose);
    let asked = tokio::time::timeout(PATIENCE, call::run(program, &question, Path::new("/"), environment)).await;
    let said = asked.map_err(|_| format!("it said nothing for {} seconds", PATIENCE.as_secs()))?.map_err(|problem| problem.detail)?;
    // Buildx tells of builders that do not answer, and ends well.
    let tells_an_error = |line: &&String| line.trim_start().to_ascii_lowercase().starts_with("error");
    let error = said.errors.iter().find(tells_an_error);
    if said.status.success() && (error.is_none() || purpose != Purpose::Dockerfile) {
        return Ok(());
    }
    let line = error.or_else(|| said.errors.iter().find(|line| !line.trim().is_empty()));
    Err(line.map_or_else(|| format!("it ended with {}", said.status), |line| line.trim().to_owned()))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn machine(engines: &[(&str, &str)]) -> (tempfile::TempDir, Environment) {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in engines {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\necho \"{name} $*\" >> {}\n{script}\n", folder.path().join("calls").display())).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut environment = Environment::default();
        environment.set("PATH", folder.path().to_str().unwrap());
        (folder, environment)
    }

    #[tokio::test]
    async fn the_first_engine_that_works_is_taken_and_each_is_asked_once() {
        const NO_BUILDX: &str = r#"[ "$1" = buildx ] && echo "docker: unknown command: docker buildx" >&2 && exit 1; exit 0"#;
        const NO_RIGHTS: &str = "echo '  warning: x' >&2; echo 'Error: cannot re-exec process' >&2; exit 125";
        let (folder, environment) = machine(&[("docker", NO_BUILDX), ("podman", NO_RIGHTS), ("buildah", "exit 0")]);
        let engines = Engines::default();
        for _ in 0..2 {
            let chosen = engines.choose(None, Purpose::Dockerfile, &environment).await.unwrap();
            assert_eq!((chosen.engine, chosen.program), (Engine::Buildah, folder.path().join("buildah")));
            let said: Vec<String> = chosen.passed_over.iter().map(does_not_work).collect();
            let docker = "`docker` is there, but does not work: docker: unknown command: docker buildx";
            assert_eq!(said, [docker, "`podman` is there, but does not work: Error: cannot re-exec process"]);
        }
        assert_eq!(engines.choose(None, Purpose::Container, &environment).await.unwrap().engine, Engine::Docker);
        assert_eq!(engines.choose(Some(Engine::Podman), Purpose::Container, &environment).await.unwrap().engine, Engine::Podman);
        let calls = fs::read_to_string(folder.path().join("calls")).unwrap();
        assert_eq!(calls, "docker buildx inspect\npodman info\nbuildah info\ndocker version --format {{.Server.Version}}\n");
    }

    #[tokio::test]
    async fn a_builder_that_does_not_answer_does_not_work_and_a_single_engine_is_not_asked() {
        let silent = r#"echo "Driver: docker"; echo "Error:  Cannot connect to the Docker daemon""#;
        let (folder, environment) = machine(&[("docker", silent), ("nerdctl", "exit 3")]);
        let broken = Engines::default().choose(None, Purpose::Dockerfile, &environment).await.unwrap_err();
        let broken: Vec<&str> = broken.iter().map(|(_, why)| why.as_str()).collect();
        assert_eq!(broken, ["Error:  Cannot connect to the Docker daemon", "it ended with exit status: 3"]);
        fs::remove_file(folder.path().join("nerdctl")).unwrap();
        assert!(Engines::default().choose(None, Purpose::Dockerfile, &environment).await.is_ok());
        fs::remove_file(folder.path().join("docker")).unwrap();
        assert!(Engines::default().choose(None, Purpose::Dockerfile, &environment).await.unwrap_err().is_empty());
    }
}

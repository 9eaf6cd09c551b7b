//! Builds inside of a container: with a toolchain that the machine need not have.

use super::TOOL_MISSING;
use super::call::{Said, run_keeping, run_with_input};
use super::engine::{Chosen, Engine, Engines, Purpose, does_not_work};
use super::environment::Environment;
use super::hash::hex;
use super::problem::list;
use crate::diagnostic::{Diagnostic, nearest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// The ways that are no engine's name.
const MODES: [(&str, Mode); 3] = [("auto", Mode::Auto), ("never", Mode::Never), ("always", Mode::Always(None))];
/// The beginnings of variables that engines themselves go by, so that their values must not stand in an engine's own
/// environment. All others are handed on from there, where no other user of the machine can read them.
const OF_ENGINES: [&str; 10] = ["BUILDKIT_", "CONTAINER", "DOCKER_", "GODEBUG", "HOME", "PATH", "REGISTRY_", "STORAGE_", "TMPDIR", "XDG_"];
/// Sets variables that it reads, and becomes the command that follows.
const WITH_VARIABLES: [&str; 4] = ["sh", "-c", r#"eval "$(cat)"; exec "$@""#, "sh"];

/// Whether a build happens in a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// With the machine's own toolchain only.
    #[default]
    Never,
    /// In a container where the machine has no toolchain of its own.
    Auto,
    /// In a container whatever the machine has, by this engine or the first that is there.
    Always(Option<Engine>),
}

impl Mode {
    /// Reads `build.container`.
    ///
    /// # Errors
    /// When it is none of the words.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        if let Some((_, mode)) = MODES.iter().find(|(word, _)| *word == text) {
            return Ok(*mode);
        }
        if let Some(engine) = Engine::called(text) {
            return Ok(Self::Always(Some(engine)));
        }
        let words: Vec<&str> = MODES.iter().map(|(word, _)| *word).chain(Engine::ALL.map(Engine::name)).collect();
        let diagnostic = Diagnostic::error("invalid-choice", "A value is not one of those that are possible")
            .detail(format!("`build.container` is `{text}`; it takes {}.", list(&words)));
        Err(match nearest(text, words) {
            Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
            None => diagnostic,
        })
    }

    /// Whether a container builds; `has_toolchain` tells of the machine.
    pub fn is_contained(self, has_toolchain: impl FnOnce() -> bool) -> bool {
        match self {
            Self::Never => false,
            Self::Auto => !has_toolchain(),
            Self::Always(_) => true,
        }
    }

    /// Why a container builds where it does.
    pub fn reason(self, missing: &'static str) -> &'static str {
        if matches!(self, Self::Always(_)) { "`build.container` asks for it" } else { missing }
    }
}

/// The container engines of this machine, one of which builds.
#[derive(Clone, Debug)]
pub(super) struct Containers {
    engines: Engines,
    wanted: Option<Engine>,
    /// What is built, as the user wrote it.
    shown: String,
}

/// What a command meets inside of the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// The image.
    pub image: String,
    /// Folders that are there under the same names as outside, and cannot be written to.
    pub sources: Vec<PathBuf>,
    /// Folders that are there under the same names as outside.
    pub outputs: Vec<PathBuf>,
    /// Where the command runs.
    pub folder: PathBuf,
    /// Its variables, besides the image's own.
    pub variables: BTreeMap<String, String>,
}

/// Who starts the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct User {
    id: u32,
    group: u32,
}

impl Containers {
    /// The engine that would be tried first.
    pub fn first(environment: &Environment) -> Option<&'static str> {
        Engine::there(None, environment).first().map(|(engine, _)| engine.name())
    }

    /// The engines of a build that cannot be without.
    ///
    /// # Errors
    /// When there is none, with the names of those that would do.
    pub fn required(mode: Mode, engines: &Engines, environment: &Environment, path: &str) -> Result<Self, Diagnostic> {
        let wanted = if let Mode::Always(wanted) = mode { wanted } else { None };
        if !Engine::there(wanted, environment).is_empty() {
            return Ok(Self { engines: engines.clone(), wanted, shown: path.to_owned() });
        }
        let sought =
            wanted.map_or_else(|| format!("none of {}", list(&Engine::ALL.map(Engine::name))), |one| format!("no `{}`", one.name()));
        Err(Diagnostic::error(TOOL_MISSING, "A container engine is missing")
            .detail(format!("`{path}` is to be built in a container, and {sought} is in the `PATH`."))
            .hint("install one of them, or the language's own toolchain, which `container = \"auto\"` takes first"))
    }

    /// The engine that builds.
    ///
    /// # Errors
    /// When none works, with what each of them said.
    async fn chosen(&self, environment: &Environment) -> Result<Chosen, Diagnostic> {
        self.engines.choose(self.wanted, Purpose::Container, environment).await.map_err(|broken| {
            let problem = Diagnostic::error(TOOL_MISSING, "No container engine works")
                .detail(format!("`{}` is to be built in a container, and no engine that is there can do it.", self.shown));
            broken.iter().fold(problem, |problem, one| problem.hint(does_not_work(one)))
        })
    }

    /// Tells once in which container what was built, and by which engine.
    pub async fn note(&self, image: &str, why: &str, environment: &Environment) -> Option<Diagnostic> {
        let chosen = self.chosen(environment).await.ok()?;
        let note = Diagnostic::note("container-build", "A container built it")
            .detail(format!("`{}` built in a container of the image `{image}`, since {why}.", chosen.engine.name()));
        Some(chosen.passed_over.iter().fold(note, |note, one| note.hint(does_not_work(one))))
    }

    /// Runs a command in a container of its own, which ends with who waits for it; of its output, only the lines that
    /// `is_kept` accepts are kept.
    ///
    /// # Errors
    /// When the engine cannot be started, or cannot make the container.
    pub async fn run(
        &self,
        room: &Room,
        words: &[&str],
        environment: &Environment,
        is_kept: impl Fn(&str) -> bool,
    ) -> Result<Said, Diagnostic> {
        let name = container_name();
        let Chosen { engine, program, .. } = self.chosen(environment).await?;
        let start = Start { engine, program: &program, environment };
        if engine == Engine::Buildah {
            return start.run_in_working_container(&name, room, words, is_kept).await;
        }
        let user = if start.is_rootless().await { None } else { Some(user()) };
        let arguments = run_arguments(engine, user, &name, room);
        let mut left = Left::new(start.command(), &["rm", "--force", &name]);
        let mut command = start.command();
        command.args(arguments).args(words).envs(room.variables.iter().filter(|(name, _)| !is_of_engines(name)));
        let said = run_keeping(&mut command, is_kept).await;
        left.is_gone = true;
        said
    }
}

/// An engine, and what it is started with.
struct Start<'a> {
    engine: Engine,
    program: &'a Path,
    environment: &'a Environment,
}

impl Start<'_> {
    /// Buildah runs commands only in a container that was made before, and that stays until it is removed. It hands no
    /// variables on, so that the command reads those.
    async fn run_in_working_container(
        &self,
        name: &str,
        room: &Room,
        words: &[&str],
        is_kept: impl Fn(&str) -> bool,
    ) -> Result<Said, Diagnostic> {
        let mut left = Left::new(self.command(), &["rm", name]);
        let made = run_keeping(self.command().args(["from", "--quiet", "--name", name, &room.image]), |_| true).await?;
        if !made.status.success() {
            return Err(made.failed(&format!("`buildah from {}`", room.image), &room.folder.display().to_string()));
        }
        let mut run = self.command();
        run.arg("run").args(mounts(room)).args(["--workingdir", &room.folder.display().to_string(), name, "--"]);
        let said = run_with_input(run.args(WITH_VARIABLES).args(words), Some(&assignments(&room.variables)), is_kept).await;
        // What is left over takes room, and nothing else.
        left.is_gone = run_keeping(self.command().args(["rm", name]), |_| true).await.is_ok();
        said
    }

    /// Whether root in a container is who started it already, so that any other user there is nobody's.
    async fn is_rootless(&self) -> bool {
        const ARGUMENTS: [&str; 3] = ["info", "--format", "{{json .SecurityOptions}}"];
        if self.engine != Engine::Docker {
            return false;
        }
        let said = run_keeping(self.command().args(ARGUMENTS), |line| line.contains("name=rootless")).await;
        said.is_ok_and(|said| !said.output.is_empty())
    }

    fn command(&self) -> Command {
        self.environment.command(self.program, Path::new("/"))
    }
}

/// A container that would live on after the program that started it: an engine's service holds it.
struct Left {
    remove: std::process::Command,
    is_gone: bool,
}

impl Left {
    fn new(command: Command, arguments: &[&str]) -> Self {
        let mut remove = command.into_std();
        remove.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        Self { remove, is_gone: false }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        if !self.is_gone {
            // Nobody waits any more, so that nobody could be told.
            let _ = self.remove.spawn();
        }
    }
}

/// A name that no other container has.
fn container_name() -> String {
    let mut bytes = [0; 8];
    // Without randomness a second build at the same time is refused by the engine, which says why.
    let _ = getrandom::fill(&mut bytes);
    format!("lambdo-{}", hex(&bytes))
}

fn run_arguments(engine: Engine, user: Option<User>, name: &str, room: &Room) -> Vec<String> {
    let mut arguments: Vec<String> = ["run", "--rm", "--name", name].map(str::to_owned).into();
    arguments.extend(user_arguments(engine, user));
    arguments.extend(mounts(room));
    for (name, value) in &room.variables {
        arguments.extend(["--env".to_owned(), if is_of_engines(name) { format!("{name}={value}") } else { name.clone() }]);
    }
    arguments.extend(["--workdir".to_owned(), room.folder.display().to_string(), room.image.clone()]);
    arguments
}

fn is_of_engines(name: &str) -> bool {
    OF_ENGINES.iter().any(|beginning| name.starts_with(beginning))
}

/// What is written outside must belong to who builds. Without a service of root's, the container's root is
/// that user already; finch runs in a virtual machine that maps them.
fn user_arguments(engine: Engine, user: Option<User>) -> Vec<String> {
    let own = |user: User| vec!["--user".to_owned(), format!("{}:{}", user.id, user.group)];
    match (engine, user) {
        (Engine::Docker, Some(user)) => own(user),
        (Engine::Nerdctl, Some(user)) if user.id == 0 => own(user),
        // The labels of SELinux would keep the container from folders of the home.
        (Engine::Podman, Some(user)) if user.id != 0 => {
            vec!["--security-opt=label=disable".to_owned(), "--userns=keep-id".to_owned()]
        }
        (Engine::Podman, _) => vec!["--security-opt=label=disable".to_owned()],
        _ => Vec::new(),
    }
}

fn mounts(room: &Room) -> impl Iterator<Item = String> {
    let sources = room.sources.iter().map(|path| format!("{0}:{0}:ro", path.display()));
    let outputs = room.outputs.iter().map(|path| format!("{0}:{0}", path.display()));
    sources.chain(outputs).flat_map(|volume| ["--volume".to_owned(), volume])
}

/// Variables as a shell reads them.
fn assignments(variables: &BTreeMap<String, String>) -> String {
    let line = |(name, value): (&String, &String)| format!("export {name}='{}'\n", value.replace('\'', r"'\''"));
    variables.iter().map(line).collect()
}

/// Those that lie in none of the others.
pub(super) fn outermost(mut folders: Vec<PathBuf>) -> Vec<PathBuf> {
    folders.sort();
    folders.dedup();
    let all = folders.clone();
    folders.retain(|folder| !all.iter().any(|other| other != folder && folder.starts_with(other)));
    folders
}

#[cfg(unix)]
fn user() -> User {
    User { id: rustix::process::geteuid().as_raw(), group: rustix::process::getegid().as_raw() }
}

#[cfg(not(unix))]
fn user() -> User {
    User { id: 0, group: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Room {
        Room {
            image: "golang:1.25".into(),
            sources: vec!["/w".into()],
            outputs: vec!["/w/state/build/x".into()],
            folder: "/w/api".into(),
            variables: BTreeMap::from([("GOARCH".into(), "arm64".into()), ("HOME".into(), "/tmp".into())]),
        }
    }

    #[test]
    fn sources_cannot_be_written_and_what_is_made_belongs_to_who_builds() {
        let shown = |engine: Engine, id: Option<u32>| run_arguments(engine, id.map(|id| User { id, group: id }), "n", &room()).join(" ");
        let rest = "--volume /w:/w:ro --volume /w/state/build/x:/w/state/build/x --env GOARCH --env HOME=/tmp --workdir /w/api golang:1.25";
        for (engine, id, expected) in [
            (Engine::Docker, Some(1000), "--user 1000:1000 "),
            (Engine::Docker, None, ""),
            (Engine::Nerdctl, Some(1000), ""),
            (Engine::Nerdctl, Some(0), "--user 0:0 "),
            (Engine::Podman, Some(1000), "--security-opt=label=disable --userns=keep-id "),
            (Engine::Podman, Some(0), "--security-opt=label=disable "),
            (Engine::Finch, Some(1000), ""),
        ] {
            assert_eq!(shown(engine, id), format!("run --rm --name n {expected}{rest}"), "{engine:?} {id:?}");
        }
    }

    #[test]
    fn a_folder_inside_of_another_is_not_mounted_again() {
        let folders = ["/w/api", "/w", "/other", "/w"].map(PathBuf::from).to_vec();
        assert_eq!(outermost(folders), ["/other", "/w"].map(PathBuf::from));
    }

    #[test]
    fn variables_may_have_anything_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let value = "it's \"two\"\n$lines `x` \\";
        let variables = BTreeMap::from([("MINE".to_owned(), value.to_owned())]);
        std::fs::write(folder.path().join("said"), assignments(&variables)).unwrap();
        let output = std::process::Command::new(WITH_VARIABLES[0])
            .args(&WITH_VARIABLES[1..])
            .args(["printenv", "MINE"])
            .stdin(std::fs::File::open(folder.path().join("said")).unwrap())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{value}\n"));
    }

    #[test]
    fn a_mode_is_one_of_three_words_or_an_engine() {
        assert_eq!(Mode::parse("auto"), Ok(Mode::Auto));
        assert_eq!(Mode::parse("podman"), Ok(Mode::Always(Some(Engine::Podman))));
        let problem = Mode::parse("allways").unwrap_err();
        let words = "`auto`, `never`, `always`, `docker`, `podman`, `finch`, `nerdctl`, `buildah`";
        assert_eq!(problem.detail, format!("`build.container` is `allways`; it takes {words}."));
        assert_eq!(problem.hints, ["did you mean `always`?"]);
    }
}

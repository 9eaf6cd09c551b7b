//! Builds inside of a container: with a toolchain that the machine need not have.

use super::TOOL_MISSING;
use super::call::{Said, run_keeping};
use super::environment::Environment;
use super::problem::list;
use crate::diagnostic::{Diagnostic, nearest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// The engines that can do it, the most common first.
const ENGINES: [&str; 5] = ["docker", "podman", "finch", "nerdctl", "buildah"];
const MODES: [(&str, Mode); 3] = [("auto", Mode::Auto), ("never", Mode::Never), ("always", Mode::Always)];

/// Whether a build happens in a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// With the machine's own toolchain only.
    #[default]
    Never,
    /// In a container where the machine has no toolchain of its own.
    Auto,
    /// In a container whatever the machine has.
    Always,
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
        let words = MODES.map(|(word, _)| word);
        let diagnostic = Diagnostic::error("invalid-choice", "A value is not one of those that are possible")
            .detail(format!("`build.container` is `{text}`; it takes {}.", list(&words)));
        Err(match nearest(text, words) {
            Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
            None => diagnostic,
        })
    }
}

/// A container engine of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Engine {
    /// What it is called.
    pub name: &'static str,
    program: PathBuf,
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

impl Engine {
    /// The first engine in the `PATH`.
    pub fn find(environment: &Environment) -> Option<Self> {
        ENGINES.into_iter().find_map(|name| Some(Self { name, program: environment.find(name)? }))
    }

    /// The same, for a build that cannot be without.
    ///
    /// # Errors
    /// When there is none, with the names of those that would do.
    pub fn required(environment: &Environment, path: &str) -> Result<Self, Diagnostic> {
        Self::find(environment).ok_or_else(|| {
            Diagnostic::error(TOOL_MISSING, "A container engine is missing")
                .detail(format!("`{path}` is to be built in a container, and none of {} is in the `PATH`.", list(&ENGINES)))
                .hint("install one of them, or the language's own toolchain, which `container = \"auto\"` takes first")
        })
    }

    /// Runs a command in a container of its own.
    ///
    /// # Errors
    /// When the engine cannot be started, or cannot make the container.
    pub async fn run(&self, room: &Room, words: &[&str], environment: &Environment) -> Result<Said, Diagnostic> {
        if self.name == "buildah" {
            return self.run_in_working_container(room, words, environment).await;
        }
        run_keeping(self.command(environment).args(run_arguments(self.name, user(), room)).args(words), |_| true).await
    }

    /// Buildah runs commands only in a container that was made before, and that stays until it is removed.
    async fn run_in_working_container(&self, room: &Room, words: &[&str], environment: &Environment) -> Result<Said, Diagnostic> {
        let made = run_keeping(self.command(environment).args(["from", "--quiet", &room.image]), |_| true).await?;
        let Some(container) = made.output.last().filter(|_| made.status.success()) else {
            return Err(made.failed(&format!("`buildah from {}`", room.image), &room.folder.display().to_string()));
        };
        let mut run = self.command(environment);
        let said =
            run_keeping(run.arg("run").args(room_arguments(room, "--workingdir")).args([container.as_str(), "--"]).args(words), |_| true);
        let said = said.await;
        // What is left over takes room, and nothing else.
        let _ = run_keeping(self.command(environment).args(["rm", container]), |_| true).await;
        said
    }

    fn command(&self, environment: &Environment) -> Command {
        environment.command(&self.program, Path::new("/"))
    }
}

fn run_arguments(engine: &str, user: User, room: &Room) -> Vec<String> {
    let mut arguments: Vec<String> = ["run", "--rm"].map(str::to_owned).into();
    arguments.extend(user_arguments(engine, user));
    arguments.extend(room_arguments(room, "--workdir"));
    arguments.push(room.image.clone());
    arguments
}

/// What is written outside must belong to who builds. Without a daemon of root's, the container's root is
/// that user already; finch runs in a virtual machine that maps them.
fn user_arguments(engine: &str, user: User) -> Vec<String> {
    let own = || vec!["--user".to_owned(), format!("{}:{}", user.id, user.group)];
    match engine {
        "docker" => own(),
        "nerdctl" if user.id == 0 => own(),
        // The labels of SELinux would keep the container from folders of the home.
        "podman" if user.id == 0 => vec!["--security-opt=label=disable".to_owned()],
        "podman" => vec!["--security-opt=label=disable".to_owned(), "--userns=keep-id".to_owned()],
        _ => Vec::new(),
    }
}

fn room_arguments(room: &Room, folder: &str) -> Vec<String> {
    let sources = room.sources.iter().map(|path| format!("{0}:{0}:ro", path.display()));
    let outputs = room.outputs.iter().map(|path| format!("{0}:{0}", path.display()));
    let volumes = sources.chain(outputs).flat_map(|volume| ["--volume".to_owned(), volume]);
    let variables = room.variables.iter().flat_map(|(name, value)| ["--env".to_owned(), format!("{name}={value}")]);
    volumes.chain(variables).chain([folder.to_owned(), room.folder.display().to_string()]).collect()
}

#[cfg(unix)]
fn user() -> User {
    User { id: rustix::process::geteuid().as_raw(), group: rustix::process::getegid().as_raw() }
}

#[cfg(not(unix))]
fn user() -> User {
    User { id: 0, group: 0 }
}

/// Tells once in which container what was built.
pub(super) fn note(engine: &Engine, image: &str, why: &str) -> Diagnostic {
    Diagnostic::note("container-build", "A container built it")
        .detail(format!("`{}` built in a container of the image `{image}`, since {why}.", engine.name))
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
            variables: BTreeMap::from([("GOARCH".into(), "arm64".into())]),
        }
    }

    #[test]
    fn sources_cannot_be_written_and_what_is_made_belongs_to_who_builds() {
        let shown = |engine: &str, id: u32| run_arguments(engine, User { id, group: id }, &room()).join(" ");
        let rest = "--volume /w:/w:ro --volume /w/state/build/x:/w/state/build/x --env GOARCH=arm64 --workdir /w/api golang:1.25";
        for (engine, id, expected) in [
            ("docker", 1000, "--user 1000:1000 "),
            ("nerdctl", 1000, ""),
            ("nerdctl", 0, "--user 0:0 "),
            ("podman", 1000, "--security-opt=label=disable --userns=keep-id "),
            ("podman", 0, "--security-opt=label=disable "),
            ("finch", 1000, ""),
        ] {
            assert_eq!(shown(engine, id), format!("run --rm {expected}{rest}"), "{engine} {id}");
        }
    }

    #[test]
    fn a_mode_is_one_of_three_words() {
        assert_eq!(Mode::parse("auto"), Ok(Mode::Auto));
        let problem = Mode::parse("allways").unwrap_err();
        assert_eq!(problem.detail, "`build.container` is `allways`; it takes `auto`, `never`, `always`.");
        assert_eq!(problem.hints, ["did you mean `always`?"]);
    }
}

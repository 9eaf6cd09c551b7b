//! Container engines: they run images where the machine gives processes no root of their own.

use crate::local::run::deployment::Refusal;
use crate::local::run::home::Home;
use crate::local::run::process::Program;
use crate::local::run::sandbox::{Room, is_root};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// Engines answer whether they work within this.
const PATIENCE: Duration = Duration::from_secs(10);
/// `nobody`, as every Linux knows it.
const NOBODY: &str = "65534:65534";
/// The beginnings of variables that engines themselves go by, so that a function's must not stand in an engine's own
/// environment. All others are handed on from there, where no other user of the machine can read them.
const OF_ENGINES: [&str; 10] = ["CONTAINER", "DOCKER_", "GODEBUG", "HOME", "LD_", "PATH", "REGISTRY_", "STORAGE_", "TMPDIR", "XDG_"];
/// What an engine must be told to find its own service and files again.
const OWN_VARIABLES: [&str; 7] =
    ["HOME", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "CONTAINER_HOST", "CONTAINERS_CONF"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Docker,
    Podman,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Docker, Self::Podman];

    fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }

    /// What is answered only by an engine that works.
    fn question(self) -> &'static [&'static str] {
        match self {
            Self::Docker => &["version", "--format", "{{.Server.Version}}"],
            Self::Podman => &["info", "--format", "{{.Host.OS}}"],
        }
    }
}

/// An engine that works.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Engine {
    kind: Kind,
    program: PathBuf,
}

/// What runs one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    engine: Engine,
    /// The name of the image that was made of the folder; podman takes the folder itself.
    image: Option<String>,
}

/// A container that runs, known by its name.
pub struct Running {
    engine: Engine,
    name: String,
    home: Arc<Home>,
    is_removed: bool,
}

/// The engines of this machine, of which the first one that works is used.
pub struct Engines {
    search_path: String,
    found: OnceCell<Result<Engine, String>>,
    /// The images that were made, by folder.
    made: Mutex<BTreeMap<PathBuf, Arc<OnceCell<String>>>>,
}

impl Engines {
    pub fn new(search_path: String) -> Self {
        Self { search_path, found: OnceCell::new(), made: Mutex::default() }
    }

    /// What runs the image whose files lie in a folder.
    ///
    /// # Errors
    /// Where no engine works.
    pub async fn container(&self, root: &Path, home: &Home) -> Result<Container, Refusal> {
        let engine = self.found.get_or_init(|| self.find()).await.clone().map_err(|why| refusal(impossible(&why)))?;
        let image = match engine.kind {
            Kind::Podman => None,
            Kind::Docker => {
                let cell = Arc::clone(self.made.lock().unwrap_or_else(PoisonError::into_inner).entry(root.to_owned()).or_default());
                let made = cell.get_or_try_init(|| engine.import(root, home)).await;
                Some(made.map_err(|why| refusal(format!("`docker` does not take the image: {why}")))?.clone())
            }
        };
        Ok(Container { engine, image })
    }

    /// The first engine that works, or why none does.
    async fn find(&self) -> Result<Engine, String> {
        let mut reasons = Vec::new();
        for kind in Kind::ALL {
            let folders = self.search_path.split(':').filter(|folder| folder.starts_with('/'));
            let Some(program) = folders.map(|folder| Path::new(folder).join(kind.name())).find(|path| path.is_file()) else {
                reasons.push(format!("no `{}` is on the PATH", kind.name()));
                continue;
            };
            match answers(&program, kind.question()).await {
                Ok(()) => return Ok(Engine { kind, program }),
                Err(why) => reasons.push(format!("`{}` does not work: {}", kind.name(), why.trim_end_matches('.'))),
            }
        }
        Err(reasons.join(", "))
    }
}

async fn answers(program: &Path, question: &[&str]) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(question).stdin(Stdio::null()).kill_on_drop(true);
    let answer = tokio::time::timeout(PATIENCE, command.output()).await.map_err(|_| "it does not answer".to_owned())?;
    let answer = answer.map_err(|error| error.to_string())?;
    if answer.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    Err(said.lines().find(|line| !line.trim().is_empty()).map_or_else(|| answer.status.to_string(), |line| line.trim().to_owned()))
}

fn refusal(message: String) -> Refusal {
    Refusal::CannotRun { code: "InvalidRuntimeException", message }
}

fn impossible(why: &str) -> String {
    let way = if cfg!(target_os = "linux") {
        "run the cloud as root; or let users have user namespaces (`sysctl kernel.unprivileged_userns_clone=1`, on Ubuntu \
         `kernel.apparmor_restrict_unprivileged_userns=0`), with `unshare` and `setpriv` of util-linux there; or install podman"
    } else {
        "install docker or podman; or run the cloud in a virtual machine with Linux"
    };
    format!(
        "the local cloud runs an image in Linux namespaces or by a container engine, and can have neither here ({why}): {way}; \
         or deploy the function to AWS to run it"
    )
}

impl Engine {
    /// Makes an image of a folder; the engine keeps it as long as the runner lives.
    async fn import(&self, root: &Path, home: &Home) -> Result<String, String> {
        let name = format!("lambdo-local:{}", root.file_name().unwrap_or_default().to_string_lossy());
        home.leave(&format!("2-{}", name.replace(':', "-")), &self.again(&["rmi", &name])).map_err(|error| error.to_string())?;
        let mut command = std::process::Command::new(&self.program);
        command.args(["import", "-", &name]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let root = root.to_owned();
        let imported = tokio::task::spawn_blocking(move || {
            let mut child = command.spawn()?;
            let sent = child.stdin.take().map_or(Ok(()), |to| send(&root, to));
            let output = child.wait_with_output()?;
            // What the engine says of it tells more than that it listens no more.
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            if output.status.success() { sent } else { Err(std::io::Error::other(said)) }
        });
        let imported = imported.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        imported.map(|()| name).map_err(|error| error.to_string())
    }

    /// A command of the engine's for who has nothing of this process's environment.
    fn again(&self, arguments: &[&str]) -> Vec<String> {
        let variable = |name: &&str| Some(format!("{name}={}", std::env::var(name).ok()?));
        let program = self.program.display().to_string();
        let words = ["env".to_owned()].into_iter().chain(OWN_VARIABLES.iter().filter_map(variable)).chain([program]);
        words.chain(arguments.iter().map(|word| (*word).to_owned())).collect()
    }
}

/// Writes a folder as an archive.
fn send(root: &Path, to: impl Write) -> std::io::Result<()> {
    let mut archive = tar::Builder::new(to);
    archive.follow_symlinks(false);
    archive.append_dir_all(".", root)?;
    archive.finish()
}

impl Container {
    /// What the log says of it.
    pub fn note(&self) -> String {
        format!("`{}` runs the image, since no Linux namespaces can be had here\n", self.engine.kind.name())
    }

    /// Begins a container: its command, and what ends it.
    ///
    /// # Errors
    /// When it cannot be written down for whoever cleans up behind a cloud that was killed.
    pub fn begin(&self, home: &Arc<Home>, room: &Room<'_>, program: &Program) -> std::io::Result<(Command, Running)> {
        let mut bytes = [0; 8];
        // Without randomness a second container at the same time is refused by the engine, which says why.
        let _ = getrandom::fill(&mut bytes);
        let name = format!("lambdo-{:016x}", u64::from_le_bytes(bytes));
        let running = Running { engine: self.engine.clone(), name, home: Arc::clone(home), is_removed: false };
        home.leave(&running.note(), &running.engine.again(&["rm", "--force", &running.name]))?;
        let mut command = Command::new(&self.engine.program);
        command.args(self.arguments(&running.name, room, program)).process_group(0);
        command.envs(program.variables.iter().filter(|(name, _)| !is_of_engines(name)));
        Ok((command, running))
    }

    /// With the machine's own network, since the Runtime API and the cloud listen on this machine alone.
    fn arguments(&self, name: &str, room: &Room<'_>, program: &Program) -> Vec<String> {
        let mut arguments: Vec<String> = ["run", "--rm", "--name", name, "--network=host", "--read-only", "--cap-drop=ALL"]
            .into_iter()
            .chain(["--security-opt=no-new-privileges", "--ulimit=nofile=1024"])
            .map(str::to_owned)
            .collect();
        arguments.push(format!("--tmpfs=/tmp:rw,exec,nosuid,nodev,size={}m,mode=1777", room.storage_mb));
        match self.engine.kind {
            Kind::Docker => arguments.extend([format!("--user={NOBODY}"), format!("--memory={}m", room.memory_mb)]),
            // Without root it has no other users, as a rule, nor limits; its root is then who runs the cloud.
            Kind::Podman if is_root() => arguments.push(format!("--user={NOBODY}")),
            Kind::Podman => {}
        }
        for (name, value) in &program.variables {
            arguments.push(if is_of_engines(name) { format!("--env={name}={value}") } else { format!("--env={name}") });
        }
        arguments.push(format!("--workdir={}", program.working_folder.display()));
        match &self.image {
            Some(image) => arguments.push(image.clone()),
            None => arguments.extend(["--rootfs".to_owned(), room.code.display().to_string()]),
        }
        arguments.push(program.path.display().to_string());
        arguments.extend(program.arguments.iter().cloned());
        arguments
    }
}

fn is_of_engines(name: &str) -> bool {
    OF_ENGINES.iter().any(|beginning| name.starts_with(beginning))
}

impl Running {
    /// What its end is known by to whoever cleans up.
    fn note(&self) -> String {
        format!("1-{}", self.name)
    }

    /// Ends it, whatever it does: the engine's service holds it, and not who started it.
    pub fn remove(&mut self) {
        if std::mem::replace(&mut self.is_removed, true) {
            return;
        }
        let mut command = std::process::Command::new(&self.engine.program);
        command.args(["rm", "--force", &self.name]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (home, note) = (Arc::clone(&self.home), self.note());
        std::thread::spawn(move || {
            if command.status().is_ok() {
                home.settled(&note);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_told_everything_but_what_others_must_not_read() {
        let variables = [("PATH", "/bin"), ("TOKEN", "secret"), ("DOCKER_X", "1")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let program =
            Program { path: "/bootstrap".into(), arguments: vec!["a b".into()], working_folder: "/w".into(), variables: variables.into() };
        let room = Room {
            code: Path::new("/r/code-1"),
            layers: None,
            is_image: true,
            container: None,
            temporary_folder: Path::new("/r"),
            storage_mb: 512,
            memory_mb: 128,
            as_owner: false,
            needs: &[],
            hidden: &[],
        };
        let shown = |kind: Kind, image: Option<&str>| {
            let engine = Engine { kind, program: "/bin/engine".into() };
            Container { engine, image: image.map(str::to_owned) }.arguments("n", &room, &program).join(" ")
        };
        let begin = "run --rm --name n --network=host --read-only --cap-drop=ALL --security-opt=no-new-privileges --ulimit=nofile=1024 \
                     --tmpfs=/tmp:rw,exec,nosuid,nodev,size=512m,mode=1777";
        let rest = "--env=DOCKER_X=1 --env=PATH=/bin --env=TOKEN --workdir=/w";
        let docker = shown(Kind::Docker, Some("i"));
        assert_eq!(docker, format!("{begin} --user=65534:65534 --memory=128m {rest} i /bootstrap a b"));
        let user = if is_root() { "--user=65534:65534 " } else { "" };
        assert_eq!(shown(Kind::Podman, None), format!("{begin} {user}{rest} --rootfs /r/code-1 /bootstrap a b"));
    }
}

//! A process that is alive, with its Runtime API and its limits.

use super::api::{Event, RuntimeApi};
use super::code::{self as packages, Unpacked};
use super::deployment::Deployment;
use super::environment::Core;
use super::failure::Failure;
use super::journal::Journal;
use super::process::{Process, Program};
use super::runtime::Launch;
use super::sandbox::{self, Room, TASK_ROOT};
use super::usage::{self, Tree};
use super::variables::{Surroundings, variables};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// How often limits are looked at while the function has something to do.
const WATCH: Duration = Duration::from_millis(100);
/// What a process sent just before it ended is on its way that long at most.
const GRACE: Duration = Duration::from_millis(50);
/// A process that was killed is gone within this, unless it hangs in the kernel.
const BURIAL: Duration = Duration::from_secs(2);

/// A running environment's process and what belongs to it.
pub struct Live {
    pub api: RuntimeApi,
    process: Process,
    /// Nothing where an engine has the processes, which looks after their memory.
    tree: Option<Tree>,
    timeout_ms: u64,
    memory_bytes: u64,
    storage_mb: u32,
    peak_bytes: Option<u64>,
    /// Stands for `/tmp` where there is no other; removed with this.
    temporary_folder: Option<PathBuf>,
}

impl Live {
    /// Starts the process; the journal reads what it writes.
    pub async fn start(
        core: &Core,
        deployment: &Deployment,
        (code, layers): (&Unpacked, Option<&Unpacked>),
        launch: &Launch,
        stream: &str,
        journal: &Journal,
    ) -> std::io::Result<Self> {
        let api = RuntimeApi::listen().await?;
        let is_private = core.sandbox.is_private() || launch.container.is_some();
        let temporary_folder = if is_private { None } else { Some(temporary_folder(core, launch)?) };
        let root = if launch.container.is_some() { TASK_ROOT.into() } else { core.sandbox.task_root(code.folder()) };
        let layers_root = layers.map(|layers| core.sandbox.layers_root(layers.folder()).display().to_string());
        let surroundings = Surroundings {
            task_root: &root.display().to_string(),
            port: api.port(),
            log_stream: stream,
            credentials: &core.options.credentials,
            is_managed: launch.is_managed,
            temporary_folder: temporary_folder.as_deref(),
            search_path: &core.search_path,
            layers_root: layers_root.as_deref(),
        };
        let working_folder = deployment.image.as_ref().map_or(root.clone(), |image| PathBuf::from(&image.working_folder));
        let program = Program {
            variables: variables(deployment, &surroundings),
            path: launch.program.clone(),
            arguments: launch.arguments.clone(),
            working_folder,
        };
        let room = Room {
            code: code.folder(),
            layers: layers.map(Unpacked::folder),
            is_image: deployment.image.is_some(),
            container: launch.container.as_ref(),
            temporary_folder: temporary_folder.as_deref().unwrap_or(core.home.path()),
            storage_mb: deployment.ephemeral_storage_mb,
            memory_mb: deployment.memory_mb,
            as_owner: launch.as_owner,
            needs: &launch.needs,
            hidden: &core.hidden,
        };
        let (process, pipe) = Process::start(&core.home, core.sandbox, &room, &program)?;
        journal.attach(pipe)?;
        Ok(Self {
            tree: launch.container.is_none().then(|| Tree { root: process.id(), wrappers: process.sandbox().wrappers() }),
            api,
            process,
            timeout_ms: deployment.timeout_ms,
            memory_bytes: u64::from(deployment.memory_mb) * 1024 * 1024,
            storage_mb: deployment.ephemeral_storage_mb,
            peak_bytes: None,
            temporary_folder,
        })
    }

    /// The next thing that the runtime tells, or what ended it before. After a failure it is dead.
    pub async fn next(&mut self, until: Instant) -> Result<Event, Failure> {
        let mut watch = tokio::time::interval_at(Instant::now() + WATCH, WATCH);
        watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let failure = loop {
            tokio::select! {
                biased;
                event = self.api.event() => return Ok(event),
                exit = self.process.wait() => match tokio::time::timeout(GRACE, self.api.event()).await {
                    Ok(event) => return Ok(event),
                    Err(_) => break Failure::Exited(exit),
                },
                () = tokio::time::sleep_until(until) => break Failure::TimedOut { timeout_ms: self.timeout_ms },
                _ = watch.tick() => if let Some(failure) = self.overuse().await { break failure },
            }
        };
        self.end().await;
        Err(failure)
    }

    async fn overuse(&mut self) -> Option<Failure> {
        self.peak_bytes();
        // The cheap figure counts shared memory once per process: ask the dear one before killing.
        if self.tree.is_some_and(|tree| tree.resident_bytes() > self.memory_bytes && tree.proportional_bytes() > self.memory_bytes) {
            return Some(Failure::OutOfMemory);
        }
        let folder = self.temporary_folder.clone()?;
        let used = tokio::task::spawn_blocking(move || usage::folder_bytes(&folder)).await.unwrap_or(0);
        let limit = u64::from(self.storage_mb) * 1024 * 1024;
        (used > limit).then_some(Failure::DiskFull { limit_mb: self.storage_mb })
    }

    /// Returns when the process has ended by itself.
    pub async fn exit(&mut self) {
        self.process.wait().await;
    }

    /// The most memory that the processes held, in bytes, as far as it was seen.
    pub fn peak_bytes(&mut self) -> Option<u64> {
        self.peak_bytes = self.peak_bytes.max(self.tree.and_then(Tree::peak_bytes));
        self.peak_bytes
    }

    /// Kills everything and waits until it is gone.
    pub async fn end(&mut self) {
        self.process.kill();
        // What hangs in the kernel longer is left to it.
        let _ = tokio::time::timeout(BURIAL, self.process.wait()).await;
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.process.kill();
        if let Some(folder) = self.temporary_folder.take() {
            std::thread::spawn(move || packages::remove(&folder));
        }
    }
}

fn temporary_folder(core: &Core, launch: &Launch) -> std::io::Result<PathBuf> {
    let folder = tempfile::Builder::new().prefix("tmp-").tempdir_in(core.home.path())?;
    let path: &Path = folder.path();
    if !launch.as_owner {
        sandbox::hand_over(path)?;
    }
    Ok(folder.keep())
}

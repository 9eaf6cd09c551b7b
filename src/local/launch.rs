//! Who serves a cloud's folder: one process at a time, and how others find it.

use super::clock::SystemClock;
use super::cloud::{Cloud, Options};
use super::server::serve;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const LOCK_FILE: &str = "lock";
const PORT_FILE: &str = "server.json";

/// How long a process that holds the lock may take until it serves.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a running server writes beside its lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Where it answers, such as `http://127.0.0.1:4566`.
    pub endpoint_url: String,
    /// Its process.
    pub pid: u32,
    /// The account that it is.
    pub account: String,
}

/// Why there is no cloud.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Another process serves the folder.
    #[error("the local cloud in {folder} is served by process {pid} at {endpoint_url}", folder = .folder.display(), pid = .server.pid, endpoint_url = .server.endpoint_url)]
    AlreadyServed {
        /// The cloud's folder.
        folder: PathBuf,
        /// Who serves it.
        server: Server,
    },
    /// The port is taken, or may not be used.
    #[error("port {port} of 127.0.0.1 cannot be used: {source}")]
    Port {
        /// Which one.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds the lock, but does not say where it answers.
    #[error("another process has the local cloud in {folder}, but does not answer", folder = .folder.display())]
    Silent {
        /// The cloud's folder.
        folder: PathBuf,
    },
    /// The folder or what is in it cannot be used.
    #[error("the local cloud in {folder} cannot be opened: {reason}", folder = .folder.display())]
    Folder {
        /// The cloud's folder.
        folder: PathBuf,
        /// What was said.
        reason: String,
    },
}

/// How a cloud is to be served.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Where it keeps everything.
    pub folder: PathBuf,
    /// The account that it is.
    pub account: String,
    /// The port; any free one where it is 0.
    pub port: u16,
}

impl Launch {
    /// Serves the folder.
    ///
    /// # Errors
    /// Above all [`LaunchError::AlreadyServed`].
    pub async fn start(&self) -> Result<Running, LaunchError> {
        match self.lock()? {
            Some(lock) => self.serve(lock).await,
            None => Err(LaunchError::AlreadyServed { folder: self.folder.clone(), server: self.find().await? }),
        }
    }

    /// Serves the folder, unless another process does.
    ///
    /// # Errors
    /// When neither works.
    pub async fn join_or_start(&self) -> Result<Joined, LaunchError> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(lock) = self.lock()? {
                return Ok(Joined::Started(self.serve(lock).await?));
            }
            // It can end between our look at the lock and our look for its port.
            match self.find().await {
                Ok(server) => return Ok(Joined::Found(server)),
                Err(error) if Instant::now() >= give_up => return Err(error),
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    fn lock(&self) -> Result<Option<File>, LaunchError> {
        let folder = |error: io::Error| LaunchError::Folder { folder: self.folder.clone(), reason: error.to_string() };
        std::fs::create_dir_all(&self.folder).map_err(folder)?;
        let path = self.folder.join(LOCK_FILE);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(folder)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(folder(error)),
        }
    }

    async fn find(&self) -> Result<Server, LaunchError> {
        let give_up = Instant::now() + PATIENCE;
        while Instant::now() < give_up {
            if let Some(server) = written(&self.folder).filter(is_alive) {
                return Ok(server);
            }
            if self.lock()?.is_some() {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(LaunchError::Silent { folder: self.folder.clone() })
    }

    async fn serve(&self, lock: File) -> Result<Running, LaunchError> {
        let port = |source| LaunchError::Port { port: self.port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await.map_err(port)?;
        let endpoint_url = format!("http://{}", listener.local_addr().map_err(port)?);
        let folder = |reason: String| LaunchError::Folder { folder: self.folder.clone(), reason };
        let server = Server { endpoint_url, pid: std::process::id(), account: self.account.clone() };
        let options = Options {
            folder: self.folder.clone(),
            account: self.account.clone(),
            endpoint_url: server.endpoint_url.clone(),
            clock: Arc::new(SystemClock),
        };
        let cloud = Arc::new(Cloud::open(options).map_err(|error| folder(error.to_string()))?);
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(Arc::clone(&cloud), listener, stop.clone()));
        let (worked, until) = (Arc::clone(&cloud), stop.clone());
        tokio::spawn(async move { until.run_until_cancelled(worked.work()).await });
        write(&self.folder, &server).map_err(|error| folder(error.to_string()))?;
        Ok(Running { server, cloud, stop, task, folder: self.folder.clone(), _lock: lock })
    }
}

/// A cloud that this process can call.
pub enum Joined {
    /// Another process serves it.
    Found(Server),
    /// This process serves it, until the value is stopped.
    Started(Running),
}

impl Joined {
    /// Where it answers.
    pub fn server(&self) -> &Server {
        match self {
            Self::Found(server) => server,
            Self::Started(running) => &running.server,
        }
    }
}

/// A cloud that this process serves.
pub struct Running {
    /// Where it answers.
    pub server: Server,
    cloud: Arc<Cloud>,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
    folder: PathBuf,
    _lock: File,
}

impl Running {
    /// Returns once no accepted event is due any more. What waits for another attempt stays on disk.
    pub async fn quiet(&self) {
        self.cloud.lambda.quiet().await;
    }

    /// Answers what was asked, ends what runs, and lets go of the folder.
    pub async fn stop(self) {
        let _ = std::fs::remove_file(self.folder.join(PORT_FILE));
        self.stop.cancel();
        self.cloud.shutdown().await;
        let _ = self.task.await;
    }
}

fn written(folder: &Path) -> Option<Server> {
    serde_json::from_slice(&std::fs::read(folder.join(PORT_FILE)).ok()?).ok()
}

/// Written beside and renamed: nobody reads half of it.
fn write(folder: &Path, server: &Server) -> io::Result<()> {
    let beside = folder.join(format!("{PORT_FILE}.{}", server.pid));
    std::fs::write(&beside, serde_json::to_vec(server)?)?;
    std::fs::rename(beside, folder.join(PORT_FILE))
}

/// The file of a process that was killed says nothing true.
fn is_alive(server: &Server) -> bool {
    let authority = server.endpoint_url.trim_start_matches("http://");
    let Ok(address) = authority.parse() else { return false };
    std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}

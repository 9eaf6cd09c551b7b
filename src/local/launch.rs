//! Who serves a cloud's folder: one process at a time, and how others find it.

use super::clock::SystemClock;
use super::cloud::{Cloud, Keeping, Options};
use super::faults::Plan;
use super::server::serve;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const LOCK_FILE: &str = "lock";
/// Held, shared, by whoever calls a cloud that another process serves.
const USERS_FILE: &str = "users";
const PORT_FILE: &str = "server.json";

/// How long a process that holds the lock may take until it serves.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long answers under way may take at the end; a client that reads nothing must not hold it up.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// How long a server may take to say that it is there.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
const LARGEST_ANSWER_BYTES: u64 = 4096;

/// What a running server writes beside its lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Where it answers, such as `http://127.0.0.1:4566`.
    pub endpoint_url: String,
    /// Its process.
    pub pid: u32,
    /// The account that it is.
    pub account: String,
    /// Random: another server may get the same port later.
    pub instance: String,
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
    /// The account that it is to be; else the one that it was made with.
    pub account: Option<String>,
    /// The port; any free one where it is 0.
    pub port: u16,
    /// Whether schedules fire.
    pub schedules: bool,
    /// What goes wrong on purpose, if anything.
    pub faults: Option<Plan>,
}

impl Launch {
    /// Serves the folder.
    ///
    /// # Errors
    /// Above all [`LaunchError::AlreadyServed`].
    pub async fn start(&self) -> Result<Running, LaunchError> {
        match self.join_or_start().await? {
            Joined::Started(running) => Ok(running),
            Joined::Found(found) => Err(LaunchError::AlreadyServed { folder: self.folder.clone(), server: found.server }),
        }
    }

    /// Serves the folder, unless another process does.
    ///
    /// # Errors
    /// When neither works.
    pub async fn join_or_start(&self) -> Result<Joined, LaunchError> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(lock) = self.locked()? {
                return Ok(Joined::Started(self.serve(lock).await?));
            }
            // Who holds the lock may still be starting, or be about to end.
            if let Some(found) = self.found().await? {
                return Ok(Joined::Found(found));
            }
            if Instant::now() >= give_up {
                return Err(LaunchError::Silent { folder: self.folder.clone() });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn locked(&self) -> Result<Option<File>, LaunchError> {
        let file = self.file(LOCK_FILE)?;
        taken(file.try_lock(), file).map_err(|error| self.unusable(&error))
    }

    /// The server that holds the lock, kept from ending by itself as long as this value lives.
    async fn found(&self) -> Result<Option<Found>, LaunchError> {
        let users = self.file(USERS_FILE)?;
        let Some(users) = taken(users.try_lock_shared(), users).map_err(|error| self.unusable(&error))? else { return Ok(None) };
        match written(&self.folder) {
            Some(server) if is_alive(&server).await => Ok(Some(Found { server, _users: users })),
            _ => Ok(None),
        }
    }

    fn file(&self, name: &str) -> Result<File, LaunchError> {
        super::disk::make_private(&self.folder).map_err(|error| self.unusable(&error))?;
        let path = self.folder.join(name);
        OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(|error| self.unusable(&error))
    }

    fn unusable(&self, reason: &dyn std::fmt::Display) -> LaunchError {
        LaunchError::Folder { folder: self.folder.clone(), reason: reason.to_string() }
    }

    async fn serve(&self, lock: File) -> Result<Running, LaunchError> {
        // What a killed process left says nothing true.
        let _ = std::fs::remove_file(self.folder.join(PORT_FILE));
        let port = |source| LaunchError::Port { port: self.port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await.map_err(port)?;
        let endpoint_url = format!("http://{}", listener.local_addr().map_err(port)?);
        let options = Options {
            folder: self.folder.clone(),
            account: self.account.clone(),
            endpoint_url: endpoint_url.clone(),
            clock: Arc::new(SystemClock),
            keeping: Keeping::OnDisk,
        };
        let cloud = Arc::new(Cloud::open(options).map_err(|error| self.unusable(&error))?);
        if let Some(plan) = &self.faults {
            cloud.faults.set(plan.clone(), cloud.common.clock.now_ms());
        }
        let (account, instance) = (cloud.common.account.clone(), cloud.instance.clone());
        let server = Server { endpoint_url, pid: std::process::id(), account, instance };
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(Arc::clone(&cloud), listener, stop.clone()));
        let (working, until, schedules) = (Arc::clone(&cloud), stop.clone(), self.schedules);
        let work = tokio::spawn(async move {
            let _ = until.run_until_cancelled(working.work(schedules)).await;
        });
        write(&self.folder, &server).map_err(|error| self.unusable(&error))?;
        Ok(Running { server, cloud, stop, task, work, folder: self.folder.clone(), _lock: lock })
    }
}

/// The file, if its lock was to be had.
fn taken(locked: Result<(), TryLockError>, file: File) -> io::Result<Option<File>> {
    match locked {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A cloud that this process can call.
pub enum Joined {
    /// Another process serves it.
    Found(Found),
    /// This process serves it, until the value is stopped.
    Started(Running),
}

impl Joined {
    /// Sees that there is a bucket of this name; whether it was made now.
    ///
    /// # Errors
    /// What the cloud said against it.
    pub async fn has_bucket(&self, region: &str, name: &str) -> Result<bool, String> {
        let body = wish(region);
        let scope = format!("Credential=local/20260101/{region}/s3/aws4_request, SignedHeaders=host, Signature=none");
        let headers = format!("Authorization: AWS4-HMAC-SHA256 {scope}\r\nContent-Length: {}\r\n", body.len());
        let answer = asked(self.server(), "PUT", &format!("/{name}"), &headers, &body).await.map_err(|error| error.to_string())?;
        match answer.split(' ').nth(1) {
            Some("200") => Ok(true),
            Some("409") => Ok(false),
            _ => Err(answer
                .split_once("<Message>")
                .and_then(|(_, rest)| rest.split_once('<'))
                .map_or(answer.as_str(), |(text, _)| text)
                .to_owned()),
        }
    }

    /// Where it answers.
    pub fn server(&self) -> &Server {
        match self {
            Self::Found(found) => &found.server,
            Self::Started(running) => &running.server,
        }
    }
}

/// A cloud that another process serves.
pub struct Found {
    /// Where it answers.
    pub server: Server,
    _users: File,
}

/// A cloud that this process serves.
pub struct Running {
    /// Where it answers.
    pub server: Server,
    cloud: Arc<Cloud>,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
    work: JoinHandle<()>,
    folder: PathBuf,
    _lock: File,
}

impl Running {
    /// Returns once no accepted event is due any more. What waits for another attempt stays on disk.
    pub async fn quiet(&self) {
        self.cloud.lambda.quiet().await;
    }

    /// Whether other processes call this cloud now.
    pub fn has_users(&self) -> bool {
        self.unused().is_none()
    }

    /// Returns once no other process calls this cloud, and keeps new ones away: they wait for the folder.
    pub async fn unused_from_now_on(&self) -> Option<File> {
        loop {
            match self.unused() {
                Some(file) => return Some(file),
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    fn unused(&self) -> Option<File> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(self.folder.join(USERS_FILE)).ok()?;
        taken(file.try_lock(), file).ok().flatten()
    }

    /// Answers what was asked, ends what runs, and lets go of the folder.
    pub async fn stop(mut self) {
        let _ = std::fs::remove_file(self.folder.join(PORT_FILE));
        self.stop.cancel();
        self.cloud.shutdown().await;
        if tokio::time::timeout(LAST_ANSWERS, &mut self.task).await.is_err() {
            self.task.abort();
        }
        let _ = self.work.await;
        self.cloud.close().await;
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

/// Whether this very server still answers: its port may be somebody else's by now.
async fn is_alive(server: &Server) -> bool {
    asked(server, "GET", "/_lambdo/health", "", "").await.is_ok_and(|answer| answer.contains(&server.instance))
}

/// What a server answers to a small request, with its status line and headers.
async fn asked(server: &Server, method: &str, path: &str, headers: &str, body: &str) -> io::Result<String> {
    let asking = async {
        let authority = server.endpoint_url.trim_start_matches("http://");
        let mut connection = TcpStream::connect(authority).await?;
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{headers}\r\n{body}");
        connection.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        connection.take(LARGEST_ANSWER_BYTES).read_to_string(&mut answer).await?;
        Ok(answer)
    };
    tokio::time::timeout(ANSWERS_WITHIN, asking).await.unwrap_or_else(|elapsed| Err(elapsed.into()))
}

/// What a new bucket is to be like: in S3's first region its name must not be said.
fn wish(region: &str) -> String {
    let named = || format!("<CreateBucketConfiguration><LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>");
    if region == "us-east-1" { String::new() } else { named() }
}

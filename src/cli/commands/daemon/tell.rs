//! Who is told what is found with a spec.

use super::log::{Log, LogLevel};
use crate::cli::post::EnginePost;
use crate::cli::workspace::Workspace;
use crate::daemon::notify::{Notifier, Switchboard};
use crate::engine::Engine;
use crate::model::Failure;
use crate::model::notify::Notify;
use crate::spec::Header;
use crate::store::Shelf;
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// So long a delivery that is under way may take when the spec's channels change.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who tells people, and who writes down what came of it.
pub struct People {
    /// Has the channels of all specs.
    pub switchboard: Arc<Switchboard>,
    /// The daemon's log.
    pub log: Arc<Log>,
}

/// Keeps the channels of one spec as the spec says.
pub struct Telling {
    workspace: Arc<Workspace>,
    switchboard: Arc<Switchboard>,
    log: Arc<Log>,
    name: String,
    shelf: PathBuf,
    /// What the spec said last.
    channels: Mutex<Option<Vec<Notify>>>,
}

impl Telling {
    /// For the spec of this name; what is still to be told is kept in the file `shelf`.
    pub fn new(workspace: Workspace, people: &People, name: &str, shelf: PathBuf) -> Self {
        let (switchboard, log) = (Arc::clone(&people.switchboard), Arc::clone(&people.log));
        Self { workspace: Arc::new(workspace), switchboard, log, name: name.to_owned(), shelf, channels: Mutex::default() }
    }

    /// Whether it is known whom the spec names.
    pub async fn has_begun(&self) -> bool {
        self.channels.lock().await.is_some()
    }

    /// Tells whom the spec names now.
    pub async fn follow(&self, header: &Header) {
        let mut channels = self.channels.lock().await;
        if channels.as_ref() != Some(&header.notify) {
            self.switchboard.set(&self.name, PATIENCE, || self.notifier(header)).await;
            *channels = Some(header.notify.clone());
        }
    }

    /// Writes something about this spec into the daemon's log.
    pub fn warn(&self, event: &str, text: &str) {
        self.log.say(LogLevel::Warn, event, Some(&self.name), text);
    }

    fn notifier(&self, header: &Header) -> Notifier {
        let (workspace, header) = (Arc::clone(&self.workspace), header.clone());
        let (folder, channels) = (header.folder.clone(), header.notify.clone());
        let connect = move || -> BoxFuture<'static, Result<Engine, Failure>> {
            let (workspace, header) = (Arc::clone(&workspace), header.clone());
            Box::pin(async move { workspace.engine(&header).await })
        };
        let (log, name) = (Arc::clone(&self.log), self.name.clone());
        let report = move |channel: &str, error: Option<&str>| match error {
            Some(error) => log.say(LogLevel::Warn, "notify_failed", Some(&name), &format!("{channel}: {error}")),
            None => log.say(LogLevel::Debug, "notified", Some(&name), channel),
        };
        let post = Arc::new(EnginePost::new(folder, Box::new(connect)));
        let clock = Arc::new(jiff::Timestamp::now);
        let (notifier, problem) = Notifier::start(&channels, Shelf::new(self.shelf.clone()), post, clock, Arc::new(report));
        if let Some(problem) = problem {
            self.log.say(LogLevel::Warn, "outbox_damaged", Some(&self.name), &problem);
        }
        notifier
    }
}

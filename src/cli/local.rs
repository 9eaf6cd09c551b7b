//! The embedded cloud, as a `--local` command has it: joined, or started for as long as it is needed.

use super::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::engine::Interrupt;
use crate::local::{Joined, Launch, LaunchError};
use crate::model::{Exit, Failure};
use std::path::Path;
use tokio::sync::Mutex;

/// Below the local state's folder, what the cloud keeps.
const CLOUD_FOLDER: &str = "cloud";

/// The cloud that this command calls, if it calls one.
#[derive(Default)]
pub struct LocalCloud(Mutex<Option<Joined>>);

impl LocalCloud {
    /// Where the cloud answers; it is joined or started first.
    ///
    /// # Errors
    /// [`Exit::Failed`] when its folder cannot be used.
    pub async fn endpoint_url(&self, state_folder: &Path) -> Result<String, Failure> {
        let mut cloud = self.0.lock().await;
        if cloud.is_none() {
            *cloud = Some(launch(state_folder, None, 0, false).join_or_start().await.map_err(failure)?);
        }
        Ok(cloud.as_ref().map(|joined| joined.server().endpoint_url.clone()).unwrap_or_default())
    }

    /// Makes the bucket for large packages, which the user has in AWS, where the cloud does not have it yet.
    ///
    /// # Errors
    /// [`Exit::Failed`] where it cannot be made, such as for a name that no bucket may have.
    pub async fn bucket(&self, region: &str, name: &str, ui: &Ui) -> Result<(), Failure> {
        let cloud = self.0.lock().await;
        let Some(cloud) = cloud.as_ref() else { return Ok(()) };
        let refused = |reason: String| {
            let diagnostic = Diagnostic::error("local-bucket", "The bucket for large packages cannot be made in the local cloud");
            let diagnostic = diagnostic.detail(format!("`code_bucket` in `[aws]` names `{name}`: {}", capitalised(&reason)));
            Failure::new(
                Exit::Failed,
                diagnostic.hint("the bucket's name must be one that S3 takes, and in the local cloud it has one region"),
            )
        };
        if cloud.has_bucket(region, name).await.map_err(refused)? {
            ui.status(&format!("Made the bucket `{name}` in the local cloud; on AWS it must be there"));
        }
        Ok(())
    }

    /// Ends the cloud, if this command started it. Events that it has accepted are worked off first, since
    /// nobody else would, and other commands that use it may end; a signal cuts that short.
    pub async fn stop(&self, interrupt: &Interrupt, ui: &Ui) {
        let Some(Joined::Started(running)) = self.0.lock().await.take() else { return };
        let rest = async {
            running.quiet().await;
            if running.has_users() {
                ui.status("Waiting for other commands that use this local cloud (Ctrl-C ends it); `lambdo local` serves one that stays");
            }
            running.unused_from_now_on().await
        };
        let _alone = tokio::select! {
            alone = rest => alone,
            () = interrupt.drain.cancelled() => None,
        };
        tokio::select! {
            () = running.stop() => {}
            () = interrupt.abort.cancelled() => {}
        }
    }
}

/// How the cloud of a project is served.
pub fn launch(state_folder: &Path, account: Option<&str>, port: u16, schedules: bool) -> Launch {
    Launch { folder: state_folder.join(CLOUD_FOLDER), account: account.map(str::to_owned), port, schedules }
}

/// Why there is no local cloud, for people.
pub fn failure(error: LaunchError) -> Failure {
    let diagnostic =
        Diagnostic::error("local-cloud", "The local cloud cannot be started").detail(format!("{}.", capitalised(&error.to_string())));
    Failure::new(
        Exit::Failed,
        match error {
            LaunchError::Port { .. } => diagnostic.hint("give another one with `--port N`, or `--port 0` for any free one"),
            LaunchError::AlreadyServed { .. } => diagnostic.hint("commands with `--local` join it; to serve anew, end that process first"),
            LaunchError::Silent { .. } => diagnostic.hint("it may just be ending: try again"),
            LaunchError::Folder { .. } => diagnostic,
        },
    )
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// This machine's architecture in Lambda's words.
pub fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

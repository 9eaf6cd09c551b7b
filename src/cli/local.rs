//! The embedded cloud, as a `--local` command has it: joined, or started for as long as it is needed.

use super::named_file;
use super::render::file_name;
use super::ui::Ui;
use crate::diagnostic::Diagnostic;
use crate::engine::Interrupt;
use crate::local::{FaultPlan, Joined, Launch, LaunchError, Server};
use crate::model::{Exit, Failure};
use std::path::Path;
use tokio::sync::Mutex;

/// Below the local state's folder, what the cloud keeps.
const CLOUD_FOLDER: &str = "cloud";

/// The cloud that this command calls, if it calls one.
#[derive(Default)]
pub struct LocalCloud(Mutex<Option<Joined>>);

impl LocalCloud {
    /// Where the cloud answers; it is joined or started first. Started, its schedules fire if `schedules` says so.
    ///
    /// # Errors
    /// [`Exit::Failed`] when its folder cannot be used.
    pub async fn endpoint_url(&self, state_folder: &Path, schedules: bool, faults: Option<FaultPlan>) -> Result<String, Failure> {
        let mut cloud = self.0.lock().await;
        if cloud.is_none() {
            let has_faults = faults.is_some();
            let launch = Launch { faults, ..launch(state_folder, None, 0, schedules) };
            match launch.join_or_start().await.map_err(failure)? {
                Joined::Found(found) if has_faults => return Err(faults_of_another(&found.server)),
                joined => *cloud = Some(joined),
            }
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
        let joined = self.0.lock().await.take();
        let Some(Joined::Started(running)) = joined else { return };
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
    Launch { folder: state_folder.join(CLOUD_FOLDER), account: account.map(str::to_owned), port, schedules, faults: None }
}

/// Reads a fault plan.
///
/// # Errors
/// [`Exit::Usage`] when there is no such file, or with everything that is wrong with it.
pub fn faults(path: &Path) -> Result<FaultPlan, Failure> {
    let name = file_name(path);
    let text = named_file::text(path).map_err(|error| {
        let diagnostic = Diagnostic::error("faults-unreadable", "The fault plan cannot be read");
        let diagnostic = diagnostic.detail(format!("`{name}` cannot be read: {error}."));
        Failure::new(Exit::Usage, diagnostic.hint("`docs/faults.md` in lambdo's sources has the form of such a file, and all faults"))
    })?;
    FaultPlan::parse(&text).map_err(|error| {
        let told = |what: &String| {
            Diagnostic::error("bad-faults", "The fault plan is wrong")
                .detail(format!("`{name}`: {what}"))
                .hint("`docs/faults.md` in lambdo's sources has the form and all faults")
        };
        Failure { exit: Exit::Usage, diagnostics: error.0.iter().map(told).collect() }
    })
}

fn faults_of_another(server: &Server) -> Failure {
    let diagnostic = Diagnostic::error("faults-of-another", "The local cloud is served by another process")
        .detail(format!("`--faults` was given, but the cloud is served by process {} already, which has its own plan or none.", server.pid))
        .hint("give the plan to that `lambdo local`, or end it first")
        .hint(format!("in mid-run a plan is set with `curl -T FILE {}/_lambdo/faults`", server.endpoint_url));
    Failure::new(Exit::Usage, diagnostic)
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
            LaunchError::Folder { folder, .. } => diagnostic.hint(format!(
                "if what is in `{}` is damaged, move it away: the local cloud begins anew, and `lambdo up` makes everything in it again",
                folder.display()
            )),
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

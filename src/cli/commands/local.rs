//! `lambdo local`: the local cloud for any AWS client.

use crate::aws::local_region;
use crate::cli::args::{Format, LocalArguments};
use crate::cli::local;
use crate::cli::view::json;
use crate::cli::workspace::Workspace;
use crate::local::{Launch, Server};
use crate::model::{Exit, Failure};

/// Serves until the first signal. That it ends then is what was asked for.
pub async fn run(workspace: &Workspace, arguments: &LocalArguments) -> Result<Exit, Failure> {
    let (folder, region) = workspace.local_place()?;
    let faults = workspace.faults()?;
    let launch = local::launch(&folder, arguments.account.as_deref(), arguments.port, true);
    let launch = Launch { faults, ..launch };
    let running = launch.start().await.map_err(local::failure)?;
    show(workspace, &running.server, &local_region(region.as_deref()).await);
    workspace.ui.status(&format!("Serving {}, until Ctrl-C", launch.folder.display()));
    workspace.interrupt.drain.cancelled().await;
    tokio::select! {
        () = running.stop() => {}
        () = workspace.interrupt.abort.cancelled() => {}
    }
    Ok(Exit::Success)
}

/// The endpoint, and what to export so that other clients find it.
fn show(workspace: &Workspace, server: &Server, region: &str) {
    let variables = [
        ("AWS_ENDPOINT_URL", server.endpoint_url.as_str()),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
    ];
    match workspace.ui.format() {
        Format::Human | Format::Markdown => {
            let exports: Vec<String> = variables.iter().map(|(name, value)| format!("export {name}={value}")).collect();
            workspace
                .ui
                .status(&format!("The local cloud answers at {} as account {}. For other clients:", server.endpoint_url, server.account));
            workspace.ui.data(&exports.join("\n"));
            if ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].iter().any(|name| std::env::var_os(name).is_some()) {
                workspace.ui.data("export NO_PROXY=127.0.0.1,localhost");
            }
        }
        Format::Json => workspace.ui.document(&json::local(&server.endpoint_url, &server.account, region, server.pid, &variables)),
    }
}

//! `lambdo notify test`: whether what `[[notify]]` says works.

use crate::cli::args::Format;
use crate::cli::post::EnginePost;
use crate::cli::signals::unless_interrupted;
use crate::cli::view::{human, json};
use crate::cli::workspace::Workspace;
use crate::daemon::notify::{self, Refusal, Tested};
use crate::diagnostic::Diagnostic;
use crate::model::{Exit, Failure};

/// Sends each channel a message that shows that it works, and says what came back.
pub async fn test(workspace: &Workspace) -> Result<Exit, Failure> {
    let header = workspace.header(&workspace.config()?)?;
    if header.notify.is_empty() {
        return Err(nobody_to_tell());
    }
    let post = EnginePost::new(header.folder.clone(), Box::new(|| Box::pin(workspace.engine(&header))));
    let spec = header.stage.as_ref().map_or_else(|| header.project.clone(), |stage| format!("{}.{stage}", header.project));
    let is_json = workspace.ui.format() == Format::Json;
    let column = notify::names(&header.notify).iter().map(|name| human::width(name)).max().unwrap_or_default();
    // A receiver that is slow keeps nobody from seeing what the others said.
    let told = |(channel, sent): &Tested| {
        if !is_json {
            workspace.ui.view(&human::told(channel, sent.as_ref().err().map(|refusal| refusal.text.as_str()), column));
        }
    };
    let sent = async { Ok(notify::test(&header.notify, &spec, &post, jiff::Timestamp::now(), told).await) };
    let told = unless_interrupted(&workspace.interrupt, sent).await?;
    let results: Vec<(String, Option<String>)> = told.into_iter().map(|(channel, sent)| (channel, sent.err().map(text))).collect();
    if is_json {
        workspace.document(json::notify_test(&header.project, header.stage.as_deref(), &results));
    }
    Ok(if results.iter().all(|(_, error)| error.is_none()) { Exit::Success } else { Exit::Failed })
}

fn text(refusal: Refusal) -> String {
    refusal.text
}

fn nobody_to_tell() -> Failure {
    let diagnostic = Diagnostic::error("nobody-to-tell", "The spec tells nobody")
        .detail("It has no `[[notify]]`, so there is nothing to be tried.")
        .hint("for a chat: `[[notify]]` with `webhook = { env = \"SLACK_WEBHOOK_URL\" }` and `format = \"slack\"`");
    Failure::new(Exit::Usage, diagnostic)
}

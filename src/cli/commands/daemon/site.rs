//! Where the page is served, and to whom.

use super::log::{Log, LogLevel};
use crate::cli::args::DaemonArguments;
use crate::cli::named_file;
use crate::cli::workspace::Workspace;
use crate::daemon::Daemon;
use crate::daemon::http::{Gate, Site, Token, serve};
use crate::diagnostic::Diagnostic;
use crate::model::{Exit, Failure};
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Where the token may stand besides a file.
const TOKEN_VARIABLE: &str = "LAMBDO_TOKEN";

/// Where is listened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Nowhere,
    /// At an address and port; port 0 for a free one.
    At(SocketAddr),
}

impl Listen {
    /// Where is listened if nobody says otherwise.
    pub const USUAL: &str = "127.0.0.1:7420";
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Nowhere);
        }
        let address = text.replacen("localhost:", "127.0.0.1:", 1);
        address.parse().map(Self::At).map_err(|_| "it is neither an IP address with a port, such as 127.0.0.1:7420, nor `none`".to_owned())
    }
}

/// Where, and who may come in.
pub struct Door {
    address: SocketAddr,
    /// Whether a person chose the address.
    is_chosen: bool,
    gate: Gate,
}

/// What the arguments say about it; `None` where nothing is served.
///
/// # Errors
/// [`Exit::Usage`] for a token that is missing, cannot be read or can be guessed.
pub fn door(workspace: &Workspace, arguments: &DaemonArguments) -> Result<Option<Door>, Failure> {
    let Listen::At(address) = arguments.listen else { return Ok(None) };
    let token = token(workspace, arguments)?;
    if token.is_none() && !address.ip().is_loopback() {
        let diagnostic = Diagnostic::error("no-token", "The page would be open to everybody")
            .detail(format!("`{address}` can be reached from other machines, and no token is given."))
            .hint(format!("put a token into a file and name it with `--token-file FILE`, or into `{TOKEN_VARIABLE}`"))
            .hint("a token: `openssl rand -hex 32`");
        return Err(Failure::new(Exit::Usage, diagnostic));
    }
    let gate = Gate::new(token, arguments.hosts.clone()).map_err(|error| {
        Failure::new(Exit::Failed, Diagnostic::error("no-random-numbers", "There are no random numbers").detail(format!("{error}.")))
    })?;
    let is_chosen = Listen::from_str(Listen::USUAL).as_ref() != Ok(&arguments.listen);
    Ok(Some(Door { address, is_chosen, gate }))
}

fn token(workspace: &Workspace, arguments: &DaemonArguments) -> Result<Option<Token>, Failure> {
    let wrong = |place: &str, why: &str| {
        let diagnostic = Diagnostic::error("bad-token", "The daemon's token cannot be used").detail(format!("{place} {why}."));
        Failure::new(Exit::Usage, diagnostic.hint("a token: `openssl rand -hex 32`"))
    };
    let (place, text) = match (&arguments.token_file, std::env::var(TOKEN_VARIABLE)) {
        (Some(file), _) => {
            let place = format!("The file `{}`", file.display());
            let text = named_file::text(&workspace.path(file));
            (place.clone(), text.map_err(|error| wrong(&place, &format!("cannot be read: {error}")))?)
        }
        (None, Ok(text)) => (format!("The variable `{TOKEN_VARIABLE}`"), text),
        (None, Err(_)) => return Ok(None),
    };
    let token = Token::new(&text).map_err(|why| wrong(&place, &why))?;
    workspace.ui.scrubber().learn(text.trim());
    Ok(Some(token))
}

/// Serves until the daemon is stopped.
///
/// # Errors
/// When the address that was chosen cannot be had. Another daemon at the usual one keeps this one from serving, not from watching.
pub async fn open(door: Option<Door>, daemon: &Daemon, log: &Log) -> Result<JoinHandle<()>, Failure> {
    let Some(door) = door else { return Ok(tokio::spawn(async {})) };
    let listener = match TcpListener::bind(door.address).await {
        Ok(listener) => listener,
        Err(error) if door.is_chosen => return Err(cannot_listen(door.address, &error)),
        Err(error) => {
            let text = format!("the page is not served: {} cannot be had: {error}; `--listen` takes another address", door.address);
            log.say(LogLevel::Warn, "page_not_served", None, &text);
            return Ok(tokio::spawn(async {}));
        }
    };
    let address = listener.local_addr().unwrap_or(door.address);
    log.say(LogLevel::Info, "page_served", None, &format!("the page is at http://{address}/"));
    let site = Site::new(daemon, door.gate);
    Ok(tokio::spawn(serve(listener, Arc::new(site))))
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> Failure {
    let diagnostic = Diagnostic::error("cannot-listen", "The page cannot be served there").detail(format!("`{address}`: {error}."));
    Failure::new(Exit::Failed, diagnostic.hint("take another address with `--listen`, or `--listen none`"))
}

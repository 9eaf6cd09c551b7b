//! Why the first call of a run failed, and what to do about it: most of what can be wrong is wrong here.

use super::error::{AwsError, ErrorClass};
use super::session::Settings;
use super::sources::{Sources, endpoint_source, proxy};
use crate::diagnostic::Diagnostic;

/// What is said in place of what the SDK says when no source has credentials.
pub(super) const WITHOUT_CREDENTIALS: &str = "no credentials were found";

/// The error of the first call, with where its credentials and its endpoint come from. `place` is the region and an
/// endpoint that is not AWS's own.
pub(super) fn explained(error: &AwsError, settings: &Settings, sources: Option<&Sources>, place: (&str, Option<&str>)) -> Diagnostic {
    let (diagnostic, (region, endpoint)) = (error.diagnostic(), place);
    let Some(sources) = sources else { return diagnostic };
    let diagnostic = match error.class {
        ErrorClass::Credentials => without_working_credentials(error, sources),
        _ => diagnostic,
    };
    let hints = match endpoint {
        Some(endpoint) => vec![format!("the endpoint `{endpoint}` comes from {}", endpoint_source(settings))],
        // A region that does not exist has no host.
        None if error.says("cannot be resolved") => {
            vec![format!("either this machine is offline, or there is no region `{region}`: its name is part of the host's")]
        }
        None => Vec::new(),
    };
    let is_strange = error.code.is_none() && error.status.is_some();
    let strange = is_strange.then(|| "no AWS error code came with the answer: is it AWS that answers there?".to_owned());
    let diagnostic = hints.into_iter().chain(strange).fold(diagnostic, Diagnostic::hint);
    match proxy().filter(|_| error.status.is_none() && error.class != ErrorClass::Credentials) {
        Some((name, url)) => {
            diagnostic.hint(format!("calls go through the proxy `{url}`, since `{name}` is set; `NO_PROXY` names hosts without it"))
        }
        None => diagnostic,
    }
}

fn without_working_credentials(error: &AwsError, sources: &Sources) -> Diagnostic {
    let diagnostic = error.diagnostic();
    if error.message.starts_with(WITHOUT_CREDENTIALS) {
        let detail = format!("{}:\n{}", capitalised(WITHOUT_CREDENTIALS), sources.without_credentials());
        let hints = [
            "`aws configure` keeps keys in a profile, `aws configure sso` those of a single sign-on",
            "with `--local` no credentials are needed",
        ];
        let diagnostic = Diagnostic::error("aws-no-credentials", "There are no AWS credentials").detail(detail);
        return hints.into_iter().fold(diagnostic, Diagnostic::hint);
    }
    let detail = format!("{}\nThe credentials come from {}.", diagnostic.detail, sources.credentials());
    let diagnostic = Diagnostic { hints: Vec::new(), ..diagnostic }.detail(detail);
    hints(error, sources).into_iter().fold(diagnostic, Diagnostic::hint)
}

fn hints(error: &AwsError, sources: &Sources) -> Vec<String> {
    let clock: Vec<String> = error.clock_hint().into_iter().collect();
    if !clock.is_empty() {
        return clock;
    }
    let is_expired = error.code.as_deref().is_some_and(|code| code.starts_with("ExpiredToken")) || error.says("expired");
    let first = if sources.is_single_sign_on() {
        format!("log in again: `aws sso login --profile {}`", sources.profile())
    } else if sources.is_session_of_environment() {
        "the keys in the environment are those of a session (`AWS_SESSION_TOKEN`), which has an end: get new ones".to_owned()
    } else if is_expired {
        "get new credentials: these have an end".to_owned()
    } else {
        "`aws sts get-caller-identity` shows whether the credentials work".to_owned()
    };
    vec![first, "choose others with `--profile` or the variables `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`".to_owned()]
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

//! Who may come in: which hosts, with which token, from which page.

mod token;

pub use token::Token;

use super::Site;
use super::refusal::{Refusal, is_for_programs};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::BytesMut;
use futures::StreamExt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The largest body that is read; the largest form of the page has some hundred bytes.
const BODY_MAX_BYTES: usize = 64 * 1024;
/// So much of a larger one is read and dropped.
const READ_MAX_BYTES: usize = 1024 * 1024;
/// So long a body may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
/// Where the session of a browser stands.
pub const COOKIE: &str = "lambdo_session";
/// What is answered without a token: it tells nothing about any spec.
const OPEN: &[&str] = &["/healthz", "/readyz", "/login", "/style.css", "/live.js", "/icon.svg"];
/// On every answer. `no-referrer` would make browsers send `Origin: null` with our own forms:
/// <https://fetch.spec.whatwg.org/#append-a-request-origin-header>; `same-origin` tells others as little.
const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("cache-control", "no-store"),
];

/// Who may come in.
pub struct Gate {
    token: Option<Token>,
    /// Names under which the daemon may be called, besides `localhost` and addresses.
    hosts: Vec<String>,
    key: [u8; 32],
}

impl Gate {
    /// With a token or without, and for these host names.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn new(token: Option<Token>, hosts: Vec<String>) -> std::io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Self { token, hosts, key })
    }

    /// Whether a token is asked for.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether this is the token.
    pub fn is_token(&self, text: &str) -> bool {
        self.token.as_ref().is_some_and(|token| token.is(text, &self.key))
    }

    /// What a browser has in its cookie after the token was right.
    pub fn session(&self) -> String {
        crate::model::hmac_sha256(&self.key, b"session")
    }

    /// What a form must bring back: a page of somebody else cannot read it.
    pub fn form_token(&self) -> String {
        crate::model::hmac_sha256(&self.key, b"form")
    }

    /// Whether this is what [`Gate::form_token`] gave.
    pub fn is_form_token(&self, text: &str) -> bool {
        token::is_same(text, &self.form_token(), &self.key)
    }

    fn is_known(&self, headers: &HeaderMap) -> bool {
        // The scheme is written in any case: <https://www.rfc-editor.org/rfc/rfc9110#section-11.1>
        let bearer = text(headers, header::AUTHORIZATION).and_then(|value| value.split_once(' '));
        let bearer = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, given)| given);
        let is_session = || cookies(headers).any(|session| token::is_same(session, &self.session(), &self.key));
        !self.has_token() || bearer.is_some_and(|given| self.is_token(given.trim())) || is_session()
    }

    /// Whether the daemon may be called by this name. A name that somebody else owns can be made to lead here, an address cannot.
    fn is_host(&self, host: &str) -> bool {
        let Some(name) = name_of(host) else { return false };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        name == "localhost" || name.parse::<IpAddr>().is_ok() || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(&name))
    }

    fn judge(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).filter(|_| hosts.next().is_none()).unwrap_or_default();
        // A whole address in the first line beats the header: <https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2>
        let is_ours = uri.authority().is_none_or(|authority| authority.as_str().eq_ignore_ascii_case(host));
        if !is_ours || !self.is_host(host) {
            let refusal = Refusal::new(403, "host_not_allowed", "The daemon is not called by this name.");
            return Err(refusal.hint("whoever started it can allow the name: `lambdo daemon --host NAME`"));
        }
        from_our_page(method, headers, host)?;
        if percent_encoding::percent_decode_str(uri.path()).decode_utf8().is_err() {
            return Err(Refusal::not_found("There is nothing at this address."));
        }
        let is_document = text(headers, header::CONTENT_TYPE).is_none_or(|sort| sort.split(';').next() == Some("application/json"));
        if uri.path().starts_with("/api/") && !is_document {
            return Err(Refusal::new(415, "not_json", "The API takes `application/json`."));
        }
        // The page's forms bring a token of their own along, what programs send has none but the daemon's.
        if uri.path().starts_with("/api/") && is_change(method) && !self.has_token() {
            let refusal = Refusal::new(401, "no_token", "A change needs a token, and the daemon was started without one.");
            return Err(refusal.hint("start it with `--token-file FILE`; the page's buttons work without"));
        }
        if OPEN.contains(&uri.path()) || self.is_known(headers) {
            return Ok(());
        }
        Err(Refusal::new(401, "no_token", "This needs the daemon's token."))
    }
}

fn is_change(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

/// Refuses what the browser of somebody sends for the page of somebody else. Who is no browser sends none of these headers.
fn from_our_page(method: &Method, headers: &HeaderMap, host: &str) -> Result<(), Refusal> {
    let foreign = || Refusal::new(403, "cross_site", "This came from another site's page.");
    let is_change = is_change(method);
    let said = |name: &'static str| text(headers, HeaderName::from_static(name));
    let is_ours = matches!(said("sec-fetch-site"), None | Some("same-origin"));
    // A link from elsewhere may lead here; nothing else may.
    let is_visit = said("sec-fetch-mode") == Some("navigate") && said("sec-fetch-dest").is_none_or(|place| place == "document");
    let is_typed = said("sec-fetch-site") == Some("none");
    if !is_ours && (is_change || !(is_visit || is_typed)) {
        return Err(foreign());
    }
    // A browser sends one: of several, nobody knows which one counts.
    let origins: Vec<&HeaderValue> = headers.get_all(header::ORIGIN).iter().collect();
    match origins[..] {
        [] => Ok(()),
        [origin] if !is_change || is_origin(origin, host) => Ok(()),
        _ if !is_change => Ok(()),
        _ => Err(foreign()),
    }
}

/// Whether a page at this origin is at this host. A proxy may have taken TLS off.
fn is_origin(origin: &HeaderValue, host: &str) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    let place = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    place.is_some_and(|place| place.eq_ignore_ascii_case(host))
}

/// The name in `name:port`, if it is nothing else.
fn name_of(host: &str) -> Option<&str> {
    let (name, rest) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit());
    (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port)).then_some(name)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// Lets a request in or refuses it, and puts on every answer what keeps browsers careful.
pub async fn pass(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut response = match site.gate.judge(&method, &uri, request.headers()) {
        Ok(()) => match whole(request).await {
            Ok(request) => next.run(request).await,
            Err(refusal) => refusal.into_response(),
        },
        Err(refusal) if refusal.status == 401 && method == Method::GET && !is_for_programs(uri.path()) => to_login(&uri),
        Err(refusal) => refusal.into_response(),
    };
    let refusal = response.extensions().get::<Refusal>().cloned();
    // Which methods an address takes, the router knows.
    let allowed = response.headers_mut().remove(header::ALLOW);
    let mut response = refusal.map_or(response, |refusal| refusal.answer(&uri));
    allowed.into_iter().for_each(|allowed| drop(response.headers_mut().insert(header::ALLOW, allowed)));
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// The request with all of its body, within the limits.
async fn whole(request: Request) -> Result<Request, Refusal> {
    let (parts, body) = request.into_parts();
    let late = |_| Refusal::new(408, "too_slow", "The request took too long to arrive.");
    let bytes = tokio::time::timeout(BODY_PATIENCE, read(body)).await.map_err(late)??;
    Ok(Request::from_parts(parts, Body::from(bytes.freeze())))
}

/// Reads somewhat more than it takes: who is still sending does not hear that it is too much.
async fn read(body: Body) -> Result<BytesMut, Refusal> {
    let (mut chunks, mut bytes, mut length) = (body.into_data_stream(), BytesMut::new(), 0);
    while length <= READ_MAX_BYTES
        && let Some(chunk) = chunks.next().await
    {
        let chunk = chunk.map_err(|_| Refusal::new(400, "broken_off", "The request broke off."))?;
        length += chunk.len();
        if length <= BODY_MAX_BYTES {
            bytes.extend_from_slice(&chunk);
        }
    }
    if length > BODY_MAX_BYTES { Err(Refusal::new(413, "too_large", "The request is too large.")) } else { Ok(bytes) }
}

fn to_login(uri: &Uri) -> Response {
    let wanted = uri.path_and_query().map_or("/", |wanted| wanted.as_str());
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("to", wanted).finish();
    Redirect::to(&format!("/login?{query}")).into_response()
}

#[cfg(test)]
mod tests;

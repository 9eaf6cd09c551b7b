//! The form that asks for the token, and the session that comes of it.

use super::super::gate::COOKIE;
use super::super::{Refusal, Site};
use super::layout::Layout;
use super::{asked, fields, own_fields, see};
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use maud::html;
use std::sync::Arc;
use std::time::Duration;

/// A wrong token is answered this much later.
const PAUSE: Duration = Duration::from_millis(500);

/// The form.
pub async fn page(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Response {
    if !site.gate.has_token() {
        return see("/");
    }
    form(&own(asked(query.as_deref(), "to").as_deref()), false)
}

/// Takes the token and gives a session.
pub async fn login(State(site): State<Arc<Site>>, request: Request) -> Result<Response, Refusal> {
    let is_encrypted = is_encrypted(request.headers());
    let fields = fields(request).await?;
    let to = own(fields.get("to").map(String::as_str));
    if !fields.get("token").is_some_and(|token| site.gate.is_token(token.trim())) {
        tokio::time::sleep(PAUSE).await;
        let mut response = form(&to, true);
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(response);
    }
    Ok(with_cookie(see(&to), &site.gate.session(), is_encrypted))
}

/// Takes the session out of the browser.
pub async fn logout(State(site): State<Arc<Site>>, request: Request) -> Result<Response, Refusal> {
    let is_encrypted = is_encrypted(request.headers());
    own_fields(&site, request).await?;
    Ok(with_cookie(see("/login"), "; Max-Age=0", is_encrypted))
}

fn with_cookie(mut response: Response, session: &str, is_encrypted: bool) -> Response {
    let secure = if is_encrypted { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Whether a proxy before us has taken TLS off. Who says so and is none keeps the cookie from himself.
fn is_encrypted(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https")
}

/// A page of ours, wherever somebody would like to lead.
fn own(to: Option<&str>) -> String {
    let is_own =
        |to: &&str| to.starts_with('/') && !to.starts_with("//") && to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    to.filter(is_own).unwrap_or("/").to_owned()
}

fn form(to: &str, is_wrong: bool) -> Response {
    let body = html! {
        div class="lonely" {
            h1 { "Log in" }
            p { "Whoever started this daemon gave it a token." }
            form method="post" action="/login" class="login" {
                input type="hidden" name="to" value=(to);
                label for="token" { "Token" }
                input id="token" name="token" type="password" required autocomplete="current-password" aria-invalid=[is_wrong.then_some("true")]
                    aria-describedby=[is_wrong.then_some("wrong")];
                @if is_wrong { p id="wrong" class="wrong" role="alert" { "This is not the token." } }
                button { "Log in" }
            }
            p class="quiet" { "You followed a link and were logged in already? " a href=(to) { "Go on" } }
        }
    };
    Layout { title: "Log in", ..Layout::default() }.page(&body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_led_to_our_pages_only() {
        for to in ["https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nSet-Cookie: b", "", "javascript:alert(1)"] {
            assert_eq!(own(Some(to)), "/", "{to}");
        }
        assert_eq!(own(Some("/specs/demo?told=check")), "/specs/demo?told=check");
    }
}

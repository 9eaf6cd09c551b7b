//! What all pages have around them.

use super::super::Site;
use super::words;
use crate::daemon::View;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

/// The frame of a page.
#[derive(Default)]
pub struct Layout<'a> {
    /// In the browser's title, and the last of the trail.
    pub title: &'a str,
    /// The pages above this one: address and name.
    pub trail: Vec<(String, String)>,
    /// Whether there is a session that can be ended.
    pub has_session: bool,
    /// What a form must bring back.
    pub form_token: String,
    /// Whether the page follows what happens.
    pub is_live: bool,
    /// What was just done, if anything.
    pub told: Option<&'static str>,
}

impl<'a> Layout<'a> {
    /// A page that follows what happens.
    pub fn live(site: &Site, title: &'a str) -> Self {
        Self { is_live: true, ..Self::of(site, title) }
    }

    /// A page that stays as it is.
    pub fn of(site: &Site, title: &'a str) -> Self {
        let (has_session, form_token) = (site.gate.has_token(), site.gate.form_token());
        Self { title, has_session, form_token, ..Self::default() }
    }

    /// Below the page of a spec.
    pub fn below(mut self, view: &View) -> Self {
        self.trail.push((words::of_spec(&view.id, ""), view.id.clone()));
        self
    }

    /// With what was just done.
    pub fn told(mut self, told: Option<&'static str>) -> Self {
        self.told = told;
        self
    }

    /// The page with this in it.
    pub fn page(&self, body: &Markup) -> Response {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · lambdo" }
                    link rel="icon" href="/icon.svg" type="image/svg+xml";
                    link rel="stylesheet" href="/style.css";
                    @if self.is_live { script src="/live.js" defer {} }
                }
                body {
                    a class="skip" href="#main" { "To the content" }
                    (self.header())
                    main id="main" tabindex="-1" data-live[self.is_live] {
                        @if let Some(told) = self.told { p class="told" role="status" { (told) } }
                        (body)
                    }
                }
            }
        };
        (StatusCode::OK, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page.into_string()).into_response()
    }

    fn header(&self) -> Markup {
        html! {
            header class="top" {
                nav aria-label="Where you are" {
                    a class="brand" href="/" { span aria-hidden="true" { "λ" } " lambdo" }
                    @for (address, name) in &self.trail { span class="slash" aria-hidden="true" { "/" } a href=(address) { (name) } }
                }
                @if self.is_live { span class="pulse" id="pulse" hidden { "Live" } }
                @if self.has_session {
                    form method="post" action="/logout" { (form_token(&self.form_token)) button class="quiet" { "Log out" } }
                }
            }
        }
    }
}

/// What a form must bring back, where nobody sees it.
pub fn form_token(token: &str) -> Markup {
    html! { input type="hidden" name="form_token" value=(token); }
}

/// A part of a page that is brought up to date while it is looked at.
pub fn live_part(id: &str, label: &str, body: &Markup) -> Markup {
    html! { section id=(id) aria-labelledby={ (id) "-title" } data-part { h2 id={ (id) "-title" } { (label) } (body) } }
}

//! What all pages have around them.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

/// The frame of a page.
pub struct Layout<'a> {
    title: &'a str,
}

impl<'a> Layout<'a> {
    /// With this title.
    pub fn new(title: &'a str) -> Self {
        Self { title }
    }

    /// The page with this in it.
    pub fn page(&self, body: &Markup) -> Response {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) " · lambdo" }
                    link rel="stylesheet" href="/style.css";
                }
                body { main id="main" { (body) } }
            }
        };
        ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page.into_string()).into_response()
    }
}

//! What the state knows, as a graph and as a list.

use super::graph;
use super::words;
use crate::daemon::{Resource, View};
use maud::{Markup, html};

/// More resources make no picture that anybody reads.
const DRAWN_MAX: usize = 120;

/// The graph, and the list beside it.
pub fn section(view: &View) -> Markup {
    if view.resources.is_empty() {
        return html! { div class="empty" { p { "Nothing is deployed." } p class="quiet" { code { "lambdo up" } " deploys what the spec asks for." } } };
    }
    html! {
        @if view.resources.len() <= DRAWN_MAX { (graph::draw(view)) }
        @else { p class="quiet" { (view.resources.len()) " resources are too many for a picture; here is the list." } }
        details id="list" open[view.resources.len() > DRAWN_MAX] {
            summary { "As a list" }
            div class="scroll list" tabindex="0" role="region" aria-label="List of resources" {
                ul class="resources" { @for resource in &view.resources { (line(view, resource)) } }
            }
        }
    }
}

fn line(view: &View, resource: &Resource) -> Markup {
    let address = &resource.address;
    let drifted = view.findings_of(address).count();
    html! {
        li id={ "resource-" (address) } tabindex="-1" {
            div class="line" {
                code { (address) }
                @if drifted > 0 { span class="badge warn" { span class="sign" aria-hidden="true" { "≠" } " Drifted" } }
                @if address.kind == "function" { a href=(words::of_logs(&view.id, &address.name)) aria-label={ "Log of " (address.name) } { "Log" } }
            }
            p class="quiet" {
                (resource.physical_id)
                @if !resource.dependencies.is_empty() {
                    br;
                    "needs "
                    @for (index, needed) in resource.dependencies.iter().enumerate() { @if index > 0 { ", " } code { (needed) } }
                }
            }
        }
    }
}

//! What `lambdo init` says: for people and for programs.

use super::{Found, Function, example};
use crate::cli::view::human::{GREEN, YELLOW, counted, fitted, hanging, styled, width, wrapped};
use crate::cli::view::json::VERSION;
use serde_json::{Value as Json, json};

/// Where a place has less room than this, in columns, it gets a line of its own.
const PLACE_COLUMNS: usize = 30;

/// What is told.
pub struct View<'a> {
    /// What was found, the example included.
    pub found: &'a Found,
    /// The region that the spec names.
    pub region: Option<&'a str>,
    /// The spec's path as it is shown.
    pub config: &'a str,
    /// The files written, or that would be, as they are shown.
    pub files: &'a [String],
    /// The spec's text where it is not written.
    pub text: Option<&'a str>,
    /// The `.gitignore` that gets lines, as it is shown, and those lines.
    pub ignored: Option<(&'a str, &'a str)>,
    /// What stands before the verb in later commands, such as `-C shop`; empty when nothing must.
    pub options: &'a str,
}

impl View<'_> {
    fn is_example(&self) -> bool {
        self.found.has_room
    }
}

/// What was found, what was written, and what to do next.
pub fn human(view: &View<'_>, columns: usize) -> String {
    let mut blocks = vec![functions(view, columns)];
    blocks.extend(view.found.passed_over.iter().map(|one| {
        let text = format!("Not taken: {}: {}. If it is a function: `{}`{}.", one.file, one.reason(), one.setting(), one.remark());
        wrapped(&text, 0, columns).join("\n")
    }));
    blocks.extend((!view.found.foreign.is_empty()).then(|| foreign(view.found, columns)));
    blocks.extend(view.found.is_cut.then(|| {
        let text = "There are more files than lambdo looks at: what lies in the rest is not in the spec. Name a smaller folder.";
        wrapped(text, 0, columns).join("\n")
    }));
    let verb = if view.text.is_some() { "Would write" } else { "Wrote" };
    let mut files: Vec<String> = view.files.iter().map(|file| format!("{verb} {}", styled(GREEN, file))).collect();
    let add = if view.text.is_some() { "Would add" } else { "Added" };
    files.extend(view.ignored.map(|(file, lines)| format!("{add} {lines} to {}", styled(GREEN, file))));
    blocks.push(files.join("\n"));
    blocks.push(next(view, columns));
    blocks.join("\n\n")
}

fn functions(view: &View<'_>, columns: usize) -> String {
    let found = view.found;
    if found.functions.is_empty() {
        return wrapped("No functions found. The spec shows how one is written.", 0, columns).join("\n");
    }
    if view.is_example() {
        let text = format!("No functions found, so here is an example: {}, a Rust crate in {}.", example::NAME, example::FOLDER);
        return wrapped(&text, 0, columns).join("\n");
    }
    let longest = found.functions.iter().map(|function| width(&function.name)).max().unwrap_or_default();
    let mut lines = vec![format!("Found {}:", counted(found.functions.len(), "function"))];
    for function in &found.functions {
        lines.push(line(function, longest, columns));
    }
    // Said once for each reason, since a folder of Python has the same one many times.
    let mut reasons: Vec<(&str, &str)> = found.functions.iter().filter_map(|one| Some((one.language(), one.reason()?))).collect();
    reasons.sort_unstable();
    reasons.dedup();
    if !reasons.is_empty() {
        lines.push(String::new());
        lines.push(format!("{} commented out in the spec:", styled(YELLOW, "#")));
        lines.extend(reasons.iter().flat_map(|(language, reason)| hanging(&format!("{language}: {reason}."), 4, columns)));
    }
    lines.join("\n")
}

fn line(function: &Function, longest: usize, columns: usize) -> String {
    let mark = if function.reason().is_none() { styled(GREEN, "+") } else { styled(YELLOW, "#") };
    let (name, language, place) = (&function.name, function.language(), function.place());
    // Mark, gaps and the longest language take 18 columns.
    match columns.saturating_sub(longest + 18) {
        0..PLACE_COLUMNS => format!("  {mark} {name}  {language}\n      {}", fitted(&place, columns.saturating_sub(6))),
        space => format!("  {mark} {name:<longest$}  {language:<10}  {}", fitted(&place, space)),
    }
}

fn foreign(found: &Found, columns: usize) -> String {
    let files: Vec<String> = found.foreign.iter().map(|(tool, file)| format!("{file} ({tool})")).collect();
    let text = format!(
        "Not read: {}. What such files declare beyond the code must be written into the spec by hand; what was deployed by them stays as it is.",
        files.join(", ")
    );
    wrapped(&text, 0, columns).join("\n")
}

fn next(view: &View<'_>, columns: usize) -> String {
    let first = view.found.functions.iter().find(|function| function.reason().is_none());
    let verb = |words: &str| if view.options.is_empty() { format!("lambdo {words}") } else { format!("lambdo {} {words}", view.options) };
    let steps = match first {
        Some(first) => vec![
            (verb("--local up"), "run it on this machine, without AWS"),
            (verb(&format!("invoke {} --local", first.name)), "call it"),
            (verb("up"), "deploy it to AWS, after a question"),
        ],
        None => vec![(verb("validate"), "after you have written a function into the spec")],
    };
    let longest = steps.iter().map(|(command, _)| width(command)).max().unwrap_or_default();
    let mut lines = vec!["Next:".to_owned()];
    let is_narrow = steps.iter().any(|(_, what)| 2 + longest + 2 + width(what) > columns);
    for (command, what) in steps {
        lines.push(if is_narrow { format!("  {command}\n      {what}") } else { format!("  {command:<longest$}  {what}") });
    }
    lines.push(String::new());
    let state = "`state/` will say what was deployed: keep it, in git for instance, but keep `state/local/`, `state/build/`, `state/runs/` and `state/*.lock` out of git.";
    lines.extend(wrapped(state, 0, columns));
    lines.join("\n")
}

/// The document of `init`.
pub fn document(view: &View<'_>) -> Json {
    let found = view.found;
    let functions: Vec<Json> = found.functions.iter().map(function).collect();
    let foreign: Vec<Json> = found.foreign.iter().map(|(tool, file)| json!({ "tool": tool, "file": file })).collect();
    let passed_over: Vec<Json> =
        found.passed_over.iter().map(|one| json!({ "file": one.file, "reason": one.reason(), "setting": one.setting() })).collect();
    let written: Vec<&str> = match view.text {
        Some(_) => Vec::new(),
        None => view.files.iter().map(String::as_str).chain(view.ignored.map(|(file, _)| file)).collect(),
    };
    let mut document = json!({
        "version": VERSION,
        "command": "init",
        "project": found.project,
        "region": view.region,
        "config": view.config,
        "functions": functions,
        "example": view.is_example(),
        "not_read": foreign,
        "passed_over": passed_over,
        "cut": found.is_cut,
        "written": written,
    });
    if let (Some(text), Some(object)) = (view.text, document.as_object_mut()) {
        object.insert("text".into(), text.into());
    }
    document
}

fn function(function: &Function) -> Json {
    let mut one = json!({
        "name": function.name,
        "language": function.language().to_lowercase(),
        "folder": function.folder,
        "commented_out": function.reason().is_some(),
    });
    if let (Some(reason), Some(object)) = (function.reason(), one.as_object_mut()) {
        object.insert("reason".into(), reason.into());
    }
    one
}

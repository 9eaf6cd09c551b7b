//! Whether Linux finds the interpreter of a script (<https://man7.org/linux/man-pages/man2/execve.2.html>).

use super::format::{Format, SCRIPT_LINE_BYTES, Script};
use super::program::{Surroundings, TASK_ROOT, check as check_program, finding, is_there};
use super::system::{INTERPRETERS, NO_INTERPRETERS};
use super::{Place, Subject};
use crate::diagnostic::Diagnostic;

const IN_AN_IMAGE: &str = "take a base that has it, or start a program that needs no interpreter";

/// What keeps a script from being started.
pub(super) fn check(shown: &str, script: &Script, subject: &Subject<'_>, around: &dyn Surroundings) -> Option<Diagnostic> {
    if script.has_byte_order_mark {
        return Some(
            finding("script-start", "Linux does not see the first line of a script")
                .detail(format!("`{shown}` begins with a byte order mark, and only then comes `#!`. Save it as UTF-8 without one.")),
        );
    }
    if let Some((interpreter, _)) = script.interpreter.split_once('\r') {
        let detail = format!(
            "The lines of `{shown}` end with CR alone, so that Linux sees one line and seeks an interpreter `{interpreter}\\r…`. Save it with LF."
        );
        return Some(finding("script-line-ends", "A script has the line ends of old Macs").detail(detail));
    }
    if script.has_carriage_return {
        let detail = format!(
            "The first line of `{shown}` ends with CR LF, so that Linux seeks an interpreter `{}\\r`. Save it with LF alone.",
            script.interpreter
        );
        let diagnostic = finding("script-line-ends", "A script has the line ends of Windows").detail(detail);
        return Some(diagnostic.hint("with git: `*.sh text eol=lf` in `.gitattributes`"));
    }
    if script.is_too_long {
        let detail = format!(
            "Linux reads {SCRIPT_LINE_BYTES} bytes of the first line of `{shown}`, with its `#!`, and that has more. The rest of it is cut off."
        );
        let found = finding("script-start", "The first line of a script is too long").detail(detail);
        return Some(found.hint("let it name the interpreter alone, such as `#!/bin/sh`, and do the rest in the lines below"));
    }
    check_script_interpreter(shown, script, subject, around)
}

fn check_script_interpreter(shown: &str, script: &Script, subject: &Subject<'_>, around: &dyn Surroundings) -> Option<Diagnostic> {
    if !script.interpreter.starts_with('/') {
        let given = if script.interpreter.is_empty() { "nothing".to_owned() } else { format!("`{}`", script.interpreter) };
        let detail = format!("The first line of `{shown}` names {given} where the whole path of the interpreter must stand.");
        return Some(finding("script-start", "Linux does not see the first line of a script").detail(detail).hint("such as `#!/bin/sh`"));
    }
    let called = name_of(&script.interpreter);
    let is_env_missing = subject.place == Place::Image && around.has(&script.interpreter) == Some(false);
    if called == "env" && !is_env_missing {
        return check_env(shown, script, subject, around);
    }
    let (folder, _) = script.interpreter.rsplit_once('/')?;
    let is_usual = INTERPRETERS.contains(&called) && ["/bin", "/usr/bin"].contains(&folder);
    let known: &[&str] = if is_usual { &[&script.interpreter] } else { &[] };
    if !is_there(&script.interpreter, known, subject, around)? {
        return Some(missing_script_interpreter(shown, &script.interpreter, called, subject));
    }
    unusable_interpreter(shown, script, subject, around)
}

/// An interpreter in the package, or in the image, that Linux would not start
/// (<https://man7.org/linux/man-pages/man2/execve.2.html>).
fn unusable_interpreter(shown: &str, script: &Script, subject: &Subject<'_>, around: &dyn Surroundings) -> Option<Diagnostic> {
    let interpreter = &script.interpreter;
    let (mode, format) = around.file(interpreter)?;
    let why = match mode {
        mode if mode & 0o111 == 0 => "has no execute bit",
        mode if mode & 0o001 == 0 && !subject.is_here() => "only its owner may execute, and Lambda is another user",
        _ => {
            // A script may be run by another script.
            let name = interpreter.strip_prefix(TASK_ROOT).unwrap_or(interpreter);
            let found = if matches!(format, Format::Script(_)) { Vec::new() } else { check_program(name, &format, subject, around) };
            let hint = format!("`{shown}` is run by it: its first line is `#!{interpreter}`");
            return found.into_iter().find(Diagnostic::is_error).map(|found| found.hint(hint));
        }
    };
    let found = finding("not-executable", "The interpreter of a script is not executable");
    let found = found.detail(format!("`{shown}` is run by `{interpreter}`, which {why}."));
    Some(match subject.place {
        Place::Image => found.hint(format!("in a Dockerfile: `RUN chmod 755 {interpreter}`, or `COPY --chmod=755`")),
        _ => found.hint(format!("`chmod 755 {}`, and package it again", interpreter.strip_prefix(TASK_ROOT).unwrap_or(interpreter))),
    })
}

/// `env` seeks the interpreter in the `PATH`, which has the layers' `bin` in it, but not the package.
fn check_env(shown: &str, script: &Script, subject: &Subject<'_>, around: &dyn Surroundings) -> Option<Diagnostic> {
    let mut words = script.argument.split_whitespace();
    let first = words.next().unwrap_or_default();
    let is_split = first == "-S" || first == "--split-string";
    let called = if is_split { words.next().unwrap_or_default() } else { first };
    if !is_split && words.next().is_some() {
        return Some(
            finding("missing-interpreter", "A script needs an interpreter that is not there")
                .detail(format!(
                    "Linux hands `{}` to `env` as one name, and there is no program of that name. `env -S` splits it.",
                    script.argument
                ))
                .hint(format!("the first line of `{shown}`: `#!/usr/bin/env -S {}`", script.argument)),
        );
    }
    if subject.place == Place::Image && around.finds(called) == Some(false) {
        let detail = format!("`{shown}` is run by `{called}`, which the `PATH` of the image does not lead to.");
        return Some(finding("missing-interpreter", "A script needs an interpreter that is not there").detail(detail).hint(IN_AN_IMAGE));
    }
    if subject.place != Place::Lambda || subject.has_more || INTERPRETERS.contains(&called) {
        return None;
    }
    Some(missing_script_interpreter(shown, called, name_of(called), subject))
}

fn missing_script_interpreter(shown: &str, interpreter: &str, called: &str, subject: &Subject<'_>) -> Diagnostic {
    let name = called.trim_end_matches(|character: char| character.is_ascii_digit() || character == '.');
    let (code, summary) = ("missing-interpreter", "A script needs an interpreter that is not there");
    let is_sure = NO_INTERPRETERS.contains(&name) || interpreter.starts_with(TASK_ROOT) || subject.place != Place::Lambda;
    let diagnostic = if is_sure { finding(code, summary) } else { Diagnostic::warning(code, summary) };
    let diagnostic = diagnostic.detail(format!("`{shown}` is run by `{interpreter}`, which {} does not have.", subject.around()));
    match name {
        _ if subject.place == Place::Image => diagnostic.hint(IN_AN_IMAGE),
        _ if subject.place != Place::Lambda => diagnostic,
        "python" | "node" | "nodejs" | "ruby" | "java" | "dotnet" => {
            let family = if name == "node" { "nodejs" } else { name };
            diagnostic.hint(format!("the runtimes `{family}…` have it; they call a handler and need no `bootstrap`"))
        }
        _ => diagnostic.hint("the shells `/bin/sh` and `/bin/bash` are there; anything else comes with a layer or an image"),
    }
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

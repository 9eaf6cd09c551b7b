//! Wording that several parts share.

use super::{BASE_UNREACHABLE, BUILD_FAILED};
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::Value;
use std::io;
use std::path::Path;

/// The code of what is not there.
pub(super) const MISSING_FILE: &str = "missing-file";

/// Something named in the spec is not there. `shown` is what the user wrote.
pub(super) fn missing(path: &Path, shown: &str, what: &str) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(MISSING_FILE, "A file of the package is not there");
    // The deepest folder that is there, and the name that it lacks.
    let lacking = path.ancestors().take_while(|ancestor| !ancestor.as_os_str().is_empty() && !ancestor.exists()).last().unwrap_or(path);
    let name = lacking.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if let Ok(end) = std::fs::read_link(lacking) {
        diagnostic.detail = format!("There is no {what} `{shown}`: `{name}` is a link to `{}`, which is not there.", end.display());
        return diagnostic;
    }
    diagnostic.detail = if lacking == path {
        format!("There is no {what} `{shown}`.")
    } else {
        format!("There is no {what} `{shown}`: already `{name}` on the way to it is missing.")
    };
    let folder = lacking.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names = names_in(folder);
    match nearest(&name, names.iter().map(String::as_str)) {
        Some(near) => diagnostic.hint(format!("`{near}` lies in the same folder; is it meant?")),
        None => diagnostic,
    }
}

/// The codes of what is said of base images.
const OF_SEVERAL: [&str; 6] =
    [BASE_UNREACHABLE, "no-base-image", "bad-base-image", "base-image-refused", "base-image-unchecked", "no-credentials"];

/// What holds for several packages, such as that a registry is down, told once, with the names of all.
pub(super) fn told_once(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut once: Vec<(Diagnostic, Vec<String>)> = Vec::new();
    for one in found {
        let is_same = |(first, _): &&mut (Diagnostic, Vec<String>)| first.code == one.code && first.detail == one.detail;
        match once.iter_mut().find(is_same).filter(|_| OF_SEVERAL.contains(&one.code)) {
            Some((_, others)) => others.extend(one.address),
            None => once.push((one, Vec::new())),
        }
    }
    let told = |(first, others): (Diagnostic, Vec<String>)| {
        if others.is_empty() { first } else { first.hint(format!("the same holds for {}", list(&others))) }
    };
    once.into_iter().map(told).collect()
}

/// A path as people write it, without the `./` that stands for the folder of the spec.
pub(super) fn brief(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The system refused to read something, or it is not the text that it should be.
pub(super) fn unreadable(shown: &str, error: &io::Error) -> Diagnostic {
    let detail = match error.kind() {
        io::ErrorKind::InvalidData => format!("`{shown}` is not a text in UTF-8. Save it as one."),
        _ => format!("`{shown}` cannot be read: {error}. Check that it is there and that you may read it."),
    };
    Diagnostic::error("unreadable-package", "A package cannot be read").detail(detail)
}

/// A key that a table does not have.
pub(super) fn unknown_key(table: &str, key: &str, known: &[&str]) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("unknown-key", "Unknown key").detail(format!("`{table}` has no key `{key}`. It has {}.", list(known)));
    match nearest(key, known.iter().copied()) {
        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

/// A value of the wrong type.
pub(super) fn wrong_type(key: &str, wanted: &str, given: &str) -> Diagnostic {
    Diagnostic::error("wrong-type", "A value has the wrong type").detail(format!("`{key}` is {given}; it takes {wanted}."))
}

/// Names in backticks with commas.
pub(super) fn list<T: AsRef<str>>(names: &[T]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// Builds may not run, and there is nothing from an earlier one.
pub(super) fn not_built(what: &str) -> Diagnostic {
    Diagnostic::error("not-built", "The package was not built")
        .detail(format!("Builds may not run (`--no-build`), and {what} is not there from an earlier one."))
        .hint("run without `--no-build`, or `lambdo build` before")
}

/// The texts of a list that has nothing else in it, and is not empty.
pub(super) fn strings(key: &str, value: &Value, wanted: &str) -> Result<Vec<String>, Diagnostic> {
    let items = value.as_list().unwrap_or_default();
    let strings = value.strings();
    if strings.is_empty() || strings.len() != items.len() {
        return Err(wrong_type(key, wanted, if items.is_empty() { "empty or no list" } else { value.type_name() }));
    }
    Ok(strings.into_iter().map(str::to_owned).collect())
}

/// Work on files, away from the threads that wait for other things.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Diagnostic> + Send + 'static) -> Result<T, Diagnostic> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Diagnostic::error(BUILD_FAILED, "A build failed").detail(error.to_string())))
}

/// The same for what only the system can refuse.
pub(super) async fn blocking_io<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Address;

    #[test]
    fn what_holds_for_several_packages_is_told_once() {
        let of = |code, name: &str| Diagnostic::error(code, "x").detail("The registry is down.").address(Address::new("function", name));
        let told = told_once(vec![
            of(BASE_UNREACHABLE, "a"),
            of("no-bootstrap", "b"),
            of(BASE_UNREACHABLE, "c"),
            of("no-bootstrap", "d"),
            of(BASE_UNREACHABLE, "e"),
        ]);
        let told: Vec<_> = told.iter().map(|one| (one.address.as_deref().unwrap(), one.hints.join(" "))).collect();
        let expected = [("function.a", "the same holds for `function.c`, `function.e`"), ("function.b", ""), ("function.d", "")];
        assert_eq!(told, expected.map(|(address, hint)| (address, hint.to_owned())));
    }
}

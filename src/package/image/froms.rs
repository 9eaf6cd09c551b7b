//! The images that a Dockerfile begins with, and what their names lead to now.
//! <https://docs.docker.com/reference/dockerfile/#from>

use crate::diagnostic::Diagnostic;
use crate::package::image::document::image_architecture;
use std::collections::{BTreeMap, BTreeSet};

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    /// A manifest or an index of several.
    To(String),
    /// The registry has no such image for us: it may be one that only the engine has.
    Nowhere,
    /// Nobody answers; why.
    Unknown(String),
}

/// Nobody could be asked whether a base image has moved.
pub(super) fn unchecked(name: &str, why: &str) -> Diagnostic {
    Diagnostic::warning("base-image-unchecked", "Whether a base image has moved is not known")
        .detail(format!("The registry of `{name}` cannot be asked ({}), so it is taken to be what it was.", why.trim_end_matches('.')))
}

/// The names of all images that come from elsewhere and may move: those of `FROM` and of `COPY --from`.
pub(super) fn names(text: &str, arguments: &BTreeMap<String, String>, architecture: &str) -> BTreeSet<String> {
    let mut variables = platform(architecture);
    let (mut stages, mut names, mut has_begun) = (BTreeSet::new(), BTreeSet::new(), false);
    for line in instructions(text) {
        let mut words = line.split_whitespace();
        let instruction = words.next().unwrap_or_default().to_ascii_uppercase();
        let (flags, words): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with("--"));
        match instruction.as_str() {
            // Only what stands before the first stage counts in `FROM`.
            "ARG" if !has_begun => words.iter().for_each(|word| declare(word, arguments, &mut variables)),
            "FROM" => {
                has_begun = true;
                let name = words.first().and_then(|name| replaced(name, &variables));
                names.extend(name.filter(|name| !stages.contains(&name.to_ascii_lowercase())));
                if let [_, word, stage, ..] = words[..]
                    && word.eq_ignore_ascii_case("as")
                {
                    stages.insert(stage.to_ascii_lowercase());
                }
            }
            "COPY" => {
                let from = flags.iter().find_map(|flag| flag.strip_prefix("--from="));
                let is_stage = |name: &str| stages.contains(&name.to_ascii_lowercase()) || name.bytes().all(|byte| byte.is_ascii_digit());
                names.extend(from.filter(|name| !is_stage(name) && !name.contains('$')).map(str::to_owned));
            }
            _ => {}
        }
    }
    names.retain(|name| name != "scratch" && !name.contains('@') && !name.starts_with("localhost/"));
    names
}

/// What engines set themselves.
/// <https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope>
fn platform(architecture: &str) -> BTreeMap<String, String> {
    let processor = image_architecture(architecture);
    let pairs = [("TARGETPLATFORM", format!("linux/{processor}")), ("TARGETOS", "linux".to_owned()), ("TARGETARCH", processor.to_owned())];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// `NAME` or `NAME=DEFAULT`; what the user gives counts before the default.
fn declare(word: &str, arguments: &BTreeMap<String, String>, variables: &mut BTreeMap<String, String>) {
    let (name, default) = word.split_once('=').map_or((word, None), |(name, default)| (name, Some(default)));
    let default = default.and_then(|default| replaced(default.trim_matches(['"', '\'']), variables));
    let value = arguments.get(name).cloned().or(default);
    variables.extend(value.map(|value| (name.to_owned(), value)));
}

/// The text with its variables filled in; nothing where one of them is not known.
fn replaced(text: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let Some((before, rest)) = text.split_once('$') else { return Some(text.to_owned()) };
    let (value, rest) = match rest.strip_prefix('{') {
        Some(rest) => {
            let (inner, rest) = rest.split_once('}')?;
            (value(inner, variables)?, rest)
        }
        None => {
            let end = rest.find(|character: char| !character.is_ascii_alphanumeric() && character != '_').unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            (variables.get(name)?.clone(), rest)
        }
    };
    Some(format!("{before}{value}{}", replaced(rest, variables)?))
}

/// What stands between braces: `NAME`, `NAME:-DEFAULT` or `NAME:+OTHER`.
fn value(inner: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let of = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
    match (inner.split_once(":-"), inner.split_once(":+")) {
        (Some((name, default)), _) => of(name).or_else(|| replaced(default, variables)),
        (_, Some((name, other))) => of(name).map_or(Some(String::new()), |_| replaced(other, variables)),
        _ => variables.get(inner).cloned(),
    }
}

/// Each instruction on a line of its own, without comments and without what stands in here-documents.
fn instructions(text: &str) -> Vec<String> {
    let escape = if text.lines().take(3).any(|line| line.replace(' ', "").eq_ignore_ascii_case("#escape=`")) { '`' } else { '\\' };
    let (mut all, mut begun, mut ends) = (Vec::new(), String::new(), Vec::<String>::new());
    for line in text.lines() {
        if let Some(end) = ends.first() {
            if line.trim_start_matches('\t') == end {
                ends.remove(0);
            }
            continue;
        }
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.strip_suffix(escape) {
            Some(part) => begun = begun + part + " ",
            None => {
                all.push(std::mem::take(&mut begun) + line);
                ends = all.last().map(|line| here_documents(line)).unwrap_or_default();
            }
        }
    }
    all
}

/// The words that end the here-documents of a line.
fn here_documents(line: &str) -> Vec<String> {
    let is_taken = ["RUN", "COPY", "ADD"].iter().any(|word| line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)));
    let words = line.split_whitespace().filter_map(|word| word.strip_prefix("<<")).filter(|_| is_taken);
    let words = words.map(|word| word.trim_start_matches('-').trim_matches(['"', '\'']).to_owned());
    words.filter(|word| word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, arguments: &[(&str, &str)]) -> Vec<String> {
        let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        names(text, &arguments, "arm64").into_iter().collect()
    }

    #[test]
    fn images_from_elsewhere_are_named_and_stages_are_not() {
        let text = "# syntax=docker/dockerfile:1\nfrom --platform=$BUILDPLATFORM golang:1.25 AS Build\nRUN go build\n\
                    FROM build as test\nFROM \\\n  public.ecr.aws/lambda/provided:al2023\nCOPY --from=build /app /app\n\
                    COPY --from=0 /app /app\nCOPY --chown=1 --from=ghcr.io/x/certs:1 /etc /etc\nFROM scratch\nFROM a@sha256:00\nFROM localhost/mine\n";
        assert_eq!(found(text, &[]), ["ghcr.io/x/certs:1", "golang:1.25", "public.ecr.aws/lambda/provided:al2023"]);
    }

    #[test]
    fn arguments_before_the_first_stage_are_filled_in() {
        let text = "ARG VERSION=3.12 TAG\nARG BASE=\"python:${VERSION}\"\nFROM ${BASE}-slim\nARG VERSION=9\nFROM x:$VERSION-${TARGETARCH}\n\
                    FROM y:${TAG:-latest}\nFROM z${TAG:+-with}:1\nFROM ${UNKNOWN}/x\n";
        assert_eq!(found(text, &[]), ["python:3.12-slim", "x:3.12-arm64", "y:latest", "z:1"]);
        assert_eq!(found(text, &[("VERSION", "3.13"), ("TAG", "t")]), ["python:3.13-slim", "x:3.13-arm64", "y:t", "z-with:1"]);
    }

    #[test]
    fn what_stands_in_a_here_document_is_none_of_it() {
        let text = "FROM a:1\nRUN <<EOF\nSELECT 1\nFROM b:1\nEOF\nRUN cat <<-'X' <<Y\nFROM c:1\n\tX\nFROM d:1\nY\nFROM e:1\n";
        assert_eq!(found(text, &[]), ["a:1", "e:1"]);
        assert_eq!(found("# escape=`\nFROM `\n f:1\n", &[]), ["f:1"]);
    }
}

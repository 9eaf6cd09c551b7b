//! Lambda's runtimes as of November 2026.
//!
//! AWS moves the dates of deprecations, so only what AWS has refused for years is refused here; the
//! rest is warned about, and a runtime that is newer than this table passes.

use crate::diagnostic::nearest;

/// What a function without a runtime gets.
pub(super) const USUAL: &str = "provided.al2023";

/// How a runtime stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It can be used.
    Current,
    /// AWS has ended its support; functions may still be made with it for a while.
    Deprecated,
    /// AWS refuses it on create and on update.
    Blocked,
}

const RUNTIMES: &[(&str, Standing, &str)] = &[
    ("provided.al2023", Standing::Current, ""),
    ("provided.al2", Standing::Deprecated, "provided.al2023"),
    ("nodejs26.x", Standing::Current, ""),
    ("nodejs24.x", Standing::Current, ""),
    ("nodejs22.x", Standing::Current, ""),
    ("nodejs20.x", Standing::Deprecated, "nodejs24.x"),
    ("nodejs18.x", Standing::Deprecated, "nodejs24.x"),
    ("nodejs16.x", Standing::Deprecated, "nodejs24.x"),
    ("nodejs14.x", Standing::Deprecated, "nodejs24.x"),
    ("python3.15", Standing::Current, ""),
    ("python3.14", Standing::Current, ""),
    ("python3.13", Standing::Current, ""),
    ("python3.12", Standing::Current, ""),
    ("python3.11", Standing::Current, ""),
    ("python3.10", Standing::Deprecated, "python3.14"),
    ("python3.9", Standing::Deprecated, "python3.14"),
    ("python3.8", Standing::Deprecated, "python3.14"),
    ("python3.7", Standing::Deprecated, "python3.14"),
    ("java25", Standing::Current, ""),
    ("java21", Standing::Current, ""),
    ("java17.al2023", Standing::Current, ""),
    ("java17", Standing::Current, ""),
    ("java11.al2023", Standing::Current, ""),
    ("java11", Standing::Current, ""),
    ("java8.al2023", Standing::Current, ""),
    ("java8.al2", Standing::Current, ""),
    ("java8", Standing::Deprecated, "java25"),
    ("dotnet10", Standing::Current, ""),
    ("dotnet8", Standing::Current, ""),
    ("dotnet6", Standing::Deprecated, "dotnet10"),
    ("ruby4.0", Standing::Current, ""),
    ("ruby3.4", Standing::Current, ""),
    ("ruby3.3", Standing::Current, ""),
    ("ruby3.2", Standing::Current, ""),
    ("ruby2.7", Standing::Deprecated, "ruby3.4"),
    ("go1.x", Standing::Blocked, "provided.al2023"),
    ("provided", Standing::Blocked, "provided.al2023"),
    ("nodejs", Standing::Blocked, "nodejs24.x"),
    ("nodejs4.3", Standing::Blocked, "nodejs24.x"),
    ("nodejs4.3-edge", Standing::Blocked, "nodejs24.x"),
    ("nodejs6.10", Standing::Blocked, "nodejs24.x"),
    ("nodejs8.10", Standing::Blocked, "nodejs24.x"),
    ("nodejs10.x", Standing::Blocked, "nodejs24.x"),
    ("nodejs12.x", Standing::Blocked, "nodejs24.x"),
    ("python2.7", Standing::Blocked, "python3.14"),
    ("python3.6", Standing::Blocked, "python3.14"),
    ("dotnetcore1.0", Standing::Blocked, "dotnet10"),
    ("dotnetcore2.0", Standing::Blocked, "dotnet10"),
    ("dotnetcore2.1", Standing::Blocked, "dotnet10"),
    ("dotnetcore3.1", Standing::Blocked, "dotnet10"),
    ("ruby2.5", Standing::Blocked, "ruby3.4"),
];

/// Refuses what no function can be made with. A newer member of a known family passes.
pub(super) fn check(text: &str) -> Result<(), String> {
    let known = RUNTIMES.iter().find(|(name, ..)| *name == text);
    match known {
        Some((_, Standing::Blocked, successor)) => Err(blocked(text, successor)),
        Some(_) => Ok(()),
        None if is_newer(text) => Ok(()),
        None => Err(unknown(text)),
    }
}

fn blocked(text: &str, successor: &str) -> String {
    let how = match text {
        "go1.x" => "; build the program with `GOOS=linux` and the tag `lambda.norpc` into a file called `bootstrap`",
        _ => "",
    };
    format!("is a runtime that AWS has ended: functions can neither be made nor updated with it. Use `{successor}`{how}")
}

fn unknown(text: &str) -> String {
    let usable = RUNTIMES.iter().filter(|(_, standing, _)| *standing == Standing::Current).map(|(name, ..)| *name);
    let hint = nearest(text, usable).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    format!("is not a runtime of Lambda{hint}")
}

/// Whether it looks like a runtime that came after this table was written.
fn is_newer(text: &str) -> bool {
    let version = |rest: &str| rest.split('.').all(|piece| !piece.is_empty() && piece.bytes().all(|byte| byte.is_ascii_digit()));
    if let Some(rest) = text.strip_prefix("nodejs") {
        return rest.strip_suffix(".x").is_some_and(version);
    }
    if let Some(rest) = text.strip_prefix("provided.al") {
        return version(rest);
    }
    let rest = text.split_once(".al").map_or(text, |(head, tail)| if version(tail) { head } else { text });
    if let Some(rest) = rest.strip_prefix("java").or_else(|| rest.strip_prefix("dotnet")) {
        return version(rest) && !rest.contains('.');
    }
    rest.strip_prefix("python").or_else(|| rest.strip_prefix("ruby")).is_some_and(|rest| rest.contains('.') && version(rest))
}

/// What to use instead of a runtime whose support has ended.
pub(super) fn successor(text: &str) -> Option<&'static str> {
    RUNTIMES.iter().find(|(name, standing, _)| *name == text && *standing == Standing::Deprecated).map(|(_, _, successor)| *successor)
}

/// Whether the package brings its own runtime, so that the handler has no meaning.
pub(super) fn is_custom(text: &str) -> bool {
    text.starts_with("provided")
}

/// A handler as one would write it for a runtime.
pub(super) fn usual_handler(text: &str) -> &'static str {
    const HANDLERS: &[(&str, &str)] = &[
        ("nodejs", "index.handler"),
        ("python", "lambda_function.lambda_handler"),
        ("ruby", "lambda_function.lambda_handler"),
        ("java", "example.Handler::handleRequest"),
        ("dotnet", "Assembly::Namespace.Class::Method"),
    ];
    HANDLERS.iter().find(|(family, _)| text.starts_with(family)).map_or("bootstrap", |(_, handler)| *handler)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usable_and_newer_runtimes_pass() {
        for text in
            ["provided.al2023", "python3.13", "nodejs20.x", "nodejs30.x", "python3.19", "java29", "java21.al2027", "provided.al2027"]
        {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn ended_runtimes_name_their_successor() {
        insta::assert_snapshot!(check("go1.x").unwrap_err(), @"is a runtime that AWS has ended: functions can neither be made nor updated with it. Use `provided.al2023`; build the program with `GOOS=linux` and the tag `lambda.norpc` into a file called `bootstrap`");
        insta::assert_snapshot!(check("provided").unwrap_err(), @"is a runtime that AWS has ended: functions can neither be made nor updated with it. Use `provided.al2023`");
    }

    #[test]
    fn what_is_no_runtime_names_the_nearest() {
        insta::assert_snapshot!(check("python312").unwrap_err(), @"is not a runtime of Lambda; did you mean `python3.12`?");
        for text in ["go", "rust", "nodejs", "node22", "python3", "java", "provided.rhel9", "PROVIDED.AL2023"] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}

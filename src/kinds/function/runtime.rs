//! Lambda's runtimes as of November 2026.
//!
//! AWS moves the dates of deprecations, so only what AWS has refused for years is refused here; the
//! rest is warned about, and so is a runtime that may be newer than this table.

use crate::diagnostic::{Diagnostic, nearest};

/// What a function without a runtime gets.
pub(super) const USUAL: &str = "provided.al2023";

/// The code of the warning that AWS ends a runtime.
pub(crate) const RUNTIME_DEPRECATED: &str = "runtime-deprecated";

/// The code of what is said of a handler that hardly names a function.
pub(crate) const HANDLER_FORM: &str = "handler-form";

/// How a runtime stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It can be used.
    Current,
    /// AWS has ended its support; functions may still be made with it until the first date and
    /// changed until the second, where AWS has named them.
    Deprecated {
        /// What to use instead.
        successor: &'static str,
        /// From when on AWS refuses to make, and to update, functions with it.
        blocked: Option<(&'static str, &'static str)>,
    },
    /// AWS refuses it on create and on update.
    Blocked {
        /// What to use instead.
        successor: &'static str,
    },
}

const fn ended(successor: &'static str) -> Standing {
    Standing::Blocked { successor }
}

const fn ending(successor: &'static str, blocked: Option<(&'static str, &'static str)>) -> Standing {
    Standing::Deprecated { successor, blocked }
}

/// When AWS says that it will block most of what it deprecated
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>).
const MOST: Option<(&str, &str)> = Some(("2027-02-01", "2027-03-03"));

const RUNTIMES: &[(&str, Standing)] = &[
    ("provided.al2023", Standing::Current),
    ("provided.al2", ending("provided.al2023", MOST)),
    ("nodejs26.x", Standing::Current),
    ("nodejs24.x", Standing::Current),
    ("nodejs22.x", Standing::Current),
    ("nodejs20.x", ending("nodejs24.x", Some(("2027-07-29", "2027-08-31")))),
    ("nodejs18.x", ending("nodejs24.x", MOST)),
    ("nodejs16.x", ending("nodejs24.x", None)),
    ("python3.15", Standing::Current),
    ("python3.14", Standing::Current),
    ("python3.13", Standing::Current),
    ("python3.12", Standing::Current),
    ("python3.11", Standing::Current),
    ("python3.10", ending("python3.14", None)),
    ("python3.9", ending("python3.14", MOST)),
    ("python3.8", ending("python3.14", MOST)),
    ("java25", Standing::Current),
    ("java21", Standing::Current),
    ("java17.al2023", Standing::Current),
    ("java17", Standing::Current),
    ("java11.al2023", Standing::Current),
    ("java11", Standing::Current),
    ("java8.al2023", Standing::Current),
    ("java8.al2", Standing::Current),
    ("dotnet10", Standing::Current),
    ("dotnet8", ending("dotnet10", MOST)),
    ("dotnet6", ending("dotnet10", MOST)),
    ("ruby4.0", Standing::Current),
    ("ruby3.4", Standing::Current),
    ("ruby3.3", Standing::Current),
    ("ruby3.2", ending("ruby3.4", None)),
    ("go1.x", ended("provided.al2023")),
    ("provided", ended("provided.al2023")),
    ("nodejs", ended("nodejs24.x")),
    ("nodejs4.3", ended("nodejs24.x")),
    ("nodejs4.3-edge", ended("nodejs24.x")),
    ("nodejs6.10", ended("nodejs24.x")),
    ("nodejs8.10", ended("nodejs24.x")),
    ("nodejs10.x", ended("nodejs24.x")),
    ("nodejs12.x", ended("nodejs24.x")),
    ("nodejs14.x", ended("nodejs24.x")),
    ("python2.7", ended("python3.14")),
    ("python3.6", ended("python3.14")),
    ("python3.7", ended("python3.14")),
    ("java8", ended("java25")),
    ("dotnetcore1.0", ended("dotnet10")),
    ("dotnetcore2.0", ended("dotnet10")),
    ("dotnetcore2.1", ended("dotnet10")),
    ("dotnetcore3.1", ended("dotnet10")),
    ("ruby2.5", ended("ruby3.4")),
    ("ruby2.7", ended("ruby3.4")),
];

/// What somebody may call a runtime, by how it begins, and which one to take.
const FAMILIES: &[(&str, &str)] = &[
    ("node", "nodejs24.x"),
    ("js", "nodejs24.x"),
    ("python", "python3.14"),
    ("py", "python3.14"),
    ("java", "java25"),
    ("dotnet", "dotnet10"),
    (".net", "dotnet10"),
    ("c#", "dotnet10"),
    ("ruby", "ruby3.4"),
    ("go", USUAL),
    ("rust", USUAL),
    ("provided", USUAL),
    ("custom", USUAL),
];

/// How a runtime of the table stands.
pub(super) fn standing(text: &str) -> Option<Standing> {
    RUNTIMES.iter().find(|(name, _)| *name == text).map(|(_, standing)| *standing)
}

/// Refuses what no function can be made with. A newer member of a known family passes.
pub(crate) fn check(text: &str) -> Result<(), String> {
    match standing(text) {
        Some(Standing::Blocked { successor }) => Err(blocked(text, successor)),
        Some(_) => Ok(()),
        None if is_newer(text) => Ok(()),
        None => Err(unknown(text)),
    }
}

/// What should be known of a runtime that functions may be made with.
pub(super) fn warning(text: &str) -> Option<Diagnostic> {
    let Some(standing) = standing(text) else {
        return is_newer(text).then(|| {
            Diagnostic::warning("runtime-not-known", "The runtime is newer than this lambdo").detail(format!(
                "`{text}` has the form of a runtime that came after this version of lambdo; whether Lambda has it shows when the function is made."
            ))
        });
    };
    let Standing::Deprecated { successor, blocked } = standing else { return None };
    let when = match blocked {
        Some((create, update)) => {
            format!("AWS says that from {create} on no functions can be made with it, and from {update} on none updated")
        }
        None => "AWS will refuse to make and later to update functions with it".to_owned(),
    };
    let found = Diagnostic::warning(RUNTIME_DEPRECATED, "AWS has ended its support of the runtime");
    Some(found.detail(format!("`{text}` gets no more security updates, and {when}.")).hint(format!("use `{successor}`")))
}

/// Everything that is said of a runtime and the handler that it is to call, without a spec around them. An empty handler
/// is one that nobody has given.
pub(crate) fn judge(runtime: &str, handler: &str, has_layers: bool) -> Vec<Diagnostic> {
    let refused = check(runtime)
        .err()
        .map(|why| Diagnostic::error("invalid-value", "A value is not allowed").detail(format!("`{runtime}` {}", sentence(&why))));
    let doubt = doubt_of_handler(runtime, handler).filter(|_| !handler.is_empty());
    let doubt = doubt.map(|doubt| doubt.told(has_layers));
    refused.into_iter().chain(warning(runtime)).chain(doubt).collect()
}

/// A question needs no full stop.
fn sentence(text: &str) -> String {
    if text.ends_with('?') { text.to_owned() } else { format!("{text}.") }
}

fn blocked(text: &str, successor: &str) -> String {
    let how = match text {
        "go1.x" => "; build the program with `GOOS=linux` and the tag `lambda.norpc` into a file called `bootstrap`",
        _ => "",
    };
    format!("is a runtime that AWS has ended: functions can neither be made nor updated with it. Use `{successor}`{how}")
}

fn unknown(text: &str) -> String {
    let lower = text.to_lowercase();
    let usable = RUNTIMES.iter().filter(|(_, standing)| *standing == Standing::Current).map(|(name, _)| *name);
    let family = || FAMILIES.iter().find(|(start, _)| lower.starts_with(start)).map(|(_, name)| *name);
    match nearest(text, usable).or_else(family) {
        Some(name) => format!("is not a runtime of Lambda; did you mean `{name}`?"),
        None => format!("is not a runtime of Lambda, such as `{USUAL}`, `nodejs24.x` or `python3.14`"),
    }
}

/// Whether it may be a runtime that came after this table was written: the next version of a family, or a known
/// version on a later Amazon Linux.
pub(crate) fn is_newer(text: &str) -> bool {
    let Some(given) = Version::of(text) else { return false };
    let known: Vec<Version> = RUNTIMES.iter().filter_map(|(name, _)| Version::of(name)).filter(|one| one.family == given.family).collect();
    let of_the_same = known.iter().filter(|one| one.number == given.number).map(|one| one.system).max();
    match of_the_same {
        Some(latest) => given.system > latest,
        None => known.iter().map(|one| one.number).max().is_some_and(|latest| given.number > latest),
    }
}

/// A runtime's name, taken apart: `java17.al2023` is of the family `java`, has the number 17.0 and the system 2023.
struct Version {
    family: &'static str,
    number: (u32, u32),
    /// Of Amazon Linux; 0 where the name does not say.
    system: u32,
}

impl Version {
    fn of(text: &str) -> Option<Self> {
        const FAMILIES: [&str; 6] = ["provided.al", "nodejs", "python", "ruby", "java", "dotnet"];
        let (family, rest) = FAMILIES.iter().find_map(|family| Some((*family, text.strip_prefix(family)?)))?;
        let rest = if family == "nodejs" { rest.strip_suffix(".x")? } else { rest };
        let (rest, system) = rest.split_once(".al").map_or(Some((rest, 0)), |(rest, system)| Some((rest, number(system)?)))?;
        let number = match rest.split_once('.') {
            Some((major, minor)) if ["python", "ruby"].contains(&family) => (number(major)?, number(minor)?),
            None if !["python", "ruby"].contains(&family) => (number(rest)?, 0),
            _ => return None,
        };
        Some(Self { family, number, system })
    }
}

fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether the package brings its own runtime, so that the handler has no meaning.
pub(super) fn is_custom(text: &str) -> bool {
    text.starts_with("provided")
}

/// Handlers as one would write them for a runtime, each with what it calls.
pub(super) fn usual_handlers(text: &str) -> &'static [(&'static str, &'static str)] {
    const HANDLERS: &[(&str, &[(&str, &str)])] = &[
        ("nodejs", &[("index.handler", "what `index.mjs` or `index.js` exports as `handler`")]),
        (
            "python",
            &[
                ("app.handler", "the function `handler` in `app.py`"),
                ("lambda_function.lambda_handler", "`lambda_handler` in `lambda_function.py`"),
            ],
        ),
        (
            "ruby",
            &[
                ("app.handler", "the method `handler` in `app.rb`"),
                ("app.Handler.process", "the method `process` of the class `Handler` in `app.rb`"),
            ],
        ),
        ("java", &[("example.Handler::handleRequest", "the method `handleRequest` of the class `example.Handler`")]),
        ("dotnet", &[("Assembly::Namespace.Class::Method", "the method `Method` of the class `Namespace.Class` in `Assembly`")]),
    ];
    HANDLERS.iter().find(|(family, _)| text.starts_with(family)).map_or(&[], |(_, handlers)| *handlers)
}

/// Why a runtime will hardly find anything by a handler, although Lambda takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    why: String,
    /// Whether no runtime of AWS finds anything by it.
    is_sure: bool,
}

impl Doubt {
    /// What is said of it. A layer may bring something that calls what it likes.
    pub fn told(&self, has_layers: bool) -> Diagnostic {
        let found = match self.is_sure && !has_layers {
            true => Diagnostic::error(HANDLER_FORM, "The handler cannot be found"),
            false => Diagnostic::warning(HANDLER_FORM, "The handler may not be found"),
        };
        found.detail(format!("{}.", self.why))
    }
}

/// What a runtime could not find by this handler, although Lambda takes it.
pub(super) fn doubt_of_handler(runtime: &str, handler: &str) -> Option<Doubt> {
    const BY_FILE: &[&str] = &["nodejs", "python", "ruby"];
    const ENDINGS: &[&str] = &["py", "js", "mjs", "cjs", "ts", "rb"];
    if !BY_FILE.iter().any(|family| runtime.starts_with(family)) {
        return None;
    }
    let (why, is_sure) = match handler.rsplit_once('.') {
        None => (format!("`{handler}` names no function: `{runtime}` looks for `FILE.FUNCTION`"), true),
        Some((_, "")) => (format!("`{handler}` ends before the function's name: `{runtime}` looks for `FILE.FUNCTION`"), true),
        Some((file, ending)) if ENDINGS.contains(&ending) => {
            (format!("`{handler}` is the name of a file: `{runtime}` would look for a function `{ending}` in `{file}`"), false)
        }
        Some(_) => return None,
    };
    Some(Doubt { why, is_sure })
}

/// Whether Lambda can start it from a snapshot: Java from 11, Python from 3.12, .NET from 8
/// (<https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html>).
pub(super) fn has_snap_start(text: &str) -> bool {
    let at_least =
        |rest: &str, least: u32| rest.split('.').next().and_then(|number| number.parse::<u32>().ok()).is_some_and(|number| number >= least);
    match (text.strip_prefix("java"), text.strip_prefix("python3."), text.strip_prefix("dotnet")) {
        (Some(version), ..) => at_least(version, 11),
        (_, Some(minor), _) => at_least(minor, 12),
        (.., Some(version)) => at_least(version, 8),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_after_the_table_may_be_newer() {
        for text in ["nodejs30.x", "python3.99", "python4.0", "java29", "java21.al2027", "provided.al2027", "ruby4.1", "dotnet12"] {
            assert!(is_newer(text), "{text}");
        }
        for text in
            ["python3.5", "python3.13", "nodejs23.x", "nodejs30", "java9", "java29.1", "dotnet9", "python3.x", "python+3.99", "go2.x"]
        {
            assert!(!is_newer(text), "{text}");
        }
    }

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
        insta::assert_snapshot!(check("rust").unwrap_err(), @"is not a runtime of Lambda; did you mean `provided.al2023`?");
        insta::assert_snapshot!(check("cobol").unwrap_err(), @"is not a runtime of Lambda, such as `provided.al2023`, `nodejs24.x` or `python3.14`");
        for text in ["go", "rust", "nodejs", "node22", "python3", "java", "provided.rhel9", "PROVIDED.AL2023", "provided.al2022"] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_question_ends_as_one() {
        assert_eq!(judge("Python3.12", "", false)[0].detail, "`Python3.12` is not a runtime of Lambda; did you mean `python3.12`?");
        assert!(judge("cobol", "", false)[0].detail.ends_with("`python3.14`."));
    }

    #[test]
    fn a_handler_that_names_no_function_is_doubted() {
        insta::assert_snapshot!(doubt_of_handler("python3.13", "handler").unwrap().why, @"`handler` names no function: `python3.13` looks for `FILE.FUNCTION`");
        insta::assert_snapshot!(doubt_of_handler("nodejs24.x", "src/index.js").unwrap().why, @"`src/index.js` is the name of a file: `nodejs24.x` would look for a function `js` in `src/index`");
        let is_refused = |handler: &str, has_layers| doubt_of_handler("ruby3.4", handler).unwrap().told(has_layers).is_error();
        assert!(is_refused("app.", false) && is_refused("app", false));
        assert!(!is_refused("app", true) && !is_refused("app.rb", false));
        for (runtime, handler) in [
            ("python3.13", "a/b.c"),
            ("nodejs24.x", "index.handler"),
            ("java21", "example.Handler"),
            ("dotnet10", "App"),
            ("provided.al2023", "x"),
        ] {
            assert_eq!(doubt_of_handler(runtime, handler), None, "{runtime} {handler}");
        }
    }

    #[test]
    fn snapshots_are_for_some_runtimes() {
        for text in ["java11", "java17.al2023", "java25", "python3.12", "python3.20", "dotnet8", "dotnet10"] {
            assert!(has_snap_start(text), "{text}");
        }
        for text in ["java8.al2", "python3.11", "dotnet6", "nodejs24.x", "ruby3.4", "provided.al2023"] {
            assert!(!has_snap_start(text), "{text}");
        }
    }

    #[test]
    fn runtimes_that_bring_a_handler_of_their_own_have_an_example() {
        for text in ["nodejs24.x", "python3.14", "ruby3.4", "java25", "dotnet10"] {
            assert!(
                usual_handlers(text).iter().all(|(handler, _)| doubt_of_handler(text, handler).is_none())
                    && !usual_handlers(text).is_empty()
            );
        }
    }
}

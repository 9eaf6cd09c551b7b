//! The text of the `config.toml` that is written, with comments that teach.

use super::folder::split;
use super::{Code, Found, Function, Script};
use crate::package::{NODE_RUNTIME, PYTHON_RUNTIME};
use std::collections::BTreeSet;

/// Where comments behind a value begin, in characters.
const COMMENT_AT: usize = 40;

/// The spec for what was found; `region` as the AWS configuration of this machine names it.
pub fn config(found: &Found, region: Option<&str>) -> String {
    let mut blocks = vec![head(found, region), defaults()];
    let (deployed, others): (Vec<&Function>, Vec<&Function>) = found.functions.iter().partition(|function| function.reason().is_none());
    if found.functions.is_empty() {
        blocks.push(NO_FUNCTION.to_owned());
    }
    let mut roots = BTreeSet::new();
    for (number, function) in deployed.iter().enumerate() {
        let lessons = if number == 0 { SETTINGS } else { "" };
        match &function.code {
            Code::Go { root: Some(root) } if roots.insert(root) => blocks.push(discovery(root, function, lessons)),
            Code::Go { root: Some(_) } => {}
            _ => blocks.push(format!("[function.{}]\n{}\n{lessons}", function.name, settings(function))),
        }
    }
    if let Some(first) = deployed.first() {
        blocks.push(more(&first.name));
    }
    blocks.extend(others.into_iter().map(commented));
    let blocks: Vec<&str> = blocks.iter().map(|block| block.trim_end()).collect();
    blocks.join("\n\n") + "\n"
}

const NO_FUNCTION: &str = "\
# No function was found here. One looks like this:
# [function.hello]
# code = { file = \"bootstrap\" }          # a program built before; or build = \"FOLDER\" for sources";

const SETTINGS: &str = "\
# memory_size = 256
# environment = { LOG_LEVEL = \"info\" }
# log_group.retention_in_days = 90        # 30 unless told otherwise; \"never\" keeps all
# role.allow = [{ action = \"s3:GetObject\", resource = \"arn:aws:s3:::BUCKET/*\" }]";

fn head(found: &Found, region: Option<&str>) -> String {
    let region = match region {
        Some(region) => remark(&format!("region = {}", quoted(region)), "from this machine's AWS configuration"),
        None => remark("# region = \"eu-central-1\"", "else what your AWS configuration says"),
    };
    [
        "# What lambdo deploys. `lambdo validate` checks this file, `lambdo schema` prints all keys.",
        &remark(&format!("project = {}", quoted(&found.project)), "the first part of every name in AWS"),
        "",
        "[aws]",
        &region,
        &remark("# allowed_account_ids = [\"123456789012\"]", "any other account is refused"),
    ]
    .join("\n")
}

fn defaults() -> String {
    [
        "# For every function, unless it says otherwise. The values here are those that hold anyway.",
        "[defaults]",
        &remark("# memory_size = 128", "in MB; processor time grows with it"),
        &remark("# timeout = 3", "in seconds, 900 at most"),
        &remark("# architectures = \"x86_64\"", "\"arm64\" costs less"),
    ]
    .join("\n")
}

fn more(name: &str) -> String {
    [
        "# Runs it every morning at six, UTC:",
        &format!("# [function.{name}.event_rule.daily]"),
        "# schedule_expression = \"cron(0 6 * * ? *)\"",
        "",
        "# What `lambdo output` prints:",
        "# [outputs]",
        &format!("# {name} = \"${{function.{name}.arn}}\""),
    ]
    .join("\n")
}

/// A discovery, and how one of its functions says more.
fn discovery(root: &str, first: &Function, lessons: &str) -> String {
    let name = super::name::of_function(split(root).1);
    let found =
        format!("[discover.{name}]\n{}", remark(&format!("root = {}", quoted(root)), "each folder below with a `main.go` is a function"));
    if lessons.is_empty() { found } else { format!("{found}\n\n# What one of them has besides:\n# [function.{}]\n{lessons}", first.name) }
}

/// A function that is not deployed yet, in the form in which it would be once the marks are taken away.
fn commented(function: &Function) -> String {
    let reason = function.reason().unwrap_or_default();
    let mut lines = vec![format!("# {}, {}: {reason}.", function.language(), function.place()), format!("# [function.{}]", function.name)];
    lines.extend(settings(function).lines().map(|line| format!("# {line}")));
    lines.join("\n")
}

/// What stands below a function's header.
fn settings(function: &Function) -> String {
    match &function.code {
        Code::Rust { binary, is_http } => {
            let build = match binary {
                Some(binary) => format!("build = {{ path = {}, bin = {} }}", quoted(&function.folder), quoted(binary)),
                None => format!("build = {}", quoted(&function.folder)),
            };
            remark(&build, if *is_http { "answers HTTP; function URLs and HTTP APIs are not supported yet" } else { "" })
        }
        Code::Bootstrap { file, is_arm64 } => {
            let code = remark(&format!("code = {{ file = {} }}", quoted(file)), "built before; `code.dir` takes a whole folder");
            if *is_arm64 { code + "\narchitectures = \"arm64\"" } else { code }
        }
        Code::Go { .. } => format!("build = {{ kind = \"go\", path = {} }}", quoted(&function.folder)),
        Code::Dockerfile { file, .. } => format!("image = {{ dockerfile = {} }}", quoted(file)),
        Code::Script { language, handler, .. } => {
            let (kind, runtime) = if *language == Script::Python { ("python", PYTHON_RUNTIME) } else { ("node", NODE_RUNTIME) };
            let (runtime, handler, folder) = (quoted(runtime), quoted(handler), quoted(&function.folder));
            format!("build = {{ kind = \"{kind}\", path = {folder} }}\nruntime = {runtime}\nhandler = {handler}")
        }
    }
}

/// A word for the shell, in quotes where it needs them.
pub fn shell(word: &str) -> String {
    let is_plain = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "./_-:=@%+,".contains(letter));
    if is_plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// A line with a comment behind it, unless the comment is empty.
fn remark(line: &str, comment: &str) -> String {
    if comment.is_empty() { line.to_owned() } else { format!("{line:<COMMENT_AT$}  # {comment}") }
}

/// A string of TOML in which nothing is a reference. Control characters were sorted out with the paths.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace("${", "$${")).to_string().replace('\u{7f}', "\\u007f")
}

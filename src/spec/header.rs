//! What must be known before AWS or the state is touched: `project`, `aws`, `state`.

use super::daemon::{self, DAEMON};
use super::drift::{self, DRIFT};
use super::merge::Merging;
use super::notify::{self, NOTIFY};
use super::references::Scope;
use super::shape::{Checker, WHOLE_FILE};
use super::supported::not_supported_yet;
use super::tree::{Node, Nodes, Source};
use super::vars::Vars;
use super::{AwsSettings, Header, LoadOptions};
use crate::diagnostic::{Diagnostic, Span};
use crate::model::{Address, Field, Move, Path, Shape, Table, Value};
use std::collections::BTreeMap;

/// The longest name in a spec in characters.
const LONGEST_NAME: usize = 63;

/// The keys of the top level that are no sections.
pub(crate) const TOP: &[Field] = &[
    Field::new("project", Shape::checked(1, usize::MAX, check_name), "The project's name: the first part of every name in AWS.").required(),
    Field::new("version", Shape::IntegerChoice(&[1]), "The version of the spec format; built-in defaults change only with it."),
    Field::new("aws", Shape::Table(AWS), "How AWS is reached, and which account is meant."),
    Field::new("state", Shape::Table(STATE), "Where the state lies."),
    Field::new(DAEMON, Shape::Table(daemon::FIELDS), "What the daemon may do about drift, and when."),
    Field::new(DRIFT, Shape::Table(drift::FIELDS), "How changes behind lambdo's back are looked for."),
    Field::new(NOTIFY, Shape::List { item: &Shape::Table(notify::FIELDS), max: usize::MAX }, "Who is told what the daemon finds."),
    Field::new("protect", Shape::Boolean, "Whether deletions and replacements are refused, of everything."),
    Field::new(
        "max_deletions",
        Shape::Integer { min: 0, max: 1_000_000 },
        "How many resources one run may delete or replace, `destroy` included; `--max-deletions` on the command line beats it.",
    ),
    Field::new(
        MOVED,
        Shape::List { item: &Shape::Table(MOVE), max: usize::MAX },
        "Resources that have another address from now on; they keep their names in AWS and are not made anew.",
    ),
];

/// The key with the resources that have another address from now on.
pub(crate) const MOVED: &str = "moved";

const MOVE: &[Field] = &[
    Field::new("from", Shape::checked(3, 256, check_address), "The address before, such as `function.hash`.").required(),
    Field::new("to", Shape::checked(3, 256, check_address), "The address now.").required(),
];

const AWS: &[Field] = &[
    Field::new("region", Shape::checked(1, 64, check_region), "The region; without it the usual AWS chain decides."),
    Field::new("profile", Shape::text(1, 256), "The profile of the shared AWS configuration."),
    Field::new(
        "allowed_account_ids",
        Shape::List { item: &Shape::checked(0, usize::MAX, check_account), max: usize::MAX },
        "The accounts that this file may be deployed to; a run against any other is refused.",
    ),
    Field::new("assume_role_arn", Shape::checked(1, 2048, check_role_arn), "A role that is assumed first."),
    Field::new(
        "code_bucket",
        Shape::checked(3, 63, check_bucket),
        "A bucket of the region for packages that are too large to be sent with a call, over 50 MB; objects in it come and go with them.",
    ),
    Field::new("endpoint_url", Shape::checked(1, 2048, check_url), "Another place where AWS's calls go, such as an emulator's."),
];

const STATE: &[Field] = &[Field::new("path", Shape::text(1, 4096), "The folder of the state files, relative to this file.")];

/// Keys inside of the header's tables that are known and not built.
const NOT_SUPPORTED_YET: &[(&str, &str)] = &[("state", "backend")];

/// What names of projects, functions, roles, triggers and stages look like.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let mut letters = name.chars();
    let begins = letters.next().is_some_and(|first| first.is_ascii_alphabetic());
    let goes_on = letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-');
    if begins && goes_on && name.len() <= LONGEST_NAME {
        return Ok(());
    }
    Err("must be a letter and then letters, digits, `_` or `-`, 63 characters at most".into())
}

/// The name with other characters than allowed ones replaced, if that makes it one.
pub(crate) fn allowed_name(name: &str) -> Option<String> {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if !name.is_ascii() {
        return None;
    }
    let allowed: String = name.chars().map(|letter| if is_allowed(letter) { letter } else { '-' }).collect();
    let plain = allowed.trim_matches('-');
    check_name(plain).is_ok().then(|| plain.to_owned())
}

fn check_address(text: &str) -> Result<(), String> {
    let example = |_| format!("must be an address, such as `function.hash` or `event_rule.hash.daily`; it is `{text}`");
    text.parse::<Address>().map(drop).map_err(example)
}

fn check_account(text: &str) -> Result<(), String> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { Ok(()) } else { Err(format!("must be an account id of twelve digits in quotes; it is `{text}`")) }
}

fn check_role_arn(text: &str) -> Result<(), String> {
    let is_role = text.starts_with("arn:") && text.contains(":iam::") && text.contains(":role/");
    if is_role { Ok(()) } else { Err("must be the ARN of a role, such as `arn:aws:iam::123456789012:role/deploy`".into()) }
}

/// Every region's name has at least three parts, and the last one is a number.
fn check_region(text: &str) -> Result<(), String> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let ends_in_a_number = text.rsplit('-').next().is_some_and(|last| !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()));
    let is_region = is_plain && ends_in_a_number && text.split('-').count() >= 3;
    if is_region { Ok(()) } else { Err(format!("must be the name of a region, such as `eu-central-1`; it is `{text}`")) }
}

/// Names of general purpose buckets: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn check_bucket(text: &str) -> Result<(), String> {
    if text.contains("://") || text.contains('/') {
        return Err("must be the name of a bucket alone, without `s3://` and without a key".into());
    }
    let is_end = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    let is_plain = text.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || ".-".contains(letter));
    let is_name = is_plain && is_end(text.chars().next()) && is_end(text.chars().next_back()) && !text.contains("..");
    if is_name { Ok(()) } else { Err("must be the name of a bucket: small letters, digits, `-` and `.`".into()) }
}

fn check_url(text: &str) -> Result<(), String> {
    let is_url = text.starts_with("http://") || text.starts_with("https://");
    if is_url { Ok(()) } else { Err("must begin with `http://` or `https://`".into()) }
}

/// The header and the places of its values.
pub(crate) type Placed = Option<(Header, BTreeMap<Path, Span>)>;

/// The header of a file that is patched, and its variables, which know the project's name unless it is made of them.
pub(crate) fn read_with_vars(
    source: &Source,
    root: &Node,
    stage: Option<&str>,
    kinds: &[&'static str],
    options: &LoadOptions<'_>,
    findings: &mut Vec<Diagnostic>,
) -> (Placed, Vars) {
    let (header, vars, mut of_variables) = read_apart(source, root, stage, kinds, options, findings);
    findings.append(&mut of_variables);
    (header, vars)
}

/// The header alone. A variable that it does not use may be wrong.
pub(crate) fn read_alone(
    source: &Source,
    root: &Node,
    stage: Option<&str>,
    options: &LoadOptions<'_>,
) -> (Option<Header>, Vec<Diagnostic>) {
    let root = super::stage::patched(root, stage, options.local.is_some(), &mut Merging::default());
    let mut findings = Vec::new();
    let (header, _, mut of_variables) = read_apart(source, &root, stage, &[], options, &mut findings);
    if header.is_none() {
        findings.append(&mut of_variables);
    }
    (header.map(|(header, _)| header), findings)
}

fn read_apart(
    source: &Source,
    root: &Node,
    stage: Option<&str>,
    kinds: &[&'static str],
    options: &LoadOptions<'_>,
    findings: &mut Vec<Diagnostic>,
) -> (Placed, Vars, Vec<Diagnostic>) {
    let project = root.get("project").and_then(Node::text).filter(|text| !text.contains("${"));
    let none = Vars::default();
    let scope = Scope { source, project, stage, name: None, vars: &none, kinds, is_local: options.local.is_some(), account: true };
    let mut of_variables = Vec::new();
    let vars = Vars::read(root.get("vars"), &scope, options.environment, &mut of_variables);
    let scope = Scope { vars: &vars, kinds: &[], account: false, ..scope };
    let header = read(root, &scope, options, findings);
    (header, vars, of_variables)
}

/// The header and the places of its values; `None` when the project has no usable name.
fn read(root: &Node, scope: &Scope<'_>, options: &LoadOptions<'_>, findings: &mut Vec<Diagnostic>) -> Placed {
    let given: Nodes = root.table()?.iter().filter(|(key, _)| TOP.iter().any(|field| field.key == *key)).map(copy).collect();
    let mut given = scope.resolve(&Node { data: super::tree::Data::Table(given), key: None, span: None }, findings);
    refuse_what_is_not_built(&mut given, findings);
    let mut checker = Checker::new(Some(scope), WHOLE_FILE);
    let values = checker.table(given.table()?, Some(scope.source.span(0..0)), TOP, &Path::default());
    let notify = notify::settings(values.get(NOTIFY), &checker.spans, &mut checker.findings);
    let project = root.get("project");
    checker.findings.iter_mut().for_each(|finding| say_more(finding, root, project, &scope.source.text));
    findings.append(&mut checker.findings);
    if let Some(Err(problem)) = options.region.map(check_region) {
        findings.push(Diagnostic::error("invalid-value", "A value is not allowed").detail(format!("`--region` {problem}.")));
    }
    findings.extend(daemon::check(values.get(DAEMON), &checker.spans));
    // A guard must not vanish because a reference in it is wrong.
    if values.values().any(has_open) {
        return None;
    }
    let header = Header {
        project: text(&values, "project")?,
        stage: scope.stage.map(str::to_owned),
        aws: aws(values.get("aws"), options),
        folder: scope.source.folder.clone(),
        state_path: values.get("state").and_then(Value::as_table).and_then(|state| text(state, "path")),
        protect: values.get("protect").and_then(Value::as_boolean).unwrap_or(false),
        max_deletions: values.get("max_deletions").and_then(Value::as_integer).and_then(|most| usize::try_from(most).ok()),
        moved: moves(values.get(MOVED)),
        daemon: daemon::settings(values.get(DAEMON)),
        drift: drift::settings(values.get(DRIFT)),
        notify,
    };
    Some((header, checker.spans))
}

/// What the field table cannot know of the first keys of a file.
fn say_more(finding: &mut Diagnostic, root: &Node, project: Option<&Node>, text: &str) {
    let is_at = |node: Option<&Node>| finding.span.is_some() && node.is_some_and(|node| node.span == finding.span);
    let is_blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    if finding.code == "missing-key" && finding.detail.contains("`project`") {
        finding.hints = vec!["write it first of all: `project = \"NAME\"`; it begins every name in AWS".into()];
        if text.lines().all(is_blank) {
            finding.summary = "The file is empty".into();
            finding.hints.push("`lambdo init` writes a spec for the programs of a folder".into());
        }
    } else if is_at(project) {
        let given = project.and_then(|project| project.text().or_else(|| project.get("name")?.text())).unwrap_or("NAME");
        finding.hints = vec![format!("write `project = \"{}\"`", allowed_name(given).unwrap_or_else(|| "NAME".into()))];
    } else if is_at(root.get("version")) && finding.code == "invalid-choice" {
        finding.detail = "`version` is the version of the spec format, and this lambdo reads version 1.".into();
        finding.hints = vec!["a newer lambdo may read it; without `version` it is read as version 1".into()];
    }
}

fn has_open(value: &Value) -> bool {
    match value {
        Value::Unresolved(_) => true,
        Value::List(items) => items.iter().any(has_open),
        Value::Table(table) => table.values().any(has_open),
        _ => false,
    }
}

fn copy((key, node): (&String, &Node)) -> (String, Node) {
    (key.clone(), node.clone())
}

fn refuse_what_is_not_built(given: &mut Node, findings: &mut Vec<Diagnostic>) {
    for (table, key) in NOT_SUPPORTED_YET {
        let found = given.table_mut().and_then(|tables| tables.get_mut(*table)?.table_mut()?.remove(*key));
        if let Some(node) = found {
            findings.push(not_supported_yet(&format!("{table}.{key}"), node.key_span()));
        }
    }
}

fn aws(value: Option<&Value>, options: &LoadOptions<'_>) -> AwsSettings {
    let empty = Table::new();
    let table = value.and_then(Value::as_table).unwrap_or(&empty);
    let accounts = table.get("allowed_account_ids").map(Value::strings).unwrap_or_default();
    AwsSettings {
        region: options.region.map(str::to_owned).or_else(|| text(table, "region")),
        profile: text(table, "profile"),
        allowed_account_ids: accounts.into_iter().map(str::to_owned).collect(),
        assume_role_arn: text(table, "assume_role_arn"),
        code_bucket: text(table, "code_bucket"),
        endpoint_url: text(table, "endpoint_url"),
    }
}

fn moves(value: Option<&Value>) -> Vec<Move> {
    let address = |table: &Table, key: &str| table.get(key)?.as_str()?.parse().ok();
    let one = |item: &Value| Some(Move { from: address(item.as_table()?, "from")?, to: address(item.as_table()?, "to")? });
    // A lone table is a list of one.
    value.map(|value| value.as_list().unwrap_or(std::slice::from_ref(value))).into_iter().flatten().filter_map(one).collect()
}

fn text(table: &Table, key: &str) -> Option<String> {
    table.get(key).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_told_from_a_zone_and_a_place() {
        for name in ["eu-central-1", "us-gov-west-1", "eusc-de-east-1", "ap-southeast-12"] {
            assert_eq!(check_region(name), Ok(()), "{name}");
        }
        for name in ["", "eu-central", "eu-central-1a", "Frankfurt", "EU-CENTRAL-1", "eu_central_1"] {
            assert!(check_region(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_name_is_a_letter_and_then_letters_digits_and_dashes() {
        for name in ["a", "log-cleanup", "A_1", &"x".repeat(63)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in ["", "1a", "-a", "a.b", "a b", "ä", &"x".repeat(64)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}

//! A corpus of specs: bad ones with everything that must be said of them, and good ones.
//!
//! `tests/corpus/bad/**/NAME.toml` has what `lambdo up` writes to stderr beside it in `NAME.txt`; run with
//! `LAMBDO_UPDATE_CORPUS=1`, the test writes these texts, to be read before they are committed. The first lines may be
//! directives: `# arguments: --stage dev` is added to the command line; with `# validate: 0`, `lambdo validate` only
//! warns, since what `code` names may be made by a step between it and `lambdo up`.

use crate::support::{Output, Sandbox, World};
use std::path::{Path, PathBuf};

/// The issue's own measure: fewer would be no corpus.
const FEWEST_BAD: usize = 120;
const FEWEST_GOOD: usize = 40;
/// Files that specs name, and folders with what tells their language.
const COMPANIONS: &[(&str, &str)] = &[
    ("policy.json", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#),
    ("input.txt", "input"),
    ("bundle/bootstrap", "#!/bin/sh"),
    ("bundle/data.txt", "data"),
    ("rust/Cargo.toml", "[package]"),
    ("go/go.mod", "module demo"),
    ("python/requirements.txt", ""),
    ("node/package.json", "{}"),
    ("mixed/go.mod", "module demo"),
    ("mixed/package.json", "{}"),
    ("api/go.mod", "module api"),
    ("api/health/main.go", "package main"),
    ("api/users/get/main.go", "package main"),
    ("api/users/list/main.go", "package main"),
    ("api/internal/page/page.go", "package page"),
    ("api/_shared/main.go", "package main"),
    ("private/_users/main.go", "package main"),
    ("odd/v1.2/main.go", "package main"),
    ("odd/1st/main.go", "package main"),
    ("clash/a/b/main.go", "package main"),
    ("clash/a-b/main.go", "package main"),
    ("far/a-b/main.go", "package main"),
    ("crates/Cargo.toml", "[workspace]"),
    ("crates/hash/Cargo.toml", "[package]\nname = \"hasher\""),
    ("crates/hash/src/main.rs", ""),
    ("crates/jobs/Cargo.toml", "[package]\nname = \"jobs\""),
    ("crates/jobs/src/bin/daily.rs", ""),
    ("crates/jobs/src/bin/weekly.rs", ""),
    ("scripts/web/front/package.json", "{}"),
    ("scripts/jobs/nightly/requirements.txt", ""),
    ("scripts/jobs/hourly/pyproject.toml", ""),
];

fn write_companions(sandbox: &Sandbox) {
    for (name, text) in COMPANIONS {
        std::fs::create_dir_all(sandbox.path().join(name).parent().unwrap()).unwrap();
        sandbox.write(name, text);
    }
}

fn corpus(kind: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(kind)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// A spec of the corpus in a folder of its own, and what its directives say.
struct Case {
    sandbox: Sandbox,
    more: Vec<String>,
    validate: i32,
}

impl Case {
    fn new(world: &World, file: &Path) -> Self {
        let bytes = std::fs::read(file).unwrap();
        let sandbox = world.sandbox("");
        std::fs::write(sandbox.path().join("config.toml"), &bytes).unwrap();
        write_companions(&sandbox);
        let text = String::from_utf8_lossy(&bytes);
        let directive = |name: &str| text.lines().take(2).find_map(|line| line.strip_prefix(&format!("# {name}: ")).map(str::to_owned));
        let more = directive("arguments").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        let validate = directive("validate").map_or(6, |code| code.parse().unwrap());
        Self { sandbox, more, validate }
    }

    fn run(&self, command: &[&str]) -> Output {
        let arguments: Vec<&str> = command.iter().copied().chain(self.more.iter().map(String::as_str)).collect();
        self.sandbox.run(&arguments)
    }
}

#[test]
fn a_bad_spec_gets_all_its_diagnostics_and_nothing_else_happens() {
    let world = World::without_cloud();
    let files = corpus("bad");
    let problems: Vec<String> = files.iter().filter_map(|file| wrong_with_bad(&world, file)).collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    assert!(files.len() >= FEWEST_BAD, "{} bad specs", files.len());
}

fn wrong_with_bad(world: &World, file: &Path) -> Option<String> {
    let case = Case::new(world, file);
    let before = listing(case.sandbox.path());
    let (up, validate) = (case.run(&["up", "--yes"]), case.run(&["validate"]));
    let problem = |what: &str| Some(format!("{}: {what}", file.display()));
    if (up.code, validate.code) != (Some(6), Some(case.validate)) {
        return problem(&format!("expected 6 of `up` and {} of `validate`\n{up}\n{validate}", case.validate));
    }
    if case.validate == 6 && validate.stderr != up.stderr {
        return problem(&format!("`up` and `validate` say different things\n{up}\n{validate}"));
    }
    if !world.proxy.calls().is_empty() || listing(case.sandbox.path()) != before {
        return problem("something was called or written");
    }
    let expected = file.with_extension("txt");
    if std::env::var_os("LAMBDO_UPDATE_CORPUS").is_some() {
        std::fs::write(&expected, &up.stderr).unwrap();
    }
    let expected = std::fs::read_to_string(&expected).unwrap_or_default();
    if up.stderr == expected { None } else { problem(&format!("says\n{}\nand not\n{expected}", up.stderr)) }
}

fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn a_good_spec_is_valid_and_what_spec_prints_means_the_same() {
    let world = World::without_cloud();
    let files = corpus("good");
    let problems: Vec<String> = files.iter().filter_map(|file| wrong_with_good(&world, file)).collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    assert!(files.len() >= FEWEST_GOOD, "{} good specs", files.len());
}

#[test]
fn a_good_spec_has_a_policy_that_names_what_it_allows() {
    let world = World::without_cloud();
    for file in corpus("good") {
        let mut case = Case::new(&world, &file);
        // For those that do not say where they go.
        case.sandbox.variable("AWS_REGION", "us-east-1");
        for purpose in [&[][..], &["--read-only"], &["--destroy"]] {
            let printed = case.run(&[&["policy", "--account", "123456789012"], purpose].concat());
            assert_eq!(printed.code, Some(0), "{}: {printed}", file.display());
            let policy: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
            for statement in policy["Statement"].as_array().unwrap() {
                let resources = statement["Resource"].as_array().unwrap();
                let is_named = |one: &serde_json::Value| one == "*" || one.as_str().is_some_and(|arn| arn.starts_with("arn:"));
                assert!(!resources.is_empty() && resources.iter().all(is_named), "{}: {statement:#}", file.display());
            }
        }
    }
}

fn wrong_with_good(world: &World, file: &Path) -> Option<String> {
    let case = Case::new(world, file);
    let problem = |what: &dyn std::fmt::Display| Some(format!("{}: {what}", file.display()));
    let valid = case.run(&["validate"]);
    if valid.code != Some(0) {
        return problem(&valid);
    }
    let first = case.run(&["spec"]);
    let again = Case { sandbox: world.sandbox(&first.stdout), ..case };
    write_companions(&again.sandbox);
    let second = again.run(&["spec"]);
    if (first.code, second.code) != (Some(0), Some(0)) {
        return problem(&format!("{first}\n{second}"));
    }
    let (before, after) = (toml::from_str::<toml::Table>(&first.stdout), toml::from_str::<toml::Table>(&second.stdout));
    if before.is_ok() && before == after { None } else { problem(&format!("`spec` is not what it was\n{first}\n{second}")) }
}

/// What a schema can see of a spec: keys, types and ranges, and nothing that several keys make together.
const SEEN_BY_THE_SCHEMA: &[&str] = &[
    "headers/bad-names",
    "headers/no-project",
    "headers/project-as-a-table",
    "headers/unknown-keys",
    "headers/another-version",
    "discover/keys",
    "keys/defaults-are-told-once",
    "keys/function-is-no-table",
    "keys/function-settings-at-the-top",
    "keys/mistyped",
    "keys/not-supported-at-the-top",
    "keys/not-supported-in-a-function",
    "keys/of-cargo-lambda",
    "keys/of-cdk",
    "keys/of-sam",
    "keys/of-serverless",
    "keys/of-terraform",
    "keys/settings-after-a-header",
    "keys/strangers",
    "keys/tables-that-are-none",
    "keys/wrong-types",
    "names/invalid",
    "stages/wrong-in-another-stage",
    "templates/wrong-inside",
    "templates/wrong-inside-of-an-unused-one",
];

#[test]
fn the_schema_takes_every_good_spec_and_refuses_what_it_can_see() {
    let schema = serde_json::from_str(include_str!("../../schemas/config.schema.json")).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let complaint = |file: &Path| {
        let text = std::fs::read_to_string(file).unwrap();
        let json = serde_json::to_value(toml::from_str::<toml::Table>(&text).unwrap()).unwrap();
        let errors: Vec<String> = validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect();
        (!errors.is_empty()).then(|| errors.join("\n"))
    };
    let refused: Vec<String> = corpus("good").iter().filter_map(|file| Some(format!("{}: {}", file.display(), complaint(file)?))).collect();
    assert!(refused.is_empty(), "good specs that the schema refuses:\n{}", refused.join("\n"));
    let bad = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/bad");
    let taken: Vec<&&str> = SEEN_BY_THE_SCHEMA.iter().filter(|name| complaint(&bad.join(format!("{name}.toml"))).is_none()).collect();
    assert!(taken.is_empty(), "bad specs that the schema takes: {taken:?}");
}

#[test]
fn a_spec_as_json_keeps_to_its_schema() {
    let world = World::without_cloud();
    let schema = serde_json::from_str(include_str!("../../schemas/spec.schema.json")).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for file in corpus("good") {
        let document = Case::new(&world, &file).run(&["spec", "--format", "json"]).expect(0).json();
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, [""; 0], "{}", file.display());
    }
    let case = Case::new(&world, &corpus("good").into_iter().find(|file| file.ends_with("templates/one.toml")).unwrap());
    let document = case.run(&["spec", "--format", "json", "ha*"]).json();
    assert_eq!(document["sections"][0]["address"], "function.hash");
    assert_eq!(document["sections"][0]["values"]["memory_size"], 256);
    assert_eq!(document["sections"][0]["origins"]["memory_size"], "config.toml:4");
    case.run(&["spec", "hahs"]).expect(6).says("did you mean `hash`?");
}

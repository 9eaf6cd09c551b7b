//! `lambdo init`: whatever it finds, `lambdo validate` accepts what it writes. And the shells' scripts.

use crate::support::{Sandbox, World};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

type Files = &'static [(&'static str, &'static str)];

/// What is found, the files, the functions of the spec, and those that are in it once all comment marks are taken away.
type Shape = (&'static str, Files, &'static [&'static str], &'static [&'static str]);

const CRATE: &str = "[package]\nname = \"hash\"\nedition = \"2024\"\n[dependencies]\nlambda_runtime = \"1\"\n";
const MAIN: &str = "fn main() { lambda_runtime::run(); }\n";
const API: &str = "#!/bin/sh\ncurl $AWS_LAMBDA_RUNTIME_API\n";
const GO: &str = "package main\n\nimport \"github.com/aws/aws-lambda-go/lambda\"\n";
const PYTHON: &str = "def lambda_handler(event, context):\n    return 1\n";
const NODE: &str = "export const handler = async (event) => 1;\n";

const SHAPES: &[Shape] = &[
    ("a crate", &[("Cargo.toml", CRATE), ("src/main.rs", MAIN)], &["hash"], &[]),
    (
        "a workspace",
        &[
            ("Cargo.toml", "[workspace]\nmembers = [\"lambdas/*\"]\n"),
            ("lambdas/hash/Cargo.toml", CRATE),
            ("lambdas/hash/src/main.rs", MAIN),
            ("lambdas/other/Cargo.toml", "[package]\nname = \"log-cleanup\"\n[dependencies]\nlambda_http.workspace = true\n"),
            ("lambdas/other/src/main.rs", MAIN),
        ],
        &["hash", "log-cleanup"],
        &[],
    ),
    ("a built program", &[("dist/hello/bootstrap", API)], &["hello"], &[]),
    ("go", &[("go.mod", "module x\n"), ("cmd/report/main.go", GO)], &["report"], &[]),
    ("go in a folder with an odd name", &[("it's ${a} \"b\"/main.go", GO)], &["it-s-a-b"], &[]),
    ("go without a package of AWS's", &[("go.mod", "module x\n"), ("main.go", "package main\n")], &["shop"], &[]),
    (
        "several programs in go",
        &[("go.mod", "module x\n"), ("api/users/get/main.go", GO), ("api/health/main.go", GO), ("jobs/clean/main.go", GO)],
        &["clean", "health", "users-get"],
        &[],
    ),
    ("images", &[("web/Dockerfile", "FROM public.ecr.aws/lambda/python:3.14\n"), ("site/Dockerfile", "FROM nginx\n")], &["web"], &["site"]),
    ("python", &[("resize/requirements.txt", ""), ("resize/app.py", PYTHON), ("one.py", PYTHON)], &["one", "resize"], &[]),
    ("node", &[("web/package.json", "{}"), ("web/index.mjs", NODE), ("typed/index.ts", NODE)], &["typed", "web"], &[]),
    (
        "functions of any name",
        &[("package.json", "{}"), ("fn/handler.js", "module.exports.hello = async (event) => 1;\n")],
        &["hello"],
        &[],
    ),
    ("java beside python", &[("a/app.py", PYTHON), ("a/Dockerfile", "FROM x\n"), ("b/pom.xml", "")], &["a"], &[]),
    ("another tool", &[("template.yaml", "Transform: AWS::Serverless-2016-10-31\n")], &[], &["hello"]),
    (
        "all together",
        &[("a/Cargo.toml", CRATE), ("a/src/main.rs", MAIN), ("b/bootstrap", API), ("c/main.go", GO), ("d/app.py", PYTHON)],
        &["b", "c", "d", "hash"],
        &[],
    ),
    ("nothing", &[], &["hello"], &[]),
    ("nothing that is a function", &[("README.md", "# x\n"), ("src/main.rs", "fn main() {}\n")], &["hello"], &[]),
];

const SEVERAL_BINARIES: Shape = (
    "a crate with several binaries",
    &[("Cargo.toml", CRATE), ("src/bin/one.rs", MAIN), ("src/bin/two.rs", MAIN), ("src/bin/tool.rs", "fn main() {}")],
    &["one", "two"],
    &[],
);

/// A folder called `shop` inside of the sandbox, which has a spec of its own above.
fn shop(sandbox: &Sandbox, files: Files) -> PathBuf {
    let shop = sandbox.path().join("shop");
    std::fs::create_dir(&shop).unwrap();
    for (name, text) in files {
        let path = shop.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    shop
}

fn functions(sandbox: &Sandbox, command: &[&str]) -> BTreeSet<String> {
    let document = sandbox.expect(0, command).json();
    document["functions"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn whatever_is_found_validates_also_without_the_comment_marks() {
    SHAPES.iter().for_each(validates);
}

#[test]
fn a_crate_with_several_binaries_validates() {
    validates(&SEVERAL_BINARIES);
}

#[track_caller]
fn validates((what, files, deployed, commented): &Shape) {
    let world = World::without_cloud();
    let sandbox = world.sandbox("");
    let shop = shop(&sandbox, files);
    sandbox.expect(0, &["-C", "shop", "init"]).says("config.toml").says("Next:");
    let validate = ["-C", "shop", "validate", "--format", "json"];
    assert_eq!(functions(&sandbox, &validate), set(deployed), "{what}");
    let text = std::fs::read_to_string(shop.join("config.toml")).unwrap();
    assert!(text.contains("project = \"shop\"") && text.contains("region = \"eu-central-1\""), "{text}");
    std::fs::write(shop.join("config.toml"), without_marks(&text)).unwrap();
    assert_eq!(functions(&sandbox, &validate), &set(deployed) | &set(commented), "{what}, all comment marks taken away");
    assert!(world.proxy.calls().is_empty(), "{:?}", world.proxy.tally());
}

/// The text with every line in force that is commented out: `# key = …` and `# [section]`.
fn without_marks(text: &str) -> String {
    let is_key = |line: &str| {
        let key = line.split_once(" = ").map(|(key, _)| key);
        key.is_some_and(|key| key.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter)))
    };
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(bare) if bare.starts_with('[') || is_key(bare) => format!("{bare}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

fn listing(folder: &Path) -> BTreeSet<(PathBuf, Vec<u8>)> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(listing(&path));
        } else {
            found.insert((path.clone(), std::fs::read(path).unwrap()));
        }
    }
    found
}

#[test]
fn nothing_is_overwritten_and_nothing_else_is_touched() {
    let world = World::without_cloud();
    let sandbox = world.sandbox("project = \"mine\"\n");
    let before = listing(sandbox.path());
    sandbox.expect(6, &["init"]).says("The file is there already").says("`config.toml` exists");
    let document = sandbox.expect(6, &["init", "--format", "json"]).json();
    assert_eq!(document["errors"][0]["code"], "file-exists");
    sandbox.expect(6, &["init", "bootstrap"]).says("`./bootstrap` is a file");
    sandbox.expect(6, &["init", "shop", "--config", "x.toml"]).says("leave one of them out");
    sandbox.expect(6, &["init", "shop", "--project", "my shop"]).says("project");
    assert_eq!(listing(sandbox.path()), before);

    sandbox.expect(0, &["init", "--config", "lambdo.toml", "--project", "Other"]).says("lambdo.toml");
    let mut names: Vec<PathBuf> = listing(sandbox.path()).difference(&before).map(|(path, _)| path.clone()).collect();
    names.retain(|path| path.file_name().is_some_and(|name| name != "lambdo.toml" && name != ".gitignore"));
    assert!(names.iter().all(|path| path.starts_with(sandbox.path().join("lambdas/hello"))), "{names:?}");
    assert!(before.iter().all(|file| listing(sandbox.path()).contains(file)));
}

#[test]
fn a_dry_run_prints_what_would_be_written() {
    let world = World::without_cloud();
    let sandbox = world.sandbox("");
    shop(&sandbox, SHAPES[1].1);
    let before = listing(sandbox.path());
    let printed = sandbox.expect(0, &["init", "shop", "--dry-run"]);
    let document = sandbox.expect(0, &["init", "shop", "--stdout", "--format", "json"]).json();
    assert_eq!(document["text"].as_str(), Some(printed.stdout.as_str()));
    assert_eq!((&document["written"], &document["config"]), (&serde_json::json!([]), &serde_json::json!("shop/config.toml")));
    assert_eq!(listing(sandbox.path()), before);
    sandbox.expect(0, &["init", "shop"]);
    assert_eq!(std::fs::read_to_string(sandbox.path().join("shop/config.toml")).unwrap(), printed.stdout);
    // A spec that is there already does not hinder a look.
    sandbox.expect(0, &["init", "shop", "--dry-run"]);
}

#[test]
fn an_empty_or_missing_folder_gets_an_example() {
    let world = World::without_cloud();
    let sandbox = world.sandbox("");
    let document = sandbox.expect(0, &["init", "New Shop", "--format", "json"]).json();
    assert_eq!((&document["project"], &document["example"]), (&serde_json::json!("new-shop"), &serde_json::json!(true)));
    let written: Vec<&str> = document["written"].as_array().unwrap().iter().filter_map(serde_json::Value::as_str).collect();
    assert!(written.contains(&"New Shop/config.toml") && written.contains(&"New Shop/lambdas/hello/src/main.rs"), "{written:?}");
    assert!(written.iter().all(|file| sandbox.path().join(file).is_file()), "{written:?}");
    // What it has written, it finds.
    std::fs::remove_file(sandbox.path().join("New Shop/config.toml")).unwrap();
    let again = sandbox.expect(0, &["init", "New Shop", "--format", "json"]).json();
    assert_eq!(again["functions"], document["functions"]);
    assert_eq!(again["example"], false);
}

#[test]
fn code_in_which_no_function_is_found_gets_no_example_in_another_language() {
    let world = World::without_cloud();
    let sandbox = world.sandbox("");
    let shop = shop(&sandbox, &[("package.json", "{}"), ("lib/tool.js", "exports.tool = 1;\n")]);
    let before = listing(&shop);
    sandbox
        .expect(6, &["-C", "shop", "init"])
        .says("No functions found")
        .says("There is code here (`package.json`, `lib/tool.js`)")
        .says("handler = \"FOLDER/FILE.FUNCTION\"");
    assert_eq!(sandbox.expect(6, &["init", "shop", "--format", "json"]).json()["errors"][0]["code"], "no-functions");
    assert_eq!(listing(&shop), before);
}

#[test]
fn packages_of_a_whole_project_hold_its_code_and_nothing_about_it() {
    let world = World::without_cloud();
    let sandbox = world.sandbox("");
    let shop = shop(&sandbox, &[("app.py", PYTHON), ("README.md", "# x\n"), (".gitignore", "x\n"), (".env", "TOKEN=x\n")]);
    sandbox.expect(0, &["init", "shop"]).says("Wrote shop/.lambdoignore").says("/state/runs/, /state/*.lock to shop/.gitignore");
    let ignored = std::fs::read_to_string(shop.join(".gitignore")).unwrap();
    assert_eq!(ignored, "x\n/state/local/\n/state/build/\n/state/runs/\n/state/*.lock\n");
    let build = ["-C", "shop", "build", "--format", "json"];
    let packed = || sandbox.expect(0, &build).json()["packages"][0]["files"].as_u64();
    assert_eq!(packed(), Some(1), "`app.py`");
    std::fs::remove_file(shop.join(".lambdoignore")).unwrap();
    assert_eq!(packed(), Some(3), "`README.md` and `.env` as well");
    let told = sandbox.expect(0, &["-C", "shop", "build"]);
    assert_eq!(told.says("`.env` in it").says("`.lambdoignore`").stderr.matches("A secret lies in the package").count(), 1);
}

#[test]
fn where_no_spec_is_init_is_named() {
    let world = World::without_cloud();
    let sandbox = world.sandbox("");
    std::fs::remove_file(sandbox.path().join("config.toml")).unwrap();
    for command in [&["up"][..], &["validate"], &["invoke", "hello"]] {
        sandbox.expect(6, command).says("No spec found").says("`lambdo init` writes one for what lies here");
    }
}

#[test]
fn the_region_is_that_of_the_option_the_environment_or_the_profile() {
    let world = World::without_cloud();
    let mut sandbox = world.sandbox("");
    let region = |sandbox: &Sandbox, arguments: &[&str]| {
        let arguments = [&["init", "shop", "--dry-run", "--format", "json"], arguments].concat();
        sandbox.expect(0, &arguments).json()["region"].as_str().map(str::to_owned)
    };
    sandbox.write("aws", "[default]\nregion = eu-west-3\n[profile other]\nregion = eu-west-2\n");
    assert_eq!(region(&sandbox, &["--region", "us-east-1"]).as_deref(), Some("us-east-1"));
    assert_eq!(region(&sandbox, &[]).as_deref(), Some("eu-central-1"));
    sandbox.variable("AWS_REGION", "");
    assert_eq!(region(&sandbox, &[]), None);
    sandbox.variable("AWS_CONFIG_FILE", sandbox.path().join("aws").to_str().unwrap().to_owned().as_str());
    assert_eq!(region(&sandbox, &[]).as_deref(), Some("eu-west-3"));
    assert_eq!(region(&sandbox, &["--profile", "other"]).as_deref(), Some("eu-west-2"));
    assert!(world.proxy.calls().is_empty(), "{:?}", world.proxy.tally());
}

#[test]
fn each_shell_gets_a_script() {
    let world = World::without_cloud();
    let sandbox = world.sandbox("");
    std::fs::remove_file(sandbox.path().join("config.toml")).unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = sandbox.expect(0, &["completions", shell]).stdout;
        assert!(script.contains("destroy") && script.contains("init"), "{shell}:\n{script}");
        if shell == "bash" {
            sandbox.write("lambdo.bash", &script);
            let checked = Command::new("bash").arg("-n").arg(sandbox.path().join("lambdo.bash")).output().unwrap();
            assert!(checked.status.success() && checked.stderr.is_empty(), "{}", String::from_utf8_lossy(&checked.stderr));
        }
    }
    sandbox.expect(6, &["completions", "tcsh"]).says("possible values").says("elvish");
    sandbox.expect(6, &["completions"]).says("SHELL");
}

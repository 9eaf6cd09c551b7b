use super::*;
use std::path::PathBuf;
use tempfile::TempDir;

const RUST: &str = "[package]\nname = \"NAME\"\n[dependencies]\nlambda_runtime = \"1\"\n";
const GO: &str = "package main\n\nimport \"github.com/aws/aws-lambda-go/lambda\"\n";
const PYTHON: &str = "import json\n\ndef lambda_handler(event, context):\n    return 1\n";
const NODE: &str = "export const handler = async (event) => 1;\n";
const LAMBDA_MAIN: &str = "use lambda_runtime::run;\nfn main() {}\n";

fn crate_called(name: &str) -> String {
    RUST.replace("NAME", name)
}

/// A folder called `shop` with these files.
fn folder(files: &[(&str, &[u8])]) -> (TempDir, PathBuf) {
    let above = tempfile::tempdir().unwrap();
    let shop = above.path().join("shop");
    std::fs::create_dir(&shop).unwrap();
    for (name, text) in files {
        let path = shop.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    (above, shop)
}

fn found(files: &[(&str, &str)]) -> Found {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    let (_above, shop) = folder(&files);
    look(&shop, None)
}

/// Each function as `name language place`.
fn lines(found: &Found) -> Vec<String> {
    found.functions.iter().map(|one| format!("{} {} {}", one.name, one.language(), one.place())).collect()
}

#[test]
fn rust_crates_with_a_runtime_and_a_binary_are_functions() {
    let (hash, report) = (crate_called("hash"), crate_called("report"));
    let http = "[package]\nname = \"api\"\n[target.'cfg(unix)'.dependencies]\nweb = { package = \"lambda_http\", version = \"1\" }\n";
    let tests_only = "[package]\nname = \"tool\"\n[dev-dependencies]\nlambda_runtime = \"1\"\n";
    let found = found(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n"),
        ("crates/hash/Cargo.toml", &hash),
        ("crates/hash/src/main.rs", LAMBDA_MAIN),
        ("crates/library/Cargo.toml", &report),
        ("crates/library/src/lib.rs", ""),
        ("crates/tool/Cargo.toml", tests_only),
        ("crates/tool/src/main.rs", LAMBDA_MAIN),
        ("api/Cargo.toml", http),
        ("api/src/main.rs", ""),
        ("broken/Cargo.toml", "[package"),
        ("target/package/hash/Cargo.toml", &hash),
        ("target/package/hash/src/main.rs", LAMBDA_MAIN),
    ]);
    assert_eq!(lines(&found), ["api Rust api", "hash Rust crates/hash"]);
    assert!(matches!(found.functions[0].code, Code::Rust { is_http: true, binary: None }));
}

#[test]
fn of_several_binaries_those_count_that_name_the_runtime() {
    let manifest = crate_called("jobs") + "[[bin]]\nname = \"nightly\"\npath = \"src/jobs/nightly.rs\"\n";
    let found = found(&[
        ("Cargo.toml", &manifest),
        ("src/bin/import.rs", LAMBDA_MAIN),
        ("src/bin/export/main.rs", LAMBDA_MAIN),
        ("src/bin/migrate.rs", "fn main() {}"),
        ("src/jobs/nightly.rs", LAMBDA_MAIN),
    ]);
    assert_eq!(lines(&found), ["export Rust binary export", "import Rust binary import", "nightly Rust binary nightly"]);
}

#[test]
fn a_binary_whose_name_says_nothing_is_called_after_its_package() {
    let manifest = crate_called("hash") + "[[bin]]\nname = \"bootstrap\"\npath = \"src/main.rs\"\n";
    assert_eq!(lines(&found(&[("Cargo.toml", &manifest), ("src/main.rs", LAMBDA_MAIN)])), ["hash Rust this folder"]);
    let without = crate_called("hash").replace("[dependencies]", "autobins = false\n[dependencies]");
    assert_eq!(lines(&found(&[("Cargo.toml", &without), ("src/main.rs", LAMBDA_MAIN)])), Vec::<String>::new());
}

#[test]
fn what_git_ignores_is_not_looked_at() {
    let hash = crate_called("hash");
    let found = found(&[(".gitignore", "/old\n"), ("old/Cargo.toml", &hash), ("old/src/main.rs", LAMBDA_MAIN)]);
    assert_eq!(lines(&found), Vec::<String>::new());
    assert!(found.has_room);
}

#[test]
fn a_built_program_is_told_from_a_script_of_autotools_and_its_processor_is_seen() {
    let mut arm = b"\x7fELF\x02\x01\x01".to_vec();
    arm.resize(64, 0);
    let intel = arm.clone();
    arm[18] = 183;
    let script = b"#!/bin/sh\ncurl http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next\n";
    let autotools = b"#!/bin/sh\nautoreconf -i\n";
    let (_above, shop) = folder(&[
        ("lambdas/a/dist/bootstrap", &arm),
        ("b/bootstrap", &intel),
        ("d/bootstrap", &intel),
        ("c/bootstrap", script),
        ("bootstrap", autotools),
        ("b/main.go", GO.as_bytes()),
    ]);
    let found = look(&shop, None);
    assert_eq!(lines(&found), ["b Go b", "c prebuilt c/bootstrap", "d prebuilt d/bootstrap", "a prebuilt lambdas/a/dist/bootstrap"]);
    assert!(matches!(found.functions[3].code, Code::Bootstrap { is_arm64: true, .. }));
    assert!(matches!(found.functions[2].code, Code::Bootstrap { is_arm64: false, .. }));
}

#[test]
fn other_languages_are_seen_with_their_handlers() {
    let found = found(&[
        ("go.mod", "module shop\n"),
        ("cmd/report/main.go", GO),
        ("cmd/report/main_test.go", GO),
        ("internal/store.go", "package store\n"),
        ("functions/resize/requirements.txt", "pillow\n"),
        ("functions/resize/src/app.py", PYTHON),
        ("functions/one.py", "def handler(event, _):\n    pass\n"),
        ("functions/two.py", "handler = Mangum(app)\n"),
        ("functions/library.py", "def handle(event, context):\n    pass\n\ndef event_handler():\n    pass\n"),
        ("web/package.json", "{}"),
        ("web/index.mjs", NODE),
        ("web/node_modules/x/index.js", "exports.handler = 1;\n"),
        ("typed/index.ts", "export async function handler(event: Event) {}\n"),
        ("typed/index.test.ts", NODE),
        ("web/other.js", "const handler = 1;\n"),
    ]);
    let expected = [
        "report Go cmd/report",
        "one Python functions (one.handler)",
        "two Python functions (two.handler)",
        "resize Python functions/resize (src/app.lambda_handler)",
        "typed TypeScript typed (index.handler)",
        "web Node web (index.handler)",
    ];
    assert_eq!(lines(&found), expected);
    assert!(found.functions.iter().all(|function| function.reason().is_none()));
}

#[test]
fn programs_in_go_count_where_they_name_a_runtime_or_none_of_the_module_does() {
    let plain = "package main\n\nfunc main() {}\n";
    let api = "package main\n\nvar at = os.Getenv(\"AWS_LAMBDA_RUNTIME_API\")\n";
    let found = found(&[
        ("a/go.mod", "module a\n"),
        ("a/cmd/tool/main.go", plain),
        ("a/cmd/report/main.go", GO),
        ("a/cmd/bare/main.go", api),
        ("b/go.mod", "module b\n"),
        ("b/main.go", plain),
        ("b/gen.go", "//go:build ignore\n\npackage main\n"),
        ("lone/app.go", plain),
        ("library/lib.go", "package library\n"),
    ]);
    assert_eq!(lines(&found), ["bare Go a/cmd/bare", "report Go a/cmd/report", "b Go b", "lone Go lone"]);
    assert!(found.functions.iter().all(|one| one.code == Code::Go { root: None }), "the tool would be discovered, too");
}

#[test]
fn several_programs_below_one_folder_are_discovered_where_they_are_all_that_lies_there() {
    let roots = |files: &[(&str, &str)]| {
        let root = |one: &Function| match &one.code {
            Code::Go { root } => root.clone().unwrap_or_else(|| "-".into()),
            _ => "other".into(),
        };
        found(files).functions.iter().map(|one| format!("{} {}", one.name, root(one))).collect::<Vec<_>>()
    };
    let api = [("api/users/get/main.go", GO), ("api/users/put/main.go", GO), ("api/health/main.go", GO)];
    let discovered = ["health api", "users-get api", "users-put api"];
    assert_eq!(roots(&api), discovered);
    assert_eq!(roots(&[&api[..], &[("jobs/clean/main.go", GO)]].concat()), [&discovered[..], &["clean -"]].concat());
    assert_eq!(
        roots(&[&api[..], &[("jobs/a/main.go", GO), ("jobs/b/main.go", GO)]].concat()),
        [&discovered[..], &["a jobs", "b jobs"]].concat()
    );
    assert_eq!(roots(&[&api[..2], &[("api/users/other/main.go", "package other\n")]].concat()), ["get -", "put -"]);
    assert_eq!(roots(&[("api/a/x.go", GO), ("api/b/main.go", GO)]), ["a -", "b -"], "one has another file");
    assert_eq!(roots(&[("api/main.go", GO), ("api/b/main.go", GO)]), ["api api", "b api"]);
    assert_eq!(roots(&[("api/1/main.go", GO), ("api/2/main.go", GO)]), ["function-1 -", "function-2 -"], "no names");
    assert_eq!(roots(&[("api/a/main.go", GO), ("api/b/main.go", GO), ("a/app.py", PYTHON)]), ["a other", "api-a -", "b -"]);
}

#[test]
fn a_dockerfile_is_a_function_where_nothing_else_is() {
    let found = found(&[
        ("web/Dockerfile", "FROM public.ecr.aws/lambda/nodejs:24\n"),
        ("site/Dockerfile", "# not for Lambda\nFROM nginx\n"),
        ("resize/Dockerfile", "FROM python\n"),
        ("resize/src/app.py", PYTHON),
        ("Dockerfile", "FROM alpine\n"),
    ]);
    assert_eq!(
        lines(&found),
        ["resize Python resize/src (app.lambda_handler)", "site Dockerfile site/Dockerfile", "web Dockerfile web/Dockerfile"]
    );
    assert_eq!(found.functions.iter().map(|one| one.reason().is_none()).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn each_form_of_exporting_a_handler_is_seen_and_others_are_not() {
    for (text, is_handler) in [
        ("exports.handler = async () => 1", true),
        ("module.exports.handler = run", true),
        ("module.exports = { handler }", true),
        ("export { handler } from './a'", true),
        ("export function handler() {}", true),
        ("const l = require(\"x\"); exports.handler = async () => 1;", true),
        ("// exports.handler = 1", false),
        ("run(); // exports.handler = 1", false),
        ("exports.handlers = 1", false),
        ("const a = exports.handler", false),
        ("// export const handlers", false),
    ] {
        assert_eq!(!found(&[("a/index.js", text)]).functions.is_empty(), is_handler, "{text}");
    }
}

#[test]
fn functions_of_any_name_are_found_where_none_has_a_usual_one() {
    let found = found(&[
        ("package.json", "{}"),
        ("fn/handler.js", "module.exports.hello = async (event) => {\n  return 1;\n};\nexports.bye = async (event) => 1;\n"),
        ("fn/main.mjs", "export const main = middy(base);\n"),
        ("web/package.json", "{}"),
        ("web/index.js", "exports.handler = async () => 1;\n"),
        ("web/parts.js", "exports.part = async (event) => 1;\n"),
        ("py/one.py", "def main(event, context):\n    return 1\n"),
        ("py/two.py", "def clean(event, context):\n    return 1\ndef other(first, second):\n    return 1\n"),
    ]);
    let expected = [
        "bye Node fn/handler.bye",
        "fn Node fn/main.main",
        "hello Node fn/handler.hello",
        "clean Python py (two.clean)",
        "one Python py (one.main)",
        "web Node web (index.handler)",
    ];
    assert_eq!(lines(&found), expected);
}

#[test]
fn code_without_functions_leaves_no_room_for_an_example_in_another_language() {
    for (files, unread) in [
        (&[("package.json", "{}"), ("lib/tool.js", "exports.tool = 1;\n")][..], &["package.json", "lib/tool.js"][..]),
        (&[("requirements.txt", "")], &["requirements.txt"]),
        (&[("a.py", "print(1)\n"), ("b.py", ""), ("c.py", ""), ("d.py", "")], &["a.py", "b.py", "c.py"]),
        (&[("go.mod", "module x\n"), ("lib.go", "package lib\n")], &["go.mod", "lib.go"]),
        (&[("pom.xml", "")], &["pom.xml"]),
    ] {
        let found = found(files);
        assert!(found.functions.is_empty() && !found.has_room, "{found:?}");
        assert_eq!(found.unread, unread);
    }
    assert!(found(&[("Cargo.toml", "[package]\nname = \"x\"\n"), ("src/lib.rs", "")]).has_room, "a crate may lie beside one");
    assert_eq!(found(&[("app.py", PYTHON)]).unread, Vec::<String>::new());
}

#[test]
fn what_may_be_a_function_and_is_not_taken_is_named() {
    let found = found(&[
        ("a/app.py", PYTHON),
        ("a/Dockerfile", "FROM public.ecr.aws/lambda/python:3.14\n"),
        ("web/Dockerfile", "FROM public.ecr.aws/lambda/nodejs:24\n"),
        ("report/pom.xml", ""),
        ("report/module/pom.xml", ""),
        ("old/build.gradle.kts", ""),
        ("image/Dockerfile", "FROM public.ecr.aws/lambda/java:25\n"),
        ("image/pom.xml", ""),
    ]);
    let settings: Vec<String> = found.passed_over.iter().map(PassedOver::setting).collect();
    let expected = [
        "image = { dockerfile = \"a/Dockerfile\" }",
        "code = { zip = \"report/target/NAME.jar\" }",
        "code = { zip = \"old/build/libs/NAME.jar\" }",
    ];
    assert_eq!(settings, expected);
}

#[test]
fn packages_of_a_whole_project_are_kept_small_by_an_ignore_file() {
    let ignored = |files: &[(&str, &[u8])]| {
        let (_above, shop) = folder(files);
        ignore::text(&shop, &look(&shop, None))
    };
    let text = ignored(&[("package.json", b"{}"), ("src/index.js", NODE.as_bytes()), ("cdk.json", b"{}")]).unwrap();
    insta::assert_snapshot!(text, @r"
    # What of this folder stays out of packages, written as in a .gitignore.
    /cdk.json
    /README*
    /CHANGELOG*
    /LICENSE*
    /Dockerfile*
    .env
    .env.*
    ");
    assert_eq!(ignored(&[("a/app.py", PYTHON.as_bytes())]), None, "no package has the whole folder");
    assert_eq!(ignored(&[("app.py", PYTHON.as_bytes()), (".lambdoignore", b"")]), None, "nothing is overwritten");
    assert_eq!(ignored(&[("main.go", GO.as_bytes())]), None);
}

#[test]
fn equal_names_are_told_apart_by_their_folders() {
    let found = found(&[
        ("shop/Api/app.py", PYTHON),
        ("admin/api/app.py", PYTHON),
        ("a-api.py", PYTHON),
        ("a/api/app.py", PYTHON),
        ("app.py", PYTHON),
        ("größe/app.py", PYTHON),
    ]);
    let names: Vec<&str> = found.functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names, ["a-api", "shop", "a-api-2", "admin-api", "gr-e", "shop-Api"]);
}

#[test]
fn other_tools_are_named_and_leave_no_room_for_an_example() {
    let found = found(&[
        ("template.yaml", "Resources:\n  A:\n    Type: AWS::Serverless::Function\n"),
        ("mail/template.yaml", "subject: Hello\n"),
        ("api/serverless.yml", ""),
        ("infra/main.tf", ""),
        ("infra/variables.tf", ""),
        ("cdk.json", "{}"),
    ]);
    let expected = [("CDK", "cdk.json"), ("SAM", "template.yaml"), ("Serverless", "api/serverless.yml"), ("Terraform", "infra/main.tf")];
    assert_eq!(found.foreign, expected.map(|(tool, file)| (tool, file.to_owned())));
    assert!(!found.has_room);
}

#[test]
fn an_example_takes_no_place_that_is_taken() {
    assert!(found(&[("README.md", "")]).has_room);
    assert!(!found(&[("lambdas/README.md", "")]).has_room);
    assert!(!found(&[("index.js", NODE)]).has_room);
    assert!(look(Path::new("/nowhere/at/all"), None).has_room);
    assert_eq!(look(Path::new("/nowhere/at/All"), None).project, "all");
    assert_eq!(look(Path::new("/nowhere"), Some("mine")).project, "mine");
}

fn function(name: &str, folder: &str, code: Code) -> Function {
    Function { name: name.into(), folder: folder.into(), code }
}

fn sample() -> Found {
    let script = |language| Code::Script { language, handler: "app.handler".into() };
    let functions = vec![
        function("hello", "lambdas/hello", Code::Rust { binary: None, is_http: false }),
        function("api", ".", Code::Rust { binary: Some("api".into()), is_http: true }),
        function("old", "dist", Code::Bootstrap { file: "dist/a \"b\" ${c}/bootstrap".into(), is_arm64: true }),
        function("report", "cmd/report", Code::Go { root: None }),
        function("get", "api/get", Code::Go { root: Some("api".into()) }),
        function("put", "api/put", Code::Go { root: Some("api".into()) }),
        function("site", "site", Code::Dockerfile { file: "site/Dockerfile".into(), is_for_lambda: false }),
        function("resize", "functions/resize", script(Script::Python)),
        function("web", "web", script(Script::Typed)),
    ];
    let foreign = vec![("SAM", "template.yaml".to_owned())];
    let passed_over = vec![
        PassedOver { file: "Dockerfile".into(), kind: seen::Kind::Dockerfile },
        PassedOver { file: "report/pom.xml".into(), kind: seen::Kind::Java },
    ];
    Found { project: "shop".into(), functions, foreign, passed_over, unread: vec![], is_cut: true, has_room: false }
}

#[test]
fn the_spec_teaches_what_can_be_said() {
    insta::assert_snapshot!(text::config(&sample(), Some("eu-central-1")), @r#"
    # What lambdo deploys. `lambdo validate` checks this file, `lambdo schema` prints all keys.
    project = "shop"                          # the first part of every name in AWS

    [aws]
    region = "eu-central-1"                   # from this machine's AWS configuration
    # allowed_account_ids = ["123456789012"]  # any other account is refused

    # For every function, unless it says otherwise. The values here are those that hold anyway.
    [defaults]
    # memory_size = 128                       # in MB; processor time grows with it
    # timeout = 3                             # in seconds, 900 at most
    # architectures = "x86_64"                # "arm64" costs less

    [function.hello]
    build = "lambdas/hello"
    # memory_size = 256
    # environment = { LOG_LEVEL = "info" }
    # log_group.retention_in_days = 90        # 30 unless told otherwise; "never" keeps all
    # role.allow = [{ action = "s3:GetObject", resource = "arn:aws:s3:::BUCKET/*" }]

    [function.api]
    build = { path = ".", bin = "api" }       # answers HTTP; function URLs and HTTP APIs are not supported yet

    [function.old]
    code = { file = "dist/a \"b\" $${c}/bootstrap" }  # built before; `code.dir` takes a whole folder
    architectures = "arm64"

    [function.report]
    build = { kind = "go", path = "cmd/report" }

    [discover.api]
    root = "api"                              # each folder below with a `main.go` is a function

    [function.resize]
    build = { kind = "python", path = "functions/resize" }
    runtime = "python3.14"
    handler = "app.handler"

    [function.web]
    build = { kind = "node", path = "web" }
    runtime = "nodejs24.x"
    handler = "app.handler"

    # Runs it every morning at six, UTC:
    # [function.hello.event_rule.daily]
    # schedule_expression = "cron(0 6 * * ? *)"

    # What `lambdo output` prints:
    # [outputs]
    # hello = "${function.hello.arn}"

    # Dockerfile, site/Dockerfile: it does not say whether its program speaks to Lambda.
    # [function.site]
    # image = { dockerfile = "site/Dockerfile" }
    "#);
    let discovered = Found { functions: sample().functions.split_off(4), ..sample() };
    let text = text::config(&discovered, None);
    insta::assert_snapshot!(text.split_once("[discover").unwrap().1, @r#"
    .api]
    root = "api"                              # each folder below with a `main.go` is a function

    # What one of them has besides:
    # [function.get]
    # memory_size = 256
    # environment = { LOG_LEVEL = "info" }
    # log_group.retention_in_days = 90        # 30 unless told otherwise; "never" keeps all
    # role.allow = [{ action = "s3:GetObject", resource = "arn:aws:s3:::BUCKET/*" }]

    [function.resize]
    build = { kind = "python", path = "functions/resize" }
    runtime = "python3.14"
    handler = "app.handler"

    [function.web]
    build = { kind = "node", path = "web" }
    runtime = "nodejs24.x"
    handler = "app.handler"

    # Runs it every morning at six, UTC:
    # [function.get.event_rule.daily]
    # schedule_expression = "cron(0 6 * * ? *)"

    # What `lambdo output` prints:
    # [outputs]
    # get = "${function.get.arn}"

    # Dockerfile, site/Dockerfile: it does not say whether its program speaks to Lambda.
    # [function.site]
    # image = { dockerfile = "site/Dockerfile" }
    "#);
    insta::assert_snapshot!(text::config(&Found { functions: vec![], ..sample() }, None), @r#"
    # What lambdo deploys. `lambdo validate` checks this file, `lambdo schema` prints all keys.
    project = "shop"                          # the first part of every name in AWS

    [aws]
    # region = "eu-central-1"                 # else what your AWS configuration says
    # allowed_account_ids = ["123456789012"]  # any other account is refused

    # For every function, unless it says otherwise. The values here are those that hold anyway.
    [defaults]
    # memory_size = 128                       # in MB; processor time grows with it
    # timeout = 3                             # in seconds, 900 at most
    # architectures = "x86_64"                # "arm64" costs less

    # No function was found here. One looks like this:
    # [function.hello]
    # code = { file = "bootstrap" }          # a program built before; or build = "FOLDER" for sources
    "#);
}

fn told(found: &Found, files: &[&str], columns: usize) -> String {
    let files: Vec<String> = files.iter().map(ToString::to_string).collect();
    let view = view::View { found, region: None, config: "config.toml", files: &files, text: None, ignored: None, options: "" };
    anstream::adapter::strip_str(&view::human(&view, columns)).to_string()
}

#[test]
fn what_was_found_is_told_at_any_width() {
    insta::assert_snapshot!(told(&sample(), &["config.toml"], 100), @r#"
    Found 9 functions:
      + hello   Rust        lambdas/hello
      + api     Rust        binary api
      + old     prebuilt    dist/a "b" ${c}/bootstrap
      + report  Go          cmd/report
      + get     Go          api/get
      + put     Go          api/put
      # site    Dockerfile  site/Dockerfile
      + resize  Python      functions/resize (app.handler)
      + web     TypeScript  web (app.handler)

    # commented out in the spec:
        Dockerfile: it does not say whether its program speaks to Lambda.

    Not taken: Dockerfile: it lies beside code that was taken. If it is a function: `image = {
    dockerfile = "Dockerfile" }`.

    Not taken: report/pom.xml: lambdo does not build Java by itself. If it is a function: `code = { zip
    = "report/target/NAME.jar" }` with `runtime = "java25"` and `handler = "PACKAGE.CLASS"`, a jar that
    was built before and has all that it needs in it; or `build = { kind = "command", … }` that makes a
    folder or a zip.

    Not read: template.yaml (SAM). What such files declare beyond the code must be written into the spec
    by hand; what was deployed by them stays as it is.

    There are more files than lambdo looks at: what lies in the rest is not in the spec. Name a smaller
    folder.

    Wrote config.toml

    Next:
      lambdo --local up            run it on this machine, without AWS
      lambdo invoke hello --local  call it
      lambdo up                    deploy it to AWS, after a question

    `state/` will say what was deployed: keep it, in git for instance, but keep `state/local/`,
    `state/build/`, `state/runs/` and `state/*.lock` out of git.
    "#);
    insta::assert_snapshot!(told(&sample(), &["config.toml"], 40), @r#"
    Found 9 functions:
      + hello  Rust
          lambdas/hello
      + api  Rust
          binary api
      + old  prebuilt
          dist/a "b" ${c}/bootstrap
      + report  Go
          cmd/report
      + get  Go
          api/get
      + put  Go
          api/put
      # site  Dockerfile
          site/Dockerfile
      + resize  Python
          functions/resize (app.handler)
      + web  TypeScript
          web (app.handler)

    # commented out in the spec:
        Dockerfile: it does not say
          whether its program speaks to
          Lambda.

    Not taken: Dockerfile: it lies beside
    code that was taken. If it is a
    function: `image = { dockerfile =
    "Dockerfile" }`.

    Not taken: report/pom.xml: lambdo does
    not build Java by itself. If it is a
    function: `code = { zip =
    "report/target/NAME.jar" }` with
    `runtime = "java25"` and `handler =
    "PACKAGE.CLASS"`, a jar that was built
    before and has all that it needs in it;
    or `build = { kind = "command", … }`
    that makes a folder or a zip.

    Not read: template.yaml (SAM). What such
    files declare beyond the code must be
    written into the spec by hand; what was
    deployed by them stays as it is.

    There are more files than lambdo looks
    at: what lies in the rest is not in the
    spec. Name a smaller folder.

    Wrote config.toml

    Next:
      lambdo --local up
          run it on this machine, without AWS
      lambdo invoke hello --local
          call it
      lambdo up
          deploy it to AWS, after a question

    `state/` will say what was deployed:
    keep it, in git for instance, but keep
    `state/local/`, `state/build/`,
    `state/runs/` and `state/*.lock` out of
    git.
    "#);
    let example = example::with(Found { foreign: vec![], passed_over: vec![], is_cut: false, has_room: true, ..sample() });
    insta::assert_snapshot!(told(&example, &["lambdas/hello/Cargo.toml", "config.toml"], 100), @r"
    No functions found, so here is an example: hello, a Rust crate in lambdas/hello.

    Wrote lambdas/hello/Cargo.toml
    Wrote config.toml

    Next:
      lambdo --local up            run it on this machine, without AWS
      lambdo invoke hello --local  call it
      lambdo up                    deploy it to AWS, after a question

    `state/` will say what was deployed: keep it, in git for instance, but keep `state/local/`,
    `state/build/`, `state/runs/` and `state/*.lock` out of git.
    ");
}

#[test]
fn documents_fit_their_schema() {
    let path = format!("{}/schemas/init.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let found = sample();
    let failure = crate::cli::view::json::failure("init", &[crate::diagnostic::Diagnostic::error("x", "X")], &BTreeMap::new());
    let view = view::View {
        found: &found,
        region: None,
        config: "config.toml",
        files: &["config.toml".into()],
        text: None,
        ignored: None,
        options: "",
    };
    let dry = view::View { text: Some("project = 1"), region: Some("eu-central-1"), ..view };
    let empty = Found { functions: vec![], foreign: vec![], ..sample() };
    let bare = view::View { found: &empty, files: &[], ..dry };
    for document in [view::document(&view), view::document(&dry), view::document(&bare), failure] {
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, Vec::<String>::new(), "{document:#}");
    }
}

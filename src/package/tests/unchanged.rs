//! What did not change is not built again, and nothing is started to find that out.

use super::request;
use crate::model::{EventSink, PackageRequest};
use crate::package::builder::Builders;
use crate::package::environment::Environment;
use crate::package::own::Own;
use crate::package::{Options, work};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Notify;

/// Notes that it was started, and does what the tool of its name would.
const TOOL: &str = r#"#!/bin/sh
PATH=/usr/bin:/bin
name=$(basename "$0")
echo "$name $*" >> "$FAKE/starts"
each() { while [ $# -gt 0 ]; do case "$1" in -o) output=$2 ;; --target) target=$2 ;; --outfile=*) output=${1#*=} ;; --metafile=*) meta=${1#*=} ;; esac; shift; done; }
each "$@"
case "$name $1" in
    "go env") echo "{\"GOVERSION\":\"go1.25.3\",\"GOROOT\":\"$FAKE/go\"}" ;;
    "go list") echo "{\"Dir\":\"$PWD\",\"ImportPath\":\"m\",\"Name\":\"main\"}" ;;
    "go build") echo go > "$output" ;;
    "rustc --print") if [ "$2" = sysroot ]; then echo "$FAKE/rust"; else echo "$FAKE"; fi ;;
    "rustc -vV") echo "host: x86_64-unknown-linux-gnu"; echo "release: 1.95.0" ;;
    "cargo metadata")
        package="{\"name\":\"p\",\"manifest_path\":\"$PWD/Cargo.toml\",\"targets\":[{\"name\":\"p\",\"kind\":[\"bin\"]}]}"
        echo "{\"packages\":[$package],\"workspace_root\":\"$PWD\",\"target_directory\":\"$PWD/target\"}" ;;
    "cargo build")
        mkdir -p target && echo rust > target/p && echo "$PWD/target/p: $PWD/src/main.rs" > target/p.d
        target="\"target\":{\"name\":\"p\",\"kind\":[\"bin\"]},\"executable\":\"$PWD/target/p\",\"fresh\":false"
        echo "{\"reason\":\"compiler-artifact\",\"manifest_path\":\"$PWD/Cargo.toml\",$target}" ;;
    "python3 -c") echo 3.13 ;;
    esbuild*) mkdir -p "$(dirname "$output")"; cat index.ts > "$output"; echo '{"inputs":{"index.ts":{}}}' > "$meta" ;;
    npm*) mkdir -p node_modules/dep && echo dep > node_modules/dep/index.js && echo "{}" > node_modules/.package-lock.json ;;
    *) if [ -n "$target" ]; then mkdir -p "$target/lib" && echo lib > "$target/lib/__init__.py"; fi ;;
esac
"#;

const FILES: [(&str, &str); 12] = [
    ("go.mod", "module m\n"),
    ("api/main.go", "package main\n"),
    ("rust/Cargo.toml", "[package]\nname = \"p\"\n"),
    ("rust/Cargo.lock", ""),
    ("rust/src/main.rs", "fn main() {}\n"),
    ("python/requirements.txt", "lib==1\n"),
    ("python/app.py", "def handler(event, context): pass\n"),
    ("bundle/package.json", r#"{"devDependencies":{"esbuild":"1"}}"#),
    ("bundle/index.ts", "export const handler = 1;\n"),
    ("node/package.json", r#"{"dependencies":{"dep":"1"}}"#),
    ("node/package-lock.json", "{}"),
    ("node/index.js", "exports.handler = 1;\n"),
];

const TOOLS: [&str; 10] = [
    "go/bin/go",
    "rust/bin/rustc",
    "bin/cargo",
    "bin/uv",
    "bin/pip",
    "bin/pip3",
    "bin/python3",
    "bin/node",
    "bin/npm",
    "project/bundle/node_modules/.bin/esbuild",
];

struct Machine {
    folder: tempfile::TempDir,
    environment: Environment,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let mut environment = Environment::default();
        for (name, value) in [("FAKE", root.clone()), ("PATH", root.join("bin")), ("HOME", root.join("home"))] {
            environment.set(name, &value.display().to_string());
        }
        let machine = Self { folder, environment };
        FILES.iter().for_each(|(name, text)| machine.write(&format!("project/{name}"), text));
        for tool in TOOLS {
            machine.write(tool, TOOL);
            fs::set_permissions(root.join(tool), fs::Permissions::from_mode(0o755)).unwrap();
        }
        // As installers put them there.
        for (link, end) in [("bin/go", "go/bin/go"), ("bin/rustc", "rust/bin/rustc")] {
            std::os::unix::fs::symlink(root.join(end), root.join(link)).unwrap();
        }
        machine
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn requests(&self) -> Vec<PackageRequest> {
        let started = self.folder.path().join("starts").display().to_string();
        let command = format!(
            r#"{{"kind":"command","path":"command","command":"echo command >> '{started}'; echo 1 > out","inputs":["in"],"output":"out"}}"#
        );
        self.write("project/command/in", "");
        let managed = |name: &str, build: &str, runtime: &str, handler: &str| PackageRequest {
            runtime: runtime.into(),
            handler: handler.into(),
            ..request(name, None, Some(build))
        };
        let mut all = vec![
            request("go", None, Some(r#""api""#)),
            request("rust", None, Some(r#""rust""#)),
            managed("python", r#""python""#, "python3.13", "app.handler"),
            managed("bundle", r#""bundle""#, "nodejs22.x", "index.handler"),
            managed("node", r#""node""#, "nodejs22.x", "index.handler"),
            request("command", None, Some(&command)),
        ];
        // This machine's, so that no cross compiler is sought.
        all.iter_mut().for_each(|one| one.architectures = vec!["x86_64".into()]);
        all
    }

    /// Makes all packages, and gives the names of the tools that were started.
    async fn starts(&self) -> BTreeSet<String> {
        self.write("starts", "");
        let (folder, cache) = (self.folder.path().join("project"), self.folder.path().join("project/state/build"));
        let events: EventSink = Arc::new(|_| {});
        let (folder, cache): (&Path, &Path) = (&folder, &cache);
        let options = Options {
            folder,
            cache,
            own: &Own::new([folder.join("state")]),
            build: true,
            keep_going: true,
            for_this_machine: false,
            has_code_bucket: false,
            events,
            checked: &Notify::new(),
        };
        let made = work::resolve(self.requests(), &options, &Builders::with(self.environment.clone())).await;
        made.unwrap_or_else(|problems| panic!("{problems:#?}"));
        let starts = fs::read_to_string(self.folder.path().join("starts")).unwrap();
        starts.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn unchanged_functions_of_every_language_start_no_program() {
    let machine = Machine::new();
    let first = machine.starts().await;
    for tool in ["go", "cargo", "rustc", "uv", "esbuild", "npm", "command"] {
        assert!(first.contains(tool), "{tool} is not tried: {first:?}");
    }
    assert_eq!(machine.starts().await, BTreeSet::new());
    machine.write("project/api/main.go", "package main // other\n");
    assert_eq!(machine.starts().await, ["go".to_owned()].into());
    assert_eq!(machine.starts().await, BTreeSet::new());
}

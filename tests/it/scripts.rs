//! Builds of Python and Node.js with real installers and without a network: what was installed runs.

use crate::support::{Sandbox, World};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const SPEC: &str = r#"project = "demo"

[aws]
region = "eu-central-1"

[function.python]
build = { path = "python", installer = "pip", flags = ["--no-index", "--find-links", "../wheels"] }
runtime = "python3.14"
handler = "src/app.handler"

[function.node]
build = { path = "node", flags = ["--offline"] }
runtime = "nodejs24.x"
handler = "index.handler"
"#;

/// A wheel and an archive of npm's, each with a module that greets.
const PACK: &str = r#"
import gzip, io, json, sys, tarfile, zipfile
from pathlib import Path
root = Path(sys.argv[1])
(root / "wheels").mkdir()
with zipfile.ZipFile(root / "wheels/greeting-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("greeting/__init__.py", "def greet(name): return 'Hello, ' + name\n")
    info = "greeting-1.0.dist-info/"
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "entry_points.txt", "[console_scripts]\ngreet = greeting:greet\n")
    wheel.writestr(info + "RECORD", "")
files = {"package.json": json.dumps({"name": "greeting", "version": "1.0.0"}), "index.js": "exports.greet = (name) => 'Hello, ' + name;\n"}
with gzip.GzipFile(root / "node/greeting-1.0.0.tgz", "wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
    for name, text in files.items():
        info = tarfile.TarInfo("package/" + name)
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text.encode()))
"#;

const FILES: &[(&str, &str)] = &[
    ("python/requirements.txt", "greeting==1.0\n"),
    ("python/src/app.py", "from greeting import greet\ndef handler(event, context): return greet(event)\n"),
    ("node/package.json", r#"{"name":"x","private":true,"dependencies":{"greeting":"file:greeting-1.0.0.tgz"}}"#),
    ("node/index.mjs", "import { greet } from 'greeting';\nexport const handler = async (event) => greet(event);\n"),
];

fn done(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn project(world: &World) -> Sandbox {
    let mut sandbox = world.sandbox(SPEC);
    for (name, text) in FILES {
        let path = sandbox.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    done(Command::new("python3").args(["-c", PACK]).arg(sandbox.path()));
    let npm = ["install", "--package-lock-only", "--offline", "--no-audit", "--no-fund"];
    done(Command::new("npm").args(npm).current_dir(sandbox.path().join("node")));
    // The home of a sandbox is empty, and npm keeps its cache and pip its settings there.
    sandbox.variable("LAMBDO_LOCAL", "true");
    sandbox
}

fn hashes(sandbox: &Sandbox) -> Vec<Value> {
    let built = sandbox.expect(0, &["build", "--format", "json"]).json();
    built["packages"].as_array().unwrap().iter().map(|package| json!([package["function"], package["content_hash"]])).collect()
}

#[test]
fn what_pip_and_npm_install_runs_and_is_the_same_in_another_folder() {
    let world = World::without_cloud();
    let (first, second) = (project(&world), project(&world));
    std::fs::set_permissions(second.path().join("python/src/app.py"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let packages = hashes(&first);
    assert_eq!(packages, hashes(&second));
    assert_eq!(packages, hashes(&first), "built again without a change");

    first.expect(0, &["up", "--yes"]);
    for function in ["python", "node"] {
        let answer = first.expect(0, &["invoke", function, "\"Ada\""]);
        assert_eq!(serde_json::from_str::<Value>(&answer.stdout).unwrap(), json!("Hello, Ada"), "{answer}");
    }
    assert!(!Path::new(&first.path().join("node/node_modules")).exists(), "the user's folder was touched");
    first.expect(0, &["plan", "--exit-code"]);
}

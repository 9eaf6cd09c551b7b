//! A corpus of artifacts: broken ones, one per rule of the pre-flight, with everything that is said of them, and good
//! ones of which nothing is said.
//!
//! `tests/corpus/artifacts/NAME.txt` is what `lambdo build` writes to stderr; run with `LAMBDO_UPDATE_CORPUS=1`, the
//! test writes these texts, to be read before they are committed.

use crate::support::{Sandbox, World};
use elf::{Program, WEAK};
use object::elf::{EM_386, EM_AARCH64, EM_RISCV, ET_DYN, ET_REL};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

#[path = "../../src/package/check/testing.rs"]
mod elf;

/// The issue's own measure.
const FEWEST_BROKEN: usize = 40;

const ARM: Program<'_> = Program { machine: EM_AARCH64, ..Program::STATIC };
const X86: Program<'_> = Program::STATIC;
const MACH_O: &[u8] = b"\xcf\xfa\xed\xfe\x0c\0\0\x01";

/// A package: a function's settings and its files.
struct Artifact {
    name: &'static str,
    settings: &'static str,
    files: Vec<(&'static str, Vec<u8>)>,
    /// Modes of a zip; a folder without.
    zip: Option<u32>,
}

fn artifact(name: &'static str, settings: &'static str, files: &[(&'static str, &[u8])]) -> Artifact {
    Artifact { name, settings, files: files.iter().map(|(name, bytes)| (*name, bytes.to_vec())).collect(), zip: None }
}

fn program(name: &'static str, bytes: &[u8]) -> Artifact {
    artifact(name, "", &[("bootstrap", bytes)])
}

/// A package of Python 3.13 for x86_64 with the handler `app.handler`.
fn python(name: &'static str, files: &[(&'static str, &[u8])]) -> Artifact {
    artifact(name, "runtime = \"python3.13\"\nhandler = \"app.handler\"", files)
}

/// A package of Node 22 with the handler `index.handler`.
fn node(name: &'static str, files: &[(&'static str, &[u8])]) -> Artifact {
    artifact(name, "runtime = \"nodejs22.x\"\nhandler = \"index.handler\"", files)
}

fn java(name: &'static str, files: &[(&'static str, &[u8])]) -> Artifact {
    artifact(name, "runtime = \"java21\"\nhandler = \"example.Handler::handleRequest\"", files)
}

fn zipped(artifact: Artifact, mode: u32) -> Artifact {
    Artifact { zip: Some(mode), ..artifact }
}

fn class_file(version: u8) -> Vec<u8> {
    vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, version]
}

const PYTHON: &[u8] = b"def handler(event, context):\n    return event\n";
const NODE: &[u8] = b"exports.handler = async (event) => event;\n";

fn broken_programs() -> Vec<Artifact> {
    let library = Program { e_type: ET_DYN, entry: 0, interpreter: None, is_pie: false, ..Program::DYNAMIC };
    let musl = Program { interpreter: Some("/lib/ld-musl-x86_64.so.1"), needed: &["libc.so"], ..Program::DYNAMIC };
    let nix = Program { interpreter: Some("/nix/store/x-glibc-2.40/lib/ld-linux-x86-64.so.2"), ..Program::DYNAMIC };
    let newer = Program { versions: &[("GLIBC_2.34", 0), ("GLIBC_2.39", 0)], ..Program::DYNAMIC };
    let openssl = Program { needed: &["libc.so.6", "libssl.so.1.1", "libcrypto.so.1.1"], ..Program::DYNAMIC };
    let dynamic = Program::DYNAMIC.bytes();
    vec![
        artifact("no-bootstrap", "", &[("main", &X86.bytes()), ("readme.txt", b"x")]),
        artifact("bootstrap-deeper", "", &[("dist/bootstrap", &X86.bytes())]),
        artifact("bootstrap-is-a-folder", "", &[("bootstrap/main", &X86.bytes())]),
        zipped(program("bootstrap-not-executable", &X86.bytes()), 0o644),
        program("bootstrap-empty", b""),
        program("arm-on-x86", &ARM.bytes()),
        artifact("x86-on-arm", "architectures = \"arm64\"", &[("bootstrap", &X86.bytes())]),
        program("risc-v", &Program { machine: EM_RISCV, ..X86 }.bytes()),
        program("x86-of-32-bits", &Program { class: 1, machine: EM_386, ..X86 }.bytes()),
        program("shared-library", &library.bytes()),
        program("object-file", &Program { e_type: ET_REL, entry: 0, ..X86 }.bytes()),
        program("cut-off", &dynamic[..dynamic.len() / 2]),
        program("headers-only", &dynamic[..20]),
        program("macos", MACH_O),
        program("windows", b"MZ\x90\0\x03"),
        program("web-assembly", b"\0asm\x01\0\0\0"),
        program("a-zip-in-its-place", b"PK\x03\x04rest"),
        program("gzip", b"\x1f\x8b\x08rest"),
        program("text-without-first-line", b"echo hello\n"),
        program("musl-dynamic", &musl.bytes()),
        program("nix", &nix.bytes()),
        program("newer-glibc", &newer.bytes()),
        artifact("newer-glibc-on-al2", "runtime = \"provided.al2\"", &[("bootstrap", &dynamic)]),
        program("old-openssl", &openssl.bytes()),
        artifact(
            "library-in-the-wrong-folder",
            "",
            &[("bootstrap", &Program { needed: &["libpq.so.5"], ..Program::DYNAMIC }.bytes()), ("libs/libpq.so.5", &library.bytes())],
        ),
        program("script-of-windows", b"#!/bin/sh\r\necho hello\r\n"),
        program("script-with-byte-order-mark", b"\xef\xbb\xbf#!/bin/sh\n"),
        program("script-of-python", b"#!/usr/bin/env python3\nprint(1)\n"),
        program("script-of-node", b"#!/usr/local/bin/node\n"),
        program("script-with-two-words-for-env", b"#!/usr/bin/env bash -e\n"),
        program("script-without-interpreter", b"#!\necho\n"),
        program("script-with-relative-interpreter", b"#!bin/sh\n"),
        program("script-with-interpreter-of-its-own", b"#!/var/task/bin/runner\n"),
    ]
}

fn broken_modules() -> Vec<Artifact> {
    let arm_library = Program { machine: EM_AARCH64, interpreter: None, entry: 0, is_pie: false, ..Program::DYNAMIC };
    let musl_library = Program { interpreter: None, entry: 0, is_pie: false, needed: &["libc.musl-x86_64.so.1"], ..Program::DYNAMIC };
    let library = Program { interpreter: None, entry: 0, is_pie: false, ..Program::DYNAMIC };
    let newer = Program { versions: &[("GLIBC_2.41", 0)], ..library };
    vec![
        python("python-no-file", &[("main.py", PYTHON)]),
        python("python-file-deeper", &[("src/app.py", PYTHON), ("src/util.py", b"")]),
        python("python-other-function", &[("app.py", b"# handler\ndef lambda_handler(event, context):\n    \"\"\"The handler.\"\"\"\n")]),
        python("python-mistyped-function", &[("app.py", b"def handle(event, context):\n    return event\n")]),
        python(
            "python-for-another-version",
            &[
                ("app.py", PYTHON),
                ("numpy/_core/a.cpython-312-x86_64-linux-gnu.so", &library.bytes()),
                ("numpy/_core/b.cpython-312-x86_64-linux-gnu.so", &library.bytes()),
            ],
        ),
        python(
            "python-for-another-processor",
            &[("app.py", PYTHON), ("orjson/orjson.cpython-313-aarch64-linux-gnu.so", &arm_library.bytes())],
        ),
        python("python-for-musl", &[("app.py", PYTHON), ("yaml/_yaml.cpython-313-x86_64-linux-musl.so", &musl_library.bytes())]),
        python("python-for-macos", &[("app.py", PYTHON), ("pydantic_core/x.cpython-313-darwin.so", MACH_O)]),
        python("python-newer-glibc", &[("app.py", PYTHON), ("lib.abi3.so", &newer.bytes())]),
        node("node-no-file", &[("main.js", NODE)]),
        node("node-typescript", &[("index.ts", b"export const handler = async () => 1;\n")]),
        node("node-other-export", &[("index.js", b"exports.main = async (event) => event;\n")]),
        node("node-no-export", &[("index.js", b"async function handler(event) { return event; }\n")]),
        node("node-module-as-script", &[("index.js", b"import fs from 'node:fs';\nexport const handler = async () => 1;\n")]),
        node("node-script-as-module", &[("index.js", NODE), ("package.json", b"{\"type\": \"module\"}")]),
        node("node-mjs-with-exports", &[("index.mjs", NODE)]),
        zipped(node("node-for-macos", &[("index.js", NODE), ("node_modules/@img/sharp-darwin-arm64/lib/sharp.node", MACH_O)]), 0o644),
        node("node-for-another-processor", &[("index.js", NODE), ("node_modules/bcrypt/build/bcrypt.node", &arm_library.bytes())]),
        artifact(
            "ruby-no-file",
            "runtime = \"ruby3.4\"\nhandler = \"app.handler\"",
            &[("main.rb", b"def handler(event:, context:)\nend\n")],
        ),
        artifact(
            "ruby-other-method",
            "runtime = \"ruby3.4\"\nhandler = \"app.handler\"",
            &[("app.rb", b"def process(event:, context:)\nend\n")],
        ),
        java("java-no-class", &[("example/Other.class", &class_file(65))]),
        java("java-jar-at-the-root", &[("app.jar", b"PK\x03\x04")]),
        java("java-newer", &[("example/Handler.class", &class_file(69))]),
        artifact(
            "dotnet-no-assembly",
            "runtime = \"dotnet8\"\nhandler = \"App::App.Function::Handle\"",
            &[("Program.cs", b"class A {}"), ("App.csproj", b"")],
        ),
        artifact("dotnet-no-configuration", "runtime = \"dotnet8\"\nhandler = \"App::App.Function::Handle\"", &[("App.dll", b"MZ")]),
    ]
}

fn good() -> Vec<Artifact> {
    let x86 = |change: Program<'_>| change.bytes();
    let library = Program { interpreter: None, entry: 0, is_pie: false, ..Program::DYNAMIC };
    vec![
        program("static", &X86.bytes()),
        program("static-anywhere", &x86(Program { e_type: ET_DYN, is_pie: true, needed: &[], ..X86 })),
        program("dynamic", &Program::DYNAMIC.bytes()),
        program("weak-newer-version", &x86(Program { versions: &[("GLIBC_2.34", 0), ("GLIBC_2.39", WEAK)], ..Program::DYNAMIC })),
        artifact("arm", "architectures = \"arm64\"", &[("bootstrap", &ARM.bytes())]),
        artifact(
            "library-beside",
            "",
            &[
                ("bootstrap", &x86(Program { needed: &["libpq.so.5", "libmine.so"], search: Some("$ORIGIN/own"), ..Program::DYNAMIC })),
                ("lib/libpq.so.5", &library.bytes()),
                ("own/libmine.so", &library.bytes()),
            ],
        ),
        program("shell", b"#!/bin/sh -e\necho hello\n"),
        program("bash-by-env", b"#!/usr/bin/env bash\n"),
        artifact("interpreter-of-its-own", "", &[("bootstrap", b"#!/var/task/bin/runner\n"), ("bin/runner", &X86.bytes())]),
        artifact("program-of-a-layer", "layers = [\"arn:aws:lambda:eu-central-1:123456789012:layer:php:1\"]", &[("index.php", b"<?php")]),
        zipped(program("zip", &X86.bytes()), 0o755),
        python("python", &[("app.py", PYTHON)]),
        zipped(python("python-zip", &[("app.py", PYTHON), ("requests/__init__.py", b"")]), 0o644),
        python("python-made-elsewhere", &[("app.py", b"from api import *\n"), ("api.py", PYTHON)]),
        python("python-package", &[("app/__init__.py", b"from .api import (\n    other,\n    handler,\n)\n"), ("app/api.py", PYTHON)]),
        artifact("python-dotted", "runtime = \"python3.13\"\nhandler = \"src.api/app.handler\"", &[("src/api/app.py", PYTHON)]),
        python(
            "python-libraries",
            &[
                ("app.py", PYTHON),
                ("numpy/x.cpython-313-x86_64-linux-gnu.so", &library.bytes()),
                ("numpy/y.cpython-312-x86_64-linux-gnu.so", &library.bytes()),
            ],
        ),
        node("node", &[("index.js", NODE)]),
        zipped(node("node-zip", &[("index.js", NODE)]), 0o644),
        node("node-module", &[("index.mjs", b"export const handler = async () => 1;\n")]),
        node("node-type-module", &[("index.js", b"export const handler = async () => 1;\n"), ("package.json", b"{\"type\": \"module\"}")]),
        node("node-bundle", &[("index.js", b"var r={};__export(r,{handler:()=>h});module.exports=__toCommonJS(r);\n")]),
        node("node-elsewhere", &[("index.js", b"module.exports = require('./dist/main');\n"), ("dist/main.js", NODE)]),
        node(
            "node-several-systems",
            &[
                ("index.js", NODE),
                ("node_modules/x/prebuilds/darwin-arm64/x.node", MACH_O),
                ("node_modules/x/prebuilds/linux-x64/x.node", &library.bytes()),
                ("node_modules/fsevents/fsevents.node", MACH_O),
            ],
        ),
        artifact(
            "node-detects",
            "runtime = \"nodejs24.x\"\nhandler = \"src/index.handler\"",
            &[("src/index.js", b"export const handler = async () => 1;\n")],
        ),
        artifact(
            "ruby",
            "runtime = \"ruby3.4\"\nhandler = \"app.App.process\"",
            &[("app.rb", b"class App\n  def self.process(event:, context:)\n  end\nend\n")],
        ),
        java("java", &[("example/Handler.class", &class_file(65))]),
        java("java-jar", &[("lib/app.jar", b"PK\x03\x04")]),
        artifact(
            "dotnet",
            "runtime = \"dotnet8\"\nhandler = \"App::App.Function::Handle\"",
            &[("App.dll", b"MZ"), ("App.runtimeconfig.json", b"{}")],
        ),
    ]
}

impl Artifact {
    /// A project with this package as its function.
    fn sandbox(&self, world: &World) -> Sandbox {
        let code = if self.zip.is_some() { "zip = \"app.zip\"" } else { "dir = \"app\"" };
        let sandbox = world.sandbox(&format!("project = \"demo\"\n\n[function.f]\n{}\ncode = {{ {code} }}\n", self.settings));
        match self.zip {
            Some(mode) => self.write_zip(&sandbox.path().join("app.zip"), mode),
            None => self.files.iter().for_each(|(name, bytes)| write(&sandbox.path().join("app").join(name), bytes)),
        }
        sandbox
    }

    fn write_zip(&self, path: &Path, mode: u32) {
        let mut zip = zip::ZipWriter::new(std::fs::File::create(path).unwrap());
        for (name, bytes) in &self.files {
            zip.start_file(*name, zip::write::SimpleFileOptions::default().unix_permissions(mode)).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
    }
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/artifacts").join(format!("{name}.txt"))
}

#[test]
fn a_broken_artifact_is_refused_with_its_message() {
    let world = World::without_cloud();
    let artifacts: Vec<Artifact> = broken_programs().into_iter().chain(broken_modules()).collect();
    let problems: Vec<String> = artifacts.iter().filter_map(|artifact| wrong_with(&world, artifact)).collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    assert!(artifacts.len() >= FEWEST_BROKEN, "{}", artifacts.len());
    assert!(world.proxy.calls().is_empty(), "AWS was called");
    let texts = std::fs::read_dir(corpus("x").parent().unwrap()).unwrap().count();
    assert_eq!(texts, artifacts.len(), "each text belongs to an artifact");
}

fn wrong_with(world: &World, artifact: &Artifact) -> Option<String> {
    let output = artifact.sandbox(world).run(&["build", "--quiet"]);
    let name = artifact.name;
    if output.code != Some(6) {
        return Some(format!("{name} is not refused:\n{output}"));
    }
    if std::env::var_os("LAMBDO_UPDATE_CORPUS").is_some() {
        std::fs::write(corpus(name), &output.stderr).unwrap();
    }
    let expected = std::fs::read_to_string(corpus(name)).unwrap_or_default();
    (output.stderr != expected).then(|| format!("{name} says\n{}\nand not\n{expected}", output.stderr))
}

#[test]
fn nothing_is_said_of_a_good_artifact() {
    let world = World::without_cloud();
    for artifact in good() {
        let output = artifact.sandbox(&world).run(&["build", "--quiet"]);
        assert!(output.code == Some(0) && output.stderr.is_empty(), "{}: {output}", artifact.name);
    }
}

#[test]
fn any_file_can_be_looked_at_without_a_spec() {
    let world = World::without_cloud();
    let sandbox = world.sandbox("");
    write(&sandbox.path().join("arm"), &ARM.bytes());
    write(&sandbox.path().join("app/app.py"), PYTHON);
    zipped(program("", &X86.bytes()), 0o755).write_zip(&sandbox.path().join("x86.bin"), 0o755);
    sandbox.expect(0, &["build", "--check", "arm", "--architecture", "arm64"]).says("arm will start on `provided.al2023` for arm64");
    sandbox.expect(1, &["build", "--check", "arm"]).says("arm will not start on `provided.al2023` for x86_64").says("built for arm64");
    sandbox.expect(0, &["build", "--check", "x86.bin", "--runtime", "provided.al2"]);
    let python = ["build", "--check", "app", "--runtime", "python3.13", "--handler"];
    sandbox.expect(0, &[&python[..], &["app.handler"]].concat());
    sandbox.expect(1, &[&python[..], &["app.main"]].concat()).says("nothing in `app.py` is called `main`");
    sandbox.expect(6, &["build", "--check", "amr"]).says("`arm` lies in the same folder; is it meant?");
    sandbox.expect(6, &["build", "--runtime", "python3.13"]);
}

#[test]
fn a_file_is_measured_by_the_function_that_it_is_for() {
    let world = World::without_cloud();
    let sandbox = world.sandbox("project = \"demo\"\n\n[function.f]\narchitectures = \"arm64\"\ncode = { file = \"arm\" }\n");
    write(&sandbox.path().join("arm"), &ARM.bytes());
    write(&sandbox.path().join("x86"), &X86.bytes());
    sandbox.expect(0, &["build", "--check", "arm", "f"]);
    sandbox.expect(1, &["build", "--check", "x86", "f"]).says("function.f");
    sandbox.expect(0, &["build", "--check", "x86", "f", "--architecture", "x86_64"]);
    sandbox.expect(6, &["build", "--check", "arm", "g"]);
    let schema = serde_json::from_str(include_str!("../../schemas/build.schema.json")).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    for (file, code, starts) in [("arm", 0, true), ("x86", 1, false)] {
        let document = sandbox.expect(code, &["build", "--check", file, "f", "--format", "json"]).json();
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, [""; 0], "{document:#}");
        assert_eq!(document["checked"]["starts"], starts);
    }
}

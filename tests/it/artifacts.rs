//! A corpus of artifacts: broken ones, one per rule of the pre-flight, with everything that is said of them, and good
//! ones of which nothing is said.
//!
//! `tests/corpus/artifacts/NAME.txt` is what `lambdo build` writes to stderr; run with `LAMBDO_UPDATE_CORPUS=1`, the
//! test writes these texts, to be read before they are committed.

use crate::support::{Sandbox, World};
use elf::{Program, WEAK};
use object::elf::{EM_386, EM_AARCH64, EM_ARM, EM_MIPS, EM_RISCV, EM_X86_64, ET_CORE, ET_DYN, ET_REL};
use std::io::{Cursor, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

#[path = "../../src/package/check/testing.rs"]
mod elf;

/// The issue's own measure.
const FEWEST_BROKEN: usize = 100;

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
    /// A zip that is made already.
    bytes: Option<Vec<u8>>,
}

fn artifact(name: &'static str, settings: &'static str, files: &[(&'static str, &[u8])]) -> Artifact {
    Artifact { name, settings, files: files.iter().map(|(name, bytes)| (*name, bytes.to_vec())).collect(), zip: None, bytes: None }
}

fn program(name: &'static str, bytes: &[u8]) -> Artifact {
    artifact(name, "", &[("bootstrap", bytes)])
}

const PYTHON_APP: &str = "runtime = \"python3.13\"\nhandler = \"app.handler\"";

/// A package of Python 3.13 for x86_64 with the handler `app.handler`.
fn python(name: &'static str, files: &[(&'static str, &[u8])]) -> Artifact {
    artifact(name, PYTHON_APP, files)
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

/// A zip for a runtime of its own that is what `make` writes.
fn zip_of(name: &'static str, make: impl Fn(&mut Zip)) -> Artifact {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    make(&mut zip);
    Artifact { zip: Some(0), bytes: Some(zip.finish().unwrap().into_inner()), ..artifact(name, "", &[]) }
}

type Zip = zip::ZipWriter<Cursor<Vec<u8>>>;

/// The same for another runtime.
fn zip_for(name: &'static str, settings: &'static str, make: impl Fn(&mut Zip)) -> Artifact {
    Artifact { settings, ..zip_of(name, make) }
}

fn options(mode: u32) -> zip::write::SimpleFileOptions {
    zip::write::SimpleFileOptions::default().unix_permissions(mode)
}

fn add(zip: &mut Zip, name: &str, options: zip::write::SimpleFileOptions, bytes: &[u8]) {
    zip.start_file(name, options).unwrap();
    zip.write_all(bytes).unwrap();
}

/// The same zip with `from` in all its places as `to`, of the same length.
fn patched(mut artifact: Artifact, from: &[u8], to: &[u8]) -> Artifact {
    let bytes = artifact.bytes.as_mut().unwrap();
    let places: Vec<usize> = bytes.windows(from.len()).enumerate().filter(|(_, part)| *part == from).map(|(at, _)| at).collect();
    places.iter().for_each(|at| bytes[*at..at + to.len()].copy_from_slice(to));
    assert!(!places.is_empty());
    artifact
}

/// An image of these files on nothing; `settings` are the rest of its table.
fn image(name: &'static str, settings: &'static str, files: &[(&'static str, &[u8])]) -> Artifact {
    artifact(name, settings, files)
}

fn jar(class: &str, version: u8) -> Vec<u8> {
    jar_of(class, &class_file(version))
}

fn jar_of(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    add(&mut zip, name, options(0o644), bytes);
    zip.finish().unwrap().into_inner()
}

fn class_file(version: u8) -> Vec<u8> {
    vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, version]
}

const DOTNET: &str = "runtime = \"dotnet8\"\nhandler = \"App::App.Function::Handle\"";
const PYTHON: &[u8] = b"def handler(event, context):\n    return event\n";
const NODE: &[u8] = b"exports.handler = async (event) => event;\n";

fn broken_programs() -> Vec<Artifact> {
    let library = Program { e_type: ET_DYN, entry: 0, interpreter: None, is_pie: false, ..Program::DYNAMIC };
    let musl = Program { interpreter: Some("/lib/ld-musl-x86_64.so.1"), needed: &["libc.so"], ..Program::DYNAMIC };
    let musl_on_arm = Program { machine: EM_AARCH64, interpreter: Some("/lib/ld-musl-aarch64.so.1"), ..musl };
    let nix = Program { interpreter: Some("/nix/store/x-glibc-2.40/lib/ld-linux-x86-64.so.2"), ..Program::DYNAMIC };
    let newer = Program { versions: &[("GLIBC_2.34", 0), ("GLIBC_2.39", 0)], ..Program::DYNAMIC };
    let openssl = Program { needed: &["libc.so.6", "libssl.so.1.1", "libcrypto.so.1.1"], ..Program::DYNAMIC };
    let dynamic = Program::DYNAMIC.bytes();
    vec![
        artifact("no-bootstrap", "", &[("main", &X86.bytes()), ("readme.txt", b"x")]),
        artifact("bootstrap-deeper", "", &[("dist/bootstrap", &X86.bytes())]),
        artifact("bootstrap-is-a-folder", "", &[("bootstrap/main", &X86.bytes())]),
        zipped(program("bootstrap-not-executable", &X86.bytes()), 0o644),
        artifact("bootstrap-in-other-letters", "", &[("Bootstrap", &X86.bytes())]),
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
        program("script-with-a-line-too-long", &[b"#!/", &[b'x'; 253][..], b"\n"].concat()),
        program("script-with-arguments-too-long", &[b"#!/usr/bin/env -S ", &[b'x'; 253][..], b" bash\n"].concat()),
        program("no-entry-point", &Program { entry: 0, ..X86 }.bytes()),
        program("no-entry-point-where-libraries-are-loaded", &Program { entry: 0, ..Program::DYNAMIC }.bytes()),
        program("entry-point-behind-its-end", &Program { entry: 1 << 40, ..X86 }.bytes()),
        program("script-with-relative-interpreter", b"#!bin/sh\n"),
        program("script-with-interpreter-of-its-own", b"#!/var/task/bin/runner\n"),
        program("script-with-line-ends-of-windows-for-env", b"#!/usr/bin/env bash\r\necho\r\n"),
        program("arm-of-32-bits", &Program { class: 1, machine: EM_ARM, ..X86 }.bytes()),
        program("mips", &Program { class: 1, machine: EM_MIPS, ..X86 }.bytes()),
        program("x32", &Program { class: 1, machine: EM_X86_64, ..X86 }.bytes()),
        program("freebsd", &[&X86.bytes()[..7], &[9], &X86.bytes()[8..]].concat()),
        program("script-of-old-macs", b"#!/bin/sh\recho hello\r"),
        program("pointer-of-git-lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"),
        program("page-of-html", b"<!DOCTYPE html>\n<title>404: Not Found</title>\n"),
        program("source-of-go", b"package main\n\nfunc main() {}\n"),
        program("tar-not-compressed", &[&[b'x'; 257][..], b"ustar\0", &[0; 300]].concat()),
        program("static-library", b"!<arch>\nmain.o/"),
        program("core-dump", &Program { e_type: ET_CORE, ..X86 }.bytes()),
        program("macos-for-two-processors", b"\xca\xfe\xba\xbe\0\0\0\x02rest"),
        program("class-of-java", &class_file(65)),
        program("tar", b"\x1f\x8b\x08\0\0\0\0\0"),
        artifact("musl-dynamic-on-arm", "architectures = \"arm64\"", &[("bootstrap", &musl_on_arm.bytes())]),
        artifact(
            "loader-of-the-other-processor",
            "",
            &[("bootstrap", &Program { interpreter: Some("/lib/ld-linux-aarch64.so.1"), ..Program::DYNAMIC }.bytes())],
        ),
    ]
}

/// A zip in which an entry beside the program has this mode: no writer makes what is no file, so that it is set behind.
fn special(name: &'static str, mode: u16) -> Artifact {
    let mut artifact = zip_of(name, |zip| {
        add(zip, "bootstrap", options(0o755), &X86.bytes());
        add(zip, "data", options(0o644), b"");
    });
    let bytes = artifact.bytes.as_mut().unwrap();
    let last = bytes.windows(4).rposition(|part| part == b"PK\x01\x02").unwrap();
    bytes[last + 40..last + 42].copy_from_slice(&mode.to_le_bytes());
    artifact
}

fn broken_zips() -> Vec<Artifact> {
    let bootstrap = |zip: &mut Zip| add(zip, "bootstrap", options(0o755), &X86.bytes());
    let whole = zip_of("", bootstrap).bytes.unwrap();
    let bytes = |name, bytes: &[u8]| Artifact { zip: Some(0), bytes: Some(bytes.to_vec()), ..artifact(name, "", &[]) };
    let flags = |artifact: Artifact| {
        patched(patched(artifact, b"PK\x03\x04\x14\0\0\0", b"PK\x03\x04\x14\0\x01\0"), b"\x14\0\0\0\x08\0", b"\x14\0\x01\0\x08\0")
    };
    vec![
        bytes("zip-cut-off", &whole[..whole.len() / 2]),
        bytes("zip-that-is-none", b"hello"),
        zip_of("zip-empty", |_| ()),
        zip_of("zip-with-folders-only", |zip| zip.add_directory("bootstrap", options(0o755)).unwrap()),
        zip_of("zip-with-a-top-folder", |zip| {
            add(zip, "project/bootstrap", options(0o755), &X86.bytes());
            add(zip, "__MACOSX/project/._bootstrap", options(0o644), b"\0\x05\x16\x07");
        }),
        zip_of("zip-of-windows", |zip| add(zip, "bootstrap", options(0o644).system(zip::System::Dos), &X86.bytes())),
        patched(zip_of("zip-with-backslashes", |zip| add(zip, "bin_bootstrap", options(0o755), b"x")), b"bin_bootstrap", b"bin\\bootstrap"),
        patched(zip_of("zip-with-absolute-names", |zip| add(zip, "_bootstrap", options(0o755), b"x")), b"_bootstrap", b"/bootstrap"),
        patched(zip_of("zip-that-leads-out", |zip| add(zip, "xx/bootstrap", options(0o755), b"x")), b"xx/bootstrap", b"../bootstrap"),
        patched(
            zip_of("zip-with-a-name-twice", |zip| {
                bootstrap(zip);
                add(zip, "bootstrbp", options(0o755), b"x");
            }),
            b"bootstrbp",
            b"bootstrap",
        ),
        flags(zip_of("zip-encrypted", |zip| add(zip, "bootstrap", options(0o755), &[7; 1000]))),
        zip_of("zip-with-a-file-and-a-folder-of-one-name", |zip| {
            bootstrap(zip);
            add(zip, "data", options(0o644), b"x");
            add(zip, "data/more", options(0o644), b"x");
        }),
        zip_of("zip-with-a-path-too-long", |zip| {
            bootstrap(zip);
            add(zip, &format!("{}x", "folder/".repeat(600)), options(0o644), b"x");
        }),
        zip_of("zip-with-a-name-too-long", |zip| {
            bootstrap(zip);
            add(zip, &"n".repeat(300), options(0o644), b"x");
        }),
        patched(
            zip_of("zip-damaged", |zip| {
                bootstrap(zip);
                add(zip, "data", options(0o644).compression_method(zip::CompressionMethod::Stored), b"hello hello");
            }),
            b"hello hello",
            b"hello jello",
        ),
        patched(
            patched(zip_of("zip-of-another-method", bootstrap), b"PK\x03\x04\x14\0\0\0\x08\0", b"PK\x03\x04\x14\0\0\0\x0c\0"),
            b"\x14\0\0\0\x08\0",
            b"\x14\0\0\0\x0c\0",
        ),
        zip_of("zip-that-only-its-owner-starts", |zip| add(zip, "bootstrap", options(0o700), &X86.bytes())),
        zip_of("zip-that-only-its-owner-reads", |zip| add(zip, "bootstrap", options(0o600), &X86.bytes())),
        zip_of("zip-of-a-script-that-only-its-owner-reads", |zip| add(zip, "bootstrap", options(0o711), b"#!/bin/sh\n")),
        zip_of("zip-with-a-closed-folder", |zip| {
            zip.add_directory("bin", options(0o700)).unwrap();
            zip.add_symlink("bootstrap", "bin/app", options(0o777)).unwrap();
            add(zip, "bin/app", options(0o755), &X86.bytes());
        }),
        zip_for("python-zip-that-only-its-owner-reads", PYTHON_APP, |zip| add(zip, "app.py", options(0o600), PYTHON)),
        zip_for("python-zip-with-a-closed-folder", "runtime = \"python3.13\"\nhandler = \"src.app.handler\"", |zip| {
            zip.add_directory("src", options(0o750)).unwrap();
            add(zip, "src/app.py", options(0o644), PYTHON);
        }),
        zip_of("zip-with-a-link-in-circles", |zip| {
            zip.add_symlink("bootstrap", "run", options(0o777)).unwrap();
            zip.add_symlink("run", "bootstrap", options(0o777)).unwrap();
        }),
        zip_of("zip-with-a-link-to-a-folder", |zip| {
            zip.add_symlink("bootstrap", "bin", options(0o777)).unwrap();
            add(zip, "bin/app", options(0o755), &X86.bytes());
        }),
        zip_of("zip-with-a-link-to-another-machine", |zip| zip.add_symlink("bootstrap", "/home/me/app", options(0o777)).unwrap()),
        zip_for("python-zip-with-a-link-to-nothing", PYTHON_APP, |zip| zip.add_symlink("app.py", "src/app.py", options(0o777)).unwrap()),
        zip_of("zip-with-a-link-that-climbs-out", |zip| {
            bootstrap(zip);
            zip.add_symlink("data/names", "../../../etc/passwd", options(0o777)).unwrap();
        }),
        special("zip-with-a-pipe", 0o010_644),
        special("zip-with-a-device-of-characters", 0o020_644),
        special("zip-with-a-device-of-blocks", 0o060_644),
        special("zip-with-a-socket", 0o140_644),
        bytes("zip-that-is-a-tar", b"\x1f\x8b\x08\0\0\0\0\0rest"),
        bytes("zip-that-is-a-program", &X86.bytes()),
        bytes("zip-that-is-empty", b""),
        zip_of("zip-with-a-link-to-nothing", |zip| zip.add_symlink("bootstrap", "bin/app", options(0o777)).unwrap()),
        zip_of("zip-with-a-link-to-another-processor", |zip| {
            zip.add_symlink("bootstrap", "bin/app", options(0o777)).unwrap();
            add(zip, "bin/app", options(0o755), &ARM.bytes());
        }),
    ]
}

fn broken_images() -> Vec<Artifact> {
    const APP: &str = "image = { base = \"scratch\", files = { app = \"app/app\" }, entry_point = [\"/app\"] }";
    let arm = "architectures = \"arm64\"\nimage = { base = \"scratch\", files = { app = \"app/app\" }, entry_point = [\"/app\"] }";
    let musl = Program { interpreter: Some("/lib/ld-musl-x86_64.so.1"), needed: &["libc.so"], ..Program::DYNAMIC };
    vec![
        image("image-without-entry-point", "image = { base = \"scratch\", files = { app = \"app/app\" } }", &[("app", &X86.bytes())]),
        image(
            "image-with-another-entry-point",
            "image = { base = \"scratch\", files = { \"bin/app\" = \"app/app\" }, entry_point = [\"/app\"] }",
            &[("app", &X86.bytes())],
        ),
        image(
            "image-with-a-relative-entry-point",
            "image = { base = \"scratch\", files = { \"bin/app\" = \"app/app\" }, entry_point = [\"./app\"] }",
            &[("app", &X86.bytes())],
        ),
        image(
            "image-with-an-entry-point-off-its-path",
            "image = { base = \"scratch\", files = { \"opt/app\" = \"app/app\" }, entry_point = [\"app\"] }",
            &[("app", &X86.bytes())],
        ),
        image("image-of-a-script-without-its-shell", APP, &[("app", b"#!/bin/sh\necho hello\n")]),
        image("image-of-a-script-for-env", APP, &[("app", b"#!/usr/bin/env python3\n")]),
        image("image-for-the-loader-of-nobody", APP, &[("app", &Program::DYNAMIC.bytes())]),
        image("image-for-musl-on-nothing", APP, &[("app", &musl.bytes())]),
        image("image-for-another-processor", APP, &[("app", &ARM.bytes())]),
        image("image-for-yet-another-processor", arm, &[("app", &X86.bytes())]),
        image(
            "image-with-another-working-directory",
            "image = { base = \"scratch\", files = { \"bin/app\" = \"app/app\" }, entry_point = [\"/bin/app\"], working_directory = \"/work\" }",
            &[("app", &X86.bytes())],
        ),
        image(
            "image-whose-entry-point-is-a-folder",
            "image = { base = \"scratch\", files = { \"app/run\" = \"app/app\" }, entry_point = [\"/app\"] }",
            &[("app", &X86.bytes())],
        ),
        image(
            "image-of-a-script-for-what-env-does-not-find",
            "image = { base = \"scratch\", files = { app = \"app/app\", \"usr/bin/env\" = \"app/env\" }, entry_point = [\"/app\"] }",
            &[("app", b"#!/usr/bin/env python3\n"), ("env", &X86.bytes())],
        ),
        image("image-of-macos", APP, &[("app", MACH_O)]),
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
        node("node-export-in-a-comment", &[("index.js", b"// exports.handler = main;\n/* exports.handler */\nexports.main = () => 1;\n")]),
        node("node-module-as-script", &[("index.js", b"import fs from 'node:fs';\nexport const handler = async () => 1;\n")]),
        node("node-script-as-module", &[("index.js", NODE), ("package.json", b"{\"type\": \"module\"}")]),
        node("node-import-beside-exports", &[("index.js", b"import fs from 'node:fs';\nexports.handler = async () => fs;\n")]),
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
        java("java-jar-without-the-class", &[("lib/app.jar", &jar("com/example/Handler.class", 65))]),
        java("java-newer-in-a-jar", &[("lib/app.jar", &jar("example/Handler.class", 69))]),
        java("java-newer", &[("example/Handler.class", &class_file(69))]),
        artifact(
            "ruby-method-in-a-comment",
            "runtime = \"ruby3.4\"\nhandler = \"app.handler\"",
            &[("app.rb", b"# def handler(event:, context:)\n=begin\ndef handler\n=end\ndef process(event:, context:)\nend\n")],
        ),
        artifact(
            "ruby-no-class",
            "runtime = \"ruby3.4\"\nhandler = \"app.Shop::Api.process\"",
            &[("app.rb", b"module Shop\n  class App\n    def self.process(event:, context:)\n    end\n  end\nend\n")],
        ),
        java("java-class-of-text", &[("example/Handler.class", b"package example;")]),
        java("java-class-cut-off-in-a-jar", &[("lib/app.jar", &jar_of("example/Handler.class", &class_file(65)[..4]))]),
        artifact("dotnet-assembly-of-text", DOTNET, &[("App.dll", b"hello"), ("App.runtimeconfig.json", b"{}")]),
        artifact("dotnet-broken-configuration", DOTNET, &[("App.dll", b"MZ"), ("App.runtimeconfig.json", b"{\"runtimeOptions\": ")]),
        artifact(
            "dotnet-handler-without-its-method",
            "runtime = \"dotnet8\"\nhandler = \"App::App.Function\"",
            &[("App.dll", b"MZ"), ("App.runtimeconfig.json", b"{}")],
        ),
        artifact(
            "dotnet-no-assembly",
            "runtime = \"dotnet8\"\nhandler = \"App::App.Function::Handle\"",
            &[("Program.cs", b"class A {}"), ("App.csproj", b"")],
        ),
        artifact(
            "dotnet-newer",
            "runtime = \"dotnet8\"\nhandler = \"App::App.Function::Handle\"",
            &[
                ("App.dll", b"MZ"),
                (
                    "App.runtimeconfig.json",
                    b"{\"runtimeOptions\": {\"tfm\": \"net10.0\", \"framework\": {\"name\": \"Microsoft.NETCore.App\", \"version\": \"10.0.0\"}}}",
                ),
            ],
        ),
        artifact("dotnet-no-configuration", "runtime = \"dotnet8\"\nhandler = \"App::App.Function::Handle\"", &[("App.dll", b"MZ")]),
        python("python-file-in-other-letters", &[("App.py", PYTHON)]),
        python("python-handler-that-is-only-annotated", &[("app.py", b"from typing import Callable\n\nhandler: Callable\n")]),
        python("python-empty-file", &[("app.py", b"")]),
        python("python-only-compiled-for-windows", &[("app.py", PYTHON), ("pywin.pyd", b"MZ\x90\0")]),
        python(
            "python-imports-what-its-imports-lack",
            &[
                ("app.py", b"import json, shop.cart\ndef handler(event, context): pass\n"),
                ("shop/cart.py", b"\nfrom . import prices\nfrom shop.tax import rate\n"),
            ],
        ),
        python(
            "python-imports-in-other-letters",
            &[("app.py", b"from util import x\ndef handler(event, context): pass\n"), ("Util.py", b"x = 1\n")],
        ),
        python("python-imports-what-is-gone", &[("app.py", b"import imp\ndef handler(event, context): pass\n")]),
        python("python-for-an-old-version", &[("app.py", PYTHON), ("x.cpython-39-x86_64-linux-gnu.so", &library.bytes())]),
        python("python-method-of-a-class", &[("app.py", b"class App:\n    def handle(self, event, context):\n        pass\n")]),
        python(
            "python-handler-in-a-class",
            &[("app.py", b"class App:\n    def handler(self, event, context):\n        return event\n")],
        ),
        python(
            "python-handler-in-a-function",
            &[("app.py", b"def make():\n    def handler(event, context):\n        return event\n    return handler\n")],
        ),
        python("python-handler-that-is-only-called", &[("app.py", b"def main(handler):\n    return handler\n\nmain(handler=1)\nhandler()\n")]),
        python("python-handler-without-arguments", &[("app.py", b"def handler():\n    return 1\n")]),
        python("python-handler-that-is-a-text", &[("app.py", b"handler = \"app.main\"\n\ndef main(event, context):\n    return 1\n")]),
        python("python-handler-of-three-arguments", &[("app.py", b"def handler(event, context, more):\n    return 1\n")]),
        python(
            "python-imports-a-mistyped-module",
            &[("app.py", b"import utlis\ndef handler(event, context): pass\n"), ("utils.py", b"")],
        ),
        python(
            "python-imports-a-mistyped-name",
            &[
                ("app.py", b"from shop import prcies\nfrom utils import tota\ndef handler(event, context): pass\n"),
                ("shop/__init__.py", b""),
                ("shop/prices.py", b""),
                ("utils.py", b"def total(): pass\n"),
            ],
        ),
        artifact("python-with-a-dash", "runtime = \"python3.13\"\nhandler = \"my-app.handler\"", &[("my_app.py", PYTHON)]),
        artifact(
            "python-in-a-package",
            "runtime = \"python3.13\"\nhandler = \"shop.api.handler\"",
            &[("shop/main.py", PYTHON), ("shop/__init__.py", b"")],
        ),
        python("python-of-latin-1", &[("app.py", b"import json\n\nname = 'M\xfcller'\ndef handler(event, context):\n    return name\n")]),
        python("python-of-utf-16", &[("app.py", b"\xff\xfed\0e\0f\0 \0h\0a\0n\0d\0l\0e\0r\0")]),
        python("python-imports-latin-1", &[("app.py", b"import names\ndef handler(event, context): pass\n"), ("names.py", b"# \xe4\n")]),
        python(
            "python-relative-import",
            &[("app.py", b"from .util import x\ndef handler(event, context): pass\n"), ("util.py", b"x = 1\n")],
        ),
        artifact(
            "java-handler-without-its-package",
            "runtime = \"java21\"\nhandler = \"Handler\"",
            &[("example/Handler.class", &class_file(65))],
        ),
        node("node-broken-package", &[("index.js", NODE), ("package.json", b"{ \"name\": \"app\", }")]),
        node(
            "node-loads-no-file",
            &[("index.js", b"const db = require('./lib/db');\nexports.handler = async () => db;\n"), ("lib/bd.js", b"")],
        ),
        node(
            "node-imports-half-a-name",
            &[("index.mjs", b"import { db } from './db';\nexport const handler = async () => db;\n"), ("db.js", b"")],
        ),
        node(
            "node-with-old-assertions",
            &[("index.mjs", b"import x from './x.json' assert { type: 'json' };\nexport const handler = async () => x;\n"), ("x.json", b"{}")],
        ),
        node("node-loads-typescript", &[("index.js", b"const db = require('./db');\nexports.handler = async () => db;\n"), ("db.ts", b"")]),
        artifact("python-with-its-ending", "runtime = \"python3.13\"\nhandler = \"app.py.handler\"", &[("app.py", PYTHON)]),
        zipped(python("python-zip-with-a-top-folder", &[("project/app.py", PYTHON), ("__MACOSX/project/._app.py", b"\0")]), 0o644),
        node("node-module-with-require", &[("index.mjs", b"const fs = require('fs');\nexport const handler = async () => 1;\n")]),
        node("node-module-typescript", &[("index.mts", b"export const handler = async () => 1;\n")]),
        node("node-in-dist", &[("dist/index.js", NODE), ("package.json", b"{}")]),
        node("node-only-default-export", &[("index.mjs", b"export default async function main() { return 1; }\n")]),
        artifact(
            "ruby-wrong-class",
            "runtime = \"ruby3.4\"\nhandler = \"app.App.process\"",
            &[("app.rb", b"class App\n  def self.run(event:, context:)\n  end\nend\n")],
        ),
        java("java-in-a-folder-of-its-build", &[("classes/example/Handler.class", &class_file(65))]),
        java("java-not-compiled", &[("example/Handler.java", b"package example;")]),
        artifact(
            "dotnet-another-assembly",
            "runtime = \"dotnet8\"\nhandler = \"Api::Api.Function::Handle\"",
            &[("App.dll", b"MZ"), ("App.runtimeconfig.json", b"{}")],
        ),
    ]
}

/// Packages that most likely do not start, but settings that nobody sees here could help: they are only warned of.
fn doubtful() -> Vec<Artifact> {
    const REQUESTS: &[u8] = b"import requests\nfrom PIL import Image\ndef handler(event, context): pass\n";
    vec![
        python("python-imports-what-is-not-there", &[("app.py", REQUESTS)]),
        python("python-imports-what-is-only-named", &[("app.py", REQUESTS), ("requirements.txt", b"requests\npillow\n")]),
        python(
            "python-imports-from-a-layers-folder",
            &[("app.py", b"import requests\ndef handler(event, context): pass\n"), ("python/requests/__init__.py", b"")],
        ),
        python("python-imports-what-others-bring", &[("app.py", b"import distutils\ndef handler(event, context): pass\n")]),
        python("python-handler-that-nobody-awaits", &[("app.py", b"async def handler(event, context):\n    return event\n")]),
        program("cut-off-behind-what-is-loaded", &[&X86.bytes()[..40], &(1_u64 << 20).to_le_bytes(), &X86.bytes()[48..]].concat()),
        node(
            "node-loads-what-is-not-there",
            &[("index.js", b"const express = require('express');\nexports.handler = async () => express;\n")],
        ),
        node(
            "node-loads-what-is-not-installed",
            &[
                ("index.mjs", b"import got from 'got';\nexport const handler = async () => got;\n"),
                ("package.json", b"{\"dependencies\": {\"got\": \"14\"}}"),
            ],
        ),
        node("node-loads-the-old-sdk", &[("index.js", b"const AWS = require('aws-sdk');\nexports.handler = async () => AWS;\n")]),
        node(
            "node-loads-from-a-layers-folder",
            &[
                ("index.js", b"const a = require('axios');\nexports.handler = async () => a;\n"),
                ("nodejs/node_modules/axios/index.js", b""),
            ],
        ),
        zip_for("python-zip-with-a-closed-module", PYTHON_APP, |zip| {
            add(zip, "app.py", options(0o644), PYTHON);
            add(zip, "data.json", options(0o600), b"{}");
            zip.add_directory("web", options(0o700)).unwrap();
            add(zip, "web/index.html", options(0o600), b"");
        }),
    ]
}

/// Imports of all kinds that are there, or may be meant to be missing.
fn good_imports() -> Vec<Artifact> {
    let library = Program { interpreter: None, entry: 0, is_pie: false, ..Program::DYNAMIC };
    let python_app = b"from __future__ import annotations
import json, os.path, boto3, botocore.exceptions
from dateutil import tz
import shop.cart as cart
from shop import prices, VAT
import native
try:
    import orjson
except ImportError:
    orjson = None
if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
TEXT = \"\"\"
import nowhere
\"\"\"
# import nowhere
def handler(event, context):
    import requests
";
    let module = b"import fs from 'node:fs/promises';
import path from 'path';
import { S3 } from '@aws-sdk/client-s3';
import { x } from './lib/x.mjs';
import got from 'got';
import { z } from '#z';
import me from 'app/y.js';
export const handler = async () => (await import('later')).default;
";
    let script = b"const { readFile } = require('fs/promises');
const x = require('./lib'), y = require('./y.json');
const z = require('./z');
let optional;
try {
  optional = require('nowhere');
} catch {}
/*
const a = require('nowhere');
*/
exports.handler = async () => require('./later');
";
    vec![
        python(
            "python-imports",
            &[
                ("app.py", python_app),
                ("shop/__init__.py", b"from .cart import total\nVAT = 19\n"),
                ("shop/cart.py", b"from . import prices\nimport data\n"),
                ("shop/prices.py", b""),
                ("data/deep/x.json", b"{}"),
                ("native.cpython-313-x86_64-linux-gnu.so", &library.bytes()),
            ],
        ),
        python("python-that-binds-by-text", &[("app.py", b"vars()['handler'] = lambda event, context: 1\n")]),
        python("python-with-lines-of-old-macs", &[("app.py", b"# comment\rdef handler(event, context):\r    return 1\r")]),
        python(
            "python-that-looks-elsewhere",
            &[("app.py", b"import sys\nsys.path.insert(0, 'vendor')\nimport requests\ndef handler(event, context): pass\n")],
        ),
        python(
            "python-that-makes-modules",
            &[
                ("app.py", b"import six.moves.urllib\nimport fake\ndef handler(event, context): pass\n"),
                ("six.py", b"import sys\nsys.modules['fake'] = sys\n"),
            ],
        ),
        artifact(
            "python-with-a-layer",
            "runtime = \"python3.13\"\nhandler = \"app.handler\"\nlayers = [\"arn:aws:lambda:eu-central-1:123456789012:layer:libraries:1\"]",
            &[("app.py", b"import requests\ndef handler(event, context): pass\n")],
        ),
        artifact(
            "python-in-a-package-of-its-own",
            "runtime = \"python3.13\"\nhandler = \"shop/app.handler\"",
            &[
                ("shop/app.py", b"from .util import x\nfrom . import util\ndef handler(event, context): pass\n"),
                ("shop/util.py", b"x = 1\n"),
            ],
        ),
        node(
            "node-imports",
            &[
                ("index.mjs", module),
                ("lib/x.mjs", b"export const x = `\nimport 'nowhere';\n`;\nexport * from '@scope/name/deep';\n"),
                ("node_modules/got/index.js", b"import 'nowhere';\n"),
                ("node_modules/@scope/name/deep.js", b""),
                ("package.json", b"{\"name\": \"app\", \"imports\": {\"#z\": \"./z.js\"}}"),
            ],
        ),
        node(
            "node-requires",
            &[
                ("index.js", script),
                ("lib/index.js", b"module.exports = require('got');\n"),
                ("y.json", b"{}"),
                ("z/package.json", b"{\"main\": \"z.js\"}"),
                ("node_modules/got.js", b""),
            ],
        ),
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
        zipped(program("zip-with-all-bits", &X86.bytes()), 0o4755),
        zip_of("zip-that-nobody-reads", |zip| add(zip, "bootstrap", options(0o511), &X86.bytes())),
        zip_of("zip-with-open-folders", |zip| {
            zip.add_directory("bin", options(0o755)).unwrap();
            zip.add_symlink("bootstrap", "/var/task/bin/app", options(0o777)).unwrap();
            add(zip, "bin/app", options(0o555), &X86.bytes());
        }),
        zip_of("zip-with-a-link", |zip| {
            zip.add_symlink("bootstrap", "bin/../bin/app", options(0o777)).unwrap();
            add(zip, "bin/app", options(0o755), &X86.bytes());
        }),
        zip_of("zip-of-64-bits", |zip| add(zip, "bootstrap", options(0o755).large_file(true), &X86.bytes())),
        zip_of("zip-with-names-that-differ-in-case", |zip| {
            for name in ["readme", "README", "lib/a", "Lib/a"] {
                add(zip, name, options(0o644), b"x");
            }
            add(zip, "bootstrap", options(0o755), &X86.bytes());
        }),
        zip_of("zip-not-compressed", |zip| {
            zip.add_directory("empty", options(0o755)).unwrap();
            add(zip, "bootstrap", options(0o755).compression_method(zip::CompressionMethod::Stored), &X86.bytes());
            add(zip, "daten/\u{fc}\u{2603}.txt", options(0o644), b"x");
            add(zip, "__MACOSX/._bootstrap", options(0o644), b"\0\x05\x16\x07");
        }),
        program("another-abi", b"#!/bin/bash\nset -eu\r\n"),
        program("script-with-the-longest-line", &[b"#!/bin/sh -", &[b'e'; 244][..], b"\n"].concat()),
        program("script-with-spaces-at-its-end", &[b"#!/bin/sh", &[b' '; 300][..], b"\n"].concat()),
        program("script-run-from-a-file-system", b"#!/mnt/tools/bin/php\n"),
        program("shell-in-usr-bin", b"#! /usr/bin/bash -e\n"),
        program("env-with-split", b"#!/usr/bin/env -S bash -e\n"),
        image(
            "image",
            "image = { base = \"scratch\", files = { app = \"app/app\", \"etc/ssl/certs/ca-certificates.crt\" = \"app/c\" }, entry_point = [\"/app\"] }",
            &[("app", &X86.bytes()), ("c", b"")],
        ),
        image(
            "image-with-a-working-directory",
            "image = { base = \"scratch\", files = { \"work/bin/app\" = \"app/app\" }, entry_point = [\"./bin/app\"], working_directory = \"/work\" }",
            &[("app", &X86.bytes())],
        ),
        image(
            "image-with-its-shell",
            "image = { base = \"scratch\", files = { app = \"app/app\", \"bin/sh\" = \"app/sh\" }, entry_point = [\"app\"], environment = { PATH = \"/\" } }",
            &[("app", b"#!/bin/sh\n"), ("sh", &X86.bytes())],
        ),
        python("python", &[("app.py", PYTHON)]),
        zipped(python("python-zip", &[("app.py", PYTHON), ("requests/__init__.py", b"")]), 0o644),
        artifact("python-with-a-dash-in-both", "runtime = \"python3.13\"\nhandler = \"my-app.handler\"", &[("my-app.py", PYTHON)]),
        artifact("python-in-a-namespace", "runtime = \"python3.13\"\nhandler = \"shop.api.handler\"", &[("shop/api.py", PYTHON)]),
        python("python-with-byte-order-mark", &[("app.py", b"\xef\xbb\xbfdef handler(event, context):\r\n    return 1\r\n")]),
        python("python-of-a-class", &[("app.py", b"class App:\n    def handler(self, event, context): pass\n\nhandler = App().handler\n")]),
        python("python-global", &[("app.py", b"def make():\n    global handler\n    def handler(event, context): pass\nmake()\n")]),
        python("python-of-any-arguments", &[("app.py", b"def handler(*arguments, **more): pass\n")]),
        python("python-with-defaults", &[("app.py", b"@tracer\ndef other(): pass\ndef handler(\n    event: dict[str, int],\n    context=None,\n    *,\n    more=(1, 2),\n) -> None:\n    pass\n")]),
        python("python-decorated-to-take-more", &[("app.py", b"@with_database\ndef handler(event, context, database): pass\n")]),
        python(
            "python-names-made-while-it-runs",
            &[
                ("app.py", b"from names import tota\nfrom shop import prcies\ndef handler(event, context): pass\n"),
                ("names.py", b"total = 1\nglobals()['tota'] = 2\n"),
                ("shop/__init__.py", b"def __getattr__(name): return name\n"),
                ("shop/prices.py", b""),
            ],
        ),
        python("python-annotated", &[("app.py", b"handler: Handler\nif True:\n    handler = lambda event, context: event\n")]),
        artifact(
            "python-on-a-file-system",
            "runtime = \"python3.13\"\nhandler = \"shop.app.handler\"\nenvironment.PYTHONPATH = \"/mnt/code\"",
            &[("readme.txt", b"x")],
        ),
        artifact(
            "python-libraries-on-a-file-system",
            "runtime = \"python3.13\"\nhandler = \"app.handler\"\nenvironment.PYTHONPATH = \"/mnt/code\"",
            &[("app.py", b"import requests, imp, utlis\ndef handler(event, context): pass\n"), ("utils.py", b"")],
        ),
        artifact(
            "node-libraries-on-a-file-system",
            "runtime = \"nodejs22.x\"\nhandler = \"index.handler\"\nenvironment.NODE_PATH = \"/mnt/code/node_modules\"",
            &[("index.js", b"const x = require('express');\nexports.handler = async () => x;\n")],
        ),
        artifact(
            "node-loaded-by-its-own-hooks",
            "runtime = \"nodejs22.x\"\nhandler = \"index.handler\"\nenvironment.NODE_OPTIONS = \"--import ./hooks.mjs\"",
            &[("index.js", b"import x from 'express';\nexport const handler = async () => x;\n"), ("hooks.mjs", b"")],
        ),
        artifact(
            "ruby-on-a-file-system",
            "runtime = \"ruby3.4\"\nhandler = \"app.handler\"\nenvironment.RUBYLIB = \"/mnt/code\"",
            &[("other.rb", b"")],
        ),
        artifact(
            "program-with-libraries-on-a-file-system",
            "environment.LD_LIBRARY_PATH = \"/mnt/lib\"",
            &[("bootstrap", &x86(Program { needed: &["libmine.so"], ..Program::DYNAMIC }))],
        ),
        python("python-lambda", &[("app.py", b"handler = lambda event, context: event\n")]),
        python("python-decorated", &[("app.py", b"@tracer\nasync def other(): pass\nif True:\n    def handler(event, context): pass\n")]),
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
        python("python-of-latin-1-that-says-so", &[("app.py", b"# -*- coding: latin-1 -*-\nname = '\xfc'\ndef handler(event, context): pass\n")]),
        artifact("java-without-a-package", "runtime = \"java21\"\nhandler = \"Handler\"", &[("Handler.class", &class_file(65))]),
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
        node("node-folder", &[("index/index.js", NODE)]),
        node("node-common", &[("index.cjs", NODE), ("package.json", b"{\"type\": \"module\"}")]),
        node(
            "node-with-attributes",
            &[("index.mjs", b"import x from './x.json' with { type: 'json' };\nexport const handler = async () => x;\n"), ("x.json", b"{}")],
        ),
        node("node-module-that-makes-require", &[("index.mjs", b"import { createRequire } from 'module';\nconst require = createRequire(import.meta.url);\nconst x = require('x');\nexport { h as handler };\nconst h = 1;\n")]),
        node("node-minified", &[("index.js", b"\"use strict\";var a=Object.defineProperty;var b=(c,d)=>{for(var e in d)a(c,e,{get:d[e],enumerable:!0})};var f={};b(f,{handler:()=>g});module.exports=f;\n")]),
        java("java", &[("example/Handler.class", &class_file(65))]),
        java("java-jar", &[("lib/app.jar", b"PK\x03\x04")]),
        java("java-jar-with-the-class", &[("lib/a.jar", &jar("other/Handler.class", 65)), ("lib/b.jar", &jar("example/Handler.class", 65))]),
        artifact(
            "ruby-elsewhere",
            "runtime = \"ruby3.4\"\nhandler = \"app.handler\"",
            &[("app.rb", b"require_relative \"lib/api\"\n"), ("lib/api.rb", b"def handler(event:, context:)\nend\n")],
        ),
        artifact(
            "dotnet-with-comments",
            DOTNET,
            &[("App.dll", b"MZ"), ("App.runtimeconfig.json", b"{ // of the build\n}")],
        ),
        artifact("dotnet-program", "runtime = \"dotnet8\"\nhandler = \"App\"", &[("App.dll", b"MZ"), ("App.runtimeconfig.json", b"{}")]),
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
        let code = match self.zip {
            _ if self.settings.contains("image = ") => "",
            Some(_) => "code = { zip = \"app.zip\" }\n",
            None => "code = { dir = \"app\" }\n",
        };
        let sandbox = world.sandbox(&format!("project = \"demo\"\n\n[function.f]\n{}\n{code}", self.settings));
        match self.zip {
            Some(_) if self.bytes.is_some() => std::fs::write(sandbox.path().join("app.zip"), self.bytes.as_ref().unwrap()).unwrap(),
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
    let artifacts: Vec<Artifact> = [broken_programs(), broken_zips(), broken_modules(), broken_images()].into_iter().flatten().collect();
    let doubtful = doubtful();
    let told = artifacts.iter().map(|artifact| (artifact, 6)).chain(doubtful.iter().map(|artifact| (artifact, 0)));
    let problems: Vec<String> = told.filter_map(|(artifact, code)| wrong_with(&world, artifact, code)).collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    assert!(artifacts.len() >= FEWEST_BROKEN, "{}", artifacts.len());
    assert!(world.proxy.calls().is_empty(), "AWS was called");
    let texts = std::fs::read_dir(corpus("x").parent().unwrap()).unwrap().count();
    assert_eq!(texts, artifacts.len() + doubtful.len(), "each text belongs to an artifact");
}

fn wrong_with(world: &World, artifact: &Artifact, code: i32) -> Option<String> {
    let output = artifact.sandbox(world).run(&["build", "--quiet"]);
    let name = artifact.name;
    if output.code != Some(code) {
        return Some(format!("{name} does not end with {code}:\n{output}"));
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
    for artifact in good().into_iter().chain(good_imports()) {
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
    sandbox.expect(6, &["build", "--check", "arm", "--architecture", "amd64"]).says("Lambda calls it `x86_64`");
}

#[test]
fn a_file_and_the_layers_of_its_function_have_one_limit() {
    let world = World::without_cloud();
    let sandbox = world.sandbox(
        "project = \"demo\"\n\n[layer.data]\ncode = { dir = \"layer\" }\n\n[function.f]\nlayers = [\"${layer.data.arn}\"]\ncode = { dir = \"app\" }\n",
    );
    write(&sandbox.path().join("app/bootstrap"), &X86.bytes());
    write(&sandbox.path().join("layer/lib/data"), b"");
    let resize = |bytes| std::fs::File::options().write(true).open(sandbox.path().join("layer/lib/data")).unwrap().set_len(bytes).unwrap();
    resize(262_144_000 - X86.bytes().len() as u64);
    sandbox.expect(0, &["build", "--check", "app", "f"]).says("not looked at: what its layers bring");
    resize(262_144_000);
    let too_large = "The function and its layers unzip to";
    sandbox.expect(1, &["build", "--check", "app", "f"]).says(too_large).says("app will not start");
}

#[test]
fn a_syntax_error_is_told_before_anything_is_uploaded() {
    let world = World::without_cloud();
    let mut sandbox = world.sandbox(
        "project = \"demo\"\n\n[function.js]\nruntime = \"nodejs22.x\"\nhandler = \"index.handler\"\ncode = { dir = \"js\" }\n\n[function.py]\nruntime = \"python3.13\"\nhandler = \"app.handler\"\ncode = { dir = \"py\" }\n",
    );
    let (python, node) = (sandbox.path().join("py/app.py"), sandbox.path().join("js/index.js"));
    write(&python, b"def handler(event, context)\n    return event\n");
    write(&node, b"exports.handler = async (event) => {\n  return = event;\n};\n");
    for command in [&["build"][..], &["--local", "up", "--yes"]] {
        sandbox
            .expect(6, command)
            .says("finds in `app.py` in line 1: SyntaxError: expected ':'")
            .says("finds in `index.js` in line 2: SyntaxError: Unexpected token '='")
            .says("function.py")
            .says("function.js");
    }
    write(&python, PYTHON);
    // Node.js of this machine runs nothing of it.
    write(&node, b"process.abort();\nexports.handler = async (event) => event;\n");
    assert_eq!(sandbox.expect(0, &["build", "--quiet"]).stderr, "");
    // What is fine is remembered, and no interpreter is asked again.
    sandbox.variable("PATH", "");
    assert_eq!(sandbox.expect(0, &["build", "--quiet"]).stderr, "");
}

#[test]
fn a_header_that_python_cannot_read_is_a_syntax_error_and_nothing_else() {
    let world = World::without_cloud();
    let sandbox = world.sandbox("");
    for header in [
        "def handler(event, context:",
        "def handler(:",
        "def handler(event context):",
        "def other(:\n    pass\ndef handler(event, context):",
    ] {
        write(&sandbox.path().join("py/app.py"), format!("{header}\n    return event\n").as_bytes());
        let told = sandbox.expect(1, &["build", "--check", "py", "--runtime", "python3.13", "--handler", "app.handler"]);
        let told = told.says("SyntaxError");
        assert!(!told.stderr.contains("argument") && !told.stderr.contains("nothing in"), "{header}: {told}");
    }
    write(&sandbox.path().join("py/app.py"), b"def handler(event):\n    return event\n");
    sandbox.expect(1, &["build", "--check", "py", "--runtime", "python3.13", "--handler", "app.handler"]).says("takes one argument");
}

#[test]
fn a_merge_that_was_not_finished_is_refused_whatever_the_version() {
    let world = World::without_cloud();
    let sandbox = world.sandbox("");
    let conflict = |code: &str| format!("<<<<<<< HEAD\n{code}=======\n{code}>>>>>>> other\n");
    write(&sandbox.path().join("py/app.py"), conflict("def handler(event, context):\n    return 1\n").as_bytes());
    write(&sandbox.path().join("js/index.js"), conflict("exports.handler = async () => 1;\n").as_bytes());
    let check = |folder: &str, runtime: &str, handler: &str| {
        sandbox.expect(1, &["build", "--check", folder, "--runtime", runtime, "--handler", handler]).says("in line 1: SyntaxError");
    };
    ["python3.9", "python3.14"].into_iter().for_each(|runtime| check("py", runtime, "app.handler"));
    ["nodejs20.x", "nodejs24.x"].into_iter().for_each(|runtime| check("js", runtime, "index.handler"));
}

#[test]
fn folders_of_one_file_are_found_and_built() {
    let world = World::without_cloud();
    let sandbox = world.sandbox(
        "project = \"demo\"\n\n[template.py]\nruntime = \"python3.13\"\nhandler = \"app.handler\"\n\n[template.js]\nruntime = \"nodejs22.x\"\nhandler = \"index.handler\"\n\n[discover.py]\nroot = \"py\"\nmatch = \"app.py\"\nuse = \"py\"\n\n[discover.js]\nroot = \"js\"\nmatch = \"index.mjs\"\nuse = \"js\"\n",
    );
    write(&sandbox.path().join("py/users/get/app.py"), PYTHON);
    write(&sandbox.path().join("py/users/list/app.py"), b"def handler(event, context):\n    return []\n");
    write(&sandbox.path().join("js/mail/index.mjs"), b"export const handler = async (event) => event;\n");
    sandbox.expect(0, &["build"]).says("users-get").says("users-list").says("mail").says("3 packages ready");
}

#[test]
fn syntax_that_is_newer_than_the_runtime_is_told() {
    let world = World::without_cloud();
    let sandbox = world.sandbox("");
    write(&sandbox.path().join("app/app.py"), b"def handler(event, context):\n    match event:\n        case _: return 1\n");
    let check =
        |code: i32, runtime: &str| sandbox.expect(code, &["build", "--check", "app", "--handler", "app.handler", "--runtime", runtime]);
    check(1, "python3.9").says("SyntaxError: Pattern matching is only supported in Python 3.10 and greater");
    check(0, "python3.10");
}

#[test]
fn only_what_was_looked_at_will_start() {
    let world = World::without_cloud();
    let sandbox = world.sandbox("");
    let check = |code: i32, rest: &[&str]| sandbox.expect(code, &[&["build", "--check"], rest].concat());
    write(&sandbox.path().join("x86"), &X86.bytes());
    write(&sandbox.path().join("odd"), &Program { needed: &["libmine.so"], ..Program::DYNAMIC }.bytes());
    write(&sandbox.path().join("app/app.py"), PYTHON);
    write(&sandbox.path().join("bad/app.py"), b"def handler(event, context):\n    return (\n");
    write(&sandbox.path().join("js/index.js"), b"exports.handler = async () => { return = 1; };\n");
    check(0, &["app", "--runtime", "python3.13"])
        .says("app may start on `python3.13`")
        .says("not looked at: the function that is called: no handler is given");
    check(0, &["x86", "--runtime", "provided.al2027"])
        .says("x86 may start")
        .says("newer than this lambdo")
        .says("not looked at: what `provided.al2027` brings");
    check(0, &["odd"]).says("odd may start").says("`libmine.so`");
    check(1, &["x86", "--runtime", "go1.x"]).says("x86 will not start").says("AWS has ended");
    check(1, &["x86", "--runtime", "python312"]).says("did you mean `python3.12`?");
    check(1, &["x86", "--runtime", "ruby3.4"]).says("`ruby3.4` finds nothing in the package that it could run");
    // The oldest runtimes, so that the interpreters of this machine are not older.
    check(1, &["bad", "--runtime", "python3.8", "--handler", "app.handler"]).says("finds in `app.py` in line 2: SyntaxError");
    check(1, &["js", "--runtime", "nodejs16.x", "--handler", "index.handler"]).says("finds in `index.js` in line 1: SyntaxError");
    check(0, &["app", "--runtime", "python3.8", "--handler", "app.handler"]).says("app will start on `python3.8`");
    check(1, &["app", "--runtime", "python3.8", "--handler", "app"]).says("`app` names no function");
    for (name, bytes) in [("empty.zip", &b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..]), ("cut.zip", b"PK\x03\x04rest")] {
        write(&sandbox.path().join(name), bytes);
        check(1, &[name]).says(&format!("{name} will not start on `provided.al2023`"));
    }
}

#[test]
fn a_layer_is_measured_by_the_functions_that_use_it() {
    let world = World::without_cloud();
    let spec = |architecture: &str, runtime: &str| {
        format!(
            "project = \"demo\"\n\n[layer.tools]\ncode = {{ dir = \"layer\" }}\n\n[function.f]\narchitectures = \"{architecture}\"\nruntime = \"{runtime}\"\nhandler = \"app.handler\"\nlayers = [\"${{layer.tools.arn}}\"]\ncode = {{ dir = \"app\" }}\n"
        )
    };
    let sandbox = world.sandbox(&spec("arm64", "python3.13"));
    let library = Program { machine: EM_AARCH64, interpreter: None, entry: 0, is_pie: false, ..Program::DYNAMIC };
    write(&sandbox.path().join("app/app.py"), PYTHON);
    write(&sandbox.path().join("app/app.js"), NODE);
    write(&sandbox.path().join("layer/python/x.cpython-313-aarch64-linux-gnu.so"), &library.bytes());
    assert_eq!(sandbox.expect(0, &["build", "--quiet"]).stderr, "");
    sandbox.write("config.toml", &spec("arm64", "python3.12"));
    sandbox.expect(6, &["build"]).says("layer.tools").says("built for Python 3.13, and the function has `python3.12`");
    sandbox.write("config.toml", &spec("x86_64", "python3.13"));
    sandbox.expect(6, &["build"]).says("built for arm64, and the function runs on x86_64");
    sandbox.write("config.toml", &spec("arm64", "nodejs22.x"));
    sandbox.expect(0, &["build"]).says("The layer has only `python`, and `nodejs22.x`, with which a function uses it, does not look there");
}

#[test]
fn an_extension_is_started_with_the_function() {
    let world = World::without_cloud();
    let sandbox = world.sandbox(
        "project = \"demo\"\n\n[layer.agent]\ncode = { dir = \"layer\" }\n\n[function.f]\nruntime = \"python3.13\"\nhandler = \"app.handler\"\nlayers = [\"${layer.agent.arn}\"]\ncode = { dir = \"app\" }\n",
    );
    let extension = sandbox.path().join("layer/extensions/agent");
    write(&sandbox.path().join("app/app.py"), PYTHON);
    write(&sandbox.path().join("layer/extensions/inner/data.txt"), b"x");
    write(&extension, &X86.bytes());
    assert_eq!(sandbox.expect(0, &["build", "--quiet"]).stderr, "");
    write(&extension, &ARM.bytes());
    sandbox.expect(6, &["build"]).says("layer.agent").says("`extensions/agent` is built for arm64");
    write(&extension, b"hello");
    sandbox.expect(6, &["build"]).says("`extensions/agent` is neither an ELF file");
    write(&extension, b"#!/bin/sh\n");
    std::fs::set_permissions(&extension, std::fs::Permissions::from_mode(0o644)).unwrap();
    sandbox.expect(6, &["build"]).says("Lambda starts `extensions/agent` before the function, and it has no execute bit");
}

#[test]
fn a_layer_for_another_version_or_with_a_folder_too_many_is_told() {
    let world = World::without_cloud();
    let sandbox = world.sandbox(
        "project = \"demo\"\n\n[layer.tools]\ncode = { dir = \"layer\" }\n\n[function.f]\nruntime = \"python3.13\"\nhandler = \"app.handler\"\nlayers = [\"${layer.tools.arn}\"]\ncode = { dir = \"app\" }\n",
    );
    write(&sandbox.path().join("app/app.py"), PYTHON);
    let library = sandbox.path().join("layer/python/lib/python3.11/site-packages/x.py");
    write(&library, b"");
    sandbox.expect(0, &["build"]).says("`python/lib/python3.11/`, where only that version looks, and a function uses it with `python3.13`");
    write(&sandbox.path().join("layer/python/lib/python3.13/site-packages/x.py"), b"");
    assert_eq!(sandbox.expect(0, &["build", "--quiet"]).stderr, "");
    std::fs::remove_dir_all(sandbox.path().join("layer/python")).unwrap();
    write(&sandbox.path().join("layer/tools/python/x.py"), b"");
    sandbox.expect(0, &["build"]).says("`tools/` has such folders in it: make `tools` the root of the layer");
}

#[test]
fn a_handler_that_names_no_function_is_refused_before_the_build() {
    let world = World::without_cloud();
    let sandbox = world.sandbox(
        "project = \"demo\"\n\n[function.f]\nruntime = \"python3.13\"\nhandler = \"handler\"\ncode = { dir = \"app\" }\n\n[function.g]\ncode = { dir = \"app\" }\n",
    );
    write(&sandbox.path().join("app/app.py"), PYTHON);
    sandbox.expect(6, &["build"]).says("`handler` names no function: `python3.13` looks for `FILE.FUNCTION`").says("config.toml:5:11");
    sandbox.expect(6, &["build", "--keep-going"]).says("`handler` names no function").says("The package has no `bootstrap`");
    sandbox.write(
        "config.toml",
        "project = \"demo\"\n\n[function.f]\nruntime = \"python3.13\"\nhandler = \"app.handler\"\ncode = { dir = \"app\" }\n",
    );
    sandbox.expect(0, &["build"]);
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

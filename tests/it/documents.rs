//! Each spec that the documentation shows is one that lambdo takes.

use crate::support::{Sandbox, World};

const DOCUMENTS: &[(&str, &str)] =
    &[("README.md", include_str!("../../README.md")), ("docs/daemon.md", include_str!("../../docs/daemon.md"))];

/// What lies beside the specs that the documents show.
const BESIDE: &[(&str, &str)] = &[
    ("api/users/get/main.go", "package main\n\nfunc main() {}\n"),
    ("go.mod", "module api\n\ngo 1.25\n"),
    ("lambdas/hash/Cargo.toml", "[package]\nname = \"hash\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
    ("lambdas/hello/Cargo.toml", "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
    ("lambdas/hello/Dockerfile", "FROM scratch\n"),
    ("lambdas/large/Cargo.toml", "[package]\nname = \"large\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"),
    ("lambdas/redact/requirements.txt", "\n"),
    ("lambdas/redact/redact.py", "def handler(event, context):\n    return event\n"),
    ("lambdas/slug/package.json", "{}"),
    ("lambdas/slug/index.js", "exports.handler = async (event) => event;\n"),
    ("tools/bin/tool", "#!/bin/sh\n"),
    ("report/data.txt", "data\n"),
];

#[test]
fn what_the_documents_show_is_valid() {
    let world = World::without_cloud();
    let mut shown = 0;
    for (document, text) in DOCUMENTS {
        for (number, block) in blocks(text).into_iter().enumerate() {
            let sandbox = world.sandbox(&whole(&block));
            BESIDE.iter().for_each(|(path, contents)| sandbox.write(path, contents));
            check(&sandbox, &block, &format!("{document}, block {}", number + 1));
            shown += 1;
        }
    }
    assert!(shown >= 5, "the documents show {shown} specs only: are they still found?");
}

fn check(sandbox: &Sandbox, block: &str, which: &str) {
    let stage: &[&str] = if block.contains("[stage.dev") { &["validate", "--stage", "dev"] } else { &["validate"] };
    let local = if block.contains("[local.") { &["--local"][..] } else { &[] };
    let outcome = sandbox.run(&[local, stage].concat());
    assert_eq!(outcome.code, Some(0), "{which}:\n{block}\n{}", outcome.stderr);
}

/// The blocks of TOML in a text, without the indent that they have in a list.
fn blocks(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<Vec<&str>> = None;
    for line in text.lines().map(str::trim_start) {
        match &mut open {
            None if line == "```toml" => open = Some(Vec::new()),
            Some(lines) if line == "```" => {
                found.push(lines.join("\n"));
                open = None;
            }
            Some(lines) => lines.push(line),
            None => {}
        }
    }
    found
}

/// A block is part of a spec: what it takes for granted is put before it.
fn whole(block: &str) -> String {
    let mut spec = String::new();
    if !block.contains("project =") {
        spec.push_str("project = \"demo\"\n");
    }
    spec.push_str(block);
    if block.contains("[local.function.hello") {
        spec.push_str("\n[function.hello]\nbuild = \"lambdas/hello\"\n");
    }
    spec
}

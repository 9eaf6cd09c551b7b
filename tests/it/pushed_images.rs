//! Images that lambdo pushes: others copy them out of real registries and run them, and nothing is sent twice.

use crate::support::engines::{DockerRegistry, HERE, has, publish, with_buildah};
use crate::support::proxy::Proxy;
use crate::support::unpacked::Unpacked;
use crate::support::{Backend, Rule, Sandbox, World, spec};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The ways in which an image comes to be, each with what its spec says.
fn images(base: &str) -> [(&'static str, String); 4] {
    [
        ("files", r#"{ files = { "/bootstrap" = "app/made", "/etc/note" = "app/Dockerfile" }, entry_point = "/bootstrap" }"#.to_owned()),
        ("base", format!(r#"{{ base = "{base}", files = {{ "/bootstrap" = "app/made" }}, entry_point = "/bootstrap" }}"#)),
        ("build", r#"{ build = { path = "app", command = "mkdir -p out && cp made out/program", output = "out/program" } }"#.to_owned()),
        ("dockerfile", r#"{ dockerfile = "app/Dockerfile", build_args = { NAME = "a" }, engine = "buildah" }"#.to_owned()),
    ]
}

const DOCKERFILE: &str = "FROM scratch\nARG NAME\nCOPY --chmod=0755 made /bootstrap\nENTRYPOINT [\"/bootstrap\"]\n";

/// A program that needs nothing but a kernel and tells what it sees.
fn program(to: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/program_in_an_image.rs");
    let mut command = Command::new("rustc");
    command.args(["--edition", "2024", "-C", "target-feature=+crt-static", "-C", "strip=symbols", "-o"]).arg(to).arg(source);
    let made = command.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A project with one image that runs here.
fn project(world: &World, registry: &DockerRegistry, image: &str) -> Option<Sandbox> {
    let spec = format!("{}\n[function.hello]\narchitectures = \"{}\"\nimage = {image}\n", spec::header(), HERE.1);
    let mut sandbox = world.sandbox(&spec);
    fs::create_dir(sandbox.path().join("app")).unwrap();
    sandbox.write("app/Dockerfile", DOCKERFILE);
    let from = world.folder().join("made");
    if !from.exists() {
        program(&from);
    }
    fs::copy(from, sandbox.path().join("app/made")).unwrap();
    (!image.contains("buildah") || with_buildah(&mut sandbox, Some(registry))).then_some(sandbox)
}

fn digest(sandbox: &Sandbox) -> String {
    let built = sandbox.start(&["build", "--format", "json"]).wait_at_most(Duration::from_secs(300)).expect(0).json();
    built["packages"][0]["content_hash"].as_str().unwrap().to_owned()
}

/// What was sent to a registry: uploads and manifests.
fn sent(proxy: &Proxy) -> Vec<String> {
    let names = proxy.calls().into_iter().map(|call| call.operation.name);
    names.filter(|name| ["POST /v2/", "PUT /v2/", "PATCH /v2/"].iter().any(|start| name.starts_with(start))).collect()
}

/// Its program answers, and what it says of its root is what was put into it.
fn answers(name: &str, credentials: Option<&str>) -> Unpacked {
    let unpacked = Unpacked::copy(name, credentials);
    let said: Value = serde_json::from_str(&unpacked.answer(r#"{"n":1}"#)).unwrap();
    assert_eq!(said["event"], json!({ "n": 1 }), "{name}");
    assert_eq!(unpacked.config["architecture"], HERE.0, "{name}");
    unpacked
}

#[test]
fn a_real_registry_gives_images_that_answer_and_is_sent_them_once() {
    if !has(&["docker-registry", "skopeo"]) {
        return;
    }
    let (world, bases, registry) = (World::start(Backend::Ministack), DockerRegistry::start(), DockerRegistry::start());
    publish(&bases, HERE.0, "one");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let counted = Proxy::start(runtime.handle(), &registry.authority);
    // An account whose registry is this one.
    let token = BASE64_STANDARD.encode("AWS:secret");
    let account = json!({ "authorizationData": [{ "authorizationToken": token, "expiresAt": 4e9, "proxyEndpoint": counted.url }] });
    for (how, image) in images(&format!("{}/base:1", bases.authority)) {
        let Some(sandbox) = project(&world, &bases, &image) else { continue };
        world.proxy.rules([Rule::on("GetAuthorizationToken").answer(200, account.to_string())]);
        let (up, digest) = (["up", "--yes", "--target", "image.hello"], digest(&sandbox));
        counted.clear();
        sandbox.start(&up).wait_at_most(Duration::from_secs(300)).expect(0);
        assert!(!sent(&counted).is_empty(), "{how}");
        let unpacked = answers(&format!("{}/demo-hello@{digest}", registry.authority), None);
        assert_eq!(unpacked.manifest["layers"].as_array().unwrap().len(), if how == "base" { 2 } else { 1 }, "{how}");
        assert_eq!(unpacked.root().join("etc/base").exists(), how == "base", "{how}");
        // The account does not know of the image, so that it is pushed again: nothing of it is sent.
        counted.clear();
        sandbox.expect(0, &up);
        assert!(sent(&counted).is_empty() && !counted.calls().is_empty(), "{how}: {:?}", counted.tally());
        world.reset();
    }
}

#[test]
fn the_registry_of_an_emulator_gives_images_that_answer_and_is_sent_them_once() {
    if !has(&["docker-registry", "skopeo"]) {
        return;
    }
    let (world, bases) = (World::start(Backend::Ministack), DockerRegistry::start());
    publish(&bases, HERE.0, "one");
    for (how, image) in images(&format!("{}/base:1", bases.authority)) {
        let Some(sandbox) = project(&world, &bases, &image) else { continue };
        let digest = digest(&sandbox);
        sandbox.start(&["up", "--yes", "--events", "events.jsonl"]).wait_at_most(Duration::from_secs(300)).expect(0);
        told(&sandbox, how);
        answers(&format!("{}/demo-hello@{digest}", world.authority()), Some("AWS:x"));
        world.proxy.clear();
        sandbox.expect(0, &["up", "--yes"]);
        assert!(sent(&world.proxy).is_empty(), "{how}: {:?}", world.proxy.tally());
        // Another tag of the same image: its layers are there.
        sandbox.edit("[function.hello]", "[function.hello]\nfunction_name = \"other\"");
        sandbox.expect(0, &["up", "--yes"]);
        let sent = sent(&world.proxy);
        assert!(sent.iter().all(|name| name.contains("/manifests/")) || how == "none", "{how}: {sent:?}");
        world.reset();
    }
}

/// How far the push was, and the base's layers, stands among the events.
fn told(sandbox: &Sandbox, how: &str) {
    let text = fs::read_to_string(sandbox.path().join("events.jsonl")).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = |name: &str| events.iter().rev().find(|event| event["event"] == name);
    let sent = last("sending").unwrap_or_else(|| panic!("{how}: {text}"));
    assert_eq!(
        (&sent["address"], &sent["blobs_done"], &sent["bytes_done"]),
        (&json!("image.hello"), &sent["blobs"], &sent["bytes"]),
        "{how}"
    );
    let fetched = last("fetching").map(|event| event["bytes_done"] == event["bytes"]);
    assert_eq!(fetched, (how == "base").then_some(true), "{how}: {text}");
}

/// The same image comes of the same files, in whatever folder, when and by whom, and from wherever lambdo is called.
#[test]
fn images_are_the_same_bytes_wherever_they_are_made() {
    if !has(&["docker-registry", "skopeo"]) {
        return;
    }
    let (world, bases) = (World::without_cloud(), DockerRegistry::start());
    publish(&bases, HERE.0, "one");
    for (how, image) in images(&format!("{}/base:1", bases.authority)) {
        let mut digests = Vec::new();
        for (umask, folder) in [(0o022, "."), (0o077, "app")] {
            let Some(sandbox) = project(&world, &bases, &image) else { continue };
            let made = sandbox.path().join("app/made");
            fs::set_permissions(&made, fs::Permissions::from_mode(0o755 & !umask)).unwrap();
            let age = Duration::from_secs(u64::from(umask) * 100_000);
            fs::File::options().write(true).open(&made).unwrap().set_modified(std::time::SystemTime::now() - age).unwrap();
            if umask == 0o077 && rustix::process::geteuid().is_root() {
                std::os::unix::fs::chown(&made, Some(1234), Some(1234)).unwrap();
            }
            let config = sandbox.path().join("config.toml").display().to_string();
            let elsewhere = sandbox.path().join(folder).display().to_string();
            let arguments = ["-C", &elsewhere, "--config", &config, "build", "--format", "json"];
            let built = sandbox.start(&arguments).wait_at_most(Duration::from_secs(300)).expect(0).json();
            digests.push(built["packages"][0]["content_hash"].as_str().unwrap().to_owned());
            digests.push(digest(&sandbox));
        }
        assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{how}: {digests:?}");
    }
}

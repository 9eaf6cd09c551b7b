//! Container images: base images out of a real registry, Dockerfiles built by a real engine.
//!
//! `docker-registry`, `skopeo` and `buildah` are Debian's; `scripts/setup` installs them where it may. Without them a
//! test says that it is left out.

use crate::support::engines::{DockerRegistry, HERE, has, publish, skopeo, with_buildah};
use crate::support::served::Served;
use crate::support::{Sandbox, World, spec, static_program};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use std::fs;
use tempfile::TempDir;

fn image(image: &str) -> String {
    format!("{}\n[function.hello]\narchitectures = \"x86_64\"\nimage = {image}\n", spec::header())
}

/// The same for a processor that is not this machine's: what is made under `--local` runs here all the same.
fn for_elsewhere(text: &str) -> String {
    image(text).replace("x86_64", if HERE.1 == "arm64" { "x86_64" } else { "arm64" })
}

fn on_base(registry: &DockerRegistry) -> String {
    let base = format!("{}/base:1", registry.authority);
    image(&format!(r#"{{ base = "{base}", files = {{ "/bootstrap" = "bootstrap" }}, entry_point = "/bootstrap" }}"#))
}

fn digest(sandbox: &Sandbox) -> String {
    let built = sandbox.expect(0, &["build", "--format", "json"]).json();
    built["packages"][0]["content_hash"].as_str().unwrap().to_owned()
}

#[test]
fn a_base_image_is_asked_for_until_it_moves_and_used_when_nobody_can_be_asked() {
    if !has(&["docker-registry", "skopeo"]) {
        return;
    }
    let (world, mut registry) = (World::without_cloud(), DockerRegistry::start());
    let sandbox = world.sandbox(&on_base(&registry));
    sandbox.run(&["build"]).expect(6).says("The base image is not there").says("Check the name and the tag");
    publish(&registry, "arm64", "one");
    sandbox.run(&["build"]).expect(6).says("linux/arm64");
    publish(&registry, "amd64", "one");
    let first = digest(&sandbox);
    assert_eq!(digest(&world.sandbox(&on_base(&registry))), first, "the same in another folder");
    publish(&registry, "amd64", "two");
    let second = digest(&sandbox);
    assert_ne!(second, first);
    registry.stop();
    let offline = sandbox.expect(0, &["build", "--format", "json"]);
    assert_eq!(offline.json()["packages"][0]["content_hash"], second.as_str());
    offline.says("cannot be asked");
    world.sandbox(&on_base(&registry)).run(&["build"]).expect(1).says("cannot be had");
}

/// What is in the image of a registry, as an unpacked folder of blobs.
fn pulled(world: &World, authority: &str, name: &str) -> (TempDir, Value) {
    let cloud = world.connect_to(authority);
    let token = cloud.done(cloud.ecr.get_authorization_token().send()).authorization_data.unwrap_or_default();
    let credentials = BASE64_STANDARD.decode(token[0].authorization_token().unwrap()).unwrap();
    let credentials = String::from_utf8(credentials).unwrap();
    let folder = TempDir::new().unwrap();
    let to = format!("dir:{}", folder.path().display());
    skopeo(&["copy", "--quiet", "--src-tls-verify=false", "--src-creds", &credentials, &format!("docker://{authority}/{name}"), &to]);
    let manifest = serde_json::from_slice(&fs::read(folder.path().join("manifest.json")).unwrap()).unwrap();
    (folder, manifest)
}

#[test]
fn a_pushed_image_can_be_copied_out_by_others_and_is_not_pushed_again() {
    if !has(&["skopeo"]) {
        return;
    }
    let world = World::without_cloud();
    let mut sandbox =
        world.sandbox(&for_elsewhere(r#"{ files = { "/bootstrap" = "bootstrap", "/etc/note" = "note" }, entry_point = "/bootstrap" }"#));
    sandbox.variable("LAMBDO_LOCAL", "true");
    sandbox.write("note", "one");
    fs::write(sandbox.path().join("bootstrap"), static_program()).unwrap();
    let served = Served::start(&sandbox, &[]);
    sandbox.expect(0, &["up", "--yes"]);
    let pushed = digest(&sandbox);
    let (folder, manifest) = pulled(&world, &served.authority, &format!("demo-hello@{pushed}"));
    let layer = manifest["layers"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(folder.path().join(layer)).unwrap()));
    let names: Vec<String> = tar.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
    assert_eq!(names, ["bootstrap", "etc/", "etc/note"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.write("note", "two");
    sandbox.expect(2, &["plan", "--exit-code"]).says("etc/note");
    sandbox.expect(0, &["up", "--yes"]);
    assert_ne!(digest(&sandbox), pushed);
    sandbox.expect(0, &["destroy", "--yes"]);
    served.end();
}

#[test]
fn a_dockerfile_is_built_by_buildah_to_the_same_image_anywhere() {
    let world = World::without_cloud();
    let digests = [0o022, 0o077].map(|umask| {
        let mut sandbox = world.sandbox(&image(r#"{ dockerfile = "app/Dockerfile", build_args = { NAME = "a" }, engine = "buildah" }"#));
        if !with_buildah(&mut sandbox, None) {
            return String::new();
        }
        fs::create_dir(sandbox.path().join("app")).unwrap();
        sandbox.write("app/Dockerfile", "FROM scratch\nARG NAME\nCOPY --chmod=0755 bootstrap /bootstrap\nENTRYPOINT [\"/bootstrap\"]\n");
        fs::write(sandbox.path().join("app/bootstrap"), static_program()).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755 & !umask);
        fs::set_permissions(sandbox.path().join("app/bootstrap"), mode).unwrap();
        let first = digest(&sandbox);
        let again = sandbox.expect(0, &["build", "--format", "json"]).json();
        assert_eq!(
            (again["packages"][0]["cached"].as_bool(), again["packages"][0]["content_hash"].as_str()),
            (Some(true), Some(first.as_str()))
        );
        first
    });
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn a_dockerfile_is_built_again_when_its_base_has_moved() {
    if !has(&["docker-registry", "skopeo"]) {
        return;
    }
    let (world, mut registry) = (World::without_cloud(), DockerRegistry::start());
    publish(&registry, HERE.0, "one");
    let mut sandbox = world.sandbox(&for_elsewhere(r#"{ dockerfile = "Dockerfile", engine = "buildah" }"#));
    if !with_buildah(&mut sandbox, Some(&registry)) {
        return;
    }
    sandbox.variable("LAMBDO_LOCAL", "true");
    let base = format!("{}/base:1", registry.authority);
    let dockerfile = |to: &str| format!("ARG BASE={base}\nFROM $BASE\nCOPY --chmod=0755 . {to}\nENTRYPOINT [\"/app/bootstrap\"]\n");
    sandbox.write("Dockerfile", &dockerfile("/app/"));
    sandbox.write(".dockerignore", "containers\n");
    fs::write(sandbox.path().join("bootstrap"), static_program()).unwrap();
    let served = Served::start(&sandbox, &[]);
    sandbox.expect(0, &["up", "--yes"]);
    // The context is the spec's own folder, in which the state is.
    let first = digest(&sandbox);
    sandbox.expect(0, &["plan", "--exit-code"]);
    let diff = sandbox.expect(0, &["diff", "--exit-code"]).stdout;
    assert!(diff.contains("No difference"), "{diff}");
    let (_folder, manifest) = pulled(&world, &served.authority, &format!("demo-hello@{first}"));
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);

    publish(&registry, HERE.0, "two");
    let plan = sandbox.expect(2, &["plan", "--exit-code"]).stdout;
    assert!(plan.contains(&format!("base image {base} moved")) && plan.contains("  ~ image.hello"), "{plan}");
    assert!(plan.contains("another image") && !plan.contains("forces replacement"), "{plan}");
    let diff = sandbox.expect(2, &["diff", "--exit-code"]).stdout;
    assert!(diff.contains("etc/base") && diff.contains("moved") && !diff.contains("state/"), "{diff}");
    sandbox.expect(0, &["up", "--yes"]);
    assert_ne!(digest(&sandbox), first);
    sandbox.expect(0, &["plan", "--exit-code"]);

    registry.stop();
    sandbox.expect(0, &["plan", "--exit-code"]).says("Whether a base image has moved is not known");
    sandbox.write("Dockerfile", &dockerfile("/other/"));
    sandbox.run(&["plan"]).expect(6).says("which it does not have");
    sandbox.expect(0, &["destroy", "--yes"]);
    served.end();
}

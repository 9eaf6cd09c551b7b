//! Container images: base images out of a real registry, Dockerfiles built by a real engine, pushes that others read.
//!
//! `docker-registry`, `skopeo` and `buildah` are Debian's; `scripts/setup` installs them where it may. Without them a
//! test says that it is left out.

use crate::support::served::Served;
use crate::support::{Sandbox, World, spec, static_program};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Whether all of these programs are there; says so where one is not.
fn has(programs: &[&str]) -> bool {
    let is_there = |program: &&&str| Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    let missing = programs.iter().find(|program| !is_there(program));
    missing.into_iter().for_each(|program| eprintln!("LEFT OUT: there is no `{program}`; `scripts/setup` installs it as root"));
    missing.is_none()
}

/// The registry that everybody's registries come from.
struct Registry {
    authority: String,
    child: Child,
    _folder: TempDir,
}

impl Registry {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let authority = format!("127.0.0.1:{port}");
        let config = json!({
            "version": 0.1,
            "log": { "level": "error", "accesslog": { "disabled": true } },
            "storage": { "filesystem": { "rootdirectory": folder.path().join("data") } },
            "http": { "addr": authority },
        });
        let path = folder.path().join("config.yml");
        fs::write(&path, config.to_string()).unwrap();
        let mut command = Command::new("docker-registry");
        let child = command.arg("serve").arg(&path).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&authority).is_err() {
            assert!(Instant::now() < deadline, "the registry does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { authority, child, _folder: folder }
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
    }
}

fn skopeo(arguments: &[&str]) -> String {
    let output = Command::new("skopeo").args(arguments).output().unwrap();
    assert!(output.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with an image of one file, in the layout of the OCI.
fn layout(folder: &Path, architecture: &str, text: &str) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let keep = |bytes: &[u8]| {
        let name = format!("{:x}", Sha256::digest(bytes));
        fs::write(blobs.join(&name), bytes).unwrap();
        (format!("sha256:{name}"), bytes.len())
    };
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "etc/base", text.as_bytes()).unwrap();
    let tar = tar.into_inner().unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut gzip, &tar).unwrap();
    let (layer, layer_bytes) = keep(&gzip.finish().unwrap());
    let diff = format!("sha256:{:x}", Sha256::digest(&tar));
    let config = json!({
        "architecture": architecture, "os": "linux", "config": { "Env": ["PATH=/bin"], "Cmd": ["/none"] },
        "rootfs": { "type": "layers", "diff_ids": [diff] }, "history": [{ "created_by": "test" }],
    });
    let (config, config_bytes) = keep(config.to_string().as_bytes());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_bytes },
        "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": layer, "size": layer_bytes }],
    });
    let (manifest, manifest_bytes) = keep(manifest.to_string().as_bytes());
    let index = json!({ "schemaVersion": 2, "manifests": [
        { "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest, "size": manifest_bytes },
    ] });
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

fn publish(registry: &Registry, architecture: &str, text: &str) {
    let folder = TempDir::new().unwrap();
    layout(folder.path(), architecture, text);
    let from = format!("oci:{}", folder.path().display());
    skopeo(&["copy", "--quiet", "--dest-tls-verify=false", &from, &format!("docker://{}/base:1", registry.authority)]);
}

fn image(image: &str) -> String {
    format!("{}\n[function.hello]\narchitectures = \"x86_64\"\nimage = {image}\n", spec::header())
}

fn on_base(registry: &Registry) -> String {
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
    let (world, mut registry) = (World::without_cloud(), Registry::start());
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
        world.sandbox(&image(r#"{ files = { "/bootstrap" = "bootstrap", "/etc/note" = "note" }, entry_point = "/bootstrap" }"#));
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
    // Without the right to be root in a space of its own, buildah cannot work.
    if !has(&["buildah"]) || !rustix::process::geteuid().is_root() {
        return;
    }
    let world = World::without_cloud();
    let digests = [0o022, 0o077].map(|umask| {
        let mut sandbox = world.sandbox(&image(r#"{ dockerfile = "app/Dockerfile", build_args = { NAME = "a" }, engine = "buildah" }"#));
        let store = sandbox.path().join("containers").display().to_string();
        for (key, value) in [("STORAGE_DRIVER", "vfs"), ("BUILDAH_ISOLATION", "chroot"), ("XDG_DATA_HOME", &store)] {
            sandbox.variable(key, value);
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

//! Images as others make and read them: Debian's registry, skopeo and buildah.

use super::sandbox::Sandbox;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// This machine's processor, as images and as Lambda call it.
pub const HERE: (&str, &str) = if cfg!(target_arch = "aarch64") { ("arm64", "arm64") } else { ("amd64", "x86_64") };

/// Whether all of these programs are there; says so where one is not.
pub fn has(programs: &[&str]) -> bool {
    let is_there = |program: &&&str| Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    let missing = programs.iter().find(|program| !is_there(program));
    missing.into_iter().for_each(|program| eprintln!("LEFT OUT: there is no `{program}`; `scripts/setup` installs it as root"));
    missing.is_none()
}

/// The registry that everybody's registries come from.
pub struct DockerRegistry {
    /// Where it listens, as `host:port`.
    pub authority: String,
    child: Child,
    _folder: TempDir,
}

impl DockerRegistry {
    /// An empty one.
    pub fn start() -> Self {
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

    /// Nobody answers any more.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What skopeo says.
pub fn skopeo(arguments: &[&str]) -> String {
    let output = Command::new("skopeo").args(arguments).output().unwrap();
    assert!(output.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with an image of one file, in the layout of the OCI.
pub fn layout(folder: &Path, architecture: &str, text: &str) {
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

/// Puts an image of one file into the registry, as `base:1`.
pub fn publish(registry: &DockerRegistry, architecture: &str, text: &str) {
    let folder = TempDir::new().unwrap();
    layout(folder.path(), architecture, text);
    let from = format!("oci:{}", folder.path().display());
    skopeo(&["copy", "--quiet", "--dest-tls-verify=false", &from, &format!("docker://{}/base:1", registry.authority)]);
}

/// Lets buildah work in a folder of its own, as root, and take from a registry without TLS. Without the right to be root
/// in a space of its own it cannot work: says so then.
pub fn with_buildah(sandbox: &mut Sandbox, registry: Option<&DockerRegistry>) -> bool {
    if !has(&["buildah"]) {
        return false;
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("LEFT OUT: buildah works as root only here");
        return false;
    }
    let folder = sandbox.path().join("containers");
    fs::create_dir_all(&folder).unwrap();
    let (store, registries) = (folder.display().to_string(), folder.join("registries.conf"));
    let known = registry.map(|registry| format!("[[registry]]\nlocation = \"{}\"\ninsecure = true\n", registry.authority));
    fs::write(&registries, known.unwrap_or_default()).unwrap();
    let registries = registries.display().to_string();
    let variables = [
        ("STORAGE_DRIVER", "vfs"),
        ("BUILDAH_ISOLATION", "chroot"),
        ("XDG_DATA_HOME", &store),
        ("CONTAINERS_REGISTRIES_CONF", &registries),
    ];
    variables.into_iter().for_each(|(key, value)| sandbox.variable(key, value));
    true
}

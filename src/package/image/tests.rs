//! Whole runs over images, with a build engine that is none.

use super::super::Packages;
use super::super::testing::{self, Workbench, value};
use super::listing::tests::{Put, layer};
use crate::diagnostic::Diagnostic;
use crate::model::{Address, ArtifactSource, Form, PackageRequest};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Notes how it is called, "builds" an id and "exports" the archive that the test has made.
const BUILDAH: &str = r#"#!/bin/sh
PATH=/usr/bin:/bin
echo "$*" | sed "s|$FAKE|.|g; s|image-[A-Za-z0-9]*|image-X|g" >> "$FAKE/calls"
echo "$TOKEN" >> "$FAKE/token"
if [ -f "$FAKE/errors" ]; then cat "$FAKE/errors" >&2; exit 1; fi
while [ $# -gt 0 ]; do
    case "$1" in
        --ignorefile) cp "$2" "$FAKE/ignored" ;;
        --iidfile) echo sha256:id > "$2" ;;
        oci-archive:*) cp "$FAKE/image.tar" "${1#oci-archive:}" ;;
    esac
    shift
done
"#;

fn write(machine: &Workbench, name: &str, content: impl AsRef<[u8]>, mode: u32) {
    machine.write(name, content);
    fs::set_permissions(machine.folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
}

fn with_buildah() -> Workbench {
    let machine = Workbench::empty();
    write(&machine, "bin/buildah", BUILDAH, 0o755);
    write(&machine, "app/Dockerfile", "FROM scratch\n", 0o644);
    machine
}

async fn run(machine: &Workbench, image: &str, architecture: &str, may_run: bool) -> Result<Packages, Vec<Diagnostic>> {
    machine.resolve(vec![request(image, architecture)], may_run).await.0
}

async fn problem(machine: &Workbench, image: &str) -> String {
    let problems = run(machine, image, "arm64", true).await.map(|_| ()).unwrap_err();
    let texts = problems.iter().map(|problem| format!("{}: {}\n{}", problem.code, problem.detail, problem.hints.join("\n")));
    texts.collect::<Vec<_>>().join("\n").replace(&machine.root(), "F")
}

fn request(image: &str, architecture: &str) -> PackageRequest {
    let image = Some(value(image));
    PackageRequest { image, build: None, architectures: vec![architecture.into()], ..testing::request("hello", "null") }
}

fn digest(packages: &Packages) -> String {
    packages.artifacts[&Address::new("function", "hello")].content_hash.clone()
}

/// The smallest program that says which processor it is for.
fn program(machine: u8) -> Vec<u8> {
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
    bytes.resize(64 + 56, 0);
    (bytes[16], bytes[18], bytes[20], bytes[52]) = (2, machine, 1, 64);
    // It begins where its only segment does, which is loaded as a whole.
    (bytes[24], bytes[32], bytes[54], bytes[56]) = (64, 64, 56, 1);
    (bytes[64], bytes[68], bytes[96], bytes[104]) = (1, 5, 120, 120);
    bytes
}

const ARM: u8 = 183;

#[tokio::test]
async fn files_become_an_image_that_is_the_same_anywhere() {
    let image = r#"{"files":{"/bootstrap":"main","/etc/app/":"settings"},"entry_point":"/bootstrap"}"#;
    let mut digests = Vec::new();
    for mode in [0o700, 0o755] {
        let machine = Workbench::empty();
        write(&machine, "main", program(ARM), mode);
        write(&machine, "settings/a.toml", "a = 1", mode & 0o644);
        let packages = run(&machine, image, "arm64", true).await.unwrap();
        let artifact = &packages.artifacts[&Address::new("function", "hello")];
        assert_eq!((artifact.form, artifact.files), (Form::Image, 2));
        let made = packages.image(&artifact.content_hash).await.unwrap();
        assert_eq!(made.digest(), artifact.content_hash);
        for blob in &made.blobs {
            assert_eq!(fs::metadata(packages.blob(&blob.digest).await.unwrap()).unwrap().len(), blob.bytes);
        }
        assert!(packages.blob(&format!("sha256:{}", "0".repeat(64))).await.is_err());
        digests.push(digest(&packages));
        assert_eq!(digest(&run(&machine, image, "arm64", true).await.unwrap()), digests[0]);
    }
    assert_eq!(digests[0], digests[1]);
}

#[tokio::test]
async fn what_a_build_makes_is_started() {
    let machine = Workbench::empty();
    write(&machine, "app/made", program(ARM), 0o755);
    let image = r#"{"build":{"path":"app","command":["/bin/cp","made","out"],"output":"out"}}"#;
    let packages = run(&machine, image, "arm64", true).await.unwrap();
    let made = packages.image(&digest(&packages)).await.unwrap();
    let config: serde_json::Value =
        serde_json::from_slice(&fs::read(packages.blob(&made.blobs[0].digest).await.unwrap()).unwrap()).unwrap();
    assert_eq!(config["config"]["Entrypoint"], serde_json::json!(["/bootstrap"]));
}

#[tokio::test]
async fn an_image_that_would_not_start_is_refused() {
    let machine = Workbench::empty();
    write(&machine, "main", program(62), 0o755);
    let mut said = Vec::new();
    for image in [
        r#"{"files":{"/bootstrap":"main"},"entry_point":"/bootstrap"}"#,
        r#"{"files":{"/bootstrap":"main"}}"#,
        r#"{"files":{"/bootstrap":"nowhere"}}"#,
    ] {
        said.push(problem(&machine, image).await.lines().next().unwrap().to_owned());
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    wrong-architecture: `/bootstrap` is built for x86_64, and Lambda runs it on arm64.
    no-entry-point: The image of `hello` has neither an entry point nor a command.
    missing-file: There is no file `nowhere`.
    ");
}

/// An archive as buildah exports it, with an image for a processor, which has these files.
fn export(machine: &Workbench, architecture: &str, files: &[Put<'_>]) {
    let folder = machine.folder.path().join("layout");
    let store = super::store::Store::new(&folder);
    let config = serde_json::json!({ "architecture": architecture, "os": "linux", "config": { "Cmd": ["/app"] }, "rootfs": { "type": "layers", "diff_ids": ["sha256:dd"] } });
    let config = store.put(config.to_string().as_bytes()).unwrap();
    let layer = layer(&store, files);
    let layers = [(super::document::OCI_LAYER.to_owned(), layer.clone())];
    let image = super::document::image(super::document::OCI_MANIFEST, (super::document::OCI_CONFIG, config.clone()), &layers);
    let manifest = store.put(&image.manifest).unwrap();
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": [{ "mediaType": image.media_type, "digest": manifest.digest, "size": manifest.bytes }] });
    let mut tar = tar::Builder::new(fs::File::create(machine.folder.path().join("image.tar")).unwrap());
    let mut add = |name: String, path: &Path| tar.append_path_with_name(path, name).unwrap();
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    add("index.json".into(), &folder.join("index.json"));
    for blob in [&config, &manifest, &layer] {
        let path = store.path(&blob.digest).unwrap();
        add(format!("blobs/sha256/{}", blob.digest.trim_start_matches("sha256:")), &path);
    }
}

#[tokio::test]
async fn a_dockerfile_is_built_once_and_again_when_the_context_changes() {
    let machine = with_buildah();
    export(&machine, "arm64", &[Put::File("app", 0o755, &program(ARM)), Put::File("etc/x", 0o644, b"x")]);
    let image = r#"{"dockerfile":"app/Dockerfile","build_args":{"TOKEN":"geheim"}}"#;
    assert!(run(&machine, image, "arm64", false).await.is_err(), "nothing is there yet");
    let made = run(&machine, image, "arm64", true).await.unwrap();
    let (first, artifact) = (digest(&made), &made.artifacts[&Address::new("function", "hello")]);
    assert_eq!((artifact.form, artifact.files), (Form::Image, 2));
    assert_eq!(fs::read_to_string(machine.folder.path().join("token")).unwrap(), "geheim\n".repeat(3));
    insta::assert_snapshot!(machine.read("calls"), @r"
    build --timestamp 0 --platform linux/arm64 --file ./app/Dockerfile --build-arg TOKEN --iidfile ./state/build/image-X/id --tag localhost/lambdo:image-X ./app
    push sha256:id oci-archive:./state/build/image-X/image.tar
    rmi localhost/lambdo:image-X
    ");
    assert_eq!(digest(&run(&machine, image, "arm64", true).await.unwrap()), first);
    fs::remove_file(machine.folder.path().join("bin/buildah")).unwrap();
    assert_eq!(digest(&run(&machine, image, "arm64", false).await.unwrap()), first);
    assert_eq!(machine.read("calls").lines().count(), 3, "the engine was not even started");
    // Engines copy the whole mode.
    let context = machine.folder.path().join("app/Dockerfile");
    for (mode, is_same) in [(0o600, false), (0o644, true)] {
        fs::set_permissions(&context, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(run(&machine, image, "arm64", true).await.is_ok_and(|made| digest(&made) == first), is_same, "{mode:o}");
    }
    write(&machine, "app/main.go", "package main", 0o644);
    assert!(problem(&machine, image).await.starts_with("tool-missing: "));
}

#[tokio::test]
async fn what_goes_wrong_with_an_engine_is_told() {
    let machine = Workbench::empty();
    write(&machine, "app/Dockerfile", "FROM scratch\n", 0o644);
    let image = r#"{"dockerfile":"app/Dockerfile"}"#;
    let mut said = vec![problem(&machine, image).await, problem(&machine, r#"{"dockerfile":"app/Dokcerfile"}"#).await];
    let machine = with_buildah();
    export(&machine, "amd64", &[Put::File("app", 0o755, &program(62))]);
    said.push(problem(&machine, image).await);
    write(&machine, "errors", "STEP 1/1: FROM scratch\nmount overlay: operation not permitted\n", 0o644);
    said.push(problem(&machine, image).await);
    insta::assert_snapshot!(said.join("\n"), @r#"
    tool-missing: A Dockerfile is built by a program that builds container images, and the `PATH` has none (docker, podman, finch, nerdctl, buildah).
    install one: `apt-get install buildah` or `podman` on Debian and Ubuntu, `dnf install podman` on Fedora, `brew install podman` or Docker Desktop on a Mac
    without an engine: `image = { build = "FOLDER" }`, or `image = { base = "…", files = { … } }`, which lambdo puts together itself
    missing-file: There is no file `app/Dokcerfile`.
    `Dockerfile` lies in the same folder; is it meant?
    wrong-architecture: `app/Dockerfile` made an image for `linux/amd64`, and the function needs `linux/arm64`.
    a `FROM --platform=…` of the last stage decides before what the engine is told
    build-failed: `buildah` could not build `app/Dockerfile`. It ended with exit status: 1. It said:
    STEP 1/1: FROM scratch
    mount overlay: operation not permitted
    inside a container, buildah may need `STORAGE_DRIVER=vfs` and `BUILDAH_ISOLATION=chroot` in the environment
    "#);
}

#[tokio::test]
async fn an_image_of_a_dockerfile_that_would_not_start_is_refused() {
    let machine = with_buildah();
    let image = r#"{"dockerfile":"app/Dockerfile"}"#;
    let (fit, foreign) = (program(ARM), program(62));
    let mut said = Vec::new();
    for files in [
        &[Put::File("app", 0o755, &foreign)][..],
        &[Put::File("app", 0o644, &fit)],
        &[Put::File("app", 0o700, &fit)],
        &[Put::File("bin/app", 0o755, &fit)],
        &[Put::File("app", 0o755, b"#!/bin/sh\n")],
        &[
            Put::File("usr/bin/dash", 0o755, &fit),
            Put::Link("bin", "usr/bin"),
            Put::Link("bin/sh", "dash"),
            Put::File("app", 0o755, b"#!/bin/sh\n"),
        ],
    ] {
        export(&machine, "arm64", files);
        write(&machine, "app/changed", format!("{}", said.len()), 0o644);
        let problem = run(&machine, image, "arm64", true).await.err().map(|problems| problems[0].clone());
        said.push(problem.map_or_else(|| "it starts".to_owned(), |problem| format!("{}: {}", problem.code, problem.detail)));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test]
async fn an_engine_does_not_see_what_lambdo_keeps() {
    let machine = with_buildah();
    write(&machine, "Dockerfile", "FROM scratch\nCOPY . /\n", 0o644);
    // What the engine of the test notes lies there, too.
    write(&machine, ".dockerignore", "calls\ntoken\nignored\n", 0o644);
    write(&machine, "state/demo.json", "{}", 0o644);
    export(&machine, "arm64", &[Put::File("app", 0o755, &program(ARM))]);
    let image = r#"{"dockerfile":"Dockerfile"}"#;
    let first = run(&machine, image, "arm64", true).await.unwrap();
    assert!(machine.read("calls").contains("--file ./state/build/image-X/Dockerfile --iidfile"), "{}", machine.read("calls"));
    assert_eq!(fs::read_to_string(machine.folder.path().join("ignored")).unwrap(), "calls\ntoken\nignored\n\nstate\n");
    write(&machine, "state/demo.json", "{\"serial\":2}", 0o644);
    let calls = machine.read("calls");
    assert_eq!(digest(&run(&machine, image, "arm64", true).await.unwrap()), digest(&first));
    assert_eq!(machine.read("calls"), calls, "a state that moved builds nothing");
}

#[tokio::test]
async fn what_changed_is_named_once_as_the_user_knows_it() {
    let machine = with_buildah();
    write(&machine, "dk/app/main.go", "package main", 0o644);
    write(&machine, "dk/Dockerfile", "FROM scratch\n", 0o644);
    export(&machine, "arm64", &[Put::File("app", 0o755, &program(ARM))]);
    let image = r#"{"dockerfile":"dk/Dockerfile"}"#;
    let before = digest(&run(&machine, image, "arm64", true).await.unwrap());
    export(&machine, "arm64", &[Put::File("app", 0o755, &program(ARM)), Put::File("etc/note", 0o644, b"x")]);
    write(&machine, "dk/app/main.go", "package other", 0o644);
    write(&machine, "dk/Dockerfile", "FROM scratch\nCOPY . /\n", 0o644);
    let packages = run(&machine, image, "arm64", true).await.unwrap();
    let address = Address::new("function", "hello");
    assert_eq!(packages.changes(&address, &before).sentence(), "dk/Dockerfile changed, dk/app/main.go changed");
    let diff = packages.diff(&address, &before).unwrap();
    assert_eq!(diff.files.keys().collect::<Vec<_>>(), ["etc/note"]);
}

#[tokio::test]
async fn functions_that_share_an_image_are_told_only_of_what_their_own_is_made_from() {
    let machine = with_buildah();
    for name in ["one", "other"] {
        write(&machine, &format!("{name}/Dockerfile"), "FROM scratch\n", 0o644);
    }
    let image = |name: &str| {
        let image = Some(value(&format!(r#"{{"dockerfile":"{name}/Dockerfile"}}"#)));
        PackageRequest { image, build: None, architectures: vec!["arm64".into()], ..testing::request(name, "null") }
    };
    let requests = || vec![image("one"), image("other")];
    export(&machine, "arm64", &[Put::File("app", 0o755, &program(ARM))]);
    let before = machine.resolve(requests(), true).await.0.unwrap();
    export(&machine, "arm64", &[Put::File("app", 0o755, &program(ARM)), Put::File("etc/note", 0o644, b"x")]);
    for name in ["one", "other"] {
        write(&machine, &format!("{name}/Dockerfile"), "FROM scratch\nCOPY . /\n", 0o644);
    }
    let after = machine.resolve(requests(), true).await.0.unwrap();
    for name in ["one", "other"] {
        let address = Address::new("function", name);
        let applied = &before.artifacts[&address].content_hash;
        assert_eq!(after.changes(&address, applied).sentence(), format!("{name}/Dockerfile changed"));
    }
}

#[tokio::test]
async fn a_file_of_the_user_does_not_lose_its_place_to_the_build() {
    let machine = Workbench::empty();
    write(&machine, "app/made", program(ARM), 0o755);
    write(&machine, "other", "x", 0o644);
    let image = r#"{"build":{"path":"app","command":["/bin/cp","made","out"],"output":"out"},"files":{"/bootstrap":"other"}}"#;
    assert_eq!(
        problem(&machine, image).await.lines().next().unwrap(),
        "bad-entry-name: `image.files` puts `other` at `/bootstrap`, where what the build makes goes."
    );
    let twice = problem(&machine, r#"{"files":{"/a":"other","a/":"app/made"},"entry_point":"/a"}"#).await;
    assert!(twice.contains("puts both"), "{twice}");
    write(&machine, "dk/Dockerfile", "FROM scratch\n", 0o644);
    insta::assert_snapshot!(problem(&machine, r#"{"dockerfile":"dk"}"#).await, @r"
    wrong-file-type: `dk` is a folder; `image.dockerfile` takes the Dockerfile itself.
    `dk/Dockerfile` is there; is it meant?
    ");
}

#[tokio::test]
async fn an_image_in_an_archive_is_looked_at_whoever_made_it() {
    let machine = Workbench::empty();
    let of = |files: &[Put<'_>]| {
        export(&machine, "arm64", files);
        let looked = look(&machine, "image.tar");
        (looked.artifact.form, looked.artifact.files, looked.findings.iter().map(|one| one.code).collect::<Vec<_>>())
    };
    assert_eq!(of(&[Put::File("app", 0o755, &program(ARM)), Put::File("etc/x", 0o644, b"x")]), (Form::Image, 2, vec![]));
    assert_eq!(of(&[Put::File("other", 0o755, &program(ARM))]).2, ["no-entry-point"]);
    write(&machine, "layout/oci-layout", "{}", 0o644);
    assert_eq!(look(&machine, "layout").findings[0].code, "no-entry-point");
    let request = request("{}", "arm64");
    let none = |name: &str| super::look(&machine.folder.path().join(name), name, &request, "arm64").unwrap().is_none();
    write(&machine, "program", program(ARM), 0o755);
    assert!(none("program") && none("bin"));
    write(&machine, "layout/index.json", r#"{"manifests":[]}"#, 0o644);
    let refused = super::look(&machine.folder.path().join("layout"), "layout", &request, "arm64").err().unwrap();
    assert_eq!(refused.detail, "`layout` is an index of 0 images (of unknown platforms), and Lambda takes an image for one platform only.");
}

fn look(machine: &Workbench, name: &str) -> super::Looked {
    super::look(&machine.folder.path().join(name), name, &request("{}", "arm64"), "arm64").unwrap().unwrap()
}

#[tokio::test]
async fn a_docker_without_its_plugin_is_told_what_it_lacks() {
    let machine = Workbench::empty();
    write(&machine, "app/Dockerfile", "FROM scratch\n", 0o644);
    for said in [
        "unknown flag: --platform\nSee 'docker --help'.",
        "docker: 'buildx' is not a docker command.",
        "docker: unknown command: docker buildx",
    ] {
        write(&machine, "bin/docker", format!("#!/bin/sh\necho \"{said}\" >&2\nexit 125\n"), 0o755);
        let problem = problem(&machine, r#"{"dockerfile":"app/Dockerfile"}"#).await;
        assert!(problem.contains("docker needs its plugin buildx") && problem.contains("apt-get install docker-buildx"), "{problem}");
    }
}

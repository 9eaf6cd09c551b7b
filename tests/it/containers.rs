//! Images on the local cloud: pushed as docker pushes, kept whatever happens, and really run.

use crate::support::cloud::Cloud;
use crate::support::emulator::ACCOUNT;
use crate::support::registry::{Registry, digest};
use crate::support::{Backend, World};
use aws_sdk_ecr as ecr;
use aws_sdk_lambda as lambda;
use aws_sdk_lambda::types::{Architecture, FunctionCode, ImageConfig, PackageType};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const REPOSITORY: &str = "team/hello";

/// The program in the image, which needs nothing but a kernel.
fn program() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let (source, output) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/program_in_an_image.rs"), folder.path().join("hello"));
    let mut command = Command::new("rustc");
    command.args(["--edition", "2024", "-C", "target-feature=+crt-static", "-C", "strip=symbols", "-o"]).arg(&output).arg(source);
    let made = command.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::read(output).unwrap()
}

/// A layer with one file, or with what says that one is gone.
fn layer(path: &str, mode: u32, content: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    builder.append_data(&mut header, path, content).unwrap();
    builder.into_inner().unwrap()
}

fn configuration(architecture: &str) -> Value {
    json!({
        "architecture": architecture, "os": "linux",
        "config": { "Entrypoint": ["/bin/hello"], "Cmd": ["of", "the image"], "Env": ["MARK=image", "LEVEL=image", "PATH=/bin"], "WorkingDir": "/bin" },
    })
}

fn here() -> (&'static str, Architecture) {
    if cfg!(target_arch = "aarch64") { ("arm64", Architecture::Arm64) } else { ("amd64", Architecture::X8664) }
}

/// A world with a repository.
struct Stage {
    world: World,
    role: String,
}

impl Stage {
    fn new() -> Self {
        let world = World::start(Backend::Local);
        let role = world.cloud.foreign_role("runner", "/", &[]);
        world.cloud.done(ecr_of(&world).create_repository().repository_name(REPOSITORY).send());
        Self { world, role }
    }

    fn cloud(&self) -> &Cloud {
        &self.world.cloud
    }

    fn registry(&self) -> Registry {
        let token = self.cloud().done(ecr_of(&self.world).get_authorization_token().send()).authorization_data.unwrap().remove(0);
        assert_eq!(token.proxy_endpoint().unwrap(), format!("http://{}", self.world.authority()));
        Registry::log_in(&self.world.authority(), &token)
    }

    fn uri(&self, version: &str) -> String {
        format!("{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/{REPOSITORY}{version}")
    }

    fn create(&self, name: &str, uri: &str, change: impl FnOnce(Create) -> Create) {
        let code = FunctionCode::builder().image_uri(uri).build();
        let call = self.cloud().lambda.create_function().function_name(name).role(&self.role).package_type(PackageType::Image).code(code);
        self.cloud().done(change(call.architectures(here().1).timeout(10)).send());
        self.settled(name);
    }

    fn settled(&self, name: &str) {
        loop {
            let shown = self.cloud().done(self.cloud().lambda.get_function_configuration().function_name(name).send());
            let is_active = shown.state() == Some(&lambda::types::State::Active);
            if is_active && shown.last_update_status() != Some(&lambda::types::LastUpdateStatus::InProgress) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    fn invoke(&self, name: &str) -> Result<(Value, bool), String> {
        let payload = lambda::primitives::Blob::new("{\"n\":1}");
        let outcome = self.cloud().wait(self.cloud().lambda.invoke().function_name(name).payload(payload).send());
        let answer = outcome.map_err(|error| format!("{error:?}"))?;
        Ok((serde_json::from_slice(answer.payload().unwrap().as_ref()).unwrap(), answer.function_error().is_some()))
    }

    /// Nothing where the machine has no namespaces, and the cloud says so.
    #[track_caller]
    fn answer(&self, name: &str) -> Option<Value> {
        match self.invoke(name) {
            Ok((answer, false)) => Some(answer),
            Err(refusal) if !has_namespaces() => {
                assert!(refusal.contains("Linux namespaces"), "{refusal}");
                eprintln!("SKIPPED: this machine has no namespaces, and the cloud says so");
                None
            }
            other => panic!("{other:?}"),
        }
    }

    fn files(&self, folder: &str) -> Vec<std::path::PathBuf> {
        let folder = self.world.folder().join("cloud/local/cloud/registry").join(folder);
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

type Create = lambda::operation::create_function::builders::CreateFunctionFluentBuilder;

fn ecr_of(world: &World) -> ecr::Client {
    let keys = ecr::config::Credentials::new("test", "test", None, None, "tests");
    let config = ecr::Config::builder()
        .behavior_version(ecr::config::BehaviorVersion::latest())
        .region(ecr::config::Region::new("eu-central-1"))
        .credentials_provider(keys)
        .endpoint_url(format!("http://{}", world.authority()));
    ecr::Client::from_conf(config.build())
}

/// The kernel's part alone.
fn has_namespaces() -> bool {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "--pid", "--fork", "mount", "-t", "proc", "proc", "/proc"]);
    cfg!(target_os = "linux") && command.status().is_ok_and(|status| status.success())
}

#[test]
fn an_image_of_one_program_is_pushed_deployed_and_answers() {
    let stage = Stage::new();
    let registry = stage.registry();
    let layers = [layer("bin/hello", 0o755, &program()), layer("more/mark", 0o644, b"lower"), layer("more/mark", 0o644, b"upper")];
    let pushed = registry.push(REPOSITORY, "v1", &configuration(here().0), &layers);
    stage.create("hello", &stage.uri(":v1"), |call| {
        let variables = lambda::types::Environment::builder().variables("LEVEL", "function").build();
        call.environment(variables).image_config(ImageConfig::builder().command("of").command("the function").build())
    });
    let Some(answer) = stage.answer("hello") else { return };
    assert_eq!(answer["event"], json!({ "n": 1 }));
    assert_eq!(answer["arguments"], json!(["/bin/hello", "of", "the function"]));
    assert_eq!((&answer["folder"], &answer["more"]), (&json!("/bin"), &json!("upper")));
    assert_eq!(answer["root"], json!(["bin", "dev", "etc", "more", "proc", "tmp"]), "nothing of the machine");
    assert_eq!(answer["writes"], json!({ "root": false, "tmp": true, "null": true, "proc": false }));
    assert_eq!(answer["sees"], json!({ "first": false, "up": false, "shell": false, "random": true }));
    assert_eq!(answer["capabilities"], "0000000000000000");
    let variables: Vec<&str> = answer["variables"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for expected in ["MARK=image", "LEVEL=function", "PATH=/bin", "AWS_LAMBDA_FUNCTION_NAME=hello", "AWS_REGION=eu-central-1"] {
        assert!(variables.contains(&expected), "{expected}: {variables:?}");
    }
    assert!(!variables.iter().any(|variable| variable.starts_with("HOME=") || variable.starts_with("SHLVL=")), "{variables:?}");

    // The tag moves, the image and then its repository go, the cloud is killed: the function is what it was.
    registry.push(REPOSITORY, "v1", &configuration(here().0), &layers[1..]);
    let shown = stage.cloud().done(stage.cloud().lambda.get_function().function_name("hello").send());
    assert_eq!(shown.code().unwrap().resolved_image_uri(), Some(stage.uri(&format!("@{pushed}")).as_str()));
    stage.cloud().done(ecr_of(&stage.world).delete_repository().repository_name(REPOSITORY).force(true).send());
    stage.world.emulator().kill();
    stage.world.emulator().restart();
    assert_eq!(stage.answer("hello").unwrap()["more"], "upper");
    assert_eq!(stage.files("blobs").len(), 4, "its configuration and its three layers");
    stage.cloud().done(stage.cloud().lambda.delete_function().function_name("hello").send());
    assert_eq!(stage.files("blobs").len(), 0);
}

#[test]
fn what_cannot_start_is_told_as_on_lambda() {
    let stage = Stage::new();
    let registry = stage.registry();
    let foreign = if here().0 == "arm64" { "amd64" } else { "arm64" };
    let program = layer("bin/hello", 0o755, b"#!/bin/sh\n");
    registry.push(REPOSITORY, "foreign", &configuration(foreign), std::slice::from_ref(&program));
    registry.push(REPOSITORY, "script", &configuration(here().0), &[program]);
    registry.push(REPOSITORY, "locked", &configuration(here().0), &[layer("bin/hello", 0o700, b"\x7fELF")]);
    registry.push(REPOSITORY, "empty", &json!({ "architecture": here().0, "os": "linux" }), &[layer("x", 0o644, b"")]);
    registry.push(REPOSITORY, "elsewhere", &configuration(here().0), &[layer("x", 0o644, b"")]);
    for (tag, says) in [
        ("foreign", "fork/exec /bin/hello: exec format error"),
        ("script", "fork/exec /bin/hello: no such file or directory"),
        ("locked", "fork/exec /bin/hello: permission denied"),
        ("empty", "the image has neither an entry point nor a command"),
        ("elsewhere", "chdir /bin: no such file or directory"),
    ] {
        stage.create(tag, &stage.uri(&format!(":{tag}")), |call| call);
        match stage.invoke(tag) {
            Ok((answer, true)) => {
                assert_eq!(answer["errorType"], "Runtime.InvalidEntrypoint", "{tag}: {answer}");
                assert!(answer["errorMessage"].as_str().unwrap().ends_with(says), "{tag}: {answer}");
            }
            Err(refusal) if !has_namespaces() => assert!(refusal.contains("Linux namespaces"), "{refusal}"),
            other => panic!("{tag}: {other:?}"),
        }
    }
    let outside = layer("safe", 0o644, b"");
    let mut hostile = outside.clone();
    hostile[..7].copy_from_slice(b"../evil");
    let sum: u32 = (0..512).map(|at| if (148..156).contains(&at) { 32 } else { u32::from(hostile[at]) }).sum();
    hostile[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    registry.push(REPOSITORY, "hostile", &configuration(here().0), &[hostile]);
    stage.create("hostile", &stage.uri(":hostile"), |call| call);
    let refusal = stage.invoke("hostile").unwrap_err();
    assert!(refusal.contains("it points out of the folder"), "{refusal}");
}

#[test]
fn only_who_has_the_token_may_push_and_pull() {
    let stage = Stage::new();
    let authority = stage.world.authority();
    let layer = stage.registry().upload(REPOSITORY, b"layer");
    let blob = format!("/v2/{REPOSITORY}/blobs/{layer}");
    for authorization in ["", "Basic QVdTOmd1ZXNz", "Bearer x", "Basic !"] {
        let stranger = Registry::with(&authority, authorization);
        for (method, path) in [("GET", "/v2/"), ("GET", blob.as_str()), ("POST", &format!("/v2/{REPOSITORY}/blobs/uploads/"))] {
            let answer = stranger.ask(method, path, &[], b"").expect(401);
            assert!(answer.header("www-authenticate").unwrap().starts_with("Basic realm="), "{answer:?}");
        }
    }
    let registry = stage.registry();
    registry.ask("GET", &blob, &[], b"").expect(200);
    // A page in a browser says itself that it is one, even if it knew the token.
    for header in [("origin", "https://example.com"), ("sec-fetch-site", "cross-site")] {
        registry.ask("GET", &blob, &[header], b"").expect(403);
    }
    for path in ["/v2/../../cloud.redb", "/v2/team/hello/blobs/..%2f..%2fcloud.redb", "/v2/team/hello/blobs/../../cloud.redb"] {
        registry.ask("GET", path, &[], b"").expect(404);
    }
}

#[test]
fn uploads_go_on_where_they_broke_off_and_are_looked_at() {
    let stage = Stage::new();
    let registry = stage.registry();
    let content: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    let place = registry.begin(REPOSITORY);
    drop(registry.cut("PATCH", &place, &[], &content, 1_000_000));
    // What had come in by then is there, as soon as the cloud has read it.
    let there = 1_000_000;
    while registry.ask("GET", &place, &[], b"").expect(204).header("range") != Some("0-999999") {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    registry.ask("PATCH", &place, &[("content-range", &format!("{}-{}", there + 1, content.len()))], &content[there..]).expect(416);
    let wrong = digest(b"something else");
    let rest = [("content-range", format!("{there}-{}", content.len() - 1))];
    let rest: Vec<(&str, &str)> = rest.iter().map(|(name, value)| (*name, value.as_str())).collect();
    registry.ask("PATCH", &place, &rest, &content[there..]).expect(202);
    let refused = registry.ask("PUT", &format!("{place}?digest={wrong}"), &[], b"").expect(400);
    assert!(refused.text().contains("DIGEST_INVALID"), "{refused:?}");
    assert_eq!((stage.files("blobs").len(), stage.files("uploads").len()), (0, 0), "nothing is left of it");
    registry.ask("PUT", &format!("{place}?digest={wrong}"), &[], b"").expect(404);

    let right = registry.upload(REPOSITORY, &content);
    let part = registry.ask("GET", &format!("/v2/{REPOSITORY}/blobs/{right}"), &[("range", "bytes=1000-1999")], b"").expect(206);
    assert_eq!((part.body.as_slice(), part.header("content-range")), (&content[1000..2000], Some("bytes 1000-1999/3000000")));
    // Another repository takes it over without its being sent again.
    stage.cloud().done(ecr_of(&stage.world).create_repository().repository_name("other").send());
    registry.ask("HEAD", &format!("/v2/other/blobs/{right}"), &[], b"").expect(404);
    registry.ask("POST", &format!("/v2/other/blobs/uploads/?mount={right}&from={REPOSITORY}"), &[], b"").expect(201);
    assert_eq!(registry.ask("GET", &format!("/v2/other/blobs/{right}"), &[], b"").expect(200).body, content);
    let lost = digest(b"never sent");
    registry.ask("POST", &format!("/v2/other/blobs/uploads/?mount={lost}&from={REPOSITORY}"), &[], b"").expect(202);
    assert_eq!(stage.files("blobs").len(), 1);
}

#[test]
fn what_was_acknowledged_survives_a_kill_in_the_middle_of_an_upload() {
    let stage = Stage::new();
    let registry = stage.registry();
    let content = vec![7; 2_000_000];
    let whole = registry.push(REPOSITORY, "v1", &configuration("amd64"), std::slice::from_ref(&content));
    let place = registry.begin(REPOSITORY);
    let half = registry.cut("PATCH", &place, &[], &vec![8; 2_000_000], 1_000_000);
    stage.world.emulator().kill();
    drop(half);
    stage.world.emulator().restart();
    assert_eq!(stage.files("uploads").len(), 0, "what is half there is gone");
    // The token is still good, and the upload begins anew.
    registry.ask("PATCH", &place, &[], b"more").expect(404);
    let manifest = registry.ask("GET", &format!("/v2/{REPOSITORY}/manifests/v1"), &[], b"").expect(200);
    assert_eq!(digest(&manifest.body), whole);
    let layer = registry.ask("GET", &format!("/v2/{REPOSITORY}/blobs/{}", digest(&content)), &[], b"").expect(200);
    assert!(layer.body == content, "the layer is another one");
    registry.upload(REPOSITORY, &vec![8; 2_000_000]);
}

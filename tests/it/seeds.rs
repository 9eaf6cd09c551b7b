//! What people have who come from other tools, in Go: the layout of an API whose handlers are found by a walk, and three
//! programs of one function each. They deploy with short specs, answer, and are not built again.

use crate::support::engines::has;
use crate::support::unpacked::Unpacked;
use crate::support::{Backend, Sandbox, World};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// No spec may be longer, in lines that say something.
const LONGEST_SPEC: usize = 20;

/// What is sent to each handler of the API, and what it answers.
fn conversations() -> Vec<(&'static str, Value, Value)> {
    let gateway = |status: u16, body: Value| json!({ "statusCode": status, "body": body.to_string() });
    let with_id = json!({ "pathParameters": { "id": "7" } });
    let with_body = json!({ "body": "x" });
    vec![
        ("notfound", json!({ "path": "/no" }), gateway(404, json!({ "notFound": "/no" }))),
        ("health", json!({}), gateway(200, json!({ "healthy": true }))),
        ("users-get", with_id.clone(), gateway(200, json!({ "user": "7" }))),
        ("users-list", json!({}), gateway(200, json!(["ada", "grace"]))),
        ("users-post", with_body.clone(), gateway(201, json!({ "created": "x" }))),
        ("users-delete", with_id.clone(), gateway(200, json!({ "deleted": "7" }))),
        ("orders-get", with_id, gateway(200, json!({ "order": "7" }))),
        ("orders-list", json!({}), gateway(200, json!([1, 2, 3]))),
        ("orders-post", with_body, gateway(201, json!({ "ordered": "x" }))),
        ("stream", json!({ "Records": [{ "eventName": "INSERT" }, { "eventName": "REMOVE" }] }), json!(2)),
        (
            "queue",
            json!({ "Records": [{ "messageId": "1", "body": "x" }, { "messageId": "2", "body": "" }] }),
            json!({ "batchItemFailures": [{ "itemIdentifier": "2" }] }),
        ),
        ("bus", json!({ "detail-type": "Order" }), json!(null)),
    ]
}

struct Trial {
    world: World,
    sandbox: Sandbox,
}

impl Trial {
    /// A project's folder and what it shares with the others, in a folder of its own.
    fn start(backend: Backend, seed: &str) -> Self {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds");
        let spec = std::fs::read_to_string(seeds.join(seed).join("config.toml")).unwrap();
        let lines = spec.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= LONGEST_SPEC, "{seed}: {lines} lines");
        let world = World::start(backend);
        let mut sandbox = world.sandbox("");
        copy(&seeds.join(seed), sandbox.path());
        copy(&seeds.join("runtime"), &sandbox.path().join("runtime"));
        with_go(&mut sandbox);
        if backend == Backend::Local {
            sandbox.variable("LAMBDO_LOCAL", "true");
            sandbox.variable("LAMBDO_STATE_DIR", &world.folder().join("cloud").display().to_string());
        } else {
            // Without `--local` nobody but the spec says what is built, and it must run here. It does not tell functions where it is.
            let text = spec.replace("arm64", if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" });
            let defaults = format!("[defaults]\nenvironment = {{ AWS_ENDPOINT_URL = \"http://{}\" }}", world.authority());
            let text = if text.contains("[defaults]") { text.replace("[defaults]", &defaults) } else { format!("{text}\n{defaults}\n") };
            sandbox.spec(&text);
        }
        Self { world, sandbox }
    }

    fn up(&self) -> Value {
        // The first build of the standard library takes a minute.
        self.sandbox.start(&["build"]).wait_at_most(Duration::from_secs(10 * 60)).expect(0);
        self.sandbox.expect(0, &["up", "--yes", "--format", "json"]).json()
    }

    fn invoke(&self, function: &str, payload: &Value) -> Value {
        let output = self.sandbox.expect(0, &["invoke", function, &payload.to_string()]);
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
    }

    /// The one image of a repository, as others copy it out.
    fn pushed(&self, repository: &str) -> Unpacked {
        let answer = self.world.cloud.done(self.world.cloud.ecr.describe_images().repository_name(repository).send());
        let [image] = answer.image_details() else { panic!("{answer:?}") };
        Unpacked::copy(&format!("{}/{repository}@{}", self.world.authority(), image.image_digest().unwrap()), Some("AWS:x"))
    }

    /// Nothing is left to do, and another `up` starts no compiler: there is none any more.
    fn is_settled(&mut self) {
        self.sandbox.expect(0, &["plan", "--exit-code"]);
        let only_version = format!("#!/bin/sh\n[ \"$1\" = env ] && exec {}/go \"$@\"\nexit 9\n", go_folder().display());
        self.sandbox.executable("go", &only_version);
        let path = format!("{}:{}", self.sandbox.path().display(), std::env::var("PATH").unwrap_or_default());
        self.sandbox.variable("PATH", &path);
        self.sandbox.expect(0, &["up", "--yes"]);
    }

    fn destroy(&self) {
        self.sandbox.expect(0, &["destroy", "--yes"]);
        assert_eq!(self.world.cloud.names_without_groups().len(), 0, "{:?}", self.world.cloud.names_without_groups());
    }
}

/// Go of `scripts/setup`, and a cache for what it compiles that all tests share.
fn with_go(sandbox: &mut Sandbox) {
    let path = format!("{}:{}", go_folder().display(), std::env::var("PATH").unwrap_or_default());
    sandbox.variable("PATH", &path);
    sandbox.variable("GOCACHE", &Path::new(env!("CARGO_TARGET_TMPDIR")).join("go").display().to_string());
    sandbox.variable("GOFLAGS", "-modcacherw");
}

fn go_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/go/bin");
    assert!(folder.join("go").exists(), "Go is missing: run `scripts/test`, which installs it into .venv");
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_tree_of_handlers_works_on_the_local_cloud() {
    tree_of_handlers(Backend::Local);
}

#[test]
fn a_tree_of_handlers_works_on_ministack() {
    tree_of_handlers(Backend::Ministack);
}

fn tree_of_handlers(backend: Backend) {
    let mut trial = Trial::start(backend, "cdk");
    let up = trial.up();
    let conversations = conversations();
    assert_eq!(up["summary"]["create"], conversations.len() * 3, "a function, a role and a log group each: {up}");
    for (function, payload, answer) in &conversations {
        assert_eq!(trial.invoke(function, payload), *answer, "{function}");
    }
    trial.sandbox.expect(1, &["invoke", "bus", "{}"]).says("no detail-type");
    assert_eq!(trial.sandbox.expect(0, &["output", "not-found"]).stdout.trim().rsplit(':').next(), Some("demo-notfound"));
    trial.is_settled();
    if backend == Backend::Local {
        a_folder_that_vanishes_is_a_delete(&trial);
    }
    trial.destroy();
}

fn a_folder_that_vanishes_is_a_delete(trial: &Trial) {
    std::fs::remove_dir_all(trial.sandbox.path().join("api/orders/list")).unwrap();
    let plan = trial.sandbox.expect(0, &["plan", "--format", "json"]).json();
    assert_eq!(plan["summary"]["delete"], 3, "{plan}");
    let step = plan["steps"].as_array().unwrap().iter().find(|step| step["address"] == "function.orders-list").unwrap();
    assert_eq!((&step["action"], &step["reason"]), (&json!("delete"), &json!("source_gone")), "{plan}");
    trial.sandbox.expect(0, &["plan"]).says("its folder is not found any more");
    trial.sandbox.expect(0, &["up", "--yes"]);
    assert!(!trial.world.cloud.names().contains("function.demo-orders-list"));
}

#[test]
fn hello_world_answers_on_the_local_cloud() {
    hello_world(Backend::Local);
}

#[test]
fn hello_world_answers_on_ministack() {
    hello_world(Backend::Ministack);
}

fn hello_world(backend: Backend) {
    let mut trial = Trial::start(backend, "hello");
    trial.up();
    let answer = match backend {
        Backend::Local => trial.invoke("helloworld", &json!({})),
        // It needs Docker to run images: what it has been sent is copied out again.
        _ if has(&["skopeo"]) => trial.pushed("demo-hello").answer("{}").parse().unwrap(),
        _ => json!("Hello World"),
    };
    assert_eq!(answer, json!("Hello World"));
    trial.is_settled();
    trial.destroy();
}

#[test]
fn a_hash_answers_on_the_local_cloud() {
    hash(Backend::Local);
}

#[test]
fn a_hash_answers_on_ministack() {
    hash(Backend::Ministack);
}

fn hash(backend: Backend) {
    let trial = Trial::start(backend, "hash");
    trial.up();
    // Of `printf 'hello world' | openssl dgst -sha256 -binary | base64 | tr +/ -_`.
    assert_eq!(trial.invoke("hash", &json!("hello world")), json!("uU0nuZNNPgilLlLX2n2r-sSE7-N6U4DukIj3rOLvzek="));
    trial.destroy();
}

#[test]
fn a_cleanup_of_log_groups_works_on_the_local_cloud() {
    cleanup(Backend::Local);
}

#[test]
fn a_cleanup_of_log_groups_works_on_ministack() {
    cleanup(Backend::Ministack);
}

fn cleanup(backend: Backend) {
    let trial = Trial::start(backend, "cleanup");
    trial.world.cloud.foreign_group("/fleet/endless", &[]);
    trial.up();
    let report = trial.invoke("cleanup", &json!({}));
    assert!(report["changed"].as_array().unwrap().contains(&json!("/fleet/endless")), "{report}");
    let groups = trial.world.cloud.done(trial.world.cloud.logs.describe_log_groups().log_group_name_prefix("/fleet/").send());
    assert_eq!(groups.log_groups()[0].retention_in_days, Some(365));
    trial.destroy();
}

/// The same bytes come out of another folder, at another time and with nothing cached.
#[test]
fn a_program_is_the_same_wherever_it_is_built() {
    let hashes: Vec<Value> = (0..2)
        .map(|_| {
            let world = World::without_cloud();
            let mut sandbox = world.sandbox("");
            let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds");
            copy(&seeds.join("hash"), sandbox.path());
            copy(&seeds.join("runtime"), &sandbox.path().join("runtime"));
            with_go(&mut sandbox);
            let output = sandbox.start(&["build", "--format", "json"]).wait_at_most(Duration::from_secs(10 * 60)).expect(0);
            let program = sandbox.path().join("state/build");
            let found = std::fs::read_dir(program).unwrap().flatten().find(|entry| entry.file_name().to_string_lossy().starts_with("go-"));
            let bytes = std::fs::read(found.unwrap().path().join("bootstrap")).unwrap();
            assert_eq!(&bytes[18..20], &[183, 0], "the machine of the ELF header is 64-bit ARM");
            output.json()["packages"][0]["content_hash"].clone()
        })
        .collect();
    assert!(hashes[0].is_string() && hashes[0] == hashes[1], "{hashes:?}");
}

#[test]
fn what_is_no_program_is_refused_by_its_name() {
    let world = World::without_cloud();
    let mut sandbox =
        world.sandbox("project = \"demo\"\n[function.a]\nbuild = { kind = \"go\", path = \"api\", package = \"./internal/gateway\" }\n");
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds");
    for folder in ["api/internal", "api/users"] {
        copy(&seeds.join("cdk").join(folder), &sandbox.path().join(folder));
    }
    copy(&seeds.join("runtime"), &sandbox.path().join("runtime"));
    std::fs::copy(seeds.join("cdk/go.mod"), sandbox.path().join("go.mod")).unwrap();
    with_go(&mut sandbox);
    let output = sandbox.expect(6, &["build"]);
    let output = output.says("`api/internal/gateway` is the package `gateway` (`shop/api/internal/gateway`), a library");
    output.says("programs of the module: `api/users/delete`, `api/users/get`, `api/users/list`, `api/users/post`");
}

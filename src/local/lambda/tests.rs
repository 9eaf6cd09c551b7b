use super::asynchronous::Event;
use super::*;
use crate::local::clock::ManualClock;
use crate::local::run::Invocation;
use futures::FutureExt as _;
use std::io::Write;
use std::time::Duration;

struct World {
    lambda: Arc<Lambda>,
    clock: Arc<ManualClock>,
    common: Common,
    options: Options,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let (common, clock, folder) = Common::for_test();
        let options = Options {
            folder: folder.path().to_owned(),
            account: Some(common.account.clone()),
            endpoint_url: "http://127.0.0.1:1".into(),
            clock: Arc::clone(&common.clock),
            keeping: crate::local::cloud::Keeping::OnDisk,
        };
        let lambda = open(&common, &options);
        Self { lambda, clock, common, options, _folder: folder }
    }

    /// A function whose process ends at once, with its package.
    fn function(&self, code_sha256: &str) -> Function {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("bootstrap", zip::write::SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
        zip.write_all(b"#!/bin/sh\nexit 1\n").unwrap();
        std::fs::write(self.lambda.packages.path(code_sha256), zip.finish().unwrap().into_inner()).unwrap();
        let runtime = Some("provided.al2023".into());
        let settings = settings::Settings { runtime, ..settings::Settings::default() }.with_defaults();
        Function {
            region: "eu-central-1".into(),
            name: "f".into(),
            settings,
            architectures: Vec::new(),
            code_sha256: code_sha256.into(),
            code_size_bytes: 0,
            contents_bytes: 0,
            layers: Vec::new(),
            image: None,
            tags: BTreeMap::new(),
            statements: Vec::new(),
            policy_revision: String::new(),
            reserved_concurrency: None,
            modified_ms: 0,
            active_at_ms: 0,
            updated_at_ms: 0,
            revisions: [code_sha256.into(), code_sha256.into()],
        }
    }

    fn add(&self, function: &Function) {
        self.lambda.locked().insert(function.key(), function.clone());
    }

    fn event(&self, accepted_ms: i64) -> Event {
        let text = serde_json::json!({ "id": "e", "request_id": "r", "region": "eu-central-1", "function": "f", "payload": "{}",
            "accepted_ms": accepted_ms, "due_ms": self.lambda.now_ms(), "failures": 0, "throttles": 0 });
        serde_json::from_value(text).unwrap()
    }
}

fn open(common: &Common, options: &Options) -> Arc<Lambda> {
    let (iam, logs) = (Iam::open(common.clone()).unwrap(), Logs::open(common.clone()).unwrap());
    let ecr = Ecr::open(common.clone(), &options.folder, &options.endpoint_url).unwrap();
    let s3 = S3::open(common.clone(), &options.folder).unwrap();
    Lambda::open(common.clone(), options, Arc::new(iam), Arc::new(logs), Arc::new(ecr), Arc::new(s3)).unwrap()
}

#[tokio::test]
async fn an_invocation_whose_package_was_replaced_runs_the_new_one() {
    let world = World::new();
    let before = world.function("before");
    world.add(&before);
    std::fs::remove_file(world.lambda.packages.path("before")).unwrap();
    let error = world.lambda.run(&before, Invocation::default()).await.unwrap_err();
    assert_eq!(error.code, "InvalidZipFileException");
    world.add(&world.function("after"));
    assert!(world.lambda.run(&before, Invocation::default()).await.is_ok());
    world.lambda.shutdown().await;
}

#[tokio::test]
async fn an_event_whose_client_hangs_up_is_tried_all_the_same() {
    let world = World::new();
    let function = world.function("code");
    {
        let enqueue = std::pin::pin!(world.lambda.enqueue(&function, "{}".into(), "r"));
        assert!(enqueue.now_or_never().is_none());
    }
    // Behind it on disk.
    world.common.disk.commit(Batch::new()).wait().await.unwrap();
    tokio::task::yield_now().await;
    assert!(tokio::time::timeout(Duration::from_millis(100), world.lambda.quiet()).await.is_err());
}

#[tokio::test]
async fn what_was_found_on_disk_is_not_waited_for() {
    let world = World::new();
    world.common.disk.commit(Batch::new().put("lambda/event", "e", &world.event(world.lambda.now_ms()))).wait().await.unwrap();
    let lambda = open(&world.common, &world.options);
    tokio::time::timeout(Duration::from_secs(5), lambda.quiet()).await.unwrap();
    lambda.enqueue(&world.function("code"), "{}".into(), "r").await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(100), lambda.quiet()).await.is_err());
}

#[tokio::test]
async fn an_event_of_yesterday_is_not_tried() {
    let world = World::new();
    world.add(&world.function("code"));
    let event = world.event(world.lambda.now_ms());
    assert!(!world.lambda.is_answered(&event).await, "it is tried, and fails");
    world.clock.advance(6 * 3_600_000 + 1);
    assert!(world.lambda.is_answered(&event).await);
    world.lambda.shutdown().await;
}

#[tokio::test]
async fn an_environment_does_not_fit_when_the_role_may_write_logs_again() {
    let world = World::new();
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let logs = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    let call = async |action: &str, more: &[(&str, &str)]| {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action).append_pair("RoleName", "demo").extend_pairs(more);
        let parameters = crate::local::wire::query::Parameters::parse(form.finish().as_bytes());
        world.lambda.iam.call(&parameters).await.map(drop).unwrap();
    };
    let mut function = world.function("code");
    function.settings.role = Some("arn:aws:iam::000000000000:role/demo".into());
    call("CreateRole", &[("AssumeRolePolicyDocument", trust)]).await;
    let before = world.lambda.deployment(&function);
    call("AttachRolePolicy", &[("PolicyArn", logs)]).await;
    let after = world.lambda.deployment(&function);
    assert_eq!((before.log_group.as_str(), after.log_group.as_str()), ("", "/aws/lambda/f"));
    assert_ne!(before.generation, after.generation);
    assert_eq!(after.generation, world.lambda.deployment(&function).generation);
}

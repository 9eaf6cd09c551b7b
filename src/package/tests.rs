//! Whole runs over packages: files, builds, zips.

#[cfg(unix)]
mod unchanged;

use super::*;
use crate::model::{Address, ArtifactSource, Event, Value};
use std::fs;
use std::sync::{Arc, Mutex};

pub(super) struct Fixture {
    pub folder: tempfile::TempDir,
    events: Arc<Mutex<Vec<Event>>>,
}

fn request(function: &str, code: Option<&str>, build: Option<&str>) -> PackageRequest {
    let value = |json: &str| Value::from_json(&serde_json::from_str(json).unwrap());
    PackageRequest {
        address: Address::new("function", function),
        code: code.map(value),
        build: build.map(value),
        image: None,
        image_config: None,
        handler: String::new(),
        runtime: "provided.al2023".into(),
        architectures: vec!["arm64".into()],
        layers: None,
        environment: None,
        span: None,
    }
}

pub(super) fn code(function: &str, json: &str) -> PackageRequest {
    request(function, Some(json), None)
}

pub(super) fn built(function: &str, json: &str) -> PackageRequest {
    request(function, None, Some(json))
}

impl Fixture {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap(), events: Arc::default() };
        files.iter().for_each(|(name, content)| fixture.write(name, content));
        fixture
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    async fn run(&self, requests: Vec<PackageRequest>, build: bool) -> Result<Packages, Vec<Diagnostic>> {
        self.run_on(requests, build, true).await
    }

    async fn run_on(&self, requests: Vec<PackageRequest>, build: bool, keep_going: bool) -> Result<Packages, Vec<Diagnostic>> {
        let events = Arc::clone(&self.events);
        let cache = self.folder.path().join("state/build");
        let events: EventSink = Arc::new(move |event| events.lock().unwrap().push(event));
        let options = Options {
            folder: self.folder.path(),
            cache: &cache,
            own: &Own::new([self.folder.path().join("state")]),
            build,
            keep_going,
            for_this_machine: false,
            has_code_bucket: false,
            events,
            checked: &Notify::new(),
        };
        is_send(work::resolve(requests, &options, &Builders::new())).await
    }

    pub async fn ok(&self, requests: Vec<PackageRequest>) -> Packages {
        self.run(requests, true).await.unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    async fn problems(&self, requests: Vec<PackageRequest>) -> Vec<Diagnostic> {
        self.run(requests, true).await.err().unwrap()
    }

    /// How often builds of the fixtures ran.
    fn runs(&self) -> usize {
        fs::read_to_string(self.folder.path().join("state/runs")).unwrap_or_default().lines().count()
    }

    fn cached(&self) -> Vec<bool> {
        let mut events = self.events.lock().unwrap();
        events.drain(..).filter_map(|event| if let Event::Built { cached, .. } = event { Some(cached) } else { None }).collect()
    }
}

fn is_send<T: Send>(future: T) -> T {
    future
}

const COPY: &str = r#"{"kind":"command","command":"echo run >> state/runs; mkdir -p bin; cp main bin/out","output":"bin/out"}"#;

#[test]
fn a_fact_about_an_image_is_told_when_the_image_is_new() {
    let told = |is_cached| work::news(vec![Diagnostic::note("a", ""), Diagnostic::warning("b", "")], is_cached).count();
    assert_eq!((told(false), told(true)), (2, 1));
}

#[tokio::test]
async fn every_source_of_the_same_contents_has_the_same_hash_and_its_zip_is_given() {
    let fixture = Fixture::new(&[("main", "program"), ("dir/bootstrap", "program"), ("state/runs", "")]);
    let first = fixture.ok(vec![code("a", r#"{"file":"main"}"#)]).await;
    let hash = first.artifacts[&Address::new("function", "a")].content_hash.clone();
    fs::write(fixture.folder.path().join("a.zip"), first.zip(&hash).await.unwrap()).unwrap();
    let packages = fixture
        .ok(vec![
            code("file", r#"{"file":"main"}"#),
            code("files", r#"{"files":{"bootstrap":"main"}}"#),
            code("dir", r#"{"dir":"dir"}"#),
            code("zip", r#"{"zip":"a.zip"}"#),
            built("build", COPY),
        ])
        .await;
    assert_eq!(packages.artifacts.len(), 5);
    for (function, artifact) in &packages.artifacts {
        assert_eq!(*artifact, first.artifacts[&Address::new("function", "a")], "{function}");
    }
    assert!(packages.zip("sha256:other").await.unwrap_err().contains("sha256:other"));
}

#[tokio::test]
async fn what_changed_since_it_was_hashed_is_not_uploaded() {
    let fixture = Fixture::new(&[("dir/bootstrap", "program"), ("dir/data", "1")]);
    let packages = fixture.ok(vec![code("a", r#"{"dir":"dir"}"#)]).await;
    fixture.write("dir/data", "2");
    let error = packages.zip(&packages.artifacts[&Address::new("function", "a")].content_hash).await.unwrap_err();
    insta::assert_snapshot!(error, @"`data` changed after the package was planned, so it is not uploaded. Run again.");
}

#[tokio::test]
async fn a_zip_in_a_file_is_the_same_zip_and_goes_with_the_packages() {
    let fixture = Fixture::new(&[("dir/bootstrap", "program")]);
    let packages = fixture.ok(vec![code("a", r#"{"dir":"dir"}"#)]).await;
    let hash = packages.artifacts[&Address::new("function", "a")].content_hash.clone();
    let path = packages.zip_file(&hash).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), packages.zip(&hash).await.unwrap());
    assert_eq!(packages.zip_file(&hash).await.unwrap(), path, "made once");
    fs::write(fixture.folder.path().join("a.zip"), fs::read(&path).unwrap()).unwrap();
    let given = fixture.ok(vec![code("a", r#"{"zip":"a.zip"}"#)]).await;
    assert_eq!(fs::read(given.zip_file(&hash).await.unwrap()).unwrap(), fs::read(&path).unwrap());
    drop(packages);
    assert!(!path.exists());
}

#[tokio::test]
async fn only_a_few_zips_stay_in_memory() {
    let fixture = Fixture::new(&[]);
    let functions: Vec<String> = (0..8).map(|number| format!("f{number}")).collect();
    functions.iter().for_each(|function| fixture.write(function, function));
    let packages = fixture.ok(functions.iter().map(|name| code(name, &format!(r#"{{"file":"{name}"}}"#))).collect()).await;
    for artifact in packages.artifacts.values() {
        packages.zip(&artifact.content_hash).await.unwrap();
    }
    assert_eq!(packages.kept_zips(), 4);
}

#[tokio::test]
async fn equal_builds_run_once_and_not_again_until_something_changed() {
    let fixture = Fixture::new(&[("main", "1"), ("state/runs", "")]);
    let requests = || vec![built("a", COPY), built("b", COPY)];
    let steps: [(&dyn Fn(), usize); 5] = [
        (&|| {}, 1),
        (&|| {}, 1),
        (&|| fixture.write("main", "2"), 2),
        (&|| fixture.write("bin/out", "meddled with"), 3),
        (&|| fs::remove_file(fixture.folder.path().join("bin/out")).unwrap(), 4),
    ];
    let mut runs = 0;
    for (number, (change, expected)) in steps.into_iter().enumerate() {
        change();
        fixture.ok(requests()).await;
        assert_eq!(fixture.runs(), expected, "step {number}");
        assert_eq!(fixture.cached(), [runs == expected; 2], "step {number}");
        runs = expected;
    }
}

#[tokio::test]
async fn why_a_package_changed_is_told_since_it_was_applied_and_not_since_the_last_build() {
    let fixture = Fixture::new(&[("main", "1"), ("lib", "1"), ("state/runs", ""), ("dir/bootstrap", "x"), ("dir/old", "x")]);
    let json = COPY.replace("{\"kind\"", "{\"inputs\":[\"main\",\"lib\"],\"kind\"");
    let requests = || vec![built("a", &json), code("b", r#"{"dir":"dir"}"#)];
    let (a, b) = (Address::new("function", "a"), Address::new("function", "b"));
    let applied = fixture.ok(requests()).await;
    let hash = |packages: &Packages, address: &Address| packages.artifacts[address].content_hash.clone();
    let (applied_a, applied_b) = (hash(&applied, &a), hash(&applied, &b));
    fixture.write("lib", "2");
    let same = fixture.ok(requests()).await;
    assert_eq!(hash(&same, &a), applied_a, "what is copied is `main`");
    assert!(same.changes(&a, &applied_a).is_empty());
    fixture.write("main", "2");
    fixture.write("dir/new", "");
    fs::remove_file(fixture.folder.path().join("dir/old")).unwrap();
    fixture.ok(requests()).await;
    fixture.write("main", "3");
    let now = fixture.ok(requests()).await;
    assert_eq!(now.changes(&a, &applied_a).sentence(), "main changed", "since `lib` changed, the same package was made");
    assert_eq!(now.changes(&b, &applied_b).sentence(), "dir/new added, dir/old removed");
    assert!(now.changes(&a, "sha256:other").is_empty(), "of what another machine made nothing is known");
    let without = fixture.run(requests(), false).await.ok().unwrap();
    assert_eq!(without.changes(&a, &applied_a).sentence(), "main changed", "also without building");
}

#[tokio::test]
async fn what_did_not_move_is_not_opened() {
    let fixture = Fixture::new(&[("main", "1"), ("state/runs", ""), ("dir/bootstrap", "x"), ("dir/data", "x")]);
    let zip = fixture.ok(vec![code("a", r#"{"dir":"dir"}"#)]).await;
    let zip = zip.zip(&zip.artifacts[&Address::new("function", "a")].content_hash).await.unwrap();
    fs::write(fixture.folder.path().join("a.zip"), zip).unwrap();
    let requests = || vec![built("a", COPY), code("b", r#"{"dir":"dir"}"#), code("c", r#"{"zip":"a.zip"}"#)];
    fixture.ok(requests()).await;
    // What was written just before it is read is read once more.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    fixture.ok(requests()).await;
    let index = fs::read_to_string(fixture.folder.path().join("state/build/index")).unwrap();
    fixture.ok(requests()).await;
    assert_eq!(fs::read_to_string(fixture.folder.path().join("state/build/index")).unwrap(), index, "each reading is noted");
}

#[tokio::test]
async fn only_named_inputs_count() {
    let fixture = Fixture::new(&[("main", "1"), ("README", "1"), ("state/runs", "")]);
    let json = COPY.replace("{\"kind\"", "{\"inputs\":[\"ma*\"],\"kind\"");
    fixture.ok(vec![built("a", &json)]).await;
    fixture.write("README", "2");
    fixture.ok(vec![built("a", &json)]).await;
    assert_eq!(fixture.runs(), 1);
    fixture.write("main", "2");
    fixture.ok(vec![built("a", &json)]).await;
    assert_eq!(fixture.runs(), 2);
}

#[tokio::test]
async fn a_build_knows_its_function_its_architecture_and_its_folder() {
    let fixture = Fixture::new(&[("app/x", "")]);
    let json = |name: &str| {
        format!(
            r#"{{"path":"app","command":["sh","-c","echo $LAMBDO_FUNCTION $LAMBDO_ARCHITECTURE > {name}; pwd > where"],"output":"{name}"}}"#
        )
    };
    fixture.ok(vec![built("a", &json("one")), built("b", &json("two"))]).await;
    let read = |name: &str| fs::read_to_string(fixture.folder.path().join("app").join(name)).unwrap();
    assert_eq!((read("one").as_str(), read("two").as_str()), ("a arm64\n", "b arm64\n"));
    assert!(read("where").trim().ends_with("/app"));
}

#[tokio::test]
async fn builds_that_differ_must_not_share_their_output() {
    let fixture = Fixture::new(&[("main", "1"), ("state/runs", "")]);
    let mut other = built("b", COPY);
    other.architectures = vec![];
    let problems = fixture.problems(vec![built("a", COPY), other]).await;
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["shared-output"]);
    assert_eq!(problems[0].hints, ["they differ in their architectures: `arm64`, `x86_64`"]);
    let json = r#"{"command":"make $LAMBDO_FUNCTION","output":"bin/out"}"#;
    let problems = fixture.problems(vec![built("a", json), built("b", json)]).await;
    assert!(problems[0].hints[0].contains("${name}"), "{problems:?}");
    assert_eq!(fixture.runs(), 0);
}

#[tokio::test]
async fn a_failed_build_shows_the_end_of_what_it_said() {
    let fixture = Fixture::new(&[("x", "")]);
    let json = r#"{"command":"for i in $(seq 60); do echo line $i; done; echo broken >&2; exit 3","output":"bin/out"}"#;
    let problems = fixture.problems(vec![built("a", json), built("b", json)]).await;
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!((problem.code, problem.address.as_deref()), ("build-failed", Some("function.a")));
    assert_eq!(problem.hints, ["the same package is needed by `b`"]);
    assert!(problem.detail.contains("ended with exit status: 3. It said:\nline "), "{}", problem.detail);
    assert!(
        problem.detail.contains("line 60") && problem.detail.contains("broken") && !problem.detail.contains("line 20\n"),
        "{}",
        problem.detail
    );
}

#[tokio::test]
async fn the_first_failed_build_ends_the_others_unless_they_are_to_keep_going() {
    let fixture = Fixture::new(&[]);
    let json = |name: &str, command: &str| built(name, &format!(r#"{{"command":"{command}","output":"{name}"}}"#));
    let slow = (0..40).map(|number| json(&format!("f{number}"), "sleep 60"));
    let requests = || [json("a", "exit 1"), json("b", "exit 1")].into_iter().chain(slow.clone()).collect::<Vec<_>>();
    let started = std::time::Instant::now();
    let problems = fixture.run_on(requests(), true, false).await.err().unwrap();
    assert!(started.elapsed().as_secs() < 60);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].hints, ["41 other packages were not built because of it; `lambdo build --keep-going` shows every error"]);
    let failed = |event: &Event| matches!(event, Event::BuildFailed { .. });
    assert_eq!(fixture.events.lock().unwrap().drain(..).filter(failed).count(), 1);
    let problems = fixture.run_on(requests()[..2].to_vec(), true, true).await.err().unwrap();
    assert_eq!((problems.len(), problems.iter().all(|problem| problem.hints.is_empty())), (2, true));
}

#[tokio::test]
async fn builds_that_cannot_start_or_make_nothing_say_so() {
    let fixture = Fixture::new(&[("bin/bootstrap", "")]);
    for (json, code, hint) in [
        (r#"{"command":["no-such-program"],"output":"o"}"#, "build-failed", "is `no-such-program` installed and in the `PATH`?"),
        (r#"{"command":"true","output":"bin/bootstap"}"#, "no-output", "`bootstrap` lies in the same folder; is it meant?"),
        (r#"{"path":"bim","command":"true","output":"o"}"#, "missing-file", "`bin` lies in the same folder; is it meant?"),
    ] {
        let problems = fixture.problems(vec![built("a", json)]).await;
        assert_eq!((problems[0].code, problems[0].hints[0].as_str()), (code, hint), "{problems:?}");
    }
}

#[tokio::test]
async fn what_a_command_leaves_running_is_not_waited_for() {
    let fixture = Fixture::new(&[]);
    let started = std::time::Instant::now();
    fixture.ok(vec![built("a", r#"{"command":"echo x > o; sleep 20 &","output":"o"}"#)]).await;
    assert!(started.elapsed().as_secs() < 10);
}

#[tokio::test]
async fn without_builds_the_last_output_is_used_or_missed() {
    let fixture = Fixture::new(&[("main", "1"), ("state/runs", "")]);
    let problems = fixture.run(vec![built("a", COPY)], false).await.err().unwrap();
    assert_eq!(problems[0].code, "not-built");
    fixture.ok(vec![built("a", COPY)]).await;
    fixture.write("main", "2");
    let packages = fixture.run(vec![built("a", COPY)], false).await.ok().unwrap();
    assert_eq!((packages.artifacts[&Address::new("function", "a")].unzipped_bytes, fixture.runs()), (1, 1));
}

#[tokio::test]
async fn a_build_may_make_a_folder_or_a_zip() {
    let fixture = Fixture::new(&[("main", "1")]);
    let folder = built("a", r#"{"command":"mkdir -p out; cp main out/bootstrap; cp main out/data","output":"out"}"#);
    let packages = fixture.ok(vec![folder]).await;
    assert_eq!(packages.artifacts[&Address::new("function", "a")].files, 2);
    fixture.write("b.zip", "");
    fs::write(
        fixture.folder.path().join("b.zip"),
        packages.zip(&packages.artifacts[&Address::new("function", "a")].content_hash).await.unwrap(),
    )
    .unwrap();
    let zipped = fixture.ok(vec![built("a", r#"{"command":"cp b.zip c.zip","output":"c.zip"}"#)]).await;
    assert_eq!(zipped.artifacts, packages.artifacts);
}

#[tokio::test]
async fn all_problems_come_at_once_and_nothing_is_built_meanwhile() {
    let fixture = Fixture::new(&[("main", "1"), ("state/runs", "")]);
    let requests = vec![
        code("a", r#"{"file":"gone"}"#),
        code("b", "{}"),
        built("c", COPY),
        built("d", r#"{"kind":"golang"}"#),
        built("e", r#"{"kind":"command","comand":"x"}"#),
    ];
    let problems = fixture.run_on(requests, true, false).await.err().unwrap();
    let told: Vec<String> = problems.iter().map(|problem| format!("{} {}", problem.address.as_deref().unwrap(), problem.code)).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    function.a missing-file
    function.b two-codes
    function.d unknown-build-kind
    function.e missing-key
    function.e missing-key
    function.e unknown-key
    ");
    assert_eq!(fixture.runs(), 0);
}

#[tokio::test]
async fn a_provided_runtime_needs_a_bootstrap_and_others_do_not() {
    let fixture = Fixture::new(&[("dir/main.py", ""), ("dir/lib/bootstrap", "")]);
    let mut python = code("b", r#"{"dir":"dir"}"#);
    python.runtime = "python3.13".into();
    let problems = fixture.problems(vec![code("a", r#"{"dir":"dir"}"#), python.clone()]).await;
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!(problem.code, "no-bootstrap");
    insta::assert_snapshot!(problem.detail, @"The runtimes `provided.*` start a file `bootstrap` at the root of the package. This one has `lib/`, `main.py`.");
    assert_eq!(problem.hints, ["`lib/bootstrap` lies deeper; make its folder the root of the package"]);
    fixture.ok(vec![python]).await;
}

#[tokio::test]
async fn events_count_every_function() {
    let fixture = Fixture::new(&[("main", "1"), ("state/runs", "")]);
    fixture.ok(vec![built("a", COPY), built("b", COPY), code("c", r#"{"file":"main"}"#)]).await;
    let events = fixture.events.lock().unwrap();
    assert_eq!(events[0], Event::BuildStarted { total: 3 });
    let mut indices: Vec<usize> =
        events.iter().filter_map(|event| if let Event::Building { index, .. } = event { Some(*index) } else { None }).collect();
    indices.sort_unstable();
    assert_eq!(indices, [1, 2, 3]);
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Built { bytes: 1, .. })).count(), 3);
}

//! A machine for tests of builders: a folder with a spec in it, and no programs but those that a test puts there.

use super::builder::Builders;
use super::environment::Environment;
use super::own::Own;
use super::{Options, Packages, work};
use crate::diagnostic::Diagnostic;
use crate::model::{Address, ArtifactSource, Event, EventSink, PackageRequest, Value};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// The folder, which programs know as `$FAKE`, and the environment, whose `PATH` leads to `bin` in it. Then the function
/// that packages are made for.
pub struct Workbench {
    pub folder: tempfile::TempDir,
    pub environment: Environment,
    pub for_this_machine: bool,
    pub kind: &'static str,
    pub name: &'static str,
    pub runtime: &'static str,
    pub handler: &'static str,
    pub architecture: &'static str,
}

impl Workbench {
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut workbench = Self {
            folder,
            environment: Environment::default(),
            for_this_machine: false,
            kind: "function",
            name: "f",
            runtime: "provided.al2023",
            handler: "",
            architecture: "arm64",
        };
        let root = workbench.root();
        workbench.environment.set("FAKE", &root);
        workbench.environment.set("PATH", &format!("{root}/bin"));
        workbench
    }

    /// The folder by its own name.
    pub fn root(&self) -> String {
        self.folder.path().canonicalize().unwrap().display().to_string()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A file that can be started.
    pub fn install(&self, name: &str, content: impl AsRef<[u8]>) {
        self.write(name, content);
        fs::set_permissions(self.folder.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What a file holds; nothing where there is none.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// The lines that programs wrote down of how they were called.
    pub fn noted(&self, name: &str) -> Vec<String> {
        self.read(name).lines().map(str::to_owned).collect()
    }

    /// The packages, and what was told meanwhile.
    pub async fn resolve(&self, requests: Vec<PackageRequest>, may_run: bool) -> (Result<Packages, Vec<Diagnostic>>, Vec<Event>) {
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let told = Arc::clone(&events);
        let sink: EventSink = Arc::new(move |event| told.lock().unwrap().push(event));
        let options = Options {
            folder: self.folder.path(),
            cache: &self.folder.path().join("state/build"),
            own: &Own::new([self.folder.path().join("state")]),
            build: may_run,
            for_this_machine: self.for_this_machine,
            has_code_bucket: false,
            events: sink,
            checked: &Notify::new(),
            keep_going: true,
        };
        let packages = work::resolve(requests, &options, &Builders::with(self.environment.clone())).await;
        let events = events.lock().unwrap().clone();
        (packages, events)
    }

    /// A request of the function, by this name.
    pub fn request(&self, name: &str, build: &str) -> PackageRequest {
        PackageRequest {
            address: Address::new(self.kind, name),
            runtime: self.runtime.into(),
            handler: self.handler.into(),
            architectures: vec![self.architecture.into()],
            ..request(name, build)
        }
    }

    /// Makes the function's package, and says whether the last build still held.
    pub async fn run(&self, build: &str, may_run: bool) -> (Result<Packages, Vec<Diagnostic>>, bool) {
        let (packages, events) = self.resolve(vec![self.request(self.name, build)], may_run).await;
        let is_cached = packages.is_ok() && is_cached(&events);
        (packages, is_cached)
    }

    /// The names of the files in the function's package.
    pub async fn files(&self, build: &str) -> Vec<String> {
        let packages = self.run(build, true).await.0.unwrap_or_else(|problems| panic!("{problems:#?}"));
        let zip = packages.zip(&packages.artifacts[&Address::new(self.kind, self.name)].content_hash).await.unwrap();
        let items = super::zip::read(std::io::Cursor::new(zip), 1_000_000).unwrap();
        items.into_iter().map(|item| item.name).collect()
    }

    /// Builds the function, and says whether the last build still held.
    pub async fn is_cached(&self, build: &str) -> bool {
        let (packages, is_cached) = self.run(build, true).await;
        packages.unwrap_or_else(|problems| panic!("{problems:#?}"));
        is_cached
    }

    /// What is said when the function cannot be built.
    pub async fn told(&self, build: &str) -> String {
        self.texts(&self.run(build, true).await.0.err().unwrap())
    }

    /// Problems as texts, in which the folder has no name.
    pub fn texts(&self, problems: &[Diagnostic]) -> String {
        let text = |problem: &Diagnostic| {
            let hints: String = problem.hints.iter().map(|hint| format!("\n  {hint}")).collect();
            format!("{} {}\n{}{hints}", problem.code, problem.summary, problem.detail).replace(&self.root(), "…")
        };
        problems.iter().map(text).collect::<Vec<_>>().join("\n")
    }
}

/// A request for what `build` says in JSON, of a function on arm64 whose runtime is its own.
pub fn request(name: &str, build: &str) -> PackageRequest {
    PackageRequest {
        address: Address::new("function", name),
        code: None,
        build: Some(value(build)),
        image: None,
        image_config: None,
        runtime: "provided.al2023".into(),
        handler: String::new(),
        architectures: vec!["arm64".into()],
        layers: None,
        environment: None,
        span: None,
    }
}

/// A value of a spec, written in JSON.
pub fn value(json: &str) -> Value {
    Value::from_json(&serde_json::from_str(json).unwrap())
}

/// Whether the first package that was made was there already.
fn is_cached(events: &[Event]) -> bool {
    events.iter().find_map(|event| if let Event::Built { cached, .. } = event { Some(*cached) } else { None }).unwrap()
}

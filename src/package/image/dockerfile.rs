//! Images from Dockerfiles: an engine builds them, unless nothing changed.

use super::context;
use super::document::image_architecture;
use super::engine::Places;
use super::parse::Dockerfile;
use super::store::{Store, digest_of};
use super::{ImageJob, Made, archive};
use crate::diagnostic::Diagnostic;
use crate::model::{Blob, Image};
use crate::package::engine::Engine;
use crate::package::environment::Environment;
use crate::package::fingerprint::{Excluded, Facts, Sources};
use crate::package::problem::{blocking, missing, not_built};
use crate::package::process::{Tail, watch};
use crate::package::{BUILD_FAILED, TOOL_MISSING};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// How many of the engine's last lines are shown.
const SHOWN_LINES: usize = 30;

/// An image that was built, and what from.
#[derive(Serialize, Deserialize)]
struct Record {
    sources: Sources,
    manifest: String,
    media_type: String,
    blobs: Vec<(String, u64)>,
}

impl Record {
    fn load(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    fn image(&self) -> Image {
        let blobs = self.blobs.iter().map(|(digest, bytes)| Blob { digest: digest.clone(), bytes: *bytes }).collect();
        Image { manifest: self.manifest.clone().into_bytes(), media_type: self.media_type.clone(), blobs }
    }

    fn is_whole(&self, store: &Store) -> bool {
        self.image().blobs.iter().all(|blob| store.has(blob))
    }

    fn made(self, is_cached: bool) -> Made {
        let image = self.image();
        let (sources, warnings) = (Some(self.sources), Vec::new());
        Made { image, entries: Vec::new(), items: Vec::new(), is_whole: false, sources, is_cached, warnings }
    }
}

/// One build.
struct Run<'a> {
    dockerfile: &'a Dockerfile,
    environment: &'a Environment,
    job: ImageJob<'a>,
    path: PathBuf,
    context: PathBuf,
}

pub(super) async fn make(dockerfile: &Dockerfile, environment: &Environment, job: ImageJob<'_>) -> Result<Made, Diagnostic> {
    let path = job.folder.join(&dockerfile.path);
    if !path.is_file() {
        return Err(missing(&path, &dockerfile.path, "file"));
    }
    let context = match &dockerfile.context {
        Some(context) => job.folder.join(context),
        None => path.parent().map_or_else(|| job.folder.to_owned(), Path::to_owned),
    };
    if !context.is_dir() {
        return Err(missing(&context, &context.display().to_string(), "folder"));
    }
    let [path, context] = [path, context].map(|path| std::path::absolute(&path).unwrap_or(path));
    Run { dockerfile, environment, job, path, context }.run().await
}

impl Run<'_> {
    async fn run(&self) -> Result<Made, Diagnostic> {
        let store = Store::new(self.job.cache);
        let record = self.job.cache.join("images").join(format!("{}.json", self.identity()));
        let known = Record::load(&record).filter(|known| known.is_whole(&store));
        if !self.job.may_run {
            let known = known.ok_or_else(|| not_built(&format!("an image of `{}`", self.dockerfile.path)))?;
            return Ok(known.made(true));
        }
        let sources = self.sources().await?;
        if let Some(known) = known.filter(|known| known.sources == sources) {
            return Ok(known.made(true));
        }
        let read = self.build(&store).await?;
        self.check(&read.config)?;
        let Image { manifest, media_type, blobs } = read.image;
        let blobs = blobs.into_iter().map(|blob| (blob.digest, blob.bytes)).collect();
        let made = Record { sources, manifest: String::from_utf8_lossy(&manifest).into_owned(), media_type, blobs };
        // What cannot be remembered is built again.
        let _ = record.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&record, serde_json::to_vec(&made)?));
        Ok(made.made(false))
    }

    fn platform(&self) -> String {
        format!("linux/{}", image_architecture(self.job.architecture))
    }

    /// Names what is remembered: the same for the next run of the same build.
    fn identity(&self) -> String {
        let digest = digest_of(format!("{:?} {}", self.dockerfile, self.job.architecture).as_bytes());
        format!("dockerfile-{}", digest.trim_start_matches("sha256:").chars().take(16).collect::<String>())
    }

    /// What the engine would see.
    async fn sources(&self) -> Result<Sources, Diagnostic> {
        let (context, path, index) = (self.context.clone(), self.path.clone(), self.job.index.clone());
        let excluded =
            Excluded::new(&self.context, &self.job.cache.join("images"), self.job.cache, false).with_state(&self.context, self.job.folder);
        let shown = self.dockerfile.path.clone();
        let rest = Dockerfile { arguments: Default::default(), ..self.dockerfile.clone() };
        let facts = Facts::default()
            .shown("platform", &self.platform())
            .hidden("image.build_args", &format!("{:?}", self.dockerfile.arguments))
            .hidden("image", &format!("{rest:?}"));
        blocking(move || {
            let mut files = context::files(&context, &path, &excluded)?;
            files.insert(shown, path);
            Sources::read(&index, facts, &files)
        })
        .await
    }

    async fn build(&self, store: &Store) -> Result<archive::Read, Diagnostic> {
        let Some((engine, program)) = Engine::find(self.dockerfile.engine, self.environment) else {
            return Err(no_engine(self.dockerfile.engine));
        };
        let unwritable = |error: std::io::Error| failed(format!("The folder `{}` cannot be written: {error}.", self.job.cache.display()));
        fs::create_dir_all(self.job.cache).map_err(unwritable)?;
        let cache = std::path::absolute(self.job.cache).map_err(unwritable)?;
        let scratch = tempfile::Builder::new().prefix("image-").tempdir_in(&cache).map_err(unwritable)?;
        let (tar, id) = (scratch.path().join("image.tar"), scratch.path().join("id"));
        let folder = std::path::absolute(self.job.folder).map_err(unwritable)?;
        let places = Places { folder: &folder, dockerfile: &self.path, context: &self.context, archive: &tar, id: &id };
        let call = Call { engine, program: &program, run: self };
        call.make(&places).await?;
        let (store, folder) = (store.clone(), scratch.path().to_owned());
        let read = blocking(move || archive::read(&tar, &store, &folder).map_err(failed)).await;
        read.map_err(|problem| problem.hint(format!("`{}` was built by `{}`", self.dockerfile.path, engine.name())))
    }

    fn check(&self, config: &Value) -> Result<(), Diagnostic> {
        let architecture = config.get("architecture").and_then(Value::as_str).unwrap_or_default();
        if architecture == image_architecture(self.job.architecture) {
            return Ok(());
        }
        Err(Diagnostic::error("wrong-architecture", "The image does not run on the function's processor")
            .detail(format!(
                "`{}` made an image for `linux/{architecture}`, and the function needs `{}`.",
                self.dockerfile.path,
                self.platform()
            ))
            .hint("a `FROM --platform=…` of the last stage decides before what the engine is told"))
    }
}

/// An engine that is asked.
struct Call<'a> {
    engine: Engine,
    program: &'a Path,
    run: &'a Run<'a>,
}

/// A Docker whose driver has no exporter for archives says so.
/// <https://docs.docker.com/build/builders/drivers/>
const WITHOUT_EXPORTER: &str = "exporter is not supported";

impl Call<'_> {
    /// Builds the image and leaves it in the archive.
    async fn make(&self, places: &Places<'_>) -> Result<(), Diagnostic> {
        let (engine, dockerfile, platform) = (self.engine, self.run.dockerfile, self.run.platform());
        let built = self.start(engine.build(dockerfile, &platform, places)).await?;
        match built {
            Ok(()) if engine.writes_archive() => return Ok(()),
            Ok(()) => {}
            Err(said) if engine == Engine::Docker && said.contains(WITHOUT_EXPORTER) => {
                let loaded = self.start(engine.build_and_load(dockerfile, &platform, places)).await?;
                loaded.map_err(|said| self.failed(&said))?;
            }
            Err(said) => return Err(self.failed(&said)),
        }
        let id =
            fs::read_to_string(places.id).map_err(|error| failed(format!("`{}` did not say what it built: {error}.", engine.name())))?;
        let exported = self.start(engine.export(id.trim(), places.archive)).await?;
        if engine == Engine::Buildah {
            // It keeps every image that it ever built, and nobody would find this one again.
            let _ = self.start(vec!["rmi".to_owned(), id.trim().to_owned()]).await;
        }
        exported.map_err(|said| self.failed(&said))
    }

    /// What it said, where it ended badly.
    async fn start(&self, arguments: Vec<String>) -> Result<Result<(), String>, Diagnostic> {
        let mut command = self.run.environment.command(self.program, self.run.job.folder);
        // Builds that honour it make the same bytes at any time.
        // <https://reproducible-builds.org/docs/source-date-epoch/>
        command.args(&arguments).env("SOURCE_DATE_EPOCH", "0");
        let not_started = |error: std::io::Error| failed(format!("`{}` could not be started: {error}.", self.engine.name()));
        let mut child = command.spawn().map_err(not_started)?;
        let tail = Tail::of(SHOWN_LINES);
        let status = watch(&mut child, |line| tail.push(line), |line| tail.push(line)).await.map_err(not_started)?;
        Ok(if status.success() { Ok(()) } else { Err(format!("It ended with {status}. It said:\n{}", tail.text())) })
    }

    fn failed(&self, said: &str) -> Diagnostic {
        let name = self.engine.name();
        let problem = failed(format!("`{name}` could not build `{}`. {said}", self.run.dockerfile.path));
        let has = |fragments: &[&str]| fragments.iter().any(|fragment| said.contains(fragment));
        if has(&["Cannot connect to the Docker daemon", "docker.sock", "containerd.sock", "connection refused"]) {
            return problem.hint(format!(
                "is it running? another engine is named with `engine`, one of those that need no service is `buildah`, not `{name}`"
            ));
        }
        if self.engine == Engine::Buildah && has(&["operation not permitted", "Operation not permitted", "overlay", "/proc"]) {
            return problem
                .hint("inside a container, buildah may need `STORAGE_DRIVER=vfs` and `BUILDAH_ISOLATION=chroot` in the environment");
        }
        problem
    }
}

fn failed(detail: String) -> Diagnostic {
    Diagnostic::error(BUILD_FAILED, "A build failed").detail(detail)
}

fn no_engine(wanted: Option<Engine>) -> Diagnostic {
    let sought = wanted.map_or_else(|| Engine::ALL.map(Engine::name).join(", "), |engine| format!("`{}`", engine.name()));
    let problem = Diagnostic::error(TOOL_MISSING, "There is no engine for Dockerfiles")
        .detail(format!("A Dockerfile is built by a program that builds container images, and the `PATH` has none ({sought})."));
    let problem = match wanted {
        Some(_) => problem.hint("without `engine`, the first that is there is taken"),
        None => problem,
    };
    problem
        .hint("install one: `apt-get install buildah` or `podman` on Debian and Ubuntu, `dnf install podman` on Fedora, `brew install podman` or Docker Desktop on a Mac")
        .hint("without an engine: `image = { build = \"FOLDER\" }`, or `image = { base = \"…\", files = { … } }`, which lambdo puts together itself")
}

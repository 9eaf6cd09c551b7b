//! Images from Dockerfiles: an engine builds them, unless nothing changed.

use super::call::Call;
use super::context;
use super::document::image_architecture;
use super::engine::Places;
use super::froms::{self, Leads};
use super::listing::Listing;
use super::parse::Dockerfile;
use super::store::{Store, digest_of};
use super::{ImageJob, Images, Made, archive};
use crate::diagnostic::Diagnostic;
use crate::model::{Blob, Image};
use crate::package::engine::{Broken, Chosen, Engine, Purpose, does_not_work};
use crate::package::fingerprint::{Excluded, Facts, Sources};
use crate::package::problem::{blocking, missing, not_built};
use crate::package::{BUILD_FAILED, TOOL_MISSING};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

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

    async fn made(self, cache: &Path, is_cached: bool, warnings: Vec<Diagnostic>) -> Result<Made, Diagnostic> {
        let (image, cache) = (self.image(), cache.to_owned());
        blocking(move || {
            let listing = Listing::of(&image, &Store::new(&cache), &cache).map_err(failed)?;
            let (entries, items, sources) = (Vec::new(), listing.items(), Some(self.sources));
            Ok(Made { image, entries, items, is_whole: true, listing: Some(listing), sources, is_cached, warnings })
        })
        .await
    }
}

/// One build.
pub(super) struct Run<'a> {
    pub dockerfile: &'a Dockerfile,
    pub images: &'a Images,
    pub job: ImageJob<'a>,
    path: PathBuf,
    context: PathBuf,
}

/// Refuses a folder, which other tools take for the Dockerfile in it.
pub(super) fn check(dockerfile: &Dockerfile, folder: &Path) -> Result<(), Diagnostic> {
    let (path, shown) = (folder.join(&dockerfile.path), &dockerfile.path);
    if !path.is_dir() {
        return Ok(());
    }
    let problem = Diagnostic::error("wrong-file-type", "A path of the package leads to something else")
        .detail(format!("`{shown}` is a folder; `image.dockerfile` takes the Dockerfile itself."));
    let inside = Path::new(shown).join("Dockerfile");
    Err(match folder.join(&inside).is_file() {
        true => problem.hint(format!("`{}` is there; is it meant?", inside.display())),
        false => problem.hint("the folder that a Dockerfile takes files from is given as `context`"),
    })
}

pub(super) async fn make(dockerfile: &Dockerfile, images: &Images, job: ImageJob<'_>) -> Result<Made, Diagnostic> {
    check(dockerfile, job.folder)?;
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
    Run { dockerfile, images, job, path, context }.run().await
}

impl Run<'_> {
    async fn run(&self) -> Result<Made, Diagnostic> {
        let store = Store::new(self.job.cache);
        let record = self.job.cache.join("images").join(format!("{}.json", self.identity()));
        let (path, whole) = (record.clone(), store.clone());
        let known = blocking(move || Ok(Record::load(&path).filter(|known| known.is_whole(&whole)))).await?;
        if !self.job.may_run {
            let known = known.ok_or_else(|| not_built(&format!("an image of `{}`", self.dockerfile.path)))?;
            return known.made(self.job.cache, true, Vec::new()).await;
        }
        let (bases, mut warnings) = self.bases(known.as_ref()).await?;
        let sources = self.sources(&bases).await?;
        let has_moved = known.as_ref().is_some_and(|known| bases.iter().any(|(fact, led)| known.sources.fact(fact) != Some(led)));
        if let Some(known) = known.filter(|known| known.sources == sources) {
            return known.made(self.job.cache, true, warnings).await;
        }
        let chosen = self.engine().await?;
        let read = self.build(&store, &chosen, has_moved).await?;
        self.check(&read.config)?;
        warnings.extend(self.passed_over(&chosen));
        let Image { manifest, media_type, blobs } = read.image;
        let blobs = blobs.into_iter().map(|blob| (blob.digest, blob.bytes)).collect();
        let made = Record { sources, manifest: String::from_utf8_lossy(&manifest).into_owned(), media_type, blobs };
        let made = blocking(move || {
            // What cannot be remembered is built again.
            let _ = record.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&record, serde_json::to_vec(&made)?));
            Ok(made)
        })
        .await?;
        made.made(self.job.cache, false, warnings).await
    }

    /// What the names of the Dockerfile's base images lead to, by the names of the facts that they become. What nobody
    /// tells now is taken to be as it was, with a warning where that may be wrong.
    async fn bases(&self, known: Option<&Record>) -> Result<(BTreeMap<String, String>, Vec<Diagnostic>), Diagnostic> {
        let path = self.path.clone();
        let text = blocking(move || Ok(fs::read_to_string(path).unwrap_or_default())).await?;
        let names = froms::names(&text, &self.dockerfile.arguments, self.job.architecture);
        let asked = names.iter().map(|name| async move { (name, self.images.registries.leads(name).await) });
        let (mut bases, mut warnings) = (BTreeMap::new(), Vec::new());
        for (name, leads) in futures::future::join_all(asked).await {
            let fact = format!("base image {name}");
            let before = || known.and_then(|known| known.sources.fact(&fact)).map(str::to_owned);
            let led = match leads {
                // `SourceChange` tells by the sign that it is where a tag leads.
                Leads::To(digest) => Some(format!("@{digest}")),
                Leads::Nowhere => before(),
                Leads::Unknown(why) => {
                    warnings.push(froms::unchecked(name, &why));
                    before()
                }
            };
            bases.extend(led.map(|led| (fact, led)));
        }
        Ok((bases, warnings))
    }

    /// What of lambdo's own lies in the context, relative to it: an image must not take it along.
    fn unseen(&self) -> Vec<PathBuf> {
        self.job.own.states().below(&self.context)
    }

    pub(super) fn platform(&self) -> String {
        format!("linux/{}", image_architecture(self.job.architecture))
    }

    /// Names what is remembered: the same for the next run of the same build.
    fn identity(&self) -> String {
        let digest = digest_of(format!("{:?} {}", self.dockerfile, self.job.architecture).as_bytes());
        format!("dockerfile-{}", digest.trim_start_matches("sha256:").chars().take(16).collect::<String>())
    }

    /// What the engine would see.
    async fn sources(&self, bases: &BTreeMap<String, String>) -> Result<Sources, Diagnostic> {
        let (context, path, index) = (self.context.clone(), self.path.clone(), self.job.index.clone());
        let excluded = Excluded::new(&self.context, &self.job.cache.join("images"), &self.job.own.states(), false);
        let shown = self.dockerfile.path.clone();
        let rest = Dockerfile { arguments: Default::default(), ..self.dockerfile.clone() };
        let facts = Facts::default()
            .shown("platform", &self.platform())
            .hidden("image.build_args", &format!("{:?}", self.dockerfile.arguments))
            .hidden("image", &format!("{rest:?}"));
        let facts = bases.iter().fold(facts, |facts, (name, led)| facts.shown(name, led));
        let prefix = self.context_name();
        blocking(move || {
            let context::Context { inputs, modes } = context::look(&context, &path, &excluded)?;
            let facts = facts.hidden("modes of files", &modes);
            let mut files: BTreeMap<String, PathBuf> = inputs.into_iter().map(|(name, path)| (format!("{prefix}{name}"), path)).collect();
            // It counts though it may be ignored, and lie elsewhere.
            files.insert(shown, path);
            Sources::read(&index, facts, &files)
        })
        .await
    }

    /// What stands before the names of the context's files, so that they are those that the user knows.
    fn context_name(&self) -> String {
        let beside = Path::new(&self.dockerfile.path).parent().unwrap_or(Path::new(""));
        let context = self.dockerfile.context.as_deref().map_or(beside, Path::new);
        let parts: Vec<_> = context.components().filter(|part| *part != Component::CurDir).collect();
        let name = parts.into_iter().collect::<PathBuf>().display().to_string();
        if name.is_empty() { name } else { format!("{name}/") }
    }

    /// The engine that builds.
    async fn engine(&self) -> Result<Chosen, Diagnostic> {
        let (wanted, images) = (self.dockerfile.engine, self.images);
        images.engines.choose(wanted, Purpose::Dockerfile, &images.environment).await.map_err(|broken| no_engine(wanted, &broken))
    }

    /// Tells why another engine than the first builds.
    fn passed_over(&self, chosen: &Chosen) -> Option<Diagnostic> {
        let note = Diagnostic::note("engine-chosen", "Not the first container engine is taken").detail(format!(
            "`{}` built `{}`.",
            chosen.engine.name(),
            self.dockerfile.path
        ));
        let note = chosen.passed_over.iter().fold(note, |note, one| note.hint(does_not_work(one)));
        (!chosen.passed_over.is_empty()).then_some(note)
    }

    async fn build(&self, store: &Store, chosen: &Chosen, has_moved: bool) -> Result<archive::Read, Diagnostic> {
        let unwritable =
            |cache: &Path, error: std::io::Error| failed(format!("The folder `{}` cannot be written: {error}.", cache.display()));
        let (cache, folder) = (self.job.cache.to_owned(), self.job.folder.to_owned());
        let (path, context, unseen) = (self.path.clone(), self.context.clone(), self.unseen());
        let prepared = blocking(move || {
            let prepare = || {
                fs::create_dir_all(&cache)?;
                let scratch = tempfile::Builder::new().prefix("image-").tempdir_in(std::path::absolute(&cache)?)?;
                let shadow = context::shadow(&path, &context, &unseen, scratch.path())?;
                Ok((std::path::absolute(&folder)?, scratch, shadow))
            };
            prepare().map_err(|error| unwritable(&cache, error))
        });
        let (folder, scratch, shadow) = prepared.await?;
        let (tar, id) = (scratch.path().join("image.tar"), scratch.path().join("id"));
        let (dockerfile, ignore) =
            shadow.as_ref().map_or((self.path.as_path(), None), |shadow| (&shadow.dockerfile, Some(shadow.ignore.as_path())));
        let context = &self.context;
        let places = Places { folder: &folder, dockerfile, ignore, context, archive: &tar, id: &id, pull: has_moved };
        Call { engine: chosen.engine, program: &chosen.program, run: self }.make(&places).await?;
        let store = store.clone();
        let read = blocking(move || {
            let read = archive::read(&tar, &store, scratch.path(), "What the engine exported").map_err(failed);
            drop(scratch);
            read
        });
        read.await.map_err(|problem| problem.hint(format!("`{}` was built by `{}`", self.dockerfile.path, chosen.engine.name())))
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

pub(super) fn failed(detail: String) -> Diagnostic {
    Diagnostic::error(BUILD_FAILED, "A build failed").detail(detail)
}

fn no_engine(wanted: Option<Engine>, broken: &Broken) -> Diagnostic {
    let sought = wanted.map_or_else(|| Engine::ALL.map(Engine::name).join(", "), |engine| format!("`{}`", engine.name()));
    let why = if broken.is_empty() { format!("the `PATH` has none ({sought})") } else { "none of those that are there works".to_owned() };
    let problem = Diagnostic::error(TOOL_MISSING, "There is no engine for Dockerfiles")
        .detail(format!("A Dockerfile is built by a program that builds container images, and {why}."));
    let problem = broken.iter().fold(problem, |problem, one| problem.hint(does_not_work(one)));
    let problem = match wanted {
        Some(_) => problem.hint("without `engine`, the first that works is taken"),
        None => problem,
    };
    problem
        .hint("install one: `apt-get install buildah` or `podman` on Debian and Ubuntu, `dnf install podman` on Fedora, `brew install podman` or Docker Desktop on a Mac")
        .hint("without an engine: `image = { build = \"FOLDER\" }`, or `image = { base = \"…\", files = { … } }`, which lambdo puts together itself")
}

//! The packages of a run, and their zips while they are needed.

use super::cache::User;
use super::contents::{Contents, Entry};
use super::fingerprint::Sources;
use super::hash::{Item, content_hash, hex};
use super::image::{Images, Store};
use super::manifest::Manifests;
use crate::diagnostic::Diagnostic;
use crate::model::{Address, Artifact, ArtifactSource, Form, Image, SourceChange, SourceChanges};
use async_trait::async_trait;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempPath;
use tokio::sync::OnceCell;

/// How many zips are kept in memory for functions that share a package.
const KEPT_ZIPS: usize = 4;

/// The packages that are ready.
pub struct Packages {
    /// What is known of them, by whose they are.
    pub artifacts: BTreeMap<Address, Artifact>,
    /// How they came to be, by whose they are.
    pub makings: BTreeMap<Address, Making>,
    /// What the user should know about them.
    pub diagnostics: Vec<Diagnostic>,
    contents: BTreeMap<String, Arc<Planned>>,
    /// What tells apart the builds that made them, by whose they are.
    builds: BTreeMap<Address, String>,
    /// The folder of the spec, from which on people name files.
    folder: PathBuf,
    manifests: Manifests,
    images: Images,
    blobs: Store,
    zips: Mutex<VecDeque<(String, Zip)>>,
    /// Zips in files by content hash.
    files: Mutex<BTreeMap<String, ZipFile>>,
    /// What was built lies there until it is sent.
    _user: Option<User>,
}

type Zip = Arc<OnceCell<Vec<u8>>>;
type ZipFile = Arc<OnceCell<TempPath>>;

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedFile {
    /// Its mode in the package, such as `0o755`.
    pub mode: u32,
    /// Its length.
    pub bytes: u64,
    /// Its content's SHA-256, in hex.
    pub sha256: String,
}

/// What a package weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackedSize {
    /// All files together, in bytes.
    pub bytes: u64,
    /// How many files.
    pub files: usize,
}

/// What differs between two packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageDiff {
    /// What the one before weighs.
    pub before: PackedSize,
    /// What the one after weighs.
    pub after: PackedSize,
    /// The files that differ, by name: as they were and as they are.
    pub files: BTreeMap<String, (Option<PackedFile>, Option<PackedFile>)>,
}

/// How a package came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Making {
    /// Whether nothing had to be built: an earlier build still held, or the files were there.
    pub is_cached: bool,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
}

/// Contents as they were hashed.
pub(super) struct Planned {
    pub contents: Contents,
    pub items: Vec<Item>,
    /// The image, where it is one.
    pub image: Option<Image>,
}

impl Packages {
    /// No packages yet of the spec in `folder`; what earlier ones held is known from `manifests`, blobs come from `blobs`
    /// or through `images`.
    pub(super) fn new(folder: &Path, manifests: Manifests, images: Images, blobs: Store, user: Option<User>) -> Self {
        Self {
            artifacts: BTreeMap::new(),
            makings: BTreeMap::new(),
            diagnostics: Vec::new(),
            contents: BTreeMap::new(),
            builds: BTreeMap::new(),
            folder: folder.to_owned(),
            manifests,
            images,
            blobs,
            zips: Mutex::default(),
            files: Mutex::default(),
            _user: user,
        }
    }

    /// Adds the package that these need, made by the build with this key, and keeps what later runs may ask for.
    pub(super) fn add(
        &mut self,
        addresses: impl Iterator<Item = Address>,
        artifact: Artifact,
        planned: Planned,
        making: Making,
        build: &str,
        sources: Option<&Sources>,
    ) {
        let hash = &artifact.content_hash;
        self.manifests.keep(hash, &planned.items);
        for address in addresses {
            sources.into_iter().for_each(|sources| self.manifests.keep_sources(hash, &kept_as(build, &artifact, &address), sources));
            self.builds.insert(address.clone(), build.to_owned());
            self.makings.insert(address.clone(), making);
            self.artifacts.insert(address, artifact.clone());
        }
        self.contents.insert(artifact.content_hash, Arc::new(planned));
    }

    /// Why the package at `address` is not the one with the content hash `applied`: what differs in what it is
    /// made from, else in its files. Empty where nothing is known of that one.
    pub fn changes(&self, address: &Address, applied: &str) -> SourceChanges {
        let (Some(artifact), Some(build)) = (self.artifacts.get(address), self.builds.get(address)) else {
            return SourceChanges::default();
        };
        let key = kept_as(build, artifact, address);
        let sources = |hash: &str| self.manifests.sources(hash, &key);
        if let (Some(before), Some(after)) = (sources(applied), sources(&artifact.content_hash))
            && before != after
        {
            return after.since(&before);
        }
        let Some(diff) = self.diff(address, applied) else { return SourceChanges::default() };
        let places = self.contents.get(&artifact.content_hash).map(|planned| self.places(planned)).filter(|_| build.is_empty());
        SourceChanges::of(diff.files.into_iter().map(|(name, sides)| {
            let name = places.as_ref().map_or_else(|| name.clone(), |places| places.of(&name));
            match sides {
                (None, _) => SourceChange::Added { name },
                (_, None) => SourceChange::Removed { name },
                _ => SourceChange::Changed { name },
            }
        }))
    }

    /// Where the files of a package lie that were not built but there.
    fn places(&self, planned: &Planned) -> Places {
        let Contents::Files(entries) = &planned.contents else { return Places::default() };
        let place = |entry: &Entry| entry.path.strip_prefix(&self.folder).unwrap_or(&entry.path).to_string_lossy().into_owned();
        let known: BTreeMap<String, String> = entries.iter().map(|entry| (entry.name.clone(), place(entry))).collect();
        let folder = known.iter().find_map(|(name, place)| place.strip_suffix(name.as_str())).unwrap_or_default().to_owned();
        Places { known, folder }
    }

    /// Which files differ between the package at `address` and the one with the content hash `applied`. Nothing
    /// where that one's files are not known.
    pub fn diff(&self, address: &Address, applied: &str) -> Option<PackageDiff> {
        let planned = self.contents.get(&self.artifacts.get(address)?.content_hash)?;
        let before = self.manifests.items(applied)?;
        let mut diff = PackageDiff { before: PackedSize::of(&before), after: PackedSize::of(&planned.items), files: BTreeMap::new() };
        for item in &before {
            diff.files.entry(item.name.clone()).or_default().0 = Some(PackedFile::of(item));
        }
        for item in &planned.items {
            diff.files.entry(item.name.clone()).or_default().1 = Some(PackedFile::of(item));
        }
        diff.files.retain(|_, (before, after)| before != after);
        Some(diff)
    }

    #[cfg(test)]
    pub(super) fn kept_zips(&self) -> usize {
        self.zips.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    pub(super) fn planned(&self, content_hash: &str) -> Result<Arc<Planned>, String> {
        let planned = self.contents.get(content_hash).map(Arc::clone);
        planned.ok_or_else(|| format!("No package with the content hash `{content_hash}` was made in this run. Run again."))
    }

    /// The cell for a zip, moved to the front; the one that was not asked for longest goes.
    fn cell(&self, content_hash: &str) -> Zip {
        let mut zips = self.zips.lock().unwrap_or_else(PoisonError::into_inner);
        let at = zips.iter().position(|(hash, _)| hash == content_hash);
        let zip = at.and_then(|at| zips.remove(at)).map_or_else(Zip::default, |(_, zip)| zip);
        zips.push_front((content_hash.to_owned(), Arc::clone(&zip)));
        zips.truncate(KEPT_ZIPS);
        zip
    }
}

/// Under which name it is kept what a package was made from. Other functions may make the same image from another base, or
/// from another Dockerfile: what is told of one must not be what another one was made from.
fn kept_as(build: &str, artifact: &Artifact, address: &Address) -> String {
    match artifact.form {
        Form::Image => format!("{build} {address}"),
        Form::Zip | Form::Stored => build.to_owned(),
    }
}

/// Where files of a package lie, from the folder of the spec on.
#[derive(Default)]
struct Places {
    /// By their names in the package.
    known: BTreeMap<String, String>,
    /// What stands before those that are not there any more.
    folder: String,
}

impl Places {
    fn of(&self, name: &str) -> String {
        self.known.get(name).cloned().unwrap_or_else(|| format!("{}{name}", self.folder))
    }
}

#[async_trait]
impl ArtifactSource for Packages {
    async fn zip(&self, content_hash: &str) -> Result<Vec<u8>, String> {
        let planned = self.planned(content_hash)?;
        let make = || zipping(move || planned.checked(planned.contents.zip()?));
        self.cell(content_hash).get_or_try_init(make).await.cloned()
    }

    async fn zip_file(&self, content_hash: &str) -> Result<PathBuf, String> {
        let planned = self.planned(content_hash)?;
        let cell = Arc::clone(self.files.lock().unwrap_or_else(PoisonError::into_inner).entry(content_hash.to_owned()).or_default());
        let make = || zipping(move || planned.checked(planned.contents.zip_file()?));
        cell.get_or_try_init(make).await.map(|path| path.to_path_buf())
    }

    async fn image(&self, digest: &str) -> Result<Image, String> {
        let image = self.planned(digest)?.image.clone();
        image.ok_or_else(|| format!("The package with the content hash `{digest}` is no image. Run again."))
    }

    async fn blob(&self, digest: &str) -> Result<PathBuf, String> {
        self.images.blob(digest, &self.blobs).await
    }

    /// The size of what goes into the zip, which is seldom smaller than that.
    fn expected_bytes(&self, content_hash: &str) -> usize {
        let items = self.contents.get(content_hash).map(|planned| planned.items.as_slice()).unwrap_or_default();
        usize::try_from(items.iter().map(|item| item.bytes).sum::<u64>()).unwrap_or(usize::MAX)
    }
}

impl PackedSize {
    fn of(items: &[Item]) -> Self {
        Self { bytes: items.iter().map(|item| item.bytes).sum(), files: items.len() }
    }
}

impl PackedFile {
    fn of(item: &Item) -> Self {
        Self { mode: item.mode, bytes: item.bytes, sha256: hex(&item.sha256) }
    }
}

/// Zips away from the threads that wait for other things.
async fn zipping<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(format!("The package cannot be zipped: {error}.")))
}

impl Planned {
    /// The zip, if the files still are what was hashed: what is uploaded is what was planned.
    fn checked<T>(&self, (zip, items): (T, Vec<Item>)) -> Result<T, String> {
        if content_hash(&items) == content_hash(&self.items) {
            return Ok(zip);
        }
        let changed = items.iter().zip(&self.items).find(|(now, then)| now != then);
        let name = changed.map_or("a file", |(now, _)| now.name.as_str());
        Err(format!("`{name}` changed after the package was planned, so it is not uploaded. Run again."))
    }
}

//! Base images: their documents at once, their layers when they are needed.

use super::answers::{is_busy, is_missing};
use super::credentials;
use super::document::{
    DOCKER_INDEX, DOCKER_MANIFEST, Descriptor, Document, Manifest, OCI_INDEX, OCI_MANIFEST, check_config, image_architecture,
};
use super::fetch::{Origin, fetch};
use super::froms::Leads;
use super::store::{Store, digest_of};
use crate::diagnostic::{Diagnostic, chain};
use crate::model::{EventSink, is_loopback};
use crate::package::BASE_UNREACHABLE;
use crate::package::environment::Environment;
use crate::package::problem::{blocking, blocking_io, not_built};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

const CONNECT: Duration = Duration::from_secs(10);
const READ: Duration = Duration::from_secs(60);
/// How long it may take to find out what a name leads to, with logging in.
const LEADS: Duration = Duration::from_secs(15);
/// How often a registry is asked what a name leads to.
const ATTEMPTS: u32 = 3;
/// The pause before the second attempt; the next one is longer.
const PAUSE: Duration = Duration::from_millis(500);
const TYPES: [&str; 4] = [OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_INDEX];

/// A base image for one architecture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Base {
    /// The digest of the image for the architecture.
    pub digest: String,
    pub manifest: Manifest,
    pub config: Value,
    /// What the user should know about it, without address and span.
    pub warning: Option<Diagnostic>,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// As the user wrote it.
    pub name: &'a str,
    pub architecture: &'a str,
    pub is_logged_in: bool,
    /// Whether the registry may be asked.
    pub may_ask: bool,
    /// Whether it is for this machine, whatever the spec says.
    pub is_here: bool,
    /// Told how far blobs are.
    pub events: &'a EventSink,
}

/// What was found behind a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Found {
    /// What the name itself led to: an image, or an index of images.
    digest: String,
    /// The image for the architecture.
    manifest: String,
}

type Cell = Arc<OnceCell<Result<Base, Diagnostic>>>;

/// Registries that base images come from, and what was learned of them in this run.
#[derive(Default)]
pub(super) struct Registries {
    environment: Environment,
    clients: Mutex<BTreeMap<String, Client>>,
    bases: Mutex<BTreeMap<String, Cell>>,
    /// Where the layers of base images come from, by digest.
    origins: Mutex<BTreeMap<String, Origin>>,
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// What names lead to, each asked for once.
    leads: Mutex<BTreeMap<String, Arc<OnceCell<Leads>>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registries {
    /// Credentials are sought in this environment.
    pub fn new(environment: Environment) -> Self {
        Self { environment, ..Self::default() }
    }

    /// The base image, asked for once in a run.
    ///
    /// # Errors
    /// Why there is none, without address and span.
    pub async fn base(&self, wanted: Wanted<'_>, cache: &Path) -> Result<Base, Diagnostic> {
        let key = format!("{} {} {}", wanted.name, wanted.architecture, wanted.is_logged_in);
        let cell = Arc::clone(locked(&self.bases).entry(key).or_default());
        cell.get_or_init(|| self.find(wanted, cache)).await.clone()
    }

    /// What a name leads to, asked for once in a run. The registry is asked as the user's engine would ask it.
    pub async fn leads(&self, name: &str) -> Leads {
        let cell = Arc::clone(locked(&self.leads).entry(name.to_owned()).or_default());
        let asked = || async {
            let asked = tokio::time::timeout(LEADS, self.ask_where(name)).await;
            asked.unwrap_or_else(|_| Leads::Unknown(format!("it did not answer within {} seconds", LEADS.as_secs())))
        };
        cell.get_or_init(asked).await.clone()
    }

    async fn ask_where(&self, name: &str) -> Leads {
        let Ok(reference) = name.parse::<Reference>() else { return Leads::Nowhere };
        let client = match self.client(reference.resolve_registry()) {
            Ok(client) => client,
            Err(why) => return Leads::Unknown(why),
        };
        let auth = credentials::docker_config(reference.registry(), &self.environment).await.unwrap_or(RegistryAuth::Anonymous);
        match client.fetch_manifest_digest(&reference, &auth).await {
            Ok(digest) => Leads::To(digest),
            Err(error) => {
                let trouble = Trouble::from(error);
                match &trouble {
                    Trouble::Refused(error) if is_passing(&trouble) => Leads::Unknown(chain(error)),
                    _ => Leads::Nowhere,
                }
            }
        }
    }

    /// A layer of a base image, fetched unless the store has it.
    ///
    /// # Errors
    /// A sentence when it cannot be fetched, or belongs to no image of this run.
    pub async fn blob(&self, digest: &str, store: &Store) -> Result<PathBuf, String> {
        let turn = Arc::clone(locked(&self.turns).entry(digest.to_owned()).or_default());
        let _turn = turn.lock().await;
        let (kept, wanted) = (store.clone(), digest.to_owned());
        if tokio::task::spawn_blocking(move || kept.is_sound(&wanted)).await.is_ok_and(|is_sound| is_sound) {
            return store.path(digest);
        }
        let origin = locked(&self.origins).get(digest).cloned();
        let origin = origin
            .ok_or_else(|| format!("The blob `{digest}` belongs to no base image of this run, and is not there as a whole. Run again."))?;
        fetch(&origin, store).await
    }

    /// The client for a registry; on this machine it goes without TLS.
    fn client(&self, registry: &str) -> Result<Client, String> {
        if let Some(client) = locked(&self.clients).get(registry) {
            return Ok(client.clone());
        }
        // It fails when another client was first, which has taken the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let protocol = if is_loopback(registry) { ClientProtocol::Http } else { ClientProtocol::Https };
        let config = ClientConfig {
            protocol,
            platform_resolver: None,
            read_timeout: Some(READ),
            connect_timeout: Some(CONNECT),
            user_agent: concat!("lambdo/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|error| chain(&error))?;
        locked(&self.clients).insert(registry.to_owned(), client.clone());
        Ok(client)
    }

    async fn find(&self, wanted: Wanted<'_>, cache: &Path) -> Result<Base, Diagnostic> {
        let reference: Reference = wanted.name.parse().map_err(|error| unusable(wanted.name, &format!("cannot be understood: {error}")))?;
        let store = Store::new(cache);
        let record = cache.join("images").join("bases").join(format!("{}.json", name_of(wanted)));
        let kept = record.clone();
        let known = blocking_io(move || std::fs::read(kept)).await.ok().and_then(|text| serde_json::from_slice::<Found>(&text).ok());
        let known = known.filter(|known| store.read(&known.manifest).is_some());
        let registry = reference.resolve_registry().to_owned();
        let client = self.client(&registry).map_err(|why| unreachable_registry(wanted.name, &why))?;
        let asking = Asking { client, reference, wanted, store: &store };
        let is_pinned = asking.reference.digest().is_some_and(|digest| known.as_ref().is_some_and(|known| known.digest == digest));
        if is_pinned || !wanted.may_ask {
            let known = known.ok_or_else(|| not_built(&format!("the base image `{}`", wanted.name)))?;
            // What must be fetched yet may need to log in.
            let auth = self.auth(&asking).await.unwrap_or(RegistryAuth::Anonymous);
            return self.open(&asking, &auth, &known, None).await;
        }
        let auth = self.auth(&asking).await?;
        let (found, warning) = match asking.look_patiently(&auth, known.as_ref()).await {
            Ok(found) => (found, None),
            Err(error) => match known.filter(|_| is_passing(&error)) {
                Some(known) => (known, Some(stale(wanted.name, &error))),
                None => return Err(asking.problem(&error)),
            },
        };
        let base = self.open(&asking, &auth, &found, warning).await?;
        let remember = move || {
            // What cannot be remembered is asked for again.
            let _ =
                record.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&record, serde_json::to_vec(&found)?));
            Ok(base)
        };
        blocking(remember).await
    }

    async fn auth(&self, asking: &Asking<'_>) -> Result<RegistryAuth, Diagnostic> {
        if !asking.wanted.is_logged_in {
            return Ok(RegistryAuth::Anonymous);
        }
        let found = credentials::docker_config(asking.reference.registry(), &self.environment).await;
        found.map_err(|detail| Diagnostic::error("no-credentials", "There are no credentials for a registry").detail(detail))
    }

    /// Reads the documents of the image, and remembers where its layers come from.
    async fn open(&self, asking: &Asking<'_>, auth: &RegistryAuth, found: &Found, warning: Option<Diagnostic>) -> Result<Base, Diagnostic> {
        let unusable = |why: &str| unusable(asking.wanted.name, why);
        let manifest = asking.store.read(&found.manifest).unwrap_or_default();
        let manifest = match Document::parse(&manifest).map_err(|why| unusable(&why))? {
            Document::Image(manifest) => manifest,
            Document::Index(_) => return Err(unusable("leads to an index in an index")),
        };
        if let Some(why) = manifest.layers.iter().find_map(Descriptor::trouble) {
            return Err(unusable(&why));
        }
        let origin = |blob: &Descriptor| Origin {
            client: asking.client.clone(),
            reference: asking.reference.clone(),
            auth: auth.clone(),
            blob: blob.blob(),
            events: Arc::clone(asking.wanted.events),
        };
        let blobs = manifest.layers.iter().chain([&manifest.config]);
        locked(&self.origins).extend(blobs.map(|blob| (blob.digest.clone(), origin(blob))));
        let path = self.blob(&manifest.config.digest, asking.store).await.map_err(|why| unreachable_registry(asking.wanted.name, &why))?;
        let config = blocking_io(move || std::fs::read(path)).await.ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        let config = config.ok_or_else(|| unusable("has a configuration that is not JSON"))?;
        check_config(&config, manifest.layers.len()).map_err(|why| unusable(&why))?;
        let theirs = config.get("architecture").and_then(Value::as_str).unwrap_or_default();
        if theirs != image_architecture(asking.wanted.architecture) {
            return Err(wrong_architecture(asking.wanted, &[format!("linux/{theirs}")]));
        }
        Ok(Base { digest: found.manifest.clone(), manifest, config, warning })
    }
}

/// One base image that is asked for.
struct Asking<'a> {
    client: Client,
    reference: Reference,
    wanted: Wanted<'a>,
    store: &'a Store,
}

/// Why a name led nowhere.
enum Trouble {
    Refused(Box<OciDistributionError>),
    Said(Diagnostic),
}

impl From<OciDistributionError> for Trouble {
    fn from(error: OciDistributionError) -> Self {
        Self::Refused(Box::new(error))
    }
}

impl Asking<'_> {
    /// The same, asked again where another time may help.
    async fn look_patiently(&self, auth: &RegistryAuth, known: Option<&Found>) -> Result<Found, Trouble> {
        for asked in 1..ATTEMPTS {
            match self.look(auth, known).await {
                Err(trouble) if is_passing(&trouble) => tokio::time::sleep(PAUSE * asked).await,
                answer => return answer,
            }
        }
        self.look(auth, known).await
    }

    /// What the name leads to now. One small request where that is what it led to before.
    async fn look(&self, auth: &RegistryAuth, known: Option<&Found>) -> Result<Found, Trouble> {
        if let Some(known) = known {
            let digest = self.client.fetch_manifest_digest(&self.reference, auth).await?;
            if digest == known.digest {
                return Ok(known.clone());
            }
        }
        let (bytes, _) = self.client.pull_manifest_raw(&self.reference, auth, &TYPES).await?;
        let digest = self.keep(&bytes)?;
        let manifest = match Document::parse(&bytes).map_err(|why| Trouble::Said(unusable(self.wanted.name, &why)))? {
            Document::Image(_) => digest.clone(),
            Document::Index(entries) => self.of_index(auth, &entries).await?,
        };
        Ok(Found { digest, manifest })
    }

    fn keep(&self, bytes: &[u8]) -> Result<String, Trouble> {
        self.store
            .put(bytes)
            .map(|blob| blob.digest)
            .map_err(|error| Trouble::Said(unusable(self.wanted.name, &format!("cannot be kept: {error}"))))
    }

    async fn of_index(&self, auth: &RegistryAuth, entries: &[Descriptor]) -> Result<String, Trouble> {
        let images: Vec<&Descriptor> = entries.iter().filter(|entry| !entry.is_attestation()).collect();
        let architecture = image_architecture(self.wanted.architecture);
        let fits = |entry: &&&Descriptor| {
            entry.platform.as_ref().is_some_and(|platform| platform.os == "linux" && platform.architecture == architecture)
        };
        // The plainest of several: the newest variants run on the newest processors only.
        let plainest =
            |entry: &&&Descriptor| entry.platform.as_ref().and_then(|platform| platform.variant.clone()).filter(|variant| variant != "v8");
        let Some(entry) = images.iter().filter(fits).min_by_key(plainest) else {
            let platforms: Vec<String> = images.iter().filter_map(|entry| Some(entry.platform.as_ref()?.shown())).collect();
            return Err(Trouble::Said(wrong_architecture(self.wanted, &platforms)));
        };
        let reference = self.reference.clone_with_digest(entry.digest.clone());
        let (bytes, _) = self.client.pull_manifest_raw(&reference, auth, &TYPES).await?;
        if digest_of(&bytes) != entry.digest {
            return Err(Trouble::Said(unusable(self.wanted.name, "leads to an image that is not what its digest says")));
        }
        self.keep(&bytes)
    }

    fn problem(&self, trouble: &Trouble) -> Diagnostic {
        let name = self.wanted.name;
        let error = match trouble {
            Trouble::Said(problem) => return problem.clone(),
            Trouble::Refused(error) => error,
        };
        if is_passing(trouble) {
            return unreachable_registry(name, &chain(error));
        }
        let registry = self.reference.resolve_registry();
        if is_missing(error) {
            return Diagnostic::error("no-base-image", "The base image is not there")
                .detail(format!("The registry `{registry}` has no image `{name}`. Check the name and the tag."));
        }
        let problem = Diagnostic::error("base-image-refused", "The registry does not give the base image")
            .detail(format!("The registry `{registry}` does not give `{name}`: {}.", chain(error).trim_end_matches('.')));
        match self.wanted.is_logged_in {
            true => problem.hint(format!("the credentials of the docker configuration may be too old: `docker login {registry}`")),
            false => problem
                .hint("either there is no such image, or it is private: then `credentials = \"docker-config\"` logs in as `docker` does"),
        }
    }
}

/// Whether it may go through another time, as without a network.
fn is_passing(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Said(_) => false,
        Trouble::Refused(error) => match &**error {
            OciDistributionError::RequestError(_) | OciDistributionError::IoError(_) => true,
            OciDistributionError::ServerError { code, .. } => *code >= 500 || *code == 429,
            error => is_busy(error),
        },
    }
}

fn unreachable_registry(name: &str, why: &str) -> Diagnostic {
    Diagnostic::error(BASE_UNREACHABLE, "The base image cannot be fetched")
        .detail(format!("The base image `{name}` cannot be had: {}.", why.trim_end_matches('.')))
        .hint("a base image with a digest, `NAME@sha256:…`, is asked for only once")
}

fn stale(name: &str, trouble: &Trouble) -> Diagnostic {
    let why = if let Trouble::Refused(error) = trouble { chain(error) } else { String::new() };
    Diagnostic::warning("base-image-unchecked", "Whether a base image has moved is not known").detail(format!(
        "The registry of `{name}` cannot be asked ({}), so what the name led to before is used.",
        why.trim_end_matches('.')
    ))
}

fn unusable(name: &str, why: &str) -> Diagnostic {
    Diagnostic::error("bad-base-image", "The base image cannot be used").detail(format!("`{name}` {why}."))
}

fn wrong_architecture(wanted: Wanted<'_>, platforms: &[String]) -> Diagnostic {
    let there = if platforms.is_empty() { "none that says what it runs on".to_owned() } else { platforms.join(", ") };
    let problem = Diagnostic::error("wrong-architecture", "The base image does not run on the function's processor").detail(format!(
        "`{}` has no image for `linux/{}`; it has {there}.",
        wanted.name,
        image_architecture(wanted.architecture)
    ));
    let default = if wanted.architecture == "x86_64" { ", which is AWS's default" } else { "" };
    problem.hint(match wanted.is_here {
        true => format!("with `--local`, images are made for this machine, which is `{}`", wanted.architecture),
        false => format!("the function has `architectures = \"{}\"`{default}", wanted.architecture),
    })
}

fn name_of(wanted: Wanted<'_>) -> String {
    let digest = digest_of(format!("{} {}", wanted.name, wanted.architecture).as_bytes());
    digest.trim_start_matches("sha256:").chars().take(16).collect()
}

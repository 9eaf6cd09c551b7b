//! From the command line to the things that do the work: spec, store, engine.

mod others;
mod recording;
mod stages;

use super::args::{Arguments, Command, Global};
use super::local::{self, LocalCloud};
use super::named_file;
use super::progress::Progress;
use super::render::{file_name, position};
use super::ui::Ui;
use super::view::{Title, human, json_calls};
use crate::aws::{Meter, Quotas, Session, Settings, configured_region, local_region};
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, Interrupt, SystemClock};
use crate::kinds::Registry;
use crate::local::FaultPlan;
use crate::model::{CallAccount, Event, EventSink, Exit, Failure, Scrubber, State};
use crate::spec::{self, Checked, Header, LoadOptions, STATE_FOLDER, Spec};
use crate::store::{FileStore, RunRecords, StateStore};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The file that is sought upward.
pub const CONFIG_FILE: &str = "config.toml";
/// Below it, what belongs to the embedded cloud: local and real share nothing.
const LOCAL_FOLDER: &str = "local";

/// How long a plan that is ready waits for the account's alias: where IAM cannot be reached, it goes without.
const ALIAS_PATIENCE: Duration = Duration::from_secs(1);

/// What every command has.
#[derive(Clone)]
pub struct Workspace {
    /// The options.
    pub global: Global,
    /// Prints.
    pub ui: Arc<Ui>,
    /// Shows and records events.
    pub progress: Arc<Progress>,
    /// All kinds.
    pub registry: Arc<Registry>,
    /// Ctrl-C.
    pub interrupt: Interrupt,
    /// The embedded cloud, from the first call to it on.
    pub local: Arc<LocalCloud>,
    /// AWS's quotas, shared by everything in the process.
    quotas: Arc<Quotas>,
    /// Counts what is asked of AWS.
    meter: Meter,
    /// Keeps secrets out of what is shown and written.
    scrubber: Scrubber,
    /// The verb.
    verb: String,
}

/// The spec's text and where it stands.
#[derive(Clone)]
pub struct Config {
    /// Its path, as short as it can be given.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// An engine and what is said about where it works.
pub struct Connection {
    /// The engine.
    pub engine: Engine,
    /// Asked for while something else goes on: it stands in a title and decides nothing.
    alias: Shared<BoxFuture<'static, Option<String>>>,
    /// The local cloud's port says nothing to anybody.
    is_local: bool,
}

impl Connection {
    /// What stands above plans and questions.
    pub async fn title(&self, state: &State) -> Title {
        Title {
            project: state.project.clone(),
            stage: state.stage.clone(),
            target: state.target.clone(),
            alias: tokio::time::timeout(ALIAS_PATIENCE, self.alias.clone()).await.ok().flatten(),
            endpoint: self.engine.endpoint().filter(|_| !self.is_local).map(str::to_owned),
            serial: state.serial,
        }
    }
}

impl Workspace {
    /// Everything that does not need the spec.
    ///
    /// # Errors
    /// [`Exit::Usage`] when the events file cannot be made.
    pub fn new(arguments: &Arguments, ui: Arc<Ui>, interrupt: Interrupt) -> Result<Self, Failure> {
        let mut global = arguments.global.clone();
        global.local |= matches!(arguments.command, Command::Local(_));
        let events = global.events.as_ref().map(|path| base(&global).join(path));
        let progress = Progress::new(Arc::clone(&ui), events.as_deref())?;
        let scrubber = ui.scrubber().clone();
        Ok(Self {
            global,
            ui,
            progress,
            registry: Arc::new(Registry::new()),
            interrupt,
            local: Arc::default(),
            quotas: Arc::new(Quotas::new()),
            meter: Meter::default(),
            scrubber,
            verb: arguments.command.name().to_owned(),
        })
    }

    /// A path as the user gave it, below `--directory`.
    pub fn path(&self, path: &Path) -> PathBuf {
        base(&self.global).join(path)
    }

    /// How long to wait for somebody else's lock.
    pub fn lock_wait(&self) -> Duration {
        self.global.lock_wait.map_or(Duration::ZERO, |wait| wait.0)
    }

    /// Where events go.
    pub fn events(&self) -> EventSink {
        self.progress.sink()
    }

    /// Where the spec is, if there is one.
    pub fn config_path(&self) -> Option<PathBuf> {
        self.global.config.as_ref().map_or_else(|| sought_upward(&base(&self.global)), |path| Some(self.path(path)))
    }

    /// Finds and reads the spec.
    ///
    /// # Errors
    /// [`Exit::Usage`] when there is none or it cannot be read.
    pub fn config(&self) -> Result<Config, Failure> {
        let path = self.config_path().ok_or_else(|| no_config(&base(&self.global)))?;
        let problem = match named_file::read(&path).map(String::from_utf8) {
            Ok(Ok(text)) => return Ok(Config { path, text }),
            Ok(Err(error)) => not_utf8(&path, &error),
            Err(error) => Diagnostic::error("config-unreadable", "The spec cannot be read")
                .detail(format!("`{}` cannot be read: {error}.", file_name(&path))),
        };
        Err(Failure::new(Exit::Usage, problem))
    }

    /// Reads the whole spec; warnings are shown.
    ///
    /// # Errors
    /// [`Exit::Usage`] with everything that is wrong with it.
    pub fn spec(&self, config: &Config) -> Result<Spec, Failure> {
        self.with_options(|options| spec::load(&config.path, &config.text, options, &self.registry)).map_err(Failure::from)
    }

    /// Reads the whole spec and checks what can be known without AWS; `packages` looks at the sources.
    ///
    /// # Errors
    /// [`Exit::Usage`] with everything that is wrong with it.
    pub fn checked(&self, config: &Config, packages: &dyn Fn(&Spec) -> Vec<Diagnostic>) -> Result<Checked, Failure> {
        self.with_options(|options| spec::check(&config.path, &config.text, options, &self.registry, packages)).map_err(Failure::from)
    }

    /// Reads only what says where the project lives.
    ///
    /// # Errors
    /// [`Exit::Usage`] with everything that is wrong with it.
    pub fn header(&self, config: &Config) -> Result<Header, Failure> {
        let found = self.with_options(|options| spec::load_header(&config.path, &config.text, options));
        found.map_err(|findings| self.or_stageless(config, Failure::from(findings)))
    }

    /// The same where there need not be a spec.
    ///
    /// # Errors
    /// [`Exit::Usage`] with everything that is wrong with a spec that is there.
    pub fn header_if_there(&self) -> Result<Option<Header>, Failure> {
        self.config_path().map(|_| self.header(&self.config()?)).transpose()
    }

    /// What stands in for the header of a spec where there is none.
    pub fn header_without_file(&self) -> Header {
        Header::without_file(base(&self.global))
    }

    fn with_options<T>(&self, load: impl FnOnce(&LoadOptions<'_>) -> T) -> T {
        let environment = |name: &str| std::env::var(name).ok();
        let local = self.global.local.then(local::architecture);
        load(&LoadOptions { stage: given(&self.global.stage), region: given(&self.global.region), local, environment: &environment })
    }

    /// The folder of the state files.
    pub fn state_folder(&self, header: &Header) -> PathBuf {
        let folder = match &self.global.state_dir {
            Some(folder) => self.path(folder),
            None => header.folder.join(header.state_path.as_deref().unwrap_or(STATE_FOLDER)),
        };
        let folder = if self.global.local { folder.join(LOCAL_FOLDER) } else { folder };
        // As short as people write it, since it is shown.
        let short = folder.strip_prefix(".").ok().filter(|short| !short.as_os_str().is_empty());
        short.map_or_else(|| folder.clone(), Path::to_path_buf)
    }

    /// All folders in which this project may have states: another `--state-dir` makes no other packages.
    pub fn state_folders(&self, header: &Header) -> Vec<PathBuf> {
        let usual = header.folder.join(header.state_path.as_deref().unwrap_or(STATE_FOLDER));
        [usual].into_iter().chain(self.global.state_dir.as_ref().map(|folder| self.path(folder))).collect()
    }

    /// Where the local cloud lives, and the region that the spec deploys to. There need not be a spec; one
    /// with stages need not be asked for one.
    ///
    /// # Errors
    /// [`Exit::Usage`] when there is a spec, and what it says of where the project lives is wrong.
    pub fn local_place(&self) -> Result<(PathBuf, Option<String>), Failure> {
        let config = self.config().ok();
        if let Some(header) = self.header_of_any_stage()? {
            return Ok((self.state_folder(&header), either(&self.global.region, &header.aws.region)));
        }
        let beside = config.as_ref().and_then(|config| config.path.parent()).map_or_else(|| base(&self.global), Path::to_path_buf);
        let folder = self.global.state_dir.as_ref().map_or_else(|| beside.join(STATE_FOLDER), |folder| self.path(folder));
        Ok((folder.join(LOCAL_FOLDER), given(&self.global.region).map(str::to_owned)))
    }

    /// What the local cloud shall do wrong, if anything.
    ///
    /// # Errors
    /// [`Exit::Usage`] with everything that is wrong with the plan.
    pub fn faults(&self) -> Result<Option<FaultPlan>, Failure> {
        self.global.faults.as_ref().map(|path| local::faults(&self.path(path))).transpose()
    }

    /// The state's store.
    pub fn store(&self, header: &Header) -> FileStore {
        FileStore::new(self.state_folder(header), &header.project, header.stage.as_deref())
    }

    /// The records of earlier runs.
    pub fn runs(&self, header: &Header) -> RunRecords {
        RunRecords::below(&self.state_folder(header))
    }

    /// Asks AWS whose account this is, and refuses one that the spec does not allow.
    ///
    /// # Errors
    /// [`Exit::Failed`] without credentials or region, [`Exit::Refused`] for a wrong account.
    pub async fn connect(&self, header: &Header) -> Result<Connection, Failure> {
        let session = self.session(header).await?;
        let alias = if self.global.local {
            std::future::ready(Some("local cloud".to_owned())).boxed().shared()
        } else {
            let asked = tokio::spawn(session.account_alias());
            asked.map(|answer| answer.ok().flatten()).boxed().shared()
        };
        Ok(Connection { engine: self.engine_of(session, header)?, alias, is_local: self.global.local })
    }

    /// The same for what has no title, and so needs no alias of the account.
    ///
    /// # Errors
    /// Those of [`Workspace::connect`].
    pub async fn engine(&self, header: &Header) -> Result<Engine, Failure> {
        self.engine_of(self.session(header).await?, header)
    }

    async fn session(&self, header: &Header) -> Result<Session, Failure> {
        let settings = if self.global.local { self.local_settings(header).await? } else { self.settings(header) };
        let session = Session::connect(
            &settings,
            Arc::clone(&self.quotas),
            self.meter.clone(),
            self.scrubber.clone(),
            self.events(),
            self.interrupt.drain.clone(),
        )
        .await?;
        if let (Some(endpoint), Some(source)) = (session.endpoint(), session.endpoint_source()) {
            self.ui.status(&format!("Calling `{endpoint}` instead of AWS, as {source} says"));
        }
        Ok(session)
    }

    /// The region, as far as it is known without asking a machine's metadata.
    pub async fn configured_region(&self, header: &Header) -> Option<String> {
        configured_region(&self.settings(header)).await
    }

    /// What was asked of AWS so far, if anything was.
    pub fn calls(&self) -> Option<CallAccount> {
        self.meter.account()
    }

    /// Writes a JSON document to stdout, with what was asked of AWS.
    pub fn document(&self, mut document: serde_json::Value) {
        self.calls().iter().for_each(|calls| json_calls::with_calls(&mut document, calls));
        self.ui.document(&document);
    }

    /// Says what the calls cost, at the end of a command: all of it with `--verbose`, else a line where it was much.
    pub fn tell_calls(&self) {
        let Some(account) = self.calls() else { return };
        self.progress.note(&Event::Calls { account: account.clone() });
        let text = match self.ui.is_verbose() {
            true => Some(human::calls(&account, self.ui.width())),
            // Under `--local` nobody is slowed down by AWS.
            false if self.global.local => None,
            false => human::slowed(&account, self.ui.width()),
        };
        text.iter().for_each(|text| self.ui.status(text));
    }

    fn settings(&self, header: &Header) -> Settings {
        let aws = &header.aws;
        Settings {
            region: either(&self.global.region, &aws.region),
            profile: either(&self.global.profile, &aws.profile),
            assume_role_arn: aws.assume_role_arn.clone(),
            endpoint_url: either(&self.global.endpoint_url, &aws.endpoint_url),
            is_local: false,
        }
    }

    /// The embedded cloud has one account: profiles, roles and endpoints of the spec do not apply.
    async fn local_settings(&self, header: &Header) -> Result<Settings, Failure> {
        let region = either(&self.global.region, &header.aws.region);
        // What stays for as long as it is wanted fires schedules; a command would end in the middle.
        let schedules = self.verb == "daemon";
        let endpoint_url = Some(self.local.endpoint_url(&self.state_folder(header), schedules, self.faults()?).await?);
        if let Some(bucket) = &header.aws.code_bucket {
            self.local.bucket(&local_region(region.as_deref()).await, bucket, &self.ui).await?;
        }
        Ok(Settings { region, endpoint_url, is_local: true, ..Settings::default() })
    }

    fn engine_of(&self, session: Session, header: &Header) -> Result<Engine, Failure> {
        let store: Arc<dyn StateStore> = Arc::new(self.store(header));
        let clock = Arc::new(SystemClock);
        let engine = Engine::new(session, store, Arc::clone(&self.registry), clock, self.events(), self.interrupt.clone());
        if !self.global.local {
            engine.guard(&header.aws.allowed_account_ids)?;
        }
        Ok(engine)
    }
}

fn base(global: &Global) -> PathBuf {
    global.directory.clone().unwrap_or_else(|| PathBuf::from("."))
}

fn given(option: &Option<String>) -> Option<&str> {
    option.as_deref().filter(|text| !text.is_empty())
}

fn either(option: &Option<String>, file: &Option<String>) -> Option<String> {
    given(option).map(str::to_owned).or_else(|| file.clone())
}

fn sought_upward(folder: &Path) -> Option<PathBuf> {
    let here = folder.join(CONFIG_FILE);
    if here.is_file() {
        return Some(here);
    }
    let absolute = folder.canonicalize().ok()?;
    absolute.ancestors().skip(1).map(|above| above.join(CONFIG_FILE)).find(|path| path.is_file())
}

/// Editors that save in another encoding than UTF-8 are not rare on Windows.
fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> Diagnostic {
    let bytes = error.as_bytes();
    let diagnostic = Diagnostic::error("not-utf8", "The spec is not UTF-8");
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let detail = format!("`{}` is UTF-16.", file_name(path));
        return diagnostic.detail(detail).hint("save it as UTF-8");
    }
    let read = String::from_utf8_lossy(&bytes[..error.utf8_error().valid_up_to()]);
    let (line, column) = position(&read, read.len());
    let byte = bytes.get(error.utf8_error().valid_up_to()).copied().unwrap_or_default();
    let detail = format!("`{}` has the byte 0x{byte:02X} in line {line}, column {column}, which is no UTF-8.", file_name(path));
    diagnostic.detail(detail).hint("save it as UTF-8; most likely it is Latin-1 or Windows-1252 now")
}

fn no_config(folder: &Path) -> Failure {
    if !folder.is_dir() {
        let detail = format!("`-C {}` was given, and there is no such folder.", folder.display());
        return Failure::new(Exit::Usage, Diagnostic::error("no-folder", "No such folder").detail(detail));
    }
    let place = folder.canonicalize().map_or_else(|_| "this folder".into(), |folder| format!("`{}`", folder.display()));
    let diagnostic = Diagnostic::error("no-config", "No spec found")
        .detail(format!("There is no `{CONFIG_FILE}` in {place} or in a folder above it."))
        .hint("`lambdo init` writes one for what lies here")
        .hint("or name one with `--config FILE`, or another folder with `-C DIR`");
    Failure::new(Exit::Usage, diagnostic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spec_is_sought_here_and_then_in_folders_above() {
        let root = tempfile::tempdir().unwrap();
        let below = root.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        assert_eq!(sought_upward(&below).filter(|path| path.starts_with(root.path())), None);
        std::fs::write(root.path().join(CONFIG_FILE), "").unwrap();
        assert_eq!(sought_upward(&below), Some(root.path().canonicalize().unwrap().join(CONFIG_FILE)));
        std::fs::write(below.join(CONFIG_FILE), "").unwrap();
        assert_eq!(sought_upward(&below), Some(below.join(CONFIG_FILE)));
    }

    #[test]
    fn an_empty_variable_is_no_option() {
        assert_eq!(either(&Some(String::new()), &Some("file".into())).as_deref(), Some("file"));
        assert_eq!(either(&Some("flag".into()), &Some("file".into())).as_deref(), Some("flag"));
    }
}

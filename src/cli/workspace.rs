//! From the command line to the things that do the work: spec, store, engine.

use super::args::{Arguments, Global};
use super::progress::Progress;
use super::ui::Ui;
use super::view::Title;
use crate::aws::{Quotas, Session, Settings};
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, Interrupt, SystemClock};
use crate::kinds::Registry;
use crate::model::{EventSink, Exit, Failure, State};
use crate::spec::{self, Header, LoadOptions, Spec};
use crate::store::{FileStore, StateStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that is sought upward.
const CONFIG_FILE: &str = "config.toml";
/// Where the state is, beside the spec.
const STATE_FOLDER: &str = "state";

/// What every command has.
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
}

/// The spec's text and where it stands.
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
    alias: Option<String>,
}

impl Connection {
    /// What stands above plans and questions.
    pub fn title(&self, state: &State) -> Title {
        Title {
            project: state.project.clone(),
            stage: state.stage.clone(),
            target: state.target.clone(),
            alias: self.alias.clone(),
            endpoint: state.endpoint.clone(),
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
        let global = arguments.global.clone();
        let events = global.events.as_ref().map(|path| base(&global).join(path));
        let progress = Progress::new(Arc::clone(&ui), events.as_deref())?;
        Ok(Self { global, ui, progress, registry: Arc::new(Registry::new()), interrupt })
    }

    /// A path as the user gave it, below `--directory`.
    pub fn path(&self, path: &Path) -> PathBuf {
        base(&self.global).join(path)
    }

    /// Where events go.
    pub fn events(&self) -> EventSink {
        self.progress.sink()
    }

    /// Finds and reads the spec.
    ///
    /// # Errors
    /// [`Exit::Usage`] when there is none or it cannot be read.
    pub fn config(&self) -> Result<Config, Failure> {
        let path = match &self.global.config {
            Some(path) => self.path(path),
            None => sought_upward(&base(&self.global)).ok_or_else(no_config)?,
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Config { path, text }),
            Err(error) => {
                let detail = format!("`{}` cannot be read: {error}.", path.display());
                Err(Failure::new(Exit::Usage, Diagnostic::error("config-unreadable", "The spec cannot be read").detail(detail)))
            }
        }
    }

    /// Reads the whole spec; warnings are shown.
    ///
    /// # Errors
    /// [`Exit::Usage`] with everything that is wrong with it.
    pub fn spec(&self, config: &Config) -> Result<Spec, Failure> {
        self.with_options(|options| spec::load(&config.path, &config.text, options, &self.registry)).map_err(Failure::from)
    }

    /// Reads only what says where the project lives.
    ///
    /// # Errors
    /// [`Exit::Usage`] with everything that is wrong with it.
    pub fn header(&self, config: &Config) -> Result<Header, Failure> {
        self.with_options(|options| spec::load_header(&config.path, &config.text, options)).map_err(Failure::from)
    }

    fn with_options<T>(&self, load: impl FnOnce(&LoadOptions<'_>) -> T) -> T {
        let environment = |name: &str| std::env::var(name).ok();
        load(&LoadOptions { stage: given(&self.global.stage), region: given(&self.global.region), environment: &environment })
    }

    /// The folder of the state files.
    pub fn state_folder(&self, header: &Header) -> PathBuf {
        let folder = match &self.global.state_dir {
            Some(folder) => self.path(folder),
            None => header.folder.join(header.state_path.as_deref().unwrap_or(STATE_FOLDER)),
        };
        // As short as people write it, since it is shown.
        let short = folder.strip_prefix(".").ok().filter(|short| !short.as_os_str().is_empty());
        short.map_or_else(|| folder.clone(), Path::to_path_buf)
    }

    /// The state's store.
    pub fn store(&self, header: &Header) -> FileStore {
        FileStore::new(self.state_folder(header), &header.project, header.stage.as_deref())
    }

    /// Asks AWS whose account this is, and refuses one that the spec does not allow.
    ///
    /// # Errors
    /// [`Exit::Failed`] without credentials or region, [`Exit::Refused`] for a wrong account.
    pub async fn connect(&self, header: &Header) -> Result<Connection, Failure> {
        let session = self.session(header).await?;
        let alias = session.account_alias().await;
        Ok(Connection { engine: self.engine_of(session, header)?, alias })
    }

    /// The same for what has no title, and so needs no alias of the account.
    ///
    /// # Errors
    /// Those of [`Workspace::connect`].
    pub async fn engine(&self, header: &Header) -> Result<Engine, Failure> {
        self.engine_of(self.session(header).await?, header)
    }

    async fn session(&self, header: &Header) -> Result<Session, Failure> {
        let aws = &header.aws;
        let settings = Settings {
            region: either(&self.global.region, &aws.region),
            profile: either(&self.global.profile, &aws.profile),
            assume_role_arn: aws.assume_role_arn.clone(),
            endpoint_url: either(&self.global.endpoint_url, &aws.endpoint_url),
        };
        Session::connect(&settings, Arc::new(Quotas::new()), self.events(), self.interrupt.drain.clone()).await
    }

    fn engine_of(&self, session: Session, header: &Header) -> Result<Engine, Failure> {
        let store: Arc<dyn StateStore> = Arc::new(self.store(header));
        let clock = Arc::new(SystemClock);
        let engine = Engine::new(session, store, Arc::clone(&self.registry), clock, self.events(), self.interrupt.clone());
        engine.guard(&header.aws.allowed_account_ids)?;
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

fn no_config() -> Failure {
    let diagnostic = Diagnostic::error("no-config", "No spec found")
        .detail(format!("There is no `{CONFIG_FILE}` in this folder or in one above it."))
        .hint("name one with `--config FILE`, or another folder with `-C DIR`");
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

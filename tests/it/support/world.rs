//! An emulator, a proxy in front of it and clients beside it.

use super::cloud::Cloud;
use super::emulator::{Backend, Emulator};
use super::proxy::Proxy;
use super::sandbox::Sandbox;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// All of AWS that a test sees.
pub struct World {
    /// Looks at the emulator and changes it behind lambdo's back, uncounted.
    pub cloud: Cloud,
    /// What lambdo talks to.
    pub proxy: Arc<Proxy>,
    emulator: Option<Emulator>,
    // After what runs on it: fields are dropped in this order.
    runtime: Runtime,
    folder: TempDir,
}

impl World {
    /// Starts an emulator of its own for this test.
    pub fn start(backend: Backend) -> Self {
        let folder = TempDir::new().unwrap();
        let emulator = Emulator::start(backend, folder.path());
        Self::around(emulator.authority.clone(), Some(emulator), folder)
    }

    /// No emulator at all: for what must be refused before any call.
    pub fn without_cloud() -> Self {
        // Nobody listens on the discard port of the loopback.
        Self::around("127.0.0.1:9".to_owned(), None, TempDir::new().unwrap())
    }

    fn around(authority: String, emulator: Option<Emulator>, folder: TempDir) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let proxy = Arc::new(Proxy::start(runtime.handle(), &authority));
        let cloud = Cloud::connect(runtime.handle().clone(), &format!("http://{authority}"));
        Self { cloud, proxy, emulator, runtime, folder }
    }

    /// Where the emulator itself answers, as `host:port`.
    pub fn authority(&self) -> String {
        self.emulator.as_ref().expect("this world has an emulator").authority.clone()
    }

    /// A project folder whose lambdo talks to this world.
    pub fn sandbox(&self, spec: &str) -> Sandbox {
        Sandbox::new(Arc::clone(&self.proxy), spec)
    }

    /// One more way to the emulator, with a ledger of its own.
    pub fn another_proxy(&self) -> Proxy {
        Proxy::start(self.runtime.handle(), &self.authority())
    }

    /// The emulator's process.
    pub fn emulator(&self) -> &Emulator {
        self.emulator.as_ref().expect("this world has an emulator")
    }

    /// The emulator's own folder. A `lambdo --local --state-dir` joins the local cloud in `cloud` below it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// More clients beside it, for threads of their own.
    pub fn connect(&self) -> Cloud {
        self.connect_to(&self.emulator().authority)
    }

    /// Clients for a cloud that is none of this world's.
    pub fn connect_to(&self, authority: &str) -> Cloud {
        Cloud::connect(self.runtime.handle().clone(), &format!("http://{authority}"))
    }

    /// An empty cloud again, and nothing that goes wrong.
    pub fn reset(&self) {
        self.proxy.clear();
        self.proxy.settle();
        self.emulator().reset();
    }
}

//! Workspaces that are made of another one.

use super::{Config, Workspace};
use crate::aws::{Meter, Quotas};
use crate::cli::args::Global;
use crate::cli::progress::Progress;
use crate::model::Failure;
use crate::spec::{self, Header};
use std::path::Path;
use std::sync::Arc;

impl Workspace {
    /// The same for another spec, worked on in the background: it says nothing, and counts its own calls. Quotas are shared
    /// by all that have the same ones.
    ///
    /// # Errors
    /// None that a run without an events file can have.
    pub fn beside(&self, config: &Path, quotas: &Arc<Quotas>) -> Result<Self, Failure> {
        let ui = Arc::new(self.ui.muted());
        let absolute = std::path::absolute(config).unwrap_or_else(|_| config.to_path_buf());
        Ok(Self {
            global: Global { config: Some(absolute), events: None, ..self.global.clone() },
            progress: Progress::new(Arc::clone(&ui), None)?,
            ui,
            registry: Arc::clone(&self.registry),
            interrupt: self.interrupt.clone(),
            local: Arc::default(),
            quotas: Arc::clone(quotas),
            meter: Meter::default(),
            scrubber: self.scrubber.clone(),
            verb: self.verb.clone(),
        })
    }

    /// What a broken spec still says of where it lives and whom it tells, if that can be made out.
    pub fn salvaged(&self, config: &Config) -> Option<Header> {
        self.with_options(|options| spec::salvage(&config.path, &config.text, options))
    }

    /// The same for another stage of the spec.
    pub fn in_stage(&self, stage: &str) -> Self {
        let mut other = self.clone();
        other.global.stage = Some(stage.to_owned());
        other
    }
}

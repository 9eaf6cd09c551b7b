//! What a workspace finds where a stage, or `--local`, is not given.

use super::{Config, LOCAL_FOLDER, Workspace};
use crate::model::Failure;
use crate::spec::Header;
use crate::store::FileStore;

/// The finding that a spec has stages and none was given.
const STAGE_NEEDED: &str = "stage-needed";

impl Workspace {
    /// The header of a spec, if there is one, for what concerns no stage: without one that is given, a spec that has
    /// stages is as good as none.
    ///
    /// # Errors
    /// [`crate::model::Exit::Usage`] with everything else that is wrong with a spec that is there.
    pub fn header_of_any_stage(&self) -> Result<Option<Header>, Failure> {
        match self.header_if_there() {
            Err(failure) if failure.diagnostics.iter().all(|diagnostic| diagnostic.code == STAGE_NEEDED) => Ok(None),
            other => other,
        }
    }

    /// The state that the same command would have with `--local`; `None` under `--local`.
    pub fn local_store(&self, header: &Header) -> Option<FileStore> {
        let folder = self.state_folder(header).join(LOCAL_FOLDER);
        (!self.global.local).then(|| FileStore::new(folder, &header.project, header.stage.as_deref()))
    }

    /// Adds to the question for a stage what was deployed before the spec had stages: no stage knows of it.
    pub(super) fn or_stageless(&self, config: &Config, mut failure: Failure) -> Failure {
        let Some(needed) = failure.diagnostics.iter_mut().find(|diagnostic| diagnostic.code == STAGE_NEEDED) else { return failure };
        let Some(header) = self.salvaged(config) else { return failure };
        let state = FileStore::new(self.state_folder(&header), &header.project, None).path();
        if state.exists() {
            needed.hints.push(format!(
                "`{}` is of the time before the stages: to take down what it names, leave the stages out of the spec for one `lambdo destroy`",
                state.display()
            ));
        }
        failure
    }
}

//! What a plan was made from, to see whether it still holds once people have answered.

use super::run::refusals;
use crate::cli::saved_plan::Doings;
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, PlanOptions};
use crate::model::{ArtifactSource, Desired, Exit, Failure, Plan, State};

/// What a plan was made from, AWS left out.
pub struct Premises {
    /// What was wished.
    pub desired: Desired,
    /// The state as it was before the plan settled anything in it.
    pub state: State,
    /// What was asked besides.
    pub options: PlanOptions,
}

impl Premises {
    /// Looks at AWS once more and refuses a plan that is not the one to make any more: people may have thought about their
    /// answer for an hour, and somebody else may have made or changed something in the meantime.
    ///
    /// # Errors
    /// [`Exit::Refused`] with the resources concerned, and what keeps AWS from being read.
    pub async fn hold(mut self, plan: &Plan, engine: &Engine, artifacts: &dyn ArtifactSource) -> Result<(), Failure> {
        let now = engine.plan_with(&mut self.desired, &mut self.state, &self.options, Some(artifacts)).await?;
        let Some(whom) = Doings::of(plan).moved(&now) else { return Ok(()) };
        let outdated = Diagnostic::error("plan-outdated", "The plan does not hold any more")
            .detail(format!(
                "While the question stood, AWS was changed, so that another plan is needed for {whom}. Nothing was changed by lambdo."
            ))
            .hint("run the command again: it shows what would be done now");
        Err(Failure { exit: Exit::Refused, diagnostics: [vec![outdated], refusals(&now)].concat() })
    }
}

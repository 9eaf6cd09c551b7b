//! Reading the logs of several functions as one.

mod dedup;
mod follow;
mod history;
mod since;
mod sources;

pub use follow::Follow;
pub use history::scan;
pub use since::Since;
pub use sources::Sources;

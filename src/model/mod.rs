//! Plain data: no I/O, no clock, no environment, no randomness, nothing async.

pub mod address;
pub mod artifact;
pub mod calls;
pub mod desired;
pub mod diff;
pub mod document;
pub mod event;
pub mod exit;
pub mod field;
pub mod intent;
pub mod observed;
pub mod path;
pub mod plan;
pub mod rules;
pub mod section;
pub mod source_change;
pub mod state;
pub mod value;

pub use address::{Address, PhysicalId};
pub use artifact::{Artifact, ArtifactSource, Blob, Form, Image, PackageRequest, StoredCode};
pub use calls::CallAccount;
pub use desired::{Dependency, Desired, Identity, Resource, Strength, Target, Until};
pub use diff::{Cause, Change};
pub use event::{Event, EventSink};
pub use exit::{Exit, Failure};
pub use field::{Compare, Default, Effect, Field, Shape};
pub use intent::{Record, Transition};
pub use observed::{Live, Observed, Sighting, Unchecked};
pub use path::Path;
pub use plan::{Action, Carry, Operation, OperationId, Plan, Reason, Step, Wait};
pub use rules::{Draft, Removal, Replacement, Rules, RulesSet, Update};
pub use section::Section;
pub use source_change::{SourceChange, SourceChanges};
pub use state::{Deposed, Entry, Lineage, State};
pub use value::{AccountFact, Table, TemplatePart, Value};

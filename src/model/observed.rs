//! What AWS showed, and what could not be read.

use super::{Address, Extra, Path, PhysicalId, Table};
use std::collections::BTreeMap;

/// What one pass over AWS showed: for each address, what stands under each physical id that the
/// spec, the state or an open intent gives it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// By address and physical id.
    pub sightings: BTreeMap<(Address, PhysicalId), Sighting>,
}

impl Observed {
    /// What stands under this physical id of this address; `None` when nobody looked.
    pub fn of(&self, address: &Address, physical_id: &PhysicalId) -> Option<&Sighting> {
        self.sightings.get(&(address.clone(), physical_id.clone()))
    }
}

/// What was seen of one resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Sighting {
    /// AWS says that it is not there.
    Missing,
    /// It is there.
    Found(Live),
    /// It could not be read; nothing is known about it.
    Unreadable(Unchecked),
}

impl Sighting {
    /// Makes [`Sighting::Unreadable`] for a whole resource.
    pub fn unreadable(why: &str, detail: impl Into<String>) -> Self {
        Self::Unreadable(Unchecked { path: Path::default(), why: why.to_owned(), detail: detail.into(), hints: Vec::new() })
    }

    /// What is there, if it was seen.
    pub fn live(&self) -> Option<&Live> {
        if let Self::Found(live) = self { Some(live) } else { None }
    }
}

/// A resource as it lives in AWS.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// AWS's name for it.
    pub physical_id: PhysicalId,
    /// The fields that were read, in the spec's words, AWS's defaults filled in.
    pub fields: Table,
    /// ARN, ids, hashes.
    pub attributes: Table,
    /// Its tags; `None` where it cannot carry any or they were not read.
    pub tags: Option<BTreeMap<String, String>>,
    /// Declared paths whose read was tried and refused.
    pub unchecked: Vec<Unchecked>,
    /// Fields that were left out because they are deep.
    pub skipped: Vec<Path>,
    /// What AWS says of it: short texts for people.
    pub remarks: Vec<String>,
    /// What others attached to it, which is kept.
    pub extras: Vec<Extra>,
    /// Settings beyond its fields, by the keys of [`super::Rules::undeclared`].
    pub undeclared: Table,
    /// Why AWS would refuse to delete it, where that shows: the end of a sentence without a period.
    pub undeletable: Option<String>,
}

impl Live {
    /// A live resource of which only the name is known.
    pub fn new(physical_id: PhysicalId) -> Self {
        Self {
            physical_id,
            fields: Table::new(),
            attributes: Table::new(),
            tags: None,
            unchecked: Vec::new(),
            skipped: Vec::new(),
            remarks: Vec::new(),
            extras: Vec::new(),
            undeclared: Table::new(),
            undeletable: None,
        }
    }

    /// Whether the value at `path` was not read, for either reason.
    pub fn is_unread(&self, path: &Path) -> bool {
        self.skipped.iter().chain(self.unchecked.iter().map(|unchecked| &unchecked.path)).any(|unread| path.starts_with(unread))
    }
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unchecked {
    /// Which path; empty for the whole resource.
    pub path: Path,
    /// A class such as `access_denied`.
    pub why: String,
    /// The AWS operation, code, message and request id.
    pub detail: String,
    /// What would let it be read.
    pub hints: Vec<String>,
}

/// Tag keys that say whose a resource is.
pub mod tag {
    /// The project's name.
    pub const PROJECT: &str = "lambdo:project";
    /// The stage's name; empty without a stage.
    pub const STAGE: &str = "lambdo:stage";
    /// The address.
    pub const ADDRESS: &str = "lambdo:address";
    /// Set on what was there before lambdo, which is left when everything else goes.
    pub const ADOPTED: &str = "lambdo:adopted";
    /// Set on what is to stay in AWS when it leaves the spec.
    pub const KEPT: &str = "lambdo:kept";
    /// The state's lineage.
    pub const LINEAGE: &str = "lambdo:lineage";

    /// So many tags can stand on one resource, those of lambdo among them (AWS tagging limits).
    pub const MOST: usize = 50;

    /// Whether these tags say that the resource stays when nobody asks for it any more.
    pub fn stays<'a>(keys: impl IntoIterator<Item = &'a String>) -> bool {
        keys.into_iter().any(|key| key == ADOPTED || key == KEPT)
    }

    /// Whether a tag of this key is lambdo's, whatever it says.
    pub fn is_lambdos(key: &str) -> bool {
        key.starts_with("lambdo:")
    }

    /// Whether a tag of this key says whose a resource is and nothing that a user asked for.
    pub fn is_ours(key: &str) -> bool {
        [PROJECT, STAGE, ADDRESS, LINEAGE].contains(&key)
    }
}

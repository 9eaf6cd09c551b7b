//! What the journal says: an operation began, an operation ended.

use super::field::NAME_KEYS;
use super::{Address, Carry, Deposed, Entry, PhysicalId, Returning, State, Table, plan::EntryFacts};
use serde::{Deserialize, Serialize};

/// What AWS may make anew after it was deleted.
const LOG_GROUP: &str = "log_group";

/// What the end of an operation does to the state entry, besides its carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Transition {
    /// The entry comes into being, or takes up the new physical id; an older one is deposed.
    Create {
        /// Whether the resource was there before us.
        adopted: bool,
        /// Whether the older one is none to be deleted: it is gone, or stays.
        discards: bool,
    },
    /// The entry stays.
    Update,
    /// The entry ends, and with it those of the resources that die with it.
    Delete {
        /// Their addresses.
        also: Vec<Address>,
        /// Whether it is made anew at once. Then an entry remains that alone knows its name in AWS.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        anew: bool,
    },
    /// A predecessor is gone, and with it those of the resources that die with it.
    DeleteDeposed {
        /// Names of what went along, and whose they were: predecessors that wait for a delete end with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        also: Vec<(Address, PhysicalId)>,
    },
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "record")]
pub enum Record {
    /// An operation is about to be sent.
    Begin {
        /// The operation's number in this run.
        operation: usize,
        /// Which resource.
        address: Address,
        /// The AWS resource that it changes, where its name is known.
        physical_id: Option<PhysicalId>,
        /// The call, such as `lambda:CreateFunction`.
        call: String,
        /// What its end will do.
        transition: Transition,
    },
    /// An operation went through.
    End {
        /// The operation's number in this run.
        operation: usize,
        /// Which resource.
        address: Address,
        /// AWS's name for the resource.
        physical_id: PhysicalId,
        /// What its end does.
        transition: Transition,
        /// The paths that it carried.
        carries: Vec<Carry>,
        /// What AWS answered.
        attributes: Table,
        /// What else the entry says from now on.
        facts: Option<EntryFacts>,
    },
    /// An operation certainly changed nothing: AWS refused it.
    Failed {
        /// The operation's number in this run.
        operation: usize,
    },
    /// Something that is true already is written down.
    Settle {
        /// Which resource.
        address: Address,
        /// AWS's name of a resource that becomes ours by this record.
        adopts: Option<PhysicalId>,
        /// Whether that one was there before us.
        adopted: bool,
        /// Whether what stood at the address before is none to be deleted: it is gone, or stays.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        discards: bool,
        /// The paths.
        carries: Vec<Carry>,
        /// What else the entry says from now on.
        facts: Option<EntryFacts>,
    },
    /// An entry leaves the state; AWS is left as it is.
    Forget {
        /// Which resource.
        address: Address,
        /// Whether it is there, and nobody's garbage from now on.
        #[serde(default)]
        stays: bool,
    },
    /// The outputs of the run.
    Outputs {
        /// By name.
        outputs: Table,
    },
}

impl Record {
    /// The operation's number, for the records of an operation.
    pub fn operation(&self) -> Option<usize> {
        match self {
            Self::Begin { operation, .. } | Self::End { operation, .. } | Self::Failed { operation } => Some(*operation),
            _ => None,
        }
    }
}

impl State {
    /// Folds journal records into the entries. Begins without an end stay in [`State::intents`].
    pub fn fold(&mut self, records: impl IntoIterator<Item = Record>) {
        for record in records {
            self.unsaved = true;
            if let Some(ended) = record.operation() {
                self.intents.retain(|intent| intent.operation() != Some(ended));
            }
            match record {
                Record::Begin { .. } => self.intents.push(record),
                Record::End { address, physical_id, transition, carries, attributes, facts, .. } => {
                    self.end(&address, physical_id, &transition, &carries, attributes, facts);
                }
                Record::Failed { .. } => {}
                Record::Settle { address, adopts, adopted, discards, carries, facts } => {
                    if let Some(physical_id) = adopts {
                        self.create(&address, physical_id, adopted, discards);
                    }
                    if let Some(entry) = self.entries.get_mut(&address) {
                        carries.iter().for_each(|carry| carry.apply(&mut entry.inputs));
                        entry.take_facts(facts);
                    }
                }
                Record::Forget { address, stays } => {
                    let entry = self.entries.remove(&address);
                    entry.iter().filter(|_| stays).for_each(|entry| self.keep_in_mind(&address, entry));
                }
                Record::Outputs { outputs } => self.outputs = outputs,
            }
        }
    }

    fn end(
        &mut self,
        address: &Address,
        physical_id: PhysicalId,
        transition: &Transition,
        carries: &[Carry],
        attributes: Table,
        facts: Option<EntryFacts>,
    ) {
        match transition {
            Transition::Delete { also, anew } => {
                match self.entries.get_mut(address) {
                    Some(entry) if *anew && entry.keeps_name => entry.forget_all_but_name(),
                    _ => drop(self.entries.remove(address)),
                }
                self.may_return(address, physical_id);
                also.iter().for_each(|child| {
                    self.entries.remove(child);
                });
                return;
            }
            Transition::DeleteDeposed { also } => {
                self.drop_deposed(address, &physical_id);
                also.iter().for_each(|(child, part)| self.drop_deposed(child, part));
                self.may_return(address, physical_id);
                return;
            }
            Transition::Create { adopted, discards } => self.create(address, physical_id.clone(), *adopted, *discards),
            Transition::Update => {}
        }
        // What is done to a predecessor, such as emptying it before its delete, is not the entry's.
        let Some(entry) = self.entries.get_mut(address).filter(|entry| entry.physical_id == physical_id) else { return };
        entry.take_facts(facts);
        entry.attributes.extend(attributes);
        carries.iter().for_each(|carry| carry.apply(&mut entry.inputs));
    }

    /// Makes a fresh entry; a predecessor under another physical id becomes deposed, unless it `discards` it. What is made anew
    /// under its name keeps the settings that it had: what was not made again yet is missing in AWS, and not in the wish.
    pub fn create(&mut self, address: &Address, physical_id: PhysicalId, adopted: bool, discards: bool) {
        let mut entry = Entry::new(physical_id);
        entry.adopted = adopted;
        self.forgotten.retain(|gone| gone.kind != address.kind || gone.physical_id != entry.physical_id);
        self.returning.retain(|gone| gone.address.kind != address.kind || gone.physical_id != entry.physical_id);
        if let Some(old) = self.entries.remove(address) {
            entry.deposed = old.deposed;
            // Whether its successor has another name is among the facts that come with its end.
            entry.keeps_name = old.keeps_name;
            // A predecessor that is wanted again is known by what AWS answered when it was made.
            let back = entry.deposed.iter().position(|deposed| deposed.physical_id == entry.physical_id);
            entry.attributes = back.map(|index| entry.deposed.remove(index).attributes).unwrap_or_default();
            if old.physical_id == entry.physical_id {
                // What is taken over again was not applied by us; what we know of it, such as whose hash its code's is, holds.
                match adopted {
                    true => entry.attributes = old.attributes,
                    false => entry.inputs = old.inputs,
                }
            } else if !discards {
                entry.deposed.push(Deposed { physical_id: old.physical_id, inputs: old.inputs, attributes: old.attributes });
            }
        }
        self.entries.insert(address.clone(), entry);
    }
}

impl State {
    /// Forgets a predecessor.
    pub fn drop_deposed(&mut self, address: &Address, physical_id: &PhysicalId) {
        if let Some(entry) = self.entries.get_mut(address) {
            entry.deposed.retain(|deposed| deposed.physical_id != *physical_id);
        }
    }

    /// Remembers what Lambda makes anew when it delivers lines that a function wrote before its end.
    fn may_return(&mut self, address: &Address, physical_id: PhysicalId) {
        if address.kind == LOG_GROUP {
            self.returning.retain(|gone| gone.address.kind != address.kind || gone.physical_id != physical_id);
            self.returning.push(Returning { address: address.clone(), physical_id });
        }
    }
}

impl Entry {
    fn forget_all_but_name(&mut self) {
        self.inputs.retain(|key, _| NAME_KEYS.contains(&key.as_str()));
        self.attributes = Table::new();
    }

    fn take_facts(&mut self, facts: Option<EntryFacts>) {
        let Some(facts) = facts else { return };
        self.attributes.extend(facts.attributes);
        self.dependencies = facts.dependencies;
        self.parent = facts.parent;
        self.source = facts.source;
        self.ignore = facts.ignore;
        self.protect = facts.protect;
        self.keep = facts.keep;
        self.keeps_name = facts.keeps_name.unwrap_or(self.keeps_name);
    }
}

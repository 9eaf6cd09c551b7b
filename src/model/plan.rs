//! What would be done, complete: applying makes no choice.

use super::{Address, Change, Extra, Path, PhysicalId, SourceChanges, Strength, Table, Target, Transition, Unchecked, Value};
use crate::diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything one run would do.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The project's name.
    pub project: String,
    /// The stage, if there is one.
    pub stage: Option<String>,
    /// Where it would be done.
    pub target: Target,
    /// One step per resource, by address; resources without a change are steps too (`no_op`).
    pub steps: Vec<Step>,
    /// The operations of all steps; an [`OperationId`] is an index into it.
    pub operations: Vec<Operation>,
    /// The wanted outputs.
    pub outputs: Table,
    /// What could not be read, by address.
    pub unchecked: Vec<(Address, Unchecked)>,
    /// What was not read because it is deep.
    pub not_deep: Vec<LeftOut>,
    /// What lives with resources of ours and was declared by nobody.
    pub extras: Vec<(Address, Extra)>,
    /// Reasons why nothing of this may be done.
    pub refusals: Vec<Refusal>,
    /// Facts worth knowing, for people.
    pub notes: Vec<(Address, String)>,
    /// Why packages are not what was applied, by whose they are. The planner does not know it: it knows packages
    /// by their hashes.
    pub source_changes: BTreeMap<Address, SourceChanges>,
}

impl Plan {
    /// Whether something stands in the way because it is somebody else's.
    pub fn is_somebody_elses(&self, address: &Address) -> bool {
        self.refusals.iter().any(|refusal| refusal.summary == NOT_OURS && refusal.address.as_ref() == Some(address))
    }

    /// Predecessors that are deleted by steps that are no replacements, or that an earlier replacement has left, and
    /// whose they are. With the steps that delete or replace, they are all that goes.
    pub fn predecessors(&self) -> impl Iterator<Item = (&Step, &PhysicalId)> {
        self.steps.iter().flat_map(|step| {
            let operations = step.operations.iter().filter_map(|id| self.operations.get(id.0));
            let goes = operations.filter(|operation| matches!(operation.transition, Transition::DeleteDeposed { .. }));
            let gone: Vec<&PhysicalId> = goes.filter_map(|operation| operation.physical_id.as_ref()).collect();
            // A replacement says itself that one goes: the first, since older ones are deleted behind it.
            let told = usize::from(step.action == Action::Replace);
            gone.into_iter().skip(told).map(move |id| (step, id))
        })
    }
}

/// A setting that was not read, since it costs a call of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The resource concerned.
    pub address: Address,
    /// Which setting.
    pub path: Path,
    /// Whether the spec or the state says something there besides our own tags.
    pub is_asked_for: bool,
}

/// The summary of a refusal of what is somebody else's.
pub const NOT_OURS: &str = "a resource of this name is not ours";

/// Why a plan may not be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The resource concerned; none where it is about all of them.
    pub address: Option<Address>,
    /// A constant summary.
    pub summary: &'static str,
    /// What is wrong and why.
    pub detail: String,
    /// The way out.
    pub hints: Vec<String>,
}

impl Refusal {
    /// The refusal as an error for people.
    pub fn diagnostic(&self) -> Diagnostic {
        let error = Diagnostic::error("refused", self.summary).detail(self.detail.as_str());
        let error = self.address.iter().fold(error, Diagnostic::address);
        self.hints.iter().fold(error, Diagnostic::hint)
    }
}

/// One resource in a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which resource.
    pub address: Address,
    /// Its name in AWS, where it is known.
    pub physical_id: Option<PhysicalId>,
    /// What is done.
    pub action: Action,
    /// Why. It explains, it never decides.
    pub reason: Reason,
    /// The differences that led here.
    pub changes: Vec<Change>,
    /// Its operations, in order.
    pub operations: Vec<OperationId>,
    /// What is true already, or will be once the step is done, and only has to be written down.
    pub records: Vec<Carry>,
    /// Set when the resource becomes ours; where no operation of the step says so, the end of the step does.
    pub adopts: Option<Adoption>,
    /// What the entry says besides its inputs once the step is done: the wanted resource's facts.
    pub settles: Option<EntryFacts>,
}

/// How something that exists becomes ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adoption {
    /// Whether it was there before us.
    pub adopted: bool,
    /// Whether what stood at its address before is none to be deleted once the step is done: it is gone, or stays.
    pub discards: bool,
}

/// What an entry of the state says besides the inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EntryFacts {
    /// Attributes that were predicted.
    pub attributes: Table,
    /// What it waits for.
    pub dependencies: Vec<super::Dependency>,
    /// The resource that it dies with.
    pub parent: Option<Address>,
    /// The folder that it comes from, where nobody named it one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What is never written.
    pub ignore: Vec<Path>,
    /// Whether a delete is refused.
    pub protect: bool,
    /// Whether it stays in AWS.
    pub keep: bool,
    /// Said of an entry that has the name of an earlier address: whether it goes on having it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps_name: Option<bool>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed where it is.
    Update,
    /// It is made anew.
    Replace,
    /// It is deleted.
    Delete,
    /// It exists and becomes ours.
    Adopt,
    /// It leaves the state and stays as it is in AWS.
    Forget,
    /// Nothing.
    NoOp,
}

/// Why a step does what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The spec asks for it and the state does not know it.
    NotInState,
    /// The state knows it and AWS does not.
    MissingInAws,
    /// The spec's inputs differ from what was applied.
    InputsChanged,
    /// A changed input can only be changed by making it anew.
    CannotUpdateInPlace,
    /// What it depends on is made anew.
    DependencyReplaced,
    /// The spec does not ask for it any more.
    NotInSpec,
    /// The folder that it came from is not found any more.
    SourceGone,
    /// AWS differs from what was applied.
    Drifted,
    /// The user asked.
    Requested,
    /// Everything is as it should be.
    Unchanged,
}

/// The index of an operation in [`Plan::operations`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(pub usize);

/// One AWS call that changes something: the atom of applying, of the journal and of scheduling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Which resource it belongs to.
    pub address: Address,
    /// The AWS resource that it changes, where its name is known.
    pub physical_id: Option<PhysicalId>,
    /// The call, such as `lambda:CreateFunction`.
    pub call: String,
    /// What the kind's `run` needs; may hold references that are filled in just before.
    pub arguments: Table,
    /// The paths that it moves into the state entry.
    pub carries: Vec<Carry>,
    /// What its end does to the entry.
    pub transition: Transition,
    /// What should be gone before it is sent, if it goes in the same run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follows: Vec<Address>,
    /// What must have ended before it starts.
    pub waits: Vec<Wait>,
    /// Operations with the same key run one after the other.
    pub serial_key: Option<String>,
}

/// A path and the value that an operation gives it; `None` when it takes the value away.
///
/// Below a list, the last key names an element: it is put in or taken out. Its value is a list of nothing but that key
/// ([`Carry::element`]), so that a list is made where there is none yet, and not a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Carry {
    /// Where in the entry's inputs.
    pub path: Path,
    /// What stands there from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

impl Carry {
    /// Gives `path` a value.
    pub fn set(path: Path, value: Value) -> Self {
        Self { path, value: Some(value) }
    }

    /// Puts `element` into the list at `path`.
    pub fn element(path: Path, element: &str) -> Self {
        Self { path: path.join(element), value: Some(Value::List(vec![element.into()])) }
    }

    /// Takes away what stands at `path`.
    pub fn remove(path: Path) -> Self {
        Self { path, value: None }
    }

    /// One carry for each of `keys` that `inputs` has, in whole.
    pub fn fields(inputs: &Table, keys: &[&str]) -> Vec<Self> {
        keys.iter().filter_map(|key| Some(Self::set(Path::key(key), inputs.get(*key)?.clone()))).collect()
    }

    /// One carry for each change, to its desired value.
    pub fn changes<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Vec<Self> {
        changes.into_iter().map(|change| Self { path: change.path.clone(), value: change.desired.clone() }).collect()
    }

    /// Makes `inputs` say what this carry says.
    pub fn apply(&self, inputs: &mut Table) {
        let Some((last, parents)) = self.path.0.split_last() else { return };
        let Some((first, rest)) = parents.split_first() else {
            match &self.value {
                Some(value) => inputs.insert(last.clone(), value.clone()),
                None => inputs.remove(last),
            };
            return;
        };
        if self.value.is_none() && !inputs.contains_key(first) {
            return;
        }
        let is_of_list = rest.is_empty() && matches!(&self.value, Some(Value::List(items)) if *items == [Value::from(last.as_str())]);
        let empty = || if is_of_list { Value::List(Vec::new()) } else { Value::Table(Table::new()) };
        let mut place = inputs.entry(first.clone()).or_insert_with(empty);
        for key in rest {
            let Value::Table(table) = place else { return };
            place = table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
        }
        set_element(place, last, self.value.as_ref());
    }
}

fn set_element(place: &mut Value, key: &str, value: Option<&Value>) {
    match place {
        Value::Table(table) => {
            match value {
                Some(value) => table.insert(key.to_owned(), value.clone()),
                None => table.remove(key),
            };
        }
        Value::List(items) => {
            items.retain(|item| item.as_str() != Some(key));
            items.extend(value.map(|_| Value::from(key)));
        }
        other => *other = value.map_or(Value::Null, |value| Value::Table(Table::from_iter([(key.to_owned(), value.clone())]))),
    }
}

/// One operation waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Wait {
    /// What is waited for.
    pub on: OperationId,
    /// Whether its failure stops the one that waits.
    pub strength: Strength,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of a create was never written: then nothing is there that the next operation could add to.
    #[test]
    fn what_is_missing_becomes_a_list_for_an_element_and_a_table_for_a_key() {
        let mut inputs = Table::new();
        Carry::remove(Path::key("managed_policies").join("x")).apply(&mut inputs);
        assert_eq!(inputs, Table::new());
        Carry::element(Path::key("managed_policies"), "x").apply(&mut inputs);
        Carry::set(Path::key("tags").join("a"), "a".into()).apply(&mut inputs);
        insta::assert_snapshot!(Value::Table(inputs).to_json(), @r#"{"managed_policies":["x"],"tags":{"a":"a"}}"#);
    }

    #[test]
    fn a_carry_sets_and_removes_at_any_depth() {
        let mut inputs = Table::from_iter([
            ("environment".to_owned(), Value::Table(Table::from_iter([("A".to_owned(), "1".into())]))),
            ("managed_policies".to_owned(), Value::string_list(["x"])),
        ]);
        Carry::set(Path::key("environment").join("B"), "2".into()).apply(&mut inputs);
        Carry::remove(Path::key("environment").join("A")).apply(&mut inputs);
        Carry::element(Path::key("managed_policies"), "y").apply(&mut inputs);
        Carry::remove(Path::key("managed_policies").join("x")).apply(&mut inputs);
        Carry::set(Path::key("memory_size"), 256.into()).apply(&mut inputs);
        insta::assert_snapshot!(Value::Table(inputs).to_json(), @r#"{"environment":{"B":"2"},"managed_policies":["y"],"memory_size":256}"#);
    }
}

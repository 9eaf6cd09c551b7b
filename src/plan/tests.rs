//! The laws of planning, on a made-up cloud: what is planned and done leaves nothing to plan.

use super::{Options, Selection, plan, settle, vanishing};
use crate::model::field::ANY_STRING;
use crate::model::observed::tag;
use crate::model::value::at;
use crate::model::{
    Action, Address, Carry, Dependency, Desired, Draft, Entry, Field, Lineage, Live, Observed, Operation, Path, PhysicalId, Plan, Reason,
    Record, Removal, Replacement, Resource, Rules, RulesSet, Shape, Sighting, State, Table, Target, Transition, Update, Value,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const FIELDS: &[Field] = &[
    Field::new("size", Shape::Integer { min: 0, max: 99 }, ""),
    Field::new("shape", Shape::Integer { min: 0, max: 99 }, "").replaces(),
    Field::new("labels", Shape::Map { value: &ANY_STRING, check: None }, ""),
    Field::new("tags", Shape::Map { value: &ANY_STRING, check: None }, "").additive(),
];

struct Fake {
    name: &'static str,
    replacement: Replacement,
    dies_with_parent: bool,
}

impl Rules for Fake {
    fn name(&self) -> &'static str {
        self.name
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn replacement(&self) -> Replacement {
        self.replacement
    }

    fn dies_with_parent(&self) -> bool {
        self.dies_with_parent
    }

    fn is_part_of(&self, physical_id: &PhysicalId, parent: &PhysicalId) -> bool {
        self.dies_with_parent && physical_id.0.starts_with(&format!("{parent}/"))
    }

    fn is_taggable(&self) -> bool {
        !self.dies_with_parent
    }

    fn serial_key(&self, _: &PhysicalId) -> Option<String> {
        None
    }

    fn create(&self, desired: &Resource) -> Vec<Draft> {
        let first = Draft::new("fake:Create", Table::new()).carrying(Carry::fields(&desired.inputs, &["shape", "labels", "tags"]));
        let second = Draft::new("fake:Resize", Table::new()).carrying(Carry::fields(&desired.inputs, &["size"]));
        vec![first, second]
    }

    fn update(&self, update: &Update<'_>) -> Vec<Draft> {
        let draft = Draft::new("fake:Update", Table::new()).carrying(Carry::changes(update.changes));
        if update.changes.is_empty() { vec![] } else { vec![draft] }
    }

    fn delete(&self, _: &Removal<'_>) -> Vec<Draft> {
        let emptied = vec![Carry::remove(Path::key("size"))];
        vec![Draft::new("fake:Empty", Table::new()).carrying(emptied), Draft::new("fake:Delete", Table::new())]
    }
}

struct Fakes(Vec<Fake>);

impl RulesSet for Fakes {
    fn rules(&self, kind: &str) -> Option<&dyn Rules> {
        self.0.iter().find(|fake| fake.name == kind).map(|fake| fake as &dyn Rules)
    }
}

fn fakes() -> Fakes {
    Fakes(vec![
        Fake { name: "box", replacement: Replacement::CreateFirst, dies_with_parent: false },
        Fake { name: "jar", replacement: Replacement::DeleteFirst, dies_with_parent: false },
        Fake { name: "lid", replacement: Replacement::DeleteFirst, dies_with_parent: true },
    ])
}

/// A made-up cloud: what lives, by kind and physical id.
#[derive(Clone, Debug, Default)]
struct World {
    things: BTreeMap<(String, PhysicalId), Table>,
    deleted: Vec<String>,
}

impl World {
    fn observe(&self, desired: &Desired, state: &State) -> Observed {
        let mut names: BTreeSet<(Address, PhysicalId)> = BTreeSet::new();
        names.extend(desired.resources.iter().filter_map(|(address, resource)| Some((address.clone(), resource.physical_id()?.clone()))));
        for (address, entry) in &state.entries {
            names.insert((address.clone(), entry.physical_id.clone()));
            names.extend(entry.deposed.iter().map(|deposed| (address.clone(), deposed.physical_id.clone())));
        }
        for intent in &state.intents {
            if let Record::Begin { address, physical_id: Some(physical_id), .. } = intent {
                names.insert((address.clone(), physical_id.clone()));
            }
        }
        let sightings = names.into_iter().map(|(address, id)| {
            let seen = self
                .things
                .get(&(address.kind.clone(), id.clone()))
                .map_or(Sighting::Missing, |fields| Sighting::Found(live(&address, &id, fields)));
            ((address, id), seen)
        });
        Observed { sightings: sightings.collect() }
    }

    fn perform(&mut self, operation: &Operation) {
        let key = (operation.address.kind.clone(), operation.physical_id.clone().unwrap());
        match &operation.transition {
            Transition::Delete { .. } | Transition::DeleteDeposed { .. } => {
                self.deleted.push(operation.address.to_string());
                let parent = key.1.clone();
                self.things.remove(&key);
                self.things.retain(|(kind, id), _| !(kind == "lid" && id.0.starts_with(&format!("{parent}/"))));
            }
            Transition::Create { .. } | Transition::Update if operation.call != "fake:Empty" => {
                let thing = self.things.entry(key).or_default();
                operation.carries.iter().for_each(|carry| carry.apply(thing));
            }
            _ => {}
        }
    }
}

fn live(address: &Address, id: &PhysicalId, fields: &Table) -> Live {
    let mut live = Live::new(id.clone());
    live.fields.clone_from(fields);
    if address.kind != "lid" {
        let tags = fields.get("tags").and_then(Value::as_table).cloned().unwrap_or_default();
        live.tags = Some(tags.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect());
    }
    live
}

/// Plans, then performs at most `limit` operations in an order that the waits allow; the last one is
/// performed without its end reaching the state, as when the process is killed.
fn run(desired: &Desired, state: &mut State, world: &mut World, limit: usize) -> Plan {
    let observed = world.observe(desired, state);
    settle(state, &observed, &fakes());
    let planned = plan(desired, state, &observed, &fakes(), &Options::default());
    let mut done = vec![false; planned.operations.len()];
    for count in 0..planned.operations.len() {
        let next = (0..done.len()).find(|index| !done[*index] && planned.operations[*index].waits.iter().all(|wait| done[wait.on.0]));
        let Some(index) = next else { panic!("operations wait for each other in a circle: {:#?}", planned.operations) };
        let operation = &planned.operations[index];
        let step = planned.steps.iter().find(|step| step.address == operation.address).unwrap();
        state.fold([Record::Begin {
            operation: index,
            address: operation.address.clone(),
            physical_id: operation.physical_id.clone(),
            call: operation.call.clone(),
            transition: operation.transition.clone(),
        }]);
        if count == limit {
            return planned;
        }
        world.perform(operation);
        if count + 1 == limit {
            return planned;
        }
        done[index] = true;
        state.fold([Record::End {
            operation: index,
            address: operation.address.clone(),
            physical_id: operation.physical_id.clone().unwrap(),
            transition: operation.transition.clone(),
            carries: operation.carries.clone(),
            attributes: Table::new(),
            facts: step.settles.clone().filter(|_| matches!(operation.transition, Transition::Create { .. })),
        }]);
        if step.operations.last().is_some_and(|last| last.0 == index) && !matches!(step.action, Action::Delete | Action::Forget) {
            let completes = |id: &crate::model::OperationId| {
                let operation = &planned.operations[id.0];
                operation.physical_id == step.physical_id && matches!(operation.transition, Transition::Create { .. } | Transition::Update)
            };
            let adopts = step.adopts.filter(|_| !step.operations.iter().any(completes));
            state.fold([Record::Settle {
                address: step.address.clone(),
                adopts: adopts.and(step.physical_id.clone()),
                adopted: adopts.is_some_and(|adoption| adoption.adopted),
                discards: adopts.is_some_and(|adoption| adoption.discards),
                carries: step.records.clone(),
                facts: step.settles.clone(),
            }]);
        }
    }
    for step in planned.steps.iter().filter(|step| step.operations.is_empty()) {
        let record = match step.action {
            Action::Delete | Action::Forget => Record::Forget { address: step.address.clone(), stays: true },
            _ => Record::Settle {
                address: step.address.clone(),
                adopts: step.adopts.and(step.physical_id.clone()),
                adopted: step.adopts.is_some_and(|adoption| adoption.adopted),
                discards: step.adopts.is_some_and(|adoption| adoption.discards),
                carries: step.records.clone(),
                facts: step.settles.clone(),
            },
        };
        state.fold([record]);
    }
    planned
}

fn target() -> Target {
    Target::placeholder()
}

fn fresh() -> State {
    State::new(Lineage("ours".into()), "demo", None, target(), None)
}

#[derive(Clone, Debug)]
struct Wish {
    kind: usize,
    name: usize,
    size: i64,
    shape: i64,
    depends_on: Vec<usize>,
}

fn wishes() -> impl Strategy<Value = BTreeMap<usize, Wish>> {
    let wish = (0..3_usize, 0..3_usize, 0..3_i64, 0..2_i64, proptest::collection::vec(0..6_usize, 0..3))
        .prop_map(|(kind, name, size, shape, depends_on)| Wish { kind, name, size, shape, depends_on });
    proptest::collection::btree_map(0..6_usize, wish, 0..6)
}

/// A graph without cycles: what has a higher number depends on what has a lower one.
fn desired(wishes: &BTreeMap<usize, Wish>) -> Desired {
    let mut desired = Desired::nothing("demo", None);
    let mut made: BTreeMap<usize, (Address, PhysicalId)> = BTreeMap::new();
    for (number, wish) in wishes {
        let parent =
            wish.depends_on.iter().filter(|on| *on < number).find_map(|on| made.get(on)).filter(|(address, _)| address.kind != "lid");
        let (kind, parent) =
            if let (2, Some(parent)) = (wish.kind, parent) { ("lid", Some(parent.clone())) } else { (["box", "jar"][wish.kind % 2], None) };
        let address = Address::new(kind, &format!("r{number}"));
        let name = format!("{kind}{number}-{}", wish.name);
        let id = PhysicalId(parent.as_ref().map_or(name.clone(), |(_, parent)| format!("{parent}/{name}")));
        let mut resource = Resource::new(address.clone(), id.clone());
        resource.inputs.insert("size".into(), wish.size.into());
        resource.inputs.insert("shape".into(), wish.shape.into());
        resource.dependencies =
            wish.depends_on.iter().filter(|on| *on < number).filter_map(|on| Some(Dependency::hard(made.get(on)?.0.clone()))).collect();
        resource.parent = parent.map(|(parent, _)| parent);
        made.insert(*number, (address.clone(), id));
        desired.resources.insert(address, resource);
    }
    desired
}

fn is_empty(plan: &Plan) -> bool {
    plan.operations.is_empty() && plan.steps.iter().all(|step| step.action == Action::NoOp)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_any_kills_and_edits_one_run_converges_and_destroy_leaves_nothing(
        specs in proptest::collection::vec(wishes(), 1..4),
        kills in proptest::collection::vec(0..24_usize, 0..4),
        drift in proptest::option::of((0..6_usize, 0..9_i64)),
    ) {
        let (mut state, mut world) = (fresh(), World::default());
        for (index, spec) in specs.iter().enumerate() {
            let wish = desired(spec);
            if let Some(limit) = kills.get(index) {
                run(&wish, &mut state, &mut world, *limit);
            }
        }
        if let Some((number, size)) = drift
            && let Some(thing) = world.things.values_mut().nth(number)
        {
            thing.insert("size".into(), size.into());
        }
        let wish = desired(specs.last().unwrap());
        let converging = run(&wish, &mut state, &mut world, usize::MAX);
        prop_assert!(converging.refusals.is_empty(), "{:?}", converging.refusals);
        let again = run(&wish, &mut state, &mut world, usize::MAX);
        prop_assert!(is_empty(&again), "{:#?}", again.steps);
        prop_assert_eq!(world.things.len(), wish.resources.len());
        let applied = Desired::as_applied(&state);
        let drift = plan(&applied, &state, &world.observe(&applied, &state), &fakes(), &Options::default());
        prop_assert!(is_empty(&drift), "{:#?}", drift.steps);
        run(&Desired::nothing("demo", None), &mut state, &mut world, usize::MAX);
        prop_assert!(world.things.is_empty(), "{:?}", world.things);
        prop_assert!(state.entries.is_empty(), "{:?}", state.entries);
    }

    #[test]
    fn destroy_deletes_dependants_before_what_they_depend_on(spec in wishes()) {
        let (mut state, mut world) = (fresh(), World::default());
        let wish = desired(&spec);
        run(&wish, &mut state, &mut world, usize::MAX);
        run(&Desired::nothing("demo", None), &mut state, &mut world, usize::MAX);
        let position = |address: &Address| world.deleted.iter().position(|deleted| *deleted == address.to_string());
        for resource in wish.resources.values() {
            for dependency in &resource.dependencies {
                if let (Some(dependant), Some(on)) = (position(&resource.address), position(&dependency.on)) {
                    prop_assert!(dependant < on, "{} before {}", resource.address, dependency.on);
                }
            }
        }
    }
}

/// A part of a predecessor must not be forgotten as long as the predecessor may be wanted again.
#[test]
fn parts_of_a_predecessor_go_wherever_the_run_is_cut_short_and_whatever_is_wanted_then() {
    let wish = |kind, name, depends_on| Wish { kind, name, size: 1, shape: 0, depends_on };
    let with_lid = |name| desired(&BTreeMap::from([(0, wish(0, name, vec![])), (1, wish(2, 0, vec![0]))]));
    let bare = |name| desired(&BTreeMap::from([(0, wish(0, name, vec![]))]));
    for limit in 0..10 {
        for last in [bare(0), bare(1), bare(2), with_lid(0), with_lid(1), with_lid(2)] {
            for between in [None, Some(with_lid(2)), Some(bare(2))] {
                let (mut state, mut world) = (fresh(), World::default());
                run(&with_lid(0), &mut state, &mut world, usize::MAX);
                run(&with_lid(1), &mut state, &mut world, limit);
                between.iter().for_each(|between| drop(run(between, &mut state, &mut world, limit)));
                run(&last, &mut state, &mut world, usize::MAX);
                assert_eq!(world.things.len(), last.resources.len(), "{limit} {:?}", world.things);
                let deposed: Vec<_> = state.entries.values().flat_map(|entry| &entry.deposed).map(|deposed| &deposed.physical_id).collect();
                assert!(deposed.is_empty(), "{limit} {deposed:?} {:?}", last.resources.keys());
                assert!(is_empty(&run(&last, &mut state, &mut world, usize::MAX)), "{limit}");
            }
        }
    }
}

/// What is to stay in AWS is no predecessor that waits for its delete.
#[test]
fn a_kept_resource_stays_when_its_address_takes_over_another_one_that_is_ours() {
    for size in [1, 2] {
        let named = |name, size| {
            let mut wish = desired(&BTreeMap::from([(0, Wish { kind: 0, name, size, shape: 0, depends_on: vec![] })]));
            wish.resources.values_mut().for_each(|resource| resource.keep = true);
            wish
        };
        let (mut state, mut world) = (fresh(), World::default());
        run(&named(1, 1), &mut fresh(), &mut world, usize::MAX);
        run(&named(0, 1), &mut state, &mut world, usize::MAX);
        run(&named(1, size), &mut state, &mut world, usize::MAX);
        assert!(is_empty(&run(&named(1, size), &mut state, &mut world, usize::MAX)), "{size}");
        assert_eq!(world.things.len(), 2, "{size} {:?}", world.things);
    }
}

/// What is found in a parent that goes is not there for long.
#[test]
fn a_part_of_something_in_the_way_of_its_parent_is_made_anew() {
    let spec = |name, shape| {
        let parent = Wish { kind: 0, name, size: 1, shape, depends_on: vec![] };
        desired(&BTreeMap::from([(0, parent), (1, Wish { kind: 2, name: 0, size: 1, shape: 0, depends_on: vec![0] })]))
    };
    let (mut state, mut world) = (fresh(), World::default());
    run(&spec(0, 0), &mut fresh(), &mut world, usize::MAX);
    run(&spec(1, 0), &mut state, &mut world, usize::MAX);
    run(&spec(0, 1), &mut state, &mut world, usize::MAX);
    assert_eq!(world.things.len(), 2, "{:?}", world.things);
    assert!(is_empty(&run(&spec(0, 1), &mut state, &mut world, usize::MAX)));
}

/// Boxes under addresses and names that are given.
fn boxes(named: &[(&str, &str)]) -> Desired {
    let mut desired = Desired::nothing("demo", None);
    for (address, name) in named {
        let address = Address::new("box", address);
        let mut resource = Resource::new(address.clone(), PhysicalId::from(*name));
        resource.inputs = Table::from_iter([("size".to_owned(), 1.into()), ("shape".to_owned(), 0.into())]);
        desired.resources.insert(address, resource);
    }
    desired
}

fn selected(addresses: &[&str]) -> Options {
    Options { only: Some(addresses.iter().map(|name| Address::new("box", name)).collect()), ..Options::default() }
}

/// A run that was cut short has given it to another address already.
#[test]
fn what_another_address_has_is_no_predecessor_to_be_deleted() {
    let (mut state, mut world) = (fresh(), World::default());
    run(&boxes(&[("a", "x")]), &mut state, &mut world, usize::MAX);
    let entry = state.entries[&Address::new("box", "a")].clone();
    state.entries.insert(Address::new("box", "d"), entry);
    let wish = boxes(&[("a", "y"), ("d", "x")]);
    run(&wish, &mut state, &mut world, usize::MAX);
    assert!(world.deleted.is_empty() && world.things.len() == 2, "{:?}", world.deleted);
    assert!(is_empty(&run(&wish, &mut state, &mut world, usize::MAX)));
}

#[test]
fn what_waits_for_its_delete_under_another_address_is_made_anew_after_it() {
    let (mut state, mut world) = (fresh(), World::default());
    run(&boxes(&[("a", "x")]), &mut state, &mut world, usize::MAX);
    run(&boxes(&[("a", "y")]), &mut state, &mut world, 3);
    assert_eq!(state.entries[&Address::new("box", "a")].deposed.len(), 1, "{:?}", state.entries);
    let wish = boxes(&[("a", "y"), ("d", "x")]);
    // Where only the other one is asked for, it is taken over, and the first one has nothing more to delete.
    let (mut other_state, mut other_world) = (state.clone(), world.clone());
    let observed = other_world.observe(&wish, &state);
    let planned = plan(&wish, &state, &observed, &fakes(), &selected(&["d"]));
    assert_eq!(planned.steps[0].action, Action::Adopt);
    let adopts = |state: &mut State| state.create(&Address::new("box", "d"), "x".into(), false, false);
    adopts(&mut other_state);
    run(&wish, &mut other_state, &mut other_world, usize::MAX);
    assert!(other_world.deleted.is_empty(), "{:?}", other_world.deleted);
    run(&wish, &mut state, &mut world, usize::MAX);
    assert_eq!((world.deleted.as_slice(), world.things.len()), (&["box.a".to_owned()][..], 2));
    assert!(is_empty(&run(&wish, &mut state, &mut world, usize::MAX)));
}

#[test]
fn what_is_made_anew_under_its_name_takes_those_along_that_use_it_or_is_refused() {
    let spec = |shape| {
        let jar = Wish { kind: 1, name: 0, size: 1, shape, depends_on: vec![] };
        desired(&BTreeMap::from([(0, jar), (1, Wish { kind: 0, name: 0, size: 1, shape: 0, depends_on: vec![0] })]))
    };
    let (mut state, mut world) = (fresh(), World::default());
    run(&spec(0), &mut state, &mut world, usize::MAX);
    let only = |addresses: &[Address]| Options { only: Some(addresses.iter().cloned().collect()), ..Options::default() };
    let (jar, user) = (Address::new("jar", "r0"), Address::new("box", "r1"));
    let refusals = |options: &Options| plan(&spec(1), &state, &world.observe(&spec(1), &state), &fakes(), options).refusals;
    let refused = refusals(&only(std::slice::from_ref(&jar)));
    assert_eq!(refused.iter().map(|refusal| refusal.address.clone()).collect::<Vec<_>>(), [Some(jar.clone())]);
    assert!(refused[0].detail.contains("box.r1"), "{}", refused[0].detail);
    assert!(refusals(&only(&[jar, user])).is_empty() && refusals(&Options::default()).is_empty());
}

#[test]
fn marks_of_before_go_when_something_of_ours_is_taken_up_again() {
    let (mut state, mut world) = (fresh(), World::default());
    let mut wish = boxes(&[("a", "x")]);
    wish.resources.values_mut().for_each(|resource| resource.keep = true);
    run(&wish, &mut fresh(), &mut world, usize::MAX);
    let marks =
        |world: &World| world.things.values().map(|thing| at(thing, &"tags.lambdo:kept".parse().unwrap()).is_some()).collect::<Vec<_>>();
    assert_eq!(marks(&world), [true]);
    run(&boxes(&[("a", "x")]), &mut state, &mut world, usize::MAX);
    assert_eq!(marks(&world), [false]);
    assert!(is_empty(&run(&boxes(&[("a", "x")]), &mut state, &mut world, usize::MAX)));
}

#[test]
fn a_function_means_what_was_declared_with_it_and_not_what_only_has_its_name() {
    let address = |text: &str| text.parse::<Address>().unwrap();
    let mut desired = Desired::nothing("demo", None);
    let mut declare = |text: &str, needs: &[&str]| {
        let mut resource = Resource::new(address(text), PhysicalId::from(text));
        resource.dependencies = needs.iter().map(|on| Dependency::hard(address(on))).collect();
        desired.resources.insert(address(text), resource);
    };
    declare("function.x", &["role.y", "log_group.x", "layer.z"]);
    declare("function.z", &["role.x", "layer.x", "layer.z", "role.z"]);
    declare("event_rule.x.tick", &["function.x"]);
    ["role.x", "role.y", "role.z", "layer.x", "layer.z", "log_group.x"].iter().for_each(|text| declare(text, &[]));
    let of = |name: &str| {
        let selection = Selection { functions: vec![name.to_owned()], targets: Vec::new() };
        let named = super::named(&selection, &desired, &fresh()).unwrap().unwrap();
        named.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("x"), "event_rule.x.tick function.x log_group.x");
    assert_eq!(of("z"), "function.z role.z");
}

fn one(size: i64) -> Desired {
    desired(&BTreeMap::from([(0, Wish { kind: 0, name: 0, size, shape: 0, depends_on: vec![] })]))
}

/// Any difference would be made up, and a replacement with it.
#[test]
fn what_neither_the_state_nor_aws_tells_anything_of_is_left_alone() {
    let (wish, mut state) = (one(1), fresh());
    state.entries.insert(Address::new("box", "r0"), Entry::new("box0-0".into()));
    let mut observed = World::default().observe(&wish, &state);
    observed.sightings.values_mut().for_each(|sighting| *sighting = Sighting::unreadable("access_denied", "no"));
    let planned = plan(&wish, &state, &observed, &fakes(), &Options::default());
    assert_eq!((planned.steps[0].action, planned.unchecked.len()), (Action::NoOp, 1));
    assert!(planned.operations.is_empty() && planned.refusals.is_empty());
}

#[test]
fn what_is_not_ours_is_refused_and_adopted_only_on_request() {
    let mut world = World::default();
    world.things.insert(("box".into(), "box0-0".into()), Table::from_iter([("size".to_owned(), 7.into())]));
    let state = fresh();
    let wish = one(1);
    let observed = world.observe(&wish, &state);
    let refused = plan(&wish, &state, &observed, &fakes(), &Options::default());
    assert_eq!(refused.refusals.len(), 1);
    assert!(refused.operations.is_empty());
    let options = Options { adopt: BTreeSet::from([Address::new("box", "r0")]), recreate: true, ..Options::default() };
    let mut wish = wish;
    wish.resources.values_mut().for_each(|resource| {
        resource.inputs.remove("shape");
    });
    let adopted = plan(&wish, &state, &observed, &fakes(), &options);
    assert_eq!((adopted.steps[0].action, adopted.steps[0].reason), (Action::Adopt, Reason::Requested));
    assert_eq!(adopted.operations[0].transition, Transition::Create { adopted: true, discards: false });
    // What a run of ours began to make was not there before, though nobody may read its tags.
    let (mut state, mut observed) = (state, observed);
    let transition = Transition::Create { adopted: false, discards: false };
    let (address, physical_id) = (Address::new("box", "r0"), Some("box0-0".into()));
    state.intents.push(Record::Begin { operation: 0, address, physical_id, call: "make".into(), transition: transition.clone() });
    for sighting in observed.sightings.values_mut() {
        let Sighting::Found(live) = sighting else { continue };
        live.tags = None;
    }
    assert_eq!(plan(&wish, &state, &observed, &fakes(), &options).operations[0].transition, transition);
}

#[test]
fn what_was_adopted_stays_when_it_leaves_the_spec() {
    let (mut state, mut world) = (fresh(), World::default());
    run(&one(1), &mut state, &mut world, usize::MAX);
    state.entries.values_mut().for_each(|entry| entry.adopted = true);
    run(&one(1), &mut state, &mut world, usize::MAX);
    for _ in 0..2 {
        let gone = run(&Desired::nothing("demo", None), &mut state, &mut world, usize::MAX);
        assert_eq!(gone.steps[0].action, Action::Forget);
        assert_eq!(world.things.len(), 1);
        assert!(state.entries.is_empty());
        // It carries our tags now; coming back, it is still what was there before us.
        let back = run(&one(1), &mut state, &mut world, usize::MAX);
        assert_eq!(back.steps[0].action, Action::Adopt);
    }
}

#[test]
fn protection_refuses_a_delete() {
    let (mut state, mut world) = (fresh(), World::default());
    let mut wish = one(1);
    wish.resources.values_mut().for_each(|resource| resource.protect = true);
    run(&wish, &mut state, &mut world, usize::MAX);
    let nothing = Desired::nothing("demo", None);
    let refused = plan(&nothing, &state, &world.observe(&nothing, &state), &fakes(), &Options::default());
    assert_eq!(refused.refusals[0].summary, "the resource is protected");
}

#[test]
fn a_resource_that_vanished_is_made_again_and_says_so() {
    let (mut state, mut world) = (fresh(), World::default());
    run(&one(1), &mut state, &mut world, usize::MAX);
    world.things.clear();
    let again = run(&one(1), &mut state, &mut world, usize::MAX);
    assert_eq!((again.steps[0].action, again.steps[0].reason), (Action::Create, Reason::MissingInAws));
}

#[test]
fn what_dies_with_a_parent_that_is_gone_or_of_another_state_is_only_forgotten() {
    let wish = |kind, depends_on| Wish { kind, name: 0, size: 0, shape: 0, depends_on };
    let wishes = desired(&BTreeMap::from([(0, wish(0, vec![])), (1, wish(2, vec![0]))]));
    for is_lost in [false, true] {
        let (mut state, mut world) = (fresh(), World::default());
        run(&wishes, &mut state, &mut world, usize::MAX);
        assert!(state.entries.keys().any(|address| address.kind == "lid"));
        world.things.retain(|(kind, _), _| is_lost && kind == "box");
        let other: Table = Table::from_iter([(tag::LINEAGE.to_owned(), "another".into())]);
        world.things.values_mut().for_each(|fields| _ = fields.insert("tags".into(), other.clone().into()));
        // Nobody looks at what goes with its parent.
        let mut observed = world.observe(&Desired::nothing("demo", None), &state);
        observed.sightings.retain(|(address, _), _| address.kind == "box");
        let planned = plan(&Desired::nothing("demo", None), &state, &observed, &fakes(), &Options::default());
        assert!(planned.operations.is_empty() && planned.steps.iter().all(|step| step.action == Action::Forget), "{planned:#?}");
    }
}

#[test]
fn what_a_lost_resource_uses_is_left_alone_whether_its_own_tags_were_read_or_not() {
    let wish = |depends_on| Wish { kind: 0, name: 0, size: 0, shape: 0, depends_on };
    let wishes = desired(&BTreeMap::from([(0, wish(vec![])), (1, wish(vec![0]))]));
    for is_read in [false, true] {
        let (mut state, mut world) = (fresh(), World::default());
        run(&wishes, &mut state, &mut world, usize::MAX);
        let used = state.entries.iter().find(|(_, entry)| entry.dependencies.is_empty()).map(|(address, _)| address.clone()).unwrap();
        let nothing = Desired::nothing("demo", None);
        let mut observed = world.observe(&nothing, &state);
        for ((address, _), sighting) in &mut observed.sightings {
            let Sighting::Found(live) = sighting else { continue };
            match *address == used {
                true if !is_read => live.tags = None,
                true => {}
                false => live.tags = Some(BTreeMap::from([(tag::LINEAGE.to_owned(), "another".to_owned())])),
            }
        }
        let planned = plan(&nothing, &state, &observed, &fakes(), &Options::default());
        let action = planned.steps.iter().find(|step| step.address == used).unwrap().action;
        assert_eq!(action, Action::Forget);
    }
}

#[test]
fn what_depends_on_a_lost_resource_goes_unless_nobody_knows_whose_it_is() {
    let wish = |depends_on| Wish { kind: 0, name: 0, size: 0, shape: 0, depends_on };
    let wishes = desired(&BTreeMap::from([(0, wish(vec![])), (1, wish(vec![0]))]));
    for (is_read, expected) in [(true, Action::Delete), (false, Action::Forget)] {
        let (mut state, mut world) = (fresh(), World::default());
        run(&wishes, &mut state, &mut world, usize::MAX);
        let nothing = Desired::nothing("demo", None);
        let mut observed = world.observe(&nothing, &state);
        for ((address, _), sighting) in &mut observed.sightings {
            let Sighting::Found(live) = sighting else { continue };
            if address.name == "r0" {
                live.tags = Some(BTreeMap::from([(tag::LINEAGE.to_owned(), "another".to_owned())]));
            } else if !is_read {
                live.tags = None;
            }
        }
        let planned = plan(&nothing, &state, &observed, &fakes(), &Options::default());
        assert_eq!(planned.steps[1].action, expected, "{:?}", planned.notes);
        assert!(planned.steps.iter().all(|step| step.reason == Reason::NotInSpec), "{:?}", planned.steps);
    }
}

#[test]
fn the_wish_protects_as_much_as_the_state() {
    let (mut state, mut world) = (fresh(), World::default());
    run(&one(1), &mut state, &mut world, usize::MAX);
    let mut reshaped = one(1);
    reshaped.resources.values_mut().for_each(|resource| {
        resource.protect = true;
        resource.inputs.insert("shape".into(), 1.into());
    });
    let refusals =
        |wish: &Desired, state: &State, options: &Options| plan(wish, state, &world.observe(wish, state), &fakes(), options).refusals.len();
    let nothing = Desired::nothing("demo", None);
    let protected = Options { protected: BTreeSet::from([Address::new("box", "r0")]), ..Options::default() };
    assert_eq!((refusals(&reshaped, &state, &Options::default()), refusals(&nothing, &state, &protected)), (1, 1));
    assert_eq!(refusals(&nothing, &state, &Options::default()), 0);
    state.entries.values_mut().for_each(|entry| entry.protect = true);
    assert_eq!(refusals(&nothing, &state, &Options::default()), 1);
}

#[test]
fn everything_missing_is_suspicious_unless_it_was_about_to_be_deleted() {
    let wish = |kind| Wish { kind, name: 0, size: 0, shape: 0, depends_on: vec![] };
    let wishes = desired(&(0..4).map(|number| (number, wish(0))).collect());
    let (mut state, mut world) = (fresh(), World::default());
    run(&wishes, &mut state, &mut world, usize::MAX);
    let nothing = Desired::nothing("demo", None);
    let planned = plan(&nothing, &state, &world.observe(&nothing, &state), &fakes(), &Options::default());
    state.fold(planned.operations.iter().enumerate().map(|(index, operation)| Record::Begin {
        operation: index,
        address: operation.address.clone(),
        physical_id: operation.physical_id.clone(),
        call: operation.call.clone(),
        transition: operation.transition.clone(),
    }));
    world.things.clear();
    let observed = world.observe(&nothing, &state);
    let killed = Options { vanishing: vanishing(&state), ..Options::default() };
    assert!(plan(&nothing, &state, &observed, &fakes(), &killed).refusals.is_empty());
    let refused = plan(&nothing, &state, &observed, &fakes(), &Options::default()).refusals;
    assert_eq!(refused.iter().map(|refusal| &refusal.address).collect::<Vec<_>>(), [&None], "it is about all of them");
    assert!(plan(&nothing, &state, &observed, &fakes(), &Options { recreate: true, ..Options::default() }).refusals.is_empty());
}

fn named(entries: &[(usize, usize)]) -> Desired {
    let wish = |name| Wish { kind: 0, name, size: 0, shape: 0, depends_on: vec![] };
    let mut desired = desired(&entries.iter().map(|(number, name)| (*number, wish(*name))).collect());
    for resource in desired.resources.values_mut() {
        // One pool of names for all addresses, so that they can be passed on.
        let name = resource.physical_id().map(|id| id.0.rsplit_once('-').unwrap().1.to_owned()).unwrap();
        resource.identity = crate::model::Identity::Known(PhysicalId(format!("box-{name}")));
    }
    desired
}

#[test]
fn a_name_that_is_given_up_is_taken_after_it_is_free() {
    let (mut state, mut world) = (fresh(), World::default());
    run(&named(&[(0, 1)]), &mut state, &mut world, usize::MAX);
    let moved = run(&named(&[(1, 1)]), &mut state, &mut world, usize::MAX);
    assert!(moved.refusals.is_empty(), "{:?}", moved.refusals);
    assert_eq!(world.things.len(), 1);
    assert!(is_empty(&run(&named(&[(1, 1)]), &mut state, &mut world, usize::MAX)));
}

#[test]
fn names_that_are_passed_on_in_a_circle_are_refused() {
    let (mut state, mut world) = (fresh(), World::default());
    run(&named(&[(0, 1), (1, 2)]), &mut state, &mut world, usize::MAX);
    let swapped = named(&[(0, 2), (1, 1)]);
    let refused = plan(&swapped, &state, &world.observe(&swapped, &state), &fakes(), &Options::default());
    assert!(refused.refusals.iter().all(|refusal| refusal.summary == "names are passed on in a circle"));
    assert_eq!(refused.refusals.len(), 2);
}

#[test]
fn what_is_to_be_kept_survives_a_rename_and_forbids_a_replacement() {
    let keep = |mut desired: Desired| {
        desired.resources.values_mut().for_each(|resource| resource.keep = true);
        desired
    };
    let (mut state, mut world) = (fresh(), World::default());
    run(&keep(named(&[(0, 1)])), &mut state, &mut world, usize::MAX);
    run(&keep(named(&[(0, 2)])), &mut state, &mut world, usize::MAX);
    let names: Vec<&str> = world.things.keys().map(|(_, id)| id.as_str()).collect();
    assert_eq!(names, ["box-1", "box-2"]);
    let mut reshaped = keep(named(&[(0, 2)]));
    reshaped.resources.values_mut().for_each(|resource| {
        resource.inputs.insert("shape".into(), 1.into());
    });
    let refused = plan(&reshaped, &state, &world.observe(&reshaped, &state), &fakes(), &Options::default());
    assert_eq!(refused.refusals[0].summary, "a resource that is to be kept would be replaced");
    reshaped.resources.values_mut().for_each(|resource| drop(resource.inputs.insert("shape".into(), 2.into())));
    let mut observed = world.observe(&reshaped, &state);
    for sighting in observed.sightings.values_mut() {
        let Sighting::Found(live) = sighting else { continue };
        live.fields.insert("shape".into(), 7.into());
    }
    let refused = plan(&reshaped, &state, &observed, &fakes(), &Options::default());
    let hints = &refused.refusals[0].hints;
    assert_eq!(hints[0], "to keep what lives, write it into its section: `shape = 7`");
}

#[test]
fn an_intent_that_nobody_could_look_at_stays_open() {
    let (mut state, mut world) = (fresh(), World::default());
    run(&one(1), &mut state, &mut world, 1);
    assert_eq!((state.intents.len(), state.entries.len()), (1, 0));
    settle(&mut state, &Observed::default(), &fakes());
    assert_eq!((state.intents.len(), state.entries.len()), (1, 0));
    let observed = world.observe(&Desired::nothing("demo", None), &state);
    settle(&mut state, &observed, &fakes());
    assert_eq!((state.intents.len(), state.entries.len()), (0, 1));
}

#[test]
fn a_folder_is_gone_only_where_it_was_looked_for() {
    for (there, expected) in [("api/d", Reason::NotInSpec), ("api/e", Reason::SourceGone)] {
        let (mut state, mut world) = (fresh(), World::default());
        let mut wish = one(1);
        wish.resources.values_mut().for_each(|resource| resource.source = Some("api/d".into()));
        run(&wish, &mut state, &mut world, usize::MAX);
        let mut none = Desired::nothing("demo", None);
        none.folders.roots.insert("api".into());
        none.folders.left_out.insert(there.into());
        let planned = plan(&none, &state, &world.observe(&none, &state), &fakes(), &Options::default());
        assert_eq!(planned.steps.iter().map(|step| (step.action, step.reason)).collect::<Vec<_>>(), [(Action::Delete, expected)]);
    }
}

//! A delete and a create of the same code look like a rename.

use super::decision::{Decision, Work};
use crate::model::{Address, Plan, State, Value};
use std::collections::BTreeMap;

/// The setting that says what a function or a layer is made of.
const CODE: &str = "code";

/// Points out what would be deleted and made again under another address, where only one pair has that code.
pub fn note(decisions: &BTreeMap<Address, Decision>, state: &State, plan: &mut Plan) {
    let mut made: BTreeMap<(&str, &str), Vec<&Address>> = BTreeMap::new();
    let mut gone: BTreeMap<(&str, &str), Vec<&Address>> = BTreeMap::new();
    for (address, decision) in decisions {
        let wanted = decision.desired.as_ref().and_then(|desired| desired.inputs.get(CODE)?.as_str());
        let applied = state.entries.get(address).and_then(|entry| entry.inputs.get(CODE)).and_then(Value::as_str);
        match (&decision.work, wanted, applied) {
            (Work::Create { .. }, Some(code), None) => made.entry((&address.kind, code)).or_default().push(address),
            (Work::Delete { .. }, None, Some(code)) => gone.entry((&address.kind, code)).or_default().push(address),
            _ => {}
        }
    }
    let pairs = made.into_iter().filter_map(|(code, made)| match (&made[..], gone.get(&code).map(Vec::as_slice)) {
        ([to], Some([from])) => Some(((*to).clone(), (*from).clone())),
        _ => None,
    });
    plan.notes.extend(pairs.map(|(to, from)| {
        let wish = format!("moved = [{{ from = \"{from}\", to = \"{to}\" }}]");
        let note = format!("`{from}`, which has the same code, would be deleted; if this is it under another name, `{wish}` at the top of the spec renames it");
        (to, note)
    }));
}

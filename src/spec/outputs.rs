//! `[outputs]`: references, and bare addresses that stand for all attributes of a resource.

use super::lower::Lowering;
use crate::diagnostic::Diagnostic;
use crate::model::{Address, Table, TemplatePart, Value};

/// The outputs with what is known of the account. References stay: an output of what a run leaves out is not known,
/// though its name can be predicted.
pub(crate) fn resolve(lowering: &Lowering<'_>) -> Table {
    lowering.spec.outputs.iter().map(|(name, value)| (name.clone(), output(lowering, value))).collect()
}

fn output(lowering: &Lowering<'_>, value: &Value) -> Value {
    let bare = value.as_str().and_then(|text| text.parse::<Address>().ok()).filter(|address| lowering.resources.contains_key(address));
    let open = match bare {
        Some(address) => attributes(lowering, &address),
        None => value.as_str().and_then(|text| attribute(lowering, text)).unwrap_or_else(|| value.clone()),
    };
    open.resolve(&|part: &TemplatePart| lowering.look_up(part).filter(|_| matches!(part, TemplatePart::Account(_))))
}

/// What is wrong with a bare address that names nothing. Text that no kind begins is only text.
pub(crate) fn unknown(lowering: &Lowering<'_>, value: &Value) -> Option<Diagnostic> {
    let text = value.as_str()?;
    let address: Address = text.parse().ok()?;
    lowering.registry.find(&address.kind)?;
    let is_known = lowering.resources.contains_key(&address) || attribute(lowering, text).is_some();
    (!is_known).then(|| lowering.unknown_address(&address, None))
}

fn attributes(lowering: &Lowering<'_>, address: &Address) -> Value {
    let declared = lowering.registry.find(&address.kind).map(|kind| kind.attributes()).unwrap_or_default();
    Value::Table(declared.iter().map(|(name, _)| ((*name).to_owned(), Value::reference(address, name))).collect())
}

/// `function.hash.arn` without braces.
fn attribute(lowering: &Lowering<'_>, text: &str) -> Option<Value> {
    let (address, attribute) = text.rsplit_once('.')?;
    let address: Address = address.parse().ok().filter(|address| lowering.resources.contains_key(address))?;
    let declared = lowering.registry.find(&address.kind)?.attributes();
    declared.iter().any(|(name, _)| *name == attribute).then(|| Value::reference(&address, attribute))
}

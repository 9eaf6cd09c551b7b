//! What stands in the way of a plan, in words.

use crate::model::plan::{NOT_OURS, Refusal};
use crate::model::{Address, Change, Effect, Live, PhysicalId, Resource, Rules, RulesSet, State, Unchecked, Value, observed::tag};
use std::collections::{BTreeMap, BTreeSet};

/// The refusal for a resource that exists and is not ours.
pub fn not_ours(address: &Address, physical_id: &PhysicalId, live: &Live, state: &State, rules: &dyn RulesSet) -> Refusal {
    let tags = live.tags.clone().unwrap_or_default();
    let ours_by_name = tags.get(tag::PROJECT) == Some(&state.project) && tags.contains_key(tag::LINEAGE);
    let owner = match live.tags {
        Some(_) => describe(&tags),
        None => "whose it is could not be read from its tags".to_owned(),
    };
    let (detail, hints) = if ours_by_name && state.serial == 0 {
        (
            format!(
                "There is no state here, but `{physical_id}` (`{address}`) exists and belongs to project `{}`: {owner}. The state seems to be lost, or to be elsewhere.",
                state.project
            ),
            vec![
                "if the state is elsewhere: bring it here, or name its folder with `--state-dir`".to_owned(),
                "if it is lost: `lambdo state rebuild` makes it anew from what is in AWS".to_owned(),
            ],
        )
    } else if ours_by_name {
        (
            format!(
                "`{physical_id}` exists and belongs to another state of project `{}`: {owner}. This state did not make it, so it is left untouched.",
                state.project
            ),
            vec![
                "run from the folder whose `state/` made it, or give this project another name".to_owned(),
                "if that state is lost: `lambdo state rebuild` makes it anew from these tags".to_owned(),
            ],
        )
    } else {
        (
            format!("`{physical_id}` exists and was not made by this project: {owner}. It is left untouched."),
            vec![how_to_have(address, rules)],
        )
    };
    Refusal { address: Some(address.clone()), summary: NOT_OURS, detail, hints }
}

/// What to do where the spec asks for a name that somebody else has.
fn how_to_have(address: &Address, rules: &dyn RulesSet) -> String {
    let instead = rules.rules(&address.kind).and_then(Rules::instead_of_adopting);
    let adopt = || format!("take it over with `lambdo up --adopt {address}`, or choose another name in the spec");
    instead.map_or_else(adopt, str::to_owned)
}

fn describe(tags: &BTreeMap<String, String>) -> String {
    if tags.is_empty() {
        return "it carries no tags that say whose it is".to_owned();
    }
    let owners = [
        ("lambdo:project", "lambdo project"),
        ("lambdo:stage", "stage"),
        ("lambdo:lineage", "lineage"),
        ("aws:cloudformation:stack-name", "CloudFormation stack"),
        ("aws:cloudformation:logical-id", "logical id"),
    ];
    let known: Vec<String> =
        owners.iter().filter_map(|(key, word)| Some(format!("{word} `{}`", tags.get(*key).filter(|value| !value.is_empty())?))).collect();
    if known.is_empty() {
        let shown: Vec<String> = tags.iter().take(5).map(|(key, value)| format!("`{key}` = `{value}`")).collect();
        return format!("its tags are {}", shown.join(", "));
    }
    format!("its tags name {}", known.join(", "))
}

/// The refusal of a delete or replacement of what is protected, by the spec or by what was applied of it.
pub fn protected(address: &Address, what: &str, is_in_spec: bool) -> Refusal {
    let hint = match is_in_spec {
        true => "if it is meant: change nothing but set `protect = false`, run `lambdo up`, then try again",
        false => "if it is meant: put its section back with `protect = false`, run `lambdo up`, and take it out again",
    };
    Refusal {
        address: Some(address.clone()),
        summary: "the resource is protected",
        detail: format!("`{address}` would be {what}, but `protect = true` forbids it."),
        hints: vec![hint.to_owned()],
    }
}

/// The refusal of more tags than a resource can carry, with those that say that it was there before, or stays.
pub fn too_many_tags(resource: &Resource) -> Option<Refusal> {
    let count = resource.input("tags").and_then(Value::as_table)?.len();
    (count > tag::MOST).then(|| Refusal {
        address: Some(resource.address.clone()),
        summary: "the resource would have too many tags",
        detail: format!(
            "`{}` would have {count} tags with those of lambdo, which mark what stays in AWS, too; AWS takes {}.",
            resource.address,
            tag::MOST
        ),
        hints: vec![format!("take {} of its own tags out of the spec", count - tag::MOST)],
    })
}

/// The refusal of a delete that AWS would refuse in its turn, where it would.
pub fn undeletable(address: &Address, live: &Live, rules: &dyn RulesSet) -> Option<Refusal> {
    let why = live.undeletable.as_deref()?;
    let fields = rules.rules(&address.kind).map(Rules::fields).unwrap_or_default();
    let keep = match fields.iter().any(|field| field.key == "skip_destroy") {
        true => "keep the resource with `skip_destroy = true`".to_owned(),
        false => format!("let go of the resource with `lambdo state forget {address}`, so that it stays in AWS"),
    };
    Some(Refusal {
        address: Some(address.clone()),
        summary: "AWS would refuse to delete the resource",
        detail: format!("`{address}` would be deleted, but AWS will not delete `{}`: {why}.", live.physical_id),
        hints: vec![format!("put that right in AWS, or {keep}, then run the command again")],
    })
}

/// The refusal of a replacement that would delete what is to be kept.
pub fn kept(address: &Address, changes: &[Change]) -> Refusal {
    let forcing = changes.iter().filter(|change| change.effect == Effect::Replace);
    let as_it_lives: Vec<String> =
        forcing.filter_map(|change| Some(format!("`{} = {}`", change.path, plainly(change.live.as_ref()?)?))).collect();
    let keep = (!as_it_lives.is_empty()).then(|| format!("to keep what lives, write it into its section: {}", as_it_lives.join(", ")));
    let mut hints: Vec<String> = keep.into_iter().collect();
    hints.push("or give the resource another name in the spec: the old one then stays as it is".to_owned());
    Refusal {
        address: Some(address.clone()),
        summary: "a resource that is to be kept would be replaced",
        detail: format!("`{address}` was there before lambdo or has `skip_destroy` set, but the change can only be made by deleting it."),
        hints,
    }
}

/// A value as the spec has it, where that is a word or a number.
fn plainly(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(format!("{text:?}")),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(is_so) => Some(is_so.to_string()),
        _ => None,
    }
}

/// The refusal of a replacement with which would go what others attached.
pub fn takes_along(address: &Address, texts: &BTreeSet<&str>) -> Refusal {
    let texts: Vec<&str> = texts.iter().copied().collect();
    Refusal {
        address: Some(address.clone()),
        summary: "what others attached would go with the resource",
        detail: format!(
            "`{address}` can only be changed by making it anew and deleting the one that is there, and with that would go: {}.",
            texts.join("; ")
        ),
        hints: vec![
            "declare in the spec what must stay, or tell those who attached it; take it off in AWS, and run the command again".to_owned(),
            "or leave the resource as it is, and declare another one beside it".to_owned(),
        ],
    }
}

/// The refusal to make something anew that others use who were not asked for.
pub fn left_behind(address: &Address, users: &[&Address]) -> Refusal {
    let named: Vec<String> = users.iter().map(|user| format!("`{user}`")).collect();
    let targets: Vec<String> = users.iter().map(|user| format!("--target {user}")).collect();
    Refusal {
        address: Some(address.clone()),
        summary: "what uses the resource was not asked for",
        detail: format!(
            "`{address}` can only be changed by deleting it and making it anew, and would leave {} with the one that is gone.",
            named.join(", ")
        ),
        hints: vec![format!("name those as well: `{}`; or run the command for everything", targets.join(" "))],
    }
}

/// The refusal of names that are passed on in a circle.
pub fn circle(address: &Address) -> Refusal {
    Refusal {
        address: Some(address.clone()),
        summary: "names are passed on in a circle",
        detail: format!("`{address}` waits for a name that another resource gives up, which in turn waits for its own."),
        hints: vec!["rename in two steps: first to a name that nothing has, then to the one that is wanted".to_owned()],
    }
}

/// The refusal of a create whose name may be taken.
pub fn unread_before_create(address: &Address, physical_id: &PhysicalId, unchecked: &Unchecked) -> Refusal {
    let hints = if unchecked.hints.is_empty() {
        vec!["allow the reading action for the credentials in use".to_owned()]
    } else {
        unchecked.hints.clone()
    };
    Refusal {
        address: Some(address.clone()),
        summary: "whether the resource exists could not be read",
        detail: format!(
            "`{physical_id}` may exist and belong to somebody else, so it is not made before that is known: {}",
            unchecked.detail
        ),
        hints,
    }
}

/// The refusal to take over what only a replacement could bring into the wanted shape.
pub fn cannot_adopt(resource: &Resource, change: &Change) -> Refusal {
    Refusal {
        address: Some(resource.address.clone()),
        summary: "the existing resource cannot be changed to what the spec asks for",
        detail: format!(
            "`{}` of `{}` exists with another value and can only be changed by making the resource anew.",
            change.path, resource.address
        ),
        hints: vec!["give the spec the value that lives in AWS, or delete the resource by hand".to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Registry;
    use crate::model::{Lineage, Target};

    #[test]
    fn each_kind_is_told_only_what_it_has() {
        let state = State::new(Lineage("l1".into()), "demo", None, Target::placeholder(), None);
        let mut live = Live::new("x".into());
        live.tags = Some(BTreeMap::new());
        live.undeletable = Some("it is held".to_owned());
        let hints = |address: &str| {
            let (address, rules) = (address.parse().unwrap(), Registry::new());
            let refused = [Some(not_ours(&address, &live.physical_id, &live, &state, &rules)), undeletable(&address, &live, &rules)];
            refused.into_iter().flatten().flat_map(|refusal| refusal.hints).collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(hints("log_group.a"), @r"
        take it over with `lambdo up --adopt log_group.a`, or choose another name in the spec
        put that right in AWS, or keep the resource with `skip_destroy = true`, then run the command again
        ");
        insta::assert_snapshot!(hints("event_rule.a.five"), @r"
        take it over with `lambdo up --adopt event_rule.a.five`, or choose another name in the spec
        put that right in AWS, or let go of the resource with `lambdo state forget event_rule.a.five`, so that it stays in AWS, then run the command again
        ");
        assert!(
            hints("layer.t").starts_with("versions of others cannot be changed, and so not be taken over: give the layer another name")
        );
    }
}

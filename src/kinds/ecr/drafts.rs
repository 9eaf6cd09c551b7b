//! Which calls make, change and delete a repository.

use super::FORCE;
use super::policy::OF_LAMBDA;
use crate::kinds::arguments::{all_at_once, by_arn, picked};
use crate::kinds::{image, tagging};
use crate::model::{Carry, Change, Draft, Removal, Resource, Table, Update, Value};

const NAME: &str = "repository_name";
const LIFECYCLE: &str = "lifecycle_policy";
const POLICY: &str = "repository_policy";
const SCANNING: &str = "image_scanning_configuration";
/// What `PutImageTagMutability` sets together.
const MUTABILITY: &[&str] = &["image_tag_mutability", "image_tag_mutability_exclusion_filters"];
/// What `CreateRepository` can carry.
const CREATED: &[&str] =
    &[NAME, "image_tag_mutability", "image_tag_mutability_exclusion_filters", SCANNING, "encryption_configuration", "tags"];
/// The argument that tells that the repository was made by the operation before.
pub(super) const JUST_MADE: &str = "just_made";
/// The argument with the names of statements that are taken away.
pub(super) const REMOVE: &str = "remove";

/// One call, and one more for each of the two policies.
pub(super) fn create(desired: &Resource) -> Vec<Draft> {
    let arguments = picked(&desired.inputs, CREATED).into_iter().chain(picked(&desired.attributes, &["arn"])).collect();
    let mut first = Draft::new("ecr:CreateRepository", arguments).carrying(Carry::fields(&desired.inputs, CREATED));
    let mut drafts = Vec::new();
    match is_empty(desired.input(LIFECYCLE)) {
        true => first.carries.extend(Carry::fields(&desired.inputs, &[LIFECYCLE])),
        false => drafts.push(put_lifecycle(desired).carrying(Carry::fields(&desired.inputs, &[LIFECYCLE]))),
    }
    if let Some(Value::Table(statements)) = desired.input(POLICY).filter(|policy| !is_empty(Some(policy))) {
        drafts.push(set_policy(desired, statements.clone(), Vec::new()).carrying(Carry::fields(&desired.inputs, &[POLICY])));
    }
    for draft in &mut drafts {
        draft.arguments.insert(JUST_MADE.to_owned(), true.into());
    }
    drafts.insert(0, first);
    drafts
}

/// Tags first: what is taken over is ours from then on.
pub(super) fn update(update: &Update<'_>) -> Vec<Draft> {
    let base = by_arn([&update.live.attributes, &update.desired.attributes]);
    let (set, remove) = tagging::drafts(update, "ecr:TagResource", "ecr:UntagResource", &base);
    let mut drafts: Vec<Draft> = set.into_iter().chain(remove).collect();
    let of = |keys: &[&str]| update.changes.iter().filter(|change| keys.contains(&change.path.first())).collect::<Vec<&Change>>();
    if MUTABILITY.iter().any(|key| update.touches(key)) {
        let arguments = named(update.desired).into_iter().chain(all_at_once(update, MUTABILITY)).collect();
        drafts.push(Draft::new("ecr:PutImageTagMutability", arguments).carrying(Carry::changes(of(MUTABILITY))));
    }
    if update.touches(SCANNING) {
        let arguments = named(update.desired).into_iter().chain(picked(&update.desired.inputs, &[SCANNING])).collect();
        drafts.push(Draft::new("ecr:PutImageScanningConfiguration", arguments).carrying(Carry::changes(of(&[SCANNING]))));
    }
    if update.touches(LIFECYCLE) {
        let draft = match is_empty(update.desired.input(LIFECYCLE)) {
            true => Draft::new("ecr:DeleteLifecyclePolicy", named(update.desired)),
            false => put_lifecycle(update.desired),
        };
        drafts.push(draft.carrying(Carry::changes(of(&[LIFECYCLE]))));
    }
    if update.touches(POLICY) {
        drafts.push(changed_policy(update));
    }
    drafts
}

fn changed_policy(update: &Update<'_>) -> Draft {
    let changes = update.of(POLICY);
    let sid = |change: &Change| change.path.0.get(1).cloned().unwrap_or_default();
    let mut set: Table = changes.iter().filter_map(|change| Some((sid(change), change.desired.clone()?))).collect();
    let remove: Vec<String> = changes.iter().filter(|change| change.desired.is_none()).map(|change| sid(change)).collect();
    // A policy without statements is none. What somebody else may take away meanwhile is written once more, so that
    // one is always left.
    let lambda = update.desired.input(POLICY).and_then(|policy| policy.as_table()?.get(OF_LAMBDA)).filter(|_| !remove.is_empty());
    set.extend(lambda.map(|statement| (OF_LAMBDA.to_owned(), statement.clone())));
    set_policy(update.desired, set, remove).carrying(Carry::changes(changes))
}

/// The images that lambdo pushed go first. With others in it, ECR deletes the repository only when it is told to.
pub(super) fn delete(removal: &Removal<'_>) -> Vec<Draft> {
    let name = removal.physical_id.as_str();
    let base = Table::from_iter([(NAME.to_owned(), name.into())]);
    let tags: Vec<&str> = image::tags_in(removal.entries, name).collect();
    let mut drafts = Vec::new();
    if !tags.is_empty() {
        let arguments = base.clone().into_iter().chain([("tags".to_owned(), Value::string_list(tags))]).collect();
        drafts.push(Draft::new("ecr:BatchDeleteImage", arguments));
    }
    let force = removal.attributes.get(FORCE).and_then(Value::as_boolean).unwrap_or(false);
    let arguments = base.into_iter().chain([("force".to_owned(), force.into())]).collect();
    drafts.push(Draft::new("ecr:DeleteRepository", arguments));
    drafts
}

fn named(desired: &Resource) -> Table {
    picked(&desired.inputs, &[NAME])
}

fn put_lifecycle(desired: &Resource) -> Draft {
    Draft::new("ecr:PutLifecyclePolicy", picked(&desired.inputs, &[NAME, LIFECYCLE]))
}

fn set_policy(desired: &Resource, set: Table, remove: Vec<String>) -> Draft {
    let mut arguments = named(desired);
    arguments.insert(POLICY.to_owned(), set.into());
    arguments.insert(REMOVE.to_owned(), Value::string_list(remove));
    Draft::new("ecr:SetRepositoryPolicy", arguments)
}

fn is_empty(document: Option<&Value>) -> bool {
    document.is_none_or(|document| crate::model::document::parsed(document).as_table().is_some_and(Table::is_empty))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::ecr::tests::lowered;
    use crate::model::{Address, Cause, Effect, Entry, Live, Path, PhysicalId};
    use std::collections::BTreeMap;

    fn shown(drafts: &[Draft]) -> String {
        let line = |draft: &Draft| {
            let carries: Vec<String> = draft.carries.iter().map(|carry| carry.path.to_string()).collect();
            format!("{} {} [{}]", draft.call, Value::Table(draft.arguments.clone()).to_json(), carries.join(" "))
        };
        drafts.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn changed(values: &[(&str, Value)], paths: &[&str]) -> String {
        let desired = lowered(values).resources.remove(0);
        let change = |path: &&str| {
            let path: Path = path.parse().unwrap();
            let root = desired.input(path.first());
            let wanted = path.0.get(1).map_or(root, |key| root?.as_table()?.get(key));
            Change { desired: wanted.cloned(), path, applied: None, live: None, effect: Effect::InPlace, cause: Cause::Spec }
        };
        let changes: Vec<Change> = paths.iter().map(change).collect();
        shown(&update(&Update { desired: &desired, live: &Live::new("x".into()), changes: &changes }))
    }

    #[test]
    fn a_create_is_three_calls() {
        insta::assert_snapshot!(shown(&create(&lowered(&[]).resources[0])), @r#"
ecr:CreateRepository {"arn":"arn:aws:ecr:eu-central-1:123456789012:repository/demo-images","encryption_configuration":{"encryption_type":"AES256"},"image_scanning_configuration":{"scan_on_push":true},"image_tag_mutability":"IMMUTABLE","image_tag_mutability_exclusion_filters":[],"repository_name":"demo-images","tags":{}} [repository_name image_tag_mutability image_tag_mutability_exclusion_filters image_scanning_configuration encryption_configuration tags]
ecr:PutLifecyclePolicy {"just_made":true,"lifecycle_policy":{"rules":[{"action":{"type":"expire"},"description":"images without a tag","rulePriority":1,"selection":{"countNumber":14,"countType":"sinceImagePushed","countUnit":"days","tagStatus":"untagged"}}]},"repository_name":"demo-images"} [lifecycle_policy]
ecr:SetRepositoryPolicy {"just_made":true,"remove":[],"repository_name":"demo-images","repository_policy":{"LambdaECRImageRetrievalPolicy":{"Statement":[{"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}]}}} [repository_policy]
"#);
        let bare = lowered(&[("lifecycle_policy", Table::new().into())]);
        assert_eq!(
            create(&bare.resources[0]).iter().map(|draft| draft.call).collect::<Vec<_>>(),
            ["ecr:CreateRepository", "ecr:SetRepositoryPolicy"]
        );
    }

    #[test]
    fn each_setting_has_a_call_that_changes_it() {
        insta::assert_snapshot!(changed(&[], &["image_tag_mutability", "image_scanning_configuration", "lifecycle_policy", "tags.team"]), @r#"
ecr:UntagResource {"arn":"arn:aws:ecr:eu-central-1:123456789012:repository/demo-images","keys":["team"]} [tags.team]
ecr:PutImageTagMutability {"image_tag_mutability":"IMMUTABLE","image_tag_mutability_exclusion_filters":[],"repository_name":"demo-images"} [image_tag_mutability]
ecr:PutImageScanningConfiguration {"image_scanning_configuration":{"scan_on_push":true},"repository_name":"demo-images"} [image_scanning_configuration]
ecr:PutLifecyclePolicy {"lifecycle_policy":{"rules":[{"action":{"type":"expire"},"description":"images without a tag","rulePriority":1,"selection":{"countNumber":14,"countType":"sinceImagePushed","countUnit":"days","tagStatus":"untagged"}}]},"repository_name":"demo-images"} [lifecycle_policy]
"#);
        insta::assert_snapshot!(changed(&[("lifecycle_policy", "{}".into())], &["lifecycle_policy"]), @r#"ecr:DeleteLifecyclePolicy {"repository_name":"demo-images"} [lifecycle_policy]"#);
        // Somebody may have taken Lambda's statement away meanwhile, and an empty policy is none.
        assert!(changed(&[], &["repository_policy.Gone"]).contains(r#""repository_policy":{"LambdaECRImageRetrievalPolicy":{"#));
        insta::assert_snapshot!(changed(&[], &["repository_policy.LambdaECRImageRetrievalPolicy", "repository_policy.Gone"]), @r#"ecr:SetRepositoryPolicy {"remove":["Gone"],"repository_name":"demo-images","repository_policy":{"LambdaECRImageRetrievalPolicy":{"Statement":[{"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"}}]}}} [repository_policy.LambdaECRImageRetrievalPolicy repository_policy.Gone]"#);
    }

    #[test]
    fn a_delete_takes_the_images_away_that_lambdo_pushed_and_others_only_when_told_to() {
        let id = PhysicalId::from("demo-images");
        let mut ours = Entry::new("demo-images:demo-hash-0123456789abcdef".into());
        ours.deposed.push(crate::model::Deposed {
            physical_id: "demo-images:demo-hash-old".into(),
            inputs: Table::new(),
            attributes: Table::new(),
        });
        let elsewhere = Entry::new("other:demo-x-0123456789abcdef".into());
        let entries = BTreeMap::from([(Address::new("image", "hash"), ours), (Address::new("image", "x"), elsewhere)]);
        let calls = |entries: &BTreeMap<Address, Entry>, force: bool| {
            let attributes = Table::from_iter([(FORCE.to_owned(), force.into())]);
            let removal =
                Removal { physical_id: &id, inputs: &Table::new(), attributes: &attributes, live: None, entries, dependants: &[] };
            shown(&delete(&removal))
        };
        insta::assert_snapshot!(calls(&entries, false), @r#"
ecr:BatchDeleteImage {"repository_name":"demo-images","tags":["demo-hash-old","demo-hash-0123456789abcdef"]} []
ecr:DeleteRepository {"force":false,"repository_name":"demo-images"} []
"#);
        insta::assert_snapshot!(calls(&BTreeMap::new(), true), @r#"ecr:DeleteRepository {"force":true,"repository_name":"demo-images"} []"#);
    }
}

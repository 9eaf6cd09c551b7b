//! Reading repositories: in bulk, and their policies and tags where they are asked for.

use super::fields::FIELDS;
use super::policy;
use crate::aws::{AwsError, ErrorClass, Pages, Reader};
use crate::kinds::reading::{AT_ONCE, in_turn, sighting, unchecked};
use crate::kinds::{ReadTarget, image, tagging};
use crate::model::document::parsed;
use crate::model::field::fill_defaults;
use crate::model::{Live, Path, PhysicalId, Sighting, Table, Value};
use aws_sdk_ecr::operation::describe_repositories::builders::DescribeRepositoriesInputBuilder;
use aws_sdk_ecr::operation::get_lifecycle_policy::builders::GetLifecyclePolicyInputBuilder;
use aws_sdk_ecr::operation::get_repository_policy::builders::GetRepositoryPolicyInputBuilder;
use aws_sdk_ecr::operation::list_images::builders::ListImagesInputBuilder;
use aws_sdk_ecr::operation::list_tags_for_resource::builders::ListTagsForResourceInputBuilder;
use aws_sdk_ecr::types::{ImageIdentifier, Repository};
use std::collections::{BTreeMap, BTreeSet};

/// Up to so many repositories are cheaper to read one by one.
const FEW: usize = 2;
/// The most repositories that one `DescribeRepositories` takes by name.
const BY_NAME: usize = 100;
/// The most repositories on a page of all of them.
const PAGE: i32 = 1_000;
/// How many images are named to people.
const SHOWN: usize = 3;

pub(super) async fn read(reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
    let names: BTreeSet<&str> = targets.iter().map(|target| target.physical_id.as_str()).collect();
    let listed = if names.len() > FEW { listed(reader, &names).await } else { Ok(None) };
    let listed = match &listed {
        Ok(listed) => listed.as_ref(),
        Err(error) => return targets.iter().map(|_| sighting(error)).collect(),
    };
    in_turn(targets.iter().copied(), AT_ONCE, |target| Box::pin(read_one(reader, target, listed))).await
}

/// Those of the repositories that are there: by their names, or where one of them is not there, from a list of all.
async fn listed(reader: &Reader, names: &BTreeSet<&str>) -> Result<Option<BTreeMap<String, Repository>>, AwsError> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut found = BTreeMap::new();
    for chunk in names.chunks(BY_NAME) {
        match described(reader, chunk).await {
            Ok(repositories) => found.extend(by_name(repositories)),
            // Who may only look at these repositories asks for each.
            Err(error) if error.is_not_found() => match all(reader).await {
                Err(error) if error.is_denied() => return Ok(None),
                all => return all.map(Some),
            },
            Err(error) => return Err(error),
        }
    }
    Ok(Some(found))
}

/// All repositories of the registry by their names.
///
/// # Errors
/// What ECR refused.
pub(super) async fn all(reader: &Reader) -> Result<BTreeMap<String, Repository>, AwsError> {
    let (mut found, mut pages) = (BTreeMap::new(), Pages::of("ecr:DescribeRepositories"));
    loop {
        let page = reader
            .describe_repositories(DescribeRepositoriesInputBuilder::default().max_results(PAGE).set_next_token(pages.token()))
            .await?;
        found.extend(by_name(page.repositories.unwrap_or_default()));
        if !pages.go_on(page.next_token)? {
            return Ok(found);
        }
    }
}

fn by_name(repositories: Vec<Repository>) -> impl Iterator<Item = (String, Repository)> {
    repositories.into_iter().filter_map(|repository| Some((repository.repository_name()?.to_owned(), repository)))
}

async fn described(reader: &Reader, names: &[String]) -> Result<Vec<Repository>, AwsError> {
    let request = DescribeRepositoriesInputBuilder::default().set_repository_names(Some(names.to_vec()));
    Ok(reader.describe_repositories(request).await?.repositories.unwrap_or_default())
}

/// The repository of this name.
///
/// # Errors
/// What AWS refused; also that there is none.
pub(super) async fn find(reader: &Reader, name: &str) -> Result<Repository, AwsError> {
    let found = described(reader, &[name.to_owned()]).await?.into_iter().find(|found| found.repository_name() == Some(name));
    found.ok_or_else(|| AwsError::own("ecr:DescribeRepositories", ErrorClass::NotFound, format!("there is no repository `{name}`")))
}

async fn read_one(reader: &Reader, target: ReadTarget<'_>, listed: Option<&BTreeMap<String, Repository>>) -> Sighting {
    let name = target.physical_id.as_str();
    let repository = match listed.map(|listed| listed.get(name)) {
        Some(Some(repository)) => repository.clone(),
        Some(None) => return Sighting::Missing,
        None => match find(reader, name).await {
            Ok(repository) => repository,
            Err(error) => return sighting(&error),
        },
    };
    let mut live = live(&repository, target.physical_id, wants_key(&target));
    let leaves = target.desired.is_none();
    let result = if target.is_read_deeply() {
        read_policies(reader, &target, &mut live).await
    } else {
        live.skipped.extend(["lifecycle_policy", "repository_policy"].map(Path::key));
        Ok(())
    };
    if result.is_err() {
        return Sighting::Missing;
    }
    // What may be deleted is looked at closely: whose it is, and what would be lost with it.
    if target.is_read_deeply() || !target.stays_as_applied(FIELDS, &live) {
        read_tags(reader, repository.repository_arn().unwrap_or_default(), &mut live).await;
    } else {
        live.skipped.push(Path::key("tags"));
    }
    if leaves && !is_forced(&target) {
        live.undeletable = strangers(reader, name).await;
    }
    Sighting::Found(live)
}

fn is_forced(target: &ReadTarget<'_>) -> bool {
    target.applied.and_then(|entry| entry.attributes.get(super::FORCE)).and_then(Value::as_boolean).unwrap_or(false)
}

/// Whether somebody named a key of KMS; AWS names its own one where nobody did.
fn wants_key(target: &ReadTarget<'_>) -> bool {
    let names = |inputs: &Table| {
        inputs.get("encryption_configuration").and_then(Value::as_table).is_some_and(|encryption| encryption.contains_key("kms_key"))
    };
    target.desired.is_some_and(|resource| names(&resource.inputs)) || target.applied.is_some_and(|entry| names(&entry.inputs))
}

/// What `DescribeRepositories` shows of a repository.
fn live(repository: &Repository, physical_id: &PhysicalId, wants_key: bool) -> Live {
    let mut live = Live::new(physical_id.clone());
    let put = |table: &mut Table, key: &str, text: Option<&str>| table.extend(text.map(|text| (key.to_owned(), text.into())));
    put(&mut live.attributes, "arn", repository.repository_arn());
    put(&mut live.attributes, "repository_name", repository.repository_name());
    put(&mut live.attributes, "repository_uri", repository.repository_uri());
    let mut fields = Table::new();
    put(&mut fields, "repository_name", repository.repository_name());
    put(&mut fields, "image_tag_mutability", repository.image_tag_mutability().map(|value| value.as_str()));
    let filters = repository.image_tag_mutability_exclusion_filters().iter().map(|filter| {
        let kind = ("filter_type".to_owned(), filter.filter_type().as_str().into());
        Value::Table(Table::from_iter([("filter".to_owned(), filter.filter().into()), kind]))
    });
    fields.insert("image_tag_mutability_exclusion_filters".to_owned(), Value::List(filters.collect()));
    let scans = repository.image_scanning_configuration().is_some_and(|scanning| scanning.scan_on_push());
    fields.insert("image_scanning_configuration".to_owned(), Table::from_iter([("scan_on_push".to_owned(), scans.into())]).into());
    let mut encryption = Table::new();
    if let Some(configuration) = repository.encryption_configuration() {
        put(&mut encryption, "encryption_type", Some(configuration.encryption_type().as_str()));
        put(&mut encryption, "kms_key", configuration.kms_key().filter(|_| wants_key));
    }
    fields.insert("encryption_configuration".to_owned(), encryption.into());
    fill_defaults(FIELDS, &mut fields);
    ["tags", "lifecycle_policy", "repository_policy"].iter().for_each(|key| drop(fields.remove(*key)));
    live.fields = fields;
    live
}

/// Reads both policies.
///
/// # Errors
/// Where the repository went away in between.
async fn read_policies(reader: &Reader, target: &ReadTarget<'_>, live: &mut Live) -> Result<(), AwsError> {
    let name = target.physical_id.as_str();
    let lifecycle = reader.get_lifecycle_policy(GetLifecyclePolicyInputBuilder::default().repository_name(name));
    let (lifecycle, statements) = futures::join!(lifecycle, policy_text(reader, name));
    match lifecycle.map(|answer| answer.lifecycle_policy_text) {
        Ok(text) => {
            let document = text.map_or_else(|| Table::new().into(), |text| parsed(&text.as_str().into()));
            live.fields.insert("lifecycle_policy".to_owned(), document);
        }
        Err(error) if is_without_policy(&error) => drop(live.fields.insert("lifecycle_policy".to_owned(), Table::new().into())),
        Err(error) if error.is_not_found() => return Err(error),
        Err(error) => live.unchecked.push(unchecked(Path::key("lifecycle_policy"), &error)),
    }
    match statements {
        Ok(text) => {
            let inputs = [target.desired.map(|resource| &resource.inputs), target.applied.map(|entry| &entry.inputs)];
            let tables = inputs.into_iter().flatten().filter_map(|inputs| inputs.get("repository_policy")?.as_table());
            let ours = tables.flat_map(Table::keys).map(String::as_str).collect();
            let (named, foreign) = policy::seen(text.as_deref().unwrap_or_default(), &ours);
            live.fields.insert("repository_policy".to_owned(), named.into());
            live.extras.extend(foreign);
        }
        Err(error) if error.is_not_found() => return Err(error),
        Err(error) => live.unchecked.push(unchecked(Path::key("repository_policy"), &error)),
    }
    Ok(())
}

/// The text of a repository's policy, where it has one.
///
/// # Errors
/// What AWS refused; also that there is no repository.
pub(super) async fn policy_text(reader: &Reader, name: &str) -> Result<Option<String>, AwsError> {
    match reader.get_repository_policy(GetRepositoryPolicyInputBuilder::default().repository_name(name)).await {
        Ok(answer) => Ok(answer.policy_text),
        Err(error) if is_without_policy(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether it is the policy that is not there, and not the repository.
fn is_without_policy(error: &AwsError) -> bool {
    error.code.as_deref().is_some_and(|code| code.ends_with("PolicyNotFoundException"))
}

async fn read_tags(reader: &Reader, arn: &str, live: &mut Live) {
    match reader.list_tags_for_repository(ListTagsForResourceInputBuilder::default().resource_arn(arn)).await {
        Ok(answer) => tagging::show(live, answer.tags().iter().map(|tag| (tag.key(), tag.value()))),
        Err(error) => live.unchecked.push(unchecked(Path::key("tags"), &error)),
    }
}

/// Which images keep a repository from being deleted, in words; nothing where lambdo pushed all of them, or where
/// nobody may look.
pub(super) async fn strangers(reader: &Reader, name: &str) -> Option<String> {
    let images = images(reader, name).await.ok()?;
    let foreign: Vec<&ImageIdentifier> = images.iter().filter(|found| !image::is_of_lambdo(found)).collect();
    let shown = |found: &&ImageIdentifier| found.image_tag().or(found.image_digest()).map(|name| format!("`{name}`"));
    let names: Vec<String> = foreign.iter().take(SHOWN).filter_map(shown).collect();
    let more = if foreign.len() > SHOWN { ", …" } else { "" };
    (!foreign.is_empty()).then(|| {
        let count = if foreign.len() == 1 { "an image".to_owned() } else { format!("{} images", foreign.len()) };
        format!(
            "it holds {count} that lambdo did not push ({}{more}); `force_delete = true` and `lambdo up` let it go with them",
            names.join(", ")
        )
    })
}

/// The images of a repository, once for each of their tags.
///
/// # Errors
/// What AWS refused.
async fn images(reader: &Reader, name: &str) -> Result<Vec<ImageIdentifier>, AwsError> {
    let (mut found, mut pages) = (Vec::new(), Pages::of("ecr:ListImages"));
    loop {
        let request = ListImagesInputBuilder::default().repository_name(name).max_results(PAGE).set_next_token(pages.token());
        let page = reader.list_images(request).await?;
        found.extend(page.image_ids.unwrap_or_default());
        if !pages.go_on(page.next_token)? {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{Cloud, failure};
    use crate::kinds::ecr::tests::lowered;
    use crate::model::{Address, Entry};

    /// A repository with everything as lambdo makes it.
    fn answer(request: &str) -> (u16, String) {
        let repository = r#"{"repositories":[{"repositoryArn":"arn:aws:ecr:eu-central-1:123456789012:repository/demo-images","repositoryName":"demo-images",
            "imageTagMutability":"IMMUTABLE","imageScanningConfiguration":{"scanOnPush":true},"encryptionConfiguration":{"encryptionType":"AES256"}}]}"#;
        let desired = lowered(&[]).resources.remove(0).inputs;
        let lifecycle = desired[&"lifecycle_policy".to_owned()].to_json().to_string();
        let statements = policy::merged(None, desired[&"repository_policy".to_owned()].as_table().unwrap(), &[]);
        match request {
            text if text.contains("DescribeRepositories") => (200, repository.to_owned()),
            text if text.contains("GetLifecyclePolicy") => (200, serde_json::json!({ "lifecyclePolicyText": lifecycle }).to_string()),
            text if text.contains("GetRepositoryPolicy") => (200, serde_json::json!({ "policyText": statements }).to_string()),
            text if text.contains("ListTagsForResource") => (200, r#"{"tags":[]}"#.to_owned()),
            text => (400, failure("InvalidParameterException", text)),
        }
    }

    async fn seen(cloud: &Cloud, desired: Option<&crate::model::Resource>, applied: Option<&Entry>) -> Sighting {
        let (address, id) = (Address::new("ecr", "images"), PhysicalId::from("demo-images"));
        let target = ReadTarget {
            address: &address,
            physical_id: &id,
            desired,
            applied,
            deep: false,
            strangers: false,
            undeclared: false,
            has_parts: false,
            lineage: "l",
        };
        read(cloud.writer.reader(), &[target]).await.remove(0)
    }

    #[tokio::test]
    async fn a_repository_made_of_defaults_reads_back_as_it_was_lowered() {
        let desired = lowered(&[]).resources.remove(0);
        let Sighting::Found(live) = seen(&Cloud::new(answer), Some(&desired), None).await else { panic!("not found") };
        assert_eq!(live.fields, desired.inputs);
        assert_eq!(live.attributes[&"arn".to_owned()], desired.attributes[&"arn".to_owned()]);
    }

    #[tokio::test]
    async fn policies_and_tags_of_a_known_one_are_left_out_of_a_quick_look() {
        let desired = lowered(&[]).resources.remove(0);
        let cloud = Cloud::new(answer);
        let mut entry = Entry::new("demo-images".into());
        entry.inputs.clone_from(&desired.inputs);
        let Sighting::Found(live) = seen(&cloud, Some(&desired), Some(&entry)).await else { panic!() };
        assert_eq!((live.skipped.len(), cloud.sent("").len()), (3, 1));
        // Somebody may have made it anew: whose it is shows in its tags.
        entry.inputs.insert("image_tag_mutability".into(), "another".into());
        let Sighting::Found(live) = seen(&cloud, Some(&desired), Some(&entry)).await else { panic!() };
        assert!(!live.skipped.contains(&Path::key("tags")));
    }

    #[tokio::test]
    async fn what_stands_in_the_way_of_a_delete_is_told() {
        let cloud = Cloud::new(|request| {
            match request.contains("ListImages") {
            true => (200, r#"{"imageIds":[{"imageTag":"v1","imageDigest":"sha256:aa"},{"imageTag":"demo-hash-0123456789abcdef","imageDigest":"sha256:0123456789abcdef00"}]}"#.to_owned()),
            false => answer(request),
        }
        });
        let mut entry = Entry::new("demo-images".into());
        let Sighting::Found(live) = seen(&cloud, None, Some(&entry)).await else { panic!("not found") };
        insta::assert_snapshot!(live.undeletable.unwrap(), @"it holds an image that lambdo did not push (`v1`); `force_delete = true` and `lambdo up` let it go with them");
        entry.attributes.insert("force_delete".into(), true.into());
        let Sighting::Found(live) = seen(&cloud, None, Some(&entry)).await else { panic!("not found") };
        assert_eq!(live.undeletable, None);
    }

    #[tokio::test]
    async fn one_that_is_not_there_makes_the_others_be_looked_for_in_the_list_of_all() {
        let cloud = Cloud::new(|request| match request.contains("repositoryNames") {
            true => (400, failure("RepositoryNotFoundException", "no")),
            false => answer(request),
        });
        let ids = ["a", "b", "demo-images"].map(PhysicalId::from);
        let address = Address::new("ecr", "images");
        let target = |id| ReadTarget {
            address: &address,
            physical_id: id,
            desired: None,
            applied: None,
            deep: false,
            strangers: false,
            undeclared: false,
            has_parts: false,
            lineage: "l",
        };
        let targets: Vec<ReadTarget<'_>> = ids.iter().map(target).collect();
        let seen = read(cloud.writer.reader(), &targets).await;
        assert!(matches!(seen[..], [Sighting::Missing, Sighting::Missing, Sighting::Found(_)]), "{seen:?}");
        assert_eq!(cloud.sent("DescribeRepositories").len(), 2);
    }
}

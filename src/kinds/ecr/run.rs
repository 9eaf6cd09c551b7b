//! Sending the operations of a repository.

use super::drafts::{JUST_MADE, REMOVE};
use super::policy;
use super::read::{find, policy_text, strangers};
use crate::aws::{AwsError, ErrorClass, Patience, Writer, poll_until, retry_while};
use crate::kinds::arguments::{as_json, gone_is_done, name, optional, refused, strings, unknown_call};
use crate::kinds::{Done, image, tagging};
use crate::model::observed::tag::LINEAGE;
use crate::model::{Operation, Table, Value};
use aws_sdk_ecr::operation::create_repository::builders::CreateRepositoryInputBuilder;
use aws_sdk_ecr::operation::delete_lifecycle_policy::builders::DeleteLifecyclePolicyInputBuilder;
use aws_sdk_ecr::operation::delete_repository::builders::DeleteRepositoryInputBuilder;
use aws_sdk_ecr::operation::list_tags_for_resource::builders::ListTagsForResourceInputBuilder;
use aws_sdk_ecr::operation::put_image_scanning_configuration::builders::PutImageScanningConfigurationInputBuilder;
use aws_sdk_ecr::operation::put_image_tag_mutability::builders::PutImageTagMutabilityInputBuilder;
use aws_sdk_ecr::operation::put_lifecycle_policy::builders::PutLifecyclePolicyInputBuilder;
use aws_sdk_ecr::operation::set_repository_policy::builders::SetRepositoryPolicyInputBuilder;
use aws_sdk_ecr::operation::tag_resource::builders::TagResourceInputBuilder;
use aws_sdk_ecr::operation::untag_resource::builders::UntagResourceInputBuilder;
use aws_sdk_ecr::types::{
    EncryptionConfiguration, ImageScanningConfiguration, ImageTagMutability, ImageTagMutabilityExclusionFilter, Repository, Tag,
};

/// How long a repository that was just made may be unknown.
const EARLY_LIMIT_MS: u64 = 15_000;

pub(super) async fn run(writer: &Writer, operation: &Operation, lineage: &str) -> Result<Done, AwsError> {
    let name = name(operation, "repository_name").unwrap_or_default();
    let is_just_made = operation.arguments.get(JUST_MADE).and_then(Value::as_boolean) == Some(true);
    let is_early = |error: &AwsError| is_just_made && error.is_not_found();
    let result = retry_while(writer.reader(), &early(operation, name), is_early, || Box::pin(send(writer, operation, name, lineage))).await;
    if takes_away(&operation.call) { gone_is_done(result) } else { result }
}

/// Waits for a repository that was just made.
fn early(operation: &Operation, name: &str) -> Patience {
    Patience::new(format!("repository {name} to be seen"), EARLY_LIMIT_MS).for_address(&operation.address)
}

/// Whether "not there" is what was wanted.
fn takes_away(call: &str) -> bool {
    matches!(call, "ecr:DeleteRepository" | "ecr:DeleteLifecyclePolicy" | "ecr:UntagResource" | "ecr:BatchDeleteImage")
}

async fn send(writer: &Writer, operation: &Operation, name: &str, lineage: &str) -> Result<Done, AwsError> {
    let arguments = &operation.arguments;
    match operation.call.as_str() {
        "ecr:CreateRepository" => return create(writer, operation, name, lineage).await,
        "ecr:PutImageTagMutability" => {
            let request = PutImageTagMutabilityInputBuilder::default()
                .repository_name(name)
                .set_image_tag_mutability(mutability(arguments))
                .set_image_tag_mutability_exclusion_filters(filters(operation)?);
            drop(writer.put_image_tag_mutability(request).await?);
        }
        "ecr:PutImageScanningConfiguration" => {
            let request = PutImageScanningConfigurationInputBuilder::default().repository_name(name);
            drop(writer.put_image_scanning_configuration(request.set_image_scanning_configuration(scanning(arguments))).await?);
        }
        "ecr:PutLifecyclePolicy" => {
            let request = PutLifecyclePolicyInputBuilder::default().repository_name(name);
            let text = arguments.get("lifecycle_policy").map(as_json);
            drop(writer.put_lifecycle_policy(request.set_lifecycle_policy_text(text)).await?);
        }
        "ecr:DeleteLifecyclePolicy" => {
            drop(writer.delete_lifecycle_policy(DeleteLifecyclePolicyInputBuilder::default().repository_name(name)).await?);
        }
        "ecr:SetRepositoryPolicy" => set_policy(writer, arguments, name).await?,
        "ecr:TagResource" => {
            let request = TagResourceInputBuilder::default().set_resource_arn(optional(arguments, "arn"));
            drop(writer.tag_repository(request.set_tags(tags(operation)?)).await?);
        }
        "ecr:UntagResource" => {
            let request = UntagResourceInputBuilder::default().set_resource_arn(optional(arguments, "arn"));
            drop(writer.untag_repository(request.set_tag_keys(strings(arguments, "keys"))).await?);
        }
        "ecr:BatchDeleteImage" => image::delete(writer, operation, name, strings(arguments, "tags").unwrap_or_default()).await?,
        "ecr:DeleteRepository" => delete(writer, arguments, name).await?,
        _ => return Err(unknown_call(operation)),
    }
    Ok(Done::default())
}

async fn create(writer: &Writer, operation: &Operation, name: &str, lineage: &str) -> Result<Done, AwsError> {
    let arguments = &operation.arguments;
    let request = CreateRepositoryInputBuilder::default()
        .repository_name(name)
        .set_image_tag_mutability(mutability(arguments))
        .set_image_tag_mutability_exclusion_filters(filters(operation)?.filter(|filters| !filters.is_empty()))
        .set_image_scanning_configuration(scanning(arguments))
        .set_encryption_configuration(encryption(operation)?)
        .set_tags(tags(operation)?);
    let repository = match writer.create_repository(request).await {
        Err(error) if error.class == ErrorClass::AlreadyExists => {
            Some(if_ours(writer, operation, name, lineage, &error).await.ok_or(error)?)
        }
        result => result?.repository,
    };
    let put = |key: &str, text: Option<&str>| text.map(|text| (key.to_owned(), text.into()));
    let repository = repository.as_ref();
    let attributes = [put("arn", repository.and_then(Repository::repository_arn))].into_iter().flatten().collect();
    Ok(Done { physical_id: Some(name.into()), attributes })
}

/// The repository of this name where an earlier try of ours made it, whose answer was lost.
async fn if_ours(writer: &Writer, operation: &Operation, name: &str, lineage: &str, taken: &AwsError) -> Option<Repository> {
    let look = || async {
        match if_seen(writer, name, lineage).await {
            Err(error) if error.is_not_found() => Ok(None),
            result => result,
        }
    };
    // What has just been made, and its tags, may not be seen yet.
    if taken.uncertain { poll_until(writer.reader(), &early(operation, name), look).await.ok() } else { look().await.ok()? }
}

/// The repository of this name, where it carries our lineage.
async fn if_seen(writer: &Writer, name: &str, lineage: &str) -> Result<Option<Repository>, AwsError> {
    let repository = find(writer.reader(), name).await?;
    let request = ListTagsForResourceInputBuilder::default().set_resource_arn(repository.repository_arn().map(str::to_owned));
    let tags = writer.reader().list_tags_for_repository(request).await?;
    let is_ours = tags.tags().iter().any(|tag| tag.key() == LINEAGE && tag.value() == lineage);
    Ok(is_ours.then_some(repository))
}

/// The policy is one document: statements of others are read first and written back.
async fn set_policy(writer: &Writer, arguments: &Table, name: &str) -> Result<(), AwsError> {
    let empty = Table::new();
    let set = arguments.get("repository_policy").and_then(Value::as_table).unwrap_or(&empty);
    let remove = strings(arguments, REMOVE).unwrap_or_default();
    let current = policy_text(writer.reader(), name).await?;
    let text = policy::merged(current.as_deref(), set, &remove);
    let request = SetRepositoryPolicyInputBuilder::default().repository_name(name).policy_text(text);
    writer.set_repository_policy(request).await.map(drop)
}

/// Deletes; says which images are in the way.
async fn delete(writer: &Writer, arguments: &Table, name: &str) -> Result<(), AwsError> {
    let force = arguments.get("force").and_then(Value::as_boolean).unwrap_or(false);
    let result = writer.delete_repository(DeleteRepositoryInputBuilder::default().repository_name(name).force(force)).await;
    match result {
        Err(mut error) if error.code.as_deref() == Some("RepositoryNotEmptyException") => {
            if let Some(why) = strangers(writer.reader(), name).await {
                error.message.push_str(&format!(" ({why})"));
            }
            Err(error)
        }
        result => result.map(drop),
    }
}

fn mutability(arguments: &Table) -> Option<ImageTagMutability> {
    optional(arguments, "image_tag_mutability").map(|text| text.as_str().into())
}

fn filters(operation: &Operation) -> Result<Option<Vec<ImageTagMutabilityExclusionFilter>>, AwsError> {
    let Some(filters) = operation.arguments.get("image_tag_mutability_exclusion_filters").and_then(Value::as_list) else { return Ok(None) };
    let one = |filter: &Table| {
        let kind = optional(filter, "filter_type").map(|kind| kind.as_str().into());
        ImageTagMutabilityExclusionFilter::builder().set_filter(optional(filter, "filter")).set_filter_type(kind).build()
    };
    let filters: Result<Vec<_>, _> = filters.iter().filter_map(Value::as_table).map(one).collect();
    let filters = filters.map_err(|error| refused(operation, error.to_string()))?;
    Ok(Some(filters).filter(|filters| !filters.is_empty()))
}

fn scanning(arguments: &Table) -> Option<ImageScanningConfiguration> {
    let scans = arguments.get("image_scanning_configuration")?.as_table()?.get("scan_on_push").and_then(Value::as_boolean);
    Some(ImageScanningConfiguration::builder().set_scan_on_push(scans).build())
}

fn encryption(operation: &Operation) -> Result<Option<EncryptionConfiguration>, AwsError> {
    let Some(table) = operation.arguments.get("encryption_configuration").and_then(Value::as_table) else { return Ok(None) };
    let kind = optional(table, "encryption_type").map(|kind| kind.as_str().into());
    let built = EncryptionConfiguration::builder().set_encryption_type(kind).set_kms_key(optional(table, "kms_key")).build();
    built.map(Some).map_err(|error| refused(operation, error.to_string()))
}

fn tags(operation: &Operation) -> Result<Option<Vec<Tag>>, AwsError> {
    let tags = tagging::given(&operation.arguments).map(|(key, value)| Tag::builder().key(key).value(value).build());
    let tags: Vec<Tag> = tags.collect::<Result<_, _>>().map_err(|error| refused(operation, error.to_string()))?;
    Ok(Some(tags).filter(|tags| !tags.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::super::drafts;
    use super::*;
    use crate::aws::testing::{Cloud, failure};
    use crate::kinds::ecr::tests::lowered;
    use crate::model::{Address, Draft, Transition};
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn operation(draft: Draft) -> Operation {
        Operation {
            address: Address::new("ecr", "images"),
            physical_id: Some("demo-images".into()),
            call: draft.call.into(),
            arguments: draft.arguments,
            carries: draft.carries,
            transition: Transition::Update,
            follows: vec![],
            waits: vec![],
            serial_key: None,
        }
    }

    fn created() -> Vec<Operation> {
        drafts::create(&lowered(&[]).resources[0]).into_iter().map(operation).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_repository_that_exists_is_ours_when_it_carries_our_lineage() {
        for (lineage, is_ours) in [("l-1", true), ("l-2", false)] {
            let cloud = Cloud::new(move |request| match request {
                text if text.contains("CreateRepository") => (400, failure("RepositoryAlreadyExistsException", "it exists")),
                text if text.contains("DescribeRepositories") => {
                    (200, r#"{"repositories":[{"repositoryName":"demo-images","repositoryArn":"arn:r"}]}"#.to_owned())
                }
                _ => (200, format!(r#"{{"tags":[{{"Key":"lambdo:lineage","Value":"{lineage}"}}]}}"#)),
            });
            let result = run(&cloud.writer, &created()[0], "l-1").await;
            assert_eq!(result.map(|done| done.attributes.get("arn").cloned()).ok(), is_ours.then(|| Some("arn:r".into())), "{lineage}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_repository_that_was_just_made_may_be_unknown_for_a_while() {
        let tries = AtomicUsize::new(0);
        let cloud = Cloud::new(move |_| match tries.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => (400, failure("RepositoryNotFoundException", "no")),
            _ => (200, "{}".to_owned()),
        });
        run(&cloud.writer, &created()[1], "l-1").await.unwrap();
        assert_eq!(cloud.sent("PutLifecyclePolicy").len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_statements_of_others_are_written_back() {
        let cloud = Cloud::new(|request| match request.contains("GetRepositoryPolicy") {
            true => (200, r#"{"policyText":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Theirs\"}]}"}"#.to_owned()),
            false => (200, "{}".to_owned()),
        });
        run(&cloud.writer, &created()[2], "l-1").await.unwrap();
        let sent = cloud.sent("SetRepositoryPolicy");
        assert!(sent[0].contains("Theirs") && sent[0].contains("LambdaECRImageRetrievalPolicy"), "{sent:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_keeps_a_repository_is_named() {
        let cloud = Cloud::new(|request| match request.contains("DeleteRepository") {
            true => (400, failure("RepositoryNotEmptyException", "not empty")),
            false => (200, r#"{"imageIds":[{"imageTag":"v1","imageDigest":"sha256:aa"}]}"#.to_owned()),
        });
        let mut gone = created().remove(0);
        gone.call = "ecr:DeleteRepository".into();
        let error = run(&cloud.writer, &gone, "l-1").await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
        insta::assert_snapshot!(error.message, @"not empty (it holds an image that lambdo did not push (`v1`); `force_delete = true` and `lambdo up` let it go with them)");
    }
}

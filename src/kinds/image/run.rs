//! Pushing images and taking their tags away.

use crate::aws::{AwsError, ErrorClass, Login, PushProgress, PushTarget, Writer};
use crate::kinds::arguments::{gone_is_done, refused, strings, text, unknown_call};
use crate::kinds::{Done, RunContext};
use crate::model::{Event, Operation, Table};
use aws_sdk_ecr::operation::batch_delete_image::builders::BatchDeleteImageInputBuilder;
use aws_sdk_ecr::operation::get_authorization_token::builders::GetAuthorizationTokenInputBuilder;
use aws_sdk_ecr::types::{ImageFailure, ImageFailureCode, ImageIdentifier};

/// The most images that one `BatchDeleteImage` takes.
const AT_MOST: usize = 100;

pub(super) async fn run(writer: &Writer, operation: &Operation, context: &RunContext<'_>) -> Result<Done, AwsError> {
    let repository = text(operation, "repository")?;
    match operation.call.as_str() {
        "ecr:PutImage" => push(writer, operation, repository, context).await,
        "ecr:BatchDeleteImage" => {
            let tags = strings(&operation.arguments, "tags").unwrap_or_default();
            gone_is_done(delete(writer, operation, repository, tags).await)
        }
        _ => Err(unknown_call(operation)),
    }
}

/// Pushes with a token of ECR that ends after twelve hours and is written nowhere.
async fn push(writer: &Writer, operation: &Operation, repository: &str, context: &RunContext<'_>) -> Result<Done, AwsError> {
    let (tag, digest) = (text(operation, "tag")?, text(operation, "digest")?);
    let image = context.artifacts.image(digest).await.map_err(|why| AwsError::own(&operation.call, ErrorClass::Other, why))?;
    let (registry, login) = writer.login(log_in(writer, operation)).await?;
    let target = PushTarget { registry, repository: repository.to_owned(), tag: Some(tag.to_owned()), login: Some(login) };
    let tell = |now: PushProgress| {
        let PushProgress { blobs_done, blobs, bytes_done, bytes, resumed_bytes } = now;
        writer.tell(Event::Sending { address: operation.address.clone(), blobs_done, blobs, bytes_done, bytes, resumed_bytes });
    };
    writer.push_image(&target, &image, context.artifacts, &tell).await?;
    Ok(Done {
        physical_id: Some(format!("{repository}:{tag}").into()),
        attributes: Table::from_iter([("digest".to_owned(), digest.into())]),
    })
}

/// The address of the account's registry, and who pushes there.
async fn log_in(writer: &Writer, operation: &Operation) -> Result<(String, Login), AwsError> {
    let answer = writer.get_authorization_token(GetAuthorizationTokenInputBuilder::default()).await?;
    let data = answer.authorization_data().first();
    let login = data.and_then(|data| Login::of_token(data.authorization_token()?));
    let login = login.ok_or_else(|| refused(operation, "ECR gave no token to push with"))?;
    let registry = writer.registry_at(data.and_then(|data| data.proxy_endpoint()));
    Ok((registry.ok_or_else(|| refused(operation, "ECR did not say where its registry is"))?, login))
}

/// Takes tags away; with its last tag, ECR deletes an image.
/// Source: <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html>
///
/// # Errors
/// What AWS refused.
pub(in crate::kinds) async fn delete(writer: &Writer, operation: &Operation, repository: &str, tags: Vec<String>) -> Result<(), AwsError> {
    for chunk in tags.chunks(AT_MOST) {
        let ids = chunk.iter().map(|tag| ImageIdentifier::builder().image_tag(tag).build()).collect();
        let request = BatchDeleteImageInputBuilder::default().repository_name(repository).set_image_ids(Some(ids));
        let answer = writer.batch_delete_image(request).await?;
        // The call succeeds even where its images failed.
        let failed = answer.failures().iter().find(|failure| failure.failure_code() != Some(&ImageFailureCode::ImageNotFound));
        failed.map_or(Ok(()), |failure| Err(of_failure(operation, failure)))?;
    }
    Ok(())
}

fn of_failure(operation: &Operation, failure: &ImageFailure) -> AwsError {
    let tag = failure.image_id().and_then(ImageIdentifier::image_tag).unwrap_or("an image");
    let reason = failure.failure_reason().unwrap_or("ECR did not say why");
    let code = failure.failure_code().map(|code| code.as_str().to_owned());
    AwsError { code, ..AwsError::own(&operation.call, ErrorClass::Invalid, format!("`{tag}` was not deleted: {reason}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{Cloud, failure};
    use crate::model::{Address, ArtifactSource, Transition, Value};
    use async_trait::async_trait;

    struct Nothing;

    #[async_trait]
    impl ArtifactSource for Nothing {
        async fn zip(&self, _content_hash: &str) -> Result<Vec<u8>, String> {
            Err("no zip".to_owned())
        }

        fn expected_bytes(&self, _content_hash: &str) -> usize {
            0
        }
    }

    fn operation(call: &str) -> Operation {
        let texts = [("repository", "demo"), ("tag", "demo-hash-01"), ("digest", "sha256:01")];
        let tags = ("tags".to_owned(), Value::string_list(["demo-hash-01"]));
        Operation {
            address: Address::new("image", "hash"),
            physical_id: Some("demo:demo-hash-01".into()),
            call: call.into(),
            arguments: texts.into_iter().map(|(key, text)| (key.to_owned(), text.into())).chain([tags]).collect(),
            carries: vec![],
            transition: Transition::Update,
            follows: vec![],
            waits: vec![],
            serial_key: None,
        }
    }

    async fn sent(cloud: &Cloud, call: &str) -> Result<Done, AwsError> {
        run(&cloud.writer, &operation(call), &RunContext { artifacts: &Nothing, lineage: "l-1" }).await
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_is_gone_needs_no_delete_and_one_that_stays_is_told() {
        let answering = |code: &'static str| {
            Cloud::new(move |_| {
                (
                    200,
                    format!(r#"{{"failures":[{{"imageId":{{"imageTag":"demo-hash-01"}},"failureCode":"{code}","failureReason":"why"}}]}}"#),
                )
            })
        };
        assert!(sent(&answering("ImageNotFound"), "ecr:BatchDeleteImage").await.is_ok());
        let error = sent(&answering("ImageReferencedByManifestList"), "ecr:BatchDeleteImage").await.unwrap_err();
        assert_eq!(error.message, "`demo-hash-01` was not deleted: why");
        let cloud = Cloud::new(|_| (400, failure("RepositoryNotFoundException", "no")));
        assert!(sent(&cloud, "ecr:BatchDeleteImage").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_is_asked_for_once_in_an_hour() {
        // `AWS:secret`.
        let token = r#"{"authorizationData":[{"authorizationToken":"QVdTOnNlY3JldA==","proxyEndpoint":"https://registry.example.com"}]}"#;
        let cloud = Cloud::new(move |_| (200, token.to_owned()));
        let operation = operation("ecr:PutImage");
        let log_in = || cloud.writer.login(log_in(&cloud.writer, &operation));
        let (one, other) = tokio::join!(log_in(), log_in());
        assert_eq!((one.unwrap(), cloud.sent("GetAuthorizationToken").len()), (other.unwrap(), 1));
        tokio::time::advance(std::time::Duration::from_secs(3700)).await;
        log_in().await.unwrap();
        assert_eq!(cloud.sent("GetAuthorizationToken").len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_this_run_did_not_make_is_not_pushed() {
        let cloud = Cloud::new(|_| (200, "{}".to_owned()));
        let error = sent(&cloud, "ecr:PutImage").await.unwrap_err();
        assert!(error.message.contains("was made in this run"), "{error}");
        assert!(cloud.sent("").is_empty());
    }
}

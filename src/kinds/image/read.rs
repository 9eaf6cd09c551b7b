//! Reading images: all of one repository in one call for every hundred.

use super::{KEEP, split, texts};
use crate::aws::{AwsError, Reader};
use crate::kinds::ReadTarget;
use crate::kinds::reading::{AT_ONCE, in_turn, sighting};
use crate::model::{Live, Sighting};
use aws_sdk_ecr::operation::batch_get_image::builders::BatchGetImageInputBuilder;
use aws_sdk_ecr::types::{Image, ImageFailureCode, ImageIdentifier};
use std::collections::{BTreeMap, BTreeSet};

/// The most images that one `BatchGetImage` takes.
const AT_MOST: usize = 100;
/// Manifests of one platform, and lists of several.
const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// Which digests tags lead to.
pub(in crate::kinds) type Digests = BTreeMap<String, String>;

pub(super) async fn read(reader: &Reader, targets: &[ReadTarget<'_>]) -> Vec<Sighting> {
    let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for target in targets {
        let (repository, tag) = split(target.physical_id);
        wanted.entry(repository).or_default().insert(tag);
    }
    let read = |(repository, tags): (&str, BTreeSet<&str>)| {
        let (repository, tags) = (repository.to_owned(), tags.into_iter().map(str::to_owned).collect::<Vec<_>>());
        Box::pin(async move {
            let found = digests(reader, None, &repository, &tags).await;
            (repository, found)
        }) as futures::future::BoxFuture<'_, _>
    };
    let found: BTreeMap<String, Result<Digests, AwsError>> = in_turn(wanted, AT_ONCE, read).await.into_iter().collect();
    targets.iter().map(|target| seen(target, &found)).collect()
}

/// Which digests the tags of a repository lead to; tags that are not there are left out. `registry` is the account of
/// another registry than one's own.
///
/// # Errors
/// What AWS refused; also that there is no such repository.
pub(in crate::kinds) async fn digests(
    reader: &Reader,
    registry: Option<&str>,
    repository: &str,
    tags: &[String],
) -> Result<Digests, AwsError> {
    let mut found = Digests::new();
    for chunk in tags.chunks(AT_MOST) {
        let ids = chunk.iter().map(|tag| ImageIdentifier::builder().image_tag(tag).build()).collect();
        let request = BatchGetImageInputBuilder::default()
            .set_registry_id(registry.map(str::to_owned))
            .repository_name(repository)
            .set_image_ids(Some(ids))
            .set_accepted_media_types(Some(MEDIA_TYPES.map(str::to_owned).to_vec()));
        let answer = reader.batch_get_image(request).await?;
        // Whatever else went wrong with a tag says nothing about whether it is there.
        let strange = answer.failures().iter().find(|failure| failure.failure_code() != Some(&ImageFailureCode::ImageNotFound));
        if let Some(failure) = strange {
            let message = failure.failure_reason().unwrap_or("ECR could not look for an image").to_owned();
            return Err(AwsError::own("ecr:BatchGetImage", crate::aws::ErrorClass::Other, message));
        }
        found.extend(answer.images().iter().filter_map(tag_and_digest));
    }
    Ok(found)
}

fn tag_and_digest(image: &Image) -> Option<(String, String)> {
    let id = image.image_id()?;
    Some((id.image_tag()?.to_owned(), id.image_digest()?.to_owned()))
}

fn seen(target: &ReadTarget<'_>, found: &BTreeMap<String, Result<Digests, AwsError>>) -> Sighting {
    let physical_id = target.physical_id;
    let (repository, tag) = split(physical_id);
    let digest = match found.get(repository) {
        Some(Ok(digests)) => digests.get(tag),
        Some(Err(error)) => return sighting(error),
        None => None,
    };
    let Some(digest) = digest else { return Sighting::Missing };
    let mut live = Live::new(physical_id.clone());
    live.fields = texts(&[("repository", repository), ("tag", tag), ("digest", digest)]);
    live.attributes.insert("digest".to_owned(), digest.as_str().into());
    // AWS knows nothing of how many are kept: what is wanted, or else what was applied.
    let wanted = target.desired.filter(|desired| desired.physical_id() == Some(physical_id)).map(|desired| &desired.inputs);
    let known = wanted.or_else(|| target.applied.map(|entry| &entry.inputs)).and_then(|inputs| inputs.get(KEEP));
    live.fields.extend(known.map(|keep| (KEEP.to_owned(), keep.clone())));
    Sighting::Found(live)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{Cloud, failure};
    use crate::model::{Address, PhysicalId, Value};

    async fn read_all(cloud: &Cloud, ids: &[&str]) -> Vec<Sighting> {
        let address = Address::new("image", "hash");
        let ids: Vec<PhysicalId> = ids.iter().map(|id| PhysicalId::from(*id)).collect();
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
        read(cloud.writer.reader(), &targets).await
    }

    #[tokio::test]
    async fn the_images_of_a_repository_are_read_in_one_call() {
        let cloud = Cloud::new(|request| match request.contains(r#""repositoryName":"gone""#) {
            true => (400, failure("RepositoryNotFoundException", "no")),
            false => (
                200,
                r#"{"images":[{"imageId":{"imageTag":"a-1","imageDigest":"sha256:aa"}}],
                    "failures":[{"imageId":{"imageTag":"b-1"},"failureCode":"ImageNotFound"}]}"#
                    .to_owned(),
            ),
        });
        let seen = read_all(&cloud, &["demo:a-1", "demo:b-1", "gone:a-1"]).await;
        assert!(matches!(seen[..], [Sighting::Found(_), Sighting::Missing, Sighting::Missing]), "{seen:?}");
        assert_eq!(cloud.sent("BatchGetImage").len(), 2);
        assert_eq!(seen[0].live().unwrap().fields.get("digest"), Some(&Value::from("sha256:aa")));
    }

    #[tokio::test]
    async fn what_could_not_be_looked_at_is_not_missing() {
        let cloud = Cloud::new(|_| {
            (200, r#"{"failures":[{"imageId":{"imageTag":"a-1"},"failureCode":"KmsError","failureReason":"no key"}]}"#.to_owned())
        });
        assert!(matches!(read_all(&cloud, &["demo:a-1"]).await[..], [Sighting::Unreadable(_)]));
    }
}

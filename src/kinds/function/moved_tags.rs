//! Functions whose image was given by a tag: Lambda resolves it once, and does not follow when it moves.

use super::live::RESOLVED;
use super::package_type::is_image;
use crate::aws::{AwsError, Reader};
use crate::kinds::image::digests;
use crate::kinds::image_uri::ImageUri;
use crate::kinds::reading::{AT_ONCE, in_turn, unchecked};
use crate::model::{Live, Path, Sighting, Value};
use futures::future::BoxFuture;
use std::collections::{BTreeMap, BTreeSet};

/// A repository: the account of its registry, where it may be another's, and its name.
type Place = (Option<String>, String);

/// Compares the digest that each function runs with the one that its tag leads to now. Where they differ, the code that
/// lives is the one by digest, so that the plan shows both.
pub(super) async fn look(reader: &Reader, sightings: &mut [Sighting]) {
    let mut wanted: BTreeMap<Place, BTreeSet<String>> = BTreeMap::new();
    for live in sightings.iter().filter_map(Sighting::live) {
        if let Some((place, tag)) = by_tag(live) {
            wanted.entry(place).or_default().insert(tag);
        }
    }
    let ask = |(place, tags): (Place, BTreeSet<String>)| -> BoxFuture<'_, _> {
        Box::pin(async move {
            let tags: Vec<String> = tags.into_iter().collect();
            let found = digests(reader, place.0.as_deref(), &place.1, &tags).await;
            (place, found)
        })
    };
    let found: BTreeMap<Place, Result<BTreeMap<String, String>, AwsError>> = in_turn(wanted, AT_ONCE, ask).await.into_iter().collect();
    for sighting in sightings {
        let Sighting::Found(live) = sighting else { continue };
        let Some((place, tag)) = by_tag(live) else { continue };
        match found.get(&place) {
            Some(Ok(digests)) => compare(live, digests.get(&tag)),
            // Lambda may fetch an image that the one who deploys may not look at.
            Some(Err(error)) => live.unchecked.push(unchecked(Path::key("code"), error)),
            None => {}
        }
    }
}

/// The repository and the tag of a function that is as it was applied, as far as Lambda says.
fn by_tag(live: &Live) -> Option<(Place, String)> {
    let code = live.fields.get("code").filter(|_| is_image(&live.fields))?.as_str()?;
    let uri = ImageUri::parse(code).filter(|uri| uri.digest.is_none())?;
    let registry = uri.registry().map(|(account, _)| account.to_owned());
    Some(((registry, uri.repository.to_owned()), uri.tag?.to_owned()))
}

/// A tag that is gone leads nowhere: the function runs on, and there is nothing newer to take.
fn compare(live: &mut Live, digest: Option<&String>) {
    let resolved = live.attributes.get(RESOLVED).and_then(Value::as_str).map(str::to_owned);
    let runs = resolved.as_deref().and_then(|uri| uri.rsplit_once('@')).map(|(_, digest)| digest);
    match (digest, runs) {
        (Some(digest), Some(runs)) if digest != runs => {
            live.remarks.push(format!("the tag leads to `{digest}` now"));
            live.fields.extend(resolved.map(|uri| ("code".to_owned(), uri.into())));
        }
        (None, Some(_)) => {
            live.remarks.push("the tag is gone from the repository; the function runs on with the image that it has".to_owned())
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{Cloud, failure};
    use crate::model::Table;

    const HOST: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";
    const RUNS: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    async fn seen(answer: (u16, String)) -> (Live, Vec<String>) {
        let mut live = Live::new("demo-hash".into());
        let texts = |pairs: &[(&str, String)]| pairs.iter().map(|(key, text)| ((*key).to_owned(), text.as_str().into())).collect::<Table>();
        live.fields = texts(&[("package_type", "Image".into()), ("code", format!("{HOST}/app:v1"))]);
        live.attributes = texts(&[(RESOLVED, format!("{HOST}/app@{RUNS}"))]);
        let cloud = Cloud::new(move |_| answer.clone());
        let mut sightings = vec![Sighting::Found(live), Sighting::Missing];
        look(cloud.writer.reader(), &mut sightings).await;
        let Sighting::Found(live) = sightings.remove(0) else { panic!("not found") };
        (live, cloud.sent("BatchGetImage"))
    }

    fn leading_to(digest: &str) -> (u16, String) {
        (200, format!(r#"{{"images":[{{"imageId":{{"imageTag":"v1","imageDigest":"{digest}"}}}}]}}"#))
    }

    #[tokio::test]
    async fn a_tag_that_leads_elsewhere_shows_and_one_that_does_not_is_as_applied() {
        let (live, sent) = seen(leading_to(RUNS)).await;
        assert_eq!(live.fields.get("code"), Some(&format!("{HOST}/app:v1").into()));
        assert!(sent[0].contains(r#""registryId":"123456789012""#), "{sent:?}");
        let (live, _) = seen(leading_to("sha256:bb")).await;
        assert_eq!(live.fields.get("code"), Some(&format!("{HOST}/app@{RUNS}").into()));
        assert_eq!(live.remarks, ["the tag leads to `sha256:bb` now"]);
    }

    #[tokio::test]
    async fn what_may_not_be_looked_at_is_unchecked() {
        let (live, _) = seen((400, failure("AccessDeniedException", "no"))).await;
        assert!(live.is_unread(&Path::key("code")) && live.unchecked[0].why == "access_denied");
        let (live, _) = seen((200, r#"{"failures":[{"imageId":{"imageTag":"v1"},"failureCode":"ImageNotFound"}]}"#.into())).await;
        assert!(live.unchecked.is_empty() && live.remarks[0].contains("is gone"), "{live:?}");
    }
}

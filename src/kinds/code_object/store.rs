//! Which packages go through S3, and where they lie there.

use super::KIND;
use crate::model::{Address, Artifact, Dependency, Form, Resource, Table, Value};

/// A package that may be larger than this goes through S3, in bytes: Lambda takes 50 MB with a call.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const DIRECT_BYTES: u64 = 50_000_000;
/// What a zip may need for one file besides its contents, in bytes: its name, twice, and two headers.
const ENTRY_BYTES: u64 = 400;
/// How many characters of the content hash are in the address.
const SHOWN: usize = 12;

/// The object for the package that `owner` is made of, where it is too large to be sent with a call; the owner then
/// waits for it.
pub fn store(owner: &mut Resource, artifact: &Artifact, bucket: &str, project: &str, stage: Option<&str>) -> Option<Resource> {
    let largest_bytes = artifact.unzipped_bytes + artifact.files as u64 * ENTRY_BYTES;
    if artifact.form != Form::Zip || largest_bytes <= DIRECT_BYTES {
        return None;
    }
    let hash = artifact.content_hash.rsplit(':').next().unwrap_or_default();
    let folder = stage.map_or_else(|| project.to_owned(), |stage| format!("{project}.{stage}"));
    let key = format!("lambdo/{folder}/{hash}.zip");
    let mut object = Resource::new(Address::new(KIND, &hash[..hash.len().min(SHOWN)]), format!("{bucket}/{key}"));
    let place = [("bucket".to_owned(), Value::from(bucket)), ("key".to_owned(), key.into())];
    object.attributes = Table::from_iter(place.clone());
    object.inputs = Table::from_iter(place);
    object.inputs.insert("content".to_owned(), artifact.content_hash.as_str().into());
    owner.dependencies.push(Dependency::hard(object.address.clone()));
    Some(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(unzipped_bytes: u64, files: usize, form: Form) -> Option<(Resource, Resource)> {
        let artifact = Artifact { content_hash: format!("sha256:{}", "a1".repeat(32)), form, unzipped_bytes, files };
        let mut owner = Resource::new(Address::new("function", "a"), "demo-a");
        let object = store(&mut owner, &artifact, "code", "demo", Some("dev"))?;
        Some((owner, object))
    }

    #[test]
    fn a_large_package_becomes_an_object_that_its_owner_waits_for() {
        let (owner, object) = stored(60_000_000, 1, Form::Zip).unwrap();
        assert_eq!(object.physical_id().unwrap().as_str(), format!("code/lambdo/demo.dev/{}.zip", "a1".repeat(32)));
        assert_eq!(object.address.to_string(), "code_object.a1a1a1a1a1a1");
        assert_eq!(owner.dependencies, [Dependency::hard(object.address)]);
        insta::assert_snapshot!(Value::Table(super::super::arguments(&owner)).to_json(), @r#"{"s3_bucket":{"$unknown":"code_object.a1a1a1a1a1a1.bucket"},"s3_key":{"$unknown":"code_object.a1a1a1a1a1a1.key"},"s3_version_id":{"$unknown":"code_object.a1a1a1a1a1a1.version_id"}}"#);
    }

    #[test]
    fn what_fits_into_a_call_or_is_no_zip_of_ours_stays_where_it_is() {
        for (bytes, files, form) in [(49_000_000, 1, Form::Zip), (60_000_000, 1, Form::Image), (60_000_000, 1, Form::Stored)] {
            assert_eq!(stored(bytes, files, form), None, "{bytes} {form:?}");
        }
        assert!(stored(20_000_000, 100_000, Form::Zip).is_some(), "headers and names weigh too");
    }
}

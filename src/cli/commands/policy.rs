//! `lambdo policy`: the least rights that deploy this very spec.

use crate::cli::args::{Format, PolicyArguments};
use crate::cli::policy::{LARGEST, Policy, Purpose, has_secrets_of_aws, policy, watching};
use crate::cli::view::json_policy;
use crate::cli::workspace::Workspace;
use crate::diagnostic::Diagnostic;
use crate::model::{Address, Artifact, Exit, Failure, Form, PackageRequest, StoredCode, Target, Value};
use crate::spec::{self, Header, Spec};
use std::collections::BTreeMap;

/// Larger than what is sent with a call: where there is a bucket for such packages, a package may need it.
const LARGE_BYTES: u64 = 1 << 30;

/// Prints the policy. Nothing is built, and AWS is asked for the account alone.
pub async fn run(workspace: &Workspace, arguments: &PolicyArguments) -> Result<Exit, Failure> {
    let spec = workspace.spec(&workspace.config()?)?;
    let target = target(workspace, &spec.header, arguments).await?;
    let desired = spec::lower(&spec, &target, &stand_ins(&spec), &workspace.registry).map_err(Failure::from)?;
    let purpose = match (arguments.read_only, arguments.destroy) {
        (true, _) => Purpose::Look,
        (_, true) => Purpose::Destroy,
        _ => Purpose::Up,
    };
    let Policy { document, is_folded, characters } = policy(&desired, &target, purpose, &watching(&spec.header, &target));
    match workspace.ui.format() {
        Format::Json => workspace.ui.document(&json_policy::policy(&document)),
        Format::Human | Format::Markdown => workspace.ui.document(&document),
    }
    workspace.ui.diagnostics(&large(is_folded, characters));
    workspace.ui.diagnostics(keys(purpose != Purpose::Destroy && has_secrets_of_aws(&desired)).as_slice());
    Ok(Exit::Success)
}

/// Which key encrypts a parameter or a secret, only AWS knows.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html>
fn keys(has_secrets: bool) -> Option<Diagnostic> {
    has_secrets.then(|| {
        Diagnostic::note("keys-unknown", "Keys of secrets are not in the policy")
            .detail("Parameters and secrets that AWS's own keys encrypt need no more than this; which others a key of yours encrypts, the spec does not say.")
            .hint("for those, also grant `kms:Decrypt` on their keys")
    })
}

fn large(is_folded: bool, characters: usize) -> Vec<Diagnostic> {
    let note = is_folded.then(|| {
        Diagnostic::note("policy-folded", "The policy names resources by what their names begin with")
            .detail(format!("One that names each would have more than the {LARGEST} characters that a managed policy has at most."))
    });
    let warning = (characters > LARGEST).then(|| {
        Diagnostic::warning("policy-too-large", "The policy is too large for one managed policy")
            .detail(format!("It has {characters} characters and a managed policy has at most {LARGEST}."))
            .hint("split its statements over several policies of the same principal")
    });
    note.into_iter().chain(warning).collect()
}

/// The account as it is known without AWS, else as AWS says.
async fn target(workspace: &Workspace, header: &Header, arguments: &PolicyArguments) -> Result<Target, Failure> {
    let known = match header.aws.allowed_account_ids.as_slice() {
        [one] => Some(one),
        _ => None,
    };
    let account = arguments.account.as_ref().or(known).filter(|_| !workspace.global.local);
    match (account, workspace.configured_region(header).await) {
        (Some(account), Some(region)) => Ok(Target { partition: partition(&region).to_owned(), account: account.clone(), region }),
        _ => Ok(workspace.engine(header).await?.target().clone()),
    }
}

/// The partition of a region (botocore's `partitions.json`).
fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        region if region.starts_with("eusc-") => "aws-eusc",
        _ => "aws",
    }
}

/// What packages would be: what is in them has no meaning for rights.
fn stand_ins(spec: &Spec) -> BTreeMap<Address, Artifact> {
    let has_bucket = spec.header.aws.code_bucket.is_some();
    spec.packages().into_iter().map(|request| (request.address.clone(), stand_in(&request, has_bucket))).collect()
}

fn stand_in(request: &PackageRequest, has_bucket: bool) -> Artifact {
    let stored = request.code.as_ref().and_then(stored);
    let form = match (&stored, &request.image) {
        (Some(_), _) => Form::Stored,
        (None, Some(_)) => Form::Image,
        (None, None) => Form::Zip,
    };
    let content_hash = stored.map_or_else(|| format!("sha256:{}", "0".repeat(64)), |code| code.content_hash());
    Artifact { content_hash, form, unzipped_bytes: if has_bucket { LARGE_BYTES } else { 1 }, files: 1 }
}

fn stored(code: &Value) -> Option<StoredCode> {
    let table = code.as_table()?.get("s3")?.as_table()?;
    let text = |key: &str| table.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(StoredCode { bucket: text("bucket")?, key: text("key")?, version: text("version") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_lie_in_partitions() {
        for (region, expected) in [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")] {
            assert_eq!(partition(region), expected);
        }
    }

    #[test]
    fn a_policy_that_had_to_be_folded_or_is_too_large_says_so() {
        let codes = |is_folded, characters| large(is_folded, characters).iter().map(|one| one.code).collect::<Vec<_>>();
        assert_eq!(codes(false, 100), Vec::<&str>::new());
        assert_eq!(codes(true, 100), ["policy-folded"]);
        assert_eq!(codes(true, LARGEST + 1), ["policy-folded", "policy-too-large"]);
    }
}

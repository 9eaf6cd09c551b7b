//! What to do about errors of AWS whose own message does not say it.

use super::error::AwsError;

/// One error that people meet, and what helps.
struct Advice {
    /// Calls whose name begins so.
    operation: &'static str,
    /// AWS's code; any where empty.
    code: &'static str,
    /// A fragment of the message in lower case; any where empty.
    fragment: &'static str,
    hint: &'static str,
}

const fn advice(operation: &'static str, code: &'static str, fragment: &'static str, hint: &'static str) -> Advice {
    Advice { operation, code, fragment, hint }
}

/// Codes are compared without an ending `Exception`, which IAM's wire codes lack.
const ALL: &[Advice] = &[
    // <https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html>
    advice(
        "ecr:CreateRepository",
        "LimitExceeded",
        "",
        "a registry has room for 100,000 repositories unless the account asked for more; functions can share one: `image.repository = \"NAME\"` with an `[ecr.NAME]`",
    ),
    advice(
        "ecr:",
        "Kms",
        "",
        "the key of `encryption_configuration` must exist in the region, be enabled, and its policy must let the principal that deploys use it",
    ),
    // <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>
    advice(
        "events:PutRule",
        "LimitExceeded",
        "",
        "an event bus has room for 300 rules (100 in some regions), those of others counted: delete rules, put some on a bus of their own, or ask for more",
    ),
    advice("events:PutTargets", "LimitExceeded", "", "a rule has room for five targets, those of others counted"),
    advice("events:", "ManagedRule", "", "an AWS service made the rule and keeps it; only that service can change it"),
    // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
    advice(
        "iam:CreateRole",
        "LimitExceeded",
        "",
        "an account has 1,000 roles unless it asked for more; functions can share one: `role = \"NAME\"` with a `[role.NAME]`",
    ),
    advice(
        "iam:",
        "MalformedPolicyDocument",
        "invalid principal",
        "a principal of the policy does not exist, or was deleted: look for a spelling mistake, or for a role that is to be made first",
    ),
    // <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>
    advice(
        "lambda:",
        "",
        "permission to access the ecr image",
        "the repository's policy must let `lambda.amazonaws.com` do `ecr:BatchGetImage` and `ecr:GetDownloadUrlForLayer`; of another account's image, its owner sets it",
    ),
    // <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
    advice(
        "lambda:",
        "CodeStorageExceeded",
        "",
        "delete functions and old versions that nobody needs: all their code in the region counts",
    ),
    advice(
        "lambda:PutFunctionConcurrency",
        "",
        "unreservedconcurrentexecution",
        "lower `reserved_concurrent_executions` or leave it out: AWS keeps a part of the account's concurrency unreserved, and a new account has ten in all",
    ),
    advice(
        "lambda:",
        "",
        "memorysize' value failed to satisfy constraint",
        "the account may be new, and then has less memory per function than others: lower `memory_size`, or ask AWS Support",
    ),
    advice(
        "lambda:",
        "PublicPolicy",
        "",
        "the account blocks policies that let everybody in: name the source with `source_arn` or `source_account`, or lift the block",
    ),
    advice(
        "lambda:AddPermission",
        "PolicyLengthExceeded",
        "",
        "a function's policy has room for 20 KB: one statement whose `source_arn` ends in `*` can stand for many",
    ),
    // <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
    advice(
        "s3:",
        "NoSuchBucket",
        "",
        "make the bucket first, in the region that is deployed to, or name another one: `code_bucket = \"NAME\"` in `[aws]`",
    ),
    advice(
        "s3:",
        "PermanentRedirect",
        "",
        "the bucket lies in another region, and Lambda reads code from its own region only: name one of this region as `code_bucket` in `[aws]`",
    ),
    advice(
        "s3:",
        "AuthorizationHeaderMalformed",
        "",
        "the bucket lies in another region, and Lambda reads code from its own region only: name one of this region as `code_bucket` in `[aws]`",
    ),
    advice(
        "s3:",
        "AccessDenied",
        "",
        "the credentials need `s3:GetObject`, `s3:PutObject`, `s3:DeleteObject`, `s3:DeleteObjectVersion` and `s3:AbortMultipartUpload` on the objects, and `s3:ListBucket` and `s3:ListBucketMultipartUploads` on the bucket, which must belong to this account",
    ),
    advice(
        "lambda:",
        "InvalidParameterValue",
        "error occurred while getobject",
        "Lambda reads code with the credentials of the one who deploys: these need `s3:GetObject` (and `s3:GetObjectVersion`) for the object, which must lie in this region",
    ),
    advice(
        "lambda:DeleteFunction",
        "",
        "replicated function",
        "CloudFront still has copies of the function: take it out of the distribution, wait some hours, and run the command again",
    ),
    advice("", "ExpiredToken", "", "what was done is written down: with fresh credentials the same command continues where it stopped"),
    advice("", "RequestExpired", "", "what was done is written down: with fresh credentials the same command continues where it stopped"),
];

/// What helps against this error; nothing where its own message is as good.
pub(super) fn of(error: &AwsError) -> Vec<&'static str> {
    let code = error.code.as_deref().unwrap_or_default();
    let code = code.strip_suffix("Exception").unwrap_or(code);
    let fits = |advice: &&Advice| {
        let is_code = advice.code.is_empty() || advice.code == code;
        is_code && error.operation.starts_with(advice.operation) && (advice.fragment.is_empty() || error.says(advice.fragment))
    };
    ALL.iter().filter(fits).map(|advice| advice.hint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::ErrorClass;

    fn of_error(operation: &str, code: &str, message: &str) -> Vec<&'static str> {
        of(&AwsError { code: Some(code.to_owned()), ..AwsError::own(operation, ErrorClass::Other, message) })
    }

    #[test]
    fn what_people_meet_comes_with_what_helps() {
        for (operation, code, message, hint) in [
            ("events:PutRule", "LimitExceededException", "The requested resource exceeds the maximum number allowed.", "300 rules"),
            ("events:PutTargets", "LimitExceededException", "", "five targets"),
            ("events:PutRule", "ManagedRuleException", "", "an AWS service made the rule"),
            ("iam:CreateRole", "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", "[role.NAME]"),
            ("iam:UpdateAssumeRolePolicy", "MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"x\"", "does not exist"),
            ("lambda:UpdateFunctionCode", "CodeStorageExceededException", "", "old versions"),
            (
                "lambda:PutFunctionConcurrency",
                "InvalidParameterValueException",
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [10].",
                "new account has ten",
            ),
            (
                "lambda:CreateFunction",
                "InvalidParameterValueException",
                "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 3008",
                "lower `memory_size`",
            ),
            ("lambda:AddPermission", "PublicPolicyException", "", "blocks policies"),
            ("lambda:AddPermission", "PolicyLengthExceededException", "", "20 KB"),
            (
                "lambda:DeleteFunction",
                "InvalidParameterValueException",
                "Lambda was unable to delete arn because it is a replicated function.",
                "CloudFront",
            ),
            ("ecr:CreateRepository", "LimitExceededException", "", "share one"),
            ("ecr:CreateRepository", "KmsException", "", "be enabled"),
            (
                "lambda:CreateFunction",
                "AccessDeniedException",
                "Lambda does not have permission to access the ECR image. Check the ECR permissions.",
                "repository's policy",
            ),
            ("events:PutRule", "ExpiredTokenException", "", "fresh credentials"),
            ("iam:CreateRole", "ExpiredToken", "", "fresh credentials"),
        ] {
            let hints = of_error(operation, code, message);
            assert!(hints.len() == 1 && hints[0].contains(hint), "{operation} {code}: {hints:?}");
        }
        assert_eq!(of_error("logs:PutRetentionPolicy", "LimitExceededException", ""), Vec::<&str>::new());
        assert_eq!(
            of_error("lambda:CreateFunction", "InvalidParameterValueException", "Unzipped size must be smaller"),
            Vec::<&str>::new()
        );
    }
}

//! Sending the operations of a role.

use super::seen::is_arn;
use crate::aws::{AwsError, ErrorClass, Patience, Writer, retry_while};
use crate::kinds::arguments::{as_json, gone_is_done, name, number, optional, strings, unknown_call};
use crate::kinds::{Done, tagging};
use crate::model::{Operation, PhysicalId, Table, observed::tag};
use aws_sdk_iam::operation::attach_role_policy::builders::AttachRolePolicyInputBuilder;
use aws_sdk_iam::operation::create_role::builders::CreateRoleInputBuilder;
use aws_sdk_iam::operation::delete_role::builders::DeleteRoleInputBuilder;
use aws_sdk_iam::operation::delete_role_permissions_boundary::builders::DeleteRolePermissionsBoundaryInputBuilder;
use aws_sdk_iam::operation::delete_role_policy::builders::DeleteRolePolicyInputBuilder;
use aws_sdk_iam::operation::detach_role_policy::builders::DetachRolePolicyInputBuilder;
use aws_sdk_iam::operation::get_role::builders::GetRoleInputBuilder;
use aws_sdk_iam::operation::list_instance_profiles_for_role::builders::ListInstanceProfilesForRoleInputBuilder;
use aws_sdk_iam::operation::put_role_permissions_boundary::builders::PutRolePermissionsBoundaryInputBuilder;
use aws_sdk_iam::operation::put_role_policy::builders::PutRolePolicyInputBuilder;
use aws_sdk_iam::operation::tag_role::builders::TagRoleInputBuilder;
use aws_sdk_iam::operation::untag_role::builders::UntagRoleInputBuilder;
use aws_sdk_iam::operation::update_assume_role_policy::builders::UpdateAssumeRolePolicyInputBuilder;
use aws_sdk_iam::operation::update_role::builders::UpdateRoleInputBuilder;
use aws_sdk_iam::types::{Role, Tag};

/// How long IAM may take until all of it knows what some of it knows. Terraform waits as long.
const LIMIT_MS: u64 = 120_000;

/// Sends one operation.
pub(super) async fn run(writer: &Writer, operation: &Operation, lineage: &str) -> Result<Done, AwsError> {
    let call = operation.call.as_str();
    let name = name(operation, "role_name").unwrap_or_default();
    let patience = Patience::new(format!("IAM to take the change of role {name}"), LIMIT_MS).for_address(&operation.address);
    let is_retryable = |error: &AwsError| is_retryable(call, error);
    let attempt = async || match send(writer, operation, name, lineage).await {
        Err(error) if error.class == ErrorClass::NotYetConsistent => Err(unless_new(error, writer, operation)),
        Err(error) if call == "iam:DeleteRole" && error.class == ErrorClass::InProgress => Err(unless_held(error, writer, name).await),
        result => result,
    };
    let result = retry_while(writer.reader(), &patience, is_retryable, attempt).await;
    if result.is_ok() && changes_what_it_may(call) {
        writer.hold_off().changed(name);
    }
    if takes_away(call) { gone_is_done(result) } else { result }
}

/// Whether others may not see at once what the call does to the role's rights.
fn changes_what_it_may(call: &str) -> bool {
    matches!(call, "iam:UpdateAssumeRolePolicy" | "iam:PutRolePolicy" | "iam:AttachRolePolicy")
}

/// A principal that is invalid gets valid by itself only when this run has just made it.
fn unless_new(error: AwsError, writer: &Writer, operation: &Operation) -> AwsError {
    let policies = ["trust_policy", "document"].iter().filter_map(|key| operation.arguments.get(*key));
    let is_new = policies.map(as_json).any(|policy| writer.hold_off().is_named_in(&policy));
    if is_new { error } else { AwsError { class: ErrorClass::Invalid, ..error } }
}

/// An instance profile, which lambdo never makes, holds its role until somebody takes it out.
async fn unless_held(error: AwsError, writer: &Writer, name: &str) -> AwsError {
    let request = ListInstanceProfilesForRoleInputBuilder::default().role_name(name);
    let Ok(answer) = writer.reader().list_instance_profiles_for_role(request).await else { return error };
    let profiles: Vec<String> = answer.instance_profiles.iter().map(|profile| format!("`{}`", profile.instance_profile_name())).collect();
    if profiles.is_empty() {
        return error;
    }
    let advice = format!(
        " (the role is in the instance profile {}, which lambdo did not make; take it out with `aws iam remove-role-from-instance-profile`)",
        profiles.join(", ")
    );
    AwsError { class: ErrorClass::Invalid, message: error.message.clone() + &advice, ..error }
}

/// Whether "not there" is what was wanted.
fn takes_away(call: &str) -> bool {
    matches!(
        call,
        "iam:DeleteRole" | "iam:DeleteRolePolicy" | "iam:DetachRolePolicy" | "iam:DeleteRolePermissionsBoundary" | "iam:UntagRole"
    )
}

/// Whether the same call may go through a little later.
fn is_retryable(call: &str, error: &AwsError) -> bool {
    match error.class {
        ErrorClass::InProgress | ErrorClass::NotYetConsistent => true,
        // A role that was just made is not seen everywhere; a policy that does not exist never is.
        ErrorClass::NotFound => !takes_away(call) && !is_about_a_policy(error),
        _ => false,
    }
}

/// Whether it is a policy that is not there: `Policy ARN does not exist …`, or of a boundary `Scope ARN: …`.
/// A role's name may have any word in it, so only the beginning tells.
fn is_about_a_policy(error: &AwsError) -> bool {
    let message = error.message.to_lowercase();
    ["policy", "scope arn"].iter().any(|beginning| message.starts_with(beginning))
}

/// The tags as IAM takes them; `None` without any.
fn tags(arguments: &Table) -> Option<Vec<Tag>> {
    let tags: Vec<Tag> = tagging::given(arguments).filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect();
    (!tags.is_empty()).then_some(tags)
}

async fn send(writer: &Writer, operation: &Operation, name: &str, lineage: &str) -> Result<Done, AwsError> {
    let arguments = &operation.arguments;
    match operation.call.as_str() {
        "iam:CreateRole" => return create(writer, name, arguments, lineage).await,
        "iam:UpdateRole" => {
            let input = UpdateRoleInputBuilder::default().role_name(name);
            let input = input.set_description(optional(arguments, "description"));
            writer.update_role(input.set_max_session_duration(number(arguments, "max_session_duration"))).await.map(drop)
        }
        "iam:UpdateAssumeRolePolicy" => {
            let input = UpdateAssumeRolePolicyInputBuilder::default().role_name(name);
            writer.update_assume_role_policy(input.set_policy_document(arguments.get("trust_policy").map(as_json))).await.map(drop)
        }
        "iam:PutRolePermissionsBoundary" => {
            let input = PutRolePermissionsBoundaryInputBuilder::default().role_name(name);
            let input = input.set_permissions_boundary(optional(arguments, "permissions_boundary"));
            writer.put_role_permissions_boundary(input).await.map(drop)
        }
        "iam:DeleteRolePermissionsBoundary" => {
            let input = DeleteRolePermissionsBoundaryInputBuilder::default().role_name(name);
            writer.delete_role_permissions_boundary(input).await.map(drop)
        }
        "iam:TagRole" => writer.tag_role(TagRoleInputBuilder::default().role_name(name).set_tags(tags(arguments))).await.map(drop),
        "iam:UntagRole" => {
            let input = UntagRoleInputBuilder::default().role_name(name).set_tag_keys(strings(arguments, "keys"));
            writer.untag_role(input).await.map(drop)
        }
        "iam:DeleteRole" => writer.delete_role(DeleteRoleInputBuilder::default().role_name(name)).await.map(drop),
        _ => policy(writer, operation, name).await,
    }
    .map(|()| Done::default())
}

async fn policy(writer: &Writer, operation: &Operation, name: &str) -> Result<(), AwsError> {
    let arguments = &operation.arguments;
    let (policy, arn) = (optional(arguments, "policy_name"), optional(arguments, "policy_arn"));
    match operation.call.as_str() {
        "iam:PutRolePolicy" => {
            let input = PutRolePolicyInputBuilder::default().role_name(name).set_policy_name(policy);
            writer.put_role_policy(input.set_policy_document(arguments.get("document").map(as_json))).await.map(drop)
        }
        "iam:DeleteRolePolicy" => {
            let input = DeleteRolePolicyInputBuilder::default().role_name(name).set_policy_name(policy);
            writer.delete_role_policy(input).await.map(drop)
        }
        "iam:AttachRolePolicy" => {
            let input = AttachRolePolicyInputBuilder::default().role_name(name).set_policy_arn(arn);
            writer.attach_role_policy(input).await.map(drop)
        }
        "iam:DetachRolePolicy" => {
            let input = DetachRolePolicyInputBuilder::default().role_name(name).set_policy_arn(arn);
            writer.detach_role_policy(input).await.map(drop)
        }
        _ => Err(unknown_call(operation)),
    }
}

/// All that `CreateRole` can carry goes with it: tags from the first moment on, and fewer calls.
async fn create(writer: &Writer, name: &str, arguments: &Table, lineage: &str) -> Result<Done, AwsError> {
    let input = CreateRoleInputBuilder::default()
        .role_name(name)
        .set_path(optional(arguments, "path"))
        .set_assume_role_policy_document(arguments.get("trust_policy").map(as_json))
        .set_description(optional(arguments, "description").filter(|text| !text.is_empty()))
        .set_max_session_duration(number(arguments, "max_session_duration"))
        .set_permissions_boundary(optional(arguments, "permissions_boundary"))
        .set_tags(tags(arguments));
    match writer.create_role(input).await {
        Ok(answer) => Ok(answer.role.as_ref().map(|role| made(writer, role, name)).unwrap_or_default()),
        // The answer to an attempt that went through may have been lost.
        Err(error) if error.class == ErrorClass::AlreadyExists => ours(writer, name, lineage, error).await,
        Err(error) => Err(error),
    }
}

async fn ours(writer: &Writer, name: &str, lineage: &str, taken: AwsError) -> Result<Done, AwsError> {
    let answer = writer.reader().get_role(GetRoleInputBuilder::default().role_name(name)).await;
    let role = answer.map_err(|error| error.following(&taken))?.role;
    let role = role.filter(|role| role.tags().iter().any(|tag| tag.key() == tag::LINEAGE && tag.value() == lineage));
    role.map(|role| made(writer, &role, name)).ok_or(taken)
}

/// What is known of a role that was just made. Lambda does not know it yet.
fn made(writer: &Writer, role: &Role, name: &str) -> Done {
    writer.hold_off().made(role.arn());
    done(role, name)
}

fn done(role: &Role, name: &str) -> Done {
    let attributes = [("arn", role.arn()), ("name", name), ("unique_id", role.role_id())];
    let is_known = |(key, value): &(&str, &str)| *key != "arn" || is_arn(value);
    let attributes = attributes.into_iter().filter(is_known).map(|(key, value)| (key.to_owned(), value.into())).collect();
    Done { physical_id: Some(PhysicalId::from(name)), attributes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_change_by_itself_is_tried_again() {
        let error = |class, message: &str| AwsError::own("iam:X", class, message);
        let cases = [
            ("iam:DeleteRole", ErrorClass::InProgress, "DeleteConflict", true),
            ("iam:PutRolePolicy", ErrorClass::NotFound, "The role with name x cannot be found.", true),
            ("iam:AttachRolePolicy", ErrorClass::NotFound, "Policy arn:x does not exist or is not attachable.", false),
            ("iam:PutRolePolicy", ErrorClass::NotFound, "The role with name policy-maker cannot be found.", true),
            ("iam:PutRolePermissionsBoundary", ErrorClass::NotFound, "Scope ARN: arn:x does not exist or is not attachable.", false),
            ("iam:DetachRolePolicy", ErrorClass::NotFound, "The role with name x cannot be found.", false),
            ("iam:CreateRole", ErrorClass::NotYetConsistent, "Invalid principal in policy", true),
            ("iam:CreateRole", ErrorClass::AlreadyExists, "", false),
            ("iam:CreateRole", ErrorClass::Invalid, "", false),
        ];
        for (call, class, message, wanted) in cases {
            assert_eq!(is_retryable(call, &error(class, message)), wanted, "{call} {class:?} {message}");
        }
    }
}

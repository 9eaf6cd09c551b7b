//! Roles on a cloud that behaves as IAM does: slow to agree with itself, and of many spellings.

use crate::behaviour::{count, one, up};
use crate::support::cloud::{allow, managed};
use crate::support::{Backend, Rule, World, spec};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeSet;
use std::time::Duration;

const ROLE: &str = "demo-a-eu-central-1";

/// The answer with another document in place of what stands between two tags.
fn with_document(answer: &str, tag: &str, document: &str) -> String {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let (before, rest) = answer.split_once(&open).expect("the answer has the document");
    let (_, after) = rest.split_once(&close).unwrap();
    format!("{before}{open}{}{close}{after}", utf8_percent_encode(document, NON_ALPHANUMERIC))
}

#[test]
fn policies_come_back_in_other_spellings_and_are_no_drift() {
    let trust = r#"role.trust_policy = '''{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"lambda.amazonaws.com"}},
        {"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"123456789012"}}]}'''"#;
    let allowed = r#"role.allow = [{ action = ["s3:GetObject", "s3:PutObject"], resource = "arn:aws:s3:::a+b %/*", condition = { Bool = { "aws:SecureTransport" = true } } }]"#;
    let (world, sandbox) = up(&one().replace("code =", &format!("{trust}\n{allowed}\ncode =")));
    let role = |answer: &str| {
        let document = r#"{"Statement":[{"Sid":"","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::123456789012:root"]},"Action":["sts:AssumeRole"]},
            {"Action":"sts:AssumeRole","Principal":{"Service":["lambda.amazonaws.com"]},"Effect":"Allow"}],"Version":"2012-10-17"}"#;
        with_document(answer, "AssumeRolePolicyDocument", document)
    };
    let inline = |answer: &str| {
        let document = r#"{"Version":"2012-10-17","Statement":{"Condition":{"bool":{"AWS:SecureTransport":["true"]}},
            "Resource":["arn:aws:s3:::a+b %/*"],"Action":["s3:PutObject","s3:GetObject"],"Effect":"Allow"}}"#;
        with_document(answer, "PolicyDocument", document)
    };
    world
        .proxy
        .rules([Rule::on("GetRole").rewrite_text(role), Rule::on("GetRolePolicy").containing("PolicyName=allow").rewrite_text(inline)]);
    sandbox.expect(0, &["drift"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    let other = |answer: &str| {
        let document = r#"{"Version":"2012-10-17","Statement":{"Condition":{"Bool":{"aws:SecureTransport":"true"}},
            "Resource":"arn:aws:s3:::a b %/*","Action":["s3:PutObject","s3:GetObject"],"Effect":"Allow"}}"#;
        with_document(answer, "PolicyDocument", document)
    };
    world.proxy.rules([Rule::on("GetRolePolicy").containing("PolicyName=allow").rewrite_text(other)]);
    sandbox.expect(3, &["drift"]).says("inline_policy.allow");
}

#[test]
fn a_principal_that_was_deleted_is_a_broken_trust_and_put_anew() {
    let (world, sandbox) = up(&one());
    let broken = |answer: &str| {
        let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"AROAEXAMPLEEXAMPLEID"}}]}"#;
        with_document(answer, "AssumeRolePolicyDocument", document)
    };
    world.proxy.rules([Rule::on("GetRole").rewrite_text(broken)]);
    sandbox.expect(3, &["plan", "--exit-code"]).says("the trust is broken: `AROAEXAMPLEEXAMPLEID`");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(count(&world, "UpdateAssumeRolePolicy"), 1);
}

#[test]
fn an_id_in_place_of_an_arn_right_after_a_create_is_not_believed() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    let early =
        |answer: &str| answer.replace(&format!("<Arn>arn:aws:iam::123456789012:role/lambdo/demo/{ROLE}</Arn>"), "<Arn>AROAEXAMPLE</Arn>");
    // The answer to the create is lost, and the role is found with an id in place of its ARN.
    world.proxy.rules([Rule::on("CreateRole").first(1).drop_answer(), Rule::on("GetRole").rewrite_text(early)]);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    assert!(!std::fs::read_to_string(sandbox.state_file()).unwrap().contains("AROAEXAMPLE"));
    let function = world.cloud.snapshot()["function.demo-a"].clone();
    assert_eq!(function["role"], format!("arn:aws:iam::123456789012:role/lambdo/demo/{ROLE}"));
}

#[test]
fn a_role_that_is_not_seen_everywhere_yet_is_tried_again() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one().replace("code =", "role.managed_policies = [\"AmazonSQSReadOnlyAccess\"]\ncode ="));
    let unseen =
        |operation| Rule::on(operation).first(2).refuse(404, "NoSuchEntity", format!("The role with name {ROLE} cannot be found."));
    world.proxy.rules([unseen("PutRolePolicy"), unseen("AttachRolePolicy")]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!((count(&world, "PutRolePolicy"), count(&world, "AttachRolePolicy")), (3, 3));
}

#[test]
fn a_policy_that_does_not_exist_is_not_waited_for() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one().replace("code =", "role.managed_policies = [\"AmazonSQSReadOnlyAccess\"]\ncode ="));
    let message = "Policy arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess does not exist or is not attachable.";
    world.proxy.rules([Rule::on("AttachRolePolicy").refuse(404, "NoSuchEntity", message)]);
    sandbox.expect(9, &["up", "--yes"]).says("is not attachable");
    assert_eq!(count(&world, "AttachRolePolicy"), 1);
}

#[test]
fn conflicts_of_a_role_pass_and_its_edits_come_one_after_the_other() {
    let world = World::start(Backend::Local);
    let policies = "role.managed_policies = [\"AmazonSQSReadOnlyAccess\", \"AmazonS3ReadOnlyAccess\"]\nrole.allow = [{ action = \"s3:GetObject\", resource = \"*\" }]";
    let sandbox = world.sandbox(&one().replace("code =", &format!("{policies}\ncode =")));
    let pause = Duration::from_millis(100);
    world.proxy.rules([
        Rule::on("PutRolePolicy").nth(1).refuse(
            409,
            "ConcurrentModification",
            "The request was rejected because multiple requests were submitted",
        ),
        Rule::on("AttachRolePolicy").nth(1).refuse(409, "EntityTemporarilyUnmodifiable", "The entity is temporarily unmodifiable"),
        Rule::on("AttachRolePolicy").nth(2).throttle(),
        Rule::on("PutRolePolicy").delay(pause),
        Rule::on("AttachRolePolicy").delay(pause),
    ]);
    sandbox.expect(0, &["up", "--yes"]);
    let is_edit = |name: &str| ["PutRolePolicy", "AttachRolePolicy"].contains(&name);
    let went_through = |call: &crate::support::proxy::Call| is_edit(&call.operation.name) && call.status == Some(200);
    let edits: Vec<_> = world.proxy.calls().into_iter().filter(went_through).collect();
    assert_eq!(edits.len(), 4);
    assert!(edits.windows(2).all(|pair| pair[1].at - pair[0].at >= pause), "two edits of the role were under way together");
}

#[test]
fn a_full_quota_of_roles_is_told_with_a_way_out_and_asked_for_once() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    world.proxy.rules([Rule::on("CreateRole").refuse(409, "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000")]);
    sandbox.expect(9, &["up", "--yes"]).says("RolesPerAccount: 1000").says("functions can share one");
    assert_eq!(count(&world, "CreateRole"), 1);
}

#[test]
fn a_role_of_a_stranger_that_came_meanwhile_is_left_alone() {
    let world = World::start(Backend::Local);
    world.cloud.foreign_role(ROLE, "/", &[("team", "x")]);
    let before = world.cloud.snapshot();
    let sandbox = world.sandbox(&one());
    // The plan does not see it yet.
    world.proxy.rules([Rule::on("GetRole").first(1).refuse(404, "NoSuchEntity", "The role cannot be found.")]);
    sandbox.expect(9, &["up", "--yes"]).says("The name is taken in AWS");
    assert_eq!(world.cloud.snapshot()[&format!("role.{ROLE}")], before[&format!("role.{ROLE}")]);
}

#[test]
fn a_principal_is_waited_for_only_when_this_run_made_it() {
    let world = World::start(Backend::Local);
    let roles = "[role.caller]\n\n[role.callee]\ntrust_policy = { statement = [{ effect = \"Allow\", action = \"sts:AssumeRole\", principal = { AWS = \"${role.caller.arn}\" } }] }\n";
    let sandbox = world.sandbox(&(spec::header() + roles));
    let refusal = |name: &str| {
        let message = "Invalid principal in policy: \"AWS\":\"arn:aws:iam::123456789012:role/x\"";
        Rule::on("CreateRole").containing(name).refuse(400, "MalformedPolicyDocument", message)
    };
    world.proxy.rules([refusal("RoleName=demo-callee").first(2)]);
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(count(&world, "CreateRole"), 4);
    sandbox.edit("${role.caller.arn}", "arn:aws:iam::123456789012:role/misspelt");
    let message = "Invalid principal in policy: \"AWS\":\"arn:aws:iam::123456789012:role/misspelt\"";
    world.proxy.rules([Rule::on("UpdateAssumeRolePolicy").refuse(400, "MalformedPolicyDocument", message)]);
    sandbox.expect(1, &["up", "--yes"]).says("misspelt").says("does not exist, or was deleted");
    assert_eq!(count(&world, "UpdateAssumeRolePolicy"), 1);
}

#[test]
fn everything_that_hangs_on_a_role_goes_with_it_and_stragglers_are_waited_for() {
    let (world, sandbox) = up(&one());
    world.cloud.done(world.cloud.iam.put_role_policy().role_name(ROLE).policy_name("theirs").policy_document(allow("s3:*")).send());
    world.cloud.done(world.cloud.iam.attach_role_policy().role_name(ROLE).policy_arn(managed("AmazonSQSReadOnlyAccess")).send());
    world.proxy.rules([Rule::on("DeleteRole").first(2).refuse(
        409,
        "DeleteConflict",
        "Cannot delete entity, must detach all policies first.",
    )]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
    assert_eq!((count(&world, "DeleteRole"), count(&world, "DetachRolePolicy"), count(&world, "DeleteRolePolicy")), (3, 1, 2));
}

#[test]
fn an_instance_profile_that_holds_a_role_is_named_at_once() {
    let (world, sandbox) = up(&one());
    let profile = "<ListInstanceProfilesForRoleResponse><ListInstanceProfilesForRoleResult><IsTruncated>false</IsTruncated><InstanceProfiles><member><Path>/</Path>\
        <InstanceProfileName>web-servers</InstanceProfileName><InstanceProfileId>AIPA</InstanceProfileId><Arn>arn:aws:iam::1:instance-profile/x</Arn>\
        <CreateDate>2026-01-01T00:00:00Z</CreateDate><Roles></Roles></member></InstanceProfiles></ListInstanceProfilesForRoleResult></ListInstanceProfilesForRoleResponse>";
    world.proxy.rules([
        Rule::on("DeleteRole").refuse(409, "DeleteConflict", "Cannot delete entity, must remove roles from instance profile first."),
        Rule::on("ListInstanceProfilesForRole").answer(200, profile),
    ]);
    sandbox.expect(9, &["destroy", "--yes"]).says("instance profile `web-servers`, which lambdo did not make");
    assert_eq!(count(&world, "DeleteRole"), 1);
    world.proxy.clear();
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

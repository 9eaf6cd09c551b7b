//! What is known of AWS and what the kinds do about it: one table of behaviours, the code behind each, and the
//! test that shows it on a cloud that behaves so. The proxy plays what the emulators leave out.

use crate::support::{Backend, Sandbox, World, spec};
use std::path::{Path, PathBuf};

/// A local cloud on which this spec is up.
pub fn up(spec: &str) -> (World, Sandbox) {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(spec);
    sandbox.expect(0, &["up", "--yes"]);
    (world, sandbox)
}

/// The spec of one function.
pub fn one() -> String {
    spec::header() + &spec::plain("a")
}

/// How often an operation was called.
pub fn count(world: &World, operation: &str) -> usize {
    world.proxy.calls_of(operation).len()
}

/// One behaviour of AWS that a kind meets.
struct Behaviour {
    /// What AWS does, and what lambdo makes of it.
    fact: &'static str,
    /// File below `src/`, and a name that it has.
    code: (&'static str, &'static str),
    /// Tests that show it, of this folder or beside the code.
    tests: &'static [&'static str],
}

const fn behaviour(fact: &'static str, code: (&'static str, &'static str), tests: &'static [&'static str]) -> Behaviour {
    Behaviour { fact, code, tests }
}

const BEHAVIOURS: &[Behaviour] = &[
    // Calls
    behaviour(
        "throttled, 5xx and lost calls are sent again by one loop, with growing pauses",
        ("aws/caller.rs", "fn after"),
        &["what_passes_is_tried_again_by_its_class", "pauses_grow_to_a_cap", "throttling_is_waited_out"],
    ),
    behaviour("the SDK's own retries are off", ("aws/session.rs", "RetryConfig::disabled"), &["nothing_but_our_loop_sends_a_call_again"]),
    behaviour(
        "Retry-After is in seconds and is waited for",
        ("aws/classify.rs", "fn quiet_time"),
        &["aws_says_how_long_to_stay_away_and_is_heard", "quiet_times_are_seconds_or_milliseconds_and_never_hours"],
    ),
    behaviour(
        "denials, invalid requests, quotas and failed preconditions are final",
        ("aws/classify.rs", "const CODES"),
        &["what_does_not_pass_is_asked_for_once", "every_known_error_has_its_meaning"],
    ),
    behaviour(
        "credentials end in the middle: nothing new is begun, what was done is saved, the next run goes on",
        ("engine/apply.rs", "is_locked_out"),
        &["credentials_that_end_in_the_middle_end_the_run_and_the_next_one_goes_on"],
    ),
    behaviour(
        "an answer is lost after the change was made: what exists then is ours if it carries our lineage",
        ("aws/error.rs", "fn following"),
        &["a_lost_answer_makes_nothing_twice", "a_refusal_after_a_lost_answer_proves_nothing"],
    ),
    behaviour(
        "NotFound may mean another region or account: the state knows its own",
        ("engine/mod.rs", "state.target != target"),
        &["a_state_of_another_region_is_not_taken_for_all_gone", "another_account_is_refused"],
    ),
    behaviour("what AWS's message does not say is said", ("aws/advice.rs", "const ALL"), &["what_people_meet_comes_with_what_helps"]),
    // Repositories and images
    behaviour(
        "Lambda writes a statement of its own into a repository's policy: no drift, and those of others are written back",
        ("kinds/ecr/policy.rs", "fn lets_lambda_fetch"),
        &[
            "what_lambda_wrote_itself_is_no_drift_and_what_others_wrote_is_shown",
            "the_statements_of_others_are_written_back",
            "a_repository_comes_up_is_mended_and_goes_without_a_trace",
        ],
    ),
    behaviour(
        "a repository with images is not deleted without force: those that lambdo pushed go first, others are named",
        ("kinds/ecr/read.rs", "fn strangers"),
        &["a_repository_with_images_of_others_stays_until_it_is_let_go_with_them", "what_keeps_a_repository_is_named"],
    ),
    behaviour(
        "a repository that was just made may be unknown for a while",
        ("kinds/ecr/run.rs", "EARLY_LIMIT_MS"),
        &["a_repository_that_was_just_made_may_be_unknown_for_a_while"],
    ),
    behaviour(
        "ECR deletes an image with its last tag: what another function still uses stays",
        ("kinds/image/run.rs", "fn delete"),
        &["functions_that_share_a_repository_and_an_image_let_go_of_it_one_by_one"],
    ),
    behaviour(
        "Lambda does not follow a tag that moves: digests are compared",
        ("kinds/function/moved_tags.rs", "fn compare"),
        &[
            "a_tag_that_leads_elsewhere_shows_and_one_that_does_not_is_as_applied",
            "an_image_by_its_tag_is_deployed_and_followed_when_the_tag_moves",
        ],
    ),
    behaviour(
        "the package type of a function cannot be changed: it is made anew",
        ("kinds/function/package_type.rs", "PACKAGE_TYPE"),
        &["a_function_changes_from_zip_to_image_and_back"],
    ),
    // Functions: create
    behaviour(
        "Lambda cannot use a fresh role for a while: tried again for two minutes, then told with the trust policy",
        ("kinds/function/steady.rs", "ROLE_LIMIT_MS"),
        &[
            "whatever_a_fresh_role_makes_lambda_say_is_tried_again_and_nothing_else_is",
            "a_role_that_cannot_be_assumed_yet_is_waited_for",
            "a_role_is_waited_for_only_as_long_as_it_can_be_hoped_for",
        ],
    ),
    behaviour(
        "what one function learned about fresh roles the others wait for",
        ("aws/hold_off.rs", "fn ripen"),
        &["the_next_function_with_a_fresh_role_waits_as_long_as_the_last_one_had_to", "a_fresh_role_is_left_alone_as_long_as_others_took"],
    ),
    behaviour(
        "a role that this run did not touch and that Lambda may not assume is looked at, not waited for",
        ("kinds/function/steady.rs", "fn judged"),
        &["a_role_of_others_that_lambda_may_not_assume_is_told_at_once"],
    ),
    behaviour(
        "EC2 is too busy to make network interfaces: ten minutes",
        ("kinds/function/steady.rs", "EC2_LIMIT_MS"),
        &["ec2_may_be_busy_for_longer_than_a_role_takes"],
    ),
    behaviour(
        "ResourceConflict, already exists: ours by its lineage, or a stranger's",
        ("kinds/function/run.rs", "fn namesake"),
        &["a_function_of_a_stranger_that_came_meanwhile_is_left_alone", "a_function_that_exists_is_looked_for_until_it_shows_whose_it_is"],
    ),
    behaviour(
        "ResourceConflict, update in progress: GetFunction is asked until it has ended",
        ("kinds/function/settle.rs", "fn wait_for_other"),
        &["an_update_that_is_in_progress_is_looked_at_and_waited_for", "a_conflict_of_a_function_that_is_being_updated_is_waited_for"],
    ),
    behaviour(
        "ResourceConflict, Pending: only what is refused waits",
        ("kinds/permission/mod.rs", "fn while_busy"),
        &["what_comes_while_a_function_is_pending_waits_for_itself_alone"],
    ),
    behaviour(
        "ResourceConflict, the statement exists: compared",
        ("kinds/permission/mod.rs", "fn compared"),
        &["a_statement_that_is_there_already_is_compared"],
    ),
    behaviour(
        "GetFunction and PutFunctionConcurrency do not know a function that was just made",
        ("kinds/function/settle.rs", "UNSEEN"),
        &["a_function_that_was_just_made_may_not_be_seen_yet", "concurrency_may_come_too_early_for_a_function_that_was_just_made"],
    ),
    behaviour(
        "State Failed and LastUpdateStatus Failed have reasons, and the code is sent again",
        ("kinds/function/settle.rs", "fn readiness"),
        &["what_lambda_could_not_do_is_told_with_its_reason_and_tried_anew", "a_failure_says_why"],
    ),
    behaviour(
        "a zip near the limit: 413, or a connection that is cut",
        ("kinds/function/code.rs", "fn explained"),
        &[
            "a_zip_that_lambda_finds_too_large_is_told_with_the_limit",
            "an_upload_that_is_refused_or_cut_near_the_limit_is_told_to_be_large",
        ],
    ),
    behaviour(
        "AWS keeps a part of the concurrency unreserved",
        ("aws/advice.rs", "unreservedconcurrentexecution"),
        &["a_quota_of_lambda_is_told_with_what_helps_and_asked_for_once"],
    ),
    // Functions: update
    behaviour(
        "UpdateFunctionConfiguration keeps what is left out: what is cleared is sent in its clearing form",
        ("kinds/function/drafts.rs", "fn configuration"),
        &["what_can_be_cleared_is_cleared_on_the_wire", "an_update_says_explicitly_what_is_cleared"],
    ),
    behaviour(
        "another key comes with the variables, another architecture with the code",
        ("kinds/function/drafts.rs", "fn code"),
        &["a_new_key_takes_the_variables_along_and_an_architecture_the_code"],
    ),
    behaviour(
        "the same zip would be an update all the same: it is compared first",
        ("kinds/function/run.rs", "fn live_if_same"),
        &["the_same_code_is_not_uploaded_again", "the_same_code_is_not_sent_again"],
    ),
    behaviour(
        "code and configuration one after the other, with a wait between them",
        ("kinds/function/drafts.rs", "then_wait"),
        &["code_and_configuration_go_one_after_the_other", "the_first_of_code_and_configuration_waits"],
    ),
    // Functions: delete
    behaviour(
        "a delete goes on after its answer: only what wants the name waits for State Deleting to end",
        ("kinds/function/run.rs", "wait_until_gone"),
        &["a_delete_that_goes_on_is_waited_for_only_by_what_wants_the_name", "a_name_that_a_deleted_function_still_has_is_waited_for"],
    ),
    behaviour(
        "Lambda@Edge keeps copies for hours",
        ("aws/advice.rs", "replicated function"),
        &["a_function_that_cloudfront_still_has_copies_of_is_told_so"],
    ),
    behaviour(
        "network interfaces outlive a function in a VPC",
        ("kinds/function/mod.rs", "fn farewell"),
        &["a_function_in_a_vpc_goes_with_a_word_about_its_network_interfaces"],
    ),
    behaviour(
        "what is used goes after what uses it; what dies with its parent is not deleted",
        ("plan/order.rs", "fn after_dependants"),
        &[
            "what_is_used_goes_after_what_uses_it_and_what_dies_with_it_is_not_deleted",
            "the_name_of_a_role_that_changes_takes_nothing_else_along",
        ],
    ),
    behaviour(
        "NotFound is success for whatever takes away",
        ("kinds/arguments.rs", "fn gone_is_done"),
        &["not_found_is_as_good_as_deleted_in_every_service"],
    ),
    // Reads
    behaviour(
        "unknown words in answers are neither drift nor the end",
        ("kinds/function/settle.rs", "fn readiness"),
        &[
            "words_that_came_after_this_version_are_neither_drift_nor_the_end",
            "a_class_of_the_future_is_no_drift_and_deletion_protection_is_seen",
        ],
    ),
    behaviour(
        "Lambda fills in or leaves out defaults, empty VPCs and log levels; volatile members do not count",
        ("kinds/function/live.rs", "fill_defaults"),
        &["what_lambda_fills_in_is_no_drift", "a_function_made_of_defaults_reads_back_as_it_was_lowered"],
    ),
    behaviour(
        "TagsError and Environment.Error are unchecked",
        ("kinds/function/live.rs", "fn unchecked"),
        &["what_lambda_may_not_show_is_unchecked_neither_drift_nor_a_strangers", "a_function_whose_owner_may_not_be_seen_is_not_touched"],
    ),
    behaviour("tags of AWS are never taken away", ("kinds/tagging.rs", "fn show"), &["tags_of_aws_are_never_taken_away"]),
    behaviour(
        "a list may be denied, have empty pages, or not show what was just made",
        ("kinds/role/read.rs", "fn single"),
        &["pages_may_be_empty_and_lists_denied", "a_list_that_does_not_show_what_was_just_made_is_not_believed"],
    ),
    // Permissions
    behaviour(
        "parallel changes of a policy lose statements: one after the other for each function",
        ("kinds/permission/mod.rs", "lambda-policy:"),
        &["statements_of_one_function_come_and_go_one_after_the_other"],
    ),
    behaviour(
        "AddPermission does not see the function yet",
        ("kinds/permission/mod.rs", "UNSEEN_LIMIT_MS"),
        &["a_function_that_the_policy_does_not_see_yet_is_tried_again"],
    ),
    behaviour(
        "there is no update of a statement: remove and add",
        ("kinds/permission/mod.rs", "lambda:RemovePermission"),
        &["a_statement_that_changed_is_replaced"],
    ),
    behaviour(
        "statements come in any order and case, accounts as root ARNs; what AddPermission cannot make is drift",
        ("kinds/permission/mod.rs", "fn condition_field"),
        &["another_spelling_of_a_functions_policy_is_no_drift", "what_add_permission_cannot_make_shows_as_another_action"],
    ),
    behaviour(
        "public policies may be blocked, and a policy has 20 KB",
        ("aws/advice.rs", "PolicyLengthExceeded"),
        &["refusals_of_a_policy_come_with_what_helps"],
    ),
    // Roles
    behaviour(
        "policies come back percent-encoded, in other orders and spellings",
        ("kinds/role/document.rs", "fn from_wire"),
        &["policies_come_back_in_other_spellings_and_are_no_drift", "plus_is_itself_on_the_wire_and_plain_json_is_taken_too"],
    ),
    behaviour(
        "NoSuchEntity right after the create passes; of a policy it does not",
        ("kinds/role/run.rs", "fn is_about_a_policy"),
        &["a_role_that_is_not_seen_everywhere_yet_is_tried_again", "a_policy_that_does_not_exist_is_not_waited_for"],
    ),
    behaviour(
        "an id stands in place of the ARN right after the create",
        ("kinds/role/seen.rs", "fn is_arn"),
        &["an_id_in_place_of_an_arn_right_after_a_create_is_not_believed"],
    ),
    behaviour(
        "a deleted principal leaves its id: a broken trust, put anew",
        ("kinds/role/seen.rs", "fn deleted_principals"),
        &["a_principal_that_was_deleted_is_a_broken_trust_and_put_anew"],
    ),
    behaviour(
        "Invalid principal passes only when this run made the principal",
        ("kinds/role/run.rs", "fn unless_new"),
        &["a_principal_is_waited_for_only_when_this_run_made_it"],
    ),
    behaviour(
        "ConcurrentModification and EntityTemporarilyUnmodifiable pass; edits of a role are serial",
        ("kinds/role/mod.rs", "fn serial_key"),
        &["conflicts_of_a_role_pass_and_its_edits_come_one_after_the_other"],
    ),
    behaviour(
        "DeleteConflict: what really hangs on the role goes first, and IAM may be slow to see it",
        ("kinds/role/drafts.rs", "fn delete"),
        &["everything_that_hangs_on_a_role_goes_with_it_and_stragglers_are_waited_for"],
    ),
    behaviour(
        "an instance profile holds its role for good",
        ("kinds/role/run.rs", "fn unless_held"),
        &["an_instance_profile_that_holds_a_role_is_named_at_once"],
    ),
    behaviour(
        "EntityAlreadyExists: ours by its tags, or a stranger's",
        ("kinds/role/run.rs", "fn ours"),
        &["a_role_of_a_stranger_that_came_meanwhile_is_left_alone"],
    ),
    behaviour(
        "LimitExceeded is told with the quota and not tried again",
        ("aws/advice.rs", "1,000 roles"),
        &["a_full_quota_of_roles_is_told_with_a_way_out_and_asked_for_once"],
    ),
    // Log groups
    behaviour(
        "Lambda makes the group first: it becomes ours, unless somebody else made it",
        ("kinds/log_group/run.rs", "fn take_over"),
        &["a_group_that_lambda_made_meanwhile_becomes_ours", "a_group_that_somebody_made_meanwhile_is_left_alone"],
    ),
    behaviour("OperationAborted passes", ("kinds/log_group/run.rs", "is_busy"), &["a_group_that_aws_is_busy_with_is_tried_again"]),
    behaviour(
        "PutRetentionPolicy is denied right after the create",
        ("kinds/log_group/run.rs", "EARLY_LIMIT_MS"),
        &["a_denial_passes_right_after_the_create_and_never_else", "a_group_that_was_just_made_may_be_unknown_for_a_while"],
    ),
    behaviour(
        "the account's retention overrides the group's",
        ("kinds/log_group/read.rs", "retention_policy_name"),
        &["a_retention_of_the_account_is_told_and_no_drift"],
    ),
    behaviour(
        "deletion protection: refused before anything is deleted",
        ("plan/refusal.rs", "fn undeletable"),
        &["a_group_that_is_protected_in_aws_stops_the_run_before_anything_is_deleted"],
    ),
    behaviour(
        "DescribeLogGroups knows prefixes only, and has pages",
        ("kinds/log_group/read.rs", "fn under"),
        &["groups_are_told_from_those_whose_names_begin_alike_also_on_later_pages"],
    ),
    behaviour(
        "never is DeleteRetentionPolicy",
        ("kinds/log_group/drafts.rs", "logs:DeleteRetentionPolicy"),
        &["never_is_a_call_of_its_own_and_a_full_quota_is_asked_for_once"],
    ),
    behaviour(
        "late lines bring a group back where the role may make groups, which ours never may",
        ("kinds/log_group/drafts.rs", "fn makers"),
        &[
            "a_group_that_late_lines_could_bring_back_goes_after_the_role_that_may_make_it",
            "a_group_that_cannot_come_back_waits_for_no_role",
        ],
    ),
    // Rules
    behaviour(
        "PutTargets and RemoveTargets succeed with entries that failed",
        ("kinds/event_rule/run.rs", "fn entry_error"),
        &["entries_that_failed_in_a_call_that_went_through_are_tried_again_or_told"],
    ),
    behaviour(
        "PutRule forgets what it is not told, and takes no tags of a rule that exists",
        ("kinds/event_rule/drafts.rs", "const RULE"),
        &["a_rule_is_always_put_in_whole_and_its_tags_by_themselves"],
    ),
    behaviour(
        "rule, permission, target; and a rule goes after its targets, which it may not know at once",
        ("kinds/event_rule/run.rs", "fn delete_rule"),
        &["a_rule_is_made_allowed_and_aimed_in_this_order_and_unmade_the_other_way_round"],
    ),
    behaviour(
        "ConcurrentModification passes; changes of a rule are serial",
        ("kinds/event_rule/run.rs", "fn is_busy"),
        &["changes_of_one_rule_come_one_after_the_other_and_conflicts_pass"],
    ),
    behaviour(
        "the delete of a rule that is gone succeeds; a rule may go between two reads",
        ("kinds/event_rule/run.rs", "fn remove_targets"),
        &["what_is_gone_already_needs_no_delete"],
    ),
    behaviour(
        "rules of services, and 300 rules to a bus",
        ("aws/advice.rs", "ManagedRule"),
        &["a_rule_of_a_service_and_a_full_bus_are_told_and_asked_for_once"],
    ),
    behaviour(
        "targets of others are kept, and hold their rule",
        ("kinds/event_rule/run.rs", "fn held_by_others"),
        &["targets_of_others_are_kept_and_told_when_they_hold_the_rule"],
    ),
    behaviour(
        "patterns and inputs come back respelt, states of a third sort, descriptions absent",
        ("kinds/event_rule/live.rs", "fn live"),
        &["another_spelling_of_a_rule_is_no_drift", "an_enabled_rule_is_told_by_what_it_is_not"],
    ),
    // Large packages
    behaviour(
        "a call of Lambda carries 50 MB at most; what is larger is named where it lies in S3",
        ("kinds/code_object/store.rs", "const DIRECT_BYTES"),
        &[
            "a_large_package_is_sent_once_for_all_who_need_it_and_leaves_the_bucket_as_it_was",
            "without_a_bucket_what_is_too_large_is_told_to_need_one",
        ],
    ),
    behaviour(
        "the parts of an upload that ends in the middle stay, and cost, until somebody takes them away",
        ("kinds/code_object/multipart.rs", "fn forget_leftovers"),
        &["an_upload_that_fails_leaves_nothing_behind_and_the_next_run_goes_on", "an_upload_that_was_killed_is_cleaned_up_by_the_next_one"],
    ),
    behaviour(
        "If-None-Match keeps what somebody else has put there; after a lost answer it may be our own",
        ("kinds/code_object/run.rs", "async fn ours"),
        &["conditions_hold_for_what_is_there", "an_object_whose_answer_was_lost_is_ours"],
    ),
    behaviour(
        "an object of S3 that has no version can change behind its name",
        ("kinds/function/read.rs", "fn look_into_the_bucket"),
        &["code_that_lies_in_a_bucket_is_deployed_and_sent_again_when_the_object_changes"],
    ),
    // Layers
    behaviour(
        "each PublishLayerVersion makes a version, also one whose answer is lost",
        ("kinds/layer/run.rs", "fn forget_twins"),
        &["a_publication_whose_answer_was_lost_is_found_again", "a_run_that_is_killed_while_it_publishes_is_taken_up_by_the_next"],
    ),
    behaviour(
        "layers carry no tags: the description says whose a version is",
        ("kinds/layer/mark.rs", "fn read"),
        &["a_mark_is_read_as_it_is_written_and_what_others_wrote_is_theirs", "a_layer_of_somebody_else_is_left_alone"],
    ),
    behaviour(
        "a version never changes, and one that functions use can be deleted",
        ("kinds/layer/mod.rs", "fn kept"),
        &[
            "a_layer_is_published_once_and_functions_follow_it_to_each_new_version",
            "as_many_versions_stay_as_are_kept_and_an_old_one_can_come_back",
        ],
    ),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_behaviour_has_its_code_and_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    ["src", "tests/it"].iter().for_each(|folder| sources(&root.join(folder), &mut files));
    let tests: String =
        files.iter().filter(|file| !file.ends_with("behaviour.rs")).map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let mut problems = Vec::new();
    for Behaviour { fact, code: (file, name), tests: shown } in BEHAVIOURS {
        let text = std::fs::read_to_string(root.join("src").join(file)).unwrap_or_default();
        if !text.contains(name) {
            problems.push(format!("{fact}: `{name}` is not in src/{file}"));
        }
        let missing = shown.iter().filter(|test| !tests.contains(&format!("fn {test}(")));
        problems.extend(missing.map(|test| format!("{fact}: there is no test `{test}`")));
        if shown.is_empty() {
            problems.push(format!("{fact}: nothing shows it"));
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    // The other way round: what stands in a file of behaviours is in the table.
    let named: Vec<&str> = BEHAVIOURS.iter().flat_map(|behaviour| behaviour.tests).copied().collect();
    for file in files.iter().filter(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("behaviour_"))) {
        let text = std::fs::read_to_string(file).unwrap();
        let shown = text.split("#[test]\nfn ").skip(1).filter_map(|rest| rest.split('(').next());
        let unnamed: Vec<&str> = shown.filter(|test| !named.contains(test)).collect();
        assert!(unnamed.is_empty(), "{}: not in the table: {unnamed:?}", file.display());
    }
}

//! Which calls are sent again, how often, and after which pause: one loop, ours.

use crate::behaviour::count;
use crate::support::{Backend, Rule, Sandbox, World, spec};
use std::time::Duration;

const CHANGE: &str = "UpdateFunctionConfiguration";

/// A function that is up, and a wish that takes one call.
fn about_to_change() -> (World, Sandbox) {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("handler =", "timeout = 9\nhandler =");
    (world, sandbox)
}

#[test]
fn what_passes_is_tried_again_by_its_class() {
    let on = || Rule::on(CHANGE).first(2);
    let passing = [
        on().throttle(),
        on().refuse(500, "ServiceException", "An error occurred"),
        on().refuse(503, "ServiceUnavailable", "Slow down"),
        on().answer(502, "<html>a proxy's own words</html>"),
        on().cut(),
        on().drop_answer(),
    ];
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&spec::many(passing.len(), "info"));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.spec(&spec::many(passing.len(), "debug"));
    let names: Vec<String> = (1..=passing.len()).map(|number| format!("demo-f{number}/")).collect();
    world.proxy.rules(passing.into_iter().zip(&names).map(|(rule, name)| rule.containing(name)));
    sandbox.expect(0, &["up", "--yes"]);
    for name in &names {
        let calls = world.proxy.calls_of(CHANGE).into_iter().filter(|call| call.path.contains(name)).count();
        assert!(calls >= 3, "{name}: {calls}");
    }
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn what_does_not_pass_is_asked_for_once() {
    let (world, sandbox) = about_to_change();
    let final_answers = [
        (403, "AccessDeniedException", "User: x is not authorized to perform: lambda:UpdateFunctionConfiguration", "not authorized"),
        (400, "InvalidParameterValueException", "The runtime parameter of nodejs12.x is no longer supported", "no longer supported"),
        (412, "PreconditionFailedException", "The RevisionId provided does not match", "does not match"),
        (400, "CodeStorageExceededException", "Code storage limit exceeded", "delete functions and old versions"),
        (403, "UnrecognizedClientException", "The security token included in the request is invalid", "aws sts get-caller-identity"),
        (400, "ExpiredTokenException", "The security token included in the request is expired", "continues where it stopped"),
    ];
    for (status, code, message, says) in final_answers {
        world.proxy.rules([Rule::on(CHANGE).refuse(status, code, message)]);
        sandbox.expect(1, &["up", "--yes"]).says(says).says(code);
        assert_eq!(count(&world, CHANGE), 1, "{code}");
    }
    // Whether a code of the future means that nothing was changed, nobody knows.
    world.proxy.rules([Rule::on(CHANGE).refuse(418, "NeverHeardOf", "A code of the future")]);
    sandbox.expect(9, &["up", "--yes"]).says("A code of the future");
    assert_eq!(count(&world, CHANGE), 1);
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
}

#[test]
fn aws_says_how_long_to_stay_away_and_is_heard() {
    let (world, sandbox) = about_to_change();
    world.proxy.rules([Rule::on(CHANGE).first(1).retry_after(1)]);
    sandbox.expect(0, &["up", "--yes"]);
    let calls = world.proxy.calls_of(CHANGE);
    let pause = calls[1].at - calls[0].at;
    assert!(calls.len() == 2 && pause >= Duration::from_millis(990), "{pause:?}");
}

/// A call has eight attempts where somebody answers; an SDK that tried again by itself would make more of them.
#[test]
fn nothing_but_our_loop_sends_a_call_again() {
    let (world, sandbox) = about_to_change();
    world.proxy.rules([Rule::on("GetCallerIdentity").refuse(503, "ServiceUnavailable", "no")]);
    sandbox.expect(1, &["plan"]);
    assert_eq!(count(&world, "GetCallerIdentity"), 8);
    world.proxy.rules([Rule::on("GetCallerIdentity").cut()]);
    sandbox.expect(1, &["plan"]);
    assert_eq!(count(&world, "GetCallerIdentity"), 8);
}

#[test]
fn credentials_that_end_in_the_middle_end_the_run_and_the_next_one_goes_on() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&spec::many(6, "info"));
    let expired = "The security token included in the request is expired";
    world.proxy.rules([Rule::any().since("CreateFunction").refuse(403, "ExpiredTokenException", expired)]);
    let output =
        sandbox.expect(9, &["up", "--yes", "--parallel", "1"]).says("with fresh credentials the same command continues where it stopped");
    assert!(
        output.stderr.contains("The credentials ended before it.") || output.stdout.contains("The credentials ended before it."),
        "{output}"
    );
    let calls = world.proxy.calls();
    let first = calls.iter().position(|call| call.status == Some(403)).unwrap();
    let refused = calls[first..].len();
    assert!(refused <= 8, "{refused} calls came after the first refusal, and everything else was still to do: {:?}", world.proxy.tally());
    let made = world.cloud.names();
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert!(made.iter().all(|name| world.cloud.names().contains(name)));
    let roles = made.iter().filter(|name| name.starts_with("role.") && !name.contains(' ')).count();
    assert_eq!(count(&world, "CreateRole"), 6 - roles, "what was done is not done again");
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn a_state_of_another_region_is_not_taken_for_all_gone() {
    let (world, mut sandbox) = about_to_change();
    sandbox.edit("region = \"eu-central-1\"", "region = \"eu-west-1\"");
    sandbox.variable("AWS_REGION", "eu-west-1");
    sandbox.expect(8, &["up", "--yes"]).says("eu-central-1");
    sandbox.expect(8, &["destroy", "--yes"]).says("eu-central-1");
    assert!(world.cloud.names().contains("function.demo-a"));
}

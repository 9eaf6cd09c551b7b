//! Locks, questions and what may not be mixed.

use crate::support::{Backend, Rule, World, on_each_emulator, spec};
use std::collections::BTreeSet;

on_each_emulator!(
    a_second_run_is_locked_out_and_told_by_whom,
    a_question_without_a_terminal_is_bad_usage,
    a_broken_function_section_does_not_block_destroy,
    under_ci_an_ignored_local_state_is_pointed_out,
    a_destroy_without_a_state_says_that_nothing_is_known,
);

fn a_second_run_is_locked_out_and_told_by_whom(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    world.proxy.rules([Rule::on("CreateFunction").hold()]);
    let first = sandbox.start(&["up", "--yes"]);
    world.proxy.wait_for("CreateFunction", 1);
    let holder = first.pid().to_string();
    for command in [["up", "--yes"], ["destroy", "--yes"]] {
        let output = sandbox.expect(7, &command).says(&holder);
        assert!(output.stderr.contains("up"), "the holder's operation is named\n{output}");
    }
    sandbox.expect(0, &["plan"]);
    world.proxy.release();
    first.wait().expect(0);
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.proxy.mutating(), 0, "{:?}", world.proxy.tally());
}

fn a_question_without_a_terminal_is_bad_usage(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(6, &["up"]).says("--yes");
    assert_eq!(world.proxy.mutating(), 0);
    assert!(!sandbox.state_file().exists());
    sandbox.expect(0, &["up", "--yes"]);
    let before = world.cloud.snapshot();
    sandbox.expect(6, &["destroy"]).says("--yes");
    assert_eq!(world.cloud.snapshot(), before);
    // Nothing to do is no question.
    sandbox.expect(0, &["up"]);
}

fn a_broken_function_section_does_not_block_destroy(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("handler =", "memory_size = \"no number\"\nnonsense = true\nhandler =");
    sandbox.expect(6, &["plan"]);
    sandbox.expect(0, &["drift"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

fn under_ci_an_ignored_local_state_is_pointed_out(backend: Backend) {
    let world = World::start(backend);
    let mut sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.write(".gitignore", "/state/\n");
    let git = std::process::Command::new("git").arg("init").arg("--quiet").current_dir(sandbox.path()).status();
    assert!(git.is_ok_and(|status| status.success()), "git is needed for this test");
    let quiet = sandbox.expect(2, &["plan", "--exit-code"]);
    assert!(!quiet.stderr.contains("git"), "{quiet}");
    sandbox.variable("CI", "true");
    sandbox.expect(0, &["up", "--yes"]).says("ignore");
}

fn a_destroy_without_a_state_says_that_nothing_is_known(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&(spec::header() + &spec::scheduled("a")));
    sandbox.expect(0, &["up", "--yes"]);
    std::fs::rename(sandbox.path().join("state"), sandbox.path().join("elsewhere")).unwrap();
    sandbox.expect(8, &["destroy", "--yes"]).says("There is no state").says("`--state-dir`").says("lambdo state rebuild");
    sandbox.expect(0, &["destroy", "--yes", "--state-dir", "elsewhere"]);
    let again = sandbox.expect(0, &["destroy", "--yes", "--state-dir", "elsewhere"]).says("Nothing to destroy");
    assert!(!again.stderr.contains("There is no state"), "{again}");
    assert!(world.cloud.names().is_empty(), "{:?}", world.cloud.names());
}

/// Between a question and its answer may be an hour.
#[cfg(target_os = "linux")]
#[test]
fn what_is_done_while_the_question_stands_is_not_overwritten() {
    let world = World::start(Backend::Local);
    let lambda = &world.cloud.lambda;
    let set = |value: &'static str| {
        let variables = [("MODE", "first"), ("FEATURE_X", value)].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let environment = aws_sdk_lambda::types::Environment::builder().set_variables(Some(variables.into())).build();
        world.cloud.configure("demo-a", |call| call.environment(environment.clone()));
    };
    let variable = |key: &str| {
        let configuration = world.cloud.done(lambda.get_function_configuration().function_name("demo-a").send());
        configuration.environment().and_then(|environment| environment.variables()?.get(key).cloned())
    };
    let values = "ignore = [\"environment.FEATURE_*\"]\nenvironment = { MODE = \"first\" }\nhandler =";
    let sandbox = world.sandbox(&(spec::header() + &spec::plain("a").replace("handler =", values)));
    sandbox.agree(&["up"], || {}).expect(0).says("Apply?");
    sandbox.expect(0, &["plan", "--exit-code"]);
    // What is ignored is sent along, since AWS takes an environment in whole.
    set("10");
    sandbox.edit("\"first\"", "\"second\"");
    sandbox.agree(&["up"], || set("11")).expect(8).says("The plan does not hold any more").says("`function.a`");
    assert_eq!((variable("MODE").as_deref(), variable("FEATURE_X").as_deref()), (Some("first"), Some("11")));
    sandbox.agree(&["up"], || {}).expect(0);
    assert_eq!((variable("MODE").as_deref(), variable("FEATURE_X").as_deref()), (Some("second"), Some("11")));
    // What was not there yet is somebody else's now.
    sandbox.edit("[function.a]", "[function.a]\nevent_rule.nightly.schedule_expression = \"rate(1 day)\"");
    let put = || world.cloud.foreign_rule("demo-a-nightly", &[("owner", "them")]);
    sandbox.agree(&["up"], put).expect(8).says("The plan does not hold any more").says("`event_rule.a.nightly`").says("is not ours");
    assert_eq!(world.cloud.snapshot()["rule.demo-a-nightly"]["tags"], serde_json::json!({ "owner": "them" }));
    // What was ours is not any more.
    let exchange = || {
        world.cloud.done(lambda.delete_function().function_name("demo-a").send());
        world.cloud.foreign_function("demo-a", &[("lambdo:lineage", "ffff")]);
    };
    sandbox.agree(&["destroy"], exchange).expect(8).says("Destroy?").says("The plan does not hold any more");
    assert!(world.cloud.names().contains("function.demo-a"));
    sandbox.agree(&["destroy"], || {}).expect(0);
    assert!(world.cloud.names().contains("function.demo-a"), "it is another state's");
}

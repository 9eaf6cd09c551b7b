//! Layers: published, referred to, followed by new versions, and gone without a trace.

use crate::support::{Backend, Rule, Sandbox, World, on_each_emulator, spec};

on_each_emulator!(
    a_layer_is_published_once_and_functions_follow_it_to_each_new_version,
    as_many_versions_stay_as_are_kept_and_an_old_one_can_come_back,
    a_version_that_vanished_is_published_again,
);

const LAYER: &str = "[layer.tools]\ndescription = \"Tools\"\ncompatible_runtimes = [\"provided.al2023\"]\ncode = { dir = \"tools\" }\n\n";

fn with_layer(layer: &str) -> String {
    spec::header() + layer + &spec::plain("a").replace("code =", "layers = [\"${layer.tools.arn}\"]\ncode =")
}

fn content(sandbox: &Sandbox, text: &str) {
    std::fs::create_dir_all(sandbox.path().join("tools/bin")).unwrap();
    sandbox.write("tools/data", text);
}

fn arn(version: i64) -> String {
    format!("arn:aws:lambda:eu-central-1:123456789012:layer:demo-tools:{version}")
}

fn a_layer_is_published_once_and_functions_follow_it_to_each_new_version(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&with_layer(LAYER));
    content(&sandbox, "one");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!((world.cloud.layer_versions("demo-tools"), world.cloud.layers_of("demo-a")), (vec![1], vec![arn(1)]));
    assert_eq!(sandbox.expect(0, &["output", "layer.tools.arn"]).stdout.trim(), arn(1));
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["drift"]);
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.proxy.mutating(), 0, "{:?}", world.proxy.tally());

    content(&sandbox, "two");
    sandbox.expect(0, &["plan"]).says(": its layers changed\n");
    let plan = sandbox.expect(0, &["plan", "--format", "json"]).json();
    assert_eq!((plan["summary"]["replace"].as_u64(), plan["summary"]["update"].as_u64()), (Some(1), Some(1)), "{plan:#}");
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!((world.cloud.layer_versions("demo-tools"), world.cloud.layers_of("demo-a")), (vec![2], vec![arn(2)]));
    let calls: Vec<String> = world.proxy.calls().into_iter().map(|call| call.operation.name).collect();
    let at = |name: &str| calls.iter().position(|call| call == name).unwrap_or_else(|| panic!("no {name}: {calls:?}"));
    assert!(at("PublishLayerVersion") < at("UpdateFunctionConfiguration") && at("UpdateFunctionConfiguration") < at("DeleteLayerVersion"));
    sandbox.expect(0, &["plan", "--exit-code"]);

    sandbox.edit("Tools", "Other tools");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.cloud.layers_of("demo-a"), [arn(3)]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.layer_versions("demo-tools"), Vec::<i64>::new());
}

fn as_many_versions_stay_as_are_kept_and_an_old_one_can_come_back(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&with_layer(&LAYER.replace("code =", "keep = 2\ncode =")));
    for (text, expected) in [("one", vec![1]), ("two", vec![1, 2]), ("three", vec![2, 3])] {
        content(&sandbox, text);
        sandbox.expect(0, &["up", "--yes"]);
        assert_eq!(world.cloud.layer_versions("demo-tools"), expected, "{text}");
        sandbox.expect(0, &["plan", "--exit-code"]);
    }
    content(&sandbox, "two");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!((world.cloud.layer_versions("demo-tools"), world.cloud.layers_of("demo-a")), (vec![2, 3], vec![arn(2)]));
    sandbox.expect(0, &["plan", "--exit-code"]);

    sandbox.edit("keep = 2", "keep = 1");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.cloud.layer_versions("demo-tools"), [2]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.layer_versions("demo-tools"), Vec::<i64>::new());
}

fn a_version_that_vanished_is_published_again(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&with_layer(LAYER));
    content(&sandbox, "one");
    sandbox.expect(0, &["up", "--yes"]);
    world.cloud.done(world.cloud.lambda.delete_layer_version().layer_name("demo-tools").version_number(1).send());
    sandbox.expect(3, &["drift"]);
    sandbox.expect(0, &["up", "--yes"]);
    let versions = world.cloud.layer_versions("demo-tools");
    assert_eq!(versions.len(), 1, "{versions:?}");
    assert_eq!(world.cloud.layers_of("demo-a"), [arn(versions[0])]);
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn a_publication_whose_answer_was_lost_is_found_again() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&with_layer(LAYER));
    content(&sandbox, "one");
    world.proxy.rules([Rule::on("PublishLayerVersion").nth(1).drop_answer()]);
    sandbox.expect(0, &["up", "--yes"]);
    let versions = world.cloud.layer_versions("demo-tools");
    assert_eq!(versions.len(), 1, "a second one would stay for ever: {versions:?}");
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn a_run_that_is_killed_while_it_publishes_is_taken_up_by_the_next() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&with_layer(LAYER));
    content(&sandbox, "one");
    world.proxy.rules([Rule::on("PublishLayerVersion").signal("KILL")]);
    assert_eq!(sandbox.run(&["up", "--yes"]).signal, Some(9));
    assert_eq!(world.cloud.layer_versions("demo-tools"), [1]);
    world.proxy.clear();
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!((world.cloud.layer_versions("demo-tools"), world.cloud.layers_of("demo-a")), (vec![1], vec![arn(1)]));
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.layer_versions("demo-tools"), Vec::<i64>::new());
}

#[test]
fn a_layer_of_somebody_else_is_left_alone() {
    for description in ["Tools", "[lambdo:another-state:0123456789ab]"] {
        let world = World::start(Backend::Local);
        let content_of = aws_sdk_lambda::types::LayerVersionContentInput::builder().zip_file(crate::support::cloud::package("x")).build();
        let publication = world.cloud.lambda.publish_layer_version().layer_name("demo-tools").description(description);
        world.cloud.done(publication.content(content_of).send());
        let sandbox = world.sandbox(&with_layer(LAYER));
        content(&sandbox, "one");
        world.proxy.clear();
        sandbox.run(&["up", "--yes"]).expect(8).says("demo-tools");
        assert_eq!(world.proxy.mutating(), 0, "{description}: {:?}", world.proxy.tally());
        sandbox.expect(6, &["import", "layer.tools", &arn(1)]).says("give the layer another name with `layer_name`");
        assert_eq!(world.cloud.layer_versions("demo-tools"), [1]);
    }
}

#[test]
fn a_spec_that_is_protected_as_a_whole_makes_new_versions_and_keeps_its_layers() {
    let world = World::start(Backend::Local);
    let protected = |spec: &str| spec.replace("project = \"demo\"\n", "project = \"demo\"\nprotect = true\n");
    let sandbox = world.sandbox(&protected(&(spec::header() + LAYER)));
    content(&sandbox, "one");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(8, &["destroy", "--yes"]).says("`layer.tools` would be deleted, but `protect = true` forbids it");
    content(&sandbox, "two");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.spec(&protected(&spec::header()));
    sandbox.expect(8, &["up", "--yes"]).says("`layer.tools` would be deleted, but `protect = true` forbids it");
    assert_eq!(world.cloud.layer_versions("demo-tools"), [2]);
    sandbox.spec(&spec::header());
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(world.cloud.layer_versions("demo-tools"), Vec::<i64>::new());
}

/// Only the package says which version of a layer is wanted, and functions use one of them.
#[test]
fn a_version_that_the_spec_may_ask_for_is_no_garbage() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&with_layer(LAYER));
    for text in ["one", "two"] {
        content(&sandbox, text);
        sandbox.expect(0, &["up", "--yes"]);
    }
    let is_kept = |sandbox: &Sandbox, version: i64| {
        sandbox.expect(0, &["gc"]).says("it may be this one, or be in use");
        sandbox.expect(0, &["gc", "--remove", "--yes"]).says("Nothing of it is this state's garbage");
        assert_eq!((world.cloud.layer_versions("demo-tools"), world.cloud.layers_of("demo-a")), (vec![version], vec![arn(version)]));
    };
    sandbox.expect(0, &["state", "restore", "1", "--yes"]);
    sandbox.expect(0, &["plan"]).says("made by lambdo, and taken up again");
    is_kept(&sandbox, 2);
    let listed = sandbox.expect(0, &["gc", "--format", "json"]).json();
    assert_eq!(listed["found"][0]["standing"], "maybe_wanted", "{listed:#}");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    // One that got another address keeps its name, also where the state does not know of that.
    let before = sandbox.expect(0, &["state", "list", "--format", "json"]).json()["serial"].as_u64().unwrap().to_string();
    sandbox.edit("project = \"demo\"\n", "project = \"demo\"\nmoved = [{ from = \"layer.tools\", to = \"layer.kit\" }]\n");
    sandbox.edit("[layer.tools]", "[layer.kit]");
    sandbox.edit("layer.tools.arn", "layer.kit.arn");
    content(&sandbox, "three");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["state", "restore", &before, "--yes"]);
    is_kept(&sandbox, 3);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.layer_versions("demo-tools"), Vec::<i64>::new());
}

/// Nothing on a version can be changed, so that nothing in AWS would say that it was taken over.
#[test]
fn a_layer_of_somebody_else_is_not_adopted() {
    let world = World::start(Backend::Local);
    let layer = LAYER.replace("code =", "layer_name = \"shared\"\ncode =");
    let first = world.sandbox(&with_layer(&layer));
    let second = world.sandbox(&with_layer(&layer).replace("project = \"demo\"", "project = \"other\""));
    content(&first, "one");
    content(&second, "one");
    first.expect(0, &["up", "--yes"]);
    let calls = world.proxy.mutating();
    let refused = second.expect(8, &["up", "--yes"]).says("give the layer another name with `layer_name`");
    assert!(!refused.stderr.contains("--adopt"), "{refused}");
    let refused = second.expect(6, &["up", "--yes", "--adopt", "layer.tools"]).says("a layer is never taken over");
    assert!(refused.stderr.contains("give the layer another name with `layer_name`"), "{refused}");
    let named = second.expect(6, &["import", "layer.tools", "shared"]);
    let id = named.stderr.split('`').find(|word| word.starts_with("shared@")).unwrap_or_else(|| panic!("{named}")).to_owned();
    second.expect(8, &["import", "layer.tools", &id]).says("a layer is never taken over");
    assert_eq!(world.proxy.mutating(), calls, "{:?}", world.proxy.tally());
    // Also where a lost answer has left them two of the same.
    let first_one = world.cloud.done(world.cloud.lambda.get_layer_version().layer_name("shared").version_number(1).send());
    let content_of = aws_sdk_lambda::types::LayerVersionContentInput::builder().zip_file(crate::support::cloud::package("x")).build();
    let again = world.cloud.lambda.publish_layer_version().layer_name("shared").set_description(first_one.description);
    world.cloud.done(again.content(content_of).send());
    let calls = world.proxy.mutating();
    second.expect(8, &["plan"]).says("give the layer another name with `layer_name`");
    assert_eq!(world.proxy.mutating(), calls, "{:?}", world.proxy.tally());
    second.edit("\"shared\"", "\"own\"");
    second.expect(0, &["up", "--yes"]);
    second.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn a_function_finds_its_layer_when_it_runs() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&with_layer(LAYER));
    content(&sandbox, "from the layer");
    sandbox.executable(
        "bootstrap",
        "#!/bin/sh\ncd / ; for f in /opt/data \"${LD_LIBRARY_PATH##*:}\"/../data ; do [ -f \"$f\" ] && found=$f ; done\n\
         api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation\n\
         while :; do\n  id=$(curl -sS -D - -o /dev/null \"$api/next\" | tr -d '\\r' | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: //p')\n\
         curl -sS -o /dev/null --data-binary \"\\\"$(cat \"$found\")\\\"\" \"$api/$id/response\"\ndone\n",
    );
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(sandbox.expect(0, &["invoke", "a"]).stdout.trim(), "\"from the layer\"");
}

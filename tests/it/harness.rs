//! The tests' own tools: a proxy that does not do harm, or a snapshot that sees nothing, would make
//! every scenario pass.

use crate::support::cloud::Cloud;
use crate::support::{Backend, Rule, World, on_each_emulator};
use aws_sdk_lambda::error::ProvideErrorMetadata;
use std::collections::BTreeSet;
use tokio::runtime::Runtime;

on_each_emulator!(the_proxy_counts_refuses_throttles_and_loses, the_snapshot_sees_what_is_there);

fn the_proxy_counts_refuses_throttles_and_loses(backend: Backend) {
    let world = World::start(backend);
    let runtime = Runtime::new().unwrap();
    let cloud = Cloud::connect(runtime.handle().clone(), &world.proxy.url);

    // The SDK tries three times, so one call in two may be throttled.
    world.proxy.rules([Rule::any().every(2).throttle()]);
    cloud.foreign_rule("first", &[]);
    cloud.foreign_group("second", &[]);
    cloud.foreign_role("third", "/", &[]);
    let tally: Vec<(String, usize)> = world.proxy.tally().into_iter().collect();
    let expected = [("events:PutRule", 1), ("iam:CreateRole", 2), ("logs:CreateLogGroup", 2)];
    assert_eq!(tally, expected.map(|(name, count)| (name.to_owned(), count)));
    assert_eq!((world.proxy.mutating(), world.proxy.reading()), (5, 0));

    let code = "InvalidParameterValueException";
    world.proxy.rules([Rule::on("GetFunction").refuse(400, code, "x"), Rule::on("GetRole").refuse(403, "AccessDenied", "x")]);
    let lambda = cloud.wait(cloud.lambda.get_function().function_name("a").send()).unwrap_err();
    let iam = cloud.wait(cloud.iam.get_role().role_name("third").send()).unwrap_err();
    assert_eq!((lambda.code(), iam.code()), (Some(code), Some("AccessDenied")));

    world.proxy.rules([Rule::on("CreateLogGroup").first(1).drop_answer()]);
    let lost = cloud.wait(cloud.logs.create_log_group().log_group_name("lost").send());
    assert!(lost.is_err(), "the SDK tries again and finds that its first try had made it");
    assert!(world.cloud.names().contains("log_group.lost"));
}

fn the_snapshot_sees_what_is_there(backend: Backend) {
    let world = World::start(backend);
    assert_eq!(world.cloud.names(), BTreeSet::new());
    world.cloud.foreign_function("a", &[("team", "core")]);
    world.cloud.foreign_rule("b", &[("team", "core")]);
    world.cloud.foreign_group("c", &[("team", "core")]);
    let names: Vec<String> = world.cloud.names().into_iter().collect();
    assert_eq!(names, ["function.a", "log_group.c", "role.stranger", "rule.b"]);
    let snapshot = world.cloud.snapshot();
    for name in ["function.a", "log_group.c", "rule.b"] {
        assert_eq!(snapshot[name]["tags"]["team"], "core", "{name}");
    }
    world.cloud.configure("a", |call| call.timeout(77));
    assert_eq!(world.cloud.snapshot()["function.a"]["timeout"], 77);
    world.reset();
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

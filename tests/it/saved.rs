//! `plan --out` and `up --plan`: applied exactly as it was shown, or not at all.

use crate::support::{Backend, Sandbox, World, on_each_emulator, spec};
use std::os::unix::fs::PermissionsExt;

on_each_emulator!(a_saved_plan_is_applied_as_it_was_shown, what_moved_since_makes_it_stale);

fn two() -> String {
    spec::header() + &spec::with_level("a", "info") + &spec::with_level("b", "info")
}

fn plan_text(sandbox: &Sandbox) -> String {
    std::fs::read_to_string(sandbox.path().join("p.json")).unwrap()
}

fn a_saved_plan_is_applied_as_it_was_shown(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&two());
    sandbox.expect(0, &["plan", "a", "--out", "p.json"]).says("lambdo up --plan p.json");
    let mode = std::fs::metadata(sandbox.path().join("p.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(world.proxy.mutating(), 0);
    sandbox.expect(0, &["up", "--plan", "p.json", "--yes"]).says("5 created");
    assert!(world.cloud.names().iter().all(|name| !name.ends_with("demo-b")), "{:?}", world.cloud.names());
    sandbox.expect(0, &["plan", "a"]).says("No changes.");
    sandbox.expect(8, &["up", "--plan", "p.json", "--yes"]).says("the state's serial went from `0` to");

    sandbox.spec(&two().replacen("\"info\"", "\"debug\"", 1));
    sandbox.expect(0, &["plan", "a", "--out", "p.json"]);
    sandbox.expect(0, &["up", "--plan", "p.json", "--yes"]).says("environment.LOG_LEVEL: \"info\" -> \"debug\"").says("1 updated");
}

fn what_moved_since_makes_it_stale(backend: Backend) {
    let world = World::start(backend);
    let sandbox = world.sandbox(&two());
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.spec(&two().replacen("\"info\"", "\"debug\"", 1));
    sandbox.expect(0, &["plan", "--out", "p.json"]);
    let before = (world.proxy.mutating(), plan_text(&sandbox));
    let stale = |sandbox: &Sandbox, why: &str| {
        sandbox.expect(8, &["up", "--plan", "p.json", "--yes"]).says(why).says("Nothing was changed.");
    };

    sandbox.spec(&two().replacen("\"info\"", "\"trace\"", 1));
    stale(&sandbox, "the spec came to ask for something else");
    sandbox.spec(&two().replacen("\"info\"", "\"debug\"", 1));
    sandbox.program("second");
    stale(&sandbox, "the package of `function.a` became another");
    sandbox.program("first");
    world.cloud.configure("demo-b", |call| call.timeout(77));
    stale(&sandbox, "AWS was changed, so that another plan is needed for `function.b`");
    world.cloud.configure("demo-b", |call| call.timeout(3));
    assert_eq!(before, (world.proxy.mutating(), plan_text(&sandbox)));
    sandbox.expect(0, &["up", "--plan", "p.json", "--yes"]).says("1 updated");
}

#[test]
fn what_is_no_saved_plan_changes_nothing() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&two());
    sandbox.expect(0, &["plan", "--out", "p.json"]);
    let text = plan_text(&sandbox);
    for (other, why) in [
        (text[..text.len() / 2].to_owned(), "its end is missing"),
        (text.replace("rate(1 day)", "rate(1 minute)"), "was changed since"),
        (text.replace("\"format\": 1", "\"format\": 7"), "Its format is 7"),
        ("PK\u{3}\u{4}\u{0}tfplan".to_owned(), "It is no JSON"),
        (r#"{"format_version": "1.2", "planned_values": {}}"#.to_owned(), "was not written by `lambdo plan --out`"),
        (String::new(), "It is no JSON"),
    ] {
        sandbox.write("p.json", &other);
        sandbox.expect(6, &["up", "--plan", "p.json", "--yes"]).says(why).says("Nothing was changed.");
    }
    sandbox.expect(6, &["up", "--plan", "missing.json", "--yes"]).says("`missing.json`");
    sandbox.write("p.json", &text);
    sandbox.spec(&two().replace("\"demo\"", "\"other\""));
    sandbox.expect(8, &["up", "--plan", "p.json", "--yes"]).says("the project went from `demo` to `other`");
    assert_eq!(world.proxy.mutating(), 0);
    assert!(!sandbox.state_file().exists());
}

//! Specs with thousands of functions, right and wrong: what is compared with each other must not be all with all.

use crate::support::{World, spec};

const MANY: usize = 3_000;

fn many(function: impl Fn(usize) -> String) -> String {
    spec::header() + &(0..MANY).map(function).collect::<String>()
}

#[test]
fn thousands_of_functions_are_checked() {
    let world = World::without_cloud();
    let sandbox = world.sandbox(&many(|number| spec::scheduled(&format!("f{number}"))));
    sandbox.expect(0, &["validate"]).says("3000 functions");
}

#[test]
fn thousands_of_mistakes_are_told_each() {
    let world = World::without_cloud();
    let sandbox = world.sandbox(&many(|number| spec::plain(&format!("f{number}")).replace("handler =", "handlr =")));
    let output = sandbox.expect(6, &["validate"]);
    assert_eq!(output.stderr.matches("did you mean `handler`?").count(), MANY);
}

#[test]
fn thousands_of_references_that_lead_nowhere_are_told_each() {
    let world = World::without_cloud();
    let wrong = |number| {
        let variable = format!("environment.OTHER = \"${{function.x{number}.arn}}\"\nhandler =");
        spec::plain(&format!("f{number}")).replace("handler =", &variable)
    };
    let output = World::sandbox(&world, &many(wrong)).expect(6, &["validate"]);
    assert_eq!(output.stderr.matches("is the address of nothing in this file").count(), MANY);
}

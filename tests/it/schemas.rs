//! The committed JSON Schema of `config.toml` is what the program prints.

use crate::support::World;

#[test]
fn the_schema_in_the_repository_is_the_one_that_is_printed() {
    let world = World::without_cloud();
    let printed = world.sandbox("").expect(0, &["schema"]).stdout;
    let kept = include_str!("../../schemas/config.schema.json");
    assert!(printed == kept, "write it anew: cargo run -- schema > schemas/config.schema.json");
}

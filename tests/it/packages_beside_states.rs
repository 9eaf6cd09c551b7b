//! Packages of folders in which lambdo's own files and those of builds lie: these stay out, or every run would deploy.

use crate::support::{Backend, Sandbox, World, spec};
use std::fs;
use std::os::unix::fs::symlink;

/// Functions of all kinds that take the folder `PLACE` as it is, and one whose build writes into it.
const FUNCTIONS: &str = r#"
[function.given]
runtime = "python3.13"
handler = "app.handler"
code = { dir = "PLACE" }

[function.python]
runtime = "python3.13"
handler = "app.handler"
build = { kind = "python", path = "PLACE" }

[function.node]
runtime = "nodejs22.x"
handler = "index.handler"
build = { kind = "node", path = "PLACE" }

[function.command]
runtime = "provided.al2023"
handler = "bootstrap"
build = { command = "mkdir -p made && cat *.py > made/bootstrap && echo run >> \"$HOME/runs\"", path = "PLACE", output = "made/bootstrap" }
"#;

fn sources(folder: &std::path::Path) {
    for (name, text) in [
        ("app.py", "#!/bin/sh\ndef handler(event, context): pass\n"),
        ("index.js", "exports.handler = async () => 1\n"),
        ("lib/state/of_mine.py", ""),
        (".git/HEAD", ""),
    ] {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Brings it up twice, with a run for one function in between.
fn stays(world: &World, sandbox: &Sandbox, place: &[&str], expected: &[&str]) {
    let run = |arguments: &[&str]| sandbox.expect(0, &[arguments, place].concat());
    run(&["up", "--yes"]);
    for function in ["given", "python", "node"] {
        assert_eq!(world.cloud.files_of(&format!("demo-{function}")), expected, "{function}");
    }
    world.proxy.clear();
    run(&["up", "--yes", "python"]);
    run(&["up", "--yes"]);
    assert_eq!(world.proxy.mutating(), 0, "{:?}", world.proxy.tally());
    run(&["plan", "--exit-code"]);
    run(&["destroy", "--yes"]);
    let runs = fs::read_to_string(sandbox.path().join("runs")).unwrap();
    assert!(["run\n", ""].contains(&runs.as_str()), "{runs}");
    sandbox.write("runs", "");
}

#[test]
fn sources_beside_the_spec_are_taken_without_states_and_what_is_built() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox("");
    let app = sandbox.path().join("app");
    sources(&app);
    fs::write(app.join("config.toml"), spec::header() + &FUNCTIONS.replace("PLACE", ".")).unwrap();
    let files = ["app.py", "index.js", "lib/state/of_mine.py"];
    stays(&world, &sandbox, &["-C", "app"], &files);
    // Another folder of states makes no other packages.
    stays(&world, &sandbox, &["-C", "app", "--state-dir", "elsewhere"], &files);
    fs::remove_dir_all(app.join("elsewhere")).unwrap();
    symlink("app", sandbox.path().join("linked")).unwrap();
    stays(&world, &sandbox, &["-C", "linked"], &files);
}

#[test]
fn sources_around_the_spec_are_taken_without_states_and_what_is_built() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox("");
    let app = sandbox.path().join("app");
    sources(&app);
    fs::create_dir(app.join("deploy")).unwrap();
    let text = spec::header().replace("[aws]", "[state]\npath = \"states\"\n\n[aws]") + &FUNCTIONS.replace("PLACE", "..");
    fs::write(app.join("deploy/config.toml"), text).unwrap();
    let files = ["app.py", "index.js", "lib/state/of_mine.py"];
    stays(&world, &sandbox, &["-C", "app/deploy"], &files);
    symlink("app/deploy", sandbox.path().join("linked")).unwrap();
    stays(&world, &sandbox, &["-C", "linked"], &files);
}

#[test]
fn copies_of_sources_in_the_state_are_not_discovered() {
    let world = World::without_cloud();
    let discovered =
        "[discover.all]\nroot = \".\"\nmatch = \"requirements.txt\"\n\n[defaults]\nruntime = \"python3.13\"\nhandler = \"app.handler\"\n";
    let sandbox = world.sandbox(&(spec::header() + discovered));
    fs::create_dir(sandbox.path().join("one")).unwrap();
    sandbox.write("one/requirements.txt", "# nothing\n");
    sandbox.write("one/app.py", "def handler(event, context): pass\n");
    sandbox.expect(0, &["build"]);
    assert_eq!(sandbox.expect(0, &["build", "--format", "json"]).json()["packages"].as_array().unwrap().len(), 1);
}

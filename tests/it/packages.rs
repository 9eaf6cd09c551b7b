//! Packages: what is said of them, and that nothing is done twice.

use crate::support::{Backend, Sandbox, World, spec};
use std::time::Duration;

/// A function that a command builds from the folder `src`.
fn built(name: &str) -> String {
    format!(
        "[function.{name}]\nruntime = \"provided.al2023\"\nhandler = \"bootstrap\"\nbuild = {{ command = \"mkdir -p out/{name} && cat src/* > out/{name}/bootstrap && chmod +x out/{name}/bootstrap\", inputs = [\"src/**\"], output = \"out/{name}\" }}\n\n"
    )
}

fn with_sources(world: &World, names: &[&str]) -> Sandbox {
    let sandbox = world.sandbox(&(spec::header() + &names.iter().map(|name| built(name)).collect::<String>()));
    std::fs::create_dir(sandbox.path().join("src")).unwrap();
    sandbox.write("src/main.sh", "#!/bin/sh\necho first\n");
    sandbox
}

#[test]
fn a_plan_says_which_file_made_a_package_another_also_after_builds_in_between() {
    let world = World::start(Backend::Local);
    let sandbox = with_sources(&world, &["a"]);
    sandbox.expect(2, &["diff", "--exit-code"]).says("+ function.a: not applied yet");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["diff", "--exit-code"]).says("No difference: the package is the one that was applied.");
    sandbox.write("src/main.sh", "#!/bin/sh\necho second\n");
    sandbox.expect(0, &["build"]);
    sandbox.write("src/more.sh", "echo more\n");
    let plan = sandbox.expect(0, &["plan"]).says("function.a (demo-a): the package changed");
    assert!(plan.stdout.contains("(src/main.sh changed, src/more.sh added)"), "{plan}");
    let markdown = sandbox.expect(0, &["plan", "--format", "markdown"]);
    assert!(markdown.stdout.contains("(src/main.sh changed, src/more.sh added)"), "{markdown}");
    let json = sandbox.expect(0, &["plan", "--format", "json"]).json();
    let step = json["steps"].as_array().unwrap().iter().find(|step| step["address"] == "function.a").unwrap();
    assert_eq!(step["source_changes"]["named"][0], serde_json::json!({ "change": "changed", "name": "src/main.sh" }));
    sandbox.edit("cat src/*", "cat ./src/*");
    sandbox.write("src/more.sh", "#\n");
    assert!(sandbox.expect(0, &["plan"]).stdout.contains("build.command changed"));
    sandbox.expect(0, &["up", "--yes"]).says("(src/main.sh changed, src/more.sh added, build.command changed)");
    assert!(!sandbox.expect(0, &["plan"]).stdout.contains("changed"));
}

#[test]
fn diff_lists_the_files_that_differ() {
    let world = World::start(Backend::Local);
    let given = "[function.b]\nruntime = \"provided.al2023\"\nhandler = \"bootstrap\"\ncode = { dir = \"given\" }\n";
    let sandbox = with_sources(&world, &["a"]);
    sandbox.spec(&(spec::header() + &built("a") + given));
    std::fs::create_dir(sandbox.path().join("given")).unwrap();
    sandbox.executable("given/bootstrap", "#!/bin/sh\n");
    sandbox.write("given/old.txt", "old");
    sandbox.expect(0, &["up", "--yes"]);
    std::fs::remove_file(sandbox.path().join("given/old.txt")).unwrap();
    sandbox.write("given/new.txt", "12345");
    sandbox.executable("given/bootstrap", "#!/bin/sh\necho\n");
    let diff = sandbox.expect(2, &["diff", "--exit-code", "b"]);
    insta::assert_snapshot!(diff.stdout, @r"
      ~ function.b: 3 files differ, 13 B -> 20 B in 2 files
          ~ bootstrap  10 B -> 15 B
          + new.txt    5 B
          - old.txt    3 B

    The package differs from what was applied.
    ");
    sandbox.expect(0, &["diff", "a", "--exit-code"]);
    sandbox.expect(6, &["diff", "c"]).says("No function is called `c`");
    let json = crate::formats::fits(&sandbox.expect(0, &["diff", "b", "--format", "json"]));
    assert_eq!(json["packages"][0]["standing"], "differs");
    std::fs::remove_dir_all(sandbox.path().join("state/build/manifests")).unwrap();
    sandbox.expect(5, &["diff", "b", "--exit-code"]).says("another package");
}

#[test]
fn a_build_stops_at_the_first_error_or_keeps_going() {
    let world = World::without_cloud();
    let sandbox = with_sources(&world, &["a", "b", "c"]);
    sandbox.edit("mkdir -p out/b", "false");
    sandbox.edit("mkdir -p out/c", "false");
    let failed = sandbox.expect(1, &["build", "--keep-going"]).says("built a (").says("failed b (").says("failed c (");
    assert_eq!(failed.stderr.matches("error: A build failed").count(), 2, "{failed}");
    let failed = sandbox.expect(1, &["build"]);
    assert_eq!(failed.stderr.matches("error: A build failed").count(), 1, "{failed}");
    sandbox.edit("false && cat src/* > out/b", "mkdir -p out/b && cat src/* > out/b");
    sandbox.edit("false && cat src/* > out/c", "mkdir -p out/c && cat src/* > out/c");
    let json = crate::formats::fits(&sandbox.expect(0, &["build", "--format", "json"]));
    let cached = |json: &serde_json::Value| json["packages"].as_array().unwrap().iter().filter(|one| one["cached"] == true).count();
    assert_eq!((json["packages"].as_array().unwrap().len(), cached(&json)), (3, 1));
    sandbox.expect(0, &["build"]).says("3 packages ready").says("nothing to build");
}

#[test]
fn a_build_that_keeps_going_tells_everything() {
    let world = World::without_cloud();
    let sandbox = with_sources(&world, &["a", "b"]);
    sandbox.edit("mkdir -p out/b", "false");
    sandbox.edit(
        "[function.a]",
        "[layer.gone]\ncode = { dir = \"nowhere\" }\n\n[function.given]\ncode = { file = \"src/given\" }\n\n[function.a]",
    );
    sandbox.write("src/main.sh", "no program\n");
    sandbox.write("src/given", "no program either\n");
    let failed =
        sandbox.expect(1, &["build", "--keep-going"]).says("There is no folder `nowhere`").says("error: A build failed: function.b");
    for function in ["a", "given"] {
        assert!(failed.stderr.contains(&format!("error: A file is not a program that can be started: function.{function}")), "{failed}");
    }
    let stopped = sandbox.expect(6, &["build"]).says("There is no folder `nowhere`").says("can be started: function.given");
    assert!(!stopped.stderr.contains("built a ("), "{stopped}");
}

#[test]
fn what_is_too_large_for_a_call_is_told_before_anything_is_made() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&(spec::header() + "[function.a]\nruntime = \"provided.al2023\"\ncode = { zip = \"large.zip\" }\n"));
    let large = |name: &str, bytes: u64| std::fs::File::create(sandbox.path().join(name)).unwrap().set_len(bytes).unwrap();
    large("large.zip", 52_428_801);
    for command in [&["validate"][..], &["plan"], &["up", "--yes"]] {
        sandbox.expect(6, command).says("The zip has 52428801 bytes").says("code_bucket");
    }
    assert!(world.proxy.calls().is_empty(), "AWS was called");
    std::fs::create_dir(sandbox.path().join("dir")).unwrap();
    sandbox.executable("dir/bootstrap", "#!/bin/sh\n");
    large("dir/zeros", 53_000_000);
    sandbox.edit("zip = \"large.zip\"", "dir = \"dir\"");
    // What may be too large is packed to see it, once.
    let packed = || std::fs::read_dir(sandbox.path().join("state/build/packed")).map_or(0, Iterator::count);
    assert_eq!(packed(), 0);
    sandbox.expect(0, &["build"]);
    assert_eq!(packed(), 1);
}

#[test]
fn a_layer_is_named_by_its_address_and_its_files_by_their_folder() {
    let world = World::start(Backend::Local);
    let old = "[function.old]\nruntime = \"provided.al2\"\ncode = { file = \"src/main.sh\" }\n";
    let sandbox = with_sources(&world, &["a"]);
    sandbox.spec(&(spec::header() + &built("a") + "[layer.tools]\ncode = { dir = \"layer\" }\n\n" + old));
    std::fs::create_dir_all(sandbox.path().join("layer/bin")).unwrap();
    sandbox.write("layer/bin/tool.txt", "one");
    sandbox.write("layer/bin/gone.txt", "one");
    sandbox.expect(0, &["up", "--yes"]).says("`provided.al2` gets no more security updates");
    sandbox.write("layer/bin/tool.txt", "two");
    std::fs::remove_file(sandbox.path().join("layer/bin/gone.txt")).unwrap();
    let plan = sandbox.expect(0, &["plan"]);
    assert!(plan.stdout.contains("(layer/bin/gone.txt removed, layer/bin/tool.txt changed)"), "{plan}");
    let diff = sandbox.expect(0, &["diff", "layer.tools"]);
    assert!(diff.stdout.contains("~ layer.tools: 2 files differ") && !diff.stdout.contains("(layer/bin"), "{diff}");
    sandbox.expect(6, &["diff", "layer.tool"]).says("did you mean `layer.tools`?");
    for command in ["plan", "build", "diff"] {
        let output = sandbox.expect(0, &[command, "a"]);
        assert!(!output.stderr.contains("provided.al2"), "a function that is not meant: {output}");
    }
}

#[test]
fn a_layer_of_python_is_found_by_the_function_that_uses_it() {
    let world = World::start(Backend::Local);
    let layer = "[layer.shared]\nbuild = { kind = \"python\", path = \"shared\" }\n\n";
    let function = "[function.a]\nbuild = { kind = \"python\", path = \"app\" }\nruntime = \"python3.13\"\nhandler = \"app.handler\"\nlayers = [\"${layer.shared.arn}\"]\n";
    let sandbox = world.sandbox(&(spec::header() + layer + function));
    sandbox.write("shared/greeting.py", "def greeting():\n    return 'hello'\n");
    sandbox.write("app/app.py", "import greeting\n\ndef handler(event, context):\n    return greeting.greeting()\n");
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(sandbox.expect(0, &["invoke", "a"]).stdout.trim(), "\"hello\"");
    // What it needs is installed for a version: that of the function, or what it says itself.
    sandbox.write("shared/requirements.txt", "nothing-of-this-name\n");
    sandbox.edit("layers = [\"${layer.shared.arn}\"]\n", "");
    sandbox.expect(6, &["build", "layer.shared"]).says("Nothing says for which version of Python");
    sandbox.edit("[layer.shared]\n", "[layer.shared]\ncompatible_runtimes = [\"provided.al2023\", \"python3.13\"]\n");
    let told = sandbox.expect(1, &["build", "layer.shared"]);
    assert!(!told.stderr.contains("Nothing says for which version"), "{told}");
}

#[test]
fn what_did_not_move_is_neither_opened_nor_built() {
    let world = World::start(Backend::Local);
    let sandbox = with_sources(&world, &["a"]);
    sandbox.edit("[function.a]", &(spec::plain("b") + "[function.a]"));
    let index = || std::fs::read_to_string(sandbox.path().join("state/build/index")).unwrap();
    sandbox.expect(0, &["up", "--yes"]);
    // What was written just before it is read is read once more.
    std::thread::sleep(Duration::from_millis(100));
    sandbox.expect(0, &["up", "--yes"]);
    let before = index();
    for name in ["bootstrap", "src/main.sh", "out/a/bootstrap"] {
        assert!(before.contains(&format!("/{name}\n")), "{before}");
    }
    sandbox.expect(0, &["up", "--yes"]);
    assert_eq!(index(), before, "each reading is noted");
}

/// Writes the same files as ever, with what must not count as told.
fn write_alike(sandbox: &Sandbox, umask: &str, modified: &str) {
    let script = format!(
        "umask {umask}; mkdir -p given/data && printf '#!/bin/sh\\n' > given/bootstrap && chmod u+x given/bootstrap && printf ü > given/data/ü.txt && ln -s data given/link && find given -type f -exec touch -d '{modified}' {{}} +"
    );
    let status = std::process::Command::new("sh").args(["-c", &script]).current_dir(sandbox.path()).status().unwrap();
    assert!(status.success());
}

#[test]
fn packages_are_the_same_bytes_wherever_and_whenever_they_are_made() {
    let world = World::start(Backend::Local);
    let given = "[function.b]\nruntime = \"provided.al2023\"\nhandler = \"bootstrap\"\ncode = { dir = \"given\" }\n";
    let hashes = |umask: &str, modified: &str, arguments: &[&str]| {
        let sandbox = world.sandbox(&(spec::header() + given));
        write_alike(&sandbox, umask, modified);
        let folder = sandbox.path().to_str().unwrap().to_owned();
        let place: Vec<&str> = if arguments.is_empty() { vec![] } else { vec!["-C", &folder] };
        let build = sandbox.expect(0, &[&["build", "--format", "json"], &place[..]].concat()).json();
        let again = sandbox.expect(0, &[&["build", "--format", "json"], &place[..]].concat()).json();
        assert_eq!(build["packages"][0]["content_hash"], again["packages"][0]["content_hash"]);
        sandbox.expect(0, &[&["up", "--yes"], &place[..]].concat());
        let sent = sandbox.expect(0, &["output", "function.b.code_sha256"]).stdout;
        sandbox.expect(0, &[&["destroy", "--yes"], &place[..]].concat());
        (build["packages"][0]["content_hash"].clone(), sent)
    };
    let first = hashes("022", "2001-01-01", &[]);
    assert_eq!(hashes("077", "2026-01-01", &["-C"]), first);
    assert_eq!(hashes("002", "1999-12-31", &[]), first);
}

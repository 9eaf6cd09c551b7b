//! Whatever happens to the files below `state/` between runs and in the middle of one: a run says what is wrong, changes nothing
//! that it does not know of, and does not panic.

use crate::support::sandbox::Output;
use crate::support::{Backend, Rule, Sandbox, World, spec};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

fn one() -> String {
    spec::header() + &spec::scheduled("a")
}

/// All files below a folder, with what they hold.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => found.extend(files(&entry.path())),
            false => drop(found.insert(entry.path(), fs::read(entry.path()).unwrap())),
        }
    }
    found
}

/// Numbers that look random and are the same at each run (Lehmer's generator).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0 * 48_271 % 0x7fff_ffff;
        usize::try_from(self.0).unwrap() % end.max(1)
    }
}

/// What a file may hold after something has gone wrong.
fn damages(whole: &[u8], random: &mut Random) -> Vec<(&'static str, Vec<u8>)> {
    let mut flipped = whole.to_vec();
    let at = random.below(whole.len());
    flipped.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << random.below(7));
    let mut zeroed = whole.to_vec();
    let from = random.below(whole.len());
    zeroed[from..].fill(0);
    vec![
        ("emptied", Vec::new()),
        ("cut off", whole[..random.below(whole.len())].to_vec()),
        ("flipped", flipped),
        ("zeroed", zeroed),
        ("twice", [whole, whole].concat()),
        ("binary", (0..200_u8).map(|number| number.wrapping_mul(73)).collect()),
        ("nested", b"[".repeat(100_000)),
    ]
}

/// A project with a kept generation, a journal of a killed run, and records of runs.
fn killed(world: &World) -> Sandbox {
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("handler =", "timeout = 9\nhandler =");
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("handler =", "memory_size = 256\nhandler =");
    world.proxy.rules([Rule::on("UpdateFunctionConfiguration").signal("KILL")]);
    assert_eq!(sandbox.run(&["up", "--yes"]).signal, Some(9));
    world.proxy.clear();
    sandbox
}

#[track_caller]
fn is_told(what: &str, output: &Output) {
    assert!(output.code.is_some_and(|code| [0, 1, 3, 5, 6, 8].contains(&code)), "{what}\n{output}");
    assert!(!output.stderr.contains("panicked") && !output.stderr.contains("internal error"), "{what}\n{output}");
    let is_said = output.code == Some(0) || !output.stderr.trim().is_empty() || output.code == Some(3);
    assert!(is_said, "{what}: it says what is wrong\n{output}");
}

#[test]
fn damaged_files_of_every_sort_change_nothing_and_are_told() {
    let world = World::start(Backend::Local);
    let sandbox = killed(&world);
    let before = world.cloud.snapshot();
    let looks = [&["status"][..], &["runs"], &["runs", "show"], &["state", "history"], &["state", "diff", "1"], &["drift"], &["output"]];
    let mut random = Random(7);
    let all = files(&sandbox.path().join("state"));
    assert!(all.len() >= 7, "{:?}", all.keys());
    for (index, (path, whole)) in all.iter().enumerate() {
        for (number, (damage, bytes)) in damages(whole, &mut random).into_iter().enumerate() {
            let what = format!("{} {damage}", path.strip_prefix(sandbox.path()).unwrap().display());
            fs::write(path, bytes).unwrap();
            is_told(&what, &sandbox.run(looks[(index + number) % looks.len()]));
            if number % 2 == 0 {
                is_told(&what, &sandbox.run(&["plan"]));
            }
            fs::write(path, whole).unwrap();
        }
    }
    assert_eq!(world.proxy.mutating(), 0, "{:?}", world.proxy.tally());
    assert_eq!(world.cloud.snapshot(), before);
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn a_folder_in_the_place_of_a_file_is_told() {
    let world = World::start(Backend::Local);
    let sandbox = killed(&world);
    for name in ["demo.json", "demo.journal", "demo.lock", "demo.holder", "demo.key", "history", "runs"] {
        let (path, aside) = (sandbox.path().join("state").join(name), sandbox.path().join("aside"));
        let was_there = fs::rename(&path, &aside).is_ok();
        // A file in the place of a folder, and the other way round.
        if aside.is_dir() {
            fs::write(&path, "").unwrap()
        } else {
            fs::create_dir(&path).unwrap()
        }
        for command in [&["plan"][..], &["status"], &["runs"]] {
            is_told(name, &sandbox.run(command));
        }
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap()
        } else {
            fs::remove_file(&path).unwrap()
        }
        if was_there {
            fs::rename(&aside, &path).unwrap();
        }
    }
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
}

#[test]
fn a_state_folder_that_goes_in_the_middle_of_a_run_is_told_and_the_next_run_goes_on() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    let (state, aside) = (sandbox.path().join("state"), sandbox.path().join("aside"));
    world.proxy.rules([Rule::on("CreateFunction").hold()]);
    let running = sandbox.start(&["up", "--yes"]);
    world.proxy.wait_for("CreateFunction", 1);
    fs::rename(&state, &aside).unwrap();
    fs::write(&state, "").unwrap();
    world.proxy.release();
    let output = running.wait();
    assert!(output.code.is_some_and(|code| [1, 9].contains(&code)), "{output}");
    assert!(output.stderr.contains("state") && !output.stderr.contains("panicked"), "{output}");
    world.proxy.settle();
    world.proxy.clear();
    fs::remove_file(&state).unwrap();
    fs::rename(&aside, &state).unwrap();
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[test]
fn a_clock_that_jumped_between_runs_loses_nothing() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    let years = Duration::from_secs(3_600 * 24 * 365 * 30);
    for (moment, year) in [(SystemTime::now() + years, "2099"), (SystemTime::UNIX_EPOCH, "1970"), (SystemTime::now(), "2001")] {
        sandbox.program(year);
        sandbox.expect(0, &["up", "--yes"]);
        for path in files(sandbox.path()).into_keys() {
            fs::File::options().write(true).open(&path).unwrap().set_modified(moment).unwrap();
            // What was recorded under that clock has a name that says so.
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.parent().is_some_and(|folder| folder.ends_with("runs")) && name.starts_with("20") {
                fs::rename(&path, path.with_file_name(format!("{year}{}", &name[4..]))).unwrap();
            }
        }
        sandbox.expect(0, &["plan", "--exit-code"]);
        sandbox.expect(0, &["runs"]).says("up");
        sandbox.expect(0, &["runs", "show"]);
        sandbox.program(&format!("after {year}"));
        sandbox.expect(2, &["plan", "--exit-code"]);
    }
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

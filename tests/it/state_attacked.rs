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

/// Nobody may write to what is below a folder, or its owner may again.
#[cfg(target_os = "linux")]
fn set_read_only(folder: &Path, is_read_only: bool) {
    use std::os::unix::fs::PermissionsExt;
    let set = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(folder, 0o755);
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path().is_dir() {
            true => set_read_only(&entry.path(), is_read_only),
            false => set(&entry.path(), if is_read_only { 0o444 } else { 0o644 }),
        }
    }
    set(folder, if is_read_only { 0o555 } else { 0o755 });
}

/// Runs lambdo to its end where a state cannot be written.
#[cfg(target_os = "linux")]
type Way = fn(&Sandbox, &[&str]) -> Output;

/// The ways in which a state can be looked at.
#[cfg(target_os = "linux")]
const LOOKS: [&[&str]; 9] = [
    &["plan", "--exit-code"],
    &["drift", "--deep"],
    &["status"],
    &["output"],
    &["state", "history"],
    &["state", "diff", "1"],
    &["runs"],
    &["runs", "show"],
    &["gc"],
];

/// The ways in which a state is changed.
#[cfg(target_os = "linux")]
const CHANGES: [&[&str]; 8] = [
    &["up", "--yes"],
    &["destroy", "--yes"],
    &["state", "forget", "function.a"],
    &["state", "move", "function.a", "function.b"],
    &["state", "restore", "1", "--yes"],
    &["state", "rebuild"],
    &["unlock"],
    &["import", "function.a", "demo-a"],
];

#[cfg(target_os = "linux")]
#[test]
fn a_state_that_can_only_be_read_is_shown_and_nothing_is_changed() {
    let world = World::start(Backend::Local);
    let sandbox = world.sandbox(&one());
    sandbox.expect(0, &["up", "--yes"]);
    sandbox.edit("handler =", "timeout = 9\nhandler =");
    sandbox.expect(0, &["up", "--yes"]);
    let (state, before) = (sandbox.path().join("state"), world.cloud.snapshot());
    let ways: [(&str, Way); 2] = [
        ("modes", |sandbox, arguments| sandbox.start_without_rights(arguments).wait()),
        ("a disk", |sandbox, arguments| sandbox.start_on_a_read_only_disk(arguments).wait()),
    ];
    for (way, run) in ways {
        set_read_only(&state, way == "modes");
        let kept = files(&state);
        world.proxy.clear();
        for look in LOOKS {
            let output = run(&sandbox, look);
            assert_eq!(output.code, Some(0), "{way}: {look:?}\n{output}");
        }
        sandbox.edit("timeout = 9", "timeout = 10");
        for change in CHANGES {
            let output = run(&sandbox, change);
            assert!(output.code.is_some_and(|code| [1, 6, 8].contains(&code)), "{way}: {change:?}\n{output}");
            assert!(output.stderr.contains("state") && !output.stderr.contains("panicked"), "{way}: {change:?}\n{output}");
        }
        assert_eq!(world.proxy.mutating(), 0, "{way}: {:?}", world.proxy.tally());
        assert!(files(&state) == kept, "{way}: nothing of the state was changed");
        sandbox.edit("timeout = 10", "timeout = 9");
        set_read_only(&state, false);
    }
    assert_eq!(world.cloud.snapshot(), before);
    sandbox.expect(0, &["plan", "--exit-code"]);
    sandbox.expect(0, &["destroy", "--yes"]);
    assert_eq!(world.cloud.names(), BTreeSet::new());
}

#[cfg(target_os = "linux")]
#[test]
fn a_state_that_can_only_be_read_from_the_middle_of_a_run_on_is_told_and_the_next_run_goes_on() {
    let world = World::start(Backend::Local);
    for call in ["CreateRole", "CreateLogGroup", "CreateFunction", "PutTargets"] {
        let sandbox = world.sandbox(&one());
        let state = sandbox.path().join("state");
        world.proxy.rules([Rule::on(call).hold()]);
        let running = sandbox.start_without_rights(&["up", "--yes"]);
        world.proxy.wait_for(call, 1);
        set_read_only(&state, true);
        world.proxy.release();
        let output = running.wait();
        assert!(output.code.is_some_and(|code| [1, 9].contains(&code)), "{call}\n{output}");
        assert!(output.stderr.contains("The state is not saved"), "{call}\n{output}");
        assert!(!output.stderr.contains("panicked"), "{call}\n{output}");
        world.proxy.settle();
        world.proxy.clear();
        set_read_only(&state, false);
        sandbox.expect(0, &["up", "--yes"]);
        sandbox.expect(0, &["plan", "--exit-code"]);
        sandbox.expect(0, &["destroy", "--yes"]);
        assert_eq!(world.cloud.names(), BTreeSet::new(), "{call}");
    }
}

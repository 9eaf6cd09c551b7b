//! How fast packages are made, and in how much memory. Run by `scripts/measure packages`.

use super::{Fixture, built, code};
use crate::model::{Address, ArtifactSource};
use crate::package::contents::{self, Contents};
use crate::package::filter::Filter;
use crate::package::index::Index;
use crate::package::own::Own;
use crate::package::source::Source;
use std::fs;
use std::time::{Duration, Instant};

/// Prints how long something took, and gives back what came of it.
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    let done = work();
    let took = started.elapsed();
    println!("{what}: {:.3} s", took.as_secs_f64());
    (done, took)
}

/// The most memory that this process ever had, in MB, where the system tells.
fn most_memory_mb() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? / 1024)
}

#[test]
#[ignore = "a measurement"]
fn a_hundred_thousand_small_files() {
    let fixture = Fixture::new(&[("dir/bootstrap", "program")]);
    for number in 0..100_000 {
        if number % 1_000 == 0 {
            fs::create_dir(fixture.folder.path().join(format!("dir/{:03}", number / 1_000))).unwrap();
        }
        let name = format!("dir/{:03}/module-{number:06}.js", number / 1_000);
        fs::write(fixture.folder.path().join(name), format!("module.exports = {number};\n").repeat(8)).unwrap();
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = Address::new("function", "a");
    let run = || runtime.block_on(fixture.ok(vec![code("a", r#"{"dir":"dir"}"#)]));
    let (packages, _) = timed("100,000 small files, first time", run);
    let hash = packages.artifacts[&address].content_hash.clone();
    timed("100,000 small files, zipped", || runtime.block_on(packages.zip(&hash)).unwrap().len());
    drop(packages);
    timed("100,000 small files, unchanged", run);
    let most = most_memory_mb().unwrap_or_default();
    println!("most memory: {most} MB");
    assert!(most < 200, "the bound of the issue: {most} MB");
}

#[test]
#[ignore = "a measurement"]
fn a_binary_of_fifty_megabytes() {
    let folder = tempfile::tempdir().unwrap();
    let program = fs::read(std::env::current_exe().unwrap()).unwrap();
    let binary: Vec<u8> = program.iter().copied().cycle().take(50_000_000).collect();
    fs::write(folder.path().join("bootstrap"), binary).unwrap();
    let source = Source::Directory(".".into(), Filter::default());
    let contents = contents::collect(folder.path(), &source, true, &Own::default()).unwrap();
    let package = |contents: &Contents| {
        contents.read(&Index::default()).unwrap();
        contents.zip_file().unwrap().0.metadata().unwrap().len()
    };
    let theirs = || {
        let mut zip = std::process::Command::new("zip");
        let zip = zip.args(["-6", "-q", "-X", "theirs.zip", "bootstrap"]).current_dir(folder.path());
        assert!(zip.status().is_ok_and(|status| status.success()), "zip is installed");
        fs::remove_file(folder.path().join("theirs.zip")).unwrap();
    };
    let best = |what: &str, work: &dyn Fn()| (0..3).map(|_| timed(what, work).1).min().unwrap_or_default();
    let theirs = best("50 MB binary, `zip -6`", &theirs);
    let ours = best("50 MB binary, hashed and zipped", &|| assert!(package(&contents) > 0));
    println!("ours : theirs = {:.2}", ours.as_secs_f64() / theirs.as_secs_f64());
    assert!(cfg!(debug_assertions) || ours < theirs * 3 / 2);
}

#[test]
#[ignore = "a measurement"]
fn a_hundred_functions_that_did_not_change() {
    let fixture = Fixture::new(&[]);
    let name = |number: usize| format!("api/f{number}");
    for number in 0..100 {
        for file in 0..20 {
            fixture.write(&format!("{}/file{file}.go", name(number)), &format!("package main // {number} {file}\n"));
        }
    }
    let requests = || {
        let json = |number| format!(r#"{{"path":"{}","command":"cat *.go > bootstrap","output":"bootstrap"}}"#, name(number));
        (0..100).map(|number| built(&format!("f{number}"), &json(number))).collect::<Vec<_>>()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let run = || runtime.block_on(fixture.ok(requests())).artifacts.len();
    timed("100 functions, first time", run);
    std::thread::sleep(Duration::from_millis(50));
    timed("100 functions, second time", run);
    let (_, took) = timed("100 functions, unchanged", run);
    assert!(cfg!(debug_assertions) || took < Duration::from_millis(500));
}

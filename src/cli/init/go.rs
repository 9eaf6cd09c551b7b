//! Go programs for Lambda.

use super::folder::{Folder, split};
use super::{Candidate, Code, Function, name, script};
use std::collections::{BTreeMap, BTreeSet};

/// What a program names that speaks to Lambda: AWS's package, or the runtime API by itself.
const RUNTIMES: [&str; 2] = ["\"github.com/aws/aws-lambda-go/lambda\"", script::RUNTIME_API];
/// What keeps a file out of every program.
const IGNORED: &str = "//go:build ignore";
/// The file by which a discovery finds a program.
const MAIN: &str = "main.go";

/// The folders with programs. A module may also have tools for the command line: where some programs of it name a runtime,
/// only those count.
pub fn candidates(folder: &Folder) -> Vec<Candidate> {
    let mut modules: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
    for file in folder.ending(&["go"]).filter(|file| !file.ends_with("_test.go")) {
        let text = folder.text(file);
        let has_line = |wanted: &str| text.lines().any(|line| line.trim_end() == wanted);
        if has_line("package main") && !has_line(IGNORED) {
            let place = split(file).0;
            let module = folder.nearest(place, &["go.mod"]).unwrap_or(place);
            *modules.entry(module).or_default().entry(place).or_default() |= RUNTIMES.iter().any(|runtime| text.contains(runtime));
        }
    }
    let counting = |programs: BTreeMap<&str, bool>| {
        let is_told = programs.values().any(|names_it| *names_it);
        programs.into_iter().filter(move |(_, names_it)| *names_it || !is_told).map(|(place, _)| place.to_owned()).collect::<Vec<_>>()
    };
    let places: BTreeSet<String> = modules.into_values().flat_map(counting).collect();
    let candidate = |place: String| Candidate { wish: script::telling(&place).to_owned(), folder: place, code: Code::Go { root: None } };
    places.into_iter().map(candidate).collect()
}

/// Puts programs that lie below one folder, and are all that lies there, into one discovery.
pub fn discover(functions: &mut [Function], folder: &Folder) {
    let programs: BTreeSet<String> =
        functions.iter().filter(|one| matches!(one.code, Code::Go { .. })).map(|one| one.folder.clone()).collect();
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for program in &programs {
        groups.entry(program.split('/').next().unwrap_or(program)).or_default().insert(program);
    }
    for group in groups.values().filter(|group| group.len() > 1) {
        let root = common(group);
        let names: Option<BTreeMap<&str, String>> = group.iter().map(|program| Some((*program, name_below(program, &root)?))).collect();
        let Some(names) = names.filter(|_| *group == found_below(folder, &root)) else { continue };
        let is_taken =
            |one: &Function| !group.contains(one.folder.as_str()) && names.values().any(|name| name.eq_ignore_ascii_case(&one.name));
        if functions.iter().any(is_taken) {
            continue;
        }
        for one in functions.iter_mut() {
            if let (Code::Go { .. }, Some(name)) = (&one.code, names.get(one.folder.as_str())) {
                one.name.clone_from(name);
                one.code = Code::Go { root: Some(root.clone()) };
            }
        }
    }
}

/// The deepest folder that all lie in.
fn common(programs: &BTreeSet<&str>) -> String {
    // Of sorted paths, what the first and the last one share is shared by all.
    let (first, last) = (programs.first().copied().unwrap_or_default(), programs.last().copied().unwrap_or_default());
    let shared = first.split('/').zip(last.split('/')).take_while(|(one, other)| one == other).map(|(one, _)| one);
    shared.collect::<Vec<_>>().join("/")
}

/// What a discovery calls the program, where that is a name.
fn name_below(program: &str, root: &str) -> Option<String> {
    let below = program.strip_prefix(root)?.trim_start_matches('/');
    let wish = if below.is_empty() { split(root).1.to_owned() } else { below.replace('/', "-") };
    (name::of_function(&wish) == wish).then_some(wish)
}

/// The folders that a discovery would find.
fn found_below<'a>(folder: &'a Folder, root: &str) -> BTreeSet<&'a str> {
    let is_below = |place: &&str| place.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    folder.called(MAIN).map(|file| split(file).0).filter(is_below).collect()
}

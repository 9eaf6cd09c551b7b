//! The rules that hold the house together, read from the sources themselves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Who may import whom: folder or file under `src/`, and what of ours it may name.
const IMPORTS: &[(&str, &[&str])] = &[
    ("diagnostic", &[]),
    ("model", &["diagnostic"]),
    ("plan", &["model"]),
    // A store says in words what is wrong with a state.
    ("store", &["model", "diagnostic"]),
    ("aws", &["model", "diagnostic"]),
    ("kinds", &["model", "aws", "diagnostic"]),
    ("local", &[]),
    ("package", &["model", "diagnostic"]),
    ("spec", &["model", "kinds", "diagnostic"]),
    ("engine", &["model", "diagnostic", "plan", "store", "aws", "kinds", "package", "spec"]),
    ("daemon", &["engine", "model", "diagnostic", "store"]),
    // The command line hands what these make to the engine.
    ("cli", &["daemon", "engine", "model", "diagnostic", "spec", "store", "package", "aws", "kinds", "local"]),
    ("main", &["cli", "model"]),
    ("lib", &["*"]),
];

const MOST_LINES_OF_A_FILE: usize = 400;
const MOST_LINES_OF_A_FUNCTION: usize = 70;

/// A source file: comments, texts and tests blanked out, line breaks kept.
struct Source {
    name: String,
    module: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    assert!(!files.is_empty());
    files.iter().filter(|file| !is_test_file(file)).map(|file| Source::read(&root, file)).collect()
}

/// A module of tests that got a file of its own.
fn is_test_file(file: &Path) -> bool {
    file.iter().any(|part| ["tests", "tests.rs", "testing.rs", "suite.rs"].iter().any(|name| part == *name))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

impl Source {
    fn read(root: &Path, file: &Path) -> Self {
        let relative = file.strip_prefix(root).unwrap();
        let module = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let code = without_tests(&blank(&std::fs::read_to_string(file).unwrap()));
        Self { name: relative.display().to_string(), module, code }
    }

    fn is_in(&self, modules: &[&str]) -> bool {
        modules.contains(&self.module.as_str())
    }

    /// The lines with one of these words in them, as `file:line: word`.
    fn lines_with(&self, words: &[&str]) -> Vec<String> {
        let lines = self.code.lines().enumerate();
        let hits = lines.flat_map(|(index, line)| words.iter().filter(move |word| has_word(line, word)).map(move |word| (index, *word)));
        hits.map(|(index, word)| format!("{}:{}: {word}", self.name, index + 1)).collect()
    }
}

fn has_word(line: &str, word: &str) -> bool {
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_none_or(|character| !is_name(character));
        let open = word.ends_with(|character: char| !is_name(character)) || word.ends_with('_');
        before && (open || line[at + word.len()..].chars().next().is_none_or(|character| !is_name(character)))
    })
}

/// Replaces comments, texts and characters by blanks.
fn blank(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut output = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let end = end_of_blank(&characters, at);
        if end == at {
            output.push(characters[at]);
            at += 1;
        } else {
            output.extend(characters[at..end].iter().map(|character| if *character == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    output
}

/// Where the comment or text that begins here ends; `at` itself if none begins.
fn end_of_blank(characters: &[char], at: usize) -> usize {
    let next = characters.get(at + 1).copied();
    match characters[at] {
        '/' if next == Some('/') => find(characters, at, |rest| rest[0] == '\n'),
        '/' if next == Some('*') => find(characters, at + 2, |rest| rest.starts_with(&['*', '/'])) + 2,
        '"' => end_of_text(characters, at),
        'r' if matches!(next, Some('"' | '#')) && !is_inside_name(characters, at) => end_of_raw_text(characters, at),
        '\'' if next == Some('\\') => find(characters, at + 3, |rest| rest[0] == '\'') + 1,
        '\'' if characters.get(at + 2) == Some(&'\'') => at + 3,
        _ => at,
    }
}

fn is_inside_name(characters: &[char], at: usize) -> bool {
    at > 0 && (characters[at - 1].is_alphanumeric() || characters[at - 1] == '_') && characters[at - 1] != 'b'
}

fn find(characters: &[char], from: usize, is_end: impl Fn(&[char]) -> bool) -> usize {
    (from..characters.len()).find(|at| is_end(&characters[*at..])).unwrap_or(characters.len())
}

fn end_of_text(characters: &[char], at: usize) -> usize {
    let mut at = at + 1;
    while at < characters.len() && characters[at] != '"' {
        at += if characters[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(characters.len())
}

fn end_of_raw_text(characters: &[char], at: usize) -> usize {
    let hashes = characters[at + 1..].iter().take_while(|character| **character == '#').count();
    if characters.get(at + 1 + hashes) != Some(&'"') {
        return at; // a raw identifier
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    find(characters, at + 2 + hashes, |rest| rest.starts_with(&end)) + end.len()
}

/// Cuts out the items that are compiled for tests only, keeping the line numbers before them.
fn without_tests(code: &str) -> String {
    let mut code = code.to_owned();
    while let Some(start) = code.find("#[cfg(test)]") {
        let body = code[start..].find(['{', ';']).map_or(code.len(), |at| start + at);
        let end = if code[body..].starts_with('{') { closing_brace(&code, body) + 1 } else { body + 1 };
        code.replace_range(start..end.min(code.len()), "");
    }
    code
}

fn closing_brace(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, character) in code[open..].char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return open + at;
        }
    }
    code.len() - 1
}

/// The modules of ours that the code names: `crate::x` and `crate::{x, y::z}`.
fn named_modules(code: &str) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for prefix in ["crate::", "lambdo::"] {
        for (at, _) in code.match_indices(prefix) {
            let rest = &code[at + prefix.len()..];
            if rest.starts_with('{') {
                modules.extend(group(&rest[1..closing_brace(rest, 0)]));
            } else {
                modules.insert(first_name(rest));
            }
        }
    }
    modules
}

/// The first names of the members of a `use` group.
fn group(members: &str) -> Vec<String> {
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, character) in members.char_indices().chain([(members.len(), ',')]) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(first_name(members[start..at].trim_start()));
                start = at + 1;
            }
            _ => {}
        }
    }
    names.into_iter().filter(|name| !name.is_empty()).collect()
}

fn first_name(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

#[track_caller]
fn none(what: &str, offenders: Vec<String>) {
    assert!(offenders.is_empty(), "{what}:\n{}", offenders.join("\n"));
}

#[test]
fn every_folder_imports_only_what_it_may() {
    let mut offenders = Vec::new();
    for source in sources() {
        let Some((_, allowed)) = IMPORTS.iter().find(|(module, _)| *module == source.module) else {
            offenders.push(format!("{}: `{}` is not in the table of imports", source.name, source.module));
            continue;
        };
        let is_allowed = |name: &String| allowed.contains(&"*") || *name == source.module || allowed.contains(&name.as_str());
        let modules = IMPORTS.iter().map(|(module, _)| *module);
        let known: BTreeSet<&str> = modules.collect();
        let named = named_modules(&source.code).into_iter().filter(|name| known.contains(name.as_str()));
        offenders.extend(named.filter(|name| !is_allowed(name)).map(|name| format!("{}: crate::{name}", source.name)));
    }
    none("imports that ARCHITECTURE.md forbids", offenders);
}

#[test]
fn the_aws_clients_stay_where_they_belong() {
    let sources = sources();
    let outside = sources.iter().filter(|source| !source.is_in(&["aws", "kinds"]));
    none("aws_sdk_* outside aws/ and kinds/", outside.flat_map(|source| source.lines_with(&["aws_sdk_"])).collect());
    let makers = ["Client::new(", "Client::from_conf("];
    let outside = sources.iter().filter(|source| !source.is_in(&["aws"]));
    none("clients made outside aws/", outside.flat_map(|source| source.lines_with(&makers)).collect());
}

#[test]
fn the_pure_half_does_nothing_but_think() {
    let pure = sources().into_iter().filter(|source| source.is_in(&["model", "plan"]));
    let effects = ["std::fs", "std::env", "std::time", "std::net", "std::process", "std::io", "tokio", "getrandom", ".await", "jiff"];
    none("effects in model/ or plan/", pure.flat_map(|source| source.lines_with(&effects)).collect());
    let plan = sources().into_iter().filter(|source| source.is_in(&["plan"]));
    none("async in plan/", plan.flat_map(|source| source.lines_with(&["async"])).collect());
}

#[test]
fn only_the_user_interface_prints() {
    let printing = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
    let silent = sources().into_iter().filter(|source| source.name.replace('\\', "/") != "cli/ui.rs");
    none("printing outside cli/ui.rs", silent.flat_map(|source| source.lines_with(&printing)).collect());
}

#[test]
fn nothing_has_an_order_by_chance_or_a_life_of_its_own() {
    let sources = sources();
    none("HashMap and HashSet", sources.iter().flat_map(|source| source.lines_with(&["HashMap", "HashSet"])).collect());
    let statics = ["static mut", "thread_local!", "OnceLock", "LazyLock", "lazy_static!"];
    none("global state", sources.iter().flat_map(|source| source.lines_with(&statics)).collect());
    let is_static = |line: &str| line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ").starts_with("static ");
    let declared =
        sources.iter().flat_map(|source| source.code.lines().filter(|line| is_static(line)).map(|line| format!("{}: {line}", source.name)));
    none("statics", declared.collect());
}

#[test]
fn files_and_functions_stay_short() {
    let mut offenders = Vec::new();
    for source in sources() {
        let lines = source.code.trim_end().lines().count();
        if lines > MOST_LINES_OF_A_FILE {
            offenders.push(format!("{}: {lines} lines without tests", source.name));
        }
        offenders.extend(long_functions(&source));
    }
    none("files over 400 lines and functions over 70", offenders);
}

fn long_functions(source: &Source) -> Vec<String> {
    let starts = source.code.match_indices("fn ").filter(|(at, _)| !is_inside_name(&source.code[..=*at].chars().collect::<Vec<_>>(), *at));
    let mut offenders = Vec::new();
    for (start, _) in starts {
        // A signature ends with a body or, in a trait, with a semicolon; `[u8; 4]` is not one.
        let Some(open) = body_of(&source.code[start..]).map(|at| start + at) else { continue };
        let lines = source.code[start..closing_brace(&source.code, open)].lines().count();
        if lines > MOST_LINES_OF_A_FUNCTION {
            offenders.push(format!("{}: fn {} has {lines} lines", source.name, first_name(&source.code[start + 3..])));
        }
    }
    offenders
}

fn body_of(code: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, character) in code.char_indices() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(at),
            ';' | '}' if depth == 0 => return None,
            _ => {}
        }
        if depth < 0 {
            return None;
        }
    }
    None
}

#[test]
fn the_reader_of_sources_reads_what_stands_there() {
    let code =
        "use crate::{model::{A, B}, aws}; // crate::cli\nlet x = \"crate::spec\"; let c = '\"'; r#\"crate::engine\"#;\nfn f<'a>() {}\n";
    let tests = "#[cfg(test)]\nmod tests { use crate::store; }\n";
    let code = without_tests(&blank(&(code.to_owned() + tests)));
    assert_eq!(named_modules(&code), ["aws", "model"].map(str::to_owned).into());
    assert_eq!(code.lines().count(), 4);
    assert!(
        has_word("let a: HashMap<A, B>", "HashMap") && !has_word("my_println!()", "println!") && has_word("aws_sdk_iam::x", "aws_sdk_")
    );
    assert_eq!(body_of("fn f(x: [u8; 4]) -> u8 { 1 }"), Some(23));
}

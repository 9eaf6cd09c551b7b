//! What Python imports when it loads a handler (<https://docs.python.org/3/reference/import.html>).

use super::known::{self, Standing};
use super::{FILES_MAX, Missing, Subject, Tree, add, deeper, hidden, names, told};
use crate::diagnostic::{Diagnostic, nearest};
use crate::package::check::handler::file;
use crate::package::check::handler::python::{find, has_name, unreadable, without_texts};
use std::collections::{BTreeSet, VecDeque};
use std::io;

/// Code with one of these in it makes Python look elsewhere too.
const ELSEWHERE: [&str; 9] =
    ["sys.path.", "sys.path[", "sys.path =", "sys.path=", "sys.path +", "sys import path", "addsitedir", "meta_path", "path_hooks"];
/// Code with one of these in it may bring modules below its own that are no files.
const DYNAMIC: [&str; 6] = ["sys.modules", "__path__", "extend_path", "__getattr__", "globals(", "import *"];
/// Code with one of these in it may make names that do not stand in it.
const MAKING: [&str; 4] = ["setattr(", "exec(", "vars(", "locals("];
/// Modules that Python does not have any more and that other packages bring as they are loaded.
const SHIMMED: [&str; 1] = ["distutils"];
/// A statement may have this many lines.
const LINES_MAX: usize = 500;

/// An import at the left margin.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Import {
    line: usize,
    /// How many dots stand before the module.
    dots: usize,
    /// Such as `a.b`; may be empty after dots.
    module: String,
    /// What is taken of it; empty where the module itself is.
    names: Vec<String>,
}

/// What was found so far.
struct Walk<'a> {
    tree: &'a Tree<'a>,
    minor: u32,
    seen: BTreeSet<String>,
    waiting: VecDeque<String>,
    /// The native modules among what is imported.
    natives: BTreeSet<String>,
    missing: Vec<Missing>,
    /// Imports that lead above the root of the package.
    above: Vec<Missing>,
    problems: Vec<Diagnostic>,
    /// The sources that make modules without files.
    makers: Vec<String>,
    looks_elsewhere: bool,
}

pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    Ok(walk(tree, subject)?.map(|walk| walk.findings(subject)).unwrap_or_default())
}

/// The native modules that are loaded with the handler's file in any case, as far as they lie where they are found.
pub(super) fn natives(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<BTreeSet<String>> {
    let walk = walk(tree, subject)?.filter(|walk| !walk.looks_elsewhere && !subject.has_more);
    Ok(walk.map(|walk| walk.natives).unwrap_or_default())
}

fn walk<'a>(tree: &'a Tree<'a>, subject: &Subject<'_>) -> io::Result<Option<Walk<'a>>> {
    let (Some(file), Some(minor)) = (file(tree, subject), minor(subject)) else { return Ok(None) };
    let mut walk = Walk {
        tree,
        minor,
        seen: BTreeSet::new(),
        waiting: VecDeque::new(),
        natives: BTreeSet::new(),
        missing: Vec::new(),
        above: Vec::new(),
        problems: Vec::new(),
        makers: Vec::new(),
        looks_elsewhere: false,
    };
    // The packages that a module lies in are loaded before it.
    file.match_indices('/').filter_map(|(at, _)| find(tree, &file[..at])).for_each(|package| walk.enter(package));
    walk.enter(file);
    while let Some(file) = walk.waiting.pop_front().filter(|_| walk.seen.len() <= FILES_MAX) {
        walk.read(&file)?;
    }
    Ok(Some(walk))
}

fn minor(subject: &Subject<'_>) -> Option<u32> {
    subject.runtime.strip_prefix("python3.")?.parse().ok()
}

impl Walk<'_> {
    fn enter(&mut self, file: String) {
        if file.ends_with(".so") {
            self.natives.insert(self.tree.end(&file).into_owned());
            return;
        }
        if file.ends_with(".py") && self.seen.insert(file.clone()) {
            self.waiting.push_back(file);
        }
    }

    fn read(&mut self, file: &str) -> io::Result<()> {
        let Some(bytes) = self.tree.whole(file)? else { return Ok(()) };
        if let Some(problem) = unreadable(file, &bytes) {
            self.problems.push(problem);
            return Ok(());
        }
        let text = String::from_utf8_lossy(&bytes);
        let code = without_texts(&text);
        self.looks_elsewhere |= ELSEWHERE.iter().any(|piece| code.contains(piece));
        if code.contains("sys.modules") {
            self.makers.push(text.into_owned());
        }
        for import in imports(&code) {
            self.follow(file, &import)?;
        }
        Ok(())
    }

    fn follow(&mut self, file: &str, import: &Import) -> io::Result<()> {
        let path = import.module.replace('.', "/");
        if import.dots > 0 {
            let mut package: Vec<&str> = file.split('/').collect();
            package.pop();
            let shown = format!("{}{}", ".".repeat(import.dots), import.module);
            if package.len() < import.dots {
                add(&mut self.above, Missing::new(&shown, file, import.line));
                return Ok(());
            }
            package.truncate(package.len() + 1 - import.dots);
            let base = package.join("/");
            let path = if path.is_empty() { base.clone() } else { format!("{base}/{path}") };
            return self.load(&path, base.len() + 1, &shown, file, import);
        }
        let first = path.split('/').next().unwrap_or_default();
        let standing = known::python(first, self.minor);
        if find(self.tree, first).is_some() || (self.tree.has_folder(first) && standing != Standing::There) {
            return self.load(&path, 0, &import.module, file, import);
        }
        if standing != Standing::There {
            let is_sure = match standing {
                Standing::GoneSince(_) => !SHIMMED.contains(&first),
                _ => misspelt(self.tree, first).is_some(),
            };
            add(&mut self.missing, Missing { is_sure, ..Missing::new(first, file, import.line) });
        }
        Ok(())
    }

    /// Goes along the parts of a path behind `start`, each of which must be there, and into what is taken of the last.
    fn load(&mut self, path: &str, start: usize, shown: &str, file: &str, import: &Import) -> io::Result<()> {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]).filter(|end| *end > start);
        for end in ends {
            match find(self.tree, &path[..end]) {
                Some(module) => self.enter(module),
                None if self.tree.has_folder(&path[..end]) => {}
                None if end > 0 && self.is_dynamic(parent(&path[..end]))? => return Ok(()),
                None => {
                    // What lies beside it is of the package, and only the package has it.
                    add(&mut self.missing, Missing { is_sure: true, ..Missing::new(shown, file, import.line) });
                    return Ok(());
                }
            }
        }
        let code = self.code(path)?;
        for name in import.names.iter().filter(|name| *name != "*") {
            let inner = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            match (&code, find(self.tree, &inner)) {
                (Some(code), _) if has_name(code, name) => {}
                (_, Some(module)) => self.enter(module),
                (_, None) if self.tree.has_folder(&inner) => {}
                (Some(code), None) => {
                    let near = self.meant(path, name, code);
                    near.into_iter().for_each(|near| self.add_inner(shown, (name, Some(near)), file, import.line));
                }
                (None, None) if find(self.tree, path).is_none() => self.add_inner(shown, (name, None), file, import.line),
                _ => {}
            }
        }
        Ok(())
    }

    /// What a module that makes no names while it runs has, or has beside it, and what may be meant by a name.
    fn meant(&self, path: &str, name: &str, code: &str) -> Option<String> {
        let is_dynamic = DYNAMIC.iter().chain(&MAKING).any(|piece| code.contains(piece));
        let folder = format!("{path}/");
        let inner: Vec<_> = self.tree.beginning(&folder).collect();
        let inner = inner.iter().filter_map(|inner| inner[folder.len()..].split(['/', '.']).next());
        let words = code.split(|character: char| !(character.is_alphanumeric() || character == '_')).filter(|word| word.len() > 2);
        let near = nearest(name, words.chain(inner)).filter(|_| !is_dynamic && !name.starts_with("__"));
        near.map(str::to_owned)
    }

    /// Something that would have to be in a module, or a folder, of the package, and what may be meant by it.
    fn add_inner(&mut self, shown: &str, (name, near): (&str, Option<String>), file: &str, line: usize) {
        let separator = if shown.ends_with('.') { "" } else { "." };
        let whole = |name: &str| format!("{shown}{separator}{name}");
        add(&mut self.missing, Missing { is_sure: true, near: near.map(|near| whole(&near)), ..Missing::new(&whole(name), file, line) });
    }

    /// The source of a module, where it has one.
    fn code(&self, path: &str) -> io::Result<Option<String>> {
        let Some(file) = find(self.tree, path).filter(|file| file.ends_with(".py")) else { return Ok(None) };
        Ok(self.tree.text(&file)?.map(|text| without_texts(&text)))
    }

    /// Whether a module may have others below it that are no files.
    fn is_dynamic(&self, path: &str) -> io::Result<bool> {
        Ok(match (find(self.tree, path), self.code(path)?) {
            (None, _) => false,
            (Some(_), Some(code)) => DYNAMIC.iter().any(|piece| code.contains(piece)),
            (Some(_), None) => true,
        })
    }

    fn findings(mut self, subject: &Subject<'_>) -> Vec<Diagnostic> {
        self.problems.extend(above(&self.above, subject));
        if self.looks_elsewhere || subject.has_more {
            return self.problems;
        }
        let is_made = |missing: &Missing| self.makers.iter().any(|text| text.contains(missing.name.trim_start_matches('.')));
        let (sure, unsure): (Vec<Missing>, Vec<Missing>) =
            self.missing.iter().filter(|missing| !is_made(missing)).cloned().partition(|missing| missing.is_sure);
        let found = |missing: &[Missing]| told(missing, subject).map(|found| advised(found, missing, self.tree, self.minor));
        let found = found(&sure).into_iter().chain(found(&unsure));
        self.problems.iter().cloned().chain(found).collect()
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Lambda loads the handler's module by its path from the root, so that a module there belongs to no package.
fn above(above: &[Missing], subject: &Subject<'_>) -> Option<Diagnostic> {
    let Missing { name, file, line, .. } = above.first()?;
    let detail = format!(
        "`{file}` imports `{name}` in line {line}, relative to a package, but the handler `{}` makes it a module outside of any package, in which Python refuses that.",
        subject.handler
    );
    let found = Diagnostic::error("relative-import", "A relative import leads out of the package").detail(detail);
    let plain = name.trim_start_matches('.');
    Some(if plain.is_empty() {
        found.hint("import it without the dot: `import NAME`")
    } else {
        found.hint(format!("without the dot: `from {plain} import …`"))
    })
}

fn advised(found: Diagnostic, missing: &[Missing], tree: &Tree<'_>, minor: u32) -> Diagnostic {
    let first = missing.first().map_or("", |one| one.name.split('.').next().unwrap_or_default());
    let versions = missing.iter().filter_map(|one| match known::python(&one.name, minor) {
        Standing::GoneSince(version) => Some(format!("`{}` was taken out of Python with 3.{version}", one.name)),
        Standing::ComesWith(version) => Some(format!("`{}` came into Python with 3.{version}", one.name)),
        _ => None,
    });
    let near = missing.iter().filter_map(|one| Some(format!("`{}` is there; is it meant?", one.near.as_ref()?)));
    let found = versions.chain(near).fold(found, Diagnostic::hint);
    if find(tree, first).is_some() || known::python(first, minor) != Standing::Missing || first.is_empty() {
        return found;
    }
    if let Some(place) = hidden(tree, first, ".py") {
        return found.hint(deeper(place, "modules are sought from the root of the package on; a folder `python/` is for layers"));
    }
    if let Some(same) = misspelt(tree, first) {
        return found.hint(format!("`{same}` is there; is it meant?"));
    }
    if tree.has("requirements.txt") || tree.has("pyproject.toml") {
        return found
            .hint("nothing was installed from what the project names: `build = { path = \"FOLDER\", kind = \"python\" }` does that");
    }
    found
        .hint(format!("`pip install --target FOLDER …` puts the packages that bring {} beside the code", names(missing)))
        .hint("or name them in a `requirements.txt`, and let lambdo install them: `build = { path = \"FOLDER\", kind = \"python\" }`")
}

/// The module of the package that may be meant by a name that is not there.
fn misspelt<'a>(tree: &Tree<'a>, name: &str) -> Option<&'a str> {
    let modules = || tree.names().filter(|name| name.ends_with(".py")).map(|name| name.split('/').next().unwrap_or_default());
    let modules = || modules().map(|module| module.trim_end_matches(".py"));
    modules().find(|module| module.eq_ignore_ascii_case(name)).or_else(|| nearest(name, modules()))
}

/// The imports at the left margin of code without texts and comments, up to where it ends early.
fn imports(code: &str) -> Vec<Import> {
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if ["raise ", "sys.exit(", "exit(", "quit("].iter().any(|end| line.starts_with(end)) {
            break;
        }
        if line.starts_with("import ") || line.starts_with("from ") {
            found.extend(whole(&lines[at..]).split(';').flat_map(|statement| parsed(statement.trim(), at + 1)));
        }
    }
    found
}

/// The statement that begins with the first of these lines.
fn whole(lines: &[&str]) -> String {
    let mut statement = String::new();
    for line in lines.iter().take(LINES_MAX) {
        statement.push_str(line.trim_end().trim_end_matches('\\'));
        statement.push(' ');
        let is_open = statement.matches('(').count() > statement.matches(')').count();
        if !is_open && !line.trim_end().ends_with('\\') {
            break;
        }
    }
    statement
}

fn parsed(statement: &str, line: usize) -> Vec<Import> {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|character| character.is_alphanumeric() || "._".contains(character));
    let first = |item: &str| item.split_whitespace().next().unwrap_or_default().to_owned();
    if let Some(modules) = statement.strip_prefix("import ") {
        let modules = modules.split(',').map(first).filter(|module| is_name(module));
        return modules.map(|module| Import { line, dots: 0, module, names: Vec::new() }).collect();
    }
    let Some((module, names)) = statement.strip_prefix("from ").and_then(|rest| rest.split_once("import")) else { return Vec::new() };
    let module = module.replace(' ', "");
    let dots = module.len() - module.trim_start_matches('.').len();
    let module = module.trim_start_matches('.').to_owned();
    let names: Vec<String> =
        names.trim_matches(|character: char| " ()".contains(character)).split(',').map(first).filter(|name| !name.is_empty()).collect();
    let is_sound = (dots > 0 || is_name(&module)) && !names.is_empty();
    if is_sound { vec![Import { line, dots, module, names }] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: &str) -> Vec<String> {
        let import = |one: &Import| format!("{} {}{} {}", one.line, ".".repeat(one.dots), one.module, one.names.join(","));
        imports(&without_texts(code)).iter().map(import).collect()
    }

    #[test]
    fn imports_at_the_left_margin_are_found() {
        let code = "#!/usr/bin/env python3\n\"\"\"import no\nimport no\n\"\"\"\nimport a, b.c as d; import e\nfrom f.g import (\n    h,  # import no\n    i as j,\n)\nfrom . import k\nfrom ..l import m\nfrom n import *\nimport \\\n    o\n";
        assert_eq!(shown(code), ["5 a ", "5 b.c ", "5 e ", "6 f.g h,i", "10 . k", "11 ..l m", "12 n *", "13 o "]);
    }

    #[test]
    fn what_may_be_meant_to_be_missing_is_not_looked_at() {
        for code in [
            "try:\n    import a\nexcept ImportError:\n    a = None\n",
            "if TYPE_CHECKING:\n    from a import b\n",
            "def handler(event, context):\n    import a\n",
            "# import a\n",
            "x = '''\nimport a\n'''\n",
            "x = f\"{y['import a']}\"\nimportant = 1\nfrom_ = 2\n",
            "raise SystemExit\nimport a\n",
            "with suppress(ImportError): import a\n",
        ] {
            assert_eq!(shown(code), [""; 0], "{code}");
        }
    }
}

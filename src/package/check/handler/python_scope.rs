//! What Python knows by name in a module once it is loaded: what stands in functions and classes does not count.

use super::{arguments, has_word, leading_name};

/// A statement of a module, its lines put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    pub text: String,
    /// The function or class that it stands in, the innermost.
    pub within: Option<Scope>,
    /// Whether it stands under no condition.
    pub is_at_margin: bool,
}

/// A function or a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub is_class: bool,
    pub name: String,
    indent: usize,
}

impl Statement {
    /// The function or class that it begins.
    fn defines(&self) -> Option<Scope> {
        let text = self.text.strip_prefix("async ").unwrap_or(&self.text).trim_start();
        let (is_class, rest) =
            text.strip_prefix("class ").map(|rest| (true, rest)).or_else(|| text.strip_prefix("def ").map(|rest| (false, rest)))?;
        Some(Scope { is_class, name: leading_name(rest.trim_start()).to_owned(), indent: 0 })
    }

    /// The name of the function that it begins.
    pub fn function(&self) -> Option<String> {
        self.defines().filter(|scope| !scope.is_class).map(|scope| scope.name)
    }

    /// Whether the module may have the name by it.
    pub fn binds(&self, name: &str) -> bool {
        match (&self.within, self.defines()) {
            (Some(_), _) => self.text.starts_with("global ") && mentions(&self.text, name),
            (None, Some(scope)) => scope.name == name,
            (None, None) => mentions(&self.text, name) && !self.only_annotates(name),
        }
    }

    /// Whether the module has the name no more behind it, in any case.
    pub fn deletes(&self, name: &str) -> bool {
        let names = self.text.strip_prefix("del ").filter(|_| self.is_at_margin);
        names.is_some_and(|names| names.split(',').any(|one| one.trim() == name))
    }

    /// Whether it makes a generator of the function of this name that stands at the margin.
    pub fn yields_in(&self, name: &str) -> bool {
        let is_of_it = match (&self.within, self.defines()) {
            (Some(scope), None) => !scope.is_class && scope.indent == 0 && scope.name == name,
            (None, Some(own)) => self.is_at_margin && !own.is_class && own.name == name,
            _ => false,
        };
        is_of_it && has_word(&self.text, "yield") && !has_word(&self.text, "lambda")
    }

    /// Whether it says of what type the name is, and gives it no value
    /// (<https://docs.python.org/3/reference/simple_stmts.html#annotated-assignment-statements>).
    pub fn only_annotates(&self, name: &str) -> bool {
        let annotation = self.text.strip_prefix(name).and_then(|rest| rest.trim_start().strip_prefix(':'));
        annotation.is_some_and(|annotation| !annotation.contains(['=', ';']))
    }
}

/// The statements of code without comments and texts, in their order.
pub(super) fn statements(code: &str) -> Vec<Statement> {
    let mut scopes: Vec<Scope> = Vec::new();
    let mut found = Vec::new();
    for line in logical_lines(code) {
        let text = line.trim().to_owned();
        if text.is_empty() {
            continue;
        }
        let indent = indentation(&line);
        scopes.retain(|scope| scope.indent < indent);
        let statement = Statement { text, within: scopes.last().cloned(), is_at_margin: indent == 0 };
        scopes.extend(statement.defines().map(|scope| Scope { indent, ..scope }));
        found.push(statement);
    }
    found
}

/// How many arguments by position a `def` must be given, and the most that it takes; nothing where that has no end, or
/// cannot be told, as of a header that Python does not read.
pub(super) fn parameters(definition: &str) -> Option<(usize, Option<usize>)> {
    Some(counted(&parts(definition)?))
}

/// The parameters of a `def` that must be given by name; none where that cannot be told.
pub(super) fn keywords(definition: &str) -> Vec<String> {
    let parts = parts(definition).unwrap_or_default();
    let behind = parts.iter().skip_while(|part| !part.starts_with('*') || part.starts_with("**")).skip(1);
    behind.filter(|part| !part.starts_with("**") && !part.contains('=')).map(|part| leading_name(part).to_owned()).collect()
}

/// The same as of a `def`, of a `lambda` with plain parameters that is the whole of a value.
pub(super) fn lambda_parameters(value: &str) -> Option<(usize, Option<usize>)> {
    let (list, _) = value.strip_prefix("lambda").filter(|rest| rest.starts_with([' ', ':', '*']))?.split_once(':')?;
    let is_plain = |character: char| character.is_alphanumeric() || "_,* ".contains(character);
    let parts: Vec<&str> = list.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    (list.chars().all(is_plain) && parts.iter().all(|part| is_parameter(part))).then(|| counted(&parts))
}

/// The parameters of a `def`, without the sign that those before it have no names.
fn parts(definition: &str) -> Option<Vec<&str>> {
    let mut depth = 0_usize;
    let is_start = |(_, character): &(usize, char)| match character {
        '(' if depth == 0 => true,
        '(' | '[' => {
            depth += 1;
            false
        }
        ')' | ']' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => false,
    };
    let (start, _) = definition.char_indices().find(is_start)?;
    let (parts, rest) = arguments(&definition[start + 1..])?;
    let rest = rest.trim_start();
    if !rest.starts_with(':') && !rest.starts_with("->") {
        return None;
    }
    // The commas of a lambda are its own.
    if parts.iter().any(|part| part.contains("lambda")) {
        return None;
    }
    let (last, before) = parts.split_last()?;
    let last = Some(last).filter(|part| !part.trim().is_empty());
    let parts: Vec<&str> = before.iter().chain(last).map(|part| part.trim()).collect();
    if !parts.iter().all(|part| is_parameter(part)) {
        return None;
    }
    Some(parts.into_iter().filter(|part| *part != "/").collect())
}

/// How many of these must be given by position, and the most that are taken so.
fn counted(parts: &[&str]) -> (usize, Option<usize>) {
    let end = parts.iter().position(|part| part.starts_with('*')).unwrap_or(parts.len());
    let is_endless = parts.get(end).is_some_and(|part| part.len() > 1 && !part.starts_with("**"));
    let required = parts[..end].iter().take_while(|part| !part.contains('=')).count();
    (required, (!is_endless).then_some(end))
}

/// Whether Python reads it as a parameter: a name, and perhaps its type and its value.
fn is_parameter(part: &str) -> bool {
    let bare = part.trim_start_matches('*').trim_start();
    let name = leading_name(bare);
    let is_name = !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit());
    matches!(part, "*" | "/") || is_name && matches!(bare[name.len()..].trim_start().chars().next(), None | Some(':' | '='))
}

/// Lines put together where brackets are open, or a backslash says so.
fn logical_lines(code: &str) -> impl Iterator<Item = String> {
    let mut lines = code.lines();
    std::iter::from_fn(move || {
        let mut line = lines.next()?.to_owned();
        while is_open(&line) || line.ends_with('\\') {
            let Some(next) = lines.next() else { break };
            line = format!("{} {}", line.trim_end_matches('\\'), next.trim());
        }
        Some(line)
    })
}

fn is_open(line: &str) -> bool {
    line.matches(['(', '[', '{']).count() > line.matches([')', ']', '}']).count()
}

/// How far a line stands from the margin; a tab goes to the next of every eight columns
/// (<https://docs.python.org/3/reference/lexical_analysis.html#indentation>).
fn indentation(line: &str) -> usize {
    line.chars().take_while(|character| character.is_whitespace()).fold(0, |column, character| match character {
        '\t' => column / 8 * 8 + 8,
        _ => column + 1,
    })
}

/// Whether a name stands in a statement in another way than to be called, or looked into, or as that of an argument.
fn mentions(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        let is_name = |character: char| character.is_alphanumeric() || character == '_';
        if before.ends_with(is_name) || after.starts_with(is_name) || before.trim_end().ends_with('.') {
            return false;
        }
        let after = after.trim_start();
        let is_argument = is_open(before) && after.starts_with('=') && !after.starts_with("==");
        !after.starts_with(['(', '.', '[']) && !is_argument
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binds(code: &str) -> bool {
        statements(code).iter().any(|statement| statement.binds("handler"))
    }

    #[test]
    fn names_count_wherever_a_module_may_get_them() {
        for code in [
            "def handler(event, context):",
            "async def handler(event, context):",
            "handler = App()",
            "from app.api import (\n    first,\n    handler,\n)",
            "from x import y as handler",
            "handler: Handler = make()",
            "handler: Handler; handler = make()",
            "handler: Handler\nif x:\n    handler = make()",
            "a, handler = make()",
            "(a,\n handler) = make()",
            "class A:\n    def handler(self): pass\n\nhandler = A().handler",
            "if x:\n    def handler(event, context): pass",
            "try:\n\timport x\nexcept ImportError:\n\thandler = 1",
            "def f():\n    global handler\n    handler = 1",
            "def f(\n    a,\n): return 1\nif (handler := f()): pass",
            "import json; handler = json.loads",
            "for handler in [1]: pass",
            "x = 1 + \\\n  2\nhandler = x",
        ] {
            assert!(binds(code), "{code}");
        }
    }

    #[test]
    fn what_stands_in_functions_and_classes_is_not_the_modules() {
        for code in [
            "class A:\n    def handler(self, event, context):\n        pass\n",
            "class A:\n\n    handler = 1\nx = A()\nx.handler()",
            "def make():\n    def handler(event, context): pass\n    return handler\n",
            "def main(handler):\n    return handler\n",
            "def main(\n    handler,\n): pass\nmain(handler=1)\nhandler()",
            "if x:\n    class A:\n        def handler(self): pass\n    y = 1\n",
            "def lambda_handler(event, context): pass",
            "def f(): return handler\nclass B: handler = 1\n",
            "handler: Callable",
            "handler : Callable[[dict, object], None]  ",
        ] {
            assert!(!binds(code), "{code}");
        }
        let within = statements("class A:\n    x = 1\n    def f(self):\n        pass\n    y = 2\nz = 3\n");
        let within: Vec<&str> = within.iter().map(|one| one.within.as_ref().map_or("", |scope| &scope.name)).collect();
        assert_eq!(within, ["", "A", "A", "f", "A", ""]);
    }

    #[test]
    fn names_are_taken_away_only_where_it_is_sure() {
        let deletes = |code: &str| statements(code).iter().any(|statement| statement.deletes("handler"));
        for code in ["del handler", "def handler(): pass\ndel a, handler"] {
            assert!(deletes(code), "{code}");
        }
        for code in ["del handler.a", "del handlers", "if x:\n    del handler", "del handler; handler = 1", "def f():\n    del handler"] {
            assert!(!deletes(code), "{code}");
        }
    }

    #[test]
    fn parameters_are_counted() {
        for (definition, expected) in [
            ("def f():", (0, Some(0))),
            ("def f(event):", (1, Some(1))),
            ("def f(event, context,) -> Dict[str, int]:", (2, Some(2))),
            ("def f(event: Dict[str, int], context: Tuple[(int, int)] = (1, 2)):", (1, Some(2))),
            ("def f[T: (int, str)](event: T, context, /):", (2, Some(2))),
            ("def f(*a, x):", (0, None)),
            ("def f(event, *, x=1):", (1, Some(1))),
            ("async def f(event, context, **rest):", (2, Some(2))),
        ] {
            assert_eq!(parameters(definition), Some(expected), "{definition}");
        }
        for definition in ["class A:", "def f(event, context, key=lambda a, b: a):"] {
            assert_eq!(parameters(definition), None, "{definition}");
        }
    }

    #[test]
    fn of_a_header_that_python_does_not_read_no_parameters_are_counted() {
        for definition in [
            "def f(event, context:",
            "def f(event, context: return g(event)",
            "def f(:",
            "def f(:)",
            "def f(event context):",
            "def f(event,, context):",
            "def f(1):",
            "def f(event)",
            "def f(event) return 1",
        ] {
            assert_eq!(parameters(definition), None, "{definition}");
        }
    }
}

//! How one part of the spec is laid over another.

use super::tree::{Data, Node, Nodes};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::model::Path;
use std::collections::{BTreeMap, BTreeSet};

/// The keys that say where a function's code comes from: one takes the place of the others.
pub(crate) const CODE_KEYS: [&str; 3] = ["build", "code", "image"];

/// What was found while parts of the file were laid over each other.
#[derive(Debug, Default)]
pub(crate) struct Merging {
    /// What is wrong with the parts.
    pub findings: Vec<Diagnostic>,
    /// Each item of an `unset`, by its place: an item of a template meets several functions, and one of a
    /// stage first the function's own keys and then its defaults.
    pub unset: BTreeMap<Span, Unset>,
}

/// An item of an `unset`.
#[derive(Debug, Default)]
pub(crate) struct Unset {
    path: Path,
    /// Whether it has removed anything anywhere.
    found: bool,
    /// What stood where it was sought.
    beside: BTreeSet<String>,
}

impl Unset {
    /// Takes over what another reading of the file has found for the same item.
    pub fn join(&mut self, other: Self) {
        self.found |= other.found;
        self.beside.extend(other.beside);
    }

    /// Says that nothing was there to be removed.
    pub fn complaint(&self, span: &Span) -> Option<Diagnostic> {
        if self.found {
            return None;
        }
        let path = self.path.to_string();
        let finding = Diagnostic::error("unset-nothing", "There is nothing to unset")
            .detail(format!("`unset` removes `{path}`, but nothing gives it that could be inherited here."))
            .span(span.clone());
        Some(match nearest(&path, self.beside.iter().map(String::as_str)) {
            Some(found) => finding.hint(format!("did you mean `{found}`?")),
            None if self.beside.is_empty() => finding.hint("remove it from `unset`"),
            None => finding.hint(format!("what can be unset here: {}", some_of(&self.beside))),
        })
    }
}

/// A few names, so that a list stays a line.
fn some_of(names: &BTreeSet<String>) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// What a table is, so that a variable called `code` is not taken for the function's key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// The whole file.
    File,
    /// A table of named sections, such as `function`.
    Group,
    /// A section: `[defaults]` or `[function.X]`.
    Section,
    /// Anything inside of a section.
    Inside,
}

impl Level {
    fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::File, "defaults") | (Self::Group, _) => Self::Section,
            (Self::File, "vars" | "outputs" | "aws" | "state") | (Self::Section | Self::Inside, _) => Self::Inside,
            (Self::File, _) => Self::Group,
        }
    }
}

/// Lays `patch` over `base`: tables merge by key, everything else replaces. What `unset` names in a
/// file or section of the patch is removed from the same table of the base first.
///
/// The base keeps the place of its tables, so that a section is still where it was first written.
pub(crate) fn merge(base: &mut Node, patch: Node, level: Level, merging: &mut Merging) {
    if matches!(level, Level::File | Level::Section) {
        apply_unset(base, &patch, merging);
    }
    let (Data::Table(under), Data::Table(over)) = (&mut base.data, &patch.data) else {
        *base = patch;
        return;
    };
    if level == Level::Section && CODE_KEYS.iter().any(|key| over.contains_key(*key)) {
        under.retain(|key, _| !CODE_KEYS.contains(&key.as_str()) || (key == "build" && over.contains_key("build")));
    }
    let Data::Table(over) = patch.data else { return };
    for (key, node) in over {
        merge_key(under, key, node, level, merging);
    }
}

fn merge_key(under: &mut Nodes, key: String, mut node: Node, level: Level, merging: &mut Merging) {
    let Some(existing) = under.get_mut(&key) else {
        under.insert(key, node);
        return;
    };
    match (level, key.as_str()) {
        (Level::Section, "code" | "image") => *existing = node,
        (Level::Section, "unset") => append(existing, node),
        (Level::Section, "build") => {
            // `build = "PATH"` is short for a table, so that it keeps the options of `[defaults.build.go]`.
            lengthen_build(existing, &node);
            lengthen_build(&mut node, existing);
            let (key, span) = (node.key.clone(), node.span.clone());
            merge(existing, node, Level::Inside, merging);
            (existing.key, existing.span) = (key, span);
        }
        _ => merge(existing, node, level.below(&key), merging),
    }
}

fn lengthen_build(short: &mut Node, other: &Node) {
    if matches!(short.data, Data::String(_)) && other.table().is_some() {
        let path = Nodes::from([("path".to_owned(), short.clone())]);
        short.data = Data::Table(path);
    }
}

fn append(existing: &mut Node, more: Node) {
    match (&mut existing.data, more.data) {
        (Data::List(items), Data::List(more)) => items.extend(more),
        (data, more) => *data = more,
    }
}

fn apply_unset(base: &mut Node, patch: &Node, merging: &mut Merging) {
    let Some(unset) = patch.get("unset") else { return };
    let Data::List(items) = &unset.data else {
        merging.findings.push(
            Diagnostic::error("wrong-type", "A value has the wrong type")
                .detail(format!(
                    "`unset` must be a list of keys, such as `[\"vpc_config\", \"environment.DEBUG\"]`; it is {}.",
                    unset.type_name()
                ))
                .span(unset.span.clone()),
        );
        return;
    };
    for item in items {
        match (item.text().map(str::parse::<Path>), &item.span) {
            (Some(Ok(path)), Some(span)) => {
                let entry = merging.unset.entry(span.clone()).or_insert_with(|| Unset { path: path.clone(), ..Unset::default() });
                if remove(base, &path.0) {
                    entry.found = true;
                } else {
                    entry.beside.extend(beside(base, &path.0));
                }
            }
            _ => merging.findings.push(
                Diagnostic::error("invalid-value", "A value is not allowed")
                    .detail("An item of `unset` must be a key or a dotted path, such as `environment.DEBUG`.")
                    .span(item.span.clone()),
            ),
        }
    }
}

/// Takes the items of an `unset` that met nothing to be laid over, as in `[defaults]` itself.
pub(crate) fn unset_of_nothing(unset: Option<&Node>, merging: &mut Merging) {
    let Some(Data::List(items)) = unset.map(|unset| &unset.data) else { return };
    for item in items {
        if let (Some(Ok(path)), Some(span)) = (item.text().map(str::parse::<Path>), &item.span) {
            merging.unset.entry(span.clone()).or_insert_with(|| Unset { path, ..Unset::default() });
        }
    }
}

/// Removes what lies at the path; whether there was anything.
fn remove(node: &mut Node, path: &[String]) -> bool {
    let Some(table) = node.table_mut() else { return false };
    match path {
        [] => false,
        [key] => table.remove(key).is_some(),
        [key, rest @ ..] => table.get_mut(key).is_some_and(|inner| remove(inner, rest)),
    }
}

/// The paths that lie where the path leads into nothing.
fn beside(base: &Node, path: &[String]) -> Vec<String> {
    let (mut node, mut above) = (base, Vec::new());
    while let Some(inner) = path.get(above.len()).and_then(|key| node.get(key)) {
        above.push(path[above.len()].clone());
        node = inner;
    }
    let keys = node.table().into_iter().flat_map(Nodes::keys).filter(|key| !["unset", "use"].contains(&key.as_str()));
    keys.map(|key| Path([above.clone(), vec![key.clone()]].concat()).to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::tree::{Source, parse};

    fn tree(text: &str) -> Node {
        let (node, findings) = parse(&Source::new(std::path::Path::new("config.toml"), text));
        assert_eq!(findings, [], "{text}");
        node
    }

    #[test]
    fn a_patch_merges_tables_and_replaces_the_rest() {
        let cases = [
            ("scalars replace", "a = 1", "a = 2", "a = 2"),
            ("keys add", "a = 1", "b = 2", "a = 1\nb = 2"),
            ("tables merge", "t = { a = 1, b = 1 }", "t = { b = 2 }", "t = { a = 1, b = 2 }"),
            ("lists replace", "a = [1, 2]", "a = [3]", "a = [3]"),
            ("types replace", "role = { path = \"/x/\" }", "role = \"shared\"", "role = \"shared\""),
            ("code replaces whole", "code = { file = \"a\" }", "code = { zip = \"b\" }", "code = { zip = \"b\" }"),
            ("code replaces build", "build = \"a\"", "code = { zip = \"b\" }", "code = { zip = \"b\" }"),
            ("build replaces code", "code = { zip = \"b\" }", "build = \"a\"", "build = \"a\""),
            ("build keeps options", "build.go = { tags = [\"x\"] }", "build = \"a\"", "build = { path = \"a\", go = { tags = [\"x\"] } }"),
            ("options keep the path", "build = \"a\"", "build.kind = \"go\"", "build = { path = \"a\", kind = \"go\" }"),
            ("build replaces build", "build = \"a\"", "build = \"b\"", "build = \"b\""),
            ("unset removes", "a = 1\nt = { b = 1, c = 1 }", "unset = [\"a\", \"t.b\"]", "t = { c = 1 }\nunset = [\"a\", \"t.b\"]"),
            ("unset and set", "t = { b = 1, c = 1 }", "unset = [\"t\"]\nt = { d = 1 }", "t = { d = 1 }\nunset = [\"t\"]"),
            ("unset of nothing", "a = 1", "unset = [\"b.c\"]", "a = 1\nunset = [\"b.c\"]"),
        ];
        for (name, base, patch, expected) in cases {
            let (mut base, mut merging) = (tree(base), Merging::default());
            merge(&mut base, tree(patch), Level::Section, &mut merging);
            assert_eq!(base.value(), tree(expected).value(), "{name}");
            assert_eq!(merging.findings, [], "{name}");
        }
    }

    #[test]
    fn inside_of_a_section_the_words_are_ordinary() {
        let (mut base, mut merging) = (tree("function.a.environment = { code = \"1\", unset = \"x\" }"), Merging::default());
        merge(&mut base, tree("function.a.environment = { build = \"2\", unset = \"y\" }"), Level::File, &mut merging);
        let expected = tree("function.a.environment = { code = \"1\", build = \"2\", unset = \"y\" }");
        assert_eq!((base.value(), merging.findings), (expected.value(), vec![]));
    }

    #[test]
    fn an_unset_that_is_no_list_of_paths_is_reported() {
        for patch in ["unset = \"a\"", "unset = [1]", "unset = [\"a..b\"]"] {
            let (mut base, mut merging) = (tree("a = 1"), Merging::default());
            merge(&mut base, tree(patch), Level::Section, &mut merging);
            assert_eq!(merging.findings.len(), 1, "{patch}");
        }
    }
}

//! Writing into the file what lives in AWS, so that it is the wish from now on; comments and order stay.

use super::lower::address_of;
use super::{FUNCTION, Spec};
use crate::model::{Address, Path, Section, Value};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value as Written};

/// What begins a reference.
const REFERENCE: &str = "${";

/// Why a value could not be written, and what to write by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotWritten {
    /// The end of a sentence without a period.
    pub why: String,
    /// Lines of TOML; empty where no line would do.
    pub lines: String,
}

impl Spec {
    /// The text of the file, `text`, with the value at `path` of a resource set to `live`; `None` takes it away. In a stage,
    /// the stage's patch is written, so that no other stage changes.
    ///
    /// # Errors
    /// Why it cannot be written: it is a reference, comes from defaults or a template, or is made by lambdo.
    pub fn accepting(&self, text: &str, address: &Address, path: &Path, live: Option<&Value>) -> Result<String, NotWritten> {
        let refused = |why: &str, lines: String| NotWritten { why: why.to_owned(), lines };
        let Some((section, place)) = self.place_of(address) else {
            return Err(refused("no section of the spec makes it", String::new()));
        };
        let value = live.map(written).transpose().map_err(|why| refused(why, String::new()))?;
        let patch = self.header.stage.iter().flat_map(|stage| ["stage".to_owned(), stage.clone()]);
        let target: Vec<String> = patch.chain(place.iter().cloned()).collect();
        let lines = value.as_ref().map(|value| format!("[{}]\n{path} = {value}", Path(target.clone()))).unwrap_or_default();
        let mut document: DocumentMut = text.parse().map_err(|_| refused("the file cannot be edited", lines.clone()))?;
        let whole = |place: &[String]| [place, &path.0].concat();
        // What the stage says itself has the last word, whatever the others get.
        let own = item_at(document.as_item(), &whole(&target)).or_else(|| item_at(document.as_item(), &whole(&place)));
        if own.is_some_and(|item| item.to_string().contains(REFERENCE)) {
            return Err(refused("the spec has a reference there", lines));
        }
        if own.is_none() && section.spans.contains_key(path) {
            return Err(refused("it comes from defaults or a template, which others have, too", lines));
        }
        if item_at(document.as_item(), &place[..2]).is_none() {
            return Err(refused("the spec has no section of its own for it", lines));
        }
        let sections = target.len() - place.len() + 2;
        let done = match value {
            Some(value) => set(document.as_item_mut(), &whole(&target), sections, value),
            None if self.header.stage.is_some() => Err("a stage takes away with `unset`, which has to be written by hand"),
            None => remove(document.as_item_mut(), &whole(&target)),
        };
        done.map(|()| document.to_string()).map_err(|why| refused(why, lines))
    }

    /// The section that a resource comes from, and its keys in the file.
    fn place_of(&self, address: &Address) -> Option<(&Section, Vec<String>)> {
        let first_function = self.sections.iter().position(|section| section.kind == FUNCTION).unwrap_or(usize::MAX);
        let at = self.sections.iter().position(|section| address_of(section) == *address)?;
        let Address { kind, name, part } = address;
        let keys = match part {
            Some(part) => vec![FUNCTION, name.as_str(), kind.as_str(), part.as_str()],
            None if kind == FUNCTION || at < first_function => vec![kind.as_str(), name.as_str()],
            None => vec![FUNCTION, name.as_str(), kind.as_str()],
        };
        Some((&self.sections[at], keys.into_iter().map(str::to_owned).collect()))
    }
}

fn item_at<'a>(root: &'a Item, keys: &[String]) -> Option<&'a Item> {
    keys.iter().try_fold(root, |item, key| item.as_table_like()?.get(key))
}

/// Sets a value; tables that are missing on the way are sections for the first keys, and dotted keys below those.
fn set(root: &mut Item, keys: &[String], sections: usize, value: Written) -> Result<(), &'static str> {
    let Some((last, way)) = keys.split_last() else { return Ok(()) };
    let mut place = root;
    for (depth, key) in way.iter().enumerate() {
        let is_inline = place.is_inline_table();
        let table = place.as_table_like_mut().ok_or("what encloses it is written in short")?;
        if !table.contains_key(key) {
            table.insert(key, missing(is_inline, depth >= sections));
        }
        place = table.get_mut(key).ok_or("what encloses it cannot be edited")?;
    }
    let is_inline = place.is_inline_table();
    put(place.as_table_like_mut().ok_or("what encloses it is written in short")?, last, value, is_inline);
    Ok(())
}

fn missing(is_inline: bool, is_dotted: bool) -> Item {
    if is_inline {
        return Item::Value(Written::InlineTable(InlineTable::new()));
    }
    let mut table = Table::new();
    table.set_implicit(true);
    table.set_dotted(is_dotted);
    Item::Table(table)
}

/// Puts a value in; comments around the one of before stay.
fn put(table: &mut dyn TableLike, key: &str, mut value: Written, is_inline: bool) {
    if let Some(Item::Value(before)) = table.get_mut(key) {
        *value.decor_mut() = before.decor().clone();
        *before = value;
        return;
    }
    table.insert(key, Item::Value(value));
    // On one line there are no comments, but blanks that would stand in the middle now.
    if is_inline {
        table.fmt();
    }
}

fn remove(root: &mut Item, keys: &[String]) -> Result<(), &'static str> {
    let nothing = "the spec does not have it, so that it cannot be taken out";
    let Some((last, way)) = keys.split_last() else { return Ok(()) };
    let place = way.iter().try_fold(root, |item, key| item.as_table_like_mut()?.get_mut(key));
    place.and_then(|item| item.as_table_like_mut()?.remove(last)).map(drop).ok_or(nothing)
}

/// A value as TOML.
fn written(value: &Value) -> Result<Written, &'static str> {
    Ok(match value {
        Value::Null => return Err("TOML has no null"),
        Value::Secret(_) => return Err("it is a secret, and those do not stand in the spec"),
        Value::Unresolved(_) => return Err("it is not known"),
        Value::Boolean(value) => (*value).into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        // Text that looks like a reference is none.
        Value::String(text) => text.replace(REFERENCE, "$${").into(),
        Value::List(items) => Written::Array(items.iter().map(written).collect::<Result<Array, &'static str>>()?),
        Value::Table(table) => {
            let mut inline = InlineTable::new();
            for (key, value) in table {
                inline.insert(key, written(value)?);
            }
            Written::InlineTable(inline)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::testing::load_stage;

    const FILE: &str = r#"# What is wanted.
project = "demo"

[defaults]
timeout = 9

[vars]
size = 256

[function.a]   # the first
code = { file = "bootstrap" }
memory_size = 256 # enough
environment = { LOG_LEVEL = "info", MODE = "${stage}" } # both

[function.b]
code = { file = "bootstrap" }
memory_size = "${var.size}"

# Kept short.
[function.b.log_group]
retention_in_days = 30

[stage.dev]
"#;

    fn accept(stage: Option<&str>, address: &str, path: &str, live: Option<Value>) -> Result<String, NotWritten> {
        let text = if stage.is_some() { FILE.to_owned() } else { FILE.replace("[stage.dev]\n", "").replace("${stage}", "fast") };
        let spec = load_stage(&text, stage).unwrap();
        spec.accepting(&text, &address.parse().unwrap(), &path.parse().unwrap(), live.as_ref()).map(|new| changed(&text, &new))
    }

    #[test]
    fn what_a_stage_says_itself_decides_and_not_what_the_others_get() {
        let patched = |text: &str, path: &str| {
            let text = FILE.replace("[stage.dev]\n", &format!("[stage.dev.function]\n{text}\n"));
            let spec = load_stage(&text, Some("dev")).unwrap();
            let address = if path == "memory_size" { "function.b" } else { "function.a" };
            let new = spec.accepting(&text, &address.parse().unwrap(), &path.parse().unwrap(), Some(&64.into()));
            new.map(|new| changed(&text, &new)).map_err(|it| it.why)
        };
        assert_eq!(patched("a.timeout = \"${var.size}\"", "timeout"), Err("the spec has a reference there".to_owned()));
        let written = Ok("- b.memory_size = 512 # here\n+ b.memory_size = 64 # here".to_owned());
        assert_eq!(patched("b.memory_size = 512 # here", "memory_size"), written);
        assert_eq!(patched("b.timeout = 5", "memory_size"), Err("the spec has a reference there".to_owned()));
    }

    /// The lines that are not in both.
    fn changed(before: &str, after: &str) -> String {
        let gone = before.lines().filter(|line| !after.lines().any(|other| other == *line)).map(|line| format!("- {line}"));
        let new = after.lines().filter(|line| !before.lines().any(|other| other == *line)).map(|line| format!("+ {line}"));
        gone.chain(new).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn values_are_written_where_they_stand_and_comments_stay() {
        let cases = [
            accept(None, "function.a", "memory_size", Some(512.into())),
            accept(None, "function.a", "environment.EXTRA", Some("say \"${x}\"".into())),
            accept(None, "function.a", "environment.LOG_LEVEL", None),
            accept(None, "function.a", "description", Some("new".into())),
            accept(None, "log_group.a", "retention_in_days", Some(7.into())),
            accept(None, "log_group.b", "retention_in_days", Some("never".into())),
            accept(None, "function.a", "tags.team", Some("core".into())),
            accept(Some("dev"), "function.a", "memory_size", Some(512.into())),
        ];
        let shown: Vec<String> = cases.into_iter().map(|case| case.unwrap()).collect();
        insta::assert_snapshot!(shown.join("\n\n"), @r#"
        - memory_size = 256 # enough
        + memory_size = 512 # enough

        - environment = { LOG_LEVEL = "info", MODE = "fast" } # both
        + environment = { LOG_LEVEL = "info", MODE = "fast", EXTRA = 'say "$${x}"' } # both

        - environment = { LOG_LEVEL = "info", MODE = "fast" } # both
        + environment = { MODE = "fast" } # both

        + description = "new"

        + log_group.retention_in_days = 7

        - retention_in_days = 30
        + retention_in_days = "never"

        + tags.team = "core"

        + [stage.dev.function.a]
        + memory_size = 512
        "#);
    }

    #[test]
    fn what_cannot_be_written_is_told_with_the_lines_to_write() {
        let cases = [
            accept(None, "function.b", "memory_size", Some(512.into())),
            accept(None, "function.a", "timeout", Some(3.into())),
            accept(None, "function.a", "tags.none", None),
            accept(None, "permission.a.none", "principal", Some("x".into())),
            accept(Some("dev"), "function.a", "memory_size", None),
        ];
        let shown: Vec<String> =
            cases.into_iter().map(|case| case.map_err(|it| format!("{}\n{}", it.why, it.lines)).unwrap_err()).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        the spec has a reference there
        [function.b]
        memory_size = 512
        it comes from defaults or a template, which others have, too
        [function.a]
        timeout = 3
        the spec does not have it, so that it cannot be taken out

        no section of the spec makes it

        a stage takes away with `unset`, which has to be written by hand
        ");
    }
}

//! `${…}`: one syntax, in any text.

use super::foreign;
use super::tree::{Data, Node, Source};
use super::vars::Vars;
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::model::value::scalar_text;
use crate::model::{AccountFact, Address, TemplatePart};

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Literal text.
    Text(String),
    /// What stands between `${` and `}`.
    Name(String),
}

/// The pieces of a text; `None` when a `${` is not closed.
///
/// `$${` is a literal `${`. A name with a colon and IAM's `${*}`, `${?}` and `${$}` stay as they
/// are: they are IAM's policy variables and escapes.
pub(crate) fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        literal.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(tail) = rest.strip_prefix("$${") {
            literal.push_str("${");
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix("${") {
            let (name, tail) = tail.split_once('}')?;
            rest = tail;
            if name.contains(':') || matches!(name, "*" | "?" | "$") {
                literal.push_str(&format!("${{{name}}}"));
            } else {
                push_text(&mut pieces, &mut literal);
                pieces.push(Piece::Name(name.trim().to_owned()));
            }
        } else {
            literal.push('$');
            rest = &rest[1..];
        }
    }
    literal.push_str(rest);
    push_text(&mut pieces, &mut literal);
    Some(pieces)
}

fn push_text(pieces: &mut Vec<Piece>, literal: &mut String) {
    if !literal.is_empty() {
        pieces.push(Piece::Text(std::mem::take(literal)));
    }
}

/// A text as it must be written so that it reads back as itself.
pub(crate) fn escape(text: &str) -> String {
    text.replace("${", "$${")
}

/// What names mean in one place of the file.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub source: &'a Source,
    /// The project, where it is known already.
    pub project: Option<&'a str>,
    /// The stage, if there is one.
    pub stage: Option<&'a str>,
    /// The name of the section, inside of one.
    pub name: Option<&'a str>,
    /// The values of `[vars]`; `None` while they are being read.
    pub vars: &'a Vars,
    /// The names of all kinds; empty where resources cannot be referred to.
    pub kinds: &'a [&'static str],
    /// Whether `[local]` is merged.
    pub is_local: bool,
    /// Whether `${aws.…}` may stand here: not in what is needed to reach AWS.
    pub account: bool,
}

enum Found {
    Data(Data),
    Part(TemplatePart),
}

impl Scope<'_> {
    /// The node with every reference filled in that is known from the file alone; the others stay
    /// open. A string that is one reference takes the type of what it refers to.
    pub fn resolve(&self, node: &Node, findings: &mut Vec<Diagnostic>) -> Node {
        match &node.data {
            Data::String(text) => node.with(self.resolve_text(text, node.span.as_ref(), findings)),
            Data::List(items) => node.with(Data::List(items.iter().map(|item| self.resolve(item, findings)).collect())),
            Data::Table(table) => {
                node.with(Data::Table(table.iter().map(|(key, node)| (key.clone(), self.resolve(node, findings))).collect()))
            }
            _ => node.clone(),
        }
    }

    fn resolve_text(&self, text: &str, span: Option<&Span>, findings: &mut Vec<Diagnostic>) -> Data {
        if !text.contains("${") {
            return Data::String(text.to_owned());
        }
        let Some(pieces) = pieces(text) else {
            findings.push(self.unclosed(span));
            return Data::Open(vec![]);
        };
        if let Some((name, hint)) = foreign::variable(text) {
            let detail = format!("`${{{name}}}` is left as it is written: a name with a colon means nothing here.");
            let warning = Diagnostic::warning("foreign-variable", "A variable of another tool").detail(detail).hint(hint);
            findings.push(warning.span(self.place(span, name)));
        }
        let before = findings.len();
        let lone = pieces.len() == 1;
        let mut parts = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => push_part(&mut parts, TemplatePart::Text(text)),
                Piece::Name(name) => match self.look_up(&name) {
                    Ok(Found::Data(data)) if lone => return data,
                    Ok(Found::Data(data)) => self.push_data(&mut parts, &name, data, span, findings),
                    Ok(Found::Part(part)) => push_part(&mut parts, part),
                    Err(finding) if finding.span.is_some() => findings.push(finding),
                    Err(finding) => findings.push(finding.span(self.place(span, &name))),
                },
            }
        }
        if findings.len() > before {
            return Data::Open(vec![]);
        }
        closed(parts)
    }

    fn push_data(&self, parts: &mut Vec<TemplatePart>, name: &str, data: Data, span: Option<&Span>, findings: &mut Vec<Diagnostic>) {
        if let Data::Open(inner) = data {
            inner.into_iter().for_each(|part| push_part(parts, part));
            return;
        }
        let node = Node { data, key: None, span: None };
        match scalar_text(&node.value()) {
            Some(text) => push_part(parts, TemplatePart::Text(text)),
            None => findings.push(
                Diagnostic::error("reference-in-text", "A value cannot stand inside of a text")
                    .detail(format!(
                        "`${{{name}}}` is {}; inside of a longer text only text, numbers and booleans can stand.",
                        node.type_name()
                    ))
                    .span(self.place(span, name)),
            ),
        }
    }

    /// Where the reference stands inside of its text.
    fn place(&self, span: Option<&Span>, name: &str) -> Option<Span> {
        span.map(|span| self.source.narrow(span, &format!("${{{name}}}")))
    }

    fn unclosed(&self, span: Option<&Span>) -> Diagnostic {
        let place = span.map(|span| {
            let slice = self.source.slice(span);
            slice.rfind("${").map_or_else(|| span.clone(), |at| self.source.span(span.start + at..span.start + at + 2))
        });
        Diagnostic::error("unclosed-reference", "A reference is not closed")
            .detail("`${` begins a reference and needs a `}`.")
            .hint("write `$${` for a literal `${`")
            .span(place)
    }

    fn look_up(&self, name: &str) -> Result<Found, Diagnostic> {
        match name {
            "project" => self.project.map(text).ok_or_else(|| self.unavailable(name, "inside of the project's own name")),
            "stage" => self.stage.map(text).ok_or_else(|| {
                Diagnostic::error("no-stage", "There is no stage to refer to")
                    .detail("`${stage}` stands in the file, and this run has no stage.")
                    .hint("declare stages as `[stage.NAME]` and give one with `--stage`, or write the text without it")
            }),
            "name" => self.name.map(text).ok_or_else(|| self.unavailable(name, "outside of a function or another named section")),
            _ => self.look_up_dotted(name),
        }
    }

    fn look_up_dotted(&self, name: &str) -> Result<Found, Diagnostic> {
        let (head, tail) = name.split_once('.').unwrap_or((name, ""));
        match head {
            "var" => self.vars.get(tail).map(Found::Data),
            "aws" => self.look_up_account(name, tail),
            _ if self.kinds.contains(&head) => self.look_up_attribute(name),
            _ if !self.account && tail.contains('.') => Err(self.unavailable(name, "in what is needed to reach AWS")),
            _ => Err(self.unknown(name)),
        }
    }

    fn look_up_account(&self, name: &str, fact: &str) -> Result<Found, Diagnostic> {
        let facts = [AccountFact::AccountId, AccountFact::Region, AccountFact::Partition];
        let found = facts.into_iter().find(|known| known.name() == fact).ok_or_else(|| self.unknown(name))?;
        if !self.account {
            return Err(self.unavailable(name, "in what is needed to reach AWS"));
        }
        Ok(Found::Part(TemplatePart::Account(found)))
    }

    fn look_up_attribute(&self, name: &str) -> Result<Found, Diagnostic> {
        let (address, attribute) = name.rsplit_once('.').unwrap_or((name, ""));
        let address: Address = address.parse().map_err(|_| unfinished(name))?;
        Ok(Found::Part(TemplatePart::Attribute { address, attribute: attribute.to_owned() }))
    }

    fn unavailable(&self, name: &str, place: &str) -> Diagnostic {
        Diagnostic::error("reference-not-here", "A reference cannot stand here").detail(format!("`${{{name}}}` is not known {place}."))
    }

    fn unknown(&self, name: &str) -> Diagnostic {
        let vars: Vec<String> = self.vars.names().map(|name| format!("var.{name}")).collect();
        let known = ["project", "stage", "name", "aws.region", "aws.account_id", "aws.partition"];
        let heads: Vec<String> = self.kinds.iter().map(|kind| format!("{kind}.")).collect();
        let finding = Diagnostic::error("unknown-reference", "A reference names nothing").detail(format!(
            "`${{{name}}}` is none of `project`, `stage`, `name`, `aws.…`, `var.…` and no resource's attribute, such as `function.hash.arn`."
        ));
        let whole = nearest(name, known.into_iter().chain(vars.iter().map(String::as_str))).map(str::to_owned);
        let (head, tail) = name.split_once('.').unwrap_or((name, ""));
        let by_kind = nearest(&format!("{head}."), heads.iter().map(String::as_str)).map(|head| format!("{head}{tail}"));
        let as_var = self.vars.names().find(|var| *var == name).map(|var| format!("var.{var}"));
        if let Some(hint) = habit_of_others(head, tail) {
            return finding.hint(hint);
        }
        match as_var.or(whole).or(by_kind.filter(|_| !tail.is_empty())) {
            Some(found) => finding.hint(format!("did you mean `${{{found}}}`?")),
            None if name.contains('.') => finding.hint("what belongs to a function begins with `function.`: `${function.NAME.arn}`"),
            None => finding.hint("write `$${` for a literal `${`"),
        }
    }
}

/// How other tools write what is written differently here.
fn habit_of_others(head: &str, tail: &str) -> Option<String> {
    match head {
        "env" if !tail.is_empty() => Some(format!("environment variables come in through `[vars]`: `NAME = {{ env = \"{tail}\" }}`")),
        "self" | "this" => Some("a resource names itself by its address, too: `${function.NAME.arn}`".into()),
        "opt" | "stageVariables" | "terraform" => Some("the stage is `${stage}`".into()),
        "local" | "vars" | "param" | "custom" => Some(format!("values of `[vars]` are `${{var.{tail}}}`")),
        _ => None,
    }
}

/// A kind begins the name, and what follows is too short or too long for an attribute.
fn unfinished(name: &str) -> Diagnostic {
    let pieces: Vec<&str> = name.split('.').collect();
    let finding = Diagnostic::error("unknown-reference", "A reference names nothing");
    match pieces[..] {
        [_, function, kind, part, attribute] => finding
            .detail(format!("`${{{name}}}` has too many parts: an address is `kind.name` or `kind.name.part`."))
            .hint(format!("did you mean `${{{kind}.{function}.{part}.{attribute}}}`?")),
        [_, _] => finding
            .detail(format!("`${{{name}}}` does not say which attribute of the resource is meant."))
            .hint(format!("add the attribute, as in `${{{name}.arn}}`")),
        _ => finding
            .detail(format!(
                "`${{{name}}}` is no attribute of a resource: an address is `kind.name` or `kind.name.part`, and the attribute follows."
            ))
            .hint("an example: `${function.hash.arn}`"),
    }
}

fn text(text: &str) -> Found {
    Found::Data(Data::String(text.to_owned()))
}

fn push_part(parts: &mut Vec<TemplatePart>, part: TemplatePart) {
    match (parts.last_mut(), part) {
        (Some(TemplatePart::Text(last)), TemplatePart::Text(more)) => last.push_str(&more),
        (_, part) => parts.push(part),
    }
}

fn closed(mut parts: Vec<TemplatePart>) -> Data {
    match &mut parts[..] {
        [] => Data::String(String::new()),
        [TemplatePart::Text(text)] => Data::String(std::mem::take(text)),
        _ => Data::Open(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_falls_into_pieces() {
        let name = |text: &str| Piece::Name(text.into());
        let text = |text: &str| Piece::Text(text.into());
        let cases = [
            ("", vec![]),
            ("plain $5", vec![text("plain $5")]),
            ("${a}", vec![name("a")]),
            ("${ a.b }", vec![name("a.b")]),
            ("x-${a}-${b}", vec![text("x-"), name("a"), text("-"), name("b")]),
            ("$${a}", vec![text("${a}")]),
            ("$$${a}", vec![text("$${a}")]),
            ("home/${aws:username}/*", vec![text("home/${aws:username}/*")]),
            ("${*}${?}${$}", vec![text("${*}${?}${$}")]),
            ("ends with $", vec![text("ends with $")]),
        ];
        for (given, expected) in cases {
            assert_eq!(pieces(given), Some(expected), "{given}");
        }
        assert_eq!(pieces("x ${a"), None);
    }

    proptest! {
        #[test]
        fn escaped_text_reads_back_as_itself(given in "[a${}:*]{0,12}") {
            let expected = if given.is_empty() { vec![] } else { vec![Piece::Text(given.clone())] };
            prop_assert_eq!(pieces(&escape(&given)), Some(expected));
        }
    }
}

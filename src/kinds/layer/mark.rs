//! Whose a version is, at the end of its description.

use crate::model::observed::tag;
use std::collections::BTreeMap;

/// The longest description that the mark leaves room for, of the 256 characters that Lambda takes.
pub(super) const ROOM: usize = 200;

const START: &str = "[lambdo:";

/// What a description says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark<'a> {
    /// What the user wrote.
    pub description: &'a str,
    /// The lineage of the state that made it, where one did.
    pub lineage: Option<&'a str>,
    /// The hash of what went into it.
    pub content: &'a str,
}

impl<'a> Mark<'a> {
    /// Takes a description apart.
    pub fn read(text: &'a str) -> Self {
        let plain = Self { description: text, ..Self::default() };
        let Some((description, mark)) = text.rsplit_once(START) else { return plain };
        let Some((lineage, content)) = mark.strip_suffix(']').and_then(|mark| mark.split_once(':')) else { return plain };
        Self { description: description.trim_end(), lineage: Some(lineage), content }
    }

    /// The description with the mark.
    pub fn text(&self) -> String {
        let mark = format!("{START}{}:{}]", self.lineage.unwrap_or_default(), self.content);
        if self.description.is_empty() { mark } else { format!("{} {mark}", self.description) }
    }

    /// The same as tags would say it.
    pub fn tags(&self) -> BTreeMap<String, String> {
        self.lineage.map(|lineage| (tag::LINEAGE.to_owned(), lineage.to_owned())).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_is_written_and_what_others_wrote_is_theirs() {
        for description in ["", "Tools", "Tools [2]"] {
            let mark = Mark { description, lineage: Some("l1"), content: "c1" };
            assert_eq!(Mark::read(&mark.text()), mark);
        }
        for foreign in ["", "Tools", "[lambdo:", "[lambdo:x]", "[lambdo:a:b] later"] {
            assert_eq!(Mark::read(foreign), Mark { description: foreign, ..Mark::default() });
        }
        let longest = Mark { description: &"x".repeat(ROOM), lineage: Some(&"l".repeat(32)), content: &"c".repeat(12) };
        assert!(longest.text().len() <= 256);
    }
}

//! XML as AWS's query protocol answers it.

/// The inside of an element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Xml(String);

impl Xml {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A text alone.
    pub fn plain(text: &str) -> Self {
        Self(escape(text))
    }

    /// What is XML already.
    pub fn verbatim(xml: String) -> Self {
        Self(xml)
    }

    /// What stands here, and behind it what stands there.
    #[must_use]
    pub fn joined(mut self, other: Self) -> Self {
        self.0.push_str(&other.0);
        self
    }

    /// An element with a text in it.
    #[must_use]
    pub fn text(self, name: &str, text: impl AsRef<str>) -> Self {
        let escaped = escape(text.as_ref());
        self.raw(name, &escaped)
    }

    /// An element with a text in it, where there is one.
    #[must_use]
    pub fn optional(self, name: &str, text: Option<impl AsRef<str>>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// An element with elements in it.
    #[must_use]
    pub fn element(self, name: &str, inside: Self) -> Self {
        self.raw(name, &inside.0)
    }

    /// A list in AWS's form: `<Tags><member>…</member></Tags>`.
    #[must_use]
    pub fn members(self, name: &str, members: impl IntoIterator<Item = Self>) -> Self {
        let inside = members.into_iter().fold(Self::new(), |all, member| all.element("member", member));
        self.element(name, inside)
    }

    /// A list of texts.
    #[must_use]
    pub fn texts(self, name: &str, texts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let inside = texts.into_iter().fold(Self::new(), |all, text| all.text("member", text));
        self.element(name, inside)
    }

    fn raw(mut self, name: &str, inside: &str) -> Self {
        for part in ["<", name, ">", inside, "</", name, ">"] {
            self.0.push_str(part);
        }
        self
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\r' => escaped.push_str("&#13;"),
            // What XML 1.0 cannot hold at all.
            control if control < ' ' && !matches!(control, '\n' | '\t') => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_xml_is_escaped() {
        let xml = Xml::new().text("A", "<a & \"b\">\r\u{7}").texts("L", ["x", "y"]).optional("N", None::<&str>);
        assert_eq!(xml.as_str(), "<A>&lt;a &amp; &quot;b&quot;&gt;&#13;\u{fffd}</A><L><member>x</member><member>y</member></L>");
    }
}

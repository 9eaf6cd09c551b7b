//! Lists, a page at a time.

use super::check::Checks;
use crate::local::error::ApiError;
use crate::local::wire::xml::Xml;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How long a page is where nothing is said.
const DEFAULT_ITEMS: usize = 100;
/// How long a page can be.
const MOST_ITEMS: i64 = 1_000;

/// Which page is wanted. A marker holds the key of the last item that was shown, so what comes and goes
/// between two pages shifts nothing.
pub(super) struct Paging {
    after: Option<String>,
    most: usize,
}

impl Paging {
    /// What the call asks for.
    pub(super) fn of(checks: &mut Checks<'_>) -> Self {
        let most = checks.number("MaxItems", 1, MOST_ITEMS).and_then(|most| usize::try_from(most).ok());
        let decode = |marker: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(marker).ok()?).ok();
        let after = checks.optional("Marker").map(decode);
        if after == Some(None) {
            checks.refuse(ApiError::new(400, "ValidationError", "Invalid Marker."));
        }
        Self { after: after.flatten(), most: most.unwrap_or(DEFAULT_ITEMS) }
    }

    /// The wanted page of items that come in the order of their keys.
    pub(super) fn page<T>(self, items: impl Iterator<Item = (String, T)>) -> Page<T> {
        let mut rest = items.skip_while(|(key, _)| self.after.as_ref().is_some_and(|after| key <= after));
        let taken: Vec<_> = rest.by_ref().take(self.most).collect();
        let marker = rest.next().and_then(|_| taken.last().map(|(key, _)| URL_SAFE_NO_PAD.encode(key)));
        Page { items: taken.into_iter().map(|(_, item)| item).collect(), marker }
    }
}

/// A page.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    marker: Option<String>,
}

impl<T> Page<T> {
    /// What stands behind the items of a page.
    pub(super) fn end(&self, xml: Xml) -> Xml {
        xml.text("IsTruncated", self.marker.is_some().to_string()).optional("Marker", self.marker.as_ref())
    }
}

/// An empty list that could have pages.
pub(super) fn none(name: &str) -> Xml {
    Xml::new().element(name, Xml::new()).text("IsTruncated", "false")
}

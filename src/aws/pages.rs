//! Lists that come in pages, each of which says where the next one begins.

use super::error::{AwsError, ErrorClass};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// No list of AWS has more pages: an account has a million log groups at most in a region, and a page fifty of them.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>
const MOST: usize = 20_000;

/// The way through the pages of a list. Emulators, proxies and caches have been seen to give one page for ever.
pub struct Pages {
    operation: &'static str,
    /// The hashes of what the pages were asked for with, which may be long.
    seen: BTreeSet<u64>,
    token: Option<String>,
}

impl Pages {
    /// Those that this operation lists.
    pub fn of(operation: &'static str) -> Self {
        Self { operation, seen: BTreeSet::new(), token: None }
    }

    /// What the page that comes now is asked for with; nothing for the first one.
    pub fn token(&self) -> Option<String> {
        self.token.clone()
    }

    /// Takes what a page said of the next one, and tells whether there is one.
    ///
    /// # Errors
    /// Where the next one is one that was there before, or there are too many: such a list has no end.
    pub fn go_on(&mut self, token: Option<String>) -> Result<bool, AwsError> {
        self.token = token.filter(|token| !token.is_empty());
        let endless = |message: String| Err(AwsError::own(self.operation, ErrorClass::Other, message));
        match &self.token {
            None => Ok(false),
            Some(_) if self.seen.len() >= MOST => endless(format!("the list has no end: after {MOST} pages there is still a next one")),
            Some(token) if self.seen.insert(hash(token)) => Ok(true),
            Some(_) => endless("the list goes round in circles: a page names one before it as the next".to_owned()),
        }
    }
}

fn hash(token: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    token.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_with_its_last_page_and_not_where_it_began() {
        let mut pages = Pages::of("lambda:ListFunctions");
        let mut next = |token: Option<&str>| pages.go_on(token.map(str::to_owned)).map_err(|error| error.to_string());
        assert_eq!((next(Some("a")), next(Some("b"))), (Ok(true), Ok(true)));
        assert!(next(Some("a")).unwrap_err().contains("in circles"));
        assert_eq!((next(Some("")), next(None)), (Ok(false), Ok(false)));
        let endless = (0..=MOST).map(|page| Pages::go_on(&mut pages, Some(page.to_string()))).find_map(Result::err).unwrap();
        assert!(endless.message.contains("has no end"), "{endless}");
    }
}

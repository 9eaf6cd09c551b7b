//! What is asked of the API: queries and bodies. What is not understood is refused, and never left out silently.

use crate::daemon::http::refusal::Refusal;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How far back where nobody says.
const SINCE: Duration = Duration::from_secs(3_600);

/// The keys and values behind the `?`.
pub struct Question(BTreeMap<String, String>);

fn bad(text: String) -> Refusal {
    Refusal::new(400, "bad_query", text)
}

impl Question {
    /// Reads them.
    ///
    /// # Errors
    /// For a key that is not known here or that comes twice.
    pub fn read(query: Option<&str>, known: &[&str]) -> Result<Self, Refusal> {
        let mut pairs = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&key.as_ref()) {
                return Err(match known {
                    [] => bad("This address takes no query.".to_owned()),
                    _ => bad(format!("This address takes only `{}`.", known.join("`, `"))),
                });
            }
            if pairs.insert(key.clone().into_owned(), value.into_owned()).is_some() {
                return Err(bad(format!("`{key}` comes twice.")));
            }
        }
        Ok(Self(pairs))
    }

    /// What was given for a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// How many, from 1 up to `most`.
    ///
    /// # Errors
    /// For what is no such number.
    pub fn limit(&self, most: usize) -> Result<Option<usize>, Refusal> {
        let read = |text: &str| text.parse().ok().filter(|limit| (1..=most).contains(limit));
        let wrong = || bad(format!("`limit` must be a whole number from 1 to {most}."));
        self.get("limit").map(|text| read(text).ok_or_else(wrong)).transpose()
    }

    /// A time.
    ///
    /// # Errors
    /// For what is none.
    pub fn moment(&self, key: &str) -> Result<Option<Timestamp>, Refusal> {
        let wrong = |_| bad(format!("`{key}` must be a time such as `2026-11-22T10:00:00Z`."));
        self.get(key).map(|text| text.parse().map_err(wrong)).transpose()
    }
}

/// How far back lines of a log are looked for.
///
/// # Errors
/// For what is no such time.
pub fn since(text: Option<&str>) -> Result<Duration, Refusal> {
    let Some(text) = text else { return Ok(SINCE) };
    let wrong = || bad("`since` must be a time such as `30m`, `12h` or `7d`: up to 999 minutes, 99 hours or 7 days.".to_owned());
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let is_plain = number.bytes().all(|digit| digit.is_ascii_digit()) && !number.starts_with('0');
    let number: u64 = number.parse().ok().filter(|_| is_plain).ok_or_else(wrong)?;
    match unit {
        "s" if number <= 999 => Ok(Duration::from_secs(number)),
        "m" if number <= 999 => Ok(Duration::from_secs(number * 60)),
        "h" if number <= 99 => Ok(Duration::from_secs(number * 3_600)),
        "d" if number <= 7 => Ok(Duration::from_secs(number * 24 * 3_600)),
        _ => Err(wrong()),
    }
}

/// The body of a request to apply a plan.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    plan: String,
}

/// The id of the plan that a person has seen and wants to be applied.
///
/// # Errors
/// For a body that does not say it.
pub fn approval(body: &[u8]) -> Result<String, Refusal> {
    let wrong = |_| Refusal::new(400, "bad_body", "The body must be `{\"plan\": \"ID\"}` with the id of the plan that waits.");
    serde_json::from_slice(body).map(|Approval { plan }| plan).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_refused() {
        let known = ["limit", "before"];
        for (query, words) in [
            ("limt=1", "takes only `limit`, `before`"),
            ("limit=1&limit=2", "comes twice"),
            ("limit=0", "from 1 to 500"),
            ("limit=501", "from 1 to 500"),
            ("limit=-1", "from 1 to 500"),
            ("before=yesterday", "must be a time"),
        ] {
            let question = Question::read(Some(query), &known);
            let refused = question.and_then(|question| question.limit(500).and(question.moment("before").map(drop)));
            let refusal = refused.unwrap_err();
            assert!(refusal.text.contains(words) && refusal.status == 400, "{query}: {refusal:?}");
        }
        let question = Question::read(Some("limit=500&before=2026-11-22T10:00:00Z"), &known).unwrap();
        assert_eq!((question.limit(500).unwrap(), question.moment("before").unwrap().is_some()), (Some(500), true));
        assert_eq!(Question::read(Some("a=b"), &[]).err().unwrap().text, "This address takes no query.");
    }

    #[test]
    fn times_and_bodies_are_read() {
        assert_eq!((since(None).unwrap(), since(Some("30m")).unwrap()), (SINCE, Duration::from_secs(1_800)));
        for wrong in ["", "s", "0s", "x", "-1h", "+1h", "8d", "100h", "01m", "1h30m", "1ä", "99999999999999999d"] {
            assert_eq!(since(Some(wrong)).unwrap_err().status, 400, "{wrong}");
        }
        assert_eq!(approval(br#"{"plan": "abc"}"#).unwrap(), "abc");
        for wrong in ["", "{}", "[]", r#"{"plan": 1}"#, r#"{"plan": "a", "force": true}"#, "\u{0}"] {
            assert_eq!(approval(wrong.as_bytes()).unwrap_err().status, 400, "{wrong}");
        }
    }
}

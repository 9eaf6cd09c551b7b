//! Which function is meant: by name, by partial ARN or by ARN, with or without a qualifier.

use super::Lambda;
use crate::local::common::Call;
use crate::local::error::{ApiError, Constraints};
use crate::local::names::is_account;

/// How Lambda writes what a function's name may be.
const PATTERN: &str = "(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_\\.]+)(:(\\$LATEST(\\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";

/// The longest name; the model's 140 are for ARNs.
const LONGEST_NAME: usize = 64;

/// The only version that there is.
pub(super) const LATEST: &str = "$LATEST";

impl Lambda {
    /// The name of the function that a request means.
    ///
    /// # Errors
    /// `ValidationException` for what is no name, `AccessDeniedException` for another account's function, and
    /// `ResourceNotFoundException` for another region's, and for a version or alias, of which the cloud has none.
    pub(super) fn name_of(&self, call: &Call, reference: &str, qualifier: Option<&str>) -> Result<String, ApiError> {
        let (place, name, own_qualifier) = taken_apart(reference).ok_or_else(|| invalid(reference))?;
        let (region, account) = (place.region.unwrap_or(&call.region), place.account.unwrap_or(&self.common.account));
        let missing = |text: String| ApiError::new(404, "ResourceNotFoundException", format!("Function not found: {text}"));
        let arn = format!("arn:aws:lambda:{region}:{account}:function:{name}");
        if account != self.common.account {
            // AWS looks whether the other account allows it, before it says whether there is such a function.
            let message =
                format!("User is not authorized to perform this operation on resource: {arn} because no resource-based policy allows it");
            return Err(ApiError::new(403, "AccessDeniedException", message));
        }
        if region != call.region {
            return Err(missing(arn));
        }
        match own_qualifier.or(qualifier) {
            None | Some(LATEST) => Ok(name.to_owned()),
            Some(other) => Err(missing(format!("{}:{other}", self.arn(region, name)))),
        }
    }
}

/// A new function's name.
///
/// # Errors
/// `ValidationException`, as Lambda words it.
pub(super) fn check_new(name: &str) -> Result<(), ApiError> {
    let mut constraints = Constraints::new();
    if taken_apart(name).is_none() {
        constraints.broken(name, "functionName", &format!("satisfy regular expression pattern: {PATTERN}"));
    }
    let longest = if name.starts_with("arn:") { 140 } else { LONGEST_NAME };
    constraints.length(name, "functionName", 1, longest);
    constraints.check(400, "ValidationException")
}

fn invalid(reference: &str) -> ApiError {
    let mut constraints = Constraints::new();
    constraints.broken(reference, "functionName", &format!("satisfy regular expression pattern: {PATTERN}"));
    constraints.check(400, "ValidationException").err().unwrap_or_else(|| ApiError::internal("a name is invalid"))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Place<'a> {
    region: Option<&'a str>,
    account: Option<&'a str>,
}

/// `NAME`, `function:NAME`, `ACCOUNT:function:NAME` or the ARN, each with `:QUALIFIER` or without.
fn taken_apart(reference: &str) -> Option<(Place<'_>, &str, Option<&str>)> {
    let mut place = Place::default();
    let mut rest: Vec<&str> = reference.split(':').collect();
    if rest.first() == Some(&"arn") {
        if rest.len() < 7 || rest[2] != "lambda" {
            return None;
        }
        place = Place { region: Some(rest[3]), account: Some(rest[4]) };
        rest.drain(..5);
    } else if rest.len() > 2 && is_account(rest[0]) {
        place.account = Some(rest.remove(0));
    }
    if rest.len() > 1 && rest[0] == "function" {
        rest.remove(0);
    }
    let (name, qualifier) = match rest[..] {
        [name] => (name, None),
        [name, qualifier] if is_qualifier(qualifier) => (name, Some(qualifier)),
        _ => return None,
    };
    is_name(name).then_some((place, name, qualifier))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '_'))
}

fn is_qualifier(text: &str) -> bool {
    text == LATEST || is_name(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_in_five_ways() {
        fn plain(reference: &str) -> Option<(&str, Option<&str>)> {
            taken_apart(reference).map(|(_, name, qualifier)| (name, qualifier))
        }
        for reference in ["f-1", "function:f-1", "123456789012:function:f-1", "arn:aws:lambda:eu-central-1:123456789012:function:f-1"] {
            assert_eq!(plain(reference), Some(("f-1", None)), "{reference}");
            let qualified = format!("{reference}:$LATEST");
            assert_eq!(plain(&qualified), Some(("f-1", Some("$LATEST"))), "{qualified}");
        }
        for reference in ["", "a b", "f.1", "arn:aws:s3:::x", "a:b:c", "function:"] {
            assert_eq!(plain(reference), None, "{reference}");
        }
        assert!(check_new(&"f".repeat(64)).is_ok());
        assert_eq!(check_new(&"f".repeat(65)).unwrap_err().code, "ValidationException");
    }
}

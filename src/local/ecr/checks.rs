//! What ECR refuses in its inputs, in its words.

use crate::local::error::ApiError;

const NAME_PATTERN: &str = "(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*";
const SHORTEST_NAME: usize = 2;
const LONGEST_NAME: usize = 256;
/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_PutImage.html>
const LONGEST_TAG: usize = 300;
const LARGEST_PAGE: i64 = 1000;
const PAGE: usize = 100;

/// `InvalidParameterException`.
pub(super) fn invalid(parameter: &str, rule: &str) -> ApiError {
    let message = format!("Invalid parameter at '{parameter}' failed to satisfy constraint: '{rule}'");
    ApiError::new(400, "InvalidParameterException", message)
}

/// A registry is an account, and there is one.
pub(super) fn registry(id: Option<&str>, account: &str) -> Result<(), ApiError> {
    match id {
        Some(other) if other != account => Err(ApiError::new(
            400,
            "RepositoryNotFoundException",
            format!("The local cloud is the account {account}, and has no registry with id '{other}'"),
        )),
        _ => Ok(()),
    }
}

/// The name of a repository.
pub(super) fn name(name: Option<&str>) -> Result<&str, ApiError> {
    let name = name.unwrap_or_default();
    if !(SHORTEST_NAME..=LONGEST_NAME).contains(&name.len()) {
        return Err(invalid("repositoryName", &format!("must have length between {SHORTEST_NAME} and {LONGEST_NAME}")));
    }
    if !name.split('/').all(is_part) {
        return Err(invalid("repositoryName", &format!("must satisfy regular expression '{NAME_PATTERN}'")));
    }
    Ok(name)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_part(part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    let mut separators =
        part.split(|character: char| character.is_ascii() && is_word(character as u8)).filter(|between| !between.is_empty());
    is_word(*first)
        && is_word(*last)
        && separators.all(|between| matches!(between, "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
}

/// A tag of an image.
pub(super) fn tag(tag: &str) -> Result<&str, ApiError> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_fine = tag.bytes().next().is_some_and(is_word) && tag.bytes().all(|byte| is_word(byte) || byte == b'.' || byte == b'-');
    if is_fine && tag.len() <= LONGEST_TAG {
        return Ok(tag);
    }
    Err(invalid("imageTag", &format!("must satisfy regular expression '[a-zA-Z0-9_][a-zA-Z0-9._-]{{0,{}}}'", LONGEST_TAG - 1)))
}

/// One of a closed set.
pub(super) fn one_of(value: &str, parameter: &str, set: &[&str]) -> Result<(), ApiError> {
    if set.contains(&value) { Ok(()) } else { Err(invalid(parameter, &format!("must satisfy enum value set: [{}]", set.join(", ")))) }
}

/// How much a page may hold.
pub(super) fn page(wanted: Option<i64>) -> Result<usize, ApiError> {
    match wanted {
        None => Ok(PAGE),
        Some(wanted @ 1..=LARGEST_PAGE) => Ok(usize::try_from(wanted).unwrap_or(PAGE)),
        Some(_) => Err(invalid("maxResults", &format!("must have value between 1 and {LARGEST_PAGE}"))),
    }
}

/// What comes after the last one of the page before, and the token of the next page.
pub(super) fn paged<T>(all: impl Iterator<Item = (String, T)>, after: Option<&str>, most: usize) -> (Vec<T>, Option<String>) {
    let mut rest = all.filter(|(key, _)| after.is_none_or(|after| key.as_str() > after));
    let page: Vec<(String, T)> = rest.by_ref().take(most).collect();
    let next = rest.next().and(page.last().map(|(key, _)| key.clone()));
    (page.into_iter().map(|(_, item)| item).collect(), next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_ecr_takes() {
        for fine in ["ab", "a/b", "a-b--c_d__e.f", "team/shop/hello-1"] {
            assert!(name(Some(fine)).is_ok(), "{fine}");
        }
        let long = "a".repeat(257);
        for wrong in ["", "a", "A", "aB", "-ab", "ab-", "a..b", "a___b", "a//b", "/ab", "ab/", "a:b", "a b", &long] {
            assert_eq!(name(Some(wrong)).unwrap_err().code, "InvalidParameterException", "{wrong}");
        }
        for fine in ["v1", "_", "1.2-x"] {
            assert!(tag(fine).is_ok(), "{fine}");
        }
        for wrong in ["", ".a", "-a", "a b", "a/b", &"a".repeat(301)] {
            assert!(tag(wrong).is_err(), "{wrong}");
        }
    }
}

//! The names of repositories: made up where the spec gives none, and which one a function's image goes to.

use crate::diagnostic::nearest;
use crate::kinds::RepositoryFacts;
use crate::kinds::names::{fitted_name, usual_name};
use crate::model::{Address, Section, Value};
use std::collections::BTreeMap;

/// The longest name of a repository (ECR API model).
pub(super) const LONGEST: usize = 256;

/// The key under which a function's `image` has the name of its repository, where that is one of an earlier address. Nobody
/// writes it: the spec's own checks do not know it.
pub const REPOSITORY_NAME: &str = "repository_name";

/// A repository's name, where the spec gives none.
pub(super) fn made_up(project: &str, stage: Option<&str>, name: &str) -> String {
    fitted_name(sanitized(&usual_name(project, stage, name)), LONGEST)
}

/// A name as ECR takes it: lower case, and single separators between letters and digits.
fn sanitized(name: &str) -> String {
    let lower = name.to_lowercase();
    let mut result = String::new();
    for character in lower.chars() {
        let is_doubled = !character.is_ascii_alphanumeric() && result.ends_with(|last: char| !last.is_ascii_alphanumeric());
        if !is_doubled {
            result.push(character);
        }
    }
    result.trim_matches(|character: char| !character.is_ascii_alphanumeric()).to_owned()
}

/// What must hold for a name: `(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*` of the ECR API model.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.chars().any(|character| character.is_ascii_uppercase()) {
        return Err(format!("has upper case, and names of repositories are in lower case: `{}`", text.to_lowercase()));
    }
    if let Some(odd) =
        text.chars().find(|character| !(character.is_ascii_lowercase() || character.is_ascii_digit() || "._-/".contains(*character)))
    {
        return Err(format!("has `{odd}`; a name has lower-case letters, digits, `.`, `_`, `-` and `/`"));
    }
    let is_part = |part: &str| part.split(['.', '_', '-']).all(|word| !word.is_empty());
    if text.split('/').all(is_part) { Ok(()) } else { Err("has a separator at an end or next to another one".to_owned()) }
}

/// The repository that the image of a function goes to; nothing where there is no image to push. `declared` are the
/// sections `[ecr.NAME]` by their names.
pub fn of_function(function: &Section, declared: &BTreeMap<&str, &Section>, project: &str, stage: Option<&str>) -> Option<RepositoryFacts> {
    let image = function.values.get("image")?.as_table().filter(|image| !image.contains_key("uri"))?;
    let given = image.get("repository").and_then(Value::as_str);
    let name = given.unwrap_or(&function.name);
    let section = declared.get(name);
    let kept = image.get(REPOSITORY_NAME).and_then(Value::as_str).filter(|_| given.is_none());
    let repository_name = section.and_then(|section| section.string("repository_name")).or(kept).map(str::to_owned);
    Some(RepositoryFacts {
        address: Address::new(super::KIND, name),
        repository_name: repository_name.unwrap_or_else(|| made_up(project, stage, name)),
        is_declared: section.is_some(),
        is_own: given.is_none(),
        nearest: nearest(name, declared.keys().copied()).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_made_up_is_one_that_ecr_takes() {
        for (name, made) in [("hash", "demo-dev-hash"), ("Log_Cleanup", "demo-dev-log_cleanup"), ("a--b__c-", "demo-dev-a-b_c")] {
            assert_eq!(made_up("demo", Some("dev"), name), made);
            assert_eq!(check(made), Ok(()));
        }
    }

    #[test]
    fn names_that_ecr_refuses_are_refused() {
        for good in ["ab", "team/app", "a.b_c-d/e1"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["Demo", "a--b", "-a", "a/", "/a", "a b", "é", "a._b"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        insta::assert_snapshot!(check("Team/App").unwrap_err(), @"has upper case, and names of repositories are in lower case: `team/app`");
    }
}

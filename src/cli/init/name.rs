//! Names that a spec accepts.

/// The longest name that is given to a function, in characters: it must leave room for the project.
const FUNCTION_CHARACTERS: usize = 40;
/// The longest function name of AWS, in characters, less the hyphen behind the project.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
const FUNCTION_AND_PROJECT_CHARACTERS: usize = 63;

/// A valid name for a project, short enough that a function's name of `longest` characters fits behind it.
pub fn of_project(wish: &str, longest: usize) -> String {
    let wish = valid(&wish.to_lowercase().replace('_', "-"), "project");
    cut(&wish, FUNCTION_AND_PROJECT_CHARACTERS.saturating_sub(longest.max(FUNCTION_CHARACTERS / 2)))
}

/// A valid name for a function.
pub fn of_function(wish: &str) -> String {
    cut(&valid(wish, "function"), FUNCTION_CHARACTERS)
}

/// The name, or the name with the first number that makes it free.
pub fn free(name: String, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{}-{number}", cut(&name, FUNCTION_CHARACTERS - 6)));
    std::iter::once(name.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default()
}

/// Letters, digits, `_` and single hyphens, with a letter in front.
fn valid(wish: &str, fallback: &str) -> String {
    let is_good = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words: Vec<&str> = wish.split(|letter| !is_good(letter)).filter(|word| !word.is_empty()).collect();
    let name = words.join("-");
    match name.chars().next() {
        None => fallback.to_owned(),
        Some(first) if first.is_ascii_alphabetic() => name,
        Some(_) => format!("{fallback}-{}", name.trim_start_matches(['_', '-'])).trim_end_matches('-').to_owned(),
    }
}

fn cut(name: &str, characters: usize) -> String {
    name.chars().take(characters).collect::<String>().trim_end_matches(['-', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_become_names_of_projects() {
        for (folder, project) in [
            ("shop", "shop"),
            ("My Shop.v2", "my-shop-v2"),
            ("my_shop", "my-shop"),
            ("--a--", "a"),
            ("2024-report", "project-2024-report"),
            ("größe", "gr-e"),
            ("日本", "project"),
            ("", "project"),
            ("___", "project"),
        ] {
            assert_eq!(of_project(folder, 0), project, "{folder}");
        }
    }

    #[test]
    fn project_and_function_fit_into_a_name_of_aws() {
        let long = "abcdefghi-".repeat(12);
        let function = of_function(&long);
        for longest in [0, 5, function.len()] {
            let project = of_project(&long, longest);
            assert!(project.len() + 1 + longest <= 64 && project.len() >= 20 && !project.ends_with('-'), "{project} {longest}");
        }
        assert_eq!(of_function("log_cleanup"), "log_cleanup");
    }

    #[test]
    fn a_taken_name_gets_a_number() {
        assert_eq!(free("a".into(), |name| name == "a" || name == "a-2"), "a-3");
        assert_eq!(free("b".into(), |name| name == "a"), "b");
    }
}

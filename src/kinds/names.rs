//! Names: made up where the spec gives none, cut where they are too long, and checked.

use sha2::{Digest, Sha256};

/// A thing's name in AWS, where the spec gives none.
pub(crate) fn usual_name(project: &str, stage: Option<&str>, name: &str) -> String {
    stage.map_or_else(|| format!("{project}-{name}"), |stage| format!("{project}-{stage}-{name}"))
}

/// A derived name that fits: one over `most` characters is cut and ends in `-` and eight hex digits
/// of the SHA-256 of the full name.
pub(crate) fn fitted_name(full: String, most: usize) -> String {
    if full.chars().count() <= most {
        return full;
    }
    let digest = Sha256::digest(full.as_bytes());
    let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let head: String = full.chars().take(most.saturating_sub(9)).collect();
    format!("{head}-{hash}")
}

/// Refuses every character but ASCII letters, digits and `others`.
///
/// # Errors
/// What may be in it, as the end of the sentence "`x` …".
pub(crate) fn only(text: &str, others: &str) -> Result<(), String> {
    if text.chars().all(|character| character.is_ascii_alphanumeric() || others.contains(character)) {
        return Ok(());
    }
    let mut words = vec!["letters".to_owned(), "digits".to_owned()];
    words.extend(others.chars().map(|character| format!("`{character}`")));
    let last = words.pop().unwrap_or_default();
    Err(format!("may only have {} and {last}", words.join(", ")))
}

/// Whether it has the form of a service principal. Which services there are only AWS knows.
pub(crate) fn is_service_principal(text: &str) -> bool {
    const DOMAINS: &[&str] =
        &[".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".amazon.com", ".aws.internal", ".c2s.ic.gov", ".sc2s.sgov.gov"];
    let name = DOMAINS.iter().find_map(|domain| text.strip_suffix(domain));
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    name.is_some_and(|name| name.split('.').all(is_label))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_name_has_the_stage_where_there_is_one() {
        assert_eq!(usual_name("demo", None, "hash"), "demo-hash");
        assert_eq!(usual_name("demo", Some("dev"), "hash"), "demo-dev-hash");
    }

    #[test]
    fn a_name_that_is_too_long_is_cut_and_stays_unique() {
        let long = |end: &str| fitted_name(format!("{}{end}", "x".repeat(70)), 64);
        assert_eq!(long("a").len(), 64);
        assert_ne!(long("a"), long("b"));
        assert_eq!(fitted_name("short".into(), 64), "short");
    }

    #[test]
    fn service_principals_are_domains_of_amazon() {
        for text in ["s3.amazonaws.com", "logs.eu-central-1.amazonaws.com", "events.amazonaws.com.cn", "alexa-appkit.amazon.com"] {
            assert!(is_service_principal(text), "{text}");
        }
        for text in ["s3", "*.amazonaws.com", ".amazonaws.com", "s3.example.com", "s3 .amazonaws.com", "amazonaws.com"] {
            assert!(!is_service_principal(text), "{text}");
        }
    }

    #[test]
    fn characters_that_do_not_belong_are_answered_with_those_that_do() {
        assert_eq!(only("demo-hash_1", "-_"), Ok(()));
        assert_eq!(only("demo.hash", "-_").unwrap_err(), "may only have letters, digits, `-` and `_`");
        assert_eq!(only("ä", "").unwrap_err(), "may only have letters and digits");
    }
}

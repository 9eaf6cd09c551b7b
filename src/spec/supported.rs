//! Words of the spec that are decided and not built: refused by name, with what to do meanwhile.

use super::foreign::snake_case;
use crate::diagnostic::{Diagnostic, Span};

/// Words of the top level.
const TOP: &[&str] = &["http_api", "lambdo_version", "log_group", "policy", "timezone"];

/// What to do until a word is built. A word that is not here can only be left out.
const MEANWHILE: &[(&str, &str)] = &[
    ("alias", "meanwhile callers use the function itself, `${function.NAME.arn}`"),
    ("event_source", "meanwhile make the mapping with another tool; its reads are granted with `role.allow`"),
    ("function_url", "meanwhile make the URL with another tool, and let others call with `[function.NAME.permission.X]`"),
    ("http_api", "meanwhile make the API with another tool, and let it call with `[function.NAME.permission.X]`"),
    ("lambdo_version", "meanwhile pin the version where lambdo is installed, as in CI"),
    ("log_group", "meanwhile each function has its own: `[function.NAME.log_group]`, with `log_group_name` for another name"),
    ("policy", "meanwhile write it below the role: `[role.NAME.inline_policy]`"),
    ("schedule", "meanwhile `event_rule` takes `rate(…)` and `cron(…)`, in UTC"),
    ("state.backend", "meanwhile the state is in files; `state.path` says where"),
    ("timezone", "meanwhile schedules are `event_rule`s, and those run in UTC"),
];

/// What other tools call what is decided and not built, in snake_case.
const ELSEWHERE: &[(&str, &str)] = &[
    ("aliases", "alias"),
    ("api", "http_api"),
    ("api_gateway", "http_api"),
    ("auto_publish_alias", "alias"),
    ("dynamodb", "event_source"),
    ("event_source_mapping", "event_source"),
    ("function_url_config", "function_url"),
    ("http", "http_api"),
    ("kafka", "event_source"),
    ("kinesis", "event_source"),
    ("queue", "event_source"),
    ("route", "http_api"),
    ("routes", "http_api"),
    ("sqs", "event_source"),
    ("stream", "event_source"),
    ("url", "function_url"),
];

/// What a setting of another tool is here, if that is not built yet, as a hint.
pub(crate) fn meant_later(key: &str) -> Option<String> {
    let snake = snake_case(key);
    let (_, word) = ELSEWHERE.iter().find(|(name, _)| *name == snake)?;
    Some(format!("that will be `{word}` here, which is not supported yet; {}", meanwhile(word)))
}

/// Whether a key of the top level is such a word.
pub(crate) fn is_top_word(key: &str) -> bool {
    TOP.contains(&key)
}

/// A key that is decided and not built.
pub(crate) fn not_supported_yet(key: &str, span: Option<Span>) -> Diagnostic {
    Diagnostic::error("not-supported-yet", format!("`{key}` is not supported yet"))
        .detail(format!(
            "`{key}` is a word of the spec that this version does not build; it is refused so that nothing is left out in silence."
        ))
        .hint(meanwhile(key))
        .span(span)
}

fn meanwhile(key: &str) -> &'static str {
    MEANWHILE.iter().find(|(word, _)| *word == key).map_or("remove it for now", |(_, meanwhile)| meanwhile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_meanwhile_is_sorted_and_each_word_stands_once() {
        assert!(MEANWHILE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(not_supported_yet("publish", None).hints, ["remove it for now"]);
    }

    #[test]
    fn what_others_call_it_leads_to_what_can_be_done_meanwhile() {
        assert!(ELSEWHERE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (_, word) in ELSEWHERE {
            assert!(MEANWHILE.iter().any(|(known, _)| known == word), "{word}");
        }
        let hint = meant_later("FunctionUrlConfig").unwrap();
        assert!(hint.starts_with("that will be `function_url` here, which is not supported yet; meanwhile"), "{hint}");
        assert_eq!(meant_later("memory"), None);
    }
}

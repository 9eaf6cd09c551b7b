//! Words of the spec that are decided and not built: refused by name, with what to do meanwhile.

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

/// Whether a key of the top level is such a word.
pub(crate) fn is_top_word(key: &str) -> bool {
    TOP.contains(&key)
}

/// A key that is decided and not built.
pub(crate) fn not_supported_yet(key: &str, span: Option<Span>) -> Diagnostic {
    let meanwhile = MEANWHILE.iter().find(|(word, _)| *word == key).map_or("remove it for now", |(_, meanwhile)| meanwhile);
    Diagnostic::error("not-supported-yet", format!("`{key}` is not supported yet"))
        .detail(format!(
            "`{key}` is a word of the spec that this version does not build; it is refused so that nothing is left out in silence."
        ))
        .hint(meanwhile)
        .span(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_meanwhile_is_sorted_and_each_word_stands_once() {
        assert!(MEANWHILE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(not_supported_yet("publish", None).hints, ["remove it for now"]);
    }
}

//! From the formats that older versions wrote to the one of today, one step after the other.

use serde_json::Value;

/// What makes of each format the next one; the first of them begins with format 1.
const STEPS: &[fn(&mut Value)] = &[with_kept_names, without_open_hashes, with_intents];

/// A state of format `from` in the format of today. What it lacks is told when it is read.
pub(super) fn migrated(mut state: Value, from: u64) -> Value {
    let done = usize::try_from(from.saturating_sub(1)).unwrap_or(usize::MAX);
    STEPS.iter().skip(done).for_each(|step| step(&mut state));
    if let Value::Object(fields) = &mut state {
        fields.insert("format".into(), (STEPS.len() + 1).into());
    }
    state
}

/// Format 2 says of each entry whether it has the name of an earlier address; before, none could have one.
fn with_kept_names(state: &mut Value) {
    let entries = state.get_mut("entries").and_then(Value::as_object_mut);
    entries.into_iter().flat_map(serde_json::Map::values_mut).filter_map(Value::as_object_mut).for_each(|entry| {
        entry.insert("keeps_name".into(), false.into());
    });
}

/// Format 3 keys hashes of secrets with a key of their own; before, it was the lineage, which stands in tags. What those
/// hashes were is gone, so that each secret differs until it is applied again.
fn without_open_hashes(state: &mut Value) {
    match state {
        Value::Object(fields) => {
            let secret = fields.get_mut("$secret").and_then(Value::as_object_mut);
            if let Some(digest) = secret.and_then(|secret| secret.get_mut("digest")) {
                *digest = "".into();
            }
            fields.values_mut().for_each(without_open_hashes);
        }
        Value::Array(items) => items.iter_mut().for_each(without_open_hashes),
        _ => {}
    }
}

/// Format 4 has what was begun and not ended; before, only the journal had it.
fn with_intents(_state: &mut Value) {}

#[cfg(test)]
mod tests {
    use crate::model::state::STATE_FORMAT;
    use crate::store::snapshot;

    #[test]
    fn a_hash_that_the_lineage_keyed_is_not_kept() {
        let text = GOLDEN[1]
            .replace(r#""LOG_LEVEL": "info""#, r#""TOKEN": { "$secret": { "source": { "env": "T" }, "digest": "hmac-sha256:aa" } }"#);
        let state = snapshot::to_text(&snapshot::parse(&text, "x", String::new).unwrap(), "x").unwrap();
        assert!(state.contains(r#""env": "T""#) && !state.contains("hmac-sha256"), "{state}");
    }

    /// A state as each version wrote it; a new format adds a file and changes none.
    const GOLDEN: &[&str] = &[
        include_str!("golden/state.1.json"),
        include_str!("golden/state.2.json"),
        include_str!("golden/state.3.json"),
        include_str!("golden/state.4.json"),
    ];

    #[test]
    fn a_state_of_each_format_is_read_as_the_same_state() {
        assert_eq!(GOLDEN.len(), STATE_FORMAT as usize, "each format has its file");
        let newest = GOLDEN[GOLDEN.len() - 1];
        for (index, text) in GOLDEN.iter().enumerate() {
            assert!(text.contains(&format!("\"format\": {}", index + 1)), "{text}");
            let state = snapshot::parse(text, "x", String::new).unwrap();
            assert_eq!(snapshot::to_text(&state, "x").unwrap(), newest, "format {}", index + 1);
        }
    }
}

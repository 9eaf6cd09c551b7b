//! The differences in the documents of `plan`, `up`, `destroy` and `drift`.

use crate::model::{Cause, Change, Step, Value};
use serde_json::{Map, Value as Json, json};

/// The differences; of a secret only that it is one, and why it differs.
pub fn changes(step: &Step) -> Json {
    step.changes.iter().map(change).collect()
}

/// A value for whoever may not know secrets; `word` stands for what happened to one.
pub fn shown(value: &Value, word: &str) -> Json {
    without_hashes(json!(value), word)
}

/// One difference.
pub fn change(change: &Change) -> Json {
    let word = match change.cause {
        Cause::Source => "rotated",
        Cause::Drift => "drifted",
        _ => "changed",
    };
    without_hashes(json!(change), word)
}

fn without_hashes(json: Json, word: &str) -> Json {
    match json {
        Json::Object(object) if object.len() == 1 && object.contains_key("$secret") => json!({ "$secret": word }),
        Json::Object(object) => object.into_iter().map(|(key, value)| (key, without_hashes(value, word))).collect::<Map<_, _>>().into(),
        Json::Array(items) => items.into_iter().map(|item| without_hashes(item, word)).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures;
    use crate::model::{Secret, SecretKey, SecretSource, Value};

    #[test]
    fn of_a_secret_only_why_it_differs_is_told() {
        let secret = |value| Value::Secret(Box::new(Secret::of(SecretSource::Env("TOKEN".into()), value, &SecretKey::new([1; 32]))));
        let changed = |cause| fixtures::change("environment.TOKEN", Some(secret("hunter2")), Some(secret("hunter3")), cause);
        let told = |cause| changes(&Step { changes: vec![changed(cause)], ..fixtures::spec_step("function.hash") }).to_string();
        for (cause, word) in [(Cause::Source, "rotated"), (Cause::Drift, "drifted"), (Cause::Spec, "changed")] {
            let told = told(cause);
            assert!(told.contains(&format!(r#"{{"$secret":"{word}"}}"#)) && !told.contains("hmac") && !told.contains("hunter"), "{told}");
        }
    }
}

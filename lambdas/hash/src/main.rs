//! Answers the SHA-256 of its input, as base64url with padding. The event is a JSON string, `"hello world"`.
//!
//! The input goes to the log, unless the environment variable `LOG_LEVEL` is `warn`, `error` or `off`.

use base64::{Engine, engine::general_purpose::URL_SAFE};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Longer inputs are cut in the log; they may have megabytes.
const LOGGED_CHARACTERS: usize = 200;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let logs = logs_information(std::env::var("LOG_LEVEL").ok().as_deref());
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| handle(&event.payload, logs))).await
}

fn handle(event: &Value, logs: bool) -> Result<String, Diagnostic> {
    let Value::String(input) = event else {
        return Err(not_a_string(event));
    };
    if logs {
        eprintln!("{}", log_line(input));
    }
    Ok(hash(input))
}

fn hash(input: &str) -> String {
    URL_SAFE.encode(Sha256::digest(input.as_bytes()))
}

/// What an invocation without a payload gets too: Lambda makes `{}` of it.
fn not_a_string(event: &Value) -> Diagnostic {
    let kind = match event {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    let error_message = format!("the event must be a JSON string, such as \"hello world\", and is {kind}");
    Diagnostic { error_type: "Hash.EventIsNoString".into(), error_message }
}

/// One line, whatever the input: line breaks in it are escaped.
fn log_line(input: &str) -> String {
    let shown: String = input.chars().take(LOGGED_CHARACTERS).collect();
    let cut = if shown.len() < input.len() { " …" } else { "" };
    format!("input: {shown:?}{cut} ({} bytes)", input.len())
}

fn logs_information(log_level: Option<&str>) -> bool {
    !matches!(log_level.map(str::to_ascii_lowercase).as_deref(), Some("warn" | "error" | "off"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The first three are NIST's (<https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values>);
    /// all were made with `printf '…' | openssl dgst -sha256 -binary | base64 | tr +/ -_`.
    const VECTORS: [(&str, &str); 6] = [
        ("", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU="),
        ("abc", "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0="),
        ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "JI1qYdIGOLjlwCaTDD5gOaM85Flk_yFn9uzt1BnbBsE="),
        ("hello world", "uU0nuZNNPgilLlLX2n2r-sSE7-N6U4DukIj3rOLvzek="),
        ("Grüße, 世界", "SYN0NHFqpvaRcQTLuoK9W46CqXDdxb_ve8xF49bqYLY="),
        ("a\nb\0c", "iWFE0dRBleiaftMrgOhuXIhsf5k-rxL5RlJAGNaNvZw="),
    ];

    #[test]
    fn the_answer_is_the_sha_256_as_base64url_with_padding() {
        for (input, expected) in VECTORS {
            assert_eq!(handle(&json!(input), false).unwrap(), expected, "{input:?}");
        }
    }

    #[test]
    fn a_million_letters_are_hashed_too() {
        assert_eq!(hash(&"a".repeat(1_000_000)), "zcduXJkU-5KBocfihNc-Z_GAmkiklyAOBG05zMcRLNA=");
    }

    #[test]
    fn what_is_no_string_is_refused_and_named() {
        let events = [
            (json!({}), "an object"),
            (json!({"input": "abc"}), "an object"),
            (json!(null), "null"),
            (json!(7), "a number"),
            (json!(["abc"]), "an array"),
            (json!(true), "a boolean"),
        ];
        for (event, kind) in events {
            let refusal = handle(&event, false).unwrap_err();
            assert_eq!(refusal.error_type, "Hash.EventIsNoString");
            assert!(refusal.error_message.ends_with(&format!("and is {kind}")), "{event}: {}", refusal.error_message);
        }
    }

    #[test]
    fn the_log_shows_one_line_and_not_all_of_a_long_input() {
        assert_eq!(log_line("hello world"), r#"input: "hello world" (11 bytes)"#);
        assert_eq!(log_line("a\nb"), r#"input: "a\nb" (3 bytes)"#);
        let long = log_line(&"ü".repeat(1_000));
        assert!(long.ends_with("\" … (2000 bytes)"), "{long}");
        assert_eq!(long.chars().filter(|&c| c == 'ü').count(), LOGGED_CHARACTERS);
    }

    #[test]
    fn only_the_levels_above_info_silence_the_log() {
        for (level, logs) in
            [(None, true), (Some("info"), true), (Some("debug"), true), (Some("WARN"), false), (Some("error"), false), (Some("off"), false)]
        {
            assert_eq!(logs_information(level), logs, "{level:?}");
        }
    }
}

//! The function that is put into an empty folder.

use super::{Code, Found, Function};

/// The folder that must not be there yet.
pub const TOP: &str = "lambdas";
/// The function's name.
pub const NAME: &str = "hello";
/// The function's folder.
pub const FOLDER: &str = "lambdas/hello";

const MANIFEST: &str = r#"[package]
name = "hello"
version = "0.1.0"
edition = "2024"

[dependencies]
lambda_runtime = { version = "1", default-features = false }
serde_json = "1"
tokio = { version = "1", features = ["macros", "rt"] }
"#;

/// Cargo takes a crate below another one for a part of its workspace unless it says that it is none.
const NO_MEMBER: &str = "\n# Stands alone, whatever lies above it.\n[workspace]\n";

const PROGRAM: &str = r#"//! Says hello.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

/// Answers `{"name": "Ada"}` with `{"message": "Hello, Ada!"}`.
async fn hello(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let name = event.payload["name"].as_str().unwrap_or("World");
    Ok(json!({ "message": format!("Hello, {name}!") }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(hello)).await
}
"#;

/// The files and their texts, relative to the folder. `is_below_a_crate`: whether a folder above has a `Cargo.toml`.
pub fn files(is_below_a_crate: bool) -> Vec<(&'static str, String)> {
    let manifest = if is_below_a_crate { MANIFEST.to_owned() + NO_MEMBER } else { MANIFEST.to_owned() };
    vec![
        ("lambdas/hello/Cargo.toml", manifest),
        ("lambdas/hello/src/main.rs", PROGRAM.to_owned()),
        ("lambdas/hello/.gitignore", "/target\n".to_owned()),
    ]
}

/// What would be found if the example lay there.
pub fn with(found: Found) -> Found {
    let function = Function { name: NAME.into(), folder: FOLDER.into(), code: Code::Rust { binary: None, is_http: false } };
    Found { functions: vec![function], ..found }
}

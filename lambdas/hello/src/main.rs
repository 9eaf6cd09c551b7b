//! The smallest function: whatever the event, it answers "Hello World".

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(_event: LambdaEvent<Value>) -> Result<&'static str, Error> {
    Ok("Hello World")
}

#[cfg(test)]
mod tests {
    use lambda_runtime::Context;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn the_answer_is_the_json_string_hello_world_whatever_the_event() {
        for event in [json!({}), json!(null), json!("someone"), json!([1, 2])] {
            let answer = handle(LambdaEvent::new(event.clone(), Context::default())).await.unwrap();
            assert_eq!(serde_json::to_string(&answer).unwrap(), r#""Hello World""#, "{event}");
        }
    }
}

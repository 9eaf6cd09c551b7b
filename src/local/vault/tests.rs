use super::*;
use crate::local::common::Call;
use serde_json::{Value, json};

fn call() -> Call {
    Call { region: "eu-central-1".into(), request_id: "r".into() }
}

#[tokio::test]
async fn parameters_are_found_by_name_and_arn_and_again_after_a_start() {
    let (common, _clock, _folder) = Common::for_test();
    let parameters = Parameters::open(common.clone()).unwrap();
    for (name, kind) in [("/shop/key", "SecureString"), ("plain", "String")] {
        parameters.call(&call(), "PutParameter", json!({ "Name": name, "Value": "v", "Type": kind })).await.unwrap();
    }
    let parameters = Parameters::open(common).unwrap();
    let get = async |name: &str, with: bool| -> Result<Value, ApiError> {
        parameters.call(&call(), "GetParameter", json!({ "Name": name, "WithDecryption": with })).await
    };
    for name in ["/shop/key", "plain", "/shop/key:1"] {
        let found = get(name, true).await.unwrap();
        assert_eq!(found["Parameter"]["Value"], "v", "{name}");
        assert_eq!(get(found["Parameter"]["ARN"].as_str().unwrap(), true).await.unwrap(), found);
    }
    assert_ne!(get("/shop/key", false).await.unwrap()["Parameter"]["Value"], "v");
    for name in ["/shop/other", "/shop/key:2"] {
        assert_eq!(get(name, true).await.unwrap_err().code, "ParameterNotFound", "{name}");
    }
    let elsewhere = Call { region: "eu-west-1".into(), ..call() };
    assert!(parameters.call(&elsewhere, "GetParameter", json!({ "Name": "plain" })).await.is_err());
}

#[tokio::test]
async fn a_parameter_is_overwritten_only_when_that_is_asked_for() {
    let (common, _clock, _folder) = Common::for_test();
    let parameters = Parameters::open(common).unwrap();
    let put = async |overwrite: bool| {
        let input = json!({ "Name": "a", "Value": "v", "Type": "String", "Overwrite": overwrite });
        parameters.call(&call(), "PutParameter", input).await
    };
    assert_eq!(put(false).await.unwrap()["Version"], 1);
    assert_eq!(put(false).await.unwrap_err().code, "ParameterAlreadyExists");
    assert_eq!(put(true).await.unwrap()["Version"], 2);
    for input in [
        json!({ "Name": "b", "Value": "v" }),
        json!({ "Name": "b", "Value": "", "Type": "String" }),
        json!({ "Name": "b/c", "Value": "v", "Type": "String" }),
        json!({ "Name": "b", "Value": "v".repeat(4_097), "Type": "String" }),
        json!({ "Name": "b", "Value": "v", "Type": "Number" }),
    ] {
        let refused = parameters.call(&call(), "PutParameter", input.clone()).await.unwrap_err();
        assert_eq!(refused.code, "ValidationException", "{input}");
    }
}

#[tokio::test]
async fn a_secret_is_found_by_name_arn_and_arn_without_its_end() {
    let (common, _clock, _folder) = Common::for_test();
    let secrets = Secrets::open(common).unwrap();
    let made = secrets.call(&call(), "CreateSecret", json!({ "Name": "shop/db-main", "SecretString": "v" })).await.unwrap();
    let arn = made["ARN"].as_str().unwrap();
    for id in ["shop/db-main", arn, &arn[..arn.len() - 7]] {
        let found = secrets.call(&call(), "GetSecretValue", json!({ "SecretId": id })).await.unwrap();
        assert_eq!((&found["SecretString"], &found["VersionId"]), (&"v".into(), &made["VersionId"]), "{id}");
    }
    secrets.call(&call(), "PutSecretValue", json!({ "SecretId": arn, "SecretString": "w" })).await.unwrap();
    let code = async |operation: &str, input: Value| secrets.call(&call(), operation, input).await.err().map(|error| error.code);
    assert_eq!(code("CreateSecret", json!({ "Name": "shop/db-main" })).await.as_deref(), Some("ResourceExistsException"));
    assert_eq!(code("GetSecretValue", json!({ "SecretId": "other" })).await.as_deref(), Some("ResourceNotFoundException"));
    assert_eq!(code("DeleteSecret", json!({ "SecretId": arn })).await, None);
    assert_eq!(code("GetSecretValue", json!({ "SecretId": arn })).await.as_deref(), Some("InvalidRequestException"));
    assert_eq!(code("RestoreSecret", json!({ "SecretId": arn })).await, None);
    let found = secrets.call(&call(), "GetSecretValue", json!({ "SecretId": arn })).await.unwrap();
    assert_eq!(found["SecretString"], "w");
    assert_eq!(code("DeleteSecret", json!({ "SecretId": arn, "ForceDeleteWithoutRecovery": true })).await, None);
    assert_eq!(code("GetSecretValue", json!({ "SecretId": arn })).await.as_deref(), Some("ResourceNotFoundException"));
}

//! What keeps a [`super::Reader`] from writing, whatever its code says.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeSerializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// Refuses every operation whose name is not that of a read, before it is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadOnly;

#[dyn_dispatch_hint]
impl Intercept for ReadOnly {
    fn name(&self) -> &'static str {
        "ReadOnly"
    }

    fn read_before_serialization(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match config.load::<Metadata>() {
            Some(operation) if is_read(operation.name()) => Ok(()),
            Some(operation) => Err(format!("`{}` changes something and this client may only read", operation.name()).into()),
            None => Err("an operation without a name cannot be told to be a read".into()),
        }
    }
}

/// Reads whose names do not say so.
const READS: &[&str] = &["BatchGetImage", "FilterLogEvents"];

/// Whether an operation of the services that lambdo uses only reads: AWS names those so, but for a few. A token of
/// ECR is no read, since it lets who has it push.
fn is_read(operation: &str) -> bool {
    operation != "GetAuthorizationToken"
        && (READS.contains(&operation) || ["Get", "List", "Describe", "Head"].iter().any(|verb| operation.starts_with(verb)))
}

#[cfg(test)]
mod tests {
    use crate::aws::clients::Clients;
    use crate::aws::plain_http::PlainHttp;
    use aws_smithy_runtime_api::client::result::SdkError;

    fn configuration() -> aws_config::SdkConfig {
        // Nothing listens on port 1: a call that is let through ends as a refused connection.
        aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("eu-central-1"))
            .endpoint_url("http://127.0.0.1:1")
            .credentials_provider(aws_sdk_sts::config::SharedCredentialsProvider::new(aws_sdk_sts::config::Credentials::new(
                "a", "b", None, None, "test",
            )))
            .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
            .build()
    }

    fn clients(read_only: bool) -> Clients {
        Clients::new(&configuration(), read_only, &PlainHttp::new(true))
    }

    #[tokio::test]
    async fn a_write_through_the_clients_of_a_reader_is_refused_before_it_is_sent() {
        let clients = clients(true);
        let error = clients.lambda.delete_function().function_name("x").send().await.unwrap_err();
        assert!(matches!(error, SdkError::ConstructionFailure(_)), "{error:?}");
        let error = clients.iam.create_role().role_name("x").assume_role_policy_document("{}").send().await.unwrap_err();
        assert!(matches!(error, SdkError::ConstructionFailure(_)), "{error:?}");
        let error = clients.logs.put_retention_policy().log_group_name("x").retention_in_days(1).send().await.unwrap_err();
        assert!(matches!(error, SdkError::ConstructionFailure(_)), "{error:?}");
        let error = clients.events.put_rule().name("x").send().await.unwrap_err();
        assert!(matches!(error, SdkError::ConstructionFailure(_)), "{error:?}");
        let error = clients.lambda.invoke().function_name("x").send().await.unwrap_err();
        assert!(matches!(error, SdkError::ConstructionFailure(_)), "{error:?}");
        let error = clients.s3_upload.put_object().bucket("x").key("x").send().await.unwrap_err();
        assert!(matches!(error, SdkError::ConstructionFailure(_)), "{error:?}");
        let error = clients.ecr.create_repository().repository_name("x").send().await.unwrap_err();
        assert!(matches!(error, SdkError::ConstructionFailure(_)), "{error:?}");
        let error = clients.ecr.get_authorization_token().send().await.unwrap_err();
        assert!(matches!(error, SdkError::ConstructionFailure(_)), "{error:?}");
        let error = clients.lambda_upload.update_function_code().function_name("x").send().await.unwrap_err();
        assert!(matches!(error, SdkError::ConstructionFailure(_)), "{error:?}");
    }

    #[tokio::test]
    async fn a_read_through_them_and_a_write_through_others_are_sent() {
        let error = clients(true).lambda.get_function().function_name("x").send().await.unwrap_err();
        assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
        let error = clients(true).logs.filter_log_events().log_group_name("x").send().await.unwrap_err();
        assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
        let error = clients(true).s3.head_object().bucket("x").key("x").send().await.unwrap_err();
        assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
        let error = clients(true).ecr.batch_get_image().repository_name("x").send().await.unwrap_err();
        assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
        let error = clients(false).lambda.delete_function().function_name("x").send().await.unwrap_err();
        assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
    }
}

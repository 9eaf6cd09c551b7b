//! The macro that makes a method of an AWS operation, one line each.

/// Makes one async method per line:
/// `method = "service:Operation": client sdk_crate::module(InputBuilder) -> Output;`
/// and where it uploads a file, before the semicolon, `, carrying` and the function that puts it into the request.
macro_rules! operations {
    ($($method:ident = $call:literal: $client:ident $sdk:ident :: $module:ident ($input:ident) -> $output:ident ;)*) => {
        $(
            #[doc = concat!("Calls `", $call, "`, with the quota's pace and the retries of what is throttled or lost.")]
            ///
            /// # Errors
            /// What AWS refused, or what went wrong on the way.
            pub async fn $method(
                &self,
                input: $sdk::operation::$module::builders::$input,
            ) -> Result<$sdk::operation::$module::$output, $crate::aws::AwsError> {
                let client = &self.clients.$client;
                self.caller().call_sdk($call, 0, || input.clone().send_with(client)).await
            }
        )*
    };
}

/// The same for operations that upload a package; `carry` puts its bytes into the request:
/// `method = "service:Operation": client sdk_crate::module(InputBuilder) -> Output, carry;`
macro_rules! uploads {
    ($($method:ident = $call:literal: $client:ident $sdk:ident :: $module:ident ($input:ident) -> $output:ident, $carry:path;)*) => {
        $(
            #[doc = concat!("Calls `", $call, "`, with the quota's pace and the retries of what is throttled or lost.")]
            /// The package is in memory only while it is sent.
            ///
            /// # Errors
            /// What AWS refused, or what went wrong on the way.
            pub async fn $method(
                &self,
                input: $sdk::operation::$module::builders::$input,
                package: &$crate::aws::Package<'_>,
            ) -> Result<$sdk::operation::$module::$output, $crate::aws::AwsError> {
                let client = &self.clients.$client;
                let send = || async {
                    let zip = package.read().await.map_err(aws_smithy_runtime_api::client::result::SdkError::construction_failure)?;
                    $carry(input.clone(), zip).send_with(client).await
                };
                self.caller().call_sdk($call, package.expected_bytes(), send).await
            }
        )*
    };
}

pub(super) use {operations, uploads};

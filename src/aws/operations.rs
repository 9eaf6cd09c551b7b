//! The macro that makes a method of an AWS operation, one line each.

/// Makes one async method per line:
/// `method = "service:Operation": client sdk_crate::module(InputBuilder) -> Output;`
/// and where it uploads a file, before the semicolon, `, sized by` and the function that says how large it is.
macro_rules! operations {
    ($($method:ident = $call:literal: $client:ident $sdk:ident :: $module:ident ($input:ident) -> $output:ident $(, sized by $size:path)?;)*) => {
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
                let bytes: Option<usize> = None$(.or(Some($size(&input))))?;
                self.caller().call($call, input, bytes.unwrap_or_default(), |input| input.send_with(client)).await
            }
        )*
    };
}

pub(super) use operations;

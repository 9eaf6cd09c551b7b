//! What a service says that is spoken to without a client of the SDK's, in the SDK's terms.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::fmt;

/// Why it refused, in its own words.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) ErrorMetadata);

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for Refusal {}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// The error of an exchange, as the loop for calls takes it.
pub(super) type Trouble = SdkError<Refusal, HttpResponse>;

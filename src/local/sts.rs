//! The Security Token Service: who the caller is. Everybody is the account's one local user.

use super::common::Common;
use super::error::ApiError;
use super::wire::query::{Parameters, unknown_action};
use super::wire::xml::Xml;

/// The namespace of its answers.
pub const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Answers a call.
///
/// # Errors
/// `InvalidAction` for whatever is not GetCallerIdentity.
pub fn call(common: &Common, parameters: &Parameters) -> Result<Xml, ApiError> {
    match parameters.action() {
        "GetCallerIdentity" => Ok(Xml::new()
            .text("Arn", format!("arn:aws:iam::{}:user/local", common.account))
            .text("UserId", "AIDALOCALLOCALLOCAL1")
            .text("Account", &common.account)),
        other => Err(unknown_action(other, "2011-06-15")),
    }
}

//! Whether Lambda may assume a role, for those who cannot tell why it does not.

use super::document::from_wire;
use super::policy::lets_lambda_assume;
use super::read::role;
use crate::aws::Reader;

/// What a role's trust policy says about Lambda.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Lambda may assume the role.
    WithLambda,
    /// It may not.
    WithoutLambda,
    /// There is no such role.
    Missing,
    /// Nobody could look.
    Unknown,
}

/// Looks at the role with this ARN.
pub(crate) async fn trust(reader: &Reader, arn: &str) -> Trust {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    match role(reader, name).await {
        Ok(role) => match role.assume_role_policy_document() {
            Some(document) if lets_lambda_assume(&from_wire(document)) => Trust::WithLambda,
            Some(_) => Trust::WithoutLambda,
            None => Trust::Unknown,
        },
        Err(error) if error.is_not_found() => Trust::Missing,
        Err(_) => Trust::Unknown,
    }
}

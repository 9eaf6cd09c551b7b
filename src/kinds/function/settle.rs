//! Waiting until a function is what it was told to be. Only `GetFunction` is asked: it has a quota of
//! its own, 100 calls a second, while all other calls of Lambda share 15.

use crate::aws::{AwsError, ErrorClass, Patience, Reader, poll_until};
use crate::model::Address;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::operation::get_function::builders::GetFunctionInputBuilder;
use aws_sdk_lambda::types::{FunctionConfiguration, LastUpdateStatus, LastUpdateStatusReasonCode, State, StateReasonCode};

/// How long a function may take to become active: a new VPC takes minutes.
const LIMIT_MS: u64 = 600_000;

/// How a function stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It can be invoked and changed.
    Ready,
    /// Lambda is still at it.
    Busy,
    /// It is being deleted.
    Going,
    /// Lambda gave up, for this reason.
    Failed(String),
}

/// What to wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// It can be invoked, and its last change went through.
    Ready,
    /// It takes the next change, whatever became of the last one; or it is not there any more.
    Idle,
}

/// Waits for a function; the first look is at once.
///
/// # Errors
/// Why Lambda gave up, or that it takes too long.
pub(super) async fn wait(reader: &Reader, name: &str, address: &Address, until: Until) -> Result<(), AwsError> {
    let cause = match until {
        Until::Ready => format!("function `{name}` to be active"),
        Until::Idle => format!("function `{name}` to take the next change"),
    };
    let patience = looking(cause, address);
    poll_until(reader, &patience, || look(reader, name, until)).await
}

/// Dense looks at first: most functions are ready within a second.
fn looking(cause: String, address: &Address) -> Patience {
    Patience { first_ms: 100, cap_ms: 1_000, growth_percent: 10, ..Patience::new(cause, LIMIT_MS).for_address(address) }
}

/// One look; `None` while Lambda is at it.
async fn look(reader: &Reader, name: &str, until: Until) -> Result<Option<()>, AwsError> {
    let answer = match reader.get_function(GetFunctionInputBuilder::default().function_name(name)).await {
        Ok(answer) => answer,
        // What was just made is not seen everywhere at once.
        Err(error) if error.class == ErrorClass::NotFound => return Ok((until == Until::Idle).then_some(())),
        Err(error) => return Err(error),
    };
    let gave_up = |reason: String| Err(AwsError::own("lambda:GetFunction", ErrorClass::Other, reason));
    match (readiness(&answer), until) {
        (Readiness::Ready, _) | (Readiness::Failed(_), Until::Idle) => Ok(Some(())),
        (Readiness::Busy, _) | (Readiness::Going, Until::Idle) => Ok(None),
        (Readiness::Going, Until::Ready) => gave_up("the function is being deleted".to_owned()),
        (Readiness::Failed(reason), Until::Ready) => gave_up(reason),
    }
}

/// Waits until a function that is being deleted is gone.
///
/// # Errors
/// That it takes too long, or an error of the read.
pub(super) async fn wait_until_gone(reader: &Reader, name: &str, address: &Address) -> Result<(), AwsError> {
    let cause = format!("function `{name}` to be gone");
    let patience = looking(cause, address);
    poll_until(reader, &patience, async || match reader.get_function(GetFunctionInputBuilder::default().function_name(name)).await {
        Ok(_) => Ok(None),
        Err(error) if error.class == ErrorClass::NotFound => Ok(Some(())),
        Err(error) => Err(error),
    })
    .await
}

/// How a function stands. States that came after this version do not hold anything up.
pub(super) fn readiness(answer: &GetFunctionOutput) -> Readiness {
    let Some(configuration) = answer.configuration() else { return Readiness::Busy };
    match configuration.state() {
        Some(State::Pending) => return Readiness::Busy,
        Some(State::Failed) => return Readiness::Failed(state_reason(configuration)),
        Some(State::Deleting) => return Readiness::Going,
        _ => {}
    }
    match configuration.last_update_status() {
        Some(LastUpdateStatus::InProgress) => Readiness::Busy,
        Some(LastUpdateStatus::Failed) => Readiness::Failed(update_reason(configuration)),
        _ => Readiness::Ready,
    }
}

fn state_reason(configuration: &FunctionConfiguration) -> String {
    let code = configuration.state_reason_code().map(StateReasonCode::as_str);
    reason("Lambda could not make the function usable", code, configuration.state_reason())
}

fn update_reason(configuration: &FunctionConfiguration) -> String {
    let code = configuration.last_update_status_reason_code().map(LastUpdateStatusReasonCode::as_str);
    let text = "Lambda could not take up the change and still runs the function as it was";
    reason(text, code, configuration.last_update_status_reason())
}

fn reason(text: &str, code: Option<&str>, message: Option<&str>) -> String {
    [Some(text), code, message].into_iter().flatten().collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(state: Option<&str>, update: Option<&str>) -> Readiness {
        let configuration = FunctionConfiguration::builder()
            .set_state(state.map(State::from))
            .state_reason("no subnet")
            .state_reason_code(StateReasonCode::InvalidSubnet)
            .set_last_update_status(update.map(LastUpdateStatus::from))
            .last_update_status_reason("no key")
            .last_update_status_reason_code(LastUpdateStatusReasonCode::InvalidSubnet);
        readiness(&GetFunctionOutput::builder().configuration(configuration.build()).build())
    }

    #[test]
    fn a_function_is_ready_when_it_is_active_and_its_update_is_through() {
        for state in [Some("Active"), Some("ActiveNonInvocable"), Some("Inactive"), Some("NewlyInvented"), None] {
            assert_eq!(with(state, Some("Successful")), Readiness::Ready, "{state:?}");
            assert_eq!(with(state, Some("InProgress")), Readiness::Busy, "{state:?}");
        }
        assert_eq!(with(Some("Active"), None), Readiness::Ready);
        assert_eq!(with(Some("Active"), Some("NewlyInvented")), Readiness::Ready);
        assert_eq!(with(Some("Pending"), Some("Successful")), Readiness::Busy);
        assert_eq!(with(Some("Deleting"), Some("Successful")), Readiness::Going);
    }

    #[test]
    fn a_failure_says_why() {
        let Readiness::Failed(state) = with(Some("Failed"), None) else { panic!("not failed") };
        insta::assert_snapshot!(state, @"Lambda could not make the function usable: InvalidSubnet: no subnet");
        let Readiness::Failed(update) = with(Some("Active"), Some("Failed")) else { panic!("not failed") };
        insta::assert_snapshot!(update, @"Lambda could not take up the change and still runs the function as it was: InvalidSubnet: no key");
    }
}

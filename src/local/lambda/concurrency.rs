//! Reserved concurrency.

use super::account::{CONCURRENT_EXECUTIONS, UNRESERVED_AT_LEAST};
use super::{Lambda, TABLE};
use crate::local::disk::Batch;
use crate::local::error::ApiError;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutInput {
    reserved_concurrent_executions: i64,
}

impl Lambda {
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html>
    pub(super) async fn put_concurrency(&self, region: &str, name: &str, input: PutInput) -> Result<Value, ApiError> {
        let wanted = u32::try_from(input.reserved_concurrent_executions).map_err(|_| {
            let value = input.reserved_concurrent_executions;
            let message = format!("1 validation error detected: Value '{value}' at 'reservedConcurrentExecutions' failed to satisfy constraint: Member must have value greater than or equal to 0");
            ApiError::new(400, "ValidationException", message)
        })?;
        let saved = {
            let mut functions = self.locked();
            let others: u32 = functions
                .values()
                .filter(|function| function.region == region && function.name != name)
                .filter_map(|function| function.reserved_concurrency)
                .sum();
            let key = (region.to_owned(), name.to_owned());
            let function = functions.get_mut(&key).ok_or_else(|| self.not_found(region, name))?;
            if others.saturating_add(wanted) > CONCURRENT_EXECUTIONS - UNRESERVED_AT_LEAST {
                let message = format!(
                    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_AT_LEAST}]."
                );
                return Err(ApiError::new(400, "InvalidParameterValueException", message));
            }
            function.reserved_concurrency = Some(wanted);
            self.common.disk.commit(Batch::new().put(TABLE, &function.disk_key(), function))
        };
        saved.wait().await?;
        Ok(json!({ "ReservedConcurrentExecutions": wanted }))
    }

    pub(super) async fn delete_concurrency(&self, region: &str, name: &str) -> Result<(), ApiError> {
        let ((), saved) = self.change(region, name, |function| {
            function.reserved_concurrency = None;
            Ok(())
        })?;
        saved.wait().await
    }

    /// Empty where nothing is reserved.
    pub(super) fn concurrency(&self, region: &str, name: &str) -> Result<Value, ApiError> {
        let function = self.find(region, name)?;
        Ok(function.reserved_concurrency.map_or_else(|| json!({}), |count| json!({ "ReservedConcurrentExecutions": count })))
    }
}

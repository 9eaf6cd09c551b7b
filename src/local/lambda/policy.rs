//! A function's resource policy: who else may invoke it.

use super::Lambda;
use super::record::Function;
use crate::local::common::random_id;
use crate::local::error::{ApiError, Constraints};
use crate::local::names::{is_account, matches};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The most that a policy may weigh.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_POLICY_BYTES: usize = 20_480;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct AddPermissionInput {
    statement_id: String,
    action: String,
    principal: String,
    source_arn: Option<String>,
    source_account: Option<String>,
    event_source_token: Option<String>,
    #[serde(rename = "PrincipalOrgID")]
    principal_org_id: Option<String>,
    function_url_auth_type: Option<String>,
    invoked_via_function_url: Option<bool>,
    revision_id: Option<String>,
}

impl AddPermissionInput {
    fn check(&self) -> Result<(), ApiError> {
        let mut constraints = Constraints::new();
        constraints.length(&self.statement_id, "statementId", 1, 100);
        constraints.pattern(&self.statement_id, "statementId", "([a-zA-Z0-9-_]+)", |character| {
            character.is_ascii_alphanumeric() || matches!(character, '-' | '_')
        });
        let is_action = self.action == "*" || self.action == "lambda:*" || self.action.strip_prefix("lambda:").is_some_and(is_word);
        if !is_action {
            constraints.broken(&self.action, "action", "satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])");
        }
        if self.principal.is_empty() || self.principal.contains(char::is_whitespace) {
            constraints.broken(&self.principal, "principal", "satisfy regular expression pattern: [^\\s]+");
        }
        if let Some(account) = self.source_account.as_deref().filter(|account| !is_account(account)) {
            constraints.broken(account, "sourceAccount", "satisfy regular expression pattern: \\d{12}");
        }
        if let Some(arn) = self.source_arn.as_deref().filter(|arn| arn.split(':').count() < 6 || !arn.starts_with("arn:")) {
            let pattern = "arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:([a-z]{2}(-gov)?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)";
            constraints.broken(arn, "sourceArn", &format!("satisfy regular expression pattern: {pattern}"));
        }
        constraints.check(400, "ValidationException")?;
        let is_known =
            self.principal == "*" || is_account(&self.principal) || self.principal.starts_with("arn:") || is_service(&self.principal);
        if is_known {
            return Ok(());
        }
        Err(ApiError::new(
            400,
            "InvalidParameterValueException",
            "The provided principal was invalid. Please check the principal and try again.",
        ))
    }

    /// The statement as Lambda writes it.
    fn statement(&self, function_arn: &str) -> Value {
        let mut condition: Map<String, Value> = Map::new();
        let mut add = |operator: &str, key: &str, value: Option<&str>| {
            if let Some(value) = value {
                let keys = condition.entry(operator).or_insert_with(|| json!({}));
                keys[key] = value.into();
            }
        };
        add("StringEquals", "AWS:SourceAccount", self.source_account.as_deref());
        add("StringEquals", "lambda:EventSourceToken", self.event_source_token.as_deref());
        add("StringEquals", "lambda:FunctionUrlAuthType", self.function_url_auth_type.as_deref());
        add("StringEquals", "aws:PrincipalOrgID", self.principal_org_id.as_deref());
        add("Bool", "lambda:InvokedViaFunctionUrl", self.invoked_via_function_url.map(|is_via| if is_via { "true" } else { "false" }));
        add("ArnLike", "AWS:SourceArn", self.source_arn.as_deref());
        let mut statement = json!({
            "Sid": self.statement_id,
            "Effect": "Allow",
            "Principal": principal(&self.principal),
            "Action": self.action,
            "Resource": function_arn,
        });
        if !condition.is_empty() {
            statement["Condition"] = Value::Object(condition);
        }
        statement
    }
}

impl Lambda {
    /// <https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html>
    pub(super) async fn add_permission(&self, region: &str, name: &str, input: AddPermissionInput) -> Result<Value, ApiError> {
        input.check()?;
        let statement = input.statement(&self.arn(region, name));
        let ((), saved) = self.change(region, name, |function| {
            check_policy_revision(function, input.revision_id.as_deref())?;
            if function.statements.iter().any(|other| other["Sid"] == input.statement_id.as_str()) {
                let id = &input.statement_id;
                let message = format!(
                    "The statement id ({id}) provided already exists. Please provide a new statement id, or remove the existing statement."
                );
                return Err(ApiError::new(409, "ResourceConflictException", message));
            }
            function.statements.push(statement.clone());
            if document(function).len() > LARGEST_POLICY_BYTES {
                let message =
                    format!("The final policy size ({}) is bigger than the limit ({LARGEST_POLICY_BYTES}).", document(function).len());
                return Err(ApiError::new(400, "PolicyLengthExceededException", message));
            }
            function.policy_revision = random_id();
            Ok(())
        })?;
        saved.wait().await?;
        Ok(json!({ "Statement": statement.to_string() }))
    }

    /// <https://docs.aws.amazon.com/lambda/latest/api/API_RemovePermission.html>
    pub(super) async fn remove_permission(
        &self,
        region: &str,
        name: &str,
        statement_id: &str,
        revision: Option<&str>,
    ) -> Result<(), ApiError> {
        let ((), saved) = self.change(region, name, |function| {
            check_policy_revision(function, revision)?;
            let before = function.statements.len();
            function.statements.retain(|statement| statement["Sid"] != statement_id);
            if function.statements.len() == before {
                return Err(ApiError::new(
                    404,
                    "ResourceNotFoundException",
                    format!("Statement {statement_id} is not found in resource policy."),
                ));
            }
            function.policy_revision = random_id();
            Ok(())
        })?;
        saved.wait().await
    }

    /// Without any statement there is no policy.
    pub(super) fn policy(&self, region: &str, name: &str) -> Result<Value, ApiError> {
        let function = self.find(region, name)?;
        if function.statements.is_empty() {
            return Err(ApiError::new(404, "ResourceNotFoundException", "The resource you requested does not exist."));
        }
        Ok(json!({ "Policy": document(&function), "RevisionId": function.policy_revision }))
    }

    /// Whether the function's policy lets a service invoke it on behalf of a source.
    pub(super) fn may_be_invoked(&self, function: &Function, service: &str, source_arn: &str) -> bool {
        function.statements.iter().any(|statement| {
            let is_invoke = matches!(statement["Action"].as_str(), Some("lambda:InvokeFunction" | "lambda:*" | "*"));
            let is_principal = statement["Principal"] == "*" || statement["Principal"]["Service"] == service;
            is_invoke && is_principal && is_met(&statement["Condition"], source_arn, &self.common.account)
        })
    }
}

/// Conditions on the source; any other kind of condition is not met by a service's call.
fn is_met(condition: &Value, source_arn: &str, account: &str) -> bool {
    let Some(operators) = condition.as_object() else { return true };
    operators.iter().all(|(_, keys)| {
        keys.as_object().is_some_and(|keys| {
            keys.iter().all(|(key, value)| match key.to_ascii_lowercase().as_str() {
                "aws:sourcearn" => value.as_str().is_some_and(|pattern| matches(pattern, source_arn)),
                "aws:sourceaccount" => value == account,
                _ => false,
            })
        })
    })
}

fn check_policy_revision(function: &Function, wanted: Option<&str>) -> Result<(), ApiError> {
    match wanted {
        Some(wanted) if wanted != function.policy_revision => Err(ApiError::new(
            412,
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId. Call the GetPolicy API to retrieve the latest RevisionId",
        )),
        _ => Ok(()),
    }
}

fn document(function: &Function) -> String {
    json!({ "Version": "2012-10-17", "Id": "default", "Statement": function.statements }).to_string()
}

fn principal(principal: &str) -> Value {
    if principal == "*" {
        return "*".into();
    }
    if is_account(principal) {
        return json!({ "AWS": format!("arn:aws:iam::{principal}:root") });
    }
    if principal.starts_with("arn:") { json!({ "AWS": principal }) } else { json!({ "Service": principal }) }
}

fn is_service(text: &str) -> bool {
    text.ends_with(".amazonaws.com") || text.ends_with(".amazon.com")
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_ascii_alphabetic())
}

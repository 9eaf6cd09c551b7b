//! Which operation a request is, and the shape of its answer.

use super::Lambda;
use super::name::LATEST;
use crate::local::common::Call;
use crate::local::error::{ApiError, Constraints};
use crate::local::wire::rest::{Answer, Request};
use serde_json::{Value, json};

/// The most that a page of ListFunctions holds when nobody says how much.
const PAGE: i64 = 50;
/// The most that ListFunctions can be asked for; it never gives more than 50.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>
const LARGEST_PAGE: i64 = 10_000;

impl Lambda {
    /// Answers a request.
    ///
    /// # Errors
    /// What Lambda would refuse, and operations that the cloud does not have.
    pub async fn call(&self, call: &Call, request: &Request) -> Result<Answer, ApiError> {
        let (method, path) = request.route();
        match (method, &path[..]) {
            ("POST", ["2015-03-31", "functions"]) => Ok(Answer::json(201, &self.create(call, request.input()?).await?)),
            ("GET", ["2015-03-31", "functions"]) => self.list_call(call, request),
            (_, ["2015-03-31", "functions", reference, rest @ ..]) => {
                let name = self.name_of(call, reference, request.parameter("Qualifier"))?;
                self.of_function(call, request, &name, rest).await
            }
            (_, ["2017-03-31", "tags", arn]) => self.of_tags(call, request, arn).await,
            ("PUT", ["2017-10-31", "functions", reference, "concurrency"]) => {
                let name = self.name_of(call, reference, None)?;
                Ok(Answer::json(200, &self.put_concurrency(&call.region, &name, request.input()?).await?))
            }
            ("DELETE", ["2017-10-31", "functions", reference, "concurrency"]) => {
                self.delete_concurrency(&call.region, &self.name_of(call, reference, None)?).await?;
                Ok(Answer::empty(204))
            }
            ("GET", ["2019-09-30", "functions", reference, "concurrency"]) => {
                Ok(Answer::json(200, &self.concurrency(&call.region, &self.name_of(call, reference, None)?)?))
            }
            ("GET", ["2018-10-31", "layers"]) => match request.parameter("Arn") {
                Some(arn) if request.parameter("find") == Some("LayerVersion") => self.layer_by_arn(call, arn),
                _ => Ok(Answer::json(200, &self.list_layers(&call.region))),
            },
            (_, ["2018-10-31", "layers", reference, "versions", rest @ ..]) => {
                let name = self.layer_name(call, reference)?;
                self.of_layer(call, request, &name, rest).await
            }
            ("GET", ["2016-08-19", "account-settings"]) => Ok(Answer::json(200, &self.account_settings(&call.region))),
            ("GET", ["2015-03-31", "event-source-mappings"]) => Ok(Answer::json(200, &json!({ "EventSourceMappings": [] }))),
            ("GET", [_, "functions", reference, setting]) => self.of_setting(call, reference, setting),
            _ => Err(unknown(request)),
        }
    }

    async fn of_function(&self, call: &Call, request: &Request, name: &str, rest: &[&str]) -> Result<Answer, ApiError> {
        let region = call.region.as_str();
        match (request.method.as_str(), rest) {
            ("GET", []) => Ok(Answer::json(200, &self.shown(&self.find(region, name)?))),
            ("DELETE", []) => {
                self.delete(region, name).await?;
                Ok(Answer::empty(204))
            }
            ("GET", ["configuration"]) => Ok(Answer::json(200, &self.configuration(&self.find(region, name)?))),
            ("PUT", ["configuration"]) => Ok(Answer::json(200, &self.update_configuration(region, name, request.input()?).await?)),
            ("PUT", ["code"]) => Ok(Answer::json(200, &self.update_code(region, name, request.input()?).await?)),
            ("GET", ["policy"]) => Ok(Answer::json(200, &self.policy(region, name)?)),
            ("POST", ["policy"]) => Ok(Answer::json(201, &self.add_permission(region, name, request.input()?).await?)),
            ("DELETE", ["policy", statement]) => {
                self.remove_permission(region, name, statement, request.parameter("RevisionId")).await?;
                Ok(Answer::empty(204))
            }
            ("POST", ["invocations"]) => self.invoke(call, request, name).await,
            ("GET", ["versions"]) => Ok(Answer::json(200, &json!({ "Versions": [self.configuration(&self.find(region, name)?)] }))),
            ("GET", ["aliases"]) => {
                self.find(region, name)?;
                Ok(Answer::json(200, &json!({ "Aliases": [] })))
            }
            _ => Err(unknown(request)),
        }
    }

    fn layer_by_arn(&self, call: &Call, arn: &str) -> Result<Answer, ApiError> {
        let (layer, number) = arn.rsplit_once(':').unwrap_or((arn, ""));
        let version = self.layer_version(&call.region, &self.layer_name(call, layer)?, number)?;
        Ok(Answer::json(200, &self.shown_layer(&version)))
    }

    async fn of_layer(&self, call: &Call, request: &Request, name: &str, rest: &[&str]) -> Result<Answer, ApiError> {
        let region = call.region.as_str();
        match (request.method.as_str(), rest) {
            ("POST", []) => Ok(Answer::json(201, &self.publish_layer(call, name, request.input()?).await?)),
            ("GET", []) => {
                let most = request.parameter("MaxItems").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
                Ok(Answer::json(200, &self.list_layer_versions(region, name, request.parameter("Marker"), most)))
            }
            ("GET", [number]) => Ok(Answer::json(200, &self.shown_layer(&self.layer_version(region, name, number)?))),
            ("DELETE", [number]) => {
                self.delete_layer(region, name, number).await?;
                Ok(Answer::empty(204))
            }
            _ => Err(unknown(request)),
        }
    }

    fn list_call(&self, call: &Call, request: &Request) -> Result<Answer, ApiError> {
        let most = match request.parameter("MaxItems") {
            Some(text) => text.parse().map_err(|_| ApiError::new(400, "SerializationException", "MaxItems is not a number"))?,
            None => PAGE,
        };
        let mut constraints = Constraints::new();
        constraints.range(most, "maxItems", 1, LARGEST_PAGE);
        constraints.check(400, "ValidationException")?;
        Ok(Answer::json(200, &self.list(&call.region, request.parameter("Marker"), usize::try_from(most).unwrap_or_default())))
    }

    async fn of_tags(&self, call: &Call, request: &Request, arn: &str) -> Result<Answer, ApiError> {
        match request.method.as_str() {
            "GET" => return Ok(Answer::json(200, &json!({ "Tags": self.tags(call, arn)? }))),
            "POST" => self.tag(call, arn, request.input()?).await?,
            "DELETE" => self.untag(call, arn, request.parameters("tagKeys").map(str::to_owned).collect()).await?,
            _ => return Err(unknown(request)),
        }
        Ok(Answer::empty(204))
    }

    /// Settings of a function that the cloud does not store, as they are when nobody has set them.
    fn of_setting(&self, call: &Call, reference: &str, setting: &str) -> Result<Answer, ApiError> {
        let name = self.name_of(call, reference, None)?;
        let function = self.find(&call.region, &name)?;
        let answer: Value = match setting {
            "code-signing-config" => json!({ "FunctionName": function.name }),
            "recursion-config" => json!({ "RecursiveLoop": "Terminate" }),
            "runtime-management-config" => {
                json!({ "UpdateRuntimeOn": "Auto", "FunctionArn": format!("{}:{LATEST}", self.arn(&call.region, &name)) })
            }
            other => {
                let message = format!("The function {name} has no {other}.");
                return Err(ApiError::new(404, "ResourceNotFoundException", message));
            }
        };
        Ok(Answer::json(200, &answer))
    }
}

fn unknown(request: &Request) -> ApiError {
    let message = format!("The local cloud does not know the operation {} /{}", request.method, request.path.join("/"));
    ApiError::new(404, "UnknownOperationException", message)
}

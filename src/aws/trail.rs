//! Who changed what: one operation of CloudTrail, in the way of [`super::secrets`].
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>

use super::error::AwsError;
use super::reader::Reader;
use super::secrets::Service;
use crate::model::Author;
use serde_json::{Value as Json, json};

const TARGET: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101";
/// The most that one page holds.
const PAGE: u32 = 50;
/// What the SDK's clients of lambdo say of themselves.
const OWN: &str = "app/lambdo";

impl Reader {
    /// Calls `cloudtrail:LookupEvents` for the things of this name, and gives the last change of the last 90 days that
    /// somebody else made. What IAM does is written down in one region of each partition.
    ///
    /// # Errors
    /// What AWS refused, or what went wrong on the way.
    pub async fn last_change(
        &self,
        name: &str,
        is_global: bool,
        matters: impl Fn(&str) -> bool + Send,
    ) -> Result<Option<Author>, AwsError> {
        let input = json!({ "LookupAttributes": [{ "AttributeKey": "ResourceName", "AttributeValue": name }], "MaxResults": PAGE });
        let region = is_global.then(|| home_of_iam(self.region()));
        let service = Service { name: "cloudtrail", target: TARGET, region };
        let services = &self.clients().json;
        let answer = self.caller().call("cloudtrail:LookupEvents", 0, || services.send(&service, "LookupEvents", &input)).await?;
        // The youngest comes first.
        Ok(answer["Events"].as_array().into_iter().flatten().filter_map(author).find(|author| matters(&author.operation)))
    }
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-concepts.html#cloudtrail-concepts-global-service-events>
fn home_of_iam(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "cn-north-1",
        region if region.starts_with("us-gov-") => "us-gov-west-1",
        _ => "us-east-1",
    }
}

/// The one behind an event, where it changed something and lambdo did not send it.
fn author(event: &Json) -> Option<Author> {
    let detail: Json = event["CloudTrailEvent"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let text = |place: &Json| place.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let agent = text(&detail["userAgent"]);
    let is_read = event["ReadOnly"].as_str() == Some("true") || detail["readOnly"].as_bool() == Some(true);
    let is_refused = !detail["errorCode"].is_null();
    if is_read || is_refused || agent.as_ref().is_some_and(|agent| agent.contains(OWN)) {
        return None;
    }
    let identity = &detail["userIdentity"];
    let name = [&identity["arn"], &identity["invokedBy"], &event["Username"]].into_iter().find_map(text)?;
    let seconds = event["EventTime"].as_f64().map(|seconds| seconds.floor()).filter(|seconds| seconds.abs() < 1e11);
    #[expect(clippy::cast_possible_truncation, reason = "it is a whole number of seconds in a range that fits")]
    let time = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds as i64).ok());
    let time = time.map(|time| time.to_string()).or_else(|| text(&detail["eventTime"]))?;
    Some(Author { name, operation: text(&event["EventName"])?, time, agent })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(detail: &Json) -> Json {
        json!({ "EventName": "UpdateFunctionConfiguration20150331v2", "EventTime": 1_764_000_000.5, "Username": "anna", "CloudTrailEvent": detail.to_string() })
    }

    #[test]
    fn the_one_who_changed_something_is_told_and_no_reader_and_not_lambdo() {
        let arn = "arn:aws:iam::123456789012:user/anna";
        let by = |agent: &str| json!({ "userIdentity": { "arn": arn }, "userAgent": agent });
        let told = author(&event(&by("console.amazonaws.com"))).unwrap();
        assert_eq!((told.name.as_str(), told.time.as_str()), (arn, "2025-11-24T16:00:00Z"));
        assert_eq!(author(&event(&json!({}))).unwrap().name, "anna");
        assert_eq!(author(&event(&by("aws-sdk-rust/1 app/lambdo"))), None);
        for (key, value) in [("readOnly", json!(true)), ("errorCode", json!("AccessDenied"))] {
            let mut detail = by("x");
            detail[key] = value;
            assert_eq!(author(&event(&detail)), None, "{key}");
        }
    }

    #[test]
    fn what_iam_does_is_written_down_in_one_region() {
        assert_eq!(["eu-central-1", "cn-northwest-1", "us-gov-east-1"].map(home_of_iam), ["us-east-1", "cn-north-1", "us-gov-west-1"]);
    }
}

//! The query protocol, which IAM and STS speak: a form in, XML out.

use super::xml::Xml;
use crate::local::error::ApiError;
use std::collections::BTreeMap;

/// A call's parameters by their flat names, such as `Tags.member.1.Key`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads a form.
    pub fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// Which operation is called.
    pub fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    /// A parameter's text, where it is given.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The members of a list of structures: `members("Tags")` of `Tags.member.1.Key`.
    pub fn members(&self, name: &str) -> Vec<Self> {
        let mut members: BTreeMap<usize, Self> = BTreeMap::new();
        let prefix = format!("{name}.member.");
        for (key, value) in &self.0 {
            let Some((index, rest)) = key.strip_prefix(&prefix).and_then(|rest| rest.split_once('.')) else { continue };
            if let Ok(index) = index.parse() {
                members.entry(index).or_default().0.insert(rest.to_owned(), value.clone());
            }
        }
        members.into_values().collect()
    }

    /// The members of a list of texts: `texts("TagKeys")` of `TagKeys.member.1`.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let prefix = format!("{name}.member.");
        let texts = self.0.iter().filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.parse::<usize>().ok()?, value.clone())));
        texts.collect::<BTreeMap<_, _>>().into_values().collect()
    }
}

/// A parameter's name as AWS's messages write it: `roleName` of `RoleName`.
pub fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

/// What is said to an operation that the cloud does not have.
pub fn unknown_action(action: &str, version: &str) -> ApiError {
    ApiError::new(400, "InvalidAction", format!("Could not find operation {action} for version {version}"))
}

/// A whole answer.
pub fn answer(action: &str, namespace: &str, result: &Xml, request_id: &str) -> String {
    let result = result.as_str();
    format!(
        "<{action}Response xmlns=\"{namespace}\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    )
}

/// A whole refusal.
pub fn refusal(error: &ApiError, namespace: &str, request_id: &str) -> String {
    let side = if error.status < 500 { "Sender" } else { "Receiver" };
    let inside = Xml::new().text("Type", side).text("Code", &error.code).text("Message", &error.message);
    let inside = Xml::new().element("Error", inside).text("RequestId", request_id);
    format!("<ErrorResponse xmlns=\"{namespace}\">{}</ErrorResponse>", inside.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_in_their_order() {
        let body =
            b"Action=TagRole&Tags.member.10.Key=j&Tags.member.2.Key=b%20c&Tags.member.2.Value=%C3%A4&TagKeys.member.2=y&TagKeys.member.1=x";
        let parameters = Parameters::parse(body);
        assert_eq!(parameters.action(), "TagRole");
        let tags = parameters.members("Tags");
        assert_eq!(tags.iter().map(|tag| tag.get("Key").unwrap()).collect::<Vec<_>>(), ["b c", "j"]);
        assert_eq!(tags[0].get("Value"), Some("ä"));
        assert_eq!(parameters.texts("TagKeys"), ["x", "y"]);
    }
}

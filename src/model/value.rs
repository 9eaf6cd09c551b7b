//! Values as the spec, the state and AWS have them.

use super::{Address, Path, Secret};
use litemap::LiteMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Named values in a stable order. A sorted list: there are tens of thousands of small ones, of which a tree would take
/// several times the memory.
pub type Table = LiteMap<String, Value>;

/// One value. Floats and nulls occur only inside free documents such as event patterns.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// JSON's null.
    Null,
    /// true or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    String(String),
    /// Values in an order.
    List(Vec<Value>),
    /// Named values.
    Table(Table),
    /// Text that nobody may see.
    Secret(Box<Secret>),
    /// Text with references in it that are not known yet. One part that is a reference keeps the
    /// type of what it refers to.
    Unresolved(Vec<TemplatePart>),
}

/// A piece of an [`Value::Unresolved`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplatePart {
    /// Literal text.
    Text(String),
    /// `${ADDRESS.attribute}`.
    Attribute {
        /// The resource referred to.
        address: Address,
        /// Which of its attributes.
        attribute: String,
    },
    /// `${aws.region}` and its like, known after the one STS call.
    Account(AccountFact),
}

/// A fact about where a run deploys to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountFact {
    /// `${aws.account_id}`
    AccountId,
    /// `${aws.region}`
    Region,
    /// `${aws.partition}`
    Partition,
}

impl AccountFact {
    /// The attribute's name after `aws.`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccountId => "account_id",
            Self::Region => "region",
            Self::Partition => "partition",
        }
    }
}

impl Value {
    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The number, if it is a whole number.
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The truth value, if it is one.
    pub fn as_boolean(&self) -> Option<bool> {
        if let Self::Boolean(value) = self { Some(*value) } else { None }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// The table, if it is one.
    pub fn as_table(&self) -> Option<&Table> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }

    /// The texts of a list of strings; other items are left out.
    pub fn strings(&self) -> Vec<&str> {
        self.as_list().unwrap_or_default().iter().filter_map(Value::as_str).collect()
    }

    /// A reference to one attribute of a resource.
    pub fn reference(address: &Address, attribute: &str) -> Self {
        Self::Unresolved(vec![TemplatePart::Attribute { address: address.clone(), attribute: attribute.to_owned() }])
    }

    /// A list of strings.
    pub fn string_list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(items.into_iter().map(|item| Self::String(item.as_ref().to_owned())).collect())
    }

    /// What a person calls this sort of value, with its article.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::String(_) | Self::Unresolved(_) | Self::Secret(_) => "a string",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    /// Calls `visit` for each template part anywhere inside.
    pub fn visit_parts<'a>(&'a self, visit: &mut dyn FnMut(&'a TemplatePart)) {
        match self {
            Self::List(items) => items.iter().for_each(|item| item.visit_parts(visit)),
            Self::Table(table) => table.values().for_each(|value| value.visit_parts(visit)),
            Self::Unresolved(parts) => parts.iter().for_each(visit),
            _ => {}
        }
    }

    /// Whether a reference inside is not known yet.
    pub fn is_unresolved(&self) -> bool {
        let mut found = false;
        self.visit_parts(&mut |part| found |= !matches!(part, TemplatePart::Text(_)));
        found
    }

    /// This value with every part that `lookup` knows filled in; the others stay.
    #[must_use]
    pub fn resolve(&self, lookup: &dyn Fn(&TemplatePart) -> Option<Value>) -> Self {
        match self {
            Self::List(items) => Self::List(items.iter().map(|item| item.resolve(lookup)).collect()),
            Self::Table(table) => Self::Table(resolve_table(table, lookup)),
            Self::Unresolved(parts) => resolve_parts(parts, lookup),
            other => other.clone(),
        }
    }

    /// This value as JSON for people and requests: unresolved references as `{"$unknown": "address.attribute"}`, and
    /// secrets as a word that says so.
    pub fn to_json(&self) -> serde_json::Value {
        self.json(&|_| "(secret)".into())
    }

    fn json(&self, secret_json: &dyn Fn(&Secret) -> serde_json::Value) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Boolean(value) => (*value).into(),
            Self::Integer(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::String(text) => text.as_str().into(),
            Self::List(items) => items.iter().map(|item| item.json(secret_json)).collect(),
            Self::Table(table) => {
                table.iter().map(|(key, value)| (key.clone(), value.json(secret_json))).collect::<serde_json::Map<_, _>>().into()
            }
            Self::Secret(secret) => secret_json(secret),
            Self::Unresolved(parts) => parts_to_json(parts),
        }
    }

    /// The value that [`Value::to_json`] wrote. Numbers beyond 64 bits become floats.
    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Boolean(*value),
            serde_json::Value::Number(number) => {
                number.as_i64().map_or_else(|| Self::Float(number.as_f64().unwrap_or_default()), Self::Integer)
            }
            serde_json::Value::String(text) => Self::String(text.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(object) => json_object(object),
        }
    }
}

/// Each value of a table with the parts that `lookup` knows filled in.
pub fn resolve_table(table: &Table, lookup: &dyn Fn(&TemplatePart) -> Option<Value>) -> Table {
    table.iter().map(|(key, value)| (key.clone(), value.resolve(lookup))).collect()
}

fn resolve_parts(parts: &[TemplatePart], lookup: &dyn Fn(&TemplatePart) -> Option<Value>) -> Value {
    if let [part] = parts
        && !matches!(part, TemplatePart::Text(_))
    {
        return lookup(part).unwrap_or_else(|| Value::Unresolved(parts.to_vec()));
    }
    let mut resolved: Vec<TemplatePart> = Vec::new();
    for part in parts {
        let text = match part {
            TemplatePart::Text(text) => Some(text.clone()),
            other => lookup(other).as_ref().and_then(scalar_text),
        };
        match (text, resolved.last_mut()) {
            (Some(text), Some(TemplatePart::Text(last))) => last.push_str(&text),
            (Some(text), _) => resolved.push(TemplatePart::Text(text)),
            (None, _) => resolved.push(part.clone()),
        }
    }
    match &resolved[..] {
        [] => Value::String(String::new()),
        [TemplatePart::Text(text)] => Value::String(text.clone()),
        _ => Value::Unresolved(resolved),
    }
}

/// The value at a path inside a table.
pub fn at<'a>(table: &'a Table, path: &Path) -> Option<&'a Value> {
    let (first, rest) = path.0.split_first()?;
    rest.iter().try_fold(table.get(first)?, |value, key| value.as_table()?.get(key))
}

/// A scalar as the text that it has inside a longer string; `None` for lists and tables.
pub fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Boolean(value) => Some(value.to_string()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

impl TemplatePart {
    /// The reference as it stands between `${` and `}`; literal text is given as it is.
    pub fn expression(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Attribute { address, attribute } => format!("{address}.{attribute}"),
            Self::Account(fact) => format!("aws.{}", fact.name()),
        }
    }
}

fn parts_to_json(parts: &[TemplatePart]) -> serde_json::Value {
    let json = |part: &TemplatePart| match part {
        TemplatePart::Text(text) => text.as_str().into(),
        other => serde_json::json!({ "$unknown": other.expression() }),
    };
    match parts {
        [part] => json(part),
        _ => serde_json::json!({ "$template": parts.iter().map(json).collect::<Vec<_>>() }),
    }
}

fn json_object(object: &serde_json::Map<String, serde_json::Value>) -> Value {
    if object.len() == 1 {
        if let Some(secret) = object.get("$secret").and_then(Secret::from_json) {
            return Value::Secret(Box::new(secret));
        }
        if let Some(part) = object.get("$unknown").and_then(unknown_part) {
            return Value::Unresolved(vec![part]);
        }
        if let Some(serde_json::Value::Array(parts)) = object.get("$template") {
            return Value::Unresolved(parts.iter().filter_map(template_part).collect());
        }
    }
    Value::Table(object.iter().map(|(key, value)| (key.clone(), Value::from_json(value))).collect())
}

fn template_part(json: &serde_json::Value) -> Option<TemplatePart> {
    match json {
        serde_json::Value::String(text) => Some(TemplatePart::Text(text.clone())),
        other => other.get("$unknown").and_then(unknown_part),
    }
}

fn unknown_part(json: &serde_json::Value) -> Option<TemplatePart> {
    let (address, attribute) = json.as_str()?.rsplit_once('.')?;
    Some(TemplatePart::Attribute { address: address.parse().ok()?, attribute: attribute.to_owned() })
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // What is written down says of a secret where it comes from, and its hash.
        self.json(&Secret::to_json).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_json::Value::deserialize(deserializer).map(|json| Self::from_json(&json))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<Table> for Value {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unresolved() -> Value {
        Value::Unresolved(vec![
            TemplatePart::Text("arn:".into()),
            TemplatePart::Attribute { address: Address::new("role", "a"), attribute: "unique_id".into() },
        ])
    }

    #[test]
    fn json_round_trips() {
        let value = Value::List(vec![
            unresolved(),
            Value::Null,
            Value::Integer(3),
            Value::Float(0.5),
            Value::reference(&Address::new("role", "a"), "arn"),
        ]);
        assert_eq!(Value::from_json(&value.to_json()), value);
    }

    #[test]
    fn resolving_fills_what_is_known_and_keeps_the_type_of_a_lone_reference() {
        let lone = Value::reference(&Address::new("role", "a"), "arn");
        assert_eq!(lone.resolve(&|_| Some(Value::Integer(7))), Value::Integer(7));
        assert_eq!(unresolved().resolve(&|_| Some("X".into())), Value::from("arn:X"));
        assert!(unresolved().resolve(&|_| None).is_unresolved());
    }
}

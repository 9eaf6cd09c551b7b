//! The field table: what a kind's settings are, as data. The parser, the nearest-key hints, the
//! JSON Schema, the defaults, the diff and the documentation all read this one table.

use super::{Table, Value};

/// The settings that give a thing its name in AWS.
pub const NAME_KEYS: &[&str] = &["function_name", "role_name", "log_group_name", "layer_name", "repository_name", "name"];

/// One setting of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The key in the spec: AWS's own name in `snake_case`.
    pub key: &'static str,
    /// Which values it takes.
    pub shape: Shape,
    /// Whether the spec must give it.
    pub required: bool,
    /// What stands when the spec does not give it.
    pub default: Default,
    /// What a change of it means for the resource.
    pub effect: Effect,
    /// How two values of it are compared.
    pub compare: Compare,
    /// Whether values that others put in are kept and shown rather than removed.
    pub additive: bool,
    /// Whether reading it costs a call per resource that no bulk read shows.
    pub deep: bool,
    /// Whether it steers lambdo and is no setting of the resource: parsed, but never compared.
    pub internal: bool,
    /// One sentence for the documentation and the JSON Schema.
    pub doc: &'static str,
}

impl Field {
    /// An optional setting that changes in place, is compared exactly and has no default.
    pub const fn new(key: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self {
            key,
            shape,
            required: false,
            default: Default::Absent,
            effect: Effect::InPlace,
            compare: Compare::Exact,
            additive: false,
            deep: false,
            internal: false,
            doc,
        }
    }

    /// Makes the key required.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Sets what stands when the spec does not give the key.
    #[must_use]
    pub const fn default(mut self, default: Default) -> Self {
        self.default = default;
        self
    }

    /// Makes every change of it a replacement of the resource.
    #[must_use]
    pub const fn replaces(mut self) -> Self {
        self.effect = Effect::Replace;
        self
    }

    /// Sets how values are compared.
    #[must_use]
    pub const fn compare(mut self, compare: Compare) -> Self {
        self.compare = compare;
        self
    }

    /// Keeps what others put in.
    #[must_use]
    pub const fn additive(mut self) -> Self {
        self.additive = true;
        self
    }

    /// Marks a field that is read only on a deep pass.
    #[must_use]
    pub const fn deep(mut self) -> Self {
        self.deep = true;
        self
    }

    /// Marks a key that steers lambdo and is never compared.
    #[must_use]
    pub const fn internal(mut self) -> Self {
        self.internal = true;
        self
    }
}

/// Checks one text and says what is wrong with it, as the end of the sentence "`x` …".
pub type Check = fn(&str) -> Result<(), String>;

/// Which values a field takes.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Text of a length in characters, with a check of its own.
    String {
        /// Fewest characters.
        min: usize,
        /// Most characters.
        max: usize,
        /// What else must hold; `None` when anything goes.
        check: Option<Check>,
    },
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// A whole number between two bounds, both included.
    Integer {
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// One of these whole numbers.
    IntegerChoice(&'static [i64]),
    /// true or false.
    Boolean,
    /// Items of one shape; a lone item is read as a list of one.
    List {
        /// The items' shape.
        item: &'static Shape,
        /// Most items.
        max: usize,
    },
    /// Any keys with values of one shape.
    Map {
        /// The values' shape.
        value: &'static Shape,
        /// What a key must be; `None` when anything goes.
        check: Option<Check>,
    },
    /// A table with fields of its own.
    Table(&'static [Field]),
    /// A free document: a table, a JSON string, or `{ file = "…" }`.
    Document,
    /// The first of these shapes that the value's type fits.
    AnyOf(&'static [Shape]),
}

/// Text of any length, unchecked.
pub const ANY_STRING: Shape = Shape::String { min: 0, max: usize::MAX, check: None };

impl Shape {
    /// Text of a length, unchecked otherwise.
    pub const fn text(min: usize, max: usize) -> Self {
        Self::String { min, max, check: None }
    }

    /// Text of a length with a check.
    pub const fn checked(min: usize, max: usize, check: Check) -> Self {
        Self::String { min, max, check: Some(check) }
    }
}

/// What stands when the spec does not give a key.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// Nothing: the field is absent.
    Absent,
    /// A text.
    Text(&'static str),
    /// A whole number.
    Integer(i64),
    /// A truth value.
    Boolean(bool),
    /// A list of texts.
    Texts(&'static [&'static str]),
    /// An empty table.
    EmptyTable,
    /// A table made by the function.
    Made(fn() -> Value),
}

impl Default {
    /// The default as a value, if there is one.
    pub fn value(self) -> Option<Value> {
        match self {
            Self::Absent => None,
            Self::Text(text) => Some(text.into()),
            Self::Integer(number) => Some(number.into()),
            Self::Boolean(value) => Some(value.into()),
            Self::Texts(texts) => Some(Value::string_list(texts)),
            Self::EmptyTable => Some(Value::Table(Table::new())),
            Self::Made(make) => Some(make()),
        }
    }
}

/// What a change of a field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The resource is changed where it is.
    InPlace,
    /// The resource is deleted and made anew.
    Replace,
}

/// How two values of a field are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// As they are.
    Exact,
    /// As lists whose order does not count.
    Set,
    /// As IAM policy documents: order, one-element lists and spelling do not count.
    Policy,
    /// As JSON documents.
    Json,
}

/// The field with this key.
pub fn find<'a>(fields: &'a [Field], key: &str) -> Option<&'a Field> {
    fields.iter().find(|field| field.key == key)
}

/// The fields of a table of this shape, or of the first alternative that is one.
fn inner_fields(shape: &Shape) -> Option<&'static [Field]> {
    match shape {
        Shape::Table(fields) => Some(fields),
        Shape::AnyOf(shapes) => shapes.iter().find_map(inner_fields),
        _ => None,
    }
}

/// Fills every default into `inputs` for the keys that are absent, inside given tables too.
pub fn fill_defaults(fields: &[Field], inputs: &mut Table) {
    for field in fields.iter().filter(|field| !field.internal) {
        if let Some(inner) = inner_fields(&field.shape)
            && let Some(Value::Table(table)) = inputs.get_mut(field.key)
        {
            fill_defaults(inner, table);
        }
        if !inputs.contains_key(field.key)
            && let Some(value) = field.default.value()
        {
            inputs.insert(field.key.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INNER: &[Field] = &[Field::new("size", Shape::Boolean, "").default(Default::Integer(512))];
    const FIELDS: &[Field] = &[
        Field::new("plain", Shape::Table(INNER), ""),
        Field::new("either", Shape::AnyOf(&[Shape::Boolean, Shape::Table(INNER)]), ""),
        Field::new("lone", Shape::AnyOf(&[Shape::Boolean, Shape::Table(INNER)]), ""),
        Field::new("absent", Shape::Table(INNER), ""),
    ];

    #[test]
    fn defaults_are_filled_into_given_tables_also_where_a_table_is_one_of_several_shapes() {
        let empty = || Value::Table(Table::new());
        let mut inputs =
            Table::from_iter([("plain".to_owned(), empty()), ("either".to_owned(), empty()), ("lone".to_owned(), true.into())]);
        fill_defaults(FIELDS, &mut inputs);
        insta::assert_snapshot!(Value::Table(inputs).to_json(), @r#"{"either":{"size":512},"lone":true,"plain":{"size":512}}"#);
    }
}

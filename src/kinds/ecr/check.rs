//! What must hold between the settings of a repository.

use crate::diagnostic::Diagnostic;
use crate::kinds::lowering::finding;
use crate::kinds::{Context, arn, tagging};
use crate::model::document::parsed;
use crate::model::{Path, Section, Table, Value};

const MUTABILITY: &str = "image_tag_mutability";
const FILTERS: &str = "image_tag_mutability_exclusion_filters";

/// Everything that is wrong with a section beyond its field table.
pub(super) fn all(section: &Section, inputs: &Table, context: &Context<'_>) -> Vec<Diagnostic> {
    let found = [filters(section, inputs), key_without_kms(section, inputs), key_elsewhere(section, inputs, context), lifecycle(section)];
    found.into_iter().flatten().chain(statements(section)).chain(tagging::too_many(section, inputs)).collect()
}

/// ECR takes filters with the values that name them, and these only with filters.
fn filters(section: &Section, inputs: &Table) -> Option<Diagnostic> {
    let mutability = inputs.get(MUTABILITY).and_then(Value::as_str)?;
    let has_filters = inputs.get(FILTERS).and_then(Value::as_list).is_some_and(|filters| !filters.is_empty());
    let takes_filters = mutability.ends_with("_WITH_EXCLUSION");
    let told = |key: &str, detail: String, hint: String| {
        let found = Diagnostic::error("exclusion-filters", "The filters of tags do not fit").detail(detail).hint(hint);
        Some(finding(section, &Path::key(key), found))
    };
    match (takes_filters, has_filters) {
        (true, false) => told(
            MUTABILITY,
            format!("`{mutability}` needs the tags that are excluded, and there is no `{FILTERS}`."),
            format!("write `{FILTERS} = [{{ filter = \"latest\" }}]`"),
        ),
        (false, true) => told(
            FILTERS,
            format!("Filters have a meaning with `{mutability}_WITH_EXCLUSION` only, and `{MUTABILITY}` is `{mutability}`."),
            format!("write `{MUTABILITY} = \"{mutability}_WITH_EXCLUSION\"`"),
        ),
        _ => None,
    }
}

fn encryption<'a>(inputs: &'a Table, key: &str) -> Option<&'a str> {
    inputs.get("encryption_configuration")?.as_table()?.get(key)?.as_str()
}

fn key_path() -> Path {
    Path::key("encryption_configuration").join("kms_key")
}

fn key_without_kms(section: &Section, inputs: &Table) -> Option<Diagnostic> {
    encryption(inputs, "kms_key").filter(|_| encryption(inputs, "encryption_type") == Some("AES256"))?;
    let found = Diagnostic::error("key-without-kms", "The key would not be used")
        .detail("`kms_key` names a key of KMS, and `encryption_type` is `AES256`, which takes none.")
        .hint("write `encryption_type = \"KMS\"`, or take `kms_key` away");
    Some(finding(section, &key_path(), found))
}

fn key_elsewhere(section: &Section, inputs: &Table, context: &Context<'_>) -> Option<Diagnostic> {
    let problem = arn::elsewhere(encryption(inputs, "kms_key")?, context)?;
    let found = Diagnostic::error("elsewhere", "Something lies in another region or partition")
        .detail(format!("{problem}; a repository takes keys of its own region only."));
    Some(finding(section, &key_path(), found))
}

/// A policy is a table with rules, or empty.
fn lifecycle(section: &Section) -> Option<Diagnostic> {
    let given = section.values.get("lifecycle_policy").filter(|policy| !policy.is_unresolved())?;
    let document = parsed(given);
    let is_fine = document.as_table().is_some_and(|document| {
        document.is_empty() || document.get("rules").and_then(Value::as_list).is_some_and(|rules| !rules.is_empty())
    });
    let found = Diagnostic::error("bad-lifecycle-policy", "ECR would refuse the lifecycle policy")
        .detail("`lifecycle_policy` has no `rules`; ECR's documents are `{ rules = [{ rulePriority, selection, action }] }`.")
        .hint("write `lifecycle_policy = {}` for a repository whose images never expire");
    (!is_fine).then(|| finding(section, &Path::key("lifecycle_policy"), found))
}

/// A statement of a repository's policy says who may do what; it names no resource.
fn statements(section: &Section) -> Vec<Diagnostic> {
    let given = section.values.get("repository_policy").and_then(Value::as_table);
    let told = |(sid, statement): (&String, &Value)| {
        let path = Path::key("repository_policy").join(sid);
        let problem = statement_problem(&parsed(statement))?;
        let found = Diagnostic::error("bad-statement", "ECR would refuse a statement of the policy")
            .detail(format!("`{path}` {problem}."))
            .hint("a statement is `{ principal = { AWS = \"123456789012\" }, action = [\"ecr:BatchGetImage\"] }`; `effect` is `Allow` unless given");
        Some(finding(section, &path, found))
    };
    given.into_iter().flat_map(Table::iter).filter_map(told).collect()
}

fn statement_problem(statement: &Value) -> Option<String> {
    if statement.is_unresolved() {
        return None;
    }
    let Some(table) = statement.as_table() else { return Some("is no statement, which is a table".to_owned()) };
    let has = |key: &str| table.keys().any(|given| given.to_lowercase().replace('_', "") == key);
    if has("statement") {
        return Some("is a whole policy; each statement stands here by its name".to_owned());
    }
    if has("resource") || has("notresource") {
        return Some("names a resource, and a repository's policy is about the repository itself".to_owned());
    }
    let missing = [("principal", has("principal") || has("notprincipal")), ("action", has("action") || has("notaction"))];
    missing.into_iter().find(|(_, is_there)| !is_there).map(|(key, _)| format!("has no `{key}`"))
}

#[cfg(test)]
mod tests {
    use crate::kinds::ecr::tests::lowered;
    use crate::kinds::function::tests::table;
    use crate::model::Value;

    /// Settings, and the codes of what is wrong with them.
    type Case<'a> = (Vec<(&'a str, Value)>, &'a [&'a str]);

    #[test]
    fn what_ecr_would_refuse_is_found_before_it_is_asked() {
        let key = |region: &str| Value::from(format!("arn:aws:kms:{region}:123456789012:key/1"));
        let kms = |kind: &str, region: &str| table([("encryption_type", kind.into()), ("kms_key", key(region))]);
        let filter = || Value::List(vec![table([("filter", "latest".into())])]);
        let statement = |pairs: [(&str, Value); 2]| table([("Them", table(pairs))]);
        let cases: Vec<Case<'_>> = vec![
            (vec![("encryption_configuration", kms("KMS", "eu-central-1"))], &[]),
            (vec![("encryption_configuration", kms("AES256", "eu-central-1"))], &["key-without-kms"]),
            (vec![("encryption_configuration", kms("KMS", "us-east-1"))], &["elsewhere"]),
            (vec![("image_tag_mutability", "MUTABLE_WITH_EXCLUSION".into())], &["exclusion-filters"]),
            (vec![("image_tag_mutability_exclusion_filters", filter())], &["exclusion-filters"]),
            (vec![("image_tag_mutability", "IMMUTABLE_WITH_EXCLUSION".into()), ("image_tag_mutability_exclusion_filters", filter())], &[]),
            (vec![("lifecycle_policy", table([]))], &[]),
            (vec![("lifecycle_policy", table([("rule", Value::List(vec![]))]))], &["bad-lifecycle-policy"]),
            (vec![("lifecycle_policy", r#"{"rules":[{"rulePriority":1}]}"#.into())], &[]),
            (vec![("repository_policy", statement([("principal", "*".into()), ("action", "ecr:*".into())]))], &[]),
            (vec![("repository_policy", statement([("principal", "*".into()), ("effect", "Allow".into())]))], &["bad-statement"]),
            (vec![("repository_policy", statement([("resource", "*".into()), ("action", "ecr:*".into())]))], &["bad-statement"]),
        ];
        for (values, codes) in cases {
            let found: Vec<_> = lowered(&values).diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
            assert_eq!(found, codes, "{values:?}");
        }
    }
}

//! Secrets: looked up once, handed to AWS in calls, and known to everything else by their keyed hash alone.

use super::Engine;
use crate::aws::AwsError;
use crate::diagnostic::Diagnostic;
use crate::model::{Address, Desired, Path, Secret, SecretKey, SecretSource, Table, Unchecked, Value};
use crate::spec;
use futures::{StreamExt as _, stream};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, PoisonError};

/// So many sources are asked at a time.
const AT_ONCE: usize = 8;
/// A text in a secret with fewer characters would hide words that are everywhere.
const SHORTEST_PART: usize = 8;

/// The values of this run's secrets.
#[derive(Default)]
pub struct Secrets(BTreeMap<SecretSource, String>);

impl Secrets {
    /// The table with each secret's value in its place; or what was not looked up.
    ///
    /// # Errors
    /// The first source whose value is not there.
    pub fn revealed(&self, table: &Table) -> Result<Table, SecretSource> {
        table.iter().map(|(key, value)| Ok((key.clone(), self.value(value)?))).collect()
    }

    fn value(&self, value: &Value) -> Result<Value, SecretSource> {
        match value {
            Value::Secret(secret) => self.0.get(&secret.source).map(|text| text.as_str().into()).ok_or_else(|| secret.source.clone()),
            Value::Table(table) => self.revealed(table).map(Value::Table),
            other => Ok(other.clone()),
        }
    }
}

impl Engine {
    /// What was looked up.
    pub(super) fn secrets(&self) -> Arc<Secrets> {
        Arc::clone(&self.secrets.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks up every secret that is wanted, and writes hashes into the desired settings. What could not be looked up is
    /// told, each with the resource that needs it, and stays unknown; warnings are about those that cannot be hidden.
    pub async fn look_up(&self, desired: &mut Desired, only: Option<&BTreeSet<Address>>, folder: &FilePath) -> Vec<Diagnostic> {
        let mut users: BTreeMap<SecretSource, Address> = BTreeMap::new();
        for resource in desired.resources.values().filter(|resource| only.is_none_or(|only| only.contains(&resource.address))) {
            visit(&resource.inputs, &mut |secret| {
                users.entry(secret.source.clone()).or_insert_with(|| resource.address.clone());
            });
        }
        users.remove(&SecretSource::Undeclared);
        if users.is_empty() {
            return Vec::new();
        }
        self.publish(desired);
        let key = match self.store.secret_key().await {
            Ok(key) => key,
            Err(error) => return vec![error.to_diagnostic()],
        };
        let ask = |(source, address): (SecretSource, Address)| async move {
            let found = self.value_of(&source, folder).await;
            (source, address, found)
        };
        let asked: Vec<_> = users.into_iter().map(ask).collect();
        let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        let (mut secrets, mut diagnostics) = (Secrets::default(), Vec::new());
        for (source, address, found) in answers {
            match found {
                Ok(value) => {
                    self.session.scrubber().learn(&value);
                    if self.session.scrubber().is_too_weak(&value) {
                        diagnostics.push(weak(&source).address(&address));
                    }
                    secrets.0.insert(source, value);
                }
                Err(diagnostic) => diagnostics.push(diagnostic.address(&address)),
            }
        }
        for resource in desired.resources.values_mut() {
            hash(&mut resource.inputs, &secrets, &key);
        }
        *self.secrets.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(secrets);
        diagnostics
    }

    pub(super) async fn value_of(&self, source: &SecretSource, folder: &FilePath) -> Result<String, Diagnostic> {
        let reader = self.session.reader();
        match source {
            SecretSource::Ssm(name) => reader.parameter(name).await.map_err(|error| self.not_there(source, &error)),
            SecretSource::SecretsManager { id, key } => {
                let text = reader.secret_value(id).await.map_err(|error| self.not_there(source, &error))?;
                let Some(key) = key else {
                    parts(&text).iter().for_each(|part| self.session.scrubber().learn(part));
                    return Ok(text);
                };
                part(source, &text, key)
            }
            SecretSource::Env(name) => from_environment(source, std::env::var(name)),
            SecretSource::File(path) => of_file(source, folder.join(path)).await,
            SecretSource::Undeclared => Err(missing(source, "is known to nobody but AWS")),
        }
    }

    fn not_there(&self, source: &SecretSource, error: &AwsError) -> Diagnostic {
        if !error.is_not_found() {
            return unreadable(source, error);
        }
        let place = super::place(self.session.target());
        // The address of a cloud that only this run has would be of no use.
        let at = self.session.endpoint().map_or("", |_| ", at the endpoint of this run (for `--local`: what `lambdo local` prints)");
        let made = match source {
            SecretSource::Ssm(name) => format!("`aws ssm put-parameter --type SecureString --name {name} --value …`{at}"),
            SecretSource::SecretsManager { id, .. } => format!("`aws secretsmanager create-secret --name {id} --secret-string …`{at}"),
            SecretSource::Env(_) | SecretSource::File(_) | SecretSource::Undeclared => return unreadable(source, error),
        };
        let request = error.request_id.as_ref().map_or_else(String::new, |id| format!(", request id {id}"));
        missing(source, &format!("is not there: {place} has none of this name ({}{request})", error.code.as_deref().unwrap_or_default()))
            .hint(format!("look for a spelling mistake, and at the region; if it was never made: {made}"))
    }

    /// Names that are shown whatever the secrets are.
    pub(super) fn publish(&self, desired: &Desired) {
        let (scrubber, target) = (self.session.scrubber(), self.target());
        scrubber.publish([desired.project.as_str(), &target.account, &target.region, &target.partition]);
        scrubber.publish(desired.stage.as_deref());
        for resource in desired.resources.values() {
            scrubber.publish([resource.address.to_string().as_str()]);
            let names = ["arn", "layer_arn"].into_iter().filter_map(|name| resource.attributes.get(name)?.as_str());
            scrubber.publish(names.chain(resource.physical_id().map(|id| id.as_str())));
        }
    }
}

/// The value of a secret that is kept on this machine; `None` for one that AWS keeps.
///
/// # Errors
/// Why it cannot be had.
pub async fn secret_here(source: &SecretSource, folder: &FilePath) -> Option<Result<String, Diagnostic>> {
    match source {
        SecretSource::Env(name) => Some(from_environment(source, std::env::var(name))),
        SecretSource::File(path) => Some(of_file(source, folder.join(path)).await),
        SecretSource::Ssm(_) | SecretSource::SecretsManager { .. } | SecretSource::Undeclared => None,
    }
}

async fn of_file(source: &SecretSource, path: PathBuf) -> Result<String, Diagnostic> {
    let read = tokio::task::spawn_blocking(move || from_file(&path)).await;
    read.unwrap_or_else(|error| Err(error.to_string())).map_err(|why| missing(source, &why))
}

/// Calls `look` for each secret anywhere inside.
pub(super) fn visit(table: &Table, look: &mut dyn FnMut(&Secret)) {
    for value in table.values() {
        match value {
            Value::Secret(secret) => look(secret),
            Value::Table(inner) => visit(inner, look),
            _ => {}
        }
    }
}

/// The secrets of a plan that could not be looked up: whether they have changed is not known.
pub fn not_looked_up(desired: &Desired, only: Option<&BTreeSet<Address>>) -> Vec<(Address, Unchecked)> {
    let mut found = Vec::new();
    for resource in desired.resources.values().filter(|resource| only.is_none_or(|only| only.contains(&resource.address))) {
        without_digest(&resource.inputs, &Path::default(), &mut |path, source| {
            let detail = format!("the {source} could not be looked up");
            let unchecked = Unchecked { path, why: "secret_unknown".to_owned(), detail, hints: Vec::new() };
            found.push((resource.address.clone(), unchecked));
        });
    }
    found
}

fn without_digest(table: &Table, place: &Path, tell: &mut dyn FnMut(Path, &SecretSource)) {
    for (key, value) in table.iter() {
        match value {
            Value::Secret(secret) if secret.digest.is_none() => tell(place.join(key), &secret.source),
            Value::Table(inner) => without_digest(inner, &place.join(key), tell),
            _ => {}
        }
    }
}

fn hash(table: &mut Table, secrets: &Secrets, key: &SecretKey) {
    for (_, value) in table.iter_mut() {
        match value {
            Value::Secret(secret) => {
                if let Some(text) = secrets.0.get(&secret.source) {
                    **secret = Secret::of(secret.source.clone(), text, key);
                }
            }
            Value::Table(inner) => hash(inner, secrets, key),
            _ => {}
        }
    }
}

fn missing(source: &SecretSource, why: &str) -> Diagnostic {
    Diagnostic::error("secret-missing", "A secret cannot be looked up").detail(format!("The {source} {why}."))
}

/// What hides nothing would only tear names and words apart.
fn weak(source: &SecretSource) -> Diagnostic {
    Diagnostic::warning("secret-not-hidden", "A secret is too weak to be hidden")
        .detail(format!(
            "The {source} has fewer than four characters, or is made of words that are shown anyway, such as the project's name. \
             It is not written down, but it is not taken out of what AWS says either."
        ))
        .hint("give it a longer value that nobody can guess; what need not be secret is an ordinary variable")
}

fn unreadable(source: &SecretSource, error: &AwsError) -> Diagnostic {
    let told = error.diagnostic();
    let diagnostic = missing(source, &format!("cannot be read: {error}"));
    told.hints.into_iter().fold(diagnostic, Diagnostic::hint)
}

fn from_environment(source: &SecretSource, found: Result<String, std::env::VarError>) -> Result<String, Diagnostic> {
    match found {
        Ok(value) if value.is_empty() => Err(missing(source, "is empty").hint("a secret that may be empty is no secret: leave it out")),
        Ok(value) => Ok(value),
        Err(std::env::VarError::NotPresent) => {
            Err(missing(source, "is not set").hint("set it where lambdo runs; for `--local` alone, `[local]` can give another value"))
        }
        Err(std::env::VarError::NotUnicode(_)) => Err(missing(source, "is no text in UTF-8")),
    }
}

/// The file's text, without the line end that editors put at its end.
fn from_file(path: &FilePath) -> Result<String, String> {
    let text = spec::file_text(path).map_err(|error| format!("cannot be read: {error}"))?;
    let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if text.is_empty() { Err("is empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// The texts in a secret that is a JSON object, but for short ones, such as the name of a user.
fn parts(text: &str) -> Vec<String> {
    match serde_json::from_str(text) {
        Ok(Json::Object(object)) => {
            object.values().filter_map(Json::as_str).filter(|text| text.len() >= SHORTEST_PART).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// What stands under a key of a secret that is a JSON object.
fn part(source: &SecretSource, text: &str, key: &str) -> Result<String, Diagnostic> {
    let Ok(Json::Object(object)) = serde_json::from_str(text) else {
        return Err(missing(source, "cannot be found, since the secret is no JSON object"));
    };
    match object.get(key) {
        Some(Json::String(text)) => Ok(text.clone()),
        Some(value @ (Json::Number(_) | Json::Bool(_))) => Ok(value.to_string()),
        Some(_) => Err(missing(source, "is no text, number or boolean")),
        None => {
            let names: BTreeSet<&str> = object.keys().map(String::as_str).collect();
            let names = names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            Err(missing(source, "is not there").hint(format!("the secret has {names}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(json: &serde_json::Value) -> Table {
        Value::from_json(json).as_table().cloned().unwrap()
    }

    fn wanted() -> Table {
        let mut variables = table(&serde_json::json!({ "PLAIN": "a" }));
        variables.insert("TOKEN".to_owned(), Value::Secret(Box::new(Secret::unknown(SecretSource::Env("TOKEN".into())))));
        Table::from_iter([("environment".to_owned(), variables.into())])
    }

    #[test]
    fn values_stand_in_for_secrets_in_calls_alone() {
        let secrets = Secrets(BTreeMap::from([(SecretSource::Env("TOKEN".into()), "hunter2".to_owned())]));
        let revealed = secrets.revealed(&wanted()).unwrap();
        assert_eq!(Value::Table(revealed).to_json(), serde_json::json!({ "environment": { "PLAIN": "a", "TOKEN": "hunter2" } }));
        assert_eq!(Secrets::default().revealed(&wanted()), Err(SecretSource::Env("TOKEN".into())));
        let mut hashed = wanted();
        hash(&mut hashed, &secrets, &SecretKey::new([1; 32]));
        let json = serde_json::to_string(&hashed).unwrap();
        assert!(json.contains("hmac-sha256:") && !json.contains("hunter2"), "{json}");
    }

    #[test]
    fn a_key_of_a_secret_and_a_file_are_read() {
        let source = SecretSource::SecretsManager { id: "db".into(), key: Some("password".into()) };
        assert_eq!(part(&source, r#"{"password":"x","port":1}"#, "password"), Ok("x".to_owned()));
        assert_eq!(part(&source, r#"{"password":"x","port":1}"#, "port"), Ok("1".to_owned()));
        assert_eq!(part(&source, r#"{"port":1}"#, "password").unwrap_err().hints, ["the secret has `port`"]);
        assert!(part(&source, "no json hunter2", "a").is_err_and(|error| !format!("{error:?}").contains("hunter2")));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        for (text, expected) in [("a\n", Ok("a")), ("a\r\n", Ok("a")), ("a\n\n", Ok("a\n")), ("\n", Err("is empty")), ("a b", Ok("a b"))] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(from_file(&path), expected.map(str::to_owned).map_err(str::to_owned));
        }
        assert!(from_file(folder.path()).is_err());
    }
}

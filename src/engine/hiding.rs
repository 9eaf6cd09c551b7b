//! Secrets in what AWS shows: hidden before anybody sees more of them than their hash.

use super::Engine;
use super::secrets::{secret_here, visit};
use crate::model::{Desired, Entry, Observed, Path, Resource, Scrubber, Secret, SecretKey, SecretSource, Sighting, State, Table, Value};
use crate::store::StoreError;
use std::collections::BTreeSet;
use std::path::Path as FilePath;

/// The setting that may hold secrets.
const ENVIRONMENT: &str = "environment";

impl Engine {
    /// Hides what lives in AWS where a secret is wanted or was applied: nobody after this sees more than its hash. What is
    /// known as a secret by its hash is hidden wherever somebody copied it to.
    ///
    /// # Errors
    /// When the key of their hashes cannot be had.
    pub(super) async fn hide(&self, observed: &mut Observed, desired: &Desired, state: &State) -> Result<(), StoreError> {
        let tables = || desired.resources.values().map(|resource| &resource.inputs).chain(state.entries.values().flat_map(inputs));
        if !tables().any(has_secrets) {
            return Ok(());
        }
        self.publish(desired);
        let key = &self.store.secret_key().await?;
        let mut digests = BTreeSet::new();
        tables().for_each(|table| visit(table, &mut |secret| digests.extend(learnable(secret).and_then(|secret| secret.digest.clone()))));
        let found = observed.sightings.values().filter(|_| !digests.is_empty()).filter_map(Sighting::live);
        for live in found {
            learn_copies(&live.fields, &digests, key, self.session.scrubber());
        }
        for ((address, _), sighting) in &mut observed.sightings {
            let Sighting::Found(live) = sighting else { continue };
            let wanted = desired.resources.get(address).map(|resource| &resource.inputs);
            let applied = state.entries.get(address).into_iter().flat_map(inputs);
            for known in wanted.into_iter().chain(applied) {
                hide_in(&mut live.fields, known, &mut |secret, text| {
                    learnable(secret).iter().for_each(|_| self.session.scrubber().learn(text));
                    Secret::of(secret.source.clone(), text, key)
                });
            }
        }
        Ok(())
    }

    /// Learns the secrets that are kept on this machine, so that copies of them are hidden also where nothing is deployed.
    pub(super) async fn learn_here(&self, desired: &Desired, folder: &FilePath) {
        let mut sources = BTreeSet::new();
        let tables = desired.resources.values().map(|resource| &resource.inputs);
        tables.for_each(|table| visit(table, &mut |secret| sources.extend([secret.source.clone()])));
        if !sources.is_empty() {
            self.publish(desired);
        }
        for source in &sources {
            if let Some(Ok(value)) = secret_here(source, folder).await {
                self.session.scrubber().learn(&value);
            }
        }
    }

    /// Hides the variables of which the spec says nothing: where the state is lost, nobody knows which were secrets.
    ///
    /// # Errors
    /// When the key of their hashes cannot be had.
    pub(super) async fn hide_undeclared(&self, observed: &mut Observed, desired: &Desired) -> Result<(), StoreError> {
        self.publish(desired);
        let key = &self.store.secret_key().await?;
        for ((address, _), sighting) in &mut observed.sightings {
            let Sighting::Found(live) = sighting else { continue };
            let declared = variables(desired.resources.get(address));
            let Some(Value::Table(variables)) = live.fields.get_mut(ENVIRONMENT) else { continue };
            for (name, value) in variables.iter_mut() {
                let Value::String(text) = &*value else { continue };
                if !declared.is_some_and(|declared| declared.contains_key(name)) {
                    *value = Value::Secret(Box::new(Secret::of(SecretSource::Undeclared, text, key)));
                }
            }
        }
        Ok(())
    }
}

fn variables(resource: Option<&Resource>) -> Option<&Table> {
    resource.and_then(|resource| resource.inputs.get(ENVIRONMENT)).and_then(Value::as_table)
}

/// What nobody called a secret is hidden where it stands. Were it learned, as harmless as it may be, every ARN that has a
/// part of it would be hidden with it.
fn learnable(secret: &Secret) -> Option<&Secret> {
    Some(secret).filter(|secret| secret.source != SecretSource::Undeclared)
}

/// Learns each text that has the hash of a secret.
fn learn_copies(table: &Table, digests: &BTreeSet<String>, key: &SecretKey, scrubber: &Scrubber) {
    table.values().for_each(|value| learn_copy(value, digests, key, scrubber));
}

fn learn_copy(value: &Value, digests: &BTreeSet<String>, key: &SecretKey, scrubber: &Scrubber) {
    match value {
        Value::String(text) => {
            let digest = Secret::of(SecretSource::Undeclared, text, key).digest;
            digest.filter(|digest| digests.contains(digest)).iter().for_each(|_| scrubber.learn(text));
        }
        Value::List(items) => items.iter().for_each(|item| learn_copy(item, digests, key, scrubber)),
        Value::Table(inner) => learn_copies(inner, digests, key, scrubber),
        _ => {}
    }
}

/// Where variables stand that nobody has declared. Until an `up` carries out what the spec says of them, they are nobody's
/// change.
pub(super) fn undeclared(inputs: &Table) -> Vec<Path> {
    let variables = inputs.get(ENVIRONMENT).and_then(Value::as_table).into_iter().flat_map(Table::iter);
    let is_undeclared = |value: &Value| matches!(value, Value::Secret(secret) if secret.source == SecretSource::Undeclared);
    variables.filter(|(_, value)| is_undeclared(value)).map(|(name, _)| Path::key(ENVIRONMENT).join(name)).collect()
}

/// Takes out the variables that live otherwise than the spec says: any of them may be a secret of those who made it, and a
/// plan shows them without the state. Where they stood.
pub(super) fn forget_undeclared(inputs: &mut Table, wanted: Option<&Resource>) -> Vec<Path> {
    let wanted = variables(wanted);
    let Some(Value::Table(variables)) = inputs.get_mut(ENVIRONMENT) else { return Vec::new() };
    let is_wanted = |name: &str, value: &Value| wanted.and_then(|wanted| wanted.get(name)) == Some(value);
    let others = variables.iter().filter(|(name, value)| !is_wanted(name, value));
    let forgotten = others.map(|(name, _)| Path::key(ENVIRONMENT).join(name)).collect();
    variables.retain(|name, value| is_wanted(name, value));
    forgotten
}

/// Takes out what a known secret stands in, wherever somebody copied it to: a state holds none, and a plan shows it without.
/// What the spec says itself stays.
pub(super) fn forget_copies(inputs: &mut Table, wanted: Option<&Table>, scrubber: &Scrubber) {
    let said = |key: &str| wanted.and_then(|wanted| wanted.get(key));
    for (key, value) in inputs.iter_mut() {
        if let Value::Table(inner) = value {
            forget_copies(inner, said(key).and_then(Value::as_table), scrubber);
        }
    }
    // What is left of a table that the spec has, too, was looked through.
    let is_looked_through =
        |key: &str, value: &Value| value.as_table().is_some() && said(key).is_some_and(|said| said.as_table().is_some());
    inputs.retain(|key, value| said(key) == Some(value) || is_looked_through(key, value) || !scrubber.knows(value));
}

/// The settings that an entry and its predecessors were applied with.
fn inputs(entry: &Entry) -> impl Iterator<Item = &Table> {
    std::iter::once(&entry.inputs).chain(entry.deposed.iter().map(|deposed| &deposed.inputs))
}

fn has_secrets(table: &Table) -> bool {
    let mut found = false;
    visit(table, &mut |_| found = true);
    found
}

fn hide_in(live: &mut Table, known: &Table, hidden: &mut dyn FnMut(&Secret, &str) -> Secret) {
    for (key, value) in known.iter() {
        match (value, live.get_mut(key)) {
            (Value::Secret(secret), Some(seen)) => {
                if let Value::String(text) = &*seen {
                    *seen = Value::Secret(Box::new(hidden(secret, text)));
                }
            }
            (Value::Table(known), Some(Value::Table(live))) => hide_in(live, known, hidden),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn table(json: serde_json::Value) -> Table {
        Value::from_json(&json).as_table().cloned().unwrap()
    }

    #[test]
    fn what_lives_is_hidden_where_a_secret_is_known() {
        let mut live = table(json!({ "environment": { "PLAIN": "a", "TOKEN": "hunter2", "OTHER": "b" } }));
        let mut known = table(json!({ "environment": { "PLAIN": "a" } }));
        if let Some(Value::Table(variables)) = known.get_mut("environment") {
            variables.insert("TOKEN".to_owned(), Value::Secret(Box::new(Secret::unknown(SecretSource::Env("TOKEN".into())))));
        }
        let mut seen = Vec::new();
        hide_in(&mut live, &known, &mut |secret, text| {
            seen.push(text.to_owned());
            Secret::of(secret.source.clone(), text, &SecretKey::new([1; 32]))
        });
        let json = Value::Table(live).to_json().to_string();
        assert!(seen == ["hunter2"] && !json.contains("hunter2") && json.contains("\"OTHER\":\"b\""), "{json}");
    }

    #[test]
    fn copies_of_a_secret_are_learned_by_their_hash() {
        let (key, scrubber) = (SecretKey::new([1; 32]), Scrubber::default());
        let digests = Secret::of(SecretSource::Env("TOKEN".into()), "the-old-token-of-the-shop", &key).digest.into_iter().collect();
        let live =
            table(json!({ "environment": { "KEEP": "the-old-token-of-the-shop", "OTHER": "ordinary-and-long" }, "layers": ["arn:x"] }));
        learn_copies(&live, &digests, &key, &scrubber);
        assert!(scrubber.knows(&"https://x/?k=the-old-token-of-the-shop".into()) && !scrubber.knows(&"ordinary-and-long".into()));
    }

    #[test]
    fn copies_of_a_secret_are_forgotten_but_for_what_the_spec_says_itself() {
        let scrubber = Scrubber::default();
        scrubber.learn("arn:aws:sns:eu-central-1:000000000000:alerts");
        let rights = json!({ "Statement": [{ "Resource": "arn:aws:sns:eu-central-1:000000000000:alerts" }] });
        let mut inputs = table(json!({ "policies": { "ours": rights, "theirs": rights }, "handler": "bootstrap" }));
        let wanted = table(json!({ "policies": { "ours": rights } }));
        forget_copies(&mut inputs, Some(&wanted), &scrubber);
        assert_eq!(inputs, table(json!({ "policies": { "ours": rights, "theirs": {} }, "handler": "bootstrap" })));
        forget_copies(&mut inputs, None, &scrubber);
        assert_eq!(inputs, table(json!({ "policies": { "ours": {}, "theirs": {} }, "handler": "bootstrap" })));
    }
}

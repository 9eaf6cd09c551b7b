//! Who changed what drifted, as far as CloudTrail tells.

use super::Engine;
use crate::diagnostic::Diagnostic;
use crate::model::{Address, Author, DriftReport, State, Value};
use std::collections::BTreeMap;

/// So many resources are asked about in one check: CloudTrail answers two calls a second.
const ASKED_MAX: usize = 20;
/// The kind whose changes are written down in one region for all.
const ROLE: &str = "role";
/// Where tags stand.
const TAGS: &str = "tags";

impl Engine {
    /// Asks who changed what was found. A resource of which the check `before` found the same is not asked about again.
    pub(super) async fn ask_who(&self, report: &mut DriftReport, state: &State, before: Option<&DriftReport>) {
        let mut authors = BTreeMap::new();
        let addresses: Vec<Address> = report.addresses().into_iter().cloned().collect();
        let (known, open): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| is_known(address, report, before));
        authors.extend(known.into_iter().filter_map(|address| Some((address.clone(), before?.authors.as_ref()?.get(&address)?.clone()))));
        if open.len() > ASKED_MAX {
            let note = Diagnostic::note("who-of-some", "Not all changes were asked about").detail(format!(
                "CloudTrail is asked about {ASKED_MAX} resources in one check, and something was found of {}.",
                open.len()
            ));
            report.warnings.push(note);
        }
        for address in open.into_iter().take(ASKED_MAX) {
            let about = About::of(&address, report);
            match self.author_of(&address, state, about).await {
                Ok(author) => authors.extend(author.map(|author| (address, author))),
                Err(error) => {
                    let note = Diagnostic::note("who-unknown", "CloudTrail did not tell who did it").detail(error.to_string());
                    report.warnings.push(note);
                    break;
                }
            }
        }
        report.authors = Some(authors);
    }

    /// Some services write a thing down by its name, some by its ARN.
    async fn author_of(&self, address: &Address, state: &State, about: About) -> Result<Option<Author>, crate::aws::AwsError> {
        let Some(entry) = state.entries.get(address) else { return Ok(None) };
        let attribute = |key: &str| entry.attributes.get(key).and_then(Value::as_str);
        let name = attribute("name").or(attribute("function_name")).unwrap_or(entry.physical_id.as_str());
        let reader = self.reader();
        for name in [Some(name), attribute("arn")].into_iter().flatten() {
            if let Some(author) = reader.last_change(name, address.kind == ROLE, |operation| about.includes(operation)).await? {
                return Ok(Some(author));
            }
        }
        Ok(None)
    }
}

/// What was found of a resource: whoever tags it has changed nothing else.
#[derive(Clone, Copy)]
struct About {
    tags: bool,
    others: bool,
}

impl About {
    fn of(address: &Address, report: &DriftReport) -> Self {
        let steps = report.drifted.iter().filter(|step| step.address == *address);
        let extras = report.extras.iter().filter(|(of, _)| of == address);
        let paths: Vec<&str> = steps
            .flat_map(|step| step.changes.iter().map(|change| change.path.first()))
            .chain(extras.map(|(_, extra)| extra.path.first()))
            .collect();
        Self { tags: paths.contains(&TAGS), others: paths.is_empty() || paths.iter().any(|path| *path != TAGS) }
    }

    fn includes(self, operation: &str) -> bool {
        if operation.starts_with("Tag") || operation.starts_with("Untag") { self.tags } else { self.others }
    }
}

/// Whether the check before found the same of a resource, and knew who did it.
fn is_known(address: &Address, report: &DriftReport, before: Option<&DriftReport>) -> bool {
    let found = |report: &DriftReport| {
        let steps: Vec<_> = report.drifted.iter().filter(|step| step.address == *address).map(|step| step.changes.clone()).collect();
        let extras: Vec<_> = report.extras.iter().filter(|(of, _)| of == address).map(|(_, extra)| extra.clone()).collect();
        (steps, extras)
    };
    let knew = |before: &DriftReport| before.authors.as_ref().is_some_and(|authors| authors.contains_key(address));
    before.is_some_and(|before| knew(before) && found(before) == found(report))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sets_tags_is_not_who_changed_a_setting() {
        for (tags, others, expected) in [(false, true, [false, true]), (true, false, [true, false]), (true, true, [true, true])] {
            let about = About { tags, others };
            assert_eq!(["TagResource20170331v2", "UpdateFunctionConfiguration20150331v2"].map(|one| about.includes(one)), expected);
        }
    }
}

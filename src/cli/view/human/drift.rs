//! What was changed behind our back.

use super::step::{Purpose, Steps};
use super::text::{BOLD, DIM, GREEN, YELLOW, counted, hanging, styled, words};
use super::{fold, plan, security};
use crate::cli::view::Title;
use crate::cli::view::rights::holders;
use crate::model::{Address, Author, DriftReport, Extra, ExtraClass, RulesSet, Value};

/// Everything that `drift` found.
pub struct DriftView<'a> {
    /// Where.
    pub title: &'a Title,
    /// What was found.
    pub report: &'a DriftReport,
    /// How values are compared.
    pub rules: &'a dyn RulesSet,
    /// Whether each resource is shown by itself, however many there are.
    pub is_full: bool,
}

/// The drift, in lines of at most `columns`.
pub fn drift(view: &DriftView<'_>, columns: usize) -> String {
    let report = view.report;
    let mut lines = plan::heading(view.title, columns);
    let steps = Steps::new(&report.plan, &report.drifted, Purpose::Drift, view.rules, columns);
    let (blocks, is_folded) = fold::blocks(&steps, view.is_full);
    lines.extend(blocks.into_iter().flatten());
    lines.extend(extras(report).iter().flat_map(|line| hanging(line, 2, columns)).map(|line| styled(YELLOW, &line)));
    lines.extend(authors(report).iter().flat_map(|line| hanging(line, 2, columns)).map(|line| styled(DIM, &line)));
    if report.is_drift() {
        lines.push(String::new());
    }
    let rights = security::lines(&holders(&report.plan, &report.drifted, Purpose::Drift), &steps.own_names, !is_folded, columns);
    if !rights.is_empty() {
        lines.extend(rights.into_iter().chain([String::new()]));
    }
    if is_folded {
        lines.extend(fold::folded_note(columns).into_iter().chain([String::new()]));
    }
    lines.extend(plan::unread(&report.plan, columns, "drift --deep"));
    let asides = not_looked_for(report).into_iter().chain(ignored(report.ignored)).chain([pending(report)]);
    lines.extend(asides.flat_map(|text| hanging(&text, 0, columns)).map(|line| styled(DIM, &line)));
    let is_clean = !report.is_drift() && report.plan.unchecked.is_empty();
    lines.push(styled(if is_clean { GREEN.bold() } else { BOLD }, &total(view)));
    lines.join("\n")
}

/// A sentence for each thing that nobody declared, those first that open something to everybody.
pub fn extras(report: &DriftReport) -> Vec<String> {
    let mut extras: Vec<&(Address, Extra)> = report.extras.iter().collect();
    extras.sort_by_key(|(_, extra)| !extra.is_public);
    extras.into_iter().map(|(address, extra)| format!("+ {}", words(&sentence(address, extra)))).collect()
}

fn sentence(address: &Address, extra: &Extra) -> String {
    let shown = |value: &Option<Value>| value.as_ref().map(|value| value.to_json().to_string());
    match extra.class {
        ExtraClass::Foreign => format!("{address}: not ours: {}", extra.marked()),
        ExtraClass::Undeclared => {
            let live = shown(&extra.live).map(|live| format!(" = {live}")).unwrap_or_default();
            let usual = shown(&extra.usual).map(|usual| format!(", where AWS makes it {usual}")).unwrap_or_default();
            format!("{address}: not in the spec: {}{live}{usual}", extra.path)
        }
    }
}

/// Who did it, a sentence for each resource.
pub fn authors(report: &DriftReport) -> Vec<String> {
    let Some(authors) = &report.authors else { return Vec::new() };
    let sentence = |address: &Address| match authors.get(address) {
        Some(Author { name, operation, time, agent }) => {
            let agent = agent.as_ref().map(|agent| format!(", {agent}")).unwrap_or_default();
            format!("{address} was last changed by {name} ({operation}, {time}{agent})")
        }
        None => format!("{address} was changed by unknown"),
    };
    report.addresses().into_iter().map(|address| words(&sentence(address))).collect()
}

/// What costs a call for each function, and so is looked for on request only.
pub fn not_looked_for(report: &DriftReport) -> Option<String> {
    let has_functions = report.plan.steps.iter().any(|step| step.address.kind == "function");
    let what = "function URLs, and what others put into the policy of a function that has no permission of ours";
    (!report.is_deep && has_functions).then(|| format!("not looked for without `--deep`: {what}"))
}

/// How much was left out, in words.
pub fn ignored(number: usize) -> Option<String> {
    (number > 0).then(|| format!("ignored: {}, as `drift.ignore` or `--ignore` says", counted(number, "finding")))
}

/// What the spec asks for beyond what was applied, in words.
pub fn pending(report: &DriftReport) -> String {
    match (report.pending, report.secrets) {
        (None, _) => "pending changes were not counted: the spec has errors".into(),
        (Some(0), 0) => "nothing pending: the spec is as it was applied".into(),
        (Some(0), secrets) => {
            format!("nothing pending; of {} only `lambdo plan` can tell", counted(secrets, "secret"))
        }
        (Some(number), _) => format!("pending: {} of the spec not applied yet; `lambdo plan` shows them", counted(number, "change")),
    }
}

/// The one line at the end.
pub fn total(view: &DriftView<'_>) -> String {
    let report = view.report;
    if view.title.serial == 0 && report.plan.steps.is_empty() {
        return "Nothing was deployed yet, so nothing can have drifted.".into();
    }
    let differ = match report.drifted.len() {
        1 => "1 resource differs from what was applied".to_owned(),
        number => format!("{number} resources differ from what was applied"),
    };
    match (report.drifted.len(), report.extras.len(), report.plan.unchecked.len()) {
        (0, 0, 0) => "No drift.".into(),
        (0, 0, unread) => format!("No drift found, but {} could not be read.", counted(unread, "thing")),
        (_, 0, _) => format!("Drift: {differ}."),
        (0, 1, _) => "Drift: 1 thing was found that nobody declared.".into(),
        (0, extras, _) => format!("Drift: {} were found that nobody declared.", counted(extras, "thing")),
        (_, extras, _) => format!("Drift: {differ}, and nobody declared {}.", counted(extras, "thing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::{
        drift_report, drifted_step, extras as extras_of_each_class, gone_step, not_deep, plan_of, title, unchecked,
    };
    use crate::kinds::Registry;

    #[test]
    fn drift_shows_what_was_applied_and_what_lives() {
        let drifted = [drifted_step("function.hash", &["environment.A", "memory_size"]), gone_step("log_group.hash")];
        let mut plan = plan_of(drifted.to_vec());
        plan.unchecked = vec![unchecked("permission.hash.monthly")];
        plan.not_deep = vec![not_deep("event_rule.hash.daily")];
        let mut report = drift_report(&plan, &drifted, Some(2));
        (report.extras, report.ignored) = (extras_of_each_class(), 3);
        let view = DriftView { title: &title(), report: &report, rules: &Registry::new(), is_full: false };
        insta::assert_snapshot!(anstream::adapter::strip_str(&drift(&view, 80)).to_string(), @r#"
        demo · 123456789012 (acme) · eu-central-1 · state serial 4

          ~ function.hash (demo-hash)
              environment.A: 128 -> 512
              memory_size: 128 -> 512
          - log_group.hash (demo-hash): gone from AWS
          + function.hash: not ours: PUBLIC: policy statement `partner`:
            `lambda:InvokeFunction` by `*`
          + function.hash: not in the spec: tags.team = "core"

        not checked: reserved_concurrent_executions of permission.hash.monthly: access
          denied (lambda:GetFunctionConcurrency: AccessDeniedException: no)
        not read, since it costs a call for each: tags of event_rule.hash.daily;
          `lambdo drift --deep` reads it
        ignored: 3 findings, as `drift.ignore` or `--ignore` says
        pending: 2 changes of the spec not applied yet; `lambdo plan` shows them
        Drift: 2 resources differ from what was applied, and nobody declared 2 things.
        "#);
    }

    #[test]
    fn no_drift_is_one_sentence() {
        let plan = plan_of(vec![]);
        let report = drift_report(&plan, &[], None);
        let view = DriftView { title: &title(), report: &report, rules: &Registry::new(), is_full: false };
        insta::assert_snapshot!(anstream::adapter::strip_str(&drift(&view, 80)).to_string(), @r"
        demo · 123456789012 (acme) · eu-central-1 · state serial 4

        pending changes were not counted: the spec has errors
        No drift.
        ");
    }
}

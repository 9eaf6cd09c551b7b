//! What of a plan towards what was applied is drift, once the rules of the spec have had their say.

use super::pending;
use crate::model::drift::drifted;
use crate::model::{Address, Desired, DriftReport, DriftSettings, Extra, ExtraClass, IgnorePattern, Plan, Reason, RulesSet, State, Step};
use std::collections::BTreeSet;

/// What a report is made from besides the plan.
pub struct Looked<'a> {
    /// `[drift]`.
    pub settings: &'a DriftSettings,
    /// What this one run leaves out.
    pub ignore: &'a [IgnorePattern],
    /// The day, as `2026-12-31`, in UTC.
    pub today: &'a str,
    /// Whether what costs a call for each resource was read, too.
    pub is_deep: bool,
    /// What the spec asks for; `None` where it is broken.
    pub wanted: Option<&'a Desired>,
    /// What was applied.
    pub state: &'a State,
    /// The rules of the kinds.
    pub rules: &'a dyn RulesSet,
}

/// Keeps drift apart from what is pending and from what is not known.
#[must_use]
pub fn report(mut plan: Plan, looked: &Looked<'_>) -> DriftReport {
    let rules = || looked.settings.ignore.iter().filter(|rule| !rule.is_expired(looked.today)).map(|rule| &rule.pattern);
    let patterns: Vec<&IgnorePattern> = rules().chain(looked.ignore).collect();
    let mut ignored = 0;
    let steps = drifted(&plan).filter_map(|step| without_ignored(step, &patterns, &mut ignored)).collect();
    let is_asked_for = |(_, extra): &&(Address, Extra)| looked.settings.undeclared || extra.class != ExtraClass::Undeclared;
    let (left_out, extras): (Vec<_>, Vec<_>) =
        plan.extras.iter().filter(is_asked_for).cloned().partition(|(address, extra)| covers(&patterns, address, &extra.path));
    plan.unchecked.retain(|(address, unchecked)| match unchecked.path.0.is_empty() {
        true => !patterns.iter().any(|pattern| pattern.covers_everything_of(address)),
        false => !covers(&patterns, address, &unchecked.path),
    });
    let pending = looked.wanted.map(|wanted| pending::count(wanted, &plan, looked.state, looked.rules));
    let known: BTreeSet<&Address> =
        looked.state.entries.keys().chain(looked.wanted.iter().flat_map(|wanted| wanted.resources.keys())).collect();
    let known: Vec<&Address> = known.into_iter().collect();
    let of_rules = looked.settings.ignore.iter().filter_map(|rule| rule.warning(looked.today, &known));
    let warnings = of_rules.chain(looked.ignore.iter().filter_map(|pattern| pattern.about_nothing("--ignore", &known))).collect();
    DriftReport {
        plan,
        drifted: steps,
        extras,
        ignored: ignored + left_out.len(),
        is_deep: looked.is_deep,
        pending,
        secrets: looked.wanted.map_or(0, pending::secrets),
        authors: None,
        warnings,
    }
}

fn covers(patterns: &[&IgnorePattern], address: &Address, path: &crate::model::Path) -> bool {
    patterns.iter().any(|pattern| pattern.covers(address, path))
}

/// Takes the covered changes out of a step, and counts them; `None` when nothing is left of it.
fn without_ignored(step: &Step, patterns: &[&IgnorePattern], ignored: &mut usize) -> Option<Step> {
    if patterns.iter().any(|pattern| pattern.covers_everything_of(&step.address)) {
        *ignored += step.changes.len().max(1);
        return None;
    }
    if step.reason == Reason::MissingInAws {
        return Some(step.clone());
    }
    let mut left = step.clone();
    left.changes.retain(|change| !covers(patterns, &step.address, &change.path));
    *ignored += step.changes.len() - left.changes.len();
    (left.changes.len() == step.changes.len() || !left.changes.is_empty()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures;
    use crate::kinds::Registry;
    use crate::model::{IgnoreRule, Path, Unchecked};

    const TODAY: &str = "2026-11-22";

    fn rule(pattern: &str, until: Option<&str>) -> IgnoreRule {
        IgnoreRule { pattern: pattern.parse().unwrap(), reason: "on call".into(), until: until.map(str::to_owned) }
    }

    fn reported(steps: Vec<Step>, unread: Vec<(Address, Unchecked)>, rules: Vec<IgnoreRule>) -> DriftReport {
        let mut plan = fixtures::plan_of(steps);
        plan.unchecked = unread;
        plan.extras = fixtures::extras();
        let settings = DriftSettings { ignore: rules, ..DriftSettings::default() };
        let (state, rules) = (fixtures::state(), Registry::new());
        report(plan, &Looked { settings: &settings, ignore: &[], today: TODAY, is_deep: false, wanted: None, state: &state, rules: &rules })
    }

    fn left(address: &str, patterns: &[&str]) -> Option<Vec<String>> {
        let step = fixtures::drifted_step(address, &["environment.A", "memory_size"]);
        let report = reported(vec![step], vec![], patterns.iter().map(|pattern| rule(pattern, None)).collect());
        report.drifted.first().map(|step| step.changes.iter().map(|change| change.path.to_string()).collect())
    }

    #[test]
    fn patterns_take_out_what_they_cover() {
        let both = Some(vec!["environment.A".to_owned(), "memory_size".to_owned()]);
        let memory = Some(vec!["memory_size".to_owned()]);
        assert_eq!(left("function.hash", &[]), both);
        assert_eq!(left("function.hash", &["function.hash:environment"]), memory);
        assert_eq!(left("function.hash", &["function.*:environment.*"]), memory);
        assert_eq!(left("function.hash", &["function.h:environment"]), both);
        assert_eq!(left("function.hash", &["function.hash:environment", "*:memory_*"]), None);
        assert_eq!(left("event_rule.hash.monthly", &["event_rule.hash.*:*"]), None);
    }

    #[test]
    fn what_is_gone_is_ignored_only_as_a_whole() {
        let of = |pattern: &str| reported(vec![fixtures::gone_step("function.hash")], vec![], vec![rule(pattern, None)]);
        assert_eq!((of("function.hash:memory_size").drifted.len(), of("function.hash:memory_size").ignored), (1, 0));
        assert_eq!((of("function.hash:*").drifted.len(), of("function.hash:*").ignored), (0, 2), "the step and the statement");
    }

    #[test]
    fn a_rule_holds_through_its_last_day_and_speaks_up_after_it() {
        let steps = || vec![fixtures::drifted_step("function.hash", &["memory_size"])];
        let on = |until| reported(steps(), vec![], vec![rule("function.hash:memory_size", Some(until))]);
        assert!(on(TODAY).drifted.is_empty() && on(TODAY).warnings.is_empty());
        let expired = on("2026-11-21");
        assert_eq!((expired.drifted.len(), expired.warnings[0].code), (1, "drift-ignore-expired"));
    }

    #[test]
    fn a_rule_about_nothing_is_told_with_the_nearest() {
        let report = reported(vec![], vec![], vec![rule("function.hahs:*", None)]);
        assert_eq!(
            (report.warnings[0].code, &report.warnings[0].hints[..]),
            ("drift-ignore-nothing", &["did you mean `function.hash`?".to_owned()][..])
        );
    }

    #[test]
    fn a_path_that_nothing_has_is_wrong_and_says_the_nearest() {
        let registry = Registry::new();
        let kinds: Vec<&dyn crate::model::Rules> = registry.iter().map(|kind| kind as &dyn crate::model::Rules).collect();
        let wrong = |pattern: &str| pattern.parse::<IgnorePattern>().unwrap().about_no_setting("--ignore", &kinds);
        for pattern in [
            "function.a:memory_size",
            "function.*:environment.LOG_*",
            "function.a:*",
            "*:*",
            "*.a:tags.team",
            "function.a:statement.partner",
            "function.a:event_source.*",
            "function.a:function_url",
            "function.a:code",
            "function.a:reserved_concurrent_executions",
            "event_rule.a.daily:targets.theirs",
            "permission.a.daily:principal",
            "layer.a:description",
            "log_group.a:retention_*",
            "ecr.a:repository_policy.Theirs",
            "role.a:inline_policy.x",
            "nothing.a:x",
        ] {
            assert_eq!(wrong(pattern), None, "{pattern}");
        }
        for (pattern, near) in [("function.a:memory_sise", "memory_size"), ("*:enviroment.*", "environment"), ("log_*.a:retention", "")] {
            let found = wrong(pattern).unwrap_or_else(|| panic!("{pattern}"));
            assert!(found.is_error() && found.hints[0].contains(near), "{found:?}");
        }
    }

    #[test]
    fn a_pattern_of_the_command_line_about_nothing_is_told() {
        let (state, rules, settings) = (fixtures::state(), Registry::new(), DriftSettings::default());
        let ignore = ["function.hahs:memory_size".parse().unwrap()];
        let looked =
            Looked { settings: &settings, ignore: &ignore, today: TODAY, is_deep: false, wanted: None, state: &state, rules: &rules };
        let told = report(fixtures::plan_of(vec![]), &looked).warnings;
        assert_eq!(told[0].hints, ["did you mean `function.hash`?"]);
        assert!(told[0].detail.starts_with("`--ignore` has"), "{told:?}");
    }

    #[test]
    fn what_is_ignored_need_not_be_read() {
        let unread = || vec![fixtures::unchecked("function.hash")];
        assert_eq!(reported(vec![], unread(), vec![rule("function.hash:statement.*", None)]).exit().code(), 5);
        assert_eq!(reported(vec![], unread(), vec![rule("function.hash:*", None)]).exit().code(), 0);
    }

    #[test]
    fn undeclared_settings_count_only_where_they_are_asked_for() {
        let classes = |report: &DriftReport| report.extras.iter().map(|(_, extra)| extra.class).collect::<Vec<_>>();
        let mut plan = fixtures::plan_of(vec![]);
        plan.extras = fixtures::extras();
        let settings = DriftSettings { undeclared: true, ..DriftSettings::default() };
        let (state, rules) = (fixtures::state(), Registry::new());
        let looked = Looked { settings: &settings, ignore: &[], today: TODAY, is_deep: false, wanted: None, state: &state, rules: &rules };
        assert_eq!(classes(&report(plan, &looked)), [ExtraClass::Undeclared, ExtraClass::Foreign]);
        assert_eq!(classes(&reported(vec![], vec![], vec![])), [ExtraClass::Foreign]);
        assert_eq!(reported(vec![], vec![], vec![]).exit().code(), 3);
    }

    #[test]
    fn a_pattern_reads_back_as_it_is_written() {
        for text in ["function.hash:environment.*", "event_rule.*.daily:targets.\"a b\"", "*:*"] {
            assert_eq!(text.parse::<IgnorePattern>().unwrap().to_string(), text);
        }
        assert_eq!("role.a:x".parse::<IgnorePattern>().unwrap().path, Path::key("x"));
    }
}

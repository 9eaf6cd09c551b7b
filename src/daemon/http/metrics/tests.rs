use super::*;
use crate::daemon::testing::{at, finding};
use crate::daemon::{Board, CallCount, Calls, FindingState, LogGroups};

fn views(id: &str) -> Vec<Arc<View>> {
    let (board, now) = (Board::default(), at("2026-11-22T10:00:00Z"));
    board.update(id, |view| {
        (view.last_success, view.pending) = (Some(now), Some(2));
        let (kind, finding) = (None, finding("hash", "memory_size", 512));
        let state = FindingState {
            finding,
            id: "x".into(),
            since: now,
            seen: now,
            healed: kind,
            left: None,
            is_told: true,
            contested: kind,
            reminded: kind,
        };
        let trouble = crate::daemon::testing::trouble(crate::daemon::TroubleKind::Denied);
        view.undone = vec![crate::daemon::Undone { work: Topic::Heal, trouble, since: now, attempts: 3 }];
        view.findings = vec![state];
        view.totals.checks_done = 3;
        [250, 251, 400_000].into_iter().for_each(|elapsed_ms| view.totals.durations.add(elapsed_ms));
        let count = |sent, retried, failed, throttled| CallCount { sent, throttled, retried, failed, elapsed_ms: 1_500 };
        let operations =
            [("lambda:GetFunction", count(10, 2, 1, 2)), ("lambda:ListFunctions", count(1, 0, 0, 0)), ("iam:GetRole", count(4, 0, 4, 0))];
        let operations = operations.into_iter().map(|(operation, count)| (operation.to_owned(), count)).collect();
        view.calls = Calls { total: 15, throttled: 2, operations };
        view.log_groups =
            Some(LogGroups { at: now, groups: 5, stored_bytes: 9, without_retention: 2, empty: 1, open: 3, findings: Vec::new() });
    });
    board.all()
}

fn channels() -> [(&'static str, Vec<Health>); 1] {
    let health = Health { channel: "sns \"alarms\"".into(), waiting: 2, arrived_at: None, error: Some("denied".into()) };
    [("demo", vec![health])]
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|one| one == line), "`{line}` is not in\n{text}");
}

#[test]
fn checks_drift_calls_and_durations_are_counted() {
    let text = text(&views("demo"), &channels(), at("2026-11-22T10:01:30Z"));
    for line in [
        "lambdo_checks_total{spec=\"demo\",result=\"success\"} 3",
        "lambdo_last_success_age_seconds{spec=\"demo\"} 90",
        "lambdo_drift_open{spec=\"demo\",kind=\"changed\"} 1",
        "lambdo_drift_open{spec=\"demo\",kind=\"missing\"} 0",
        "lambdo_work_failing{spec=\"demo\",work=\"heal\"} 1",
        "lambdo_work_failing{spec=\"demo\",work=\"plan\"} 0",
        "lambdo_standing{spec=\"demo\",standing=\"starting\"} 1",
        // Ten requests were eight calls and two retries.
        "lambdo_aws_calls_total{spec=\"demo\",service=\"lambda\",outcome=\"success\"} 8",
        "lambdo_aws_calls_total{spec=\"demo\",service=\"lambda\",outcome=\"failure\"} 1",
        "lambdo_aws_calls_total{spec=\"demo\",service=\"iam\",outcome=\"success\"} 0",
        "lambdo_aws_throttled_total{spec=\"demo\",service=\"lambda\"} 2",
        "lambdo_aws_request_seconds_total{spec=\"demo\",service=\"lambda\"} 3",
        "lambdo_check_duration_seconds_bucket{spec=\"demo\",le=\"0.25\"} 1",
        "lambdo_check_duration_seconds_bucket{spec=\"demo\",le=\"0.5\"} 2",
        "lambdo_check_duration_seconds_bucket{spec=\"demo\",le=\"300\"} 2",
        "lambdo_check_duration_seconds_bucket{spec=\"demo\",le=\"+Inf\"} 3",
        "lambdo_check_duration_seconds_sum{spec=\"demo\"} 400.501",
        "lambdo_check_duration_seconds_count{spec=\"demo\"} 3",
        "lambdo_notify_waiting{spec=\"demo\",channel=\"sns \\\"alarms\\\"\"} 2",
        "lambdo_notify_failing{spec=\"demo\",channel=\"sns \\\"alarms\\\"\"} 1",
        "lambdo_log_groups_wrong{spec=\"demo\",problem=\"no_retention\"} 2",
    ] {
        has(&text, line);
    }
}

#[test]
fn a_name_cannot_forge_a_sample() {
    let text = text(&views("a\"} 1\nforged{x=\"\\"), &[], at("2026-11-22T10:00:00Z"));
    assert!(!text.lines().any(|line| line.starts_with("forged")), "{text}");
    has(&text, r#"lambdo_resources{spec="a\"} 1\nforged{x=\"\\"} 0"#);
}

/// By the form's rules: each family once, its samples right behind its head, no sample twice, and names as they are recommended.
#[test]
fn the_page_keeps_to_the_form() {
    let text = text(&views("demo"), &channels(), at("2026-11-22T10:00:00Z"));
    let (mut family, mut kind, mut families, mut samples) = ("", "", Vec::new(), Vec::new());
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            (family, kind) = head.split_once(' ').unwrap();
            families.push(family);
            assert_eq!(family.ends_with("_total"), kind == "counter", "{line}");
        } else if !line.starts_with('#') {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(suffixes.iter().any(|suffix| name == format!("{family}{suffix}")), "{line} in {family}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
            samples.push(sample);
        }
    }
    for mut names in [families, samples] {
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
    assert!(text.ends_with('\n'));
}

#[test]
fn milliseconds_are_seconds_to_the_last_digit() {
    assert_eq!([0, 5, 250, 1_000, 61_020].map(seconds), ["0", "0.005", "0.25", "1", "61.02"].map(str::to_owned));
}

/// Every metric of the example dashboard is one of ours.
#[test]
fn the_dashboard_asks_for_metrics_that_are_there() {
    let dashboard = include_str!("../../../../deploy/grafana/dashboard.json");
    let text = text(&views("demo"), &channels(), at("2026-11-22T10:00:00Z"));
    let names: Vec<&str> = dashboard
        .split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
        .filter(|word| word.starts_with("lambdo_"))
        .collect();
    let missing: Vec<&&str> = names.iter().filter(|name| !text.contains(&format!("\n{name}{{"))).collect();
    assert!(names.len() > 12 && missing.is_empty(), "{missing:?}");
}

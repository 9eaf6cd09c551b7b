//! The document of `log-groups`, described by `schemas/log-groups.schema.json`.

use super::human::LogGroupsView;
use super::json::VERSION;
use crate::model::log_group::{Ended, Finding, PRICE_REGION, PRICE_USD_PER_GB_MONTH, Remedy, usd_per_month};
use serde_json::{Map, Value as Json, json};

/// The document of `log-groups audit`.
pub fn audit(view: &LogGroupsView<'_>) -> Json {
    let (audit, standard) = (view.audit, view.standard);
    let (endless, endless_bytes) = audit.endless();
    json!({
        "version": VERSION, "command": "log-groups audit",
        "account": view.target.account, "region": view.target.region, "prefix": view.prefix,
        "retention_in_days": standard.retention_in_days, "delete_empty": standard.delete_empty,
        "summary": {
            "log_groups": audit.groups, "stored_bytes": audit.stored_bytes, "usd_per_month": cents(audit.stored_bytes),
            "without_retention": endless, "without_retention_stored_bytes": endless_bytes,
            "without_retention_usd_per_month": cents(endless_bytes), "empty": audit.empty(),
        },
        "price": { "usd_per_gb_month": PRICE_USD_PER_GB_MONTH, "region": PRICE_REGION },
        "log_groups": audit.findings.iter().map(|finding| one(finding, view)).collect::<Vec<_>>(),
    })
}

fn one(finding: &Finding, view: &LogGroupsView<'_>) -> Json {
    let group = &finding.group;
    let (action, why) = match &finding.remedy {
        Remedy::SetRetention(_) => ("set_retention", None),
        Remedy::Delete => ("delete", None),
        Remedy::Keep(kept) => ("keep", Some(kept.why())),
    };
    let ended = view.ends.and_then(|ends| ends.get(&group.name));
    let (result, ended_why) = match ended {
        Some(Ended::Done) => (Some("done"), None),
        Some(Ended::Skipped(why)) => (Some("skipped"), Some(why.clone())),
        Some(Ended::Failed(why)) => (Some("failed"), Some(why.clone())),
        None => (None, None),
    };
    let created = jiff::Timestamp::from_millisecond(group.created_ms).unwrap_or_default();
    let fields = [
        ("name", Some(Json::from(group.name.as_str()))),
        ("stored_bytes", Some(group.stored_bytes.into())),
        ("usd_per_month", Some(cents(group.stored_bytes))),
        ("retention_in_days", group.retention_in_days.map(Json::from)),
        ("created_at", Some(created.to_string().into())),
        ("log_group_class", Some(group.class.as_str().into())),
        ("empty", Some(finding.is_empty.into())),
        ("action", Some(action.into())),
        ("result", result.map(Json::from)),
        ("why", ended_why.or(why).map(Json::from)),
    ];
    fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect::<Map<_, _>>().into()
}

/// Dollars with four digits after the point: more is no knowledge.
fn cents(stored_bytes: u64) -> Json {
    json!((usd_per_month(stored_bytes) * 10_000.0).round() / 10_000.0)
}

//! The settings of an event rule, as data. Ranges follow the EventBridge API model.

use super::schedule;
use crate::kinds::names::only;
use crate::kinds::tagging;
use crate::model::field::ANY_STRING;
use crate::model::{Compare, Default, Field, Shape};

/// The bus that AWS's own events and schedules are on.
pub(super) const DEFAULT_BUS: &str = "default";

pub(super) const FIELDS: &[Field] = &[
    Field::new("name", Shape::checked(1, 64, check_name), "Its name in AWS, instead of `<function name>-<name>`.").replaces(),
    Field::new("schedule_expression", Shape::checked(1, 256, schedule::check), "When it fires, in UTC: `rate(…)` or `cron(…)`."),
    Field::new("event_pattern", Shape::Document, "Which events fire it.").compare(Compare::Json),
    Field::new("description", Shape::text(0, 512), "What it does, for people.").default(Default::Text("")),
    Field::new("event_bus_name", Shape::checked(1, 256, check_bus), "The event bus; schedules are on `default` only.")
        .default(Default::Text(DEFAULT_BUS))
        .replaces(),
    Field::new("enabled", Shape::Boolean, "Whether it fires; false keeps it and switches it off.").default(Default::Boolean(true)),
    // Never asked for: what others have set is told, since putting the rule takes it off.
    Field::new("role_arn", Shape::text(1, 1600), "The role of the rule itself; none is set, and one that others have set goes."),
    // Only our own target is part of it, so it is compared as one value.
    Field::new("targets", Shape::Document, "What it invokes; made by lambdo, those of others are kept."),
    tagging::FIELD.deep(),
    Field::new("protect", Shape::Boolean, "Refuses to delete or replace it.").internal(),
    Field::new("input", Shape::Document, "What the function gets instead of the event.").internal(),
    Field::new("timezone", ANY_STRING, "Refused: rules run in UTC.").internal(),
    Field::new("schedule_expression_timezone", ANY_STRING, "Refused: rules run in UTC.").internal(),
];

fn check_name(text: &str) -> Result<(), String> {
    only(text, ".-_")
}

fn check_bus(text: &str) -> Result<(), String> {
    if text.starts_with("arn:") {
        return Err("is an ARN; a bus of this account is given by its name, and rules on buses of others are not supported yet".to_owned());
    }
    only(text, ".-_/")
}

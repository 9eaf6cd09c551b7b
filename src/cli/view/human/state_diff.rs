//! What differs between two generations of the state.

use super::text::{BOLD, GREEN, RED, YELLOW, counted, styled};
use crate::model::{EntryDifference, EntryStanding, ValueDifference};
use serde_json::Value;

/// One line for each resource that came or went, one for each value that changed, and their number.
pub fn state_diff(differences: &[EntryDifference]) -> String {
    let mut lines: Vec<String> = differences.iter().flat_map(entry).collect();
    let (verb, number) = (if differences.len() == 1 { "differs" } else { "differ" }, counted(differences.len(), "resource"));
    lines.extend([String::new(), styled(BOLD, &format!("{number} {verb}."))]);
    lines.join("\n")
}

fn entry(one: &EntryDifference) -> Vec<String> {
    match &one.standing {
        EntryStanding::Added => vec![styled(GREEN, &format!("  + {}", one.address))],
        EntryStanding::Removed => vec![styled(RED, &format!("  - {}", one.address))],
        EntryStanding::Changed(values) => {
            std::iter::once(styled(YELLOW, &format!("  ~ {}", one.address))).chain(values.iter().map(value)).collect()
        }
    }
}

fn value(one: &ValueDifference) -> String {
    let side = |value: &Option<Value>| value.as_ref().map_or_else(|| "(unset)".to_owned(), Value::to_string);
    format!("      {}: {} -> {}", one.path, styled(RED, &side(&one.before)), styled(GREEN, &side(&one.after)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Path};

    #[test]
    fn what_came_went_and_changed_is_listed() {
        let value = |before, after| ValueDifference { path: Path::key("inputs").join("memory_size"), before, after };
        let changed = vec![value(Some(128.into()), Some(256.into())), value(Some("x".into()), None)];
        let of = |name, standing| EntryDifference { address: Address::new("function", name), standing };
        let differences = [of("a", EntryStanding::Changed(changed)), of("b", EntryStanding::Added), of("c", EntryStanding::Removed)];
        insta::assert_snapshot!(anstream::adapter::strip_str(&state_diff(&differences)).to_string(), @r#"
          ~ function.a
              inputs.memory_size: 128 -> 256
              inputs.memory_size: "x" -> (unset)
          + function.b
          - function.c

        3 resources differ.
        "#);
    }
}

//! What `drift --ignore` leaves out.

use crate::model::{Address, Change, Path, Reason, Step};
use std::str::FromStr;

/// `ADDRESS:PATH`, where `*` stands for any text in each part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnorePattern {
    address: Path,
    path: Path,
}

impl IgnorePattern {
    fn covers_address(&self, address: &Address) -> bool {
        let mut keys = vec![address.kind.clone(), address.name.clone()];
        keys.extend(address.part.clone());
        Path(keys).is_covered_by(&self.address)
    }

    fn covers_everything_of(&self, address: &Address) -> bool {
        self.path == Path::key("*") && self.covers_address(address)
    }

    fn covers(&self, address: &Address, change: &Change) -> bool {
        self.covers_address(address) && change.path.is_covered_by(&self.path)
    }
}

impl FromStr for IgnorePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, path) =
            text.split_once(':').ok_or_else(|| format!("`{text}` is not ADDRESS:PATH, such as `function.hash:environment.*`"))?;
        Ok(Self { address: address.parse()?, path: path.parse()? })
    }
}

/// Takes the covered changes out of a step; `None` when nothing is left of it.
pub fn without_ignored(step: &Step, patterns: &[IgnorePattern]) -> Option<Step> {
    if patterns.iter().any(|pattern| pattern.covers_everything_of(&step.address)) {
        return None;
    }
    let mut left = step.clone();
    left.changes.retain(|change| !patterns.iter().any(|pattern| pattern.covers(&step.address, change)));
    let is_gone = step.reason == Reason::MissingInAws;
    (is_gone || left.changes.len() == step.changes.len() || !left.changes.is_empty()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures;

    fn left(address: &str, patterns: &[&str]) -> Option<Vec<String>> {
        let step = fixtures::drifted_step(address, &["environment.A", "memory_size"]);
        let patterns: Vec<IgnorePattern> = patterns.iter().map(|pattern| pattern.parse().unwrap()).collect();
        without_ignored(&step, &patterns).map(|step| step.changes.iter().map(|change| change.path.to_string()).collect())
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
        let step = fixtures::gone_step("function.hash");
        assert!(without_ignored(&step, &["function.hash:memory_size".parse().unwrap()]).is_some());
        assert!(without_ignored(&step, &["function.hash:*".parse().unwrap()]).is_none());
    }
}

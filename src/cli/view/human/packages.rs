//! The packages that `build` made.

use super::text::{BOLD, DIM, bytes, counted, duration, fitted, styled, width};
use crate::model::{Address, Artifact};
use crate::package::Making;
use std::collections::BTreeMap;

/// The characters of a content hash that are shown.
const HASH_SHOWN: usize = "sha256:".len() + 12;
/// The widest column of names.
const NAME_COLUMNS_MAX: usize = 40;

/// One line for each package, in columns.
pub fn packages(artifacts: &BTreeMap<Address, Artifact>) -> Vec<String> {
    let rows: Vec<[String; 4]> = artifacts
        .iter()
        .map(|(address, artifact)| {
            let name = if address.kind == "function" { address.name.clone() } else { address.to_string() };
            let hash = artifact.content_hash.get(..HASH_SHOWN).unwrap_or(&artifact.content_hash).to_owned();
            [fitted(&name, NAME_COLUMNS_MAX), bytes(artifact.unzipped_bytes), counted(artifact.files, "file"), hash]
        })
        .collect();
    let column = |at: usize| rows.iter().map(|row| width(&row[at])).max().unwrap_or_default();
    let (names, sizes, numbers) = (column(0), column(1), column(2));
    let line = |[name, size, number, hash]: &[String; 4]| {
        let pad = names.saturating_sub(width(name));
        format!("{}{:pad$}  {size:>sizes$}  {number:>numbers$}  {}", styled(BOLD, name), "", styled(DIM, hash))
    };
    rows.iter().map(line).collect()
}

/// How many packages, what they weigh, how many of them were built, and how long it took.
pub fn built(artifacts: &BTreeMap<Address, Artifact>, makings: &BTreeMap<Address, Making>, elapsed_ms: u64) -> String {
    let weight = artifacts.values().map(|artifact| artifact.unzipped_bytes).sum();
    let number = counted(artifacts.len(), "package");
    let built = match makings.values().filter(|making| !making.is_cached).count() {
        0 => "nothing to build".to_owned(),
        number => format!("{number} built"),
    };
    format!("{number} ready, {}, {built}, in {}", bytes(weight), duration(elapsed_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Form;

    #[test]
    fn packages_stand_in_columns_and_the_total_counts_what_was_built() {
        let artifact =
            |unzipped_bytes, files| Artifact { content_hash: format!("sha256:{}", "0".repeat(64)), form: Form::Zip, unzipped_bytes, files };
        let all = BTreeMap::from([
            (Address::new("function", "hash"), artifact(1_234_567, 1)),
            (Address::new("function", "monthly-report"), artifact(12, 10_000)),
            (Address::new("layer", "data"), artifact(250_000_000, 3)),
        ]);
        let makings = |is_cached| all.keys().map(|address| (address.clone(), Making { is_cached, elapsed_ms: 1 })).collect();
        let mut lines = packages(&all);
        lines.push(built(&all, &makings(false), 12_345));
        lines.push(built(&all, &makings(true), 45));
        insta::assert_snapshot!(anstream::adapter::strip_str(&lines.join("\n")).to_string());
    }
}

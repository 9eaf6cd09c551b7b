//! Which files differ in packages.

use super::text::{BOLD, DIM, GREEN, RED, YELLOW, bytes, counted, fitted, hanging, styled, width};
use crate::cli::view::{PackageView, Standing};
use crate::package::{PackageDiff, PackedFile};
use anstyle::Style;

/// Files that are shown of one package; the rest is counted.
const FILES_MAX: usize = 30;
/// The narrowest column of names, where sizes take the rest.
const NAME_COLUMNS_MIN: usize = 16;

/// What differs in each package, and a line about all of them. It has no final line end.
pub fn package_diff(views: &[PackageView<'_>], is_full: bool, columns: usize) -> String {
    let mut lines: Vec<String> = views.iter().flat_map(|view| package(view, is_full, columns)).collect();
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines.push(styled(BOLD, &total(views)));
    lines.join("\n")
}

fn package(view: &PackageView<'_>, is_full: bool, columns: usize) -> Vec<String> {
    let address = styled(BOLD, &view.address.to_string());
    let now = format!("{} in {}", bytes(view.artifact.unzipped_bytes), counted(view.artifact.files, "file"));
    match &view.standing {
        Standing::Same => Vec::new(),
        Standing::New => vec![format!("{} {address}: not applied yet, {now}", styled(GREEN, "  +"))],
        Standing::Unknown => {
            let mut lines = vec![format!("{} {address}: {}, {now}", styled(YELLOW, "  ~"), styled(YELLOW, "another package"))];
            let why = "Which files differ is not known here: what was applied was made on another machine, or its manifest in `state/build/` is gone.";
            lines.extend(hanging(why, 6, columns).iter().map(|line| styled(DIM, line)));
            lines
        }
        Standing::Differs(diff) => {
            let mut lines = vec![format!("{} {address}: {}", styled(YELLOW, "  ~"), sizes(diff))];
            // Of files that are packed as they are, the list below says the same.
            let is_listed = |name: &str| diff.files.keys().any(|file| name == file || name.ends_with(&format!("/{file}")));
            if view.source_changes.named.iter().any(|change| !is_listed(change.name())) {
                let sentence = format!("({})", view.source_changes.sentence());
                lines.extend(hanging(&sentence, 6, columns).iter().map(|line| styled(DIM, line)));
            }
            lines.extend(files(diff, is_full, columns));
            lines
        }
    }
}

/// `2 files differ, 1.1 MiB -> 1.2 MiB in 14 files`
fn sizes(diff: &PackageDiff) -> String {
    let (before, after) = (diff.before, diff.after);
    let differing = match diff.files.len() {
        1 => "1 file differs".to_owned(),
        number => format!("{number} files differ"),
    };
    let (one, other) = (bytes(before.bytes), bytes(after.bytes));
    if before.files == after.files {
        let weight = if one == other { one } else { format!("{one} -> {other}") };
        return format!("{differing}, {weight} in {}", counted(after.files, "file"));
    }
    format!("{differing}, {one} in {} -> {other} in {}", counted(before.files, "file"), counted(after.files, "file"))
}

fn files(diff: &PackageDiff, is_full: bool, columns: usize) -> Vec<String> {
    let shown = if is_full { usize::MAX } else { FILES_MAX };
    let rows: Vec<(Style, char, &str, String)> = diff.files.iter().take(shown).map(|(name, sides)| row(name, sides)).collect();
    let widest = |of: fn(&(Style, char, &str, String)) -> usize| rows.iter().map(of).max().unwrap_or_default();
    let room = columns.saturating_sub(10 + widest(|row| width(&row.3))).max(NAME_COLUMNS_MIN);
    let column = widest(|row| width(row.2)).min(room);
    let mut lines: Vec<String> = rows
        .iter()
        .map(|(style, sign, name, sizes)| {
            let name = fitted(name, column);
            let gap = column.saturating_sub(width(&name)) + 2;
            format!("      {} {name}{:gap$}{sizes}", styled(*style, &sign.to_string()), "")
        })
        .collect();
    let more = diff.files.len().saturating_sub(shown);
    if more > 0 {
        lines.push(styled(DIM, &format!("      … {} more; `-v` shows all", counted(more, "file"))));
    }
    lines
}

fn row<'a>(name: &'a str, sides: &(Option<PackedFile>, Option<PackedFile>)) -> (Style, char, &'a str, String) {
    match sides {
        (Some(before), Some(after)) => (YELLOW, '~', name, change(before, after)),
        (None, after) => (GREEN, '+', name, after.as_ref().map(|file| bytes(file.bytes)).unwrap_or_default()),
        (before, None) => (RED, '-', name, before.as_ref().map(|file| bytes(file.bytes)).unwrap_or_default()),
    }
}

/// Sizes before and after; where they are equal, what differs instead.
fn change(before: &PackedFile, after: &PackedFile) -> String {
    let mode = (before.mode != after.mode).then(|| format!("mode {:o} -> {:o}", before.mode, after.mode));
    let content = (before.sha256 != after.sha256).then(|| match before.bytes == after.bytes {
        true => format!("{}, other content", bytes(after.bytes)),
        false => match (bytes(before.bytes), bytes(after.bytes)) {
            (one, other) if one == other => format!("{one} ({:+} bytes)", i128::from(after.bytes) - i128::from(before.bytes)),
            (one, other) => format!("{one} -> {other}"),
        },
    });
    [content, mode].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn total(views: &[PackageView<'_>]) -> String {
    let count = |is: fn(&Standing) -> bool| views.iter().filter(|view| is(&view.standing)).count();
    let new = count(|one| matches!(one, Standing::New));
    let differing = count(|one| matches!(one, Standing::Differs(_) | Standing::Unknown));
    let of = |number: usize, verb: &str, verbs: &str| match (number, views.len()) {
        (_, 1) => format!("The package {verb}"),
        (1, all) => format!("1 of {all} packages {verb}"),
        (number, all) => format!("{number} of {all} packages {verbs}"),
    };
    let differs = of(differing, "differs", "differ");
    match (differing, new) {
        (0, 0) if views.len() == 1 => "No difference: the package is the one that was applied.".into(),
        (0, 0) => format!("No difference: {} are those that were applied.", counted(views.len(), "package")),
        (0, new) => format!("{} not applied yet.", of(new, "is", "are")),
        (_, 0) => format!("{differs} from what was applied."),
        (_, new) => format!("{differs} from what was applied, {new} not applied yet."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Artifact, Form, SourceChange, SourceChanges};
    use crate::package::PackedSize;
    use std::collections::BTreeMap;

    fn file(bytes: u64, mode: u32, content: &str) -> Option<PackedFile> {
        Some(PackedFile { mode, bytes, sha256: content.to_owned() })
    }

    fn shown(standing: Standing, is_full: bool, columns: usize) -> String {
        let address = Address::new("function", "hash");
        let artifact = Artifact { content_hash: "sha256:bb".into(), form: Form::Zip, unzipped_bytes: 1_300_000, files: 14 };
        let source_changes = match &standing {
            Standing::Differs(_) => SourceChanges::of([SourceChange::Changed { name: "lambdas/hash/src/main.rs".into() }]),
            _ => SourceChanges::default(),
        };
        let view = PackageView { address: &address, artifact: &artifact, applied: Some("sha256:aa"), standing, source_changes };
        anstream::adapter::strip_str(&package_diff(&[view], is_full, columns)).to_string()
    }

    fn diff(files: BTreeMap<String, (Option<PackedFile>, Option<PackedFile>)>) -> Standing {
        let (before, after) = (PackedSize { bytes: 1_200_000, files: 14 }, PackedSize { bytes: 1_300_000, files: 14 });
        Standing::Differs(PackageDiff { before, after, files })
    }

    #[test]
    fn each_sort_of_difference_has_its_line() {
        let files = [
            ("bootstrap", (file(1_100_000, 0o755, "a"), file(1_200_000, 0o755, "b"))),
            ("config.json", (file(312, 0o644, "a"), file(312, 0o644, "b"))),
            ("data/new.bin", (None, file(4_100, 0o644, "a"))),
            ("old.txt", (file(312, 0o644, "a"), None)),
            ("run.sh", (file(20, 0o644, "a"), file(20, 0o755, "a"))),
            ("tiny", (file(1_000_010, 0o644, "a"), file(1_000_012, 0o644, "b"))),
        ];
        let files = files.into_iter().map(|(name, sides)| (name.to_owned(), sides)).collect();
        insta::assert_snapshot!(shown(diff(files), false, 80));
    }

    #[test]
    fn many_files_are_counted_and_long_names_cut() {
        let long = "node_modules/".repeat(8);
        let files: BTreeMap<String, _> =
            (0..50).map(|number| (format!("{long}{number:02}.js"), (file(10, 0o644, "a"), file(20, 0o644, "b")))).collect();
        let text = shown(diff(files.clone()), false, 80);
        assert!(text.contains("… 20 files more; `-v` shows all"), "{text}");
        assert!(text.lines().all(|line| width(line) <= 80), "{text}");
        assert_eq!(shown(diff(files), true, 80).lines().count(), 54);
    }

    #[test]
    fn what_is_the_same_new_or_not_known_says_so() {
        insta::assert_snapshot!(shown(Standing::Same, false, 80), @"No difference: the package is the one that was applied.");
        insta::assert_snapshot!(shown(Standing::New, false, 80), @r"
          + function.hash: not applied yet, 1.2 MiB in 14 files

        The package is not applied yet.
        ");
        insta::assert_snapshot!(shown(Standing::Unknown, false, 80));
    }
}

//! What carries the project's tags and stands in no state.

use super::heading;
use super::text::{BOLD, DIM, RED, YELLOW, counted, styled, width};
use crate::cli::view::{Orphan, OrphanStanding, Title};

/// A line for each, and what can be done about them.
pub fn orphans(title: &Title, orphans: &[Orphan]) -> String {
    let mut lines = heading(title, usize::MAX);
    let column = orphans.iter().map(|orphan| width(&orphan.address.to_string())).max().unwrap_or_default();
    for orphan in orphans {
        let (sign, style, said) = match orphan.standing {
            OrphanStanding::Garbage => ("-", RED, String::new()),
            OrphanStanding::Wanted => (" ", DIM, "  (the spec asks for it: `lambdo up` takes it up again)".to_owned()),
            OrphanStanding::MaybeWanted => {
                (" ", DIM, "  (stays: the spec asks for a version of it, and it may be this one, or be in use)".to_owned())
            }
            OrphanStanding::Stays => (" ", DIM, "  (stays: kept, forgotten, or there before lambdo)".to_owned()),
            OrphanStanding::OfAnotherState => (" ", YELLOW, format!("  (of another state, lineage {})", orphan.lineage)),
        };
        lines.push(format!(
            "  {} {:column$}  {}{}",
            styled(style, sign),
            orphan.address.to_string(),
            orphan.physical_id,
            styled(style, &said)
        ));
    }
    if !orphans.is_empty() {
        lines.push(String::new());
    }
    let garbage = orphans.iter().filter(|orphan| orphan.standing == OrphanStanding::Garbage).count();
    lines.push(match (orphans.len(), garbage) {
        (0, _) => "Everything that carries this project's tags stands in the state.".to_owned(),
        (_, 0) => "Nothing of it is this state's garbage.".to_owned(),
        (_, garbage) => {
            styled(BOLD, &format!("{} in no state; `lambdo gc --remove` deletes what is marked with `-`.", counted(garbage, "resource")))
        }
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::view::fixtures::title;

    #[test]
    fn each_has_its_line_and_only_garbage_is_marked() {
        let of = |address: &str, standing| Orphan {
            address: address.parse().unwrap(),
            physical_id: format!("demo-{address}").into(),
            lineage: "0123".into(),
            standing,
        };
        let found = [
            of("function.a", OrphanStanding::Garbage),
            of("role.longer", OrphanStanding::Wanted),
            of("layer.c", OrphanStanding::MaybeWanted),
            of("log_group.b", OrphanStanding::OfAnotherState),
        ];
        insta::assert_snapshot!(anstream::adapter::strip_str(&orphans(&title(), &found)).to_string(), @r"
        demo · 123456789012 (acme) · eu-central-1 · state serial 4

          - function.a   demo-function.a
            role.longer  demo-role.longer  (the spec asks for it: `lambdo up` takes it up again)
            layer.c      demo-layer.c  (stays: the spec asks for a version of it, and it may be this one, or be in use)
            log_group.b  demo-log_group.b  (of another state, lineage 0123)

        1 resource in no state; `lambdo gc --remove` deletes what is marked with `-`.
        ");
    }
}

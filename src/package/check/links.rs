//! Whether links in a zip stay in the package.

use super::program::{TASK_ROOT, plain};
use super::tree::Tree;
use crate::diagnostic::Diagnostic;

/// Where Lambda has files of its own, of layers or mounts, or where functions may write.
const KNOWN: [&str; 10] = ["/bin/", "/lib/", "/lib64/", "/mnt/", "/opt/", "/tmp/", "/usr/", "/var/lang/", "/var/runtime/", "/var/task/"];

/// A link that climbs out of the package to where Lambda has nothing for it. What an absolute one means is known to who
/// made it; one that counts its way up was made where other folders lie around the package.
pub(super) fn check(tree: &Tree<'_>) -> Option<Diagnostic> {
    let leading_out = tree.links().find(|(name, to)| climbs_out(name, to) && !is_known(&end(name, to)));
    leading_out.map(|(name, to)| {
        Diagnostic::error("link-leads-out", "A link leads out of the package")
            .detail(format!("`{name}` is a link to `{to}`, which is not in the package: on Lambda that would be `{}`.", end(name, to)))
            .hint("zip the file that it leads to, or without `-y`, which keeps links")
            .hint("a link to a layer or to Lambda's own files is absolute, such as `/opt/NAME`")
    })
}

fn is_known(path: &str) -> bool {
    KNOWN.iter().any(|folder| path.starts_with(folder))
}

fn climbs_out(name: &str, to: &str) -> bool {
    let mut depth = i64::try_from(name.matches('/').count()).unwrap_or(i64::MAX);
    let mut is_above = |part: &str| {
        depth += match part {
            "" | "." => 0,
            ".." => -1,
            _ => 1,
        };
        depth < 0
    };
    !to.starts_with('/') && to.split('/').any(&mut is_above)
}

/// Where it leads on Lambda.
fn end(name: &str, to: &str) -> String {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    plain(&format!("{TASK_ROOT}{folder}/{to}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_climbs_over_the_root_leads_out() {
        for (name, to, expected) in [
            ("a", "b", None),
            ("a", "./b/../c", None),
            ("a/b", "../c", None),
            ("a", "/etc/passwd", None),
            ("a", "../b", Some("/var/b")),
            ("a/b", "../../../etc/passwd", Some("/etc/passwd")),
            ("a", "b/../../task/c", Some("/var/task/c")),
        ] {
            assert_eq!(climbs_out(name, to).then(|| end(name, to)).as_deref(), expected, "{name} {to}");
        }
        assert!(["/opt/lib/x", "/tmp/x", "/var/task/c"].into_iter().all(is_known));
        assert!(!["/etc/passwd", "/optional", "/var/b"].into_iter().any(is_known));
    }
}

//! What plainly is a secret in a package: whoever may read the function's code can read it. It is packed all the same,
//! since only its owner knows whether the function needs it.

use super::tree::Tree;
use crate::diagnostic::Diagnostic;
use crate::package::contents::Contents;
use crate::package::hash::Item;
use crate::package::problem::list;
use std::collections::BTreeSet;
use std::io;

/// How many files are named.
const NAMED: usize = 4;
/// How much of a file is read, in bytes: a key is short, even behind a chain of certificates.
const LOOKED_AT_BYTES: u64 = 65_536;
/// Endings of `.env.*` that say of a file that it shows how a real one is written.
const SHOWING: [&str; 6] = ["example", "sample", "template", "dist", "defaults", "schema"];
/// What OpenSSH calls the keys that it makes (<https://man.openbsd.org/ssh-keygen#FILES>).
const KEYS: [&str; 4] = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"];
/// What names of keys in PEM end with (<https://www.rfc-editor.org/rfc/rfc7468#section-10>).
const KEY_ENDINGS: [&str; 2] = [".pem", ".key"];
const KEY_MARK: &[u8] = b"PRIVATE KEY-----";

/// What a name makes a file be taken for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Variables,
    Key,
}

/// Names the secrets of a package, all in one warning.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn check(contents: &Contents, items: &[Item]) -> io::Result<Option<Diagnostic>> {
    let suspects: Vec<(&str, Kind)> = items.iter().filter_map(|item| Some((item.name.as_str(), kind(&item.name)?))).collect();
    // Most packages have none, and a zip need not be opened for it.
    if suspects.is_empty() {
        return Ok(None);
    }
    let tree = Tree::new(contents, items)?;
    let public = public(&tree)?;
    let mut found = Vec::new();
    for (name, kind) in suspects {
        if !public.contains(name) && is_secret(&tree.read(name, LOOKED_AT_BYTES)?, kind) {
            found.push(name);
        }
    }
    Ok(told(&found, matches!(contents, Contents::Archive(_))))
}

fn kind(name: &str) -> Option<Kind> {
    let (folders, base) = name.rsplit_once('/').unwrap_or(("", name));
    // What was installed there is published.
    if folders.split('/').any(|folder| folder == "node_modules" || folder == "site-packages") {
        return None;
    }
    let is_variables = base.strip_prefix(".env").is_some_and(|rest| {
        rest.is_empty() || rest.starts_with('.') && !SHOWING.iter().any(|ending| rest.rsplit('.').next() == Some(*ending))
    });
    let is_key = || KEYS.contains(&base) || KEY_ENDINGS.iter().any(|ending| base.ends_with(ending));
    if is_variables { Some(Kind::Variables) } else { is_key().then_some(Kind::Key) }
}

/// The files that packages of Python brought along, some of which have keys for their own tests
/// (<https://packaging.python.org/en/latest/specifications/recording-installed-packages/>).
fn public(tree: &Tree<'_>) -> io::Result<BTreeSet<String>> {
    let mut files = BTreeSet::new();
    for record in tree.names().filter(|name| name.ends_with(".dist-info/RECORD")) {
        let place = record.trim_end_matches("RECORD").trim_end_matches('/').rsplit_once('/').map_or("", |(place, _)| place);
        let text = tree.text(record)?.unwrap_or_default();
        let names = text.lines().filter_map(|line| line.split(',').next());
        files.extend(names.map(|name| if place.is_empty() { name.to_owned() } else { format!("{place}/{name}") }));
    }
    Ok(files)
}

fn is_secret(bytes: &[u8], kind: Kind) -> bool {
    match kind {
        Kind::Variables => bytes.split(|byte| *byte == b'\n').any(|line| {
            let line = line.trim_ascii();
            !line.starts_with(b"#") && line.contains(&b'=')
        }),
        Kind::Key => bytes.windows(KEY_MARK.len()).any(|window| window == KEY_MARK),
    }
}

fn told(found: &[&str], is_archive: bool) -> Option<Diagnostic> {
    let first = found.first()?;
    let more = if found.len() > NAMED { format!(" and {} more", found.len() - NAMED) } else { String::new() };
    let named = list(&found[..found.len().min(NAMED)]);
    let way_out = if is_archive {
        format!("zip it again without it: `zip --delete FILE.zip {first}`")
    } else {
        // In the package of a layer it may lie deeper than in its folder.
        let base = first.rsplit('/').next().unwrap_or(first);
        format!(
            "a line `{base}` in a `.lambdoignore` in the code's folder leaves it out, or `exclude = [\"**/{base}\"]` in `code` or `build`"
        )
    };
    let detail = format!("The package has {named}{more} in it. Everybody who may read the function's code in AWS can read that.");
    let diagnostic = Diagnostic::warning("secret-in-package", "A secret lies in the package").detail(detail).hint(way_out);
    Some(diagnostic.hint("what the function needs of it: `environment.NAME = { ssm = \"/NAME\" }`, or `secretsmanager`, `env`, `file`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::contents::collect;
    use crate::package::filter::Filter;
    use crate::package::index::Index;
    use crate::package::own::Own;
    use crate::package::source::Source;

    const KEY: &str = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n-----BEGIN RSA PRIVATE KEY-----\nMII\n";
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n-----BEGIN PUBLIC KEY-----\n";

    fn found(files: &[(&str, &str)]) -> Option<Diagnostic> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let contents = collect(folder.path(), &Source::Directory(".".into(), Filter::default()), false, &Own::default()).unwrap();
        check(&contents, &contents.read(&Index::default()).unwrap()).unwrap()
    }

    #[test]
    fn what_plainly_is_a_secret_is_named() {
        for (name, text) in [
            (".env", "TOKEN=x"),
            ("config/.env.production", "# a\n export TOKEN = x"),
            ("id_rsa", KEY),
            ("keys/id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\n"),
            ("server.pem", KEY),
            ("server.key", "-----BEGIN PRIVATE KEY-----\n"),
        ] {
            let found = found(&[(name, text), ("app.py", "")]).unwrap_or_else(|| panic!("{name}"));
            assert!(!found.is_error() && found.detail.contains(&format!("`{name}`")), "{found:?}");
            let base = name.rsplit('/').next().unwrap();
            assert!(found.hints[0].contains(&format!("`{base}` in a `.lambdoignore`")), "{found:?}");
        }
    }

    #[test]
    fn what_only_is_called_so_or_is_published_is_no_secret() {
        for (name, text) in [
            (".env.example", "TOKEN=x"),
            (".env.local.sample", "TOKEN=x"),
            (".env", "# nothing yet\n"),
            (".environment", "TOKEN=x"),
            ("env", "TOKEN=x"),
            ("ca.pem", CERTIFICATE),
            ("translations.key", "hello=Hallo"),
            ("id_rsa.pub", "ssh-rsa AAAA"),
            ("node_modules/agent/test/server.key", KEY),
            ("python/lib/python3.13/site-packages/x/.env", "TOKEN=x"),
        ] {
            assert_eq!(found(&[(name, text), ("app.py", "")]), None, "{name}");
        }
        let record = "tornado/test/test.key,sha256=x,1\n";
        let installed = [("tornado/test/test.key", KEY), ("tornado-6.dist-info/RECORD", record)];
        assert_eq!(found(&installed), None);
        let layer = [("python/tornado/test/test.key", KEY), ("python/tornado-6.dist-info/RECORD", record)];
        assert_eq!(found(&layer), None);
        assert!(found(&[&layer[..], &[("python/own.key", KEY)]].concat()).unwrap().detail.contains("has `python/own.key` in it"));
    }

    #[test]
    fn many_secrets_are_one_warning() {
        let files: Vec<String> = ["a", "b", "c", "d", "e"].map(|stage| format!(".env.{stage}")).into();
        let files: Vec<(&str, &str)> = files.iter().map(|file| (file.as_str(), "A=1")).collect();
        insta::assert_snapshot!(found(&files).unwrap().detail, @"The package has `.env.a`, `.env.b`, `.env.c`, `.env.d` and 1 more in it. Everybody who may read the function's code in AWS can read that.");
    }
}

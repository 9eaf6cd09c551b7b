//! What Go's settings follow from, as far as it shows without starting Go.

use super::module::Place;
use crate::package::environment::{Environment, stamp};
use crate::package::hash::hex;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The beginnings of variables that Go reads, with those of the tools that it compiles C with.
/// <https://pkg.go.dev/cmd/go#hdr-Environment_variables>
const READ: [&str; 8] = ["GO", "CGO_", "CC", "CXX", "AR", "FC", "PKG_CONFIG", "GCCGO"];
/// Where `go env -w` writes, below the user's folder of settings.
const USERS_FILE: &str = "go/env";

/// A variable as Go would see it: of the build, of the environment, or written by `go env -w`.
pub(super) fn variable(name: &str, own: &BTreeMap<String, String>, environment: &Environment) -> Option<String> {
    let set = own.get(name).map(String::as_str).or_else(|| environment.get(name));
    set.map(str::to_owned).or_else(|| {
        let text = std::fs::read_to_string(users_file(environment)?).ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned));
        value.filter(|value| !value.is_empty())
    })
}

/// <https://pkg.go.dev/cmd/go#hdr-Environment_variables>, at `GOENV`.
fn users_file(environment: &Environment) -> Option<PathBuf> {
    match environment.get("GOENV") {
        Some("off") => return None,
        Some(path) => return Some(path.into()),
        None => {}
    }
    let home = environment.get("HOME").map(PathBuf::from);
    if cfg!(target_os = "macos") {
        return Some(home?.join("Library/Application Support").join(USERS_FILE));
    }
    let configuration = environment.get("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| Some(home?.join(".config")));
    Some(configuration?.join(USERS_FILE))
}

/// Everything that decides them, as a hash: values may be secret.
pub(super) fn of(program: &Path, own: &BTreeMap<String, String>, place: &Place, environment: &Environment) -> String {
    let mut hasher = Sha256::new();
    let mut note = |name: &str, value: &[u8]| {
        for part in [name.as_bytes(), value] {
            hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            hasher.update(part);
        }
    };
    let program = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    note("program", stamp(&program).as_bytes());
    for (name, value) in environment.all().filter(|(name, _)| READ.iter().any(|beginning| name.starts_with(beginning))) {
        note(name, value.as_encoded_bytes());
    }
    own.iter().for_each(|(name, value)| note(name, value.as_bytes()));
    let of_go = program.parent().and_then(Path::parent).map(|root| root.join("go.env"));
    for file in users_file(environment).into_iter().chain(of_go) {
        note("file", &std::fs::read(file).unwrap_or_default());
    }
    place.version_lines().iter().for_each(|line| note("version", line.as_bytes()));
    hex(&hasher.finalize())
}

/// Whether the program is that Go itself whose root this is, and no program that chooses one.
pub(super) fn is_go_itself(program: &Path, root: &str) -> bool {
    let own = Path::new(root).join("bin").join(format!("go{}", std::env::consts::EXE_SUFFIX));
    !root.is_empty() && own.canonicalize().is_ok_and(|own| program.canonicalize().is_ok_and(|program| program == own))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn settings_hold_until_something_that_go_reads_moves() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for (file, text) in
            [("go/bin/go", "1"), ("go/go.env", "GOTOOLCHAIN=auto\n"), ("home/.config/go/env", ""), ("w/go.mod", "go 1.25\n")]
        {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), text).unwrap();
        }
        std::os::unix::fs::symlink(root.join("go/bin/go"), root.join("link")).unwrap();
        let mut environment = Environment::default();
        environment.set("HOME", &root.join("home").display().to_string());
        let of =
            |environment: &Environment| super::of(&root.join("link"), &BTreeMap::new(), &Place::find(&root.join("w"), None), environment);
        let mut before = of(&environment);
        environment.set("TERM", "xterm");
        assert_eq!(of(&environment), before);
        environment.set("GOFLAGS", "-mod=mod");
        let mut moved =
            |environment: &Environment, what: &str| assert_ne!(std::mem::replace(&mut before, of(environment)), of(environment), "{what}");
        moved(&environment, "a variable");
        for (file, text) in [("home/.config/go/env", "GOAMD64=v3\n"), ("go/go.env", ""), ("w/go.mod", "go 1.26\n"), ("go/bin/go", "other")]
        {
            std::fs::write(root.join(file), text).unwrap();
            moved(&environment, file);
        }
        std::fs::write(root.join("home/.config/go/env"), "GOWORK=off\nGOFLAGS=-v\n").unwrap();
        let seen = |name: &str| variable(name, &BTreeMap::new(), &environment);
        assert_eq!((seen("GOWORK").as_deref(), seen("GOFLAGS").as_deref(), seen("GO")), (Some("off"), Some("-mod=mod"), None));
    }

    #[test]
    fn who_chooses_a_go_is_not_one() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("go/bin")).unwrap();
        std::fs::write(root.join("go/bin/go"), "").unwrap();
        std::fs::write(root.join("shim"), "").unwrap();
        std::os::unix::fs::symlink(root.join("go/bin/go"), root.join("link")).unwrap();
        let go = root.join("go").display().to_string();
        assert!(is_go_itself(&root.join("link"), &go));
        assert!(!is_go_itself(&root.join("shim"), &go) && !is_go_itself(&root.join("link"), ""));
    }
}

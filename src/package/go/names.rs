//! What the name of a file says of where it is compiled.

/// The systems and processors that names of files are read for; what is added to Go later counts as part of a name, and
/// costs at most a build. <https://pkg.go.dev/internal/syslist>
const SYSTEMS: [&str; 19] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
    "zos",
    "wasip2",
];
const PROCESSORS: [&str; 26] = [
    "386",
    "amd64",
    "amd64p32",
    "arm",
    "armbe",
    "arm64",
    "arm64be",
    "loong64",
    "mips",
    "mipsle",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
    "wasm32",
    "wasm64",
];

/// Whether a file is compiled for a system and a processor, as far as its name decides it: `NAME_SYSTEM_PROCESSOR.go`.
/// <https://pkg.go.dev/cmd/go#hdr-Build_constraints>
pub(super) fn is_for(name: &str, system: &str, processor: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name);
    // What stands before the first `_` says nothing.
    let parts: Vec<&str> = stem.split('_').skip(1).collect();
    let is_system = |part: &str| SYSTEMS.contains(&part);
    match parts.as_slice() {
        [.., first, last] if is_system(first) && PROCESSORS.contains(last) => fits(first, system) && *last == processor,
        [.., last] if is_system(last) => fits(last, system),
        [.., last] if PROCESSORS.contains(last) => *last == processor,
        _ => true,
    }
}

/// Some systems are also another one.
fn fits(named: &str, system: &str) -> bool {
    named == system || matches!((named, system), ("linux", "android") | ("darwin", "ios") | ("solaris", "illumos"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_say_where_its_file_is_compiled() {
        for (name, expected) in [
            ("main.go", true),
            ("linux.go", true),
            ("windows.go", true),
            ("amd64_.go", true),
            ("a_linux.go", true),
            ("a_windows.go", false),
            ("a_b_darwin.go", false),
            ("a_arm64.s", true),
            ("a_amd64.s", false),
            ("a_linux_arm64.go", true),
            ("a_linux_amd64.go", false),
            ("a_windows_arm64.go", false),
            ("a_windows_x.go", true),
            ("a_unix.go", true),
            ("a_windows.x.go", false),
        ] {
            assert_eq!(is_for(name, "linux", "arm64"), expected, "{name}");
        }
        assert!(is_for("a_linux.go", "android", "arm64"));
    }
}

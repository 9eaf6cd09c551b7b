//! What Lambda's operating systems offer a program: a C library, other libraries, interpreters.

use super::elf::Version;

/// The operating system below a runtime.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct System {
    /// As people call it.
    pub name: &'static str,
    /// The version of its GNU C library
    /// (<https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html>).
    pub glibc: Version,
    /// Libraries that programs often ask for and that it does not have, each with what to do.
    missing: &'static [(&'static str, &'static str)],
}

const AL2: System = System { name: "Amazon Linux 2", glibc: (2, 26), missing: MISSING_IN_AL2 };
const AL2023: System = System { name: "Amazon Linux 2023", glibc: (2, 34), missing: MISSING_IN_AL2023 };

/// Which runtime stands on which (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html>). A runtime
/// that is not listed is not judged.
const RUNTIMES: &[(&str, &System)] = &[
    ("provided.al2023", &AL2023),
    ("nodejs26.x", &AL2023),
    ("nodejs24.x", &AL2023),
    ("nodejs22.x", &AL2023),
    ("nodejs20.x", &AL2023),
    ("python3.15", &AL2023),
    ("python3.14", &AL2023),
    ("python3.13", &AL2023),
    ("python3.12", &AL2023),
    ("java25", &AL2023),
    ("java21", &AL2023),
    ("dotnet10", &AL2023),
    ("dotnet8", &AL2023),
    ("ruby4.0", &AL2023),
    ("ruby3.4", &AL2023),
    ("ruby3.3", &AL2023),
    ("provided.al2", &AL2),
    ("nodejs18.x", &AL2),
    ("nodejs16.x", &AL2),
    ("python3.11", &AL2),
    ("python3.10", &AL2),
    ("python3.9", &AL2),
    ("python3.8", &AL2),
    ("java17", &AL2),
    ("java11", &AL2),
    ("java8.al2", &AL2),
    ("dotnet6", &AL2),
    ("ruby3.2", &AL2),
];

const LINK: &str = "link it statically";
const OPENSSL: &str = "link OpenSSL statically (Rust: the feature `vendored` of `openssl`, or use rustls)";

/// Amazon Linux 2023 has OpenSSL 3 (<https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html>), and no
/// library for older C libraries (<https://docs.aws.amazon.com/linux/al2023/ug/deprecated-al2023.html>).
const MISSING_IN_AL2023: &[(&str, &str)] = &[
    ("libssl.so.1.0.0", OPENSSL),
    ("libssl.so.1.1", OPENSSL),
    ("libssl.so.10", OPENSSL),
    ("libcrypto.so.1.0.0", OPENSSL),
    ("libcrypto.so.1.1", OPENSSL),
    ("libcrypto.so.10", OPENSSL),
    ("libcrypt.so.1", LINK),
    ("libnsl.so.1", LINK),
    ("libtinfo.so.5", LINK),
    ("libncurses.so.5", LINK),
    ("libreadline.so.7", LINK),
];

/// Amazon Linux 2 has OpenSSL 1.0.2.
const MISSING_IN_AL2: &[(&str, &str)] = &[
    ("libssl.so.1.0.0", OPENSSL),
    ("libssl.so.1.1", OPENSSL),
    ("libssl.so.3", OPENSSL),
    ("libcrypto.so.1.0.0", OPENSSL),
    ("libcrypto.so.1.1", OPENSSL),
    ("libcrypto.so.3", OPENSSL),
    ("libcrypt.so.2", LINK),
];

/// What neither system brings for a runtime of one's own, by how the name begins.
const MISSING_EVERYWHERE: &[(&str, &str)] = &[
    ("libpython", "take one of the runtimes `python*`, or an image"),
    ("libruby", "take one of the runtimes `ruby*`, or an image"),
    ("libjvm.so", "take one of the runtimes `java*`, or an image"),
    ("libpq.so", LINK),
    ("libmysqlclient.so", LINK),
    ("libmariadb.so", LINK),
    ("libodbc.so", LINK),
    ("libX11.so", LINK),
    ("libGL.so", LINK),
    ("libgtk-", LINK),
    ("libc.musl-", "link it statically: the target `…-unknown-linux-musl` does without `-C target-feature=-crt-static`"),
];

/// Libraries of the minimal image of Amazon Linux, by how their names begin: the C library and its parts, the runtime of
/// GCC, and what package manager and `curl` stand on
/// (<https://docs.aws.amazon.com/linux/al2023/ug/al2023-container-image-types.html>).
const THERE: &[&str] = &[
    "ld-linux",
    "libc.so.6",
    "libm.so.6",
    "libmvec.so.1",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
    "libanl.so.1",
    "libnss_",
    "libgcc_s.so.1",
    "libstdc++.so.6",
    "libcrypt.so.2",
    "libssl.so",
    "libcrypto.so",
    "libz.so.1",
    "libbz2.so.1",
    "liblzma.so.5",
    "libzstd.so.1",
    "liblz4.so.1",
    "libcurl.so.4",
    "libnghttp2.so.14",
    "libxml2.so.2",
    "libexpat.so.1",
    "libffi.so",
    "libsqlite3.so.0",
    "libgcrypt.so.20",
    "libgpg-error.so.0",
    "libgnutls",
    "libtasn1.so.6",
    "libp11-kit.so.0",
    "libidn2.so.0",
    "libunistring.so",
    "libpsl.so.5",
    "libssh2.so.1",
    "libldap",
    "liblber",
    "libkrb5.so.3",
    "libk5crypto.so.3",
    "libgssapi_krb5.so.2",
    "libcom_err.so.2",
    "libkeyutils.so.1",
    "libselinux.so.1",
    "libsepol.so",
    "libpcre",
    "libattr.so.1",
    "libacl.so.1",
    "libcap.so.2",
    "libblkid.so.1",
    "libmount.so.1",
    "libuuid.so.1",
    "libsmartcols.so.1",
    "libglib-2.0.so.0",
    "libgobject-2.0.so.0",
    "libgio-2.0.so.0",
    "libgmodule-2.0.so.0",
    "libreadline.so",
    "libncurses",
    "libtinfo.so",
    "libarchive.so",
    "libmagic.so.1",
    "libgmp.so.10",
    "libmpfr.so",
    "libyaml-0.so.2",
    "libjson-c.so",
    "libverto.so.1",
    "linux-vdso.so.1",
];

/// How Amazon Linux stands to a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has it.
    There,
    /// It does not have it; and what to do.
    Missing(&'static str),
    /// Not known.
    Unknown,
}

impl System {
    /// The operating system of a runtime.
    pub fn of(runtime: &str) -> Option<&'static Self> {
        match runtime.rsplit_once('.') {
            Some((_, "al2023")) => Some(&AL2023),
            _ => RUNTIMES.iter().find(|(name, _)| *name == runtime).map(|(_, system)| *system),
        }
    }

    /// Whether it has a library.
    pub fn standing(&self, library: &str) -> Standing {
        let missing = self.missing.iter().find(|(name, _)| *name == library);
        let missing = missing.or_else(|| MISSING_EVERYWHERE.iter().find(|(start, _)| library.starts_with(start)));
        match missing {
            Some((_, what_to_do)) => Standing::Missing(what_to_do),
            None if THERE.iter().any(|start| library.starts_with(start)) => Standing::There,
            None => Standing::Unknown,
        }
    }
}

/// The programs that load the libraries of others, by architecture.
pub(super) const LOADERS: [(&str, &[&str]); 2] = [
    ("x86_64", &["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-x86-64.so.2", "/usr/lib64/ld-linux-x86-64.so.2"]),
    ("arm64", &["/lib/ld-linux-aarch64.so.1", "/lib64/ld-linux-aarch64.so.1", "/usr/lib/ld-linux-aarch64.so.1"]),
];

/// Interpreters of scripts that Amazon Linux has: the shells, and `env`, which finds them.
pub(super) const INTERPRETERS: &[&str] = &["sh", "bash", "env", "awk", "gawk", "sed"];

/// Interpreters that people name and that a runtime of one's own does not have.
pub(super) const NO_INTERPRETERS: &[&str] = &[
    "python", "node", "nodejs", "deno", "bun", "perl", "ruby", "php", "java", "Rscript", "lua", "tclsh", "zsh", "fish", "ksh", "dash",
    "csh", "tcsh", "pwsh", "guile", "elixir", "escript", "swift", "dotnet", "groovy", "scala", "julia", "nu",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_stand_on_their_system() {
        for (runtime, expected) in [
            ("provided.al2023", Some("Amazon Linux 2023")),
            ("provided.al2", Some("Amazon Linux 2")),
            ("python3.13", Some("Amazon Linux 2023")),
            ("java17", Some("Amazon Linux 2")),
            ("java17.al2023", Some("Amazon Linux 2023")),
            ("python3.19", None),
            ("provided.al2027", None),
        ] {
            assert_eq!(System::of(runtime).map(|system| system.name), expected, "{runtime}");
        }
    }

    #[test]
    fn each_system_has_an_openssl_of_its_own() {
        for (library, in_al2, in_al2023) in [
            ("libssl.so.3", Standing::Missing(OPENSSL), Standing::There),
            ("libssl.so.10", Standing::There, Standing::Missing(OPENSSL)),
            ("libcrypt.so.1", Standing::Unknown, Standing::Missing(LINK)),
            ("libpq.so.5", Standing::Missing(LINK), Standing::Missing(LINK)),
            ("libmine.so", Standing::Unknown, Standing::Unknown),
        ] {
            assert_eq!((AL2.standing(library), AL2023.standing(library)), (in_al2, in_al2023), "{library}");
        }
    }
}

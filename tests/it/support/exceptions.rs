//! Where an emulator is wrong. The one table of such places: a test that finds an entry no longer
//! needed fails, so that the table cannot outlive an emulator's mistakes.

use super::emulator::Backend;

/// One place where an emulator does not do what AWS does.
pub struct Exception {
    /// Which emulator.
    pub emulator: Backend,
    /// `fields.…`, `parts.…` or `images.…` for a field that comes back, else `SCENARIO.CASE`.
    pub path: &'static str,
    /// What it does instead.
    pub reason: &'static str,
}

/// All of them.
pub const EXCEPTIONS: &[Exception] = &[
    Exception { emulator: Backend::Moto, path: "fields.function.demo-a.logging_config", reason: "moto loses LoggingConfig" },
    Exception {
        emulator: Backend::Moto,
        path: "update.concurrency_zero",
        reason: "moto shows no Concurrency in GetFunction when the reserved executions are 0",
    },
    Exception {
        emulator: Backend::Ministack,
        path: "update.role_description",
        reason: "ministack keeps the old Description when UpdateRole comes with an empty one",
    },
    Exception { emulator: Backend::Moto, path: "update.architectures", reason: "moto ignores Architectures in UpdateFunctionCode" },
    Exception {
        emulator: Backend::Ministack,
        path: "images.function.demo-a.code_sha256",
        reason: "ministack has no CodeSha256 for images, where AWS has the image's digest",
    },
    Exception {
        emulator: Backend::Ministack,
        path: "images.image.demo-a.artifact_type",
        reason: "ministack repeats the media type of the manifest, where AWS has that of the configuration",
    },
    Exception {
        emulator: Backend::Ministack,
        path: "images.image.demo-a.size",
        reason: "ministack counts the configuration, and the size that AWS tells is that of the layers",
    },
    Exception {
        emulator: Backend::Ministack,
        path: "update.rule_description_removed",
        reason: "ministack keeps the old Description when PutRule comes without one",
    },
    Exception {
        emulator: Backend::Ministack,
        path: "drift.rule_role",
        reason: "ministack keeps the old RoleArn when PutRule comes without one",
    },
];

/// The exception for this emulator and path, if there is one.
pub fn find(emulator: Backend, path: &str) -> Option<&'static Exception> {
    EXCEPTIONS.iter().find(|exception| exception.emulator == emulator && exception.path == path)
}

/// The paths of all exceptions that begin so, of any emulator.
pub fn below(prefix: &str) -> impl Iterator<Item = &'static Exception> {
    EXCEPTIONS.iter().filter(move |exception| exception.path.starts_with(prefix))
}

/// What is wrong with a case's outcome, seen with the exceptions: a failure that is none of the
/// emulator's, or a success where the emulator was believed to be wrong.
pub fn judge(emulator: Backend, path: &str, outcome: Result<(), String>) -> Result<(), String> {
    match (outcome, find(emulator, path)) {
        (Err(_), Some(_)) | (Ok(()), None) => Ok(()),
        (Err(problem), None) => Err(format!("{path}: {problem}")),
        (Ok(()), Some(exception)) => Err(format!("{path}: the exception is no longer needed: {}", exception.reason)),
    }
}

#[test]
fn no_exception_stands_twice_or_without_a_reason() {
    for exception in EXCEPTIONS {
        let same = EXCEPTIONS.iter().filter(|other| other.emulator == exception.emulator && other.path == exception.path);
        assert_eq!(same.count(), 1, "{}", exception.path);
        assert!(!exception.reason.is_empty(), "{}", exception.path);
        // Every entry is judged by one of these scenarios, which fail when it is not needed.
        assert!(
            ["fields.", "parts.", "images.", "drift.", "update."].iter().any(|prefix| exception.path.starts_with(prefix)),
            "{}",
            exception.path
        );
    }
}

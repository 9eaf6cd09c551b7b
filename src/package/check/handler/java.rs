//! Java: `PACKAGE.CLASS` or `PACKAGE.CLASS::METHOD`, with classes at the root of the package and jars in `lib`
//! (<https://docs.aws.amazon.com/lambda/latest/dg/java-package.html>).

use super::{Subject, Tree, few};
use crate::diagnostic::Diagnostic;
use std::borrow::Cow;
use std::io::{self, Cursor, Read};
use zip::ZipArchive;

/// As much of a class file as says for which Java it is, in bytes.
const HEAD_BYTES: u64 = 8;
/// How a class file begins.
const MAGIC: [u8; 4] = [0xca, 0xfe, 0xba, 0xbe];
/// The version of the class files of Java 1 would be 44
/// (<https://docs.oracle.com/javase/specs/jvms/se21/html/jvms-4.html#jvms-4.1>).
const CLASS_FILES_OF_JAVA_ZERO: u16 = 44;

/// What the jars in `lib` have of a class.
enum Jars {
    /// How its file begins, in the jar of this name.
    Has(String, Vec<u8>),
    /// Not it, but perhaps classes of the same name in other packages.
    Lack(Vec<String>),
    /// One of them cannot be looked into.
    Unknown,
}

pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    let class = subject.handler.split("::").next().unwrap_or_default();
    let file = format!("{}.class", class.replace('.', "/"));
    if tree.has(&file) {
        return Ok(unfit(subject, &format!("`{file}`"), &tree.read(&file, HEAD_BYTES)?).into_iter().collect());
    }
    let found = match in_jars(tree, &file)? {
        Jars::Has(jar, head) => unfit(subject, &format!("`{file}` in `{jar}`"), &head),
        Jars::Lack(others) if !subject.has_more => Some(no_class(tree, subject, &file, &others)),
        Jars::Lack(_) | Jars::Unknown => None,
    };
    Ok(found.into_iter().collect())
}

fn jars<'a>(tree: &Tree<'a>) -> impl Iterator<Item = Cow<'a, str>> {
    tree.beginning("lib/").filter(|name| name.ends_with(".jar"))
}

/// Seeks a class in the jars of `lib`, which are all in the class path.
fn in_jars(tree: &Tree<'_>, file: &str) -> io::Result<Jars> {
    let base = file.rsplit('/').next().unwrap_or_default();
    let mut others = Vec::new();
    for jar in jars(tree) {
        let Some(mut archive) = tree.whole(&jar)?.and_then(|bytes| ZipArchive::new(Cursor::new(bytes)).ok()) else {
            return Ok(Jars::Unknown);
        };
        if let Ok(entry) = archive.by_name(file) {
            let mut head = Vec::new();
            entry.take(HEAD_BYTES).read_to_end(&mut head)?;
            return Ok(Jars::Has(jar.into_owned(), head));
        }
        others.extend(
            archive
                .file_names()
                .filter_map(Result::ok)
                .filter(|name| name.rsplit('/').next() == Some(base))
                .map(|name| format!("`{name}` in `{jar}`")),
        );
    }
    Ok(Jars::Lack(others))
}

fn no_class(tree: &Tree<'_>, subject: &Subject<'_>, file: &str, others: &[String]) -> Diagnostic {
    let lacks = match jars(tree).next() {
        None => "the package has neither that nor a jar in `lib/`",
        Some(_) => "neither the package nor the jars in its `lib/` have that",
    };
    let diagnostic = Diagnostic::error("no-handler-file", "The handler's file is not in the package")
        .detail(format!("The handler `{}` makes `{}` look for `{file}`, and {lacks}.", subject.handler, subject.runtime));
    if let Some(other) = others.first() {
        return diagnostic
            .hint(format!("{other} is there; is it meant? A handler names a class with its package: `PACKAGE.CLASS::METHOD`"));
    }
    let jar = tree.names().find(|name| name.ends_with(".jar") && !name.starts_with("lib/"));
    let source = tree.names().find(|name| name.ends_with(&file.replace(".class", ".java")));
    let base = file.rsplit('/').next().unwrap_or_default();
    let deeper = tree.names().find(|name| name.rsplit('/').next() == Some(base));
    match (jar, deeper, source) {
        (Some(jar), ..) => {
            diagnostic.hint(format!("`{jar}` is not looked into: put it into `lib/`, or give it itself as `code = {{ zip = \"….jar\" }}`"))
        }
        (_, Some(deeper), _) => {
            diagnostic.hint(format!("`{deeper}` is there; folders are the class's package, from the root of the package on"))
        }
        (.., Some(source)) => diagnostic.hint(format!("`{source}` is not compiled")),
        _ => match few(tree.names().filter(|name| name.ends_with(".class"))) {
            Some(few) => diagnostic.hint(format!("what is there: {few}")),
            None => diagnostic,
        },
    }
}

/// What keeps the runtime from loading a class file.
fn unfit(subject: &Subject<'_>, shown: &str, head: &[u8]) -> Option<Diagnostic> {
    if head.starts_with(&MAGIC) && head.len() as u64 == HEAD_BYTES {
        return newer_java(subject, shown, head);
    }
    let found = Diagnostic::error("bad-class-file", "The handler's class is no class file");
    Some(found.detail(format!(
        "{shown} does not begin as Java's compiler lets a class begin: it is cut off, or something else. Compile it again."
    )))
}

/// A class file begins with its format's version, which tells the Java that it needs.
fn newer_java(subject: &Subject<'_>, shown: &str, head: &[u8]) -> Option<Diagnostic> {
    let own: String = subject.runtime.trim_start_matches("java").chars().take_while(char::is_ascii_digit).collect();
    let (Ok(own), [_, _, _, _, _, _, high, low, ..]) = (own.parse::<u16>(), head) else { return None };
    let needed = u16::from_be_bytes([*high, *low]).saturating_sub(CLASS_FILES_OF_JAVA_ZERO);
    if needed <= own {
        return None;
    }
    let detail = format!("{shown} is compiled for Java {needed}, and `{}` is older and refuses it.", subject.runtime);
    let diagnostic = Diagnostic::error("newer-java", "The handler is compiled for a newer Java").detail(detail);
    Some(diagnostic.hint(format!("compile it with `--release {own}`, or take `runtime = \"java{needed}\"` if Lambda has it")))
}

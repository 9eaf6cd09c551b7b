//! Java: `PACKAGE.CLASS` or `PACKAGE.CLASS::METHOD`, with classes at the root of the package and jars in `lib`
//! (<https://docs.aws.amazon.com/lambda/latest/dg/java-package.html>).

use super::{Subject, Tree};
use crate::diagnostic::Diagnostic;
use std::io;

/// The version of the class files of Java 1 would be 44
/// (<https://docs.oracle.com/javase/specs/jvms/se21/html/jvms-4.html#jvms-4.1>).
const CLASS_FILES_OF_JAVA_ZERO: u16 = 44;

pub(super) fn check(tree: &Tree<'_>, subject: &Subject<'_>) -> io::Result<Vec<Diagnostic>> {
    let class = subject.handler.split("::").next().unwrap_or_default();
    let file = format!("{}.class", class.replace('.', "/"));
    if tree.has(&file) {
        return Ok(newer_java(tree, subject, &file)?.into_iter().collect());
    }
    let is_elsewhere = subject.has_layers || tree.names().any(|name| name.starts_with("lib/") && name.ends_with(".jar"));
    Ok(if is_elsewhere { Vec::new() } else { vec![no_class(tree, subject, &file)] })
}

fn no_class(tree: &Tree<'_>, subject: &Subject<'_>, file: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("no-handler-file", "The handler's file is not in the package").detail(format!(
        "The handler `{}` makes `{}` look for `{file}`, and the package has neither that nor a jar in `lib/`.",
        subject.handler, subject.runtime
    ));
    let jar = tree.names().find(|name| name.ends_with(".jar"));
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
        _ => diagnostic,
    }
}

/// A class file begins with its format's version, which tells the Java that it needs.
fn newer_java(tree: &Tree<'_>, subject: &Subject<'_>, file: &str) -> io::Result<Option<Diagnostic>> {
    let head = tree.read(file, 8)?;
    let own: String = subject.runtime.trim_start_matches("java").chars().take_while(char::is_ascii_digit).collect();
    let (Ok(own), [0xca, 0xfe, 0xba, 0xbe, _, _, high, low]) = (own.parse::<u16>(), &head[..]) else { return Ok(None) };
    let needed = u16::from_be_bytes([*high, *low]).saturating_sub(CLASS_FILES_OF_JAVA_ZERO);
    if needed <= own {
        return Ok(None);
    }
    let detail = format!("`{file}` is compiled for Java {needed}, and `{}` is older and refuses it.", subject.runtime);
    let diagnostic = Diagnostic::error("newer-java", "The handler is compiled for a newer Java").detail(detail);
    Ok(Some(diagnostic.hint(format!("compile it with `--release {own}`, or take `runtime = \"java{needed}\"` if Lambda has it"))))
}

//! What a file is, by how it begins.

use super::elf::Elf;

/// As much of a file as tells what it is, in bytes. Linux reads 256 of them to find the first line of a script
/// (<https://man7.org/linux/man-pages/man2/execve.2.html>); the mark of a tar stands behind those.
pub(in crate::package) const HEAD_BYTES: u64 = 264;

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::package) enum Format {
    /// Linux's own format; `None` where its headers were not, or cannot be, read.
    Elf(Option<Elf>),
    /// A text with a first line that names its interpreter.
    Script(Script),
    /// A program or library of something else than Linux.
    Foreign(&'static str),
    /// An archive, compressed or not.
    Packed(&'static str),
    /// Something that somebody wrote or fetched in the place of a program: what it is, and what to do.
    Text(&'static str, &'static str),
    /// Nothing at all.
    Empty,
    /// Anything else.
    Other,
}

/// The first line of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::package) struct Script {
    /// The interpreter's path.
    pub interpreter: String,
    /// What stands after it: Linux hands it over as one argument.
    pub argument: String,
    /// Whether the line ends as on Windows.
    pub has_carriage_return: bool,
    /// Whether a byte order mark stands before it, so that Linux does not see it.
    pub has_byte_order_mark: bool,
    /// Whether Linux does not read it to its end.
    pub is_too_long: bool,
}

/// The most that the first line of a script may have, in bytes, with `#!` and without its end
/// (<https://man7.org/linux/man-pages/man2/execve.2.html>).
pub(super) const SCRIPT_LINE_BYTES: usize = 255;

/// How files begin that Linux does not start.
const STARTS: &[(&[u8], Format)] = &[
    (b"\x7fELF", Format::Elf(None)),
    (b"\xcf\xfa\xed\xfe", Format::Foreign("macOS")),
    (b"\xce\xfa\xed\xfe", Format::Foreign("macOS")),
    (b"\xfe\xed\xfa\xcf", Format::Foreign("macOS")),
    // Classes of Java begin alike, and where their version stands, programs for several processors have how many.
    (b"\xca\xfe\xba\xbe\0\0\0\x01", Format::Foreign("macOS")),
    (b"\xca\xfe\xba\xbe\0\0\0\x02", Format::Foreign("macOS")),
    (b"\xca\xfe\xba\xbe\0\0\0\x03", Format::Foreign("macOS")),
    (b"\xca\xfe\xba\xbf", Format::Foreign("macOS")),
    (b"\xca\xfe\xba\xbe", Format::Foreign("Java")),
    (b"MZ", Format::Foreign("Windows")),
    (b"\0asm", Format::Foreign("WebAssembly")),
    (b"PK\x03\x04", Format::Packed("a zip")),
    (b"PK\x05\x06", Format::Packed("an empty zip")),
    (b"\x1f\x8b", Format::Packed("compressed with gzip")),
    (b"\x28\xb5\x2f\xfd", Format::Packed("compressed with zstd")),
    (b"BZh", Format::Packed("compressed with bzip2")),
    (b"7z\xbc\xaf\x27\x1c", Format::Packed("compressed with 7-Zip")),
    (b"!<arch>\n", Format::Packed("a static library, or a package of Debian")),
    (b"\xfd7zXZ\0", Format::Packed("compressed with xz")),
];

/// Where the mark of a tar stands (<https://www.gnu.org/software/tar/manual/html_node/Standard.html>).
const TAR: (usize, &[u8]) = (257, b"ustar");

const SOURCE: &str = "Build it, and name what the build makes.";
const PAGE: (&str, &str) = ("a page of HTML", "Most likely a download led to a page, and not to the file.");

/// How texts begin that lie where a program should.
const TEXTS: &[(&[u8], (&str, &str))] = &[
    (b"version https://git-lfs.github.com/", ("a pointer of Git LFS to the file, and not the file", "`git lfs pull` fetches it.")),
    (b"<!DOCTYPE", PAGE),
    (b"<!doctype", PAGE),
    (b"<html", PAGE),
    (b"package main", ("source code of Go", SOURCE)),
    (b"fn main", ("source code of Rust", SOURCE)),
    (b"use std::", ("source code of Rust", SOURCE)),
    (b"#include", ("source code of C", SOURCE)),
];

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Format {
    /// What people call a file of this format, where it is one that they know.
    pub fn told(&self) -> Option<String> {
        match self {
            Self::Elf(_) => Some("a program for Linux".to_owned()),
            Self::Script(_) => Some("a script".to_owned()),
            Self::Foreign(system) => Some(format!("a program for {system}")),
            Self::Packed(how) if how.starts_with("compressed") => Some(format!("a file {how}")),
            Self::Packed(how) => Some((*how).to_owned()),
            Self::Text(what, _) => Some((*what).to_owned()),
            Self::Empty => Some("empty".to_owned()),
            Self::Other => None,
        }
    }

    /// Judges by the first bytes; `head` is [`HEAD_BYTES`] long unless the file is shorter.
    pub fn of(head: &[u8]) -> Self {
        if head.is_empty() {
            return Self::Empty;
        }
        if let Some((_, format)) = STARTS.iter().find(|(start, _)| head.starts_with(start)) {
            return format.clone();
        }
        if head.get(TAR.0..).is_some_and(|rest| rest.starts_with(TAR.1)) {
            return Self::Packed("a tar");
        }
        if let Some((_, (what, what_to_do))) = TEXTS.iter().find(|(start, _)| head.starts_with(start)) {
            return Self::Text(what, what_to_do);
        }
        let text = head.strip_prefix(BYTE_ORDER_MARK);
        match text.unwrap_or(head).strip_prefix(b"#!") {
            Some(rest) => Self::Script(Script { is_too_long: is_too_long(head), ..Script::of(rest, text.is_some()) }),
            None => Self::Other,
        }
    }
}

/// Spaces at the end of the line do not count.
fn is_too_long(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.trim_ascii_end().len() > SCRIPT_LINE_BYTES
}

impl Script {
    fn of(rest: &[u8], has_byte_order_mark: bool) -> Self {
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let (line, has_carriage_return) = line.strip_suffix('\r').map_or((&*line, false), |line| (line, true));
        let line = line.trim();
        let (interpreter, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        Self {
            interpreter: interpreter.to_owned(),
            argument: argument.trim().to_owned(),
            has_carriage_return,
            has_byte_order_mark,
            is_too_long: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_how_they_begin() {
        for (head, expected) in [
            (&b""[..], Format::Empty),
            (b"\x7fELF\x02\x01", Format::Elf(None)),
            (b"MZ\x90\0", Format::Foreign("Windows")),
            (b"\xcf\xfa\xed\xfe\x07", Format::Foreign("macOS")),
            (b"PK\x03\x04x", Format::Packed("a zip")),
            (b"echo hello", Format::Other),
            (b"\n#!/bin/sh", Format::Other),
            (b"!<arch>\nx.o/", Format::Packed("a static library, or a package of Debian")),
            (b"package main\n", Format::Text("source code of Go", SOURCE)),
            (b"<!DOCTYPE html>", Format::Text(PAGE.0, PAGE.1)),
            (&[&[b'x'; 257][..], b"ustar\0"].concat(), Format::Packed("a tar")),
        ] {
            assert_eq!(Format::of(head), expected, "{head:?}");
        }
    }

    #[test]
    fn linux_reads_the_first_line_of_a_script_up_to_a_limit() {
        let is_too_long =
            |line: String| matches!(Format::of(&line.as_bytes()[..line.len().min(264)]), Format::Script(script) if script.is_too_long);
        let long = |bytes: usize| format!("#!/{}", "x".repeat(bytes - 3));
        assert!(!is_too_long(format!("{}\nexit", long(255))) && is_too_long(format!("{}\nexit", long(256))));
        assert!(is_too_long(long(1_000)) && is_too_long(format!("#!/bin/sh {}", "x".repeat(300))));
        assert!(!is_too_long(format!("#!/bin/sh{}", " ".repeat(300))), "spaces at the end are cut off anyway");
    }

    #[test]
    fn the_first_line_of_a_script_is_split_as_linux_splits_it() {
        let script = |interpreter: &str, argument: &str, has_carriage_return: bool, has_byte_order_mark: bool| {
            let (interpreter, argument) = (interpreter.into(), argument.into());
            Format::Script(Script { interpreter, argument, has_carriage_return, has_byte_order_mark, is_too_long: false })
        };
        for (head, expected) in [
            (&b"#!/bin/sh\necho"[..], script("/bin/sh", "", false, false)),
            (b"#! /usr/bin/env bash -e \n", script("/usr/bin/env", "bash -e", false, false)),
            (b"#!/bin/bash\r\necho\r\n", script("/bin/bash", "", true, false)),
            (b"\xef\xbb\xbf#!/bin/sh\n", script("/bin/sh", "", false, true)),
            (b"#!", script("", "", false, false)),
        ] {
            assert_eq!(Format::of(head), expected, "{}", String::from_utf8_lossy(head));
        }
    }
}

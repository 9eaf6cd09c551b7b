//! Whether the kernel would start a file. Shells and `env` hide its answer, and Lambda tells it.

use super::emulator;
use super::inside::resolve;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What a start would fail with, in the kernel's words; nothing if it would not.
pub fn problem(program: &Path) -> Option<&'static str> {
    looked_at(program, &|interpreter| interpreter.to_owned())
}

/// The same for a program whose root is a folder.
pub fn problem_inside(root: &Path, program: &Path) -> Option<&'static str> {
    looked_at(program, &|interpreter| resolve(root, interpreter).unwrap_or_default())
}

/// Where an interpreter or a loader really lies.
type Find<'a> = &'a dyn Fn(&Path) -> PathBuf;

fn looked_at(program: &Path, find: Find<'_>) -> Option<&'static str> {
    let Ok(details) = std::fs::metadata(program) else {
        return Some(NO_SUCH_FILE);
    };
    // The package belongs to somebody else than the function.
    if !details.is_file() || details.permissions().mode() & 0o001 == 0 {
        return Some("permission denied");
    }
    let Ok(file) = File::open(program) else {
        return Some("permission denied");
    };
    let mut head = Vec::new();
    if (&file).take(256).read_to_end(&mut head).is_err() {
        return Some(WRONG_FORMAT);
    }
    match head.as_slice() {
        [b'#', b'!', line @ ..] => interpreter_problem(line, find),
        [0x7f, b'E', b'L', b'F', ..] => elf_problem(&file, &head, find),
        [0xcf, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] if cfg!(target_os = "macos") => None,
        _ => Some(WRONG_FORMAT),
    }
}

const NO_SUCH_FILE: &str = "no such file or directory";
pub const WRONG_FORMAT: &str = "exec format error";

fn interpreter_problem(line: &[u8], find: Find<'_>) -> Option<&'static str> {
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    // A carriage return belongs to the name, as for the kernel.
    let interpreter = line.trim_matches([' ', '\t']).split([' ', '\t']).next().unwrap_or_default().to_owned();
    (!find(Path::new(&interpreter)).exists()).then_some(NO_SUCH_FILE)
}

fn elf_problem(file: &File, head: &[u8], find: Find<'_>) -> Option<&'static str> {
    let is_for_here = emulator::wanted(head).is_none();
    if !cfg!(target_os = "linux") || emulator::wanted(head).is_some_and(|emulator| !emulator::is_registered(emulator)) {
        return Some(WRONG_FORMAT);
    }
    let loader = loader(file, head)?;
    (is_for_here && !find(Path::new(&loader)).exists()).then_some(NO_SUCH_FILE)
}

/// The program interpreter of a dynamic 64-bit executable.
fn loader(file: &File, head: &[u8]) -> Option<String> {
    let (table_at, size, count) = (number(head, 32, 8)?, number(head, 54, 2)?, number(head, 56, 2)?);
    (0..count).find_map(|index| {
        let mut header = [0; 56];
        file.read_exact_at(&mut header, table_at + index * size).ok()?;
        const PT_INTERP: u64 = 3;
        if number(&header, 0, 4)? != PT_INTERP {
            return None;
        }
        let mut name = vec![0; usize::try_from(number(&header, 32, 8)?.min(4096)).ok()?];
        file.read_exact_at(&mut name, number(&header, 8, 8)?).ok()?;
        Some(String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned())
    })
}

/// A number of some bytes, the least significant first.
pub(super) fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + length)?;
    Some(bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(content: &[u8], mode: u32) -> Option<&'static str> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("bootstrap");
        std::fs::write(&program, content).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(mode)).unwrap();
        problem(&program)
    }

    fn elf(machine: u8) -> Vec<u8> {
        let mut header = vec![0; 64];
        header[..5].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2]);
        header[18] = machine;
        header
    }

    #[test]
    fn what_the_kernel_would_refuse_is_refused_in_its_words() {
        let foreign = if cfg!(target_arch = "x86_64") { 183 } else { 62 };
        let table: &[(&[u8], u32, Option<&str>)] = &[
            (b"#!/bin/sh\necho", 0o755, None),
            (b"#! /bin/sh -e\n", 0o755, None),
            (b"#!/bin/sh\n", 0o644, Some("permission denied")),
            (b"#!/bin/sh\n", 0o700, Some("permission denied")),
            (b"#!/no/such/shell\n", 0o755, Some("no such file or directory")),
            (b"#!/bin/sh\r\n", 0o755, Some("no such file or directory")),
            (b"echo hello\n", 0o755, Some("exec format error")),
            (&elf(foreign), 0o755, Some("exec format error")),
            (b"", 0o755, Some("exec format error")),
        ];
        for (content, mode, expected) in table {
            assert_eq!(told(content, *mode), *expected, "{content:?} {mode:o}");
        }
        assert_eq!(problem(Path::new("/no/such/program")), Some("no such file or directory"));
    }

    #[test]
    fn the_program_that_runs_now_can_be_started() {
        assert_eq!(problem(&std::env::current_exe().unwrap()), None);
        assert_eq!(problem(Path::new("/bin/sh")), None);
    }
}

//! Which version of the GNU C library a program needs, and whether Lambda has it.

use crate::diagnostic::Diagnostic;
use std::path::Path;

/// The C library of each runtime that starts a program of the user's: Amazon Linux 2023 and 2.
/// <https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html>
const OF_RUNTIMES: [(&str, Version); 2] = [("provided.al2023", (2, 34)), ("provided.al2", (2, 26))];

/// Major and minor.
type Version = (u32, u32);

/// The type of the section that names needed versions of symbols, `SHT_GNU_verneed`.
/// <https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/symversion.html>
const NEEDED_VERSIONS: u32 = 0x6fff_fffe;
/// `VER_FLG_WEAK`: a program starts without a version that only weak symbols ask for.
const WEAK: u16 = 2;

/// Warns of a program for `arm64` or `x86_64` that needs a newer C library than the runtime has.
pub(super) fn warning(program: &Path, runtime: &str, architecture: &str) -> Option<Diagnostic> {
    let (_, offered) = *OF_RUNTIMES.iter().find(|(name, _)| *name == runtime)?;
    let needed = newest_needed(&std::fs::read(program).ok()?)?;
    if needed <= offered {
        return None;
    }
    let shown = |(major, minor): Version| format!("{major}.{minor}");
    let processor = if architecture == "arm64" { "aarch64" } else { architecture };
    let detail =
        format!("It was linked against this machine's C library and needs glibc {}; `{runtime}` has {}.", shown(needed), shown(offered));
    let without = format!("without a C library: `target = \"{processor}-unknown-linux-musl\"` in `build`");
    let older =
        format!("for Lambda's: `target = \"{processor}-unknown-linux-gnu.{}\"` in `build`, which takes cargo-zigbuild", shown(offered));
    Some(Diagnostic::warning("newer-glibc", "The program will not start on Lambda").detail(detail).hint(without).hint(older))
}

/// The newest version of glibc that a 64-bit little-endian ELF file needs; `None` for anything else.
fn newest_needed(file: &[u8]) -> Option<Version> {
    if file.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let (start, size, count) = (read_u64(file, 0x28)?, usize::from(read_u16(file, 0x3a)?), usize::from(read_u16(file, 0x3c)?));
    let header = |index: usize| start.checked_add(index.checked_mul(size)?);
    let section = (0..count).filter_map(header).find(|at| read_u32(file, at.saturating_add(4)) == Some(NEEDED_VERSIONS))?;
    let strings = header(read_u32(file, section.checked_add(0x28)?)? as usize)?;
    let (first, names) = (read_u64(file, section.checked_add(0x18)?)?, read_u64(file, strings.checked_add(0x18)?)?);
    needed_versions(file, first).into_iter().filter_map(|name| version(text(file, names.checked_add(name)?)?)).max()
}

/// The names' places in the string table. The walk is bounded, since a damaged file may lead in a circle.
fn needed_versions(file: &[u8], first: usize) -> Vec<usize> {
    const MOST: usize = 10_000;
    let mut names = Vec::new();
    let libraries = chain(file, first, 12).take(MOST);
    let entries = libraries.filter_map(|library| library.checked_add(read_u32(file, library.checked_add(8)?)? as usize));
    for entry in entries.flat_map(|entry| chain(file, entry, 12)).take(MOST) {
        let is_weak = read_u16(file, entry.saturating_add(4)).is_some_and(|flags| flags & WEAK != 0);
        let name = read_u32(file, entry.saturating_add(8)).filter(|_| !is_weak);
        names.extend(name.map(|name| name as usize));
    }
    names
}

/// Records that each say, at `offset`, how far the next one is; 0 ends them.
fn chain(file: &[u8], first: usize, offset: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(first), move |at| {
        let step = read_u32(file, at.checked_add(offset)?)?;
        (step != 0).then_some(at.checked_add(step as usize)?)
    })
}

fn version(name: &str) -> Option<Version> {
    let mut parts = name.strip_prefix("GLIBC_")?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn text(file: &[u8], at: usize) -> Option<&str> {
    std::str::from_utf8(file.get(at..)?.split(|byte| *byte == 0).next()?).ok()
}

fn read<const LENGTH: usize>(file: &[u8], at: usize) -> Option<[u8; LENGTH]> {
    file.get(at..at.checked_add(LENGTH)?)?.try_into().ok()
}

fn read_u16(file: &[u8], at: usize) -> Option<u16> {
    read(file, at).map(u16::from_le_bytes)
}

fn read_u32(file: &[u8], at: usize) -> Option<u32> {
    read(file, at).map(u32::from_le_bytes)
}

/// An offset into the file.
fn read_u64(file: &[u8], at: usize) -> Option<usize> {
    usize::try_from(read(file, at).map(u64::from_le_bytes)?).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An ELF file that needs these versions, each with its flags.
    pub(in crate::package) fn program(versions: &[(&str, u16)]) -> Vec<u8> {
        let mut names = vec![0];
        let mut needs = [&1u16.to_le_bytes()[..], &(versions.len() as u16).to_le_bytes(), &[0; 4], &16u32.to_le_bytes(), &[0; 4]].concat();
        for (index, (name, flags)) in versions.iter().enumerate() {
            let next = if index + 1 == versions.len() { 0u32 } else { 16 };
            needs.extend([&[0; 4][..], &flags.to_le_bytes(), &[0; 2], &(names.len() as u32).to_le_bytes(), &next.to_le_bytes()].concat());
            names.extend(name.bytes().chain([0]));
        }
        let (first, second) = (64, 64 + needs.len() as u64);
        let header = |kind: u32, offset: u64, link: u32| {
            [&[0; 4][..], &kind.to_le_bytes(), &[0; 16], &offset.to_le_bytes(), &[0; 8], &link.to_le_bytes(), &[0; 20]].concat()
        };
        let mut file = [&b"\x7fELF\x02\x01"[..], &[0; 34], &(second + names.len() as u64).to_le_bytes(), &[0; 10]].concat();
        file.extend([&64u16.to_le_bytes()[..], &2u16.to_le_bytes(), &[0; 2]].concat());
        file.extend([needs, names, header(NEEDED_VERSIONS, first, 1), header(3, second, 0)].concat());
        file
    }

    #[test]
    fn the_newest_version_counts_unless_only_weak_symbols_want_it() {
        for (versions, expected) in [
            (&[("GLIBC_2.34", 0), ("GLIBC_2.4", 0)][..], Some((2, 34))),
            (&[("GLIBC_2.2.5", 0), ("GCC_3.0", 0)], Some((2, 2))),
            (&[("GLIBC_2.34", 0), ("GLIBC_2.39", WEAK)], Some((2, 34))),
            (&[("GLIBC_2.9", 0), ("GLIBC_2.39", 0)], Some((2, 39))),
            (&[("GLIBC_PRIVATE", 0)], None),
        ] {
            assert_eq!(newest_needed(&program(versions)), expected, "{versions:?}");
        }
        assert_eq!(newest_needed(b"#!/bin/sh\n"), None);
    }

    #[test]
    fn a_damaged_file_is_only_not_understood() {
        let whole = program(&[("GLIBC_2.34", 0)]);
        for length in 0..whole.len() {
            newest_needed(&whole[..length]);
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] = 0xff;
            newest_needed(&damaged);
        }
    }

    #[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64", target_endian = "little"))]
    #[test]
    fn this_very_program_needs_a_version() {
        let this = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(newest_needed(&this).is_some_and(|needed| needed >= (2, 2)));
    }

    #[test]
    fn each_runtime_has_its_own_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bootstrap");
        std::fs::write(&path, program(&[("GLIBC_2.34", 0)])).unwrap();
        assert_eq!(warning(&path, "provided.al2023", "arm64"), None);
        insta::assert_snapshot!(warning(&path, "provided.al2", "arm64").unwrap().detail, @"It was linked against this machine's C library and needs glibc 2.34; `provided.al2` has 2.26.");
    }
}

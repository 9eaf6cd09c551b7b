//! Programs for another processor: the kernel starts them where it was told of an emulator (binfmt_misc), and the
//! emulator starts them itself where it is only installed.

use super::entrypoint::number;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where kernels list what they start by an emulator.
const REGISTERED: &str = "/proc/sys/fs/binfmt_misc";

/// How a program for another processor is started.
#[derive(Debug, PartialEq, Eq)]
pub struct Emulator {
    pub program: PathBuf,
    /// What comes before the program that it runs.
    pub arguments: Vec<String>,
}

/// What runs a program of another processor that the kernel does not run; nothing for any other file.
pub fn find(program: &Path, search_path: &str) -> Option<Emulator> {
    let mut head = Vec::new();
    // Opening what is no file, such as a pipe that a link leads to, may take for ever.
    std::fs::metadata(program).ok().filter(std::fs::Metadata::is_file)?;
    File::open(program).ok()?.take(64).read_to_end(&mut head).ok()?;
    let name = wanted(&head).filter(|name| cfg!(target_os = "linux") && head.starts_with(b"\x7fELF") && !is_registered(name))?;
    let folders = search_path.split(':').chain(["/usr/local/bin", "/usr/bin"]).filter(|folder| folder.starts_with('/'));
    // The static one needs nothing of its own in the sandbox.
    let names = [format!("{name}-static"), name.to_owned()];
    let program =
        folders.flat_map(|folder| names.iter().map(move |name| Path::new(folder).join(name))).find(|program| program.is_file())?;
    Some(Emulator { program, arguments: libraries(name) })
}

/// Where distributions put the libraries of another processor.
fn libraries(name: &str) -> Vec<String> {
    let processor = name.trim_start_matches("qemu-");
    let folder = format!("/usr/{processor}-linux-gnu");
    if Path::new(&folder).is_dir() { vec!["-L".into(), folder] } else { Vec::new() }
}

/// A processor that nobody here has an emulator for.
const UNKNOWN: &str = "qemu-of-another-processor";

/// The emulator that the header of an ELF file calls for; nothing for one of this machine's processor
/// (<https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>).
pub fn wanted(head: &[u8]) -> Option<&'static str> {
    let (processor, name) = match number(head, 18, 2) {
        Some(62) => ("x86_64", "qemu-x86_64"),
        Some(183) => ("aarch64", "qemu-aarch64"),
        _ => return Some(UNKNOWN),
    };
    (processor != std::env::consts::ARCH).then_some(name)
}

/// Whether the kernel was told of an emulator.
pub fn is_registered(name: &str) -> bool {
    std::fs::read_to_string(Path::new(REGISTERED).join(name)).is_ok_and(|state| state.starts_with("enabled"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(machine: u8) -> Vec<u8> {
        let mut header = vec![0; 64];
        header[..5].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2]);
        header[18] = machine;
        header
    }

    #[test]
    fn only_programs_of_the_other_processor_want_an_emulator() {
        let (own, foreign, name) = if cfg!(target_arch = "x86_64") { (62, 183, "qemu-aarch64") } else { (183, 62, "qemu-x86_64") };
        assert_eq!((wanted(&elf(own)), wanted(&elf(foreign))), (None, Some(name)));
        if is_registered(name) || !cfg!(target_os = "linux") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            std::fs::write(folder.path().join(name), content).unwrap();
            folder.path().join(name)
        };
        let search_path = folder.path().to_str().unwrap();
        let (program, script, here) = (file("foreign", &elf(foreign)), file("script", b"#!/bin/sh\n"), file("own", &elf(own)));
        let emulator = file(&format!("{name}-static"), b"");
        assert_eq!(find(&program, search_path).unwrap().program, emulator);
        assert_eq!(
            (find(&script, search_path), find(&here, search_path), find(&folder.path().join("no"), search_path)),
            (None, None, None)
        );
    }
}

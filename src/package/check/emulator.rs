//! Whether this machine runs programs of another processor.

use super::elf::Elf;
use std::path::Path;

/// Where Linux lists what it starts by an emulator.
const REGISTERED: &str = "/proc/sys/fs/binfmt_misc";
/// QEMU's names of processors that Lambda has, by Lambda's.
const EMULATORS: [(&str, &str); 2] = [("arm64", "qemu-aarch64"), ("x86_64", "qemu-x86_64")];

/// Whether the kernel, or the local cloud itself, starts it by an emulator.
pub(super) fn is_there(elf: &Elf) -> bool {
    let name = EMULATORS.iter().find(|(architecture, _)| elf.is_for(architecture)).map(|(_, name)| *name);
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    cfg!(target_os = "linux") && name.is_some_and(|name| is_registered(name) || is_installed(name, &search_path))
}

fn is_registered(name: &str) -> bool {
    std::fs::read_to_string(Path::new(REGISTERED).join(name)).is_ok_and(|state| state.starts_with("enabled"))
}

fn is_installed(name: &str, search_path: &std::ffi::OsStr) -> bool {
    let folders = std::env::split_paths(search_path).chain(["/usr/local/bin", "/usr/bin"].map(Into::into));
    folders
        .filter(|folder| folder.is_absolute())
        .any(|folder| [format!("{name}-static"), name.to_owned()].iter().any(|name| folder.join(name).is_file()))
}

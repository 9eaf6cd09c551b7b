//! Images: their layers are unpacked into one folder, which becomes the root of the function's processes.

mod engine;
mod layer;
mod start;
#[cfg(test)]
mod tests;

pub use engine::{Container, Engines, Running};
pub use start::{SEARCH_PATH, launch};

use layer::Unpacker;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The most that an image may hold, unpacked
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const LARGEST_IMAGE_BYTES: u64 = 10 * 1024 * 1024 * 1024;
/// The most files, folders and links; more of them would fill a disk without weighing anything.
const MOST_ENTRIES: u64 = 1_000_000;

/// What a sandbox mounts something at.
const MOUNT_POINTS: [&str; 3] = ["dev", "proc", "tmp"];
/// What a sandbox takes from the machine, so that names are found.
const NETWORK_FILES: [&str; 2] = ["hosts", "resolv.conf"];

/// Unpacks layers, the lowest first.
///
/// # Errors
/// What is wrong with which layer.
pub fn unpack(layers: &[PathBuf], root: &Path) -> Result<(), String> {
    unpack_at_most(layers, root, LARGEST_IMAGE_BYTES, MOST_ENTRIES)
}

fn unpack_at_most(layers: &[PathBuf], root: &Path, most_bytes: u64, most_entries: u64) -> Result<(), String> {
    let mut unpacker = Unpacker::new(root, most_bytes, most_entries);
    for layer in layers {
        let name = layer.file_name().unwrap_or_default().to_string_lossy().into_owned();
        unpacker.unpack(layer).map_err(|problem| format!("the layer sha256:{name}: {problem}"))?;
    }
    // Folders are given their rights last, when nothing needs to be put into them any more.
    let prepared = prepare(root).and_then(|()| unpacker.finish());
    let shown = prepared.and_then(|()| std::fs::set_permissions(root, PermissionsExt::from_mode(0o755)));
    shown.map_err(|error| error.to_string())
}

/// Makes the places for what a sandbox mounts. They must be what they seem to be: a mount follows links.
fn prepare(root: &Path) -> std::io::Result<()> {
    for name in MOUNT_POINTS.into_iter().chain(["etc"]) {
        let place = root.join(name);
        if place.symlink_metadata().is_ok_and(|details| !details.is_dir()) {
            std::fs::remove_file(&place)?;
        }
        if !place.exists() {
            std::fs::create_dir(&place)?;
            std::fs::set_permissions(&place, PermissionsExt::from_mode(0o755))?;
        }
    }
    for name in NETWORK_FILES {
        let place = root.join("etc").join(name);
        let details = place.symlink_metadata();
        if details.as_ref().is_ok_and(std::fs::Metadata::is_symlink) {
            std::fs::remove_file(&place)?;
        }
        if !details.is_ok_and(|details| details.is_file()) {
            std::fs::write(&place, "")?;
        }
    }
    Ok(())
}

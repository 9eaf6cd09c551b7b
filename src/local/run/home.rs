//! The folder of one runner, and the shell that cleans up behind a cloud that was killed.

use super::code;
use super::sandbox::is_root;
use std::fs::File;
use std::io::{PipeWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

const PREFIX: &str = "lambdo-run-";
const LOCK: &str = "lock";
const LEFTOVERS: &str = "leftovers";
/// Whoever makes a folder has locked it by then.
const SETTLED: Duration = Duration::from_secs(60);

/// Reads `+ group` and `- group` until the other end closes, which it does however the cloud ends. Then
/// it kills the process groups that are left, whatever has the folder's name in its environment (what
/// left its process group), does what is written down as left over, one word in a line, and removes the folder. `$1` is
/// the folder.
const GUARD: &str = r#"
alive=' '
while read -r verb group; do
  case $verb in
    +) alive="$alive$group " ;;
    -) alive="${alive%% $group *} ${alive#* $group }" ;;
  esac
done
for group in $alive; do kill -9 "-$group" 2>/dev/null; done
if [ -d /proc/self ]; then
  for file in /proc/[0-9]*/environ; do
    if grep -qsF "$1/" "$file"; then id=${file#/proc/}; kill -9 "${id%/environ}" 2>/dev/null; fi
  done
fi
for note in "$1"/leftovers/*; do
  [ -f "$note" ] || continue
  set -- "$1"
  while read -r word; do set -- "$@" "$word"; done <"$note"
  folder=$1
  shift
  "$@" >/dev/null 2>&1
  set -- "$folder"
done
chmod -R u+w "$1" 2>/dev/null
rm -rf "$1"
"#;

/// The folder below which packages are unpacked and environments have their temporary folders.
pub struct Home {
    folder: TempDir,
    /// Held as long as the runner lives; a folder whose lock is free was left behind.
    _lock: File,
    guard: Mutex<PipeWriter>,
    _guard_process: tokio::process::Child,
}

impl Home {
    /// Sweeps what dead runners left in `parent`, and makes a folder there that functions may read.
    pub fn make(parent: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(parent)?;
        sweep(parent);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = locked(folder.path())?;
        if is_root() {
            // Functions run as somebody else then.
            std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755))?;
        }
        // What a sandbox lays over `/var`, so that it has a place for the code, and where it makes its `/tmp`.
        std::fs::create_dir_all(folder.path().join("var/task"))?;
        std::fs::create_dir(folder.path().join("new"))?;
        let (guard_process, guard) = start_guard(folder.path())?;
        Ok(Self { folder, _lock: lock, guard: Mutex::new(guard), _guard_process: guard_process })
    }

    /// Whether programs in the folder can be started: a file system may be mounted with `noexec`.
    pub async fn starts_programs(&self) -> bool {
        let program = self.path().join("probe");
        let written = std::fs::write(&program, "#!/bin/sh\n");
        if written.and_then(|()| std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755))).is_err() {
            return false;
        }
        let mut command = tokio::process::Command::new(&program);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let is_forbidden = command.status().await.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
        // It goes with the folder at the latest.
        let _ = std::fs::remove_file(&program);
        !is_forbidden
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Notes a command that is to be called when the runner ends, however it ends; notes are gone through in their order.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn leave(&self, note: &str, words: &[String]) -> std::io::Result<()> {
        let folder = self.path().join(LEFTOVERS);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(note), words.join("\n") + "\n")
    }

    /// The command is needed no more.
    pub fn settled(&self, note: &str) {
        // It may have been called already, and all with it.
        let _ = std::fs::remove_file(self.path().join(LEFTOVERS).join(note));
    }

    /// Does what is left over, and removes the folder.
    pub fn clear(&self) {
        let notes = std::fs::read_dir(self.path().join(LEFTOVERS)).into_iter().flatten().flatten();
        let mut notes: Vec<_> = notes.map(|note| note.path()).collect();
        notes.sort();
        for text in notes.iter().filter_map(|note| std::fs::read_to_string(note).ok()) {
            let mut words = text.lines();
            let Some(program) = words.next() else { continue };
            let mut command = std::process::Command::new(program);
            // Whoever is to be told has gone.
            let _ = command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        code::remove(self.path());
    }

    /// From now on this process group dies with the cloud.
    pub fn watch(&self, group: u32) {
        self.tell(&format!("+ {group}\n"));
    }

    /// The process group is gone.
    pub fn forget(&self, group: u32) {
        self.tell(&format!("- {group}\n"));
    }

    fn tell(&self, line: &str) {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        // Without its guard the cloud still works; only a SIGKILL would leave something behind.
        let _ = guard.write_all(line.as_bytes());
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The lock of a folder. It has its name only when it is held: no sweep finds it free.
fn locked(folder: &Path) -> std::io::Result<File> {
    let beside = folder.join("lock.new");
    let lock = File::create(&beside)?;
    lock.try_lock()?;
    std::fs::rename(beside, folder.join(LOCK))?;
    Ok(lock)
}

fn start_guard(folder: &Path) -> std::io::Result<(tokio::process::Child, PipeWriter)> {
    let (reader, writer) = std::io::pipe()?;
    let mut command = tokio::process::Command::new("/bin/sh");
    command.args(["-c", GUARD, "lambdo-guard"]).arg(folder);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
    // In a process group of its own, so that a Ctrl-C at the cloud does not end it before its time.
    command.process_group(0).stdin(reader).stdout(Stdio::null()).stderr(Stdio::null());
    Ok((command.spawn()?, writer))
}

/// Removes the folders of runners that are dead: those whose lock is free.
fn sweep(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if is_ours && entry.file_type().is_ok_and(|kind| kind.is_dir()) && is_left_behind(&entry.path()) {
            code::remove(&entry.path());
        }
    }
}

fn is_left_behind(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(_) => {
            let changed = std::fs::metadata(folder).and_then(|details| details.modified());
            changed.is_ok_and(|changed| changed.elapsed().is_ok_and(|age| age > SETTLED))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_new_home_sweeps_those_of_the_dead_and_no_others() {
        let parent = tempfile::tempdir().unwrap();
        let dead = parent.path().join(format!("{PREFIX}dead"));
        std::fs::create_dir(&dead).unwrap();
        std::fs::write(dead.join(LOCK), "").unwrap();
        let (foreign, fresh) = (parent.path().join("foreign"), parent.path().join(format!("{PREFIX}fresh")));
        std::fs::create_dir(&foreign).unwrap();
        std::fs::create_dir(&fresh).unwrap();
        let first = Home::make(parent.path()).unwrap();
        let second = Home::make(parent.path()).unwrap();
        assert!(!dead.exists() && foreign.exists() && fresh.exists());
        assert!(first.path().exists() && second.path().exists());
        let path = first.path().to_owned();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if is_root() { 0o755 } else { 0o700 }, "nobody reads the code who need not");
        assert!(first.starts_programs().await);
        drop(first);
        assert!(!path.exists() && second.path().exists());
    }

    #[tokio::test]
    async fn the_guard_kills_what_is_left_when_the_cloud_is_gone() {
        let parent = tempfile::tempdir().unwrap();
        let mut sleepers: Vec<_> = (0..3)
            .map(|_| tokio::process::Command::new("/bin/sleep").arg("60").process_group(0).kill_on_drop(true).spawn().unwrap())
            .collect();
        let home = Home::make(parent.path()).unwrap();
        for sleeper in &sleepers {
            home.watch(sleeper.id().unwrap());
        }
        home.forget(sleepers[1].id().unwrap());
        let mark = parent.path().join("mark");
        for (note, words) in [("1", "done"), ("2", "never")] {
            home.leave(note, &["touch".into(), format!("{} {words}", mark.display())]).unwrap();
        }
        home.settled("2");
        // As after a SIGKILL: only the pipe closes.
        let folder = home.path().to_owned();
        drop(std::mem::replace(&mut *home.guard.lock().unwrap(), std::io::pipe().unwrap().1));
        let patience = std::time::Instant::now() + Duration::from_secs(20);
        while folder.exists() {
            assert!(std::time::Instant::now() < patience, "the guard does nothing");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let left: Vec<_> = std::fs::read_dir(parent.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["mark done"]);
        for killed in [0, 2] {
            let ended = tokio::time::timeout(Duration::from_secs(10), sleepers[killed].wait()).await;
            assert!(!ended.unwrap().unwrap().success());
        }
        assert!(sleepers[1].try_wait().unwrap().is_none());
    }
}

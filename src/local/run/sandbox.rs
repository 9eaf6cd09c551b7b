//! How a function's process is kept away from the machine, as far as the machine allows.
//!
//! With namespaces (Linux, `unshare` of util-linux, root or user namespaces): the code stands read-only
//! at `/var/task`, `/tmp` is a file system of its own with the function's size, no other can be written
//! but the kernel's own (`/sys`, `/dev`), `/proc` shows the environment's processes alone, and no privilege
//! is left. The first process of the PID namespace is a shell that waits for the function's; what that one
//! left behind, in whatever process group or session, dies with the shell. The cloud's own folder is out of
//! sight, and so is where the cloud's user keeps keys.
//!
//! Without: a process group, a folder that stands for `/tmp`, and `nobody` where the cloud is root.

use super::home::Home;
use super::image::Container;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Where the code is on Lambda.
pub const TASK_ROOT: &str = "/var/task";
/// Where layers are on Lambda.
pub const OPT: &str = "/opt";
/// `nobody`, as every Linux knows it.
const NOBODY: u32 = 65534;
/// Root in a user namespace of its own.
const MAPPED: &[&str] = &["--user", "--map-root-user"];
/// Only for what makes the sandbox; a function has its own.
const TOOLS: &str = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin";

/// Runs as the first process of the namespaces. `$1` is the code, `$2` the size of `/tmp` in MB, `$3` the
/// runner's folder, `$4` the layers or nothing; then come folders below the machine's `/tmp` that stay visible, `--`,
/// folders that are hidden, `--`, and what it starts. The new `/tmp` is made aside, while the old one can still be seen.
///
/// `/var/task` comes from an overlay, so that nothing is made on the machine itself. `/dev/shm` is empty
/// and cannot be written, as on Lambda. Each mount is made read-only by itself, with the options that it has,
/// since below a user namespace none of those may be lost; one that cannot be stays as it is. What the shell
/// and `unshare` say when something dies goes nowhere.
const SETUP: &str = r#"
set -e
exec 3>&2 2>&1
code=$1 size=$2 home=$3 new=$3/new layers=$4
shift 4
[ -d /var/task ] || mount -t overlay overlay -o "lowerdir=$home/var:/var" /var
mount --bind "$code" /var/task
mount -o remount,bind,ro,nosuid,nodev /var/task
if [ -n "$layers" ] && [ -d /opt ]; then
  mount --bind "$layers" /opt
  mount -o remount,bind,ro,nosuid,nodev /opt
fi
mount -t tmpfs -o "size=${size}m,mode=1777,nosuid,nodev" tmpfs "$new"
while [ "$1" != -- ]; do
  mkdir -p "$new/${1#/tmp/}"
  mount --bind "$1" "$new/${1#/tmp/}"
  mount -o remount,bind,ro "$new/${1#/tmp/}" || :
  shift
done
shift
mount -n --move "$new" /tmp
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mount -t tmpfs -o ro,size=4k tmpfs "$1"; fi
  shift
done
shift
if [ -d /dev/shm ]; then mount -t tmpfs -o ro,size=4k tmpfs /dev/shm; fi
mount -t proc proc /proc
while read -r _ _ _ _ target options _; do
  case $target in /tmp|/tmp/*|/proc|/proc/*|/dev|/dev/*|/sys|/sys/*) continue ;; esac
  case $options in rw|rw,*) ;; *) continue ;; esac
  mount -n -o "remount,bind,ro${options#rw}" "$(printf '%b' "$target")" 2>/dev/null || :
done </proc/self/mountinfo
set +e
exec 2>&3 3>&-
"$@" 2>&1
exit $?
"#;

/// The same for an image, whose root becomes the process's. It lies in a folder whose name nobody can guess,
/// and what others may write on the machine is out of sight: what makes the root is started with the variables
/// of the image, and must not find a library there. That holds for the cloud's folder, too, in which the image's
/// layers lie under names that whoever made them knows.
const SETUP_IMAGE: &str = r#"
set -e
exec 3>&2 2>&1
code=$1 size=$2 new=$3/new
root=$new/${1##*/}
shift 5 # there are no folders that stay visible
mount -t tmpfs -o size=64k,mode=755,nosuid,nodev tmpfs "$new"
mkdir "$root"
mount --bind "$code" "$root"
mount -o remount,bind,ro,nosuid,nodev "$root"
mount -t tmpfs -o "size=${size}m,mode=1777,nosuid,nodev" tmpfs "$root/tmp"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o size=64k,mode=755,nosuid tmpfs "$root/dev"
for node in null zero full random urandom; do
  : >"$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
ln -s /proc/self/fd "$root/dev/fd"
for stream in 0/stdin 1/stdout 2/stderr; do ln -s "/proc/self/fd/${stream%/*}" "$root/dev/${stream#*/}"; done
mount -o remount,bind,ro,nosuid "$root/dev"
for file in hosts resolv.conf; do
  if [ -f "/etc/$file" ]; then
    mount --bind "/etc/$file" "$root/etc/$file"
    mount -o remount,bind,ro,nosuid,nodev "$root/etc/$file" || :
  fi
done
mount -n --move "$new" /tmp
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mount -t tmpfs -o ro,size=4k tmpfs "$1"; fi
  shift
done
shift
for folder in /var/tmp /dev/shm; do
  if [ -d "$folder" ]; then mount -t tmpfs -o ro,size=4k tmpfs "$folder"; fi
done
set +e
exec 2>&3 3>&-
"$@" 2>&1
exit $?
"#;

/// The way in which processes are started here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// In namespaces that root made.
    Namespaces,
    /// In namespaces below a user namespace.
    UserNamespaces,
    /// Without any.
    Plain,
}

/// What one process needs of its sandbox.
pub struct Room<'a> {
    pub code: &'a Path,
    /// What is shown below `/opt`.
    pub layers: Option<&'a Path>,
    /// Whether the code is a root of its own.
    pub is_image: bool,
    /// What runs it, where that is none of these sandboxes.
    pub container: Option<&'a Container>,
    /// Stands for `/tmp` where there is no other.
    pub temporary_folder: &'a Path,
    pub storage_mb: u32,
    pub memory_mb: u32,
    /// Whether `nobody` could not run it, so that it runs as whoever runs the cloud, without privileges.
    pub as_owner: bool,
    /// Folders that the program needs, wherever they are.
    pub needs: &'a [PathBuf],
    /// Folders that it must not see.
    pub hidden: &'a [PathBuf],
}

impl Sandbox {
    /// Tries what the machine allows, the best first.
    pub async fn probe(home: &Home) -> Self {
        let candidate = if is_root() { Self::Namespaces } else { Self::UserNamespaces };
        if cfg!(target_os = "linux") && candidate.works(home).await { candidate } else { Self::Plain }
    }

    async fn works(self, home: &Home) -> bool {
        let room = Room {
            code: home.path(),
            layers: None,
            is_image: false,
            container: None,
            temporary_folder: home.path(),
            storage_mb: 1,
            memory_mb: 128,
            as_owner: false,
            needs: &[],
            hidden: &[],
        };
        let mut command = self.command(home, &room);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        // The shell in there reads nothing and ends well if it came to that.
        let ended = tokio::time::timeout(Duration::from_secs(5), command.status()).await;
        matches!(ended, Ok(Ok(status)) if status.success())
    }

    /// Whether the process has a `/tmp` and a `/var/task` of its own.
    pub fn is_private(self) -> bool {
        self != Self::Plain
    }

    /// Where the process sees its code.
    pub fn task_root(self, code: &Path) -> PathBuf {
        if self.is_private() { TASK_ROOT.into() } else { code.to_owned() }
    }

    /// Whether layers can be shown where Lambda has them. A machine without the folder cannot: nothing is made on it.
    pub fn has_opt(self) -> bool {
        self.is_private() && Path::new(OPT).is_dir()
    }

    /// Where the process sees its layers.
    pub fn layers_root(self, layers: &Path) -> PathBuf {
        if self.has_opt() { OPT.into() } else { layers.to_owned() }
    }

    /// How many processes above the function's are not its own.
    pub fn wrappers(self) -> usize {
        if self.is_private() { 2 } else { 0 }
    }

    /// How `unshare` is told to make the image the root of a process, and to take away from it what that took.
    /// Nobody in a changed root can make namespaces, and so get out again.
    pub fn into_image(self, code: &Path, working_folder: &Path) -> Vec<String> {
        let root = Path::new("/tmp").join(code.file_name().unwrap_or_default());
        let mut words =
            if self == Self::Namespaces { vec![format!("--setgid={NOBODY}"), format!("--setuid={NOBODY}")] } else { mapped_back() };
        words.extend([format!("--root={}", root.display()), format!("--wd={}", working_folder.display()), "--".to_owned()]);
        words
    }

    /// A shell in the sandbox that reads its script from standard input. Standard error is for what is
    /// said in between, and no log.
    pub fn command(self, home: &Home, room: &Room<'_>) -> Command {
        let mut command = match self {
            Self::Plain => plain(room.as_owner),
            Self::Namespaces if room.is_image => unshare(home, room, &[], &may_change_root()),
            Self::Namespaces => unshare(home, room, &[], &drop_privileges(room.as_owner)),
            Self::UserNamespaces if room.is_image => unshare(home, room, MAPPED, &no_new_privileges()),
            Self::UserNamespaces => unshare(home, room, MAPPED, &map_back()),
        };
        command.env_clear().env("PATH", TOOLS).current_dir("/").process_group(0);
        command
    }
}

fn plain(as_owner: bool) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-s");
    if is_root() && !as_owner {
        // Without them the process keeps no groups either.
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn unshare(home: &Home, room: &Room<'_>, user: &[&str], inner: &[String]) -> Command {
    let mut command = Command::new("unshare");
    command.args(user).args(["--mount", "--ipc", "--pid", "--fork", "--kill-child", "--", "/bin/sh", "-c"]);
    command.args([if room.is_image { SETUP_IMAGE } else { SETUP }, "lambdo-sandbox"]);
    command.arg(room.code).arg(room.storage_mb.to_string()).arg(home.path());
    command.arg(room.layers.map_or_else(|| std::ffi::OsStr::new(""), Path::as_os_str));
    command.args(room.needs.iter().filter(|folder| folder.starts_with("/tmp") && !room.is_image)).arg("--");
    command.args(room.hidden).arg("--");
    command.args(inner).args(["--", "/bin/sh", "-s"]);
    command
}

fn drop_privileges(as_owner: bool) -> Vec<String> {
    let mut words: Vec<String> = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"].map(Into::into).into();
    if !as_owner {
        words.extend([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into()]);
    }
    words
}

/// Only what it takes to become somebody else in another root.
fn may_change_root() -> Vec<String> {
    let kept = "--bounding-set=-all,+sys_chroot,+setuid,+setgid";
    ["setpriv", "--inh-caps=-all", kept, "--no-new-privs"].map(Into::into).into()
}

fn no_new_privileges() -> Vec<String> {
    ["setpriv", "--no-new-privs"].map(Into::into).into()
}

/// One more user namespace, in which root is again who it was; its privileges end there.
fn map_back() -> Vec<String> {
    let outer = std::iter::once("unshare".to_owned()).chain(mapped_back()).chain(["--".to_owned()]);
    outer.chain(no_new_privileges()).collect()
}

fn mapped_back() -> Vec<String> {
    let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    vec!["--user".into(), format!("--map-user={user}"), format!("--map-group={group}")]
}

/// Whether the cloud runs as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Makes a command run as functions do.
pub fn as_function(command: &mut Command) {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
}

/// Hands a folder to the user that functions run as.
pub fn hand_over(folder: &Path) -> std::io::Result<()> {
    if is_root() { std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel's part alone, tried with as little of ours as possible.
    async fn has_namespaces() -> bool {
        let user: &[&str] = if is_root() { &[] } else { &["--user", "--map-root-user"] };
        let mut command = Command::new("unshare");
        command.args(user).args(["--mount", "--pid", "--fork", "/bin/sh", "-c"]);
        command.arg("mount -t tmpfs tmpfs /tmp && mount -t proc proc /proc && mkdir /tmp/task && mount -t overlay overlay -o lowerdir=/tmp:/var /var");
        command.stderr(Stdio::null()).status().await.is_ok_and(|status| status.success())
    }

    #[tokio::test]
    async fn namespaces_are_used_where_the_machine_has_them() {
        let parent = tempfile::tempdir().unwrap();
        let home = Home::make(parent.path()).unwrap();
        assert_eq!(Sandbox::probe(&home).await.is_private(), has_namespaces().await);
    }
}

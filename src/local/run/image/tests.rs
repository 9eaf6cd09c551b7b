use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use tar::{Builder, EntryType, Header};

/// An entry of a layer, whatever a well-meaning tar would say to it.
enum Item<'a> {
    File(&'a str, u32, &'a [u8]),
    Folder(&'a str, u32),
    Symlink(&'a str, &'a str),
    Link(&'a str, &'a str),
    Device(&'a str),
}

fn header(path: &str, kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(1_000_000_000);
    header.set_cksum();
    header
}

fn linking(path: &str, target: &str, kind: EntryType) -> Header {
    let mut header = header(path, kind, 0o777, 0);
    header.as_gnu_mut().unwrap().linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_cksum();
    header
}

fn layer(items: &[Item<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for item in items {
        match item {
            Item::File(path, mode, content) => {
                builder.append(&header(path, EntryType::Regular, *mode, content.len() as u64), *content).unwrap();
            }
            Item::Folder(path, mode) => builder.append(&header(path, EntryType::Directory, *mode, 0), &[][..]).unwrap(),
            Item::Symlink(path, target) => builder.append(&linking(path, target, EntryType::Symlink), &[][..]).unwrap(),
            Item::Link(path, target) => builder.append(&linking(path, target, EntryType::Link), &[][..]).unwrap(),
            Item::Device(path) => builder.append(&header(path, EntryType::Char, 0o666, 0), &[][..]).unwrap(),
        }
    }
    builder.into_inner().unwrap()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

struct Image {
    folder: tempfile::TempDir,
    outcome: Result<(), String>,
}

impl Image {
    fn of(layers: &[Vec<u8>]) -> Self {
        Self::at_most(layers, LARGEST_IMAGE_BYTES, MOST_ENTRIES)
    }

    fn at_most(layers: &[Vec<u8>], most_bytes: u64, most_entries: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<PathBuf> = (0..layers.len()).map(|index| folder.path().join(format!("layer{index}"))).collect();
        files.iter().zip(layers).for_each(|(file, bytes)| std::fs::write(file, bytes).unwrap());
        std::fs::create_dir(folder.path().join("root")).unwrap();
        let outcome = unpack_at_most(&files, &folder.path().join("root"), most_bytes, most_entries);
        Self { folder, outcome }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    #[track_caller]
    fn text(&self, path: &str) -> Option<String> {
        self.outcome.as_ref().unwrap();
        std::fs::read_to_string(self.root().join(path)).ok()
    }

    fn mode(&self, path: &str) -> u32 {
        std::fs::symlink_metadata(self.root().join(path)).unwrap().permissions().mode() & 0o7777
    }

    #[track_caller]
    fn refused(&self, says: &str) {
        let problem = self.outcome.as_ref().unwrap_err();
        assert!(problem.contains(says), "{problem}");
        let outside: Vec<_> = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(outside.iter().all(|name| name == "root" || name.to_str().unwrap().starts_with("layer")), "{outside:?}");
    }
}

#[test]
fn upper_layers_lie_over_lower_ones() {
    let lower = layer(&[
        Item::Folder("./etc/", 0o755),
        Item::File("etc/a", 0o644, b"lower"),
        Item::File("/etc/b", 0o640, b"stays"),
        Item::File("bin/tool", 0o4755, b"tool"),
        Item::Folder("locked", 0o500),
        Item::File("locked/in", 0o400, b"in"),
        Item::Device("dev/sda"),
    ]);
    let upper = layer(&[
        Item::File("etc/a", 0o600, b"upper"),
        Item::File("bin", 0o755, b"no folder any more"),
        Item::File("locked/more", 0o400, b"more"),
        Item::Link("etc/linked", "/etc/b"),
        Item::Symlink("link", "/etc/b"),
    ]);
    let image = Image::of(&[gzipped(&lower), upper]);
    assert_eq!(image.text("etc/a").as_deref(), Some("upper"));
    assert_eq!(image.text("etc/linked").as_deref(), Some("stays"));
    assert_eq!(image.text("bin").as_deref(), Some("no folder any more"));
    assert_eq!(image.text("locked/more").as_deref(), Some("more"));
    assert_eq!((image.mode("etc/a"), image.mode("etc/b"), image.mode("locked"), image.mode("bin")), (0o600, 0o640, 0o500, 0o755));
    assert_eq!(std::fs::read_link(image.root().join("link")).unwrap(), Path::new("/etc/b"));
    assert!(!image.root().join("dev/sda").exists(), "devices are left out");
    let modified = std::fs::metadata(image.root().join("etc/b")).unwrap().modified().unwrap();
    assert_eq!(modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), 1_000_000_000);
    crate::local::run::code::remove(&image.root());
}

#[test]
fn setuid_is_taken_away() {
    let image = Image::of(&[layer(&[Item::File("su", 0o4755, b""), Item::Folder("sticky", 0o2777)])]);
    image.outcome.as_ref().unwrap();
    assert_eq!((image.mode("su"), image.mode("sticky")), (0o755, 0o777));
}

#[test]
fn whiteouts_are_about_lower_layers_only() {
    let lower = layer(&[
        Item::File("a/one", 0o644, b"1"),
        Item::File("a/two", 0o644, b"2"),
        Item::File("b/deep/one", 0o644, b"1"),
        Item::File("b/two", 0o644, b"2"),
        Item::File("c", 0o644, b"c"),
    ]);
    let upper = layer(&[
        Item::File("a/.wh.one", 0o644, b""),
        Item::File("b/deep/new", 0o644, b"new"),
        Item::File("b/.wh..wh..opq", 0o644, b""),
        Item::File("c", 0o644, b"again"),
        Item::File(".wh.c", 0o644, b""),
        Item::File(".wh..wh.plnk", 0o644, b""),
        Item::File(".wh.never", 0o644, b""),
    ]);
    let image = Image::of(&[lower, upper]);
    assert_eq!((image.text("a/one"), image.text("a/two").as_deref()), (None, Some("2")));
    assert_eq!((image.text("b/deep/one"), image.text("b/two"), image.text("b/deep/new").as_deref()), (None, None, Some("new")));
    assert_eq!(image.text("c").as_deref(), Some("again"));
    assert!(!image.root().join(".wh..wh.plnk").exists());
}

#[test]
fn nothing_is_written_or_removed_outside() {
    for items in [
        &[Item::File("../evil", 0o644, b"")][..],
        &[Item::File("a/../../evil", 0o644, b"")],
        &[Item::Link("evil", "../layer0")],
        &[Item::File("..", 0o644, b"")],
    ] {
        Image::of(&[layer(items)]).refused("points out");
    }
    Image::of(&[layer(&[Item::File(".wh...", 0o644, b"")])]).refused("no name of a file");
    Image::of(&[layer(&[Item::File(".wh.", 0o644, b"")])]).refused("no name of a file");
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().to_str().unwrap();
    std::fs::write(folder.path().join("kept"), "kept").unwrap();
    let image = Image::of(&[layer(&[
        Item::Symlink("way", outside),
        Item::File("way/evil", 0o644, b"evil"),
        Item::File("way/.wh.kept", 0o644, b""),
        Item::File("way/.wh..wh..opq", 0o644, b""),
        Item::Symlink("up", "../../../../../.."),
        Item::File("up/inside", 0o644, b"inside"),
    ])]);
    assert_eq!(image.text("inside").as_deref(), Some("inside"), "links are followed within the image");
    assert!(folder.path().join("kept").exists() && !folder.path().join("evil").exists());
    let image = Image::of(&[layer(&[Item::Link("passwd", "/etc/passwd")])]);
    assert!(image.outcome.is_err(), "a hard link to what the image does not have");
}

#[test]
fn what_lower_layers_had_is_no_way_out_of_upper_ones() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::create_dir(outside.join("in")).unwrap();
    std::fs::write(outside.join("in/kept"), "kept").unwrap();
    let target = outside.to_str().unwrap();
    let mode = |path: &str| std::fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    let before = (mode("outside"), mode("outside/in"));
    // A folder whose rights are still to be set becomes a link; so does one above it.
    let lower = layer(&[Item::Folder("way", 0o100), Item::Folder("way/in", 0o100), Item::Folder("a/in", 0o100)]);
    let upper = layer(&[Item::Symlink("way", target), Item::File(".wh.a", 0o644, b""), Item::Symlink("b", target)]);
    let top = layer(&[
        Item::Symlink("a", "b"),
        Item::File("way/.wh.in", 0o644, b""),
        Item::File("a/in/.wh..wh..opq", 0o644, b""),
        Item::File("a/evil", 0o644, b""),
        Item::Link("stolen", "way/in/kept"),
    ]);
    let image = Image::of(&[lower.clone(), upper.clone(), top]);
    assert!(image.outcome.is_err(), "what a hard link names is looked for in the image");
    let image = Image::of(&[lower, upper, layer(&[Item::Symlink("a", "b"), Item::File("a/evil", 0o644, b"")])]);
    assert_eq!(image.outcome, Ok(()));
    assert_eq!((mode("outside"), mode("outside/in")), before);
    assert!(outside.join("in/kept").exists() && !outside.join("evil").exists());
}

#[test]
fn names_may_be_anything_that_the_system_takes() {
    let image = Image::of(&[
        layer(&[Item::File("line\nbreak", 0o644, b"1"), Item::File("\u{1b}[31m", 0o644, b"2"), Item::File("both/x", 0o644, b"3")]),
        layer(&[Item::File(".wh.line\nbreak", 0o644, b""), Item::Symlink("both", "/"), Item::Folder("both", 0o755)]),
    ]);
    assert_eq!((image.text("line\nbreak"), image.text("\u{1b}[31m").as_deref(), image.text("both/x")), (None, Some("2"), None));
    let deep = "d/".repeat(40) + "x";
    Image::at_most(&[layer(&[Item::File(&deep, 0o644, b"")])], 100, 40).refused("too many files");
    let image = Image::of(&[layer(&[Item::File("\u{1b}[31m/../x", 0o644, b"")])]);
    image.refused("points out");
    assert!(!image.outcome.unwrap_err().contains('\u{1b}'));
}

#[test]
fn what_is_mounted_over_is_what_it_seems_to_be() {
    let image = Image::of(&[layer(&[
        Item::Symlink("dev", "/etc"),
        Item::Symlink("tmp", "/var"),
        Item::File("proc", 0o644, b""),
        Item::Symlink("etc/resolv.conf", "../run/resolv.conf"),
        Item::Folder("etc/hosts", 0o755),
    ])]);
    assert!(image.outcome.is_err(), "a folder where a file must be");
    let image = Image::of(&[layer(&[
        Item::Symlink("dev", "/etc"),
        Item::Symlink("tmp", "/var"),
        Item::File("proc", 0o644, b""),
        Item::Symlink("etc/resolv.conf", "../run/resolv.conf"),
    ])]);
    assert_eq!(image.text("etc/resolv.conf").as_deref(), Some(""));
    for name in ["dev", "tmp", "proc", "etc"] {
        assert!(std::fs::symlink_metadata(image.root().join(name)).unwrap().is_dir(), "{name}");
    }
    assert_eq!(image.mode("."), 0o755);
}

#[test]
fn what_is_too_large_is_refused_before_it_fills_the_disk() {
    let zeros = vec![0; 100_000];
    let items = [Item::File("a", 0o644, &zeros), Item::File("b", 0o644, &zeros)];
    let bomb = gzipped(&layer(&items));
    assert!(bomb.len() < 10_000);
    Image::at_most(std::slice::from_ref(&bomb), 199_999, 10).refused("more than 10 GB");
    Image::at_most(&[bomb.clone(), bomb.clone()], 200_000, 10).refused("more than 10 GB");
    Image::at_most(std::slice::from_ref(&bomb), 200_000, 1).refused("too many files");
    assert_eq!(Image::at_most(&[bomb], 200_000, 2).outcome, Ok(()));
    let long = "x".repeat(3_000_000);
    let mut builder = Builder::new(Vec::new());
    builder.append(&header("././@LongLink", EntryType::GNULongName, 0o644, long.len() as u64), long.as_bytes()).unwrap();
    Image::of(&[builder.into_inner().unwrap()]).refused("too long");
}

#[test]
fn broken_layers_are_refused_by_name() {
    let whole = gzipped(&layer(&[Item::File("a", 0o644, &[7; 50_000])]));
    Image::of(&[whole[..whole.len() / 2].to_vec()]).refused("the layer sha256:layer0");
    Image::of(&[vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0]]).refused("zstd");
    Image::of(&[b"no tar at all, but long enough to be looked at as if it were a header of one".repeat(10)]).refused("layer0");
    assert_eq!(Image::of(&[Vec::new()]).outcome, Ok(()), "a layer without anything");
}

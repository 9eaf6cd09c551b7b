//! Whether a container image will start on Lambda
//! (<https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>).

use super::elf;
use super::format::Format;
use super::program::{self, Surroundings};
use super::{Place, Subject, WRONG_ARCHITECTURE};
use crate::diagnostic::Diagnostic;
use std::collections::{BTreeMap, VecDeque};

/// The most that the layers of an image may unpack to, in bytes: 10 GB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const LIMIT_BYTES: u64 = 10 << 30;

/// What an image says of itself, and the files of it that are known.
#[derive(Clone, Copy, Debug)]
pub struct ImageFacts<'a> {
    /// What people call it, at the start of a sentence.
    pub shown: &'a str,
    /// `os` of its configuration.
    pub system: &'a str,
    /// `architecture` of its configuration, such as `amd64`.
    pub processor: &'a str,
    /// Its entry point and its command, one after the other, after what the spec changes.
    pub command: &'a [String],
    /// Its `PATH`.
    pub path: &'a str,
    /// Its working directory.
    pub folder: &'a str,
    /// The user that it names; empty where it names none.
    pub user: &'a str,
    /// Its files by absolute path.
    pub files: &'a [ImageFile],
    /// Where its symbolic links lead, by their paths without the first slash.
    pub links: &'a BTreeMap<String, String>,
    /// The modes of its folders, as far as they are known, by their paths without the first slash.
    pub folders: &'a BTreeMap<String, u32>,
    /// Paths of files that are put on a base, as far as it is known what they lie in.
    pub laid: &'a [String],
    /// Whether `files` are all there are; not so where layers of a base were not read.
    pub is_whole: bool,
    /// What its layers unpack to, in bytes.
    pub unpacked_bytes: u64,
}

/// A file of an image.
#[derive(Clone, Debug)]
pub struct ImageFile {
    /// With a `/` at its start.
    pub path: String,
    /// Its mode.
    pub mode: u32,
    /// How it begins; 4 KiB are enough for everything but libraries. It is looked at of what is started only.
    pub head: Vec<u8>,
}

/// The code of what others than its owner may not use.
const NOT_FOR_OTHERS: &str = "not-for-others";
const ANOTHER_USER: &str = "Lambda is another user than its owner, and may not go through it";

/// So many links are followed, as by Linux (<https://man7.org/linux/man-pages/man7/path_resolution.7.html>).
const LINKS_MAX: usize = 40;

impl ImageFacts<'_> {
    /// What the image starts, where it is known.
    pub fn program(&self) -> Option<&ImageFile> {
        candidates(self.command.first()?, self).iter().find_map(|path| self.find(path))
    }

    /// What runs the program, where that is a script and it is known.
    pub fn interpreter(&self) -> Option<&ImageFile> {
        match Format::of(&self.program()?.head) {
            Format::Script(script) => self.find(&script.interpreter),
            _ => None,
        }
    }

    fn find(&self, path: &str) -> Option<&ImageFile> {
        let led = led(path, |path| self.links.get(path).map(String::as_str))?;
        self.files.iter().find(|file| file.path == led)
    }

    /// A folder on the way to what has this absolute path that is closed to others than its owner, with its mode.
    fn closed_above(&self, path: &str) -> Option<(String, u32)> {
        let path = path.trim_start_matches('/');
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        let closed = above.filter_map(|folder| Some((folder, *self.folders.get(folder)?))).find(|(_, mode)| mode & 0o001 == 0);
        closed.map(|(folder, mode)| (format!("/{folder}"), mode))
    }

    fn has_folder(&self, path: &str) -> bool {
        let inner = path.trim_start_matches('/');
        let below = format!("/{inner}/");
        inner.is_empty() || self.folders.contains_key(inner) || self.files.iter().any(|file| file.path.starts_with(&below))
    }
}

/// Where an absolute path leads in an image through its links, which `links` knows by their paths without the first
/// slash; nothing where they lead in circles.
pub fn led<'a>(path: &str, links: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let mut parts: VecDeque<String> = path.split('/').map(str::to_owned).collect();
    let (mut led, mut followed) = (Vec::<String>::new(), 0);
    while let Some(part) = parts.pop_front() {
        match part.as_str() {
            "" | "." => {}
            ".." => drop(led.pop()),
            _ => {
                led.push(part);
                let Some(target) = links(&led.join("/")) else { continue };
                followed += 1;
                led.pop();
                if target.starts_with('/') {
                    led.clear();
                }
                if followed > LINKS_MAX {
                    return None;
                }
                target.rsplit('/').for_each(|part| parts.push_front(part.to_owned()));
            }
        }
    }
    Some(format!("/{}", led.join("/")))
}

/// Everything that keeps an image from starting on the `architecture` of a function.
pub fn check_image(image: &ImageFacts<'_>, architecture: &str) -> Vec<Diagnostic> {
    let mut findings: Vec<Diagnostic> = wrong_platform(image, architecture).into_iter().collect();
    if image.unpacked_bytes > LIMIT_BYTES {
        findings.push(Diagnostic::error("image-too-large", "The image is too large").detail(format!(
            "{} unpacks to {} bytes, and AWS takes {LIMIT_BYTES}. Build on a smaller base, and leave out what only the build needs.",
            image.shown, image.unpacked_bytes
        )));
    }
    findings.extend(check_command(image, architecture));
    findings.extend(check_folder(image));
    findings.extend(other_user(image));
    findings.extend(closed_to_function(image).filter(|_| !findings.iter().any(|one| one.code == NOT_FOR_OTHERS)));
    findings
}

/// Warns of files that were put into a folder of the base which only its owner may enter.
fn closed_to_function(image: &ImageFacts<'_>) -> Option<Diagnostic> {
    let mut closed = image.laid.iter().filter_map(|path| Some((path, image.closed_above(path)?)));
    let (path, (folder, mode)) = closed.next()?;
    let more = match closed.count() {
        0 => String::new(),
        more => format!(" Such files: {}.", more + 1),
    };
    Some(
        Diagnostic::warning(NOT_FOR_OTHERS, "Lambda may not use a file of the image")
            .detail(format!("`{path}` is put into `{folder}`, which has the mode {mode:04o} in the base image: {ANOTHER_USER}.{more}"))
            .hint("put it into a folder that everybody may enter, such as one of its own"),
    )
}

/// Lambda puts these folders into every image.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html>
const MOUNTED: [&str; 4] = ["/dev", "/proc", "/sys", "/tmp"];
/// Below it a function may have file systems.
/// Source: <https://docs.aws.amazon.com/lambda/latest/api/API_FileSystemConfig.html>
const FILE_SYSTEMS: &str = "/mnt/";

/// Lambda goes into the working directory before it starts anything, and does not make it.
fn check_folder(image: &ImageFacts<'_>) -> Option<Diagnostic> {
    let folder = led(image.folder, |path| image.links.get(path).map(String::as_str)).filter(|_| image.is_whole)?;
    if MOUNTED.contains(&folder.as_str()) || folder.starts_with(FILE_SYSTEMS) {
        return None;
    }
    let found = Diagnostic::error("no-working-directory", "The image's working directory cannot be entered");
    if !image.has_folder(&folder) {
        let is_file = image.find(&folder).is_some();
        let what = if is_file { "is a file in it" } else { "it does not have" };
        let found = found.detail(format!("{} starts in `{}`, which {what}.", image.shown, image.folder));
        return Some(found.hint("in a Dockerfile, put something into it (`COPY`, or `RUN mkdir`): buildah and podman make no folder for a `WORKDIR` alone; `working_directory` names one that is there"));
    }
    let (closed, mode) = image.closed_above(&format!("{folder}/"))?;
    let found =
        found.detail(format!("{} starts in `{}`, and `{closed}` has the mode {mode:04o}: {ANOTHER_USER}.", image.shown, image.folder));
    Some(found.hint(format!("in a Dockerfile: `RUN chmod 755 {closed}`")))
}

/// Lambda gives images a user of its own (<https://docs.aws.amazon.com/lambda/latest/dg/images-create.html#images-reqs>).
fn other_user(image: &ImageFacts<'_>) -> Option<Diagnostic> {
    let is_root = ["", "0", "root"].contains(&image.user.split(':').next().unwrap_or_default());
    (!is_root).then(|| {
        Diagnostic::note("image-user", "The image's user is not the one that Lambda takes").detail(format!(
            "{} says `USER {}`; Lambda starts everything as a user of its own, who owns nothing in it. What only `{}` may read is closed to the function.",
            image.shown, image.user, image.user
        ))
    })
}

/// Refuses a manifest that leads to several images: Lambda takes one.
pub fn check_media_type(shown: &str, media_type: &str) -> Option<Diagnostic> {
    let is_index = media_type.ends_with(".image.index.v1+json") || media_type.ends_with(".manifest.list.v2+json");
    is_index.then(|| {
        Diagnostic::error("image-index", "Lambda takes an image for one platform")
            .detail(format!("`{shown}` is an index, `{media_type}`, which leads to images for several platforms."))
            .hint("docker: `docker buildx build --platform linux/arm64 --provenance=false`")
    })
}

fn wrong_platform(image: &ImageFacts<'_>, architecture: &str) -> Option<Diagnostic> {
    let wanted = if architecture == "arm64" { "arm64" } else { "amd64" };
    if image.system == "linux" && image.processor == wanted {
        return None;
    }
    let diagnostic = Diagnostic::error(WRONG_ARCHITECTURE, "An image is built for another platform")
        .detail(format!("{} is built for `{}/{}`, and the function runs on `linux/{wanted}`.", image.shown, image.system, image.processor));
    let diagnostic = diagnostic.hint(format!("build it with `--platform linux/{wanted}`"));
    let other = match image.processor {
        "amd64" => "x86_64",
        "arm64" => "arm64",
        _ => return Some(diagnostic),
    };
    Some(if other == architecture {
        diagnostic
    } else {
        diagnostic.hint(format!("or let the function run where it is built for: `architectures = \"{other}\"`"))
    })
}

fn check_command(image: &ImageFacts<'_>, architecture: &str) -> Vec<Diagnostic> {
    let Some(called) = image.command.first() else {
        return vec![
            Diagnostic::error("no-entry-point", "The image has nothing to start")
                .detail(format!("{} has neither an entry point nor a command.", image.shown))
                .hint("`entry_point = [\"/PROGRAM\"]` in `image` names one, and so does `ENTRYPOINT` in a Dockerfile; `image_config.entry_point` names one for the function alone"),
        ];
    };
    let Some(file) = image.program() else {
        return if image.is_whole { vec![no_program(image, called)] } else { not_looked_at(image, called).into_iter().collect() };
    };
    // Lambda starts it as a user that owns nothing in the image; a script is read by its interpreter.
    let is_script = matches!(Format::of(&file.head), Format::Script(_));
    let why = match file.mode {
        mode if mode & 0o111 == 0 => Some("has no execute bit"),
        mode if mode & 0o001 == 0 => Some("only its owner may execute, and Lambda is another user"),
        mode if mode & 0o004 == 0 && is_script => Some("only its owner may read, and Lambda is another user"),
        _ => None,
    };
    if let Some(why) = why {
        return vec![
            Diagnostic::error("not-executable", "The image's entry point is not executable")
                .detail(format!("{} starts `{}`, which {why}.", image.shown, file.path))
                .hint(format!("in a Dockerfile: `RUN chmod 755 {}`, or `COPY --chmod=755`", file.path)),
        ];
    }
    if let Some((closed, mode)) = image.closed_above(&file.path) {
        return vec![
            Diagnostic::error(NOT_FOR_OTHERS, "Lambda may not use the image's entry point")
                .detail(format!("{} starts `{}`, and `{closed}` has the mode {mode:04o}: {ANOTHER_USER}.", image.shown, file.path))
                .hint(format!("in a Dockerfile: `RUN chmod 755 {closed}`")),
        ];
    }
    let subject =
        Subject { runtime: "", handler: "", architecture, has_more: false, has_options: false, is_layer: false, place: Place::Image };
    program::check(&file.path, &file.format(), &subject, image)
}

impl ImageFile {
    fn format(&self) -> Format {
        match Format::of(&self.head) {
            // Only the head of it is there, so that what it needs further back is not known.
            Format::Elf(_) => {
                Format::Elf(elf::read(&self.head[..]).map(|elf| elf::Elf { is_cut_off: false, lacks_sections: false, ..elf }))
            }
            other => other,
        }
    }
}

/// What AWS's own base images start, which is there: it runs the runtime's `bootstrap`, and takes the name of a handler.
/// <https://docs.aws.amazon.com/lambda/latest/dg/images-create.html>
pub const AWS_ENTRY_POINT: &str = "/lambda-entrypoint.sh";

/// Says that what is started was not looked at: it lies, if anywhere, in layers that are not at hand.
fn not_looked_at(image: &ImageFacts<'_>, called: &str) -> Option<Diagnostic> {
    (called != AWS_ENTRY_POINT).then(|| {
        Diagnostic::note("unseen-entry-point", "The image's entry point was not looked at").detail(format!(
            "not looked at: `{called}`, which {} starts. It is none of the files that are put on the base image, whose layers were not fetched yet.",
            shown_within(image.shown)
        ))
    })
}

/// The image as it is called within a sentence.
fn shown_within(shown: &str) -> String {
    shown.strip_prefix("The ").map_or_else(|| shown.to_owned(), |rest| format!("the {rest}"))
}

/// Where the system looks for what is called.
fn candidates(called: &str, image: &ImageFacts<'_>) -> Vec<String> {
    let within = |folder: &str| format!("{}/{}", folder.trim_end_matches('/'), called.trim_start_matches("./"));
    match called {
        absolute if absolute.starts_with('/') => vec![absolute.to_owned()],
        relative if relative.contains('/') => vec![within(image.folder)],
        _ => image.path.split(':').map(within).collect(),
    }
}

fn no_program(image: &ImageFacts<'_>, called: &str) -> Diagnostic {
    let paths = candidates(called, image);
    let sought = if paths.iter().any(|path| image.has_folder(path)) && called.contains('/') {
        "is a folder in it".to_owned()
    } else if called.contains('/') {
        "it does not have".to_owned()
    } else {
        format!("is not in its `PATH`, `{}`", image.path)
    };
    let diagnostic = Diagnostic::error("no-entry-point", "The image does not have what it starts")
        .detail(format!("{} starts `{called}`, which {sought}.", image.shown));
    let name = called.rsplit('/').next().unwrap_or_default();
    match (image.places(name).first(), image.command) {
        (Some(place), _) => diagnostic.hint(format!("`{place}` is there; is it meant?")),
        (None, [shell, option, text, ..]) if shell == "/bin/sh" && option == "-c" => diagnostic.hint(format!(
            "an `ENTRYPOINT` or `CMD` that is a text is run by a shell; a list is not: `ENTRYPOINT [{}]`",
            text.split_whitespace().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
        )),
        (None, _) => diagnostic,
    }
}

impl Surroundings for ImageFacts<'_> {
    fn has(&self, path: &str) -> Option<bool> {
        let found = self.find(path).is_some();
        // Without all files a path may lead to something all the same.
        (found || self.is_whole).then_some(found)
    }

    fn file(&self, path: &str) -> Option<(u32, Format)> {
        // What was not looked at has no head.
        self.find(path).filter(|file| !file.head.is_empty()).map(|file| (file.mode, file.format()))
    }

    fn places(&self, file_name: &str) -> Vec<String> {
        self.files.iter().filter(|file| file.path.rsplit('/').next() == Some(file_name)).map(|file| file.path.clone()).collect()
    }

    fn finds(&self, program: &str) -> Option<bool> {
        let found = candidates(program, self).iter().any(|path| self.find(path).is_some());
        (found || self.is_whole).then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Program;
    use super::*;

    fn file(path: &str, mode: u32, head: Vec<u8>) -> ImageFile {
        ImageFile { path: path.into(), mode, head }
    }

    fn told(change: impl Fn(&mut ImageFacts<'_>), files: &[ImageFile], command: &[&str]) -> String {
        let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        let mut image = ImageFacts {
            shown: "The image of `hello`",
            system: "linux",
            processor: "amd64",
            command: &command,
            path: "/usr/bin:/bin",
            folder: "/",
            user: "",
            files,
            links: &BTreeMap::new(),
            folders: &BTreeMap::new(),
            laid: &[],
            is_whole: true,
            unpacked_bytes: 1,
        };
        change(&mut image);
        let told = check_image(&image, "x86_64").into_iter().map(|one| format!("{}: {}", one.code, one.detail));
        told.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_static_program_on_an_empty_base_passes() {
        let files = [file("/bootstrap", 0o755, Program::STATIC.bytes()), file("/bin/x", 0o755, Program::STATIC.bytes())];
        for command in [&["/bootstrap"][..], &["x", "y"], &["./../bootstrap"], &["./bootstrap"]] {
            assert_eq!(told(|_| {}, &files, command), "");
        }
        assert_eq!(
            told(|image| image.folder = "/bin", &files, &["./bootstrap"]),
            "no-entry-point: The image of `hello` starts `./bootstrap`, which it does not have."
        );
        assert_eq!(
            told(|image| image.is_whole = false, &[], &["/elsewhere"]),
            "unseen-entry-point: not looked at: `/elsewhere`, which the image of `hello` starts. It is none of the files that are put on the base image, whose layers were not fetched yet."
        );
        assert_eq!(told(|image| image.is_whole = false, &[], &[AWS_ENTRY_POINT]), "");
    }

    #[test]
    fn links_lead_where_they_would_in_the_image() {
        let links =
            [("bin", "usr/bin"), ("usr/bin/sh", "dash"), ("lib64", "/usr/lib64"), ("a", "b"), ("b", "a"), ("up", "../../usr/bin/sh")];
        let links = links.into_iter().map(|(path, target)| (path.to_owned(), target.to_owned())).collect();
        let files = [
            file("/usr/bin/dash", 0o755, Program::DYNAMIC.bytes()),
            file("/usr/lib64/ld-linux-x86-64.so.2", 0o755, vec![]),
            file("/run", 0o755, b"#!/bin/sh\n".to_vec()),
            file("/mine", 0o700, Program::STATIC.bytes()),
        ];
        let with = |command: &str| {
            let command = vec![command.to_owned()];
            let facts = ImageFacts {
                shown: "The image of `hello`",
                system: "linux",
                processor: "amd64",
                command: &command,
                path: "/bin",
                folder: "/",
                user: "",
                files: &files,
                links: &links,
                folders: &BTreeMap::new(),
                laid: &[],
                is_whole: true,
                unpacked_bytes: 1,
            };
            check_image(&facts, "x86_64").into_iter().map(|one| one.detail).collect::<Vec<_>>().join("\n")
        };
        for good in ["/bin/sh", "sh", "/up", "/run", "/bin/../bin/./sh"] {
            assert_eq!(with(good), "", "{good}");
        }
        assert_eq!(with("/a"), "The image of `hello` starts `/a`, which it does not have.");
        assert_eq!(with("/mine"), "The image of `hello` starts `/mine`, which only its owner may execute, and Lambda is another user.");
    }

    #[test]
    fn each_reason_is_told() {
        let dynamic = || vec![file("/bootstrap", 0o755, Program::DYNAMIC.bytes())];
        insta::assert_snapshot!(told(|image| image.processor = "arm64", &[file("/b", 0o755, Program::STATIC.bytes())], &["/b"]), @"wrong-architecture: The image of `hello` is built for `linux/arm64`, and the function runs on `linux/amd64`.");
        insta::assert_snapshot!(told(|image| image.unpacked_bytes = LIMIT_BYTES + 1, &[file("/b", 0o755, Program::STATIC.bytes())], &["/b"]), @"image-too-large: The image of `hello` unpacks to 10737418241 bytes, and AWS takes 10737418240. Build on a smaller base, and leave out what only the build needs.");
        insta::assert_snapshot!(told(|_| {}, &[], &[]), @"no-entry-point: The image of `hello` has neither an entry point nor a command.");
        insta::assert_snapshot!(told(|_| {}, &dynamic(), &["boot"]), @"no-entry-point: The image of `hello` starts `boot`, which is not in its `PATH`, `/usr/bin:/bin`.");
        insta::assert_snapshot!(told(|_| {}, &dynamic(), &["/bootstrap"]), @"missing-interpreter: `/bootstrap` is started by the loader of its libraries, `/lib64/ld-linux-x86-64.so.2`, which the image does not have. Link the program statically, or take a base that has it.");
        insta::assert_snapshot!(told(|_| {}, &[file("/b", 0o711, b"#!/b\n".to_vec())], &["/b"]), @"not-executable: The image of `hello` starts `/b`, which only its owner may read, and Lambda is another user.");
        insta::assert_snapshot!(told(|_| {}, &[file("/b", 0o644, vec![])], &["/b"]), @"not-executable: The image of `hello` starts `/b`, which has no execute bit.");
        insta::assert_snapshot!(told(|_| {}, &[file("/b", 0o755, b"#!/bin/bash\n".to_vec())], &["/b"]), @"missing-interpreter: `/b` is run by `/bin/bash`, which the image does not have.");
    }

    #[test]
    fn what_another_user_may_not_enter_is_told() {
        let files = [file("/app/bin/run", 0o755, Program::STATIC.bytes())];
        let folders = |folder: &str, mode| BTreeMap::from([("app".to_owned(), 0o755), (folder.to_owned(), mode)]);
        let (open, closed) = (folders("app/bin", 0o711), folders("app/bin", 0o700));
        let command = ["/app/bin/run".to_owned()];
        let with = |folders: &BTreeMap<String, u32>, folder: &str, user: &str| {
            let facts = ImageFacts {
                shown: "The image of `hello`",
                system: "linux",
                processor: "amd64",
                command: &command,
                path: "/bin",
                folder,
                user,
                files: &files,
                links: &BTreeMap::new(),
                folders,
                laid: &["/app/bin/run".to_owned(), "/srv/x".to_owned(), "/srv/y".to_owned()],
                is_whole: true,
                unpacked_bytes: 1,
            };
            check_image(&facts, "x86_64").into_iter().map(|one| format!("{}: {}", one.code, one.detail)).collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(with(&folders("srv", 0o700), "/", ""), @r##"not-for-others: `/srv/x` is put into `/srv`, which has the mode 0700 in the base image: Lambda is another user than its owner, and may not go through it. Such files: 2."##);
        for (folder, user) in [("/", ""), ("/app", "root"), ("/app/bin/", "0:0")] {
            assert_eq!(with(&open, folder, user), "", "{folder}");
        }
        insta::assert_snapshot!(with(&closed, "/", ""), @"not-for-others: The image of `hello` starts `/app/bin/run`, and `/app/bin` has the mode 0700: Lambda is another user than its owner, and may not go through it.");
        insta::assert_snapshot!(with(&folders("work", 0o750), "/work", ""), @"no-working-directory: The image of `hello` starts in `/work`, and `/work` has the mode 0750: Lambda is another user than its owner, and may not go through it.");
        assert!(["/tmp", "/proc", "/mnt/data"].iter().all(|mounted| with(&open, mounted, "").is_empty()));
        insta::assert_snapshot!(with(&open, "/tmp/work", ""), @"no-working-directory: The image of `hello` starts in `/tmp/work`, which it does not have.");
        insta::assert_snapshot!(with(&open, "/work", ""), @"no-working-directory: The image of `hello` starts in `/work`, which it does not have.");
        insta::assert_snapshot!(with(&open, "/app/bin/run", ""), @"no-working-directory: The image of `hello` starts in `/app/bin/run`, which is a file in it.");
        insta::assert_snapshot!(with(&open, "/", "app:app"), @"image-user: The image of `hello` says `USER app:app`; Lambda starts everything as a user of its own, who owns nothing in it. What only `app:app` may read is closed to the function.");
    }

    #[test]
    fn what_env_seeks_must_be_in_the_path() {
        let files = |python| {
            [
                file("/run", 0o755, b"#!/usr/bin/env python3\n".to_vec()),
                file("/usr/bin/env", 0o755, Vec::new()),
                file(python, 0o755, Vec::new()),
            ]
        };
        assert_eq!(told(|_| {}, &files("/usr/bin/python3"), &["/run"]), "");
        insta::assert_snapshot!(told(|_| {}, &files("/opt/python3"), &["/run"]), @"missing-interpreter: `/run` is run by `python3`, which the `PATH` of the image does not lead to.");
        insta::assert_snapshot!(told(|_| {}, &files("/opt/python3"), &["/opt"]), @"no-entry-point: The image of `hello` starts `/opt`, which is a folder in it.");
    }

    #[test]
    fn a_text_in_a_dockerfile_needs_a_shell() {
        let command = ["/bin/sh", "-c", "/app --fast"].map(str::to_owned);
        let image = ImageFacts {
            shown: "The image of `hello`",
            system: "linux",
            processor: "amd64",
            command: &command,
            path: "/bin",
            folder: "/",
            user: "",
            files: &[],
            links: &BTreeMap::new(),
            folders: &BTreeMap::new(),
            laid: &[],
            is_whole: true,
            unpacked_bytes: 1,
        };
        let hints = check_image(&image, "x86_64").remove(0).hints;
        assert_eq!(
            hints,
            ["an `ENTRYPOINT` or `CMD` that is a text is run by a shell; a list is not: `ENTRYPOINT [\"/app\", \"--fast\"]`"]
        );
    }

    #[test]
    fn an_index_is_refused() {
        assert!(check_media_type("hello", "application/vnd.oci.image.index.v1+json").is_some());
        assert!(check_media_type("hello", "application/vnd.docker.distribution.manifest.list.v2+json").is_some());
        assert!(check_media_type("hello", "application/vnd.oci.image.manifest.v1+json").is_none());
    }

    #[test]
    fn the_interpreter_of_a_script_must_start_itself() {
        let files = |mode, head: Vec<u8>| [file("/run", 0o755, b"#!/opt/interp\n".to_vec()), file("/opt/interp", mode, head)];
        let arm = Program { machine: object::elf::EM_AARCH64, ..Program::STATIC }.bytes();
        for (mode, head) in [(0o755, Program::STATIC.bytes()), (0o755, b"#!/run\n".to_vec()), (0o644, Vec::new())] {
            assert_eq!(told(|_| {}, &files(mode, head), &["/run"]), "");
        }
        let said = [(0o644, Program::STATIC.bytes()), (0o744, Program::STATIC.bytes()), (0o755, arm), (0o755, b"text".to_vec())];
        let said: Vec<String> = said.into_iter().map(|(mode, head)| told(|_| {}, &files(mode, head), &["/run"])).collect();
        insta::assert_snapshot!(said.join("\n"), @r##"
        not-executable: `/run` is run by `/opt/interp`, which has no execute bit.
        not-executable: `/run` is run by `/opt/interp`, which only its owner may execute, and Lambda is another user.
        wrong-architecture: `/opt/interp` is built for arm64, and Lambda runs it on x86_64.
        not-a-program: `/opt/interp` is neither an ELF file, as compilers for Linux make them, nor a script: its first line does not begin with `#!`.
        "##);
    }
}

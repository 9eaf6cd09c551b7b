//! What lies in a base image, beneath the files that are put on it.

use super::listing::Listing;
use super::pull::{Base, Registries};
use super::store::Store;
use crate::diagnostic::Diagnostic;
use crate::package::contents::{self, Entry};
use crate::package::hash::Item;
use crate::package::problem::{blocking, not_built};
use futures::{StreamExt as _, TryStreamExt as _, future, stream};
use std::collections::BTreeMap;
use std::path::Path;

/// So many layers are fetched side by side.
const AT_ONCE: usize = 4;

/// What is known of a base image.
#[derive(Clone, Debug)]
pub(super) struct Beneath {
    pub listing: Listing,
    /// Whether its layers are at hand, so that its programs can be looked at.
    pub has_layers: bool,
}

/// What lies in a base image. Unless it is `needed`, only what is at hand is read: nothing is fetched for it.
///
/// # Errors
/// It is needed and cannot be had.
pub(super) async fn beneath(
    base: &Base,
    needed: Option<&str>,
    registries: &Registries,
    may_ask: bool,
    cache: &Path,
) -> Result<Option<Beneath>, Diagnostic> {
    let (store, layers, digest, kept) = (Store::new(cache), base.manifest.layers.clone(), base.digest.clone(), cache.to_owned());
    let look = move || Ok((Listing::known(&digest, &kept), layers.iter().all(|layer| store.has(&layer.blob()))));
    let (known, has_layers) = blocking(look).await?;
    if let Some(listing) = known {
        return Ok(Some(Beneath { listing, has_layers }));
    }
    let unusable = |why: String| {
        let why = why.trim_end_matches('.');
        Diagnostic::error("base-image-unread", "The layers of a base image cannot be read").detail(format!(
            "What lies in the base image decides where `/{}` goes in it, and cannot be looked at. {why}.",
            needed.unwrap_or_default()
        ))
    };
    if !has_layers {
        if needed.is_none() {
            return Ok(None);
        }
        if !may_ask {
            return Err(not_built("the layers of the base image"));
        }
        let digests: Vec<String> = base.manifest.layers.iter().map(|layer| layer.digest.clone()).collect();
        let kept = &Store::new(cache);
        let fetched = stream::iter(digests).map(|digest| async move { registries.blob(&digest, kept).await });
        fetched.buffer_unordered(AT_ONCE).try_for_each(|_| future::ready(Ok(()))).await.map_err(unusable)?;
    }
    let (layers, digest, kept) = (base.manifest.layers.clone(), base.digest.clone(), cache.to_owned());
    let read = blocking(move || Ok(Listing::of_layers(&digest, &layers, &Store::new(&kept), &kept))).await?;
    match read {
        Ok(listing) => Ok(Some(Beneath { listing, has_layers: true })),
        Err(why) if needed.is_some() => Err(unusable(why)),
        // Whether it starts is not known, then.
        Err(_) => Ok(None),
    }
}

/// Puts files where they lie once the links of the base are followed: a link is no folder, and a folder in its place would
/// hide what it leads to.
///
/// # Errors
/// Two of them come to lie at one place.
pub(super) fn place(entries: &mut [Entry], items: &mut [Item], base: &Listing) -> Result<(), Diagnostic> {
    let mut placed: BTreeMap<String, String> = BTreeMap::new();
    for (entry, item) in entries.iter_mut().zip(items) {
        let name = base.place(&entry.name);
        if let Some(other) = placed.insert(name.clone(), entry.name.clone()) {
            return Err(Diagnostic::error("bad-entry-name", "A file cannot have this name in a package").detail(format!(
                "`image.files` puts files at `/{other}` and at `/{}`, which are one place in the base image: `/{name}`.",
                entry.name
            )));
        }
        entry.name.clone_from(&name);
        item.name = name;
    }
    Ok(())
}

/// Refuses files where they would hide all that the base has in a folder, or stand where others need one.
///
/// # Errors
/// Which file it is.
pub(super) fn check_places(entries: &[Entry], base: &Listing) -> Result<(), Diagnostic> {
    if let Some(hiding) = entries.iter().find(|entry| base.has_folder(&entry.name)) {
        let (name, file) = (&hiding.name, hiding.path.file_name().unwrap_or_default().to_string_lossy());
        let detail = format!(
            "`image.files` puts a file at `/{name}`, which is a folder in the base image: the file would take its place, and all that is in it would be gone."
        );
        return Err(contents::bad_name(detail).hint(format!("a file in that folder is `\"/{name}/{file}\" = \"PATH\"`")));
    }
    contents::clash(entries.iter().map(|entry| entry.name.as_str())).map_or(Ok(()), |detail| Err(contents::bad_name(detail)))
}

#[cfg(test)]
mod tests {
    use super::super::document::{Document, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Settings, image};
    use super::super::lay::Laying;
    use super::super::listing::tests::{Put, layer};
    use super::*;
    use crate::model::Image;
    use crate::package::check::testing::Program;
    use crate::package::environment::Environment;
    use crate::package::image::Made;
    use crate::package::image::parse::Layered;
    use crate::package::index::Index;
    use crate::package::own::Own;
    use crate::package::testing::request;

    /// A base image, which the store has.
    fn base(cache: &Path, entry_point: &str, entries: &[Put<'_>]) -> Base {
        let store = Store::new(cache);
        let config = serde_json::json!({
            "architecture": "amd64", "os": "linux", "config": { "Entrypoint": [entry_point] },
            "rootfs": { "type": "layers", "diff_ids": ["sha256:dd"] }
        });
        let blob = store.put(config.to_string().as_bytes()).unwrap();
        let layer = layer(&store, entries);
        let Image { manifest, .. } = image(OCI_MANIFEST, (OCI_CONFIG, blob), &[(OCI_LAYER.to_owned(), layer)]);
        let digest = store.put(&manifest).unwrap().digest;
        let Ok(Document::Image(manifest)) = Document::parse(&manifest) else { panic!("an image") };
        Base { digest, manifest, config, warning: None }
    }

    /// The image with these files of the folder on top of the base, and what was found in it.
    async fn laid(cache: &Path, files: &[(&str, &str)], base: &Base) -> Result<(Made, Vec<Diagnostic>), Diagnostic> {
        let files = files.iter().map(|(place, file)| ((*place).to_owned(), (*file).to_owned())).collect();
        let settings = Settings::default();
        let layered = Layered { base: Some("base".into()), is_logged_in: false, build: None, files, settings };
        let mut laying = Laying {
            layered,
            output: None,
            built: None,
            base: Some(base.clone()),
            architecture: "x86_64".into(),
            folder: cache.to_owned(),
            cache: cache.to_owned(),
            own: Own::default(),
            index: Index::default(),
        };
        let files = laying.files()?;
        let needed = laying.unknown_place(&files);
        let beneath = beneath(base, needed.as_deref(), &Registries::new(Environment::default()), true, cache).await?;
        let made = laying.run(files, beneath.as_ref())?;
        let found = made.verify(&request("hello", "null"), "x86_64", cache);
        Ok((made, found))
    }

    fn has(listing: &Listing, path: &str) -> bool {
        listing.modes().any(|(file, _)| file == path)
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x"), "x").unwrap();
        folder
    }

    #[tokio::test]
    async fn links_and_modes_of_a_base_stay_and_nothing_of_it_is_hidden() {
        let folder = folder();
        let below = [
            Put::Folder("etc/pki/tls/certs/", 0o755),
            Put::File("etc/pki/tls/certs/theirs.crt", 0o644, b"1"),
            Put::Folder("etc/ssl/", 0o755),
            Put::Link("etc/ssl/certs", "../pki/tls/certs"),
            Put::Folder("var/spool/drop/", 0o1777),
            Put::Folder("root/", 0o700),
            Put::File("app", 0o755, &Program::STATIC.bytes()),
        ];
        let base = base(folder.path(), "/app", &below);
        let files = [("etc/ssl/certs/company.crt", "x"), ("var/spool/drop/x", "x"), ("root/.x", "x")];
        let (made, found) = laid(folder.path(), &files, &base).await.unwrap();
        let found = found.iter().map(|one| format!("{:?} {}: {}", one.severity, one.code, one.detail));
        insta::assert_snapshot!(found.collect::<String>(), @r##"Warning not-for-others: `/root/.x` is put into `/root`, which has the mode 0700 in the base image: Lambda is another user than its owner, and may not go through it."##);
        let store = Store::new(folder.path());
        let listing = made.listing.unwrap();
        assert_eq!(Listing::read(&made.image, &store).as_ref(), Ok(&listing), "what is known of a layer is what stands in it");
        assert_eq!(listing.links["etc/ssl/certs"], "../pki/tls/certs");
        assert!(["company", "theirs"].iter().all(|name| has(&listing, &format!("etc/pki/tls/certs/{name}.crt"))), "{listing:?}");
        let modes = ["var/spool/drop", "root", "etc/ssl"].map(|path| listing.folder_modes()[path]);
        assert_eq!(modes, [0o1777, 0o700, 0o755]);
        let twice = [("etc/ssl/certs/a", "x"), ("etc/pki/tls/certs/a", "x")];
        let refused = laid(folder.path(), &twice, &base).await.map(|_| ()).unwrap_err();
        assert!(refused.detail.contains("which are one place in the base image"), "{}", refused.detail);
    }

    #[tokio::test]
    async fn what_a_base_starts_is_looked_at_where_its_layers_are_at_hand() {
        let (folder, program) = (folder(), Program::STATIC.bytes());
        let mut said = Vec::new();
        for (entry_point, place, mode) in
            [("/nope", "bootstrap", 0o755), ("/usr/bin/run", "bootstrap", 0o644), ("/usr/bin/run", "bootstrap", 0o755)]
        {
            let base = base(folder.path(), entry_point, &[Put::File("usr/bin/run", mode, &program)]);
            let (_, found) = laid(folder.path(), &[(place, "x")], &base).await.unwrap();
            said.push(found.iter().map(|one| format!("{}: {}", one.code, one.detail)).collect::<String>());
        }
        let base = base(folder.path(), "/usr/bin/run", &[Put::File("usr/bin/run", 0o600, &program)]);
        std::fs::remove_file(Store::new(folder.path()).path(&base.manifest.layers[0].digest).unwrap()).unwrap();
        let (_, found) = laid(folder.path(), &[("bootstrap", "x")], &base).await.unwrap();
        said.extend(found.iter().map(|one| format!("{:?} {}: {}", one.severity, one.code, one.detail)));
        insta::assert_snapshot!(said.join("\n"), @r"
        no-entry-point: The image of `hello` starts `/nope`, which it does not have.
        not-executable: The image of `hello` starts `/usr/bin/run`, which has no execute bit.

        Note unseen-entry-point: not looked at: `/usr/bin/run`, which the image of `hello` starts. It is none of the files that are put on the base image, whose layers were not fetched yet.
        ");
        let needed = laid(folder.path(), &[("etc/y", "x")], &base).await.map(|_| ()).unwrap_err();
        insta::assert_snapshot!(needed.detail.replace(&base.manifest.layers[0].digest, "DIGEST"), @"What lies in the base image decides where `/etc` goes in it, and cannot be looked at. The blob `DIGEST` belongs to no base image of this run, and is not there as a whole. Run again.");
    }

    #[tokio::test]
    async fn an_image_that_is_there_is_not_unpacked_again() {
        let folder = folder();
        let base = base(folder.path(), "/app", &[Put::File("app", 0o755, &Program::STATIC.bytes())]);
        let (first, _) = laid(folder.path(), &[("data/x", "x")], &base).await.unwrap();
        let Ok(Document::Image(manifest)) = Document::parse(&first.image.manifest) else { panic!("an image") };
        let layer = &manifest.layers.last().unwrap().digest;
        let path = Store::new(folder.path()).path(layer).unwrap();
        // As long as before, so that only who reads it sees the difference.
        std::fs::write(&path, vec![0; usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap()]).unwrap();
        let (second, found) = laid(folder.path(), &[("data/x", "x")], &base).await.unwrap();
        assert_eq!((second.image.digest(), second.listing), (first.image.digest(), first.listing));
        assert_eq!(found, []);
    }

    #[tokio::test]
    async fn code_in_a_base_of_aws_needs_no_layer_of_it() {
        let folder = folder();
        let base = base(folder.path(), "/lambda-entrypoint.sh", &[Put::Folder("var/task/", 0o755)]);
        std::fs::remove_file(Store::new(folder.path()).path(&base.manifest.layers[0].digest).unwrap()).unwrap();
        let files = [("var/task/app.py", "x"), ("var/task/pkg/inner/x.py", "x"), ("var/runtime/bootstrap", "x")];
        assert_eq!(laid(folder.path(), &files, &base).await.unwrap().1, []);
        for needed in ["var/runtime/lib/x", "var/tasks/x", "var/task", "etc", "tmp"] {
            assert_eq!(laid(folder.path(), &[(needed, "x")], &base).await.map(|_| ()).unwrap_err().code, "base-image-unread", "{needed}");
        }
    }

    #[tokio::test]
    async fn a_file_takes_no_folders_place() {
        let folder = folder();
        let below = [Put::Folder("etc/pki/", 0o755), Put::File("data/x", 0o644, b"1"), Put::Link("www", "srv"), Put::Link("old/l", "x")];
        let base = base(folder.path(), "/app", &below);
        let mut said = Vec::new();
        for files in [&[("etc/pki", "x")][..], &[("data", "x")], &[("old", "x")], &[("etc", "x")], &[("www/a", "x"), ("srv", "x")]] {
            let refused = laid(folder.path(), files, &base).await.map(|_| ()).unwrap_err();
            said.push(format!("{}: {} {:?}", refused.code, refused.detail, refused.hints));
        }
        insta::assert_snapshot!(said.join("\n"), @r##"
        bad-entry-name: `image.files` puts a file at `/etc/pki`, which is a folder in the base image: the file would take its place, and all that is in it would be gone. ["a file in that folder is `\"/etc/pki/x\" = \"PATH\"`"]
        bad-entry-name: `image.files` puts a file at `/data`, which is a folder in the base image: the file would take its place, and all that is in it would be gone. ["a file in that folder is `\"/data/x\" = \"PATH\"`"]
        bad-entry-name: `image.files` puts a file at `/old`, which is a folder in the base image: the file would take its place, and all that is in it would be gone. ["a file in that folder is `\"/old/x\" = \"PATH\"`"]
        bad-entry-name: `image.files` puts a file at `/etc`, which is a folder in the base image: the file would take its place, and all that is in it would be gone. ["a file in that folder is `\"/etc/x\" = \"PATH\"`"]
        bad-entry-name: `srv` would be a file and, for `srv/a`, also a folder in the package. []
        "##);
        for files in [&[("etc/pki/x", "x")][..], &[("data/x", "x")], &[("www", "x")], &[("tmp", "x")]] {
            assert!(laid(folder.path(), files, &base).await.is_ok(), "{files:?}");
        }
    }

    #[tokio::test]
    async fn whether_an_image_is_refused_does_not_depend_on_what_is_at_hand() {
        let below = [Put::File("data/x", 0o644, b"1"), Put::File("bootstrap/x", 0o644, b"1"), Put::File("var/task/app/x", 0o644, b"1")];
        for (entry_point, place, needs_layers) in [
            ("/app", "data", true),
            ("/app", "app", true),
            ("/app", "bootstrap", false),
            ("/lambda-entrypoint.sh", "data", true),
            ("/lambda-entrypoint.sh", "var/task/app", false),
            ("/lambda-entrypoint.sh", "var/task/free", false),
        ] {
            let folder = folder();
            let base = base(folder.path(), entry_point, &below);
            let path = Store::new(folder.path()).path(&base.manifest.layers[0].digest).unwrap();
            let layer = std::fs::read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            let fresh = laid(folder.path(), &[(place, "x")], &base).await.map(|(made, _)| made.image.digest());
            assert_eq!(fresh.as_ref().is_err_and(|error| error.code == "base-image-unread"), needs_layers, "{place}: {fresh:?}");
            std::fs::write(&path, layer).unwrap();
            // With layers at hand, and once more with what is remembered of them.
            for _ in 0..2 {
                let known = laid(folder.path(), &[(place, "x")], &base).await.map(|(made, _)| made.image.digest());
                assert!(needs_layers || known == fresh, "{place}: {known:?}");
                assert_eq!(known.is_err_and(|error| error.code == "bad-entry-name"), place == "data", "{place}");
            }
        }
    }
}

//! How each engine is asked to build a Dockerfile.

use super::parse::{Dockerfile, SecretSource};
use crate::package::engine::Engine;
use std::path::Path;

/// Where things lie for one build.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    /// The spec's folder.
    pub folder: &'a Path,
    pub dockerfile: &'a Path,
    /// What the engine must not see of the context, where it would not find that beside the Dockerfile.
    pub ignore: Option<&'a Path>,
    pub context: &'a Path,
    /// The archive that is to be made.
    pub archive: &'a Path,
    /// The file that the engine writes the image's id to, where it makes no archive itself.
    pub id: &'a Path,
    /// Whether base images that the engine has may be too old.
    pub pull: bool,
}

/// What programs read that are started for a build: an argument of this name would speak to them, too.
const SPOKEN: [&str; 6] = ["PATH", "HOME", "TMPDIR", "LANG", "SOURCE_DATE_EPOCH", "SSH_AUTH_SOCK"];
const SPOKEN_PREFIXES: [&str; 11] =
    ["DOCKER_", "BUILDKIT_", "BUILDX_", "BUILDAH_", "CONTAINER", "STORAGE_", "REGISTRY_", "PODMAN_", "XDG_", "LD_", "LC_"];

impl Engine {
    /// Whether the build itself writes the archive; else the image is exported afterwards.
    pub(super) fn writes_archive(self) -> bool {
        matches!(self, Self::Docker | Self::Finch | Self::Nerdctl)
    }

    /// Whether the value of a build argument can reach it by a variable of its own environment, which nobody else
    /// sees. Finch builds in a virtual machine, to which it hands on none.
    /// <https://github.com/runfinch/finch/issues/187>
    fn takes_by_variable(self, name: &str) -> bool {
        let is_spoken = SPOKEN.contains(&name) || SPOKEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        self != Self::Finch && !is_spoken && !name.to_ascii_uppercase().ends_with("_PROXY")
    }

    /// The variables that build arguments come by.
    pub fn variables(self, dockerfile: &Dockerfile) -> impl Iterator<Item = (&String, &String)> {
        dockerfile.arguments.iter().filter(move |(name, _)| self.takes_by_variable(name))
    }

    /// The arguments of a build. Nothing secret stands among them.
    pub(super) fn build(self, dockerfile: &Dockerfile, platform: &str, places: &Places<'_>) -> Vec<String> {
        let mut arguments: Vec<String> = match self {
            Self::Docker => words(&["buildx", "build"]),
            Self::Finch | Self::Nerdctl => words(&["build"]),
            // Every file and the image itself get the time 0.
            Self::Podman | Self::Buildah => words(&["build", "--timestamp", "0"]),
        };
        arguments.extend(self.common(dockerfile, platform, places));
        if self.writes_archive() {
            // What says how an image was made would make an index of it, which Lambda does not take.
            arguments.extend(words(&["--provenance=false", "--sbom=false", "--output"]));
            arguments.push(format!("type=oci,dest={},rewrite-timestamp=true", places.archive.display()));
        } else {
            arguments.extend(["--iidfile".to_owned(), places.id.display().to_string()]);
            if self == Self::Buildah {
                arguments.extend(["--tag".to_owned(), own_tag(places.archive)]);
            }
            arguments.extend(places.ignore.iter().flat_map(|ignore| ["--ignorefile".to_owned(), ignore.display().to_string()]));
        }
        arguments.push(places.context.display().to_string());
        arguments
    }

    /// The same for a Docker whose driver cannot write archives: the image stays with it.
    pub(super) fn build_and_load(self, dockerfile: &Dockerfile, platform: &str, places: &Places<'_>) -> Vec<String> {
        let mut arguments = words(&["buildx", "build"]);
        arguments.extend(self.common(dockerfile, platform, places));
        arguments.extend(words(&["--provenance=false", "--sbom=false", "--output", "type=docker", "--iidfile"]));
        arguments.extend([places.id.display().to_string(), places.context.display().to_string()]);
        arguments
    }

    /// The arguments that write an image that the engine has into an archive.
    pub(super) fn export(self, id: &str, archive: &Path) -> Vec<String> {
        let archive = archive.display().to_string();
        let mut arguments = match self {
            Self::Podman => words(&["save", "--format", "oci-archive", "--output"]),
            Self::Buildah => return vec!["push".to_owned(), id.to_owned(), format!("oci-archive:{archive}")],
            _ => words(&["save", "--output"]),
        };
        arguments.extend([archive, id.to_owned()]);
        arguments
    }

    fn common(self, dockerfile: &Dockerfile, platform: &str, places: &Places<'_>) -> Vec<String> {
        let mut arguments = words(&["--platform", platform, "--file"]);
        arguments.push(places.dockerfile.display().to_string());
        arguments.extend(dockerfile.target.iter().flat_map(|target| ["--target".to_owned(), target.clone()]));
        if places.pull {
            // Alone, it would mean to the latter two: if the registry's is newer by its date.
            arguments.push(if self.writes_archive() { "--pull" } else { "--pull=always" }.to_owned());
        }
        for (name, value) in &dockerfile.arguments {
            let argument = if self.takes_by_variable(name) { name.clone() } else { format!("{name}={value}") };
            arguments.extend(["--build-arg".to_owned(), argument]);
        }
        for (id, source) in &dockerfile.secrets {
            let source = match source {
                SecretSource::File(path) => format!("src={}", places.folder.join(path).display()),
                SecretSource::Variable(name) => format!("env={name}"),
            };
            arguments.extend(["--secret".to_owned(), format!("id={id},{source}")]);
        }
        arguments.extend(dockerfile.cache_from.iter().flat_map(|cache| ["--cache-from".to_owned(), cache.clone()]));
        arguments.extend(dockerfile.cache_to.iter().flat_map(|cache| ["--cache-to".to_owned(), cache.clone()]));
        arguments
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A name that no other build has: equal images have one id, and who takes that away takes it from all.
pub(super) fn own_tag(archive: &Path) -> String {
    let folder = archive.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().to_lowercase());
    let name: String = folder.unwrap_or_default().chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').collect();
    format!("localhost/lambdo:{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn each_engine_is_asked_in_its_own_words() {
        let dockerfile = Dockerfile {
            path: "Dockerfile".into(),
            target: Some("app".into()),
            arguments: BTreeMap::from([("A".to_owned(), "1".to_owned()), ("HTTPS_PROXY".to_owned(), "http://p".to_owned())]),
            secrets: BTreeMap::from([
                ("npm".to_owned(), SecretSource::File(".npmrc".into())),
                ("token".to_owned(), SecretSource::Variable("TOKEN".into())),
            ]),
            cache_from: vec!["type=gha".into()],
            ..Dockerfile::default()
        };
        let [folder, context, archive, id] = ["/p", "/p/app", "/c/image.tar", "/c/id"].map(Path::new);
        let places = Places { folder, dockerfile: Path::new("/p/app/Dockerfile"), ignore: None, context, archive, id, pull: false };
        let mut lines = Vec::new();
        for engine in Engine::ALL {
            lines.push(format!("{} {}", engine.name(), engine.build(&dockerfile, "linux/arm64", &places).join(" ")));
            lines.push(format!("{} {}", engine.name(), engine.export("sha256:aa", archive).join(" ")));
        }
        insta::assert_snapshot!(lines.join("\n"), @r"
        docker buildx build --platform linux/arm64 --file /p/app/Dockerfile --target app --build-arg A --build-arg HTTPS_PROXY=http://p --secret id=npm,src=/p/.npmrc --secret id=token,env=TOKEN --cache-from type=gha --provenance=false --sbom=false --output type=oci,dest=/c/image.tar,rewrite-timestamp=true /p/app
        docker save --output /c/image.tar sha256:aa
        podman build --timestamp 0 --platform linux/arm64 --file /p/app/Dockerfile --target app --build-arg A --build-arg HTTPS_PROXY=http://p --secret id=npm,src=/p/.npmrc --secret id=token,env=TOKEN --cache-from type=gha --iidfile /c/id /p/app
        podman save --format oci-archive --output /c/image.tar sha256:aa
        finch build --platform linux/arm64 --file /p/app/Dockerfile --target app --build-arg A=1 --build-arg HTTPS_PROXY=http://p --secret id=npm,src=/p/.npmrc --secret id=token,env=TOKEN --cache-from type=gha --provenance=false --sbom=false --output type=oci,dest=/c/image.tar,rewrite-timestamp=true /p/app
        finch save --output /c/image.tar sha256:aa
        nerdctl build --platform linux/arm64 --file /p/app/Dockerfile --target app --build-arg A --build-arg HTTPS_PROXY=http://p --secret id=npm,src=/p/.npmrc --secret id=token,env=TOKEN --cache-from type=gha --provenance=false --sbom=false --output type=oci,dest=/c/image.tar,rewrite-timestamp=true /p/app
        nerdctl save --output /c/image.tar sha256:aa
        buildah build --timestamp 0 --platform linux/arm64 --file /p/app/Dockerfile --target app --build-arg A --build-arg HTTPS_PROXY=http://p --secret id=npm,src=/p/.npmrc --secret id=token,env=TOKEN --cache-from type=gha --iidfile /c/id --tag localhost/lambdo:c /p/app
        buildah push sha256:aa oci-archive:/c/image.tar
        ");
    }

    #[test]
    fn values_of_arguments_go_by_variables_and_what_is_to_be_ignored_by_a_file() {
        let arguments = BTreeMap::from([("TOKEN".to_owned(), "geheim".to_owned()), ("PATH".to_owned(), "/x".to_owned())]);
        let dockerfile = Dockerfile { path: "Dockerfile".into(), arguments, ..Dockerfile::default() };
        let [folder, context, archive, id, ignore] = ["/p", "/p", "/c/image.tar", "/c/id", "/c/ignore"].map(Path::new);
        let places = Places { folder, dockerfile: Path::new("/c/Dockerfile"), ignore: Some(ignore), context, archive, id, pull: true };
        for engine in [Engine::Docker, Engine::Podman, Engine::Nerdctl, Engine::Buildah] {
            let line = engine.build(&dockerfile, "linux/arm64", &places).join(" ");
            let pull = if engine.writes_archive() { "--pull" } else { "--pull=always" };
            assert!(!line.contains("geheim") && line.contains(&format!("{pull} --build-arg PATH=/x --build-arg TOKEN ")), "{line}");
            assert_eq!(line.contains("--ignorefile /c/ignore"), !engine.writes_archive(), "{line}");
            assert_eq!(engine.variables(&dockerfile).map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["TOKEN"]);
        }
        assert_eq!(Engine::Finch.variables(&dockerfile).count(), 0);
    }
}

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
    pub context: &'a Path,
    /// The archive that is to be made.
    pub archive: &'a Path,
    /// The file that the engine writes the image's id to, where it makes no archive itself.
    pub id: &'a Path,
}

impl Engine {
    /// Whether the build itself writes the archive; else the image is exported afterwards.
    pub(super) fn writes_archive(self) -> bool {
        matches!(self, Self::Docker | Self::Finch | Self::Nerdctl)
    }

    /// The arguments of a build. Nothing secret stands among them.
    pub(super) fn build(self, dockerfile: &Dockerfile, platform: &str, places: &Places<'_>) -> Vec<String> {
        let mut arguments: Vec<String> = match self {
            Self::Docker => words(&["buildx", "build"]),
            Self::Finch | Self::Nerdctl => words(&["build"]),
            // Every file and the image itself get the time 0.
            Self::Podman | Self::Buildah => words(&["build", "--timestamp", "0"]),
        };
        arguments.extend(common(dockerfile, platform, places));
        if self.writes_archive() {
            // What says how an image was made would make an index of it, which Lambda does not take.
            arguments.extend(words(&["--provenance=false", "--sbom=false", "--output"]));
            arguments.push(format!("type=oci,dest={},rewrite-timestamp=true", places.archive.display()));
        } else {
            arguments.extend(words(&["--iidfile"]));
            arguments.push(places.id.display().to_string());
        }
        arguments.push(places.context.display().to_string());
        arguments
    }

    /// The same for a Docker whose driver cannot write archives: the image stays with it.
    pub(super) fn build_and_load(self, dockerfile: &Dockerfile, platform: &str, places: &Places<'_>) -> Vec<String> {
        let mut arguments = words(&["buildx", "build"]);
        arguments.extend(common(dockerfile, platform, places));
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
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn common(dockerfile: &Dockerfile, platform: &str, places: &Places<'_>) -> Vec<String> {
    let mut arguments = words(&["--platform", platform, "--file"]);
    arguments.push(places.dockerfile.display().to_string());
    arguments.extend(dockerfile.target.iter().flat_map(|target| ["--target".to_owned(), target.clone()]));
    arguments.extend(dockerfile.arguments.iter().flat_map(|(name, value)| ["--build-arg".to_owned(), format!("{name}={value}")]));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn each_engine_is_asked_in_its_own_words() {
        let dockerfile = Dockerfile {
            path: "Dockerfile".into(),
            target: Some("app".into()),
            arguments: BTreeMap::from([("A".to_owned(), "1".to_owned())]),
            secrets: BTreeMap::from([
                ("npm".to_owned(), SecretSource::File(".npmrc".into())),
                ("token".to_owned(), SecretSource::Variable("TOKEN".into())),
            ]),
            cache_from: vec!["type=gha".into()],
            ..Dockerfile::default()
        };
        let [folder, context, archive, id] = ["/p", "/p/app", "/c/image.tar", "/c/id"].map(Path::new);
        let places = Places { folder, dockerfile: Path::new("/p/app/Dockerfile"), context, archive, id };
        let mut lines = Vec::new();
        for engine in Engine::ALL {
            lines.push(format!("{} {}", engine.name(), engine.build(&dockerfile, "linux/arm64", &places).join(" ")));
            lines.push(format!("{} {}", engine.name(), engine.export("sha256:aa", archive).join(" ")));
        }
        insta::assert_snapshot!(lines.join("\n"), @r"
        docker buildx build --platform linux/arm64 --file /p/app/Dockerfile --target app --build-arg A=1 --secret id=npm,src=/p/.npmrc --secret id=token,env=TOKEN --cache-from type=gha --provenance=false --sbom=false --output type=oci,dest=/c/image.tar,rewrite-timestamp=true /p/app
        docker save --output /c/image.tar sha256:aa
        podman build --timestamp 0 --platform linux/arm64 --file /p/app/Dockerfile --target app --build-arg A=1 --secret id=npm,src=/p/.npmrc --secret id=token,env=TOKEN --cache-from type=gha --iidfile /c/id /p/app
        podman save --format oci-archive --output /c/image.tar sha256:aa
        finch build --platform linux/arm64 --file /p/app/Dockerfile --target app --build-arg A=1 --secret id=npm,src=/p/.npmrc --secret id=token,env=TOKEN --cache-from type=gha --provenance=false --sbom=false --output type=oci,dest=/c/image.tar,rewrite-timestamp=true /p/app
        finch save --output /c/image.tar sha256:aa
        nerdctl build --platform linux/arm64 --file /p/app/Dockerfile --target app --build-arg A=1 --secret id=npm,src=/p/.npmrc --secret id=token,env=TOKEN --cache-from type=gha --provenance=false --sbom=false --output type=oci,dest=/c/image.tar,rewrite-timestamp=true /p/app
        nerdctl save --output /c/image.tar sha256:aa
        buildah build --timestamp 0 --platform linux/arm64 --file /p/app/Dockerfile --target app --build-arg A=1 --secret id=npm,src=/p/.npmrc --secret id=token,env=TOKEN --cache-from type=gha --iidfile /c/id /p/app
        buildah push sha256:aa oci-archive:/c/image.tar
        ");
    }
}

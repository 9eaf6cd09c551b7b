//! An engine that builds one Dockerfile.

use super::dockerfile::{Run, failed};
use super::engine::{Places, own_tag};
use crate::diagnostic::Diagnostic;
use crate::package::engine::Engine;
use crate::package::problem::blocking_io;
use crate::package::process::{Tail, watch};
use std::path::Path;

/// How many of the engine's last lines are shown.
const SHOWN_LINES: usize = 30;

/// An engine that is asked.
pub(super) struct Call<'a> {
    pub engine: Engine,
    pub program: &'a Path,
    pub run: &'a Run<'a>,
}

/// A Docker whose driver has no exporter for archives says so.
/// <https://docs.docker.com/build/builders/drivers/>
const WITHOUT_EXPORTER: &str = "exporter is not supported";

/// What docker says where it lacks the plugin: it does not know the word, or takes what follows it for its own.
/// <https://github.com/docker/buildx/issues/132>
const WITHOUT_BUILDX: [&str; 3] = ["'buildx' is not a docker command", "unknown command: docker buildx", "'docker --help'"];

impl Call<'_> {
    /// Builds the image and leaves it in the archive.
    pub async fn make(&self, places: &Places<'_>) -> Result<(), Diagnostic> {
        let (engine, dockerfile, platform) = (self.engine, self.run.dockerfile, self.run.platform());
        let built = self.start(engine.build(dockerfile, &platform, places)).await?;
        match built {
            Ok(()) if engine.writes_archive() => return Ok(()),
            Ok(()) => {}
            Err(said) if engine == Engine::Docker && said.contains(WITHOUT_EXPORTER) => {
                let loaded = self.start(engine.build_and_load(dockerfile, &platform, places)).await?;
                loaded.map_err(|said| self.failed(&said))?;
            }
            Err(said) => return Err(self.failed(&said)),
        }
        let id = places.id.to_owned();
        let id = blocking_io(move || std::fs::read_to_string(id)).await;
        let id = id.map_err(|error| failed(format!("`{}` did not say what it built: {error}.", engine.name())))?;
        let exported = self.start(engine.export(id.trim(), places.archive)).await?;
        if engine == Engine::Buildah {
            // It keeps every image that it ever built, and nobody would find this one again.
            let _ = self.start(vec!["rmi".to_owned(), own_tag(places.archive)]).await;
        }
        exported.map_err(|said| self.failed(&said))
    }

    /// What it said, where it ended badly.
    async fn start(&self, arguments: Vec<String>) -> Result<Result<(), String>, Diagnostic> {
        let mut command = self.run.images.environment.command(self.program, self.run.job.folder);
        // Builds that honour it make the same bytes at any time.
        // <https://reproducible-builds.org/docs/source-date-epoch/>
        command.args(&arguments).env("SOURCE_DATE_EPOCH", "0");
        // Their values may be secret, and everybody sees the arguments of a program.
        command.envs(self.engine.variables(self.run.dockerfile));
        let not_started = |error: std::io::Error| failed(format!("`{}` could not be started: {error}.", self.engine.name()));
        let mut child = command.spawn().map_err(not_started)?;
        let tail = Tail::of(SHOWN_LINES);
        let status = watch(&mut child, |line| tail.push(line), |line| tail.push(line)).await.map_err(not_started)?;
        Ok(if status.success() { Ok(()) } else { Err(format!("It ended with {status}. It said:\n{}", tail.text())) })
    }

    fn failed(&self, said: &str) -> Diagnostic {
        let name = self.engine.name();
        let problem = failed(format!("`{name}` could not build `{}`. {said}", self.run.dockerfile.path));
        let has = |fragments: &[&str]| fragments.iter().any(|fragment| said.contains(fragment));
        if self.engine == Engine::Docker && WITHOUT_BUILDX.iter().any(|fragment| said.contains(fragment)) {
            return problem
                .hint("docker needs its plugin buildx, and does not have it: `apt-get install docker-buildx`, or `docker-buildx-plugin` from Docker's own packages")
                .hint("another engine is named with `engine`, such as `engine = \"buildah\"`");
        }
        if has(&["Cannot connect to the Docker daemon", "docker.sock", "containerd.sock", "connection refused"]) {
            return problem.hint(format!(
                "is it running? another engine is named with `engine`, one of those that need no service is `buildah`, not `{name}`"
            ));
        }
        if self.engine == Engine::Buildah && has(&["operation not permitted", "Operation not permitted", "overlay", "/proc"]) {
            return problem
                .hint("inside a container, buildah may need `STORAGE_DRIVER=vfs` and `BUILDAH_ISOLATION=chroot` in the environment");
        }
        problem
    }
}

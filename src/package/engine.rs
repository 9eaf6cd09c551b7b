//! The container engines that builds can use.

use super::environment::Environment;
use std::path::PathBuf;

/// A program that runs containers and makes images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Docker; for Dockerfiles with its plugin buildx.
    Docker,
    /// Podman.
    Podman,
    /// AWS's Finch, which takes nerdctl's commands.
    Finch,
    /// The client of containerd.
    Nerdctl,
    /// Buildah.
    Buildah,
}

impl Engine {
    /// In the order in which they are sought.
    pub const ALL: [Self; 5] = [Self::Docker, Self::Podman, Self::Finch, Self::Nerdctl, Self::Buildah];

    /// The program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Finch => "finch",
            Self::Nerdctl => "nerdctl",
            Self::Buildah => "buildah",
        }
    }

    /// The engine of this name.
    pub fn called(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.name() == name)
    }

    /// The first engine of `wanted`, or of all, that is there, and its program.
    pub(super) fn find(wanted: Option<Self>, environment: &Environment) -> Option<(Self, PathBuf)> {
        let sought = wanted.map_or(Self::ALL.to_vec(), |engine| vec![engine]);
        sought.into_iter().find_map(|engine| Some((engine, environment.find(engine.name())?)))
    }
}

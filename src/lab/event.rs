//! What `up` and `down` tell while they work; whoever called them decides how it is shown.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// One thing that happened. Its `Display` is a plain English line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Packages that this machine misses are being installed.
    Installing {
        /// Their names.
        packages: Vec<String>,
    },
    /// Another lab command is building an image; this one waits for it.
    WaitingForImage,
    /// A base image is being built.
    BuildingImage {
        /// The Debian release, or what it is made to look like.
        suite: String,
        /// Where its packages come from.
        archive: String,
    },
    /// The archive has no such suite (or it is broken); the image is built without it.
    SuiteLeftOut {
        /// The suite.
        suite: String,
    },
    /// The base image is there.
    ImageBuilt {
        /// The Debian release.
        suite: String,
        /// How long it took.
        took: Duration,
    },
    /// The package repository is being built.
    BuildingRepository {
        /// For hosts that look like this.
        like: String,
    },
    /// The package repository is there.
    RepositoryBuilt {
        /// For hosts that look like this.
        like: String,
        /// How long it took.
        took: Duration,
    },
    /// A host's start.
    Booting {
        /// The node.
        node: String,
    },
    /// A host answers over ssh and its systemd has finished.
    HostReady {
        /// The node.
        node: String,
        /// `running` or `degraded`.
        state: String,
        /// Since this command found or started it.
        took: Duration,
    },
    /// The lab is up.
    Ready {
        /// Its folder.
        folder: PathBuf,
        /// Whether anything had to be done.
        changed: bool,
        /// The whole command.
        took: Duration,
    },
    /// A part of the lab was removed.
    Removed {
        /// What it was.
        what: String,
    },
    /// There was nothing to remove.
    NothingThere {
        /// The lab's name.
        name: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installing { packages } => {
                write!(formatter, "installing what this machine misses: {}", packages.join(" "))
            }
            Self::WaitingForImage => {
                write!(formatter, "another lab command is building an image or a repository; waiting for it")
            }
            Self::BuildingImage { suite, archive } => {
                write!(formatter, "building the {suite} image from {archive} (once; about a minute)")
            }
            Self::SuiteLeftOut { suite } => {
                write!(formatter, "the archive does not serve {suite}; going on without it")
            }
            Self::ImageBuilt { suite, took } => write!(formatter, "{suite} image built in {:.1} s", took.as_secs_f64()),
            Self::BuildingRepository { like } => {
                write!(formatter, "building the {like} package repository (once; about a minute)")
            }
            Self::RepositoryBuilt { like, took } => {
                write!(formatter, "{like} package repository built in {:.1} s", took.as_secs_f64())
            }
            Self::Booting { node } => write!(formatter, "{node}: booting"),
            Self::HostReady { node, state, took } => {
                write!(formatter, "{node}: {state}, ssh answers ({:.1} s)", took.as_secs_f64())
            }
            Self::Ready { folder, changed, took } => {
                let done = if *changed { "is up" } else { "was up already" };
                write!(formatter, "the lab in {} {done} ({:.1} s)", folder.display(), took.as_secs_f64())
            }
            Self::Removed { what } => write!(formatter, "removed {what}"),
            Self::NothingThere { name } => write!(formatter, "there is no lab {name:?}: nothing to remove"),
        }
    }
}

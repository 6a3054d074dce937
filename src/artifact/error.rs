//! Why an artifact can't be had. All of these end a run with exit code 7 before anything was changed.

use std::path::PathBuf;

/// An artifact that can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The catalogue has no such thing.
    #[error("{component} {version} ({method}) is not in the catalogue of pinned downloads; known: {known}")]
    Unknown {
        /// The component.
        component: String,
        /// The version asked for.
        version: String,
        /// Source or release.
        method: String,
        /// The versions that are there.
        known: String,
    },
    /// Every address failed.
    #[error("{file} could not be downloaded: {reasons}")]
    Unreachable {
        /// The file.
        file: String,
        /// What each address answered.
        reasons: String,
    },
    /// The bytes are not the pinned ones.
    #[error(
        "{file} from {from} is not the pinned file: its sha256 is {got}, {wanted} is pinned; it was deleted, nothing was unpacked"
    )]
    Checksum {
        /// The file.
        file: String,
        /// Where it came from.
        from: String,
        /// The pinned sum.
        wanted: String,
        /// The sum of what came.
        got: String,
    },
    /// The cache on this machine can't be used.
    #[error("{}: {source}", path.display())]
    Store {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ArtifactError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "choose one of those versions in the inventory, or `install: package`",
            Self::Unreachable { .. } => {
                "put the file into a folder and name it in the inventory (artifacts: { folder: … }), or name a mirror (artifacts: { mirror: … }); proxies are taken from https_proxy"
            }
            Self::Checksum { .. } => {
                "the download was altered on its way, or the address serves something else (an error page?); look at it by hand before trying another mirror"
            }
            Self::Store { .. } => {
                "the cache is $XDG_CACHE_HOME/quorate or ~/.cache/quorate; it must be writable and have room"
            }
        }
    }
}

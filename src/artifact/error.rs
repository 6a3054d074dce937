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
        "{file} from {from} is not the pinned file{looks}: its sha256 is {got}, {wanted} is pinned; nothing was unpacked"
    )]
    Checksum {
        /// The file.
        file: String,
        /// Where it came from.
        from: String,
        /// What it looks like, such as `, but a web page (HTML)`; may be empty.
        looks: &'static str,
        /// The pinned sum.
        wanted: String,
        /// The sum of what came.
        got: String,
    },
    /// A host that was to download could not.
    #[error("{host} could not download {file}: {said}")]
    Host {
        /// The host.
        host: String,
        /// The file.
        file: String,
        /// What it said.
        said: String,
    },
    /// An archive of the cache, or of a bundle, that must not be unpacked.
    #[error("{} must not be unpacked: {problem}; nothing was shipped", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it; an entry is named.
        problem: String,
    },
    /// A proxy that can't be used. Its address may hold a login, so it is not shown.
    #[error("the proxy that {place} names can't be used: it is no http or https proxy's address")]
    Proxy {
        /// Where it is named.
        place: &'static str,
    },
    /// The cache on this machine, or a file of it that the inventory names, can't be used.
    #[error("{}: {source}", path.display())]
    Store {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that was named can't be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Packages could not be fetched on the host that a bundle is made on.
    #[error("{host}: the packages could not be fetched: {said}")]
    Fetch {
        /// The host.
        host: String,
        /// The last lines that its package manager said.
        said: String,
    },
    /// A bundle is not as it was written.
    #[error("{}: {entry}: {reason}", file.display())]
    Bundle {
        /// The bundle.
        file: PathBuf,
        /// The entry.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A bundle's signature is missing, another's, or can't be made.
    #[error("{}: {reason}", file.display())]
    Signature {
        /// The bundle, or the key.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A bundle is for something else, or has not all that is needed.
    #[error("{} does not fit: {}; nothing was changed", file.display(), reasons.join("; "))]
    Unfit {
        /// The bundle.
        file: PathBuf,
        /// What it lacks.
        reasons: Vec<String>,
    },
}

impl ArtifactError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { .. } => {
                "choose one of those versions in the inventory, `install: package`, or pin your own (artifacts: { pins: … }, docs/artifacts.md)".to_owned()
            }
            Self::Unreachable { .. } => {
                "put the file into a folder and name it in the inventory (artifacts: { folder: … }), or name there what is in between: a mirror (mirror), a proxy (proxy, proxy_login), the certificate of a company's CA (ca); docs/artifacts.md".to_owned()
            }
            Self::Checksum { .. } => {
                "the download was altered on its way, or the address serves something else (an error page?); look at it by hand before trying another mirror".to_owned()
            }
            Self::Host { .. } => {
                "let your machine download instead (artifacts: { via: operator }), or give the hosts a proxy (artifacts: { proxy: … }) or a mirror (artifacts: { mirror: … })".to_owned()
            }
            Self::Archive { path, .. } => {
                format!("look at who could write there, then delete it (rm {}): it is built anew", path.display())
            }
            Self::Proxy { .. } => "write it as http://HOST:PORT".to_owned(),
            Self::Store { .. } => {
                "the cache is $XDG_CACHE_HOME/quorate or ~/.cache/quorate; it must be writable and have room".to_owned()
            }
            Self::File { .. } => "name a file that is there and can be read, or a place that can be written".to_owned(),
            Self::Fetch { .. } => {
                "a bundle is made on a host that reaches its package archives; `--on DESTINATION` names another one of the same system".to_owned()
            }
            Self::Bundle { .. } => {
                "the file was damaged or altered on its way: copy it again, and compare the id that `quorate bundle create` printed with that of `quorate bundle verify`".to_owned()
            }
            Self::Signature { .. } => {
                "`quorate bundle create --sign KEY` signs; `--allowed-signers FILE --signer NAME` says who may: see ssh-keygen(1), ALLOWED SIGNERS".to_owned()
            }
            Self::Unfit { .. } => {
                "make one from this very inventory, with this version of quorate, on a host of the same system: `quorate bundle create -o FILE`".to_owned()
            }
        }
    }
}

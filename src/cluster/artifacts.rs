//! Where downloads come from, and the inventory's own versions.

use std::fmt;
use std::path::PathBuf;

use super::{Arch, SecretSource, Version};

/// Where downloads come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Artifacts {
    /// Who downloads.
    pub via: Via,
    /// Base addresses of a Debian archive (`…/debian`) that serve upstream's own source tarballs.
    pub debian_archive: Option<String>,
    /// A base address that is asked before upstream's: `<mirror>/<file name>`.
    pub mirror: Option<String>,
    /// A folder of downloads on the operator's machine, asked before the network.
    pub folder: Option<PathBuf>,
    /// The proxy of both sides, without a login: `http://host:port`.
    pub proxy: Option<String>,
    /// Where the proxy's login (`user:password`) is read from.
    pub proxy_login: Option<SecretSource>,
    /// Certificates that are trusted on both sides, beside those of the system: a file on the operator's machine.
    pub ca: Option<PathBuf>,
    /// Own versions.
    pub pins: Vec<Pin>,
}

/// Who downloads what is pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Via {
    /// The operator's machine; the hosts get what they need over ssh.
    #[default]
    Operator,
    /// The host that builds. The sum is checked there, before anything is unpacked.
    Host,
}

/// A version of the inventory's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The system.
    pub component: PinnedComponent,
    /// The version.
    pub version: Version,
    /// What is pinned.
    pub what: Pinned,
}

/// What a pin stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pinned {
    /// Upstream's source.
    Source(PinnedFile),
    /// Upstream's own binaries for one architecture.
    Release(Arch, PinnedFile),
    /// Patroni's packages: a file of requirements, each with its hashes, on the operator's machine.
    Requirements(PathBuf),
}

/// One download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedFile {
    /// Its plain name, as it lies in a folder or on a mirror.
    pub file: String,
    /// Its sum, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Where it is, if not in a folder or on a mirror.
    pub url: Option<String>,
}

/// A system whose program quorate brings itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PinnedComponent {
    /// etcd.
    Etcd,
    /// Patroni.
    Patroni,
    /// HAProxy.
    Haproxy,
    /// keepalived.
    Keepalived,
}

impl PinnedComponent {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Etcd, Self::Patroni, Self::Haproxy, Self::Keepalived];

    /// Its name in lower case, as the inventory's group has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Patroni => "patroni",
            Self::Haproxy => "haproxy",
            Self::Keepalived => "keepalived",
        }
    }
}

impl Pinned {
    /// The word for it in the inventory.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::Release(..) => "release",
            Self::Requirements(_) => "requirements",
        }
    }
}

impl fmt::Display for Pin {
    /// `etcd 3.4.23 (release, amd64)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} ({}", self.component.as_str(), self.version, self.what.kind())?;
        match &self.what {
            Pinned::Release(arch, _) => write!(formatter, ", {arch})"),
            Pinned::Source(_) | Pinned::Requirements(_) => formatter.write_str(")"),
        }
    }
}

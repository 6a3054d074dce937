//! What only a host can tell about itself, as far as the files that quorate writes depend on it.

use std::fmt;

use super::{Interface, Version};

/// A family of operating systems that share package names and paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OsFamily {
    /// Debian, Ubuntu.
    Debian,
    /// RHEL, Rocky, Alma, Oracle.
    Rhel,
}

/// An operating system's release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Os {
    /// The family.
    pub family: OsFamily,
    /// `ID` of `/etc/os-release`, such as `debian`.
    pub id: String,
    /// `VERSION_ID`, such as 13 or 9.4.
    pub version: Version,
}

impl fmt::Display for Os {
    /// `debian-13`: the key builds are kept under.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.family {
            // Ubuntu's second number is a month of two digits.
            OsFamily::Debian if self.id == "ubuntu" => {
                write!(formatter, "{}-{}.{:02}", self.id, self.version.major(), self.version.minor())
            }
            OsFamily::Debian => write!(formatter, "{}-{}", self.id, self.version),
            // Builds are compatible within a major release.
            OsFamily::Rhel => write!(formatter, "{}-{}", self.id, self.version.major()),
        }
    }
}

/// A processor architecture, by Debian's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// `AArch64`.
    Arm64,
}

impl Arch {
    /// From `uname -m`.
    pub fn from_machine(machine: &str) -> Option<Self> {
        match machine {
            "x86_64" | "amd64" => Some(Self::Amd64),
            "aarch64" | "arm64" => Some(Self::Arm64),
            _ => None,
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        })
    }
}

/// One host's facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The operating system.
    pub os: Os,
    /// The architecture.
    pub arch: Arch,
    /// Memory in bytes that programs may use: `MemTotal`, or the control group's limit where that is lower.
    pub memory_bytes: u64,
    /// Online processors.
    pub cpus: u32,
    /// The interface whose subnet holds the VIP, by the route to it.
    pub interface: Interface,
    /// That interface's prefix length.
    pub prefix: u8,
    /// The version of firewalld, if it runs.
    pub firewalld: Option<Version>,
    /// Whether `SELinux` judges, or would (enforcing or permissive).
    pub selinux: bool,
}

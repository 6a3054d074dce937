//! What a lab is: its name, release, nodes and addresses, where its things are kept, and the record of it on disk.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Error, files};

/// Where labs keep their folders.
const LABS: &str = "/var/lib/quorate-lab";
/// The last bytes of the nodes' addresses: the article's three, then on past the VIP.
const NODE_BYTES: [u8; 9] = [45, 46, 47, 49, 50, 51, 52, 53, 54];
/// The last byte of the VIP, as in the article.
const VIP_BYTE: u8 = 48;

/// A lab's name: 1 to 20 lower-case letters, digits and `-`, beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LabName(String);

impl FromStr for LabName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let good = text.len() <= 20 && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(fits);
        if good { Ok(Self(text.to_owned())) } else { Err(Error::BadName { name: text.to_owned() }) }
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl LabName {
    /// The lab's folder.
    pub fn folder(&self) -> PathBuf {
        labs_folder().join(&self.0)
    }

    /// The file that one command at a time may hold. It stands beside the folder, which `down` removes.
    pub(super) fn lock_file(&self) -> PathBuf {
        labs_folder().join(format!(".{}.lock", self.0))
    }

    /// What the folder is called while it is being removed: an interrupted removal must not leave half a lab that looks whole.
    pub(super) fn removed_folder(&self) -> PathBuf {
        labs_folder().join(format!(".{}.removed", self.0))
    }

    /// The lab's network namespace.
    pub(super) fn namespace(&self) -> String {
        format!("ql-{}", self.0)
    }

    /// The file that names the network namespace.
    pub(super) fn namespace_file(&self) -> PathBuf {
        Path::new("/run/netns").join(self.namespace())
    }

    /// Eight hexadecimal digits that stand for the name where only a few characters fit.
    pub(super) fn short(&self) -> String {
        let digest: [u8; 32] = Sha256::digest(self.0.as_bytes()).into();
        let start = digest.first_chunk().copied().unwrap_or_default();
        format!("{:08x}", u32::from_be_bytes(start))
    }
}

/// Where all labs of this machine have their folders.
pub(super) fn labs_folder() -> PathBuf {
    PathBuf::from(LABS)
}

/// A Debian release that hosts can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Suite {
    /// Debian 13, PostgreSQL 17.
    Trixie,
    /// Debian 12, PostgreSQL 15.
    Bookworm,
    /// Debian 11, PostgreSQL 13.
    Bullseye,
}

impl Suite {
    /// All of them, the newest first.
    pub const ALL: [Self; 3] = [Self::Trixie, Self::Bookworm, Self::Bullseye];

    /// Debian's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trixie => "trixie",
            Self::Bookworm => "bookworm",
            Self::Bullseye => "bullseye",
        }
    }
}

/// What hosts of a lab can look like in place of the Debian they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Like {
    /// RHEL 9.4, PostgreSQL 15 from the PostgreSQL project's archive.
    Rhel9,
    /// RHEL 8.10, PostgreSQL 13 from the PostgreSQL project's archive.
    Rhel8,
}

impl Like {
    /// All of them, the newest first.
    pub const ALL: [Self; 2] = [Self::Rhel9, Self::Rhel8];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rhel9 => "rhel9",
            Self::Rhel8 => "rhel8",
        }
    }

    /// The Debian release behind it: the one whose systemd, dnf, OpenSSL and firewalld are nearest.
    pub(super) fn suite(self) -> Suite {
        match self {
            Self::Rhel9 => Suite::Bookworm,
            Self::Rhel8 => Suite::Bullseye,
        }
    }

    /// Major and minor version.
    pub(super) fn version(self) -> (&'static str, &'static str) {
        match self {
            Self::Rhel9 => ("9", "4"),
            Self::Rhel8 => ("8", "10"),
        }
    }
}

/// One host of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabNode {
    /// `db01` and so on.
    pub name: String,
    /// Its address on the lab's bridge.
    pub address: Ipv4Addr,
}

/// A lab, as recorded in its folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lab {
    /// Its name.
    pub name: LabName,
    /// What its hosts run.
    pub suite: Suite,
    /// What they look like, if not like that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub like: Option<Like>,
    /// Its hosts.
    pub nodes: Vec<LabNode>,
    /// The address that the cluster on it will share.
    pub vip: Ipv4Addr,
    /// The bridge's own address: the hosts' gateway.
    pub gateway: Ipv4Addr,
    /// The Debian archive's root, from this machine's apt sources.
    pub archive: String,
    /// First address of the network (of four) between the lab and this machine.
    pub uplink: Ipv4Addr,
    /// The base image under the hosts.
    pub image: PathBuf,
    /// The package repository that is served to them, if they don't look like Debian.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<PathBuf>,
}

impl Lab {
    /// The nodes of a lab of this size.
    pub(super) fn default_nodes(count: usize) -> Result<Vec<LabNode>, Error> {
        if count == 0 || count > NODE_BYTES.len() {
            return Err(Error::BadNodes { nodes: count });
        }
        let nodes = (1..).zip(NODE_BYTES).take(count);
        Ok(nodes.map(|(number, byte)| LabNode { name: format!("db{number:02}"), address: address(byte) }).collect())
    }

    /// The VIP of every lab.
    pub(super) fn default_vip() -> Ipv4Addr {
        address(VIP_BYTE)
    }

    /// The gateway of every lab.
    pub(super) fn default_gateway() -> Ipv4Addr {
        address(1)
    }

    /// Reads the record of a lab; `None` if there is no such lab.
    pub(super) fn find(name: &LabName) -> Result<Option<Self>, Error> {
        let path = record(name);
        let Some(text) = files::read(&path)? else { return Ok(None) };
        let lab = serde_json::from_str(&text);
        lab.map(Some).map_err(|source| Error::BadRecord { path, name: name.to_string(), source })
    }

    /// Reads the record of a lab that must exist.
    pub fn load(name: &LabName) -> Result<Self, Error> {
        Self::find(name)?.ok_or_else(|| Error::NoLab { name: name.to_string() })
    }

    /// Writes the record.
    pub(super) fn save(&self) -> Result<(), Error> {
        let path = record(&self.name);
        let text = serde_json::to_string_pretty(self).map_err(|source| Error::BadRecord {
            path: path.clone(),
            name: self.name.to_string(),
            source,
        })?;
        files::write(&path, 0o600, &text)
    }

    /// What its hosts are, as said on the command line.
    pub(super) fn kind(&self) -> &'static str {
        self.like.map_or_else(|| self.suite.as_str(), Like::as_str)
    }

    /// The node of that name.
    pub(super) fn node(&self, name: &str) -> Result<&LabNode, Error> {
        self.nodes.iter().find(|node| node.name == name).ok_or_else(|| Error::NoNode {
            lab: self.name.to_string(),
            node: name.to_owned(),
            nodes: self.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// Where a node's things are kept.
    pub(super) fn node_folder(&self, node: &LabNode) -> PathBuf {
        self.name.folder().join("hosts").join(&node.name)
    }
}

/// All labs with a record on this machine.
pub(super) fn all_labs() -> Vec<Lab> {
    let Ok(entries) = std::fs::read_dir(labs_folder()) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<LabName>().ok());
    names.filter_map(|name| Lab::find(&name).ok().flatten()).collect()
}

/// An address of the lab's network.
fn address(byte: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 168, 13, byte)
}

/// The file a lab is recorded in.
fn record(name: &LabName) -> PathBuf {
    name.folder().join("lab.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_file_interface_and_namespace() {
        for good in ["lab", "h1", "a-b", "abcdefghijklmnopqrst"] {
            assert!(good.parse::<LabName>().is_ok(), "{good}");
        }
        for bad in ["", "1a", "-a", "A", "a/b", "..", "a b", "a_b", "abcdefghijklmnopqrstu", "ä"] {
            assert!(bad.parse::<LabName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn five_nodes_step_over_the_vip() {
        let nodes = Lab::default_nodes(5).unwrap();
        let shown: Vec<_> = nodes.iter().map(|node| format!("{}={}", node.name, node.address)).collect();
        let expected = [
            "db01=192.168.13.45",
            "db02=192.168.13.46",
            "db03=192.168.13.47",
            "db04=192.168.13.49",
            "db05=192.168.13.50",
        ];
        assert_eq!(shown, expected);
        assert!(Lab::default_nodes(0).is_err() && Lab::default_nodes(10).is_err());
        assert!(Lab::default_nodes(9).unwrap().iter().all(|node| node.address != Lab::default_vip()));
    }

    #[test]
    fn a_record_from_before_other_looks_is_still_read() {
        let text = r#"{"name": "a", "suite": "bookworm", "nodes": [], "vip": "192.168.13.48", "gateway": "192.168.13.1",
            "archive": "http://archive.example/debian", "uplink": "10.213.0.0", "image": "/image"}"#;
        let mut lab: Lab = serde_json::from_str(text).unwrap();
        assert_eq!((lab.like, lab.kind()), (None, "bookworm"));
        lab.like = Some(Like::Rhel9);
        let again: Lab = serde_json::from_str(&serde_json::to_string(&lab).unwrap()).unwrap();
        assert_eq!((&again, again.kind()), (&lab, "rhel9"));
    }
}

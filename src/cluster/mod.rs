//! The model: what a cluster is, once its inventory was read. Pure; imports no other room.
//!
//! Every value that could be wrong on its own is a newtype that can't hold a bad one ([`name`], [`version`]);
//! rules that need two values to judge live in `inventory::rules`. What only a host can tell (its memory, the interface
//! that carries the VIP) is [`Facts`]; what nobody may read is [`Secret`].

mod artifacts;
mod digest;
mod facts;
mod name;
mod postgresql;
mod secret;
mod settings;
mod version;

pub use artifacts::{Artifacts, Pin, Pinned, PinnedComponent, PinnedFile, Via};
pub use digest::{hex, sha256};
pub use facts::{Arch, Facts, Os, OsFamily};
pub use name::{ClusterName, Identifier, Interface, InvalidName, Namespace, NodeName};
pub use postgresql::{Database, HbaRule, PackageSource, ParameterValue, Postgresql, Role};
pub use secret::{Secret, SecretName, SecretSource, Secrets};
pub use settings::{
    Cluster, Durability, Etcd, Firewall, Haproxy, InstallMethod, Keepalived, Node, Patroni, Ssh, Tags, Timings, Vip,
};
pub use version::{InvalidVersion, Version};

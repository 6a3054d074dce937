//! The settings of a cluster, as the inventory gives them or by default.
//!
//! `Option` means: the inventory does not say, and the answer depends on the hosts (the component that renders the value
//! knows how). Everything else has its default filled in already, by the one place that knows defaults: `Default` here.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::{
    Artifacts, ClusterName, Identifier, Interface, Namespace, NodeName, ParameterValue, Postgresql, SecretSource,
    Version,
};

/// One cluster: the inventory, read and checked.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Patroni's scope, etcd's token.
    pub name: ClusterName,
    /// Its nodes, in the order of the inventory: the order in which they are preferred as holder of the VIP.
    pub nodes: Vec<Node>,
    /// The virtual address.
    pub vip: Vip,
    /// What a commit waits for.
    pub durability: Durability,
    /// What becomes of the hosts' firewalld.
    pub firewall: Firewall,
    /// How fast failures are noticed.
    pub timings: Timings,
    /// etcd.
    pub etcd: Etcd,
    /// PostgreSQL.
    pub postgresql: Postgresql,
    /// Patroni.
    pub patroni: Patroni,
    /// HAProxy.
    pub haproxy: Haproxy,
    /// keepalived.
    pub keepalived: Keepalived,
    /// Where downloads come from.
    pub artifacts: Artifacts,
    /// The secrets file, absolute.
    pub secrets_file: PathBuf,
    /// Where the built-in secrets are read from if not from the secrets file, by [`super::SecretName::key`].
    pub secret_sources: BTreeMap<String, SecretSource>,
}

impl Cluster {
    /// The node of that name.
    pub fn node(&self, name: &NodeName) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == *name)
    }

    /// How many voters of etcd must agree.
    pub fn quorum(&self) -> usize {
        self.nodes.len() / 2 + 1
    }
}

/// One host of the cluster: an etcd voter, a PostgreSQL member, a HAProxy and a candidate for the VIP.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name in all five systems.
    pub name: NodeName,
    /// The address the systems talk to each other on.
    pub address: Ipv4Addr,
    /// How the operator reaches it.
    pub ssh: Ssh,
    /// The interface that carries the VIP; by default the one that routes to it.
    pub interface: Option<Interface>,
    /// Patroni's tags.
    pub tags: Tags,
    /// PostgreSQL parameters for this node alone (Patroni lets them win over the cluster's).
    pub parameters: BTreeMap<Identifier, ParameterValue>,
}

/// How the operator reaches a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    /// What to hand to ssh: an address, a DNS name or an alias of the user's own ssh configuration.
    pub host: String,
    /// The port, if not ssh's own choice.
    pub port: Option<u16>,
    /// The login name, if not ssh's own choice. Anyone but root needs sudo without a password.
    pub user: Option<String>,
    /// A private key file.
    pub key: Option<PathBuf>,
    /// An ssh configuration file to read instead of the user's own.
    pub config: Option<PathBuf>,
    /// The host's public key (`ssh-ed25519 AAAA…`): pinned here, `known_hosts` is not asked.
    pub host_key: Option<String>,
}

/// Patroni's tags of a member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent switches of Patroni, each with its own name there")]
pub struct Tags {
    /// Never becomes leader.
    pub nofailover: bool,
    /// Not offered on the replicas' port.
    pub noloadbalance: bool,
    /// Preferred as source of new replicas.
    pub clonefrom: bool,
    /// Never chosen as synchronous standby.
    pub nosync: bool,
}

/// The virtual address that clients connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vip {
    /// The address.
    pub address: Ipv4Addr,
    /// Its prefix length; by default that of the interface.
    pub prefix: Option<u8>,
    /// The interface on every node; by default the one that routes to it.
    pub interface: Option<Interface>,
}

/// What a commit waits for before the client hears of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Nothing but the leader's disk: a failover may lose the last commits.
    Async,
    /// A synchronous standby, as long as there is one.
    #[default]
    Sync,
    /// A synchronous standby, always: without one, writes wait.
    SyncStrict,
    /// A quorum of standbys (Patroni 4.0 and later).
    Quorum,
}

/// What quorate does about a firewalld that runs on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Firewall {
    /// It holds one file of ours that lets in what the cluster needs.
    #[default]
    Manage,
    /// Nothing: the operator sees to it.
    Leave,
}

/// How fast failures are noticed; all in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// The leader's lease in the DCS; at least 20.
    pub ttl: u32,
    /// How often Patroni looks; at least 1.
    pub loop_wait: u32,
    /// How long Patroni retries the DCS and PostgreSQL; at least 3.
    pub retry_timeout: u32,
    /// How long a crashed leader may take to come back before another is chosen; 0 = fail over at once.
    pub primary_start_timeout: u32,
    /// HAProxy's interval between checks.
    pub check_interval: u32,
    /// Failed checks until HAProxy takes a server out.
    pub check_fall: u32,
    /// Good checks until HAProxy takes a server in.
    pub check_rise: u32,
    /// Interval of keepalived's adverts.
    pub advert_interval: u32,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            ttl: 30,
            loop_wait: 10,
            retry_timeout: 10,
            primary_start_timeout: 15,
            check_interval: 2,
            check_fall: 3,
            check_rise: 2,
            advert_interval: 1,
        }
    }
}

/// How a component gets onto the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InstallMethod {
    /// Upstream's source, built once per operating system and shipped.
    Source,
    /// Upstream's own binaries.
    Release,
    /// The operating system's package.
    Package,
}

/// etcd's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etcd {
    /// How it is installed; by default the operating system's own way.
    pub install: Option<InstallMethod>,
    /// The version; by default the one proven on that operating system.
    pub version: Option<Version>,
    /// Port for clients.
    pub client_port: u16,
    /// Port for the other members.
    pub peer_port: u16,
    /// The data folder.
    pub data_dir: PathBuf,
    /// Heartbeat between members, in milliseconds.
    pub heartbeat_ms: u32,
    /// Silence after which an election begins, in milliseconds.
    pub election_ms: u32,
    /// Size at which the database refuses writes, in bytes.
    pub quota_bytes: u64,
}

impl Default for Etcd {
    fn default() -> Self {
        Self {
            install: None,
            version: None,
            client_port: 2379,
            peer_port: 2380,
            data_dir: PathBuf::from("/var/lib/etcd/data"),
            heartbeat_ms: 100,
            election_ms: 1000,
            quota_bytes: 2 << 30,
        }
    }
}

/// Patroni's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patroni {
    /// How it is installed: `Source` and `Release` both mean the pinned virtual environment, `Package` the family's package.
    pub install: Option<InstallMethod>,
    /// The version; by default the newest that is pinned.
    pub version: Option<Version>,
    /// Port of the REST API.
    pub port: u16,
    /// The DCS prefix.
    pub namespace: Namespace,
    /// How far behind, in bytes, a replica may be and still become leader (asynchronous modes).
    pub maximum_lag_on_failover: u64,
    /// Keep the leader when the DCS is lost as long as all members answer (Patroni 3.0 and later).
    pub failsafe_mode: bool,
    /// How many synchronous standbys.
    pub synchronous_node_count: u32,
}

impl Default for Patroni {
    fn default() -> Self {
        Self {
            install: None,
            version: None,
            port: 8008,
            namespace: Namespace::new("service").unwrap_or_else(|_| unreachable!("the literal is a valid name")),
            maximum_lag_on_failover: 1 << 20,
            failsafe_mode: true,
            synchronous_node_count: 1,
        }
    }
}

/// HAProxy's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Haproxy {
    /// How it is installed; by default the operating system's own way.
    pub install: Option<InstallMethod>,
    /// The version; by default the one proven on that operating system.
    pub version: Option<Version>,
    /// Port that leads to the leader.
    pub primary_port: u16,
    /// Port that leads to the replicas.
    pub replica_port: u16,
    /// Port of the statistics page, on 127.0.0.1.
    pub stats_port: u16,
    /// Client connections in all; by default enough for both ports.
    pub max_connections: Option<u32>,
    /// Connections to one PostgreSQL; by default what `max_connections` leaves to clients.
    pub server_max_connections: Option<u32>,
    /// How far behind a replica may be and still be offered, in bytes.
    pub replica_max_lag: u64,
    /// Idle client, in seconds.
    pub timeout_client: u32,
    /// Idle server, in seconds.
    pub timeout_server: u32,
    /// Connecting to a server, in seconds.
    pub timeout_connect: u32,
    /// Waiting for a free slot, in seconds.
    pub timeout_queue: u32,
}

impl Default for Haproxy {
    fn default() -> Self {
        Self {
            install: None,
            version: None,
            primary_port: 5000,
            replica_port: 5001,
            stats_port: 7000,
            max_connections: None,
            server_max_connections: None,
            replica_max_lag: 16 << 20,
            timeout_client: 8 * 3600,
            timeout_server: 8 * 3600,
            timeout_connect: 4,
            timeout_queue: 10,
        }
    }
}

/// keepalived's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keepalived {
    /// How it is installed; by default the operating system's own way.
    pub install: Option<InstallMethod>,
    /// The version; by default the one proven on that operating system.
    pub version: Option<Version>,
    /// The VRRP router id, 1 to 255, unique on its network; by default the last byte of the VIP.
    pub router_id: u8,
}

//! The rows of the table for etcd, Patroni, HAProxy and keepalived.

use super::Word;
use super::fields::{DAY, PORT};
use super::kind::{Field, Kind, optional};

const TB: i64 = 1 << 40;

const INSTALL: Kind = Kind::Choice(&["source", "release", "package"]);
const INSTALL_DOC: &str = "How it is installed: `source` builds upstream's source once and ships the result, `release` takes upstream's own binaries, `package` the operating system's package.";

const ETCD_DOC: &str = "How it is installed: `source` builds upstream's source once and ships the result, `release` takes upstream's own binaries, `package` the operating system's package. By default `source` on Debian, `release` on RHEL, its rebuilds and Ubuntu.";

pub(super) const ETCD: &[Field] = &[
    optional("install", INSTALL, "(the operating system's own way)", "release", ETCD_DOC),
    optional(
        "version",
        Kind::Text(Word::Version),
        "(the one proven on the operating system)",
        "3.5.16",
        "The version; 3.4 or later.",
    ),
    optional("client_port", PORT, "2379", "12379", "The port for clients."),
    optional("peer_port", PORT, "2380", "12380", "The port for the other members."),
    optional(
        "data_dir",
        Kind::Text(Word::DataDir),
        "/var/lib/etcd/data",
        "/srv/etcd/data",
        "The data folder. A disk of its own keeps elections away from a busy database.",
    ),
    optional("heartbeat_ms", Kind::Integer(10, 10_000), "100", "200", "Heartbeat between members, in milliseconds."),
    optional(
        "election_ms",
        Kind::Integer(100, 50_000),
        "1000",
        "2000",
        "Silence after which an election begins, in milliseconds; at least 5 heartbeats, better 10.",
    ),
    optional("quota", Kind::Bytes(64 << 20, 8 << 30), "2GB", "4GB", "Size at which the database refuses writes."),
];

pub(super) const PATRONI: &[Field] = &[
    optional(
        "install",
        INSTALL,
        "(source, on every system)",
        "package",
        "How it is installed: `source` and `release` both mean a virtual environment with pinned packages, `package` the operating system's package.",
    ),
    optional(
        "version",
        Kind::Text(Word::Version),
        "(the newest that is pinned)",
        "4.0.6",
        "The version; 3.3 or later.",
    ),
    optional("port", PORT, "8008", "18008", "The port of the REST API."),
    optional("namespace", Kind::Text(Word::Namespace), "service", "db", "The prefix of Patroni's keys in etcd."),
    optional(
        "maximum_lag_on_failover",
        Kind::Bytes(0, TB),
        "1MB",
        "2MB",
        "How far behind a replica may be and still become leader (`durability: async`).",
    ),
    optional(
        "failsafe_mode",
        Kind::Bool,
        "on",
        "off",
        "Keep the leader when etcd is lost, as long as all members answer each other.",
    ),
    optional("synchronous_node_count", Kind::Integer(1, 4), "1", "2", "How many synchronous standbys."),
];

pub(super) const HAPROXY: &[Field] = &[
    optional("install", INSTALL, "(source, on every system)", "package", INSTALL_DOC),
    optional(
        "version",
        Kind::Text(Word::Version),
        "(the one proven on the operating system)",
        "3.0.5",
        "The version; 2.2 or later.",
    ),
    optional("primary_port", PORT, "5000", "15000", "The port that leads to the leader."),
    optional("replica_port", PORT, "5001", "15001", "The port that leads to the replicas."),
    optional("stats_port", PORT, "7000", "17000", "The port of the statistics page, on 127.0.0.1."),
    optional(
        "max_connections",
        Kind::Integer(10, 1_000_000),
        "(enough for both ports)",
        "500",
        "Client connections in all.",
    ),
    optional(
        "server_max_connections",
        Kind::Integer(1, 100_000),
        "(what PostgreSQL's max_connections leaves to clients)",
        "80",
        "Connections to one PostgreSQL.",
    ),
    optional(
        "replica_max_lag",
        Kind::Bytes(0, TB),
        "16MB",
        "64MB",
        "How far behind a replica may be and still be offered.",
    ),
    optional("timeout_client", Kind::Seconds(1, 30 * DAY), "8h", "1h", "When an idle client is cut."),
    optional("timeout_server", Kind::Seconds(1, 30 * DAY), "8h", "1h", "When an idle server is cut."),
    optional("timeout_connect", Kind::Seconds(1, 3600), "4s", "5s", "How long connecting to a server may take."),
    optional("timeout_queue", Kind::Seconds(1, 3600), "10s", "20s", "How long a client waits for a free slot."),
];

pub(super) const KEEPALIVED: &[Field] = &[
    optional("install", INSTALL, "(source, on every system)", "package", INSTALL_DOC),
    optional(
        "version",
        Kind::Text(Word::Version),
        "(the one proven on the operating system)",
        "2.2.8",
        "The version; 2.2 or later.",
    ),
    optional(
        "router_id",
        Kind::Integer(1, 255),
        "(the last byte of the VIP; 51 if that is 0)",
        "51",
        "The VRRP router id; no other VRRP on the same network may have it.",
    ),
    optional(
        "order",
        Kind::List(&Kind::Text(Word::Node)),
        "(the order of `nodes`)",
        "[db02, db01, db03]",
        "The nodes in the order in which they are preferred as holder of the VIP; all of them.",
    ),
];

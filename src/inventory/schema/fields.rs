//! The rows of the table. Order is the order of docs/inventory.md.
//!
//! `default` holds what counts when the key is left out, written as it could stand in the file; in parentheses if it
//! depends on the hosts or on other keys. A test reads every default back and compares it with `cluster`'s own.

use super::Word;
use super::artifacts::ARTIFACTS;
use super::components::{ETCD, HAPROXY, KEEPALIVED, PATRONI};
use super::kind::{Field, Kind, optional, required, section};

pub(super) const PORT: Kind = Kind::Integer(1, 65_535);
pub(super) const DAY: i64 = 86_400;

/// The whole inventory.
pub(in crate::inventory) const INVENTORY: &[Field] = &[
    optional("format", Kind::Integer(1, 1), "1", "1", "The version of this file's format."),
    required(
        "cluster",
        Kind::Text(Word::Cluster),
        "pg-prod",
        "The cluster's name: Patroni's scope and etcd's token. It can't be changed once the cluster runs.",
    ),
    required(
        "nodes",
        Kind::List(&Kind::Section(NODE)),
        "",
        "Three or five hosts. Each runs etcd, PostgreSQL with Patroni, HAProxy and keepalived; their order is the order in which they are preferred as holder of the VIP.",
    ),
    Field {
        key: "vip",
        kind: Kind::Short("address", VIP),
        required: true,
        default: "",
        example: "192.168.13.48",
        doc: "The virtual address that clients connect to: an address alone, or a mapping.",
    },
    section("ssh", SSH_DEFAULTS, "How the nodes are reached; a node's own `ssh` overrides it key by key."),
    optional(
        "durability",
        Kind::Choice(&["async", "sync", "sync-strict", "quorum"]),
        "sync",
        "quorum",
        "What a commit waits for. `async`: the leader's disk alone, so a failover may lose the last commits. `sync`: a synchronous standby, as long as there is one. `sync-strict`: a synchronous standby always; without one, writes wait. `quorum`: any `patroni.synchronous_node_count` of the standbys (Patroni 4.0).",
    ),
    optional(
        "firewall",
        Kind::Choice(&["manage", "leave"]),
        "manage",
        "leave",
        "What becomes of a firewalld that runs on the hosts. `manage`: one file of quorate's lets in what the cluster needs, the other nodes to each other and clients to HAProxy. `leave`: nothing; you see to it.",
    ),
    section("timings", TIMINGS, "How fast failures are noticed."),
    section("etcd", ETCD, "The store that holds the leader's lease."),
    section("postgresql", POSTGRESQL, "The database. All of it reaches PostgreSQL through Patroni."),
    section("patroni", PATRONI, "The manager of PostgreSQL's roles."),
    section("haproxy", HAPROXY, "The router: one port leads to the leader, one to the replicas."),
    section("keepalived", KEEPALIVED, "The holder of the VIP."),
    section("artifacts", ARTIFACTS, "Where downloads come from, for networks without a way out."),
    section("secrets", SECRETS, "Where secrets are read from. No secret stands in this file."),
];

const NODE: &[Field] = &[
    required(
        "name",
        Kind::Text(Word::Node),
        "db01",
        "The node's name: its etcd member, Patroni member and HAProxy server.",
    ),
    required(
        "address",
        Kind::Text(Word::Address),
        "192.168.13.45",
        "The IPv4 address on which the nodes talk to each other.",
    ),
    section("ssh", NODE_SSH, "How this node is reached, where it differs from the common `ssh`."),
    optional(
        "interface",
        Kind::Text(Word::Interface),
        "(the VIP's, or the one that routes to the VIP)",
        "ens224",
        "The interface that carries the VIP on this node.",
    ),
    section("tags", TAGS, "Patroni's tags for this node."),
    optional(
        "parameters",
        Kind::Parameters,
        "{}",
        "{work_mem: 16MB}",
        "PostgreSQL parameters for this node alone; they win over `postgresql.parameters`.",
    ),
];

const VIP: &[Field] = &[
    required("address", Kind::Text(Word::Address), "192.168.13.48", "The address."),
    optional(
        "prefix",
        Kind::Integer(8, 32),
        "(that of the interface)",
        "24",
        "The prefix length of its subnet. If it is given, all nodes must lie in that subnet.",
    ),
    optional(
        "interface",
        Kind::Text(Word::Interface),
        "(the one that routes to the VIP)",
        "ens192",
        "The interface that carries the VIP on every node.",
    ),
];

const USER: Field = optional(
    "user",
    Kind::Text(Word::User),
    "(ssh's own choice)",
    "deploy",
    "The login name. Anyone but root needs sudo without a password.",
);
const SSH_PORT: Field = optional("port", PORT, "(ssh's own choice)", "2222", "The port of sshd.");
const KEY: Field =
    optional("key", Kind::Text(Word::SshPath), "(ssh's own choice)", "keys/deploy", "A private key file.");
const CONFIG: Field = optional(
    "config",
    Kind::Text(Word::SshPath),
    "(the user's own)",
    "ssh_config",
    "An ssh configuration file to read instead of the user's own.",
);
const HOST_KEY: Field = optional(
    "host_key",
    Kind::Text(Word::HostKey),
    "(known_hosts)",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefg",
    "The host's public key, `TYPE KEY`: it is pinned, and known_hosts is not asked.",
);

const SSH_DEFAULTS: &[Field] = &[USER, SSH_PORT, KEY, CONFIG, HOST_KEY];
const NODE_SSH: &[Field] = &[
    optional(
        "host",
        Kind::Text(Word::Host),
        "(the node's address)",
        "db01.example",
        "What ssh connects to: an address, a DNS name or an alias of your ssh configuration.",
    ),
    USER,
    SSH_PORT,
    KEY,
    CONFIG,
    HOST_KEY,
];

const TAGS: &[Field] = &[
    optional("nofailover", Kind::Bool, "no", "yes", "The node never becomes leader."),
    optional("noloadbalance", Kind::Bool, "no", "yes", "The node is not offered on the replicas' port."),
    optional("clonefrom", Kind::Bool, "no", "yes", "New replicas are preferably copied from this node."),
    optional("nosync", Kind::Bool, "no", "yes", "The node is never chosen as synchronous standby."),
];

const TIMINGS: &[Field] = &[
    optional(
        "ttl",
        Kind::Seconds(20, DAY),
        "30s",
        "60s",
        "The leader's lease in etcd. A dead leader is replaced when it has run out; at least loop_wait + 2 × retry_timeout.",
    ),
    optional("loop_wait", Kind::Seconds(1, DAY), "10s", "5s", "How often Patroni looks."),
    optional(
        "retry_timeout",
        Kind::Seconds(3, DAY),
        "10s",
        "8s",
        "How long Patroni retries etcd and PostgreSQL before the leader steps down.",
    ),
    optional(
        "primary_start_timeout",
        Kind::Seconds(0, DAY),
        "15s",
        "1min",
        "How long a crashed PostgreSQL may take to come back before another node takes over; 0 fails over at once.",
    ),
    optional("check_interval", Kind::Seconds(1, 3600), "2s", "3s", "HAProxy's interval between checks of a server."),
    optional("check_fall", Kind::Integer(1, 100), "3", "2", "Failed checks until HAProxy takes a server out."),
    optional("check_rise", Kind::Integer(1, 100), "2", "3", "Good checks until HAProxy takes a server in."),
    optional(
        "advert_interval",
        Kind::Seconds(1, 40),
        "1s",
        "2s",
        "Interval of keepalived's adverts; the VIP moves after about three.",
    ),
];

const POSTGRESQL: &[Field] = &[
    optional("version", Kind::Integer(13, 18), "(the operating system's own)", "16", "The major version."),
    optional(
        "packages",
        Kind::Choice(&["distribution", "pgdg"]),
        "distribution",
        "pgdg",
        "Where packages come from: the distribution's archive, or that of the PostgreSQL project (on RHEL and its rebuilds always the latter). Where no repository of a host offers them, quorate sets it up.",
    ),
    optional(
        "repository",
        Kind::Text(Word::Url),
        "(that of the PostgreSQL project)",
        "https://mirror.example/pub/repos/yum",
        "A mirror of the PostgreSQL project's archive: what stands for `https://download.postgresql.org/pub/repos/yum` or `https://apt.postgresql.org/pub/repos/apt`.",
    ),
    optional("port", PORT, "5432", "6432", "The port PostgreSQL listens on."),
    optional(
        "data_dir",
        Kind::Text(Word::DataDir),
        "(the operating system's place for it)",
        "/srv/pgsql/data",
        "The data folder.",
    ),
    optional(
        "parameters",
        Kind::Parameters,
        "(derived from the smallest node's memory)",
        "{work_mem: 16MB}",
        "PostgreSQL parameters for the whole cluster.",
    ),
    optional(
        "hba",
        Kind::List(&Kind::Text(Word::Hba)),
        "[]",
        "[host app app 10.0.0.0/8 scram-sha-256]",
        "Lines of pg_hba.conf that follow quorate's own: `host DATABASE USER ADDRESS METHOD`.",
    ),
    optional("roles", Kind::List(&Kind::Section(ROLE)), "[]", "[{name: app}]", "Roles to create, with login."),
    optional("databases", Kind::List(&Kind::Short("name", DATABASE)), "[]", "[{name: app}]", "Databases to create."),
];

const ROLE: &[Field] = &[
    required("name", Kind::Text(Word::Identifier), "app", "The role's name."),
    optional("createdb", Kind::Bool, "no", "yes", "It may create databases."),
    optional("createrole", Kind::Bool, "no", "yes", "It may create roles."),
    optional(
        "password",
        Kind::Section(SOURCE),
        "(`role_NAME` in the secrets file)",
        "{file: app.password}",
        "Where its password is read from.",
    ),
];

const DATABASE: &[Field] = &[
    required("name", Kind::Text(Word::Identifier), "app", "The database's name."),
    optional(
        "owner",
        Kind::Text(Word::Identifier),
        "postgres",
        "app",
        "The role that owns it: one of `postgresql.roles`.",
    ),
];

const SECRETS: &[Field] = &[
    optional(
        "file",
        Kind::Text(Word::Path),
        "(the inventory's name with `.secrets.yml`, beside it)",
        "secrets/prod.yml",
        "The secrets file; readable by you alone (0600).",
    ),
    optional(
        "superuser",
        Kind::Section(SOURCE),
        "(the secrets file)",
        "{file: superuser.password}",
        "PostgreSQL's superuser.",
    ),
    optional(
        "replication",
        Kind::Section(SOURCE),
        "(the secrets file)",
        "{file: replication.password}",
        "The replication role.",
    ),
    optional(
        "rewind",
        Kind::Section(SOURCE),
        "(the secrets file)",
        "{file: rewind.password}",
        "The role that pg_rewind connects as.",
    ),
    optional("restapi", Kind::Section(SOURCE), "(the secrets file)", "{file: restapi.password}", "Patroni's REST API."),
    optional(
        "haproxy_stats",
        Kind::Section(SOURCE),
        "(the secrets file)",
        "{file: stats.password}",
        "HAProxy's statistics page.",
    ),
    optional(
        "probe",
        Kind::Section(SOURCE),
        "(the secrets file)",
        "{file: probe.password}",
        "The role that `verify` writes and reads its probe row with.",
    ),
];

pub(super) const SOURCE: &[Field] = &[
    optional("file", Kind::Text(Word::Path), "", "app.password", "A file that holds nothing but the secret."),
    optional(
        "env_file",
        Kind::Text(Word::Variable),
        "",
        "APP_PASSWORD_FILE",
        "An environment variable that names such a file.",
    ),
    optional(
        "command",
        Kind::List(&Kind::Text(Word::Argument)),
        "",
        "[pass, show, pg/app]",
        "A command that prints the secret, as a list of words; run without a shell.",
    ),
];

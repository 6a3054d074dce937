//! One host's answers: what the probe is asked, and the typed form of what it says.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::cluster::{Cluster, NodeName, SecretName, Secrets};

/// The probe itself, run on the host by the interpreter of Patroni's virtual environment.
pub const PROBE: &str = include_str!("probe.py");

/// Seconds each single question may take.
const LIMIT_SECONDS: u32 = 3;

/// The services that a cluster consists of.
const UNITS: [&str; 4] = ["etcd.service", "patroni.service", "haproxy.service", "keepalived.service"];

/// The probe's input for a node: names and values, each ended by a NUL. `units` asks systemd too; `token` asks it to write and
/// read that text through the VIP. Its one argument is the folder of PostgreSQL's programs.
pub fn question(
    cluster: &Cluster,
    node: &NodeName,
    secrets: &Secrets,
    units: bool,
    token: Option<&str>,
) -> Option<Vec<u8>> {
    let node = cluster.node(node)?;
    let mut text = String::new();
    let mut ask = |name: &str, value: &str| text.extend([name, "\0", value, "\0"]);
    ask("limit_seconds", &LIMIT_SECONDS.to_string());
    ask("etcd", &format!("http://{}:{}", node.address, cluster.etcd.client_port));
    ask("patroni", &format!("http://{}:{}", node.address, cluster.patroni.port));
    ask("haproxy_socket", "/run/haproxy/admin.sock");
    ask("vip", &cluster.vip.address.to_string());
    if units {
        ask("units", &UNITS.join(" "));
    }
    if let Some((token, secret)) = token.zip(secrets.get(&SecretName::Probe)) {
        ask("database", "postgres");
        ask("user", "quorate_probe");
        ask("password", secret.expose());
        ask("primary_port", &cluster.haproxy.primary_port.to_string());
        ask("replica_port", &cluster.haproxy.replica_port.to_string());
        ask("token", token);
    }
    Some(text.into_bytes())
}

/// The states of a cluster's services, from whoever knows them.
pub fn units(state: impl Fn(&str) -> Unit) -> BTreeMap<String, Unit> {
    UNITS.into_iter().map(|unit| (unit.to_owned(), state(unit))).collect()
}

/// An answer, or why there is none.
#[derive(Debug, Clone, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Told<T> {
    /// The answer.
    Ok(T),
    /// The question failed; the text says how.
    Error(String),
}

impl<T> Told<T> {
    /// The answer, if there is one.
    pub const fn ok(&self) -> Option<&T> {
        match self {
            Self::Ok(value) => Some(value),
            Self::Error(_) => None,
        }
    }
}

/// All that one host says.
#[derive(Debug, Clone, Deserialize, PartialEq)]
pub struct Probe {
    /// `/health`: 200 only when a linearizable read succeeds.
    pub etcd_health: Told<Http>,
    /// `/v3/maintenance/status`.
    pub etcd_status: Told<Http>,
    /// `/v3/cluster/member/list`.
    pub etcd_members: Told<Http>,
    /// `/v3/maintenance/alarm`.
    pub etcd_alarms: Told<Http>,
    /// Patroni's own view of its node.
    pub patroni: Told<Http>,
    /// Patroni's view of the cluster.
    pub patroni_cluster: Told<Http>,
    /// Patroni's settings in the DCS.
    pub patroni_config: Told<Http>,
    /// HAProxy's `show stat`.
    pub haproxy: Told<Vec<Stat>>,
    /// Whether the host holds the VIP.
    pub vip: Told<bool>,
    /// The units' states; an error if they were not asked for.
    #[serde(default = "not_asked")]
    pub units: Told<BTreeMap<String, Unit>>,
    /// SQL through the VIP, from the host that was asked for it.
    #[serde(default)]
    pub sql: Option<Told<Sql>>,
}

impl Probe {
    /// Reads the probe's output.
    ///
    /// # Errors
    /// What is not as the probe writes it.
    pub fn parse(output: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(output)
    }
}

fn not_asked<T>() -> Told<T> {
    Told::Error("not asked".to_owned())
}

/// An HTTP answer.
#[derive(Debug, Clone, Deserialize, PartialEq)]
pub struct Http {
    /// The status code.
    pub status: u16,
    /// The decoded body; null when it was no JSON.
    #[serde(rename = "text", deserialize_with = "decoded")]
    pub body: Value,
}

/// The probe hands a body on as it is: to decode it here costs the host nothing.
fn decoded<'a, D: serde::Deserializer<'a>>(text: D) -> Result<Value, D::Error> {
    Ok(serde_json::from_str(&String::deserialize(text)?).unwrap_or(Value::Null))
}

impl Http {
    /// A field of the body as text; etcd writes 64-bit numbers as strings and leaves zero fields out.
    pub fn text(&self, field: &str) -> String {
        match self.body.pointer(field) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => "0".to_owned(),
            Some(other) => other.to_string(),
        }
    }
}

/// One row of HAProxy's `show stat`.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub struct Stat {
    /// The proxy.
    pub pxname: String,
    /// The server, or `FRONTEND`/`BACKEND`.
    pub svname: String,
    /// `UP`, `DOWN`, `UP 1/3` …
    pub status: String,
    /// `L7OK`, `L7STS` …; begins with `* ` while a check runs.
    pub check_status: String,
    /// The HTTP status of the last check.
    pub check_code: String,
    /// `address:port`.
    pub addr: String,
}

/// A unit's state.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub struct Unit {
    /// `ActiveState`.
    pub active: String,
    /// `UnitFileState`.
    pub enabled: String,
    /// `NRestarts`.
    pub restarts: u32,
}

/// What SQL through the VIP found.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub struct Sql {
    /// The server behind the primary port.
    pub primary: Server,
    /// Milliseconds from connecting to the commit.
    #[serde(default)]
    pub write_ms: Option<u64>,
    /// The server behind the replica port.
    #[serde(default)]
    pub replica: Option<Server>,
    /// Whether the row that was written was read there.
    #[serde(default)]
    pub seen: bool,
    /// Milliseconds from connecting there until the row was seen.
    #[serde(default)]
    pub read_ms: Option<u64>,
}

/// A PostgreSQL server, by its own word.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub struct Server {
    /// `pg_is_in_recovery()`.
    pub in_recovery: bool,
    /// `inet_server_addr()`.
    pub address: String,
    /// `server_version`.
    pub version: String,
}

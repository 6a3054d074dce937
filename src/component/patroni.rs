//! Patroni: its file on each node, its settings in the DCS, the section that creates the cluster, its unit, its program.

use serde::Serialize;

use super::desired::{Activation, Check, CheckStage, ComponentName, DesiredNode, File, Program, Service};
use super::inputs::{Inputs, NodeInputs, RenderError};
use super::parts::{self, directory};
use super::postgresql::{self, REPLICATION_ROLE, REWIND_ROLE, SUPERUSER};
use super::templates::Templates;
use crate::cluster::{Durability, InstallMethod, NodeName, SecretName, Version};
use crate::platform::{self, Daemon, Platform};

/// The user of the REST API's changing verbs.
pub const RESTAPI_USER: &str = "patroni";

/// Where Patroni's file lies.
pub const CONFIGURATION: &str = "/etc/patroni/patroni.yml";

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "Patroni's tags are switches")]
struct Configuration<'a> {
    cluster: &'a str,
    namespace: String,
    node: &'a NodeName,
    restapi_address: String,
    restapi_username: &'a str,
    restapi_password: &'a str,
    allowlist: Vec<String>,
    etcd_hosts: Vec<String>,
    postgresql_listen: String,
    postgresql_address: String,
    data_dir: String,
    bin_dir: String,
    pgpass: String,
    superuser: &'a str,
    superuser_password: &'a str,
    replication: &'a str,
    replication_password: &'a str,
    rewind: &'a str,
    rewind_password: &'a str,
    socket_dir: &'a str,
    parameters: Vec<Setting<'a>>,
    nofailover: bool,
    noloadbalance: bool,
    clonefrom: bool,
    nosync: bool,
}

#[derive(Serialize)]
struct Setting<'a> {
    name: &'a str,
    value: serde_json::Value,
}

#[derive(Serialize)]
struct Bootstrap {
    dcs: serde_json::Value,
}

#[derive(Serialize)]
struct Unit<'a> {
    cluster: &'a str,
    node: &'a NodeName,
    program: &'a str,
    malloc_arena: bool,
}

/// What a node shall hold for Patroni.
pub(super) fn desired(node: &NodeInputs, templates: &Templates) -> Result<DesiredNode, RenderError> {
    let cluster = node.inputs.cluster;
    let unit = Unit {
        cluster: cluster.name.as_str(),
        node: &node.node.name,
        program: node.program(Daemon::Patroni),
        malloc_arena: node.versions.patroni >= Version::new(4, 1, 1),
    };
    Ok(DesiredNode {
        packages: parts::packages(node, Daemon::Patroni, node.methods.patroni),
        directories: vec![directory("/etc/patroni", "root", "root", 0o755)],
        files: vec![
            configuration(node, templates, "")?,
            parts::unit(node, ComponentName::Patroni, templates.render("patroni/patroni.service", &unit)?),
        ],
        programs: program(node),
        services: vec![Service { component: ComponentName::Patroni, unit: "patroni.service".to_owned() }],
        ..DesiredNode::default()
    })
}

/// The file of the node that creates the cluster: [`CONFIGURATION`] with the section `bootstrap`. To be there only while the
/// cluster does not exist yet, and on that node only.
///
/// # Errors
/// [`RenderError`].
pub fn bootstrap_file(inputs: Inputs, templates: &Templates, node: &NodeName) -> Result<File, RenderError> {
    let section = templates.render("patroni/bootstrap.yml", &Bootstrap { dcs: dcs(inputs)? })?;
    configuration(&inputs.node(node)?, templates, &section)
}

fn configuration(node: &NodeInputs, templates: &Templates, section: &str) -> Result<File, RenderError> {
    let inputs = node.inputs;
    let cluster = inputs.cluster;
    let at = |port: u16| format!("{}:{port}", node.node.address);
    let tags = node.node.tags;
    let context = Configuration {
        cluster: cluster.name.as_str(),
        namespace: format!("/{}", cluster.patroni.namespace),
        node: &node.node.name,
        restapi_address: at(cluster.patroni.port),
        restapi_username: RESTAPI_USER,
        restapi_password: inputs.secret(&SecretName::RestApi)?,
        allowlist: std::iter::once("127.0.0.1".to_owned())
            .chain(cluster.nodes.iter().map(|node| node.address.to_string()))
            .collect(),
        etcd_hosts: cluster.nodes.iter().map(|node| format!("{}:{}", node.address, cluster.etcd.client_port)).collect(),
        postgresql_listen: format!("127.0.0.1,{}", at(cluster.postgresql.port())),
        postgresql_address: at(cluster.postgresql.port()),
        data_dir: node.postgresql_data_dir(),
        bin_dir: node.platform.postgresql_bin_dir(node.versions.postgresql),
        pgpass: passfile(node.platform),
        superuser: SUPERUSER,
        superuser_password: inputs.secret(&SecretName::Superuser)?,
        replication: REPLICATION_ROLE,
        replication_password: inputs.secret(&SecretName::Replication)?,
        rewind: REWIND_ROLE,
        rewind_password: inputs.secret(&SecretName::Rewind)?,
        // Both families' packages make this folder at boot.
        socket_dir: "/var/run/postgresql",
        parameters: node
            .node
            .parameters
            .iter()
            .map(|(name, value)| Setting { name: name.as_str(), value: value.clone().into() })
            .collect(),
        nofailover: tags.nofailover,
        noloadbalance: tags.noloadbalance,
        clonefrom: tags.clonefrom,
        nosync: tags.nosync,
    };
    let text = templates.render("patroni/patroni.yml", &context)? + section;
    Ok(File {
        owner: "postgres".to_owned(),
        group: "postgres".to_owned(),
        ..parts::file(ComponentName::Patroni, CONFIGURATION, text, check(node), Activation::Reload)
    })
}

/// The file into which Patroni writes the passwords that its replicas connect with.
pub fn passfile(platform: &dyn Platform) -> String {
    format!("{}/.pgpass_patroni", platform.postgres_home())
}

/// Patroni's own validator. It tries to listen on the ports it finds, which a running node holds already; only from 4.0 on
/// can it be told not to.
fn check(node: &NodeInputs) -> Option<Check> {
    let program = node.judge(Daemon::Patroni);
    let words = [program.as_str(), "--validate-config", "--ignore-listen-port", "{}"];
    node.versions.patroni.at_least(4, 0).then(|| Check {
        // initdb and the data folder are looked at, and those are the account's.
        user: Some("postgres".to_owned()),
        stage: CheckStage::StoreServing,
        ..parts::check(&words)
    })
}

/// The pinned virtual environment.
fn program(node: &NodeInputs) -> Vec<Program> {
    if node.methods.patroni == InstallMethod::Package {
        return Vec::new();
    }
    let version = node.versions.patroni;
    let link = |name: &str| (format!("/usr/local/bin/{name}"), format!("bin/{name}"));
    vec![Program {
        component: ComponentName::Patroni,
        method: InstallMethod::Source,
        version,
        interpreter: Some(node.platform.python().to_owned()),
        root: platform::patroni_root(version),
        links: vec![link("patroni"), link("patronictl")],
    }]
}

/// Patroni's settings in the DCS. Values have the types in which `GET /config` gives them back.
///
/// # Errors
/// [`RenderError::TooOld`] if the chosen Patroni does not know a setting.
pub fn dcs(inputs: Inputs) -> Result<serde_json::Value, RenderError> {
    let cluster = inputs.cluster;
    for node in inputs.nodes()? {
        let version = node.versions.patroni;
        if cluster.durability == Durability::Quorum && !version.at_least(4, 0) {
            return Err(RenderError::TooOld {
                node: node.node.name.clone(),
                what: "durability: quorum",
                needs: "Patroni 4.0",
                found: format!("Patroni {version}"),
                key: "patroni.version, or durability: sync",
            });
        }
    }
    let (mode, strict) = match cluster.durability {
        Durability::Async => (false.into(), false),
        Durability::Sync => (true.into(), false),
        Durability::SyncStrict => (true.into(), true),
        Durability::Quorum => ("quorum".into(), false),
    };
    let mode: serde_json::Value = mode;
    let parameters: serde_json::Map<_, _> =
        postgresql::parameters(inputs)?.into_iter().map(|one| (one.name, one.value)).collect();
    Ok(serde_json::json!({
        "ttl": cluster.timings.ttl,
        "loop_wait": cluster.timings.loop_wait,
        "retry_timeout": cluster.timings.retry_timeout,
        "primary_start_timeout": cluster.timings.primary_start_timeout,
        "maximum_lag_on_failover": cluster.patroni.maximum_lag_on_failover,
        // A replica on an older timeline than the leader's does not become leader.
        "check_timeline": true,
        "failsafe_mode": cluster.patroni.failsafe_mode,
        "synchronous_mode": mode,
        "synchronous_mode_strict": strict,
        "synchronous_node_count": cluster.patroni.synchronous_node_count,
        "postgresql": {
            "use_pg_rewind": true,
            "use_slots": true,
            "pg_hba": postgresql::hba(cluster),
            "parameters": parameters,
        },
    }))
}

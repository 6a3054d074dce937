//! Typed values to the model. What is missing takes the model's own defaults; nothing is judged here.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::access::{get, list, number, switch, text};
use super::hba;
use super::schema::{Data, Value};
use crate::cluster::{
    Arch, Artifacts, Cluster, ClusterName, Database, Durability, Etcd, Firewall, Haproxy, Identifier, InstallMethod,
    Interface, Keepalived, Namespace, Node, NodeName, PackageSource, ParameterValue, Patroni, Pin, Pinned,
    PinnedComponent, PinnedFile, Postgresql, Role, SecretName, SecretSource, Ssh, Tags, Timings, Version, Via, Vip,
};

/// Makes the cluster; `None` if there is no usable name or node (which was reported already).
pub(super) fn cluster(root: &Value, file: &Path) -> Option<Cluster> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let root = Some(root);
    let vip = vip(get(root, "vip"));
    let secrets = get(root, "secrets");
    let mut nodes: Vec<Node> =
        list(root, "nodes").iter().filter_map(|value| node(Some(value), get(root, "ssh"), folder)).collect();
    let order: Vec<&str> = list(get(root, "keepalived"), "order").iter().filter_map(as_text).collect();
    // A stable sort: nodes that the order does not name keep their places behind those that it does.
    nodes.sort_by_key(|node| order.iter().position(|name| *name == node.name.as_str()).unwrap_or(order.len()));
    let durability = match text(root, "durability") {
        Some("async") => Durability::Async,
        Some("sync-strict") => Durability::SyncStrict,
        Some("quorum") => Durability::Quorum,
        _ => Durability::default(),
    };
    Some(Cluster {
        name: ClusterName::new(text(root, "cluster").unwrap_or("unnamed")).ok()?,
        nodes,
        keepalived: keepalived(get(root, "keepalived"), vip.address),
        vip,
        durability,
        firewall: match text(root, "firewall") {
            Some("leave") => Firewall::Leave,
            _ => Firewall::default(),
        },
        timings: timings(get(root, "timings")),
        etcd: etcd(get(root, "etcd")),
        postgresql: postgresql(get(root, "postgresql"), folder),
        patroni: patroni(get(root, "patroni")),
        haproxy: haproxy(get(root, "haproxy")),
        artifacts: artifacts(get(root, "artifacts"), folder),
        secrets_file: text(secrets, "file")
            .map_or_else(|| file.with_extension("secrets.yml"), |path| folder.join(path)),
        secret_sources: SecretName::BUILT_IN
            .iter()
            .map(SecretName::key)
            .filter_map(|key| source(get(secrets, &key), folder).map(|source| (key, source)))
            .collect(),
    })
}

fn as_text(value: &Value) -> Option<&str> {
    match &value.data {
        Data::Text(text) => Some(text),
        _ => None,
    }
}

fn address(value: Option<&Value>) -> Option<Ipv4Addr> {
    text(value, "address")?.parse().ok()
}

fn interface(value: Option<&Value>) -> Option<Interface> {
    Interface::new(text(value, "interface")?).ok()
}

fn version(value: Option<&Value>) -> Option<Version> {
    Version::parse(text(value, "version")?).ok()
}

fn path(value: Option<&Value>, key: &str, folder: &Path) -> Option<PathBuf> {
    // `~/` is ssh's to replace; the table lets it through for ssh's files alone.
    text(value, key).map(|path| if path.starts_with("~/") { PathBuf::from(path) } else { folder.join(path) })
}

fn install(value: Option<&Value>) -> Option<InstallMethod> {
    match text(value, "install")? {
        "release" => Some(InstallMethod::Release),
        "package" => Some(InstallMethod::Package),
        _ => Some(InstallMethod::Source),
    }
}

fn vip(value: Option<&Value>) -> Vip {
    Vip {
        address: address(value).unwrap_or(Ipv4Addr::UNSPECIFIED),
        prefix: number(value, "prefix"),
        interface: interface(value),
    }
}

fn node(value: Option<&Value>, common: Option<&Value>, folder: &Path) -> Option<Node> {
    let address = address(value)?;
    let own = get(value, "ssh");
    let tags = get(value, "tags");
    let either = |key| text(own, key).or_else(|| text(common, key));
    Some(Node {
        name: NodeName::new(text(value, "name")?).ok()?,
        address,
        ssh: Ssh {
            host: text(own, "host").map_or_else(|| address.to_string(), str::to_owned),
            port: number(own, "port").or_else(|| number(common, "port")),
            user: either("user").map(str::to_owned),
            key: path(own, "key", folder).or_else(|| path(common, "key", folder)),
            config: path(own, "config", folder).or_else(|| path(common, "config", folder)),
            host_key: either("host_key").map(str::to_owned),
        },
        interface: interface(value),
        tags: Tags {
            nofailover: switch(tags, "nofailover").unwrap_or_default(),
            noloadbalance: switch(tags, "noloadbalance").unwrap_or_default(),
            clonefrom: switch(tags, "clonefrom").unwrap_or_default(),
            nosync: switch(tags, "nosync").unwrap_or_default(),
        },
        parameters: parameters(value),
    })
}

fn parameters(value: Option<&Value>) -> BTreeMap<Identifier, ParameterValue> {
    match get(value, "parameters").map(|value| &value.data) {
        Some(Data::Parameters(entries)) => entries
            .iter()
            .filter_map(|(name, _, value, _)| Some((Identifier::parameter(name).ok()?, value.clone())))
            .collect(),
        _ => BTreeMap::new(),
    }
}

fn timings(value: Option<&Value>) -> Timings {
    let default = Timings::default();
    Timings {
        ttl: number(value, "ttl").unwrap_or(default.ttl),
        loop_wait: number(value, "loop_wait").unwrap_or(default.loop_wait),
        retry_timeout: number(value, "retry_timeout").unwrap_or(default.retry_timeout),
        primary_start_timeout: number(value, "primary_start_timeout").unwrap_or(default.primary_start_timeout),
        check_interval: number(value, "check_interval").unwrap_or(default.check_interval),
        check_fall: number(value, "check_fall").unwrap_or(default.check_fall),
        check_rise: number(value, "check_rise").unwrap_or(default.check_rise),
        advert_interval: number(value, "advert_interval").unwrap_or(default.advert_interval),
    }
}

fn etcd(value: Option<&Value>) -> Etcd {
    let default = Etcd::default();
    Etcd {
        install: install(value),
        version: version(value).or(default.version),
        client_port: number(value, "client_port").unwrap_or(default.client_port),
        peer_port: number(value, "peer_port").unwrap_or(default.peer_port),
        data_dir: text(value, "data_dir").map_or(default.data_dir, PathBuf::from),
        heartbeat_ms: number(value, "heartbeat_ms").unwrap_or(default.heartbeat_ms),
        election_ms: number(value, "election_ms").unwrap_or(default.election_ms),
        quota_bytes: number(value, "quota").unwrap_or(default.quota_bytes),
    }
}

fn postgresql(value: Option<&Value>, folder: &Path) -> Postgresql {
    Postgresql {
        version: number(value, "version"),
        packages: match text(value, "packages") {
            Some("pgdg") => PackageSource::Pgdg,
            _ => PackageSource::default(),
        },
        repository: text(value, "repository").map(|base| base.trim_end_matches('/').to_owned()),
        port: number(value, "port"),
        data_dir: text(value, "data_dir").map(PathBuf::from),
        parameters: parameters(value),
        hba: list(value, "hba").iter().filter_map(as_text).filter_map(|line| hba::parse(line).ok()).collect(),
        roles: list(value, "roles").iter().filter_map(|value| role(Some(value), folder)).collect(),
        databases: list(value, "databases").iter().filter_map(|value| database(Some(value))).collect(),
    }
}

fn role(value: Option<&Value>, folder: &Path) -> Option<Role> {
    Some(Role {
        name: Identifier::new(text(value, "name")?).ok()?,
        createdb: switch(value, "createdb").unwrap_or_default(),
        createrole: switch(value, "createrole").unwrap_or_default(),
        password: source(get(value, "password"), folder).unwrap_or(SecretSource::SecretsFile),
    })
}

fn database(value: Option<&Value>) -> Option<Database> {
    Some(Database {
        name: Identifier::new(text(value, "name")?).ok()?,
        // The superuser owns what nobody else does.
        owner: text(value, "owner").filter(|owner| *owner != "postgres").and_then(|owner| Identifier::new(owner).ok()),
    })
}

fn source(value: Option<&Value>, folder: &Path) -> Option<SecretSource> {
    let command: Vec<String> = list(value, "command").iter().filter_map(as_text).map(str::to_owned).collect();
    if let Some(path) = path(value, "file", folder) {
        Some(SecretSource::File(path))
    } else if let Some(name) = text(value, "env_file") {
        Some(SecretSource::EnvFile(name.to_owned()))
    } else if command.is_empty() {
        None
    } else {
        Some(SecretSource::Command(command))
    }
}

fn patroni(value: Option<&Value>) -> Patroni {
    let default = Patroni::default();
    Patroni {
        install: install(value),
        version: version(value).or(default.version),
        port: number(value, "port").unwrap_or(default.port),
        namespace: text(value, "namespace").and_then(|name| Namespace::new(name).ok()).unwrap_or(default.namespace),
        maximum_lag_on_failover: number(value, "maximum_lag_on_failover").unwrap_or(default.maximum_lag_on_failover),
        failsafe_mode: switch(value, "failsafe_mode").unwrap_or(default.failsafe_mode),
        synchronous_node_count: number(value, "synchronous_node_count").unwrap_or(default.synchronous_node_count),
    }
}

fn haproxy(value: Option<&Value>) -> Haproxy {
    let default = Haproxy::default();
    Haproxy {
        install: install(value),
        version: version(value).or(default.version),
        primary_port: number(value, "primary_port").unwrap_or(default.primary_port),
        replica_port: number(value, "replica_port").unwrap_or(default.replica_port),
        stats_port: number(value, "stats_port").unwrap_or(default.stats_port),
        max_connections: number(value, "max_connections").or(default.max_connections),
        server_max_connections: number(value, "server_max_connections").or(default.server_max_connections),
        replica_max_lag: number(value, "replica_max_lag").unwrap_or(default.replica_max_lag),
        timeout_client: number(value, "timeout_client").unwrap_or(default.timeout_client),
        timeout_server: number(value, "timeout_server").unwrap_or(default.timeout_server),
        timeout_connect: number(value, "timeout_connect").unwrap_or(default.timeout_connect),
        timeout_queue: number(value, "timeout_queue").unwrap_or(default.timeout_queue),
    }
}

fn keepalived(value: Option<&Value>, vip: Ipv4Addr) -> Keepalived {
    // 51 is what samples use; it stands in only where the VIP's last byte is no router id.
    let by_default = match vip.octets()[3] {
        0 => 51,
        byte => byte,
    };
    Keepalived {
        install: install(value),
        version: version(value),
        router_id: number(value, "router_id").unwrap_or(by_default),
    }
}

fn artifacts(value: Option<&Value>, folder: &Path) -> Artifacts {
    Artifacts {
        via: if text(value, "via") == Some("host") { Via::Host } else { Via::default() },
        debian_archive: text(value, "debian_archive").map(str::to_owned),
        mirror: text(value, "mirror").map(str::to_owned),
        folder: path(value, "folder", folder),
        proxy: text(value, "proxy").map(|proxy| proxy.trim_end_matches('/').to_owned()),
        proxy_login: source(get(value, "proxy_login"), folder),
        ca: path(value, "ca", folder),
        pins: list(value, "pins").iter().filter_map(|value| pin(Some(value), folder)).collect(),
    }
}

/// A pin that the rules let through; those that they refuse are none.
fn pin(value: Option<&Value>, folder: &Path) -> Option<Pin> {
    let component = text(value, "component")?;
    let file = || {
        Some(PinnedFile {
            file: text(value, "file")?.to_owned(),
            sha256: text(value, "sha256")?.to_owned(),
            url: text(value, "url").map(str::to_owned),
        })
    };
    let arch = || match text(value, "arch")? {
        "arm64" => Some(Arch::Arm64),
        _ => Some(Arch::Amd64),
    };
    Some(Pin {
        component: PinnedComponent::ALL.into_iter().find(|known| known.as_str() == component)?,
        version: version(value)?,
        what: match text(value, "kind")? {
            "release" => Pinned::Release(arch()?, file()?),
            "requirements" => Pinned::Requirements(path(value, "file", folder)?),
            _ => Pinned::Source(file()?),
        },
    })
}

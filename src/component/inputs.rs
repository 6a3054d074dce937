//! What files are made from: the inventory, the hosts' facts and the secrets, joined per node with every default filled in.

use std::collections::BTreeMap;

use super::templates::TemplateError;
use crate::cluster::{
    Cluster, Facts, InstallMethod, Interface, Node, NodeName, PackageSource, SecretName, Secrets, Version,
};
use crate::platform::{self, Daemon, Platform, UnsupportedOs};

/// Everything that [`super::desired`] reads.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The inventory.
    pub cluster: &'a Cluster,
    /// The facts of every node; [`super::assumed_facts`] where no host is asked.
    pub facts: &'a BTreeMap<NodeName, Facts>,
    /// The values of the secrets.
    pub secrets: &'a Secrets,
}

/// Why the files of a cluster can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The facts of a node are missing.
    #[error("node {node}: its facts are not known; ask the host first")]
    FactsMissing {
        /// The node.
        node: NodeName,
    },
    /// A secret is missing.
    #[error("the secret {key} is not known; write it into the secrets file (`quorate init` makes a new one)")]
    SecretMissing {
        /// Its key in the secrets file.
        key: String,
    },
    /// An operating system that nothing here knows.
    #[error("node {node}: {source}")]
    Os {
        /// The node.
        node: NodeName,
        /// Which one, and which are known.
        source: UnsupportedOs,
    },
    /// A version that the operating system's archive does not have.
    #[error("node {node}: {what} is not offered for {os}: {offered}; set {key}")]
    NotOffered {
        /// The node.
        node: NodeName,
        /// Such as `PostgreSQL 13`.
        what: String,
        /// The operating system.
        os: String,
        /// What there is instead.
        offered: String,
        /// The inventory keys to change.
        key: &'static str,
    },
    /// A setting that the chosen version does not know.
    #[error("node {node}: {what} needs {needs}, but {found} is chosen; set {key}")]
    TooOld {
        /// The node.
        node: NodeName,
        /// Such as `durability: quorum`.
        what: &'static str,
        /// Such as `Patroni 4.0`.
        needs: &'static str,
        /// Such as `Patroni 3.3.8`.
        found: String,
        /// The inventory keys to change.
        key: &'static str,
    },
    /// A template.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// The versions chosen for one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// etcd.
    pub etcd: Version,
    /// PostgreSQL's major version.
    pub postgresql: u16,
    /// Patroni.
    pub patroni: Version,
    /// HAProxy.
    pub haproxy: Version,
    /// keepalived.
    pub keepalived: Version,
}

/// How each program gets onto one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Methods {
    /// etcd.
    pub etcd: InstallMethod,
    /// Patroni.
    pub patroni: InstallMethod,
    /// HAProxy.
    pub haproxy: InstallMethod,
    /// keepalived.
    pub keepalived: InstallMethod,
}

impl Methods {
    /// The inventory's word, or else the operating system's own way.
    fn of(cluster: &Cluster, platform: &dyn Platform) -> Self {
        let choose = |said: Option<InstallMethod>, daemon| said.unwrap_or_else(|| platform.default_method(daemon));
        Self {
            etcd: choose(cluster.etcd.install, Daemon::Etcd),
            patroni: choose(cluster.patroni.install, Daemon::Patroni),
            haproxy: choose(cluster.haproxy.install, Daemon::Haproxy),
            keepalived: choose(cluster.keepalived.install, Daemon::Keepalived),
        }
    }
}

/// One node, every default filled in.
#[derive(Debug, Clone)]
pub struct NodeInputs<'a> {
    /// The whole.
    pub inputs: Inputs<'a>,
    /// The inventory's node.
    pub node: &'a Node,
    /// Its place in the inventory, from 0.
    pub index: usize,
    /// Its host's facts.
    pub facts: &'a Facts,
    /// Its operating system.
    pub platform: &'static dyn Platform,
    /// How each program is installed.
    pub methods: Methods,
    /// The versions.
    pub versions: Versions,
    /// The interface that carries the VIP.
    pub interface: &'a Interface,
    /// The VIP's prefix length.
    pub prefix: u8,
}

impl<'a> Inputs<'a> {
    /// All nodes, in the order of the inventory.
    ///
    /// # Errors
    /// [`RenderError`]: missing facts, an unknown operating system, a version that can't be had or that lacks a setting.
    pub fn nodes(self) -> Result<Vec<NodeInputs<'a>>, RenderError> {
        self.cluster.nodes.iter().enumerate().map(|(index, node)| self.resolve(index, node)).collect()
    }

    /// One node.
    ///
    /// # Errors
    /// As [`Inputs::nodes`]; a node that is not in the inventory has no facts either.
    pub fn node(self, name: &NodeName) -> Result<NodeInputs<'a>, RenderError> {
        let mut nodes = self.cluster.nodes.iter().enumerate();
        let found = nodes.find(|(_, node)| node.name == *name);
        let (index, node) = found.ok_or_else(|| RenderError::FactsMissing { node: name.clone() })?;
        self.resolve(index, node)
    }

    /// The value of a secret.
    pub(super) fn secret(self, name: &SecretName) -> Result<&'a str, RenderError> {
        let secret = self.secrets.get(name).ok_or_else(|| RenderError::SecretMissing { key: name.key() })?;
        Ok(secret.expose())
    }

    fn resolve(self, index: usize, node: &'a Node) -> Result<NodeInputs<'a>, RenderError> {
        let facts = self.facts.get(&node.name).ok_or_else(|| RenderError::FactsMissing { node: node.name.clone() })?;
        let platform = platform::of(&facts.os).map_err(|source| RenderError::Os { node: node.name.clone(), source })?;
        let methods = Methods::of(self.cluster, platform);
        let versions = self.versions(node, facts, platform, methods)?;
        let interface = node.interface.as_ref().or(self.cluster.vip.interface.as_ref()).unwrap_or(&facts.interface);
        let prefix = self.cluster.vip.prefix.unwrap_or(facts.prefix);
        Ok(NodeInputs { inputs: self, node, index, facts, platform, methods, versions, interface, prefix })
    }

    fn versions(
        self,
        node: &Node,
        facts: &Facts,
        platform: &dyn Platform,
        methods: Methods,
    ) -> Result<Versions, RenderError> {
        let cluster = self.cluster;
        let choose = |daemon, method, asked: Option<Version>, what: &str, key| {
            let default = match method {
                InstallMethod::Source | InstallMethod::Release => Some(platform.proven_version(daemon)),
                InstallMethod::Package => platform.packaged_version(daemon),
            };
            asked.filter(|_| default.is_some()).or(default).ok_or_else(|| RenderError::NotOffered {
                node: node.name.clone(),
                what: format!("a package of {what} that works here"),
                os: facts.os.to_string(),
                offered: "its archive has none, or one that is too old".to_owned(),
                key,
            })
        };
        Ok(Versions {
            etcd: choose(Daemon::Etcd, methods.etcd, cluster.etcd.version, "etcd", "etcd.install: source")?,
            postgresql: self.postgresql_version(node, facts, platform)?,
            patroni: choose(
                Daemon::Patroni,
                methods.patroni,
                cluster.patroni.version,
                "Patroni",
                "patroni.install: source",
            )?,
            haproxy: choose(
                Daemon::Haproxy,
                methods.haproxy,
                cluster.haproxy.version,
                "HAProxy",
                "haproxy.install: source",
            )?,
            keepalived: choose(
                Daemon::Keepalived,
                methods.keepalived,
                cluster.keepalived.version,
                "keepalived",
                "keepalived.install: source",
            )?,
        })
    }

    /// PostgreSQL's major version. It must be the same everywhere, so the first node's system gives the default: the leader
    /// can be any of them, and a standby of another major version can't follow it.
    fn postgresql_version(self, node: &Node, facts: &Facts, platform: &dyn Platform) -> Result<u16, RenderError> {
        let source = self.cluster.postgresql.packages;
        let offered = platform.postgresql_versions(source);
        let first = self.cluster.nodes.first().and_then(|first| self.facts.get(&first.name));
        let default = match first.and_then(|first| platform::of(&first.os).ok()) {
            Some(first) => first.postgresql_versions(source).first(),
            None => offered.first(),
        };
        let version = self.cluster.postgresql.version.or(default.copied()).unwrap_or_default();
        if offered.contains(&version) {
            return Ok(version);
        }
        let list = offered.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        Err(RenderError::NotOffered {
            node: node.name.clone(),
            what: format!("PostgreSQL {version}"),
            os: facts.os.to_string(),
            offered: match source {
                PackageSource::Distribution => format!("the distribution has {list}"),
                PackageSource::Pgdg => format!("the PostgreSQL project's archive has {list}"),
            },
            key: "postgresql.version, or postgresql.packages: pgdg",
        })
    }
}

impl NodeInputs<'_> {
    /// The data folder of PostgreSQL.
    pub fn postgresql_data_dir(&self) -> String {
        match &self.inputs.cluster.postgresql.data_dir {
            Some(path) => path.to_string_lossy().into_owned(),
            None => self.platform.postgresql_data_dir(self.versions.postgresql, self.inputs.cluster.name.as_str()),
        }
    }

    /// The folder of PostgreSQL's programs.
    pub fn postgresql_bin_dir(&self) -> String {
        self.platform.postgresql_bin_dir(self.versions.postgresql)
    }

    /// The Python that Patroni runs under: it has a PostgreSQL driver, so the probe runs under it too.
    pub fn patroni_python(&self) -> String {
        match self.methods.patroni {
            InstallMethod::Source | InstallMethod::Release => {
                format!("{}/bin/python3", platform::patroni_root(self.versions.patroni))
            }
            InstallMethod::Package => self.platform.python().to_owned(),
        }
    }

    /// The program that judges a daemon's files before they go live: that of the version wanted, though the link may still
    /// lead to the one that runs.
    pub fn judge(&self, daemon: Daemon) -> String {
        let methods = self.methods;
        let (method, name, version, program) = match daemon {
            Daemon::Etcd => (methods.etcd, "etcd", self.versions.etcd, "bin/etcd"),
            Daemon::Patroni => (methods.patroni, "patroni", self.versions.patroni, "bin/patroni"),
            Daemon::Haproxy => (methods.haproxy, "haproxy", self.versions.haproxy, "sbin/haproxy"),
            Daemon::Keepalived => (methods.keepalived, "keepalived", self.versions.keepalived, "sbin/keepalived"),
        };
        match method {
            InstallMethod::Source | InstallMethod::Release => format!("/opt/quorate/{name}-{version}/{program}"),
            InstallMethod::Package => self.program(daemon).to_owned(),
        }
    }

    /// Where a daemon's program is found: our own link, or the place of the family's package.
    pub fn program(&self, daemon: Daemon) -> &'static str {
        let methods = self.methods;
        let (method, own) = match daemon {
            Daemon::Etcd => (methods.etcd, "/usr/local/bin/etcd"),
            Daemon::Patroni => (methods.patroni, "/usr/local/bin/patroni"),
            Daemon::Haproxy => (methods.haproxy, "/usr/local/sbin/haproxy"),
            Daemon::Keepalived => (methods.keepalived, "/usr/local/sbin/keepalived"),
        };
        match method {
            InstallMethod::Source | InstallMethod::Release => own,
            InstallMethod::Package => self.platform.packaged_program(daemon),
        }
    }
}

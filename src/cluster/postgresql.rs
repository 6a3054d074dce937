//! The settings of PostgreSQL, as the inventory gives them or by default: see [`super::Cluster`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Identifier, SecretSource};

/// PostgreSQL's settings; all of them reach it through Patroni.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Postgresql {
    /// The major version; by default the operating system's own.
    pub version: Option<u16>,
    /// Where the packages come from.
    pub packages: PackageSource,
    /// A mirror of the PostgreSQL project's archive: the address that stands for the family's part of it.
    pub repository: Option<String>,
    /// The port; 5432 by default.
    pub port: Option<u16>,
    /// The data folder; by default the family's place for it.
    pub data_dir: Option<PathBuf>,
    /// Parameters for the whole cluster; what is not set here is derived from the smallest node's memory.
    pub parameters: BTreeMap<Identifier, ParameterValue>,
    /// Lines of `pg_hba.conf` that follow quorate's own.
    pub hba: Vec<HbaRule>,
    /// Roles to create.
    pub roles: Vec<Role>,
    /// Databases to create.
    pub databases: Vec<Database>,
}

impl Postgresql {
    /// The port PostgreSQL listens on.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(5432)
    }
}

/// Where PostgreSQL's packages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageSource {
    /// The distribution's own archive.
    #[default]
    Distribution,
    /// The PostgreSQL project's archive; where no repository of a host offers the packages, quorate sets it up.
    Pgdg,
}

/// A PostgreSQL parameter's value, as written in the inventory.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(into = "serde_json::Value")]
pub enum ParameterValue {
    /// `on`, `off`, `true`, `false`, `yes`, `no`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text, units included: `512MB`.
    Text(String),
}

impl From<ParameterValue> for serde_json::Value {
    fn from(value: ParameterValue) -> Self {
        match value {
            // PostgreSQL and Patroni both speak `on`/`off`; a YAML boolean would reach it as `True`.
            ParameterValue::Bool(value) => Self::from(if value { "on" } else { "off" }),
            ParameterValue::Integer(value) => Self::from(value),
            ParameterValue::Float(value) => Self::from(value),
            ParameterValue::Text(value) => Self::from(value),
        }
    }
}

/// One line of `pg_hba.conf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HbaRule {
    /// `host`, `hostssl`, `hostnossl` or `local`.
    pub kind: String,
    /// The database, or `all`.
    pub database: String,
    /// The role, or `all`.
    pub user: String,
    /// The network (`192.168.13.0/24`); none for `local`.
    pub address: Option<String>,
    /// The method: `scram-sha-256`, `cert`, `peer`, `reject` …; never `trust`.
    pub method: String,
}

/// A role of PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: Identifier,
    /// May create databases.
    pub createdb: bool,
    /// May create roles.
    pub createrole: bool,
    /// Where its password is read from; its [`super::SecretName`] is `Role(name)`.
    pub password: SecretSource,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its name.
    pub name: Identifier,
    /// The role that owns it; the superuser by default.
    pub owner: Option<Identifier>,
}

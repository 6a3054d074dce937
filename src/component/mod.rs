//! One file per system: what it renders, installs, builds, asks a host, and how it judges health. Pure.
//!
//! [`desired`] joins what each system wants of each node; adding a system is one file here, its templates, and its line there.

mod changes;
mod conditions;
mod desired;
mod etcd;
mod facts;
pub mod firewalld;
mod format;
pub mod haproxy;
mod inputs;
pub mod keepalived;
mod keys;
mod parts;
pub mod patroni;
pub mod postgresql;
pub mod rules;
mod templates;

use std::collections::BTreeMap;

pub use changes::changes_table;
pub use desired::{
    Account, Activation, Check, CheckStage, ComponentName, Content, Desired, DesiredNode, Directory, File, Program,
    Repository, Service,
};
pub use facts::{AssumedFacts, assumed_facts};
pub use inputs::{Inputs, Methods, NodeInputs, RenderError, Versions};
pub use keys::changed;
pub use templates::{TemplateError, Templates};

use crate::platform::Daemon;

/// What every node shall hold, and the DCS settings: a pure function of the inventory, the hosts' facts and the secrets.
///
/// # Errors
/// [`RenderError`]: facts or secrets missing, an operating system or version that can't be served, a template that fails.
pub fn desired(inputs: &Inputs, templates: &Templates) -> Result<Desired, RenderError> {
    let mut nodes = BTreeMap::new();
    for node in inputs.nodes()? {
        let mut whole = DesiredNode { labelled: node.facts.selinux, ..DesiredNode::default() };
        for part in [
            firewalld::desired(&node, templates)?,
            etcd::desired(&node, templates)?,
            postgresql::desired(&node),
            patroni::desired(&node, templates)?,
            haproxy::desired(&node, templates)?,
            keepalived::desired(&node, templates)?,
        ] {
            parts::merge(&mut whole, part);
        }
        nodes.insert(node.node.name.clone(), whole);
    }
    Ok(Desired { nodes, dcs: patroni::dcs(*inputs)?, roles: postgresql::roles(*inputs)? })
}

/// The daemon that a program is; `None` for PostgreSQL, which comes from packages alone, and for the host's own firewalld.
pub fn daemon(component: ComponentName) -> Option<Daemon> {
    match component {
        ComponentName::Etcd => Some(Daemon::Etcd),
        ComponentName::Postgresql | ComponentName::Firewalld => None,
        ComponentName::Patroni => Some(Daemon::Patroni),
        ComponentName::Haproxy => Some(Daemon::Haproxy),
        ComponentName::Keepalived => Some(Daemon::Keepalived),
    }
}

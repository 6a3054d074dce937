//! Which hosts of a lab live: read from this machine's process table, without asking the hosts.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::process::Process;
use super::spec::{Lab, LabName, LabNode};
use super::supervise::Traces;
use super::{Error, machine};

/// Whether a host lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostState {
    /// Its systemd runs.
    Running,
    /// Its container is there, its systemd isn't: it is about to boot.
    Booting,
    /// It was shut down or killed; `up` boots it again.
    Down,
}

impl HostState {
    /// One word for people and machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Booting => "booting",
            Self::Down => "down",
        }
    }
}

/// What is known of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostStatus {
    /// Its name.
    pub node: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Whether it lives.
    pub state: HostState,
    /// The id, on this machine, of its systemd.
    pub pid: Option<i32>,
    /// How long that has been running.
    pub uptime: Option<Duration>,
}

/// All hosts of a lab, in order.
pub fn ps(name: &LabName) -> Result<Vec<HostStatus>, Error> {
    machine::need_root()?;
    let lab = Lab::load(name)?;
    Ok(lab.nodes.iter().map(|node| status(&lab, node)).collect())
}

/// One host.
pub(super) fn status(lab: &Lab, node: &LabNode) -> HostStatus {
    let traces = Traces::of(lab, node);
    let init = Process::recorded(&traces.container).and_then(Process::guest_init);
    let supervised = Process::recorded(&traces.supervisor).is_some();
    let state = match (init, supervised) {
        (Some(_), true) => HostState::Running,
        (None, true) => HostState::Booting,
        // A host without its supervisor would not come back from a reboot: it counts as down.
        (_, false) => HostState::Down,
    };
    HostStatus {
        node: node.name.clone(),
        address: node.address,
        state,
        pid: init.map(|process| process.pid),
        uptime: init.and_then(Process::age),
    }
}

//! May a cluster be installed on these hosts? Every host, every check, each with its remedy. Pure.

use std::collections::BTreeMap;

use super::memory::bytes;
use super::{DataFolders, ObservedNode, Plan, Survey};
use crate::cluster::{Cluster, Node, NodeName, ParameterValue};
use crate::component::{ComponentName, Desired, firewalld};
use crate::platform;
use crate::verify::{Finding, Standing};

/// Clocks may differ by this before it is said.
const CLOCK_WARNING: f64 = 0.5;
/// Clocks may differ by this before the install is refused: leases and VRRP timestamps break.
const CLOCK_LIMIT: f64 = 2.0;
/// Free bytes that packages, programs and an empty database need.
const NEEDED: [(&str, u64); 3] = [("/var/lib", 2 << 30), ("/opt", 512 << 20), ("/var/tmp", 1 << 30)];
/// etcd's own advice: the 99th percentile of a synchronous write below 10 ms.
const SYNC_WRITE_LIMIT: f64 = 10.0;

/// All that the checks look at.
pub struct Preflight<'a> {
    /// The inventory.
    pub cluster: &'a Cluster,
    /// What each host is, with the operator's clock when it was asked.
    pub surveys: &'a BTreeMap<NodeName, (Survey, f64)>,
    /// What each host has; empty when no host could be asked that far.
    pub nodes: &'a BTreeMap<NodeName, ObservedNode>,
    /// Each host's data folders.
    pub data: &'a BTreeMap<NodeName, DataFolders>,
    /// What each host shall hold, if it could be worked out.
    pub desired: Option<&'a Desired>,
    /// What is to be done, if it could be worked out.
    pub plan: Option<&'a Plan>,
    /// How the cluster stands, if it was asked.
    pub standing: Option<&'a Standing>,
}

impl Preflight<'_> {
    /// All findings, in the order of the nodes; level `down` means that the install is refused.
    pub fn judge(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for node in &self.cluster.nodes {
            let Some((survey, _)) = self.surveys.get(&node.name) else { continue };
            findings.push(self.system(node, survey));
            findings.push(self.interface(node, survey));
            findings.push(Self::address(node, survey));
            findings.push(Self::disk(node, survey));
            findings.push(Self::sync_write(node, survey));
            findings.push(self.ports(node, survey));
            findings.push(self.vip(node, survey));
            findings.push(self.vrrp(node, survey));
            findings.push(super::firewall::finding(self.cluster, node, survey));
            findings.push(self.memory(node, survey));
            findings.extend(self.data(node));
            findings.extend(self.changes(node));
            findings.extend(self.identity(node));
        }
        findings.extend(self.clocks());
        findings.extend(self.mixed());
        findings.extend(self.moment());
        findings
    }

    fn system(&self, node: &Node, survey: &Survey) -> Finding {
        let Some(os) = &survey.os else {
            return Finding::down(
                "os.supported",
                &node.name,
                format!("{} is no system that quorate knows", survey.os_name),
            )
            .remedy(format!("use {}", platform::KNOWN));
        };
        let platform = match platform::of(os) {
            Ok(platform) => platform,
            Err(error) => {
                return Finding::down("os.supported", &node.name, error.to_string())
                    .remedy(format!("use {}", platform::KNOWN));
            }
        };
        if !survey.systemd {
            return Finding::down("os.supported", &node.name, "systemd does not run this host")
                .remedy("quorate starts all services by systemd");
        }
        if crate::cluster::Arch::from_machine(&survey.machine).is_none() {
            return Finding::down(
                "os.supported",
                &node.name,
                format!("the architecture {} is not supported", survey.machine),
            )
            .remedy("use amd64 or arm64");
        }
        let wanted = &self.cluster.postgresql;
        let offered = platform.postgresql_versions(wanted.packages);
        match wanted.version {
            Some(version) if !offered.contains(&version) => {
                let offered: Vec<String> = offered.iter().map(ToString::to_string).collect();
                Finding::down(
                    "os.supported",
                    &node.name,
                    format!("{os} has no PostgreSQL {version}; it has {}", offered.join(", ")),
                )
                .remedy("set postgresql.version to one of those, or postgresql.packages: pgdg")
            }
            _ => Finding::ok("os.supported", &node.name, format!("{}, {}", survey.os_name, survey.machine)),
        }
    }

    fn interface(&self, node: &Node, survey: &Survey) -> Finding {
        let vip = &self.cluster.vip;
        let wanted = node.interface.as_ref().or(vip.interface.as_ref());
        match survey.facts(vip.address, wanted, vip.prefix) {
            Ok(facts) => Finding::ok(
                "net.interface",
                &node.name,
                format!("{} carries the VIP's subnet, prefix {}", facts.interface, facts.prefix),
            ),
            Err(_) if survey.os.is_none() => Finding::ok("net.interface", &node.name, "not looked at"),
            Err(reason) => {
                let fitting = survey.interface_for(vip.address).map(|(name, _)| name.to_owned());
                let remedy = fitting.map_or_else(
                    || "choose a VIP in the subnet of the nodes".to_owned(),
                    |name| format!("write interface: {name}, or leave it out: it is found by the VIP's subnet"),
                );
                Finding::down("net.interface", &node.name, reason).remedy(remedy)
            }
        }
    }

    fn address(node: &Node, survey: &Survey) -> Finding {
        if survey.addresses.iter().any(|(_, address, _)| *address == node.address) {
            return Finding::ok("net.address", &node.name, format!("has {}", node.address));
        }
        let has: Vec<String> = survey
            .addresses
            .iter()
            .filter(|(name, ..)| name != "lo")
            .map(|(_, address, _)| address.to_string())
            .collect();
        Finding::down("net.address", &node.name, format!("it does not have the address {}; it has {}", node.address, has.join(", ")))
            .remedy("is this the right host? nodes: address is the address the hosts talk to each other on, ssh: host the one you log in to")
    }

    fn disk(node: &Node, survey: &Survey) -> Finding {
        let short: Vec<String> = NEEDED
            .iter()
            .filter_map(|(folder, needed)| {
                let free = survey.free_bytes.get(*folder)?;
                (free < needed).then(|| format!("{folder} has {} MiB free, {} are needed", free >> 20, needed >> 20))
            })
            .collect();
        if short.is_empty() {
            Finding::ok("disk.space", &node.name, "enough room")
        } else {
            Finding::down("disk.space", &node.name, short.join("; ")).remedy("make room, or mount a larger disk there")
        }
    }

    fn sync_write(node: &Node, survey: &Survey) -> Finding {
        match survey.sync_write_ms {
            Some(ms) if ms > SYNC_WRITE_LIMIT => Finding::degraded(
                "disk.sync",
                &node.name,
                format!("a small synchronous write takes {ms:.1} ms on average, etcd wants less than 10"),
            )
            .remedy("slow disks make elections; give etcd a disk of its own (etcd.data_dir)"),
            Some(ms) => Finding::ok("disk.sync", &node.name, format!("a small synchronous write takes {ms:.1} ms")),
            None => Finding::ok("disk.sync", &node.name, "not measured: etcd is installed already"),
        }
    }

    fn ports(&self, node: &Node, survey: &Survey) -> Finding {
        let cluster = self.cluster;
        let wanted = [
            (cluster.etcd.client_port, ComponentName::Etcd, "etcd"),
            (cluster.etcd.peer_port, ComponentName::Etcd, "etcd"),
            (cluster.patroni.port, ComponentName::Patroni, "patroni"),
            (cluster.postgresql.port(), ComponentName::Patroni, "postgres"),
            (cluster.haproxy.primary_port, ComponentName::Haproxy, "haproxy"),
            (cluster.haproxy.replica_port, ComponentName::Haproxy, "haproxy"),
            (cluster.haproxy.stats_port, ComponentName::Haproxy, "haproxy"),
        ];
        let ours = |component: ComponentName| {
            let unit = format!("{component}.service");
            let owned = self.nodes.get(&node.name).filter(|seen| seen.owner.as_deref() == Some(cluster.name.as_str()));
            owned
                .and_then(|seen| seen.units.get(&unit))
                .is_some_and(|state| state.active == "active" || state.active == "activating")
        };
        let taken: Vec<String> = wanted
            .iter()
            .filter(|(_, component, _)| !ours(*component))
            .filter_map(|(port, _, for_what)| {
                let listener = survey.listeners.iter().find(|listener| listener.port == *port)?;
                let by = if listener.program.is_empty() {
                    "an unknown program".to_owned()
                } else {
                    listener.program.clone()
                };
                let pid = listener.pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
                Some(format!("port {port}, wanted for {for_what}, is taken by {by}{pid}"))
            })
            .collect();
        if taken.is_empty() {
            Finding::ok("net.ports", &node.name, "all ports are free, or ours")
        } else {
            Finding::down("net.ports", &node.name, taken.join("; "))
                .remedy("stop that program, or give the component another port in the inventory")
        }
    }

    fn vip(&self, node: &Node, survey: &Survey) -> Finding {
        let vip = self.cluster.vip.address;
        match &survey.vip_answer {
            None => Finding::ok("net.vip", &node.name, format!("nobody else answers for {vip}")),
            Some(hardware) => {
                Finding::down("net.vip", &node.name, format!("{vip} is taken: {hardware} answers for it"))
                    .remedy("choose another VIP, or take that address off the machine that has it")
            }
        }
    }

    fn vrrp(&self, node: &Node, survey: &Survey) -> Finding {
        let own = self.cluster.keepalived.router_id;
        match &survey.foreign_vrrp {
            Some(heard) if heard.contains(&own) => {
                let free = (1..=255).find(|id| !heard.contains(id)).unwrap_or(own);
                Finding::down(
                    "net.vrrp",
                    &node.name,
                    format!("another router announces itself with router id {own} on this network"),
                )
                .remedy(format!("write keepalived: {{ router_id: {free} }}"))
            }
            Some(heard) if heard.is_empty() => Finding::ok("net.vrrp", &node.name, "no other router announces itself"),
            Some(heard) => {
                let ids: Vec<String> = heard.iter().map(ToString::to_string).collect();
                Finding::ok(
                    "net.vrrp",
                    &node.name,
                    format!("other routers have the ids {}, ours is {own}", ids.join(", ")),
                )
            }
            None => Finding::ok("net.vrrp", &node.name, "not listened: no perl, or keepalived is installed already"),
        }
    }

    fn memory(&self, node: &Node, survey: &Survey) -> Finding {
        let name = "shared_buffers";
        let set = |parameters: &BTreeMap<crate::cluster::Identifier, ParameterValue>| {
            parameters.iter().find(|(key, _)| key.as_str() == name).and_then(|(_, value)| bytes(value))
        };
        let wanted = set(&node.parameters).or_else(|| set(&self.cluster.postgresql.parameters));
        match wanted {
            Some(wanted) if wanted > survey.memory_bytes / 10 * 6 => Finding::down(
                "memory.shared_buffers",
                &node.name,
                format!("shared_buffers is {} MiB of {} MiB of memory", wanted >> 20, survey.memory_bytes >> 20),
            )
            .remedy("take about a quarter of the memory, or leave it out: it is derived from the smallest node"),
            _ => {
                Finding::ok("memory.shared_buffers", &node.name, format!("{} MiB of memory", survey.memory_bytes >> 20))
            }
        }
    }

    /// Data that is there already and is not this cluster's.
    fn data(&self, node: &Node) -> Vec<Finding> {
        let (Some(seen), Some(folders)) = (self.nodes.get(&node.name), self.data.get(&node.name)) else {
            return Vec::new();
        };
        let cluster = self.cluster.name.as_str();
        let mut findings = Vec::new();
        if let Some(other) = seen.owner.as_deref().filter(|owner| *owner != cluster) {
            findings.push(
                Finding::down("data.owner", &node.name, format!("the host belongs to the cluster {other:?}"))
                    .remedy("use another host; a host can be in one cluster only"),
            );
        }
        let ours = seen.owner.as_deref() == Some(cluster);
        for (id, what, folder) in
            [("data.postgresql", "PostgreSQL", &folders.postgresql), ("data.etcd", "etcd", &folders.etcd)]
        {
            findings.push(if seen.data.contains(folder) && !ours {
                Finding::down(id, &node.name, format!("{folder} holds data that this cluster did not make"))
                    .remedy("quorate never deletes data: move it away by hand if it is worthless, or choose another folder in the inventory")
            } else {
                Finding::ok(id, &node.name, format!("no foreign data of {what}"))
            });
        }
        // A voter without its data, in a cluster that has data: started again as it is, it would be a stranger to the others.
        // A host that was installed anew has lost our mark too, so the mark is asked of the host that holds the data.
        let serves = self.nodes.iter().any(|(name, node)| {
            node.owner.as_deref() == Some(cluster)
                && self.data.get(name).is_some_and(|folders| node.data.contains(&folders.postgresql))
        });
        if serves && !seen.data.contains(&folders.etcd) {
            findings.push(
                Finding::down("data.lost", &node.name, format!("{} is empty, though the cluster exists: this voter lost its data", folders.etcd))
                    .remedy("on another node: `etcdctl member remove ID`, then `etcdctl member add` with its peer address; this version does not replace members"),
            );
        }
        let foreign: Vec<&str> = seen
            .units
            .iter()
            .filter(|(unit, _)| unit.as_str() != firewalld::UNIT)
            .filter(|(_, state)| !ours && matches!(state.active.as_str(), "active" | "activating"))
            .map(|(unit, _)| unit.as_str())
            .collect();
        findings.push(if foreign.is_empty() {
            Finding::ok("units.conflict", &node.name, "no service of that name runs")
        } else {
            let (units, run) =
                (foreign.join(", "), if foreign.len() == 1 { "runs already and is" } else { "run already and are" });
            Finding::down("units.conflict", &node.name, format!("{units} {run} not ours")).remedy(format!(
                "move what it serves elsewhere, then `systemctl disable --now {}` on that host",
                foreign.join(" ")
            ))
        });
        findings
    }

    fn clocks(&self) -> Vec<Finding> {
        // What each host's clock is ahead of ours; the median is as good a truth as there is.
        let mut offsets: Vec<(&NodeName, f64)> =
            self.surveys.iter().map(|(name, (survey, asked))| (name, survey.clock - asked)).collect();
        offsets.sort_by(|a, b| a.1.total_cmp(&b.1));
        let median = offsets.get(offsets.len() / 2).map_or(0.0, |(_, offset)| *offset);
        offsets.sort_by_key(|(name, _)| *name);
        offsets
            .into_iter()
            .map(|(name, offset)| {
                let apart = offset - median;
                let text = format!("{apart:+.1} s from the other hosts");
                let remedy = "let a time service run on all hosts: install chrony, or `timedatectl set-ntp true`";
                if apart.abs() > CLOCK_LIMIT {
                    Finding::down("clock.offset", name, text).remedy(remedy)
                } else if apart.abs() > CLOCK_WARNING {
                    Finding::degraded("clock.offset", name, text).remedy(remedy)
                } else {
                    Finding::ok("clock.offset", name, text)
                }
            })
            .collect()
    }

    /// One release of one operating system in a cluster, on one architecture: the C library sorts text, and an index that was
    /// sorted by another release's rules is corrupt on a replica, without a word.
    fn mixed(&self) -> Vec<Finding> {
        let mut systems: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for node in &self.cluster.nodes {
            let Some((survey, _)) = self.surveys.get(&node.name) else { continue };
            let Some(os) = &survey.os else { continue };
            systems.entry(format!("{os} on {}", survey.machine)).or_default().push(node.name.as_str());
        }
        if systems.len() <= 1 {
            return Vec::new();
        }
        let list: Vec<String> =
            systems.iter().map(|(system, nodes)| format!("{} {system}", nodes.join(", "))).collect();
        vec![
            Finding::down("os.mixed", "cluster", format!("the nodes run different systems: {}", list.join("; ")))
                .remedy("use one release and one architecture for all nodes: each release's C library sorts text by its own rules, so that indexes made on one node are corrupt on another"),
        ]
    }
}

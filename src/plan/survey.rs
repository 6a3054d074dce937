//! The first question to a host: what is it, and may a cluster be installed on it? Reads only.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::sections::{self, Section};
use crate::cluster::{Arch, Cluster, Facts, Firewall, Interface, Os, OsFamily, Version};

/// The script. The slower looks (who answers the VIP, foreign VRRP, the disk's speed) run only on
/// a host that has no keepalived of ours yet: on a running cluster they would answer about ourselves.
const SCRIPT: &str = include_str!("survey.sh");

/// What a host remembers of the second question: the family's query and the arguments, as shell text. On a host that nothing
/// was changed on since, the second question is the same as last time and can be answered with the first.
pub const REMEMBERED: &str = "/var/lib/quorate/question";

/// What a host remembers of the probe: the interpreter, and the folder of PostgreSQL's programs.
pub const PROBING: &str = "/var/lib/quorate/probing";

/// The script with its shell functions; it answers the remembered second question too, and hands the probe's answer on.
pub fn script() -> String {
    format!(
        "{}probe=$1\nshift\nlook() {{\n{SCRIPT}\nif [ -r {REMEMBERED} ]; then\n. {REMEMBERED}\n{}\nfi\n}}\n{}",
        sections::PRELUDE,
        include_str!("state.sh"),
        include_str!("both.sh"),
    )
}

/// The remembered question in an answer to the first.
pub fn remembered(answer: &[u8]) -> Option<String> {
    sections::parse(answer)?.remove("remembered").map(|section| section.text)
}

/// What the probe said, in an answer to the first question.
pub fn probed(answer: &[u8]) -> Option<String> {
    sections::parse(answer)?.remove("probe").map(|section| section.text).filter(|text| !text.is_empty())
}

/// The script's arguments: the probe, to be run with the standard input where the host remembers how; the VIP, and what becomes of a
/// firewall.
pub fn args(cluster: &Cluster, probe: Option<&str>) -> Vec<String> {
    let firewall = match cluster.firewall {
        Firewall::Manage => "manage",
        Firewall::Leave => "leave",
    };
    vec![probe.unwrap_or_default().to_owned(), cluster.vip.address.to_string(), firewall.to_owned()]
}

/// A TCP port somebody listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The port.
    pub port: u16,
    /// The program, if it could be told.
    pub program: String,
    /// Its process id, if it could be told.
    pub pid: Option<u32>,
}

/// The firewalls of a host that we know of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Firewalls {
    /// firewalld's version as it says it, if it runs; empty if it does not say.
    pub firewalld: Option<String>,
    /// Whether firewalld has rules that it would forget at a reload, if that was looked at.
    pub runtime_rules: bool,
    /// Whether ufw is switched on.
    pub ufw: bool,
}

/// What a host says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// The operating system, if it is one that says so.
    pub os: Option<Os>,
    /// How it calls itself.
    pub os_name: String,
    /// The architecture as `uname -m` has it.
    pub machine: String,
    /// Memory that programs may use, in bytes.
    pub memory_bytes: u64,
    /// Processors.
    pub cpus: u32,
    /// IPv4 addresses by interface, with prefix length.
    pub addresses: Vec<(String, Ipv4Addr, u8)>,
    /// The host's clock, in seconds since 1970.
    pub clock: f64,
    /// Who listens where.
    pub listeners: Vec<Listener>,
    /// Free bytes of the file system that holds a folder.
    pub free_bytes: BTreeMap<String, u64>,
    /// Milliseconds per small synchronous write, if it was measured.
    pub sync_write_ms: Option<f64>,
    /// The hardware address that answers for the VIP, if the look was made and somebody does.
    pub vip_answer: Option<String>,
    /// VRRP router ids heard, if the host could listen.
    pub foreign_vrrp: Option<Vec<u8>>,
    /// Whether systemd runs the host.
    pub systemd: bool,
    /// Its firewalls.
    pub firewall: Firewalls,
    /// Whether `SELinux` judges, or would.
    pub selinux: bool,
    /// The package archive that the host's own sources name, if it is one of Debian's kind.
    pub archive: Option<String>,
}

impl Survey {
    /// Reads an answer.
    pub fn parse(answer: &[u8]) -> Option<Self> {
        let sections = sections::parse(answer)?;
        let text = |name: &str| sections.get(name).map_or("", |section| section.text.as_str());
        let release = assignments(text("os"));
        Some(Self {
            os: os(&release),
            os_name: release.get("PRETTY_NAME").cloned().unwrap_or_else(|| "an unknown system".to_owned()),
            machine: text("machine").to_owned(),
            memory_bytes: memory(text("memory"), text("memory_limit")),
            cpus: cpus(text("process")).unwrap_or(1),
            addresses: text("addresses").lines().filter_map(address).collect(),
            clock: text("clock").parse().ok()?,
            listeners: text("listeners").lines().filter_map(listener).collect(),
            free_bytes: text("free").lines().filter_map(free).collect(),
            sync_write_ms: text("sync_write").parse::<f64>().ok(),
            vip_answer: text("vip_answer").lines().find_map(answering),
            foreign_vrrp: sections.get("vrrp").and_then(vrrp),
            systemd: text("systemd") == "yes",
            firewall: firewalls(text("firewall")),
            selinux: matches!(text("selinux"), "Enforcing" | "Permissive"),
            archive: text("apt").lines().find_map(archive),
        })
    }

    /// The interface whose subnet holds the VIP, with its prefix; the VIP's own entry does not count.
    pub fn interface_for(&self, vip: Ipv4Addr) -> Option<(&str, u8)> {
        let holds = |address: Ipv4Addr, prefix: u8| {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            u32::from(address) & mask == u32::from(vip) & mask
        };
        self.addresses
            .iter()
            .filter(|(name, address, prefix)| {
                name != "lo" && *address != vip && *prefix < 32 && holds(*address, *prefix)
            })
            .max_by_key(|(_, _, prefix)| *prefix)
            .map(|(name, _, prefix)| (name.as_str(), *prefix))
    }

    /// The facts that files depend on; `wanted` is the interface the inventory names, if it does.
    ///
    /// # Errors
    /// What is missing, fit for a finding.
    pub fn facts(&self, vip: Ipv4Addr, wanted: Option<&Interface>, prefix: Option<u8>) -> Result<Facts, String> {
        let os = self.os.clone().ok_or_else(|| format!("{} is not supported", self.os_name))?;
        let arch = Arch::from_machine(&self.machine)
            .ok_or_else(|| format!("the architecture {} is not supported", self.machine))?;
        let found = match wanted {
            Some(name) => {
                let own = self.addresses.iter().find(|(found, address, _)| found == name.as_str() && *address != vip);
                let (_, _, prefix) = own.ok_or_else(|| {
                    let names: Vec<&str> =
                        self.addresses.iter().map(|(name, ..)| name.as_str()).filter(|name| *name != "lo").collect();
                    format!("it has no interface {name} with an IPv4 address; it has {}", names.join(", "))
                })?;
                (name.as_str(), *prefix)
            }
            None => {
                self.interface_for(vip).ok_or_else(|| format!("no interface has a subnet that holds the VIP {vip}"))?
            }
        };
        let interface = Interface::new(found.0).map_err(|error| format!("interface {:?}: {error}", found.0))?;
        Ok(Facts {
            os,
            arch,
            memory_bytes: self.memory_bytes,
            cpus: self.cpus,
            interface,
            prefix: prefix.unwrap_or(found.1),
            firewalld: self.firewall.firewalld.as_deref().map(firewalld),
            selinux: self.selinux,
        })
    }
}

/// `KEY=value` lines, quotes removed.
fn assignments(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

fn os(release: &BTreeMap<String, String>) -> Option<Os> {
    let id = release.get("ID")?.clone();
    let like = release.get("ID_LIKE").map_or("", String::as_str);
    let is = |names: &[&str]| names.iter().any(|name| id == *name || like.split(' ').any(|word| word == *name));
    let family = if is(&["debian", "ubuntu"]) {
        OsFamily::Debian
    } else if is(&["rhel", "centos", "fedora"]) {
        OsFamily::Rhel
    } else {
        return None;
    };
    Some(Os { family, id, version: Version::parse(release.get("VERSION_ID")?).ok()? })
}

/// `firewalld 1.3.4`, `runtime`, `ufw`, each in a line of its own.
fn firewalls(text: &str) -> Firewalls {
    Firewalls {
        firewalld: text.lines().find_map(|line| line.strip_prefix("firewalld ")).map(str::to_owned),
        runtime_rules: text.lines().any(|line| line == "runtime"),
        ufw: text.lines().any(|line| line == "ufw"),
    }
}

/// firewalld's version: `1.3.4`, or the numbers before `2.0.0-rc1`'s dash; one that can't be read counts as too old.
pub(super) fn firewalld(said: &str) -> Version {
    let numbers = said.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or("");
    Version::parse(numbers).unwrap_or(Version::new(0, 0, 0))
}

/// `MemTotal`, or the control group's limit where that is lower.
fn memory(total: &str, limit: &str) -> u64 {
    let total = total.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let total = total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0);
    let total = total.saturating_mul(1024);
    limit.parse().map_or(total, |limit: u64| limit.min(total))
}

/// The processors that a process may run on, by its own status: `Cpus_allowed_list: 0-3,6`.
fn cpus(status: &str) -> Option<u32> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    list.trim().split(',').try_fold(0_u32, |sum, range| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let (from, to): (u32, u32) = (from.parse().ok()?, to.parse().ok()?);
        sum.checked_add(to.checked_sub(from)?.checked_add(1)?)
    })
}

/// The archive of a line of apt's sources, in either form: `URIs: http://…`, `deb [signed-by=…] http://… trixie main`.
fn archive(line: &str) -> Option<String> {
    let rest = match line.strip_prefix("URIs:") {
        Some(rest) => rest,
        None => line.strip_prefix("deb").filter(|rest| rest.starts_with([' ', '\t']))?,
    };
    let rest = rest.trim_start();
    let rest = if rest.starts_with('[') { rest.split_once(']')?.1 } else { rest };
    let url = rest.split_whitespace().next()?;
    (url.starts_with("http") && !url.contains("security")).then(|| url.to_owned())
}

/// `2: host0    inet 192.168.13.45/24 brd …`.
fn address(line: &str) -> Option<(String, Ipv4Addr, u8)> {
    let mut words = line.split_whitespace();
    let name = words.nth(1)?.split('@').next()?.to_owned();
    let (address, prefix) = words.nth(1)?.split_once('/')?;
    Some((name, address.parse().ok()?, prefix.parse().ok()?))
}

/// `LISTEN 0 4096 *:2379 *:* users:(("etcd",pid=811,fd=7))`.
fn listener(line: &str) -> Option<Listener> {
    let port = line.split_whitespace().nth(3)?.rsplit(':').next()?.parse().ok()?;
    let program = line.split("((\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("").to_owned();
    let pid = line.split("pid=").nth(1).and_then(|rest| rest.split(',').next()).and_then(|pid| pid.parse().ok());
    Some(Listener { port, program, pid })
}

/// `12345678 4096 /var/lib`: free blocks, and their size.
fn free(line: &str) -> Option<(String, u64)> {
    let mut words = line.splitn(3, ' ');
    let (blocks, size): (u64, u64) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some((words.next()?.to_owned(), blocks.saturating_mul(size)))
}

/// A line of `ip neigh` with a hardware address in it.
fn answering(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "lladdr");
    words.next()?;
    words.next().map(str::to_owned)
}

/// Router ids heard; `None` when the host could not listen.
fn vrrp(section: &Section) -> Option<Vec<u8>> {
    (section.code == 0 && section.text != "skipped")
        .then(|| section.text.lines().filter_map(|line| line.trim().parse().ok()).collect())
}

//! A lab's network: a namespace with a bridge, and one way out to the registries through this machine, masqueraded twice.
//!
//! This machine never learns a route to the hosts' addresses, so labs may share them and none leak.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use super::error::file;
use super::spec::{Lab, LabName, all_labs, labs_folder};
use super::{Error, files, program};

/// The bridge in the lab's namespace.
pub(super) const BRIDGE: &str = "br0";
/// The lab's end of the way out.
const UPLINK: &str = "uplink";
/// Private networks (of 65536 addresses) that the ways out are cut from.
const POOLS: [[u8; 2]; 3] = [[10, 213], [172, 29], [198, 19]];

/// The machine's end of the way out.
fn outer(name: &LabName) -> String {
    format!("ql{}", name.short())
}

/// The machine's nft table for the lab.
fn table(name: &LabName) -> String {
    format!("quorate_lab_{}", name.short())
}

/// Makes whatever is missing of the lab's network.
pub(super) fn ensure(lab: &Lab) -> Result<(), Error> {
    let space = lab.name.namespace();
    let in_space = |arguments: &[&str]| ip(&[&["-n", &space], arguments].concat());
    if !lab.name.namespace_file().exists() {
        ip(&["netns", "add", &space])?;
    }
    in_space(&["link", "set", "lo", "up"])?;
    if !program::succeeds("ip", &["-n", &space, "link", "show", BRIDGE]) {
        in_space(&["link", "add", BRIDGE, "type", "bridge", "stp_state", "0", "forward_delay", "0"])?;
    }
    in_space(&["addr", "replace", &format!("{}/24", lab.gateway), "dev", BRIDGE])?;
    in_space(&["link", "set", BRIDGE, "up"])?;

    let outer = outer(&lab.name);
    if !program::succeeds("ip", &["link", "show", &outer]) {
        ip(&["link", "add", &outer, "type", "veth", "peer", "name", UPLINK, "netns", &space])?;
    }
    let [machine_end, lab_end] = [1, 2].map(|offset| Ipv4Addr::from(u32::from(lab.uplink) + offset));
    ip(&["addr", "replace", &format!("{machine_end}/30"), "dev", &outer])?;
    ip(&["link", "set", &outer, "up"])?;
    in_space(&["addr", "replace", &format!("{lab_end}/30"), "dev", UPLINK])?;
    in_space(&["link", "set", UPLINK, "up"])?;
    in_space(&["route", "replace", "default", "via", &machine_end.to_string()])?;

    let net = format!("--net={}", lab.name.namespace_file().display());
    let inside = masquerade("quorate_lab", &format!("oifname \"{UPLINK}\""));
    program::feed("masquerading in the lab", "nsenter", &[&net, "nft", "-f", "-"], &inside)?;
    let outside = masquerade(&table(&lab.name), &format!("ip saddr {lab_end} oifname != \"{outer}\""));
    program::feed("masquerading on this machine", "nft", &["-f", "-"], &outside)?;
    let forward = ["-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"];
    program::run("forwarding in the lab", "nsenter", &[&[net.as_str(), "sh"], &forward[..]].concat())?;
    forward_here()
}

/// Removes the lab's network; whether any of it was there.
pub(super) fn remove(name: &LabName) -> Result<bool, Error> {
    let mut removed = false;
    if name.namespace_file().exists() {
        ip(&["netns", "del", &name.namespace()])?;
        removed = true;
    }
    let outer = outer(name);
    if program::succeeds("ip", &["link", "show", &outer]) {
        // The kernel takes it away with the namespace, a moment later; then there is nothing left to delete.
        let _ = program::run("removing the way out", "ip", &["link", "del", &outer]);
        removed = true;
    }
    let table = table(name);
    if program::succeeds("nft", &["list", "table", "ip", &table]) {
        program::run("removing the masquerade", "nft", &["delete", "table", "ip", &table])?;
        removed = true;
    }
    Ok(removed)
}

/// Puts forwarding back as the first lab found it, when no lab is left.
pub(super) fn restore_forwarding() -> Result<(), Error> {
    let note = forwarding_note();
    if all_labs().is_empty() && note.exists() {
        fs::write(FORWARD, "0").map_err(file("cannot write", FORWARD))?;
        fs::remove_file(&note).map_err(file("cannot remove", &note))?;
    }
    Ok(())
}

/// A free network for the way out: derived from the name, stepping on where this machine or another lab uses it.
pub(super) fn choose_uplink(name: &LabName) -> Result<Ipv4Addr, Error> {
    let mut taken = networks(&ip(&["-4", "-oneline", "address"])?);
    taken.extend(networks(&ip(&["-4", "route", "show", "table", "all"])?));
    taken.extend(all_labs().iter().filter(|lab| lab.name != *name).map(|lab| (lab.uplink, 30)));
    let start = u32::from_str_radix(&name.short(), 16).unwrap_or_default();
    free_uplink(start, &taken).ok_or(Error::NoUplink)
}

/// The first network of four addresses, from `start` on, that meets none of the taken ones.
fn free_uplink(start: u32, taken: &[(Ipv4Addr, u8)]) -> Option<Ipv4Addr> {
    let slots = 1 << 14;
    POOLS.iter().find_map(|[a, b]| {
        let pool = u32::from(Ipv4Addr::new(*a, *b, 0, 0));
        let mut candidates = (0..slots).map(|step| Ipv4Addr::from(pool + (start.wrapping_add(step) % slots) * 4));
        candidates.find(|candidate| !taken.iter().any(|network| overlap((*candidate, 30), *network)))
    })
}

/// Whether two networks share an address.
fn overlap(first: (Ipv4Addr, u8), second: (Ipv4Addr, u8)) -> bool {
    let prefix = u32::from(first.1.min(second.1).min(32));
    let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
    u32::from(first.0) & mask == u32::from(second.0) & mask
}

/// All addresses and networks in the output of `ip`; what has no prefix is one address. `default` is none.
fn networks(text: &str) -> Vec<(Ipv4Addr, u8)> {
    let parse = |word: &str| {
        let (address, prefix) = word.split_once('/').unwrap_or((word, "32"));
        Some((address.parse().ok()?, prefix.parse().ok()?))
    };
    text.split_whitespace().filter_map(parse).collect()
}

/// An nft script that makes (or remakes) a table with one masquerade.
fn masquerade(table: &str, matching: &str) -> String {
    format!(
        "table ip {table}\ndelete table ip {table}\ntable ip {table} {{\n  chain postrouting {{\n    \
         type nat hook postrouting priority srcnat; policy accept;\n    {matching} masquerade\n  }}\n}}\n"
    )
}

/// The switch for forwarding on this machine.
const FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";

/// Notes that forwarding was off before the first lab.
fn forwarding_note() -> std::path::PathBuf {
    labs_folder().join(".forwarding-was-off")
}

/// Turns forwarding on, noting that it was off.
fn forward_here() -> Result<(), Error> {
    if files::read(Path::new(FORWARD))?.is_some_and(|value| value.trim() == "0") {
        files::write(&forwarding_note(), 0o600, "")?;
        fs::write(FORWARD, "1").map_err(file("cannot write", FORWARD))?;
    }
    Ok(())
}

/// Runs `ip`.
fn ip(arguments: &[&str]) -> Result<String, Error> {
    program::run("setting up the lab's network", "ip", arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uplink_steps_over_what_is_taken() {
        let at = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        assert_eq!(free_uplink(3, &[]), Some(at("10.213.0.12")));
        assert_eq!(free_uplink(3, &[(at("10.213.0.13"), 32)]), Some(at("10.213.0.16")));
        assert_eq!(free_uplink((1 << 14) - 1, &[(at("10.213.255.252"), 30)]), Some(at("10.213.0.0")));
        assert_eq!(free_uplink(0, &[(at("10.0.0.0"), 8)]), Some(at("172.29.0.0")));
        assert_eq!(free_uplink(0, &[(at("0.0.0.0"), 0)]), None);
    }

    #[test]
    fn addresses_and_routes_are_found_in_the_output_of_ip() {
        let text =
            "default via 192.0.2.1 dev eth0\n10.213.0.0/30 dev q proto kernel src 10.213.0.1\n1: lo inet 127.0.0.1/8\n";
        let found = networks(text);
        let at = |a: u8, b: u8, c: u8, d: u8, prefix: u8| (Ipv4Addr::new(a, b, c, d), prefix);
        assert_eq!(found, [at(192, 0, 2, 1, 32), at(10, 213, 0, 0, 30), at(10, 213, 0, 1, 32), at(127, 0, 0, 1, 8)]);
    }
}

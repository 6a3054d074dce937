//! Addresses: of nodes and of the VIP.

use std::net::Ipv4Addr;

use super::{Context, mask};
use crate::inventory::access::{get, list, text};
use crate::inventory::diagnostic::{Code, Diagnostic};
use crate::inventory::tree::Span;

pub(super) fn check(context: &mut Context<'_>) {
    let place =
        |value, key| -> Option<(Ipv4Addr, Span)> { Some((text(value, key)?.parse().ok()?, get(value, key)?.span)) };
    let nodes: Vec<(Ipv4Addr, Span)> =
        list(Some(context.root), "nodes").iter().filter_map(|node| place(Some(node), "address")).collect();
    let vip = place(get(Some(context.root), "vip"), "address");
    let usable_prefix = context.cluster.vip.prefix.filter(|prefix| (8..31).contains(prefix));
    for (address, span) in nodes.iter().chain(&vip) {
        if let Some(kind) = unusable(*address, usable_prefix) {
            context.report(
                Diagnostic::new(Code::UNUSABLE_ADDRESS, *span, format!("{address} is {kind}"))
                    .why("no other node could reach a host by it")
                    .help("write the address that `ip address` shows for the network the nodes share"),
            );
        }
    }
    let Some((vip, vip_span)) = vip else { return };
    for (_, span) in nodes.iter().filter(|(address, _)| *address == vip) {
        context.report(
            Diagnostic::new(Code::VIP_IS_NODE, vip_span, format!("the VIP {vip} is a node's own address"))
                .label("the VIP")
                .also(*span, "the node")
                .why("the VIP moves from node to node; an address that a node keeps can't")
                .help("choose an address of the same subnet that no host has"),
        );
    }
    let Some(prefix) = usable_prefix else { return };
    let network = |address: Ipv4Addr| u32::from(address) & mask(prefix);
    let subnet = format!("{}/{prefix}", Ipv4Addr::from(network(vip)));
    for (address, span) in nodes.iter().filter(|(address, _)| network(*address) != network(vip)) {
        context.report(
            Diagnostic::new(Code::SUBNET, *span, format!("{address} lies outside the VIP's subnet {subnet}"))
                .also(vip_span, "the VIP")
                .why("the VIP moves by ARP, which reaches one subnet only")
                .help("correct the address, the VIP or `vip.prefix`"),
        );
    }
}

/// Why no host of a cluster can have this address.
fn unusable(address: Ipv4Addr, prefix: Option<u8>) -> Option<&'static str> {
    if address.is_loopback() {
        return Some("a loopback address");
    }
    if address.is_multicast() {
        return Some("a multicast address");
    }
    if address.octets()[0] == 0 || address.octets()[0] >= 240 {
        return Some("not the address of a host");
    }
    let host_bits = !mask(prefix?);
    match u32::from(address) & host_bits {
        0 => Some("the address of the network itself"),
        bits if bits == host_bits => Some("the broadcast address of its network"),
        _ => None,
    }
}

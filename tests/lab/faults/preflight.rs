//! Exit 5: the hosts answer, but the cluster may not be installed there. All reasons at once, each with its remedy.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::bench::{Bench, NODES};
use crate::harness::Run;

pub(super) fn all(bench: &Bench) {
    what_is_there_already(bench);
    what_belongs_to_others(bench);
    two_releases(bench);
    what_the_inventory_has_wrong(bench);
}

/// Demands exactly these failed findings (`id subject`), and these words, of an `apply` that is refused.
#[track_caller]
fn refused(bench: &Bench, inventory: &Path, expected: &[&str], said: &[&str]) {
    let reasons = format!("the preflight found {} reason", expected.len());
    let said: Vec<String> = [&[reasons.as_str(), "nothing was changed"], said].concat().into_iter().map(json).collect();
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    let run = bench.refuses(inventory, &["apply", "--json"], 5, &said);
    let mut records = run.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON lines"));
    let error = records.rfind(|record| record["type"] == "error").expect("a last word");
    assert_eq!(error["exit"], 5);
    let failed: BTreeSet<String> = error["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|record| record["level"] == "down")
        .map(|record| {
            let remedy = record["remedy"].as_str().unwrap_or_default();
            assert!(!remedy.is_empty(), "no remedy: {record}");
            format!("{} {}", record["id"].as_str().unwrap_or_default(), record["subject"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(failed, expected.iter().map(|text| (*text).to_owned()).collect(), "{}", run.out);
}

/// A text as it stands inside a JSON string.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string().trim_matches('"').to_owned()
}

fn what_is_there_already(bench: &Bench) {
    let variant = bench.variant("there");
    bench.root(
        "db01",
        r"systemd-run -q --unit=squatter perl -MSocket -e 'socket(my $s, PF_INET, SOCK_STREAM, 0); setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
             bind($s, sockaddr_in(5432, INADDR_ANY)) or die; listen($s, 1); sleep'
           for n in $(seq 100); do ss -Hltn | grep -q :5432 && break; sleep 0.05; done",
    );
    bench.root("db02", "mkdir -p /var/lib/postgresql/17/lab && echo 17 >/var/lib/postgresql/17/lab/PG_VERSION");
    bench.root("db03", "mkdir -p /var/lib/etcd/data/member/wal && echo x >/var/lib/etcd/data/member/wal/0.wal");
    // The VIP answers from the bridge: none of the hosts has it.
    let space = format!("ql-{}", bench.lab.name());
    let bridge =
        |verb: &str| Run::of(Command::new("ip").args(["-n", &space, "addr", verb, "192.168.13.48/24", "dev", "br0"]));
    bridge("add").exits(0);
    refused(
        bench,
        &variant.inventory(),
        &["net.ports db01", "data.postgresql db02", "data.etcd db03", "net.vip db01", "net.vip db02", "net.vip db03"],
        &[
            "port 5432, wanted for postgres, is taken by perl (pid ",
            "/var/lib/postgresql/17/lab holds data that this cluster did not make",
            "/var/lib/etcd/data holds data that this cluster did not make",
            "quorate never deletes data",
            "192.168.13.48 is taken: ",
            "choose another VIP",
        ],
    );
    // `check` finds the same, in words.
    let check =
        bench.refuses(&variant.inventory(), &["check"], 5, &["taken by perl", "FAIL  data.etcd", "do: quorate never"]);
    assert_eq!(check.out.matches("FAIL").count(), 6, "{}", check.out);
    bridge("del").exits(0);
    bench.root("db01", "systemctl stop squatter");
    bench.root("db02", "rm -r /var/lib/postgresql");
    bench.root("db03", "rm -r /var/lib/etcd");
    for node in NODES {
        bench.root(node, "ip neigh flush dev eth0");
    }
}

fn what_belongs_to_others(bench: &Bench) {
    let variant = bench.variant("others");
    bench.root("db01", "mkdir -m 700 /var/lib/quorate && echo billing >/var/lib/quorate/cluster");
    bench.root(
        "db02",
        r"printf '[Service]\nExecStart=/bin/sleep infinity\n' >/etc/systemd/system/haproxy.service && systemctl daemon-reload && systemctl start haproxy",
    );
    bench.root("db03", "mount -t tmpfs -o size=20m small /var/tmp");
    refused(
        bench,
        &variant.inventory(),
        &["data.owner db01", "units.conflict db02", "disk.space db03"],
        &[
            "the host belongs to the cluster \"billing\"",
            "haproxy.service runs already and is not ours",
            "systemctl disable --now haproxy.service",
            "/var/tmp has 20 MiB free, 1024 are needed",
        ],
    );
    bench.root("db01", "rm -r /var/lib/quorate");
    bench.root("db02", "systemctl stop haproxy; rm /etc/systemd/system/haproxy.service; systemctl daemon-reload");
    bench.root("db03", "umount /var/tmp");
}

/// One host says that it runs another release: nothing is built or shipped for either.
fn two_releases(bench: &Bench) {
    let variant = bench.variant("mixed");
    let other = "sed 's/trixie/bookworm/g; s/13/12/g' /usr/lib/os-release >/run/os-release && mount --bind /run/os-release /usr/lib/os-release";
    bench.root("db03", other);
    refused(
        bench,
        &variant.inventory(),
        &["os.mixed cluster"],
        &[
            "the nodes run different systems: ",
            "db03 debian-12 on ",
            "db01, db02 debian-13 on ",
            "use one release and one architecture for all nodes",
        ],
    );
    bench.root("db03", "umount /usr/lib/os-release && rm /run/os-release");
}

fn what_the_inventory_has_wrong(bench: &Bench) {
    let interface = bench.variant("interface");
    let node = "    address: 192.168.13.46\n";
    interface.edit("inventory.yml", node, &format!("{node}    interface: ens192\n"));
    refused(
        bench,
        &interface.inventory(),
        &["net.interface db02"],
        &["it has no interface ens192 with an IPv4 address; it has eth0", "write interface: eth0"],
    );

    let subnet = bench.variant("subnet");
    subnet.edit("inventory.yml", "vip: 192.168.13.48", "vip: 192.168.99.48");
    refused(
        bench,
        &subnet.inventory(),
        &["net.interface db01", "net.interface db02", "net.interface db03"],
        &["no interface has a subnet that holds the VIP 192.168.99.48", "choose a VIP in the subnet of the nodes"],
    );

    // The inventory takes db02 for another host: it says so before anything is installed on the wrong one.
    let address = bench.variant("address");
    address.edit("inventory.yml", node, "    address: 192.168.13.99\n    ssh:\n      host: 192.168.13.46\n");
    refused(
        bench,
        &address.inventory(),
        &["net.address db02"],
        &["it does not have the address 192.168.13.99; it has 192.168.13.46", "is this the right host?"],
    );
}

//! A bundle made while the registries are within reach installs a cluster with all of them cut off; a broken or unfit one does nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use quorate::artifact::Bundle;
use quorate::artifact::bundle::{BundleWriter, Manifest};

use crate::harness::{Lab, Run, fed, until};

/// Nothing but the hosts is to be reached any more, from any of them or from this side: `tried` counts what was to go elsewhere (`seen` says where to),
/// `left` what did. A lab with package archives of its own has them at its gateway, where web servers listen. `noise` is what no program sent:
/// the kernel's own words to its neighbours.
const CUT: &str = r#"
table inet cut {
    counter tried {}
    counter noise {}
    counter left {}
    set seen {
        type ipv4_addr . inet_proto . inet_service
        flags dynamic
        size 100
    }
    chain away {
        meta nfproto ipv4 meta l4proto { tcp, udp } add @seen { ip daddr . meta l4proto . th dport }
        meta l4proto { tcp, udp } counter name tried drop
        counter name noise drop
    }
    chain forward {
        type filter hook forward priority -10; policy accept;
        oifname "uplink" jump away
    }
    chain output {
        type filter hook output priority -10; policy accept;
        oifname "uplink" jump away
        oifname "lo" tcp dport { 80, 443 } jump away
    }
    chain input {
        type filter hook input priority -10; policy accept;
        tcp dport { 53, 80, 443 } jump away
        udp dport { 53, 443 } jump away
    }
    chain postrouting {
        type filter hook postrouting priority 300; policy accept;
        oifname "uplink" counter name left
    }
}
"#;

/// A command inside the lab's own network, where nothing else is.
fn inside(lab: &Lab, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &format!("ql-{}", lab.name()), program]);
    command
}

/// What a counter of the cut has counted.
fn counted(lab: &Lab, counter: &str) -> u64 {
    let told = Run::of(inside(lab, "nft").args(["-j", "list", "counter", "inet", "cut", counter])).exits(0).out;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    told["nftables"][1]["counter"]["packets"].as_u64().unwrap()
}

/// What the hosts' own package managers are told, but for what PostgreSQL's packages say about their own removal.
fn settings(lab: &Lab) -> String {
    let script = "cd / && find etc/apt etc/yum.repos.d etc/dnf var/lib/apt/lists -type f ! -name lock ! -name 02autoremove-postgresql \
                  2>/dev/null | sort | xargs -r sha256sum";
    lab.nodes().iter().map(|node| lab.root(node, script).exits(0).out).collect()
}

/// What an installation would have changed.
fn state(lab: &Lab) -> String {
    let script = "ls -d /var/lib/quorate /opt/quorate /etc/patroni 2>/dev/null; \
                  dpkg-query -W 2>/dev/null || rpm -qa | sort; find /var/tmp -name 'quorate*'";
    lab.nodes().iter().map(|node| lab.root(node, script).exits(0).out).collect()
}

/// `apply --bundle` inside the lab's network, with an empty cache.
fn apply(lab: &Lab, bundle: &Path, cache: &Path) -> Run {
    let mut command = inside(lab, env!("CARGO_BIN_EXE_quorate"));
    command.arg("apply").arg("-i").arg(lab.inventory()).arg("--bundle").arg(bundle);
    Run::of(command.env("XDG_CACHE_HOME", cache))
}

/// The same bundle for another system: its sums are right.
fn for_another_system(bundle: &Bundle, place: &Path) {
    let manifest = Manifest { os: "debian-12".to_owned(), ..bundle.manifest.clone() };
    BundleWriter::begin(place, &manifest, BTreeMap::new(), None).unwrap().finish().unwrap();
}

/// A create that is stopped while it writes leaves nothing, here or there.
fn interrupted(lab: &Lab, folder: &Path) {
    let place = folder.join("never.bundle");
    let files = || fs::read_dir(folder).unwrap().count();
    let before = files();
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    // As a host outside of the inventory would be named; how the nodes are reached says the lab's own ssh configuration.
    command.args(["bundle", "create", "--on", "ops@192.168.13.46", "-i"]).arg(lab.inventory()).arg("-o").arg(&place);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    assert!(lines.any(|line| line.unwrap() == "write"), "it never wrote");
    until("a half bundle", Duration::from_secs(10), || (files() > before).then_some(()));
    Run::of(Command::new("kill").args(["-INT", &child.id().to_string()])).exits(0);
    drop(lines.map_while(Result::ok).last());
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(files(), before, "a half bundle was left");
    let left = |node: &String| !lab.root(node, "find /var/tmp -name 'quorate*'").exits(0).out.is_empty();
    until("empty folders", Duration::from_secs(30), || (!lab.nodes().iter().any(left)).then_some(()));
}

/// Installs on a fresh lab with everything cut off, after unfit bundles did nothing.
fn prove(name: &str, options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| -> PathBuf { folder.path().join(name) };
    let bundle = place("pg.bundle");
    let text = |path: &Path| path.to_str().unwrap().to_owned();

    let lab = Lab::fresh(name, options);
    let made = lab.verb(&["bundle", "create", "-o", &text(&bundle)]).exits(0);
    eprintln!("{name}: create {:.1} s\n{}{}", made.took.as_secs_f32(), made.err, made.out);
    for node in lab.nodes() {
        assert_eq!(lab.root(&node, "find /var/tmp -name 'quorate*'").exits(0).out, "", "{node}: something was left");
    }
    interrupted(&lab, folder.path());
    let shown = lab.quorate(&["bundle", "verify", &text(&bundle)]).exits(0);
    eprintln!("{name}: verify {:.1} s\n{}", shown.took.as_secs_f32(), shown.out);
    lab.down();

    let lab = Lab::fresh(name, options);
    // The hosts' own clock asks for time servers whenever it can; what is counted here is what an installation asks for.
    for node in lab.nodes() {
        lab.root(&node, "systemctl stop chronyd 2>/dev/null; true").exits(0);
    }
    fed(inside(&lab, "nft").args(["-f", "-"]), CUT).exits(0);
    let (cache, before, told) = (place("cache"), state(&lab), settings(&lab));

    let bytes = fs::read(&bundle).unwrap();
    let mut altered = bytes.clone();
    altered[bytes.len() / 2] ^= 1;
    fs::write(place("altered"), altered).unwrap();
    fs::write(place("truncated"), &bytes[..bytes.len() / 2]).unwrap();
    for_another_system(&Bundle::open(&bundle).unwrap(), &place("foreign"));
    for (name, word) in [("altered", "its sum was made of"), ("truncated", "ends"), ("foreign", "debian-12")] {
        let refused = apply(&lab, &place(name), &cache).exits(7);
        assert!(refused.err.contains(word), "{name}:\n{}", refused.err);
    }
    assert_eq!(state(&lab), before, "an unfit bundle changed something");

    let applied = apply(&lab, &bundle, &cache).exits(0);
    eprintln!("{name}: apply {:.1} s\n{}", applied.took.as_secs_f32(), applied.err);
    assert!(applied.out.contains("0 warn, 0 fail"), "{}", applied.out);
    let again = apply(&lab, &bundle, &cache).exits(0);
    assert!(again.err.contains("nothing to do"), "{}", again.err);
    lab.verb(&["verify"]).exits(0);

    let [tried, noise, left] = ["tried", "noise", "left"].map(|counter| counted(&lab, counter));
    eprintln!("{name}: {tried} packets of programs tried to leave, {noise} of the kernel's, {left} did");
    let seen = Run::of(inside(&lab, "nft").args(["list", "set", "inet", "cut", "seen"])).out;
    assert_eq!((tried, left), (0, 0), "something wanted to leave the lab:\n{seen}");
    assert!(!cache.exists(), "the cache was used");
    assert_eq!(settings(&lab), told, "the hosts' own sources or lists changed");
    for node in lab.nodes() {
        assert_ne!(lab.root(&node, "ls -d /var/lib/quorate/bundle").code, 0, "{node}: packages were left");
    }
    lab.down();
}

#[test]
fn debian_is_installed_with_everything_cut_off() {
    prove("bundle", &[]);
}

#[test]
fn rhel_is_installed_with_everything_cut_off() {
    prove("bundle9", &["--like", "rhel9"]);
}

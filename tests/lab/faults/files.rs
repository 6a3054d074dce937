//! Exit 8: a template of the operator's makes a file that its own daemon refuses. Programs are installed by then; no file of
//! that host or any other goes live, no service starts, and nothing staged stays behind.

use std::fs;
use std::path::{Path, PathBuf};

use super::bench::{Bench, NODES};

/// The built-in templates that are broken here: name, what is put in place of what, and what the check says.
const BROKEN: [(&str, &str, &str, &[&str]); 3] = [
    ("haproxy/haproxy.cfg", "mode tcp\n", "mode tpc\n", &["/etc/haproxy/haproxy.cfg", "unknown proxy mode 'tpc'"]),
    (
        "keepalived/keepalived.conf",
        "state BACKUP\n",
        "state BACKUP\n    virtual_ruoter_id 7\n",
        &["/etc/keepalived/keepalived.conf", "virtual_ruoter_id"],
    ),
    (
        "haproxy/haproxy.service",
        "[Service]\n",
        "[Service]\nExecStart=haproxy-of-nowhere -Ws\n",
        &["/etc/systemd/system/haproxy.service"],
    ),
];

/// What must not be there: a live or a staged file of ours, a service that runs, an address that is not the host's own.
const LIVE: &str = r"
ls /etc/etcd/* /etc/patroni/* /etc/haproxy/* /etc/keepalived/* /usr/libexec/keepalived/* /etc/systemd/system/{etcd,patroni,haproxy,keepalived}.service \
    /etc/default/patroni 2>/dev/null
find / -xdev -name '.quorate-new-*' 2>/dev/null
find /tmp /var/tmp -mindepth 1 -maxdepth 1 -name 'tmp.*'
for unit in etcd patroni haproxy keepalived; do systemctl is-active --quiet $unit && echo $unit runs; systemctl is-enabled --quiet $unit 2>/dev/null && echo $unit enabled; done
ls -A /var/lib/etcd/data /var/lib/postgresql/17/lab 2>/dev/null | grep -v '^/\|^$'
ip -o -4 addr show dev eth0 | grep -c inet | grep -v '^1$'
true";

pub(super) fn all(bench: &Bench) {
    let variant = bench.variant("files");
    for (name, from, to, said) in BROKEN {
        let templates = broken(&variant.path("templates"), name, from, to);
        let flag = templates.to_str().expect("a path of ours");
        let run = bench.run(&variant.inventory(), &["apply", "--templates", flag], &[]).exits(8);
        bench.says(&run, said);
        bench.says(&run, &["db0", "refused by its own", "nothing was activated", "quorate apply"]);
        for node in NODES {
            assert_eq!(bench.root(node, LIVE), "", "{name}: {node} has something live or staged");
        }
    }
}

/// A folder with one built-in template, broken.
fn broken(folder: &Path, name: &str, from: &str, to: &str) -> PathBuf {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join(name)).expect("a template");
    assert!(text.contains(from), "{name} has no {from:?}");
    let folder = folder.join(name.replace('/', "-"));
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, text.replacen(from, to, 1)).expect("a file of ours");
    folder
}

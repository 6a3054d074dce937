//! Hosts like RHEL, firewalld running: installed, verified, re-deployed and taken away, through the same code as on Debian.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::harness::{Lab, Run, until};

/// What one of these systems has: the word for `lab up`, PostgreSQL's release, and the Python that Patroni runs under.
struct Like {
    word: &'static str,
    postgresql: &'static str,
    python: &'static str,
}

#[test]
fn rhel9() {
    whole_life(&Like { word: "rhel9", postgresql: "15", python: "/usr/bin/python3" });
}

#[test]
fn long_rhel8() {
    whole_life(&Like { word: "rhel8", postgresql: "13", python: "/usr/bin/python3.11" });
}

/// What a shell command as root on a host prints.
fn told(lab: &Lab, node: &str, script: &str) -> String {
    lab.root(node, script).exits(0).out.trim().to_owned()
}

/// Whether a stranger in the hosts' network gets through to a port.
fn open(lab: &Lab, port: u16) -> bool {
    let namespace = format!("ql-{}", lab.name());
    let connect = format!("exec 3<>/dev/tcp/192.168.13.48/{port}");
    let words = ["netns", "exec", &namespace, "timeout", "3", "bash", "-c", &connect];
    Run::of(Command::new("ip").args(words)).code == 0
}

fn whole_life(like: &Like) {
    let lab = Lab::fresh(&format!("l{}", like.word), &["--like", like.word]);
    let nodes = lab.nodes();
    for node in &nodes {
        until("firewalld runs", Duration::from_secs(20), || {
            (lab.root(node, "systemctl is-active firewalld").out.trim() == "active").then_some(())
        });
    }
    // From here on this node's SELinux says that it enforces; what its policy is asked for is noted.
    told(&lab, "db02", "echo Enforcing >/opt/lab/selinux");

    installed(&lab, like);
    let again = lab.verb(&["apply"]).exits(0);
    assert!(again.err.contains("nothing to do"), "{}", again.err);
    as_the_article_has_it(&lab, like);
    guarded(&lab);
    changed(&lab);
    taken_away(&lab, &nodes);
    lab.down();
}

fn installed(lab: &Lab, like: &Like) {
    let applied = lab.verb(&["apply"]).exits(0);
    assert!(applied.out.contains("0 warn, 0 fail"), "{}", applied.out);
    lab.verb(&["verify"]).exits(0);
    eprintln!("{}: installed in {:.0} s", like.word, applied.took.as_secs_f64());
}

/// Packages, folders, units and the module: what the article types by hand.
fn as_the_article_has_it(lab: &Lab, like: &Like) {
    let release = like.postgresql;
    for node in ["db01", "db02", "db03"] {
        told(lab, node, &format!("rpm -q pgdg-redhat-repo postgresql{release} postgresql{release}-server"));
        let disabled = told(lab, node, "cat /etc/dnf/modules.d/postgresql.module");
        assert!(disabled.contains("state=disabled"), "{disabled}");
        let data = format!("/var/lib/pgsql/{release}/data");
        assert_eq!(
            told(lab, node, &format!("cat {data}/PG_VERSION; stat -c %U:%a {data}")),
            format!("{release}\npostgres:700")
        );
        let server = told(lab, node, "readlink -f /proc/$(head -n 1 /var/lib/pgsql/*/data/postmaster.pid)/exe");
        assert!(server.contains(&format!("/{release}/")) || server.contains(&format!("pgsql-{release}")), "{server}");
        assert_eq!(lab.root(node, &format!("systemctl is-enabled postgresql-{release}")).out.trim(), "masked");
        let made_with = told(lab, node, "readlink -f /opt/quorate/patroni-*/bin/python3");
        assert_eq!(made_with, told(lab, node, &format!("readlink -f {}", like.python)));
        // Upstream's own archive of etcd, as in the article.
        told(lab, node, "test -x /opt/quorate/etcd-*/bin/etcdctl && test -x /usr/local/bin/etcd");
    }
    let asked = told(lab, "db02", "cat /opt/lab/selinux.log");
    for path in ["/opt/quorate/", "/etc/patroni/patroni.yml", "/etc/systemd/system/patroni.service"] {
        assert!(asked.contains(path), "SELinux's labels: {path} is not in\n{asked}");
    }
    assert_eq!(
        lab.root("db01", "ls /opt/lab/selinux.log").code,
        2,
        "SELinux is off there, and nobody asked it anything"
    );
}

/// firewalld lets clients in, and the nodes to each other, and nobody else.
fn guarded(lab: &Lab) {
    for port in [5000, 5001] {
        assert!(open(lab, port), "clients reach {port}");
    }
    for port in [2379, 2380, 5432, 8008] {
        assert!(!open(lab, port), "a stranger reaches {port}");
        told(lab, "db02", &format!("bash -c 'exec 3<>/dev/tcp/192.168.13.45/{port}'"));
    }
    // What a host forgets as it goes down comes back with it.
    told(lab, "db03", "firewall-cmd --info-policy=quorate | grep -q vrrp && firewall-cmd --reload");
    assert!(!open(lab, 2379) && open(lab, 5000));
}

/// A client's port moves: HAProxy and the firewall with it. Another setting is HAProxy's alone.
fn changed(lab: &Lab) {
    let path = lab.inventory();
    let text = fs::read_to_string(&path).expect("the lab's inventory");
    fs::write(&path, format!("{text}\nhaproxy:\n  primary_port: 6000\n")).expect("the lab's folder can be written");
    let plan = lab.verb(&["plan"]).exits(0).out;
    assert!(plan.contains("firewalld") && plan.contains("haproxy"), "{plan}");
    let applied = lab.verb(&["apply", "--yes", "--max-impact", "outage"]).exits(0);
    assert!(applied.out.contains("0 warn, 0 fail"), "{}", applied.out);
    assert!(open(lab, 6000) && open(lab, 5001) && !open(lab, 5000));
    fs::write(&path, format!("{text}\nhaproxy:\n  primary_port: 6000\n  timeout_client: 2h\n"))
        .expect("the lab's folder can be written");
    let plan = lab.verb(&["plan"]).exits(0).out;
    assert!(!plan.contains("firewalld"), "{plan}");
    lab.verb(&["apply", "--yes"]).exits(0);
    let again = lab.verb(&["apply"]).exits(0);
    assert!(again.err.contains("nothing to do"), "{}", again.err);
}

fn taken_away(lab: &Lab, nodes: &[String]) {
    lab.verb(&["destroy", "--confirm", "lab"]).exits(0);
    for node in nodes {
        let left = "ls -d /opt/quorate /var/lib/quorate /etc/patroni /etc/firewalld/policies/quorate.xml /var/lib/pgsql/*/data/PG_VERSION \
                    /var/lib/etcd /etc/systemd/system/etcd.service /etc/systemd/system/patroni.service /usr/local/bin/etcd 2>/dev/null; \
                    systemctl list-units --plain --no-legend etcd.service patroni.service haproxy.service keepalived.service; \
                    firewall-cmd --get-policies | tr ' ' '\\n' | grep quorate; ss -Hltn | grep -E ':(2379|2380|5432|8008|6000|5001) '; \
                    ip -o -4 addr show | grep 192.168.13.48; true";
        assert_eq!(told(lab, node, left), "", "left on {node}");
    }
    let again = lab.verb(&["destroy", "--confirm", "lab"]).exits(0);
    assert!(again.err.contains("nothing to do") || again.out.contains("nothing to do"), "{}{}", again.out, again.err);
}

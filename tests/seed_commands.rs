//! The article's commands against what quorate does on RHEL 8 and 9: every path, package and unit of its RHEL branch is held, or
//! docs/seed.md says why it is none of ours.

#![allow(clippy::unwrap_used, reason = "a test that can't render has failed")]

mod common;

use quorate::cluster::{InstallMethod, OsFamily, Version};
use quorate::component::{DesiredNode, Inputs, Templates, desired};
use quorate::platform::{self, Daemon, Platform};

const COMMANDS: &str = include_str!("seed/commands.txt");
const DOCUMENT: &str = include_str!("../docs/seed.md");

/// One node on RHEL, with the article's PostgreSQL.
struct World {
    major: u16,
    node: DesiredNode,
    platform: &'static dyn Platform,
}

impl World {
    fn of(version: &str) -> Self {
        let os = common::os(OsFamily::Rhel, "rhel", version);
        let mut cluster = common::cluster(3);
        cluster.postgresql.version = Some(13);
        let (facts, secrets) = (common::facts(&cluster, &os), common::secrets(&cluster));
        let inputs = Inputs { cluster: &cluster, facts: &facts, secrets: &secrets };
        let desired = desired(&inputs, &Templates::embedded().unwrap()).unwrap();
        let node = desired.nodes.into_values().next().unwrap();
        Self { major: os.version.major(), node, platform: platform::of(&os).unwrap() }
    }

    fn file(&self, path: &str) -> bool {
        self.node.files.iter().any(|file| file.path == path)
    }

    fn folder(&self, path: &str) -> bool {
        self.node.directories.iter().any(|folder| folder.path == path)
    }

    fn service(&self, unit: &str) -> bool {
        self.node.services.iter().any(|service| service.unit == unit)
    }

    fn link(&self, path: &str) -> bool {
        self.node.programs.iter().flat_map(|program| &program.links).any(|(link, _)| link == path)
    }

    fn package(&self, name: &str) -> bool {
        self.node.packages.iter().any(|package| package == name)
    }

    fn builds(&self, daemon: Daemon, name: &str) -> bool {
        self.platform.build_packages(daemon).contains(&name)
    }

    /// The archive's script: its text, and the address that it is given.
    fn archive(&self, text: &str) -> bool {
        let [archive] = self.node.repositories.as_slice() else { return false };
        archive.args[0] == "https://download.postgresql.org/pub/repos/yum" && archive.script.contains(text)
    }

    /// Nothing of that name is ours.
    fn none(&self, path: &str) -> bool {
        !self.file(path) && !self.folder(path)
    }
}

type Proof = fn(&World) -> bool;

/// By the beginning of a command: what must hold on both systems.
const PROOFS: &[(&str, Proof)] = &[
    ("ETCD_VER=", |w| w.platform.proven_version(Daemon::Etcd) == Version::new(3, 5, 33)),
    ("curl -L https://github.com/etcd-io", |w| w.platform.default_method(Daemon::Etcd) == InstallMethod::Release),
    ("tar xvzf etcd", |w| w.node.programs.iter().any(|program| program.root == "/opt/quorate/etcd-3.5.33")),
    ("cd etcd", |w| w.builds(Daemon::Patroni, "python3") || w.major == 8),
    ("cp etcd etcdctl /usr/local/bin/", |w| w.link("/usr/local/bin/etcd") && w.link("/usr/local/bin/etcdctl")),
    ("vi /etc/systemd/system/etcd.service", |w| w.file("/etc/systemd/system/etcd.service")),
    ("systemctl restart etcd", |w| w.service("etcd.service")),
    ("etcdctl endpoint status", |w| w.link("/usr/local/bin/etcdctl")),
    ("systemctl enable etcd", |w| w.service("etcd.service")),
    ("dnf -y install https://download.postgresql.org", |w| {
        w.archive("\"$base/reporpms/EL-$major-$(uname -m)/pgdg-redhat-repo-latest.noarch.rpm\"")
    }),
    ("dnf -qy module disable postgresql", |w| w.archive("8 | 9) run -q module disable postgresql")),
    ("dnf -y install postgresql13", |w| w.package("postgresql13") && w.package("postgresql13-server")),
    ("mkdir /var/lib/pgsql/13/archive", |w| w.none("/var/lib/pgsql/13/archive")),
    ("chown postgres:postgres /var/lib/pgsql/13/archive", |w| {
        w.node.directories.iter().any(|one| one.path == "/var/lib/pgsql/13/data" && one.owner == "postgres")
    }),
    ("chmod 700 /var/lib/pgsql/13/archive", |w| {
        w.node.directories.iter().any(|one| one.path == "/var/lib/pgsql/13/data" && one.mode == 0o700)
    }),
    ("dnf -y install python36-devel", |w| match w.major {
        8 => w.package("python3.11") && w.builds(Daemon::Patroni, "python3.11-pip"),
        _ => w.package("python3") && w.builds(Daemon::Patroni, "python3-pip"),
    }),
    ("pip3 install --upgrade setuptools", |w| w.platform.python() != "/usr/libexec/platform-python"),
    ("pip3 install python-etcd", |_| include_str!("../templates/build/patroni-4.1.5.txt").contains("python-etcd==")),
    ("dnf -y install python3-psycopg2", |w| !w.package("python3-psycopg2")),
    ("pip3 install patroni[etcd]", |w| {
        w.link("/usr/local/bin/patroni")
            && w.node.programs.iter().any(|program| program.root == "/opt/quorate/patroni-4.1.5")
    }),
    ("vi /etc/systemd/system/patroni.service", |w| w.file("/etc/systemd/system/patroni.service")),
    ("systemctl enable patroni", |w| w.service("patroni.service") && w.node.masked == ["postgresql-13.service"]),
    ("cat /etc/patroni.yml", |w| {
        let patroni = w.node.files.iter().find(|file| file.path == "/etc/patroni/patroni.yml").unwrap();
        let text = patroni.content.expose();
        patroni.mode == 0o600 && text.contains("'/usr/pgsql-13/bin'") && text.contains("'/var/lib/pgsql/13/data'")
    }),
    ("systemctl start patroni", |w| w.service("patroni.service")),
    ("patronictl -c", |w| w.link("/usr/local/bin/patronictl")),
    ("dnf -y install openssl-devel", |w| {
        w.builds(Daemon::Keepalived, "openssl-devel") && w.builds(Daemon::Haproxy, "openssl-devel")
    }),
    ("wget https://www.keepalived.org", |w| w.platform.proven_version(Daemon::Keepalived) == Version::new(2, 3, 3)),
    ("tar xvzf keepalived", |w| w.node.programs.iter().any(|program| program.root == "/opt/quorate/keepalived-2.3.3")),
    ("cd keepalived", |w| w.builds(Daemon::Keepalived, "gcc")),
    ("./configure", |w| w.builds(Daemon::Keepalived, "systemd-devel")),
    ("make", |w| w.builds(Daemon::Keepalived, "make") && w.link("/usr/local/sbin/keepalived")),
    ("vi /etc/systemd/system/keepalived.service", |w| w.file("/etc/systemd/system/keepalived.service")),
    ("mkdir /etc/keepalived", |w| w.folder("/etc/keepalived")),
    ("vi /etc/keepalived/keepalived.conf", |w| w.file("/etc/keepalived/keepalived.conf")),
    ("systemctl start keepalived", |w| w.node.services.last().unwrap().unit == "keepalived.service"),
    ("systemctl enable keepalived", |w| w.service("keepalived.service")),
    ("ip a", |w| w.service("keepalived.service")),
    ("wget https://www.haproxy.org", |w| {
        let version = if w.major == 8 { Version::new(2, 6, 12) } else { Version::new(3, 0, 11) };
        w.platform.proven_version(Daemon::Haproxy) == version
    }),
    ("tar zxvf haproxy", |w| w.node.programs.iter().any(|program| program.root.starts_with("/opt/quorate/haproxy-"))),
    ("cd haproxy", |w| w.builds(Daemon::Haproxy, "gcc")),
    ("make TARGET=linux-glibc", |w| {
        w.link("/usr/local/sbin/haproxy")
            && include_str!("../templates/build/haproxy.sh").contains("TARGET=linux-glibc")
    }),
    ("mkdir /etc/haproxy", |w| w.folder("/etc/haproxy")),
    ("mkdir /var/lib/haproxy", |w| w.folder("/var/lib/haproxy")),
    ("touch /var/lib/haproxy/stats", |w| w.none("/var/lib/haproxy/stats")),
    ("vi /etc/systemd/system/haproxy.service", |w| w.file("/etc/systemd/system/haproxy.service")),
    ("vi /etc/haproxy/haproxy.cfg", |w| w.file("/etc/haproxy/haproxy.cfg")),
    ("cat /etc/haproxy/haproxy.cfg", |w| w.file("/etc/haproxy/haproxy.cfg")),
    ("systemctl start haproxy", |w| w.service("haproxy.service")),
    ("systemctl enable haproxy", |w| w.service("haproxy.service")),
    ("su - postgres", |_| true),
    ("psql -h 192.168.13.48 -p 5001", |_| include_str!("../src/verify/routes.rs").contains("sql.read")),
    ("psql -h 192.168.13.48 -p 5000", |_| include_str!("../src/verify/routes.rs").contains("sql.write")),
];

#[test]
fn every_command_of_the_article_has_its_line_and_its_proof() {
    let worlds = [World::of("8.10"), World::of("9.4")];
    let mut proven = 0;
    for command in COMMANDS.lines() {
        let line = DOCUMENT.lines().find(|line| line.starts_with(&format!("| `{command}` |")));
        let said =
            line.unwrap_or_else(|| panic!("docs/seed.md has no line for `{command}`")).split('|').nth(2).unwrap();
        assert!(said.trim().len() > 3, "docs/seed.md says nothing about `{command}`");
        let proof = PROOFS.iter().filter(|(start, _)| command.starts_with(start)).max_by_key(|(start, _)| start.len());
        let (_, proof) = proof.unwrap_or_else(|| panic!("`{command}` has no proof here"));
        for world in &worlds {
            assert!(proof(world), "on RHEL {}: `{command}` is not covered: {:?}", world.major, world.node);
        }
        proven += 1;
    }
    assert_eq!(proven, PROOFS.len(), "a proof is no command's");
}

//! Other systems, other numbers of nodes, other ways to install, other settings: each becomes a verified cluster, and a second
//! run changes nothing.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Instant;

use crate::harness::Lab;

/// A password with every letter that YAML, a shell, SQL or psql could take for something else.
const PASSWORD: &str = r#"it's:a#"pass\$(id)%{}"#;

/// Boots a lab and gives it an inventory: the lab's own, with a text added and the passwords of roles beside it.
fn lab(name: &str, options: &[&str], edit: impl FnOnce(String) -> String) -> Lab {
    let lab = Lab::fresh(name, options);
    let inventory = lab.inventory();
    let text = fs::read_to_string(&inventory).expect("the lab's inventory");
    // `lab up` names the version on bullseye; the variants say it themselves.
    let text = text.replace("\npostgresql:\n  version: 13\n", "");
    fs::write(&inventory, edit(text)).expect("the lab's folder can be written");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(lab.folder().join("role.password"));
    writeln!(file.as_mut().expect("the lab's folder can be written"), "{PASSWORD}").expect("a password's file");
    lab
}

/// Bare hosts to a verified cluster, and a second run that finds nothing to do. Says how long it took.
fn prove(name: &str, lab: &Lab) {
    let began = Instant::now();
    let applied = lab.verb(&["apply"]).exits(0);
    assert!(applied.out.contains("0 warn, 0 fail"), "{}", applied.out);
    let again = lab.verb(&["apply"]).exits(0);
    assert!(again.err.contains("nothing to do"), "{}", again.err);
    let times = applied.err.lines().skip_while(|line| *line != "time").take_while(|line| !line.contains("apply"));
    let times = times.fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "{line}");
        text
    });
    said(&format!(
        "\nvariant {name}: apply {:.1} s, again {:.1} s, both {:.1} s\n{times}",
        applied.took.as_secs_f32(),
        again.took.as_secs_f32(),
        began.elapsed().as_secs_f32()
    ));
}

/// A figure for the reader; the test does not depend on it.
fn said(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", text.trim_end());
}

/// What a shell command as root on a host prints.
fn told(lab: &Lab, node: &str, script: &str) -> String {
    lab.root(node, script).exits(0).out.trim().to_owned()
}

/// SQL on a host's own PostgreSQL, as its superuser.
fn sql(lab: &Lab, node: &str, port: u16, statement: &str) -> String {
    told(
        lab,
        node,
        &format!(
            "cd / && setpriv --reuid=postgres --regid=postgres --init-groups psql -XAt -h /var/run/postgresql -p {port} -d postgres -c \"{statement}\""
        ),
    )
}

/// SQL by a role of the inventory, from a host of the cluster through the VIP.
fn by_vip(lab: &Lab, node: &str, port: u16, role: &str, database: &str, statement: &str) -> String {
    let password = PASSWORD.replace('\'', r"'\''");
    told(
        lab,
        node,
        &format!(
            "PGPASSWORD='{password}' psql -XAt -h 192.168.13.48 -p {port} -U {role} -d {database} -c \"{statement}\""
        ),
    )
}

/// The node that leads, by PostgreSQL's own word.
fn leader(lab: &Lab, port: u16) -> String {
    let nodes = lab.nodes();
    let leads = |node: &&String| sql(lab, node, port, "SELECT pg_is_in_recovery()") == "f";
    nodes.iter().find(leads).expect("a leader").clone()
}

/// The level of a finding in the JSON lines of `verify`.
fn level(lines: &str, id: &str) -> Option<String> {
    let records = lines.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let found = records.into_iter().find(|record| record["id"] == id)?;
    found["level"].as_str().map(str::to_owned)
}

#[test]
fn bookworm() {
    let lab = lab("bookworm", &["--suite", "bookworm"], |text| text);
    prove("bookworm", &lab);
    assert!(sql(&lab, "db01", 5432, "SHOW server_version").starts_with("15."));
    let versions = told(&lab, "db02", "etcd --version; haproxy -v; keepalived --version 2>&1");
    for version in ["etcd Version: 3.4.23", "version 2.6.12", "Keepalived v2.2.7"] {
        assert!(versions.contains(version), "{version}:\n{versions}");
    }
    lab.down();
}

/// The article's own parameters, but for those that would harm: `fsync` stays on, passwords are not sent in the clear, and
/// `checkpoint_timeout` has its unit.
const ARTICLE: &str = "
durability: sync-strict
patroni: {namespace: db}
postgresql:
  version: 13
  parameters:
    wal_level: replica
    hot_standby: on
    wal_keep_size: 128MB
    max_wal_senders: 5
    max_replication_slots: 5
    checkpoint_timeout: 30min
    synchronous_commit: on
    archive_timeout: 300
    unix_socket_directories: /var/run/postgresql
    shared_buffers: 2GB
    work_mem: 8MB
    effective_cache_size: 4GB
    autovacuum: on
    track_counts: on
  hba:
    - host all all 192.168.13.0/24 scram-sha-256
  roles:
    - {name: admin, createrole: yes, createdb: yes, password: {file: role.password}}
haproxy:
  max_connections: 200
  server_max_connections: 90
  timeout_client: 30min
  timeout_server: 30min
keepalived: {router_id: 51}
";

#[test]
fn bullseye() {
    let lab = lab("bullseye", &["--suite", "bullseye"], |text| text + ARTICLE);
    prove("bullseye", &lab);
    let versions = told(&lab, "db03", "etcd --version; haproxy -v; keepalived --version 2>&1");
    for version in ["etcd Version: 3.4.23", "version 2.2.9", "Keepalived v2.2.7"] {
        assert!(versions.contains(version), "{version}:\n{versions}");
    }
    for (name, value) in [("server_version_num", "13"), ("shared_buffers", "2GB"), ("checkpoint_timeout", "30min")] {
        let found = sql(&lab, "db02", 5432, &format!("SHOW {name}"));
        assert!(found.starts_with(value), "{name}: {found}");
    }
    assert_eq!(by_vip(&lab, "db02", 5000, "admin", "postgres", "SELECT pg_is_in_recovery()"), "f");
    assert_eq!(by_vip(&lab, "db02", 5001, "admin", "postgres", "SELECT pg_is_in_recovery()"), "t");
    // Strict: the leader names a standby that every commit waits for.
    let leader = leader(&lab, 5432);
    assert_ne!(sql(&lab, &leader, 5432, "SHOW synchronous_standby_names"), "");
    lab.down();
}

#[test]
fn five_nodes() {
    let edit = |text: String| {
        let tagged = text
            .replace("    address: 192.168.13.46\n", "    address: 192.168.13.46\n    tags: {clonefrom: yes}\n")
            .replace(
                "    address: 192.168.13.50\n",
                "    address: 192.168.13.50\n    tags: {nofailover: yes, noloadbalance: yes, nosync: yes}\n",
            );
        tagged + "\ndurability: quorum\npatroni: {synchronous_node_count: 2}\n"
    };
    let lab = lab("five", &["--nodes", "5"], edit);
    assert_eq!(lab.nodes().len(), 5);
    prove("five_nodes", &lab);
    let leader = leader(&lab, 5432);
    assert_ne!(leader, "db05", "a node with nofailover leads");
    assert_eq!(sql(&lab, &leader, 5432, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"), "4");
    let names = sql(&lab, &leader, 5432, "SHOW synchronous_standby_names");
    assert!(names.starts_with("ANY 2 ") && !names.contains("db05"), "{names}");
    let members = told(&lab, "db04", "ETCDCTL_API=3 etcdctl member list | grep -c started");
    assert_eq!(members, "5");
    // Voters may go down one by one as long as three stay.
    for node in ["db04", "db05"] {
        told(&lab, node, "systemctl stop etcd && echo stopped");
    }
    let run = lab.verb(&["verify", "--json"]);
    assert_eq!(run.code, 11, "{}", run.out);
    assert_eq!(level(&run.out, "sql.write").as_deref(), Some("ok"), "{}", run.out);
    lab.down();
}

/// Every daemon is the distribution's own package.
const PACKAGES: &str = "
durability: async
etcd: {install: package}
patroni: {install: package}
haproxy: {install: package}
keepalived: {install: package}
";

#[test]
fn packages() {
    let lab = lab("packages", &[], |text| text + PACKAGES);
    prove("packages", &lab);
    for node in lab.nodes() {
        let units = told(&lab, &node, "systemctl show -P FragmentPath etcd patroni haproxy keepalived | grep .");
        for unit in units.lines() {
            assert!(unit.starts_with("/etc/systemd/system/"), "{node}: {unit}");
        }
        assert_eq!(
            told(&lab, &node, "ls -A /opt /usr/local/bin /usr/local/sbin | grep -v : | grep . || echo none"),
            "none"
        );
        // Nothing but Patroni starts a PostgreSQL, and one runs.
        let processes = told(&lab, &node, "pgrep -c -f -- '[p]ostgres.* -D /var/lib/postgresql'");
        assert_eq!(processes, "1", "{node}");
        assert_eq!(told(&lab, &node, "systemctl is-failed --quiet '*' && echo failed || echo fine"), "fine", "{node}");
    }
    lab.down();
}

/// No port is the usual one.
const OPTIONS: &str = "
durability: quorum
etcd: {client_port: 12379, peer_port: 12380, data_dir: /srv/etcd}
patroni: {port: 18008, namespace: db}
haproxy: {primary_port: 15000, replica_port: 15001, stats_port: 17000}
keepalived: {order: [db03, db02, db01]}
postgresql:
  port: 6432
  data_dir: /srv/pgsql/data
  parameters: {max_connections: 60, log_min_duration_statement: 250ms}
  hba:
    - host all all 192.168.13.0/24 scram-sha-256
  roles:
    - {name: app, password: {file: role.password}}
    - {name: admin, createdb: yes, createrole: yes, password: {file: role.password}}
  databases:
    - {name: app, owner: app}
    - scratch
";

#[test]
fn options() {
    let edit = |text: String| {
        text.replace("    address: 192.168.13.45\n", "    address: 192.168.13.45\n    parameters: {work_mem: 3MB}\n")
            .replace("    address: 192.168.13.47\n", "    address: 192.168.13.47\n    tags: {noloadbalance: yes}\n")
            + OPTIONS
    };
    let lab = lab("options", &[], edit);
    a_release_that_is_not_the_pinned_one_is_refused(&lab);
    prove("options", &lab);
    a_release_gives_what_a_source_build_gives(&lab);
    let app = |port, statement: &str| by_vip(&lab, "db02", port, "app", "app", statement);
    app(15000, "CREATE TABLE notes (note text); INSERT INTO notes VALUES ('kept')");
    assert_eq!(app(15000, "SELECT note FROM notes"), "kept");
    assert_eq!(app(15001, "SELECT pg_is_in_recovery()"), "t");
    assert_eq!(app(15000, "SELECT datdba::regrole FROM pg_database WHERE datname = 'app'"), "app");
    let roles = "SELECT string_agg(rolname || rolcreatedb || rolcreaterole || rolsuper, ' ' ORDER BY rolname) \
                 FROM pg_roles WHERE rolname IN ('app', 'admin')";
    assert_eq!(app(15000, roles), "admintruetruefalse appfalsefalsefalse");
    assert_eq!(sql(&lab, "db01", 6432, "SHOW work_mem"), "3MB");
    assert_eq!(sql(&lab, "db02", 6432, "SHOW max_connections"), "60");
    let leader = leader(&lab, 6432);
    let names = sql(&lab, &leader, 6432, "SHOW synchronous_standby_names");
    assert!(names.starts_with("ANY 1 "), "{names}");
    // The first of keepalived's own order holds the VIP.
    told(&lab, "db03", "ip -o -4 addr show | grep ' 192.168.13.48/'");
    let listening = told(&lab, "db01", "ss -Hltn | awk '{print $4}' | sed 's/.*://' | sort -un | tr '\\n' ' '");
    for port in ["2379", "2380", "5000", "5001", "5432", "7000", "8008"] {
        assert!(!listening.split(' ').any(|one| one == port), "{port} of {listening}");
    }
    lab.down();
}

/// Upstream's archive of programs is pinned by the project, so no other bytes can stand in for it here; that they are refused,
/// before any host is touched, can be shown.
fn a_release_that_is_not_the_pinned_one_is_refused(lab: &Lab) {
    let folder = lab.folder().join("downloads");
    fs::create_dir(&folder).expect("the lab's folder can be written");
    fs::write(folder.join("etcd-v3.5.16-linux-amd64.tar.gz"), "not what upstream published").expect("a file");
    let text = fs::read_to_string(lab.inventory()).expect("the lab's inventory");
    let release = text
        .replace("etcd: {", "etcd: {install: release, ")
        .replace("artifacts:\n", "artifacts:\n  folder: downloads\n");
    let inventory = lab.folder().join("release.yml");
    fs::write(&inventory, &release).expect("the lab's folder can be written");
    fs::copy(lab.folder().join("inventory.secrets.yml"), lab.folder().join("release.secrets.yml"))
        .expect("the secrets");
    let run = lab.quorate(&["apply", "-i", inventory.to_str().expect("a path of ours")]).exits(7);
    assert!(run.err.contains("etcd-v3.5.16-linux-amd64.tar.gz"), "{}", run.err);
    for node in lab.nodes() {
        assert_eq!(told(lab, &node, "ls -d /opt/quorate /etc/etcd /var/lib/quorate 2>/dev/null; echo"), "", "{node}");
    }
}

/// The recipe of `install: release`, on an archive of upstream's shape made of the programs that the lab has just built: the
/// same programs come out.
fn a_release_gives_what_a_source_build_gives(lab: &Lab) {
    let built = lab.folder().join("hosts/db01/root/opt/quorate/etcd-3.5.16/bin");
    let folder = lab.folder().join("release");
    let shell = |script: &str| {
        let run =
            std::process::Command::new("sh").args(["-euc", script, "sh"]).arg(&built).current_dir(&folder).output();
        let run = run.expect("a shell");
        assert!(run.status.success(), "{script}:\n{}", String::from_utf8_lossy(&run.stderr));
    };
    fs::create_dir(&folder).expect("the lab's folder can be written");
    fs::write(folder.join("recipe.sh"), include_str!("../../templates/build/etcd-release.sh")).expect("the recipe");
    shell(
        r#"mkdir work out etcd-v3.5.16-linux-amd64
        cp "$1"/* etcd-v3.5.16-linux-amd64/
        mkdir etcd-v3.5.16-linux-amd64/Documentation
        echo read >etcd-v3.5.16-linux-amd64/Documentation/etcd
        tar -czf release.tar.gz etcd-v3.5.16-linux-amd64
        QUORATE_BUILD=debian-13-amd64 sh recipe.sh "$PWD/release.tar.gz" 3.5.16 "$PWD/work" "$PWD/out.tar.gz"
        tar -xzf out.tar.gz -C out
        diff -r "$1" out/bin
        grep -qx debian-13-amd64 out/.quorate-build"#,
    );
    // An archive of another version is not taken for the one that was asked for.
    shell(
        r#"rm -rf work && mkdir work
        if QUORATE_BUILD=debian-13-amd64 sh recipe.sh "$PWD/release.tar.gz" 3.5.17 "$PWD/work" "$PWD/other.tar.gz" 2>said; then exit 1; fi
        grep -q 'is not 3.5.17' said
        test ! -e other.tar.gz"#,
    );
}

//! The article's faults, by their numbers in docs/seed.md: each test finds its fault in the article's own files and none in
//! what is rendered, for every node on every operating system.

#![allow(clippy::unwrap_used, reason = "a test that can't render has failed")]

mod common;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use quorate::cluster::{Cluster, OsFamily, Version};
use quorate::component::{Desired, Inputs, Templates, desired, patroni};
use serde_json::Value;

/// One node's files, by last part of the path, and what goes with them.
struct Node {
    files: BTreeMap<String, String>,
    modes: BTreeMap<String, u32>,
    patroni: Value,
    dcs: Value,
    bootstrap: Value,
    masked: Vec<String>,
    links: Vec<String>,
}

impl Node {
    fn text(&self, name: &str) -> &str {
        self.files.get(name).map_or("", String::as_str)
    }

    /// The lines of a file that are not comments.
    fn lines(&self, name: &str) -> impl Iterator<Item = &str> {
        self.text(name).lines().map(str::trim).filter(|line| !line.starts_with('#') && !line.is_empty())
    }

    fn has(&self, name: &str, line: &str) -> bool {
        self.lines(name).any(|found| found == line)
    }

    /// The lines of haproxy.cfg that stand in a section.
    fn section(&self, title: &str) -> Vec<&str> {
        let mut inside = false;
        let mut found = Vec::new();
        for line in self.text("haproxy.cfg").lines() {
            if !line.starts_with([' ', '#']) && !line.is_empty() {
                inside = line == title;
            } else if inside && !line.trim().starts_with('#') {
                found.push(line.trim());
            }
        }
        found
    }

    /// The number behind `words` in haproxy.cfg's section.
    fn number(&self, title: &str, words: &str) -> Option<u32> {
        self.section(title).iter().find_map(|line| {
            let rest = line.split_once(words)?.1;
            rest.split_whitespace().next()?.parse().ok()
        })
    }

    fn parameter(&self, name: &str) -> &Value {
        &self.dcs["postgresql"]["parameters"][name]
    }
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap()
}

/// The article's first node. Its haproxy.cfg is both texts that it says to save under that name.
fn article() -> Node {
    macro_rules! seed {
        ($($name:literal),+) => { BTreeMap::from([$(($name.to_owned(), include_str!(concat!("seed/", $name)).to_owned())),+]) };
    }
    let mut files = seed![
        "etcd.service",
        "patroni.service",
        "patroni.yml",
        "haproxy.service",
        "haproxy.cfg",
        "keepalived.conf",
        "keepalived.service"
    ];
    files.get_mut("haproxy.cfg").unwrap().insert_str(0, include_str!("seed/haproxy-first.cfg"));
    let patroni = yaml(&files["patroni.yml"]);
    Node {
        files,
        // It never sets a mode: what root's editor leaves.
        modes: BTreeMap::from([("patroni.yml".to_owned(), 0o644)]),
        dcs: patroni["bootstrap"]["dcs"].clone(),
        bootstrap: patroni["bootstrap"].clone(),
        patroni,
        masked: Vec::new(),
        // `make` without `make install`.
        links: Vec::new(),
    }
}

fn nodes(cluster: &Cluster) -> Vec<Node> {
    let systems = [
        common::debian("13"),
        common::debian("12"),
        common::debian("11"),
        common::os(OsFamily::Rhel, "rhel", "9.4"),
        common::os(OsFamily::Rhel, "rocky", "8.10"),
    ];
    let templates = Templates::embedded().unwrap();
    let secrets = common::secrets(cluster);
    let mut found = Vec::new();
    for os in systems {
        let facts = common::facts(cluster, &os);
        let inputs = Inputs { cluster, facts: &facts, secrets: &secrets };
        let Desired { nodes, dcs, .. } = desired(&inputs, &templates).unwrap();
        for (name, node) in nodes {
            let bootstrap = patroni::bootstrap_file(inputs, &templates, &name).unwrap();
            let last = |path: &str| path.rsplit('/').next().unwrap().to_owned();
            let files: BTreeMap<_, _> =
                node.files.iter().map(|file| (last(&file.path), file.content.expose().to_owned())).collect();
            found.push(Node {
                modes: node.files.iter().map(|file| (last(&file.path), file.mode)).collect(),
                patroni: yaml(&files["patroni.yml"]),
                files,
                dcs: dcs.clone(),
                bootstrap: yaml(bootstrap.content.expose())["bootstrap"].clone(),
                masked: node.masked,
                links: node.programs.into_iter().flat_map(|program| program.links).map(|(link, _)| link).collect(),
            });
        }
    }
    found
}

/// Three nodes and five, on every system: rendered once for all tests.
static RENDERED: LazyLock<Vec<Node>> =
    LazyLock::new(|| [3, 5].into_iter().flat_map(|count| nodes(&common::cluster(count))).collect());

/// One test per fault: `$fault` says whether a node has it.
macro_rules! faults {
    ($($name:ident: $fault:expr;)+) => {
        $(#[test]
        fn $name() {
            let fault: fn(&Node) -> bool = $fault;
            assert!(fault(&article()), "the test does not find the article's fault");
            for node in RENDERED.iter() {
                assert!(!fault(node), "rendered with the fault:\n{:#?}\n{:#}", node.files, node.dcs);
            }
        })+
    };
}

/// A parameter of PostgreSQL in seconds, where the article wrote a bare number.
fn seconds(value: &Value) -> u64 {
    match value {
        Value::Number(number) => number.as_u64().unwrap(),
        Value::String(text) => text.strip_suffix("min").map_or(0, |minutes| minutes.parse::<u64>().unwrap() * 60),
        _ => 0,
    }
}

/// The program of a unit's `ExecStart=`.
fn program<'a>(node: &'a Node, unit: &str) -> Option<&'a str> {
    node.lines(unit).find_map(|line| line.strip_prefix("ExecStart="))?.split_whitespace().next()
}

faults! {
    f01_haproxy_cfg_holds_no_unit: |node| node.lines("haproxy.cfg").any(|line| line.starts_with('['));
    f02_keepalived_blocks_are_closed: |node| {
        let text: String = node.lines("keepalived.conf").collect();
        text.matches('{').count() != text.matches('}').count()
    };
    f03_daemons_files_are_ascii: |node| {
        ["keepalived.conf", "haproxy.cfg", "etcd.env", "keepalived.service"].iter().any(|name| !node.text(name).is_ascii())
    };
    f04_units_start_programs_that_are_installed: |node| {
        ["haproxy.service", "keepalived.service"].iter()
            .any(|unit| !program(node, unit).is_some_and(|program| node.links.iter().any(|link| link == program)))
    };
    f08_the_check_needs_no_tool_of_another_package: |node| {
        ["keepalived.conf", "quorate-check"].iter()
            .any(|name| node.lines(name).any(|line| ["killall", "curl", "socat", "pidof"].iter().any(|tool| line.contains(tool))))
    };
    f10_patroni_speaks_the_v3_api: |node| {
        node.patroni["etcd3"].is_null() || !node.patroni["etcd"].is_null() || node.text("etcd.service").contains("enable-v2")
    };
    f13_etcd_has_no_flags: |node| program(node, "etcd.service").is_none() || node.text("etcd.service").contains(" --");
    f14_etcd_has_its_own_user_and_waits_for_the_network: |node| {
        let unit = node.text("etcd.service");
        ["User=etcd", "network-online.target", "LimitNOFILE=", "TimeoutStartSec="].iter().any(|word| !unit.contains(word))
    };
    f15_a_lone_member_raises_no_terms: |node| !node.has("etcd.env", "ETCD_PRE_VOTE=true");
    f16_etcd_compacts: |node| !node.has("etcd.env", "ETCD_AUTO_COMPACTION_MODE=periodic");
    f17_etcd_has_room_for_a_slow_disk: |node| !node.text("etcd.env").contains("\nETCD_ELECTION_TIMEOUT=");
    f18_patroni_is_restarted_and_can_reload: |node| {
        let unit = "patroni.service";
        !node.has(unit, "Restart=on-failure") || !node.text(unit).contains("\nExecReload=")
            || !node.text(unit).contains("etcd.service") || node.text(unit).contains("Requires=")
    };
    f19_writes_block_only_when_asked: |node| node.dcs["synchronous_mode_strict"] == true;
    f20_no_parameter_is_gone: |node| !node.parameter("wal_keep_segments").is_null();
    f21_checkpoints_are_minutes_apart: |node| seconds(node.parameter("checkpoint_timeout")) < 300;
    f22_patroni_alone_names_the_synchronous_standbys: |node| !node.parameter("synchronous_standby_names").is_null();
    f23_there_is_room_for_base_backups: |node| node.parameter("max_wal_senders").as_u64() < Some(10);
    f24_no_archive_on_the_same_disk: |node| !node.parameter("archive_command").is_null();
    f25_nobody_is_trusted: |node| {
        let initdb = node.bootstrap["initdb"].to_string();
        let rules = node.dcs["postgresql"]["pg_hba"].to_string();
        !initdb.contains(r#""auth-local":"peer""#) || !initdb.contains(r#""auth-host":"scram-sha-256""#)
            || rules.contains("trust") || !node.bootstrap["pg_hba"].is_null()
    };
    f26_passwords_are_scram: |node| {
        node.text("patroni.yml").contains("md5") || node.parameter("password_encryption") != "scram-sha-256"
    };
    f27_roles_are_not_patronis: |node| !node.bootstrap["users"].is_null();
    f28_patronis_file_is_its_own: |node| node.modes["patroni.yml"] != 0o600;
    f29_rewind_has_its_own_role: |node| node.patroni["postgresql"]["authentication"]["rewind"].is_null();
    f30_postgresql_listens_on_this_host_too: |node| {
        !node.patroni["postgresql"]["listen"].as_str().unwrap().starts_with("127.0.0.1,")
    };
    f31_memory_is_not_a_constant: |node| {
        !node.patroni["postgresql"]["parameters"]["shared_buffers"].is_null() || node.parameter("shared_buffers").is_null()
    };
    f32_a_hung_leader_is_fenced_and_a_lost_store_survived: |node| {
        node.patroni["watchdog"]["mode"] != "automatic" || node.dcs["failsafe_mode"] != true
    };
    f33_nothing_else_starts_postgresql: |node| node.masked.is_empty();
    f34_the_rest_api_is_closed: |node| {
        let api = &node.patroni["restapi"];
        api["listen"].as_str().unwrap().starts_with("0.0.0.0") || api["authentication"].is_null() || api["allowlist"].is_null()
    };
    f36_no_leader_from_an_older_timeline: |node| node.dcs["check_timeline"] != true;
    f37_the_check_asks_a_real_path: |node| {
        !["primary", "replicas", "production", "standby"].iter()
            .any(|title| node.section(&format!("listen {title}")).iter().any(|line| line.contains("meth OPTIONS uri /")))
    };
    f38_the_leaders_path_is_documented: |node| node.text("haproxy.cfg").contains("/master");
    f39_connection_limits_fit_each_other: |node| {
        let limit = |title, words| node.number(title, words).unwrap_or(u32::MAX / 8);
        let (global, server) = (limit("global", "maxconn "), limit("listen primary", " maxconn "));
        let postgresql = u32::try_from(node.parameter("max_connections").as_u64().unwrap_or(100)).unwrap();
        global < limit("listen primary", "maxconn ") + limit("listen replicas", "maxconn ") || server > postgresql - 3
    };
    f40_dead_peers_are_noticed_and_pools_kept: |node| {
        let lines = node.section("defaults");
        ["option clitcpka", "option srvtcpka"].iter().any(|line| !lines.contains(line))
            || !lines.iter().any(|line| line.starts_with("timeout queue ")) || lines.contains(&"timeout client 30m")
    };
    f41_statistics_and_admin_socket_are_closed: |node| {
        let (global, stats) = (node.section("global"), node.section("listen stats"));
        ["user haproxy", "group haproxy", "chroot /var/lib/haproxy"].iter().any(|line| !global.contains(line))
            || !global.iter().any(|line| line.starts_with("log "))
            || !global.iter().any(|line| line.starts_with("stats socket") && line.contains("mode 660"))
            || !stats.iter().any(|line| line.starts_with("stats auth ")) || !stats.contains(&"bind 127.0.0.1:7000")
    };
    f43_long_reads_survive_a_blip: |node| {
        ["listen standby", "listen replicas"].iter()
            .any(|title| node.section(title).iter().any(|line| line.contains("shutdown-sessions")))
    };
    f44_an_old_process_ends: |node| !node.section("global").iter().any(|line| line.starts_with("hard-stop-after "));
    f45_haproxy_tells_systemd_when_it_serves: |node| {
        !node.has("haproxy.service", "Type=notify") || !node.text("haproxy.service").contains(" -Ws ")
            || !node.has("haproxy.service", "SuccessExitStatus=143")
    };
    f46_the_sockets_folder_is_made_at_start: |node| !node.has("haproxy.service", "RuntimeDirectory=haproxy");
    f47_every_node_begins_as_backup: |node| {
        !node.has("keepalived.conf", "state BACKUP") || !node.has("keepalived.conf", "nopreempt")
    };
    f48_no_weight_can_tie: |node| node.lines("keepalived.conf").any(|line| line.starts_with("weight"));
    f49_no_password_in_clear_on_the_wire: |node| node.text("keepalived.conf").contains("auth_pass");
    f50_the_router_id_is_not_the_sample: |node| node.has("keepalived.conf", "virtual_router_id 51");
    f51_the_check_asks_the_process: |node| {
        !node.text("quorate-check").contains("/dev/tcp/127.0.0.1/7000")
            || ["fall 2", "rise 2", "init_fail"].iter().any(|line| !node.has("keepalived.conf", line))
    };
    f52_scripts_are_not_roots: |node| {
        !node.has("keepalived.conf", "enable_script_security") || !node.has("keepalived.conf", "script_user keepalived_script")
    };
    f53_the_vip_has_prefix_and_device: |node| !node.has("keepalived.conf", "192.168.13.48/24 dev ens192");
    f57_daemons_wait_for_the_clock: |node| {
        ["etcd.service", "patroni.service"].iter().any(|unit| !node.text(unit).contains("time-sync.target"))
    };
}

#[test]
fn f42_a_server_is_down_until_checked() {
    let down = |node: &Node| node.section("defaults").contains(&"default-server init-state down");
    assert!(!down(&article()));
    let mut cluster = common::cluster(3);
    // The directive exists from 3.1 on; the versions built by default are older, and there the first check decides.
    for node in nodes(&cluster) {
        assert!(!down(&node));
    }
    cluster.haproxy.version = Some(Version::new(3, 2, 0));
    for node in nodes(&cluster) {
        assert!(down(&node));
    }
}

#[test]
fn f48_priorities_are_unique_and_far_apart() {
    for (count, expected) in [(3, vec![150, 100, 50]), (5, vec![250, 200, 150, 100, 50])] {
        let found: Vec<u8> = (0..count).map(|index| quorate::component::keepalived::priority(index, count)).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn f54_nodes_differ_only_in_what_is_theirs() {
    let all = nodes(&common::cluster(3));
    for (node, address) in all.iter().zip(["192.168.13.45", "192.168.13.46", "192.168.13.47"]) {
        let own = |text: &str| text.replace(&format!("source {address}"), "source SELF");
        let body = |node: &Node| node.lines("haproxy.cfg").map(str::to_owned).collect::<Vec<_>>().join("\n");
        assert_eq!(own(&body(node)), body(&all[0]).replace("source 192.168.13.45", "source SELF"));
    }
}

#[test]
fn every_fault_has_its_line_and_the_tests_it_names() {
    let (text, tests) = (include_str!("../docs/seed.md"), concat!(include_str!("seed.rs"), include_str!("values.rs")));
    let lines: Vec<Vec<&str>> =
        text.lines().filter(|line| line.starts_with("| ")).map(|line| line.split('|').collect::<Vec<_>>()).collect();
    let numbers: Vec<u32> = lines.iter().filter_map(|cells| cells[1].trim().parse().ok()).collect();
    assert_eq!(numbers, (1..=57).collect::<Vec<_>>());
    // The table of commands behind it has fewer columns, and a test of its own.
    for cells in lines.into_iter().filter(|cells| cells.len() > 5) {
        for word in cells[5].split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| {
            word.contains('_') || (word.len() == 3 && word.starts_with('f') && word[1..].parse::<u32>().is_ok())
        }) {
            assert!(tests.contains(word), "docs/seed.md names {word}, which is no test");
        }
    }
}

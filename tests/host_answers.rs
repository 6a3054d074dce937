//! What hosts answer to the questions of a plan: read as it is meant, on hostile names too, and never with a panic.
//!
//! `fixtures/host` holds what the questions were answered by a lab host, before its install and after some changes; brought into the form
//! of later scripts by hand where those ask otherwise.

#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a fixture that does not fit has failed; times are copied, not computed"
)]

mod common;

use common::look::{Look, name};
use proptest::prelude::*;
use quorate::cluster::Arch;
use quorate::component::{Activation, ComponentName, Content, Desired, DesiredNode, File, Service};
use quorate::plan::{DataFolders, Details, ObservedNode, Plan, Survey, details_script, state_args, state_script};

const SURVEYS: [&str; 2] =
    [include_str!("fixtures/host/survey-fresh.txt"), include_str!("fixtures/host/survey-installed.txt")];
const STATES: [&str; 2] =
    [include_str!("fixtures/host/state-fresh.txt"), include_str!("fixtures/host/state-installed.txt")];
const DETAILS: &str = include_str!("fixtures/host/details-installed.txt");

#[test]
fn a_real_host_says_what_it_is() {
    let vip = common::cluster(3).vip.address;
    for text in SURVEYS {
        let survey = Survey::parse(text.as_bytes()).unwrap();
        let facts = survey.facts(vip, None, None).unwrap();
        assert_eq!((facts.os, facts.arch), (common::debian("13"), Arch::Amd64));
        // The VIP's own address on the interface does not count, whoever holds it now.
        assert_eq!((facts.interface.as_str(), facts.prefix), ("eth0", 24));
        assert_eq!(facts.memory_bytes, 24_684_084 * 1024);
        assert!(survey.systemd && survey.vip_answer.is_none());
        assert!(survey.free_bytes["/var/lib"] > 1 << 30);
        let ssh: Vec<_> = survey.listeners.iter().filter(|listener| listener.program == "sshd").collect();
        assert!(ssh.iter().all(|listener| listener.port == 22 && listener.pid == Some(70)) && ssh.len() == 2);
    }
    let [fresh, installed] = SURVEYS.map(|text| Survey::parse(text.as_bytes()).unwrap());
    // Asked only before there is a keepalived of ours.
    assert_eq!((fresh.foreign_vrrp, fresh.sync_write_ms), (Some(vec![]), Some(0.67)));
    assert_eq!((installed.foreign_vrrp, installed.sync_write_ms), (None, None));
    let ports = |program: &str| -> Vec<u16> {
        installed.listeners.iter().filter(|l| l.program == program).map(|l| l.port).collect()
    };
    assert_eq!(ports("etcd"), [2379, 2379, 2380]);
    assert_eq!(ports("postgres"), [5432, 5432]);
}

#[test]
fn a_real_host_says_what_it_has() {
    let [fresh, installed] = STATES.map(|text| ObservedNode::parse(text.as_bytes()).unwrap());
    assert!(fresh.sums.is_empty() && fresh.programs.is_empty() && fresh.data.is_empty());
    assert!(fresh.undo.is_empty() && fresh.applied.is_none());
    assert_eq!((fresh.units["etcd.service"].load.as_str(), fresh.units.len()), ("not-found", 6));
    assert_eq!((installed.entries.len(), installed.sums.len(), installed.links.len()), (20, 9, 7));
    let config = &installed.entries["/etc/patroni/patroni.yml"];
    assert_eq!((config.owner.as_str(), config.mode, config.folder), ("postgres", 0o600, false));
    assert!(installed.entries["/etc/etcd"].folder);
    let patroni = &installed.units["patroni.service"];
    assert_eq!((patroni.active.as_str(), patroni.enabled.as_str(), patroni.pid), ("active", "enabled", 30658));
    assert_eq!(installed.units["postgresql@17-main.service"].load, "masked");
    assert_eq!(installed.programs.len(), 4);
    assert!(installed.data.contains("/var/lib/postgresql/17/lab") && installed.data.contains("/var/lib/etcd/data"));
    assert_eq!(installed.owner.as_deref(), Some("lab"));
    assert_eq!(installed.identity["scope"], "'lab'");
}

/// What changes leave on a host: marks, the programs that processes were started from, the generation.
#[test]
fn a_real_host_says_what_was_done_to_it() {
    let installed = ObservedNode::parse(STATES[1].as_bytes()).unwrap();
    let (patroni, haproxy) = (&installed.units["patroni.service"], &installed.units["haproxy.service"]);
    // The file was written, then a reload was made; the process was started anew long after both.
    let config = &installed.entries["/etc/patroni/patroni.yml"];
    assert!(config.modified < patroni.reloaded && patroni.reloaded < patroni.started);
    assert!(haproxy.reloaded > 1_795_617_279.0 && haproxy.reloaded < haproxy.started && haproxy.restart_due == 0.0);
    // The interpreter is told by the name that it was called with: Patroni's own, not the system's behind it.
    assert_eq!(patroni.program, "/opt/quorate/patroni-4.1.5/bin/python3");
    assert_eq!(haproxy.program, "/opt/quorate/haproxy-3.0.11/sbin/haproxy");
    assert!(installed.units["postgresql.service"].program.is_empty() && installed.undo.is_empty());
    let applied = installed.applied.unwrap();
    assert_eq!((applied.generation, applied.sums.len(), applied.roles.len(), applied.salt.len()), (9, 9, 4, 32));
    assert_eq!(applied.settings["ttl"], 30);
    assert_eq!(applied.sums["/etc/haproxy/haproxy.cfg"], installed.sums["/etc/haproxy/haproxy.cfg"]);
    let length: usize = STATES[1].split("=entries 1 ").nth(1).unwrap().split('\n').next().unwrap().parse().unwrap();
    let due = STATES[1]
        .replace("/run/quorate/reloaded/haproxy.service", "/run/quorate/restart/haproxy.service")
        .replace(&format!("=entries 1 {length}\n"), &format!("=entries 1 {}\n", length - 1));
    let due = ObservedNode::parse(due.as_bytes()).unwrap();
    assert_eq!(
        (due.units["haproxy.service"].reloaded, due.units["haproxy.service"].restart_due),
        (0.0, haproxy.reloaded)
    );
}

#[test]
fn a_real_host_says_in_what_it_differs() {
    let details = Details::parse(DETAILS.as_bytes()).unwrap();
    let guc = |name: &str| &details.parameters[name];
    let buffers = guc("shared_buffers");
    assert_eq!((buffers.setting.as_str(), buffers.unit.as_str(), buffers.kind.as_str()), ("771328", "8kB", "integer"));
    assert!(buffers.postmaster && buffers.runs_with(&"6026MB".into()) && !buffers.runs_with(&"6GB".into()));
    assert!(!guc("work_mem").postmaster && guc("work_mem").runs_with(&"30MB".into()));
    assert!(quorate::component::rules::ORDERED.iter().all(|name| guc(name).postmaster));
    // The last newline is the shell's to cut, and comes back.
    assert!(details.files["/etc/systemd/system/etcd.service"].ends_with("\nWantedBy=multi-user.target\n"));
}

/// A path that is not there is not told; one that is, arrives whole.
#[test]
fn the_third_question_reads_files_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it's-a-$(file).cfg");
    std::fs::write(&path, "あ\n\n=file:x 0 1\n").unwrap();
    let (path, missing) = (path.to_str().unwrap().to_owned(), folder.path().join("none").to_str().unwrap().to_owned());
    let output = std::process::Command::new("sh")
        .args(["-c", &details_script(), "sh", "/nowhere", "1", &path, &missing])
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let details = Details::parse(&output.stdout).unwrap();
    assert_eq!(details.files.into_iter().collect::<Vec<_>>(), [(path, "あ\n\n=file:x 0 1\n".to_owned())]);
    assert!(details.parameters.is_empty());
}

/// The script itself, in a real shell, on paths that a careless script would split or run.
#[test]
fn the_script_reads_hostile_paths_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let whoami = std::process::Command::new("stat").args(["-c", "%U %G"]).arg(folder.path()).output().unwrap();
    let whoami = String::from_utf8(whoami.stdout).unwrap();
    let (owner, group) = whoami.trim().split_once(' ').unwrap();
    let services = vec![Service { component: ComponentName::Etcd, unit: "etcd.service".to_owned() }];
    let mut node = DesiredNode { services, ..DesiredNode::default() };
    for name in ["plain", "two words", "it's", "$(id)", "-rf", "star*", "semi;colon", "あ"] {
        let path = folder.path().join(name);
        std::fs::write(&path, name).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        node.files.push(File {
            component: ComponentName::Etcd,
            path: path.to_str().unwrap().to_owned(),
            owner: owner.to_owned(),
            group: group.to_owned(),
            mode: 0o640,
            content: Content::new(name.to_owned()),
            check: None,
            activation: Activation::None,
        });
    }
    let data = folder.path().join("data dir");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("x"), "").unwrap();
    let data = DataFolders { etcd: data.to_str().unwrap().to_owned(), postgresql: "/nowhere/at all".to_owned() };
    let look = |node: &DesiredNode| {
        let output = std::process::Command::new("sh")
            .args(["-c", &state_script("true"), "sh"])
            .args(state_args(node, &data))
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        ObservedNode::parse(&output.stdout).unwrap()
    };
    let lacking = |node: &DesiredNode| {
        let mut whole = Look::settled();
        let nodes = [(name("db01"), node.clone())].into();
        whole.desired = Desired { nodes, dcs: serde_json::Value::Null, roles: std::collections::BTreeMap::new() };
        whole.nodes = [(name("db01"), look(node))].into();
        let plan: Plan = whole.plan();
        let last = |file: &File| file.path.rsplit('/').next().unwrap().to_owned();
        plan.nodes[&name("db01")].files.iter().map(last).collect::<Vec<_>>()
    };
    assert!(lacking(&node).is_empty(), "{:?}", lacking(&node));
    assert_eq!(look(&node).data.into_iter().collect::<Vec<_>>(), std::slice::from_ref(&data.etcd));
    // A disk that does not answer is never an empty one.
    let blind = std::process::Command::new("sh")
        .args(["-c", &format!("find() {{ return 2; }}\n{}", state_script("true")), "sh"])
        .args(state_args(&node, &data))
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    assert!(
        ObservedNode::parse(&blind.stdout).unwrap().data.contains(&data.etcd),
        "unreadable data was taken for none"
    );
    std::fs::write(folder.path().join("it's"), "changed").unwrap();
    std::fs::remove_file(folder.path().join("$(id)")).unwrap();
    assert_eq!(lacking(&node), ["it's", "$(id)"]);
}

#[test]
fn a_busy_host_s_processes_start_when_they_did() {
    const UNIT: &str = "systemctl() { printf 'Id=etcd.service\\nExecMainStartTimestampMonotonic=1000000\\n'; }";
    let data = DataFolders { etcd: "/nowhere".to_owned(), postgresql: "/nowhere".to_owned() };
    let started = |busy: &str| {
        let script = format!("{UNIT}\n{busy}\n{}", state_script("true"));
        let mut shell = std::process::Command::new("sh");
        let shell = shell.args(["-c", &script, "sh"]).args(state_args(&DesiredNode::default(), &data));
        let output = shell.env("LC_ALL", "C").output().unwrap();
        ObservedNode::parse(&output.stdout).unwrap().units["etcd.service"].started
    };
    let busy = "awk() { sleep 2; command awk \"$@\"; }";
    // Earlier by that delay, and every file written just before would be newer than what runs.
    assert!((started(busy) - started("")).abs() < 1.0);
}

fn said(name: &str, text: &str) -> String {
    format!("={name} 0 {}\n{text}\n", text.len())
}

#[test]
fn files_of_the_system_are_read_as_programs_would_read_them() {
    let survey =
        |name: &str, text: &str| Survey::parse((said("clock", "1000.5") + &said(name, text)).as_bytes()).unwrap();
    for (list, cpus) in [("0-1", 2), ("0-3,6", 5), ("7", 1), ("3-1", 1), ("", 1)] {
        assert_eq!(survey("process", &format!("Cpus_allowed:\tf\nCpus_allowed_list:\t{list}")).cpus, cpus, "{list}");
    }
    for (sources, archive) in [
        ("Types: deb\nURIs: http://a/debian http://b\n", Some("http://a/debian")),
        ("URIs:   https://a/security\nURIs: https://b/debian", Some("https://b/debian")),
        (
            "# deb http://no/debian x main\ndeb [signed-by=/k arch=amd64] http://a/debian x main",
            Some("http://a/debian"),
        ),
        ("deb-src http://no/debian x\ndeb\thttp://a/debian x main", Some("http://a/debian")),
        ("deb cdrom:[Debian]/ x main\ndeb file:/mirror x main", None),
    ] {
        assert_eq!(survey("apt", sources).archive.as_deref(), archive, "{sources}");
    }
    assert_eq!(survey("free", "100 4096 /var/lib\n1 512 /a b").free_bytes["/var/lib"], 409_600);
}

#[test]
fn only_what_is_installed_is_a_package() {
    let packages = "plain\nkept installed\ngone deinstall\nhalf unpacked\npackage other is not installed";
    let answer = said("clock", "1000.5") + &said("uptime", "10.5 20") + &said("data", "") + &said("packages", packages);
    let node = ObservedNode::parse(answer.as_bytes()).unwrap();
    assert_eq!(node.packages.into_iter().collect::<Vec<_>>(), ["kept", "plain"]);
}

/// Answers of the right form with any content: every section's parser meets it.
fn sections() -> impl Strategy<Value = Vec<u8>> {
    let names = "clock|os|machine|memory|memory_limit|process|addresses|listeners|free|systemd|vrrp|vip_answer|sync_write\
                 |apt|uptime|entries|sums|accounts|packages|programs|links|units|data|identity|owner\
                 |words:/proc/0|applied|settings|record|file:/etc/x";
    let word = prop_oneof![
        "[ -~]{0,12}",
        "[0-9]{1,25}",
        Just("18446744073709551615".to_owned()),
        Just("-1".to_owned()),
        Just("NaN".to_owned()),
        Just("a/255".to_owned()),
        Just("1.2.3.4/33".to_owned()),
        Just("あ|あ".to_owned()),
        "\\PC{0,6}",
    ];
    let separator = prop_oneof![Just(" "), Just("\n"), Just("|"), Just("="), Just("\n\n"), Just(" -> "), Just(",pid=")];
    let body = prop::collection::vec((word, separator), 0..12)
        .prop_map(|parts| parts.into_iter().fold(String::new(), |text, (word, separator)| text + &word + separator));
    prop::collection::vec((names, any::<i32>(), body), 0..20).prop_map(|sections| {
        let head = "=clock 0 6\n1000.5\n=uptime 0 7\n10.5 20\n=data 0 0\n\n".to_owned();
        let text = sections
            .into_iter()
            .fold(head, |text, (name, code, body)| format!("{text}={name} {code} {}\n{body}\n", body.len()));
        text.into_bytes()
    })
}

fn read(answer: &[u8]) {
    let vip = common::cluster(3).vip.address;
    if let Some(survey) = Survey::parse(answer) {
        let _ = survey.facts(vip, None, None);
        let _ = survey.facts(vip, Some(&quorate::cluster::Interface::new("eth0").unwrap()), None);
    }
    let _ = ObservedNode::parse(answer);
    let _ = Details::parse(answer);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_makes_a_parser_panic(answer in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&answer);
    }

    #[test]
    fn no_content_of_sections_makes_a_parser_panic(answer in sections()) {
        prop_assert!(ObservedNode::parse(&answer).is_some() || answer.windows(7).filter(|w| w == b"\n=clock").count() > 0
            || answer.windows(8).filter(|w| w == b"\n=uptime").count() > 1);
        read(&answer);
    }

    #[test]
    fn a_damaged_answer_is_read_or_refused(which in 0..5_usize, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut answer = [SURVEYS.as_slice(), &STATES, &[DETAILS]].concat()[which].as_bytes().to_vec();
        let at = at.index(answer.len());
        if cut { answer.truncate(at) } else { answer[at] = byte }
        read(&answer);
    }

    #[test]
    fn any_length_of_a_section_is_survived(length in any::<u64>()) {
        read(format!("=clock 0 {length}\n1\n").as_bytes());
        read(format!("=clock 0 1\n1\n=free 0 {length}\n").as_bytes());
    }
}

//! Plans: what is as desired needs nothing, whatever is missing is named, and a file that no process has read yet is activated.
//!
//! `fixtures/host` holds what the two questions were answered by a lab host, before and after its install.

#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a fixture that does not fit has failed; times are copied, not computed"
)]

mod common;

use std::collections::BTreeMap;

use proptest::prelude::*;
use quorate::cluster::{Arch, NodeName};
use quorate::component::{
    Account, Activation, ComponentName, Content, Desired, DesiredNode, Directory, File, Inputs, Service, Templates,
    desired,
};
use quorate::plan::{DataFolders, Entry, NodePlan, ObservedNode, Plan, Survey, UnitState, state_args, state_script};

const DATA: &str = "/var/lib/postgresql/17/ha";
/// When everything was written, and when every process started, in the made-up observations.
const WRITTEN: f64 = 1000.0;
const STARTED: f64 = 2000.0;

/// What the article's three nodes shall hold; rendered once.
fn wanted() -> &'static Desired {
    static WANTED: std::sync::LazyLock<Desired> = std::sync::LazyLock::new(render);
    &WANTED
}

fn render() -> Desired {
    let cluster = common::cluster(3);
    let (facts, secrets) = (common::facts(&cluster, &common::debian("13")), common::secrets(&cluster));
    let inputs = Inputs { cluster: &cluster, facts: &facts, secrets: &secrets };
    desired(&inputs, &Templates::embedded().unwrap()).unwrap()
}

/// A host on which everything is as desired.
fn observed(wanted: &DesiredNode) -> ObservedNode {
    let entry = |owner: &str, group: &str, mode, folder| Entry {
        owner: owner.to_owned(),
        group: group.to_owned(),
        mode,
        folder,
        modified: WRITTEN,
    };
    let mut node = ObservedNode { owner: Some("ha".to_owned()), ..ObservedNode::default() };
    for file in &wanted.files {
        node.entries.insert(file.path.clone(), entry(&file.owner, &file.group, file.mode, false));
        node.sums.insert(file.path.clone(), file.content.sha256());
    }
    for folder in &wanted.directories {
        node.entries.insert(folder.path.clone(), entry(&folder.owner, &folder.group, folder.mode, true));
    }
    node.accounts.extend(wanted.accounts.iter().map(|account| account.name.clone()));
    node.packages.extend(wanted.packages.iter().cloned());
    for program in &wanted.programs {
        node.programs.insert(program.root.clone(), "0".repeat(64));
        node.links.extend(program.links.iter().map(|(link, to)| (link.clone(), format!("{}/{to}", program.root))));
    }
    let unit = |load: &str, active: &str, enabled: &str, started| UnitState {
        load: load.to_owned(),
        active: active.to_owned(),
        enabled: enabled.to_owned(),
        started,
        ..UnitState::default()
    };
    for service in &wanted.services {
        node.units.insert(service.unit.clone(), unit("loaded", "active", "enabled", STARTED));
    }
    for masked in &wanted.masked {
        node.units.insert(masked.clone(), unit("masked", "inactive", "masked", 0.0));
    }
    node.data.insert(DATA.to_owned());
    node
}

fn make(desired: &Desired, observed: &BTreeMap<NodeName, ObservedNode>) -> Plan {
    let order: Vec<NodeName> = desired.nodes.keys().cloned().collect();
    let data = order.iter().map(|name| (name.clone(), DATA.to_owned())).collect();
    Plan::make(desired, observed, &order, &data)
}

/// The plan of the first node after its host was changed.
fn after(change: impl FnOnce(&DesiredNode, &mut ObservedNode)) -> NodePlan {
    let desired = wanted();
    let mut hosts: BTreeMap<NodeName, ObservedNode> =
        desired.nodes.iter().map(|(name, node)| (name.clone(), observed(node))).collect();
    let (name, node) = desired.nodes.first_key_value().unwrap();
    change(node, hosts.get_mut(name).unwrap());
    let mut plan = make(desired, &hosts);
    let changed = plan.nodes.remove(name).unwrap();
    assert!(plan.is_empty(), "another node has a plan too: {plan:?}");
    changed
}

#[test]
fn what_is_as_desired_needs_nothing() {
    assert!(after(|_, _| {}).is_empty());
}

#[test]
fn a_bare_host_lacks_everything_and_the_first_one_creates_the_database() {
    let desired = wanted();
    let hosts = desired.nodes.keys().map(|name| (name.clone(), ObservedNode::default())).collect();
    let plan = make(desired, &hosts);
    assert_eq!(plan.bootstrap.as_ref(), desired.nodes.keys().next());
    for (name, node) in &desired.nodes {
        let plan = &plan.nodes[name];
        let links: usize = node.programs.iter().map(|program| program.links.len()).sum();
        assert_eq!(
            (plan.packages.len(), plan.mask.len(), plan.accounts.len(), plan.directories.len(), plan.programs.len()),
            (node.packages.len(), node.masked.len(), node.accounts.len(), node.directories.len(), node.programs.len())
        );
        assert_eq!((plan.files.len(), plan.links.len()), (node.files.len(), links));
        assert_eq!((plan.start.len(), plan.enable.len()), (node.services.len(), node.services.len()));
        assert!(plan.daemon_reload && plan.activate.is_empty());
    }
}

#[test]
fn a_database_is_never_created_beside_data_or_beside_the_unknown() {
    let desired = wanted();
    let bare: BTreeMap<NodeName, ObservedNode> =
        desired.nodes.keys().map(|name| (name.clone(), ObservedNode::default())).collect();
    for name in desired.nodes.keys() {
        let mut hosts = bare.clone();
        hosts.get_mut(name).unwrap().data.insert(DATA.to_owned());
        assert_eq!(make(desired, &hosts).bootstrap, None, "{name} holds data");
        let mut hosts = bare.clone();
        hosts.remove(name);
        let plan = make(desired, &hosts);
        assert_eq!(plan.bootstrap, None, "{name} was not asked");
        assert!(!plan.nodes.contains_key(name), "planned on a guess for {name}");
    }
}

#[test]
fn each_missing_thing_is_named_alone() {
    let first = |node: &DesiredNode| node.files[0].path.clone();
    let plan = after(|node, host| assert!(host.packages.remove(&node.packages[0])));
    assert_eq!(plan.packages.len(), 1);
    let plan = after(|node, host| assert!(host.accounts.remove(&node.accounts[0].name)));
    assert_eq!(plan.accounts.len(), 1);
    let plan = after(|node, host| host.units.get_mut(&node.masked[0]).unwrap().load = "loaded".to_owned());
    assert_eq!(plan.mask.len(), 1);
    let plan = after(|node, host| drop(host.entries.remove(&node.directories[0].path)));
    assert_eq!(plan.directories.len(), 1);
    let plan = after(|node, host| host.entries.get_mut(&node.directories[0].path).unwrap().mode = 0o777);
    assert_eq!(plan.directories.len(), 1);
    let plan = after(|node, host| drop(host.programs.remove(&node.programs[0].root)));
    assert_eq!((plan.programs.len(), plan.links.len()), (1, 0));
    let plan = after(|node, host| drop(host.links.insert(node.programs[0].links[0].0.clone(), "/old".to_owned())));
    assert_eq!((plan.programs.len(), plan.links.len()), (0, 1));
    let plan = after(|node, host| drop(host.sums.remove(&first(node))));
    assert_eq!(plan.files.len(), 1);
    let plan = after(|node, host| host.entries.get_mut(&first(node)).unwrap().owner = "nobody".to_owned());
    assert_eq!(plan.files.len(), 1);
    let plan = after(|node, host| host.units.get_mut(&node.services[0].unit).unwrap().active = "failed".to_owned());
    assert_eq!((plan.start.len(), plan.enable.len(), plan.activate.len()), (1, 0, 0));
    let plan = after(|node, host| host.units.get_mut(&node.services[0].unit).unwrap().enabled = "disabled".to_owned());
    assert_eq!((plan.start.len(), plan.enable.len()), (0, 1));
    let plan = after(|node, host| host.units.get_mut(&node.services[0].unit).unwrap().stale = true);
    assert!(plan.daemon_reload);
}

/// A file changed on disk, and its running process older than it: what its component says is done, even after a crash.
#[test]
fn a_file_newer_than_its_process_is_activated_by_its_kind() {
    let desired = wanted();
    for file in &desired.nodes.values().next().unwrap().files {
        let newer = after(|_, host| host.entries.get_mut(&file.path).unwrap().modified = STARTED + 1.0);
        let got: Vec<(ComponentName, Activation)> =
            newer.activate.iter().map(|(service, activation)| (service.component, *activation)).collect();
        let wanted = if file.activation == Activation::None { vec![] } else { vec![(file.component, file.activation)] };
        assert_eq!(got, wanted, "{}", file.path);
        assert!(newer.files.is_empty(), "{} is as desired, only not read", file.path);
        // A reload after the change has read it, if a reload is enough to read it.
        if file.activation == Activation::Reload {
            let read = after(|node, host| {
                host.entries.get_mut(&file.path).unwrap().modified = STARTED + 1.0;
                let unit = &node.services.iter().find(|service| service.component == file.component).unwrap().unit;
                host.units.get_mut(unit).unwrap().reloaded = STARTED + 2.0;
            });
            assert!(read.is_empty(), "{}: {read:?}", file.path);
        }
    }
}

/// A reload reads no new unit file: the mark of a reload must not stand for the restart that is still due.
#[test]
fn a_reload_does_not_count_as_the_restart_that_a_file_needs() {
    let desired = wanted();
    for file in desired.nodes.values().next().unwrap().files.iter().filter(|file| file.activation > Activation::Reload)
    {
        let plan = after(|node, host| {
            host.entries.get_mut(&file.path).unwrap().modified = STARTED + 1.0;
            let unit = &node.services.iter().find(|service| service.component == file.component).unwrap().unit;
            host.units.get_mut(unit).unwrap().reloaded = STARTED + 2.0;
        });
        assert_eq!(plan.activate.len(), 1, "{} was never read by a process", file.path);
    }
}

#[test]
fn the_strongest_activation_wins_and_a_stopped_service_is_started_not_activated() {
    let all = |node: &DesiredNode, host: &mut ObservedNode| {
        for file in &node.files {
            host.entries.get_mut(&file.path).unwrap().modified = STARTED + 1.0;
        }
    };
    let plan = after(all);
    assert!(plan.activate.iter().all(|(_, activation)| *activation == Activation::Unit), "{:?}", plan.activate);
    let plan = after(|node, host| {
        all(node, host);
        host.units.get_mut("haproxy.service").unwrap().active = "inactive".to_owned();
    });
    assert!(plan.activate.iter().all(|(service, _)| service.component != ComponentName::Haproxy));
    assert_eq!(plan.start.len(), 1);
}

#[test]
fn the_same_two_make_the_same_plan() {
    let desired = wanted();
    let hosts = desired.nodes.keys().map(|name| (name.clone(), ObservedNode::default())).collect();
    assert_eq!(format!("{:?}", make(desired, &hosts)), format!("{:?}", make(desired, &hosts)));
}

const SURVEYS: [&str; 2] =
    [include_str!("fixtures/host/survey-fresh.txt"), include_str!("fixtures/host/survey-installed.txt")];
const STATES: [&str; 2] =
    [include_str!("fixtures/host/state-fresh.txt"), include_str!("fixtures/host/state-installed.txt")];

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
    assert_eq!((fresh.units["etcd.service"].load.as_str(), fresh.units.len()), ("not-found", 6));
    assert_eq!((installed.entries.len(), installed.sums.len(), installed.links.len()), (20, 9, 7));
    let config = &installed.entries["/etc/patroni/patroni.yml"];
    assert_eq!((config.owner.as_str(), config.mode, config.folder), ("postgres", 0o600, false));
    assert!(installed.entries["/etc/etcd"].folder);
    let patroni = &installed.units["patroni.service"];
    assert_eq!((patroni.active.as_str(), patroni.enabled.as_str(), patroni.pid), ("active", "enabled", 4895));
    // It started before its last file was written, and was made to read it by a reload just after.
    assert!(patroni.started < config.modified && config.modified < patroni.reloaded);
    assert_eq!(installed.units["postgresql@17-main.service"].load, "masked");
    assert_eq!(installed.programs.len(), 4);
    assert!(installed.data.contains("/var/lib/postgresql/17/lab") && installed.data.contains("/var/lib/etcd/data"));
    assert_eq!(installed.owner.as_deref(), Some("lab"));
}

/// The script itself, in a real shell, on paths that a careless script would split or run.
#[test]
fn the_script_reads_hostile_paths_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let whoami = std::process::Command::new("stat").args(["-c", "%U %G"]).arg(folder.path()).output().unwrap();
    let whoami = String::from_utf8(whoami.stdout).unwrap();
    let (owner, group) = whoami.trim().split_once(' ').unwrap();
    let mut node = DesiredNode::default();
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
    let name = NodeName::new("db01").unwrap();
    let plan = |node: &DesiredNode| {
        let desired = Desired { nodes: [(name.clone(), node.clone())].into(), dcs: serde_json::Value::Null };
        let (hosts, folders) = ([(name.clone(), look(node))].into(), [(name.clone(), data.etcd.clone())].into());
        Plan::make(&desired, &hosts, std::slice::from_ref(&name), &folders)
    };
    assert!(plan(&node).is_empty(), "{:?}", plan(&node));
    assert_eq!(look(&node).data.into_iter().collect::<Vec<_>>(), std::slice::from_ref(&data.etcd));
    // A disk that does not answer is never an empty one.
    let blind = std::process::Command::new("sh")
        .args(["-c", &format!("ls() {{ return 2; }}\n{}", state_script("true")), "sh"])
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
    let lacking: Vec<String> =
        plan(&node).nodes[&name].files.iter().map(|file| file.path.rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(lacking, ["it's", "$(id)"]);
}

/// Answers of the right form with any content: every section's parser meets it.
fn sections() -> impl Strategy<Value = Vec<u8>> {
    let names = "clock|os|machine|memory|memory_limit|cpus|addresses|listeners|free|systemd|vrrp|vip_answer|sync_write\
                 |archive|uptime|entries|sums|accounts|packages|programs|links|units|data|identity|owner";
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
    fn a_damaged_answer_is_read_or_refused(which in 0..4_usize, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut answer = [SURVEYS, STATES].concat()[which].as_bytes().to_vec();
        let at = at.index(answer.len());
        if cut { answer.truncate(at) } else { answer[at] = byte }
        read(&answer);
    }

    #[test]
    fn any_length_of_a_section_is_survived(length in any::<u64>()) {
        read(format!("=clock 0 {length}\n1\n").as_bytes());
        read(format!("=clock 0 1\n1\n=free 0 {length}\n").as_bytes());
    }

    /// Whatever a host has of what is desired: after all that the plan names is there, the next plan is empty.
    #[test]
    fn what_a_plan_names_is_all_there_is_to_do(missing in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let desired = wanted();
        let (name, node) = desired.nodes.first_key_value().unwrap();
        let whole = observed(node);
        let mut host = whole.clone();
        for index in missing {
            match index.index(7) {
                0 => drop(host.packages.pop_first()),
                1 => drop(host.accounts.pop_last()),
                2 => drop(host.entries.pop_first()),
                3 => drop(host.sums.pop_last()),
                4 => drop(host.links.pop_first()),
                5 => drop(host.programs.pop_last()),
                _ => drop(host.units.pop_first()),
            }
        }
        let one = Desired { nodes: [(name.clone(), node.clone())].into(), dcs: desired.dcs.clone() };
        let plan = make(&one, &[(name.clone(), host.clone())].into());
        let plan = &plan.nodes[name];
        host.packages.extend(plan.packages.iter().cloned());
        host.accounts.extend(plan.accounts.iter().map(|Account { name, .. }| name.clone()));
        for Directory { path, .. } in &plan.directories {
            host.entries.insert(path.clone(), whole.entries[path].clone());
        }
        for file in &plan.files {
            host.entries.insert(file.path.clone(), whole.entries[&file.path].clone());
            host.sums.insert(file.path.clone(), file.content.sha256());
        }
        host.programs.extend(plan.programs.iter().map(|program| (program.root.clone(), String::new())));
        host.links.extend(plan.links.iter().cloned());
        for unit in plan.start.iter().map(|Service { unit, .. }| unit).chain(&plan.mask) {
            host.units.insert(unit.clone(), whole.units[unit].clone());
        }
        prop_assert!(make(&one, &[(name.clone(), host)].into()).is_empty());
    }
}

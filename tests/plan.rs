//! Plans: what is as desired needs nothing, whatever is missing is named, and what no process has read yet is made to be read.

#![allow(clippy::unwrap_used, reason = "a fixture that does not fit has failed")]

mod common;

use std::collections::BTreeMap;

use common::look::{self, Look, OTHER, STARTED, ids, name, only};
use proptest::prelude::*;
use quorate::component::{Account, Activation, ComponentName, DesiredNode, Directory};
use quorate::plan::{Action, Impact, LiveFile, ObservedNode, Part, Plan, SettingChange, Summary, Verb};
use quorate::verify::Standing;
use serde_json::{Value, json};

/// The look of a cluster that is as desired; rendered once.
fn settled() -> Look {
    static SETTLED: std::sync::LazyLock<Look> = std::sync::LazyLock::new(Look::settled);
    SETTLED.clone()
}

/// The plan after the first host was changed.
fn after(change: impl FnOnce(&DesiredNode, &mut ObservedNode)) -> Plan {
    settled().has("db01", change).plan()
}

/// Hosts on which nothing is yet.
fn bare() -> Look {
    let mut look = settled();
    look.nodes.values_mut().for_each(|node| *node = ObservedNode::default());
    look.details.clear();
    look.standing = Standing::default();
    look
}

#[test]
fn what_is_as_desired_needs_nothing() {
    let plan = settled().plan();
    assert!(plan.is_empty(), "{:?}", ids(&plan));
    assert!(plan.refused.is_empty() && plan.settings.changes.is_empty() && plan.roles.is_empty());
}

#[test]
fn a_bare_host_lacks_everything_and_the_first_one_creates_the_database() {
    let look = bare();
    let plan = look.plan();
    assert_eq!(plan.bootstrap, Some(name("db01")));
    for (name, node) in &look.desired.nodes {
        let plan = &plan.nodes[name];
        let links: usize = node.programs.iter().map(|program| program.links.len()).sum();
        assert_eq!(
            (plan.packages.len(), plan.mask.len(), plan.accounts.len(), plan.directories.len(), plan.programs.len()),
            (node.packages.len(), node.masked.len(), node.accounts.len(), node.directories.len(), node.programs.len())
        );
        assert_eq!((plan.files.len(), plan.links.len()), (node.files.len(), links));
    }
    assert_eq!(
        ids(&plan),
        [
            "db01/host/prepare",
            "db02/host/prepare",
            "db03/host/prepare",
            "db01/etcd/start",
            "db02/etcd/start",
            "db03/etcd/start",
            "db01/patroni/bootstrap",
            "db02/patroni/start",
            "db03/patroni/start",
            "cluster/postgresql/sql",
            "db01/haproxy/start",
            "db02/haproxy/start",
            "db03/haproxy/start",
            "db01/keepalived/start",
            "db02/keepalived/start",
            "db03/keepalived/start",
        ]
    );
    assert!(plan.actions.iter().all(|action| action.impact == Impact::None), "a bare host has no clients");
    let live: usize = plan.actions.iter().flat_map(|action| action.parts.values()).map(|part| part.files.len()).sum();
    assert_eq!(live, look.desired.nodes.values().map(|node| node.files.len()).sum::<usize>(), "a file never goes live");
}

#[test]
fn a_database_is_never_created_beside_data_or_beside_the_unknown() {
    for node in ["db01", "db02", "db03"] {
        let mut look = bare();
        let folder = look.data[&name(node)].postgresql.clone();
        look.nodes.get_mut(&name(node)).unwrap().data.insert(folder);
        assert_eq!(look.plan().bootstrap, None, "{node} holds data");
        let mut look = bare();
        look.nodes.remove(&name(node));
        let plan = look.plan();
        assert_eq!(plan.bootstrap, None, "{node} was not asked");
        assert!(!plan.nodes.contains_key(&name(node)), "planned on a guess for {node}");
    }
}

#[test]
fn a_node_that_may_not_lead_does_not_create_the_database() {
    let mut look = bare();
    look.cluster.nodes[0].tags.nofailover = true;
    assert_eq!(look.plan().bootstrap, Some(name("db02")));
}

#[test]
fn each_missing_thing_is_named_alone() {
    let prepares = |why: &str, change: fn(&DesiredNode, &mut ObservedNode)| {
        let plan = after(change);
        let action = only(&plan);
        assert_eq!((action.id.as_str(), action.impact), ("db01/host/prepare", Impact::None));
        assert!(action.why.len() == 1 && action.why[0].contains(why), "{why}: {:?}", action.why);
    };
    prepares("1 package", |node, host| assert!(host.packages.remove(&node.packages[0])));
    prepares("1 account", |node, host| assert!(host.accounts.remove(&node.accounts[0].name)));
    prepares("1 unit to mask", |node, host| {
        "loaded".clone_into(&mut host.units.get_mut(&node.masked[0]).unwrap().load);
    });
    prepares("1 folder", |node, host| drop(host.entries.remove(&node.directories[0].path)));
    prepares("1 folder", |node, host| host.entries.get_mut(&node.directories[0].path).unwrap().mode = 0o777);
    prepares("1 folder", |node, host| host.entries.get_mut(&node.directories[0].path).unwrap().folder = false);
    prepares("etcd ", |node, host| drop(host.programs.remove(&node.programs[0].root)));
    prepares("1 link", |node, host| drop(host.links.insert(node.programs[0].links[0].0.clone(), "/old".to_owned())));
    let unit = |node: &DesiredNode| node.services[0].unit.clone();
    let plan = after(|node, host| "failed".clone_into(&mut host.units.get_mut(&unit(node)).unwrap().active));
    assert_eq!(
        (ids(&plan), only(&plan).why.as_slice()),
        (vec!["db01/etcd/start"], ["etcd.service is failed".to_owned()].as_slice())
    );
    let plan = after(|node, host| drop(host.units.remove(&unit(node))));
    assert_eq!(only(&plan).why, ["etcd.service is not there"]);
    let plan = after(|node, host| "disabled".clone_into(&mut host.units.get_mut(&unit(node)).unwrap().enabled));
    assert_eq!(
        (ids(&plan), only(&plan).why.as_slice()),
        (vec!["db01/etcd/start"], ["etcd.service is not enabled for the boot".to_owned()].as_slice())
    );
    assert!(only(&plan).parts.is_empty());
    let plan = after(|node, host| host.units.get_mut(&unit(node)).unwrap().stale = true);
    assert_eq!(
        (ids(&plan), only(&plan).why.as_slice()),
        (vec!["db01/etcd/reload"], ["systemd has an older unit".to_owned()].as_slice())
    );
}

/// A file that is not there goes live; one with a wrong owner alone keeps its date, since no process reads that anew.
#[test]
fn a_file_that_is_missing_or_has_another_owner() {
    let look = settled();
    for file in &look.desired.nodes[&name("db01")].files {
        let mut missing =
            look.clone().has("db01", |_, host| drop((host.sums.remove(&file.path), host.entries.remove(&file.path))));
        missing.details.get_mut(&name("db01")).unwrap().files.remove(&file.path);
        let plan = missing.plan();
        let expected = usual(file.component, file.activation);
        let action = only(&plan);
        assert_eq!(action.id, expected, "{}", file.path);
        assert_eq!(action.parts[&name("db01")].files, [LiveFile { path: file.path.clone(), keep_date: false }]);
        assert_eq!(plan.nodes[&name("db01")].files.iter().map(|file| &file.path).collect::<Vec<_>>(), [&file.path]);

        let plan = look
            .clone()
            .has("db01", |_, host| "nobody".clone_into(&mut host.entries.get_mut(&file.path).unwrap().owner))
            .plan();
        let action = only(&plan);
        assert_eq!((action.verb, action.impact), (Verb::Write, Impact::None), "{}", file.path);
        assert_eq!(action.parts[&name("db01")].files, [LiveFile { path: file.path.clone(), keep_date: true }]);
    }
}

/// The id of what makes db01's service take such a file over.
fn usual(component: ComponentName, activation: Activation) -> String {
    let verb = match (activation, component) {
        (Activation::None, _) => "write",
        (Activation::Reload, _) => "reload",
        (_, ComponentName::Patroni) => return "cluster/patroni/pause-restart".to_owned(),
        _ => "restart",
    };
    format!("db01/{component}/{verb}")
}

/// A file changed on disk, and its running process older than it: what its component says is done, even after a crash.
#[test]
fn a_file_newer_than_its_process_is_activated_by_its_kind() {
    let look = settled();
    for file in &look.desired.nodes[&name("db01")].files {
        let newer = |read: f64| {
            after(|node, host| {
                host.entries.get_mut(&file.path).unwrap().modified = STARTED + 1.0;
                let unit = &node.services.iter().find(|service| service.component == file.component).unwrap().unit;
                host.units.get_mut(unit).unwrap().reloaded = read;
            })
        };
        let (unread, reloaded) = (newer(0.0), newer(STARTED + 2.0));
        let expected = usual(file.component, file.activation);
        if file.activation == Activation::None {
            assert!(unread.is_empty(), "{} is read when it is needed", file.path);
            continue;
        }
        assert_eq!(ids(&unread), [expected.as_str()], "{}", file.path);
        let part = &only(&unread).parts[&name("db01")];
        assert!(part.files.is_empty() && part.links.is_empty(), "{} is as desired, only not read", file.path);
        // A reload reads no new unit file: its mark must not stand for the restart that is still due.
        assert_eq!(reloaded.is_empty(), file.activation == Activation::Reload, "{}: {:?}", file.path, ids(&reloaded));
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
    assert_eq!(
        ids(&plan),
        ["db01/etcd/restart", "cluster/patroni/pause-restart", "db01/haproxy/restart", "db01/keepalived/restart"]
    );
    let plan = after(|node, host| {
        all(node, host);
        "inactive".clone_into(&mut host.units.get_mut("haproxy.service").unwrap().active);
    });
    assert_eq!(
        ids(&plan),
        ["db01/etcd/restart", "cluster/patroni/pause-restart", "db01/haproxy/start", "db01/keepalived/restart"]
    );
}

#[test]
fn a_restart_that_was_begun_stays_due_until_the_process_is_newer() {
    for (unit, id) in [
        ("etcd.service", "db01/etcd/restart"),
        ("patroni.service", "cluster/patroni/pause-restart"),
        ("haproxy.service", "db01/haproxy/restart"),
        ("keepalived.service", "db01/keepalived/restart"),
    ] {
        let due = |at: f64| after(|_, host| host.units.get_mut(unit).unwrap().restart_due = at);
        let plan = due(STARTED + 0.5);
        assert_eq!(ids(&plan), [id]);
        assert!(only(&plan).why[0].ends_with("a restart that was begun"), "{:?}", only(&plan).why);
        assert!(due(STARTED - 0.5).is_empty(), "{unit} was restarted since");
        let plan = after(|_, host| {
            let unit = host.units.get_mut(unit).unwrap();
            (unit.restart_due, unit.active) = (STARTED + 0.5, "inactive".to_owned());
        });
        assert_eq!(only(&plan).verb, Verb::Start, "what does not run is started, not restarted");
    }
}

#[test]
fn a_change_that_nobody_confirmed_is_gone_through_once_more() {
    for component in [ComponentName::Etcd, ComponentName::Patroni, ComponentName::Haproxy, ComponentName::Keepalived] {
        let plan = after(|_, host| assert!(host.undo.insert(format!("{component}.service"))));
        let action = only(&plan);
        assert_eq!((action.id.clone(), action.impact), (format!("db01/{component}/write"), Impact::None));
        assert_eq!(action.why, ["a run that died did not confirm its change"]);
    }
}

/// The mark of a pause is ours; without it, the pause is an operator's own. A mark that was left behind goes, or it would pass
/// the next pause of an operator off as ours.
#[test]
fn only_a_pause_of_ours_is_ended() {
    let look = |paused: bool, undo: &[&str]| {
        let marks = undo.iter().map(|one| (*one).to_owned());
        let mut look = settled().has("db02", |_, host| host.undo.extend(marks));
        look.standing.paused = paused;
        look.plan()
    };
    assert!(look(true, &[]).is_empty());
    for (paused, why) in
        [(true, "a run that died left the cluster paused"), (false, "a run that died left the mark of a pause")]
    {
        let plan = look(paused, &["pause"]);
        assert_eq!(
            (ids(&plan), only(&plan).why.as_slice()),
            (vec!["cluster/patroni/resume"], [why.to_owned()].as_slice())
        );
    }
}

#[test]
fn another_version_of_a_program_is_a_restart_with_its_links() {
    let programs = [
        (ComponentName::Etcd, "db01/etcd/restart", "etcd.program", Impact::RestartReplica),
        (ComponentName::Patroni, "cluster/patroni/pause-restart", "patroni.program", Impact::RestartReplica),
        (ComponentName::Haproxy, "db01/haproxy/restart", "haproxy.program", Impact::Switchover),
        (ComponentName::Keepalived, "db01/keepalived/restart", "keepalived.program", Impact::Switchover),
    ];
    for (component, id, rule, impact) in programs {
        // The new program is not there yet: it is brought before, and its links change with the restart.
        let plan = after(|node, host| {
            let program = node.programs.iter().find(|program| program.component == component).unwrap();
            host.programs.remove(&program.root);
            host.programs.insert(format!("/opt/quorate/{component}-0.1"), String::new());
            for (link, to) in &program.links {
                host.links.insert(link.clone(), format!("/opt/quorate/{component}-0.1/{to}"));
            }
            let unit = host.units.get_mut(&format!("{component}.service")).unwrap();
            unit.program = format!("/opt/quorate/{component}-0.1/bin/x");
        });
        assert_eq!(ids(&plan), ["db01/host/prepare", id]);
        let action = &plan.actions[1];
        assert_eq!((action.rules.as_slice(), action.impact), ([rule].as_slice(), impact));
        assert!(action.why[0].contains("version "), "{:?}", action.why);
        let wanted = settled().desired.nodes[&name("db01")]
            .programs
            .iter()
            .find(|one| one.component == component)
            .unwrap()
            .clone();
        let links: Vec<_> =
            wanted.links.iter().map(|(link, to)| (link.clone(), format!("{}/{to}", wanted.root))).collect();
        assert_eq!(action.parts[&name("db01")], Part { files: vec![], links });
        assert!(plan.nodes[&name("db01")].links.is_empty(), "links of a serving program changed before its restart");
        // Brought and linked by a run that died: the process is the old one still.
        let plan = after(|_, host| {
            host.units.get_mut(&format!("{component}.service")).unwrap().program =
                "/opt/quorate/old-0.1/bin/x".to_owned();
        });
        assert_eq!(ids(&plan), [id]);
        // A program of another root whose name begins alike is another one.
        let plan = after(|_, host| {
            let unit = host.units.get_mut(&format!("{component}.service")).unwrap();
            unit.program = unit.program.replacen("/bin/", ".1/bin/", 1);
        });
        assert_eq!(ids(&plan), [id]);
        assert!(
            after(|_, host| host.units.get_mut(&format!("{component}.service")).unwrap().program.clear()).is_empty()
        );
    }
}

#[test]
fn a_package_replaced_under_its_process_is_a_restart() {
    let mut look =
        settled().wants(|look| look.cluster.haproxy.install = Some(quorate::cluster::InstallMethod::Package));
    for (name, node) in &look.desired.nodes {
        let mut host = look::observed(node);
        host.data = look.nodes[name].data.clone();
        host.applied = look.nodes[name].applied.clone();
        look.nodes.insert(name.clone(), host);
    }
    let runs = |program: &str| {
        let look = look.clone();
        look.has("db03", |_, host| program.clone_into(&mut host.units.get_mut("haproxy.service").unwrap().program))
            .plan()
    };
    assert!(runs("/usr/sbin/haproxy").is_empty());
    let plan = runs("/usr/sbin/haproxy (deleted)");
    assert_eq!(ids(&plan), ["db03/haproxy/restart"]);
    assert_eq!(
        (only(&plan).impact, only(&plan).why.as_slice()),
        (Impact::RestartReplica, ["its package was replaced".to_owned()].as_slice())
    );
}

/// Sets a live file's text on one host.
fn lives(mut look: Look, node: &str, path: &str, change: impl FnOnce(&str) -> String) -> Look {
    let text = look.details.get_mut(&name(node)).unwrap().files.get_mut(path).unwrap();
    *text = change(text);
    let sum = quorate::cluster::sha256(text.as_bytes());
    look.has(node, |_, host| drop(host.sums.insert(path.to_owned(), sum)))
}

#[test]
fn comments_go_live_with_the_date_of_the_former_file() {
    let look = settled();
    for file in &look.desired.nodes[&name("db02")].files {
        let plan = lives(look.clone(), "db02", &file.path, |text| text.to_owned() + "\n# an older comment\n").plan();
        let action = only(&plan);
        if file.path.ends_with("quorate-check") {
            assert_eq!(action.rules, ["keepalived.script"], "a script has no keys");
            continue;
        }
        assert_eq!(
            (action.id.clone(), action.impact),
            (format!("db02/{}/write", file.component), Impact::None),
            "{}",
            file.path
        );
        assert!(action.why[0].ends_with(": comments only") && action.rules.is_empty(), "{:?}", action.why);
        assert_eq!(action.parts[&name("db02")].files, [LiveFile { path: file.path.clone(), keep_date: true }]);
    }
}

/// A process may have read, at a reload that nobody knows of, what somebody wrote meanwhile: only its own way is sure then.
#[test]
fn a_file_that_was_edited_since_it_was_read_is_read_anew() {
    let look = settled();
    for file in look.desired.nodes[&name("db01")].files.iter().filter(|file| file.activation != Activation::None) {
        let edited = lives(look.clone(), "db01", &file.path, |text| text.to_owned() + "\n# by hand\n");
        let plan =
            edited.has("db01", |_, host| host.entries.get_mut(&file.path).unwrap().modified = STARTED + 1.0).plan();
        assert_eq!(only(&plan).id, usual(file.component, file.activation), "{}", file.path);
        assert_eq!(only(&plan).parts[&name("db01")].files, [LiveFile { path: file.path.clone(), keep_date: false }]);
    }
}

#[test]
fn what_only_a_new_cluster_reads_is_no_drift() {
    let other = |text: &str| text.replace("ETCD_INITIAL_CLUSTER_STATE=new", "ETCD_INITIAL_CLUSTER_STATE=existing");
    let look = settled();
    let live = &look.details[&name("db01")].files["/etc/etcd/etcd.env"];
    assert_ne!(&other(live), live);
    assert!(lives(look.clone(), "db01", "/etc/etcd/etcd.env", other).plan().is_empty());
    // Beside another key it goes live with that.
    let both = |text: &str| other(text).replace("ETCD_HEARTBEAT_INTERVAL=", "ETCD_HEARTBEAT_INTERVAL=9");
    let plan = lives(look, "db01", "/etc/etcd/etcd.env", both).plan();
    assert_eq!(
        (ids(&plan), only(&plan).why.as_slice()),
        (vec!["db01/etcd/restart"], ["etcd.env: ETCD_HEARTBEAT_INTERVAL".to_owned()].as_slice())
    );
}

/// Where the live text is not known, the safe way is the file's own.
#[test]
fn what_can_not_be_compared_takes_the_files_own_way() {
    let look = settled();
    for file in &look.desired.nodes[&name("db01")].files {
        let mut unread = look.clone().has("db01", |_, host| drop(host.sums.insert(file.path.clone(), "0".repeat(64))));
        unread.details.clear();
        let plan = unread.plan();
        assert_eq!(only(&plan).id, usual(file.component, file.activation), "{}", file.path);
        assert!(only(&plan).why[0].ends_with(": is not there, or could not be compared"), "{:?}", only(&plan).why);
    }
}

#[test]
fn every_field_of_an_action_is_told() {
    let plan = settled().wants(|look| look.cluster.etcd.heartbeat_ms += 50).plan();
    let first = &plan.actions[0];
    let path = "/etc/etcd/etcd.env".to_owned();
    assert_eq!(
        *first,
        Action {
            id: "db01/etcd/restart".to_owned(),
            node: Some(name("db01")),
            component: ComponentName::Etcd,
            verb: Verb::Restart,
            why: vec!["etcd.env: ETCD_HEARTBEAT_INTERVAL".to_owned()],
            impact: Impact::RestartReplica,
            effect: "no client notices: a majority of etcd serves all along".to_owned(),
            rules: vec!["etcd.runtime"],
            parts: BTreeMap::from([(
                name("db01"),
                Part { files: vec![LiveFile { path, keep_date: false }], links: vec![] }
            )]),
        }
    );
    let mut told = serde_json::to_value(first).unwrap();
    assert_eq!(
        told.as_object_mut().map(std::mem::take).map(Value::Object),
        Some(json!({
            "id": "db01/etcd/restart", "node": "db01", "component": "etcd", "verb": "restart", "impact": "restart-replica",
            "why": ["etcd.env: ETCD_HEARTBEAT_INTERVAL"], "rules": ["etcd.runtime"],
            "effect": "no client notices: a majority of etcd serves all along",
        }))
    );
    let whole = settled().wants(|look| {
        look.cluster.etcd.heartbeat_ms += 50;
        look.cluster.haproxy.timeout_client += 60;
        set(look, "max_replication_slots", 20);
    });
    assert_eq!(
        Summary::of(&whole.plan().actions),
        Summary {
            actions: 10,
            files: 6,
            reloads: 3,
            restarts: 5,
            switchovers: 1,
            impact: Impact::Switchover,
            write_pause_s: Some((1, 6))
        }
    );
    assert_eq!(Summary::of(&[]), Summary::default());
}

fn set(look: &mut Look, parameter: &str, value: i64) {
    let name = quorate::cluster::Identifier::new(parameter).unwrap();
    look.cluster.postgresql.parameters.insert(name, quorate::cluster::ParameterValue::Integer(value));
}

#[test]
fn the_node_that_matters_most_comes_last() {
    let plan = |leader: &str, etcd: &str, vip: &str| {
        let mut look = settled().wants(|look| {
            look.cluster.etcd.heartbeat_ms += 50;
            look.cluster.haproxy.timeout_client += 60;
            look.cluster.nodes.iter_mut().for_each(|node| node.tags.clonefrom = true);
            set(look, "max_replication_slots", 20);
        });
        look.standing.leader = Some(name(leader));
        look.standing.etcd_leader = Some(name(etcd));
        look.standing.vip_holder = Some(name(vip));
        look.standing.streaming =
            ["db01", "db02", "db03"].into_iter().filter(|node| *node != leader).map(name).collect();
        look.standing.synchronous.clear();
        look.plan()
    };
    let order = |plan: &Plan, what: &str| -> Vec<String> {
        let those = plan.actions.iter().filter(|action| action.id.contains(what));
        those.map(|action| action.node.as_ref().unwrap().to_string()).collect()
    };
    for (last, expected) in
        [("db01", ["db02", "db03", "db01"]), ("db02", ["db01", "db03", "db02"]), ("db03", ["db01", "db02", "db03"])]
    {
        assert_eq!(order(&plan("db01", last, "db02"), "/etcd/"), expected);
        assert_eq!(order(&plan("db01", "db02", last), "/haproxy/"), expected);
        let plan = plan(last, "db02", "db01");
        assert_eq!(order(&plan, "/patroni/reload"), expected);
        assert_eq!(order(&plan, "/postgresql/"), expected);
        assert_eq!(plan.actions.iter().find(|action| action.verb == Verb::Switchover).unwrap().node, Some(name(last)));
    }
}

#[test]
fn restarts_that_members_wait_for_are_planned() {
    let waits = |nodes: &[&str]| {
        let mut look = settled();
        look.standing.pending = nodes.iter().map(|node| name(node)).collect();
        look.plan()
    };
    assert_eq!(ids(&waits(&["db03"])), ["db03/postgresql/restart-database"]);
    assert_eq!(ids(&waits(&["db01"])), ["db01/postgresql/switchover"]);
    assert_eq!(
        ids(&waits(&["db01", "db02", "db03"])),
        ["db02/postgresql/restart-database", "db03/postgresql/restart-database", "db01/postgresql/switchover"]
    );
    assert_eq!(only(&waits(&["db03"])).why, ["a restart that Patroni waits for"]);
}

/// What was patched by a run that died, and not restarted for yet, is seen by what PostgreSQL runs with.
#[test]
fn what_postgresql_does_not_run_with_yet_is_named() {
    let mut look = settled();
    for node in ["db02", "db03"] {
        look.details.get_mut(&name(node)).unwrap().parameters.get_mut("shared_buffers").unwrap().setting =
            "7".to_owned();
        look.standing.pending.insert(name(node));
    }
    let plan = look.plan();
    assert_eq!(ids(&plan), ["db02/postgresql/restart-database", "db03/postgresql/restart-database"]);
    assert_eq!(plan.actions[0].why, ["shared_buffers"]);
}

#[test]
fn a_leader_without_a_standby_that_may_lead_restarts_in_place() {
    let mut look = settled();
    look.standing.pending = [name("db01")].into();
    look.standing.streaming.clear();
    look.standing.synchronous.clear();
    assert_eq!(
        (ids(&look.plan()), only(&look.plan()).impact),
        (vec!["db01/postgresql/restart-database"], Impact::RestartLeader)
    );
    look.standing.streaming = [name("db02"), name("db03")].into();
    assert_eq!(only(&look.plan()).verb, Verb::Switchover);
    look.cluster.nodes[1].tags.nofailover = true;
    look.cluster.nodes[2].tags.nofailover = true;
    assert_eq!(only(&look.plan()).impact, Impact::RestartLeader);
    // Only a synchronous standby may take over where there is one: another could lose commits.
    look.cluster.nodes[2].tags.nofailover = false;
    look.standing.synchronous = [name("db02")].into();
    assert_eq!(only(&look.plan()).impact, Impact::RestartLeader);
}

#[test]
fn a_change_of_the_settings_is_one_patch_with_its_way_back() {
    let plan = settled().wants(|look| look.cluster.timings.loop_wait = 7).plan();
    assert_eq!(ids(&plan), ["cluster/patroni/patch"]);
    assert_eq!(
        plan.settings.changes,
        [SettingChange { path: "loop_wait".to_owned(), from: json!(10), to: json!(7), drift: false }]
    );
    assert_eq!((&plan.settings.patch, &plan.settings.undo), (&json!({"loop_wait": 7}), &json!({"loop_wait": 10})));
    let mut drifted = settled();
    drifted.standing.settings.as_mut().unwrap()["loop_wait"] = json!(12);
    assert!(drifted.plan().settings.changes[0].drift, "changed by hand");
    let mut own = settled();
    own.standing.settings.as_mut().unwrap()["postgresql"]["parameters"]["track_io_timing"] = json!("on");
    assert!(own.plan().is_empty(), "an operator's own key was touched");
}

#[test]
fn roles_are_changed_when_their_statements_are_not_those_applied_last() {
    use quorate::cluster::{Secret, SecretName};
    let plan = settled()
        .wants(|look| look.secrets.insert(SecretName::Replication, Secret::new("another-one-0123456789".to_owned())))
        .plan();
    let sql = &plan.actions[0];
    assert_eq!(
        (sql.id.as_str(), sql.why.as_slice(), sql.rules.as_slice()),
        ("cluster/postgresql/sql", ["role replicator".to_owned()].as_slice(), ["roles"].as_slice())
    );
    assert!(plan.actions[1..].iter().all(|action| action.id.ends_with("/patroni/reload")), "{:?}", ids(&plan));
    // The newest generation counts, whichever host has it.
    let mut look = settled();
    look.nodes.get_mut(&name("db01")).unwrap().applied = None;
    assert!(look.plan().is_empty());
    look.nodes.values_mut().for_each(|node| node.applied = None);
    assert_eq!(only(&look.plan()).why.len(), look.desired.roles.len(), "what nobody knows of is applied");
}

#[test]
fn the_same_two_make_the_same_plan() {
    let look = settled().wants(|look| look.cluster.every_version());
    assert_eq!(format!("{:?}", look.plan()), format!("{:?}", look.plan()));
    assert_eq!(format!("{:?}", bare().plan()), format!("{:?}", bare().plan()));
}

/// Every component in another version.
trait Versions {
    fn every_version(&mut self);
}

impl Versions for quorate::cluster::Cluster {
    fn every_version(&mut self) {
        for version in
            [&mut self.etcd.version, &mut self.haproxy.version, &mut self.keepalived.version, &mut self.patroni.version]
        {
            *version = Some(OTHER);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a host has of what is desired: after all that the plan names is there, the next plan is empty.
    #[test]
    fn what_a_plan_names_is_all_there_is_to_do(missing in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let mut look = settled();
        let first = name("db01");
        let whole = look.nodes[&first].clone();
        let host = look.nodes.get_mut(&first).unwrap();
        for index in missing {
            match index.index(8) {
                0 => drop(host.packages.pop_first()),
                1 => drop(host.accounts.pop_last()),
                2 => drop(host.entries.pop_first()),
                3 => drop(host.sums.pop_last()),
                4 => drop(host.links.pop_first()),
                5 => drop(host.programs.pop_last()),
                6 => drop(host.undo.insert("etcd.service".to_owned())),
                _ => drop(host.units.pop_first()),
            }
        }
        let plan = look.plan();
        let lacks = &plan.nodes[&first];
        let host = look.nodes.get_mut(&first).unwrap();
        host.packages.extend(lacks.packages.iter().cloned());
        host.accounts.extend(lacks.accounts.iter().map(|Account { name, .. }| name.clone()));
        for Directory { path, .. } in &lacks.directories {
            host.entries.insert(path.clone(), whole.entries[path].clone());
        }
        host.programs.extend(lacks.programs.iter().map(|program| (program.root.clone(), String::new())));
        host.links.extend(lacks.links.iter().cloned());
        for unit in &lacks.mask {
            host.units.insert(unit.clone(), whole.units[unit].clone());
        }
        for action in &plan.actions {
            let unit = format!("{}.service", action.component);
            host.undo.remove(&unit);
            if action.verb == Verb::Start {
                host.units.insert(unit, whole.units[&format!("{}.service", action.component)].clone());
            }
            for part in action.parts.values() {
                host.links.extend(part.links.iter().cloned());
                for file in &part.files {
                    host.entries.insert(file.path.clone(), whole.entries[&file.path].clone());
                    host.sums.insert(file.path.clone(), whole.sums[&file.path].clone());
                }
            }
        }
        let again = look.plan();
        prop_assert!(again.is_empty(), "{:?} left {:?}", ids(&plan), ids(&again));
    }
}

/// The firewall opens before anything needs it; once a cluster serves, it follows what it belongs to.
#[test]
fn the_firewall_is_told_first_on_bare_hosts_and_last_on_a_running_cluster() {
    let ids_of = |look: &Look| ids(&look.plan()).into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert!(Look::behind_firewalld().plan().is_empty());
    let told: Vec<String> = ["db01", "db02", "db03"].map(|node| format!("{node}/firewalld/reload")).to_vec();

    let moved = Look::behind_firewalld().wants(|look| look.cluster.haproxy.primary_port = 6000);
    let moved = ids_of(&moved);
    assert_eq!(moved.first().map(String::as_str), Some("cluster/haproxy/reload"));
    assert!(moved.ends_with(&told), "{moved:?}");

    let mut bare = Look::behind_firewalld();
    for node in bare.nodes.values_mut() {
        *node = ObservedNode::default();
    }
    bare.standing = Standing::default();
    bare.details.clear();
    let bare = ids_of(&bare);
    let after: Vec<&String> = bare.iter().filter(|id| !id.ends_with("/prepare")).collect();
    assert_eq!(after[..3], told.iter().collect::<Vec<_>>(), "{bare:?}");
    assert!(!bare.iter().any(|id| id.contains("firewalld/start")), "it is not ours to start");
}

/// A policy that was written by a run that died before the reload is not what firewalld lets in.
#[test]
fn a_policy_that_firewalld_has_not_read_is_told_it() {
    let look = Look::behind_firewalld().has("db02", |_, host| {
        host.entries.get_mut(quorate::component::firewalld::POLICY).unwrap().modified = STARTED + 1.0;
    });
    assert_eq!(ids(&look.plan()), ["db02/firewalld/reload"]);
    let reloaded =
        look.has("db02", |_, host| host.units.get_mut("firewalld.service").unwrap().reloaded = STARTED + 2.0);
    assert!(reloaded.plan().is_empty());
}

/// What `SELinux`'s policy would label otherwise, and what is brought where it judges, is labelled by the action that brings things.
#[test]
fn labels_and_booleans_of_selinux_are_part_of_preparing() {
    let mut look = settled();
    for node in look.desired.nodes.values_mut() {
        node.labelled = true;
    }
    assert!(look.plan().is_empty(), "nothing is labelled again");
    let look = look.has("db01", |wanted, host| {
        host.labels.extend([format!("{}/bin/x", wanted.programs[0].root), "/etc/etcd/etcd.env".to_owned()]);
        host.booleans.insert("haproxy_connect_any".to_owned());
    });
    let plan = look.plan();
    let action = common::look::only(&plan);
    assert_eq!((action.id.as_str(), action.impact), ("db01/host/prepare", Impact::None));
    assert_eq!(action.why, ["SELinux: haproxy_connect_any on", "2 labels of SELinux"]);
    let root = look.desired.nodes[&name("db01")].programs[0].root.clone();
    assert_eq!(plan.nodes[&name("db01")].labels, ["/etc/etcd/etcd.env".to_owned(), root]);
}

/// The archive of packages is named where it is new, and set up where a package is missing.
#[test]
fn an_archive_is_set_up_only_for_packages_that_are_missing() {
    let mut look = settled();
    let archive =
        quorate::component::Repository { name: "the archive", mark: "/etc/mark", script: "", args: Vec::new() };
    for node in look.desired.nodes.values_mut() {
        node.repositories.push(archive.clone());
    }
    assert!(look.plan().is_empty(), "a host that has the packages needs no archive");
    let look = look.has("db03", |wanted, host| assert!(host.packages.remove(&wanted.packages[0])));
    assert_eq!(common::look::only(&look.plan()).why, ["the archive", "1 package"]);
    let mark =
        quorate::plan::Entry { owner: "root".into(), group: "root".into(), mode: 0o644, folder: false, modified: 1.0 };
    let look = look.has("db03", |_, host| drop(host.entries.insert("/etc/mark".to_owned(), mark)));
    let plan = look.plan();
    assert_eq!(common::look::only(&plan).why, ["1 package"]);
    assert_eq!(plan.nodes[&name("db03")].repositories, [archive]);
}

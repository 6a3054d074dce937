//! A run that fails at any one command, in any one way: it ends with the right exit code, and the same run again converges.
//!
//! The hosts are fakes that keep state (`fake/`): here the order and the outcome are proven, not the scripts.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod common;
mod fake;

use std::collections::BTreeMap;

use fake::bench::{Bench, Ran};
use fake::{Fault, Machine, Shared};
use quorate::apply::{ApplyError, Event};
use quorate::cluster::NodeName;
use quorate::verify::{Level, Verdict};

/// Runs again without a fault: everything well, and a third run changes nothing.
fn converges(bench: &Bench, world: &Shared, after: &str) {
    world.with(|world| world.fault = None);
    let outcome =
        bench.run(world).outcome.unwrap_or_else(|error| panic!("after {after}: {error} {:?}", error.detail()));
    assert_eq!(Verdict::of(&outcome.findings).level(), Level::Ok, "after {after}: {:?}", outcome.findings);
    let before = machines(world);
    let left: Vec<_> = before
        .iter()
        .flat_map(|(name, machine)| machine.staged.keys().map(move |path| format!("{name}:{path}")))
        .collect();
    assert!(left.is_empty(), "after {after}: staged files were left: {left:?}");
    for (name, machine) in &before {
        let creates = machine.live["/etc/patroni/patroni.yml"].text().contains("\nbootstrap:");
        assert!(!creates, "after {after}: {name} keeps a file that could create a second database");
    }
    let from = world.with(|world| world.seen.len());
    let again = bench.run(world).outcome.unwrap();
    assert!(!again.changed, "after {after}: the run after it did {:?}", world.steps(from));
    assert_eq!(machines(world), before);
    assert!(
        world.with(|world| world.violations.is_empty()),
        "after {after}: {:?}",
        world.with(|w| w.violations.clone())
    );
}

fn machines(world: &Shared) -> BTreeMap<NodeName, Machine> {
    world.machines()
}

/// What only asks: its failure is either a refusal before any change, or a gate that asks again.
fn asks(step: &str) -> bool {
    ["surveying", "reading", "asking", "waking"].contains(&step.split(' ').next().unwrap())
}

#[test]
fn bare_hosts_become_a_cluster_and_the_next_run_has_nothing_to_do() {
    let bench = Bench::new();
    let world = bench.world();
    let Ran { outcome, events, .. } = bench.run(&world);
    assert!(outcome.unwrap().changed);
    assert_eq!(world.0.lock().unwrap().leader.as_ref(), Some(&bench.cluster.nodes[0].name));
    for machine in machines(&world).values() {
        let patroni = machine.live["/etc/patroni/patroni.yml"].text();
        assert!(!patroni.contains("\nbootstrap:"), "a file that could create a second database was left");
    }
    let phases: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::Phase { name } => Some(*name),
            _ => None,
        })
        .collect();
    assert_eq!(phases, ["observe", "build", "install", "activate", "verify"]);
    converges(&bench, &world, "the install");
}

/// Everything that can fail without harm comes before the first file goes live; all hosts' databases start after the stores.
#[test]
fn the_order_is_the_safe_one() {
    let bench = Bench::new();
    let world = bench.world();
    bench.run(&world).outcome.unwrap();
    let steps: Vec<String> = world.0.lock().unwrap().seen.iter().map(|(_, command)| command.step.clone()).collect();
    let first = |text: &str| steps.iter().position(|step| step.starts_with(text)).unwrap();
    let last = |text: &str| steps.iter().rposition(|step| step.starts_with(text)).unwrap();
    let live = first("making files live");
    for harmless in ["installing", "making accounts", "shipping", "linking", "making folders"] {
        assert!(last(harmless) < live, "{harmless} after a file went live");
    }
    assert!(live < first("starting etcd") && last("starting etcd") < first("starting patroni"));
    assert!(last("starting patroni") < first("starting haproxy"));
    assert!(last("starting haproxy") < first("starting keepalived"));
    let world = world.0.lock().unwrap();
    let starters: Vec<&str> = world
        .seen
        .iter()
        .filter(|(_, command)| command.step == "starting patroni")
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(starters[0], "db01", "another node than the first creates the database");
    let bootstraps = world.seen.iter().filter(|(_, c)| String::from_utf8_lossy(&c.stdin).contains("\nbootstrap:"));
    assert!(bootstraps.map(|(name, _)| name.as_str()).eq(["db01"]), "the section that creates a database travels once");
}

fn fails_everywhere(fault: Fault) {
    let bench = Bench::new();
    let whole = bench.world();
    bench.run(&whole).outcome.unwrap();
    let steps: Vec<String> = whole.0.lock().unwrap().seen.iter().map(|(_, command)| command.step.clone()).collect();
    assert!(steps.len() > 60, "only {} commands", steps.len());
    for (at, step) in steps.iter().enumerate() {
        let world = bench.world();
        world.0.lock().unwrap().fault = Some((at, fault));
        let after = format!("{fault:?} at command {at}, {step:?}");
        let outcome = bench.run(&world).outcome;
        let struck = world.0.lock().unwrap().seen[at].1.step.clone();
        let code = outcome.as_ref().map_or_else(ApplyError::exit_code, |_| 0);
        let observing = struck.starts_with("surveying") || struck.ends_with("the host's state");
        let expected: &[u8] = match fault {
            Fault::Code(_) if observing => &[1, 4],
            _ if observing || struck == "taking the lock" => &[4],
            Fault::LostBefore | Fault::LostAfter if struck == "reading the journal's end" => &[4],
            Fault::Code(80) if struck.starts_with("staging") => &[8],
            // A gate asks again; a question that fails once is no failure.
            _ if asks(&struck) => &[0],
            _ => &[9],
        };
        assert!(expected.contains(&code), "{after}: exit code {code}, expected {expected:?}: {outcome:?}");
        if let Err(error) = &outcome {
            assert!(!error.hints().is_empty(), "{after}: no hint");
        }
        if (2..=8).contains(&code) && !struck.contains("staging") {
            let untouched = machines(&world).values().all(|machine| *machine == Machine::default());
            assert!(untouched, "{after}: exit code {code} says that nothing was changed");
        }
        converges(&bench, &world, &after);
    }
}

#[test]
fn a_command_that_fails_anywhere() {
    fails_everywhere(Fault::Code(1));
}

#[test]
fn a_line_that_breaks_before_a_command() {
    fails_everywhere(Fault::LostBefore);
}

#[test]
fn a_line_that_breaks_after_a_command() {
    fails_everywhere(Fault::LostAfter);
}

/// A daemon that refuses its file: nothing is live, nothing runs, nothing staged is left on any host.
#[test]
fn a_refused_file_changes_nothing_that_serves() {
    let bench = Bench::new();
    let whole = bench.world();
    bench.run(&whole).outcome.unwrap();
    let steps: Vec<String> = whole.0.lock().unwrap().seen.iter().map(|(_, command)| command.step.clone()).collect();
    let live = steps.iter().position(|step| step == "making files live").unwrap();
    let staging: Vec<usize> = (0..live).filter(|at| steps[*at].starts_with("staging")).collect();
    assert_eq!(staging.len(), 3);
    for at in staging {
        let world = bench.world();
        world.0.lock().unwrap().fault = Some((at, Fault::Code(80)));
        let error = bench.run(&world).outcome.unwrap_err();
        assert!(matches!(error, ApplyError::Check(_)) && error.exit_code() == 8, "{error:?}");
        let detail = error.detail().unwrap();
        assert!(detail.starts_with("staging ") && detail.ends_with("\nthe fake said so"), "{detail}");
        for (name, machine) in machines(&world) {
            assert!(machine.staged.is_empty(), "{name} keeps staged files");
            assert!(machine.live.values().all(fake::Live::is_folder), "{name} has a live file");
            assert!(machine.units.values().all(|unit| !unit.runs()), "{name} runs something");
        }
        converges(&bench, &world, "a refused file");
    }
}

/// Patroni's file is judged once etcd serves: a refusal then leaves a run half-way, and the exit code says so.
#[test]
fn a_file_refused_after_etcd_was_started_is_half_way() {
    let bench = Bench::new();
    let whole = bench.world();
    bench.run(&whole).outcome.unwrap();
    let steps: Vec<String> = whole.0.lock().unwrap().seen.iter().map(|(_, command)| command.step.clone()).collect();
    let live = steps.iter().position(|step| step == "making files live").unwrap();
    let staging: Vec<usize> = (live..steps.len()).filter(|at| steps[*at].starts_with("staging")).collect();
    assert!(!staging.is_empty());
    for at in staging {
        let world = bench.world();
        world.0.lock().unwrap().fault = Some((at, Fault::Code(80)));
        let error = bench.run(&world).outcome.unwrap_err();
        assert!(matches!(error, ApplyError::Step(_)) && error.exit_code() == 9, "{error:?}");
        converges(&bench, &world, "a file refused half-way");
    }
}

/// A changed setting that a reload takes over, with the line breaking at every command: the reload is never forgotten.
#[test]
fn a_change_is_reloaded_however_often_the_run_breaks() {
    let mut bench = Bench::new();
    let changed = |bench: &mut Bench, seconds| bench.cluster.haproxy.timeout_client = seconds;
    let usual = bench.cluster.haproxy.timeout_client;
    let reload = |bench: &mut Bench, fault| {
        changed(bench, usual);
        let world = Bench::installed();
        let before = machines(&world);
        let from = world.0.lock().unwrap().seen.len();
        changed(bench, usual + 60);
        world.0.lock().unwrap().fault = fault;
        let outcome = bench.run(&world).outcome;
        (world, from, before, outcome)
    };
    let (world, from, before, outcome) = reload(&mut bench, None);
    assert!(outcome.unwrap().changed);
    // Questions that fail are asked again; only what acts can lose the reload.
    let seen: Vec<String> = world.0.lock().unwrap().seen.iter().map(|(_, command)| command.step.clone()).collect();
    for (name, machine) in machines(&world) {
        for (unit, state) in &machine.units {
            let was = &before[&name].units[unit];
            assert_eq!(state.reloaded_since(was), unit == "haproxy.service", "{unit} on {name}");
            assert!(!state.restarted_since(was), "{unit} on {name} was restarted");
        }
    }
    for at in (from..seen.len()).filter(|at| !asks(&seen[*at])) {
        let (world, .., before, outcome) = reload(&mut bench, Some((at, Fault::LostBefore)));
        converges(&bench, &world, &format!("command {at}: {:?}", outcome.map_err(|error| error.to_string())));
        for (name, machine) in machines(&world) {
            let unit = "haproxy.service";
            let reloaded = machine.units[unit].reloaded_since(&before[&name].units[unit]);
            assert!(reloaded, "{unit} on {name} was not reloaded after a break at command {at}");
        }
    }
}

/// A service that is only enabled anew runs already, so its start makes it read nothing.
#[test]
fn a_service_that_is_enabled_anew_is_reloaded_too() {
    let mut bench = Bench::new();
    let world = bench.world();
    bench.run(&world).outcome.unwrap();
    let before = machines(&world);
    let unit = "haproxy.service";
    for machine in world.0.lock().unwrap().machines.values_mut() {
        machine.units.get_mut(unit).unwrap().enabled = false;
    }
    bench.cluster.haproxy.timeout_client += 60;
    bench.run(&world).outcome.unwrap();
    for (name, machine) in machines(&world) {
        let state = &machine.units[unit];
        assert!(state.enabled && state.reloaded_since(&before[&name].units[unit]), "{name}");
    }
    converges(&bench, &world, "a service that was disabled");
}

/// Patroni does not let a node that may not lead create the database, so it must be another one's work.
#[test]
fn a_node_that_may_not_lead_does_not_create_the_database() {
    let mut bench = Bench::new();
    bench.cluster.nodes[0].tags.nofailover = true;
    let second = bench.cluster.nodes[1].name.clone();
    assert_eq!(bench.plan(&bench.world()).unwrap().bootstrap, Some(second.clone()));
    let world = bench.install();
    assert_eq!(world.with(|world| world.leader.clone()), Some(second));
}

/// A host that was installed anew is a voter without its data, though nothing on it says so.
#[test]
fn a_host_that_was_installed_anew_is_not_started_as_a_stranger() {
    let bench = Bench::new();
    let world = Bench::installed();
    let lost = bench.cluster.nodes[1].name.clone();
    world.0.lock().unwrap().machines.insert(lost.clone(), fake::Machine::default());
    let before = machines(&world);
    let error = bench.run(&world).outcome.unwrap_err();
    let ApplyError::Refused(findings) = &error else { panic!("{error:?}") };
    let told: Vec<(&str, &str)> = findings.iter().map(|finding| (finding.id, finding.subject.as_str())).collect();
    assert_eq!(told, [("data.lost", lost.as_str())]);
    assert_eq!(machines(&world), before);
}

/// Patroni would learn of another place in etcd at its next start only, and then begin a second cluster.
#[test]
fn a_database_is_not_given_another_place() {
    let mut bench = Bench::new();
    let world = Bench::installed();
    let before = machines(&world);
    bench.cluster.patroni.namespace = quorate::cluster::Namespace::new("other").unwrap();
    let error = bench.run(&world).outcome.unwrap_err();
    let ApplyError::Refused(findings) = &error else { panic!("{error:?}") };
    let ids: std::collections::BTreeSet<&str> = findings.iter().map(|finding| finding.id).collect();
    assert!(
        ids.contains("change.refused") && ids.is_subset(&["change.refused", "change.identity"].into()),
        "{findings:?}"
    );
    assert!(findings.iter().all(|finding| !finding.remedy.is_empty()));
    assert_eq!(error.exit_code(), 5);
    assert_eq!(machines(&world), before);
}

/// Hosts of another cluster are left alone.
#[test]
fn another_clusters_hosts_are_refused_untouched() {
    let mut bench = Bench::new();
    let world = Bench::installed();
    let before = machines(&world);
    bench.cluster.name = quorate::cluster::ClusterName::new("other").unwrap();
    let error = bench.run(&world).outcome.unwrap_err();
    let ApplyError::Refused(findings) = &error else { panic!("{error:?}") };
    assert_eq!(findings.iter().filter(|finding| finding.id == "data.owner").count(), 3, "{findings:?}");
    assert_eq!(machines(&world), before);
}

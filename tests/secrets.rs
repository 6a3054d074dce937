//! Canaries: with known secrets, nothing that is shown, sent as argument or written for machines holds one.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod common;
mod fake;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fake::{Fault, Shared};
use quorate::apply::{ApplyError, Event, Events, Outcome, Setting, apply, preflight};
use quorate::artifact::{Catalogue, Recipe, Store};
use quorate::cluster::{Facts, NodeName, Secrets};
use quorate::component::{Desired, Inputs, Templates, desired};
use quorate::plan::Survey;
use quorate::report::{JsonLines, Style, table};

/// Every canary ends in this.
const CANARY: &str = "canary";

struct Told {
    text: String,
    world: Shared,
    desired: Desired,
    secrets: Secrets,
}

/// A whole run over fakes that fails as told; all that it could show to anybody, in every form.
fn told(fault: Option<(usize, Fault)>) -> Told {
    let (cluster, templates, catalogue) =
        (common::cluster(3), Templates::embedded().unwrap(), Catalogue::embedded().unwrap());
    let secrets = common::secrets(&cluster);
    let cache = tempfile::tempdir().unwrap();
    let store = Store::new(cache.path());
    let facts: BTreeMap<NodeName, Facts> = cluster
        .nodes
        .iter()
        .map(|node| {
            let survey = Survey::parse(fake::survey(&node.address.to_string(), 1e9).as_bytes()).unwrap();
            (node.name.clone(), survey.facts(cluster.vip.address, None, None).unwrap())
        })
        .collect();
    let desired = desired(&Inputs { cluster: &cluster, facts: &facts, secrets: &secrets }, &templates).unwrap();
    for (name, node) in &desired.nodes {
        for program in &node.programs {
            let recipe = Recipe::of(program, &facts[name].os, facts[name].arch, &catalogue).unwrap();
            store.write(&store.built(&recipe.key), b"an archive").unwrap();
        }
    }
    let world = Shared::bare(&cluster, desired.dcs.clone());
    world.0.lock().unwrap().fault = fault;
    let setting =
        Setting { cluster: &cluster, secrets: &secrets, templates: &templates, catalogue: &catalogue, store: &store };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let text = runtime.block_on(async {
        let (events, mut received) = Events::channel();
        let findings = preflight(&setting, &world.fleet(), &events).await;
        let outcome = apply(&setting, &world.fleet(), &events).await;
        drop(events);
        let mut text = format!("{findings:?}");
        let mut lines = Vec::new();
        let mut json = JsonLines::begin(&mut lines, "apply").unwrap();
        while let Some(event) = received.recv().await {
            shown(&mut text, &event);
            json.tagged(&event).unwrap();
        }
        ended(&mut text, &outcome);
        text + &String::from_utf8(lines).unwrap()
    });
    Told { text, world, desired, secrets }
}

fn shown(text: &mut String, event: &Event) {
    write!(text, "{event:?}").unwrap();
    if let Event::Judged { findings } = event {
        text.push_str(&table(findings, true, Style { color: false }));
    }
}

fn ended(text: &mut String, outcome: &Result<Outcome, ApplyError>) {
    write!(text, "{outcome:?}").unwrap();
    if let Err(error) = outcome {
        write!(text, "{error}{:?}{:?}", error.detail(), error.hints()).unwrap();
    }
}

#[test]
fn secrets_travel_on_standard_input_alone() {
    let told = told(None);
    let world = told.world.0.lock().unwrap();
    let mut carried = 0;
    for (name, command) in &world.seen {
        for part in [&command.step, &command.script].into_iter().chain(&command.args) {
            assert!(!part.contains(CANARY), "{name}: {} has a secret in its script or arguments", command.step);
        }
        carried += usize::from(String::from_utf8_lossy(&command.stdin).contains(CANARY));
    }
    // They do travel: else this test would look at nothing.
    assert!(carried >= 6, "only {carried} commands carry a secret");
}

#[test]
fn nothing_that_a_run_tells_holds_a_secret() {
    let whole = told(None);
    assert!(!whole.text.contains(CANARY), "a whole run tells a secret");
    let count = whole.world.0.lock().unwrap().seen.len();
    for at in (0..count).step_by(3) {
        let told = told(Some((at, Fault::Code(1))));
        assert!(!told.text.contains(CANARY), "a run that fails at command {at} tells a secret");
    }
}

#[test]
fn what_is_desired_shows_no_secret_in_any_form() {
    let told = told(None);
    let hidden = told.desired.nodes.values().flat_map(|node| &node.files);
    assert!(hidden.clone().filter(|file| file.content.expose().contains(CANARY)).count() >= 6);
    assert!(!format!("{:?}", told.desired).contains(CANARY));
    assert!(!format!("{:?}", told.secrets).contains(CANARY));
    assert!(!told.desired.dcs.to_string().contains(CANARY), "the DCS holds a secret");
    for file in hidden {
        assert!(!file.content.masked(&told.secrets).contains(CANARY), "{} unmasked", file.path);
    }
    // Nobody but its owner, and the group of its daemon, reads a file that holds one.
    for file in told.desired.nodes.values().flat_map(|node| &node.files) {
        assert!(!file.content.expose().contains(CANARY) || file.mode & 0o027 == 0, "{} is open", file.path);
    }
}

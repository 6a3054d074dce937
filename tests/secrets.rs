//! Canaries: with known secrets, nothing that is shown, sent as argument or written for machines holds one.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod common;
mod fake;

use std::fmt::Write as _;

use fake::bench::Bench;
use fake::{Fault, Shared};
use quorate::apply::{ApplyError, Event, Outcome};
use quorate::cluster::Secrets;
use quorate::component::Desired;
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
    let bench = Bench::new();
    let world = bench.world();
    world.with(|world| world.fault = fault);
    let (findings, ran) = (bench.preflight(&world), bench.run(&world));
    let mut text = format!("{findings:?}");
    let mut lines = Vec::new();
    let mut json = JsonLines::begin(&mut lines, "apply").unwrap();
    for event in &ran.events {
        shown(&mut text, event);
        json.tagged(event).unwrap();
    }
    ended(&mut text, &ran.outcome);
    let text = text + &String::from_utf8(lines).unwrap();
    let (desired, secrets) = (bench.desired(), bench.secrets);
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

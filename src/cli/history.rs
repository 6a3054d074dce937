//! `quorate history`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use quorate::apply::ApplyError;
use quorate::cluster::NodeName;
use quorate::host::{Fleet, Holder, HostError, Output, generations, journal, look, runs};
use quorate::report;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;

/// More than a host keeps.
const LINES: u32 = 10_000;

/// Options of `history`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct History {}

const EXAMPLES: &str = "Examples:
  quorate history          newest first; works with hosts down
  quorate history --json   the same for machines, with the hosts that tell of each run";

/// What all hosts that answer tell.
#[derive(Default)]
struct Told {
    journals: BTreeMap<NodeName, Vec<journal::Record>>,
    current: BTreeMap<NodeName, generations::Generation>,
    running: BTreeSet<String>,
    silent: BTreeMap<NodeName, HostError>,
}

/// Shows which runs changed the cluster.
pub(crate) fn run(context: &Context, _: &History) -> Result<ExitCode, Failure> {
    let cluster = context.cluster()?;
    let told = Context::block_on(async {
        let (fleet, silent) = Context::reachable(&cluster).await?;
        let told = ask(&fleet, silent).await;
        fleet.close().await;
        Ok(told)
    })?;
    if told.journals.is_empty() {
        return Err(ApplyError::Hosts(told.silent.into_values().collect()).into());
    }
    let runs = runs(&told.journals, &told.running);
    let current = told.current.values().map(|generation| generation.number).max();
    let kept = kept(told.current.values());
    if context.json {
        let mut lines = context.json_lines("history")?;
        for run in &runs {
            lines.record("run", run)?;
        }
        lines.record("generations", &json!({"current": current, "kept": kept}))?;
        for (name, error) in &told.silent {
            lines.record("unreachable", &json!({"host": name.as_str(), "message": error.to_string()}))?;
        }
    } else if runs.is_empty() {
        Context::note("no run has changed this cluster yet");
    } else {
        Context::print(&report::history(&runs, current, &kept, context.out));
    }
    for error in told.silent.values() {
        Context::note(&format!("{} {error}; the others tell this", context.err.warning("warning:")));
    }
    Ok(ExitCode::SUCCESS)
}

async fn ask(fleet: &Fleet, mut silent: BTreeMap<NodeName, HostError>) -> Told {
    let (journals, current, locks) = tokio::join!(
        fleet.ask_all(|_| journal::last(LINES)),
        fleet.ask_all(|_| generations::current()),
        fleet.ask_all(|_| look()),
    );
    let mut told = Told::default();
    let mut good = |answers: BTreeMap<NodeName, Result<Output, HostError>>| {
        let mut good = Vec::new();
        for (name, answer) in answers {
            match answer {
                Ok(output) => good.push((name, output)),
                Err(error) => drop(silent.insert(name, error)),
            }
        }
        good
    };
    told.journals = good(journals).into_iter().map(|(name, output)| (name, journal::records(&output.text()))).collect();
    let current = good(current).into_iter();
    told.current = current.filter_map(|(name, output)| Some((name, generations::parse(&output.stdout)?))).collect();
    let holders = good(locks).into_iter();
    let holders = holders.filter_map(|(_, output)| serde_json::from_slice::<Holder>(&output.stdout).ok());
    told.running = holders.map(|holder| holder.run).collect();
    told.silent = silent;
    told
}

/// The generations that every host of them still has.
pub(crate) fn kept<'a>(mut all: impl Iterator<Item = &'a generations::Generation>) -> Vec<u32> {
    let Some(first) = all.next() else { return Vec::new() };
    let mut kept = first.kept.clone();
    for other in all {
        kept.retain(|number| other.kept.contains(number));
    }
    kept
}

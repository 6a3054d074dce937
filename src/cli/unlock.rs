//! `quorate unlock`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use quorate::apply::ApplyError;
use quorate::cluster::NodeName;
use quorate::host::{Fleet, Holder, HostError, Output, break_lock, look};
use serde_json::json;

use super::context::Context;
use super::failure::Failure;

/// Options of `unlock`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Unlock {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

const EXAMPLES: &str = "A run that died frees its lock by itself within 30 seconds. A run whose lock is taken away does not begin its next step.

Examples:
  quorate unlock         shows who has the lock, from where and since when, and asks
  quorate unlock --yes   the same without asking";

/// Shows who has the lock, asks, and frees it.
pub(crate) fn run(context: &Context, verb: &Unlock) -> Result<ExitCode, Failure> {
    let cluster = context.cluster()?;
    Context::block_on(async {
        let (fleet, mut silent) = Context::reachable(&cluster).await?;
        let done = free(context, verb, &fleet, &mut silent).await;
        fleet.close().await;
        done?;
        // What could be freed is free; the others are named.
        if silent.is_empty() {
            Ok(ExitCode::SUCCESS)
        } else {
            Err(ApplyError::Hosts(silent.into_values().collect()).into())
        }
    })
}

async fn free(
    context: &Context,
    verb: &Unlock,
    fleet: &Fleet,
    silent: &mut BTreeMap<NodeName, HostError>,
) -> Result<(), Failure> {
    let holders = answers(fleet.ask_all(|_| look()).await, silent)?;
    if context.json {
        let mut lines = context.json_lines("unlock")?;
        for (name, holder) in &holders {
            lines.record("holder", &record(name, holder.as_ref()))?;
        }
    }
    if holders.is_empty() {
        Context::note("no host that answers is locked");
        return Ok(());
    }
    for (name, holder) in &holders {
        Context::note(&format!("{name}: {}", words(holder.as_ref())));
    }
    if !verb.yes {
        match context.confirm("that run will not begin its next step; free the lock?").await {
            Some(true) => {}
            Some(false) => return Err(refused(context, "you said no")),
            None => return Err(refused(context, "there is no terminal to ask at")),
        }
    }
    let freed = answers(fleet.ask_some(|host| holders.contains_key(&host.name).then(break_lock)).await, silent)?;
    if context.json {
        let mut lines = context.json_lines("unlock")?;
        for (name, holder) in &freed {
            lines.record("freed", &record(name, holder.as_ref()))?;
        }
        return Ok(());
    }
    for name in holders.keys() {
        // The run may have ended while we asked.
        let text = if freed.contains_key(name) { "freed" } else { "was free already" };
        Context::print(&format!("{name}: {text}\n"));
    }
    Ok(())
}

/// Whose locks the answers tell of; a host that is not locked tells nothing, and one that says something else has no name.
fn answers(
    answers: BTreeMap<NodeName, Result<Output, HostError>>,
    silent: &mut BTreeMap<NodeName, HostError>,
) -> Result<BTreeMap<NodeName, Option<Holder>>, Failure> {
    let mut holders = BTreeMap::new();
    for (name, answer) in answers {
        match answer {
            Ok(output) if !output.success() => {
                let message = format!("{name}: {}", output.errors().trim());
                return Err(Failure {
                    code: 9,
                    ..Failure::usage(message, format!("on {name}: `fuser -v /run/quorate/lock`"))
                });
            }
            Ok(output) if output.text().is_empty() => {}
            Ok(output) => drop(holders.insert(name, serde_json::from_slice(&output.stdout).ok())),
            Err(error) => drop(silent.insert(name, error)),
        }
    }
    Ok(holders)
}

fn words(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { who, host, since, command, .. }) => {
            format!("{who} on {host} runs `quorate {command}` since {since}")
        }
        None => "somebody has the lock and did not leave a name".to_owned(),
    }
}

fn record(name: &NodeName, holder: Option<&Holder>) -> serde_json::Value {
    let mut record = json!({"node": name.as_str()});
    // The token is the holder's own.
    if let Some(Holder { run, who, host, since, command, .. }) = holder {
        record =
            json!({"node": name.as_str(), "run": run, "who": who, "host": host, "since": since, "command": command});
    }
    record
}

fn refused(context: &Context, why: &str) -> Failure {
    let hint = format!("`{}` frees it without asking", context.command("unlock --yes"));
    Failure { code: 5, ..Failure::usage(format!("not done: {why}; the lock is as before"), hint) }
}

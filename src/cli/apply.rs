//! `quorate apply`.

use std::process::ExitCode;

use quorate::apply::{self, Events, Setting};
use quorate::report::{Progress, table};
use quorate::verify::{Level, Verdict};

use super::context::Context;
use super::failure::Failure;

/// Options of `apply`.
#[derive(Debug, clap::Args)]
pub(crate) struct Apply {}

/// Installs, or converges; ends with the judgement.
pub(crate) fn run(context: &Context, _: &Apply) -> Result<ExitCode, Failure> {
    let cluster = context.cluster()?;
    let (secrets, templates) = (Context::secrets(&cluster)?, context.templates()?);
    let (catalogue, store) = (Context::catalogue()?, Context::store()?);
    if context.json {
        drop(context.json_lines("apply")?);
    }
    let setting =
        Setting { cluster: &cluster, secrets: &secrets, templates: &templates, catalogue: &catalogue, store: &store };
    let mut progress = Progress::new(context.err, context.live, Context::note);
    let outcome = Context::block_on(async {
        let fleet = Context::fleet(&cluster).await?;
        let (events, mut received) = Events::channel();
        let work = async {
            let outcome = apply::apply(&setting, &fleet, &events).await;
            drop(events);
            outcome
        };
        let follow = async {
            let mut tick = tokio::time::interval(std::time::Duration::from_secs(5));
            loop {
                tokio::select! {
                    event = received.recv() => {
                        let Some(event) = event else { break };
                        if context.json && let Ok(mut lines) = context.json_lines("apply") {
                            let _ = lines.tagged(&event);
                        }
                        progress.show(&event);
                    }
                    _ = tick.tick() => progress.heartbeat(),
                }
            }
        };
        let (outcome, ()) = tokio::join!(work, follow);
        fleet.close().await;
        outcome.map_err(|error| redacted(error, &secrets))
    })?;
    if context.json {
        return Ok(super::verify::exit(&outcome.findings));
    }
    if outcome.changed {
        Context::note(&format!("{}\n{}", context.err.strong("time"), progress.times().trim_end()));
    } else {
        Context::note("nothing to do: every host is as the inventory says");
    }
    Context::print(&table(&outcome.findings, false, context.out));
    if Verdict::of(&outcome.findings).level() == Level::Ok {
        let (vip, ports) = (cluster.vip.address, &cluster.haproxy);
        Context::print(&format!(
            "{} is up: write at {vip}:{}, read at {vip}:{}\n",
            cluster.name, ports.primary_port, ports.replica_port
        ));
    }
    Ok(super::verify::exit(&outcome.findings))
}

/// The last net: what programs on hosts said is shown only without secrets.
fn redacted(error: apply::ApplyError, secrets: &quorate::cluster::Secrets) -> Failure {
    let mut failure = Failure::from(error);
    failure.message = secrets.redact(&failure.message);
    failure.detail = failure.detail.map(|detail| secrets.redact(&detail));
    for finding in &mut failure.findings {
        finding.text = secrets.redact(&finding.text);
    }
    failure
}

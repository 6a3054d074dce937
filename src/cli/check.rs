//! `quorate check`.

use std::process::ExitCode;

use quorate::apply::{self, Events, Setting};
use quorate::report::table;
use quorate::verify::{Level, Verdict};

use super::context::Context;
use super::failure::Failure;

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {}

/// Asks every host whether the cluster may be installed.
pub(crate) fn run(context: &Context, _: &Check) -> Result<ExitCode, Failure> {
    let cluster = context.cluster()?;
    let (secrets, templates) = (Context::secrets(&cluster)?, context.templates()?);
    let (catalogue, store) = (Context::catalogue()?, Context::store()?);
    let setting =
        Setting { cluster: &cluster, secrets: &secrets, templates: &templates, catalogue: &catalogue, store: &store };
    let findings = Context::block_on(async {
        let fleet = Context::fleet(&cluster).await?;
        let (events, _received) = Events::channel();
        let findings = apply::preflight(&setting, &fleet, &events).await;
        fleet.close().await;
        Ok(findings?)
    })?;
    if context.json {
        let mut lines = context.json_lines("check")?;
        for finding in &findings {
            lines.record("finding", finding)?;
        }
    } else {
        Context::print(&table(&findings, true, context.out));
    }
    Ok(if Verdict::of(&findings).level() == Level::Down { ExitCode::from(5) } else { ExitCode::SUCCESS })
}

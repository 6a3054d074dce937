//! `quorate check`.

use std::collections::BTreeSet;
use std::process::ExitCode;

use quorate::apply::{self, Events};
use quorate::report::table;
use quorate::verify::{Level, Verdict};

use super::context::Context;
use super::failure::Failure;
use super::side::Side;

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {}

/// Asks every host whether the cluster may be installed.
pub(crate) fn run(context: &Context, _: &Check) -> Result<ExitCode, Failure> {
    let side = Side::read(context, "check", BTreeSet::new())?;
    let setting = side.setting();
    let findings = Context::block_on(async {
        let fleet = Context::fleet(&side.cluster).await?;
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

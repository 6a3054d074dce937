//! `quorate verify`.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use quorate::apply;
use quorate::report::table;
use quorate::verify::{Finding, Level, Verdict};

use super::context::Context;
use super::failure::Failure;
use super::side::Side;

/// Between two looks of `--wait`.
const POLL: Duration = Duration::from_millis(250);

/// Options of `verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// Wait up to this many seconds until all is well
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "120")]
    wait: Option<u64>,
}

/// Asks every host and judges.
pub(crate) fn run(context: &Context, verb: &Verify) -> Result<ExitCode, Failure> {
    let side = Side::read(context, "verify", BTreeSet::new())?;
    let setting = side.setting();
    let until = Instant::now() + Duration::from_secs(verb.wait.unwrap_or(0));
    let findings = Context::block_on(async {
        loop {
            // A new connection each time: a host that was down may be back.
            let findings = match apply::verify_now(&setting).await {
                // Hosts that do not answer yet are what one waits for.
                Err(apply::ApplyError::Hosts(_)) if Instant::now() < until => {
                    tokio::time::sleep(POLL).await;
                    continue;
                }
                told => told?,
            };
            if Verdict::of(&findings).level() == Level::Ok || Instant::now() >= until {
                return Ok(findings);
            }
            tokio::time::sleep(POLL).await;
        }
    })?;
    if context.json {
        let mut lines = context.json_lines("verify")?;
        for finding in &findings {
            lines.record("finding", finding)?;
        }
        let verdict = Verdict::of(&findings);
        let result = serde_json::json!({"level": verdict.level(), "ok": verdict.ok, "degraded": verdict.degraded, "down": verdict.down});
        lines.record("result", &result)?;
    } else {
        Context::print(&table(&findings, true, context.out));
    }
    Ok(exit(&findings))
}

/// The exit code of a judgement.
pub(crate) fn exit(findings: &[Finding]) -> ExitCode {
    ExitCode::from(code(findings))
}

/// The same as a number.
pub(crate) fn code(findings: &[Finding]) -> u8 {
    match Verdict::of(findings).level() {
        Level::Ok => 0,
        Level::Degraded => 11,
        Level::Down => 12,
    }
}

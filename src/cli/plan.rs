//! `quorate plan`, and the file that it writes.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use quorate::apply::{ApplyError, Observation};
use quorate::plan::{SavedPlan, SavedPlanError, Summary};
use quorate::report;

use super::apply::Limits;
use super::context::Context;
use super::failure::Failure;
use super::side::Side;

/// Options of `plan`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Plan {
    /// Write the plan to a file, which `quorate apply FILE` carries out as it is or not at all
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// End with exit code 3 if there is something to do
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    source: super::bundle::Source,
}

const EXAMPLES: &str = "Examples:
  quorate plan                       what apply would do, why, and what clients would notice
  quorate plan -o change.plan        the same, kept for a review; then: quorate apply change.plan
  quorate plan --max-impact reload   exit code 5 if it would do more than reload";

/// Shows what `apply` would do.
pub(crate) fn run(context: &Context, verb: &Plan) -> Result<ExitCode, Failure> {
    if let Some(file) = &verb.output {
        writable(file)?;
    }
    let mut side = Side::read(context, "plan", verb.limits.ignored())?;
    side.bundle = verb.source.open(context)?;
    let observation = super::observe::run(&side)?;
    observation.permitted(&side.setting()).map_err(|error| Failure::from(error).redacted(&side.secrets))?;
    let plan = &observation.plan;
    for note in side.replaced() {
        Context::note(&note);
    }
    if context.json {
        let mut lines = context.json_lines("plan")?;
        for action in &plan.actions {
            lines.record("action", action)?;
        }
        lines.record("summary", &Summary::of(&plan.actions))?;
    } else if plan.is_empty() {
        Context::note("nothing to do: every host is as the inventory says");
    } else {
        Context::print(&report::plan(plan, context.out));
    }
    if let Some(file) = &verb.output {
        write(file, &taken_down(&side, &observation, &salt()?).text())?;
        let apply = context.command(&format!("apply {}", file.display()));
        Context::note(&format!("wrote {}; next: {apply}", file.display()));
    }
    if let Some(above) = verb.limits.above(plan) {
        return Err(ApplyError::NotApproved(above).into());
    }
    Ok(if verb.exit_code && !plan.is_empty() { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// The plan of an observation, as it is kept in a file.
pub(crate) fn taken_down(side: &Side, observation: &Observation, salt: &str) -> SavedPlan {
    let setting = side.setting();
    SavedPlan::of(observation.situation(&setting), &observation.plan.actions, &side.operator.inventory, salt)
}

/// Reads a file that `plan -o` wrote.
pub(crate) fn read(file: &Path) -> Result<SavedPlan, Failure> {
    let text = std::fs::read(file).map_err(|error| {
        Failure::usage(
            format!("{}: {error}", file.display()),
            "`quorate plan -o FILE` writes a plan; without a FILE, `quorate apply` makes its own",
        )
    })?;
    SavedPlan::parse(&String::from_utf8_lossy(&text)).map_err(|error| {
        Failure::usage(
            format!("{} {error}", file.display()),
            "`quorate plan -o FILE` writes a plan; `-i FILE` names an inventory",
        )
    })
}

fn salt() -> Result<String, Failure> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| Failure::bug(error.to_string()))?;
    Ok(quorate::cluster::hex(&random))
}

/// A plan may be written over, anything else not: an inventory is easily named by mistake.
fn writable(file: &Path) -> Result<(), Failure> {
    let wrong = |problem: String, hint: &str| Err(Failure::usage(format!("{} {problem}", file.display()), hint));
    match std::fs::read(file).map(|bytes| SavedPlan::parse(&String::from_utf8_lossy(&bytes))) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && folder(file).is_dir() => Ok(()),
        Err(error) => wrong(format!("can't be written: {error}"), "-o takes a file in a folder that is there"),
        Ok(Err(SavedPlanError::Foreign(what))) => {
            wrong(format!("exists and is no plan: it is {what}"), "-o writes over a plan alone; name another file")
        }
        Ok(_) => Ok(()),
    }
}

/// The folder that a file stands in.
pub(super) fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Whole or not at all, for the owner alone: it says how the hosts look.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::usage(format!("{}: {error}", file.display()), "-o takes a file that can be written")
    };
    // Such a file is made with mode 0600.
    let mut new = tempfile::NamedTempFile::new_in(folder(file)).map_err(|error| failed(&error))?;
    new.write_all(text.as_bytes()).and_then(|()| new.as_file().sync_all()).map_err(|error| failed(&error))?;
    new.persist(file).map_err(|error| failed(&error.error))?;
    Ok(())
}

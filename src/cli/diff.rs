//! `quorate diff`.

use std::collections::BTreeSet;
use std::process::ExitCode;

use quorate::plan::{Difference, Plan};
use quorate::report;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::side::Side;

/// Options of `diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Diff {
    /// One line a file: how many lines it gains and loses
    #[arg(long)]
    stat: bool,
    /// End with exit code 3 if anything differs
    #[arg(long)]
    exit_code: bool,
}

const EXAMPLES: &str = "Examples:
  quorate diff               what is live (-) against the inventory (+); secrets are masked
  quorate diff --stat        which files on which nodes, and which of them were changed by hand
  quorate diff --exit-code   in a nightly job: 0 nothing differs, 3 something does";

/// Shows what differs.
pub(crate) fn run(context: &Context, verb: &Diff) -> Result<ExitCode, Failure> {
    let side = Side::read(context, "diff", BTreeSet::new())?;
    let observation = super::observe::run(&side)?;
    let difference = Difference::of(&observation.plan, &observation.nodes, &observation.details, &side.secrets);
    if context.json {
        records(context, &difference)?;
    } else if difference.is_empty() {
        Context::note(&nothing(context, &observation.plan));
    } else if verb.stat {
        Context::print(&report::stat(&difference, context.out));
    } else {
        Context::print(&report::diff(&difference, context.out));
    }
    Ok(if verb.exit_code && !difference.is_empty() { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// Files are not all that a plan is made of: a version, a service that does not run.
fn nothing(context: &Context, plan: &Plan) -> String {
    let text = "no file and no setting differs";
    match plan.actions.len() {
        0 => format!("{text}: every host is as the inventory says"),
        1 => format!("{text}, but 1 thing is to be done: `{}` shows it", context.command("plan")),
        more => format!("{text}, but {more} things are to be done: `{}` shows them", context.command("plan")),
    }
}

fn records(context: &Context, difference: &Difference) -> Result<(), Failure> {
    let mut lines = context.json_lines("diff")?;
    for file in &difference.files {
        let attributes = file.attributes.as_ref().map(|(from, to)| json!({"from": from, "to": to}));
        let record = json!({
            "path": file.path,
            "nodes": file.nodes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "cause": file.cause,
            "new": file.created,
            "comments_only": file.comments_only,
            "attributes": attributes,
            "added": file.added,
            "removed": file.removed,
            "diff": report::unified(file),
        });
        lines.record("file", &record)?;
    }
    for setting in &difference.settings {
        let record = json!({"path": setting.path, "from": setting.from, "to": setting.to, "cause": setting.cause});
        lines.record("setting", &record)?;
    }
    let files: usize = difference.files.iter().map(|file| file.nodes.len()).sum();
    let summary = json!({"files": files, "settings": difference.settings.len(), "by_hand": difference.by_hand()});
    Ok(lines.record("summary", &summary)?)
}

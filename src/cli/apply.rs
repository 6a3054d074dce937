//! `quorate apply`, and the run that `rollback` shares with it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;

use quorate::apply::{self, ApplyError, Event, Events, Observation, Outcome};
use quorate::plan::{Impact, Plan, SavedPlan, Summary};
use quorate::report::{self, Progress, table};
use quorate::verify::{Level, Verdict};

use super::context::Context;
use super::failure::Failure;
use super::side::Side;

/// Options of `apply`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Apply {
    /// Carry out this plan of `quorate plan -o FILE`, without asking; refused (6) if the inventory or the hosts moved since
    #[arg(value_name = "FILE")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    approval: Approval,
    #[command(flatten)]
    source: super::bundle::Source,
}

const EXAMPLES: &str = "Examples:
  quorate apply                      shows the plan, asks if it restarts anything, does it, verifies
  quorate apply --max-impact reload  in a job: does it only if nothing restarts, else exit code 5
  quorate apply change.plan          does what `quorate plan -o change.plan` wrote, or nothing
  quorate apply --bundle pg.bundle   from that file alone: no registry is asked";

/// What a run may do.
#[derive(Debug, clap::Args)]
pub(crate) struct Limits {
    /// Do nothing that affects clients more than this
    #[arg(long, value_name = "CLASS", value_parser = PossibleValuesParser::new(Impact::ALL.map(Impact::as_str)))]
    max_impact: Option<String>,
    /// Go on although this check of the preflight failed; can be given several times
    #[arg(long, value_name = "CHECK", value_parser = PossibleValuesParser::new(IGNORABLE))]
    ignore: Vec<String>,
}

/// That, and whether it is asked about it.
#[derive(Debug, clap::Args)]
pub(crate) struct Approval {
    #[command(flatten)]
    limits: Limits,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Checks that judge whether something is wise. None that protects data, addresses or the quorum is among them.
const IGNORABLE: [&str; 3] = ["memory.shared_buffers", "disk.space", "clock.offset"];

impl Limits {
    pub(crate) fn ignored(&self) -> BTreeSet<String> {
        self.ignore.iter().cloned().collect()
    }

    fn ceiling(&self) -> Option<Impact> {
        Impact::ALL.into_iter().find(|impact| self.max_impact.as_deref() == Some(impact.as_str()))
    }

    /// What of a plan is above the ceiling, in words.
    pub(crate) fn above(&self, plan: &Plan) -> Option<String> {
        let ceiling = self.ceiling()?;
        let above = plan.actions.iter().filter(|action| action.impact > ceiling);
        let ids: Vec<&str> = above.map(|action| action.id.as_str()).collect();
        (!ids.is_empty()).then(|| format!("above --max-impact {ceiling}: {}", ids.join(", ")))
    }
}

impl Approval {
    pub(crate) fn ignored(&self) -> BTreeSet<String> {
        self.limits.ignored()
    }

    /// Approves a plan, or says why not. A terminal is asked about everything above a reload; a saved plan was approved by
    /// whoever saved it.
    async fn ask(&self, context: &Context, plan: &Plan, saved: bool) -> Result<(), ApplyError> {
        let summary = Summary::of(&plan.actions);
        if let Some(above) = self.limits.above(plan) {
            return Err(ApplyError::NotApproved(above));
        }
        if self.yes || saved || self.limits.ceiling().is_some() || summary.impact <= Impact::Reload {
            return Ok(());
        }
        let pause = summary.write_pause_s.map(|(from, to)| format!(", writes pause for about {from} to {to} s"));
        let question = format!("the worst of it is a {}{}; go on?", summary.impact, pause.unwrap_or_default());
        match context.confirm(&question).await {
            Some(true) => Ok(()),
            Some(false) => Err(ApplyError::NotApproved("you said no".to_owned())),
            None => Err(ApplyError::NotApproved(format!(
                "the impact is {}, and there is no terminal to ask at",
                summary.impact
            ))),
        }
    }
}

/// Installs, or converges; ends with the judgement.
pub(crate) fn run(context: &Context, verb: &Apply) -> Result<ExitCode, Failure> {
    let saved = verb.plan.as_deref().map(super::plan::read).transpose()?;
    let command = verb.plan.as_ref().map_or_else(|| "apply".to_owned(), |file| format!("apply {}", file.display()));
    let mut side = Side::read(context, &command, verb.approval.ignored())?;
    side.bundle = verb.source.open(context)?;
    if let Some(moved) =
        saved.as_ref().and_then(|saved| saved.moved_here(side.cluster.name.as_str(), &side.operator.inventory))
    {
        return Err(ApplyError::Stale(moved).into());
    }
    drive(context, &side, &verb.approval, saved.as_ref())
}

/// A run from the first look to the judgement.
pub(crate) fn drive(
    context: &Context,
    side: &Side,
    approval: &Approval,
    saved: Option<&SavedPlan>,
) -> Result<ExitCode, Failure> {
    if context.json {
        drop(context.json_lines("apply")?);
    }
    let mut progress = Progress::new(context.err, context.live, Context::note);
    let (events, received) = Events::channel();
    let switch = events.switch();
    let run = Job { context, side, approval, saved };
    let outcome = Context::block_on_run(&switch, run.follow(events, received, &mut progress))?;
    if saved.is_some_and(|saved| !saved.actions.is_empty()) && !outcome.changed {
        return Err(ApplyError::Stale("all of it is done already".to_owned()).into());
    }
    if context.json {
        let code = super::verify::code(&outcome.findings);
        let result = serde_json::json!({"exit": code, "changed": outcome.changed, "generation": outcome.generation});
        context.json_lines("apply")?.record("result", &result)?;
        return Ok(ExitCode::from(code));
    }
    if outcome.changed {
        Context::note(&format!("{}\n{}", context.err.strong("time"), progress.times().trim_end()));
    } else {
        Context::note("nothing to do: every host is as the inventory says");
    }
    Context::print(&table(&outcome.findings, false, context.out));
    if Verdict::of(&outcome.findings).level() == Level::Ok {
        let (vip, ports) = (side.cluster.vip.address, &side.cluster.haproxy);
        Context::print(&format!(
            "{} is up: write at {vip}:{}, read at {vip}:{}\n",
            side.cluster.name, ports.primary_port, ports.replica_port
        ));
    }
    Ok(super::verify::exit(&outcome.findings))
}

/// A run with all that it is about.
struct Job<'a> {
    context: &'a Context,
    side: &'a Side,
    approval: &'a Approval,
    saved: Option<&'a SavedPlan>,
}

impl Job<'_> {
    /// The run itself, with its events shown as they come.
    async fn follow<F: Fn(&str)>(
        &self,
        events: Events,
        received: tokio::sync::mpsc::UnboundedReceiver<Event>,
        progress: &mut Progress<F>,
    ) -> Result<Outcome, Failure> {
        let &Self { context, side, approval, saved } = self;
        let mut fleet = Context::fleet(&side.cluster).await?;
        let setting = side.setting();
        let work = async {
            let approve = async |observation: &Observation| {
                if let Some(saved) = saved
                    && let Some(moved) = saved.moved(&super::plan::taken_down(side, observation, &saved.salt))
                {
                    return Err(ApplyError::Stale(moved));
                }
                // What was done so far is shown before that: a line drawn later would wipe the question away.
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                // The plan comes first, then the question.
                for note in side.replaced() {
                    Context::note(&note);
                }
                if !context.json {
                    Context::note(report::plan(&observation.plan, context.err).trim_end());
                }
                approval.ask(context, &observation.plan, saved.is_some()).await
            };
            let outcome = apply::apply(&setting, &mut fleet, &events, approve).await;
            drop(events);
            outcome
        };
        let (outcome, ()) = tokio::join!(work, show(context, "apply", received, progress));
        fleet.close().await;
        outcome.map_err(|error| Failure::from(error).redacted(&side.secrets))
    }
}

/// Shows a run's events as they come, until it ends.
pub(crate) async fn show<F: Fn(&str)>(
    context: &Context,
    command: &str,
    mut received: tokio::sync::mpsc::UnboundedReceiver<Event>,
    progress: &mut Progress<F>,
) {
    let mut tick = tokio::time::interval(std::time::Duration::from_secs(5));
    loop {
        tokio::select! {
            event = received.recv() => {
                let Some(event) = event else { break };
                if context.json && let Ok(mut lines) = context.json_lines(command) {
                    let _ = lines.tagged(&event);
                }
                progress.show(&event);
            }
            _ = tick.tick() => progress.heartbeat(),
        }
    }
}

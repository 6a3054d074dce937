//! Drives a plan over hosts: looks, prepares everything, then activates in order behind gates. Emits events, prints nothing.
//!
//! Everything that can fail without harm comes first, on all hosts at once: downloads, builds, packages, staged and checked
//! files. Only then do files go live and services start, each stage behind a gate that asks the cluster itself.

mod build;
mod error;
mod event;
mod gate;
mod install;
mod judge;
mod observe;
mod start;

pub use error::{ApplyError, StepFailure};
pub use event::{Event, Events};
pub use judge::verify_now;
pub use observe::{Observation, Setting, observe, preflight};

use judge::verify;

use crate::host::{Command, Fleet, Host, Output};
use crate::verify::Finding;

/// What a run ended with.
#[derive(Debug)]
pub struct Outcome {
    /// Whether anything was changed.
    pub changed: bool,
    /// The final judgement.
    pub findings: Vec<Finding>,
}

/// Brings a cluster to what the inventory says, or says why not.
///
/// # Errors
/// [`ApplyError`]: its exit code tells whether anything was changed.
pub async fn apply(setting: &Setting<'_>, fleet: &Fleet, events: &Events) -> Result<Outcome, ApplyError> {
    events.send(Event::Phase { name: "observe" });
    let observation = observe(setting, fleet, events).await?;
    let refusals = observation.refusals(setting);
    if !refusals.is_empty() {
        return Err(ApplyError::Refused(refusals));
    }
    let changed = !observation.plan.is_empty();
    if changed {
        let run = Run { setting, fleet, events, observation: &observation };
        events.send(Event::Phase { name: "build" });
        let programs = run.programs().await?;
        events.send(Event::Phase { name: "install" });
        run.install(&programs).await?;
        events.send(Event::Phase { name: "start" });
        run.start().await?;
    }
    events.send(Event::Phase { name: "verify" });
    let findings = if changed {
        gate::settled(setting, fleet, &observation, events).await?
    } else {
        verify(setting, fleet, &observation).await?
    };
    events.send(Event::Judged { findings: findings.clone() });
    Ok(Outcome { changed, findings })
}

/// A run under way.
struct Run<'a> {
    setting: &'a Setting<'a>,
    fleet: &'a Fleet,
    events: &'a Events,
    observation: &'a Observation,
}

/// Runs one command on a host as a step; an exit code other than 0 is a failure of the step.
async fn step(events: &Events, host: &Host, command: Command) -> Result<Output, ApplyError> {
    events
        .step(host.name.as_str(), &command.step, async {
            let output = host.run(&command).await.map_err(ApplyError::Lost)?;
            if output.success() {
                Ok(output)
            } else {
                Err(ApplyError::Step(Box::new(failure(host, &command, &output))))
            }
        })
        .await
}

/// What failed, and its last words: the last lines of both streams, standard error last.
fn failure(host: &Host, command: &Command, output: &Output) -> StepFailure {
    let text = format!("{}\n{}", output.text(), output.errors());
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let said = all.get(all.len().saturating_sub(20)..).unwrap_or_default().join("\n");
    StepFailure {
        host: host.name.to_string(),
        step: command.step.clone(),
        command: command.summary(),
        code: output.code,
        said,
    }
}

/// Runs the same work on all hosts at once, waits for all, and reports the first failure in the order of names.
async fn on_all<'a, F>(fleet: &'a Fleet, work: impl Fn(&'a Host) -> F) -> Result<(), ApplyError>
where
    F: Future<Output = Result<(), ApplyError>> + 'a,
{
    all(fleet.hosts().map(work)).await.into_iter().collect()
}

/// Runs futures that borrow the run, all at once on this task; their results in their order.
async fn all<T, F: Future<Output = T>>(futures: impl Iterator<Item = F>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut ready = true;
        for (future, result) in &mut waiting {
            if result.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *result = Some(value),
                    std::task::Poll::Pending => ready = false,
                }
            }
        }
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    waiting.into_iter().filter_map(|(_, result)| result).collect()
}

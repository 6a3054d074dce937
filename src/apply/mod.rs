//! Drives a plan over hosts: looks, prepares everything, then activates in order behind gates. Emits events, prints nothing.
//!
//! Everything that can fail without harm comes first, on all hosts at once: downloads, builds, packages, staged and checked
//! files. Only then do files go live and services start, each stage behind a gate that asks the cluster itself.

mod build;
mod error;
mod event;
mod gate;
mod install;
mod observe;
mod start;

use std::collections::BTreeMap;

pub use error::{ApplyError, StepFailure};
pub use event::{Event, Events};
pub use observe::{Observation, Setting, observe, preflight, verify_now};

use observe::verify;

use crate::host::{Fleet, Host, Output};
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
async fn step(events: &Events, host: &Host, command: crate::host::Command) -> Result<Output, ApplyError> {
    let name = command.step.clone();
    events
        .step(host.name.as_str(), &name, async {
            let output = host.run(&command).await.map_err(ApplyError::Lost)?;
            if output.success() { Ok(output) } else { Err(ApplyError::Step(failure(host, &name, &output))) }
        })
        .await
}

/// What a failed step said: the last lines of both streams, standard error last.
fn failure(host: &Host, step: &str, output: &Output) -> StepFailure {
    let text = format!("{}\n{}", output.text(), output.errors());
    let all: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let said = all.get(all.len().saturating_sub(20)..).unwrap_or_default().join("\n");
    StepFailure { host: host.name.to_string(), step: step.to_owned(), code: output.code, said }
}

/// Runs the same work on all hosts at once, waits for all, and reports the first failure in the order of names.
async fn on_all<'a, T, F>(fleet: &'a Fleet, work: impl Fn(&'a Host) -> F) -> Result<BTreeMap<String, T>, ApplyError>
where
    F: Future<Output = Result<T, ApplyError>> + 'a,
{
    let mut all: Vec<_> = fleet.hosts().map(|host| (host.name.to_string(), Box::pin(work(host)))).collect();
    let mut done = BTreeMap::new();
    let mut failed: BTreeMap<String, ApplyError> = BTreeMap::new();
    // Polls all of them on this task: the futures borrow the run, so they can't be spawned.
    std::future::poll_fn(|context| {
        all.retain_mut(|(name, future)| match future.as_mut().poll(context) {
            std::task::Poll::Pending => true,
            std::task::Poll::Ready(Ok(value)) => {
                done.insert(name.clone(), value);
                false
            }
            std::task::Poll::Ready(Err(error)) => {
                failed.insert(name.clone(), error);
                false
            }
        });
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    match failed.into_values().next() {
        None => Ok(done),
        Some(error) => Err(error),
    }
}

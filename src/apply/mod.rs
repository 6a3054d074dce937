//! Drives a plan over hosts: looks, prepares everything, then activates in order behind gates. Emits events, prints nothing.
//!
//! Everything that can fail without harm comes first, on all hosts at once: downloads, builds, packages, staged and checked
//! files. Only then do files go live and services start, each stage behind a gate that asks the cluster itself.

mod activate;
#[cfg(test)]
mod archive_tests;
mod build;
mod call;
mod change;
mod database;
mod destroy;
mod error;
mod event;
mod gate;
mod install;
mod judge;
mod ledger;
mod observe;
mod pause;
mod reach;
#[cfg(test)]
mod script_tests;
mod settings;
mod staging;
mod supply;

pub use destroy::{Destroyed, Farewell, destroy, farewell};
pub use error::{ApplyError, StepFailure};
pub use event::{Event, Events, StopSwitch};
pub use judge::verify_now;
pub use observe::{Observation, Operator, Setting, observe, preflight};
pub use staging::{BundleOrder, create_bundle};

use supply::Supplies;

use crate::host::{Command, Fleet, Host, HostError, Output};
use crate::verify::{self, Finding, Scope};

/// What a run ended with.
#[derive(Debug)]
pub struct Outcome {
    /// Whether anything was changed.
    pub changed: bool,
    /// The generation that was proven and kept, if anything was changed.
    pub generation: Option<u32>,
    /// The final judgement.
    pub findings: Vec<Finding>,
}

/// Brings a cluster to what the inventory says, or says why not. `approve` sees what was observed and planned before anything
/// is changed, and may refuse it.
///
/// # Errors
/// [`ApplyError`]: its exit code tells whether anything was changed.
pub async fn apply(
    setting: &Setting<'_>,
    fleet: &mut Fleet,
    events: &Events,
    approve: impl AsyncFnOnce(&Observation) -> Result<(), ApplyError>,
) -> Result<Outcome, ApplyError> {
    events.send(Event::Phase { name: "observe" });
    let observation = observe(setting, fleet, events, true).await?;
    supply::fits(setting, &observation)?;
    if let Err(refused) = observation.permitted(setting) {
        // What another run is just restarting looks like a fault, and is none.
        return Err(ledger::at_work(fleet).await.unwrap_or(refused));
    }
    if observation.plan.is_empty() {
        events.send(Event::Phase { name: "verify" });
        let findings = verify::judge(setting.cluster, &observation.desired.dcs, &observation.probes, Scope::Everything);
        events.send(Event::Judged { findings: findings.clone() });
        return Ok(Outcome { changed: false, generation: None, findings });
    }
    tokio::select! {
        approved = approve(&observation) => approved?,
        () = stay_connected(fleet) => {}
    }
    let holder = ledger::holder(setting.operator)?;
    fleet.lock(&holder).await.map_err(locked)?;
    let outcome = locked_apply(setting, fleet, events, &observation, &holder.run).await;
    fleet.unlock().await;
    outcome
}

/// Keeps connections in use while somebody thinks about a question; never ends by itself.
async fn stay_connected(fleet: &Fleet) {
    loop {
        tokio::time::sleep(std::time::Duration::from_secs(20)).await;
        fleet.ask_all(|_| Command::new("staying connected", "true")).await;
    }
}

/// The part that changes something. What was approved is looked at once more: another run may have been here before the lock.
async fn locked_apply(
    setting: &Setting<'_>,
    fleet: &Fleet,
    events: &Events,
    approved: &Observation,
    id: &str,
) -> Result<Outcome, ApplyError> {
    ledger::no_other_run(fleet, approved).await?;
    let again;
    let observation = if ledger::fresh(approved) {
        approved
    } else {
        ledger::hold_undo(fleet, events, approved).await?;
        again = observe(setting, fleet, events, false).await?;
        again.permitted(setting)?;
        if again.plan.actions != approved.plan.actions {
            return Err(ApplyError::Stale("the cluster changed while it was being looked at".to_owned()));
        }
        &again
    };
    let mut run = Run { id: id.to_owned(), setting, fleet, events, observation, supplies: Supplies::new() };
    events.send(Event::Phase { name: "build" });
    let programs = run.programs().await?;
    run.supplies = run.supplies().await?;
    run.begins().await?;
    let done = run.carry_out(&programs).await;
    run.ends(&done).await?;
    let (findings, generation) = done?;
    events.send(Event::Judged { findings: findings.clone() });
    Ok(Outcome { changed: true, generation: Some(generation), findings })
}

/// A run under way.
struct Run<'a> {
    id: String,
    setting: &'a Setting<'a>,
    fleet: &'a Fleet,
    events: &'a Events,
    observation: &'a Observation,
    /// What each host is sent of a bundle's packages.
    supplies: Supplies,
}

impl Run<'_> {
    async fn carry_out(&self, programs: &build::Programs) -> Result<(Vec<Finding>, u32), ApplyError> {
        self.events.send(Event::Phase { name: "install" });
        self.install(programs).await?;
        self.events.send(Event::Phase { name: "activate" });
        self.events.set_serving(true);
        let activated = self.activate().await;
        self.events.set_serving(false);
        if activated.is_err() {
            // What did not go live must not lie about.
            let _ = on_all(self.fleet, |host| self.unstage(host)).await;
        }
        activated?;
        self.events.send(Event::Phase { name: "verify" });
        let findings = gate::settled(self.setting, self.fleet, self.observation, self.events).await?;
        Ok((findings, self.keep().await?))
    }
}

/// A lock that another run has is a refusal; anything else is a host that could not be asked.
fn locked(error: HostError) -> ApplyError {
    match error {
        HostError::Locked { .. } => ApplyError::Locked(error),
        other => ApplyError::Hosts(vec![other]),
    }
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
    StepFailure { host: host.name.to_string(), step: command.step.clone(), code: output.code, said }
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

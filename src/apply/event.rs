//! What happens during a run, as data: people's lines, machines' lines and the table of times are all made from it.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::ApplyError;
use crate::host::journal::ActionState;
use crate::verify::Finding;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A phase of the run began.
    Phase {
        /// Its name: "observe", "build", "install" …
        name: &'static str,
    },
    /// A step began on a host.
    Started {
        /// The host; empty for this machine.
        host: String,
        /// What is done.
        step: String,
    },
    /// A step ended well.
    Done {
        /// The host; empty for this machine.
        host: String,
        /// What was done.
        step: String,
        /// How long it took, in milliseconds.
        ms: u64,
    },
    /// A step failed.
    Failed {
        /// The host; empty for this machine.
        host: String,
        /// What was tried.
        step: String,
        /// How long it took, in milliseconds.
        ms: u64,
    },
    /// An action of the plan began.
    ActionStarted {
        /// Its id.
        id: String,
    },
    /// It was done.
    ActionDone {
        /// Its id.
        id: String,
        /// How long it took, in milliseconds.
        ms: u64,
    },
    /// It failed.
    ActionFailed {
        /// Its id.
        id: String,
        /// How long it took, in milliseconds.
        ms: u64,
    },
    /// The run waits for the cluster to become as wanted.
    Waiting {
        /// For what.
        until: String,
        /// What is not so yet.
        missing: Vec<String>,
        /// How long already, in milliseconds.
        ms: u64,
    },
    /// A judgement.
    Judged {
        /// All findings.
        findings: Vec<Finding>,
    },
}

/// Stops a run from outside.
#[derive(Debug, Clone)]
pub struct StopSwitch(Arc<Stop>);

impl StopSwitch {
    /// Whether the run is changing what serves, so that it should be stopped between two actions only.
    pub fn serving(&self) -> bool {
        self.0.serving.load(Ordering::Relaxed)
    }

    /// Wishes the run to stop after the action under way, with that exit code.
    pub fn stop(&self, code: u8) {
        self.0.code.store(code, Ordering::Relaxed);
    }
}

/// Where events go. Sending never fails a run: a reporter that went away is no reason to stop half-way.
#[derive(Debug, Clone)]
pub struct Events {
    sender: tokio::sync::mpsc::UnboundedSender<Event>,
    /// How far each action of the plan is, for the journal.
    actions: Arc<Mutex<Vec<(String, ActionState)>>>,
    stop: Arc<Stop>,
}

/// A wish to stop, from outside.
#[derive(Debug, Default)]
struct Stop {
    /// Something that serves is being changed: a stop waits for the end of the action under way.
    serving: AtomicBool,
    /// The exit code to stop with; 0 while nobody wishes it.
    code: AtomicU8,
}

impl Events {
    /// A channel: the sending half, and the half the reporter reads.
    pub fn channel() -> (Self, tokio::sync::mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        (Self { sender, actions: Arc::default(), stop: Arc::default() }, receiver)
    }

    /// Sends one.
    pub fn send(&self, event: Event) {
        match &event {
            Event::ActionStarted { id } => self.note(id, ActionState::Begun),
            Event::ActionDone { id, .. } => self.note(id, ActionState::Done),
            Event::ActionFailed { id, .. } => self.note(id, ActionState::Failed),
            _ => {}
        }
        let _ = self.sender.send(event);
    }

    /// What a signal can stop the run by.
    pub fn switch(&self) -> StopSwitch {
        StopSwitch(Arc::clone(&self.stop))
    }

    pub(super) fn set_serving(&self, serving: bool) {
        self.stop.serving.store(serving, Ordering::Relaxed);
    }

    /// Stops the run here if that was wished.
    pub(super) fn stop_here(&self) -> Result<(), ApplyError> {
        match self.stop.code.load(Ordering::Relaxed) {
            0 => Ok(()),
            code => Err(ApplyError::Stopped(code)),
        }
    }

    fn note(&self, id: &str, state: ActionState) {
        if let Ok(mut actions) = self.actions.lock() {
            actions.retain(|(known, _)| known != id);
            actions.push((id.to_owned(), state));
        }
    }

    /// How far each action is that was begun, in the order in which that was said.
    pub(super) fn actions(&self) -> Vec<(String, ActionState)> {
        self.actions.lock().map(|actions| actions.clone()).unwrap_or_default()
    }

    /// Does an action of the plan between its two events.
    pub async fn action<T, E>(&self, id: &str, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.send(Event::ActionStarted { id: id.to_owned() });
        let began = tokio::time::Instant::now();
        let result = work.await;
        let (id, ms) = (id.to_owned(), millis(began.elapsed()));
        self.send(if result.is_ok() { Event::ActionDone { id, ms } } else { Event::ActionFailed { id, ms } });
        result
    }

    /// Runs a step between its two events.
    pub async fn step<T, E>(&self, host: &str, step: &str, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        self.send(Event::Started { host: host.to_owned(), step: step.to_owned() });
        let began = tokio::time::Instant::now();
        let result = work.await;
        let (host, step, ms) = (host.to_owned(), step.to_owned(), millis(began.elapsed()));
        self.send(if result.is_ok() { Event::Done { host, step, ms } } else { Event::Failed { host, step, ms } });
        result
    }
}

/// A duration in whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

//! What happens during a run, as data: people's lines, machines' lines and the table of times are all made from it.

use std::time::Duration;

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

/// Where events go. Sending never fails a run: a reporter that went away is no reason to stop half-way.
#[derive(Debug, Clone)]
pub struct Events(tokio::sync::mpsc::UnboundedSender<Event>);

impl Events {
    /// A channel: the sending half, and the half the reporter reads.
    pub fn channel() -> (Self, tokio::sync::mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Sends one.
    pub fn send(&self, event: Event) {
        let _ = self.0.send(event);
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

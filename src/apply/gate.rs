//! Waits until the cluster is as wanted: asks it again and again, says what is missing, gives up at a limit.

use std::time::Duration;

use tokio::time::Instant;

use super::event::millis;
use super::judge::{probe, probe_one};
use super::{ApplyError, Event, Events, Observation, Setting};
use crate::cluster::NodeName;
use crate::host::{Command, Fleet, HostError};
use crate::verify::{self, Finding, Level, Scope};

/// Between two questions; each takes about half a second itself.
const POLL: Duration = Duration::from_millis(200);
/// How often a wait says that it still waits.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Something to wait for.
pub(super) struct Gate<'a> {
    /// In words.
    pub(super) until: &'a str,
    /// What is judged.
    pub(super) scope: Scope,
    /// Of that, which findings must be good: prefixes of their ids.
    pub(super) ids: &'a [&'a str],
    /// When to give up.
    pub(super) limit: Duration,
    /// Whose journals to show then.
    pub(super) unit: &'a str,
    /// Whether Patroni is asked to look at once rather than at its next turn, up to `loop_wait` seconds later.
    pub(super) nudge: bool,
    /// The only node whose word is needed; all are asked otherwise.
    pub(super) only: Option<&'a NodeName>,
}

impl Gate<'_> {
    /// Waits; returns the last judgement.
    pub(super) async fn wait(
        &self,
        setting: &Setting<'_>,
        fleet: &Fleet,
        observation: &Observation,
        events: &Events,
    ) -> Result<Vec<Finding>, ApplyError> {
        let began = Instant::now();
        let mut told = began;
        events
            .step("", &format!("waiting until {}", self.until), async {
                loop {
                    // A row is written through the VIP only where that is judged.
                    let sql = self.scope == Scope::Everything && self.ids.is_empty();
                    let probes = if let Some(node) = self.only {
                        probe_one(setting, fleet, observation, node).await
                    } else {
                        probe(setting, fleet, observation, sql).await
                    };
                    let findings = verify::judge(setting.cluster, &observation.desired.dcs, &probes, self.scope);
                    let missing: Vec<Finding> = findings
                        .iter()
                        .filter(|finding| finding.level != Level::Ok && self.asks(finding))
                        .cloned()
                        .collect();
                    if missing.is_empty() {
                        return Ok(findings);
                    }
                    // Neither comes back within this run: whoever waits here waits in vain.
                    if let Some(host) = fleet.hosts().find(|host| host.is_fenced() || host.is_gone()) {
                        let (name, step) = (host.name.to_string(), format!("waiting until {}", self.until));
                        return Err(ApplyError::Lost(if host.is_fenced() {
                            HostError::Fenced { host: name, step }
                        } else {
                            HostError::Lost { host: name, step }
                        }));
                    }
                    if began.elapsed() > self.limit {
                        let (until, seconds) = (self.until.to_owned(), self.limit.as_secs());
                        let journal = journals(fleet, self.unit).await;
                        return Err(ApplyError::Gate { until, seconds, missing, journal });
                    }
                    if told.elapsed() > HEARTBEAT {
                        told = Instant::now();
                        let missing = missing.iter().map(|finding| finding.text.clone()).collect();
                        events.send(Event::Waiting {
                            until: self.until.to_owned(),
                            missing,
                            ms: millis(began.elapsed()),
                        });
                    }
                    if self.nudge {
                        nudge(setting, fleet, observation).await;
                    }
                    tokio::time::sleep(POLL).await;
                }
            })
            .await
    }

    fn asks(&self, finding: &Finding) -> bool {
        self.ids.is_empty() || self.ids.iter().any(|id| finding.id.starts_with(id))
    }
}

/// Waits until everything is well after a change.
///
/// # Errors
/// [`ApplyError::Gate`] with what is still missing at the limit.
pub(super) async fn settled(
    setting: &Setting<'_>,
    fleet: &Fleet,
    observation: &Observation,
    events: &Events,
) -> Result<Vec<Finding>, ApplyError> {
    let gate = Gate {
        until: "the whole cluster is verified",
        scope: Scope::Everything,
        ids: &[],
        limit: Duration::from_secs(60),
        unit: "patroni",
        nudge: true,
        only: None,
    };
    gate.wait(setting, fleet, observation, events).await
}

/// Wakes every Patroni; one that does not listen yet is no failure. The request takes out a setting that nobody has: Patroni
/// compares, writes nothing, and looks at its cluster at once (api.py, `do_PATCH_config`).
pub(super) async fn nudge(setting: &Setting<'_>, fleet: &Fleet, observation: &Observation) {
    let cluster = setting.cluster;
    let question = |host: &crate::host::Host| {
        let address = cluster.node(&host.name).map(|node| node.address.to_string()).unwrap_or_default();
        let url = format!("http://{address}:{}/config", cluster.patroni.port);
        let asked = serde_json::json!({"method": "PATCH", "url": url, "body": {"quorate-wake": null}, "login": true, "timeout": 2});
        let python = observation.python.get(&host.name).cloned().unwrap_or_default();
        Command::new("waking Patroni", r#"exec "$1" -I -c "$2""#)
            .args([python, include_str!("call.py").to_owned()])
            .stdin(asked.to_string())
    };
    fleet.ask_all(question).await;
}

/// The last lines of a unit's journal on every host.
async fn journals(fleet: &Fleet, unit: &str) -> String {
    if unit.is_empty() {
        return String::new();
    }
    let question = |_: &crate::host::Host| {
        let script =
            r#"journalctl -u "$1" -n 12 --no-pager -o cat 2>/dev/null || systemctl status --no-pager -n 12 "$1""#;
        Command::new("reading the journal", script).arg(unit)
    };
    let mut text = String::new();
    for (name, answer) in fleet.ask_all(question).await {
        for line in answer.map(|output| output.text()).unwrap_or_default().lines() {
            text.extend([name.as_str(), " ", unit, ": ", line, "\n"]);
        }
    }
    text
}

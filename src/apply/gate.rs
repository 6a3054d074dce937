//! Waits until the cluster is as wanted: asks it again and again, says what is missing, gives up at a limit.

use std::time::Duration;

use tokio::time::Instant;

use super::event::millis;
use super::judge::probe;
use super::{ApplyError, Event, Events, Observation, Setting};
use crate::cluster::SecretName;
use crate::component::patroni::RESTAPI_USER;
use crate::host::{Command, Fleet};
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
    /// Whether Patroni is asked to look at once rather than at its next turn, up to `loop_wait` seconds later. Only while
    /// the settings in the DCS are those of the inventory: they are sent again to wake it.
    pub(super) nudge: bool,
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
                    let probes = probe(setting, fleet, observation, self.scope == Scope::Everything).await;
                    let findings = verify::judge(setting.cluster, &observation.desired.dcs, &probes, self.scope);
                    let missing: Vec<Finding> = findings
                        .iter()
                        .filter(|finding| finding.level != Level::Ok && self.asks(finding))
                        .cloned()
                        .collect();
                    if missing.is_empty() {
                        return Ok(findings);
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
                    // Only settings that the DCS holds already: a wake-up must never change one that no plan names.
                    let same = |finding: &Finding| finding.id == "patroni.settings" && finding.level == Level::Ok;
                    if self.nudge && findings.iter().any(same) {
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
        nudge: false,
    };
    gate.wait(setting, fleet, observation, events).await
}

/// Wakes every Patroni; one that does not listen yet is no failure.
async fn nudge(setting: &Setting<'_>, fleet: &Fleet, observation: &Observation) {
    let cluster = setting.cluster;
    let password = setting.secrets.get(&SecretName::RestApi).map_or("", |secret| secret.expose());
    let question = |host: &crate::host::Host| {
        let address = cluster.node(&host.name).map(|node| node.address.to_string()).unwrap_or_default();
        let asked = serde_json::json!({
            "url": format!("http://{address}:{}/config", cluster.patroni.port),
            "user": RESTAPI_USER,
            "password": password,
            "settings": {"ttl": cluster.timings.ttl},
        });
        let python = observation.python.get(&host.name).cloned().unwrap_or_default();
        Command::new("waking Patroni", r#"exec "$1" -I -c "$2""#)
            .args([python, include_str!("nudge.py").to_owned()])
            .stdin(asked.to_string())
    };
    fleet.ask_all(question).await;
}

/// The last lines of a unit's journal on every host.
async fn journals(fleet: &Fleet, unit: &str) -> String {
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

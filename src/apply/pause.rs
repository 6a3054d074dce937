//! Restarts of Patroni itself while the cluster is paused: PostgreSQL runs on, and no failover happens meanwhile.

use std::time::Duration;

use serde_json::json;

use super::{ApplyError, Run, step};
use crate::cluster::NodeName;
use crate::host::{self, Command, Host};
use crate::plan::Action;
use crate::verify::{Level, Scope};

/// Marks the pause as ours, and ends it by itself if nobody does. Arguments: seconds, interpreter. Standard input: the program
/// that asks and its request, with the length of the program as third argument.
const PAUSE_MARK: &str = r#"
folder=/var/lib/quorate/undo/pause
mkdir -p "$folder" && head -c "$3" >"$folder/call.py" && cat >"$folder/request.json" || exit 1
systemctl stop quorate-undo-pause.timer 2>/dev/null
systemd-run --quiet --collect --unit=quorate-undo-pause --on-active="$1" --timer-property=AccuracySec=500ms \
    /bin/sh -c 'for try in 1 2 3 4 5 6 7 8 9 10; do "$1" -I "$2/call.py" <"$2/request.json" && rm -rf "$2" && exit 0; sleep 2; done; exit 1' sh "$2" "$folder""#;
const PAUSE_UNMARK: &str = "systemctl stop quorate-undo-pause.timer 2>/dev/null; rm -rf /var/lib/quorate/undo/pause";

/// What must be well of members while they are paused.
pub(super) const ANSWERS: &[&str] = &["etcd.", "patroni.leader", "patroni.api", "patroni.replicas"];

impl Run<'_> {
    /// Restarts Patroni on all nodes named while the cluster is paused: PostgreSQL runs on.
    pub(super) async fn pause_restart(&self, action: &Action) -> Result<(), ApplyError> {
        self.gate("all members are well", Scope::Members, self.well(), 60, "patroni").await?;
        let hosts: Vec<&Host> = self.fleet.hosts().filter(|host| action.parts.contains_key(&host.name)).collect();
        let leader = self.leader().await?;
        self.pause(&leader).await?;
        let unit = "patroni.service";
        let result = async {
            // Replicas first, each until it answers again; a bad one stops the rest.
            let mut order = hosts.clone();
            order.sort_by_key(|host| host.name == leader);
            for host in order {
                let restart = async {
                    step(self.events, host, self.change_of(action, host).command()).await?;
                    let ids = &["etcd.", "patroni.leader", "patroni.api", "patroni.replicas"];
                    self.gate("Patroni answers again", Scope::Members, ids, 60, "patroni").await
                };
                if host.name == leader {
                    let (restarted, held) = tokio::join!(restart, self.hold_up(&leader));
                    restarted.and(held)?;
                } else {
                    restart.await?;
                }
            }
            Ok::<_, ApplyError>(())
        }
        .await;
        let outcome = match result {
            Ok(()) => {
                super::on_all(self.fleet, |host| async { step(self.events, host, host::confirm(unit)).await.map(drop) })
                    .await
            }
            Err(error) => Err(self.back(&hosts, unit, action, error).await),
        };
        match (outcome, self.resume().await) {
            (Err(ApplyError::RolledBack { action, place, cause }), Err(again)) => {
                Err(ApplyError::RollbackFailed { action, place, cause, again: Box::new(again) })
            }
            // Why the change failed says more than what that does to the end of the pause.
            (outcome, resumed) => outcome.and(resumed),
        }
    }

    async fn pause(&self, leader: &NodeName) -> Result<(), ApplyError> {
        let address = self.address(leader)?;
        super::on_all(self.fleet, |host| {
            let url = format!("http://{address}:{}/config", self.setting.cluster.patroni.port);
            let request = json!({"method": "PATCH", "url": url, "body": {"pause": null}, "login": true, "timeout": 10});
            let program = include_str!("call.py");
            let interpreter = self.observation.python.get(&host.name).cloned().unwrap_or_default();
            let command = Command::new("marking the pause as ours", PAUSE_MARK)
                .args(["300".to_owned(), interpreter, program.len().to_string()])
                .stdin(format!("{program}{request}"));
            async move { step(self.events, host, command).await.map(drop) }
        })
        .await?;
        let body = Some(json!({"pause": true}));
        self.patroni(leader, "pausing the cluster", "PATCH", "/config", body, Duration::from_secs(10)).await?;
        self.everywhere("every member is paused", true).await
    }

    /// Ends a pause of ours.
    pub(super) async fn resume(&self) -> Result<(), ApplyError> {
        let leader = self.leader().await?;
        let body = Some(json!({"pause": null}));
        self.patroni(&leader, "resuming the cluster", "PATCH", "/config", body, Duration::from_secs(10)).await?;
        super::on_all(self.fleet, |host| async {
            step(self.events, host, Command::new("taking the mark of the pause away", PAUSE_UNMARK)).await.map(drop)
        })
        .await?;
        self.gate("all members are well", Scope::Members, self.well(), 60, "patroni").await
    }

    /// Waits until every member says whether it is paused.
    async fn everywhere(&self, until: &str, paused: bool) -> Result<(), ApplyError> {
        let limit = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let probes = super::judge::probe(self.setting, self.fleet, self.observation, false).await;
            let says = |probe: &crate::verify::Probe| {
                let body = probe.patroni.ok().map(|http| http.body.get("pause").and_then(serde_json::Value::as_bool));
                body.is_some_and(|pause| pause.unwrap_or(false) == paused)
            };
            if probes.values().all(|probe| probe.as_ref().is_ok_and(says)) {
                return Ok(());
            }
            if tokio::time::Instant::now() > limit {
                let findings =
                    crate::verify::judge(self.setting.cluster, &self.observation.desired.dcs, &probes, Scope::Members);
                let missing = findings.into_iter().filter(|finding| finding.level != Level::Ok).collect();
                return Err(ApplyError::Gate { until: until.to_owned(), seconds: 30, missing, journal: String::new() });
            }
            super::gate::nudge(self.setting, self.fleet, self.observation).await;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
}

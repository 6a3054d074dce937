//! Changes what serves, node by node: gate, change with a way back on the host itself, gate, confirm; or back it goes.

use std::time::Duration;

use serde_json::json;

use super::gate::Gate;
use super::{ApplyError, Run, step};
use crate::cluster::NodeName;
use crate::component::ComponentName;
use crate::host::{self, Activation, Command, FileDate, Host, Mode};
use crate::plan::{Action, Verb};
use crate::verify::{Finding, Scope, Standing};

/// How much longer than its gate a host waits before it takes a change back by itself.
const GRACE: Duration = Duration::from_secs(15);

/// How a component is judged around a change on one node.
struct Judge {
    until: &'static str,
    scope: Scope,
    ids: &'static [&'static str],
    /// Only the node's own word is needed.
    only_this: bool,
    limit: Duration,
}

/// The mark's time is taken first: whatever is written after it is newer than what this reload reads. The mark itself counts
/// only once the reload is done: one that failed, or was cut off before it, must be made by the next run.
const RELOAD: &str = r#"
mark=/run/quorate/reloaded/$1
mkdir -p "${mark%/*}" && touch "$mark.new" && systemctl daemon-reload && systemctl reload "$1" && mv -f "$mark.new" "$mark""#;

/// Makes a running unit read its files anew.
pub(super) fn reload(unit: &str) -> Command {
    Command::new(format!("reloading {}", unit.trim_end_matches(".service")), RELOAD).arg(unit)
}

impl Run<'_> {
    fn judge(&self, component: ComponentName, verb: Verb) -> Judge {
        let judge = |until, scope, ids, only_this, seconds| Judge {
            until,
            scope,
            ids,
            only_this,
            limit: Duration::from_secs(seconds),
        };
        match component {
            ComponentName::Firewalld => judge(
                "all nodes reach each other",
                Scope::Everything,
                &["etcd.", "patroni.leader", "patroni.replicas", "haproxy", "vip"],
                false,
                30,
            ),
            ComponentName::Etcd => judge("etcd is whole", Scope::Etcd, &["etcd."], false, 60),
            // Whether it is paused is no question while we pause it.
            ComponentName::Patroni if verb == Verb::PauseRestart => {
                judge("Patroni answers again", Scope::Members, super::pause::ANSWERS, false, 60)
            }
            ComponentName::Patroni | ComponentName::Postgresql => {
                judge("all members are well", Scope::Members, self.well(), false, 90)
            }
            ComponentName::Haproxy => {
                judge("its HAProxy routes right", Scope::Routes, &["haproxy"], verb != Verb::Restart, 30)
            }
            ComponentName::Keepalived => {
                judge("one node holds the VIP", Scope::Everything, &["vip", "units"], false, 30)
            }
        }
    }

    /// One action on one node that runs.
    pub(super) async fn change(&self, action: &Action) -> Result<(), ApplyError> {
        let Some(node) = &action.node else { return Ok(()) };
        let host = self.on(node)?;
        if action.verb == Verb::Restart {
            // Nothing is restarted while something else is not well.
            let judge = self.judge(action.component, action.verb);
            self.ask(&judge, node, false).await?;
        }
        let moved = self.move_away(action, node).await?;
        let change = self.change_of(action, host);
        let done = self.try_change(action, host, &change).await;
        let done = match done {
            Ok(()) => step(self.events, host, host::confirm(&change.unit)).await.map(drop),
            Err(error) => Err(self.back(&[host], &change.unit, action, error).await),
        };
        if moved {
            // However it went: this node has to be able to hold the VIP again.
            step(self.events, host, Command::new("starting keepalived", "systemctl start keepalived")).await?;
            self.ask(&self.judge(ComponentName::Keepalived, Verb::Restart), node, false).await?;
        }
        done
    }

    async fn try_change(&self, action: &Action, host: &Host, change: &Activation) -> Result<(), ApplyError> {
        let reload = change.mode == Mode::Reload && action.component == ComponentName::Haproxy;
        if reload {
            step(self.events, host, self.haproxy(host, "keep", "keeping the servers' states")).await?;
        }
        step(self.events, host, change.command()).await?;
        if reload {
            step(self.events, host, self.haproxy(host, "new", "waiting for the new HAProxy")).await?;
        }
        // Before there is a cluster, nobody can be asked whether its nodes reach each other.
        let nobody = action.component == ComponentName::Firewalld && !self.serves();
        if action.verb == Verb::Write || nobody {
            return Ok(());
        }
        if action.component == ComponentName::Patroni {
            self.took_over(&host.name).await?;
        }
        let judge = self.judge(action.component, action.verb);
        self.ask(&judge, &host.name, judge.only_this).await
    }

    /// Waits until a Patroni that was told to reload has gone through a whole turn since: only there it reads its file, and gives
    /// a replica's connection a new password. It tells in seconds when it last saw the DCS, which it does in every turn.
    async fn took_over(&self, node: &NodeName) -> Result<(), ApplyError> {
        let until = "Patroni has read its file";
        let limit = Duration::from_secs(30);
        self.events
            .step(node.as_str(), &format!("waiting until {until}"), async {
                let began = tokio::time::Instant::now();
                let mut first = None;
                loop {
                    let probes = super::judge::probe_one(self.setting, self.fleet, self.observation, node).await;
                    let body = probes.get(node).and_then(|probe| probe.as_ref().ok()?.patroni.ok());
                    let seen = body.and_then(|http| http.body.get("dcs_last_seen")).and_then(serde_json::Value::as_i64);
                    if seen.is_some_and(|seen| seen > *first.get_or_insert(seen)) {
                        return Ok(());
                    }
                    if began.elapsed() > limit {
                        let missing =
                            vec![Finding::degraded("patroni.reload", node, "its Patroni does not come to a turn")];
                        return Err(ApplyError::Gate {
                            until: until.to_owned(),
                            seconds: limit.as_secs(),
                            missing,
                            journal: String::new(),
                        });
                    }
                    super::gate::nudge(self.setting, self.fleet, self.observation).await;
                    tokio::time::sleep(Duration::from_millis(150)).await;
                }
            })
            .await
    }

    /// An action that all nodes take at the same moment.
    pub(super) async fn change_together(&self, action: &Action) -> Result<(), ApplyError> {
        let hosts: Vec<&Host> = self.fleet.hosts().filter(|host| action.parts.contains_key(&host.name)).collect();
        let unit = unit(action.component);
        let results = super::all(hosts.iter().map(|host| async move {
            step(self.events, host, self.change_of(action, host).command()).await.map(drop)
        }))
        .await;
        let mut done: Result<(), ApplyError> = results.into_iter().collect();
        if done.is_ok()
            && let Some(first) = hosts.first()
        {
            let judge = self.judge(action.component, action.verb);
            done = self.ask(&Judge { only_this: false, ..judge }, &first.name, false).await;
        }
        match done {
            Ok(()) => {
                super::on_all(self.fleet, |host| async {
                    step(self.events, host, host::confirm(&unit)).await.map(drop)
                })
                .await
            }
            Err(error) => Err(self.back(&hosts, &unit, action, error).await),
        }
    }

    /// Takes a change back on some hosts, and says how that went.
    pub(super) async fn back(&self, hosts: &[&Host], unit: &str, action: &Action, error: ApplyError) -> ApplyError {
        if matches!(error, ApplyError::Lost(_)) {
            // The host can't be reached or answers no more; it takes the change back by itself.
            return error;
        }
        let undone: Result<Vec<_>, ApplyError> =
            super::all(hosts.iter().map(|host| async move { step(self.events, host, host::undo_now(unit)).await }))
                .await
                .into_iter()
                .collect();
        let verb = if action.verb == Verb::PauseRestart { action.verb } else { Verb::Restart };
        let judged = match undone {
            Ok(_) => match hosts.first() {
                Some(host) => self.ask(&self.judge(action.component, verb), &host.name, false).await,
                None => Ok(()),
            },
            Err(error) => Err(error),
        };
        let place: Vec<String> = hosts.iter().map(|host| host.name.to_string()).collect();
        let (place, cause) = (place.join(", "), Box::new(error));
        match judged {
            Ok(()) => ApplyError::RolledBack { action: action.id.clone(), place, cause },
            Err(again) => {
                ApplyError::RollbackFailed { action: action.id.clone(), place, cause, again: Box::new(again) }
            }
        }
    }

    async fn ask(&self, judge: &Judge, node: &NodeName, only_this: bool) -> Result<(), ApplyError> {
        let gate = Gate {
            until: judge.until,
            scope: judge.scope,
            ids: judge.ids,
            limit: judge.limit,
            unit: "",
            nudge: judge.scope == Scope::Members,
            only: only_this.then_some(node),
        };
        gate.wait(self.setting, self.fleet, self.observation, self.events).await.map(drop)
    }

    /// What a node's host has to do for an action.
    pub(super) fn change_of(&self, action: &Action, host: &Host) -> Activation {
        let part = action.parts.get(&host.name).cloned().unwrap_or_default();
        let mode = match action.verb {
            Verb::Reload => Mode::Reload,
            Verb::Restart | Verb::PauseRestart => Mode::Restart,
            _ => Mode::None,
        };
        let mut limit = self.judge(action.component, action.verb).limit;
        if action.verb == Verb::PauseRestart {
            // All are confirmed at the end; and whatever is taken back must be before the pause ends by itself.
            let nodes = u32::try_from(action.parts.len()).unwrap_or(u32::MAX);
            limit = limit.saturating_mul(nodes).min(Duration::from_secs(225));
        }
        let node = self.observation.nodes.get(&host.name);
        let stale = node.and_then(|node| node.units.get(&unit(action.component))).is_some_and(|unit| unit.stale);
        Activation {
            unit: unit(action.component),
            mode,
            // It takes longer than all the rest, so only where a unit changes.
            daemon_reload: stale || part.files.iter().any(|file| file.path.starts_with("/etc/systemd/")),
            paths: part
                .files
                .into_iter()
                .map(|file| (file.path, if file.keep_date { FileDate::Kept } else { FileDate::Now }))
                .collect(),
            links: part.links,
            undo_after: limit + GRACE,
            run: self.id.clone(),
            ..Activation::default()
        }
    }

    /// Moves etcd's lead to a follower before its leader is restarted.
    async fn move_etcd_leader(&self, leader: &NodeName) -> Result<(), ApplyError> {
        let host = self.on(leader)?;
        let base = format!("http://{}:{}", self.address(leader)?, self.setting.cluster.etcd.client_port);
        let limit = Duration::from_secs(10);
        let ask = |path: &str, body: serde_json::Value| json!({"method": "POST", "url": format!("{base}{path}"), "body": body, "timeout": limit.as_secs()});
        let members =
            self.call(host, "asking for etcd's members", &ask("/v3/cluster/member/list", json!({})), limit).await?;
        let list: serde_json::Value = serde_json::from_str(&members.body).unwrap_or_default();
        let target =
            list.pointer("/members").and_then(serde_json::Value::as_array).into_iter().flatten().find(|member| {
                let name = member.get("name").and_then(serde_json::Value::as_str);
                name.is_some_and(|name| name != leader.as_str() && !name.is_empty())
            });
        let Some(id) = target.and_then(|member| member.get("ID")).cloned() else { return Ok(()) };
        let asked = ask("/v3/maintenance/transfer-leadership", json!({"targetID": id}));
        self.call(host, "moving etcd's lead", &asked, limit).await?;
        self.gate("etcd has another leader", Scope::Etcd, &["etcd."], 30, "etcd").await
    }

    /// How the cluster stands, once that is known of it: an answer that was lost must not pass for "nobody". What nobody says for
    /// some seconds, nobody is.
    async fn known(&self, told: impl Fn(&Standing) -> bool) -> Standing {
        let limit = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            let standing = self.standing().await;
            if told(&standing) || tokio::time::Instant::now() > limit {
                return standing;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Before the node that matters most is restarted, what it does moves elsewhere: etcd's lead, the VIP.
    async fn move_away(&self, action: &Action, node: &NodeName) -> Result<bool, ApplyError> {
        if action.verb != Verb::Restart {
            return Ok(false);
        }
        let standing = match action.component {
            ComponentName::Etcd => self.known(|standing| standing.etcd_leader.is_some()).await,
            ComponentName::Haproxy => self.known(|standing| standing.vip_holder.is_some()).await,
            _ => return Ok(false),
        };
        match action.component {
            ComponentName::Etcd if standing.etcd_leader.as_ref() == Some(node) => {
                self.move_etcd_leader(node).await?;
                Ok(false)
            }
            ComponentName::Haproxy if standing.vip_holder.as_ref() == Some(node) => {
                let stop = Command::new("stopping keepalived", "systemctl stop keepalived");
                step(self.events, self.on(node)?, stop).await?;
                self.ask(
                    &Judge {
                        until: "another node holds the VIP",
                        scope: Scope::Everything,
                        ids: &["vip"],
                        only_this: false,
                        limit: Duration::from_secs(20),
                    },
                    node,
                    false,
                )
                .await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

fn unit(component: ComponentName) -> String {
    format!("{component}.service")
}

#[cfg(test)]
mod tests {
    use super::RELOAD;

    #[test]
    fn only_a_reload_that_was_made_leaves_its_mark() {
        let folder = tempfile::tempdir().unwrap();
        let run = |systemctl: &str| {
            let script = RELOAD.replace("/run/quorate", folder.path().to_str().unwrap());
            let script = format!("systemctl() {{ {systemctl}; }}\n{script}");
            std::process::Command::new("sh").args(["-c", &script, "sh", "x.service"]).status().unwrap().success()
        };
        let mark = folder.path().join("reloaded/x.service");
        assert!(!run(r#"[ "$1" != reload ]"#) && !mark.exists(), "a refused reload counts as made");
        assert!(!run(r#"[ "$1" != reload ] || exit 1"#) && !mark.exists(), "a reload that was cut off counts as made");
        assert!(run("true") && mark.exists());
    }
}

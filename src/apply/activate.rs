//! Carries out a plan's actions, in its order: what may go together goes at once, what serves goes one node at a time behind gates.

use std::collections::BTreeSet;
use std::time::Duration;

use super::gate::Gate;
use super::{ApplyError, Run, all, step};
use crate::cluster::NodeName;
use crate::component::{CheckStage, ComponentName, File, Inputs, patroni, postgresql};
use crate::host::{Command, Host, commit};
use crate::plan::{Action, Verb};
use crate::verify::Scope;

const START: &str = r#"
systemctl daemon-reload
systemctl enable -- "$@" 2>&1 || exit 1
# A unit that failed often would be refused without this.
systemctl reset-failed -- "$@" 2>/dev/null
systemctl start --no-block -- "$@""#;

impl Run<'_> {
    /// Does everything that the plan names, but what was prepared already.
    pub(super) async fn activate(&self) -> Result<(), ApplyError> {
        let actions: Vec<&Action> =
            self.observation.plan.actions.iter().filter(|action| action.verb != Verb::Prepare).collect();
        let mut rest = actions.as_slice();
        while let Some(first) = rest.first() {
            self.events.stop_here()?;
            let together = rest.iter().take_while(|action| at_once(first, action, self.serves())).count();
            let (wave, later) = rest.split_at(together);
            rest = later;
            let results = all(wave.iter().map(|action| self.action(action))).await;
            results.into_iter().collect::<Result<(), ApplyError>>()?;
            let after = rest.first().map(|action| (action.component, action.verb));
            self.settle(first, after).await?;
        }
        Ok(())
    }

    /// One action between its two events.
    async fn action(&self, action: &Action) -> Result<(), ApplyError> {
        self.events
            .action(&action.id, async {
                match action.verb {
                    Verb::Prepare => Ok(()),
                    Verb::Start => self.start(action).await,
                    Verb::Bootstrap => self.bootstrap(action).await,
                    Verb::Sql => self.roles().await,
                    Verb::Write | Verb::Reload | Verb::Restart if action.node.is_some() => self.change(action).await,
                    Verb::Write | Verb::Reload | Verb::Restart => self.change_together(action).await,
                    Verb::Patch => self.patch().await,
                    Verb::PauseRestart => self.pause_restart(action).await,
                    Verb::Resume => self.resume().await,
                    Verb::RestartDatabase => self.restart_database(action).await,
                    Verb::Switchover => self.switchover(action).await,
                }
            })
            .await
    }

    /// The gate behind services that were started: what comes next builds upon them.
    async fn settle(&self, done: &Action, next: Option<(ComponentName, Verb)>) -> Result<(), ApplyError> {
        if next == Some((done.component, done.verb)) {
            return Ok(());
        }
        match (done.component, done.verb) {
            (ComponentName::Etcd, Verb::Start) => {
                self.gate("etcd has its members and a leader", Scope::Etcd, &["etcd"], 60, "etcd").await
            }
            (ComponentName::Patroni, Verb::Start) => {
                self.gate("every member streams on one timeline", Scope::Members, self.well(), 120, "patroni").await
            }
            (ComponentName::Haproxy, Verb::Start) => {
                let until = "HAProxy routes to the leader and the replicas";
                self.gate(until, Scope::Routes, &["haproxy"], 60, "haproxy").await
            }
            _ => Ok(()),
        }
    }

    /// What of the cluster's members must be well before and after each step. Whether settings are as wanted, and who is
    /// synchronous while that is about to change, is asked once the settings were patched.
    pub(super) fn well(&self) -> &'static [&'static str] {
        const WELL: &[&str] = &[
            "etcd.",
            "patroni.leader",
            "patroni.api",
            "patroni.replicas",
            "patroni.timeline",
            "patroni.system",
            "patroni.flags",
            "patroni.sync",
        ];
        let changes = &self.observation.plan.settings.changes;
        let synchronous = changes.iter().any(|change| change.path.starts_with("synchronous"));
        if synchronous { WELL.get(..7).unwrap_or(WELL) } else { WELL }
    }

    pub(super) async fn gate(
        &self,
        until: &str,
        scope: Scope,
        ids: &[&str],
        seconds: u64,
        unit: &str,
    ) -> Result<(), ApplyError> {
        let nudge = scope == Scope::Members;
        let gate = Gate { until, scope, ids, limit: Duration::from_secs(seconds), unit, nudge, only: None };
        gate.wait(self.setting, self.fleet, self.observation, self.events).await.map(drop)
    }

    /// Starts a service that does not run, or enables it for the boot; its files go live before.
    async fn start(&self, action: &Action) -> Result<(), ApplyError> {
        let Some(node) = &action.node else { return Ok(()) };
        let host = self.on(node)?;
        if action.component == ComponentName::Patroni && !action.parts.is_empty() {
            self.patroni_files(host).await?;
        }
        self.go_live(host, action).await?;
        let title = format!("starting {}", action.component);
        let unit = format!("{}.service", action.component);
        step(self.events, host, Command::new(title, START).arg(unit)).await.map(drop)
    }

    /// Files of a service that does not run go live; nothing reads them yet.
    async fn go_live(&self, host: &Host, action: &Action) -> Result<(), ApplyError> {
        let paths: Vec<String> = action
            .parts
            .get(&host.name)
            .into_iter()
            .flat_map(|part| &part.files)
            .map(|file| file.path.clone())
            .collect();
        if paths.is_empty() {
            return Ok(());
        }
        step(self.events, host, commit(paths)).await.map(drop)
    }

    /// Patroni's own file can be judged only once etcd serves; where it did not before, it is staged now.
    async fn patroni_files(&self, host: &Host) -> Result<(), ApplyError> {
        if self.staged_early() {
            return Ok(());
        }
        self.stage_files(host, &self.files(host, CheckStage::StoreServing)).await.map_err(half_way)
    }

    /// The database is created by one node, from a file that alone can create it.
    async fn bootstrap(&self, action: &Action) -> Result<(), ApplyError> {
        let Some(first) = &action.node else { return Ok(()) };
        let host = self.on(first)?;
        let bootstrap = [self.bootstrap_file(first)?];
        self.stage_files(host, &bootstrap).await.map_err(half_way)?;
        self.go_live(host, action).await?;
        let unit = "patroni.service";
        step(self.events, host, Command::new("starting patroni", START).arg(unit)).await?;
        let ids = &["patroni.leader", "patroni.settings"];
        self.gate("the first node leads", Scope::Leader, ids, 120, "patroni").await?;
        // From now on no file can create a second database.
        let wanted = self.observation.desired.nodes.get(first);
        let last: Vec<File> = wanted
            .into_iter()
            .flat_map(|node| &node.files)
            .filter(|file| file.path == patroni::CONFIGURATION)
            .cloned()
            .collect();
        self.stage_files(host, &last).await.map_err(half_way)?;
        step(self.events, host, commit([patroni::CONFIGURATION.to_owned()])).await?;
        step(self.events, host, super::change::reload(unit)).await.map(drop)
    }

    fn bootstrap_file(&self, node: &NodeName) -> Result<File, ApplyError> {
        let inputs =
            Inputs { cluster: self.setting.cluster, facts: &self.observation.facts, secrets: self.setting.secrets };
        Ok(patroni::bootstrap_file(inputs, self.setting.templates, node)?)
    }

    /// Makes roles and databases on the leader; the statements change only what is not so yet.
    async fn roles(&self) -> Result<(), ApplyError> {
        let sql = postgresql::roles_sql(&self.observation.desired.roles, &self.observation.plan.roles);
        // Every host is asked; only the one that leads acts.
        let port = self.setting.cluster.postgresql.port().to_string();
        super::on_all(self.fleet, |host| {
            let (sql, port) = (sql.expose().to_owned(), port.clone());
            async move {
                let Some(bin) = self.observation.programs.get(&host.name) else { return Ok(()) };
                let command = Command::new("making roles and databases", include_str!("roles.sh"))
                    .args([bin.clone(), port])
                    .stdin(sql);
                step(self.events, host, command).await.map(drop)
            }
        })
        .await
    }

    /// Whether the cluster had a leader when the run began.
    pub(super) fn serves(&self) -> bool {
        self.observation.standing.leader.is_some()
    }

    /// Whether etcd served when the run began, so that every file was judged before anything went live.
    pub(super) fn staged_early(&self) -> bool {
        let healthy: &BTreeSet<NodeName> = &self.observation.standing.etcd_healthy;
        healthy.len() == self.setting.cluster.nodes.len()
    }
}

/// What may be done at the same time as the one before it: starts of one component, and files that no process reads. keepalived
/// is started in the order of the inventory, so that the first node takes the VIP and nobody has to give it back.
fn at_once(first: &Action, action: &Action, serves: bool) -> bool {
    let same = (first.component, first.verb) == (action.component, action.verb);
    let together = match first.verb {
        Verb::Start => first.component != ComponentName::Keepalived,
        Verb::Reload => first.component == ComponentName::Firewalld && !serves,
        Verb::Write => first.node.is_some() && action.node.is_some(),
        _ => false,
    };
    first.id == action.id || (same && together)
}

/// A check that refuses after etcd was started: the run stopped half-way, and must not say that nothing was activated.
fn half_way(error: ApplyError) -> ApplyError {
    match error {
        ApplyError::Check(failure) => ApplyError::Step(failure),
        other => other,
    }
}

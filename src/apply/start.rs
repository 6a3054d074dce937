//! Makes files live and starts services, stage by stage, each behind a gate.

use std::time::Duration;

use super::gate::Gate;
use super::{ApplyError, Run, on_all, step};
use crate::cluster::NodeName;
use crate::component::{Activation, CheckStage, ComponentName, File, Inputs, patroni, postgresql};
use crate::host::{Command, Host, commit};
use crate::verify::Scope;

const START: &str = r#"
systemctl daemon-reload
systemctl enable -- "$@" 2>&1 || exit 1
# A unit that failed often would be refused without this.
systemctl reset-failed -- "$@" 2>/dev/null
systemctl start --no-block -- "$@""#;

/// The mark's time is taken first: whatever is written after it is newer than what this reload reads. The mark itself counts
/// only once the reload is done: one that failed, or was cut off before it, must be made by the next run.
const RELOAD: &str = r#"
mark=/run/quorate/reloaded/$1
mkdir -p "${mark%/*}" && touch "$mark.new" && systemctl daemon-reload && systemctl reload "$1" && mv -f "$mark.new" "$mark""#;

impl Run<'_> {
    /// Starts what is not running, in the order in which a cluster is built.
    pub(super) async fn start(&self) -> Result<(), ApplyError> {
        on_all(self.fleet, |host| self.commit(host, CheckStage::Installed)).await?;
        self.start_on_all(ComponentName::Etcd).await?;
        self.gate("etcd has its members and a leader", Scope::Etcd, &["etcd"], 60, "etcd").await?;
        self.start_patroni().await?;
        self.gate("every member streams on one timeline", Scope::Members, &["patroni"], 120, "patroni").await?;
        self.roles().await?;
        self.start_on_all(ComponentName::Haproxy).await?;
        self.gate("HAProxy routes to the leader and the replicas", Scope::Routes, &["haproxy"], 60, "haproxy").await?;
        // The preferred node first, so that it takes the VIP and nobody has to give it back.
        for node in &self.setting.cluster.nodes {
            if let Some(host) = self.fleet.host(&node.name) {
                self.start_on(host, ComponentName::Keepalived).await?;
            }
        }
        Ok(())
    }

    async fn gate(&self, until: &str, scope: Scope, ids: &[&str], seconds: u64, unit: &str) -> Result<(), ApplyError> {
        let nudge = scope == Scope::Members;
        let gate = Gate { until, scope, ids, limit: Duration::from_secs(seconds), unit, nudge };
        gate.wait(self.setting, self.fleet, self.observation, self.events).await.map(drop)
    }

    async fn commit(&self, host: &Host, at: CheckStage) -> Result<(), ApplyError> {
        self.commit_files(host, &self.files(host, at)).await
    }

    async fn commit_files(&self, host: &Host, files: &[File]) -> Result<(), ApplyError> {
        if files.is_empty() {
            return Ok(());
        }
        step(self.events, host, commit(files.iter().map(|file| file.path.clone()))).await.map(drop)
    }

    /// Starts a component's service where it does not run, reloads it where it has not read its files.
    async fn start_on(&self, host: &Host, component: ComponentName) -> Result<(), ApplyError> {
        let Some(plan) = self.observation.plan.nodes.get(&host.name) else { return Ok(()) };
        let wanted = self.observation.desired.nodes.get(&host.name);
        for service in
            wanted.into_iter().flat_map(|node| &node.services).filter(|service| service.component == component)
        {
            let starts = plan.start.contains(service) || plan.enable.contains(&service.unit);
            if starts {
                step(self.events, host, Command::new(format!("starting {component}"), START).arg(&service.unit))
                    .await?;
            }
            // Starting what runs already, only to enable it for the boot, makes nothing read its files.
            if plan.activate.contains(&(service.clone(), Activation::Reload)) {
                step(self.events, host, Command::new(format!("reloading {component}"), RELOAD).arg(&service.unit))
                    .await?;
            }
        }
        Ok(())
    }

    async fn start_on_all(&self, component: ComponentName) -> Result<(), ApplyError> {
        on_all(self.fleet, |host| self.start_on(host, component)).await
    }

    /// Patroni: the database is created by one node, from a file that alone can create it; then the others join.
    async fn start_patroni(&self) -> Result<(), ApplyError> {
        if let Some(first) = &self.observation.plan.bootstrap {
            let host = self.fleet.host(first).ok_or_else(|| ApplyError::Bug(format!("{first} is not connected")))?;
            let files = [self.bootstrap_file(first)?];
            self.stage_files(host, &files).await.map_err(half_way)?;
            self.commit_files(host, &files).await?;
            self.start_on(host, ComponentName::Patroni).await?;
            self.gate("the first node leads", Scope::Leader, &["patroni.leader", "patroni.settings"], 120, "patroni")
                .await?;
            // From now on no file can create a second database.
            let files: Vec<File> = self.final_patroni_file(first).into_iter().collect();
            self.stage_files(host, &files).await.map_err(half_way)?;
            self.commit_files(host, &files).await?;
            let unit = "patroni.service";
            step(self.events, host, Command::new("reloading patroni", RELOAD).arg(unit)).await?;
        }
        let first = self.observation.plan.bootstrap.as_ref();
        if first.is_none() && self.runs_somewhere("patroni.service") {
            // A run that died may have left a node in the middle of creating the database: it needs its file until it leads.
            self.gate("a node leads", Scope::Leader, &["patroni.leader"], 120, "patroni").await?;
        }
        on_all(self.fleet, |host| async move {
            if Some(&host.name) == first {
                return Ok(());
            }
            self.stage_files(host, &self.files(host, CheckStage::StoreServing)).await.map_err(half_way)?;
            self.commit(host, CheckStage::StoreServing).await?;
            self.start_on(host, ComponentName::Patroni).await
        })
        .await
        .map(drop)
    }

    fn runs_somewhere(&self, unit: &str) -> bool {
        self.observation.nodes.values().filter_map(|node| node.units.get(unit)).any(|state| state.active == "active")
    }

    fn bootstrap_file(&self, node: &NodeName) -> Result<File, ApplyError> {
        let inputs =
            Inputs { cluster: self.setting.cluster, facts: &self.observation.facts, secrets: self.setting.secrets };
        Ok(patroni::bootstrap_file(inputs, self.setting.templates, node)?)
    }

    fn final_patroni_file(&self, node: &NodeName) -> Option<File> {
        let path = &self.bootstrap_file(node).ok()?.path;
        self.observation.desired.nodes.get(node)?.files.iter().find(|file| file.path == *path).cloned()
    }

    /// Makes roles and databases on the leader; the script changes only what is not so yet.
    async fn roles(&self) -> Result<(), ApplyError> {
        let inputs =
            Inputs { cluster: self.setting.cluster, facts: &self.observation.facts, secrets: self.setting.secrets };
        let sql = postgresql::roles_sql(inputs)?;
        // Every host is asked; only the one that leads acts.
        let port = self.setting.cluster.postgresql.port().to_string();
        on_all(self.fleet, |host| {
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
        .map(drop)
    }
}

/// A check that refuses after etcd was started: the run stopped half-way, and must not say that nothing was activated.
fn half_way(error: ApplyError) -> ApplyError {
    match error {
        ApplyError::Check(failure) => ApplyError::Step(failure),
        other => other,
    }
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

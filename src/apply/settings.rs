//! Patroni's settings in the DCS: changed, proven on every member, and taken back if a member does not live with them.

use std::time::Duration;

use super::{ApplyError, Run};
use crate::host::journal::ActionState;
use crate::verify::{Finding, Scope};

impl Run<'_> {
    /// Changes the settings in the DCS, and waits until every member has them.
    pub(super) async fn patch(&self) -> Result<(), ApplyError> {
        let change = &self.observation.plan.settings;
        let leader = self.leader().await?;
        let limit = Duration::from_secs(10);
        let title = "changing the settings in the DCS";
        self.patroni(&leader, title, "PATCH", "/config", Some(change.patch.clone()), limit).await?;
        // Members look for themselves only every `loop_wait` seconds; what they do not bear shows once they have looked.
        super::gate::nudge(self.setting, self.fleet, self.observation).await;
        let ids = &["etcd.", "patroni.leader", "patroni.settings", "patroni.replicas", "patroni.sync"];
        let judged = async {
            self.gate("every member has the new settings", Scope::Members, ids, 60, "patroni").await?;
            self.runs_with_parameters().await
        };
        match judged.await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.patch_back("cluster/patroni/patch", error).await),
        }
    }

    /// Waits until PostgreSQL on every member runs with those new parameters that it takes over as it runs.
    async fn runs_with_parameters(&self) -> Result<(), ApplyError> {
        let until = "PostgreSQL runs with the new parameters everywhere";
        self.events
            .step("", &format!("waiting until {until}"), async {
                let limit = tokio::time::Instant::now() + Duration::from_secs(30);
                loop {
                    let missing = self.not_live().await?;
                    if missing.is_empty() {
                        return Ok(());
                    }
                    if tokio::time::Instant::now() > limit {
                        let (until, journal) = (until.to_owned(), String::new());
                        return Err(ApplyError::Gate { until, seconds: 30, missing, journal });
                    }
                    super::gate::nudge(self.setting, self.fleet, self.observation).await;
                    tokio::time::sleep(Duration::from_millis(150)).await;
                }
            })
            .await
    }

    /// The parameters that a member runs without, though nothing but a reload is needed. What a node has of its own wins there.
    async fn not_live(&self) -> Result<Vec<Finding>, ApplyError> {
        let wanted: Vec<(&str, &serde_json::Value)> = self.observation.plan.settings.parameters().collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let members = self.observation.standing.members.iter().map(|name| (name.clone(), Vec::new())).collect();
        let details = super::observe::details(self.setting, self.fleet, self.observation, &members).await?;
        let mut missing = Vec::new();
        for (node, details) in &details {
            let own = self.setting.cluster.node(node).map(|node| &node.parameters);
            for (name, value) in &wanted {
                let overruled = own.is_some_and(|own| own.keys().any(|key| key.as_str() == *name));
                let Some(guc) = details.parameters.get(*name).filter(|guc| !guc.postmaster && !overruled) else {
                    continue;
                };
                if !guc.runs_with(value) {
                    let text = format!("{node} runs with {name} = {}{}", guc.setting, guc.unit);
                    let remedy = "is it set by ALTER SYSTEM, or for a role or database? `SELECT * FROM pg_settings` says by what";
                    missing.push(Finding::degraded("postgresql.parameters", node, text).remedy(remedy));
                }
            }
        }
        Ok(missing)
    }

    /// Takes the settings back, and restarts what had taken them over already.
    pub(super) async fn patch_back(&self, action: &str, cause: ApplyError) -> ApplyError {
        let undo = self.observation.plan.settings.undo.clone();
        let result = async {
            if undo.as_object().is_some_and(|undo| !undo.is_empty()) {
                let leader = self.leader().await?;
                let title = "taking the settings back";
                self.patroni(&leader, title, "PATCH", "/config", Some(undo), Duration::from_secs(10)).await?;
            }
            self.gate("all members are well again", Scope::Members, self.well(), 120, "patroni").await?;
            // Those that this run had restarted have the new value still; all others never took it over.
            let done: Vec<String> = self
                .events
                .actions()
                .into_iter()
                .filter(|(_, state)| *state == ActionState::Done)
                .map(|(id, _)| id)
                .collect();
            let leader = self.leader().await?;
            for node in self.setting.cluster.nodes.iter().map(|node| &node.name).filter(|node| **node != leader) {
                let restarted = format!("{node}/postgresql/restart-database");
                if !done.iter().any(|id| id.starts_with(&restarted)) || !self.waits(node).await? {
                    continue;
                }
                self.restart_now(node).await?;
                self.gate("all members are well again", Scope::Members, self.well(), 120, "patroni").await?;
            }
            Ok::<_, ApplyError>(())
        }
        .await;
        let (action, place, cause) = (action.to_owned(), "the settings in the DCS".to_owned(), Box::new(cause));
        match result {
            Ok(()) => ApplyError::RolledBack { action, place, cause },
            Err(again) => ApplyError::RollbackFailed { action, place, cause, again: Box::new(again) },
        }
    }
}

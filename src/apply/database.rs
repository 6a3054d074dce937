//! Restarts of PostgreSQL, and the switchover: both by Patroni, which alone may start it.

use std::time::Duration;

use serde_json::json;

use super::{ApplyError, Run};
use crate::cluster::NodeName;
use crate::component::{ComponentName, patroni};
use crate::host::Command;
use crate::plan::Action;
use crate::verify::{Scope, Standing};

/// How long PostgreSQL may take to stop and start again.
const RESTART_LIMIT: Duration = Duration::from_secs(300);

/// Argument: a file. The generation that was proven last has its former content.
const FORMER: &str = r#"
kept=/var/lib/quorate/generations/current/files$1 new=${1%/*}/.quorate-new-${1##*/}~ mark=/run/quorate/reloaded/patroni.service
cp -p "$kept" "$new" && sync "$new" && touch "$new" && mv -fT "$new" "$1" && sync "${1%/*}" &&
    touch "$mark.new" && systemctl reload patroni && mv -f "$mark.new" "$mark""#;

impl Run<'_> {
    /// How the cluster stands now.
    pub(super) async fn standing(&self) -> Standing {
        let probes = super::judge::probe(self.setting, self.fleet, self.observation, false).await;
        Standing::of(self.setting.cluster, &probes)
    }

    /// Who leads now; a plan is only as good as that.
    pub(super) async fn leader(&self) -> Result<NodeName, ApplyError> {
        if let Some(leader) = self.standing().await.leader {
            return Ok(leader);
        }
        self.gate("a member leads", Scope::Leader, &["patroni.leader"], 60, "patroni").await?;
        self.standing().await.leader.ok_or_else(|| ApplyError::Bug("the leader is gone again".to_owned()))
    }

    /// Restarts PostgreSQL on one node; the settings go back if it does not come up.
    pub(super) async fn restart_database(&self, action: &Action) -> Result<(), ApplyError> {
        let Some(node) = &action.node else { return Ok(()) };
        self.gate("all members are well", Scope::Members, self.well(), 60, "patroni").await?;
        self.waits(node).await?;
        let result = async {
            self.restart_now(node).await?;
            self.gate("all members are well", Scope::Members, self.well(), 90, "patroni").await
        }
        .await;
        match result {
            Ok(()) => Ok(()),
            Err(error @ ApplyError::Lost(_)) => Err(error),
            Err(error) => {
                let error = self.with_log(node, error).await;
                match self.own_parameters_back(node).await {
                    Ok(()) => Err(self.patch_back(&action.id, error).await),
                    Err(again) => Err(ApplyError::RollbackFailed {
                        action: action.id.clone(),
                        place: node.to_string(),
                        cause: Box::new(error),
                        again: Box::new(again),
                    }),
                }
            }
        }
    }

    /// Puts a node's former file of Patroni back if this run gave the node parameters of its own: the reload that brought them
    /// was well, only the restart was not.
    async fn own_parameters_back(&self, node: &NodeName) -> Result<(), ApplyError> {
        let mut actions = self.observation.plan.actions.iter();
        let brought = actions.any(|action| {
            action.component == ComponentName::Patroni
                && action.parts.contains_key(node)
                && action.rules.contains(&"patroni.parameters")
        });
        if !brought {
            return Ok(());
        }
        let command = Command::new("putting Patroni's former file back", FORMER).arg(patroni::CONFIGURATION);
        super::step(self.events, self.on(node)?, command).await.map(drop)
    }

    /// Adds what PostgreSQL itself said: Patroni only says that it failed.
    async fn with_log(&self, node: &NodeName, error: ApplyError) -> ApplyError {
        let ApplyError::Step(mut failure) = error else { return error };
        let script = r"journalctl -u patroni --since '-90s' -o cat --no-pager | grep -E 'FATAL|PANIC|HINT|DETAIL' | grep -v 'terminating connection' | tail -n 4";
        if let Some(host) = self.fleet.host(node)
            && let Ok(output) = host.run(&Command::new("reading PostgreSQL's last words", script)).await
        {
            failure.said = format!("{}\n{}", failure.said, output.text().trim_end());
        }
        ApplyError::Step(failure)
    }

    pub(super) async fn restart_now(&self, node: &NodeName) -> Result<(), ApplyError> {
        let leads = self.standing().await.leader.as_ref() == Some(node);
        let body = json!({"timeout": RESTART_LIMIT.as_secs()});
        let restart = self.patroni(node, "restarting PostgreSQL", "POST", "/restart", Some(body), RESTART_LIMIT);
        if leads {
            restart.await?;
            // HAProxy's checks need seconds to believe that it is back.
            return self.follow(node).await;
        }
        // A synchronous standby that goes away makes commits wait until Patroni has chosen another: it is woken for that.
        let restarted = async {
            tokio::select! {
                result = restart => result.map(drop),
                () = self.keep_awake() => Ok(()),
            }
        };
        restarted.await
    }

    /// Wakes every Patroni again and again; never ends by itself.
    async fn keep_awake(&self) {
        loop {
            tokio::time::sleep(Duration::from_millis(150)).await;
            super::gate::nudge(self.setting, self.fleet, self.observation).await;
        }
    }

    /// Waits until Patroni on the node knows that a restart is due: only then it has the settings that the restart is for. It may
    /// never: a value that is written in another way than the running one is no difference to Patroni.
    pub(super) async fn waits(&self, node: &NodeName) -> Result<bool, ApplyError> {
        let until = tokio::time::Instant::now() + Duration::from_secs(30);
        while !self.standing().await.pending.contains(node) {
            if tokio::time::Instant::now() > until {
                return Ok(false);
            }
            super::gate::nudge(self.setting, self.fleet, self.observation).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(true)
    }

    /// Hands the lead over; the former leader starts again as a replica, with all that waited for a restart.
    pub(super) async fn switchover(&self, action: &Action) -> Result<(), ApplyError> {
        let Some(leader) = &action.node else { return Ok(()) };
        self.gate("all members are well", Scope::Members, self.well(), 60, "patroni").await?;
        // A moment without an answer is no other leader.
        let leads = self.leader().await?;
        let standing = self.standing().await;
        if leads != *leader {
            // The lead moved by itself meanwhile: a failover restarted the former leader, so what it waited for is done.
            return Ok(());
        }
        self.waits(leader).await?;
        let candidate = crate::plan::candidate(self.setting.cluster, &standing, leader)
            .cloned()
            .ok_or_else(|| ApplyError::Bug(format!("no member may take over from {leader} now")))?;
        let body = json!({"leader": leader, "candidate": candidate});
        let title = format!("switching over to {candidate}");
        let limit = Duration::from_secs(60);
        let (asked, followed) = tokio::join!(
            self.patroni(leader, &title, "POST", "/switchover", Some(body), limit),
            self.follow(&candidate)
        );
        asked?;
        followed?;
        match self.gate("all members are well", Scope::Members, self.well(), 120, "patroni").await {
            // The lead stays where it is; the settings that the former leader does not start with go back.
            Err(error) => Err(self.patch_back(&action.id, error).await),
            Ok(()) => Ok(()),
        }
    }
}

//! Requests to the cluster's own HTTP services, made by a host of it: Patroni's REST API and etcd's gateway.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ApplyError, Run, step};
use crate::cluster::{Node, NodeName};
use crate::host::{Command, Host};

/// The program that asks.
const CALL: &str = include_str!("call.py");
/// The program that speaks to HAProxy.
const HAPROXY: &str = include_str!("haproxy.py");

/// An answer of a service.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The body as it came.
    pub(super) body: String,
}

impl Run<'_> {
    /// Asks Patroni on a node, as one who may change things; any status other than 2xx fails the step.
    pub(super) async fn patroni(
        &self,
        node: &NodeName,
        title: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
        limit: Duration,
    ) -> Result<Answer, ApplyError> {
        let host = self.on(node)?;
        let url = format!("http://{}:{}{path}", self.address(node)?, self.setting.cluster.patroni.port);
        let asked = json!({"method": method, "url": url, "body": body, "login": true, "timeout": limit.as_secs()});
        self.call(host, title, &asked, limit).await
    }

    /// One request from a host.
    pub(super) async fn call(
        &self,
        host: &Host,
        title: &str,
        asked: &Value,
        limit: Duration,
    ) -> Result<Answer, ApplyError> {
        let command =
            self.python(host, title, CALL, &[]).stdin(asked.to_string()).timeout(limit + Duration::from_secs(5));
        let output = step(self.events, host, command.clone()).await?;
        let answer: Answer = serde_json::from_slice(&output.stdout)
            .map_err(|error| ApplyError::Bug(format!("{title}: the answer can't be read: {error}")))?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        let mut failure = super::failure(host, &command, &output);
        (failure.code, failure.said) = (i32::from(answer.status), answer.body);
        Err(ApplyError::Step(Box::new(failure)))
    }

    /// A Python program under Patroni's own interpreter.
    pub(super) fn python(&self, host: &Host, title: &str, program: &str, args: &[&str]) -> Command {
        let interpreter = self.observation.python.get(&host.name).cloned().unwrap_or_default();
        Command::new(title, r#"interpreter=$1 program=$2; shift 2; exec "$interpreter" -I -c "$program" "$@""#)
            .args([interpreter, program.to_owned()])
            .args(args.iter().copied())
    }

    /// The shell text that a reload of HAProxy on this host begins with: it keeps the servers' states for the new process.
    pub(super) fn haproxy(&self, host: &Host, what: &'static str, title: &str) -> Command {
        self.python(host, title, HAPROXY, &[what])
    }

    /// Tells every HAProxy of a new leader as soon as its Patroni says that it leads.
    pub(super) async fn follow(&self, leader: &NodeName) -> Result<(), ApplyError> {
        let cluster = self.setting.cluster;
        let url = format!("http://{}:{}/primary", self.address(leader)?, cluster.patroni.port);
        let others: Vec<&NodeName> =
            cluster.nodes.iter().map(|node: &Node| &node.name).filter(|name| *name != leader).collect();
        let asked = json!({"url": url, "leader": leader, "others": others, "seconds": 40});
        super::on_all(self.fleet, |host| {
            let command = self
                .haproxy(host, "follow", "following the leader")
                .stdin(asked.to_string())
                .timeout(Duration::from_secs(45));
            async move { step(self.events, host, command).await.map(drop) }
        })
        .await
    }

    /// Keeps every HAProxy from taking the leader out while its Patroni restarts and PostgreSQL runs on.
    pub(super) async fn hold_up(&self, leader: &NodeName) -> Result<(), ApplyError> {
        let url = format!("http://{}:{}/primary", self.address(leader)?, self.setting.cluster.patroni.port);
        let asked = json!({"url": url, "leader": leader, "seconds": 40, "patience": 8});
        super::on_all(self.fleet, |host| {
            let command = self
                .haproxy(host, "hold", "keeping the leader up")
                .stdin(asked.to_string())
                .timeout(Duration::from_secs(45));
            async move { step(self.events, host, command).await.map(drop) }
        })
        .await
    }

    /// A connected host.
    pub(super) fn on(&self, node: &NodeName) -> Result<&Host, ApplyError> {
        self.fleet.host(node).ok_or_else(|| ApplyError::Bug(format!("{node} is not connected")))
    }

    pub(super) fn address(&self, node: &NodeName) -> Result<String, ApplyError> {
        let found = self.setting.cluster.node(node).map(|node| node.address.to_string());
        found.ok_or_else(|| ApplyError::Bug(format!("{node} is not in the inventory")))
    }
}

//! Changes of the inventory that no re-deploy makes, and moments at which none should. Part of the preflight.

use super::{Preflight, Verb};
use crate::cluster::Node;
use crate::component::patroni;
use crate::verify::Finding;

impl Preflight<'_> {
    /// Changes that the table of changes refuses, each with what to do instead.
    pub(super) fn changes(&self, node: &Node) -> Vec<Finding> {
        let refused = self.plan.map(|plan| plan.refused.as_slice()).unwrap_or_default();
        let here = refused.iter().filter(|refusal| refusal.node == node.name);
        here.map(|refusal| {
            let text = format!("{} changed, which no re-deploy does", refusal.key);
            Finding::down("change.refused", &node.name, text)
                .remedy(format!("{}; put the former value back", refusal.instead))
        })
        .collect()
    }

    /// Another data folder, another release or another place in etcd for a database that is there already: Patroni would not
    /// notice before its next start, and then begin a second database or find no programs for the first.
    pub(super) fn identity(&self, node: &Node) -> Option<Finding> {
        let live = &self.nodes.get(&node.name)?.identity;
        let files = &self.desired?.nodes.get(&node.name)?.files;
        let file = files.iter().find(|file| file.path == patroni::CONFIGURATION)?;
        let wanted = super::state::identity(file.content.expose());
        let changed: Vec<String> = wanted
            .iter()
            .filter_map(|(key, wanted)| Some((key, wanted, live.get(key).filter(|live| *live != wanted)?)))
            .map(|(key, wanted, live)| format!("{key} {wanted}, but its database was made with {live}"))
            .collect();
        (!changed.is_empty()).then(|| {
            Finding::down("change.identity", &node.name, format!("the inventory asks for {}", changed.join("; "))).remedy(
                "put the former value back (postgresql.version, postgresql.data_dir, patroni.namespace); this version moves no database",
            )
        })
    }

    /// A cluster that is paused by its operator, or that could not lose one voter more, is not changed piece by piece.
    pub(super) fn moment(&self) -> Vec<Finding> {
        let (Some(plan), Some(standing)) = (self.plan, self.standing) else { return Vec::new() };
        let touching: Vec<&str> = plan
            .actions
            .iter()
            .filter(|action| action.verb != Verb::Prepare)
            .map(|action| action.id.as_str())
            .collect();
        if touching.is_empty() {
            return Vec::new();
        }
        let mut findings = Vec::new();
        let resumes = plan.actions.iter().any(|action| action.verb == Verb::Resume);
        if standing.paused && !resumes {
            let text = format!(
                "the cluster is paused, so no failover would help if one of these went wrong: {}",
                touching.join(", ")
            );
            findings
                .push(Finding::down("change.paused", "cluster", text).remedy(
                    "`patronictl -c /etc/patroni/patroni.yml resume` on a node, when whoever paused it agrees",
                ));
        }
        let starting = plan.actions.iter().any(|action| action.verb == Verb::Start);
        let voters = standing.etcd_healthy.len();
        if voters <= self.cluster.quorum() && !starting {
            let text = format!(
                "{voters} voters serve and {} are needed: nothing is changed at such a moment",
                self.cluster.quorum()
            );
            findings
                .push(Finding::down("change.quorum", "cluster", text).remedy("bring the missing voters back first"));
        }
        if standing.failsafe {
            let text = "Patroni runs in failsafe mode: the store of its lease is lost";
            findings.push(
                Finding::down("change.failsafe", "cluster", text).remedy("on the nodes: `systemctl status etcd`"),
            );
        }
        if standing.leader.is_none() && !starting && plan.bootstrap.is_none() {
            findings.push(
                Finding::down("change.leader", "cluster", "no leader on which all members agree")
                    .remedy("`quorate verify` says what is wrong; mend that first"),
            );
        }
        findings
    }
}

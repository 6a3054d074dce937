//! What runs on each host since when, and what two such looks differ in.

use std::collections::{BTreeMap, BTreeSet};

use super::stage::{NODES, Stage};

/// Prints `NAME PID START`: the services' main processes, PostgreSQL's, and HAProxy's workers; and how often systemd has
/// restarted each service by itself.
const LOOK: &str = r#"
since() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
for unit in etcd patroni haproxy keepalived; do
    pid=$(systemctl show -p MainPID --value $unit)
    echo "$unit $pid $(since $pid)"
    echo "$unit-restarts $(systemctl show -p NRestarts --value $unit)"
done
pid=$(head -n 1 /var/lib/postgresql/*/lab/postmaster.pid)
echo "postgres $pid $(since $pid)"
pid=$(systemctl show -p MainPID --value haproxy)
echo "workers $(cat /proc/$pid/task/*/children)"
"#;

/// One look at all hosts: `etcd db01` → its process and start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Processes(BTreeMap<String, String>);

impl Processes {
    /// Looks.
    pub(super) fn of(stage: &Stage) -> Self {
        let host = |node: &'static str| {
            let told = stage.root(node, LOOK);
            let lines: Vec<_> = told.lines().filter_map(|line| line.split_once(' ')).collect();
            lines.into_iter().map(|(name, value)| (format!("{name} {node}"), value.to_owned())).collect::<Vec<_>>()
        };
        Self(NODES.into_iter().flat_map(host).collect())
    }

    /// The processes that are others than before: `etcd db01`, … HAProxy's workers are told apart from its master.
    pub(super) fn restarted(&self, before: &Self) -> BTreeSet<String> {
        let changed = self.0.iter().filter(|(name, value)| before.0.get(*name) != Some(value));
        changed.map(|(name, _)| name.clone()).filter(|name| !name.starts_with("workers")).collect()
    }

    /// The hosts whose HAProxy took its file in anew: other workers under the same master.
    pub(super) fn reloaded(&self, before: &Self) -> BTreeSet<String> {
        let other = |name: &str| self.0.get(name) != before.0.get(name);
        let reloaded =
            NODES.into_iter().filter(|node| other(&format!("workers {node}")) && !other(&format!("haproxy {node}")));
        reloaded.map(str::to_owned).collect()
    }
}

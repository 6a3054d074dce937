//! Changes of the inventory that this version does not make to a cluster that serves. Part of the preflight.

use super::Preflight;
use crate::cluster::Node;
use crate::component::{Activation, patroni};
use crate::verify::Finding;

impl Preflight<'_> {
    /// Changes that need a restart of what serves already: not made by this version, and never by surprise.
    pub(super) fn changes(&self, node: &Node) -> Vec<Finding> {
        let (Some(seen), Some(plan)) =
            (self.nodes.get(&node.name), self.plan.and_then(|plan| plan.nodes.get(&node.name)))
        else {
            return Vec::new();
        };
        let ours = seen.owner.as_deref() == Some(self.cluster.name.as_str());
        let restarts: Vec<&str> = plan
            .activate
            .iter()
            .filter(|(_, activation)| *activation > Activation::Reload)
            .map(|(service, _)| service.unit.as_str())
            .collect();
        if !ours || restarts.is_empty() {
            return Vec::new();
        }
        let text = format!("the inventory now says something that needs a restart of {}", restarts.join(", "));
        vec![Finding::down("change.restart", &node.name, text).remedy(
            "this version installs, resumes and reloads, but does not restart what serves; put the former value back, or restart by hand after changing the file",
        )]
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
}

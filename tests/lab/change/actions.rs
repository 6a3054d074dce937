//! What `plan --json` and `apply --json` say, and the short notation in which a test expects it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::stage::{NODES, Stage};
use crate::harness::Run;

/// What a plan says.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The ids of the actions, in their order.
    pub(super) ids: Vec<String>,
    /// The impact of the whole.
    pub(super) impact: String,
    /// All of what was printed, to show when something is wrong.
    pub(super) text: String,
}

/// What an apply did.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// The ids of the actions that were begun, in their order.
    pub(super) started: Vec<String>,
    /// Those that were done, in their order.
    pub(super) done: Vec<String>,
    /// Those that failed.
    pub(super) failed: Vec<String>,
    /// "begun ID" and "done ID", in their order.
    pub(super) order: Vec<(bool, String)>,
    /// The last record.
    pub(super) result: Value,
}

/// The JSON lines of a run.
pub(super) fn records(out: &str) -> Vec<Value> {
    let parsed = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    out.lines().filter(|line| !line.is_empty()).map(parsed).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Plan {
    /// Asks for the plan.
    #[track_caller]
    pub(super) fn of(stage: &Stage) -> Self {
        Self::read(&stage.run(&["plan", "--json"]).exits(0))
    }

    fn read(run: &Run) -> Self {
        let mut plan = Self { text: run.out.clone(), ..Self::default() };
        for record in records(&run.out) {
            match record["type"].as_str() {
                Some("action") => plan.ids.push(text(&record["id"])),
                Some("summary") => plan.impact = text(&record["impact"]),
                _ => {}
            }
        }
        plan
    }
}

impl Applied {
    /// Reads the events of a run.
    pub(super) fn read(out: &str) -> Self {
        let mut applied = Self::default();
        for record in records(out) {
            let id = text(&record["id"]);
            match record["type"].as_str() {
                Some("action_started") => {
                    applied.order.push((true, id.clone()));
                    applied.started.push(id);
                }
                Some("action_done") => {
                    applied.order.push((false, id.clone()));
                    applied.done.push(id);
                }
                Some("action_failed") => applied.failed.push(id),
                Some("result") => applied.result = record,
                _ => {}
            }
        }
        applied
    }

    /// Whether all of `first` were done before any of `second` was begun.
    pub(super) fn before(&self, first: &BTreeSet<String>, second: &BTreeSet<String>) -> bool {
        let done = self.order.iter().rposition(|(begun, id)| !begun && first.contains(id));
        let begun = self.order.iter().position(|(begun, id)| *begun && second.contains(id));
        matches!((done, begun), (Some(done), Some(begun)) if done < begun)
    }
}

/// Who is who, before a change: the words that may stand behind an `@`.
pub(super) struct Roles(BTreeMap<&'static str, Vec<&'static str>>);

impl Roles {
    /// Asks the cluster.
    #[track_caller]
    pub(super) fn of(stage: &Stage) -> Self {
        let (leader, etcd, holder) = (stage.leader(), stage.etcd_leader(), stage.holder());
        let without = |one: &str| NODES.into_iter().filter(|node| *node != one).collect();
        Self(BTreeMap::from([
            ("all", NODES.to_vec()),
            ("cluster", vec!["cluster"]),
            ("leader", vec![leader]),
            ("replicas", without(leader)),
            ("etcd-leader", vec![etcd]),
            ("etcd-followers", without(etcd)),
            ("holder", vec![holder]),
            ("others", without(holder)),
        ]))
    }

    fn who(&self, word: &str) -> Vec<String> {
        let all = self.0.get(word).map_or_else(|| vec![word], Clone::clone);
        all.into_iter().map(str::to_owned).collect()
    }

    /// `etcd/restart@all patroni/patch@cluster` → the ids of actions. `-2` behind the word asks for a second pass.
    pub(super) fn ids(&self, notation: &str) -> BTreeSet<String> {
        self.expand(notation, |what, node| format!("{node}/{what}"))
    }

    /// `etcd@all postgres@replicas` → `etcd db01`, …
    pub(super) fn processes(&self, notation: &str) -> BTreeSet<String> {
        self.expand(notation, |what, node| format!("{what} {node}"))
    }

    /// `all` or `db02 db03` → the nodes.
    pub(super) fn nodes(&self, notation: &str) -> BTreeSet<String> {
        notation.split_whitespace().flat_map(|word| self.who(word)).collect()
    }

    fn expand(&self, notation: &str, name: impl Fn(&str, &str) -> String) -> BTreeSet<String> {
        let pair = |word: &str| word.split_once('@').map(|(what, who)| (what.to_owned(), who.to_owned()));
        let pairs = notation.split_whitespace().map(|word| pair(word).unwrap_or_else(|| panic!("{word} lacks its @")));
        pairs
            .flat_map(|(what, who)| self.who(&who).into_iter().map(|node| name(&what, &node)).collect::<Vec<_>>())
            .collect()
    }
}

//! What differs between the hosts and the inventory, for people: per file, old and new text without any secret.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::details::Details;
use super::masking;
use super::{Entry, ObservedNode, Plan};
use crate::cluster::{NodeName, Secrets};
use crate::component::{File, changed};

/// How many lines around a change are shown.
const CONTEXT: usize = 3;

/// Where a difference comes from, by what was applied last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// The inventory asks for something else than last time (or this version of quorate, or a template does).
    Inventory,
    /// The host was changed by hand; the inventory asks for the same as last time.
    Hand,
    /// Both.
    Both,
    /// Nothing was applied yet that one could compare with.
    Unknown,
}

/// One file that differs, on all nodes on which it differs in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDifference {
    /// Its path.
    pub path: String,
    /// The nodes, in order.
    pub nodes: Vec<NodeName>,
    /// Where the difference comes from.
    pub cause: Cause,
    /// The lines that differ with those around them (as on the first node), as a unified diff without its two heads; masked.
    pub hunks: String,
    /// How many lines it gains.
    pub added: usize,
    /// How many lines it loses.
    pub removed: usize,
    /// It is not there yet.
    pub created: bool,
    /// It is there and could not be read: the hunks are the whole new file.
    pub unread: bool,
    /// No key differs: only comments and blank lines.
    pub comments_only: bool,
    /// Owner, group and mode as they are and as they become, if they differ.
    pub attributes: Option<(String, String)>,
}

/// A setting in the DCS that differs; values are JSON, masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingDifference {
    /// Its dotted path.
    pub path: String,
    /// What lives there; `None`: nothing.
    pub from: Option<String>,
    /// What it becomes; `None`: it goes.
    pub to: Option<String>,
    /// Where the difference comes from.
    pub cause: Cause,
}

/// All that differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Files, by path.
    pub files: Vec<FileDifference>,
    /// Settings, by path.
    pub settings: Vec<SettingDifference>,
}

impl Difference {
    /// Works it out for the files of a plan. What the plan does not write is no difference: values that count only while a
    /// cluster is made, say.
    pub fn of(
        plan: &Plan,
        nodes: &BTreeMap<NodeName, ObservedNode>,
        details: &BTreeMap<NodeName, Details>,
        secrets: &Secrets,
    ) -> Self {
        let mut files: Vec<FileDifference> = Vec::new();
        for (name, wanted) in &plan.nodes {
            let Some(node) = nodes.get(name) else { continue };
            for file in &wanted.files {
                let live = details.get(name).and_then(|details| details.files.get(&file.path));
                let one = difference(name, file, node, live.map(String::as_str), secrets);
                match files.iter_mut().find(|other| other.is_like(&one)) {
                    Some(other) => other.nodes.push(name.clone()),
                    None => files.push(one),
                }
            }
        }
        files.sort_by(|a, b| (&a.path, &a.nodes).cmp(&(&b.path, &b.nodes)));
        let known = nodes.values().any(|node| node.applied.is_some());
        let shown = |path: &str, value: &Value| (!value.is_null()).then(|| masking::value(path, value, secrets));
        let settings = plan.settings.changes.iter().map(|change| SettingDifference {
            from: shown(&change.path, &change.from),
            to: shown(&change.path, &change.to),
            cause: match (known, change.drift) {
                (false, _) => Cause::Unknown,
                (true, true) => Cause::Hand,
                (true, false) => Cause::Inventory,
            },
            path: change.path.clone(),
        });
        Self { settings: settings.collect(), files }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.settings.is_empty()
    }

    /// How many files (on each node) and settings were changed by hand.
    pub fn by_hand(&self) -> usize {
        let by_hand = |cause: Cause| matches!(cause, Cause::Hand | Cause::Both);
        let files: usize = self.files.iter().filter(|one| by_hand(one.cause)).map(|one| one.nodes.len()).sum();
        files + self.settings.iter().filter(|one| by_hand(one.cause)).count()
    }
}

fn difference(
    name: &NodeName,
    file: &File,
    node: &ObservedNode,
    live: Option<&str>,
    secrets: &Secrets,
) -> FileDifference {
    let (wanted, sum) = (file.content.sha256(), node.sums.get(&file.path));
    let same = sum == Some(&wanted);
    let there = sum.is_some() || node.entries.contains_key(&file.path);
    // A file that is as wanted was not read; its text is the wanted one.
    let live = if same { Some(file.content.expose()) } else { live };
    let (old, new) = masking::masked(live, file.content.expose(), secrets);
    let lines = TextDiff::from_lines(old.as_deref().unwrap_or(""), &new);
    let count = |tag| lines.iter_all_changes().filter(|change| change.tag() == tag).count();
    let attributes = node.entries.get(&file.path).and_then(|entry| {
        let from = attributes(&entry.owner, &entry.group, entry.mode);
        let to = attributes(&file.owner, &file.group, file.mode);
        (from != to).then_some((from, to))
    });
    FileDifference {
        path: file.path.clone(),
        nodes: vec![name.clone()],
        cause: cause(file, node, &wanted),
        hunks: lines.unified_diff().context_radius(CONTEXT).to_string(),
        added: count(ChangeTag::Insert),
        removed: count(ChangeTag::Delete),
        created: !there,
        unread: there && live.is_none(),
        comments_only: !same && live.is_some_and(|live| changed(&file.path, live, file.content.expose()).is_empty()),
        attributes,
    }
}

/// What changes, and where; the lines around it may be each node's own.
fn alone(hunks: &str) -> Vec<&str> {
    hunks.lines().filter(|line| !line.starts_with(' ')).collect()
}

impl FileDifference {
    /// Whether it is the same difference, on another node.
    fn is_like(&self, other: &Self) -> bool {
        let parts = |one: &Self| (one.cause, one.created, one.unread, one.comments_only, one.added, one.removed);
        self.path == other.path
            && parts(self) == parts(other)
            && self.attributes == other.attributes
            && alone(&self.hunks) == alone(&other.hunks)
    }
}

fn attributes(owner: &str, group: &str, mode: u32) -> String {
    format!("{owner}:{group} {mode:04o}")
}

/// Live, applied last, and wanted: who moved?
fn cause(file: &File, node: &ObservedNode, wanted: &String) -> Cause {
    let Some(applied) = &node.applied else { return Cause::Unknown };
    let (live, last) = (node.sums.get(&file.path), applied.sums.get(&file.path));
    let owned = |entry: &Entry| (&entry.owner, &entry.group, entry.mode) == (&file.owner, &file.group, file.mode);
    let touched = live != last;
    match (touched, last == Some(wanted)) {
        (true, true) => Cause::Hand,
        (true, false) => Cause::Both,
        // Owners and modes are always the same for a file: another one was given by hand.
        (false, true) if !node.entries.get(&file.path).is_some_and(owned) => Cause::Hand,
        (false, _) => Cause::Inventory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{Activation, ComponentName, Content};
    use crate::plan::{Applied, NodePlan};

    const PATH: &str = "/etc/x/x.cfg";

    fn file(text: &str) -> File {
        File {
            component: ComponentName::Haproxy,
            path: PATH.to_owned(),
            owner: "root".to_owned(),
            group: "root".to_owned(),
            mode: 0o640,
            content: Content::new(text.to_owned()),
            check: None,
            activation: Activation::Reload,
        }
    }

    fn sum(text: &str) -> String {
        Content::new(text.to_owned()).sha256()
    }

    /// A difference for nodes of which each has (live, applied last); all want `wanted`.
    fn between(wanted: &str, nodes: &[(&str, Option<&str>, Option<&str>)]) -> Difference {
        let (mut plan, mut observed, mut details) = (Plan::default(), BTreeMap::new(), BTreeMap::new());
        for (name, live, applied) in nodes {
            let name = NodeName::new(name).unwrap();
            let mut node = ObservedNode::default();
            let mut told = Details::default();
            if let Some(live) = live {
                let entry =
                    Entry { owner: "root".into(), group: "root".into(), mode: 0o640, folder: false, modified: 1.0 };
                node.entries.insert(PATH.to_owned(), entry);
                node.sums.insert(PATH.to_owned(), sum(live));
                told.files.insert(PATH.to_owned(), (*live).to_owned());
            }
            node.applied = applied.map(|text| Applied {
                generation: 1,
                sums: BTreeMap::from([(PATH.to_owned(), sum(text))]),
                ..Applied::default()
            });
            plan.nodes.insert(name.clone(), NodePlan { files: vec![file(wanted)], ..NodePlan::default() });
            observed.insert(name.clone(), node);
            details.insert(name, told);
        }
        Difference::of(&plan, &observed, &details, &Secrets::default())
    }

    fn names(one: &FileDifference) -> Vec<&str> {
        one.nodes.iter().map(NodeName::as_str).collect()
    }

    #[test]
    fn nodes_with_the_same_difference_are_one() {
        let (old, new) = ("a\n  b 1\n", "a\n  b 2\n");
        let all = between(
            new,
            &[("db01", Some(old), Some(old)), ("db02", Some("a\n"), Some("a\n")), ("db03", Some(old), Some(old))],
        );
        assert_eq!(all.files.iter().map(names).collect::<Vec<_>>(), [vec!["db01", "db03"], vec!["db02"]]);
        assert!(all.files.iter().all(|one| one.cause == Cause::Inventory && !one.created && !one.comments_only));
    }

    #[test]
    fn the_lines_around_may_be_each_nodes_own() {
        let file = |node: u8, value: u8| format!("a\n  address {node}\n  b {value}\n");
        let mut details = BTreeMap::new();
        let (mut plan, mut observed) = (Plan::default(), BTreeMap::new());
        for (name, node) in [("db01", 1), ("db02", 2)] {
            let name = NodeName::new(name).unwrap();
            let mut seen = ObservedNode::default();
            seen.sums.insert(PATH.to_owned(), sum(&file(node, 1)));
            details.insert(
                name.clone(),
                Details { files: [(PATH.to_owned(), file(node, 1))].into(), ..Details::default() },
            );
            plan.nodes
                .insert(name.clone(), NodePlan { files: vec![self::file(&file(node, 2))], ..NodePlan::default() });
            observed.insert(name, seen);
        }
        let difference = Difference::of(&plan, &observed, &details, &Secrets::default());
        assert_eq!(difference.files.iter().map(names).collect::<Vec<_>>(), [vec!["db01", "db02"]]);
    }

    #[test]
    fn who_moved_is_told_apart() {
        for (live, applied, wanted, cause) in [
            (Some("1"), Some("1"), "2", Cause::Inventory),
            (Some("x"), Some("1"), "1", Cause::Hand),
            (Some("x"), Some("1"), "2", Cause::Both),
            (None, Some("1"), "1", Cause::Hand),
            (Some("x"), None, "1", Cause::Unknown),
        ] {
            let one = between(wanted, &[("db01", live, applied)]);
            assert_eq!(one.files[0].cause, cause, "{live:?} {applied:?} {wanted}");
            assert_eq!(one.files[0].created, live.is_none());
        }
    }

    #[test]
    fn comments_alone_are_told_as_such() {
        let one = between("a\n  # new\n  b 1\n", &[("db01", Some("a\n  b 1\n"), None)]);
        assert!(one.files[0].comments_only);
    }
}

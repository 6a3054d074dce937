//! A plan in a file: what is to be done, bound to the inventory and to what was observed when it was made.
//!
//! Whoever applies it later learns what has moved since. It holds no secret: whatever depends on one is in it as a salted sum
//! of everything together. Process ids, clocks and lags are not in it: they move all the time and change no plan.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, ObservedNode, Situation};
use crate::cluster::{NodeName, sha256};

/// What the file is; a reader of another number does not read it.
const FORMAT: &str = "quorate-plan/1";
/// How much of what moved is named.
const NAMED: usize = 6;

/// What one place looked like: by subject, in words or sums.
type Seen = BTreeMap<String, String>;

/// A plan as it is kept in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPlan {
    /// What this file is.
    pub format: String,
    /// The version of quorate that made it.
    pub quorate: String,
    /// The cluster's name.
    pub cluster: String,
    /// The sum of the inventory's text.
    pub inventory: String,
    /// What the sums are salted with.
    pub salt: String,
    /// The salted sum of everything that all nodes shall hold.
    pub desired: String,
    /// What was observed, by node, and `cluster` for the rest.
    pub observed: BTreeMap<String, Seen>,
    /// What is to be done, as `plan --json` shows it.
    pub actions: Vec<Value>,
}

/// Why a text is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SavedPlanError {
    /// Something else altogether.
    #[error("is no plan of quorate: it is {0}")]
    Foreign(String),
    /// A plan in another form.
    #[error("is a plan in the form {0:?}, and this version reads {FORMAT:?}")]
    Form(String),
    /// It was cut off or edited.
    #[error("is a plan of quorate, but a broken one: {0}")]
    Broken(String),
}

impl SavedPlan {
    /// Takes down a plan. `inventory` is the inventory's text, `salt` some random word.
    pub fn of(situation: Situation<'_>, actions: &[Action], inventory: &str, salt: &str) -> Self {
        let salted = |text: &str| sha256(format!("{salt}\n{text}").as_bytes());
        let mut observed: BTreeMap<String, Seen> = situation
            .nodes
            .iter()
            .map(|(name, node)| (name.to_string(), of_node(situation, name, node, &salted)))
            .collect();
        observed.insert("cluster".to_owned(), of_cluster(situation));
        Self {
            format: FORMAT.to_owned(),
            quorate: env!("CARGO_PKG_VERSION").to_owned(),
            cluster: situation.cluster.name.to_string(),
            inventory: sha256(inventory.as_bytes()),
            salt: salt.to_owned(),
            desired: salted(&desired(situation)),
            observed,
            actions: actions.iter().filter_map(|action| serde_json::to_value(action).ok()).collect(),
        }
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// [`SavedPlanError`] says what the text is instead.
    pub fn parse(text: &str) -> Result<Self, SavedPlanError> {
        let foreign = |what: &str| SavedPlanError::Foreign(what.to_owned());
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(_) if text.trim().is_empty() => return Err(foreign("empty")),
            Err(_) if text.contains("\"quorate-plan/") => {
                return Err(SavedPlanError::Broken("it ends too early".to_owned()));
            }
            Err(_) if text.lines().any(|line| line.starts_with("cluster:")) => {
                return Err(foreign("an inventory, which `-i FILE` takes"));
            }
            Err(_) if text.contains("\"format_version\"") => {
                return Err(foreign("what --json prints; `quorate plan -o FILE` writes a plan"));
            }
            Err(_) => return Err(foreign("no JSON")),
        };
        match value.get("format").and_then(Value::as_str) {
            Some(FORMAT) => serde_json::from_value(value).map_err(|error| SavedPlanError::Broken(error.to_string())),
            Some(other) if other.starts_with("quorate-plan/") => Err(SavedPlanError::Form(other.to_owned())),
            _ => Err(foreign("some other JSON")),
        }
    }

    /// As a file's text.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// What of the operator's side has moved, which can be said before any host is asked.
    pub fn moved_here(&self, cluster: &str, inventory: &str) -> Option<String> {
        if self.cluster != cluster {
            return Some(format!("it is for the cluster {}, and the inventory's is {cluster}", self.cluster));
        }
        if self.inventory != sha256(inventory.as_bytes()) {
            return Some("the inventory was changed since".to_owned());
        }
        let version = env!("CARGO_PKG_VERSION");
        (self.quorate != version).then(|| format!("quorate {} made it, and this is {version}", self.quorate))
    }

    /// What has moved since, by the same plan made `now` with the same salt; `None` if nothing has.
    pub fn moved(&self, now: &Self) -> Option<String> {
        let nothing = Seen::new();
        let mut moved = Vec::new();
        let places: BTreeSet<&String> = self.observed.keys().chain(now.observed.keys()).collect();
        for place in places {
            let (before, after) =
                (self.observed.get(place).unwrap_or(&nothing), now.observed.get(place).unwrap_or(&nothing));
            let subjects: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for subject in subjects {
                let (before, after) = (before.get(subject), after.get(subject));
                if before != after {
                    let word = |seen: Option<&String>| seen.map_or_else(|| "nothing".to_owned(), |seen| short(seen));
                    moved.push(format!("{place}: {subject} was {}, and is {}", word(before), word(after)));
                }
            }
        }
        if moved.is_empty() && self.desired != now.desired {
            moved.push("what the nodes shall hold is another: secrets or templates were changed".to_owned());
        }
        if moved.is_empty() && self.actions != now.actions {
            moved.push("other things are to be done now".to_owned());
        }
        let more = moved.len().saturating_sub(NAMED);
        moved.truncate(NAMED);
        let mut text = moved.join("; ");
        if more > 0 {
            let _ = write!(text, "; and {more} more");
        }
        (!text.is_empty()).then_some(text)
    }
}

/// A sum is told by its beginning.
fn short(seen: &str) -> String {
    let words = seen.split(' ').map(|word| {
        let sum = word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        if sum { format!("{}…", word.get(..8).unwrap_or(word)) } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Everything that all nodes shall hold, as text. It depends on secrets, so it is kept as a sum alone.
fn desired(situation: Situation<'_>) -> String {
    let mut text = String::new();
    for (name, node) in &situation.desired.nodes {
        for file in &node.files {
            let (sum, mode) = (file.content.sha256(), file.mode);
            let _ = writeln!(text, "{name} {} {} {} {mode:o} {sum}", file.path, file.owner, file.group);
        }
        let _ = writeln!(text, "{name} {:?}", (&node.packages, &node.accounts, &node.directories));
        let _ = writeln!(text, "{name} {:?}", (&node.programs, &node.services, &node.masked));
    }
    let _ = writeln!(text, "{}", situation.desired.dcs);
    for (name, statements) in &situation.desired.roles {
        let _ = writeln!(text, "{name} {}", statements.sha256());
    }
    text
}

fn of_node(situation: Situation<'_>, name: &NodeName, node: &ObservedNode, salted: &impl Fn(&str) -> String) -> Seen {
    let mut seen = Seen::new();
    let mut see = |subject: String, what: String| drop(seen.insert(subject, what));
    for (path, entry) in &node.entries {
        let owner = format!("{}:{} {:04o}", entry.owner, entry.group, entry.mode);
        let sum = node.sums.get(path).map(|sum| format!(" {}", salted(sum))).unwrap_or_default();
        see(path.clone(), format!("{owner}{sum}"));
    }
    for (name, unit) in &node.units {
        let words = [&unit.load, &unit.active, &unit.enabled, &unit.program];
        let words: Vec<&str> = words.into_iter().map(String::as_str).filter(|word| !word.is_empty()).collect();
        see(name.clone(), words.join(" "));
    }
    for (link, target) in &node.links {
        see(link.clone(), target.clone());
    }
    for (root, sum) in &node.programs {
        see(root.clone(), sum.clone());
    }
    for folder in &node.data {
        see(folder.clone(), "not empty".to_owned());
    }
    let missing =
        |kind: &str, missing: Vec<&str>| (!missing.is_empty()).then(|| (format!("missing {kind}"), missing.join(" ")));
    let wanted = situation.desired.nodes.get(name);
    let packages = wanted.iter().flat_map(|wanted| &wanted.packages).filter(|one| !node.packages.contains(*one));
    let accounts = wanted.iter().flat_map(|wanted| &wanted.accounts).map(|one| &one.name);
    let accounts = accounts.filter(|one| !node.accounts.contains(*one));
    let lacking = [
        missing("packages", packages.map(String::as_str).collect()),
        missing("accounts", accounts.map(String::as_str).collect()),
        missing("confirmations of a run that died", node.undo.iter().map(String::as_str).collect()),
    ];
    for (subject, what) in lacking.into_iter().flatten() {
        see(subject, what);
    }
    let generation = node.applied.as_ref().map_or_else(|| "none".to_owned(), |applied| applied.generation.to_string());
    see("the generation".to_owned(), generation);
    seen
}

fn of_cluster(situation: Situation<'_>) -> Seen {
    let standing = situation.standing;
    let name = |name: &Option<NodeName>| name.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
    let names = |names: &BTreeSet<NodeName>| {
        let names: Vec<&str> = names.iter().map(NodeName::as_str).collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(" ") }
    };
    let settings =
        standing.settings.as_ref().map_or_else(|| "none".to_owned(), |all| sha256(all.to_string().as_bytes()));
    let timeline = standing.timeline.map_or_else(|| "unknown".to_owned(), |timeline| timeline.to_string());
    Seen::from(
        [
            ("the leader", name(&standing.leader)),
            ("the leader of etcd", name(&standing.etcd_leader)),
            ("the holder of the VIP", name(&standing.vip_holder)),
            ("the timeline", timeline),
            ("who waits for a restart", names(&standing.pending)),
            ("who serves etcd", names(&standing.etcd_healthy)),
            ("the pause", if standing.paused { "on" } else { "off" }.to_owned()),
            ("what the DCS holds", settings),
        ]
        .map(|(subject, what)| (subject.to_owned(), what)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> SavedPlan {
        let seen =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Seen>();
        let sum = "ab".repeat(32);
        SavedPlan {
            format: FORMAT.to_owned(),
            quorate: env!("CARGO_PKG_VERSION").to_owned(),
            cluster: "ha".to_owned(),
            inventory: sha256(b"cluster: ha\n"),
            salt: "s".to_owned(),
            desired: "d".to_owned(),
            observed: BTreeMap::from([
                (
                    "db02".to_owned(),
                    seen(&[("/etc/x", &format!("root:root 0600 {sum}")), ("x.service", "active enabled")]),
                ),
                ("cluster".to_owned(), seen(&[("the leader", "db01")])),
            ]),
            actions: vec![serde_json::json!({"id": "db02/haproxy/reload"})],
        }
    }

    #[test]
    fn a_plan_comes_back_as_it_was_written() {
        assert_eq!(SavedPlan::parse(&plan().text()), Ok(plan()));
    }

    #[test]
    fn what_is_no_plan_is_named() {
        let whole = plan().text();
        let cut: String = whole.chars().take(whole.len() / 2).collect();
        let other = whole.replace("quorate-plan/1", "quorate-plan/2");
        for (text, says) in [
            ("", "empty"),
            ("cluster: ha\nnodes: []\n", "an inventory"),
            ("{\"a\": 1}", "some other JSON"),
            ("{\"type\":\"version\",\"format_version\":\"1.0\"}\n{}\n", "--json"),
            ("hello", "no JSON"),
            ("{\"format\":\"quorate-plan/1\"}", "broken"),
            (&cut, "broken"),
            (&other, "quorate-plan/2"),
        ] {
            let said = SavedPlan::parse(text).unwrap_err().to_string();
            assert!(said.contains(says), "{text:?}: {said}");
        }
    }

    #[test]
    fn the_operators_side_is_looked_at_first() {
        assert_eq!(plan().moved_here("ha", "cluster: ha\n"), None);
        assert!(plan().moved_here("other", "cluster: ha\n").unwrap().contains("other"));
        assert!(plan().moved_here("ha", "cluster: ha \n").unwrap().contains("inventory"));
        let old = SavedPlan { quorate: "0.0.1".to_owned(), ..plan() };
        assert!(old.moved_here("ha", "cluster: ha\n").unwrap().contains("0.0.1"));
    }

    #[test]
    fn what_moved_is_named_with_its_place() {
        assert_eq!(plan().moved(&plan()), None);
        let mut now = plan();
        now.observed.get_mut("cluster").unwrap().insert("the leader".to_owned(), "db03".to_owned());
        now.observed.get_mut("db02").unwrap().remove("x.service");
        let sum = "cd".repeat(32);
        now.observed.get_mut("db02").unwrap().insert("/etc/x".to_owned(), format!("root:root 0600 {sum}"));
        assert_eq!(
            plan().moved(&now).unwrap(),
            "cluster: the leader was db01, and is db03; db02: /etc/x was root:root 0600 abababab…, and is root:root 0600 cdcdcdcd…; \
             db02: x.service was active enabled, and is nothing"
        );
        let secrets = SavedPlan { desired: "e".to_owned(), ..plan() };
        assert!(plan().moved(&secrets).unwrap().contains("secrets"));
        let actions = SavedPlan { actions: Vec::new(), ..plan() };
        assert!(plan().moved(&actions).unwrap().contains("to be done"));
    }
}

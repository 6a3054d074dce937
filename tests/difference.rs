//! Differences: what an old secret was, or a new one is, never shows, however somebody wrote it into a live file.

#![allow(clippy::unwrap_used, reason = "a fixture that does not fit has failed")]

mod common;

use std::collections::BTreeMap;

use proptest::prelude::*;
use quorate::cluster::{NodeName, Secret, SecretName, Secrets};
use quorate::component::{Desired, Inputs, Templates, desired};
use quorate::plan::{Details, Difference, NodePlan, ObservedNode, Plan, SettingsChange};
use quorate::report::{self, Style};
use serde_json::json;

/// What the article's nodes shall hold with these secrets.
fn wanted(secrets: &Secrets) -> Desired {
    let cluster = common::cluster(3);
    let facts = common::facts(&cluster, &common::debian("13"));
    desired(&Inputs { cluster: &cluster, facts: &facts, secrets }, templates()).unwrap()
}

fn templates() -> &'static Templates {
    static TEMPLATES: std::sync::LazyLock<Templates> = std::sync::LazyLock::new(|| Templates::embedded().unwrap());
    &TEMPLATES
}

fn of(values: &[String]) -> Secrets {
    let mut secrets = Secrets::default();
    for (name, value) in SecretName::BUILT_IN.into_iter().zip(values) {
        secrets.insert(name, Secret::new(value.clone()));
    }
    secrets
}

/// Everything that any form of the difference shows.
fn shown(live: &BTreeMap<String, String>, new: &Secrets, settings: SettingsChange) -> String {
    let (name, node) = wanted(new).nodes.pop_first().unwrap();
    let mut observed = ObservedNode::default();
    for (path, text) in live {
        observed.sums.insert(path.clone(), quorate::cluster::sha256(text.as_bytes()));
    }
    let details = Details { files: live.clone(), ..Details::default() };
    let mut plan = Plan { settings, ..Plan::default() };
    plan.nodes.insert(name.clone(), NodePlan { files: node.files, ..NodePlan::default() });
    let difference = Difference::of(&plan, &one(&name, observed), &one(&name, details), new);
    let style = Style { color: false };
    format!("{}{}{difference:?}", report::diff(&difference, style), report::stat(&difference, style))
}

fn one<T>(name: &NodeName, value: T) -> BTreeMap<NodeName, T> {
    BTreeMap::from([(name.clone(), value)])
}

/// How somebody may have written a value into a file by hand.
fn by_hand(text: &str, way: usize) -> String {
    let edit = |line: &str| {
        let Some((key, value)) = line.split_once(": '").filter(|(key, _)| key.trim() == "password") else {
            return line.to_owned();
        };
        let (value, indent) = (value.trim_end_matches('\''), " ".repeat(key.len() - key.trim_start().len()));
        match way {
            1 => format!("{key}:   \"{value}\""),
            2 => format!("{key}: {value}   # as of today"),
            3 => format!("{key}: |-\n{indent}  {value}"),
            4 => format!("{indent}# was {value}\n{indent}#password: {value}\n{key}: '{value}'"),
            5 => format!("{indent}  {}: '{value}'", key.trim()),
            6 => format!("{indent}passphrase: {value}"),
            7 => format!("{indent}more: {{user: x, auth: {value}, y: z}}"),
            _ => line.to_owned(),
        }
    };
    text.lines().map(edit).collect::<Vec<_>>().join("\n") + "\n"
}

/// Values that are fit to be secrets and don't stand in a file by chance; a quote may be among them.
fn secret() -> impl Strategy<Value = String> {
    "[A-Za-z0-9!$%&()*+,./<=>?@^_~'-]{3}[A-Z][0-9][a-z]Q[0-9A-Za-z]{6,30}"
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_secret_old_or_new_is_ever_shown(
        old in prop::collection::vec(secret(), 6),
        new in prop::collection::vec(secret(), 6),
        same in prop::collection::vec(any::<bool>(), 6),
        way in 0_usize..8,
        absent in any::<bool>(),
    ) {
        // HAProxy has no way to write a quote; such a secret is refused when the file is rendered.
        let (mut old, mut new) = (old, new);
        for values in [&mut old, &mut new] {
            values[4] = values[4].replace('\'', "-");
        }
        let new: Vec<String> = new.iter().zip(&old).zip(same).map(|((new, old), same)| if same { old } else { new }.clone()).collect();
        let mut live = BTreeMap::new();
        if !absent {
            for file in wanted(&of(&old)).nodes.pop_first().unwrap().1.files {
                live.insert(file.path.clone(), by_hand(file.content.expose(), way));
            }
        }
        let conninfo = |value: &str| json!({"postgresql": {"parameters": {"primary_conninfo": format!("host=a password={value}")}}});
        let settings = SettingsChange::between(&conninfo(&new[0]), &conninfo(&old[0]), None);
        let text = shown(&live, &of(&new), settings);
        // The probe's password, the last, stands in no file.
        prop_assert!(text.contains("(secret)") || old[..5] == new[..5]);
        for value in old.iter().chain(&new) {
            for form in [value.clone(), value.replace('\'', "''"), value.replace('\'', "\\'")] {
                prop_assert!(!text.contains(&form), "{form} (way {way}) is in\n{text}");
            }
        }
    }
}

#[test]
fn a_secret_that_changed_is_told_and_one_that_did_not_is_not() {
    let values = |word: &str| (0..6).map(|n| format!("{word}-{n}-0123456789")).collect::<Vec<_>>();
    let (old, mut new) = (values("old"), values("old"));
    new[0] = "new-0-0123456789".to_owned();
    let live = wanted(&of(&old)).nodes.pop_first().unwrap().1.files;
    let live = live.iter().map(|file| (file.path.clone(), file.content.expose().to_owned())).collect();
    let text = shown(&live, &of(&new), SettingsChange::default());
    assert!(text.contains("-      password: '(secret)'\n+      password: '(secret changed)'"), "{text}");
    assert_eq!(
        text.lines().filter(|line| line.starts_with("+ ") && line.contains("(secret changed)")).count(),
        1,
        "{text}"
    );
}

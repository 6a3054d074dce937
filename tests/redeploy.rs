//! The table of changes in docs/redeploy.md is the one in the code.

#![allow(clippy::unwrap_used, reason = "a document that can't be read has failed")]

use std::path::Path;

const FROM: &str = "<!-- the table of changes: UPDATE=1 cargo test --test redeploy -->\n";
const TO: &str = "<!-- end of the table -->\n";

#[test]
fn the_committed_table_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/redeploy.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(FROM).unwrap();
    let (kept, after) = rest.split_once(TO).unwrap();
    let table = quorate::component::changes_table();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, format!("{before}{FROM}{table}{TO}{after}")).unwrap();
        return;
    }
    assert_eq!(kept, table, "UPDATE=1 rewrites it");
}

#[test]
fn every_row_is_there_once() {
    let table = quorate::component::changes_table();
    for rule in quorate::component::rules::RULES {
        assert_eq!(table.matches(&format!("| `{}` |", rule.id)).count(), 1, "{}", rule.id);
    }
    assert!(table.lines().all(|line| line.matches(" | ").count() == 3 || line.starts_with("|---")), "{table}");
}

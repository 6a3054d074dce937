//! Every file of the corpus, held against what is recorded beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use quorate::inventory;

/// The corpus files of a folder, sorted.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(Path::new("tests/inventories").join(folder)).expect("the corpus is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    files.sort();
    files
}

/// Compares a text with a committed file, or rewrites the file if `UPDATE` is set.
pub(crate) fn recorded(path: &Path, text: &str) -> Result<(), String> {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, text).expect("the file can be written");
        return Ok(());
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    if kept == text {
        return Ok(());
    }
    let diff = similar::TextDiff::from_lines(kept.as_str(), text);
    Err(format!("{} differs (UPDATE=1 rewrites it):\n{}", path.display(), diff.unified_diff()))
}

#[test]
fn broken_inventories_are_refused_as_recorded() {
    let files = files("invalid");
    assert!(files.len() >= 60, "only {} broken inventories", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let before = Instant::now();
        let Err(diagnostics) = inventory::load(&path) else {
            wrong.push(format!("{} was accepted", path.display()));
            continue;
        };
        assert!(before.elapsed() < Duration::from_secs(1), "{} took long", path.display());
        let text = diagnostics.render();
        assert!(!text.contains("canary"), "{} shows a secret:\n{text}", path.display());
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{} prints control characters", path.display());
        if let Err(difference) = recorded(&path.with_extension("err"), &text) {
            wrong.push(difference);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_recorded_text_has_its_inventory() {
    if std::env::var_os("UPDATE").is_some() {
        return;
    }
    for entry in fs::read_dir("tests/inventories/invalid").expect("the corpus is there") {
        let path = entry.expect("a readable entry").path();
        assert!(
            path.with_extension("yml").exists() && path.with_extension("err").exists(),
            "{} is alone",
            path.display()
        );
    }
}

#[test]
fn every_code_is_reached_by_a_broken_inventory() {
    let mut reached = std::collections::BTreeSet::new();
    for path in files("invalid") {
        if let Err(diagnostics) = inventory::load(&path) {
            reached.extend(diagnostics.findings().map(|finding| finding.code.to_string()));
        }
    }
    // A missing file and one of more than 1 MiB are no files of the corpus; `hostile` has them.
    reached.extend(["Q0101".to_owned(), "Q0102".to_owned()]);
    let missing: Vec<String> =
        inventory::Code::ALL.iter().map(ToString::to_string).filter(|code| !reached.contains(code)).collect();
    assert!(missing.is_empty(), "no broken inventory reaches {missing:?}");
}

#[test]
fn valid_inventories_are_read() {
    let files = files("valid");
    assert!(files.len() >= 2);
    for path in files {
        inventory::load(&path).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    }
}

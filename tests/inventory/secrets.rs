//! Secrets, read from real files, variables' files and commands.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use quorate::cluster::{SecretName, Secrets};
use quorate::inventory::{self, SecretError};

const MINIMAL: &str = include_str!("../inventories/valid/minimal.yml");

/// A folder with an inventory and its secrets file.
fn folder(extra: &str, secrets: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("prod.yml"), format!("{MINIMAL}{extra}")).expect("the inventory");
    write(&folder.path().join("prod.secrets.yml"), secrets, 0o600);
    folder
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).expect("the file");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
}

fn read(folder: &Path) -> Result<Secrets, SecretError> {
    let cluster = inventory::load(&folder.join("prod.yml")).unwrap_or_else(|error| panic!("{error}"));
    inventory::read_secrets(&cluster)
}

fn all() -> String {
    inventory::new_secrets_file(&SecretName::BUILT_IN).expect("random bytes")
}

#[test]
fn a_new_secrets_file_is_read() {
    let folder = folder("", &all());
    let secrets = read(folder.path()).expect("secrets");
    assert_eq!(secrets.iter().count(), 6);
    assert!(secrets.iter().all(|(_, secret)| secret.expose().len() == 43));
}

#[test]
fn a_secrets_file_that_others_may_read_is_refused() {
    for mode in [0o640, 0o604, 0o644, 0o660] {
        let folder = folder("", &all());
        write(&folder.path().join("prod.secrets.yml"), &all(), mode);
        let error = read(folder.path()).expect_err("open to others");
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn missing_files_and_keys_are_named() {
    let lacking = all().lines().filter(|line| !line.starts_with("rewind")).collect::<Vec<_>>().join("\n");
    let folder = folder("postgresql: {roles: [{name: app}]}\n", &lacking);
    let error = read(folder.path()).expect_err("two keys lack").to_string();
    assert!(error.contains("rewind, role_app") && error.contains("prod.secrets.yml"), "{error}");
    fs::remove_file(folder.path().join("prod.secrets.yml")).expect("removed");
    let error = read(folder.path()).expect_err("no file").to_string();
    assert!(error.contains("prod.secrets.yml") && error.contains("quorate init"), "{error}");
}

#[test]
fn other_sources_are_read_and_lose_one_line_break() {
    let extra = "secrets:\n  superuser: {file: su}\n  rewind: {command: [printf, '%s\\n', from-a-command]}\n";
    let folder = folder(extra, &all());
    write(&folder.path().join("su"), "from-a-file\n", 0o600);
    let secrets = read(folder.path()).expect("secrets");
    assert_eq!(secrets.get(&SecretName::Superuser).map(quorate::cluster::Secret::expose), Some("from-a-file"));
    assert_eq!(secrets.get(&SecretName::Rewind).map(quorate::cluster::Secret::expose), Some("from-a-command"));
}

#[test]
fn unfit_values_are_refused_without_being_shown() {
    for bad in ["canary", "canary canary", "canary-\ncanary-canary", "canary\u{7f}canary"] {
        let folder = folder("secrets: {superuser: {file: su}}\n", &all());
        write(&folder.path().join("su"), bad, 0o600);
        let error = read(folder.path()).expect_err("unfit").to_string();
        assert!(error.contains("superuser") && !error.contains("canary"), "{error}");
    }
}

#[test]
fn commands_and_variables_that_fail_are_named_without_their_arguments() {
    let folder = folder("secrets: {superuser: {command: [sh, -c, 'echo canary; exit 3']}}\n", &all());
    let error = read(folder.path()).expect_err("exit 3").to_string();
    assert!(error.contains("sh") && error.contains('3') && !error.contains("canary"), "{error}");
    let extra = "secrets: {superuser: {env_file: QUORATE_TEST_NOT_SET}}\n";
    fs::write(folder.path().join("prod.yml"), format!("{MINIMAL}{extra}")).expect("the inventory");
    let error = read(folder.path()).expect_err("not set").to_string();
    assert!(error.contains("QUORATE_TEST_NOT_SET"), "{error}");
}

#[test]
fn a_broken_secrets_file_is_refused_without_being_shown() {
    for bad in [
        "superuser: [canary]",
        "superuser: {a: canary}",
        "canary",
        "superuser: \"canary",
        "- canary",
        "",
        "a: canary\na: canary",
    ] {
        let folder = folder("", bad);
        let error = read(folder.path()).expect_err("broken").to_string();
        assert!(error.contains("prod.secrets.yml") && !error.contains("canary"), "{bad:?}: {error}");
    }
}

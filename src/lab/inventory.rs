//! The inventory of a lab: what `quorate -i "$(quorate lab path)/inventory.yml"` reads.

use std::fmt::Write;
use std::path::PathBuf;

use super::spec::{Lab, LabName, Suite};
use super::ssh;

/// The inventory's file.
pub(super) fn path(name: &LabName) -> PathBuf {
    name.folder().join("inventory.yml")
}

/// The inventory's text. Names and addresses are the lab's own; the archive's address is quoted.
pub(super) fn render(lab: &Lab) -> String {
    let mut text = format!(
        "# The cluster of lab {name}. `quorate lab up` writes this file once; change it as you like.\n\
         cluster: lab\nvip: {vip}\n\nssh:\n  user: {user}\n  key: {key}\n  config: {config}\n\nnodes:\n",
        name = lab.name,
        vip = lab.vip,
        user = ssh::USER,
        key = ssh::key(&lab.name).display(),
        config = ssh::config(&lab.name).display(),
    );
    for node in &lab.nodes {
        let _ = writeln!(text, "  - name: {}\n    address: {}", node.name, node.address);
    }
    if lab.suite == Suite::Bullseye {
        text.push_str("\npostgresql:\n  version: 13\n");
    }
    let archive = serde_json::Value::from(lab.archive.as_str());
    let _ = write!(
        text,
        "\n# Upstream's own source tarballs, from the archive this machine's apt uses.\nartifacts:\n  debian_archive: {archive}\n"
    );
    text
}

//! The inventory of a lab: what `quorate -i "$(quorate lab path)/inventory.yml"` reads.

use std::fmt::Write;
use std::path::PathBuf;

use super::spec::{Lab, LabName, Like, Suite};
use super::{Error, repository, ssh};

/// The inventory's file.
pub(super) fn path(name: &LabName) -> PathBuf {
    name.folder().join("inventory.yml")
}

/// The inventory's text. Names and addresses are the lab's own; what comes from outside is quoted.
pub(super) fn render(lab: &Lab) -> Result<String, Error> {
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
    let version = match (lab.like, lab.suite) {
        (Some(Like::Rhel9), _) => Some(15),
        (Some(Like::Rhel8), _) | (None, Suite::Bullseye) => Some(13),
        _ => None,
    };
    if let Some(version) = version {
        let _ = writeln!(text, "\npostgresql:\n  version: {version}");
    }
    let pins = lab.repository.as_deref().map(repository::pins).transpose()?.unwrap_or_default();
    for pin in &pins {
        let _ = writeln!(text, "\n{}:\n  install: {}\n  version: {}", pin.component, pin.kind, pin.version);
    }
    let _ = write!(
        text,
        "\n# Upstream's own source tarballs, from the archive this machine's apt uses.\nartifacts:\n  debian_archive: {}\n",
        quoted(&lab.archive)
    );
    if let Some(repository) = &lab.repository {
        let folder = repository::artifacts(repository);
        let _ = write!(
            text,
            "  # In the shape of upstream's releases, but Debian's programs: upstream's own are not everywhere within reach.\n  \
             folder: {}\n  pins:\n",
            quoted(&folder.to_string_lossy())
        );
        for pin in &pins {
            let _ = writeln!(
                text,
                "    - {{ component: {}, version: {}, kind: {}, arch: {}, file: {}, sha256: {} }}",
                pin.component,
                pin.version,
                pin.kind,
                pin.arch,
                quoted(&pin.file),
                quoted(&pin.sha256)
            );
        }
    }
    Ok(text)
}

/// A text in quotes, as YAML and JSON have them.
fn quoted(text: &str) -> serde_json::Value {
    serde_json::Value::from(text)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_lab_with_a_repository_names_its_downloads() {
        let repository = tempfile::tempdir().unwrap();
        std::fs::create_dir(repository.path().join("artifacts")).unwrap();
        let pin = r#"[{"component": "etcd", "version": "3.4.23", "kind": "release", "arch": "amd64",
            "file": "etcd-v3.4.23-linux-amd64.tar.gz", "sha256": "00ff"}]"#;
        std::fs::write(repository.path().join("artifacts/pins.json"), pin).unwrap();
        let mut lab = Lab {
            name: "test".parse().unwrap(),
            suite: Suite::Bookworm,
            like: Some(Like::Rhel9),
            nodes: Lab::default_nodes(3).unwrap(),
            vip: Lab::default_vip(),
            gateway: Lab::default_gateway(),
            archive: "http://archive.example/debian".to_owned(),
            uplink: Ipv4Addr::LOCALHOST,
            image: PathBuf::new(),
            repository: Some(repository.path().to_owned()),
        };
        let text = render(&lab).unwrap();
        let read: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(read["postgresql"]["version"], 15);
        assert_eq!(read["etcd"]["install"], "release");
        assert_eq!(read["artifacts"]["folder"], repository.path().join("artifacts").to_str().unwrap());
        // A sum of digits alone, or one like 1e5, would be a number without its quotes.
        let pin = r#"{"component":"etcd","version":"3.4.23","kind":"release","arch":"amd64",
            "file":"etcd-v3.4.23-linux-amd64.tar.gz","sha256":"00ff"}"#;
        assert_eq!(read["artifacts"]["pins"][0], serde_json::from_str::<serde_json::Value>(pin).unwrap());

        lab.like = None;
        lab.repository = None;
        let read: serde_json::Value = serde_yaml::from_str(&render(&lab).unwrap()).unwrap();
        assert!(read.get("etcd").is_none() && read.get("postgresql").is_none());
        assert_eq!(read["artifacts"].as_object().unwrap().len(), 1);
    }
}

//! What is asked of `SELinux` and told it, against stand-ins for its tools: no lab has RHEL's policy.

#![allow(clippy::unwrap_used, reason = "a shell that can't be run has failed")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use quorate::cluster::{InstallMethod, OsFamily};
use quorate::component::{Inputs, Templates, desired};
use quorate::plan::{DataFolders, ObservedNode, state_args, state_script};
use quorate::platform;

/// What the tools say, in the words of policycoreutils 3.4.
const RESTORECON: &str = r#"#!/bin/sh
echo "restorecon $*" >>"${0%/*}/calls"
case "$*" in
*-n*-R*) echo "Would relabel /opt/quorate/etcd-3.5.33/bin/etcd from unconfined_u:object_r:usr_t:s0 to unconfined_u:object_r:bin_t:s0" ;;
*-n*) echo "Would relabel /etc/etcd from system_u:object_r:usr_t:s0 to system_u:object_r:etc_t:s0" ;;
esac
"#;
const GETSEBOOL: &str = "#!/bin/sh\necho \"$1 --> off\"\n";
const SETSEBOOL: &str = "#!/bin/sh\necho \"setsebool $*\" >>\"${0%/*}/calls\"\n";

fn tools(folder: &Path) -> String {
    for (name, text) in [("restorecon", RESTORECON), ("getsebool", GETSEBOOL), ("setsebool", SETSEBOOL)] {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", folder.display())
}

fn shell(script: &str, args: &[String], path: &str) -> Vec<u8> {
    let output =
        Command::new("sh").args(["-c", script, "sh"]).args(args).env("LC_ALL", "C").env("PATH", path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn what_is_labelled_otherwise_is_seen_and_labelled() {
    let folder = tempfile::tempdir().unwrap();
    let path = tools(folder.path());
    let os = common::os(OsFamily::Rhel, "rhel", "9.4");
    let mut cluster = common::cluster(3);
    cluster.haproxy.install = Some(InstallMethod::Package);
    let secrets = common::secrets(&cluster);
    let mut facts = common::facts(&cluster, &os);
    let ask = |facts: &std::collections::BTreeMap<_, _>| {
        let inputs = Inputs { cluster: &cluster, facts, secrets: &secrets };
        let node = desired(&inputs, &Templates::embedded().unwrap()).unwrap().nodes.into_values().next().unwrap();
        let data = DataFolders { etcd: "/nowhere/etcd".to_owned(), postgresql: "/nowhere/pg".to_owned() };
        ObservedNode::parse(&shell(&state_script("true"), &state_args(&node, &data), &path)).unwrap()
    };
    // Where it does not judge, it is not asked.
    let unasked = ask(&facts);
    assert!(unasked.labels.is_empty() && unasked.booleans.is_empty());
    assert!(!folder.path().join("calls").exists());
    for facts in facts.values_mut() {
        facts.selinux = true;
    }
    let asked = ask(&facts);
    assert_eq!(asked.labels.into_iter().collect::<Vec<_>>(), ["/etc/etcd", "/opt/quorate/etcd-3.5.33/bin/etcd"]);
    assert_eq!(asked.booleans.into_iter().collect::<Vec<_>>(), ["haproxy_connect_any"]);

    std::fs::remove_file(folder.path().join("calls")).unwrap();
    let args =
        ["boolean", "haproxy_connect_any", "path", "/opt/quorate/etcd-3.5.33", "path", "/etc", "path", "/nowhere"];
    shell(platform::of(&os).unwrap().selinux_script(), &args.map(str::to_owned), &path);
    let calls = std::fs::read_to_string(folder.path().join("calls")).unwrap();
    assert_eq!(
        calls.lines().collect::<Vec<_>>(),
        ["setsebool -P haproxy_connect_any on", "restorecon -R /opt/quorate/etcd-3.5.33", "restorecon /etc"]
    );
}

//! An installed cluster of three hosts whose inventory, secrets and templates a test changes step by step.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Lab, Run, until};

/// The nodes of the lab.
pub(super) const NODES: [&str; 3] = ["db01", "db02", "db03"];

/// The address that clients connect to.
pub(super) const VIP: &str = "192.168.13.48";

/// How Patroni's cluster is found on each host, whatever version of it runs.
const PYTHON: &str = "$(ls -d /opt/quorate/patroni-*/bin/python3 | tail -n 1)";

/// The cluster, and what its inventory says now.
pub(super) struct Stage {
    lab: Lab,
    work: tempfile::TempDir,
    pids: BTreeMap<String, String>,
    inventory: Value,
    secrets: BTreeMap<String, String>,
}

impl Stage {
    /// Boots a lab and installs the cluster that `change` makes of the lab's inventory. With `QUORATE_LAB_KEEP` in the
    /// environment a lab that is there is used as it is: for working on a test.
    pub(super) fn fresh(name: &str, change: impl FnOnce(&mut Self)) -> Self {
        let lab = if std::env::var_os("QUORATE_LAB_KEEP").is_some() { Lab::kept(name) } else { Lab::fresh(name, &[]) };
        let folder = lab.folder();
        let read = |file: &str| fs::read_to_string(folder.join(file)).expect("a file of the lab");
        let pids = lab.pids();
        let inventory = serde_yaml::from_str(&read("inventory.yml")).expect("the lab's inventory");
        let secrets = serde_yaml::from_str(&read("inventory.secrets.yml")).expect("the lab's secrets");
        let mut stage = Self { lab, work: tempfile::tempdir().expect("a folder"), pids, inventory, secrets };
        fs::create_dir(stage.templates()).expect("a folder");
        // `lab` is the clients' role; the probe among them asks each PostgreSQL itself, from the lab's own bridge.
        stage.set("postgresql.roles", json!([{"name": "lab"}, {"name": "app"}]));
        stage.set("postgresql.databases", json!([{"name": "lab", "owner": "lab"}, {"name": "app", "owner": "app"}]));
        stage.set("postgresql.hba", json!(["host lab lab 192.168.13.1/32 scram-sha-256"]));
        stage.secret("role_lab", r#"the-lab's:"own"pass\word"#);
        stage.secret("role_app", r#"an-app's:"first"pass\word"#);
        change(&mut stage);
        stage.run(&["apply"]).exits(0);
        stage
    }

    /// The folder of this test.
    pub(super) fn work(&self) -> &Path {
        self.work.path()
    }

    /// The lab's name.
    pub(super) fn name(&self) -> &str {
        self.lab.name()
    }

    /// Sets a key of the inventory, `part.key`; a null takes it out.
    pub(super) fn set(&mut self, key: &str, value: Value) {
        let (parents, last) =
            key.rsplit_once('.').map_or((Vec::new(), key), |(all, last)| (all.split('.').collect(), last));
        let mut at = &mut self.inventory;
        for parent in parents {
            at = match parent.parse::<usize>() {
                Ok(index) => &mut at[index],
                Err(_) => &mut at[parent],
            };
            if at.is_null() {
                *at = json!({});
            }
        }
        let at = at.as_object_mut().expect("a mapping");
        if value.is_null() {
            at.remove(last)
        } else {
            at.insert(last.to_owned(), value)
        };
    }

    /// What a key of the inventory says.
    pub(super) fn get(&self, pointer: &str) -> Value {
        self.inventory.pointer(&format!("/{}", pointer.replace('.', "/"))).cloned().unwrap_or_default()
    }

    /// Sets a secret.
    pub(super) fn secret(&mut self, name: &str, value: &str) {
        self.secrets.insert(name.to_owned(), value.to_owned());
    }

    /// What a secret is.
    pub(super) fn secret_of(&self, name: &str) -> &str {
        self.secrets.get(name).expect("a secret of the lab")
    }

    /// The operator's own templates.
    pub(super) fn templates(&self) -> PathBuf {
        self.work().join("templates")
    }

    /// Changes a text in a template, built-in or changed before.
    #[track_caller]
    pub(super) fn template(&mut self, name: &str, from: &str, to: &str) {
        let own = self.templates().join(name);
        let built_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join(name);
        let text = fs::read_to_string(if own.exists() { &own } else { &built_in }).expect("a template");
        assert!(text.contains(from), "{name} has no {from:?}");
        fs::create_dir_all(own.parent().expect("a folder")).expect("a folder");
        fs::write(&own, text.replacen(from, to, 1)).expect("a file of ours");
    }

    /// Takes a template of the operator's away again.
    pub(super) fn built_in(&mut self, name: &str) {
        fs::remove_file(self.templates().join(name)).expect("a template of ours");
    }

    /// What can be changed, to go back to.
    pub(super) fn remembered(&self) -> (Value, BTreeMap<String, String>) {
        (self.inventory.clone(), self.secrets.clone())
    }

    /// Goes back.
    pub(super) fn restore(&mut self, (inventory, secrets): (Value, BTreeMap<String, String>)) {
        (self.inventory, self.secrets) = (inventory, secrets);
    }

    /// Writes inventory and secrets under a name; the inventory's path. JSON is YAML.
    pub(super) fn written(&self, name: &str) -> PathBuf {
        let path = self.work().join(format!("{name}.yml"));
        fs::write(&path, self.inventory.to_string()).expect("a file of ours");
        let secrets = self.secrets.iter().fold(String::new(), |mut text, (name, value)| {
            let _ = writeln!(text, "{name}: {}", json!(value));
            text
        });
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(self.work().join(format!("{name}.secrets.yml")));
        file.and_then(|mut file| file.write_all(secrets.as_bytes())).expect("a file of ours");
        path
    }

    /// The binary with a verb, not yet started, on the inventory as it is now.
    pub(super) fn command(&self, verb: &[&str]) -> Command {
        self.command_on(&self.written("inventory"), verb)
    }

    /// The same on another inventory.
    pub(super) fn command_on(&self, inventory: &Path, verb: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command.args(verb).arg("-i").arg(inventory).arg("--templates").arg(self.templates());
        command
    }

    /// Runs a verb to its end. Nothing that it prints may hold a secret.
    #[track_caller]
    pub(super) fn run(&self, verb: &[&str]) -> Run {
        let run = Run::of(&mut self.command(verb));
        self.silent(&run);
        run
    }

    /// Demands that a run printed no secret and no escape byte.
    #[track_caller]
    pub(super) fn silent(&self, run: &Run) {
        let all = format!("{}{}", run.out, run.err);
        for (name, value) in &self.secrets {
            assert!(!all.contains(value.as_str()), "the secret {name} is printed");
        }
        assert!(!all.contains('\u{1b}'), "an escape byte in a pipe:\n{all:?}");
    }

    /// A command inside a host, as root; not by ssh, so that it is quick and works whatever ssh is like.
    pub(super) fn inside(&self, node: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.pids[node], "-a", "env", "-i", "LC_ALL=C"]);
        command.arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").args(arguments);
        command
    }

    /// A command in the lab's own network, with the files of a host: it runs on while the host's services are changed.
    pub(super) fn beside(&self, node: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.pids[node], "-m", &format!("--net=/run/netns/ql-{}", self.name())]);
        command.args(["env", "-i", "LC_ALL=C", "PATH=/usr/bin:/bin"]).args(arguments);
        command
    }

    /// Patroni's interpreter with a program, on a host or beside it.
    pub(super) fn python<'a>(program: &'a str, argument: &'a str) -> [String; 6] {
        let start = format!("exec {PYTHON} -u -c \"$1\" \"$2\"");
        ["sh".to_owned(), "-c".to_owned(), start, "sh".to_owned(), program.to_owned(), argument.to_owned()]
    }

    /// What a shell script as root on a host prints; it must end well.
    #[track_caller]
    pub(super) fn root(&self, node: &str, script: &str) -> String {
        Run::of(&mut self.inside(node, &["bash", "-c", script])).exits(0).out.trim().to_owned()
    }

    /// SQL on a host's own PostgreSQL, as its superuser; none if PostgreSQL does not answer.
    pub(super) fn sql(&self, node: &str, statement: &str) -> Option<String> {
        self.sql_in("postgres", node, statement)
    }

    /// The same in another database.
    pub(super) fn sql_in(&self, database: &str, node: &str, statement: &str) -> Option<String> {
        let psql =
            ["psql", "-XAtq", "-h", "/var/run/postgresql", "-d", database, "-v", "ON_ERROR_STOP=1", "-c", statement];
        let as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "env", "-C", "/"];
        let run = Run::of(&mut self.inside(node, &[&as_postgres[..], &psql[..]].concat()));
        (run.code == 0).then(|| run.out.trim().to_owned())
    }

    /// What each node's PostgreSQL says to a statement, in the order of the nodes.
    pub(super) fn everywhere(&self, statement: &str) -> [String; 3] {
        NODES.map(|node| self.sql(node, statement).unwrap_or_else(|| "no answer".to_owned()))
    }

    /// The node whose PostgreSQL takes writes.
    #[track_caller]
    pub(super) fn leader(&self) -> &'static str {
        let leads = |node: &&str| self.sql(node, "SELECT pg_is_in_recovery()").as_deref() == Some("f");
        until("a leader", Duration::from_secs(30), || NODES.into_iter().find(leads))
    }

    /// The node that holds the VIP.
    #[track_caller]
    pub(super) fn holder(&self) -> &'static str {
        let holds = |node: &&str| self.root(node, "ip -o -4 addr show").contains(&format!(" {VIP}/"));
        until("a holder of the VIP", Duration::from_secs(15), || NODES.into_iter().find(holds))
    }

    /// The node whose etcd leads.
    #[track_caller]
    pub(super) fn etcd_leader(&self) -> &'static str {
        let leads = |node: &&str| {
            let status = self.root(node, "etcdctl endpoint status -w json 2>/dev/null || true");
            let status: Value = serde_json::from_str(&status).unwrap_or_default();
            let status = &status[0]["Status"];
            status["leader"].is_u64() && status["leader"] == status["header"]["member_id"]
        };
        until("a leader of etcd", Duration::from_secs(30), || NODES.into_iter().find(leads))
    }

    /// An answer of Patroni's REST API on a node: status and body. A body to send makes it a request of that method, with the
    /// password of the inventory.
    pub(super) fn patroni(&self, node: &str, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let asked = json!({"method": method, "path": path, "body": body, "password": self.secret_of("restapi")});
        let words = Self::python(include_str!("rest.py"), "");
        let mut command = self.inside(node, &words.each_ref().map(String::as_str));
        let told = crate::harness::fed(&mut command, &asked.to_string());
        let told: Value = serde_json::from_str(&told.exits(0).out).expect("an answer");
        (told[0].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status"), told[1].clone())
    }

    /// Removes the lab.
    pub(super) fn down(self) {
        self.lab.down();
    }
}

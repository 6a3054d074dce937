//! A lab of bare hosts, variants of its inventory, and a fingerprint of each host to compare before and after.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use crate::harness::{Lab, Run};

/// The nodes of the lab.
pub(super) const NODES: [&str; 3] = ["db01", "db02", "db03"];

/// What a run may never change: all files below these folders with type, mode, owner, size, time and sum (of folders no
/// time and size: a file that comes and goes leaves no trace), units and their states, addresses. Left out is what changes
/// by itself: apt's lists, systemd's timers and clock, the log of logins, the private folders of services.
const FINGERPRINT: &str = r"
cd /
find etc opt usr/local var/lib root home tmp var/tmp usr/libexec usr/lib/systemd/system run/quorate/reloaded run/quorate/restart run/quorate/holder \
    \( -path var/lib/apt -o -path var/lib/systemd -o -path var/lib/wtmpdb -o -path etc/resolv.conf -o -name 'systemd-private-*' \) -prune \
    -o -type d -printf '%y %m %u:%g - - %p\n' -o -printf '%y %m %u:%g %s %T@ %p %l\n' 2>/dev/null | sort -k 6
find etc opt usr/local var/lib root home tmp var/tmp \
    \( -path var/lib/apt -o -path var/lib/systemd -o -path var/lib/wtmpdb -o -path etc/resolv.conf -o -name 'systemd-private-*' \) -prune \
    -o -type f -print0 2>/dev/null | sort -z | xargs -0 sha256sum
systemctl list-unit-files --no-legend --plain --type=service,socket,timer | sort
systemctl list-units --all --no-legend --plain --type=service,socket | awk '$1 !~ /^(user|user-runtime-dir|session|apt-|dpkg-|fstrim|e2scrub|logrotate|systemd-|modprobe)/ { print $1, $2, $3, $4 }' | sort
ip -o addr show | awk '{ print $2, $3, $4 }'
getent passwd; getent group
";

/// A lab, its work folder, and what its secrets are.
pub(super) struct Bench {
    pub(super) lab: Lab,
    folder: PathBuf,
    work: tempfile::TempDir,
    secrets: Vec<String>,
    // The last fingerprint, until a test does something on a host.
    known: Mutex<Option<Fingerprint>>,
}

/// What each living host looks like.
pub(super) type Fingerprint = BTreeMap<&'static str, String>;

/// An inventory of its own, with ssh configuration and known hosts beside it that can be broken.
pub(super) struct Variant {
    folder: PathBuf,
}

impl Bench {
    /// Boots bare hosts.
    pub(super) fn fresh(name: &str) -> Self {
        let lab = Lab::fresh(name, &[]);
        let folder = lab.folder();
        let text = fs::read_to_string(folder.join("inventory.secrets.yml")).expect("the lab's secrets");
        let secrets = text.lines().filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect();
        let bench =
            Self { lab, folder, work: tempfile::tempdir().expect("a folder"), secrets, known: Mutex::default() };
        assert!(bench.secrets.len() >= 5, "the lab has secrets that could leak");
        bench
    }

    /// A folder of this test's.
    pub(super) fn work(&self) -> &Path {
        self.work.path()
    }

    /// The lab's own folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A copy of the lab's inventory, secrets and ssh configuration under a name of its own.
    pub(super) fn variant(&self, name: &str) -> Variant {
        let folder = self.work.path().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let lab = self.folder.display().to_string();
        for file in ["inventory.yml", "inventory.secrets.yml", "ssh_config", "known_hosts"] {
            fs::copy(self.folder.join(file), folder.join(file)).expect("a copy");
        }
        let variant = Variant { folder };
        let own = variant.folder.display().to_string();
        variant.edit("ssh_config", &format!("{lab}/known_hosts"), &format!("{own}/known_hosts"));
        variant.edit("inventory.yml", &format!("{lab}/ssh_config"), &format!("{own}/ssh_config"));
        variant
    }

    /// A script as root on a host, not by ssh: it works whatever the login is like.
    #[track_caller]
    pub(super) fn root(&self, node: &str, script: &str) -> String {
        let run = self.try_root(node, script);
        assert_eq!(run.code, 0, "{node}: {script}\n{}\n{}", run.out, run.err);
        run.out
    }

    /// The same, for scripts that may fail.
    #[track_caller]
    pub(super) fn try_root(&self, node: &str, script: &str) -> Run {
        self.forget();
        self.inside(node, script)
    }

    /// Something happened to the hosts from outside: what they looked like counts no more.
    pub(super) fn forget(&self) {
        *self.known.lock().expect("no panic before") = None;
    }

    #[track_caller]
    fn inside(&self, node: &str, script: &str) -> Run {
        let pid = self.pid(node).unwrap_or_else(|| panic!("{node} is down"));
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        Run::of(Command::new("nsenter").args(["-t", &pid, "-a", "env", "-i", path, "LC_ALL=C", "bash", "-c", script]))
    }

    fn pid(&self, node: &str) -> Option<String> {
        let listed = self.lab.quorate(&["lab", "ps", "--name", self.lab.name()]).exits(0).out;
        let line = listed.lines().find(|line| line.starts_with(node))?.to_owned();
        line.split_whitespace().nth(3).filter(|pid| *pid != "-").map(str::to_owned)
    }

    /// What each living host looks like before a run.
    pub(super) fn before(&self) -> Fingerprint {
        let known = self.known.lock().expect("no panic before").clone();
        known.unwrap_or_else(|| self.fingerprint())
    }

    /// What each living host looks like now.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let look = |node| self.inside(node, FINGERPRINT).exits(0).out;
        let found: Fingerprint = std::thread::scope(|scope| {
            let threads: Vec<_> = NODES
                .into_iter()
                .filter(|node| self.pid(node).is_some())
                .map(|node| (node, scope.spawn(move || look(node))))
                .collect();
            threads.into_iter().map(|(node, thread)| (node, thread.join().expect("a fingerprint"))).collect()
        });
        *self.known.lock().expect("no panic before") = Some(found.clone());
        found
    }

    /// Demands that every host looks as it did.
    #[track_caller]
    pub(super) fn unchanged(&self, before: &Fingerprint, what: &str) {
        let differences = differences(before, &self.fingerprint());
        assert!(differences.is_empty(), "{what} changed something:\n{}", differences.join("\n"));
    }

    /// Runs a verb that must end with `code` and say all of `said`, and change nothing on any host.
    #[track_caller]
    pub(super) fn refuses(&self, inventory: &Path, verb: &[&str], code: i32, said: &[&str]) -> Run {
        self.refuses_with(inventory, verb, &[], code, said)
    }

    /// The same, with variables in the environment.
    #[track_caller]
    pub(super) fn refuses_with(
        &self,
        inventory: &Path,
        verb: &[&str],
        environment: &[(&str, &str)],
        code: i32,
        said: &[&str],
    ) -> Run {
        let before = self.before();
        let run = self.run(inventory, verb, environment).exits(code);
        self.says(&run, said);
        self.unchanged(&before, &format!("{verb:?}"));
        run
    }

    /// The binary with an inventory and an environment.
    pub(super) fn run(&self, inventory: &Path, verb: &[&str], environment: &[(&str, &str)]) -> Run {
        Run::of(self.command(inventory, verb).envs(environment.iter().copied()))
    }

    /// The same, not yet started.
    #[expect(clippy::unused_self, reason = "reads as what it is: this lab's command")]
    pub(super) fn command(&self, inventory: &Path, verb: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command.args(verb).arg("-i").arg(inventory);
        command
    }

    /// Demands of what a failed run printed: every one of `said`, a next step, no secret, no escape byte.
    #[track_caller]
    pub(super) fn says(&self, run: &Run, said: &[&str]) {
        let all = format!("{}{}", run.out, run.err);
        if std::env::var_os("QUORATE_SHOW").is_some() {
            eprintln!("=== exit {} after {:.1} s\n{all}", run.code, run.took.as_secs_f64());
        }
        for text in said {
            assert!(all.contains(text), "{text:?} is not said\n--- stdout\n{}\n--- stderr\n{}", run.out, run.err);
        }
        let next = ["hint:", "do:", "help:", "\"remedy\":\"", "--help"];
        assert!(next.iter().any(|next| all.contains(next)), "no next step:\n{all}");
        assert!(!all.contains('\u{1b}'), "an escape byte in a pipe:\n{all:?}");
        for secret in &self.secrets {
            assert!(!all.contains(secret.as_str()), "a secret is printed");
        }
    }

    /// Removes the lab.
    pub(super) fn down(self) {
        self.lab.down();
    }
}

/// What differs, host by host: `-` was so, `+` is so.
pub(super) fn differences(before: &Fingerprint, after: &Fingerprint) -> Vec<String> {
    let mut found = Vec::new();
    for (node, old) in before {
        let new = after.get(node).map_or("", String::as_str);
        let missing = |of: &str, from: &str, sign: char| -> Vec<String> {
            let has: std::collections::BTreeSet<&str> = from.lines().collect();
            of.lines().filter(|line| !has.contains(line)).map(|line| format!("{node} {sign} {line}")).collect()
        };
        found.extend(missing(old, new, '-'));
        found.extend(missing(new, old, '+'));
    }
    found
}

impl Variant {
    /// The inventory.
    pub(super) fn inventory(&self) -> PathBuf {
        self.folder.join("inventory.yml")
    }

    /// A file of it.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// Replaces text, which must be there.
    #[track_caller]
    pub(super) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).expect("a file of ours");
        assert!(text.contains(from), "{file} has no {from:?}:\n{text}");
        fs::write(&path, text.replace(from, to)).expect("a file of ours");
    }

    /// Adds lines to the inventory.
    pub(super) fn add(&self, lines: &str) {
        let path = self.inventory();
        let text = fs::read_to_string(&path).expect("a file of ours");
        fs::write(&path, format!("{text}\n{lines}\n")).expect("a file of ours");
    }
}

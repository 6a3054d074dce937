//! One host's memory: files, links, programs, units, marks, journal and generations.

use std::collections::{BTreeMap, BTreeSet};

use quorate::cluster::sha256;
use quorate::host::Command;
use quorate::host::journal::{Record, records};

use super::lock::Lock;
use super::undo::{Pause, Undo};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Live {
    pub(super) owner: String,
    pub(super) group: String,
    pub(super) mode: u32,
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) sum: String,
    pub(super) modified: f64,
}

impl Live {
    pub(crate) fn is_folder(&self) -> bool {
        self.bytes.is_none()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes.clone().unwrap()).unwrap()
    }

    /// Somebody writes something else into it.
    pub(crate) fn edit(&mut self, text: &str) {
        self.bytes = Some(text.as_bytes().to_vec());
        self.sum = sha256(text.as_bytes());
    }

    pub(crate) fn append(&mut self, text: &str) {
        self.edit(&(self.text() + text));
    }

    pub(super) fn holds(&self, needle: &str) -> bool {
        self.bytes.as_ref().is_some_and(|bytes| bytes.windows(needle.len()).any(|part| part == needle.as_bytes()))
    }

    /// What it is, without when it was written.
    pub(crate) fn content(&self) -> (&str, &str, u32, &str) {
        (&self.owner, &self.group, self.mode, &self.sum)
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "what systemd says of a unit are switches")]
pub(crate) struct Unit {
    pub(super) active: bool,
    pub(crate) enabled: bool,
    pub(super) masked: bool,
    pub(crate) started: f64,
    pub(crate) reloaded: f64,
    /// What its process was started from.
    pub(super) program: String,
    /// It has read something that it does not bear.
    pub(super) sick: bool,
    /// Until when it does not answer yet.
    pub(super) busy_until: f64,
}

impl Unit {
    pub(crate) fn runs(&self) -> bool {
        self.active
    }

    pub(crate) fn reloaded_since(&self, before: &Self) -> bool {
        self.reloaded > before.reloaded
    }

    pub(crate) fn restarted_since(&self, before: &Self) -> bool {
        self.started > before.started
    }
}

/// What a generation keeps.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Kept {
    pub(crate) record: String,
    pub(crate) inventory: String,
    pub(crate) settings: String,
    pub(crate) sums: BTreeMap<String, String>,
}

/// HAProxy's processes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Haproxy {
    /// The process that answers.
    pub(super) worker: u32,
    /// The one that answered when the servers' states were kept, while they are.
    pub(super) kept: Option<u32>,
    /// Until when its checks have not seen all servers yet.
    pub(super) blind_until: f64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Machine {
    pub(crate) live: BTreeMap<String, Live>,
    pub(crate) staged: BTreeMap<String, Live>,
    pub(crate) accounts: BTreeSet<String>,
    pub(crate) packages: BTreeSet<String>,
    pub(crate) programs: BTreeMap<String, String>,
    pub(crate) links: BTreeMap<String, String>,
    pub(crate) units: BTreeMap<String, Unit>,
    pub(crate) owner: String,
    /// What was made here: kind and name.
    pub(super) made: BTreeSet<(String, String)>,
    pub(super) daemon_reloaded: f64,
    /// Since when a restart is due, by unit.
    pub(crate) due: BTreeMap<String, f64>,
    pub(crate) undo: BTreeMap<String, Undo>,
    pub(super) undone: BTreeSet<String>,
    pub(crate) pause: Option<Pause>,
    pub(crate) lock: Option<Lock>,
    pub(crate) journal: Vec<Record>,
    pub(crate) generations: BTreeMap<u32, Kept>,
    pub(super) haproxy: Haproxy,
    /// What it was asked last time, as arguments of `state.sh` in shell text; and the interpreter of the probe.
    pub(super) remembered: Option<(String, String)>,
}

impl Machine {
    /// What concerns one host alone; the exit code.
    pub(super) fn act(&mut self, command: &Command, clock: f64) -> i32 {
        let args = &command.args;
        match command.step.split(' ').next().unwrap() {
            "claiming" => self.owner.clone_from(&args[0]),
            "masking" => {
                self.made("mask", args.iter());
                for unit in args {
                    self.units.entry(unit.clone()).or_default().masked = true;
                }
            }
            "installing" => {
                // From a bundle: first how many files there are, then path, size and sum of each.
                let files = args.first().and_then(|count| count.parse::<usize>().ok());
                self.packages.extend(args.iter().skip(files.map_or(0, |count| 1 + 3 * count)).cloned());
            }
            "shipping" => drop(self.programs.insert(args[0].clone(), args[1].clone())),
            "linking" => self.links.extend(args.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()))),
            "making"
                if command.step.starts_with("making account") || command.step.starts_with("making the account") =>
            {
                let missing: Vec<String> =
                    args.chunks(2).map(|pair| pair[0].clone()).filter(|name| !self.accounts.contains(name)).collect();
                self.made("account", missing.iter());
                self.accounts.extend(args.chunks(2).map(|pair| pair[0].clone()));
            }
            "making" if command.step == "making folders" => {
                for four in args.chunks(4) {
                    let (owner, group) = (four[1].clone(), four[2].clone());
                    let mode = u32::from_str_radix(&four[3], 8).unwrap();
                    if !self.live.contains_key(&four[0]) {
                        self.made("folder", std::iter::once(&four[0]));
                    }
                    let folder = Live { owner, group, mode, bytes: None, sum: String::new(), modified: clock };
                    self.live.insert(four[0].clone(), folder);
                }
            }
            "staging" => self.stage(command, clock),
            "making" => return self.commit(args, clock),
            "staying" | "asking" | "bringing" | "clearing" | "building" | "searching" => {}
            "discarding" => self.staged.retain(|path, _| !args.contains(path)),
            "writing" => self.journal.extend(records(&String::from_utf8_lossy(&command.stdin))),
            "keeping" => return self.keep(command),
            "remembering" => self.remembered = Some((args[1].clone(), args[3].clone())),
            _ => panic!("the fake does not know the step {:?}", command.step),
        }
        0
    }

    fn made<'a>(&mut self, kind: &str, names: impl Iterator<Item = &'a String>) {
        self.made.extend(names.map(|name| (kind.to_owned(), name.clone())));
    }

    fn stage(&mut self, command: &Command, clock: f64) {
        let mut rest = command.stdin.as_slice();
        for nine in command.args.chunks(9) {
            let (bytes, after) = rest.split_at(nine[4].parse().unwrap());
            assert_eq!(sha256(bytes), nine[5], "{} did not arrive whole", nine[0]);
            rest = after;
            let mode = u32::from_str_radix(&nine[3], 8).unwrap();
            let (owner, group, sum) = (nine[1].clone(), nine[2].clone(), nine[5].clone());
            let file = Live { owner, group, mode, bytes: Some(bytes.to_vec()), sum, modified: clock };
            self.staged.insert(nine[0].clone(), file);
        }
        assert!(rest.is_empty(), "more bytes than files");
    }

    fn commit(&mut self, paths: &[String], clock: f64) -> i32 {
        for path in paths {
            let Some(mut staged) = self.staged.remove(path) else { return 1 };
            staged.modified = clock;
            self.live.insert(path.clone(), staged);
        }
        0
    }

    fn keep(&mut self, command: &Command) -> i32 {
        let (numbers, paths) = command.args.split_at(5);
        let number = |at: usize| numbers[at].parse::<usize>().unwrap();
        let text = String::from_utf8_lossy(&command.stdin);
        let (record, rest) = text.split_at(number(1));
        let (inventory, settings) = rest.split_at(number(2));
        let mut sums = BTreeMap::new();
        for path in paths {
            let Some(file) = self.live.get(path) else { return 1 };
            sums.insert(path.clone(), file.sum.clone());
        }
        let [record, inventory, settings] = [record, inventory, settings].map(str::to_owned);
        let newest = u32::try_from(number(0)).unwrap();
        self.generations.insert(newest, Kept { record, inventory, settings, sums });
        while self.generations.len() > number(4) {
            self.generations.pop_first();
        }
        0
    }

    /// Whether a file that a unit reads holds a text, or the link to its program does.
    pub(super) fn reads(&self, unit: &str, needle: &str) -> bool {
        let component = unit.trim_end_matches(".service");
        let text = |(path, file): (&String, &Live)| path.contains(component) && file.holds(needle);
        let link = |(path, target): (&String, &String)| path.contains(component) && target.contains(needle);
        self.live.iter().any(text) || self.links.iter().any(link)
    }

    /// Where a unit's program is.
    pub(super) fn program(&self, unit: &str) -> String {
        let component = unit.trim_end_matches(".service");
        let link = |folder: &str| self.links.get(&format!("/usr/local/{folder}/{component}"));
        let found = link("bin").or_else(|| link("sbin")).cloned().unwrap_or_default();
        // A script shows as its interpreter.
        if component == "patroni" { found.replace("/bin/patroni", "/bin/python3") } else { found }
    }
}

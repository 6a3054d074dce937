//! Changes of what serves: each with its way back on the host itself, and a timer that takes it unless somebody confirms.

use std::collections::BTreeMap;

use quorate::cluster::NodeName;
use quorate::host::Command;
use quorate::host::journal::Record;

use super::World;
use super::machine::{Live, Machine};

/// What stood at a place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Was {
    File(Live),
    Link(String),
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    None,
    Reload,
    Restart,
    Start,
}

/// What an unconfirmed change replaced.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Undo {
    kept: BTreeMap<String, (bool, Was)>,
    mode: Mode,
    /// The mark of a due restart as it was, once a restart is part of the change; 0 if there was none.
    due: Option<f64>,
    since: f64,
    run: String,
    timer: Option<f64>,
}

/// The mark that a pause is ours.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pause {
    timer: Option<f64>,
}

/// Nothing was activated.
const NOT_ACTIVATED: i32 = 82;
const UNDONE: i32 = 92;

impl Machine {
    /// The timers of these changes do not fire any more.
    pub(super) fn disarm(&mut self, units: &[String]) {
        for unit in units {
            if let Some(undo) = self.undo.get_mut(unit) {
                undo.timer = None;
            }
            if let Some(pause) = self.pause.as_mut().filter(|_| unit == "pause") {
                pause.timer = None;
            }
        }
    }

    pub(super) fn mark_pause(&mut self, clock: f64, seconds: f64) {
        self.pause = Some(Pause { timer: Some(clock + seconds) });
    }

    fn save(&mut self, unit: &str, mode: Mode, run: &str, clock: f64, things: &[[&str; 3]]) {
        let due = self.due.get(unit).copied().unwrap_or_default();
        let mut undo = self.undo.remove(unit).unwrap_or(Undo {
            kept: BTreeMap::new(),
            mode,
            due: None,
            since: clock,
            run: String::new(),
            timer: None,
        });
        for [kind, path, _] in things {
            let was = match (self.live.get(*path), self.links.get(*path)) {
                (Some(file), _) => Was::File(file.clone()),
                (None, Some(link)) => Was::Link(link.clone()),
                (None, None) => Was::Nothing,
            };
            undo.kept.entry((*path).to_owned()).or_insert((*kind == "date", was));
        }
        undo.mode = undo.mode.max(mode);
        if mode == Mode::Restart {
            undo.due.get_or_insert(due);
        }
        run.clone_into(&mut undo.run);
        self.undo.insert(unit.to_owned(), undo);
    }

    fn put(&mut self, path: &str, what: Was) {
        self.live.remove(path);
        self.links.remove(path);
        match what {
            Was::File(file) => drop(self.live.insert(path.to_owned(), file)),
            Was::Link(link) => drop(self.links.insert(path.to_owned(), link)),
            Was::Nothing => {}
        }
    }
}

impl World {
    /// `change.sh`; its exit code and how long it takes.
    pub(super) fn activate(&mut self, name: &NodeName, command: &Command) -> (i32, f64) {
        let clock = self.clock;
        let (head, rest) = command.args.split_at(5);
        let unit = head[0].as_str();
        let mode = match head[1].as_str() {
            "none" => Mode::None,
            "reload" => Mode::Reload,
            "restart" => Mode::Restart,
            _ => Mode::Start,
        };
        let things: Vec<[&str; 3]> = rest.chunks(3).map(|three| [three[0].as_str(), &three[1], &three[2]]).collect();
        let machine = self.machines.get_mut(name).unwrap();
        if things.iter().any(|[kind, path, _]| matches!(*kind, "date" | "keep") && path.is_empty()) {
            return (NOT_ACTIVATED, 0.0);
        }
        machine.undone.remove(unit);
        machine.save(unit, mode, &head[4], clock, &things);
        machine.undo.get_mut(unit).unwrap().timer = Some(clock + head[3].parse::<f64>().unwrap());
        if mode == Mode::Restart {
            machine.due.insert(unit.to_owned(), clock);
        }
        for [kind, path, target] in things {
            match kind {
                "date" | "keep" => {
                    let Some(mut file) = machine.staged.remove(path) else { return (1, 0.0) };
                    let former = machine.live.get(path).map(|file| file.modified).filter(|_| kind == "keep");
                    file.modified = former.unwrap_or(clock);
                    machine.live.insert(path.to_owned(), file);
                }
                "link" => drop(machine.links.insert(path.to_owned(), target.to_owned())),
                _ => drop(machine.live.remove(path)),
            }
        }
        self.passwords_fit(name);
        if head[2] == "yes" {
            self.machines.get_mut(name).unwrap().daemon_reloaded = clock;
        }
        match mode {
            Mode::None => (0, 0.0),
            Mode::Reload => (self.reload(name, unit), 0.0),
            Mode::Restart => {
                let (code, seconds) = self.restart(name, unit);
                if code == 0 {
                    self.machines.get_mut(name).unwrap().due.remove(unit);
                }
                (code, seconds)
            }
            Mode::Start => (self.start(name, unit), 0.0),
        }
    }

    /// `confirm.sh`, or `undo.sh` run by hand.
    pub(super) fn settle(&mut self, name: &NodeName, verb: &str, unit: &str) -> i32 {
        if verb == "undoing" {
            return if self.machines[name].undo.contains_key(unit) { self.undo(name, unit) } else { 0 };
        }
        let machine = self.machines.get_mut(name).unwrap();
        match machine.undo.remove(unit) {
            None if machine.undone.contains(unit) => UNDONE,
            _ => 0,
        }
    }

    /// `undo.sh`: what was changed goes back, and a process that can have read it reads anew.
    fn undo(&mut self, name: &NodeName, unit: &str) -> i32 {
        let clock = self.clock;
        let machine = self.machines.get_mut(name).unwrap();
        let undo = machine.undo[unit].clone();
        let started = machine.units.get(unit).map_or(0.0, |unit| unit.started);
        let fresh = match undo.mode {
            Mode::None => false,
            Mode::Restart => started >= undo.since,
            Mode::Reload | Mode::Start => true,
        };
        if undo.mode == Mode::Restart && fresh {
            machine.due.insert(unit.to_owned(), clock);
        }
        for (path, (dated, was)) in undo.kept {
            let was = match was {
                Was::File(file) if dated && fresh => Was::File(Live { modified: clock, ..file }),
                was => was,
            };
            machine.put(&path, was);
        }
        machine.daemon_reloaded = clock;
        let code = match undo.mode {
            Mode::Reload => self.reload(name, unit),
            Mode::Restart if fresh => self.restart(name, unit).0,
            _ => 0,
        };
        let machine = self.machines.get_mut(name).unwrap();
        let at = "2026-11-25T14:00:00Z".to_owned();
        machine.journal.push(Record::Undone { run: undo.run, at, unit: unit.to_owned(), ok: code == 0 });
        if code != 0 {
            return 1;
        }
        match undo.due {
            Some(due) if due > 0.0 => drop(machine.due.insert(unit.to_owned(), due)),
            Some(_) => drop(machine.due.remove(unit)),
            None => {}
        }
        machine.undo.remove(unit);
        machine.undone.insert(unit.to_owned());
        0
    }

    /// The timers of changes, and of pauses, whose time has come.
    pub(super) fn fire(&mut self) {
        let clock = self.clock;
        let due = |timer: Option<f64>| timer.is_some_and(|at| at <= clock);
        let mut changes = Vec::new();
        let mut pauses = Vec::new();
        for (name, machine) in &mut self.machines {
            for (unit, undo) in machine.undo.iter_mut().filter(|(_, undo)| due(undo.timer)) {
                undo.timer = None;
                changes.push((name.clone(), unit.clone()));
            }
            if let Some(pause) = machine.pause.as_mut().filter(|pause| due(pause.timer)) {
                pause.timer = None;
                pauses.push(name.clone());
            }
        }
        for (name, unit) in changes {
            self.undo(&name, &unit);
        }
        for name in pauses {
            super::patroni::merge(&mut self.dcs, &serde_json::json!({"pause": null}));
            self.machines.get_mut(&name).unwrap().pause = None;
        }
    }
}

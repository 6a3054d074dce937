//! The journal of a host: what runs did there, one record a line in `/var/lib/quorate/journal`.

use serde::{Deserialize, Serialize};

use super::Command;

/// More lines than this are cut to three quarters.
const LONGEST: u32 = 2000;

/// One line of it. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Record {
    /// A run began to change the cluster. If no [`End`](Record::End) of it follows, it was interrupted.
    Begin {
        /// The run's name.
        run: String,
        /// When.
        at: String,
        /// Whose run it is: `aki@ws1`.
        who: String,
        /// Its verb.
        command: String,
        /// The sum of its inventory.
        inventory: String,
        /// The generation that it will make.
        generation: Option<u32>,
        /// The ids of everything it is about to do.
        actions: Vec<String>,
    },
    /// One of its actions.
    Action {
        /// The run's name.
        run: String,
        /// When.
        at: String,
        /// The action, as in `actions`.
        id: String,
        /// How far it is.
        state: ActionState,
    },
    /// It ended.
    End {
        /// The run's name.
        run: String,
        /// When.
        at: String,
        /// Its exit code.
        exit: i32,
        /// In one word or sentence.
        result: String,
    },
    /// A change of a unit was undone, by the run or by the host alone.
    Undone {
        /// The run whose change it was.
        run: String,
        /// When.
        at: String,
        /// The unit.
        unit: String,
        /// Whether all of it could be.
        ok: bool,
    },
}

/// How far an action is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionState {
    /// Under way, or interrupted.
    Begun,
    /// Done, and its gate passed.
    Done,
    /// Failed.
    Failed,
    /// Failed, and undone.
    RolledBack,
}

impl Record {
    /// The run that it belongs to.
    pub fn run(&self) -> &str {
        match self {
            Self::Begin { run, .. } | Self::Action { run, .. } | Self::End { run, .. } | Self::Undone { run, .. } => {
                run
            }
        }
    }

    /// As a line, with its end.
    pub fn line(&self) -> String {
        // Such a record always has a text in JSON.
        serde_json::to_string(self).map(|line| line + "\n").unwrap_or_default()
    }
}

/// Appends records and syncs them to disk; a journal that has grown too long loses its oldest quarter.
pub fn append<'a>(records: impl IntoIterator<Item = &'a Record>) -> Command {
    let lines: String = records.into_iter().map(Record::line).collect();
    Command::new("writing the journal", include_str!("journal.sh")).arg(LONGEST.to_string()).stdin(lines)
}

/// Prints the last lines; nothing if there is no journal.
pub fn last(lines: u32) -> Command {
    let script = r#"[ ! -e /var/lib/quorate/journal ] || tail -n "$1" /var/lib/quorate/journal"#;
    Command::new("reading the journal", script).arg(lines.to_string())
}

/// Reads what [`last`] printed. Lines that are no record are skipped: a machine may have died while it wrote one.
pub fn records(text: &str) -> Vec<Record> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::real_shell::{Machine, shells};
    use super::*;

    fn action(number: usize) -> Record {
        let id = format!("db01/x/{number}'\"$(id)\\");
        Record::Action { run: "f00d".into(), at: "2026-11-25T14:00:00Z".into(), id, state: ActionState::RolledBack }
    }

    #[test]
    fn records_come_back_as_they_were_and_torn_ones_are_skipped() {
        for shell in shells() {
            let machine = Machine::new(shell);
            assert!(records(&machine.run(&last(9)).text()).is_empty());
            let begin = Record::Begin {
                run: "f00d".into(),
                at: "2026-11-25T14:00:00Z".into(),
                who: "aki@ws1".into(),
                command: "apply".into(),
                inventory: "ab".into(),
                generation: None,
                actions: vec!["db01/x/reload".into()],
            };
            assert!(machine.run(&append([&begin, &action(1)])).success());
            let journal = machine.path("/var/lib/quorate/journal");
            assert_eq!(std::fs::metadata(&journal).unwrap().permissions().mode() & 0o777, 0o600);
            let torn = machine.read("/var/lib/quorate/journal").unwrap() + "null\n[1]\n{\"run\":\"f0";
            std::fs::write(&journal, torn).unwrap();
            assert!(machine.run(&append([&action(2)])).success());
            assert_eq!(records(&machine.run(&last(9)).text()), [begin, action(1), action(2)]);
            assert_eq!(records(&machine.run(&last(1)).text()), [action(2)]);
        }
    }

    #[test]
    fn half_a_record_is_not_written() {
        let machine = Machine::new("/bin/sh");
        let half = append([&action(1)]).stdin("{\"run\":");
        assert!(!machine.run(&half).success());
        assert_eq!(machine.run(&last(9)).text(), "");
    }

    #[test]
    fn a_journal_does_not_grow_for_ever() {
        let machine = Machine::new("/bin/sh");
        let many: Vec<Record> = (0..2000).map(action).collect();
        assert!(machine.run(&append(&many)).success());
        assert!(machine.run(&append([&action(2000)])).success());
        let kept = records(&machine.run(&last(9999)).text());
        assert_eq!((kept.len(), kept.first(), kept.last()), (1501, Some(&action(500)), Some(&action(2000))));
    }
}

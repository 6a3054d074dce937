//! The journals of all hosts as one history: each run once, newest first.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::journal::Record;
use crate::cluster::NodeName;

/// One run, as the hosts tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PastRun {
    /// Its name.
    pub run: String,
    /// When it began, RFC 3339 in UTC.
    pub at: String,
    /// Whose it was: `aki@ws1`.
    pub who: String,
    /// Its verb.
    pub command: String,
    /// The generation that it was to make.
    pub generation: Option<u32>,
    /// How many things it was about to do.
    pub actions: usize,
    /// How it ended.
    pub result: Ending,
    /// Its exit code, if it said one.
    pub exit: Option<i32>,
    /// Why it failed, in a sentence.
    pub reason: Option<String>,
    /// How long it took.
    pub seconds: Option<u64>,
    /// What was put back, by the run or by a host alone.
    pub undone: Vec<Undone>,
    /// The hosts that tell of it.
    pub hosts: BTreeSet<NodeName>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It has the lock still.
    Running,
    /// As it should.
    Ok,
    /// It failed and said so.
    Failed,
    /// It failed, and what it had changed was put back.
    RolledBack,
    /// It never said how: its machine or its line died.
    Interrupted,
    /// The same, and a host put back what was not confirmed.
    UndoneByTheHost,
}

/// A change of a unit that was put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undone {
    /// Where.
    pub host: NodeName,
    /// What.
    pub unit: String,
    /// Whether all of it could be.
    pub ok: bool,
}

/// All runs of the journals, newest first; `running` are the runs that have a lock at this moment.
pub fn runs(journals: &BTreeMap<NodeName, Vec<Record>>, running: &BTreeSet<String>) -> Vec<PastRun> {
    let mut runs: BTreeMap<&str, PastRun> = BTreeMap::new();
    for (host, records) in journals {
        for record in records {
            let run = runs.entry(record.run()).or_insert_with(|| unknown(record.run()));
            run.hosts.insert(host.clone());
            run.take(host, record);
        }
    }
    let mut runs: Vec<PastRun> = runs.into_values().collect();
    for run in &mut runs {
        run.result = match run.exit {
            Some(0) => Ending::Ok,
            Some(10) => Ending::RolledBack,
            Some(_) => Ending::Failed,
            None if running.contains(&run.run) => Ending::Running,
            None if run.undone.is_empty() => Ending::Interrupted,
            None => Ending::UndoneByTheHost,
        };
    }
    runs.sort_by(|a, b| (&b.at, b.generation, &b.run).cmp(&(&a.at, a.generation, &a.run)));
    runs
}

/// A run of which the journal has lost the beginning.
fn unknown(run: &str) -> PastRun {
    PastRun {
        run: run.to_owned(),
        at: String::new(),
        who: "?".to_owned(),
        command: "?".to_owned(),
        generation: None,
        actions: 0,
        result: Ending::Interrupted,
        exit: None,
        reason: None,
        seconds: None,
        undone: Vec::new(),
        hosts: BTreeSet::new(),
    }
}

impl PastRun {
    fn take(&mut self, host: &NodeName, record: &Record) {
        match record {
            Record::Begin { at, who, command, generation, actions, .. } => {
                self.at.clone_from(at);
                self.who.clone_from(who);
                self.command.clone_from(command);
                (self.generation, self.actions) = (*generation, actions.len());
            }
            Record::Action { at, .. } => self.moment(at),
            Record::End { at, exit, result, .. } => {
                self.exit = Some(*exit);
                self.reason = (*exit != 0).then(|| result.clone());
                self.seconds = seconds(&self.at, at);
            }
            Record::Undone { at, unit, ok, .. } => {
                self.moment(at);
                self.undone.push(Undone { host: host.clone(), unit: unit.clone(), ok: *ok });
            }
        }
    }

    /// The best that is known of its time where the beginning is lost.
    fn moment(&mut self, at: &str) {
        if self.at.is_empty() {
            at.clone_into(&mut self.at);
        }
    }
}

fn seconds(from: &str, to: &str) -> Option<u64> {
    let at = |text: &str| humantime::parse_rfc3339(text).ok();
    at(to)?.duration_since(at(from)?).ok().map(|time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(run: &str, at: &str, generation: u32) -> Record {
        Record::Begin {
            run: run.into(),
            at: at.into(),
            who: "aki@ws1".into(),
            command: "apply".into(),
            inventory: String::new(),
            generation: Some(generation),
            actions: vec!["db01/haproxy/reload".into()],
        }
    }

    fn end(run: &str, at: &str, exit: i32) -> Record {
        Record::End { run: run.into(), at: at.into(), exit, result: if exit == 0 { "ok".into() } else { "why".into() } }
    }

    fn undone(run: &str) -> Record {
        Record::Undone { run: run.into(), at: "2026-11-25T15:00:31Z".into(), unit: "haproxy.service".into(), ok: true }
    }

    fn name(name: &str) -> NodeName {
        NodeName::new(name).unwrap()
    }

    #[test]
    fn each_run_is_there_once_newest_first() {
        let first = [begin("a", "2026-11-25T14:00:00Z", 1), end("a", "2026-11-25T14:01:12Z", 0)];
        let second = [begin("b", "2026-11-25T15:00:00Z", 2), end("b", "2026-11-25T15:00:40Z", 9)];
        let journals = [("db01", [&first[..], &second[..]].concat()), ("db02", [&first[..], &second[..1]].concat())];
        let journals = journals.map(|(host, records)| (name(host), records)).into();
        let runs = runs(&journals, &BTreeSet::new());
        assert_eq!(runs.iter().map(|run| run.run.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        // One host that heard the end is enough.
        assert_eq!((runs[0].result, runs[0].exit, runs[0].reason.as_deref()), (Ending::Failed, Some(9), Some("why")));
        assert_eq!((runs[1].result, runs[1].seconds, runs[1].hosts.len()), (Ending::Ok, Some(72), 2));
    }

    #[test]
    fn a_run_without_an_end_runs_or_was_interrupted_or_undone() {
        let of = |records: &[Record], running: &[&str]| {
            let running = running.iter().map(|run| (*run).to_owned()).collect();
            runs(&BTreeMap::from([(name("db01"), records.to_vec())]), &running)[0].result
        };
        let begun = begin("a", "2026-11-25T15:00:00Z", 2);
        assert_eq!(of(std::slice::from_ref(&begun), &[]), Ending::Interrupted);
        assert_eq!(of(std::slice::from_ref(&begun), &["a"]), Ending::Running);
        assert_eq!(of(&[begun.clone(), undone("a")], &[]), Ending::UndoneByTheHost);
        assert_eq!(of(&[begun, undone("a"), end("a", "2026-11-25T15:00:40Z", 10)], &[]), Ending::RolledBack);
    }

    #[test]
    fn a_run_whose_beginning_is_lost_is_shown_all_the_same() {
        let journals = BTreeMap::from([(name("db01"), vec![undone("a"), end("a", "2026-11-25T15:00:40Z", 0)])]);
        let runs = runs(&journals, &BTreeSet::new());
        assert_eq!((runs[0].who.as_str(), runs[0].at.as_str()), ("?", "2026-11-25T15:00:31Z"));
    }
}

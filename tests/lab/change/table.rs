//! Runs the rows: plan, apply, look again, with a writer at work; one line of the table for each.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::actions::{Applied, Plan, Roles};
use super::processes::Processes;
use super::rows::Row;
use super::stage::Stage;
use super::writer::{Client, Figures, two_writable};

/// Verbs that only bring files to a host, whatever is done with them after; what they lead to is what a row expects.
const CARRYING: [&str; 2] = ["/prepare", "/write"];

/// The lab and the clients that work all the time.
pub(super) struct Bench {
    pub(super) stage: Stage,
    writer: Client,
    probe: Client,
}

impl Bench {
    /// Starts the clients.
    pub(super) fn on(stage: Stage) -> Self {
        let (writer, probe) = (Client::start(&stage, "write", 5000, 1), Client::start(&stage, "probe", 5000, 1));
        Self { stage, writer, probe }
    }

    /// Runs all rows, and those after one that failed too; then demands that none did.
    pub(super) fn run(&mut self, rows: impl Iterator<Item = &'static Row>) {
        let mut table = vec![HEAD.map(str::to_owned)];
        let mut failures = Vec::new();
        let wanted = std::env::var("QUORATE_ROWS").unwrap_or_default();
        for row in rows.filter(|row| row.name.contains(&wanted)) {
            eprintln!("row: {}", row.name);
            let mut line = HEAD.map(|_| String::new());
            row.name.clone_into(&mut line[0]);
            let outcome = catch_unwind(AssertUnwindSafe(|| self.row(row, &mut line)));
            if let Err(panic) = outcome {
                let said = panic.downcast_ref::<String>().cloned();
                let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                failures.push(format!("{}: {}", row.name, said.unwrap_or_default()));
                line[0].push_str(" FAILED");
                // The next row begins where it would have.
                let _ = self.stage.run(APPLY);
            }
            table.push(line);
        }
        let mut text = Vec::new();
        let _ = writeln!(text, "\n{}", drawn(&table));
        let _ = std::io::stderr().write_all(&text);
        assert!(failures.is_empty(), "{} rows failed:\n{}", failures.len(), failures.join("\n"));
    }

    fn row(&mut self, row: &Row, line: &mut [String; 9]) {
        let stage = &mut self.stage;
        (row.change)(stage);
        let roles = Roles::of(stage);
        let (before, holder) = (Processes::of(stage), stage.holder());
        let (begin, rounds) = (self.writer.good(), self.probe.now());

        let plan = Plan::of(stage);
        plan.summary(&mut line[1]);
        let pending = stage.run(&["plan", "--exit-code"]);
        assert_eq!(pending.code, if row.plan.is_empty() { 0 } else { 3 }, "plan:\n{}{}", pending.out, pending.err);
        let significant: BTreeSet<_> =
            plan.ids.iter().filter(|id| !CARRYING.iter().any(|verb| id.ends_with(verb))).cloned().collect();
        let said: Vec<&str> = row.plan.split_whitespace().filter(|word| !word.contains("/write@")).collect();
        assert_eq!(significant, roles.ids(&said.join(" ")), "what plan said:\n{}", plan.text);
        let written = row.plan.split_whitespace().filter(|word| word.contains("/write@")).collect::<Vec<_>>().join(" ");
        for id in roles.ids(&written) {
            assert!(plan.ids.contains(&id), "the plan lacks {id}:\n{}", plan.text);
        }

        let applied = stage.run(&[APPLY, &["--json"]].concat()).exits(0);
        line[2] = format!("{:.1} s", applied.took.as_secs_f64());
        let events = Applied::read(&applied.out);
        let set = |ids: &[String]| ids.iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(set(&events.done), set(&plan.ids), "apply did not do what plan said:\n{}", applied.out);
        assert_eq!(set(&events.started), set(&events.done), "an action was begun and not done:\n{}", applied.out);
        assert_eq!(events.result["changed"], !plan.ids.is_empty(), "{}", events.result);
        for (first, second) in row.order {
            assert!(
                events.before(&roles.ids(first), &roles.ids(second)),
                "{first} is not before {second}: {:?}",
                events.order
            );
        }

        let figures = Figures::of(&self.writer.since(begin));
        line[6] = format!("{}+{}", figures.failed, figures.unknown);
        line[7] = figures.outages.to_string();
        line[8] = figures.gap_ms.to_string();
        let after = Processes::of(stage);
        let (restarted, reloaded) = (after.restarted(&before), after.reloaded(&before));
        line[4] = folded(&restarted);
        line[5] = reloaded.iter().cloned().collect::<Vec<_>>().join(" ");
        let moved = stage.holder() != holder;

        stage.run(&["diff", "--exit-code"]).exits(0);
        let again = Plan::of(stage);
        assert!(again.ids.is_empty(), "a second plan is not empty:\n{}", again.text);
        assert_eq!(restarted, roles.processes(row.restarted), "what restarted");
        assert_eq!(reloaded, roles.nodes(row.reloaded), "whose HAProxy has other workers");
        assert!(moved == row.moves_vip, "the VIP moved: {moved}");
        assert!(figures.outages <= row.outages, "{figures:?}");
        assert!(figures.gap_ms <= row.gap_ms, "silent for {} ms, {} are allowed", figures.gap_ms, row.gap_ms);
        if row.outages == 0 {
            assert_eq!(figures.failed + figures.unknown, 0, "writes failed");
        }
        let lost = figures.lost(stage);
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        assert_eq!(two_writable(&self.probe.lines(rounds)), 0, "two nodes took writes");
        (row.proof)(stage);
        "the same".clone_into(&mut line[3]);
    }
}

/// What applies anything that the rows change.
pub(super) const APPLY: &[&str] = &["apply", "--yes", "--max-impact", "restart-leader"];

const HEAD: [&str; 9] =
    ["changed", "plan said", "took", "apply did", "restarted", "reloaded", "failed+unknown", "outages", "gap ms"];

impl Plan {
    /// The ids without their nodes, each verb once with its number, and the impact.
    fn summary(&self, text: &mut String) {
        let mut verbs: Vec<(&str, usize)> = Vec::new();
        for id in &self.ids {
            let verb = id.split_once('/').map_or(id.as_str(), |(_, verb)| verb);
            match verbs.iter_mut().find(|(name, _)| *name == verb) {
                Some((_, count)) => *count += 1,
                None => verbs.push((verb, 1)),
            }
        }
        let verbs: Vec<String> = verbs.into_iter().map(|(verb, count)| format!("{verb} {count}")).collect();
        let _ = write!(
            text,
            "{}",
            if verbs.is_empty() { "nothing".to_owned() } else { format!("{}: {}", self.impact, verbs.join(", ")) }
        );
    }
}

/// `etcd db01`, `etcd db02` → `etcd db01 db02`.
fn folded(names: &BTreeSet<String>) -> String {
    let mut text: Vec<String> = Vec::new();
    for name in names {
        let (what, node) = name.split_once(' ').unwrap_or((name, ""));
        match text.last_mut().filter(|last| last.split(' ').next() == Some(what)) {
            Some(last) => {
                let _ = write!(last, " {node}");
            }
            None => text.push(name.clone()),
        }
    }
    text.join(", ")
}

fn drawn(table: &[[String; 9]]) -> String {
    let width = |column: usize| table.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let cell = |(text, width): (&String, &usize)| format!("{text:width$}");
    let line =
        |line: &[String; 9]| line.iter().zip(&widths).map(cell).collect::<Vec<_>>().join(" | ").trim_end().to_owned();
    table.iter().map(line).collect::<Vec<_>>().join("\n")
}

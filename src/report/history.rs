//! The history of a cluster as a table: newest run first, and what one can go back to.

use std::fmt::Write as _;

use super::{Style, plain};
use crate::host::{Ending, PastRun};

/// The table with its last line. `current` is the generation that is live, `kept` those that a rollback can go to.
pub fn history(runs: &[PastRun], current: Option<u32>, kept: &[u32], style: Style) -> String {
    let head = ["RUN", "WHEN (UTC)", "WHO", "COMMAND", "GENERATION", "RESULT", "TIME"].map(str::to_owned);
    let rows: Vec<[String; 7]> = runs.iter().map(|run| row(run, current, kept)).collect();
    let mut widths = [0; 7];
    for cells in rows.iter().chain([&head]) {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(unicode_width::UnicodeWidthStr::width(cell.as_str()));
        }
    }
    let mut text = String::new();
    let _ = writeln!(text, "{}", style.strong(line(&head, &widths, |_, cell| cell)));
    for (run, cells) in runs.iter().zip(&rows) {
        let painted = |index: usize, cell: String| match (index, run.result) {
            (5, Ending::Ok) => style.good(cell),
            (5, Ending::Running) => style.strong(cell),
            (5, Ending::Interrupted | Ending::RolledBack | Ending::UndoneByTheHost) => style.warning(cell),
            (5, Ending::Failed) => style.bad(cell),
            _ => cell,
        };
        let _ = writeln!(text, "{}", line(cells, &widths, painted));
        for more in details(run) {
            let _ = writeln!(
                text,
                "{:<width$}  {}",
                "",
                style.faint(plain(&more)),
                width = widths.first().copied().unwrap_or(0)
            );
        }
    }
    let _ = writeln!(text, "{}", style.strong(last(current, kept)));
    text
}

fn row(run: &PastRun, current: Option<u32>, kept: &[u32]) -> [String; 7] {
    [
        run.run.clone(),
        // Without the seconds: 2026-11-25T14:02:11Z.
        run.at.get(..16).unwrap_or(&run.at).replace('T', " "),
        run.who.clone(),
        run.command.clone(),
        generation(run, current, kept),
        result(run),
        run.seconds.map_or_else(|| "-".to_owned(), time),
    ]
    .map(|cell| plain(&cell))
}

fn line(cells: &[String; 7], widths: &[usize; 7], painted: impl Fn(usize, String) -> String) -> String {
    let cells = cells.iter().zip(widths).enumerate().map(|(index, (cell, width))| {
        let pad = " ".repeat(width.saturating_sub(unicode_width::UnicodeWidthStr::width(cell.as_str())));
        if index == 6 { cell.clone() } else { painted(index, cell.clone()) + &pad }
    });
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// A run that ended well made its generation; any other left the one that was.
fn generation(run: &PastRun, current: Option<u32>, kept: &[u32]) -> String {
    match (run.generation, run.result) {
        (Some(number), Ending::Ok) => {
            let mark = match number {
                _ if Some(number) == current => " (current)",
                _ if kept.contains(&number) => " (kept)",
                _ => "",
            };
            let from = if number > 1 { format!("{}→", number - 1) } else { String::new() };
            format!("{from}{number}{mark}")
        }
        (Some(number), _) if number > 1 => (number - 1).to_string(),
        _ => "-".to_owned(),
    }
}

fn result(run: &PastRun) -> String {
    match run.result {
        Ending::Ok => "ok".to_owned(),
        Ending::Running => "running".to_owned(),
        Ending::Failed => format!("failed ({})", run.exit.unwrap_or_default()),
        Ending::RolledBack => format!("rolled back ({})", run.exit.unwrap_or_default()),
        Ending::Interrupted => "interrupted".to_owned(),
        Ending::UndoneByTheHost => "interrupted, undone by the host".to_owned(),
    }
}

/// Why it failed, and what was put back.
fn details(run: &PastRun) -> Vec<String> {
    let reason = run.reason.as_deref().and_then(|reason| reason.lines().next()).map(str::to_owned);
    let undone = run.undone.iter().map(|one| {
        let how = if one.ok { "put back" } else { "could NOT be put back" };
        format!("{}: {} {how}", one.host, one.unit)
    });
    reason.into_iter().chain(undone).collect()
}

/// `12s`, `1m05s`, `2h03m`.
fn time(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

fn last(current: Option<u32>, kept: &[u32]) -> String {
    let Some(current) = current else { return "no generation yet: no run has ended well".to_owned() };
    let earlier: Vec<String> = kept.iter().filter(|number| **number != current).map(u32::to_string).collect();
    match earlier.as_slice() {
        [] => format!("generation {current} is current; none is kept that one could go back to"),
        some => format!("generation {current} is current; `quorate rollback N` goes back to {}", some.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cluster::NodeName;
    use crate::host::Undone;

    fn run(run: &str, generation: u32, result: Ending) -> PastRun {
        PastRun {
            run: run.to_owned(),
            at: "2026-11-22T14:02:11Z".to_owned(),
            who: "aki@ws1".to_owned(),
            command: "apply".to_owned(),
            generation: Some(generation),
            actions: 3,
            result,
            exit: Some(0),
            reason: None,
            seconds: Some(72),
            undone: Vec::new(),
            hosts: BTreeSet::new(),
        }
    }

    #[test]
    fn the_table_says_who_when_what_and_how_it_ended() {
        let failed = PastRun {
            exit: Some(10),
            reason: Some("db02/haproxy/reload failed\nmore".to_owned()),
            undone: vec![Undone { host: NodeName::new("db02").unwrap(), unit: "haproxy.service".to_owned(), ok: true }],
            ..run("8b", 3, Ending::RolledBack)
        };
        let cut = PastRun { exit: None, seconds: None, ..run("8c", 3, Ending::Interrupted) };
        let runs = [cut, failed, run("8a", 2, Ending::Ok), run("79", 1, Ending::Ok)];
        let text = history(&runs, Some(2), &[1, 2], Style { color: false });
        assert_eq!(
            text,
            "RUN  WHEN (UTC)        WHO      COMMAND  GENERATION     RESULT            TIME\n\
             8c   2026-11-22 14:02  aki@ws1  apply    2              interrupted       -\n\
             8b   2026-11-22 14:02  aki@ws1  apply    2              rolled back (10)  1m12s\n\
             \x20    db02/haproxy/reload failed\n\
             \x20    db02: haproxy.service put back\n\
             8a   2026-11-22 14:02  aki@ws1  apply    1→2 (current)  ok                1m12s\n\
             79   2026-11-22 14:02  aki@ws1  apply    1 (kept)       ok                1m12s\n\
             generation 2 is current; `quorate rollback N` goes back to 1\n"
        );
        assert!(history(&runs, Some(2), &[1, 2], Style { color: true }).contains("\u{1b}[32mok\u{1b}[0m"));
        assert!(last(None, &[]).contains("no generation"));
    }
}

//! A run's events for people: live lines on a terminal, one line an event elsewhere, and the table of where the time went.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::{Style, plain};
use crate::apply::Event;

/// How long a step may be silent in a log.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Follows a run. Off a terminal it writes plain lines, each ended, none with an escape byte.
pub struct Progress<F: Fn(&str)> {
    style: Style,
    live: Option<MultiProgress>,
    running: BTreeMap<(String, String), Running>,
    times: Vec<(String, String, u64)>,
    phases: Vec<(&'static str, Instant)>,
    print_line: F,
}

/// A step under way.
struct Running {
    began: Instant,
    told: Instant,
    bar: Option<ProgressBar>,
}

impl<F: Fn(&str)> Progress<F> {
    /// `live` draws spinners on standard error; `print_line` prints one line there.
    pub fn new(style: Style, live: bool, print_line: F) -> Self {
        let live = live.then(MultiProgress::new);
        Self { style, live, running: BTreeMap::new(), times: Vec::new(), phases: Vec::new(), print_line }
    }

    /// Says of every long step that it still runs; to be called every few seconds. On a terminal the spinners say it.
    pub fn heartbeat(&mut self) {
        if self.live.is_some() {
            return;
        }
        for ((host, step), running) in &mut self.running {
            if running.told.elapsed() >= HEARTBEAT {
                running.told = Instant::now();
                let seconds = running.began.elapsed().as_secs();
                (self.print_line)(&format!("  ...  {} {} ({seconds} s)", place(host), plain(step)));
            }
        }
    }

    /// Shows one event.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::Phase { name } => {
                self.phases.push((name, Instant::now()));
                self.print(&self.style.strong(name));
            }
            Event::Started { host, step } => self.started(host, step),
            Event::Done { host, step, ms } => {
                self.ended(host, step);
                self.times.push((host.clone(), step.clone(), *ms));
                let mark = self.style.good("ok  ");
                self.print(&format!("  {mark} {} {}", place(host), self.timed(step, *ms)));
            }
            Event::Failed { host, step, ms } => {
                self.ended(host, step);
                let mark = self.style.bad("FAIL");
                self.print(&format!("  {mark} {} {}", place(host), self.timed(step, *ms)));
            }
            Event::ActionDone { id, ms } => {
                let mark = self.style.good("done");
                self.print(&format!("  {mark} {}", self.timed(id, *ms)));
            }
            Event::ActionFailed { id, ms } => {
                let mark = self.style.bad("FAIL");
                self.print(&format!("  {mark} {}", self.timed(id, *ms)));
            }
            Event::Waiting { until, missing, ms } => {
                let missing = missing.first().map_or(String::new(), |first| format!(": {}", plain(first)));
                self.print(&format!("  ...  still waiting until {until} ({} s){missing}", ms / 1000));
            }
            Event::ActionStarted { .. } | Event::Judged { .. } => {}
        }
    }

    fn timed(&self, step: &str, ms: u64) -> String {
        let seconds = format!("{}.{} s", ms / 1000, ms % 1000 / 100);
        format!("{} {}", plain(step), self.style.faint(seconds))
    }

    fn started(&mut self, host: &str, step: &str) {
        let bar = self.live.as_ref().map(|live| {
            let bar = live.add(ProgressBar::new_spinner());
            if let Ok(template) = ProgressStyle::with_template("  {spinner} {prefix} {msg} {elapsed:.dim}") {
                bar.set_style(template);
            }
            bar.set_prefix(place(host));
            bar.set_message(plain(step));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let now = Instant::now();
        self.running.insert((host.to_owned(), step.to_owned()), Running { began: now, told: now, bar });
    }

    fn ended(&mut self, host: &str, step: &str) {
        if let Some(bar) = self.running.remove(&(host.to_owned(), step.to_owned())).and_then(|running| running.bar) {
            bar.finish_and_clear();
        }
    }

    fn print(&self, text: &str) {
        match &self.live {
            // A bar that is drawn must be lifted for the line.
            Some(live) => live.suspend(|| (self.print_line)(text)),
            None => (self.print_line)(text),
        }
    }

    /// Where the time went: the phases, and the longest steps.
    pub fn times(&self) -> String {
        let mut text = String::new();
        let ends = self.phases.iter().skip(1).map(|(_, began)| *began).chain([Instant::now()]);
        for ((name, began), end) in self.phases.iter().zip(ends) {
            let _ = writeln!(text, "  {:>7.1} s  {name}", end.duration_since(*began).as_secs_f64());
        }
        let mut longest: Vec<&(String, String, u64)> = self.times.iter().filter(|(.., ms)| *ms >= 1000).collect();
        longest.sort_by_key(|(.., ms)| std::cmp::Reverse(*ms));
        for (host, step, ms) in longest.iter().take(8) {
            let _ = writeln!(text, "  {:>5}.{} s    {} {}", ms / 1000, ms % 1000 / 100, place(host), plain(step));
        }
        text
    }
}

/// A host's name, or this machine.
fn place(host: &str) -> String {
    if host.is_empty() { "-".to_owned() } else { host.to_owned() }
}

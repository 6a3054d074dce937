//! Rules that need more than one value to judge. Each file is one subject; each rule points at all values it judged.
//!
//! Rules run although other values were refused, so that one run shows everything. A rule never judges a value that was
//! refused: the default that stands in for it would be blamed for what nobody wrote.

mod archive;
mod artifacts;
mod connections;
mod databases;
mod folders;
mod hba;
mod network;
mod nodes;
mod parameter_names;
mod parameter_table;
mod parameters;
mod ports;
mod secrets;
mod timings;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::access::{get, key_span};
use super::diagnostic::{Code, Diagnostic};
use super::schema::{Data, Value};
use super::tree::Span;
use crate::cluster::Cluster;

/// What rules look at, and where they put what they find.
pub(super) struct Context<'a> {
    /// The values as written, with their places.
    root: &'a Value,
    /// The same with defaults.
    cluster: &'a Cluster,
    /// Paths whose value was refused.
    refused: &'a BTreeSet<String>,
    /// How files of the operator's machine are looked at.
    look: Look,
    problems: Vec<Diagnostic>,
}

/// Reads a file that the inventory names, or says why it can't be read. Where nothing is read, it finds nothing wrong.
pub(super) type Look = fn(&Path) -> Result<Option<String>, String>;

/// Runs all rules.
pub(super) fn check(root: &Value, cluster: &Cluster, refused: &BTreeSet<String>, look: Look) -> Vec<Diagnostic> {
    let mut context = Context { root, cluster, refused, look, problems: Vec::new() };
    for rule in [
        nodes::check,
        network::check,
        ports::check,
        folders::check,
        timings::check,
        versions::check,
        parameters::check,
        archive::check,
        connections::check,
        hba::check,
        databases::check,
        secrets::check,
        artifacts::check,
    ] {
        rule(&mut context);
    }
    context.problems
}

impl Context<'_> {
    /// The value at a path such as `timings.ttl`, if it is written.
    fn value(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(self.root, |value, key| get(Some(value), key))
    }

    /// Whether none of these paths, nor anything below them, was refused.
    fn known(&self, paths: &[&str]) -> bool {
        !self.refused.iter().any(|refused| {
            paths.iter().any(|path| {
                // A group that was refused takes its keys along.
                refused == path
                    || refused.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']))
                    || path.strip_prefix(refused.as_str()).is_some_and(|rest| rest.starts_with('.'))
            })
        })
    }

    /// A finding about several keys, at the first that is written; the others are shown too.
    fn about(&self, code: Code, paths: &[&str], title: String) -> Diagnostic {
        let mut written = paths.iter().filter_map(|path| self.place(path));
        let mut problem = Diagnostic::new(code, written.next().unwrap_or(Span::START), title);
        for span in written {
            problem = problem.also(span, "");
        }
        problem
    }

    /// Where a path is written: the value, or the key of a group or list.
    fn place(&self, path: &str) -> Option<Span> {
        let value = self.value(path)?;
        let (group, key) =
            path.rsplit_once('.').map_or((Some(self.root), path), |(group, key)| (self.value(group), key));
        match value.data {
            Data::Section(_) | Data::List(_) | Data::Parameters(_) => key_span(group, key),
            Data::Bool(_) | Data::Integer(_) | Data::Text(_) => Some(value.span),
        }
    }

    fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    /// Reports every text that stands in the list a second time.
    fn twice(&mut self, items: &[(String, Span)], code: Code, title: impl Fn(&str) -> String, why: &str, help: &str) {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        for (text, span) in items {
            match seen.get(text.as_str()) {
                Some(first) => self.report(
                    Diagnostic::new(code, *span, title(text))
                        .label("again here")
                        .also(*first, "first here")
                        .why(why)
                        .help(help),
                ),
                None => {
                    seen.insert(text, *span);
                }
            }
        }
    }
}

/// The netmask of a prefix length up to 32.
pub(super) fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

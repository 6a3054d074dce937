//! The third question to a host, asked only where something differs: the live files themselves, and PostgreSQL's parameters.

use std::collections::BTreeMap;

use super::guc::Guc;
use super::sections;

/// What the third question tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Details {
    /// Live files, by path; those that are not there are not here.
    pub files: BTreeMap<String, String>,
    /// PostgreSQL's parameters, by name; empty where it does not answer.
    pub parameters: BTreeMap<String, Guc>,
}

/// The script with its shell functions.
pub fn script() -> String {
    format!("{}{}", sections::PRELUDE, include_str!("details.sh"))
}

impl Details {
    /// Reads an answer.
    pub fn parse(answer: &[u8]) -> Option<Self> {
        let sections = sections::parse(answer)?;
        let files = sections
            .iter()
            .filter(|(_, section)| section.code == 0)
            // The shell cuts the last newline off, which each of our files has.
            .filter_map(|(name, section)| Some((name.strip_prefix("file:")?.to_owned(), format!("{}\n", section.text))))
            .collect();
        let parameters = sections.get("settings").map_or("", |section| section.text.as_str());
        Some(Self { files, parameters: parameters.lines().filter_map(Guc::parse).collect() })
    }
}

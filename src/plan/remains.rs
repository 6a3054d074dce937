//! The question that `destroy` asks a host: what of ours is there? Reads only.

use std::collections::{BTreeMap, BTreeSet};

use super::sections;
use crate::component::{DesiredNode, keepalived};

/// A file that is, or may be, ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundFile {
    /// Its sum.
    pub sum: String,
    /// Whether it says that quorate manages it.
    pub managed: bool,
}

/// What systemd says of a unit, as far as it matters to its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundUnit {
    /// `LoadState`.
    pub load: String,
    /// `ActiveState`.
    pub active: String,
    /// `UnitFileState`.
    pub enabled: String,
    /// The file that it was read from.
    pub file: String,
}

/// What kind of data a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataKind {
    /// A tablespace's part of this database, outside its data folder.
    Tablespace,
    /// The write-ahead log, where it lies outside the data folder.
    Wal,
    /// A data folder that Patroni put aside.
    Failed,
    /// PostgreSQL's data folder.
    Postgresql,
    /// etcd's data folder.
    Etcd,
}

impl DataKind {
    /// All, in the order in which they can go: what only the data folder knows of goes before it.
    pub const ALL: [Self; 5] = [Self::Tablespace, Self::Wal, Self::Failed, Self::Postgresql, Self::Etcd];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tablespace => "tablespace",
            Self::Wal => "wal",
            Self::Failed => "failed",
            Self::Postgresql => "postgresql",
            Self::Etcd => "etcd",
        }
    }
}

/// Whether a folder holds what its kind holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataMark {
    /// It does.
    Known,
    /// It holds something else.
    Strange,
    /// It holds nothing.
    Empty,
}

/// A data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundData {
    /// What it is for.
    pub kind: DataKind,
    /// Whether that is in it.
    pub mark: DataMark,
    /// Whose it is.
    pub owner: String,
    /// Its size on disk, in bytes.
    pub bytes: u64,
    /// When something in it was last written, in seconds since 1970; 0 if nothing is in it.
    pub written: u64,
    /// Whether all of it was counted in time.
    pub whole: bool,
    /// Where it really is.
    pub real: String,
    /// How it is named: another path if that leads through a link.
    pub path: String,
}

/// All of ours that a host has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remains {
    /// The cluster that quorate put on this host, if it did.
    pub owner: Option<String>,
    /// What quorate made here and is still there: kind and name.
    pub made: BTreeSet<(String, String)>,
    /// What lies in quorate's own folder.
    pub memory: BTreeSet<String>,
    /// Files that may be ours.
    pub files: BTreeMap<String, FoundFile>,
    /// What runs that died left beside its place.
    pub leftovers: BTreeSet<String>,
    /// Sums of files that were applied, by path.
    pub applied: BTreeMap<String, BTreeSet<String>>,
    /// Units.
    pub units: BTreeMap<String, FoundUnit>,
    /// Links to programs of ours, and where they lead.
    pub links: BTreeMap<String, String>,
    /// Programs of ours.
    pub programs: BTreeSet<String>,
    /// Whether the folder of our programs is there.
    pub programs_folder: bool,
    /// Files that scripts and daemons of ours made.
    pub scripts: BTreeSet<String>,
    /// Folders that daemons of ours made, with nothing of others in them.
    pub alone: BTreeSet<String>,
    /// Data folders.
    pub data: Vec<FoundData>,
    /// Whether its database leads; `None` if there is none.
    pub leads: Option<bool>,
    /// Whether its database runs.
    pub serving: bool,
    /// What its files say of the cluster: `members`, `etcd`, `postgresql`, `name`.
    pub identity: BTreeMap<String, String>,
    /// Where file systems are mounted.
    pub mounts: BTreeSet<String>,
    /// Its addresses.
    pub addresses: String,
}

/// The script with its shell functions.
pub fn script() -> String {
    format!("{}{}", sections::PRELUDE, include_str!("remains.sh"))
}

/// The script's arguments: kind, value, kind, value …; `scripts` are files that scripts of ours write and sign, `traces` those that
/// daemons of ours write into folders of others.
pub fn args(node: &DesiredNode, data: &super::DataFolders, scripts: &[&str], traces: &[String]) -> Vec<String> {
    let mut args = Vec::new();
    let mut push = |kind: &str, value: &str| args.extend([kind.to_owned(), value.to_owned()]);
    node.files.iter().for_each(|file| push("file", &file.path));
    node.services.iter().for_each(|service| push("unit", &service.unit));
    node.masked.iter().for_each(|unit| push("unit", unit));
    for path in scripts {
        push("script", path);
    }
    for path in traces {
        push("trace", path);
    }
    push("alone", keepalived::PROTOCOLS);
    push("postgresql", &data.postgresql);
    push("etcd", &data.etcd);
    args
}

impl Remains {
    /// Reads an answer.
    pub fn parse(answer: &[u8]) -> Option<Self> {
        let sections = sections::parse(answer)?;
        let text = |name: &str| sections.get(name).map_or("", |section| section.text.as_str());
        let lines = |name: &str| text(name).lines().map(str::to_owned).collect::<BTreeSet<String>>();
        let pairs = |name: &str| text(name).lines().filter_map(|line| line.split_once(' ')).map(owned).collect();
        // Without these nobody knows what is there.
        sections.get("found")?;
        sections.get("mounts").filter(|section| section.code == 0)?;
        let mut applied: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (sum, path) in text("applied").lines().filter_map(|line| line.split_once("  ")) {
            applied.entry(path.to_owned()).or_default().insert(sum.to_owned());
        }
        let alone: Vec<(String, String)> =
            text("alone").lines().filter_map(|line| line.split_once(' ')).map(owned).collect();
        let of_alone = |kind: &'static str| {
            alone.iter().filter(move |(known, _)| known == kind).map(|(_, path)| path.clone()).collect::<Vec<_>>()
        };
        Some(Self {
            owner: Some(text("owner").trim().to_owned()).filter(|owner| !owner.is_empty()),
            made: text("made").lines().filter_map(|line| line.split_once(' ')).map(owned).collect(),
            memory: lines("memory"),
            files: text("found").lines().filter_map(file).collect(),
            leftovers: lines("leftovers"),
            applied,
            units: text("units").split("\n\n").filter_map(unit).collect(),
            links: text("links").lines().filter_map(|line| line.split_once(" -> ")).map(owned).collect(),
            programs: lines("programs"),
            programs_folder: !text("opt").is_empty(),
            scripts: lines("scripts").into_iter().chain(lines("traces")).chain(of_alone("file")).collect(),
            alone: of_alone("folder").into_iter().collect(),
            data: text("data").lines().map(data).collect::<Option<_>>()?,
            leads: match text("role").trim() {
                "leader" => Some(true),
                "replica" => Some(false),
                _ => None,
            },
            serving: text("serving").trim() == "yes",
            identity: pairs("identity"),
            mounts: text("mounts").lines().map(unescaped).collect(),
            addresses: text("addresses").to_owned(),
        })
    }
}

fn owned((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

/// `sum yes /path`.
fn file(line: &str) -> Option<(String, FoundFile)> {
    let mut words = line.splitn(3, ' ');
    let (sum, managed, path) = (words.next()?, words.next()?, words.next()?);
    Some((path.to_owned(), FoundFile { sum: sum.to_owned(), managed: managed == "yes" }))
}

fn unit(block: &str) -> Option<(String, FoundUnit)> {
    let values: BTreeMap<&str, &str> = block.lines().filter_map(|line| line.split_once('=')).collect();
    let value = |key: &str| values.get(key).copied().unwrap_or("").to_owned();
    let unit = FoundUnit {
        load: value("LoadState"),
        active: value("ActiveState"),
        enabled: value("UnitFileState"),
        file: value("FragmentPath"),
    };
    Some(((*values.get("Id")?).to_owned(), unit))
}

fn data(line: &str) -> Option<FoundData> {
    let mut words = line.splitn(8, '\t');
    let kind = words.next()?;
    Some(FoundData {
        kind: DataKind::ALL.into_iter().find(|known| known.as_str() == kind)?,
        mark: match words.next()? {
            "yes" => DataMark::Known,
            "empty" => DataMark::Empty,
            _ => DataMark::Strange,
        },
        owner: words.next()?.to_owned(),
        bytes: words.next()?.parse().ok()?,
        written: words.next()?.parse().ok()?,
        whole: words.next()? == "yes",
        real: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
    })
}

/// A path as `/proc/self/mounts` writes it: blanks, tabs, newlines and backslashes as octal numbers.
fn unescaped(path: &str) -> String {
    path.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_lines_are_read_whole_or_not_at_all() {
        let line = "postgresql\tyes\tpostgres\t4096\t1795386908\tno\t/mnt/a b\t/var/lib/x";
        let found = data(line).unwrap();
        assert_eq!(
            (found.bytes, found.whole, found.real.as_str(), found.mark),
            (4096, false, "/mnt/a b", DataMark::Known)
        );
        for cut in ["", "postgresql\tyes", "other\tyes\tpostgres\t1\t1\tyes\t/a\t/a"] {
            assert_eq!(data(cut), None, "{cut:?}");
        }
        assert_eq!(unescaped("/a\\040b\\134"), "/a b\\");
    }
}

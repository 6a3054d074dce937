//! Generations: what a host's files, the inventory and the shared settings were after each change that was settled.

use std::collections::BTreeMap;

use super::Command;

/// How many are kept on a host.
const KEPT: u32 = 5;

/// Parts, each behind a line with its name and its length in bytes.
const CURRENT: &str = r#"cd /var/lib/quorate/generations 2>/dev/null && number=$(readlink current) && cd "$number" || exit 0
printf 'number %s\n%s\n' "${#number}" "$number"
kept=$(cd .. && printf '%s\n' [0-9]* | sort -n | tr '\n' ' ')
printf 'kept %s\n%s\n' "${#kept}" "$kept"
for part in record.json inventory.yml dcs.json sums; do
    printf '%s %s\n' "$part" "$(wc -c <"$part")" && cat "$part" && echo || exit 1
done"#;

/// One generation, as a host has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Generation {
    /// Its number, from 1.
    pub number: u32,
    /// The numbers of all that the host still has, in order.
    pub kept: Vec<u32>,
    /// Whoever made it wrote this about it, in JSON.
    pub record: String,
    /// The inventory's text.
    pub inventory: String,
    /// The settings that the members share, in JSON.
    pub dcs: String,
    /// The SHA-256 sum of every file, by its path.
    pub sums: BTreeMap<String, String>,
}

/// Writes a generation from the live files at `paths` and makes it the current one, then drops all but the newest five. Either
/// all of it is there afterwards, or nothing is. The same number again replaces it.
pub fn write(
    number: u32,
    record: &str,
    inventory: &str,
    dcs: &str,
    paths: impl IntoIterator<Item = String>,
) -> Command {
    let sizes = [record, inventory, dcs].map(|text| text.len().to_string());
    Command::new(format!("keeping generation {number}"), include_str!("generation.sh"))
        .arg(number.to_string())
        .args(sizes)
        .arg(KEPT.to_string())
        .args(paths)
        .stdin([record, inventory, dcs].concat())
}

/// Asks for the current generation, in one answer: [`parse`] reads it.
pub fn current() -> Command {
    Command::new("reading the current generation", CURRENT)
}

/// Prints the inventory of one generation; fails if the host does not have it.
pub fn inventory(number: u32) -> Command {
    let script = r#"cat "/var/lib/quorate/generations/$1/inventory.yml""#;
    Command::new(format!("reading the inventory of generation {number}"), script).arg(number.to_string())
}

/// Reads the answer to [`current`]; `None` if there is no generation yet, or it can't be read.
pub fn parse(answer: &[u8]) -> Option<Generation> {
    let mut parts = BTreeMap::new();
    let mut rest = answer;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (name, length) = std::str::from_utf8(rest.get(..end)?).ok()?.split_once(' ')?;
        let body = rest.get(end + 1..)?;
        let length: usize = length.parse().ok()?;
        parts.insert(name, std::str::from_utf8(body.get(..length)?).ok()?);
        rest = body.get(length + 1..)?;
    }
    let part = |name: &str| parts.get(name).map(|text| (*text).to_owned());
    Some(Generation {
        number: parts.get("number")?.parse().ok()?,
        kept: parts.get("kept")?.split_whitespace().filter_map(|word| word.parse().ok()).collect(),
        record: part("record.json")?,
        inventory: part("inventory.yml")?,
        dcs: part("dcs.json")?,
        sums: sums(parts.get("sums")?),
    })
}

/// Lines of `sha256sum`.
fn sums(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(|line| line.split_once("  ")).map(|(sum, path)| (path.to_owned(), sum.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::real_shell::{Machine, shells};
    use super::*;
    use crate::cluster::sha256;

    const CONF: &str = "/etc/x/a b.conf";

    fn now(machine: &Machine) -> Option<Generation> {
        parse(&machine.run(&current()).stdout)
    }

    fn keep(machine: &Machine, number: u32) -> bool {
        let (record, inventory) = (format!("{{\"n\":{number}}}"), format!("名前: {number}\n\n"));
        machine.run(&write(number, &record, &inventory, "{}", [CONF.to_owned()])).success()
    }

    #[test]
    fn a_generation_comes_back_whole_and_only_the_newest_five_stay() {
        for shell in shells() {
            let machine = Machine::new(shell);
            assert_eq!(now(&machine), None);
            for number in 1..=11 {
                machine.write(CONF, &format!("content {number}"));
                assert!(keep(&machine, number));
                // Twice, as after a run that died before it could say that it was done.
                assert!(keep(&machine, number));
            }
            let found = now(&machine).unwrap();
            assert_eq!((found.number, found.kept.as_slice()), (11, [7, 8, 9, 10, 11].as_slice()));
            assert_eq!((found.record.as_str(), found.inventory.as_str()), ("{\"n\":11}", "名前: 11\n\n"));
            let sums: Vec<_> = found.sums.iter().collect();
            let conf = machine.path(CONF).to_str().unwrap().to_owned();
            assert_eq!((found.dcs.as_str(), sums), ("{}", vec![(&conf, &sha256(b"content 11"))]));
            assert_eq!(machine.run(&inventory(8)).text(), "名前: 8\n\n");
            assert!(!machine.run(&inventory(6)).success());
        }
    }

    #[test]
    fn one_that_fails_leaves_the_former_as_it_was() {
        let machine = Machine::new("/bin/sh");
        machine.write(CONF, "content");
        assert!(keep(&machine, 1));
        let before = now(&machine);
        std::fs::remove_file(machine.path(CONF)).unwrap();
        assert!(!keep(&machine, 2), "a file that is not there");
        machine.write(CONF, "content");
        let cut = write(2, "{}", "a: 1\n", "{}", [CONF.to_owned()]).stdin("{}a: 1");
        assert!(!machine.run(&cut).success(), "cut off on the way");
        assert_eq!(now(&machine), before);
    }

    #[test]
    fn a_cut_answer_is_none() {
        let machine = Machine::new("/bin/sh");
        machine.write(CONF, "content");
        assert!(keep(&machine, 1));
        let answer = machine.run(&current()).stdout;
        assert!(parse(&answer).is_some());
        for length in 0..answer.len() {
            assert_eq!(parse(&answer[..length]), None, "cut at {length}");
        }
    }
}

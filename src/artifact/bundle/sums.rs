//! The list of sums: everything from `create` on is trusted by it, and it by its own sum or signature.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::entry::plain;

/// What an entry is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Its sha256, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The list as it stands in the bundle: by name, in the form of `sha256sum`.
pub(super) fn text<'a>(sums: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let mut text = String::new();
    for (name, sum) in sums {
        let _ = writeln!(text, "{sum}  {name}");
    }
    text
}

/// Reads a list; only the form that [`text`] gives is one.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn parse(bytes: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let given = std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
    let mut sums = BTreeMap::new();
    for (number, line) in given.lines().enumerate() {
        let digits = |sum: &str| sum.len() == 64 && sum.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let read = line.split_once("  ").filter(|(sum, name)| digits(sum) && plain(name));
        let (sum, name) = read.ok_or_else(|| format!("line {} is no sum of an entry", number + 1))?;
        sums.insert(name.to_owned(), sum.to_owned());
    }
    if text(&sums) == given { Ok(sums) } else { Err("it is not in the order in which quorate writes it".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_one_form() {
        let one = "0".repeat(64);
        let good = format!("{one}  a\n{one}  b/c\n");
        assert_eq!(parse(good.as_bytes()).unwrap().len(), 2);
        for bad in [
            format!("{one}  b\n{one}  a\n"),
            format!("{one}  a\n{one}  a\n"),
            format!("{one}  a"),
            format!("{one}  ../a\n"),
            format!("{one} *a\n"),
            format!("{}  a\n", "A".repeat(64)),
            "a\n".to_owned(),
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse(&[0xff]).is_err());
    }
}

//! Versions of components, compared number by number.

use std::fmt;

/// Why a text is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a version; write up to three numbers, such as 3.5.16")]
pub struct InvalidVersion(pub String);

/// A version of one to three numbers; what is not written counts as 0 when compared and is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    numbers: [u16; 3],
    shown: u8,
}

impl Version {
    /// A version of three numbers.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { numbers: [major, minor, patch], shown: 3 }
    }

    /// Reads `17`, `3.5` or `3.5.16`.
    ///
    /// # Errors
    /// [`InvalidVersion`] for anything else, pre-releases included: Patroni reads etcd's version as three integers.
    pub fn parse(text: &str) -> Result<Self, InvalidVersion> {
        let invalid = || InvalidVersion(text.to_owned());
        let mut numbers = [0; 3];
        let mut shown = 0;
        for part in text.split('.') {
            let slot = numbers.get_mut(usize::from(shown)).ok_or_else(invalid)?;
            if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(invalid());
            }
            *slot = part.parse().map_err(|_| invalid())?;
            shown += 1;
        }
        Ok(Self { numbers, shown })
    }

    /// The first number.
    pub const fn major(self) -> u16 {
        self.numbers[0]
    }

    /// The second number.
    pub const fn minor(self) -> u16 {
        self.numbers[1]
    }

    /// Whether this is `major.minor` or later.
    pub const fn at_least(self, major: u16, minor: u16) -> bool {
        self.numbers[0] > major || (self.numbers[0] == major && self.numbers[1] >= minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, number) in self.numbers.iter().take(usize::from(self.shown)).enumerate() {
            if index > 0 {
                formatter.write_str(".")?;
            }
            write!(formatter, "{number}")?;
        }
        Ok(())
    }
}

impl serde::Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number_and_print_as_written() {
        let parse = |text| Version::parse(text).map_err(|error| error.to_string());
        assert!(parse("3.10.0") > parse("3.9.12"));
        assert_eq!(parse("17").map(|version| version.to_string()), Ok("17".to_owned()));
        assert_eq!(parse("3.5.16").map(|version| version.to_string()), Ok("3.5.16".to_owned()));
        for bad in ["", "v3.5", "3.6.0-rc.1", "3..5", "1.2.3.4", "70000", " 3"] {
            assert!(parse(bad).is_err(), "{bad:?} was accepted");
        }
    }
}

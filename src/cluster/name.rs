//! Names that are safe wherever they are written: a file name, a unit, a YAML key, a shell word, a DCS key.

use std::fmt;

/// Why a text is no such name; fit to follow "… is not a valid name: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(pub String);

/// Declares a newtype over `String` that only its checked constructor can make.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks the text.
            ///
            /// # Errors
            /// [`InvalidName`] says which character or length is not allowed.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                let check: fn(&str) -> Result<(), InvalidName> = $check;
                check(text).map(|()| Self(text.to_owned()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

name!(
    /// A node's name: it becomes the etcd member, the Patroni member and the HAProxy server (a DNS label in lower case).
    NodeName,
    |text| {
        checked(text, 63, "a lower-case letter or digit", |c| c.is_ascii_lowercase() || c.is_ascii_digit(), |c| c == '-')?;
        if text.ends_with('-') {
            return Err(InvalidName("it must not end with '-'".to_owned()));
        }
        Ok(())
    }
);

name!(
    /// The cluster's name: Patroni's scope and etcd's cluster token.
    ClusterName,
    |text| checked(text, 63, "a lower-case letter or digit", |c| c.is_ascii_lowercase() || c.is_ascii_digit(), |c| {
        c == '-' || c == '_'
    })
);

name!(
    /// A PostgreSQL identifier that needs no quoting: a role, a database, a parameter.
    Identifier,
    |text| {
        checked(text, 63, "a lower-case letter or '_'", |c| c.is_ascii_lowercase() || c == '_', |c| c.is_ascii_digit() || c == '$')
    }
);

name!(
    /// A network interface as the kernel names it (at most 15 bytes).
    Interface,
    |text| checked(text, 15, "a letter or digit", |c| c.is_ascii_alphanumeric(), |c| matches!(c, '-' | '_' | '.' | '@'))
);

name!(
    /// The DCS prefix under which Patroni keeps its keys, without slashes at the ends.
    Namespace,
    |text| checked(text, 63, "a letter or digit", |c| c.is_ascii_alphanumeric(), |c| matches!(c, '-' | '_'))
);

impl Identifier {
    /// Checks the name of a parameter: an identifier, or one of an extension with a dot (`pg_stat_statements.max`).
    ///
    /// # Errors
    /// [`InvalidName`] says which character or length is not allowed.
    pub fn parameter(text: &str) -> Result<Self, InvalidName> {
        let parts = match text.split_once('.') {
            Some((extension, name)) => [Some(extension), Some(name)],
            None => [Some(text), None],
        };
        for part in parts.into_iter().flatten() {
            Self::new(part)?;
        }
        Ok(Self(text.to_owned()))
    }
}

/// Holds `text` against the alphabet: `first` for every character, `more` allowed after the first one too.
fn checked(
    text: &str,
    max: usize,
    what: &str,
    first: fn(char) -> bool,
    more: fn(char) -> bool,
) -> Result<(), InvalidName> {
    let mut chars = text.chars();
    match chars.next() {
        None => return Err(InvalidName("it is empty".to_owned())),
        Some(c) if !first(c) => return Err(InvalidName(format!("it must begin with {what}, not with {c:?}"))),
        Some(_) => {}
    }
    if let Some(bad) = chars.find(|&c| !first(c) && !more(c)) {
        return Err(InvalidName(format!("the character {bad:?} is not allowed in it")));
    }
    if text.len() > max {
        return Err(InvalidName(format!("it has {} characters, at most {max} are allowed", text.len())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refuse_what_a_shell_or_a_path_would_misread() {
        for bad in ["", "-oProxyCommand=id", "../etc", "a b", "a\n", "a;b", "$(id)", "Ａ", "a\u{3000}", "DB01", "a-"] {
            assert!(NodeName::new(bad).is_err(), "{bad:?} was accepted");
        }
        for good in ["db01", "pg-1", "a", "1"] {
            assert!(NodeName::new(good).is_ok(), "{good:?} was refused");
        }
    }

    #[test]
    fn parameters_of_extensions_have_one_dot() {
        for good in ["work_mem", "pg_stat_statements.max"] {
            assert!(Identifier::parameter(good).is_ok(), "{good:?} was refused");
        }
        for bad in ["", ".", "a.", ".a", "a.b.c", "Work_mem", "a b", "a'"] {
            assert!(Identifier::parameter(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(Identifier::new("a.b").is_err());
    }

    #[test]
    fn interfaces_are_as_long_as_the_kernel_allows() {
        assert!(Interface::new("ens192").is_ok());
        assert!(Interface::new("eth0.100").is_ok());
        assert!(Interface::new("sixteen-bytes-xx").is_err());
        assert!(Interface::new("ens192\u{3000}").is_err());
    }
}

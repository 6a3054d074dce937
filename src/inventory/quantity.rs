//! Numbers with units: sizes (1024 each, as PostgreSQL counts), durations, and whole numbers.

/// Why a text is no number of its kind.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The reason.
    pub(super) reason: String,
    /// What to write, if it is known better than in general.
    pub(super) help: String,
}

const SIZES: [(&str, i64); 5] = [("B", 1), ("kB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30), ("TB", 1 << 40)];
const DURATIONS: [(&str, i64); 4] = [("s", 1), ("min", 60), ("h", 3600), ("d", 86_400)];

/// A size in bytes.
pub(super) fn bytes(text: &str) -> Result<i64, Wrong> {
    let (number, unit) = split(text)?;
    let lower = unit.to_ascii_lowercase().replace("ib", "b");
    let factor = SIZES.iter().find(|(name, _)| name.to_ascii_lowercase() == lower).map(|(_, factor)| *factor);
    scaled(text, number, unit, factor, "sizes end in kB, MB, GB or TB")
}

/// A duration in seconds.
pub(super) fn seconds(text: &str) -> Result<i64, Wrong> {
    let (number, unit) = split(text)?;
    if unit == "ms" {
        let help = "write whole seconds".to_owned();
        return Err(Wrong { reason: "milliseconds are too fine for it".to_owned(), help });
    }
    if unit == "m" {
        let help = format!("write {number}min");
        return Err(Wrong { reason: "`m` could be minutes or months".to_owned(), help });
    }
    let factor = DURATIONS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    scaled(text, number, unit, factor, "durations end in s, min, h or d")
}

/// A whole number, written without quotes.
pub(super) fn integer(text: &str, plain: bool) -> Result<i64, Wrong> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let wrong = |reason: &str| Err(Wrong { reason: reason.to_owned(), help: String::new() });
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return wrong("it holds more than digits");
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return wrong("it begins with 0, which some readers of YAML take for octal");
    }
    if !plain {
        return wrong("it stands in quotes");
    }
    text.parse().or_else(|_| wrong("it has too many digits"))
}

fn split(text: &str) -> Result<(i64, &str), Wrong> {
    let wrong = |reason: &str| Wrong { reason: reason.to_owned(), help: String::new() };
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end).ok_or_else(|| wrong("it does not begin with digits"))?;
    if digits.is_empty() {
        return Err(wrong("it does not begin with digits"));
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return Err(wrong("it begins with 0"));
    }
    let number = digits.parse().map_err(|_| wrong("it has too many digits"))?;
    Ok((number, unit.strip_prefix(' ').unwrap_or(unit)))
}

fn scaled(text: &str, number: i64, unit: &str, factor: Option<i64>, units: &str) -> Result<i64, Wrong> {
    let factor = if text.bytes().all(|byte| byte.is_ascii_digit()) { Some(1) } else { factor };
    let Some(factor) = factor else {
        let reason = if unit.starts_with('.') {
            "fractions are not allowed".to_owned()
        } else {
            format!("the unit `{}` is not known", super::tree::show(unit))
        };
        return Err(Wrong { reason, help: units.to_owned() });
    };
    number
        .checked_mul(factor)
        .ok_or_else(|| Wrong { reason: "it is larger than any number here".to_owned(), help: String::new() })
}

/// Seconds with the largest unit that divides them.
pub(super) fn show_seconds(seconds: i64) -> String {
    show(seconds, &DURATIONS)
}

/// Bytes with the largest unit that divides them.
pub(super) fn show_bytes(bytes: i64) -> String {
    show(bytes, &SIZES)
}

fn show(number: i64, units: &[(&str, i64)]) -> String {
    units
        .iter()
        .rev()
        .find(|(_, factor)| number != 0 && number % factor == 0)
        .map_or_else(|| number.to_string(), |(name, factor)| format!("{}{name}", number / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_read_and_shown_in_their_units() {
        for (text, number) in [("16MB", 16 << 20), ("2GB", 2 << 30), ("2 GiB", 2 << 30), ("512kb", 512 << 10), ("7", 7)]
        {
            assert_eq!(bytes(text), Ok(number), "{text}");
        }
        for (text, number) in [("30s", 30), ("15min", 900), ("8h", 28_800), ("1d", 86_400), ("45", 45)] {
            assert_eq!(seconds(text), Ok(number), "{text}");
        }
        for bad in ["", "MB", "1.5GB", "9999999999999GB", "99999999999999999999", "-1", "1 0", "０", "010"] {
            assert!(bytes(bad).is_err() && seconds(bad).is_err(), "{bad:?} was accepted");
        }
        assert_eq!(seconds("5m").map_err(|wrong| wrong.help), Err("write 5min".to_owned()));
        assert_eq!(
            (show_seconds(28_800), show_bytes(2 << 30), show_seconds(90)),
            ("8h".into(), "2GB".into(), "90s".into())
        );
    }

    #[test]
    fn integers_are_plain_digits() {
        assert_eq!(integer("5432", true), Ok(5432));
        assert_eq!(integer("-1", true), Ok(-1));
        for bad in ["0755", "1_000", "0x1f", "1e3", "", "-", "99999999999999999999"] {
            assert!(integer(bad, true).is_err(), "{bad:?} was accepted");
        }
        assert!(integer("5432", false).is_err());
    }
}

//! Memory sizes as PostgreSQL writes them.

use crate::cluster::ParameterValue;

/// A memory parameter in bytes: a bare number counts blocks of 8 KiB.
pub(super) fn bytes(value: &ParameterValue) -> Option<u64> {
    match value {
        ParameterValue::Integer(blocks) => u64::try_from(*blocks).ok()?.checked_mul(8192),
        ParameterValue::Text(text) => {
            let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            let (number, unit) = text.split_at(digits);
            let factor = match unit.trim() {
                "" => 8192,
                "kB" => 1 << 10,
                "MB" => 1 << 20,
                "GB" => 1 << 30,
                "TB" => 1 << 40,
                _ => return None,
            };
            number.parse::<u64>().ok()?.checked_mul(factor)
        }
        ParameterValue::Bool(_) | ParameterValue::Float(_) => None,
    }
}

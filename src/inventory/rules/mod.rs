//! Rules that need more than one value to judge. Each file is one subject; each rule points at all values it judged.

/// The netmask of a prefix length up to 32.
pub(super) fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

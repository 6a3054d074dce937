//! Bundles: one file with everything that a cluster's installation would otherwise fetch, for sites without a way to the registries.
//!
//! A bundle is a tar archive that holds `manifest.json`, then `SHA256SUMS` over all other entries, then perhaps a signature of that
//! list, then the entries in the list's order. Every byte of it follows from the entries: a reader accepts exactly what a
//! [`BundleWriter`] writes, and nothing that an archive could hold besides.

mod entry;
mod manifest;
mod read;
mod sign;
mod sums;
#[cfg(test)]
mod tests;
mod write;

pub use manifest::{BundledProgram, Manifest};
pub use read::{Bundle, looks_like_one};
pub use sums::Sum;
pub use write::{BundleWriter, Written};

/// The entry that says what the bundle is for.
const MANIFEST: &str = "manifest.json";
/// The entry that lists the sums of all others, in the form of `sha256sum`.
const SUMS: &str = "SHA256SUMS";
/// The entry with the list's signature.
const SIGNATURE: &str = "SHA256SUMS.sig";
/// The folder of built programs.
const PROGRAMS: &str = "programs/";
/// The folder of packages and their index.
const PACKAGES: &str = "packages/";

/// Where a program of that key stands in a bundle.
pub fn program_entry(key: &str) -> String {
    format!("{PROGRAMS}{}.tar.gz", key.replace('/', "_"))
}

/// Where a file of the packages' repository stands in a bundle.
pub fn package_entry(file: &str) -> String {
    format!("{PACKAGES}{file}")
}

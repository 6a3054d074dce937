//! Pinned downloads, and programs built once per operating system and kept.
//!
//! [`Catalogue`] knows what may be downloaded, and its sum. [`Recipe`] says how one [`crate::component::Program`] is made from
//! it. [`Store`] is the operator's cache of both downloads and results; nothing unverified ever stands in it.

mod agent;
mod archive;
#[cfg(test)]
mod archive_tests;
pub mod bundle;
mod catalogue;
mod download;
#[cfg(test)]
mod download_tests;
mod error;
#[cfg(test)]
pub(crate) mod hostile;
mod looks;
mod recipe;
#[cfg(test)]
pub(crate) mod server;
mod store;

pub use agent::no_proxy;
pub use archive::{MARK, judge};
pub use bundle::Bundle;
pub use catalogue::{Catalogue, Input};
pub use download::{Downloader, fetch};
pub use error::ArtifactError;
pub use recipe::{Recipe, system};
pub use store::Store;

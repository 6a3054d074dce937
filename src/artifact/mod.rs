//! Pinned downloads, and programs built once per operating system and kept.
//!
//! [`Catalogue`] knows what may be downloaded, and its sum. [`Recipe`] says how one [`crate::component::Program`] is made from
//! it. [`Store`] is the operator's cache of both downloads and results; nothing unverified ever stands in it.

mod catalogue;
mod download;
mod error;
mod recipe;
mod store;

pub use catalogue::{Catalogue, Input};
pub use download::fetch;
pub use error::ArtifactError;
pub use recipe::Recipe;
pub use store::Store;

//! The inventory room from outside: the corpus of valid and broken inventories, the generated files, hostile text,
//! secrets.
//!
//! `UPDATE=1 cargo test --test inventory` rewrites what is recorded: read the diff before you commit it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "inventory/corpus.rs"]
mod corpus;
#[path = "inventory/generated.rs"]
mod generated;
#[path = "inventory/hostile.rs"]
mod hostile;
#[path = "inventory/secrets.rs"]
mod secrets;

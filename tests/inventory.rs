//! The inventory room from outside: the corpus of valid and broken inventories, the generated files, hostile text.
//!
//! `UPDATE=1 cargo test --test inventory` rewrites what is recorded: read the diff before you commit it.

#[path = "inventory"]
mod inventory_tests {
    mod corpus;
}

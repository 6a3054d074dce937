//! The inventory room from outside: the corpus of valid and broken inventories, the generated files, hostile text.

use std::path::Path;

use quorate::inventory;

#[test]
fn minimal_parses() {
    for name in ["minimal", "full"] {
        let path = format!("tests/inventories/valid/{name}.yml");
        inventory::load(Path::new(&path)).unwrap_or_else(|error| panic!("{error}"));
    }
}

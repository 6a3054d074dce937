//! The one table of an inventory's keys: it drives reading, unknown keys, the JSON Schema and docs/inventory.md.

mod artifacts;
mod components;
mod fields;
mod json;
mod kind;
mod reference;
mod shape;
mod words;

pub(super) use fields::INVENTORY;
pub use json::json_schema;
pub(super) use kind::{Field, Kind};
pub use reference::reference;
pub(super) use shape::{Data, Shaper, Value, closest};
pub(super) use words::Word;

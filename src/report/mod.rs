//! Events, findings and errors → people (terminal), logs (plain lines) and machines (JSON lines).
//!
//! stdout is the data asked for; stderr is progress and diagnostics. No escape byte leaves unless the stream is a terminal.

mod findings;
mod json;
mod progress;
mod style;

pub use findings::table;
pub use json::JsonLines;
pub use progress::Progress;
pub use style::{ColorChoice, Style, plain};

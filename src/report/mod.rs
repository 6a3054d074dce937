//! Events, findings and errors → people (terminal), logs (plain lines) and machines (JSON lines).
//!
//! stdout is the data asked for; stderr is progress and diagnostics. No escape byte leaves unless the stream is a terminal.

mod diff;
mod findings;
mod history;
mod json;
mod plan;
mod progress;
mod removal;
mod style;

pub use diff::{SETTINGS, diff, painted, stat, text_diff, unified};
pub use findings::table;
pub use history::history;
pub use json::JsonLines;
pub use plan::plan;
pub use progress::Progress;
pub use removal::removal;
pub use style::{ColorChoice, Style, plain};

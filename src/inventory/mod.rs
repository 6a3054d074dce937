//! The inventory: YAML text to a [`Cluster`], or everything that is wrong with it at once.
//!
//! ```text
//! text ─▶ tree (values with places) ─▶ shape (held against the one table of keys) ─▶ build (Cluster) ─▶ rules ─▶ Cluster
//!            └───────────────────────────────┴──────── findings ────────────────────────────────┴─────▶ Diagnostics
//! ```
//!
//! Pure but for [`loader`], the one file that reads files, variables and commands. The only room that knows the
//! inventory's YAML.

mod access;
mod build;
mod code;
mod diagnostic;
mod hba;
mod loader;
mod parameter;
mod quantity;
mod render;
mod rules;
mod schema;
mod secret_words;
mod secrets_file;
mod starter;
mod text;
mod tree;

use std::path::Path;

pub use code::Code;
pub use diagnostic::{Diagnostics, Finding};
pub use loader::{SecretError, load, load_text, read_secrets, read_text};
pub use schema::{json_schema, reference};
pub use secrets_file::new_secrets_file;
pub use starter::starter;

use crate::cluster::Cluster;
use schema::{INVENTORY, Kind, Shaper};

/// Reads an inventory's text. `file` is where it stands: for messages, and because relative paths start at its folder.
///
/// # Errors
/// [`Diagnostics`] holds everything that is wrong with it, in the order of its lines.
pub fn parse(text: &str, file: &Path) -> Result<Cluster, Diagnostics> {
    parse_at(text, file, file, |_| Ok(None))
}

/// Like [`parse`], with the name to show apart from the path to start relative paths at, and a way to look at files that it
/// names.
fn parse_at(text: &str, shown: &Path, file: &Path, look: rules::Look) -> Result<Cluster, Diagnostics> {
    let mut problems = Vec::new();
    text::check(text, &mut problems);
    if text.len() > text::LONGEST {
        return Err(Diagnostics::new(shown, "", problems));
    }
    let mut shaper = Shaper { problems, ..Shaper::default() };
    let root =
        tree::read(text, &mut shaper.problems).and_then(|tree| shaper.value(&tree, &Kind::Section(INVENTORY), ""));
    let cluster = root.as_ref().and_then(|root| build::cluster(root, file));
    let Shaper { mut problems, refused } = shaper;
    if let (Some(root), Some(cluster)) = (&root, &cluster) {
        problems.extend(rules::check(root, cluster, &refused, look));
    }
    match cluster {
        Some(cluster) if problems.is_empty() => Ok(cluster),
        _ => Err(Diagnostics::new(shown, text, problems)),
    }
}

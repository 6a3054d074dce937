//! The operator's side of a run: the inventory and all that comes with it, read once.

use std::collections::BTreeSet;
use std::path::Path;

use quorate::apply::{Operator, Setting};
use quorate::artifact::{Bundle, Catalogue, Store};
use quorate::cluster::{Cluster, Secrets};
use quorate::component::Templates;
use quorate::inventory;

use super::context::Context;
use super::failure::Failure;

/// All that a run works with.
pub(crate) struct Side {
    pub(crate) cluster: Cluster,
    pub(crate) secrets: Secrets,
    pub(crate) operator: Operator,
    /// The bundle that packages and programs come from, if one was named.
    pub(crate) bundle: Option<Bundle>,
    templates: Templates,
    catalogue: Catalogue,
    store: Store,
    ignored: BTreeSet<String>,
}

impl Side {
    /// Reads the inventory and its secrets for a verb.
    pub(crate) fn read(context: &Context, command: &str, ignored: BTreeSet<String>) -> Result<Self, Failure> {
        let text = inventory::read_text(&context.inventory)?;
        Self::of(context, &text, &context.inventory, command, ignored)
    }

    /// The same for another text in the inventory's place; `shown` is what messages call it.
    pub(crate) fn of(
        context: &Context,
        text: &str,
        shown: &Path,
        command: &str,
        ignored: BTreeSet<String>,
    ) -> Result<Self, Failure> {
        let cluster = inventory::load_text(text, shown, &context.inventory)?;
        Ok(Self {
            secrets: Context::secrets(&cluster)?,
            templates: context.templates()?,
            catalogue: Context::catalogue(&cluster)?,
            store: Context::store()?,
            operator: Context::operator(command, text),
            cluster,
            ignored,
            bundle: None,
        })
    }

    /// Own versions that are used instead of the catalogue's: said with every plan.
    pub(crate) fn replaced(&self) -> Vec<String> {
        let note = |pin: &String| format!("note: the inventory's own {pin} is used instead of the catalogue's");
        self.catalogue.replaced().iter().map(note).collect()
    }

    /// As a run takes it.
    pub(crate) fn setting(&self) -> Setting<'_> {
        Setting {
            cluster: &self.cluster,
            secrets: &self.secrets,
            templates: &self.templates,
            catalogue: &self.catalogue,
            store: &self.store,
            operator: &self.operator,
            ignored: &self.ignored,
            bundle: self.bundle.as_ref(),
        }
    }
}

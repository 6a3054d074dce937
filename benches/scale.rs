//! What looking at 3, 10, 30 and 100 targets costs: connect, both questions to each, close, as `plan` does it.
//!
//! ```text
//! scale INVENTORY PORT TARGETS…
//! ```
//!
//! An inventory holds three or five nodes, so the targets are made from its nodes: target N is sshd number N, at port PORT + N,
//! of the node N modulo their number. `benches/scale.sh` starts those. Prints one line per run: targets and milliseconds.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use quorate::apply::{Events, Operator, Setting, observe};
use quorate::artifact::{Catalogue, Store};
use quorate::cluster::{Cluster, Node, NodeName};
use quorate::component::Templates;
use quorate::host::Fleet;
use quorate::inventory;

fn main() -> Result<()> {
    // Cargo's own word behind ours says only that this is a benchmark.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let [inventory, port, targets @ ..] = &arguments[..] else {
        println!("usage: scale INVENTORY PORT TARGETS…; see benches/scale.sh");
        return Ok(());
    };
    let base = inventory::load(Path::new(inventory)).map_err(|error| anyhow!("{error}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for targets in targets {
        let cluster = Cluster { nodes: nodes(&base.nodes, port.parse()?, targets.parse()?)?, ..base.clone() };
        let began = Instant::now();
        runtime.block_on(look(&cluster))?;
        println!("{targets} {}", began.elapsed().as_millis());
    }
    Ok(())
}

/// So many targets, spread over the nodes.
fn nodes(base: &[Node], port: u16, targets: u16) -> Result<Vec<Node>> {
    let target = |(number, node): (u16, &Node)| {
        let mut node = Node { name: NodeName::new(&format!("t{number:03}"))?, ..node.clone() };
        // Through the lab's own configuration, by the name it knows the host by.
        node.ssh.port = Some(port + number);
        Ok(node)
    };
    (0..targets).zip(base.iter().cycle()).map(target).collect()
}

async fn look(cluster: &Cluster) -> Result<()> {
    let secrets = inventory::read_secrets(cluster).context("the secrets")?;
    let (templates, catalogue) = (Templates::embedded()?, Catalogue::embedded()?);
    let store = Store::new(std::env::temp_dir());
    let (operator, ignored) = (Operator::default(), BTreeSet::new());
    let setting = Setting {
        cluster,
        secrets: &secrets,
        templates: &templates,
        catalogue: &catalogue,
        store: &store,
        operator: &operator,
        ignored: &ignored,
        bundle: None,
    };
    let (events, _reader) = Events::channel();
    let (fleet, failures) = Fleet::connect(cluster).await?;
    ensure!(failures.is_empty(), "{failures:?}");
    let observation = observe(&setting, &fleet, &events, false).await?;
    fleet.close().await;
    ensure!(observation.nodes.len() == cluster.nodes.len(), "not all targets answered");
    Ok(())
}

//! `quorate rollback`: the inventory of an earlier generation, applied as a new one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;

use quorate::apply::ApplyError;
use quorate::cluster::{Cluster, NodeName};
use quorate::host::{Fleet, HostError, Output, generations};
use quorate::report::{painted, text_diff};

use super::apply::Approval;
use super::context::Context;
use super::failure::Failure;
use super::side::Side;

/// Options of `rollback`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rollback {
    /// The generation to go back to; without it, the one before the current one
    #[arg(value_name = "GENERATION", value_parser = clap::value_parser!(u32).range(1..))]
    generation: Option<u32>,
    #[command(flatten)]
    approval: Approval,
    #[command(flatten)]
    source: super::bundle::Source,
}

const EXAMPLES: &str =
    "The hosts keep the inventories of the last five generations (`quorate history`). Passwords are not in
them and stay as they are now. Roles and databases that were made since are not dropped. The
inventory file is not touched.

Examples:
  quorate rollback      the generation before the current one
  quorate rollback 6    another one that is kept";

/// An earlier generation, as all hosts have it.
struct Former {
    number: u32,
    inventory: String,
}

/// Goes back, and says in what the inventory file differs from that.
pub(crate) fn run(context: &Context, verb: &Rollback) -> Result<ExitCode, Failure> {
    let file = quorate::inventory::read_text(&context.inventory)?;
    let cluster = context.cluster()?;
    let former = Context::block_on(async {
        let fleet = Context::fleet(&cluster).await?;
        let former = former(context, &fleet, verb.generation).await;
        fleet.close().await;
        former
    })?;
    let (number, command) = (former.number, format!("rollback {}", former.number));
    let shown = format!("the inventory of generation {number}");
    let mut side = Side::of(context, &former.inventory, Path::new(&shown), &command, verb.approval.ignored())?;
    side.bundle = verb.source.open(context)?;
    same_nodes(&cluster, &side.cluster, number)?;
    let secrets = side.cluster.secrets_file.display();
    Context::note(&format!("back to generation {number}, as a new one; passwords stay as they are now ({secrets})"));
    let again = context.command(&command);
    let code = super::apply::drive(context, &side, &verb.approval, None).map_err(|mut failure| {
        for hint in &mut failure.hints {
            *hint = hint.replace("`quorate apply`", &format!("`{again}`"));
        }
        failure
    })?;
    if file != former.inventory {
        let name = context.inventory.display().to_string();
        let text =
            format!("{name} says something else than what runs now: the next `quorate apply` would bring that back");
        Context::note(&format!("{} {text}", context.err.warning("note:")));
        for line in text_diff(&file, &former.inventory, &name, &format!("generation {number}, which runs now")).lines()
        {
            Context::note(&painted(line, context.err));
        }
    }
    Ok(code)
}

/// Reads an earlier generation from all hosts, which must agree on it.
async fn former(context: &Context, fleet: &Fleet, wanted: Option<u32>) -> Result<Former, Failure> {
    let answers = whole(fleet.ask_all(|_| generations::current()).await)?;
    let all: Vec<generations::Generation> =
        answers.values().filter_map(|output| generations::parse(&output.stdout)).collect();
    let kept = if all.len() == answers.len() { super::history::kept(all.iter()) } else { Vec::new() };
    let Some(current) = all.iter().map(|generation| generation.number).max() else {
        return Err(refused("no host has a generation yet: no run of this cluster has ended well", context));
    };
    let number = match wanted.or_else(|| kept.iter().rev().find(|number| **number < current).copied()) {
        Some(number) if kept.contains(&number) => number,
        Some(number) => {
            let kept: Vec<String> = kept.iter().map(u32::to_string).collect();
            let text = format!(
                "generation {number} is not kept on all hosts; {} is current, and kept are {}",
                current,
                kept.join(", ")
            );
            return Err(Failure::usage(text, format!("`{}` lists them", context.command("history"))));
        }
        None => {
            return Err(refused(
                &format!("generation {current} is current, and the hosts keep none before it"),
                context,
            ));
        }
    };
    let texts = whole(fleet.ask_all(|_| generations::inventory(number)).await)?;
    let texts: BTreeMap<&NodeName, String> = texts.iter().map(|(name, output)| (name, output.text())).collect();
    let different: BTreeSet<&String> = texts.values().collect();
    match different.first() {
        Some(inventory) if different.len() == 1 => Ok(Former { number, inventory: (*inventory).clone() }),
        _ => Err(refused(&format!("the hosts have different inventories of generation {number}"), context)),
    }
}

fn whole(answers: BTreeMap<NodeName, Result<Output, HostError>>) -> Result<BTreeMap<NodeName, Output>, Failure> {
    let (mut good, mut bad) = (BTreeMap::new(), Vec::new());
    for (name, answer) in answers {
        match answer {
            Ok(output) => drop(good.insert(name, output)),
            Err(error) => bad.push(error),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(ApplyError::Hosts(bad).into()) }
}

/// Nodes do not come and go by a rollback.
fn same_nodes(now: &Cluster, then: &Cluster, number: u32) -> Result<(), Failure> {
    let names =
        |cluster: &Cluster| cluster.nodes.iter().map(|node| (node.name.clone(), node.address)).collect::<BTreeSet<_>>();
    if names(now) == names(then) && now.name == then.name {
        return Ok(());
    }
    let text = format!("generation {number} has other nodes, or another cluster's name, than the inventory");
    let hint = "name the inventory of that cluster with `-i FILE`; nodes are not added or removed by a rollback";
    Err(Failure { code: 5, ..Failure::usage(text, hint) })
}

fn refused(text: &str, context: &Context) -> Failure {
    let hint = format!(
        "`{}` shows what there is; an inventory from your version control, applied, does the same",
        context.command("history")
    );
    Failure { code: 5, ..Failure::usage(format!("{text}; nothing was changed"), hint) }
}

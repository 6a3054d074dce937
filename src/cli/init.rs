//! `quorate init`.

use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use quorate::cluster::{ClusterName, NodeName, SecretName};
use quorate::inventory;

use super::context::Context;
use super::failure::Failure;

/// Options of `init`.
#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// The cluster's name
    #[arg(long, default_value = "pg", value_parser = ClusterName::new)]
    name: ClusterName,
    /// The virtual address that clients will connect to
    #[arg(long, value_name = "ADDRESS")]
    vip: Ipv4Addr,
    /// The nodes: three or five of them
    #[arg(required = true, value_name = "NAME=ADDRESS", value_parser = node)]
    nodes: Vec<(NodeName, Ipv4Addr)>,
}

fn node(text: &str) -> Result<(NodeName, Ipv4Addr), String> {
    let (name, address) = text.split_once('=').ok_or("write NAME=ADDRESS, such as db01=192.168.13.45")?;
    let name = NodeName::new(name).map_err(|error| format!("{name:?} is no valid name: {error}"))?;
    let address = address.parse().map_err(|_| format!("{address:?} is no IPv4 address"))?;
    Ok((name, address))
}

/// The text of a new secrets file.
pub(crate) fn secrets() -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    Ok(inventory::new_secrets_file(&SecretName::BUILT_IN)?)
}

/// Writes the starter inventory, its secrets and a `.gitignore` line; never over anything.
pub(crate) fn run(context: &Context, verb: &Init) -> Result<ExitCode, Failure> {
    let text = inventory::starter(&verb.name, &verb.nodes, verb.vip);
    // What the starter says must be an inventory: a wrong VIP or an even number of nodes is told now, not at apply.
    inventory::parse(&text, &context.inventory)?;
    let secrets_path = context.inventory.with_extension("secrets.yml");
    let secrets_text = secrets().map_err(|error| Failure::bug(error.to_string()))?;
    for path in [&context.inventory, &secrets_path] {
        if path.exists() {
            return Err(Failure::usage(
                format!("{} exists already; init writes over nothing", path.display()),
                "choose another file with -i, or move that one away",
            ));
        }
    }
    create(&secrets_path, &secrets_text, 0o600)?;
    create(&context.inventory, &text, 0o644)?;
    ignore(&secrets_path)?;
    let (shown, secrets) = (context.inventory.display(), secrets_path.display());
    Context::note(&format!("wrote {shown} and {secrets} (0600, ignored by git: keep a copy in a safe place)"));
    Context::note(&format!("next: quorate check -i {shown}"));
    Ok(ExitCode::SUCCESS)
}

fn create(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(format!("{}: {error}", path.display()), "init needs a folder that can be written")
    };
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)
}

/// Sees to it that git does not take the secrets file.
fn ignore(secrets: &Path) -> Result<(), Failure> {
    let Some(name) = secrets.file_name().map(|name| name.to_string_lossy().into_owned()) else { return Ok(()) };
    let path: PathBuf = secrets.with_file_name(".gitignore");
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    if known.lines().any(|line| line.trim() == name || line.trim() == "*.secrets.yml") {
        return Ok(());
    }
    let text = format!("{known}{}{name}\n", if known.is_empty() || known.ends_with('\n') { "" } else { "\n" });
    std::fs::write(&path, text).map_err(Failure::from)
}

//! `quorate render`.

use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use quorate::component::{self, Inputs};

use super::context::Context;
use super::failure::Failure;

/// Options of `render`.
#[derive(Debug, clap::Args)]
pub(crate) struct Render {
    /// The folder to write to: DIR/<node>/<path on the host>
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Write the secrets themselves instead of `(secret)`; the files are then readable by you alone
    #[arg(long)]
    with_secrets: bool,
}

/// Writes every file of every node.
pub(crate) fn run(context: &Context, verb: &Render) -> Result<ExitCode, Failure> {
    let cluster = context.cluster()?;
    let secrets = Context::secrets(&cluster)?;
    let templates = context.templates()?;
    let assumed = component::assumed_facts(&cluster);
    let inputs = Inputs { cluster: &cluster, facts: &assumed.facts, secrets: &secrets };
    let desired = component::desired(&inputs, &templates).map_err(quorate::apply::ApplyError::from)?;
    let mut count = 0;
    for (name, node) in &desired.nodes {
        for file in &node.files {
            let path = verb.output.join(name.as_str()).join(file.path.trim_start_matches('/'));
            let text = if verb.with_secrets { file.content.expose().to_owned() } else { file.content.masked(&secrets) };
            write(&path, &text, verb.with_secrets)?;
            count += 1;
        }
    }
    let dcs = serde_json::to_string_pretty(&desired.dcs).map_err(|error| Failure::bug(error.to_string()))?;
    write(&verb.output.join("dcs.json"), &format!("{dcs}\n"), false)?;
    for note in &assumed.assumptions {
        Context::note(&format!("{} {note}", context.err.warning("assumed:")));
    }
    Context::note(&format!("{} files of {} nodes in {}", count, desired.nodes.len(), verb.output.display()));
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str, private: bool) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(format!("{}: {error}", path.display()), "-o takes a folder that can be written")
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mode = if private { 0o600 } else { 0o644 };
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(path).map_err(failed)?;
    file.set_permissions(std::fs::Permissions::from_mode(mode)).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)
}

//! `quorate bundle`, and the options of the verbs that install from one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use quorate::apply::{self, ApplyError, BundleOrder, Events};
use quorate::artifact;
use quorate::artifact::bundle::{Manifest, Written};
use quorate::cluster::{Cluster, Node, NodeName, Ssh};
use quorate::report::Progress;

use super::context::Context;
use super::failure::Failure;
use super::side::Side;

/// One file with all that an installation would fetch
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Bundle {
    /// Make a bundle of all that the inventory's nodes need, on a host of their system that reaches the registries
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Create),
    /// Read every byte of a bundle and show what it holds
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(Verify),
}

/// Options of `bundle create`.
#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The host to make it on, as for ssh ([USER@]HOST[:PORT]), or a node's name; without it, the first node that answers
    #[arg(long, value_name = "DESTINATION")]
    on: Option<String>,
    /// Sign the list of sums with this ssh key (a private key, or a public one whose private key the agent has)
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
}

/// Options of `bundle verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// The bundle
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    signer: Signer,
}

/// Who has to have signed a bundle.
#[derive(Debug, clap::Args)]
pub(crate) struct Signer {
    /// Demand a signature by a key that this file allows (ssh-keygen(1), ALLOWED SIGNERS)
    #[arg(long, value_name = "FILE", requires = "signer")]
    allowed_signers: Option<PathBuf>,
    /// The name that the key must be allowed for
    #[arg(long, value_name = "NAME", requires = "allowed_signers")]
    signer: Option<String>,
}

/// Where a run takes packages and programs from.
#[derive(Debug, clap::Args)]
pub(crate) struct Source {
    /// Take packages and programs from this bundle alone: nothing asks a registry, here or on a host
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    #[command(flatten)]
    signer: Signer,
}

const CREATE_EXAMPLES: &str = "Examples:
  quorate bundle create -o pg.bundle                  on the first node that answers
  quorate bundle create -o pg.bundle --on root@vm13   on another host of the same system
  quorate bundle create -o pg.bundle --sign ~/.ssh/id_ed25519";

const VERIFY_EXAMPLES: &str = "Examples:
  quorate bundle verify pg.bundle
  quorate bundle verify pg.bundle --allowed-signers signers --signer ops@example.org";

/// The node that a host outside of the inventory is, for the time of the making.
const STAGING: &str = "staging";

/// Makes or reads a bundle.
pub(crate) fn run(context: &Context, verb: &Bundle) -> Result<ExitCode, Failure> {
    match verb {
        Bundle::Create(verb) => create(context, verb),
        Bundle::Verify(verb) => {
            let bundle = open(&verb.file, &verb.signer)?;
            let written = Written { id: bundle.id.clone(), bytes: bundle.bytes };
            let files = bundle.packages().count();
            show(context, "bundle verify", bundle.path(), &bundle.manifest, &written, Some((files, bundle.is_signed())))
        }
    }
}

impl Source {
    /// Opens the bundle that was named, if one was, having read all of it.
    pub(crate) fn open(&self, context: &Context) -> Result<Option<artifact::Bundle>, Failure> {
        let Some(file) = &self.bundle else {
            return match self.signer.allowed_signers {
                None => Ok(None),
                Some(_) => Err(Failure::usage("a signer is of a bundle", "name it: --bundle FILE")),
            };
        };
        let bundle = open(file, &self.signer)?;
        if !context.json {
            Context::note(&format!("bundle {}: {} ({})", file.display(), bundle.id, size(bundle.bytes)));
        }
        Ok(Some(bundle))
    }
}

fn open(file: &Path, signer: &Signer) -> Result<artifact::Bundle, Failure> {
    let bundle = artifact::Bundle::open(file).map_err(ApplyError::from)?;
    if let (Some(allowed), Some(name)) = (&signer.allowed_signers, &signer.signer) {
        bundle.signed_by(allowed, name).map_err(ApplyError::from)?;
    }
    Ok(bundle)
}

fn create(context: &Context, verb: &Create) -> Result<ExitCode, Failure> {
    writable(&verb.output)?;
    let side = Side::read(context, "bundle create", BTreeSet::new())?;
    let staging = verb.on.as_deref().map(|on| staging(&side.cluster, on)).transpose()?;
    if context.json {
        drop(context.json_lines("bundle create")?);
    }
    let mut progress = Progress::new(context.err, context.live, Context::note);
    let (events, received) = Events::channel();
    let work = async {
        let made = make(&side, staging, &events, verb).await;
        drop(events);
        made
    };
    let (manifest, written) = Context::block_on(async {
        let (made, ()) = tokio::join!(work, super::apply::show(context, "bundle create", received, &mut progress));
        made.map_err(|failure| failure.redacted(&side.secrets))
    })?;
    show(context, "bundle create", &verb.output, &manifest, &written, None)
}

/// Connects to the host that the bundle is made on, and makes it.
async fn make(
    side: &Side,
    staging: Option<Node>,
    events: &Events,
    verb: &Create,
) -> Result<(Manifest, Written), Failure> {
    let hosts = match staging {
        Some(node) => Cluster { nodes: vec![node], ..side.cluster.clone() },
        None => side.cluster.clone(),
    };
    let (fleet, failures) = Context::reachable(&hosts).await?;
    let first = hosts.nodes.iter().map(|node| &node.name).find(|name| fleet.host(name).is_some());
    let Some(first) = first else {
        fleet.close().await;
        return Err(ApplyError::Hosts(failures.into_values().collect()).into());
    };
    let order = BundleOrder { place: &verb.output, key: verb.sign.as_deref() };
    let made = apply::create_bundle(&side.setting(), &fleet, first, events, order).await;
    fleet.close().await;
    Ok(made?)
}

/// The host of `--on`: a node, or one that is reached as the nodes are.
fn staging(cluster: &Cluster, on: &str) -> Result<Node, Failure> {
    if let Some(node) = cluster.nodes.iter().find(|node| node.name.as_str() == on) {
        return Ok(node.clone());
    }
    let wrong = || Failure::usage(format!("--on {on:?} is no destination"), "ssh's form: [USER@]HOST[:PORT]");
    let (user, rest) = on.split_once('@').map_or((None, on), |(user, rest)| (Some(user.to_owned()), rest));
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port.parse().map_err(|_| wrong())?)),
        _ => (rest, None),
    };
    let word = |text: &str| {
        !text.is_empty()
            && !text.starts_with('-')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-:[]".contains(&byte))
    };
    if !word(host) || !user.as_deref().is_none_or(word) {
        return Err(wrong());
    }
    let like = cluster.nodes.first().ok_or_else(wrong)?;
    let name = NodeName::new(STAGING).map_err(|error| Failure::bug(error.to_string()))?;
    let ssh = Ssh { host: host.to_owned(), port, user, key: None, config: like.ssh.config.clone(), host_key: None };
    Ok(Node { name, ssh, ..like.clone() })
}

/// A bundle may be written over, anything else not: an inventory is easily named by mistake.
fn writable(file: &Path) -> Result<(), Failure> {
    let wrong = |problem: String, hint: &str| Err(Failure::usage(format!("{} {problem}", file.display()), hint));
    match artifact::bundle::looks_like_one(file) {
        Ok(true) => Ok(()),
        Ok(false) => wrong("exists and is no bundle".to_owned(), "-o writes over a bundle alone; name another file"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && super::plan::folder(file).is_dir() => Ok(()),
        Err(error) => wrong(format!("can't be written: {error}"), "-o takes a file in a folder that is there"),
    }
}

/// Shows a bundle; of one that was read, how many files its packages are and whether it is signed.
fn show(
    context: &Context,
    command: &str,
    file: &Path,
    manifest: &Manifest,
    written: &Written,
    read: Option<(usize, bool)>,
) -> Result<ExitCode, Failure> {
    if context.json {
        let mut record = serde_json::json!({
            "exit": 0, "file": file.display().to_string(), "id": written.id, "bytes": written.bytes, "manifest": manifest,
        });
        if let (Some((files, signed)), Some(record)) = (read, record.as_object_mut()) {
            record.insert("package_files".to_owned(), files.into());
            record.insert("signed".to_owned(), signed.into());
        }
        context.json_lines(command)?.record("result", &record)?;
        return Ok(ExitCode::SUCCESS);
    }
    let programs: Vec<String> =
        manifest.programs.iter().map(|program| format!("{} {}", program.component, program.version)).collect();
    let Manifest { os, arch, made_on, cluster, inventory_sha256, created, quorate, packages, .. } = manifest;
    let mut lines = vec![
        ("bundle", format!("{} ({})", file.display(), size(written.bytes))),
        ("id", written.id.clone()),
        ("for", format!("{os} on {arch}; made on {made_on}, {created}, by quorate {quorate}")),
        ("cluster", format!("{cluster}, inventory {}", inventory_sha256.get(..12).unwrap_or_default())),
        ("programs", if programs.is_empty() { "none".to_owned() } else { programs.join(", ") }),
        ("packages", packages.join(", ")),
    ];
    if let Some((files, signed)) = read {
        lines.push(("files", format!("{files} of packages, with all they depend on; every byte was read")));
        lines.push(("signed", if signed { "yes" } else { "no" }.to_owned()));
    }
    for (name, text) in lines {
        Context::print(&format!("{name:<9} {}\n", quorate::report::plain(&text)));
    }
    Ok(ExitCode::SUCCESS)
}

fn size(bytes: u64) -> String {
    format!("{} MB", bytes.div_ceil(1_000_000))
}

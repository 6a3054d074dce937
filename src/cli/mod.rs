//! The command line: definitions, settings, one file per verb. The only room that reads the environment and prints.

mod apply;
mod bundle;
mod check;
mod context;
mod destroy;
mod diff;
mod explain;
mod failure;
mod generate;
mod history;
mod init;
mod lab;
mod observe;
mod plan;
mod render;
mod rollback;
mod side;
mod unlock;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use context::Context;
use failure::Failure;
use quorate::report::ColorChoice;

/// One inventory file to a running, proven, highly available PostgreSQL cluster
#[derive(Debug, Parser)]
#[command(name = "quorate", version, max_term_width = 100, after_help = EXAMPLES, arg_required_else_help = false)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

const EXAMPLES: &str = "Examples:
  quorate init --name pg --vip 192.168.13.48 db01=192.168.13.45 db02=192.168.13.46 db03=192.168.13.47
  quorate check      may this cluster be installed on these hosts?
  quorate plan       what would apply do, and what would clients notice?
  quorate apply      install it, or bring it to what the inventory says
  quorate verify     prove quorum, roles, routes and a write through the VIP

Exit codes: `quorate explain exit-codes`";

/// The inventory's file, if none is named.
const INVENTORY: &str = "quorate.yml";

/// Options that every verb knows.
#[derive(Debug, clap::Args)]
struct Global {
    /// The inventory file
    #[arg(short, long, global = true, env = "QUORATE_INVENTORY", default_value = INVENTORY, value_name = "FILE")]
    inventory: PathBuf,
    /// A folder of templates that replace the built-in ones of the same name
    #[arg(long, global = true, value_name = "DIR")]
    templates: Option<PathBuf>,
    /// When to colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    color: Color,
    /// Print JSON lines on standard output
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

impl From<Color> for ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a starter inventory and its secrets
    Init(init::Init),
    /// Print the inventory's JSON Schema, for editors
    Schema,
    /// Write every file of every node into a folder, without asking any host
    Render(render::Render),
    /// Ask all hosts whether the cluster may be installed there; changes nothing
    Check(check::Check),
    /// Show what differs between the hosts and the inventory, line by line; changes nothing
    Diff(diff::Diff),
    /// Show what apply would do, in order, and what clients would notice; changes nothing
    Plan(plan::Plan),
    /// Install the cluster, or bring it to what the inventory says
    #[command(visible_aliases = ["install", "deploy"])]
    Apply(apply::Apply),
    /// Gather all that an installation fetches into one file, for hosts without a way to the registries
    #[command(subcommand)]
    Bundle(bundle::Bundle),
    /// Prove quorum, roles, timelines, routes, the VIP's holder and a write through it
    Verify(verify::Verify),
    /// Show which runs changed the cluster: who, when, what, and how it ended
    History(history::History),
    /// Go back to the inventory of an earlier generation, as a new one, through the same plan and gates
    Rollback(rollback::Rollback),
    /// Take the cluster away from its hosts, data too: needs its name typed
    Destroy(destroy::Destroy),
    /// Free the lock that a run left behind
    Unlock(unlock::Unlock),
    /// Explain an error code, or the exit codes
    Explain(explain::Explain),
    /// Print shell completions
    Completions(generate::Completions),
    /// Write manual pages into a folder
    Man(generate::Man),
    /// Boot real hosts on this machine, to try quorate on (needs root)
    #[command(subcommand)]
    Lab(lab::LabCommand),
}

/// Runs the command line; the process's exit code.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers; everything else is a usage error.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let context = Context::new(cli.global);
    let result = match cli.command {
        Command::Init(verb) => init::run(&context, &verb),
        Command::Schema => generate::schema(),
        Command::Render(verb) => render::run(&context, &verb),
        Command::Check(verb) => check::run(&context, &verb),
        Command::Diff(verb) => diff::run(&context, &verb),
        Command::Plan(verb) => plan::run(&context, &verb),
        Command::Apply(verb) => apply::run(&context, &verb),
        Command::Bundle(verb) => bundle::run(&context, &verb),
        Command::Verify(verb) => verify::run(&context, &verb),
        Command::History(verb) => history::run(&context, &verb),
        Command::Rollback(verb) => rollback::run(&context, &verb),
        Command::Destroy(verb) => destroy::run(&context, &verb),
        Command::Unlock(verb) => unlock::run(&context, &verb),
        Command::Explain(verb) => explain::run(&verb),
        Command::Completions(verb) => Ok(generate::completions(&verb)),
        Command::Man(verb) => generate::man(&verb),
        Command::Lab(verb) => lab::run(verb, "inventory.secrets.yml", &init::secrets).map_err(Failure::from),
    };
    match result {
        Ok(code) => code,
        Err(failure) => context.fail(&failure),
    }
}

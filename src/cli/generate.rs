//! What is made from the program itself: schema, completions, manual pages.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory as _;

use super::context::Context;
use super::failure::Failure;

/// Options of `completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

/// Options of `man`.
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The folder to write to
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

/// Prints the inventory's JSON Schema.
pub(crate) fn schema() -> Result<ExitCode, Failure> {
    let text = serde_json::to_string_pretty(&quorate::inventory::json_schema())
        .map_err(|error| Failure::bug(error.to_string()))?;
    Context::print(&format!("{text}\n"));
    Ok(ExitCode::SUCCESS)
}

/// Prints shell completions.
pub(crate) fn completions(verb: &Completions) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(verb.shell, &mut super::Cli::command(), "quorate", &mut text);
    Context::print(&String::from_utf8_lossy(&text));
    ExitCode::SUCCESS
}

/// Writes a manual page per verb.
pub(crate) fn man(verb: &Man) -> Result<ExitCode, Failure> {
    std::fs::create_dir_all(&verb.output)
        .and_then(|()| clap_mangen::generate_to(super::Cli::command(), &verb.output))
        .map_err(|error| {
            Failure::usage(format!("{}: {error}", verb.output.display()), "-o takes a folder that can be written")
        })?;
    Ok(ExitCode::SUCCESS)
}

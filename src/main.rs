//! The command `quorate`: parse, run, exit code. (Lab only, for this clone's own trials.)
use std::io::Write;
use std::process::ExitCode;
#[path = "cli/lab.rs"]
mod lab;
use clap::Parser;
#[derive(Parser)]
enum Cli {
    #[command(subcommand)]
    Lab(lab::LabCommand),
}
fn main() -> ExitCode {
    let Cli::Lab(command) = Cli::parse();
    lab::run(command, "secrets.yml", &|| Ok("# stub\n".to_owned())).unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitCode::from(1)
    })
}

//! `quorate explain`.

use std::process::ExitCode;

use quorate::inventory::Code;

use super::context::Context;
use super::failure::Failure;

/// Options of `explain`.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// An error code such as Q0101, or `exit-codes`
    code: String,
}

const EXIT_CODES: &str = include_str!("../../docs/exit-codes.md");

/// Explains a code.
pub(crate) fn run(verb: &Explain) -> Result<ExitCode, Failure> {
    if verb.code == "exit-codes" {
        Context::print(EXIT_CODES);
        return Ok(ExitCode::SUCCESS);
    }
    let known = Code::parse(&verb.code).and_then(Code::explain);
    let Some((title, text)) = known else {
        return Err(Failure::usage(
            format!("{:?} is no error code", verb.code),
            "codes look like Q0101; `quorate explain exit-codes` explains exit codes; findings such as `patroni.timeline` stand in docs/verify.md and docs/check.md",
        ));
    };
    Context::print(&format!("{}: {title}\n\n{text}\n", verb.code.to_uppercase()));
    Ok(ExitCode::SUCCESS)
}

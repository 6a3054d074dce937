//! Running this machine's own programs: argv only, output captured, a failure that says what it was for.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::Error;

/// How many lines of a failed program's output an error carries.
const TAIL_LINES: usize = 12;

/// A command with a fixed locale and nothing on its standard input.
pub(super) fn command<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C.UTF-8").env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    command
}

/// Runs a program to its end; its standard output if it succeeded.
pub(super) fn run<S: AsRef<OsStr>>(what: &str, program: &str, arguments: &[S]) -> Result<String, Error> {
    let mut command = command(program, arguments);
    let output = command.output();
    finish(what, &command, output)
}

/// Whether a program ran and succeeded: for questions, where "no" is an answer and no failure.
pub(super) fn succeeds<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> bool {
    command(program, arguments).output().is_ok_and(|output| output.status.success())
}

/// Runs a program with a text on its standard input.
pub(super) fn feed<S: AsRef<OsStr>>(what: &str, program: &str, arguments: &[S], text: &str) -> Result<String, Error> {
    let mut command = command(program, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = command.spawn().and_then(|mut child| {
        if let Some(mut stdin) = child.stdin.take() {
            // A program that ends early is told by its exit status, not by the broken pipe.
            let _ = stdin.write_all(text.as_bytes());
        }
        child.wait_with_output()
    });
    finish(what, &command, output)
}

/// The last lines of a text.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// Turns what became of a program into its output or an error.
pub(super) fn finish(what: &str, command: &Command, output: std::io::Result<Output>) -> Result<String, Error> {
    let failure = |status: String, output: &str| Error::Program {
        what: what.to_owned(),
        command: shown(command),
        status,
        output: last_lines(output),
    };
    match output {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => {
            let both = [output.stdout, output.stderr].concat();
            Err(failure(output.status.to_string(), &String::from_utf8_lossy(&both)))
        }
        Err(error) => Err(failure(error.to_string(), "")),
    }
}

/// A command line for people to read.
fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_command_status_and_last_lines() {
        let error = run("asking sh", "sh", &["-c", "seq 1 100; echo why >&2; exit 3"]).unwrap_err().to_string();
        assert!(error.contains("asking sh: `sh -c"), "{error}");
        assert!(error.contains("exit status: 3"), "{error}");
        assert!(error.contains("  why"), "{error}");
        assert!(!error.contains("\n  80\n"), "{error}");
    }

    #[test]
    fn text_reaches_standard_input() {
        assert_eq!(feed("echoing", "cat", &[] as &[&str], "text").unwrap(), "text");
    }
}

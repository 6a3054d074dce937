//! The one file of this room that touches the machine: the inventory's text, and the secrets it refers to.

use std::ffi::OsString;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::diagnostic::{Code, Diagnostic, Diagnostics};
use super::secrets_file::{self, Lookup};
use super::text::LONGEST;
use super::tree::Span;
use crate::cluster::{Cluster, Secret, SecretName, SecretSource, Secrets};

/// Reads an inventory from a file.
///
/// # Errors
/// [`Diagnostics`]: that the file can't be read, or all that is wrong with it.
pub fn load(path: &Path) -> Result<Cluster, Diagnostics> {
    load_text(&read_text(path)?, path, path)
}

/// Reads an inventory's text as if it stood in the file at `path`; `shown` is what messages call it.
///
/// # Errors
/// [`Diagnostics`]: all that is wrong with it.
pub fn load_text(text: &str, shown: &Path, path: &Path) -> Result<Cluster, Diagnostics> {
    // Paths in the inventory start at its folder, whatever the current folder is later.
    let file = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    super::parse_at(text, shown, &file, look)
}

/// The text of a file that the inventory names; certificates and requirements are far below a megabyte.
fn look(path: &Path) -> Result<Option<String>, String> {
    let bytes = read_at_most(path, LONGEST as u64).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map(Some).map_err(|_| "it is no text".to_owned())
}

/// Reads an inventory's text from a file.
///
/// # Errors
/// [`Diagnostics`]: that it can't be read, or is no text.
pub fn read_text(path: &Path) -> Result<String, Diagnostics> {
    let unreadable = |code, title: String, help: &str| {
        Diagnostics::unreadable(path, Diagnostic::new(code, Span::START, title).help(help))
    };
    let bytes = read_at_most(path, LONGEST as u64 + 1).map_err(|error| {
        let title = format!("the inventory can't be read: {error}");
        unreadable(Code::UNREADABLE, title, "name another file with `-i FILE`, or write a starter with `quorate init`")
    })?;
    if bytes.len() > LONGEST {
        let title = format!("the inventory has more than {LONGEST} bytes");
        return Err(unreadable(Code::TOO_BIG, title, "is this the right file?"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(valid).filter(|&&byte| byte == b'\n').count() + 1;
        let title = format!("the inventory is not UTF-8: byte {} (line {line}) is the first that is not", valid + 1);
        unreadable(Code::NOT_UTF8, title, "convert it, for example with `iconv -f SHIFT_JIS -t UTF-8`")
    })
}

/// Reads a file, but no more than `most` bytes of it: what is no regular file may have no end.
fn read_at_most(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Why a secret could not be read. No variant holds a secret's value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// A file can't be read.
    #[error("{} can't be read: {}: {source}\n  = help: {help}", subject(key), file.display())]
    File {
        /// The secret's key.
        key: String,
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
        /// What to do.
        help: &'static str,
    },
    /// Others may read a file that holds secrets.
    #[error("{} holds secrets and may be read by others (mode {mode:04o})\n  = help: `chmod 600 {}`; if others may have read it, make new secrets", file.display(), file.display())]
    Permissions {
        /// The file.
        file: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The secrets file is not a flat list of `key: "value"`.
    #[error("{}:{line}: {problem}\n  = help: write one secret in a line: `superuser: \"…\"`", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// The line.
        line: usize,
        /// What is wrong with it, without its text.
        problem: String,
    },
    /// The secrets file lacks secrets.
    #[error("{} has no {}\n  = help: add them, each as `KEY: \"…\"`, or name another source under `secrets:` in the inventory", file.display(), keys.join(", "))]
    Missing {
        /// The file.
        file: PathBuf,
        /// The keys that it lacks.
        keys: Vec<String>,
    },
    /// An environment variable is not set.
    #[error(
        "the secret `{key}` is read from the file that ${variable} names, and ${variable} is not set\n  = help: export {variable}=PATH"
    )]
    Variable {
        /// The secret's key.
        key: String,
        /// The variable.
        variable: String,
    },
    /// A command did not end well.
    #[error(
        "the command for the secret `{key}` failed: {program}: {problem}\n  = help: run it by hand and see what it says"
    )]
    Command {
        /// The secret's key.
        key: String,
        /// The program, without its arguments.
        program: String,
        /// How it ended.
        problem: String,
    },
    /// A value is not fit to be a secret.
    #[error(
        "the secret `{key}` from {origin} {problem}\n  = help: use 8 to 256 printable ASCII characters without blanks; `quorate init` makes 43 random ones"
    )]
    Unfit {
        /// The secret's key.
        key: String,
        /// Where it was read from.
        origin: String,
        /// Why it is not fit, without its text.
        problem: &'static str,
    },
}

/// Reads every secret that the cluster needs, from where the inventory says.
///
/// # Errors
/// [`SecretError`] says which secret, where, and what to do; it never holds a value.
pub fn read_secrets(cluster: &Cluster) -> Result<Secrets, SecretError> {
    let mut secrets = Secrets::default();
    let mut from_file = Vec::new();
    for (name, source) in secrets_file::sources(cluster) {
        let key = name.key();
        let (value, origin) = match source {
            SecretSource::SecretsFile => {
                from_file.push(name);
                continue;
            }
            SecretSource::File(path) => (read_file(&key, path, 0o007)?, path.display().to_string()),
            SecretSource::EnvFile(variable) => (read_variable(&key, variable)?, format!("the file of ${variable}")),
            SecretSource::Command(words) => (run(&key, words)?, "its command".to_owned()),
        };
        secrets.insert(name, fit(&key, &origin, value)?);
    }
    if from_file.is_empty() {
        return Ok(secrets);
    }
    let file = &cluster.secrets_file;
    let text = read_file("secrets", file, 0o077)?;
    let lookup =
        Lookup::parse(&text).map_err(|(line, problem)| SecretError::Format { file: file.clone(), line, problem })?;
    let missing: Vec<String> = from_file.iter().map(SecretName::key).filter(|key| lookup.get(key).is_none()).collect();
    if !missing.is_empty() {
        return Err(SecretError::Missing { file: file.clone(), keys: missing });
    }
    for name in from_file {
        let key = name.key();
        let value = lookup.get(&key).unwrap_or_default().to_owned();
        secrets.insert(name, fit(&key, &file.display().to_string(), value)?);
    }
    Ok(secrets)
}

/// What a file of secrets holds, in a sentence: one secret, or (key `secrets`) those of the secrets file.
fn subject(key: &str) -> String {
    if key == "secrets" { "the secrets file".to_owned() } else { format!("the secret `{key}`") }
}

/// Reads a file of secrets, unless somebody else may read it too (`others`: the mode bits that must not be set).
fn read_file(key: &str, path: &Path, others: u32) -> Result<String, SecretError> {
    let help = if key == "secrets" {
        "`quorate init` writes both; for an inventory of your own, make another pair (`-i new.yml`) and take its secrets file; `secrets: {file: PATH}` names one elsewhere"
    } else {
        "the path is relative to the inventory's folder; the file must hold UTF-8 text and nothing but the secret"
    };
    let wrong = |source| SecretError::File { key: key.to_owned(), file: path.to_owned(), source, help };
    let metadata = fs::metadata(path).map_err(wrong)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_file() && mode & others != 0 {
        return Err(SecretError::Permissions { file: path.to_owned(), mode });
    }
    let bytes = read_at_most(path, LONGEST as u64).map_err(wrong)?;
    String::from_utf8(bytes).map_err(|_| wrong(std::io::Error::from(std::io::ErrorKind::InvalidData)))
}

fn read_variable(key: &str, variable: &str) -> Result<String, SecretError> {
    let path: OsString = std::env::var_os(variable)
        .ok_or_else(|| SecretError::Variable { key: key.to_owned(), variable: variable.to_owned() })?;
    read_file(key, Path::new(&path), 0o007)
}

/// Runs a command without a shell and takes what it prints. Its own messages go to the terminal, not into ours.
fn run(key: &str, words: &[String]) -> Result<String, SecretError> {
    let (program, arguments) = words.split_first().map_or(("", words), |(program, rest)| (program.as_str(), rest));
    let failed = |problem: String| SecretError::Command { key: key.to_owned(), program: program.to_owned(), problem };
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("it printed something that is not UTF-8".to_owned()))
}

/// Takes a value over, without the one line break at its end that editors and commands leave there.
fn fit(key: &str, origin: &str, mut value: String) -> Result<Secret, SecretError> {
    if value.ends_with('\n') {
        value.pop();
        if value.ends_with('\r') {
            value.pop();
        }
    }
    match secrets_file::unfit(&value) {
        None => Ok(Secret::new(value)),
        Some(problem) => Err(SecretError::Unfit { key: key.to_owned(), origin: origin.to_owned(), problem }),
    }
}

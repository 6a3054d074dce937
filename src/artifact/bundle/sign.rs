//! The signature of a bundle's list of sums, by the user's own ssh key and ssh-keygen.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::artifact::ArtifactError;

/// What such a signature is for: one that was made for anything else does not count.
const NAMESPACE: &str = "quorate-bundle";

/// Signs a list.
pub(super) fn sign(list: &str, key: &Path) -> Result<String, ArtifactError> {
    let mut command = Command::new("ssh-keygen");
    // What it asks (a passphrase) and says goes to the terminal.
    command.args(["-q", "-Y", "sign", "-n", NAMESPACE, "-f"]).arg(key).stderr(Stdio::inherit());
    let failed = |reason: String| ArtifactError::Signature { file: key.to_owned(), reason };
    let (success, signature) = fed(&mut command, list.as_bytes()).map_err(|error| failed(ssh_keygen(&error)))?;
    if success && signature.starts_with("-----BEGIN SSH SIGNATURE-----") {
        Ok(signature)
    } else {
        Err(failed("ssh-keygen did not sign with it".to_owned()))
    }
}

/// Checks a signature of a bundle's list.
pub(super) fn verify(
    bundle: &Path,
    list: &[u8],
    signature: Option<&str>,
    allowed: &Path,
    signer: &str,
) -> Result<(), ArtifactError> {
    let failed = |reason: String| ArtifactError::Signature { file: bundle.to_owned(), reason };
    let signature = signature.ok_or_else(|| failed("it is not signed".to_owned()))?;
    let checked = (|| -> io::Result<bool> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(signature.as_bytes())?;
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-Y", "verify", "-n", NAMESPACE, "-I", signer, "-f"]).arg(allowed);
        command.arg("-s").arg(file.path()).stderr(Stdio::null());
        Ok(fed(&mut command, list)?.0)
    })();
    match checked {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed(format!(
            "its signature is not one of {signer} by a key that {} allows for it",
            allowed.display()
        ))),
        Err(error) => Err(failed(ssh_keygen(&error))),
    }
}

/// Runs a command with an input; whether it ended well, and what it printed.
fn fed(command: &mut Command, input: &[u8]) -> io::Result<(bool, String)> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // Whoever ends without reading says why by its exit code. A list is smaller than what a signature waits for.
        let _ = stdin.write_all(input);
    }
    let output = child.wait_with_output()?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn ssh_keygen(error: &io::Error) -> String {
    format!("ssh-keygen can't be run: {error}")
}

//! How a file goes live: staged beside its place, sum read back, judged by its daemon, then renamed; the former one kept.

use super::Command;
use super::frame::quote;

/// A file to be put on a host.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Absolute path.
    pub path: String,
    /// User.
    pub owner: String,
    /// Group.
    pub group: String,
    /// Permission bits.
    pub mode: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Their sum.
    pub sha256: String,
    /// Program and arguments that judge it; `{}` stands for the candidate's path.
    pub check: Option<Vec<String>>,
    /// Whom the check runs as, if not root.
    pub check_user: Option<String>,
    /// The candidate must bear its final name while it is judged.
    pub keep_name: bool,
}

/// The exit code with which staging says that a check failed; its standard error says which file, and what the check said.
pub const CHECK_FAILED: i32 = 80;

/// Stages files: afterwards either all of them stand ready beside their places, or none does. Nothing is live yet.
pub fn stage(files: &[Candidate]) -> Command {
    let mut command = Command::new(format!("staging {} files", files.len()), include_str!("stage.sh"));
    let mut bytes = Vec::new();
    for file in files {
        let check: Vec<String> = file
            .check
            .iter()
            .flatten()
            .map(|word| if word == "{}" { "\"$candidate\"".to_owned() } else { quote(word) })
            .collect();
        command = command.args([
            file.path.clone(),
            file.owner.clone(),
            file.group.clone(),
            format!("{:04o}", file.mode),
            file.bytes.len().to_string(),
            file.sha256.clone(),
            if file.keep_name { "yes" } else { "no" }.to_owned(),
            file.check_user.clone().unwrap_or_default(),
            check.join(" "),
        ]);
        bytes.extend_from_slice(&file.bytes);
    }
    command.stdin(bytes)
}

/// Makes staged files live, keeping each former one under `/var/lib/quorate/previous`.
pub fn commit(paths: impl IntoIterator<Item = String>) -> Command {
    Command::new("making files live", include_str!("commit.sh")).args(paths)
}

/// Throws staged files away.
pub fn discard(paths: impl IntoIterator<Item = String>) -> Command {
    let script = r#"for path; do rm -f "${path%/*}/.quorate-new-${path##*/}~"; done"#;
    Command::new("discarding staged files", script).args(paths)
}

//! For unit tests: runs commands as a host would, in a real shell, with a temporary folder in place of the host's own.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::frame::{Command, Framed, Output};

/// A folder that stands for a host. What its scripts call `systemctl` and `systemd-run` is written to the file `calls`.
pub(super) struct Machine {
    folder: tempfile::TempDir,
    shell: &'static str,
    /// Shell functions put before every script.
    pub(super) functions: String,
}

/// The shells that this machine has: the standard's own, and one with more of its own mind.
pub(super) fn shells() -> impl Iterator<Item = &'static str> {
    ["/bin/sh", "/bin/bash"].into_iter().filter(|shell| Path::new(shell).exists())
}

impl Machine {
    pub(super) fn new(shell: &'static str) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), shell, functions: String::new() }
    }

    /// Where a path of the host really is.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(super) fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.path(path)).ok()
    }

    /// A text with the host's folders in place of the real ones.
    fn here(&self, text: &str) -> String {
        let root = self.folder.path().to_str().unwrap();
        let mut text = text.to_owned();
        for folder in ["/var/lib/quorate", "/run/quorate", "/etc/"] {
            text = text.replace(folder, &format!("{root}{folder}"));
        }
        text
    }

    fn spawn(&self, command: &Command, framed: &Framed) -> Child {
        let mut program = String::from_utf8(framed.head.clone()).unwrap();
        program = program.replacen("(\n", &format!("(\n{}\n", self.functions), 1);
        let mut child = std::process::Command::new(self.shell)
            .args(["-c", &self.here(&program)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = match std::str::from_utf8(&command.stdin) {
            Ok(text) => self.here(text).into_bytes(),
            Err(_) => command.stdin.to_vec(),
        };
        child.stdin.as_mut().unwrap().write_all(&stdin).unwrap();
        child
    }

    /// Runs a command to its end.
    pub(super) fn run(&self, command: &Command) -> Output {
        let framed = Framed::new(command).unwrap();
        let output = self.spawn(command, &framed).wait_with_output().unwrap();
        framed.answer(output.stdout, output.stderr).unwrap()
    }

    /// Starts a held command and reads its answer; its input stays open.
    pub(super) fn hold(&self, command: &Command) -> (Child, Output) {
        let framed = Framed::held(command).unwrap();
        let mut child = self.spawn(command, &framed);
        let mut stdout = Vec::new();
        loop {
            if let Some(output) = framed.answer(stdout.clone(), Vec::new()) {
                return (child, output);
            }
            let mut byte = [0];
            let read = child.stdout.as_mut().unwrap().read(&mut byte).unwrap();
            assert_eq!(read, 1, "no answer: {}", String::from_utf8_lossy(&stdout));
            stdout.extend(byte);
        }
    }
}

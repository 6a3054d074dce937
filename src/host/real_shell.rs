//! For unit tests: runs commands as a host would, in a real shell, with a temporary folder in place of the host's own.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::frame::{Command, Framed, Output};

/// A folder that stands for a host. Calls of `systemctl` and `systemd-run` are written to the file `calls`.
pub(super) struct Machine {
    folder: tempfile::TempDir,
    shell: &'static str,
    /// The silence that ends what is held, in seconds.
    pub(super) patience: &'static str,
}

/// Answers from the files `active`, `enabled` and `started` (of the process, in microseconds since the boot); the file
/// `refuse` names a verb that fails.
const SYSTEMCTL: &str = r#"#!/bin/sh
cd "${0%/*}/.." && echo "systemctl $*" >>calls
now() { read -r up _ </proc/uptime; echo "${up%.*}${up#*.}0000" >started; }
refuse= && read -r refuse <refuse
[ "$1" != "$refuse" ] || exit 1
read -r active <active
case $1 in
    is-active) [ "$2" = --quiet ] || echo "$active"; [ "$active" = active ] ;;
    is-enabled) cat enabled ;;
    show) cat started ;;
    start | restart) echo active >active; now ;;
    stop) case $2 in quorate-undo*) ;; *) echo inactive >active ;; esac ;;
    enable) echo enabled >enabled ;;
    disable) echo disabled >enabled ;;
esac
"#;

/// Only notes what was armed.
const SYSTEMD_RUN: &str = r#"#!/bin/sh
cd "${0%/*}/.." && echo "systemd-run $*" >>calls
refuse= && read -r refuse <refuse
[ "$refuse" != systemd-run ]
"#;

/// The shells that this machine has: the standard's own, and one with more of its own mind.
pub(super) fn shells() -> impl Iterator<Item = &'static str> {
    ["/bin/sh", "/bin/bash"].into_iter().filter(|shell| Path::new(shell).exists())
}

impl Machine {
    /// A bare one, with one unit that runs since the boot.
    pub(super) fn new(shell: &'static str) -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap(), shell, patience: "25" };
        for (path, text) in
            [("active", "active\n"), ("enabled", "enabled\n"), ("started", "1000000\n"), ("calls", ""), ("refuse", "")]
        {
            machine.write(path, text);
        }
        // Nothing here tests the disk.
        std::fs::create_dir_all(machine.path("bin")).unwrap();
        std::os::unix::fs::symlink("/bin/true", machine.path("bin/sync")).unwrap();
        for (name, text) in [("systemctl", SYSTEMCTL), ("systemd-run", SYSTEMD_RUN)] {
            let path = format!("bin/{name}");
            machine.write(&path, text);
            std::fs::set_permissions(machine.path(&path), std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        machine
    }

    /// What was called since the last time this was asked.
    pub(super) fn calls(&self) -> String {
        let calls = self.read("calls").unwrap();
        self.write("calls", "");
        calls
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
        let root = self.folder.path().display();
        program = program.replace("timeout 25 ", &format!("timeout {} ", self.patience));
        program = program.replacen("PATH=", &format!("PATH={root}/bin:"), 1);
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
        let written = child.stdin.as_mut().unwrap().write_all(&stdin);
        // A script may end, or be killed, before it has read its input.
        let ended = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
        assert!(written.as_ref().err().is_none_or(ended), "{written:?}");
        child
    }

    /// Runs a command to its end.
    pub(super) fn run(&self, command: &Command) -> Output {
        let framed = Framed::new(command).unwrap();
        let output = self.spawn(command, &framed).wait_with_output().unwrap();
        framed.answer(output.stdout, output.stderr).unwrap()
    }

    /// Starts a held command and reads its answer; its input stays open.
    #[allow(clippy::zombie_processes, reason = "the caller waits for what goes on")]
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
            if read == 0 {
                let _ = child.wait();
                panic!("no answer: {}", String::from_utf8_lossy(&stdout));
            }
            stdout.extend(byte);
        }
    }
}

//! What can go wrong in the lab, and what to do about it.

use std::path::PathBuf;

/// Why a lab command failed. Nothing is left behind that `lab down` doesn't remove.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Namespaces, mounts and cgroups belong to root.
    #[error("the lab makes namespaces, mounts and cgroups, which needs root; run it again with sudo")]
    NotRoot,
    /// Programs are missing and there is no apt to install them.
    #[error("this machine misses {programs} and has no apt-get to install them; install {packages} and try again")]
    NoApt {
        /// The programs, joined by commas.
        programs: String,
        /// Debian's names of the packages that hold them.
        packages: String,
    },
    /// No apt source of this machine is a Debian archive.
    #[error("none of this machine's apt sources (/etc/apt) is a Debian archive; name one with --archive URL")]
    NoArchive,
    /// A name that can't be a lab's.
    #[error("{name:?} can't name a lab: use 1 to 20 lower-case letters, digits and '-', beginning with a letter")]
    BadName {
        /// The name given.
        name: String,
    },
    /// A number of nodes the lab has no addresses for.
    #[error("a lab has 1 to 9 nodes, not {nodes}")]
    BadNodes {
        /// The number given.
        nodes: usize,
    },
    /// There is no lab of that name.
    #[error("there is no lab {name:?} on this machine; make it with `quorate lab up --name {name}`")]
    NoLab {
        /// The name given.
        name: String,
    },
    /// The lab has no node of that name.
    #[error("lab {lab:?} has no node {node:?}; its nodes are {nodes}")]
    NoNode {
        /// The lab.
        lab: String,
        /// The name given.
        node: String,
        /// The names there are, joined by commas.
        nodes: String,
    },
    /// `up` asks for another shape than the lab has.
    #[error("lab {name:?} already is {has}, not {asked}; remove it first: `quorate lab down --name {name}`")]
    OtherShape {
        /// The lab.
        name: String,
        /// Its suite or number of nodes.
        has: String,
        /// What was asked for.
        asked: String,
    },
    /// Another lab command works on the same lab.
    #[error("another lab command holds {}; wait for it to end", .path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Every network the uplink could use is taken.
    #[error("no free network for the lab's uplink: 10.213.0.0/16, 172.29.0.0/16 and 198.19.0.0/16 are all routed here")]
    NoUplink,
    /// A program failed.
    #[error("{what}: `{command}` ended with {status}{}", tail(.output))]
    Program {
        /// What it was run for.
        what: String,
        /// The command line.
        command: String,
        /// Its exit status, or why it could not start.
        status: String,
        /// The last lines of its output.
        output: String,
    },
    /// A file or folder could not be read, written or removed.
    #[error("{what} {}", .path.display())]
    File {
        /// What was tried: `cannot write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// The lab's own record can't be read.
    #[error("cannot understand {}; remove the lab with `quorate lab down --name {name}`", .path.display())]
    BadRecord {
        /// The record.
        path: PathBuf,
        /// The lab.
        name: String,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The caller's secrets could not be made.
    #[error("cannot make the lab's secrets")]
    Secrets(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A host did not come up.
    #[error("{node} is not up {seconds} s after its start: {state}; its console is {}{}", .log.display(), tail(.output))]
    NotUp {
        /// The node.
        node: String,
        /// How long was waited.
        seconds: u64,
        /// The last that was seen of it.
        state: String,
        /// The console's log.
        log: PathBuf,
        /// Its last lines.
        output: String,
    },
    /// The lab's package archives are not served.
    #[error(
        "the server of the lab's package archives does not answer; run `quorate lab up` again, its log is {}{}",
        .log.display(), tail(.output)
    )]
    NoServer {
        /// The server's log.
        log: PathBuf,
        /// Its last lines.
        output: String,
    },
    /// Processes of the lab outlive their kill signal.
    #[error("{count} processes of lab {name:?} don't end ({pids}); run `quorate lab down --name {name}` again")]
    Undead {
        /// The lab.
        name: String,
        /// How many.
        count: usize,
        /// Their ids.
        pids: String,
    },
    /// Something is still mounted where a folder is to be removed.
    #[error("{} is still mounted; unmount it and run `lab down` again", .path.display())]
    StillMounted {
        /// The mount point.
        path: PathBuf,
    },
    /// The relay could not reach the host.
    #[error("cannot reach {host}:{port} inside lab {lab:?}; is it up? (`quorate lab ps --name {lab}`)")]
    Relay {
        /// The lab.
        lab: String,
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
}

/// The output of a program, set off from the sentence before it.
fn tail(output: &str) -> String {
    if output.is_empty() { String::new() } else { format!("; its last lines:\n  {}", output.replace('\n', "\n  ")) }
}

/// A closure for `map_err` on file operations.
pub(super) fn file(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::File { what, path, source }
}

//! All hosts of a cluster at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::frame::FENCED;
use super::lock::{PATIENCE, refusal, take};
use super::{Command, Held, Holder, HostError, Output, Transport, connect};
use crate::cluster::{Cluster, NodeName};

/// How long one host may take to let us in.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// One connected host.
#[derive(Clone)]
pub struct Host {
    /// Its name.
    pub name: NodeName,
    transport: Arc<Box<dyn Transport>>,
    fence: Option<Arc<str>>,
    fenced: Arc<AtomicBool>,
    /// How many of the last answers were lost, in a row.
    lost: Arc<AtomicU32>,
    // Last, so that ssh's socket outlives the connection: a run that is stopped in the middle still ends it by that.
    _folder: Option<Arc<tempfile::TempDir>>,
}

impl Host {
    /// A host behind any transport.
    pub fn new(name: NodeName, transport: Box<dyn Transport>) -> Self {
        Self {
            name,
            transport: Arc::new(transport),
            fence: None,
            fenced: Arc::default(),
            lost: Arc::default(),
            _folder: None,
        }
    }

    /// Runs a command there as root; once the fleet is locked, only as long as the lock is still ours.
    ///
    /// # Errors
    /// [`HostError`] when there is no whole answer, [`HostError::Fenced`] when the lock is gone.
    pub async fn run(&self, command: &Command) -> Result<Output, HostError> {
        let Some(token) = &self.fence else { return self.noted(self.transport.run(command).await) };
        let fenced = Command { fence: Some(Arc::clone(token)), ..command.clone() };
        let output = self.noted(self.transport.run(&fenced).await)?;
        if output.code == FENCED {
            self.fenced.store(true, Ordering::Relaxed);
            return Err(HostError::Fenced { host: self.name.to_string(), step: command.step.clone() });
        }
        Ok(output)
    }

    fn noted(&self, answer: Result<Output, HostError>) -> Result<Output, HostError> {
        if matches!(answer, Err(HostError::Lost { .. })) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        } else {
            self.lost.store(0, Ordering::Relaxed);
        }
        answer
    }

    /// Whether the connection is gone: one lost answer may be a program that was killed, several in a row are the line. It does
    /// not come back within a run.
    pub fn is_gone(&self) -> bool {
        const IN_A_ROW: u32 = 4;
        self.lost.load(Ordering::Relaxed) >= IN_A_ROW
    }

    /// Whether a command found that the lock is not ours any more: whoever waits for something here waits in vain.
    pub fn is_fenced(&self) -> bool {
        self.fenced.load(Ordering::Relaxed)
    }

    /// Runs a command whose script calls `keep`; what it holds goes when the guard is dropped, or we are gone.
    ///
    /// # Errors
    /// [`HostError`] when there is no whole answer; nothing is held then.
    pub async fn hold(&self, command: &Command) -> Result<(Output, Option<Box<dyn Held>>), HostError> {
        self.transport.hold(command).await
    }

    async fn lock(&self, holder: &Holder, wait: Duration) -> Result<Box<dyn Held>, HostError> {
        let (output, held) = self.transport.hold(&take(holder, wait)).await?;
        match (refusal(self, &output), held) {
            (None, Some(held)) => Ok(held),
            (Some(error), _) => Err(error),
            (None, None) => Err(HostError::Lost { host: self.name.to_string(), step: "taking the lock".to_owned() }),
        }
    }
}

/// The connected hosts of a cluster.
pub struct Fleet {
    hosts: BTreeMap<NodeName, Host>,
    locks: Vec<Box<dyn Held>>,
    // Holds ssh's sockets; removed with the fleet.
    _folder: Option<Arc<tempfile::TempDir>>,
}

impl Fleet {
    /// A fleet of hosts that are connected already.
    pub fn new(hosts: impl IntoIterator<Item = Host>) -> Self {
        Self {
            hosts: hosts.into_iter().map(|host| (host.name.clone(), host)).collect(),
            locks: Vec::new(),
            _folder: None,
        }
    }

    /// Connects to all nodes at once and waits for every verdict.
    ///
    /// # Errors
    /// What failed before any host was tried. The failures of single hosts come beside the fleet of the others.
    pub async fn connect(cluster: &Cluster) -> Result<(Self, BTreeMap<NodeName, HostError>), HostError> {
        let folder = private_folder().map_err(|error| HostError::Local { reason: error.to_string() })?;
        let folder = Arc::new(folder);
        let mut tries = JoinSet::new();
        for node in cluster.nodes.clone() {
            let folder = Arc::clone(&folder);
            tries.spawn(async move {
                let transport = connect(&node, folder.path(), CONNECT_LIMIT).await;
                (node.name, transport)
            });
        }
        let (mut hosts, mut failures) = (BTreeMap::new(), BTreeMap::new());
        while let Some(tried) = tries.join_next().await {
            match tried {
                Ok((name, Ok(transport))) => {
                    let host = Host { _folder: Some(Arc::clone(&folder)), ..Host::new(name.clone(), transport) };
                    hosts.insert(name, host);
                }
                Ok((name, Err(error))) => {
                    failures.insert(name, error);
                }
                Err(error) => return Err(HostError::Local { reason: error.to_string() }),
            }
        }
        Ok((Self { hosts, locks: Vec::new(), _folder: Some(folder) }, failures))
    }

    /// The connected hosts, by name.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.hosts.values()
    }

    /// One of them.
    pub fn host(&self, name: &NodeName) -> Option<&Host> {
        self.hosts.get(name)
    }

    /// Asks every host at once; `command` makes each one's question. Every answer is waited for.
    pub async fn ask_all(&self, command: impl Fn(&Host) -> Command) -> BTreeMap<NodeName, Result<Output, HostError>> {
        self.ask_some(|host| Some(command(host))).await
    }

    /// Asks those hosts at once for which `command` makes a question.
    pub async fn ask_some(
        &self,
        command: impl Fn(&Host) -> Option<Command>,
    ) -> BTreeMap<NodeName, Result<Output, HostError>> {
        let mut questions = JoinSet::new();
        for host in self.hosts.values().cloned() {
            let Some(command) = command(&host) else { continue };
            questions.spawn(async move {
                let answer = host.run(&command).await;
                (host.name, answer)
            });
        }
        let mut answers = BTreeMap::new();
        while let Some(Ok((name, answer))) = questions.join_next().await {
            answers.insert(name, answer);
        }
        answers
    }

    /// Takes the lock of every host for this run, and from then on lets every command through [`Host::run`] look first
    /// whether it still has it. The first host refuses at once; what a run that vanished left on the others is waited for.
    ///
    /// # Errors
    /// [`HostError::Locked`] when another run has one of them; no lock is ours then. Any other error of a host likewise.
    pub async fn lock(&mut self, holder: &Holder) -> Result<(), HostError> {
        let mut hosts = self.hosts.values().cloned();
        let Some(first) = hosts.next() else { return Ok(()) };
        self.locks.push(first.lock(holder, Duration::ZERO).await?);
        let mut tries = JoinSet::new();
        for host in hosts {
            let holder = holder.clone();
            tries.spawn(async move { (host.name.clone(), host.lock(&holder, PATIENCE).await) });
        }
        let mut failures = BTreeMap::new();
        while let Some(Ok((name, tried))) = tries.join_next().await {
            match tried {
                Ok(held) => self.locks.push(held),
                Err(error) => drop(failures.insert(name, error)),
            }
        }
        if let Some((_, error)) = failures.pop_first() {
            self.unlock().await;
            return Err(error);
        }
        let token: Arc<str> = holder.token.as_str().into();
        self.hosts.values_mut().for_each(|host| host.fence = Some(Arc::clone(&token)));
        Ok(())
    }

    /// Gives the locks back, and waits until the next run can have them. Nothing happens if there are none.
    pub async fn unlock(&mut self) {
        let mut releases = JoinSet::new();
        self.locks.drain(..).for_each(|held| drop(releases.spawn(held.release())));
        while releases.join_next().await.is_some() {}
        self.hosts.values_mut().for_each(|host| host.fence = None);
    }

    /// Gives the locks back and ends all connections.
    pub async fn close(mut self) {
        self.unlock().await;
        let mut closing = JoinSet::new();
        for host in self.hosts.into_values() {
            if let Some(transport) = Arc::into_inner(host.transport) {
                closing.spawn(transport.close());
            }
        }
        while closing.join_next().await.is_some() {}
    }
}

/// A folder of our own, short enough for a socket path: under `XDG_RUNTIME_DIR` if that is short, else under /tmp.
fn private_folder() -> std::io::Result<tempfile::TempDir> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|path| path.len() < 40);
    let mut builder = tempfile::Builder::new();
    builder.prefix("q-").rand_bytes(8);
    match runtime.filter(|path| std::path::Path::new(path).is_dir()) {
        Some(path) => builder.tempdir_in(path),
        None => builder.tempdir_in("/tmp"),
    }
}

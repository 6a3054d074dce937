//! Downloads to the operator's machine: verified before anybody sees them. Blocking; run it beside the async world.
//!
//! What comes is written to `SUM.part` in the cache, under the sum that it shall have, and goes on from there after a break.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use ureq::http::StatusCode;
use ureq::http::header::{CONTENT_RANGE, CONTENT_TYPE, RANGE};

use super::agent::{Limits, agent};
use super::looks::{is_page, looks_like};
use super::{ArtifactError, Input, Store};
use crate::cluster::{Artifacts, Secret, hex};

/// How often an address is asked again after a break in the middle. A break after which nothing more came ends it earlier.
const ATTEMPTS: u32 = 8;

/// Gets pinned downloads for one inventory.
#[derive(Debug, Clone)]
pub struct Downloader {
    artifacts: Artifacts,
    /// `user:password` of the inventory's proxy.
    login: Option<Secret>,
    store: Store,
    limits: Limits,
}

/// The bytes of a pinned download: [`Downloader::bytes`] without a proxy's login.
///
/// # Errors
/// [`ArtifactError`]; bytes that are not the pinned ones are never returned and never kept.
pub fn fetch(
    input: &Input,
    artifacts: &Artifacts,
    hosts_archive: Option<&str>,
    store: &Store,
) -> Result<Vec<u8>, ArtifactError> {
    Downloader::new(artifacts.clone(), None, store.clone()).bytes(input, hosts_archive)
}

/// Why an address did not give the file.
enum Miss {
    /// It can be asked again, and the next address too.
    Reason(String),
    /// The run ends.
    End(ArtifactError),
}

impl From<ArtifactError> for Miss {
    fn from(error: ArtifactError) -> Self {
        Self::End(error)
    }
}

impl Downloader {
    /// For an inventory's settings, the login of its proxy, and a cache.
    pub fn new(artifacts: Artifacts, login: Option<Secret>, store: Store) -> Self {
        Self { artifacts, login, store, limits: Limits::default() }
    }

    /// With other limits than those that suit real servers.
    #[cfg(test)]
    pub(super) fn limited(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The bytes of a pinned download.
    ///
    /// # Errors
    /// As [`Downloader::file`].
    pub fn bytes(&self, input: &Input, hosts_archive: Option<&str>) -> Result<Vec<u8>, ArtifactError> {
        let path = self.file(input, hosts_archive)?;
        std::fs::read(&path).map_err(|source| ArtifactError::Store { path, source })
    }

    /// A pinned download as a file: of the inventory's folder, of the cache, or fetched now, from the inventory's mirror or the
    /// catalogue's addresses. `hosts_archive` is the archive that the hosts themselves use: the last to be asked.
    ///
    /// # Errors
    /// [`ArtifactError`]; bytes that are not the pinned ones are never returned and never kept.
    pub fn file(&self, input: &Input, hosts_archive: Option<&str>) -> Result<PathBuf, ArtifactError> {
        if let Some(path) = self.in_folder(input)? {
            return Ok(path);
        }
        let cached = self.store.download(&input.sha256, &input.file);
        if let Some(got) = sum_of(&cached)? {
            if got == input.sha256 {
                return Ok(cached);
            }
            // A cache that rotted is no reason to stop: it is fetched again.
            remove(&cached)?;
        }
        let mut reasons = Vec::new();
        for url in addresses(input, &self.artifacts, hosts_archive) {
            match self.from(&url, input, &cached) {
                Ok(()) => return Ok(cached),
                Err(Miss::Reason(reason)) => reasons.push(format!("{url}: {reason}")),
                Err(Miss::End(error)) => return Err(error),
            }
        }
        if reasons.is_empty() {
            reasons.push("no folder, mirror or address of it is known".to_owned());
        }
        Err(ArtifactError::Unreachable { file: input.file.clone(), reasons: reasons.join("; ") })
    }

    /// The file of the inventory's folder, if it has one; the folder is the user's, so nothing is deleted there.
    ///
    /// # Errors
    /// [`ArtifactError::Checksum`] if it is not the pinned one.
    pub fn in_folder(&self, input: &Input) -> Result<Option<PathBuf>, ArtifactError> {
        let Some(folder) = &self.artifacts.folder else { return Ok(None) };
        let path = folder.join(&input.file);
        match sum_of(&path)? {
            None => Ok(None),
            Some(got) if got == input.sha256 => Ok(Some(path)),
            Some(got) => Err(mismatch(input, &path.display().to_string(), &path, got)),
        }
    }

    /// What a host that downloads by itself has to know: the sum, the name, then the addresses, one a line.
    pub fn order(&self, input: &Input, hosts_archive: Option<&str>) -> String {
        let addresses = addresses(input, &self.artifacts, hosts_archive);
        let lines = [input.sha256.clone(), input.file.clone()].into_iter().chain(addresses);
        lines.map(|line| line + "\n").collect()
    }

    /// Fetches from one address, going on after breaks.
    fn from(&self, url: &str, input: &Input, cached: &Path) -> Result<(), Miss> {
        let agent = agent(url, &self.artifacts, self.login.as_ref(), self.limits)?;
        let mut part = Part::open(&self.store, input)?;
        let mut again = false;
        for attempt in 0.. {
            let before = part.length;
            match self.attempt(&agent, url, &mut part) {
                Ok(()) => {
                    let got = hex(&part.hash.clone().finalize());
                    if got == input.sha256 {
                        part.keep(cached)?;
                        return Ok(());
                    }
                    // The beginning may be of another run, and of another file: once more, from the start.
                    if before > 0 && !again {
                        again = true;
                        part.restart()?;
                        continue;
                    }
                    // Wrong bytes end the search: somebody serves another file under this name, and that must be looked at.
                    let error = mismatch(input, url, &part.path, got);
                    part.remove()?;
                    return Err(Miss::End(error));
                }
                Err(Miss::Reason(_)) if part.length > before && attempt < ATTEMPTS => {}
                Err(Miss::Reason(reason)) if part.length > 0 && !reason.starts_with(BROKEN) => {
                    return Err(Miss::Reason(format!("{reason} (after {} bytes had come)", part.length)));
                }
                Err(miss) => return Err(miss),
            }
        }
        Ok(())
    }

    /// Asks once, from where the part ends. `Ok` means that the server says it was all.
    fn attempt(&self, agent: &ureq::Agent, url: &str, part: &mut Part) -> Result<(), Miss> {
        let mut request = agent.get(url);
        if part.length > 0 {
            request = request.header(RANGE, format!("bytes={}-", part.length));
        }
        let mut response = request.call().map_err(|error| Miss::Reason(plain(&error) + &by(agent, url)))?;
        let begins = format!("bytes {}-", part.length);
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        match response.status() {
            StatusCode::PARTIAL_CONTENT if part.length > 0 && header(CONTENT_RANGE).starts_with(&begins) => {}
            // A server without ranges begins anew.
            StatusCode::OK => part.restart()?,
            StatusCode::RANGE_NOT_SATISFIABLE if part.length > 0 => {
                // There is no more: it is whole, or it is none of this file.
                return Ok(());
            }
            status => return Err(Miss::Reason(format!("HTTP status {status}"))),
        }
        if header(CONTENT_TYPE).starts_with("text/html") {
            return Err(Miss::Reason(PAGE.to_owned()));
        }
        let announced = response.body().content_length().map(|length| part.length + length);
        let mut reader = response.body_mut().as_reader();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(count) => count,
                Err(error) => return Err(Miss::Reason(broken(part.length, announced, &error.to_string()))),
            };
            let bytes = buffer.get(..count).unwrap_or_default();
            if part.length == 0 && is_page(bytes) {
                return Err(Miss::Reason(PAGE.to_owned()));
            }
            if count == 0 {
                break;
            }
            if part.length + count as u64 > self.limits.largest {
                part.remove()?;
                return Err(Miss::Reason(format!("it sends more than {} bytes", self.limits.largest)));
            }
            part.append(bytes)?;
        }
        match announced {
            Some(announced) if part.length < announced => Err(Miss::Reason(broken(part.length, Some(announced), ""))),
            _ => Ok(()),
        }
    }
}

const PAGE: &str = "it answered with a web page (HTML), not with a file";

const BROKEN: &str = "truncated";

/// A break in the middle, in words.
fn broken(length: u64, announced: Option<u64>, error: &str) -> String {
    let of = announced.map(|announced| format!(" of {announced}")).unwrap_or_default();
    let error = if error.is_empty() { String::new() } else { format!(": {error}") };
    format!("{BROKEN}: {length}{of} bytes came{error}")
}

/// The proxy that stands between, in words: what failed may be its doing.
fn by(agent: &ureq::Agent, url: &str) -> String {
    let past = |proxy: &ureq::Proxy| url.parse().is_ok_and(|url| proxy.is_no_proxy(&url));
    match agent.config().proxy().filter(|proxy| !past(proxy)) {
        Some(proxy) => format!(" (by the proxy {}:{})", proxy.host(), proxy.port()),
        None => String::new(),
    }
}

/// An error of the client in words; none of them holds an address or a login.
fn plain(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(which) => format!("no answer in time ({which})"),
        other => other.to_string(),
    }
}

/// A download under way, kept across breaks and runs. While it is there, nobody else writes to it.
struct Part {
    path: PathBuf,
    file: File,
    length: u64,
    hash: Sha256,
}

impl Part {
    fn open(store: &Store, input: &Input) -> Result<Self, ArtifactError> {
        let path = store.part(&input.sha256);
        let failed = |source| ArtifactError::Store { path: path.clone(), source };
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let open = |path: &Path| {
            // Begun by an earlier run: it is gone on with.
            let file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
            // Another run may be at it: each has a file of its own then.
            match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => Ok(Some(file)),
                Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
                Err(error) => Err(std::io::Error::from(error)),
            }
        };
        let (path, file) = if let Some(file) = open(&path).map_err(failed)? {
            (path, file)
        } else {
            let own = path.with_extension(format!("part-{}", std::process::id()));
            let file = open(&own).map_err(failed)?.ok_or_else(|| failed(std::io::ErrorKind::WouldBlock.into()))?;
            (own, file)
        };
        let mut part = Self { path, file, length: 0, hash: Sha256::new() };
        part.read_back()?;
        Ok(part)
    }

    fn failed(&self) -> impl Fn(std::io::Error) -> ArtifactError + use<> {
        let path = self.path.clone();
        move |source| ArtifactError::Store { path: path.clone(), source }
    }

    /// The sum of what is there already.
    fn read_back(&mut self) -> Result<(), ArtifactError> {
        let failed = self.failed();
        self.file.seek(SeekFrom::Start(0)).map_err(&failed)?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = self.file.read(&mut buffer).map_err(&failed)?;
            if count == 0 {
                return Ok(());
            }
            self.hash.update(buffer.get(..count).unwrap_or_default());
            self.length += count as u64;
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        self.file.write_all(bytes).map_err(self.failed())?;
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn restart(&mut self) -> Result<(), ArtifactError> {
        self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0))).map_err(self.failed())?;
        self.hash = Sha256::new();
        self.length = 0;
        Ok(())
    }

    fn remove(&mut self) -> Result<(), ArtifactError> {
        self.restart()?;
        remove(&self.path)
    }

    /// Puts it in its place in the cache.
    fn keep(&self, cached: &Path) -> Result<(), ArtifactError> {
        self.file.sync_all().and_then(|()| std::fs::rename(&self.path, cached)).map_err(self.failed())
    }
}

fn remove(path: &Path) -> Result<(), ArtifactError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(ArtifactError::Store { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// The sum of a file, if it is there.
fn sum_of(path: &Path) -> Result<Option<String>, ArtifactError> {
    let failed = |source| ArtifactError::Store { path: path.to_owned(), source };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = file.read(&mut buffer).map_err(failed)?;
        if count == 0 {
            return Ok(Some(hex(&hash.finalize())));
        }
        hash.update(buffer.get(..count).unwrap_or_default());
    }
}

fn mismatch(input: &Input, from: &str, path: &Path, got: String) -> ArtifactError {
    ArtifactError::Checksum {
        file: input.file.clone(),
        from: from.to_owned(),
        looks: looks_like(path),
        wanted: input.sha256.clone(),
        got,
    }
}

/// The addresses to ask, in order.
pub(super) fn addresses(input: &Input, artifacts: &Artifacts, hosts_archive: Option<&str>) -> Vec<String> {
    let mirror = artifacts.mirror.iter().map(|base| format!("{}/{}", base.trim_end_matches('/'), input.file));
    let (debian, upstream): (Vec<_>, Vec<_>) = input.urls.iter().partition(|url| url.starts_with("debian:"));
    let below = |base: Option<&str>| -> Vec<String> {
        let base = base.map(|base| base.trim_end_matches('/'));
        debian.iter().filter_map(|url| Some(format!("{}/{}", base?, url.trim_start_matches("debian:")))).collect()
    };
    // An archive that the inventory names is near; upstream may be out of reach.
    let mut all: Vec<String> =
        mirror.chain(below(artifacts.debian_archive.as_deref())).chain(upstream.into_iter().cloned()).collect();
    if artifacts.debian_archive.is_none() {
        all.extend(below(hosts_archive));
    }
    all
}

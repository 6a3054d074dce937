//! Reads a bundle: every byte of it first, then single entries.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::entry::{self, BLOCK};
use super::{MANIFEST, Manifest, PACKAGES, SIGNATURE, SUMS, Sum, program_entry, sign, sums};
use crate::artifact::ArtifactError;
use crate::cluster::{hex, sha256};
use sha2::{Digest as _, Sha256};

/// More than any manifest, list or signature; what claims to be larger is not read.
const LARGEST_TEXT: u64 = 4 << 20;

/// A bundle of which every byte was read and is as it was written.
#[derive(Debug)]
pub struct Bundle {
    /// What it is for.
    pub manifest: Manifest,
    /// Its id: the sum of its list of sums.
    pub id: String,
    /// Its size in bytes.
    pub bytes: u64,
    path: PathBuf,
    file: File,
    list: Vec<u8>,
    signature: Option<String>,
    entries: BTreeMap<String, Place>,
}

/// Where an entry's bytes are.
#[derive(Debug)]
struct Place {
    offset: u64,
    sum: Sum,
}

impl Bundle {
    /// Opens a bundle and reads all of it.
    ///
    /// # Errors
    /// [`ArtifactError::Bundle`] names the entry that is not as it was written; [`ArtifactError::File`] if it can't be read.
    pub fn open(path: &Path) -> Result<Self, ArtifactError> {
        let file = File::open(path).map_err(|source| ArtifactError::File { path: path.to_owned(), source })?;
        Reading { path, file }.whole()
    }

    /// Checks the list's signature: by that signer, with a key that the file of allowed signers has for that name.
    ///
    /// # Errors
    /// [`ArtifactError::Signature`] when there is none, or it is not that signer's.
    pub fn signed_by(&self, allowed: &Path, signer: &str) -> Result<(), ArtifactError> {
        sign::verify(&self.path, &self.list, self.signature.as_deref(), allowed, signer)
    }

    /// Whether it carries a signature.
    pub fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The built program of that key, if it is there.
    ///
    /// # Errors
    /// [`ArtifactError`] when the file changed since it was opened.
    pub fn program(&self, key: &str) -> Result<Option<Vec<u8>>, ArtifactError> {
        let name = program_entry(key);
        if self.entries.contains_key(&name) { self.read(&name).map(Some) } else { Ok(None) }
    }

    /// The files of the packages' repository, by their path in it.
    pub fn packages(&self) -> impl Iterator<Item = (&str, &Sum)> {
        self.entries.iter().filter_map(|(name, place)| Some((name.strip_prefix(PACKAGES)?, &place.sum)))
    }

    /// The bytes of an entry, compared with its sum once more.
    ///
    /// # Errors
    /// [`ArtifactError`] when there is none, or the file changed since it was opened.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, ArtifactError> {
        let failed = |reason: &str| ArtifactError::Bundle {
            file: self.path.clone(),
            entry: name.to_owned(),
            reason: reason.to_owned(),
        };
        let place = self.entries.get(name).ok_or_else(|| failed("it is not there"))?;
        let mut bytes = vec![0; usize::try_from(place.sum.size).map_err(|_| failed("it is too large"))?];
        self.file
            .read_exact_at(&mut bytes, place.offset)
            .map_err(|source| ArtifactError::File { path: self.path.clone(), source })?;
        if sha256(&bytes) == place.sum.sha256 { Ok(bytes) } else { Err(failed("it changed while it was used")) }
    }
}

/// Whether a file begins as a bundle does; what follows may be broken.
///
/// # Errors
/// What the system says.
pub fn looks_like_one(path: &Path) -> io::Result<bool> {
    let mut name = vec![0; MANIFEST.len() + 1];
    match File::open(path)?.read_exact(&mut name) {
        Ok(()) => Ok(name.starts_with(MANIFEST.as_bytes()) && name.ends_with(&[0])),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A bundle that is being read.
struct Reading<'a> {
    path: &'a Path,
    file: File,
}

impl Reading<'_> {
    fn wrong(&self, entry: &str, reason: impl Into<String>) -> ArtifactError {
        ArtifactError::Bundle { file: self.path.to_owned(), entry: entry.to_owned(), reason: reason.into() }
    }

    fn whole(self) -> Result<Bundle, ArtifactError> {
        let (mut texts, mut entries, mut end) = (BTreeMap::new(), BTreeMap::new(), 0);
        let mut list = BTreeMap::new();
        let mut archive = tar::Archive::new(&self.file);
        // Without this the crate would follow the names that other forms of tar hide in entries of their own.
        let raw = archive.entries().map_err(|error| self.unreadable("its first entry", &error))?.raw(true);
        for (number, read) in raw.enumerate() {
            let place = format!("entry {}", number + 1);
            let mut read = read.map_err(|error| match number {
                0 => self.wrong(&place, "this is no bundle, or its beginning is damaged"),
                _ => self.unreadable(&place, &error),
            })?;
            let name = String::from_utf8_lossy(&read.path_bytes()).into_owned();
            let size = read.size();
            let header = entry::header(&name, size).filter(|ours| ours.as_bytes() == read.header().as_bytes());
            if header.is_none() {
                return Err(self.wrong(&printable(&name), entry::foreign(read.header(), &name)));
            }
            let (offset, wanted) = (read.raw_file_position(), self.due(number, &name, &texts, &list, &entries)?);
            if wanted.is_none() {
                let bytes = self.text(&name, size, &mut read)?;
                if name == SUMS {
                    list = sums::parse(&bytes).map_err(|reason| self.wrong(SUMS, reason))?;
                }
                self.zeros(&name, offset + size, entry::padding(size))?;
                texts.insert(name, bytes);
            } else {
                let (read_size, sum) = self.sum(&name, &mut read)?;
                if read_size != size {
                    return Err(self.wrong(&name, "the file ends in the middle of it"));
                }
                if wanted.as_ref() != Some(&sum) {
                    return Err(self.wrong(&name, "its bytes are not those that its sum was made of"));
                }
                self.zeros(&name, offset + size, entry::padding(size))?;
                entries.insert(name, Place { offset, sum: Sum { sha256: sum, size } });
            }
            end = offset + size + entry::padding(size);
        }
        self.finished(texts, &list, entries, end)
    }

    /// The sum that this entry must have; `None` for those that come before the sums are known.
    fn due(
        &self,
        number: usize,
        name: &str,
        texts: &BTreeMap<String, Vec<u8>>,
        list: &BTreeMap<String, String>,
        entries: &BTreeMap<String, Place>,
    ) -> Result<Option<String>, ArtifactError> {
        match (number, name) {
            (0, MANIFEST) | (1, SUMS) | (2, SIGNATURE) => return Ok(None),
            (0, _) => return Err(self.wrong(name, format!("a bundle begins with {MANIFEST}: this is none"))),
            (1, _) => return Err(self.wrong(name, format!("{SUMS} must stand in its place"))),
            _ => {}
        }
        if texts.contains_key(name) || entries.contains_key(name) {
            return Err(self.wrong(name, "it is there twice"));
        }
        let Some(sum) = list.get(name) else {
            return Err(self.wrong(name, format!("it is not in the list of sums ({SUMS})")));
        };
        let next = list.keys().find(|next| *next != MANIFEST && !entries.contains_key(*next));
        match next {
            Some(next) if next == name => Ok(Some(sum.clone())),
            _ => Err(self.wrong(name, "it stands in another's place")),
        }
    }

    fn finished(
        self,
        mut texts: BTreeMap<String, Vec<u8>>,
        list: &BTreeMap<String, String>,
        entries: BTreeMap<String, Place>,
        end: u64,
    ) -> Result<Bundle, ArtifactError> {
        let (Some(manifest), Some(sums)) = (texts.remove(MANIFEST), texts.remove(SUMS)) else {
            return Err(self.wrong(SUMS, "the file ends before it"));
        };
        if list.get(MANIFEST) != Some(&sha256(&manifest)) {
            return Err(self.wrong(MANIFEST, "its bytes are not those that its sum was made of"));
        }
        if let Some(missing) = list.keys().find(|name| *name != MANIFEST && !entries.contains_key(*name)) {
            return Err(self.wrong(missing, "it is missing: the file ends before it"));
        }
        let size = self.file.metadata().map_err(|error| self.unreadable("the end", &error))?.len();
        // Two empty blocks end an archive.
        if size != end + 2 * BLOCK {
            return Err(self.wrong("the end", "it does not end where the last entry does"));
        }
        self.zeros("the end", end, 2 * BLOCK)?;
        let signature = texts.remove(SIGNATURE).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let id = sha256(&sums);
        let manifest = Manifest::parse(&manifest).map_err(|reason| self.wrong(MANIFEST, reason))?;
        let Self { path, file } = self;
        Ok(Bundle { manifest, id, bytes: size, path: path.to_owned(), file, list: sums, signature, entries })
    }

    fn text(&self, name: &str, size: u64, entry: &mut (impl Read + ?Sized)) -> Result<Vec<u8>, ArtifactError> {
        if size > LARGEST_TEXT {
            return Err(self.wrong(name, "it is too large"));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| self.unreadable(name, &error))?;
        if bytes.len() as u64 == size { Ok(bytes) } else { Err(self.wrong(name, "the file ends in the middle of it")) }
    }

    fn sum(&self, name: &str, entry: &mut (impl Read + ?Sized)) -> Result<(u64, String), ArtifactError> {
        let (mut sum, mut size, mut piece) = (Sha256::new(), 0, vec![0; 1 << 16]);
        loop {
            let read = entry.read(&mut piece).map_err(|error| self.unreadable(name, &error))?;
            if read == 0 {
                return Ok((size, hex(&sum.finalize())));
            }
            sum.update(piece.get(..read).unwrap_or_default());
            size += read as u64;
        }
    }

    /// What only fills the last block is empty: no byte of a bundle is free.
    fn zeros(&self, name: &str, from: u64, count: u64) -> Result<(), ArtifactError> {
        let mut bytes = vec![0; usize::try_from(count).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, from).map_err(|_| self.wrong(name, "the file ends in the middle of it"))?;
        if bytes.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(self.wrong(name, "bytes were put behind it")) }
    }

    fn unreadable(&self, entry: &str, error: &io::Error) -> ArtifactError {
        self.wrong(entry, format!("it can't be read: {error}"))
    }
}

/// A name that may be anything, for people.
fn printable(name: &str) -> String {
    let shown: String = name.chars().take(100).collect();
    if entry::plain(name) { shown } else { format!("{shown:?}") }
}

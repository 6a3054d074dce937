//! Judges a built archive before it is kept or shipped: it is unpacked by root on every host, and came from a cache or a host
//! that somebody else may have written to.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Component, Path};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

/// The entry that says which system and architecture an archive is for: the first word of the key it is kept under.
pub const MARK: &str = ".quorate-build";

/// More than any program of ours has.
const MOST_ENTRIES: usize = 100_000;
const MOST_BYTES: u64 = 4 << 30;

/// Judges an archive (tar, compressed by gzip) that shall be for a system such as `debian-13-amd64`.
///
/// # Errors
/// A sentence that names the entry. Nothing is written anywhere.
pub fn judge(bytes: &[u8], system: &str) -> Result<(), String> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Err("it is no archive (not compressed by gzip)".to_owned());
    }
    // Bounded: a few kilobytes can unpack to more than any disk has.
    let mut archive = Archive::new(MultiGzDecoder::new(bytes).take(MOST_BYTES));
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => format!("it is truncated ({error})"),
        _ => format!("it is no archive, or a damaged one ({error})"),
    };
    let (mut links, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut mark = None;
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let raw = entry.path_bytes().into_owned();
        let shown = raw.escape_ascii().to_string();
        let wrong = |problem: &str| Err(format!("its entry {shown} {problem}"));
        let Ok(name) = std::str::from_utf8(&raw) else { return wrong("has a name that is no text") };
        if name.bytes().any(|byte| byte.is_ascii_control() || byte == b'\\') {
            return wrong("has a name with a control character or a backslash");
        }
        let Some(path) = inside(name) else { return wrong("leaves its folder") };
        let kind = entry.header().entry_type();
        if !seen.insert(path.clone()) && kind != EntryType::Directory {
            return wrong("is there twice");
        }
        if seen.len() > MOST_ENTRIES {
            return Err(format!("it has more than {MOST_ENTRIES} entries"));
        }
        if (1..path.len()).any(|length| path.get(..length).is_some_and(|parent| links.contains(parent))) {
            return wrong("lies below a link");
        }
        let mode = entry.header().mode().map_err(unreadable)?;
        if mode & 0o7000 != 0 {
            return wrong("is setuid, setgid or sticky");
        }
        match kind {
            EntryType::Regular | EntryType::Directory if mode & 0o022 != 0 => return wrong("may be written by others"),
            EntryType::Regular if path.is_empty() => return wrong("has no name"),
            EntryType::Regular => {
                if path == [MARK] {
                    let mut text = String::new();
                    entry.by_ref().take(256).read_to_string(&mut text).map_err(unreadable)?;
                    mark = Some(text.trim_end().to_owned());
                }
            }
            EntryType::Directory => {}
            EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap_or_default();
                if !std::str::from_utf8(&target).is_ok_and(|target| harmless(&path, target)) {
                    return Err(format!("its entry {shown} is a link out of its folder: {}", target.escape_ascii()));
                }
                links.insert(path);
            }
            EntryType::Link => return wrong("is a hard link"),
            EntryType::Char | EntryType::Block => return wrong("is a device"),
            EntryType::Fifo => return wrong("is a pipe"),
            _ => return wrong("is of a kind that no program needs"),
        }
    }
    // The rest is read too: a damaged end would show only on the hosts.
    let mut rest = archive.into_inner();
    std::io::copy(&mut rest, &mut std::io::sink()).map_err(unreadable)?;
    if rest.limit() == 0 {
        return Err(format!("it unpacks to more than {} GiB", MOST_BYTES >> 30));
    }
    match mark {
        Some(mark) if mark == system => Ok(()),
        Some(mark) => Err(format!("it was built for {}, and the host is {system}", mark.escape_default())),
        None => Err(format!("it does not say which system it is for (no {MARK} in it)")),
    }
}

/// The parts of a name that stays in its folder; `.` is the folder itself.
fn inside(name: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    for part in Path::new(name).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?.to_owned()),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts)
}

/// Whether a symbolic link stays in the folder. One way out is needed: a virtual environment's Python is the host's own.
fn harmless(path: &[String], target: &str) -> bool {
    if let Some(version) = target.strip_prefix("/usr/bin/python3") {
        return path.first().is_some_and(|first| first == "bin")
            && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    }
    !target.is_empty() && inside(target).is_some() && !target.bytes().any(|byte| byte.is_ascii_control())
}

//! The one form that an entry of a bundle may have.

use tar::{EntryType, Header};

/// The size of tar's blocks.
pub(super) const BLOCK: u64 = 512;

/// The header of an entry, the same for the same name and size. `None` for a name that no bundle holds.
pub(super) fn header(name: &str, size: u64) -> Option<Header> {
    if !plain(name) {
        return None;
    }
    let mut header = Header::new_ustar();
    header.set_path(name).ok()?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    Some(header)
}

/// How many bytes follow an entry's content up to the next block.
pub(super) const fn padding(size: u64) -> u64 {
    (BLOCK - size % BLOCK) % BLOCK
}

/// Whether a name stays below the folder that it is unpacked to, and is one that any tool takes for a file's name.
pub(super) fn plain(name: &str) -> bool {
    let part = |part: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~^%:@-".contains(&byte);
        !part.is_empty() && !part.starts_with(['.', '-']) && part.bytes().all(known)
    };
    name.len() <= 200 && name.split('/').count() <= 3 && name.split('/').all(part)
}

/// Why an entry of another form is none of ours, in words.
pub(super) fn foreign(header: &Header, name: &str) -> String {
    let kind = match header.entry_type() {
        EntryType::Symlink => "it is a symbolic link",
        EntryType::Link => "it is a link to another entry",
        EntryType::Char | EntryType::Block => "it is a device",
        EntryType::Directory => "it is a folder",
        EntryType::Fifo => "it is a pipe",
        EntryType::Regular if name.starts_with('/') => "its path is absolute",
        EntryType::Regular if name.split('/').any(|part| part == "..") => "its path leads out of the bundle",
        EntryType::Regular if !plain(name) => "its path is none that a bundle has",
        EntryType::Regular => "its header is not the one that quorate writes",
        _ => "it is no regular file",
    };
    format!("{kind}; this is not as quorate made it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_pass() {
        for good in
            ["manifest.json", "packages/libllvm19_19.1.7-3+b1_amd64.deb", "packages/repodata/repomd.xml", "a/~1:2"]
        {
            assert!(plain(good), "{good}");
            assert!(header(good, 3).is_some(), "{good}");
        }
        let long = "x".repeat(201);
        for bad in
            ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".hidden", "-rf", "a b", "a\n", "ä", "a/b/c/d", &long]
        {
            assert!(!plain(bad), "{bad}");
        }
    }

    #[test]
    fn padding_fills_the_last_block() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}

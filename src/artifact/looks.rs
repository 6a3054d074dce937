//! What wrong bytes look like: it tells an error page from a broken line from another file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// Whether a text begins as a web page does.
pub(super) fn is_page(bytes: &[u8]) -> bool {
    let start: Vec<u8> = bytes.iter().copied().skip_while(u8::is_ascii_whitespace).take(14).collect();
    let start = start.to_ascii_lowercase();
    start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
}

/// What a file that is not the pinned one looks like, to follow "is not the pinned file".
pub(super) fn looks_like(path: &Path) -> &'static str {
    let Ok(mut file) = File::open(path) else { return "" };
    let mut start = Vec::new();
    if file.by_ref().take(64).read_to_end(&mut start).is_err() {
        return "";
    }
    if start.is_empty() {
        return ", but empty";
    }
    if is_page(&start) {
        return ", but a web page (HTML)";
    }
    if start.starts_with(&[0x1f, 0x8b]) {
        let Ok(file) = File::open(path) else { return "" };
        return match std::io::copy(&mut MultiGzDecoder::new(file), &mut std::io::sink()) {
            Ok(_) => ", but another archive",
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => ", but truncated",
            Err(_) => ", but a damaged archive",
        };
    }
    if start.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        return ", but a text";
    }
    ""
}

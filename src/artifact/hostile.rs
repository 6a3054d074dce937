//! Archives as an attacker would make them, for tests: byte by byte, since tools refuse to.

use std::io::Write as _;

use super::archive::MARK;

/// One entry of 512 bytes and its content, in the old format that every reader knows.
pub(crate) fn entry(name: &str, kind: u8, mode: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, mode.as_bytes());
    put(108, b"0000000");
    put(116, b"0000000");
    put(124, format!("{:011o}", content.len()).as_bytes());
    put(136, b"00000000000");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut bytes = header.to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

pub(crate) fn file(name: &str) -> Vec<u8> {
    entry(name, b'0', "0000755", "", b"#!/bin/sh\n")
}

pub(crate) fn mark(system: &str) -> Vec<u8> {
    entry(MARK, b'0', "0000644", "", format!("{system}\n").as_bytes())
}

/// An archive of those entries, compressed.
pub(crate) fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&entries.concat()).unwrap();
    encoder.write_all(&[0; 1024]).unwrap();
    encoder.finish().unwrap()
}

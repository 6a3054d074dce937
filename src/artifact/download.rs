//! Downloads to the operator's machine: verified before anybody sees them. Blocking; run it beside the async world.

use std::io::Read as _;
use std::time::Duration;

use super::{ArtifactError, Input, Store};
use crate::cluster::{Artifacts, sha256};

/// More than any source archive; a server that sends for ever must not fill the memory.
const LARGEST: u64 = 512 << 20;

/// The bytes of a pinned download: from the inventory's folder, the cache, its mirror, or the catalogue's addresses.
///
/// `hosts_archive` is the archive that the hosts themselves use: the last to be asked.
///
/// # Errors
/// [`ArtifactError`]; bytes that are not the pinned ones are never returned and never kept.
pub fn fetch(
    input: &Input,
    artifacts: &Artifacts,
    hosts_archive: Option<&str>,
    store: &Store,
) -> Result<Vec<u8>, ArtifactError> {
    if let Some(folder) = &artifacts.folder {
        let path = folder.join(&input.file);
        if let Some(bytes) = store.read(&path)? {
            return checked(input, &path.display().to_string(), bytes);
        }
    }
    let cached = store.download(&input.sha256, &input.file);
    if let Some(bytes) = store.read(&cached)? {
        match checked(input, &cached.display().to_string(), bytes) {
            Ok(bytes) => return Ok(bytes),
            // A cache that rotted is no reason to stop: it is fetched again.
            Err(_) => drop(std::fs::remove_file(&cached)),
        }
    }
    let mut reasons = Vec::new();
    for url in addresses(input, artifacts, hosts_archive) {
        match get(&url) {
            Ok(bytes) => {
                // Wrong bytes end the search: somebody serves another file under this name, and that must be looked at.
                let bytes = checked(input, &url, bytes)?;
                store.write(&cached, &bytes)?;
                return Ok(bytes);
            }
            Err(reason) => reasons.push(format!("{url}: {reason}")),
        }
    }
    Err(ArtifactError::Unreachable { file: input.file.clone(), reasons: reasons.join("; ") })
}

/// The addresses to ask, in order.
fn addresses(input: &Input, artifacts: &Artifacts, hosts_archive: Option<&str>) -> Vec<String> {
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

fn get(url: &str) -> Result<Vec<u8>, String> {
    let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_global(Some(Duration::from_secs(600)))
        .build()
        .into();
    let mut response = agent.get(url).call().map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    response.body_mut().as_reader().take(LARGEST).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn checked(input: &Input, from: &str, bytes: Vec<u8>) -> Result<Vec<u8>, ArtifactError> {
    let got = sha256(&bytes);
    if got == input.sha256 {
        Ok(bytes)
    } else {
        Err(ArtifactError::Checksum {
            file: input.file.clone(),
            from: from.to_owned(),
            wanted: input.sha256.clone(),
            got,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        Input {
            file: "x-1.0.tar.gz".to_owned(),
            urls: vec!["https://upstream.invalid/x-1.0.tar.gz".to_owned(), "debian:pool/x_1.0.orig.tar.gz".to_owned()],
            sha256: sha256(bytes),
            source_of_sum: "this test".to_owned(),
        }
    }

    #[test]
    fn only_the_pinned_bytes_come_out_of_a_folder_or_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("cache"));
        let artifacts = Artifacts { folder: Some(folder.path().to_owned()), ..Artifacts::default() };
        let input = input(b"good");
        for bad in [&b"goo"[..], b"", b"<html>not found</html>"] {
            std::fs::write(folder.path().join(&input.file), bad).unwrap();
            assert!(matches!(fetch(&input, &artifacts, None, &store), Err(ArtifactError::Checksum { .. })));
        }
        std::fs::write(folder.path().join(&input.file), b"good").unwrap();
        assert_eq!(fetch(&input, &artifacts, None, &store).unwrap(), b"good");
    }

    #[test]
    fn the_inventory_decides_who_is_asked_first() {
        let artifacts = Artifacts {
            mirror: Some("https://mirror.invalid/".to_owned()),
            debian_archive: Some("http://archive.invalid/debian".to_owned()),
            folder: None,
        };
        assert_eq!(
            addresses(&input(b""), &artifacts, Some("http://hosts.invalid/debian")),
            [
                "https://mirror.invalid/x-1.0.tar.gz",
                "http://archive.invalid/debian/pool/x_1.0.orig.tar.gz",
                "https://upstream.invalid/x-1.0.tar.gz"
            ]
        );
        assert_eq!(
            addresses(&input(b""), &Artifacts::default(), Some("http://hosts.invalid/debian/")),
            ["https://upstream.invalid/x-1.0.tar.gz", "http://hosts.invalid/debian/pool/x_1.0.orig.tar.gz"]
        );
    }
}

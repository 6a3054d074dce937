//! Which Debian archive this machine uses: read from apt's sources, in both of their formats.

use std::fs;
use std::path::Path;

use super::error::file;
use super::spec::Suite;
use super::{Error, program};

/// Debian's releases and the names that move with them: a source of one of these is a Debian archive.
const SUITES: [&str; 10] =
    ["buster", "bullseye", "bookworm", "trixie", "forky", "sid", "stable", "oldstable", "testing", "unstable"];

/// The archive hosts are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Archive {
    /// The root of the archive: what stands before `/dists/`.
    pub(super) root: String,
    /// The root of the security archive.
    pub(super) security: String,
}

impl Archive {
    /// The archive of this machine's apt sources, or the given one with its security archive beside it.
    pub(super) fn find(given: Option<&str>) -> Result<Self, Error> {
        if let Some(root) = given {
            let root = root.trim_end_matches('/').to_owned();
            return Ok(Self { security: format!("{root}-security"), root });
        }
        let folder = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
        let mut paths: Vec<_> = folder.collect();
        paths.sort();
        paths.insert(0, Path::new("/etc/apt/sources.list").to_owned());
        let mut sources = Vec::new();
        for path in paths {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("list") => sources.extend(one_line(&text)),
                Some("sources") => sources.extend(deb822(&text)),
                _ => {}
            }
        }
        Self::choose(&sources).ok_or(Error::NoArchive)
    }

    /// The first source that is a Debian release, and the first that is one's security suite.
    fn choose(sources: &[Source]) -> Option<Self> {
        let first = |wanted: &dyn Fn(&str) -> bool| {
            let source = sources.iter().find(|source| source.suites.iter().any(|suite| wanted(suite)))?;
            Some(source.address.trim_end_matches('/').to_owned())
        };
        let root = first(&|suite| SUITES.contains(&suite))?;
        let security = first(&|suite| {
            let release = suite.strip_suffix("-security").or_else(|| suite.strip_suffix("/updates"));
            release.is_some_and(|release| SUITES.contains(&release))
        });
        Some(Self { security: security.unwrap_or_else(|| format!("{root}-security")), root })
    }

    /// The guest's apt sources in one-line format: the release, and its updates and security suites as far as they answer.
    /// What does not answer is reported to `left_out`.
    pub(super) fn sources(&self, suite: Suite, left_out: &dyn Fn(String)) -> Result<Vec<String>, Error> {
        let release = suite.as_str();
        let scratch = tempfile::tempdir().map_err(file("cannot make a folder in", std::env::temp_dir()))?;
        let downloaded = scratch.path().join("InRelease");
        let downloaded = downloaded.to_string_lossy();
        let mut lines = vec![format!("deb {} {release} main", self.root)];
        for (root, suite) in
            [(&self.root, format!("{release}-updates")), (&self.security, format!("{release}-security"))]
        {
            let probe = format!("{root}/dists/{suite}/InRelease");
            // apt's own downloader: it knows this machine's proxies and certificates.
            let arguments =
                ["-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=15", "download-file", &probe, &downloaded];
            if program::succeeds("/usr/lib/apt/apt-helper", &arguments) {
                lines.push(format!("deb {root} {suite} main"));
            } else {
                left_out(suite);
            }
        }
        Ok(lines)
    }
}

/// One source: an address and the suites read from it.
#[derive(Debug, PartialEq, Eq)]
struct Source {
    address: String,
    suites: Vec<String>,
}

/// Sources in apt's old format: `deb [options] address suite component…`.
fn one_line(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let Some(rest) = line.trim().strip_prefix("deb").filter(|rest| rest.starts_with([' ', '\t'])) else { continue };
        let rest = rest.trim_start();
        // The options' brackets may hold spaces.
        let rest = match rest.strip_prefix('[') {
            Some(options) => options.split_once(']').map_or("", |(_, rest)| rest),
            None => rest,
        };
        let mut words = rest.split_whitespace();
        if let (Some(address), Some(suite)) = (words.next(), words.next()) {
            sources.push(Source { address: address.to_owned(), suites: vec![suite.to_owned()] });
        }
    }
    sources
}

/// Sources in apt's new format: paragraphs of fields, of which `Enabled: no` is left out.
fn deb822(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let uncommented: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    for paragraph in uncommented.split(|line| line.trim().is_empty()) {
        let field = |wanted: &str| {
            let mut words = Vec::new();
            let mut inside = false;
            for line in paragraph {
                let continued = line.starts_with([' ', '\t']);
                let value = match line.split_once(':') {
                    Some((name, value)) if !continued => {
                        inside = name.trim().eq_ignore_ascii_case(wanted);
                        value
                    }
                    _ => line,
                };
                if inside {
                    words.extend(value.split_whitespace().map(str::to_owned));
                }
            }
            words
        };
        let enabled = !field("Enabled").iter().any(|word| ["no", "false", "off", "0"].contains(&word.as_str()));
        if enabled && field("Types").iter().any(|kind| kind == "deb") {
            let suites = field("Suites");
            sources.extend(field("URIs").into_iter().map(|address| Source { address, suites: suites.clone() }));
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(root: &str, security: &str) -> Archive {
        Archive { root: root.to_owned(), security: security.to_owned() }
    }

    #[test]
    fn deb822_sources_are_understood() {
        let text = "Types: deb\nURIs: https://example.org/other\nSuites: nodistro\n\n\
            # off\nEnabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: bookworm\n\n\
            Types: deb deb-src\n# a comment inside\nURIs: http://mirror.example/debian/\nSuites: bookworm\n bookworm-updates\n\n\
            Types: deb\nURIs: http://mirror.example/debian-sec\nSuites: bookworm-security\nComponents: main\n";
        let found = Archive::choose(&deb822(text));
        assert_eq!(found, Some(archive("http://mirror.example/debian", "http://mirror.example/debian-sec")));
    }

    #[test]
    fn one_line_sources_are_understood() {
        let text = "# deb http://no.example/debian sid main\ndeb-src http://src.example/debian trixie main\n\
            deb [arch=amd64 signed-by=/a b] http://tools.example/apt tools-trixie main\n\
            deb [ trusted=yes ] http://mirror.example/debian trixie main # mine\n";
        let found = Archive::choose(&one_line(text));
        assert_eq!(found, Some(archive("http://mirror.example/debian", "http://mirror.example/debian-security")));
    }

    #[test]
    fn another_distribution_is_no_debian() {
        assert_eq!(Archive::choose(&one_line("deb http://archive.example/ubuntu noble main\n")), None);
    }
}

//! The rows of the table for downloads.

use super::Word;
use super::fields::SOURCE;
use super::kind::{Field, Kind, optional, required};

pub(super) const ARTIFACTS: &[Field] = &[
    optional(
        "via",
        Kind::Choice(&["operator", "host"]),
        "operator",
        "host",
        "Who downloads: your machine, which ships what the hosts need over ssh, or the host that builds, which checks the same sums.",
    ),
    optional(
        "debian_archive",
        Kind::Text(Word::Url),
        "(none)",
        "http://archive.example/debian",
        "A Debian archive that serves upstream's own source tarballs.",
    ),
    optional(
        "mirror",
        Kind::Text(Word::Url),
        "(none)",
        "https://mirror.example/quorate",
        "A base address that is asked before upstream's: `<mirror>/<file name>`.",
    ),
    optional(
        "folder",
        Kind::Text(Word::Path),
        "(none)",
        "downloads",
        "A folder of downloads on your machine, asked before the network.",
    ),
    optional(
        "proxy",
        Kind::Text(Word::Proxy),
        "(your machine: https_proxy and http_proxy of your environment; the hosts: none)",
        "http://proxy.example:3128",
        "The proxy for downloads, on your machine and on the hosts (packages and builds).",
    ),
    optional(
        "proxy_login",
        Kind::Section(SOURCE),
        "(none)",
        "{file: proxy.login}",
        "Where the proxy's login is read from: `user:password`.",
    ),
    optional(
        "ca",
        Kind::Text(Word::Path),
        "(the system's certificates alone)",
        "company-ca.pem",
        "Certificates (PEM) that are trusted too, on your machine and on the hosts: those of a company's proxy or mirror.",
    ),
    optional(
        "pins",
        Kind::List(&Kind::Section(PIN)),
        "[]",
        "[{component: etcd, version: 3.5.21, kind: source, file: etcd-3.5.21.tar.gz, sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}]",
        "Versions of your own, beside those of the catalogue; a pin of the same component, version, kind and architecture is used instead of the catalogue's.",
    ),
];

const PIN: &[Field] = &[
    required("component", Kind::Choice(&["etcd", "patroni", "haproxy", "keepalived"]), "etcd", "What is pinned."),
    required("version", Kind::Text(Word::Version), "3.5.21", "Its version."),
    required(
        "kind",
        Kind::Choice(&["source", "release", "requirements"]),
        "source",
        "`source`: upstream's source archive. `release`: upstream's own binaries (etcd). `requirements`: a file of pip's requirements with hashes (Patroni).",
    ),
    optional("arch", Kind::Choice(&["amd64", "arm64"]), "(none)", "arm64", "The architecture, of `release` alone."),
    required(
        "file",
        Kind::Text(Word::Path),
        "etcd-3.5.21.tar.gz",
        "The plain name of the download, in `folder`, on `mirror` and in messages; of `requirements`, the path of the file on your machine.",
    ),
    optional(
        "sha256",
        Kind::Text(Word::Sha256),
        "(none)",
        "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210",
        "The sum that the download must have; not for `requirements`, whose lines have their own.",
    ),
    optional(
        "url",
        Kind::Text(Word::Url),
        "(none)",
        "https://downloads.example/etcd-3.5.21.tar.gz",
        "Where it can be downloaded; not needed if `folder` or `mirror` has it.",
    ),
];

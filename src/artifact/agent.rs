//! How this machine reaches out: proxies, certificates, limits of time.

use std::time::Duration;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy, ProxyProtocol};

use super::ArtifactError;
use crate::cluster::{Artifacts, Secret};

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Until a server, or a proxy, is connected to.
    pub(super) connect: Duration,
    /// Without a byte.
    pub(super) silence: Duration,
    /// One attempt; what has come by then is gone on with.
    pub(super) attempt: Duration,
    /// The most bytes: a server that sends for ever must not fill the disk.
    pub(super) largest: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            attempt: Duration::from_secs(900),
            largest: 512 << 20,
        }
    }
}

/// A client for one address: which proxy it goes by depends on the scheme.
pub(super) fn agent(
    url: &str,
    artifacts: &Artifacts,
    login: Option<&Secret>,
    limits: Limits,
) -> Result<Agent, ArtifactError> {
    let config = Agent::config_builder()
        .tls_config(TlsConfig::builder().root_certs(roots(artifacts)?).build())
        .proxy(proxy(url, artifacts, login, |name| std::env::var(name).ok())?)
        .http_status_as_error(false)
        // A length that is announced must be that of the file.
        .accept_encoding("identity")
        .timeout_connect(Some(limits.connect))
        .timeout_recv_response(Some(limits.silence))
        .timeout_per_read(Some(limits.silence))
        .timeout_global(Some(limits.attempt));
    Ok(config.build().into())
}

/// The certificates of this machine (`SSL_CERT_FILE` and `SSL_CERT_DIR` count), and those of the inventory.
fn roots(artifacts: &Artifacts) -> Result<RootCerts, ArtifactError> {
    let Some(path) = &artifacts.ca else { return Ok(RootCerts::PlatformVerifier) };
    let pem = std::fs::read(path).map_err(|source| ArtifactError::Store { path: path.clone(), source })?;
    let mut certificates: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        let source = std::io::Error::new(std::io::ErrorKind::InvalidData, "it holds no certificate");
        return Err(ArtifactError::Store { path: path.clone(), source });
    }
    // One store that can't be read is none: the company's certificates may be all that is needed.
    let system = rustls_native_certs::load_native_certs().certs;
    certificates.extend(system.iter().map(|der| Certificate::from_der(der).to_owned()));
    Ok(RootCerts::from(certificates))
}

/// The proxy for an address: the inventory's, or that of the environment, as curl reads it.
fn proxy(
    url: &str,
    artifacts: &Artifacts,
    login: Option<&Secret>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, ArtifactError> {
    let first = |names: [&str; 2]| names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    let scheme = if url.starts_with("https:") { ["https_proxy", "HTTPS_PROXY"] } else { ["http_proxy", "HTTP_PROXY"] };
    let from_environment = || first(scheme).or_else(|| first(["all_proxy", "ALL_PROXY"]));
    let (asked, place) = match &artifacts.proxy {
        Some(proxy) => (proxy.clone(), "artifacts.proxy"),
        None => match from_environment() {
            Some(proxy) => (proxy, "the environment"),
            None => return Ok(None),
        },
    };
    // Neither the address nor the reason is shown: a login may stand in both.
    let unusable = |_| ArtifactError::Proxy { place };
    let asked = Proxy::new(&asked).map_err(unusable)?;
    if !matches!(asked.protocol(), ProxyProtocol::Http | ProxyProtocol::Https) {
        return Err(ArtifactError::Proxy { place });
    }
    let mut builder = Proxy::builder(asked.protocol()).host(asked.host()).port(asked.port());
    let login = login.and_then(|login| login.expose().split_once(':'));
    let user = login.map(|(user, _)| user).or_else(|| asked.username());
    let password = login.map(|(_, password)| password).or_else(|| asked.password());
    if let Some(user) = user {
        builder = builder.username(user);
    }
    if let Some(password) = password {
        builder = builder.password(password);
    }
    let exceptions = first(["no_proxy", "NO_PROXY"]).unwrap_or_default();
    for exception in exceptions.split(',').map(str::trim).filter(|exception| !exception.is_empty()) {
        builder = builder.no_proxy(exception);
        // A name stands for its domain too, with and without the dot.
        let bare = exception.trim_start_matches('.');
        if !exception.contains('*') {
            builder = builder.no_proxy(bare).no_proxy(&format!(".{bare}"));
        }
    }
    builder.build().map(Some).map_err(unusable)
}

/// What of this machine's environment is reached without a proxy; empty if it does not say.
pub fn no_proxy() -> String {
    ["no_proxy", "NO_PROXY"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str, artifacts: &Artifacts, login: Option<&Secret>, environment: &[(&str, &str)]) -> Option<Proxy> {
        let variable =
            |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        proxy(url, artifacts, login, variable).unwrap()
    }

    #[test]
    fn the_inventory_wins_over_the_environment_and_the_scheme_decides_there() {
        let environment = [("https_proxy", "http://secure:1"), ("HTTP_PROXY", "http://user:pa%40ss@plain:2")];
        let none = Artifacts::default();
        assert_eq!(of("https://x/", &none, None, &environment).unwrap().host(), "secure");
        let plain = of("http://x/", &none, None, &environment).unwrap();
        assert_eq!((plain.host(), plain.port(), plain.password()), ("plain", 2, Some("pa@ss")));
        assert_eq!(of("http://x/", &none, None, &[("ALL_PROXY", "http://all:3")]).unwrap().host(), "all");
        assert!(of("http://x/", &none, None, &[("http_proxy", "")]).is_none());
        let own = Artifacts { proxy: Some("http://own:3128".to_owned()), ..Artifacts::default() };
        let login = Secret::new("me:it's: a secret".to_owned());
        let own = of("https://x/", &own, Some(&login), &environment).unwrap();
        assert_eq!((own.host(), own.username(), own.password()), ("own", Some("me"), Some("it's: a secret")));
    }

    #[test]
    fn exceptions_are_read_as_other_programs_read_them() {
        let environment = [("http_proxy", "http://p:1"), ("no_proxy", "localhost, example.org ,.corp, 10.0.0.1")];
        let proxy = of("http://x/", &Artifacts::default(), None, &environment).unwrap();
        let past = |host: &str| proxy.is_no_proxy(&format!("http://{host}/").parse().unwrap());
        for host in ["localhost", "example.org", "www.example.org", "a.corp", "corp", "10.0.0.1"] {
            assert!(past(host), "{host}");
        }
        for host in ["example.com", "notexample.org", "10.0.0.11"] {
            assert!(!past(host), "{host}");
        }
    }

    #[test]
    fn a_proxy_that_can_not_be_used_is_named_without_its_login() {
        for bad in ["socks5://user:canary-secret@p:1", "http://user:canary-secret@", "::"] {
            let environment = |name: &str| (name == "http_proxy").then(|| bad.to_owned());
            let error = proxy("http://x/", &Artifacts::default(), None, environment).unwrap_err();
            assert!(!format!("{error} {error:?} {}", error.hint()).contains("canary"), "{error}");
        }
    }
}

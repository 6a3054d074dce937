//! What the hosts' own downloads (packages, pip, `via: host`) go by: the inventory's proxy, and its certificates.

use super::{ApplyError, Run, step};
use crate::artifact::{ArtifactError, no_proxy};
use crate::cluster::{Secret, SecretName};
use crate::host::{Command, Host};

/// Beside the system's certificates, since what names a bundle names the only one. Everybody reads it: downloads run under
/// accounts of their own. The folder is gone with the next boot, and at the end of the installation.
const CERTIFICATES: &str = r#"
umask 022
folder=/run/quorate-ca
mkdir -p "$folder" || exit 1
system=/dev/null
for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
    [ ! -r "$bundle" ] || { system=$bundle; break; }
done
{ cat "$system"; echo; cat; } >"$folder/new" && mv -f "$folder/new" "$folder/bundle.pem" || exit 1
printf 'Acquire::https::CaInfo "%s/bundle.pem";\n' "$folder" >"$folder/apt.conf""#;

/// The bundle's path on the hosts.
const BUNDLE: &str = "/run/quorate-ca/bundle.pem";

impl Run<'_> {
    /// A command whose programs reach out by the inventory's proxy and certificates, as far as it names any.
    ///
    /// They read both from their environment: apt, dnf, curl, wget, pip and what stands on OpenSSL. `QUORATE_CA` is for
    /// programs that want the bundle's path as an option.
    pub(super) fn reaching(&self, mut command: Command) -> Command {
        let artifacts = &self.setting.cluster.artifacts;
        if let Some(proxy) = &artifacts.proxy {
            let login = self.setting.secrets.get(&SecretName::ProxyLogin).map(Secret::for_url);
            let proxy = match (login, proxy.split_once("://")) {
                (Some(login), Some((scheme, host))) => format!("{scheme}://{login}@{host}"),
                _ => proxy.clone(),
            };
            let mut direct = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
            direct.extend(no_proxy().split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()));
            for name in ["http_proxy", "https_proxy"] {
                command = command.variable(name, proxy.clone());
            }
            command = command.variable("no_proxy", direct.join(","));
        }
        if artifacts.ca.is_some() {
            for name in ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "QUORATE_CA"] {
                command = command.variable(name, BUNDLE);
            }
            command = command.variable("APT_CONFIG", "/run/quorate-ca/apt.conf");
        }
        command
    }

    /// Does what reaches out from a host while the inventory's certificates lie there, and takes them away whatever became of it.
    pub(super) async fn with_certificates<T>(
        &self,
        host: &Host,
        work: impl Future<Output = Result<T, ApplyError>>,
    ) -> Result<T, ApplyError> {
        self.bring_certificates(host).await?;
        let done = work.await;
        let forgotten = self.forget_certificates(host).await;
        // The work's own failure says more.
        let done = done?;
        forgotten.map(|()| done)
    }

    /// Brings the inventory's certificates to a host, if it names any.
    async fn bring_certificates(&self, host: &Host) -> Result<(), ApplyError> {
        let Some(path) = &self.setting.cluster.artifacts.ca else { return Ok(()) };
        let pem = std::fs::read(path).map_err(|source| ArtifactError::Store { path: path.clone(), source })?;
        step(self.events, host, Command::new("bringing the CA's certificates", CERTIFICATES).stdin(pem)).await.map(drop)
    }

    /// Takes them away again: nothing that serves needs them.
    async fn forget_certificates(&self, host: &Host) -> Result<(), ApplyError> {
        if self.setting.cluster.artifacts.ca.is_none() {
            return Ok(());
        }
        step(self.events, host, Command::new("clearing away the CA's certificates", "rm -rf /run/quorate-ca"))
            .await
            .map(drop)
    }
}

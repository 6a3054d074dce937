//! Downloads: own versions that can be used, and files of the operator's machine that can be read.

use super::Context;
use crate::cluster::{InstallMethod, Pin, Pinned, PinnedComponent, Version};
use crate::inventory::access::{get, list, text};
use crate::inventory::diagnostic::{Code, Diagnostic};
use crate::inventory::schema::Value;
use crate::inventory::tree::Span;

pub(super) fn check(context: &mut Context<'_>) {
    let root = Some(context.root);
    let artifacts = get(root, "artifacts");
    let mut found = Vec::new();
    let mut names: Vec<(String, Span)> = Vec::new();
    for (index, value) in list(artifacts, "pins").iter().enumerate() {
        let path = format!("artifacts.pins[{index}]");
        if context.known(&[&path]) {
            found.extend(pin(value, &path, context));
            let word = |key| text(Some(value), key).unwrap_or_default();
            let name = [word("component"), word("version"), word("kind"), word("arch")].join(" ");
            names.push((name.trim_end().to_owned(), value.span));
        }
    }
    let usable = found.is_empty() && context.known(&["artifacts.pins"]);
    if let (Some(value), Some(ca)) = (get(artifacts, "ca"), &context.cluster.artifacts.ca) {
        // As it is written: where it is looked for follows from the inventory's place.
        let path = text(artifacts, "ca").unwrap_or_default();
        let help = "write the path of a file of certificates in PEM; relative ones start at the inventory's folder";
        let problem = match (context.look)(ca) {
            Err(error) => Some(format!("the file of `artifacts.ca` can't be read: {path}: {error}")),
            Ok(Some(text)) if !text.contains("-----BEGIN CERTIFICATE-----") => {
                Some(format!("the file of `artifacts.ca` holds no certificate: {path}"))
            }
            Ok(_) => None,
        };
        found.extend(problem.map(|title| Diagnostic::new(Code::ARTIFACT_FILE, value.span, title).help(help)));
    }
    if let Some(login) = get(artifacts, "proxy_login").filter(|_| get(artifacts, "proxy").is_none()) {
        found.push(
            Diagnostic::new(Code::MISSING_KEY, login.span, "`artifacts.proxy_login` has no `artifacts.proxy`")
                .why("a login belongs to the proxy that it is for")
                .help("write `proxy: http://proxy.example:3128` beside it, or delete it"),
        );
    }
    for problem in found {
        context.report(problem);
    }
    context.twice(
        &names,
        Code::DUPLICATE_ENTRY,
        |name| format!("{name} is pinned twice"),
        "only one of the two could be used",
        "delete one of them",
    );
    if usable {
        unused(context);
    }
}

/// What is wrong with one pin.
fn pin(value: &Value, path: &str, context: &Context<'_>) -> Vec<Diagnostic> {
    let word = |key| text(Some(value), key);
    let place = |key| get(Some(value), key).map_or(value.span, |value| value.span);
    let (component, kind) = (word("component").unwrap_or_default(), word("kind").unwrap_or_default());
    let wrong = |key, title: String| Diagnostic::new(Code::PIN, place(key), format!("`{path}` {title}"));
    let kinds: &[&str] = match component {
        "patroni" => &["requirements"],
        "etcd" => &["source", "release"],
        _ => &["source"],
    };
    if !kinds.contains(&kind) {
        let why = match component {
            "patroni" => "Patroni is a virtual environment of packages, each with its own sum",
            "etcd" => "etcd is one archive, of source or of binaries",
            _ => "upstream publishes source alone",
        };
        let help = format!("write `kind: {}`", kinds.join("` or `kind: "));
        return vec![wrong("kind", format!("is of the kind {kind}, and {component} has none")).why(why).help(help)];
    }
    let mut found = Vec::new();
    match (kind, word("arch")) {
        ("release", None) => found.push(
            wrong("kind", "is a release without `arch`".to_owned())
                .why("binaries run on one architecture alone")
                .help("write `arch: amd64` or `arch: arm64`; a pin for each, if there are both"),
        ),
        ("source" | "requirements", Some(_)) => {
            found.push(wrong("arch", format!("has an `arch`, and {kind} is for all of them")).help("delete `arch`"));
        }
        _ => {}
    }
    if kind == "requirements" {
        found.extend(requirements(value, path, context));
        return found;
    }
    let file = word("file").unwrap_or_default();
    if file.contains('/') || matches!(file, "." | "..") || !file.chars().all(plain) {
        found.push(
            wrong("file", "has a file name that is not plain".to_owned())
                .why("the name is looked for in `folder` and on `mirror`, and the download is kept under it")
                .help("write the name alone, of letters, digits and `._+~-`; the address goes to `url`"),
        );
    }
    if word("sha256").is_none() {
        found.push(
            wrong("file", "has no `sha256`".to_owned())
                .why("nothing is unpacked whose sum is not known beforehand")
                .help("write `sha256:` and the sum that the publisher names"),
        );
    }
    found
}

fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '~' | '-')
}

/// A file of requirements: readable, and with a sum for each package.
fn requirements(value: &Value, path: &str, context: &Context<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for key in ["sha256", "url"] {
        if let Some(value) = get(Some(value), key) {
            let title = format!("`{path}` has `{key}`, and requirements are a file of your own");
            found.push(Diagnostic::new(Code::PIN, value.span, title).help(format!("delete `{key}`")));
        }
    }
    let span = get(Some(value), "file").map_or(value.span, |value| value.span);
    let shown = text(Some(value), "file").unwrap_or_default();
    let pinned = context.cluster.artifacts.pins.iter().find_map(|pin| match &pin.what {
        Pinned::Requirements(file) if file.ends_with(shown) => Some(file),
        _ => None,
    });
    let Some(file) = pinned else { return found };
    let title = match (context.look)(file) {
        Err(error) => format!("the requirements can't be read: {shown}: {error}"),
        Ok(Some(text)) if !hashed(&text) => {
            format!("{shown} is no list of `name==version --hash=sha256:…`")
        }
        Ok(_) => return found,
    };
    found.push(
        Diagnostic::new(Code::ARTIFACT_FILE, span, title)
            .help("make it by `pip-compile --generate-hashes`, or look at templates/build/patroni-4.1.4.txt"),
    );
    found
}

/// Whether every requirement of a file has a version and a sum. An option of pip's could fetch from elsewhere.
fn hashed(text: &str) -> bool {
    let joined = text.replace("\\\n", " ");
    let mut lines = joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    lines.peek().is_some()
        && lines.all(|line| !line.starts_with('-') && line.contains("==") && line.contains("--hash=sha256:"))
}

/// Pins of a component of which none is what the component asks for: most likely one of the two is misspelt.
fn unused(context: &mut Context<'_>) {
    let cluster = context.cluster;
    let rows = [
        (PinnedComponent::Etcd, cluster.etcd.version, cluster.etcd.install),
        (PinnedComponent::Patroni, cluster.patroni.version, cluster.patroni.install),
        (PinnedComponent::Haproxy, cluster.haproxy.version, cluster.haproxy.install),
        (PinnedComponent::Keepalived, cluster.keepalived.version, cluster.keepalived.install),
    ];
    for (component, version, install) in rows {
        let pins: Vec<&Pin> = cluster.artifacts.pins.iter().filter(|pin| pin.component == component).collect();
        let name = component.as_str();
        let keys = [format!("{name}.version"), format!("{name}.install")];
        let [version_key, install_key] = &keys;
        if pins.is_empty() || !context.known(&[version_key, install_key]) {
            continue;
        }
        // A method that is not written depends on the operating system.
        let used = |pin: &&Pin| version.is_none_or(|version| version == pin.version) && by(pin, install);
        if pins.iter().any(used) {
            continue;
        }
        let there: Vec<String> = pins.iter().map(ToString::to_string).collect();
        let asked = asked(name, version, install);
        let problem = context
            .about(
                Code::PIN_UNUSED,
                &[version_key, install_key, "artifacts.pins"],
                format!("{asked} is asked for, and no pin of {name} is of that"),
            )
            .why(format!("pinned: {}", there.join(", ")))
            .help("write the same version and kind in both places, or delete the pins that are not used");
        context.report(problem);
    }
}

/// Whether a pin belongs to a way of installing.
fn by(pin: &Pin, install: Option<InstallMethod>) -> bool {
    match (install, &pin.what) {
        (None, _) | (Some(InstallMethod::Source | InstallMethod::Release), Pinned::Requirements(_)) => true,
        (Some(InstallMethod::Package), _) => false,
        (Some(InstallMethod::Source), pinned) => matches!(pinned, Pinned::Source(_)),
        (Some(InstallMethod::Release), pinned) => matches!(pinned, Pinned::Release(..)),
    }
}

fn asked(name: &str, version: Option<Version>, install: Option<InstallMethod>) -> String {
    let version = version.map(|version| format!(" {version}")).unwrap_or_default();
    let install = match install {
        None => "",
        Some(InstallMethod::Source) => " (`install: source`)",
        Some(InstallMethod::Release) => " (`install: release`)",
        Some(InstallMethod::Package) => " (`install: package`)",
    };
    format!("{name}{version}{install}")
}

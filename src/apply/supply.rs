//! What a bundle brings to each host: built programs, and those of its packages that the host lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::build::{Programs, archive};
use super::{ApplyError, Observation, Run, Setting, all};
use crate::artifact::bundle::package_entry;
use crate::artifact::{ArtifactError, Bundle, Recipe, judge};
use crate::cluster::NodeName;
use crate::host::{Command, Host};
use crate::platform::{self, Platform};

/// What each host is sent.
pub(super) type Supplies = BTreeMap<NodeName, Supply>;

/// Index and packages for one host; hosts that need the same share the bytes.
#[derive(Debug, Clone)]
pub(super) struct Supply {
    /// Path, size and sum of each file, in the order of the bytes.
    files: Vec<String>,
    bytes: Arc<Vec<u8>>,
}

/// Arguments: how many files, then path, size and sum of each, then what is left in `$@`. Standard input: the files' bytes.
const RECEIVE: &str = r#"
umask 022
count=$1
shift
while [ "$count" -gt 0 ]; do
    case $1 in
    */*) mkdir -p "$folder/${1%/*}" || exit 1 ;;
    esac
    head -c "$2" >"$folder/$1" || exit 1
    [ "$(sha256sum <"$folder/$1")" = "$3  -" ] || { echo "$1 did not arrive whole" >&2; exit 1; }
    shift 3
    count=$((count - 1))
done
set -- "$folder" "$@"
"#;

/// For a question: nothing of it stays.
const ASIDE: &str = r#"
folder=$(mktemp -d /var/tmp/quorate-bundle-XXXXXXXX) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT PIPE TERM
"#;

/// For an installation, which goes on to its end if the line breaks: what it took is removed all the same.
const AT_HAND: &str = r#"
trap '' HUP INT PIPE TERM
folder=/var/lib/quorate/bundle
rm -rf "$folder" && mkdir -p "$folder" || exit 1
trap 'rm -rf "$folder"' EXIT
"#;

/// A script of a platform's, with the folder that it works on filled before and removed after.
fn around(place: &str, script: &str) -> String {
    format!("{place}{RECEIVE}(\n{script}\n)\nexit \"$?\"\n")
}

impl Supply {
    /// Some of a bundle's files.
    fn of<'a>(bundle: &Bundle, names: impl IntoIterator<Item = &'a str>) -> Result<Self, ApplyError> {
        let (mut files, mut bytes) = (Vec::new(), Vec::new());
        let known: BTreeMap<_, _> = bundle.packages().collect();
        for name in names {
            let Some(sum) = known.get(name) else { continue };
            files.extend([name.to_owned(), sum.size.to_string(), sum.sha256.clone()]);
            bytes.extend(bundle.read(&package_entry(name))?);
        }
        Ok(Self { files, bytes: Arc::new(bytes) })
    }

    fn command(&self, title: impl Into<String>, script: String) -> Command {
        let command = Command::new(title, script).arg((self.files.len() / 3).to_string());
        command.args(self.files.clone()).shared_stdin(Arc::clone(&self.bytes))
    }

    /// The command that installs packages from this alone; the packages' names are still to be given.
    pub(super) fn install(&self, title: String, platform: &dyn Platform) -> Command {
        self.command(title, around(AT_HAND, platform.bundle_install_script()))
    }
}

/// Whether a bundle is for these hosts and has what the plan takes. To be asked before anything is changed.
///
/// # Errors
/// [`ArtifactError::Unfit`] with everything that is missing.
pub(super) fn fits(setting: &Setting<'_>, observation: &Observation) -> Result<(), ApplyError> {
    let Some(bundle) = setting.bundle else { return Ok(()) };
    let manifest = &bundle.manifest;
    let mut reasons = BTreeSet::new();
    for (name, facts) in &observation.facts {
        let (os, arch) = (facts.os.to_string(), facts.arch.to_string());
        if (&os, &arch) != (&manifest.os, &manifest.arch) {
            reasons.insert(format!("it is for {} on {}, and {name} is {os} on {arch}", manifest.os, manifest.arch));
        }
    }
    // What it lacks for another system would be all of it.
    if !reasons.is_empty() {
        return Err(unfit(bundle, reasons).into());
    }
    for (name, plan) in &observation.plan.nodes {
        let Some(facts) = observation.facts.get(name) else { continue };
        for program in &plan.programs {
            let recipe = Recipe::of(program, &facts.os, facts.arch, setting.catalogue)?;
            let (component, version) = (program.component.as_str(), program.version.to_string());
            let held = manifest.programs.iter().filter(|held| held.component == component);
            let held: Vec<_> = held.collect();
            if held.iter().any(|held| held.key == recipe.key) {
                continue;
            }
            reasons.insert(match held.first() {
                None => format!("it has no {component}"),
                Some(held) if held.version == version => {
                    format!(
                        "its {component} {version} was made by another recipe ({}) than this one ({})",
                        held.key, recipe.key
                    )
                }
                Some(held) => format!("it has {component} {}, not {version}", held.version),
            });
        }
        let missing = plan.packages.iter().filter(|package| !manifest.packages.contains(package));
        reasons.extend(missing.map(|package| format!("it has no package {package}")));
    }
    if reasons.is_empty() { Ok(()) } else { Err(unfit(bundle, reasons).into()) }
}

fn unfit(bundle: &Bundle, reasons: impl IntoIterator<Item = String>) -> ArtifactError {
    ArtifactError::Unfit { file: bundle.path().to_owned(), reasons: reasons.into_iter().collect() }
}

impl Run<'_> {
    /// Every program that a host lacks, from a bundle.
    pub(super) fn bundled(&self, bundle: &Bundle) -> Result<Programs, ApplyError> {
        let (mut programs, mut known) = (Programs::new(), BTreeMap::new());
        for (name, plan) in &self.observation.plan.nodes {
            let Some(facts) = self.observation.facts.get(name) else { continue };
            for program in &plan.programs {
                let Recipe { key, system, .. } = Recipe::of(program, &facts.os, facts.arch, self.setting.catalogue)?;
                if !known.contains_key(&key) {
                    let bytes = bundle.program(&key)?.ok_or_else(|| unfit(bundle, [format!("it has no {key}")]))?;
                    judge(&bytes, &system).map_err(|problem| unfit(bundle, [format!("{key}: {problem}")]))?;
                    known.insert(key.clone(), archive(program, bytes));
                }
                if let Some(archive) = known.get(&key) {
                    programs.insert((name.clone(), program.root.clone()), archive.clone());
                }
            }
        }
        Ok(programs)
    }

    /// What each host has to be sent of a bundle's packages: it is asked, by the index alone.
    pub(super) async fn supplies(&self) -> Result<Supplies, ApplyError> {
        let Some(bundle) = self.setting.bundle else { return Ok(Supplies::new()) };
        let lacking = |host: &&Host| self.packages(host).is_some();
        let answers = all(self
            .fleet
            .hosts()
            .filter(lacking)
            .map(|host| async move { (host.name.clone(), self.needs(bundle, host).await) }))
        .await;
        let (mut supplies, mut shared) = (Supplies::new(), BTreeMap::<Vec<String>, Supply>::new());
        for (name, files) in answers {
            let files = files?;
            if !shared.contains_key(&files) {
                shared.insert(files.clone(), Supply::of(bundle, files.iter().map(String::as_str))?);
            }
            if let Some(supply) = shared.get(&files) {
                supplies.insert(name, supply.clone());
            }
        }
        Ok(supplies)
    }

    /// The packages that a host lacks, and its platform.
    fn packages(&self, host: &Host) -> Option<(Vec<String>, &'static dyn Platform)> {
        let packages = self.observation.plan.nodes.get(&host.name)?.packages.clone();
        let facts = self.observation.facts.get(&host.name)?;
        Some((packages, platform::of(&facts.os).ok()?)).filter(|(packages, _)| !packages.is_empty())
    }

    /// The files of a bundle that a host needs, the index first.
    async fn needs(&self, bundle: &Bundle, host: &Host) -> Result<Vec<String>, ApplyError> {
        let Some((packages, platform)) = self.packages(host) else { return Ok(Vec::new()) };
        let is_index = |name: &str| name.starts_with(platform.bundle_index());
        let index: Vec<String> =
            bundle.packages().map(|(name, _)| name.to_owned()).filter(|name| is_index(name)).collect();
        let command = Supply::of(bundle, index.iter().map(String::as_str))?
            .command("asking what it needs of the bundle", around(ASIDE, platform.bundle_needs_script()))
            .args(packages)
            .timeout(Duration::from_secs(120));
        let title = command.step.clone();
        let ask = async {
            let output = host.run(&command).await.map_err(ApplyError::Lost)?;
            if !output.success() {
                let said = output.errors();
                let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
                let said = said.get(said.len().saturating_sub(6)..).unwrap_or_default().join("; ");
                return Err(unfit(bundle, [format!("{} can't be served from it: {said}", host.name)]).into());
            }
            let known: BTreeSet<&str> = bundle.packages().map(|(name, _)| name).collect();
            let told = output.text();
            let files: Vec<&str> = told.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            match files.iter().find(|file| !known.contains(*file)) {
                Some(file) => Err(unfit(bundle, [format!("{} needs {file}, which it has not", host.name)]).into()),
                None => Ok(index.iter().map(String::as_str).chain(files).map(str::to_owned).collect()),
            }
        };
        self.events.step(host.name.as_str(), &title, ask).await
    }
}

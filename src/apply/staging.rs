//! Makes a bundle on one host that reaches the registries: programs are built and packages fetched there, and all of it comes back here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use super::build::Programs;
use super::install::PACKAGES_LIMIT;
use super::supply::Supplies;
use super::{ApplyError, Events, Observation, Run, Setting, failure, ledger, step};
use crate::artifact::bundle::{BundleWriter, BundledProgram, Manifest, Sum, Written, package_entry, program_entry};
use crate::artifact::{ArtifactError, Recipe};
use crate::cluster::{Facts, NodeName, sha256};
use crate::component::{self, Desired, Inputs, Program, Repository};
use crate::host::{Command, Fleet, Held, Host};
use crate::plan::{self, NodePlan, Plan, Survey};
use crate::platform;
use crate::verify::{Probes, Standing};

/// A folder that is gone as soon as we are.
const FOLDER: &str = r#"
folder=$(mktemp -d /var/tmp/quorate-bundle-XXXXXXXX) || exit 1
printf %s "$folder"
keep
rm -rf "$folder""#;

/// Argument: a folder. Prints sum, size and path of each file below it.
const LIST: &str = r#"
cd "$1" || exit 1
find . -type f -printf '%P\n' | sort | while IFS= read -r file; do
    printf '%s %s %s\n' "$(sha256sum <"$file" | cut -d ' ' -f 1)" "$(stat -c %s "$file")" "$file"
done"#;

/// Arguments: a folder, files in it.
const READ: &str = r#"cd "$1" && shift && cat -- "$@""#;

/// How much is read at once.
const PIECE: u64 = 32 << 20;

/// Where a bundle goes, and whether it is signed.
#[derive(Debug, Clone, Copy)]
pub struct BundleOrder<'a> {
    /// The file.
    pub place: &'a Path,
    /// The key that signs its list of sums.
    pub key: Option<&'a Path>,
}

/// What the nodes of a cluster need, all together.
struct Wanted {
    programs: Vec<Program>,
    packages: Vec<String>,
    repositories: Vec<Repository>,
}

/// Makes a bundle of all that the nodes need, on that host of the fleet. Nothing is changed there but what building needs.
///
/// # Errors
/// [`ApplyError`]: no half bundle is left.
pub async fn create_bundle(
    setting: &Setting<'_>,
    fleet: &Fleet,
    on: &NodeName,
    events: &Events,
    order: BundleOrder<'_>,
) -> Result<(Manifest, Written), ApplyError> {
    let host = fleet.host(on).ok_or_else(|| ApplyError::Bug(format!("{on} is not connected")))?;
    events.send(super::Event::Phase { name: "look" });
    let survey = look(setting, host, events).await?;
    let facts = facts(setting, host, &survey)?;
    let wanted = wanted(setting, &facts)?;
    let observation = pretend(host, &survey, &facts, &wanted);
    events.send(super::Event::Phase { name: "build" });
    let run = Run { id: String::new(), setting, fleet, events, observation: &observation, supplies: Supplies::new() };
    let programs = run.programs().await?;
    events.send(super::Event::Phase { name: "fetch" });
    let (folder, held) = folder(host).await?;
    let repository = format!("{folder}/packages");
    let fetched = fetch(host, events, &facts, &repository, &wanted).await;
    let made = match fetched {
        Ok(files) => {
            events.send(super::Event::Phase { name: "write" });
            let shelf = Shelf { setting, host, survey: &survey, facts: &facts, wanted: &wanted, programs: &programs };
            let writing = shelf.write(&repository, files, order);
            events.step("", "writing the bundle", writing).await
        }
        Err(error) => Err(error),
    };
    held.release().await;
    made
}

/// What the host is. The VIP is none of its business: it is asked about its own loopback address, which ends that look at once.
async fn look(setting: &Setting<'_>, host: &Host, events: &Events) -> Result<Survey, ApplyError> {
    let mut cluster = setting.cluster.clone();
    cluster.vip.address = std::net::Ipv4Addr::LOCALHOST;
    let command = Command::new("looking at the host", plan::survey_script()).args(plan::survey_args(&cluster, None));
    let output = events
        .step(host.name.as_str(), "looking at the host", host.run(&command))
        .await
        .map_err(|error| ApplyError::Hosts(vec![error]))?;
    Survey::parse(&output.stdout)
        .ok_or_else(|| ApplyError::Bug(format!("the survey of {} can't be read: {}", host.name, output.errors())))
}

/// The facts of a node of this host's system; what else a node is does not bear on packages and programs.
fn facts(setting: &Setting<'_>, host: &Host, survey: &Survey) -> Result<Facts, ApplyError> {
    let like = component::assumed_facts(setting.cluster).facts.into_values().next();
    let arch = crate::cluster::Arch::from_machine(&survey.machine);
    match (like, survey.os.clone(), arch) {
        (Some(like), Some(os), Some(arch)) => Ok(Facts { os, arch, ..like }),
        _ => Err(ApplyError::Unsuited(format!(
            "{} is {} on {}, which quorate does not know",
            host.name, survey.os_name, survey.machine
        ))),
    }
}

fn wanted(setting: &Setting<'_>, facts: &Facts) -> Result<Wanted, ApplyError> {
    let all = setting.cluster.nodes.iter().map(|node| (node.name.clone(), facts.clone())).collect();
    let inputs = Inputs { cluster: setting.cluster, facts: &all, secrets: setting.secrets };
    let desired = component::desired(&inputs, setting.templates)?;
    let (mut programs, mut packages, mut repositories) = (Vec::new(), BTreeSet::new(), Vec::new());
    for node in desired.nodes.into_values() {
        packages.extend(node.packages);
        programs.extend(node.programs.into_iter().filter(|one| !programs.contains(one)).collect::<Vec<_>>());
        repositories
            .extend(node.repositories.into_iter().filter(|one| !repositories.contains(one)).collect::<Vec<_>>());
    }
    Ok(Wanted { programs, packages: packages.into_iter().collect(), repositories })
}

/// The host as one that lacks every program: what a run over it would build is what the bundle takes.
fn pretend(host: &Host, survey: &Survey, facts: &Facts, wanted: &Wanted) -> Observation {
    let lacks = NodePlan { programs: wanted.programs.clone(), ..NodePlan::default() };
    Observation {
        facts: BTreeMap::from([(host.name.clone(), facts.clone())]),
        surveys: BTreeMap::from([(host.name.clone(), (survey.clone(), survey.clock))]),
        desired: Desired { nodes: BTreeMap::new(), dcs: serde_json::Value::Null, roles: BTreeMap::new() },
        nodes: BTreeMap::new(),
        data: BTreeMap::new(),
        memory: BTreeMap::new(),
        programs: BTreeMap::new(),
        python: BTreeMap::new(),
        began: Instant::now(),
        probes: Probes::new(),
        standing: Standing::default(),
        details: BTreeMap::new(),
        plan: Plan { nodes: BTreeMap::from([(host.name.clone(), lacks)]), ..Plan::default() },
    }
}

/// A folder on the host that is removed when the guard is dropped, or we are gone.
async fn folder(host: &Host) -> Result<(String, Box<dyn Held>), ApplyError> {
    let command = Command::new("making a folder", FOLDER);
    let (output, held) = host.hold(&command).await.map_err(|error| ApplyError::Hosts(vec![error]))?;
    let path = output.text().trim().to_owned();
    match held {
        Some(held) if path.starts_with("/var/tmp/quorate-bundle-") => Ok((path, held)),
        _ => Err(as_fetch(ApplyError::Step(Box::new(failure(host, &command, &output))))),
    }
}

/// Fetches packages, from the archives that the nodes would have them from; what came, by path.
async fn fetch(
    host: &Host,
    events: &Events,
    facts: &Facts,
    folder: &str,
    wanted: &Wanted,
) -> Result<BTreeMap<String, Sum>, ApplyError> {
    let platform = platform::of(&facts.os).map_err(|error| ApplyError::Bug(error.to_string()))?;
    for one in &wanted.repositories {
        let command = Command::new(format!("setting up {}", one.name), one.script).args(one.args.clone());
        step(events, host, command.timeout(PACKAGES_LIMIT)).await.map_err(as_fetch)?;
    }
    let packages = &wanted.packages;
    let title = format!("fetching {} packages and all they depend on", packages.len());
    let command = Command::new(title, platform.fetch_script()).arg(folder).args(packages).timeout(PACKAGES_LIMIT);
    step(events, host, command).await.map_err(as_fetch)?;
    let list = Command::new("reading the sums", LIST).arg(folder).timeout(PACKAGES_LIMIT);
    let output = step(events, host, list).await.map_err(as_fetch)?;
    let read = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (sha256, size, path) = (words.next()?.to_owned(), words.next()?.parse().ok()?, words.next()?.to_owned());
        Some((path, Sum { sha256, size }))
    };
    let text = output.text();
    text.lines()
        .map(|line| read(line).ok_or_else(|| ApplyError::Bug(format!("{}: no sum of a file: {line}", host.name))))
        .collect()
}

/// Everything that goes into a bundle.
struct Shelf<'a> {
    setting: &'a Setting<'a>,
    host: &'a Host,
    survey: &'a Survey,
    facts: &'a Facts,
    wanted: &'a Wanted,
    programs: &'a Programs,
}

impl Shelf<'_> {
    async fn write(
        &self,
        folder: &str,
        files: BTreeMap<String, Sum>,
        order: BundleOrder<'_>,
    ) -> Result<(Manifest, Written), ApplyError> {
        let (mut entries, mut built, mut programs) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        for program in &self.wanted.programs {
            let archive = self.programs.get(&(self.host.name.clone(), program.root.clone()));
            let archive = archive.ok_or_else(|| ApplyError::Bug(format!("{} was not built", program.component)))?;
            let recipe = Recipe::of(program, &self.facts.os, self.facts.arch, self.setting.catalogue)?;
            let entry = program_entry(&recipe.key);
            let sum = Sum { sha256: archive.sha256.clone(), size: archive.bytes.len() as u64 };
            entries.insert(entry.clone(), sum);
            built.insert(entry, std::sync::Arc::clone(&archive.bytes));
            programs.push(BundledProgram {
                component: program.component.to_string(),
                version: program.version.to_string(),
                key: recipe.key,
            });
        }
        let named = files.into_iter().map(|(path, sum)| (package_entry(&path), (path, sum)));
        let packages: BTreeMap<String, (String, Sum)> = named.collect();
        entries.extend(packages.iter().map(|(entry, (_, sum))| (entry.clone(), sum.clone())));
        let manifest = self.manifest(programs);
        let mut writer = BundleWriter::begin(order.place, &manifest, entries, order.key)?;
        for batch in batches(packages) {
            let paths = batch.iter().map(|(_, path, _)| path.clone());
            let command = Command::new("reading packages", READ).arg(folder).args(paths).timeout(PACKAGES_LIMIT);
            let output = self.host.run(&command).await.map_err(|error| ApplyError::Hosts(vec![error]))?;
            if !output.success() {
                return Err(as_fetch(ApplyError::Step(Box::new(failure(self.host, &command, &output)))));
            }
            let mut rest = output.stdout.as_slice();
            for (entry, _, size) in batch {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                let (bytes, after) = rest.split_at_checked(size).unwrap_or((rest, &[]));
                writer.add(&entry, bytes)?;
                rest = after;
            }
        }
        while let Some((entry, _)) = writer.next() {
            let entry = entry.clone();
            let bytes = built.get(&entry).ok_or_else(|| ApplyError::Bug(format!("{entry} is from nowhere")))?;
            writer.add(&entry, bytes)?;
        }
        Ok((manifest, writer.finish()?))
    }

    fn manifest(&self, programs: Vec<BundledProgram>) -> Manifest {
        Manifest {
            format_version: Manifest::format_version(),
            quorate: env!("CARGO_PKG_VERSION").to_owned(),
            created: ledger::now(),
            cluster: self.setting.cluster.name.to_string(),
            inventory_sha256: sha256(self.setting.operator.inventory.as_bytes()),
            os: self.facts.os.to_string(),
            arch: self.facts.arch.to_string(),
            made_on: self.survey.os_name.clone(),
            programs,
            packages: self.wanted.packages.clone(),
        }
    }
}

/// Files in their order, in groups that are not too large to hold: entry, path and size of each.
fn batches(packages: BTreeMap<String, (String, Sum)>) -> Vec<Vec<(String, String, u64)>> {
    let (mut all, mut size) = (Vec::<Vec<_>>::new(), PIECE);
    for (entry, (path, sum)) in packages {
        match all.last_mut() {
            Some(last) if size + sum.size <= PIECE => {
                size += sum.size;
                last.push((entry, path, sum.size));
            }
            _ => {
                size = sum.size;
                all.push(vec![(entry, path, sum.size)]);
            }
        }
    }
    all
}

/// What could not be fetched is an artifact that can't be had: nothing was changed anywhere.
fn as_fetch(error: ApplyError) -> ApplyError {
    match error {
        ApplyError::Step(failure) => ArtifactError::Fetch { host: failure.host, said: failure.said }.into(),
        ApplyError::Lost(error) => ApplyError::Hosts(vec![error]),
        other => other,
    }
}

//! Gets every program that a host lacks: from the cache, or built once per operating system and architecture.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::install::{ACCOUNTS, PACKAGES_LIMIT};
use super::{ApplyError, Run, all, failure, step};
use crate::artifact::{ArtifactError, Recipe, fetch};
use crate::cluster::{NodeName, sha256};
use crate::component::Program;
use crate::host::{Command, Host};
use crate::platform;

/// A compile on two slow cores takes minutes, not an hour.
const BUILD_LIMIT: Duration = Duration::from_secs(3600);

/// A recipe with its inputs, downloaded and verified.
struct Work {
    recipe: Recipe,
    inputs: Vec<Vec<u8>>,
}

/// Built archives by the host that needs them and the root they are unpacked to.
pub(super) type Programs = BTreeMap<(NodeName, String), Archive>;

/// A built archive.
#[derive(Debug, Clone)]
pub(super) struct Archive {
    pub(super) program: Program,
    pub(super) bytes: std::sync::Arc<Vec<u8>>,
    pub(super) sha256: String,
}

impl Run<'_> {
    /// Everything that any host lacks, ready to ship. Downloads come first: a wrong one ends the run before any host is touched.
    pub(super) async fn programs(&self) -> Result<Programs, ApplyError> {
        // By key: the recipe, the host that builds it, and the hosts that need it.
        let mut wanted: BTreeMap<String, (Recipe, NodeName, Vec<NodeName>)> = BTreeMap::new();
        for (name, plan) in &self.observation.plan.nodes {
            let Some(facts) = self.observation.facts.get(name) else { continue };
            for program in &plan.programs {
                let recipe = Recipe::of(program, &facts.os, facts.arch, self.setting.catalogue)?;
                wanted
                    .entry(recipe.key.clone())
                    .or_insert_with(|| (recipe, name.clone(), Vec::new()))
                    .2
                    .push(name.clone());
            }
        }
        let mut archives = BTreeMap::new();
        let mut missing: BTreeMap<NodeName, Vec<Work>> = BTreeMap::new();
        for (key, (recipe, builder, _)) in &wanted {
            if let Some(bytes) = self.setting.store.read(&self.setting.store.built(key))? {
                drop(archives.insert(key.clone(), archive(&recipe.program, bytes)));
            } else {
                let work = Work { recipe: recipe.clone(), inputs: self.inputs(recipe, builder).await? };
                missing.entry(builder.clone()).or_default().push(work);
            }
        }
        for (builder, recipes) in missing {
            let host =
                self.fleet.host(&builder).ok_or_else(|| ApplyError::Bug(format!("{builder} is not connected")))?;
            self.build_packages(host, &recipes).await?;
            // All at once: while one configures on one core or waits for the package index, another compiles.
            let builds = recipes.into_iter().map(|Work { recipe, inputs }| async move {
                let bytes = self.build(host, &recipe, inputs).await?;
                self.setting.store.write(&self.setting.store.built(&recipe.key), &bytes)?;
                Ok::<_, ApplyError>((recipe.key.clone(), archive(&recipe.program, bytes)))
            });
            for built in all(builds).await {
                let (key, archive) = built?;
                archives.insert(key, archive);
            }
        }
        let mut programs = Programs::new();
        for (key, (_, _, users)) in wanted {
            let Some(archive) = archives.get(&key) else { continue };
            for user in users {
                programs.insert((user, archive.program.root.clone()), archive.clone());
            }
        }
        Ok(programs)
    }

    /// A recipe's inputs, downloaded and verified on this machine.
    async fn inputs(&self, recipe: &Recipe, builder: &NodeName) -> Result<Vec<Vec<u8>>, ApplyError> {
        let archive = self.observation.surveys.get(builder).and_then(|(survey, _)| survey.archive.clone());
        let mut inputs: Vec<Vec<u8>> = recipe.own_inputs.iter().map(|text| text.as_bytes().to_vec()).collect();
        for input in &recipe.inputs {
            let (input, artifacts, store) =
                (input.clone(), self.setting.cluster.artifacts.clone(), self.setting.store.clone());
            let archive = archive.clone();
            let name = format!("fetching {}", input.file);
            let bytes = self
                .events
                .step("", &name, async move {
                    let fetched =
                        tokio::task::spawn_blocking(move || fetch(&input, &artifacts, archive.as_deref(), &store))
                            .await;
                    fetched.map_err(|error| ArtifactError::Store {
                        path: PathBuf::new(),
                        source: std::io::Error::other(error),
                    })?
                })
                .await?;
            inputs.push(bytes);
        }
        Ok(inputs)
    }

    async fn build_packages(&self, host: &Host, recipes: &[Work]) -> Result<(), ApplyError> {
        let Some(facts) = self.observation.facts.get(&host.name) else { return Ok(()) };
        let platform = platform::of(&facts.os).map_err(|error| ApplyError::Bug(error.to_string()))?;
        let mut packages: Vec<String> = Vec::new();
        for Work { recipe, .. } in recipes {
            let daemon = crate::component::daemon(recipe.program.component);
            packages.extend(
                daemon.into_iter().flat_map(|daemon| platform.build_packages(daemon)).map(|&name| name.to_owned()),
            );
        }
        packages.sort();
        packages.dedup();
        let command = Command::new("installing what the builds need", platform.install_script())
            .args(packages)
            .timeout(PACKAGES_LIMIT);
        step(self.events, host, command).await.map_err(as_build("build packages"))?;
        // Once, before the builds that run at the same time.
        let account = Command::new("making the account that builds", ACCOUNTS).args(["quorate-build", "/nonexistent"]);
        step(self.events, host, account).await.map(drop).map_err(as_build("build account"))
    }

    /// Builds one program on a host, as an unprivileged user, in a folder that is removed afterwards.
    async fn build(&self, host: &Host, recipe: &Recipe, inputs: Vec<Vec<u8>>) -> Result<Vec<u8>, ApplyError> {
        let program = &recipe.program;
        let title = format!("building {} {}", program.component, program.version);
        let platform = self.observation.facts.get(&host.name).and_then(|facts| platform::of(&facts.os).ok());
        let daemon = crate::component::daemon(program.component);
        let (unpack, packages) = platform
            .zip(daemon)
            .map_or(("", &[][..]), |(platform, daemon)| (platform.unpack_script(), platform.unpacked_packages(daemon)));
        let mut command = Command::new(title.clone(), include_str!("build.sh")).timeout(BUILD_LIMIT).args([
            program.component.to_string(),
            program.version.to_string(),
            program.root.clone(),
            packages.join(" "),
            unpack.len().to_string(),
            recipe.script.len().to_string(),
        ]);
        let mut stdin = [unpack.as_bytes(), recipe.script.as_bytes()].concat();
        for bytes in inputs {
            command = command.arg(bytes.len().to_string());
            stdin.extend_from_slice(&bytes);
        }
        let command = command.stdin(stdin).watched();
        let output = self
            .events
            .step(host.name.as_str(), &title, async {
                let output = host.run(&command).await.map_err(ApplyError::Lost)?;
                if output.success() {
                    Ok(output)
                } else {
                    let program = format!("{} {}", program.component, program.version);
                    // The archive would stand in the way of the compiler's last words.
                    let told = crate::host::Output { stdout: Vec::new(), ..output };
                    Err(ApplyError::Build { program, failure: Box::new(failure(host, &command, &told)) })
                }
            })
            .await?;
        Ok(output.stdout)
    }
}

fn archive(program: &Program, bytes: Vec<u8>) -> Archive {
    Archive { program: program.clone(), sha256: sha256(&bytes), bytes: std::sync::Arc::new(bytes) }
}

/// A failed step of the build phase is a failed build: nothing was activated.
fn as_build(program: &'static str) -> impl Fn(ApplyError) -> ApplyError {
    move |error| match error {
        ApplyError::Step(failure) => ApplyError::Build { program: program.to_owned(), failure },
        other => other,
    }
}

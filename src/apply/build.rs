//! Gets every program that a host lacks: from the cache, or built once per operating system and architecture.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::install::{ACCOUNTS, PACKAGES_LIMIT};
use super::{ApplyError, Run, all, failure, step};
use crate::artifact::{ArtifactError, Downloader, Recipe, judge};
use crate::cluster::{NodeName, SecretName, Via, sha256};
use crate::component::Program;
use crate::host::{Command, Host};
use crate::platform::{self, Platform};

/// A compile on two slow cores takes minutes, not an hour.
const BUILD_LIMIT: Duration = Duration::from_secs(3600);

/// What [`BUILD`] ends with when a download failed.
pub(super) const NOT_FETCHED: i32 = 97;

pub(super) const BUILD: &str = concat!(include_str!("archive.sh"), include_str!("build.sh"));
pub(super) const FETCH: &str = include_str!("fetch.sh");

/// What a host that downloads needs one of.
const DOWNLOADERS: &str = "for one in curl wget python3; do command -v $one && exit 0; done; exit 0";

/// A recipe with its inputs.
struct Work {
    recipe: Recipe,
    inputs: Vec<Ingredient>,
}

/// One input of a recipe.
enum Ingredient {
    /// A text of ours.
    Own(Vec<u8>),
    /// Downloaded and verified on this machine.
    File(Vec<u8>),
    /// The sum, the name and the addresses: the host that builds downloads it.
    Order(String),
}

impl Ingredient {
    /// Its word for `build.sh`, and its bytes.
    fn word(&self) -> (&'static str, &[u8]) {
        match self {
            Self::Own(bytes) => ("own", bytes),
            Self::File(bytes) => ("file", bytes),
            Self::Order(text) => ("order", text.as_bytes()),
        }
    }
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
        if let Some(bundle) = self.setting.bundle {
            return self.bundled(bundle);
        }
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
            let path = self.setting.store.built(key);
            if let Some(bytes) = self.setting.store.read(&path)? {
                // Whoever can write to the cache must not be able to write to every host.
                judge(&bytes, &recipe.system).map_err(|problem| ArtifactError::Archive { path, problem })?;
                drop(archives.insert(key.clone(), archive(&recipe.program, bytes)));
            } else {
                let work = Work { recipe: recipe.clone(), inputs: self.inputs(recipe, builder).await? };
                missing.entry(builder.clone()).or_default().push(work);
            }
        }
        for (builder, recipes) in missing {
            let host =
                self.fleet.host(&builder).ok_or_else(|| ApplyError::Bug(format!("{builder} is not connected")))?;
            let built = self.with_certificates(host, self.build_all(host, recipes)).await;
            archives.extend(built.map_err(as_build("certificates"))?);
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

    /// Builds and keeps what one host is to build, after the packages that it needs for that.
    async fn build_all(&self, host: &Host, works: Vec<Work>) -> Result<Vec<(String, Archive)>, ApplyError> {
        self.build_packages(host, &works).await?;
        // All at once: while one configures on one core or waits for the package index, another compiles.
        let builds = works.into_iter().map(|Work { recipe, inputs }| async move {
            let bytes = self.build(host, &recipe, inputs).await?;
            judge(&bytes, &recipe.system).map_err(|problem| ApplyError::Archive {
                program: format!("{} {}", recipe.program.component, recipe.program.version),
                host: host.name.to_string(),
                problem,
            })?;
            self.setting.store.write(&self.setting.store.built(&recipe.key), &bytes)?;
            Ok((recipe.key.clone(), archive(&recipe.program, bytes)))
        });
        all(builds).await.into_iter().collect()
    }

    /// A recipe's inputs: downloaded and verified on this machine, or orders for the host that builds.
    async fn inputs(&self, recipe: &Recipe, builder: &NodeName) -> Result<Vec<Ingredient>, ApplyError> {
        let archive = self.observation.surveys.get(builder).and_then(|(survey, _)| survey.archive.clone());
        let mut inputs: Vec<Ingredient> =
            recipe.own_inputs.iter().map(|text| Ingredient::Own(text.as_bytes().to_vec())).collect();
        let artifacts = &self.setting.cluster.artifacts;
        let login = self.setting.secrets.get(&SecretName::ProxyLogin).cloned();
        let downloader = Downloader::new(artifacts.clone(), login, self.setting.store.clone());
        for input in &recipe.inputs {
            if artifacts.via == Via::Host && downloader.in_folder(input)?.is_none() {
                inputs.push(Ingredient::Order(downloader.order(input, archive.as_deref())));
                continue;
            }
            let (input, downloader, archive) = (input.clone(), downloader.clone(), archive.clone());
            let name = format!("fetching {}", input.file);
            let bytes = self
                .events
                .step("", &name, async move {
                    let fetched =
                        tokio::task::spawn_blocking(move || downloader.bytes(&input, archive.as_deref())).await;
                    fetched.map_err(|error| ArtifactError::Store {
                        path: PathBuf::new(),
                        source: std::io::Error::other(error),
                    })?
                })
                .await?;
            inputs.push(Ingredient::File(bytes));
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
        let orders = recipes.iter().flat_map(|work| &work.inputs).any(|input| matches!(input, Ingredient::Order(_)));
        if orders {
            let look = Command::new("searching for a downloader", DOWNLOADERS);
            let found = step(self.events, host, look).await.map_err(as_build("a downloader"))?;
            if found.text().trim().is_empty() {
                packages.push("curl".to_owned());
            }
        }
        packages.sort();
        packages.dedup();
        if !packages.is_empty() {
            self.install_for_builds(host, platform, packages).await?;
        }
        // Once, before the builds that run at the same time.
        let account = Command::new("making the account that builds", ACCOUNTS).args(["quorate-build", "/nonexistent"]);
        step(self.events, host, account).await.map(drop).map_err(as_build("build account"))
    }

    async fn install_for_builds(
        &self,
        host: &Host,
        platform: &dyn Platform,
        packages: Vec<String>,
    ) -> Result<(), ApplyError> {
        let command = Command::new("installing what the builds need", platform.install_script())
            .args(packages)
            .timeout(PACKAGES_LIMIT);
        step(self.events, host, self.reaching(command)).await.map(drop).map_err(as_build("build packages"))
    }

    /// Builds one program on a host, as an unprivileged user, in a folder that is removed afterwards.
    async fn build(&self, host: &Host, recipe: &Recipe, inputs: Vec<Ingredient>) -> Result<Vec<u8>, ApplyError> {
        let program = &recipe.program;
        let title = format!("building {} {}", program.component, program.version);
        let platform = self.observation.facts.get(&host.name).and_then(|facts| platform::of(&facts.os).ok());
        let daemon = crate::component::daemon(program.component);
        let (unpack, packages) = platform
            .zip(daemon)
            .map_or(("", &[][..]), |(platform, daemon)| (platform.unpack_script(), platform.unpacked_packages(daemon)));
        let mut command = Command::new(title.clone(), BUILD).timeout(BUILD_LIMIT).args([
            program.component.to_string(),
            program.version.to_string(),
            program.root.clone(),
            recipe.system.clone(),
            program.interpreter.clone().unwrap_or_default(),
            packages.join(" "),
            unpack.len().to_string(),
            FETCH.len().to_string(),
            recipe.script.len().to_string(),
        ]);
        let mut stdin = [unpack, FETCH, recipe.script].concat().into_bytes();
        for input in &inputs {
            let (word, bytes) = input.word();
            command = command.arg(format!("{word}:{}", bytes.len()));
            stdin.extend_from_slice(bytes);
        }
        let command = self.reaching(command.stdin(stdin).watched());
        let output = self
            .events
            .step(host.name.as_str(), &title, async {
                let output = host.run(&command).await.map_err(ApplyError::Lost)?;
                if output.success() {
                    Ok(output)
                } else {
                    if output.code == NOT_FETCHED {
                        let file = recipe.inputs.first().map_or_else(String::new, |input| input.file.clone());
                        let said = output.errors().trim().replace('\n', "; ");
                        return Err(ArtifactError::Host { host: host.name.to_string(), file, said }.into());
                    }
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

pub(super) fn archive(program: &Program, bytes: Vec<u8>) -> Archive {
    Archive { program: program.clone(), sha256: sha256(&bytes), bytes: std::sync::Arc::new(bytes) }
}

/// A failed step of the build phase is a failed build: nothing was activated.
fn as_build(program: &'static str) -> impl Fn(ApplyError) -> ApplyError {
    move |error| match error {
        ApplyError::Step(failure) => ApplyError::Build { program: program.to_owned(), failure },
        other => other,
    }
}

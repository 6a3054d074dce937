//! Looks at all hosts: what they are, what they have, what the cluster on them says. Two questions per host, reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::judge::{self, Programs};
use super::{ApplyError, Events};
use crate::artifact::{Bundle, Catalogue, Store, system};
use crate::cluster::{Cluster, Facts, NodeName, Secrets};
use crate::component::{self, Desired, Inputs, Templates};
use crate::host::{Command, Fleet, Host, HostError, Output};
use crate::plan::{self, DataFolders, Details, ObservedNode, Plan, Preflight, Situation, Survey};
use crate::platform;
use crate::verify::{self, Finding, Level, Probes, Standing, Told, Unit};

/// What a run works with: all that comes from the operator's side.
pub struct Setting<'a> {
    /// The inventory, read.
    pub cluster: &'a Cluster,
    /// Its secrets, read.
    pub secrets: &'a Secrets,
    /// The templates.
    pub templates: &'a Templates,
    /// What may be downloaded.
    pub catalogue: &'a Catalogue,
    /// The cache of this machine.
    pub store: &'a Store,
    /// Who runs it, for the lock and the journal.
    pub operator: &'a Operator,
    /// Findings of the preflight that do not forbid going on: their ids.
    pub ignored: &'a BTreeSet<String>,
    /// Where packages and programs come from, if not from the registries: then from there alone.
    pub bundle: Option<&'a Bundle>,
}

/// Who runs what: told to whoever finds the lock taken, and kept in the journal.
#[derive(Debug, Clone, Default)]
pub struct Operator {
    /// The login name.
    pub user: String,
    /// The machine.
    pub machine: String,
    /// The verb.
    pub command: String,
    /// The inventory's text, kept with each generation.
    pub inventory: String,
}

/// What all hosts said, and what follows from it.
pub struct Observation {
    /// Each host's facts.
    pub facts: BTreeMap<NodeName, Facts>,
    /// The surveys, with the operator's clock at the middle of each question.
    pub surveys: BTreeMap<NodeName, (Survey, f64)>,
    /// What each host shall hold.
    pub desired: Desired,
    /// What each host has.
    pub nodes: BTreeMap<NodeName, ObservedNode>,
    /// The data folders on each host.
    pub data: BTreeMap<NodeName, DataFolders>,
    /// The second question in the form in which each host remembers it.
    pub(super) memory: BTreeMap<NodeName, String>,
    /// The folder of PostgreSQL's programs on each host.
    pub programs: BTreeMap<NodeName, String>,
    /// The interpreter that runs the probe on each host.
    pub python: BTreeMap<NodeName, String>,
    /// When it was begun.
    pub(super) began: Instant,
    /// What the cluster says of itself.
    pub probes: Probes,
    /// How it stands, by that.
    pub standing: Standing,
    /// The third question's answers, where it was asked.
    pub details: BTreeMap<NodeName, Details>,
    /// What is to be done.
    pub plan: Plan,
}

impl Observation {
    /// Whether the preflight permits to go on.
    ///
    /// # Errors
    /// [`ApplyError::Refused`] with all that forbids it.
    pub fn permitted(&self, setting: &Setting<'_>) -> Result<(), ApplyError> {
        let forbids = |finding: &Finding| finding.level == Level::Down && !setting.ignored.contains(finding.id);
        let refusals: Vec<Finding> = self.preflight(setting).into_iter().filter(forbids).collect();
        if refusals.is_empty() { Ok(()) } else { Err(ApplyError::Refused(refusals)) }
    }

    /// All preflight findings.
    pub fn preflight(&self, setting: &Setting<'_>) -> Vec<Finding> {
        let preflight = Preflight {
            cluster: setting.cluster,
            surveys: &self.surveys,
            nodes: &self.nodes,
            data: &self.data,
            desired: Some(&self.desired),
            plan: Some(&self.plan),
            standing: Some(&self.standing),
        };
        preflight.judge()
    }
}

/// Looks at all hosts; `sql` writes and reads a row through the VIP too.
///
/// # Errors
/// [`ApplyError::Hosts`] when any of them could not be asked, [`ApplyError::Refused`] when a host can't hold a cluster at all.
pub async fn observe(
    setting: &Setting<'_>,
    fleet: &Fleet,
    events: &Events,
    sql: bool,
) -> Result<Observation, ApplyError> {
    let began = Instant::now();
    // The first question; and what was asked last time with it, since it is mostly the same.
    let (surveys, answers) = events.step("", "looking at all hosts", survey(setting, fleet, Some(sql))).await?;
    let probes: Probes = answers
        .iter()
        .map(|(name, (answer, errors))| (name.clone(), judge::told_beside(setting, answer, errors)))
        .collect();
    let facts = facts(setting, &surveys)?;
    one_system(setting, &surveys, &facts)?;
    let inputs = Inputs { cluster: setting.cluster, facts: &facts, secrets: setting.secrets };
    let mut desired = component::desired(&inputs, setting.templates)?;
    if setting.bundle.is_some() {
        // It stands for all archives.
        desired.nodes.values_mut().for_each(|node| node.repositories.clear());
    }
    let (mut data, mut programs, mut python) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for node in inputs.nodes()? {
        let name = &node.node.name;
        let etcd = setting.cluster.etcd.data_dir.display().to_string();
        data.insert(name.clone(), DataFolders { etcd, postgresql: node.postgresql_data_dir() });
        programs.insert(name.clone(), node.postgresql_bin_dir());
        python.insert(name.clone(), node.patroni_python());
    }
    let questions = questions(&facts, &desired, &data);
    let known = answers.iter().all(|(name, (answer, _))| {
        plan::remembered(answer)
            .is_some_and(|remembered| questions.get(name).is_some_and(|(_, memory)| *memory == remembered))
    });
    let (nodes, probes) = if known && probes.values().all(Result::is_ok) {
        let nodes = nodes(&answers)?;
        let probes = with_units(probes, &nodes);
        (nodes, probes)
    } else {
        let programs = probing(&python, &programs);
        let looks = async {
            let (nodes, probes) = tokio::join!(state(fleet, &questions), judge::ask(setting, fleet, &programs, sql));
            nodes.map(|nodes| (nodes, probes))
        };
        events.step("", "reading the state of all hosts", looks).await?
    };
    let standing = Standing::of(setting.cluster, &probes);
    let mut observation = Observation {
        facts,
        surveys,
        desired,
        nodes,
        data,
        memory: questions.into_iter().map(|(name, (_, memory))| (name, memory)).collect(),
        programs,
        python,
        began,
        probes,
        standing,
        details: BTreeMap::new(),
        plan: Plan::default(),
    };
    observation.plan = Plan::make(observation.situation(setting));
    let asked = observation.unclear();
    if !asked.is_empty() {
        observation.details =
            events.step("", "reading what differs", details(setting, fleet, &observation, &asked)).await?;
        observation.plan = Plan::make(observation.situation(setting));
    }
    Ok(observation)
}

/// The probes with what the second question has found out of the services.
fn with_units(mut probes: Probes, nodes: &BTreeMap<NodeName, ObservedNode>) -> Probes {
    for (name, probe) in &mut probes {
        if let (Ok(probe), Some(node)) = (probe, nodes.get(name)) {
            probe.units = Told::Ok(verify::units(|unit| {
                let state = node.units.get(unit).cloned().unwrap_or_default();
                Unit { active: state.active, enabled: state.enabled, restarts: state.restarts }
            }));
        }
    }
    probes
}

/// What the probe is run with, by node.
fn probing(python: &BTreeMap<NodeName, String>, programs: &BTreeMap<NodeName, String>) -> Programs {
    let bin = |name: &NodeName| programs.get(name).cloned().unwrap_or_default();
    python.iter().map(|(name, python)| (name.clone(), (python.clone(), bin(name)))).collect()
}

impl Observation {
    /// What the probe is run with, by node.
    pub(super) fn probing(&self) -> Programs {
        probing(&self.python, &self.programs)
    }

    /// What a plan is made from.
    pub fn situation<'a>(&'a self, setting: &Setting<'a>) -> Situation<'a> {
        Situation {
            cluster: setting.cluster,
            desired: &self.desired,
            nodes: &self.nodes,
            details: &self.details,
            standing: &self.standing,
            data: &self.data,
        }
    }

    /// The files of which it must be known in what they differ, by node; a node without one is asked for its PostgreSQL alone.
    fn unclear(&self) -> BTreeMap<NodeName, Vec<String>> {
        let mut asked: BTreeMap<NodeName, Vec<String>> = BTreeMap::new();
        for (name, plan) in &self.plan.nodes {
            let there = |path: &String| self.nodes.get(name).is_some_and(|node| node.sums.contains_key(path));
            let paths: Vec<String> = plan.files.iter().map(|file| file.path.clone()).filter(there).collect();
            if !paths.is_empty() {
                asked.insert(name.clone(), paths);
            }
        }
        if !self.plan.settings.changes.is_empty() || !self.standing.pending.is_empty() {
            for name in &self.standing.members {
                asked.entry(name.clone()).or_default();
            }
        }
        asked
    }
}

pub(super) async fn details(
    setting: &Setting<'_>,
    fleet: &Fleet,
    observation: &Observation,
    asked: &BTreeMap<NodeName, Vec<String>>,
) -> Result<BTreeMap<NodeName, Details>, ApplyError> {
    let port = setting.cluster.postgresql.port().to_string();
    let question = |host: &Host| {
        let bin = observation.programs.get(&host.name).cloned().unwrap_or_default();
        Command::new("reading what differs", plan::details_script())
            .args([bin, port.clone()])
            .args(asked.get(&host.name).into_iter().flatten())
    };
    let answers = whole(fleet.ask_some(|host| asked.contains_key(&host.name).then(|| question(host))).await)?;
    answers
        .into_iter()
        .map(|(name, output)| {
            let details = Details::parse(&output.stdout)
                .ok_or_else(|| ApplyError::Bug(format!("what differs on {name} can't be read: {}", output.errors())))?;
            Ok((name, details))
        })
        .collect()
}

/// Every host's verdict on whether a cluster may be installed, with whatever could be asked.
///
/// # Errors
/// [`ApplyError::Hosts`] when any of them could not be asked.
pub async fn preflight(setting: &Setting<'_>, fleet: &Fleet, events: &Events) -> Result<Vec<Finding>, ApplyError> {
    match observe(setting, fleet, events, false).await {
        Ok(observation) => Ok(observation.preflight(setting)),
        Err(ApplyError::Refused(findings)) => Ok(findings),
        Err(error) => Err(error),
    }
}

/// All answers, or all failures.
pub(super) fn whole(
    answers: BTreeMap<NodeName, Result<Output, HostError>>,
) -> Result<BTreeMap<NodeName, Output>, ApplyError> {
    let (mut good, mut bad) = (BTreeMap::new(), Vec::new());
    for (name, answer) in answers {
        match answer {
            Ok(output) => drop(good.insert(name, output)),
            Err(error) => bad.push(error),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(ApplyError::Hosts(bad)) }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Asks the first question, and with it what each host remembers of the second. Where `probe` says whether to write through the VIP, the
/// cluster is asked too, all by one command: to log in and to become root costs a host as much as half of its answers.
pub(super) async fn survey(
    setting: &Setting<'_>,
    fleet: &Fleet,
    probe: Option<bool>,
) -> Result<(BTreeMap<NodeName, (Survey, f64)>, Answers), ApplyError> {
    let asked = now();
    let token = judge::token(fleet, probe.unwrap_or_default());
    let question = |host: &Host| {
        // systemd is asked by the second question already.
        let stdin = probe.map(|_| judge::asked(setting, host, false, token(host).as_deref()));
        Command::new("surveying the host", plan::survey_script())
            .args(plan::survey_args(setting.cluster, probe.map(|_| verify::PROBE)))
            .stdin(stdin.unwrap_or_default())
            .timeout(Duration::from_secs(30))
    };
    let answers = whole(fleet.ask_all(question).await)?;
    let mut surveys = BTreeMap::new();
    for (name, output) in &answers {
        let survey = Survey::parse(&output.stdout)
            .ok_or_else(|| ApplyError::Bug(format!("the survey of {name} can't be read: {}", output.errors())))?;
        surveys.insert(name.clone(), (survey, asked));
    }
    Ok((surveys, answers.into_iter().map(|(name, output)| (name, (output.stdout, output.stderr))).collect()))
}

/// Each host's raw answer: both streams.
type Answers = BTreeMap<NodeName, (Vec<u8>, Vec<u8>)>;

/// The facts of all hosts; a host that can't hold a cluster at all ends the look here, with every finding so far.
pub(super) fn facts(
    setting: &Setting<'_>,
    surveys: &BTreeMap<NodeName, (Survey, f64)>,
) -> Result<BTreeMap<NodeName, Facts>, ApplyError> {
    let vip = &setting.cluster.vip;
    let (mut facts, mut unfit) = (BTreeMap::new(), false);
    for node in &setting.cluster.nodes {
        let Some((survey, _)) = surveys.get(&node.name) else { continue };
        let interface = node.interface.as_ref().or(vip.interface.as_ref());
        match survey.facts(vip.address, interface, vip.prefix) {
            Ok(known) => drop(facts.insert(node.name.clone(), known)),
            Err(_) => unfit = true,
        }
    }
    if unfit { Err(refused(setting, surveys)) } else { Ok(facts) }
}

/// Ends the look if the hosts are of two systems. What those have in common, such as a version of PostgreSQL, is not worked
/// out: the reason given would be another one.
fn one_system(
    setting: &Setting<'_>,
    surveys: &BTreeMap<NodeName, (Survey, f64)>,
    facts: &BTreeMap<NodeName, Facts>,
) -> Result<(), ApplyError> {
    let systems: BTreeSet<String> = facts.values().map(|facts| system(&facts.os, facts.arch)).collect();
    if systems.len() > 1 { Err(refused(setting, surveys)) } else { Ok(()) }
}

/// The preflight's verdict by what the hosts are alone.
fn refused(setting: &Setting<'_>, surveys: &BTreeMap<NodeName, (Survey, f64)>) -> ApplyError {
    let nothing = (BTreeMap::new(), BTreeMap::new());
    let preflight = Preflight {
        cluster: setting.cluster,
        surveys,
        nodes: &nothing.0,
        data: &nothing.1,
        desired: None,
        plan: None,
        standing: None,
    };
    ApplyError::Refused(preflight.judge())
}

/// Each host's second question: its command, and the form in which the host remembers it.
type Questions = BTreeMap<NodeName, (Command, String)>;

fn questions(
    facts: &BTreeMap<NodeName, Facts>,
    desired: &Desired,
    data: &BTreeMap<NodeName, DataFolders>,
) -> Questions {
    let of = |(name, facts): (&NodeName, &Facts)| {
        let query = platform::of(&facts.os).map_or("true", |platform| platform.package_query());
        let args = desired.nodes.get(name).zip(data.get(name)).map(|(node, data)| plan::state_args(node, data));
        let args = args.unwrap_or_default();
        let memory = plan::state_memory(query, &args);
        let command = Command::new("reading the host's state", plan::state_script(query)).args(args);
        (name.clone(), (command, memory))
    };
    facts.iter().map(of).collect()
}

async fn state(fleet: &Fleet, questions: &Questions) -> Result<BTreeMap<NodeName, ObservedNode>, ApplyError> {
    let question = |host: &Host| questions.get(&host.name).map(|(command, _)| command.clone());
    let answers = whole(fleet.ask_some(question).await)?;
    nodes(&answers.into_iter().map(|(name, output)| (name, (output.stdout, output.stderr))).collect())
}

fn nodes(answers: &Answers) -> Result<BTreeMap<NodeName, ObservedNode>, ApplyError> {
    answers
        .iter()
        .map(|(name, (answer, errors))| {
            let node = ObservedNode::parse(answer).ok_or_else(|| {
                ApplyError::Bug(format!("the state of {name} can't be read: {}", String::from_utf8_lossy(errors)))
            })?;
            Ok((name.clone(), node))
        })
        .collect()
}

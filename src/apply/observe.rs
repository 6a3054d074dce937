//! Looks at all hosts: what they are, what they have, what the cluster on them says. Two questions per host, reads only.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{ApplyError, Events};
use crate::artifact::{Catalogue, Store};
use crate::cluster::{Cluster, Facts, Node, NodeName, Secrets};
use crate::component::{self, Desired, Inputs, Templates};
use crate::host::{Command, Fleet, Host, HostError, Output};
use crate::plan::{self, DataFolders, ObservedNode, Plan, Preflight, Survey};
use crate::platform;
use crate::verify::{Finding, Level};

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
    /// The folder of PostgreSQL's programs on each host.
    pub programs: BTreeMap<NodeName, String>,
    /// The interpreter that runs the probe on each host.
    pub python: BTreeMap<NodeName, String>,
    /// What is to be done.
    pub plan: Plan,
}

impl Observation {
    /// What forbids going on.
    pub fn refusals(&self, setting: &Setting<'_>) -> Vec<Finding> {
        self.preflight(setting).into_iter().filter(|finding| finding.level == Level::Down).collect()
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
        };
        preflight.judge()
    }
}

/// Looks at all hosts.
///
/// # Errors
/// [`ApplyError::Hosts`] when any of them could not be asked, [`ApplyError::Refused`] when a host can't hold a cluster at all.
pub async fn observe(setting: &Setting<'_>, fleet: &Fleet, events: &Events) -> Result<Observation, ApplyError> {
    let surveys = events.step("", "surveying all hosts", survey(setting, fleet)).await?;
    let facts = facts(setting, &surveys)?;
    let inputs = Inputs { cluster: setting.cluster, facts: &facts, secrets: setting.secrets };
    let desired = component::desired(&inputs, setting.templates)?;
    let (mut data, mut programs, mut python) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for node in inputs.nodes()? {
        let name = &node.node.name;
        let etcd = setting.cluster.etcd.data_dir.display().to_string();
        data.insert(name.clone(), DataFolders { etcd, postgresql: node.postgresql_data_dir() });
        programs.insert(name.clone(), node.postgresql_bin_dir());
        python.insert(name.clone(), node.patroni_python());
    }
    let nodes = events.step("", "reading the state of all hosts", state(fleet, &facts, &desired, &data)).await?;
    // Patroni never lets a node that may not lead create the database: those come last.
    let mut order: Vec<&Node> = setting.cluster.nodes.iter().collect();
    order.sort_by_key(|node| node.tags.nofailover);
    let order: Vec<NodeName> = order.into_iter().map(|node| node.name.clone()).collect();
    let postgresql =
        data.iter().map(|(name, data): (&NodeName, &DataFolders)| (name.clone(), data.postgresql.clone())).collect();
    let plan = Plan::make(&desired, &nodes, &order, &postgresql);
    Ok(Observation { facts, surveys, desired, nodes, data, programs, python, plan })
}

/// Every host's verdict on whether a cluster may be installed, with whatever could be asked.
///
/// # Errors
/// [`ApplyError::Hosts`] when any of them could not be asked.
pub async fn preflight(setting: &Setting<'_>, fleet: &Fleet, events: &Events) -> Result<Vec<Finding>, ApplyError> {
    match observe(setting, fleet, events).await {
        Ok(observation) => Ok(observation.preflight(setting)),
        Err(ApplyError::Refused(findings)) => Ok(findings),
        Err(error) => Err(error),
    }
}

/// All answers, or all failures.
fn whole(answers: BTreeMap<NodeName, Result<Output, HostError>>) -> Result<BTreeMap<NodeName, Output>, ApplyError> {
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

pub(super) async fn survey(
    setting: &Setting<'_>,
    fleet: &Fleet,
) -> Result<BTreeMap<NodeName, (Survey, f64)>, ApplyError> {
    let asked = now();
    let question = |_: &Host| {
        Command::new("surveying the host", plan::survey_script())
            .args(plan::survey_args(setting.cluster))
            .timeout(Duration::from_secs(30))
    };
    let answers = whole(fleet.ask_all(question).await)?;
    answers
        .into_iter()
        .map(|(name, output)| {
            let survey = Survey::parse(&output.stdout)
                .ok_or_else(|| ApplyError::Bug(format!("the survey of {name} can't be read: {}", output.errors())))?;
            Ok((name, (survey, asked)))
        })
        .collect()
}

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
    if !unfit {
        return Ok(facts);
    }
    let nothing = (BTreeMap::new(), BTreeMap::new());
    let preflight =
        Preflight { cluster: setting.cluster, surveys, nodes: &nothing.0, data: &nothing.1, desired: None, plan: None };
    Err(ApplyError::Refused(preflight.judge()))
}

async fn state(
    fleet: &Fleet,
    facts: &BTreeMap<NodeName, Facts>,
    desired: &Desired,
    data: &BTreeMap<NodeName, DataFolders>,
) -> Result<BTreeMap<NodeName, ObservedNode>, ApplyError> {
    let question = |host: &Host| {
        let query = facts
            .get(&host.name)
            .and_then(|facts| platform::of(&facts.os).ok())
            .map_or("true", |platform| platform.package_query());
        let args =
            desired.nodes.get(&host.name).zip(data.get(&host.name)).map(|(node, data)| plan::state_args(node, data));
        Command::new("reading the host's state", plan::state_script(query)).args(args.unwrap_or_default())
    };
    let answers = whole(fleet.ask_all(question).await)?;
    answers
        .into_iter()
        .map(|(name, output)| {
            let node = ObservedNode::parse(&output.stdout)
                .ok_or_else(|| ApplyError::Bug(format!("the state of {name} can't be read: {}", output.errors())))?;
            Ok((name, node))
        })
        .collect()
}

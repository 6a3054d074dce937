//! Asks the cluster what is true of it, and judges: for gates, at the end of a run, and for `verify` on its own.

use std::collections::BTreeMap;

use super::observe::{facts, survey};
use super::{ApplyError, Observation, Setting};
use crate::cluster::NodeName;
use crate::component::{self, Inputs};
use crate::host::{Command, Fleet, Host, HostError};
use crate::verify::{self, Finding, Probe, Probes, Scope};

/// Asks every host's cluster parts; the first host also writes and reads through the VIP if `sql`.
pub(super) async fn probe(setting: &Setting<'_>, fleet: &Fleet, observation: &Observation, sql: bool) -> Probes {
    ask(setting, fleet, &observation.python, sql).await
}

async fn ask(setting: &Setting<'_>, fleet: &Fleet, python: &BTreeMap<NodeName, String>, sql: bool) -> Probes {
    let mut random = [0_u8; 8];
    let token = getrandom::fill(&mut random).ok().map(|()| crate::cluster::hex(&random)).filter(|_| sql);
    let first = fleet.hosts().next().map(|host| host.name.clone());
    let question = |host: &Host| {
        let token = token.as_deref().filter(|_| Some(&host.name) == first.as_ref());
        let asked =
            verify::question(setting.cluster, &host.name, setting.secrets, token).unwrap_or_default().to_string();
        let interpreter = python.get(&host.name).cloned().unwrap_or_default();
        // The program is an argument of the script and so part of its text; the question holds a password and goes as input.
        Command::new(
            "asking the cluster",
            r#"[ -x "$1" ] || { echo "Patroni is not installed" >&2; exit 3; }; exec "$1" -I -c "$2""#,
        )
        .args([interpreter, verify::PROBE.to_owned()])
        .stdin(asked)
    };
    let answers = fleet.ask_all(question).await;
    let mut probes: Probes = answers
        .into_iter()
        .map(|(name, answer)| {
            let probe = answer.map_err(|error| error.to_string()).and_then(|output| {
                if output.success() {
                    let told = setting.secrets.redact(&output.text());
                    Probe::parse(told.as_bytes()).map_err(|error| error.to_string())
                } else {
                    Err(setting.secrets.redact(output.errors().lines().last().unwrap_or("no reason given")))
                }
            });
            (name, probe)
        })
        .collect();
    for node in &setting.cluster.nodes {
        probes.entry(node.name.clone()).or_insert_with(|| Err("not connected".to_owned()));
    }
    probes
}

/// The whole judgement, once.
///
/// # Errors
/// None at present; a host that does not answer is a finding.
pub(super) async fn verify(
    setting: &Setting<'_>,
    fleet: &Fleet,
    observation: &Observation,
) -> Result<Vec<Finding>, ApplyError> {
    let probes = probe(setting, fleet, observation, true).await;
    Ok(verify::judge(setting.cluster, &observation.desired.dcs, &probes, Scope::Everything))
}

/// Connects, looks and judges, with whatever hosts can be reached: a host that is down is a finding, not a failure.
///
/// # Errors
/// [`ApplyError::Hosts`] when no host at all can be reached.
pub async fn verify_now(setting: &Setting<'_>) -> Result<Vec<Finding>, ApplyError> {
    let (fleet, failures) = Fleet::connect(setting.cluster).await.map_err(|error| ApplyError::Hosts(vec![error]))?;
    if fleet.hosts().next().is_none() {
        return Err(ApplyError::Hosts(failures.into_values().collect()));
    }
    let findings = judge_fleet(setting, &fleet, &failures).await;
    fleet.close().await;
    findings
}

async fn judge_fleet(
    setting: &Setting<'_>,
    fleet: &Fleet,
    failures: &BTreeMap<NodeName, HostError>,
) -> Result<Vec<Finding>, ApplyError> {
    let mut facts = facts(setting, &survey(setting, fleet).await?)?;
    let complete = facts.len() == setting.cluster.nodes.len();
    // A host that can't be asked is taken to be like the others; what would depend on its memory is then not judged.
    if let Some(like) = facts.values().next().cloned() {
        for node in &setting.cluster.nodes {
            facts.entry(node.name.clone()).or_insert_with(|| like.clone());
        }
    }
    let inputs = Inputs { cluster: setting.cluster, facts: &facts, secrets: setting.secrets };
    let dcs = if complete { component::patroni::dcs(inputs)? } else { serde_json::Value::Null };
    let python = inputs.nodes()?.iter().map(|node| (node.node.name.clone(), node.patroni_python())).collect();
    let mut probes = ask(setting, fleet, &python, true).await;
    for (name, error) in failures {
        probes.insert(name.clone(), Err(error.to_string()));
    }
    Ok(verify::judge(setting.cluster, &dcs, &probes, Scope::Everything))
}

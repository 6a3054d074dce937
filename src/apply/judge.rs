//! Asks the cluster what is true of it, and judges: for gates, at the end of a run, and for `verify` on its own.

use std::collections::BTreeMap;

use super::observe::{facts, survey};
use super::{ApplyError, Observation, Setting};
use crate::cluster::NodeName;
use crate::component::{self, Inputs};
use crate::host::{Command, Fleet, Host, HostError, Output};
use crate::plan;
use crate::verify::{self, Finding, Probe, Probes, Scope};

/// Asks every host's cluster parts; the first host also writes and reads through the VIP if `sql`.
pub(super) async fn probe(setting: &Setting<'_>, fleet: &Fleet, observation: &Observation, sql: bool) -> Probes {
    ask(setting, fleet, &observation.probing(), sql).await
}

/// Asks one host alone.
pub(super) async fn probe_one(
    setting: &Setting<'_>,
    fleet: &Fleet,
    observation: &Observation,
    node: &NodeName,
) -> Probes {
    let Some(host) = fleet.host(node) else { return Probes::new() };
    let answer = host.run(&question(setting, host, &observation.probing(), None)).await;
    Probes::from([(node.clone(), told(setting, answer))])
}

/// The probe's answer beside that to the first question: see [`super::observe::survey`].
pub(super) fn told_beside(setting: &Setting<'_>, answer: &[u8], errors: &[u8]) -> Result<Probe, String> {
    match plan::probed(answer) {
        Some(text) => parsed(setting, &text),
        None => Err(reason(setting, &String::from_utf8_lossy(errors))),
    }
}

/// What the probe is asked on a host; `units` asks systemd too.
pub(super) fn asked(setting: &Setting<'_>, host: &Host, units: bool, token: Option<&str>) -> Vec<u8> {
    verify::question(setting.cluster, &host.name, setting.secrets, units, token).unwrap_or_default()
}

/// Of each host the text that it is to write through the VIP: the first one has one, if `sql`.
pub(super) fn token(fleet: &Fleet, sql: bool) -> impl Fn(&Host) -> Option<String> {
    let mut random = [0_u8; 8];
    let token = getrandom::fill(&mut random).ok().map(|()| crate::cluster::hex(&random)).filter(|_| sql);
    let first = fleet.hosts().next().map(|host| host.name.clone());
    move |host| token.clone().filter(|_| Some(&host.name) == first.as_ref())
}

/// The question to a host; `token` asks it to write and read that text through the VIP too.
fn question(setting: &Setting<'_>, host: &Host, programs: &Programs, token: Option<&str>) -> Command {
    let (interpreter, bin) = programs.get(&host.name).cloned().unwrap_or_default();
    // The program is an argument of the script and so part of its text; the question holds a password and goes as input.
    Command::new(
        "asking the cluster",
        // Before an upgrade the wanted version is not there yet, but the one that runs is.
        r#"interpreter=$1
[ -x "$interpreter" ] || { runs=$(readlink -f /usr/local/bin/patroni) && interpreter=${runs%/*}/python3; }
[ -x "$interpreter" ] || { echo "Patroni is not installed" >&2; exit 3; }
exec "$interpreter" -I -S -c "$2" "$3""#,
    )
    .args([interpreter, verify::PROBE.to_owned(), bin])
    .stdin(asked(setting, host, true, token))
}

fn told(setting: &Setting<'_>, answer: Result<Output, HostError>) -> Result<Probe, String> {
    let output = answer.map_err(|error| error.to_string())?;
    if output.success() { parsed(setting, &output.text()) } else { Err(reason(setting, &output.errors())) }
}

fn parsed(setting: &Setting<'_>, text: &str) -> Result<Probe, String> {
    Probe::parse(setting.secrets.redact(text).as_bytes()).map_err(|error| error.to_string())
}

fn reason(setting: &Setting<'_>, errors: &str) -> String {
    setting.secrets.redact(errors.lines().last().unwrap_or("no reason given"))
}

/// Of each node: the interpreter that runs the probe, and the folder of PostgreSQL's programs.
pub(super) type Programs = BTreeMap<NodeName, (String, String)>;

/// Asks every host, before there is an observation.
pub(super) async fn ask(setting: &Setting<'_>, fleet: &Fleet, programs: &Programs, sql: bool) -> Probes {
    let token = token(fleet, sql);
    let answers = fleet.ask_all(|host| question(setting, host, programs, token(host).as_deref())).await;
    let mut probes: Probes = answers.into_iter().map(|(name, answer)| (name, told(setting, answer))).collect();
    for node in &setting.cluster.nodes {
        probes.entry(node.name.clone()).or_insert_with(|| Err("not connected".to_owned()));
    }
    probes
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
    let mut facts = facts(setting, &survey(setting, fleet, None).await?.0)?;
    let complete = facts.len() == setting.cluster.nodes.len();
    // A host that can't be asked is taken to be like the others; what would depend on its memory is then not judged.
    if let Some(like) = facts.values().next().cloned() {
        for node in &setting.cluster.nodes {
            facts.entry(node.name.clone()).or_insert_with(|| like.clone());
        }
    }
    let inputs = Inputs { cluster: setting.cluster, facts: &facts, secrets: setting.secrets };
    let dcs = if complete { component::patroni::dcs(inputs)? } else { serde_json::Value::Null };
    let programs = inputs
        .nodes()?
        .iter()
        .map(|node| (node.node.name.clone(), (node.patroni_python(), node.postgresql_bin_dir())))
        .collect();
    let mut probes = ask(setting, fleet, &programs, true).await;
    for (name, error) in failures {
        probes.insert(name.clone(), Err(error.to_string()));
    }
    Ok(verify::judge(setting.cluster, &dcs, &probes, Scope::Everything))
}

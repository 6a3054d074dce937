//! Drives a removal: looks, asks for approval, takes the locks, then takes everything away in the removal's order. Each step can be
//! done again, and the host's own mark goes last, so a run that dies is finished by the next.

use std::collections::BTreeMap;
use std::time::Duration;

use super::observe::{facts, survey, whole};
use super::{ApplyError, Event, Events, Setting, all, ledger, locked, stay_connected, step};
use crate::cluster::{NodeName, sha256};
use crate::component::{self, Desired, Inputs, patroni};
use crate::host::journal::{self, Record};
use crate::host::{Command, Fleet, Host};
use crate::plan::{
    self, Data, DataFolders, KEPT, Leaving, Remains, Removal, RemovalStage, RemovalStep, Thing, ThingKind,
};
use crate::verify::{Finding, Level};

/// PostgreSQL's last checkpoint takes as long as its disks need.
const STOP_LIMIT: Duration = Duration::from_secs(1500);
/// Millions of files are not removed in a moment.
const DATA_LIMIT: Duration = Duration::from_secs(4 * 3600);

/// What was seen of the hosts, and what follows from it.
pub struct Farewell {
    /// What goes, in order.
    pub removal: Removal,
    /// Packages that quorate asked for, by node: they stay.
    pub packages: BTreeMap<NodeName, Vec<String>>,
    /// The data folders of each node.
    pub folders: BTreeMap<NodeName, DataFolders>,
    programs: BTreeMap<NodeName, String>,
}

/// What a run ended with.
pub struct Destroyed {
    /// What was to go.
    pub farewell: Farewell,
    /// Whether anything was done.
    pub changed: bool,
    /// Folders that stay, because something of others is in them.
    pub folders: Vec<(NodeName, String)>,
    /// The last line of the journal, which the hosts have no more.
    pub journal: Option<String>,
}

impl Farewell {
    /// Whether it may be done.
    ///
    /// # Errors
    /// [`ApplyError::Refused`] with all that forbids it.
    pub fn permitted(&self) -> Result<(), ApplyError> {
        let refused: Vec<Finding> =
            self.removal.refused.iter().filter(|finding| finding.level == Level::Down).cloned().collect();
        if refused.is_empty() { Ok(()) } else { Err(ApplyError::Refused(refused)) }
    }
}

/// Looks at all hosts of the fleet, and says what would go; changes nothing.
///
/// # Errors
/// [`ApplyError::Hosts`] when any of them could not be asked.
pub async fn farewell(
    setting: &Setting<'_>,
    fleet: &Fleet,
    events: &Events,
    data: Data,
) -> Result<Farewell, ApplyError> {
    let surveys = events.step("", "looking at all hosts", survey(setting, fleet, None)).await?.0;
    let mut facts = facts(setting, &surveys)?;
    // What a host that can't be asked should hold is not asked of it; it is only taken to be like the others.
    if let Some(like) = facts.values().next().cloned() {
        for node in &setting.cluster.nodes {
            facts.entry(node.name.clone()).or_insert_with(|| like.clone());
        }
    }
    let inputs = Inputs { cluster: setting.cluster, facts: &facts, secrets: setting.secrets };
    let desired = component::desired(&inputs, setting.templates)?;
    let (mut folders, mut programs, mut questions) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for node in inputs.nodes()? {
        let name = &node.node.name;
        let etcd = setting.cluster.etcd.data_dir.display().to_string();
        let data = DataFolders { etcd, postgresql: node.postgresql_data_dir() };
        let traces = [patroni::passfile(node.platform)];
        let wanted = desired.nodes.get(name).cloned().unwrap_or_default();
        let args = plan::remains_args(&wanted, &data, node.platform.script_files(), &traces);
        questions.insert(name.clone(), args);
        folders.insert(name.clone(), data);
        programs.insert(name.clone(), node.postgresql_bin_dir());
    }
    let nodes = events.step("", "reading what there is of ours", remains(fleet, &questions)).await?;
    let removal =
        Removal::make(Leaving { cluster: setting.cluster, desired: &desired, folders: &folders, nodes: &nodes, data });
    Ok(Farewell { removal, packages: packages(desired), folders, programs })
}

fn packages(desired: Desired) -> BTreeMap<NodeName, Vec<String>> {
    desired.nodes.into_iter().map(|(name, node)| (name, node.packages)).collect()
}

async fn remains(
    fleet: &Fleet,
    questions: &BTreeMap<NodeName, Vec<String>>,
) -> Result<BTreeMap<NodeName, Remains>, ApplyError> {
    let question = |host: &Host| {
        let args = questions.get(&host.name)?.clone();
        // Sizes of data are counted for as long as a look may take.
        let command = Command::new("reading what there is of ours", plan::remains_script()).args(args);
        Some(command.timeout(Duration::from_secs(120)))
    };
    whole(fleet.ask_some(question).await)?
        .into_iter()
        .map(|(name, output)| {
            let remains = Remains::parse(&output.stdout)
                .ok_or_else(|| ApplyError::Bug(format!("what remains on {name} can't be read: {}", output.errors())))?;
            Ok((name, remains))
        })
        .collect()
}

/// Takes a cluster away. `approve` sees what would go before anything is changed, and may refuse it.
///
/// # Errors
/// [`ApplyError`]: its exit code tells whether anything was changed.
pub async fn destroy(
    setting: &Setting<'_>,
    fleet: &mut Fleet,
    events: &Events,
    data: Data,
    approve: impl AsyncFnOnce(&Farewell) -> Result<(), ApplyError>,
) -> Result<Destroyed, ApplyError> {
    events.send(Event::Phase { name: "observe" });
    let seen = farewell(setting, fleet, events, data).await?;
    seen.permitted()?;
    if seen.removal.is_empty() {
        return Ok(Destroyed { farewell: seen, changed: false, folders: Vec::new(), journal: None });
    }
    tokio::select! {
        approved = approve(&seen) => approved?,
        () = stay_connected(fleet) => {}
    }
    let holder = ledger::holder(setting.operator)?;
    fleet.lock(&holder).await.map_err(locked)?;
    let outcome = locked_destroy(setting, fleet, events, data, seen, &holder.run).await;
    fleet.unlock().await;
    outcome
}

async fn locked_destroy(
    setting: &Setting<'_>,
    fleet: &Fleet,
    events: &Events,
    data: Data,
    approved: Farewell,
    id: &str,
) -> Result<Destroyed, ApplyError> {
    // Whoever typed a name thought about it for a while: what was shown is looked at once more.
    let seen = farewell(setting, fleet, events, data).await?;
    seen.permitted()?;
    if seen.removal.shape() != approved.removal.shape() {
        let _ = tidy(fleet, &seen).await;
        return Err(ApplyError::Stale("the hosts changed while they were being looked at".to_owned()));
    }
    let run = Leave { id, setting, fleet, events, seen: &seen, data };
    run.begins().await?;
    events.send(Event::Phase { name: "destroy" });
    events.set_serving(true);
    let done = run.carry_out().await;
    events.set_serving(false);
    if let Err(error) = &done {
        // Where the journal is gone already, so is the lock: nothing is written there.
        let _ = run.write(&[run.end(i32::from(error.exit_code()), &error.to_string())]).await;
    }
    let tidied = tidy(fleet, &seen).await;
    let folders = done?;
    tidied?;
    let journal = Some(run.end(0, "ok").line().trim_end().to_owned());
    Ok(Destroyed { farewell: seen, changed: true, folders, journal })
}

/// On hosts from which nothing was to go, the lock has left its folder.
async fn tidy(fleet: &Fleet, seen: &Farewell) -> Result<(), ApplyError> {
    let concerned = |host: &Host| seen.removal.steps.iter().any(|step| step.node == host.name);
    let question =
        |host: &Host| (!concerned(host)).then(|| Command::new("tidying up behind the lock", "rm -rf /run/quorate"));
    whole(fleet.ask_some(question).await).map(drop)
}

/// A removal under way.
struct Leave<'a> {
    id: &'a str,
    setting: &'a Setting<'a>,
    fleet: &'a Fleet,
    events: &'a Events,
    seen: &'a Farewell,
    data: Data,
}

impl Leave<'_> {
    /// Does all steps; those of one stage and rank at once. The folders that stay.
    async fn carry_out(&self) -> Result<Vec<(NodeName, String)>, ApplyError> {
        let mut rest = self.seen.removal.steps.as_slice();
        let mut stay = Vec::new();
        while let Some(first) = rest.first() {
            self.events.stop_here()?;
            let together = rest.iter().take_while(|step| (step.stage, step.rank) == (first.stage, first.rank)).count();
            let (wave, later) = rest.split_at(together);
            rest = later;
            if first.stage == RemovalStage::Memory {
                // Where the journal stays, it is to tell the end; where it goes, it tells it to whoever comes after a run that died.
                self.write(&[self.end(0, "ok")]).await?;
            }
            for done in all(wave.iter().map(|step| self.step(step))).await {
                stay.extend(done?);
            }
        }
        Ok(stay)
    }

    async fn step(&self, planned: &RemovalStep) -> Result<Vec<(NodeName, String)>, ApplyError> {
        let host = self
            .fleet
            .host(&planned.node)
            .ok_or_else(|| ApplyError::Bug(format!("{} is not connected", planned.node)))?;
        let said = self
            .events
            .action(&planned.id, async {
                step(self.events, host, self.command(planned)).await.map(|output| output.text())
            })
            .await?;
        if planned.stage != RemovalStage::Rest {
            return Ok(Vec::new());
        }
        Ok(said
            .lines()
            .filter(|line| line.starts_with('/'))
            .map(|line| (planned.node.clone(), line.to_owned()))
            .collect())
    }

    fn command(&self, planned: &RemovalStep) -> Command {
        let stage = planned.stage;
        let title = match stage {
            RemovalStage::Files => "removing files".to_owned(),
            RemovalStage::Data => "removing data".to_owned(),
            RemovalStage::Rest => "removing programs, accounts and folders".to_owned(),
            RemovalStage::Memory => "forgetting the cluster".to_owned(),
            service => format!("removing {}", service.as_str()),
        };
        match stage {
            RemovalStage::Data => {
                let args = planned.things.iter().filter_map(|thing| {
                    let data = thing.data.as_ref()?;
                    let real = if data.real.is_empty() { &thing.name } else { &data.real };
                    Some([data.kind.as_str().to_owned(), real.clone(), thing.name.clone()])
                });
                Command::new(title, include_str!("data.sh")).args(args.flatten()).timeout(DATA_LIMIT)
            }
            RemovalStage::Rest => {
                let args = planned.things.iter().map(|thing| [thing.kind.as_str().to_owned(), thing.name.clone()]);
                Command::new(title, include_str!("rest.sh")).args(args.flatten()).timeout(Duration::from_secs(600))
            }
            RemovalStage::Memory => {
                let stays: &[&str] = if self.data == Data::Stays { &KEPT } else { &[] };
                Command::new(title, include_str!("forget.sh")).args(stays.iter().copied())
            }
            _ => self.retire(title, planned),
        }
    }

    fn retire(&self, title: String, planned: &RemovalStep) -> Command {
        let of = |kind: ThingKind| {
            planned.things.iter().filter(move |thing| thing.kind == kind).map(|thing: &Thing| thing.name.clone())
        };
        let node = &planned.node;
        let patroni = planned.stage == RemovalStage::Patroni;
        let bin = self.seen.programs.get(node).filter(|_| patroni).cloned().unwrap_or_default();
        let data = self.seen.folders.get(node).filter(|_| patroni).map(|folders| folders.postgresql.clone());
        let vip = planned.stage == RemovalStage::Keepalived;
        let vip = if vip { self.setting.cluster.vip.address.to_string() } else { String::new() };
        let kinds = [ThingKind::Service, ThingKind::File, ThingKind::Reload];
        Command::new(title, include_str!("retire.sh"))
            .args(kinds.map(|kind| of(kind).count().to_string()))
            .args([vip, bin, data.unwrap_or_default()])
            .args(kinds.into_iter().flat_map(of))
            .timeout(STOP_LIMIT)
    }

    async fn begins(&self) -> Result<(), ApplyError> {
        let operator = self.setting.operator;
        let record = Record::Begin {
            run: self.id.to_owned(),
            at: ledger::now(),
            who: format!("{}@{}", operator.user, operator.machine),
            command: operator.command.clone(),
            inventory: sha256(operator.inventory.as_bytes()),
            generation: None,
            actions: self.seen.removal.steps.iter().map(|step| step.id.clone()).collect(),
        };
        self.write(&[record]).await
    }

    fn end(&self, exit: i32, result: &str) -> Record {
        let result = self.setting.secrets.redact(result);
        Record::End { run: self.id.to_owned(), at: ledger::now(), exit, result }
    }

    /// Writes into the journals of the hosts from which something goes.
    async fn write(&self, records: &[Record]) -> Result<(), ApplyError> {
        let hosts = self.fleet.hosts().filter(|host| self.seen.removal.steps.iter().any(|step| step.node == host.name));
        let writes = hosts.map(|host| async { step(self.events, host, journal::append(records)).await.map(drop) });
        all(writes).await.into_iter().collect()
    }
}

//! What a run leaves on the hosts about itself: who it was, what it did, and the generation that it proved.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::{ApplyError, Events, Observation, Operator, Run, step};
use crate::cluster::{hex, sha256};
use crate::host::journal::{ActionState, Record};
use crate::host::{self, Command, Fleet, Holder, Host, HostError, generations, journal};
use crate::plan::{PROBING, REMEMBERED, role_mark};
use crate::verify::Finding;

/// Now, as RFC 3339 in UTC.
pub(super) fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// Who takes the lock, with a new name for the run.
pub(super) fn holder(operator: &Operator) -> Result<Holder, ApplyError> {
    let run = random(4)?;
    let Operator { user, machine, command, .. } = operator;
    Holder::new(&run, user, machine, &now(), command).map_err(|error| ApplyError::Hosts(vec![error]))
}

fn random(bytes: usize) -> Result<String, ApplyError> {
    let mut random = vec![0_u8; bytes];
    getrandom::fill(&mut random)
        .map_err(|error| ApplyError::Hosts(vec![HostError::Local { reason: error.to_string() }]))?;
    Ok(hex(&random))
}

/// Whoever has the lock now, as the refusal that it would be; `None` if it is free. The first host decides, as for the lock itself.
pub(super) async fn at_work(fleet: &Fleet) -> Option<ApplyError> {
    let host = fleet.hosts().next()?;
    let output = host.run(&host::look()).await.ok()?;
    let Holder { who, host: from, since, command, .. } = serde_json::from_slice(&output.stdout).ok()?;
    Some(ApplyError::Locked(HostError::Locked { host: host.name.to_string(), who, from, since, command }))
}

/// How old a look may be to be acted upon without another one.
const FRESH: Duration = Duration::from_secs(5);

/// Whether what was seen before the lock need not be looked at again: it was just seen, and nothing was left undone.
pub(super) fn fresh(seen: &Observation) -> bool {
    seen.began.elapsed() <= FRESH && seen.nodes.values().all(|node| node.undo.is_empty())
}

/// Refuses to go on if another run was here between the look and the lock: what was approved is about another cluster.
pub(super) async fn no_other_run(fleet: &Fleet, seen: &Observation) -> Result<(), ApplyError> {
    let script =
        "stat -c %s /var/lib/quorate/journal 2>/dev/null; tail -n 200 /var/lib/quorate/journal 2>/dev/null; true";
    let answers = fleet.ask_all(|_| Command::new("reading the journal's end", script)).await;
    for (name, answer) in answers {
        let text = answer.map_err(|error| ApplyError::Hosts(vec![error]))?.text();
        // Without a journal there is no first line either.
        let (size, rest) = text.split_once('\n').unwrap_or(("", ""));
        if seen.nodes.get(&name).is_some_and(|node| node.journal == size.trim()) {
            continue;
        }
        let last = journal::records(rest).into_iter().rev().find_map(|record| match record {
            Record::Begin { at, who, command, .. } => Some(format!("{who} ran `quorate {command}` since {at}")),
            _ => None,
        });
        let who = last.unwrap_or_else(|| "a host put something back".to_owned());
        return Err(ApplyError::Stale(format!("the cluster changed while it was being looked at: {who}")));
    }
    Ok(())
}

/// Changes that a run left unconfirmed when it died are this run's to confirm or to put back: their timers must not fire into it.
const HOLD_UNDO: &str = r#"
for unit; do
    name=quorate-undo-${unit%.service}
    systemctl stop "$name.timer" 2>/dev/null
    n=0
    while systemctl is-active --quiet "$name.service" && [ $n -lt 300 ]; do sleep 0.1; n=$((n + 1)); done
done
exit 0"#;

/// Stops the timers of changes that nobody confirmed, and waits for one that just puts something back.
pub(super) async fn hold_undo(fleet: &Fleet, events: &Events, seen: &Observation) -> Result<(), ApplyError> {
    super::on_all(fleet, |host| async {
        let units = seen.nodes.get(&host.name).map(|node| node.undo.clone()).unwrap_or_default();
        if units.is_empty() {
            return Ok(());
        }
        let command = Command::new("taking unconfirmed changes over", HOLD_UNDO).args(units);
        step(events, host, command.timeout(Duration::from_secs(60))).await.map(drop)
    })
    .await
}

impl Run<'_> {
    /// The number of the generation that this run will make.
    fn generation(&self) -> u32 {
        let applied = self.observation.nodes.values().filter_map(|node| node.applied.as_ref());
        applied.map(|applied| applied.generation).max().unwrap_or(0).saturating_add(1)
    }

    /// Writes into every host's journal what is about to be done.
    pub(super) async fn begins(&self) -> Result<(), ApplyError> {
        let operator = self.setting.operator;
        let record = Record::Begin {
            run: self.id.clone(),
            at: now(),
            who: format!("{}@{}", operator.user, operator.machine),
            command: operator.command.clone(),
            inventory: sha256(operator.inventory.as_bytes()),
            generation: Some(self.generation()),
            actions: self.observation.plan.actions.iter().map(|action| action.id.clone()).collect(),
        };
        self.write(&[record]).await
    }

    /// Writes how it ended. A host that can't be reached any more does not hide why the run failed.
    pub(super) async fn ends(&self, done: &Result<(Vec<Finding>, u32), ApplyError>) -> Result<(), ApplyError> {
        let (exit, result) = match done {
            Ok(_) => (0, "ok".to_owned()),
            Err(error) => (i32::from(error.exit_code()), self.setting.secrets.redact(&error.to_string())),
        };
        let mut records: Vec<Record> = Vec::new();
        for (id, state) in self.events.actions() {
            let state = match (state, done) {
                (ActionState::Failed, Err(ApplyError::RolledBack { .. })) => ActionState::RolledBack,
                (state, _) => state,
            };
            records.push(Record::Action { run: self.id.clone(), at: now(), id, state });
        }
        records.push(Record::End { run: self.id.clone(), at: now(), exit, result });
        let written = self.write(&records).await;
        if done.is_ok() { written } else { Ok(()) }
    }

    async fn write(&self, records: &[Record]) -> Result<(), ApplyError> {
        super::on_all(self.fleet, |host| async { step(self.events, host, journal::append(records)).await.map(drop) })
            .await
    }

    /// Keeps what was proven as a generation on every host.
    pub(super) async fn keep(&self) -> Result<u32, ApplyError> {
        let number = self.generation();
        let salt = random(16)?;
        let desired = &self.observation.desired;
        let roles: BTreeMap<&String, String> =
            desired.roles.iter().map(|(name, content)| (name, role_mark(&salt, content.expose()))).collect();
        let operator = self.setting.operator;
        let record = json!({
            "generation": number,
            "run": self.id,
            "at": now(),
            "who": format!("{}@{}", operator.user, operator.machine),
            "command": operator.command,
            "quorate": env!("CARGO_PKG_VERSION"),
            "salt": salt,
            "roles": roles,
        })
        .to_string();
        super::on_all(self.fleet, |host| {
            let files = desired.nodes.get(&host.name).map(|node| node.files.as_slice()).unwrap_or_default();
            let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
            let settings = desired.dcs.to_string();
            let keep = generations::write(number, &record, &operator.inventory, &settings, paths);
            let remember = self.remember(host);
            async move {
                let (kept, remembered) = tokio::join!(step(self.events, host, keep), step(self.events, host, remember));
                kept.and(remembered).map(drop)
            }
        })
        .await?;
        Ok(number)
    }

    /// Lets a host remember what it was asked, so that the next look needs one question.
    fn remember(&self, host: &Host) -> Command {
        const REMEMBER: &str = r#"
printf '%s' "$2" >"$1.new" && mv -f "$1.new" "$1" && printf '%s %s\n' "$4" "$5" >"$3.new" && mv -f "$3.new" "$3""#;
        let memory = self.observation.memory.get(&host.name).cloned().unwrap_or_default();
        let (interpreter, bin) = self.observation.probing().remove(&host.name).unwrap_or_default();
        let args = [REMEMBERED.to_owned(), memory, PROBING.to_owned(), interpreter, bin];
        Command::new("remembering the questions", REMEMBER).args(args)
    }
}

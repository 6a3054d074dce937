//! `quorate destroy`: the one verb that deletes data.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use quorate::apply::{self, ApplyError, Destroyed, Event, Events, Farewell};
use quorate::cluster::NodeName;
use quorate::host::{Fleet, HostError};
use quorate::plan::Data;
use quorate::report::{self, Progress};
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::side::Side;

/// Options of `destroy`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Destroy {
    /// The cluster's name, for where there is no terminal to type it at
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Leave the data of PostgreSQL and etcd where it is
    #[arg(long)]
    keep_data: bool,
    /// Go on without hosts that can't be reached; everything stays there
    #[arg(long)]
    skip_unreachable: bool,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

const EXAMPLES: &str =
    "Nothing brings the data back. Packages of the operating system stay, since others may need them.

Examples:
  quorate destroy --dry-run      shows what would go from which host
  quorate destroy                shows that, and wants the cluster's name typed
  quorate destroy --confirm ha   the same in a job, for the cluster named ha
  quorate destroy --keep-data    all but the databases; `apply` takes them up again";

impl Destroy {
    const fn data(&self) -> Data {
        if self.keep_data { Data::Stays } else { Data::Goes }
    }
}

/// Shows what goes, has the cluster's name typed, and takes it away.
pub(crate) fn run(context: &Context, verb: &Destroy) -> Result<ExitCode, Failure> {
    let words = if verb.keep_data { "destroy --keep-data" } else { "destroy" };
    let side = Side::read(context, words, BTreeSet::new())?;
    let name = side.cluster.name.as_str();
    let hint = format!("type `{}`", context.command(&format!("{words} --confirm {name}")));
    if let Some(typed) = verb.confirm.as_deref().filter(|typed| *typed != name) {
        return Err(Failure::usage(format!("{typed:?} is not the name of this inventory's cluster, {name:?}"), hint));
    }
    if verb.confirm.is_none() && !verb.dry_run && !context.can_ask() {
        return Err(Failure::usage("there is no terminal to type the cluster's name at; nothing was contacted", hint));
    }
    if context.json {
        drop(context.json_lines("destroy")?);
    }
    let mut progress = Progress::new(context.err, context.live, Context::note);
    let (events, mut received) = Events::channel();
    let switch = events.switch();
    let job = Job { context, side: &side, verb, words };
    let work = async {
        let (mut fleet, silent) = job.fleet().await?;
        let work = async {
            let done = job.work(&mut fleet, &events).await;
            drop(events);
            done
        };
        let show = async {
            let mut tick = tokio::time::interval(std::time::Duration::from_secs(5));
            loop {
                tokio::select! {
                    event = received.recv() => {
                        let Some(event) = event else { break };
                        job.show(&event, &mut progress);
                    }
                    _ = tick.tick() => progress.heartbeat(),
                }
            }
        };
        let (done, ()) = tokio::join!(work, show);
        fleet.close().await;
        done.map(|done| (done, silent))
    };
    let (done, silent) = Context::block_on_run(&switch, work).map_err(|failure| failure.redacted(&side.secrets))?;
    job.close(&done, &silent)?;
    Ok(ExitCode::SUCCESS)
}

/// What an apply would say to do next is not what a removal's operator does.
fn failed(context: &Context, words: &str, error: ApplyError) -> Failure {
    let same = context.command(words);
    let hint = match &error {
        ApplyError::Refused(_) => format!("nothing of it was done; mend what is named above, then run `{same}` again"),
        ApplyError::NotApproved(_) => {
            format!("`{}` shows what would go", context.command(&format!("{words} --dry-run")))
        }
        ApplyError::Stale(_) => format!("run `{same}` again: it shows what is there now"),
        ApplyError::Step(_) | ApplyError::Lost(_) => {
            format!("mend the cause, then run `{same}` again: it goes on where this one stopped")
        }
        ApplyError::Stopped(_) => format!("run `{same}` again: it goes on where this one stopped"),
        _ => return error.into(),
    };
    let stopped = matches!(error, ApplyError::Stopped(_));
    let mut failure = Failure { hints: vec![hint], ..error.into() };
    if stopped {
        "stopped by a signal between two steps; the rest of the cluster is there still"
            .clone_into(&mut failure.message);
    }
    failure
}

struct Job<'a> {
    context: &'a Context,
    side: &'a Side,
    verb: &'a Destroy,
    words: &'a str,
}

impl Job<'_> {
    /// The hosts that take part, and those that don't.
    async fn fleet(&self) -> Result<(Fleet, BTreeMap<NodeName, HostError>), Failure> {
        let (fleet, silent) = Context::reachable(&self.side.cluster).await?;
        if silent.is_empty() || (self.verb.skip_unreachable && fleet.hosts().next().is_some()) {
            return Ok((fleet, silent));
        }
        fleet.close().await;
        let mut failure = Failure::from(ApplyError::Hosts(silent.into_values().collect()));
        if !self.verb.skip_unreachable {
            failure.hints.push("`--skip-unreachable` goes on without it; everything stays on that host".to_owned());
        }
        Err(failure)
    }

    async fn work(&self, fleet: &mut Fleet, events: &Events) -> Result<Destroyed, Failure> {
        let setting = self.side.setting();
        if self.verb.dry_run {
            let farewell =
                apply::farewell(&setting, fleet, events, self.verb.data()).await.map_err(|error| self.failed(error))?;
            self.shown(&farewell)?;
            farewell.permitted().map_err(|error| self.failed(error))?;
            return Ok(Destroyed { farewell, changed: false, folders: Vec::new(), journal: None });
        }
        let approve = async |farewell: &Farewell| self.approve(farewell).await;
        apply::destroy(&setting, fleet, events, self.verb.data(), approve).await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: ApplyError) -> Failure {
        failed(self.context, self.words, error)
    }

    /// What would go is shown; then the name has to be typed.
    async fn approve(&self, farewell: &Farewell) -> Result<(), ApplyError> {
        // What was done so far is shown before that: a line drawn later would wipe the question away.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        self.shown(farewell).map_err(|failure| ApplyError::Bug(failure.message))?;
        if self.verb.confirm.is_some() {
            return Ok(());
        }
        let name = self.side.cluster.name.as_str();
        let what = if self.verb.keep_data {
            "take the cluster away, and keep its data"
        } else {
            "delete all of this, data too"
        };
        let typed = self.context.typed(&format!("to {what}, type the cluster's name:")).await;
        match typed.as_deref().map(str::trim) {
            Some(typed) if typed == name => Ok(()),
            _ => Err(ApplyError::NotApproved("what was typed is not the cluster's name".to_owned())),
        }
    }

    fn shown(&self, farewell: &Farewell) -> Result<(), Failure> {
        let (context, removal) = (self.context, &farewell.removal);
        if context.json {
            let mut lines = context.json_lines("destroy")?;
            for step in &removal.steps {
                lines.record("step", step)?;
            }
            for (node, what) in &removal.stays {
                lines.record("stays", &json!({"node": node, "what": what}))?;
            }
        } else if self.verb.dry_run && !removal.is_empty() {
            Context::print(&report::removal(removal, context.out));
        } else if !removal.is_empty() {
            let databases: Vec<&str> =
                self.side.cluster.postgresql.databases.iter().map(|database| database.name.as_str()).collect();
            let databases =
                if databases.is_empty() { String::new() } else { format!(", with {}", databases.join(", ")) };
            Context::note(&format!("the cluster {}{databases}:", self.side.cluster.name));
            Context::note(report::removal(removal, context.err).trim_end());
        }
        Ok(())
    }

    fn show<F: Fn(&str)>(&self, event: &Event, progress: &mut Progress<F>) {
        if self.context.json
            && let Ok(mut lines) = self.context.json_lines("destroy")
        {
            let _ = lines.tagged(event);
        }
        progress.show(event);
    }

    /// The closing words.
    fn close(&self, done: &Destroyed, silent: &BTreeMap<NodeName, HostError>) -> Result<(), Failure> {
        let (context, removal) = (self.context, &done.farewell.removal);
        let cluster = &self.side.cluster;
        let left: Vec<(String, String)> = done
            .folders
            .iter()
            .map(|(node, folder)| (node.to_string(), format!("{folder}: something of others is in it")))
            .chain(removal.stays.iter().map(|(node, what)| (node.to_string(), what.clone())))
            .chain(silent.iter().map(|(node, error)| (node.to_string(), format!("everything, data too: {error}"))))
            .collect();
        let packages: BTreeSet<&str> = done
            .farewell
            .packages
            .iter()
            .filter(|(node, _)| removal.steps.iter().any(|step| step.node == **node))
            .flat_map(|(_, packages)| packages.iter().map(String::as_str))
            .collect();
        if context.json {
            let result = json!({
                "exit": 0,
                "changed": done.changed,
                "left": left.iter().map(|(node, what)| json!({"node": node, "what": what})).collect::<Vec<_>>(),
                "packages": packages,
                "journal": done.journal,
            });
            context.json_lines("destroy")?.record("result", &result)?;
            return Ok(());
        }
        if removal.is_empty() {
            Context::print(&format!("nothing to do: no host that answers has anything of {}\n", cluster.name));
        } else if done.changed {
            Context::print(&format!("{} is gone\n", cluster.name));
        }
        for (node, what) in &left {
            Context::print(&format!("left on {node}: {}\n", report::plain(what)));
        }
        if !packages.is_empty() && done.changed {
            let packages: Vec<&str> = packages.into_iter().collect();
            Context::print(&format!("packages stay, since others may need them: {}\n", packages.join(" ")));
        }
        if self.verb.keep_data && done.changed {
            Context::print(&format!("`{}` takes the data up again\n", context.command("apply")));
        }
        if let Some(line) = &done.journal {
            Context::note(&format!("the last line of the journal: {line}"));
        }
        Ok(())
    }
}

//! One run at a time: a lock on every host, held by a process there that our heartbeat feeds.
//!
//! The first host in the order of names decides who wins, so that two runs that begin at once can't each hold half of the
//! hosts. The holder's name and token lie beside the lock; every further command of the run looks for the token first.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::frame::random_word;
use super::{Command, Host, HostError, Output};

/// The exit code of the lock script when another has the lock.
const HELD: i32 = 90;

/// How long the hosts behind the first are waited for: longer than a run that vanished keeps its lock.
pub(super) const PATIENCE: Duration = Duration::from_secs(35);

/// Whose run has the lock; what lies in `/run/quorate/holder`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The word that the run's commands show.
    pub token: String,
    /// The run's name in the journal.
    pub run: String,
    /// Whose run it is.
    pub who: String,
    /// The machine that it runs on.
    pub host: String,
    /// When it began, RFC 3339 in UTC.
    pub since: String,
    /// Its verb.
    pub command: String,
}

impl Holder {
    /// A holder with a token that nobody has had yet.
    ///
    /// # Errors
    /// [`HostError::Local`] when the system gives no random bytes.
    pub fn new(run: &str, who: &str, host: &str, since: &str, command: &str) -> Result<Self, HostError> {
        let [run, who, host, since, command] = [run, who, host, since, command].map(str::to_owned);
        Ok(Self { token: random_word()?, run, who, host, since, command })
    }
}

/// Frees the lock of one host by killing the process that has it; prints the holder, or nothing if it was free.
pub fn break_lock() -> Command {
    Command::new("freeing the lock", include_str!("unlock.sh"))
}

/// Prints the holder, if the lock is held.
pub fn look() -> Command {
    let script = "[ ! -e /run/quorate/lock ] || flock -n /run/quorate/lock true || cat /run/quorate/holder";
    Command::new("looking at the lock", script)
}

/// The command that takes the lock and keeps it. [`PATIENCE`] is its own limit; ours is only for a host that hangs.
pub(super) fn take(holder: &Holder, wait: Duration) -> Command {
    let line = serde_json::to_string(holder).unwrap_or_default();
    Command::new("taking the lock", include_str!("lock.sh"))
        .args([wait.as_secs().to_string(), holder.token.clone(), line])
        .timeout(wait + Duration::from_secs(15))
}

/// What the answer to [`take`] says against us, if it does.
pub(super) fn refusal(host: &Host, output: &Output) -> Option<HostError> {
    let name = host.name.to_string();
    match output.code {
        0 => None,
        HELD => {
            let unknown = || "somebody".to_owned();
            let holder: Option<Holder> = serde_json::from_slice(&output.stdout).ok();
            let (who, from, since, command) = match holder {
                Some(holder) => (holder.who, holder.host, holder.since, holder.command),
                None => (unknown(), "an unknown machine".to_owned(), "an unknown time".to_owned(), "?".to_owned()),
            };
            Some(HostError::Locked { host: name, who, from, since, command })
        }
        code => {
            let reason = format!("the lock could not be taken (exit code {code}): {}", output.errors().trim());
            Some(HostError::Shell { host: name, reason })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::super::real_shell::{Machine, shells};
    use super::*;

    fn holder(who: &str) -> Holder {
        Holder::new("r1", who, "ws\"1", "2026-11-25T14:00:00Z", "apply").unwrap()
    }

    fn holder_now(machine: &Machine) -> Option<Holder> {
        serde_json::from_str(&machine.read("/run/quorate/holder")?).ok()
    }

    /// Whether the lock can be had at once.
    fn is_free(machine: &Machine) -> bool {
        machine.run(&Command::new("test", "flock -n /run/quorate/lock true")).success()
    }

    #[test]
    fn a_lock_is_held_until_the_input_ends_and_says_whose_it_is() {
        for shell in shells() {
            let machine = Machine::new(shell);
            let mine = holder("aki");
            let (mut child, output) = machine.hold(&take(&mine, Duration::ZERO));
            assert_eq!(output.code, 0);
            assert_eq!(holder_now(&machine), Some(mine.clone()));
            assert_eq!(
                machine.run(&look()).stdout,
                serde_json::to_vec(&mine).map(|l| [l, b"\n".to_vec()].concat()).unwrap()
            );

            let (mut other, refused) = machine.hold(&take(&holder("bo"), Duration::ZERO));
            assert_eq!(refused.code, HELD);
            assert_eq!(serde_json::from_slice::<Holder>(&refused.stdout).unwrap(), mine);
            other.wait().unwrap();

            drop(child.stdin.take());
            child.wait().unwrap();
            assert!(is_free(&machine) && holder_now(&machine).is_none(), "{shell}");
            assert_eq!(machine.run(&look()).text(), "");
        }
    }

    #[test]
    fn a_killed_process_frees_the_lock_at_once_and_what_it_left_is_replaced() {
        let machine = Machine::new("/bin/sh");
        let (mut child, _) = machine.hold(&take(&holder("aki"), Duration::ZERO));
        let pid = machine.read("/run/quorate/lock").unwrap();
        let killed = std::process::Command::new("kill").args(["-9", pid.trim()]).status().unwrap();
        assert!(killed.success());
        while !is_free(&machine) {}
        let (_, output) = machine.hold(&take(&holder("bo"), Duration::ZERO));
        assert_eq!((output.code, holder_now(&machine).unwrap().who.as_str()), (0, "bo"));
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn what_a_run_staged_goes_with_its_lock() {
        for shell in shells() {
            let machine = Machine::new(shell);
            machine.write("/etc/x/live.conf", "live");
            std::fs::create_dir_all(machine.path("/var/lib/quorate")).unwrap();
            let bytes = b"new".to_vec();
            let own = |command: &str| {
                let out = std::process::Command::new("id").arg(command).output().unwrap().stdout;
                String::from_utf8(out).unwrap().trim().to_owned()
            };
            let candidate = super::super::Candidate {
                path: "/etc/x/live.conf".to_owned(),
                owner: own("-un"),
                group: own("-gn"),
                mode: 0o600,
                sha256: crate::cluster::sha256(&bytes),
                bytes,
                check: None,
                check_user: None,
                keep_name: false,
            };
            let staged = machine.path("/etc/x/.quorate-new-live.conf~");
            let (mut child, _) = machine.hold(&take(&holder("aki"), Duration::ZERO));
            let output = machine.run(&super::super::stage(std::slice::from_ref(&candidate)));
            assert!(output.success() && staged.exists(), "{shell}: {}", output.errors());
            drop(child.stdin.take());
            child.wait().unwrap();
            assert!(!staged.exists() && machine.path("/etc/x/live.conf").exists(), "{shell}: it ended");

            let (mut child, _) = machine.hold(&take(&holder("aki"), Duration::ZERO));
            assert!(machine.run(&super::super::stage(&[candidate])).success() && staged.exists());
            machine.run(&break_lock());
            child.wait().unwrap();
            let (mut child, _) = machine.hold(&take(&holder("bo"), Duration::ZERO));
            assert!(!staged.exists(), "{shell}: it was killed, and the next one cleans up");
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }

    #[test]
    fn unlock_kills_the_holder_and_prints_it() {
        for shell in shells() {
            let machine = Machine::new(shell);
            assert_eq!(machine.run(&break_lock()).text(), "", "nothing to free");
            let mine = holder("aki");
            let (mut child, _) = machine.hold(&take(&mine, Duration::ZERO));
            let output = machine.run(&break_lock());
            assert_eq!(serde_json::from_slice::<Holder>(&output.stdout).unwrap(), mine, "{}", output.errors());
            assert!(output.success() && is_free(&machine) && holder_now(&machine).is_none());
            child.wait().unwrap();
            assert_eq!(machine.run(&break_lock()).text(), "");
        }
    }

    #[test]
    fn whoever_waits_gets_it_when_the_other_goes() {
        let machine = Machine::new("/bin/sh");
        let (mut first, _) = machine.hold(&take(&holder("aki"), Duration::ZERO));
        std::thread::scope(|scope| {
            let second = scope.spawn(|| machine.hold(&take(&holder("bo"), PATIENCE)).1.code);
            drop(first.stdin.take());
            assert_eq!(second.join().unwrap(), 0);
        });
        first.wait().unwrap();
    }

    #[test]
    fn of_two_that_begin_at_once_exactly_one_wins_fifty_times() {
        let machine = Machine::new("/bin/sh");
        for round in 0..50 {
            let start = Barrier::new(2);
            let both: Vec<_> = std::thread::scope(|scope| {
                let try_it = |who: &str| {
                    let command = take(&holder(who), Duration::ZERO);
                    start.wait();
                    machine.hold(&command)
                };
                let tries = [scope.spawn(move || try_it("aki")), scope.spawn(move || try_it("bo"))];
                tries.into_iter().map(|one| one.join().unwrap()).collect()
            });
            let winner = holder_now(&machine).unwrap().who;
            let mut codes: Vec<i32> = both.iter().map(|(_, output)| output.code).collect();
            codes.sort_unstable();
            assert_eq!(codes, [0, HELD], "round {round}");
            for (mut child, output) in both {
                if output.code == HELD {
                    assert_eq!(serde_json::from_slice::<Holder>(&output.stdout).unwrap().who, winner, "round {round}");
                }
                drop(child.stdin.take());
                child.wait().unwrap();
            }
        }
    }

    #[test]
    fn a_fenced_command_does_nothing_without_its_own_lock() {
        for shell in shells() {
            let machine = Machine::new(shell);
            let mine = holder("aki");
            let mut command = Command::new("test", "echo done");
            command.fence = Some(mine.token.as_str().into());
            assert_eq!(machine.run(&command).code, 91, "no lock");
            let (mut child, _) = machine.hold(&take(&mine, Duration::ZERO));
            assert_eq!(machine.run(&command).text(), "done\n");
            let theirs = Command { fence: Some(holder("bo").token.as_str().into()), ..command };
            assert_eq!((machine.run(&theirs).code, machine.run(&theirs).text().as_str()), (91, ""), "another's lock");
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }
}

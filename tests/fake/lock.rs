//! The lock of each host: taken by one run, kept by its heartbeat, looked for by each of its commands.

use std::pin::Pin;
use std::time::Duration;

use quorate::cluster::NodeName;
use quorate::host::{Command, Held, HostError, Output};

use super::{Fault, LATENCY, Shared, World};

/// A lock that is held.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lock {
    pub(crate) token: String,
    /// What `/run/quorate/holder` holds.
    pub(super) line: String,
    /// When the silence of a holder that died has been long enough.
    expires: Option<f64>,
}

/// How long a holder may be silent.
const SILENCE: f64 = 25.0;
const HELD: i32 = 90;

struct Guard {
    world: Shared,
    name: NodeName,
    token: String,
}

impl Held for Guard {
    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        drop(self);
        Box::pin(tokio::time::sleep(LATENCY))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.world.with(|world| {
            let (dead, clock) = (world.dead, world.clock);
            let lock = &mut world.machines.get_mut(&self.name).unwrap().lock;
            match lock {
                // Its machine vanished: nobody says goodbye.
                Some(held) if held.token == self.token && dead => held.expires = Some(clock + SILENCE),
                Some(held) if held.token == self.token => *lock = None,
                _ => {}
            }
        });
    }
}

type Answer = Result<(Output, Option<Box<dyn Held>>), HostError>;

pub(super) async fn hold(shared: &Shared, name: &NodeName, command: &Command) -> Answer {
    let output = |code, text: &str| Output { code, stdout: text.as_bytes().to_vec(), stderr: Vec::new() };
    let fault = shared.with(|world| world.strikes(name, command));
    tokio::time::sleep(LATENCY).await;
    match fault {
        None => {}
        Some(Fault::Code(code)) => return Ok((output(code, ""), None)),
        // A lock that was taken for a line that is no more is free again at once.
        Some(_) => return Err(HostError::Lost { host: name.to_string(), step: command.step.clone() }),
    }
    let (wait, token, line) = (command.args[0].parse().unwrap(), command.args[1].clone(), command.args[2].clone());
    let limit = tokio::time::Instant::now() + Duration::from_secs(wait);
    loop {
        let held = shared.with(|world| {
            world.now();
            let lock = &mut world.machines.get_mut(name).unwrap().lock;
            if let Some(held) = lock {
                return Some(held.line.clone());
            }
            *lock = Some(Lock { token: token.clone(), line: line.clone(), expires: None });
            None
        });
        match held {
            None => {
                return Ok((output(0, ""), Some(Box::new(Guard { world: shared.clone(), name: name.clone(), token }))));
            }
            Some(line) if tokio::time::Instant::now() >= limit => return Ok((output(HELD, &line), None)),
            Some(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

impl World {
    /// Locks whose holders have been silent too long are free.
    pub(super) fn expire(&mut self) {
        let clock = self.clock;
        for machine in self.machines.values_mut() {
            if machine.lock.as_ref().and_then(|lock| lock.expires).is_some_and(|at| at <= clock) {
                machine.lock = None;
            }
        }
    }

    /// `unlock`: the lock is taken from whoever has it.
    pub(crate) fn break_locks(&mut self) {
        self.machines.values_mut().for_each(|machine| machine.lock = None);
    }
}

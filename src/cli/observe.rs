//! The look that `diff` and `plan` share: all hosts asked, nothing changed.

use quorate::apply::{self, Events, Observation};

use super::context::Context;
use super::failure::Failure;
use super::side::Side;

/// Observes the inventory's cluster.
pub(crate) fn run(side: &Side) -> Result<Observation, Failure> {
    let setting = side.setting();
    Context::block_on(async {
        let fleet = Context::fleet(&side.cluster).await?;
        let (events, _received) = Events::channel();
        let observation = apply::observe(&setting, &fleet, &events, false).await;
        fleet.close().await;
        Ok(observation?)
    })
}

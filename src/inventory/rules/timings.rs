//! Timings: of Patroni's lease, and of etcd's elections below it.

use super::Context;
use crate::inventory::diagnostic::Code;

pub(super) fn check(context: &mut Context<'_>) {
    let timings = context.cluster.timings;
    let etcd = &context.cluster.etcd;
    let lease = ["timings.ttl", "timings.loop_wait", "timings.retry_timeout"];
    let needed = u64::from(timings.loop_wait) + 2 * u64::from(timings.retry_timeout);
    if needed > u64::from(timings.ttl) && context.known(&lease) {
        let title = format!(
            "the leader's lease is too short: loop_wait {} + 2 × retry_timeout {} = {needed} s, and ttl is {} s",
            timings.loop_wait, timings.retry_timeout, timings.ttl
        );
        let problem = context
            .about(Code::LEASE, &lease, title)
            .why("a leader whose DCS is slow for one round would lose its lease although it retries: a failover for nothing")
            .help(format!("write `ttl: {needed}s` or more, or shorten the other two"));
        context.report(problem);
    }
    let election = ["etcd.election_ms", "etcd.heartbeat_ms"];
    if etcd.election_ms < 5 * etcd.heartbeat_ms && context.known(&election) {
        let title =
            format!("etcd's election_ms {} is less than 5 heartbeats of {} ms", etcd.election_ms, etcd.heartbeat_ms);
        let problem = context
            .about(Code::ELECTION, &election, title)
            .why("etcd refuses to start: a few late heartbeats would begin an election")
            .help(format!("write `election_ms: {}`", 10 * etcd.heartbeat_ms));
        context.report(problem);
    }
    let both = ["etcd.election_ms", "timings.retry_timeout"];
    if u64::from(etcd.election_ms) >= 1000 * u64::from(timings.retry_timeout) && context.known(&both) {
        let title = format!(
            "an election of etcd takes {} ms or more, and Patroni gives up after {} s",
            etcd.election_ms, timings.retry_timeout
        );
        let problem = context
            .about(Code::ETCD_LEASE, &both, title)
            .why("each change of etcd's leader would make PostgreSQL's leader step down")
            .help("shorten `etcd.election_ms`, or lengthen `timings.retry_timeout` (and `ttl` with it)");
        context.report(problem);
    }
}

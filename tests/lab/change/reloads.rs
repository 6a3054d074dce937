//! Twenty reloads of HAProxy by the tool, under clients that connect all the time: none fails.

use serde_json::json;

use super::processes::Processes;
use super::stage::{NODES, Stage};
use super::table::APPLY;
use super::writer::{Client, connects};

/// Reloads that are made.
const RELOADS: u32 = 20;
/// Connects that must have been made meanwhile.
const CONNECTS: usize = 20_000;

pub(super) fn run(stage: &mut Stage) {
    let before = Processes::of(stage);
    let connector = Client::start(stage, "connect", 5000, 2);
    let login = Client::start(stage, "login", 5000, 1);
    let (begin, first) = (connector.good(), login.good());
    for reload in 0..RELOADS {
        stage.set("haproxy.timeout_client", json!(format!("{}s", 1000 + reload)));
        stage.run(APPLY).exits(0);
    }
    // The clients go on until there are enough of them: what a reload leaves behind is met too.
    crate::harness::until("enough connects", std::time::Duration::from_secs(120), || {
        (connects(&connector.lines(begin)).0 >= CONNECTS).then_some(())
    });
    let (good, bad) = (connects(&connector.since(begin)), connects(&login.since(first)));
    eprintln!(
        "{RELOADS} reloads: {} connects, {} failed; {} logins, {} failed or led to a replica",
        good.0,
        good.1.len(),
        bad.0,
        bad.1.len()
    );
    let some: Vec<&String> = good.1.iter().chain(&bad.1).take(8).collect();
    assert!(some.is_empty(), "{some:#?}");
    let after = Processes::of(stage);
    assert!(after.restarted(&before).is_empty(), "{:?}", after.restarted(&before));
    assert_eq!(after.reloaded(&before).len(), NODES.len());
    stage.set("haproxy.timeout_client", serde_json::Value::Null);
    stage.run(APPLY).exits(0);
}
